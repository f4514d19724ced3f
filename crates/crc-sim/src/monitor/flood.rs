//! A flood costs the client that floods, and no other (Q1, Q2).

use core::time::Duration;
use std::collections::BTreeMap;

use crc_core::Timestamp;
use crc_netem::Side;
use crc_wire::HostId;

use super::Monitor;
use crate::invariant::Invariant;
use crate::network::Network;
use crate::node::NodeConfig;

/// How long a chat takes at most whose way is not stalled.
const CHAT_TIME_MAX: Duration = Duration::from_secs(3);
/// How long after a stall what has waited may still be on its way.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(15);

/// What the monitor keeps of floods.
#[derive(Debug, Default)]
pub(crate) struct FloodRecord {
    /// The stalls: which connection, from when, and until when.
    stalls: Vec<(usize, Timestamp, Timestamp)>,
    /// By chat: when it was sent, and the connections on its way.
    under_way: BTreeMap<usize, (Timestamp, Vec<usize>)>,
}

/// Whether the floods of a run are judged. Changes that sources behind other servers make,
/// such as joins, are never refused: these sources are slowed down a round trip later, and
/// until then they send more than the small queues of a simulation hold.
fn is_judged(network: &Network) -> bool {
    let hostile = network.options.hostile.as_ref();
    hostile.is_some_and(|it| it.flooders > 0 && !it.changes)
}

impl Monitor {
    /// A connection is about to be stalled.
    pub(crate) fn on_stall(&mut self, network: &Network, connection: usize, until: Timestamp) {
        let stall = (connection, network.net.now(), until);
        self.flood.stalls.push(stall);
    }

    /// The queue of an end exceeds its bound, so that its connection is closed.
    pub(crate) fn on_slow_consumer(&mut self, network: &Network, connection: usize, side: Side) {
        self.record.counts.slow_consumers += 1;
        let ends = network.connection(connection).ends().iter();
        let mut nodes = ends.map(|end| &network.nodes[end.host()].config);
        let servers = nodes.all(|config| matches!(config, NodeConfig::Server(_)));
        if servers && is_judged(network) {
            let direction = network.describe_direction(connection, side);
            let text = format!("{direction}: the queue exceeds its bound");
            self.violation(network, Invariant::Q1, text);
        }
    }

    /// A client sends a chat.
    pub(super) fn on_chat_begins(
        &mut self,
        network: &Network,
        (connection, side): (usize, Side),
        chat: usize,
        to: HostId,
    ) {
        if !is_judged(network) {
            return;
        }
        let mut way = vec![connection];
        let mut node = network.node_at(connection, 1 - side);
        while let Some(server) = network.server(node)
            && way.len() < 100
        {
            let host = server.snapshot().directory().find(to);
            let link = host.map(crc_core::Host::first_link);
            let next = link.and_then(|link| network.net.find(node, link));
            let Some((connection, side)) = next else {
                return;
            };
            way.push(connection);
            node = network.node_at(connection, 1 - side);
        }
        let now = network.net.now();
        self.flood.under_way.insert(chat, (now, way));
    }

    /// A chat has come to its end.
    pub(super) fn on_chat_ends(&mut self, network: &Network, chat: usize) {
        let Some((sent_at, way)) = self.flood.under_way.remove(&chat) else {
            return;
        };
        let now = network.net.now();
        let took = now.since(sent_at);
        let stalled = self.flood.stalls.iter().any(|(connection, from, until)| {
            way.contains(connection) && *from <= now && sent_at <= *until + DRAIN_TIME_MAX
        });
        if took > CHAT_TIME_MAX && !stalled {
            let text = format!("chat {chat} took {took:?}, and nothing on its way was stalled");
            self.violation(network, Invariant::Q2, text);
        }
    }
}
