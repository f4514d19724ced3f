//! The burst, with which a new neighbour gets the whole network; and all else that is
//! sent at the end of an event.

use crc_machine::{ByteRange, CloseWhen, LinkDown, LinkId};
use crc_wire::{Frame, FrameLimits, Message};

use super::announce::quit_message;
use super::encoding::Encoding;
use super::introduction::announce;
use crate::context::{Context, LinkTimer, Out, Timer};
use crate::link::{Outlet, Phase};
use crate::network::{Host, HostKind, PeerVersion};
use crate::work;

/// Sends a neighbour the burst: every host and channel. From now on it is sent every
/// change.
pub(crate) fn send_burst(cx: &mut Context, link: LinkId, out: &mut Out) {
    let channels = super::channel::channel_burst(cx, link, out);
    let Some(neighbour) = cx.network.neighbours().find(link).copied() else {
        return;
    };
    let Some(found) = cx.links.find_mut(link) else {
        return;
    };
    let Some(session) = found.crc() else {
        return;
    };
    let encoding = Encoding::of_hosts(&neighbour, session);
    let last_hop = session.id_on_link(cx.config.id);
    let directory = cx.network.directory();
    cx.work.charge(work::LINK * directory.len() as u64);
    let burst = out.store(|arena| {
        let is_sent = |host: &&Host| {
            let to_server = neighbour.kind == HostKind::Server;
            (to_server || host.kind() == HostKind::Client) && host.first_link() != link
        };
        for host in directory.iter().filter(is_sent) {
            match (session.has_ghost(host.id()), host.kind()) {
                // Nothing removes a server from a v1 server's directory.
                (true, HostKind::Server) => continue,
                (true, HostKind::Client) => {
                    encoding.encode(&quit_message(host.id(), "moved"), arena);
                }
                (false, _) => {}
            }
            encoding.encode_host(host, last_hop, arena);
        }
    });
    let mut held = Vec::new();
    if let Outlet::Held(frames) = &mut found.outlet {
        held = core::mem::take(frames);
        found.outlet = match neighbour.version {
            PeerVersion::V2 => Outlet::Direct,
            _ => Outlet::Paced(Box::default()),
        };
    }
    if let Outlet::Paced(pacer) = &mut found.outlet {
        pacer.grant(burst.len());
    }
    let channels_len = channels.map_or(0, ByteRange::len);
    let whole = burst.len() + channels_len;
    match neighbour.kind {
        HostKind::Server => cx.bound_server(link, whole, out),
        HostKind::Client => out.bound(link, cx.config.limits.client_queue_bytes_max + whole),
    }
    if let Some(found) = cx.links.find_mut(link) {
        found.deliver(link, burst, out);
    }
    cx.network.set_synced(link, true);
    if let Some(channels) = channels {
        cx.deliver(link, channels, out);
    }
    send_held(cx, link, &held, out);
}

/// Sends the frames that were held for a server while its version was not known.
fn send_held(cx: &mut Context, link: LinkId, mut held: &[u8], out: &mut Out) {
    while let Ok(Some(frame)) = Frame::take(&mut held, FrameLimits::WIRE) {
        match frame.message() {
            // A source that has left meanwhile is unknown to the peer.
            Ok(Message::ClientChat(chat)) if cx.network.is_taken(chat.source) => {
                cx.send_chat(link, &chat, frame.bytes(), out);
            }
            Ok(Message::Status(status)) => cx.send_status(link, &status, out),
            _ => {}
        }
    }
}

/// Sends all that is pending at the end of an event: announcements, bursts, and chunks
/// for v1 nodes.
pub(crate) fn flush_pending(cx: &mut Context, out: &mut Out) {
    let mut next = 0;
    while let Some(&link) = cx.dirty_links.get(next) {
        next += 1;
        let Some(found) = cx.links.find_mut(link) else {
            continue;
        };
        let Some(session) = found.crc_mut() else {
            continue;
        };
        let due = core::mem::take(&mut session.pending);
        if found.phase == Phase::Closing {
            continue;
        }
        if due.announcement {
            announce(cx, link, out);
        }
        if due.burst {
            send_burst(cx, link, out);
        }
        send_chunk(cx, link, out);
    }
    cx.dirty_links.clear();
}

/// Sends the next chunk to a v1 node, if its pause is over.
fn send_chunk(cx: &mut Context, link: LinkId, out: &mut Out) {
    let Some(found) = cx.links.find_mut(link) else {
        return;
    };
    let Outlet::Paced(pacer) = &mut found.outlet else {
        return;
    };
    let bytes_max = match found.phase {
        Phase::Server => cx.config.limits.server_queue_bytes_max,
        _ => cx.config.limits.client_queue_bytes_max,
    };
    let report = pacer.take_report();
    cx.on_paced_queue(link, report, out);
    let Some(found) = cx.links.find_mut(link) else {
        return;
    };
    let Outlet::Paced(pacer) = &mut found.outlet else {
        return;
    };
    if pacer.waiting().len() > bytes_max + pacer.granted() {
        log::warn!(
            "{}: closed: {}",
            cx.describe_peer(link),
            LinkDown::SlowConsumer
        );
        cx.counters.slow_consumers += 1;
        cx.close(link, CloseWhen::Now, "too slow", out);
        return;
    }
    let is_set = |timer| cx.timers.is_set(Timer::Link(timer, link));
    if is_set(LinkTimer::PacePause) || is_set(LinkTimer::PacedSend) {
        return;
    }
    let chunk = pacer.next_chunk();
    if !chunk.is_empty() {
        out.send(link, chunk);
        // With the next tick it has been written, however long that took.
        cx.set_link_timer(link, LinkTimer::PacePause, cx.now);
    }
}
