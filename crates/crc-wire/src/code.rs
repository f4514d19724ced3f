//! Fields of one or two bytes: codes, kinds and flags.

use core::fmt;

/// The code of a [`Status`](crate::Status): two bytes.
///
/// An open set: a code that is not named here is relayed like any other.
/// Printed in hexadecimal, as `0x0001`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(transparent)
)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct StatusCode(pub u16);

impl StatusCode {
    /// A client was registered. Text: `Welcome to the Clemson Relay Chat network NAME`.
    pub const WELCOME: StatusCode = StatusCode(0x0000);
    /// A chat went to an id that no client has. Text: `Unknown ID N`.
    pub const UNKNOWN_ID: StatusCode = StatusCode(0x0001);
    /// A registration used an id that is taken. Text: `A machine has already
    /// registered with ID N` for a server, `Someone has already registered
    /// with ID N` for a client.
    pub const ID_TAKEN: StatusCode = StatusCode(0x0002);
    /// What a server takes beyond version 1. Text: `crc-caps 1 WORD WORD ...`.
    pub const FEATURES: StatusCode = StatusCode(0x0100);
    /// A chat was longer than an original node on its way can take.
    /// Text: `Message too long for ID N`.
    pub const TOO_LONG: StatusCode = StatusCode(0x0101);
    /// The server is leaving. Text: `Server leaving: REASON`.
    pub const LEAVING: StatusCode = StatusCode(0x0102);
    /// A channel does not let somebody have what it wanted. Text: why, for
    /// people, such as `#reef: wrong key`.
    pub const CHANNEL_REFUSED: StatusCode = StatusCode(0x0103);
    /// Who is in a channel. Text: its name and those of its members, such as
    /// `#reef ann bob`.
    pub const CHANNEL_NAMES: StatusCode = StatusCode(0x0104);

    /// Whether the code belongs to version 1, so that every node may be sent it.
    #[must_use]
    pub const fn is_v1(self) -> bool {
        self.0 < 0x0100
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#06x}", self.0)
    }
}

/// two bits have a meaning. The others are read over, and written as 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct MemberFlags {
    /// It runs the channel (bit 0).
    pub operator: bool,
    /// It may speak where not everybody may (bit 1).
    pub voice: bool,
}

impl MemberFlags {
    /// The flags that a byte holds; bits that nobody knows are ignored.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Self {
        MemberFlags {
            operator: byte & 1 != 0,
            voice: byte & 2 != 0,
        }
    }

    /// The byte that holds the flags: from 0 to 3.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self.operator as u8 | (self.voice as u8) << 1
    }
}

/// How a chat to a channel is meant. A closed set: any other byte is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[repr(u8)]
pub enum ChatKind {
    /// Somebody talks.
    Message = 0,
    /// Something is announced, which no program is to answer.
    Notice = 1,
}

impl ChatKind {
    /// The kind that a byte stands for; `None` when there is none.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<ChatKind> {
        Some(match byte {
            0 => ChatKind::Message,
            1 => ChatKind::Notice,
            _ => return None,
        })
    }

    /// The byte that stands for it.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self as u8
    }
}

/// What a [`ChannelSetting`](crate::ChannelSetting) sets: one byte.
///
/// An open set: a field that is not named here is passed on like any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(transparent)
)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ChannelField(pub u8);

impl ChannelField {
    /// What the channel is about.
    pub const TOPIC: ChannelField = ChannelField(0);
    /// The word that lets somebody in.
    pub const KEY: ChannelField = ChannelField(1);
    /// Which of the channel's modes are on.
    pub const MODES: ChannelField = ChannelField(2);
    /// How many members there may be.
    pub const LIMIT: ChannelField = ChannelField(3);
    /// Who is not let in.
    pub const BANS: ChannelField = ChannelField(4);
    /// The channel's name as it is to be shown.
    pub const NAME: ChannelField = ChannelField(5);
}

/// What a [`ChannelRequest`](crate::ChannelRequest) asks for: one byte.
///
/// An open set: every byte can be read and written, for there may be kinds to
/// come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(transparent)
)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct RequestKind(pub u8);

impl RequestKind {
    /// Show the text to the host as a notice. About no channel.
    pub const NOTICE: RequestKind = RequestKind(0);
    /// Invite the host.
    pub const INVITE: RequestKind = RequestKind(1);
    /// Put the host out. Text: why.
    pub const KICK: RequestKind = RequestKind(2);
    /// Make the host an operator.
    pub const OP: RequestKind = RequestKind(3);
    /// Make the host an operator no more.
    pub const DEOP: RequestKind = RequestKind(4);
    /// Give the host a voice.
    pub const VOICE: RequestKind = RequestKind(5);
    /// Take the host's voice.
    pub const DEVOICE: RequestKind = RequestKind(6);
    /// Let the source in. For a client to its own server. Text: the key, or
    /// empty.
    pub const JOIN: RequestKind = RequestKind(7);
    /// Say who is in the channel.
    pub const NAMES: RequestKind = RequestKind(8);
}
