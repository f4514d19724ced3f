//! What an event leaves to be sent at its end: announcements, the beginnings of bursts, and
//! chunks for v1 nodes.

use crc_machine::{CloseWhen, LinkDown, LinkId};

use super::burst::begin_burst;
use super::introduction::announce;
use super::pacing::PACED_STEP;
use crate::context::{Context, LinkTimer, NEXT_EVENT, Out, Timer};
use crate::link::{Outlet, Phase};

/// Sends all that is pending at the end of an event: announcements, the beginnings of
/// bursts, and chunks for v1 nodes.
pub(crate) fn flush_pending(cx: &mut Context, out: &mut Out) {
    let mut next = 0;
    while let Some(&link) = cx.dirty_links.get(next) {
        next += 1;
        flush_handshake(cx, link, out);
        send_chunk(cx, link, out);
    }
    cx.dirty_links.clear();
}

/// Whether a v1 node may not have read the chunk that was sent last: it fails at more bytes.
pub(super) fn is_pausing(cx: &Context, link: LinkId) -> bool {
    let mut pauses = [LinkTimer::PacePause, LinkTimer::PacedSend].into_iter();
    pauses.any(|timer| cx.timers.is_set(Timer::Link(timer, link)))
}

/// Sends a neighbour the pending announcement, and begins the pending burst.
pub(super) fn flush_handshake(cx: &mut Context, link: LinkId, out: &mut Out) {
    let Some(found) = cx.links.find_mut(link) else {
        return;
    };
    let is_closing = found.phase == Phase::Closing;
    let Some(session) = found.crc_mut() else {
        return;
    };
    let due = core::mem::take(&mut session.pending);
    if is_closing {
        return;
    }
    if due.announcement {
        announce(cx, link, out);
    }
    if due.burst {
        begin_burst(cx, link, out);
    }
}

/// Sends the next chunk to a v1 node, if its pause is over.
fn send_chunk(cx: &mut Context, link: LinkId, out: &mut Out) {
    let Some(found) = cx.links.find_mut(link) else {
        return;
    };
    if found.phase == Phase::Closing {
        return;
    }
    let Outlet::Paced(pacer) = &mut found.outlet else {
        return;
    };
    let bytes_max = match found.phase {
        Phase::Server => cx.config.limits.server_queue_bytes_max,
        _ => cx.config.limits.client_queue_bytes_max,
    };
    let report = pacer.take_report();
    cx.on_paced_queue(link, report, out);
    let is_pausing = is_pausing(cx, link);
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
    if is_pausing {
        return;
    }
    let chunk = pacer.next_chunk();
    if !chunk.is_empty() {
        out.send(link, chunk);
        if pacer.waiting().len() < PACED_STEP && !found.told.is_all() {
            cx.set_link_timer(link, LinkTimer::Burst, cx.now + NEXT_EVENT);
        }
        // With the next tick it has been written, however long that took.
        cx.set_link_timer(link, LinkTimer::PacePause, cx.now);
    }
}
