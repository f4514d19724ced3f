//! One server and those who speak with it, message by message.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may fail"
)]

mod rig;

use std::time::Duration;

use crc_core::{Event, ServerCommand};
use crc_wire::Message;
use rig::{Kind, Rig, chat, config, id, quit, registration, status};

/// A server alone, and a connection to it.
fn alone() -> (Rig, usize) {
    let mut rig = Rig::new(1);
    let server = rig.server(None);
    (rig, server)
}

/// A server whose one neighbour is a raw server with id 77 that has announced
/// itself; all that either said so far is forgotten.
fn with_our_neighbour() -> (Rig, usize) {
    let (mut rig, server) = alone();
    let raw = rig.connect(server);
    rig.say(raw, &registration(Kind::Server, 77, None, "info"));
    rig.soon();
    let info = "info [crc2;r=1;f=server-quit]";
    rig.say(raw, &registration(Kind::Server, 77, None, info));
    rig.soon();
    rig.heard(raw);
    (rig, raw)
}

fn closed(rig: &mut Rig, raw: usize) -> bool {
    rig.soon();
    rig.raws[raw].ended
}

#[test]
fn a_client_is_answered_byte_for_byte() {
    let (mut rig, server) = alone();
    let first = rig.client(server, 101);
    rig.soon();
    let welcome = "01 00000001 00000065 0000 00000032";
    let text = "Welcome to the Clemson Relay Chat network host101";
    let mut expected = bytes(&welcome.replace("00000032", &format!("{:08x}", text.len())));
    expected.extend(text.as_bytes());
    assert_eq!(rig.raws[first].bytes, expected);

    let second = rig.client(server, 102);
    rig.soon();
    let heard = rig.heard(second);
    assert_eq!(
        heard[1..],
        [registration(Kind::Client, 101, Some(1), "info")]
    );
    rig.heard(first);
    rig.run(Duration::from_millis(20));
    let told = registration(Kind::Client, 102, Some(1), "info");
    assert_eq!(rig.heard(first), []);
    let third = rig.client(server, 103);
    rig.run(Duration::from_millis(20));
    assert_eq!(
        rig.heard(second),
        [registration(Kind::Client, 103, Some(1), "info")]
    );
    assert_eq!(rig.heard(third)[1..].len(), 2);
    assert_ne!(told, registration(Kind::Client, 103, Some(1), "info"));
}

fn bytes(hex: &str) -> Vec<u8> {
    let hex: String = hex.split_whitespace().collect();
    let pair = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(pair).collect()
}

#[test]
fn chats_are_relayed_byte_for_byte_or_answered() {
    let (mut rig, server) = alone();
    let one = rig.our_client(server, 101);
    let two = rig.our_client(server, 102);
    rig.soon();
    rig.heard(one);
    rig.heard(two);
    rig.say(one, &chat(101, 102, "\"Grüße\""));
    rig.say(one, &chat(101, 9, "nobody"));
    rig.say(one, &chat(101, 0, "nobody"));
    rig.say(one, &chat(101, 1, "a server"));
    rig.say(one, &chat(101, 101, "myself"));
    rig.soon();
    assert_eq!(rig.heard(two), [chat(101, 102, "\"Grüße\"")]);
    assert_eq!(
        rig.heard(one),
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
    let (mut rig, server) = alone();
    let first = rig.client(server, 101);
    rig.soon();
    rig.heard(first);
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
        let raw = rig.connect(server);
        rig.say(raw, &registration(kind, taken, None, "other"));
        rig.soon();
        assert_eq!(rig.heard(raw), [status(1, 0, 2, text)]);
        assert!(rig.raws[raw].ended);
    }
    assert_eq!(rig.heard(first), []);
    assert_eq!(rig.known(server).len(), 1);
}

#[test]
fn a_quit_or_a_lost_connection_is_told_once() {
    let (mut rig, server) = alone();
    let one = rig.our_client(server, 101);
    let two = rig.our_client(server, 102);
    let three = rig.our_client(server, 103);
    rig.soon();
    rig.heard(one);
    rig.say(two, &quit(102, "bye"));
    rig.say(two, &chat(102, 101, "too late"));
    rig.soon();
    rig.cut_raw(three);
    rig.soon();
    let lost = quit(103, "the peer closed the connection");
    assert_eq!(rig.heard(one), [quit(102, "bye"), lost]);
    assert!(rig.raws[two].ended, "the one who quits is let go");
    assert_eq!(rig.known(server).len(), 1);
}

#[test]
fn strangers_and_clients_are_closed_for_what_is_not_theirs() {
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
        let (mut rig, node) = alone();
        let other = rig.our_client(node, 103);
        let raw = if registered {
            rig.our_client(node, 101)
        } else {
            rig.connect(node)
        };
        let third = rig.our_client(node, 102);
        rig.soon();
        rig.heard(other);
        rig.heard(third);
        rig.send(raw, &bad);
        assert!(closed(&mut rig, raw), "{bad:02x?}");
        let told: Vec<_> = registered
            .then(|| quit(101, "protocol error"))
            .into_iter()
            .collect();
        assert_eq!(
            rig.heard(other),
            told,
            "nothing of it is relayed: {bad:02x?}"
        );
        rig.say(third, &chat(102, 103, "still here"));
        rig.soon();
        assert_eq!(rig.heard(other), [chat(102, 103, "still here")]);
    }
}

#[test]
fn a_text_at_the_limit_passes() {
    let (mut rig, server) = alone();
    let one = rig.our_client(server, 101);
    let two = rig.our_client(server, 102);
    rig.soon();
    rig.heard(two);
    let longest = chat(101, 102, &"x".repeat(64 * 1024));
    rig.say(one, &longest);
    rig.soon();
    assert_eq!(rig.heard(two), [longest]);
}

#[test]
fn who_does_not_register_is_closed_after_ten_seconds() {
    let (mut rig, server) = alone();
    let idle = rig.connect(server);
    let slow = rig.connect(server);
    rig.send(slow, &[0x80, 0, 0]);
    let client = rig.client(server, 101);
    rig.run(Duration::from_millis(9_990));
    assert!(!rig.raws[idle].ended && !rig.raws[slow].ended);
    rig.run(Duration::from_millis(20));
    assert!(rig.raws[idle].ended && rig.raws[slow].ended);
    rig.rest();
    assert!(!rig.raws[client].ended);
}

#[test]
fn a_full_directory_takes_nobody_more() {
    let mut rig = Rig::new(1);
    let mut config = config(0);
    config.limits.hosts_max = 2;
    let server = rig.server_with(config);
    let raws = [101, 102, 103].map(|client| rig.client(server, client));
    rig.soon();
    let ended = raws.map(|raw| rig.raws[raw].ended);
    assert_eq!(ended, [false, false, true]);
    assert_eq!(rig.known(server).len(), 2);
}

#[test]
fn a_client_that_is_too_fast_is_closed() {
    let mut rig = Rig::new(1);
    let mut config = config(0);
    config.limits.client_chats_per_second = 10;
    config.limits.client_registrations_per_second = 10;
    let server = rig.server_with(config);
    for message in [
        chat(101, 9, "hi"),
        registration(Kind::Client, 101, None, "x [crc2]"),
    ] {
        let raw = rig.client(server, 101);
        rig.soon();
        (0..10).for_each(|_| rig.say(raw, &message));
        assert!(!closed(&mut rig, raw));
        rig.run(Duration::from_secs(1));
        (0..11).for_each(|_| rig.say(raw, &message));
        assert!(closed(&mut rig, raw));
    }
}

#[test]
fn the_status_log_keeps_the_last_texts() {
    let mut rig = Rig::new(1);
    let mut config = config(0);
    config.limits.status_log_max = 2;
    let server = rig.server_with(config);
    let raw = rig.connect(server);
    rig.say(raw, &registration(Kind::Server, 77, None, "info"));
    for text in ["a", "b", "c"] {
        rig.say(raw, &status(77, 0, 1, text));
    }
    rig.soon();
    assert_eq!(rig.status_log(server), ["b", "c"]);
}

#[test]
fn clients_that_announce_hear_what_we_take_and_later_that_they_are_known() {
    let (mut rig, server) = alone();
    let raw = rig.our_client(server, 101);
    let again = registration(Kind::Client, 101, None, "info [crc2;f=]");
    rig.soon();
    rig.say(raw, &registration(Kind::Client, 101, None, "info"));
    rig.say(raw, &again);
    rig.soon();
    assert_eq!(
        rig.heard(raw)[1..],
        [
            status(1, 101, 0x100, "crc-caps 1 server-quit channels"),
            status(1, 0, 2, "Someone has already registered with ID 101"),
        ]
    );
    assert!(rig.status_log(server).is_empty());
}

#[test]
fn a_client_is_not_told_of_servers_even_if_it_says_that_it_takes_their_quits() {
    let (mut rig, server) = with_our_neighbour();
    let client = rig.client(0, 101);
    let info = "info [crc2;f=server-quit]";
    rig.say(client, &registration(Kind::Client, 101, None, info));
    rig.soon();
    rig.heard(client);
    rig.cut_raw(server);
    rig.soon();
    assert_eq!(rig.heard(client), []);
}

#[test]
fn a_server_is_introduced_to_listed_and_told() {
    let (mut rig, server) = alone();
    rig.client(server, 101);
    rig.soon();
    let raw = rig.connect(server);
    rig.say(raw, &registration(Kind::Server, 77, None, "info"));
    rig.soon();
    assert_eq!(rig.raws[raw].pieces.len(), 1, "both in one write");
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
        rig.heard(raw),
        [introduction, announcement],
        "and nothing else yet"
    );
    rig.say(
        raw,
        &registration(Kind::Server, 77, None, "info [crc2;r=1;f=server-quit]"),
    );
    rig.soon();
    assert_eq!(
        rig.heard(raw),
        [registration(Kind::Client, 101, Some(1), "info")]
    );
    rig.client(server, 102);
    rig.soon();
    assert_eq!(
        rig.heard(raw),
        [registration(Kind::Client, 102, Some(1), "info")]
    );
    // The second announcement is a ping.
    rig.say(
        raw,
        &registration(Kind::Server, 77, None, "info [crc2;r=1;f=server-quit]"),
    );
    rig.soon();
    let answer = status(1, 0, 2, "A machine has already registered with ID 77");
    assert_eq!(rig.heard(raw), [answer]);
}

#[test]
fn who_is_silent_or_answers_like_an_original_is_taken_for_one() {
    for answers in [false, true] {
        let (mut rig, server) = alone();
        rig.client(server, 101);
        rig.soon();
        let raw = rig.connect(server);
        rig.say(raw, &registration(Kind::Server, 77, None, "info"));
        rig.soon();
        rig.heard(raw);
        if answers {
            let refusal = "A machine has already registered with ID 1";
            rig.say(raw, &status(1, 0, 2, refusal));
            rig.soon();
        } else {
            rig.run(Duration::from_millis(1010));
        }
        assert_eq!(
            rig.heard(raw),
            [registration(Kind::Client, 101, Some(1), "info")]
        );
        assert_eq!(rig.status_log(server), [""; 0]);
        // Introducing itself again is what originals do; it is not answered.
        rig.say(raw, &registration(Kind::Server, 77, Some(77), "info"));
        rig.say(raw, &registration(Kind::Server, 78, Some(77), "behind"));
        rig.say(raw, &registration(Kind::Server, 1, Some(77), "ourselves"));
        rig.say(raw, &registration(Kind::Client, 101, Some(77), "an echo"));
        rig.soon();
        assert_eq!(rig.heard(raw), []);
        // It has been told wrongly that somebody is gone, and is told otherwise.
        rig.say(raw, &quit(101, "not its client"));
        rig.soon();
        assert_eq!(
            rig.heard(raw),
            [registration(Kind::Client, 101, Some(1), "info")]
        );
        assert_eq!(rig.known(server), [(77, 77), (78, 77), (101, 101)].into());
    }
}

#[test]
fn servers_are_believed_of_what_is_behind_them_only() {
    let (mut rig, raw) = with_our_neighbour();
    let client = rig.our_client(0, 101);
    rig.soon();
    rig.say(raw, &registration(Kind::Client, 201, Some(77), "info"));
    rig.soon();
    rig.heard(client);
    rig.heard(raw);
    rig.say(raw, &chat(999, 101, "from nobody"));
    rig.say(raw, &chat(101, 101, "in the name of ours"));
    rig.say(raw, &chat(77, 101, "from a server"));
    let mut not_utf8 = chat(201, 101, "xx").to_vec();
    *not_utf8.last_mut().unwrap() = 0xff;
    rig.send(raw, &not_utf8);
    rig.say(raw, &quit(101, "not behind it"));
    rig.say(raw, &quit(77, "a server"));
    rig.say(raw, &status(999, 101, 1, "from nobody"));
    rig.say(raw, &chat(201, 201, "back where it came from"));
    rig.say(raw, &chat(201, 101, "good"));
    rig.say(raw, &status(77, 101, 1, "good"));
    rig.soon();
    assert_eq!(
        rig.heard(client),
        [chat(201, 101, "good"), status(77, 101, 1, "good")]
    );
    assert_eq!(
        rig.heard(raw),
        [
            status(1, 77, 1, "Unknown ID 101"),
            status(1, 201, 1, "Unknown ID 201"),
        ]
    );
    assert!(
        !rig.raws[raw].ended,
        "races make this legitimate between servers"
    );
    rig.send(raw, &[0x17]);
    assert!(closed(&mut rig, raw), "but the boundary is lost now");
    assert_eq!(rig.heard(client), [quit(201, "protocol error")]);
}

#[test]
fn a_lost_server_takes_all_behind_it_along() {
    let (mut rig, raw) = with_our_neighbour();
    let client = rig.our_client(0, 101);
    let other = rig.connect(0);
    rig.say(other, &registration(Kind::Server, 88, None, "info"));
    rig.soon();
    rig.say(
        other,
        &registration(Kind::Server, 88, None, "info [crc2;f=server-quit]"),
    );
    rig.soon();
    for (kind, host) in [(Kind::Client, 201), (Kind::Server, 78), (Kind::Client, 202)] {
        rig.say(raw, &registration(kind, host, Some(77), "info"));
    }
    rig.soon();
    rig.heard(client);
    rig.heard(other);
    rig.cut_raw(raw);
    rig.soon();
    let why = "the peer closed the connection";
    assert_eq!(rig.heard(client), [quit(201, why), quit(202, why)]);
    let server_quit = |source| {
        Message::ServerQuit(crc_wire::ServerQuit {
            source: id(source),
            replacement: None,
            text: crc_wire::Text::new(why).unwrap(),
        })
    };
    let told = [
        quit(201, why),
        quit(202, why),
        server_quit(78),
        server_quit(77),
    ];
    assert_eq!(rig.heard(other), told);
    assert_eq!(rig.known(0), [(88, 88), (101, 101)].into());
}

#[test]
fn long_last_words_are_not_repeated_for_everybody_behind() {
    let (mut rig, raw) = with_our_neighbour();
    let client = rig.our_client(0, 101);
    for host in 1_000..1_100 {
        rig.say(raw, &registration(Kind::Client, host, Some(77), "info"));
    }
    rig.soon();
    rig.heard(client);
    let leaves = Message::ServerQuit(crc_wire::ServerQuit {
        source: id(77),
        replacement: None,
        text: crc_wire::Text::new("x".repeat(60_000)).unwrap(),
    });
    rig.say(raw, &leaves);
    rig.soon();
    assert!(rig.raws[client].bytes.len() < 60_000);
    let why = "x".repeat(256);
    let quits: Vec<_> = (1_000..1_100).map(|host| quit(host, &why)).collect();
    assert_eq!(rig.heard(client), quits);
}

#[test]
fn original_nodes_get_small_pieces_with_pauses_and_nothing_too_long() {
    let (mut rig, server) = alone();
    let mut clients = Vec::new();
    for client in 0..300 {
        clients.push(rig.our_client(server, 1000 + client));
    }
    rig.soon();
    let original = rig.client(server, 101);
    let neighbour = rig.connect(server);
    rig.say(neighbour, &registration(Kind::Server, 77, None, "info"));
    rig.run(Duration::from_secs(5));
    for raw in [original, neighbour] {
        let pieces = std::mem::take(&mut rig.raws[raw].pieces);
        assert!(pieces.len() >= 7, "{}", pieces.len());
        for pair in pieces.windows(2) {
            let pause = pair[1].0.since(pair[0].0);
            assert!(pause >= Duration::from_millis(5), "{pause:?}");
        }
        for (_, piece) in pieces {
            assert!(piece.len() <= 1024);
            rig::messages(&piece);
        }
    }
    let last = *clients.last().unwrap();
    rig.say(
        neighbour,
        &registration(Kind::Client, 201, Some(77), "info"),
    );
    rig.soon();
    rig.heard(last);
    rig.heard(original);
    rig.heard(neighbour);
    let fits = "x".repeat(1024 - 13);
    rig.say(last, &chat(1299, 101, &fits));
    rig.say(last, &chat(1299, 101, &format!("{fits}x")));
    rig.say(last, &chat(1299, 201, &format!("{fits}x")));
    rig.say(last, &chat(1299, 201, "Grüße"));
    rig.say(last, &chat(1299, 101, "Grüße"));
    rig.say(original, &chat(101, 201, &format!("{fits}x")));
    rig.run(Duration::from_secs(1));
    assert_eq!(
        rig.heard(original),
        [
            chat(1299, 101, &fits),
            chat(1299, 101, "Grüße"),
            status(1, 101, 1, "Unknown ID 201"),
        ]
    );
    assert_eq!(rig.heard(neighbour), [chat(1299, 201, "Gr??e")]);
    assert_eq!(
        rig.heard(last),
        [
            status(1, 1299, 0x101, "Message too long for ID 101"),
            status(1, 1299, 0x101, "Message too long for ID 201"),
        ]
    );
}

#[test]
fn nothing_but_our_name_goes_to_a_server_before_it_is_classified() {
    let (mut rig, server) = alone();
    let client = rig.our_client(server, 101);
    rig.soon();
    let raw = rig.connect(server);
    rig.say(raw, &registration(Kind::Server, 77, None, "info"));
    rig.say(raw, &registration(Kind::Client, 201, Some(77), "info"));
    rig.soon();
    rig.heard(raw);
    rig.say(client, &chat(101, 201, "early"));
    rig.client(server, 102);
    rig.soon();
    assert_eq!(rig.heard(raw), []);
    rig.say(raw, &registration(Kind::Server, 77, None, "info [crc2;f=]"));
    rig.soon();
    let mut heard = rig.heard(raw);
    assert_eq!(heard.pop(), Some(chat(101, 201, "early")));
    assert_eq!(heard.len(), 2, "behind the listing of 101 and 102");
}

#[test]
fn chats_held_for_a_server_that_goes_unclassified_are_answered() {
    let (mut rig, server) = alone();
    let client = rig.our_client(server, 101);
    rig.soon();
    let raw = rig.connect(server);
    rig.say(raw, &registration(Kind::Server, 77, None, "info"));
    rig.say(raw, &registration(Kind::Client, 201, Some(77), "info"));
    rig.soon();
    rig.heard(client);
    rig.say(client, &chat(101, 201, "too early"));
    rig.soon();
    rig.cut_raw(raw);
    rig.soon();
    let lost = quit(201, "the peer closed the connection");
    assert_eq!(
        rig.heard(client),
        [lost, status(1, 101, 1, "Unknown ID 201")]
    );
}

#[test]
fn a_root_with_an_uplink_introduces_itself_and_announces_later() {
    let mut rig = Rig::new(1);
    rig.listen_raw("r0");
    let mut config = config(0);
    config.connect = vec!["r0:1".parse().unwrap()];
    let server = rig.server_with(config);
    rig.client(server, 101);
    rig.run(Duration::from_millis(100));
    let raw = rig.raw_listeners["r0"][0];
    let introduction = rig.raws[raw].bytes.clone();
    let hex = "00 00000001 00000000 07 0008";
    assert_eq!(
        introduction,
        [bytes(hex), b"server0Server 0".to_vec()].concat()
    );
    rig.heard(raw);
    // The first registration names the neighbour, whatever its last hop.
    rig.say(raw, &registration(Kind::Server, 77, Some(1), "info"));
    rig.soon();
    let heard = rig.heard(raw);
    assert_eq!(heard.len(), 1, "the announcement");
    rig.say(
        raw,
        &registration(Kind::Server, 77, None, "info [crc2;r=4;f=server-quit]"),
    );
    rig.soon();
    let heard = rig.heard(raw);
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
fn a_refusal_is_tried_again_and_recorded_once() {
    let mut rig = Rig::new(1);
    rig.listen_raw("r0");
    let mut config = config(0);
    config.connect = vec!["r0:1".parse().unwrap()];
    let server = rig.server_with(config);
    let text = "A machine has already registered with ID 1";
    for _ in 0..5 {
        rig.soon();
        let raw = *rig.raw_listeners["r0"].last().unwrap();
        rig.say(raw, &status(9, 0, 2, text));
        rig.run(Duration::from_secs(31));
    }
    assert!(rig.raw_listeners["r0"].len() >= 5);
    assert_eq!(rig.status_log(server), [text]);
}

#[test]
fn a_silent_server_is_given_time() {
    let mut rig = Rig::new(1);
    rig.listen_raw("r0");
    let mut config = config(0);
    config.connect = vec!["r0:1".parse().unwrap()];
    rig.server_with(config);
    rig.run(Duration::from_secs(15));
    let raw = rig.raw_listeners["r0"][0];
    assert!(!rig.raws[raw].ended);
    rig.run(Duration::from_secs(10));
    assert!(rig.raws[raw].ended, "but not for ever");
}

#[test]
fn servers_link_only_from_where_they_may() {
    let mut rig = Rig::new(1);
    let mut config = config(0);
    config.server_peers = vec!["10.0.0.0/8".parse().unwrap()];
    let server = rig.server_with(config);
    let raw = rig.connect(server);
    rig.say(raw, &registration(Kind::Server, 77, None, "info"));
    assert!(closed(&mut rig, raw));
    assert_eq!(rig.heard(raw), [], "it is told nothing");
    let client = rig.client(server, 101);
    rig.soon();
    assert!(!rig.raws[client].ended);
}

#[test]
fn leaving_is_told_in_everybodys_own_way() {
    let (mut rig, ours) = with_our_neighbour();
    let client = rig.our_client(0, 101);
    rig.soon();
    let original_client = rig.client(0, 102);
    let original = rig.connect(0);
    rig.say(original, &registration(Kind::Server, 88, None, "info"));
    rig.say(original, &registration(Kind::Client, 201, Some(88), "info"));
    rig.run(Duration::from_secs(2));
    for raw in [ours, client, original_client, original] {
        rig.heard(raw);
    }
    let reason = "maintenance".into();
    rig.handle(0, Event::Command(ServerCommand::Leave { reason }));
    rig.run(Duration::from_secs(3));
    let server_quit = Message::ServerQuit(crc_wire::ServerQuit {
        source: id(1),
        replacement: None,
        text: crc_wire::Text::new("maintenance").unwrap(),
    });
    assert_eq!(rig.heard(ours), [server_quit]);
    assert_eq!(
        rig.heard(client),
        [status(1, 101, 0x102, "Server leaving: maintenance")]
    );
    assert_eq!(rig.heard(original_client), []);
    assert_eq!(
        rig.heard(original),
        [quit(101, "maintenance"), quit(102, "maintenance")]
    );
    assert!(rig.nodes[0].stopped);
}

#[test]
fn the_parents_client_wins_and_the_childs_gives_way() {
    // A server with a client 101 that links to a server with another 101.
    let mut rig = Rig::new(1);
    rig.listen_raw("r0");
    let mut config = config(0);
    config.connect = vec!["r0:1".parse().unwrap()];
    let server = rig.server_with(config);
    let loser = rig.our_client(server, 101);
    let witness = rig.our_client(server, 102);
    rig.soon();
    let parent = rig.raw_listeners["r0"][0];
    rig.say(parent, &registration(Kind::Server, 77, None, "info"));
    rig.say(
        parent,
        &registration(Kind::Server, 77, None, "info [crc2;r=0;f=server-quit]"),
    );
    rig.soon();
    for raw in [loser, witness, parent] {
        rig.heard(raw);
    }
    rig.say(
        parent,
        &registration(Kind::Client, 101, Some(77), "the other"),
    );
    rig.soon();
    let taken = "Someone has already registered with ID 101";
    assert_eq!(rig.heard(loser), [status(1, 0, 2, taken)]);
    assert!(rig.raws[loser].ended);
    let quit = quit(101, "replaced by another client with its id");
    let joined = registration(Kind::Client, 101, Some(1), "the other");
    assert_eq!(rig.heard(witness), [quit.clone(), joined]);
    assert_eq!(rig.heard(parent), [quit]);
    assert_eq!(rig.known(server), [(77, 77), (101, 77), (102, 102)].into());

    // And a child that tells of another 102 is told that it is taken.
    let child = rig.connect(server);
    rig.say(child, &registration(Kind::Server, 88, None, "info"));
    rig.say(
        child,
        &registration(Kind::Server, 88, None, "info [crc2;f=]"),
    );
    rig.soon();
    rig.heard(child);
    rig.say(
        child,
        &registration(Kind::Client, 102, Some(88), "the other"),
    );
    rig.soon();
    let taken = "Someone has already registered with ID 102";
    assert_eq!(rig.heard(child), [status(1, 0, 2, taken)]);
    assert_eq!(rig.known(server)[&102], 102);
}

#[test]
fn a_loop_is_cut() {
    let (mut rig, raw) = with_our_neighbour();
    let second = rig.connect(0);
    rig.say(second, &registration(Kind::Server, 88, None, "info"));
    rig.say(
        second,
        &registration(Kind::Server, 88, None, "info [crc2;f=]"),
    );
    rig.say(second, &registration(Kind::Client, 301, Some(88), "info"));
    rig.soon();
    assert_eq!(rig.known(0).len(), 3);
    rig.say(second, &registration(Kind::Server, 77, Some(88), "info"));
    assert!(closed(&mut rig, second));
    assert!(
        !rig.raws[raw].ended,
        "the link that says so goes, not the other"
    );
    assert_eq!(rig.known(0), [(77, 77)].into());
}

#[test]
fn a_ghost_of_an_original_gives_way_to_where_the_host_is() {
    let (mut rig, ours) = with_our_neighbour();
    let original = rig.connect(0);
    let hosts = [(Kind::Server, 300), (Kind::Client, 301)];
    rig.say(original, &registration(Kind::Server, 88, None, "info"));
    for (kind, host) in hosts {
        rig.say(original, &registration(kind, host, Some(88), "info"));
    }
    rig.run(Duration::from_secs(2));
    let client = rig.our_client(0, 101);
    rig.soon();
    rig.heard(client);
    for (kind, host) in hosts {
        rig.say(ours, &registration(kind, host, Some(77), "info"));
    }
    rig.soon();
    assert_eq!(
        rig.known(0),
        [(77, 77), (88, 88), (101, 101), (300, 77), (301, 77)].into()
    );
    let again = registration(Kind::Client, 301, Some(1), "info");
    assert_eq!(rig.heard(client), [quit(301, "moved"), again]);
    // But the original itself is no ghost of itself.
    rig.say(ours, &registration(Kind::Server, 88, Some(77), "info"));
    assert!(closed(&mut rig, ours));
    assert_eq!(rig.known(0), [(88, 88), (101, 101)].into());
}

#[test]
fn queues_are_bounded_by_role_and_listing() {
    let mut rig = Rig::new(1);
    let mut config = config(0);
    config.limits.client_queue_bytes_max = 3_000;
    config.limits.server_queue_bytes_max = 5_000;
    let server = rig.server_with(config);
    let first = rig.our_client(server, 101);
    rig.soon();
    let listing = registration(Kind::Client, 101, Some(1), "info")
        .to_vec()
        .len();
    let client = rig.our_client(server, 102);
    rig.soon();
    let raw = rig.connect(server);
    rig.say(raw, &registration(Kind::Server, 77, None, "info"));
    rig.say(raw, &registration(Kind::Server, 77, None, "info [crc2;f=]"));
    rig.soon();
    let bound = |raw: usize| rig.link_to(raw).expect("it is linked").1;
    assert_eq!(bound(first), 3_000);
    assert_eq!(bound(client), 3_000 + listing);
    assert_eq!(bound(raw), 5_000 + 2 * listing);

    // What waits for an original node waits in here, and is bounded as well.
    let original = rig.client(server, 103);
    rig.run(Duration::from_millis(50));
    rig.heard(first);
    let words = chat(101, 103, &"x".repeat(1000));
    (0..2).for_each(|_| rig.say(first, &words));
    rig.soon();
    assert!(!rig.raws[original].ended);
    (0..4).for_each(|_| rig.say(first, &words));
    assert!(closed(&mut rig, original), "a slow consumer");
    rig.soon();
    let heard = rig.heard(first);
    assert!(heard.contains(&quit(103, "too slow")), "{heard:?}");
}

#[test]
fn a_silent_server_is_asked_and_then_given_up() {
    let (mut rig, raw) = with_our_neighbour();
    rig.run(Duration::from_secs(14));
    assert_eq!(rig.heard(raw), []);
    rig.run(Duration::from_secs(2));
    assert_eq!(rig.heard(raw).len(), 1, "asked whether it is there");
    rig.say(
        raw,
        &status(77, 0, 2, "A machine has already registered with ID 1"),
    );
    rig.run(Duration::from_secs(20));
    assert!(!rig.raws[raw].ended, "it is");
    rig.run(Duration::from_secs(40));
    assert!(rig.raws[raw].ended, "it is not any more");
    assert!(rig.known(0).is_empty());
    assert_eq!(rig.status_log(0), [""; 0]);
}

#[test]
fn a_server_that_comes_back_replaces_its_dead_link() {
    let (mut rig, old) = with_our_neighbour();
    let come_back = |rig: &mut Rig| {
        let new = rig.connect(0);
        rig.say(new, &registration(Kind::Server, 77, None, "info"));
        rig.soon();
        new
    };
    let taken = status(1, 0, 2, "A machine has already registered with ID 77");
    // The old link may be alive: it is asked, and the new one refused.
    let early = come_back(&mut rig);
    assert_eq!(rig.heard(early), std::slice::from_ref(&taken));
    assert_eq!(rig.heard(old).len(), 1);
    rig.run(Duration::from_secs(3));
    let early = come_back(&mut rig);
    assert_eq!(rig.heard(early), std::slice::from_ref(&taken));
    // It has not answered for five seconds.
    rig.run(Duration::from_secs(3));
    let new = come_back(&mut rig);
    assert_eq!(rig.heard(new).len(), 2, "introduction and announcement");
    assert!(rig.raws[old].ended);
    assert_eq!(rig.known(0), [(77, 77)].into());

    // One that answers is not replaced.
    let other = come_back(&mut rig);
    assert_eq!(rig.heard(other), std::slice::from_ref(&taken));
    rig.say(
        new,
        &status(77, 0, 2, "A machine has already registered with ID 1"),
    );
    rig.run(Duration::from_secs(6));
    let other = come_back(&mut rig);
    assert_eq!(rig.heard(other), [taken]);
    assert!(!rig.raws[new].ended);
}

#[test]
fn a_late_announcement_is_answered_with_what_could_not_be_told() {
    let (mut rig, ours) = with_our_neighbour();
    rig.say(
        ours,
        &registration(Kind::Server, 78, Some(77), "info [crc2;r=2;f=]"),
    );
    rig.soon();
    let late = rig.connect(0);
    rig.say(late, &registration(Kind::Server, 88, None, "info"));
    rig.run(Duration::from_secs(2));
    assert_eq!(
        rig.heard(late).len(),
        4,
        "taken for an original, and listed two servers"
    );
    let quit = |source| {
        Message::ServerQuit(crc_wire::ServerQuit {
            source: id(source),
            replacement: None,
            text: crc_wire::Text::new("it left before").unwrap(),
        })
    };
    rig.say(ours, &quit(78));
    rig.soon();
    assert_eq!(rig.heard(late), []);
    let info = "info [crc2;r=1;f=server-quit]";
    rig.say(late, &registration(Kind::Server, 88, None, info));
    rig.soon();
    let machine = registration(Kind::Server, 77, Some(1), "info [crc2;r=1;f=server-quit]");
    assert_eq!(rig.heard(late), [quit(78), machine]);
}

#[test]
fn an_original_uplink_that_refuses_us_for_ever_gets_another_id() {
    let mut rig = Rig::new(1);
    rig.listen_raw("r0");
    let mut config = config(0);
    config.connect = vec!["r0:1".parse().unwrap()];
    let server = rig.server_with(config);
    let client = rig.our_client(server, 101);
    rig.soon();
    let original = registration(Kind::Server, 77, None, "info");
    let first = rig.raw_listeners["r0"][0];
    rig.say(first, &original);
    rig.run(Duration::from_secs(2));
    rig.cut_raw(first);
    rig.run(Duration::from_secs(1));
    // It is back, remembers everything, and keeps the connection open.
    let second = rig.raw_listeners["r0"][1];
    let refusal = status(77, 0, 2, "A machine has already registered with ID 1");
    rig.say(second, &refusal);
    rig.run(Duration::from_millis(1_900));
    assert!(!rig.raws[second].ended);
    rig.run(Duration::from_secs(1));
    assert!(rig.raws[second].ended);
    let third = rig.raw_listeners["r0"][2];
    let Message::ServerRegistration(introduction) = &rig.heard(third)[0] else {
        panic!();
    };
    let alias = introduction.source.get();
    assert_ne!(alias, 1);
    rig.say(third, &original);
    // Its list: a ghost of us, of our client, and a client of its own.
    rig.say(third, &registration(Kind::Server, 1, Some(77), "Server 0"));
    rig.say(third, &registration(Kind::Client, 101, Some(77), "info"));
    rig.say(third, &registration(Kind::Client, 201, Some(77), "info"));
    rig.soon();
    let Message::ServerRegistration(announcement) = &rig.heard(third)[0] else {
        panic!();
    };
    assert_eq!(announcement.source.get(), alias);
    let answer = format!("A machine has already registered with ID {alias}");
    rig.say(third, &status(alias, 0, 2, &answer));
    rig.run(Duration::from_secs(1));
    let again = registration(Kind::Client, 101, Some(alias), "info");
    assert_eq!(rig.heard(third), [quit(101, "moved"), again.clone()]);
    // It may have forgotten our client for its echo, and is told of it again.
    rig.say(third, &quit(101, "an echo"));
    rig.run(Duration::from_millis(50));
    assert_eq!(rig.heard(third), [again]);
    rig.our_client(server, 102);
    rig.soon();
    let joined = registration(Kind::Client, 102, Some(alias), "info");
    assert_eq!(rig.heard(third), [joined]);
    assert_eq!(
        rig.known(server),
        [(77, 77), (101, 101), (102, 102), (201, 77)].into()
    );
    rig.heard(client);
    rig.say(third, &chat(201, 101, "welcome back"));
    rig.soon();
    assert_eq!(rig.heard(client), [chat(201, 101, "welcome back")]);
    let log = ["A machine has already registered with ID 1"];
    assert_eq!(rig.status_log(server), log, "the refusal, and no answer");
}

#[test]
fn a_server_of_ours_is_linked_to_under_our_own_id_again() {
    let mut rig = Rig::new(1);
    rig.listen_raw("r0");
    let mut config = config(0);
    config.connect = vec!["r0:1".parse().unwrap()];
    rig.server_with(config);
    rig.soon();
    let hello = registration(Kind::Server, 77, None, "info");
    let announcement = registration(Kind::Server, 77, None, "info [crc2;r=0;f=]");
    let first = rig.raw_listeners["r0"][0];
    rig.say(first, &hello);
    rig.say(first, &announcement);
    rig.soon();
    rig.cut_raw(first);
    rig.run(Duration::from_secs(1));
    // A refusal whose end is late looks like that of an original.
    let refusal = status(77, 0, 2, "A machine has already registered with ID 1");
    rig.say(rig.raw_listeners["r0"][1], &refusal);
    rig.run(Duration::from_secs(3));
    let third = rig.raw_listeners["r0"][2];
    rig.say(third, &hello);
    rig.say(third, &announcement);
    assert!(closed(&mut rig, third));
    rig.run(Duration::from_secs(10));
    let fourth = rig.raw_listeners["r0"][3];
    let Message::ServerRegistration(introduction) = &rig.heard(fourth)[0] else {
        panic!();
    };
    assert_eq!(introduction.source.get(), 1);
}

#[test]
fn whoever_leaves_names_who_takes_its_place() {
    let mut rig = Rig::new(1);
    let root = rig.server(None);
    let children = [
        rig.server(Some(root)),
        rig.server(Some(root)),
        rig.server(Some(root)),
    ];
    rig.rest();
    let reason = "maintenance".into();
    rig.handle(root, Event::Command(ServerCommand::Leave { reason }));
    rig.run(Duration::from_millis(700));
    // At once, and not after pauses and dials that fail: the first child is
    // the root now, and the others are linked to it.
    for child in &children[1..] {
        let uplink = rig.nodes[*child].server.snapshot().uplink();
        assert_eq!(uplink.map(|(id, _)| id.get()), Some(2));
    }
    assert_eq!(rig.known(children[0]), [(3, 3), (4, 4)].into());
}

#[test]
fn chats_that_never_left_are_answered() {
    use crc_core::{LinkDown, Unsent};
    let (mut rig, server) = alone();
    let one = rig.our_client(server, 101);
    let two = rig.our_client(server, 102);
    rig.soon();
    rig.heard(one);
    let (link, _) = rig.link_to(two).expect("it is linked");
    let partly = chat(101, 102, "partly gone").to_vec();
    let whole = chat(101, 102, "never gone").to_vec();
    let queue = [partly, whole, quit(7, "x").to_vec()].concat();
    let unsent = Unsent {
        bytes: &queue,
        written: 3,
    };
    let why = LinkDown::PeerClosed;
    rig.handle(server, Event::LinkDown { link, why, unsent });
    rig.soon();
    let left = quit(102, "the peer closed the connection");
    assert_eq!(rig.heard(one), [left, status(1, 101, 1, "Unknown ID 102")]);
}

/// A server with the addresses of raw listeners to link to, `rN:1`.
fn that_links_to(rig: &mut Rig, listeners: &[&str]) -> usize {
    let mut config = config(0);
    for name in listeners {
        rig.listen_raw(name);
        config.connect.push(format!("{name}:1").parse().unwrap());
    }
    rig.server_with(config)
}

#[test]
fn our_own_address_is_not_dialled() {
    let mut rig = Rig::new(1);
    let server = that_links_to(&mut rig, &["r0"]);
    let uplink = rig.newest("r0");
    rig.introduce_ours(uplink, 77, "r=4;f=server-quit");
    // Somebody is said to be where we are: we, under the id of an earlier life.
    let ghost = "ghost [crc2;a=127.0.0.1:1000;r=0;f=server-quit]";
    rig.say(uplink, &registration(Kind::Server, 88, Some(77), ghost));
    rig.soon();
    rig.cut_raw(uplink);
    let dialled_before = rig.raw_listeners["r0"].len();
    rig.run(Duration::from_secs(120));
    let counters = *rig.nodes[server].server.snapshot().counters();
    assert_eq!(counters.dials_failed, 0);
    assert_eq!(
        rig.known(server),
        [].into(),
        "and nobody knows itself: {counters:?}"
    );
    assert!(rig.raw_listeners["r0"].len() > dialled_before, "it goes on");
}

#[test]
fn an_uplink_that_went_silent_is_dialled_last() {
    let mut rig = Rig::new(1);
    that_links_to(&mut rig, &["r0", "r1"]);
    let uplink = rig.newest("r0");
    rig.introduce_ours(uplink, 77, "r=4;f=server-quit");
    rig.run(Duration::from_secs(46));
    assert!(rig.raws[uplink].ended, "no word for 45 s");
    rig.run(Duration::from_secs(1));
    assert_eq!(rig.raw_listeners["r1"].len(), 1, "the other one first");
    assert_eq!(rig.raw_listeners["r0"].len(), 1);
}

#[test]
fn hearsay_gives_way_to_who_comes_itself() {
    for ours in [false, true] {
        let (mut rig, neighbour) = with_our_neighbour();
        // Known without a machine part: told across an original.
        rig.say(
            neighbour,
            &registration(Kind::Server, 300, Some(77), "info"),
        );
        rig.soon();
        let itself = rig.connect(0);
        rig.say(itself, &registration(Kind::Server, 300, None, "info"));
        rig.soon();
        assert_eq!(rig.heard(neighbour), [], "nothing is said of it yet");
        assert_eq!(rig.known(0), [(77, 77), (300, 300)].into());
        if ours {
            let info = "info [crc2;r=3;f=server-quit]";
            rig.say(itself, &registration(Kind::Server, 300, None, info));
            rig.soon();
            let told = rig.heard(neighbour);
            assert_eq!(told, [registration(Kind::Server, 300, Some(1), info)]);
        } else {
            rig.run(Duration::from_millis(1_100));
            assert!(closed(&mut rig, itself), "an original is refused after all");
            assert_eq!(rig.heard(neighbour), []);
            assert_eq!(rig.known(0), [(77, 77), (300, 77)].into());
        }
    }
}

#[test]
fn whoever_says_something_else_is_no_hearsay() {
    let (mut rig, neighbour) = with_our_neighbour();
    let machine = "info [crc2;r=3;f=server-quit]";
    rig.say(
        neighbour,
        &registration(Kind::Server, 300, Some(77), "info"),
    );
    rig.say(
        neighbour,
        &registration(Kind::Server, 301, Some(77), machine),
    );
    rig.soon();
    for (id, info) in [(300, "somebody else"), (301, "info")] {
        let raw = rig.connect(0);
        rig.say(raw, &registration(Kind::Server, id, None, info));
        assert!(closed(&mut rig, raw));
        let refusal = format!("A machine has already registered with ID {id}");
        assert_eq!(rig.heard(raw), [status(1, 0, 2, &refusal)]);
    }
}

#[test]
fn a_loop_is_explained_and_not_tried_again_soon() {
    let mut rig = Rig::new(1);
    let server = that_links_to(&mut rig, &["r0"]);
    let behind = rig.connect(server);
    rig.introduce_ours(behind, 88, "r=9;f=server-quit");
    let mut pauses = Vec::new();
    for round in 0..4 {
        let uplink = rig.newest("r0");
        rig.introduce_ours(uplink, 77, "r=4;f=server-quit");
        // Once we find it ourselves, then it is found by the other end.
        if round % 2 == 0 {
            rig.say(uplink, &registration(Kind::Server, 88, Some(77), "info"));
            rig.soon();
            assert!(rig.raws[uplink].ended);
            let why = "A machine has already registered with ID 88";
            assert!(rig.heard(uplink).contains(&status(1, 0, 2, why)));
        } else {
            let why = "A machine has already registered with ID 88";
            rig.say(uplink, &status(77, 0, 2, why));
            rig.soon();
            rig.cut_raw(uplink);
        }
        let before = rig.raw_listeners["r0"].len();
        let since = rig.now();
        while rig.raw_listeners["r0"].len() == before {
            rig.run(Duration::from_secs(1));
        }
        pauses.push(rig.now().since(since).as_secs());
    }
    assert!(pauses[0] >= 5, "{pauses:?}");
    assert!(pauses[3] >= 20, "longer each time: {pauses:?}");
}

#[test]
fn who_finds_no_place_for_its_rank_takes_another() {
    let mut rig = Rig::new(1);
    let server = that_links_to(&mut rig, &["r0", "r1"]);
    let first = rig.newest("r0");
    rig.introduce_ours(first, 77, "r=0;f=server-quit");
    assert_eq!(rig.nodes[server].server.snapshot().rank(), 1);
    rig.cut_raw(first);
    // All that is left comes after us, and its root cannot come to us.
    let mut left = 0;
    for _ in 0..200 {
        rig.run(Duration::from_millis(500));
        if let Some(raw) = rig.raw_listeners["r0"].last().copied()
            && !rig.raws[raw].ended
        {
            rig.cut_raw(raw);
        }
        let Some(raw) = rig.raw_listeners["r1"].last().copied() else {
            continue;
        };
        if rig.raws[raw].ended || !rig.heard(raw).iter().any(introduces) {
            continue;
        }
        rig.introduce_ours(raw, 99, "r=1;f=server-quit");
        rig.run(Duration::from_millis(1_200));
        if !rig.raws[raw].ended {
            break;
        }
        left += 1;
    }
    assert_eq!(left, 4);
    assert_eq!(rig.nodes[server].server.snapshot().rank(), 2);
    assert!(rig.nodes[server].server.snapshot().uplink().is_some());
}

fn introduces(message: &Message<'_>) -> bool {
    matches!(message, Message::ServerRegistration(r) if !r.info.as_str().contains(" [crc2"))
}

#[test]
fn a_rank_from_a_parent_that_only_seemed_original_is_given_back() {
    let mut rig = Rig::new(1);
    let server = that_links_to(&mut rig, &["r0"]);
    let uplink = rig.newest("r0");
    rig.say(uplink, &registration(Kind::Server, 77, None, "info"));
    rig.run(Duration::from_millis(1_100));
    assert_eq!(rig.nodes[server].server.snapshot().rank(), 1);
    let info = "info [crc2;r=4;f=server-quit]";
    rig.say(uplink, &registration(Kind::Server, 77, None, info));
    rig.run(Duration::from_secs(2));
    assert_eq!(rig.nodes[server].server.snapshot().rank(), 5);
    assert!(!rig.raws[uplink].ended);
}

#[test]
fn what_is_announced_after_a_crossing_link_has_ended_is_no_info_for_people() {
    let mut rig = Rig::new(1);
    let server = that_links_to(&mut rig, &["r0"]);
    let uplink = rig.newest("r0");
    // It links to us itself at the same moment, and thinks better of it.
    let crossing = rig.connect(server);
    rig.say(crossing, &registration(Kind::Server, 77, None, "info"));
    rig.soon();
    rig.say(uplink, &registration(Kind::Server, 77, None, "info"));
    rig.soon();
    rig.cut_raw(crossing);
    rig.soon();
    let info = "info [crc2;r=4;f=server-quit]";
    rig.say(uplink, &registration(Kind::Server, 77, None, info));
    rig.soon();
    let snapshot = rig.nodes[server].server.snapshot();
    let host = snapshot.directory().find(rig::id(77)).unwrap();
    assert_eq!(host.info(), "info");
    assert_eq!(host.machine(), Some(" [crc2;r=4;f=server-quit]"));
    assert_eq!(snapshot.rank(), 5);
    assert!(!rig.raws[uplink].ended);
}
