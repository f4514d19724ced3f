//! Reading as the original nodes do: what one read gives is all there is.
//!
//! On a busy machine the reader itself may be late, and then finds in one piece
//! what was sent in two, decently apart. That is not the sender's fault. So the
//! reader watches its own clock: it looks every half millisecond, and when a
//! look comes late it takes everything that is there, which must still end with
//! a whole frame, without judging how much it is.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::wait::{self, LONG};
use crate::wire;

/// How often there is a look.
pub(super) const LOOK: Duration = Duration::from_micros(500);

/// A look that comes later than this proves nothing about the sender's pace,
/// which leaves 5 ms between writes.
const LATE: Duration = Duration::from_millis(4);

/// What reads have shown.
#[derive(Clone, Default)]
pub struct ReadLog {
    /// How many bytes were there at each look that came in time, and found any.
    pub sizes: Vec<usize>,
    /// How many looks came late.
    pub late: usize,
    /// Every byte, in order.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for ReadLog {
    /// Bytes by the thousand help nobody: the last of them do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.bytes.len().saturating_sub(100);
        f.debug_struct("ReadLog")
            .field("sizes", &format_args!("{:?}", self.sizes))
            .field("late", &self.late)
            .field("bytes", &self.bytes.len())
            .field("last", &wire::hex(&self.bytes[last..]))
            .finish()
    }
}

impl ReadLog {
    /// The most that was there at once, at a look that came in time.
    #[must_use]
    pub fn largest(&self) -> usize {
        self.sizes.iter().copied().max().unwrap_or(0)
    }
}

/// What one look at a connection found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    /// What the node's reads give, one after the other.
    Reads(Vec<Vec<u8>>),
    End,
}

/// One connection, read as an original node reads it.
#[derive(Debug)]
pub(super) struct Reader {
    stream: TcpStream,
    bytes_max: usize,
    /// Before the last look: what was not there then has come since.
    looked: Instant,
    buffer: Vec<u8>,
    pub(super) log: ReadLog,
}

impl Reader {
    /// Reads at most `bytes_max` at a time.
    pub(super) fn new(stream: TcpStream, bytes_max: usize) -> io::Result<Reader> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Reader {
            stream,
            bytes_max,
            looked: Instant::now(),
            buffer: vec![0; 65536],
            log: ReadLog::default(),
        })
    }

    /// Looks once. An error counts as the end.
    pub(super) fn look(&mut self) -> Found {
        let began = Instant::now();
        let mut bytes = Vec::new();
        let ended = loop {
            match self.stream.read(&mut self.buffer) {
                Ok(0) => break true,
                Ok(count) => bytes.extend(&self.buffer[..count]),
                Err(error) if is_for_later(&error) => break false,
                Err(_) => break true,
            }
        };
        let late = self.looked.elapsed() > LATE;
        self.looked = began;
        if bytes.is_empty() {
            // An end behind bytes is found again at the next look.
            return if ended { Found::End } else { Found::Nothing };
        }
        self.log.bytes.extend(&bytes);
        if late {
            self.log.late += 1;
            return Found::Reads(vec![bytes]);
        }
        self.log.sizes.push(bytes.len());
        Found::Reads(bytes.chunks(self.bytes_max).map(<[u8]>::to_vec).collect())
    }

    /// Writes everything; one that doesn't read is given up on in the end.
    pub(super) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let deadline = Instant::now() + LONG;
        while !bytes.is_empty() {
            match self.stream.write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if is_for_later(&error) && Instant::now() < deadline => {
                    wait::pause(LOOK);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn is_for_later(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
