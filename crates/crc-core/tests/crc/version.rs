//! The version of a peer, and what v1 nodes get.

use super::*;

#[test]
fn a_server_that_is_silent_or_replies_like_v1_is_taken_for_v1() {
    for answers in [false, true] {
        let (mut fixture, server) = alone();
        fixture.client(server, 101);
        fixture.soon();
        let peer = fixture.connect(server);
        fixture.send_message(peer, &registration(Kind::Server, 77, None, "info"));
        fixture.soon();
        fixture.received(peer);
        if answers {
            let refusal = "A machine has already registered with ID 1";
            fixture.send_message(peer, &status(1, 0, 2, refusal));
            fixture.soon();
        } else {
            fixture.run(Duration::from_millis(1010));
        }
        assert_eq!(
            fixture.received(peer),
            [registration(Kind::Client, 101, Some(1), "info")]
        );
        assert_eq!(fixture.status_log(server), [""; 0]);
        // V1 servers introduce themselves again, which gets no reply.
        fixture.send_message(peer, &registration(Kind::Server, 77, Some(77), "info"));
        fixture.send_message(peer, &registration(Kind::Server, 78, Some(77), "behind"));
        fixture.send_message(peer, &registration(Kind::Server, 1, Some(77), "ourselves"));
        fixture.send_message(peer, &registration(Kind::Client, 101, Some(77), "an echo"));
        fixture.soon();
        assert_eq!(fixture.received(peer), []);
        // It got a wrong quit, and gets the registration again.
        fixture.send_message(peer, &quit(101, "not its client"));
        fixture.soon();
        assert_eq!(
            fixture.received(peer),
            [registration(Kind::Client, 101, Some(1), "info")]
        );
        assert_eq!(
            fixture.known(server),
            [(77, 77), (78, 77), (101, 101)].into()
        );
    }
}

#[test]
fn a_client_that_announces_itself_during_its_burst_gets_the_rest() {
    let (mut fixture, server) = alone();
    let peer = fixture.connect(server);
    fixture.introduce_v2(peer, 77, "f=server-quit");
    let info = "i".repeat(400);
    for client in 0..100 {
        fixture.send_message(
            peer,
            &registration(Kind::Client, 1000 + client, Some(77), &info),
        );
    }
    fixture.soon();
    let client = fixture.client(server, 101);
    fixture.soon();
    let announcement = registration(Kind::Client, 101, None, "info [crc2;f=]");
    fixture.send_message(client, &announcement);
    fixture.run(Duration::from_secs(3));
    let received = fixture.received(client);
    let hosts = received
        .iter()
        .filter(|it| matches!(it, Message::ClientRegistration(_)));
    assert_eq!(hosts.count(), 100);
}

#[test]
fn v1_nodes_get_small_writes_with_pauses_and_no_long_frames() {
    let (mut fixture, server) = alone();
    let mut clients = Vec::new();
    for client in 0..300 {
        clients.push(fixture.v2_client(server, 1000 + client));
    }
    fixture.soon();
    let v1 = fixture.client(server, 101);
    let neighbour = fixture.connect(server);
    fixture.send_message(neighbour, &registration(Kind::Server, 77, None, "info"));
    fixture.run(Duration::from_secs(5));
    for peer in [v1, neighbour] {
        let pieces = std::mem::take(&mut fixture.peers[peer].writes);
        assert!(pieces.len() >= 7, "{}", pieces.len());
        for pair in pieces.windows(2) {
            let pause = pair[1].0.since(pair[0].0);
            assert!(pause >= Duration::from_millis(5), "{pause:?}");
        }
        for (_, piece) in pieces {
            assert!(piece.len() <= 1024);
            fixture::messages(&piece);
        }
    }
    let last = *clients.last().unwrap();
    fixture.send_message(
        neighbour,
        &registration(Kind::Client, 201, Some(77), "info"),
    );
    fixture.soon();
    fixture.received(last);
    fixture.received(v1);
    fixture.received(neighbour);
    let fits = "x".repeat(1024 - 13);
    fixture.send_message(last, &chat(1299, 101, &fits));
    fixture.send_message(last, &chat(1299, 101, &format!("{fits}x")));
    fixture.send_message(last, &chat(1299, 201, &format!("{fits}x")));
    fixture.send_message(last, &chat(1299, 201, "Grüße"));
    fixture.send_message(last, &chat(1299, 101, "Grüße"));
    // The order of what comes from two peers is not defined.
    fixture.soon();
    fixture.send_message(v1, &chat(101, 201, &format!("{fits}x")));
    fixture.run(Duration::from_secs(1));
    assert_eq!(
        fixture.received(v1),
        [
            chat(1299, 101, &fits),
            chat(1299, 101, "Grüße"),
            status(1, 101, 1, "Unknown ID 201"),
        ]
    );
    assert_eq!(fixture.received(neighbour), [chat(1299, 201, "Gr??e")]);
    assert_eq!(
        fixture.received(last),
        [
            status(1, 1299, 0x101, "Message too long for ID 101"),
            status(1, 1299, 0x101, "Message too long for ID 201"),
        ]
    );
}

#[test]
fn a_server_of_unknown_version_gets_an_introduction_only() {
    let (mut fixture, server) = alone();
    let client = fixture.v2_client(server, 101);
    fixture.soon();
    let peer = fixture.connect(server);
    fixture.send_message(peer, &registration(Kind::Server, 77, None, "info"));
    fixture.send_message(peer, &registration(Kind::Client, 201, Some(77), "info"));
    fixture.soon();
    fixture.received(peer);
    fixture.send_message(client, &chat(101, 201, "early"));
    fixture.client(server, 102);
    fixture.soon();
    assert_eq!(fixture.received(peer), []);
    fixture.send_message(
        peer,
        &registration(Kind::Server, 77, None, "info [crc2;f=]"),
    );
    fixture.soon();
    let mut heard = fixture.received(peer);
    assert_eq!(heard.pop(), Some(chat(101, 201, "early")));
    assert_eq!(heard.len(), 2, "behind the listing of 101 and 102");
}

#[test]
fn a_late_announcement_is_followed_by_what_v1_does_not_get() {
    let (mut fixture, v2) = with_v2_neighbour();
    fixture.send_message(
        v2,
        &registration(Kind::Server, 78, Some(77), "info [crc2;r=2;f=]"),
    );
    fixture.soon();
    let late = fixture.connect(0);
    fixture.send_message(late, &registration(Kind::Server, 88, None, "info"));
    fixture.run(Duration::from_secs(2));
    assert_eq!(
        fixture.received(late).len(),
        4,
        "taken for v1, with two servers in the burst"
    );
    let quit = |source| {
        Message::ServerQuit(crc_wire::ServerQuit {
            source: id(source),
            replacement: None,
            text: crc_wire::Text::new("it left before").unwrap(),
        })
    };
    fixture.send_message(v2, &quit(78));
    fixture.soon();
    assert_eq!(fixture.received(late), []);
    let info = "info [crc2;r=1;f=server-quit]";
    fixture.send_message(late, &registration(Kind::Server, 88, None, info));
    fixture.soon();
    let info = "info [crc2;r=1;f=server-quit;h=1]";
    let machine = registration(Kind::Server, 77, Some(1), info);
    assert_eq!(fixture.received(late), [quit(78), machine]);
}

#[test]
fn a_v1_uplink_that_refuses_for_ever_gets_an_alias() {
    let mut fixture = Fixture::new(1);
    fixture.listen_peer("r0");
    let mut config = config(0);
    config.connect = vec!["r0:1".parse().unwrap()];
    let server = fixture.server_with(config);
    let client = fixture.v2_client(server, 101);
    fixture.soon();
    let v1 = registration(Kind::Server, 77, None, "info");
    let first = fixture.peer_listeners["r0"][0];
    fixture.send_message(first, &v1);
    fixture.run(Duration::from_secs(2));
    fixture.close_peer(first);
    fixture.run(Duration::from_secs(1));
    // It is back, remembers every host, and keeps the connection open.
    let second = fixture.peer_listeners["r0"][1];
    let refusal = status(77, 0, 2, "A machine has already registered with ID 1");
    fixture.send_message(second, &refusal);
    fixture.run(Duration::from_millis(1_900));
    assert!(!fixture.peers[second].ended);
    fixture.run(Duration::from_secs(1));
    assert!(fixture.peers[second].ended);
    let third = fixture.peer_listeners["r0"][2];
    let Message::ServerRegistration(introduction) = &fixture.received(third)[0] else {
        panic!();
    };
    let alias = introduction.source.get();
    assert_ne!(alias, 1);
    fixture.send_message(third, &v1);
    // Its burst: ghosts of the server and its client, and a client of its own.
    fixture.send_message(third, &registration(Kind::Server, 1, Some(77), "Server 0"));
    fixture.send_message(third, &registration(Kind::Client, 101, Some(77), "info"));
    fixture.send_message(third, &registration(Kind::Client, 201, Some(77), "info"));
    fixture.soon();
    let Message::ServerRegistration(announcement) = &fixture.received(third)[0] else {
        panic!();
    };
    assert_eq!(announcement.source.get(), alias);
    let answer = format!("A machine has already registered with ID {alias}");
    fixture.send_message(third, &status(alias, 0, 2, &answer));
    fixture.run(Duration::from_secs(1));
    let again = registration(Kind::Client, 101, Some(alias), "info");
    assert_eq!(fixture.received(third), [quit(101, "moved"), again.clone()]);
    // It may have forgotten the client because of its echo, and gets it again.
    fixture.send_message(third, &quit(101, "an echo"));
    fixture.run(Duration::from_millis(50));
    assert_eq!(fixture.received(third), [again]);
    fixture.v2_client(server, 102);
    fixture.soon();
    let joined = registration(Kind::Client, 102, Some(alias), "info");
    assert_eq!(fixture.received(third), [joined]);
    assert_eq!(
        fixture.known(server),
        [(77, 77), (101, 101), (102, 102), (201, 77)].into()
    );
    fixture.received(client);
    fixture.send_message(third, &chat(201, 101, "welcome back"));
    fixture.soon();
    assert_eq!(fixture.received(client), [chat(201, 101, "welcome back")]);
    let log = ["A machine has already registered with ID 1"];
    assert_eq!(
        fixture.status_log(server),
        log,
        "the refusal, and no answer"
    );
}

#[test]
fn a_v2_server_is_linked_to_under_the_own_id_again() {
    let mut fixture = Fixture::new(1);
    fixture.listen_peer("r0");
    let mut config = config(0);
    config.connect = vec!["r0:1".parse().unwrap()];
    fixture.server_with(config);
    fixture.soon();
    let hello = registration(Kind::Server, 77, None, "info");
    let announcement = registration(Kind::Server, 77, None, "info [crc2;r=0;f=]");
    let first = fixture.peer_listeners["r0"][0];
    fixture.send_message(first, &hello);
    fixture.send_message(first, &announcement);
    fixture.soon();
    fixture.close_peer(first);
    fixture.run(Duration::from_secs(1));
    // A refusal whose link ends late looks like one of a v1 server.
    let refusal = status(77, 0, 2, "A machine has already registered with ID 1");
    fixture.send_message(fixture.peer_listeners["r0"][1], &refusal);
    fixture.run(Duration::from_secs(3));
    let third = fixture.peer_listeners["r0"][2];
    fixture.send_message(third, &hello);
    fixture.send_message(third, &announcement);
    assert!(closed(&mut fixture, third));
    fixture.run(Duration::from_secs(10));
    let fourth = fixture.peer_listeners["r0"][3];
    let Message::ServerRegistration(introduction) = &fixture.received(fourth)[0] else {
        panic!();
    };
    assert_eq!(introduction.source.get(), 1);
}

#[test]
fn an_announcement_after_a_crossing_link_has_ended_is_no_introduction() {
    let mut fixture = Fixture::new(1);
    let server = server_with_uplinks(&mut fixture, &["r0"]);
    let uplink = fixture.newest("r0");
    // It dials the server at the same moment, and closes that link.
    let crossing = fixture.connect(server);
    fixture.send_message(crossing, &registration(Kind::Server, 77, None, "info"));
    fixture.soon();
    fixture.send_message(uplink, &registration(Kind::Server, 77, None, "info"));
    fixture.soon();
    fixture.close_peer(crossing);
    fixture.soon();
    let info = "info [crc2;r=4;f=server-quit]";
    fixture.send_message(uplink, &registration(Kind::Server, 77, None, info));
    fixture.soon();
    let snapshot = fixture.nodes[server].server.snapshot();
    let host = snapshot.directory().find(fixture::id(77)).unwrap();
    assert_eq!(host.info(), "info");
    assert_eq!(host.machine(), Some(" [crc2;r=4;f=server-quit;h=1]"));
    assert_eq!(snapshot.rank(), 5);
    assert!(!fixture.peers[uplink].ended);
}
