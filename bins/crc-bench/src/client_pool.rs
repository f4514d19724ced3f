//! Many clients on one thread, with one selector.
//!
//! The pool connects clients, registers them, sends and checks their messages, and lets them quit.
//! The workloads decide how many clients there are and who sends to whom.

mod client;
mod messages;
mod traffic;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crc_net::{ConnectOutcome, Events, Selector, connect_outcome};
use crc_wire::HostId;
use hdrhistogram::Histogram;

use self::client::{Client, Phase};
use self::traffic::Traffic;
use crate::failure::Failure;
use crate::presence::Ids;
use crate::servers::Target;

/// The run fails when no byte arrives for this long while something is due.
const STALL_TIMEOUT: Duration = Duration::from_secs(20);
/// One turn waits at most this long.
const TURN: Duration = Duration::from_millis(50);
/// After a failure, the clients may take this long to leave.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(5);
const READ_BYTES: usize = 128 * 1024;

/// How clients are distributed over the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placement {
    /// The servers take turns.
    RoundRobin,
    /// Clients with even numbers at the first server, the others at the last.
    FirstAndLast,
}

/// The clients.
pub(crate) struct ClientPool {
    selector: Arc<Selector>,
    events: Option<Events>,
    buffer: Box<[u8]>,
    scratch: Vec<u8>,
    servers: Vec<Target>,
    placement: Placement,
    clients: Vec<Client>,
    traffic: Traffic,
    /// At most this many clients join at the same time.
    joining_max: usize,
    joining: usize,
    ready: usize,
    closed: usize,
    bytes_read: u64,
    stop: Arc<AtomicBool>,
}

impl ClientPool {
    /// A pool of at most `clients` clients at these servers, of which at most `joining_max` join at
    /// the same time. `stop` interrupts whatever the pool waits for.
    pub(crate) fn new(
        servers: &[Target],
        placement: Placement,
        clients: usize,
        joining_max: usize,
        stop: Arc<AtomicBool>,
    ) -> Result<ClientPool, Failure> {
        let selector = Selector::new().map_err(Failure::system("cannot poll sockets"))?;
        let random = |_| Failure::Unusable("the system has no random numbers".to_owned());
        let count = u32::try_from(clients).unwrap_or(u32::MAX / 2);
        let first = getrandom::u32().map_err(random)? % (u32::MAX - count - 1) + 1;
        let ids = Ids::from(HostId::new(first).unwrap_or(HostId::from(core::num::NonZeroU32::MIN)));
        Ok(ClientPool {
            selector: Arc::new(selector),
            // With space for all clients, those that are ready together send together.
            events: Some(Events::with_capacity(clients.max(64))),
            buffer: vec![0; READ_BYTES].into_boxed_slice(),
            scratch: Vec::new(),
            servers: servers.to_vec(),
            placement,
            clients: Vec::new(),
            traffic: Traffic::new(ids, clients),
            joining_max,
            joining: 0,
            ready: 0,
            closed: 0,
            bytes_read: 0,
            stop,
        })
    }

    /// How many messages have arrived, all of them correct.
    pub(crate) fn received(&self) -> u64 {
        self.traffic.received
    }

    /// How many joins and quits were announced to clients.
    pub(crate) fn announcements(&self) -> u64 {
        self.traffic.presence.announcements()
    }

    /// How many ordered pairs of clients there are of which the first knows the second.
    pub(crate) fn known_pairs(&self) -> u64 {
        self.traffic.presence.known_pairs()
    }

    /// Starts to measure latencies, and returns those measured before.
    pub(crate) fn take_latencies(&mut self) -> Option<Histogram<u64>> {
        // Three significant digits. It resizes itself.
        let empty = Histogram::new(3).ok();
        core::mem::replace(&mut self.traffic.latencies, empty)
    }

    // Joining and leaving

    /// Connects clients until there are `count`, and waits until each knows all others. Calls
    /// `progress` with the number of pairs that know each other.
    pub(crate) fn join(
        &mut self,
        count: usize,
        mut progress: impl FnMut(u64),
    ) -> Result<(), Failure> {
        let mut stall = StallTimer::new(self);
        while self.ready < count || self.known_pairs() < pairs(count) {
            while self.clients.len() < count && self.joining < self.joining_max {
                self.connect(self.clients.len())?;
            }
            self.turn()?;
            progress(self.known_pairs());
            if stall.is_over(self) {
                let missing = self.traffic.presence.not_announced(self.clients.len());
                return Err(match missing {
                    Some(violation) if self.ready == count => violation.into(),
                    _ => stalled("for the servers to accept clients"),
                });
            }
        }
        Ok(())
    }

    /// Connects the visitor, the last client, and waits until all others know it.
    pub(crate) fn join_visitor(&mut self) -> Result<(), Failure> {
        let visitor = self.traffic.flow_of.len() - 1;
        if self.clients.len() > visitor {
            self.clients.truncate(visitor);
            self.closed -= 1;
        }
        self.connect(visitor)?;
        self.wait_until("for a client to join", |pool| {
            pool.ready == visitor + 1 && pool.known_pairs() == pairs(visitor + 1)
        })
    }

    /// Lets the visitor quit, and waits until the others no longer know it.
    pub(crate) fn quit_visitor(&mut self) -> Result<(), Failure> {
        let visitor = self.traffic.flow_of.len() - 1;
        self.quit(visitor);
        self.traffic.presence.forget(visitor);
        self.wait_until("for a client to quit", |pool| {
            pool.closed == 1 && pool.known_pairs() == pairs(visitor)
        })
    }

    /// Lets all clients quit, and waits until their servers close the connections. After a failure
    /// of the run (`hurry`), waits only for a short time.
    pub(crate) fn quit_all(&mut self, hurry: bool) -> Result<(), Failure> {
        for index in 0..self.clients.len() {
            self.quit(index);
        }
        // An interrupted run waits for its clients as well, but not for long.
        let stop = core::mem::take(&mut self.stop);
        let begin = Instant::now();
        let mut stall = StallTimer::new(self);
        while self.closed < self.clients.len() {
            self.turn()?;
            let stopped = stop.load(Ordering::Relaxed);
            if stopped && begin.elapsed() > LEAVE_TIMEOUT {
                return Err(Failure::Interrupted);
            }
            if stall.is_over(self) || hurry && begin.elapsed() > LEAVE_TIMEOUT {
                return Err(stalled("for the servers to close the clients' connections"));
            }
        }
        match self.traffic.late_violation.take() {
            Some(violation) => Err(violation.into()),
            None => Ok(()),
        }
    }

    fn connect(&mut self, index: usize) -> Result<(), Failure> {
        let count = self.servers.len();
        let server = match self.placement {
            Placement::RoundRobin => index % count.max(1),
            Placement::FirstAndLast if index.is_multiple_of(2) => 0,
            Placement::FirstAndLast => count - 1,
        };
        let Some(target) = self.servers.get(server) else {
            return Err(Failure::Unusable("there is no server".to_owned()));
        };
        let client = Client::connect(&self.selector, index, server, target.address);
        let client = client.map_err(|source| Failure::Unreachable {
            server: target.name.clone(),
            source,
        })?;
        self.joining += 1;
        self.clients.push(client);
        Ok(())
    }

    fn quit(&mut self, index: usize) {
        let quit = client::quit(self.traffic.ids.id(index));
        let Some(client) = self.clients.get_mut(index) else {
            return;
        };
        match client.session.phase {
            Phase::Leaving | Phase::Closed => return,
            Phase::Connecting | Phase::Registering | Phase::Announcing => self.joining -= 1,
            Phase::Ready => self.ready -= 1,
        }
        if client.session.phase != Phase::Connecting && client.send(&quit).is_ok() {
            client.session.phase = Phase::Leaving;
        } else {
            client.close();
            self.closed += 1;
        }
    }

    fn wait_until(
        &mut self,
        what: &'static str,
        mut done: impl FnMut(&ClientPool) -> bool,
    ) -> Result<(), Failure> {
        let mut stall = StallTimer::new(self);
        while !done(self) {
            self.turn()?;
            if stall.is_over(self) {
                let connected = self.clients.len() - self.closed;
                let missing = self.traffic.presence.not_announced(connected);
                return Err(missing.map_or(stalled(what), Failure::from));
            }
        }
        Ok(())
    }

    /// Handles what arrives for a while.
    pub(crate) fn idle(&mut self, time: Duration) -> Result<(), Failure> {
        let begin = Instant::now();
        while begin.elapsed() < time {
            self.turn()?;
        }
        Ok(())
    }

    // The event loop

    /// Waits for a short time, and handles everything that arrives.
    pub(crate) fn turn(&mut self) -> Result<(), Failure> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Failure::Interrupted);
        }
        let Some(mut events) = self.events.take() else {
            return Ok(());
        };
        let waited = self.selector.wait(&mut events, Some(TURN));
        let mut outcome = waited.map_err(Failure::system("cannot poll sockets"));
        for ready in events.iter() {
            let index = usize::try_from(ready.key).unwrap_or(usize::MAX);
            let handled = self.on_ready(index, ready.readable, ready.writable);
            // After a failure the other clients are still served, so that they can quit.
            outcome = outcome.and(handled);
        }
        self.events = Some(events);
        outcome
    }

    fn on_ready(&mut self, index: usize, readable: bool, writable: bool) -> Result<(), Failure> {
        if let Some(client) = self.clients.get_mut(index) {
            client.mark_fired();
        }
        let mut outcome = Ok(());
        if writable {
            outcome = self.on_writable(index);
        }
        if outcome.is_ok() && readable {
            outcome = self.on_readable(index);
        }
        if let Some(client) = self.clients.get_mut(index) {
            let armed = client.arm();
            outcome = outcome.and(armed.map_err(Failure::system("cannot poll a socket")));
        }
        outcome
    }

    fn on_writable(&mut self, index: usize) -> Result<(), Failure> {
        let Some(client) = self.clients.get_mut(index) else {
            return Ok(());
        };
        if client.session.phase != Phase::Connecting {
            return match client.flush() {
                Ok(()) => Ok(()),
                Err(_) => self.on_closed(index),
            };
        }
        let Some(socket) = client.socket() else {
            return Ok(());
        };
        match connect_outcome(socket) {
            ConnectOutcome::Pending => return Ok(()),
            ConnectOutcome::Failed(kind) => {
                return Err(Failure::Unreachable {
                    server: server_name(&self.servers, client.session.server),
                    source: kind.into(),
                });
            }
            ConnectOutcome::Connected(_) => {}
        }
        client.session.phase = Phase::Registering;
        let registration = client::registration(self.traffic.ids.id(index), index);
        match client.send(&registration) {
            Ok(()) => Ok(()),
            Err(_) => self.on_closed(index),
        }
    }

    fn on_readable(&mut self, index: usize) -> Result<(), Failure> {
        loop {
            let Some(client) = self.clients.get_mut(index) else {
                return Ok(());
            };
            if matches!(client.session.phase, Phase::Connecting | Phase::Closed) {
                return Ok(());
            }
            let count = match client.read(&mut self.buffer) {
                Ok(None) => return Ok(()),
                Ok(Some(0)) | Err(_) => return self.on_closed(index),
                Ok(Some(count)) => count,
            };
            self.bytes_read += count as u64;
            let input = self.buffer.get(..count).unwrap_or_default();
            let before = client.session.phase;
            let handled = self
                .traffic
                .handle_input(index, client, &self.servers, input);
            if client.session.phase != before {
                self.on_phase_change(index, before)?;
            }
            let arrived = handled?;
            if arrived.must_reply
                && let Some(&Some(number)) = self.traffic.flow_of.get(index)
            {
                self.send_next(number)?;
            }
            self.traffic.received += arrived.messages;
            // A short read took all bytes. The selector reports further ones.
            if count < self.buffer.len() {
                return Ok(());
            }
        }
    }

    /// Continues a client's registration after the server's answer.
    fn on_phase_change(&mut self, index: usize, before: Phase) -> Result<(), Failure> {
        let Some(client) = self.clients.get_mut(index) else {
            return Ok(());
        };
        if before == Phase::Registering {
            let announcement = client::announcement(self.traffic.ids.id(index), index);
            if client.send(&announcement).is_err() {
                return self.on_closed(index);
            }
        }
        if client.session.phase == Phase::Ready {
            self.joining -= 1;
            self.ready += 1;
        }
        Ok(())
    }

    /// Handles the end of a connection: a failure, unless the client has quit.
    fn on_closed(&mut self, index: usize) -> Result<(), Failure> {
        let Some(client) = self.clients.get_mut(index) else {
            return Ok(());
        };
        let phase = client.close();
        match phase {
            Phase::Closed => return Ok(()),
            Phase::Connecting | Phase::Registering | Phase::Announcing => self.joining -= 1,
            Phase::Ready => self.ready -= 1,
            Phase::Leaving => {}
        }
        self.closed += 1;
        if phase == Phase::Leaving {
            return Ok(());
        }
        Err(Failure::ConnectionClosed {
            server: server_name(&self.servers, client.session.server),
            client: self.traffic.ids.id(index),
            status: core::mem::take(&mut client.session.last_status),
        })
    }
}

/// Detects that no bytes arrive any more.
#[derive(Debug)]
pub(crate) struct StallTimer {
    bytes_read: u64,
    since: Instant,
}

impl StallTimer {
    pub(crate) fn new(pool: &ClientPool) -> StallTimer {
        StallTimer {
            bytes_read: pool.bytes_read,
            since: Instant::now(),
        }
    }

    fn is_over(&mut self, pool: &ClientPool) -> bool {
        if pool.bytes_read != self.bytes_read {
            *self = StallTimer::new(pool);
        }
        self.since.elapsed() > STALL_TIMEOUT
    }
}

fn stalled(what: &'static str) -> Failure {
    Failure::Stalled {
        what,
        seconds: STALL_TIMEOUT.as_secs(),
    }
}

/// The number of ordered pairs of clients.
pub(crate) fn pairs(clients: usize) -> u64 {
    let clients = clients as u64;
    clients * clients.saturating_sub(1)
}

/// The name of a server, for error messages.
fn server_name(servers: &[Target], index: usize) -> String {
    servers
        .get(index)
        .map(|target| target.name.clone())
        .unwrap_or_default()
}
