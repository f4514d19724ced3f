//! Chats, statuses and frames from the server.

use super::*;

#[test]
fn a_chat_names_its_sender_if_known() {
    let (mut fixture, link) = Fixture::with_v2_server(config());
    fixture.receive(link, &joined_frame(103, "carol", ""));
    fixture.notices();
    for (from, to, name) in [
        (103, ME, Some("carol")),
        (104, 0, None),
        (103, 77, Some("carol")),
    ] {
        fixture.receive(link, &chat(from, to, "\"Hi\" \u{1b}[2J"));
        let heard = ClientNotice::Chat {
            from: id(from),
            from_name: name.map(Into::into),
            to: HostId::new(to),
            text: "\"Hi\" \u{1b}[2J".into(),
        };
        fixture.check(&[heard], &[]);
    }
}

#[test]
fn statuses_of_any_code_are_reported() {
    let (mut fixture, link) = Fixture::with_v2_server(config());
    for code in [0, 1, 3, 0x0101, 0x0102, 0xffff] {
        fixture.receive(link, &status(SERVER, 0, code, "so it is"));
        fixture.check(&[status_notice(code, "so it is")], &[]);
    }
}

#[test]
fn an_invalid_message_is_dropped_and_the_stream_goes_on() {
    let (mut fixture, link) = Fixture::with_v2_server(config());
    let mut bad = chat(103, ME, "Hi");
    *bad.last_mut().unwrap() = 0xff;
    let mut server_frame = joined_frame(2, "rivendale", "");
    server_frame[0] = 0x00;
    let quit_of_server = text_frame(b"\x02\x00\x00\x00\x02\x00\x00\x00\x00", "bye");
    fixture.receive(
        link,
        &[
            bad,
            chat(0, ME, "Hi"),
            server_frame,
            quit_of_server,
            chat(103, ME, "Hi"),
        ]
        .concat(),
    );
    let dropped = |why| ClientNotice::FrameDropped { why };
    let notices = fixture.notices();
    assert_eq!(
        notices[..4],
        [
            dropped(BadFrame::Message(MessageError::NotUtf8)),
            dropped(BadFrame::Message(MessageError::SourceZero)),
            dropped(BadFrame::NotForClients(Kind::ServerRegistration)),
            dropped(BadFrame::NotForClients(Kind::ServerQuit)),
        ]
    );
    assert!(matches!(notices[4..], [ClientNotice::Chat { .. }]));
    assert_eq!(fixture.actions(), []);
}

#[test]
fn an_invalid_frame_ends_the_connection() {
    let too_long = text_frame(&chat(103, ME, "")[..9], &"x".repeat(65_537));
    for (bytes, error) in [
        (vec![0x42], FrameError::UnknownKind(0x42)),
        (
            too_long,
            FrameError::TooLong {
                kind: Kind::ClientChat,
                announced: 65_537,
                max: 65_536,
            },
        ),
    ] {
        let (mut fixture, link) = Fixture::with_v2_server(config());
        fixture.receive(
            link,
            &[chat(103, ME, "last"), bytes, chat(103, ME, "never")].concat(),
        );
        let notices = fixture.notices();
        assert!(matches!(&notices[0], ClientNotice::Chat { text, .. } if text == "last"));
        let (reason, retry_in) = disconnected(&notices[1..]);
        assert_eq!(reason, DisconnectReason::InvalidFrame(error));
        assert_eq!(fixture.actions(), [Action::Close(link, CloseWhen::Flushed)]);
        fixture.receive(link, &chat(103, ME, "still"));
        fixture.link_down(link);
        fixture.check(&[], &[]);
        assert_eq!(fixture.wait(), retry_in);
        assert_eq!(fixture.actions(), [Action::Dial(DialId(1))]);
    }
}

#[test]
fn the_longest_text_arrives() {
    let (mut fixture, link) = Fixture::with_v2_server(config());
    fixture.receive(link, &chat(103, ME, &"x".repeat(65_536)));
    assert!(
        matches!(&fixture.notices()[..], [ClientNotice::Chat { text, .. }] if text.len() == 65_536)
    );
}
