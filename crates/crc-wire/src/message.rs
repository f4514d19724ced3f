//! What frames mean: one struct for each kind, its fields in the order of the wire.
//!
//! A message borrows its texts from the bytes that it was parsed from, or owns
//! them. `into_owned` turns the first into the second. This module does not know
//! whether a message makes sense in a network.

mod channel;
mod host;
mod tagged;

pub use channel::{
    ChannelChat, ChannelJoin, ChannelPart, ChannelRequest, ChannelSetting, DatedJoin, DatedSetting,
};
pub use host::{ClientChat, ClientQuit, Registration, ServerQuit, Status};
pub use tagged::TaggedChat;

use crate::kind::Kind;

/// One message: the meaning of one frame.
///
/// Every struct but [`Registration`], which two kinds share, converts into a
/// `Message`:
///
/// ```
/// use crc_wire::{ClientQuit, HostId, Message, Text};
///
/// let quit = ClientQuit {
///     source: HostId::new(101).expect("not 0"),
///     text: Text::new("bye")?,
/// };
/// assert_eq!(Message::from(quit.clone()), Message::ClientQuit(quit));
/// # Ok::<(), crc_wire::TooLong>(())
/// ```
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
    /// A server reports something to a host (type 0x01).
    Status(Status<'a>),
    /// A text from one client to another (type 0x81).
    ClientChat(ClientChat<'a>),
    /// A client left (type 0x82).
    ClientQuit(ClientQuit<'a>),
    /// A server leaves (type 0x02).
    ServerQuit(ServerQuit<'a>),
    /// A client is in a channel (type 0x83).
    ChannelJoin(ChannelJoin<'a>),
    /// A client is no longer in a channel (type 0x84).
    ChannelPart(ChannelPart<'a>),
    /// A text from one client to a channel (type 0x85).
    ChannelChat(ChannelChat<'a>),
    /// One setting of a channel (type 0x86).
    ChannelSetting(ChannelSetting<'a>),
    /// A request to one server (type 0x87).
    ChannelRequest(ChannelRequest<'a>),
    /// A client is in a channel of this age (type 0x88).
    DatedJoin(DatedJoin<'a>),
    /// One setting of a channel of this age (type 0x89).
    DatedSetting(DatedSetting<'a>),
    /// A text with tags, to a client or a channel (type 0x8a).
    TaggedChat(TaggedChat<'a>),
}

impl Message<'_> {
    /// Returns the kind of the message's frame.
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
            Message::DatedJoin(_) => Kind::DatedJoin,
            Message::DatedSetting(_) => Kind::DatedSetting,
            Message::TaggedChat(_) => Kind::TaggedChat,
        }
    }

    /// Returns the same message with its own copies of the texts.
    #[must_use]
    pub fn into_owned(self) -> Message<'static> {
        match self {
            Message::ServerRegistration(m) => Message::ServerRegistration(m.into_owned()),
            Message::ClientRegistration(m) => Message::ClientRegistration(m.into_owned()),
            Message::Status(m) => m.into_owned().into(),
            Message::ClientChat(m) => m.into_owned().into(),
            Message::ClientQuit(m) => m.into_owned().into(),
            Message::ServerQuit(m) => m.into_owned().into(),
            Message::ChannelJoin(m) => m.into_owned().into(),
            Message::ChannelPart(m) => m.into_owned().into(),
            Message::ChannelChat(m) => m.into_owned().into(),
            Message::ChannelSetting(m) => m.into_owned().into(),
            Message::ChannelRequest(m) => m.into_owned().into(),
            Message::DatedJoin(m) => m.into_owned().into(),
            Message::DatedSetting(m) => m.into_owned().into(),
            Message::TaggedChat(m) => m.into_owned().into(),
        }
    }
}

macro_rules! into_message {
    ($($name:ident)*) => {$(
        impl<'a> From<$name<'a>> for Message<'a> {
            fn from(message: $name<'a>) -> Self {
                Message::$name(message)
            }
        }
    )*};
}

into_message! {
    Status ClientChat ClientQuit ServerQuit
    ChannelJoin ChannelPart ChannelChat ChannelSetting ChannelRequest
    DatedJoin DatedSetting TaggedChat
}
