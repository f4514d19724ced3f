//! Two clients with one id, in parts of the network that meet: the one that registered
//! earlier stays, and gets the mail. Where the times are not known the parent's stays.

use super::*;

const START_MS: u64 = 1_700_000_000_000;
const HOUR_MS: u64 = 3_600_000;
const TAKEN: &str = "Someone has already registered with ID 77";

/// Servers that are not linked, each with its own clock.
fn apart(clocks: &[u64]) -> Fixture {
    let mut fixture = Fixture::new(3);
    for (number, clock) in clocks.iter().enumerate() {
        let mut config = config(number);
        config.started_at_unix_ms = *clock;
        fixture.server_with(config);
    }
    fixture.run(Duration::from_secs(1));
    fixture
}

/// A server links to another one.
fn link(fixture: &mut Fixture, child: usize, parent: usize) {
    let candidates = vec![format!("s{parent}:1").parse().unwrap()];
    let event = Event::Command(ServerCommand::Candidates(candidates));
    fixture.handle(child, event);
    fixture.run(Duration::from_secs(3));
    let known = fixture.known(child);
    assert!(known.contains_key(&(parent as u32 + 1)), "{known:?}");
}

/// Clients with id 77 at these servers, one after the other: a victim first, then thieves.
fn register<const N: usize>(fixture: &mut Fixture, at: [usize; N]) -> [usize; N] {
    at.map(|node| {
        let client = fixture.v2_client(node, 77);
        fixture.run(Duration::from_secs(2));
        assert!(!fixture.peers[client].ended);
        fixture.received(client);
        client
    })
}

/// The victim has its id everywhere, and gets what is sent to it; the thief was told that it
/// has it no more.
fn assert_victim_stays(fixture: &mut Fixture, [victim, thief]: [usize; 2], at: [usize; 2]) {
    assert!(!fixture.peers[victim].ended, "the victim stays");
    assert!(fixture.peers[thief].ended, "the thief is closed");
    let told = fixture.received(thief);
    let refusal = status(at[1] as u32 + 1, 0, 2, TAKEN);
    assert_eq!(told.last(), Some(&refusal), "{told:?}");
    for node in 0..fixture.nodes.len() {
        let sender = 200 + node as u32;
        let peer = fixture.v2_client(node, sender);
        fixture.soon();
        fixture.received(victim);
        let mail = chat(sender, 77, "for the victim");
        fixture.send_message(peer, &mail);
        fixture.run(Duration::from_secs(1));
        assert_eq!(fixture.received(victim), [mail], "from s{node}");
        let first = fixture.known(node)[&77];
        assert_eq!(first == 77, node == at[0], "s{node} has {first}");
    }
    for node in &fixture.nodes {
        assert!(!node.notices.contains(&ServerNotice::Unlinked));
    }
}

#[test]
fn of_two_clients_with_one_id_the_one_registered_earlier_stays() {
    // By the clocks of the two servers, neither of which need be right.
    for clocks in [
        [START_MS, START_MS],
        [START_MS, START_MS + HOUR_MS],
        [START_MS + HOUR_MS, START_MS],
        [START_MS, 0],
    ] {
        for at in [[0, 1], [1, 0]] {
            let mut fixture = apart(&clocks);
            let clients = register(&mut fixture, at);
            link(&mut fixture, 1, 0);
            assert_victim_stays(&mut fixture, clients, at);
        }
    }
}

#[test]
fn the_earlier_client_stays_across_several_servers() {
    // s1 - s0, and s2 - s3, until s2 links to s0.
    for skew in [0, HOUR_MS] {
        for at in [[1, 3], [3, 1], [0, 3], [3, 0], [1, 2], [2, 1]] {
            let mut fixture = apart(&[START_MS, START_MS, START_MS + skew, START_MS]);
            link(&mut fixture, 1, 0);
            link(&mut fixture, 3, 2);
            let clients = register(&mut fixture, at);
            link(&mut fixture, 2, 0);
            assert_victim_stays(&mut fixture, clients, at);
        }
    }
    // s0 - s1, until s2 links to s1.
    for at in [[2, 0], [0, 2], [1, 2], [2, 1]] {
        let mut fixture = apart(&[START_MS; 3]);
        link(&mut fixture, 1, 0);
        let clients = register(&mut fixture, at);
        link(&mut fixture, 2, 1);
        assert_victim_stays(&mut fixture, clients, at);
    }
}

#[test]
fn of_three_clients_with_one_id_the_first_stays() {
    for at in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        let mut fixture = apart(&[START_MS, START_MS + HOUR_MS, START_MS]);
        let clients = register(&mut fixture, at);
        link(&mut fixture, 1, 0);
        link(&mut fixture, 2, 1);
        assert_victim_stays(&mut fixture, [clients[0], clients[1]], [at[0], at[1]]);
        assert!(fixture.peers[clients[2]].ended);
    }
}

/// A server with a client 77, and a scripted child 88 with the features `words`, which then
/// announces a client with that id with this info. What the child and the client got for
/// it.
fn child_announces(words: &str, info: &str) -> [Vec<Message<'static>>; 2] {
    let mut fixture = apart(&[START_MS]);
    let client = fixture.v2_client(0, 77);
    let child = fixture.connect(0);
    fixture.introduce_v2(child, 88, &format!("r=1;f={words}"));
    fixture.run(Duration::from_secs(2));
    fixture.received(child);
    fixture.received(client);
    fixture.send_message(child, &registration(Kind::Client, 77, Some(88), info));
    fixture.run(Duration::from_secs(1));
    let [at_child, at_client] = [child, client].map(|peer| fixture.received(peer));
    assert!(!fixture.peers[child].ended, "{info}");
    let displaced = fixture.peers[client].ended;
    assert_eq!(fixture.known(0)[&77] == 88, displaced, "{info}");
    [at_child, at_client]
}

const AGES: &str = "server-quit,channels,channel-age";

#[test]
fn the_time_of_a_registration_is_believed_of_servers_that_take_such_times() {
    let refusal = || vec![status(1, 0, 2, TAKEN)];
    let replaced = || vec![quit(77, "replaced by another client with its id")];
    // The client of the server has registered a second after its start.
    let same = format!("other [crc2;s={}]", START_MS + 1_000);
    let later = format!("other [crc2;s={}]", START_MS + 1_001);
    let future = format!("other [crc2;s={}]", START_MS + 1_000 * HOUR_MS);
    for (words, info, stays) in [
        (AGES, "other [crc2;s=1]", false),
        (AGES, "other [crc2;z=9;s=1]", false),
        (AGES, &*same, true),
        (AGES, &later, true),
        (AGES, &future, true),
        (AGES, "other [crc2;s=18446744073709551615]", true),
        (AGES, "other [crc2;s=0]", true),
        (AGES, "other [crc2;s=x]", true),
        (AGES, "other", true),
        (AGES, "other [crc2;s=1] [crc2;z=9]", true),
        ("server-quit,channels", "other [crc2;s=1]", true),
    ] {
        let [at_child, at_client] = child_announces(words, info);
        match stays {
            true => {
                assert_eq!(at_child, refusal(), "{info}");
                assert_eq!(at_client, [], "{info}");
            }
            false => {
                assert_eq!(at_child, replaced(), "{info}");
                assert_eq!(at_client, refusal(), "{info}");
            }
        }
    }
}

#[test]
fn with_a_v1_server_in_between_the_parents_client_stays() {
    // 88 is a v1 server at s0, and has a client 77; s1 has an earlier one.
    for info in ["other", "other [crc2;s=1]"] {
        let mut fixture = apart(&[START_MS; 2]);
        let own = fixture.v2_client(1, 77);
        fixture.run(Duration::from_secs(2));
        let v1 = fixture.connect(0);
        fixture.send_message(v1, &registration(Kind::Server, 88, None, "info"));
        fixture.run(Duration::from_secs(2));
        fixture.send_message(v1, &registration(Kind::Client, 77, Some(88), info));
        fixture.run(Duration::from_secs(2));
        link(&mut fixture, 1, 0);
        assert!(fixture.peers[own].ended && !fixture.peers[v1].ended);
        assert_eq!(fixture.received(own).last(), Some(&status(2, 0, 2, TAKEN)));
        assert_eq!(fixture.known(0), [(2, 2), (77, 88), (88, 88)].into());
        assert_eq!(fixture.known(1), [(1, 1), (77, 1), (88, 1)].into());
    }
    // A v1 server that announces an id again is not believed, whatever it says.
    let mut fixture = apart(&[START_MS]);
    let own = fixture.v2_client(0, 77);
    let v1 = fixture.connect(0);
    fixture.send_message(v1, &registration(Kind::Server, 88, None, "info"));
    fixture.run(Duration::from_secs(2));
    let thief = registration(Kind::Client, 77, Some(88), "info [crc2;s=1]");
    fixture.send_message(v1, &thief);
    fixture.run(Duration::from_secs(2));
    assert!(!fixture.peers[own].ended);
    assert_eq!(fixture.known(0)[&77], 77);
}

#[test]
fn a_client_cannot_state_when_it_registered() {
    let mut fixture = apart(&[START_MS; 2]);
    let victim = fixture.v2_client(0, 77);
    fixture.run(Duration::from_secs(2));
    let thief = fixture.client(1, 77);
    let announcement = registration(Kind::Client, 77, None, "info [crc2;s=1;f=channels]");
    fixture.send_message(thief, &announcement);
    fixture.run(Duration::from_secs(2));
    link(&mut fixture, 1, 0);
    assert_victim_stays(&mut fixture, [victim, thief], [0, 1]);
}

#[test]
fn the_time_travels_between_servers_that_take_it_and_is_no_change() {
    let mut fixture = apart(&[START_MS]);
    let client = fixture.v2_client(0, 101);
    let [dated, other, v1] = [AGES, "server-quit,channels", ""].map(|words| {
        let peer = fixture.connect(0);
        let id = 80 + words.len() as u32;
        match words {
            "" => fixture.send_message(peer, &registration(Kind::Server, id, None, "info")),
            _ => fixture.introduce_v2(peer, id, &format!("r=1;f={words}")),
        }
        fixture.run(Duration::from_secs(2));
        peer
    });
    let info_of = |messages: Vec<Message<'static>>, wanted| {
        let found = messages.into_iter().filter_map(|message| match message {
            Message::ClientRegistration(m) if m.source == id(wanted) => Some(m.info.to_string()),
            _ => None,
        });
        found.collect::<Vec<_>>()
    };
    let infos = |fixture: &mut Fixture, wanted| {
        [dated, other, v1, client].map(|peer| info_of(fixture.received(peer), wanted))
    };
    // In the burst.
    let stated = format!("info [crc2;s={};h=1]", START_MS + 1_000);
    let plain = vec!["info".to_owned()];
    let heard = infos(&mut fixture, 101);
    assert_eq!(heard, [vec![stated], plain.clone(), plain.clone(), vec![]]);
    // A client that joins.
    let from = fixture.connect(0);
    fixture.introduce_v2(from, 99, &format!("r=1;f={AGES}"));
    let passed = "info [crc2;s=5]".to_owned();
    fixture.send_message(from, &registration(Kind::Client, 102, Some(99), &passed));
    fixture.run(Duration::from_secs(2));
    let heard = infos(&mut fixture, 102);
    let all_plain = || [plain.clone(), plain.clone(), plain.clone()];
    let [b, c, d] = all_plain();
    assert_eq!(heard, [vec![passed], b, c, d]);
    // Another time only: no other client.
    let passed = "info [crc2;s=4]".to_owned();
    for _ in 0..2 {
        fixture.send_message(from, &registration(Kind::Client, 102, Some(99), &passed));
    }
    fixture.run(Duration::from_secs(2));
    let heard = fixture.received(dated);
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert_eq!(info_of(heard, 102), [passed]);
    for peer in [other, v1, client] {
        assert_eq!(fixture.received(peer), []);
    }
}

#[test]
fn a_server_that_announces_itself_late_gets_the_times() {
    let mut fixture = apart(&[START_MS]);
    fixture.v2_client(0, 101);
    let late = fixture.connect(0);
    fixture.send_message(late, &registration(Kind::Server, 88, None, "info"));
    fixture.run(Duration::from_secs(5));
    let before = fixture.received(late);
    assert!(before.contains(&registration(Kind::Client, 101, Some(1), "info")));
    let announcement = format!("info [crc2;r=1;f={AGES}]");
    fixture.send_message(late, &registration(Kind::Server, 88, None, &announcement));
    fixture.run(Duration::from_secs(2));
    let dated = format!("info [crc2;s={};h=1]", START_MS + 1_000);
    let after = fixture.received(late);
    let dated = registration(Kind::Client, 101, Some(1), &dated);
    assert!(after.contains(&dated), "{after:?}");
}

/// A server with 40 clients, then a host with id 77, which leaves while the burst to a peer
/// has hardly begun. The peer had a client with that id, which was refused.
fn refused_by_one_that_leaves(kind: Kind, seed: u64) {
    let mut fixture = Fixture::new(seed);
    let mut config = config(0);
    config.limits.server_queue_bytes_max = 5_000;
    let server = fixture.server_with(config);
    for other in 0..40 {
        fixture.v2_client(server, 500 + other);
    }
    fixture.soon();
    let ours = fixture.connect(server);
    match kind {
        Kind::Client => fixture.send_message(ours, &registration(kind, 77, None, "info")),
        Kind::Server => fixture.introduce_v2(ours, 77, "r=1;f=server-quit"),
    }
    fixture.soon();
    let peer = fixture.connect(server);
    fixture.send_message(peer, &registration(Kind::Server, 88, None, "info"));
    fixture.soon();
    fixture.toggle_reading(peer);
    let mut burst = registration(Kind::Server, 88, None, "info [crc2;f=server-quit]").to_vec();
    burst.extend(registration(Kind::Client, 77, Some(88), "info").to_vec());
    fixture.send(peer, &burst);
    fixture.soon();
    assert!(!fixture.peers[ours].ended && !fixture.peers[peer].ended);
    fixture.close_peer(ours);
    fixture.soon();
    assert!(!fixture.known(server).contains_key(&77));
    fixture.toggle_reading(peer);
    fixture.run(Duration::from_secs(2));
    let heard = fixture.received(peer);
    let at = |wanted: &dyn Fn(&Message<'_>) -> bool| heard.iter().position(wanted);
    let told = at(&|message| match message {
        Message::ClientRegistration(it) | Message::ServerRegistration(it) => it.source == id(77),
        _ => false,
    });
    let left = at(&|message| match message {
        Message::ClientQuit(it) => it.source == id(77),
        Message::ServerQuit(it) => it.source == id(77),
        _ => false,
    });
    assert!(told.is_some() && told < left, "{told:?} {left:?} {heard:?}");
}

#[test]
fn a_peer_is_told_of_the_host_for_which_its_client_is_refused() {
    for seed in 0..20 {
        refused_by_one_that_leaves(Kind::Client, seed);
        refused_by_one_that_leaves(Kind::Server, seed);
    }
}

#[test]
fn a_peer_is_told_of_the_host_that_displaces_its_client() {
    const FEATURES: &str = "f=server-quit,channels,channel-age";
    for seed in 0..20 {
        let mut fixture = Fixture::new(seed);
        let mut config = config(0);
        config.limits.server_queue_bytes_max = 5_000;
        config.started_at_unix_ms = START_MS + HOUR_MS;
        let server = fixture.server_with(config);
        for other in 0..40 {
            fixture.v2_client(server, 500 + other);
        }
        fixture.soon();
        let winner = fixture.connect(server);
        fixture.introduce_v2(winner, 99, &format!("r=1;{FEATURES}"));
        fixture.soon();
        let loser = fixture.connect(server);
        fixture.send_message(loser, &registration(Kind::Server, 88, None, "info"));
        fixture.soon();
        fixture.toggle_reading(loser);
        let announced = format!("info [crc2;{FEATURES}]");
        let mut burst = registration(Kind::Server, 88, None, &announced).to_vec();
        let late = registration(Kind::Client, 77, Some(88), "info [crc2;s=1700000009000]");
        burst.extend(late.to_vec());
        fixture.send(loser, &burst);
        fixture.soon();
        // The burst to the loser has hardly begun. Its client registered later than another
        // one with the same id, which leaves at once.
        let early = registration(Kind::Client, 77, Some(99), "info [crc2;s=1700000001000]");
        fixture.send_message(winner, &early);
        fixture.soon();
        fixture.send_message(winner, &quit(77, "bye"));
        fixture.soon();
        assert!(!fixture.known(server).contains_key(&77));
        fixture.toggle_reading(loser);
        fixture.run(Duration::from_secs(2));
        let heard = fixture.received(loser);
        let told = heard
            .iter()
            .position(|it| matches!(it, Message::ClientRegistration(it) if it.source == id(77)));
        let left = heard
            .iter()
            .position(|it| matches!(it, Message::ClientQuit(it) if it.source == id(77)));
        assert!(told.is_some() && told < left, "{told:?} {left:?} {heard:?}");
    }
}
