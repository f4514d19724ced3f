//! Reaching a peer: look its name up on a thread of its own, then try its
//! addresses one after the other without blocking. What becomes of the
//! connection is decided elsewhere.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;
use std::vec;

use crc_machine::{DialError, DialId, LinkId, PeerAddress, Timestamp};
use rustix::io::Errno;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::listener::tune;
use crate::poll_source::PollSource;
use crate::selector::Selector;

/// So many names are looked up at the same time at most.
const LOOKUPS_MAX: usize = 16;
/// So many addresses of one name are tried at most.
const ADDRESSES_MAX: usize = 16;

/// A dial that has not come to an end.
#[derive(Debug)]
pub(crate) struct Dialing {
    pub(crate) dial: DialId,
    /// When it has taken too long.
    pub(crate) deadline: Timestamp,
    /// The socket that is connecting, and to whom; none while the name is
    /// looked up.
    pub(crate) attempt: Option<Attempt>,
    /// The addresses still to be tried.
    pub(crate) addresses: vec::IntoIter<SocketAddr>,
    /// Why the last one failed.
    pub(crate) why: DialError,
}

/// A socket that is connecting.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) socket: PollSource<TcpStream>,
    pub(crate) peer: SocketAddr,
    /// When the next address gets its turn.
    pub(crate) deadline: Timestamp,
}

/// What a connecting socket has come to.
#[derive(Debug)]
pub(crate) enum ConnectOutcome {
    /// Connected; this is our own address.
    Connected(SocketAddr),
    /// Not yet.
    Pending,
    /// It was not taken.
    Failed(ErrorKind),
}

impl Dialing {
    pub(crate) fn new(dial: DialId, deadline: Timestamp) -> Self {
        Dialing {
            dial,
            deadline,
            attempt: None,
            addresses: Vec::new().into_iter(),
            why: DialError::UnknownName,
        }
    }

    /// When something must be done about it if nothing happens.
    pub(crate) fn next_deadline(&self) -> Timestamp {
        self.attempt
            .as_ref()
            .map_or(self.deadline, |attempt| attempt.deadline)
    }

    /// How long an attempt that begins now may take, so that each address left
    /// has its share.
    pub(crate) fn share(&self, now: Timestamp) -> Duration {
        let attempts = u32::try_from(self.addresses.len() + 1).unwrap_or(u32::MAX);
        self.deadline.since(now) / attempts
    }
}

/// Starts to connect, and does not wait for it.
pub(crate) fn connect(peer: SocketAddr, peer_timeout: Duration) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(peer), Type::STREAM, Some(Protocol::TCP))?;
    tune(&socket, peer_timeout)?;
    match socket.connect(&peer.into()) {
        Ok(()) => {}
        // Interrupted, it goes on by itself all the same.
        Err(error) => match Errno::from_io_error(&error) {
            Some(Errno::INPROGRESS | Errno::INTR) => {}
            _ => return Err(error),
        },
    }
    Ok(socket.into())
}

/// Asks a connecting socket that has fired what came of it.
pub(crate) fn connect_outcome(stream: &TcpStream) -> ConnectOutcome {
    match stream.take_error() {
        Ok(None) => {}
        Ok(Some(error)) | Err(error) => return ConnectOutcome::Failed(error.kind()),
    }
    match (stream.peer_addr(), stream.local_addr()) {
        (Ok(peer), Ok(local)) if peer == local => {
            // With nobody there, a port of this machine that is about to be
            // chosen for us may be the very one we dial: TCP then connects the
            // socket with itself. It must not keep the port afterwards.
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
            ConnectOutcome::Failed(ErrorKind::ConnectionRefused)
        }
        (Ok(_), Ok(local)) => ConnectOutcome::Connected(local),
        (Err(error), _) | (_, Err(error)) => match error.kind() {
            ErrorKind::NotConnected => ConnectOutcome::Pending,
            kind => ConnectOutcome::Failed(kind),
        },
    }
}

/// Looks names up, each on a thread that ends with it: the system's look-up
/// blocks, and nothing can stop it.
#[derive(Debug)]
pub(crate) struct Resolver {
    sender: Sender<Answer>,
    receiver: Receiver<Answer>,
    selector: Arc<Selector>,
    running: usize,
}

/// The addresses of a name, for the dial that has this place in the table.
pub(crate) struct Answer {
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

    /// Starts a look-up. Its answer comes with a wake-up.
    pub(crate) fn look_up(&mut self, link: LinkId, to: PeerAddress) -> Result<(), DialError> {
        if self.running >= LOOKUPS_MAX {
            return Err(DialError::Failed(ErrorKind::ResourceBusy));
        }
        let sender = self.sender.clone();
        let selector = Arc::clone(&self.selector);
        let look_up = move || {
            let addresses = addresses(&to);
            // Without anybody to hear it, the answer does not matter.
            if sender.send(Answer { link, addresses }).is_ok() {
                let _ = selector.notify();
            }
        };
        thread::Builder::new()
            .name("look-up".to_owned())
            .spawn(look_up)
            .map_err(|error| DialError::Failed(error.kind()))?;
        self.running += 1;
        Ok(())
    }

    /// The next answer that has come in.
    pub(crate) fn answer(&mut self) -> Option<Answer> {
        if self.running == 0 {
            return None;
        }
        let answer = self.receiver.try_recv().ok()?;
        self.running -= 1;
        Some(answer)
    }
}

/// The address, if it needs no looking up.
pub(crate) fn literal(to: &PeerAddress) -> Option<SocketAddr> {
    let ip = to.host.parse::<IpAddr>().ok()?;
    Some(SocketAddr::new(ip, to.port))
}

fn addresses(to: &PeerAddress) -> Result<Vec<SocketAddr>, DialError> {
    let found: Vec<_> = match (to.host.as_ref(), to.port).to_socket_addrs() {
        Ok(addresses) => addresses.take(ADDRESSES_MAX).collect(),
        // The system's own errors have a number; those of the look-up have not.
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
    fn a_socket_that_met_itself_is_refused() {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
        socket.bind(&any.into()).unwrap();
        let itself = socket.local_addr().unwrap();
        socket.connect(&itself).unwrap();
        assert!(matches!(
            connect_outcome(&socket.into()),
            ConnectOutcome::Failed(ErrorKind::ConnectionRefused)
        ));
        // Nor does it keep the port.
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&itself).unwrap();
    }

    #[test]
    fn only_literal_addresses_need_no_look_up() {
        let literal = |text: &str| literal(&text.parse().unwrap());
        assert_eq!(
            literal("127.0.0.1:7"),
            Some((Ipv4Addr::LOCALHOST, 7).into())
        );
        assert_eq!(literal("[::1]:7"), Some("[::1]:7".parse().unwrap()));
        assert_eq!(literal("localhost:7"), None);
    }

    #[test]
    fn every_address_has_its_share_of_the_time() {
        let mut dialing = Dialing::new(DialId(1), Timestamp::from_micros(9_000));
        dialing.addresses = vec![(Ipv4Addr::LOCALHOST, 1).into(); 3].into_iter();
        let now = Timestamp::from_micros(1_000);
        assert_eq!(dialing.share(now), Duration::from_micros(2_000));
        dialing.addresses.nth(2);
        assert_eq!(dialing.share(now), Duration::from_micros(8_000));
        assert_eq!(dialing.share(dialing.deadline), Duration::ZERO);
    }
}
