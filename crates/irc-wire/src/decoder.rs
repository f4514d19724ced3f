//! The decoder of a stream that arrives in chunks.
//!
//! The decoder returns complete lines as slices of the chunk. It stores only the
//! incomplete line at the end of a chunk, and otherwise owns no memory. It does not
//! parse lines and does no input or output.

use alloc::vec::Vec;

use crate::line::{Length, Line, LineLimits, LineTooLong, measure};

/// Finds the lines of one byte stream, whatever the chunks it arrives in.
///
/// Call [`next_line`](Self::next_line) with each chunk until it returns `None`. The
/// decoder does not copy a line that lies within one chunk. It stores the beginning
/// of any other line until the end arrives, or until the line is too long. The store
/// grows with the bytes that arrive, and never beyond the limits.
///
/// A line ends in CR LF or in LF alone. A CR in another place does not end a line;
/// it stays in the line, which is then no [`Message`](crate::Message). The decoder
/// skips empty lines.
///
/// ```
/// use irc_wire::{Decoder, LineLimits};
///
/// let mut decoder = Decoder::new();
/// let mut lines = Vec::new();
/// // Two lines, the first with LF alone, the second in two chunks.
/// for mut chunk in [&b"PING a\n\r\nPING b"[..], &b"c\r\n"[..]] {
///     while let Some(line) = decoder.next_line(&mut chunk, LineLimits::CLIENT) {
///         lines.push(line.whole()?.to_vec());
///     }
/// }
/// assert_eq!(lines, [&b"PING a"[..], b"PING bc"]);
/// # Ok::<(), irc_wire::LineTooLong>(())
/// ```
///
/// # Lines that are too long
///
/// The decoder returns such a line once, as soon as it exceeds the limits, and skips
/// the rest of it. A strict caller uses [`whole`](Line::whole), and closes the
/// connection on an error. A tolerant caller uses
/// [`truncated`](Line::truncated), or reports [`too_long`](Line::too_long).
///
/// ```
/// use irc_wire::{Decoder, LineLimits};
///
/// let limits = LineLimits::CLIENT.with_line_bytes_max(8);
/// let mut decoder = Decoder::new();
/// let mut input = &b"PING abcdef\r\nPING\r\n"[..];
/// let line = decoder.next_line(&mut input, limits).expect("a line");
/// assert!(line.whole().is_err());
/// assert_eq!(line.truncated(), b"PING a");
/// let line = decoder.next_line(&mut input, limits).expect("another");
/// assert_eq!(line.whole(), Ok(&b"PING"[..]));
/// ```
#[derive(Debug, Default)]
pub struct Decoder {
    /// The beginning of a line; or, if `returned`, a line that the last call
    /// returned.
    tail: Vec<u8>,
    returned: bool,
    /// The bytes up to the next LF belong to a line that was too long.
    skipping: bool,
}

impl Decoder {
    /// Returns a decoder for a new stream.
    #[must_use]
    pub const fn new() -> Self {
        Decoder {
            tail: Vec::new(),
            returned: false,
            skipping: false,
        }
    }

    /// Returns how many bytes of an incomplete line the decoder stores. 0 between two
    /// lines, and while it skips the rest of a line that is too long.
    #[must_use]
    pub fn pending(&self) -> usize {
        if self.returned { 0 } else { self.tail.len() }
    }

    /// Returns how many bytes of memory the decoder owns, for memory accounting.
    ///
    /// Memory grows as a [`Vec`] does, to little more than twice the bytes
    /// [`pending`](Self::pending). The call of [`next_line`](Self::next_line) after
    /// one that returned a stored line frees it.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.tail.capacity()
    }

    /// Returns whether the decoder skips the rest of a line that was too long.
    #[must_use]
    pub fn is_skipping(&self) -> bool {
        self.skipping
    }

    /// Returns the next line of the stream and advances `input` past the bytes that
    /// it used.
    ///
    /// Returns `None`, with all of `input` used, if the next line is incomplete. The
    /// limits may change from call to call; the latest apply to an incomplete line.
    #[inline]
    pub fn next_line<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
        limits: LineLimits,
    ) -> Option<Line<'a>> {
        if !self.tail.is_empty() || self.skipping {
            if self.returned {
                // Freed, not cleared: an idle connection owns no buffer.
                self.tail = Vec::new();
                self.returned = false;
            }
            if self.skipping {
                self.skip(input);
            }
            while !self.tail.is_empty() {
                match self.extend_tail(input, limits) {
                    Tail::Incomplete => return None,
                    Tail::Empty => self.tail = Vec::new(),
                    Tail::Ready { len, too_long } => {
                        self.returned = true;
                        let bytes = self.tail.get(..len).unwrap_or_default();
                        return Some(Line { bytes, too_long });
                    }
                }
            }
        }
        loop {
            let window = window(input, limits.stored_max().saturating_add(1));
            let Some(end) = memchr::memchr(b'\n', window) else {
                return self.store_or_refuse(input, window, limits);
            };
            let line = window.get(..end).unwrap_or_default();
            *input = input.get(end + 1..).unwrap_or_default();
            // The same as in Lines. Shared code, even inlined, is slower here.
            if let Length::TooLong(too_long, len) = measure(line, limits) {
                return Some(Line {
                    bytes: line.get(..len).unwrap_or_default(),
                    too_long: Some(too_long),
                });
            }
            let bytes = line.strip_suffix(b"\r").unwrap_or(line);
            if !bytes.is_empty() {
                return Some(Line {
                    bytes,
                    too_long: None,
                });
            }
        }
    }

    /// Skips the rest of a line that was too long, or all of `input` if the line
    /// does not end there.
    #[cold]
    fn skip(&mut self, input: &mut &[u8]) {
        match memchr::memchr(b'\n', input) {
            Some(end) => {
                *input = input.get(end + 1..).unwrap_or_default();
                self.skipping = false;
            }
            None => *input = &[],
        }
    }

    /// Stores `window`, the beginning of `input` in which no line ends, or returns it
    /// as a line that is too long.
    #[cold]
    fn store_or_refuse<'i>(
        &mut self,
        input: &mut &'i [u8],
        window: &'i [u8],
        limits: LineLimits,
    ) -> Option<Line<'i>> {
        *input = input.get(window.len()..).unwrap_or_default();
        match measure(window, limits) {
            Length::TooLong(too_long, len) => {
                self.skipping = true;
                Some(Line {
                    bytes: window.get(..len).unwrap_or_default(),
                    too_long: Some(too_long),
                })
            }
            Length::WithinLimits => {
                self.tail.extend_from_slice(window);
                None
            }
        }
    }

    /// Appends to the stored line.
    #[cold]
    fn extend_tail(&mut self, input: &mut &[u8], limits: LineLimits) -> Tail {
        let room = limits.stored_max().saturating_add(1);
        let window = window(input, room.saturating_sub(self.tail.len()));
        let end = memchr::memchr(b'\n', window);
        let part = window.get(..end.unwrap_or(window.len()));
        self.tail.extend_from_slice(part.unwrap_or_default());
        let used = end.map_or(window.len(), |end| end + 1);
        *input = input.get(used..).unwrap_or_default();
        if let Length::TooLong(too_long, len) = measure(&self.tail, limits) {
            self.skipping = end.is_none();
            return Tail::Ready {
                len,
                too_long: Some(too_long),
            };
        }
        if end.is_none() {
            return Tail::Incomplete;
        }
        let line = self.tail.strip_suffix(b"\r").unwrap_or(&self.tail);
        match line.len() {
            0 => Tail::Empty,
            len => Tail::Ready {
                len,
                too_long: None,
            },
        }
    }
}

/// The state of the stored line.
enum Tail {
    /// Its end has not arrived.
    Incomplete,
    /// It is complete and has no bytes.
    Empty,
    /// Its first `len` bytes are the line to return.
    Ready {
        len: usize,
        too_long: Option<LineTooLong>,
    },
}

/// Returns the first `len` bytes of `input`, or all.
fn window<'i>(input: &&'i [u8], len: usize) -> &'i [u8] {
    input.get(..len).unwrap_or(input)
}
