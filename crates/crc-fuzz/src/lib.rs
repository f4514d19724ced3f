//! What must hold whatever happens: the bodies of the fuzz targets.
//!
//! Each target is a function of bytes that panics when something does not hold
//! that should. Bytes are frames or lines for the wires' targets, and for all others
//! choices: what happens next, in what order, cut where. When the bytes have run
//! out the scenario ends and is judged. The fuzzer outside the workspace
//! (`fuzz/`) only calls these; so does `cargo test`, with the corpus. See
//! `docs/FUZZING.md`.
//!
//! Nothing here knows the fuzzer, a socket, a clock or a thread; files are known
//! to [`corpus`] only.

#![forbid(unsafe_code)]

mod choices;
mod client;
pub mod corpus;
mod hostile;
mod line_speech;
mod lines;
mod net;
mod network;
mod peers;
mod promises;
pub mod seeds;
mod server;
mod speech;

pub use client::client;
pub use crc_wire::fuzz::{decoder, round_trip};
pub use hostile::{
    client as hostile_client, original_server as hostile_original_server,
    server_of_ours as hostile_server_of_ours, stranger as hostile_stranger,
    uplink as hostile_uplink,
};
pub use irc_wire::fuzz::{decoder as irc_decoder, message as irc_message};
pub use lines::lines;
pub use network::network;
pub use server::server;

/// A fuzz target: a body with a name.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name: that of its corpus, of its binary in `fuzz/`, and of its function.
    pub name: &'static str,
    /// What it does with an input. The result is a hash over all that the machines
    /// in it have asked for, 0 where there is no machine.
    pub body: fn(&[u8]) -> u64,
    /// The longest input that is worth while.
    pub input_bytes_max: usize,
}

/// All targets.
pub const TARGETS: [Target; 13] = [
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
    target("server", server, 256),
    target("lines", lines, 256),
    target("client", client, 256),
    target("network", network, 128),
    target("hostile_stranger", hostile_stranger, 128),
    target("hostile_client", hostile_client, 128),
    target("hostile_server_of_ours", hostile_server_of_ours, 128),
    target("hostile_original_server", hostile_original_server, 128),
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
