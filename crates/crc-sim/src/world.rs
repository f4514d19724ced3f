//! The network as a whole: nodes, connections, a calendar, and the loop that
//! takes what is next, hands it to a machine and does what that says.
//!
//! Does with bytes what the driver does with sockets: bounded queues, lingering
//! ends, one `LinkDown` for each `LinkUp`. What is done to the network on purpose
//! is in `faults`; what is seen on the wire is judged in `watch`, what holds at
//! rest in `judge`.

use crc_core::{
    Client, ClientCommand, ClientNotice, CloseWhen, DialError, DialId, Effect, Endpoints, Event,
    LinkDown, LinkId, Machine, Origin, Outbox, PeerAddress, Server, ServerCommand, ServerNotice,
    Timestamp, Unsent,
};
use crc_netem::{Dialing, Failure, LinkEvent, Phase, Progress, Side, Step, TimedNet, mix};

use crate::channels::Said;
use crate::chats::{self, Chat, Fate};
use crate::invariant::{Invariant, Violation};
use crate::node::{Birth, Node, Role, address};
use crate::notes::{StreamNotes, Token};
use crate::options::{Options, Settings};
use crate::plan::Plan;
use crate::raw::{Complaint, RawCommand};
use crate::rendezvous::{CANDIDATES_WITHIN, Rendezvous};
use crate::report::Counts;
use crate::trace::Trace;

/// How many ticks at one moment are one too many.
const SPINS_MAX: u32 = 50;

/// What the calendar holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Entry {
    Step(usize),
    Begin { node: usize, life: u32 },
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

pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) options: Options,
    pub(crate) settings: Settings,
    pub(crate) plan: Plan,
    pub(crate) net: TimedNet<Entry>,
    pub(crate) nodes: Vec<Node>,
    /// What was seen on each connection, by the end that wrote it.
    pub(crate) notes: Vec<[StreamNotes; 2]>,
    pub(crate) chats: Vec<Chat>,
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
    /// What was said in channels.
    pub(crate) said: Vec<Said>,
    /// The parts of the network when it was last judged: one server for all of each.
    pub(crate) parts: std::collections::BTreeMap<usize, usize>,
    /// The directory where servers find each other, if there is one.
    pub(crate) rendezvous: Option<Rendezvous>,
    server_out: Outbox<ServerNotice>,
    client_out: Outbox<ClientNotice>,
    raw_out: Outbox<Complaint>,
}

impl World {
    pub(crate) fn new(seed: u64, settings: &Settings) -> World {
        let options = Options::draw(seed, settings);
        let plan = Plan::draw(seed, &options);
        let mut net = TimedNet::new(seed, options.conditions());
        let births = crate::births::births(seed, &options);
        let nodes: Vec<Node> = births.into_iter().map(Node::new).collect();
        for (number, node) in nodes.iter().enumerate() {
            net.add_host(node.host_options(number));
        }
        let mut world = World {
            seed,
            nodes,
            options,
            settings: settings.clone(),
            plan,
            net,
            notes: Vec::new(),
            chats: Vec::new(),
            calm: false,
            violations: Vec::new(),
            trace: Trace::new(settings.lines),
            counts: Counts::default(),
            news_at: Timestamp::START,
            news: "the beginning",
            checking: false,
            heard: std::collections::BTreeMap::new(),
            said: Vec::new(),
            parts: std::collections::BTreeMap::new(),
            rendezvous: settings.rendezvous.then(|| Rendezvous::new(seed)),
            server_out: Outbox::new(),
            client_out: Outbox::new(),
            raw_out: Outbox::new(),
        };
        for (index, step) in world.plan.steps.iter().enumerate() {
            let wanted = settings.steps.as_ref();
            if wanted.is_none_or(|steps| steps.contains(&index)) {
                world.net.schedule(step.at, Entry::Step(index));
            }
        }
        world.net.schedule(world.plan.calm_at, Entry::Calm);
        world
    }

    pub(crate) fn violation(&mut self, invariant: Invariant, text: String) {
        self.trace
            .line(self.net.now(), || format!("VIOLATION {invariant}: {text}"));
        let at = self.now();
        self.violations.push(Violation {
            invariant,
            at,
            text,
        });
    }

    pub(crate) fn moved(&mut self, what: &'static str) {
        self.news_at = self.now();
        self.news = what;
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.net.now()
    }

    /// Goes on until `until`, or to the first violation.
    pub(crate) fn run(&mut self, until: Timestamp) {
        while self.violations.is_empty()
            && let Some(step) = self.net.poll(until)
        {
            self.follow();
            match step {
                Step::Entry(entry) => self.enter(entry),
                Step::Link {
                    host,
                    connection,
                    side,
                    event,
                } => self.link_event(host, connection, side, event),
                Step::DialFailed { host, event } => self.dial_failed(host, &event),
                Step::Wake { host } => self.tick(host),
                Step::Stopped { host } => self.die(host, Failure::Process),
            }
            self.follow();
        }
        self.follow();
    }

    fn enter(&mut self, entry: Entry) {
        match entry {
            Entry::Step(index) => self.step(index),
            Entry::Begin { node, life } => {
                let host = self.net.host(node);
                if host.life() == life && !host.is_alive() && !self.nodes[node].goes {
                    self.begin(node);
                }
            }
            Entry::Calm => self.become_calm(),
        }
    }

    fn link_event(&mut self, node: usize, connection: usize, side: Side, event: LinkEvent) {
        match event {
            LinkEvent::Up {
                link,
                origin,
                endpoints,
            } => {
                self.moved_unless_in_vain(connection, "a link came up");
                self.handle(
                    node,
                    Told::Up {
                        link,
                        origin,
                        endpoints,
                    },
                );
            }
            LinkEvent::Bytes { link, bytes } => {
                let told = Told::Bytes {
                    link,
                    bytes: &bytes,
                };
                self.handle(node, told);
                self.net.recycle(bytes);
            }
            LinkEvent::Down { link, why, queue } => {
                self.moved_unless_in_vain(connection, "a link went down");
                let unsent = queue.unsent();
                self.tell(node, Told::Down { link, why, unsent });
                self.schedule_tick(node);
                self.net.finish_stop(node);
            }
            LinkEvent::DialFailed { .. } => {}
        }
        let _ = side;
    }

    fn dial_failed(&mut self, node: usize, event: &LinkEvent) {
        if let &LinkEvent::DialFailed { dial, why } = event {
            if why == DialError::TimedOut {
                self.moved("a dial timed out");
            }
            self.handle(node, Told::DialFailed { dial, why });
        }
    }

    // Nodes

    pub(crate) fn begin(&mut self, node: usize) {
        let life = self.net.start(node);
        let fresh = mix(self.seed, (node as u64) << 32 | u64::from(life));
        let now = self.now().as_micros() / 1000;
        let it = &mut self.nodes[node];
        let told = match &it.birth {
            Birth::Server(config) => {
                let mut config = config.clone();
                config.seed = fresh;
                // No two clocks are the same.
                let late = mix(self.seed, node as u64) % 10_000;
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
        self.trace.line(self.net.now(), || {
            format!("{} begins, life {life}", self.nodes[node].describe(node))
        });
        self.moved("a node began");
        self.handle(node, told);
        self.join_rendezvous(node);
    }

    /// Endpoints a node: what it held is lost.
    pub(crate) fn die(&mut self, node: usize, failure: Failure) {
        if !self.net.host(node).is_alive() {
            return;
        }
        self.trace.line(self.net.now(), || {
            format!("{} is no more", self.nodes[node].describe(node))
        });
        self.moved("a node died");
        let it = &mut self.nodes[node];
        it.role = Role::Nothing;
        for chat in core::mem::take(&mut it.holds) {
            self.chats[chat].fate = Fate::Lost;
        }
        self.net.fail(node, failure);
        self.follow();
        self.leave_rendezvous(node);
    }

    /// Tells a node something and does what it says, until nothing is left.
    pub(crate) fn handle(&mut self, node: usize, told: Told<'_>) {
        self.tell(node, told);
        while let Some(step) = self.net.poll_down() {
            self.follow();
            if let Step::Link {
                host,
                connection,
                side,
                event,
            } = step
            {
                self.link_event(host, connection, side, event);
            }
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
        let now = self.net.clock(node);
        let mut work = Work::of(&told);
        if let Some(server) = self.nodes[node].server() {
            work.hosts = server.snapshot().directory().len();
        }
        let link = told.link();
        let stranger = link.and_then(|link| self.net.find(node, link));
        let stranger = stranger.filter(|&(connection, side)| {
            side == 1 && self.net.connections()[connection].stream(side).sent() == 0
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
        let alive = self.net.find(node, link).is_some_and(|(connection, side)| {
            self.net.connections()[connection].end(side).phase() == Phase::Live
        });
        if alive || self.nodes[node].holds.is_empty() {
            return;
        }
        for &held in &self.nodes[node].holds {
            let chat = &mut self.chats[held];
            chat.excused |= chat.read_at == Some((self.net.now(), link));
        }
    }

    fn carry_out<N: Into<Notice>>(&mut self, node: usize, out: &mut Outbox<N>) {
        let mut effects = out.take_effects();
        let mut stop = false;
        for effect in effects.drain(..) {
            match effect {
                Effect::Send { link, range, .. } => self.send(node, link, out.bytes(range)),
                Effect::Bound { link, bytes_max } => self.net.bound(node, link, bytes_max),
                Effect::Close { link, when } => self.close(node, link, when),
                Effect::Dial { .. } if stop || self.net.host(node).is_stopping() => {}
                Effect::Dial { dial, to } => self.dial(node, dial, &to),
                Effect::Notice(notice) => self.notice(node, notice.into()),
                Effect::Stop => stop = true,
            }
        }
        out.clear(effects, 1 << 20);
        if stop {
            self.net.stop(node);
            self.follow();
        }
    }

    fn deadline_of(&self, node: usize) -> Option<Timestamp> {
        match &self.nodes[node].role {
            Role::Server(server) => server.deadline(),
            Role::Client(client) => client.deadline(),
            Role::Raw(raw) => raw.deadline(),
            Role::Nothing => None,
        }
    }

    fn schedule_tick(&mut self, node: usize) {
        self.net.wake_at(node, self.deadline_of(node));
    }

    fn tick(&mut self, node: usize) {
        let due = self.deadline_of(node);
        if due.is_none_or(|due| !self.net.has_come(node, due)) {
            return self.schedule_tick(node);
        }
        let now = self.now();
        let it = &mut self.nodes[node];
        it.spins = match it.spins {
            (when, count) if when == now => (when, count + 1),
            _ => (now, 0),
        };
        if it.spins.1 > SPINS_MAX {
            let text = format!("{} wants a tick again and again", it.describe(node));
            return self.violation(Invariant::R3, text);
        }
        self.handle(node, Told::Tick);
    }

    // Links

    fn send(&mut self, node: usize, link: LinkId, bytes: &[u8]) {
        let Some((connection, side)) = self.net.sendable(node, link) else {
            return;
        };
        self.watch(connection, side, bytes);
        if !self.net.send(connection, side, bytes) {
            self.counts.slow_consumers += 1;
        }
    }

    fn close(&mut self, node: usize, link: LinkId, when: CloseWhen) {
        self.trace.line(self.net.now(), || {
            format!("{} closes {link} {when:?}", self.nodes[node].describe(node))
        });
        self.net.close(node, link, when);
        self.follow();
    }

    fn dial(&mut self, node: usize, dial: DialId, to: &PeerAddress) {
        self.trace.line(self.net.now(), || {
            format!("{} dials {to}", self.nodes[node].describe(node))
        });
        match self.net.dial(node, dial, to) {
            Dialing::Connecting(_) => {
                self.notes.push(Default::default());
                self.counts.connections += 1;
            }
            Dialing::Failing => self.counts.dials_failed += 1,
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
        let it = &self.net.connections()[connection];
        let with_whom = it.ends().iter().any(|end| {
            let node = &self.nodes[end.host()];
            node.is_original_server() || node.is_client()
        });
        // What an accepted link brings with it is seen anyway.
        let unanswered = self.notes[connection][1].told.is_empty();
        if self.options.original_servers == 0 || !with_whom && !unanswered {
            self.moved(what);
        }
    }

    /// Follows what has become of the bytes that were sent.
    fn follow(&mut self) {
        for progress in self.net.take_progress() {
            match progress {
                Progress::Read {
                    connection,
                    writer,
                    upto,
                    kept,
                } => self.arrive(connection, writer, upto, kept),
                Progress::Lost {
                    connection,
                    writer,
                    after,
                    upto,
                } => self.lose(connection, writer, |token| {
                    token.end > after && token.end <= upto
                }),
                Progress::Returned {
                    connection,
                    writer,
                    written,
                } => self.give_back(connection, writer, written),
            }
        }
    }

    /// What a machine is given back, it has again.
    fn give_back(&mut self, connection: usize, side: Side, written: u64) {
        let node = self.net.connections()[connection].end(side).host();
        let is_client = self.nodes[node].client().is_some();
        let tokens = core::mem::take(&mut self.notes[connection][side].tokens);
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
        self.notes[connection][side].tokens = kept;
    }

    /// Chats on a stream are lost that `which` says.
    fn lose(&mut self, connection: usize, side: Side, which: impl Fn(&Token) -> bool) {
        let chats = &mut self.chats;
        self.notes[connection][side].tokens.retain(|token| {
            let lost = which(token);
            if lost {
                chats[token.chat].fate = Fate::Lost;
            }
            !lost
        });
    }

    /// The chats that have been wholly read are with the reader now.
    fn arrive(&mut self, connection: usize, writer: Side, upto: u64, kept: bool) {
        let end = self.net.connections()[connection].end(1 - writer);
        let (node, link) = (end.host(), end.link());
        let stream = &mut self.notes[connection][writer];
        while let Some(token) = stream.tokens.front().copied()
            && token.end <= upto
        {
            stream.tokens.pop_front();
            let chat = &mut self.chats[token.chat];
            if !kept {
                chat.fate = Fate::Lost;
                continue;
            }
            if token.answer && self.nodes[node].client().is_some() {
                chat.fate = Fate::Answered;
                continue;
            }
            chat.fate = Fate::At(node);
            chat.read_at = Some((self.net.now(), link));
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

    // What machines notice

    fn notice(&mut self, node: usize, notice: Notice) {
        match notice {
            Notice::Server(notice) => {
                self.trace.line(self.net.now(), || {
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
                self.trace.line(self.net.now(), || {
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
        self.trace.note(self.now().as_micros());
        self.trace.line(self.net.now(), || {
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
        let links = self.net.host(node).links().slots_len() + 2;
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
