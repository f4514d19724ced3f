//! Servers that know only a rendezvous directory: they form one tree, and form it again
//! after the loss of a server, the root or the directory.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use crc_e2e::fixture::wait::LONG;
use crc_e2e::fixture::{Client, Fixture, Rendezvous, Server, ServerState, find_sim, wait};

/// A loopback address whose port the system chooses.
const ANY: SocketAddr = SocketAddr::V4(std::net::SocketAddrV4::new(
    std::net::Ipv4Addr::LOCALHOST,
    0,
));

/// How long a network may take to form one tree on a busy machine. Some pauses between
/// two dials take half a minute.
const HEALING_LIMIT: Duration = Duration::from_secs(60);

/// Servers that are recorded of nothing but a rendezvous.
struct RendezvousNetwork {
    fixture: Fixture,
    rendezvous: Rendezvous,
    servers: BTreeMap<u32, Server>,
}

impl RendezvousNetwork {
    fn new() -> RendezvousNetwork {
        let fixture = Fixture::new().unwrap();
        let rendezvous = Rendezvous::start(&fixture, "rendezvous", ANY).unwrap();
        RendezvousNetwork {
            fixture,
            rendezvous,
            servers: BTreeMap::new(),
        }
    }

    fn start_server(&mut self, id: u32) {
        let server = self
            .fixture
            .server(id, &format!("server{id}"))
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

    /// Starts a new directory at the address of the old one.
    fn start_rendezvous_again(&mut self, name: &str) {
        let address = self.rendezvous.address();
        self.rendezvous = Rendezvous::start(&self.fixture, name, address).unwrap();
    }

    fn client(&self, id: u32, server: u32) -> Client {
        let address = self.servers[&server].address();
        let client = self.fixture.client(id, &format!("client{id}"), address);
        let client = client.start().unwrap();
        client.wait_welcome().unwrap();
        client
    }

    /// Waits until the servers form one tree: all know each other, and each one except
    /// the root has an uplink, which has a lower rank and the link too.
    #[track_caller]
    fn wait_tree(&self) -> Tree {
        let mut last = Vec::new();
        let tree = wait::until(HEALING_LIMIT, || {
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

    /// Registers, and returns the other addresses on the first list with the own one.
    fn list(&self) -> Vec<SocketAddr> {
        let listener = TcpListener::bind(ANY).unwrap();
        let own = listener.local_addr().unwrap();
        let mut stream = TcpStream::connect(self.rendezvous.address()).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        writeln!(stream, "{own}").unwrap();
        let mut received = String::new();
        loop {
            let mut piece = [0; 4096];
            let len = stream.read(&mut piece).unwrap();
            assert_ne!(len, 0, "closed after {received:?}");
            received.push_str(std::str::from_utf8(&piece[..len]).unwrap());
            // A server that registers later comes after the own address.
            let last = received.rsplit_once("list:\n").map(|(_, last)| last);
            if let Some(last) = last.filter(|last| last.ends_with('\n'))
                && last.lines().any(|line| line == own.to_string())
            {
                let list = last.lines().map(|line| line.parse().unwrap());
                return list.filter(|address| *address != own).collect();
            }
        }
    }

    /// Waits until the list consists of the running servers.
    #[track_caller]
    fn wait_registered(&self) {
        let expected: BTreeSet<_> = self.servers.values().map(Server::address).collect();
        let mut list = Vec::new();
        let found = wait::holds(HEALING_LIMIT, || {
            wait::pause(Duration::from_millis(100));
            list = self.list();
            list.iter().copied().collect::<BTreeSet<_>>() == expected
        });
        assert!(found, "{list:?} instead of {expected:?}");
    }
}

/// A tree, by the uplink of each server.
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
        // Each uplink is a link at both of its ends, and there is no other link.
        let both = |(low, high): (&u32, &u32)| [(*low, *high), (*high, *low)];
        let expected: BTreeSet<_> = uplinks.iter().flat_map(both).collect();
        let root = root?;
        (links == expected).then_some(Tree { root, uplinks })
    }

    /// A server with an uplink and children.
    fn inner(&self) -> Option<u32> {
        let mut above = self.uplinks.values().copied();
        above.find(|id| *id != self.root)
    }

    /// A server without children.
    fn leaf(&self) -> u32 {
        let above: BTreeSet<_> = self.uplinks.values().collect();
        let mut all = self.uplinks.keys();
        *all.find(|id| !above.contains(id)).unwrap()
    }
}

fn is_client(id: u32) -> bool {
    id > 1000
}

/// Asserts that clients at two leaves of the tree can chat.
#[track_caller]
fn chat_across(network: &RendezvousNetwork, tree: &Tree, round: u32) {
    let one = tree.leaf();
    let mut others = network.servers.keys().rev();
    let two = *others.find(|id| **id != one && **id != tree.root).unwrap();
    let (ann, bob) = (1000 + 2 * round + 1, 1000 + 2 * round + 2);
    let (mut at_one, mut at_two) = (network.client(ann, one), network.client(bob, two));
    at_one
        .wait_view(|view| view.connected.contains(&bob))
        .unwrap();
    at_two
        .wait_view(|view| view.connected.contains(&ann))
        .unwrap();
    at_one.send_chat(bob, "\"hello\"").unwrap();
    at_two.send_chat(ann, "\"and back\"").unwrap();
    for (client, from) in [(&at_two, ann), (&at_one, bob)] {
        let view = client.wait_view(|view| !view.chats.is_empty()).unwrap();
        assert_eq!(view.chats.len(), 1);
        assert_eq!(view.chats[0].from, from);
    }
}

#[test]
fn eleven_servers_form_one_tree_after_each_loss() {
    let mut network = RendezvousNetwork::new();
    // They start at once, in another order than that of their ids.
    for id in [60, 30, 80, 10, 110, 20, 50, 90, 40, 100, 70] {
        network.start_server(id);
    }
    let tree = network.wait_tree();
    network.wait_registered();
    chat_across(&network, &tree, 1);

    let leaf = tree.leaf();
    network.kill(leaf);
    let tree = network.wait_tree();

    network.kill(tree.root);
    let tree = network.wait_tree();
    chat_across(&network, &tree, 2);
    network.wait_registered();

    // The killed server returns, as the last on the list.
    network.start_server(leaf);
    let tree = network.wait_tree();
    assert_ne!(tree.root, leaf);
    let list = network.list();
    assert_eq!(list.last(), Some(&network.servers[&leaf].address()));

    // The same without the directory.
    network.kill_rendezvous();
    network.kill(tree.root);
    let tree = network.wait_tree();
    if let Some(inner) = tree.inner() {
        network.kill(inner);
    }
    let tree = network.wait_tree();
    chat_across(&network, &tree, 3);

    // The servers register with a new directory, and a new server finds them.
    network.start_rendezvous_again("rendezvous-again");
    network.wait_registered();
    network.start_server(120);
    let tree = network.wait_tree();
    chat_across(&network, &tree, 4);
    assert!(tree.uplinks.contains_key(&120), "{tree:?}");
}

#[test]
fn the_tree_heals_after_the_loss_of_an_inner_server() {
    let mut network = RendezvousNetwork::new();
    // They start one after the other: all link to the first.
    for id in [50, 40, 45, 46, 47, 10] {
        network.start_server(id);
        network.wait_registered();
    }
    let tree = network.wait_tree();
    assert_eq!(tree.root, 50);
    assert_eq!(tree.inner(), None, "{tree:?}");

    // The child of the root with the lowest id becomes the root.
    network.kill(50);
    let tree = network.wait_tree();
    assert_eq!(tree.root, 10);
    let inner = tree.inner().unwrap_or_else(|| panic!("{tree:?}"));
    network.kill(inner);
    let tree = network.wait_tree();
    assert_eq!(tree.root, 10);
    chat_across(&network, &tree, 1);
}

#[test]
fn servers_start_without_the_directory_and_link_when_it_starts() {
    let mut network = RendezvousNetwork::new();
    network.kill_rendezvous();
    for id in [3, 1, 2] {
        network.start_server(id);
    }
    // Meanwhile each server serves its clients and becomes a root.
    let mut ann = network.client(1001, 2);
    let _bob = network.client(1002, 2);
    ann.wait_connected(&[1002]).unwrap();
    ann.send_chat(1002, "\"hello\"").unwrap();
    for server in network.servers.values() {
        server.wait_state(|state| state.rank == Some(0)).unwrap();
    }

    network.start_rendezvous_again("rendezvous-late");
    network.wait_tree();
    network.wait_registered();
    let _cat = network.client(1003, 1);
    ann.wait_connected(&[1002, 1003]).unwrap();
}

#[test]
fn a_recording_contains_the_answers_of_the_directory() {
    let mut network = RendezvousNetwork::new();
    network.start_server(1);
    network.start_server(2);
    network.wait_registered();
    let file = network.fixture.logs().path().join("recording");
    let recorded = network.fixture.server(3, "recorded");
    let recorded = recorded.arg("--record").arg(file.to_str().unwrap());
    let recorded = recorded.arg("--rendezvous");
    let recorded = recorded.arg(&network.rendezvous.address().to_string());
    let recorded = recorded.start().unwrap();
    network.servers.insert(3, recorded);
    let before = network.wait_tree();
    network.kill(before.root);
    let after = network.wait_tree();
    assert_ne!(after.root, before.root);
    let recorded = network.servers.get_mut(&3).unwrap();
    assert!(recorded.stop());

    let replay = Command::new(find_sim().unwrap())
        .arg("replay")
        .arg(&file)
        .output();
    let replay = replay.unwrap();
    let stdout = String::from_utf8(replay.stdout).unwrap();
    assert!(replay.status.success(), "{stdout}");
    let same = "the same state as the recorded server's";
    assert!(stdout.trim_end().ends_with(same), "{stdout}");
}
