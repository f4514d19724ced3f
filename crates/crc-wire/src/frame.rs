//! Where a frame ends: boundaries before meaning.
//!
//! The fixed part of a frame, 9 to 19 bytes, tells its whole length. This
//! module reads that and nothing else. It refuses a length over the caller's
//! limit as soon as the length is known, long before the bytes would arrive: a
//! chat can announce 4 GiB. What is inside a frame is not known here; that a
//! frame is incomplete is not an error.

use core::fmt;

use crate::kind::Kind;
use crate::message::Message;
use crate::parse::MessageError;

/// The longest frames that a caller is willing to take.
///
/// Chosen by what the peer may send: a server, a client and somebody who has
/// not even registered deserve different limits, and a connection's limits may
/// change between two frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FrameLimits {
    /// The most bytes of text in a chat, a status, a quit or a setting. The
    /// name of a channel stands beside the text and is not counted; it has 255
    /// bytes at most.
    pub text_bytes_max: u32,
    /// The most bytes of name and info together in a registration. The wire
    /// itself allows 65,790.
    pub registration_bytes_max: u32,
}

impl FrameLimits {
    /// All that frames can express, 4 GiB texts included. For trusted
    /// input, such as a recording; not for a network.
    pub const WIRE: FrameLimits = FrameLimits {
        text_bytes_max: u32::MAX,
        registration_bytes_max: 255 + 65_535,
    };

    /// What a relay usually takes: texts of up to 64 KiB, all registrations.
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

/// The boundary of the next frame can't be found: nothing but closing the
/// connection is left, and the peer is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The first byte is no [`Kind`]. Either the peer speaks something else, or
    /// the stream is out of step.
    #[error("unknown frame type {0:#04x}")]
    UnknownKind(u8),
    /// The frame announces more bytes than the caller takes.
    #[error("{kind:?} announces {announced} bytes where at most {max} are taken")]
    TooLong {
        /// The kind of the frame.
        kind: Kind,
        /// How many bytes of text (of name and info) it announces. The name of a
        /// channel is not counted.
        announced: u64,
        /// How many the caller takes.
        max: u32,
    },
}

/// The length of the frame that `bytes` begin with, header included.
///
/// `Ok(None)` when `bytes` are too few to tell. The frame itself may still be
/// incomplete: compare the result with `bytes.len()`.
///
/// # Errors
///
/// [`FrameError`] when `bytes` can't be the beginning of an acceptable frame.
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

/// The kind and the length of the frame that `bytes` begin with, once told.
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
    // In every kind the lengths are what the fixed part ends with.
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

/// The same for all other kinds, those that name a channel. By itself, so that
/// the way of chats is short enough to become part of its callers.
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
    let (channel, announced) = match *fixed {
        [.., channel] if kind == Kind::ChannelJoin => (channel, 0),
        [.., channel, a, b, c, d] => (channel, u32::from_be_bytes([a, b, c, d])),
        _ => unreachable!("a fixed part has 11 bytes or more"),
    };
    let beside = fixed.len() + usize::from(channel);
    ends_within(kind, beside, announced, limits.text_bytes_max)
}

/// The frame's length: what was announced and what stands `beside` it, if the
/// caller takes so much.
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
    // Where addresses have 32 bits, a frame can be longer than any memory. It
    // then has all the length there is, and never becomes whole.
    let texts = usize::try_from(announced).unwrap_or(usize::MAX);
    Ok(Some((kind, beside.saturating_add(texts))))
}

/// The bytes of exactly one frame: its boundary is known, its meaning not yet.
///
/// Two words that borrow: forwarding a frame is copying [`bytes`](Self::bytes).
///
/// ```
/// use crc_wire::{Frame, FrameLimits, Kind};
///
/// let mut input = &b"\x82\x00\x00\x00\x65\x00\x00\x00\x03bye and more"[..];
/// let frame = Frame::take(&mut input, FrameLimits::RELAY)?.expect("all has arrived");
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
    /// Takes the frame that `input` begins with off its front, without copying.
    ///
    /// `Ok(None)` when the frame is incomplete; `input` is then as it was.
    ///
    /// # Errors
    ///
    /// [`FrameError`] when no acceptable frame can begin like this.
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

    /// The frame's kind.
    #[must_use]
    pub const fn kind(self) -> Kind {
        self.kind
    }

    /// The whole frame, as it came.
    #[must_use]
    pub const fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// What the frame says.
    ///
    /// # Errors
    ///
    /// [`MessageError`] when its inside is not as the protocol has it. The
    /// boundary of the next frame stands all the same.
    #[inline]
    pub fn message(self) -> Result<Message<'a>, MessageError> {
        Message::parse(self.bytes)
    }
}

/// How long the part of a chat is that says who speaks to whom.
const CHAT_WAY: usize = 9;
/// How long a chat is without its text.
const CHAT_FIXED: usize = Kind::ClientChat.fixed_len();

/// Chats that lie one behind the other, all from one source to one destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChatRun<'a> {
    /// Whole frames, as they came.
    pub bytes: &'a [u8],
    /// How many.
    pub count: usize,
}

impl Frame<'_> {
    /// Takes those frames off the front of `input` that are chats on the same
    /// way as this one, whole and well-formed; maybe none.
    ///
    /// For a relay: what has been decided about this chat holds for the run,
    /// which can be forwarded by one copy. Whatever ends the run, be it another
    /// kind of frame, a cut one or a bad one, is left for [`take`](Self::take).
    ///
    /// ```
    /// use crc_wire::{Frame, FrameLimits};
    ///
    /// let chat = b"\x81\x00\x00\x00\x67\x00\x00\x00\x65\x00\x00\x00\x02Hi";
    /// let stream = [&chat[..], chat, chat, &chat[..14]].concat();
    /// let mut input = &stream[..];
    /// let first = Frame::take(&mut input, FrameLimits::RELAY)?.expect("it is whole");
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
        if self.kind == Kind::ClientChat
            && let Some((head, text)) = self.bytes.split_first_chunk()
        {
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

/// The length of the chat that `bytes` begin with, if it is whole, well-formed
/// and on the way of the one with this head and so much text.
///
/// The head of a chat of the same length is the same. Seen so, the length need
/// not be read to know where the next chat begins, and the processor looks at
/// several at a time.
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
    } else if fixed[..CHAT_WAY] == head[..CHAT_WAY] {
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

/// Whether bytes are UTF-8. Most are ASCII, which is seen many bytes at a time.
#[inline]
fn is_text(bytes: &[u8]) -> bool {
    bytes.is_ascii() || core::str::from_utf8(bytes).is_ok()
}

impl fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} frame of {} bytes", self.kind, self.bytes.len())
    }
}
