//! A tree of real servers with real clients, whose servers can be killed, frozen
//! and started again where they were. What is right for them to know is judged
//! elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Control;
use super::judge::{self, Look};
use super::rng::SplitMix64;
use crate::fixture::Client;
use crate::fixture::Fixture;
use crate::fixture::FixtureError;
use crate::fixture::Server;
use crate::fixture::wait;

/// The first client's id; those of servers begin with 1, and there are fewer.
const FIRST_CLIENT: u32 = 101;
/// How long nothing may have changed before we believe that nothing will.
const STILL: Duration = Duration::from_millis(300);
/// What counts as a change; pings go on for ever.
const CHANGES: [&str; 5] = [
    "chats_relayed",
    "chats_bounced",
    "hosts_joined",
    "hosts_left",
    "registrations",
];

/// One server's place, whether there is a server in it or not.
#[derive(Debug)]
struct Post {
    address: SocketAddr,
    uplink: Option<u32>,
    server: Option<Server>,
    frozen: bool,
}

/// One client, and what it has said that nobody has looked at yet.
#[derive(Debug)]
pub(super) struct Talker {
    client: Client,
    home: u32,
    /// How many of its lines have been read.
    read: usize,
    news: Vec<News>,
    welcomed: bool,
    connected: BTreeSet<u32>,
}

/// What a client said of chats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum News {
    /// It got one.
    Heard { from: u32, to: u32, text: String },
    /// There was nobody to get one of its own.
    Unknown { id: u32 },
    /// It could not send one.
    Failed { text: String },
}

/// The network.
#[derive(Debug)]
pub(super) struct Network<'r> {
    fixture: &'r Fixture,
    posts: BTreeMap<u32, Post>,
    talkers: BTreeMap<u32, Talker>,
}

impl<'r> Network<'r> {
    /// Starts servers in a tree in which each has two children, and clients,
    /// the first at the last server. All on a loopback address of its own: no
    /// port of it is taken by a connection while its server is away.
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
            posts: BTreeMap::new(),
            talkers: BTreeMap::new(),
        };
        for id in 1..=servers {
            let address = free_address(ip).map_err(|source| FixtureError::Socket {
                what: format!("no port on {ip}"),
                source,
            })?;
            let post = Post {
                address,
                uplink: Some(id / 2).filter(|&uplink| uplink > 0),
                server: None,
                frozen: false,
            };
            network.posts.insert(id, post);
            network.start_server(id)?;
        }
        for client in 0..clients {
            let home = servers - client % servers;
            network.start_client(FIRST_CLIENT + client, home)?;
        }
        Ok(network)
    }

    pub(super) fn servers(&self) -> Vec<u32> {
        self.posts.keys().copied().collect()
    }

    pub(super) fn clients(&self) -> Vec<u32> {
        self.talkers.keys().copied().collect()
    }

    /// Those that were started below `id`.
    pub(super) fn has_children(&self, id: u32) -> bool {
        self.posts.values().any(|post| post.uplink == Some(id))
    }

    /// Starts the server `id` where it was, if it is not there.
    pub(super) fn start_server(&mut self, id: u32) -> Result<(), FixtureError> {
        let post = &self.posts[&id];
        if post.server.is_some() {
            return Ok(());
        }
        let name = format!("s{id}");
        // Its log is what is looked at when a rule was broken.
        let mut server = self
            .fixture
            .server(id, &name)
            .listen(post.address)
            .arg("-v");
        if let Some(uplink) = post.uplink {
            server = server.uplink(self.posts[&uplink].address);
        }
        let server = server.start()?;
        let post = self.posts.get_mut(&id).expect("it was there before");
        post.server = Some(server);
        post.frozen = false;
        Ok(())
    }

    /// Endpoints the server `id` without a word.
    pub(super) fn kill_server(&mut self, id: u32) {
        if let Some(post) = self.posts.get_mut(&id) {
            post.server = None;
        }
    }

    /// Asks the server `id` to leave; `false` if it did not do so in good order.
    pub(super) fn ask_server_to_leave(&mut self, id: u32) -> bool {
        let server = self.posts.get_mut(&id).and_then(|post| post.server.take());
        server.is_none_or(|mut server| server.stop())
    }

    /// Holds the server `id` where it is.
    pub(super) fn freeze_server(&mut self, id: u32) {
        if let Some(post) = self.posts.get_mut(&id)
            && let Some(server) = &mut post.server
        {
            server.process_mut().suspend();
            post.frozen = true;
        }
    }

    /// Lets the server `id` go on.
    pub(super) fn thaw_server(&mut self, id: u32) {
        if let Some(post) = self.posts.get_mut(&id)
            && let Some(server) = &mut post.server
        {
            server.process_mut().resume();
            post.frozen = false;
        }
    }

    fn start_client(&mut self, id: u32, home: u32) -> Result<(), FixtureError> {
        let address = self.posts[&home].address;
        let client = self
            .fixture
            .client(id, &format!("c{id}"), address)
            .start()?;
        let talker = Talker {
            client,
            home,
            read: 0,
            news: Vec::new(),
            welcomed: false,
            connected: BTreeSet::new(),
        };
        self.talkers.insert(id, talker);
        Ok(())
    }

    /// Endpoints the client `id` without a word and starts it again.
    pub(super) fn restart_client(&mut self, id: u32) -> Result<Vec<News>, FixtureError> {
        let Some(mut talker) = self.talkers.remove(&id) else {
            return Ok(Vec::new());
        };
        talker.client.process_mut().kill();
        talker.listen();
        self.start_client(id, talker.home)?;
        Ok(talker.news)
    }

    /// Lets the client `from` say something.
    pub(super) fn say(&mut self, from: u32, to: u32, text: &str) -> Result<(), FixtureError> {
        match self.talkers.get_mut(&from) {
            Some(talker) => talker.client.send_chat(to, text),
            None => Ok(()),
        }
    }

    /// What the clients said of chats since the last time, by client.
    pub(super) fn news(&mut self) -> BTreeMap<u32, Vec<News>> {
        let talkers = self.talkers.iter_mut();
        talkers
            .map(|(&id, talker)| {
                talker.listen();
                (id, std::mem::take(&mut talker.news))
            })
            .collect()
    }

    /// Whether a server or client has ended that should not have.
    pub(super) fn ended_by_itself(&mut self) -> Option<String> {
        for (id, post) in &mut self.posts {
            if let Some(server) = &mut post.server
                && let Some(status) = server.process_mut().status()
            {
                let words = server.process().last_log_line();
                return Some(format!("server {id} has ended ({status}): {words}"));
            }
        }
        for (id, talker) in &mut self.talkers {
            if let Some(status) = talker.client.process_mut().status() {
                let words = talker.client.process().last_log_line();
                return Some(format!("client {id} has ended ({status}): {words}"));
            }
        }
        None
    }

    /// What everybody knows who is there. A client is there if its server is.
    fn look(&mut self) -> Result<Look, FixtureError> {
        let mut look = Look::default();
        for (&id, post) in &self.posts {
            if let Some(server) = post.server.as_ref().filter(|_| !post.frozen) {
                look.states.insert(id, server.state()?);
            }
        }
        for (&id, talker) in &mut self.talkers {
            talker.listen();
            if look.states.contains_key(&talker.home) {
                let known = talker.welcomed.then(|| talker.connected.clone());
                look.clients.insert(id, (talker.home, known));
            }
        }
        Ok(look)
    }

    /// Waits until everybody who is there knows what they must, and nothing
    /// moves any more. Returns what they know and how long it took, the standing
    /// still not counted; or what is wrong with it when `bound` has passed.
    pub(super) fn rest(
        &mut self,
        bound: Duration,
        control: &Control,
    ) -> Result<Result<(Look, Duration), String>, FixtureError> {
        let began = Instant::now();
        let mut wrong = String::new();
        let mut still: Option<(Instant, Look, Vec<u64>)> = None;
        let found = wait::until(bound, || {
            if let Err(interrupted) = control.check() {
                return Some(Err(interrupted));
            }
            let looked = self.look().map_err(|error| error.to_string());
            let judged = looked.and_then(|look| judge::directories(&look).map(|()| look));
            let look = match judged {
                Ok(look) => look,
                Err(why) => {
                    wrong = why;
                    still = None;
                    return None;
                }
            };
            let counted: Vec<u64> = look
                .states
                .values()
                .flat_map(|state| CHANGES.map(|name| state.counter(name)))
                .collect();
            match &still {
                Some((since, look, before)) if *before == counted => {
                    let rested = since.elapsed() >= STILL;
                    rested.then(|| Ok((look.clone(), since.duration_since(began))))
                }
                _ => {
                    still = Some((Instant::now(), look, counted));
                    None
                }
            }
        });
        if let Some(ended) = self.ended_by_itself() {
            return Ok(Err(ended));
        }
        match found.transpose()? {
            Some(rested) => Ok(Ok(rested)),
            None if wrong.is_empty() => Ok(Err("it never stands still".to_owned())),
            None => Ok(Err(wrong)),
        }
    }
}

impl Talker {
    /// Reads the lines that have come.
    fn listen(&mut self) {
        let lines = self.client.process().lines()[self.read..].to_vec();
        self.read += lines.len();
        for line in lines {
            if let Ok(event) = serde_json::from_str::<Value>(&line) {
                self.note(&event);
            }
        }
    }

    fn note(&mut self, event: &Value) {
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
            "chat" => self.news.push(News::Heard {
                from: id("from"),
                to: id("to"),
                text: text("text"),
            }),
            "status" => {
                let whole = text("text");
                let unknown = whole.strip_prefix("Unknown ID ");
                if let Some(id) = unknown.and_then(|id| id.parse().ok()) {
                    self.news.push(News::Unknown { id });
                }
            }
            "error" => self.news.push(News::Failed { text: text("text") }),
            _ => {}
        }
    }
}

fn free_address(ip: Ipv4Addr) -> io::Result<SocketAddr> {
    TcpListener::bind((ip, 0))?.local_addr()
}
