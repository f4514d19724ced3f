//! Bodies of fuzz targets: what must hold for any bytes.
//!
//! They are part of this crate so that every build compiles them, and so that
//! tests can replay a corpus. The fuzzer chooses the bytes. Not part of the API:
//! anything may change.

use alloc::vec::Vec;

use arbitrary::{Arbitrary, Unstructured};

use crate::decoder::Decoder;
use crate::frame::{Frame, FrameError, FrameLimits, frame_len};
use crate::kind::Kind;
use crate::message::Message;
use crate::text::{ChannelName, Name};

/// How many bytes of an input a target uses. The work grows with the square of it.
pub const STREAM_BYTES_MAX: usize = 64;

/// The most frames in a stream of that length.
const FRAMES_MAX: usize = STREAM_BYTES_MAX / 9;

/// Frame limits that short inputs exceed too.
const TIGHT: FrameLimits = FrameLimits {
    text_bytes_max: 8,
    registration_bytes_max: 8,
};

/// Where the frames of a stream end, and the error that ends the stream.
struct Boundaries {
    ends: [usize; FRAMES_MAX],
    frames: usize,
    error: Option<FrameError>,
}

/// Decodes a stream in one chunk, in single bytes, and in two chunks for every
/// place to cut it. The decoder must find the same frames and the same error each
/// time, and must store no more than the incomplete frame. The first byte of
/// `input` chooses the limits.
///
/// # Panics
///
/// Panics if the decoder does anything else.
pub fn decoder(input: &[u8]) {
    let Some((&first, stream)) = input.split_first() else {
        return;
    };
    let limits = match first % 4 {
        0 => FrameLimits::WIRE,
        1 => TIGHT,
        _ => FrameLimits::RELAY,
    };
    let stream = &stream[..stream.len().min(STREAM_BYTES_MAX)];
    let expected = boundaries(stream, limits);
    let mut whole = Check::new(stream, limits, &expected);
    whole.chunk(stream.len());
    let mut bytes = Check::new(stream, limits, &expected);
    let _ = (1..=stream.len()).all(|end| bytes.chunk(end));
    let mut frames = 0;
    for cut in 1..stream.len() {
        // The two runs above show that a decoder between two frames equals a new
        // one. So this run needs only the cut frame and the one behind it.
        if frames < expected.frames && expected.ends[frames] <= cut {
            frames += 1;
        }
        let mut check = Check::new(stream, limits, &expected);
        check.skip(frames);
        if check.chunk(cut) {
            check.frames_max = frames + 2;
            check.chunk(stream.len());
        }
    }
}

/// Finds the frames of a whole stream, and checks that each one that can be parsed
/// is encoded to the same bytes.
fn boundaries(stream: &[u8], limits: FrameLimits) -> Boundaries {
    let mut found = Boundaries {
        ends: [0; FRAMES_MAX],
        frames: 0,
        error: None,
    };
    let mut rest = stream;
    loop {
        let start = stream.len() - rest.len();
        match Frame::take(&mut rest, limits) {
            Ok(Some(frame)) => {
                let end = stream.len() - rest.len();
                assert_eq!(frame.bytes(), &stream[start..end]);
                assert_eq!(frame_len(&stream[start..], limits), Ok(Some(end - start)));
                let max = match frame.kind().is_registration() {
                    true => limits.registration_bytes_max,
                    false => limits.text_bytes_max,
                };
                let channel = channel_bytes_max(frame.kind());
                assert!(end - start - frame.kind().fixed_len() <= channel + max as usize);
                check_round_trip(frame);
                found.ends[found.frames] = end;
                found.frames += 1;
            }
            Ok(None) => return found,
            Err(error) => {
                found.error = Some(error);
                return found;
            }
        }
    }
}

/// Returns the most bytes that a channel's name, a setter's, and tags add to such a frame.
pub const fn channel_bytes_max(kind: Kind) -> usize {
    match kind {
        Kind::DatedSetting => ChannelName::BYTES_MAX + Name::BYTES_MAX,
        Kind::TaggedChat => ChannelName::BYTES_MAX + u16::MAX as usize,
        _ if kind.is_channel() => ChannelName::BYTES_MAX,
        _ => 0,
    }
}

/// The byte of a join of which the parser ignores some bits: the member's flags.
const fn flags_at(first: u8) -> Option<usize> {
    match Kind::from_byte(first) {
        Some(Kind::ChannelJoin) => Some(9),
        Some(Kind::DatedJoin) => Some(21),
        _ => None,
    }
}

/// Returns whether `encoded` equals `parsed`, except for flags without a meaning.
fn is_same_frame(encoded: &[u8], parsed: &[u8]) -> bool {
    let Some(flags) = parsed.first().and_then(|first| flags_at(*first)) else {
        return encoded == parsed;
    };
    encoded[..flags] == parsed[..flags]
        && encoded[flags] == parsed[flags] & 0b11
        && encoded[flags + 1..] == parsed[flags + 1..]
}

/// Checks that a frame that can be parsed is encoded to the same bytes. The buffer
/// is on the stack, because an allocation for each input slows the fuzzer down.
fn check_round_trip(frame: Frame<'_>) {
    let Ok(message) = frame.message() else {
        return;
    };
    assert_eq!(message.kind(), frame.kind());
    assert_eq!(message.encoded_len(), frame.bytes().len());
    let mut buffer = [0xaa; STREAM_BYTES_MAX];
    let mut unused = &mut buffer[..];
    message.encode(&mut unused);
    let left = unused.len();
    let written = &buffer[..STREAM_BYTES_MAX - left];
    assert!(is_same_frame(written, frame.bytes()));
}

/// A decoder that receives a stream chunk by chunk, and the frames that it must
/// find.
struct Check<'a> {
    stream: &'a [u8],
    limits: FrameLimits,
    expected: &'a Boundaries,
    decoder: Decoder,
    given: usize,
    frames: usize,
    /// The check ends after so many frames.
    frames_max: usize,
}

impl<'a> Check<'a> {
    fn new(stream: &'a [u8], limits: FrameLimits, expected: &'a Boundaries) -> Self {
        Check {
            stream,
            limits,
            expected,
            decoder: Decoder::new(),
            given: 0,
            frames: 0,
            frames_max: usize::MAX,
        }
    }

    /// Starts behind so many frames.
    fn skip(&mut self, frames: usize) {
        self.frames = frames;
        self.given = self.last_end();
    }

    /// Returns the end of the last frame.
    fn last_end(&self) -> usize {
        match self.frames {
            0 => 0,
            frames => self.expected.ends[frames - 1],
        }
    }

    /// Gives the decoder all bytes up to `end`. Returns `false` if the stream
    /// failed, or if the check ends here.
    fn chunk(&mut self, end: usize) -> bool {
        let mut chunk = &self.stream[self.given..end];
        self.given = end;
        loop {
            let last_end = self.last_end();
            match self.decoder.next_frame(&mut chunk, self.limits) {
                Ok(Some(frame)) => {
                    assert!(self.frames < self.expected.frames, "one frame too many");
                    let frame_end = self.expected.ends[self.frames];
                    assert_eq!(frame.bytes(), &self.stream[last_end..frame_end]);
                    assert_eq!(end - chunk.len(), frame_end, "bytes used");
                    assert_eq!(self.decoder.pending(), 0);
                    self.frames += 1;
                    if self.frames == self.frames_max {
                        return false;
                    }
                }
                Ok(None) => {
                    assert!(chunk.is_empty(), "the decoder uses all bytes");
                    let pending = end - last_end;
                    assert_eq!(
                        self.decoder.pending(),
                        pending,
                        "the decoder stores all bytes"
                    );
                    let capacity_max = if pending == 0 { 0 } else { 2 * pending + 16 };
                    assert!(self.decoder.capacity() <= capacity_max);
                    if end == self.stream.len() {
                        assert_eq!(self.frames, self.expected.frames, "one frame too few");
                        assert_eq!(self.expected.error, None, "no error");
                    }
                    return true;
                }
                Err(error) => {
                    assert_eq!(Some(error), self.expected.error);
                    assert_eq!(self.frames, self.expected.frames, "frames before the error");
                    assert_eq!((self.decoder.pending(), self.decoder.capacity()), (0, 0));
                    let mut more = &[0x82; 9][..];
                    assert_eq!(self.decoder.next_frame(&mut more, self.limits), Err(error));
                    assert_eq!(more.len(), 9, "a failed decoder uses no bytes");
                    return false;
                }
            }
        }
    }
}

/// Makes messages of `input`. Each must survive encoding and parsing, and no part
/// of its frame may be a frame. `input` itself, if it can be parsed, must be encoded
/// to the same bytes.
///
/// # Panics
///
/// Panics if one of these fails.
pub fn round_trip(input: &[u8]) {
    if let Ok(message) = Message::parse(input) {
        assert!(is_same_frame(&message.to_vec(), input));
    }
    let mut choices = Unstructured::new(input);
    let mut frame = Vec::new();
    while !choices.is_empty() {
        let Ok(message) = Message::arbitrary(&mut choices) else {
            return;
        };
        frame.clear();
        message.encode(&mut frame);
        assert_eq!(frame.len(), message.encoded_len());
        assert_eq!(frame_len(&frame, FrameLimits::WIRE), Ok(Some(frame.len())));
        assert_eq!(Kind::from_byte(frame[0]), Some(message.kind()));
        assert_eq!(Message::parse(&frame).as_ref(), Ok(&message));
        let fixed = message.kind().fixed_len();
        for part in [1, fixed - 1, fixed, frame.len() - 1] {
            let mut part = &frame[..part.min(frame.len() - 1)];
            assert_eq!(Frame::take(&mut part, FrameLimits::WIRE), Ok(None));
            assert!(Message::parse(part).is_err());
        }
        frame.push(0);
        assert!(Message::parse(&frame).is_err(), "a frame has no more bytes");
        assert_eq!(message.clone().into_owned(), message);
    }
}
