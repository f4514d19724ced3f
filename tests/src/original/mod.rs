//! Nodes that behave as the original ones do, and forgive as little.
//!
//! Written from what is known of five original servers and the client, not from
//! their code. They put no partial reads together, never answer a connection
//! that was lost, and die of what they can't take. Here death is noted with its
//! cause, and every look at the node asks for it: a test fails with the reason.

mod client;
mod reads;
mod server;

pub use client::{ClientMind, OriginalClient, Who};
pub use reads::ReadLog;
pub use server::{LastHop, OriginalServer, Profile, ServerMind, StatusSeen};
