//! One message from one link: what it says, and what follows from it.
//!
//! Reads frames off a link's stream, asks the relay what each means, and
//! carries out the answer (PROTOCOL sections 3 and 5). Who may say what is
//! decided here by the phase of the conversation, and by where a message's
//! source is; a violation goes to the one place that deals with all of them.

use crc_wire::{
    ClientChat, ClientQuit, Frame, FrameLimits, HostId, Info, Kind, Message, Registration,
    ServerQuit, Status, StatusCode, Text,
};

use super::{ANNOUNCEMENT_PAUSE, CLASSIFICATION_TIME, Due, Out, Server, ServerNotice, Stage};
use crate::admission::{check_info, check_name};
use crate::announcement::{Announcement, UNRANKED, split_info};
use crate::planted::planted;
use crate::relay::{Claim, Host, HostKind, Meaning, Route, Standing};
use crate::session::{HELD_BYTES_MAX, ORIGINAL_FRAME_BYTES_MAX, Outlet, Phase};
use crate::verdict::Violation;
use crc_machine::CloseWhen;
use crc_machine::{LinkId, Origin};

impl Server {
    /// The next bytes of a link's stream.
    pub(super) fn bytes(&mut self, link: LinkId, bytes: &[u8], out: &mut Out) {
        let Some(session) = self.sessions.find_mut(link) else {
            return;
        };
        session.heard_at = self.now;
        if session.lines.is_some() {
            return self.lines(link, bytes, out);
        }
        let mut decoder = core::mem::take(&mut session.decoder);
        let mut input = bytes;
        while let Some((phase, limits)) = self.takes(link) {
            match decoder.next_frame(&mut input, limits) {
                Ok(Some(frame)) => {
                    if let Some(to) = self.frame(link, phase, frame, out) {
                        let run = frame.take_run(&mut input, limits);
                        self.counters.frames_received += run.count as u64;
                        self.counters.chats_relayed += run.count as u64;
                        out.send(to, run.bytes);
                    }
                }
                Ok(None) => break,
                Err(error) => self.violation(link, error.into(), out),
            }
        }
        if let Some(session) = self.sessions.find_mut(link)
            && session.phase != Phase::Closing
        {
            session.decoder = decoder;
        }
    }

    /// What frames are taken from a link, if any.
    #[inline]
    fn takes(&self, link: LinkId) -> Option<(Phase, FrameLimits)> {
        if self.stage != Stage::Running {
            return None;
        }
        let phase = self.sessions.find(link)?.phase;
        let limits = &self.config.limits;
        let limits = match phase {
            Phase::Stranger | Phase::Introduced => limits.unregistered_frames(),
            Phase::Client => limits.client_frames(),
            Phase::Server => limits.server_frames(),
            Phase::Closing => return None,
        };
        Some((phase, limits))
    }

    /// One frame. Where it is a chat that was sent on as it is, says to where:
    /// what follows on the same way can go along.
    #[inline]
    fn frame(
        &mut self,
        link: LinkId,
        phase: Phase,
        frame: Frame<'_>,
        out: &mut Out,
    ) -> Option<LinkId> {
        self.counters.frames_received += 1;
        let kind = frame.kind();
        match frame.message() {
            Ok(Message::ClientChat(chat)) if matches!(phase, Phase::Client | Phase::Server) => {
                return self.chat(link, phase, &chat, frame, out);
            }
            Ok(message) if kind.is_channel() => {
                self.of_channels(link, phase, &message, frame.bytes(), out);
            }
            Ok(message) => self.message(link, phase, message, out),
            Err(error) => self.violation(link, Violation::Message { kind, error }, out),
        }
        None
    }

    /// One message that is no chat of somebody who has registered.
    fn message(&mut self, link: LinkId, phase: Phase, message: Message<'_>, out: &mut Out) {
        let kind = message.kind();
        match (phase, message) {
            (Phase::Stranger, Message::ServerRegistration(registration)) => {
                self.admit_server(link, &registration, out);
            }
            (Phase::Stranger, Message::ClientRegistration(registration)) => {
                self.admit_client(link, &registration, out);
            }
            (Phase::Introduced, Message::ServerRegistration(registration)) => {
                self.meet(link, &registration, out);
            }
            (Phase::Introduced, Message::Status(status)) => self.refused(link, &status, out),
            (Phase::Client, Message::ClientRegistration(registration)) => {
                self.repeated_by_client(link, &registration, out);
            }
            (Phase::Client, Message::ClientQuit(quit)) => self.client_quits(link, &quit, out),
            (Phase::Server, Message::ServerRegistration(registration)) => {
                self.told_of(link, HostKind::Server, &registration, out);
            }
            (Phase::Server, Message::ClientRegistration(registration)) => {
                self.told_of(link, HostKind::Client, &registration, out);
            }
            (Phase::Server, Message::Status(status)) => self.status(link, &status, out),
            (Phase::Server, Message::ClientQuit(quit)) => self.quit(link, &quit, out),
            (Phase::Server, Message::ServerQuit(quit)) => self.server_quit(link, &quit, out),
            _ => self.violation(link, Violation::NotItsFrame(kind), out),
        }
    }

    /// One message about channels.
    fn of_channels(
        &mut self,
        link: LinkId,
        phase: Phase,
        message: &Message<'_>,
        bytes: &[u8],
        out: &mut Out,
    ) {
        let source = match message {
            Message::ChannelJoin(join) => Some(join.source),
            Message::ChannelPart(part) => Some(part.source),
            Message::ChannelChat(chat) => Some(chat.source),
            Message::ChannelSetting(setting) => setting.source,
            Message::ChannelRequest(request) => Some(request.source),
            _ => None,
        };
        let own = self.relay.neighbours().find(link).map(|n| n.host);
        let kind = message.kind();
        let announced = self
            .sessions
            .find(link)
            .is_some_and(|s| s.features.channels);
        let wish = announced && !matches!(message, Message::ChannelJoin(_));
        match (phase, source) {
            (Phase::Server, _) => self.channel_frame(link, message, bytes, out),
            (Phase::Client, Some(source_id)) if Some(source_id) != own => {
                let violation = Violation::NotItsSource { kind, source_id };
                self.violation(link, violation, out);
            }
            (Phase::Client, Some(_)) if wish => self.channel_wish(link, message, out),
            _ => self.violation(link, Violation::NotItsFrame(kind), out),
        }
    }

    // Chats.

    /// Says where the chat went, if it went at once and any other like it would.
    #[inline]
    fn chat(
        &mut self,
        link: LinkId,
        phase: Phase,
        chat: &ClientChat<'_>,
        frame: Frame<'_>,
        out: &mut Out,
    ) -> Option<LinkId> {
        let speaker = match phase {
            Phase::Client => {
                let neighbour = self.relay.neighbours().find(link);
                neighbour.filter(|n| n.host == chat.source).map(|n| n.kind)
            }
            _ => {
                let source = self.relay.directory().way(chat.source);
                let behind = source.filter(|&(_, first_link)| first_link == link);
                behind.map(|(kind, _)| kind)
            }
        };
        match speaker {
            Some(HostKind::Client) => {}
            Some(HostKind::Server) => {
                self.bounce(chat.source, chat.destination, out);
                return None;
            }
            None => {
                let violation = Violation::NotItsSource {
                    kind: Kind::ClientChat,
                    source_id: chat.source,
                };
                self.violation(link, violation, out);
                return None;
            }
        }
        let per_second = self.config.limits.client_chats_per_second;
        let limited = phase == Phase::Client && per_second != 0;
        if limited
            && let Some(session) = self.sessions.find_mut(link)
            && !session.chats.try_acquire(self.now, per_second)
        {
            self.violation(link, Violation::TooFast(Kind::ClientChat), out);
            return None;
        }
        match self.relay.route_chat(link, chat.destination) {
            Route::To(to) => self
                .send_chat(to, chat, frame.bytes(), out)
                .then_some(to)
                .filter(|_| !limited),
            Route::Unknown if phase == Phase::Server && planted!(self, ChatBack) => {
                out.send(link, frame.bytes());
                None
            }
            Route::Unknown => {
                self.bounce(chat.source, chat.destination, out);
                None
            }
        }
    }

    /// Sends a chat on, byte for byte wherever the next node can read it. Says
    /// whether it went at once and as it is.
    #[inline]
    pub(super) fn send_chat(
        &mut self,
        to: LinkId,
        chat: &ClientChat<'_>,
        frame: &[u8],
        out: &mut Out,
    ) -> bool {
        let Some(session) = self.sessions.find_mut(to) else {
            return false;
        };
        if matches!(session.outlet, Outlet::Direct) {
            self.counters.chats_relayed += 1;
            out.send(to, frame);
            return true;
        }
        self.send_chat_later(to, chat, frame, out);
        false
    }

    /// Sends a chat to a node that can't take it at once.
    fn send_chat_later(&mut self, to: LinkId, chat: &ClientChat<'_>, frame: &[u8], out: &mut Out) {
        let Some(session) = self.sessions.find_mut(to) else {
            return;
        };
        match &mut session.outlet {
            Outlet::Held(held) if held.len() + frame.len() <= HELD_BYTES_MAX => {
                held.extend_from_slice(frame);
            }
            Outlet::Held(_) => return self.bounce(chat.source, chat.destination, out),
            Outlet::Paced(pace)
                if frame.len() > ORIGINAL_FRAME_BYTES_MAX
                    && planted!(self, LongChatsToOriginals) =>
            {
                pace.push(frame);
                return self.note(to);
            }
            Outlet::Paced(_) if frame.len() > ORIGINAL_FRAME_BYTES_MAX => {
                if let Some(destination) = chat.destination {
                    self.bounce_long(chat.source, destination, out);
                }
                return;
            }
            Outlet::Direct | Outlet::Paced(_) | Outlet::Lines => {
                self.send(to, &Message::ClientChat(chat.clone()), out);
            }
        }
        self.counters.chats_relayed += 1;
    }

    /// Sends what was held for a server until it had shown what it can take.
    pub(super) fn release(&mut self, link: LinkId, mut held: &[u8], out: &mut Out) {
        while let Ok(Some(frame)) = Frame::take(&mut held, FrameLimits::WIRE) {
            match frame.message() {
                // Who has left meanwhile is not spoken for.
                Ok(Message::ClientChat(chat)) if self.relay.is_taken(chat.source) => {
                    self.send_chat(link, &chat, frame.bytes(), out);
                }
                Ok(Message::Status(status)) => self.send_status(link, &status, out),
                _ => {}
            }
        }
    }

    // Statuses.

    fn status(&mut self, link: LinkId, status: &Status<'_>, out: &mut Out) {
        let own = self.config.id;
        let known_as = self.sessions.find(link).map_or(own, |s| s.known_as(own));
        let destination = status
            .destination
            .filter(|id| *id != own && *id != known_as);
        let Some(destination) = destination else {
            return self.status_for_us(link, status, out);
        };
        if !status
            .source
            .is_some_and(|source| self.relay.is_behind(source, link))
        {
            self.counters.dropped += 1;
            return;
        }
        match self.relay.route_status(Some(link), destination) {
            Route::To(to) => {
                self.counters.statuses_relayed += 1;
                self.send_status(to, status, out);
            }
            // Never answered: a status about a status would have no end.
            Route::Unknown => self.counters.dropped += 1,
        }
    }

    fn status_for_us(&mut self, link: LinkId, status: &Status<'_>, out: &mut Out) {
        let text = status.text.as_str();
        let neighbour = self.relay.neighbours().find(link).copied();
        let named = text.rsplit(' ').next().and_then(|id| id.parse().ok());
        let named = named.and_then(HostId::new);
        if status.code == StatusCode::ID_TAKEN
            && let Some(session) = self.sessions.find_mut(link)
        {
            let unclassified = neighbour.is_some_and(|n| n.standing == Standing::Unclassified);
            let names_us = named == Some(session.known_as(self.config.id));
            if names_us || (unclassified && session.answers_due > 0) {
                // It answers a repetition of ours, as version 1 has it.
                session.answers_due = session.answers_due.saturating_sub(1);
                if unclassified {
                    self.classify(link, Standing::Original, out);
                }
                // Who answers can be asked again.
                return self.watch(link);
            }
        }
        if status.code == StatusCode::ID_TAKEN
            && let (Some(neighbour), Some(named)) = (neighbour, named)
            && neighbour.standing == Standing::Ours
            && let Some(known) = self.relay.directory().find(named)
            && known.kind() == HostKind::Server
        {
            // It closes the link, which leads back to us.
            self.uplink_loops(link, neighbour.host, named);
        }
        log::info!("{}: status {}: {text:?}", self.who(link), status.code);
        self.status_log.record(text);
    }

    /// A status from a server that we dialled, before it has introduced itself.
    fn refused(&mut self, link: LinkId, status: &Status<'_>, out: &mut Out) {
        if status.code != StatusCode::ID_TAKEN {
            log::info!(
                "{}: status {}: {}",
                self.who(link),
                status.code,
                status.text
            );
            return self.status_log.record(status.text.as_str());
        }
        self.uplink_refused(link, status.text.as_str(), out);
    }

    // Registrations.

    /// Somebody who connected is a server.
    fn admit_server(&mut self, link: LinkId, registration: &Registration<'_>, out: &mut Out) {
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
    fn admit_client(&mut self, link: LinkId, registration: &Registration<'_>, out: &mut Out) {
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
    fn admits(
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
                self.relay.directory_mut().remove(id);
                return true;
            }
            Violation::IdTaken { kind, id }
        } else if self.relay.directory().len() >= self.config.limits.hosts_max {
            Violation::DirectoryFull
        } else {
            return true;
        };
        self.violation(link, violation, out);
        false
    }

    /// Whether the id of somebody who registers with us stands for another host.
    fn is_taken_by_another(&self, kind: HostKind, registration: &Registration<'_>) -> bool {
        let claim = Claim::of_itself(kind, registration);
        let hearsay = self.relay.hearsay(&claim).is_some();
        self.relay.is_taken(claim.id) && !hearsay
    }

    /// Enters an adjacent host and tells the others.
    fn join(
        &mut self,
        link: LinkId,
        kind: HostKind,
        registration: &Registration<'_>,
        out: &mut Out,
    ) {
        let id = registration.source;
        let claim = Claim::of_itself(kind, registration);
        let hearsay = self.relay.hearsay(&claim);
        if hearsay.is_some() {
            self.relay.directory_mut().remove(id);
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
    fn meet(&mut self, link: LinkId, registration: &Registration<'_>, out: &mut Out) {
        let id = registration.source;
        if self.is_taken_by_another(HostKind::Server, registration) {
            return self.meet_again(link, registration, out);
        }
        if self.relay.directory().len() >= self.config.limits.hosts_max {
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
    fn meet_again(&mut self, link: LinkId, registration: &Registration<'_>, out: &mut Out) {
        let id = registration.source;
        let other = self.relay.directory().find(id).map(Host::first_link);
        let crossing = other.filter(|other| {
            let neighbour = self.relay.neighbours().find(*other);
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
    fn repeated_by_client(&mut self, link: LinkId, registration: &Registration<'_>, out: &mut Out) {
        let Some(neighbour) = self.relay.neighbours().find(link).copied() else {
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

    /// A server tells of a host: itself, or one behind it.
    fn told_of(
        &mut self,
        link: LinkId,
        kind: HostKind,
        registration: &Registration<'_>,
        out: &mut Out,
    ) {
        let Some(neighbour) = self.relay.neighbours().find(link).copied() else {
            return;
        };
        let id = registration.source;
        let info = registration.info.as_str();
        if id == neighbour.host {
            return match split_info(info).1 {
                Some(machine) => self.announced(link, id, machine, out),
                // An original that introduces itself again.
                None => log::debug!("{} introduces itself again", self.who(link)),
            };
        }
        let (info, machine) = match (kind, neighbour.standing) {
            (HostKind::Server, Standing::Ours) => split_info(info),
            _ => (info, None),
        };
        let name = registration.name.as_str();
        let claim = Claim {
            id,
            kind,
            name,
            info,
            machine,
        };
        let mut meaning = self.relay.judge(link, &claim);
        if planted!(self, ParentLoses) && meaning == Meaning::ParentWins {
            meaning = Meaning::ChildGivesWay;
        }
        if meaning == Meaning::Moved && self.is_named_by_us(id) {
            // Where those are whom we have named, nobody knows better.
            meaning = match kind {
                HostKind::Client if neighbour.uplink => Meaning::ParentWins,
                HostKind::Client => Meaning::ChildGivesWay,
                HostKind::Server => Meaning::Loop,
            };
        }
        match meaning {
            Meaning::New => {}
            Meaning::Old => return self.note_ghost(link, &claim, out),
            Meaning::NewMachine => {
                let machine = machine.unwrap_or_default();
                self.relay.directory_mut().set_machine(id, machine);
                self.learn(id, machine);
                return self.tell_machine_part(id, link, out);
            }
            Meaning::Changed if planted!(self, ChangedUntold) => {
                self.relay.directory_mut().remove(id);
            }
            Meaning::Changed if self.keeps_channels(link, &claim) => {
                return self.rename(link, &claim, out);
            }
            Meaning::Changed => {
                self.remove(id, &Text::truncated("registered anew"), Some(link), out)
            }
            Meaning::Moved if kind == HostKind::Server => {
                // For the others the way to it is through us, as before. But who
                // tells of it must not think that it is behind us any more.
                self.relay.directory_mut().remove(id);
                self.relay.directory_mut().insert(Host::new(link, &claim));
                self.retract(link, id, out);
                if let Some(machine) = machine {
                    self.learn(id, machine);
                    self.tell_machine_part(id, link, out);
                }
                return;
            }
            Meaning::Moved => self.remove(id, &Text::truncated("moved"), None, out),
            Meaning::Loop if planted!(self, LoopStays) => return,
            Meaning::Loop => {
                log::warn!(
                    "{}: closed: it tells of server {id}: a loop",
                    self.who(link)
                );
                self.uplink_loops(link, neighbour.host, id);
                // If it has dialled us, it knows now why it need not do so again.
                let refusal = self.id_taken(kind, id);
                out.send(link, &refusal);
                return self.end(link, CloseWhen::Flushed, "loop", out);
            }
            Meaning::ParentWins => self.evict(id, link, out),
            Meaning::ChildGivesWay => {
                self.counters.refused += 1;
                let refusal = self.id_taken(kind, id);
                return out.send(link, &refusal);
            }
        }
        if self.relay.directory().len() >= self.config.limits.hosts_max {
            return self.violation(link, Violation::DirectoryFull, out);
        }
        self.enter(link, &claim, out);
    }

    /// Enters a host that is behind a server, and tells the others.
    pub(super) fn enter(&mut self, link: LinkId, claim: &Claim<'_>, out: &mut Out) {
        self.relay.directory_mut().insert(Host::new(link, claim));
        if let Some(machine) = claim.machine {
            self.learn(claim.id, machine);
        }
        self.tell_join(claim.id, link, out);
    }

    /// Our client gives way to one of the same id on our parent's side.
    pub(super) fn evict(&mut self, id: HostId, parent: LinkId, out: &mut Out) {
        if self.is_named_by_us(id) {
            return self.renumber(id, out);
        }
        let text = Text::truncated("replaced by another client with its id");
        let home = self.relay.directory().find(id).map(Host::first_link);
        let local = home.filter(|home| {
            let neighbour = self.relay.neighbours().find(*home);
            neighbour.is_some_and(|n| n.host == id)
        });
        if let Some(local) = local {
            log::warn!("{}: closed: its id is taken elsewhere", self.who(local));
            let refusal = self.id_taken(HostKind::Client, id);
            out.send(local, &refusal);
            self.relay.neighbours_mut().remove(local);
            self.end(local, CloseWhen::Flushed, "id taken", out);
        }
        if planted!(self, EvictedUntold) {
            self.relay.directory_mut().remove(id);
        }
        self.remove(id, &text, None, out);
        log::debug!(
            "client {id} gives way to the one behind {}",
            self.who(parent)
        );
    }

    /// A neighbouring server repeats its registration with a machine part: the
    /// first time it announces itself, later it asks whether we are there.
    fn announced(&mut self, link: LinkId, id: HostId, machine: &str, out: &mut Out) {
        let announcement = Announcement::parse(machine);
        let Some(neighbour) = self.relay.neighbours().find(link).copied() else {
            return;
        };
        if self.sessions.find(link).is_some_and(|s| s.alias.is_some()) {
            return self.needs_no_alias(link, out);
        }
        let known = self.relay.directory().find(id).and_then(Host::machine);
        let news = known != Some(machine);
        if news {
            self.relay.directory_mut().set_machine(id, machine);
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

    // Quits.

    fn client_quits(&mut self, link: LinkId, quit: &ClientQuit<'_>, out: &mut Out) {
        let neighbour = self.relay.neighbours().find(link);
        if neighbour.is_none_or(|n| n.host != quit.source) {
            let violation = Violation::NotItsSource {
                kind: Kind::ClientQuit,
                source_id: quit.source,
            };
            return self.violation(link, violation, out);
        }
        log::info!("{} quits: {:?}", self.who(link), quit.text.as_str());
        self.relay.neighbours_mut().remove(link);
        self.remove(quit.source, &quit.text, Some(link), out);
        self.end(link, CloseWhen::Flushed, "quit", out);
    }

    fn quit(&mut self, link: LinkId, quit: &ClientQuit<'_>, out: &mut Out) {
        let known = self.relay.directory().find(quit.source);
        let honoured = known
            .is_some_and(|host| host.kind() == HostKind::Client && host.first_link() == link)
            || known.is_some() && planted!(self, QuitFromAnywhere);
        if honoured {
            self.remove(quit.source, &quit.text, Some(link), out);
        } else {
            // An echo, or a host that we know of by another way by now.
            self.counters.dropped += 1;
            self.tell_again(link, quit.source, out);
        }
    }

    fn server_quit(&mut self, link: LinkId, quit: &ServerQuit<'_>, out: &mut Out) {
        let known = self.relay.directory().find(quit.source);
        let honoured =
            known.is_some_and(|host| host.kind() == HostKind::Server && host.first_link() == link);
        let adjacent = self
            .relay
            .neighbours()
            .find(link)
            .is_some_and(|n| n.host == quit.source);
        if !honoured {
            self.counters.dropped += 1;
            self.end_hearsay(link, quit.source, out);
        } else if adjacent {
            log::info!("{} leaves: {:?}", self.who(link), quit.text.as_str());
            self.uplink_replaced(link, quit.replacement, quit.text.as_str());
            self.end(link, CloseWhen::Flushed, quit.text.as_str(), out);
        } else {
            self.remove(quit.source, &quit.text, Some(link), out);
        }
    }

    /// A link's peer, for the log; whatever came from outside is escaped.
    pub(super) fn who(&self, link: LinkId) -> String {
        let Some(session) = self.sessions.find(link) else {
            return link.to_string();
        };
        let peer = session.endpoints.peer;
        let neighbour = self.relay.neighbours().find(link);
        match neighbour.and_then(|n| self.relay.directory().find(n.host)) {
            Some(host) => {
                format!("{} {} {:?} at {peer}", host.kind(), host.id(), host.name())
            }
            None => format!("{peer}"),
        }
    }
}
