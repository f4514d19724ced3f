//! What servers and clients are started from: binaries and a folder for logs.

use std::net::SocketAddr;

use crate::binaries::Binaries;
use crate::client::ClientBuilder;
use crate::error::RigError;
use crate::logs::LogDir;
use crate::server::ServerBuilder;

/// Starts servers and clients. Each of them ends when it is dropped.
#[derive(Debug)]
pub struct Rig {
    binaries: Binaries,
    logs: LogDir,
}

impl Rig {
    /// A rig with the binaries of this workspace and a temporary folder for
    /// logs, which is kept when the test fails.
    ///
    /// # Errors
    ///
    /// [`RigError::Binaries`] or [`RigError::File`].
    pub fn new() -> Result<Rig, RigError> {
        Ok(Rig::with(Binaries::find()?, LogDir::temporary()?))
    }

    /// A rig with these binaries and this folder.
    #[must_use]
    pub fn with(binaries: Binaries, logs: LogDir) -> Rig {
        Rig { binaries, logs }
    }

    /// A server to be started: on a port that the system chooses, without
    /// uplink, unless the builder is told otherwise.
    pub fn server(&self, id: u32, name: &str) -> ServerBuilder<'_> {
        ServerBuilder::new(self, Some(id), name)
    }

    /// A server to be started that finds an id for itself, for networks that
    /// know no ids.
    pub fn server_without_id(&self, name: &str) -> ServerBuilder<'_> {
        ServerBuilder::new(self, None, name)
    }

    /// A client of the server at `address`, to be started.
    pub fn client(&self, id: u32, name: &str, server: SocketAddr) -> ClientBuilder<'_> {
        ClientBuilder::new(self, id, name, server)
    }

    /// What it starts.
    #[must_use]
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// Where the logs are.
    #[must_use]
    pub fn logs(&self) -> &LogDir {
        &self.logs
    }
}
