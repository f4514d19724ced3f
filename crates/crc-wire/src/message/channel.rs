//! Messages about channels.

use crate::code::{ChannelField, ChatKind, MemberFlags, RequestKind};
use crate::host_id::HostId;
use crate::text::{ChannelName, Text};

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
