//! The messages of Internet Relay Chat (IRC): where each one ends, what it says, and
//! how it is written.
//!
//! Clients and servers of IRC send each other lines of text. This crate turns such
//! bytes into [`Message`]s and back, by the grammar of RFC 1459 and RFC 2812 and
//! with the message tags of IRCv3. It knows no connection and no network.
//!
//! ```text
//! @time=12:00 :ann!a@reef.example PRIVMSG #reef :Hi all
//!  tags        prefix             command parameters
//! ```
//!
//! # Reading
//!
//! Three steps, each of which can be had alone:
//!
//! 1. [`Decoder`] takes the pieces of a stream as they arrive, and hands out each
//!    [`Line`] where it lies. It keeps only the beginning of a line that is cut, and
//!    never more than the [`LineLimits`] allow.
//! 2. [`Message::parse`] tells what one line says; everything is borrowed. With a
//!    [`MessageError`] only this line is lost. Whether to go on is up to the
//!    caller.
//! 3. What parameters say is told by [`lists`], [`modes`], [`mask`], and for the
//!    cut-down dialect of small networks by [`legacy`].
//!
//! ```
//! use irc_wire::{Decoder, LineLimits, Message, Verb};
//!
//! let mut decoder = Decoder::new();
//! let mut heard = Vec::new();
//! // A message to a channel, in two pieces.
//! for mut piece in [&b":ann!a@reef PRIVMSG #r"[..], &b"eef :Hi all\r\n"[..]] {
//!     while let Some(line) = decoder.next_line(&mut piece, LineLimits::SERVER) {
//!         let message = Message::parse(line.whole()?)?;
//!         if message.command == Verb::Privmsg {
//!             heard.extend(message.params.iter().map(<[u8]>::to_vec));
//!         }
//!     }
//! }
//! assert_eq!(heard, [&b"#reef"[..], b"Hi all"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Writing
//!
//! What can be built can be written: parameters are checked when they are added,
//! and the colon in front of the last one is set where it is needed, or
//! [asked for](Message::trailing). What was parsed is written so that it is parsed
//! alike.
//!
//! ```
//! use irc_wire::{ParamError, Message, Prefix, Verb};
//!
//! let message = Message::new(Verb::Privmsg)
//!     .with_prefix(Prefix::from_parts("ann", "a", "reef")?)
//!     .param("#reef")?
//!     .param("Hi all")?;
//! assert_eq!(message.to_vec(), b":ann!a@reef PRIVMSG #reef :Hi all\r\n");
//!
//! let end = Message::new(Verb::Privmsg).param("#reef")?.param("a\r\nQUIT");
//! assert_eq!(end, Err(ParamError::ForbiddenByte(b'\r')));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Bytes and text
//!
//! IRC does not say how text is encoded. So parameters are bytes, and a message that
//! is not UTF-8 is read and passed on unharmed. [`text`] makes text of them: strictly,
//! with replacements, or as Latin-1 where it is no UTF-8. The [`legacy`] dialect is
//! UTF-8 throughout, and its texts are `str`.
//!
//! # Where a line ends
//!
//! In CR LF, or in LF alone; CR LF is written. Empty lines are skipped. A CR anywhere
//! else ends nothing, and a line that holds one is no message: some
//! would take it for a line's end, and what comes behind it for a message of
//! its own. NUL is refused as well.
//!
//! # What is not here
//!
//! - **Rules of the network.** A nick that is taken, a channel that nobody knows, a
//!   mode that may not be changed: none of this is an error of the wire.
//! - **Policy.** How long a line may be, how names may look ([`NameRules`]), which
//!   letters are the same ([`CaseMapping`]), and whether a connection survives a bad
//!   line is the caller's choice.
//! - **Meaning of tags and capabilities**, and formatting codes in texts.
//! - **Input and output.** Bytes are given and taken; nothing waits for anything.
//!
//! # Features
//!
//! Without default features the crate needs no `std`, only `alloc`.
//!
//! | feature | what it adds |
//! |---|---|
//! | `std` (default) | the `std` features of the dependencies: faster searching for bytes; no API of its own |
//! | `fuzzing` | what the fuzz targets of the repository call; no API |
//! | `proptest` | the module `strategies`, for property tests; implies `std` |

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod case;
mod command;
mod decoder;
mod emit;
mod fast_privmsg;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzz;
pub mod legacy;
mod line;
mod lines;
pub mod lists;
pub mod mask;
mod message;
pub mod modes;
mod names;
mod numeric;
mod parse;
#[cfg(feature = "proptest")]
pub mod strategies;
mod tags;
pub mod text;

pub use case::{CaseMapping, UnknownCaseMapping};
pub use command::{Command, CommandError, OtherCommand, UnknownVerb, Verb};
pub use decoder::Decoder;
pub use fast_privmsg::FastPrivmsg;
pub use line::{Line, LineLimits, LinePart, LineTooLong};
pub use lines::Lines;
pub use message::{Message, OwnedMessage, ParamError, Params, Prefix, PrefixError};
pub use modes::{ModeChange, ModeError, ModeTable, Sign};
pub use names::{NameError, NameRules, NickChars};
pub use numeric::{Numeric, NumericError};
pub use parse::MessageError;
pub use tags::{Tag, TagError, Tags, TagsBuf};

/// Keeps the example of the README true.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
