//! The sans-IO parts that every protocol machine of this workspace shares.
//!
//! ```text
//!              Event: LinkUp, Bytes, LinkDown, DialFailed, Command, Tick
//!   driver ------------------------------------------------------------> machine
//!     ^                                                                    |
//!     +--------------------------------------------------------------------+
//!              Effect: Send, Bound, Close, Dial, Notice, Stop  (an Outbox)
//! ```
//!
//! A [`Machine`] handles one [`Event`] at a time and appends [`Effect`]s to an [`Outbox`]. A driver
//! turns sockets or a simulation into events, and executes the effects. The crate `crc-net` is a
//! driver with TCP sockets. No driver knows the protocol of its machine.
//!
//! This machine echoes all bytes:
//!
//! ```
//! use crc_machine::{Effect, Event, LinkId, Machine, Outbox, Timestamp};
//!
//! struct Echo;
//!
//! impl Machine for Echo {
//!     type Command = ();
//!     type Notice = ();
//!
//!     fn handle(&mut self, _now: Timestamp, event: Event<'_, ()>, out: &mut Outbox<()>) {
//!         if let Event::Bytes { link, bytes } = event {
//!             out.send(link, bytes);
//!         }
//!     }
//!
//!     fn deadline(&self) -> Option<Timestamp> {
//!         None
//!     }
//! }
//!
//! let (mut echo, mut out) = (Echo, Outbox::new());
//! let link = LinkId::new(0, 0);
//! echo.handle(Timestamp::START, Event::Bytes { link, bytes: b"hello" }, &mut out);
//! let Effect::Send { range, .. } = out.effects()[0] else { panic!() };
//! assert_eq!(out.bytes(range), b"hello");
//! ```
//!
//! # What it contains
//!
//! | item | purpose |
//! |---|---|
//! | [`Machine`], [`Event`], [`Effect`], [`Outbox`] | the interface between machine and driver |
//! | [`LinkId`], [`DialId`], [`ListenerId`] | ids of connections, connection attempts and listeners |
//! | [`Timestamp`], [`Timers`] | time as a number, and timers |
//! | [`LinkTable`] | a table of links with a fixed iteration order |
//! | [`SendQueue`] | a bounded queue of bytes, which returns unsent frames |
//! | [`RateLimiter`], [`Backoff`], [`Random`] | token bucket, dial backoff, seeded random numbers |
//! | [`Escaped`] | foreign text for terminals and logs |
//!
//! # Guarantees
//!
//! - The crate has no clock, socket, thread, file or global state, and no unsafe code. Iteration
//!   orders are fixed. So a machine that is built from it is deterministic.
//! - A driver sends exactly one [`Event::LinkDown`] for each [`Event::LinkUp`], and never reuses
//!   a [`LinkId`].
//! - A relayed frame costs at most one copy and, once the outbox has grown, no allocation.
//!
//! # Limits
//!
//! - Links are reliable byte streams such as TCP. There is no support for datagrams.
//! - An outbox holds at most 1 GiB between two clears.

#![forbid(unsafe_code)]

mod backoff;
mod effect;
mod escaped;
mod link;
mod link_table;
mod machine;
mod outbox;
mod random;
mod rate_limit;
mod security;
mod send_queue;
mod time;
mod timers;

pub use backoff::Backoff;
pub use effect::{ByteRange, CloseWhen, Effect};
pub use escaped::{Escaped, is_printable};
pub use link::{
    AddressError, DialError, DialId, Endpoints, LinkDown, LinkId, ListenerId, Origin, PeerAddress,
    place_of, split_host_port,
};
pub use link_table::LinkTable;
pub use machine::{Event, Machine};
pub use outbox::{Outbox, OutboxMark};
pub use random::Random;
pub use rate_limit::RateLimiter;
pub use security::{
    EXPORTER_LABEL, Fingerprint, FingerprintError, Security, TlsFailure, Transport,
};
pub use send_queue::{OverBound, QueueReport, SendQueue, Unsent};
pub use time::Timestamp;
pub use timers::Timers;

/// Runs the README's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
