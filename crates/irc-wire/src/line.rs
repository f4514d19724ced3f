//! How long a line may be, and a line that was found.
//!
//! Lengths are counted as if the line ended in CR LF, whatever it ended in: so
//! a line that was taken can be passed on.

use crate::message::Message;
use crate::tags::Tags;
use crate::text::truncate_utf8;

/// How many bytes a line may have.
///
/// A line that begins with `@` has a tag section, which reaches over the first
/// space and is counted apart. A decoder keeps at most
/// [`tags_bytes_max`](Self::tags_bytes_max) +
/// [`line_bytes_max`](Self::line_bytes_max) bytes of a line whose end has not
/// come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LineLimits {
    /// The tag section, from the `@` over the space that ends it. With 0
    /// tags are not counted apart: they are a part of the line.
    pub tags_bytes_max: usize,
    /// The rest of the line, CR LF included. Less than 2 is 2: nothing but
    /// empty lines.
    pub line_bytes_max: usize,
}

impl LineLimits {
    /// What clients may send to a server, by RFC 2812 and the IRCv3
    /// specification of message tags: 512 bytes, and 4,094 bytes of tags
    /// between the `@` and the space.
    pub const CLIENT: LineLimits = LineLimits {
        tags_bytes_max: 4096,
        line_bytes_max: 512,
    };
    /// What servers may send to a client: 512 bytes, and 8,191 of tags, the `@`
    /// and the space included.
    pub const SERVER: LineLimits = LineLimits {
        tags_bytes_max: 8191,
        line_bytes_max: 512,
    };
    /// What the [legacy](crate::legacy) dialect takes: 8,192 bytes, tags, which
    /// it does not have, included.
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

    /// As much of a message's last parameter as a line of these limits takes, tags
    /// apart; empty if there is no room, or no parameter.
    ///
    /// What is left of it can be sent in further lines. UTF-8 is not cut within
    /// a character.
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

    /// The bytes of the line without tags and without CR LF.
    pub(crate) const fn content_max(self) -> usize {
        self.line_bytes_max.saturating_sub(2)
    }

    /// The most bytes of a line that may be kept while its end has not come.
    pub(crate) const fn kept_max(self) -> usize {
        // One more than the content: a CR, of which it is not known whether a
        // LF follows.
        self.tags_bytes_max
            .saturating_add(self.content_max())
            .saturating_add(1)
    }
}

/// The part of a line that is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinePart {
    /// The tag section.
    Tags,
    /// All but the tag section.
    Rest,
}

/// A line is longer than the [`LineLimits`] allow. Whose fault it is: the peer's.
/// A server says 417 ([`ERR_INPUTTOOLONG`](crate::Numeric::ERR_INPUTTOOLONG)) to
/// an ordinary client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the {} has more than {bytes_max} bytes", match part {
    LinePart::Tags => "tag section of a line",
    LinePart::Rest => "line",
})]
pub struct LineTooLong {
    /// Which limit was crossed.
    pub part: LinePart,
    /// That limit.
    pub bytes_max: usize,
}

/// A line as a [`Decoder`](crate::Decoder) has found it, without its end. Never
/// empty, unless it is [too long](Self::too_long).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) too_long: Option<LineTooLong>,
}

impl<'a> Line<'a> {
    /// The whole line, for those who refuse, or leave, a peer whose lines are
    /// too long.
    ///
    /// # Errors
    ///
    /// [`LineTooLong`] if the line is.
    #[inline]
    pub fn whole(self) -> Result<&'a [u8], LineTooLong> {
        match self.too_long {
            None => Ok(self.bytes),
            Some(too_long) => Err(too_long),
        }
    }

    /// The line, or what the limits allow of it, for those who take
    /// the beginning and go on.
    ///
    /// UTF-8 is not cut within a character. Of a line whose tags are too long
    /// only tags are left: that is no message.
    #[inline]
    #[must_use]
    pub fn truncated(self) -> &'a [u8] {
        self.bytes
    }

    /// Whether the line is too long, and in which part.
    #[inline]
    #[must_use]
    pub fn too_long(self) -> Option<LineTooLong> {
        self.too_long
    }
}

impl<'a> Line<'a> {
    /// The line `bytes`, which has no LF, as far as the limits allow; `None` if it is
    /// empty.
    #[inline]
    pub(crate) fn from_wire(bytes: &'a [u8], limits: LineLimits) -> Option<Self> {
        if let Judgement::TooLong(too_long, len) = judge(bytes, limits) {
            return Some(Line {
                bytes: bytes.get(..len).unwrap_or_default(),
                too_long: Some(too_long),
            });
        }
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        let too_long = None;
        (!bytes.is_empty()).then_some(Line { bytes, too_long })
    }
}

/// What is known of the beginning of a line in which no LF has been found.
pub(crate) enum Judgement {
    /// It may still become a line.
    Open,
    /// It can't, whatever follows; so many bytes of it are within the limits.
    TooLong(LineTooLong, usize),
}

/// Judges a line, or the beginning of one: `bytes` has no LF, and one may follow.
///
/// What is too long stays so, cut at the same place, whatever follows.
#[inline]
pub(crate) fn judge(bytes: &[u8], limits: LineLimits) -> Judgement {
    let content_max = limits.content_max();
    let tagged = limits.tags_bytes_max > 0 && bytes.first() == Some(&b'@');
    let tags = match tagged {
        false => 0,
        true if bytes.len() <= content_max && bytes.len() <= limits.tags_bytes_max => {
            return Judgement::Open;
        }
        true => match memchr::memchr(b' ', bytes) {
            Some(space) => space + 1,
            // A CR that ends the line is not counted.
            None => bytes.len() - usize::from(bytes.last() == Some(&b'\r')),
        },
    };
    if tags > limits.tags_bytes_max {
        let too_long = LineTooLong {
            part: LinePart::Tags,
            bytes_max: limits.tags_bytes_max,
        };
        return Judgement::TooLong(too_long, limits.tags_bytes_max);
    }
    let content = bytes.len() - tags;
    let ends_in_cr = bytes.last() == Some(&b'\r');
    if content <= content_max || (content == content_max + 1 && ends_in_cr) {
        return Judgement::Open;
    }
    let too_long = LineTooLong {
        part: LinePart::Rest,
        bytes_max: limits.line_bytes_max,
    };
    Judgement::TooLong(too_long, truncate_utf8(bytes, tags + content_max).len())
}
