//! Dials of configured uplinks.

use super::*;

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
