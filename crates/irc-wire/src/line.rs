//! Limits of lines, and a line that a decoder found.
//!
//! Lengths count CR LF, even if a line ends in LF alone: so a relay can pass on
//! every line that it accepts.

use crate::message::Message;
use crate::tags::Tags;
use crate::text::truncate_utf8;

/// The longest lines that a caller accepts.
///
/// A line that begins with `@` has a tag section, which ends with the first space and
/// has a limit of its own. A decoder stores at most
/// [`tags_bytes_max`](Self::tags_bytes_max) +
/// [`line_bytes_max`](Self::line_bytes_max) bytes of an incomplete line. Limits are
/// made from a constant:
///
/// ```
/// use irc_wire::LineLimits;
///
/// const UNREGISTERED: LineLimits = LineLimits::CLIENT.with_tags_bytes_max(0);
/// assert_eq!(UNREGISTERED.line_bytes_max, 512);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LineLimits {
    /// The most bytes of the tag section, the `@` and the space included. With 0,
    /// tags count as a part of the line.
    pub tags_bytes_max: usize,
    /// The most bytes of the rest of the line, CR LF included. Less than 2 means 2,
    /// which allows only empty lines.
    pub line_bytes_max: usize,
}

impl LineLimits {
    /// Lines from clients to servers, by RFC 2812 and the message tags of IRCv3: 512
    /// bytes, and 4,094 bytes of tags between the `@` and the space.
    pub const CLIENT: LineLimits = LineLimits {
        tags_bytes_max: 4096,
        line_bytes_max: 512,
    };
    /// Lines from servers to clients: 512 bytes, and 8,191 bytes of tags, the `@` and
    /// the space included.
    pub const SERVER: LineLimits = LineLimits {
        tags_bytes_max: 8191,
        line_bytes_max: 512,
    };
    /// Lines of the [legacy](crate::legacy) dialect, which has no tags: 8,192 bytes.
    pub const LEGACY: LineLimits = LineLimits {
        tags_bytes_max: 0,
        line_bytes_max: 8192,
    };

    /// Returns the same limits with another [`tags_bytes_max`](Self::tags_bytes_max).
    #[must_use]
    pub const fn with_tags_bytes_max(mut self, bytes: usize) -> Self {
        self.tags_bytes_max = bytes;
        self
    }

    /// Returns the same limits with another [`line_bytes_max`](Self::line_bytes_max).
    #[must_use]
    pub const fn with_line_bytes_max(mut self, bytes: usize) -> Self {
        self.line_bytes_max = bytes;
        self
    }

    /// Returns the beginning of the last parameter that fits into a line of these
    /// limits, tags apart. Empty if nothing fits, or if there is no parameter.
    ///
    /// The rest of the parameter can go into further lines. Characters of UTF-8 stay
    /// whole.
    ///
    /// ```
    /// use irc_wire::{LineLimits, Message};
    ///
    /// let limits = LineLimits::CLIENT.with_line_bytes_max(20);
    /// let message = Message::parse(b"PRIVMSG #reef :a long text")?;
    /// assert_eq!(limits.truncated_last_param(&message), b"a l");
    /// # Ok::<(), irc_wire::MessageError>(())
    /// ```
    #[must_use]
    pub fn truncated_last_param<'a>(self, message: &Message<'a>) -> &'a [u8] {
        let last = message.params.last().unwrap_or_default();
        let untagged = Message {
            tags: Tags::NONE,
            ..*message
        };
        let others = untagged.encoded_len() - last.len();
        truncate_utf8(last, self.line_bytes_max.saturating_sub(others))
    }

    /// Returns the most bytes of a line without tags and CR LF.
    pub(crate) const fn content_max(self) -> usize {
        self.line_bytes_max.saturating_sub(2)
    }

    /// Returns the most bytes of an incomplete line that a decoder may store.
    pub(crate) const fn stored_max(self) -> usize {
        // One byte more than the content: a CR, which a LF may follow.
        self.tags_bytes_max
            .saturating_add(self.content_max())
            .saturating_add(1)
    }
}

/// The part of a line that exceeds its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinePart {
    /// The tag section.
    Tags,
    /// All but the tag section.
    Rest,
}

/// A line exceeds the [`LineLimits`].
///
/// The peer caused the error. Servers answer clients with 417
/// ([`ERR_INPUTTOOLONG`](crate::Numeric::ERR_INPUTTOOLONG)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the {} has more than {bytes_max} bytes", match part {
    LinePart::Tags => "tag section of a line",
    LinePart::Rest => "line",
})]
pub struct LineTooLong {
    /// The part that exceeds its limit.
    pub part: LinePart,
    /// The limit.
    pub bytes_max: usize,
}

/// A line that a [`Decoder`](crate::Decoder) found, without its end. Never empty,
/// unless it is [too long](Self::too_long).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) too_long: Option<LineTooLong>,
}

impl<'a> Line<'a> {
    /// Returns the whole line.
    ///
    /// # Errors
    ///
    /// Returns [`LineTooLong`] if the line exceeds the limits.
    #[inline]
    pub fn whole(self) -> Result<&'a [u8], LineTooLong> {
        match self.too_long {
            None => Ok(self.bytes),
            Some(too_long) => Err(too_long),
        }
    }

    /// Returns the line, or as much of its beginning as the limits allow.
    ///
    /// Characters of UTF-8 stay whole. A line whose tags are too long is truncated to
    /// tags, which are no message.
    #[inline]
    #[must_use]
    pub fn truncated(self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the limit that the line exceeds, if it does.
    #[inline]
    #[must_use]
    pub fn too_long(self) -> Option<LineTooLong> {
        self.too_long
    }
}

/// Whether a line, or the beginning of one, is within the limits.
pub(crate) enum Length {
    /// It is, if a LF follows.
    WithinLimits,
    /// It is not, whatever follows. So many bytes of it are within the limits.
    TooLong(LineTooLong, usize),
}

/// Measures a line, or the beginning of one. `bytes` hold no LF.
///
/// If `bytes` are too long, then so is every line that begins with them, and it is
/// truncated at the same place.
#[inline]
pub(crate) fn measure(bytes: &[u8], limits: LineLimits) -> Length {
    let content_max = limits.content_max();
    let tagged = limits.tags_bytes_max > 0 && bytes.first() == Some(&b'@');
    let tags = match tagged {
        false => 0,
        true if bytes.len() <= content_max && bytes.len() <= limits.tags_bytes_max => {
            return Length::WithinLimits;
        }
        true => match memchr::memchr(b' ', bytes) {
            Some(space) => space + 1,
            // A CR at the end of the line does not count.
            None => bytes.len() - usize::from(bytes.last() == Some(&b'\r')),
        },
    };
    if tags > limits.tags_bytes_max {
        let too_long = LineTooLong {
            part: LinePart::Tags,
            bytes_max: limits.tags_bytes_max,
        };
        return Length::TooLong(too_long, limits.tags_bytes_max);
    }
    let content = bytes.len() - tags;
    let ends_in_cr = bytes.last() == Some(&b'\r');
    if content <= content_max || (content == content_max + 1 && ends_in_cr) {
        return Length::WithinLimits;
    }
    let too_long = LineTooLong {
        part: LinePart::Rest,
        bytes_max: limits.line_bytes_max,
    };
    Length::TooLong(too_long, truncate_utf8(bytes, tags + content_max).len())
}
