//! The bodies of the fuzz targets.
//!
//! A target is a function of bytes that panics when an invariant does not hold. The bytes
//! are frames or lines for the targets of the wire formats. For all others they are
//! choices: what happens next, in which order, in which segments. When they run out, the
//! scenario ends, and the final checks run. The fuzzer outside the workspace (`fuzz/`)
//! calls these functions, and so does `cargo test` with the corpus. See `docs/FUZZING.md`.
//!
//! There is no fuzzer, socket, clock or thread here; only [`corpus`] uses files.

#![forbid(unsafe_code)]

mod ban;
mod choices;
mod client;
mod config;
pub mod corpus;
mod frames;
mod hostile;
mod invariants;
mod lines;
mod net;
mod network;
mod peers;
mod proxy_header;
pub mod seeds;
mod server;
mod text_lines;

pub use ban::ban;
pub use client::client;
pub use config::config;
pub use crc_wire::fuzz::{decoder, round_trip};
pub use hostile::{
    client as hostile_client, liar as hostile_liar, unregistered as hostile_unregistered,
    uplink as hostile_uplink, v1_server as hostile_v1_server, v2_server as hostile_v2_server,
};
pub use irc_wire::fuzz::{decoder as irc_decoder, message as irc_message};
pub use lines::lines;
pub use network::network;
pub use proxy_header::proxy_header;
pub use server::server;

/// A fuzz target: a body with a name.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name: that of its corpus, of its binary in `fuzz/`, and of its function.
    pub name: &'static str,
    /// Runs an input. The result is a hash over all effects of its machines; 0 without
    /// machines.
    pub body: fn(&[u8]) -> u64,
    /// The longest useful input.
    pub input_bytes_max: usize,
}

/// All targets.
pub const TARGETS: [Target; 17] = [
    target(
        "decoder",
        |input| without_machines(decoder, input),
        crc_wire::fuzz::STREAM_BYTES_MAX + 1,
    ),
    target(
        "round_trip",
        |input| without_machines(round_trip, input),
        256,
    ),
    target(
        "irc_decoder",
        |input| without_machines(irc_decoder, input),
        irc_wire::fuzz::STREAM_BYTES_MAX + 1,
    ),
    target(
        "irc_message",
        |input| without_machines(irc_message, input),
        256,
    ),
    target("config", |input| without_machines(config, input), 512),
    target(
        "proxy_header",
        |input| without_machines(proxy_header, input),
        600,
    ),
    target("ban", |input| without_machines(ban, input), 256),
    target("server", server, 256),
    target("lines", lines, 256),
    target("client", client, 256),
    target("network", network, 128),
    target("hostile_unregistered", hostile_unregistered, 128),
    target("hostile_client", hostile_client, 128),
    target("hostile_v2_server", hostile_v2_server, 128),
    target("hostile_v1_server", hostile_v1_server, 128),
    target("hostile_liar", hostile_liar, 128),
    target("hostile_uplink", hostile_uplink, 128),
];

fn without_machines(body: fn(&[u8]), input: &[u8]) -> u64 {
    body(input);
    0
}

const fn target(name: &'static str, body: fn(&[u8]) -> u64, input_bytes_max: usize) -> Target {
    Target {
        name,
        body,
        input_bytes_max,
    }
}
