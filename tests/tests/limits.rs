//! The limits of a server: a peer that exceeds one is closed or ignored, and other
//! peers do not notice.

use std::time::{Duration, Instant};

use crc_e2e::fixture::wait;
use crc_e2e::fixture::{ANN, BOB, Peer, WatchedServer, wire};

/// The id of the peer that exceeds the limit.
const BAD: u32 = 666;
/// A v2 server that the test plays.
const POND: u32 = 3;

fn client(watched: &WatchedServer, id: u32) -> Peer {
    Peer::v2_client(watched.address(), id, "bad").unwrap()
}

fn pond(watched: &WatchedServer) -> Peer {
    Peer::v2_server(watched.address(), POND, "pond", "server-quit").unwrap()
}

#[test]
fn the_longest_text_passes_and_a_longer_one_closes_the_link() {
    let mut watched = WatchedServer::start(&[]);
    let longest = "x".repeat(64 * 1024);
    let mut bad = client(&watched, BAD);
    bad.send(&wire::chat(BAD, BOB, &longest)).unwrap();
    assert_eq!(watched.bob.expect_chat(), (BAD, BOB, longest.clone()));
    // The length field is enough: the client sends nothing of the text.
    let chat = wire::chat(BAD, BOB, &format!("{longest}x"));
    bad.send(&chat[..13]).unwrap();
    bad.expect_end();
    watched.assert_logged(&bad, "65537 bytes");
    watched.assert_chatting();

    let mut watched = WatchedServer::start(&["--text-max=10"]);
    let mut bad = client(&watched, BAD);
    bad.send(&wire::chat(BAD, BOB, "ten bytes!")).unwrap();
    assert_eq!(watched.bob.expect_chat().2, "ten bytes!");
    bad.send(&wire::quit(BAD, "ten bytes and")).unwrap();
    bad.expect_end();
    watched.assert_logged(&bad, "13 bytes");
    watched.assert_chatting();
}

#[test]
fn servers_with_different_text_limits_stay_linked() {
    let mut watched = WatchedServer::start(&["--text-max=100"]);
    let other = watched.fixture.server(POND, "pond");
    let other = other.uplink(watched.address()).start().unwrap();
    watched.server.wait_hosts(&[POND, ANN, BOB]).unwrap();
    other.wait_hosts(&[watched.server.id(), ANN, BOB]).unwrap();
    let mut newt = Peer::v2_client(other.address(), 103, "newt").unwrap();
    watched.server.wait_hosts(&[POND, ANN, BOB, 103]).unwrap();
    newt.send(&wire::chat(103, BOB, &"x".repeat(60_000)))
        .unwrap();
    let answer = newt.wait_status(0x0101).unwrap();
    assert_eq!(answer, format!("Message too long for ID {BOB}"));
    newt.send(&wire::chat(103, BOB, &"x".repeat(100))).unwrap();
    assert_eq!(watched.bob.expect_chat().2, "x".repeat(100));
    newt.send(&wire::quit(103, &"y".repeat(60_000))).unwrap();
    watched.server.wait_hosts(&[POND, ANN, BOB]).unwrap();
    watched.assert_chatting();
    assert_eq!(watched.state().counter("violations"), 0);
}

#[test]
fn a_peer_has_ten_seconds_to_register() {
    let mut watched = WatchedServer::start(&[]);
    // Before the server starts its clock, so that a busy machine changes nothing.
    let began = Instant::now();
    let mut silent = watched.connect();
    assert_eq!(silent.expect_end(), []);
    let took = began.elapsed();
    assert!(took > Duration::from_millis(9_900), "{took:?}");
    watched.assert_logged(&silent, "no registration in time");
    watched.assert_chatting();
}

#[test]
fn a_slow_registration_does_not_extend_the_time_to_register() {
    let mut watched = WatchedServer::start(&["--register-within=3"]);
    // It takes ten seconds to send, a byte each tick.
    let registration = wire::client_registration(BAD, 0, "bad", &"i".repeat(1000));
    let began = Instant::now();
    let mut slow = watched.connect();
    let is_closed = registration.iter().any(|byte| {
        let sent = slow.send(&[*byte]);
        sent.is_err() || !slow.is_silent(wait::TICK).unwrap_or(false)
    });
    let took = began.elapsed();
    assert!(is_closed, "the server took the whole registration");
    assert_eq!(slow.expect_end(), []);
    assert!(took > Duration::from_millis(2_900), "{took:?}");
    watched.assert_logged(&slow, "no registration in time");
    watched.assert_chatting();
}

#[test]
fn a_flood_to_a_server_that_never_reads_costs_the_flooder_and_no_other() {
    let mut watched = WatchedServer::start(&["--server-queue=4194304"]);
    let mut pond = pond(&watched);
    pond.send(&wire::client_registration(103, POND, "newt", "n"))
        .unwrap();
    watched.server.wait_hosts(&[POND, ANN, BOB, 103]).unwrap();
    let mut flood = client(&watched, BAD);
    let chats = wire::chat(BAD, 103, &"x".repeat(1000)).repeat(50);
    // The server stops reading the flooder.
    let is_paused = |watched: &WatchedServer| watched.state().counter("clients_paused") == 1;
    for _ in 0..2000 {
        flood.send(&chats).unwrap();
        if is_paused(&watched) {
            break;
        }
        watched.assert_chatting();
    }
    assert!(is_paused(&watched));
    watched.assert_logged(&flood, "paused");
    flood.send(&chats.repeat(20)).unwrap();
    watched.assert_chatting();
    let state = watched.state();
    assert_eq!(state.counter("slow_consumers"), 0);
    assert_eq!(state.host_ids(), [POND, ANN, BOB, 103, BAD]);
    // When the server reads, the flooder is read.
    flood.send(&wire::chat(BAD, 103, "the last one")).unwrap();
    let last = (BAD, 103, "the last one".to_owned());
    while pond.expect_chat() != last {}
    watched.assert_chatting();
}

#[test]
fn a_connection_above_the_link_limit_waits() {
    let mut watched = WatchedServer::start(&["--links-max=3"]);
    let third = client(&watched, 103);
    let mut outside = watched.connect();
    let registration = wire::client_registration(104, 0, "late", "l");
    outside.send(&registration).unwrap();
    assert!(outside.is_silent(Duration::from_millis(300)).unwrap());
    watched.assert_chatting();
    drop(third);
    outside.wait_status(0).unwrap();
    watched.assert_chatting();
}

#[test]
fn the_admin_page_answers_at_the_link_limit() {
    let mut watched = WatchedServer::start(&["--links-max=3"]);
    let third = client(&watched, 103);
    let mut outside = watched.connect();
    outside
        .send(&wire::client_registration(104, 0, "late", "l"))
        .unwrap();
    assert!(outside.is_silent(Duration::from_millis(300)).unwrap());
    assert_eq!(watched.server.get("/healthz").unwrap().body, "ok\n");
    let state = watched.state();
    assert_eq!(state.host_ids(), [ANN, BOB, 103]);
    drop(third);
    outside.wait_status(0).unwrap();
    watched.assert_chatting();
}

#[test]
fn connections_to_the_admin_page_do_not_count_as_links() {
    let mut watched = WatchedServer::start(&["--links-max=4"]);
    let before = watched.server.process().usage().unwrap().descriptors;
    let registered_in_time = |watched: &mut WatchedServer| {
        let mut peers: Vec<Peer> = (0..100)
            .map(|_| Peer::connect(watched.server.admin()).unwrap())
            .collect();
        peers[0].send(b"GET /hea").unwrap();
        // The server waits 5 s for the rest of the request. Until then it has accepted eight
        // of the connections, and new clients can still register.
        let clients = [client(watched, 103), client(watched, 104)];
        watched.assert_chatting();
        let accepted = watched.server.process().usage().unwrap().descriptors - before;
        assert!(accepted <= 8 + 2, "{accepted} more descriptors");
        let in_time = peers[0].is_silent(Duration::from_millis(10)).unwrap();
        drop((peers, clients));
        watched.server.wait_hosts(&[ANN, BOB]).unwrap();
        in_time
    };
    // On a busy machine the 5 s may be over before the clients have registered.
    assert!((0..5).any(|_| registered_in_time(&mut watched)));
    assert_eq!(watched.server.get("/healthz").unwrap().status, 200);
    watched.assert_chatting();
}

#[test]
fn a_full_directory_accepts_no_host() {
    let mut watched = WatchedServer::start(&["--hosts-max=4"]);
    let mut pond = pond(&watched);
    for client in [201, 202, 203] {
        pond.send(&wire::client_registration(client, POND, "behind", "b"))
            .unwrap();
    }
    // The server drops surplus hosts; the link and the known hosts stay.
    let state = watched
        .server
        .wait_state(|state| state.counter("frames_dropped") == 2)
        .unwrap();
    assert_eq!(state.host_ids(), [POND, ANN, BOB, 201]);
    let mut bad = watched.connect();
    bad.send(&wire::client_registration(BAD, 0, "bad", "b"))
        .unwrap();
    assert_eq!(bad.expect_end(), []);
    watched.assert_logged(&bad, "the directory is full");
    watched.assert_chatting();
    // A quit makes room.
    pond.send(&wire::quit(201, "off")).unwrap();
    watched.server.wait_hosts(&[POND, ANN, BOB]).unwrap();
    client(&watched, BAD);
    watched.assert_chatting();
}

#[test]
fn the_status_log_keeps_the_last_statuses() {
    let mut watched = WatchedServer::start(&["--status-log=5"]);
    let mut pond = pond(&watched);
    for number in 0..20 {
        pond.send(&wire::status(POND, 0, 1, &format!("note {number}")))
            .unwrap();
    }
    let last: Vec<String> = (15..20).map(|number| format!("note {number}")).collect();
    watched
        .server
        .wait_state(|state| state.status_log == last)
        .unwrap();
    watched.assert_chatting();
}

#[test]
fn a_client_that_repeats_its_registration_too_often_is_closed() {
    let repeat = wire::client_registration(BAD, 0, "bad", "as ever [crc2;f=]");
    let mut watched = WatchedServer::start(&["--registrations-per-second=3"]);
    let mut bad = client(&watched, BAD);
    bad.send(&repeat.repeat(20)).unwrap();
    bad.expect_end();
    watched.assert_logged(&bad, "ClientRegistration too fast");
    watched.assert_chatting();

    // The default limit, and no limit.
    let mut watched = WatchedServer::start(&[]);
    let mut bad = client(&watched, BAD);
    bad.send(&repeat.repeat(500)).unwrap();
    bad.expect_end();
    watched.assert_logged(&bad, "ClientRegistration too fast");
    watched.assert_chatting();
    let mut watched = WatchedServer::start(&["--registrations-per-second=0"]);
    let mut busy = client(&watched, BAD);
    busy.send(&repeat.repeat(500)).unwrap();
    for _ in 0..500 {
        busy.wait_status(2).unwrap();
    }
    watched.assert_chatting();
}

#[test]
fn a_client_that_exceeds_chats_per_second_is_closed() {
    let mut watched = WatchedServer::start(&["--chats-per-second=5"]);
    let mut bad = client(&watched, BAD);
    bad.send(&wire::chat(BAD, BAD, "quick").repeat(50)).unwrap();
    bad.expect_end();
    watched.assert_logged(&bad, "ClientChat too fast");
    watched.assert_chatting();

    let mut watched = WatchedServer::start(&[]);
    let mut busy = client(&watched, BAD);
    busy.send(&wire::chat(BAD, BOB, "quick").repeat(5000))
        .unwrap();
    for _ in 0..5000 {
        assert_eq!(watched.bob.expect_chat(), (BAD, BOB, "quick".to_owned()));
    }
    watched.assert_chatting();
}

/// All frames of a client draw from the same budget, not only its chats.
#[test]
fn a_client_that_exceeds_its_budget_with_any_frame_is_closed() {
    let mut watched = WatchedServer::start(&["--chats-per-second=5"]);
    let request =
        |destination, kind, channel| wire::channel_request(BAD, destination, kind, channel, "x");
    // Bob gets a notice as a chat.
    for (frame, to_bob, reason) in [
        (request(BOB, 0, ""), 5, "ChannelRequest too fast"),
        (request(0, 7, "#reef"), 0, "ChannelRequest too fast"),
        (
            wire::channel_chat(BAD, "#reef", "loud"),
            0,
            "ChannelChat too fast",
        ),
        (
            wire::client_registration(BAD, 0, "bad", "as ever [crc2;f=channels]"),
            0,
            "ClientRegistration too fast",
        ),
    ] {
        let mut bad = Peer::v1_client(watched.address(), BAD, "bad").unwrap();
        let announcement = wire::client_registration(BAD, 0, "bad", "as ever [crc2;f=channels]");
        bad.send(&announcement).unwrap();
        bad.wait_status(0x100).unwrap();
        let before = watched.state().counter("frames_received");
        let _ = bad.send(&frame.repeat(5000));
        watched.server.wait_hosts(&[ANN, BOB]).unwrap();
        watched.assert_logged(&bad, reason);
        let frames = watched.state().counter("frames_received") - before;
        assert!(frames <= 5 + 1, "{frames} of 5000 frames, {reason}");
        for _ in 0..to_bob {
            assert_eq!(watched.bob.expect_chat(), (BAD, BOB, "x".to_owned()));
        }
        watched.assert_chatting();
    }
}
