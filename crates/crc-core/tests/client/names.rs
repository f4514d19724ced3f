//! Names in UTF-8: the client's own one, and those of others.

use crc_wire::{Info, Name, Registration};

use super::*;

/// A client called Zoë, and the link on which its server has welcomed it.
fn zoe() -> (Fixture, LinkId) {
    let mut config = config();
    config.name = "Zoë".to_owned();
    config.info = "x".to_owned();
    let (mut fixture, link) = Fixture::connected(config);
    fixture.receive(link, &welcome(ME));
    (fixture, link)
}

fn named(client: u32, name: &str, info: &str) -> Vec<u8> {
    named_by(client, HostId::new(SERVER), name, info)
}

fn named_by(client: u32, last_hop: Option<HostId>, name: &str, info: &str) -> Vec<u8> {
    let registration = Registration {
        source: id(client),
        last_hop,
        name: Name::new(name.to_owned()).unwrap(),
        info: Info::new(info.to_owned()).unwrap(),
    };
    Message::ClientRegistration(registration).to_vec()
}

#[test]
fn a_name_goes_in_ascii_first_and_in_utf_8_with_the_announcement() {
    let (mut fixture, link) = zoe();
    let send = |info: &str| Action::Send(link, named_by(ME, None, "Zoe", info));
    let announced = "x [crc2;u=5a6fc3ab;f=channels,notices,servers,utf8-names,people]";
    assert_eq!(fixture.actions(), [send(announced)]);
    assert_eq!(fixture.client.name(), "Zoë");
    fixture.notices();
    let caps = status(SERVER, ME, 0x0100, "crc-caps 1 channels utf8-names");
    fixture.receive(link, &caps);
    fixture.check(&[], &[]);
}

#[test]
fn a_user_is_told_by_which_name_others_know_it() {
    let note = "this server takes names in ASCII only: others see you as Zoe";
    for answer in [status(SERVER, ME, 0x0100, "crc-caps 1 channels"), taken(ME)] {
        let (mut fixture, link) = zoe();
        fixture.actions();
        fixture.notices();
        fixture.receive(link, &answer);
        let note = ClientNotice::Status {
            source: None,
            code: crc_wire::StatusCode::NOTE,
            text: note.to_owned(),
        };
        fixture.check(&[note], &[]);
    }
}

#[test]
fn others_are_known_by_their_names_in_utf_8() {
    let (mut fixture, link) = zoe();
    fixture.receive(link, &named(105, "Ivan", "x"));
    // Before the server has said that it takes such names, that is text.
    let machine = "x [crc2;u=d098d0b2d0b0d0bd]";
    fixture.receive(link, &named(106, "Ivan", machine));
    let caps = status(SERVER, ME, 0x0100, "crc-caps 1 channels utf8-names");
    fixture.receive(link, &caps);
    fixture.actions();
    let notices = fixture.notices();
    let first = [
        joined(105, "Ivan", "x", None),
        joined(106, "Ivan", machine, None),
    ];
    assert_eq!(notices[1..], first);
    fixture.receive(link, &named(105, "Ivan", machine));
    fixture.check(&[renamed(105, "Ivan", "Иван")], &[]);
    // One that does not belong to the name in ASCII.
    fixture.receive(link, &named(107, "bob", machine));
    fixture.check(&[joined(107, "bob", "x", None)], &[]);
    fixture.receive(link, &named(108, "Zoe", "x [crc2;u=5a6fc3ab]"));
    fixture.check(&[joined(108, "Zoë", "x", None)], &[]);
    // However it is spelt, and by the name in ASCII where no other client has that.
    for text in ["Zoë", "Zoe\u{308}", "Zoe"] {
        assert_eq!(fixture.client.resolve(text), Ok(id(108)), "{text}");
    }
    fixture.receive(link, &named(109, "Zoe", "x"));
    assert_eq!(fixture.client.resolve("Zoe"), Ok(id(109)));
    assert_eq!(fixture.client.resolve("Zoë"), Ok(id(108)));
}
