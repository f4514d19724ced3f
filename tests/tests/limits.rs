//! Every limit of a server is crossed once, on real sockets: whoever crosses it
//! is stopped, and nobody else notices.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::{Duration, Instant};

use crc_e2e::fixture::Peer;
use crc_e2e::fixture::wait::{self, LONG};
use crc_e2e::fixture::wire;
use crc_e2e::fixture::{Fixture, Server};

const ANN: u32 = 101;
const BOB: u32 = 102;
/// Who crosses the limit.
const BAD: u32 = 666;
/// A server that is not a process of ours.
const FOREIGN: u32 = 3;

/// A server, and two clients of it who can talk, before and after.
struct House {
    server: Server,
    ann: Peer,
    bob: Peer,
    _rig: Fixture,
}

impl House {
    #[track_caller]
    fn open(words: &[&str]) -> House {
        let fixture = Fixture::new().unwrap();
        let mut server = fixture.server(1, "house");
        for word in words {
            server = server.arg(word);
        }
        let server = server.start().unwrap();
        let ann = Peer::v2_client(server.address(), ANN, "ann").unwrap();
        let bob = Peer::v2_client(server.address(), BOB, "bob").unwrap();
        let mut house = House {
            server,
            ann,
            bob,
            _rig: fixture,
        };
        house.assert_talking();
        house
    }

    #[track_caller]
    fn assert_talking(&mut self) {
        self.ann.send(&wire::chat(ANN, BOB, "there?")).unwrap();
        assert_eq!(self.bob.expect_chat(), (ANN, BOB, "there?".to_owned()));
        self.bob.send(&wire::chat(BOB, ANN, "sure")).unwrap();
        assert_eq!(self.ann.expect_chat(), (BOB, ANN, "sure".to_owned()));
    }

    fn client(&self, id: u32) -> Peer {
        Peer::v2_client(self.server.address(), id, "bad").unwrap()
    }

    /// A server that says that it is one of ours, with the hosts listed to it.
    fn foreign_server(&self) -> Peer {
        let mut peer = Peer::connect(self.server.address()).unwrap();
        let said = |info| wire::server_registration(FOREIGN, 0, "foreign", info);
        peer.send(&said("f")).unwrap();
        // Its own introduction and announcement.
        peer.expect_frames(2);
        peer.send(&said("f [crc2;r=7;f=server-quit]")).unwrap();
        peer
    }

    /// The log has this to say about `peer`.
    #[track_caller]
    fn assert_logged(&self, peer: &Peer, reason: &str) {
        let address = peer.address().unwrap().to_string();
        let found = wait::holds(LONG, || {
            let lines = self.server.log_lines_with(&address);
            lines.iter().any(|line| line.contains(reason))
        });
        assert!(found, "no {reason:?} in\n{}", self.server.process().log());
    }
}

#[test]
fn the_longest_text_passes_and_a_longer_one_ends_its_sender() {
    let mut house = House::open(&[]);
    let longest = "x".repeat(64 * 1024);
    let mut bad = house.client(BAD);
    bad.send(&wire::chat(BAD, BOB, &longest)).unwrap();
    assert_eq!(house.bob.expect_chat(), (BAD, BOB, longest.clone()));
    // Judged by its length field alone: nothing of the text has been sent.
    let chat = wire::chat(BAD, BOB, &format!("{longest}x"));
    bad.send(&chat[..13]).unwrap();
    bad.expect_end();
    house.assert_logged(&bad, "65537 bytes");
    house.assert_talking();

    let mut house = House::open(&["--text-max=10"]);
    let mut bad = house.client(BAD);
    bad.send(&wire::chat(BAD, BOB, "ten bytes!")).unwrap();
    assert_eq!(house.bob.expect_chat().2, "ten bytes!");
    bad.send(&wire::quit(BAD, "ten bytes and")).unwrap();
    bad.expect_end();
    house.assert_logged(&bad, "13 bytes");
    house.assert_talking();
}

#[test]
fn nobody_has_more_than_ten_seconds_to_register() {
    let mut house = House::open(&[]);
    let began = Instant::now();
    let mut silent = Peer::connect(house.server.address()).unwrap();
    assert!(silent.is_silent(Duration::from_secs(9)).unwrap());
    assert_eq!(silent.expect_end(), []);
    let took = began.elapsed();
    assert!(took < Duration::from_secs(25), "{took:?}");
    house.assert_logged(&silent, "no registration in time");
    house.assert_talking();
}

/// A byte now and then is no excuse.
#[test]
fn who_registers_too_slowly_is_not_waited_for() {
    let mut house = House::open(&["--register-within=1"]);
    let registration = wire::client_registration(BAD, 0, "bad", &"i".repeat(500));
    let mut slow = Peer::connect(house.server.address()).unwrap();
    let began = Instant::now();
    let mut bytes = registration.iter();
    let closed = wait::until(LONG, || {
        let byte = bytes.next()?;
        // The first that is refused comes after the end.
        slow.send(&[*byte]).err()
    });
    let took = began.elapsed();
    assert!(closed.is_some(), "all of it was taken");
    assert!(took > Duration::from_millis(900), "{took:?}");
    house.assert_logged(&slow, "no registration in time");
    house.assert_talking();
}

#[test]
fn a_server_that_never_reads_is_given_up_and_nobody_waits_for_it() {
    let mut house = House::open(&["--server-queue=65536"]);
    let mut foreign = house.foreign_server();
    foreign
        .send(&wire::client_registration(103, FOREIGN, "newt", "n"))
        .unwrap();
    house.server.wait_hosts(&[FOREIGN, ANN, BOB, 103]).unwrap();
    let mut flood = house.client(BAD);
    let chats = wire::chat(BAD, 103, &"x".repeat(1000)).repeat(50);
    let given_up = |house: &House| house.server.state().unwrap().host(FOREIGN).is_none();
    for _ in 0..2000 {
        flood.send(&chats).unwrap();
        if given_up(&house) {
            break;
        }
        house.assert_talking();
    }
    assert!(wait::holds(LONG, || given_up(&house)));
    house.assert_logged(&foreign, "too slow");
    let state = house.server.state().unwrap();
    assert_eq!(state.counter("slow_consumers"), 1);
    assert_eq!(state.host_ids(), [ANN, BOB, BAD]);
    house.assert_talking();
}

#[test]
fn who_comes_when_the_house_is_full_waits_outside() {
    let mut house = House::open(&["--links-max=3"]);
    let third = house.client(103);
    let mut outside = Peer::connect(house.server.address()).unwrap();
    let registration = wire::client_registration(104, 0, "late", "l");
    outside.send(&registration).unwrap();
    assert!(outside.is_silent(Duration::from_millis(300)).unwrap());
    house.assert_talking();
    drop(third);
    outside.wait_status(0).unwrap();
    house.assert_talking();
}

/// The operator needs it most just then.
#[test]
fn the_admin_page_is_served_though_the_house_is_full() {
    let mut house = House::open(&["--links-max=3"]);
    let third = house.client(103);
    let mut outside = Peer::connect(house.server.address()).unwrap();
    outside
        .send(&wire::client_registration(104, 0, "late", "l"))
        .unwrap();
    assert!(outside.is_silent(Duration::from_millis(300)).unwrap());
    assert_eq!(house.server.get("/healthz").unwrap().body, "ok\n");
    let state = house.server.state().unwrap();
    assert_eq!(state.host_ids(), [ANN, BOB, 103]);
    drop(third);
    outside.wait_status(0).unwrap();
    house.assert_talking();
}

#[test]
fn a_crowd_at_the_admin_page_takes_no_place_of_the_relays() {
    let mut house = House::open(&["--links-max=4"]);
    let before = house.server.process().usage().unwrap().descriptors;
    let mut crowd: Vec<Peer> = (0..100)
        .map(|_| Peer::connect(house.server.admin()).unwrap())
        .collect();
    crowd[0].send(b"GET /hea").unwrap();
    // The rest of its request is not waited for longer than 5 s; until then
    // eight of them are inside, and newcomers of the relay come in as ever.
    let third = house.client(103);
    house.client(104);
    house.assert_talking();
    // They came while the crowd was inside, and not when its time was over.
    assert!(crowd[0].is_silent(Duration::from_millis(10)).unwrap());
    let inside = house.server.process().usage().unwrap().descriptors - before;
    assert!(inside <= 8 + 2, "{inside} more descriptors");
    drop((crowd, third));
    assert_eq!(house.server.get("/healthz").unwrap().status, 200);
    house.assert_talking();
}

#[test]
fn a_full_directory_takes_nobody_more() {
    let mut house = House::open(&["--hosts-max=4"]);
    let mut foreign = house.foreign_server();
    for client in [201, 202, 203] {
        foreign
            .send(&wire::client_registration(client, FOREIGN, "behind", "b"))
            .unwrap();
    }
    // What is too much is dropped; the link stays, and so does who was there.
    let state = house
        .server
        .wait_state(|state| state.counter("dropped") == 2)
        .unwrap();
    assert_eq!(state.host_ids(), [FOREIGN, ANN, BOB, 201]);
    let mut bad = Peer::connect(house.server.address()).unwrap();
    bad.send(&wire::client_registration(BAD, 0, "bad", "b"))
        .unwrap();
    assert_eq!(bad.expect_end(), []);
    house.assert_logged(&bad, "the directory is full");
    house.assert_talking();
    // There is room again when somebody leaves.
    foreign.send(&wire::quit(201, "off")).unwrap();
    house.server.wait_hosts(&[FOREIGN, ANN, BOB]).unwrap();
    house.client(BAD);
    house.assert_talking();
}

#[test]
fn the_status_log_keeps_the_last_ones() {
    let mut house = House::open(&["--status-log=5"]);
    let mut foreign = house.foreign_server();
    for number in 0..20 {
        foreign
            .send(&wire::status(FOREIGN, 0, 1, &format!("note {number}")))
            .unwrap();
    }
    let last: Vec<String> = (15..20).map(|number| format!("note {number}")).collect();
    house
        .server
        .wait_state(|state| state.status_log == last)
        .unwrap();
    house.assert_talking();
}

#[test]
fn who_repeats_its_registration_too_often_is_closed() {
    let repeat = wire::client_registration(BAD, 0, "bad", "as ever [crc2;f=]");
    let mut house = House::open(&["--registrations-per-second=3"]);
    let mut bad = house.client(BAD);
    bad.send(&repeat.repeat(20)).unwrap();
    bad.expect_end();
    house.assert_logged(&bad, "ClientRegistration too fast");
    house.assert_talking();

    // The default, and none at all.
    let mut house = House::open(&[]);
    let mut bad = house.client(BAD);
    bad.send(&repeat.repeat(500)).unwrap();
    bad.expect_end();
    house.assert_logged(&bad, "ClientRegistration too fast");
    house.assert_talking();
    let mut house = House::open(&["--registrations-per-second=0"]);
    let mut busy = house.client(BAD);
    busy.send(&repeat.repeat(500)).unwrap();
    for _ in 0..500 {
        busy.wait_status(2).unwrap();
    }
    house.assert_talking();
}

#[test]
fn who_talks_too_fast_is_closed_where_that_is_wanted() {
    let mut house = House::open(&["--chats-per-second=5"]);
    let mut bad = house.client(BAD);
    bad.send(&wire::chat(BAD, BAD, "quick").repeat(50)).unwrap();
    bad.expect_end();
    house.assert_logged(&bad, "ClientChat too fast");
    house.assert_talking();

    let mut house = House::open(&[]);
    let mut busy = house.client(BAD);
    busy.send(&wire::chat(BAD, BOB, "quick").repeat(5000))
        .unwrap();
    for _ in 0..5000 {
        assert_eq!(house.bob.expect_chat(), (BAD, BOB, "quick".to_owned()));
    }
    house.assert_talking();
}
