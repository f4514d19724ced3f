//! What kind of run a seed is: drawn from the seed, so that runs differ in kind
//! and not only in detail, and printed with it.
//!
//! Knows what can be chosen, not what follows from it.

use core::fmt;
use core::ops::RangeInclusive;
use core::time::Duration;

use crc_core::Random;

use crc_netem::{Conditions, Draw};

/// What the caller of a run may choose.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How many servers a run may have; how many it has is drawn, few more often
    /// than many.
    pub servers: RangeInclusive<u32>,
    /// Whether a canary sings: a violation at the end of every run, to see that
    /// violations are seen.
    pub canary: bool,
    /// Whether servers are told of others by a directory's lists, in the order of
    /// joining, and by nothing else.
    pub rendezvous: bool,
    /// Whether clients do things in channels.
    pub channels: bool,
    /// The hash seed that servers are given beside the run's; another one must
    /// not change a run.
    pub hash_seed: u64,
    /// A bug for the servers and clients to have.
    pub planted: Option<crate::Bug>,
    /// Only these steps of the plan are taken, if given: see `shrink`.
    pub steps: Option<Vec<usize>>,
    /// Whether every line of the trace is kept.
    pub lines: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            servers: 3..=32,
            canary: false,
            rendezvous: false,
            channels: false,
            hash_seed: 0,
            planted: None,
            steps: None,
            lines: false,
        }
    }
}

/// How the servers are first linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Each to the one before it.
    Line,
    /// All to the first.
    Star,
    /// Each to any before it.
    Tree,
    /// Each to several others, whether those came before it or not.
    Mesh,
}

/// The kinds of things that happen during the first phase of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Happening {
    /// A client says something.
    Say,
    /// A client leaves in good order; sometimes it comes back.
    Quit,
    /// A client dies; sometimes it comes back.
    ClientDies,
    /// A server dies; usually it comes back under its id.
    Crash,
    /// A server leaves in good order; sometimes it comes back.
    Leave,
    /// A connection breaks; each end learns of it in its own time.
    Cut,
    /// A connection is dead, and one end or none learns of it.
    HalfOpen,
    /// Nothing moves on a connection for a while.
    Stall,
    /// A process stands still for a while.
    Freeze,
    /// The network is in two parts for a while.
    Partition,
    /// Somebody malicious connects, or goes on being so.
    Hostile,
    /// A tick comes that nobody asked for.
    EarlyTick,
}

impl Happening {
    /// All of them.
    pub const ALL: [Happening; 12] = [
        Happening::Say,
        Happening::Quit,
        Happening::ClientDies,
        Happening::Crash,
        Happening::Leave,
        Happening::Cut,
        Happening::HalfOpen,
        Happening::Stall,
        Happening::Freeze,
        Happening::Partition,
        Happening::Hostile,
        Happening::EarlyTick,
    ];

    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Happening::Say => "chats",
            Happening::Quit => "quits",
            Happening::ClientDies => "clients lost",
            Happening::Crash => "crashes",
            Happening::Leave => "leaves",
            Happening::Cut => "cuts",
            Happening::HalfOpen => "half-open links",
            Happening::Stall => "stalls",
            Happening::Freeze => "freezes",
            Happening::Partition => "partitions",
            Happening::Hostile => "hostile acts",
            Happening::EarlyTick => "early ticks",
        }
    }
}

/// What a seed has drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How many servers of ours.
    pub servers: u32,
    /// How many clients of ours.
    pub clients: u32,
    /// How many servers like the original.
    pub original_servers: u32,
    /// How many clients like the original.
    pub original_clients: u32,
    /// How many malicious nodes.
    pub hostiles: u32,
    /// How the servers are first linked.
    pub shape: Shape,
    /// Whether all servers begin at once.
    pub storm: bool,
    /// Whether some ranks are given by the operator.
    pub ranks: bool,
    /// How long things go wrong.
    pub trouble: Duration,
    /// How many things happen in that time.
    pub happenings: u32,
    /// How often each kind of thing happens, compared with the others.
    pub weights: [u8; Happening::ALL.len()],
    /// The shortest and the longest time that bytes take, in microseconds.
    pub latency: (u64, u64),
    /// How often, in a hundred times, what arrived is handed over in pieces.
    pub cut_percent: u8,
    /// How many bytes can be on the way on one connection.
    pub window: usize,
    /// The bound of a client's queue.
    pub client_queue: usize,
    /// The bound of a server's queue.
    pub server_queue: usize,
    /// The longest text of a chat.
    pub chat_bytes_max: usize,
    /// How often, in a hundred times, a dial fails for no reason.
    pub dial_fails_percent: u8,
    /// How often, in a hundred times, a dial hangs.
    pub dial_hangs_percent: u8,
    /// Whether clients' ids collide.
    pub client_ids_collide: bool,
    /// Whether one server has another one's id.
    pub server_ids_collide: bool,
    /// Whether clients do things in channels.
    pub channels: bool,
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
        let mut weights = [0; Happening::ALL.len()];
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
            weights[Happening::Hostile as usize] = 0;
        } else {
            weights[Happening::Hostile as usize] = random.one_of(&[4, 16]);
        }
        let originals = random.chance(15);
        let one = |random: &mut Random| u32::from(random.chance(60));
        let original_servers = if originals { one(random) } else { 0 };
        Options {
            servers,
            clients,
            original_servers,
            original_clients: if originals {
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
            storm: random.chance(30),
            ranks: random.chance(10),
            trouble: Duration::from_secs(random.one_of(&[5, 20, 20, 60, 120])),
            happenings: u32::try_from(random.between(5, 60)).unwrap_or(5),
            weights,
            latency: random.one_of(&[(50, 200), (100, 5_000), (1_000, 40_000), (5_000, 300_000)]),
            cut_percent: random.one_of(&[0, 5, 30, 90]),
            window: random.one_of(&[600, 4 << 10, 64 << 10, 1 << 20]),
            client_queue: random.one_of(&[1 << 20, 1 << 20, 2 << 10]),
            server_queue: random.one_of(&[64 << 20, 64 << 20, 8 << 10]),
            chat_bytes_max: random.one_of(&[40, 40, 300, 2_000]),
            dial_fails_percent: random.one_of(&[0, 0, 10, 40]),
            dial_hangs_percent: random.one_of(&[0, 0, 0, 10]),
            client_ids_collide: random.chance(30),
            // An original remembers the one, and the other is refused for ever.
            server_ids_collide: random.chance(8) && original_servers == 0,
            channels: settings.channels,
        }
    }

    /// What the network is like while it is in trouble.
    pub(crate) const fn conditions(&self) -> Conditions {
        Conditions {
            latency: self.latency,
            window: self.window,
            cut_percent: self.cut_percent,
            dial_fails_percent: self.dial_fails_percent,
            dial_hangs_percent: self.dial_hangs_percent,
        }
    }

    /// Whether every node is one of ours and means well.
    #[must_use]
    pub const fn all_ours(&self) -> bool {
        self.original_servers == 0 && self.original_clients == 0 && self.hostiles == 0
    }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "servers={} clients={}", self.servers, self.clients)?;
        write!(
            f,
            " original_servers={} original_clients={} hostiles={}",
            self.original_servers, self.original_clients, self.hostiles
        )?;
        write!(
            f,
            " shape={:?} storm={} ranks={}",
            self.shape, self.storm, self.ranks
        )?;
        write!(
            f,
            " trouble={:?} happenings={} weights=",
            self.trouble, self.happenings
        )?;
        let mut comma = "";
        for (kind, weight) in Happening::ALL.iter().zip(self.weights) {
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
            " dial_fails={}% dial_hangs={}% client_ids_collide={} server_ids_collide={}",
            self.dial_fails_percent,
            self.dial_hangs_percent,
            self.client_ids_collide,
            self.server_ids_collide
        )?;
        if self.channels {
            f.write_str(" channels")?;
        }
        Ok(())
    }
}
