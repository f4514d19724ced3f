//! The values that frames are made of, each holding its own limits.
//!
//! A value that exists is a value that can be written: every constructor that
//! takes something from outside checks it, once, and nothing later has to.
//! Lengths are counted in encoded bytes, as the wire counts them.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;
use core::num::{NonZeroU32, ParseIntError, TryFromIntError};
use core::str::FromStr;

/// The id of a host: a server or a client. Unique in a network, never 0.
///
/// The wire's 0 means "nobody" or "whoever is on the other end"; where it may
/// stand, the field is an `Option<HostId>`, which takes no more room.
///
/// ```
/// use crc_wire::HostId;
///
/// assert_eq!(HostId::new(0), None);
/// assert_eq!("101".parse(), Ok(HostId::new(101).expect("not 0")));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(transparent)
)]
pub struct HostId(NonZeroU32);

impl HostId {
    /// The host id `id`; `None` for 0, which is never a host.
    #[must_use]
    pub const fn new(id: u32) -> Option<Self> {
        match NonZeroU32::new(id) {
            Some(id) => Some(HostId(id)),
            None => None,
        }
    }

    /// The id as the wire has it: from 1 to 4294967295.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<NonZeroU32> for HostId {
    fn from(id: NonZeroU32) -> Self {
        HostId(id)
    }
}

impl From<HostId> for u32 {
    fn from(id: HostId) -> Self {
        id.get()
    }
}

/// 0 is refused.
impl TryFrom<u32> for HostId {
    type Error = TryFromIntError;

    fn try_from(id: u32) -> Result<Self, Self::Error> {
        NonZeroU32::try_from(id).map(HostId)
    }
}

/// Decimal digits, as people write ids. 0 is refused.
impl FromStr for HostId {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(HostId)
    }
}

#[cfg(feature = "arbitrary")]
impl<'u> arbitrary::Arbitrary<'u> for HostId {
    fn arbitrary(input: &mut arbitrary::Unstructured<'u>) -> arbitrary::Result<Self> {
        // Not by way of NonZeroU32, which refuses input where this uses it.
        let id = input.int_in_range(1..=u32::MAX)?;
        Ok(HostId::new(id).expect("the range begins at 1"))
    }

    fn size_hint(depth: usize) -> (usize, Option<usize>) {
        u32::size_hint(depth)
    }
}

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

/// A text has more bytes than its length field can count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{len} bytes where at most {max} fit")]
pub struct TooLong {
    /// How many bytes there are.
    pub len: usize,
    /// How many the field can hold.
    pub max: usize,
}

/// What all texts of the wire have, however each is checked.
macro_rules! text_common {
    ($name:ident, $error:ty) => {
        impl $name<'_> {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The same text without a copy, living as long as `self` is borrowed.
            #[must_use]
            pub fn borrowed(&self) -> $name<'_> {
                $name(Cow::Borrowed(&self.0))
            }

            /// The same text, owning its bytes.
            #[must_use]
            pub fn into_owned(self) -> $name<'static> {
                $name(Cow::Owned(self.0.into_owned()))
            }

            /// The text as a `String`; copies only what was borrowed.
            #[must_use]
            pub fn into_string(self) -> String {
                self.0.into_owned()
            }
        }

        impl fmt::Display for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name<'_> {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        #[cfg(feature = "serde")]
        impl serde::Serialize for $name<'_> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        /// Always owned, so that input of every kind will do: a reader, too,
        /// and a string with escapes.
        #[cfg(feature = "serde")]
        impl<'de> serde::Deserialize<'de> for $name<'_> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }

        impl<'a> TryFrom<&'a str> for $name<'a> {
            type Error = $error;

            fn try_from(text: &'a str) -> Result<Self, $error> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name<'static> {
            type Error = $error;

            fn try_from(text: String) -> Result<Self, $error> {
                Self::new(text)
            }
        }
    };
}

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $max:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name<'a>(Cow<'a, str>);

        impl<'a> $name<'a> {
            /// The most bytes that the wire's length field can count.
            pub const BYTES_MAX: usize = $max;

            /// Takes `text`, borrowed or owned, if its encoding fits.
            ///
            /// # Errors
            ///
            /// [`TooLong`] when it has more than [`Self::BYTES_MAX`] bytes.
            pub fn new(text: impl Into<Cow<'a, str>>) -> Result<Self, TooLong> {
                let text = text.into();
                if text.len() > Self::BYTES_MAX {
                    return Err(TooLong { len: text.len(), max: Self::BYTES_MAX });
                }
                Ok($name(text))
            }

            /// A text that a length field of the wire has already counted.
            #[inline]
            pub(crate) const fn from_wire(text: &'a str) -> Self {
                $name(Cow::Borrowed(text))
            }

            /// The longest beginning of `text` that fits, cut between characters.
            #[must_use]
            pub fn truncated(text: &'a str) -> Self {
                $name(Cow::Borrowed(truncate_utf8(text, Self::BYTES_MAX)))
            }
        }

        #[cfg(feature = "arbitrary")]
        impl<'u: 'a, 'a> arbitrary::Arbitrary<'u> for $name<'a> {
            fn arbitrary(input: &mut arbitrary::Unstructured<'u>) -> arbitrary::Result<Self> {
                input.arbitrary().map(Self::truncated)
            }

            fn size_hint(depth: usize) -> (usize, Option<usize>) {
                <&str as arbitrary::Arbitrary<'u>>::size_hint(depth)
            }
        }

        text_common! { $name, TooLong }
    };
}

text_type! {
    /// The name of a host: UTF-8, at most 255 bytes.
    ///
    /// The wire sets no other limit. What a server accepts from the peers that
    /// register with it is the server's own, narrower rule.
    ///
    /// ```
    /// use crc_wire::Name;
    ///
    /// assert!(Name::new("rivendale").is_ok());
    /// assert!(Name::new("x".repeat(256)).is_err());
    /// assert_eq!(Name::truncated(&"é".repeat(200)).as_str().len(), 254);
    /// ```
    Name, u8::MAX as usize
}
text_type! {
    /// What a host says about itself: UTF-8, at most 65,535 bytes.
    Info, u16::MAX as usize
}
text_type! {
    /// The text of a chat, a status, a quit or a channel's setting: UTF-8, at most 4,294,967,295 bytes.
    Text, u32::MAX as usize
}

/// The name of a channel: UTF-8, at least 1 byte and at most 255.
///
/// The wire sets no other limit. What a channel may be called, and which names
/// are one, is for servers to say.
///
/// ```
/// use crc_wire::{ChannelName, ChannelNameError};
///
/// assert_eq!(ChannelName::new("#reef")?.as_str(), "#reef");
/// assert_eq!(ChannelName::new(""), Err(ChannelNameError::Empty));
/// assert!(ChannelName::new("x".repeat(256)).is_err());
/// # Ok::<(), ChannelNameError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelName<'a>(Cow<'a, str>);

/// A text is not the name of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelNameError {
    /// It has no bytes.
    #[error("a channel's name has at least one byte")]
    Empty,
    /// It has more bytes than its length field can count.
    #[error(transparent)]
    TooLong(#[from] TooLong),
}

impl<'a> ChannelName<'a> {
    /// The most bytes that the wire's length field can count.
    pub const BYTES_MAX: usize = u8::MAX as usize;

    /// Takes `name`, borrowed or owned, if it is one and its encoding fits.
    ///
    /// # Errors
    ///
    /// [`ChannelNameError`] when it is empty or has more than
    /// [`Self::BYTES_MAX`] bytes.
    pub fn new(name: impl Into<Cow<'a, str>>) -> Result<Self, ChannelNameError> {
        let name = name.into();
        if name.is_empty() {
            return Err(ChannelNameError::Empty);
        }
        if name.len() > Self::BYTES_MAX {
            let (len, max) = (name.len(), Self::BYTES_MAX);
            return Err(TooLong { len, max }.into());
        }
        Ok(ChannelName(name))
    }

    /// A name that a length field of the wire has already counted; `None` when
    /// it is empty.
    pub(crate) const fn from_wire(name: &'a str) -> Option<Self> {
        match name.is_empty() {
            true => None,
            false => Some(ChannelName(Cow::Borrowed(name))),
        }
    }
}

text_common! { ChannelName, ChannelNameError }

#[cfg(feature = "arbitrary")]
impl<'u: 'a, 'a> arbitrary::Arbitrary<'u> for ChannelName<'a> {
    fn arbitrary(input: &mut arbitrary::Unstructured<'u>) -> arbitrary::Result<Self> {
        let name = truncate_utf8(input.arbitrary()?, Self::BYTES_MAX);
        // Nothing is a name as well, for input is not to be refused.
        Ok(ChannelName::from_wire(name).unwrap_or(ChannelName(Cow::Borrowed("#"))))
    }

    fn size_hint(depth: usize) -> (usize, Option<usize>) {
        <&str as arbitrary::Arbitrary<'u>>::size_hint(depth)
    }
}

/// What a member of a channel may do beyond being there: one byte, of which
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

/// The longest beginning of `text` with at most `max` bytes that ends between
/// two characters.
///
/// ```
/// assert_eq!(crc_wire::truncate_utf8("naïve", 3), "na");
/// assert_eq!(crc_wire::truncate_utf8("naïve", 4), "naï");
/// ```
#[must_use]
pub fn truncate_utf8(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}
