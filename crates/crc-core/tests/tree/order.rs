//! Ranks, loops, and the replacement of a parent.

use super::*;

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
fn a_loop_is_dialled_later_each_time_whichever_server_shows_it() {
    let mut fixture = Fixture::new(1);
    let server = server_with_uplinks(&mut fixture, &["r0"]);
    for id in [87, 88, 89] {
        let behind = fixture.connect(server);
        fixture.introduce_v2(behind, id, "r=9;f=server-quit");
    }
    let mut pauses = Vec::new();
    for known in [87, 88, 89, 87] {
        let uplink = fixture.newest("r0");
        fixture.introduce_v2(uplink, 77, "r=4;f=server-quit");
        fixture.send_message(uplink, &registration(Kind::Server, known, Some(77), "info"));
        assert!(closed(&mut fixture, uplink));
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

/// A parent that comes before this server, and later finds that its rank was wrong, keeps its
/// child: a tall tree does not find its new order one level after another.
#[test]
fn a_child_follows_the_rank_of_its_parent() {
    let mut fixture = Fixture::new(1);
    let server = server_with_uplinks(&mut fixture, &["r0"]);
    let parent = fixture.newest("r0");
    fixture.introduce_v2(parent, 77, "r=4;f=server-quit");
    assert_eq!(fixture.nodes[server].server.snapshot().rank(), 5);
    for (rank, expected) in [(12, 13), (3, 13), (12, 13), (13, 14), (u32::MAX - 1, 14)] {
        let words = format!("r={rank};f=server-quit");
        fixture.introduce_v2(parent, 77, &words);
        fixture.run(Duration::from_millis(1_500));
        assert_eq!(fixture.nodes[server].server.snapshot().rank(), expected);
        // There is no rank behind the last one.
        assert_eq!(fixture.peers[parent].ended, rank == u32::MAX - 1);
    }
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
