//! A tree of real servers and clients, whose servers can be killed, frozen and
//! restarted at their addresses. [`invariants`] checks what they know.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Control;
use super::invariants::{self, Snapshot};
use super::rng::SplitMix64;
use crate::fixture::{Client, Fixture, FixtureError, Server, wait};

/// The id of the first client. Servers have the ids from 1 to 100.
const FIRST_CLIENT: u32 = 101;
/// How long nothing may change before the network counts as at rest.
const QUIET: Duration = Duration::from_millis(300);
/// The counters that count as changes. Keepalives change the others all the time.
const CHANGES: [&str; 5] = [
    "chats_relayed",
    "chats_bounced",
    "hosts_joined",
    "hosts_left",
    "registrations",
];

/// The place of a server in the tree, with or without a running server.
#[derive(Debug)]
struct ServerSlot {
    address: SocketAddr,
    uplink: Option<u32>,
    server: Option<Server>,
    frozen: bool,
}

/// A client, and what the run knows of its output.
#[derive(Debug)]
pub(super) struct ClientSlot {
    client: Client,
    home: u32,
    /// The number of lines that have been read.
    read: usize,
    chat_events: Vec<ChatEvent>,
    welcomed: bool,
    connected: BTreeSet<u32>,
}

/// An event of a client about a chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ChatEvent {
    /// It received a chat.
    Received { from: u32, to: u32, text: String },
    /// The destination of one of its chats is unknown.
    Unknown { id: u32 },
    /// It could not send a chat.
    NotSent { text: String },
}

/// The network.
#[derive(Debug)]
pub(super) struct Network<'r> {
    fixture: &'r Fixture,
    servers: BTreeMap<u32, ServerSlot>,
    clients: BTreeMap<u32, ClientSlot>,
}

impl<'r> Network<'r> {
    /// Starts servers in a tree in which each has two children, and clients, the first
    /// one at the last server. The network uses a random loopback address, and keeps the
    /// ports of its servers while they are down.
    pub(super) fn start(
        fixture: &'r Fixture,
        servers: u32,
        clients: u32,
        rng: &mut SplitMix64,
    ) -> Result<Self, FixtureError> {
        let mut octet = || u8::try_from(rng.within(1, 254)).expect("it is at most 254");
        let ip = Ipv4Addr::new(127, octet(), octet(), octet());
        let mut network = Network {
            fixture,
            servers: BTreeMap::new(),
            clients: BTreeMap::new(),
        };
        for id in 1..=servers {
            let address = fixture.reserve_on(ip)?;
            let slot = ServerSlot {
                address,
                uplink: Some(id / 2).filter(|&uplink| uplink > 0),
                server: None,
                frozen: false,
            };
            network.servers.insert(id, slot);
            network.start_server(id)?;
        }
        for client in 0..clients {
            let home = servers - client % servers;
            network.start_client(FIRST_CLIENT + client, home)?;
        }
        Ok(network)
    }

    pub(super) fn servers(&self) -> Vec<u32> {
        self.servers.keys().copied().collect()
    }

    pub(super) fn clients(&self) -> Vec<u32> {
        self.clients.keys().copied().collect()
    }

    /// Whether servers were started below `id`.
    pub(super) fn has_children(&self, id: u32) -> bool {
        self.servers.values().any(|slot| slot.uplink == Some(id))
    }

    /// Starts the server `id` at its address, if it is not running.
    pub(super) fn start_server(&mut self, id: u32) -> Result<(), FixtureError> {
        let slot = &self.servers[&id];
        if slot.server.is_some() {
            return Ok(());
        }
        let name = format!("s{id}");
        // With -v: people read the log after a violation.
        let mut server = self
            .fixture
            .server(id, &name)
            .listen(slot.address)
            .arg("-v")
            // The clients of this network wait for their server to come back.
            .arg("--advertise-to-clients=none");
        if let Some(uplink) = slot.uplink {
            server = server.uplink(self.servers[&uplink].address);
        }
        let server = server.start()?;
        let slot = self
            .servers
            .get_mut(&id)
            .expect("`start_server` has looked it up");
        slot.server = Some(server);
        slot.frozen = false;
        Ok(())
    }

    /// Kills the server `id`.
    pub(super) fn kill_server(&mut self, id: u32) {
        if let Some(slot) = self.servers.get_mut(&id) {
            slot.server = None;
        }
    }

    /// Shuts down the server `id`; `false` if it did not end with success.
    pub(super) fn shut_down_server(&mut self, id: u32) -> bool {
        let server = self
            .servers
            .get_mut(&id)
            .and_then(|slot| slot.server.take());
        server.is_none_or(|mut server| server.stop())
    }

    /// Suspends the server `id`.
    pub(super) fn freeze_server(&mut self, id: u32) {
        if let Some(slot) = self.servers.get_mut(&id)
            && let Some(server) = &mut slot.server
        {
            server.process_mut().suspend();
            slot.frozen = true;
        }
    }

    /// Resumes the server `id`.
    pub(super) fn resume_server(&mut self, id: u32) {
        if let Some(slot) = self.servers.get_mut(&id)
            && let Some(server) = &mut slot.server
        {
            server.process_mut().resume();
            slot.frozen = false;
        }
    }

    fn start_client(&mut self, id: u32, home: u32) -> Result<(), FixtureError> {
        let address = self.servers[&home].address;
        let client = self
            .fixture
            .client(id, &format!("c{id}"), address)
            .start()?;
        let slot = ClientSlot {
            client,
            home,
            read: 0,
            chat_events: Vec::new(),
            welcomed: false,
            connected: BTreeSet::new(),
        };
        self.clients.insert(id, slot);
        Ok(())
    }

    /// Kills the client `id` and starts it again. Returns its remaining chat events.
    pub(super) fn restart_client(&mut self, id: u32) -> Result<Vec<ChatEvent>, FixtureError> {
        let Some(mut slot) = self.clients.remove(&id) else {
            return Ok(Vec::new());
        };
        slot.client.process_mut().kill();
        slot.read_lines();
        self.start_client(id, slot.home)?;
        Ok(slot.chat_events)
    }

    /// Sends a chat from the client `from`.
    pub(super) fn send_chat(&mut self, from: u32, to: u32, text: &str) -> Result<(), FixtureError> {
        match self.clients.get_mut(&from) {
            Some(slot) => slot.client.send_chat(to, text),
            None => Ok(()),
        }
    }

    /// The chat events since the last call, by client.
    pub(super) fn take_chat_events(&mut self) -> BTreeMap<u32, Vec<ChatEvent>> {
        let clients = self.clients.iter_mut();
        clients
            .map(|(&id, slot)| {
                slot.read_lines();
                (id, std::mem::take(&mut slot.chat_events))
            })
            .collect()
    }

    /// The first server or client that has ended by itself.
    pub(super) fn ended_by_itself(&mut self) -> Option<String> {
        for (id, slot) in &mut self.servers {
            if let Some(server) = &mut slot.server
                && let Some(status) = server.process_mut().status()
            {
                let line = server.process().last_log_line();
                return Some(format!(
                    "server {id} ended by itself ({status}); last log line: {line}"
                ));
            }
        }
        for (id, slot) in &mut self.clients {
            if let Some(status) = slot.client.process_mut().status() {
                let line = slot.client.process().last_log_line();
                return Some(format!(
                    "client {id} ended by itself ({status}); last log line: {line}"
                ));
            }
        }
        None
    }

    /// What all running servers and their clients know.
    fn snapshot(&mut self) -> Result<Snapshot, FixtureError> {
        let mut snapshot = Snapshot::default();
        for (&id, slot) in &self.servers {
            if let Some(server) = slot.server.as_ref().filter(|_| !slot.frozen) {
                snapshot.states.insert(id, server.state()?);
            }
        }
        for (&id, slot) in &mut self.clients {
            slot.read_lines();
            if snapshot.states.contains_key(&slot.home) {
                let known = slot.welcomed.then(|| slot.connected.clone());
                snapshot.clients.insert(id, (slot.home, known));
            }
        }
        Ok(snapshot)
    }

    /// Waits until all directories are right and nothing changes. Returns the snapshot
    /// and the time it took, without the time for the check that nothing changes; or
    /// the violation that remains after `bound`.
    pub(super) fn wait_rest(
        &mut self,
        bound: Duration,
        control: &Control,
    ) -> Result<Result<(Snapshot, Duration), String>, FixtureError> {
        let began = Instant::now();
        let mut violation = String::new();
        let mut unchanged: Option<(Instant, Snapshot, Vec<u64>)> = None;
        let found = wait::until(bound, || {
            if let Err(interrupted) = control.check() {
                return Some(Err(interrupted));
            }
            let taken = self.snapshot().map_err(|error| error.to_string());
            let checked = taken
                .and_then(|snapshot| invariants::check_directories(&snapshot).map(|()| snapshot));
            let snapshot = match checked {
                Ok(snapshot) => snapshot,
                Err(why) => {
                    violation = why;
                    unchanged = None;
                    return None;
                }
            };
            let counted: Vec<u64> = snapshot
                .states
                .values()
                .flat_map(|state| CHANGES.map(|name| state.counter(name)))
                .collect();
            match &unchanged {
                Some((since, snapshot, before)) if *before == counted => {
                    let rested = since.elapsed() >= QUIET;
                    rested.then(|| Ok((snapshot.clone(), since.duration_since(began))))
                }
                _ => {
                    unchanged = Some((Instant::now(), snapshot, counted));
                    None
                }
            }
        });
        if let Some(ended) = self.ended_by_itself() {
            return Ok(Err(ended));
        }
        match found.transpose()? {
            Some(rested) => Ok(Ok(rested)),
            None if violation.is_empty() => Ok(Err("the network never comes to rest".to_owned())),
            None => Ok(Err(violation)),
        }
    }
}

impl ClientSlot {
    /// Reads new lines.
    fn read_lines(&mut self) {
        let lines = self.client.process().lines()[self.read..].to_vec();
        self.read += lines.len();
        for line in lines {
            if let Ok(event) = serde_json::from_str::<Value>(&line) {
                self.on_event(&event);
            }
        }
    }

    fn on_event(&mut self, event: &Value) {
        let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
        let id = |key: &str| {
            let id = event[key].as_u64().and_then(|id| u32::try_from(id).ok());
            id.unwrap_or_default()
        };
        match event["event"].as_str().unwrap_or_default() {
            "welcome" => {
                self.welcomed = true;
                self.connected.clear();
            }
            "disconnected" => self.welcomed = false,
            "joined" => {
                self.connected.insert(id("id"));
            }
            "left" => {
                self.connected.remove(&id("id"));
            }
            "chat" => self.chat_events.push(ChatEvent::Received {
                from: id("from"),
                to: id("to"),
                text: text("text"),
            }),
            "status" => {
                let whole = text("text");
                let unknown = whole.strip_prefix("Unknown ID ");
                if let Some(id) = unknown.and_then(|id| id.parse().ok()) {
                    self.chat_events.push(ChatEvent::Unknown { id });
                }
            }
            "error" => self
                .chat_events
                .push(ChatEvent::NotSent { text: text("text") }),
            _ => {}
        }
    }
}
