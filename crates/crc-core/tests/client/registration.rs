//! The registration: connect, register, announce, and refusals of the id.

use super::*;

#[test]
fn registers_when_connected() {
    let mut fixture = Fixture::started(config());
    let link = fixture.link_up();
    let server = server();
    fixture.check(
        &[ClientNotice::Connected { server }],
        &[Action::Send(link, REGISTRATION.to_vec())],
    );
    assert!(!fixture.client.is_welcomed());
}

#[test]
fn announces_its_features_after_the_welcome() {
    let (mut fixture, link) = Fixture::connected(config());
    let (first, last) = {
        let welcome = welcome(ME);
        (welcome[..20].to_vec(), welcome[20..].to_vec())
    };
    fixture.receive(link, &first);
    fixture.check(&[], &[]);
    fixture.receive(link, &last);
    fixture.check(
        &[ClientNotice::Welcome {
            id: id(ME),
            text: WELCOME_TEXT.into(),
        }],
        &[Action::Send(link, ANNOUNCEMENT.to_vec())],
    );
    assert!(fixture.client.is_welcomed() && !fixture.client.is_settled());
}

#[test]
fn accepts_the_welcome_of_every_v1_server() {
    for welcome in [
        welcome(ME),
        welcome(0),
        welcome(9),
        status(0, ME, 0, WELCOME_TEXT),
        status(SERVER, ME, 1, WELCOME_TEXT),
    ] {
        let (mut fixture, link) = Fixture::connected(config());
        fixture.receive(link, &welcome);
        assert!(matches!(
            fixture.notices()[..],
            [ClientNotice::Welcome { .. }]
        ));
        assert_eq!(
            fixture.actions(),
            [Action::Send(link, ANNOUNCEMENT.to_vec())]
        );
    }
}

#[test]
fn a_v2_status_code_is_not_a_welcome() {
    let (mut fixture, link) = Fixture::connected(config());
    fixture.receive(link, &status(SERVER, 0, 0x0102, "Server leaving: x"));
    fixture.receive(link, &status(SERVER, 0, 0x0100, "crc-caps 1"));
    fixture.check(&[status_notice(0x0102, "Server leaving: x")], &[]);
    assert!(!fixture.client.is_welcomed());
}

#[test]
fn a_v2_server_reports_its_features() {
    let (mut fixture, link) = Fixture::with_v2_server(config());
    assert!(fixture.client.is_settled());
    let features = fixture.client.server_features().unwrap();
    assert!(features.server_quit && !features.channels && !features.people);
    fixture.receive(
        link,
        &status(
            SERVER,
            ME,
            0x0100,
            "crc-caps 1 server-quit channels oper notices servers utf8-names people ping",
        ),
    );
    assert_eq!(
        fixture.client.server_features(),
        Some(Features::FOR_CLIENTS)
    );
    assert_eq!(
        fixture.client.deadline(),
        Some(fixture.now + ms(15_000)),
        "only the next ping is left to wait for"
    );
}

#[test]
fn the_answer_of_a_v1_server_is_not_reported() {
    // Some v1 servers write the id that is taken into the source.
    for answer in [taken(ME), status(ME, 0, 2, &taken_text(ME))] {
        let (mut fixture, link) = Fixture::welcomed(config());
        fixture.receive(link, &answer);
        fixture.check(&[], &[]);
        assert!(fixture.client.is_settled());
        assert_eq!(fixture.client.server_features(), None);
    }
}

#[test]
fn a_server_without_an_answer_is_v1_after_a_while_until_it_answers() {
    let (mut fixture, link) = Fixture::welcomed(config());
    assert_eq!(fixture.wait(), ms(5_000));
    assert!(fixture.client.is_settled());
    fixture.receive(link, &taken(ME));
    fixture.check(&[], &[]);
    fixture.receive(link, &status(SERVER, ME, 0x0100, "crc-caps 1"));
    fixture.check(&[], &[]);
    assert_eq!(fixture.client.server_features(), Some(Features::default()));
}

#[test]
fn the_welcome_times_out() {
    let (mut fixture, link) = Fixture::connected(config());
    assert_eq!(fixture.wait(), ms(15_000));
    let (reason, retry_in) = disconnected(&fixture.notices());
    assert_eq!(reason, DisconnectReason::WelcomeTimeout);
    assert_eq!(fixture.actions(), [Action::Close(link, CloseWhen::Flushed)]);
    fixture.link_down(link);
    assert_eq!(fixture.wait(), retry_in);
    fixture.check(&[], &[Action::Dial(DialId(1))]);
}

#[test]
fn unexpected_connections_are_closed() {
    let (mut fixture, _) = Fixture::with_v2_server(config());
    let stray = LinkId::new(9, 9);
    for origin in [
        Origin::Dialed { dial: DialId(0) },
        Origin::Accepted {
            listener: ListenerId(0),
        },
    ] {
        let (link, endpoints) = (stray, endpoints());
        fixture.handle(Event::LinkUp {
            link,
            origin,
            endpoints,
            security: None,
        });
        fixture.check(&[], &[Action::Close(stray, CloseWhen::Flushed)]);
    }
    fixture.receive(stray, b"\xff");
    fixture.link_down(stray);
    fixture.handle(Event::DialFailed {
        dial: DialId(0),
        why: DialError::TimedOut,
    });
    fixture.command(ClientCommand::Start);
    fixture.check(&[], &[]);
    assert!(fixture.client.is_welcomed());
}

#[test]
fn new_checks_the_name_and_the_info() {
    for (name, info) in [
        ("", ""),
        ("b\u{202e}ö", ""),
        (" bob", ""),
        ("bob", "x [crc2;f=]"),
    ] {
        let config = ClientConfig::new(server(), name, info, 0);
        assert!(Client::new(config).is_err(), "{name:?} {info:?}");
    }
    let config = ClientConfig::new(server(), " Zoe\u{308}", "", 0);
    assert_eq!(Client::new(config).unwrap().name(), "Zoë");
}

#[test]
fn a_configured_id_that_is_taken_stops_the_client() {
    let (mut fixture, link) = Fixture::connected(config());
    fixture.send_chat(5, "x");
    fixture.receive(link, &taken(ME));
    let why = ClientFailure::IdTaken(id(ME));
    let reason = DisconnectReason::IdTaken(id(ME));
    fixture.check(
        &[
            status_notice(2, &taken_text(ME)),
            ClientNotice::Failed { why },
            ClientNotice::Disconnected {
                reason,
                retry_in: None,
            },
            not_sent(5, ClientSendError::Quit),
        ],
        &[Action::Close(link, CloseWhen::Flushed)],
    );
    fixture.link_down(link);
    fixture.check(&[], &[Action::Stop]);
}

#[test]
fn a_random_id_that_is_taken_is_replaced() {
    let (mut fixture, link) = Fixture::connected(any_id());
    let first = fixture.client.id();
    fixture.receive(link, &taken(first.get()));
    let notices = fixture.notices();
    assert_eq!(notices[0], status_notice(2, &taken_text(first.get())));
    let (reason, retry_in) = disconnected(&notices[1..]);
    assert_eq!(reason, DisconnectReason::IdTaken(first));
    assert!(retry_in >= ms(1_000), "{retry_in:?}");
    assert_eq!(fixture.actions(), [Action::Close(link, CloseWhen::Flushed)]);
    let second = fixture.client.id();
    assert_ne!(second, first);
    fixture.wait();
    fixture.link_down(link);
    let link = fixture.link_up();
    fixture.receive(link, &welcome(0));
    assert!(matches!(fixture.notices()[1..], [ClientNotice::Welcome { id, .. }] if id == second));
}

/// Welcomes a client, cuts its connection, then refuses it until it gives up its id or
/// 10 minutes have passed; returns when it gave up.
fn refuse_repeatedly(config: ClientConfig) -> Option<Duration> {
    let (mut fixture, link) = Fixture::with_v2_server(config);
    let first = fixture.client.id();
    fixture.link_down(link);
    fixture.notices();
    let mut refused = None;
    let mut reports = 0;
    loop {
        fixture.wait();
        let link = fixture.link_up();
        fixture.receive(link, &taken(fixture.client.id().get()));
        fixture.link_down(link);
        let notices = fixture.notices();
        assert!(
            !notices
                .iter()
                .any(|notice| matches!(notice, ClientNotice::Failed { .. }))
        );
        let is_status = |notice: &&ClientNotice| matches!(notice, ClientNotice::Status { .. });
        reports += notices.iter().filter(is_status).count();
        assert_eq!(reports, 1, "the same refusal is reported once");
        let since = fixture.now.since(*refused.get_or_insert(fixture.now));
        if fixture.client.id() != first {
            return Some(since);
        }
        if since > ms(600_000) {
            return None;
        }
    }
}

#[test]
fn a_welcomed_client_reclaims_its_id() {
    let gave_up = refuse_repeatedly(any_id()).expect("it takes a fresh one");
    assert!((ms(45_000)..ms(75_000)).contains(&gave_up), "{gave_up:?}");
    assert_eq!(refuse_repeatedly(config()), None, "a given id is kept");
}

#[test]
fn a_displaced_client_comes_back_with_a_fresh_id() {
    let (mut fixture, link) = Fixture::with_v2_server(any_id());
    let me = fixture.client.id();
    fixture.receive(link, &taken(me.get()));
    let (reason, retry_in) = disconnected(&fixture.notices());
    let DisconnectReason::Displaced {
        id,
        next: Some(next),
    } = reason
    else {
        panic!("{reason:?}");
    };
    assert!(id == me && next != me);
    let text = format!("another host has id {me} now; your next id is {next}");
    assert_eq!(reason.to_string(), text);
    assert!((ms(1_000)..ms(2_000)).contains(&retry_in), "{retry_in:?}");
    assert_eq!(fixture.actions(), [Action::Close(link, CloseWhen::Flushed)]);
    fixture.link_down(link);
    fixture.wait();
    let link = fixture.link_up();
    assert_eq!(fixture.client.id(), next);
    fixture.receive(link, &welcome(next.get()));
    let notices = fixture.notices();
    assert!(matches!(notices[1], ClientNotice::Welcome { id, .. } if id == next));
}

#[test]
fn a_displaced_client_with_a_configured_id_says_what_to_do() {
    let (mut fixture, link) = Fixture::with_v2_server(config());
    fixture.receive(link, &taken(ME));
    let (reason, _) = disconnected(&fixture.notices());
    let text = format!("another host has id {ME} now; choose another one, or none");
    assert_eq!(reason.to_string(), text);
    assert_eq!(fixture.client.id(), id(ME), "it may yet be had back");
}

#[test]
fn a_client_without_its_id_sends_no_quit() {
    let (mut fixture, link) = Fixture::with_v2_server(config());
    fixture.receive(link, &taken(ME));
    disconnected(&fixture.notices());
    fixture.actions();
    fixture.quit("");
    fixture.check(&[], &[Action::Stop]);

    let (mut fixture, link) = Fixture::with_v1_server(config());
    fixture.send_chat(5, "x");
    fixture.quit("");
    fixture.actions();
    fixture.receive(link, &taken(ME));
    let notices = fixture.notices();
    assert!(notices.contains(&quit_notice()), "{notices:?}");
    assert_eq!(fixture.actions(), [Action::Close(link, CloseWhen::Flushed)]);
}
