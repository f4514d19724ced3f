//! Silent peers, and links that are dead.

use super::*;

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
