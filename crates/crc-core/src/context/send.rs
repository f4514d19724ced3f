//! Sending to one neighbour, or towards one host, in the protocol of its link.

use crc_machine::{ByteRange, LinkId, Unsent};
use crc_wire::{
    ClientChat, Frame, FrameLimits, HostId, Message, Status, StatusCode, TaggedKind, Text,
};

use super::{Context, Out, deliver};
use crate::crc::encoding::{Encoding, V1_FRAME_BYTES_MAX};
use crate::link::{HELD_BYTES_MAX, Link, Outlet, Phase, Protocol};
use crate::network::{Host, PeerVersion, Route};
use crate::{irc, legacy};

/// The most bytes of the answer to a chat whose destination is unknown.
const ANSWER_BYTES: usize = 64;

/// The source and the destination of a chat that is answered if it cannot be delivered.
fn answered(message: &Message<'_>) -> Option<(HostId, Option<HostId>)> {
    match message {
        Message::ClientChat(chat) => Some((chat.source, chat.destination)),
        Message::TaggedChat(chat) if chat.kind == TaggedKind::Message => {
            chat.destination.map(|to| (chat.source, Some(to)))
        }
        _ => None,
    }
}

impl Context {
    /// Sends a chat on, byte for byte wherever the next node can read it. Whether it
    /// went at once and unchanged, so that more of its kind may follow.
    #[inline]
    pub(crate) fn send_chat(
        &mut self,
        to: LinkId,
        chat: &ClientChat<'_>,
        frame: &[u8],
        out: &mut Out,
    ) -> bool {
        if let Some(found) = self.links.find_mut(to)
            && found.takes_any_chat()
        {
            self.counters.chats_relayed += 1;
            out.send(to, frame);
            return true;
        }
        self.send_chat_later(to, chat, frame, out);
        false
    }

    /// Sends a chat to a node that cannot take it at once, or not as it is.
    fn send_chat_later(&mut self, to: LinkId, chat: &ClientChat<'_>, frame: &[u8], out: &mut Out) {
        let Some(found) = self.links.find(to) else {
            // Its hosts are leaving.
            return self.bounce(chat.source, chat.destination, out);
        };
        match found.phase {
            Phase::Closing => return self.bounce(chat.source, chat.destination, out),
            _ if found.detour => self.announce_early(to, chat.source, out),
            _ => {}
        }
        let Some(found) = self.links.find(to) else {
            return;
        };
        if !found.takes_text(chat.text.as_str().len()) {
            if let Some(destination) = chat.destination {
                self.bounce_long(chat.source, &format!("ID {destination}"), out);
            }
            return;
        }
        if found.congestion.is_some() {
            let destination = format!("ID {}", chat.destination.map_or(0, HostId::get));
            if !self.admit_chat(to, chat.source, &destination, frame.len(), out) {
                return;
            }
        }
        let Some(found) = self.links.find_mut(to) else {
            return;
        };
        match &mut found.outlet {
            Outlet::Held(held) if held.len() + frame.len() <= HELD_BYTES_MAX => {
                held.extend_from_slice(frame);
            }
            Outlet::Held(_) => return self.bounce(chat.source, chat.destination, out),
            Outlet::Paced(_) if frame.len() > V1_FRAME_BYTES_MAX => {
                if let Some(destination) = chat.destination {
                    self.bounce_long(chat.source, &format!("ID {destination}"), out);
                }
                return;
            }
            Outlet::Direct | Outlet::Paced(_) | Outlet::Text | Outlet::Ended(_) => {
                self.send(to, &Message::ClientChat(chat.clone()), out);
            }
        }
        self.counters.chats_relayed += 1;
    }

    /// Sends one message to one neighbour, in the protocol of its link.
    pub(crate) fn send(&mut self, link: LinkId, message: &Message<'_>, out: &mut Out) {
        let Some(neighbour) = self.network.neighbours().find(link) else {
            return;
        };
        match self.links.find(link).map(|found| &found.protocol) {
            Some(Protocol::Irc(_)) => irc::render_message(self, link, message, out),
            Some(Protocol::Legacy(_)) => legacy::notify::render_message(self, link, message, out),
            Some(Protocol::Crc(_)) | None => {
                let encoding = Encoding::of(neighbour.kind, neighbour.version);
                let frame = out.store(|arena| encoding.encode(message, arena));
                self.deliver(link, frame, out);
            }
        }
    }

    /// Sends bytes that stand in the outbox to one neighbour.
    pub(crate) fn deliver(&mut self, link: LinkId, bytes: ByteRange, out: &mut Out) {
        if let Some(found) = self.links.find_mut(link) {
            deliver(found, link, bytes, &mut self.dirty_links, out);
        }
    }

    /// Sends a status on. Status codes beyond version 1 go only to version 2 nodes; for
    /// others the answer to a chat becomes one of version 1.
    pub(crate) fn send_status(&mut self, link: LinkId, status: &Status<'_>, out: &mut Out) {
        if let Some(source) = status.source
            && self.links.find(link).is_some_and(|found| found.detour)
        {
            self.announce_early(link, source, out);
        }
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

    /// Answers a chat whose destination is unknown.
    pub(crate) fn bounce(&mut self, source: HostId, destination: Option<HostId>, out: &mut Out) {
        let text = format!("Unknown ID {}", destination.map_or(0, HostId::get));
        self.answer(source, StatusCode::UNKNOWN_ID, &text, out);
    }

    /// Answers a chat that is too long for a node on its way.
    pub(super) fn bounce_long(&mut self, source: HostId, destination: &str, out: &mut Out) {
        let text = format!("Message too long for {destination}");
        self.answer(source, StatusCode::TOO_LONG, &text, out);
    }

    pub(super) fn answer(&mut self, to: HostId, code: StatusCode, text: &str, out: &mut Out) {
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

    /// Answers the chats of which no byte was written on a link that has ended: as many as do
    /// not fill the queue of the server that they came from. A chat may be shorter than its
    /// answer.
    pub(crate) fn bounce_unsent(&mut self, unsent: Unsent<'_>, out: &mut Out) {
        let answers_max = self.config.limits.server_queue_bytes_max / 4 / ANSWER_BYTES;
        let mut answers = 0;
        let mut rest = unsent.bytes;
        loop {
            let start = unsent.bytes.len() - rest.len();
            let Ok(Some(frame)) = Frame::take(&mut rest, FrameLimits::WIRE) else {
                return;
            };
            if start >= unsent.written
                && let Some((source, destination)) =
                    frame.message().ok().as_ref().and_then(answered)
            {
                answers += 1;
                match answers <= answers_max {
                    true => self.bounce(source, destination, out),
                    false => self.counters.chats_dropped += 1,
                }
            }
        }
    }

    /// Sends a chat from a host of this server.
    pub(crate) fn relay_chat_text(
        &mut self,
        source: HostId,
        to: HostId,
        text: &str,
        out: &mut Out,
    ) {
        let chat = ClientChat {
            source,
            destination: Some(to),
            text: Text::truncated(text),
        };
        let Some(from) = self.network.directory().find(source).map(Host::first_link) else {
            return;
        };
        match self.network.route_chat(from, Some(to)) {
            Route::To(link) => {
                let found = self.links.find(link);
                if found.is_some_and(Link::takes_any_chat) {
                    self.counters.chats_relayed += 1;
                    let frame = out.store(|arena| Message::ClientChat(chat).encode(arena));
                    return out.send_stored(link, frame);
                }
                let frame = Message::ClientChat(chat.clone()).to_vec();
                self.send_chat(link, &chat, &frame, out);
            }
            Route::Unknown => self.bounce(source, Some(to), out),
        }
    }
}
