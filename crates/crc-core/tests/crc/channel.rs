//! Channels across servers: which frames each peer gets, and that all agree at rest.

mod property;

use crc_core::Snapshot;
use crc_wire::{
    ChannelChat, ChannelField, ChannelJoin, ChannelName, ChannelPart, ChannelRequest,
    ChannelSetting, ChatKind, HostId, MemberFlags, Message, RequestKind, Text,
};
use proptest::prelude::*;

use super::*;

fn name(name: &str) -> ChannelName<'static> {
    ChannelName::new(name.to_owned()).unwrap()
}

fn text(text: &str) -> Text<'static> {
    Text::new(text.to_owned()).unwrap()
}

fn request(
    source: u32,
    destination: u32,
    kind: RequestKind,
    channel: &str,
    words: &str,
) -> Message<'static> {
    Message::ChannelRequest(ChannelRequest {
        source: id(source),
        destination: HostId::new(destination),
        kind,
        channel: (!channel.is_empty()).then(|| name(channel)),
        text: text(words),
    })
}

fn joins(source: u32, channel: &str, key: &str) -> Message<'static> {
    request(source, 0, RequestKind::JOIN, channel, key)
}

fn parts(source: u32, channel: &str, words: &str) -> Message<'static> {
    Message::ChannelPart(ChannelPart {
        source: id(source),
        by: None,
        channel: name(channel),
        text: text(words),
    })
}

fn says(source: u32, channel: &str, words: &str) -> Message<'static> {
    Message::ChannelChat(ChannelChat {
        source: id(source),
        kind: ChatKind::Message,
        channel: name(channel),
        text: text(words),
    })
}

fn sets(source: u32, channel: &str, field: ChannelField, value: &str) -> Message<'static> {
    Message::ChannelSetting(ChannelSetting {
        source: HostId::new(source),
        version: 0,
        field,
        channel: name(channel),
        value: text(value),
    })
}

fn member(source: u32, by: u32, operator: bool, channel: &str) -> Message<'static> {
    Message::ChannelJoin(ChannelJoin {
        source: id(source),
        by: HostId::new(by),
        flags: MemberFlags::NONE.with_operator(operator),
        channel: name(channel),
    })
}

/// A client that supports channels.
fn client(fixture: &mut Fixture, node: usize, client: u32) -> usize {
    let peer = fixture.client(node, client);
    let info = "info [crc2;f=channels]";
    fixture.send_message(peer, &registration(Kind::Client, client, None, info));
    peer
}

/// The frames about channels that a peer has received, and statuses about them.
fn received(fixture: &mut Fixture, peer: usize) -> Vec<Message<'static>> {
    let mut heard = fixture.received(peer);
    heard.retain(|message| match message {
        Message::Status(status) => status.code.0 >= 0x0103,
        message => message.kind().is_channel(),
    });
    heard
}

/// The channels as a server knows them.
fn channels(snapshot: Snapshot<'_>) -> Vec<String> {
    let show = |channel: &crc_core::Channel| {
        let members: Vec<_> = channel.members().collect();
        let settings = channel.settings().set();
        let settings: Vec<_> = settings
            .map(|(field, set)| (field, set.version, &set.value, &set.setter))
            .collect();
        let founded = channel.founded();
        format!("{} of {founded:?} {members:?} {settings:?}", channel.name())
    };
    snapshot.channels().iter().map(show).collect()
}

/// Three servers in a line, with a client at each, all in `#reef`.
fn line(fixture: &mut Fixture) -> [usize; 3] {
    let mut peers = [0; 3];
    for node in 0..3 {
        fixture.server((node > 0).then(|| node - 1));
    }
    fixture.rest();
    for (node, peer) in peers.iter_mut().enumerate() {
        *peer = client(fixture, node, 100 + node as u32);
    }
    fixture.rest();
    for (node, peer) in peers.iter().enumerate() {
        fixture.send_message(*peer, &joins(100 + node as u32, "#reef", ""));
        fixture.rest();
    }
    peers
}

fn status_texts(messages: &[Message<'_>]) -> Vec<String> {
    let texts = messages.iter().filter_map(|message| match message {
        Message::Status(status) => Some(status.text.as_str().to_owned()),
        _ => None,
    });
    texts.collect()
}

#[test]
fn a_client_that_joins_gets_the_channel_and_members_get_the_join() {
    let mut fixture = Fixture::new(1);
    let [first, second, third] = line(&mut fixture);
    let is_join = |message: &Message<'_>| matches!(message, Message::ChannelJoin(_));
    let mut heard = received(&mut fixture, first);
    heard.retain(is_join);
    assert_eq!(
        heard,
        [
            member(100, 0, true, "#reef"),
            member(101, 0, false, "#reef"),
            member(102, 0, false, "#reef"),
        ]
    );
    let heard = received(&mut fixture, third);
    let is_modes = |message: &Message<'_>| {
        matches!(message, Message::ChannelSetting(set)
            if set.field == ChannelField::MODES && set.value.as_str() == "nt")
    };
    assert!(
        is_modes(&heard[2]),
        "as a channel that IRC users make: {heard:?}"
    );
    assert_eq!(
        [&heard[..2], &heard[3..]].concat(),
        [
            member(100, 0, true, "#reef"),
            member(101, 0, false, "#reef"),
            member(102, 0, false, "#reef"),
        ],
        "the members first, then the settings, then the new one"
    );
    received(&mut fixture, second);
    for node in 0..3 {
        let snapshot = fixture.nodes[node].server.snapshot();
        assert_eq!(channels(snapshot).len(), 1);
        assert_eq!(
            channels(snapshot),
            channels(fixture.nodes[0].server.snapshot()),
            "server {node}"
        );
    }
}

#[test]
fn a_channel_chat_reaches_each_other_member_once() {
    let mut fixture = Fixture::new(2);
    let peers = line(&mut fixture);
    let outsider = client(&mut fixture, 1, 300);
    fixture.rest();
    for peer in peers {
        received(&mut fixture, peer);
    }
    let hello = says(100, "#REEF", "hello");
    fixture.send_message(peers[0], &hello);
    fixture.rest();
    assert_eq!(received(&mut fixture, peers[0]), []);
    assert_eq!(
        received(&mut fixture, peers[1]),
        std::slice::from_ref(&hello)
    );
    assert_eq!(received(&mut fixture, peers[2]), [hello]);
    assert_eq!(received(&mut fixture, outsider), []);

    fixture.send_message(outsider, &says(300, "#reef", "let me in"));
    fixture.rest();
    let answer = received(&mut fixture, outsider);
    assert_eq!(status_texts(&answer), ["#reef: you are not in it"]);
    assert_eq!(received(&mut fixture, peers[2]), []);
}

#[test]
fn a_client_speaks_in_its_own_name_only() {
    for lie in [
        says(101, "#reef", "I am somebody else"),
        joins(101, "#reef", ""),
        member(100, 0, true, "#reef"),
        sets(0, "#reef", ChannelField::TOPIC, "nobody did it"),
    ] {
        let mut fixture = Fixture::new(3);
        let peers = line(&mut fixture);
        fixture.send_message(peers[0], &lie);
        fixture.rest();
        assert!(fixture.peers[peers[0]].ended, "{lie:?}");
        let members = &channels(fixture.nodes[2].server.snapshot())[0];
        assert!(!members.contains("HostId(100), Mem"), "{members}");
    }
}

#[test]
fn a_client_without_the_channels_feature_may_not_use_channels() {
    let mut fixture = Fixture::new(11);
    let node = fixture.server(None);
    for announces in [false, true] {
        let peer = match announces {
            false => fixture.client(node, 300),
            true => fixture.v2_client(node, 301),
        };
        fixture.soon();
        fixture.send_message(peer, &joins(if announces { 301 } else { 300 }, "#reef", ""));
        fixture.soon();
        assert!(fixture.peers[peer].ended);
        assert!(fixture.nodes[node].server.snapshot().channels().is_empty());
    }
}

#[test]
fn operators_set_the_channel_and_kick_members() {
    let mut fixture = Fixture::new(4);
    let peers = line(&mut fixture);
    for peer in peers {
        received(&mut fixture, peer);
    }
    // A member that is no operator may set the topic where the modes have no `t`, and nothing else.
    let refused = "#reef: only its operators may do this";
    fixture.send_message(peers[2], &sets(102, "#reef", ChannelField::TOPIC, "mine"));
    fixture.rest();
    assert_eq!(status_texts(&received(&mut fixture, peers[2])), [refused]);
    fixture.send_message(peers[0], &sets(100, "#reef", ChannelField::MODES, "n"));
    fixture.rest();
    for peer in peers {
        received(&mut fixture, peer);
    }
    fixture.send_message(peers[2], &sets(102, "#reef", ChannelField::TOPIC, "corals"));
    fixture.send_message(peers[2], &sets(102, "#reef", ChannelField::KEY, "pearl"));
    fixture.send_message(
        peers[2],
        &request(102, 101, RequestKind::KICK, "#reef", "out"),
    );
    fixture.rest();
    let replies = received(&mut fixture, peers[2]);
    // The setting, and the request.
    assert_eq!(status_texts(&replies), [refused, refused]);
    let topics = |messages: Vec<Message<'static>>| {
        messages
            .into_iter()
            .map(|message| match message {
                Message::ChannelSetting(set) => {
                    format!("{} {}", set.field.0, set.value.as_str())
                }
                other => format!("{other:?}"),
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(topics(received(&mut fixture, peers[0])), ["0 corals"]);

    fixture.send_message(peers[0], &sets(100, "#reef", ChannelField::KEY, "pearl"));
    fixture.send_message(peers[0], &request(100, 102, RequestKind::OP, "#reef", ""));
    fixture.rest();
    assert_eq!(
        received(&mut fixture, peers[2]).last(),
        Some(&member(102, 100, true, "#reef"))
    );
    fixture.send_message(
        peers[2],
        &request(102, 101, RequestKind::KICK, "#reef", "enough"),
    );
    fixture.rest();
    let kicked = Message::ChannelPart(ChannelPart {
        source: id(101),
        by: Some(id(102)),
        channel: name("#reef"),
        text: text("enough"),
    });
    assert_eq!(received(&mut fixture, peers[1]).last(), Some(&kicked));
    fixture.send_message(peers[1], &joins(101, "#reef", "oyster"));
    fixture.rest();
    let refused = received(&mut fixture, peers[1]);
    assert_eq!(status_texts(&refused), ["#reef: wrong key"]);
    fixture.send_message(peers[1], &joins(101, "#reef", "pearl"));
    fixture.rest();
    assert_eq!(
        received(&mut fixture, peers[1]).last(),
        Some(&member(101, 0, false, "#reef"))
    );
}

#[test]
fn a_new_server_gets_the_channels_in_its_burst() {
    let mut fixture = Fixture::new(5);
    let peers = line(&mut fixture);
    fixture.send_message(peers[0], &sets(100, "#reef", ChannelField::TOPIC, "corals"));
    fixture.rest();
    let late = fixture.server(Some(2));
    fixture.rest();
    assert_eq!(
        channels(fixture.nodes[late].server.snapshot()),
        channels(fixture.nodes[0].server.snapshot())
    );
    // A lost half takes its members along, and brings them back.
    fixture.kill(1);
    fixture.soon();
    let left = channels(fixture.nodes[0].server.snapshot());
    assert!(
        left[0].contains("HostId(100)") && !left[0].contains("HostId(102)"),
        "{left:?}"
    );
    fixture.restart(1, {
        let mut again = config(1);
        again.connect = vec!["s0:1".parse().unwrap()];
        again
    });
    fixture.rest();
    for node in 1..4 {
        assert_eq!(
            channels(fixture.nodes[node].server.snapshot()),
            channels(fixture.nodes[0].server.snapshot()),
            "server {node}"
        );
    }
}

#[test]
fn an_empty_channel_ends_and_starts_again_without_settings() {
    let mut fixture = Fixture::new(6);
    let peers = line(&mut fixture);
    fixture.send_message(peers[0], &sets(100, "#reef", ChannelField::TOPIC, "corals"));
    fixture.send_message(peers[0], &sets(100, "#reef", ChannelField::KEY, "pearl"));
    fixture.rest();
    fixture.send_message(peers[0], &parts(100, "#reef", "bye"));
    fixture.send_message(peers[1], &quit(101, "bye"));
    fixture.send_message(peers[2], &parts(102, "#reef", ""));
    fixture.rest();
    for node in 0..3 {
        assert_eq!(channels(fixture.nodes[node].server.snapshot()), [""; 0]);
    }
    fixture.send_message(peers[2], &joins(102, "#Reef", ""));
    fixture.rest();
    for node in 0..3 {
        let snapshot = fixture.nodes[node].server.snapshot();
        let channel = snapshot.channels().find("#reef").unwrap();
        assert_eq!((channel.topic(), channel.key()), ("", ""));
        assert_eq!(channel.name(), "#Reef");
        assert!(channel.member(id(102)).unwrap().operator);
    }
}

#[test]
fn clients_without_the_channels_feature_get_no_channel_frames() {
    let mut fixture = Fixture::new(7);
    let peers = line(&mut fixture);
    let v1 = fixture.client(1, 300);
    let plain = fixture.v2_client(1, 301);
    fixture.rest();
    fixture.received(v1);
    fixture.received(plain);
    fixture.send_message(peers[0], &says(100, "#reef", "hello"));
    fixture.send_message(peers[1], &parts(101, "#reef", ""));
    fixture.rest();
    assert_eq!(fixture.received(v1), []);
    assert_eq!(fixture.received(plain), []);
    fixture.send_message(peers[0], &chat(100, 300, "you there?"));
    fixture.rest();
    assert_eq!(fixture.received(v1), [chat(100, 300, "you there?")]);
}

#[test]
fn a_v1_server_gets_no_channel_frames() {
    let mut fixture = Fixture::new(8);
    let peers = line(&mut fixture);
    let v1 = fixture.connect(1);
    fixture.send_message(v1, &registration(Kind::Server, 50, None, "a v1 server"));
    fixture.rest();
    fixture.send_message(v1, &registration(Kind::Client, 500, Some(50), "behind it"));
    fixture.rest();
    fixture.received(v1);
    fixture.send_message(peers[0], &says(100, "#reef", "hello"));
    fixture.send_message(peers[0], &sets(100, "#reef", ChannelField::TOPIC, "corals"));
    fixture.send_message(
        peers[0],
        &request(100, 500, RequestKind::NOTICE, "", "a word"),
    );
    fixture.send_message(
        peers[0],
        &request(100, 500, RequestKind::INVITE, "#reef", ""),
    );
    fixture.send_message(v1, &joins(500, "#reef", ""));
    fixture.send_message(v1, &member(500, 0, true, "#reef"));
    fixture.rest();
    assert_eq!(
        fixture.received(v1),
        [chat(100, 500, "a word")],
        "a v1 server gets a notice as a chat"
    );
    let members = &channels(fixture.nodes[1].server.snapshot())[0];
    assert!(!members.contains("HostId(500)"), "{members}");
}

#[test]
fn a_server_speaks_for_hosts_behind_it_only() {
    let mut fixture = Fixture::new(9);
    let peers = line(&mut fixture);
    let liar = fixture.connect(1);
    fixture.introduce_v2(liar, 60, "a=10.0.0.1:1;r=9;f=server-quit,channels");
    fixture.soon();
    let before = channels(fixture.nodes[0].server.snapshot());
    fixture.send_message(liar, &member(100, 0, false, "#reef"));
    fixture.send_message(liar, &member(102, 0, true, "#lagoon"));
    fixture.send_message(liar, &member(777, 0, true, "#lagoon"));
    fixture.send_message(liar, &member(60, 0, true, "#reef"));
    fixture.send_message(liar, &parts(101, "#reef", "gone"));
    fixture.send_message(liar, &says(102, "#reef", "never said"));
    fixture.send_message(
        liar,
        &request(100, 101, RequestKind::KICK, "#reef", "never asked"),
    );
    fixture.received(peers[0]);
    fixture.soon();
    assert_eq!(received(&mut fixture, peers[0]), []);
    for node in 0..3 {
        assert_eq!(channels(fixture.nodes[node].server.snapshot()), before);
    }
    assert!(
        !fixture.peers[liar].ended,
        "between servers it may be a race"
    );
}

#[test]
fn a_setting_that_comes_before_any_member_is_kept() {
    let mut fixture = Fixture::new(10);
    let node = fixture.server(None);
    let far = fixture.connect(node);
    fixture.introduce_v2(far, 60, "a=10.0.0.1:1;r=9;f=server-quit,channels");
    fixture.send_message(far, &registration(Kind::Client, 600, Some(60), "info"));
    let topic = Message::ChannelSetting(ChannelSetting {
        source: HostId::new(601),
        version: 5,
        field: ChannelField::TOPIC,
        channel: name("#reef"),
        value: text("corals"),
    });
    fixture.send_message(far, &topic);
    fixture.soon();
    fixture.received(far);
    assert!(fixture.nodes[node].server.snapshot().channels().is_empty());
    fixture.send_message(far, &member(600, 0, false, "#reef"));
    fixture.soon();
    let snapshot = fixture.nodes[node].server.snapshot();
    assert_eq!(snapshot.channels().find("#reef").unwrap().topic(), "corals");
    assert_eq!(
        received(&mut fixture, far),
        [topic],
        "the server repeats it for the new member"
    );
}

#[test]
fn an_invitation_to_no_channel_is_refused() {
    let mut fixture = Fixture::new(10);
    let [first, second, _] = line(&mut fixture);
    fixture.received(first);
    fixture.received(second);
    for destination in [100, 101] {
        fixture.send_message(
            first,
            &request(100, destination, RequestKind::INVITE, "", ""),
        );
    }
    fixture.rest();
    assert_eq!(fixture.received(second), []);
    let replies = fixture.received(first);
    let refused = ": there is no such channel";
    assert_eq!(status_texts(&replies), [refused, refused]);
}
