//! A small network: two to four servers and a few clients that start, quit, crash, lose
//! links and wait for slow peers. When it is left alone, it comes to rest, and every node
//! knows exactly the others.

use std::time::Duration;

use crc_core::{ClientCommand, Config, HostKind, ServerCommand};
use crc_wire::HostId;

use crate::choices::Choices;
use crate::net::{Net, config, server_address};
use crate::peers::duration;

const SERVERS_MAX: usize = 4;
const CLIENTS_MAX: usize = 6;

/// What may happen. Seeds are written with these numbers. With `HOLD` added, nothing is
/// delivered afterwards.
pub(crate) mod op {
    pub(crate) const SERVER: u8 = 0;
    pub(crate) const CLIENT: u8 = 1;
    pub(crate) const CHAT: u8 = 2;
    pub(crate) const CHAT_ALSO: u8 = 3;
    pub(crate) const QUIT: u8 = 4;
    pub(crate) const KILL: u8 = 5;
    pub(crate) const RESTART: u8 = 6;
    pub(crate) const LEAVE: u8 = 7;
    pub(crate) const BREAK: u8 = 8;
    pub(crate) const PASS_TIME: u8 = 9;
    pub(crate) const RUN: u8 = 10;
    pub(crate) const STEP: u8 = 11;
    pub(crate) const STEPS: u8 = 12;
    pub(crate) const ALL: u8 = 13;
    pub(crate) const HOLD: u8 = 128;
}

struct World {
    net: Net,
    /// The server that each server dials first.
    parents: Vec<usize>,
    /// Whether each client has got the command to quit.
    quitting: Vec<bool>,
    /// The client that sent each chat, by its index.
    speakers: Vec<usize>,
}

/// A scenario for a small network, chosen by `input`.
///
/// At its end the crashed servers start again, and time passes. Then all are in one tree;
/// every server knows exactly the others and the clients, with the right first links;
/// every client knows the other clients, unless another one has its id; chats arrived at
/// most once and in order, and new chats arrive.
///
/// # Panics
///
/// When that is not so.
pub fn network(input: &[u8]) -> u64 {
    let mut choices = Choices::new(input);
    let Some(first) = choices.byte() else {
        return 0;
    };
    let mut world = World {
        net: Net::new(u64::from(first)),
        parents: Vec::new(),
        quitting: Vec::new(),
        speakers: Vec::new(),
    };
    world.add_server(0);
    world.add_server(0);
    world.net.deliver_all();
    while world.step(&mut choices).is_some() {}
    world.finish();
    world.net.digest()
}

impl World {
    fn add_server(&mut self, parent: usize) {
        self.parents.push(parent);
        let config = self.config(self.parents.len() - 1);
        self.net.add_server(config);
    }

    /// A server dials its parent and, if that one is down, all servers that may come
    /// before it. The first one has no uplink.
    fn config(&self, server: usize) -> Config {
        let mut connect = Vec::new();
        if server > 0 {
            connect.push(server_address(self.parents[server]));
            connect.extend((0..server).map(server_address));
        }
        config(server, connect)
    }

    fn step(&mut self, choices: &mut Choices<'_>) -> Option<()> {
        let byte = choices.byte()?;
        match (byte & !op::HOLD) % op::ALL {
            op::SERVER => {
                let parent = choices.index(self.parents.len())?;
                if self.parents.len() < SERVERS_MAX {
                    self.add_server(parent);
                }
            }
            op::CLIENT => {
                let server = choices.index(self.parents.len())?;
                // Sometimes an id that another client has.
                let id = choices.below(10)?;
                let id = (id < 6).then(|| 101 + u32::from(id));
                if self.net.clients.len() < CLIENTS_MAX {
                    self.net.add_client(server, id);
                    self.quitting.push(false);
                }
            }
            op::QUIT => {
                let client = choices.byte()?.into();
                self.quit(client);
            }
            op::KILL => {
                let server = choices.index(self.parents.len())?;
                self.net.kill_server(server);
            }
            op::RESTART => {
                let server = choices.index(self.parents.len())?;
                self.restart(server);
            }
            op::LEAVE => {
                let server = choices.index(self.parents.len())?;
                let reason = "so long".into();
                let leave = ServerCommand::Leave { reason };
                self.net.command_server(server, leave);
            }
            op::BREAK => {
                let which = choices.byte()?;
                self.net.break_connection(which.into());
            }
            op::PASS_TIME => self.net.pass_time(duration(choices)?),
            op::RUN => self.net.run(duration(choices)?),
            op::STEP => {
                let (which, len) = (choices.byte()?, choices.byte()?);
                self.net.step(which.into(), len.into());
                return Some(());
            }
            op::STEPS => {
                for _ in 0..choices.below(16)? {
                    self.net.step(choices.byte()?.into(), usize::MAX);
                }
                return Some(());
            }
            _ => {
                let (from, to) = (choices.byte()?, choices.byte()?);
                self.chat(from.into(), to.into());
            }
        }
        if byte & op::HOLD == 0 {
            self.net.deliver_all();
        }
        Some(())
    }

    fn restart(&mut self, server: usize) {
        let node = &self.net.servers[server];
        if !node.alive || node.stopped {
            self.net.kill_server(server);
            let config = self.config(server);
            self.net.restart_server(server, config);
        }
    }

    fn quit(&mut self, client: usize) {
        if self.quitting.is_empty() {
            return;
        }
        let client = client % self.quitting.len();
        self.quitting[client] = true;
        let text = "bye".to_owned();
        let quit = ClientCommand::Quit { text };
        self.net.command_client(client, quit);
    }

    /// A chat with a text that no other chat has; sometimes to an unknown id.
    fn chat(&mut self, from: usize, to: usize) {
        if self.net.clients.is_empty() {
            return;
        }
        let from = from % self.net.clients.len();
        let to = match self.net.clients.get(to % (CLIENTS_MAX + 1)) {
            Some(client) => client.machine.id(),
            None => HostId::new(4_000).expect("it is not 0"),
        };
        let text = self.speakers.len().to_string();
        self.speakers.push(from);
        self.net
            .command_client(from, ClientCommand::SendChat { to, text });
    }

    fn finish(&mut self) {
        for server in 0..self.parents.len() {
            self.restart(server);
        }
        let mut problem = None;
        for seconds in [3, 5, 10, 20, 40, 60, 120, 300, 600] {
            self.net.run(Duration::from_secs(seconds));
            // Servers that were leaving when the network was left alone.
            for server in 0..self.parents.len() {
                self.restart(server);
            }
            problem = self.problem();
            if problem.is_none() {
                break;
            }
        }
        assert_eq!(problem, None, "at rest");
        for client in &self.net.clients {
            // In order from each client, whatever its id was; and so none twice.
            let numbers = client.received.iter().map(|(_, text)| {
                let number: usize = text.parse().expect("all are numbers");
                (self.speakers[number], number)
            });
            let mut numbers: Vec<(usize, usize)> = numbers.collect();
            numbers.sort_by_key(|(speaker, _)| *speaker);
            let ordered = |pair: &[(usize, usize)]| pair[0].0 != pair[1].0 || pair[0].1 < pair[1].1;
            assert!(
                numbers.windows(2).all(ordered),
                "received: {:?}",
                client.received
            );
        }
        self.exchange_chats();
    }

    /// Every client sends a chat to every client, which arrives once.
    fn exchange_chats(&mut self) {
        let served: Vec<usize> = (0..self.net.clients.len())
            .filter(|client| self.is_registered(*client))
            .collect();
        for client in &mut self.net.clients {
            client.received.clear();
        }
        for from in &served {
            for to in &served {
                self.chat(*from, *to);
            }
        }
        self.net.run(Duration::from_secs(2));
        for to in &served {
            let received = &self.net.clients[*to].received;
            for from in &served {
                let from = self.net.clients[*from].machine.id();
                let count = received.iter().filter(|(by, _)| *by == from).count();
                assert_eq!(count, 1, "from {from}: {received:?}");
            }
        }
    }

    fn is_registered(&self, client: usize) -> bool {
        let client = &self.net.clients[client];
        !client.stopped && client.machine.is_settled()
    }

    /// What is wrong at rest, if anything.
    fn problem(&self) -> Option<&'static str> {
        let ids: Vec<_> = (0..self.net.clients.len())
            .filter(|client| self.is_registered(*client))
            .map(|client| self.net.clients[client].machine.id())
            .collect();
        for (index, client) in self.net.clients.iter().enumerate() {
            if client.stopped {
                continue;
            }
            if self.quitting[index] {
                return Some("a client does not end");
            }
            let id = client.machine.id();
            if !client.machine.is_settled() {
                if ids.contains(&id) {
                    continue;
                }
                return Some("a client is not served");
            }
            let mut known = client.machine.clients().map(|(other, _)| other);
            if client.machine.clients().count() != ids.len() - 1
                || !known.all(|other| other != id && ids.contains(&other))
            {
                return Some("a client has a wrong list of clients");
            }
        }
        let mut sorted = ids.clone();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.len() != ids.len() {
            return Some("two clients are served with one id");
        }
        (0..self.parents.len()).find_map(|server| self.problem_at(server))
    }

    fn problem_at(&self, server: usize) -> Option<&'static str> {
        let snapshot = self.net.servers[server].machine.snapshot();
        // The hosts behind each neighbour.
        let mut expected = Vec::new();
        expected.extend(self.local(server).map(|id| (id, id)));
        let mut reached = vec![server];
        for neighbour in self.neighbours(server) {
            let first = server_id(neighbour);
            let mut edge = vec![neighbour];
            while let Some(next) = edge.pop() {
                if reached.contains(&next) {
                    return Some("the links form a loop");
                }
                reached.push(next);
                expected.push((server_id(next), first));
                expected.extend(self.local(next).map(|id| (id, first)));
                let others = self.neighbours(next);
                edge.extend(others.filter(|other| !reached.contains(other)));
            }
        }
        if reached.len() != self.parents.len() {
            return Some("the servers are not in one tree");
        }
        let adjacent = snapshot.adjacent(HostKind::Server);
        if adjacent.len() != self.neighbours(server).count() {
            return Some("a server has a link that is not in the tree");
        }
        if snapshot.unregistered_links() != 0 {
            return Some("a connection is left");
        }
        let hosts = snapshot.directory().iter();
        let mut known: Vec<_> = hosts
            .filter_map(|host| Some((host.id(), snapshot.first_link(host)?)))
            .collect();
        known.sort_unstable();
        expected.sort_unstable();
        (known != expected).then_some("a server has a wrong directory")
    }

    /// The clients that a server serves.
    fn local(&self, server: usize) -> impl Iterator<Item = HostId> {
        let clients = self.net.clients.iter().enumerate();
        let local = clients
            .filter(move |(index, client)| client.server == server && self.is_registered(*index));
        local.map(|(_, client)| client.machine.id())
    }

    fn uplink(&self, server: usize) -> Option<HostId> {
        let (uplink, _) = self.net.servers[server].machine.snapshot().uplink()?;
        Some(uplink)
    }

    /// The neighbours of a server, by the uplinks of all.
    fn neighbours(&self, server: usize) -> impl Iterator<Item = usize> {
        let linked = move |other: &usize| {
            self.uplink(server) == Some(server_id(*other))
                || self.uplink(*other) == Some(server_id(server))
        };
        (0..self.parents.len()).filter(linked)
    }
}

fn server_id(index: usize) -> HostId {
    let number = u32::try_from(index).expect("there are few");
    HostId::new(number + 1).expect("it is not 0")
}
