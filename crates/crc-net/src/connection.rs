//! One connection: its socket, what waits to be written to it, and how far its
//! end has come. Moves bytes; what they mean, and what an end means to others,
//! is decided elsewhere.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use crc_machine::{LinkDown, Outbox, OverBound, SendQueue, Timestamp};

use crate::poll_source::PollSource;
use crate::read_buffer::ReadBuffer;
use crate::selector::Interest;
use crate::send_lists::{SendList, SendLists};
use crate::stats::Stats;

/// So many stretches of bytes go into one system call at most.
const SLICES_MAX: usize = 1024;

/// An open socket and its book-keeping. Kept small: there may be ten thousand
/// idle ones, and those own no buffer.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) socket: PollSource<TcpStream>,
    pub(crate) peer: SocketAddr,
    pub(crate) queue: SendQueue,
    pub(crate) phase: Phase,
    /// The listener that counts it, if that counts its links apart.
    pub(crate) counted_by: Option<u32>,
    /// What this turn has to send on it.
    pub(crate) pieces: SendList,
    /// Whether it has given us bytes yet.
    pub(crate) heard: bool,
    /// Whether the peer has ended its side.
    pub(crate) ended: bool,
    /// Whether the socket took all we gave it the last time.
    writable: bool,
    /// Whether it stands in the list of those to be written to.
    pub(crate) to_flush: bool,
    /// Whether it stands in the list of those that have something to be told
    /// that is not urgent.
    pub(crate) has_news: bool,
    /// Whether it stands in the list of those to be armed.
    pub(crate) to_arm: bool,
}

/// How far a connection's end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Not begun.
    Live,
    /// Writing failed, for this reason. What the peer sent before is still
    /// read, until this time at most.
    Broken(ErrorKind, Timestamp),
    /// The machine closed it: what waits has to be written by this time.
    Flushing(Timestamp),
    /// All was written and our side ended: the peer's side is read to its end,
    /// until this time at most.
    Draining(Timestamp),
    /// It is over; the machine is about to be told.
    Over,
}

/// What reading came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadOutcome {
    /// So many bytes, and whether that was all there was.
    Bytes { count: usize, all: bool },
    /// Nothing more at the moment.
    Nothing,
    /// The peer has ended its side.
    End,
    /// The connection is broken.
    Failed(ErrorKind),
}

impl Connection {
    pub(crate) fn new(
        socket: PollSource<TcpStream>,
        peer: SocketAddr,
        send_queue_bytes_max: usize,
    ) -> Self {
        Connection {
            socket,
            peer,
            queue: SendQueue::new(send_queue_bytes_max),
            phase: Phase::Live,
            counted_by: None,
            pieces: SendList::EMPTY,
            heard: false,
            ended: false,
            writable: true,
            to_flush: false,
            has_news: false,
            to_arm: false,
        }
    }

    /// Whether the machine still has to do with it: may send on it, and is told
    /// what comes.
    pub(crate) fn is_machines(&self) -> bool {
        matches!(self.phase, Phase::Live | Phase::Broken(..))
    }

    /// When something must be done about it if nothing happens.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Live | Phase::Over => None,
            Phase::Broken(_, deadline) | Phase::Flushing(deadline) | Phase::Draining(deadline) => {
                Some(deadline)
            }
        }
    }

    /// What its socket has to be watched for.
    pub(crate) fn interest(&self) -> Interest {
        match self.phase {
            Phase::Live | Phase::Flushing(_) => Interest {
                read: !self.ended,
                write: !self.queue.is_empty(),
            },
            Phase::Broken(..) | Phase::Draining(_) => Interest::READ,
            Phase::Over => Interest::NONE,
        }
    }

    /// Notes that the socket takes bytes again.
    pub(crate) fn now_writable(&mut self) {
        self.writable = true;
    }

    pub(crate) fn read(&mut self, buffer: &mut [u8], stats: &Stats) -> ReadOutcome {
        loop {
            stats.reads.add(1);
            match self.socket.source().read(buffer) {
                Ok(0) => return ReadOutcome::End,
                Ok(count) => {
                    stats.read_bytes.add(count);
                    let all = count < buffer.len();
                    return ReadOutcome::Bytes { count, all };
                }
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock => return ReadOutcome::Nothing,
                    kind => return ReadOutcome::Failed(kind),
                },
            }
        }
    }

    /// Writes what waits and then this turn's pieces, as far as the socket
    /// takes them; the rest of the pieces is queued.
    ///
    /// # Errors
    ///
    /// Why the connection is over, if it is. What was not written waits in the
    /// queue all the same, within its bound or not.
    pub(crate) fn flush<'a, N>(
        &mut self,
        pieces: &SendLists,
        outbox: &'a Outbox<N>,
        input: &'a ReadBuffer,
        slices: &mut Vec<IoSlice<'a>>,
        stats: &Stats,
    ) -> Result<(), LinkDown> {
        let waited = self.queue.len();
        let list = core::mem::replace(&mut self.pieces, SendList::EMPTY);
        let mut rest = pieces.iter(list).map(|range| match range.input_range() {
            Some(place) => input.get(place),
            None => outbox.bytes(range),
        });
        let mut written = 0;
        let mut outcome = Ok(());
        if matches!(self.phase, Phase::Live | Phase::Flushing(_)) {
            outcome = self.write_waiting(stats);
            if outcome.is_ok() && self.queue.is_empty() && self.writable {
                (written, outcome) = self.write_pieces(&mut rest, slices, stats);
            }
        }
        let mut over_bound = false;
        for piece in rest {
            if let Err(OverBound { .. }) = self.queue.push(piece, written) {
                over_bound = true;
            }
            written = 0;
        }
        stats.queue_bytes.subtract(waited);
        stats.queue_bytes.add(self.queue.len());
        match outcome {
            Err(error) => Err(LinkDown::Failed(error)),
            Ok(()) if over_bound => Err(LinkDown::SlowConsumer),
            Ok(()) => Ok(()),
        }
    }

    fn write_waiting(&mut self, stats: &Stats) -> Result<(), ErrorKind> {
        while self.writable && !self.queue.is_empty() {
            let waiting = self.queue.waiting();
            let length = waiting.len();
            let count = write_once(stats, || self.socket.source().write(waiting))?;
            self.writable = count == length;
            self.queue.advance(count);
        }
        Ok(())
    }

    /// Writes the pieces in `rest` and leaves those in it that were not wholly
    /// written. Says how much of the first of them was.
    fn write_pieces<'a>(
        &mut self,
        rest: &mut (impl Iterator<Item = &'a [u8]> + Clone),
        slices: &mut Vec<IoSlice<'a>>,
        stats: &Stats,
    ) -> (usize, Result<(), ErrorKind>) {
        loop {
            let mut ahead = rest.clone();
            let outcome = match (ahead.next(), ahead.next()) {
                (None, _) => return (0, Ok(())),
                (Some(only), None) => write_once(stats, || self.socket.source().write(only)),
                (Some(_), Some(_)) => {
                    slices.clear();
                    slices.extend(rest.clone().take(SLICES_MAX).map(IoSlice::new));
                    write_once(stats, || self.socket.source().write_vectored(slices))
                }
            };
            let mut count = match outcome {
                Ok(count) => count,
                Err(kind) => return (0, Err(kind)),
            };
            for piece in rest.clone().take(SLICES_MAX) {
                if count < piece.len() {
                    self.writable = false;
                    return (count, Ok(()));
                }
                count -= piece.len();
                rest.next();
            }
        }
    }

    /// Endpoints our side of the stream: all has been written.
    pub(crate) fn end(&self) -> io::Result<()> {
        self.socket.source().shutdown(Shutdown::Write)
    }
}

/// One system call that writes; 0 if the socket takes nothing at the moment.
fn write_once(
    stats: &Stats,
    mut write: impl FnMut() -> io::Result<usize>,
) -> Result<usize, ErrorKind> {
    loop {
        stats.writes.add(1);
        match write() {
            Ok(count) => {
                stats.written_bytes.add(count);
                return Ok(count);
            }
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => {}
                ErrorKind::WouldBlock => return Ok(0),
                kind => return Err(kind),
            },
        }
    }
}
