//! One server and its peers, message by message.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may fail"
)]

mod fixture;

use std::time::Duration;

use crc_core::{Event, ServerCommand};
use crc_wire::Message;
use fixture::{Fixture, Kind, chat, config, id, quit, registration, status};

/// A server alone, and a connection to it.
fn alone() -> (Fixture, usize) {
    let mut fixture = Fixture::new(1);
    let server = fixture.server(None);
    (fixture, server)
}

/// A server with one neighbour, a scripted v2 server with id 77. What both sent so far is
/// discarded.
fn with_v2_neighbour() -> (Fixture, usize) {
    let (mut fixture, server) = alone();
    let peer = fixture.connect(server);
    fixture.send_message(peer, &registration(Kind::Server, 77, None, "info"));
    fixture.soon();
    let info = "info [crc2;r=1;f=server-quit]";
    fixture.send_message(peer, &registration(Kind::Server, 77, None, info));
    fixture.soon();
    fixture.received(peer);
    (fixture, peer)
}

fn closed(fixture: &mut Fixture, peer: usize) -> bool {
    fixture.soon();
    fixture.peers[peer].ended
}

#[test]
fn a_client_is_answered_byte_for_byte() {
    let (mut fixture, server) = alone();
    let first = fixture.client(server, 101);
    fixture.soon();
    let welcome = "01 00000001 00000065 0000 00000032";
    let text = "Welcome to the Clemson Relay Chat network host101";
    let mut expected = bytes(&welcome.replace("00000032", &format!("{:08x}", text.len())));
    expected.extend(text.as_bytes());
    assert_eq!(fixture.peers[first].bytes, expected);

    let second = fixture.client(server, 102);
    fixture.soon();
    let heard = fixture.received(second);
    assert_eq!(
        heard[1..],
        [registration(Kind::Client, 101, Some(1), "info")]
    );
    fixture.received(first);
    fixture.run(Duration::from_millis(20));
    let received = registration(Kind::Client, 102, Some(1), "info");
    assert_eq!(fixture.received(first), []);
    let third = fixture.client(server, 103);
    fixture.run(Duration::from_millis(20));
    assert_eq!(
        fixture.received(second),
        [registration(Kind::Client, 103, Some(1), "info")]
    );
    assert_eq!(fixture.received(third)[1..].len(), 2);
    assert_ne!(received, registration(Kind::Client, 103, Some(1), "info"));
}

fn bytes(hex: &str) -> Vec<u8> {
    let hex: String = hex.split_whitespace().collect();
    let pair = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(pair).collect()
}

#[test]
fn chats_are_relayed_byte_for_byte_or_answered() {
    let (mut fixture, server) = alone();
    let one = fixture.v2_client(server, 101);
    let two = fixture.v2_client(server, 102);
    fixture.soon();
    fixture.received(one);
    fixture.received(two);
    fixture.send_message(one, &chat(101, 102, "\"Grüße\""));
    fixture.send_message(one, &chat(101, 9, "nobody"));
    fixture.send_message(one, &chat(101, 0, "nobody"));
    fixture.send_message(one, &chat(101, 1, "a server"));
    fixture.send_message(one, &chat(101, 101, "myself"));
    fixture.soon();
    assert_eq!(fixture.received(two), [chat(101, 102, "\"Grüße\"")]);
    assert_eq!(
        fixture.received(one),
        [
            status(1, 101, 1, "Unknown ID 9"),
            status(1, 101, 1, "Unknown ID 0"),
            status(1, 101, 1, "Unknown ID 1"),
            chat(101, 101, "myself"),
        ]
    );
}

#[test]
fn a_taken_id_is_refused_and_changes_nothing() {
    let (mut fixture, server) = alone();
    let first = fixture.client(server, 101);
    fixture.soon();
    fixture.received(first);
    for (kind, taken, text) in [
        (
            Kind::Client,
            101,
            "Someone has already registered with ID 101",
        ),
        (Kind::Client, 1, "Someone has already registered with ID 1"),
        (
            Kind::Server,
            101,
            "A machine has already registered with ID 101",
        ),
        (
            Kind::Server,
            1,
            "A machine has already registered with ID 1",
        ),
    ] {
        let peer = fixture.connect(server);
        fixture.send_message(peer, &registration(kind, taken, None, "other"));
        fixture.soon();
        assert_eq!(fixture.received(peer), [status(1, 0, 2, text)]);
        assert!(fixture.peers[peer].ended);
    }
    assert_eq!(fixture.received(first), []);
    assert_eq!(fixture.known(server).len(), 1);
}

#[test]
fn a_quit_or_a_lost_connection_is_relayed_once() {
    let (mut fixture, server) = alone();
    let one = fixture.v2_client(server, 101);
    let two = fixture.v2_client(server, 102);
    let three = fixture.v2_client(server, 103);
    fixture.soon();
    fixture.received(one);
    fixture.send_message(two, &quit(102, "bye"));
    fixture.send_message(two, &chat(102, 101, "too late"));
    fixture.soon();
    fixture.close_peer(three);
    fixture.soon();
    let lost = quit(103, "the peer closed the connection");
    assert_eq!(fixture.received(one), [quit(102, "bye"), lost]);
    assert!(fixture.peers[two].ended, "a client that quits is closed");
    assert_eq!(fixture.known(server).len(), 1);
}

#[test]
fn unregistered_links_and_clients_are_closed_for_frames_they_may_not_send() {
    let long_name = Message::ClientRegistration(crc_wire::Registration {
        source: id(500),
        last_hop: None,
        name: crc_wire::Name::new("n".repeat(65)).unwrap(),
        info: crc_wire::Info::default(),
    });
    let mut huge = chat(101, 102, "").to_vec();
    huge[9..13].copy_from_slice(&[0xff; 4]);
    let mut not_utf8 = chat(101, 102, "xx").to_vec();
    *not_utf8.last_mut().unwrap() = 0xff;
    let over_limit = chat(101, 102, &"x".repeat(64 * 1024 + 1)).to_vec();
    let second = registration(Kind::Client, 555, None, "info").to_vec();
    let server = registration(Kind::Server, 556, None, "info").to_vec();
    let machine_part = registration(Kind::Client, 557, None, "x [crc2;f=]").to_vec();
    for (registered, bad) in [
        (false, vec![0x17, 0, 0]),
        (false, chat(500, 101, "early").to_vec()),
        (false, status(1, 0, 0, "early").to_vec()),
        (false, quit(101, "early").to_vec()),
        (false, long_name.to_vec()),
        (false, machine_part),
        (
            false,
            registration(Kind::Client, 558, None, &"i".repeat(513)).to_vec(),
        ),
        (
            false,
            registration(Kind::Client, 559, None, &"i".repeat(2000)).to_vec(),
        ),
        (true, vec![0x17]),
        (true, huge),
        (true, over_limit),
        (true, not_utf8),
        (true, chat(102, 103, "spoofed").to_vec()),
        (true, second),
        (true, server),
        (true, quit(102, "spoofed").to_vec()),
        (true, status(101, 102, 0, "not a client's").to_vec()),
    ] {
        let (mut fixture, node) = alone();
        let other = fixture.v2_client(node, 103);
        let peer = if registered {
            fixture.v2_client(node, 101)
        } else {
            fixture.connect(node)
        };
        let third = fixture.v2_client(node, 102);
        fixture.soon();
        fixture.received(other);
        fixture.received(third);
        fixture.send(peer, &bad);
        assert!(closed(&mut fixture, peer), "{bad:02x?}");
        let received: Vec<_> = registered
            .then(|| quit(101, "protocol error"))
            .into_iter()
            .collect();
        assert_eq!(
            fixture.received(other),
            received,
            "nothing of it is relayed: {bad:02x?}"
        );
        fixture.send_message(third, &chat(102, 103, "still here"));
        fixture.soon();
        assert_eq!(fixture.received(other), [chat(102, 103, "still here")]);
    }
}

#[test]
fn a_text_at_the_limit_passes() {
    let (mut fixture, server) = alone();
    let one = fixture.v2_client(server, 101);
    let two = fixture.v2_client(server, 102);
    fixture.soon();
    fixture.received(two);
    let longest = chat(101, 102, &"x".repeat(64 * 1024));
    fixture.send_message(one, &longest);
    fixture.soon();
    assert_eq!(fixture.received(two), [longest]);
}

#[test]
fn an_unregistered_link_is_closed_after_ten_seconds() {
    let (mut fixture, server) = alone();
    let idle = fixture.connect(server);
    let slow = fixture.connect(server);
    fixture.send(slow, &[0x80, 0, 0]);
    let client = fixture.client(server, 101);
    fixture.run(Duration::from_millis(9_990));
    assert!(!fixture.peers[idle].ended && !fixture.peers[slow].ended);
    fixture.run(Duration::from_millis(20));
    assert!(fixture.peers[idle].ended && fixture.peers[slow].ended);
    fixture.rest();
    assert!(!fixture.peers[client].ended);
}

#[test]
fn a_full_directory_refuses_registrations() {
    let mut fixture = Fixture::new(1);
    let mut config = config(0);
    config.limits.hosts_max = 2;
    let server = fixture.server_with(config);
    let peers = [101, 102, 103].map(|client| fixture.client(server, client));
    fixture.soon();
    let ended = peers.map(|peer| fixture.peers[peer].ended);
    assert_eq!(ended, [false, false, true]);
    assert_eq!(fixture.known(server).len(), 2);
}

#[test]
fn a_client_that_is_too_fast_is_closed() {
    let mut fixture = Fixture::new(1);
    let mut config = config(0);
    config.limits.client_chats_per_second = 10;
    config.limits.client_registrations_per_second = 10;
    let server = fixture.server_with(config);
    for message in [
        chat(101, 9, "hi"),
        registration(Kind::Client, 101, None, "x [crc2]"),
    ] {
        let peer = fixture.client(server, 101);
        fixture.soon();
        (0..10).for_each(|_| fixture.send_message(peer, &message));
        assert!(!closed(&mut fixture, peer));
        fixture.run(Duration::from_secs(1));
        (0..11).for_each(|_| fixture.send_message(peer, &message));
        assert!(closed(&mut fixture, peer));
    }
}

#[test]
fn the_status_log_keeps_the_last_texts() {
    let mut fixture = Fixture::new(1);
    let mut config = config(0);
    config.limits.status_log_max = 2;
    let server = fixture.server_with(config);
    let peer = fixture.connect(server);
    fixture.send_message(peer, &registration(Kind::Server, 77, None, "info"));
    for text in ["a", "b", "c"] {
        fixture.send_message(peer, &status(77, 0, 1, text));
    }
    fixture.soon();
    assert_eq!(fixture.status_log(server), ["b", "c"]);
}

#[test]
fn v2_clients_get_the_features_and_later_a_status_that_they_are_known() {
    let (mut fixture, server) = alone();
    let peer = fixture.v2_client(server, 101);
    let again = registration(Kind::Client, 101, None, "info [crc2;f=]");
    fixture.soon();
    fixture.send_message(peer, &registration(Kind::Client, 101, None, "info"));
    fixture.send_message(peer, &again);
    fixture.soon();
    assert_eq!(
        fixture.received(peer)[1..],
        [
            status(1, 101, 0x100, "crc-caps 1 server-quit channels"),
            status(1, 0, 2, "Someone has already registered with ID 101"),
        ]
    );
    assert!(fixture.status_log(server).is_empty());
}

#[test]
fn a_client_gets_no_frames_about_servers_even_with_server_quit() {
    let (mut fixture, server) = with_v2_neighbour();
    let client = fixture.client(0, 101);
    let info = "info [crc2;f=server-quit]";
    fixture.send_message(client, &registration(Kind::Client, 101, None, info));
    fixture.soon();
    fixture.received(client);
    fixture.close_peer(server);
    fixture.soon();
    assert_eq!(fixture.received(client), []);
}

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
        let info = "Server 0 [crc2;a=127.0.0.1:1000;r=0;f=server-quit,channels]";
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
    assert_eq!(fixture.received(client), [quit(201, "protocol error")]);
}

#[test]
fn a_lost_server_takes_the_hosts_behind_it_along() {
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
    let why = "the peer closed the connection";
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
fn a_long_quit_text_is_cut_for_the_hosts_behind() {
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
    let why = "x".repeat(256);
    let quits: Vec<_> = (1_000..1_100).map(|host| quit(host, &why)).collect();
    assert_eq!(fixture.received(client), quits);
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
fn chats_held_for_a_server_that_ends_are_answered() {
    let (mut fixture, server) = alone();
    let client = fixture.v2_client(server, 101);
    fixture.soon();
    let peer = fixture.connect(server);
    fixture.send_message(peer, &registration(Kind::Server, 77, None, "info"));
    fixture.send_message(peer, &registration(Kind::Client, 201, Some(77), "info"));
    fixture.soon();
    fixture.received(client);
    fixture.send_message(client, &chat(101, 201, "too early"));
    fixture.soon();
    fixture.close_peer(peer);
    fixture.soon();
    let lost = quit(201, "the peer closed the connection");
    assert_eq!(
        fixture.received(client),
        [lost, status(1, 101, 1, "Unknown ID 201")]
    );
}

#[test]
fn a_server_introduces_itself_to_its_uplink_and_announces_later() {
    let mut fixture = Fixture::new(1);
    fixture.listen_peer("r0");
    let mut config = config(0);
    config.connect = vec!["r0:1".parse().unwrap()];
    let server = fixture.server_with(config);
    fixture.client(server, 101);
    fixture.run(Duration::from_millis(100));
    let peer = fixture.peer_listeners["r0"][0];
    let introduction = fixture.peers[peer].bytes.clone();
    let hex = "00 00000001 00000000 07 0008";
    assert_eq!(
        introduction,
        [bytes(hex), b"server0Server 0".to_vec()].concat()
    );
    fixture.received(peer);
    // The first registration is the neighbour's own, whatever its last hop.
    fixture.send_message(peer, &registration(Kind::Server, 77, Some(1), "info"));
    fixture.soon();
    let heard = fixture.received(peer);
    assert_eq!(heard.len(), 1, "the announcement");
    fixture.send_message(
        peer,
        &registration(Kind::Server, 77, None, "info [crc2;r=4;f=server-quit]"),
    );
    fixture.soon();
    let heard = fixture.received(peer);
    let Message::ServerRegistration(ranked) = &heard[0] else {
        panic!("{heard:?}");
    };
    assert!(ranked.info.as_str().contains(";r=5;"), "{}", ranked.info);
    assert_eq!(
        heard[1..],
        [registration(Kind::Client, 101, Some(1), "info")]
    );
}

#[test]
fn a_refused_dial_is_repeated_and_logged_once() {
    let mut fixture = Fixture::new(1);
    fixture.listen_peer("r0");
    let mut config = config(0);
    config.connect = vec!["r0:1".parse().unwrap()];
    let server = fixture.server_with(config);
    let text = "A machine has already registered with ID 1";
    for _ in 0..5 {
        fixture.soon();
        let peer = *fixture.peer_listeners["r0"].last().unwrap();
        fixture.send_message(peer, &status(9, 0, 2, text));
        fixture.run(Duration::from_secs(31));
    }
    assert!(fixture.peer_listeners["r0"].len() >= 5);
    assert_eq!(fixture.status_log(server), [text]);
}

#[test]
fn a_silent_server_has_time_to_introduce_itself() {
    let mut fixture = Fixture::new(1);
    fixture.listen_peer("r0");
    let mut config = config(0);
    config.connect = vec!["r0:1".parse().unwrap()];
    fixture.server_with(config);
    fixture.run(Duration::from_secs(15));
    let peer = fixture.peer_listeners["r0"][0];
    assert!(!fixture.peers[peer].ended);
    fixture.run(Duration::from_secs(10));
    assert!(fixture.peers[peer].ended, "but not for ever");
}

#[test]
fn servers_link_from_permitted_addresses_only() {
    let mut fixture = Fixture::new(1);
    let mut config = config(0);
    config.server_peers = vec!["10.0.0.0/8".parse().unwrap()];
    let server = fixture.server_with(config);
    let peer = fixture.connect(server);
    fixture.send_message(peer, &registration(Kind::Server, 77, None, "info"));
    assert!(closed(&mut fixture, peer));
    assert_eq!(fixture.received(peer), [], "it is told nothing");
    let client = fixture.client(server, 101);
    fixture.soon();
    assert!(!fixture.peers[client].ended);
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

#[test]
fn a_loop_is_cut() {
    let (mut fixture, peer) = with_v2_neighbour();
    let second = fixture.connect(0);
    fixture.send_message(second, &registration(Kind::Server, 88, None, "info"));
    fixture.send_message(
        second,
        &registration(Kind::Server, 88, None, "info [crc2;f=]"),
    );
    fixture.send_message(second, &registration(Kind::Client, 301, Some(88), "info"));
    fixture.soon();
    assert_eq!(fixture.known(0).len(), 3);
    fixture.send_message(second, &registration(Kind::Server, 77, Some(88), "info"));
    assert!(closed(&mut fixture, second));
    assert!(
        !fixture.peers[peer].ended,
        "the link that says so goes, not the other"
    );
    assert_eq!(fixture.known(0), [(77, 77)].into());
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
    let listing = registration(Kind::Client, 101, Some(1), "info")
        .to_vec()
        .len();
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
    assert_eq!(bound(first), 3_000);
    assert_eq!(bound(client), 3_000 + listing);
    assert_eq!(bound(peer), 5_000 + 2 * listing);

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
fn a_silent_server_is_pinged_and_then_closed() {
    let (mut fixture, peer) = with_v2_neighbour();
    fixture.run(Duration::from_secs(14));
    assert_eq!(fixture.received(peer), []);
    fixture.run(Duration::from_secs(2));
    assert_eq!(fixture.received(peer).len(), 1, "asked whether it is there");
    fixture.send_message(
        peer,
        &status(77, 0, 2, "A machine has already registered with ID 1"),
    );
    fixture.run(Duration::from_secs(20));
    assert!(!fixture.peers[peer].ended, "it is");
    fixture.run(Duration::from_secs(40));
    assert!(fixture.peers[peer].ended, "it is not any more");
    assert!(fixture.known(0).is_empty());
    assert_eq!(fixture.status_log(0), [""; 0]);
}

#[test]
fn a_server_that_comes_back_replaces_its_dead_link() {
    let (mut fixture, old) = with_v2_neighbour();
    let come_back = |fixture: &mut Fixture| {
        let new = fixture.connect(0);
        fixture.send_message(new, &registration(Kind::Server, 77, None, "info"));
        fixture.soon();
        new
    };
    let taken = status(1, 0, 2, "A machine has already registered with ID 77");
    // The old link may be alive: it is pinged, and the new one refused.
    let early = come_back(&mut fixture);
    assert_eq!(fixture.received(early), std::slice::from_ref(&taken));
    assert_eq!(fixture.received(old).len(), 1);
    fixture.run(Duration::from_secs(3));
    let early = come_back(&mut fixture);
    assert_eq!(fixture.received(early), std::slice::from_ref(&taken));
    // It has not answered for five seconds.
    fixture.run(Duration::from_secs(3));
    let new = come_back(&mut fixture);
    assert_eq!(
        fixture.received(new).len(),
        2,
        "introduction and announcement"
    );
    assert!(fixture.peers[old].ended);
    assert_eq!(fixture.known(0), [(77, 77)].into());

    // One that answers is not replaced.
    let other = come_back(&mut fixture);
    assert_eq!(fixture.received(other), std::slice::from_ref(&taken));
    fixture.send_message(
        new,
        &status(77, 0, 2, "A machine has already registered with ID 1"),
    );
    fixture.run(Duration::from_secs(6));
    let other = come_back(&mut fixture);
    assert_eq!(fixture.received(other), [taken]);
    assert!(!fixture.peers[new].ended);
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
    let machine = registration(Kind::Server, 77, Some(1), "info [crc2;r=1;f=server-quit]");
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
fn a_leaving_server_names_its_replacement() {
    let mut fixture = Fixture::new(1);
    let root = fixture.server(None);
    let children = [
        fixture.server(Some(root)),
        fixture.server(Some(root)),
        fixture.server(Some(root)),
    ];
    fixture.rest();
    let reason = "maintenance".into();
    fixture.handle(root, Event::Command(ServerCommand::Leave { reason }));
    fixture.run(Duration::from_millis(700));
    // At once, without pauses and failing dials: the first child is the root now, and the
    // others are linked to it.
    for child in &children[1..] {
        let uplink = fixture.nodes[*child].server.snapshot().uplink();
        assert_eq!(uplink.map(|(id, _)| id.get()), Some(2));
    }
    assert_eq!(fixture.known(children[0]), [(3, 3), (4, 4)].into());
}

#[test]
fn unsent_chats_are_answered() {
    use crc_core::{LinkDown, Unsent};
    let (mut fixture, server) = alone();
    let one = fixture.v2_client(server, 101);
    let two = fixture.v2_client(server, 102);
    fixture.soon();
    fixture.received(one);
    let (link, _) = fixture.link_to(two).expect("it is linked");
    let partly = chat(101, 102, "partly gone").to_vec();
    let whole = chat(101, 102, "never gone").to_vec();
    let queue = [partly, whole, quit(7, "x").to_vec()].concat();
    let unsent = Unsent {
        bytes: &queue,
        written: 3,
    };
    let why = LinkDown::PeerClosed;
    fixture.handle(server, Event::LinkDown { link, why, unsent });
    fixture.soon();
    let left = quit(102, "the peer closed the connection");
    assert_eq!(
        fixture.received(one),
        [left, status(1, 101, 1, "Unknown ID 102")]
    );
}

/// A server that dials scripted listeners, `rN:1`.
fn server_with_uplinks(fixture: &mut Fixture, listeners: &[&str]) -> usize {
    let mut config = config(0);
    for name in listeners {
        fixture.listen_peer(name);
        config.connect.push(format!("{name}:1").parse().unwrap());
    }
    fixture.server_with(config)
}

#[test]
fn the_own_address_is_not_dialled() {
    let mut fixture = Fixture::new(1);
    let server = server_with_uplinks(&mut fixture, &["r0"]);
    let uplink = fixture.newest("r0");
    fixture.introduce_v2(uplink, 77, "r=4;f=server-quit");
    // A host is announced at the server's own address: itself, under an earlier id.
    let ghost = "ghost [crc2;a=127.0.0.1:1000;r=0;f=server-quit]";
    fixture.send_message(uplink, &registration(Kind::Server, 88, Some(77), ghost));
    fixture.soon();
    fixture.close_peer(uplink);
    let dialled_before = fixture.peer_listeners["r0"].len();
    fixture.run(Duration::from_secs(120));
    let counters = *fixture.nodes[server].server.snapshot().counters();
    assert_eq!(counters.dials_failed, 0);
    assert_eq!(
        fixture.known(server),
        [].into(),
        "no server knows itself: {counters:?}"
    );
    assert!(
        fixture.peer_listeners["r0"].len() > dialled_before,
        "it goes on"
    );
}

#[test]
fn an_uplink_that_went_silent_is_dialled_last() {
    let mut fixture = Fixture::new(1);
    server_with_uplinks(&mut fixture, &["r0", "r1"]);
    let uplink = fixture.newest("r0");
    fixture.introduce_v2(uplink, 77, "r=4;f=server-quit");
    fixture.run(Duration::from_secs(46));
    assert!(fixture.peers[uplink].ended, "no word for 45 s");
    fixture.run(Duration::from_secs(1));
    assert_eq!(fixture.peer_listeners["r1"].len(), 1, "the other one first");
    assert_eq!(fixture.peer_listeners["r0"].len(), 1);
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
            assert_eq!(received, [registration(Kind::Server, 300, Some(1), info)]);
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
fn a_loop_is_refused_with_a_reason_and_not_dialled_again_soon() {
    let mut fixture = Fixture::new(1);
    let server = server_with_uplinks(&mut fixture, &["r0"]);
    let behind = fixture.connect(server);
    fixture.introduce_v2(behind, 88, "r=9;f=server-quit");
    let mut pauses = Vec::new();
    for round in 0..4 {
        let uplink = fixture.newest("r0");
        fixture.introduce_v2(uplink, 77, "r=4;f=server-quit");
        // Once this server finds the loop, then the other end does.
        if round % 2 == 0 {
            fixture.send_message(uplink, &registration(Kind::Server, 88, Some(77), "info"));
            fixture.soon();
            assert!(fixture.peers[uplink].ended);
            let why = "A machine has already registered with ID 88";
            assert!(fixture.received(uplink).contains(&status(1, 0, 2, why)));
        } else {
            let why = "A machine has already registered with ID 88";
            fixture.send_message(uplink, &status(77, 0, 2, why));
            fixture.soon();
            fixture.close_peer(uplink);
        }
        let before = fixture.peer_listeners["r0"].len();
        let since = fixture.now();
        while fixture.peer_listeners["r0"].len() == before {
            fixture.run(Duration::from_secs(1));
        }
        pauses.push(fixture.now().since(since).as_secs());
    }
    assert!(pauses[0] >= 5, "{pauses:?}");
    assert!(pauses[3] >= 20, "longer each time: {pauses:?}");
}

#[test]
fn a_server_without_an_eligible_parent_takes_another_rank() {
    let mut fixture = Fixture::new(1);
    let server = server_with_uplinks(&mut fixture, &["r0", "r1"]);
    let first = fixture.newest("r0");
    fixture.introduce_v2(first, 77, "r=0;f=server-quit");
    assert_eq!(fixture.nodes[server].server.snapshot().rank(), 1);
    fixture.close_peer(first);
    // All that is left comes after this server, and its root cannot link to it.
    let mut left = 0;
    for _ in 0..200 {
        fixture.run(Duration::from_millis(500));
        if let Some(peer) = fixture.peer_listeners["r0"].last().copied()
            && !fixture.peers[peer].ended
        {
            fixture.close_peer(peer);
        }
        let Some(peer) = fixture.peer_listeners["r1"].last().copied() else {
            continue;
        };
        if fixture.peers[peer].ended || !fixture.received(peer).iter().any(introduces) {
            continue;
        }
        fixture.introduce_v2(peer, 99, "r=1;f=server-quit");
        fixture.run(Duration::from_millis(1_200));
        if !fixture.peers[peer].ended {
            break;
        }
        left += 1;
    }
    assert_eq!(left, 4);
    assert_eq!(fixture.nodes[server].server.snapshot().rank(), 2);
    assert!(fixture.nodes[server].server.snapshot().uplink().is_some());
}

fn introduces(message: &Message<'_>) -> bool {
    matches!(message, Message::ServerRegistration(r) if !r.info.as_str().contains(" [crc2"))
}

#[test]
fn a_rank_from_a_parent_that_only_seemed_v1_is_given_back() {
    let mut fixture = Fixture::new(1);
    let server = server_with_uplinks(&mut fixture, &["r0"]);
    let uplink = fixture.newest("r0");
    fixture.send_message(uplink, &registration(Kind::Server, 77, None, "info"));
    fixture.run(Duration::from_millis(1_100));
    assert_eq!(fixture.nodes[server].server.snapshot().rank(), 1);
    let info = "info [crc2;r=4;f=server-quit]";
    fixture.send_message(uplink, &registration(Kind::Server, 77, None, info));
    fixture.run(Duration::from_secs(2));
    assert_eq!(fixture.nodes[server].server.snapshot().rank(), 5);
    assert!(!fixture.peers[uplink].ended);
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
    assert_eq!(host.machine(), Some(" [crc2;r=4;f=server-quit]"));
    assert_eq!(snapshot.rank(), 5);
    assert!(!fixture.peers[uplink].ended);
}
