//! Load that breaks no rule: stalled readers, too many connections, incomplete frames.

use std::time::Duration;

use crc_e2e::fixture::wait::{self, LONG};
use crc_e2e::fixture::{ANN, BOB, Peer, WatchedServer, wire};

/// The id of the misbehaving peer.
const BAD: u32 = 666;

#[test]
fn a_stalled_client_delays_no_other() {
    let mut watched = WatchedServer::start(&[]);
    let stalled = Peer::v2_client(watched.address(), 103, "stalled").unwrap();
    let mut flood = Peer::v2_client(watched.address(), BAD, "flood").unwrap();
    let chats = wire::chat(BAD, 103, &"x".repeat(1000)).repeat(50);
    let mut rounds = 0;
    while watched.state().host(103).is_some() {
        rounds += 1;
        assert!(rounds < 2000, "the server never closes the stalled link");
        flood.send(&chats).unwrap();
        // A server that waited for the stalled client would wait for ever.
        watched.assert_chatting();
    }
    watched.assert_logged(&stalled, "too slow");
    assert_eq!(watched.state().counter("slow_consumers"), 1);
    watched.assert_chatting();
}

#[test]
fn a_server_without_descriptors_serves_its_links_and_does_not_spin() {
    // The server reserves 64 of them.
    let mut watched = WatchedServer::start_with(|server| server.descriptors(96));
    let peers: Vec<Peer> = (0..200).map(|_| watched.connect()).collect();
    let full = || {
        !watched
            .server
            .log_lines_with("at the connection limit")
            .is_empty()
    };
    assert!(wait::holds(LONG, full));
    let descriptors = |watched: &WatchedServer| {
        let usage = watched.server.process().usage();
        usage.unwrap().descriptors
    };
    assert!(descriptors(&watched) <= 96);

    let before = watched.server.processor_time();
    let silence = Duration::from_secs(2);
    assert!(wait::stays(silence, || descriptors(&watched) <= 96));
    let used = watched.server.processor_time() - before;
    assert!(
        used < silence / 4,
        "the server used {used:?} of processor time"
    );

    watched.assert_chatting();
    // The server closes silent connections after ten seconds.
    drop(peers);
    Peer::v1_client(watched.address(), 103, "late").unwrap();
    watched.assert_chatting();
    assert!(!watched.server.process().log().contains("panicked"));
}

#[test]
fn incomplete_frames_use_no_processor_time() {
    let mut watched = WatchedServer::start(&[]);
    let chat = wire::chat(BAD, BOB, "cut");
    let mut waiting = Vec::new();
    for id in 0..100 {
        let mut silent = watched.connect();
        silent.send(&chat[..3]).unwrap();
        let mut client = Peer::v1_client(watched.address(), 1000 + id, "cut").unwrap();
        client
            .send(&wire::chat(1000 + id, BOB, "cut")[..14])
            .unwrap();
        waiting.extend([silent, client]);
    }
    watched.assert_chatting();
    // First the server announces these clients to each other.
    let settled = || {
        let before = watched.server.processor_time();
        let unchanged = || watched.server.processor_time() == before;
        wait::stays(Duration::from_millis(500), unchanged)
    };
    assert!(wait::holds(LONG, settled), "the server is never idle");
    drop(waiting);
    watched.server.wait_hosts(&[ANN, BOB]).unwrap();
    watched.assert_chatting();
}

/// Clients send the length of the longest chat and its first byte.
#[test]
fn announced_lengths_reserve_no_memory() {
    let mut watched = WatchedServer::start(&[]);
    let resident =
        |watched: &WatchedServer| watched.server.process().usage().unwrap().resident_bytes;
    let before = resident(&watched);
    let chat = wire::chat(0, BOB, &"x".repeat(64 * 1024));
    let mut peers = Vec::new();
    for id in 1000..1200 {
        let mut peer = Peer::v2_client(watched.address(), id, "big").unwrap();
        let mut beginning = chat[..14].to_vec();
        beginning[1..5].copy_from_slice(&u32::to_be_bytes(id));
        peer.send(&beginning).unwrap();
        peers.push(peer);
    }
    watched.assert_chatting();
    let grown = resident(&watched).saturating_sub(before);
    let announced = 200 * 64 * 1024;
    assert!(
        grown < announced / 2,
        "{grown} bytes for {announced} announced"
    );
    watched.assert_chatting();
}
