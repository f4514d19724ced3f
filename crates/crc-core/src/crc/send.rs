//! Sending to one neighbour, or towards one host: encoded for what the
//! neighbour can take.

use crate::announcement::{Features, features_text};
use crate::context::{Context, Out};
use crate::crc::announce::{hand_over, unknown_id};
use crate::crc::encoding::{Encoding, V1_FRAME_BYTES_MAX};
use crate::crc::session::{HELD_BYTES_MAX, Outlet};
use crate::network::{HostKind, PeerVersion, Route};
use crate::planted::planted;
use crc_machine::{ByteRange, LinkId, Unsent};
use crc_wire::{ClientChat, Frame, FrameLimits, HostId, Message, Status, StatusCode, Text};

impl Context {
    /// Sends a chat on, byte for byte wherever the next node can read it. Says
    /// whether it went at once and as it is.
    #[inline]
    pub(crate) fn send_chat(
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
    pub(crate) fn send_chat_later(
        &mut self,
        to: LinkId,
        chat: &ClientChat<'_>,
        frame: &[u8],
        out: &mut Out,
    ) {
        let Some(session) = self.sessions.find_mut(to) else {
            return;
        };
        match &mut session.outlet {
            Outlet::Held(held) if held.len() + frame.len() <= HELD_BYTES_MAX => {
                held.extend_from_slice(frame);
            }
            Outlet::Held(_) => return self.bounce(chat.source, chat.destination, out),
            Outlet::Paced(pacer)
                if frame.len() > V1_FRAME_BYTES_MAX && planted!(self, LongChatsToOriginals) =>
            {
                pacer.push(frame);
                return self.mark_dirty(to);
            }
            Outlet::Paced(_) if frame.len() > V1_FRAME_BYTES_MAX => {
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

    /// Sends one message to one neighbour, encoded for it.
    pub(crate) fn send(&mut self, link: LinkId, message: &Message<'_>, out: &mut Out) {
        let Some(neighbour) = self.network.neighbours().find(link) else {
            return;
        };
        if self.sessions.find(link).is_some_and(|s| s.lines.is_some()) {
            return self.render_text(link, message, out);
        }
        let encoding = Encoding::of(neighbour.kind, neighbour.version);
        let frame = out.store(|arena| encoding.encode(message, arena));
        self.deliver(link, frame, out);
    }

    pub(crate) fn deliver(&mut self, link: LinkId, frames: ByteRange, out: &mut Out) {
        if let Some(session) = self.sessions.find_mut(link) {
            hand_over(session, link, frames, &mut self.dirty_links, out);
        }
    }

    /// Sends a status on its way. What is beyond version 1 goes only to those
    /// who have announced themselves; a chat's answer becomes a plain one.
    pub(crate) fn send_status(&mut self, link: LinkId, status: &Status<'_>, out: &mut Out) {
        let version = self.network.neighbours().find(link).map(|n| n.version);
        if status.code.is_v1() || version == Some(PeerVersion::V2) {
            return self.send(link, &Message::Status(status.clone()), out);
        }
        if status.code == StatusCode::TOO_LONG
            && let Some(id) = status.text.as_str().rsplit(' ').next()
        {
            let plain = Status {
                code: StatusCode::UNKNOWN_ID,
                text: Text::truncated(&format!("Unknown ID {id}")).into_owned(),
                ..*status
            };
            self.send(link, &Message::Status(plain), out);
        }
    }

    /// Answers a chat that goes nowhere: its source hears that there is nobody.
    pub(crate) fn bounce(&mut self, source: HostId, destination: Option<HostId>, out: &mut Out) {
        if planted!(self, NoAnswer) {
            return;
        }
        let text = unknown_id(destination);
        if planted!(self, TwoAnswers) {
            self.answer(source, StatusCode::UNKNOWN_ID, &text, out);
        }
        self.answer(source, StatusCode::UNKNOWN_ID, &text, out);
    }

    /// Answers a chat that an original node on its way could not read.
    pub(crate) fn bounce_long(&mut self, source: HostId, destination: HostId, out: &mut Out) {
        let text = format!("Message too long for ID {destination}");
        self.answer(source, StatusCode::TOO_LONG, &text, out);
    }

    pub(crate) fn answer(&mut self, to: HostId, code: StatusCode, text: &str, out: &mut Out) {
        self.counters.chats_bounced += 1;
        if let Route::To(link) = self.network.route_status(None, to) {
            let status = Status {
                source: Some(self.config.id),
                destination: Some(to),
                code,
                text: Text::truncated(text),
            };
            self.send_status(link, &status, out);
        }
    }

    /// Answers the chats that were queued whole for a link that is no more.
    pub(crate) fn bounce_unsent(&mut self, unsent: Unsent<'_>, out: &mut Out) {
        let mut rest = unsent.bytes;
        loop {
            let start = unsent.bytes.len() - rest.len();
            let Ok(Some(frame)) = Frame::take(&mut rest, FrameLimits::WIRE) else {
                return;
            };
            if start >= unsent.written
                && let Ok(Message::ClientChat(chat)) = frame.message()
            {
                self.bounce(chat.source, chat.destination, out);
            }
        }
    }

    /// A status on the connection itself: a welcome or a refusal.
    pub(crate) fn direct_status(
        &self,
        destination: Option<HostId>,
        code: StatusCode,
        text: &str,
    ) -> Status<'static> {
        Status {
            source: Some(self.config.id),
            destination,
            code,
            text: Text::truncated(text).into_owned(),
        }
    }

    /// The answer to a registration whose id is taken.
    pub(crate) fn id_taken(&self, kind: HostKind, id: HostId) -> Vec<u8> {
        let text = match kind {
            HostKind::Server => format!("A machine has already registered with ID {id}"),
            HostKind::Client => format!("Someone has already registered with ID {id}"),
        };
        Message::Status(self.direct_status(None, StatusCode::ID_TAKEN, &text)).to_vec()
    }

    /// The first words to a new client.
    pub(crate) fn welcome(&mut self, link: LinkId, id: HostId, name: &str, out: &mut Out) {
        let text = format!("Welcome to the Clemson Relay Chat network {name}");
        let welcome = self.direct_status(Some(id), StatusCode::WELCOME, &text);
        self.send(link, &Message::Status(welcome), out);
    }

    /// The answer to a client that has announced itself.
    pub(crate) fn send_features(&mut self, link: LinkId, id: HostId, out: &mut Out) {
        let text = features_text(Features::OURS);
        let status = self.direct_status(Some(id), StatusCode::FEATURES, &text);
        self.send_status(link, &status, out);
    }

    /// The last words to a client that has announced itself; the wire of
    /// version 1 has none.
    pub(crate) fn send_leaving(&mut self, link: LinkId, id: HostId, reason: &str, out: &mut Out) {
        let text = format!("Server leaving: {reason}");
        let status = self.direct_status(Some(id), StatusCode::LEAVING, &text);
        self.send_status(link, &status, out);
    }
}
