//! The id of a host.

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
