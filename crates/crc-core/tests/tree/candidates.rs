//! Servers that get lists of candidates: which one they dial, in which order and when; and
//! that a network of such servers is one tree.

use crate::fixture::{Fixture, Kind, config, id, registration};
use crc_core::{Event, PeerAddress, Random, ServerCommand, Timestamp, UNRANKED};
use crc_wire::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);

fn addresses(words: &[&str]) -> Vec<PeerAddress> {
    words.iter().map(|word| word.parse().unwrap()).collect()
}

/// A server that waits for its first list, with scripted listeners.
fn waiting_server(listeners: &[&str]) -> (Fixture, usize) {
    let mut fixture = Fixture::new(1);
    for name in listeners {
        fixture.listen_peer(name);
    }
    let mut config = config(0);
    config.candidates_within = Some(PATIENCE);
    let server = fixture.server_with(config);
    (fixture, server)
}

fn send_candidates(fixture: &mut Fixture, server: usize, found: &[&str]) {
    let found = ServerCommand::Candidates(addresses(found));
    fixture.handle(server, Event::Command(found));
    fixture.nodes[server].server.check();
}

fn rank(fixture: &Fixture, server: usize) -> u32 {
    fixture.nodes[server].server.snapshot().rank()
}

fn dials(fixture: &Fixture, name: &str) -> usize {
    fixture.peer_listeners[name].len()
}

#[test]
fn a_server_that_waits_for_candidates_is_no_root_before_the_timeout() {
    let (mut fixture, server) = waiting_server(&[]);
    let client = fixture.client(server, 101);
    fixture.run(PATIENCE - Duration::from_millis(1));
    assert!(
        matches!(fixture.received(client)[0], Message::Status(_)),
        "served"
    );
    assert_eq!(rank(&fixture, server), UNRANKED);
    fixture.run(Duration::from_millis(2));
    assert_eq!(rank(&fixture, server), 0);

    // Without that setting a server does not wait.
    let mut fixture = Fixture::new(1);
    let server = fixture.server(None);
    assert_eq!(rank(&fixture, server), 0);
}

#[test]
fn a_server_with_an_empty_list_is_a_root_and_announces_it() {
    let (mut fixture, server) = waiting_server(&[]);
    let below = fixture.connect(server);
    fixture.introduce_v2(below, 77, "r=4294967295;f=server-quit");
    fixture.received(below);
    send_candidates(&mut fixture, server, &[]);
    assert_eq!(rank(&fixture, server), 0);
    fixture.soon();
    let heard = fixture.received(below);
    let says_so = |message: &Message<'_>| match message {
        Message::ServerRegistration(said) => said.info.as_str().contains(";r=0;"),
        _ => false,
    };
    assert!(heard.iter().any(says_so), "{heard:?}");
    // The rank stays when candidates come later.
    send_candidates(&mut fixture, server, &["nobody:1"]);
    fixture.run(Duration::from_secs(60));
    assert_eq!(rank(&fixture, server), 0);
}

#[test]
fn a_root_without_children_joins_like_a_new_server() {
    let (mut fixture, server) = waiting_server(&["r1", "r2"]);
    fixture.v2_client(server, 101);
    fixture.run(Duration::from_secs(60));
    assert_eq!(rank(&fixture, server), 0);
    send_candidates(&mut fixture, server, &["r1:1"]);
    assert_eq!(
        (rank(&fixture, server), dials(&fixture, "r1")),
        (UNRANKED, 1)
    );
    let uplink = fixture.newest("r1");
    fixture.introduce_v2(uplink, 77, "r=6;f=server-quit");
    assert_eq!(rank(&fixture, server), 7);
    // Once more, but with a child.
    let below = fixture.connect(server);
    fixture.introduce_v2(below, 78, "r=8;f=server-quit");
    fixture.peer_listeners.remove("r1");
    fixture.close_peer(uplink);
    fixture.soon();
    send_candidates(&mut fixture, server, &["r2:1"]);
    assert_eq!(rank(&fixture, server), 7);
    fixture.run(Duration::from_millis(501));
    assert_eq!(dials(&fixture, "r2"), 1);
}

#[test]
fn a_configured_rank_is_kept() {
    let mut fixture = Fixture::new(1);
    let mut config = config(0);
    config.candidates_within = Some(PATIENCE);
    config.rank = Some(3);
    let server = fixture.server_with(config);
    send_candidates(&mut fixture, server, &[]);
    send_candidates(&mut fixture, server, &["nobody:1"]);
    fixture.run(Duration::from_secs(60));
    assert_eq!(rank(&fixture, server), 3);
}

#[test]
fn a_list_is_dialled_at_once_and_a_lost_uplink_is_replaced_by_the_next() {
    let (mut fixture, server) = waiting_server(&["r1", "r2"]);
    fixture.run(Duration::from_secs(1));
    send_candidates(&mut fixture, server, &["r1:1", "r2:1"]);
    assert_eq!((dials(&fixture, "r1"), dials(&fixture, "r2")), (1, 0));
    let first = fixture.newest("r1");
    fixture.introduce_v2(first, 77, "r=0;f=server-quit");
    assert_eq!(rank(&fixture, server), 1);

    // With an uplink, a list changes nothing.
    send_candidates(&mut fixture, server, &["r2:1", "r1:1"]);
    send_candidates(&mut fixture, server, &["r1:1", "r2:1"]);
    fixture.run(Duration::from_secs(1));
    assert_eq!((dials(&fixture, "r1"), dials(&fixture, "r2")), (1, 0));

    fixture.peer_listeners.remove("r1");
    fixture.close_peer(first);
    fixture.run(Duration::from_millis(1_600));
    assert_eq!(dials(&fixture, "r2"), 1);
    let second = fixture.newest("r2");
    fixture.introduce_v2(second, 78, "r=0;f=server-quit");
    let uplink = fixture.nodes[server].server.snapshot().uplink();
    assert_eq!(uplink.map(|(host, _)| host), Some(id(78)));
    assert_eq!(rank(&fixture, server), 1);
}

#[test]
fn a_server_that_reaches_no_candidate_becomes_a_root_when_the_list_is_empty() {
    let (mut fixture, server) = waiting_server(&[]);
    send_candidates(&mut fixture, server, &["gone:1"]);
    fixture.run(Duration::from_secs(60));
    assert_eq!(
        rank(&fixture, server),
        UNRANKED,
        "its place may be below that one"
    );
    send_candidates(&mut fixture, server, &[]);
    assert_eq!(rank(&fixture, server), 0);
}

#[test]
fn a_new_candidate_is_dialled_without_a_long_pause() {
    let (mut fixture, server) = waiting_server(&["r1"]);
    send_candidates(&mut fixture, server, &["gone:1"]);
    fixture.run(Duration::from_secs(300));
    send_candidates(&mut fixture, server, &["gone:1"]);
    assert_eq!(dials(&fixture, "r1"), 0);
    send_candidates(&mut fixture, server, &["r1:1", "gone:1"]);
    fixture.run(Duration::from_millis(501));
    assert_eq!(dials(&fixture, "r1"), 1);
}

#[test]
fn listed_candidates_come_after_configured_and_before_remembered_ones() {
    let mut fixture = Fixture::new(1);
    fixture.listen_peer("r0");
    let mut config = config(6);
    config.connect = addresses(&["r0:1"]);
    let server = fixture.server_with(config);
    send_candidates(
        &mut fixture,
        server,
        &["f1:1", "r0:1", "late:2", "k1:2", "f2:1", "f1:1"],
    );
    let uplink = fixture.newest("r0");
    fixture.introduce_v2(uplink, 5, "r=3;f=server-quit");
    assert_eq!(rank(&fixture, server), 4);
    for (host, machine) in [(20, "a=k0:2;r=3"), (3, "a=k1:2;r=4"), (30, "a=late:2;r=4")] {
        let info = format!("info [crc2;{machine};f=server-quit]");
        fixture.send_message(uplink, &registration(Kind::Server, host, Some(5), &info));
    }
    fixture.soon();
    let candidates = fixture.nodes[server].server.snapshot().candidates();
    let candidates: Vec<_> = candidates.iter().map(ToString::to_string).collect();
    assert_eq!(
        candidates,
        ["r0:1", "f1:1", "k1:2", "f2:1", "k0:2", "late:2"]
    );
}

#[test]
fn a_candidate_that_comes_later_is_not_dialled_for_a_while() {
    let mut fixture = Fixture::new(1);
    fixture.listen_peer("r1");
    let mut config = config(0);
    config.rank = Some(0);
    let server = fixture.server_with(config);
    send_candidates(&mut fixture, server, &["r1:1"]);
    fixture.run(Duration::from_millis(501));
    let later = fixture.newest("r1");
    fixture.introduce_v2(later, 77, "a=r1:1;r=0;f=server-quit");
    fixture.run(Duration::from_millis(1_100));
    assert!(fixture.peers[later].ended, "(0, 77) comes after (0, 1)");
    fixture.run(Duration::from_millis(9_800));
    assert_eq!(dials(&fixture, "r1"), 1);
    // It has not linked, so it may not know this server.
    fixture.run(Duration::from_secs(40));
    assert!(dials(&fixture, "r1") > 1);
}

#[test]
fn a_leaving_server_dials_no_more() {
    let (mut fixture, server) = waiting_server(&["r1"]);
    // It has not ended yet: a v1 client reads slowly.
    let client = fixture.client(server, 101);
    fixture.soon();
    fixture.received(client);
    let reason = "so".into();
    fixture.handle(server, Event::Command(ServerCommand::Leave { reason }));
    send_candidates(&mut fixture, server, &["r1:1"]);
    fixture.run(Duration::from_secs(60));
    assert_eq!(dials(&fixture, "r1"), 0);
    assert_eq!(rank(&fixture, server), UNRANKED);
}

/// Servers with a directory that lists to each those that joined before it.
struct Servers {
    fixture: Fixture,
    /// In the order of joining; a number is an address, too.
    list: Vec<usize>,
    random: Random,
    directory: bool,
}

impl Servers {
    fn new(seed: u64) -> Servers {
        Servers {
            fixture: Fixture::new(seed),
            list: Vec::new(),
            random: Random::new(seed),
            directory: true,
        }
    }

    fn config(&mut self, number: usize) -> crc_core::Config {
        let mut config = config(number);
        config.id = crc_core::random_host_id(&mut self.random);
        config.candidates_within = Some(PATIENCE);
        config
    }

    fn plant(&mut self) {
        let config = self.config(self.fixture.nodes.len());
        let node = self.fixture.server_with(config);
        self.join(node);
    }

    fn kill(&mut self, node: usize) {
        self.fixture.kill(node);
        if self.directory {
            self.list.retain(|other| *other != node);
            self.send_all_lists();
        }
    }

    fn restart(&mut self, node: usize) {
        let config = self.config(node);
        self.fixture.restart(node, config);
        self.join(node);
    }

    fn join(&mut self, node: usize) {
        if self.directory {
            self.list.push(node);
            self.send_all_lists();
        }
    }

    /// A new directory, with which all register in another order.
    fn restart_directory(&mut self) {
        self.directory = true;
        self.list = self.living();
        for place in (1..self.list.len()).rev() {
            let other = self.draw(place + 1);
            self.list.swap(place, other);
        }
        self.send_all_lists();
    }

    fn send_all_lists(&mut self) {
        for (place, node) in self.list.clone().into_iter().enumerate() {
            let before = self.list[..place].iter();
            let before = before.map(|node| format!("127.0.0.1:{}", 1000 + node));
            let before: Vec<_> = before.collect();
            let before: Vec<_> = before.iter().map(String::as_str).collect();
            send_candidates(&mut self.fixture, node, &before);
        }
    }

    fn living(&self) -> Vec<usize> {
        let nodes = self.fixture.nodes.iter().enumerate();
        nodes
            .filter(|(_, it)| it.alive)
            .map(|(node, _)| node)
            .collect()
    }

    fn draw(&mut self, below: usize) -> usize {
        usize::try_from(self.random.below(below as u64)).unwrap()
    }

    fn root(&self) -> usize {
        let living = self.living().into_iter();
        let mut roots = living.filter(|node| {
            self.fixture.nodes[*node]
                .server
                .snapshot()
                .uplink()
                .is_none()
        });
        let root = roots.next().unwrap();
        assert_eq!(roots.next(), None, "one root");
        root
    }

    /// Every server knows every other one, below one root, in the order of ranks.
    #[track_caller]
    fn assert_tree(&self, what: &str) {
        let living = self.living();
        let snapshots = living
            .iter()
            .map(|node| self.fixture.nodes[*node].server.snapshot());
        let places: BTreeMap<_, _> = snapshots
            .clone()
            .map(|snapshot| (snapshot.id(), (snapshot.rank(), snapshot.id())))
            .collect();
        let all: BTreeSet<u32> = places.keys().map(|host| host.get()).collect();
        for (node, snapshot) in living.iter().zip(snapshots) {
            let mut known: BTreeSet<u32> = self.fixture.known(*node).into_keys().collect();
            known.insert(snapshot.id().get());
            assert_eq!(known, all, "{what}: server {node}");
            assert_ne!(snapshot.rank(), UNRANKED, "{what}: server {node}");
            if let Some((uplink, _)) = snapshot.uplink() {
                assert!(places[&uplink] < places[&snapshot.id()], "{what}: {node}");
            }
        }
        self.root();
    }
}

#[test]
fn servers_that_find_each_other_by_lists_are_one_tree_whichever_dies() {
    let calm = Duration::from_secs(180);
    for seed in 0..60 {
        let mut servers = Servers::new(seed);
        for _ in 0..11 {
            servers.plant();
            if seed % 2 == 0 {
                servers.fixture.run(Duration::from_millis(seed * 20));
            }
        }
        servers.fixture.run(calm);
        servers.assert_tree(&format!("seed {seed}, at first"));
        let first = servers.root();
        servers.kill(first);
        servers.fixture.run(calm);
        servers.assert_tree(&format!("seed {seed}, without the root"));
        let living = servers.living();
        for _ in 0..3 {
            let victim = living[servers.draw(living.len())];
            if servers.fixture.nodes[victim].alive {
                servers.kill(victim);
            }
        }
        servers.fixture.run(calm);
        servers.assert_tree(&format!("seed {seed}, without three more"));
        servers.restart(first);
        servers.fixture.run(calm);
        servers.assert_tree(&format!("seed {seed}, with the old root"));
        assert_ne!(servers.root(), first, "it comes last");

        servers.directory = false;
        servers.kill(servers.root());
        servers.fixture.run(calm);
        servers.assert_tree(&format!("seed {seed}, without the directory"));

        // One that was alone since its start, and another order for all.
        servers.plant();
        servers.fixture.run(calm);
        assert!(servers.living().len() > 1);
        servers.restart_directory();
        servers.fixture.run(calm);
        servers.assert_tree(&format!("seed {seed}, in another order"));
        assert!(servers.fixture.now() > Timestamp::START + calm);
    }
}

#[test]
fn two_networks_become_one_with_a_common_directory() {
    for seed in 0..60 {
        let mut servers = Servers::new(seed);
        for size in [1, 4, 6] {
            servers.list.clear();
            for _ in 0..size {
                servers.plant();
            }
            servers.fixture.run(Duration::from_secs(30));
        }
        servers.restart_directory();
        servers.fixture.run(Duration::from_secs(180));
        servers.assert_tree(&format!("seed {seed}"));
    }
}
