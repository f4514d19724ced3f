//! Connects a TCP socket without blocking.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustix::io::Errno;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// The state of a socket that is connecting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectOutcome {
    /// The socket is connected and has this local address.
    Connected(SocketAddr),
    /// The socket is still connecting.
    Pending,
    /// The connection failed.
    Failed(ErrorKind),
}

/// Starts to connect to `peer` and returns without waiting. The socket is non-blocking and without
/// Nagle's algorithm.
///
/// Watch the socket for writing, and call [`connect_outcome`] when it is ready.
///
/// # Errors
///
/// If the system cannot create the socket, or rejects the connection immediately.
pub fn start_connect(peer: SocketAddr) -> io::Result<TcpStream> {
    start_connect_with(peer, |socket| {
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)
    })
}

/// Like [`start_connect`], with socket options that the caller sets before connecting.
pub(crate) fn start_connect_with(
    peer: SocketAddr,
    set_options: impl FnOnce(&Socket) -> io::Result<()>,
) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(peer), Type::STREAM, Some(Protocol::TCP))?;
    set_options(&socket)?;
    match socket.connect(&peer.into()) {
        Ok(()) => {}
        // An interrupted connect continues in the background as well.
        Err(error) => match Errno::from_io_error(&error) {
            Some(Errno::INPROGRESS | Errno::INTR) => {}
            _ => return Err(error),
        },
    }
    Ok(socket.into())
}

/// Asks a connecting socket that became ready for the result.
#[must_use]
pub fn connect_outcome(stream: &TcpStream) -> ConnectOutcome {
    match stream.take_error() {
        Ok(None) => {}
        Ok(Some(error)) | Err(error) => return ConnectOutcome::Failed(error.kind()),
    }
    match (stream.peer_addr(), stream.local_addr()) {
        (Ok(peer), Ok(local)) if peer == local => {
            // If no process listens on a local port, the system may choose that very port as the
            // socket's own. TCP then connects the socket to itself. The linger option frees
            // the port immediately.
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

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_self_connection_is_refused() {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
        socket.bind(&any.into()).unwrap();
        let own = socket.local_addr().unwrap();
        socket.connect(&own).unwrap();
        assert_eq!(
            connect_outcome(&socket.into()),
            ConnectOutcome::Failed(ErrorKind::ConnectionRefused)
        );
        // The port is free again.
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&own).unwrap();
    }
}
