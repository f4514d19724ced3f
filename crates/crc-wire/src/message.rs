//! What frames mean: one struct for each kind, fields in the order of the wire.
//!
//! A `Message` borrows from the bytes it was parsed from, or owns what it
//! holds; [`Message::into_owned`] goes from the one to the other. Whether a
//! message makes sense in a network is not known here.

mod channel;
mod host;

pub use channel::{ChannelChat, ChannelJoin, ChannelPart, ChannelRequest, ChannelSetting};
pub use host::{ClientChat, ClientQuit, Registration, ServerQuit, Status};

use crate::kind::Kind;
use crate::text::ChannelName;

/// One message: the meaning of one frame.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum Message<'a> {
    /// A server joined (type 0x00).
    ServerRegistration(Registration<'a>),
    /// A client joined (type 0x80).
    ClientRegistration(Registration<'a>),
    /// News for one host (type 0x01).
    Status(Status<'a>),
    /// A text from one client to another (type 0x81).
    ClientChat(ClientChat<'a>),
    /// A client left (type 0x82).
    ClientQuit(ClientQuit<'a>),
    /// A server leaves (type 0x02).
    ServerQuit(ServerQuit<'a>),
    /// A member of a channel (type 0x83).
    ChannelJoin(ChannelJoin<'a>),
    /// A member of a channel no more (type 0x84).
    ChannelPart(ChannelPart<'a>),
    /// A text from one client to all of a channel (type 0x85).
    ChannelChat(ChannelChat<'a>),
    /// One setting of a channel (type 0x86).
    ChannelSetting(ChannelSetting<'a>),
    /// An errand for one server (type 0x87).
    ChannelRequest(ChannelRequest<'a>),
}

impl Message<'_> {
    /// The kind of the frame that says this.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Message::ServerRegistration(_) => Kind::ServerRegistration,
            Message::ClientRegistration(_) => Kind::ClientRegistration,
            Message::Status(_) => Kind::Status,
            Message::ClientChat(_) => Kind::ClientChat,
            Message::ClientQuit(_) => Kind::ClientQuit,
            Message::ServerQuit(_) => Kind::ServerQuit,
            Message::ChannelJoin(_) => Kind::ChannelJoin,
            Message::ChannelPart(_) => Kind::ChannelPart,
            Message::ChannelChat(_) => Kind::ChannelChat,
            Message::ChannelSetting(_) => Kind::ChannelSetting,
            Message::ChannelRequest(_) => Kind::ChannelRequest,
        }
    }

    /// The same message, owning its texts.
    #[must_use]
    pub fn into_owned(self) -> Message<'static> {
        match self {
            Message::ServerRegistration(m) => Message::ServerRegistration(m.into_owned()),
            Message::ClientRegistration(m) => Message::ClientRegistration(m.into_owned()),
            Message::Status(m) => Message::Status(Status {
                source: m.source,
                destination: m.destination,
                code: m.code,
                text: m.text.into_owned(),
            }),
            Message::ClientChat(m) => Message::ClientChat(ClientChat {
                source: m.source,
                destination: m.destination,
                text: m.text.into_owned(),
            }),
            Message::ClientQuit(m) => Message::ClientQuit(ClientQuit {
                source: m.source,
                text: m.text.into_owned(),
            }),
            Message::ServerQuit(m) => Message::ServerQuit(ServerQuit {
                source: m.source,
                replacement: m.replacement,
                text: m.text.into_owned(),
            }),
            Message::ChannelJoin(m) => Message::ChannelJoin(ChannelJoin {
                source: m.source,
                by: m.by,
                flags: m.flags,
                channel: m.channel.into_owned(),
            }),
            Message::ChannelPart(m) => Message::ChannelPart(ChannelPart {
                source: m.source,
                by: m.by,
                channel: m.channel.into_owned(),
                text: m.text.into_owned(),
            }),
            Message::ChannelChat(m) => Message::ChannelChat(ChannelChat {
                source: m.source,
                kind: m.kind,
                channel: m.channel.into_owned(),
                text: m.text.into_owned(),
            }),
            Message::ChannelSetting(m) => Message::ChannelSetting(ChannelSetting {
                source: m.source,
                version: m.version,
                field: m.field,
                channel: m.channel.into_owned(),
                value: m.value.into_owned(),
            }),
            Message::ChannelRequest(m) => Message::ChannelRequest(ChannelRequest {
                source: m.source,
                destination: m.destination,
                kind: m.kind,
                channel: m.channel.map(ChannelName::into_owned),
                text: m.text.into_owned(),
            }),
        }
    }
}
