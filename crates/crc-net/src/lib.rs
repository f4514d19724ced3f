//! Drives a [`Machine`](crc_machine::Machine) with sockets: one thread, one
//! selector, nothing that blocks.
//!
//! A [`Driver`] waits, reads what came, hands it to its machine and carries out
//! what the machine wants done. Everything with a system call in it is here;
//! everything that knows what the bytes mean is elsewhere. There is no message,
//! no host and no rule of the network in this crate, and no error of the system
//! leaves it but as a reason.
//!
//! What a driver promises:
//!
//! - One system call that writes per link and turn, however many messages it
//!   carries; none at all, and no wake-up, while nothing happens.
//! - Whoever reads slowly slows nobody down: what waits for it is bounded, and
//!   over the bound it is closed.
//! - Every `LinkUp` is answered by exactly one `LinkDown`.
//! - Within a turn closings come before registrations: who drops and comes back
//!   at once finds its place free.
//! - Out of descriptors it waits, growing pauses long, and never spins.
//!
//! Unix only, for the sake of signals and descriptors; developed on Linux.

#![deny(unsafe_code)]

#[cfg(not(unix))]
compile_error!("crc-net needs signals and descriptors as Unix has them");

mod batching;
mod clock;
mod command_sender;
mod config;
mod connection;
mod descriptors;
mod dialer;
mod driver;
mod error;
mod lines;
mod listener;
#[allow(unsafe_code)]
mod poll_source;
mod read_buffer;
mod selector;
mod send_lists;
mod signals;
mod sockets;
mod stats;
mod table;

pub use command_sender::{CommandSender, SendError};
pub use config::DriverConfig;
pub use driver::{Driver, Stopped};
pub use error::{DriverError, ListenError};
pub use lines::{LineEvent, read_lines};
pub use stats::{Counter, Stats};
