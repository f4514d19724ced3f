//! How a link's peer becomes a neighbour: it registers, introduces itself, and
//! shows what it can take (PROTOCOL sections 3 and 7).

use crate::admission::{check_info, check_name};
use crate::announcement::{Announcement, UNRANKED, split_info};
use crate::context::{ANNOUNCEMENT_PAUSE, CLASSIFICATION_TIME, Context, Due, Out};
use crate::crc::encoding::ORIGINAL_FRAME_BYTES_MAX;
use crate::crc::session::Outlet;
use crate::network::{Claim, Host, HostKind, Standing};
use crate::planted::planted;
use crate::server::ServerNotice;
use crate::violation::Violation;
use crc_machine::{CloseWhen, LinkId, Origin};
use crc_wire::{HostId, Info, Kind, Registration, Text};

impl Context {
    /// Somebody who connected is a server.
    pub(crate) fn admit_server(
        &mut self,
        link: LinkId,
        registration: &Registration<'_>,
        out: &mut Out,
    ) {
        let Some(session) = self.sessions.find(link) else {
            return;
        };
        let ip = session.endpoints.peer.ip().to_canonical();
        if !self.config.server_peers.iter().any(|net| net.contains(&ip)) {
            return self.violation(link, Violation::NotAServerPeer, out);
        }
        let name = registration.name.as_str();
        if let Some(dead) = self.replaces(link, registration.source, name, out) {
            log::info!("{}: closed: its peer has come back", self.who(dead));
            self.end(dead, CloseWhen::Now, "replaced by a new link", out);
        }
        if !self.admits(link, HostKind::Server, registration, out) {
            return;
        }
        self.join(link, HostKind::Server, registration, out);
        let introduction = self.introduction(None);
        let announcement = match self.sessions.find(link) {
            Some(session) => self.announcement(session),
            None => return,
        };
        out.send(link, &introduction);
        if introduction.len() + announcement.len() <= ORIGINAL_FRAME_BYTES_MAX {
            self.repeat(link, &announcement, out);
        } else {
            let after = self.now + ANNOUNCEMENT_PAUSE;
            self.timers.set(Due::Announcement(link), after);
        }
    }

    /// Somebody who connected is a client.
    pub(crate) fn admit_client(
        &mut self,
        link: LinkId,
        registration: &Registration<'_>,
        out: &mut Out,
    ) {
        if !self.admits(link, HostKind::Client, registration, out) {
            return;
        }
        self.join(link, HostKind::Client, registration, out);
        self.welcome(link, registration.source, registration.name.as_str(), out);
        if let Some(session) = self.sessions.find_mut(link) {
            session.due.listing = true;
        }
        self.note(link);
    }

    /// Whether we take somebody who registers with us.
    pub(crate) fn admits(
        &mut self,
        link: LinkId,
        kind: HostKind,
        registration: &Registration<'_>,
        out: &mut Out,
    ) -> bool {
        let id = registration.source;
        let admitted = check_name(registration.name.as_str())
            .and_then(|()| check_info(registration.info.as_str()));
        let violation = if let Err(error) = admitted {
            error.into()
        } else if self.is_taken_by_another(kind, registration) {
            if planted!(self, RefusalChanges) && id != self.config.id {
                self.remove(id, &Text::truncated("replaced"), None, out);
            }
            if planted!(self, TakenIdAdmitted) && id != self.config.id {
                self.network.directory_mut().remove(id);
                return true;
            }
            Violation::IdTaken { kind, id }
        } else if self.network.directory().len() >= self.config.limits.hosts_max {
            Violation::DirectoryFull
        } else {
            return true;
        };
        self.violation(link, violation, out);
        false
    }

    /// Whether the id of somebody who registers with us stands for another host.
    pub(crate) fn is_taken_by_another(
        &self,
        kind: HostKind,
        registration: &Registration<'_>,
    ) -> bool {
        let claim = Claim::of_itself(kind, registration);
        let hearsay = self.network.hearsay(&claim).is_some();
        self.network.is_taken(claim.id) && !hearsay
    }

    /// Enters an adjacent host and tells the others.
    pub(crate) fn join(
        &mut self,
        link: LinkId,
        kind: HostKind,
        registration: &Registration<'_>,
        out: &mut Out,
    ) {
        let id = registration.source;
        let claim = Claim::of_itself(kind, registration);
        let hearsay = self.network.hearsay(&claim);
        if hearsay.is_some() {
            self.network.directory_mut().remove(id);
        }
        let host = Host::new(link, &claim);
        let dialed = self
            .sessions
            .find(link)
            .is_some_and(|session| matches!(session.origin, Origin::Dialed { .. }));
        self.admit(link, host, dialed);
        log::info!("{} has joined", self.who(link));
        match hearsay {
            None => self.tell_join(id, link, out),
            Some(_) => {
                // The others know of it, and the way to it is through us.
                if let Some(session) = self.sessions.find_mut(link) {
                    session.hearsay = hearsay;
                }
            }
        }
    }

    /// The server that we dialled introduces itself: its first registration
    /// names it, whatever last hop it writes there.
    pub(crate) fn meet(&mut self, link: LinkId, registration: &Registration<'_>, out: &mut Out) {
        let id = registration.source;
        if self.is_taken_by_another(HostKind::Server, registration) {
            return self.meet_again(link, registration, out);
        }
        if self.network.directory().len() >= self.config.limits.hosts_max {
            return self.violation(link, Violation::DirectoryFull, out);
        }
        // The link that crossed this one may have ended by itself.
        let crossing = self.sessions.find(link).is_some_and(|s| s.crossing);
        let (info, machine) = match registration.info.as_str() {
            info if crossing => split_info(info),
            info => (info, None),
        };
        let introduction = Registration {
            info: Info::truncated(info),
            ..registration.clone()
        };
        self.join(link, HostKind::Server, &introduction, out);
        self.uplink_taken();
        out.notice(ServerNotice::Linked { to: id });
        // Only now, when this has been read to its end: an answer could not be
        // told from a refusal before.
        if let Some(session) = self.sessions.find_mut(link) {
            session.due.announcement = true;
        }
        self.note(link);
        if let Some(machine) = machine {
            self.announced(link, id, machine, out);
        }
    }

    /// The server that we dialled is known to us. Either the links form a loop;
    /// or it has dialled us at the same time, and of the two links the one stays
    /// that was dialled by the later in the order.
    pub(crate) fn meet_again(
        &mut self,
        link: LinkId,
        registration: &Registration<'_>,
        out: &mut Out,
    ) {
        let id = registration.source;
        let other = self.network.directory().find(id).map(Host::first_link);
        let crossing = other.filter(|other| {
            let neighbour = self.network.neighbours().find(*other);
            neighbour.is_some_and(|n| n.host == id && !n.uplink && !n.told)
        });
        let Some(other) = crossing else {
            log::warn!(
                "{}: closed: server {id} is linked to us already: a loop",
                self.who(link)
            );
            self.uplink_loops(link, id, id);
            return self.end(link, CloseWhen::Flushed, "loop", out);
        };
        if let Some(session) = self.sessions.find_mut(link) {
            session.crossing = true;
        }
        let Some(machine) = split_info(registration.info.as_str()).1 else {
            // Its announcement, with its rank, is right behind.
            let until = self.now + CLASSIFICATION_TIME;
            return self.timers.set(Due::Registration(link), until);
        };
        let rank = Announcement::parse(machine).rank.unwrap_or(UNRANKED);
        if (rank, id) >= self.place() {
            log::debug!("{}: closed: it links to us itself", self.who(link));
            return self.end(link, CloseWhen::Flushed, "crossing", out);
        }
        log::debug!("{}: closed: we link to it ourselves", self.who(other));
        self.end(other, CloseWhen::Flushed, "crossing", out);
        self.meet(link, registration, out);
    }

    /// A registered client registers again.
    pub(crate) fn repeated_by_client(
        &mut self,
        link: LinkId,
        registration: &Registration<'_>,
        out: &mut Out,
    ) {
        let Some(neighbour) = self.network.neighbours().find(link).copied() else {
            return;
        };
        let Some(session) = self.sessions.find_mut(link) else {
            return;
        };
        let id = registration.source;
        let per_second = self.config.limits.client_registrations_per_second;
        if id != neighbour.host {
            let violation = Violation::NotItsSource {
                kind: Kind::ClientRegistration,
                source_id: id,
            };
            return self.violation(link, violation, out);
        }
        if !session.registrations.try_acquire(self.now, per_second) {
            return self.violation(link, Violation::TooFast(Kind::ClientRegistration), out);
        }
        let Some(machine) = split_info(registration.info.as_str()).1 else {
            // An original client that says its name twice.
            return;
        };
        if neighbour.standing == Standing::Ours {
            let answer = self.id_taken(HostKind::Client, id);
            return out.send(link, &answer);
        }
        session.features = Announcement::parse(machine).features;
        self.classify(link, Standing::Ours, out);
        self.send_features(link, id, out);
    }

    /// A neighbouring server repeats its registration with a machine part: the
    /// first time it announces itself, later it asks whether we are there.
    pub(crate) fn announced(&mut self, link: LinkId, id: HostId, machine: &str, out: &mut Out) {
        let announcement = Announcement::parse(machine);
        let Some(neighbour) = self.network.neighbours().find(link).copied() else {
            return;
        };
        if self.sessions.find(link).is_some_and(|s| s.alias.is_some()) {
            return self.needs_no_alias(link, out);
        }
        let known = self.network.directory().find(id).and_then(Host::machine);
        let news = known != Some(machine);
        if news {
            self.network.directory_mut().set_machine(id, machine);
            self.learn(id, machine);
        }
        if neighbour.standing == Standing::Ours {
            let answer = self.id_taken(HostKind::Server, id);
            out.send(link, &answer);
        } else {
            if let Some(session) = self.sessions.find_mut(link) {
                session.features = announcement.features;
            }
            self.classify(link, Standing::Ours, out);
        }
        if news {
            self.tell_machine_part(id, link, out);
        }
        self.check_order(link, announcement.rank, out);
    }

    /// Notes what the peer has shown itself to be. It is listed the network, or
    /// what it has not been able to take so far.
    pub(crate) fn classify(&mut self, link: LinkId, standing: Standing, out: &mut Out) {
        let who = self.who(link);
        self.timers.cancel(Due::Classification(link));
        let Some(session) = self.sessions.find_mut(link) else {
            return;
        };
        let Some(neighbour) = self.network.neighbours_mut().find_mut(link) else {
            return;
        };
        let before = neighbour.standing;
        neighbour.standing = standing;
        if session.hearsay.is_some() && standing == Standing::Original {
            return self.knew_better(link, out);
        }
        session.hearsay = None;
        match standing {
            Standing::Unclassified => {}
            Standing::Original => log::info!("{who} is an original node"),
            Standing::Ours => log::debug!("{who} is a node of ours"),
        }
        if standing == Standing::Ours
            && let Outlet::Paced(pace) = &session.outlet
        {
            out.send(link, pace.waiting());
            session.outlet = Outlet::Direct;
            self.timers.cancel(Due::Pause(link));
            self.timers.cancel(Due::Piece(link));
        }
        let (kind, uplink, told) = (neighbour.kind, neighbour.uplink, neighbour.told);
        if kind == HostKind::Client {
            return;
        }
        if before == Standing::Unclassified {
            session.due.listing = true;
            // We may have found our rank since we announced ourselves.
            let stale = session.announced.is_some_and(|rank| rank != self.rank);
            session.due.announcement |= stale && standing == Standing::Ours;
            self.note(link);
        } else if told && standing == Standing::Ours {
            self.tell_what_was_untold(link, out);
        }
        if uplink && standing == Standing::Original {
            // It has no rank, and counts as a root.
            self.check_order(link, Some(0), out);
        }
        if standing == Standing::Ours {
            self.watch(link);
        }
    }

    /// A peer that was known across an original node is an original itself: what
    /// was known of it stands.
    pub(crate) fn knew_better(&mut self, link: LinkId, out: &mut Out) {
        let Some(host) = self.network.neighbours().find(link).map(|n| n.host) else {
            return;
        };
        self.uplink_loops(link, host, host);
        self.counters.refused += 1;
        log::warn!("{}: refused: it is known by another way", self.who(link));
        let refusal = self.id_taken(HostKind::Server, host);
        out.send(link, &refusal);
        self.end(link, CloseWhen::Flushed, "refused", out);
    }
}
