//! What a test gets: processes to start, peers to play, and waits with a bound.
//!
//! | a test needs | it uses |
//! |---|---|
//! | servers and clients of this workspace | [`Fixture`], [`Server`], [`Client`] |
//! | a server with clients that a bad peer must not disturb | [`WatchedServer`], [`WatchedIrcServer`] |
//! | a rendezvous directory, `crc-sim`, `crc-bench` | [`Rendezvous`], [`find_sim`], [`find_bench`] |
//! | an example of `crc-bot` | [`find_bot`] |
//! | what a server knows, logs and uses | [`ServerState`], [`Server::log_lines_with`], [`Usage`] |
//! | a connection that sends any bytes of CRC | [`Peer`], with frames from [`wire`] |
//! | a connection that sends any lines of IRC | [`LinePeer`](irc::LinePeer) |
//! | a v1 client or server | [`v1`] |
//! | a user of the legacy IRC | [`legacy_user`] |
//! | a connection that is recorded on its way | [`Tap`] |
//! | what a network must know | [`model`] |
//! | a connection by TLS, certificates | [`tls`] |
//! | a client at a terminal, and what it shows | [`Screen`] |
//! | an address that refuses, or keeps while its server is away | [`Fixture::reserve`], [`Reserved`] |
//! | to wait for something | [`wait`] |
//!
//! Everything ends when its value is dropped: no process outlives its test.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Mutex, MutexGuard};

mod binaries;
mod client;
mod error;
mod http;
pub mod irc;
pub mod legacy_user;
mod log_dir;
pub mod model;
pub mod output;
mod peer;
mod process;
mod rendezvous;
mod reserved;
mod screen;
mod server;
mod socket;
mod state;
mod tap;
pub mod tls;
mod usage;
pub mod v1;
pub mod wait;
mod watched;
pub mod wire;

pub use binaries::{Binaries, find_bench, find_bot, find_rendezvous, find_sim, hash_password};
pub use client::{Chat, Client, ClientBuilder, ClientView};
pub use error::FixtureError;
pub use http::{Answer, get};
pub use log_dir::LogDir;
pub use peer::Peer;
pub use process::Process;
pub use rendezvous::Rendezvous;
pub use reserved::Reserved;
pub use screen::{SUSPENDED, Screen};
pub use server::{Server, ServerBuilder};
pub use state::{Host, HostKind, IrcChannel, IrcState, Link, ServerState};
pub use tap::{End, Record, Tap};
pub use usage::Usage;
pub use watched::{ANN, BOB, IrcProtocol, WatchedIrcServer, WatchedServer, assert_chatting};

/// Starts servers and clients. Dropping one of them kills its process.
#[derive(Debug)]
pub struct Fixture {
    binaries: Binaries,
    logs: LogDir,
    reserved: Mutex<Vec<Reserved>>,
}

impl Fixture {
    /// A fixture with the binaries of this workspace and a temporary folder for
    /// logs, which stays when the test fails.
    ///
    /// # Errors
    ///
    /// [`FixtureError::Binaries`] or [`FixtureError::File`].
    pub fn new() -> Result<Fixture, FixtureError> {
        Ok(Fixture::with(Binaries::find()?, LogDir::temporary()?))
    }

    /// A fixture with these binaries and this folder.
    #[must_use]
    pub fn with(binaries: Binaries, logs: LogDir) -> Fixture {
        Fixture {
            binaries,
            logs,
            reserved: Mutex::default(),
        }
    }

    /// A server to start. Without further settings it has no uplink, and the system
    /// chooses its port.
    pub fn server(&self, id: u32, name: &str) -> ServerBuilder<'_> {
        ServerBuilder::new(self, Some(id), name)
    }

    /// A server to start that chooses its own id, for networks without ids.
    pub fn server_without_id(&self, name: &str) -> ServerBuilder<'_> {
        ServerBuilder::new(self, None, name)
    }

    /// A client to start, of the server at `address`.
    pub fn client(&self, id: u32, name: &str, server: SocketAddr) -> ClientBuilder<'_> {
        ClientBuilder::new(self, id, name, &server.to_string())
    }

    /// A client to start, of the server at `address`, which may be one by TLS.
    pub fn client_at(&self, id: u32, name: &str, address: &str) -> ClientBuilder<'_> {
        ClientBuilder::new(self, id, name, address)
    }

    /// An address with a free port, which the system gives to no other socket until this
    /// fixture is dropped. It refuses connections while no server listens there. A
    /// server can stop and start again at it, and no other one takes its port in between.
    ///
    /// # Errors
    ///
    /// [`FixtureError::Socket`] when no port is free.
    pub fn reserve(&self) -> Result<SocketAddr, FixtureError> {
        self.reserve_on(Ipv4Addr::LOCALHOST)
    }

    /// The same, on another loopback address.
    ///
    /// # Errors
    ///
    /// [`FixtureError::Socket`] when no port is free.
    pub fn reserve_on(&self, ip: Ipv4Addr) -> Result<SocketAddr, FixtureError> {
        let reserved = Reserved::on(ip.into()).map_err(|source| FixtureError::Socket {
            what: format!("port on {ip}"),
            source,
        })?;
        let address = reserved.address();
        lock(&self.reserved).push(reserved);
        Ok(address)
    }

    /// The binaries that it starts.
    #[must_use]
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// The folder of the log files.
    #[must_use]
    pub fn logs(&self) -> &LogDir {
        &self.logs
    }
}

/// Locks a mutex whose holders do not panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no thread panics with the lock held")
}
