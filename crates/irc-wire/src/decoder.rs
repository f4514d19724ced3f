//! Push bytes, pop lines: puts a stream's pieces together.
//!
//! Whole lines are handed out where they lie; only the incomplete tail of a
//! stream is kept, and nothing at all while no line is cut. Knows no meaning
//! and no connection.

use alloc::vec::Vec;

use crate::line::{Judgement, Line, LineLimits, LineTooLong, judge};

/// Finds the lines of one byte stream, however it was cut into pieces.
///
/// Give each piece to [`next_line`](Self::next_line) until it returns `None`. A
/// line that lies within one piece is not copied; the beginning of one that does
/// not is kept until its end has come, or until it is too long. What is kept
/// grows by what arrived, and never beyond the limits.
///
/// A line ends in CR LF or in LF alone. A CR anywhere else ends nothing; it stays
/// in the line, which then is no [`Message`](crate::Message). Empty lines are
/// skipped.
///
/// ```
/// use irc_wire::{Decoder, LineLimits};
///
/// let mut decoder = Decoder::new();
/// let mut lines = Vec::new();
/// // Two lines, the first ended by LF alone, the second cut.
/// for mut piece in [&b"PING a\n\r\nPING b"[..], &b"c\r\n"[..]] {
///     while let Some(line) = decoder.next_line(&mut piece, LineLimits::CLIENT) {
///         lines.push(line.whole()?.to_vec());
///     }
/// }
/// assert_eq!(lines, [&b"PING a"[..], b"PING bc"]);
/// # Ok::<(), irc_wire::LineTooLong>(())
/// ```
///
/// # Lines that are too long
///
/// Such a line is handed out once, as soon as it is known to be too long, and what
/// is left of it is skipped. Whoever wants to be strict asks for the
/// [`whole`](Line::whole) line, and leaves when that is an error. Whoever goes
/// on takes its [`truncated`](Line::truncated), or only says that it was
/// [`too_long`](Line::too_long).
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
    /// The beginning of a line; or what was handed out, if `handed_out`.
    tail: Vec<u8>,
    handed_out: bool,
    /// What comes up to the next LF belongs to a line that was too long.
    skipping: bool,
}

impl Decoder {
    /// A decoder at the beginning of a stream.
    #[must_use]
    pub const fn new() -> Self {
        Decoder {
            tail: Vec::new(),
            handed_out: false,
            skipping: false,
        }
    }

    /// How many bytes of an incomplete line are kept. 0 between two lines, and
    /// while the rest of one that is too long is skipped.
    #[must_use]
    pub fn pending(&self) -> usize {
        if self.handed_out { 0 } else { self.tail.len() }
    }

    /// How many bytes of memory are held, for whoever keeps account of it.
    ///
    /// Memory grows as a [`Vec`] does: at most to twice the bytes
    /// [`pending`](Self::pending), and a few. That of a line put together from
    /// pieces is given back by the next call of [`next_line`](Self::next_line).
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.tail.capacity()
    }

    /// Whether the stream stands within a line that was too long.
    #[must_use]
    pub fn is_skipping(&self) -> bool {
        self.skipping
    }

    /// Takes the next line of the stream, advancing `input` over the bytes used.
    ///
    /// `None` says that more bytes are needed; all of `input` is used then. The
    /// limits are those of the moment: they may differ from call to call, and a
    /// line whose beginning is kept is judged by the last ones.
    #[inline]
    pub fn next_line<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
        limits: LineLimits,
    ) -> Option<Line<'a>> {
        if !self.tail.is_empty() || self.skipping {
            if self.handed_out {
                // Given back, not cleared: an idle connection owns no buffer.
                self.tail = Vec::new();
                self.handed_out = false;
            }
            if self.skipping {
                self.skip(input);
            }
            while !self.tail.is_empty() {
                match self.next_cut_line(input, limits) {
                    Cut::Incomplete => return None,
                    Cut::Empty => self.tail = Vec::new(),
                    Cut::Ready { len, too_long } => {
                        self.handed_out = true;
                        let bytes = self.tail.get(..len).unwrap_or_default();
                        return Some(Line { bytes, too_long });
                    }
                }
            }
        }
        loop {
            let window = window(input, limits.kept_max().saturating_add(1));
            let Some(end) = memchr::memchr(b'\n', window) else {
                return self.keep_or_refuse(input, window, limits);
            };
            let line = window.get(..end).unwrap_or_default();
            *input = input.get(end + 1..).unwrap_or_default();
            if let Some(line) = Line::from_wire(line, limits) {
                return Some(line);
            }
        }
    }

    /// Skips the rest of a line that was too long, or all of `input`.
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

    /// No line ends in `window`, the beginning of `input` or all of it.
    #[cold]
    fn keep_or_refuse<'i>(
        &mut self,
        input: &mut &'i [u8],
        window: &'i [u8],
        limits: LineLimits,
    ) -> Option<Line<'i>> {
        *input = input.get(window.len()..).unwrap_or_default();
        match judge(window, limits) {
            Judgement::TooLong(too_long, len) => {
                self.skipping = true;
                Some(Line {
                    bytes: window.get(..len).unwrap_or_default(),
                    too_long: Some(too_long),
                })
            }
            Judgement::Open => {
                self.tail.extend_from_slice(window);
                None
            }
        }
    }

    /// Goes on with the line whose beginning is kept.
    #[cold]
    fn next_cut_line(&mut self, input: &mut &[u8], limits: LineLimits) -> Cut {
        let room = limits.kept_max().saturating_add(1);
        let window = window(input, room.saturating_sub(self.tail.len()));
        let end = memchr::memchr(b'\n', window);
        let part = window.get(..end.unwrap_or(window.len()));
        self.tail.extend_from_slice(part.unwrap_or_default());
        let used = end.map_or(window.len(), |end| end + 1);
        *input = input.get(used..).unwrap_or_default();
        if let Judgement::TooLong(too_long, len) = judge(&self.tail, limits) {
            self.skipping = end.is_none();
            return Cut::Ready {
                len,
                too_long: Some(too_long),
            };
        }
        if end.is_none() {
            return Cut::Incomplete;
        }
        let line = self.tail.strip_suffix(b"\r").unwrap_or(&self.tail);
        match line.len() {
            0 => Cut::Empty,
            len => Cut::Ready {
                len,
                too_long: None,
            },
        }
    }
}

/// How a line that began in an earlier piece stands.
enum Cut {
    /// Its end has not come.
    Incomplete,
    /// There is nothing in it.
    Empty,
    /// The first `len` bytes of what is kept are to be handed out.
    Ready {
        len: usize,
        too_long: Option<LineTooLong>,
    },
}

/// The beginning of `input`, at most `len` bytes.
fn window<'i>(input: &&'i [u8], len: usize) -> &'i [u8] {
    input.get(..len).unwrap_or(input)
}
