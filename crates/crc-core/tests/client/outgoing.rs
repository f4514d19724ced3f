//! Chats to v1 and v2 servers, and the queue of those that wait.

use super::*;

#[test]
fn a_v2_server_is_sent_chats_at_once_and_in_order() {
    let (mut fixture, link) = Fixture::with_v2_server(config());
    fixture.send_chat(103, "Hi");
    fixture.send_chat(9, "\"Grüße\"");
    fixture.check(
        &[],
        &[
            Action::Send(
                link,
                b"\x81\x00\x00\x00\x65\x00\x00\x00\x67\x00\x00\x00\x02Hi".to_vec(),
            ),
            Action::Send(link, chat(ME, 9, "\"Grüße\"")),
        ],
    );
}

#[test]
fn chats_wait_until_the_version_is_known() {
    let mut fixture = Fixture::new(config());
    fixture.send_chat(1, "a");
    fixture.command(ClientCommand::Start);
    fixture.send_chat(2, "b");
    let link = fixture.link_up();
    fixture.send_chat(3, "c");
    fixture.receive(link, &welcome(ME));
    fixture.send_chat(4, "d");
    assert_eq!(
        fixture.actions(),
        [
            Action::Dial(DialId(0)),
            Action::Send(link, REGISTRATION.to_vec()),
            Action::Send(link, ANNOUNCEMENT.to_vec())
        ]
    );
    assert_eq!(fixture.client.queued(), 4);
    fixture.receive(link, &status(SERVER, ME, 0x0100, "crc-caps 1"));
    let chats = [(1, "a"), (2, "b"), (3, "c"), (4, "d")].map(|(to, text)| chat(ME, to, text));
    assert_eq!(fixture.actions(), [Action::Send(link, chats.concat())]);
    assert_eq!(fixture.client.queued(), 0);
}

#[test]
fn a_v1_server_is_sent_one_short_ascii_frame_at_a_time() {
    let (mut fixture, link) = Fixture::with_v1_server(config());
    fixture.send_chat(3, "naïve 👋");
    fixture.send_chat(4, &"x".repeat(1_012));
    fixture.send_chat(5, &"x".repeat(1_011));
    fixture.quit("Grüße");
    fixture.check(&[], &[]);
    assert_eq!(fixture.wait(), ms(10));
    fixture.check(&[], &[Action::Send(link, chat(ME, 3, "na?ve ?"))]);
    assert_eq!(fixture.wait(), ms(10));
    let (len, max) = (1_012, 1_011);
    let why = ClientSendError::TooLongForServer { len, max };
    let longest = chat(ME, 5, &"x".repeat(1_011));
    assert_eq!(longest.len(), 1_024);
    fixture.check(&[not_sent(4, why)], &[Action::Send(link, longest)]);
    assert_eq!(fixture.wait(), ms(10));
    fixture.check(&[], &[Action::Send(link, quit(ME, "Gr??e"))]);
}

#[test]
fn the_quit_message_to_a_v1_server_is_truncated() {
    let (mut fixture, link) = Fixture::with_v1_server(config());
    fixture.quit(&"ö".repeat(2_000));
    fixture.wait();
    fixture.check(&[], &[Action::Send(link, quit(ME, &"?".repeat(1_015)))]);
}

#[test]
fn a_long_text_and_a_full_queue_are_reported() {
    let mut config = config();
    config.limits.queue_bytes_max = 70_000;
    let (mut fixture, link) = Fixture::connected(config);
    fixture.send_chat(5, &"x".repeat(65_537));
    let (len, max) = (65_537, 65_536);
    fixture.check(&[not_sent(5, ClientSendError::TooLong { len, max })], &[]);
    fixture.send_chat(6, &"x".repeat(65_536));
    fixture.check(&[], &[]);
    fixture.send_chat(7, &"x".repeat(5_000));
    fixture.check(&[not_sent(7, ClientSendError::QueueFull)], &[]);

    fixture.receive(link, &welcome(ME));
    fixture.receive(link, &status(SERVER, ME, 0x0100, "crc-caps 1"));
    let sent = fixture.actions().pop();
    assert_eq!(
        sent,
        Some(Action::Send(link, chat(ME, 6, &"x".repeat(65_536))))
    );
}

#[test]
fn unsent_chats_are_sent_again() {
    let (mut fixture, link) = Fixture::with_v2_server(config());
    let (gone, cut, whole) = (
        chat(ME, 1, "gone"),
        chat(ME, 2, "cut"),
        chat(ME, 3, "whole"),
    );
    fixture.send_chat(1, "gone");
    fixture.send_chat(2, "cut");
    fixture.send_chat(3, "whole");
    fixture.actions();
    let unsent = [&gone[..], &cut, &whole].concat();
    fixture.link_down_with(
        link,
        Unsent {
            bytes: &unsent,
            written: gone.len() + 1,
        },
    );
    fixture.send_chat(4, "later");
    fixture.notices();
    fixture.wait();
    let link = fixture.link_up();
    fixture.receive(
        link,
        &[welcome(ME), status(SERVER, ME, 0x0100, "crc-caps 1")].concat(),
    );
    let sent = [cut, whole, chat(ME, 4, "later")].concat();
    assert_eq!(
        fixture.actions(),
        [
            Action::Dial(DialId(1)),
            Action::Send(link, REGISTRATION.to_vec()),
            Action::Send(link, [ANNOUNCEMENT, &sent].concat())
        ]
    );
}

/// A server may close each connection because of a text that is too long for it.
#[test]
fn a_message_that_three_connections_end_in_the_middle_of_is_given_up() {
    let (mut fixture, mut link) = Fixture::with_v2_server(config());
    let (long, next) = (chat(ME, 2, "long"), chat(ME, 3, "next"));
    fixture.send_chat(2, "long");
    fixture.send_chat(3, "next");
    for times in 1..=3 {
        fixture.actions();
        fixture.notices();
        let bytes = [&long[..], &next].concat();
        let written = 1;
        fixture.link_down_with(
            link,
            Unsent {
                bytes: &bytes,
                written,
            },
        );
        let given_up = not_sent(2, ClientSendError::Interrupted);
        assert_eq!(fixture.notices().contains(&given_up), times == 3);
        fixture.wait();
        link = fixture.link_up();
        fixture.receive(
            link,
            &[welcome(ME), status(SERVER, ME, 0x0100, "crc-caps 1")].concat(),
        );
        let again = if times == 3 { next.clone() } else { bytes };
        let sent = fixture.actions().pop();
        let expected = [ANNOUNCEMENT, &again].concat();
        assert_eq!(sent, Some(Action::Send(link, expected)), "{times}");
    }
}
