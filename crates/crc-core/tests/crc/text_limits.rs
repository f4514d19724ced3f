//! Servers whose limits of texts differ: what is relayed keeps to the limit of the next one.

use super::*;

/// A server with the client 101, and a v2 server 77 with the client 201 that takes texts of 20
/// bytes.
fn with_narrow_neighbour() -> (Fixture, usize, usize, usize) {
    let (mut fixture, server) = alone();
    let narrow = fixture.connect(server);
    fixture.introduce_v2(narrow, 77, "r=1;x=20;f=server-quit,channels");
    fixture.send_message(narrow, &registration(Kind::Client, 201, Some(77), "info"));
    let client = fixture.v2_client(server, 101);
    fixture.soon();
    fixture.received(narrow);
    fixture.received(client);
    (fixture, server, narrow, client)
}

#[test]
fn a_chat_that_is_too_long_for_the_next_server_is_answered() {
    let (mut fixture, _, narrow, client) = with_narrow_neighbour();
    let (fits, long) = ("x".repeat(20), "x".repeat(21));
    // Chats of one source to one destination may be relayed together.
    for text in [&fits, &long, &fits] {
        fixture.send_message(client, &chat(101, 201, text));
    }
    fixture.soon();
    let relayed = chat(101, 201, &fits);
    assert_eq!(fixture.received(narrow), [relayed.clone(), relayed]);
    let answer = status(1, 101, 0x0101, "Message too long for ID 201");
    assert_eq!(fixture.received(client), [answer]);
}

#[test]
fn a_quit_is_cut_at_a_character_for_the_next_server() {
    let (mut fixture, _, narrow, client) = with_narrow_neighbour();
    fixture.send_message(client, &quit(101, &"é".repeat(30_000)));
    fixture.soon();
    assert_eq!(fixture.received(narrow), [quit(101, &"é".repeat(10))]);
    assert!(!closed(&mut fixture, narrow), "the link stays");
}

#[test]
fn a_chat_in_a_channel_is_answered_and_members_elsewhere_get_it() {
    use crc_wire::{ChannelName, ChannelRequest, RequestKind, Text};
    let (mut fixture, server, narrow, _) = with_narrow_neighbour();
    let channel = ChannelName::new("#c").unwrap();
    let join = |source| {
        Message::ChannelRequest(ChannelRequest {
            source: id(source),
            destination: None,
            kind: RequestKind::JOIN,
            channel: Some(channel.clone()),
            text: Text::truncated(""),
        })
    };
    let mut clients = Vec::new();
    for client in [102, 103] {
        let peer = fixture.client(server, client);
        let info = "info [crc2;f=channels]";
        fixture.send_message(peer, &registration(Kind::Client, client, None, info));
        fixture.send_message(peer, &join(client));
        clients.push(peer);
        fixture.soon();
    }
    fixture.send_message(
        narrow,
        &Message::ChannelJoin(crc_wire::ChannelJoin {
            source: id(201),
            by: None,
            channel: channel.clone(),
            flags: crc_wire::MemberFlags::NONE,
        }),
    );
    fixture.soon();
    for peer in [narrow, clients[0], clients[1]] {
        fixture.received(peer);
    }
    let say = Message::ChannelChat(crc_wire::ChannelChat {
        source: id(102),
        channel: channel.clone(),
        kind: crc_wire::ChatKind::Message,
        text: Text::truncated("more than twenty bytes"),
    });
    fixture.send_message(clients[0], &say);
    fixture.soon();
    let answer = status(1, 102, 0x0101, "Message too long for #c");
    assert_eq!(fixture.received(clients[0]), [answer]);
    assert_eq!(fixture.received(clients[1]), [say]);
    assert_eq!(fixture.received(narrow), []);
}

#[test]
fn two_servers_with_different_limits_stay_linked() {
    let mut fixture = Fixture::new(1);
    let mut small = config(0);
    small.limits.text_bytes_max = 1_000;
    let root = fixture.server_with(small);
    let leaf = fixture.server(Some(root));
    fixture.rest();
    let receiver = fixture.v2_client(root, 101);
    let sender = fixture.v2_client(leaf, 102);
    fixture.rest();
    fixture.received(receiver);
    fixture.received(sender);
    fixture.send_message(sender, &chat(102, 101, &"x".repeat(60_000)));
    fixture.send_message(sender, &chat(102, 101, &"x".repeat(1_000)));
    fixture.rest();
    let answer = status(2, 102, 0x0101, "Message too long for ID 101");
    assert_eq!(fixture.received(sender), [answer]);
    fixture.send_message(sender, &quit(102, &"y".repeat(60_000)));
    fixture.rest();
    assert_eq!(
        fixture.received(receiver),
        [
            chat(102, 101, &"x".repeat(1_000)),
            quit(102, &"y".repeat(1_000))
        ]
    );
    assert!(fixture.known(root).contains_key(&2), "they are linked");
}
