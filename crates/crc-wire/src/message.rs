//! What frames mean: one struct for each kind, fields in the order of the wire.
//!
//! A `Message` borrows from the bytes it was parsed from, or owns what it
//! holds; [`Message::into_owned`] goes from the one to the other. Whether a
//! message makes sense in a network is not known here.

use crate::types::{
    ChannelField, ChannelName, ChatKind, HostId, Info, MemberFlags, Name, RequestKind, StatusCode,
    Text,
};

/// The kind of a frame: its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[non_exhaustive]
#[repr(u8)]
pub enum Kind {
    /// A server joined. See [`Registration`].
    ServerRegistration = 0x00,
    /// News for one host, or for whoever is on the other end. See [`Status`].
    Status = 0x01,
    /// A server leaves. Beyond what original nodes can read. See [`ServerQuit`].
    ServerQuit = 0x02,
    /// A client joined. See [`Registration`].
    ClientRegistration = 0x80,
    /// A text from one client to another. See [`ClientChat`].
    ClientChat = 0x81,
    /// A client left. See [`ClientQuit`].
    ClientQuit = 0x82,
    /// A member of a channel. Beyond version 1, as are all the kinds of
    /// channels. See [`ChannelJoin`].
    ChannelJoin = 0x83,
    /// A member of a channel no more. See [`ChannelPart`].
    ChannelPart = 0x84,
    /// A text from one client to all of a channel. See [`ChannelChat`].
    ChannelChat = 0x85,
    /// One setting of a channel. See [`ChannelSetting`].
    ChannelSetting = 0x86,
    /// An errand for one server. See [`ChannelRequest`].
    ChannelRequest = 0x87,
}

impl Kind {
    /// All kinds, in the order of their bytes.
    pub const ALL: [Kind; 11] = [
        Kind::ServerRegistration,
        Kind::Status,
        Kind::ServerQuit,
        Kind::ClientRegistration,
        Kind::ClientChat,
        Kind::ClientQuit,
        Kind::ChannelJoin,
        Kind::ChannelPart,
        Kind::ChannelChat,
        Kind::ChannelSetting,
        Kind::ChannelRequest,
    ];

    /// The kind that a first byte announces; `None` when there is none.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Kind> {
        Some(match byte {
            0x83 => Kind::ChannelJoin,
            0x84 => Kind::ChannelPart,
            0x85 => Kind::ChannelChat,
            0x86 => Kind::ChannelSetting,
            0x87 => Kind::ChannelRequest,
            _ => return Kind::without_channel(byte),
        })
    }

    /// The kind that a first byte announces, if that is none of channels.
    #[inline]
    pub(crate) const fn without_channel(byte: u8) -> Option<Kind> {
        Some(match byte {
            0x00 => Kind::ServerRegistration,
            0x01 => Kind::Status,
            0x02 => Kind::ServerQuit,
            0x80 => Kind::ClientRegistration,
            0x81 => Kind::ClientChat,
            0x82 => Kind::ClientQuit,
            _ => return None,
        })
    }

    /// The first byte of the frame.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// How many bytes such a frame has before its texts, the kind's byte included.
    #[must_use]
    pub const fn fixed_len(self) -> usize {
        match self {
            Kind::ServerRegistration | Kind::ClientRegistration => 12,
            Kind::Status | Kind::ChannelRequest => 15,
            Kind::ServerQuit | Kind::ClientChat => 13,
            Kind::ClientQuit => 9,
            Kind::ChannelJoin | Kind::ChannelChat => 11,
            Kind::ChannelPart => 14,
            Kind::ChannelSetting => 19,
        }
    }

    /// Whether frames of this kind hold a [`Registration`].
    #[must_use]
    pub const fn is_registration(self) -> bool {
        matches!(self, Kind::ServerRegistration | Kind::ClientRegistration)
    }

    /// Whether frames of this kind name a channel: those that only nodes read
    /// that take the feature `channels`.
    #[must_use]
    pub const fn is_channel(self) -> bool {
        matches!(
            self,
            Kind::ChannelJoin
                | Kind::ChannelPart
                | Kind::ChannelChat
                | Kind::ChannelSetting
                | Kind::ChannelRequest
        )
    }
}

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

/// A host makes itself known, or is made known by a server on the way.
/// The layout is the same for servers (0x00) and clients (0x80).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Registration<'a> {
    /// The host that joined.
    pub source: HostId,
    /// Who sends this hop; `None` (0) when the host itself does.
    pub last_hop: Option<HostId>,
    /// The host's name.
    pub name: Name<'a>,
    /// What the host says about itself.
    pub info: Info<'a>,
}

/// News for one host: a welcome, a refusal, an answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Status<'a> {
    /// Who says so. Nodes in the field write odd ids here, 0 among them.
    pub source: Option<HostId>,
    /// Whom it is for; `None` (0) means whoever is on the other end.
    pub destination: Option<HostId>,
    /// What kind of news.
    pub code: StatusCode,
    /// The news in words.
    pub text: Text<'a>,
}

/// A text from one client to another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ClientChat<'a> {
    /// The client that speaks.
    pub source: HostId,
    /// The client spoken to. `None` (0) is nobody: it can be written, and gets
    /// the answer that any unknown id gets.
    pub destination: Option<HostId>,
    /// What is said.
    pub text: Text<'a>,
}

/// A client left.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ClientQuit<'a> {
    /// The client that left.
    pub source: HostId,
    /// Its last words.
    pub text: Text<'a>,
}

/// A server leaves. Only for peers that have said that they can read it:
/// original nodes stop at this frame.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ServerQuit<'a> {
    /// The server that leaves.
    pub source: HostId,
    /// The server that its neighbours should link to instead; `None` (0) when
    /// it is simply gone. Its address is then the first word of the text.
    pub replacement: Option<HostId>,
    /// Why, after the replacement's address if there is one.
    pub text: Text<'a>,
}

/// Somebody is a member of a channel, with these flags. Said again with other
/// flags, it is these that have changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ChannelJoin<'a> {
    /// The member.
    pub source: HostId,
    /// Who has given or taken the flags; `None` (0) when nobody has.
    pub by: Option<HostId>,
    /// What the member may do.
    pub flags: MemberFlags,
    /// The channel.
    pub channel: ChannelName<'a>,
}

/// Somebody is a member of a channel no more.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ChannelPart<'a> {
    /// Who was a member.
    pub source: HostId,
    /// Who has put it out; `None` (0) when it left by itself.
    pub by: Option<HostId>,
    /// The channel.
    pub channel: ChannelName<'a>,
    /// Its last words, or why it was put out. May be empty.
    pub text: Text<'a>,
}

/// A text from one client to all of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ChannelChat<'a> {
    /// The client that speaks.
    pub source: HostId,
    /// How the text is meant.
    #[cfg_attr(feature = "serde", serde(alias = "tone"))]
    pub kind: ChatKind,
    /// The channel spoken to.
    pub channel: ChannelName<'a>,
    /// What is said.
    pub text: Text<'a>,
}

/// One setting of a channel, as somebody has set it.
///
/// Of all that is said of one field of one channel, the one with the highest
/// (version, source) stands.
///
/// ```
/// use crc_wire::{ChannelName, ChannelSetting, ChannelField, HostId, Message, Text};
///
/// let topic = Message::ChannelSetting(ChannelSetting {
///     source: HostId::new(101),
///     version: 7,
///     field: ChannelField::TOPIC,
///     channel: ChannelName::new("#reef")?,
///     value: Text::new("fish")?,
/// });
/// assert_eq!(topic.encoded_len(), 19 + 5 + 4);
/// assert_eq!(Message::parse(&topic.to_vec())?, topic);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ChannelSetting<'a> {
    /// Who has set it; `None` (0) for nobody.
    pub source: Option<HostId>,
    /// Orders the settings of one field.
    pub version: u64,
    /// What is set. One that nobody knows is passed on like any other.
    pub field: ChannelField,
    /// The channel.
    pub channel: ChannelName<'a>,
    /// What it is set to; empty for none.
    pub value: Text<'a>,
}

/// Somebody wants something of a channel, or of one who is there: an errand
/// for one server.
///
/// ```
/// use crc_wire::{Message, RequestKind};
///
/// // A notice from 101 for 103: no channel.
/// let notice = b"\x87\0\0\0\x65\0\0\0\x67\0\0\0\0\0\x02Hi";
/// let Ok(Message::ChannelRequest(notice)) = Message::parse(notice) else { panic!() };
/// assert_eq!(notice.kind, RequestKind::NOTICE);
/// assert_eq!(notice.channel, None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ChannelRequest<'a> {
    /// In whose name it is asked.
    pub source: HostId,
    /// The host whose server is asked; `None` (0) for the server at the other
    /// end.
    pub destination: Option<HostId>,
    /// What is asked for.
    #[cfg_attr(feature = "serde", serde(alias = "verb"))]
    pub kind: RequestKind,
    /// The channel that it is about; `None` (length 0) when it is about none.
    pub channel: Option<ChannelName<'a>>,
    /// What the kind needs beyond that: a notice, a reason, a key.
    pub text: Text<'a>,
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

impl Registration<'_> {
    /// The same registration, owning its texts.
    #[must_use]
    pub fn into_owned(self) -> Registration<'static> {
        Registration {
            source: self.source,
            last_hop: self.last_hop,
            name: self.name.into_owned(),
            info: self.info.into_owned(),
        }
    }
}
