//! Directories and peers as processes, and stand-ins for v1 nodes.

#![expect(clippy::unwrap_used, reason = "this is a test")]

mod fixture;
mod mesh;
mod quit;
mod terminal;
mod v1;
