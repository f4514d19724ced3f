//! What is done to the network on purpose, one step of the plan at a time, and how the
//! faults end. Faults happen to connections and processes; machines get events only.

use core::time::Duration;
use std::io::ErrorKind;

use crc_core::{ClientCommand, PeerVersion, Random, ServerCommand, Timestamp};
use crc_wire::HostId;

use crate::event::NodeEvent;
use crate::foreign::{ForeignCommand, ForeignNode};
use crate::monitor::chats::UNKNOWN_IDS;
use crate::network::Entry;
use crate::node::{NodeConfig, Role};
use crate::options::Fault;
use crate::plan::Act;
use crate::rest_checks;
use crate::world::World;
use crc_netem::{Conditions, Draw, Failure, Partition, Phase, Side, mix};

impl World {
    pub(crate) fn take_step(&mut self, index: usize) {
        let step = self.plan.steps[index];
        let mut random = Random::new(step.seed);
        self.monitor
            .line(&self.network, || format!("step {index}: {:?}", step.act));
        match step.act {
            Act::Start(node) => {
                if self.network.net.host(node).life() == 0 {
                    self.start(node);
                }
            }
            Act::Channel(act) => self.act_in_channel(act, &mut random),
            Act::Person(act) => self.act_as_person(act, &mut random),
            Act::Hostile(act) => self.act_hostile_people(act, &mut random),
            Act::Operator(act) => self.act_as_operator(act, &mut random),
            Act::Fault(fault) => {
                if self.apply_fault(fault, &mut random) {
                    self.monitor.record.counts.faults[fault as usize] += 1;
                }
            }
        }
    }

    /// One of the nodes that run and satisfy `is`.
    pub(crate) fn any(&self, random: &mut Random, is: impl Fn(usize) -> bool) -> Option<usize> {
        let nodes = self.network.nodes.len();
        let begin = random.index(nodes);
        let mut all = (begin..nodes).chain(0..begin);
        all.find(|&node| self.network.is_alive(node) && is(node))
    }

    fn any_server(&self, random: &mut Random) -> Option<usize> {
        // The first server, usually the root, is chosen more often.
        if random.chance(15) && self.network.is_alive(0) {
            return Some(0);
        }
        self.any(random, |node| self.network.server(node).is_some())
    }

    pub(crate) fn any_client(&self, random: &mut Random) -> Option<usize> {
        self.any(random, |node| self.network.client(node).is_some())
    }

    /// An open connection between v2 nodes.
    pub(crate) fn any_connection(&self, random: &mut Random, servers: bool) -> Option<usize> {
        let node = if servers {
            self.any_server(random)?
        } else {
            self.any_client(random)?
        };
        let such = self
            .network
            .net
            .host(node)
            .ends()
            .iter()
            .filter(|(connection, _)| {
                let ends = self.network.connection(*connection).ends();
                let open = |phase| !matches!(phase, Phase::Coming | Phase::Gone);
                let v2 = ends
                    .iter()
                    .all(|end| open(end.phase()) && !self.network.nodes[end.host()].is_foreign());
                let both = ends
                    .iter()
                    .all(|end| self.network.server(end.host()).is_some());
                v2 && (both || !servers)
            });
        let such: Vec<usize> = such.map(|end| end.0).collect();
        such.get(random.index(such.len())).copied()
    }

    fn start_again(&mut self, node: usize, after: Duration) {
        let life = self.network.net.host(node).life();
        let when = self.now() + after;
        self.network.net.schedule(when, Entry::Start { node, life });
    }

    /// Applies a fault, if there is something that it can be applied to.
    fn apply_fault(&mut self, fault: Fault, random: &mut Random) -> bool {
        let applied = match fault {
            Fault::Chat => self.send_chats(random),
            Fault::Quit => self.quit_client(random),
            Fault::ClientFails => self.fail_client(random),
            Fault::Crash => self.crash_server(random),
            Fault::Leave => self.leave_server(random),
            Fault::Cut => self.cut(random),
            Fault::HalfOpen => self.half_open(random),
            Fault::Stall => self.stall(random),
            Fault::Freeze => self.freeze(random),
            Fault::Partition => self.partition(random),
            Fault::Hostile => self.act_hostile(random),
            Fault::EarlyTick => self.tick_early(random),
        };
        applied.is_some()
    }

    fn quit_client(&mut self, random: &mut Random) -> Option<()> {
        let client = self.any_client(random)?;
        let text = "bye".to_owned();
        self.command(client, ClientCommand::Quit { text });
        self.start_again_or_remove(client, 60, (0, 5_000), random);
        Some(())
    }

    fn fail_client(&mut self, random: &mut Random) -> Option<()> {
        let client = self.any_client(random)?;
        let failure = random.one_of(&[Failure::Process, Failure::Process, Failure::Computer]);
        self.fail(client, failure);
        self.start_again_or_remove(client, 70, (0, 3_000), random);
        Some(())
    }

    fn leave_server(&mut self, random: &mut Random) -> Option<()> {
        let server = self.any_server(random)?;
        let reason = "maintenance".into();
        self.command(server, ServerCommand::Leave { reason });
        self.start_again_or_remove(server, 70, (2_500, 20_000), random);
        Some(())
    }

    /// With a probability in percent a node starts again, after some milliseconds.
    pub(crate) fn start_again_or_remove(
        &mut self,
        node: usize,
        percent: u8,
        millis: (u64, u64),
        random: &mut Random,
    ) {
        if random.chance(percent) {
            let after = random.millis(millis.0, millis.1);
            self.start_again(node, after);
        } else {
            self.network.nodes[node].removed = true;
        }
    }

    fn cut(&mut self, random: &mut Random) -> Option<()> {
        let servers = random.chance(75);
        let connection = self.any_connection(random, servers)?;
        for side in 0..2 {
            let after = random.one_of(&[(0, 5), (0, 500), (0, 20_000)]);
            let after = random.millis(after.0, after.1);
            self.reset_after(connection, side, after, ErrorKind::ConnectionReset);
        }
        // In half of the cases nothing more gets through meanwhile.
        if random.chance(50) {
            self.network.net.black_hole(connection);
        }
        Some(())
    }

    fn half_open(&mut self, random: &mut Random) -> Option<()> {
        let servers = random.chance(75);
        let connection = self.any_connection(random, servers)?;
        self.network.net.black_hole(connection);
        let knows = random.index(2);
        let after = random.millis(0, 2_000);
        self.reset_after(connection, knows, after, ErrorKind::ConnectionReset);
        // Between servers TCP may never report it to the other end.
        let never = servers && random.chance(50) && self.has_keepalive(connection);
        if !never {
            let after = random.millis(10_000, 33_000);
            self.reset_after(connection, 1 - knows, after, ErrorKind::TimedOut);
        }
        Some(())
    }

    fn reset_after(&mut self, connection: usize, side: Side, after: Duration, kind: ErrorKind) {
        self.network.net.reset_after(connection, side, after, kind);
    }

    fn stall(&mut self, random: &mut Random) -> Option<()> {
        let servers = random.chance(60);
        let connection = self.any_connection(random, servers)?;
        let most = random.one_of(&[100, 3_000, 20_000]);
        let until = self.before_end(random.millis(0, most));
        let both = random.chance(50);
        let one = random.index(2);
        for side in 0..2 {
            if both || side == one {
                self.network.net.stall(connection, side, until);
            }
        }
        Some(())
    }

    fn freeze(&mut self, random: &mut Random) -> Option<()> {
        let node = if random.chance(80) {
            self.any_server(random)?
        } else {
            self.any_client(random)?
        };
        let most = random.one_of(&[50, 2_000, 12_000, 60_000]);
        let until = self.before_end(random.millis(0, most));
        self.network.net.freeze(node, until);
        Some(())
    }

    fn partition(&mut self, random: &mut Random) -> Option<()> {
        let most = random.one_of(&[1_000, 10_000, 25_000]);
        let until = self.before_end(random.millis(0, most));
        let salt = random.next_u64();
        let partition = Partition { salt, until };
        self.network.net.set_partition(Some(partition));
        Some(())
    }

    fn act_hostile(&mut self, random: &mut Random) -> Option<()> {
        let hostile = self.any(random, |node| self.network.nodes[node].is_hostile())?;
        let act = ForeignCommand::Act(random.next_u64());
        self.command(hostile, act);
        Some(())
    }

    fn tick_early(&mut self, random: &mut Random) -> Option<()> {
        let node = random.index(self.network.nodes.len());
        let host = self.network.net.host(node);
        if !host.is_alive() || host.frozen_until() > self.now() {
            return None;
        }
        self.handle(node, NodeEvent::Tick);
        Some(())
    }

    /// Whether both ends send keepalives.
    fn has_keepalive(&self, connection: usize) -> bool {
        self.network
            .connection(connection)
            .ends()
            .iter()
            .all(|end| {
                let server = self.network.server(end.host());
                server.is_some_and(|server| {
                    let mut links = server.snapshot().links();
                    links.any(|view| {
                        view.link == end.link() && view.neighbour.version == PeerVersion::V2
                    })
                })
            })
    }

    /// Some time from now, but not after the faults.
    pub(crate) fn before_end(&self, after: Duration) -> Timestamp {
        (self.now() + after).min(self.plan.faults_end_at)
    }

    fn crash_server(&mut self, random: &mut Random) -> Option<()> {
        let server = self.any_server(random)?;
        let failure = random.one_of(&[Failure::Process, Failure::Process, Failure::Computer]);
        self.fail(server, failure);
        match random.below(10) {
            0..7 => {
                let most = random.one_of(&[100, 2_000, 10_000, 50_000]);
                let after = random.millis(0, most);
                self.start_again(server, after);
            }
            7 => {
                // Another server comes in its place.
                let life = self.network.net.host(server).life();
                if let NodeConfig::Server(config) = &mut self.network.nodes[server].config {
                    let id = 2_000 + 100 * u32::try_from(server).unwrap_or(0) + life;
                    config.id = HostId::new(id).expect("small and not 0");
                }
                self.start_again(server, random.millis(0, 5_000));
            }
            _ => self.network.nodes[server].removed = true,
        }
        Some(())
    }

    /// A client sends some chats.
    fn send_chats(&mut self, random: &mut Random) -> Option<()> {
        let speaks = |node: usize| {
            let client = self.network.client(node);
            client.is_some_and(crc_core::Client::is_welcomed)
        };
        let speaker = self.any(random, speaks)?;
        for _ in 0..random.between(1, 4) {
            let to = match random.below(10) {
                0 => HostId::new(UNKNOWN_IDS),
                // A server gets no chats. A client may be its own destination.
                1 => self
                    .any_server(random)
                    .and_then(|server| Some(self.network.server(server)?.snapshot().id())),
                2 => self
                    .any(random, |node| self.v1_client(node).is_some())
                    .and_then(|node| self.v1_client(node)),
                _ => self
                    .any_client(random)
                    .and_then(|client| Some(self.network.client(client)?.id())),
            };
            let Some(to) = to else { continue };
            let bytes = random.index(self.options().chat_bytes_max + 1);
            self.send_chat(speaker, to, bytes);
        }
        Some(())
    }

    fn v1_client(&self, node: usize) -> Option<HostId> {
        match &self.network.nodes[node].role {
            Role::Foreign(foreign) => match &**foreign {
                ForeignNode::V1Client(client) => Some(client.id),
                _ => None,
            },
            _ => None,
        }
    }

    /// The faults end. From now on the network is left alone: nodes that are to come back
    /// do, and hostile ones go.
    pub(crate) fn end_faults(&mut self) {
        self.faults_over = true;
        self.monitor
            .line(&self.network, || "the faults are over".to_owned());
        self.mark_activity("the faults ended");
        self.network.net.set_partition(None);
        let conditions = Conditions {
            dial_fails_percent: 0,
            dial_hangs_percent: 0,
            ..self.options().conditions()
        };
        self.network.net.set_conditions(conditions);
        for node in 0..self.network.nodes.len() {
            self.network.net.thaw(node);
            let it = &self.network.nodes[node];
            if it.is_hostile() && !it.is_thief() {
                self.fail(node, Failure::Process);
            }
        }
        self.network.net.end_stalls();
        self.remove_duplicate_ids();
        for node in 0..self.network.nodes.len() {
            let it = &self.network.nodes[node];
            let hostile = matches!(&it.config, NodeConfig::Foreign(node) if node.is_hostile());
            if !self.network.is_alive(node) && !it.removed && !hostile {
                self.start(node);
            }
        }
        self.restore_rendezvous();
    }

    /// Servers had the time to link to each other, with thieves of ids present. These go
    /// now.
    pub(crate) fn end_thieves(&mut self) {
        for (invariant, text) in rest_checks::check_linked(&self.network) {
            self.violation(invariant, text);
        }
        for node in 0..self.network.nodes.len() {
            if self.network.nodes[node].is_thief() {
                self.fail(node, Failure::Process);
            }
        }
    }

    /// Of several nodes with the same configured id, one stays.
    fn remove_duplicate_ids(&mut self) {
        let mut given: Vec<(u32, usize)> = Vec::new();
        for (node, it) in self.network.nodes.iter().enumerate() {
            if it.removed {
                continue;
            }
            match &it.config {
                NodeConfig::Server(config) => given.push((config.id.get(), node)),
                NodeConfig::Client(config) => given.extend(config.id.map(|id| (id.get(), node))),
                NodeConfig::Foreign(foreign) => {
                    if let ForeignNode::V1Client(client) = &**foreign {
                        given.push((client.id.get(), node));
                    }
                }
            }
        }
        given.sort_by_key(|&(id, node)| (id, mix(self.seed, node as u64)));
        for pair in given.windows(2) {
            if pair[0].0 == pair[1].0 {
                let node = pair[1].1;
                self.network.nodes[node].removed = true;
                self.fail(node, Failure::Process);
            }
        }
    }
}
