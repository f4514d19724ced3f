//! Bursts and announcements of hosts, and collisions between them.

use super::*;

/// Times before 1970, or close to it, would lose their order.
#[test]
fn no_uplink_takes_the_clock_back_to_where_times_end() {
    const HOUR_MS: i64 = 3_600_000;
    let mut fixture = Fixture::new(1);
    let server = server_with_uplinks(&mut fixture, &["up"]);
    fixture.rest();
    let up = fixture.newest("up");
    let ms = |fixture: &Fixture| {
        let snapshot = fixture.nodes[server].server.snapshot();
        snapshot.network_ms().cast_signed()
    };
    let features = "f=server-quit,channels,channel-age";
    fixture.introduce_v2(up, 77, &format!("r=0;t=1700000000000;{features}"));
    let at = |ms: i64| move |now: i64| (ms..ms + 60_000).contains(&now);
    assert!(
        at(1_700_000_000_000)(ms(&fixture)),
        "it follows: {}",
        ms(&fixture)
    );
    for shift in [
        -1_700_000_000_000,
        -1_600_000_000_000,
        -200_000_000_000,
        i64::MIN,
    ] {
        fixture.introduce_v2(up, 77, &format!("r=0;d={shift};{features}"));
        assert!(
            at(1_700_000_000_000)(ms(&fixture)),
            "{shift}: {}",
            ms(&fixture)
        );
    }
    fixture.introduce_v2(up, 77, &format!("r=0;d={};{features}", -HOUR_MS));
    assert!(
        at(1_700_000_000_000 - HOUR_MS)(ms(&fixture)),
        "{}",
        ms(&fixture)
    );
}

/// What hosts behind the neighbour quit with when it is lost.
const NETSPLIT: &str = "server0.crc host77.crc";

#[test]
fn a_server_gets_an_introduction_a_burst_and_announcements() {
    let (mut fixture, server) = alone();
    fixture.client(server, 101);
    fixture.soon();
    let peer = fixture.connect(server);
    fixture.send_message(peer, &registration(Kind::Server, 77, None, "info"));
    fixture.soon();
    assert_eq!(fixture.peers[peer].writes.len(), 1, "both in one write");
    let introduction = Message::ServerRegistration(crc_wire::Registration {
        source: id(1),
        last_hop: None,
        name: crc_wire::Name::new("server0").unwrap(),
        info: crc_wire::Info::new("Server 0").unwrap(),
    });
    let mut announcement = introduction.clone();
    if let Message::ServerRegistration(registration) = &mut announcement {
        // The test's clock began 5 ms ago, and was never set: it begins in 2020.
        let machine = "a=127.0.0.1:1000;r=0;t=1577836800005;f=server-quit,channels,channel-age,oper,people,metadata,tags,questions";
        let info = format!("Server 0 [crc2;{machine}]");
        registration.info = crc_wire::Info::new(info).unwrap();
    }
    assert_eq!(
        fixture.received(peer),
        [introduction, announcement],
        "and nothing else yet"
    );
    fixture.send_message(
        peer,
        &registration(Kind::Server, 77, None, "info [crc2;r=1;f=server-quit]"),
    );
    fixture.soon();
    assert_eq!(
        fixture.received(peer),
        [registration(Kind::Client, 101, Some(1), "info")]
    );
    fixture.client(server, 102);
    fixture.soon();
    assert_eq!(
        fixture.received(peer),
        [registration(Kind::Client, 102, Some(1), "info")]
    );
    // The second announcement is a keepalive.
    fixture.send_message(
        peer,
        &registration(Kind::Server, 77, None, "info [crc2;r=1;f=server-quit]"),
    );
    fixture.soon();
    let answer = status(1, 0, 2, "A machine has already registered with ID 77");
    assert_eq!(fixture.received(peer), [answer]);
}

#[test]
fn servers_speak_for_hosts_behind_them_only() {
    let (mut fixture, peer) = with_v2_neighbour();
    let client = fixture.v2_client(0, 101);
    fixture.soon();
    fixture.send_message(peer, &registration(Kind::Client, 201, Some(77), "info"));
    fixture.soon();
    fixture.received(client);
    fixture.received(peer);
    fixture.send_message(peer, &chat(999, 101, "from nobody"));
    fixture.send_message(peer, &chat(101, 101, "in the name of ours"));
    fixture.send_message(peer, &chat(77, 101, "from a server"));
    let mut not_utf8 = chat(201, 101, "xx").to_vec();
    *not_utf8.last_mut().unwrap() = 0xff;
    fixture.send(peer, &not_utf8);
    fixture.send_message(peer, &quit(101, "not behind it"));
    fixture.send_message(peer, &quit(77, "a server"));
    fixture.send_message(peer, &status(999, 101, 1, "from nobody"));
    fixture.send_message(peer, &chat(201, 201, "back where it came from"));
    fixture.send_message(peer, &chat(201, 101, "good"));
    fixture.send_message(peer, &status(77, 101, 1, "good"));
    fixture.soon();
    assert_eq!(
        fixture.received(client),
        [chat(201, 101, "good"), status(77, 101, 1, "good")]
    );
    assert_eq!(
        fixture.received(peer),
        [
            status(1, 77, 1, "Unknown ID 101"),
            status(1, 201, 1, "Unknown ID 201"),
        ]
    );
    assert!(
        !fixture.peers[peer].ended,
        "races make this legitimate between servers"
    );
    fixture.send(peer, &[0x17]);
    assert!(closed(&mut fixture, peer), "but the boundary is lost now");
    assert_eq!(fixture.received(client), [quit(201, NETSPLIT)]);
}

#[test]
fn the_loss_of_a_server_is_sent_as_a_quit_of_each_host_behind_it() {
    let (mut fixture, peer) = with_v2_neighbour();
    let client = fixture.v2_client(0, 101);
    let other = fixture.connect(0);
    fixture.send_message(other, &registration(Kind::Server, 88, None, "info"));
    fixture.soon();
    fixture.send_message(
        other,
        &registration(Kind::Server, 88, None, "info [crc2;f=server-quit]"),
    );
    fixture.soon();
    for (kind, host) in [(Kind::Client, 201), (Kind::Server, 78), (Kind::Client, 202)] {
        fixture.send_message(peer, &registration(kind, host, Some(77), "info"));
    }
    fixture.soon();
    fixture.received(client);
    fixture.received(other);
    fixture.close_peer(peer);
    fixture.soon();
    let why = NETSPLIT;
    assert_eq!(fixture.received(client), [quit(201, why), quit(202, why)]);
    let server_quit = |source| {
        Message::ServerQuit(crc_wire::ServerQuit {
            source: id(source),
            replacement: None,
            text: crc_wire::Text::new(why).unwrap(),
        })
    };
    let received = [
        quit(201, why),
        quit(202, why),
        server_quit(78),
        server_quit(77),
    ];
    assert_eq!(fixture.received(other), received);
    assert_eq!(fixture.known(0), [(88, 88), (101, 101)].into());
}

#[test]
fn a_long_quit_text_is_not_repeated_for_the_hosts_behind() {
    let (mut fixture, peer) = with_v2_neighbour();
    let client = fixture.v2_client(0, 101);
    for host in 1_000..1_100 {
        fixture.send_message(peer, &registration(Kind::Client, host, Some(77), "info"));
    }
    fixture.soon();
    fixture.received(client);
    let leaves = Message::ServerQuit(crc_wire::ServerQuit {
        source: id(77),
        replacement: None,
        text: crc_wire::Text::new("x".repeat(60_000)).unwrap(),
    });
    fixture.send_message(peer, &leaves);
    fixture.soon();
    assert!(fixture.peers[client].bytes.len() < 60_000);
    let quits = (1_000..1_100).map(|host| quit(host, NETSPLIT));
    let quits: Vec<_> = quits.collect();
    assert_eq!(fixture.received(client), quits);
}

#[test]
fn a_leave_is_announced_in_each_protocol() {
    let (mut fixture, v2) = with_v2_neighbour();
    let client = fixture.v2_client(0, 101);
    fixture.soon();
    let original_client = fixture.client(0, 102);
    let v1 = fixture.connect(0);
    fixture.send_message(v1, &registration(Kind::Server, 88, None, "info"));
    fixture.send_message(v1, &registration(Kind::Client, 201, Some(88), "info"));
    fixture.run(Duration::from_secs(2));
    for peer in [v2, client, original_client, v1] {
        fixture.received(peer);
    }
    let reason = "maintenance".into();
    fixture.handle(0, Event::Command(ServerCommand::Leave { reason }));
    fixture.run(Duration::from_secs(3));
    let server_quit = Message::ServerQuit(crc_wire::ServerQuit {
        source: id(1),
        replacement: None,
        text: crc_wire::Text::new("maintenance").unwrap(),
    });
    assert_eq!(fixture.received(v2), [server_quit]);
    assert_eq!(
        fixture.received(client),
        [status(1, 101, 0x102, "Server leaving: maintenance")]
    );
    assert_eq!(fixture.received(original_client), []);
    assert_eq!(
        fixture.received(v1),
        [quit(101, "maintenance"), quit(102, "maintenance")]
    );
    assert!(fixture.nodes[0].stopped);
}

#[test]
fn the_parents_client_wins_and_the_childs_yields() {
    // A server with a client 101 that links to a server with another 101.
    let mut fixture = Fixture::new(1);
    fixture.listen_peer("r0");
    let mut config = config(0);
    config.connect = vec!["r0:1".parse().unwrap()];
    let server = fixture.server_with(config);
    let loser = fixture.v2_client(server, 101);
    let witness = fixture.v2_client(server, 102);
    fixture.soon();
    let parent = fixture.peer_listeners["r0"][0];
    fixture.send_message(parent, &registration(Kind::Server, 77, None, "info"));
    fixture.send_message(
        parent,
        &registration(Kind::Server, 77, None, "info [crc2;r=0;f=server-quit]"),
    );
    fixture.soon();
    for peer in [loser, witness, parent] {
        fixture.received(peer);
    }
    fixture.send_message(
        parent,
        &registration(Kind::Client, 101, Some(77), "the other"),
    );
    fixture.soon();
    let taken = "Someone has already registered with ID 101";
    assert_eq!(fixture.received(loser), [status(1, 0, 2, taken)]);
    assert!(fixture.peers[loser].ended);
    let quit = quit(101, "replaced by another client with its id");
    let joined = registration(Kind::Client, 101, Some(1), "the other");
    assert_eq!(fixture.received(witness), [quit.clone(), joined]);
    assert_eq!(fixture.received(parent), [quit]);
    assert_eq!(
        fixture.known(server),
        [(77, 77), (101, 77), (102, 102)].into()
    );

    // A child that announces another 102 gets a refusal.
    let child = fixture.connect(server);
    fixture.send_message(child, &registration(Kind::Server, 88, None, "info"));
    fixture.send_message(
        child,
        &registration(Kind::Server, 88, None, "info [crc2;f=]"),
    );
    fixture.soon();
    fixture.received(child);
    fixture.send_message(
        child,
        &registration(Kind::Client, 102, Some(88), "the other"),
    );
    fixture.soon();
    let taken = "Someone has already registered with ID 102";
    assert_eq!(fixture.received(child), [status(1, 0, 2, taken)]);
    assert_eq!(fixture.known(server)[&102], 102);
}

/// A v1 client fails when it reads more than one chunk.
#[test]
fn an_evicted_v1_client_gets_no_refusal_behind_a_chunk() {
    for pause in [5, 20] {
        let mut fixture = Fixture::new(1);
        let server = server_with_uplinks(&mut fixture, &["r0"]);
        let loser = fixture.client(server, 101);
        fixture.soon();
        let parent = fixture.newest("r0");
        fixture.introduce_v2(parent, 77, "r=0;f=server-quit");
        fixture.run(Duration::from_secs(3));
        fixture.received(loser);
        let other = registration(Kind::Client, 102, Some(77), "other");
        fixture.send_message(parent, &other);
        fixture.run(Duration::from_millis(pause));
        let other = registration(Kind::Client, 102, Some(1), "other");
        assert_eq!(fixture.received(loser), [other]);
        fixture.send_message(parent, &registration(Kind::Client, 101, Some(77), "thief"));
        fixture.soon();
        let taken = status(1, 0, 2, "Someone has already registered with ID 101");
        let expected = if pause < 7 { vec![] } else { vec![taken] };
        assert_eq!(fixture.received(loser), expected, "{pause} ms");
        assert!(fixture.peers[loser].ended);
        assert_eq!(fixture.known(server)[&101], 77);
    }
}

#[test]
fn a_ghost_of_a_v1_server_yields_to_the_real_route() {
    let (mut fixture, v2) = with_v2_neighbour();
    let v1 = fixture.connect(0);
    let hosts = [(Kind::Server, 300), (Kind::Client, 301)];
    fixture.send_message(v1, &registration(Kind::Server, 88, None, "info"));
    for (kind, host) in hosts {
        fixture.send_message(v1, &registration(kind, host, Some(88), "info"));
    }
    fixture.run(Duration::from_secs(2));
    let client = fixture.v2_client(0, 101);
    fixture.soon();
    fixture.received(client);
    for (kind, host) in hosts {
        fixture.send_message(v2, &registration(kind, host, Some(77), "info"));
    }
    fixture.soon();
    assert_eq!(
        fixture.known(0),
        [(77, 77), (88, 88), (101, 101), (300, 77), (301, 77)].into()
    );
    let again = registration(Kind::Client, 301, Some(1), "info");
    assert_eq!(fixture.received(client), [quit(301, "moved"), again]);
    // The v1 server is no ghost of itself.
    fixture.send_message(v2, &registration(Kind::Server, 88, Some(77), "info"));
    assert!(closed(&mut fixture, v2));
    assert_eq!(fixture.known(0), [(88, 88), (101, 101)].into());
}

#[test]
fn queues_are_bounded_by_role_and_burst() {
    let mut fixture = Fixture::new(1);
    let mut config = config(0);
    config.limits.client_queue_bytes_max = 3_000;
    config.limits.server_queue_bytes_max = 5_000;
    let server = fixture.server_with(config);
    let first = fixture.v2_client(server, 101);
    fixture.soon();
    let client = fixture.v2_client(server, 102);
    fixture.soon();
    let peer = fixture.connect(server);
    fixture.send_message(peer, &registration(Kind::Server, 77, None, "info"));
    fixture.send_message(
        peer,
        &registration(Kind::Server, 77, None, "info [crc2;f=]"),
    );
    fixture.soon();
    let bound = |peer: usize| fixture.link_to(peer).expect("it is linked").1;
    // A burst comes in slices: however long it is, a few frames of it wait.
    let slices = 2 * 2_048;
    assert_eq!(bound(first), 3_000 + 2 * (3_000 / 64) + slices);
    assert_eq!(bound(client), bound(first));
    assert_eq!(bound(peer), 5_000 + 2 * (5_000 / 64) + slices);

    // What the server holds back for a v1 node is bounded, too.
    let v1 = fixture.client(server, 103);
    fixture.run(Duration::from_millis(50));
    fixture.received(first);
    let words = chat(101, 103, &"x".repeat(1000));
    (0..2).for_each(|_| fixture.send_message(first, &words));
    fixture.soon();
    assert!(!fixture.peers[v1].ended);
    (0..4).for_each(|_| fixture.send_message(first, &words));
    assert!(closed(&mut fixture, v1), "a slow consumer");
    fixture.soon();
    let heard = fixture.received(first);
    assert!(heard.contains(&quit(103, "too slow")), "{heard:?}");
}

#[test]
fn an_indirect_route_yields_to_a_direct_link() {
    for v2 in [false, true] {
        let (mut fixture, neighbour) = with_v2_neighbour();
        // Known without a machine part: announced through a v1 server.
        fixture.send_message(
            neighbour,
            &registration(Kind::Server, 300, Some(77), "info"),
        );
        fixture.soon();
        let itself = fixture.connect(0);
        fixture.send_message(itself, &registration(Kind::Server, 300, None, "info"));
        fixture.soon();
        assert_eq!(fixture.received(neighbour), [], "nothing is said of it yet");
        assert_eq!(fixture.known(0), [(77, 77), (300, 300)].into());
        if v2 {
            let info = "info [crc2;r=3;f=server-quit]";
            fixture.send_message(itself, &registration(Kind::Server, 300, None, info));
            fixture.soon();
            let received = fixture.received(neighbour);
            // It is linked to this server, which others are told.
            let passed_on = info.replace(']', ";h=1]");
            let passed_on = registration(Kind::Server, 300, Some(1), &passed_on);
            assert_eq!(received, [passed_on]);
        } else {
            fixture.run(Duration::from_millis(1_100));
            assert!(
                closed(&mut fixture, itself),
                "a v1 server is refused after all"
            );
            assert_eq!(fixture.received(neighbour), []);
            assert_eq!(fixture.known(0), [(77, 77), (300, 77)].into());
        }
    }
}

#[test]
fn a_server_with_another_description_is_no_indirect_route() {
    let (mut fixture, neighbour) = with_v2_neighbour();
    let machine = "info [crc2;r=3;f=server-quit]";
    fixture.send_message(
        neighbour,
        &registration(Kind::Server, 300, Some(77), "info"),
    );
    fixture.send_message(
        neighbour,
        &registration(Kind::Server, 301, Some(77), machine),
    );
    fixture.soon();
    for (id, info) in [(300, "somebody else"), (301, "info")] {
        let peer = fixture.connect(0);
        fixture.send_message(peer, &registration(Kind::Server, id, None, info));
        assert!(closed(&mut fixture, peer));
        let refusal = format!("A machine has already registered with ID {id}");
        assert_eq!(fixture.received(peer), [status(1, 0, 2, &refusal)]);
    }
}

#[test]
fn an_info_of_any_length_is_kept_and_relayed_cut() {
    let (mut fixture, peer) = with_v2_neighbour();
    let client = fixture.v2_client(0, 101);
    fixture.soon();
    fixture.received(client);
    let long = "é".repeat(30_000);
    let cut = "é".repeat(512);
    for info in [long.clone(), long.clone() + " [crc2;f=]", cut.clone()] {
        fixture.send_message(peer, &registration(Kind::Client, 201, Some(77), &info));
    }
    fixture.soon();
    // Told once: the same text, cut, is no change.
    assert_eq!(
        fixture.received(client),
        [registration(Kind::Client, 201, Some(1), &cut)]
    );
    let machine = format!("info [crc2;r=3;z={};f=]", "z".repeat(2_000));
    fixture.send_message(peer, &registration(Kind::Server, 78, Some(77), &machine));
    fixture.soon();
    let host = |id: u32| {
        let snapshot = fixture.nodes[0].server.snapshot();
        let host = snapshot.directory().find(fixture::id(id)).unwrap();
        (host.info().len(), host.machine().is_some())
    };
    assert_eq!(host(201), (1_024, false));
    assert_eq!(host(78), (4, false));
}
