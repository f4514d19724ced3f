//! The frames of a byte slice.

use core::iter::FusedIterator;

use crate::frame::{Frame, FrameError, FrameLimits};

/// An iterator over the frames of a byte slice, without copying.
///
/// It ends where the slice ends, before a frame that is incomplete, or after the
/// first [`FrameError`]. [`rest`](Self::rest) returns the bytes that it did not
/// take. For a stream that arrives in chunks there is [`Decoder`](crate::Decoder).
///
/// ```
/// use crc_wire::{FrameLimits, Frames, Kind};
///
/// // Two quits, and the beginning of a third one.
/// let bytes = b"\x82\0\0\0\x65\0\0\0\x03bye\x82\0\0\0\x66\0\0\0\0\x82\0\0";
/// let mut frames = Frames::new(bytes, FrameLimits::RELAY);
/// for frame in &mut frames {
///     assert_eq!(frame?.kind(), Kind::ClientQuit);
/// }
/// assert_eq!(frames.rest(), b"\x82\0\0");
/// # Ok::<(), crc_wire::FrameError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Frames<'a> {
    rest: &'a [u8],
    limits: FrameLimits,
    failed: bool,
}

impl<'a> Frames<'a> {
    /// Returns an iterator over the frames of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8], limits: FrameLimits) -> Self {
        Frames {
            rest: bytes,
            limits,
            failed: false,
        }
    }

    /// Returns the bytes behind the last frame: nothing, the beginning of an
    /// incomplete frame, or a frame with a [`FrameError`].
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Frame<'a>, FrameError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let frame = Frame::take(&mut self.rest, self.limits);
        self.failed = frame.is_err();
        frame.transpose()
    }
}

impl FusedIterator for Frames<'_> {}
