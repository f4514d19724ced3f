//! Which frames a server accepts from whom: clients and servers that send what they
//! may not, and one test for each rule that `bad_input.rs` does not cover.

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use crc_e2e::fixture::wait::{self, LONG};
use crc_e2e::fixture::wire::{self, Frame};
use crc_e2e::fixture::{ANN, BOB, Fixture, Peer, Process, WatchedServer};

/// The id of the misbehaving peer.
const BAD: u32 = 666;
/// An id that no host has.
const UNKNOWN: u32 = 777;
/// A v2 server that the test plays, and its clients.
const POND: u32 = 3;
const NEWT: u32 = 201;
const TOAD: u32 = 202;

/// The server pond, linked to the watched one.
fn pond(watched: &WatchedServer) -> Peer {
    Peer::v2_server(watched.address(), POND, "pond", "server-quit").unwrap()
}

/// The server pond with the clients newt and toad.
#[track_caller]
fn pond_with_clients(watched: &WatchedServer) -> Peer {
    let mut pond = pond(watched);
    for (id, name) in [(NEWT, "newt"), (TOAD, "toad")] {
        pond.send(&wire::client_registration(id, POND, name, "f"))
            .unwrap();
    }
    let hosts = [POND, ANN, BOB, NEWT, TOAD];
    watched.server.wait_hosts(&hosts).unwrap();
    // The burst: ann and bob.
    pond.expect_frames(2);
    pond
}

#[test]
fn a_client_may_repeat_its_registration_and_its_last_hop_is_ignored() {
    let mut watched = WatchedServer::start(&[]);
    let mut odd = watched.connect();
    // The last hop is the id of another client, as some v1 clients write it.
    odd.send(&wire::client_registration(103, BOB, "odd", "o"))
        .unwrap();
    odd.wait_status(0).unwrap();
    odd.expect_frames(2);
    odd.send(&wire::client_registration(103, ANN, "odd", "o"))
        .unwrap();
    odd.send(&wire::chat(103, BOB, "still here")).unwrap();
    assert_eq!(
        watched.bob.expect_chat(),
        (103, BOB, "still here".to_owned())
    );
    let state = watched.state();
    assert_eq!(state.host(103).unwrap().first_link, 103);
    watched.assert_chatting();
}

#[test]
fn one_forged_frame_among_many_valid_ones_closes_the_link() {
    for forged in [
        wire::chat(ANN, BOB, "truth"),
        wire::chat(UNKNOWN, BOB, "truth"),
        wire::quit(ANN, "truth"),
    ] {
        let mut watched = WatchedServer::start(&[]);
        let mut bad = Peer::v2_client(watched.address(), BAD, "bad").unwrap();
        let valid = wire::chat(BAD, BOB, "truth").repeat(50);
        bad.send(&[&valid[..], &forged, &valid].concat()).unwrap();
        bad.expect_end();
        for _ in 0..50 {
            assert_eq!(watched.bob.expect_chat(), (BAD, BOB, "truth".to_owned()));
        }
        watched.assert_logged(&bad, "not behind this link");
        watched.server.wait_hosts(&[ANN, BOB]).unwrap();
        watched.assert_chatting();
    }
}

#[test]
fn a_status_for_the_server_is_recorded_with_any_source() {
    let mut watched = WatchedServer::start(&[]);
    let mut pond = pond_with_clients(&watched);
    for (source, destination) in [(UNKNOWN, 0), (0, 1), (ANN, 0), (POND, 1)] {
        let text = format!("{source} to {destination}");
        pond.send(&wire::status(source, destination, 1, &text))
            .unwrap();
    }
    // A status for another host counts from the route to its source only.
    pond.send(&wire::status(BOB, ANN, 1, "not his")).unwrap();
    pond.send(&wire::status(NEWT, ANN, 1, "hers")).unwrap();
    assert_eq!(watched.ann.wait_status(1).unwrap(), "hers");
    let state = watched.state();
    let recorded = ["777 to 0", "0 to 1", "101 to 0", "3 to 1"];
    assert_eq!(state.status_log, recorded);
    assert_eq!(state.counter("frames_dropped"), 1);
    watched.assert_chatting();
}

#[test]
fn no_chat_returns_to_its_link_or_reaches_a_server() {
    let mut watched = WatchedServer::start(&[]);
    let mut pond = pond_with_clients(&watched);
    pond.send(&wire::chat(NEWT, TOAD, "psst")).unwrap();
    let answer = pond.expect_frames(1).remove(0);
    let bounced = Frame::Status {
        source: 1,
        destination: NEWT,
        code: 1,
        text: wire::unknown_text(TOAD),
    };
    assert_eq!(answer, bounced);
    // Servers and unknown ids receive no chat.
    for destination in [1, POND, UNKNOWN] {
        watched
            .ann
            .send(&wire::chat(ANN, destination, "hello?"))
            .unwrap();
        assert_eq!(
            watched.ann.wait_status(1).unwrap(),
            wire::unknown_text(destination)
        );
    }
    watched.assert_chatting();
    assert!(pond.is_silent(Duration::from_millis(100)).unwrap());
}

#[test]
fn a_quit_counts_from_the_route_to_its_host_only() {
    let mut watched = WatchedServer::start(&[]);
    let mut pond = pond_with_clients(&watched);
    for quit in [
        wire::quit(UNKNOWN, "nobody"),
        wire::quit(BOB, "not behind it"),
        wire::quit(POND, "a server"),
        wire::server_quit(1, 0, "not behind it"),
        wire::server_quit(UNKNOWN, 0, "nobody"),
        wire::server_quit(NEWT, 0, "a client"),
    ] {
        pond.send(&quit).unwrap();
    }
    pond.send(&wire::quit(NEWT, "off")).unwrap();
    let state = watched
        .server
        .wait_state(|state| state.host(NEWT).is_none())
        .unwrap();
    assert_eq!(state.host_ids(), [POND, ANN, BOB, TOAD]);
    assert_eq!(state.counter("frames_dropped"), 6);
    // Ann receives only that quit.
    let quit = loop {
        let frame = watched.ann.next_frame(LONG).unwrap().unwrap();
        if !matches!(frame, Frame::Registration { .. }) {
            break frame;
        }
    };
    let text = "off".to_owned();
    assert_eq!(quit, Frame::Quit { source: NEWT, text });
    watched.assert_chatting();
}

#[test]
fn a_server_outside_server_peers_is_refused_and_receives_only_why() {
    let mut watched = WatchedServer::start(&["--server-peers=10.0.0.0/8,192.0.2.7/32"]);
    let mut pond = watched.connect();
    pond.send(&wire::server_registration(POND, 0, "pond", "f"))
        .unwrap();
    let [Frame::Status { code, text, .. }] = &pond.expect_end()[..] else {
        panic!("one status was expected");
    };
    assert_eq!(*code, 0x0107);
    assert_eq!(text, "Servers may not link from your address");
    watched.assert_logged(&pond, "servers may not link from its address");
    watched.server.wait_hosts(&[ANN, BOB]).unwrap();
    // A server of this workspace is refused too.
    let other = watched.fixture.server(2, "other").uplink(watched.address());
    let other = other.start().unwrap();
    let refused = || watched.state().counter("violations") >= 2;
    assert!(wait::holds(LONG, refused));
    assert_eq!(other.state().unwrap().host_ids(), [0; 0]);
    let why = "does not let this server link: Servers may not link from your address";
    assert!(wait::holds(LONG, || other.log_lines_with(why).len() == 1));
    watched.server.wait_hosts(&[ANN, BOB]).unwrap();
    watched.assert_chatting();
}

#[test]
fn an_invalid_info_is_refused() {
    let mut watched = WatchedServer::start(&[]);
    let long = "i".repeat(513);
    for (info, reason) in [
        (long.as_str(), "512"),
        ("a\u{1b}[2Jb", "can't be printed"),
        ("a\nb", "can't be printed"),
        ("a\u{202e}b", "can't be printed"),
        ("a [crc2;f=]", "words that nodes exchange"),
    ] {
        // The same rules hold for clients and servers.
        for kind in [wire::CLIENT_REGISTRATION, wire::SERVER_REGISTRATION] {
            let mut bad = watched.connect();
            bad.send(&wire::registration(kind, BAD, 0, "bad", info))
                .unwrap();
            assert_eq!(bad.expect_end(), [], "{info:?}");
            watched.assert_logged(&bad, reason);
        }
    }
    watched.server.wait_hosts(&[ANN, BOB]).unwrap();
    watched.assert_chatting();
}

/// Relayed text may contain control characters. Logs and terminals must escape them.
#[test]
fn relayed_control_characters_are_escaped() {
    let watched = WatchedServer::start(&["-vv"]);
    let mut command = Command::new(&watched.fixture.binaries().client);
    command
        .arg(format!("--server={}", watched.address()))
        .args(["--id=104", "--name=plain"]);
    let log = watched.fixture.logs().path().join("plain.log");
    let plain = Process::start("plain", command, log).unwrap();
    watched
        .server
        .wait_state(|state| state.host(104).is_some())
        .unwrap();
    let mut pond = pond(&watched);
    let name = "\u{1b}]0;mine\u{7}\u{1b}[31mred\r\n\u{9b}2J";
    pond.send(&wire::client_registration(NEWT, POND, name, name))
        .unwrap();
    pond.send(&wire::chat(NEWT, 104, name)).unwrap();
    pond.send(&wire::status(NEWT, 0, 1, name)).unwrap();
    pond.send(&wire::status(NEWT, 104, 1, name)).unwrap();
    pond.send(&wire::quit(NEWT, name)).unwrap();
    // The server writes this text into its log.
    pond.send(&wire::server_quit(POND, 0, name)).unwrap();
    watched.server.wait_hosts(&[ANN, BOB, 104]).unwrap();
    let state = watched.state();
    assert_eq!(state.status_log, [name], "the JSON escapes it");
    let printed = wait::holds(LONG, || {
        plain.lines().iter().any(|line| line.contains("(201) quit"))
    });
    assert!(printed, "{:?}", plain.lines());
    let texts = [
        watched.server.process().log(),
        plain.log(),
        plain.lines().join("\n"),
    ];
    for text in texts {
        let bad = |c: char| c.is_control() && c != '\n' && c != '\t';
        let unescaped: Vec<&str> = text.lines().filter(|line| line.contains(bad)).collect();
        assert!(unescaped.is_empty(), "{unescaped:#?}");
        assert!(!text.lines().any(|line| line.starts_with("\u{9b}")));
    }
}

#[test]
fn a_refusal_arrives_while_its_reader_keeps_sending() {
    let mut watched = WatchedServer::start(&[]);
    // A server would displace a client; the id of the server itself is refused.
    for (kind, taken) in [
        (wire::CLIENT_REGISTRATION, ANN),
        (wire::SERVER_REGISTRATION, 1),
    ] {
        let mut bad = watched.connect();
        bad.send(&wire::registration(kind, taken, 0, "ann", "me too"))
            .unwrap();
        // More than the buffers of both systems hold. The server may close meanwhile.
        let _ = bad.send(&vec![0x81; 8 << 20]);
        let refusal = Frame::Status {
            source: 1,
            destination: 0,
            code: 2,
            text: wire::taken_text(kind, taken),
        };
        assert_eq!(bad.expect_frames(1), [refusal]);
        assert_eq!(bad.expect_end(), []);
    }
    watched.server.wait_hosts(&[ANN, BOB]).unwrap();
    watched.assert_chatting();
}

/// Some v1 servers answer slowly.
#[test]
fn a_dialled_server_has_fifteen_seconds_to_answer() {
    let fixture = Fixture::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = fixture
        .server(2, "dialler")
        .uplink(listener.local_addr().unwrap());
    // Before the server starts its clock, so that a busy machine changes nothing.
    let began = Instant::now();
    let _server = server.start().unwrap();
    let (stream, _) = listener.accept().unwrap();
    let mut silent = Peer::on(stream).unwrap();
    silent.expect_frames(1);
    assert_eq!(silent.expect_end(), []);
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(15), "{took:?}");
}

#[test]
fn a_repeated_refusal_is_recorded_once() {
    let fixture = Fixture::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = fixture
        .server(2, "unwanted")
        .uplink(listener.local_addr().unwrap());
    let server = server.start().unwrap();
    let text = wire::taken_text(wire::SERVER_REGISTRATION, 2);
    for _ in 0..3 {
        let (stream, _) = listener.accept().unwrap();
        let mut peer = Peer::on(stream).unwrap();
        peer.expect_frames(1);
        peer.send(&wire::status(9, 0, 2, &text)).unwrap();
        peer.finish().unwrap();
        peer.expect_end();
    }
    assert_eq!(server.state().unwrap().status_log, [text]);
}

#[test]
fn a_client_that_reconnects_at_once_gets_its_id_back() {
    let mut watched = WatchedServer::start(&[]);
    let mut back = Peer::v1_client(watched.address(), BAD, "back").unwrap();
    for round in 0..200 {
        if round % 2 == 0 {
            back.finish().unwrap();
        }
        drop(back);
        back = Peer::v1_client(watched.address(), BAD, "back")
            .unwrap_or_else(|error| panic!("round {round}: {error}"));
    }
    assert_eq!(watched.state().counter("registrations_refused"), 0);
    watched.assert_chatting();
}
