//! The steps of a link's life: sent to, written to, read from, closed, taken out.

use std::io::{self, IoSlice};
use std::time::Duration;

use crc_machine::{ByteRange, CloseWhen, LinkDown, LinkId, Outbox, Timestamp};

use super::{Entry, Sockets};
use crate::connection::{Connection, Phase, ReadOutcome};
use crate::listener::Apart;
use crate::read_buffer::ReadBuffer;

/// More memory for effects than this is given back after a turn that needed it.
const EFFECTS_KEPT_MAX: usize = 16 * 1024;

/// What is not urgent waits so long at most.
const NEWS_PAUSE_MAX: Duration = Duration::from_millis(50);

impl Sockets {
    pub(crate) fn link(&mut self, link: LinkId) -> Option<&mut Connection> {
        match self.entries.find(link)? {
            Entry::Link(connection) => Some(connection),
            Entry::Dial(_) => None,
        }
    }

    /// How many links and dials there are.
    pub(crate) fn count(&self) -> usize {
        self.entries.len()
    }

    /// How much has been gathered and not yet been written.
    pub(crate) fn pieces(&self) -> usize {
        self.pieces.len()
    }

    #[inline]
    pub(crate) fn send(&mut self, link: LinkId, range: ByteRange) {
        let Some(Entry::Link(connection)) = self.entries.find(link) else {
            return;
        };
        if !connection.is_machines() {
            return;
        }
        if let Some(place) = range.input_range() {
            self.input.keep(&place);
        }
        self.pieces.push(&mut connection.pieces, range);
        if !range.is_deferred() {
            if !connection.to_flush {
                connection.to_flush = true;
                self.to_flush.push(link);
            }
        } else if !connection.has_news {
            connection.has_news = true;
            self.news.push(link);
        }
    }

    pub(crate) fn bound(&mut self, link: LinkId, bytes_max: usize) {
        if let Some(connection) = self.link(link) {
            connection.queue.bound(bytes_max);
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
                self.end(link, LinkDown::Ended);
            }
            (Phase::Broken(kind, _), CloseWhen::Flushed) => {
                self.end(link, LinkDown::Failed(kind));
            }
            (Phase::Flushing(_) | Phase::Draining(_) | Phase::Over, _) => {}
        }
    }

    /// Writes out all that was gathered, as far as the sockets take it.
    pub(crate) fn flush<N>(&mut self, outbox: &mut Outbox<N>) {
        self.flush_urgent(outbox);
        self.flush_news(outbox);
        self.forget_written(outbox);
    }

    /// Writes out what is urgent, and the rest if it has waited for long enough.
    pub(crate) fn flush_due<N>(&mut self, outbox: &mut Outbox<N>) {
        self.flush_urgent(outbox);
        if !self.news.is_empty() && self.clock.now() >= self.news_at {
            self.flush_news(outbox);
        }
        if self.news.is_empty() {
            self.forget_written(outbox);
        } else {
            // Whoever had more than news has been written to.
            self.input.clear();
            outbox.clear_immediate(2 * self.config.outbox_bytes_max);
        }
    }

    fn flush_urgent<N>(&mut self, outbox: &Outbox<N>) {
        if self.to_flush.is_empty() {
            return;
        }
        let now = self.clock.now();
        let mut to_flush = core::mem::take(&mut self.to_flush);
        let input = core::mem::take(&mut self.input);
        let mut slices = Vec::new();
        for link in to_flush.drain(..) {
            self.flush_link(link, outbox, &input, &mut slices, now);
        }
        self.input = input;
        self.to_flush = to_flush;
    }

    /// Writes out what is not urgent. To write to many takes a while, and the
    /// longer it takes, the more is gathered for the next time.
    fn flush_news<N>(&mut self, outbox: &Outbox<N>) {
        let now = self.clock.now();
        let mut news = core::mem::take(&mut self.news);
        let input = core::mem::take(&mut self.input);
        let mut slices = Vec::new();
        for link in news.drain(..) {
            let waits = self.link(link).is_some_and(|connection| {
                connection.has_news = false;
                !connection.pieces.is_empty()
            });
            if waits {
                self.flush_link(link, outbox, &input, &mut slices, now);
            }
        }
        self.input = input;
        self.news = news;
        let done = self.clock.now();
        self.news_at = done + (2 * done.since(now)).min(NEWS_PAUSE_MAX);
    }

    /// Makes room for what the next turn gathers: all pieces have been written.
    fn forget_written<N>(&mut self, outbox: &mut Outbox<N>) {
        self.pieces.clear();
        self.input.clear();
        let mut effects = outbox.take_effects();
        effects.shrink_to(EFFECTS_KEPT_MAX);
        outbox.clear(effects, 2 * self.config.outbox_bytes_max);
    }

    fn flush_link<'a, N>(
        &mut self,
        link: LinkId,
        outbox: &'a Outbox<N>,
        input: &'a ReadBuffer,
        slices: &mut Vec<IoSlice<'a>>,
        now: Timestamp,
    ) {
        let Some(Entry::Link(connection)) = self.entries.find(link) else {
            return;
        };
        connection.to_flush = false;
        let outcome = connection.flush(&self.pieces, outbox, input, slices, &self.stats);
        let linger = now + self.config.linger_max;
        match (connection.phase, outcome) {
            (Phase::Live, Err(LinkDown::Failed(kind))) => {
                self.set_phase(link, Phase::Broken(kind, linger));
            }
            (Phase::Broken(kind, _), Err(_)) => self.end(link, LinkDown::Failed(kind)),
            (Phase::Live | Phase::Flushing(_), Err(why)) => self.end(link, why),
            (Phase::Flushing(_), Ok(())) if connection.queue.is_empty() => {
                if connection.ended || connection.end().is_err() {
                    self.end(link, LinkDown::Ended);
                } else {
                    self.set_phase(link, Phase::Draining(linger));
                }
            }
            (Phase::Draining(_) | Phase::Over, _) | (_, Ok(())) => {}
        }
        self.arm_later(link);
    }

    /// Reads from a link once, `bytes_max` at most. Says from where on it stands
    /// in the input. What ends the link is taken note of.
    pub(crate) fn read(&mut self, link: LinkId, bytes_max: usize) -> (usize, ReadOutcome) {
        let (at, room) = self.input.room();
        let Some(Entry::Link(connection)) = self.entries.find(link) else {
            return (at, ReadOutcome::Nothing);
        };
        if connection.phase == Phase::Over || connection.ended {
            return (at, ReadOutcome::Nothing);
        }
        let length = room.len().min(bytes_max);
        let outcome = connection.read(&mut room[..length], &self.stats);
        match (connection.phase, outcome) {
            (_, ReadOutcome::Bytes { .. } | ReadOutcome::Nothing) | (Phase::Over, _) => {}
            // Half of it is still open, and that is the half we need.
            (Phase::Flushing(_), ReadOutcome::End) => connection.ended = true,
            (Phase::Live, ReadOutcome::End) => self.end(link, LinkDown::PeerClosed),
            (Phase::Live | Phase::Flushing(_), ReadOutcome::Failed(kind)) => {
                self.end(link, LinkDown::Failed(kind));
            }
            (Phase::Broken(kind, _), _) => self.end(link, LinkDown::Failed(kind)),
            (Phase::Draining(_), _) => self.end(link, LinkDown::Ended),
        }
        (at, outcome)
    }

    /// Endpoints a link. The machine is to be told.
    pub(super) fn end(&mut self, link: LinkId, why: LinkDown) {
        let ended_before = self
            .link(link)
            .is_none_or(|connection| connection.phase == Phase::Over);
        if !ended_before {
            self.set_phase(link, Phase::Over);
            self.over.push_back((link, why));
        }
    }

    /// Takes a link that is over out of the house. What has not been written is
    /// in its queue.
    pub(crate) fn take<N>(
        &mut self,
        link: LinkId,
        why: LinkDown,
        outbox: &Outbox<N>,
    ) -> Option<Connection> {
        self.link(link)?;
        let Some(Entry::Link(mut connection)) = self.entries.remove(link) else {
            return None;
        };
        if why == LinkDown::PeerClosed {
            // It may have ended its own side only, and still be reading.
            connection.phase = Phase::Live;
        }
        // How that ends is not worth knowing any more.
        let _ = connection.flush(
            &self.pieces,
            outbox,
            &self.input,
            &mut Vec::new(),
            &self.stats,
        );
        self.link_is_gone(connection.counted_by);
        self.stats.queue_bytes.subtract(connection.queue.len());
        if why == LinkDown::SlowConsumer {
            self.stats.slow_consumers.add(1);
            log::warn!("{link} to {} closed: {why}", connection.peer);
        } else {
            log::debug!("{link} to {} is down: {why}", connection.peer);
        }
        Some(connection)
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

    pub(super) fn counted_apart(&mut self, counted_by: Option<u32>) -> Option<&mut Apart> {
        let listener = self.listeners.get_mut(counted_by? as usize)?;
        listener.apart.as_mut()
    }

    /// Counts a new link: by the listener that counts its links apart, or with
    /// all others.
    pub(super) fn link_is_up(&mut self, counted_by: Option<u32>) {
        self.stats.links_open.add(1);
        match self.counted_apart(counted_by) {
            Some(apart) => apart.links += 1,
            None => self.links += 1,
        }
    }

    /// Counts a link no more, and takes in who waited for its place.
    pub(super) fn link_is_gone(&mut self, counted_by: Option<u32>) {
        self.stats.links_open.subtract(1);
        match counted_by {
            Some(index) => self.open_the_door(index),
            None => {
                self.links -= 1;
                self.open_the_house();
            }
        }
    }
}
