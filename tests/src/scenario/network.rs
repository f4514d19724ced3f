//! The servers and clients of a running scenario, and whether they are at rest.
//!
//! Knows what was launched and what was asked for, and so what has not come to
//! an outcome yet. What the file expects in the end is not known here: a
//! network may well be at rest and wrong.

use std::collections::BTreeSet;

use super::command::{ClientCommand, Command, LaunchClient, LaunchServer};
use super::ending;
use super::file::{Expectation, Kind};
use super::ports::Ports;
use super::report::{Observed, Problem};
use super::runner::{Pace, Settings, Stage};
use crate::fixture::Fixture;
use crate::fixture::FixtureError;
use crate::fixture::Server;
use crate::fixture::ServerState;
use crate::fixture::Tap;
use crate::fixture::output;
use crate::fixture::wire;
use crate::fixture::{Client, ClientView};

/// Everything that a scenario has launched so far.
pub(super) struct Network<'a> {
    fixture: &'a Fixture,
    kind: Kind,
    settings: &'a Settings,
    servers: Vec<LaunchedServer>,
    clients: Vec<LaunchedClient>,
    messages: Vec<Message>,
    ports: Ports,
    troubles: Vec<String>,
}

struct LaunchedServer {
    launch: LaunchServer,
    server: Server,
    tap: Option<Tap>,
    /// Which server was there to be dialled when it was launched.
    uplink: Option<usize>,
    killed: bool,
    /// What counts of it, once that is fixed.
    frozen: Option<Observed>,
}

struct LaunchedClient {
    launch: LaunchClient,
    client: Client,
    killed: bool,
    frozen: Option<Observed>,
}

/// A message that somebody was told to say.
struct Message {
    /// Which client was told.
    from: usize,
    to: u32,
    text: String,
    /// How many of the same from the same to the same there are, this included.
    count: usize,
    /// How many statuses the speaker had got before.
    statuses_before: usize,
}

/// What can be seen of everything at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Look {
    servers: Vec<Option<ServerState>>,
    received: Vec<Vec<String>>,
    clients: Vec<ClientView>,
    /// Whether the process of each client is still there.
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
            ports: Ports::new(settings.fixed_ports),
            troubles: Vec::new(),
        }
    }

    /// Whether taps stand in front of servers, and let nothing through.
    fn muted(&self) -> bool {
        self.kind == Kind::Connectivity && self.settings.muted
    }

    fn launch_server(&mut self, launch: &LaunchServer) -> Result<(), FixtureError> {
        if let Some(other) = self.server_at(launch.port) {
            return Err(FixtureError::Ended {
                name: launch.name.clone(),
                status: "never started".to_owned(),
                last_log_line: format!(
                    "port {} is taken by {}",
                    launch.port, self.servers[other].launch.name
                ),
            });
        }
        let known = self.ports.needed(launch.port)?;
        let log = launch
            .log_file
            .clone()
            .unwrap_or(format!("{}.log", launch.name));
        let mut builder = self
            .fixture
            .server(launch.id, &launch.name)
            .info(&launch.info)
            .log_file(&log);
        let tapped = self.kind == Kind::Connectivity;
        if let (Some(address), false) = (known, tapped) {
            builder = builder.listen(address);
        }
        if let Some(port) = launch.connect_to {
            let uplink = self.ports.address_of(port)?;
            builder = builder.uplink(uplink);
        }
        let server = builder.start()?;
        let tap = if tapped {
            let port = known.map_or(0, |address| address.port());
            let target = (!self.muted()).then_some(server.address());
            let tap = Tap::start(port, target).map_err(|source| FixtureError::Socket {
                what: format!("port {} in front of {}", launch.port, launch.name),
                source,
            })?;
            Some(tap)
        } else {
            None
        };
        let address = tap.as_ref().map_or(server.address(), Tap::address);
        self.ports.set(launch.port, address);
        let uplink = launch.connect_to.and_then(|port| self.server_at(port));
        self.servers.push(LaunchedServer {
            launch: launch.clone(),
            server,
            tap,
            uplink,
            killed: false,
            frozen: None,
        });
        Ok(())
    }

    fn launch_client(&mut self, launch: &LaunchClient) -> Result<(), FixtureError> {
        let address = self.ports.address_of(launch.port)?;
        let log = launch
            .log_file
            .clone()
            .unwrap_or(format!("{}.log", launch.name));
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

    /// The client that was launched last under that name.
    fn client_named(&self, name: &str) -> usize {
        self.clients
            .iter()
            .rposition(|client| client.launch.name == name)
            .expect("the file has been checked for that")
    }

    fn say(&mut self, name: &str, to: u32, text: &str) {
        let from = self.client_named(name);
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
        // One who has left says nothing, and nothing comes of it.
        if let Err(error) = self.clients[from].client.send_chat(to, text) {
            output::print_error(error);
        }
    }

    fn quit(&mut self, name: &str, text: &str) {
        let from = self.client_named(name);
        if let Err(error) = self.clients[from].client.quit(text) {
            output::print_error(error);
        }
    }

    /// Freezes what counts of `name` and ends it. An unknown name is ignored.
    fn kill(&mut self, name: &str) {
        let look = self.look();
        let server = self.servers.iter().rposition(|one| one.launch.name == name);
        let client = self.clients.iter().rposition(|one| one.launch.name == name);
        // The one launched last of a name is meant; a server first, as when looked up.
        if let Some(index) = server.filter(|&index| !self.servers[index].killed) {
            self.freeze_server(index, &look);
            self.ask_server(index);
            self.finish_server(index);
        } else if let Some(index) = client.filter(|&index| !self.clients[index].killed) {
            self.freeze_client(index, &look);
            self.clients[index].killed = true;
            self.clients[index].client.process_mut().stop();
        }
    }

    /// Asks a server to leave; it should be there to be asked.
    fn ask_server(&mut self, index: usize) {
        let one = &mut self.servers[index];
        if let Some(trouble) = ending::ask(&mut one.server) {
            one.killed = true;
            self.troubles.push(trouble);
        }
    }

    /// Waits for the end of a server that was asked to leave.
    fn finish_server(&mut self, index: usize) {
        let one = &mut self.servers[index];
        if !one.killed {
            one.killed = true;
            self.troubles.extend(ending::finish(&mut one.server));
        }
    }

    fn freeze_server(&mut self, index: usize, look: &Look) {
        let one = &mut self.servers[index];
        if one.frozen.is_none() {
            one.frozen = Some(look.server(index));
        }
        if let Some(tap) = &one.tap
            && self.settings.muted
            && !one.killed
        {
            for after in tap.record().closed {
                self.troubles.push(format!(
                    "{}: a server that dialled it has hung up after {after:?}",
                    one.launch.name
                ));
            }
        }
    }

    fn freeze_client(&mut self, index: usize, look: &Look) {
        let frozen = &mut self.clients[index].frozen;
        if frozen.is_none() {
            *frozen = Some(look.client(index));
        }
    }

    /// What counts of `name`: servers first, of several the one launched last.
    fn observed(&self, name: &str, look: &Look) -> Option<Observed> {
        let server = self.servers.iter().rposition(|one| one.launch.name == name);
        if let Some(index) = server {
            let frozen = self.servers[index].frozen.clone();
            return Some(frozen.unwrap_or_else(|| look.server(index)));
        }
        let client = self.clients.iter().rposition(|one| one.launch.name == name);
        client.map(|index| {
            let frozen = self.clients[index].frozen.clone();
            frozen.unwrap_or_else(|| look.client(index))
        })
    }

    /// The server that is there on the scenario's `port`.
    fn server_at(&self, port: u16) -> Option<usize> {
        self.servers
            .iter()
            .rposition(|one| one.launch.port == port && !one.killed)
    }

    /// Linked, or refused, or nobody is there.
    fn uplink_is_settled(&self, index: usize, look: &Look) -> bool {
        let Some(state) = &look.servers[index] else {
            return true;
        };
        let Some(port) = self.servers[index].launch.connect_to else {
            return true;
        };
        let Some(uplink) = self.server_at(port) else {
            return true;
        };
        if self.muted() {
            let diallers = self.servers.iter();
            let diallers = diallers.filter(|one| one.launch.connect_to == Some(port));
            return look.received[uplink].len() >= diallers.count();
        }
        let id = self.servers[uplink].launch.id;
        state.adjacent_servers.contains(&id) || !state.status_log.is_empty()
    }

    /// Welcomed, or refused, or nobody is there; and gone if it should go.
    fn client_is_settled(&self, index: usize, look: &Look) -> bool {
        let view = &look.clients[index];
        if !look.clients_running[index] {
            return true;
        }
        if view.quitting {
            return false;
        }
        let home = self.server_at(self.clients[index].launch.port);
        view.welcomed || home.is_none_or(|home| look.servers[home].is_none())
    }

    /// Heard, or answered by a status, or nobody can be heard.
    fn is_answered(&self, message: &Message, look: &Look) -> bool {
        let speaker = &self.clients[message.from];
        let heard = |index: usize| {
            let chats = look.clients[index].chats.iter();
            let same =
                chats.filter(|said| said.from == speaker.launch.id && said.text == message.text);
            same.count() >= message.count
        };
        !look.clients_running[message.from]
            || look.clients[message.from].statuses.len() > message.statuses_before
            || (0..self.clients.len())
                .any(|index| self.clients[index].launch.id == message.to && heard(index))
    }

    /// Whether links are known at both of their ends, clients where they are
    /// and nowhere else, and everybody knows everybody of the same network.
    fn is_consistent(&self, look: &Look) -> bool {
        (0..self.servers.len()).all(|index| {
            let Some(state) = &look.servers[index] else {
                return true;
            };
            let network = self.network_of(index, look);
            let links = network.iter().filter(|&&other| look.linked(index, other));
            let mut hosts = BTreeSet::new();
            let mut clients = BTreeSet::new();
            for &at in &network {
                if at != index {
                    hosts.insert(self.servers[at].launch.id);
                }
                clients.extend(self.clients_of(at, look));
            }
            hosts.extend(&clients);
            links.count() == state.adjacent_servers.len()
                && state.adjacent_client_set() == self.clients_of(index, look)
                && state.host_set() == hosts
                && self.clients_agree(index, &clients, look)
        })
    }

    /// The server itself, and all that links lead to from there.
    fn network_of(&self, index: usize, look: &Look) -> Vec<usize> {
        let mut network = vec![index];
        let mut next = 0;
        while let Some(&at) = network.get(next) {
            for other in 0..self.servers.len() {
                if !network.contains(&other) && look.linked(at, other) {
                    network.push(other);
                }
            }
            next += 1;
        }
        network
    }

    /// Whether those that a server has left behind have found each other: who
    /// was launched into one network is in one network, unless it was refused.
    fn is_healed(&self, look: &Look) -> bool {
        // The network into which each was launched, named after one of it.
        let mut kin: Vec<usize> = Vec::new();
        for (index, one) in self.servers.iter().enumerate() {
            let refused = look.servers[index]
                .as_ref()
                .is_some_and(|state| !state.status_log.is_empty());
            let uplink = one.uplink.filter(|_| !refused);
            kin.push(uplink.map_or(index, |uplink| kin[uplink]));
        }
        (0..self.servers.len()).all(|index| {
            let network = self.network_of(index, look);
            look.servers[index].is_none()
                || (0..self.servers.len()).all(|other| {
                    look.servers[other].is_none()
                        || kin[other] != kin[index]
                        || network.contains(&other)
                })
        })
    }

    /// Whether the clients of a server know all `clients` but themselves.
    fn clients_agree(&self, server: usize, clients: &BTreeSet<u32>, look: &Look) -> bool {
        self.clients_at(server, look).all(|index| {
            let mut known = look.clients[index].connected.clone();
            known.insert(self.clients[index].launch.id);
            known == *clients
        })
    }

    /// The clients that a server has welcomed and that are still there.
    fn clients_at<'s>(&'s self, server: usize, look: &'s Look) -> impl Iterator<Item = usize> + 's {
        (0..self.clients.len()).filter(move |&index| {
            look.clients_running[index]
                && look.clients[index].welcomed
                && !look.clients[index].quitting
                && self.server_at(self.clients[index].launch.port) == Some(server)
        })
    }

    fn clients_of(&self, server: usize, look: &Look) -> BTreeSet<u32> {
        self.clients_at(server, look)
            .map(|index| self.clients[index].launch.id)
            .collect()
    }
}

impl Stage for Network<'_> {
    type Command = Command;
    type Expectation = Expectation;
    type Look = Look;

    fn pace(command: &Command) -> Pace {
        match command {
            Command::Wait(span) => Pace::Wait(*span),
            Command::KillAll => Pace::KillAll,
            _ => Pace::AtOnce,
        }
    }

    fn carry_out(&mut self, command: &Command) -> Result<(), FixtureError> {
        match command {
            Command::LaunchServer(launch) => self.launch_server(launch)?,
            Command::LaunchClient(launch) => self.launch_client(launch)?,
            Command::ClientCommand { name, command } => match command {
                ClientCommand::Message { to, text } => self.say(name, *to, text),
                ClientCommand::Quit { text } => self.quit(name, text),
            },
            Command::Wait(_) => {}
            Command::Kill(name) => self.kill(name),
            Command::KillAll => self.kill_all(),
        }
        Ok(())
    }

    fn look(&mut self) -> Look {
        let taps = self.servers.iter().map(|one| {
            let reads = one.tap.as_ref().map(|tap| tap.record().reads);
            let reads = reads.unwrap_or_default();
            reads.iter().map(|bytes| wire::hex(bytes)).collect()
        });
        Look {
            received: taps.collect(),
            servers: self
                .servers
                .iter_mut()
                .map(|one| {
                    let asked = !one.killed && one.server.process_mut().is_running();
                    asked.then(|| one.server.state().ok()).flatten()
                })
                .collect(),
            // Whether it runs is asked first: after the end all has been read.
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

    fn without_counters(look: &Look) -> Look {
        let mut look = look.clone();
        for state in look.servers.iter_mut().flatten() {
            state.counters.clear();
        }
        look
    }

    fn is_at_rest(&self, look: &Look) -> bool {
        (0..self.servers.len()).all(|index| self.uplink_is_settled(index, look))
            && (0..self.clients.len()).all(|index| self.client_is_settled(index, look))
            && self
                .messages
                .iter()
                .all(|message| self.is_answered(message, look))
            && (self.muted() || (self.is_consistent(look) && self.is_healed(look)))
    }

    fn problems(&self, name: &str, expectation: &Expectation, look: &Look) -> Option<Vec<Problem>> {
        let observed = self.observed(name, look)?;
        Some(expectation.problems(name, &observed, self.kind, self.settings.strict))
    }

    fn unknown(expectation: &Expectation) -> &[String] {
        &expectation.unknown
    }

    fn kill_all(&mut self) {
        let look = self.look();
        for index in 0..self.servers.len() {
            self.freeze_server(index, &look);
        }
        for index in 0..self.clients.len() {
            self.freeze_client(index, &look);
        }
        if self.muted() {
            // Whoever leaves waits a while for the other end, which never closes.
            for one in &mut self.servers {
                one.tap = None;
            }
        }
        for one in &mut self.clients {
            one.killed = true;
            one.client.process_mut().request_shutdown();
        }
        for one in &mut self.clients {
            one.client.process_mut().finish();
        }
        // All are asked before the first is waited for.
        let left: Vec<usize> = (0..self.servers.len())
            .filter(|&index| !self.servers[index].killed)
            .collect();
        for &index in &left {
            self.ask_server(index);
        }
        for index in left {
            self.finish_server(index);
        }
    }

    fn troubles(&self) -> Vec<String> {
        let mut troubles = self.troubles.clone();
        let servers = self.servers.iter().map(|one| one.server.process());
        let clients = self.clients.iter().map(|one| one.client.process());
        for process in servers.chain(clients) {
            ending::note_panic(process, &mut troubles);
        }
        for one in &self.clients {
            if let Some(line) = one.client.view().garbage.first() {
                troubles.push(format!(
                    "{}: wrote what is no event: {line}",
                    one.launch.name
                ));
            }
        }
        troubles
    }
}

impl Look {
    /// Whether two servers know of each other as neighbours.
    fn linked(&self, one: usize, other: usize) -> bool {
        match (&self.servers[one], &self.servers[other]) {
            (Some(a), Some(b)) if one != other => {
                a.adjacent_servers.contains(&b.id) && b.adjacent_servers.contains(&a.id)
            }
            _ => false,
        }
    }

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
