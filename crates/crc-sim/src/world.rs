//! The network as a whole: nodes, connections, a calendar, and the loop that
//! takes what is next, hands it to a machine and does what that says.
//!
//! Does with bytes what the driver does with sockets: bounded queues, lingering
//! ends, one `LinkDown` for each `LinkUp`. What is done to the network on purpose
//! is in `faults`; what is seen on the wire is judged in `watch`, what holds at
//! rest in `judge`.

use core::time::Duration;
use std::io::ErrorKind;
use std::net::SocketAddr;

use crc_core::{
    Client, ClientCommand, ClientNotice, CloseWhen, DialError, DialId, Effect, Endpoints, Event,
    LinkDown, LinkId, ListenerId, Machine, Origin, Outbox, PeerAddress, Random, SendQueue, Server,
    ServerCommand, ServerNotice, Timestamp, Unsent,
};

use crate::calendar::Calendar;
use crate::channels::Said;
use crate::chats::{self, Chat, Fate};
use crate::draw::{Draw, stir};
use crate::invariant::{Invariant, Violation};
use crate::node::{Birth, Node, Role, address, node_at};
use crate::options::{Options, Settings};
use crate::pipe::{Connection, End, Phase, Side, Token, overdue};
use crate::plan::Plan;
use crate::raw::{Complaint, RawCommand};
use crate::rendezvous::{CANDIDATES_WITHIN, Rendezvous};
use crate::report::Counts;
use crate::trace::Trace;

/// As with the driver.
const LINGER_MAX: Duration = Duration::from_secs(2);
const FLUSH_MAX: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const EVENT_BYTES_MAX: usize = 16 * 1024;

/// How many ticks at one moment are one too many.
const SPINS_MAX: u32 = 50;

/// What the calendar holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Entry {
    Step(usize),
    Tick {
        node: usize,
        life: u32,
    },
    Up {
        connection: usize,
        side: Side,
    },
    Deliver {
        connection: usize,
        reader: Side,
    },
    Reset {
        connection: usize,
        side: Side,
        kind: ErrorKind,
    },
    Deadline {
        connection: usize,
        side: Side,
    },
    DialFailed {
        node: usize,
        life: u32,
        dial: DialId,
        why: DialError,
    },
    Stopped {
        node: usize,
        life: u32,
    },
    Begin {
        node: usize,
        life: u32,
    },
    Calm,
}

/// What a machine can be told.
#[derive(Debug)]
pub(crate) enum Told<'a> {
    Up {
        link: LinkId,
        origin: Origin,
        endpoints: Endpoints,
    },
    Bytes {
        link: LinkId,
        bytes: &'a [u8],
    },
    Down {
        link: LinkId,
        why: LinkDown,
        unsent: Unsent<'a>,
    },
    DialFailed {
        dial: DialId,
        why: DialError,
    },
    Server(ServerCommand),
    Client(ClientCommand),
    Raw(RawCommand),
    Tick,
}

/// What a machine may have noticed.
pub(crate) enum Notice {
    Server(ServerNotice),
    Client(ClientNotice),
    Raw(Complaint),
}

impl From<ServerNotice> for Notice {
    fn from(notice: ServerNotice) -> Self {
        Notice::Server(notice)
    }
}

impl From<ClientNotice> for Notice {
    fn from(notice: ClientNotice) -> Self {
        Notice::Client(notice)
    }
}

impl From<Complaint> for Notice {
    fn from(notice: Complaint) -> Self {
        Notice::Raw(notice)
    }
}

/// Two parts of the network that do not hear of each other for a while.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Partition {
    pub(crate) salt: u64,
    pub(crate) until: Timestamp,
}

pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) options: Options,
    pub(crate) settings: Settings,
    pub(crate) plan: Plan,
    pub(crate) now: Timestamp,
    pub(crate) calendar: Calendar<Entry>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) connections: Vec<Connection>,
    pub(crate) chats: Vec<Chat>,
    pub(crate) partition: Option<Partition>,
    pub(crate) calm: bool,
    pub(crate) violations: Vec<Violation>,
    pub(crate) trace: Trace,
    pub(crate) counts: Counts,
    /// When something last moved that is no ping.
    pub(crate) news_at: Timestamp,
    /// What that was.
    pub(crate) news: &'static str,
    /// Whether a machine is being asked whether it is sound.
    pub(crate) checking: bool,
    /// The last chat that one speaker's registration got through to one reader's.
    pub(crate) heard: std::collections::BTreeMap<(usize, usize), usize>,
    /// Endpoints that are over and whose machine has not been told.
    over: Vec<(usize, Side, LinkDown)>,
    /// What was said in channels.
    pub(crate) said: Vec<Said>,
    /// The parts of the network when it was last judged: one server for all of each.
    pub(crate) parts: std::collections::BTreeMap<usize, usize>,
    /// The directory where servers find each other, if there is one.
    pub(crate) rendezvous: Option<Rendezvous>,
    server_out: Outbox<ServerNotice>,
    client_out: Outbox<ClientNotice>,
    raw_out: Outbox<Complaint>,
    scratch: Vec<u8>,
}

impl World {
    pub(crate) fn new(seed: u64, settings: &Settings) -> World {
        let options = Options::draw(seed, settings);
        let plan = Plan::draw(seed, &options);
        let mut world = World {
            seed,
            nodes: crate::births::births(seed, &options)
                .into_iter()
                .map(Node::new)
                .collect(),
            options,
            settings: settings.clone(),
            plan,
            now: Timestamp::START,
            calendar: Calendar::new(),
            connections: Vec::new(),
            chats: Vec::new(),
            partition: None,
            calm: false,
            violations: Vec::new(),
            trace: Trace::new(settings.lines),
            counts: Counts::default(),
            news_at: Timestamp::START,
            news: "the beginning",
            checking: false,
            heard: std::collections::BTreeMap::new(),
            over: Vec::new(),
            said: Vec::new(),
            parts: std::collections::BTreeMap::new(),
            rendezvous: settings.rendezvous.then(|| Rendezvous::new(seed)),
            server_out: Outbox::new(),
            client_out: Outbox::new(),
            raw_out: Outbox::new(),
            scratch: Vec::new(),
        };
        for (index, step) in world.plan.steps.iter().enumerate() {
            let wanted = settings.steps.as_ref();
            if wanted.is_none_or(|steps| steps.contains(&index)) {
                world.calendar.enter(step.at, Entry::Step(index));
            }
        }
        world.calendar.enter(world.plan.calm_at, Entry::Calm);
        world
    }

    pub(crate) fn violation(&mut self, invariant: Invariant, text: String) {
        self.trace
            .line(self.now, || format!("VIOLATION {invariant}: {text}"));
        let at = self.now;
        self.violations.push(Violation {
            invariant,
            at,
            text,
        });
    }

    pub(crate) fn moved(&mut self, what: &'static str) {
        self.news_at = self.now;
        self.news = what;
    }

    /// Goes on until `until`, or to the first violation.
    pub(crate) fn run(&mut self, until: Timestamp) {
        while self.violations.is_empty()
            && let Some((when, entry)) = self.calendar.next(until)
        {
            self.now = self.now.max(when);
            self.counts.entries += 1;
            self.enter(entry);
        }
        if self.violations.is_empty() {
            self.now = self.now.max(until);
        }
    }

    fn enter(&mut self, entry: Entry) {
        match entry {
            Entry::Step(index) => self.step(index),
            Entry::Tick { node, life } => self.tick(node, life),
            Entry::Up { connection, side } => self.up(connection, side),
            Entry::Deliver { connection, reader } => self.deliver(connection, reader),
            Entry::Reset {
                connection,
                side,
                kind,
            } => self.reset(connection, side, kind),
            Entry::Deadline { connection, side } => self.deadline(connection, side),
            Entry::DialFailed {
                node,
                life,
                dial,
                why,
            } => {
                if self.is_there(node, life) && !self.later(node, entry) {
                    if why == DialError::TimedOut {
                        self.moved("a dial timed out");
                    }
                    self.handle(node, Told::DialFailed { dial, why });
                }
            }
            Entry::Stopped { node, life } => {
                if self.is_there(node, life) {
                    self.die(node, Death::Process);
                }
            }
            Entry::Begin { node, life } => {
                let it = &self.nodes[node];
                if it.life == life && !it.alive && !it.goes {
                    self.begin(node);
                }
            }
            Entry::Calm => self.become_calm(),
        }
    }

    fn is_there(&self, node: usize, life: u32) -> bool {
        self.nodes[node].alive && self.nodes[node].life == life
    }

    /// Puts an entry off while its node stands still.
    fn later(&mut self, node: usize, entry: Entry) -> bool {
        let until = self.nodes[node].frozen_until;
        if until > self.now {
            self.calendar.enter(until, entry);
        }
        until > self.now
    }

    // Nodes

    pub(crate) fn begin(&mut self, node: usize) {
        let it = &mut self.nodes[node];
        it.life += 1;
        it.alive = true;
        it.stop_by = None;
        it.frozen_until = Timestamp::START;
        it.started_at = self.now;
        it.tick_at = None;
        let life = it.life;
        let fresh = stir(self.seed, (node as u64) << 32 | u64::from(life));
        let told = match &it.birth {
            Birth::Server(config) => {
                let mut config = config.clone();
                config.seed = fresh;
                // No two clocks are the same.
                let late = stir(self.seed, node as u64) % 10_000;
                let now = self.now.as_micros() / 1000;
                config.started_at_unix_ms = 1_700_000_000_000 + now + late;
                if self.rendezvous.is_some() {
                    config.connect.clear();
                    config.candidates_within = Some(CANDIDATES_WITHIN);
                }
                #[cfg_attr(not(feature = "planted"), expect(unused_mut, reason = "to be planted"))]
                let mut server = Box::new(Server::new(*config));
                #[cfg(feature = "planted")]
                server.plant(self.settings.planted, self.settings.hash_seed);
                it.role = Role::Server(server);
                let listening = vec![address(node)];
                Told::Server(ServerCommand::Start { listening })
            }
            Birth::Client(config) => {
                let mut config = config.clone();
                if life > 1 {
                    config.seed = fresh;
                }
                #[cfg_attr(not(feature = "planted"), expect(unused_mut, reason = "to be planted"))]
                let mut client = Client::new(*config).expect("names here are admitted");
                #[cfg(feature = "planted")]
                client.plant(self.settings.planted);
                it.role = Role::Client(Box::new(client));
                Told::Client(ClientCommand::Start)
            }
            Birth::Raw(raw) => {
                it.role = Role::Raw(raw.clone());
                Told::Raw(RawCommand::Start)
            }
        };
        self.trace.line(self.now, || {
            format!("{} begins, life {life}", self.nodes[node].describe(node))
        });
        self.moved("a node began");
        self.handle(node, told);
        self.join_rendezvous(node);
    }

    /// Endpoints a node: what it held is lost.
    pub(crate) fn die(&mut self, node: usize, death: Death) {
        if !self.nodes[node].alive {
            return;
        }
        self.trace.line(self.now, || {
            format!("{} is no more", self.nodes[node].describe(node))
        });
        self.moved("a node died");
        let it = &mut self.nodes[node];
        it.alive = false;
        it.role = Role::Nothing;
        it.links.clear();
        it.free_all();
        for chat in core::mem::take(&mut it.holds) {
            self.chats[chat].fate = Fate::Lost;
        }
        for (connection, side) in core::mem::take(&mut self.nodes[node].ends) {
            let it = &mut self.connections[connection];
            // What was never written dies with the process.
            let written = it.streams[side].sent - it.ends[side].queue.len() as u64;
            it.ends[side].queue = SendQueue::new(0);
            it.streams[side].sent = written;
            self.lose(connection, side, |token| token.end > written);
            match death {
                Death::Process => self.close_socket(connection, side),
                Death::Host => {
                    let it = &mut self.connections[connection];
                    it.ends[side].phase = Phase::Gone;
                    it.streams.iter_mut().for_each(|stream| stream.hole = true);
                    let after = it.random.millis(200, 33_000);
                    self.reset_after(connection, 1 - side, after, ErrorKind::TimedOut);
                }
            }
        }
        self.leave_rendezvous(node);
    }

    /// Tells a node something and does what it says, until nothing is left.
    pub(crate) fn handle(&mut self, node: usize, told: Told<'_>) {
        self.tell(node, told);
        while let Some((connection, side, why)) = self.over.pop() {
            self.bury(connection, side, why);
        }
        self.schedule_tick(node);
        let it = &mut self.nodes[node];
        it.events += 1;
        if let Role::Server(server) = &it.role
            && it.events.is_multiple_of(8)
        {
            self.checking = true;
            server.check();
            self.checking = false;
        }
    }

    fn tell(&mut self, node: usize, told: Told<'_>) {
        self.counts.events += 1;
        self.note(node, &told);
        let now = self.nodes[node].clock(self.now);
        let mut work = Work::of(&told);
        if let Some(server) = self.nodes[node].server() {
            work.hosts = server.snapshot().directory().len();
        }
        let link = told.link();
        let stranger = link.and_then(|link| self.nodes[node].find(link));
        let stranger = stranger.filter(|&(connection, side)| {
            side == 1 && self.connections[connection].streams[side].sent == 0
        });
        let before = stranger.and_then(|_| self.refusals(node));
        let arrived = matches!(told, Told::Bytes { .. });
        match &mut self.nodes[node].role {
            Role::Server(server) => {
                let mut out = core::mem::take(&mut self.server_out);
                if let Some(event) = told.into_server() {
                    server.handle(now, event, &mut out);
                }
                self.bounded(node, work, out.effects().len(), out.arena_len());
                self.refused(node, link, before, &out);
                self.carry_out(node, &mut out);
                self.server_out = out;
            }
            Role::Client(client) => {
                let mut out = core::mem::take(&mut self.client_out);
                if let Some(event) = told.into_client() {
                    client.handle(now, event, &mut out);
                }
                self.carry_out(node, &mut out);
                self.client_out = out;
            }
            Role::Raw(raw) => {
                let mut out = core::mem::take(&mut self.raw_out);
                if let Some(event) = told.into_raw() {
                    raw.handle(now, event, &mut out);
                }
                self.carry_out(node, &mut out);
                self.raw_out = out;
            }
            Role::Nothing => return,
        }
        if arrived && let Some(link) = link {
            self.drop_unread(node, link);
        }
    }

    /// What a link had brought in the last read dies with the link, if the
    /// machine has just closed it.
    fn drop_unread(&mut self, node: usize, link: LinkId) {
        let alive = self.nodes[node]
            .find(link)
            .is_some_and(|(connection, side)| {
                self.connections[connection].ends[side].phase == Phase::Live
            });
        if alive || self.nodes[node].holds.is_empty() {
            return;
        }
        for &held in &self.nodes[node].holds {
            let chat = &mut self.chats[held];
            chat.excused |= chat.read_at == Some((self.now, link));
        }
    }

    fn carry_out<N: Into<Notice>>(&mut self, node: usize, out: &mut Outbox<N>) {
        let mut effects = out.take_effects();
        let mut stop = false;
        for effect in effects.drain(..) {
            match effect {
                Effect::Send { link, range, .. } => self.send(node, link, out.bytes(range)),
                Effect::Bound { link, bytes_max } => {
                    if let Some((connection, side)) = self.nodes[node].find(link) {
                        let end = &mut self.connections[connection].ends[side];
                        end.bound = bytes_max;
                        end.queue.bound(bytes_max);
                    }
                }
                Effect::Close { link, when } => self.close(node, link, when),
                Effect::Dial { .. } if stop || self.nodes[node].stop_by.is_some() => {}
                Effect::Dial { dial, to } => self.dial(node, dial, &to),
                Effect::Notice(notice) => self.notice(node, notice.into()),
                Effect::Stop => stop = true,
            }
        }
        out.clear(effects, 1 << 20);
        if stop && self.nodes[node].stop_by.is_none() {
            self.stop(node);
        }
    }

    fn stop(&mut self, node: usize) {
        let until = self.now + LINGER_MAX;
        self.nodes[node].stop_by = Some(until);
        let links: Vec<LinkId> = self.nodes[node]
            .links
            .iter()
            .flatten()
            .map(|l| l.0)
            .collect();
        for link in links {
            self.close(node, link, CloseWhen::Flushed);
        }
        let life = self.nodes[node].life;
        let until = if self.nodes[node].ends.is_empty() {
            self.now
        } else {
            until
        };
        self.calendar.enter(until, Entry::Stopped { node, life });
    }

    fn schedule_tick(&mut self, node: usize) {
        let it = &mut self.nodes[node];
        let deadline = match &it.role {
            Role::Server(server) => server.deadline(),
            Role::Client(client) => client.deadline(),
            Role::Raw(raw) => raw.deadline(),
            Role::Nothing => None,
        };
        let Some(deadline) = deadline else { return };
        let when = it.in_world(deadline).max(self.now);
        if it.tick_at.is_none_or(|tick_at| when < tick_at) {
            it.tick_at = Some(when);
            let life = it.life;
            self.calendar.enter(when, Entry::Tick { node, life });
        }
    }

    fn tick(&mut self, node: usize, life: u32) {
        if !self.is_there(node, life) || self.nodes[node].tick_at != Some(self.now) {
            return;
        }
        if self.nodes[node].frozen_until > self.now {
            let until = self.nodes[node].frozen_until;
            self.nodes[node].tick_at = Some(until);
            return self.calendar.enter(until, Entry::Tick { node, life });
        }
        let it = &mut self.nodes[node];
        it.tick_at = None;
        let due = match &it.role {
            Role::Server(server) => server.deadline(),
            Role::Client(client) => client.deadline(),
            Role::Raw(raw) => raw.deadline(),
            Role::Nothing => None,
        };
        if due.is_none_or(|due| it.in_world(due) > self.now) {
            return self.schedule_tick(node);
        }
        it.spins = match it.spins {
            (when, count) if when == self.now => (when, count + 1),
            _ => (self.now, 0),
        };
        if it.spins.1 > SPINS_MAX {
            let text = format!("{} wants a tick again and again", it.describe(node));
            return self.violation(Invariant::R3, text);
        }
        self.handle(node, Told::Tick);
    }

    // Links

    fn send(&mut self, node: usize, link: LinkId, bytes: &[u8]) {
        let Some((connection, side)) = self.nodes[node].find(link) else {
            return;
        };
        // What belongs to the same turn as the bytes that were too many waits
        // with them, and is given back with them.
        let slow = (connection, side, LinkDown::SlowConsumer);
        if !self.connections[connection].ends[side].is_machines() && !self.over.contains(&slow) {
            return;
        }
        self.watch(connection, side, bytes);
        let it = &mut self.connections[connection];
        let stream = &mut it.streams[side];
        stream.sent += bytes.len() as u64;
        let end = &mut it.ends[side];
        let mut written = 0;
        if end.phase == Phase::Live {
            if end.queue.is_empty() {
                written = stream.room().min(bytes.len());
                stream.write(&bytes[..written]);
            }
            // A broken connection is found by writing, too.
            if let Some(kind) = it.streams[1 - side].reset
                && it.random.chance(50)
            {
                it.ends[side].phase = Phase::Broken(kind);
                self.set_deadline(connection, side, LINGER_MAX);
            }
        }
        let end = &mut self.connections[connection].ends[side];
        let over = end.queue.push(bytes, written).is_err();
        if over {
            self.counts.slow_consumers += 1;
            self.end(connection, side, LinkDown::SlowConsumer);
        }
        self.schedule(connection, 1 - side, true);
    }

    pub(crate) fn close(&mut self, node: usize, link: LinkId, when: CloseWhen) {
        let Some((connection, side)) = self.nodes[node].find(link) else {
            return;
        };
        self.trace.line(self.now, || {
            format!("{} closes {link} {when:?}", self.nodes[node].describe(node))
        });
        match (self.connections[connection].ends[side].phase, when) {
            (Phase::Live, CloseWhen::Flushed) => {
                self.connections[connection].ends[side].phase = Phase::Flushing;
                self.set_deadline(connection, side, FLUSH_MAX);
                self.pump(connection, side);
            }
            (Phase::Live | Phase::Broken(_), CloseWhen::Now) => {
                self.end(connection, side, LinkDown::Ended);
            }
            (Phase::Broken(kind), CloseWhen::Flushed) => {
                self.end(connection, side, LinkDown::Failed(kind));
            }
            (Phase::Coming | Phase::Flushing | Phase::Draining | Phase::Gone, _) => {}
        }
    }

    /// Writes what waits, as far as there is room.
    pub(crate) fn pump(&mut self, connection: usize, side: Side) {
        let it = &mut self.connections[connection];
        let (end, stream) = (&mut it.ends[side], &mut it.streams[side]);
        if !matches!(end.phase, Phase::Live | Phase::Flushing) {
            return;
        }
        let count = stream.room().min(end.queue.len());
        let news = count > 0;
        if news {
            stream.write(&end.queue.waiting()[..count]);
            end.queue.advance(count);
        }
        if end.phase == Phase::Flushing && end.queue.is_empty() {
            if end.ended {
                self.end(connection, side, LinkDown::Ended);
            } else {
                stream.ended = true;
                end.phase = Phase::Draining;
                self.set_deadline(connection, side, LINGER_MAX);
            }
            self.schedule(connection, 1 - side, true);
        } else if news {
            self.schedule(connection, 1 - side, true);
        }
    }

    fn set_deadline(&mut self, connection: usize, side: Side, after: Duration) {
        let when = self.now + after;
        self.connections[connection].ends[side].deadline = Some(when);
        self.calendar
            .enter(when, Entry::Deadline { connection, side });
    }

    fn deadline(&mut self, connection: usize, side: Side) {
        let end = &self.connections[connection].ends[side];
        if end.deadline != Some(self.now) {
            return;
        }
        if self.later(end.node, Entry::Deadline { connection, side }) {
            let node = self.connections[connection].ends[side].node;
            let until = self.nodes[node].frozen_until;
            self.connections[connection].ends[side].deadline = Some(until);
            return;
        }
        if let Some(why) = overdue(self.connections[connection].ends[side].phase) {
            let node = self.connections[connection].ends[side].node;
            self.end(connection, side, why);
            self.settle(node);
        }
    }

    /// Endpoints a link. Its machine is to be told.
    fn end(&mut self, connection: usize, side: Side, why: LinkDown) {
        let end = &mut self.connections[connection].ends[side];
        let told = self
            .over
            .iter()
            .any(|over| (over.0, over.1) == (connection, side));
        if !told && !matches!(end.phase, Phase::Gone | Phase::Coming) {
            end.deadline = None;
            self.over.insert(0, (connection, side, why));
            if why != LinkDown::PeerClosed {
                end.phase = Phase::Draining;
            }
        }
    }

    /// Tells machines of ends that are over.
    fn settle(&mut self, node: usize) {
        while let Some((connection, side, why)) = self.over.pop() {
            self.bury(connection, side, why);
        }
        self.schedule_tick(node);
    }

    /// Takes an end that is over out of the world, and tells its machine.
    fn bury(&mut self, connection: usize, side: Side, why: LinkDown) {
        if why == LinkDown::PeerClosed {
            // The peer may have ended its own side only, and still be reading.
            self.pump(connection, side);
        }
        let it = &mut self.connections[connection];
        let end = &mut it.ends[side];
        let (node, link) = (end.node, end.link);
        let queue = core::mem::replace(&mut end.queue, SendQueue::new(0));
        let written = it.streams[side].sent - queue.len() as u64;
        it.streams[side].sent = written;
        self.give_back(connection, side, written);
        self.close_socket(connection, side);
        self.nodes[node].unlink(link);
        self.nodes[node]
            .ends
            .retain(|end| *end != (connection, side));
        self.moved_unless_in_vain(connection, "a link went down");
        let unsent = queue.unsent();
        self.tell(node, Told::Down { link, why, unsent });
        self.schedule_tick(node);
        if self.nodes[node].stop_by.is_some() && self.nodes[node].ends.is_empty() {
            let life = self.nodes[node].life;
            self.calendar.enter(self.now, Entry::Stopped { node, life });
        }
    }

    /// Whether a server knows at the moment who said something: nobody else can
    /// be answered.
    fn knows_speaker(&self, node: usize, chat: usize) -> bool {
        let source = self.chats[chat].source.map(|(source, _)| source);
        let server = self.nodes[node].server();
        server.is_none_or(|server| {
            let directory = server.snapshot().directory();
            source.is_some_and(|source| directory.find(source).is_some())
        })
    }

    /// Something moved on a connection. Who is refused by an original server, or
    /// because an original does not forget a client, tries again for ever.
    pub(crate) fn moved_unless_in_vain(&mut self, connection: usize, what: &'static str) {
        let it = &self.connections[connection];
        let with_whom = it.ends.iter().any(|end| {
            let node = &self.nodes[end.node];
            node.is_original_server() || node.is_client()
        });
        // What an accepted link brings with it is seen anyway.
        let unanswered = it.streams[1].told.is_empty();
        if self.options.original_servers == 0 || !with_whom && !unanswered {
            self.moved(what);
        }
    }

    /// What a machine is given back, it has again.
    fn give_back(&mut self, connection: usize, side: Side, written: u64) {
        let node = self.connections[connection].ends[side].node;
        let is_client = self.nodes[node].client().is_some();
        let tokens = core::mem::take(&mut self.connections[connection].streams[side].tokens);
        let mut kept = std::collections::VecDeque::new();
        for token in tokens {
            let back = if is_client {
                token.end > written
            } else {
                token.start >= written
            };
            if !back && token.end > written {
                self.chats[token.chat].fate = Fate::Lost;
            } else if !back {
                kept.push_back(token);
            } else if is_client {
                self.chats[token.chat].fate = Fate::Unsaid;
            } else if token.answer || !self.knows_speaker(node, token.chat) {
                self.chats[token.chat].fate = Fate::Lost;
            } else {
                self.chats[token.chat].fate = Fate::At(node);
                self.nodes[node].holds.push(token.chat);
            }
        }
        self.connections[connection].streams[side].tokens = kept;
    }

    /// What the kernel does when a process lets go of a socket.
    fn close_socket(&mut self, connection: usize, side: Side) {
        let it = &mut self.connections[connection];
        if it.ends[side].phase == Phase::Gone {
            return;
        }
        it.ends[side].phase = Phase::Gone;
        it.ends[side].deadline = None;
        let unread = it.streams[1 - side].in_flight() > 0;
        if unread {
            it.streams[1 - side].truncate(0);
            let delivered = it.streams[1 - side].delivered;
            let queued = it.ends[1 - side].queue.len() as u64;
            let written = it.streams[1 - side].sent - queued;
            self.lose(connection, 1 - side, |token| {
                token.end > delivered && token.end <= written
            });
            let after = self.connections[connection].delay();
            self.reset_after(connection, 1 - side, after, ErrorKind::ConnectionReset);
        } else {
            it.streams[side].ended = true;
            self.schedule(connection, 1 - side, true);
        }
    }

    /// Chats on a stream are lost that `which` says.
    fn lose(&mut self, connection: usize, side: Side, which: impl Fn(&Token) -> bool) {
        let stream = &mut self.connections[connection].streams[side];
        let chats = &mut self.chats;
        stream.tokens.retain(|token| {
            let lost = which(token);
            if lost {
                chats[token.chat].fate = Fate::Lost;
            }
            !lost
        });
    }

    pub(crate) fn reset_after(
        &mut self,
        connection: usize,
        side: Side,
        after: Duration,
        kind: ErrorKind,
    ) {
        let entry = Entry::Reset {
            connection,
            side,
            kind,
        };
        self.calendar.enter(self.now + after, entry);
    }

    /// The connection is broken, as the end at `side` learns now.
    fn reset(&mut self, connection: usize, side: Side, kind: ErrorKind) {
        let it = &mut self.connections[connection];
        let known = it.streams[1 - side].reset.is_some() && !it.streams[1 - side].hole;
        if it.ends[side].phase == Phase::Gone || known {
            return;
        }
        let arrived = it.streams[1 - side].in_flight();
        let whole = matches!(self.nodes[it.ends[side].node].birth, Birth::Raw(_));
        let keep = match it.random.below(3) {
            // Who cannot bear a frame that is cut gets whole packets.
            _ if whole => 0,
            0 => 0,
            1 => arrived,
            _ => it.random.index(arrived + 1),
        };
        let incoming = &mut it.streams[1 - side];
        incoming.truncate(keep);
        incoming.reset = Some(kind);
        incoming.dead = true;
        incoming.hole = false;
        incoming.stalled_until = self.now;
        let known = incoming.delivered + keep as u64;
        let written = incoming.sent - it.ends[1 - side].queue.len() as u64;
        self.lose(connection, 1 - side, |token| {
            token.end > known && token.end <= written
        });
        let it = &mut self.connections[connection];
        it.streams[side].truncate(0);
        it.streams[side].dead = true;
        let delivered = it.streams[side].delivered;
        let written = it.streams[side].sent - it.ends[side].queue.len() as u64;
        self.lose(connection, side, |token| {
            token.end > delivered && token.end <= written
        });
        self.schedule(connection, side, false);
    }

    /// Sees to it that a reader learns what there is to learn.
    pub(crate) fn schedule(&mut self, connection: usize, reader: Side, far: bool) {
        let it = &mut self.connections[connection];
        let stream = &it.streams[1 - reader];
        if stream.due || !stream.has_news() || it.ends[reader].phase == Phase::Coming {
            return;
        }
        if stream.in_flight() == 0 && it.ends[reader].ended && stream.reset.is_none() {
            return;
        }
        let after = if far {
            it.delay()
        } else {
            Duration::from_micros(it.random.below(300))
        };
        it.streams[1 - reader].due = true;
        self.calendar
            .enter(self.now + after, Entry::Deliver { connection, reader });
    }

    /// Until when nothing passes between two nodes.
    fn parted_until(&self, one: usize, other: usize) -> Option<Timestamp> {
        let partition = self.partition?;
        let raw = |node: usize| matches!(self.nodes[node].birth, Birth::Raw(_));
        if raw(one) || raw(other) {
            return None;
        }
        let part = |node: usize| stir(partition.salt, node as u64) & 1;
        (part(one) != part(other) && partition.until > self.now).then_some(partition.until)
    }

    /// A reader learns what has arrived.
    fn deliver(&mut self, connection: usize, reader: Side) {
        let it = &mut self.connections[connection];
        let writer = 1 - reader;
        let (node, other) = (it.ends[reader].node, it.ends[writer].node);
        let phase = it.ends[reader].phase;
        let stream = &mut it.streams[writer];
        stream.due = false;
        if !stream.has_news() {
            return;
        }
        if phase == Phase::Gone {
            let delivered = stream.delivered + stream.in_flight() as u64;
            let discarded = stream.in_flight() > 0;
            stream.truncate(0);
            self.lose(connection, writer, |token| token.end <= delivered);
            if discarded {
                let after = self.connections[connection].delay();
                self.reset_after(connection, writer, after, ErrorKind::ConnectionReset);
            }
            return;
        }
        let frozen = self.nodes[node].frozen_until;
        let parted = self.parted_until(node, other).unwrap_or(Timestamp::START);
        let until = self.connections[connection].streams[writer]
            .stalled_until
            .max(frozen)
            .max(parted);
        if until > self.now {
            self.connections[connection].streams[writer].due = true;
            return self
                .calendar
                .enter(until, Entry::Deliver { connection, reader });
        }
        if self.connections[connection].streams[writer].in_flight() > 0 {
            self.deliver_bytes(connection, reader);
        } else if let Some(kind) = self.connections[connection].streams[writer].reset {
            let why = match phase {
                Phase::Broken(kind) => LinkDown::Failed(kind),
                Phase::Draining => LinkDown::Ended,
                _ => LinkDown::Failed(kind),
            };
            self.end(connection, reader, why);
        } else {
            match phase {
                Phase::Live => self.end(connection, reader, LinkDown::PeerClosed),
                Phase::Broken(kind) => self.end(connection, reader, LinkDown::Failed(kind)),
                Phase::Draining => self.end(connection, reader, LinkDown::Ended),
                // Half of it is still open, and that is the half we need.
                _ => self.connections[connection].ends[reader].ended = true,
            }
        }
        self.settle(node);
        self.schedule(connection, reader, false);
    }

    fn deliver_bytes(&mut self, connection: usize, reader: Side) {
        let writer = 1 - reader;
        let cut_percent = self.options.cut_percent;
        let it = &mut self.connections[connection];
        let (node, link, phase) = (
            it.ends[reader].node,
            it.ends[reader].link,
            it.ends[reader].phase,
        );
        let arrived = it.streams[writer].in_flight();
        let mut count = arrived.min(EVENT_BYTES_MAX);
        if let Role::Raw(raw) = &self.nodes[node].role {
            count = count.min(raw.reads_max());
        } else if it.random.chance(cut_percent) {
            count = 1 + it.random.index(count);
        }
        let mut bytes = core::mem::take(&mut self.scratch);
        it.streams[writer].take(count, &mut bytes);
        self.schedule(connection, reader, false);
        self.pump(connection, writer);
        let machines = matches!(phase, Phase::Live | Phase::Broken(_));
        self.arrive(connection, reader, machines);
        if machines {
            self.handle(
                node,
                Told::Bytes {
                    link,
                    bytes: &bytes,
                },
            );
        }
        self.scratch = bytes;
    }

    /// The chats that have been wholly read are with the reader now.
    fn arrive(&mut self, connection: usize, reader: Side, machines: bool) {
        let it = &mut self.connections[connection];
        let (node, link) = (it.ends[reader].node, it.ends[reader].link);
        let stream = &mut it.streams[1 - reader];
        while let Some(token) = stream.tokens.front().copied()
            && token.end <= stream.delivered
        {
            stream.tokens.pop_front();
            let chat = &mut self.chats[token.chat];
            if !machines {
                chat.fate = Fate::Lost;
                continue;
            }
            if token.answer && self.nodes[node].client().is_some() {
                chat.fate = Fate::Answered;
                continue;
            }
            chat.fate = Fate::At(node);
            chat.read_at = Some((self.now, link));
            self.nodes[node].holds.push(token.chat);
            let bit = 1 << (node % 64);
            if !token.answer && self.nodes[node].server().is_some() {
                let again = chat.seen & bit != 0;
                chat.seen |= bit;
                if again && self.options.all_ours() {
                    let text = format!(
                        "chat {} came to {} again",
                        token.chat,
                        self.nodes[node].describe(node)
                    );
                    return self.violation(Invariant::C4, text);
                }
            }
        }
    }

    // Dials

    fn dial(&mut self, node: usize, dial: DialId, to: &PeerAddress) {
        self.nodes[node].dials += 1;
        let (life, number) = (self.nodes[node].life, self.nodes[node].dials);
        let mut random = Random::new(stir(self.seed ^ 0xd1a1, (node as u64) << 32 | number));
        self.trace.line(self.now, || {
            format!("{} dials {to}", self.nodes[node].describe(node))
        });
        let target = node_at(to).filter(|&target| target < self.nodes.len());
        let (low, high) = self.options.latency;
        let trip = Duration::from_micros(random.between(low, high));
        let fail = |why, after| {
            (
                Entry::DialFailed {
                    node,
                    life,
                    dial,
                    why,
                },
                after,
            )
        };
        let refused = DialError::Failed(ErrorKind::ConnectionRefused);
        let parted = target.and_then(|target| self.parted_until(node, target));
        let hangs = !self.calm && random.chance(self.options.dial_hangs_percent);
        let fails = !self.calm && random.chance(self.options.dial_fails_percent);
        let failure = if parted.is_some() || hangs {
            Some(fail(DialError::TimedOut, CONNECT_TIMEOUT))
        } else if fails || !target.is_some_and(|target| self.nodes[target].listens()) {
            Some(fail(refused, trip))
        } else {
            None
        };
        if let Some((entry, after)) = failure {
            self.counts.dials_failed += 1;
            return self.calendar.enter(self.now + after, entry);
        }
        let target = target.expect("a dial without failure has a target");
        let listener = ListenerId(0);
        let ends = [
            End::new(node, life, Origin::Dialed { dial }),
            End::new(
                target,
                self.nodes[target].life,
                Origin::Accepted { listener },
            ),
        ];
        let connection = self.connections.len();
        let seed = stir(self.seed ^ 0xc0, connection as u64);
        let original = [node, target]
            .iter()
            .any(|node| matches!(&self.nodes[*node].role, Role::Raw(raw) if raw.is_original()));
        // Who takes each read for whole frames lives on a quick and steady network.
        let (window, latency) = match original {
            true => (1 << 20, (1_000, 1_000)),
            false => (self.options.window, self.options.latency),
        };
        let new = Connection::new(ends, window, latency, seed);
        self.connections.push(new);
        self.counts.connections += 1;
        for side in 0..2 {
            let node = self.connections[connection].ends[side].node;
            self.nodes[node].ends.push((connection, side));
        }
        // The dialler knows of it after two trips, the other end after one and
        // whenever it comes round to accepting it.
        self.calendar.enter(
            self.now + 2 * trip,
            Entry::Up {
                connection,
                side: 0,
            },
        );
        let accepted = trip + Duration::from_micros(random.between(low, high));
        self.calendar.enter(
            self.now + accepted,
            Entry::Up {
                connection,
                side: 1,
            },
        );
    }

    /// A connection has come up, as one end learns now.
    fn up(&mut self, connection: usize, side: Side) {
        let end = &self.connections[connection].ends[side];
        let (node, life, origin) = (end.node, end.life, end.origin);
        if end.phase != Phase::Coming || self.later(node, Entry::Up { connection, side }) {
            return;
        }
        if !self.is_there(node, life) || self.nodes[node].stop_by.is_some() {
            self.nodes[node]
                .ends
                .retain(|end| *end != (connection, side));
            return self.close_socket(connection, side);
        }
        let link = self.nodes[node].link(connection, side);
        let it = &mut self.connections[connection];
        it.ends[side].link = link;
        it.ends[side].phase = Phase::Live;
        let dialler = SocketAddr::new(address(it.ends[0].node).ip(), it.port);
        let acceptor = address(it.ends[1].node);
        let endpoints = match side {
            0 => Endpoints {
                peer: acceptor,
                local: dialler,
            },
            _ => Endpoints {
                peer: dialler,
                local: acceptor,
            },
        };
        self.moved_unless_in_vain(connection, "a link came up");
        self.handle(
            node,
            Told::Up {
                link,
                origin,
                endpoints,
            },
        );
        self.schedule(connection, side, false);
    }

    // What machines notice

    fn notice(&mut self, node: usize, notice: Notice) {
        match notice {
            Notice::Server(notice) => {
                self.trace.line(self.now, || {
                    format!("{} notices {notice:?}", self.nodes[node].describe(node))
                });
            }
            Notice::Raw(Complaint(text)) => {
                let text = format!("{}: {text}", self.nodes[node].describe(node));
                self.violation(Invariant::O1, text);
            }
            Notice::Client(ClientNotice::Chat { from, to, text, .. }) => {
                self.heard(node, from, to, &text);
            }
            Notice::Client(ClientNotice::ChannelChat { text, .. }) => {
                self.heard_in_channel(node, &text);
            }
            Notice::Client(ClientNotice::NotSent { .. }) => self.counts.not_sent += 1,
            Notice::Client(notice) => {
                self.trace.line(self.now, || {
                    format!("{} notices {notice:?}", self.nodes[node].describe(node))
                });
            }
        }
    }

    /// A client says something.
    pub(crate) fn say(&mut self, speaker: usize, to: crc_wire::HostId, bytes: usize) {
        let number = self.chats.len();
        // To nobody: by an id that is only this chat's.
        let to = if to.get() == chats::NOBODY {
            let id = chats::NOBODY + u32::try_from(number).unwrap_or(0);
            crc_wire::HostId::new(id).unwrap_or(to)
        } else {
            to
        };
        self.chats.push(Chat {
            speaker,
            to,
            source: None,
            fate: Fate::Unsaid,
            answered: false,
            seen: 0,
            read_at: None,
            excused: false,
        });
        let text = chats::text(number, bytes);
        self.counts.chats += 1;
        self.handle(speaker, Told::Client(ClientCommand::SendChat { to, text }));
    }

    fn note(&mut self, node: usize, told: &Told<'_>) {
        let kind = match told {
            Told::Up { .. } => 1,
            Told::Bytes { bytes, .. } => {
                self.trace.bytes(bytes);
                2
            }
            Told::Down { unsent, .. } => {
                self.trace.bytes(unsent.bytes);
                3
            }
            Told::DialFailed { .. } => 4,
            Told::Server(_) => 5,
            Told::Client(_) => 6,
            Told::Raw(_) => 7,
            Told::Tick => 8,
        };
        let link = told.link().map_or(0, LinkId::as_u64);
        self.trace.note(kind << 56 | (node as u64) << 40 | link);
        self.trace.note(self.now.as_micros());
        self.trace.line(self.now, || {
            let what = match told {
                Told::Up {
                    link,
                    origin,
                    endpoints,
                } => {
                    format!("{link} is up, {origin:?}, {}", endpoints.peer)
                }
                Told::Bytes { link, bytes } => format!("{link} {}", crate::watch::describe(bytes)),
                Told::Down { link, why, unsent } => {
                    format!(
                        "{link} is down: {why}; {} bytes unsent",
                        unsent.bytes.len() - unsent.written
                    )
                }
                other => format!("{other:?}"),
            };
            format!("{} <- {what}", self.nodes[node].describe(node))
        });
    }

    /// No event may make more work than what it is about.
    fn bounded(&mut self, node: usize, work: Work, effects: usize, bytes: usize) {
        let Some(server) = self.nodes[node].server() else {
            return;
        };
        let hosts = work.hosts.max(server.snapshot().directory().len()) + work.frames;
        let links = self.nodes[node].links.len() + 2;
        let effects_max = 32 + (hosts + work.frames) * links * 2;
        let bytes_max = 8 * 1024 + (hosts * 1400 + work.bytes * 2) * links;
        if effects > effects_max || bytes > bytes_max {
            let text = format!(
                "{} answered one event ({work:?}) with {effects} effects and {bytes} bytes, with {hosts} hosts and {links} links",
                self.nodes[node].describe(node)
            );
            self.violation(Invariant::R3, text);
        }
    }

    fn refusals(&self, node: usize) -> Option<(u64, u64, u64)> {
        let counters = self.nodes[node].server()?.snapshot().counters();
        Some((counters.refused, counters.hosts_joined, counters.hosts_left))
    }

    /// A connection that was refused changed nothing, and nobody else heard of it.
    fn refused(
        &mut self,
        node: usize,
        link: Option<LinkId>,
        before: Option<(u64, u64, u64)>,
        out: &Outbox<ServerNotice>,
    ) {
        let (Some(before), Some(after), Some(link)) = (before, self.refusals(node), link) else {
            return;
        };
        if before.0 == after.0 {
            return;
        }
        let closed = out
            .effects()
            .iter()
            .any(|effect| matches!(effect, Effect::Close { link: closed, .. } if *closed == link));
        // Whoever is in doubt may be asked whether it is there.
        let own = self.nodes[node]
            .server()
            .map(|server| server.snapshot().id());
        let told = out.effects().iter().any(|effect| match effect {
            Effect::Send {
                link: told, range, ..
            } => *told != link && crate::watch::tells(out.bytes(*range), own),
            _ => false,
        });
        self.counts.refusals += 1;
        if closed && ((before.1, before.2) != (after.1, after.2) || told) {
            let text = format!(
                "{} refused {link} and changed all the same",
                self.nodes[node].describe(node)
            );
            self.violation(Invariant::D7, text);
        }
    }
}

/// How a node ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Death {
    /// The process ends; its kernel closes its sockets.
    Process,
    /// The machine is gone, and nobody is told.
    Host,
}

/// How much there is to do about an event.
#[derive(Debug, Clone, Copy)]
struct Work {
    hosts: usize,
    frames: usize,
    bytes: usize,
}

impl Work {
    const fn of(told: &Told<'_>) -> Work {
        let bytes = match told {
            Told::Bytes { bytes, .. } => bytes.len(),
            Told::Down { unsent, .. } => unsent.bytes.len(),
            _ => 0,
        };
        Work {
            hosts: 0,
            frames: 2 + bytes / 9,
            bytes,
        }
    }
}

impl<'a> Told<'a> {
    fn link(&self) -> Option<LinkId> {
        match self {
            Told::Up { link, .. } | Told::Bytes { link, .. } | Told::Down { link, .. } => {
                Some(*link)
            }
            _ => None,
        }
    }

    fn common<C>(self) -> Result<Event<'a, C>, Told<'a>> {
        Ok(match self {
            Told::Up {
                link,
                origin,
                endpoints,
            } => Event::LinkUp {
                link,
                origin,
                endpoints,
            },
            Told::Bytes { link, bytes } => Event::Bytes { link, bytes },
            Told::Down { link, why, unsent } => Event::LinkDown { link, why, unsent },
            Told::DialFailed { dial, why } => Event::DialFailed { dial, why },
            Told::Tick => Event::Tick,
            other => return Err(other),
        })
    }

    fn into_server(self) -> Option<Event<'a, ServerCommand>> {
        match self.common() {
            Ok(event) => Some(event),
            Err(Told::Server(command)) => Some(Event::Command(command)),
            Err(_) => None,
        }
    }

    fn into_client(self) -> Option<Event<'a, ClientCommand>> {
        match self.common() {
            Ok(event) => Some(event),
            Err(Told::Client(command)) => Some(Event::Command(command)),
            Err(_) => None,
        }
    }

    fn into_raw(self) -> Option<Event<'a, RawCommand>> {
        match self.common() {
            Ok(event) => Some(event),
            Err(Told::Raw(command)) => Some(Event::Command(command)),
            Err(_) => None,
        }
    }
}
