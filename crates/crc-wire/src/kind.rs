//! The first byte of a frame.

use core::fmt;

/// The kind of a frame: its first byte.
///
/// ```
/// use crc_wire::{Kind, UnknownKind};
///
/// assert_eq!(Kind::try_from(0x81), Ok(Kind::ClientChat));
/// assert_eq!(Kind::try_from(0x03), Err(UnknownKind(0x03)));
/// assert_eq!(u8::from(Kind::ClientChat), 0x81);
/// assert_eq!(Kind::ClientChat.to_string(), "client chat");
/// ```
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
    /// A server joined. See [`Registration`](crate::Registration).
    ServerRegistration = 0x00,
    /// A server reports something to a host. See [`Status`](crate::Status).
    Status = 0x01,
    /// A server leaves. Not part of version 1. See [`ServerQuit`](crate::ServerQuit).
    ServerQuit = 0x02,
    /// A client joined. See [`Registration`](crate::Registration).
    ClientRegistration = 0x80,
    /// A text from one client to another. See [`ClientChat`](crate::ClientChat).
    ClientChat = 0x81,
    /// A client left. See [`ClientQuit`](crate::ClientQuit).
    ClientQuit = 0x82,
    /// A client is in a channel. Not part of version 1, like all kinds about
    /// channels. See [`ChannelJoin`](crate::ChannelJoin).
    ChannelJoin = 0x83,
    /// A client is no longer in a channel. See [`ChannelPart`](crate::ChannelPart).
    ChannelPart = 0x84,
    /// A text from one client to a channel. See [`ChannelChat`](crate::ChannelChat).
    ChannelChat = 0x85,
    /// One setting of a channel. See [`ChannelSetting`](crate::ChannelSetting).
    ChannelSetting = 0x86,
    /// A request to one server. See [`ChannelRequest`](crate::ChannelRequest).
    ChannelRequest = 0x87,
    /// A [`ChannelJoin`](Kind::ChannelJoin) between servers. See
    /// [`DatedJoin`](crate::DatedJoin).
    DatedJoin = 0x88,
    /// A [`ChannelSetting`](Kind::ChannelSetting) between servers. See
    /// [`DatedSetting`](crate::DatedSetting).
    DatedSetting = 0x89,
    /// A text with tags from one client to another or to a channel, between servers. See
    /// [`TaggedChat`](crate::TaggedChat).
    TaggedChat = 0x8a,
}

/// A byte is no [`Kind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown frame type {0:#04x}")]
pub struct UnknownKind(pub u8);

impl Kind {
    /// All kinds, in the order of their bytes.
    pub const ALL: [Kind; 14] = [
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
        Kind::DatedJoin,
        Kind::DatedSetting,
        Kind::TaggedChat,
    ];

    /// Returns the kind whose byte this is, if there is one.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Kind> {
        Some(match byte {
            0x83 => Kind::ChannelJoin,
            0x84 => Kind::ChannelPart,
            0x85 => Kind::ChannelChat,
            0x86 => Kind::ChannelSetting,
            0x87 => Kind::ChannelRequest,
            0x88 => Kind::DatedJoin,
            0x89 => Kind::DatedSetting,
            0x8a => Kind::TaggedChat,
            _ => return Kind::without_channel(byte),
        })
    }

    /// Returns the kind whose byte this is, unless that kind is about channels.
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

    /// Returns the first byte of such a frame.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// Returns the length of the fixed part of such a frame: all bytes before
    /// the texts, the kind's byte included.
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
            Kind::DatedJoin => 23,
            Kind::DatedSetting => 32,
            Kind::TaggedChat => 18,
        }
    }

    /// Returns whether such a frame holds a [`Registration`](crate::Registration).
    #[must_use]
    pub const fn is_registration(self) -> bool {
        matches!(self, Kind::ServerRegistration | Kind::ClientRegistration)
    }

    /// Returns whether such a frame is about channels. Only peers that announced
    /// the feature `channels` can read these frames, only servers that announced
    /// `channel-age` the dated ones, and only those that announced `tags` a tagged chat, which
    /// may also be for one client.
    #[must_use]
    pub const fn is_channel(self) -> bool {
        matches!(
            self,
            Kind::ChannelJoin
                | Kind::ChannelPart
                | Kind::ChannelChat
                | Kind::ChannelSetting
                | Kind::ChannelRequest
                | Kind::DatedJoin
                | Kind::DatedSetting
                | Kind::TaggedChat
        )
    }

    /// Returns the kind's name, such as `client chat`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kind::ServerRegistration => "server registration",
            Kind::Status => "status",
            Kind::ServerQuit => "server quit",
            Kind::ClientRegistration => "client registration",
            Kind::ClientChat => "client chat",
            Kind::ClientQuit => "client quit",
            Kind::ChannelJoin => "channel join",
            Kind::ChannelPart => "channel part",
            Kind::ChannelChat => "channel chat",
            Kind::ChannelSetting => "channel setting",
            Kind::ChannelRequest => "channel request",
            Kind::DatedJoin => "dated join",
            Kind::DatedSetting => "dated setting",
            Kind::TaggedChat => "tagged chat",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl TryFrom<u8> for Kind {
    type Error = UnknownKind;

    fn try_from(byte: u8) -> Result<Self, UnknownKind> {
        Kind::from_byte(byte).ok_or(UnknownKind(byte))
    }
}

impl From<Kind> for u8 {
    fn from(kind: Kind) -> Self {
        kind.byte()
    }
}
