//! Network operators: which clients become one, what they do, and what the driver of a server
//! does for them: it compares passwords, and stores the bans.
//!
//! Clients that are no operators give the same commands. Hostile nodes send what only servers
//! and operators may say.

use core::time::Duration;
use std::collections::BTreeMap;

use crc_core::{
    BanKind, ClientCommand, HostKind, OperatorConfig, Password, PasswordHash, Powers, Random,
    Server, ServerCommand, ServerNotice, Timestamp,
};
use crc_netem::{Draw, Failure, mix};

use crate::event::Notice;
use crate::foreign::ForeignNode;
use crate::invariant::Invariant;
use crate::network::Entry;
use crate::node::{NodeConfig, address};
use crate::options::Options;
use crate::plan::{Act, Step};
use crate::rest_checks;
use crate::world::World;

/// The names of operators, and what each may do. Not every server knows all of them.
const NAMES: [(&str, Powers); 4] = [
    ("chief", Powers::ALL),
    ("warden", Powers::BAN.with(Powers::SQUIT)),
    ("reaper", Powers::KILL.with(Powers::WALLOPS)),
    ("herald", Powers::WALLOPS),
];

/// How long everything takes to have its effect.
const PROBE: Duration = Duration::from_secs(16);

/// How long all servers take to link to each other again.
const RESTART: Duration = Duration::from_secs(200);

/// Something that an operator does, or another client that tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OperatorAct {
    /// A client wants to be an operator.
    Oper,
    Kill,
    Ban,
    Lift,
    Wallops,
    Squit,
    Connect,
    /// It asks for the tree, or for the way to a host.
    Survey,
    Die,
    Rehash,
    /// A server gets another configuration: operators gain and lose powers.
    Reconfigure,
}

impl OperatorAct {
    fn draw(random: &mut Random) -> OperatorAct {
        use OperatorAct::{
            Ban, Connect, Die, Kill, Lift, Oper, Reconfigure, Rehash, Squit, Survey, Wallops,
        };
        match random.below(100) {
            0..34 => Oper,
            34..46 => Kill,
            46..66 => Ban,
            66..80 => Lift,
            80..87 => Wallops,
            87..90 => Survey,
            90..92 => Squit,
            92..94 => Connect,
            94..95 => Die,
            95..96 => Rehash,
            _ => Reconfigure,
        }
    }
}

fn generator(seed: u64, what: u64) -> Random {
    Random::new(mix(seed, 0x6f70_6572_6174_6f72 ^ what))
}

/// From a generator of its own, so that all else is as it is without operators.
pub(crate) fn draw_options(seed: u64, options: &mut Options) {
    let mut random = generator(seed, 1);
    let random = &mut random;
    let few = |random: &mut Random, most| u32::try_from(random.between(1, most)).unwrap_or(1);
    options.clients += few(random, 4);
    if random.chance(40) {
        options.hostiles = options.hostiles.max(1);
        let weight = &mut options.weights[crate::options::Fault::Hostile as usize];
        *weight = (*weight).max(8);
    }
    if let Some(hostile) = &mut options.hostile {
        // A server starts again with the clock that it had first, and its bans with it.
        hostile.clock_steps = 0;
    }
    if options.hostile.is_none() && options.v1_servers == 0 && random.chance(35) {
        options.hostile = Some(crate::hostile::HostileOptions::draw_servers(seed));
    }
}

/// What an operator may do where no server's configuration has changed.
pub(crate) fn powers_of(name: &str) -> Powers {
    let known = NAMES.iter().find(|(known, _)| *known == name);
    known.map_or(Powers::NONE, |(_, powers)| *powers)
}

/// Whether an operator has these powers at some server, at some time.
pub(crate) fn may_have(name: &str, powers: Powers) -> bool {
    powers == powers_of(name) || powers == Powers::WALLOPS
}

fn entry(name: &str, powers: Powers) -> OperatorConfig {
    OperatorConfig {
        name: name.into(),
        password: Some(PasswordHash(format!("hash of {name} secret").into())),
        certificate: None,
        powers,
    }
}

/// Gives servers their operators, and lets hostile nodes say what only operators may.
pub(crate) fn configure(seed: u64, options: &Options, nodes: &mut [NodeConfig]) {
    if !options.operators {
        return;
    }
    let mut random = generator(seed, 2);
    for node in nodes {
        match node {
            NodeConfig::Server(config) => {
                let known = NAMES.iter().filter(|_| random.chance(85));
                config.operators = known.map(|(name, powers)| entry(name, *powers)).collect();
            }
            NodeConfig::Foreign(node) => match &mut **node {
                ForeignNode::Hostile(it) => it.set_forges(),
                ForeignNode::HostileServer(it) => it.set_forges(),
                _ => {}
            },
            NodeConfig::Client(_) => {}
        }
    }
}

/// Adds what operators do to the steps of a plan.
pub(crate) fn add_steps(seed: u64, options: &Options, steps: &mut Vec<Step>) {
    if !options.operators {
        return;
    }
    let mut random = generator(seed, 3);
    let random = &mut random;
    let end = u64::try_from(options.faults_for.as_millis()).unwrap_or(0);
    for _ in 0..random.between(15, 90) {
        let act = OperatorAct::draw(random);
        steps.push(Step {
            at: Timestamp::START + random.millis(0, end + 900),
            act: Act::Operator(act),
            seed: random.next_u64(),
        });
    }
}

// What operators do.

impl World {
    pub(crate) fn act_as_operator(&mut self, act: OperatorAct, random: &mut Random) {
        if act == OperatorAct::Reconfigure {
            return self.reconfigure_operators(random);
        }
        let is_welcome = |node: usize| {
            let client = self.network.client(node);
            client.is_some_and(crc_core::Client::is_welcomed)
        };
        let is_operator = |node: usize| is_welcome(node) && self.monitor.is_told_operator(node);
        let operator = match act == OperatorAct::Oper || random.chance(15) {
            true => None,
            false => self.any(random, is_operator),
        };
        let Some(client) = operator.or_else(|| self.any(random, is_welcome)) else {
            return;
        };
        let line = match act {
            OperatorAct::Oper => {
                let (name, _) = random.one_of(&NAMES);
                let password = match random.below(8) {
                    0 => "a guess".to_owned(),
                    _ => {
                        self.monitor.note_password(client, name);
                        format!("{name} secret")
                    }
                };
                format!("OPER {name} :{password}")
            }
            OperatorAct::Kill => {
                let victim = self.any(random, |node| self.network.client(node).is_some());
                let victim = victim.and_then(|node| self.network.client(node));
                let victim = victim.map_or(0, |client| client.id().get());
                let token = self.monitor.new_operator_token(client);
                format!("KILL {victim} :{token}")
            }
            OperatorAct::Ban => self.ban_line(client, random),
            OperatorAct::Lift => self.lift_line(client, random),
            OperatorAct::Wallops => {
                let token = self.monitor.new_operator_token(client);
                format!("WALLOPS :{token}")
            }
            OperatorAct::Squit => {
                format!("SQUIT {} :maintenance", self.server_for(client, random))
            }
            OperatorAct::Connect => {
                let to = self.any(random, |node| self.network.server(node).is_some());
                let to = address(to.unwrap_or(0));
                let server = self.server_for(client, random);
                format!("CONNECT {} {} {server}", to.ip(), to.port())
            }
            OperatorAct::Survey => match random.chance(50) {
                true => "MAP".to_owned(),
                false => {
                    let host = self.any(random, |node| self.network.client(node).is_some());
                    let host = host.and_then(|node| self.network.client(node));
                    format!("TRACE {}", host.map_or(1, |client| client.id().get()))
                }
            },
            OperatorAct::Die => "DIE".to_owned(),
            OperatorAct::Rehash | OperatorAct::Reconfigure => "REHASH".to_owned(),
        };
        self.command(client, ClientCommand::Command { line });
    }

    fn home_of(&self, client: usize) -> Option<&Server> {
        let (_, _, home) = self.network.clients().find(|it| it.0 == client)?;
        self.network.server(home)
    }

    /// A server that the server of a client knows, often an adjacent one.
    fn server_for(&self, client: usize, random: &mut Random) -> u32 {
        let Some(snapshot) = self.home_of(client).map(Server::snapshot) else {
            return 1;
        };
        let servers = match random.chance(60) {
            true => snapshot.adjacent(HostKind::Server),
            false => {
                let all = snapshot.directory().iter();
                let servers = all.filter(|host| host.kind() == HostKind::Server);
                servers.map(crc_core::Host::id).collect()
            }
        };
        let server = servers.get(random.index(servers.len()));
        server.map_or(1, |id| id.get())
    }

    /// A ban of few masks, so that several operators make statements about one.
    fn ban_line(&mut self, client: usize, random: &mut Random) -> String {
        let token = self.monitor.new_operator_token(client);
        let duration = random.one_of(&["", "", "1m ", "2 ", "1d ", "0 "]);
        let other = self.any(random, |node| self.network.client(node).is_some());
        let other = other.unwrap_or(client);
        let id = self.network.client(other).map_or(0, |it| it.id().get());
        let ip = address(other).ip();
        let nobody = random.below(4);
        match random.below(10) {
            0..4 => format!("KLINE {duration}nobody{nobody}!*@* :{token}"),
            4 => format!("DLINE {duration}192.0.2.{nobody} :{token}"),
            5 => {
                let number = other.saturating_sub(self.options().servers as usize);
                format!("KLINE {duration}client{number}!*@* :{token}")
            }
            6 => format!("KLINE {duration}*!*@{id}.crc :{token}"),
            7 => format!("KLINE {duration}*!*@{ip} :{token}"),
            8 => format!("DLINE {duration}{ip}/32 :{token}"),
            // Servers are there, too, and stay.
            _ => match random.below(4) {
                0 => format!("DLINE {duration}127.1.0.0/28 :{token}"),
                1 => format!("KLINE {duration}client?!*@* :{token}"),
                _ => format!("DLINE {duration}10.1.2.3/8 :{token}"),
            },
        }
    }

    /// Mostly a ban that the client's server knows.
    fn lift_line(&self, client: usize, random: &mut Random) -> String {
        let known = self.home_of(client).map(|server| {
            let bans = server.snapshot().bans().iter();
            let held = bans.filter(|ban| !ban.is_lifted);
            held.map(|ban| (ban.kind, ban.mask.clone()))
                .collect::<Vec<_>>()
        });
        let known = known.unwrap_or_default();
        match known.get(random.index(known.len())) {
            Some((BanKind::User, mask)) => format!("UNKLINE {mask}"),
            Some((BanKind::Address, mask)) => format!("UNDLINE {mask}"),
            None => format!("UNKLINE nobody{}!*@*", random.below(4)),
        }
    }

    fn reconfigure_operators(&mut self, random: &mut Random) {
        let Some(node) = self.any(random, |node| self.network.server(node).is_some()) else {
            return;
        };
        let NodeConfig::Server(config) = &mut self.network.nodes[node].config else {
            return;
        };
        let (name, powers) = random.one_of(&NAMES);
        config.operators.retain(|it| *it.name != *name);
        match random.below(3) {
            0 => {}
            1 => config.operators.push(entry(name, powers)),
            _ => config.operators.push(entry(name, Powers::WALLOPS)),
        }
        let wanted = Box::new(config.reconfiguration());
        self.command(node, ServerCommand::Reconfigure(wanted));
    }

    // The driver of a server.

    /// A server hands something out to its driver.
    pub(crate) fn drive(&mut self, node: usize, notice: &Notice) {
        let Notice::Server(notice) = notice else {
            return;
        };
        match notice {
            ServerNotice::StoreBans(lines) => self.network.disks[node].clone_from(lines),
            ServerNotice::CheckPassword {
                number,
                hash,
                password,
            } => {
                let is_right = is_right(hash, password);
                let life = self.network.net.host(node).life();
                let after = mix(self.seed ^ *number, node as u64) % 400;
                let when = self.now() + Duration::from_millis(after);
                let entry = Entry::PasswordChecked {
                    node,
                    life,
                    number: *number,
                    is_right,
                };
                self.network.net.schedule(when, entry);
            }
            _ => {}
        }
    }

    /// A password was compared.
    pub(crate) fn on_password_checked(
        &mut self,
        (node, life): (usize, u32),
        number: u64,
        is_right: bool,
    ) {
        let host = self.network.net.host(node);
        if host.life() != life || !host.is_alive() {
            return;
        }
        let until = host.frozen_until();
        if until > self.now() {
            let entry = Entry::PasswordChecked {
                node,
                life,
                number,
                is_right,
            };
            return self.network.net.schedule(until, entry);
        }
        self.command(node, ServerCommand::PasswordChecked { number, is_right });
    }

    /// A client that was removed from the network comes back while there are faults.
    pub(crate) fn come_back(&mut self, node: usize) {
        if self.options().operators && !self.faults_over && self.network.nodes[node].is_client() {
            let life = self.network.net.host(node).life();
            let after = mix(self.seed ^ u64::from(life), node as u64) % 20_000;
            let when = self.now() + Duration::from_millis(after);
            self.network.net.schedule(when, Entry::Start { node, life });
        }
    }

    // At rest.

    /// Operators speak, and each other one hears it once; then all servers start again with
    /// what they have stored.
    pub(crate) fn probe_operators(&mut self) {
        self.probe_wallops();
        if self.is_sound() {
            self.probe_restart();
        }
    }

    fn probe_wallops(&mut self) {
        let mut said = Vec::new();
        for (node, due) in rest_checks::wallops_due(&self.network) {
            let token = self.monitor.new_operator_token(node);
            let line = format!("WALLOPS :{token}");
            self.command(node, ClientCommand::Command { line });
            said.push((token, due));
        }
        let until = self.now() + PROBE;
        self.run(until);
        for (token, due) in said {
            let heard = self.monitor.who_was_told(&token);
            if self.is_sound() && heard != due {
                let text = format!("{token} was heard by {heard:?}, and operators are {due:?}");
                self.violation(Invariant::B4, text);
            }
        }
    }

    fn probe_restart(&mut self) {
        let before: BTreeMap<usize, _> = self
            .network
            .servers()
            .map(|(node, server)| (node, rest_checks::lasting_bans(server, RESTART * 2)))
            .collect();
        let servers: Vec<usize> = before.keys().copied().collect();
        for &node in &servers {
            self.fail(node, Failure::Process);
        }
        for &node in &servers {
            self.start(node);
        }
        let until = self.now() + RESTART;
        self.run(until);
        if !self.is_sound() {
            return;
        }
        for (invariant, text) in rest_checks::check_restarted(&self.network, &before) {
            self.violation(invariant, text);
        }
    }
}

/// Whether a password is the one with this hash.
fn is_right(hash: &PasswordHash, password: &Password) -> bool {
    *hash.0 == format!("hash of {}", password.expose())
}
