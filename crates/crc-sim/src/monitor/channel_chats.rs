//! Which connections every channel chat has crossed, and which clients have received it
//! (K2, K3).

use std::collections::BTreeSet;

use crc_netem::Side;
use crc_wire::HostId;

use super::Monitor;
use crate::invariant::Invariant;
use crate::network::Network;
use crate::people;

/// A chat to a channel.
#[derive(Debug)]
pub(crate) struct ChannelChat {
    pub(crate) speaker: usize,
    /// In which of its lives the speaker sent it, and with which id: in another life, or with
    /// another id, it may receive it.
    life: (u32, Option<HostId>),
    /// Whether it comes back to the speaker, who has asked for that.
    is_echoed: bool,
    pub(crate) channel: String,
    /// The connections that it has crossed.
    crossed: BTreeSet<usize>,
    /// The clients that have received it.
    pub(crate) received: BTreeSet<usize>,
    /// The clients that must receive it: the other members, if it was sent at rest.
    pub(crate) due: Option<BTreeSet<usize>>,
}

pub(crate) fn text(number: usize) -> String {
    format!("k{number} words")
}

/// The number of the chat with this text.
pub(crate) fn number(text: &str) -> Option<usize> {
    text.split_once(' ')?.0.strip_prefix('k')?.parse().ok()
}

fn life(network: &Network, node: usize) -> (u32, Option<HostId>) {
    let id = network.client(node).map(|client| client.id());
    (network.net.host(node).life(), id)
}

impl Monitor {
    /// A client is about to send a chat to a channel: its text. At rest, `due` are the
    /// clients that must receive it.
    pub(crate) fn new_channel_chat(
        &mut self,
        network: &Network,
        speaker: usize,
        channel: &str,
        due: Option<BTreeSet<usize>>,
    ) -> String {
        let text = text(self.channel_chats.len());
        self.channel_chats.push(ChannelChat {
            speaker,
            life: life(network, speaker),
            is_echoed: people::irc_user(network, speaker).is_some_and(|user| user.has_tags),
            channel: channel.to_ascii_lowercase(),
            crossed: BTreeSet::new(),
            received: BTreeSet::new(),
            due,
        });
        text
    }

    fn find_channel_chat(&mut self, text: &str) -> Option<&mut ChannelChat> {
        number(text).and_then(|number| self.channel_chats.get_mut(number))
    }

    pub(super) fn on_channel_chat_sent(
        &mut self,
        network: &Network,
        connection: usize,
        side: Side,
        text: &str,
    ) {
        self.mark_activity(network, "a channel chat was sent");
        let Some(chat) = self.find_channel_chat(text) else {
            return;
        };
        if chat.is_echoed && network.node_at(connection, 1 - side) == chat.speaker {
            return;
        }
        // Back to where it came from is a second time as well.
        if !chat.crossed.insert(connection) {
            let direction = network.describe_direction(connection, side);
            let text = format!("{direction}: {text:?} once more");
            self.violation(network, Invariant::K3, text);
        }
    }

    pub(super) fn on_channel_chat_received(&mut self, network: &Network, node: usize, text: &str) {
        let life = life(network, node);
        let Some(chat) = self.find_channel_chat(text) else {
            return;
        };
        // It may have the nick to which it speaks, as its own server has it.
        let is_private = !chat.channel.starts_with('#');
        let own = chat.speaker == node && chat.life == life && !is_private;
        let twice = !chat.received.insert(node) || own;
        self.record.counts.channel_chats += 1;
        if twice {
            let text = format!("{} received {text:?} twice", network.describe(node));
            self.violation(network, Invariant::K2, text);
        }
    }
}
