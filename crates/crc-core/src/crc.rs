//! The binary protocol: its sessions, what it receives, and how it tells the
//! neighbours.

pub(crate) mod announce;
mod burst;
pub(crate) mod channel;
pub(crate) mod encoding;
mod handshake;
mod introduction;
mod keepalive;
pub(crate) mod pacing;
mod receive;
mod registration;
mod send;
pub(crate) mod session;
