//! The id of a host.

use core::fmt;
use core::num::{NonZeroU32, ParseIntError};
use core::str::FromStr;

/// The id of a host, which is a server or a client. Unique in a network, never 0.
///
/// On the wire, 0 means "no host" or "the peer". A field that may hold 0 is an
/// `Option<HostId>`, which has the same size.
///
/// ```
/// use crc_wire::{HostId, ZeroHostId};
///
/// assert_eq!(HostId::new(0), None);
/// assert_eq!(HostId::try_from(0), Err(ZeroHostId));
/// assert_eq!("101".parse(), Ok(HostId::new(101).expect("not 0")));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(transparent)
)]
pub struct HostId(NonZeroU32);

/// The number 0 is no [`HostId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("host id is 0")]
pub struct ZeroHostId;

/// A string is no [`HostId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("host id is not a number from 1 to {}", u32::MAX)]
#[non_exhaustive]
pub struct ParseHostIdError {
    /// What is wrong with the number.
    #[source]
    pub cause: ParseIntError,
}

impl HostId {
    /// Returns the host id `id`, or `None` for 0.
    #[must_use]
    pub const fn new(id: u32) -> Option<Self> {
        match NonZeroU32::new(id) {
            Some(id) => Some(HostId(id)),
            None => None,
        }
    }

    /// Returns the id as a number from 1 to 4294967295.
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

impl From<HostId> for NonZeroU32 {
    fn from(id: HostId) -> Self {
        id.0
    }
}

impl From<HostId> for u32 {
    fn from(id: HostId) -> Self {
        id.get()
    }
}

impl TryFrom<u32> for HostId {
    type Error = ZeroHostId;

    fn try_from(id: u32) -> Result<Self, ZeroHostId> {
        HostId::new(id).ok_or(ZeroHostId)
    }
}

/// Takes decimal digits.
impl FromStr for HostId {
    type Err = ParseHostIdError;

    fn from_str(text: &str) -> Result<Self, ParseHostIdError> {
        match text.parse() {
            Ok(id) => Ok(HostId(id)),
            Err(cause) => Err(ParseHostIdError { cause }),
        }
    }
}

#[cfg(feature = "arbitrary")]
impl<'u> arbitrary::Arbitrary<'u> for HostId {
    fn arbitrary(input: &mut arbitrary::Unstructured<'u>) -> arbitrary::Result<Self> {
        // NonZeroU32's own implementation refuses some inputs; this one uses all.
        let id = input.int_in_range(1..=u32::MAX)?;
        Ok(HostId::new(id).expect("the range begins at 1"))
    }

    fn size_hint(depth: usize) -> (usize, Option<usize>) {
        u32::size_hint(depth)
    }
}
