//! A network of relay chat nodes in one process: the real machines, a virtual
//! clock, and all the faults that TCP can show.
//!
//! A run follows from its seed alone, and has two phases: trouble, then calm.
//! When nothing moves any more, everything that was promised is judged (see
//! [`Invariant`]); what can be judged on the way is judged on the way.
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
//! There is no thread, no socket and no clock in a run; [`campaign`] runs many of
//! them side by side.

#![forbid(unsafe_code)]

mod births;
mod campaign;
mod channels;
mod chats;
mod faults;
mod invariant;
mod judge;
mod node;
mod notes;
mod options;
mod plan;
mod raw;
mod rendezvous;
mod report;
mod run;
mod trace;
mod watch;
mod world;

pub use campaign::{campaign, shrink};
pub use invariant::{Invariant, Violation};
pub use options::{Happening, Options, Settings, Shape};
pub use report::{Counts, Outcome, Report};
pub use run::{options, run_seed, steps};

#[cfg(feature = "planted")]
pub use crc_core::Planted as Bug;

/// A bug that can be planted; none without the feature `planted`.
#[cfg(not(feature = "planted"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {}
