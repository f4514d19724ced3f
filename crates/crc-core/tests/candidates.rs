//! Servers for which others are found: who is dialled, in which order and when,
//! and that a network that is told of lists in the order of joining is one tree.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may fail"
)]

mod rig;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crc_core::{Event, PeerAddress, Random, ServerCommand, Timestamp, UNRANKED};
use crc_wire::Message;
use rig::{Kind, Rig, config, id, registration};

const PATIENCE: Duration = Duration::from_secs(5);

fn addresses(words: &[&str]) -> Vec<PeerAddress> {
    words.iter().map(|word| word.parse().unwrap()).collect()
}

/// A server that waits to be told of others, with raw listeners.
fn that_waits(listeners: &[&str]) -> (Rig, usize) {
    let mut rig = Rig::new(1);
    for name in listeners {
        rig.listen_raw(name);
    }
    let mut config = config(0);
    config.candidates_within = Some(PATIENCE);
    let server = rig.server_with(config);
    (rig, server)
}

fn tell(rig: &mut Rig, server: usize, found: &[&str]) {
    let found = ServerCommand::Candidates(addresses(found));
    rig.handle(server, Event::Command(found));
    rig.nodes[server].server.check();
}

fn rank(rig: &Rig, server: usize) -> u32 {
    rig.nodes[server].server.snapshot().rank()
}

fn dials(rig: &Rig, name: &str) -> usize {
    rig.raw_listeners[name].len()
}

#[test]
fn who_waits_for_candidates_is_no_root_before_the_time_is_up() {
    let (mut rig, server) = that_waits(&[]);
    let client = rig.client(server, 101);
    rig.run(PATIENCE - Duration::from_millis(1));
    assert!(matches!(rig.heard(client)[0], Message::Status(_)), "served");
    assert_eq!(rank(&rig, server), UNRANKED);
    rig.run(Duration::from_millis(2));
    assert_eq!(rank(&rig, server), 0);

    // Nobody else waits.
    let mut rig = Rig::new(1);
    let server = rig.server(None);
    assert_eq!(rank(&rig, server), 0);
}

#[test]
fn who_is_told_that_there_is_nobody_is_a_root_and_says_so() {
    let (mut rig, server) = that_waits(&[]);
    let below = rig.connect(server);
    rig.introduce_ours(below, 77, "r=4294967295;f=server-quit");
    rig.heard(below);
    tell(&mut rig, server, &[]);
    assert_eq!(rank(&rig, server), 0);
    rig.soon();
    let heard = rig.heard(below);
    let says_so = |message: &Message<'_>| match message {
        Message::ServerRegistration(said) => said.info.as_str().contains(";r=0;"),
        _ => false,
    };
    assert!(heard.iter().any(says_so), "{heard:?}");
    // The rank stays, whoever is found later.
    tell(&mut rig, server, &["nobody:1"]);
    rig.run(Duration::from_secs(60));
    assert_eq!(rank(&rig, server), 0);
}

#[test]
fn who_has_become_a_root_alone_comes_like_a_new_one() {
    let (mut rig, server) = that_waits(&["r1", "r2"]);
    rig.our_client(server, 101);
    rig.run(Duration::from_secs(60));
    assert_eq!(rank(&rig, server), 0);
    tell(&mut rig, server, &["r1:1"]);
    assert_eq!((rank(&rig, server), dials(&rig, "r1")), (UNRANKED, 1));
    let uplink = rig.newest("r1");
    rig.introduce_ours(uplink, 77, "r=6;f=server-quit");
    assert_eq!(rank(&rig, server), 7);
    // Once more, but with somebody below.
    let below = rig.connect(server);
    rig.introduce_ours(below, 78, "r=8;f=server-quit");
    rig.raw_listeners.remove("r1");
    rig.cut_raw(uplink);
    rig.soon();
    tell(&mut rig, server, &["r2:1"]);
    assert_eq!(rank(&rig, server), 7);
    rig.run(Duration::from_millis(501));
    assert_eq!(dials(&rig, "r2"), 1);
}

#[test]
fn a_rank_that_was_given_is_kept() {
    let mut rig = Rig::new(1);
    let mut config = config(0);
    config.candidates_within = Some(PATIENCE);
    config.rank = Some(3);
    let server = rig.server_with(config);
    tell(&mut rig, server, &[]);
    tell(&mut rig, server, &["nobody:1"]);
    rig.run(Duration::from_secs(60));
    assert_eq!(rank(&rig, server), 3);
}

#[test]
fn a_list_is_followed_at_once_and_a_loss_takes_the_next() {
    let (mut rig, server) = that_waits(&["r1", "r2"]);
    rig.run(Duration::from_secs(1));
    tell(&mut rig, server, &["r1:1", "r2:1"]);
    assert_eq!((dials(&rig, "r1"), dials(&rig, "r2")), (1, 0));
    let first = rig.newest("r1");
    rig.introduce_ours(first, 77, "r=0;f=server-quit");
    assert_eq!(rank(&rig, server), 1);

    // As long as there is an uplink, a list changes nothing.
    tell(&mut rig, server, &["r2:1", "r1:1"]);
    tell(&mut rig, server, &["r1:1", "r2:1"]);
    rig.run(Duration::from_secs(1));
    assert_eq!((dials(&rig, "r1"), dials(&rig, "r2")), (1, 0));

    rig.raw_listeners.remove("r1");
    rig.cut_raw(first);
    rig.run(Duration::from_millis(1_600));
    assert_eq!(dials(&rig, "r2"), 1);
    let second = rig.newest("r2");
    rig.introduce_ours(second, 78, "r=0;f=server-quit");
    let uplink = rig.nodes[server].server.snapshot().uplink();
    assert_eq!(uplink.map(|(host, _)| host), Some(id(78)));
    assert_eq!(rank(&rig, server), 1);
}

#[test]
fn who_cannot_reach_anybody_is_a_root_once_nobody_is_left_on_the_list() {
    let (mut rig, server) = that_waits(&[]);
    tell(&mut rig, server, &["gone:1"]);
    rig.run(Duration::from_secs(60));
    assert_eq!(
        rank(&rig, server),
        UNRANKED,
        "its place may be below that one"
    );
    tell(&mut rig, server, &[]);
    assert_eq!(rank(&rig, server), 0);
}

#[test]
fn somebody_new_on_the_list_is_dialled_without_a_long_pause() {
    let (mut rig, server) = that_waits(&["r1"]);
    tell(&mut rig, server, &["gone:1"]);
    rig.run(Duration::from_secs(300));
    tell(&mut rig, server, &["gone:1"]);
    assert_eq!(dials(&rig, "r1"), 0);
    tell(&mut rig, server, &["r1:1", "gone:1"]);
    rig.run(Duration::from_millis(501));
    assert_eq!(dials(&rig, "r1"), 1);
}

#[test]
fn found_ones_stand_behind_the_configured_and_before_the_known() {
    let mut rig = Rig::new(1);
    rig.listen_raw("r0");
    let mut config = config(6);
    config.connect = addresses(&["r0:1"]);
    let server = rig.server_with(config);
    tell(
        &mut rig,
        server,
        &["f1:1", "r0:1", "late:2", "k1:2", "f2:1", "f1:1"],
    );
    let uplink = rig.newest("r0");
    rig.introduce_ours(uplink, 5, "r=3;f=server-quit");
    assert_eq!(rank(&rig, server), 4);
    for (host, machine) in [(20, "a=k0:2;r=3"), (3, "a=k1:2;r=4"), (30, "a=late:2;r=4")] {
        let info = format!("info [crc2;{machine};f=server-quit]");
        rig.say(uplink, &registration(Kind::Server, host, Some(5), &info));
    }
    rig.soon();
    let candidates = rig.nodes[server].server.snapshot().candidates();
    let candidates: Vec<_> = candidates.iter().map(ToString::to_string).collect();
    assert_eq!(
        candidates,
        ["r0:1", "f1:1", "k1:2", "f2:1", "k0:2", "late:2"]
    );
}

#[test]
fn who_is_found_but_comes_after_us_is_left_alone_for_a_while() {
    let mut rig = Rig::new(1);
    rig.listen_raw("r1");
    let mut config = config(0);
    config.rank = Some(0);
    let server = rig.server_with(config);
    tell(&mut rig, server, &["r1:1"]);
    rig.run(Duration::from_millis(501));
    let later = rig.newest("r1");
    rig.introduce_ours(later, 77, "a=r1:1;r=0;f=server-quit");
    rig.run(Duration::from_millis(1_100));
    assert!(rig.raws[later].ended, "(0, 77) comes after (0, 1)");
    rig.run(Duration::from_millis(9_800));
    assert_eq!(dials(&rig, "r1"), 1);
    // It has not come, so it may not know of us.
    rig.run(Duration::from_secs(40));
    assert!(dials(&rig, "r1") > 1);
}

#[test]
fn who_leaves_dials_nobody_any_more() {
    let (mut rig, server) = that_waits(&["r1"]);
    // It is not gone yet: an original client reads slowly.
    let client = rig.client(server, 101);
    rig.soon();
    rig.heard(client);
    let reason = "so".into();
    rig.handle(server, Event::Command(ServerCommand::Leave { reason }));
    tell(&mut rig, server, &["r1:1"]);
    rig.run(Duration::from_secs(60));
    assert_eq!(dials(&rig, "r1"), 0);
    assert_eq!(rank(&rig, server), UNRANKED);
}

/// Servers with a directory that tells each of those that joined before it.
struct Grove {
    rig: Rig,
    /// In the order of joining; they are where their number says.
    list: Vec<usize>,
    random: Random,
    directory: bool,
}

impl Grove {
    fn new(seed: u64) -> Grove {
        Grove {
            rig: Rig::new(seed),
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
        let config = self.config(self.rig.nodes.len());
        let node = self.rig.server_with(config);
        self.join(node);
    }

    fn kill(&mut self, node: usize) {
        self.rig.kill(node);
        if self.directory {
            self.list.retain(|other| *other != node);
            self.tell_all();
        }
    }

    fn restart(&mut self, node: usize) {
        let config = self.config(node);
        self.rig.restart(node, config);
        self.join(node);
    }

    fn join(&mut self, node: usize) {
        if self.directory {
            self.list.push(node);
            self.tell_all();
        }
    }

    /// A new directory, at which all register in another order.
    fn restart_directory(&mut self) {
        self.directory = true;
        self.list = self.living();
        for place in (1..self.list.len()).rev() {
            let other = self.draw(place + 1);
            self.list.swap(place, other);
        }
        self.tell_all();
    }

    fn tell_all(&mut self) {
        for (place, node) in self.list.clone().into_iter().enumerate() {
            let before = self.list[..place].iter();
            let before = before.map(|node| format!("127.0.0.1:{}", 1000 + node));
            let before: Vec<_> = before.collect();
            let before: Vec<_> = before.iter().map(String::as_str).collect();
            tell(&mut self.rig, node, &before);
        }
    }

    fn living(&self) -> Vec<usize> {
        let nodes = self.rig.nodes.iter().enumerate();
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
        let mut roots =
            living.filter(|node| self.rig.nodes[*node].server.snapshot().uplink().is_none());
        let root = roots.next().unwrap();
        assert_eq!(roots.next(), None, "one root");
        root
    }

    /// Everybody knows everybody, below one root, and in the order of ranks.
    #[track_caller]
    fn assert_tree(&self, what: &str) {
        let living = self.living();
        let snapshots = living
            .iter()
            .map(|node| self.rig.nodes[*node].server.snapshot());
        let places: BTreeMap<_, _> = snapshots
            .clone()
            .map(|snapshot| (snapshot.id(), (snapshot.rank(), snapshot.id())))
            .collect();
        let all: BTreeSet<u32> = places.keys().map(|host| host.get()).collect();
        for (node, snapshot) in living.iter().zip(snapshots) {
            let mut known: BTreeSet<u32> = self.rig.known(*node).into_keys().collect();
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
fn a_network_of_those_who_find_each_other_is_one_tree_whoever_dies() {
    let calm = Duration::from_secs(180);
    for seed in 0..60 {
        let mut grove = Grove::new(seed);
        for _ in 0..11 {
            grove.plant();
            if seed % 2 == 0 {
                grove.rig.run(Duration::from_millis(seed * 20));
            }
        }
        grove.rig.run(calm);
        grove.assert_tree(&format!("seed {seed}, at first"));
        let first = grove.root();
        grove.kill(first);
        grove.rig.run(calm);
        grove.assert_tree(&format!("seed {seed}, without the root"));
        let living = grove.living();
        for _ in 0..3 {
            let victim = living[grove.draw(living.len())];
            if grove.rig.nodes[victim].alive {
                grove.kill(victim);
            }
        }
        grove.rig.run(calm);
        grove.assert_tree(&format!("seed {seed}, without three more"));
        grove.restart(first);
        grove.rig.run(calm);
        grove.assert_tree(&format!("seed {seed}, with the old root"));
        assert_ne!(grove.root(), first, "it comes last");

        grove.directory = false;
        grove.kill(grove.root());
        grove.rig.run(calm);
        grove.assert_tree(&format!("seed {seed}, without the directory"));

        // One that was alone since it began, and another order for all.
        grove.plant();
        grove.rig.run(calm);
        assert!(grove.living().len() > 1);
        grove.restart_directory();
        grove.rig.run(calm);
        grove.assert_tree(&format!("seed {seed}, in another order"));
        assert!(grove.rig.now() > Timestamp::START + calm);
    }
}

#[test]
fn networks_that_had_directories_of_their_own_become_one_by_a_common_one() {
    for seed in 0..60 {
        let mut grove = Grove::new(seed);
        for size in [1, 4, 6] {
            grove.list.clear();
            for _ in 0..size {
                grove.plant();
            }
            grove.rig.run(Duration::from_secs(30));
        }
        grove.restart_directory();
        grove.rig.run(Duration::from_secs(180));
        grove.assert_tree(&format!("seed {seed}"));
    }
}
