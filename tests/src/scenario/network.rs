//! The servers and clients of a running CRC scenario.
//!
//! It knows what the scenario has launched and requested, and from that whether
//! the network is at rest. It does not know what the file expects in the end: a
//! network at rest may be wrong.

mod rest;

use super::command::{ClientCommand, Command, LaunchClient, LaunchServer};
use super::file::{Expectation, Kind};
use super::ports::Ports;
use super::report::{Observed, Problem};
use super::runner::{Settings, Testbed, Timing};
use super::running::{self, RunningServer};
use crate::fixture::{Client, ClientView, Fixture, FixtureError, ServerState, output, wire};

/// Everything that a scenario has launched so far.
pub(super) struct Network<'a> {
    fixture: &'a Fixture,
    kind: Kind,
    settings: &'a Settings,
    servers: Vec<LaunchedServer>,
    clients: Vec<LaunchedClient>,
    messages: Vec<Message>,
    ports: Ports<'a>,
    failures: Vec<String>,
}

struct LaunchedServer {
    launch: LaunchServer,
    running: RunningServer,
    /// The server that listened on the port it dials, when it was launched.
    uplink: Option<usize>,
    /// What the report compares, once the server is killed.
    frozen: Option<Observed>,
}

struct LaunchedClient {
    launch: LaunchClient,
    client: Client,
    killed: bool,
    /// What the report compares, once the client is killed.
    frozen: Option<Observed>,
}

/// A message that a client had to send.
struct Message {
    /// The index of the client.
    from: usize,
    to: u32,
    text: String,
    /// The number of equal messages from the same client to the same id, this one
    /// included.
    count: usize,
    /// The number of statuses that the client had received before.
    statuses_before: usize,
}

/// The observable state of all servers and clients at one time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Snapshot {
    servers: Vec<Option<ServerState>>,
    received: Vec<Vec<String>>,
    clients: Vec<ClientView>,
    /// Whether the process of each client is running.
    clients_running: Vec<bool>,
}

impl<'a> Network<'a> {
    pub(super) fn new(fixture: &'a Fixture, kind: Kind, settings: &'a Settings) -> Self {
        Network {
            fixture,
            kind,
            settings,
            servers: Vec::new(),
            clients: Vec::new(),
            messages: Vec::new(),
            ports: Ports::new(fixture, settings.fixed_ports),
            failures: Vec::new(),
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
        let address = self.ports.address_of(launch.port)?;
        let log = running::log_name(launch.log_file.as_ref(), &launch.name);
        let mut builder = self
            .fixture
            .server(launch.id, &launch.name)
            .info(&launch.info)
            // Scenarios say at which server each client is.
            .arg("--advertise-to-clients=none")
            .log_file(&log);
        let tapped = self.kind == Kind::Connectivity;
        if !tapped {
            builder = builder.listen(address);
        }
        if let Some(port) = launch.connect_to {
            let uplink = self.ports.address_of(port)?;
            builder = builder.uplink(uplink);
        }
        let server = builder.start()?;
        let tap = if tapped {
            let target = (!self.muted()).then_some(server.address());
            Some(running::start_tap(&launch.name, address, target)?)
        } else {
            None
        };
        let uplink = launch.connect_to.and_then(|port| self.server_at(port));
        self.servers.push(LaunchedServer {
            launch: launch.clone(),
            running: RunningServer::new(server, tap),
            uplink,
            frozen: None,
        });
        Ok(())
    }

    fn launch_client(&mut self, launch: &LaunchClient) -> Result<(), FixtureError> {
        let address = self.ports.address_of(launch.port)?;
        let log = running::log_name(launch.log_file.as_ref(), &launch.name);
        let client = self
            .fixture
            .client(launch.id, &launch.name, address)
            .info(&launch.info)
            .log_file(&log)
            .start()?;
        self.clients.push(LaunchedClient {
            launch: launch.clone(),
            client,
            killed: false,
            frozen: None,
        });
        Ok(())
    }

    /// The client launched last under this name, for a command.
    fn client_for_command(&self, name: &str) -> usize {
        self.client_named(name)
            .expect("the file's check requires a launched client")
    }

    /// The server launched last under this name.
    fn server_named(&self, name: &str) -> Option<usize> {
        self.servers.iter().rposition(|one| one.launch.name == name)
    }

    /// The client launched last under this name.
    fn client_named(&self, name: &str) -> Option<usize> {
        self.clients.iter().rposition(|one| one.launch.name == name)
    }

    /// The running server on the scenario's `port`.
    fn server_at(&self, port: u16) -> Option<usize> {
        self.servers
            .iter()
            .rposition(|one| one.launch.port == port && !one.running.killed)
    }

    fn send_chat(&mut self, name: &str, to: u32, text: &str) {
        let from = self.client_for_command(name);
        let same = self
            .messages
            .iter()
            .filter(|other| other.from == from && other.to == to && other.text == text);
        self.messages.push(Message {
            from,
            to,
            text: text.to_owned(),
            count: same.count() + 1,
            statuses_before: self.clients[from].client.view().statuses.len(),
        });
        // A client that has ended sends nothing; that is no failure.
        if let Err(error) = self.clients[from].client.send_chat(to, text) {
            output::print_error(error);
        }
    }

    fn quit(&mut self, name: &str, text: &str) {
        let from = self.client_for_command(name);
        if let Err(error) = self.clients[from].client.quit(text) {
            output::print_error(error);
        }
    }

    /// Freezes the observed state of `name` and shuts it down: the running server
    /// launched last under that name, else such a client. Ignores an unknown name.
    fn kill(&mut self, name: &str) {
        let snapshot = self.snapshot();
        let server = self.server_named(name);
        let client = self.client_named(name);
        if let Some(index) = server.filter(|&index| !self.servers[index].running.killed) {
            self.freeze_server(index, &snapshot);
            let running = &mut self.servers[index].running;
            running.request_shutdown(&mut self.failures);
            running.finish(&mut self.failures);
        } else if let Some(index) = client.filter(|&index| !self.clients[index].killed) {
            self.freeze_client(index, &snapshot);
            self.clients[index].killed = true;
            self.clients[index].client.process_mut().stop();
        }
    }

    fn freeze_server(&mut self, index: usize, snapshot: &Snapshot) {
        let one = &mut self.servers[index];
        if one.frozen.is_none() {
            one.frozen = Some(snapshot.server(index));
        }
        if let Some(tap) = &one.running.tap
            && self.settings.muted
            && !one.running.killed
        {
            for after in tap.record().closed {
                self.failures.push(format!(
                    "{}: a server that dialled it closed the connection after {after:?}",
                    one.launch.name
                ));
            }
        }
    }

    fn freeze_client(&mut self, index: usize, snapshot: &Snapshot) {
        let frozen = &mut self.clients[index].frozen;
        if frozen.is_none() {
            *frozen = Some(snapshot.client(index));
        }
    }

    /// The observed state of `name`: of the server launched last under that name,
    /// else of such a client.
    fn observed(&self, name: &str, snapshot: &Snapshot) -> Option<Observed> {
        if let Some(index) = self.server_named(name) {
            let frozen = self.servers[index].frozen.clone();
            return Some(frozen.unwrap_or_else(|| snapshot.server(index)));
        }
        let index = self.client_named(name)?;
        let frozen = self.clients[index].frozen.clone();
        Some(frozen.unwrap_or_else(|| snapshot.client(index)))
    }
}

impl Testbed for Network<'_> {
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
            Command::ClientCommand { name, command } => match command {
                ClientCommand::Message { to, text } => self.send_chat(name, *to, text),
                ClientCommand::Quit { text } => self.quit(name, text),
            },
            Command::Wait(_) => {}
            Command::Kill(name) => self.kill(name),
            Command::KillAll => self.kill_all(),
        }
        Ok(())
    }

    fn snapshot(&mut self) -> Snapshot {
        let received = self.servers.iter().map(|one| {
            let reads = one.running.reads();
            reads.iter().map(|bytes| wire::hex(bytes)).collect()
        });
        Snapshot {
            received: received.collect(),
            servers: self
                .servers
                .iter_mut()
                .map(|one| one.running.state())
                .collect(),
            // Before the views: the lines of an ended client are complete.
            clients_running: self
                .clients
                .iter_mut()
                .map(|one| {
                    one.client
                        .process_mut()
                        .wait_end(std::time::Duration::ZERO)
                        .is_none()
                })
                .collect(),
            clients: self.clients.iter().map(|one| one.client.view()).collect(),
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
        Some(expectation.problems(name, &observed, self.kind, self.settings.strict))
    }

    fn unknown(expectation: &Expectation) -> &[String] {
        &expectation.unknown
    }

    fn kill_all(&mut self) {
        let snapshot = self.snapshot();
        for index in 0..self.servers.len() {
            self.freeze_server(index, &snapshot);
        }
        for index in 0..self.clients.len() {
            self.freeze_client(index, &snapshot);
        }
        if self.muted() {
            // A node that shuts down waits a while for its peer to close, and a muted
            // tap never does.
            for one in &mut self.servers {
                one.running.tap = None;
            }
        }
        for one in &mut self.clients {
            one.killed = true;
            one.client.process_mut().request_shutdown();
        }
        for one in &mut self.clients {
            one.client.process_mut().finish();
        }
        let servers = self.servers.iter_mut().map(|one| &mut one.running);
        running::shut_down(servers, &mut self.failures);
    }

    fn failures(&self) -> Vec<String> {
        let mut failures = self.failures.clone();
        let servers = self.servers.iter().map(|one| one.running.server.process());
        let clients = self.clients.iter().map(|one| one.client.process());
        for process in servers.chain(clients) {
            running::note_panic(process, &mut failures);
        }
        for one in &self.clients {
            if let Some(line) = one.client.view().garbage.first() {
                let name = &one.launch.name;
                failures.push(format!("{name}: wrote a line that is no event: {line}"));
            }
        }
        failures
    }
}

impl Snapshot {
    fn server(&self, index: usize) -> Observed {
        Observed::Server {
            state: self.servers[index].clone().map(Box::new),
            received: self.received[index].clone(),
        }
    }

    fn client(&self, index: usize) -> Observed {
        Observed::Client(self.clients[index].clone())
    }
}
