//! Messages with tags.

use crate::code::{Audience, TaggedKind};
use crate::host_id::HostId;
use crate::text::{ChannelName, Tags, Text};

/// A text with tags from one client to another, or to members of a channel; or tags alone, or a
/// redaction.
/// Only servers that announced `tags` take it.
///
/// It names either a destination or a channel. A reader drops one that names both or none.
///
/// ```
/// use crc_wire::{Audience, ChannelName, HostId, Message, TaggedChat, TaggedKind, Tags, Text};
///
/// let frame = [
///     0x8a, // tagged chat
///     0x00, 0x00, 0x00, 0x65, // source 101
///     0x00, 0x00, 0x00, 0x00, // destination: none
///     0x00, // kind: message
///     0x01, // audience: operators
///     0x05, // channel length
///     0x00, 0x04, // tags length
///     0x00, 0x00, 0x00, 0x02, // text length
///     b'#', b'r', b'e', b'e', b'f', // channel
///     b'+', b'a', b'=', b'b', // tags
///     b'H', b'i', // text
/// ];
/// let message = Message::from(TaggedChat {
///     source: HostId::new(101).expect("not 0"),
///     destination: None,
///     kind: TaggedKind::Message,
///     audience: Audience::Operators,
///     channel: Some(ChannelName::new("#reef")?),
///     tags: Tags::new("+a=b")?,
///     text: Text::new("Hi")?,
/// });
/// assert_eq!(Message::parse(&frame)?, message);
/// assert_eq!(message.to_vec(), frame);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct TaggedChat<'a> {
    /// The client that speaks.
    pub source: HostId,
    /// The client that it speaks to; `None` (0) if it speaks in a channel.
    pub destination: Option<HostId>,
    /// Whether it is a message, a notice, tags alone, or a redaction.
    pub kind: TaggedKind,
    /// Which members of the channel get it.
    pub audience: Audience,
    /// The channel; `None` (length 0) if it is for one client.
    pub channel: Option<ChannelName<'a>>,
    /// The tags.
    pub tags: Tags<'a>,
    /// The text.
    pub text: Text<'a>,
}

impl TaggedChat<'_> {
    /// Returns the same chat with its own copies of the texts.
    #[must_use]
    pub fn into_owned(self) -> TaggedChat<'static> {
        TaggedChat {
            source: self.source,
            destination: self.destination,
            kind: self.kind,
            audience: self.audience,
            channel: self.channel.map(ChannelName::into_owned),
            tags: self.tags.into_owned(),
            text: self.text.into_owned(),
        }
    }
}
