//! The real client, as a process, against a server that follows a script.

#![expect(clippy::unwrap_used, reason = "this is a test")]

mod channels;
mod events;
mod leaving;
mod lines;
mod options;
mod rig;
mod terminal;
