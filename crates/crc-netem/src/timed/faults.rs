//! Faults of the network: resets, dead paths, stalls and partitions.

use core::time::Duration;
use std::io::ErrorKind;

use crc_machine::Timestamp;

use super::{Entry, Partition, TimedNet};
use crate::connection::{Phase, Side};
use crate::draw::{Draw, mix};

impl<E: Copy> TimedNet<E> {
    /// From now on nothing gets through a connection, and neither end gets an error.
    pub fn black_hole(&mut self, connection: usize) {
        for stream in &mut self.connections[connection].streams {
            stream.black_hole = true;
        }
    }

    /// Nothing that the end at `writer` writes gets through before `until`.
    pub fn stall(&mut self, connection: usize, writer: Side, until: Timestamp) {
        let stream = &mut self.connections[connection].streams[writer];
        stream.stalled_until = stream.stalled_until.max(until);
    }

    /// Ends all stalls.
    pub fn end_stalls(&mut self) {
        for connection in &mut self.connections {
            for stream in &mut connection.streams {
                stream.stalled_until = self.now;
            }
        }
    }

    /// Parts the network in two, or ends that.
    pub const fn set_partition(&mut self, partition: Option<Partition>) {
        self.partition = partition;
    }

    /// Until when nothing passes between two hosts.
    pub(super) fn parted_until(&self, one: usize, other: usize) -> Option<Timestamp> {
        let partition = self.partition?;
        let concerned = |host: usize| self.hosts[host].options.partitioned;
        if !concerned(one) || !concerned(other) {
            return None;
        }
        let half = |host: usize| mix(partition.salt, host as u64) & 1;
        (half(one) != half(other) && partition.until > self.now).then_some(partition.until)
    }

    /// Breaks a connection, as the end at `side` learns after some time. A part of what
    /// is in flight is lost. To break it for both ends, call it for both.
    pub fn reset_after(&mut self, connection: usize, side: Side, after: Duration, kind: ErrorKind) {
        let entry = Entry::Reset {
            connection,
            side,
            kind,
        };
        self.calendar.enter(self.now + after, entry);
    }

    /// The connection is broken, as the end at `side` learns now.
    pub(super) fn reset(&mut self, connection: usize, side: Side, kind: ErrorKind) {
        let writer = 1 - side;
        let it = &mut self.connections[connection];
        let known = it.streams[writer].reset.is_some() && !it.streams[writer].black_hole;
        if it.ends[side].phase == Phase::Gone || known {
            return;
        }
        let arrived = it.streams[writer].in_flight();
        let whole = self.hosts[it.ends[side].host].options.whole_reads.is_some();
        let random = &mut self.paths[connection].random;
        let keep = match random.below(3) {
            // A message that is cut would never be whole again.
            _ if whole => 0,
            0 => 0,
            1 => arrived,
            _ => random.index(arrived + 1),
        };
        let incoming = &mut it.streams[writer];
        incoming.truncate(keep);
        incoming.reset = Some(kind);
        incoming.dead = true;
        incoming.black_hole = false;
        incoming.stalled_until = self.now;
        let kept = incoming.delivered + keep as u64;
        let outgoing = &mut it.streams[side];
        outgoing.truncate(0);
        outgoing.dead = true;
        let delivered = outgoing.delivered;
        let written = [it.written(0), it.written(1)];
        self.lose(connection, writer, kept, written[writer]);
        self.lose(connection, side, delivered, written[side]);
        self.schedule_delivery(connection, side, false);
    }
}
