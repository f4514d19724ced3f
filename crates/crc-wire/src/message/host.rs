//! Messages about hosts, and from one host to another.

use crate::code::StatusCode;
use crate::host_id::HostId;
use crate::text::{Info, Name, Text};

/// A host joined the network.
///
/// The layout is the same for servers (0x00) and clients (0x80).
///
/// ```
/// use crc_wire::{HostId, Info, Message, Name, Registration};
///
/// let frame = [
///     0x80, // client registration
///     0x00, 0x00, 0x00, 0x65, // source 101
///     0x00, 0x00, 0x00, 0x01, // last hop 1
///     0x03, // name length
///     0x00, 0x04, // info length
///     b'a', b'n', b'n', // name
///     b'c', b'o', b'a', b'l', // info
/// ];
/// let message = Message::ClientRegistration(Registration {
///     source: HostId::new(101).expect("not 0"),
///     last_hop: HostId::new(1),
///     name: Name::new("ann")?,
///     info: Info::new("coal")?,
/// });
/// assert_eq!(Message::parse(&frame)?, message);
/// assert_eq!(message.to_vec(), frame);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Registration<'a> {
    /// The host that joined.
    pub source: HostId,
    /// The server that relays the registration over this hop; `None` (0) if the
    /// host sends it itself.
    pub last_hop: Option<HostId>,
    /// The host's name.
    pub name: Name<'a>,
    /// The host's description.
    pub info: Info<'a>,
}

/// A server reports something to a host: a welcome, an error, a reply.
///
/// ```
/// use crc_wire::{HostId, Message, Status, StatusCode, Text};
///
/// let frame = [
///     0x01, // status
///     0x00, 0x00, 0x00, 0x01, // source 1
///     0x00, 0x00, 0x00, 0x65, // destination 101
///     0x00, 0x01, // code: unknown id
///     0x00, 0x00, 0x00, 0x0c, // text length
///     b'U', b'n', b'k', b'n', b'o', b'w', b'n', b' ', b'I', b'D', b' ', b'9',
/// ];
/// let message = Message::from(Status {
///     source: HostId::new(1),
///     destination: HostId::new(101),
///     code: StatusCode::UNKNOWN_ID,
///     text: Text::new("Unknown ID 9")?,
/// });
/// assert_eq!(Message::parse(&frame)?, message);
/// assert_eq!(message.to_vec(), frame);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Status<'a> {
    /// The server that reports. v1 nodes write other ids here, among them 0.
    pub source: Option<HostId>,
    /// The host that the report is for; `None` (0) for the peer.
    pub destination: Option<HostId>,
    /// What is reported.
    pub code: StatusCode,
    /// The report as text. The text of some codes is for programs: see
    /// [`StatusCode`].
    pub text: Text<'a>,
}

/// A text from one client to another.
///
/// ```
/// use crc_wire::{ClientChat, HostId, Message, Text};
///
/// let frame = [
///     0x81, // client chat
///     0x00, 0x00, 0x00, 0x67, // source 103
///     0x00, 0x00, 0x00, 0x65, // destination 101
///     0x00, 0x00, 0x00, 0x02, // text length
///     b'H', b'i',
/// ];
/// let message = Message::from(ClientChat {
///     source: HostId::new(103).expect("not 0"),
///     destination: HostId::new(101),
///     text: Text::new("Hi")?,
/// });
/// assert_eq!(Message::parse(&frame)?, message);
/// assert_eq!(message.to_vec(), frame);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ClientChat<'a> {
    /// The client that sends the text.
    pub source: HostId,
    /// The client that receives it. `None` (0) can be written; servers treat it
    /// as an unknown id.
    pub destination: Option<HostId>,
    /// The text.
    pub text: Text<'a>,
}

/// A client left the network.
///
/// ```
/// use crc_wire::{ClientQuit, HostId, Message, Text};
///
/// let frame = [
///     0x82, // client quit
///     0x00, 0x00, 0x00, 0x65, // source 101
///     0x00, 0x00, 0x00, 0x03, // text length
///     b'b', b'y', b'e',
/// ];
/// let message = Message::from(ClientQuit {
///     source: HostId::new(101).expect("not 0"),
///     text: Text::new("bye")?,
/// });
/// assert_eq!(Message::parse(&frame)?, message);
/// assert_eq!(message.to_vec(), frame);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ClientQuit<'a> {
    /// The client that left.
    pub source: HostId,
    /// The quit message.
    pub text: Text<'a>,
}

/// A server leaves the network.
///
/// Send it only to peers that announced the feature `server-quit`: v1 nodes
/// cannot read past this frame.
///
/// ```
/// use crc_wire::{HostId, Message, ServerQuit, Text};
///
/// let frame = [
///     0x02, // server quit
///     0x00, 0x00, 0x00, 0x02, // source 2
///     0x00, 0x00, 0x00, 0x01, // replacement 1
///     0x00, 0x00, 0x00, 0x12, // text length
///     b'1', b'2', b'7', b'.', b'0', b'.', b'0', b'.', b'1', b':', b'7', b'0', b'0', b'0',
///     b' ', b'b', b'y', b'e',
/// ];
/// let message = Message::from(ServerQuit {
///     source: HostId::new(2).expect("not 0"),
///     replacement: HostId::new(1),
///     text: Text::new("127.0.0.1:7000 bye")?,
/// });
/// assert_eq!(Message::parse(&frame)?, message);
/// assert_eq!(message.to_vec(), frame);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ServerQuit<'a> {
    /// The server that leaves.
    pub source: HostId,
    /// The server that the neighbours should link to instead; `None` (0) if there
    /// is none. With a replacement, the text begins with its address and a space.
    pub replacement: Option<HostId>,
    /// The reason, after the replacement's address if there is one.
    pub text: Text<'a>,
}

impl Registration<'_> {
    /// Returns the same registration with its own copies of the texts.
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

impl Status<'_> {
    /// Returns the same status with its own copy of the text.
    #[must_use]
    pub fn into_owned(self) -> Status<'static> {
        Status {
            source: self.source,
            destination: self.destination,
            code: self.code,
            text: self.text.into_owned(),
        }
    }
}

impl ClientChat<'_> {
    /// Returns the same chat with its own copy of the text.
    #[must_use]
    pub fn into_owned(self) -> ClientChat<'static> {
        ClientChat {
            source: self.source,
            destination: self.destination,
            text: self.text.into_owned(),
        }
    }
}

impl ClientQuit<'_> {
    /// Returns the same quit with its own copy of the text.
    #[must_use]
    pub fn into_owned(self) -> ClientQuit<'static> {
        ClientQuit {
            source: self.source,
            text: self.text.into_owned(),
        }
    }
}

impl ServerQuit<'_> {
    /// Returns the same quit with its own copy of the text.
    #[must_use]
    pub fn into_owned(self) -> ServerQuit<'static> {
        ServerQuit {
            source: self.source,
            replacement: self.replacement,
            text: self.text.into_owned(),
        }
    }
}
