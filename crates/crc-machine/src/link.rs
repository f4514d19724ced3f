//! Ids of links, listeners and dials, and why links and dials end.

use core::fmt;
use core::str::FromStr;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::security::{TlsFailure, Transport};

/// The beginning of an address that is dialled by TLS.
const TLS_SCHEME: &str = "tls://";

/// Identifies one connection of this process.
///
/// It never appears on the wire and is never reused. It consists of a slot, a small number that
/// can index a table, and a generation. A slot is reused, with another generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(u64);

impl LinkId {
    /// The link with this slot and generation.
    #[must_use]
    pub const fn new(slot: u32, generation: u32) -> Self {
        LinkId((generation as u64) << 32 | slot as u64)
    }

    /// The slot: the link's index in a table.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the low half is the slot")]
    pub const fn slot(self) -> usize {
        self.0 as u32 as usize
    }

    /// The id as one number. [`from_u64`](Self::from_u64) is its inverse.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The link with this number, from [`as_u64`](Self::as_u64).
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

/// Identifies one of the driver's listeners. The program that creates the listener
/// chooses it; the machine uses it to tell listeners apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerId(pub u32);

/// Identifies one dial. The machine chooses it. The driver answers each dial with
/// one `LinkUp` or one `DialFailed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DialId(pub u64);

/// Which side opened a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The peer connected to this listener.
    Accepted {
        /// The listener that accepted it.
        listener: ListenerId,
    },
    /// This node dialled the peer.
    Dialed {
        /// The dial that succeeded.
        dial: DialId,
    },
}

/// The two addresses of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoints {
    /// The peer's address, as seen from here.
    pub peer: SocketAddr,
    /// The local address.
    pub local: SocketAddr,
}

/// Why a link went down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkDown {
    /// The machine closed it.
    #[error("closed")]
    Ended,
    /// The peer closed it.
    #[error("connection closed")]
    PeerClosed,
    /// The peer read too slowly: the link's send queue exceeded its bound.
    #[error("slow consumer: the peer reads too slowly")]
    SlowConsumer,
    /// The connection failed.
    #[error("the connection broke: {0}")]
    Failed(ErrorKind),
    /// The stream ended without the TLS message that announces its end: a machine on the way may
    /// have cut it, or the peer crashed.
    #[error("connection closed without a TLS close_notify")]
    Truncated,
}

/// Why a dial failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// The name has no address.
    #[error("the name is not known")]
    UnknownName,
    /// No address of the peer is in the networks that the dial is limited to.
    #[error("its address is in no permitted network")]
    NotPermitted,
    /// The peer did not answer in time.
    #[error("no answer")]
    TimedOut,
    /// The operating system reported an error.
    #[error("{0}")]
    Failed(ErrorKind),
    /// The TLS handshake failed.
    #[error("{0}")]
    Tls(TlsFailure),
}

/// Where a node dials a peer: a host name or IP address, a port, and how to connect.
///
/// `HOST:PORT` is a plain connection, `tls://HOST:PORT` one with TLS, and
/// `tls://HOST:PORT#sha256:HEX` one with TLS to the peer with this certificate.
///
/// ```
/// use crc_machine::{PeerAddress, Transport};
///
/// let peer: PeerAddress = "[::1]:33300".parse().unwrap();
/// assert_eq!((peer.host.as_ref(), peer.port), ("::1", 33300));
/// let scoped: PeerAddress = "[fe80::1%lo]:33300".parse().unwrap();
/// assert_eq!(scoped.host.as_ref(), "fe80::1%lo");
/// assert_eq!(scoped.to_string(), "[fe80::1%lo]:33300");
/// assert!("rivendale".parse::<PeerAddress>().is_err());
/// let secured: PeerAddress = "tls://rivendale:33301".parse().unwrap();
/// assert_eq!(secured.transport, Transport::Tls { pin: None });
/// assert_eq!(secured.to_string(), "tls://rivendale:33301");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerAddress {
    /// A name for the resolver, or an IP address (IPv6 without brackets, and with its
    /// scope behind a `%` if it has one).
    pub host: Box<str>,
    /// The TCP port, never 0.
    pub port: u16,
    /// Whether the connection is secured.
    pub transport: Transport,
}

/// A text is not of the form `HOST:PORT`, `tls://HOST:PORT` or `tls://HOST:PORT#sha256:HEX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an address looks like HOST:PORT, tls://HOST:PORT or tls://HOST:PORT#sha256:HEX, for instance \
     localhost:33300 or [::1]:33300"
)]
pub struct AddressError;

impl FromStr for PeerAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (transport, place) = match text.strip_prefix(TLS_SCHEME) {
            None => (Transport::Plain, text),
            Some(rest) => match rest.split_once('#') {
                None => (Transport::Tls { pin: None }, rest),
                Some((place, pin)) => {
                    let pin = pin.parse().map_err(|_| AddressError)?;
                    (Transport::Tls { pin: Some(pin) }, place)
                }
            },
        };
        match split_host_port(place) {
            Some((host, port)) if port != 0 => Ok(PeerAddress {
                host: host.into(),
                port,
                transport,
            }),
            _ => Err(AddressError),
        }
    }
}

/// The part of an address that is counted, since one peer has all of it: an IPv4 address, or the
/// first 64 bits of an IPv6 address. `::1` is counted for itself.
///
/// ```
/// use crc_machine::place_of;
///
/// let place = |ip: &str| place_of(ip.parse().unwrap()).to_string();
/// assert_eq!(place("192.0.2.1"), "192.0.2.1");
/// assert_eq!(place("::ffff:192.0.2.1"), "192.0.2.1");
/// assert_eq!(place("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
/// assert_eq!(place("::1"), "::1");
/// ```
#[must_use]
pub fn place_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        // Otherwise ::1 would be the same as ::/64.
        IpAddr::V6(v6) if !v6.is_loopback() => {
            let prefix = v6.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(prefix))
        }
        ip => ip,
    }
}

/// Splits `HOST:PORT`, where an IPv6 address has brackets. The host is not empty and has
/// no blanks.
///
/// ```
/// use crc_machine::split_host_port;
///
/// assert_eq!(split_host_port("[fe80::1%lo]:80"), Some(("fe80::1%lo", 80)));
/// assert_eq!(split_host_port("localhost:0"), Some(("localhost", 0)));
/// assert_eq!(split_host_port("::1:80"), None);
/// ```
#[must_use]
pub fn split_host_port(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(host) => host.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    let printable = host.bytes().all(|byte| byte.is_ascii_graphic());
    let port = port.parse().ok()?;
    (!host.is_empty() && printable).then_some((host, port))
}

impl From<SocketAddr> for PeerAddress {
    fn from(address: SocketAddr) -> Self {
        let host = match address {
            SocketAddr::V6(v6) if v6.scope_id() != 0 => format!("{}%{}", v6.ip(), v6.scope_id()),
            _ => address.ip().to_string(),
        };
        PeerAddress {
            host: host.into(),
            port: address.port(),
            transport: Transport::Plain,
        }
    }
}

impl PeerAddress {
    /// The same place, by TLS without a pin.
    #[must_use]
    pub fn with_tls(self) -> Self {
        PeerAddress {
            transport: Transport::Tls { pin: None },
            ..self
        }
    }

    /// The host as an IP address, without its scope, if it is one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        let address = match self.host.split_once('%') {
            // Only an IPv6 address has a scope.
            Some((ip, _)) if ip.contains(':') => ip,
            _ => &self.host,
        };
        address.parse().ok()
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Transport::Tls { .. } = self.transport {
            f.write_str(TLS_SCHEME)?;
        }
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)?;
        } else {
            write!(f, "{}:{}", self.host, self.port)?;
        }
        match self.transport {
            Transport::Tls { pin: Some(pin) } => write!(f, "#{pin}"),
            Transport::Tls { pin: None } | Transport::Plain => Ok(()),
        }
    }
}
