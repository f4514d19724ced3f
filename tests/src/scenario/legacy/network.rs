//! The servers and clients of a running scenario of the legacy IRC.
//!
//! It knows what the scenario has launched and requested, and from that whether
//! the network is at rest. It does not know what the file expects in the end.

mod outcome;
mod rest;

use std::net::SocketAddr;

use super::command::{Command, LaunchClient, LaunchServer};
use super::expectation::{Expectation, Observed};
use crate::fixture::legacy_user::{LegacyUser, UserCommand, UserView};
use crate::fixture::wait::{self, LONG};
use crate::fixture::{End, Fixture, FixtureError, IrcState, ServerState};
use crate::scenario::file::Kind;
use crate::scenario::ports::Ports;
use crate::scenario::report::Problem;
use crate::scenario::runner::{Settings, Testbed, Timing};
use crate::scenario::running::{self, RunningServer};
use outcome::Outcome;

/// Everything that a scenario has launched so far.
pub(in crate::scenario) struct LegacyNetwork<'a> {
    fixture: &'a Fixture,
    kind: Kind,
    settings: &'a Settings,
    servers: Vec<LaunchedServer>,
    clients: Vec<LaunchedClient>,
    outcomes: Vec<Outcome>,
    sent: Vec<SentText>,
    ports: Ports<'a>,
    failures: Vec<String>,
    /// The scenario has killed a server or client.
    killed: bool,
}

struct LaunchedServer {
    launch: LaunchServer,
    running: RunningServer,
    /// Where it listens, behind its tap if it has one.
    address: SocketAddr,
    /// What the report compares, once the server is killed.
    frozen: Option<Observed>,
}

struct LaunchedClient {
    launch: LaunchClient,
    user: LegacyUser,
    killed: bool,
    /// What the report compares, once the client is killed.
    frozen: Option<Observed>,
}

/// A text that SEND injected on a link.
struct SentText {
    source: String,
    destination: String,
    text: String,
    /// The tap has recorded it as a read, because it is muted.
    recorded: bool,
}

/// The observable state of all servers and clients at one time.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::scenario) struct Snapshot {
    servers: Vec<Option<ServerState>>,
    received: Vec<Vec<String>>,
    clients: Vec<UserView>,
}

impl<'a> LegacyNetwork<'a> {
    pub(in crate::scenario) fn new(
        fixture: &'a Fixture,
        kind: Kind,
        settings: &'a Settings,
    ) -> Self {
        LegacyNetwork {
            fixture,
            kind,
            settings,
            servers: Vec::new(),
            clients: Vec::new(),
            outcomes: Vec::new(),
            sent: Vec::new(),
            ports: Ports::new(fixture, settings.fixed_ports),
            failures: Vec::new(),
            killed: false,
        }
    }

    /// Whether the servers have muted taps in front of them.
    fn muted(&self) -> bool {
        self.kind == Kind::Connectivity && self.settings.muted
    }

    fn launch_server(&mut self, launch: &LaunchServer) -> Result<(), FixtureError> {
        if let Some(other) = self.server_at(launch.port) {
            let other = &self.servers[other].launch.name;
            return Err(running::port_in_use(&launch.name, launch.port, other));
        }
        let front = self.ports.address_of(launch.port)?;
        let tapped = self.kind == Kind::Connectivity;
        let log = running::log_name(launch.log_file.as_ref(), &launch.name);
        let mut builder = self
            .fixture
            .server_without_id(&launch.name)
            .info(&launch.info)
            .log_file(&log);
        builder = match tapped {
            false => builder.irc_legacy_at(front),
            true => builder.irc_legacy(),
        };
        if let Some(port) = launch.connect_to {
            builder = builder.irc_uplink(self.ports.address_of(port)?);
        }
        let server = builder.start()?;
        let address = server
            .irc_legacy()
            .expect("the command line names this listener");
        let tap = if tapped {
            let target = (!self.muted()).then_some(address);
            Some(running::start_tap(&launch.name, front, target)?)
        } else {
            None
        };
        self.servers.push(LaunchedServer {
            launch: launch.clone(),
            running: RunningServer::new(server, tap),
            address,
            frozen: None,
        });
        Ok(())
    }

    fn launch_client(&mut self, launch: &LaunchClient) -> Result<(), FixtureError> {
        // Taps are for links between servers, not for clients.
        let address = match self.server_at(launch.port) {
            Some(home) => self.servers[home].address,
            None => self.ports.address_of(launch.port)?,
        };
        let log = running::log_name(launch.log_file.as_ref(), &launch.nick);
        let log = self.fixture.logs().file(&log);
        let user = LegacyUser::start(
            address,
            &launch.nick,
            &launch.host,
            &launch.server,
            &launch.real_name,
            &log,
        )
        .map_err(|source| FixtureError::File { path: log, source })?;
        self.clients.push(LaunchedClient {
            launch: launch.clone(),
            user,
            killed: false,
            frozen: None,
        });
        Ok(())
    }

    /// The server launched last under this name.
    fn server_named(&self, name: &str) -> Option<usize> {
        self.servers.iter().rposition(|one| one.launch.name == name)
    }

    /// The client launched last under this nick or full name.
    fn client_named(&self, name: &str) -> Option<usize> {
        self.clients
            .iter()
            .rposition(|one| one.launch.nick == name || one.launch.full_name() == name)
    }

    fn send_command(&mut self, name: &str, command: &UserCommand) {
        let from = self
            .client_named(name)
            .expect("the file's check requires a launched client");
        let view = self.clients[from].user.view();
        if self.is_connected(from, &view) {
            self.note_outcomes(from, &view, command);
        }
        self.clients[from].user.send_command(command);
    }

    /// Injects a text on the link between two servers, as if `source` had sent it.
    fn send(&mut self, source: &str, destination: &str, text: &str) -> Result<(), FixtureError> {
        let muted = self.muted();
        // A line of its own, so that the next line does not continue it.
        let line_end = if muted { "" } else { "\r\n" };
        let bytes = format!("{text}{line_end}");
        let socket = |error| FixtureError::Socket {
            what: format!("SEND from {source} to {destination}"),
            source: error,
        };
        // Their link may not exist yet.
        let injected = wait::until(LONG, || {
            // Either of them may have dialled the other.
            let directions = [
                (destination, source, End::Server),
                (source, destination, End::Dialler),
            ];
            for (dialled, dialler, end) in directions {
                let server = self.server_named(dialled)?;
                let tap = self.servers[server].running.tap.as_ref()?;
                let opening = format!("SERVER {dialler} ");
                match tap.inject(opening.as_bytes(), end, bytes.as_bytes()) {
                    Ok(false) => {}
                    Ok(true) => return Some(Ok(end)),
                    Err(error) => return Some(Err(error)),
                }
            }
            None
        });
        let no_link = || Err(std::io::ErrorKind::NotConnected.into());
        let end = injected.unwrap_or_else(no_link).map_err(socket)?;
        self.sent.push(SentText {
            source: source.to_owned(),
            destination: destination.to_owned(),
            text: text.to_owned(),
            recorded: muted && end == End::Server,
        });
        Ok(())
    }

    /// Freezes the observed state of `name` and ends it: the running server launched
    /// last under that name, else such a client. Ignores an unknown name.
    fn kill(&mut self, name: &str) {
        let snapshot = self.snapshot();
        let server = self.server_named(name);
        let client = self.client_named(name);
        if let Some(index) = server.filter(|&index| !self.servers[index].running.killed) {
            self.killed = true;
            self.freeze_server(index, &snapshot);
            let running = &mut self.servers[index].running;
            running.request_shutdown(&mut self.failures);
            running.finish(&mut self.failures);
        } else if let Some(index) = client.filter(|&index| !self.clients[index].killed) {
            self.killed = true;
            self.freeze_client(index, &snapshot);
            self.clients[index].killed = true;
            self.clients[index].user.close();
        }
    }

    fn freeze_server(&mut self, index: usize, snapshot: &Snapshot) {
        if self.servers[index].frozen.is_none() {
            self.servers[index].frozen = Some(self.observed_server(index, snapshot));
        }
        if let Some(tap) = &self.servers[index].running.tap
            && !self.killed
        {
            for after in tap.record().closed {
                self.failures.push(format!(
                    "{}: a peer closed a link to it after {after:?}",
                    self.servers[index].launch.name
                ));
            }
        }
    }

    fn freeze_client(&mut self, index: usize, snapshot: &Snapshot) {
        let frozen = &mut self.clients[index].frozen;
        if frozen.is_none() {
            *frozen = Some(Observed::Client(snapshot.clients[index].clone()));
        }
    }

    fn observed_server(&self, index: usize, snapshot: &Snapshot) -> Observed {
        let name = &self.servers[index].launch.name;
        let texts = |host: fn(&SentText) -> &String, all: bool| {
            let sent = self.sent.iter();
            sent.filter(move |sent| host(sent) == name && (all || !sent.recorded))
                .map(|sent| sent.text.clone())
        };
        let mut received = snapshot.received[index].clone();
        received.extend(texts(|sent| &sent.destination, false));
        Observed::Server {
            state: snapshot.irc(index).cloned(),
            received,
            sent: texts(|sent| &sent.source, true).collect(),
        }
    }

    /// The observed state of `name`: of the server launched last under that name,
    /// else of such a client.
    fn observed(&self, name: &str, snapshot: &Snapshot) -> Option<Observed> {
        if let Some(index) = self.server_named(name) {
            let frozen = self.servers[index].frozen.clone();
            return Some(frozen.unwrap_or_else(|| self.observed_server(index, snapshot)));
        }
        let index = self.client_named(name)?;
        let frozen = self.clients[index].frozen.clone();
        Some(frozen.unwrap_or_else(|| Observed::Client(snapshot.clients[index].clone())))
    }

    /// The running server on the scenario's `port`.
    fn server_at(&self, port: u16) -> Option<usize> {
        self.servers
            .iter()
            .rposition(|one| one.launch.port == port && !one.running.killed)
    }

    /// Whether a client is connected to the network.
    fn is_connected(&self, index: usize, view: &UserView) -> bool {
        view.welcomed && !view.quitting && !view.ended && !self.clients[index].killed
    }
}

impl Testbed for LegacyNetwork<'_> {
    type Command = Command;
    type Expectation = Expectation;
    type Snapshot = Snapshot;

    fn timing(command: &Command) -> Timing {
        match command {
            Command::Wait(span) => Timing::Wait(*span),
            Command::KillAll => Timing::KillAll,
            _ => Timing::Immediate,
        }
    }

    fn execute(&mut self, command: &Command) -> Result<(), FixtureError> {
        match command {
            Command::LaunchServer(launch) => self.launch_server(launch)?,
            Command::LaunchClient(launch) => self.launch_client(launch)?,
            Command::ClientCommand { name, command } => self.send_command(name, command),
            Command::Send {
                source,
                destination,
                text,
            } => self.send(source, destination, text)?,
            Command::Wait(_) => {}
            Command::Kill(name) => self.kill(name),
            Command::KillAll => self.kill_all(),
        }
        Ok(())
    }

    fn snapshot(&mut self) -> Snapshot {
        let received = self.servers.iter().map(|one| {
            let reads = one.running.reads();
            reads
                .iter()
                .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
                .collect()
        });
        Snapshot {
            received: received.collect(),
            servers: self
                .servers
                .iter_mut()
                .map(|one| one.running.state())
                .collect(),
            clients: self.clients.iter().map(|one| one.user.view()).collect(),
        }
    }

    fn without_counters(snapshot: &Snapshot) -> Snapshot {
        let mut snapshot = snapshot.clone();
        running::clear_counters(&mut snapshot.servers);
        snapshot
    }

    fn is_at_rest(&self, snapshot: &Snapshot) -> bool {
        self.rests(snapshot)
    }

    fn problems(
        &self,
        name: &str,
        expectation: &Expectation,
        snapshot: &Snapshot,
    ) -> Option<Vec<Problem>> {
        let observed = self.observed(name, snapshot)?;
        if self.muted() {
            // Each server is alone. The report compares only what came over links.
            return Some(match &observed {
                Observed::Client(_) => Vec::new(),
                Observed::Server { .. } => {
                    expectation
                        .links_only()
                        .problems(name, &observed, self.settings.strict)
                }
            });
        }
        Some(expectation.problems(name, &observed, self.settings.strict))
    }

    fn unknown(expectation: &Expectation) -> &[String] {
        &expectation.unknown
    }

    fn kill_all(&mut self) {
        let snapshot = self.snapshot();
        // Freeze everything before the first shutdown: lost links change what the
        // other servers know.
        for index in 0..self.servers.len() {
            self.freeze_server(index, &snapshot);
        }
        for index in 0..self.clients.len() {
            self.freeze_client(index, &snapshot);
        }
        self.killed = true;
        if self.muted() {
            // A node that shuts down waits a while for its peer to close, and a muted
            // tap never does.
            for one in &mut self.servers {
                one.running.tap = None;
            }
        }
        for one in &mut self.clients {
            one.killed = true;
            one.user.close();
        }
        let servers = self.servers.iter_mut().map(|one| &mut one.running);
        running::shut_down(servers, &mut self.failures);
    }

    fn failures(&self) -> Vec<String> {
        let mut failures = self.failures.clone();
        for one in &self.servers {
            running::note_panic(one.running.server.process(), &mut failures);
        }
        for one in &self.clients {
            if let Some(line) = one.user.view().garbage.first() {
                let name = one.launch.full_name();
                failures.push(format!("{name}: received a malformed line: {line}"));
            }
        }
        failures
    }
}

impl Snapshot {
    /// What the server knows of IRC.
    fn irc(&self, index: usize) -> Option<&IrcState> {
        self.servers[index].as_ref()?.irc.as_ref()
    }
}
