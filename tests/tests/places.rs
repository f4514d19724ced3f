//! Places: one address takes no more than its share of connections, and some places are
//! reserved. All addresses of 127.0.0.0/8 are this machine, and the limits hold for them
//! because they are given.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crc_e2e::fixture::wait::{self, LONG};
use crc_e2e::fixture::{ANN, BOB, Peer, WatchedServer, wire};

const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;
const THERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const FLOODER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

/// Connects from an address and registers a client, if the server does not refuse.
fn client(ip: Ipv4Addr, server: SocketAddr, id: u32) -> Option<Peer> {
    let mut peer = Peer::connect_from(ip, server).unwrap();
    // A refused connection may be closed already.
    let _ = peer.send(&wire::client_registration(id, 0, "client", "c"));
    peer.wait_status(0).ok().map(|_| peer)
}

/// How many connections were refused for a reason.
fn refused(watched: &WatchedServer, reason: &str) -> u64 {
    let metrics = watched.server.get("/metrics").unwrap().body;
    let name = format!("crc_connections_refused_total{{reason=\"{reason}\"}} ");
    let mut lines = metrics.lines();
    let value = lines.find_map(|line| line.strip_prefix(&name));
    value.unwrap().parse().unwrap()
}

fn refusals_logged(watched: &WatchedServer) -> usize {
    watched.server.log_lines_with("accept: refused").len()
}

/// How many lines about refusals a server may have logged that started after `began`: one
/// in ten seconds.
fn refusals_logged_max(began: Instant) -> usize {
    let periods = began.elapsed().as_secs() / 10;
    1 + usize::try_from(periods).unwrap()
}

/// Ends the other threads of a test, also when an assertion fails.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn one_address_takes_no_more_than_its_places() {
    let began = Instant::now();
    let mut watched = WatchedServer::start(&["--links-per-address=5"]);
    let address = watched.address();
    // Ann and bob have two of the places.
    let mut own: Vec<_> = (201..204)
        .map(|id| client(HERE, address, id).unwrap())
        .collect();
    for _ in 0..20 {
        assert!(client(HERE, address, 204).is_none());
    }
    assert_eq!(refused(&watched, "address"), 20);
    assert!(wait::holds(LONG, || refusals_logged(&watched) > 0));
    let most = refusals_logged_max(began);
    assert!(refusals_logged(&watched) <= most, "{most}");
    let others: Vec<_> = (301..306)
        .map(|id| client(THERE, address, id).unwrap())
        .collect();
    assert!(client(THERE, address, 306).is_none());
    watched.assert_chatting();
    // A connection that ends makes a place for the next one.
    drop(own.pop());
    let next = wait::until(LONG, || client(HERE, address, 204));
    assert!(next.is_some());
    drop((own, others, next));
    watched.server.wait_hosts(&[ANN, BOB]).unwrap();
    watched.assert_chatting();
}

#[test]
fn without_the_option_this_machine_has_no_limit() {
    let mut watched = WatchedServer::start(&[]);
    let address = watched.address();
    let clients: Vec<_> = (1000..1600).map(|id| client(HERE, address, id)).collect();
    assert!(clients.iter().all(Option::is_some));
    watched.assert_chatting();
}

#[test]
fn a_flood_of_connections_from_one_address_stops_no_other() {
    let args = ["--accepts-per-second=10", "--links-per-address=20"];
    let began = Instant::now();
    let mut watched = WatchedServer::start(&args);
    let address = watched.address();
    let stop = AtomicBool::new(false);
    let flood = || {
        while !stop.load(Ordering::Relaxed) {
            // The system may have no port left.
            if let Ok(mut peer) = Peer::connect_from(FLOODER, address) {
                let _ = peer.is_silent(Duration::from_millis(50));
            }
        }
    };
    let are_many =
        |watched: &WatchedServer| refused(watched, "rate") + refused(watched, "address") > 100;
    let are_many = thread::scope(|scope| {
        let _stop = StopOnDrop(&stop);
        scope.spawn(flood);
        scope.spawn(flood);
        let mut others = Vec::new();
        for id in 300..310 {
            others.push(client(THERE, address, id).is_some());
            watched.assert_chatting();
            // Within its own rate.
            wait::pause(Duration::from_millis(150));
        }
        let are_many = wait::holds(LONG, || are_many(&watched));
        assert!(others.iter().all(|&registered| registered), "{others:?}");
        are_many
    });
    assert!(are_many, "the server refused few connections");
    let most = refusals_logged_max(began);
    assert!(refusals_logged(&watched) <= most, "{most}");
}

#[test]
fn a_server_gets_a_reserved_place_when_all_others_are_taken() {
    let args = [
        "--links-max=6",
        "--server-places=2",
        "--server-peers=127.0.0.2/32",
    ];
    let mut watched = WatchedServer::start(&args);
    let address = watched.address();
    let own: Vec<_> = (201..203)
        .map(|id| client(HERE, address, id).unwrap())
        .collect();
    assert!(client(HERE, address, 203).is_none());
    assert_eq!(refused(&watched, "reserved"), 1);
    let mut pond = Peer::connect_from(THERE, address).unwrap();
    pond.send(&wire::server_registration(3, 0, "pond", "p"))
        .unwrap();
    watched.server.wait_hosts(&[3, ANN, BOB, 201, 202]).unwrap();
    // The operator has places of its own.
    let second = Peer::connect_from(THERE, address).unwrap();
    assert_eq!(watched.server.get("/healthz").unwrap().body, "ok\n");
    assert_eq!(watched.state().host_ids(), [3, ANN, BOB, 201, 202]);
    watched.assert_chatting();
    // An ordinary place is free again.
    drop((own, second));
    assert!(wait::until(LONG, || client(HERE, address, 203)).is_some());
    watched.assert_chatting();
}
