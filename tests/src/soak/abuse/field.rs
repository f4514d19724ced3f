//! What attackers have in common: they come in crowds, and come back when the server
//! closes their connection.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::setpriority_process;

use crate::fixture::irc::LinePeer;
use crate::fixture::wait::{self, LONG};
use crate::fixture::wire;
use crate::fixture::{Fixture, Peer, Server};

/// The priority of the attackers' threads. Real attackers have machines of their own,
/// and do not take the processor from the server and the innocent.
const NICE: i32 = 10;

/// The pause of an attacker who can neither read nor write.
const PAUSE: Duration = Duration::from_millis(1);

/// The attackers' view of the network.
pub(super) struct Field<'a> {
    pub(super) fixture: &'a Fixture,
    /// The attacked server.
    pub(super) hub: &'a Server,
    /// Its neighbour.
    pub(super) leaf: &'a Server,
    stop: &'a AtomicBool,
    sent_bytes: AtomicU64,
}

impl<'a> Field<'a> {
    pub(super) fn new(
        fixture: &'a Fixture,
        hub: &'a Server,
        leaf: &'a Server,
        stop: &'a AtomicBool,
    ) -> Self {
        Field {
            fixture,
            hub,
            leaf,
            stop,
            sent_bytes: AtomicU64::new(0),
        }
    }

    pub(super) fn sent_bytes(&self) -> u64 {
        self.sent_bytes.load(Ordering::Relaxed)
    }

    pub(super) fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Where the attacked server accepts IRC users.
    pub(super) fn irc(&self) -> SocketAddr {
        self.hub.irc().expect("both servers accept IRC users")
    }

    /// Where the attacked server accepts legacy users and servers.
    pub(super) fn irc_legacy(&self) -> SocketAddr {
        let address = self.hub.irc_legacy();
        address.expect("both servers accept legacy users")
    }

    /// A v2 client of the attacked server that takes part in channels.
    pub(super) fn client(&self, id: u32, name: &str) -> io::Result<Peer> {
        client_at(self.hub.address(), id, name)
    }

    /// A v2 server that is linked to the attacked one.
    pub(super) fn server(&self, id: u32) -> io::Result<Peer> {
        let features = "server-quit,channels";
        Peer::v2_server(self.hub.address(), id, &format!("swamp{id}"), features)
    }

    /// Waits until the attacked server knows a host by its name.
    pub(super) fn id_of(&self, name: &str) -> io::Result<u32> {
        let found = wait::until(LONG, || {
            let hosts = self.hub.state().ok()?.hosts;
            hosts
                .iter()
                .find(|host| host.name == name)
                .map(|host| host.id)
        });
        found.ok_or_else(|| ErrorKind::TimedOut.into())
    }

    /// Waits until the attacked server knows so many hosts.
    pub(super) fn wait_hosts(&self, count: usize) -> io::Result<()> {
        let known = || {
            let state = self.hub.state();
            self.is_over() || state.is_ok_and(|state| state.hosts.len() >= count)
        };
        match wait::holds(LONG, known) {
            true => Ok(()),
            false => Err(ErrorKind::TimedOut.into()),
        }
    }

    /// Has `count` attackers do the same until the end: each connection that the server
    /// closes is followed by another. They get their number, and that of their attempt.
    pub(super) fn crowd(&self, count: u32, attack: impl Fn(u32, u32) -> io::Result<()> + Sync) {
        thread::scope(|scope| {
            for number in 0..count {
                let attack = &attack;
                scope.spawn(move || {
                    // It is no error if the system does not permit it.
                    let _ = setpriority_process(None, NICE);
                    let mut attempts = 0..;
                    while !self.is_over() {
                        // The server may refuse or close a connection at any time.
                        if attack(number, attempts.next().unwrap_or(0)).is_err() {
                            wait::pause(PAUSE);
                        }
                    }
                });
            }
        });
    }

    /// Sends what `next` returns, over and over, and reads the answers, until the end or
    /// until the server closes the connection.
    pub(super) fn flood(
        &self,
        mut stream: TcpStream,
        mut next: impl FnMut(u64) -> Vec<u8>,
    ) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        let mut buffer = vec![0; 65536];
        let (mut bytes, mut written) = (Vec::new(), 0);
        let mut numbers = 0..;
        while !self.is_over() {
            let mut is_idle = true;
            match done(stream.read(&mut buffer))? {
                Some(0) => return Ok(()),
                Some(_) => is_idle = false,
                None => {}
            }
            if written == bytes.len() {
                bytes = next(numbers.next().unwrap_or(0));
                written = 0;
            }
            if let Some(count) = done(stream.write(&bytes[written..]))?
                && count > 0
            {
                is_idle = false;
                written += count;
                self.sent_bytes.fetch_add(count as u64, Ordering::Relaxed);
            }
            if is_idle {
                wait::pause(PAUSE);
            }
        }
        Ok(())
    }

    /// Reads until the end, and sends nothing.
    pub(super) fn read(&self, stream: TcpStream) -> io::Result<()> {
        self.flood(stream, |_| Vec::new())
    }

    /// Sends bytes at once.
    pub(super) fn send(&self, peer: &mut Peer, bytes: &[u8]) -> io::Result<()> {
        let count = bytes.len() as u64;
        self.sent_bytes.fetch_add(count, Ordering::Relaxed);
        peer.send(bytes)
    }

    /// A user of ordinary IRC.
    pub(super) fn irc_user(&self, nick: &str) -> io::Result<LinePeer> {
        LinePeer::irc_user(self.irc(), nick)
    }

    /// A user of legacy IRC.
    pub(super) fn legacy_user(&self, nick: &str) -> io::Result<LinePeer> {
        LinePeer::legacy_user(self.irc_legacy(), nick)
    }
}

/// A v2 client that takes part in channels.
pub(super) fn client_at(server: SocketAddr, id: u32, name: &str) -> io::Result<Peer> {
    let mut peer = Peer::connect(server)?;
    peer.send(&wire::client_registration(id, 0, name, "as ever"))?;
    let announcement = wire::client_registration(id, 0, name, "as ever [crc2;f=channels]");
    peer.send(&announcement)?;
    peer.wait_status(0x100)?;
    Ok(peer)
}

/// The result of a system call that does not wait: `None` if it would have to.
fn done(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(count) => Ok(Some(count)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
