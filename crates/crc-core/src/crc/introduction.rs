//! The registrations of this server itself on a link: its introduction, and its
//! announcement, which is also its ping (PROTOCOL section 6).

use core::time::Duration;
use std::net::SocketAddr;

use crc_machine::{LinkId, PeerAddress};
use crc_wire::{HostId, Info, Message, Registration};

use super::encoding::V1_FRAME_BYTES_MAX;
use crate::announcement::{Announcement, Features};
use crate::context::{Context, LinkTimer, Out};
use crate::link::{Link, Phase};
use crate::link_auth::{Nonce, PROOF_BYTES};
use crate::network::PeerVersion;

/// How long a server has to announce itself after this one has; after that it is a v1
/// server.
pub(super) const CLASSIFICATION_TIME: Duration = Duration::from_secs(1);

/// The longest text that a v2 server takes if it does not say so.
pub(super) const TEXT_BYTES_MAX_UNTOLD: u32 = 64 * 1024;

/// Announces this server to a neighbouring server; later announcements are pings.
pub(crate) fn announce(cx: &mut Context, link: LinkId, out: &mut Out) {
    let Some(found) = cx.links.find(link) else {
        return;
    };
    if found.phase == Phase::Server && found.is_crc() {
        let announcement = announcement(cx, found);
        repeat(cx, link, &announcement, out);
    }
}

/// Announces this server again, because it has shifted its times.
pub(crate) fn announce_shift(cx: &mut Context, link: LinkId, by_ms: i64, out: &mut Out) {
    if let Some(found) = cx.links.find(link) {
        let announcement = announcement_with(cx, found, Some(by_ms));
        repeat(cx, link, &announcement, out);
    }
}

/// Repeats the registration, which the peer will answer.
pub(crate) fn repeat(cx: &mut Context, link: LinkId, registration: &[u8], out: &mut Out) {
    let rank = cx.tree.rank();
    let Some(session) = cx.crc_session_mut(link) else {
        return;
    };
    out.send(link, registration);
    if session.announced.is_some() {
        // The first one is not answered by a version 2 server.
        session.clock.on_announced();
    }
    session.announced = Some(rank);
    session.answers_due = session.answers_due.saturating_add(1);
    let version = cx.network.neighbours().find(link).map(|n| n.version);
    if version == Some(PeerVersion::Unknown) {
        let until = cx.now + CLASSIFICATION_TIME;
        cx.set_link_timer(link, LinkTimer::Classification, until);
    }
}

/// The registration with the machine part: address, rank and features; the first time
/// also what this server's clock shows.
pub(super) fn announcement(cx: &Context, link: &Link) -> Vec<u8> {
    announcement_with(cx, link, None)
}

fn announcement_with(cx: &Context, link: &Link, shift_ms: Option<i64>) -> Vec<u8> {
    let first = link.crc().is_none_or(|session| session.announced.is_none());
    let mut announcement = Announcement {
        client_addresses: cx.client_addresses.clone(),
        address: advertised(cx, link.endpoints.local),
        rank: Some(cx.tree.rank()),
        // Later announcements are pings.
        clock_ms: first.then(|| cx.network_ms()),
        shift_ms,
        text_bytes_max: Some(cx.config.limits.text_bytes_max)
            .filter(|bytes| *bytes != TEXT_BYTES_MAX_UNTOLD),
        features: Features {
            auth: !cx.config.links.is_empty(),
            ..Features::OURS
        },
        ..Announcement::default()
    };
    let alias = link.crc().and_then(|session| session.alias.as_ref());
    let alias = alias.map(|alias| alias.id);
    loop {
        let info = format!("{}{announcement}", cx.config.info);
        let registration = own_registration(cx, alias, &info);
        // The peer may be a v1 node. A long info leaves no room for all addresses.
        if registration.len() <= V1_FRAME_BYTES_MAX || announcement.client_addresses.pop().is_none()
        {
            return registration;
        }
    }
}

/// The registration with what two servers need to prove the secret of their link, and nothing
/// else.
pub(super) fn with_proof(
    cx: &Context,
    nonce: Option<Nonce>,
    proof: Option<[u8; PROOF_BYTES]>,
) -> Vec<u8> {
    let announcement = Announcement {
        nonce,
        proof,
        features: Features::AUTH,
        ..Announcement::default()
    };
    own_registration(cx, None, &format!("{}{announcement}", cx.config.info))
}

fn own_registration(cx: &Context, alias: Option<HostId>, info: &str) -> Vec<u8> {
    Message::ServerRegistration(Registration {
        source: alias.unwrap_or(cx.config.id),
        last_hop: None,
        name: cx.config.name.borrowed(),
        info: Info::truncated(info),
    })
    .to_vec()
}

/// The introduction: the registration with last hop 0.
pub(crate) fn introduction(cx: &Context, alias: Option<HostId>) -> Vec<u8> {
    own_registration(cx, alias, cx.config.info.as_str())
}

/// The address at which others reach this server; a wildcard stands for the address that
/// the peer of a link sees.
fn advertised(cx: &Context, local: SocketAddr) -> Option<PeerAddress> {
    if let Some(address) = &cx.config.advertise {
        return Some(address.clone());
    }
    let first = cx.listening.first()?;
    let ip = if first.ip().is_unspecified() {
        local.ip().to_canonical()
    } else {
        first.ip()
    };
    Some(SocketAddr::new(ip, first.port()).into())
}
