//! The burst, with which a new neighbour gets what it is to know of the network, in
//! slices; and the list of a channel, which a client gets that enters it, in the same way.
//!
//! A slice takes a bounded part of one event, and of the neighbour's queue. The next one
//! follows in a later event, and waits while the queue is long. See [`walk`](crate::walk)
//! for what the neighbour gets meanwhile. What a slice consists of, the neighbour's
//! protocol says.

use crc_machine::{LinkId, QueueReport};

use super::{Context, LinkTimer, NEXT_EVENT, Out};
use crate::congestion::step;
use crate::crc::pacing::PACED_STEP;
use crate::link::{Outlet, Phase, Protocol};
use crate::network::Host;
use crate::walk::{Due, Walk};
use crate::work::{self, units_of};
use crate::{crc, legacy};

/// About how many bytes of a burst wait at a neighbour before the next slice, at most.
const STEP_MAX: usize = 32 << 10;

/// The longest step of a burst, roughly: a slice may exceed its bound by one.
const LONGEST: usize = 2 << 10;

/// How many bytes of a burst wait in a queue with this bound before the next slice, which
/// is about as long.
const fn slice_bytes(bytes_max: usize) -> usize {
    match step(bytes_max) {
        step if step > STEP_MAX => STEP_MAX,
        step => step,
    }
}

/// How many bytes of a burst can wait in the queue with this bound, at most: what waits
/// when a slice is due, and the slice.
pub(crate) const fn burst_bytes_max(bytes_max: usize) -> usize {
    2 * slice_bytes(bytes_max) + 2 * LONGEST
}

/// What a protocol writes in a burst.
pub(crate) trait BurstWriter {
    /// Writes what is due of a host, if the neighbour is to know it.
    fn write_host(&self, host: &Host, due: Due, arena: &mut Vec<u8>);

    /// Writes what comes next behind the hosts. Whether that was the last.
    fn write_next(&self, walk: &mut Walk, arena: &mut Vec<u8>) -> bool;
}

/// Writes a slice: what comes next, until the work of the event is spent or there are so
/// many bytes. Whether the burst is over.
fn write_slice(
    cx: &Context,
    writer: &impl BurstWriter,
    walk: &mut Walk,
    bytes_max: usize,
    arena: &mut Vec<u8>,
) -> bool {
    let first = arena.len();
    while !cx.work.is_spent() && arena.len() - first < bytes_max {
        let start = arena.len();
        let is_over = match walk.next_host() {
            Some(place) => {
                visit_host(cx, writer, walk, place, arena);
                false
            }
            None => writer.write_next(walk, arena),
        };
        cx.work.charge_answer(units_of(arena.len() - start));
        if is_over {
            return true;
        }
    }
    false
}

fn visit_host(
    cx: &Context,
    writer: &impl BurstWriter,
    walk: &mut Walk,
    place: crate::network::Place,
    arena: &mut Vec<u8>,
) {
    match cx.network.directory().at(place) {
        Some((place, Some(host))) => {
            cx.work.charge_answer(work::HOST);
            writer.write_host(host, walk.pass_host(host.id(), place), arena);
        }
        Some((place, None)) => {
            cx.work.charge_answer(1);
            walk.pass_free(place);
        }
        None => walk.end_hosts(),
    }
}

impl Context {
    /// The bound of the queue of a neighbour, the burst not counted.
    fn queue_bytes_max(&self, link: LinkId) -> usize {
        let limits = &self.config.limits;
        match self.links.find(link).map(|found| found.phase) {
            Some(Phase::Client) => limits.client_queue_bytes_max,
            _ => limits.server_queue_bytes_max,
        }
    }

    /// Bounds the queue of a neighbour, with room for the burst.
    pub(crate) fn bound_queue(&self, link: LinkId, out: &mut Out) {
        let bytes_max = self.queue_bytes_max(link);
        out.bound(link, bytes_max.saturating_add(burst_bytes_max(bytes_max)));
    }

    /// Begins a burst, or a part of one. From now on the neighbour gets every change of
    /// what it is told.
    pub(crate) fn begin_burst(&mut self, link: LinkId, walk: Walk, out: &mut Out) {
        if let Some(found) = self.links.find_mut(link) {
            found.told.begin(walk);
            self.resume_burst(link, out);
        }
    }

    /// Goes on with a burst that has been begun.
    pub(crate) fn resume_burst(&mut self, link: LinkId, out: &mut Out) {
        out.watch(link, slice_bytes(self.queue_bytes_max(link)));
        self.set_bursting(link, true);
        self.send_slice(link, out);
    }

    /// The burst is over.
    fn end_burst(&mut self, link: LinkId, out: &mut Out) {
        self.set_bursting(link, false);
        self.cancel_link_timer(link, LinkTimer::Burst);
        // What else was sent with the burst, to a server that is no v1 server, is gone soon.
        self.bound_queue(link, out);
        // The queue of a server is watched for good.
        let phase = self.links.find(link).map(|found| found.phase);
        out.watch(
            link,
            match phase {
                Some(Phase::Client) => 0,
                _ => step(self.queue_bytes_max(link)),
            },
        );
    }

    /// The queue of a link has changed.
    pub(super) fn on_burst_queue(&mut self, link: LinkId, report: QueueReport) {
        let found = self.links.find_mut(link);
        if let Some(walk) = found.and_then(|found| found.told.walk_mut()) {
            walk.waiting = report.waiting;
            // Others may fill the queue again and again: the burst has its part of what is
            // written.
            if report.written > 0 {
                self.set_link_timer(link, LinkTimer::Burst, self.now + NEXT_EVENT);
            }
        }
    }

    /// Sends the next slice of a burst, if one is under way.
    pub(crate) fn send_slice(&mut self, link: LinkId, out: &mut Out) {
        let found = self.links.find_mut(link);
        let Some(mut walk) = found.and_then(|found| found.told.take()) else {
            return;
        };
        let Some(found) = self.links.find(link) else {
            return;
        };
        let bytes_max = match found.outlet {
            Outlet::Paced(_) => PACED_STEP,
            _ => slice_bytes(self.queue_bytes_max(link)),
        };
        let mut is_over = true;
        let slice = out.store(|arena| match &found.protocol {
            Protocol::Crc(session) => {
                if let Some(writer) = crc::burst::Writer::new(self, link, session) {
                    is_over = write_slice(self, &writer, &mut walk, bytes_max, arena);
                }
            }
            Protocol::Legacy(_) => {
                let writer = legacy::burst::Writer::new(self, link);
                is_over = write_slice(self, &writer, &mut walk, bytes_max, arena);
            }
            Protocol::Irc(_) => {}
        });
        let Some(found) = self.links.find_mut(link) else {
            return;
        };
        let mut waiting = walk.waiting;
        if let Outlet::Paced(pacer) = &mut found.outlet {
            pacer.grant(slice.len());
            waiting = pacer.waiting().len() + slice.len();
        }
        if !is_over {
            found.told.put_back(walk);
        }
        self.deliver(link, slice, out);
        if is_over {
            self.end_burst(link, out);
        } else if waiting < bytes_max {
            self.set_link_timer(link, LinkTimer::Burst, self.now + NEXT_EVENT);
        }
    }
}
