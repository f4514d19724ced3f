//! Where a frame ends.
//!
//! The fixed part of a frame, 9 to 32 bytes, holds the length of the frame. This
//! module reads the fixed part and nothing else. It refuses a length over the
//! caller's limit at once: a chat can announce 4 GiB. It does not parse the
//! content of a frame. An incomplete frame is no error.

use core::fmt;

use crate::kind::Kind;
use crate::message::Message;
use crate::parse::MessageError;

/// The longest frames that a caller accepts.
///
/// A caller may use different limits for servers, clients and unregistered
/// peers, and may change the limits of a connection between two frames. Limits
/// are made from a constant:
///
/// ```
/// use crc_wire::FrameLimits;
///
/// const UNREGISTERED: FrameLimits = FrameLimits::RELAY
///     .with_text_bytes_max(1024)
///     .with_registration_bytes_max(1024);
/// assert_eq!(UNREGISTERED.text_bytes_max, 1024);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FrameLimits {
    /// The most bytes of text in any frame but a registration. A channel's name does not
    /// count, nor do tags: they have at most 255 bytes and 65,535.
    pub text_bytes_max: u32,
    /// The most bytes of name and info together in a registration. The wire
    /// format allows 65,790.
    pub registration_bytes_max: u32,
}

impl FrameLimits {
    /// Everything that the wire format can express, such as a text of 4 GiB. Use
    /// it for trusted input such as a recording, not for a network.
    pub const WIRE: FrameLimits = FrameLimits {
        text_bytes_max: u32::MAX,
        registration_bytes_max: 255 + 65_535,
    };

    /// What a relay usually accepts: texts of up to 64 KiB, and every registration.
    pub const RELAY: FrameLimits = FrameLimits {
        text_bytes_max: 64 * 1024,
        ..FrameLimits::WIRE
    };

    /// Returns the same limits with another [`text_bytes_max`](Self::text_bytes_max).
    #[must_use]
    pub const fn with_text_bytes_max(mut self, bytes: u32) -> Self {
        self.text_bytes_max = bytes;
        self
    }

    /// Returns the same limits with another
    /// [`registration_bytes_max`](Self::registration_bytes_max).
    #[must_use]
    pub const fn with_registration_bytes_max(mut self, bytes: u32) -> Self {
        self.registration_bytes_max = bytes;
        self
    }
}

impl Default for FrameLimits {
    fn default() -> Self {
        FrameLimits::RELAY
    }
}

/// The end of the next frame cannot be found.
///
/// The stream cannot be read any further. The peer caused the error; close the
/// connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The first byte is no [`Kind`]. The peer speaks another protocol, or sent a
    /// frame with a wrong length before.
    #[error("unknown frame type {0:#04x}")]
    UnknownKind(u8),
    /// The frame announces more bytes than the caller accepts.
    #[error("{kind} frame too long: {announced} bytes announced, limit {max}")]
    TooLong {
        /// The kind of the frame.
        kind: Kind,
        /// How many bytes of text, or of name and info, the frame announces. A
        /// channel's name does not count.
        announced: u64,
        /// How many bytes the caller accepts.
        max: u32,
    },
}

/// Returns the length of the frame at the beginning of `bytes`, fixed part
/// included.
///
/// Returns `Ok(None)` if `bytes` do not hold the fixed part. The frame itself may
/// be incomplete: compare the result with `bytes.len()`.
///
/// # Errors
///
/// Returns [`FrameError`] if no acceptable frame begins with `bytes`.
///
/// ```
/// use crc_wire::{frame_len, FrameLimits};
///
/// let quit = b"\x82\x00\x00\x00\x65\x00\x00\x00\x03bye";
/// assert_eq!(frame_len(&quit[..8], FrameLimits::RELAY), Ok(None));
/// assert_eq!(frame_len(&quit[..9], FrameLimits::RELAY), Ok(Some(12)));
/// ```
#[inline]
pub fn frame_len(bytes: &[u8], limits: FrameLimits) -> Result<Option<usize>, FrameError> {
    Ok(boundary(bytes, limits)?.map(|(_, len)| len))
}

/// Returns the kind and the length of the frame at the beginning of `bytes`, if
/// its fixed part is there.
#[inline]
fn boundary(bytes: &[u8], limits: FrameLimits) -> Result<Option<(Kind, usize)>, FrameError> {
    let Some(&first) = bytes.first() else {
        return Ok(None);
    };
    let Some(kind) = Kind::without_channel(first) else {
        return boundary_with_channel(first, bytes, limits);
    };
    let Some(fixed) = bytes.get(..kind.fixed_len()) else {
        return Ok(None);
    };
    // In every kind, the fixed part ends with the lengths.
    let (announced, max) = match *fixed {
        [.., name, info_high, info_low] if kind.is_registration() => (
            u32::from(name) + u32::from(u16::from_be_bytes([info_high, info_low])),
            limits.registration_bytes_max,
        ),
        [.., a, b, c, d] => (u32::from_be_bytes([a, b, c, d]), limits.text_bytes_max),
        _ => unreachable!("a fixed part has 9 bytes or more"),
    };
    ends_within(kind, fixed.len(), announced, max)
}

/// The same for the kinds about channels. A function of its own, so that the
/// compiler inlines the path of client chats into its callers.
#[inline(never)]
fn boundary_with_channel(
    first: u8,
    bytes: &[u8],
    limits: FrameLimits,
) -> Result<Option<(Kind, usize)>, FrameError> {
    let kind = Kind::from_byte(first).ok_or(FrameError::UnknownKind(first))?;
    let Some(fixed) = bytes.get(..kind.fixed_len()) else {
        return Ok(None);
    };
    let (names, announced) = match *fixed {
        [.., channel] if matches!(kind, Kind::ChannelJoin | Kind::DatedJoin) => {
            (u32::from(channel), 0)
        }
        [.., channel, setter, a, b, c, d] if kind == Kind::DatedSetting => (
            u32::from(channel) + u32::from(setter),
            u32::from_be_bytes([a, b, c, d]),
        ),
        [.., channel, high, low, a, b, c, d] if kind == Kind::TaggedChat => (
            u32::from(channel) + u32::from(u16::from_be_bytes([high, low])),
            u32::from_be_bytes([a, b, c, d]),
        ),
        [.., channel, a, b, c, d] => (u32::from(channel), u32::from_be_bytes([a, b, c, d])),
        _ => unreachable!("a fixed part has 11 bytes or more"),
    };
    // At most 65,790.
    let beside = fixed.len() + names as usize;
    ends_within(kind, beside, announced, limits.text_bytes_max)
}

/// Returns the frame's length, the sum of `announced` and of the bytes `beside`
/// it, if `announced` is within the limit.
#[inline]
fn ends_within(
    kind: Kind,
    beside: usize,
    announced: u32,
    max: u32,
) -> Result<Option<(Kind, usize)>, FrameError> {
    if announced > max {
        return Err(FrameError::TooLong {
            kind,
            announced: announced.into(),
            max,
        });
    }
    // With addresses of 32 bits, a frame can be longer than all memory. Its
    // length is then the greatest usize, and it never becomes complete.
    let texts = usize::try_from(announced).unwrap_or(usize::MAX);
    Ok(Some((kind, beside.saturating_add(texts))))
}

/// The bytes of exactly one frame, not parsed yet.
///
/// A frame borrows its bytes. To forward a frame, copy [`bytes`](Self::bytes).
///
/// ```
/// use crc_wire::{Frame, FrameLimits, Kind};
///
/// let mut input = &b"\x82\x00\x00\x00\x65\x00\x00\x00\x03bye and more"[..];
/// let frame = Frame::take(&mut input, FrameLimits::RELAY)?.expect("complete");
/// assert_eq!(frame.kind(), Kind::ClientQuit);
/// assert_eq!(input, b" and more");
/// # Ok::<(), crc_wire::FrameError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    kind: Kind,
    bytes: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Splits the first frame off `input`, without copying.
    ///
    /// Returns `Ok(None)`, and leaves `input` as it is, if the frame is incomplete.
    ///
    /// # Errors
    ///
    /// Returns [`FrameError`] if no acceptable frame begins like this.
    #[inline]
    pub fn take(
        input: &mut &'a [u8],
        limits: FrameLimits,
    ) -> Result<Option<Frame<'a>>, FrameError> {
        let Some((kind, len)) = boundary(input, limits)? else {
            return Ok(None);
        };
        let Some((bytes, rest)) = input.split_at_checked(len) else {
            return Ok(None);
        };
        *input = rest;
        Ok(Some(Frame { kind, bytes }))
    }

    /// Returns the frame's kind.
    #[must_use]
    pub const fn kind(self) -> Kind {
        self.kind
    }

    /// Returns the bytes of the frame.
    #[must_use]
    pub const fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Parses the frame.
    ///
    /// # Errors
    ///
    /// Returns [`MessageError`] if the content breaks the protocol. The frames
    /// behind this one can be read all the same.
    #[inline]
    pub fn message(self) -> Result<Message<'a>, MessageError> {
        Message::parse(self.bytes)
    }
}

/// The length of a chat's kind, source and destination.
const CHAT_ROUTE: usize = 9;
/// The length of a chat's fixed part.
const CHAT_FIXED: usize = Kind::ClientChat.fixed_len();

/// Consecutive chats from one source to one destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChatRun<'a> {
    /// The complete frames.
    pub bytes: &'a [u8],
    /// The number of frames.
    pub count: usize,
}

impl Frame<'_> {
    /// Splits the chats off the front of `input` that have the source and the
    /// destination of this one. May split off none.
    ///
    /// A relay that has routed this chat can forward the run with one copy. The
    /// run ends before the first frame that is of another kind, on another route,
    /// incomplete or malformed; [`take`](Self::take) handles that one.
    ///
    /// ```
    /// use crc_wire::{Frame, FrameLimits};
    ///
    /// let chat = b"\x81\x00\x00\x00\x67\x00\x00\x00\x65\x00\x00\x00\x02Hi";
    /// let stream = [&chat[..], chat, chat, &chat[..14]].concat();
    /// let mut input = &stream[..];
    /// let first = Frame::take(&mut input, FrameLimits::RELAY)?.expect("complete");
    /// let run = first.take_run(&mut input, FrameLimits::RELAY);
    /// assert_eq!((run.count, run.bytes), (2, &stream[15..45]));
    /// assert_eq!(input, &chat[..14]);
    /// # Ok::<(), crc_wire::FrameError>(())
    /// ```
    #[inline]
    pub fn take_run<'i>(self, input: &mut &'i [u8], limits: FrameLimits) -> ChatRun<'i> {
        let stream = *input;
        let mut end = 0;
        let mut count = 0;
        let head_and_text = match self.kind {
            Kind::ClientChat => self.bytes.split_first_chunk(),
            _ => None,
        };
        if let Some((head, text)) = head_and_text {
            let text_len = text.len();
            while let Some(len) = chat_like(head, text_len, &stream[end..], limits) {
                end += len;
                count += 1;
            }
        }
        let (bytes, rest) = stream.split_at(end);
        *input = rest;
        ChatRun { bytes, count }
    }
}

/// Returns the length of the chat at the beginning of `bytes`, if it is complete,
/// well-formed and on the route of the chat with this head and text length.
///
/// A chat of the same length has the same head. In that case the code does not
/// read the length to find the next chat, and the processor works on several
/// chats at a time.
#[inline]
fn chat_like(
    head: &[u8; CHAT_FIXED],
    text_len: usize,
    bytes: &[u8],
    limits: FrameLimits,
) -> Option<usize> {
    let (fixed, rest) = bytes.split_first_chunk::<CHAT_FIXED>()?;
    let len = if fixed == head {
        text_len
    } else if fixed[..CHAT_ROUTE] == head[..CHAT_ROUTE] {
        let [.., a, b, c, d] = *fixed;
        usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?
    } else {
        return None;
    };
    if len > limits.text_bytes_max as usize {
        return None;
    }
    is_text(rest.get(..len)?).then_some(CHAT_FIXED + len)
}

/// Returns whether `bytes` are UTF-8. Checks for ASCII first, which most texts
/// are and which takes many bytes at a time.
#[inline]
fn is_text(bytes: &[u8]) -> bool {
    bytes.is_ascii() || core::str::from_utf8(bytes).is_ok()
}

impl fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} frame of {} bytes", self.kind, self.bytes.len())
    }
}
