//! The link of this server to a legacy server, whose child it is there.
//!
//! It has nothing to do with this server's place in the tree of the binary protocol.

use core::time::Duration;
use std::collections::BTreeMap;

use crc_machine::{Backoff, DialError, DialId, LinkId, PeerAddress, Timestamp};

use super::{Peer, burst, reply};
use crate::context::{Context, Out, Stage, Timer};
use crate::link::Protocol;

/// The first number of dials to legacy servers: no other dial has it.
const DIALS_FROM: u64 = 1 << 62;

/// The state of the link to a legacy server.
#[derive(Debug, Default)]
pub(super) struct Uplink {
    /// The index of the next address.
    next: usize,
    backoff: Backoff,
    dials: u64,
    dial: Option<(DialId, PeerAddress)>,
    link: Option<LinkId>,
    /// When the server at the other end introduced itself.
    accepted_at: Option<Timestamp>,
    /// The configured servers that do not answer, and why, as was logged since the last link.
    unanswered: BTreeMap<PeerAddress, DialError>,
}

/// The protocol of a dial, if it is one to a legacy server.
pub(crate) fn protocol_for(cx: &Context, dial: DialId) -> Option<Protocol> {
    let current = cx.legacy.uplink.dial.as_ref();
    current
        .filter(|(current, _)| *current == dial)
        .map(|_| Protocol::Legacy(Box::<Peer>::default()))
}

/// The link, if the server at its other end has accepted this one.
pub(crate) fn linked(cx: &Context) -> Option<LinkId> {
    let uplink = &cx.legacy.uplink;
    uplink.link.filter(|_| uplink.accepted_at.is_some())
}

/// Dials the next legacy server, if one is configured.
pub(crate) fn dial(cx: &mut Context, out: &mut Out) {
    let addresses = &cx.config.legacy_connect;
    let uplink = &mut cx.legacy.uplink;
    let idle = uplink.dial.is_none() && uplink.link.is_none();
    if cx.stage != Stage::Running || !idle {
        return;
    }
    let next = uplink.next.checked_rem(addresses.len()).unwrap_or(0);
    let Some(to) = addresses.get(next) else {
        return;
    };
    uplink.next = next + 1;
    let dial = DialId(DIALS_FROM + uplink.dials);
    uplink.dials += 1;
    log::debug!("linking to legacy server {to}");
    uplink.dial = Some((dial, to.clone()));
    out.dial(dial, to.clone());
}

/// A dial has become a link: sends the introduction and the burst.
pub(crate) fn on_dialed(cx: &mut Context, link: LinkId, dial: DialId, out: &mut Out) {
    let uplink = &mut cx.legacy.uplink;
    if uplink
        .dial
        .take_if(|(current, _)| *current == dial)
        .is_none()
    {
        return;
    }
    uplink.link = Some(link);
    let own = out.store(|arena| reply::write_own_server(cx, arena, None));
    out.send_stored(link, own);
    burst::begin(cx, link, out);
}

/// The server at the other end has introduced itself.
pub(super) fn on_accepted(cx: &mut Context, link: LinkId) {
    let uplink = &mut cx.legacy.uplink;
    if uplink.link == Some(link) {
        uplink.accepted_at = Some(cx.now);
        uplink.unanswered.clear();
        uplink.next = 0;
    }
}

/// Handles a failed dial. Returns whether it was one to a legacy server.
pub(crate) fn on_dial_failed(cx: &mut Context, dial: DialId, why: DialError) -> bool {
    let uplink = &mut cx.legacy.uplink;
    let Some((_, to)) = uplink.dial.take_if(|(current, _)| *current == dial) else {
        return false;
    };
    cx.counters.dials_failed += 1;
    // One that stays away is logged once.
    let is_new = cx.legacy.uplink.unanswered.insert(to.clone(), why) != Some(why);
    let pause = schedule_dial(cx, false);
    match is_new {
        true => log::warn!("cannot link to {to}: {why}; retrying in {pause:.1?}"),
        false => log::debug!("cannot link to {to}: {why}; retrying in {pause:.1?}"),
    }
    true
}

/// A link is gone; if it was this one, schedules the next dial.
pub(crate) fn on_link_down(cx: &mut Context, link: LinkId) {
    let uplink = &mut cx.legacy.uplink;
    if uplink.link.take_if(|current| *current == link).is_none() {
        return;
    }
    let accepted_at = uplink.accepted_at.take();
    if let Some(accepted_at) = accepted_at {
        uplink.backoff.link_held(cx.now.since(accepted_at));
    }
    if cx.stage == Stage::Running {
        let pause = schedule_dial(cx, accepted_at.is_none());
        log::info!("legacy uplink lost; retrying in {pause:.1?}");
    }
}

/// Schedules the next dial after a pause that grows with every attempt; at least one
/// second if the server `refused` this one. Returns the pause.
fn schedule_dial(cx: &mut Context, refused: bool) -> Duration {
    let pause = cx.legacy.uplink.backoff.pause(&mut cx.random, refused);
    cx.timers.set(Timer::LegacyDial, cx.now + pause);
    pause
}
