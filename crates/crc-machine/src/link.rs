//! Names for connections and dials, and why they end. No socket is known here.

use core::fmt;
use core::str::FromStr;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};

/// This process's name for one connection: never on the wire, never used
/// again, never a host's id.
///
/// The slot is a small number that a table may be indexed with; slots are used
/// again, together with another generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(u64);

impl LinkId {
    /// The link in `slot`, the `generation`th of its kind there.
    #[must_use]
    pub const fn new(slot: u32, generation: u32) -> Self {
        LinkId((generation as u64) << 32 | slot as u64)
    }

    /// The index of the link's place in a table.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the low half is the slot")]
    pub const fn slot(self) -> usize {
        self.0 as u32 as usize
    }

    /// The name as one number, from which [`from_u64`](Self::from_u64) makes it again.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The link with this number.
    #[must_use]
    pub const fn from_u64(number: u64) -> Self {
        LinkId(number)
    }
}

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "link {}.{}", self.slot(), self.0 >> 32)
    }
}

/// One of the addresses that the driver listens on. Chosen by whoever sets the
/// driver up, so that a machine may tell its doors apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerId(pub u32);

/// One attempt to reach a peer. Chosen by the machine; its answer is one
/// `LinkUp` or one `DialFailed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DialId(pub u64);

/// Who opened a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The peer did, at this listener.
    Accepted {
        /// Where it came in.
        listener: ListenerId,
    },
    /// We did.
    Dialed {
        /// Which of our attempts it was.
        dial: DialId,
    },
}

/// Both ends of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoints {
    /// The peer's address, as we see it.
    pub peer: SocketAddr,
    /// Our own.
    pub local: SocketAddr,
}

/// Why a connection is no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkDown {
    /// We closed it, and what was to be sent has been.
    #[error("closed")]
    Ended,
    /// The peer closed it.
    #[error("the peer closed the connection")]
    PeerClosed,
    /// The peer read too slowly: what waited for it grew over its bound.
    #[error("slow consumer: the peer reads too slowly")]
    SlowConsumer,
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Failed(ErrorKind),
}

/// Why a peer could not be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// The name has no address.
    #[error("the name is not known")]
    UnknownName,
    /// Nobody answered in time.
    #[error("no answer")]
    TimedOut,
    /// The connection was not made.
    #[error("{0}")]
    Failed(ErrorKind),
}

/// Where a peer can be reached: a host's name or address, and a port.
///
/// ```
/// use crc_machine::PeerAddress;
///
/// let peer: PeerAddress = "[::1]:33300".parse().unwrap();
/// assert_eq!((peer.host.as_ref(), peer.port), ("::1", 33300));
/// assert!("rivendale".parse::<PeerAddress>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerAddress {
    /// A name that can be looked up, or an IP address (IPv6 without brackets).
    pub host: Box<str>,
    /// The TCP port, never 0.
    pub port: u16,
}

/// A text is no `HOST:PORT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an address looks like HOST:PORT, for instance localhost:33300 or [::1]:33300")]
pub struct AddressError;

impl FromStr for PeerAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (host, port) = text.rsplit_once(':').ok_or(AddressError)?;
        let host = match host.strip_prefix('[') {
            Some(host) => host.strip_suffix(']').ok_or(AddressError)?,
            None if host.contains(':') => return Err(AddressError),
            None => host,
        };
        let printable = host.bytes().all(|byte| byte.is_ascii_graphic());
        match port.parse() {
            Ok(port) if port != 0 && !host.is_empty() && printable => Ok(PeerAddress {
                host: host.into(),
                port,
            }),
            _ => Err(AddressError),
        }
    }
}

impl From<SocketAddr> for PeerAddress {
    fn from(address: SocketAddr) -> Self {
        PeerAddress {
            host: address.ip().to_string().into(),
            port: address.port(),
        }
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6()) {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}
