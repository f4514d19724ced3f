//! The servers to which clients can move: heard of from other servers, and told to the
//! clients that take them (PROTOCOL section 6).
//!
//! A client is told when it announces itself, when servers come, and when this one leaves.

use core::time::Duration;

use crc_machine::{LinkId, PeerAddress};
use crc_wire::{HostId, StatusCode};

use super::introduction::announce;
use super::send::direct_status;
use crate::context::{Context, NEXT_EVENT, Out, Timer};
use crate::network::{HostKind, PeerVersion};
use crate::work;

/// How long after a change clients are told: others may follow.
const DELAY: Duration = Duration::from_secs(1);

/// The least time between two changes of which clients are told.
const PAUSE: Duration = Duration::from_secs(10);

/// A server says where clients reach it, over this link.
pub(crate) fn learn(cx: &mut Context, link: LinkId, id: HostId, addresses: &[PeerAddress]) {
    if id == cx.config.id {
        return;
    }
    // A server elsewhere is not at an address of this machine.
    let peer = cx.links.find(link).map(|found| found.endpoints.peer.ip());
    let is_near = peer.is_some_and(|ip| ip.to_canonical().is_loopback());
    let is_loopback = |address: &PeerAddress| {
        address
            .ip()
            .is_some_and(|ip| ip.to_canonical().is_loopback())
    };
    let mut addresses = addresses.to_vec();
    addresses.retain(|address| is_near || !is_loopback(address));
    cx.server_list.learn(link, id, addresses);
    schedule(cx, DELAY);
}

/// A host has left the network.
pub(crate) fn forget(cx: &mut Context, id: HostId) {
    cx.server_list.forget(id);
    schedule(cx, DELAY);
}

/// Clients are told of what has changed by then.
fn schedule(cx: &mut Context, after: Duration) {
    if cx.server_list.has_changed() && !cx.timers.is_set(Timer::ServerList) {
        cx.timers.set(Timer::ServerList, cx.now + after);
    }
}

/// This server says where clients reach it.
pub(crate) fn set_own(cx: &mut Context, mut addresses: Vec<PeerAddress>, out: &mut Out) {
    addresses.retain(crate::server_list::can_be_told_to_clients);
    addresses.truncate(crate::server_list::CLIENT_ADDRESSES_MAX);
    if addresses == cx.client_addresses {
        return;
    }
    cx.client_addresses = addresses;
    let neighbours = cx.network.neighbours().iter();
    let v2 = neighbours.filter(|(_, neighbour)| {
        neighbour.kind == HostKind::Server && neighbour.version == PeerVersion::V2
    });
    for link in v2.map(|(link, _)| link).collect::<Vec<_>>() {
        announce(cx, link, out);
    }
}

/// Clients may be told now.
pub(crate) fn on_timer(cx: &mut Context, out: &mut Out) {
    if cx.server_list.due.is_empty() {
        if !cx.server_list.renew() {
            return;
        }
        let clients = cx.network.neighbours().iter();
        let clients = clients.filter(|(_, neighbour)| neighbour.kind == HostKind::Client);
        let links: Vec<LinkId> = clients.map(|(link, _)| link).collect();
        cx.server_list.due = links.into_iter().rev().collect();
    }
    while !cx.work.is_spent()
        && let Some(link) = cx.server_list.due.pop()
    {
        // It may be gone by now.
        if let Some(neighbour) = cx.network.neighbours().find(link) {
            let id = neighbour.host;
            tell(cx, link, id, out);
        }
    }
    match cx.server_list.due.is_empty() {
        true => cx.timers.set(Timer::ServerList, cx.now + PAUSE),
        false => cx.timers.set(Timer::ServerList, cx.now + NEXT_EVENT),
    }
}

/// Tells a client the servers, if it takes them and there are any.
pub(crate) fn tell(cx: &mut Context, link: LinkId, id: HostId, out: &mut Out) {
    cx.work.charge_answer(work::LINK);
    let takes = cx.crc_session(link).is_some_and(|it| it.features.servers);
    if takes && let Some(text) = cx.server_list.text_for(id) {
        cx.work.charge_answer_bytes(text.len());
        let status = direct_status(cx, Some(id), StatusCode::SERVERS, &text);
        cx.send_status(link, &status, out);
    }
}
