//! Where the ports of a scenario really are.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use crate::fixture::FixtureError;

/// The ports that a scenario has spoken of.
#[derive(Debug)]
pub(super) struct Ports {
    /// Whether they are the real ones.
    fixed: bool,
    known: BTreeMap<u16, SocketAddr>,
}

impl Ports {
    pub(super) fn new(fixed: bool) -> Ports {
        Ports {
            fixed,
            known: BTreeMap::new(),
        }
    }

    /// Where `port` is. One that nobody has been launched on is a free port,
    /// kept for whoever comes.
    pub(super) fn address_of(&mut self, port: u16) -> Result<SocketAddr, FixtureError> {
        if let Some(&address) = self.known.get(&port) {
            return Ok(address);
        }
        let address = if self.fixed {
            SocketAddr::from((Ipv4Addr::LOCALHOST, port))
        } else {
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
                .and_then(|listener| listener.local_addr())
                .map_err(|source| FixtureError::Socket {
                    what: "a free port".to_owned(),
                    source,
                })?
        };
        self.known.insert(port, address);
        Ok(address)
    }

    /// Where somebody who is launched on `port` has to listen: known if ports
    /// are fixed, or it was spoken of before.
    pub(super) fn needed(&mut self, port: u16) -> Result<Option<SocketAddr>, FixtureError> {
        match self.known.get(&port) {
            Some(&address) => Ok(Some(address)),
            None if self.fixed => self.address_of(port).map(Some),
            None => Ok(None),
        }
    }

    /// That `port` is there.
    pub(super) fn set(&mut self, port: u16, address: SocketAddr) {
        self.known.insert(port, address);
    }
}
