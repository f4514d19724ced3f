//! A network of relay chat nodes in one process: the real machines, a virtual clock, and
//! all the faults that TCP can show.
//!
//! A run depends on its seed only. First there are faults, then none. When the network is
//! at rest, every [`Invariant`] is checked; what can be checked earlier is checked earlier.
//!
//! The [`crc_netem`] crate moves the bytes. The world runs the machines; a monitor sees
//! all that is sent; the rest checks compare the state of the machines with the network. The
//! last two only read the network.
//!
//! ```
//! use crc_sim::{Settings, run_seed};
//!
//! let settings = Settings { servers: 3..=4, ..Settings::default() };
//! let outcome = run_seed(1, &settings);
//! assert_eq!(outcome.violations, []);
//! assert_eq!(run_seed(1, &settings).trace_hash, outcome.trace_hash);
//! ```
//!
//! There is no thread, no socket and no clock in a run; [`campaign`] runs many seeds on
//! several threads.

#![forbid(unsafe_code)]

mod campaign;
mod channel_acts;
mod event;
mod faults;
mod foreign;
mod hostile;
mod invariant;
mod judge;
mod monitor;
mod network;
mod node;
mod operators;
mod options;
mod people;
mod plan;
mod rendezvous;
mod report;
mod rest_checks;
mod run;
mod secrets;
mod topology;
mod trace;
mod world;

pub use campaign::{campaign, shrink};
pub use hostile::HostileOptions;
pub use invariant::{Invariant, Violation};
pub use options::{Fault, Options, Settings, Shape};
pub use report::{Counts, Outcome, Report};
pub use run::{options, run_seed, steps};
