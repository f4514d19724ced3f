//! The decoder of a stream that arrives in chunks.
//!
//! The decoder returns complete frames as slices of the chunk. It stores only the
//! incomplete frame at the end of a chunk, and otherwise owns no memory. It does
//! not parse the content of frames and does no input or output.

use alloc::vec::Vec;

use crate::frame::{Frame, FrameError, FrameLimits, frame_len};
use crate::kind::Kind;

/// Finds the frames of one byte stream, whatever the chunks it arrives in.
///
/// Call [`next_frame`](Self::next_frame) with each chunk until it returns
/// `Ok(None)`. The decoder does not copy a frame that lies within one chunk. It
/// stores the beginning of any other frame until the end arrives. The store grows
/// with the bytes that arrive, never with the length that a frame announces.
///
/// ```
/// use crc_wire::{Decoder, FrameLimits};
///
/// let mut decoder = Decoder::new();
/// let mut frames = 0;
/// // Two quits, the second one in two chunks.
/// for mut chunk in [
///     &b"\x82\x00\x00\x00\x65\x00\x00\x00\x03bye\x82\x00\x00"[..],
///     &b"\x00\x66\x00\x00\x00\x00"[..],
/// ] {
///     while let Some(frame) = decoder.next_frame(&mut chunk, FrameLimits::RELAY)? {
///         println!("{:?}", frame.message());
///         frames += 1;
///     }
/// }
/// assert_eq!(frames, 2);
/// # Ok::<(), crc_wire::FrameError>(())
/// ```
#[derive(Debug, Default)]
pub struct Decoder {
    /// The beginning of a frame; or, if `returned`, a complete one that the last
    /// call returned.
    tail: Vec<u8>,
    returned: bool,
    failed: Option<FrameError>,
}

impl Decoder {
    /// Returns a decoder for a new stream.
    #[must_use]
    pub const fn new() -> Self {
        Decoder {
            tail: Vec::new(),
            returned: false,
            failed: None,
        }
    }

    /// Returns how many bytes of an incomplete frame the decoder stores. 0 between
    /// two frames.
    ///
    /// If this is not 0 at the end of the stream, the last frame is incomplete.
    #[must_use]
    pub fn pending(&self) -> usize {
        if self.returned { 0 } else { self.tail.len() }
    }

    /// Returns how many bytes of memory the decoder owns, for memory accounting.
    ///
    /// Memory grows as a [`Vec`] does, to little more than twice the bytes
    /// [`pending`](Self::pending). The call of [`next_frame`](Self::next_frame)
    /// after one that returned a stored frame frees it.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.tail.capacity()
    }

    /// Returns the next frame of the stream and advances `input` past the bytes
    /// that it used.
    ///
    /// Returns `Ok(None)`, with all of `input` used, if the next frame is
    /// incomplete. The limits may change from call to call. The limits of the call
    /// that sees the end of a frame's fixed part, and of each later call, apply to
    /// that frame.
    ///
    /// # Errors
    ///
    /// Returns [`FrameError`] if the end of the next frame cannot be found. All
    /// later calls return the same error and use no input.
    // Always inlined: the few callers loop over all received bytes, and a call
    // for each frame costs measurable time.
    #[inline(always)]
    pub fn next_frame<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
        limits: FrameLimits,
    ) -> Result<Option<Frame<'a>>, FrameError> {
        if !self.tail.is_empty() || self.failed.is_some() {
            return self.next_cut_frame(input, limits);
        }
        match Frame::take(input, limits) {
            Ok(Some(frame)) => Ok(Some(frame)),
            Ok(None) => {
                if !input.is_empty() {
                    self.tail.extend_from_slice(core::mem::take(input));
                }
                Ok(None)
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    /// The rare path: an earlier chunk left bytes in the store.
    #[cold]
    fn next_cut_frame<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
        limits: FrameLimits,
    ) -> Result<Option<Frame<'a>>, FrameError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if self.returned {
            // Freed, not cleared: an idle connection owns no buffer.
            self.tail = Vec::new();
            self.returned = false;
            return self.next_frame(input, limits);
        }
        // First the fixed part, which holds the length; then the rest.
        loop {
            let known = match frame_len(&self.tail, limits) {
                Ok(known) => known,
                Err(error) => return Err(self.fail(error)),
            };
            let wanted = match known {
                Some(len) => len,
                None => Kind::from_byte(self.tail[0])
                    .expect("frame_len accepted the kind")
                    .fixed_len(),
            };
            let missing = wanted - self.tail.len();
            if missing == 0 {
                break;
            }
            let (part, rest) = input.split_at(missing.min(input.len()));
            self.tail.extend_from_slice(part);
            *input = rest;
            if part.len() < missing {
                return Ok(None);
            }
        }
        self.returned = true;
        let mut whole = &self.tail[..];
        Frame::take(&mut whole, limits)
    }

    #[cold]
    fn fail(&mut self, error: FrameError) -> FrameError {
        self.tail = Vec::new();
        self.returned = false;
        self.failed = Some(error);
        error
    }
}
