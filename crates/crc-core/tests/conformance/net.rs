//! A network with users of IRC, who have names here instead of numbers.

use std::collections::BTreeMap;
use std::time::Duration;

use crc_core::{
    Config, Event, ListenerId, OperatorConfig, PasswordHash, Powers, ServerCommand, ServerNotice,
    TextProtocol,
};

use crate::fixture::{Fixture, config};
use crate::pattern::Line;

const IRC: ListenerId = ListenerId(1);

/// A user, or a connection that has not registered.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) peer: usize,
    pub(crate) server: usize,
    /// What came and was not looked at.
    pub(crate) unread: Vec<Line>,
    /// A transcript has looked at what came since the last line was sent.
    pub(crate) is_watched: bool,
}

/// A network, its users, and what was captured from lines.
pub(crate) struct Net {
    pub(crate) fixture: Fixture,
    pub(crate) users: BTreeMap<String, User>,
    pub(crate) captured: BTreeMap<String, String>,
    servers: usize,
}

impl Net {
    /// Servers in a line: each one links to the one before it. `chief` may become an operator
    /// with all powers, by the password `secret`.
    pub(crate) fn new(servers: usize, set: fn(&mut Config)) -> Net {
        let mut fixture = Fixture::new(7);
        for number in 0..servers {
            let mut config = config(number);
            config.text_listeners = vec![(IRC, TextProtocol::Irc)];
            config.started_at_unix_ms = 1_700_000_000_000;
            config.limits.irc_lines_per_second = 0;
            config.operators = vec![OperatorConfig {
                name: "chief".into(),
                password: Some(PasswordHash("hash of secret".into())),
                certificate: None,
                powers: Powers::ALL,
            }];
            if let Some(uplink) = number.checked_sub(1) {
                config.connect = vec![format!("s{uplink}:1").parse().unwrap()];
            }
            set(&mut config);
            fixture.server_with(config);
        }
        fixture.run(Duration::from_secs(3));
        Net {
            fixture,
            users: BTreeMap::new(),
            captured: BTreeMap::new(),
            servers,
        }
    }

    /// Opens a connection. The first one is to one end of the line, the second one to the other
    /// end, the third one to a server between them.
    pub(crate) fn connect(&mut self, name: &str) {
        let all: Vec<_> = (0..self.servers).collect();
        let order = match &*all {
            [first, between @ .., last] => [&[*first, *last], between].concat(),
            one => one.to_vec(),
        };
        let server = order[self.users.len() % order.len()];
        let peer = self.fixture.connect_at(server, IRC);
        let user = User {
            peer,
            server,
            unread: Vec::new(),
            is_watched: false,
        };
        let before = self.users.insert(name.to_owned(), user);
        assert!(before.is_none(), "{name} is connected already");
    }

    /// A user that has registered with capabilities, and has read the welcome.
    pub(crate) fn join(&mut self, name: &str, capabilities: &str) {
        self.connect(name);
        if !capabilities.is_empty() {
            self.send(name, &format!("CAP REQ :{capabilities}"));
            let answer = self.take(name);
            let is_granted = answer[0].params.get(1).is_some_and(|word| word == "ACK");
            assert!(is_granted, "{capabilities}: {answer:?}");
        }
        self.send(name, &format!("NICK {name}"));
        self.send(name, &format!("USER {name} 0 * :Real {name}"));
        self.send(name, "CAP END");
        let welcome = self.take(name);
        assert_eq!(welcome[0].command, "001", "{welcome:?}");
    }

    /// A user ends its connection without a word.
    pub(crate) fn disconnect(&mut self, name: &str) {
        self.fixture.close_peer(self.users[name].peer);
        self.settle();
    }

    /// Sends a line, in which `{byte e9}` is one byte.
    pub(crate) fn send(&mut self, name: &str, line: &str) {
        let peer = self.users[name].peer;
        let mut parts = line.split("{byte ");
        let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
        for part in parts {
            let (byte, rest) = part.split_once('}').expect("a closing brace");
            bytes.push(u8::from_str_radix(byte, 16).unwrap());
            bytes.extend_from_slice(rest.as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        self.fixture.send(peer, &bytes);
        self.settle();
    }

    /// Passes time.
    pub(crate) fn wait(&mut self, time: Duration) {
        self.fixture.run(time);
        self.settle();
    }

    /// Delivers everything, and compares the passwords that servers want to have compared.
    fn settle(&mut self) {
        loop {
            self.fixture.soon();
            let mut commands = Vec::new();
            for (number, node) in self.fixture.nodes.iter_mut().enumerate() {
                for notice in std::mem::take(&mut node.notices) {
                    if let ServerNotice::CheckPassword {
                        number: check,
                        hash,
                        password,
                    } = notice
                    {
                        let is_right = format!("hash of {}", password.expose()) == *hash.0;
                        let number_of_check = check;
                        let command = ServerCommand::PasswordChecked {
                            number: number_of_check,
                            is_right,
                        };
                        commands.push((number, command));
                    }
                }
            }
            if commands.is_empty() {
                break;
            }
            for (node, command) in commands {
                self.fixture.handle(node, Event::Command(command));
            }
        }
        for user in self.users.values_mut() {
            let peer = &mut self.fixture.peers[user.peer];
            peer.writes.clear();
            let bytes = std::mem::take(&mut peer.bytes);
            let text = String::from_utf8(bytes).expect("all lines are UTF-8");
            assert!(text.is_empty() || text.ends_with("\r\n"), "{text:?}");
            let lines = text.split_terminator("\r\n").map(Line::parse);
            user.unread.extend(lines);
        }
    }

    /// The lines that a user has not looked at.
    pub(crate) fn take(&mut self, name: &str) -> Vec<Line> {
        self.settle();
        let user = self.users.get_mut(name).unwrap();
        std::mem::take(&mut user.unread)
    }

    /// Whether a server has ended the connection of a user.
    pub(crate) fn is_closed(&self, name: &str) -> bool {
        self.fixture.peers[self.users[name].peer].ended
    }

    /// The name of the server at which a user is.
    pub(crate) fn server_of(&self, name: &str) -> String {
        format!("server{}", self.users[name].server)
    }
}
