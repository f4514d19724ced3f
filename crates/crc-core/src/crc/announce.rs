//! Changes of the network's hosts, sent to the neighbours.
//!
//! Every neighbour that has been told of a host gets each change of it, but for the one
//! that it came from; clients get only changes of clients. A change is encoded once for
//! each [`Encoding`], however many neighbours need it.

use crc_machine::{ByteRange, LinkId};
use crc_wire::{ClientQuit, HostId, Message, ServerQuit, Text};

use super::burst::resume_burst;
use super::encoding::{ENCODINGS, Encoding};
use crate::announcement::Features;
use crate::context::{Context, Out, burst_bytes_max, deliver};
use crate::link::Link;
use crate::network::{Host, HostKind, Neighbour, PeerVersion};

/// How many quits are remembered for a neighbour that cannot be sent them.
const MISSED_QUITS_MAX: usize = 1024;

/// The quit that this server sends in place of a client.
pub(crate) fn quit_message(client: HostId, text: &str) -> Message<'_> {
    Message::ClientQuit(ClientQuit {
        source: client,
        text: Text::truncated(text),
    })
}

/// Frames in the outbox, one for each encoding that was needed.
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
            // Clients may get it a moment later. Servers get it at once: they relay it.
            Encoding::V2Client | Encoding::NamedClient => out.store_deferred(write),
            _ => out.store(write),
        })
    }
}

/// Announces a host that has joined.
pub(crate) fn on_host_joined(cx: &mut Context, id: HostId, from: LinkId, out: &mut Out) {
    let directory = cx.network.directory();
    let (Some(host), Some(place)) = (directory.find(id), directory.place(id)) else {
        return;
    };
    let own_id = cx.config.id;
    let mut cache = EncodingCache::default();
    for (link, neighbour) in cx.network.neighbours().iter() {
        let concerned = host.kind() == HostKind::Client || neighbour.kind == HostKind::Server;
        if link == from || !neighbour.synced || !concerned {
            continue;
        }
        let Some(found) = cx.links.find_mut(link) else {
            continue;
        };
        if !found.told.has_host(id, place) {
            continue;
        }
        found.told.on_announced(id, place);
        let Some(session) = found.crc_mut() else {
            continue;
        };
        // A server that is back needs no late quit.
        session.missed_quits.remove(&id);
        let encoding = Encoding::of_hosts(neighbour, session);
        let frame = match &session.alias {
            None => cache.get_or_encode(encoding, out, |arena| {
                encoding.encode_host(host, own_id, arena)
            }),
            Some(alias) => out.store(|arena| encoding.encode_host(host, alias.id, arena)),
        };
        deliver(found, link, frame, &mut cx.dirty_links, out);
    }
}

/// Retracts the announcement of a server, with a quit, because that server is behind
/// the neighbour itself.
pub(crate) fn retract(cx: &mut Context, link: LinkId, id: HostId, out: &mut Out) {
    let session = cx.crc_session(link);
    let takes = session.is_some_and(|session| session.features.server_quit);
    if takes && is_told(cx, link, id) {
        let quit = Message::ServerQuit(ServerQuit {
            source: id,
            replacement: None,
            text: Text::truncated("moved"),
        });
        cx.send(link, &quit, out);
    }
}

/// Announces a client again to a v1 server that has forgotten it because another
/// neighbour said that it was gone. A v1 server fails over a chat of a client that it
/// does not know.
pub(crate) fn announce_again(cx: &mut Context, link: LinkId, id: HostId, out: &mut Out) {
    let Some(neighbour) = cx.network.neighbours().find(link) else {
        return;
    };
    let is_v1_server = neighbour.kind == HostKind::Server && neighbour.version == PeerVersion::V1;
    let host = cx.network.directory().find(id);
    if is_v1_server && host.is_some_and(|host| host.kind() == HostKind::Client) {
        announce_to(cx, link, id, out);
    }
}

/// Whether the neighbour on a link has been told of a host, and gets its changes.
fn is_told(cx: &Context, link: LinkId, id: HostId) -> bool {
    let synced = cx.network.neighbours().find(link).is_some_and(|n| n.synced);
    let found = cx.links.find(link).filter(|_| synced);
    let place = cx.network.directory().place(id);
    let both = found.zip(place);
    both.is_some_and(|(found, place)| found.told.has_host(id, place))
}

/// A host speaks to a neighbour whose burst is under way, or its id is the neighbour's
/// client's: the neighbour is told of the host first.
pub(crate) fn announce_speaker(cx: &mut Context, link: LinkId, id: HostId, out: &mut Out) {
    let directory = cx.network.directory();
    let (Some(neighbour), Some(host), Some(place)) = (
        cx.network.neighbours().find(link),
        directory.find(id),
        directory.place(id),
    ) else {
        return;
    };
    let concerned = host.kind() == HostKind::Client || neighbour.kind == HostKind::Server;
    if !neighbour.synced || !concerned || host.first_link() == link {
        return;
    }
    let Some(found) = cx.links.find_mut(link) else {
        return;
    };
    if !found.told.has_host(id, place) {
        found.told.on_announced(id, place);
        announce_to(cx, link, id, out);
    }
}

/// Sends a client its own registration: it has the name that is in there.
pub(crate) fn send_own(cx: &mut Context, link: LinkId, id: HostId, out: &mut Out) {
    let (Some(neighbour), Some(session), Some(host)) = (
        cx.network.neighbours().find(link),
        cx.crc_session(link),
        cx.network.directory().find(id),
    ) else {
        return;
    };
    let encoding = Encoding::of_hosts(neighbour, session);
    let own_id = cx.config.id;
    let frame = out.store(|arena| encoding.encode_host(host, own_id, arena));
    cx.deliver(link, frame, out);
}

/// Announces one host to one neighbour, if that has been told of it.
fn announce_to(cx: &mut Context, link: LinkId, id: HostId, out: &mut Out) {
    let (Some(neighbour), Some(found), Some(host)) = (
        cx.network.neighbours().find(link),
        cx.links.find_mut(link),
        cx.network.directory().find(id),
    ) else {
        return;
    };
    let place = cx.network.directory().place(id);
    if neighbour.synced
        && let Some(session) = found.crc()
        && place.is_some_and(|place| found.told.has_host(id, place))
    {
        let encoding = Encoding::of_hosts(neighbour, session);
        let last_hop = session.id_on_link(cx.config.id);
        let frame = out.store(|arena| encoding.encode_host(host, last_hop, arena));
        deliver(found, link, frame, &mut cx.dirty_links, out);
        super::channel::send_absence(cx, link, id, out);
        super::channel::send_metadata(cx, link, id, out);
    }
}

/// Sends v2 servers the new machine part of a host.
pub(crate) fn announce_machine_part(cx: &mut Context, id: HostId, from: LinkId, out: &mut Out) {
    let own_id = cx.config.id;
    let directory = cx.network.directory();
    let (Some(host), Some(place)) = (directory.find(id), directory.place(id)) else {
        return;
    };
    let frame = out.store(|arena| Encoding::DatedServer.encode_host(host, own_id, arena));
    for (link, neighbour) in cx.network.neighbours().iter() {
        if !neighbour.synced || link == from || link == host.first_link() {
            continue;
        }
        let Some(found) = cx.links.find_mut(link) else {
            continue;
        };
        let Some(session) = found.crc() else {
            continue;
        };
        let encoding = Encoding::of_hosts(neighbour, session);
        // Only a client looks different to some of them.
        let differs = encoding == Encoding::DatedServer
            || encoding == Encoding::V2Server && host.kind() == HostKind::Server;
        if differs && found.told.has_host(id, place) {
            found.told.on_announced(id, place);
            out.send_stored(link, frame);
        }
    }
}

/// Remembers a server's quit for the neighbours that cannot be sent it: one of them may
/// turn out to be a version 2 server.
fn remember_missed_quit(cx: &mut Context, id: HostId, from: Option<LinkId>) {
    let Some(place) = cx.network.directory().place(id) else {
        return;
    };
    for (link, neighbour) in cx.network.neighbours().iter() {
        if let Some(found) = cx.links.find_mut(link)
            && neighbour.kind == HostKind::Server
            && neighbour.synced
            && found.told.has_host(id, place)
            && let Some(session) = found.crc_mut()
            && !session.features.server_quit
            && Some(link) != from
            && session.missed_quits.len() < MISSED_QUITS_MAX
        {
            session.missed_quits.insert(id);
        }
    }
}

/// Sends what a server lacks when it turns out to be a v2 server: the quits of servers;
/// then, as a burst, the machine parts of the others and of clients, and the channels. So
/// much is `waiting` to be written before.
pub(crate) fn send_missed_changes(cx: &mut Context, link: LinkId, waiting: usize, out: &mut Out) {
    let directory = cx.network.directory();
    let Some(session) = cx.links.find_mut(link).and_then(Link::crc_mut) else {
        return;
    };
    let missed_quits = core::mem::take(&mut session.missed_quits);
    let takes_quits = session.features.server_quit;
    let has_left = |id: &HostId| takes_quits && directory.find(*id).is_none();
    let quits = out.store(|arena| {
        for id in missed_quits.into_iter().filter(has_left) {
            let quit = Message::ServerQuit(ServerQuit {
                source: id,
                replacement: None,
                text: Text::truncated("it left before"),
            });
            Encoding::V2Server.encode(&quit, arena);
        }
    });
    let burst = burst_bytes_max(cx.config.limits.server_queue_bytes_max);
    cx.bound_server(link, waiting + quits.len() + burst, out);
    out.send_stored(link, quits);
    resume_burst(cx, link, out);
}

/// Sends the quit of a host that leaves.
pub(crate) fn on_host_left(
    cx: &mut Context,
    id: HostId,
    text: &str,
    from: Option<LinkId>,
    out: &mut Out,
) {
    let kind = cx.network.directory().find(id).map(Host::kind);
    match kind {
        Some(HostKind::Client) => {
            broadcast(cx, id, &quit_message(id, text), from, out, |_, _| true);
        }
        Some(HostKind::Server) => {
            let quit = Message::ServerQuit(ServerQuit {
                source: id,
                replacement: None,
                text: Text::truncated(text),
            });
            remember_missed_quit(cx, id, from);
            // Clients get no quits of servers, whatever they announce.
            broadcast(cx, id, &quit, from, out, |neighbour, features| {
                neighbour.kind == HostKind::Server && features.server_quit
            });
        }
        None => {}
    }
}

/// Sends a client's new name and info. A neighbour that knows no channels gets a quit
/// first: it may ignore a changed registration otherwise. `in_ascii`: the change is one for
/// neighbours, too, that take names in ASCII only.
pub(crate) fn on_host_changed(
    cx: &mut Context,
    id: HostId,
    from: LinkId,
    in_ascii: bool,
    out: &mut Out,
) {
    let own_id = cx.config.id;
    let directory = cx.network.directory();
    let (Some(host), Some(place)) = (directory.find(id), directory.place(id)) else {
        return;
    };
    let quit = quit_message(id, "registered anew");
    for (link, neighbour) in cx.network.neighbours().iter() {
        let Some(found) = cx.links.find_mut(link) else {
            continue;
        };
        if link == from || !neighbour.synced {
            continue;
        }
        if !found.told.has_host(id, place) {
            continue;
        }
        found.told.on_announced(id, place);
        let Some(session) = found.crc() else {
            continue;
        };
        let encoding = Encoding::of_hosts(neighbour, session);
        if !in_ascii && !encoding.has_utf8_names() {
            continue;
        }
        let last_hop = session.id_on_link(own_id);
        let keeps = session.features.channels;
        let frames = out.store(|arena| {
            if !keeps {
                encoding.encode(&quit, arena);
            }
            encoding.encode_host(host, last_hop, arena);
        });
        deliver(found, link, frames, &mut cx.dirty_links, out);
    }
}

/// Sends `message` about a host to the neighbours that have been told of it and for which
/// `takes` is true, but not to `from`.
fn broadcast(
    cx: &mut Context,
    id: HostId,
    message: &Message<'_>,
    from: Option<LinkId>,
    out: &mut Out,
    takes: impl Fn(&Neighbour, Features) -> bool,
) {
    let Some(place) = cx.network.directory().place(id) else {
        return;
    };
    let mut cache = EncodingCache::default();
    for (link, neighbour) in cx.network.neighbours().iter() {
        let Some(found) = cx.links.find_mut(link) else {
            continue;
        };
        let Some(session) = found.crc() else {
            continue;
        };
        if !found.told.has_host(id, place) {
            continue;
        }
        let takes = takes(neighbour, session.features);
        if Some(link) == from || !neighbour.synced || !takes {
            continue;
        }
        let encoding = Encoding::of(neighbour.kind, neighbour.version);
        let frame = cache.get_or_encode(encoding, out, |arena| encoding.encode(message, arena));
        deliver(found, link, frame, &mut cx.dirty_links, out);
    }
}

/// The neighbour on `link` retracts a server that has linked to this one itself and was
/// known over `link` before. The neighbour gets the direct route.
pub(crate) fn drop_indirect_route(cx: &mut Context, link: LinkId, id: HostId, out: &mut Out) {
    let Some(host) = cx.network.directory().find(id) else {
        return;
    };
    let Some(session) = cx.links.find_mut(host.first_link()).and_then(Link::crc_mut) else {
        return;
    };
    if session.indirect_route != Some(link) {
        return;
    }
    session.indirect_route = None;
    announce_to(cx, link, id, out);
}

/// A link ends before its peer has announced itself as the server that was known over
/// another link: the former route is restored.
pub(crate) fn restore_indirect_route(cx: &mut Context, link: LinkId, id: HostId) {
    let Some(before) = cx
        .crc_session(link)
        .and_then(|session| session.indirect_route)
    else {
        return;
    };
    if cx.network.neighbours().find(before).is_some()
        && let Some(host) = cx.network.directory().find(id).cloned()
    {
        cx.network.replace_host(host.behind(before));
    }
}
