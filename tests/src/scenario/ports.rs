//! Maps the ports of a scenario file to real addresses.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use crate::fixture::{Fixture, FixtureError};

/// The ports that the scenario has used so far.
#[derive(Debug)]
pub(super) struct Ports<'a> {
    fixture: &'a Fixture,
    /// The ports of the file are the real ones.
    fixed: bool,
    known: BTreeMap<u16, SocketAddr>,
}

impl<'a> Ports<'a> {
    pub(super) fn new(fixture: &'a Fixture, fixed: bool) -> Ports<'a> {
        Ports {
            fixture,
            fixed,
            known: BTreeMap::new(),
        }
    }

    /// The address of `port`. It stays the same, whether a server listens there or not.
    pub(super) fn address_of(&mut self, port: u16) -> Result<SocketAddr, FixtureError> {
        if let Some(&address) = self.known.get(&port) {
            return Ok(address);
        }
        let address = if self.fixed {
            SocketAddr::from((Ipv4Addr::LOCALHOST, port))
        } else {
            self.fixture.reserve()?
        };
        self.known.insert(port, address);
        Ok(address)
    }
}
