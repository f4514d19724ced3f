//! A client of several servers moves to another one when it loses its own.

use crc_core::{PeerAddress, TlsFailure};

use super::*;

fn address(text: &str) -> PeerAddress {
    text.parse().unwrap()
}

/// A client of the servers a, b and c, and any id.
fn of_three() -> ClientConfig {
    let servers = ["a:1", "b:1", "c:1"].map(address);
    ClientConfig::with_servers(servers.into(), "bob", "the builder", 7)
}

/// A client that the server a, of version 2, has welcomed `held` ago.
fn at_a(held: Duration) -> (Fixture, LinkId) {
    let mut fixture = Fixture::started(of_three());
    let link = fixture.link_up();
    settle(&mut fixture, link);
    assert!(!moved(&fixture.notices()), "it was nowhere before");
    fixture.now = fixture.now + held;
    (fixture, link)
}

fn settle(fixture: &mut Fixture, link: LinkId) {
    let id = fixture.client.id().get();
    fixture.receive(link, &welcome(id));
    fixture.receive(link, &status(SERVER, id, 0x0100, "crc-caps 1 channels"));
    assert!(fixture.client.is_settled());
}

fn moved(notices: &[ClientNotice]) -> bool {
    let is_moved = |notice: &ClientNotice| matches!(notice, ClientNotice::Moved { .. });
    notices.iter().any(is_moved)
}

fn fail(fixture: &mut Fixture, why: DialError) {
    let dial = fixture.dial.take().unwrap();
    fixture.handle(Event::DialFailed { dial, why });
}

#[test]
fn a_lost_client_dials_the_next_server_at_once_and_says_where_it_is() {
    let mut longest = Duration::ZERO;
    for seed in 0..200 {
        let mut config = of_three();
        config.seed = seed;
        let mut fixture = Fixture::started(config);
        let link = fixture.link_up();
        settle(&mut fixture, link);
        let id = fixture.client.id();
        fixture.now = fixture.now + ms(5_000);
        fixture.notices();
        fixture.link_down(link);
        let (reason, retry_in) = disconnected(&fixture.notices());
        assert_eq!(reason, DisconnectReason::Lost(LinkDown::PeerClosed));
        longest = longest.max(retry_in);
        assert_eq!(fixture.wait(), retry_in);
        assert_eq!(fixture.dialed, ["a:1", "b:1"]);
        let link = fixture.link_up();
        settle(&mut fixture, link);
        let server = address("b:1");
        let notices = fixture.notices();
        assert_eq!(notices[0], ClientNotice::Connected { server });
        assert!(matches!(notices[1], ClientNotice::Welcome { id: it, .. } if it == id));
        let server = address("b:1");
        assert_eq!(notices[2..], [ClientNotice::Moved { server, id }]);
        assert_eq!(fixture.client.server(), &address("b:1"));
    }
    assert!((ms(150)..=ms(200)).contains(&longest), "{longest:?}");
}

#[test]
fn only_after_a_whole_round_the_pauses_grow() {
    let (mut fixture, link) = at_a(ms(5_000));
    fixture.link_down(link);
    let mut pauses = Vec::new();
    for _ in 0..10 {
        pauses.push(fixture.wait());
        fail(&mut fixture, DialError::TimedOut);
    }
    let order = ["a:1", "b:1", "c:1", "a:1"];
    assert_eq!(fixture.dialed[..4], order);
    assert_eq!(fixture.dialed[4..7], ["b:1", "c:1", "a:1"]);
    // 200 ms, then a quarter of the pause between two rounds.
    assert!(
        pauses[..3].iter().all(|pause| *pause <= ms(200)),
        "{pauses:?}"
    );
    assert!(pauses[3] <= ms(500) && pauses[6] <= ms(1_000), "{pauses:?}");
}

#[test]
fn servers_that_close_every_session_are_not_dialled_without_end() {
    let (mut fixture, mut link) = at_a(ms(0));
    let start = fixture.now;
    for _ in 0..60 {
        fixture.link_down(link);
        fixture.wait();
        link = fixture.link_up();
        settle(&mut fixture, link);
    }
    // 20 rounds.
    assert!(fixture.now.since(start) > ms(60_000));
}

#[test]
fn a_server_that_leaves_is_left_at_once() {
    let (mut fixture, link) = at_a(ms(0));
    let id = fixture.client.id().get();
    let text = "Server leaving: upgrade";
    fixture.receive(link, &status(SERVER, id, 0x0102, text));
    let notices = fixture.notices();
    assert_eq!(notices[0], status_notice(0x0102, text));
    let (reason, retry_in) = disconnected(&notices[1..]);
    assert_eq!(reason, DisconnectReason::ServerLeaving);
    assert!(retry_in <= ms(200));
    assert!(
        fixture
            .actions()
            .contains(&Action::Close(link, CloseWhen::Flushed))
    );
    fixture.wait();
    assert_eq!(fixture.dialed, ["a:1", "b:1"]);
    // A client that knows no other server waits for the end of the connection.
    let (mut fixture, link) = Fixture::with_v2_server(config());
    fixture.receive(link, &status(SERVER, ME, 0x0102, text));
    fixture.check(&[status_notice(0x0102, text)], &[]);
}

#[test]
fn a_server_that_has_not_forgotten_the_client_is_asked_again_soon() {
    let (mut fixture, link) = at_a(ms(5_000));
    let id = fixture.client.id();
    fixture.link_down(link);
    fixture.wait();
    let start = fixture.now;
    for _ in 0..4 {
        let link = fixture.link_up();
        fixture.receive(link, &taken(id.get()));
        fixture.link_down(link);
        fixture.wait();
    }
    assert_eq!(fixture.dialed, ["a:1", "b:1", "b:1", "b:1", "b:1", "b:1"]);
    let waited = fixture.now.since(start);
    assert!((ms(1_500)..=ms(3_000)).contains(&waited), "{waited:?}");
    assert_eq!(fixture.client.id(), id, "it is not given up");
    let link = fixture.link_up();
    settle(&mut fixture, link);
    assert!(moved(&fixture.notices()));
}

#[test]
fn a_server_that_refuses_the_client_for_good_does_not_keep_it_from_the_others() {
    let untrusted = TlsFailure::WrongName;
    let failed = |notices: &[ClientNotice]| {
        notices.iter().find_map(|notice| match notice {
            ClientNotice::Failed { why } => Some(*why),
            _ => None,
        })
    };
    let mut fixture = Fixture::started(of_three());
    fail(&mut fixture, DialError::Tls(untrusted));
    assert_eq!(failed(&fixture.notices()), None);
    fixture.wait();
    let link = fixture.link_up();
    fixture.receive(link, &status(SERVER, 0, 0x0107, "wrong password"));
    assert_eq!(failed(&fixture.notices()), None);
    fixture.wait();
    fixture.link_down(link);
    assert_eq!(fixture.dialed, ["a:1", "b:1", "c:1"]);
    // The last one decides.
    fail(&mut fixture, DialError::Tls(untrusted));
    let why = ClientFailure::Untrusted(untrusted);
    assert_eq!(failed(&fixture.notices()), Some(why));
    assert_eq!(fixture.actions().last(), Some(&Action::Stop));
    // One that an operator has removed does not come back elsewhere.
    let (mut fixture, link) = at_a(ms(5_000));
    fixture.receive(link, &status(SERVER, 0, 0x0107, "killed"));
    let why = ClientFailure::NotPermitted;
    assert_eq!(failed(&fixture.notices()), Some(why));
    fixture.link_down(link);
    assert_eq!(fixture.actions().last(), Some(&Action::Stop));
}

#[test]
fn servers_that_a_server_names_are_tried_behind_those_of_the_user() {
    let (mut fixture, link) = at_a(ms(5_000));
    let id = fixture.client.id().get();
    fixture.actions();
    fixture.receive(link, &status(SERVER, id, 0x0120, "d:1 b:1 e:1 nonsense"));
    fixture.check(&[], &[]);
    let servers: Vec<_> = fixture.client.servers().map(ToString::to_string).collect();
    assert_eq!(servers, ["a:1", "b:1", "c:1", "d:1", "e:1"]);
    fixture.receive(link, &status(SERVER, id, 0x0102, "Server leaving: upgrade"));
    for _ in 0..5 {
        fixture.wait();
        fail(&mut fixture, DialError::TimedOut);
    }
    assert_eq!(fixture.dialed[1..], ["b:1", "c:1", "d:1", "e:1", "a:1"]);
}

#[test]
fn a_client_of_one_server_moves_to_those_that_it_has_named() {
    let (mut fixture, link) = Fixture::with_v2_server(any_id());
    let id = fixture.client.id().get();
    fixture.receive(link, &status(SERVER, id, 0x0120, "reef:1"));
    fixture.receive(link, &status(SERVER, id, 0x0102, "Server leaving: upgrade"));
    fixture.wait();
    let link = fixture.link_up();
    settle(&mut fixture, link);
    assert_eq!(fixture.dialed, ["localhost:33300", "reef:1"]);
    assert!(moved(&fixture.notices()));
}

#[test]
fn the_number_of_servers_is_bounded() {
    for (count, is_ok) in [(0, false), (1, true), (16, true), (17, false)] {
        let servers = vec![address("a:1"); count];
        let config = ClientConfig::with_servers(servers, "bob", "", 7);
        assert_eq!(Client::new(config).is_ok(), is_ok, "{count}");
    }
}
