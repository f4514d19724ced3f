//! The binary protocol (PROTOCOL): its sessions, the frames that it receives, and the
//! frames that it sends when the network changes.

pub(crate) mod announce;
pub(crate) mod auth;
pub(crate) mod burst;
pub(crate) mod channel;
pub(crate) mod clock;
pub(crate) mod encoding;
pub(crate) mod flush;
pub(crate) mod handshake;
pub(crate) mod introduction;
pub(crate) mod keepalive;
pub(crate) mod leave;
pub(crate) mod pacing;
mod people;
pub(crate) mod questions;
pub(crate) mod receive;
mod registration;
pub(crate) mod send;
pub(crate) mod server_list;
pub(crate) mod session;
pub(crate) mod uplink;
