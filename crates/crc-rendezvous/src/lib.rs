//! A rendezvous: a directory by which peers find each other, and the mesh that
//! they form. The wire is told in `docs/RENDEZVOUS.md` of the repository.
//!
//! Two machines, in the manner of [`crc_machine::Machine`]: a [`Directory`] keeps the
//! list of the peers that are connected to it, and a [`Peer`] has one connection
//! with every other peer on that list. A [`Member`] is the part of a peer that deals
//! with the directory, for other machines that look for others. The messages are in
//! [`codec`].
//!
//! There is no clock, socket, thread or file in this crate, and no randomness but
//! a seed.

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
