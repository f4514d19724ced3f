//! Many clients on one thread: an own small loop around one selector.
//!
//! Answers for connections, registrations and bytes, for what is checked of
//! them, and that clients leave in good order. When to say how much is decided
//! by whoever turns the loop. Sockets are told of by edges: what is readable is
//! read until nothing is left.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crc_core::{Announcement, Features};
use crc_wire::{
    ClientQuit, Decoder, Frame, FrameLimits, HostId, Info, Kind, Message, Name, Registration,
    StatusCode, Text,
};
use hdrhistogram::Histogram;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::failure::Failure;
use crate::flow::{Breach, Flow};
use crate::presence::{Ids, Presence};
use crate::servers::Target;

/// How long nothing at all may come while something is due.
const SILENCE: Duration = Duration::from_secs(20);
/// How long one turn waits at most.
const TURN: Duration = Duration::from_millis(50);
/// How long clients may take to leave when something has gone wrong.
const LEAVING: Duration = Duration::from_secs(5);
const READ_BYTES: usize = 128 * 1024;
/// How many bytes are sent by one call at most.
const SEND_BYTES: usize = 64 * 1024;
/// How many bytes of all flows together may be on their way.
const WINDOW_TOTAL: usize = 1024 * 1024;
/// How many bytes of one flow may be on their way.
const WINDOW: usize = 256 * 1024;

/// Where a client's conversation with its server stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Connecting,
    /// Its registration was sent.
    Registering,
    /// It was taken, and has said that it is no original client.
    Announcing,
    Ready,
    /// It has said that it leaves, and waits for the end.
    Leaving,
    Gone,
}

/// One client's connection.
#[derive(Debug)]
struct Link {
    stream: TcpStream,
    phase: Phase,
    /// The server's number.
    server: usize,
    decoder: Decoder,
    /// What the socket has not taken yet.
    waiting: Vec<u8>,
    /// The last status that came that is no welcome, for people.
    last_words: String,
}

impl Link {
    /// Sends as much as the socket takes, and keeps the rest.
    fn send(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        if self.waiting.is_empty() {
            let taken = write(&mut self.stream, bytes)?;
            bytes = bytes.get(taken..).unwrap_or_default();
        }
        self.waiting.extend_from_slice(bytes);
        Ok(())
    }

    /// Sends what has waited.
    fn flush(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let taken = write(&mut self.stream, &self.waiting)?;
        self.waiting.drain(..taken);
        Ok(())
    }
}

fn write(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let mut taken = 0;
    while let Some(rest) = bytes.get(taken..)
        && !rest.is_empty()
    {
        match stream.write(rest) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => taken += count,
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => break,
                ErrorKind::Interrupted => {}
                _ => return Err(error),
            },
        }
    }
    Ok(taken)
}

/// At which server a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placement {
    /// One after the other at each in turn.
    Dealt,
    /// In turn at the first and the last.
    Endpoints,
}

/// What a flow does beside being checked.
#[derive(Debug, Default)]
struct Stream {
    /// How many messages may be on their way.
    window: u64,
    /// A message, and when it was sent: its time on the way is measured.
    probe: Option<(u64, Instant)>,
    /// Whether something has come since the flow was last filled up.
    touched: bool,
}

/// What is done when a message has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// Nothing.
    None,
    /// The listener of a pair says its next one; the speaker too, if it may.
    Back { and_again: bool },
}

/// What came of it.
#[derive(Debug, Default)]
struct Came {
    messages: u64,
    say_more: bool,
}

/// The clients.
pub(crate) struct Fleet {
    poll: Poll,
    events: Option<Events>,
    buffer: Box<[u8]>,
    scratch: Vec<u8>,
    servers: Vec<(String, SocketAddr)>,
    placement: Placement,
    links: Vec<Link>,
    talk: Talk,
    /// How many clients may be between connecting and being taken at a time.
    joining_max: usize,
    joining: usize,
    ready: usize,
    gone: usize,
    bytes_read: u64,
    stop: Arc<AtomicBool>,
}

/// What is said, and who is told of whom: all that frames are judged by.
struct Talk {
    ids: Ids,
    presence: Presence,
    flows: Vec<Flow>,
    streams: Vec<Stream>,
    /// The flow of each client that speaks.
    flow_of: Vec<Option<usize>>,
    /// Flows of which something has come.
    touched: Vec<usize>,
    answer: Answer,
    received: u64,
    /// Times in nanoseconds: round trips or probes.
    times: Option<Histogram<u64>>,
    /// A message that came when all were there and its receiver was leaving.
    late: Option<Breach>,
}

impl Fleet {
    /// A fleet of at most `clients` clients at these servers, of which at most
    /// `joining_max` join at a time. `stop` ends whatever it waits for.
    pub(crate) fn new(
        targets: &[Target],
        placement: Placement,
        clients: usize,
        joining_max: usize,
        stop: Arc<AtomicBool>,
    ) -> Result<Fleet, Failure> {
        let poll = Poll::new().map_err(Failure::system("cannot wait for sockets"))?;
        let random = |_| Failure::Demand("the system gives no random numbers".to_owned());
        let room = u32::try_from(clients).unwrap_or(u32::MAX / 2);
        let first = getrandom::u32().map_err(random)? % (u32::MAX - room - 1) + 1;
        let ids = Ids::from(HostId::new(first).unwrap_or(HostId::from(core::num::NonZeroU32::MIN)));
        let target = |target: &Target| (target.name.clone(), target.address);
        Ok(Fleet {
            poll,
            // Room for all: whoever is told of in one turn is answered in one turn, so
            // that clients come in crowds and not one by one.
            events: Some(Events::with_capacity(clients.max(64))),
            buffer: vec![0; READ_BYTES].into_boxed_slice(),
            scratch: Vec::new(),
            servers: targets.iter().map(target).collect(),
            placement,
            links: Vec::new(),
            talk: Talk {
                ids,
                presence: Presence::new(ids, clients),
                flows: Vec::new(),
                streams: Vec::new(),
                flow_of: vec![None; clients],
                touched: Vec::new(),
                answer: Answer::None,
                received: 0,
                times: None,
                late: None,
            },
            joining_max,
            joining: 0,
            ready: 0,
            gone: 0,
            bytes_read: 0,
            stop,
        })
    }

    /// How many messages have come, all of them right.
    pub(crate) fn received(&self) -> u64 {
        self.talk.received
    }

    /// How often a client was told of another.
    pub(crate) fn told(&self) -> u64 {
        self.talk.presence.told()
    }

    /// How many pairs there are of one who knows and one who is known.
    pub(crate) fn known(&self) -> u64 {
        self.talk.presence.known()
    }

    /// Measures times from now on; `None` gives up what was measured.
    pub(crate) fn measure_times(&mut self) -> Option<Histogram<u64>> {
        // Three digits are exact; it grows as it has to.
        let fresh = Histogram::new(3).ok();
        core::mem::replace(&mut self.talk.times, fresh)
    }

    /// Attaches clients until there are `count`, and waits until each has been
    /// told of all others. `tell` hears how many pairs know each other.
    pub(crate) fn join(&mut self, count: usize, mut tell: impl FnMut(u64)) -> Result<(), Failure> {
        let mut patience = Patience::new(self);
        while self.ready < count || self.known() < pairs(count) {
            while self.links.len() < count && self.joining < self.joining_max {
                self.connect(self.links.len())?;
            }
            self.turn()?;
            tell(self.known());
            if patience.is_over(self) {
                return Err(match self.talk.presence.untold(self.links.len()) {
                    Some(breach) if self.ready == count => breach.into(),
                    _ => silence("for the servers to take clients"),
                });
            }
        }
        Ok(())
    }

    /// One client more joins, whom all are told of; it is the last one.
    pub(crate) fn visit(&mut self) -> Result<(), Failure> {
        let visitor = self.talk.flow_of.len() - 1;
        let others = visitor;
        if self.links.len() > visitor {
            self.links.truncate(visitor);
            self.gone -= 1;
        }
        self.connect(visitor)?;
        self.until("for a client to join", |fleet| {
            fleet.ready == others + 1 && fleet.known() == pairs(others + 1)
        })
    }

    /// That client leaves, which all are told of.
    pub(crate) fn visitor_leaves(&mut self) -> Result<(), Failure> {
        let visitor = self.talk.flow_of.len() - 1;
        self.say_goodbye(visitor);
        self.talk.presence.forget(visitor);
        self.until("for a client to leave", |fleet| {
            fleet.gone == 1 && fleet.known() == pairs(visitor)
        })
    }

    fn until(
        &mut self,
        what: &'static str,
        mut done: impl FnMut(&Fleet) -> bool,
    ) -> Result<(), Failure> {
        let mut patience = Patience::new(self);
        while !done(self) {
            self.turn()?;
            if patience.is_over(self) {
                let untold = self.talk.presence.untold(self.links.len() - self.gone);
                return Err(untold.map_or(silence(what), Failure::from));
            }
        }
        Ok(())
    }

    /// Lets time pass.
    pub(crate) fn rest(&mut self, time: Duration) -> Result<(), Failure> {
        let begin = Instant::now();
        while begin.elapsed() < time {
            self.turn()?;
        }
        Ok(())
    }

    /// Takes all flows away; nothing of them is on its way any more.
    pub(crate) fn forget_flows(&mut self) {
        self.talk.flows.clear();
        self.talk.streams.clear();
        self.talk.touched.clear();
        self.talk.flow_of.fill(None);
    }

    /// Adds a flow of messages with `size` bytes of text.
    pub(crate) fn flow(&mut self, from: usize, to: usize, size: usize) {
        let ids = self.talk.ids;
        if let Some(flow) = self.talk.flow_of.get_mut(from) {
            *flow = Some(self.talk.flows.len());
        }
        self.talk
            .flows
            .push(Flow::new(ids.id(from), ids.id(to), size));
        self.talk.streams.push(Stream::default());
    }

    /// How many bytes a message's frame has; all are alike.
    pub(crate) fn frame_len(&self) -> usize {
        self.talk.flows.first().map_or(0, Flow::frame_len)
    }

    /// Begins to stream on all flows: as much as their windows allow.
    pub(crate) fn stream(&mut self) -> Result<(), Failure> {
        let window = (WINDOW_TOTAL / self.talk.flows.len().max(1)).min(WINDOW);
        for number in 0..self.talk.flows.len() {
            if let (Some(flow), Some(stream)) = (
                self.talk.flows.get(number),
                self.talk.streams.get_mut(number),
            ) {
                stream.window = (window / flow.frame_len()).max(1) as u64;
            }
            self.fill(number)?;
        }
        self.talk.answer = Answer::None;
        Ok(())
    }

    /// Says on every flow of which something has come as much as its window
    /// allows.
    pub(crate) fn stream_on(&mut self) -> Result<(), Failure> {
        while let Some(number) = self.talk.touched.pop() {
            self.fill(number)?;
        }
        Ok(())
    }

    /// Says the first message on every other flow, to be answered on the one
    /// behind it.
    pub(crate) fn ping(&mut self) -> Result<(), Failure> {
        self.talk.answer = Answer::Back { and_again: true };
        for number in (0..self.talk.flows.len()).step_by(2) {
            self.say_one(number)?;
        }
        Ok(())
    }

    /// Says nothing more but answers that are due.
    pub(crate) fn ping_no_more(&mut self) {
        if let Answer::Back { and_again } = &mut self.talk.answer {
            *and_again = false;
        }
    }

    /// Waits until everything has arrived that was said.
    pub(crate) fn drain(&mut self) -> Result<(), Failure> {
        let mut patience = Patience::new(self);
        loop {
            let missing: u64 = self.talk.flows.iter().map(Flow::under_way).sum();
            let first = self.talk.flows.iter().find(|flow| flow.under_way() > 0);
            let Some(first) = first else {
                return Ok(());
            };
            if patience.is_over(self) {
                return Err(first.missing(missing).into());
            }
            self.turn()?;
        }
    }

    /// Whether something has come lately; if not, what is missing.
    pub(crate) fn still_going(&self, patience: &mut Patience) -> Result<(), Failure> {
        if !patience.is_over(self) {
            return Ok(());
        }
        let missing = self.talk.flows.iter().map(Flow::under_way).sum();
        match self.talk.flows.iter().find(|flow| flow.under_way() > 0) {
            Some(first) => Err(first.missing(missing).into()),
            None => Err(silence("for messages")),
        }
    }

    /// All clients quit, and wait for their servers to end the connections.
    /// When something has gone wrong already (`hurry`) not for long.
    pub(crate) fn leave(&mut self, hurry: bool) -> Result<(), Failure> {
        for client in 0..self.links.len() {
            self.say_goodbye(client);
        }
        let stop = core::mem::take(&mut self.stop);
        // What is readable may have been told of in a turn that was given up.
        for client in 0..self.links.len() {
            self.readable(client, true)?;
        }
        let begin = Instant::now();
        let mut patience = Patience::new(self);
        while self.gone < self.links.len() {
            self.turn()?;
            let stopped = stop.load(Ordering::Relaxed);
            if stopped && begin.elapsed() > LEAVING {
                return Err(Failure::Interrupted);
            }
            if patience.is_over(self) || hurry && begin.elapsed() > LEAVING {
                return Err(silence("for the servers to let clients go"));
            }
        }
        self.talk
            .late
            .take()
            .map_or(Ok(()), |breach| Err(breach.into()))
    }

    fn say_goodbye(&mut self, client: usize) {
        let quit = Message::ClientQuit(ClientQuit {
            source: self.talk.ids.id(client),
            text: Text::truncated("the measurement is over"),
        });
        let Some(link) = self.links.get_mut(client) else {
            return;
        };
        match link.phase {
            Phase::Leaving | Phase::Gone => return,
            Phase::Connecting | Phase::Registering | Phase::Announcing => self.joining -= 1,
            Phase::Ready => self.ready -= 1,
        }
        let spoke = link.phase != Phase::Connecting && link.send(&quit.to_vec()).is_ok();
        link.phase = if spoke { Phase::Leaving } else { Phase::Gone };
        self.gone += usize::from(!spoke);
    }

    fn connect(&mut self, client: usize) -> Result<(), Failure> {
        let count = self.servers.len();
        let server = match self.placement {
            Placement::Dealt => client % count.max(1),
            Placement::Endpoints if client.is_multiple_of(2) => 0,
            Placement::Endpoints => count - 1,
        };
        let Some((name, address)) = self.servers.get(server) else {
            return Err(Failure::Demand("there is no server".to_owned()));
        };
        let unreachable = |source| Failure::Unreachable {
            server: name.clone(),
            source,
        };
        let mut stream = TcpStream::connect(*address).map_err(unreachable)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registry = self.poll.registry();
        let registered = registry.register(&mut stream, Token(client), interest);
        registered.map_err(Failure::system("cannot wait for a socket"))?;
        self.joining += 1;
        self.links.push(Link {
            stream,
            phase: Phase::Connecting,
            server,
            decoder: Decoder::new(),
            waiting: Vec::new(),
            last_words: String::new(),
        });
        Ok(())
    }

    /// Waits for what comes, but not for long, and deals with all of it.
    pub(crate) fn turn(&mut self) -> Result<(), Failure> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Failure::Interrupted);
        }
        let Some(mut events) = self.events.take() else {
            return Ok(());
        };
        let polled = self.poll.poll(&mut events, Some(TURN));
        let mut outcome = match polled {
            Err(error) if error.kind() != ErrorKind::Interrupted => {
                Err(Failure::system("cannot wait for sockets")(error))
            }
            _ => Ok(()),
        };
        for event in &events {
            if outcome.is_err() {
                break;
            }
            let client = event.token().0;
            if event.is_writable() {
                outcome = self.writable(client);
            }
            if outcome.is_ok() && event.is_readable() {
                outcome = self.readable(client, event.is_read_closed());
            }
        }
        self.events = Some(events);
        outcome
    }

    fn writable(&mut self, client: usize) -> Result<(), Failure> {
        let Some(link) = self.links.get_mut(client) else {
            return Ok(());
        };
        if link.phase != Phase::Connecting {
            return match link.flush() {
                Ok(()) => Ok(()),
                Err(_) => self.ended(client),
            };
        }
        let failed = match link.stream.take_error() {
            Ok(None) => link.stream.peer_addr().err(),
            Ok(Some(error)) | Err(error) => Some(error),
        };
        match failed {
            Some(error) if error.kind() == ErrorKind::NotConnected => return Ok(()),
            Some(source) => {
                let server = self.servers.get(link.server);
                return Err(Failure::Unreachable {
                    server: server.map(|(name, _)| name.clone()).unwrap_or_default(),
                    source,
                });
            }
            None => {}
        }
        link.phase = Phase::Registering;
        let registration = registration(self.talk.ids.id(client), client, "");
        let set = link.stream.set_nodelay(true);
        match set.and_then(|()| link.send(&registration)) {
            Ok(()) => Ok(()),
            Err(_) => self.ended(client),
        }
    }

    fn readable(&mut self, client: usize, closed: bool) -> Result<(), Failure> {
        loop {
            let Some(link) = self.links.get_mut(client) else {
                return Ok(());
            };
            if matches!(link.phase, Phase::Connecting | Phase::Gone) {
                return Ok(());
            }
            let count = match link.stream.read(&mut self.buffer) {
                Ok(0) => return self.ended(client),
                Ok(count) => count,
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return Ok(()),
                    ErrorKind::Interrupted => continue,
                    _ => return self.ended(client),
                },
            };
            self.bytes_read += count as u64;
            let input = self.buffer.get(..count).unwrap_or_default();
            let before = link.phase;
            let heard = self.talk.hear(client, link, &self.servers, input);
            if link.phase != before {
                self.phase_changed(client, before)?;
            }
            let came = heard?;
            if came.say_more {
                self.answer(client)?;
            }
            self.talk.received += came.messages;
            // Less than there was room for: that was all, and more is a new edge.
            if count < self.buffer.len() && !closed {
                return Ok(());
            }
        }
    }

    /// Carries out what follows from a status.
    fn phase_changed(&mut self, client: usize, before: Phase) -> Result<(), Failure> {
        let Some(link) = self.links.get_mut(client) else {
            return Ok(());
        };
        if before == Phase::Registering {
            // All has come that is said to original clients; now the rest.
            let ours = Announcement {
                features: Features::default(),
                ..Announcement::default()
            };
            let again = registration(self.talk.ids.id(client), client, &ours.to_string());
            if link.send(&again).is_err() {
                return self.ended(client);
            }
        }
        if link.phase == Phase::Ready {
            self.joining -= 1;
            self.ready += 1;
        }
        Ok(())
    }

    /// A message has come in a ping-pong.
    fn answer(&mut self, client: usize) -> Result<(), Failure> {
        match self.talk.flow_of.get(client) {
            Some(&Some(number)) => self.say_one(number),
            _ => Ok(()),
        }
    }

    fn say_one(&mut self, number: usize) -> Result<(), Failure> {
        let talk = &mut self.talk;
        let (Some(flow), Some(stream)) = (talk.flows.get_mut(number), talk.streams.get_mut(number))
        else {
            return Ok(());
        };
        self.scratch.clear();
        let client = talk.ids.client(flow.source().get(), self.links.len());
        stream.probe = Some((flow.sent(), Instant::now()));
        flow.say(&mut self.scratch);
        self.send(client)
    }

    /// Says as much on a flow as its window allows.
    fn fill(&mut self, number: usize) -> Result<(), Failure> {
        loop {
            let talk = &mut self.talk;
            let (Some(flow), Some(stream)) =
                (talk.flows.get_mut(number), talk.streams.get_mut(number))
            else {
                return Ok(());
            };
            stream.touched = false;
            let room = stream.window.saturating_sub(flow.under_way());
            let most = (SEND_BYTES / flow.frame_len()).max(1) as u64;
            let count = room.min(most);
            if count == 0 {
                return Ok(());
            }
            self.scratch.clear();
            for _ in 0..count {
                flow.say(&mut self.scratch);
            }
            if stream.probe.is_none() {
                stream.probe = Some((flow.sent() - 1, Instant::now()));
            }
            let client = talk.ids.client(flow.source().get(), self.links.len());
            self.send(client)?;
        }
    }

    fn send(&mut self, client: Option<usize>) -> Result<(), Failure> {
        let Some(client) = client else {
            return Ok(());
        };
        let Some(link) = self.links.get_mut(client) else {
            return Ok(());
        };
        match link.send(&self.scratch) {
            Ok(()) => Ok(()),
            Err(_) => self.ended(client),
        }
    }

    /// A connection has ended: as it should, or not.
    fn ended(&mut self, client: usize) -> Result<(), Failure> {
        let Some(link) = self.links.get_mut(client) else {
            return Ok(());
        };
        let phase = core::mem::replace(&mut link.phase, Phase::Gone);
        // The descriptor stays with the link, but nothing more comes.
        let _ = self.poll.registry().deregister(&mut link.stream);
        match phase {
            Phase::Gone => return Ok(()),
            Phase::Connecting | Phase::Registering | Phase::Announcing => self.joining -= 1,
            Phase::Ready => self.ready -= 1,
            Phase::Leaving => {}
        }
        self.gone += 1;
        if phase == Phase::Leaving {
            return Ok(());
        }
        let server = self.servers.get(link.server);
        Err(Failure::HungUp {
            server: server.map(|(name, _)| name.clone()).unwrap_or_default(),
            client: self.talk.ids.id(client),
            last: core::mem::take(&mut link.last_words),
        })
    }
}

impl Talk {
    /// Judges what has come on a link.
    fn hear(
        &mut self,
        client: usize,
        link: &mut Link,
        servers: &[(String, SocketAddr)],
        mut input: &[u8],
    ) -> Result<Came, Failure> {
        let server = || {
            servers
                .get(link.server)
                .map(|(name, _)| name.clone())
                .unwrap_or_default()
        };
        let mut came = Came::default();
        loop {
            let frame = match link.decoder.next_frame(&mut input, FrameLimits::RELAY) {
                Ok(Some(frame)) => frame,
                Ok(None) => return Ok(came),
                // When a run was given up, so may have been the rest of a frame.
                Err(_) if link.phase == Phase::Leaving => return Ok(came),
                Err(source) => {
                    let server = server();
                    return Err(Failure::NoFrame { server, source });
                }
            };
            if frame.kind() == Kind::ClientChat {
                let heard = self.hear_chat(client, frame, &mut came);
                match heard {
                    Err(breach) if link.phase == Phase::Leaving => {
                        self.late.get_or_insert(breach);
                    }
                    other => other?,
                }
                continue;
            }
            if link.phase == Phase::Leaving {
                continue;
            }
            let message = frame.message();
            let message = match message {
                Ok(message) => message,
                Err(source) => {
                    let server = server();
                    return Err(Failure::BadFrame { server, source });
                }
            };
            match message {
                Message::ClientRegistration(Registration { source, .. }) => {
                    if let Some(of) = self.ids.client(source.get(), self.flow_of.len()) {
                        self.presence.joined(client, of)?;
                    }
                }
                Message::ClientQuit(ClientQuit { source, .. }) => {
                    if let Some(of) = self.ids.client(source.get(), self.flow_of.len()) {
                        self.presence.left(client, of)?;
                    }
                }
                Message::Status(status) => {
                    if !matches!(status.code, StatusCode::WELCOME | StatusCode::FEATURES) {
                        link.last_words = status.text.as_str().to_owned();
                    }
                    link.phase = match (status.code, link.phase) {
                        (StatusCode::WELCOME, Phase::Registering) => Phase::Announcing,
                        // An original server has nothing but this to say to it.
                        (StatusCode::FEATURES | StatusCode::ID_TAKEN, Phase::Announcing) => {
                            Phase::Ready
                        }
                        (StatusCode::ID_TAKEN, Phase::Registering) => {
                            return Err(Failure::Refused {
                                server: server(),
                                client: self.ids.id(client),
                                text: status.text.into_string(),
                            });
                        }
                        (StatusCode::UNKNOWN_ID | StatusCode::TOO_LONG, _) => {
                            return Err(Failure::Broken(Breach::Answered {
                                source_id: self.ids.id(client),
                                text: status.text.into_string(),
                            }));
                        }
                        (_, phase) => phase,
                    };
                }
                // What servers say to each other.
                _ => {}
            }
        }
    }

    #[inline]
    fn hear_chat(
        &mut self,
        client: usize,
        frame: Frame<'_>,
        came: &mut Came,
    ) -> Result<(), Breach> {
        let &[_, a, b, c, d, ..] = frame.bytes() else {
            return Ok(());
        };
        let source = u32::from_be_bytes([a, b, c, d]);
        let Some(speaker) = self.ids.client(source, self.flow_of.len()) else {
            // Somebody else in the network talks to us.
            return Ok(());
        };
        let stray = || Breach::Stray {
            source_id: self.ids.id(speaker),
            at: self.ids.id(client),
        };
        let Some(&Some(number)) = self.flow_of.get(speaker) else {
            return Err(stray());
        };
        let (Some(flow), Some(stream)) = (self.flows.get_mut(number), self.streams.get_mut(number))
        else {
            return Err(stray());
        };
        if flow.destination() != self.ids.id(client) {
            return Err(stray());
        }
        flow.hear(frame.bytes())?;
        came.messages += 1;
        if let Some((probe, since)) = stream.probe
            && flow.received() > probe
            && self.answer == Answer::None
        {
            stream.probe = None;
            record(&mut self.times, since);
        }
        match self.answer {
            Answer::None => {
                if !stream.touched {
                    stream.touched = true;
                    self.touched.push(number);
                }
            }
            Answer::Back { and_again } => {
                // The flow behind it is the answer's, the flow itself the question's.
                let is_answer = number % 2 == 1;
                came.say_more = !is_answer || and_again;
                if is_answer
                    && let Some(question) = self.streams.get_mut(number - 1)
                    && let Some((_, since)) = question.probe.take()
                {
                    record(&mut self.times, since);
                }
            }
        }
        Ok(())
    }
}

fn record(times: &mut Option<Histogram<u64>>, since: Instant) {
    if let Some(times) = times {
        let nanoseconds = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        // It grows as far as there is memory; what is lost beyond is one sample.
        let _ = times.record(nanoseconds);
    }
}

/// Notices when nothing comes any more.
#[derive(Debug)]
pub(crate) struct Patience {
    seen: u64,
    since: Instant,
}

impl Patience {
    pub(crate) fn new(fleet: &Fleet) -> Patience {
        Patience {
            seen: fleet.bytes_read,
            since: Instant::now(),
        }
    }

    fn is_over(&mut self, fleet: &Fleet) -> bool {
        if fleet.bytes_read != self.seen {
            *self = Patience::new(fleet);
        }
        self.since.elapsed() > SILENCE
    }
}

fn silence(what: &'static str) -> Failure {
    Failure::Silence {
        what,
        seconds: SILENCE.as_secs(),
    }
}

/// How many pairs know each other when all of so many do.
pub(crate) fn pairs(clients: usize) -> u64 {
    let clients = clients as u64;
    clients * clients.saturating_sub(1)
}

fn registration(id: HostId, client: usize, info: &str) -> Vec<u8> {
    let name = format!("bench-{client}");
    Message::ClientRegistration(Registration {
        source: id,
        last_hop: None,
        name: Name::truncated(&name),
        info: Info::truncated(info),
    })
    .to_vec()
}
