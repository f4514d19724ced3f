//! Real servers and clients, started as processes, watched and stopped: the
//! rig of the end-to-end tests, and the scenarios that run on it.
//!
//! Two layers. The lower one is the [`Rig`]: where the binaries are, a
//! [`Server`] with its admin page, a [`Client`] with its events, and what
//! stands in for nodes that are not ours ([`peer`], [`tap`], [`original`]).
//! The upper one is [`scenario`]: files that say who is launched, who says what
//! to whom, and what everybody must know in the end; and [`soak`]: long runs
//! with faults at random, judged by rules.
//!
//! Nothing here uses the crates under test. What the network should know is
//! computed here a second time ([`expected`]), and the frames have a second,
//! plain codec ([`wire`]): a mistake there can't hide behind the same mistake
//! here.
//!
//! ```no_run
//! use crc_scenario::Rig;
//!
//! let rig = Rig::new()?;
//! let lantern = rig.server(1, "lantern").start()?;
//! let quay = rig.server(2, "quay").uplink(lantern.address()).start()?;
//! let wren = rig.client(101, "wren", quay.address()).start()?;
//! wren.wait_welcome()?;
//! lantern.wait_state(|state| state.host_ids() == [2, 101])?;
//! # Ok::<(), crc_scenario::RigError>(())
//! ```

#![forbid(unsafe_code)]

mod binaries;
mod client;
mod error;
pub mod expected;
mod http;
pub mod irc;
mod logs;
pub mod original;
pub mod output;
pub mod peer;
mod process;
mod rendezvous;
mod rig;
pub mod scenario;
mod server;
pub mod soak;
mod state;
pub mod tap;
mod usage;
pub mod wait;
pub mod wire;

pub use binaries::{Binaries, find_bench, find_rendezvous, find_sim};
pub use client::{Client, ClientBuilder, ClientView, Said};
pub use error::RigError;
pub use http::{Answer, get};
pub use logs::LogDir;
pub use process::Process;
pub use rendezvous::Rendezvous;
pub use rig::Rig;
pub use server::{Server, ServerBuilder};
pub use state::{Host, HostKind, IrcChannel, IrcState, Link, ServerState};
pub use usage::Usage;
