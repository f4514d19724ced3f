//! The lines of a byte slice.

use core::iter::FusedIterator;

use crate::line::{Length, Line, LineLimits, measure};

/// An iterator over the lines of a byte slice, without copying.
///
/// It ends where the slice ends, or before a line that has no end. Empty lines are
/// skipped. [`rest`](Self::rest) returns the bytes that it did not take. For a
/// stream that arrives in chunks there is [`Decoder`](crate::Decoder).
///
/// ```
/// use irc_wire::{LineLimits, Lines};
///
/// let mut lines = Lines::new(b"PING a\r\nPING b\nPI", LineLimits::CLIENT);
/// let mut whole = Vec::new();
/// for line in &mut lines {
///     whole.push(line.whole()?);
/// }
/// assert_eq!(whole, [b"PING a", b"PING b"]);
/// assert_eq!(lines.rest(), b"PI");
/// # Ok::<(), irc_wire::LineTooLong>(())
/// ```
#[derive(Debug, Clone)]
pub struct Lines<'a> {
    rest: &'a [u8],
    limits: LineLimits,
}

impl<'a> Lines<'a> {
    /// Returns an iterator over the lines of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8], limits: LineLimits) -> Self {
        Lines {
            rest: bytes,
            limits,
        }
    }

    /// Returns the bytes behind the last line: nothing, or a line without an end.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    #[inline]
    fn next(&mut self) -> Option<Line<'a>> {
        loop {
            let end = memchr::memchr(b'\n', self.rest)?;
            let line = self.rest.get(..end).unwrap_or_default();
            self.rest = self.rest.get(end + 1..).unwrap_or_default();
            if let Length::TooLong(too_long, len) = measure(line, self.limits) {
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
}

impl FusedIterator for Lines<'_> {}
