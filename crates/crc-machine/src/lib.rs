//! The sans-IO kit of the workspace: what a protocol needs to be a state machine
//! with one door, and what a driver needs to run it.
//!
//! ```text
//!              Event: LinkUp, Bytes, LinkDown, DialFailed, Command, Tick
//!   driver ------------------------------------------------------------> machine
//!     ^                                                                    |
//!     +--------------------------------------------------------------------+
//!              Effect: Send, Bound, Close, Dial, Notice, Stop  (an Outbox)
//! ```
//!
//! A [`Machine`] takes one [`Event`] at a time and appends what it wants done to an
//! [`Outbox`]. The crate `crc-net` drives any machine with sockets; the crate
//! `crc-netem` drives many of them on a virtual clock. Neither knows what the
//! machine says.
//!
//! This machine sends every byte back to where it came from:
//!
//! ```
//! use crc_machine::{Effect, Endpoints, Event, LinkId, ListenerId, Machine, Origin, Outbox, Timestamp};
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
//! The kit also has what such machines share: [`Timers`], a bounded [`SendQueue`],
//! a [`LinkTable`], a [`RateLimiter`], a [`Backoff`] for dials, seeded [`Random`]
//! numbers, and [`Escaped`] text. It has no clock, socket, thread or file, and knows
//! no protocol.

#![forbid(unsafe_code)]

mod backoff;
mod escaped;
mod link;
mod link_table;
mod machine;
mod outbox;
mod random;
mod rate_limit;
mod send_queue;
mod time;
mod timers;

pub use backoff::Backoff;
pub use escaped::{Escaped, is_printable};
pub use link::{
    AddressError, DialError, DialId, Endpoints, LinkDown, LinkId, ListenerId, Origin, PeerAddress,
};
pub use link_table::LinkTable;
pub use machine::{ByteRange, CloseWhen, Effect, Event, Machine};
pub use outbox::Outbox;
pub use random::Random;
pub use rate_limit::RateLimiter;
pub use send_queue::{OverBound, SendQueue, Unsent};
pub use time::Timestamp;
pub use timers::Timers;
