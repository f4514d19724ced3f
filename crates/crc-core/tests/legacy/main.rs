//! The legacy protocol of IRC: what its users and servers get, to the byte.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may fail"
)]

mod any_line;
#[path = "../fixture/mod.rs"]
mod fixture;
mod gateway;
mod mesh;
mod server;
mod user;

use std::time::Duration;

use crc_core::{HostKind, ListenerId, PeerAddress, TextProtocol};
use crc_wire::{
    ChannelField, ChannelName, ChannelSetting, ChatKind, HostId, Info, MemberFlags, Message, Name,
    Registration, Text,
};
use fixture::{Fixture, Kind, LEGACY, chat, config, quit, registration};
use proptest::prelude::*;

/// Servers, and scripted users and servers of the legacy protocol.
struct Net {
    fixture: Fixture,
}

impl Net {
    fn new() -> Self {
        Net {
            fixture: Fixture::new(1),
        }
    }

    /// One server that speaks the legacy protocol.
    fn of(name: &str) -> (Self, usize) {
        let mut net = Net::new();
        let server = net.server(name, &[], &[]);
        (net, server)
    }

    /// A server with legacy uplinks and CRC uplinks.
    fn server(&mut self, name: &str, legacy: &[&str], frames: &[&str]) -> usize {
        let config = self.config(name, legacy, frames);
        let node = self.fixture.server_with(config);
        self.fixture.run(Duration::from_secs(3));
        node
    }

    fn config(&self, name: &str, legacy: &[&str], frames: &[&str]) -> crc_core::Config {
        let address = |to: &&str| -> PeerAddress { to.parse().unwrap() };
        let mut config = config(self.fixture.nodes.len());
        config.name = Name::new(name.to_owned()).unwrap();
        config.info = Info::new(format!("Info of {name}")).unwrap();
        config.text_listeners = vec![(LEGACY, TextProtocol::Legacy)];
        config.legacy_connect = legacy.iter().map(address).collect();
        config.connect = frames.iter().map(address).collect();
        config
    }

    /// Three servers, the second and third linked to the first.
    fn trio() -> (Self, [usize; 3]) {
        let (mut net, shire) = Net::of("theshire.nz");
        let rivendale = net.server("rivendale.nz", &["c0:1"], &[]);
        let minastirith = net.server("minastirith.nz", &["c0:1"], &[]);
        (net, [shire, rivendale, minastirith])
    }

    /// A new connection that sends a line.
    fn open(&mut self, node: usize, line: &str) -> usize {
        let peer = self.fixture.connect_at(node, LEGACY);
        self.send_line(peer, line);
        peer
    }

    /// A user who has been welcomed.
    fn user(&mut self, node: usize, nick: &str) -> usize {
        let peer = self.open(node, &format!("USER {nick} box srv :Mx {nick}"));
        let welcome = self.read_lines(peer).pop().unwrap();
        let text = format!("001 :Welcome to the Internet Relay Network {nick}!{nick}@box");
        assert!(welcome.ends_with(&text), "{welcome}");
        peer
    }

    fn send_line(&mut self, peer: usize, line: &str) {
        self.fixture.send(peer, format!("{line}\r\n").as_bytes());
        self.fixture.soon();
    }

    /// The lines that came since the last time.
    fn read_lines(&mut self, peer: usize) -> Vec<String> {
        self.fixture.soon();
        let bytes = std::mem::take(&mut self.fixture.peers[peer].bytes);
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.is_empty() || text.ends_with("\r\n"), "{text:?}");
        text.split_terminator("\r\n").map(str::to_owned).collect()
    }

    fn expect_nothing(&mut self, peers: &[usize]) {
        for peer in peers {
            assert_eq!(self.read_lines(*peer), [""; 0], "{peer}");
        }
    }

    fn ended(&self, peer: usize) -> bool {
        self.fixture.peers[peer].ended
    }

    /// Servers, users and channels (name, key, topic, members) that a server knows.
    fn state(&self, node: usize) -> (Vec<String>, Vec<String>, Vec<Channel>) {
        let snapshot = self.fixture.nodes[node].server.snapshot();
        let (nicks, servers) = (snapshot.nicks().unwrap(), snapshot.server_names().unwrap());
        let mut names = Vec::new();
        let mut users = Vec::new();
        for host in snapshot.directory().iter() {
            match host.kind() {
                HostKind::Server => names.push(servers.of(host.id()).unwrap().to_owned()),
                HostKind::Client => users.push(nicks.of(host.id()).unwrap().to_owned()),
            }
        }
        names.sort();
        users.sort();
        let channels = snapshot.channels().iter().map(|channel| {
            let members = channel.members().map(|(id, _)| nicks.of(id).unwrap());
            let mut members: Vec<_> = members.map(str::to_owned).collect();
            members.sort();
            let texts = [channel.name(), channel.key(), channel.topic()];
            (texts.map(str::to_owned), members)
        });
        (names, users, channels.collect())
    }

    fn users(&self, node: usize) -> Vec<String> {
        self.state(node).1
    }

    fn channels(&self, node: usize) -> Vec<Channel> {
        self.state(node).2
    }

    /// A scripted neighbour, and the burst that it gets.
    fn adjacent(&mut self, node: usize, name: &str) -> (usize, Vec<String>) {
        let peer = self.open(node, &format!("SERVER {name} 1 :Info of {name}"));
        let listing = self.read_lines(peer);
        (peer, listing)
    }
}

type Channel = ([String; 3], Vec<String>);

fn channel(name: &str, key: &str, topic: &str, members: &[&str]) -> Channel {
    let members = members.iter().map(|nick| (*nick).to_owned()).collect();
    ([name, key, topic].map(str::to_owned), members)
}
