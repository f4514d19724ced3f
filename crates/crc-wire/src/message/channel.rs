//! Messages about channels.

use crate::code::{ChannelField, ChatKind, MemberFlags, RequestKind};
use crate::host_id::HostId;
use crate::text::{ChannelName, Name, Text};

/// A client is in a channel, with these flags. The same member again, with other
/// flags, is a change of the flags.
///
/// ```
/// use crc_wire::{ChannelJoin, ChannelName, HostId, MemberFlags, Message};
///
/// let frame = [
///     0x83, // channel join
///     0x00, 0x00, 0x00, 0x65, // source 101
///     0x00, 0x00, 0x00, 0x67, // by 103
///     0x02, // flags: voice
///     0x05, // channel length
///     b'#', b'r', b'e', b'e', b'f',
/// ];
/// let message = Message::from(ChannelJoin {
///     source: HostId::new(101).expect("not 0"),
///     by: HostId::new(103),
///     flags: MemberFlags::from_byte(2),
///     channel: ChannelName::new("#reef")?,
/// });
/// assert_eq!(Message::parse(&frame)?, message);
/// assert_eq!(message.to_vec(), frame);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ChannelJoin<'a> {
    /// The member.
    pub source: HostId,
    /// The host that changed the flags; `None` (0) if no host did.
    pub by: Option<HostId>,
    /// What the member may do.
    pub flags: MemberFlags,
    /// The channel.
    pub channel: ChannelName<'a>,
}

/// A client is no longer in a channel.
///
/// ```
/// use crc_wire::{ChannelName, ChannelPart, HostId, Message, Text};
///
/// let frame = [
///     0x84, // channel part
///     0x00, 0x00, 0x00, 0x65, // source 101
///     0x00, 0x00, 0x00, 0x00, // by: the member left
///     0x05, // channel length
///     0x00, 0x00, 0x00, 0x03, // text length
///     b'#', b'r', b'e', b'e', b'f', // channel
///     b'b', b'y', b'e', // text
/// ];
/// let message = Message::from(ChannelPart {
///     source: HostId::new(101).expect("not 0"),
///     by: None,
///     channel: ChannelName::new("#reef")?,
///     text: Text::new("bye")?,
/// });
/// assert_eq!(Message::parse(&frame)?, message);
/// assert_eq!(message.to_vec(), frame);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ChannelPart<'a> {
    /// The client that was a member.
    pub source: HostId,
    /// The host that kicked it; `None` (0) if it left.
    pub by: Option<HostId>,
    /// The channel.
    pub channel: ChannelName<'a>,
    /// The part message, or the reason of the kick. May be empty.
    pub text: Text<'a>,
}

/// A text from one client to all members of a channel.
///
/// ```
/// use crc_wire::{ChannelChat, ChannelName, ChatKind, HostId, Message, Text};
///
/// let frame = [
///     0x85, // channel chat
///     0x00, 0x00, 0x00, 0x65, // source 101
///     0x00, // kind: message
///     0x05, // channel length
///     0x00, 0x00, 0x00, 0x02, // text length
///     b'#', b'r', b'e', b'e', b'f', // channel
///     b'H', b'i', // text
/// ];
/// let message = Message::from(ChannelChat {
///     source: HostId::new(101).expect("not 0"),
///     kind: ChatKind::Message,
///     channel: ChannelName::new("#reef")?,
///     text: Text::new("Hi")?,
/// });
/// assert_eq!(Message::parse(&frame)?, message);
/// assert_eq!(message.to_vec(), frame);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ChannelChat<'a> {
    /// The client that sends the text.
    pub source: HostId,
    /// Whether it is a message or a notice.
    #[cfg_attr(feature = "serde", serde(alias = "tone"))]
    pub kind: ChatKind,
    /// The channel.
    pub channel: ChannelName<'a>,
    /// The text.
    pub text: Text<'a>,
}

/// One setting of a channel.
///
/// Of several settings of one field of one channel, the one with the greatest
/// (version, source, value) holds.
///
/// ```
/// use crc_wire::{ChannelField, ChannelName, ChannelSetting, HostId, Message, Text};
///
/// let frame = [
///     0x86, // channel setting
///     0x00, 0x00, 0x00, 0x65, // source 101
///     0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x07, // version 7
///     0x00, // field: topic
///     0x05, // channel length
///     0x00, 0x00, 0x00, 0x04, // value length
///     b'#', b'r', b'e', b'e', b'f', // channel
///     b'f', b'i', b's', b'h', // value
/// ];
/// let message = Message::from(ChannelSetting {
///     source: HostId::new(101),
///     version: 7,
///     field: ChannelField::TOPIC,
///     channel: ChannelName::new("#reef")?,
///     value: Text::new("fish")?,
/// });
/// assert_eq!(Message::parse(&frame)?, message);
/// assert_eq!(message.to_vec(), frame);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ChannelSetting<'a> {
    /// The host that set the value; `None` (0) if no host did.
    pub source: Option<HostId>,
    /// The order of the settings of one field.
    pub version: u64,
    /// What is set. Servers relay unknown fields too.
    pub field: ChannelField,
    /// The channel.
    pub channel: ChannelName<'a>,
    /// The new value; empty to unset the field.
    pub value: Text<'a>,
}

/// A request to one server about a channel, or about a host at that server.
///
/// ```
/// use crc_wire::{ChannelRequest, HostId, Message, RequestKind, Text};
///
/// let frame = [
///     0x87, // channel request
///     0x00, 0x00, 0x00, 0x65, // source 101
///     0x00, 0x00, 0x00, 0x67, // destination 103
///     0x00, // kind: notice
///     0x00, // channel length: no channel
///     0x00, 0x00, 0x00, 0x02, // text length
///     b'H', b'i', // text
/// ];
/// let message = Message::from(ChannelRequest {
///     source: HostId::new(101).expect("not 0"),
///     destination: HostId::new(103),
///     kind: RequestKind::NOTICE,
///     channel: None,
///     text: Text::new("Hi")?,
/// });
/// assert_eq!(Message::parse(&frame)?, message);
/// assert_eq!(message.to_vec(), frame);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ChannelRequest<'a> {
    /// The host that asks.
    pub source: HostId,
    /// The host whose server executes the request; `None` (0) for the server at
    /// the other end of the link.
    pub destination: Option<HostId>,
    /// What the host asks for.
    #[cfg_attr(feature = "serde", serde(alias = "verb"))]
    pub kind: RequestKind,
    /// The channel; `None` (length 0) if the request names no channel.
    pub channel: Option<ChannelName<'a>>,
    /// The argument of the request: a notice, a reason or a key.
    pub text: Text<'a>,
}

/// A client is in a channel that was founded at this time: the [`ChannelJoin`] of one
/// server to another.
///
/// Of two channels with one name the older one holds. The flags of a member of the
/// younger one mean nothing in the older one.
///
/// ```
/// use crc_wire::{ChannelName, DatedJoin, HostId, MemberFlags, Message};
///
/// let frame = [
///     0x88, // dated join
///     0x00, 0x00, 0x00, 0x65, // source 101
///     0x00, 0x00, 0x00, 0x67, // by 103
///     0x00, 0x00, 0x01, 0x8b, 0xcf, 0xe5, 0x68, 0x00, // founded 1700000000000
///     0x00, 0x00, 0x00, 0x2a, // tag 42
///     0x02, // flags: voice
///     0x05, // channel length
///     b'#', b'r', b'e', b'e', b'f',
/// ];
/// let message = Message::from(DatedJoin {
///     source: HostId::new(101).expect("not 0"),
///     by: HostId::new(103),
///     founded: 1_700_000_000_000,
///     tag: 42,
///     flags: MemberFlags::from_byte(2),
///     channel: ChannelName::new("#reef")?,
/// });
/// assert_eq!(Message::parse(&frame)?, message);
/// assert_eq!(message.to_vec(), frame);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct DatedJoin<'a> {
    /// The member.
    pub source: HostId,
    /// The host that changed the flags; `None` (0) if no host did.
    pub by: Option<HostId>,
    /// When the channel was founded, in milliseconds of Unix time by the clock of the
    /// link (PROTOCOL section 9).
    pub founded: u64,
    /// A number that was drawn when the channel was founded, and tells two foundings
    /// apart.
    pub tag: u32,
    /// What the member may do.
    pub flags: MemberFlags,
    /// The channel.
    pub channel: ChannelName<'a>,
}

/// One setting of a channel that was founded at this time: the [`ChannelSetting`] of
/// one server to another.
///
/// A setting of a younger channel means nothing in an older one. A version of 0 sets
/// nothing: it tells the time only.
///
/// ```
/// use crc_wire::{ChannelField, ChannelName, DatedSetting, HostId, Message, Name, Text};
///
/// let frame = [
///     0x89, // dated setting
///     0x00, 0x00, 0x00, 0x65, // source 101
///     0x00, 0x00, 0x01, 0x8b, 0xcf, 0xe5, 0x6f, 0xd0, // version 1700000002000
///     0x00, 0x00, 0x01, 0x8b, 0xcf, 0xe5, 0x68, 0x00, // founded 1700000000000
///     0x00, 0x00, 0x00, 0x2a, // tag 42
///     0x00, // field: topic
///     0x05, // channel length
///     0x03, // setter length
///     0x00, 0x00, 0x00, 0x04, // value length
///     b'#', b'r', b'e', b'e', b'f', // channel
///     b'a', b'n', b'n', // setter
///     b'f', b'i', b's', b'h', // value
/// ];
/// let message = Message::from(DatedSetting {
///     source: HostId::new(101),
///     version: 1_700_000_002_000,
///     founded: 1_700_000_000_000,
///     tag: 42,
///     field: ChannelField::TOPIC,
///     channel: ChannelName::new("#reef")?,
///     setter: Name::new("ann")?,
///     value: Text::new("fish")?,
/// });
/// assert_eq!(Message::parse(&frame)?, message);
/// assert_eq!(message.to_vec(), frame);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct DatedSetting<'a> {
    /// The host that sets the value now; `None` (0) if the value was set before.
    pub source: Option<HostId>,
    /// The order of the settings of one field; 0 if nothing is set.
    pub version: u64,
    /// When the channel was founded, in milliseconds of Unix time by the clock of the
    /// link (PROTOCOL section 9).
    pub founded: u64,
    /// A number that was drawn when the channel was founded, and tells two foundings
    /// apart.
    pub tag: u32,
    /// What is set. Servers relay unknown fields too.
    pub field: ChannelField,
    /// The channel.
    pub channel: ChannelName<'a>,
    /// Who set the value, for people; empty if that is not known.
    pub setter: Name<'a>,
    /// The new value; empty to unset the field.
    pub value: Text<'a>,
}

impl ChannelJoin<'_> {
    /// Returns the same join with its own copy of the channel's name.
    #[must_use]
    pub fn into_owned(self) -> ChannelJoin<'static> {
        ChannelJoin {
            source: self.source,
            by: self.by,
            flags: self.flags,
            channel: self.channel.into_owned(),
        }
    }
}

impl ChannelPart<'_> {
    /// Returns the same part with its own copies of the texts.
    #[must_use]
    pub fn into_owned(self) -> ChannelPart<'static> {
        ChannelPart {
            source: self.source,
            by: self.by,
            channel: self.channel.into_owned(),
            text: self.text.into_owned(),
        }
    }
}

impl ChannelChat<'_> {
    /// Returns the same chat with its own copies of the texts.
    #[must_use]
    pub fn into_owned(self) -> ChannelChat<'static> {
        ChannelChat {
            source: self.source,
            kind: self.kind,
            channel: self.channel.into_owned(),
            text: self.text.into_owned(),
        }
    }
}

impl ChannelSetting<'_> {
    /// Returns the same setting with its own copies of the texts.
    #[must_use]
    pub fn into_owned(self) -> ChannelSetting<'static> {
        ChannelSetting {
            source: self.source,
            version: self.version,
            field: self.field,
            channel: self.channel.into_owned(),
            value: self.value.into_owned(),
        }
    }
}

impl DatedJoin<'_> {
    /// Returns the same join with its own copy of the channel's name.
    #[must_use]
    pub fn into_owned(self) -> DatedJoin<'static> {
        DatedJoin {
            source: self.source,
            by: self.by,
            founded: self.founded,
            tag: self.tag,
            flags: self.flags,
            channel: self.channel.into_owned(),
        }
    }
}

impl DatedSetting<'_> {
    /// Returns the same setting with its own copies of the texts.
    #[must_use]
    pub fn into_owned(self) -> DatedSetting<'static> {
        DatedSetting {
            source: self.source,
            version: self.version,
            founded: self.founded,
            tag: self.tag,
            field: self.field,
            channel: self.channel.into_owned(),
            setter: self.setter.into_owned(),
            value: self.value.into_owned(),
        }
    }
}

impl ChannelRequest<'_> {
    /// Returns the same request with its own copies of the texts.
    #[must_use]
    pub fn into_owned(self) -> ChannelRequest<'static> {
        ChannelRequest {
            source: self.source,
            destination: self.destination,
            kind: self.kind,
            channel: self.channel.map(ChannelName::into_owned),
            text: self.text.into_owned(),
        }
    }
}
