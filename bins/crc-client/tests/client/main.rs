//! The real client, as a process, against a server that follows a script.

#![expect(clippy::unwrap_used, reason = "this is a test")]

mod batch;
mod channels;
mod config;
mod events;
mod fixture;
mod one_shot;
mod options;
mod plain;
mod quit;
mod requests;
mod terminal;
