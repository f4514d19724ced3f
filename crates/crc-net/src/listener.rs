//! A listening socket, and the socket options of every link.

use core::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use crc_machine::{ListenerId, place_of};
use ipnet::IpNet;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use crate::places::Refusal;
use crate::poll_source::PollSource;
use crate::tls::TlsServer;

/// The first pause after the system ran out of descriptors. Each further pause is twice as long.
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
    /// The limit of its own, if it has one.
    pub(crate) own_limit: Option<OwnLimit>,
    /// The certificates, if it speaks TLS.
    pub(crate) tls: Option<TlsListener>,
    /// The networks of the proxies, if only those may connect.
    pub(crate) proxies: Option<Vec<IpNet>>,
    /// The latest pause; zero unless the system is out of descriptors.
    pause: Duration,
}

/// What a listener needs for TLS.
#[derive(Debug, Clone)]
pub(crate) struct TlsListener {
    pub(crate) server: TlsServer,
    pub(crate) plaintext_answer: PlaintextAnswer,
}

/// What a peer gets that does not speak TLS, by its first bytes.
#[derive(Clone)]
pub(crate) struct PlaintextAnswer(pub(crate) Arc<AnswerFn>);

/// The answer to the first bytes of a peer.
type AnswerFn = dyn Fn(&[u8]) -> Vec<u8> + Send + Sync;

impl fmt::Debug for PlaintextAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlaintextAnswer")
    }
}

/// The links of a listener that has a limit of its own.
#[derive(Debug, Clone)]
pub(crate) struct OwnLimit {
    /// The address of each link, as [`place_of`] has it.
    pub(crate) links: Vec<IpAddr>,
    pub(crate) links_max: usize,
}

impl OwnLimit {
    pub(crate) const fn new(links_max: usize) -> Self {
        OwnLimit {
            links: Vec::new(),
            links_max,
        }
    }

    /// Whether an address may have one more of the free places: one address has at most half of
    /// all, and the last place is for loopback, which has no further limit.
    pub(crate) fn admit(&self, ip: IpAddr) -> Result<(), Refusal> {
        let place = place_of(ip);
        if place.is_loopback() || self.links_max == 1 {
            return Ok(());
        }
        let own = self.links.iter().filter(|link| **link == place).count();
        if own >= self.links_max.div_ceil(2) {
            return Err(Refusal::Address);
        }
        let free = self.links_max.saturating_sub(self.links.len());
        if free <= 1 {
            return Err(Refusal::Reserved);
        }
        Ok(())
    }

    pub(crate) fn add(&mut self, ip: IpAddr) {
        self.links.push(place_of(ip));
    }

    pub(crate) fn remove(&mut self, ip: IpAddr) {
        let place = place_of(ip);
        if let Some(at) = self.links.iter().position(|link| *link == place) {
            self.links.swap_remove(at);
        }
    }
}

/// Whether a listener accepts connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListenerState {
    Open,
    /// The system is out of descriptors or memory; a timer resumes the listener.
    Paused,
    /// The connection limit, or the listener's own limit, is reached. A link that closes resumes
    /// the listener.
    AtLimit,
}

/// The result of accepting a connection.
#[derive(Debug)]
pub(crate) enum AcceptOutcome {
    Accepted(TcpStream, SocketAddr),
    /// The backlog is empty.
    WouldBlock,
    /// The connection failed before it was accepted.
    Aborted(io::Error),
    /// The system is out of descriptors or memory.
    Exhausted(io::Error),
}

impl Listener {
    pub(crate) fn new(
        socket: PollSource<TcpListener>,
        id: ListenerId,
        address: SocketAddr,
        own_limit: Option<OwnLimit>,
    ) -> Self {
        Listener {
            socket,
            id,
            address,
            state: ListenerState::Open,
            own_limit,
            tls: None,
            proxies: None,
            pause: Duration::ZERO,
        }
    }

    pub(crate) fn accept(&self) -> AcceptOutcome {
        loop {
            match self.socket.socket().accept() {
                Ok((stream, peer)) => return AcceptOutcome::Accepted(stream, peer),
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock => return AcceptOutcome::WouldBlock,
                    ErrorKind::ConnectionAborted
                    | ErrorKind::ConnectionReset
                    | ErrorKind::HostUnreachable
                    | ErrorKind::NetworkUnreachable
                    | ErrorKind::NetworkDown
                    | ErrorKind::PermissionDenied
                    | ErrorKind::TimedOut => return AcceptOutcome::Aborted(error),
                    _ => return AcceptOutcome::Exhausted(error),
                },
            }
        }
    }

    /// Notes that the backlog is empty: the system has descriptors again.
    pub(crate) fn reset_pause(&mut self) {
        self.pause = Duration::ZERO;
    }

    /// The next pause, and whether it is the first of a series.
    pub(crate) fn next_pause(&mut self) -> (Duration, bool) {
        let is_first = self.pause.is_zero();
        self.pause = if is_first {
            PAUSE_MIN
        } else {
            PAUSE_MAX.min(self.pause * 2)
        };
        (self.pause, is_first)
    }
}

/// Creates a non-blocking listening socket.
pub(crate) fn listen(
    address: SocketAddr,
    backlog: u16,
    peer_timeout: Duration,
) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A restarted server must not wait until its old connections have timed out.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // So that a process can listen on both [::] and 0.0.0.0.
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    // Its links inherit them on Linux.
    set_link_options(&socket, peer_timeout)?;
    socket.listen(i32::from(backlog))?;
    Ok(socket.into())
}

/// Sets the socket options of an accepted link.
pub(crate) fn set_accepted_options(socket: &TcpStream, peer_timeout: Duration) -> io::Result<()> {
    // It has those of the listener on Linux, and six system calls less.
    match cfg!(target_os = "linux") {
        true => socket.set_nonblocking(true),
        false => set_link_options(socket, peer_timeout),
    }
}

/// Sets the socket options of a link: non-blocking, without Nagle's algorithm, and with timeouts
/// that detect a vanished peer within `peer_timeout`.
pub(crate) fn set_link_options<S: AsFd>(socket: &S, peer_timeout: Duration) -> io::Result<()> {
    // The system counts whole seconds and rejects zero.
    let peer_timeout = peer_timeout.max(Duration::from_secs(6));
    let socket = SockRef::from(socket);
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    // Probes start after half the time; the peer may miss two of three.
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
    fn a_vanished_peer_is_detected_in_time() {
        let socket = socket();
        set_link_options(&socket, Duration::from_secs(30)).unwrap();
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
        // The system accepts every setting.
        set_link_options(&socket, Duration::ZERO).unwrap();
    }

    #[test]
    fn accepted_links_have_the_options_of_links() {
        let timeout = Duration::from_secs(30);
        let listener = listen((Ipv4Addr::LOCALHOST, 0).into(), 1, timeout).unwrap();
        let _peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        listener.set_nonblocking(false).unwrap();
        let (stream, _) = listener.accept().unwrap();
        set_accepted_options(&stream, timeout).unwrap();
        let socket = SockRef::from(&stream);
        assert!(socket.nonblocking().unwrap() && socket.tcp_nodelay().unwrap());
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), timeout / 2);
        #[cfg(target_os = "linux")]
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(timeout));
    }

    #[test]
    fn one_address_cannot_take_all_places_of_a_listener() {
        let mut limit = OwnLimit::new(8);
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let mut open = |from: &str| {
            limit.admit(ip(from))?;
            limit.add(ip(from));
            Ok(())
        };
        for _ in 0..4 {
            assert_eq!(open("192.0.2.1"), Ok(()));
        }
        assert_eq!(open("192.0.2.1"), Err(Refusal::Address));
        for _ in 0..3 {
            assert_eq!(open("192.0.2.2"), Ok(()));
        }
        assert_eq!(open("192.0.2.3"), Err(Refusal::Reserved));
        assert_eq!(open("127.0.0.1"), Ok(()));
        limit.remove(ip("192.0.2.1"));
        limit.remove(ip("127.0.0.1"));
        assert_eq!(limit.links.len(), 6);
    }

    #[test]
    fn pauses_double_until_reset() {
        let selector = std::sync::Arc::new(crate::selector::Selector::new().unwrap());
        let any: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
        let socket = listen(any, 1, Duration::ZERO).unwrap();
        let socket =
            PollSource::new(&selector, socket, 0, crate::selector::Interest::READ).unwrap();
        let mut listener = Listener::new(socket, ListenerId(0), any, None);
        for round in 0..2 {
            let pauses: Vec<_> = (0..9).map(|_| listener.next_pause()).collect();
            let millis: Vec<_> = pauses.iter().map(|(pause, _)| pause.as_millis()).collect();
            assert_eq!(millis, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
            let first = pauses.iter().filter(|(_, is_first)| *is_first).count();
            assert_eq!(first, 1, "round {round} is one series");
            listener.reset_pause();
        }
    }
}
