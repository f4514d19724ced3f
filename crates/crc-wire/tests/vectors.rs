//! Known frames and their messages, in both directions.

use crc_wire::{
    Audience, ChannelChat, ChannelField, ChannelJoin, ChannelName, ChannelPart, ChannelRequest,
    ChannelSetting, ChatKind, ClientChat, ClientQuit, DatedJoin, DatedSetting, Decoder,
    FrameLimits, HostId, Info, Kind, MemberFlags, Message, Name, Registration, RequestKind,
    ServerQuit, Status, StatusCode, TaggedChat, TaggedKind, Tags, Text, frame_len,
};

fn id(id: u32) -> HostId {
    HostId::new(id).expect("not 0")
}

fn text(text: &str) -> Text<'_> {
    Text::new(text).expect("short")
}

fn channel(name: &str) -> ChannelName<'_> {
    ChannelName::new(name).expect("short")
}

fn registration<'a>(source: u32, last_hop: u32, name: &'a str, info: &'a str) -> Registration<'a> {
    Registration {
        source: id(source),
        last_hop: HostId::new(last_hop),
        name: Name::new(name).expect("short"),
        info: Info::new(info).expect("short"),
    }
}

/// Checks that `hex`, without its spaces and line ends, is the frame of `message`.
fn check(hex: &str, message: &Message<'_>) {
    let digits: Vec<char> = hex.chars().filter(|c| !c.is_whitespace()).collect();
    let bytes: Vec<u8> = digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(&String::from_iter(pair), 16).expect("hex"))
        .collect();
    check_bytes(&bytes, message);
}

fn check_bytes(bytes: &[u8], message: &Message<'_>) {
    let kind = message.kind();
    let fixed = kind.fixed_len();
    assert_eq!(bytes[0], kind.byte());

    // Encoding.
    assert_eq!(message.to_vec(), bytes);
    assert_eq!(message.encoded_len(), bytes.len());
    let mut junk = [&[0xAA; 3][..], &vec![0x55; bytes.len()], &[0xAA; 3]].concat();
    message.encode(&mut &mut junk[3..]);
    assert_eq!(junk, [&[0xAA; 3], bytes, &[0xAA; 3]].concat());

    // Parsing.
    assert_eq!(Message::parse(bytes).as_ref(), Ok(message));
    assert_eq!(frame_len(&bytes[..fixed - 1], FrameLimits::WIRE), Ok(None));
    assert_eq!(
        frame_len(&bytes[..fixed], FrameLimits::WIRE),
        Ok(Some(bytes.len()))
    );

    // In a stream: in one chunk between two other frames, and byte by byte.
    let quit = b"\x82\x00\x00\x00\x65\x00\x00\x00\x03bye";
    let stream = [quit, bytes, quit].concat();
    for chunk_len in [stream.len(), 1] {
        let mut decoder = Decoder::new();
        let mut frames = Vec::new();
        for mut chunk in stream.chunks(chunk_len) {
            while let Ok(Some(frame)) = decoder.next_frame(&mut chunk, FrameLimits::WIRE) {
                let message = frame.message().map(Message::into_owned);
                frames.push((frame.kind(), frame.bytes().to_vec(), message));
            }
        }
        assert_eq!(frames.len(), 3);
        assert_eq!(frames[1], (kind, bytes.to_vec(), Ok(message.clone())));
        assert_eq!(decoder.pending(), 0);
    }
}

// The four kinds of version 1.

#[test]
fn server_registration() {
    check(
        "00 000001c8 00000000 09 000e 726976656e64616c65 456c726f6e64277320486f757365",
        &Message::ServerRegistration(registration(456, 0, "rivendale", "Elrond's House")),
    );
}

#[test]
fn client_chat() {
    check(
        "81 00000067 00000065 00000002 4869",
        &Message::ClientChat(ClientChat {
            source: id(103),
            destination: HostId::new(101),
            text: text("Hi"),
        }),
    );
}

#[test]
fn status() {
    check(
        "01 00000001 00000065 0001 0000000c 556e6b6e6f776e2049442039",
        &Message::Status(Status {
            source: HostId::new(1),
            destination: HostId::new(101),
            code: StatusCode::UNKNOWN_ID,
            text: text("Unknown ID 9"),
        }),
    );
}

#[test]
fn client_quit() {
    check(
        "82 00000065 00000003 627965",
        &Message::ClientQuit(ClientQuit {
            source: id(101),
            text: text("bye"),
        }),
    );
}

// The other two kinds about hosts.

#[test]
fn client_registration() {
    check(
        "80 00000065 00000001 05 0010 46726f646f 42656172657220206f66207468652052",
        &Message::ClientRegistration(registration(101, 1, "Frodo", "Bearer  of the R")),
    );
}

#[test]
fn server_quit() {
    check(
        "02 000001c8 00000001 0000000e 6c6f63616c686f73743a33333330",
        &Message::ServerQuit(ServerQuit {
            source: id(456),
            replacement: HostId::new(1),
            text: text("localhost:3330"),
        }),
    );
}

// The kinds about channels.

#[test]
fn channel_join() {
    let join = |by, operator, voice| {
        Message::ChannelJoin(ChannelJoin {
            source: id(101),
            by: HostId::new(by),
            flags: MemberFlags::NONE.with_operator(operator).with_voice(voice),
            channel: channel("#reef"),
        })
    };
    for (hex, message) in [
        (
            "83 00000065 00000000 00 05 2372656566",
            join(0, false, false),
        ),
        (
            "83 00000065 00000067 01 05 2372656566",
            join(103, true, false),
        ),
        (
            "83 00000065 00000067 02 05 2372656566",
            join(103, false, true),
        ),
        (
            "83 00000065 ffffffff 03 05 2372656566",
            join(u32::MAX, true, true),
        ),
    ] {
        check(hex, &message);
    }
}

#[test]
fn channel_part() {
    check(
        "84 00000065 00000000 05 00000003 2372656566 627965",
        &Message::ChannelPart(ChannelPart {
            source: id(101),
            by: None,
            channel: channel("#reef"),
            text: text("bye"),
        }),
    );
    check(
        "84 00000065 00000067 05 00000000 2372656566",
        &Message::ChannelPart(ChannelPart {
            source: id(101),
            by: HostId::new(103),
            channel: channel("#reef"),
            text: text(""),
        }),
    );
}

#[test]
fn channel_chat() {
    for (hex, kind) in [
        (
            "85 00000065 00 05 00000002 2372656566 4869",
            ChatKind::Message,
        ),
        (
            "85 00000065 01 05 00000002 2372656566 4869",
            ChatKind::Notice,
        ),
    ] {
        check(
            hex,
            &Message::ChannelChat(ChannelChat {
                source: id(101),
                kind,
                channel: channel("#reef"),
                text: text("Hi"),
            }),
        );
    }
}

#[test]
fn channel_setting() {
    let setting = |source, version, field, value| {
        Message::ChannelSetting(ChannelSetting {
            source: HostId::new(source),
            version,
            field,
            channel: channel("#reef"),
            value: text(value),
        })
    };
    for (hex, message) in [
        (
            "86 00000065 0000000000000007 00 05 00000004 2372656566 66697368",
            setting(101, 7, ChannelField::TOPIC, "fish"),
        ),
        (
            "86 00000000 0000000000000000 01 05 00000000 2372656566",
            setting(0, 0, ChannelField::KEY, ""),
        ),
        (
            "86 ffffffff ffffffffffffffff ff 05 00000001 2372656566 78",
            setting(u32::MAX, u64::MAX, ChannelField(255), "x"),
        ),
    ] {
        check(hex, &message);
    }
}

#[test]
fn dated_join() {
    let join = |by, founded, flags| {
        Message::DatedJoin(DatedJoin {
            source: id(101),
            by: HostId::new(by),
            founded,
            tag: 0x67,
            flags: MemberFlags::from_byte(flags),
            channel: channel("#reef"),
        })
    };
    for (hex, message) in [
        (
            "88 00000065 00000067 0000018bcfe56800 00000067 01 05 2372656566",
            join(103, 1_700_000_000_000, 1),
        ),
        (
            "88 00000065 00000000 ffffffffffffffff 00000067 00 05 2372656566",
            join(0, u64::MAX, 0),
        ),
    ] {
        check(hex, &message);
    }
}

#[test]
fn dated_setting() {
    let setting = |source, version, founded, setter, value| {
        Message::DatedSetting(DatedSetting {
            source: HostId::new(source),
            version,
            founded,
            tag: 0x67,
            field: ChannelField::TOPIC,
            channel: channel("#reef"),
            setter: Name::new(setter).expect("short"),
            value: text(value),
        })
    };
    for (hex, message) in [
        (
            "89 00000065 0000018bcfe56fd0 0000018bcfe56800 00000067 00 05 03 00000004 2372656566 616e6e 66697368",
            setting(101, 1_700_000_002_000, 1_700_000_000_000, "ann", "fish"),
        ),
        (
            "89 00000000 0000000000000000 0000000000000001 00000067 00 05 00 00000000 2372656566",
            setting(0, 0, 1, "", ""),
        ),
    ] {
        check(hex, &message);
    }
}

#[test]
fn tagged_chat() {
    let chat = |destination, kind, audience, channel, tags, words| {
        Message::TaggedChat(TaggedChat {
            source: id(101),
            destination: HostId::new(destination),
            kind,
            audience,
            channel,
            tags: Tags::new(tags).expect("tags"),
            text: text(words),
        })
    };
    let reef = || Some(channel("#reef"));
    for (hex, message) in [
        (
            "8a 00000065 00000000 00 00 05 0011 00000002 2372656566 2b613d623b6d736769643d633164326533 4869",
            chat(
                0,
                TaggedKind::Message,
                Audience::All,
                reef(),
                "+a=b;msgid=c1d2e3",
                "Hi",
            ),
        ),
        (
            "8a 00000065 00000000 01 01 05 0000 00000002 2372656566 4869",
            chat(0, TaggedKind::Notice, Audience::Operators, reef(), "", "Hi"),
        ),
        (
            "8a 00000065 00000067 02 00 00 0003 00000000 2b613d",
            chat(103, TaggedKind::TagsOnly, Audience::All, None, "+a=", ""),
        ),
        (
            "8a 00000065 00000067 03 00 00 0000 00000007 612d31206f682e",
            chat(
                103,
                TaggedKind::Redaction,
                Audience::All,
                None,
                "",
                "a-1 oh.",
            ),
        ),
        (
            "8a 00000065 ffffffff 00 02 05 0000 00000000 2372656566",
            chat(
                u32::MAX,
                TaggedKind::Message,
                Audience::Voiced,
                reef(),
                "",
                "",
            ),
        ),
    ] {
        check(hex, &message);
    }
}

#[test]
fn longest_tags() {
    let tags = "é".repeat(Tags::BYTES_MAX / 2);
    let head = b"\x8a\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x11\x00\x00\x00\x00\x02";
    check_bytes(
        &[&head[..], tags.as_bytes(), b"Hi"].concat(),
        &Message::TaggedChat(TaggedChat {
            source: id(1),
            destination: HostId::new(2),
            kind: TaggedKind::Message,
            audience: Audience::All,
            channel: None,
            tags: Tags::new(tags).expect("as many as may be"),
            text: text("Hi"),
        }),
    );
}

#[test]
fn channel_request() {
    let request = |destination, kind, channel, words| {
        Message::ChannelRequest(ChannelRequest {
            source: id(101),
            destination: HostId::new(destination),
            kind,
            channel,
            text: text(words),
        })
    };
    for (hex, message) in [
        (
            "87 00000065 00000067 02 05 00000004 2372656566 6c6f7564",
            request(103, RequestKind::KICK, Some(channel("#reef")), "loud"),
        ),
        (
            "87 00000065 00000067 00 00 00000002 4869",
            request(103, RequestKind::NOTICE, None, "Hi"),
        ),
        (
            "87 00000065 00000000 07 05 00000000 2372656566",
            request(0, RequestKind::JOIN, Some(channel("#reef")), ""),
        ),
        (
            "87 00000065 00000000 ff 00 00000000",
            request(0, RequestKind(255), None, ""),
        ),
    ] {
        check(hex, &message);
    }
}

#[test]
fn longest_channel() {
    let name = "é".repeat(127) + "x";
    let join = b"\x83\x00\x00\x00\x01\x00\x00\x00\x02\x00\xff";
    check_bytes(
        &[&join[..], name.as_bytes()].concat(),
        &Message::ChannelJoin(ChannelJoin {
            source: id(1),
            by: HostId::new(2),
            flags: MemberFlags::default(),
            channel: channel(&name),
        }),
    );
    let chat = b"\x85\x00\x00\x00\x01\x00\xff\x00\x00\x00\x02";
    check_bytes(
        &[&chat[..], name.as_bytes(), b"Hi"].concat(),
        &Message::ChannelChat(ChannelChat {
            source: id(1),
            kind: ChatKind::Message,
            channel: channel(&name),
            text: text("Hi"),
        }),
    );
}

#[test]
fn open_sets_have_their_numbers() {
    let fields = [
        ChannelField::TOPIC,
        ChannelField::KEY,
        ChannelField::MODES,
        ChannelField::LIMIT,
        ChannelField::BANS,
        ChannelField::NAME,
    ];
    assert!(fields.into_iter().eq((0..6).map(ChannelField)));
    let kinds = [
        RequestKind::NOTICE,
        RequestKind::INVITE,
        RequestKind::KICK,
        RequestKind::OP,
        RequestKind::DEOP,
        RequestKind::VOICE,
        RequestKind::DEVOICE,
        RequestKind::JOIN,
        RequestKind::NAMES,
    ];
    assert!(kinds.into_iter().eq((0..9).map(RequestKind)));
    assert_eq!(RequestKind::INVITED, RequestKind(25));
    assert_eq!(RequestKind::QUESTION, RequestKind(27));
    assert_eq!(RequestKind::REPLY, RequestKind(28));
    assert_eq!(StatusCode::CHANNEL_REFUSED, StatusCode(0x0103));
    assert_eq!(StatusCode::CHANNEL_NAMES, StatusCode(0x0104));
}

// Extreme values of the fields.

#[test]
fn zero_ids_where_they_are_allowed() {
    check(
        "01 00000000 00000000 0000 00000000",
        &Message::Status(Status {
            source: None,
            destination: None,
            code: StatusCode::WELCOME,
            text: text(""),
        }),
    );
    check(
        "81 00000001 00000000 00000000",
        &Message::ClientChat(ClientChat {
            source: id(1),
            destination: None,
            text: text(""),
        }),
    );
    check(
        "02 00000001 00000000 00000000",
        &Message::ServerQuit(ServerQuit {
            source: id(1),
            replacement: None,
            text: text(""),
        }),
    );
}

#[test]
fn empty_texts() {
    check(
        "82 00000001 00000000",
        &Message::ClientQuit(ClientQuit {
            source: id(1),
            text: text(""),
        }),
    );
    let empty = registration(1, 0, "", "");
    check(
        "00 00000001 00000000 00 0000",
        &Message::ServerRegistration(empty.clone()),
    );
    check(
        "80 00000001 00000000 00 0000",
        &Message::ClientRegistration(empty),
    );
    check(
        "80 00000001 00000000 01 0000 61",
        &Message::ClientRegistration(registration(1, 0, "a", "")),
    );
    check(
        "80 00000001 00000000 00 0001 61",
        &Message::ClientRegistration(registration(1, 0, "", "a")),
    );
}

#[test]
fn greatest_numbers() {
    check(
        "01 ffffffff ffffffff ffff 00000000",
        &Message::Status(Status {
            source: HostId::new(u32::MAX),
            destination: HostId::new(u32::MAX),
            code: StatusCode(u16::MAX),
            text: text(""),
        }),
    );
}

#[test]
fn longest_name_and_info() {
    let (name, info) = ("n".repeat(255), "i".repeat(65_535));
    let head = b"\x80\x00\x00\x00\x01\x00\x00\x00\x02\xff\xff\xff";
    check_bytes(
        &[&head[..], name.as_bytes(), info.as_bytes()].concat(),
        &Message::ClientRegistration(registration(1, 2, &name, &info)),
    );
}

#[test]
fn long_text() {
    // One byte more than a length of two bytes can count.
    let long = "t".repeat(65_536);
    let head = b"\x82\x00\x00\x00\x01\x00\x01\x00\x00";
    check_bytes(
        &[&head[..], long.as_bytes()].concat(),
        &Message::ClientQuit(ClientQuit {
            source: id(1),
            text: text(&long),
        }),
    );
}

#[test]
fn lengths_count_bytes_not_characters() {
    check(
        "81 00000067 00000065 0000000a 4772 c3bc c39f 65 e284a2",
        &Message::ClientChat(ClientChat {
            source: id(103),
            destination: HostId::new(101),
            text: text("Grüße™"),
        }),
    );
}

#[test]
fn kinds() {
    let bytes: Vec<u8> = (0..=u8::MAX)
        .filter(|byte| Kind::from_byte(*byte).is_some())
        .collect();
    assert_eq!(
        bytes,
        [
            0x00, 0x01, 0x02, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a
        ]
    );
    assert_eq!(Kind::ALL.map(Kind::byte), *bytes);
    assert_eq!(
        Kind::ALL.map(Kind::fixed_len),
        [12, 15, 13, 12, 13, 9, 11, 14, 11, 19, 15, 23, 32, 18],
        "the type byte counts"
    );
    let of_channels = Kind::ALL.into_iter().filter(|kind| kind.is_channel());
    assert!(of_channels.map(Kind::byte).eq(0x83..=0x8a));
}
