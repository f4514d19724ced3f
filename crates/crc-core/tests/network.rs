//! Many servers at once, beside a model that knows the whole network.
//!
//! Whatever happens, in whatever order bytes arrive and however they are cut:
//! when things have come to rest, every server knows exactly the hosts of its
//! part of the tree, by the right first links, and every chat has been
//! delivered once or answered.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may fail"
)]

mod rig;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crc_wire::Message;
use proptest::prelude::*;
use rig::{Kind, Rig, chat, config, quit, registration};

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
    /// A client quits, or just goes.
    Leave {
        client: usize,
        says_so: bool,
    },
    /// A client speaks to another, or to nobody.
    Chat {
        from: usize,
        to: usize,
    },
    /// A server dies; `Restart` brings it back.
    Kill {
        server: usize,
    },
    Restart {
        server: usize,
    },
    /// Some of what is on its way arrives.
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
    raw: usize,
    id: u32,
    server: usize,
    /// It has neither quit, nor been refused, nor lost its server.
    living: bool,
    announces: bool,
    heard: Vec<Message<'static>>,
}

/// The network as somebody sees it who sees all of it.
struct World {
    rig: Rig,
    parents: Vec<Option<usize>>,
    clients: Vec<Client>,
}

impl World {
    fn new(seed: u64) -> World {
        let mut rig = Rig::new(seed);
        rig.server(None);
        World {
            rig,
            parents: vec![None],
            clients: Vec::new(),
        }
    }

    fn apply(&mut self, step: &Step) {
        match *step {
            Step::Server { parent } if self.parents.len() < 8 => {
                let parent = parent % self.parents.len();
                self.parents.push(Some(parent));
                self.rig.server_with(self.config(self.parents.len() - 1));
            }
            Step::Client {
                server,
                id,
                announces,
            } => {
                let server = server % self.parents.len();
                if self.rig.nodes[server].alive {
                    let raw = self.rig.client(server, id);
                    self.clients.push(Client {
                        raw,
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
                    self.rig.say(client.raw, &quit(client.id, "bye"));
                } else if client.living {
                    self.rig.cut_raw(client.raw);
                }
                client.living = false;
            }
            Step::Chat { from, to } if !self.clients.is_empty() => {
                let from = &self.clients[from % self.clients.len()];
                let to = 100 + u32::try_from(to % 14).unwrap();
                if from.living {
                    self.rig.say(from.raw, &chat(from.id, to, "hello"));
                }
            }
            Step::Kill { server } => {
                let server = server % self.parents.len();
                if self.rig.nodes[server].alive {
                    // Everybody has heard of everybody else by now.
                    self.settle(true);
                    self.rig.kill(server);
                    let lost = self.clients.iter_mut().filter(|c| c.server == server);
                    lost.for_each(|client| client.living = false);
                }
            }
            Step::Restart { server } => {
                let server = server % self.parents.len();
                if !self.rig.nodes[server].alive {
                    self.rig.restart(server, self.config(server));
                }
            }
            Step::Wait => self.settle(false),
            _ => {}
        }
    }

    /// A server is told of its parent and, in case that one is not there, of all
    /// others that may be before it.
    fn config(&self, server: usize) -> crc_core::Config {
        let mut config = config(server);
        let address = |server: usize| format!("s{server}:1").parse().unwrap();
        config.connect = self.parents[server].map(address).into_iter().collect();
        if server > 0 {
            config.connect.extend((0..server).map(address));
        }
        config
    }

    /// Lets things come to rest, and clients hear what they were told.
    fn settle(&mut self, wholly: bool) {
        if wholly {
            self.rig.rest();
        } else {
            self.rig.soon();
        }
        for client in &mut self.clients {
            let heard = self.rig.heard(client.raw);
            let refused = heard
                .iter()
                .any(|message| matches!(message, Message::Status(s) if s.code.0 == 2));
            let welcomed = heard
                .iter()
                .any(|message| matches!(message, Message::Status(s) if s.code.0 == 0));
            if refused || self.rig.raws[client.raw].ended {
                client.living = false;
            }
            if welcomed && client.announces && client.living {
                let info = "info [crc2;f=]";
                let again = registration(Kind::Client, client.id, None, info);
                self.rig.say(client.raw, &again);
            }
            client.heard.extend(heard);
        }
    }

    /// Whom each living server reaches, by the model's tree.
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

    /// The tree as the servers have made it: each one's uplink.
    fn uplink(&self, server: usize) -> Option<usize> {
        let node = &self.rig.nodes[server];
        let (uplink, _) = node.server.snapshot().uplink().filter(|_| node.alive)?;
        Some(uplink.get() as usize - 1)
    }

    fn neighbours(&self, server: usize) -> Vec<usize> {
        let linked = |other: &usize| {
            self.uplink(server) == Some(*other) || self.uplink(*other) == Some(server)
        };
        (0..self.parents.len()).filter(linked).collect()
    }

    /// All that live are in one tree.
    fn judge_tree(&self) {
        let living = (0..self.parents.len()).filter(|server| self.rig.nodes[*server].alive);
        let living: Vec<_> = living.collect();
        let known = self.expected(living[0]);
        let rank = |server: usize| self.rig.nodes[server].server.snapshot().rank();
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

    fn judge(&mut self) {
        self.settle(true);
        // Announcements that were made at the end are heard, and what follows.
        self.settle(true);
        if !self.rig.nodes[0].alive {
            // The one that all the others have been told of, those too that
            // came back to nobody whom they know.
            self.rig.restart(0, self.config(0));
            self.settle(true);
        }
        self.judge_tree();
        for server in 0..self.parents.len() {
            if self.rig.nodes[server].alive {
                assert_eq!(
                    self.rig.known(server),
                    self.expected(server),
                    "server {server}"
                );
                for text in self.rig.status_log(server) {
                    // A parent's client that wins, or a place that was taken for a while.
                    assert!(text.contains(" has already registered with ID "), "{text}");
                }
            }
        }
        for client in &self.clients {
            self.judge_client(client);
        }
    }

    /// What a client was told makes sense by itself, and at the end is true.
    fn judge_client(&self, client: &Client) {
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
    fn at_rest_everybody_knows_what_is_so(
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 1..60)
    ) {
        let mut world = World::new(seed);
        for step in &steps {
            world.apply(step);
        }
        world.judge();
    }
}

/// A tree of eleven servers, as a line, a star or anything between.
fn tree(rig: &mut Rig) -> Vec<Option<usize>> {
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
        rig.server(parent);
    }
    parents.to_vec()
}

#[test]
fn a_chat_over_three_hops_arrives_once_and_in_order() {
    let mut rig = Rig::new(3);
    tree(&mut rig);
    rig.rest();
    let far = rig.our_client(8, 101);
    let near = rig.our_client(4, 102);
    rig.soon();
    rig.heard(near);
    let chats: Vec<_> = (0..100).map(|n| chat(101, 102, &format!("{n}"))).collect();
    chats.iter().for_each(|chat| rig.say(far, chat));
    rig.soon();
    assert_eq!(rig.heard(near), chats);
    rig.heard(far);
    rig.say(near, &chat(102, 101, "and back"));
    rig.say(near, &chat(102, 999, "to nobody"));
    rig.soon();
    assert_eq!(rig.heard(far), [chat(102, 101, "and back")]);
}

#[test]
fn without_any_of_them_the_others_are_one_tree_again() {
    for lost in 0..11 {
        let mut rig = Rig::new(lost as u64);
        tree(&mut rig);
        rig.rest();
        let clients: Vec<_> = (0..11)
            .map(|server| rig.our_client(server, 100 + server as u32))
            .collect();
        rig.soon();
        rig.kill(lost);
        rig.run(Duration::from_secs(30));
        for server in (0..11).filter(|server| *server != lost) {
            assert_eq!(rig.known(server).len(), 19, "{server} without {lost}");
            rig.heard(clients[server]);
            let other = (server + 1..).map(|n| n % 11).find(|n| *n != lost).unwrap();
            let client = |server: usize| 100 + server as u32;
            let words = chat(client(server), client(other), "still there?");
            rig.say(clients[server], &words);
            rig.soon();
            assert!(rig.heard(clients[other]).contains(&words));
        }
    }
}

#[test]
fn ranks_and_machine_parts_reach_everybody() {
    let mut rig = Rig::new(5);
    let parents = tree(&mut rig);
    rig.rest();
    let depth = |mut server: usize| {
        let mut depth = 0;
        while let Some(parent) = parents[server] {
            (server, depth) = (parent, depth + 1);
        }
        depth
    };
    for node in &rig.nodes {
        for host in node.server.snapshot().directory().iter() {
            let other = host.id().get() as usize - 1;
            let address = format!("a=127.0.0.1:{}", 1000 + other);
            let machine = format!(
                " [crc2;{address};r={};f=server-quit,channels]",
                depth(other)
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
