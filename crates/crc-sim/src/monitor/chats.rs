//! Where every chat is, from the command of a client to its end (C1 to C4).

use std::collections::{BTreeMap, VecDeque};

use crc_core::{LinkId, Timestamp, Work};
use crc_netem::{Phase, Side};
use crc_wire::{ClientChat, HostId};

use super::Monitor;
use super::stream_state::Token;
use crate::invariant::Invariant;
use crate::network::Network;

/// No host has an id from here on. Each such id is the destination of one chat only.
pub(crate) const UNKNOWN_IDS: u32 = 3_000_000_000;

/// Where a chat is, or how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Its client has not sent it yet.
    Queued,
    /// In flight on this connection.
    InFlight(usize),
    /// At this node, which is to relay or answer it.
    At(usize),
    /// Its destination has it.
    Delivered,
    /// It was answered.
    Answered,
    /// It died with a connection or a node that had it.
    Lost,
}

/// One chat.
#[derive(Debug)]
pub(crate) struct Chat {
    pub(crate) speaker: usize,
    pub(crate) to: HostId,
    /// The speaker's id and connection when it was sent.
    pub(crate) source: Option<(HostId, usize)>,
    pub(crate) fate: Fate,
    /// The answer to it is on its way, and no longer the chat itself.
    pub(crate) answered: bool,
    /// The servers that have had it, one bit each.
    seen: u64,
    /// When it was last read, and from which link.
    read_at: Option<(Timestamp, LinkId)>,
    /// The link that it came on may have closed before the machine looked at it.
    pub(crate) excused: bool,
}

/// A status that answers a chat.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer {
    /// The node begins it, and does not relay it.
    pub(super) begins: bool,
    /// The speaker of the chat.
    pub(super) to: HostId,
    /// The destination of the chat.
    pub(super) about: u32,
}

/// All chats, and the nodes that have them.
#[derive(Debug)]
pub(crate) struct ChatLedger {
    pub(crate) chats: Vec<Chat>,
    /// By node: the chats that it has and has neither relayed nor answered.
    held: Vec<Vec<usize>>,
    /// The last chat from one speaker's connection to one reader's.
    last_received: BTreeMap<(usize, usize), usize>,
}

impl ChatLedger {
    pub(super) fn new(nodes: usize) -> ChatLedger {
        ChatLedger {
            chats: Vec::new(),
            held: vec![Vec::new(); nodes],
            last_received: BTreeMap::new(),
        }
    }

    fn release(&mut self, node: usize, chat: usize) {
        self.held[node].retain(|held| *held != chat);
    }

    /// The chat with this text.
    fn find(&self, text: &str) -> Option<usize> {
        let (word, _) = text.split_once(' ')?;
        let number = word.strip_prefix('c')?.parse().ok()?;
        (number < self.chats.len()).then_some(number)
    }
}

/// The text of a chat, which no other chat has.
fn text(chat: usize, bytes: usize) -> String {
    let mut text = format!("c{chat} ");
    while text.len() < bytes {
        text.push('x');
    }
    text
}

/// Whether a client that is followed has this id.
fn is_of_client(network: &Network, id: HostId) -> bool {
    !network.options.people || network.clients().any(|(_, client, _)| client.id() == id)
}

impl Monitor {
    /// A client is about to send a chat: its destination, and its text.
    pub(crate) fn new_chat(
        &mut self,
        speaker: usize,
        to: HostId,
        bytes: usize,
    ) -> (HostId, String) {
        let number = self.chats.chats.len();
        // An unknown id is the destination of this chat only.
        let to = if to.get() == UNKNOWN_IDS {
            let id = UNKNOWN_IDS + u32::try_from(number).unwrap_or(0);
            HostId::new(id).unwrap_or(to)
        } else {
            to
        };
        self.chats.chats.push(Chat {
            speaker,
            to,
            source: None,
            fate: Fate::Queued,
            answered: false,
            seen: 0,
            read_at: None,
            excused: false,
        });
        self.record.counts.chats += 1;
        (to, text(number, bytes))
    }

    /// A node has ended: the chats that it had are lost.
    pub(crate) fn on_node_down(&mut self, node: usize) {
        for chat in core::mem::take(&mut self.chats.held[node]) {
            self.chats.chats[chat].fate = Fate::Lost;
        }
    }

    /// A machine has handled bytes of a link. If it closed the link meanwhile, it may not
    /// have looked at all of them.
    pub(crate) fn on_bytes_handled(&mut self, network: &Network, node: usize, link: LinkId) {
        let place = network.net.find(node, link);
        let open = place.is_some_and(|(connection, side)| {
            network.connection(connection).end(side).phase() == Phase::Live
        });
        if open {
            return;
        }
        let now = network.net.now();
        // With small slices some of what was read before may wait.
        let all_at_once = network.options.work_slice == Work::SLICE;
        for &held in &self.chats.held[node] {
            let chat = &mut self.chats.chats[held];
            let from_there = |(at, from)| from == link && (at == now || !all_at_once);
            chat.excused |= chat.read_at.is_some_and(from_there);
        }
    }

    // Streams

    /// A reader has read a stream up to a position: it has the chats before it.
    pub(super) fn on_read(
        &mut self,
        network: &Network,
        connection: usize,
        writer: Side,
        upto: u64,
        kept: bool,
    ) {
        let end = network.connection(connection).end(1 - writer);
        let (node, link) = (end.host(), end.link());
        let tokens = &mut self.streams[connection][writer].tokens;
        while let Some(token) = tokens.front().copied()
            && token.end <= upto
        {
            tokens.pop_front();
            let chat = &mut self.chats.chats[token.chat];
            if !kept {
                chat.fate = Fate::Lost;
                continue;
            }
            if token.answer && network.client(node).is_some() {
                chat.fate = Fate::Answered;
                continue;
            }
            chat.fate = Fate::At(node);
            chat.read_at = Some((network.net.now(), link));
            self.chats.held[node].push(token.chat);
            let bit = 1 << (node % 64);
            if !token.answer && network.server(node).is_some() {
                let again = chat.seen & bit != 0;
                chat.seen |= bit;
                if again && network.options.is_all_v2() {
                    let node = network.describe(node);
                    let text = format!("chat {} came to {node} again", token.chat);
                    return self.violation(network, Invariant::C4, text);
                }
            }
        }
    }

    /// A part of a stream is lost, and the chats that end in it.
    pub(super) fn on_lost(&mut self, connection: usize, writer: Side, after: u64, upto: u64) {
        let chats = &mut self.chats.chats;
        self.streams[connection][writer].tokens.retain(|token| {
            let lost = token.end > after && token.end <= upto;
            if lost {
                chats[token.chat].fate = Fate::Lost;
            }
            !lost
        });
    }

    /// A machine gets back what it sent behind a position, and has those chats again.
    pub(super) fn on_returned(
        &mut self,
        network: &Network,
        connection: usize,
        writer: Side,
        written: u64,
    ) {
        let node = network.node_at(connection, writer);
        let is_client = network.client(node).is_some();
        let tokens = core::mem::take(&mut self.streams[connection][writer].tokens);
        let mut kept = VecDeque::new();
        for token in tokens {
            let returned = if is_client {
                token.end > written
            } else {
                token.start >= written
            };
            if !returned && token.end <= written {
                kept.push_back(token);
                continue;
            }
            let answerable =
                returned && !token.answer && self.knows_speaker(network, node, token.chat);
            let chat = &mut self.chats.chats[token.chat];
            chat.fate = if returned && is_client {
                Fate::Queued
            } else if answerable {
                self.chats.held[node].push(token.chat);
                Fate::At(node)
            } else {
                Fate::Lost
            };
        }
        self.streams[connection][writer].tokens = kept;
    }

    /// Whether a server knows the speaker of a chat at the moment. An unknown one cannot
    /// be answered.
    fn knows_speaker(&self, network: &Network, node: usize, chat: usize) -> bool {
        let source = self.chats.chats[chat].source.map(|(source, _)| source);
        network.server(node).is_none_or(|server| {
            let directory = server.snapshot().directory();
            source.is_some_and(|source| directory.find(source).is_some())
        })
    }

    // Frames

    pub(super) fn on_chat_sent(
        &mut self,
        network: &Network,
        connection: usize,
        side: Side,
        m: &ClientChat<'_>,
        token: Token,
    ) {
        let Some(number) = self.chats.find(m.text.as_str()) else {
            return;
        };
        let node = network.node_at(connection, side);
        self.reassign_answer(node, number);
        let chat = &mut self.chats.chats[number];
        let speaks = chat.speaker == node;
        if speaks {
            chat.source = Some((m.source, connection));
            chat.seen = 0;
            let to = chat.to;
            self.on_chat_begins(network, (connection, side), number, to);
        }
        let chat = &mut self.chats.chats[number];
        let expected = if speaks { Fate::Queued } else { Fate::At(node) };
        if chat.fate != expected || chat.answered {
            if network.options.hostiles > 0 && !speaks {
                return;
            }
            let text = format!(
                "{} sends chat {number} again, which is {:?}",
                network.describe(node),
                chat.fate
            );
            return self.violation(network, Invariant::C2, text);
        }
        chat.fate = Fate::InFlight(connection);
        self.chats.release(node, number);
        self.follow(
            connection,
            side,
            Token {
                chat: number,
                ..token
            },
        );
    }

    fn follow(&mut self, connection: usize, side: Side, token: Token) {
        self.streams[connection][side].tokens.push_back(token);
    }

    /// An answer names the destination of its chat, and not the chat. If a node sends on a
    /// chat that it seemed to have answered, it has answered another one like it.
    fn reassign_answer(&mut self, node: usize, number: usize) {
        let ledger = &mut self.chats;
        let chat = &ledger.chats[number];
        if chat.fate != Fate::Answered || chat.speaker == node {
            return;
        }
        let alike = |&other: &usize| {
            let other = &ledger.chats[other];
            let source = |chat: &Chat| chat.source.map(|(source, _)| source);
            (source(other), other.to, other.answered) == (source(chat), chat.to, false)
        };
        if let Some(meant) = ledger.held[node].iter().copied().find(alike) {
            ledger.release(node, meant);
            ledger.chats[meant].fate = Fate::Answered;
            ledger.chats[meant].answered = true;
            ledger.chats[number].fate = Fate::At(node);
            ledger.chats[number].answered = false;
        }
    }

    /// A node sends a status that answers a chat.
    pub(super) fn on_answer_sent(
        &mut self,
        network: &Network,
        connection: usize,
        side: Side,
        answer: Answer,
        token: Token,
    ) {
        let Answer { begins, to, about } = answer;
        let node = network.node_at(connection, side);
        let chats = &self.chats.chats;
        let only = about.checked_sub(UNKNOWN_IDS).map(|chat| chat as usize);
        let only = only.filter(|chat| *chat < chats.len());
        let is_meant = |&held: &usize| {
            let chat = &chats[held];
            let source = chat.source.is_some_and(|(source, _)| source == to);
            source && chat.to.get() == about && chat.answered != begins
        };
        // Of two speakers with one id rather the one that receives the answer.
        let receives = |held: &usize| {
            let source = chats[*held].source;
            is_meant(held) && source.is_some_and(|(_, from)| from == connection)
        };
        let held = &self.chats.held[node];
        let found = held.iter().copied().find(receives);
        let found = found.or_else(|| held.iter().copied().find(is_meant));
        let Some(chat) = found else {
            // Chats that hostile nodes invent are answered, too, and those of people.
            if begins && network.options.is_all_v2() && is_of_client(network, to) {
                let node = network.describe(node);
                let text =
                    format!("{node} answers a chat from {to} to {about} that it does not have");
                self.violation(network, Invariant::C2, text);
            }
            return;
        };
        self.chats.release(node, chat);
        self.chats.chats[chat].answered = true;
        // Only the answer to a chat to an unknown id differs from others in flight.
        self.chats.chats[chat].fate = if only == Some(chat) {
            let answer = true;
            self.follow(
                connection,
                side,
                Token {
                    chat,
                    answer,
                    ..token
                },
            );
            Fate::InFlight(connection)
        } else {
            Fate::Answered
        };
    }

    // Notices

    /// A client has received a chat.
    pub(super) fn on_chat_received(
        &mut self,
        network: &Network,
        node: usize,
        from: HostId,
        to: Option<HostId>,
        text: &str,
    ) {
        let Some(number) = self.chats.find(text) else {
            return;
        };
        let reader = network.client(node).map(crc_core::Client::id);
        let chat = &mut self.chats.chats[number];
        let wrong = if chat.fate != Fate::At(node) {
            Some((Invariant::C2, "was received where it should not be"))
        } else if chat.source.map(|(source, _)| source) != Some(from) || to != Some(chat.to) {
            Some((Invariant::C1, "came with other ids than it was sent with"))
        } else if reader != Some(chat.to) {
            Some((Invariant::C1, "came to another client than it was sent to"))
        } else {
            None
        };
        let (source, fate) = (chat.source, chat.fate);
        if wrong.is_none() {
            chat.fate = Fate::Delivered;
            self.record.counts.delivered += 1;
            self.on_chat_ends(network, number);
        }
        self.chats.release(node, number);
        if let Some((invariant, wrong)) = wrong {
            let node = network.describe(node);
            let text = format!("chat {number} {wrong}: {node}; it was {fate:?}");
            if network.options.hostiles == 0 {
                self.violation(network, invariant, text);
            }
            return;
        }
        let reader = network.net.host(node).ends().last().map_or(0, |end| end.0);
        let Some((_, speaker)) = source else { return };
        let last = self.chats.last_received.insert((speaker, reader), number);
        if let Some(last) = last.filter(|last| *last > number) {
            let node = network.describe(node);
            let text = format!("chat {number} came after chat {last}: {node}");
            self.violation(network, Invariant::C3, text);
        }
    }
}
