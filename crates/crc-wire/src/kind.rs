//! The first byte of a frame.

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
    /// A server joined. See [`Registration`](crate::Registration).
    ServerRegistration = 0x00,
    /// News for one host, or for whoever is on the other end. See [`Status`](crate::Status).
    Status = 0x01,
    /// A server leaves. Beyond what original nodes can read. See [`ServerQuit`](crate::ServerQuit).
    ServerQuit = 0x02,
    /// A client joined. See [`Registration`](crate::Registration).
    ClientRegistration = 0x80,
    /// A text from one client to another. See [`ClientChat`](crate::ClientChat).
    ClientChat = 0x81,
    /// A client left. See [`ClientQuit`](crate::ClientQuit).
    ClientQuit = 0x82,
    /// A member of a channel. Beyond version 1, as are all the kinds of
    /// channels. See [`ChannelJoin`](crate::ChannelJoin).
    ChannelJoin = 0x83,
    /// A member of a channel no more. See [`ChannelPart`](crate::ChannelPart).
    ChannelPart = 0x84,
    /// A text from one client to all of a channel. See [`ChannelChat`](crate::ChannelChat).
    ChannelChat = 0x85,
    /// One setting of a channel. See [`ChannelSetting`](crate::ChannelSetting).
    ChannelSetting = 0x86,
    /// An errand for one server. See [`ChannelRequest`](crate::ChannelRequest).
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

    /// Whether frames of this kind hold a [`Registration`](crate::Registration).
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
