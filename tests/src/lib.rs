//! End-to-end tests: real servers and clients as processes, and scenario files
//! that run on them.
//!
//! - [`fixture`]: starts, watches and stops processes, and plays the peers that
//!   are not under test.
//! - [`scenario`]: reads a scenario file, plays it and compares what every
//!   server and client knows in the end with what the file expects.
//! - [`soak`]: long runs with random faults.
//!
//! Nothing here uses the crates under test. [`fixture::model`] computes a second
//! time what a network must know, and [`fixture::wire`] is a second codec: an
//! error in the crates cannot hide behind the same error here.
//!
//! ```no_run
//! use crc_e2e::fixture::{Fixture, FixtureError};
//!
//! let fixture = Fixture::new()?;
//! let lantern = fixture.server(1, "lantern").start()?;
//! let quay = fixture.server(2, "quay").uplink(lantern.address()).start()?;
//! let wren = fixture.client(101, "wren", quay.address()).start()?;
//! wren.wait_welcome()?;
//! lantern.wait_state(|state| state.host_ids() == [2, 101])?;
//! # Ok::<(), FixtureError>(())
//! ```

#![forbid(unsafe_code)]

pub mod fixture;
pub mod scenario;
pub mod soak;
