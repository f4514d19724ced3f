//! Ids that belong to servers: a client gives way to a server, and does not get the id of
//! one that was there not long ago.

use super::*;

const TAKEN: &str = "Someone has already registered with ID 77";

/// A client with id 77 gets a status that says so, and its link ends.
fn assert_displaced(fixture: &mut Fixture, client: usize, server: u32) {
    assert!(fixture.peers[client].ended);
    let heard = fixture.received(client);
    assert_eq!(
        heard.last(),
        Some(&status(server, 0, 2, TAKEN)),
        "{heard:?}"
    );
}

#[test]
fn a_server_displaces_a_client_with_its_id() {
    let (mut fixture, server) = alone();
    let [client, other] = [77, 102].map(|id| fixture.v2_client(server, id));
    fixture.run(Duration::from_secs(2));
    fixture.received(other);
    let peer = fixture.connect(server);
    fixture.introduce_v2(peer, 77, "a=127.0.0.1:7;r=1;f=server-quit");
    fixture.run(Duration::from_secs(5));
    assert_displaced(&mut fixture, client, 1);
    assert!(!fixture.peers[peer].ended, "the server stays");
    assert_eq!(fixture.known(server), [(77, 77), (102, 102)].into());
    let text = "replaced by a server with its id";
    assert_eq!(fixture.received(other), [quit(77, text)]);
}

#[test]
fn a_server_displaces_a_client_at_another_server() {
    // s0 - s1 - s2, the client at s2.
    let mut fixture = Fixture::new(1);
    let root = fixture.server(None);
    let middle = fixture.server(Some(root));
    let leaf = fixture.server(Some(middle));
    fixture.run(Duration::from_secs(5));
    let [client, other] = [77, 102].map(|id| fixture.v2_client(leaf, id));
    fixture.run(Duration::from_secs(2));
    let peer = fixture.connect(root);
    fixture.introduce_v2(peer, 77, "a=127.0.0.1:7;r=1;f=server-quit");
    fixture.run(Duration::from_secs(5));
    assert_displaced(&mut fixture, client, 3);
    assert!(!fixture.peers[peer].ended && !fixture.peers[other].ended);
    assert_eq!(
        fixture.known(root),
        [(2, 2), (3, 2), (77, 77), (102, 2)].into()
    );
    assert_eq!(
        fixture.known(leaf),
        [(1, 2), (2, 2), (77, 2), (102, 102)].into()
    );
    for node in [middle, leaf] {
        assert!(
            !fixture.nodes[node]
                .notices
                .contains(&ServerNotice::Unlinked)
        );
    }
}

/// A server `s1` that has a client with id `thief` when it links to `s0`.
fn halves_meet(thief: u32, in_first_half: &[u32]) -> (Fixture, usize) {
    let mut fixture = Fixture::new(1);
    let first = fixture.server(None);
    fixture.kill(first);
    let second = fixture.server(Some(first));
    let client = fixture.v2_client(second, thief);
    fixture.run(Duration::from_secs(2));
    fixture.restart(first, config(first));
    for server in in_first_half {
        let peer = fixture.connect(first);
        fixture.introduce_v2(peer, *server, "r=1;f=server-quit");
    }
    fixture.run(Duration::from_secs(40));
    (fixture, client)
}

#[test]
fn a_client_with_the_id_of_a_server_cuts_no_link_when_two_halves_meet() {
    let (mut fixture, client) = halves_meet(77, &[77]);
    assert_displaced(&mut fixture, client, 2);
    assert_eq!(fixture.known(0), [(2, 2), (77, 77)].into());
    assert_eq!(fixture.known(1), [(1, 1), (77, 1)].into());
    assert!(!fixture.nodes[1].notices.contains(&ServerNotice::Unlinked));

    // It has the id of the very server that its own server dials.
    let (mut fixture, client) = halves_meet(1, &[]);
    assert!(fixture.peers[client].ended);
    let taken = "Someone has already registered with ID 1";
    assert!(fixture.received(client).contains(&status(2, 0, 2, taken)));
    assert_eq!(fixture.known(1), [(1, 1)].into());
    assert!(!fixture.nodes[1].notices.contains(&ServerNotice::Unlinked));
}

#[test]
fn a_server_displaces_a_client_that_the_parent_tells_of() {
    let (mut fixture, server) = alone();
    let behind = fixture.connect(server);
    fixture.introduce_v2(behind, 88, "r=1;f=server-quit");
    let own = fixture.connect(server);
    fixture.introduce_v2(own, 77, "r=1;f=server-quit");
    // What is on its way when the server registers: a client with its id, and with the id
    // of this server.
    for id in [77, 1] {
        fixture.send_message(behind, &registration(Kind::Client, id, Some(88), "info"));
    }
    fixture.soon();
    assert!(!fixture.peers[behind].ended && !fixture.peers[own].ended);
    assert_eq!(fixture.known(server), [(77, 77), (88, 88)].into());
}

#[test]
fn a_v1_server_that_links_elsewhere_as_v2_cuts_no_link_between_others() {
    // 88 is a v1 server at s0. It links to s1 too, and announces itself there.
    let mut fixture = Fixture::new(1);
    let root = fixture.server(None);
    let child = fixture.server(Some(root));
    fixture.run(Duration::from_secs(5));
    let old = fixture.connect(root);
    fixture.send_message(old, &registration(Kind::Server, 88, None, "info"));
    fixture.run(Duration::from_secs(2));
    assert_eq!(fixture.known(child), [(1, 1), (88, 1)].into());
    let new = fixture.connect(child);
    fixture.introduce_v2(new, 88, "r=2;f=server-quit");
    fixture.run(Duration::from_secs(10));
    assert!(
        !fixture.nodes[child]
            .notices
            .contains(&ServerNotice::Unlinked)
    );
    assert!(fixture.peers[old].ended && !fixture.peers[new].ended);
    assert_eq!(fixture.known(root), [(2, 2), (88, 2)].into());
    assert_eq!(fixture.known(child), [(1, 1), (88, 88)].into());
}

#[test]
fn the_id_of_a_server_is_not_given_to_a_client_for_an_hour() {
    let (mut fixture, server) = alone();
    let peer = fixture.connect(server);
    fixture.introduce_v2(peer, 77, "r=1;f=server-quit");
    let behind = registration(Kind::Server, 78, Some(77), "info [crc2;r=2;f=]");
    fixture.send_message(peer, &behind);
    fixture.soon();
    fixture.close_peer(peer);
    fixture.run(Duration::from_secs(1));
    for _ in 0..2 {
        for id in [77, 78] {
            let client = fixture.v2_client(server, id);
            fixture.soon();
            assert!(fixture.peers[client].ended);
            let text = format!("Someone has already registered with ID {id}");
            assert_eq!(fixture.received(client), [status(1, 0, 2, &text)]);
        }
        fixture.run(Duration::from_secs(3_500));
    }
    for id in [77, 78] {
        let client = fixture.v2_client(server, id);
        fixture.soon();
        assert!(!fixture.peers[client].ended, "{id}");
    }
    // The server itself gets it at any time.
    let peer = fixture.connect(server);
    fixture.introduce_v2(peer, 77, "r=1;f=server-quit");
    fixture.soon();
    assert!(!fixture.peers[peer].ended);
}
