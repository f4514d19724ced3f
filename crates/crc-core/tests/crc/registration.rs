//! Registrations of clients, and frames that a peer may not send.

use super::*;

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
fn a_taken_id_is_refused_and_changes_nothing() {
    let (mut fixture, server) = alone();
    let first = fixture.client(server, 101);
    let other = fixture.connect(server);
    fixture.introduce_v2(other, 77, "r=1;f=server-quit");
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
            Kind::Client,
            77,
            "Someone has already registered with ID 77",
        ),
        (
            Kind::Server,
            77,
            "A machine has already registered with ID 77",
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
    assert_eq!(fixture.known(server).len(), 2);
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
    let lost = quit(103, "connection closed");
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
            status(
                1,
                101,
                0x100,
                "crc-caps 1 server-quit channels oper notices servers utf8-names people ping"
            ),
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
fn a_server_from_a_forbidden_address_reads_why_and_is_closed() {
    let mut fixture = Fixture::new(1);
    let mut config = config(0);
    config.server_peers = vec!["10.0.0.0/8".parse().unwrap()];
    let server = fixture.server_with(config);
    let peer = fixture.connect(server);
    fixture.send_message(peer, &registration(Kind::Server, 77, None, "info"));
    assert!(closed(&mut fixture, peer));
    let text = "Servers may not link from your address";
    assert_eq!(fixture.received(peer), [status(1, 0, 0x0107, text)]);
    let client = fixture.client(server, 101);
    fixture.soon();
    assert!(!fixture.peers[client].ended);
}
