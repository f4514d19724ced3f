//! The list of the other clients.

use super::*;

#[test]
fn the_roster_follows_registrations_and_quits() {
    let (mut fixture, link) = Fixture::with_v2_server(config());
    fixture.receive(link, &joined_frame(105, "carol", "c"));
    fixture.receive(link, &joined_frame(102, "alice", "Grüße"));
    fixture.receive(link, &joined_frame(ME, "bob", "the builder"));
    fixture.check(
        &[
            joined(105, "carol", "c", None),
            joined(102, "alice", "Grüße", None),
        ],
        &[],
    );
    assert_eq!(
        fixture.names(),
        [(102, "alice", "Grüße"), (105, "carol", "c")],
        "in the order of ids, without myself"
    );

    fixture.receive(link, &joined_frame(105, "carol", "c"));
    fixture.check(&[], &[]);
    fixture.receive(link, &joined_frame(105, "caroline", "c"));
    fixture.check(&[renamed(105, "carol", "caroline")], &[]);
    fixture.receive(link, &joined_frame(105, "caroline", "C"));
    fixture.check(&[joined(105, "caroline", "C", Some("caroline"))], &[]);

    fixture.receive(link, &quit(102, "bye"));
    fixture.receive(link, &quit(102, "bye"));
    fixture.receive(link, &quit(999, "who?"));
    fixture.receive(link, &quit(ME, "me?"));
    let left = ClientNotice::Left {
        id: id(102),
        name: "alice".into(),
        text: "bye".into(),
    };
    fixture.check(&[left], &[]);
    assert_eq!(fixture.names(), [(105, "caroline", "C")]);

    fixture.link_down(link);
    assert_eq!(fixture.names(), [], "a reconnect clears the roster");
}

#[test]
fn clients_listed_before_the_welcome_are_kept() {
    let (mut fixture, link) = Fixture::connected(config());
    fixture.receive(link, &joined_frame(105, "carol", "c"));
    fixture.check(&[joined(105, "carol", "c", None)], &[]);
}

#[test]
fn resolve_finds_ids_and_names() {
    let (mut fixture, link) = Fixture::with_v2_server(config());
    for (id, name) in [(7, "dave"), (9, "eve"), (8, "dave")] {
        fixture.receive(link, &joined_frame(id, name, ""));
    }
    assert_eq!(fixture.client.resolve("eve"), Ok(id(9)));
    assert_eq!(fixture.client.resolve("1234"), Ok(id(1234)));
    assert_eq!(
        fixture.client.resolve("dave"),
        Err(ResolveError::Ambiguous {
            name: "dave".into(),
            candidates: vec![id(7), id(8)]
        })
    );
    assert_eq!(
        fixture.client.resolve("bob"),
        Err(ResolveError::Unknown("bob".into()))
    );
}

#[test]
fn a_roster_beyond_its_limit_ends_the_connection() {
    let mut config = config();
    config.limits.roster_bytes_max = 1_000;
    let (mut fixture, link) = Fixture::with_v2_server(config);
    let all: Vec<u8> = (1..20)
        .flat_map(|id| joined_frame(id, "name", &"i".repeat(100)))
        .collect();
    fixture.receive(link, &all);
    let notices = fixture.notices();
    assert_eq!(
        disconnected(&notices[notices.len() - 1..]).0,
        DisconnectReason::RosterFull
    );
    assert_eq!(fixture.actions(), [Action::Close(link, CloseWhen::Flushed)]);
    assert_eq!(fixture.names(), []);
}
