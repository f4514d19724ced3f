//! Channels across servers: who is told what, and that all agree at rest.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may fail"
)]

mod rig;

use std::time::Duration;

use crc_core::Snapshot;
use crc_wire::{
    ChannelChat, ChannelField, ChannelJoin, ChannelName, ChannelPart, ChannelRequest,
    ChannelSetting, ChatKind, HostId, MemberFlags, Message, RequestKind, Text,
};
use proptest::prelude::*;
use rig::{Kind, Rig, chat, config, id, quit, registration};

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

/// A client that takes channels.
fn client(rig: &mut Rig, node: usize, client: u32) -> usize {
    let raw = rig.client(node, client);
    let info = "info [crc2;f=channels]";
    rig.say(raw, &registration(Kind::Client, client, None, info));
    raw
}

/// What somebody has heard of channels, and statuses about them.
fn heard(rig: &mut Rig, raw: usize) -> Vec<Message<'static>> {
    let mut heard = rig.heard(raw);
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
        let settings: Vec<_> = channel.settings().set().collect();
        format!("{} {members:?} {settings:?}", channel.name())
    };
    snapshot.channels().iter().map(show).collect()
}

/// Three servers in a line, with a client at each, all in `#reef`.
fn line(rig: &mut Rig) -> [usize; 3] {
    let mut raws = [0; 3];
    for node in 0..3 {
        rig.server((node > 0).then(|| node - 1));
    }
    rig.rest();
    for (node, raw) in raws.iter_mut().enumerate() {
        *raw = client(rig, node, 100 + node as u32);
    }
    rig.rest();
    for (node, raw) in raws.iter().enumerate() {
        rig.say(*raw, &joins(100 + node as u32, "#reef", ""));
        rig.rest();
    }
    raws
}

fn status_texts(messages: &[Message<'_>]) -> Vec<String> {
    let texts = messages.iter().filter_map(|message| match message {
        Message::Status(status) => Some(status.text.as_str().to_owned()),
        _ => None,
    });
    texts.collect()
}

#[test]
fn who_enters_is_shown_the_channel_and_the_others_are_told() {
    let mut rig = Rig::new(1);
    let [first, second, third] = line(&mut rig);
    assert_eq!(
        heard(&mut rig, first),
        [
            member(100, 0, true, "#reef"),
            member(101, 0, false, "#reef"),
            member(102, 0, false, "#reef"),
        ]
    );
    assert_eq!(
        heard(&mut rig, third),
        [
            member(100, 0, true, "#reef"),
            member(101, 0, false, "#reef"),
            member(102, 0, false, "#reef"),
        ],
        "the members first, then oneself"
    );
    heard(&mut rig, second);
    for node in 0..3 {
        let snapshot = rig.nodes[node].server.snapshot();
        assert_eq!(channels(snapshot).len(), 1);
        assert_eq!(
            channels(snapshot),
            channels(rig.nodes[0].server.snapshot()),
            "server {node}"
        );
    }
}

#[test]
fn what_is_said_reaches_each_other_member_once() {
    let mut rig = Rig::new(2);
    let raws = line(&mut rig);
    let outsider = client(&mut rig, 1, 300);
    rig.rest();
    for raw in raws {
        heard(&mut rig, raw);
    }
    let hello = says(100, "#REEF", "hello");
    rig.say(raws[0], &hello);
    rig.rest();
    assert_eq!(heard(&mut rig, raws[0]), []);
    assert_eq!(heard(&mut rig, raws[1]), std::slice::from_ref(&hello));
    assert_eq!(heard(&mut rig, raws[2]), [hello]);
    assert_eq!(heard(&mut rig, outsider), []);

    rig.say(outsider, &says(300, "#reef", "let me in"));
    rig.rest();
    let answer = heard(&mut rig, outsider);
    assert_eq!(status_texts(&answer), ["#reef: you are not in it"]);
    assert_eq!(heard(&mut rig, raws[2]), []);
}

#[test]
fn a_client_speaks_in_its_own_name_only() {
    for lie in [
        says(101, "#reef", "I am somebody else"),
        joins(101, "#reef", ""),
        member(100, 0, true, "#reef"),
        sets(0, "#reef", ChannelField::TOPIC, "nobody did it"),
    ] {
        let mut rig = Rig::new(3);
        let raws = line(&mut rig);
        rig.say(raws[0], &lie);
        rig.rest();
        assert!(rig.raws[raws[0]].ended, "{lie:?}");
        let members = &channels(rig.nodes[2].server.snapshot())[0];
        assert!(!members.contains("HostId(100), Mem"), "{members}");
    }
}

#[test]
fn who_has_not_said_that_it_takes_channels_may_not_speak_of_them() {
    let mut rig = Rig::new(11);
    let node = rig.server(None);
    for announces in [false, true] {
        let raw = match announces {
            false => rig.client(node, 300),
            true => rig.our_client(node, 301),
        };
        rig.soon();
        rig.say(raw, &joins(if announces { 301 } else { 300 }, "#reef", ""));
        rig.soon();
        assert!(rig.raws[raw].ended);
        assert!(rig.nodes[node].server.snapshot().channels().is_empty());
    }
}

#[test]
fn operators_set_the_channel_and_put_members_out() {
    let mut rig = Rig::new(4);
    let raws = line(&mut rig);
    for raw in raws {
        heard(&mut rig, raw);
    }
    // Who is not an operator may set the topic of a free channel, and nothing else.
    rig.say(raws[2], &sets(102, "#reef", ChannelField::TOPIC, "corals"));
    rig.say(raws[2], &sets(102, "#reef", ChannelField::KEY, "pearl"));
    rig.say(
        raws[2],
        &request(102, 101, RequestKind::KICK, "#reef", "out"),
    );
    rig.rest();
    let told = heard(&mut rig, raws[2]);
    assert_eq!(
        status_texts(&told),
        ["#reef: only its operators may do this"]
    );
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
    assert_eq!(topics(heard(&mut rig, raws[0])), ["0 corals"]);

    rig.say(raws[0], &sets(100, "#reef", ChannelField::KEY, "pearl"));
    rig.say(raws[0], &request(100, 102, RequestKind::OP, "#reef", ""));
    rig.rest();
    assert_eq!(
        heard(&mut rig, raws[2]).last(),
        Some(&member(102, 100, true, "#reef"))
    );
    rig.say(
        raws[2],
        &request(102, 101, RequestKind::KICK, "#reef", "enough"),
    );
    rig.rest();
    let kicked = Message::ChannelPart(ChannelPart {
        source: id(101),
        by: Some(id(102)),
        channel: name("#reef"),
        text: text("enough"),
    });
    assert_eq!(heard(&mut rig, raws[1]).last(), Some(&kicked));
    rig.say(raws[1], &joins(101, "#reef", "oyster"));
    rig.rest();
    let refused = heard(&mut rig, raws[1]);
    assert_eq!(status_texts(&refused), ["#reef: wrong key"]);
    rig.say(raws[1], &joins(101, "#reef", "pearl"));
    rig.rest();
    assert_eq!(
        heard(&mut rig, raws[1]).last(),
        Some(&member(101, 0, false, "#reef"))
    );
}

#[test]
fn a_late_server_is_listed_the_channels() {
    let mut rig = Rig::new(5);
    let raws = line(&mut rig);
    rig.say(raws[1], &sets(101, "#reef", ChannelField::TOPIC, "corals"));
    rig.rest();
    let late = rig.server(Some(2));
    rig.rest();
    assert_eq!(
        channels(rig.nodes[late].server.snapshot()),
        channels(rig.nodes[0].server.snapshot())
    );
    // A lost half takes its members along, and brings them back.
    rig.kill(1);
    rig.soon();
    let left = channels(rig.nodes[0].server.snapshot());
    assert!(
        left[0].contains("HostId(100)") && !left[0].contains("HostId(102)"),
        "{left:?}"
    );
    rig.restart(1, {
        let mut again = config(1);
        again.connect = vec!["s0:1".parse().unwrap()];
        again
    });
    rig.rest();
    for node in 1..4 {
        assert_eq!(
            channels(rig.nodes[node].server.snapshot()),
            channels(rig.nodes[0].server.snapshot()),
            "server {node}"
        );
    }
}

#[test]
fn an_empty_channel_ends_and_begins_anew() {
    let mut rig = Rig::new(6);
    let raws = line(&mut rig);
    rig.say(raws[0], &sets(100, "#reef", ChannelField::TOPIC, "corals"));
    rig.say(raws[0], &sets(100, "#reef", ChannelField::KEY, "pearl"));
    rig.rest();
    rig.say(raws[0], &parts(100, "#reef", "bye"));
    rig.say(raws[1], &quit(101, "bye"));
    rig.say(raws[2], &parts(102, "#reef", ""));
    rig.rest();
    for node in 0..3 {
        assert_eq!(channels(rig.nodes[node].server.snapshot()), [""; 0]);
    }
    rig.say(raws[2], &joins(102, "#Reef", ""));
    rig.rest();
    for node in 0..3 {
        let snapshot = rig.nodes[node].server.snapshot();
        let channel = snapshot.channels().find("#reef").unwrap();
        assert_eq!((channel.topic(), channel.key()), ("", ""));
        assert_eq!(channel.name(), "#Reef");
        assert!(channel.member(id(102)).unwrap().operator);
    }
}

#[test]
fn original_clients_and_those_without_channels_hear_nothing_of_them() {
    let mut rig = Rig::new(7);
    let raws = line(&mut rig);
    let original = rig.client(1, 300);
    let plain = rig.our_client(1, 301);
    rig.rest();
    rig.heard(original);
    rig.heard(plain);
    rig.say(raws[0], &says(100, "#reef", "hello"));
    rig.say(raws[1], &parts(101, "#reef", ""));
    rig.rest();
    assert_eq!(rig.heard(original), []);
    assert_eq!(rig.heard(plain), []);
    rig.say(raws[0], &chat(100, 300, "you there?"));
    rig.rest();
    assert_eq!(rig.heard(original), [chat(100, 300, "you there?")]);
}

#[test]
fn nothing_of_channels_goes_to_an_original_server() {
    let mut rig = Rig::new(8);
    let raws = line(&mut rig);
    let original = rig.connect(1);
    rig.say(
        original,
        &registration(Kind::Server, 50, None, "an original"),
    );
    rig.rest();
    rig.say(
        original,
        &registration(Kind::Client, 500, Some(50), "behind it"),
    );
    rig.rest();
    rig.heard(original);
    rig.say(raws[0], &says(100, "#reef", "hello"));
    rig.say(raws[0], &sets(100, "#reef", ChannelField::TOPIC, "corals"));
    rig.say(
        raws[0],
        &request(100, 500, RequestKind::NOTICE, "", "a word"),
    );
    rig.say(
        raws[0],
        &request(100, 500, RequestKind::INVITE, "#reef", ""),
    );
    rig.say(original, &joins(500, "#reef", ""));
    rig.say(original, &member(500, 0, true, "#reef"));
    rig.rest();
    assert_eq!(
        rig.heard(original),
        [chat(100, 500, "a word")],
        "a notice becomes a chat for those who know no better"
    );
    let members = &channels(rig.nodes[1].server.snapshot())[0];
    assert!(!members.contains("HostId(500)"), "{members}");
}

#[test]
fn a_server_is_believed_of_its_own_side_only() {
    let mut rig = Rig::new(9);
    let raws = line(&mut rig);
    let liar = rig.connect(1);
    rig.introduce_ours(liar, 60, "a=10.0.0.1:1;r=9;f=server-quit,channels");
    rig.soon();
    let before = channels(rig.nodes[0].server.snapshot());
    rig.say(liar, &member(100, 0, false, "#reef"));
    rig.say(liar, &member(102, 0, true, "#lagoon"));
    rig.say(liar, &member(777, 0, true, "#lagoon"));
    rig.say(liar, &member(60, 0, true, "#reef"));
    rig.say(liar, &parts(101, "#reef", "gone"));
    rig.say(liar, &says(102, "#reef", "never said"));
    rig.say(
        liar,
        &request(100, 101, RequestKind::KICK, "#reef", "never asked"),
    );
    rig.heard(raws[0]);
    rig.soon();
    assert_eq!(heard(&mut rig, raws[0]), []);
    for node in 0..3 {
        assert_eq!(channels(rig.nodes[node].server.snapshot()), before);
    }
    assert!(!rig.raws[liar].ended, "between servers it may be a race");
}

#[test]
fn a_setting_that_comes_before_any_member_is_remembered() {
    let mut rig = Rig::new(10);
    let node = rig.server(None);
    let far = rig.connect(node);
    rig.introduce_ours(far, 60, "a=10.0.0.1:1;r=9;f=server-quit,channels");
    rig.say(far, &registration(Kind::Client, 600, Some(60), "info"));
    let topic = Message::ChannelSetting(ChannelSetting {
        source: HostId::new(601),
        version: 5,
        field: ChannelField::TOPIC,
        channel: name("#reef"),
        value: text("corals"),
    });
    rig.say(far, &topic);
    rig.soon();
    rig.heard(far);
    assert!(rig.nodes[node].server.snapshot().channels().is_empty());
    rig.say(far, &member(600, 0, false, "#reef"));
    rig.soon();
    let snapshot = rig.nodes[node].server.snapshot();
    assert_eq!(snapshot.channels().find("#reef").unwrap().topic(), "corals");
    assert_eq!(heard(&mut rig, far), [topic], "it is told again");
}

#[derive(Debug, Clone)]
enum Step {
    Server {
        parent: usize,
    },
    Client {
        server: usize,
    },
    Join {
        client: usize,
        channel: usize,
    },
    Part {
        client: usize,
        channel: usize,
    },
    Quit {
        client: usize,
    },
    Set {
        client: usize,
        channel: usize,
        field: u8,
        value: u8,
    },
    Ask {
        client: usize,
        other: usize,
        channel: usize,
        kind: u8,
    },
    Kill {
        server: usize,
    },
    Restart {
        server: usize,
    },
    Wait {
        millis: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let any = any::<usize>;
    prop_oneof![
        2 => any().prop_map(|parent| Step::Server { parent }),
        4 => any().prop_map(|server| Step::Client { server }),
        8 => (any(), any()).prop_map(|(client, channel)| Step::Join { client, channel }),
        4 => (any(), any()).prop_map(|(client, channel)| Step::Part { client, channel }),
        1 => any().prop_map(|client| Step::Quit { client }),
        6 => (any(), any(), 0u8..6, 0u8..4)
            .prop_map(|(client, channel, field, value)| Step::Set { client, channel, field, value }),
        4 => (any(), any(), any(), 2u8..7)
            .prop_map(|(client, other, channel, kind)| Step::Ask { client, other, channel, kind }),
        1 => any().prop_map(|server| Step::Kill { server }),
        1 => any().prop_map(|server| Step::Restart { server }),
        3 => (0u64..40).prop_map(|millis| Step::Wait { millis }),
    ]
}

fn network(seed: u64, steps: &[Step]) -> Rig {
    const CHANNELS: [&str; 3] = ["#reef", "#Reef", "#lagoon"];
    let mut rig = Rig::new(seed);
    rig.server(None);
    rig.server(Some(0));
    rig.rest();
    let mut clients: Vec<(usize, u32)> = Vec::new();
    let mut connects = vec![None, Some(0)];
    for step in steps {
        let pick = |client: usize| (!clients.is_empty()).then(|| clients[client % clients.len()]);
        let channel = |channel: usize| CHANNELS[channel % CHANNELS.len()];
        match *step {
            Step::Server { parent } if rig.nodes.len() < 6 => {
                let parent = parent % rig.nodes.len();
                connects.push(Some(parent));
                rig.server(Some(parent));
            }
            Step::Client { server } => {
                let server = server % rig.nodes.len();
                if rig.nodes[server].alive {
                    let id = 100 + clients.len() as u32;
                    let raw = client(&mut rig, server, id);
                    clients.push((raw, id));
                }
            }
            Step::Join { client, channel: c } => {
                if let Some((raw, id)) = pick(client) {
                    rig.say(raw, &joins(id, channel(c), ""));
                }
            }
            Step::Part { client, channel: c } => {
                if let Some((raw, id)) = pick(client) {
                    rig.say(raw, &parts(id, channel(c), ""));
                }
            }
            Step::Quit { client } => {
                if let Some((raw, id)) = pick(client) {
                    rig.say(raw, &quit(id, ""));
                }
            }
            Step::Set {
                client,
                channel: c,
                field,
                value,
            } => {
                if let Some((raw, id)) = pick(client) {
                    // A key that all know, or nobody would get in any more.
                    let field = if field == 1 { 0 } else { field };
                    let value = ["", "n", "4", "nt"][usize::from(value)];
                    rig.say(raw, &sets(id, channel(c), ChannelField(field), value));
                }
            }
            Step::Ask {
                client,
                other,
                channel: c,
                kind,
            } => {
                if let (Some((raw, id)), Some((_, other))) = (pick(client), pick(other)) {
                    rig.say(
                        raw,
                        &request(id, other, RequestKind(kind), channel(c), "why"),
                    );
                }
            }
            Step::Kill { server } => {
                let server = server % rig.nodes.len();
                if rig.nodes[server].alive {
                    rig.kill(server);
                }
            }
            Step::Restart { server } => {
                let server = server % rig.nodes.len();
                if !rig.nodes[server].alive {
                    let mut again = config(server);
                    let parent = connects[server].map(|parent| format!("s{parent}:1"));
                    again.connect = parent.into_iter().map(|at| at.parse().unwrap()).collect();
                    rig.restart(server, again);
                }
            }
            Step::Wait { millis } => rig.run(Duration::from_millis(millis)),
            Step::Server { .. } => {}
        }
    }
    rig.rest();
    rig
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn at_rest_all_servers_agree(
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 1..60)
    ) {
        let rig = network(seed, &steps);
        let alive: Vec<_> = (0..rig.nodes.len()).filter(|node| rig.nodes[*node].alive).collect();
        for &one in &alive {
            let snapshot = rig.nodes[one].server.snapshot();
            for &other in &alive {
                let there = rig.nodes[other].server.snapshot();
                if snapshot.directory().find(there.id()).is_some() {
                    prop_assert_eq!(channels(snapshot), channels(there));
                }
            }
        }
    }
}

#[test]
fn who_invites_to_no_channel_is_not_heard() {
    let mut rig = Rig::new(10);
    let [first, second, _] = line(&mut rig);
    rig.heard(first);
    rig.heard(second);
    for destination in [100, 101] {
        rig.say(
            first,
            &request(100, destination, RequestKind::INVITE, "", ""),
        );
    }
    rig.rest();
    assert_eq!(rig.heard(second), []);
    assert_eq!(rig.heard(first), []);
}
