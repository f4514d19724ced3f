//! What is done to the network on purpose, one step of the plan at a time, and
//! how the trouble ends. Everything here is something that happens to TCP and
//! to processes; nothing reaches into a machine.

use core::time::Duration;
use std::io::ErrorKind;

use crc_core::{ClientCommand, PeerVersion, Random, ServerCommand, Timestamp};
use crc_wire::HostId;

use crate::chats::NOBODY;
use crate::node::{Birth, Role};
use crate::options::Happening;
use crate::plan::Act;
use crate::raw::RawCommand;
use crate::world::{Entry, Told, World};
use crc_netem::{Conditions, Draw, Failure, Partition, Phase, mix};

impl World {
    pub(crate) fn step(&mut self, index: usize) {
        let step = self.plan.steps[index];
        let mut random = Random::new(step.pick);
        self.trace
            .line(self.net.now(), || format!("step {index}: {:?}", step.act));
        match step.act {
            Act::Start(node) => {
                if self.net.host(node).life() == 0 {
                    self.begin(node);
                }
            }
            Act::Channel(act) => self.act_in_channel(act, &mut random),
            Act::Happen(kind) => {
                if self.happen(kind, &mut random) {
                    self.counts.happened[kind as usize] += 1;
                }
            }
        }
    }

    /// One of the nodes that are so.
    fn any(&self, random: &mut Random, is: impl Fn(&World, usize) -> bool) -> Option<usize> {
        let begin = random.index(self.nodes.len());
        let all = (begin..self.nodes.len()).chain(0..begin);
        let mut such = all.filter(|&node| self.net.host(node).is_alive() && is(self, node));
        such.next()
    }

    fn any_server(&self, random: &mut Random) -> Option<usize> {
        // The root and its like are hit more often.
        if random.chance(15) && self.net.host(0).is_alive() {
            return Some(0);
        }
        self.any(random, |world, node| world.nodes[node].server().is_some())
    }

    fn any_client(&self, random: &mut Random) -> Option<usize> {
        self.any(random, |world, node| world.nodes[node].client().is_some())
    }

    /// A connection between nodes of ours that stands.
    fn any_connection(&self, random: &mut Random, servers: bool) -> Option<usize> {
        let node = if servers {
            self.any_server(random)?
        } else {
            self.any_client(random)?
        };
        let such = self.net.host(node).ends().iter().filter(|(connection, _)| {
            let ends = self.net.connections()[*connection].ends();
            let stands = |phase| !matches!(phase, Phase::Coming | Phase::Gone);
            let ours = ends.iter().all(|end| {
                stands(end.phase()) && !matches!(self.nodes[end.host()].birth, Birth::Raw(_))
            });
            let both = ends
                .iter()
                .all(|end| self.nodes[end.host()].server().is_some());
            ours && (both || !servers)
        });
        let such: Vec<usize> = such.map(|end| end.0).collect();
        such.get(random.index(such.len())).copied()
    }

    fn again(&mut self, node: usize, after: Duration) {
        let life = self.net.host(node).life();
        self.net
            .schedule(self.net.now() + after, Entry::Begin { node, life });
    }

    fn happen(&mut self, kind: Happening, random: &mut Random) -> bool {
        match kind {
            Happening::Say => self.chatter(random),
            Happening::Quit => self.any_client(random).is_some_and(|client| {
                let text = "bye".to_owned();
                self.handle(client, Told::Client(ClientCommand::Quit { text }));
                if random.chance(60) {
                    let after = random.millis(0, 5_000);
                    self.again(client, after);
                } else {
                    self.nodes[client].goes = true;
                }
                true
            }),
            Happening::ClientDies => self.any_client(random).is_some_and(|client| {
                let death = random.one_of(&[Failure::Process, Failure::Process, Failure::Computer]);
                self.die(client, death);
                if random.chance(70) {
                    let after = random.millis(0, 3_000);
                    self.again(client, after);
                } else {
                    self.nodes[client].goes = true;
                }
                true
            }),
            Happening::Crash => self.any_server(random).is_some_and(|server| {
                self.crash(server, random);
                true
            }),
            Happening::Leave => self.any_server(random).is_some_and(|server| {
                let reason = "maintenance".into();
                self.handle(server, Told::Server(ServerCommand::Leave { reason }));
                if random.chance(70) {
                    let after = random.millis(2_500, 20_000);
                    self.again(server, after);
                } else {
                    self.nodes[server].goes = true;
                }
                true
            }),
            Happening::Cut => {
                let servers = random.chance(75);
                let Some(connection) = self.any_connection(random, servers) else {
                    return false;
                };
                for side in 0..2 {
                    let after = random.one_of(&[(0, 5), (0, 500), (0, 20_000)]);
                    let after = random.millis(after.0, after.1);
                    self.net
                        .reset_after(connection, side, after, ErrorKind::ConnectionReset);
                }
                self.silence(connection, random);
                true
            }
            Happening::HalfOpen => {
                let servers = random.chance(75);
                let Some(connection) = self.any_connection(random, servers) else {
                    return false;
                };
                self.net.black_hole(connection);
                let knows = random.index(2);
                let after = random.millis(0, 2_000);
                self.net
                    .reset_after(connection, knows, after, ErrorKind::ConnectionReset);
                // Between servers the other end may never learn it from TCP.
                let never = servers && random.chance(50) && self.is_asked(connection);
                if !never {
                    let after = random.millis(10_000, 33_000);
                    self.net
                        .reset_after(connection, 1 - knows, after, ErrorKind::TimedOut);
                }
                true
            }
            Happening::Stall => {
                let servers = random.chance(60);
                let Some(connection) = self.any_connection(random, servers) else {
                    return false;
                };
                let most = random.one_of(&[100, 3_000, 20_000]);
                let until = self.by_calm(random.millis(0, most));
                let both = random.chance(50);
                let one = random.index(2);
                for side in 0..2 {
                    if both || side == one {
                        self.net.stall(connection, side, until);
                    }
                }
                true
            }
            Happening::Freeze => {
                let server = random.chance(80);
                let node = if server {
                    self.any_server(random)
                } else {
                    self.any_client(random)
                };
                let Some(node) = node else { return false };
                let most = random.one_of(&[50, 2_000, 12_000, 60_000]);
                let until = self.by_calm(random.millis(0, most));
                self.net.freeze(node, until);
                true
            }
            Happening::Partition => {
                let most = random.one_of(&[1_000, 10_000, 25_000]);
                let until = self.by_calm(random.millis(0, most));
                let salt = random.next_u64();
                self.net.set_partition(Some(Partition { salt, until }));
                true
            }
            Happening::Hostile => {
                let hostile = self.any(random, |world, node| {
                    matches!(&world.nodes[node].role, Role::Raw(raw) if !raw.is_original())
                });
                hostile.is_some_and(|hostile| {
                    let act = RawCommand::Act(random.next_u64());
                    self.handle(hostile, Told::Raw(act));
                    true
                })
            }
            Happening::EarlyTick => {
                let node = random.index(self.nodes.len());
                let host = self.net.host(node);
                let alive = host.is_alive() && host.frozen_until() <= self.now();
                if alive {
                    self.handle(node, Told::Tick);
                }
                alive
            }
        }
    }

    /// Whether both ends ask each other from time to time whether they are there.
    fn is_asked(&self, connection: usize) -> bool {
        self.net.connections()[connection].ends().iter().all(|end| {
            let server = self.nodes[end.host()].server();
            server.is_some_and(|server| {
                let mut links = server.snapshot().links();
                links.any(|view| {
                    view.link == end.link() && view.neighbour.version == PeerVersion::V2
                })
            })
        })
    }

    /// So long from now, but not into the calm.
    fn by_calm(&self, after: Duration) -> Timestamp {
        (self.now() + after).min(self.plan.calm_at)
    }

    /// Nothing more comes through a connection that is being cut.
    fn silence(&mut self, connection: usize, random: &mut Random) {
        if random.chance(50) {
            self.net.black_hole(connection);
        }
    }

    fn crash(&mut self, server: usize, random: &mut Random) {
        let death = random.one_of(&[Failure::Process, Failure::Process, Failure::Computer]);
        self.die(server, death);
        match random.below(10) {
            0..7 => {
                let most = random.one_of(&[100, 2_000, 10_000, 50_000]);
                let after = random.millis(0, most);
                self.again(server, after);
            }
            7 => {
                // Somebody else comes back in its place.
                let life = self.net.host(server).life();
                if let Birth::Server(config) = &mut self.nodes[server].birth {
                    let id = 2_000 + 100 * u32::try_from(server).unwrap_or(0) + life;
                    config.id = HostId::new(id).expect("small and not 0");
                }
                self.again(server, random.millis(0, 5_000));
            }
            _ => self.nodes[server].goes = true,
        }
    }

    /// Somebody says something to somebody, more than once.
    fn chatter(&mut self, random: &mut Random) -> bool {
        let speaks = |world: &World, node: usize| match &world.nodes[node].role {
            Role::Client(client) => client.is_welcomed(),
            _ => false,
        };
        let Some(speaker) = self.any(random, speaks) else {
            return false;
        };
        for _ in 0..random.between(1, 4) {
            let to = match random.below(10) {
                0 => HostId::new(NOBODY),
                // A server is nobody to speak to; and one may speak to oneself.
                1 => self
                    .any_server(random)
                    .and_then(|server| Some(self.nodes[server].server()?.snapshot().id())),
                2 => self
                    .any(random, Self::is_original_client)
                    .and_then(|node| self.original_client(node)),
                _ => self
                    .any_client(random)
                    .and_then(|client| Some(self.nodes[client].client()?.id())),
            };
            let Some(to) = to else { continue };
            let bytes = random.index(self.options.chat_bytes_max + 1);
            self.say(speaker, to, bytes);
        }
        true
    }

    fn is_original_client(&self, node: usize) -> bool {
        self.original_client(node).is_some()
    }

    fn original_client(&self, node: usize) -> Option<HostId> {
        match &self.nodes[node].role {
            Role::Raw(raw) => match &**raw {
                crate::raw::Raw::Client(client) => Some(client.id),
                _ => None,
            },
            _ => None,
        }
    }

    /// The trouble ends. From now on the network is left alone.
    pub(crate) fn become_calm(&mut self) {
        self.calm = true;
        self.trace.line(self.net.now(), || "all is calm".to_owned());
        self.moved("it became calm");
        self.net.set_partition(None);
        self.net.set_conditions(Conditions {
            dial_fails_percent: 0,
            dial_hangs_percent: 0,
            ..self.options.conditions()
        });
        for node in 0..self.nodes.len() {
            self.net.thaw(node);
            if matches!(&self.nodes[node].role, Role::Raw(raw) if !raw.is_original()) {
                self.die(node, Failure::Process);
            }
        }
        self.net.end_stalls();
        self.part_namesakes();
        for node in 0..self.nodes.len() {
            let it = &self.nodes[node];
            let hostile = matches!(&it.birth, Birth::Raw(raw) if !raw.is_original());
            if !self.net.host(node).is_alive() && !it.goes && !hostile {
                self.begin(node);
            }
        }
        self.calm_rendezvous();
    }

    /// Of several nodes that insist on one id, one stays.
    fn part_namesakes(&mut self) {
        let mut given: Vec<(u32, usize)> = Vec::new();
        for (node, it) in self.nodes.iter().enumerate() {
            if it.goes {
                continue;
            }
            match &it.birth {
                Birth::Server(config) => given.push((config.id.get(), node)),
                Birth::Client(config) => given.extend(config.id.map(|id| (id.get(), node))),
                Birth::Raw(raw) => {
                    if let crate::raw::Raw::Client(client) = &**raw {
                        given.push((client.id.get(), node));
                    }
                }
            }
        }
        given.sort_by_key(|&(id, node)| (id, mix(self.seed, node as u64)));
        for pair in 1..given.len() {
            if given[pair].0 == given[pair - 1].0 {
                let node = given[pair].1;
                self.nodes[node].goes = true;
                self.die(node, Failure::Process);
            }
        }
    }
}
