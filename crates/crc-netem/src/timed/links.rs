//! What a machine does with its links, and how they end.

use core::time::Duration;
use std::io::ErrorKind;

use crc_machine::{CloseWhen, LinkDown, LinkId};

use super::{Entry, FLUSH_MAX, LINGER_MAX, Progress, Step, TimedNet};
use crate::connection::{Phase, Pumped, Side};
use crate::draw::Draw;
use crate::event::LinkEvent;

impl<E: Copy> TimedNet<E> {
    /// Where a link of a host is.
    #[must_use]
    pub fn find(&self, host: usize, link: LinkId) -> Option<(usize, Side)> {
        self.hosts[host].links.find(link)
    }

    /// The same, if the machine may still send on it.
    #[must_use]
    pub fn sendable(&self, host: usize, link: LinkId) -> Option<(usize, Side)> {
        let (connection, side) = self.find(host, link)?;
        let end = &self.connections[connection].ends[side];
        // Bytes of the same turn as those that exceeded the bound join the queue, and
        // return to the machine with it.
        let slow = end.down == Some(LinkDown::SlowConsumer);
        (end.is_open() || slow).then_some((connection, side))
    }

    /// Sends bytes from an end that is [sendable](Self::sendable); `false` if its queue
    /// exceeds its bound now, which ends its link.
    pub fn send(&mut self, connection: usize, side: Side, bytes: &[u8]) -> bool {
        let it = &mut self.connections[connection];
        let live = it.ends[side].phase == Phase::Live;
        let fits = it.send(side, bytes).is_ok();
        // A write may find that a connection is broken.
        if live
            && let Some(kind) = it.streams[1 - side].reset
            && self.paths[connection].random.chance(50)
        {
            it.ends[side].phase = Phase::Broken(kind);
            self.set_deadline(connection, side, LINGER_MAX);
        }
        self.note_report(connection, side);
        if !fits {
            self.end(connection, side, LinkDown::SlowConsumer);
        }
        self.schedule_delivery(connection, 1 - side, true);
        fits
    }

    /// Bounds the queue of a link.
    pub fn bound(&mut self, host: usize, link: LinkId, bytes_max: usize) {
        if let Some((connection, side)) = self.find(host, link) {
            self.connections[connection].ends[side].set_bound(bytes_max);
        }
    }

    /// Watches the queue of a link.
    pub fn watch(&mut self, host: usize, link: LinkId, step: usize) {
        if let Some((connection, side)) = self.find(host, link) {
            self.connections[connection].ends[side].queue.watch(step);
        }
    }

    /// A machine stops reading from a link, or goes on.
    pub fn pause(&mut self, host: usize, link: LinkId, paused: bool) {
        if let Some((connection, side)) = self.find(host, link) {
            self.connections[connection].ends[side].paused = paused;
            self.schedule_delivery(connection, side, false);
        }
    }

    fn note_report(&mut self, connection: usize, side: Side) {
        let queue = &mut self.connections[connection].ends[side].queue;
        if let Some(report) = queue.take_report() {
            self.reports.push_back((connection, side, report));
        }
    }

    /// A machine closes one of its links.
    pub fn close(&mut self, host: usize, link: LinkId, when: CloseWhen) {
        let Some((connection, side)) = self.find(host, link) else {
            return;
        };
        match (self.connections[connection].ends[side].phase, when) {
            (Phase::Live, CloseWhen::Flushed) => {
                self.connections[connection].ends[side].phase = Phase::Flushing;
                self.set_deadline(connection, side, FLUSH_MAX);
                self.pump(connection, side);
                // What a paused end has not read is read now.
                self.schedule_delivery(connection, side, false);
            }
            (Phase::Live | Phase::Broken(_), CloseWhen::Now) => {
                self.end(connection, side, LinkDown::Ended);
            }
            (Phase::Broken(kind), CloseWhen::Flushed) => {
                self.end(connection, side, LinkDown::Failed(kind));
            }
            (Phase::Coming | Phase::Flushing | Phase::Draining | Phase::Gone, _) => {}
        }
    }

    /// Writes what is queued, as far as it fits.
    pub(super) fn pump(&mut self, connection: usize, side: Side) {
        let pumped = self.connections[connection].pump(side);
        self.note_report(connection, side);
        match pumped {
            Pumped::Nothing => return,
            Pumped::Moved => {}
            Pumped::Finished => self.set_deadline(connection, side, LINGER_MAX),
            Pumped::Closed => self.end(connection, side, LinkDown::Ended),
        }
        self.schedule_delivery(connection, 1 - side, true);
    }

    fn set_deadline(&mut self, connection: usize, side: Side, after: Duration) {
        let when = self.now + after;
        self.connections[connection].ends[side].deadline = Some(when);
        self.calendar
            .enter(when, Entry::Deadline { connection, side });
    }

    pub(super) fn deadline(&mut self, connection: usize, side: Side) {
        let end = &self.connections[connection].ends[side];
        let (host, phase) = (end.host, end.phase);
        if end.deadline != Some(self.now) {
            return;
        }
        if self.is_put_off(host, Entry::Deadline { connection, side }) {
            let until = self.hosts[host].frozen_until;
            self.connections[connection].ends[side].deadline = Some(until);
            return;
        }
        let why = match phase {
            Phase::Coming | Phase::Live | Phase::Gone => return,
            Phase::Broken(kind) => LinkDown::Failed(kind),
            Phase::Flushing => LinkDown::Failed(ErrorKind::TimedOut),
            Phase::Draining => LinkDown::Ended,
        };
        self.end(connection, side, why);
    }

    /// Ends a link. [`poll_down`](Self::poll_down) tells its machine.
    pub(super) fn end(&mut self, connection: usize, side: Side, why: LinkDown) {
        let end = &mut self.connections[connection].ends[side];
        if end.down.is_some() || matches!(end.phase, Phase::Gone | Phase::Coming) {
            return;
        }
        end.down = Some(why);
        end.deadline = None;
        if why != LinkDown::PeerClosed {
            end.phase = Phase::Draining;
        }
        self.over.push_back((connection, side));
    }

    /// The next link that has ended and whose `LinkDown` is not handled yet, or the next report
    /// about a queue. Effects may end links at once: ask after each event, before time goes on.
    /// [`poll`](Self::poll) asks, too.
    pub fn poll_down(&mut self) -> Option<Step<E>> {
        let Some((connection, side)) = self.over.pop_front() else {
            return self.poll_report();
        };
        let end = &self.connections[connection].ends[side];
        let (host, link) = (end.host, end.link);
        let why = end.down.unwrap_or(LinkDown::Ended);
        if why == LinkDown::PeerClosed {
            // The peer may have ended its own side only, and still be reading.
            self.pump(connection, side);
        }
        let it = &mut self.connections[connection];
        let queue = it.take_queue(side);
        let written = it.streams[side].sent;
        self.progress.push(Progress::Returned {
            connection,
            writer: side,
            written,
        });
        self.close_socket(connection, side);
        self.hosts[host].links.close(link);
        self.hosts[host].forget(connection, side);
        Some(Step::Link {
            host,
            connection,
            side,
            event: LinkEvent::Down { link, why, queue },
        })
    }

    fn poll_report(&mut self) -> Option<Step<E>> {
        loop {
            let (connection, side, report) = self.reports.pop_front()?;
            let end = &self.connections[connection].ends[side];
            if end.is_open() {
                return Some(Step::Link {
                    host: end.host,
                    connection,
                    side,
                    event: LinkEvent::Queue {
                        link: end.link,
                        report,
                    },
                });
            }
        }
    }

    /// What the kernel does when a process closes a socket.
    pub(super) fn close_socket(&mut self, connection: usize, side: Side) {
        let it = &mut self.connections[connection];
        if it.ends[side].phase == Phase::Gone {
            return;
        }
        it.ends[side].phase = Phase::Gone;
        it.ends[side].deadline = None;
        let writer = 1 - side;
        if it.streams[writer].in_flight() > 0 {
            it.streams[writer].truncate(0);
            let (delivered, written) = (it.streams[writer].delivered, it.written(writer));
            self.lose(connection, writer, delivered, written);
            let after = self.paths[connection].delay();
            self.reset_after(connection, writer, after, ErrorKind::ConnectionReset);
        } else {
            it.streams[side].ended = true;
            self.schedule_delivery(connection, writer, true);
        }
    }

    /// The bytes that the end at `writer` sent behind `after`, up to `upto`, are lost.
    pub(super) fn lose(&mut self, connection: usize, writer: Side, after: u64, upto: u64) {
        self.progress.push(Progress::Lost {
            connection,
            writer,
            after,
            upto,
        });
    }
}
