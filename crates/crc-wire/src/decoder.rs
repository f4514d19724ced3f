//! Push bytes, pop frames: puts a stream's pieces together.
//!
//! Whole frames are handed out where they lie; only the incomplete tail of a
//! stream is kept, and nothing at all while no frame is cut. Knows no meaning
//! and no connection.

use alloc::vec::Vec;

use crate::frame::{Frame, FrameError, FrameLimits, frame_len};
use crate::kind::Kind;

/// Finds the frames of one byte stream, however it was cut into pieces.
///
/// Give each piece to [`next_frame`](Self::next_frame) until it returns
/// `Ok(None)`. A frame that lies within one piece is not copied; the beginning
/// of one that does not is kept until its end has come. What is kept grows by
/// what arrived, never by what was announced.
///
/// ```
/// use crc_wire::{Decoder, FrameLimits};
///
/// let mut decoder = Decoder::new();
/// let mut frames = 0;
/// // Two quits, cut in the middle of the second.
/// for mut piece in [
///     &b"\x82\x00\x00\x00\x65\x00\x00\x00\x03bye\x82\x00\x00"[..],
///     &b"\x00\x66\x00\x00\x00\x00"[..],
/// ] {
///     while let Some(frame) = decoder.next_frame(&mut piece, FrameLimits::RELAY)? {
///         println!("{:?}", frame.message());
///         frames += 1;
///     }
/// }
/// assert_eq!(frames, 2);
/// # Ok::<(), crc_wire::FrameError>(())
/// ```
#[derive(Debug, Default)]
pub struct Decoder {
    /// The beginning of a frame; or the whole of one that was handed out, if
    /// `handed_out`.
    tail: Vec<u8>,
    handed_out: bool,
    failed: Option<FrameError>,
}

impl Decoder {
    /// A decoder at the beginning of a stream.
    #[must_use]
    pub const fn new() -> Self {
        Decoder {
            tail: Vec::new(),
            handed_out: false,
            failed: None,
        }
    }

    /// How many bytes of an incomplete frame are kept. 0 between two frames.
    ///
    /// When a stream ends and this is not 0, it ended within a frame.
    #[must_use]
    pub fn pending(&self) -> usize {
        if self.handed_out { 0 } else { self.tail.len() }
    }

    /// How many bytes of memory are held, for whoever keeps account of it.
    ///
    /// Memory grows as a [`Vec`] does: at most to twice the bytes
    /// [`pending`](Self::pending), and a few. That of a frame put together from
    /// pieces is given back by the next call of [`next_frame`](Self::next_frame).
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.tail.capacity()
    }

    /// Takes the next frame of the stream, advancing `input` over the bytes used.
    ///
    /// `Ok(None)` says that more bytes are needed; all of `input` is used then.
    /// The limits are those of the moment: they may differ from call to call,
    /// and a frame whose beginning is kept is judged by the last ones.
    ///
    /// # Errors
    ///
    /// [`FrameError`] when the next boundary is lost. It stays lost: later calls
    /// return the same error and use no input.
    // Always: there are few callers, each of them a loop over all that is read,
    // and a call for every frame shows.
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

    /// The rare way: something is kept from an earlier piece.
    #[cold]
    fn next_cut_frame<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
        limits: FrameLimits,
    ) -> Result<Option<Frame<'a>>, FrameError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if self.handed_out {
            // Given back, not cleared: an idle connection owns no buffer.
            self.tail = Vec::new();
            self.handed_out = false;
            return self.next_frame(input, limits);
        }
        // First the fixed part, which tells the length; then the rest.
        loop {
            let known = match frame_len(&self.tail, limits) {
                Ok(known) => known,
                Err(error) => return Err(self.fail(error)),
            };
            let wanted = match known {
                Some(len) => len,
                None => Kind::from_byte(self.tail[0])
                    .expect("frame_len has accepted the kind")
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
        self.handed_out = true;
        let mut whole = &self.tail[..];
        Frame::take(&mut whole, limits)
    }

    #[cold]
    fn fail(&mut self, error: FrameError) -> FrameError {
        self.tail = Vec::new();
        self.handed_out = false;
        self.failed = Some(error);
        error
    }
}
