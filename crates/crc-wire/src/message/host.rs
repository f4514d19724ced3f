//! Messages about hosts, and what one host says to another.

use crate::code::StatusCode;
use crate::host_id::HostId;
use crate::text::{Info, Name, Text};

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
