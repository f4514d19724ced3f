//! The judge of what people do in channels: its own small model of the rules, and what
//! follows from it. It asks nothing of the code that it judges.
//!
//! After every event of a server the judge compares the channels of that server with those
//! before the event. What has changed of the server's own users must have a cause that the
//! rules allow: a line or frame of the user itself, or of an operator. So it knows which
//! lines and frames each event has handled.

mod cause;
mod changes;
mod in_flight;
pub(crate) mod rules;
mod shadow;

use std::collections::{BTreeMap, BTreeSet};

use crc_core::{LinkId, Timestamp};
use crc_netem::Side;
use crc_wire::{HostId, Message};

use crate::event::NodeEvent;
use crate::foreign::lines::Line;
use crate::invariant::Invariant;
use crate::network::Network;

use in_flight::{InFlight, Said};
use rules::State;
use shadow::Shadow;

/// A violation that was found, and what is wrong.
type Found = (Invariant, String);

/// What the judge keeps.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    /// What was said in each direction of a connection and is not read yet.
    in_flight: BTreeMap<(usize, Side), InFlight>,
    /// What the event has handled that is about to be judged.
    in_hand: Vec<Said>,
    /// By node.
    servers: BTreeMap<usize, Shadow>,
    /// When each channel was founded in truth, by the number of its founding.
    foundings: BTreeMap<u32, Timestamp>,
    /// Who has founded which channel, by the number of the founding.
    founders: BTreeMap<u32, HostId>,
    /// The keys that each node has offered for channels.
    keys: BTreeMap<usize, BTreeSet<(String, String)>>,
}

/// Two names of one channel are equal when both are in lower case.
fn fold(name: &str) -> String {
    name.to_ascii_lowercase()
}

impl Judge {
    /// A node is about to send a frame that ends at this place of the stream.
    pub(crate) fn on_frame_sent(
        &mut self,
        network: &Network,
        connection: usize,
        side: Side,
        message: &Message<'_>,
        end: u64,
    ) {
        let Some(said) = Said::of_frame(message) else {
            return;
        };
        if let Said::Request { channel, key, .. } = &said {
            self.note_key(network.node_at(connection, side), channel, key);
        }
        self.follow(network, connection, side, said, end);
    }

    /// A node is about to send a line that ends at this place of the stream.
    pub(crate) fn on_line_sent(
        &mut self,
        network: &Network,
        connection: usize,
        side: Side,
        line: &Line,
        end: u64,
    ) {
        let Some(said) = Said::of_line(line) else {
            return;
        };
        if line.command == "JOIN" {
            let node = network.node_at(connection, side);
            self.note_key(node, line.param(0), line.param(1));
        }
        self.follow(network, connection, side, said, end);
    }

    fn note_key(&mut self, node: usize, channel: &str, key: &str) {
        let keys = self.keys.entry(node).or_default();
        keys.insert((fold(channel), key.to_owned()));
    }

    fn follow(&mut self, network: &Network, connection: usize, side: Side, said: Said, end: u64) {
        let reader = network.node_at(connection, 1 - side);
        if network.server(reader).is_some() {
            let stream = self.in_flight.entry((connection, side)).or_default();
            stream.push(end, said);
        }
    }

    /// A reader has read a stream up to a position.
    pub(crate) fn on_read(&mut self, connection: usize, writer: Side, upto: u64, kept: bool) {
        self.in_hand.clear();
        if let Some(stream) = self.in_flight.get_mut(&(connection, writer)) {
            stream.take(upto, &mut self.in_hand);
        }
        if !kept {
            self.in_hand.clear();
        }
    }

    /// What a server gets is about to be handled: an event that brings no bytes was caused
    /// by nothing that was said.
    pub(crate) fn before_event(&mut self, event: &NodeEvent<'_>) {
        if !matches!(event, NodeEvent::Bytes { .. }) {
            self.in_hand.clear();
        }
    }

    /// A server has handled an event: of which link, and whether that was lost.
    pub(crate) fn after_event(
        &mut self,
        network: &Network,
        node: usize,
        link: (Option<LinkId>, bool),
    ) -> Vec<Found> {
        let Some(server) = network.server(node) else {
            return Vec::new();
        };
        let snapshot = server.snapshot();
        let life = network.net.host(node).life();
        let shadow = self.servers.entry(node).or_default();
        if shadow.life != life {
            *shadow = Shadow::new(life, network.net.now());
        }
        if let (Some(link), false) = (link.0, self.in_hand.is_empty()) {
            shadow.note_client(&snapshot, link);
        }
        let changed = shadow.update(&snapshot);
        if changed || self.in_hand.iter().any(Said::is_invitation) {
            return self.judge_event(network, node, link);
        }
        Vec::new()
    }

    /// Whether an operator has invited a host of this server to a channel.
    pub(crate) fn is_invited(&self, node: usize, host: HostId, channel: &str) -> bool {
        let shadow = self.servers.get(&node);
        let invitations = shadow.map(|shadow| shadow.invitations.iter());
        let mut invitations = invitations.into_iter().flatten();
        invitations.any(|it| it.host == host && it.channel == channel)
    }

    /// A server is about to pass on what a user of it says in a channel.
    pub(crate) fn check_speech(
        &self,
        network: &Network,
        node: usize,
        host: HostId,
        channel: &str,
    ) -> Option<Found> {
        let snapshot = network.server(node)?.snapshot();
        let shadow = self.servers.get(&node)?;
        // The speaker's own server decides.
        let here = shadow::local(&snapshot, host);
        let mut said = self.in_hand.iter();
        let is_other = said.any(|said| said.is_new_nick() || said.is_new_host());
        if here.is_none() || is_other {
            return None;
        }
        let folded = fold(channel);
        let names = rules::names(&snapshot, host);
        let before = shadow.before.get(&folded).and_then(Option::as_ref);
        let states: Vec<&State> = before
            .into_iter()
            .chain(shadow.channels.get(&folded))
            .collect();
        // It may have been a member during the event only.
        let came = self.in_hand.iter().any(|said| said.enters(&folded));
        let is_free = |state: &&State| came && !state.has('m') && !state.silences(&names);
        if states.is_empty()
            || states.iter().any(is_free)
            || states.iter().any(|state| state.may_speak(host, &names))
        {
            return None;
        }
        let who = network.describe(node);
        let text = format!("{who} passes on what {host} says in {channel}: {states:?}");
        Some((Invariant::A2, text))
    }
}
