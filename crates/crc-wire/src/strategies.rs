//! Strategies for property tests: values, messages, and streams in chunks.
//!
//! Values are small by default, so that tests run many cases in little time and
//! failures are readable. The functions `.._up_to` take the size. Half of the ids
//! are from 1 to 9, so that two are often equal. The strategies generate everything
//! that the wire format can express, such as control characters and empty texts.
//! Networks accept less; their tests filter the values.
//!
//! ```
//! use crc_wire::{Decoder, FrameLimits, strategies};
//! use proptest::prelude::*;
//!
//! proptest!(|(stream in strategies::stream(5))| {
//!     let mut decoder = Decoder::new();
//!     let mut received = 0;
//!     for chunk in &stream.chunks {
//!         let mut chunk = &chunk[..];
//!         while let Some(frame) = decoder.next_frame(&mut chunk, FrameLimits::RELAY)? {
//!             prop_assert_eq!(frame.message()?, stream.messages[received].clone());
//!             received += 1;
//!         }
//!     }
//!     prop_assert_eq!(received, stream.messages.len());
//! });
//! ```

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proptest::char::range;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::{Index, select};

use crate::code::{
    Audience, ChannelField, ChatKind, MemberFlags, RequestKind, StatusCode, TaggedKind,
};
use crate::host_id::HostId;
use crate::message::{
    ChannelChat, ChannelJoin, ChannelPart, ChannelRequest, ChannelSetting, ClientChat, ClientQuit,
    DatedJoin, DatedSetting, Message, Registration, ServerQuit, Status, TaggedChat,
};
use crate::text::{ChannelName, Info, Name, Tags, Text, truncate_utf8};

/// The most bytes of a text if the caller does not choose the size.
const BYTES_MAX: usize = 256;

/// An id: often from 1 to 9, sometimes the greatest.
pub fn host_id() -> impl Strategy<Value = HostId> {
    prop_oneof![
        4 => 1..10_u32,
        1 => Just(u32::MAX),
        3 => 1..u32::MAX,
    ]
    .prop_map(|id| HostId::new(id).expect("the ranges begin at 1"))
}

/// An id, or `None` in one of four cases.
pub fn optional_host_id() -> impl Strategy<Value = Option<HostId>> {
    proptest::option::weighted(0.75, host_id())
}

/// A status code: often one with a name.
pub fn status_code() -> impl Strategy<Value = StatusCode> {
    const NAMED: &[StatusCode] = &[
        StatusCode::WELCOME,
        StatusCode::UNKNOWN_ID,
        StatusCode::ID_TAKEN,
        StatusCode::FEATURES,
        StatusCode::TOO_LONG,
        StatusCode::LEAVING,
        StatusCode::CHANNEL_REFUSED,
        StatusCode::CHANNEL_NAMES,
        StatusCode::SERVERS,
    ];
    prop_oneof![select(NAMED), any::<u16>().prop_map(StatusCode)]
}

/// UTF-8 of at most `bytes_max` bytes: mostly a few characters, ASCII or not,
/// sometimes exactly `bytes_max` bytes.
pub fn string_up_to(bytes_max: usize) -> impl Strategy<Value = String> {
    let chars_max = bytes_max.min(16);
    prop_oneof![
        4 => vec(range(' ', '~'), 0..=chars_max).prop_map(String::from_iter),
        4 => vec(any::<char>(), 0..=chars_max)
            .prop_map(move |chars| truncate_utf8(&String::from_iter(chars), bytes_max).to_string()),
        1 => range('a', 'z').prop_map(move |letter| letter.to_string().repeat(bytes_max)),
    ]
}

/// A name of at most 255 bytes.
pub fn name() -> impl Strategy<Value = Name<'static>> {
    name_up_to(Name::BYTES_MAX)
}

/// A name of at most `bytes_max` bytes, and at most 255.
pub fn name_up_to(bytes_max: usize) -> impl Strategy<Value = Name<'static>> {
    string_up_to(bytes_max.min(Name::BYTES_MAX))
        .prop_map(|name| Name::new(name).expect("within the limit"))
}

/// An info of at most 256 bytes.
pub fn info() -> impl Strategy<Value = Info<'static>> {
    info_up_to(BYTES_MAX)
}

/// An info of at most `bytes_max` bytes, and at most 65,535.
pub fn info_up_to(bytes_max: usize) -> impl Strategy<Value = Info<'static>> {
    string_up_to(bytes_max.min(Info::BYTES_MAX))
        .prop_map(|info| Info::new(info).expect("within the limit"))
}

/// A text of at most 256 bytes.
pub fn text() -> impl Strategy<Value = Text<'static>> {
    text_up_to(BYTES_MAX)
}

/// A text of at most `bytes_max` bytes.
pub fn text_up_to(bytes_max: usize) -> impl Strategy<Value = Text<'static>> {
    string_up_to(bytes_max.min(Text::BYTES_MAX))
        .prop_map(|text| Text::new(text).expect("within the limit"))
}

/// The name of a channel: often `#reef` or `#REEF`, so that two are often equal;
/// otherwise any text of 1 to 255 bytes.
pub fn channel_name() -> impl Strategy<Value = ChannelName<'static>> {
    prop_oneof![
        1 => select(&["#reef", "#REEF"][..]).prop_map(String::from),
        2 => string_up_to(ChannelName::BYTES_MAX),
    ]
    .prop_map(|name| match ChannelName::new(name) {
        Ok(name) => name,
        Err(_) => ChannelName::new("#").expect("not empty"),
    })
}

/// The flags of a member.
pub fn member_flags() -> impl Strategy<Value = MemberFlags> {
    any::<[bool; 2]>().prop_map(|[operator, voice]| MemberFlags { operator, voice })
}

/// A chat kind.
pub fn chat_kind() -> impl Strategy<Value = ChatKind> {
    select(&[ChatKind::Message, ChatKind::Notice][..])
}

/// The kind of a tagged chat.
pub fn tagged_kind() -> impl Strategy<Value = TaggedKind> {
    select(
        &[
            TaggedKind::Message,
            TaggedKind::Notice,
            TaggedKind::TagsOnly,
            TaggedKind::Redaction,
        ][..],
    )
}

/// The members that get a tagged chat.
pub fn audience() -> impl Strategy<Value = Audience> {
    select(&[Audience::All, Audience::Operators, Audience::Voiced][..])
}

/// Tags of at most 256 bytes: some as IRC has them, some in any form.
pub fn tags() -> impl Strategy<Value = Tags<'static>> {
    let as_irc = select(
        &[
            "",
            "+typing=active",
            "+draft/reply=a1;msgid=b2",
            "msgid=a1",
            "+a=\\:\\s;+b",
        ][..],
    );
    prop_oneof![
        as_irc.prop_map(String::from),
        string_up_to(BYTES_MAX).prop_map(|tags| {
            let good = |c: &char| !matches!(c, '\0' | ' ' | '\r' | '\n');
            tags.chars().filter(good).collect()
        }),
    ]
    .prop_map(|tags| Tags::new(tags).expect("short, and without these characters"))
}

/// A field of a channel: mostly one with a name.
pub fn field() -> impl Strategy<Value = ChannelField> {
    prop_oneof![3 => 0..=ChannelField::NAME.0, 1 => any::<u8>()].prop_map(ChannelField)
}

/// A request kind: mostly one with a name.
pub fn request_kind() -> impl Strategy<Value = RequestKind> {
    prop_oneof![3 => 0..=RequestKind::NAMES.0, 1 => any::<u8>()].prop_map(RequestKind)
}

/// The version of a setting: often small, so that two are often equal.
pub fn version() -> impl Strategy<Value = u64> {
    prop_oneof![2 => 0..4_u64, 1 => any::<u64>()]
}

/// A registration, of a server or of a client.
pub fn registration() -> impl Strategy<Value = Registration<'static>> {
    registration_up_to(BYTES_MAX)
}

/// A registration whose info has at most `info_bytes_max` bytes.
pub fn registration_up_to(info_bytes_max: usize) -> impl Strategy<Value = Registration<'static>> {
    let parts = (
        host_id(),
        optional_host_id(),
        name(),
        info_up_to(info_bytes_max),
    );
    parts.prop_map(|(source, last_hop, name, info)| Registration {
        source,
        last_hop,
        name,
        info,
    })
}

/// A message of any kind, its text or info of at most 256 bytes.
pub fn message() -> impl Strategy<Value = Message<'static>> {
    message_up_to(BYTES_MAX)
}

/// A message of any kind, its text or info of at most `text_bytes_max` bytes.
pub fn message_up_to(text_bytes_max: usize) -> impl Strategy<Value = Message<'static>> {
    let text = move || text_up_to(text_bytes_max);
    prop_oneof![
        1 => registration_up_to(text_bytes_max).prop_map(Message::ServerRegistration),
        1 => registration_up_to(text_bytes_max).prop_map(Message::ClientRegistration),
        1 => (optional_host_id(), optional_host_id(), status_code(), text()).prop_map(
            |(source, destination, code, text)| Message::Status(Status {
                source,
                destination,
                code,
                text,
            })
        ),
        1 => (host_id(), optional_host_id(), text()).prop_map(|(source, destination, text)| {
            Message::ClientChat(ClientChat {
                source,
                destination,
                text,
            })
        }),
        1 => (host_id(), text())
            .prop_map(|(source, text)| Message::ClientQuit(ClientQuit { source, text })),
        1 => (host_id(), optional_host_id(), text()).prop_map(|(source, replacement, text)| {
            Message::ServerQuit(ServerQuit {
                source,
                replacement,
                text,
            })
        }),
        5 => channel_message_up_to(text_bytes_max),
    ]
}

/// A message about a channel, its text of at most `text_bytes_max` bytes.
pub fn channel_message_up_to(text_bytes_max: usize) -> impl Strategy<Value = Message<'static>> {
    let text = move || text_up_to(text_bytes_max);
    let channel = channel_name;
    let join = (host_id(), optional_host_id(), member_flags(), channel());
    let part = (host_id(), optional_host_id(), channel(), text());
    let chat = (host_id(), chat_kind(), channel(), text());
    let setting = (optional_host_id(), version(), field(), channel(), text());
    let optional = proptest::option::weighted(0.75, channel());
    let request = (
        host_id(),
        optional_host_id(),
        request_kind(),
        optional,
        text(),
    );
    let dated_join = (
        host_id(),
        optional_host_id(),
        version(),
        any::<u32>(),
        member_flags(),
        channel(),
    );
    let dated_setting = (
        optional_host_id(),
        version(),
        (version(), any::<u32>()),
        field(),
        channel(),
        name(),
        text(),
    );
    let tagged_chat = (
        (host_id(), optional_host_id()),
        tagged_kind(),
        audience(),
        proptest::option::weighted(0.5, channel()),
        tags(),
        text(),
    );
    // Boxed: these strategies are large, and each move of one takes much stack.
    prop_oneof![
        join.prop_map(|(source, by, flags, channel)| {
            Message::ChannelJoin(ChannelJoin {
                source,
                by,
                flags,
                channel,
            })
        })
        .boxed(),
        part.prop_map(|(source, by, channel, text)| {
            Message::ChannelPart(ChannelPart {
                source,
                by,
                channel,
                text,
            })
        })
        .boxed(),
        chat.prop_map(|(source, kind, channel, text)| {
            Message::ChannelChat(ChannelChat {
                source,
                kind,
                channel,
                text,
            })
        })
        .boxed(),
        setting
            .prop_map(|(source, version, field, channel, value)| {
                Message::ChannelSetting(ChannelSetting {
                    source,
                    version,
                    field,
                    channel,
                    value,
                })
            })
            .boxed(),
        request
            .prop_map(|(source, destination, kind, channel, text)| {
                Message::ChannelRequest(ChannelRequest {
                    source,
                    destination,
                    kind,
                    channel,
                    text,
                })
            })
            .boxed(),
        dated_join
            .prop_map(|(source, by, founded, tag, flags, channel)| {
                Message::DatedJoin(DatedJoin {
                    source,
                    by,
                    founded,
                    tag,
                    flags,
                    channel,
                })
            })
            .boxed(),
        dated_setting
            .prop_map(
                |(source, version, (founded, tag), field, channel, setter, value)| {
                    Message::DatedSetting(DatedSetting {
                        source,
                        version,
                        founded,
                        tag,
                        field,
                        channel,
                        setter,
                        value,
                    })
                }
            )
            .boxed(),
        tagged_chat
            .prop_map(
                |((source, destination), kind, audience, channel, tags, text)| {
                    Message::TaggedChat(TaggedChat {
                        source,
                        destination,
                        kind,
                        audience,
                        channel,
                        tags,
                        text,
                    })
                }
            )
            .boxed(),
    ]
}

/// Messages, and their frames in the chunks that a connection may deliver.
#[derive(Clone, PartialEq, Eq)]
pub struct ChunkedStream {
    /// The messages, in order.
    pub messages: Vec<Message<'static>>,
    /// The frames of [`messages`](Self::messages), cut at any places. No chunk is
    /// empty.
    pub chunks: Vec<Vec<u8>>,
}

impl core::fmt::Debug for ChunkedStream {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let sizes: Vec<usize> = self.chunks.iter().map(Vec::len).collect();
        f.debug_struct("ChunkedStream")
            .field("messages", &self.messages)
            .field("chunks", &format_args!("of {sizes:?} bytes"))
            .finish()
    }
}

/// A stream of at most `messages_max` messages in any chunks.
pub fn stream(messages_max: usize) -> impl Strategy<Value = ChunkedStream> {
    vec(message(), 0..=messages_max).prop_flat_map(|messages| {
        let bytes = messages.iter().flat_map(Message::to_vec).collect();
        chunks(bytes).prop_map(move |chunks| ChunkedStream {
            messages: messages.clone(),
            chunks,
        })
    })
}

/// `bytes` cut into chunks, none of them empty: mostly a few, sometimes single
/// bytes.
pub fn chunks(bytes: Vec<u8>) -> impl Strategy<Value = Vec<Vec<u8>>> {
    let len = bytes.len();
    let anywhere = vec(any::<Index>(), 0..8)
        .prop_map(move |cuts| cuts.iter().map(|cut| cut.index(len + 1)).collect());
    prop_oneof![
        5 => anywhere,
        1 => Just((1..len).collect::<Vec<usize>>()),
    ]
    .prop_map(move |mut cuts: Vec<usize>| {
        cuts.extend([0, len]);
        cuts.sort_unstable();
        cuts.dedup();
        cuts.windows(2)
            .map(|ends| bytes[ends[0]..ends[1]].to_vec())
            .collect()
    })
}
