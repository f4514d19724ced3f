//! IRC without sockets: what IRC clients get, line by line, and how they and the other
//! hosts of the network see each other.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may fail"
)]

mod across;
mod any_line;
mod ban;
mod channel;
mod elsewhere;
#[path = "../fixture/mod.rs"]
mod fixture;
mod label;
mod masks;
mod merge;
mod message;
mod monitor;
mod names;
mod operator;
mod order;
mod password;
mod query;
mod registration;
mod rename;
mod session;
mod tagged;
mod webirc;

use std::time::Duration;

use crc_core::{ListenerId, ServerCommand, TextProtocol};
use crc_wire::{
    ChannelChat, ChannelField, ChannelName, ChannelRequest, ChatKind, HostId, Message, RequestKind,
    StatusCode, Text,
};
use fixture::{Fixture, Kind, chat, config, id, registration, status};
use proptest::prelude::*;

const IRC: ListenerId = ListenerId(1);
const LEGACY: ListenerId = ListenerId(2);

/// A network with users of IRC.
struct Net {
    fixture: Fixture,
}

impl Net {
    /// A root `server0`, and `servers - 1` linked to it, all of which speak IRC.
    fn new(servers: usize) -> Net {
        Net::with(servers, |_| {})
    }

    fn with(servers: usize, set: impl Fn(&mut crc_core::Config)) -> Net {
        let mut fixture = Fixture::new(7);
        for number in 0..servers {
            let mut config = config(number);
            config.text_listeners = vec![(IRC, TextProtocol::Irc), (LEGACY, TextProtocol::Legacy)];
            config.started_at_unix_ms = 1_700_000_000_000;
            config.limits.irc_lines_per_second = 0;
            if number > 0 {
                config.connect = vec!["s0:1".parse().unwrap()];
            }
            set(&mut config);
            fixture.server_with(config);
        }
        fixture.run(Duration::from_secs(3));
        Net { fixture }
    }

    fn connect(&mut self, node: usize) -> usize {
        self.fixture.connect_at(node, IRC)
    }

    /// A user that has registered, and has read the welcome.
    fn user(&mut self, node: usize, nick: &str) -> usize {
        let peer = self.connect(node);
        self.request(peer, &format!("NICK {nick}"));
        let welcome = self.request(peer, &format!("USER {nick} 0 * :Real {nick}"));
        assert!(welcome[0].contains(" 001 "), "{welcome:?}");
        peer
    }

    /// The same, with capabilities.
    fn user_with(&mut self, node: usize, nick: &str, capabilities: &str) -> usize {
        let peer = self.user(node, nick);
        let answer = self.request(peer, &format!("CAP REQ :{capabilities}"));
        assert_eq!(
            answer,
            [format!(":server{node} CAP {nick} ACK :{capabilities}")]
        );
        peer
    }

    /// A CRC client that supports channels.
    fn crc(&mut self, node: usize, client: u32) -> usize {
        let peer = self.fixture.client(node, client);
        let info = "info [crc2;f=channels]";
        self.fixture
            .send_message(peer, &registration(Kind::Client, client, None, info));
        self.fixture.soon();
        self.fixture.received(peer);
        peer
    }

    fn send_line(&mut self, peer: usize, line: &str) {
        self.fixture.send(peer, format!("{line}\r\n").as_bytes());
    }

    fn read_bytes(&mut self, peer: usize) -> Vec<u8> {
        self.fixture.soon();
        self.fixture.peers[peer].writes.clear();
        std::mem::take(&mut self.fixture.peers[peer].bytes)
    }

    /// The lines that came since the last time, with `ID` for the ids of hosts.
    fn read_lines(&mut self, peer: usize) -> Vec<String> {
        let bytes = self.read_bytes(peer);
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.is_empty() || text.ends_with("\r\n"), "{text:?}");
        let lines = text.split_terminator("\r\n");
        let lines = lines.inspect(|line| {
            let tags = line.starts_with('@').then(|| line.find(' ').unwrap() + 1);
            assert!(line.len() - tags.unwrap_or(0) <= 510, "{line:?}");
            assert!(!line.contains(['\0', '\r', '\n']), "{line:?}");
        });
        lines.map(without_ids).collect()
    }

    fn request(&mut self, peer: usize, line: &str) -> Vec<String> {
        self.send_line(peer, line);
        self.read_lines(peer)
    }

    /// Sends a line, and gets exactly these lines.
    #[track_caller]
    fn expect(&mut self, peer: usize, line: &str, expected: &[&str]) {
        assert_eq!(self.request(peer, line), expected, "{line}");
    }

    /// Exactly these lines came.
    #[track_caller]
    fn expect_lines(&mut self, peer: usize, expected: &[&str]) {
        assert_eq!(self.read_lines(peer), expected);
    }

    fn discard(&mut self, peers: &[usize]) {
        for peer in peers {
            self.read_lines(*peer);
        }
    }

    /// The id of a nick at a server.
    fn id_of(&self, node: usize, nick: &str) -> HostId {
        let snapshot = self.fixture.nodes[node].server.snapshot();
        snapshot.nicks().unwrap().find(nick).unwrap()
    }

    fn members(&self, node: usize, channel: &str) -> Vec<String> {
        let snapshot = self.fixture.nodes[node].server.snapshot();
        let nicks = snapshot.nicks().unwrap();
        let Some(channel) = snapshot.channels().find(channel) else {
            return Vec::new();
        };
        let mut members: Vec<_> = channel
            .members()
            .map(|(id, flags)| format!("{}{}", flags.byte(), nicks.of(id).unwrap()))
            .collect();
        members.sort();
        members
    }
}

fn without_ids(line: &str) -> String {
    let mut text = String::new();
    let mut parts = line.split(".crc").peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_some() {
            text.push_str(part.trim_end_matches(|c: char| c.is_ascii_digit()));
            text.push_str("ID.crc");
        } else {
            text.push_str(part);
        }
    }
    text
}

fn channel_frame(source: u32, name: &str, text: &str) -> Message<'static> {
    Message::ChannelChat(ChannelChat {
        source: id(source),
        kind: ChatKind::Message,
        channel: ChannelName::new(name.to_owned()).unwrap(),
        text: Text::new(text.to_owned()).unwrap(),
    })
}

fn channel_request(
    source: u32,
    destination: Option<HostId>,
    kind: RequestKind,
    name: &str,
    text: &str,
) -> Message<'static> {
    Message::ChannelRequest(ChannelRequest {
        source: id(source),
        destination,
        kind,
        channel: ChannelName::new(name.to_owned()).ok(),
        text: Text::new(text.to_owned()).unwrap(),
    })
}
