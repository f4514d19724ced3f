//! What a connection costs a server in memory while its peer has not registered:
//! the growth by many of them, divided by their number.

use std::fmt;

use super::Control;
use crate::fixture::Fixture;
use crate::fixture::FixtureError;
use crate::fixture::Peer;
use crate::fixture::Server;
use crate::fixture::wait::{self, LONG};
use crate::fixture::wire;

/// The most that one may cost.
pub const BYTES_MAX: u64 = 8 * 1024;

/// What one connection costs, in bytes, by what was sent on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// How many connections were made for each.
    pub connections: u32,
    /// Nothing was sent.
    pub silent: u64,
    /// One byte was sent: there is a frame that is not whole.
    pub begun: u64,
    /// All of the largest registration but its last byte was sent, in one piece.
    pub whole: u64,
    /// The same in small pieces, so that what is kept has to grow.
    pub pieces: u64,
}

impl Report {
    /// Whether none costs more than it may.
    #[must_use]
    pub fn passed(&self) -> bool {
        let most = [self.silent, self.begun, self.whole, self.pieces];
        most.into_iter().all(|bytes| bytes <= BYTES_MAX)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "resident bytes for each of {} connections:",
            self.connections
        )?;
        writeln!(f, "  nothing was sent                 {:5}", self.silent)?;
        writeln!(f, "  a registration's first byte      {:5}", self.begun)?;
        writeln!(f, "  the largest one but a byte       {:5}", self.whole)?;
        write!(f, "  the same in pieces of 50 bytes   {:5}", self.pieces)
    }
}

/// Measures, each with a server of its own.
///
/// # Errors
///
/// [`FixtureError`] when something could not be measured.
pub fn run(fixture: &Fixture, connections: u32, control: &Control) -> Result<Report, FixtureError> {
    // Too long to be admitted, and not so long that it is refused unread.
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
    let before = resident().map_err(failed("the server's memory"))?;
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
        // What was sent has been read before the next piece comes: the page is
        // asked for later, and answered in a later turn of the server's loop.
        wait_strangers(&server, connections)?;
    }
    wait_strangers(&server, connections)?;
    // Nothing tells that the last piece was dealt with but that all is still.
    let still = || {
        let before = resident().ok();
        wait::stays(wait::TICK * 20, || resident().ok() == before)
    };
    wait::holds(LONG, still);
    let after = resident().map_err(failed("the server's memory"))?;
    wait_strangers(&server, connections)?;
    Ok(after.saturating_sub(before) / u64::from(connections.max(1)))
}

fn wait_strangers(server: &Server, count: u32) -> Result<(), FixtureError> {
    let wanted = usize::try_from(count).unwrap_or(usize::MAX);
    server.wait_state(|state| state.strangers == wanted)?;
    Ok(())
}
