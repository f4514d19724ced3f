//! The messages of Internet Relay Chat (IRC): a zero-copy parser and an infallible
//! encoder.
//!
//! Clients and servers of IRC send each other lines of text. This crate turns such
//! bytes into [`Message`]s and back, by the grammar of RFC 1459 and RFC 2812 and
//! with the message tags of IRCv3. It does no input or output.
//!
//! ```text
//! @time=12:00 :ann!a@reef.example PRIVMSG #reef :Hi all
//!  tags        prefix             command parameters
//! ```
//!
//! # Reading
//!
//! Reading has three layers, each usable alone:
//!
//! 1. [`Decoder`] finds the [`Line`]s of a stream that arrives in chunks. It stores
//!    only the incomplete line at the end of a chunk, and never more than the
//!    [`LineLimits`] allow. [`Lines`] iterates over the lines of a slice.
//! 2. [`Message::parse`] parses one line; everything borrows from the line. After a
//!    [`MessageError`] only this line is lost; the caller decides whether to read
//!    on.
//! 3. [`lists`], [`modes`] and [`mask`] parse parameters. [`legacy`] parses the
//!    messages of the legacy dialect.
//!
//! ```
//! use irc_wire::{Decoder, LineLimits, Message, Verb};
//!
//! let mut decoder = Decoder::new();
//! let mut params = Vec::new();
//! // A message to a channel, in two chunks.
//! for mut chunk in [&b":ann!a@reef PRIVMSG #r"[..], &b"eef :Hi all\r\n"[..]] {
//!     while let Some(line) = decoder.next_line(&mut chunk, LineLimits::SERVER) {
//!         let message = Message::parse(line.whole()?)?;
//!         if message.command == Verb::Privmsg {
//!             params.extend(message.params.iter().map(<[u8]>::to_vec));
//!         }
//!     }
//! }
//! assert_eq!(params, [&b"#reef"[..], b"Hi all"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Writing
//!
//! Every message can be encoded: [`Params`] check each parameter when it is added.
//! The encoder writes a colon in front of the last parameter if it needs one, or
//! if the caller [asks for it](Message::trailing). An encoded message parses to an
//! equal message.
//!
//! ```
//! use irc_wire::{Message, ParamError, Prefix, Verb};
//!
//! let message = Message::new(Verb::Privmsg)
//!     .with_prefix(Prefix::from_parts("ann", "a", "reef")?)
//!     .param("#reef")?
//!     .param("Hi all")?;
//! assert_eq!(message.to_vec(), b":ann!a@reef PRIVMSG #reef :Hi all\r\n");
//!
//! let injected = Message::new(Verb::Privmsg).param("#reef")?.param("a\r\nQUIT");
//! assert_eq!(injected, Err(ParamError::ForbiddenByte(b'\r')));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Bytes and text
//!
//! IRC does not define the encoding of texts. So parameters are bytes, and a relay
//! can pass on a message that is not UTF-8 unchanged. [`text`] converts bytes into
//! text, with replacements or as Latin-1, and keeps what is valid of damaged UTF-8. The [`legacy`] dialect is UTF-8, and its
//! texts are `str`.
//!
//! # Line ends
//!
//! A line ends in CR LF, or in LF alone; the encoder writes CR LF. The decoder skips
//! empty lines. A line with a CR in another place, or with NUL, is no message: some
//! programs take such a CR for a line end, and the rest for a second message.
//!
//! # Guarantees
//!
//! - No input makes the parser or the decoder panic.
//! - The parser copies nothing. The decoder copies only lines that arrive in more
//!   than one chunk.
//! - The decoder stores no more bytes of a line than the limits allow.
//! - No parameter can end a line or become two parameters.
//! - Matching a mask takes time proportional to the product of both lengths at most.
//! - The crate has no unsafe code.
//!
//! # Limits
//!
//! This crate has no:
//!
//! - **Network rules.** A nick that is in use, an unknown channel, or a mode that the
//!   client may not change is no error of the grammar.
//! - **Policy.** The caller sets the greatest length of a line, the rules for names
//!   ([`NameRules`]) and the [`CaseMapping`], and decides whether to close a
//!   connection after a malformed line.
//! - **Meaning of tags and capabilities**, and no formatting codes in texts.
//! - **Input and output.** It does not read, write or wait.
//!
//! # Features
//!
//! Without default features the crate needs `alloc` but not `std`.
//!
//! | feature | what it adds |
//! |---|---|
//! | `std` (default) | the `std` features of the dependencies: a faster search for bytes; no API of its own |
//! | `fuzzing` | the bodies of the repository's fuzz targets; no API |
//! | `proptest` | the module `strategies`, for property tests; implies `std`, and needs Rust 1.88 |

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

/// Compiles and runs the example in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
