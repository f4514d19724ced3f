//! No chat is left anywhere (C1).

use std::collections::BTreeMap;

use crc_core::Work;

use super::{FOUND_MAX, Found};
use crate::invariant::Invariant;
use crate::monitor::Monitor;
use crate::monitor::chats::{Chat, Fate};
use crate::network::Network;
use crate::node::Role;

pub(super) fn check_chats(network: &Network, monitor: &Monitor, found: &mut Vec<Found>) {
    if !network.options.is_all_v2() {
        return;
    }
    // A server that closes a link does not handle what it has read there.
    let closes_unread = network.options.operators && network.options.work_slice < Work::SLICE;
    // A server says how many chats it had to drop.
    let mut dropped = BTreeMap::new();
    let chats = monitor.chats.chats.iter().enumerate();
    let stuck = chats.filter_map(|(number, chat)| {
        let place = stuck_at(network, chat)?;
        if closes_unread && matches!(chat.fate, Fate::At(_)) {
            return None;
        }
        if let Fate::At(node) = chat.fate
            && let Some(server) = network.server(node)
        {
            let dropped = dropped
                .entry(node)
                .or_insert_with(|| server.snapshot().counters().chats_dropped);
            if *dropped > 0 {
                *dropped -= 1;
                return None;
            }
        }
        let what = if chat.answered {
            "the answer to chat"
        } else {
            "chat"
        };
        let text = format!(
            "{what} {number} from {:?} to {} ended at {place}",
            chat.source, chat.to
        );
        Some((Invariant::C1, text))
    });
    found.extend(stuck.take(FOUND_MAX));
}

/// Where a chat is that should have been delivered or answered.
fn stuck_at(network: &Network, chat: &Chat) -> Option<String> {
    let speaker = network.client(chat.speaker);
    // Whether its speaker still has the registration that it was sent with.
    let is_registered = chat.source.is_some_and(|(source, connection)| {
        let live = network.connection(connection).is_live();
        live && speaker.is_some_and(|client| client.id() == source)
    });
    match chat.fate {
        Fate::Queued => {
            let waits = speaker.is_some_and(|client| client.is_settled() && client.queued() > 0);
            (waits && network.is_alive(chat.speaker)).then(|| "its client".to_owned())
        }
        Fate::InFlight(connection) => {
            let live = network.connection(connection).is_live();
            (live && is_registered).then(|| format!("connection {connection}"))
        }
        Fate::At(node) => {
            let role = &network.nodes[node].role;
            let is_v2 = matches!(role, Role::Server(_) | Role::Client(_));
            (is_v2 && is_registered && !chat.excused).then(|| network.describe(node))
        }
        Fate::Delivered | Fate::Answered | Fate::Lost => None,
    }
}
