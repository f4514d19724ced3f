//! The goodbyes to the neighbours when this server leaves: as many at once as the work of
//! one event permits, and the others in later events. A v1 server is sent a quit of every
//! client instead, in slices, as it was sent the burst.

use crc_machine::{LinkId, PeerAddress};
use crc_wire::{HostId, Message, ServerQuit, Text};

use super::send::send_leaving;
use super::server_list;
use crate::context::{Context, NEXT_EVENT, Out, Timer};
use crate::link::{Link, Outlet, Phase};
use crate::network::{HostKind, Place};
use crate::walk::{Told, Walk};
use crate::work;

/// The goodbyes that are to be sent.
#[derive(Debug)]
pub(crate) struct Goodbyes {
    reason: Box<str>,
    /// The server that replaces this one.
    by: Option<(HostId, PeerAddress)>,
    /// The neighbours that were not sent one, in reverse order.
    links: Vec<LinkId>,
    /// Links on which some of it may wait to be sent.
    unsent: Vec<LinkId>,
}

/// The quits of all clients, which a v1 server is sent.
#[derive(Debug)]
pub(crate) struct Quits {
    pub(super) reason: Box<str>,
    /// What it was told of the network before.
    pub(super) told: Told,
}

/// Sends every neighbour that this server leaves, and names `by` as its replacement.
pub(crate) fn begin_goodbyes(
    cx: &mut Context,
    reason: &str,
    by: Option<(HostId, PeerAddress)>,
    out: &mut Out,
) {
    cx.server_list.renew();
    let neighbours = cx.network.neighbours().iter();
    // A server learns of it before a client comes there that was here.
    let (servers, clients): (Vec<_>, Vec<_>) =
        neighbours.partition(|(_, neighbour)| neighbour.kind == HostKind::Server);
    let links = servers.into_iter().chain(clients).map(|(link, _)| link);
    let links: Vec<_> = links.collect();
    cx.goodbyes = Some(Goodbyes {
        reason: reason.into(),
        by,
        links: links.into_iter().rev().collect(),
        unsent: Vec::new(),
    });
    continue_goodbyes(cx, out);
}

/// Sends more of the goodbyes.
pub(crate) fn continue_goodbyes(cx: &mut Context, out: &mut Out) {
    let Some(mut goodbyes) = cx.goodbyes.take() else {
        return;
    };
    while !cx.work.is_spent()
        && let Some(link) = goodbyes.links.pop()
    {
        cx.work.charge_answer(work::HOST + work::LINK);
        send_goodbye(cx, link, &goodbyes.reason, goodbyes.by.as_ref(), out);
        if cx.links.find(link).is_some_and(waits) {
            goodbyes.unsent.push(link);
            cx.mark_dirty(link);
        }
    }
    if !goodbyes.links.is_empty() {
        cx.timers.set(Timer::Goodbyes, cx.now + NEXT_EVENT);
    }
    cx.goodbyes = Some(goodbyes);
}

/// Sends a neighbour the quit of this server, which names `by` as its replacement.
fn send_goodbye(
    cx: &mut Context,
    link: LinkId,
    reason: &str,
    by: Option<&(HostId, PeerAddress)>,
    out: &mut Out,
) {
    // It may be gone by now.
    let Some(to) = cx.network.neighbours().find(link).copied() else {
        return;
    };
    if to.kind == HostKind::Client {
        server_list::tell(cx, link, to.host, out);
        return send_leaving(cx, link, to.host, reason, out);
    }
    let Some(found) = cx.links.find_mut(link) else {
        return;
    };
    let Some(session) = found.crc() else {
        return;
    };
    if session.features.server_quit {
        let by = by.filter(|(id, _)| *id != to.host);
        let text = match by {
            Some((_, address)) => format!("{address} {reason}"),
            None => reason.to_owned(),
        };
        let quit = Message::ServerQuit(ServerQuit {
            source: cx.config.id,
            replacement: by.map(|(id, _)| *id),
            text: Text::truncated(&text),
        });
        let quit = out.store(|arena| quit.encode(arena));
        found.deliver(link, quit, out);
    } else if to.synced {
        // A v1 server knows no quit of servers: every client leaves instead.
        let quits = Quits {
            reason: reason.into(),
            told: core::mem::take(&mut found.told),
        };
        if let Some(session) = found.crc_mut() {
            session.quits = Some(Box::new(quits));
        }
        cx.network.set_synced(link, false);
        cx.begin_burst(link, Walk::from(Place::FIRST_CLIENT), out);
    }
}

/// Whether something waits to be sent to a neighbour that is told of the leaving.
fn waits(found: &Link) -> bool {
    let quits = found.crc().is_some_and(|session| session.quits.is_some());
    let is_unsent = quits && !found.told.is_all();
    let is_paced = matches!(&found.outlet, Outlet::Paced(it) if !it.waiting().is_empty());
    (is_unsent || is_paced) && found.phase != Phase::Closing
}

/// Whether goodbyes still wait to be sent.
pub(crate) fn has_unsent_goodbyes(cx: &mut Context) -> bool {
    let Some(goodbyes) = &mut cx.goodbyes else {
        return false;
    };
    while let Some(link) = goodbyes.unsent.last()
        && !cx.links.find(*link).is_some_and(waits)
    {
        goodbyes.unsent.pop();
    }
    !goodbyes.links.is_empty() || !goodbyes.unsent.is_empty()
}
