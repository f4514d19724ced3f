//! Nodes that are not ours: servers and clients as weak as the original ones
//! (INTEROP), and malicious ones.
//!
//! They are machines like ours, so that the world treats them alike. What an
//! original node falls over in real life is a complaint here.

mod hostile;
mod original_client;
mod original_server;

use crc_core::{Event, Machine, Outbox, PeerAddress, Timestamp};
use crc_wire::{FrameLimits, Message, frame_len};

pub(crate) use hostile::Hostile;
pub(crate) use original_client::OriginalClient;
pub(crate) use original_server::{Habits, OriginalServer};

/// What is wrong with what an original node was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Complaint(pub(crate) String);

/// What a node that is not ours can be asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RawCommand {
    Start,
    /// Something malicious, drawn from this number.
    Act(u64),
}

/// A node that is not ours.
#[derive(Debug, Clone)]
pub(crate) enum Raw {
    Server(OriginalServer),
    Client(OriginalClient),
    Hostile(Hostile),
}

impl Raw {
    pub(crate) const fn listens(&self) -> bool {
        matches!(self, Raw::Server(_))
    }

    /// How many bytes it reads at once.
    pub(crate) const fn reads_max(&self) -> usize {
        match self {
            Raw::Server(server) => server.reads_max,
            Raw::Client(_) => 2048,
            Raw::Hostile(_) => usize::MAX,
        }
    }

    pub(crate) const fn is_original(&self) -> bool {
        !matches!(self, Raw::Hostile(_))
    }

    pub(crate) fn describe(&self) -> String {
        match self {
            Raw::Server(server) => format!("original server {}", server.id),
            Raw::Client(client) => format!("original client {}", client.id),
            Raw::Hostile(_) => "hostile".to_owned(),
        }
    }
}

type Out = Outbox<Complaint>;

impl Machine for Raw {
    type Command = RawCommand;
    type Notice = Complaint;

    fn handle(&mut self, _: Timestamp, event: Event<'_, RawCommand>, out: &mut Out) {
        match self {
            Raw::Server(server) => server.handle(event, out),
            Raw::Client(client) => client.handle(event, out),
            Raw::Hostile(hostile) => hostile.handle(event, out),
        }
    }

    fn deadline(&self) -> Option<Timestamp> {
        None
    }
}

/// The longest frame, and the longest write, that every original node can read.
const BYTES_MAX: usize = 1024;

/// What one read of an original node comes to. It takes it for whole frames.
fn read_whole<'a>(mut bytes: &'a [u8], server: bool, out: &mut Out) -> Vec<Message<'a>> {
    let mut messages = Vec::new();
    let mut complain = |text: String| out.notice(Complaint(text));
    if bytes.len() > BYTES_MAX && !server {
        // Some read less at a time than others.
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
            Err(error) => complain(format!("a frame that makes no sense: {error}")),
        }
    }
    messages
}

/// An address as the world has it.
pub(super) fn dialled(node: usize) -> PeerAddress {
    crate::node::address(node).into()
}
