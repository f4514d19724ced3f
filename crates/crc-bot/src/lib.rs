//! Bots for a [CRC](https://github.com/clemson-relay-chat/crc) relay chat network.
//!
//! A bot that repeats what is said in a channel, the whole program:
//!
//! ```no_run
//! use crc_bot::{Bot, Error, Event};
//!
//! fn main() -> Result<(), Error> {
//!     let bot = Bot::builder("echo")
//!         .server("localhost:33300")
//!         .join("#reef")
//!         .connect()?;
//!     for event in &bot {
//!         if let Event::Message(message) = event? {
//!             bot.reply(&message, &message.text)?;
//!         }
//!     }
//!     bot.close()
//! }
//! ```
//!
//! # Connecting
//!
//! [`Bot::builder`] has the settings: servers, TLS, a password, channels, limits.
//! [`connect`](Builder::connect) waits until a server has accepted the bot, and fails when none does.
//! [`start`](Builder::start) does not wait, for programs that start before their server, and for
//! asynchronous code. From then on the bot connects again by itself, with growing pauses, and enters
//! its channels again. [`Event::Disconnected`] and [`Event::Connected`] tell the program, which need
//! not do anything. A bot that a server refuses, or that an operator removes, ends with an error:
//! [`Error::fault`] says whose fault it is.
//!
//! # Events
//!
//! [`Bot::events`] is an iterator that waits for the next event; `for event in &bot` is the same.
//! [`Bot::next_timeout`] waits for a limited time, and [`Bot::set_timer`] has an event happen later.
//! With the feature `tokio`, `Bot::stream` is a `futures_core::Stream`, for tokio and any other
//! runtime; the library uses none itself.
//!
//! **The queue of events is bounded.** While the program takes no events, they wait, up to
//! [256 KiB](Builder::event_bytes_max). Then the oldest ones are dropped, and the next event is
//! [`Event::Lagged`] with their number. The connection is always read, so a slow program does not
//! lose it. Timers are never dropped.
//!
//! # Messages, notices and loops
//!
//! Two programs that answer each message with a message talk for ever. So there are two kinds of
//! text, as in IRC: a [`Message`] may be answered, a [`Notice`] is not. [`Bot::reply`] answers with
//! a notice, and takes only a message. Two bots that answer by `reply` alone stop after one answer
//! each. [`Bot::say`] sends a message: use it to begin, and not to answer, unless you know that no
//! other program answers.
//!
//! # Channels that do not want the bot
//!
//! A bot that was kicked ([`Event::Exited`]), or that a channel does not let in
//! ([`Event::JoinRefused`]), does not try again by itself. The program may, best after a while:
//!
//! ```no_run
//! # use std::{collections::HashMap, time::Duration};
//! # use crc_bot::{Bot, Error, Event};
//! # fn main() -> Result<(), Error> {
//! # let bot = Bot::builder("tide").join("#reef").connect()?;
//! let mut waiting = HashMap::new();
//! for event in &bot {
//!     match event? {
//!         Event::Exited { channel, by: Some(_), .. } | Event::JoinRefused { channel, .. } => {
//!             waiting.insert(bot.set_timer(Duration::from_secs(600))?, channel);
//!         }
//!         Event::Timer(timer) => {
//!             if let Some(channel) = waiting.remove(&timer) {
//!                 bot.join(channel)?;
//!             }
//!         }
//!         Event::Invited { channel, .. } => bot.join(channel)?,
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What is sent
//!
//! [`say`](Bot::say) and the others hand their text to the thread of the connection. It waits there
//! until the bot is connected and its [rate](Builder::messages_per_second) permits. So a message
//! that is said while the server restarts is sent when the bot is connected again. When 16 KiB
//! wait, `say` itself waits. A text of several lines becomes several messages, and so does a line of
//! more than [400 bytes](Builder::message_bytes_max), which is split between words. What cannot be
//! sent is reported by [`Event::NotSent`].
//!
//! # The end
//!
//! [`Bot::close`] sends what waits, quits, and says whether all went well. Dropping a bot does the
//! same without the result. [`Bot::quit`] begins that and returns at once. The library does nothing
//! about Ctrl-C unless [`close_on_signals`](Builder::close_on_signals) asks for it: then the bot
//! ends gracefully, and with it the iterator.
//!
//! # Threads
//!
//! A bot has one thread, which ends with it. [`Bot`] is `Sync`: threads may share it.
//!
//! ```no_run
//! # use crc_bot::{Bot, Error};
//! # fn main() -> Result<(), Error> {
//! let bot = Bot::builder("clock").join("#reef").connect()?;
//! std::thread::scope(|scope| {
//!     scope.spawn(|| bot.say("#reef", "tick"));
//!     scope.spawn(|| bot.say("#reef", "tock"));
//! });
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod bot;
mod builder;
mod error;
mod event;
mod machine;
mod mailbox;
mod pace;
mod request;
mod split;
#[cfg(feature = "tokio")]
mod stream;
mod translate;
mod worker;

pub use crc_core::client::{
    ChannelRank, ClientSendError, DialError, DisconnectReason, ListRest, ListedChannel,
    ResolveError, TlsFailure, UserInfo,
};
pub use crc_wire::{ChannelField, HostId, StatusCode};

pub use bot::{Bot, Events};
pub use builder::Builder;
pub use error::{Error, Fault};
pub use event::{Event, Member, Message, NotSent, Notice, Timer, User};
pub use request::Target;
#[cfg(feature = "tokio")]
pub use stream::EventStream;

/// Compiles the README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
