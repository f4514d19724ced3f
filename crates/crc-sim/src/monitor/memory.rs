//! What a server keeps is within its limits (R2).

use crc_core::Memory;

use super::Monitor;
use crate::invariant::Invariant;
use crate::network::Network;

/// The most bytes of the name, the info and the machine part of a host.
const HOST_BYTES: usize = 255 + 1024 + 1024;
/// The most channels that a host is in.
const CHANNELS: usize = 64;
/// The most bytes of a channel: its name, topic, key, modes, limit, bans, name as shown and
/// metadata, and who has set each of them.
const CHANNEL_BYTES: usize = 64 + 390 + 32 + 4 + 10 + 100 * 129 + 64 + 1024 + 7 * 255;
/// The most bytes of what a user says of itself, each of 16 entries with its place.
const METADATA_BYTES: usize = 16 * (64 + 64 + 300);
/// The most bytes of channels without members.
const REMEMBERED_BYTES: usize = 16 << 20;
/// The most servers whose addresses are known, and the most ids that are kept.
const KNOWN_SERVERS: usize = 1024;
const SERVER_IDS: usize = 4096;
/// What a driver may have read before it stops.
const READ_BYTES: usize = 256 << 10;

impl Monitor {
    /// Compares what a server keeps with its limits.
    pub(crate) fn check_memory(&mut self, network: &Network, node: usize) {
        let (Some(server), Some(limits)) = (network.server(node), network.limits(node)) else {
            return;
        };
        let memory = server.snapshot().memory();
        let queue = limits
            .server_queue_bytes_max
            .max(limits.client_queue_bytes_max);
        let links = network.net.host(node).links().slots_len();
        let Memory {
            hosts,
            host_bytes,
            members,
            channel_bytes,
            remembered_bytes,
            metadata_bytes,
            known_servers,
            server_ids,
            waiting_bytes,
            ..
        } = memory;
        let checks = [
            ("hosts", hosts, limits.hosts_max),
            ("bytes of hosts", host_bytes, hosts * HOST_BYTES),
            ("memberships", members, hosts * CHANNELS),
            ("bytes of channels", channel_bytes, members * CHANNEL_BYTES),
            ("bytes of old channels", remembered_bytes, REMEMBERED_BYTES),
            ("bytes of metadata", metadata_bytes, hosts * METADATA_BYTES),
            ("known servers", known_servers, KNOWN_SERVERS),
            ("kept ids", server_ids, SERVER_IDS),
            (
                "waiting bytes",
                waiting_bytes,
                links * (queue + READ_BYTES + (64 << 10)),
            ),
        ];
        for (what, is, most) in checks {
            if is > most {
                let node = network.describe(node);
                let text = format!("{node} keeps {is} {what}, and may keep {most}");
                self.violation(network, Invariant::R2, text);
            }
        }
    }
}
