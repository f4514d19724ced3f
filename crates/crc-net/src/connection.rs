//! One connection: its socket, its send queue, and its progress towards the end. It moves bytes; the
//! driver decides what their arrival or an error means.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use crc_machine::{LinkDown, Outbox, OverBound, SendQueue, Timestamp};

use crate::poll_source::PollSource;
use crate::read_buffer::ReadBuffer;
use crate::selector::Interest;
use crate::send_lists::{SendList, SendLists};
use crate::stats::Stats;
use crate::tls::{RUN_BYTES_MAX, Session, TlsRead};

/// One vectored write has at most this many slices.
const SLICES_MAX: usize = 1024;

/// A link is first read in pieces of a quarter, until they turn out to be cheap.
const READ_HALVINGS_AT_FIRST: u8 = 2;

/// The smallest read is 1 KiB of 64.
const READ_HALVINGS_MAX: u8 = 6;

/// An open socket and its state. It is small, because there may be ten thousand idle ones. An idle
/// connection owns no buffer.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) socket: PollSource<TcpStream>,
    pub(crate) peer: SocketAddr,
    pub(crate) queue: SendQueue,
    pub(crate) phase: Phase,
    /// The TLS session of a secured connection.
    pub(crate) tls: Option<Box<Session>>,
    /// The index of the listener whose own limit counts this connection, if one does.
    pub(crate) limited_by: Option<u16>,
    /// Whether it counts as a link of its peer's address.
    pub(crate) counts_for_address: bool,
    /// This turn's sends.
    pub(crate) sends: SendList,
    /// Whether bytes have come from the peer.
    pub(crate) has_received: bool,
    /// How often the size of a read is halved, because its bytes cost the machine much time.
    pub(crate) read_halvings: u8,
    /// Whether the machine wants no bytes from it.
    pub(crate) paused: bool,
    /// Whether the peer has closed its side of the stream.
    pub(crate) peer_closed: bool,
    /// Whether the socket accepted everything in the latest write.
    writable: bool,
    /// Whether the connection is in the list of those to write to.
    pub(crate) in_to_flush: bool,
    /// Whether the connection is in the list of those with deferred sends.
    pub(crate) in_deferred: bool,
    /// Whether the connection is in the list of those to arm.
    pub(crate) in_to_arm: bool,
}

/// How far a connection has progressed towards its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Open.
    Live,
    /// A write failed with this error. The driver still reads what the peer sent before, until the
    /// deadline.
    Broken(ErrorKind, Timestamp),
    /// The machine closed it. The queued bytes must be written by the deadline.
    Flushing(Timestamp),
    /// Everything is written and the sending side is shut down. The driver reads the peer's side
    /// to its end, until the deadline.
    Draining(Timestamp),
    /// The connection is down. The driver has not notified the machine yet.
    Closed,
}

/// The result of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadOutcome {
    /// `count` bytes, for which the socket gave `taken`. `all` if it has no further bytes. Only on a
    /// TLS connection the numbers differ, and `count` may be 0.
    Bytes {
        count: usize,
        taken: usize,
        all: bool,
    },
    /// No bytes at the moment.
    WouldBlock,
    /// The peer has closed its side.
    End,
    /// The stream ended without the end that TLS announces.
    Truncated,
    /// The connection failed.
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
            tls: None,
            limited_by: None,
            counts_for_address: false,
            sends: SendList::EMPTY,
            has_received: false,
            read_halvings: READ_HALVINGS_AT_FIRST,
            paused: false,
            peer_closed: false,
            writable: true,
            in_to_flush: false,
            in_deferred: false,
            in_to_arm: false,
        }
    }

    /// Whether the link is up for the machine: it may send, and receives bytes.
    pub(crate) fn is_up(&self) -> bool {
        matches!(self.phase, Phase::Live | Phase::Broken(..))
    }

    /// Whether it is not read. A link that the machine closes is read to its end.
    pub(crate) fn is_paused(&self) -> bool {
        self.paused && self.phase == Phase::Live
    }

    /// The deadline of the current phase.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Live | Phase::Closed => None,
            Phase::Broken(_, deadline) | Phase::Flushing(deadline) | Phase::Draining(deadline) => {
                Some(deadline)
            }
        }
    }

    /// What the selector must watch the socket for.
    pub(crate) fn interest(&self) -> Interest {
        match self.phase {
            Phase::Live | Phase::Flushing(_) => Interest {
                read: !self.peer_closed && !self.is_paused(),
                write: !self.queue.is_empty() || self.tls_wants_write(),
            },
            Phase::Broken(..) | Phase::Draining(_) => Interest::READ,
            Phase::Closed => Interest::NONE,
        }
    }

    /// Notes that the socket accepts bytes again.
    pub(crate) fn mark_writable(&mut self) {
        self.writable = true;
    }

    /// How many bytes the driver reads at once, if its buffer has `bytes_max`.
    pub(crate) fn read_size(&self, bytes_max: usize) -> usize {
        (bytes_max >> self.read_halvings).max(1)
    }

    /// Adapts the size of the next read: `count` bytes of at most `size` have cost `used`, where
    /// `share` would be right.
    pub(crate) fn adapt_read_size(
        &mut self,
        count: usize,
        size: usize,
        used: Duration,
        share: Duration,
    ) {
        if used > share {
            let ratio = used.as_nanos() / share.as_nanos().max(1);
            let halvings = u8::try_from(ratio.ilog2() + 1).unwrap_or(READ_HALVINGS_MAX);
            self.read_halvings = (self.read_halvings + halvings).min(READ_HALVINGS_MAX);
        } else if count == size && used < share / 4 {
            self.read_halvings = self.read_halvings.saturating_sub(1);
        }
    }

    pub(crate) fn read(&mut self, buffer: &mut [u8], stats: &Stats) -> ReadOutcome {
        loop {
            stats.reads.add(1);
            match self.socket.socket().read(buffer) {
                Ok(0) => return ReadOutcome::End,
                Ok(count) => {
                    stats.read_bytes.add(count);
                    let all = count < buffer.len();
                    return ReadOutcome::Bytes {
                        count,
                        taken: count,
                        all,
                    };
                }
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock => return ReadOutcome::WouldBlock,
                    kind => return ReadOutcome::Failed(kind),
                },
            }
        }
    }

    /// Whether encrypted bytes wait for the socket.
    pub(crate) fn tls_wants_write(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// Whether decrypted bytes wait to be read.
    pub(crate) fn has_plaintext(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.has_plaintext())
    }

    /// Reads a TLS connection: plaintext into `space`, which has room for `size` bytes and a
    /// record. `scratch` is for what the socket gives.
    pub(crate) fn read_tls(
        &mut self,
        scratch: &mut [u8],
        space: &mut [u8],
        size: usize,
        stats: &Stats,
    ) -> ReadOutcome {
        let is_up = self.is_up();
        let Some(tls) = self.tls.as_mut().filter(|_| is_up) else {
            // The bytes are discarded, so they need not be decrypted.
            return match self.tls.as_ref().is_some_and(|tls| tls.has_peer_ended()) {
                true => ReadOutcome::End,
                false => self.read(scratch, stats),
            };
        };
        let mut socket = Counted {
            socket: self.socket.socket(),
            stats,
        };
        match tls.read(&mut socket, scratch, space, size) {
            TlsRead::Bytes { count, taken, all } => ReadOutcome::Bytes { count, taken, all },
            TlsRead::WouldBlock => ReadOutcome::WouldBlock,
            TlsRead::End => ReadOutcome::End,
            TlsRead::Truncated => ReadOutcome::Truncated,
            TlsRead::Failed(kind) => {
                // The reason, for the peer.
                let _ = tls.write(&mut socket);
                ReadOutcome::Failed(kind)
            }
        }
    }

    /// Writes the queued bytes and then this turn's sends, as far as the socket accepts them, and
    /// queues the rest.
    ///
    /// # Errors
    ///
    /// The reason why the connection is down. The rest is queued nevertheless, even beyond the
    /// bound of the queue.
    pub(crate) fn flush<'a, N>(
        &mut self,
        lists: &SendLists,
        outbox: &'a Outbox<N>,
        read_buffer: &'a ReadBuffer,
        slices: &mut Vec<IoSlice<'a>>,
        stats: &Stats,
    ) -> Result<(), LinkDown> {
        let queued_before = self.queue.len();
        let list = core::mem::replace(&mut self.sends, SendList::EMPTY);
        let mut rest = lists.iter(list).map(|range| match range.input_range() {
            Some(positions) => read_buffer.get(positions),
            None => outbox.bytes(range),
        });
        let mut written = 0;
        let mut outcome = Ok(());
        if matches!(self.phase, Phase::Live | Phase::Flushing(_)) {
            if self.tls.is_none() {
                outcome = self.write_queue(stats);
                if outcome.is_ok() && self.queue.is_empty() && self.writable {
                    (written, outcome) = self.write_sends(&mut rest, slices, stats);
                }
            } else {
                outcome = self.encrypt_queue(stats);
                if outcome.is_ok() && self.queue.is_empty() && self.writable {
                    (written, outcome) = self.encrypt_sends(&mut rest, slices, stats);
                }
            }
        }
        let mut over_bound = false;
        for send in rest {
            if let Err(OverBound { .. }) = self.queue.push(send, written) {
                over_bound = true;
            }
            written = 0;
        }
        stats.queue_bytes.subtract(queued_before);
        stats.queue_bytes.add(self.queue.len());
        match outcome {
            Err(error) => Err(LinkDown::Failed(error)),
            Ok(()) if over_bound => Err(LinkDown::SlowConsumer),
            Ok(()) => Ok(()),
        }
    }

    fn write_queue(&mut self, stats: &Stats) -> Result<(), ErrorKind> {
        while self.writable && !self.queue.is_empty() {
            let waiting = self.queue.waiting();
            let length = waiting.len();
            let count = write_once(stats, || self.socket.socket().write(waiting))?;
            self.writable = count == length;
            self.queue.advance(count);
        }
        Ok(())
    }

    /// Writes the sends in `rest`, and leaves those in it that are not completely written. Returns
    /// how many bytes of the first of them are written.
    fn write_sends<'a>(
        &mut self,
        rest: &mut (impl Iterator<Item = &'a [u8]> + Clone),
        slices: &mut Vec<IoSlice<'a>>,
        stats: &Stats,
    ) -> (usize, Result<(), ErrorKind>) {
        loop {
            let mut ahead = rest.clone();
            let outcome = match (ahead.next(), ahead.next()) {
                (None, _) => return (0, Ok(())),
                (Some(only), None) => write_once(stats, || self.socket.socket().write(only)),
                (Some(_), Some(_)) => {
                    slices.clear();
                    slices.extend(rest.clone().take(SLICES_MAX).map(IoSlice::new));
                    write_once(stats, || self.socket.socket().write_vectored(slices))
                }
            };
            let mut count = match outcome {
                Ok(count) => count,
                Err(kind) => return (0, Err(kind)),
            };
            for send in rest.clone().take(SLICES_MAX) {
                if count < send.len() {
                    self.writable = false;
                    return (count, Ok(()));
                }
                count -= send.len();
                rest.next();
            }
        }
    }

    /// Writes what is encrypted, and then the queue.
    fn encrypt_queue(&mut self, stats: &Stats) -> Result<(), ErrorKind> {
        let Some(tls) = &mut self.tls else {
            return Ok(());
        };
        let mut socket = Counted {
            socket: self.socket.socket(),
            stats,
        };
        while self.writable {
            let (written, all) = tls.write(&mut socket)?;
            self.writable = all;
            if written > 0 {
                self.queue.advance(written);
            }
            let waiting = self.queue.waiting();
            if !all || waiting.is_empty() {
                break;
            }
            let run = &waiting[..waiting.len().min(RUN_BYTES_MAX)];
            tls.encrypt(&[IoSlice::new(run)])?;
        }
        Ok(())
    }

    /// Like [`write_sends`](Self::write_sends), by TLS.
    fn encrypt_sends<'a>(
        &mut self,
        rest: &mut (impl Iterator<Item = &'a [u8]> + Clone),
        slices: &mut Vec<IoSlice<'a>>,
        stats: &Stats,
    ) -> (usize, Result<(), ErrorKind>) {
        let Some(tls) = &mut self.tls else {
            return (0, Ok(()));
        };
        let mut socket = Counted {
            socket: self.socket.socket(),
            stats,
        };
        // How much of the first send in `rest` is written.
        let mut begun = 0;
        loop {
            slices.clear();
            let mut space = RUN_BYTES_MAX;
            let mut skip = begun;
            for send in rest.clone().take(SLICES_MAX) {
                let send = &send[core::mem::take(&mut skip)..];
                let part = &send[..send.len().min(space)];
                space -= part.len();
                slices.push(IoSlice::new(part));
                if space == 0 {
                    break;
                }
            }
            if slices.is_empty() {
                return (0, Ok(()));
            }
            let outcome = tls.encrypt(slices).and_then(|()| tls.write(&mut socket));
            let (written, all) = match outcome {
                Ok(outcome) => outcome,
                Err(kind) => return (begun, Err(kind)),
            };
            begun += written;
            for send in rest.clone() {
                if begun < send.len() {
                    break;
                }
                begun -= send.len();
                rest.next();
            }
            if !all {
                self.writable = false;
                return (begun, Ok(()));
            }
        }
    }

    /// Announces the end of this side's stream, if it is a TLS connection. The caller ends the stream
    /// next. Returns whether nothing is left to be written for that.
    pub(crate) fn end_tls(&mut self, stats: &Stats) -> bool {
        let Some(tls) = &mut self.tls else {
            return true;
        };
        tls.end();
        let mut socket = Ending(Counted {
            socket: self.socket.socket(),
            stats,
        });
        match tls.write(&mut socket) {
            Ok((written, all)) => {
                self.writable = all;
                // The rest of a record that was begun before: the peer has all of it now.
                if written > 0 {
                    self.queue.advance(written);
                    stats.queue_bytes.subtract(written);
                }
                all
            }
            Err(_) => true,
        }
    }

    /// Shuts down the sending side of the stream.
    pub(crate) fn shut_down(&self) -> io::Result<()> {
        self.socket.socket().shutdown(Shutdown::Write)
    }
}

/// A socket whose system calls are counted.
pub(crate) struct Counted<'a> {
    pub(crate) socket: &'a TcpStream,
    pub(crate) stats: &'a Stats,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stats.reads.add(1);
        let count = self.socket.read(buffer)?;
        self.stats.read_bytes.add(count);
        Ok(count)
    }
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stats.writes.add(1);
        let count = self.socket.write(bytes)?;
        self.stats.written_bytes.add(count);
        Ok(count)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.stats.writes.add(1);
        let count = self.socket.write_vectored(slices)?;
        self.stats.written_bytes.add(count);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A socket whose stream ends after what is written.
struct Ending<'a>(Counted<'a>);

impl Write for Ending<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Counted { socket, stats } = self.0;
        stats.writes.add(1);
        let count = send_before_end(socket, bytes)?;
        stats.written_bytes.add(count);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes bytes that wait in the system for the end of the stream: one packet takes both. The
/// packet, and waking the peer for it, is most of the cost of an end.
#[cfg(target_os = "linux")]
fn send_before_end(socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    use rustix::net::{SendFlags, send};

    Ok(send(socket, bytes, SendFlags::MORE | SendFlags::NOSIGNAL)?)
}

#[cfg(not(target_os = "linux"))]
fn send_before_end(mut socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    socket.write(bytes)
}

/// Performs one system call that writes. Returns 0 if the socket accepts no bytes at the moment.
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
