//! Chats: relayed, held, answered.

use super::*;

#[test]
fn chats_are_relayed_byte_for_byte_or_answered() {
    let (mut fixture, server) = alone();
    let one = fixture.v2_client(server, 101);
    let two = fixture.v2_client(server, 102);
    fixture.soon();
    fixture.received(one);
    fixture.received(two);
    fixture.send_message(one, &chat(101, 102, "\"Grüße\""));
    fixture.send_message(one, &chat(101, 9, "nobody"));
    fixture.send_message(one, &chat(101, 0, "nobody"));
    fixture.send_message(one, &chat(101, 1, "a server"));
    fixture.send_message(one, &chat(101, 101, "myself"));
    fixture.soon();
    assert_eq!(fixture.received(two), [chat(101, 102, "\"Grüße\"")]);
    assert_eq!(
        fixture.received(one),
        [
            status(1, 101, 1, "Unknown ID 9"),
            status(1, 101, 1, "Unknown ID 0"),
            status(1, 101, 1, "Unknown ID 1"),
            chat(101, 101, "myself"),
        ]
    );
}

/// Otherwise a server could take a client's id, or its channels.
#[test]
fn what_only_the_own_server_says_is_not_relayed() {
    let (mut fixture, server) = alone();
    let client = fixture.v2_client(server, 101);
    let peer = fixture.connect(server);
    fixture.introduce_v2(peer, 77, "f=server-quit,channels,channel-age");
    fixture.soon();
    fixture.received(client);
    for code in [
        0, 1, 2, 0x100, 0x101, 0x102, 0x103, 0x104, 0x105, 0x106, 0x177,
    ] {
        fixture.send_message(peer, &status(77, 101, code, "no longer for ID 9"));
    }
    fixture.soon();
    let relayed = [1, 0x101, 0x106, 0x177];
    let relayed = relayed.map(|code| status(77, 101, code, "no longer for ID 9"));
    assert_eq!(fixture.received(client), relayed);
}

#[test]
fn chats_held_for_a_server_that_ends_are_answered() {
    let (mut fixture, server) = alone();
    let client = fixture.v2_client(server, 101);
    fixture.soon();
    let peer = fixture.connect(server);
    fixture.send_message(peer, &registration(Kind::Server, 77, None, "info"));
    fixture.send_message(peer, &registration(Kind::Client, 201, Some(77), "info"));
    fixture.soon();
    fixture.received(client);
    fixture.send_message(client, &chat(101, 201, "too early"));
    fixture.soon();
    fixture.close_peer(peer);
    fixture.soon();
    let lost = quit(201, "server0.crc host77.crc");
    assert_eq!(
        fixture.received(client),
        [lost, status(1, 101, 1, "Unknown ID 201")]
    );
}

#[test]
fn unsent_chats_are_answered() {
    use crc_core::{LinkDown, Unsent};
    let (mut fixture, server) = alone();
    let one = fixture.v2_client(server, 101);
    let two = fixture.v2_client(server, 102);
    fixture.soon();
    fixture.received(one);
    let (link, _) = fixture.link_to(two).expect("it is linked");
    let partly = chat(101, 102, "partly gone").to_vec();
    let whole = chat(101, 102, "never gone").to_vec();
    let queue = [partly, whole, quit(7, "x").to_vec()].concat();
    let unsent = Unsent {
        bytes: &queue,
        written: 3,
    };
    let why = LinkDown::PeerClosed;
    fixture.handle(server, Event::LinkDown { link, why, unsent });
    fixture.soon();
    let left = quit(102, "connection closed");
    assert_eq!(
        fixture.received(one),
        [left, status(1, 101, 1, "Unknown ID 102")]
    );
}
