//! Links: sending, writing, reading, closing and removing.

use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::time::Duration;

use crc_machine::{ByteRange, CloseWhen, LinkDown, LinkId, Outbox, Timestamp};

use super::{Entry, Sockets};
use crate::connection::{Connection, Phase, ReadOutcome};
use crate::listener::OwnLimit;
use crate::read_buffer::ReadBuffer;
use crate::tls::RECORD_BYTES_MAX;

/// After a turn, a list of effects larger than this is shrunk.
const EFFECTS_KEPT_MAX: usize = 16 * 1024;

/// The longest delay of deferred sends.
const DEFERRED_DELAY_MAX: Duration = Duration::from_millis(50);

impl Sockets {
    pub(crate) fn link(&mut self, link: LinkId) -> Option<&mut Connection> {
        match self.entries.find(link)? {
            Entry::Link(connection) => Some(connection),
            Entry::Dial(_) | Entry::Handshake(_) => None,
        }
    }

    /// The number of links and dials.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The number of sends that are gathered and not written yet.
    pub(crate) fn gathered_sends(&self) -> usize {
        self.send_lists.len()
    }

    #[inline]
    pub(crate) fn send(&mut self, link: LinkId, range: ByteRange) {
        let Some(Entry::Link(connection)) = self.entries.find(link) else {
            return;
        };
        if !connection.is_up() {
            return;
        }
        if let Some(positions) = range.input_range() {
            self.read_buffer.keep(&positions);
        }
        self.send_lists.push(&mut connection.sends, range);
        if !range.is_deferred() {
            if !connection.in_to_flush {
                connection.in_to_flush = true;
                self.to_flush.push(link);
            }
        } else if !connection.in_deferred {
            connection.in_deferred = true;
            self.deferred.push(link);
        }
    }

    pub(crate) fn bound(&mut self, link: LinkId, bytes_max: usize) {
        if let Some(connection) = self.link(link) {
            connection.queue.bound(bytes_max);
        }
    }

    pub(crate) fn watch(&mut self, link: LinkId, step: usize) {
        if let Some(connection) = self.link(link) {
            connection.queue.watch(step);
        }
    }

    pub(crate) fn pause(&mut self, link: LinkId, paused: bool) {
        if let Some(connection) = self.link(link) {
            connection.paused = paused;
            self.arm_later(link);
            self.read_plaintext_later(link);
        }
    }

    pub(crate) fn close(&mut self, link: LinkId, when: CloseWhen, now: Timestamp) {
        let deadline = now + self.config.flush_max;
        let Some(connection) = self.link(link) else {
            return;
        };
        match (connection.phase, when) {
            (Phase::Live, CloseWhen::Flushed) => {
                self.set_phase(link, Phase::Flushing(deadline));
                self.flush_later(link);
                self.arm_later(link);
            }
            (Phase::Live | Phase::Broken(..), CloseWhen::Now) => {
                self.mark_down(link, LinkDown::Ended);
            }
            (Phase::Broken(kind, _), CloseWhen::Flushed) => {
                self.mark_down(link, LinkDown::Failed(kind));
            }
            (Phase::Flushing(_) | Phase::Draining(_) | Phase::Closed, _) => {}
        }
    }

    /// Writes all gathered sends, as far as the sockets accept them.
    pub(crate) fn flush<N>(&mut self, outbox: &mut Outbox<N>) {
        self.flush_immediate(outbox);
        self.flush_deferred(outbox);
        self.clear_sends(outbox);
    }

    /// Writes the immediate sends, and the deferred ones if their delay is over.
    pub(crate) fn flush_due<N>(&mut self, outbox: &mut Outbox<N>) {
        self.flush_immediate(outbox);
        if !self.deferred.is_empty() && self.clock.now() >= self.deferred_until {
            self.flush_deferred(outbox);
        }
        if self.deferred.is_empty() {
            self.clear_sends(outbox);
        } else {
            // All links with immediate sends are flushed. Only deferred bytes are still needed.
            self.read_buffer.clear();
            outbox.clear_immediate(2 * self.config.outbox_bytes_max);
        }
    }

    fn flush_immediate<N>(&mut self, outbox: &Outbox<N>) {
        if self.to_flush.is_empty() {
            return;
        }
        let now = self.clock.now();
        let mut to_flush = core::mem::take(&mut self.to_flush);
        let read_buffer = core::mem::take(&mut self.read_buffer);
        let mut slices = Vec::new();
        for link in to_flush.drain(..) {
            self.flush_link(link, outbox, &read_buffer, &mut slices, now);
        }
        self.read_buffer = read_buffer;
        self.to_flush = to_flush;
    }

    /// Writes the deferred sends. The next delay is twice as long as the writing takes, so that a
    /// larger crowd batches more sends per write.
    fn flush_deferred<N>(&mut self, outbox: &Outbox<N>) {
        let now = self.clock.now();
        let mut deferred = core::mem::take(&mut self.deferred);
        let read_buffer = core::mem::take(&mut self.read_buffer);
        let mut slices = Vec::new();
        for link in deferred.drain(..) {
            let has_sends = self.link(link).is_some_and(|connection| {
                connection.in_deferred = false;
                !connection.sends.is_empty()
            });
            if has_sends {
                self.flush_link(link, outbox, &read_buffer, &mut slices, now);
            }
        }
        self.read_buffer = read_buffer;
        self.deferred = deferred;
        let done = self.clock.now();
        self.deferred_until = done + (2 * done.since(now)).min(DEFERRED_DELAY_MAX);
    }

    /// Clears the sends after all of them are written or queued.
    fn clear_sends<N>(&mut self, outbox: &mut Outbox<N>) {
        self.send_lists.clear();
        self.read_buffer.clear();
        let mut effects = outbox.take_effects();
        effects.shrink_to(EFFECTS_KEPT_MAX);
        outbox.clear(effects, 2 * self.config.outbox_bytes_max);
    }

    fn flush_link<'a, N>(
        &mut self,
        link: LinkId,
        outbox: &'a Outbox<N>,
        read_buffer: &'a ReadBuffer,
        slices: &mut Vec<IoSlice<'a>>,
        now: Timestamp,
    ) {
        let Some(Entry::Link(connection)) = self.entries.find(link) else {
            return;
        };
        connection.in_to_flush = false;
        let before = connection.queue.len();
        let outcome = connection.flush(&self.send_lists, outbox, read_buffer, slices, &self.stats);
        let queue = &connection.queue;
        let watched = queue.is_watched().then(|| queue.len());
        self.stats.set_watched_queue(link, before, watched);
        let linger = now + self.config.linger_max;
        if let Some(report) = connection.queue.take_report() {
            self.reports.push_back((link, report));
        }
        match (connection.phase, outcome) {
            (Phase::Live, Err(LinkDown::Failed(kind))) => {
                self.set_phase(link, Phase::Broken(kind, linger));
            }
            (Phase::Broken(kind, _), Err(_)) => self.mark_down(link, LinkDown::Failed(kind)),
            (Phase::Live | Phase::Flushing(_), Err(why)) => self.mark_down(link, why),
            (Phase::Flushing(_), Ok(()))
                if connection.queue.is_empty() && connection.end_tls(&self.stats) =>
            {
                if connection.peer_closed || connection.shut_down().is_err() {
                    self.mark_down(link, LinkDown::Ended);
                } else {
                    self.start_draining(link, now);
                }
            }
            (Phase::Draining(_) | Phase::Closed, _) | (_, Ok(())) => {}
        }
        self.arm_later(link);
    }

    /// How many bytes of a link the driver reads at once.
    pub(crate) fn read_size(&mut self, link: LinkId) -> usize {
        let bytes_max = self.config.read_buffer_bytes;
        let connection = self.link(link);
        connection.map_or(bytes_max, |connection| connection.read_size(bytes_max))
    }

    /// Reads from a link once, at most `bytes_max` bytes. Returns the position of the bytes in the
    /// read buffer. Notes if the read ends the link.
    pub(crate) fn read(&mut self, link: LinkId, bytes_max: usize) -> (usize, ReadOutcome) {
        let (start, space) = self.read_buffer.space();
        let Some(Entry::Link(connection)) = self.entries.find(link) else {
            return (start, ReadOutcome::WouldBlock);
        };
        if connection.phase == Phase::Closed || connection.peer_closed {
            return (start, ReadOutcome::WouldBlock);
        }
        let outcome = if connection.tls.is_none() {
            let length = space.len().min(bytes_max);
            connection.read(&mut space[..length], &self.stats)
        } else {
            let (_, space) = self.read_buffer.space_for_records();
            let size = space
                .len()
                .saturating_sub(RECORD_BYTES_MAX)
                .min(bytes_max)
                .max(1);
            self.tls_scratch
                .resize(self.config.read_buffer_bytes.max(1), 0);
            let outcome = connection.read_tls(&mut self.tls_scratch, space, size, &self.stats);
            if connection.tls_wants_write() && !connection.in_to_flush {
                // The peer has asked for new keys.
                connection.in_to_flush = true;
                self.to_flush.push(link);
            }
            outcome
        };
        match (connection.phase, outcome) {
            (Phase::Draining(_), ReadOutcome::Bytes { .. }) if self.stopping => {
                let now = self.clock.now();
                self.start_draining(link, now);
            }
            (_, ReadOutcome::Bytes { .. } | ReadOutcome::WouldBlock) | (Phase::Closed, _) => {}
            // The sending side is still open, and the queue is not empty.
            (Phase::Flushing(_), ReadOutcome::End | ReadOutcome::Truncated) => {
                connection.peer_closed = true;
            }
            (Phase::Live, ReadOutcome::End) => self.mark_down(link, LinkDown::PeerClosed),
            (Phase::Live, ReadOutcome::Truncated) => self.mark_down(link, LinkDown::Truncated),
            (Phase::Live | Phase::Flushing(_), ReadOutcome::Failed(kind)) => {
                self.mark_down(link, LinkDown::Failed(kind));
            }
            (Phase::Broken(kind, _), _) => self.mark_down(link, LinkDown::Failed(kind)),
            (Phase::Draining(_), _) => self.mark_down(link, LinkDown::Ended),
        }
        (start, outcome)
    }

    /// Marks a link as down. The driver notifies the machine later.
    pub(super) fn mark_down(&mut self, link: LinkId, why: LinkDown) {
        let already_down = self
            .link(link)
            .is_none_or(|connection| connection.phase == Phase::Closed);
        if !already_down {
            self.set_phase(link, Phase::Closed);
            self.links_down.push_back((link, why));
        }
    }

    /// Removes a link that is down. Its queue holds what is not written.
    pub(crate) fn remove_link<N>(
        &mut self,
        link: LinkId,
        why: LinkDown,
        outbox: &Outbox<N>,
    ) -> Option<Connection> {
        self.link(link)?;
        let Some(Entry::Link(mut connection)) = self.entries.remove(link) else {
            return None;
        };
        if matches!(why, LinkDown::PeerClosed | LinkDown::Truncated) {
            // The peer may have closed its own side only, and may still be reading.
            connection.phase = Phase::Live;
        }
        self.stats
            .set_watched_queue(link, connection.queue.len(), None);
        // The link is down already, so a further error changes nothing.
        let _ = connection.flush(
            &self.send_lists,
            outbox,
            &self.read_buffer,
            &mut Vec::new(),
            &self.stats,
        );
        if !matches!(why, LinkDown::Failed(_)) {
            connection.end_tls(&self.stats);
        }
        self.uncount_link(&connection);
        self.stats.queue_bytes.subtract(connection.queue.len());
        let peer = connection.peer;
        if why == LinkDown::SlowConsumer {
            self.stats.slow_consumers.add(1);
            log::warn!("{link}: closed: peer={peer} reason=\"{why}\"");
        } else {
            log::debug!("{link}: down: peer={peer} reason=\"{why}\"");
        }
        Some(connection)
    }

    /// The driver has ended its side of a stream, and waits for the peer's end.
    pub(super) fn start_draining(&mut self, link: LinkId, now: Timestamp) {
        let linger_max = self.config.linger_max;
        let linger = match self.stopping {
            true => self.config.stop_linger.min(linger_max),
            false => linger_max,
        };
        self.set_phase(link, Phase::Draining(now + linger));
    }

    pub(super) fn set_phase(&mut self, link: LinkId, phase: Phase) {
        let Some(Entry::Link(connection)) = self.entries.find(link) else {
            return;
        };
        let key = link.as_u64();
        if let Some(deadline) = connection.deadline() {
            self.deadlines.remove(&(deadline, key));
        }
        connection.phase = phase;
        self.deadlines
            .extend(connection.deadline().map(|deadline| (deadline, key)));
    }

    pub(super) fn insert_link(
        &mut self,
        make: impl FnOnce(LinkId) -> io::Result<Connection>,
    ) -> io::Result<LinkId> {
        self.entries.insert(|link| make(link).map(Entry::Link))
    }

    /// The own limit of the listener that counts a link, if one does.
    pub(super) fn own_limit(&mut self, limited_by: Option<u16>) -> Option<&mut OwnLimit> {
        let listener = self.listeners.get_mut(usize::from(limited_by?))?;
        listener.own_limit.as_mut()
    }

    /// Counts a new link: towards its listener's own limit, or towards the connection limit, and
    /// there for its address if it was accepted.
    pub(super) fn count_link(&mut self, limited_by: Option<u16>, accepted_from: Option<IpAddr>) {
        self.stats.links_open.add(1);
        match (self.own_limit(limited_by), accepted_from) {
            (Some(limit), Some(ip)) => limit.add(ip),
            (_, ip) => {
                self.links += 1;
                if let Some(ip) = ip {
                    self.places.add(ip, &self.config);
                }
            }
        }
    }

    /// Uncounts a removed link, and resumes listeners that wait at the limit.
    pub(super) fn uncount_link(&mut self, connection: &Connection) {
        let (limited_by, ip) = (connection.limited_by, connection.peer.ip());
        self.uncount(limited_by, connection.counts_for_address, ip);
    }

    pub(super) fn uncount(
        &mut self,
        limited_by: Option<u16>,
        counts_for_address: bool,
        ip: IpAddr,
    ) {
        self.stats.links_open.subtract(1);
        match limited_by {
            Some(index) => self.resume_listener(index, ip),
            None => {
                self.links -= 1;
                if counts_for_address {
                    self.places.remove(ip);
                }
                self.resume_listeners();
            }
        }
    }
}
