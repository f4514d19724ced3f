//! A rendezvous: a directory with which peers find each other, and the mesh that they
//! form. `docs/RENDEZVOUS.md` of the repository describes the protocol.
//!
//! Three machines implement [`crc_machine::Machine`]. A [`Directory`] keeps the list of
//! the peers that are connected to it. A [`Peer`] has one connection with every other
//! peer on that list. A [`Member`] is the part of a peer that registers with the
//! directory; other machines that use a directory own one too. The messages are in
//! [`codec`].
//!
//! This crate contains no clock, socket, thread or file, and no randomness but a seed.

#![forbid(unsafe_code)]

pub mod codec;
mod directory;
mod member;
mod peer;

pub use codec::{
    ChatDecoder, CodecError, MESSAGE_TIMEOUT, PeerMessage, RegistrationDecoder, Update,
    UpdateDecoder, write_hello, write_list, write_registration, write_teardown, write_text,
};
pub use directory::{
    Directory, DirectoryCommand, DirectoryConfig, DirectoryLimits, DirectoryNotice, LeaveReason,
    Refusal,
};
pub use member::{DirectoryError, Member, MemberCommand, MemberConfig, MemberNotice};
pub use peer::{
    LostReason, Peer, PeerCommand, PeerConfig, PeerLimits, PeerNotice, Rejection, SendError, When,
};

/// Runs the README's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
