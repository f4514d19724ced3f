//! Keepalive between servers.
//!
//! TCP notices late that a peer has vanished, or never while nothing is sent. So a
//! server that has been silent is pinged: the registration is repeated, which every
//! version 2 server answers, and those v1 servers that have answered once. Clients are
//! left to TCP.

use core::time::Duration;

use crc_machine::{CloseWhen, LinkId};
use crc_wire::HostId;

use super::introduction::announce;
use crate::context::{Context, LinkTimer, Out};
use crate::network::{HostKind, PeerVersion};

/// How long a server may be silent before it is pinged.
const SILENCE_MAX: Duration = Duration::from_secs(15);
/// How long it may be silent at all.
const DEAD_AFTER: Duration = Duration::from_secs(45);
/// A link is doubtful when a ping has not been answered for so long.
const DOUBTFUL_AFTER: Duration = Duration::from_secs(5);

/// Begins the keepalive of a server that answers pings.
pub(crate) fn start_keepalive(cx: &mut Context, link: LinkId) {
    if !cx.is_link_timer_set(link, LinkTimer::Keepalive) {
        cx.set_link_timer(link, LinkTimer::Keepalive, cx.now + SILENCE_MAX);
    }
}

/// Pings a silent server; closes the link of one that has been silent for too long.
pub(crate) fn check_keepalive(cx: &mut Context, link: LinkId, out: &mut Out) {
    let Some(found) = cx.links.find(link) else {
        return;
    };
    let heard_at = found.heard_at;
    let silence = cx.now.since(heard_at);
    if silence >= DEAD_AFTER {
        log::warn!(
            "{}: closed: keepalive timeout after {silence:.0?}",
            cx.describe_peer(link)
        );
        cx.tree.on_silent(link);
        return cx.close(link, CloseWhen::Now, "no answer", out);
    }
    if silence < SILENCE_MAX {
        let next = heard_at + SILENCE_MAX;
        return cx.set_link_timer(link, LinkTimer::Keepalive, next);
    }
    ping(cx, link, out);
    cx.set_link_timer(link, LinkTimer::Keepalive, cx.now + SILENCE_MAX);
}

fn ping(cx: &mut Context, link: LinkId, out: &mut Out) {
    if let Some(found) = cx.links.find_mut(link) {
        let heard_at = found.heard_at;
        if let Some(session) = found.crc_mut()
            && session
                .pinged_at
                .is_none_or(|pinged_at| pinged_at <= heard_at)
        {
            session.pinged_at = Some(cx.now);
        }
    }
    announce(cx, link, out);
}

/// The link that a registering server replaces: one to the same server at the same
/// address that has not answered a ping for a while. If that link was not pinged lately,
/// it is now, and the registering server will try again.
pub(crate) fn dead_link_replaced_by(
    cx: &mut Context,
    link: LinkId,
    id: HostId,
    name: &str,
    out: &mut Out,
) -> Option<LinkId> {
    let host = cx.network.directory().find(id)?;
    let old = host.first_link();
    let neighbour = cx.network.neighbours().find(old)?;
    let direct = neighbour.host == id && neighbour.kind == HostKind::Server;
    let ip = |link| {
        let found = cx.links.find(link);
        found.map(|found| found.endpoints.peer.ip().to_canonical())
    };
    if !direct || host.name() != name || ip(old) != ip(link) {
        return None;
    }
    let found = cx.links.find(old)?;
    match found.crc()?.pinged_at {
        Some(pinged_at) if pinged_at > found.heard_at => {
            (cx.now.since(pinged_at) >= DOUBTFUL_AFTER).then_some(old)
        }
        _ => {
            if neighbour.version != PeerVersion::Unknown {
                ping(cx, old, out);
            }
            None
        }
    }
}
