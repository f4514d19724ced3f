//! Servers that prove the secret of their link (PROTOCOL section 10).
//!
//! The nonces and proofs below were computed by another program.

use crc_core::{LinkConfig, LinkDirection, Secret};
use crc_wire::Name;

use super::*;

const SECRET: &str = "correct horse battery staple";

/// The first nonce of a server whose key is zero.
const FIRST_NONCE: &str = "a4a11ce5fbe8f96bf3028035286c2c9274cd4259cbc224e37a73d971923903d3";

/// The proofs if host 77 dials server 1, and draws `aa` 32 times.
const PROOF_OF_77: &str = "3cbfd31953db1779f9da3f3d160e08cb233c3d2059a388543e2cf11ebb1154bb";
const PROOF_TO_77: &str = "2029ec2c7e285654fd824fe1294d3118fc0feeaae0b004fd5547df85e318f7e4";

/// The proof of host 77, if both ends of the connection have exported `05` 32 times.
const PROOF_OF_77_BY_TLS: &str = "a3ff434c2dbe7c3dbac8ff93baa97b3e1c87aa036178ded9135c07d0a0506bb8";

/// The proofs if server 1 dials host 77, which draws `aa` 32 times.
const PROOF_TO_DIALLED: &str = "3a0786084188283d1d7bfe9a02e5ffd06d688fec4bb3b83f53cab4d3562592db";
const PROOF_OF_DIALLED: &str = "b1745318621856377afc461aeb3b469d62f4b7b3416ef527b648ff08e0d5ea21";

fn any_server(secret: &str) -> LinkConfig {
    LinkConfig {
        name: None,
        address: None,
        secret: Some(Secret::new(secret).unwrap()),
        direction: LinkDirection::Both,
    }
}

fn named(name: &str, secret: &str) -> LinkConfig {
    LinkConfig {
        name: Some(Name::new(name.to_owned()).unwrap()),
        ..any_server(secret)
    }
}

/// The configuration of a server with links, below `parent` if there is one.
fn secretive(node: usize, parent: Option<&str>, links: Vec<LinkConfig>) -> crc_core::Config {
    let mut config = config(node);
    config.connect = parent.map(|to| to.parse().unwrap()).into_iter().collect();
    config.links = links;
    config
}

/// A server of the secret with a client, 101.
fn keeper() -> (Fixture, usize, usize) {
    let mut fixture = Fixture::new(1);
    let server = fixture.server_with(secretive(0, None, vec![any_server(SECRET)]));
    let client = fixture.v2_client(server, 101);
    fixture.soon();
    fixture.received(client);
    (fixture, server, client)
}

/// Host 77 dials the server and is challenged.
fn challenged(fixture: &mut Fixture, server: usize) -> usize {
    let peer = fixture.connect(server);
    fixture.send_message(peer, &registration(Kind::Server, 77, None, "info"));
    fixture.soon();
    peer
}

fn send_machine(fixture: &mut Fixture, peer: usize, machine: &str) {
    let info = format!("info [crc2;{machine}]");
    fixture.send_message(peer, &registration(Kind::Server, 77, None, &info));
    fixture.soon();
}

fn own_registration(info: &str) -> Message<'static> {
    let Message::ServerRegistration(mut of_1) = registration(Kind::Server, 1, None, info) else {
        unreachable!()
    };
    of_1.name = Name::new("server0").unwrap();
    Message::ServerRegistration(of_1)
}

/// Nothing has reached the client, and the directory holds it alone.
fn assert_undisturbed(fixture: &mut Fixture, server: usize, client: usize) {
    assert_eq!(fixture.received(client), []);
    assert!(!fixture.peers[client].ended);
    assert_eq!(fixture.known(server).keys().collect::<Vec<_>>(), [&101]);
}

#[test]
fn a_server_that_dials_proves_the_secret_before_anything_else() {
    let (mut fixture, server, client) = keeper();
    let peer = challenged(&mut fixture, server);
    let challenge = format!("Server 0 [crc2;n={FIRST_NONCE};f=auth]");
    assert_eq!(fixture.received(peer), [own_registration(&challenge)]);
    assert_undisturbed(&mut fixture, server, client);

    let nonce = "aa".repeat(32);
    send_machine(
        &mut fixture,
        peer,
        &format!("n={nonce};p={PROOF_OF_77};f=auth"),
    );
    let heard = fixture.received(peer);
    let proof = format!("Server 0 [crc2;p={PROOF_TO_77};f=auth]");
    assert_eq!(heard[0], own_registration(&proof));
    assert_eq!(heard[1], own_registration("Server 0"), "the introduction");
    let Message::ServerRegistration(announcement) = &heard[2] else {
        panic!("{heard:?}");
    };
    let announcement = announcement.info.as_str();
    assert!(
        announcement.contains("channel-age,auth,oper,people,metadata,tags,questions]"),
        "{announcement}"
    );
    assert_eq!(heard.len(), 3);
    assert_eq!(
        fixture.known(server).keys().collect::<Vec<_>>(),
        [&77, &101]
    );

    // What comes then is as it is without secrets.
    send_machine(
        &mut fixture,
        peer,
        "r=4;f=server-quit,channels,channel-age,auth",
    );
    let heard = fixture.received(peer);
    assert!(
        matches!(&heard[0], Message::ClientRegistration(it) if it.source == id(101)),
        "{heard:?}"
    );
    let snapshot = fixture.nodes[server].server.snapshot();
    let of_77 = snapshot.directory().find(id(77)).unwrap();
    assert_eq!(of_77.info(), "info", "the proof is no part of it");
}

#[test]
fn the_server_that_is_dialled_proves_the_secret_too() {
    for (proof, links) in [(PROOF_OF_DIALLED, true), (PROOF_TO_DIALLED, false)] {
        let mut fixture = Fixture::new(1);
        fixture.listen_peer("r0");
        let links_to = vec![any_server(SECRET)];
        let server = fixture.server_with(secretive(0, Some("r0:1"), links_to));
        fixture.soon();
        let peer = fixture.newest("r0");
        assert_eq!(fixture.received(peer), [own_registration("Server 0")]);
        let nonce = "aa".repeat(32);
        send_machine(&mut fixture, peer, &format!("n={nonce};f=auth"));
        let answer = format!("Server 0 [crc2;n={FIRST_NONCE};p={PROOF_TO_DIALLED};f=auth]");
        assert_eq!(fixture.received(peer), [own_registration(&answer)]);
        assert!(fixture.known(server).is_empty());

        send_machine(&mut fixture, peer, &format!("p={proof};f=auth"));
        assert!(
            fixture.known(server).is_empty(),
            "it has not introduced itself"
        );
        if links {
            fixture.introduce_v2(peer, 77, "r=0;f=server-quit");
            assert_eq!(fixture.known(server).keys().collect::<Vec<_>>(), [&77]);
        } else {
            // Its own proof, sent back.
            fixture.close_peer(peer);
            fixture.soon();
            assert!(fixture.peers[peer].ended);
        }
    }
}

#[test]
fn a_proof_holds_for_the_encrypted_connection_that_it_was_made_for() {
    for (proof, links) in [(PROOF_OF_77_BY_TLS, true), (PROOF_OF_77, false)] {
        let mut fixture = Fixture::new(1);
        fixture.keying_material = Some([5; 32]);
        let server = fixture.server_with(secretive(0, None, vec![any_server(SECRET)]));
        let peer = challenged(&mut fixture, server);
        let nonce = "aa".repeat(32);
        send_machine(&mut fixture, peer, &format!("n={nonce};p={proof};f=auth"));
        assert_eq!(fixture.known(server).contains_key(&77), links);
    }
}

#[test]
fn what_does_not_prove_the_secret_is_closed_and_reads_why() {
    let nonce = "aa".repeat(32);
    let wrong = PROOF_OF_77.replace('3', "4");
    let (no_proof, no_match) = (
        "You do not prove the secret of the link",
        "Your secret is not that of the link",
    );
    for (machine, text) in [
        (format!("n={nonce};p={wrong};f=auth"), no_match),
        // The nonce is another one.
        (
            format!("n={};p={PROOF_OF_77};f=auth", "bb".repeat(32)),
            no_match,
        ),
        // The proof of the other side.
        (format!("n={nonce};p={PROOF_TO_77};f=auth"), no_match),
        (format!("p={PROOF_OF_77};f=auth"), no_proof),
        (format!("n={nonce};f=auth"), no_proof),
        (
            format!("n={nonce};p={};f=auth", &PROOF_OF_77[1..]),
            no_proof,
        ),
        ("r=0;f=server-quit,channels".to_owned(), no_proof),
    ] {
        let (mut fixture, server, client) = keeper();
        let peer = challenged(&mut fixture, server);
        fixture.received(peer);
        send_machine(&mut fixture, peer, &machine);
        assert_eq!(
            fixture.received(peer),
            [status(1, 0, 0x0107, text)],
            "{machine}"
        );
        fixture.close_peer(peer);
        fixture.soon();
        assert!(fixture.peers[peer].ended, "{machine}");
        assert_undisturbed(&mut fixture, server, client);
    }
}

#[test]
fn a_challenged_peer_may_send_nothing_but_its_proof() {
    let host = registration(Kind::Client, 102, Some(77), "ghost");
    let quit = quit(101, "forged");
    let chat = chat(101, 101, "forged");
    for message in [
        host,
        quit,
        chat,
        status(77, 1, 2, "A machine has already registered with ID 77"),
    ] {
        let (mut fixture, server, client) = keeper();
        let peer = challenged(&mut fixture, server);
        fixture.received(peer);
        fixture.send_message(peer, &message);
        fixture.soon();
        let text = "You do not prove the secret of the link";
        assert_eq!(
            fixture.received(peer),
            [status(1, 0, 0x0107, text)],
            "{message:?}"
        );
        assert_undisturbed(&mut fixture, server, client);
    }
}

#[test]
fn a_server_without_the_secret_tells_the_one_that_wants_it() {
    let text = "No secret is configured here for a server of your name";
    for (links_to, text) in [
        (vec![], text),
        (vec![named("server9", SECRET)], text),
        (
            vec![LinkConfig {
                address: "r0:1".parse().ok(),
                ..named("server9", SECRET)
            }],
            "Another server was expected at your address",
        ),
    ] {
        let mut fixture = Fixture::new(1);
        fixture.listen_peer("r0");
        let server = fixture.server_with(secretive(0, Some("r0:1"), links_to));
        fixture.soon();
        let peer = fixture.newest("r0");
        fixture.received(peer);
        send_machine(&mut fixture, peer, &format!("n={};f=auth", "aa".repeat(32)));
        assert_eq!(fixture.received(peer), [status(1, 0, 0x0107, text)]);
        fixture.close_peer(peer);
        fixture.soon();
        assert!(fixture.peers[peer].ended && fixture.known(server).is_empty());
    }

    // The other side: it closes the link, and has nothing to say.
    let (mut fixture, server, client) = keeper();
    let peer = challenged(&mut fixture, server);
    fixture.received(peer);
    fixture.send_message(peer, &status(77, 0, 0x0107, text));
    fixture.soon();
    assert_eq!(fixture.received(peer), []);
    fixture.close_peer(peer);
    fixture.soon();
    assert!(fixture.peers[peer].ended);
    assert_undisturbed(&mut fixture, server, client);
}

#[test]
fn what_a_dialled_server_says_before_its_proof_does_not_count() {
    let mut fixture = Fixture::new(1);
    fixture.listen_peer("r0");
    let mut config = secretive(0, Some("r0:1"), vec![any_server(SECRET)]);
    config.v1_peers.clear();
    let server = fixture.server_with(config);
    fixture.soon();
    let peer = fixture.newest("r0");
    let nonce = "aa".repeat(32);
    for machine in ["", &format!("n={nonce};f=auth")] {
        if !machine.is_empty() {
            send_machine(&mut fixture, peer, machine);
        }
        fixture.send_message(peer, &status(77, 0, 0x0105, "poison"));
        fixture.send_message(peer, &status(77, 0, 2, "poison"));
        fixture.soon();
        assert!(fixture.status_log(server).is_empty());
        assert!(!fixture.peers[peer].ended);
    }
    send_machine(&mut fixture, peer, &format!("p={PROOF_OF_DIALLED};f=auth"));
    fixture.introduce_v2(peer, 77, "r=0;f=server-quit");
    assert_eq!(fixture.known(server).keys().collect::<Vec<_>>(), [&77]);
}

#[test]
fn a_proof_is_of_no_use_a_second_time() {
    let (mut fixture, server, client) = keeper();
    let proof = format!("n={};p={PROOF_OF_77};f=auth", "aa".repeat(32));
    let first = challenged(&mut fixture, server);
    let second = challenged(&mut fixture, server);
    // The right proof of the first link, on the second.
    send_machine(&mut fixture, second, &proof);
    assert!(fixture.received(second).contains(&status(
        1,
        0,
        0x0107,
        "Your secret is not that of the link"
    )));
    assert_undisturbed(&mut fixture, server, client);
    send_machine(&mut fixture, first, &proof);
    assert!(fixture.known(server).contains_key(&77));
}

#[test]
fn an_id_is_not_taken_from_anyone_without_the_secret() {
    let (mut fixture, server, client) = keeper();
    let parent = format!("s{server}:1");
    let child = fixture.server_with(secretive(1, Some(&parent), vec![any_server(SECRET)]));
    fixture.rest();
    assert!(fixture.known(server).contains_key(&2));
    fixture.received(client);
    for stolen in [2, 101] {
        let thief = fixture.connect(server);
        fixture.send_message(thief, &registration(Kind::Server, stolen, None, "info"));
        fixture.soon();
        let info = format!("info [crc2;n={};p={PROOF_OF_77};f=auth]", "aa".repeat(32));
        fixture.send_message(thief, &registration(Kind::Server, stolen, None, &info));
        fixture.soon();
        let text = "Your secret is not that of the link";
        assert!(
            fixture
                .received(thief)
                .contains(&status(1, 0, 0x0107, text))
        );
        assert_eq!(fixture.received(client), []);
        assert!(fixture.known(server).contains_key(&2) && !fixture.peers[client].ended);
    }
    assert!(fixture.known(child).contains_key(&101));
}

#[test]
fn servers_with_one_secret_form_a_tree_that_heals() {
    let mut fixture = Fixture::new(3);
    let secret = || vec![any_server(SECRET)];
    let root = fixture.server_with(secretive(0, None, secret()));
    let middle = fixture.server_with(secretive(1, Some("s0:1"), secret()));
    let leaf = fixture.server_with(secretive(2, Some("s1:1"), secret()));
    fixture.rest();
    assert_eq!(fixture.known(leaf).keys().collect::<Vec<_>>(), [&1, &2]);
    fixture.kill(middle);
    fixture.rest();
    assert_eq!(fixture.known(leaf).keys().collect::<Vec<_>>(), [&1]);
    assert_eq!(fixture.known(root).keys().collect::<Vec<_>>(), [&3]);
    fixture.restart(middle, secretive(1, Some("s0:1"), secret()));
    fixture.rest();
    assert_eq!(fixture.known(leaf).keys().collect::<Vec<_>>(), [&1, &2]);
}

#[test]
fn servers_link_only_if_both_have_the_same_secret_for_each_other() {
    let other = "another secret of this length";
    let dial = |mut link: LinkConfig| {
        link.direction = LinkDirection::Dial;
        link
    };
    let accept = |mut link: LinkConfig| {
        link.direction = LinkDirection::Accept;
        link
    };
    let at = |mut link: LinkConfig| {
        link.address = "s0:1".parse().ok();
        link
    };

    for (of_root, of_child, links) in [
        (vec![any_server(SECRET)], vec![any_server(SECRET)], true),
        (
            vec![named("server1", SECRET)],
            vec![named("server0", SECRET)],
            true,
        ),
        (
            vec![named("server1", SECRET)],
            vec![any_server(SECRET)],
            true,
        ),
        // The entry of a server comes before that of all.
        (
            vec![any_server(other), named("server1", SECRET)],
            vec![any_server(other), named("server0", SECRET)],
            true,
        ),
        (
            vec![any_server(SECRET), named("server1", other)],
            vec![any_server(SECRET)],
            false,
        ),
        (vec![any_server(SECRET)], vec![any_server(other)], false),
        (
            vec![named("server9", SECRET)],
            vec![any_server(SECRET)],
            false,
        ),
        (
            vec![any_server(SECRET)],
            vec![named("server9", SECRET)],
            false,
        ),
        // One of them has no secret at all.
        (vec![any_server(SECRET)], vec![], false),
        (vec![], vec![any_server(SECRET)], false),
        // The child names its parent, and has no entry for it.
        (vec![], vec![named("server9", SECRET)], true),
        (vec![], vec![at(any_server(SECRET))], false),
        (vec![], vec![named("server0", SECRET)], false),
        // Who may dial.
        (
            vec![accept(any_server(SECRET))],
            vec![dial(any_server(SECRET))],
            true,
        ),
        (
            vec![dial(any_server(SECRET))],
            vec![dial(any_server(SECRET))],
            false,
        ),
        (
            vec![accept(any_server(SECRET))],
            vec![accept(any_server(SECRET))],
            false,
        ),
        // Another server is at the address.
        (
            vec![any_server(SECRET)],
            vec![at(named("server9", SECRET)), any_server(SECRET)],
            false,
        ),
        (
            vec![any_server(SECRET)],
            vec![at(named("server0", SECRET))],
            true,
        ),
    ] {
        let mut fixture = Fixture::new(1);
        let what = format!("{of_root:?} {of_child:?}");
        let mut of_root = secretive(0, None, of_root);
        // Without it, servers without an entry may be v1 servers.
        of_root.v1_peers = Vec::new();
        let root = fixture.server_with(of_root);
        let child = fixture.server_with(secretive(1, Some("s0:1"), of_child));
        fixture.run(Duration::from_secs(60));
        assert_eq!(fixture.known(root).contains_key(&2), links, "{what}");
        assert_eq!(fixture.known(child).contains_key(&1), links, "{what}");
    }
}

#[test]
fn v1_servers_are_admitted_by_their_address_alone() {
    for (peers, links) in [("127.0.0.0/8", true), ("10.0.0.0/8", false)] {
        for secrets in [vec![], vec![named("server9", SECRET)]] {
            let with_secrets = !secrets.is_empty();
            let mut fixture = Fixture::new(1);
            let mut config = secretive(0, None, secrets);
            config.v1_peers = vec![peers.parse().unwrap()];
            let server = fixture.server_with(config);
            let v1 = fixture.connect(server);
            fixture.send_message(v1, &registration(Kind::Server, 77, None, "info"));
            fixture.soon();
            // The answer of a v1 server to the announcement.
            let taken = "A machine has already registered with ID 1";
            fixture.send_message(v1, &status(77, 0, 2, taken));
            fixture.run(Duration::from_secs(2));
            assert_eq!(fixture.known(server).contains_key(&77), links, "{peers}");
            let texts: Vec<_> = fixture
                .received(v1)
                .into_iter()
                .filter_map(text_of)
                .collect();
            let expected: &[&str] = match (links, with_secrets) {
                (true, _) => &[],
                (false, true) => &["No secret is configured here for a server of your name"],
                (false, false) => &["Servers of version 1 may not link from your address"],
            };
            assert_eq!(texts, expected);
        }
    }
}

/// The text of a status that a server may not link.
fn text_of(message: Message<'static>) -> Option<String> {
    match message {
        Message::Status(status) if status.code == crc_wire::StatusCode::NOT_PERMITTED => {
            Some(status.text.as_str().to_owned())
        }
        _ => None,
    }
}

#[test]
fn a_server_that_announces_itself_late_is_no_v1_server() {
    let mut fixture = Fixture::new(1);
    let mut config = config(0);
    config.v1_peers = Vec::new();
    let server = fixture.server_with(config);
    let late = fixture.connect(server);
    fixture.send_message(late, &registration(Kind::Server, 77, None, "info"));
    fixture.run(Duration::from_secs(5));
    send_machine(&mut fixture, late, "r=4;f=server-quit,channels");
    let silent = fixture.connect(server);
    fixture.send_message(silent, &registration(Kind::Server, 78, None, "info"));
    fixture.run(Duration::from_secs(9));
    assert_eq!(fixture.known(server).keys().collect::<Vec<_>>(), [&77, &78]);
    fixture.run(Duration::from_secs(2));
    assert_eq!(fixture.known(server).keys().collect::<Vec<_>>(), [&77]);
}

#[test]
fn one_that_is_admitted_as_a_v1_server_cannot_turn_out_to_be_another() {
    let mut fixture = Fixture::new(1);
    let server = fixture.server_with(secretive(0, None, vec![named("server9", SECRET)]));
    let peer = fixture.connect(server);
    fixture.introduce_v2(peer, 77, "r=4;f=server-quit,channels");
    let texts: Vec<_> = fixture
        .received(peer)
        .into_iter()
        .filter_map(text_of)
        .collect();
    assert_eq!(
        texts,
        ["No secret is configured here for a server of your name"]
    );
    assert!(fixture.known(server).is_empty());
}
