//! Sockets that others connect to, and the options that every link's socket has.
//! When to accept, and how many, is decided elsewhere.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use crc_machine::ListenerId;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use crate::poll_source::PollSource;

/// The first pause after the system ran out of descriptors; each further one is
/// twice as long.
const PAUSE_MIN: Duration = Duration::from_millis(10);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// A listening socket.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) socket: PollSource<TcpListener>,
    pub(crate) id: ListenerId,
    pub(crate) address: SocketAddr,
    pub(crate) state: ListenerState,
    /// What it may have open, if its links are counted apart from all others.
    pub(crate) apart: Option<Apart>,
    /// How long to leave it alone next time; zero while all is well.
    pause: Duration,
}

/// The links of a listener whose links are counted apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Apart {
    pub(crate) links: usize,
    pub(crate) links_max: usize,
}

/// Whether a listener is listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListenerState {
    Open,
    /// The system had nothing left for a further socket.
    Paused,
    /// As many links as allowed are open: in all, or of its own if they are
    /// counted apart.
    Full,
}

/// What accepting came to.
#[derive(Debug)]
pub(crate) enum AcceptOutcome {
    Accepted(TcpStream, SocketAddr),
    /// Nobody waits.
    Nobody,
    /// Somebody waited, and is gone.
    Gone(io::Error),
    /// It will not get better at once.
    Exhausted(io::Error),
}

impl Listener {
    pub(crate) fn new(
        socket: PollSource<TcpListener>,
        id: ListenerId,
        at: SocketAddr,
        apart: Option<Apart>,
    ) -> Self {
        Listener {
            socket,
            id,
            address: at,
            state: ListenerState::Open,
            apart,
            pause: Duration::ZERO,
        }
    }

    pub(crate) fn accept(&self) -> AcceptOutcome {
        loop {
            match self.socket.source().accept() {
                Ok((stream, peer)) => return AcceptOutcome::Accepted(stream, peer),
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock => return AcceptOutcome::Nobody,
                    ErrorKind::ConnectionAborted
                    | ErrorKind::ConnectionReset
                    | ErrorKind::HostUnreachable
                    | ErrorKind::NetworkUnreachable
                    | ErrorKind::NetworkDown
                    | ErrorKind::PermissionDenied
                    | ErrorKind::TimedOut => return AcceptOutcome::Gone(error),
                    _ => return AcceptOutcome::Exhausted(error),
                },
            }
        }
    }

    /// Notes that nobody waits any more: a bad time is over.
    pub(crate) fn caught_up(&mut self) {
        self.pause = Duration::ZERO;
    }

    /// How long to leave it alone now; and whether a bad time has just begun.
    pub(crate) fn next_pause(&mut self) -> (Duration, bool) {
        let begins = self.pause.is_zero();
        self.pause = if begins {
            PAUSE_MIN
        } else {
            PAUSE_MAX.min(self.pause * 2)
        };
        (self.pause, begins)
    }
}

/// Binds and listens, without blocking.
pub(crate) fn listen(address: SocketAddr, backlog: u16) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A server that starts again must not wait for its old connections' end.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // So that [::] and 0.0.0.0 can both be listened on.
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(i32::from(backlog))?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Gives a link's socket what every link's socket has: it does not block, holds
/// nothing back to send it with more, and notices within `peer_timeout` that
/// its peer has vanished.
pub(crate) fn tune<S: AsFd>(socket: &S, peer_timeout: Duration) -> io::Result<()> {
    // The system counts whole seconds, and takes no zero.
    let peer_timeout = peer_timeout.max(Duration::from_secs(6));
    let socket = SockRef::from(socket);
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    // Asked from half that time on, the peer has three times to answer.
    let keepalive = TcpKeepalive::new().with_time(peer_timeout / 2);
    #[cfg(not(target_os = "openbsd"))]
    let keepalive = keepalive.with_interval(peer_timeout / 6).with_retries(3);
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia"))]
    socket.set_tcp_user_timeout(Some(peer_timeout))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn socket() -> Socket {
        Socket::new(Domain::IPV4, Type::STREAM, None).unwrap()
    }

    #[test]
    fn a_vanished_peer_is_noticed_in_time() {
        let socket = socket();
        tune(&socket, Duration::from_secs(30)).unwrap();
        assert!(socket.nonblocking().unwrap() && socket.tcp_nodelay().unwrap());
        assert!(socket.keepalive().unwrap());
        let first = socket.tcp_keepalive_time().unwrap();
        let between = socket.tcp_keepalive_interval().unwrap();
        let retries = socket.tcp_keepalive_retries().unwrap();
        assert_eq!(first + between * retries, Duration::from_secs(30));
        #[cfg(target_os = "linux")]
        assert_eq!(
            socket.tcp_user_timeout().unwrap(),
            Some(Duration::from_secs(30))
        );
        // Whatever is asked for, the system has to take it.
        tune(&socket, Duration::ZERO).unwrap();
    }

    #[test]
    fn pauses_grow_until_all_is_well() {
        let selector = std::sync::Arc::new(crate::selector::Selector::new().unwrap());
        let any: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
        let socket = listen(any, 1).unwrap();
        let socket =
            PollSource::new(&selector, socket, 0, crate::selector::Interest::READ).unwrap();
        let mut listener = Listener::new(socket, ListenerId(0), any, None);
        for round in 0..2 {
            let pauses: Vec<_> = (0..9).map(|_| listener.next_pause()).collect();
            let millis: Vec<_> = pauses.iter().map(|(pause, _)| pause.as_millis()).collect();
            assert_eq!(millis, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
            let begun = pauses.iter().filter(|(_, begins)| *begins).count();
            assert_eq!(begun, 1, "round {round} is one bad time");
            listener.caught_up();
        }
    }
}
