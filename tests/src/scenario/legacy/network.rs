//! The servers and clients of a running scenario of the legacy IRC, and
//! whether they are at rest.
//!
//! Knows what was launched and what was asked for, and so what has not come to
//! an outcome yet. What the file expects in the end is not known here.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use super::command::{Command, LaunchClient, LaunchServer};
use super::expectation::{Expectation, Observed};
use crate::fixture::Fixture;
use crate::fixture::FixtureError;
use crate::fixture::Server;
use crate::fixture::legacy_user::{LegacyUser, UserCommand, UserView, Verb};
use crate::fixture::wait;
use crate::fixture::{End, Tap};
use crate::fixture::{IrcState, ServerState};
use crate::scenario::ending;
use crate::scenario::file::Kind;
use crate::scenario::ports::Ports;
use crate::scenario::report::Problem;
use crate::scenario::runner::{Pace, Settings, Stage};

/// How long a link may take to be there when something is said on it.
const LINKING: Duration = Duration::from_secs(5);

/// Everything that a scenario has launched so far.
pub(in crate::scenario) struct LegacyNetwork<'a> {
    fixture: &'a Fixture,
    kind: Kind,
    settings: &'a Settings,
    servers: Vec<LaunchedServer>,
    clients: Vec<LaunchedClient>,
    outcomes: Vec<Outcome>,
    said: Vec<Said>,
    ports: Ports,
    troubles: Vec<String>,
    /// Whether anybody has been ended before the end.
    killed: bool,
}

struct LaunchedServer {
    launch: LaunchServer,
    server: Server,
    /// Where it listens, behind its tap if there is one.
    address: SocketAddr,
    tap: Option<Tap>,
    killed: bool,
    /// What counts of it, once that is fixed.
    frozen: Option<Observed>,
}

struct LaunchedClient {
    launch: LaunchClient,
    user: LegacyUser,
    killed: bool,
    frozen: Option<Observed>,
}

/// What must come of something that was typed and has no answer of its own.
enum Outcome {
    /// Client `to` shows `line` for the `count`th time.
    Shown {
        to: usize,
        line: String,
        count: usize,
    },
    /// Client `to` is told why not: it shows more than `before`.
    Refused { to: usize, before: usize },
}

/// Something that was said in the name of a server.
struct Said {
    source: String,
    destination: String,
    text: String,
    /// Whether the tap has noted it: nobody is behind it.
    noted: bool,
}

/// What can be seen of everything at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::scenario) struct Look {
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
            said: Vec::new(),
            ports: Ports::new(settings.fixed_ports),
            troubles: Vec::new(),
            killed: false,
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
        let tapped = self.kind == Kind::Connectivity;
        let log = log_name(launch.log_file.as_ref(), &launch.name);
        let mut builder = self
            .fixture
            .server_without_id(&launch.name)
            .info(&launch.info)
            .log_file(&log);
        builder = match known {
            Some(address) if !tapped => builder.irc_legacy_at(address),
            _ => builder.irc_legacy(),
        };
        if let Some(port) = launch.connect_to {
            builder = builder.irc_uplink(self.ports.address_of(port)?);
        }
        let server = builder.start()?;
        let address = server.irc_legacy().expect("it was asked for");
        let tap = if tapped {
            let port = known.map_or(0, |address| address.port());
            let target = (!self.muted()).then_some(address);
            let tap = Tap::start(port, target).map_err(|source| FixtureError::Socket {
                what: format!("port {} in front of {}", launch.port, launch.name),
                source,
            })?;
            Some(tap)
        } else {
            None
        };
        let front = tap.as_ref().map_or(address, Tap::address);
        self.ports.set(launch.port, front);
        self.servers.push(LaunchedServer {
            launch: launch.clone(),
            server,
            address,
            tap,
            killed: false,
            frozen: None,
        });
        Ok(())
    }

    fn launch_client(&mut self, launch: &LaunchClient) -> Result<(), FixtureError> {
        // Taps are for links between servers.
        let address = match self.server_at(launch.port) {
            Some(home) => self.servers[home].address,
            None => self.ports.address_of(launch.port)?,
        };
        let log = log_name(launch.log_file.as_ref(), &launch.nick);
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

    /// The server that was launched last under that name.
    fn server_named(&self, name: &str) -> Option<usize> {
        self.servers.iter().rposition(|one| one.launch.name == name)
    }

    /// The client that was launched last under that nick or full name.
    fn client_named(&self, name: &str) -> Option<usize> {
        self.clients
            .iter()
            .rposition(|one| one.launch.nick == name || one.launch.full_name() == name)
    }

    fn typed(&mut self, name: &str, typed: &UserCommand) {
        let from = self
            .client_named(name)
            .expect("the file has been checked for that");
        let view = self.clients[from].user.view();
        if self.is_here(from, &view) {
            self.note_outcomes(from, &view, typed);
        }
        self.clients[from].user.send_command(typed);
    }

    /// Notes what must come of what is typed, if it is nothing that the client
    /// itself waits for.
    fn note_outcomes(&mut self, from: usize, view: &UserView, typed: &UserCommand) {
        let refused = Outcome::Refused {
            to: from,
            before: view.printed.len(),
        };
        match (typed.verb, &typed.words[..]) {
            (Verb::Part, [channel, ..]) if view.channels.contains_key(channel) => {}
            (Verb::Privmsg, [target, text, ..]) => {
                let line = format!("{target} {text}");
                let hearers = self.hearers(from, view, target);
                match hearers {
                    None => self.outcomes.push(refused),
                    Some(hearers) => {
                        for to in hearers {
                            let count = self.times_said(to, &line) + 1;
                            let line = line.clone();
                            self.outcomes.push(Outcome::Shown { to, line, count });
                        }
                    }
                }
            }
            (Verb::Part | Verb::Privmsg, _) => self.outcomes.push(refused),
            _ => {}
        }
    }

    /// Who must hear what is said to `target`; `None` if that can't be said.
    fn hearers(&self, from: usize, view: &UserView, target: &str) -> Option<Vec<usize>> {
        let to_channel = target.starts_with('#');
        if to_channel && !view.channels.contains_key(target) {
            return None;
        }
        let hears = |index: &usize| {
            let view = self.clients[*index].user.view();
            self.is_here(*index, &view)
                && if to_channel {
                    *index != from && view.channels.contains_key(target)
                } else {
                    self.clients[*index].launch.nick == target
                }
        };
        let hearers: Vec<usize> = (0..self.clients.len()).filter(hears).collect();
        (to_channel || !hearers.is_empty()).then_some(hearers)
    }

    /// How often client `index` should have shown `line` by now.
    fn times_said(&self, index: usize, line: &str) -> usize {
        let same = |outcome: &&Outcome| matches!(outcome, Outcome::Shown { to, line: said, .. } if *to == index && said == line);
        self.outcomes.iter().filter(same).count()
    }

    /// Says something on the link between two servers, in the name of one.
    fn send(&mut self, source: &str, destination: &str, text: &str) -> Result<(), FixtureError> {
        let muted = self.muted();
        // Lines only: what is said next would belong to this one otherwise.
        let line_end = if muted { "" } else { "\r\n" };
        let bytes = format!("{text}{line_end}");
        let socket = |error| FixtureError::Socket {
            what: format!("what {source} says to {destination}"),
            source: error,
        };
        let said = wait::until(LINKING, || {
            // Either of them may have dialled the other.
            let there = [
                (destination, source, End::Server),
                (source, destination, End::Dialler),
            ];
            for (dialled, dialler, end) in there {
                let server = self.server_named(dialled)?;
                let tap = self.servers[server].tap.as_ref()?;
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
        let end = said.unwrap_or_else(no_link).map_err(socket)?;
        self.said.push(Said {
            source: source.to_owned(),
            destination: destination.to_owned(),
            text: text.to_owned(),
            noted: muted && end == End::Server,
        });
        Ok(())
    }

    /// Freezes what counts of `name` and ends it. An unknown name is ignored.
    fn kill(&mut self, name: &str) {
        let look = self.look();
        let alive_server = self
            .server_named(name)
            .filter(|&index| !self.servers[index].killed);
        let alive_client = self
            .client_named(name)
            .filter(|&index| !self.clients[index].killed);
        if let Some(index) = alive_server {
            self.killed = true;
            self.freeze_server(index, &look);
            self.ask_server(index);
            self.finish_server(index);
        } else if let Some(index) = alive_client {
            self.killed = true;
            self.freeze_client(index, &look);
            self.clients[index].killed = true;
            self.clients[index].user.close();
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
        if self.servers[index].frozen.is_none() {
            self.servers[index].frozen = Some(self.seen_of_server(index, look));
        }
        if let Some(tap) = &self.servers[index].tap
            && !self.killed
        {
            for after in tap.record().closed {
                self.troubles.push(format!(
                    "{}: a link to it was closed after {after:?}",
                    self.servers[index].launch.name
                ));
            }
        }
    }

    fn freeze_client(&mut self, index: usize, look: &Look) {
        let frozen = &mut self.clients[index].frozen;
        if frozen.is_none() {
            *frozen = Some(Observed::Client(look.clients[index].clone()));
        }
    }

    fn seen_of_server(&self, index: usize, look: &Look) -> Observed {
        let name = &self.servers[index].launch.name;
        let texts = |of: fn(&Said) -> &String, all: bool| {
            let said = self.said.iter();
            said.filter(move |said| of(said) == name && (all || !said.noted))
                .map(|said| said.text.clone())
        };
        let mut received = look.received[index].clone();
        received.extend(texts(|said| &said.destination, false));
        Observed::Server {
            state: look.irc(index).cloned(),
            received,
            sent: texts(|said| &said.source, true).collect(),
        }
    }

    /// What counts of `name`: servers first, of several the one launched last.
    fn observed(&self, name: &str, look: &Look) -> Option<Observed> {
        if let Some(index) = self.server_named(name) {
            let frozen = self.servers[index].frozen.clone();
            return Some(frozen.unwrap_or_else(|| self.seen_of_server(index, look)));
        }
        let index = self.client_named(name)?;
        let frozen = self.clients[index].frozen.clone();
        Some(frozen.unwrap_or_else(|| Observed::Client(look.clients[index].clone())))
    }

    /// The server that is there on the scenario's `port`.
    fn server_at(&self, port: u16) -> Option<usize> {
        self.servers
            .iter()
            .rposition(|one| one.launch.port == port && !one.killed)
    }

    /// Whether a client is on the network.
    fn is_here(&self, index: usize, view: &UserView) -> bool {
        view.welcomed && !view.quitting && !view.ended && !self.clients[index].killed
    }

    /// Linked, or nobody is there.
    fn uplink_is_settled(&self, index: usize, look: &Look) -> bool {
        let port = self.servers[index].launch.connect_to;
        let uplink = port.and_then(|port| self.server_at(port));
        let Some((uplink, _)) = uplink.zip(look.servers[index].as_ref()) else {
            return true;
        };
        if self.muted() {
            let diallers = self.servers.iter();
            let diallers = diallers.filter(|one| one.launch.connect_to == port);
            return look.received[uplink].len() >= diallers.count();
        }
        look.servers[uplink].is_none() || self.linked(index, uplink, look)
    }

    /// Welcomed and answered, or refused, or nobody is there; and gone if it
    /// should go.
    fn client_is_settled(&self, index: usize, look: &Look) -> bool {
        let view = &look.clients[index];
        if view.ended || self.clients[index].killed {
            return true;
        }
        if view.quitting {
            return false;
        }
        let home = self.server_at(self.clients[index].launch.port);
        let home_is_there = home.is_some_and(|home| look.servers[home].is_some());
        if view.welcomed {
            view.unanswered.is_empty()
        } else {
            !view.refusals.is_empty() || !home_is_there
        }
    }

    /// Come to pass, or nobody is there to see it.
    fn has_come(outcome: &Outcome, look: &Look) -> bool {
        match outcome {
            Outcome::Shown { to, line, count } => {
                let view = &look.clients[*to];
                let shown = view.printed.iter().filter(|shown| *shown == line);
                view.ended || shown.count() >= *count
            }
            Outcome::Refused { to, before } => {
                let view = &look.clients[*to];
                view.ended || view.printed.len() > *before
            }
        }
    }

    /// Whether two servers know of each other as neighbours.
    fn linked(&self, one: usize, other: usize, look: &Look) -> bool {
        let knows = |one: usize, other: usize| {
            look.irc(one).is_some_and(|irc| {
                irc.adjacent_servers
                    .contains(&self.servers[other].launch.name)
            })
        };
        one != other && knows(one, other) && knows(other, one)
    }

    /// The server itself, and all that links lead to from there.
    fn network_of(&self, index: usize, look: &Look) -> Vec<usize> {
        let mut network = vec![index];
        let mut next = 0;
        while let Some(&at) = network.get(next) {
            for other in 0..self.servers.len() {
                if !network.contains(&other) && self.linked(at, other, look) {
                    network.push(other);
                }
            }
            next += 1;
        }
        network
    }

    /// The clients that a server has welcomed and that are still there.
    fn clients_at<'s>(&'s self, server: usize, look: &'s Look) -> impl Iterator<Item = usize> + 's {
        (0..self.clients.len()).filter(move |&index| {
            self.is_here(index, &look.clients[index])
                && self.server_at(self.clients[index].launch.port) == Some(server)
        })
    }

    fn nicks_at(&self, server: usize, look: &Look) -> BTreeSet<&str> {
        self.clients_at(server, look)
            .map(|index| self.clients[index].user.nick())
            .collect()
    }

    /// Whether a server knows its links, its users and all others, and the same
    /// channels as the rest of its network and its users.
    fn is_consistent(&self, index: usize, look: &Look) -> bool {
        if look.servers[index].is_none() {
            return true;
        }
        let Some(irc) = look.irc(index) else {
            return false;
        };
        let network = self.network_of(index, look);
        let links = network.iter().filter(|&&at| self.linked(index, at, look));
        let others = network.iter().filter(|&&at| at != index);
        let others = others.map(|&at| self.servers[at].launch.name.as_str());
        let users = network.iter().flat_map(|&at| self.nicks_at(at, look));
        links.count() == irc.adjacent_servers.len()
            && names(&irc.servers) == others.collect()
            && names(&irc.adjacent_users) == self.nicks_at(index, look)
            && names(&irc.users) == users.collect()
            && network
                .iter()
                .all(|&at| look.irc(at).is_some_and(|other| same_channels(irc, other)))
            && self
                .clients_at(index, look)
                .all(|client| self.is_where_it_thinks(client, irc, look))
    }

    /// Whether a client is in those channels that it knows.
    fn is_where_it_thinks(&self, client: usize, home: &IrcState, look: &Look) -> bool {
        let nick = &self.clients[client].launch.nick;
        let channels = home.channels.iter();
        let joined = channels.filter(|(_, channel)| channel.users.contains(nick));
        joined
            .map(|(name, _)| name)
            .eq(look.clients[client].channels.keys())
    }
}

impl Stage for LegacyNetwork<'_> {
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
            Command::ClientCommand { name, typed } => self.typed(name, typed),
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

    fn look(&mut self) -> Look {
        let received = self.servers.iter().map(|one| {
            let reads = one.tap.as_ref().map(|tap| tap.record().reads);
            let reads = reads.unwrap_or_default();
            reads
                .iter()
                .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
                .collect()
        });
        Look {
            received: received.collect(),
            servers: self
                .servers
                .iter_mut()
                .map(|one| {
                    let asked = !one.killed && one.server.process_mut().is_running();
                    asked.then(|| one.server.state().ok()).flatten()
                })
                .collect(),
            clients: self.clients.iter().map(|one| one.user.view()).collect(),
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
                .outcomes
                .iter()
                .all(|outcome| Self::has_come(outcome, look))
            && (self.muted()
                || (0..self.servers.len()).all(|index| self.is_consistent(index, look)))
    }

    fn problems(&self, name: &str, expectation: &Expectation, look: &Look) -> Option<Vec<Problem>> {
        let observed = self.observed(name, look)?;
        if self.muted() {
            // Servers are alone there, and nobody is asked what he knows.
            return Some(match &observed {
                Observed::Client(_) => Vec::new(),
                Observed::Server { .. } => {
                    expectation
                        .on_links()
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
        let look = self.look();
        // All is fixed before the first is ended: lost links change what the
        // others know.
        for index in 0..self.servers.len() {
            self.freeze_server(index, &look);
        }
        for index in 0..self.clients.len() {
            self.freeze_client(index, &look);
        }
        self.killed = true;
        if self.muted() {
            // Whoever leaves waits a while for the other end, which never closes.
            for one in &mut self.servers {
                one.tap = None;
            }
        }
        for one in &mut self.clients {
            one.killed = true;
            one.user.close();
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
        for one in &self.servers {
            ending::note_panic(one.server.process(), &mut troubles);
        }
        for one in &self.clients {
            if let Some(line) = one.user.view().garbage.first() {
                let name = one.launch.full_name();
                troubles.push(format!("{name}: was sent what is no line: {line}"));
            }
        }
        troubles
    }
}

impl Look {
    /// What a server knows of IRC.
    fn irc(&self, index: usize) -> Option<&IrcState> {
        self.servers[index].as_ref()?.irc.as_ref()
    }
}

fn log_name(wanted: Option<&String>, name: &str) -> String {
    wanted.cloned().unwrap_or(format!("{name}.log"))
}

fn names(names: &[String]) -> BTreeSet<&str> {
    names.iter().map(String::as_str).collect()
}

/// Whether two servers know the same channels, but for keys: those are told to
/// nobody who comes later.
fn same_channels(one: &IrcState, other: &IrcState) -> bool {
    let comparable = |state: &'_ IrcState| -> BTreeMap<String, (Option<String>, Vec<String>)> {
        let channels = state.channels.iter().map(|(name, channel)| {
            let mut users = channel.users.clone();
            users.sort();
            (name.clone(), (channel.topic.clone(), users))
        });
        channels.collect()
    };
    comparable(one) == comparable(other)
}
