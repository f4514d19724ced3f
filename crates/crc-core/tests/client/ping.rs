//! A client pings a server that says nothing, and gives up one that does not answer.

use super::*;

/// What servers of this version say that they have.
const FEATURES: &str = "crc-caps 1 channels ping";

/// A ping of client 101 (PROTOCOL section 4).
const PING: &[u8] = b"\x87\0\0\0\x65\0\0\0\0\x13\0\0\0\0\0";

fn answer() -> Vec<u8> {
    status(SERVER, ME, 0x0100, FEATURES)
}

/// A client of a server that answers pings.
fn at_server() -> (Fixture, LinkId) {
    let (mut fixture, link) = Fixture::welcomed(config());
    fixture.receive(link, &answer());
    fixture.check(&[], &[]);
    (fixture, link)
}

#[test]
fn a_server_that_answers_stays_and_nothing_is_said_of_it() {
    let (mut fixture, link) = at_server();
    for _ in 0..100 {
        assert_eq!(fixture.wait(), ms(15_000));
        fixture.check(&[], &[Action::Send(link, PING.to_vec())]);
        fixture.now = fixture.now + ms(14_999);
        fixture.receive(link, &answer());
    }
    fixture.check(&[], &[]);
    assert!(fixture.client.is_settled());
}

#[test]
fn a_server_that_says_anything_is_not_pinged() {
    let (mut fixture, link) = at_server();
    for number in 0..100 {
        fixture.now = fixture.now + ms(14_000);
        fixture.receive(link, &chat(9, ME, "Hi"));
        assert_eq!(fixture.notices().len(), 1, "{number}");
    }
    fixture.check(&[], &[]);
    // Half of a frame is a sign of life, too.
    fixture.wait();
    assert_eq!(fixture.actions().len(), 1);
    fixture.receive(link, &chat(9, ME, "Hi")[..5]);
    assert_eq!(fixture.wait(), ms(15_000));
    fixture.check(&[], &[Action::Send(link, PING.to_vec())]);
}

#[test]
fn a_silent_server_is_lost_and_what_it_has_not_taken_is_sent_elsewhere() {
    let (mut fixture, link) = at_server();
    fixture.now = fixture.now + ms(9_000);
    fixture.send_chat(9, "is it there?");
    let sent = chat(ME, 9, "is it there?");
    fixture.check(&[], &[Action::Send(link, sent.clone())]);
    assert_eq!(fixture.wait(), ms(6_000), "what is said is no sign of life");
    fixture.check(&[], &[Action::Send(link, PING.to_vec())]);
    assert_eq!(fixture.wait(), ms(15_000));
    fixture.check(&[], &[Action::Close(link, CloseWhen::Now)]);
    assert_eq!(fixture.client.deadline(), None);
    // It comes back too late: the connection is given up.
    fixture.receive(link, &answer());
    fixture.send_chat(9, "more");
    fixture.check(&[], &[]);
    let bytes = &[&sent[..], PING].concat();
    let unsent = Unsent { bytes, written: 0 };
    let why = LinkDown::Ended;
    fixture.handle(Event::LinkDown { link, why, unsent });
    let (reason, _) = disconnected(&fixture.notices());
    assert_eq!(reason, DisconnectReason::Silent);
    assert_eq!(reason.to_string(), "the server does not answer any more");
    fixture.wait();
    let link = fixture.link_up();
    fixture.receive(link, &welcome(ME));
    fixture.actions();
    fixture.receive(link, &answer());
    let sent = [sent, chat(ME, 9, "more")].concat();
    assert_eq!(fixture.actions(), [Action::Send(link, sent)]);
}

#[test]
fn a_client_of_several_servers_moves_when_its_server_is_silent() {
    let servers = ["a:1", "b:1"].map(|it| it.parse().unwrap());
    let mut config = ClientConfig::with_servers(servers.into(), "bob", "the builder", 7);
    config.id = Some(id(ME));
    config.limits.server_timeout = ms(4_000);
    let mut fixture = Fixture::started(config);
    let link = fixture.link_up();
    fixture.now = fixture.now + ms(5_000);
    fixture.receive(link, &[welcome(ME), answer()].concat());
    fixture.now = fixture.now + ms(5_000);
    fixture.receive(link, &answer());
    assert_eq!((fixture.wait(), fixture.wait()), (ms(2_000), ms(2_000)));
    fixture.notices();
    fixture.link_down(link);
    let (reason, retry_in) = disconnected(&fixture.notices());
    assert_eq!(reason, DisconnectReason::Silent);
    assert!(retry_in <= ms(200));
    fixture.wait();
    assert_eq!(fixture.dialed, ["a:1", "b:1"]);
}

#[test]
fn a_client_that_was_frozen_itself_asks_before_it_goes() {
    let (mut fixture, link) = at_server();
    fixture.now = fixture.now + ms(3_600_000);
    fixture.handle(Event::Tick);
    fixture.check(&[], &[Action::Send(link, PING.to_vec())]);
    fixture.receive(link, &answer());
    assert!(fixture.client.is_settled());
}

#[test]
fn a_server_that_answers_no_pings_gets_none() {
    for (fixture, _) in [
        Fixture::with_v2_server(config()),
        Fixture::with_v1_server(config()),
    ] {
        assert_eq!(fixture.client.deadline(), None);
    }
}

#[test]
fn a_silent_server_can_be_quit() {
    let (mut fixture, link) = at_server();
    fixture.wait();
    fixture.wait();
    fixture.actions();
    fixture.quit("bye");
    fixture.check(&[], &[]);
    fixture.link_down(link);
    let reason = DisconnectReason::Silent;
    let retry_in = None;
    let told = ClientNotice::Disconnected { reason, retry_in };
    fixture.check(&[told], &[Action::Stop]);
}
