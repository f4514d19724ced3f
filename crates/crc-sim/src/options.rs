//! The settings of a caller, and the options of a run: drawn from its seed, so that runs
//! differ in kind and not only in detail, and printed with it.

use core::fmt;
use core::ops::RangeInclusive;
use core::time::Duration;

use crc_core::{Random, Work};

use crc_netem::{Conditions, Draw};

use crate::hostile::HostileOptions;

/// What the caller of a run chooses.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How many servers a run may have. The number is drawn, small ones more often.
    pub servers: RangeInclusive<u32>,
    /// Whether every run ends with a violation, to see that violations are reported.
    pub canary: bool,
    /// Whether servers find each other by a directory's lists, in the order of joining,
    /// and by nothing else.
    pub rendezvous: bool,
    /// Whether clients use channels.
    pub channels: bool,
    /// Whether there are users of text protocols too, and all of them do everything that
    /// one can do in channels, also what they must not.
    pub people: bool,
    /// Whether there are hostile people: servers and clients that want what is not theirs.
    /// Clients use channels then.
    pub hostile: bool,
    /// Whether servers prove the secrets of their links. Hostile servers have none.
    pub auth: bool,
    /// Whether some clients are network operators, who kill and ban.
    pub operators: bool,
    /// Another hash seed for servers, which must not change a run.
    pub hash_seed: u64,
    /// The steps of the plan that are taken, if not all: see [`shrink`](crate::shrink).
    pub steps: Option<Vec<usize>>,
    /// Whether the lines of the trace are kept.
    pub lines: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            servers: 3..=32,
            canary: false,
            rendezvous: false,
            channels: false,
            people: false,
            hostile: false,
            auth: false,
            operators: false,
            hash_seed: 0,
            steps: None,
            lines: false,
        }
    }
}

/// How the servers are configured to link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Each to the one before it.
    Line,
    /// All to the first.
    Star,
    /// Each to any before it.
    Tree,
    /// Each to several others, before or after it.
    Mesh,
}

/// A kind of fault, or of a user's command, during the first phase of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A client sends chats.
    Chat,
    /// A client quits; sometimes it comes back.
    Quit,
    /// A client fails; sometimes it comes back.
    ClientFails,
    /// A server crashes; usually it comes back under its id.
    Crash,
    /// A server leaves with an announcement; sometimes it comes back.
    Leave,
    /// A connection breaks; each end learns of it at its own time.
    Cut,
    /// A connection is dead, and at most one end learns of it soon.
    HalfOpen,
    /// A connection delivers nothing for a while.
    Stall,
    /// A process is frozen for a while.
    Freeze,
    /// The network is partitioned for a while.
    Partition,
    /// A hostile node does something.
    Hostile,
    /// A machine gets a tick before its deadline.
    EarlyTick,
}

impl Fault {
    /// All of them.
    pub const ALL: [Fault; 12] = [
        Fault::Chat,
        Fault::Quit,
        Fault::ClientFails,
        Fault::Crash,
        Fault::Leave,
        Fault::Cut,
        Fault::HalfOpen,
        Fault::Stall,
        Fault::Freeze,
        Fault::Partition,
        Fault::Hostile,
        Fault::EarlyTick,
    ];

    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Fault::Chat => "chats",
            Fault::Quit => "quits",
            Fault::ClientFails => "clients lost",
            Fault::Crash => "crashes",
            Fault::Leave => "leaves",
            Fault::Cut => "cuts",
            Fault::HalfOpen => "half-open links",
            Fault::Stall => "stalls",
            Fault::Freeze => "freezes",
            Fault::Partition => "partitions",
            Fault::Hostile => "hostile acts",
            Fault::EarlyTick => "early ticks",
        }
    }
}

/// The options of a run, drawn from its seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The number of servers.
    pub servers: u32,
    /// The number of clients.
    pub clients: u32,
    /// The number of v1 servers.
    pub v1_servers: u32,
    /// The number of v1 clients.
    pub v1_clients: u32,
    /// The number of hostile nodes.
    pub hostiles: u32,
    /// How the servers are configured to link.
    pub shape: Shape,
    /// Whether all servers start at once.
    pub start_at_once: bool,
    /// Whether the ranks are configured.
    pub ranks: bool,
    /// How long there are faults.
    pub faults_for: Duration,
    /// The number of faults and commands in that time.
    pub faults: u32,
    /// The weight of each kind of fault.
    pub weights: [u8; Fault::ALL.len()],
    /// The shortest and the longest time that bytes take, in microseconds.
    pub latency: (u64, u64),
    /// The probability, in percent, that a read gets a part of what arrived only.
    pub cut_percent: u8,
    /// How many bytes can be in flight in one direction of a connection.
    pub window: usize,
    /// The bound of a client's queue.
    pub client_queue: usize,
    /// The bound of a server's queue.
    pub server_queue: usize,
    /// The longest text of a chat.
    pub chat_bytes_max: usize,
    /// How much work a server does in one event before the rest waits.
    pub work_slice: u64,
    /// The probability, in percent, that a dial is refused for no reason.
    pub dial_fails_percent: u8,
    /// The probability, in percent, that a dial is not answered.
    pub dial_hangs_percent: u8,
    /// Whether the ids of clients collide.
    pub client_ids_collide: bool,
    /// Whether two servers have the same id.
    pub server_ids_collide: bool,
    /// Whether clients know several servers, and move to another one when they lose theirs.
    pub moves: bool,
    /// Whether clients use channels.
    pub channels: bool,
    /// Whether servers find each other by a directory's lists.
    pub rendezvous: bool,
    /// Whether there are people: users of text protocols, who do everything in channels.
    pub people: bool,
    /// Whether servers prove the secrets of their links.
    pub auth: bool,
    /// Whether some clients are network operators.
    pub operators: bool,
    /// The number of users of IRC.
    pub irc_users: u32,
    /// The number of users of legacy IRC.
    pub legacy_users: u32,
    /// The hostile people, if there are any.
    pub hostile: Option<HostileOptions>,
    /// The number of users who send frames about channels, permitted or not.
    pub frame_users: u32,
    /// The number of servers of legacy IRC.
    pub legacy_servers: u32,
}

impl Options {
    pub(crate) fn draw(seed: u64, settings: &Settings) -> Options {
        let mut random = Random::new(seed ^ 0x0070_7469_6f6e_7300);
        let random = &mut random;
        let (low, high) = (*settings.servers.start(), *settings.servers.end());
        let high = high.max(low);
        let few = |most: u64| high.min(low.saturating_add(u32::try_from(most).unwrap_or(0)));
        let servers = match random.below(100) {
            0..75 => random.between(low.into(), few(3).into()),
            75..95 => random.between(low.into(), few(9).into()),
            _ => random.between(low.into(), high.into()),
        };
        let servers = u32::try_from(servers).expect("between two u32");
        let clients = u32::try_from(random.between(1, u64::from(servers) + 4)).unwrap_or(1);
        let mut weights = [0; Fault::ALL.len()];
        for weight in &mut weights {
            if random.chance(45) {
                *weight = random.one_of(&[1, 2, 4, 8]);
            }
        }
        weights[0] = random.one_of(&[4, 10, 30]);
        let hostiles = if random.chance(20) {
            1 + random.below(2)
        } else {
            0
        };
        if hostiles == 0 {
            weights[Fault::Hostile as usize] = 0;
        } else {
            weights[Fault::Hostile as usize] = random.one_of(&[4, 16]);
        }
        let v1_nodes = random.chance(15);
        let one = |random: &mut Random| u32::from(random.chance(60));
        let v1_servers = if v1_nodes { one(random) } else { 0 };
        // Beyond a v1 server, which forgets nothing, little can be judged.
        let v1_servers = if settings.hostile { 0 } else { v1_servers };
        let mut options = Options {
            servers,
            clients,
            v1_servers,
            v1_clients: if v1_nodes {
                one(random) + one(random)
            } else {
                0
            },
            hostiles: u32::try_from(hostiles).unwrap_or(0),
            shape: random.one_of(&[
                Shape::Line,
                Shape::Star,
                Shape::Tree,
                Shape::Tree,
                Shape::Mesh,
            ]),
            start_at_once: random.chance(30),
            ranks: random.chance(10),
            faults_for: Duration::from_secs(random.one_of(&[5, 20, 20, 60, 120])),
            faults: u32::try_from(random.between(5, 60)).unwrap_or(5),
            weights,
            latency: random.one_of(&[(50, 200), (100, 5_000), (1_000, 40_000), (5_000, 300_000)]),
            cut_percent: random.one_of(&[0, 5, 30, 90]),
            window: random.one_of(&[600, 4 << 10, 64 << 10, 1 << 20]),
            client_queue: random.one_of(&[1 << 20, 1 << 20, 2 << 10]),
            server_queue: random.one_of(&[64 << 20, 64 << 20, 8 << 10]),
            chat_bytes_max: random.one_of(&[40, 40, 300, 2_000]),
            // From another generator: the other options do not depend on it.
            work_slice: Random::new(seed ^ 0x736c_6963_6573).one_of(&[
                Work::SLICE,
                Work::SLICE,
                500,
                50,
            ]),
            dial_fails_percent: random.one_of(&[0, 0, 10, 40]),
            dial_hangs_percent: random.one_of(&[0, 0, 0, 10]),
            client_ids_collide: random.chance(30),
            // A v1 node remembers the one, and refuses the other for ever.
            server_ids_collide: random.chance(8) && v1_servers == 0,
            moves: false,
            channels: settings.channels || settings.people || settings.hostile,
            rendezvous: settings.rendezvous,
            people: settings.people,
            auth: settings.auth,
            operators: false,
            irc_users: 0,
            legacy_users: 0,
            hostile: settings.hostile.then(|| HostileOptions::draw(seed)),
            frame_users: 0,
            legacy_servers: 0,
        };
        if settings.operators && !options.people && !options.has_floods() {
            options.operators = true;
            crate::operators::draw_options(seed, &mut options);
        }
        if let Some(hostile) = options.hostile.as_mut().filter(|_| settings.auth) {
            // Wherever they are: they hold no secret.
            hostile.outside = true;
        }
        if options.has_floods() {
            crate::hostile::calm(&mut options, seed);
        }
        if settings.people {
            options.draw_people(seed);
        }
        // From another generator, too. Where a client may be refused for good, or told lies, it
        // tries the others for ever: the network would not come to rest.
        let is_trusting = options.is_all_v2() && !options.operators;
        options.moves = Random::new(seed ^ 0x0000_6d6f_7665_7300).chance(60) && is_trusting;
        options
    }

    /// From another generator, so that all else is as it is without people.
    fn draw_people(&mut self, seed: u64) {
        let mut random = Random::new(seed ^ 0x0070_656f_706c_6500);
        let random = &mut random;
        let number = |drawn: u64| u32::try_from(drawn).unwrap_or(1);
        self.irc_users = number(random.between(1, 4));
        self.legacy_users = match random.below(4) {
            0 => number(random.between(1, 2)),
            _ => 0,
        };
        self.frame_users = number(random.between(0, 2));
        self.legacy_servers = u32::from(random.chance(25));
        // Channels do not cross them, and loops through them are tried for long.
        self.v1_servers = 0;
        // What a user is welcomed with does not fit into less.
        self.client_queue = self.client_queue.max(16 << 10);
    }

    /// The conditions of the network while there are faults.
    pub(crate) const fn conditions(&self) -> Conditions {
        Conditions {
            latency: self.latency,
            window: self.window,
            cut_percent: self.cut_percent,
            dial_fails_percent: self.dial_fails_percent,
            dial_hangs_percent: self.dial_hangs_percent,
        }
    }

    /// Whether there are neither v1 nodes nor hostile ones.
    #[must_use]
    pub const fn is_all_v2(&self) -> bool {
        self.v1_servers == 0 && self.v1_clients == 0 && !self.has_hostiles()
    }

    /// Whether there are clients that flood.
    pub(crate) fn has_floods(&self) -> bool {
        self.hostile.as_ref().is_some_and(|it| it.flooders > 0)
    }

    /// Whether there are hostile nodes of any kind.
    #[must_use]
    pub const fn has_hostiles(&self) -> bool {
        self.hostiles > 0 || self.hostile.is_some()
    }

    /// How many nodes there are but those that only hostile runs have.
    pub(crate) const fn nodes_without_hostile(&self) -> u32 {
        let people = self.irc_users + self.legacy_users;
        let clients = self.clients + self.v1_clients;
        self.servers + self.v1_servers + clients + self.hostiles + people
    }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "servers={} clients={}", self.servers, self.clients)?;
        write!(
            f,
            " v1_servers={} v1_clients={} hostiles={}",
            self.v1_servers, self.v1_clients, self.hostiles
        )?;
        write!(
            f,
            " shape={:?} start_at_once={} ranks={}",
            self.shape, self.start_at_once, self.ranks
        )?;
        write!(
            f,
            " faults_for={:?} faults={} weights=",
            self.faults_for, self.faults
        )?;
        let mut comma = "";
        for (kind, weight) in Fault::ALL.iter().zip(self.weights) {
            if weight > 0 {
                write!(f, "{comma}{kind:?}:{weight}")?;
                comma = ",";
            }
        }
        write!(
            f,
            " latency={}..{}us cut={}% window={} client_queue={} server_queue={} chat={}",
            self.latency.0,
            self.latency.1,
            self.cut_percent,
            self.window,
            self.client_queue,
            self.server_queue,
            self.chat_bytes_max
        )?;
        write!(
            f,
            " dial_fails={}% dial_hangs={}% client_ids_collide={} server_ids_collide={} work_slice={}",
            self.dial_fails_percent,
            self.dial_hangs_percent,
            self.client_ids_collide,
            self.server_ids_collide,
            self.work_slice
        )?;
        if self.moves {
            f.write_str(" moves")?;
        }
        if self.channels {
            f.write_str(" channels")?;
        }
        if self.rendezvous {
            f.write_str(" rendezvous")?;
        }
        if self.people {
            let (irc, legacy, frames) = (self.irc_users, self.legacy_users, self.frame_users);
            write!(f, " legacy_servers={}", self.legacy_servers)?;
            write!(
                f,
                " people irc_users={irc} legacy_users={legacy} frame_users={frames}"
            )?;
        }
        if self.auth {
            f.write_str(" auth")?;
        }
        if self.operators {
            f.write_str(" operators")?;
        }
        if let Some(hostile) = &self.hostile {
            write!(f, " {hostile}")?;
        }
        Ok(())
    }
}
