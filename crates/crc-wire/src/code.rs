//! Fields of one or two bytes: codes, kinds and flags.

use core::fmt;

/// The code of a [`Status`](crate::Status): two bytes.
///
/// The set is open. Every code can be read and written, and servers relay codes
/// that have no name here. `Display` writes four hexadecimal digits: `0x0001`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(transparent)
)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct StatusCode(pub u16);

impl StatusCode {
    /// The server registered the client. Text: `Welcome to the Clemson Relay
    /// Chat network NAME`.
    pub const WELCOME: StatusCode = StatusCode(0x0000);
    /// The destination of a chat is unknown. Text: `Unknown ID N`.
    pub const UNKNOWN_ID: StatusCode = StatusCode(0x0001);
    /// The id of a registration is in use. Text: `A machine has already
    /// registered with ID N` for a server, `Someone has already registered
    /// with ID N` for a client.
    pub const ID_TAKEN: StatusCode = StatusCode(0x0002);
    /// The features beyond version 1 that the source has. Text: `crc-caps 1
    /// WORD WORD ...`.
    pub const FEATURES: StatusCode = StatusCode(0x0100);
    /// A chat was too long for a node on its route. Text: `Message too long for
    /// DESTINATION`, where DESTINATION is `ID N` or a channel.
    pub const TOO_LONG: StatusCode = StatusCode(0x0101);
    /// The server is shutting down. Text: `Server leaving: REASON`.
    pub const LEAVING: StatusCode = StatusCode(0x0102);
    /// A channel refused a request. Text: the reason for people, such as
    /// `#reef: wrong key`.
    pub const CHANNEL_REFUSED: StatusCode = StatusCode(0x0103);
    /// The members of a channel. Text: the channel's name and the members'
    /// names, such as `#reef ann bob`.
    pub const CHANNEL_NAMES: StatusCode = StatusCode(0x0104);
    /// A server has sent another server all hosts and channels that it knows. Text:
    /// `End of burst`.
    pub const BURST_END: StatusCode = StatusCode(0x0105);
    /// Chats were refused because the source sends faster than a server on their route
    /// reads. Text: `Too many messages for DESTINATION`, where DESTINATION is
    /// `ID N` or a channel.
    pub const CONGESTED: StatusCode = StatusCode(0x0106);

    /// The peer may not link or register, or has to leave. Text: the reason for people, such
    /// as `Servers may not link from your address`.
    pub const NOT_PERMITTED: StatusCode = StatusCode(0x0107);
    /// A server answers a command of a client, or tells an operator something. Text: for
    /// people.
    pub const NOTE: StatusCode = StatusCode(0x0108);
    /// The servers that a client may move to. Text: their addresses, with blanks between.
    pub const SERVERS: StatusCode = StatusCode(0x0120);
    /// A server refuses a request of a client about itself or about others. Text: the request and
    /// the reason for people, such as `nick: the name is empty`.
    pub const REQUEST_REFUSED: StatusCode = StatusCode(0x0110);
    /// What a server knows of a user. Text: lines, each a word and a value, such as `name ann`.
    pub const USER: StatusCode = StatusCode(0x0111);
    /// Channels of the network. Text: lines, each a name, the number of members and the topic;
    /// the last line of the last one is `end` or `more`.
    pub const CHANNEL_LIST: StatusCode = StatusCode(0x0112);
    /// A user is away, or is back. Text: its id, and why it is away: `102 gone fishing`.
    pub const AWAY: StatusCode = StatusCode(0x0113);

    /// Returns whether the code is part of version 1, which every node can read.
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

/// What a member may do in a channel: one byte.
///
/// Two bits have a meaning. The parser ignores the other bits, and the encoder
/// writes them as 0. A later version of the protocol may use more of them.
///
/// ```
/// use crc_wire::MemberFlags;
///
/// let both = MemberFlags::OPERATOR.with_voice(true);
/// assert_eq!(both.byte(), 3);
/// assert_eq!(MemberFlags::from_byte(0xf2), MemberFlags::VOICE);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub struct MemberFlags {
    /// The member is an operator of the channel (bit 0).
    pub operator: bool,
    /// The member may speak in a moderated channel (bit 1).
    pub voice: bool,
}

impl MemberFlags {
    /// No flag is set.
    pub const NONE: MemberFlags = MemberFlags::from_byte(0);
    /// The member is an operator and nothing else.
    pub const OPERATOR: MemberFlags = MemberFlags::from_byte(1);
    /// The member has voice and nothing else.
    pub const VOICE: MemberFlags = MemberFlags::from_byte(2);

    /// Returns the same flags with [`operator`](Self::operator) set or unset.
    #[must_use]
    pub const fn with_operator(mut self, operator: bool) -> Self {
        self.operator = operator;
        self
    }

    /// Returns the same flags with [`voice`](Self::voice) set or unset.
    #[must_use]
    pub const fn with_voice(mut self, voice: bool) -> Self {
        self.voice = voice;
        self
    }

    /// Returns the flags in a byte.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Self {
        MemberFlags {
            operator: byte & 1 != 0,
            voice: byte & 2 != 0,
        }
    }

    /// Returns the flags as a byte from 0 to 3.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self.operator as u8 | (self.voice as u8) << 1
    }
}

impl From<u8> for MemberFlags {
    fn from(byte: u8) -> Self {
        MemberFlags::from_byte(byte)
    }
}

impl From<MemberFlags> for u8 {
    fn from(flags: MemberFlags) -> Self {
        flags.byte()
    }
}

/// Whether a chat to a channel is a message or a notice. The set is closed: any
/// other byte is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[repr(u8)]
pub enum ChatKind {
    /// An ordinary message.
    Message = 0,
    /// A notice. Programs do not reply to it.
    Notice = 1,
}

/// A byte is no [`ChatKind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown chat kind {0:#04x}")]
pub struct UnknownChatKind(pub u8);

impl ChatKind {
    /// Returns the kind whose byte this is, if there is one.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<ChatKind> {
        Some(match byte {
            0 => ChatKind::Message,
            1 => ChatKind::Notice,
            _ => return None,
        })
    }

    /// Returns the kind's byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// Returns the kind's name: `message` or `notice`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            ChatKind::Message => "message",
            ChatKind::Notice => "notice",
        }
    }
}

impl fmt::Display for ChatKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl TryFrom<u8> for ChatKind {
    type Error = UnknownChatKind;

    fn try_from(byte: u8) -> Result<Self, UnknownChatKind> {
        ChatKind::from_byte(byte).ok_or(UnknownChatKind(byte))
    }
}

impl From<ChatKind> for u8 {
    fn from(kind: ChatKind) -> Self {
        kind.byte()
    }
}

/// What a [`TaggedChat`](crate::TaggedChat) is. The set is closed: any other byte is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[repr(u8)]
pub enum TaggedKind {
    /// An ordinary message.
    Message = 0,
    /// A notice. Programs do not reply to it.
    Notice = 1,
    /// Tags without a text.
    TagsOnly = 2,
    /// The redaction of an earlier message. The text is its id; behind a blank follows the
    /// reason, if there is one.
    Redaction = 3,
}

impl TaggedKind {
    /// Returns the kind whose byte this is, if there is one.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<TaggedKind> {
        Some(match byte {
            0 => TaggedKind::Message,
            1 => TaggedKind::Notice,
            2 => TaggedKind::TagsOnly,
            3 => TaggedKind::Redaction,
            _ => return None,
        })
    }

    /// Returns the kind's byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// Returns the kind without the tags, if anything is left then.
    ///
    /// ```
    /// use crc_wire::{ChatKind, TaggedKind};
    ///
    /// assert_eq!(TaggedKind::Notice.chat_kind(), Some(ChatKind::Notice));
    /// assert_eq!(TaggedKind::TagsOnly.chat_kind(), None);
    /// ```
    #[must_use]
    pub const fn chat_kind(self) -> Option<ChatKind> {
        match self {
            TaggedKind::Message => Some(ChatKind::Message),
            TaggedKind::Notice => Some(ChatKind::Notice),
            TaggedKind::TagsOnly | TaggedKind::Redaction => None,
        }
    }
}

impl From<ChatKind> for TaggedKind {
    fn from(kind: ChatKind) -> Self {
        match kind {
            ChatKind::Message => TaggedKind::Message,
            ChatKind::Notice => TaggedKind::Notice,
        }
    }
}

/// Which members of a channel get a [`TaggedChat`](crate::TaggedChat). The set is closed: any
/// other byte is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[repr(u8)]
pub enum Audience {
    /// All members.
    #[default]
    All = 0,
    /// Its operators.
    Operators = 1,
    /// Its operators and those with voice.
    Voiced = 2,
}

impl Audience {
    /// Returns the audience whose byte this is, if there is one.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Audience> {
        Some(match byte {
            0 => Audience::All,
            1 => Audience::Operators,
            2 => Audience::Voiced,
            _ => return None,
        })
    }

    /// Returns the audience's byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// Returns whether a member with these flags belongs to it.
    ///
    /// ```
    /// use crc_wire::{Audience, MemberFlags};
    ///
    /// assert!(Audience::Voiced.includes(MemberFlags::OPERATOR));
    /// assert!(!Audience::Operators.includes(MemberFlags::VOICE));
    /// ```
    #[must_use]
    pub const fn includes(self, flags: MemberFlags) -> bool {
        match self {
            Audience::All => true,
            Audience::Operators => flags.operator,
            Audience::Voiced => flags.operator || flags.voice,
        }
    }
}

/// What a [`ChannelSetting`](crate::ChannelSetting) sets: one byte.
///
/// The set is open. Every byte can be read and written, and servers relay
/// fields that have no name here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(transparent)
)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ChannelField(pub u8);

impl ChannelField {
    /// The topic.
    pub const TOPIC: ChannelField = ChannelField(0);
    /// The key that a client needs to join.
    pub const KEY: ChannelField = ChannelField(1);
    /// The letters of the modes that are set.
    pub const MODES: ChannelField = ChannelField(2);
    /// The greatest number of members, in decimal digits.
    pub const LIMIT: ChannelField = ChannelField(3);
    /// The ban masks, with spaces between them.
    pub const BANS: ChannelField = ChannelField(4);
    /// The channel's name in the case in which to show it.
    pub const NAME: ChannelField = ChannelField(5);
    /// The masks of users whom no ban concerns, with spaces between them.
    pub const EXCEPTIONS: ChannelField = ChannelField(6);
    /// The masks of users who need no invitation, with spaces between them.
    pub const INVITE_EXCEPTIONS: ChannelField = ChannelField(7);
    /// Who has set the masks of the bans, and when. Only servers send it.
    pub const BAN_SETTERS: ChannelField = ChannelField(8);
    /// The same of the exceptions from bans.
    pub const EXCEPTION_SETTERS: ChannelField = ChannelField(9);
    /// The same of the users who need no invitation.
    pub const INVITE_EXCEPTION_SETTERS: ChannelField = ChannelField(10);
    /// The name under which users of IRC know the channel since it was renamed; behind a blank why.
    pub const RENAMED_TO: ChannelField = ChannelField(11);
    /// What the channel's operators say of it, in keys and values (IRCv3 metadata).
    pub const METADATA: ChannelField = ChannelField(16);
}

/// What a [`ChannelRequest`](crate::ChannelRequest) asks for: one byte.
///
/// The set is open. Every byte can be read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(transparent)
)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct RequestKind(pub u8);

impl RequestKind {
    /// Show the text to the host as a notice. Names no channel.
    pub const NOTICE: RequestKind = RequestKind(0);
    /// Invite the host.
    pub const INVITE: RequestKind = RequestKind(1);
    /// Kick the host. Text: the reason.
    pub const KICK: RequestKind = RequestKind(2);
    /// Give the host operator status.
    pub const OP: RequestKind = RequestKind(3);
    /// Take the host's operator status.
    pub const DEOP: RequestKind = RequestKind(4);
    /// Give the host voice.
    pub const VOICE: RequestKind = RequestKind(5);
    /// Take the host's voice.
    pub const DEVOICE: RequestKind = RequestKind(6);
    /// Join the channel. A client sends this to its own server. Text: the key,
    /// or empty.
    pub const JOIN: RequestKind = RequestKind(7);
    /// List the members of the channel.
    pub const NAMES: RequestKind = RequestKind(8);
    /// Execute a command, such as one of network operators. A client sends this to its own
    /// server. Text: a line of IRC.
    pub const COMMAND: RequestKind = RequestKind(9);
    /// The source is a network operator. Text: its powers and its name as operator, or empty
    /// if it is none any more. Only servers send it.
    pub const OPERATOR: RequestKind = RequestKind(10);
    /// Remove the host from the network, by order of an operator. Text: the reason. Only
    /// servers send it.
    pub const KILL: RequestKind = RequestKind(11);
    /// Show the text to all network operators. The source is a server. Only servers send it.
    pub const NOTE: RequestKind = RequestKind(12);
    /// An operator speaks to all operators, and to users who want to hear it. Only servers
    /// send it.
    pub const WALLOPS: RequestKind = RequestKind(13);
    /// A mask or network is banned from the network, or not any more. The source is a server. Only
    /// servers send it.
    pub const BAN: RequestKind = RequestKind(14);
    /// An operator wants something of the host, of the servers on the way there, or of all
    /// servers. Only servers send it.
    pub const ORDER: RequestKind = RequestKind(15);
    /// A server answers an order of the operator. Only servers send it.
    pub const ANSWER: RequestKind = RequestKind(16);
    /// Answer with the features ([`StatusCode::FEATURES`]). A client sends this to its own server,
    /// to see that it is there.
    pub const PING: RequestKind = RequestKind(19);
    /// Give the source another name. A client sends this to its own server. Text: the name.
    pub const SET_NAME: RequestKind = RequestKind(20);
    /// The source is away, or is back. Text: why it is away, or empty if it is back.
    pub const AWAY: RequestKind = RequestKind(21);
    /// Say what is known of a user. A client sends this to its own server. Text: the user's id.
    pub const WHOIS: RequestKind = RequestKind(22);
    /// List the channels of the network. A client sends this to its own server. Text: a mask, or
    /// empty.
    pub const LIST: RequestKind = RequestKind(23);
    /// The source has invited a client to the channel: members may be told. From server to
    /// server. Text: the client's id.
    pub const INVITED: RequestKind = RequestKind(25);
    /// The source says something of itself (IRCv3 metadata). Only servers send it. Text: a key, a
    /// blank and the value; the key alone if it has no value any more.
    pub const METADATA: RequestKind = RequestKind(26);
    /// Answer a question of the source, which is a user of another server. Text: a number and
    /// the question.
    pub const QUESTION: RequestKind = RequestKind(27);
    /// The answer of a server to a question. Text: its number, and lines.
    pub const REPLY: RequestKind = RequestKind(28);
}

macro_rules! number_conversions {
    ($($name:ident: $number:ty,)*) => {$(
        impl From<$number> for $name {
            fn from(number: $number) -> Self {
                $name(number)
            }
        }

        impl From<$name> for $number {
            fn from(value: $name) -> Self {
                value.0
            }
        }
    )*};
}

number_conversions! {
    StatusCode: u16,
    ChannelField: u8,
    RequestKind: u8,
}
