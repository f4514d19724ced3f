//! A virtual TCP and a virtual clock for any number of [`crc_machine::Machine`]s:
//! no socket, no thread, no clock, every run repeatable from its seed.
//!
//! ```text
//!   machine --- Effect: Send, Bound, Close, Dial, Stop --> TimedNet or SteppedNet
//!      ^                                                        |
//!      +--- Event: LinkUp, Bytes, LinkDown, DialFailed, Tick ---+
//! ```
//!
//! The crate moves bytes and reads none of them. The caller owns the machines: it
//! takes the next event from the network, gives it to the machine of that host, and
//! gives the machine's effects back to the network. So machines of different types
//! can share a network, and the caller can look at everything on its way.
//!
//! # One TCP
//!
//! A [`Connection`] has two [`End`]s and two [`Stream`]s. It keeps what TCP keeps:
//! each stream arrives in order, without loss or copies, in any segments; a full
//! window holds the writer up, and what waits behind it is bounded by the
//! [`SendQueue`](crc_machine::SendQueue) of its end. It fails as TCP fails: a reset
//! loses the tail of a stream, a dead path is silent, and the two ends learn of
//! either at different times. It is driven as `crc-net` drives sockets: a closed link
//! flushes and lingers, every `LinkUp` is followed by exactly one `LinkDown`, and what
//! was not written returns to the machine with it.
//!
//! # Two schedulers
//!
//! Both decide only *when* an end learns of something, and what TCP loses on the way.
//!
//! | | order of events | time | an end that closes at once |
//! |---|---|---|---|
//! | [`TimedNet`] | by a [`Calendar`]: latency, stalls, frozen hosts and partitions delay each event | passes between events | leaves what is in flight to its peer, as a kernel does |
//! | [`SteppedNet`] | chosen by the caller, event by event, among those that are possible | passes only when the caller says so | loses all that is in flight at both ends |
//!
//! Use [`TimedNet`] to simulate a network over minutes of virtual time. Use
//! [`SteppedNet`] where a test or a fuzzer chooses the interleaving: with no latency and
//! no window of its own, every byte stays in its sender's queue until it is read, so that
//! a few choices reach every state.
//!
//! Both were needed because a fuzzer's input *is* the list of choices. A calendar
//! would hide them behind times, and inputs that were found would lose their meaning.
//!
//! # Example
//!
//! ```
//! use crc_machine::{Effect, Endpoints, Event, LinkId, Machine, Outbox, PeerAddress, Timestamp, DialId};
//! use crc_netem::{Conditions, HostOptions, Step, TimedNet};
//!
//! /// Sends a greeting on every link, and counts the bytes that arrive.
//! #[derive(Default)]
//! struct Greeter { read: usize }
//!
//! impl Machine for Greeter {
//!     type Command = PeerAddress;
//!     type Notice = ();
//!
//!     fn handle(&mut self, _: Timestamp, event: Event<'_, PeerAddress>, out: &mut Outbox<()>) {
//!         match event {
//!             Event::Command(peer) => out.dial(DialId(1), peer),
//!             Event::LinkUp { link, .. } => out.send(link, b"hello"),
//!             Event::Bytes { bytes, .. } => self.read += bytes.len(),
//!             _ => {}
//!         }
//!     }
//!
//!     fn deadline(&self) -> Option<Timestamp> {
//!         None
//!     }
//! }
//!
//! let mut net: TimedNet<()> = TimedNet::new(7, Conditions::default());
//! let addresses = ["10.0.0.1:1", "10.0.0.2:1"].map(|address| address.parse().unwrap());
//! for address in addresses {
//!     let host = net.add_host(HostOptions::new(address));
//!     net.start(host);
//! }
//! let mut machines = [Greeter::default(), Greeter::default()];
//! let mut out = Outbox::new();
//! machines[0].handle(net.now(), Event::Command(addresses[1].into()), &mut out);
//! let mut host = 0;
//! loop {
//!     for effect in out.take_effects() {
//!         net.apply(host, &effect, &out);
//!     }
//!     out.reset();
//!     match net.poll(Timestamp::from_micros(1_000_000)) {
//!         Some(Step::Link { host: to, event, .. }) => {
//!             host = to;
//!             machines[host].handle(net.clock(host), event.as_event(), &mut out);
//!         }
//!         Some(_) => {}
//!         None => break,
//!     }
//! }
//! assert_eq!(machines.map(|machine| machine.read), [5, 5]);
//! ```

#![forbid(unsafe_code)]

mod calendar;
mod connection;
mod draw;
mod event;
mod link_slots;
mod stepped;
mod timed;

pub use calendar::Calendar;
pub use connection::{Connection, End, Phase, Side, Stream};
pub use draw::{Draw, mix};
pub use event::LinkEvent;
pub use link_slots::LinkSlots;
pub use stepped::{Possible, StepEvent, SteppedNet};
pub use timed::{
    Conditions, Dialing, Failure, Host, HostOptions, Life, Partition, Progress, Step, TimedNet,
};
