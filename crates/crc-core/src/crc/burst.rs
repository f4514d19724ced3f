//! The burst: the listing of the network that a new neighbour gets, and what
//! else waits for the end of an event.

use crate::context::{Context, Out, Stage, Timer};
use crate::crc::announce::quit;
use crate::crc::encoding::Encoding;
use crate::crc::session::{Outlet, Phase};
use crate::network::{Host, HostKind, PeerVersion};
use crate::planted::planted;
use crc_machine::{ByteRange, CloseWhen, LinkDown, LinkId};
use crc_wire::{Frame, FrameLimits, Message};

impl Context {
    /// Lists the network to a neighbour; from now on it is told of every change.
    pub(crate) fn send_burst(&mut self, link: LinkId, out: &mut Out) {
        let channels = self.channel_burst(link, out);
        let Some(session) = self.sessions.find_mut(link) else {
            return;
        };
        let Some(neighbour) = self.network.neighbours().find(link).copied() else {
            return;
        };
        let mut encoding = Encoding::of(neighbour.kind, neighbour.version);
        if planted!(self, MachinePartToOriginals) && neighbour.kind == HostKind::Server {
            encoding = Encoding::V2Server;
        }
        let last_hop = session.known_as(self.config.id);
        let directory = self.network.directory();
        let listing = out.store(|arena| {
            let listed = |host: &&Host| {
                let to_server = neighbour.kind == HostKind::Server;
                (to_server || host.kind() == HostKind::Client)
                    && (host.first_link() != link || planted!(self, ListedBehind))
            };
            for host in directory.iter().filter(listed) {
                match (session.has_ghost(host.id()), host.kind()) {
                    // Nothing takes a server off an original's list.
                    (true, HostKind::Server) => continue,
                    (true, HostKind::Client) => {
                        encoding.encode(&quit(host.id(), "moved"), arena);
                    }
                    (false, _) => {}
                }
                encoding.encode_host(host, last_hop, arena);
            }
        });
        let mut held = Vec::new();
        if let Outlet::Held(frames) = &mut session.outlet {
            held = core::mem::take(frames);
            session.outlet = match neighbour.version {
                PeerVersion::V2 => Outlet::Direct,
                _ if planted!(self, NoPace) => Outlet::Direct,
                _ => Outlet::Paced(Box::default()),
            };
        }
        let limits = &self.config.limits;
        let bytes_max = match neighbour.kind {
            HostKind::Server => limits.server_queue_bytes_max,
            HostKind::Client => limits.client_queue_bytes_max,
        };
        if let Outlet::Paced(pacer) = &mut session.outlet {
            pacer.grant(listing.len());
        }
        if !planted!(self, NoBound) {
            let channels = channels.map_or(0, ByteRange::len);
            out.bound(link, bytes_max + listing.len() + channels);
        }
        session.deliver(link, listing, out);
        if let Some(neighbour) = self.network.neighbours_mut().find_mut(link) {
            neighbour.synced = true;
        }
        if let Some(channels) = channels {
            out.send_stored(link, channels);
        }
        self.send_held(link, &held, out);
    }

    /// Sends what was held for a server until it had shown what it can take.
    pub(crate) fn send_held(&mut self, link: LinkId, mut held: &[u8], out: &mut Out) {
        while let Ok(Some(frame)) = Frame::take(&mut held, FrameLimits::WIRE) {
            match frame.message() {
                // Who has left meanwhile is not spoken for.
                Ok(Message::ClientChat(chat)) if self.network.is_taken(chat.source) => {
                    self.send_chat(link, &chat, frame.bytes(), out);
                }
                Ok(Message::Status(status)) => self.send_status(link, &status, out),
                _ => {}
            }
        }
    }

    /// Does what the event has left to be done: announcements, listings, and
    /// pieces for original nodes.
    pub(crate) fn flush_pending(&mut self, out: &mut Out) {
        let mut next = 0;
        while let Some(&link) = self.dirty_links.get(next) {
            next += 1;
            let Some(session) = self.sessions.find_mut(link) else {
                continue;
            };
            let due = core::mem::take(&mut session.pending);
            if session.phase == Phase::Closing {
                continue;
            }
            if due.announcement {
                self.announce(link, out);
            }
            if due.burst {
                self.send_burst(link, out);
            }
            self.send_chunk(link, out);
        }
        self.dirty_links.clear();
        if self.stage == Stage::Leaving && !self.has_unread_goodbyes() {
            self.stop(out);
        }
    }

    /// Puts `link` on the list of those to be looked at when the event is over.
    pub(crate) fn mark_dirty(&mut self, link: LinkId) {
        if let Some(session) = self.sessions.find_mut(link)
            && !session.pending.dirty
        {
            session.pending.dirty = true;
            self.dirty_links.push(link);
        }
    }

    /// Sends the next piece to an original node, if its pause is over.
    pub(crate) fn send_chunk(&mut self, link: LinkId, out: &mut Out) {
        let Some(session) = self.sessions.find_mut(link) else {
            return;
        };
        let Outlet::Paced(pacer) = &mut session.outlet else {
            return;
        };
        let bytes_max = match session.phase {
            Phase::Server => self.config.limits.server_queue_bytes_max,
            _ => self.config.limits.client_queue_bytes_max,
        };
        if pacer.waiting().len() > bytes_max + pacer.granted() {
            log::warn!(
                "{}: closed: {}",
                self.describe_peer(link),
                LinkDown::SlowConsumer
            );
            self.counters.slow_consumers += 1;
            self.close(link, CloseWhen::Now, "too slow", out);
            return;
        }
        if self.timers.is_set(Timer::PacePause(link)) || self.timers.is_set(Timer::PacedSend(link))
        {
            return;
        }
        let piece = pacer.next_chunk();
        if !piece.is_empty() {
            out.send(link, piece);
            // With the next tick it has been written, however long that took.
            self.timers.set(Timer::PacePause(link), self.now);
        }
    }
}
