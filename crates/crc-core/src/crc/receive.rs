//! One message from one link: what it says, and what follows from it.
//!
//! Reads frames off a link's stream, asks the relay what each means, and
//! carries out the answer (PROTOCOL sections 3 and 5). Who may say what is
//! decided here by the phase of the conversation, and by where a message's
//! source is; a violation goes to the one place that deals with all of them.

use crc_wire::{
    ClientChat, ClientQuit, Frame, FrameLimits, HostId, Kind, Message, ServerQuit, Status,
    StatusCode,
};

use crate::context::{Context, Out, Stage};
use crate::crc::session::Phase;
use crate::network::{HostKind, PeerVersion, Route};
use crate::planted::planted;
use crate::violation::Violation;
use crc_machine::CloseWhen;
use crc_machine::LinkId;

impl Context {
    /// The next bytes of a link's stream.
    pub(crate) fn on_bytes(&mut self, link: LinkId, bytes: &[u8], out: &mut Out) {
        let Some(session) = self.sessions.find_mut(link) else {
            return;
        };
        session.heard_at = self.now;
        if session.lines.is_some() {
            return self.lines(link, bytes, out);
        }
        let mut decoder = core::mem::take(&mut session.decoder);
        let mut input = bytes;
        while let Some((phase, limits)) = self.frame_limits(link) {
            match decoder.next_frame(&mut input, limits) {
                Ok(Some(frame)) => {
                    if let Some(to) = self.on_frame(link, phase, frame, out) {
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
    pub(crate) fn frame_limits(&self, link: LinkId) -> Option<(Phase, FrameLimits)> {
        if self.stage != Stage::Running {
            return None;
        }
        let phase = self.sessions.find(link)?.phase;
        let limits = &self.config.limits;
        let limits = match phase {
            Phase::Unregistered | Phase::Introduced => limits.unregistered_frames(),
            Phase::Client => limits.client_frames(),
            Phase::Server => limits.server_frames(),
            Phase::Closing => return None,
        };
        Some((phase, limits))
    }

    /// One frame. Where it is a chat that was sent on as it is, says to where:
    /// what follows on the same way can go along.
    #[inline]
    pub(crate) fn on_frame(
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
                return self.on_chat(link, phase, &chat, frame, out);
            }
            Ok(message) if kind.is_channel() => {
                self.on_channel_frame(link, phase, &message, frame.bytes(), out);
            }
            Ok(message) => self.on_message(link, phase, message, out),
            Err(error) => self.violation(link, Violation::Message { kind, error }, out),
        }
        None
    }

    /// One message that is no chat of somebody who has registered.
    pub(crate) fn on_message(
        &mut self,
        link: LinkId,
        phase: Phase,
        message: Message<'_>,
        out: &mut Out,
    ) {
        let kind = message.kind();
        match (phase, message) {
            (Phase::Unregistered, Message::ServerRegistration(registration)) => {
                self.on_server_registration(link, &registration, out);
            }
            (Phase::Unregistered, Message::ClientRegistration(registration)) => {
                self.on_client_registration(link, &registration, out);
            }
            (Phase::Introduced, Message::ServerRegistration(registration)) => {
                self.on_server_introduction(link, &registration, out);
            }
            (Phase::Introduced, Message::Status(status)) => {
                self.on_status_before_introduction(link, &status, out)
            }
            (Phase::Client, Message::ClientRegistration(registration)) => {
                self.on_client_repetition(link, &registration, out);
            }
            (Phase::Client, Message::ClientQuit(quit)) => self.on_client_quit(link, &quit, out),
            (Phase::Server, Message::ServerRegistration(registration)) => {
                self.on_remote_registration(link, HostKind::Server, &registration, out);
            }
            (Phase::Server, Message::ClientRegistration(registration)) => {
                self.on_remote_registration(link, HostKind::Client, &registration, out);
            }
            (Phase::Server, Message::Status(status)) => self.on_status(link, &status, out),
            (Phase::Server, Message::ClientQuit(quit)) => {
                self.on_client_quit_from_server(link, &quit, out)
            }
            (Phase::Server, Message::ServerQuit(quit)) => self.on_server_quit(link, &quit, out),
            _ => self.violation(link, Violation::NotItsFrame(kind), out),
        }
    }

    /// One message about channels.
    pub(crate) fn on_channel_frame(
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
        let own = self.network.neighbours().find(link).map(|n| n.host);
        let kind = message.kind();
        let announced = self
            .sessions
            .find(link)
            .is_some_and(|s| s.features.channels);
        let wish = announced && !matches!(message, Message::ChannelJoin(_));
        match (phase, source) {
            (Phase::Server, _) => self.on_server_channel(link, message, bytes, out),
            (Phase::Client, Some(source_id)) if Some(source_id) != own => {
                let violation = Violation::NotItsSource { kind, source_id };
                self.violation(link, violation, out);
            }
            (Phase::Client, Some(_)) if wish => self.on_client_channel(link, message, out),
            _ => self.violation(link, Violation::NotItsFrame(kind), out),
        }
    }

    // Chats.

    /// Says where the chat went, if it went at once and any other like it would.
    #[inline]
    pub(crate) fn on_chat(
        &mut self,
        link: LinkId,
        phase: Phase,
        chat: &ClientChat<'_>,
        frame: Frame<'_>,
        out: &mut Out,
    ) -> Option<LinkId> {
        let speaker = match phase {
            Phase::Client => {
                let neighbour = self.network.neighbours().find(link);
                neighbour.filter(|n| n.host == chat.source).map(|n| n.kind)
            }
            _ => {
                let source = self.network.directory().route(chat.source);
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
        match self.network.route_chat(link, chat.destination) {
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

    // Statuses.

    pub(crate) fn on_status(&mut self, link: LinkId, status: &Status<'_>, out: &mut Out) {
        let own = self.config.id;
        let known_as = self.sessions.find(link).map_or(own, |s| s.known_as(own));
        let destination = status
            .destination
            .filter(|id| *id != own && *id != known_as);
        let Some(destination) = destination else {
            return self.on_status_for_us(link, status, out);
        };
        if !status
            .source
            .is_some_and(|source| self.network.is_behind(source, link))
        {
            self.counters.dropped += 1;
            return;
        }
        match self.network.route_status(Some(link), destination) {
            Route::To(to) => {
                self.counters.statuses_relayed += 1;
                self.send_status(to, status, out);
            }
            // Never answered: a status about a status would have no end.
            Route::Unknown => self.counters.dropped += 1,
        }
    }

    pub(crate) fn on_status_for_us(&mut self, link: LinkId, status: &Status<'_>, out: &mut Out) {
        let text = status.text.as_str();
        let neighbour = self.network.neighbours().find(link).copied();
        let named = text.rsplit(' ').next().and_then(|id| id.parse().ok());
        let named = named.and_then(HostId::new);
        if status.code == StatusCode::ID_TAKEN
            && let Some(session) = self.sessions.find_mut(link)
        {
            let unclassified = neighbour.is_some_and(|n| n.version == PeerVersion::Unknown);
            let names_us = named == Some(session.known_as(self.config.id));
            if names_us || (unclassified && session.answers_due > 0) {
                // It answers a repetition of ours, as version 1 has it.
                session.answers_due = session.answers_due.saturating_sub(1);
                if unclassified {
                    self.set_peer_version(link, PeerVersion::V1, out);
                }
                // Who answers can be asked again.
                return self.start_keepalive(link);
            }
        }
        if status.code == StatusCode::ID_TAKEN
            && let (Some(neighbour), Some(named)) = (neighbour, named)
            && neighbour.version == PeerVersion::V2
            && let Some(known) = self.network.directory().find(named)
            && known.kind() == HostKind::Server
        {
            // It closes the link, which leads back to us.
            self.on_loop(link, neighbour.host, named);
        }
        log::info!(
            "{}: status {}: {text:?}",
            self.describe_peer(link),
            status.code
        );
        self.status_log.record(text);
    }

    /// A status from a server that we dialled, before it has introduced itself.
    pub(crate) fn on_status_before_introduction(
        &mut self,
        link: LinkId,
        status: &Status<'_>,
        out: &mut Out,
    ) {
        if status.code != StatusCode::ID_TAKEN {
            log::info!(
                "{}: status {}: {}",
                self.describe_peer(link),
                status.code,
                status.text
            );
            return self.status_log.record(status.text.as_str());
        }
        self.on_uplink_refused(link, status.text.as_str(), out);
    }

    // Registrations.

    // Quits.

    pub(crate) fn on_client_quit(&mut self, link: LinkId, quit: &ClientQuit<'_>, out: &mut Out) {
        let neighbour = self.network.neighbours().find(link);
        if neighbour.is_none_or(|n| n.host != quit.source) {
            let violation = Violation::NotItsSource {
                kind: Kind::ClientQuit,
                source_id: quit.source,
            };
            return self.violation(link, violation, out);
        }
        log::info!(
            "{} quits: {:?}",
            self.describe_peer(link),
            quit.text.as_str()
        );
        self.network.neighbours_mut().remove(link);
        self.remove(quit.source, &quit.text, Some(link), out);
        self.close(link, CloseWhen::Flushed, "quit", out);
    }

    pub(crate) fn on_client_quit_from_server(
        &mut self,
        link: LinkId,
        quit: &ClientQuit<'_>,
        out: &mut Out,
    ) {
        let known = self.network.directory().find(quit.source);
        let honoured = known
            .is_some_and(|host| host.kind() == HostKind::Client && host.first_link() == link)
            || known.is_some() && planted!(self, QuitFromAnywhere);
        if honoured {
            self.remove(quit.source, &quit.text, Some(link), out);
        } else {
            // An echo, or a host that we know of by another way by now.
            self.counters.dropped += 1;
            self.announce_again(link, quit.source, out);
        }
    }

    pub(crate) fn on_server_quit(&mut self, link: LinkId, quit: &ServerQuit<'_>, out: &mut Out) {
        let known = self.network.directory().find(quit.source);
        let honoured =
            known.is_some_and(|host| host.kind() == HostKind::Server && host.first_link() == link);
        let adjacent = self
            .network
            .neighbours()
            .find(link)
            .is_some_and(|n| n.host == quit.source);
        if !honoured {
            self.counters.dropped += 1;
            self.drop_indirect_route(link, quit.source, out);
        } else if adjacent {
            log::info!(
                "{} leaves: {:?}",
                self.describe_peer(link),
                quit.text.as_str()
            );
            self.on_uplink_replaced(link, quit.replacement, quit.text.as_str());
            self.close(link, CloseWhen::Flushed, quit.text.as_str(), out);
        } else {
            self.remove(quit.source, &quit.text, Some(link), out);
        }
    }
}
