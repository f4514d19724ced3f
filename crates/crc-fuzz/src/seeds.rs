//! The seeds of the corpus: small inputs that are written by hand, each about one thing.
//! `cargo run -p crc-fuzz` writes them to `corpus/`; the fuzzer starts with them, and tests
//! replay them.

mod ban;
mod choices;
mod config;
mod frames;
mod hostile;
mod irc;
mod machines;
mod proxy_header;
mod text;

/// An input, and what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed {
    /// Its name, and that of its file.
    pub name: &'static str,
    /// The input.
    pub bytes: Vec<u8>,
}

/// The seeds of the target with this name; none if there is no such target.
#[must_use]
pub fn seeds(target: &str) -> Vec<Seed> {
    let seeds: Vec<(&'static str, Vec<u8>)> = match target {
        "decoder" => frames::decoder(),
        "round_trip" => frames::round_trip(),
        "irc_decoder" => irc::decoder(),
        "irc_message" => irc::message(),
        "config" => config::config(),
        "proxy_header" => proxy_header::proxy_header(),
        "ban" => ban::ban(),
        "server" => machines::server(),
        "lines" => text::lines(),
        "client" => machines::client(),
        "network" => machines::network(),
        "hostile_unregistered" => hostile::unregistered(),
        "hostile_client" => hostile::clients(),
        "hostile_v2_server" | "hostile_v1_server" | "hostile_liar" => hostile::servers(),
        "hostile_uplink" => hostile::uplinks(),
        _ => Vec::new(),
    };
    seeds
        .into_iter()
        .map(|(name, bytes)| Seed { name, bytes })
        .collect()
}
