//! A server that reads slowly: a source that floods it is paused or refused, and no other one is.

use crc_wire::{
    ChannelChat, ChannelJoin, ChannelName, ChannelRequest, ChatKind, MemberFlags, RequestKind, Text,
};

use super::*;

const QUEUE_BYTES_MAX: usize = 1 << 20;

/// A text of 10,000 bytes.
fn long() -> String {
    "x".repeat(10_000)
}

/// A server with a small bound, and a v2 server 77 with the client 201 that does not read.
fn with_slow_neighbour(machine: &str) -> (Fixture, usize, usize) {
    let mut fixture = Fixture::new(1);
    let mut config = config(0);
    config.limits.server_queue_bytes_max = QUEUE_BYTES_MAX;
    // The state that every server keeps may flood as well.
    config.limits.client_registrations_per_second = 0;
    let server = fixture.server_with(config);
    let slow = fixture.connect(server);
    fixture.introduce_v2(slow, 77, machine);
    fixture.send_message(slow, &registration(Kind::Client, 201, Some(77), "info"));
    fixture.soon();
    fixture.received(slow);
    fixture.toggle_reading(slow);
    (fixture, server, slow)
}

fn paused(fixture: &Fixture, server: usize) -> u64 {
    let snapshot = fixture.nodes[server].server.snapshot();
    snapshot.counters().clients_paused
}

/// The chats that a peer received, as source and length.
fn chats(messages: &[Message<'_>]) -> Vec<(u32, usize)> {
    let chats = messages.iter().filter_map(|message| match message {
        Message::ClientChat(chat) => Some((chat.source.get(), chat.text.as_str().len())),
        Message::ChannelChat(chat) => Some((chat.source.get(), chat.text.as_str().len())),
        _ => None,
    });
    chats.collect()
}

/// A client that takes channels.
fn channel_client(fixture: &mut Fixture, server: usize, client: u32) -> usize {
    let peer = fixture.client(server, client);
    let info = "info [crc2;f=channels]";
    fixture.send_message(peer, &registration(Kind::Client, client, None, info));
    fixture.soon();
    peer
}

/// The client 101 enters a channel.
fn join_request(channel: &str) -> Message<'static> {
    Message::ChannelRequest(ChannelRequest {
        source: id(101),
        destination: None,
        kind: RequestKind::JOIN,
        channel: Some(name(channel)),
        text: Text::default(),
    })
}

/// The client 101 leaves a channel.
fn part(channel: &str) -> Message<'static> {
    Message::ChannelPart(crc_wire::ChannelPart {
        by: None,
        source: id(101),
        channel: name(channel),
        text: Text::truncated(&"y".repeat(300)).into_owned(),
    })
}

fn name(name: &str) -> ChannelName<'static> {
    ChannelName::new(name.to_owned()).unwrap()
}

#[test]
fn a_client_that_floods_a_slow_server_is_paused() {
    let (mut fixture, server, slow) = with_slow_neighbour("r=1;f=server-quit");
    let flooder = fixture.v2_client(server, 101);
    let innocent = fixture.v2_client(server, 102);
    fixture.soon();
    for _ in 0..500 {
        fixture.send_message(flooder, &chat(101, 201, &long()));
        fixture.soon();
    }
    assert_eq!(paused(&fixture, server), 1);
    let queued = fixture.queued_for(slow);
    assert!(queued < QUEUE_BYTES_MAX / 4, "{queued} bytes are queued");
    assert!(!closed(&mut fixture, slow), "the link stays");
    fixture.send_message(innocent, &chat(102, 201, "hello"));
    // The paused client still gets what others send.
    fixture.received(flooder);
    fixture.send_message(innocent, &chat(102, 101, "hello"));
    fixture.soon();
    assert_eq!(chats(&fixture.received(flooder)), [(102, 5)]);
    fixture.toggle_reading(slow);
    fixture.soon();
    let received = chats(&fixture.received(slow));
    let place = received.iter().position(|chat| *chat == (102, 5)).unwrap();
    assert!(place < 30, "not behind the flood: {place}");
    assert_eq!(received.len(), 501, "no chat of the paused client is lost");
    assert!(!fixture.peers[flooder].ended);
}

#[test]
fn whatever_a_client_floods_with_it_is_paused() {
    let (mut fixture, server, slow) = with_slow_neighbour("r=1;f=server-quit,channels");
    let flooder = channel_client(&mut fixture, server, 101);
    for number in 0..10_000 {
        let long = format!("#{number}{}", "x".repeat(50));
        fixture.send_message(flooder, &join_request(&long));
        fixture.send_message(flooder, &part(&long));
        if number % 50 == 0 {
            fixture.soon();
            fixture.received(flooder);
        }
    }
    assert_eq!(paused(&fixture, server), 1);
    assert!(fixture.queued_for(slow) < QUEUE_BYTES_MAX / 2);
    assert!(!closed(&mut fixture, slow), "the link stays");
}

/// What every server must have is never refused. The flooder's own server slows it down.
#[test]
fn changes_of_a_client_behind_another_server_slow_that_client_down() {
    let (mut fixture, server, slow) = with_slow_neighbour("r=1;f=server-quit,channels");
    let far = fixture.server(Some(server));
    fixture.run(Duration::from_secs(2));
    let flooder = channel_client(&mut fixture, far, 101);
    let innocent = fixture.v2_client(far, 102);
    fixture.soon();
    let (mut sent, mut most) = (0, 0);
    for round in 0..400 {
        if fixture.unread_from(flooder) == 0 {
            for number in 0..20 {
                let long = format!("#{}{}", round * 20 + number, "x".repeat(50));
                fixture.send_message(flooder, &join_request(&long));
                fixture.send_message(flooder, &part(&long));
                sent += 1;
            }
        }
        fixture.run(Duration::from_millis(20));
        fixture.received(flooder);
        most = most.max(fixture.queued_for(slow));
    }
    assert!(sent < 4_000, "{sent} joins and parts in 8 s");
    assert!(paused(&fixture, far) > 0);
    assert!(most < QUEUE_BYTES_MAX / 2, "{most} bytes are queued");
    assert!(!closed(&mut fixture, slow), "the link stays");
    // The other client behind that server is heard.
    fixture.send_message(innocent, &chat(102, 201, "hello"));
    fixture.soon();
    fixture.toggle_reading(slow);
    fixture.run(Duration::from_secs(1));
    assert!(chats(&fixture.received(slow)).contains(&(102, 5)));
    assert!(!fixture.peers[flooder].ended);
}

#[test]
fn a_client_whose_chats_flood_a_v1_server_is_paused() {
    let (mut fixture, server) = alone();
    let slow = fixture.connect(server);
    fixture.send_message(slow, &registration(Kind::Server, 77, None, "info"));
    fixture.send_message(slow, &registration(Kind::Client, 201, Some(77), "info"));
    fixture.run(Duration::from_secs(30));
    fixture.received(slow);
    let flooder = fixture.v2_client(server, 101);
    let innocent = fixture.v2_client(server, 102);
    fixture.soon();
    // It reads, but each 7 ms 1,024 bytes at most.
    for _ in 0..200 {
        let frame = chat(101, 201, &"x".repeat(1_000)).to_vec();
        fixture.send(flooder, &frame.repeat(400));
        fixture.soon();
    }
    assert!(paused(&fixture, server) >= 1);
    fixture.send_message(innocent, &chat(102, 201, "hello"));
    fixture.run(Duration::from_secs(15));
    let received = chats(&fixture.received(slow));
    assert!(received.contains(&(102, 5)), "{}", received.len());
    assert!(!closed(&mut fixture, slow), "the link stays");
    assert!(!fixture.peers[flooder].ended);
}

#[test]
fn chats_of_a_client_behind_another_server_are_refused() {
    let (mut fixture, server, slow) = with_slow_neighbour("r=1;f=server-quit");
    let other = fixture.connect(server);
    fixture.introduce_v2(other, 78, "r=2;f=server-quit");
    for client in 301..=399 {
        fixture.send_message(other, &registration(Kind::Client, client, Some(78), "info"));
    }
    fixture.soon();
    fixture.received(other);
    for _ in 0..300 {
        fixture.send_message(other, &chat(301, 201, &long()));
        fixture.soon();
    }
    let refused = status(1, 301, 0x0106, "Too many messages for ID 201");
    let answers = fixture.received(other);
    assert!(answers.len() > 200, "all but its share");
    assert!(answers.iter().all(|answer| *answer == refused));
    // Fifty more do the same.
    for source in 302..352 {
        for _ in 0..50 {
            fixture.send_message(other, &chat(source, 201, &long()));
        }
        fixture.soon();
    }
    assert!(fixture.queued_for(slow) < QUEUE_BYTES_MAX);
    fixture.send_message(other, &chat(399, 201, "hello"));
    fixture.soon();
    assert!(!closed(&mut fixture, slow), "the link stays");
    assert!(!closed(&mut fixture, other), "both links stay");
    fixture.toggle_reading(slow);
    fixture.soon();
    assert!(chats(&fixture.received(slow)).contains(&(399, 5)));
    fixture.send_message(other, &chat(301, 201, "later"));
    fixture.soon();
    let later = chats(&fixture.received(slow));
    assert_eq!(later, [(301, 5)], "what has drained is free again");
    assert_eq!(paused(&fixture, server), 0);
}

#[test]
fn chats_in_a_channel_count_as_well() {
    let (mut fixture, server, slow) = with_slow_neighbour("r=1;f=server-quit,channels");
    let other = fixture.connect(server);
    fixture.introduce_v2(other, 78, "r=2;f=server-quit,channels");
    let join = |source| {
        Message::ChannelJoin(ChannelJoin {
            by: None,
            source: id(source),
            channel: name("#c"),
            flags: MemberFlags::NONE,
        })
    };
    let say = |source, text: &str| {
        Message::ChannelChat(ChannelChat {
            source: id(source),
            channel: name("#c"),
            kind: ChatKind::Message,
            text: Text::new(text.to_owned()).unwrap(),
        })
    };
    for client in [301, 302] {
        fixture.send_message(other, &registration(Kind::Client, client, Some(78), "info"));
        fixture.send_message(other, &join(client));
    }
    fixture.send_message(slow, &join(201));
    let member = channel_client(&mut fixture, server, 101);
    let joins = ChannelRequest {
        source: id(101),
        destination: None,
        kind: RequestKind::JOIN,
        channel: Some(name("#c")),
        text: Text::truncated("").into_owned(),
    };
    fixture.send_message(member, &Message::ChannelRequest(joins));
    fixture.soon();
    fixture.received(other);
    fixture.received(member);
    for _ in 0..300 {
        fixture.send_message(other, &say(301, &long()));
        fixture.soon();
    }
    let refused = status(1, 301, 0x0106, "Too many messages for #c");
    let answers = fixture.received(other);
    assert!(answers.len() > 200, "all but its share");
    assert!(answers.iter().all(|answer| *answer == refused));
    let received = chats(&fixture.received(member));
    assert_eq!(received.len(), 300, "members elsewhere get all of it");
    fixture.send_message(other, &say(302, "hello"));
    fixture.soon();
    assert!(!closed(&mut fixture, slow), "the link stays");
    fixture.toggle_reading(slow);
    fixture.soon();
    assert!(chats(&fixture.received(slow)).contains(&(302, 5)));
}

#[test]
fn a_paused_client_is_read_again_when_the_slow_server_is_gone() {
    let (mut fixture, server, slow) = with_slow_neighbour("r=1;f=server-quit");
    let flooder = fixture.v2_client(server, 101);
    let friend = fixture.v2_client(server, 102);
    fixture.soon();
    for _ in 0..100 {
        fixture.send_message(flooder, &chat(101, 201, &long()));
        fixture.soon();
    }
    assert_eq!(paused(&fixture, server), 1);
    fixture.received(friend);
    fixture.send_message(flooder, &chat(101, 102, "hello"));
    fixture.soon();
    assert_eq!(fixture.received(friend), [], "it is not read");
    // It answers no ping, and its link ends.
    fixture.run(Duration::from_secs(60));
    assert!(chats(&fixture.received(friend)).contains(&(101, 5)));
    assert!(!fixture.peers[flooder].ended);
    assert!(fixture.peers[slow].ended);
}

#[test]
fn a_congested_server_that_reads_nothing_for_a_minute_is_closed() {
    let (mut fixture, server, slow) = with_slow_neighbour("r=1;f=server-quit");
    let flooder = fixture.v2_client(server, 101);
    fixture.soon();
    for _ in 0..100 {
        fixture.send_message(flooder, &chat(101, 201, &long()));
        fixture.soon();
    }
    // It is not silent: it sends, and reads nothing.
    for second in 0..70 {
        assert!(
            second > 59 || !fixture.peers[slow].ended,
            "after {second} s"
        );
        fixture.send_message(slow, &chat(201, 101, "hello"));
        fixture.run(Duration::from_secs(1));
    }
    assert!(fixture.peers[slow].ended);
    let snapshot = fixture.nodes[server].server.snapshot();
    assert_eq!(snapshot.counters().slow_consumers, 1);
    assert!(!fixture.peers[flooder].ended);
}
