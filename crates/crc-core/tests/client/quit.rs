//! Quits.

use super::*;

#[test]
fn a_quit_waits_until_the_server_closes() {
    let (mut fixture, link) = Fixture::with_v2_server(config());
    fixture.send_chat(9, "last");
    fixture.quit("bye");
    let last = [
        chat(ME, 9, "last"),
        b"\x82\x00\x00\x00\x65\x00\x00\x00\x03bye".to_vec(),
    ];
    fixture.check(
        &[],
        &[
            Action::Send(link, last[0].clone()),
            Action::Send(link, last[1].clone()),
        ],
    );
    assert!(!fixture.client.is_welcomed());
    fixture.send_chat(9, "too late");
    fixture.check(&[not_sent(9, ClientSendError::Quit)], &[]);
    fixture.receive(link, &status(SERVER, ME, 1, "Unknown ID 9"));
    fixture.check(&[status_notice(1, "Unknown ID 9")], &[]);
    fixture.link_down(link);
    fixture.check(&[quit_notice()], &[Action::Stop]);
    assert_eq!(fixture.client.deadline(), None);
    fixture.command(ClientCommand::Start);
    fixture.quit("");
    fixture.check(&[], &[]);
}

#[test]
fn the_wait_after_a_quit_times_out() {
    let (mut fixture, link) = Fixture::with_v2_server(config());
    fixture.quit("");
    assert_eq!(fixture.actions(), [Action::Send(link, quit(ME, ""))]);
    assert_eq!(fixture.wait(), ms(2_000));
    fixture.check(&[quit_notice()], &[Action::Close(link, CloseWhen::Flushed)]);
    fixture.link_down(link);
    fixture.check(&[], &[Action::Stop]);
}

#[test]
fn a_second_quit_closes_at_once() {
    // In one case the quit is sent, in the other it waits behind a chat.
    for sent in [true, false] {
        let (mut fixture, link) = Fixture::welcomed(config());
        if !sent {
            fixture.send_chat(5, "x");
        }
        fixture.now = fixture.now + ms(10);
        fixture.quit("one");
        let quits = fixture.actions().len();
        assert_eq!(quits, usize::from(sent));
        fixture.quit("two");
        let mut notices = fixture.notices();
        if !sent {
            assert_eq!(notices.remove(0), not_sent(5, ClientSendError::Quit));
        }
        assert_eq!(notices, [quit_notice()]);
        assert_eq!(fixture.actions(), [Action::Close(link, CloseWhen::Now)]);
        fixture.link_down(link);
        fixture.check(&[], &[Action::Stop]);
    }
}

#[test]
fn a_quit_without_a_connection_stops() {
    let mut idle = Fixture::new(config());
    idle.send_chat(5, "x");
    idle.quit("");
    idle.check(&[not_sent(5, ClientSendError::Quit)], &[Action::Stop]);

    let mut dialing = Fixture::started(config());
    dialing.quit("");
    dialing.check(&[], &[Action::Stop]);

    let (mut pausing, link) = Fixture::with_v2_server(config());
    pausing.link_down(link);
    pausing.notices();
    pausing.quit("");
    pausing.check(&[], &[Action::Stop]);
}

#[test]
fn a_quit_before_the_welcome_waits_for_it() {
    // A v1 server would let the host that holds the id quit.
    let (mut fixture, link) = Fixture::connected(config());
    fixture.send_chat(5, "x");
    fixture.now = fixture.now + ms(100);
    fixture.quit("bye");
    fixture.check(&[not_sent(5, ClientSendError::Quit)], &[]);
    fixture.receive(link, &welcome(ME));
    assert_eq!(
        fixture.actions(),
        [],
        "no need to announce, and not too early to quit"
    );
    fixture.wait();
    assert_eq!(fixture.actions(), [Action::Send(link, quit(ME, "bye"))]);

    let (mut fixture, link) = Fixture::connected(config());
    fixture.quit("bye");
    assert_eq!(fixture.wait(), ms(2_000));
    fixture.check(&[quit_notice()], &[Action::Close(link, CloseWhen::Flushed)]);

    let (mut fixture, link) = Fixture::connected(any_id());
    fixture.quit("bye");
    fixture.receive(link, &taken(fixture.client.id().get()));
    assert_eq!(fixture.actions(), [Action::Close(link, CloseWhen::Flushed)]);
    fixture.link_down(link);
    assert_eq!(fixture.actions(), [Action::Stop]);
}

#[test]
fn a_connection_lost_during_a_quit_stops_the_client() {
    let (mut fixture, link) = Fixture::with_v1_server(config());
    fixture.send_chat(5, "x");
    fixture.quit("");
    fixture.link_down(link);
    fixture.check(
        &[
            ClientNotice::Disconnected {
                reason: DisconnectReason::Lost(LinkDown::PeerClosed),
                retry_in: None,
            },
            not_sent(5, ClientSendError::Quit),
        ],
        &[Action::Stop],
    );
}
