//! The memory that a server uses for a connection that has not registered: the
//! growth by many such connections, divided by their number.

use std::fmt;

use super::Control;
use crate::fixture::wait::{self, LONG};
use crate::fixture::{Fixture, FixtureError, Peer, Server, wire};

/// The limit for one connection.
pub const BYTES_MAX: u64 = 8 * 1024;

/// The memory of one connection in bytes, by what its peer has sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// The number of connections in each measurement.
    pub connections: u32,
    /// Nothing.
    pub silent: u64,
    /// One byte, the start of a frame.
    pub begun: u64,
    /// The largest registration without its last byte, in one piece.
    pub whole: u64,
    /// The same in small pieces, so that the read buffer has to grow.
    pub pieces: u64,
}

impl Report {
    /// Whether all are within the limit.
    #[must_use]
    pub fn passed(&self) -> bool {
        let costs = [self.silent, self.begun, self.whole, self.pieces];
        costs.into_iter().all(|bytes| bytes <= BYTES_MAX)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "resident bytes for each of {} connections, by what the peer has sent:",
            self.connections
        )?;
        writeln!(
            f,
            "  nothing                              {:5}",
            self.silent
        )?;
        writeln!(f, "  the first byte of a registration     {:5}", self.begun)?;
        writeln!(
            f,
            "  the largest one without its last byte {:4}",
            self.whole
        )?;
        write!(
            f,
            "  the same in pieces of 50 bytes       {:5}",
            self.pieces
        )
    }
}

/// Measures each with a new server.
///
/// # Errors
///
/// [`FixtureError`] when a measurement fails.
pub fn run(fixture: &Fixture, connections: u32, control: &Control) -> Result<Report, FixtureError> {
    // Above the length that a server accepts, below the length that it refuses unread.
    let mut largest = wire::client_registration(1, 0, &"n".repeat(255), &"i".repeat(769));
    largest.pop();
    let cost = |bytes: &[u8], piece: usize| {
        control.progress.show("measuring");
        let cost = cost_of_one(fixture, connections, bytes, piece, control);
        control.progress.clear();
        cost
    };
    Ok(Report {
        connections,
        silent: cost(&[], 1)?,
        begun: cost(&largest[..1], 1)?,
        whole: cost(&largest, largest.len())?,
        pieces: cost(&largest, 50)?,
    })
}

fn cost_of_one(
    fixture: &Fixture,
    connections: u32,
    bytes: &[u8],
    piece: usize,
    control: &Control,
) -> Result<u64, FixtureError> {
    let server = fixture
        .server(1, "target")
        .arg("--register-within=600")
        .start()?;
    let failed = |what: &str| {
        let what = what.to_owned();
        move |source| FixtureError::Socket { what, source }
    };
    let resident = || {
        let usage = server.process().usage();
        usage.map(|usage| usage.resident_bytes)
    };
    let before = resident().map_err(failed("memory of the server"))?;
    let mut peers = Vec::new();
    for _ in 0..connections {
        control.check()?;
        let peer = Peer::connect(server.address());
        peers.push(peer.map_err(failed("a connection"))?);
    }
    for piece in bytes.chunks(piece.max(1)) {
        for peer in &mut peers {
            peer.send(piece).map_err(failed("a connection"))?;
        }
        // The server has read this piece before the next one arrives: it answers the
        // page in a later turn of its loop.
        wait_unregistered(&server, connections)?;
    }
    wait_unregistered(&server, connections)?;
    // The only sign that the server has handled the last piece is constant memory.
    let constant = || {
        let before = resident().ok();
        wait::stays(wait::TICK * 20, || resident().ok() == before)
    };
    wait::holds(LONG, constant);
    let after = resident().map_err(failed("memory of the server"))?;
    wait_unregistered(&server, connections)?;
    Ok(after.saturating_sub(before) / u64::from(connections.max(1)))
}

fn wait_unregistered(server: &Server, count: u32) -> Result<(), FixtureError> {
    let wanted = usize::try_from(count).unwrap_or(usize::MAX);
    server.wait_state(|state| state.unregistered_links == wanted)?;
    Ok(())
}
