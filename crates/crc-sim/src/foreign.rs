//! Nodes of other implementations: v1 servers and clients with their known weaknesses,
//! hostile nodes, and people who speak the text protocols.
//!
//! They are machines, so that the world runs them like all others. Where a real v1 node
//! would fail, the node here complains.

pub(crate) mod channel_view;
mod flooder;
mod forge;
mod frame_user;
mod hostile;
mod hostile_server;
mod irc_user;
mod legacy_server;
mod legacy_user;
pub(crate) mod lines;
mod thief;
mod v1_client;
mod v1_server;

use crc_core::{Event, Machine, Outbox, PeerAddress, Timestamp};
use crc_wire::{FrameLimits, Message, frame_len};

pub(crate) use flooder::Flooder;
pub(crate) use frame_user::FrameUser;
pub(crate) use hostile::Hostile;
pub(crate) use hostile_server::{HostileServer, POISON};
pub(crate) use irc_user::IrcUser;
pub(crate) use legacy_server::LegacyServer;
pub(crate) use legacy_user::LegacyUser;
pub(crate) use thief::Thief;
pub(crate) use v1_client::V1Client;
pub(crate) use v1_server::{Habits, V1Server};

use crate::monitor::channel_chats::text;

/// What a foreign node notices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ForeignNotice {
    /// What is wrong with what a v1 node received.
    Complaint(String),
    /// What a person was told contradicts what it was told before.
    Contradiction(String),
    /// A person has heard a text in a channel.
    Heard(String),
}

pub(crate) use ForeignNotice::Complaint;

/// A command for a foreign node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ForeignCommand {
    Start,
    /// Do something hostile, drawn from this seed.
    Act(u64),
    /// Remember this registration with a proof, which was sent on another link.
    Overhear(Vec<u8>),
    /// Send these lines, if this is a person that is registered.
    Lines(String),
    /// The same with frames.
    Frames(Vec<u8>),
}

/// A node of another implementation.
#[derive(Debug, Clone)]
pub(crate) enum ForeignNode {
    V1Server(V1Server),
    V1Client(V1Client),
    Hostile(Hostile),
    IrcUser(IrcUser),
    LegacyUser(LegacyUser),
    HostileServer(Box<HostileServer>),
    Thief(Thief),
    FrameUser(FrameUser),
    LegacyServer(Box<LegacyServer>),
    Flooder(Box<Flooder>),
}

impl ForeignNode {
    pub(crate) const fn listens(&self) -> bool {
        matches!(
            self,
            ForeignNode::V1Server(_) | ForeignNode::HostileServer(_) | ForeignNode::LegacyServer(_)
        )
    }

    /// How many bytes it reads at once.
    pub(crate) const fn reads_max(&self) -> usize {
        match self {
            ForeignNode::V1Server(server) => server.reads_max,
            ForeignNode::V1Client(_) => 2048,
            _ => usize::MAX,
        }
    }

    pub(crate) const fn is_v1(&self) -> bool {
        matches!(self, ForeignNode::V1Server(_) | ForeignNode::V1Client(_))
    }

    pub(crate) const fn is_hostile(&self) -> bool {
        matches!(
            self,
            ForeignNode::Hostile(_)
                | ForeignNode::HostileServer(_)
                | ForeignNode::Thief(_)
                | ForeignNode::Flooder(_)
        )
    }

    /// Whether the acts of hostile runs are for it.
    pub(crate) const fn acts_in_hostile_runs(&self) -> bool {
        matches!(
            self,
            ForeignNode::HostileServer(_) | ForeignNode::Thief(_) | ForeignNode::Flooder(_)
        )
    }

    /// Whether a person is simulated here, who does everything in channels.
    pub(crate) const fn is_person(&self) -> bool {
        use ForeignNode::{FrameUser, IrcUser, LegacyServer, LegacyUser};
        matches!(
            self,
            IrcUser(_) | LegacyUser(_) | FrameUser(_) | LegacyServer(_)
        )
    }

    /// Its name and its info, as a server of ours announces them.
    pub(crate) fn name_and_info(&self) -> (String, String) {
        match self {
            ForeignNode::IrcUser(user) => (user.nick.clone(), user.info()),
            ForeignNode::LegacyUser(user) => (user.nick.clone(), "legacy".to_owned()),
            ForeignNode::FrameUser(user) => (user.name(), "frames".to_owned()),
            ForeignNode::LegacyServer(server) => {
                let first = server.users.first().cloned();
                (first.unwrap_or_default(), "legacy".to_owned())
            }
            _ => ("original".to_owned(), "client".to_owned()),
        }
    }

    pub(crate) fn describe(&self) -> String {
        match self {
            ForeignNode::V1Server(server) => format!("v1 server {}", server.id),
            ForeignNode::V1Client(client) => format!("v1 client {}", client.id),
            ForeignNode::Hostile(_) => "hostile".to_owned(),
            ForeignNode::IrcUser(user) => format!("irc user {:?}", user.nick),
            ForeignNode::LegacyUser(user) => format!("legacy user {:?}", user.nick),
            ForeignNode::HostileServer(_) => "hostile server".to_owned(),
            ForeignNode::Thief(_) => "thief".to_owned(),
            ForeignNode::FrameUser(user) => format!("user of frames {}", user.id),
            ForeignNode::LegacyServer(server) => format!("legacy server {}", server.name),
            ForeignNode::Flooder(_) => "flooder".to_owned(),
        }
    }
}

/// The text that tags stand for: that of the chat whose number is in the tag `+k`.
pub(crate) fn numbered_tag(tags: &str) -> Option<String> {
    let tag = tags.split(';').find_map(|tag| tag.strip_prefix("+k="));
    Some(text(tag?.parse().ok()?))
}

type Out = Outbox<ForeignNotice>;

impl Machine for ForeignNode {
    type Command = ForeignCommand;
    type Notice = ForeignNotice;

    fn handle(&mut self, now: Timestamp, event: Event<'_, ForeignCommand>, out: &mut Out) {
        match self {
            ForeignNode::V1Server(server) => server.handle(event, out),
            ForeignNode::V1Client(client) => client.handle(event, out),
            ForeignNode::Hostile(hostile) => hostile.handle(event, out),
            ForeignNode::IrcUser(user) => user.handle(now, event, out),
            ForeignNode::LegacyUser(user) => user.handle(now, event, out),
            ForeignNode::HostileServer(server) => server.handle(event, out),
            ForeignNode::Thief(thief) => thief.handle(now, event, out),
            ForeignNode::FrameUser(user) => user.handle(now, event, out),
            ForeignNode::LegacyServer(server) => server.handle(now, event, out),
            ForeignNode::Flooder(flooder) => flooder.handle(now, event, out),
        }
    }

    fn deadline(&self) -> Option<Timestamp> {
        match self {
            ForeignNode::IrcUser(user) => user.deadline(),
            ForeignNode::LegacyUser(user) => user.deadline(),
            ForeignNode::Thief(thief) => thief.deadline(),
            ForeignNode::FrameUser(user) => user.deadline(),
            ForeignNode::LegacyServer(server) => server.deadline(),
            ForeignNode::Flooder(flooder) => flooder.deadline(),
            _ => None,
        }
    }
}

/// The longest frame, and the longest write, that every v1 node can read.
const BYTES_MAX: usize = 1024;

/// The messages in one read of a v1 node, which takes it for whole frames.
fn read_whole<'a>(mut bytes: &'a [u8], server: bool, out: &mut Out) -> Vec<Message<'a>> {
    let mut messages = Vec::new();
    let mut complain = |text: String| out.notice(Complaint(text));
    if bytes.len() > BYTES_MAX && !server {
        // Some clients read less at a time than others.
        complain(format!("{} bytes in one read", bytes.len()));
    }
    while !bytes.is_empty() {
        let len = match frame_len(bytes, FrameLimits::WIRE) {
            Ok(Some(len)) if len <= bytes.len() => len,
            Ok(_) => {
                complain(format!("a frame is cut: {bytes:02x?}"));
                return messages;
            }
            Err(error) => {
                complain(format!("{error}"));
                return messages;
            }
        };
        if len > BYTES_MAX {
            complain(format!("a frame of {len} bytes"));
        }
        let (frame, rest) = bytes.split_at(len);
        bytes = rest;
        match Message::parse(frame) {
            Ok(Message::ServerQuit(_)) => complain("a ServerQuit".to_owned()),
            Ok(message) if message.kind().is_channel() => {
                complain(format!("unknown frame type {:#04x}", frame[0]));
                return messages;
            }
            Ok(message) => messages.push(message),
            Err(error) => complain(format!("an invalid frame: {error}")),
        }
    }
    messages
}

/// The address of a node.
pub(super) fn address_of(node: usize) -> PeerAddress {
    crate::node::address(node).into()
}
