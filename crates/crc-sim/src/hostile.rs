//! Hostile people, in runs that have them: what is drawn for such a run, and their steps
//! in its plan.
//!
//! All of it comes from a generator of its own, so that runs without them stay as they
//! are.

use core::fmt;
use core::time::Duration;

use crc_core::{Config, Random, ServerCommand, Timestamp};
use crc_netem::{Draw, mix};

use crate::foreign::{Flooder, ForeignCommand, ForeignNode, HostileServer, Thief};
use crate::node::{NodeConfig, Role, address, outside_address};
use crate::options::{Fault, Options};
use crate::plan::{Act, Step};
use crate::world::World;

/// What is drawn for a run with hostile people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostileOptions {
    /// The number of hostile servers.
    pub servers: u32,
    /// Whether they may not link: they are outside the networks in which servers may be, or
    /// hold no secret.
    pub outside: bool,
    /// The number of thieves of ids.
    pub thieves: u32,
    /// The number of clients that flood. Beside them there is no hostile node, and no fault but
    /// stalled links between servers.
    pub flooders: u32,
    /// Whether they flood with changes, such as joins, and not with chats alone.
    pub changes: bool,
    /// The number of hostile acts during the faults.
    pub acts: u32,
    /// Whether the limits differ from server to server.
    pub limits_differ: bool,
    /// How often a server's clock on the wall is set.
    pub clock_steps: u32,
    /// How many nanoseconds one unit of counted work takes; 0 if handling takes no time.
    pub unit_ns: u32,
}

impl HostileOptions {
    pub(crate) fn draw(seed: u64) -> HostileOptions {
        let mut random = Random::new(seed ^ 0x686f_7374_696c_6500);
        let random = &mut random;
        let some = |random: &mut Random, most| {
            u32::try_from(random.between(1, most)).expect("a small number")
        };
        let servers = match random.chance(75) {
            true => some(random, 2),
            false => 0,
        };
        let thieves = match servers == 0 || random.chance(50) {
            true => some(random, 3),
            false => 0,
        };
        let mut options = HostileOptions {
            servers,
            outside: random.chance(25),
            thieves,
            flooders: 0,
            changes: false,
            acts: some(random, 40),
            limits_differ: random.chance(40),
            clock_steps: match random.chance(40) {
                true => some(random, 5),
                false => 0,
            },
            unit_ns: random.one_of(&[0, 10, 10, 100]),
        };
        if random.chance(25) {
            options.flooders = some(random, 2);
            options.changes = random.chance(40);
            (options.servers, options.thieves) = (0, 0);
        }
        options
    }

    /// Hostile servers only, and nothing else.
    pub(crate) fn draw_servers(seed: u64) -> HostileOptions {
        let mut options = HostileOptions::draw(seed);
        options.servers = options.servers.max(1);
        (options.thieves, options.flooders, options.clock_steps) = (0, 0, 0);
        (options.outside, options.changes, options.limits_differ) = (false, false, false);
        options.unit_ns = 0;
        options
    }

    /// How many hostile nodes there are.
    pub(crate) const fn nodes(&self) -> u32 {
        self.servers + self.thieves + self.flooders
    }
}

impl fmt::Display for HostileOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "hostile_servers={} outside={} thieves={} flooders={} changes={} hostile_acts={} limits_differ={} clock_steps={} unit={}ns",
            self.servers,
            self.outside,
            self.thieves,
            self.flooders,
            self.changes,
            self.acts,
            self.limits_differ,
            self.clock_steps,
            self.unit_ns
        )
    }
}

/// A hostile step of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HostileAct {
    /// A hostile node does something.
    Act,
    /// The clock on the wall of a server is set.
    ClockStep,
    /// A link between two servers delivers nothing for a while.
    Stall,
}

/// Adds the hostile nodes behind all others, and gives servers the configuration of such a
/// run.
pub(crate) fn add_nodes(seed: u64, options: &Options, nodes: &mut Vec<NodeConfig>) {
    let Some(hostile) = &options.hostile else {
        return;
    };
    let mut random = Random::new(mix(seed, 0x6164_645f_686f_7374));
    let random = &mut random;
    let (mut server_ids, mut client_ids) = (Vec::new(), Vec::new());
    for node in nodes.iter_mut() {
        match node {
            NodeConfig::Server(config) => {
                server_ids.push(config.id.get());
                configure(config, options, hostile, random);
            }
            NodeConfig::Client(config) => client_ids.extend(config.id.map(|id| id.get())),
            NodeConfig::Foreign(_) => {}
        }
    }
    let servers = options.servers as usize;
    for number in 0..hostile.servers {
        let node = nodes.len();
        let (own, all) = match hostile.outside && !options.auth {
            true => (outside_address(node), nodes.len()),
            false => (address(node), nodes.len()),
        };
        let mut it = HostileServer::new(900 + number, own, servers, all, random.next_u64());
        it.set_liar(options.auth);
        let it = ForeignNode::HostileServer(Box::new(it));
        nodes.push(NodeConfig::Foreign(Box::new(it)));
    }
    for _ in 0..hostile.thieves {
        let mut ids = server_ids.clone();
        ids.extend(&client_ids);
        ids.extend([1000, 1001]);
        let it = ForeignNode::Thief(Thief::new(servers, ids, random.next_u64()));
        nodes.push(NodeConfig::Foreign(Box::new(it)));
    }
    for number in 0..hostile.flooders {
        let it = Flooder::new(5000 + number, servers, hostile.changes, random.next_u64());
        let it = ForeignNode::Flooder(Box::new(it));
        nodes.push(NodeConfig::Foreign(Box::new(it)));
    }
}

/// The network of a run with floods: nothing but the floods makes it slow.
pub(crate) fn calm(options: &mut Options, seed: u64) {
    let mut random = Random::new(mix(seed, 0x6361_6c6d));
    let random = &mut random;
    options.v1_clients = 0;
    options.hostiles = 0;
    options.start_at_once = true;
    options.faults_for = Duration::from_secs(random.one_of(&[20, 40]));
    options.weights = [0; Fault::ALL.len()];
    options.weights[Fault::Chat as usize] = 10;
    options.faults = 60;
    options.latency = random.one_of(&[(50, 200), (100, 5_000), (1_000, 20_000)]);
    options.window = random.one_of(&[16 << 10, 64 << 10, 1 << 20]);
    options.client_queue = random.one_of(&[256 << 10, 1 << 20]);
    options.server_queue = random.one_of(&[128 << 10, 512 << 10]);
    options.chat_bytes_max = 300;
    options.dial_fails_percent = 0;
    options.dial_hangs_percent = 0;
    options.client_ids_collide = false;
    options.server_ids_collide = false;
}

fn configure(
    config: &mut Config,
    options: &Options,
    hostile: &HostileOptions,
    random: &mut Random,
) {
    if hostile.outside && !options.auth {
        config.server_peers = vec!["127.1.0.0/16".parse().expect("a network")];
    }
    if !hostile.limits_differ {
        return;
    }
    let limits = &mut config.limits;
    limits.text_bytes_max = random.one_of(&[64 << 10, 16 << 10, 2_000, 600]);
    limits.client_queue_bytes_max = random.one_of(&[options.client_queue, 64 << 10]);
    limits.server_queue_bytes_max = random.one_of(&[options.server_queue, 256 << 10]);
    // Room for all hosts, also for those that hostile servers invent: a host that a full
    // directory has refused is not announced again, and would be missing at rest.
    limits.hosts_max = random.one_of(&[1_000_000, 300]);
    limits.status_log_max = random.one_of(&[1_000, 2]);
    limits.client_registrations_per_second = random.one_of(&[50, 5]);
    limits.client_chats_per_second = random.one_of(&[0, 0, 40]);
    let register_within = random.one_of(&[10, 10, 4]);
    limits.registration_time_max = Duration::from_secs(register_within);
}

/// Adds the hostile steps to a plan: the starts of hostile nodes, and what they do.
pub(crate) fn add_steps(seed: u64, options: &Options, steps: &mut Vec<Step>) {
    let Some(hostile) = &options.hostile else {
        return;
    };
    let mut random = Random::new(mix(seed, 0x7374_6570_735f_686f));
    let random = &mut random;
    let end = u64::try_from(options.faults_for.as_millis()).unwrap_or(0);
    let first = options.nodes_without_hostile();
    for node in first..first + hostile.nodes() {
        steps.push(Step {
            at: Timestamp::START + random.millis(0, end / 3),
            act: Act::Start(node as usize),
            seed: random.next_u64(),
        });
    }
    let mut add = |count, act, random: &mut Random| {
        for _ in 0..count {
            steps.push(Step {
                at: Timestamp::START + random.millis(0, end + 900),
                act: Act::Hostile(act),
                seed: random.next_u64(),
            });
        }
    };
    add(hostile.acts, HostileAct::Act, random);
    add(hostile.clock_steps, HostileAct::ClockStep, random);
    if hostile.flooders > 0 {
        let stalls = random.between(0, 4);
        add(
            u32::try_from(stalls).unwrap_or(0),
            HostileAct::Stall,
            random,
        );
    }
}

impl World {
    pub(crate) fn act_hostile_people(&mut self, act: HostileAct, random: &mut Random) {
        match act {
            HostileAct::Act => {
                let is_new = |node: usize| match &self.network.nodes[node].role {
                    Role::Foreign(foreign) => foreign.acts_in_hostile_runs(),
                    _ => false,
                };
                if let Some(node) = self.any(random, is_new) {
                    for proof in core::mem::take(&mut self.overheard) {
                        self.command(node, ForeignCommand::Overhear(proof));
                    }
                    let act = ForeignCommand::Act(random.next_u64());
                    self.command(node, act);
                }
            }
            HostileAct::Stall => {
                let Some(connection) = self.any_connection(random, true) else {
                    return;
                };
                let side = random.index(2);
                let until = self.before_end(random.millis(1_000, 25_000));
                self.monitor.on_stall(&self.network, connection, until);
                self.network.net.stall(connection, side, until);
            }
            HostileAct::ClockStep => {
                let is_server = |node: usize| self.network.server(node).is_some();
                if let Some(node) = self.any(random, is_server) {
                    let unix_ms = random.one_of(&[
                        0,
                        1_700_000_000_000,
                        1_700_000_000_000 + 3_600_000 * 5,
                        1_600_000_000_000,
                        4_102_444_800_000,
                        u64::MAX,
                    ]);
                    self.command(node, ServerCommand::WallClock { unix_ms });
                }
            }
        }
    }

    /// The handling of an event has kept a server busy: it handles the next one later.
    pub(crate) fn occupy(&mut self, node: usize) {
        let unit_ns = self.options().hostile.as_ref().map_or(0, |it| it.unit_ns);
        let Some(server) = self.network.server(node).filter(|_| unit_ns > 0) else {
            return;
        };
        let ns = server.snapshot().work().total * u64::from(unit_ns);
        if ns >= 1_000 {
            let until = self.now() + Duration::from_nanos(ns);
            self.network.net.freeze(node, until);
        }
    }
}
