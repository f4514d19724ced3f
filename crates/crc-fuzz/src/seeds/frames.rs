//! Seeds of the targets for frames: streams and single frames.

use crc_wire::{
    Audience, ChannelChat, ChannelField, ChannelJoin, ChannelName, ChannelPart, ChannelRequest,
    ChannelSetting, ChatKind, ClientChat, ClientQuit, HostId, Info, MemberFlags, Message, Name,
    Registration, RequestKind, ServerQuit, Status, StatusCode, TaggedChat, TaggedKind, Tags, Text,
};

fn host(id: u32) -> HostId {
    HostId::new(id).expect("an id that is not 0")
}

/// One message of each kind, and its name.
fn one_of_each_kind() -> Vec<(&'static str, Message<'static>)> {
    let registration = |info: &'static str| Registration {
        source: host(456),
        last_hop: HostId::new(1),
        name: Name::truncated("anchor"),
        info: Info::truncated(info),
    };
    let (source, text) = (host(101), Text::truncated("héllo"));
    let with_announcement = "x [crc2;a=127.0.0.1:1000;r=0;f=server-quit]";
    let mut messages = vec![
        (
            "server_registration",
            Message::ServerRegistration(registration("an info")),
        ),
        (
            "server_announcement",
            Message::ServerRegistration(registration(with_announcement)),
        ),
        (
            "client_registration",
            Message::ClientRegistration(registration("")),
        ),
        (
            "client_announcement",
            Message::ClientRegistration(registration("x [crc2;f=]")),
        ),
        (
            "client_name_in_utf_8",
            Message::ClientRegistration(Registration {
                name: Name::truncated("Zoe"),
                ..registration("x [crc2;u=5a6fc3ab;f=channels,utf8-names]")
            }),
        ),
        (
            "status",
            Message::Status(Status {
                source: None,
                destination: Some(source),
                code: StatusCode::UNKNOWN_ID,
                text: Text::truncated("Unknown ID 9"),
            }),
        ),
        (
            "client_chat",
            Message::ClientChat(ClientChat {
                source,
                destination: HostId::new(102),
                text: text.clone(),
            }),
        ),
        (
            "client_quit",
            Message::ClientQuit(ClientQuit {
                source,
                text: text.clone(),
            }),
        ),
        (
            "server_quit",
            Message::ServerQuit(ServerQuit {
                source: host(2),
                replacement: HostId::new(1),
                text,
            }),
        ),
    ];
    messages.extend(one_of_each_channel_kind());
    messages
}

fn one_of_each_channel_kind() -> [(&'static str, Message<'static>); 6] {
    let (source, text) = (host(101), Text::truncated("héllo"));
    let channel = ChannelName::new("#rêef").expect("a short name");
    [
        (
            "channel_join",
            Message::ChannelJoin(ChannelJoin {
                source,
                by: HostId::new(102),
                flags: MemberFlags::OPERATOR,
                channel: channel.clone(),
            }),
        ),
        (
            "channel_part",
            Message::ChannelPart(ChannelPart {
                source,
                by: None,
                channel: channel.clone(),
                text: text.clone(),
            }),
        ),
        (
            "channel_chat",
            Message::ChannelChat(ChannelChat {
                source,
                kind: ChatKind::Notice,
                channel: channel.clone(),
                text: text.clone(),
            }),
        ),
        (
            "channel_setting",
            Message::ChannelSetting(ChannelSetting {
                source: Some(source),
                version: 7,
                field: ChannelField::TOPIC,
                channel: channel.clone(),
                value: text.clone(),
            }),
        ),
        (
            "channel_request",
            Message::ChannelRequest(ChannelRequest {
                source,
                destination: HostId::new(102),
                kind: RequestKind::KICK,
                channel: Some(channel.clone()),
                text: text.clone(),
            }),
        ),
        (
            "tagged_chat",
            Message::TaggedChat(TaggedChat {
                source,
                destination: None,
                kind: TaggedKind::Message,
                audience: Audience::Voiced,
                channel: Some(channel),
                tags: Tags::new("+typing=active;msgid=a1").expect("tags"),
                text,
            }),
        ),
    ]
}

pub(super) fn decoder() -> Vec<(&'static str, Vec<u8>)> {
    let stream = |limits: u8, frames: &[u8]| [&[limits], frames].concat();
    let mut seeds: Vec<_> = one_of_each_kind()
        .into_iter()
        .map(|(name, message)| (name, stream(2, &message.to_vec())))
        .collect();
    let quit = [0x82, 0, 0, 0, 101, 0, 0, 0, 0];
    let chat = [0x81, 0, 0, 0, 101, 0, 0, 0, 102, 0, 0, 0, 2, b'H', b'i'];
    let tight = [0x81, 0, 0, 0, 101, 0, 0, 0, 102, 0, 0, 0, 9];
    seeds.extend([
        ("several", stream(2, &[&quit[..], &chat, &quit].concat())),
        (
            "unknown_kind",
            stream(2, &[&quit[..], &[0x88], &chat].concat()),
        ),
        (
            "no_source",
            stream(2, &[0x82, 0, 0, 0, 0, 0, 0, 0, 1, b'x']),
        ),
        (
            "no_channel",
            stream(2, &[0x83, 0, 0, 0, 101, 0, 0, 0, 0, 0, 0, 0x82]),
        ),
        (
            "unknown_flags",
            stream(2, &[0x83, 0, 0, 0, 101, 0, 0, 0, 0, 255, 1, b'#']),
        ),
        (
            "unknown_kind_of_chat",
            stream(2, &[0x85, 0, 0, 0, 101, 2, 1, 0, 0, 0, 1, b'#', b'x']),
        ),
        ("not_utf8", stream(2, &[0x82, 0, 0, 0, 1, 0, 0, 0, 1, 0xff])),
        ("too_long", stream(1, &tight)),
        (
            "four_gib",
            stream(0, &[0x82, 0, 0, 0, 1, 255, 255, 255, 255]),
        ),
        ("cut", stream(2, &chat[..14])),
    ]);
    seeds
}

pub(super) fn round_trip() -> Vec<(&'static str, Vec<u8>)> {
    let messages = one_of_each_kind().into_iter();
    let mut seeds: Vec<_> = messages
        .map(|(name, message)| (name, message.to_vec()))
        .collect();
    seeds.push(("choices", (0..=255).step_by(5).collect()));
    seeds
}
