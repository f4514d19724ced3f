//! Telling the neighbours: who joined, who left, and answers to single hosts.
//!
//! A change is told to every neighbour that has been listed the network, but
//! for the one it came from; to clients only what concerns clients. It is
//! written once for each encoding, however many neighbours wear it.

use crc_wire::{ClientQuit, HostId, Message, ServerQuit, Text, truncate_utf8};

use crate::announcement::Features;
use crate::context::{Context, Out};
use crate::crc::session::{ENCODINGS, Encoding, Outlet, Session};
use crate::network::{HostKind, Neighbour, PeerVersion};
use crate::planted::planted;
use crc_machine::ByteRange;
use crc_machine::LinkId;

/// How much of a neighbour's last words is repeated for each host behind it:
/// there may be many.
const LOST_TEXT_BYTES_MAX: usize = 256;

/// How many servers that have left are remembered for a neighbour that cannot
/// be told.
const MISSED_QUITS_MAX: usize = 1024;

/// A client's quit, as servers write it for clients that could not.
pub(crate) fn quit(client: HostId, text: &str) -> Message<'_> {
    Message::ClientQuit(ClientQuit {
        source: client,
        text: Text::truncated(text),
    })
}

/// The text for a chat to nobody.
pub(crate) fn unknown_id(destination: Option<HostId>) -> String {
    format!("Unknown ID {}", destination.map_or(0, HostId::get))
}

/// Sends frames that stand in the outbox. What is paced is looked at again when
/// the event is over.
pub(crate) fn hand_over(
    session: &mut Session,
    link: LinkId,
    frames: ByteRange,
    dirty_links: &mut Vec<LinkId>,
    out: &mut Out,
) {
    session.deliver(link, frames, out);
    if matches!(session.outlet, Outlet::Paced(_)) && !session.pending.dirty {
        session.pending.dirty = true;
        dirty_links.push(link);
    }
}

/// Frames in the outbox, one for each encoding that somebody wears.
#[derive(Default)]
struct EncodingCache {
    frames: [Option<ByteRange>; ENCODINGS],
}

impl EncodingCache {
    pub(crate) fn get_or_encode(
        &mut self,
        encoding: Encoding,
        out: &mut Out,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> ByteRange {
        *self.frames[encoding as usize].get_or_insert_with(|| match encoding {
            // Servers pass it on; for people a moment is nothing.
            Encoding::V2Client => out.store_deferred(write),
            _ => out.store(write),
        })
    }
}

impl Context {
    /// Tells the neighbours of a host that has joined, but for `from`.
    pub(crate) fn announce_host(&mut self, id: HostId, from: LinkId, out: &mut Out) {
        self.counters.hosts_joined += 1;
        let Some(host) = self.network.directory().find(id) else {
            return;
        };
        let own_id = self.config.id;
        let mut cache = EncodingCache::default();
        for (link, neighbour) in self.network.neighbours().iter() {
            let concerned = host.kind() == HostKind::Client || neighbour.kind == HostKind::Server;
            let concerned = concerned || planted!(self, ClientsToldOfServers);
            let to_client = neighbour.kind == HostKind::Client;
            let forgotten = to_client && planted!(self, JoinUntoldToClients);
            let back = link == from && !planted!(self, JoinBack);
            if back || !neighbour.synced || !concerned || forgotten {
                continue;
            }
            let Some(session) = self.sessions.find_mut(link) else {
                continue;
            };
            // Who leaves and comes again needs no late word of having left.
            session.missed_quits.remove(&id);
            let encoding = Encoding::of(neighbour.kind, neighbour.version);
            let frame = match &session.alias {
                None => cache.get_or_encode(encoding, out, |arena| {
                    encoding.encode_host(host, own_id, arena)
                }),
                Some(alias) => out.store(|arena| encoding.encode_host(host, alias.id, arena)),
            };
            hand_over(session, link, frame, &mut self.dirty_links, out);
        }
        self.on_host_joined(id, from, out);
    }

    /// A neighbour has been told of a server that turned out to be behind itself.
    pub(crate) fn retract(&mut self, link: LinkId, id: HostId, out: &mut Out) {
        let takes = self
            .sessions
            .find(link)
            .is_some_and(|session| session.features.server_quit);
        let told = self
            .network
            .neighbours()
            .find(link)
            .is_some_and(|n| n.synced);
        if takes && told {
            let quit = Message::ServerQuit(ServerQuit {
                source: id,
                replacement: None,
                text: Text::truncated("moved"),
            });
            self.send(link, &quit, out);
        }
    }

    /// An original server has forgotten a client because somebody else said that
    /// it was gone. We know better, and it can't do without: it fails over the
    /// words of whom it does not know.
    pub(crate) fn announce_again(&mut self, link: LinkId, id: HostId, out: &mut Out) {
        let Some(neighbour) = self.network.neighbours().find(link) else {
            return;
        };
        let forgetful = neighbour.kind == HostKind::Server && neighbour.version == PeerVersion::V1;
        let host = self.network.directory().find(id);
        if forgetful && host.is_some_and(|host| host.kind() == HostKind::Client) {
            self.announce_to(link, id, out);
        }
    }

    /// Tells one neighbour of one host, if it has been listed the network.
    pub(crate) fn announce_to(&mut self, link: LinkId, id: HostId, out: &mut Out) {
        let (Some(neighbour), Some(session), Some(host)) = (
            self.network.neighbours().find(link),
            self.sessions.find_mut(link),
            self.network.directory().find(id),
        ) else {
            return;
        };
        if neighbour.synced {
            let encoding = Encoding::of(neighbour.kind, neighbour.version);
            let known_as = session.known_as(self.config.id);
            let frame = out.store(|arena| encoding.encode_host(host, known_as, arena));
            hand_over(session, link, frame, &mut self.dirty_links, out);
        }
    }

    /// Tells servers of ours, but for `from`, what a server says to machines now.
    pub(crate) fn announce_machine_part(&mut self, id: HostId, from: LinkId, out: &mut Out) {
        let own_id = self.config.id;
        let Some(host) = self.network.directory().find(id) else {
            return;
        };
        let frame = out.store(|arena| Encoding::V2Server.encode_host(host, own_id, arena));
        for (link, neighbour) in self.network.neighbours().iter() {
            let takes = neighbour.kind == HostKind::Server && neighbour.version == PeerVersion::V2;
            if takes && neighbour.synced && link != from && link != host.first_link() {
                out.send_stored(link, frame);
            }
        }
    }

    /// Remembers which neighbours cannot be told that a server has left: one of
    /// them may turn out to be ours.
    pub(crate) fn remember_missed_quit(&mut self, id: HostId, from: Option<LinkId>) {
        for (link, neighbour) in self.network.neighbours().iter() {
            if let Some(session) = self.sessions.find_mut(link)
                && neighbour.kind == HostKind::Server
                && neighbour.synced
                && !session.features.server_quit
                && Some(link) != from
                && session.missed_quits.len() < MISSED_QUITS_MAX
            {
                session.missed_quits.insert(id);
            }
        }
    }

    /// Tells a server that turns out to be ours what it could not be told
    /// before: which servers have left, and what the others say to machines.
    pub(crate) fn send_missed_changes(&mut self, link: LinkId, out: &mut Out) {
        let own_id = self.config.id;
        let directory = self.network.directory();
        let Some(session) = self.sessions.find_mut(link) else {
            return;
        };
        let missed_quits = core::mem::take(&mut session.missed_quits);
        let takes_quits = session.features.server_quit;
        let gone = |id: &HostId| takes_quits && directory.find(*id).is_none();
        let listing = out.store(|arena| {
            for id in missed_quits.into_iter().filter(gone) {
                let quit = Message::ServerQuit(ServerQuit {
                    source: id,
                    replacement: None,
                    text: Text::truncated("it left before"),
                });
                Encoding::V2Server.encode(&quit, arena);
            }
            for host in directory.iter() {
                if host.machine().is_some() && host.first_link() != link {
                    Encoding::V2Server.encode_host(host, own_id, arena);
                }
            }
        });
        out.send_stored(link, listing);
        if let Some(channels) = self.channel_burst(link, out) {
            out.send_stored(link, channels);
        }
    }

    /// A host is gone: forgets it and tells the neighbours, but for `from`.
    pub(crate) fn remove(
        &mut self,
        id: HostId,
        text: &Text<'_>,
        from: Option<LinkId>,
        out: &mut Out,
    ) {
        self.on_host_leaving(id, text.as_str(), from, out);
        let Some(host) = self.network.directory_mut().remove(id) else {
            return;
        };
        self.counters.hosts_left += 1;
        let text = text.borrowed();
        match host.kind() {
            HostKind::Client => {
                let quit = Message::ClientQuit(ClientQuit { source: id, text });
                self.broadcast(&quit, from, out, |_, _| true);
            }
            HostKind::Server => {
                let quit = Message::ServerQuit(ServerQuit {
                    source: id,
                    replacement: None,
                    text,
                });
                self.remember_missed_quit(id, from);
                // Clients are not told of servers, whatever they say they take.
                self.broadcast(&quit, from, out, |neighbour, features| {
                    neighbour.kind == HostKind::Server && features.server_quit
                });
            }
        }
    }

    /// Tells `message` to the neighbours that have been listed the network, but
    /// for `from`, as far as `takes` says that they take it.
    pub(crate) fn broadcast(
        &mut self,
        message: &Message<'_>,
        from: Option<LinkId>,
        out: &mut Out,
        takes: impl Fn(&Neighbour, Features) -> bool,
    ) {
        let mut cache = EncodingCache::default();
        for (link, neighbour) in self.network.neighbours().iter() {
            let Some(session) = self.sessions.find_mut(link) else {
                continue;
            };
            let back = Some(link) == from && !planted!(self, QuitBack);
            let takes = takes(neighbour, session.features)
                || planted!(self, ServerQuitToOriginals) && neighbour.kind == HostKind::Server;
            if back || !neighbour.synced || !takes {
                continue;
            }
            let encoding = Encoding::of(neighbour.kind, neighbour.version);
            let frame = cache.get_or_encode(encoding, out, |arena| encoding.encode(message, arena));
            hand_over(session, link, frame, &mut self.dirty_links, out);
        }
    }

    /// Forgets all that was behind `link`, the neighbour itself last, and tells
    /// the others.
    pub(crate) fn remove_all_behind(&mut self, link: LinkId, text: &str, out: &mut Out) {
        self.legacy.close(link);
        let Some(neighbour) = self.network.neighbours_mut().remove(link) else {
            return;
        };
        self.restore_indirect_route(link, neighbour.host);
        let behind = self.network.directory().behind(link);
        let mut lost: Vec<_> = behind.map(|host| (host.kind(), host.id())).collect();
        let last = neighbour.host;
        // Clients before servers, the neighbour behind all others.
        lost.sort_unstable_by_key(|&(kind, id)| (id == last, kind == HostKind::Server, id));
        for (kind, id) in lost {
            let stays = id == last && planted!(self, NeighbourStays)
                || kind == HostKind::Client && id != last && planted!(self, ClientsStay);
            if stays {
                continue;
            }
            if planted!(self, QuitsUntold)
                || kind == HostKind::Server && planted!(self, ServersUntold)
            {
                self.network.directory_mut().remove(id);
                continue;
            }
            let text = match id == last {
                true => text,
                false => truncate_utf8(text, LOST_TEXT_BYTES_MAX),
            };
            self.remove(id, &Text::truncated(text), None, out);
        }
    }

    /// Who told us of a server takes it back, after that server has come itself:
    /// from now on it is there by its own word only, and the teller is told so.
    pub(crate) fn drop_indirect_route(&mut self, teller: LinkId, id: HostId, out: &mut Out) {
        let Some(host) = self.network.directory().find(id) else {
            return;
        };
        let Some(session) = self.sessions.find_mut(host.first_link()) else {
            return;
        };
        if session.indirect_route != Some(teller) {
            return;
        }
        session.indirect_route = None;
        self.announce_to(teller, id, out);
    }

    /// A link ends whose peer had not shown yet that it is who it says: what was
    /// known of that server before stands again.
    pub(crate) fn restore_indirect_route(&mut self, link: LinkId, id: HostId) {
        let session = self.sessions.find(link);
        let Some(before) = session.and_then(|session| session.indirect_route) else {
            return;
        };
        if self.network.neighbours().find(before).is_some()
            && let Some(host) = self.network.directory_mut().remove(id)
        {
            self.network.directory_mut().insert(host.behind(before));
        }
    }
}
