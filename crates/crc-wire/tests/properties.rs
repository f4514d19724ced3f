//! Properties of every message, and of any bytes.

use crc_wire::fuzz::channel_bytes_max;
use crc_wire::{
    Decoder, Frame, FrameError, FrameLimits, Frames, Kind, Message, frame_len, strategies,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::FileFailurePersistence;

/// Frames as bytes, in order, and the error that ended the stream.
type Outcome = (Vec<Vec<u8>>, Option<FrameError>);

/// Gives `chunks` to a decoder, and checks its guarantees about memory at every
/// step.
fn decode<P: AsRef<[u8]>>(chunks: &[P], limits: FrameLimits) -> Outcome {
    let mut decoder = Decoder::new();
    let mut frames = Vec::new();
    let mut expected_pending = 0;
    for chunk in chunks {
        let mut chunk = chunk.as_ref();
        expected_pending += chunk.len();
        loop {
            match decoder.next_frame(&mut chunk, limits) {
                Ok(Some(frame)) => {
                    let frame = frame.bytes().to_vec();
                    assert_eq!(decoder.pending(), 0);
                    // The decoder stores a frame in several chunks until the next call.
                    assert!(decoder.capacity() <= capacity_max(frame.len()));
                    expected_pending -= frame.len();
                    frames.push(frame);
                }
                Ok(None) => {
                    assert_eq!(chunk, b"", "the decoder uses all bytes");
                    assert_eq!(
                        decoder.pending(),
                        expected_pending,
                        "the decoder stores all bytes"
                    );
                    assert!(decoder.capacity() <= capacity_max(expected_pending));
                    break;
                }
                Err(error) => {
                    assert_eq!((decoder.pending(), decoder.capacity()), (0, 0));
                    return (frames, Some(error));
                }
            }
        }
    }
    (frames, None)
}

fn is_on_route(frame: Frame<'_>, route: &[u8]) -> bool {
    frame.bytes().starts_with(route)
}

/// The frame that the encoder writes after the parser read `frame`: without flags
/// that have no meaning.
fn without_unknown_flags(frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    match Kind::from_byte(frame[0]) {
        Some(Kind::ChannelJoin) => frame[9] &= 3,
        Some(Kind::DatedJoin) => frame[21] &= 3,
        _ => {}
    }
    frame
}

/// The most memory that a decoder may own for so many bytes.
fn capacity_max(bytes: usize) -> usize {
    if bytes == 0 { 0 } else { 2 * bytes + 16 }
}

/// Chats between few clients, so that many have the route of the chat before. Some
/// are too long, not UTF-8 or incomplete, and some frames are no chats.
fn similar_chats() -> impl Strategy<Value = Vec<u8>> {
    let chat = (
        1u8..3,
        1u8..3,
        vec(prop_oneof![9 => 32u8..127, 1 => any::<u8>()], 0..12),
    );
    let chat = chat.prop_map(|(source, destination, text)| {
        let len = u8::try_from(text.len()).expect("under 12");
        let fixed = [0x81, 0, 0, 0, source, 0, 0, 0, destination, 0, 0, 0, len];
        [&fixed[..], &text].concat()
    });
    let chunk = prop_oneof![
        20 => chat,
        1 => vec(any::<u8>(), 0..4),
        1 => strategies::message_up_to(10).prop_map(|message| message.to_vec()),
    ];
    vec(chunk, 0..24).prop_map(|chunks| chunks.concat())
}

/// Random bytes, often close to frames, so that the later checks of the parser see
/// many inputs too.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop::sample::select(&Kind::ALL[..]).prop_map(Kind::byte);
    let framed = vec(
        (
            kind,
            vec(prop_oneof![3 => Just(0), 2 => any::<u8>()], 0..24),
        ),
        0..6,
    );
    prop_oneof![
        1 => vec(any::<u8>(), 0..64),
        3 => framed.prop_map(|frames| {
            frames.into_iter().flat_map(|(kind, mut rest)| { rest.insert(0, kind); rest }).collect()
        }),
        3 => mutated(),
    ]
}

/// Frames with some bytes changed.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let frames = vec(strategies::message_up_to(40), 1..6);
    (frames, vec((any::<Index>(), 1..=u8::MAX), 0..4)).prop_map(|(messages, flips)| {
        let mut bytes: Vec<u8> = messages.iter().flat_map(Message::to_vec).collect();
        for (at, bits) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= bits;
        }
        bytes
    })
}

fn limits() -> impl Strategy<Value = FrameLimits> {
    prop_oneof![
        Just(FrameLimits::WIRE),
        Just(FrameLimits::RELAY),
        (0..300_u32, 0..300_u32).prop_map(|(text_bytes_max, registration_bytes_max)| {
            FrameLimits::WIRE
                .with_text_bytes_max(text_bytes_max)
                .with_registration_bytes_max(registration_bytes_max)
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        // These cases are cheap.
        cases: 8 * ProptestConfig::default().cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn messages_round_trip(message in strategies::message_up_to(2_000)) {
        let bytes = message.to_vec();
        prop_assert_eq!(bytes.len(), message.encoded_len());
        prop_assert_eq!(frame_len(&bytes, FrameLimits::WIRE), Ok(Some(bytes.len())));
        let parsed = Message::parse(&bytes)?;
        prop_assert_eq!(&parsed, &message);
        prop_assert_eq!(parsed.into_owned(), message);
    }

    #[test]
    fn no_part_of_a_frame_is_a_frame(message in strategies::message_up_to(64)) {
        let bytes = message.to_vec();
        for len in 0..bytes.len() {
            let mut input = &bytes[..len];
            prop_assert_eq!(Frame::take(&mut input, FrameLimits::WIRE), Ok(None));
            prop_assert_eq!(input.len(), len);
            prop_assert!(Message::parse(input).is_err());
        }
    }

    #[test]
    fn parsed_messages_encode_to_the_same_bytes(bytes in bytes()) {
        // As one frame, and as a stream of frames.
        if let Ok(message) = Message::parse(&bytes) {
            prop_assert_eq!(message.to_vec(), without_unknown_flags(&bytes));
        }
        let mut input = &bytes[..];
        while let Ok(Some(frame)) = Frame::take(&mut input, FrameLimits::WIRE) {
            if let Ok(message) = frame.message() {
                prop_assert_eq!(message.kind(), frame.kind());
                prop_assert_eq!(message.to_vec(), without_unknown_flags(frame.bytes()));
            }
        }
    }

    #[test]
    fn streams_arrive_in_any_chunks(stream in strategies::stream(8)) {
        let (frames, error) = decode(&stream.chunks, FrameLimits::WIRE);
        prop_assert_eq!(error, None);
        let messages: Result<Vec<_>, _> = frames.iter().map(|f| Message::parse(f)).collect();
        prop_assert_eq!(messages?, stream.messages);
    }

    #[test]
    fn decoder_result_is_independent_of_the_chunks(
        (bytes, chunks) in bytes().prop_flat_map(|bytes| {
            (Just(bytes.clone()), strategies::chunks(bytes))
        }),
        limits in limits(),
    ) {
        prop_assert_eq!(chunks.concat(), &bytes[..]);
        prop_assert_eq!(decode(&chunks, limits), decode(&[bytes], limits));
    }

    #[test]
    fn a_slice_has_the_frames_of_a_stream(bytes in bytes(), limits in limits()) {
        let mut frames = Frames::new(&bytes, limits);
        let (mut found, mut error) = (Vec::new(), None);
        for frame in &mut frames {
            match frame {
                Ok(frame) => found.push(frame.bytes().to_vec()),
                Err(cause) => error = Some(cause),
            }
        }
        prop_assert!(frames.next().is_none());
        prop_assert_eq!([&found.concat(), frames.rest()].concat(), &bytes[..]);
        prop_assert_eq!((found, error), decode(&[bytes], limits));
    }

    #[test]
    fn decoder_ignores_empty_chunks(stream in strategies::stream(4)) {
        let mut chunks = stream.chunks.clone();
        for at in (0..=chunks.len()).rev() {
            chunks.insert(at, Vec::new());
        }
        prop_assert_eq!(
            decode(&chunks, FrameLimits::WIRE),
            decode(&stream.chunks, FrameLimits::WIRE)
        );
    }

    #[test]
    fn a_run_holds_the_same_frames_as_single_takes(bytes in similar_chats(), limit in 6u32..20) {
        let limits = FrameLimits::RELAY.with_text_bytes_max(limit);
        let mut input = &bytes[..];
        while let Ok(Some(first)) = Frame::take(&mut input, limits) {
            let mut expected = 0;
            let mut one_by_one = input;
            let route = |frame: Frame<'_>| frame.bytes()[..9].to_vec();
            while first.kind() == Kind::ClientChat {
                let before = one_by_one;
                match Frame::take(&mut one_by_one, limits) {
                    Ok(Some(next)) if is_on_route(next, &route(first)) && next.message().is_ok() => {
                        expected += 1;
                    }
                    _ => {
                        one_by_one = before;
                        break;
                    }
                }
            }
            let whole = input;
            let run = first.take_run(&mut input, limits);
            prop_assert_eq!(run.count, expected);
            prop_assert_eq!(input, one_by_one);
            prop_assert_eq!(run.bytes, &whole[..whole.len() - input.len()]);
        }
    }

    #[test]
    fn no_frame_exceeds_the_limits(bytes in bytes(), limits in limits()) {
        let (frames, error) = decode(&[&bytes], limits);
        for frame in &frames {
            let kind = Kind::from_byte(frame[0]).expect("a frame has a kind");
            let max = if kind.is_registration() {
                limits.registration_bytes_max
            } else {
                limits.text_bytes_max
            };
            let names = channel_bytes_max(kind);
            prop_assert!(frame.len() - kind.fixed_len() <= names + max as usize);
        }
        if let Some(FrameError::TooLong { announced, max, .. }) = error {
            prop_assert!(announced > u64::from(max));
        }
    }

    #[test]
    fn strategies_keep_their_sizes(
        text in strategies::text_up_to(5),
        name in strategies::name_up_to(1_000),
        info in strategies::info_up_to(3),
        empty in strategies::string_up_to(0),
        channel in strategies::channel_name(),
        of_channels in strategies::channel_message_up_to(2),
    ) {
        prop_assert!((1..=255).contains(&channel.as_str().len()));
        prop_assert!(of_channels.kind().is_channel());
        prop_assert!(of_channels.encoded_len() <= 32 + 2 * 255 + 2);
        prop_assert!(text.as_str().len() <= 5);
        prop_assert!(name.as_str().len() <= 255);
        prop_assert!(info.as_str().len() <= 3);
        prop_assert_eq!(empty, "");
    }
}
