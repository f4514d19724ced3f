//! Many servers at once, beside a model that knows the whole network.
//!
//! In whatever order bytes arrive, and however they are cut: at rest every server knows
//! exactly the hosts of its part of the tree, with the right first links, and every chat
//! was delivered once or answered.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may fail"
)]

mod fixture;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crc_wire::Message;
use fixture::{Fixture, Kind, chat, config, quit, registration};
use proptest::prelude::*;

/// What may happen to a network.
#[derive(Debug, Clone)]
enum Step {
    /// A server joins below another.
    Server {
        parent: usize,
    },
    /// A client joins a server; sometimes with an id that another one has.
    Client {
        server: usize,
        id: u32,
        announces: bool,
    },
    /// A client quits, or closes its connection.
    Leave {
        client: usize,
        says_so: bool,
    },
    /// A client sends a chat to another one, or to an unknown id.
    Chat {
        from: usize,
        to: usize,
    },
    /// A server crashes; `Restart` brings it back.
    Kill {
        server: usize,
    },
    Restart {
        server: usize,
    },
    /// Some of what is in flight arrives.
    Wait,
}

fn step() -> impl Strategy<Value = Step> {
    let any = any::<usize>;
    let coin = proptest::bool::ANY;
    prop_oneof![
        2 => any().prop_map(|parent| Step::Server { parent }),
        6 => (any(), 0u32..12, coin)
            .prop_map(|(server, id, announces)| Step::Client { server, id: 100 + id, announces }),
        2 => (any(), coin).prop_map(|(client, says_so)| Step::Leave { client, says_so }),
        6 => (any(), any()).prop_map(|(from, to)| Step::Chat { from, to }),
        1 => any().prop_map(|server| Step::Kill { server }),
        1 => any().prop_map(|server| Step::Restart { server }),
        4 => Just(Step::Wait),
    ]
}

struct Client {
    peer: usize,
    id: u32,
    server: usize,
    /// It has neither quit, nor been refused, nor lost its server.
    living: bool,
    announces: bool,
    heard: Vec<Message<'static>>,
}

/// The servers, and a model of the whole network.
struct World {
    fixture: Fixture,
    parents: Vec<Option<usize>>,
    clients: Vec<Client>,
}

impl World {
    fn new(seed: u64) -> World {
        let mut fixture = Fixture::new(seed);
        fixture.server(None);
        World {
            fixture,
            parents: vec![None],
            clients: Vec::new(),
        }
    }

    fn apply(&mut self, step: &Step) {
        match *step {
            Step::Server { parent } if self.parents.len() < 8 => {
                let parent = parent % self.parents.len();
                self.parents.push(Some(parent));
                self.fixture
                    .server_with(self.config(self.parents.len() - 1));
            }
            Step::Client {
                server,
                id,
                announces,
            } => {
                let server = server % self.parents.len();
                if self.fixture.nodes[server].alive {
                    let peer = self.fixture.client(server, id);
                    self.clients.push(Client {
                        peer,
                        id,
                        server,
                        living: true,
                        announces,
                        heard: Vec::new(),
                    });
                }
            }
            Step::Leave { client, says_so } if !self.clients.is_empty() => {
                let client = client % self.clients.len();
                let client = &mut self.clients[client];
                if client.living && says_so {
                    self.fixture
                        .send_message(client.peer, &quit(client.id, "bye"));
                } else if client.living {
                    self.fixture.close_peer(client.peer);
                }
                client.living = false;
            }
            Step::Chat { from, to } if !self.clients.is_empty() => {
                let from = &self.clients[from % self.clients.len()];
                let to = 100 + u32::try_from(to % 14).unwrap();
                if from.living {
                    self.fixture
                        .send_message(from.peer, &chat(from.id, to, "hello"));
                }
            }
            Step::Kill { server } => {
                let server = server % self.parents.len();
                if self.fixture.nodes[server].alive {
                    // By now all servers know each other.
                    self.settle(true);
                    self.fixture.kill(server);
                    let lost = self.clients.iter_mut().filter(|c| c.server == server);
                    lost.for_each(|client| client.living = false);
                }
            }
            Step::Restart { server } => {
                let server = server % self.parents.len();
                if !self.fixture.nodes[server].alive {
                    self.fixture.restart(server, self.config(server));
                }
            }
            Step::Wait => self.settle(false),
            _ => {}
        }
    }

    /// A server dials its parent and, if that one is down, all others that may come before
    /// it.
    fn config(&self, server: usize) -> crc_core::Config {
        let mut config = config(server);
        let address = |server: usize| format!("s{server}:1").parse().unwrap();
        config.connect = self.parents[server].map(address).into_iter().collect();
        if server > 0 {
            config.connect.extend((0..server).map(address));
        }
        config
    }

    /// The network comes to rest, and clients read what they got.
    fn settle(&mut self, wholly: bool) {
        if wholly {
            self.fixture.rest();
        } else {
            self.fixture.soon();
        }
        for client in &mut self.clients {
            let heard = self.fixture.received(client.peer);
            let refused = heard
                .iter()
                .any(|message| matches!(message, Message::Status(s) if s.code.0 == 2));
            let welcomed = heard
                .iter()
                .any(|message| matches!(message, Message::Status(s) if s.code.0 == 0));
            if refused || self.fixture.peers[client.peer].ended {
                client.living = false;
            }
            if welcomed && client.announces && client.living {
                let info = "info [crc2;f=]";
                let again = registration(Kind::Client, client.id, None, info);
                self.fixture.send_message(client.peer, &again);
            }
            client.heard.extend(heard);
        }
    }

    /// The hosts that a running server reaches in the model's tree.
    fn expected(&self, server: usize) -> BTreeMap<u32, u32> {
        let id = |server: usize| u32::try_from(server).unwrap() + 1;
        let clients = |server: usize| {
            let local = self
                .clients
                .iter()
                .filter(move |c| c.living && c.server == server);
            local.map(|client| client.id)
        };
        let mut known: BTreeMap<_, _> = clients(server).map(|client| (client, client)).collect();
        for neighbour in self.neighbours(server) {
            let mut reached = BTreeSet::from([server, neighbour]);
            let mut edge = vec![neighbour];
            while let Some(next) = edge.pop() {
                known.insert(id(next), id(neighbour));
                known.extend(clients(next).map(|client| (client, id(neighbour))));
                edge.extend(
                    self.neighbours(next)
                        .into_iter()
                        .filter(|n| reached.insert(*n)),
                );
            }
        }
        known
    }

    /// A server's uplink.
    fn uplink(&self, server: usize) -> Option<usize> {
        let node = &self.fixture.nodes[server];
        let (uplink, _) = node.server.snapshot().uplink().filter(|_| node.alive)?;
        Some(uplink.get() as usize - 1)
    }

    fn neighbours(&self, server: usize) -> Vec<usize> {
        let linked = |other: &usize| {
            self.uplink(server) == Some(*other) || self.uplink(*other) == Some(server)
        };
        (0..self.parents.len()).filter(linked).collect()
    }

    /// All running servers are in one tree.
    fn check_tree(&self) {
        let living = (0..self.parents.len()).filter(|server| self.fixture.nodes[*server].alive);
        let living: Vec<_> = living.collect();
        let known = self.expected(living[0]);
        let rank = |server: usize| self.fixture.nodes[server].server.snapshot().rank();
        let shape = living
            .iter()
            .map(|server| (*server, rank(*server), self.uplink(*server)));
        let shape: Vec<_> = shape.collect();
        for server in &living[1..] {
            let id = u32::try_from(*server).unwrap() + 1;
            assert!(
                known.contains_key(&id),
                "no one tree (server, rank, uplink): {shape:?}"
            );
        }
    }

    fn check_at_rest(&mut self) {
        self.settle(true);
        // The last announcements arrive, and what follows from them.
        self.settle(true);
        if !self.fixture.nodes[0].alive {
            // All other servers have it as a candidate, also those that came back and
            // reached no server they know.
            self.fixture.restart(0, self.config(0));
            self.settle(true);
        }
        self.check_tree();
        for server in 0..self.parents.len() {
            if self.fixture.nodes[server].alive {
                assert_eq!(
                    self.fixture.known(server),
                    self.expected(server),
                    "server {server}"
                );
                for text in self.fixture.status_log(server) {
                    // A parent's client that wins, or an id that was taken for a while.
                    assert!(text.contains(" has already registered with ID "), "{text}");
                }
            }
        }
        for client in &self.clients {
            self.check_client(client);
        }
    }

    /// The frames that a client got are consistent, and at rest its list is right.
    fn check_client(&self, client: &Client) {
        let mut listed = BTreeSet::new();
        for message in &client.heard {
            match message {
                Message::ClientRegistration(m) => {
                    assert!(listed.insert(m.source.get()), "told twice of {}", m.source);
                    assert_ne!(m.source.get(), client.id, "told of itself");
                }
                Message::ClientQuit(m) => {
                    assert!(
                        listed.remove(&m.source.get()),
                        "a quit of the unknown {}",
                        m.source
                    );
                }
                Message::ServerRegistration(_) | Message::ServerQuit(_) => {
                    panic!("clients are not told of servers: {message:?}");
                }
                _ => {}
            }
        }
        if client.living {
            let expected = self.expected(client.server);
            let others = expected
                .into_keys()
                .filter(|id| *id >= 100 && *id != client.id);
            assert_eq!(listed, others.collect(), "client {}", client.id);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn at_rest_every_server_and_client_knows_the_network(
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 1..60)
    ) {
        let mut world = World::new(seed);
        for step in &steps {
            world.apply(step);
        }
        world.check_at_rest();
    }
}

/// A tree of eleven servers, as a line, a star or anything between.
fn tree(fixture: &mut Fixture) -> Vec<Option<usize>> {
    let parents = [
        None,
        Some(0),
        Some(0),
        Some(1),
        Some(1),
        Some(3),
        Some(3),
        Some(1),
        Some(5),
        Some(6),
        Some(6),
    ];
    for parent in parents {
        fixture.server(parent);
    }
    parents.to_vec()
}

#[test]
fn a_chat_over_three_hops_arrives_once_and_in_order() {
    let mut fixture = Fixture::new(3);
    tree(&mut fixture);
    fixture.rest();
    let far = fixture.v2_client(8, 101);
    let near = fixture.v2_client(4, 102);
    fixture.soon();
    fixture.received(near);
    let chats: Vec<_> = (0..100).map(|n| chat(101, 102, &format!("{n}"))).collect();
    chats
        .iter()
        .for_each(|chat| fixture.send_message(far, chat));
    fixture.soon();
    assert_eq!(fixture.received(near), chats);
    fixture.received(far);
    fixture.send_message(near, &chat(102, 101, "and back"));
    fixture.send_message(near, &chat(102, 999, "to nobody"));
    fixture.soon();
    assert_eq!(fixture.received(far), [chat(102, 101, "and back")]);
}

#[test]
fn without_any_server_the_others_are_one_tree_again() {
    for lost in 0..11 {
        let mut fixture = Fixture::new(lost as u64);
        tree(&mut fixture);
        fixture.rest();
        let clients: Vec<_> = (0..11)
            .map(|server| fixture.v2_client(server, 100 + server as u32))
            .collect();
        fixture.soon();
        fixture.kill(lost);
        fixture.run(Duration::from_secs(30));
        for server in (0..11).filter(|server| *server != lost) {
            assert_eq!(fixture.known(server).len(), 19, "{server} without {lost}");
            fixture.received(clients[server]);
            let other = (server + 1..).map(|n| n % 11).find(|n| *n != lost).unwrap();
            let client = |server: usize| 100 + server as u32;
            let words = chat(client(server), client(other), "still there?");
            fixture.send_message(clients[server], &words);
            fixture.soon();
            assert!(fixture.received(clients[other]).contains(&words));
        }
    }
}

#[test]
fn ranks_and_machine_parts_reach_every_server() {
    let mut fixture = Fixture::new(5);
    let parents = tree(&mut fixture);
    fixture.rest();
    let depth = |mut server: usize| {
        let mut depth = 0;
        while let Some(parent) = parents[server] {
            (server, depth) = (parent, depth + 1);
        }
        depth
    };
    // The server that another one is linked to, on the way from a viewer.
    let before = |other: usize, mut viewer: usize| loop {
        match parents[viewer] {
            Some(parent) if parent == other => return viewer,
            Some(parent) => viewer = parent,
            None => return parents[other].unwrap(),
        }
    };
    for (viewer, node) in fixture.nodes.iter().enumerate() {
        for host in node.server.snapshot().directory().iter() {
            let other = host.id().get() as usize - 1;
            let address = format!("a=127.0.0.1:{}", 1000 + other);
            let machine = format!(
                " [crc2;{address};r={};f=server-quit,channels,channel-age,oper,people,metadata,tags,questions;h={}]",
                depth(other),
                before(other, viewer) + 1
            );
            assert_eq!(host.machine(), Some(&*machine));
            assert_eq!(
                host.info(),
                format!("Server {other}"),
                "people do not see it"
            );
        }
    }
}
