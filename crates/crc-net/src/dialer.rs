//! The state of a dial: first name resolution on a thread of its own, then one connection
//! attempt per address.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;
use std::vec;

use ipnet::IpNet;
use rustls::client::ClientConfig;
use rustls::pki_types::ServerName;

use crc_machine::{DialError, DialId, LinkId, PeerAddress, Timestamp};

use crate::poll_source::PollSource;
use crate::selector::Selector;

/// The maximum of concurrent lookups.
const LOOKUPS_MAX: usize = 16;
/// The dialler tries at most this many addresses of a name.
const ADDRESSES_MAX: usize = 16;

/// A dial in progress.
#[derive(Debug)]
pub(crate) struct Dialing {
    pub(crate) dial: DialId,
    /// When the dial times out.
    pub(crate) deadline: Timestamp,
    /// The current connection attempt; `None` during name resolution.
    pub(crate) attempt: Option<Attempt>,
    /// The settings and the name for the TLS handshake, if there is to be one.
    pub(crate) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    /// The networks in which the peer may be; `None`: anywhere.
    within: Option<Arc<[IpNet]>>,
    /// The addresses not yet tried.
    pub(crate) addresses: vec::IntoIter<SocketAddr>,
    /// Why the latest attempt failed.
    pub(crate) why: DialError,
}

/// A connection attempt.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) socket: PollSource<TcpStream>,
    pub(crate) peer: SocketAddr,
    /// When the attempt times out.
    pub(crate) deadline: Timestamp,
}

impl Dialing {
    pub(crate) fn new(dial: DialId, deadline: Timestamp, within: Option<Arc<[IpNet]>>) -> Self {
        Dialing {
            dial,
            deadline,
            attempt: None,
            tls: None,
            within,
            addresses: Vec::new().into_iter(),
            why: DialError::UnknownName,
        }
    }

    /// Sets the addresses to try: those of `found` that are permitted.
    pub(crate) fn set_addresses(&mut self, mut found: Vec<SocketAddr>) {
        if let Some(within) = &self.within {
            found.retain(|address| {
                let ip = address.ip().to_canonical();
                within.iter().any(|network| network.contains(&ip))
            });
        }
        if found.is_empty() {
            self.why = DialError::NotPermitted;
        }
        self.addresses = found.into_iter();
    }

    /// The deadline of the attempt, or of the dial.
    pub(crate) fn next_deadline(&self) -> Timestamp {
        self.attempt
            .as_ref()
            .map_or(self.deadline, |attempt| attempt.deadline)
    }

    /// The timeout of an attempt that begins now: the time left, divided by the addresses left.
    pub(crate) fn attempt_timeout(&self, now: Timestamp) -> Duration {
        let attempts = u32::try_from(self.addresses.len() + 1).unwrap_or(u32::MAX);
        self.deadline.since(now) / attempts
    }
}

/// Resolves names. Each lookup has its own thread, because the system's lookup blocks and
/// cannot be cancelled.
#[derive(Debug)]
pub(crate) struct Resolver {
    sender: Sender<Lookup>,
    receiver: Receiver<Lookup>,
    selector: Arc<Selector>,
    running: usize,
}

/// The result of a lookup for the dial with this id.
pub(crate) struct Lookup {
    pub(crate) link: LinkId,
    pub(crate) addresses: Result<Vec<SocketAddr>, DialError>,
}

impl Resolver {
    pub(crate) fn new(selector: &Arc<Selector>) -> Self {
        let (sender, receiver) = channel();
        Resolver {
            sender,
            receiver,
            selector: Arc::clone(selector),
            running: 0,
        }
    }

    /// Starts a lookup. Its thread wakes the driver when the result is ready.
    pub(crate) fn start_lookup(&mut self, link: LinkId, to: PeerAddress) -> Result<(), DialError> {
        if self.running >= LOOKUPS_MAX {
            return Err(DialError::Failed(ErrorKind::ResourceBusy));
        }
        let sender = self.sender.clone();
        let selector = Arc::clone(&self.selector);
        let lookup = move || {
            let addresses = resolve(&to);
            // The driver may have ended.
            if sender.send(Lookup { link, addresses }).is_ok() {
                let _ = selector.notify();
            }
        };
        thread::Builder::new()
            .name("lookup".to_owned())
            .spawn(lookup)
            .map_err(|error| DialError::Failed(error.kind()))?;
        self.running += 1;
        Ok(())
    }

    /// The next result, if one is ready.
    pub(crate) fn next_result(&mut self) -> Option<Lookup> {
        if self.running == 0 {
            return None;
        }
        let lookup = self.receiver.try_recv().ok()?;
        self.running -= 1;
        Some(lookup)
    }
}

/// The socket address, if the host is an IP address.
pub(crate) fn literal_address(to: &PeerAddress) -> Option<SocketAddr> {
    let ip = to.host.parse::<IpAddr>().ok()?;
    Some(SocketAddr::new(ip, to.port))
}

fn resolve(to: &PeerAddress) -> Result<Vec<SocketAddr>, DialError> {
    let found: Vec<_> = match (to.host.as_ref(), to.port).to_socket_addrs() {
        Ok(addresses) => addresses.take(ADDRESSES_MAX).collect(),
        // Errors of the operating system have a number, errors of the lookup have none.
        Err(error) if error.raw_os_error().is_some() => {
            return Err(DialError::Failed(error.kind()));
        }
        Err(_) => return Err(DialError::UnknownName),
    };
    if found.is_empty() {
        return Err(DialError::UnknownName);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn ip_addresses_need_no_lookup() {
        let literal = |text: &str| literal_address(&text.parse().unwrap());
        assert_eq!(
            literal("127.0.0.1:7"),
            Some((Ipv4Addr::LOCALHOST, 7).into())
        );
        assert_eq!(literal("[::1]:7"), Some("[::1]:7".parse().unwrap()));
        assert_eq!(literal("localhost:7"), None);
    }

    #[test]
    fn only_permitted_addresses_are_tried() {
        let found: Vec<SocketAddr> = ["10.0.0.9:1", "[::ffff:10.0.0.8]:1", "[2001:db8::9]:1"]
            .map(|address| address.parse().unwrap())
            .to_vec();
        for (within, expected) in [
            (None, &found[..]),
            (Some("10.0.0.0/8"), &found[..2]),
            (Some("2001:db8::/32"), &found[2..]),
            (Some("192.0.2.0/24"), &[]),
        ] {
            let within = within.map(|network| [network.parse().unwrap()].into());
            let mut dialing = Dialing::new(DialId(1), Timestamp::START, within);
            dialing.set_addresses(found.clone());
            assert_eq!(dialing.addresses.as_slice(), expected);
            let refused = dialing.why == DialError::NotPermitted;
            assert_eq!(refused, expected.is_empty());
        }
    }

    #[test]
    fn the_addresses_share_the_time() {
        let mut dialing = Dialing::new(DialId(1), Timestamp::from_micros(9_000), None);
        dialing.addresses = vec![(Ipv4Addr::LOCALHOST, 1).into(); 3].into_iter();
        let now = Timestamp::from_micros(1_000);
        assert_eq!(dialing.attempt_timeout(now), Duration::from_micros(2_000));
        dialing.addresses.nth(2);
        assert_eq!(dialing.attempt_timeout(now), Duration::from_micros(8_000));
        assert_eq!(dialing.attempt_timeout(dialing.deadline), Duration::ZERO);
    }
}
