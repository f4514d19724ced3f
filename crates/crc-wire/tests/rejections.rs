//! Every error of the crate, and how the stream goes on after it.

use crc_wire::{
    ChannelName, ChannelNameError, Decoder, Frame, FrameError, FrameLimits, HostId, Info, Kind,
    Message, MessageError, Name, TagsError, Text, TooLong, frame_len,
};

const QUIT: &[u8] = b"\x82\x00\x00\x00\x65\x00\x00\x00\x03bye";

const TIGHT: FrameLimits = FrameLimits::WIRE
    .with_text_bytes_max(100)
    .with_registration_bytes_max(20);

/// The decoder returns `error` as soon as it has `start`, and uses no later bytes.
fn check_frame_error(start: &[u8], limits: FrameLimits, error: FrameError) {
    for len in 0..start.len() {
        assert_eq!(frame_len(&start[..len], limits), Ok(None));
    }
    assert_eq!(frame_len(start, limits), Err(error));

    let mut input = start;
    assert_eq!(Frame::take(&mut input, limits), Err(error));
    assert_eq!(input, start, "nothing is taken");

    for chunk_len in [1, start.len() + QUIT.len()] {
        let mut decoder = Decoder::new();
        let mut outcomes = Vec::new();
        for mut chunk in [QUIT, start].concat().chunks(chunk_len) {
            while !chunk.is_empty() {
                outcomes.push(decoder.next_frame(&mut chunk, limits).map(|f| f.is_some()));
                if outcomes.last() == Some(&Err(error)) {
                    break;
                }
            }
        }
        assert_eq!(outcomes.last(), Some(&Err(error)));
        assert_eq!(outcomes.iter().filter(|o| **o == Ok(true)).count(), 1);

        // The error stays, whatever the input and the limits.
        assert_eq!((decoder.pending(), decoder.capacity()), (0, 0));
        for mut later in [QUIT, b""] {
            let before = later;
            let outcome = decoder.next_frame(&mut later, FrameLimits::WIRE);
            assert_eq!(outcome, Err(error));
            assert_eq!(later, before, "no input is used");
        }
        assert_eq!(decoder.capacity(), 0);
    }
}

#[test]
fn unknown_kind() {
    for byte in (0..=u8::MAX).filter(|byte| Kind::from_byte(*byte).is_none()) {
        check_frame_error(&[byte], FrameLimits::WIRE, FrameError::UnknownKind(byte));
    }
}

#[test]
fn announced_text_over_the_limit() {
    let is_join = |kind: &Kind| matches!(kind, Kind::ChannelJoin | Kind::DatedJoin);
    let without_text = |kind: &Kind| kind.is_registration() || is_join(kind);
    for kind in Kind::ALL.into_iter().filter(|kind| !without_text(kind)) {
        for (announced, limits) in [
            (101, TIGHT),
            (u32::MAX, TIGHT),
            (65_537, FrameLimits::RELAY),
            (u32::MAX, FrameLimits::RELAY),
        ] {
            let mut start = vec![1; kind.fixed_len()];
            start[0] = kind.byte();
            let length_at = start.len() - 4;
            start[length_at..].copy_from_slice(&announced.to_be_bytes());
            let error = FrameError::TooLong {
                kind,
                announced: announced.into(),
                max: limits.text_bytes_max,
            };
            check_frame_error(&start, limits, error);
        }
    }
}

#[test]
fn announced_registration_over_the_limit() {
    for kind in [Kind::ServerRegistration, Kind::ClientRegistration] {
        for (name, info) in [(21, 0), (0, 21), (10, 11), (255, 65_535)] {
            let mut start = vec![kind.byte(), 0, 0, 0, 1, 0, 0, 0, 0, name];
            start.extend(u16::to_be_bytes(info));
            let error = FrameError::TooLong {
                kind,
                announced: u64::from(name) + u64::from(info),
                max: 20,
            };
            check_frame_error(&start, TIGHT, error);
        }
    }
}

#[test]
fn lengths_at_the_limit_are_accepted() {
    let quit = [&QUIT[..8], &[100], &[b'x'; 100][..]].concat();
    assert_eq!(frame_len(&quit, TIGHT), Ok(Some(109)));
    // A channel's name does not count.
    let chat = b"\x85\x00\x00\x00\x01\x00\xff\x00\x00\x00\x64";
    assert_eq!(frame_len(chat, TIGHT), Ok(Some(11 + 255 + 100)));
    let join = b"\x83\x00\x00\x00\x01\x00\x00\x00\x00\x00\xff";
    assert_eq!(frame_len(join, TIGHT), Ok(Some(11 + 255)));
    let setting = b"\x86\0\0\0\x01\0\0\0\0\0\0\0\x01\0\xff\0\0\0\x64";
    assert_eq!(frame_len(setting, TIGHT), Ok(Some(19 + 255 + 100)));
    let registration = b"\x80\x00\x00\x00\x01\x00\x00\x00\x00\x0a\x00\x0a";
    assert_eq!(frame_len(registration, TIGHT), Ok(Some(32)));
    // The widest limits accept everything that a frame can announce.
    let longest = b"\x82\x00\x00\x00\x65\xff\xff\xff\xff";
    let len = usize::try_from(9 + u64::from(u32::MAX)).unwrap_or(usize::MAX);
    assert_eq!(frame_len(longest, FrameLimits::WIRE), Ok(Some(len)));
}

#[test]
fn limits_may_change_between_calls() {
    let wide = FrameLimits::RELAY;
    let refused = FrameError::TooLong {
        kind: Kind::ClientQuit,
        announced: 3,
        max: 2,
    };
    let narrow = wide.with_text_bytes_max(2);

    // Wider from the second frame on.
    let mut decoder = Decoder::new();
    let mut input = &[&b"\x82\x00\x00\x00\x65\x00\x00\x00\x00"[..], QUIT].concat()[..];
    assert!(decoder.next_frame(&mut input, narrow).unwrap().is_some());
    assert!(decoder.next_frame(&mut input, wide).unwrap().is_some());

    // Narrower between two chunks of one frame, before and after its length.
    for cut in [1, 8, 9, 11] {
        let mut decoder = Decoder::new();
        let (mut first, mut second) = QUIT.split_at(cut);
        assert_eq!(decoder.next_frame(&mut first, wide), Ok(None));
        assert_eq!(decoder.pending(), cut);
        assert_eq!(decoder.next_frame(&mut second, narrow), Err(refused));
    }

    // Wider between two chunks, before the length.
    let mut decoder = Decoder::new();
    let (mut first, mut second) = QUIT.split_at(8);
    assert_eq!(decoder.next_frame(&mut first, narrow), Ok(None));
    assert!(decoder.next_frame(&mut second, wide).unwrap().is_some());
}

/// Parsing `frame` fails with `error`; the decoder still finds the next frame.
fn check_message_error(frame: &[u8], error: MessageError) {
    assert_eq!(Message::parse(frame), Err(error));

    let stream = [frame, QUIT].concat();
    let mut input = &stream[..];
    let mut next = || {
        let frame = Frame::take(&mut input, FrameLimits::RELAY);
        frame.expect("the boundary stands").expect("all is there")
    };
    let broken = next();
    assert_eq!(broken.bytes(), frame);
    assert_eq!(broken.message(), Err(error));
    assert_eq!(next().message(), Message::parse(QUIT));
}

#[test]
fn source_zero() {
    for frame in [
        &b"\x00\x00\x00\x00\x00\x00\x00\x00\x01\x01\x00\x01ab"[..],
        b"\x80\x00\x00\x00\x00\x00\x00\x00\x01\x01\x00\x01ab",
        b"\x81\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x02Hi",
        b"\x82\x00\x00\x00\x00\x00\x00\x00\x02Hi",
        b"\x02\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x02Hi",
        b"\x83\x00\x00\x00\x00\x00\x00\x00\x01\x00\x02#a",
        b"\x84\x00\x00\x00\x00\x00\x00\x00\x01\x02\x00\x00\x00\x02#aHi",
        b"\x85\x00\x00\x00\x00\x00\x02\x00\x00\x00\x02#aHi",
        b"\x87\x00\x00\x00\x00\x00\x00\x00\x01\x00\x02\x00\x00\x00\x02#aHi",
        b"\x8a\0\0\0\0\0\0\0\x01\x00\x00\x02\x00\x00\x00\x00\x00\x02#aHi",
    ] {
        check_message_error(frame, MessageError::SourceZero);
    }
}

#[test]
fn not_utf8() {
    for frame in [
        // In the name; in the info; a character cut by the end of the name.
        &b"\x00\x00\x00\x00\x01\x00\x00\x00\x00\x01\x00\x01\xffb"[..],
        b"\x80\x00\x00\x00\x01\x00\x00\x00\x00\x01\x00\x01a\xff",
        b"\x80\x00\x00\x00\x01\x00\x00\x00\x00\x01\x00\x01\xc3\xa9",
        b"\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x01\x80",
        // A surrogate, an overlong form, an incomplete character.
        b"\x81\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x03\xed\xa0\x80",
        b"\x82\x00\x00\x00\x01\x00\x00\x00\x02\xc0\xaf",
        b"\x02\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x02\xe2\x84",
        // In the channel; in the text; a character cut by the end of the channel.
        b"\x83\x00\x00\x00\x01\x00\x00\x00\x01\x00\x02#\xff",
        b"\x84\x00\x00\x00\x01\x00\x00\x00\x01\x02\x00\x00\x00\x01#\xff!",
        b"\x84\x00\x00\x00\x01\x00\x00\x00\x01\x02\x00\x00\x00\x01#a\xff",
        b"\x85\x00\x00\x00\x01\x00\x02\x00\x00\x00\x01#\xc3\xa9",
        b"\x86\0\0\0\x01\0\0\0\0\0\0\0\x01\x00\x01\0\0\0\x01#\x80",
        b"\x87\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x01\xff",
    ] {
        check_message_error(frame, MessageError::NotUtf8);
    }
}

#[test]
fn a_channel_without_a_name() {
    for frame in [
        &b"\x83\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00"[..],
        b"\x84\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x02Hi",
        b"\x85\x00\x00\x00\x01\x00\x00\x00\x00\x00\x02Hi",
        b"\x86\0\0\0\x01\0\0\0\0\0\0\0\x01\x00\x00\0\0\0\x02Hi",
    ] {
        check_message_error(frame, MessageError::ChannelEmpty);
    }
}

#[test]
fn an_unknown_chat_kind() {
    for kind in 2..=u8::MAX {
        let mut frame = *b"\x85\x00\x00\x00\x01\x00\x02\x00\x00\x00\x02#aHi";
        frame[5] = kind;
        check_message_error(&frame, MessageError::UnknownChatKind(kind));
    }
}

#[test]
fn a_tagged_chat_with_invalid_content() {
    let valid = b"\x8a\0\0\0\x01\0\0\0\0\x00\x00\x02\x00\x04\0\0\0\x02#a+a=bHi";
    assert!(Message::parse(valid).is_ok());
    for kind in 4..=u8::MAX {
        let mut frame = *valid;
        frame[9] = kind;
        check_message_error(&frame, MessageError::UnknownChatKind(kind));
    }
    for audience in 3..=u8::MAX {
        let mut frame = *valid;
        frame[9] = 2;
        frame[10] = audience;
        check_message_error(&frame, MessageError::UnknownAudience(audience));
    }
    for byte in [0, b' ', b'\r', b'\n'] {
        let mut frame = *valid;
        frame[23] = byte;
        check_message_error(&frame, MessageError::Tags);
    }
    let mut frame = *valid;
    frame[23] = 0xff;
    check_message_error(&frame, MessageError::NotUtf8);
    // One byte too many, 4,353 in all.
    let head = b"\x8a\0\0\0\x01\0\0\0\0\x00\x00\x02\x11\x01\0\0\0\0#a";
    let frame = [&head[..], &[b'x'; 4_353]].concat();
    check_message_error(&frame, MessageError::Tags);
}

#[test]
fn unknown_flags_are_ignored_and_not_written() {
    for flags in 0..=u8::MAX {
        let mut frame = *b"\x83\x00\x00\x00\x01\x00\x00\x00\x00\x00\x02#a";
        frame[9] = flags;
        let Ok(Message::ChannelJoin(join)) = Message::parse(&frame) else {
            panic!("{flags:#04x} is refused");
        };
        assert_eq!(join.flags.operator, flags & 1 == 1);
        assert_eq!(join.flags.voice, flags & 2 == 2);
        let written = Message::ChannelJoin(join).to_vec();
        frame[9] = flags & 3;
        assert_eq!(written, frame);
        let mut frame = *b"\x88\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\x07\0\0\0\x04\x00\x02#a";
        frame[21] = flags;
        let message = Message::parse(&frame).expect("unknown flags are no error");
        let written = message.to_vec();
        frame[21] = flags & 3;
        assert_eq!(written, frame);
    }
}

#[test]
fn not_exactly_one_frame() {
    for len in 0..QUIT.len() {
        assert_eq!(Message::parse(&QUIT[..len]), Err(MessageError::Length));
    }
    let more = [QUIT, b"!"].concat();
    assert_eq!(Message::parse(&more), Err(MessageError::Length));
    let join = b"\x83\x00\x00\x00\x01\x00\x00\x00\x01\x00\x02#a";
    let setting = b"\x86\0\0\0\x01\0\0\0\0\0\0\0\x01\x00\x02\0\0\0\x02#aHi";
    let dated_join = b"\x88\0\0\0\x01\0\0\0\x01\0\0\0\0\0\0\0\x07\0\0\0\x04\x00\x02#a";
    let dated_setting =
        b"\x89\0\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x07\0\0\0\x04\x00\x02\x01\0\0\0\x02#abHi";
    let tagged = b"\x8a\0\0\0\x01\0\0\0\x01\x00\x00\x02\x00\x01\0\0\0\x02#abHi";
    for frame in [&join[..], setting, dated_join, dated_setting, tagged] {
        for len in 0..frame.len() {
            assert_eq!(Message::parse(&frame[..len]), Err(MessageError::Length));
        }
        let more = [frame, b"!"].concat();
        assert_eq!(Message::parse(&more), Err(MessageError::Length));
    }
    assert_eq!(Message::parse(b"\x03"), Err(MessageError::UnknownKind(3)));
}

#[test]
fn values_that_do_not_fit() {
    let too_long = |len, max| TooLong { len, max };
    assert_eq!(Name::new("n".repeat(256)), Err(too_long(256, 255)));
    assert_eq!(Name::try_from("é".repeat(128)), Err(too_long(256, 255)));
    assert_eq!(Info::new("i".repeat(65_536)), Err(too_long(65_536, 65_535)));
    assert!(Text::new("t".repeat(65_536)).is_ok());
    assert_eq!(Name::truncated(&"é".repeat(128)).as_str().len(), 254);
    assert_eq!(ChannelName::new(""), Err(ChannelNameError::Empty));
    assert_eq!(
        ChannelName::try_from("é".repeat(128)),
        Err(ChannelNameError::TooLong(too_long(256, 255)))
    );
    assert!(ChannelName::new("n".repeat(255)).is_ok());

    assert_eq!(HostId::new(0), None);
    assert!(HostId::try_from(0).is_err());
    assert!("0".parse::<HostId>().is_err());
    assert!("4294967296".parse::<HostId>().is_err());
}

#[test]
fn error_messages() {
    let too_long = FrameError::TooLong {
        kind: Kind::ClientChat,
        announced: 101,
        max: 100,
    };
    for (error, text) in [
        (
            FrameError::UnknownKind(3).to_string(),
            "unknown frame type 0x03",
        ),
        (
            too_long.to_string(),
            "client chat frame too long: 101 bytes announced, limit 100",
        ),
        (
            MessageError::UnknownKind(3).to_string(),
            "unknown frame type 0x03",
        ),
        (
            MessageError::Length.to_string(),
            "frame length differs from the announced length",
        ),
        (MessageError::SourceZero.to_string(), "source id is 0"),
        (MessageError::NotUtf8.to_string(), "text is not UTF-8"),
        (
            MessageError::ChannelEmpty.to_string(),
            "channel name is empty",
        ),
        (
            MessageError::UnknownChatKind(2).to_string(),
            "unknown chat kind 0x02",
        ),
        (
            MessageError::UnknownAudience(3).to_string(),
            "unknown audience 0x03",
        ),
        (MessageError::Tags.to_string(), "malformed tags"),
        (
            TagsError::Character.to_string(),
            "tags hold a blank or a control character",
        ),
        (ChannelNameError::Empty.to_string(), "channel name is empty"),
        (
            ChannelName::new("n".repeat(256)).unwrap_err().to_string(),
            "text too long: 256 bytes, limit 255",
        ),
        (
            Name::new("n".repeat(256)).unwrap_err().to_string(),
            "text too long: 256 bytes, limit 255",
        ),
    ] {
        assert_eq!(error, text);
    }
}
