//! The messages of the rendezvous: encoders, and decoders that accept a stream in any
//! pieces.
//!
//! Each kind of stream has a decoder: from a peer to the directory
//! ([`RegistrationDecoder`]), from the directory to a peer ([`UpdateDecoder`]), and
//! between peers ([`ChatDecoder`]).
//!
//! Encoded messages end with a newline. Decoded messages need not, since v1 nodes write
//! nothing between messages. A message is complete when
//!
//! - a byte follows that cannot belong to it: a newline, or the beginning of the next
//!   message; or no further byte could belong to it;
//! - or no further byte has arrived for [`MESSAGE_TIMEOUT`]. The caller asks the decoder
//!   with `needs_pause` whether a pause has a meaning, and reports one with `pause`.
//!
//! A message that a pause has ended may be corrected: `127.0.0.1:80`, a pause and `80`
//! give `127.0.0.1:80` first and `127.0.0.1:8080` then. So the final result depends
//! neither on how the stream was cut nor on when its pieces arrived.

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

/// After this time without a byte, the message at the end of a stream counts as
/// complete. 100 ms.
pub const MESSAGE_TIMEOUT: Duration = Duration::from_millis(100);

/// A stream is invalid from here on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// A registration is not an address.
    #[error("not an address; expected for example 192.0.2.1:33400 or [2001:db8::1]:33400")]
    InvalidAddress,
    /// A registration is longer than an address.
    #[error("bytes after the address")]
    TrailingBytes,
    /// A directory's message is neither a list nor a teardown.
    #[error("neither a list of addresses nor a teardown")]
    InvalidUpdate,
    /// A directory's address has no list before it.
    #[error("an address before the first list")]
    AddressOutsideList,
    /// A directory's list exceeds the limit.
    #[error("a list of more than {max} addresses")]
    ListTooLong {
        /// The limit.
        max: usize,
    },
    /// A peer's first message is not a greeting.
    #[error("not a greeting; expected for example Hello from:192.0.2.1:33400")]
    InvalidHello,
    /// A peer's line exceeds the limit.
    #[error("a line of more than {max} bytes")]
    TextTooLong {
        /// The limit.
        max: usize,
    },
    /// A peer's line is not UTF-8.
    #[error("a line that is not UTF-8")]
    NotUtf8,
}
