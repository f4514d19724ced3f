//! How a link's peer becomes a neighbour: it registers, introduces itself, and
//! shows what it can take (PROTOCOL sections 3 and 7).

use crate::admission::{check_info, check_name};
use crate::announcement::{Announcement, UNRANKED, split_info};
use crate::context::{ANNOUNCEMENT_PAUSE, CLASSIFICATION_TIME, Context, Out, Timer};
use crate::crc::encoding::V1_FRAME_BYTES_MAX;
use crate::crc::session::Outlet;
use crate::network::{Host, HostInfo, HostKind, PeerVersion};
use crate::planted::planted;
use crate::server::ServerNotice;
use crate::violation::Violation;
use crc_machine::{CloseWhen, LinkId, Origin};
use crc_wire::{HostId, Info, Kind, Registration, Text};

impl Context {
    /// Somebody who connected is a server.
    pub(crate) fn on_server_registration(
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
        if let Some(dead) = self.dead_link_replaced_by(link, registration.source, name, out) {
            log::info!(
                "{}: closed: its peer has come back",
                self.describe_peer(dead)
            );
            self.close(dead, CloseWhen::Now, "replaced by a new link", out);
        }
        if !self.may_register(link, HostKind::Server, registration, out) {
            return;
        }
        self.add_neighbour(link, HostKind::Server, registration, out);
        let introduction = self.introduction(None);
        let announcement = match self.sessions.find(link) {
            Some(session) => self.announcement(session),
            None => return,
        };
        out.send(link, &introduction);
        if introduction.len() + announcement.len() <= V1_FRAME_BYTES_MAX {
            self.repeat(link, &announcement, out);
        } else {
            let after = self.now + ANNOUNCEMENT_PAUSE;
            self.timers.set(Timer::Announcement(link), after);
        }
    }

    /// Somebody who connected is a client.
    pub(crate) fn on_client_registration(
        &mut self,
        link: LinkId,
        registration: &Registration<'_>,
        out: &mut Out,
    ) {
        if !self.may_register(link, HostKind::Client, registration, out) {
            return;
        }
        self.add_neighbour(link, HostKind::Client, registration, out);
        self.welcome(link, registration.source, registration.name.as_str(), out);
        if let Some(session) = self.sessions.find_mut(link) {
            session.pending.burst = true;
        }
        self.mark_dirty(link);
    }

    /// Whether we take somebody who registers with us.
    pub(crate) fn may_register(
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
        let claim = HostInfo::of_itself(kind, registration);
        let indirect_route = self.network.indirect_route(&claim).is_some();
        self.network.is_taken(claim.id) && !indirect_route
    }

    /// Enters an adjacent host and tells the others.
    pub(crate) fn add_neighbour(
        &mut self,
        link: LinkId,
        kind: HostKind,
        registration: &Registration<'_>,
        out: &mut Out,
    ) {
        let id = registration.source;
        let claim = HostInfo::of_itself(kind, registration);
        let indirect_route = self.network.indirect_route(&claim);
        if indirect_route.is_some() {
            self.network.directory_mut().remove(id);
        }
        let host = Host::new(link, &claim);
        let dialed = self
            .sessions
            .find(link)
            .is_some_and(|session| matches!(session.origin, Origin::Dialed { .. }));
        self.admit(link, host, dialed);
        log::info!("{} has joined", self.describe_peer(link));
        match indirect_route {
            None => self.announce_host(id, link, out),
            Some(_) => {
                // The others know of it, and the way to it is through us.
                if let Some(session) = self.sessions.find_mut(link) {
                    session.indirect_route = indirect_route;
                }
            }
        }
    }

    /// The server that we dialled introduces itself: its first registration
    /// names it, whatever last hop it writes there.
    pub(crate) fn on_server_introduction(
        &mut self,
        link: LinkId,
        registration: &Registration<'_>,
        out: &mut Out,
    ) {
        let id = registration.source;
        if self.is_taken_by_another(HostKind::Server, registration) {
            return self.on_simultaneous_open(link, registration, out);
        }
        if self.network.directory().len() >= self.config.limits.hosts_max {
            return self.violation(link, Violation::DirectoryFull, out);
        }
        // The link that crossed this one may have ended by itself.
        let simultaneous_open = self
            .sessions
            .find(link)
            .is_some_and(|s| s.simultaneous_open);
        let (info, machine) = match registration.info.as_str() {
            info if simultaneous_open => split_info(info),
            info => (info, None),
        };
        let introduction = Registration {
            info: Info::truncated(info),
            ..registration.clone()
        };
        self.add_neighbour(link, HostKind::Server, &introduction, out);
        self.on_uplink_accepted();
        out.notice(ServerNotice::Linked { to: id });
        // Only now, when this has been read to its end: an answer could not be
        // told from a refusal before.
        if let Some(session) = self.sessions.find_mut(link) {
            session.pending.announcement = true;
        }
        self.mark_dirty(link);
        if let Some(machine) = machine {
            self.on_announcement(link, id, machine, out);
        }
    }

    /// The server that we dialled is known to us. Either the links form a loop;
    /// or it has dialled us at the same time, and of the two links the one stays
    /// that was dialled by the later in the order.
    pub(crate) fn on_simultaneous_open(
        &mut self,
        link: LinkId,
        registration: &Registration<'_>,
        out: &mut Out,
    ) {
        let id = registration.source;
        let other = self.network.directory().find(id).map(Host::first_link);
        let simultaneous_open = other.filter(|other| {
            let neighbour = self.network.neighbours().find(*other);
            neighbour.is_some_and(|n| n.host == id && !n.uplink && !n.synced)
        });
        let Some(other) = simultaneous_open else {
            log::warn!(
                "{}: closed: server {id} is linked to us already: a loop",
                self.describe_peer(link)
            );
            self.on_loop(link, id, id);
            return self.close(link, CloseWhen::Flushed, "loop", out);
        };
        if let Some(session) = self.sessions.find_mut(link) {
            session.simultaneous_open = true;
        }
        let Some(machine) = split_info(registration.info.as_str()).1 else {
            // Its announcement, with its rank, is right behind.
            let until = self.now + CLASSIFICATION_TIME;
            return self.timers.set(Timer::Registration(link), until);
        };
        let rank = Announcement::parse(machine).rank.unwrap_or(UNRANKED);
        if (rank, id) >= self.place() {
            log::debug!(
                "{}: closed: it links to us itself",
                self.describe_peer(link)
            );
            return self.close(link, CloseWhen::Flushed, "crossing", out);
        }
        log::debug!(
            "{}: closed: we link to it ourselves",
            self.describe_peer(other)
        );
        self.close(other, CloseWhen::Flushed, "crossing", out);
        self.on_server_introduction(link, registration, out);
    }

    /// A registered client registers again.
    pub(crate) fn on_client_repetition(
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
        if neighbour.version == PeerVersion::V2 {
            let answer = self.id_taken(HostKind::Client, id);
            return out.send(link, &answer);
        }
        session.features = Announcement::parse(machine).features;
        self.set_peer_version(link, PeerVersion::V2, out);
        self.send_features(link, id, out);
    }

    /// A neighbouring server repeats its registration with a machine part: the
    /// first time it announces itself, later it asks whether we are there.
    pub(crate) fn on_announcement(
        &mut self,
        link: LinkId,
        id: HostId,
        machine: &str,
        out: &mut Out,
    ) {
        let announcement = Announcement::parse(machine);
        let Some(neighbour) = self.network.neighbours().find(link).copied() else {
            return;
        };
        if self.sessions.find(link).is_some_and(|s| s.alias.is_some()) {
            return self.drop_alias(link, out);
        }
        let known = self.network.directory().find(id).and_then(Host::machine);
        let news = known != Some(machine);
        if news {
            self.network.directory_mut().set_machine(id, machine);
            self.learn_address(id, machine);
        }
        if neighbour.version == PeerVersion::V2 {
            let answer = self.id_taken(HostKind::Server, id);
            out.send(link, &answer);
        } else {
            if let Some(session) = self.sessions.find_mut(link) {
                session.features = announcement.features;
            }
            self.set_peer_version(link, PeerVersion::V2, out);
        }
        if news {
            self.announce_machine_part(id, link, out);
        }
        self.check_order(link, announcement.rank, out);
    }

    /// Notes what the peer has shown itself to be. It is listed the network, or
    /// what it has not been able to take so far.
    pub(crate) fn set_peer_version(&mut self, link: LinkId, version: PeerVersion, out: &mut Out) {
        let who = self.describe_peer(link);
        self.timers.cancel(Timer::Classification(link));
        let Some(session) = self.sessions.find_mut(link) else {
            return;
        };
        let Some(neighbour) = self.network.neighbours_mut().find_mut(link) else {
            return;
        };
        let before = neighbour.version;
        neighbour.version = version;
        if session.indirect_route.is_some() && version == PeerVersion::V1 {
            return self.reject_indirect_v1(link, out);
        }
        session.indirect_route = None;
        match version {
            PeerVersion::Unknown => {}
            PeerVersion::V1 => log::info!("{who} is an original node"),
            PeerVersion::V2 => log::debug!("{who} is a node of ours"),
        }
        if version == PeerVersion::V2
            && let Outlet::Paced(pacer) = &session.outlet
        {
            out.send(link, pacer.waiting());
            session.outlet = Outlet::Direct;
            self.timers.cancel(Timer::PacePause(link));
            self.timers.cancel(Timer::PacedSend(link));
        }
        let (kind, uplink, told) = (neighbour.kind, neighbour.uplink, neighbour.synced);
        if kind == HostKind::Client {
            return;
        }
        if before == PeerVersion::Unknown {
            session.pending.burst = true;
            // We may have found our rank since we announced ourselves.
            let stale = session.announced.is_some_and(|rank| rank != self.rank);
            session.pending.announcement |= stale && version == PeerVersion::V2;
            self.mark_dirty(link);
        } else if told && version == PeerVersion::V2 {
            self.send_missed_changes(link, out);
        }
        if uplink && version == PeerVersion::V1 {
            // It has no rank, and counts as a root.
            self.check_order(link, Some(0), out);
        }
        if version == PeerVersion::V2 {
            self.start_keepalive(link);
        }
    }

    /// A peer that was known across an original node is an original itself: what
    /// was known of it stands.
    pub(crate) fn reject_indirect_v1(&mut self, link: LinkId, out: &mut Out) {
        let Some(host) = self.network.neighbours().find(link).map(|n| n.host) else {
            return;
        };
        self.on_loop(link, host, host);
        self.counters.refused += 1;
        log::warn!(
            "{}: refused: it is known by another way",
            self.describe_peer(link)
        );
        let refusal = self.id_taken(HostKind::Server, host);
        out.send(link, &refusal);
        self.close(link, CloseWhen::Flushed, "refused", out);
    }
}
