//! What clients do in channels, what became of what was said there, and what all
//! must agree on at rest (K1 to K3).

use std::collections::{BTreeMap, BTreeSet};

use crc_core::{ClientCommand, Random};
use crc_wire::HostId;

use crate::invariant::Invariant;
use crate::node::Birth;
use crate::world::{Told, World};
use crc_netem::Draw;
use crc_netem::Side;

/// Few, so that clients meet; two of them are one.
const CHANNELS: [&str; 4] = ["#reef", "#Reef", "#lagoon", "#sandbank"];

/// Something that a client does in a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChannelAct {
    Join,
    Part,
    Say,
    Topic,
}

impl ChannelAct {
    pub(crate) fn draw(random: &mut Random) -> ChannelAct {
        use ChannelAct::{Join, Part, Say, Topic};
        random.one_of(&[Join, Join, Join, Part, Say, Say, Say, Topic, Topic])
    }
}

/// What was said once in a channel.
#[derive(Debug)]
pub(crate) struct Said {
    speaker: usize,
    /// How often the speaker had begun by then: in another life it may hear
    /// itself.
    life: u32,
    channel: String,
    /// The connections that it has crossed.
    crossed: BTreeSet<usize>,
    /// Who has heard it.
    heard: BTreeSet<usize>,
    /// Who must hear it: the members, if it was said at rest.
    due: Option<BTreeSet<usize>>,
}

fn text(number: usize) -> String {
    format!("k{number} words")
}

fn number(text: &str) -> Option<usize> {
    text.split_once(' ')?.0.strip_prefix('k')?.parse().ok()
}

fn fold(channel: &str) -> String {
    channel.to_ascii_lowercase()
}

impl World {
    /// A client does something in a channel.
    pub(crate) fn act_in_channel(&mut self, act: ChannelAct, random: &mut Random) {
        let all = self.nodes.len();
        let begin = random.index(all);
        let mut nodes = (begin..all).chain(0..begin);
        let client = nodes
            .find(|&node| self.net.host(node).is_alive() && self.nodes[node].client().is_some());
        let Some(client) = client else { return };
        let channel = random.one_of(&CHANNELS).to_owned();
        match act {
            ChannelAct::Join => {
                let key = String::new();
                self.handle(client, Told::Client(ClientCommand::Join { channel, key }));
            }
            ChannelAct::Part => {
                let text = String::new();
                self.handle(client, Told::Client(ClientCommand::Part { channel, text }));
            }
            ChannelAct::Say => self.say_in_channel(client, channel, None),
            ChannelAct::Topic => {
                let topic = format!("topic {}", random.below(1000));
                let command = ClientCommand::SetTopic { channel, topic };
                self.handle(client, Told::Client(command));
            }
        }
    }

    fn say_in_channel(&mut self, speaker: usize, channel: String, due: Option<BTreeSet<usize>>) {
        let text = text(self.said.len());
        self.said.push(Said {
            speaker,
            life: self.net.host(speaker).life(),
            channel: fold(&channel),
            crossed: BTreeSet::new(),
            heard: BTreeSet::new(),
            due,
        });
        self.handle(
            speaker,
            Told::Client(ClientCommand::SendChannelChat { channel, text }),
        );
    }

    /// Something that was said in a channel is sent on a connection.
    pub(crate) fn watch_said(&mut self, connection: usize, side: Side, words: &str) {
        self.moved("something was said in a channel");
        let Some(said) = number(words).and_then(|number| self.said.get_mut(number)) else {
            return;
        };
        // Back to where it came from is a second time as well.
        if !said.crossed.insert(connection) {
            let text = format!(
                "{} sends {words:?} once more",
                self.who_to_whom(connection, side)
            );
            self.violation(Invariant::K3, text);
        }
    }

    /// A client hears something in a channel.
    pub(crate) fn heard_in_channel(&mut self, node: usize, words: &str) {
        let Some(said) = number(words).and_then(|number| self.said.get_mut(number)) else {
            return;
        };
        self.counts.channel_chats += 1;
        let own = said.speaker == node && said.life == self.net.host(node).life();
        if !said.heard.insert(node) || own {
            let text = format!("{} heard {words:?} twice", self.nodes[node].describe(node));
            self.violation(Invariant::K2, text);
        }
    }

    /// The members of all channels of each part of the network, by what clients
    /// think themselves to be in, and the channels as its servers have them.
    pub(crate) fn judge_channels(&mut self, part: &BTreeMap<usize, usize>) {
        let mut wrong = Vec::new();
        let mut first: BTreeMap<usize, (usize, Vec<String>)> = BTreeMap::new();
        for (&node, &part) in part {
            let Some(server) = self.nodes[node].server() else {
                continue;
            };
            let snapshot = server.snapshot();
            let show = |channel: &crc_core::Channel| {
                let members: Vec<_> = channel.members().collect();
                let settings: Vec<_> = channel.settings().set().collect();
                format!("{} {members:?} {settings:?}", channel.name())
            };
            let channels: Vec<String> = snapshot.channels().iter().map(show).collect();
            match first.get(&part) {
                None => {
                    first.insert(part, (node, channels));
                }
                Some((other, known)) if *known != channels => wrong.push(format!(
                    "{} has the channels {channels:?}, and {} has {known:?}",
                    self.nodes[node].describe(node),
                    self.nodes[*other].describe(*other)
                )),
                Some(_) => {}
            }
        }
        for (part, (node, _)) in first {
            let Some(server) = self.nodes[node].server() else {
                continue;
            };
            let mut listed = BTreeMap::new();
            for channel in server.snapshot().channels().iter() {
                let members: BTreeSet<HostId> = channel.members().map(|(id, _)| id).collect();
                listed.insert(fold(channel.name()), members);
            }
            let members = self.memberships(|home| self.part_of(home) == Some(part));
            let members: BTreeMap<String, BTreeSet<HostId>> = members
                .into_iter()
                .map(|(channel, nodes)| {
                    let ids = nodes
                        .into_iter()
                        .filter_map(|node| self.nodes[node].client().map(crc_core::Client::id));
                    (channel, ids.collect())
                })
                .collect();
            if listed != members {
                wrong.push(format!(
                    "{} has the channels {listed:?}, and clients are in {members:?}",
                    self.nodes[node].describe(node)
                ));
            }
        }
        for text in wrong {
            self.violation(Invariant::K1, text);
        }
    }

    fn part_of(&self, home: usize) -> Option<usize> {
        self.parts.get(&home).copied()
    }

    /// The clients that think themselves to be in channels, by channel, whose
    /// server is as said.
    fn memberships(&self, is: impl Fn(usize) -> bool) -> BTreeMap<String, BTreeSet<usize>> {
        let mut members: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        for (node, it) in self.nodes.iter().enumerate() {
            let (Some(client), Birth::Client(config)) = (it.client(), &it.birth) else {
                continue;
            };
            let home = crate::node::node_at(&config.server);
            if !self.net.host(node).is_alive() || !client.is_welcomed() || !home.is_some_and(&is) {
                continue;
            }
            for channel in client.channels() {
                let members = members.entry(fold(channel.name())).or_default();
                members.insert(node);
            }
        }
        members
    }

    /// At rest every member says something in every channel it is in.
    pub(crate) fn everybody_speaks(&mut self) {
        let parts: BTreeSet<usize> = self.parts.values().copied().collect();
        for part in parts {
            for (channel, members) in self.memberships(|home| self.part_of(home) == Some(part)) {
                for &speaker in &members {
                    let mut due = members.clone();
                    due.remove(&speaker);
                    self.say_in_channel(speaker, channel.clone(), Some(due));
                }
            }
        }
    }

    /// What was said at rest has been heard by each other member.
    pub(crate) fn judge_said(&mut self) {
        let mut wrong = Vec::new();
        for (number, said) in self.said.iter().enumerate() {
            if let Some(due) = &said.due
                && said.heard != *due
            {
                wrong.push(format!(
                    "{:?}, said in {} by n{}, was heard by {:?}, and members are {due:?}",
                    text(number),
                    said.channel,
                    said.speaker,
                    said.heard
                ));
            }
        }
        for text in wrong {
            self.violation(Invariant::K2, text);
        }
    }
}
