//! Congestion: a server reads more slowly than this one sends to it.
//!
//! While a server's queue is long, each source has a share of it. The share is an eighth of
//! what is free, so that it shrinks with each source that fills its own: any number of sources
//! leave a part of the queue free, and a source that sends little is never refused. This file
//! counts; `context/congestion.rs` pauses clients and refuses chats.

use core::time::Duration;
use std::collections::BTreeMap;

use crc_machine::{LinkId, QueueReport, Timestamp};
use crc_wire::HostId;

/// How many sources are counted at one queue. Further sources are refused only when no
/// share is left.
const SOURCES_MAX: usize = 4096;

/// A queue of at least this part of its bound is congested. Half of it ends the congestion.
const BEGIN_PART: usize = 16;

/// The share of one source, as a part of what is free.
const SHARE_PART: usize = 8;

/// For how long a client is not read that fills the queue of a server elsewhere.
pub(crate) const SLOWED_FOR: Duration = Duration::from_secs(1);

/// A queue is reported each time it changes by this part of its bound.
const STEP_PART: usize = 64;

/// The step in which the queue of a server is watched.
pub(crate) const fn step(bytes_max: usize) -> usize {
    match bytes_max / STEP_PART {
        0 => 1,
        step => step,
    }
}

/// What sources have in the queue of one server.
#[derive(Debug)]
pub(crate) struct Congestion {
    bytes_max: usize,
    waiting: usize,
    /// How many bytes of chats were admitted since the last report.
    admitted: usize,
    /// How many bytes must be written until all that was queued when the epoch began is.
    epoch_left: usize,
    sources: BTreeMap<HostId, Usage>,
    /// The clients of this server that are not read because they have filled their share.
    paused: BTreeMap<HostId, LinkId>,
    /// The length of a queue that this server holds itself, when the event began.
    pub(crate) held_before: usize,
}

/// What one source has in the queue: at most this, for some of it may be written.
#[derive(Debug, Default)]
struct Usage {
    /// What it sent in the epoch before.
    before: usize,
    /// What it sent in this epoch.
    now: usize,
    /// When its server was last asked to slow it down.
    told_at: Option<Timestamp>,
}

impl Usage {
    const fn bytes(&self) -> usize {
        self.before.saturating_add(self.now)
    }
}

/// Whether a chat may join the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    Admitted,
    /// The source has filled its share.
    Refused,
}

impl Congestion {
    /// Whether a queue is congested.
    pub(crate) const fn begins(waiting: usize, bytes_max: usize) -> bool {
        waiting > bytes_max / BEGIN_PART
    }

    /// The congestion of a queue, as it begins.
    pub(crate) const fn new(waiting: usize, bytes_max: usize) -> Self {
        Congestion {
            bytes_max,
            waiting,
            admitted: 0,
            epoch_left: waiting,
            sources: BTreeMap::new(),
            paused: BTreeMap::new(),
            held_before: 0,
        }
    }

    /// Notes how the queue has changed.
    /// The bytes that wait in the queue.
    pub(crate) const fn waiting(&self) -> usize {
        self.waiting
    }

    /// The queue is this long now.
    pub(crate) fn on_report(&mut self, report: QueueReport) {
        self.waiting = report.waiting;
        self.admitted = 0;
        self.epoch_left = self.epoch_left.saturating_sub(report.written);
        if self.epoch_left == 0 {
            self.epoch_left = self.waiting;
            self.sources.retain(|_, usage| {
                *usage = Usage {
                    before: usage.now,
                    now: 0,
                    told_at: usage.told_at,
                };
                usage.before > 0
            });
        }
    }

    /// Whether the queue is short again.
    pub(crate) const fn is_over(&self) -> bool {
        self.waiting <= self.bytes_max / (2 * BEGIN_PART)
    }

    /// What one source may have in the queue. A quarter of the bound is for changes of the
    /// network, which are never refused.
    const fn share(&self) -> usize {
        (self.bytes_max - self.bytes_max / 4).saturating_sub(self.waiting + self.admitted)
            / SHARE_PART
    }

    fn usage_mut(&mut self, source: HostId) -> Option<&mut Usage> {
        if self.sources.len() >= SOURCES_MAX && !self.sources.contains_key(&source) {
            return None;
        }
        Some(self.sources.entry(source).or_default())
    }

    /// Counts a chat of a source, unless it exceeds the source's share.
    pub(crate) fn admit(&mut self, source: HostId, bytes: usize) -> Admission {
        let share = self.share();
        match self.usage_mut(source) {
            Some(usage) if usage.bytes().saturating_add(bytes) > share => {
                return Admission::Refused;
            }
            Some(usage) => usage.now += bytes,
            None if share == 0 => return Admission::Refused,
            None => {}
        }
        self.admitted += bytes;
        Admission::Admitted
    }

    /// Whether a client of this server, which is paused in time, may still send a chat: it may
    /// as long as there are shares.
    pub(crate) const fn admit_own(&mut self, bytes: usize) -> Admission {
        if self.share() == 0 {
            return Admission::Refused;
        }
        self.admitted += bytes;
        Admission::Admitted
    }

    /// Counts what a client of this server has caused. Returns whether it is to be paused.
    pub(crate) fn charge(&mut self, source: HostId, link: LinkId, bytes: usize) -> bool {
        let share = self.share();
        let full = match self.usage_mut(source) {
            Some(usage) => {
                usage.now = usage.now.saturating_add(bytes);
                usage.bytes() > share
            }
            None => share == 0,
        };
        full && self.paused.insert(source, link) != Some(link)
    }

    /// Counts a change that a host of another server has caused: such are never refused.
    /// Returns whether that server is to slow the host down.
    pub(crate) fn charge_remote(&mut self, source: HostId, bytes: usize, now: Timestamp) -> bool {
        let share = self.share();
        let Some(usage) = self.usage_mut(source) else {
            return false;
        };
        usage.now = usage.now.saturating_add(bytes);
        let told = usage.told_at.is_some_and(|at| now < at + SLOWED_FOR);
        if usage.bytes() <= share || told {
            return false;
        }
        usage.told_at = Some(now);
        true
    }

    /// Whether the client of a link is paused.
    pub(crate) fn pauses(&self, link: LinkId) -> bool {
        self.paused.values().any(|paused| *paused == link)
    }

    /// Takes the clients that may be read again: those that have half of their share left, or
    /// all if the congestion is over.
    pub(crate) fn take_resumed(&mut self, all: bool) -> Vec<LinkId> {
        let share = self.share();
        let mut resumed = Vec::new();
        self.paused.retain(|source, link| {
            let used = self.sources.get(source).map_or(0, Usage::bytes);
            let resumes = all || used < share.div_ceil(2);
            if resumes {
                resumed.push(*link);
            }
            !resumes
        });
        resumed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    fn id(number: u32) -> HostId {
        HostId::new(number).unwrap()
    }

    fn report(waiting: usize, written: usize) -> QueueReport {
        QueueReport { waiting, written }
    }

    #[test]
    fn any_number_of_sources_leave_room_for_one_more() {
        let mut congestion = Congestion::new(4 * MIB, 64 * MIB);
        let mut waiting = 4 * MIB;
        for source in 1..=1000 {
            while congestion.admit(id(source), 1000) == Admission::Admitted {
                waiting += 1000;
                congestion.on_report(report(waiting, 0));
            }
        }
        assert!(waiting < 48 * MIB, "{waiting}");
        assert_eq!(congestion.admit(id(2000), 20), Admission::Admitted);
        assert_eq!(congestion.admit(id(1), 1000), Admission::Refused);
    }

    #[test]
    fn what_is_written_is_returned_to_its_source() {
        let mut congestion = Congestion::new(4 * MIB, 64 * MIB);
        let link = LinkId::new(1, 1);
        assert!(!congestion.charge(id(7), link, MIB));
        assert!(congestion.charge(id(7), link, 5 * MIB));
        assert!(!congestion.charge(id(7), link, 1), "it is paused already");
        assert!(congestion.pauses(link));
        congestion.on_report(report(10 * MIB, 0));
        assert_eq!(congestion.take_resumed(false), []);
        congestion.on_report(report(6 * MIB, 4 * MIB));
        assert_eq!(congestion.take_resumed(false), [], "it has the rest");
        congestion.on_report(report(6 * MIB, 6 * MIB));
        assert_eq!(congestion.take_resumed(false), [link]);
        assert!(!congestion.is_over());
        congestion.on_report(report(2 * MIB, 4 * MIB));
        assert!(congestion.is_over());
    }

    #[test]
    fn what_one_event_admits_counts_before_it_is_reported() {
        let mut congestion = Congestion::new(40 * MIB, 64 * MIB);
        let mut admitted = 0;
        while congestion.admit_own(MIB) == Admission::Admitted {
            admitted += MIB;
        }
        assert_eq!(admitted, 8 * MIB);
        assert_eq!(congestion.admit(id(8), 1), Admission::Refused);
    }

    #[test]
    fn the_table_of_sources_is_bounded() {
        let mut congestion = Congestion::new(4 * MIB, 64 * MIB);
        for source in 1..10_000 {
            assert_eq!(congestion.admit(id(source), 1), Admission::Admitted);
        }
        assert_eq!(congestion.sources.len(), SOURCES_MAX);
        congestion.on_report(report(48 * MIB, 0));
        assert_eq!(congestion.admit(id(9_999), 1), Admission::Refused);
    }
}
