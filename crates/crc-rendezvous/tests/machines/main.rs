//! Directory and peer by themselves, event by event.

#![expect(clippy::unwrap_used, reason = "this is a test")]

mod directory;
mod fixture;
mod peer;
