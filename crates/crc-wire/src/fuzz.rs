//! Bodies of fuzz targets: what must hold for any bytes at all.
//!
//! They live here so that they are compiled, and replayed, with the code that
//! they test. They answer for what they assert; where bytes come from, and which
//! come next, is the fuzzer's. Not part of the API: anything may change.

use alloc::vec::Vec;

use arbitrary::{Arbitrary, Unstructured};

use crate::decoder::Decoder;
use crate::frame::{Frame, FrameError, FrameLimits, frame_len};
use crate::kind::Kind;
use crate::message::Message;
use crate::text::ChannelName;

/// The longest stream that is cut everywhere; of longer ones the beginning is.
/// The work grows with the square of it.
pub const STREAM_BYTES_MAX: usize = 64;

/// The most frames in so many bytes.
const FRAMES_MAX: usize = STREAM_BYTES_MAX / 9;

/// Frame limits that are crossed by short inputs too.
const TIGHT: FrameLimits = FrameLimits {
    text_bytes_max: 8,
    registration_bytes_max: 8,
};

/// Where the frames of a stream end, and how the stream does.
struct Boundaries {
    ends: [usize; FRAMES_MAX],
    frames: usize,
    error: Option<FrameError>,
}

/// A stream of frames, the first byte of `input` choosing the limits: whole, as
/// single bytes, and cut in two at every place, the decoder finds the same frames
/// and the same error, and keeps no more than what is incomplete.
///
/// # Panics
///
/// When that is not so.
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
    whole.piece(stream.len());
    let mut bytes = Check::new(stream, limits, &expected);
    let _ = (1..=stream.len()).all(|end| bytes.piece(end));
    let mut frames = 0;
    for cut in 1..stream.len() {
        // Between two frames a decoder is as new, which the two above show: so
        // it is enough to look at the cut frame and at what follows it.
        if frames < expected.frames && expected.ends[frames] <= cut {
            frames += 1;
        }
        let mut check = Check::new(stream, limits, &expected);
        check.skip(frames);
        if check.piece(cut) {
            check.frames_max = frames + 2;
            check.piece(stream.len());
        }
    }
}

/// What the boundary finder says of a whole stream. What the frames mean is
/// looked at here, once, and must be written back alike.
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
                means_itself(frame);
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

/// How many bytes the name of a channel adds to a frame's texts at most.
const fn channel_bytes_max(kind: Kind) -> usize {
    match kind.is_channel() {
        true => ChannelName::BYTES_MAX,
        false => 0,
    }
}

/// The byte of a frame that may hold more than is read: the flags of a member.
const FLAGS_AT: usize = 9;

/// Whether `written` is the frame as it came, but for flags that nobody knows.
fn is_written_alike(written: &[u8], came: &[u8]) -> bool {
    if came.first() != Some(&Kind::ChannelJoin.byte()) {
        return written == came;
    }
    written[..FLAGS_AT] == came[..FLAGS_AT]
        && written[FLAGS_AT] == came[FLAGS_AT] & 0b11
        && written[FLAGS_AT + 1..] == came[FLAGS_AT + 1..]
}

/// A frame that can be read is written as it came; into a buffer on the stack,
/// since the fuzzer's speed is that of the allocator otherwise.
fn means_itself(frame: Frame<'_>) {
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
    assert!(is_written_alike(written, frame.bytes()));
}

/// A decoder that is given a stream piece by piece and held to what the whole
/// stream says.
struct Check<'a> {
    stream: &'a [u8],
    limits: FrameLimits,
    expected: &'a Boundaries,
    decoder: Decoder,
    given: usize,
    frames: usize,
    /// After so many frames it has seen enough.
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

    /// Begins behind so many frames.
    fn skip(&mut self, frames: usize) {
        self.frames = frames;
        self.given = self.last_end();
    }

    /// Where the last frame has ended.
    fn last_end(&self) -> usize {
        match self.frames {
            0 => 0,
            frames => self.expected.ends[frames - 1],
        }
    }

    /// Gives the decoder all up to `end`; `false` when the stream has failed, or
    /// enough has been seen.
    fn piece(&mut self, end: usize) -> bool {
        let mut piece = &self.stream[self.given..end];
        self.given = end;
        loop {
            let last_end = self.last_end();
            match self.decoder.next_frame(&mut piece, self.limits) {
                Ok(Some(frame)) => {
                    assert!(self.frames < self.expected.frames, "one frame too many");
                    let frame_end = self.expected.ends[self.frames];
                    assert_eq!(frame.bytes(), &self.stream[last_end..frame_end]);
                    assert_eq!(end - piece.len(), frame_end, "bytes used");
                    assert_eq!(self.decoder.pending(), 0);
                    self.frames += 1;
                    if self.frames == self.frames_max {
                        return false;
                    }
                }
                Ok(None) => {
                    assert!(piece.is_empty(), "all is used");
                    let pending = end - last_end;
                    assert_eq!(self.decoder.pending(), pending, "all is kept");
                    let capacity_max = if pending == 0 { 0 } else { 2 * pending + 16 };
                    assert!(self.decoder.capacity() <= capacity_max);
                    if end == self.stream.len() {
                        assert_eq!(self.frames, self.expected.frames, "a frame too few");
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
                    assert_eq!(more.len(), 9, "a dead stream uses nothing");
                    return false;
                }
            }
        }
    }
}

/// Messages made of `input`: each is written, found, read, and is the same; no
/// part of it is a frame. And `input` itself, taken for a message, is written as
/// it came if it can be read.
///
/// # Panics
///
/// When that is not so.
pub fn round_trip(input: &[u8]) {
    if let Ok(message) = Message::parse(input) {
        assert!(is_written_alike(&message.to_vec(), input));
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
        assert!(Message::parse(&frame).is_err(), "nothing may be left over");
        assert_eq!(message.clone().into_owned(), message);
    }
}
