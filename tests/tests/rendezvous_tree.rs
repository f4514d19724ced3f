//! Servers that are told of nothing but a rendezvous find one tree, and find it
//! again whoever dies: a server, the root, the rendezvous.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use crc_e2e::fixture::wait::LONG;
use crc_e2e::fixture::{Client, Fixture, Rendezvous, Server, ServerState, find_sim, wait};

/// A rendezvous on any port of this machine.
const ANY: SocketAddr = SocketAddr::V4(std::net::SocketAddrV4::new(
    std::net::Ipv4Addr::LOCALHOST,
    0,
));

/// More than a network of a few servers may take to become one on a busy machine,
/// since some of the pauses between two dials have half a minute.
const HEALING: Duration = Duration::from_secs(60);

/// Servers that are told of nothing but a rendezvous.
struct Grove {
    fixture: Fixture,
    rendezvous: Rendezvous,
    servers: BTreeMap<u32, Server>,
}

impl Grove {
    fn new() -> Grove {
        let fixture = Fixture::new().unwrap();
        let rendezvous = Rendezvous::start(&fixture, "rendezvous", ANY).unwrap();
        Grove {
            fixture,
            rendezvous,
            servers: BTreeMap::new(),
        }
    }

    fn plant(&mut self, id: u32) {
        let server = self
            .fixture
            .server(id, &format!("tree{id}"))
            .arg("--rendezvous");
        let server = server.arg(&self.rendezvous.address().to_string());
        self.servers.insert(id, server.start().unwrap());
    }

    fn kill(&mut self, id: u32) {
        let mut server = self.servers.remove(&id).unwrap();
        server.process_mut().kill();
    }

    fn kill_rendezvous(&mut self) {
        self.rendezvous.process_mut().kill();
    }

    /// Starts a new one where the old one was.
    fn start_rendezvous_again(&mut self, name: &str) {
        let address = self.rendezvous.address();
        self.rendezvous = Rendezvous::start(&self.fixture, name, address).unwrap();
    }

    fn client(&self, id: u32, server: u32) -> Client {
        let address = self.servers[&server].address();
        let client = self.fixture.client(id, &format!("bird{id}"), address);
        let client = client.start().unwrap();
        client.wait_welcome().unwrap();
        client
    }

    /// What the servers know, once they are one tree: everybody knows everybody,
    /// and all but one have an uplink, which has them and comes before them in the
    /// order of ranks.
    #[track_caller]
    fn wait_tree(&self) -> Tree {
        let mut last = Vec::new();
        let tree = wait::until(HEALING, || {
            let states: Result<Vec<_>, _> = self.servers.values().map(Server::state).collect();
            last = states.unwrap();
            let tree = Tree::of(&last);
            wait::pause(Duration::from_millis(40));
            tree
        });
        tree.unwrap_or_else(|| {
            let brief = |state: &ServerState| {
                (
                    state.id,
                    state.rank,
                    state.uplink,
                    state.adjacent_servers.clone(),
                )
            };
            let states: Vec<_> = last.iter().map(brief).collect();
            panic!("no tree: id, rank, uplink, adjacent: {states:?}")
        })
    }

    /// The addresses that somebody who registers hears of, and the own one last.
    fn list(&self) -> Vec<SocketAddr> {
        let listener = TcpListener::bind(ANY).unwrap();
        let own = listener.local_addr().unwrap();
        let mut stream = TcpStream::connect(self.rendezvous.address()).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        writeln!(stream, "{own}").unwrap();
        let mut heard = String::new();
        while !heard.ends_with(&format!("{own}\n")) {
            let mut piece = [0; 4096];
            let len = stream.read(&mut piece).unwrap();
            assert_ne!(len, 0, "closed after {heard:?}");
            heard.push_str(std::str::from_utf8(&piece[..len]).unwrap());
        }
        let (_, last) = heard.rsplit_once("list:\n").unwrap();
        last.lines().map(|line| line.parse().unwrap()).collect()
    }

    /// Waits until exactly the living servers are on the rendezvous' list.
    #[track_caller]
    fn wait_registered(&self) {
        let expected: BTreeSet<_> = self.servers.values().map(Server::address).collect();
        let mut list = Vec::new();
        let found = wait::holds(HEALING, || {
            wait::pause(Duration::from_millis(100));
            list = self.list();
            list.pop();
            list.iter().copied().collect::<BTreeSet<_>>() == expected
        });
        assert!(found, "{list:?} instead of {expected:?}");
    }
}

/// Who is below whom.
#[derive(Debug)]
struct Tree {
    root: u32,
    uplinks: BTreeMap<u32, u32>,
}

impl Tree {
    fn of(states: &[ServerState]) -> Option<Tree> {
        let all: BTreeSet<u32> = states.iter().map(|state| state.id).collect();
        let places = states.iter().map(|state| (state.id, state.rank));
        let places: BTreeMap<_, _> = places.collect();
        let place = |id: u32| (places.get(&id).copied().flatten(), id);
        let mut links = BTreeSet::new();
        let mut uplinks = BTreeMap::new();
        let mut root = None;
        for state in states {
            let servers = state.hosts.iter().filter(|host| !is_client(host.id));
            let mut known: BTreeSet<u32> = servers.map(|host| host.id).collect();
            known.insert(state.id);
            if known != all || state.unregistered_links > 0 || state.rank.is_none() {
                return None;
            }
            match state.uplink {
                Some(uplink) if place(uplink) > place(state.id) => return None,
                Some(uplink) => drop(uplinks.insert(state.id, uplink)),
                None if root.is_some() => return None,
                None => root = Some(state.id),
            }
            let adjacent = state.adjacent_servers.iter();
            links.extend(adjacent.map(|other| (state.id, *other)));
        }
        // One link for each uplink, seen from both ends, and no other.
        let both = |(low, high): (&u32, &u32)| [(*low, *high), (*high, *low)];
        let expected: BTreeSet<_> = uplinks.iter().flat_map(both).collect();
        let root = root?;
        (links == expected).then_some(Tree { root, uplinks })
    }

    /// Somebody below the root with others below.
    fn inner(&self) -> Option<u32> {
        let mut above = self.uplinks.values().copied();
        above.find(|id| *id != self.root)
    }

    /// Somebody without others below.
    fn leaf(&self) -> u32 {
        let above: BTreeSet<_> = self.uplinks.values().collect();
        let mut all = self.uplinks.keys();
        *all.find(|id| !above.contains(id)).unwrap()
    }
}

fn is_client(id: u32) -> bool {
    id > 1000
}

/// Two clients at two ends of the tree understand each other.
#[track_caller]
fn chat_across(grove: &Grove, tree: &Tree, round: u32) {
    let one = tree.leaf();
    let mut others = grove.servers.keys().rev();
    let two = *others.find(|id| **id != one && **id != tree.root).unwrap();
    let (ann, bob) = (1000 + 2 * round + 1, 1000 + 2 * round + 2);
    let (mut at_one, mut at_two) = (grove.client(ann, one), grove.client(bob, two));
    at_one
        .wait_view(|view| view.connected.contains(&bob))
        .unwrap();
    at_two
        .wait_view(|view| view.connected.contains(&ann))
        .unwrap();
    at_one
        .send_chat(bob, "\"as if nothing had happened\"")
        .unwrap();
    at_two.send_chat(ann, "\"and back\"").unwrap();
    for (client, from) in [(&at_two, ann), (&at_one, bob)] {
        let view = client.wait_view(|view| !view.chats.is_empty()).unwrap();
        assert_eq!(view.chats.len(), 1);
        assert_eq!(view.chats[0].from, from);
    }
}

#[test]
fn eleven_servers_are_one_tree_whoever_dies() {
    let mut grove = Grove::new();
    // They all come at once; the order of their ids is not that of the list.
    for id in [60, 30, 80, 10, 110, 20, 50, 90, 40, 100, 70] {
        grove.plant(id);
    }
    let tree = grove.wait_tree();
    grove.wait_registered();
    chat_across(&grove, &tree, 1);

    let leaf = tree.leaf();
    grove.kill(leaf);
    let tree = grove.wait_tree();

    grove.kill(tree.root);
    let tree = grove.wait_tree();
    chat_across(&grove, &tree, 2);
    grove.wait_registered();

    // Who was killed comes back, and is the last on the list.
    grove.plant(leaf);
    let tree = grove.wait_tree();
    assert_ne!(tree.root, leaf);
    let mut list = grove.list();
    list.pop();
    assert_eq!(list.last(), Some(&grove.servers[&leaf].address()));

    // Without the rendezvous it is as before.
    grove.kill_rendezvous();
    grove.kill(tree.root);
    let tree = grove.wait_tree();
    if let Some(inner) = tree.inner() {
        grove.kill(inner);
    }
    let tree = grove.wait_tree();
    chat_across(&grove, &tree, 3);

    // A new one is registered with, and those who come later find the others.
    grove.start_rendezvous_again("rendezvous-again");
    grove.wait_registered();
    grove.plant(120);
    let tree = grove.wait_tree();
    chat_across(&grove, &tree, 4);
    assert!(tree.uplinks.contains_key(&120), "{tree:?}");
}

#[test]
fn an_inner_server_can_die() {
    let mut grove = Grove::new();
    // They come one after the other: all are below the first.
    for id in [50, 40, 45, 46, 47, 10] {
        grove.plant(id);
        grove.wait_registered();
    }
    let tree = grove.wait_tree();
    assert_eq!(tree.root, 50);
    assert_eq!(tree.inner(), None, "{tree:?}");

    // Of those below the root, the one with the lowest id comes before all, and
    // the first on the list has some that it comes before.
    grove.kill(50);
    let tree = grove.wait_tree();
    assert_eq!(tree.root, 10);
    let inner = tree.inner().unwrap_or_else(|| panic!("{tree:?}"));
    grove.kill(inner);
    let tree = grove.wait_tree();
    assert_eq!(tree.root, 10);
    chat_across(&grove, &tree, 1);
}

#[test]
fn servers_begin_without_the_rendezvous_and_are_one_when_it_comes() {
    let mut grove = Grove::new();
    grove.kill_rendezvous();
    for id in [3, 1, 2] {
        grove.plant(id);
    }
    // They serve their clients meanwhile, and each of them is a root in the end.
    let mut ann = grove.client(1001, 2);
    let _bob = grove.client(1002, 2);
    ann.wait_connected(&[1002]).unwrap();
    ann.send_chat(1002, "\"nobody else here\"").unwrap();
    for server in grove.servers.values() {
        server.wait_state(|state| state.rank == Some(0)).unwrap();
    }

    grove.start_rendezvous_again("rendezvous-late");
    grove.wait_tree();
    grove.wait_registered();
    let _cat = grove.client(1003, 1);
    ann.wait_connected(&[1002, 1003]).unwrap();
}

#[test]
fn what_a_rendezvous_said_is_recorded_and_replayed() {
    let mut grove = Grove::new();
    grove.plant(1);
    grove.plant(2);
    grove.wait_registered();
    let file = grove.fixture.logs().path().join("recording");
    let told = grove.fixture.server(3, "told");
    let told = told.arg("--record").arg(file.to_str().unwrap());
    let told = told.arg("--rendezvous");
    let told = told.arg(&grove.rendezvous.address().to_string());
    let told = told.start().unwrap();
    grove.servers.insert(3, told);
    let before = grove.wait_tree();
    grove.kill(before.root);
    let after = grove.wait_tree();
    assert_ne!(after.root, before.root);
    let told = grove.servers.get_mut(&3).unwrap();
    assert!(told.stop());

    let replay = Command::new(find_sim().unwrap())
        .arg("replay")
        .arg(&file)
        .output();
    let replay = replay.unwrap();
    let said = String::from_utf8(replay.stdout).unwrap();
    assert!(replay.status.success(), "{said}");
    let same = "the same state as the recorded server's";
    assert!(said.trim_end().ends_with(same), "{said}");
}
