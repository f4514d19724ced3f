//! Maps the ports of a scenario file to real addresses.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use crate::fixture::FixtureError;

/// The ports that the scenario has used so far.
#[derive(Debug)]
pub(super) struct Ports {
    /// The ports of the file are the real ones.
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

    /// The address of `port`. If no server has been launched on it, it gets a free
    /// port, which stays its address.
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

    /// The address that a server on `port` must listen on; `None` if the system may
    /// choose its port.
    pub(super) fn needed(&mut self, port: u16) -> Result<Option<SocketAddr>, FixtureError> {
        match self.known.get(&port) {
            Some(&address) => Ok(Some(address)),
            None if self.fixed => self.address_of(port).map(Some),
            None => Ok(None),
        }
    }

    /// Records the address of `port`.
    pub(super) fn set(&mut self, port: u16, address: SocketAddr) {
        self.known.insert(port, address);
    }
}
