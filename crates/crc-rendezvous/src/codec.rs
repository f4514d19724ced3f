//! The rendezvous' messages: how they are written, and how they are found in a
//! stream of bytes, however it was cut.
//!
//! There are three kinds of streams, and a decoder for each: what a peer says to
//! the directory ([`RegistrationDecoder`]), what the directory says to a peer
//! ([`UpdateDecoder`]), and what peers say to each other ([`ChatDecoder`]).
//!
//! All that we write ends with a newline. What we read need not: original nodes
//! put nothing between messages. A message is whole when
//!
//! - a byte follows that can't belong to it: a newline, or the beginning of the
//!   next message; or nothing that may follow could belong to it;
//! - or nothing more has come for a while ([`MESSAGE_TIMEOUT`]): whoever feeds a decoder
//!   asks it by `needs_pause` whether a pause would mean anything, and tells it of one
//!   by `pause`.
//!
//! A pause is a guess, and not the last word: `127.0.0.1:80`, a pause and `80` is
//! `127.0.0.1:80`, and then, corrected, `127.0.0.1:8080`. So what is known in the
//! end depends neither on where a stream was cut nor on when its pieces came.

mod chat;
mod encode;
mod grammar;
mod partial;
mod registration;
mod update;

use core::time::Duration;

pub use chat::{ChatDecoder, PeerMessage};
pub use encode::{write_hello, write_list, write_registration, write_teardown, write_text};
pub use registration::RegistrationDecoder;
pub use update::{Update, UpdateDecoder};

/// Nothing came for so long: what stands at the end of a stream is taken for
/// whole. 100 ms.
pub const MESSAGE_TIMEOUT: Duration = Duration::from_millis(100);

/// A stream that can't be understood from here on. The peer is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// A peer's first words to the directory.
    #[error(
        "what it said is no address: an address looks like 192.0.2.1:33400 or [2001:db8::1]:33400"
    )]
    InvalidAddress,
    /// A peer's further words to the directory.
    #[error("it said more than its address")]
    TrailingBytes,
    /// Words of a directory.
    #[error("what it said is neither a list of addresses nor a teardown")]
    InvalidUpdate,
    /// An address of a directory without a list.
    #[error("it gave an address before any list began")]
    AddressOutsideList,
    /// A list of a directory.
    #[error("it gave a list of more than {max} addresses")]
    ListTooLong {
        /// How many there may be.
        max: usize,
    },
    /// A peer's first words to another one.
    #[error("what it said is no greeting: a greeting looks like Hello from:192.0.2.1:33400")]
    InvalidHello,
    /// A line of a peer.
    #[error("it sent a line of more than {max} bytes")]
    TextTooLong {
        /// How many there may be.
        max: usize,
    },
    /// A line of a peer.
    #[error("it sent a line that is not UTF-8")]
    NotUtf8,
}
