//! Meshes of several sizes, and disturbances.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::fixture::{Event, Peer, Process, TIMEOUT, wait_meshed};

fn join_all(server: &Process, count: usize, args: &[&str]) -> Vec<Peer> {
    let join = |_| Peer::join(server.address, args);
    (0..count).map(join).collect()
}

/// `count` peers join at once and send lines.
fn check_mesh(count: usize) {
    let server = Process::serve(&[]);
    let mut peers = join_all(&server, count, &[]);
    let list = wait_meshed(&mut peers);
    // Every pair has one connection, which the earlier peer has dialled.
    for peer in &peers {
        let place = list
            .iter()
            .position(|other| *other == peer.address())
            .unwrap();
        let events = peer.events.iter();
        let mut dialed: Vec<_> = events
            .filter_map(|event| match event {
                Event::Connected { peer } => Some(*peer),
                _ => None,
            })
            .collect();
        dialed.sort();
        let mut behind = list[place + 1..].to_vec();
        behind.sort();
        assert_eq!(dialed, behind);
    }
    for peer in &mut peers {
        peer.process.write("Good morning!\n");
    }
    for peer in &mut peers {
        peer.wait(|peer| peer.texts.len() >= count - 1);
        peer.texts.sort();
        let own = peer.address();
        let mut others: Vec<_> = list.iter().filter(|other| **other != own).collect();
        others.sort();
        let meant = others
            .iter()
            .map(|other| (**other, "Good morning!".to_owned()));
        assert_eq!(peer.texts, meant.collect::<Vec<_>>());
    }
    for peer in &mut peers {
        peer.process.end_input();
        assert_eq!(peer.finish(), (Some(0), String::new()));
    }
}

#[test]
fn three_peers() {
    check_mesh(3);
}

#[test]
fn eight_peers() {
    check_mesh(8);
}

#[test]
fn thirty_two_peers() {
    check_mesh(32);
}

#[test]
fn peers_by_ipv6() {
    let server = Process::start(&["serve", "--listen", "[::1]:0", "--listen", "127.0.0.1:0"]);
    let anywhere = Peer::join(server.address, &["--listen", "[::]:0"]);
    let port = anywhere.address().port();
    let mut peers = [
        anywhere,
        Peer::join(server.address, &["--listen", "[::1]:0"]),
    ];
    // The peer is registered with the address that it connects from.
    peers[0].process.address = ([0, 0, 0, 0, 0, 0, 0, 1], port).into();
    wait_meshed(&mut peers);
}

#[test]
fn the_teardown_comes_at_the_maximum() {
    let mut all_met = Vec::new();
    // The teardown comes a second after the last list. On a busy machine a peer may meet the others
    // later than that, but not each time.
    let met_before = (0..5).any(|_| {
        let server = Process::serve(&["--max-peers", "3"]);
        let mut peers = join_all(&server, 3, &[]);
        let met = peers.iter_mut().map(|peer| {
            assert_eq!(peer.finish(), (Some(0), String::new()));
            assert!(peer.events.contains(&Event::Teardown));
            assert_eq!(peer.list.len(), 3);
            let met =
                |event: &&Event| matches!(event, Event::Connected { .. } | Event::Hello { .. });
            let count = peer.events.iter().filter(met).count();
            assert!(count <= 2, "{:?}", peer.events);
            count
        });
        let met: Vec<_> = met.collect();
        let (code, log) = server.finish();
        assert_eq!(code, Some(0));
        assert!(log.contains("teardown sent to all peers"), "{log}");
        let enough = met == [2, 2, 2];
        all_met.push(met);
        enough
    });
    assert!(met_before, "they met {all_met:?} others");
}

#[test]
fn a_killed_peer_is_reported_and_may_rejoin() {
    let server = Process::serve(&[]);
    let mut peers = join_all(&server, 4, &[]);
    wait_meshed(&mut peers);
    let killed = peers.remove(1);
    let address = killed.address();
    killed.process.kill();
    let list = wait_meshed(&mut peers);
    assert!(!list.contains(&address));
    let lost = Event::Lost { peer: address };
    assert!(peers.iter().all(|peer| peer.events.contains(&lost)));
    peers.push(Peer::join(
        server.address,
        &["--listen", &address.to_string()],
    ));
    assert_eq!(wait_meshed(&mut peers).last(), Some(&address));
}

#[test]
fn garbage_closes_its_own_connection_only() {
    // Peers may need longer to join than this directory permits, so it has none.
    let short = Process::serve(&["--register-within", "1"]);
    let mut idle = TcpStream::connect(short.address).unwrap();
    let server = Process::serve(&[]);
    let mut peers = join_all(&server, 2, &[]);
    wait_meshed(&mut peers);
    let blanks = [b'\n'; 4096];
    let other_host = b"192.0.2.1:80\n";
    let garbage: &[&[u8]] = &[
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x00\x01\xff\xfe",
        b"127.0.0.1:0\n",
        b"1:1:1:1:1:1:1",
        b"list:\n127.0.0.1:1\n",
        other_host,
        &blanks,
        &[b'1'; 100_000],
    ];
    for target in [server.address, peers[0].address(), peers[1].address()] {
        for bytes in garbage {
            let mut stream = TcpStream::connect(target).unwrap();
            stream.set_read_timeout(Some(TIMEOUT)).unwrap();
            // The connection may be closed before everything is written.
            let _ = stream.write_all(bytes);
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            assert!(answer.is_empty(), "{answer:?}");
        }
    }
    let mut stream = TcpStream::connect(peers[0].address()).unwrap();
    stream.write_all(b"Hello from:127.0.0.1:1\n\xff\n").unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    // A silent connection times out.
    idle.set_read_timeout(Some(TIMEOUT)).unwrap();
    assert_eq!(idle.read(&mut [0]).unwrap(), 0);
    let log = short.kill();
    assert!(log.contains("no registration within 1 s"), "{log}");

    let unreachable = "127.0.0.1:1".parse().unwrap();
    peers[0].wait(|peer| peer.events.contains(&Event::Lost { peer: unreachable }));
    peers.push(Peer::join(server.address, &[]));
    wait_meshed(&mut peers);
    peers[2].process.write("all is well\n");
    for peer in &mut peers[..2] {
        peer.wait(|peer| !peer.texts.is_empty());
        let events = peer.events.iter();
        let lost =
            events.filter(|event| matches!(event, Event::Lost { peer } if *peer != unreachable));
        assert_eq!(lost.count(), 0);
    }
    let log = server.kill();
    for reason in [
        "not an address",
        "more than 256 bytes without an address",
        "192.0.2.1:80 belongs to another host",
    ] {
        assert!(log.contains(reason), "{reason}: {log}");
    }
    let log = peers.remove(0).process.kill();
    for reason in ["not a greeting", "a line that is not UTF-8"] {
        assert!(log.contains(reason), "{reason}: {log}");
    }
}

#[test]
fn a_persistent_mesh_survives_its_directory() {
    let server = Process::serve(&[]);
    let address = server.address;
    let mut peers = join_all(&server, 3, &["--persist"]);
    wait_meshed(&mut peers);
    server.kill();
    for peer in &mut peers {
        peer.wait(|peer| {
            matches!(
                peer.events.last(),
                Some(Event::Away {
                    retry_in_ms: Some(_)
                })
            )
        });
    }
    peers[0].process.write("we are still here\n");
    for peer in &mut peers[1..] {
        peer.wait(|peer| !peer.texts.is_empty());
    }
    let server = Process::start(&["serve", "--listen", &address.to_string()]);
    for peer in &mut peers {
        peer.list.clear();
    }
    peers.push(Peer::join(server.address, &[]));
    wait_meshed(&mut peers);
    let lost = |event: &Event| matches!(event, Event::Lost { .. });
    assert!(!peers.iter().any(|peer| peer.events.iter().any(lost)));
}
