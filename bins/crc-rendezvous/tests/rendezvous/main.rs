//! Real directories and peers, as processes; and what stands in for original ones.

#![expect(clippy::unwrap_used, reason = "this is a test")]

mod leaving;
mod mesh;
mod original;
mod rig;
mod terminal;
