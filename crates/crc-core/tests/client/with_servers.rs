//! Client machines in channels, with server machines instead of scripted answers.

use std::collections::BTreeMap;
use std::time::Duration;

use crc_core::{
    ChannelRank, Client, ClientCommand, ClientConfig, ClientNotice, ClientSendError, DialId,
    Effect, Endpoints, Event, LinkDown, LinkId, Machine, Origin, Outbox, Unsent, UserRequest,
};
use crc_wire::{ChannelField, RequestKind};

use crate::fixture::{Fixture as ScriptedFixture, config as scripted_config};
use crate::network_fixture::{Fixture, Kind, id, registration, status};

#[path = "people.rs"]
mod people;

/// A client machine on a peer connection of the fixture.
struct TestClient {
    client: Client,
    peer: usize,
    link: LinkId,
    links: u32,
    dial: Option<DialId>,
    notices: Vec<String>,
}

impl TestClient {
    fn new(fixture: &mut Fixture, node: usize, number: u32, name: &str) -> TestClient {
        let mut config = ClientConfig::new("s:1".parse().unwrap(), name, "", number.into());
        config.id = Some(id(number));
        let mut client = TestClient {
            client: Client::new(config).unwrap(),
            peer: usize::MAX,
            link: LinkId::new(0, 0),
            links: 0,
            dial: None,
            notices: Vec::new(),
        };
        client.handle(fixture, Event::Command(ClientCommand::Start));
        client.connect(fixture, node);
        client
    }

    fn connect(&mut self, fixture: &mut Fixture, node: usize) {
        self.peer = fixture.connect(node);
        self.links += 1;
        self.link = LinkId::new(0, self.links);
        let dial = self.dial.take().unwrap();
        let address = "127.0.0.1:1000".parse().unwrap();
        let endpoints = Endpoints {
            peer: address,
            local: address,
        };
        let (link, origin) = (self.link, Origin::Dialed { dial });
        self.handle(
            fixture,
            Event::LinkUp {
                link,
                origin,
                endpoints,
                security: None,
            },
        );
    }

    /// Cuts the connection, and makes a new one when the client dials.
    fn reconnect(&mut self, fixture: &mut Fixture, node: usize) {
        fixture.close_peer(self.peer);
        fixture.run(Duration::from_millis(100));
        let (link, why, unsent) = (self.link, LinkDown::PeerClosed, Unsent::default());
        self.handle(fixture, Event::LinkDown { link, why, unsent });
        let due = self.client.deadline().unwrap();
        fixture.run(due.since(fixture.now()));
        self.handle(fixture, Event::Tick);
        self.connect(fixture, node);
    }

    fn command(&mut self, fixture: &mut Fixture, command: ClientCommand) {
        self.handle(fixture, Event::Command(command));
    }

    fn join(&mut self, fixture: &mut Fixture, channel: &str, key: &str) {
        let (channel, key) = (channel.into(), key.into());
        self.command(fixture, ClientCommand::Join { channel, key });
    }

    fn send_chat(&mut self, fixture: &mut Fixture, channel: &str, text: &str) {
        let (channel, text) = (channel.into(), text.into());
        self.command(fixture, ClientCommand::SendChannelChat { channel, text });
    }

    fn handle(&mut self, fixture: &mut Fixture, event: Event<'_, ClientCommand>) {
        let mut out = Outbox::new();
        self.client.handle(fixture.now(), event, &mut out);
        for effect in out.effects() {
            match effect {
                Effect::Send { range, .. } => fixture.send(self.peer, out.bytes(*range)),
                Effect::Dial { dial, .. } => self.dial = Some(*dial),
                Effect::Notice(notice) => self.notices.extend(describe(notice)),
                _ => {}
            }
        }
    }

    fn receive(&mut self, fixture: &mut Fixture) -> bool {
        let bytes = std::mem::take(&mut fixture.peers[self.peer].bytes);
        let (link, received) = (self.link, !bytes.is_empty());
        if received {
            let bytes = &bytes;
            self.handle(fixture, Event::Bytes { link, bytes });
        }
        received
    }

    #[track_caller]
    fn expect(&mut self, notices: &[&str]) {
        assert_eq!(std::mem::take(&mut self.notices), notices);
    }
}

/// A notice about channels as a short text.
fn describe(notice: &ClientNotice) -> Option<String> {
    let by = |by: &Option<crc_core::HostRef>| match by {
        Some(by) => format!(" by {}", by.name.as_deref().unwrap_or("?")),
        None => String::new(),
    };
    let member = |member: &crc_core::ChannelMember| {
        let sign = if member.flags.operator { "@" } else { "" };
        format!("{sign}{}", member.client.name.as_deref().unwrap_or("?"))
    };
    Some(match notice {
        ClientNotice::ChannelEntered {
            channel,
            members,
            topic,
            rejoined,
        } => {
            let members: Vec<String> = members.iter().map(member).collect();
            let again = if *rejoined { "again " } else { "" };
            format!("{again}in {channel} ({topic}): {}", members.join(" "))
        }
        ClientNotice::ChannelJoined {
            channel,
            member: it,
        } => {
            format!("{channel}: {} joins", member(it))
        }
        ClientNotice::ChannelLeft {
            channel,
            client: member,
            by: kicker,
            text,
        } => {
            let member = member.name.as_deref().unwrap_or("?");
            format!("{channel}: {member} leaves{}: {text}", by(kicker))
        }
        ClientNotice::ChannelFlags {
            channel,
            member: it,
            by: giver,
        } => format!("{channel}: now {}{}", member(it), by(giver)),
        ClientNotice::ChannelChat {
            channel,
            from,
            text,
            ..
        } => format!("{channel}: {}: {text}", from.name.as_deref().unwrap_or("?")),
        ClientNotice::ChannelSet {
            channel,
            field: ChannelField::TOPIC,
            value,
            by: setter,
        } => format!("{channel}: topic {value}{}", by(setter)),
        ClientNotice::ChannelRefused { channel, text, .. } => {
            format!("{}: no: {text}", channel.as_deref().unwrap_or("?"))
        }
        ClientNotice::ChannelNames { channel, names } => format!("{channel}: {names}"),
        ClientNotice::ChannelNotSent { channel, why } => format!("{channel}: not sent: {why}"),
        ClientNotice::Left { name, .. } => format!("{name} leaves"),
        ClientNotice::Notice { from, text } => {
            format!("notice of {}: {text}", from.name.as_deref().unwrap_or("?"))
        }
        ClientNotice::Invited { channel, by } => {
            format!("{channel}: {} invites", by.name.as_deref().unwrap_or("?"))
        }
        ClientNotice::Renamed { old, new, .. } => format!("{old} is now {new}"),
        ClientNotice::Away { client, text } => {
            format!("{} away: {text}", client.name.as_deref().unwrap_or("?"))
        }
        ClientNotice::User(user) => {
            let operator = if user.is_operator { " (operator)" } else { "" };
            let channels = user.channels.join(" ");
            format!("{}{operator} at {}: {channels}", user.name, user.server)
        }
        ClientNotice::ChannelList { channels, rest } => {
            let channels = channels
                .iter()
                .map(|it| format!("{} {} {}", it.channel, it.member_count, it.topic));
            format!("{rest:?}: {}", channels.collect::<Vec<_>>().join(", "))
        }
        ClientNotice::RequestRefused { request, text } => format!("{request}: no: {text}"),
        ClientNotice::RequestNotSent { request, why } => format!("{request}: not sent: {why}"),
        ClientNotice::FrameDropped { why } => format!("dropped: {why}"),
        _ => return None,
    })
}

/// Runs until every message has arrived at the servers and at the clients.
fn settle(fixture: &mut Fixture, clients: &mut [&mut TestClient]) {
    loop {
        fixture.soon();
        let received = clients.iter_mut().map(|client| client.receive(fixture));
        if received.filter(|received| *received).count() == 0 {
            return;
        }
    }
}

/// Two linked servers, Ann at one, Bob at the other.
fn two(seed: u64) -> (Fixture, TestClient, TestClient) {
    let mut fixture = Fixture::new(seed);
    fixture.server(None);
    fixture.server(Some(0));
    fixture.rest();
    let mut ann = TestClient::new(&mut fixture, 0, 101, "ann");
    let mut bob = TestClient::new(&mut fixture, 1, 102, "bob");
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    ann.expect(&[]);
    bob.expect(&[]);
    (fixture, ann, bob)
}

#[test]
fn two_clients_on_two_servers_chat_in_a_channel() {
    let (mut fixture, mut ann, mut bob) = two(5);
    ann.join(&mut fixture, "#Reef", "");
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    ann.expect(&["in #Reef (): @ann"]);
    let (channel, topic) = ("#reef".into(), "tide".into());
    ann.command(&mut fixture, ClientCommand::SetTopic { channel, topic });
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    ann.expect(&["#Reef: topic tide by ann"]);

    bob.join(&mut fixture, "#reef", "");
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    ann.expect(&["#Reef: bob joins"]);
    bob.expect(&["in #Reef (tide): @ann bob"]);

    ann.send_chat(&mut fixture, "#reef", "Hello over there!");
    bob.send_chat(&mut fixture, "#REEF", "Grüße");
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    ann.expect(&["#Reef: bob: Grüße"]);
    bob.expect(&["#Reef: ann: Hello over there!"]);

    let channel = "#reef".into();
    bob.command(&mut fixture, ClientCommand::Names { channel });
    let (channel, text) = ("#reef".into(), "bye".into());
    bob.command(&mut fixture, ClientCommand::Part { channel, text });
    bob.send_chat(&mut fixture, "#reef", "still here?");
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    ann.expect(&["#Reef: bob leaves: bye"]);
    bob.expect(&[
        "#Reef: ann bob",
        "#Reef: bob leaves: bye",
        "#reef: no: you are not in it",
    ]);
    assert_eq!(bob.client.channels().count(), 0);
    assert_eq!(ann.client.channel("#reef").unwrap().members().len(), 1);
}

#[test]
fn members_are_ranked_kicked_and_invited() {
    let (mut fixture, mut ann, mut bob) = two(5);
    let (reef, bob_id) = (|| "#reef".to_owned(), id(102));
    ann.join(&mut fixture, "#reef", "");
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    ann.expect(&["in #reef (): @ann"]);
    let invitation = ClientCommand::Invite {
        channel: reef(),
        client: bob_id,
    };
    ann.command(&mut fixture, invitation);
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    bob.expect(&["#reef: ann invites"]);
    let modes = ClientCommand::SetChannel {
        channel: reef(),
        field: ChannelField::MODES,
        value: "im".into(),
    };
    ann.command(&mut fixture, modes);
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    assert_eq!(ann.client.channel("#reef").unwrap().modes(), "im");
    bob.join(&mut fixture, "#reef", "");
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    bob.expect(&["in #reef (): @ann bob"]);
    ann.expect(&["#reef: bob joins"]);

    let rank = |rank, is_given| ClientCommand::SetRank {
        channel: reef(),
        client: bob_id,
        rank,
        is_given,
    };
    for (command, told) in [
        (rank(ChannelRank::Operator, true), "#reef: now @bob by ann"),
        (rank(ChannelRank::Operator, false), "#reef: now bob by ann"),
        (rank(ChannelRank::Voice, true), "#reef: now bob by ann"),
    ] {
        ann.command(&mut fixture, command);
        settle(&mut fixture, &mut [&mut ann, &mut bob]);
        ann.expect(&[told]);
        bob.expect(&[told]);
    }
    let flags = ann.client.channel("#reef").unwrap().member(bob_id).unwrap();
    assert!(flags.voice && !flags.operator);
    // A member that is no operator may not.
    bob.command(&mut fixture, rank(ChannelRank::Operator, true));
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    bob.expect(&["#reef: no: only its operators may do this"]);
    let kick = ClientCommand::Kick {
        channel: reef(),
        client: bob_id,
        reason: "loud".into(),
    };
    ann.command(&mut fixture, kick);
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    ann.expect(&["#reef: bob leaves by ann: loud"]);
    bob.expect(&["#reef: bob leaves by ann: loud"]);
    assert_eq!(bob.client.channels().count(), 0);
}

#[test]
fn notices_are_told_from_chats() {
    let (mut fixture, mut ann, mut bob) = two(5);
    let notice = |to| ClientCommand::SendNotice {
        to: id(to),
        text: "tide is low".into(),
    };
    ann.command(&mut fixture, notice(102));
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    bob.expect(&["notice of ann: tide is low"]);
    // A client that has not said that it takes notices gets a chat.
    let old = fixture.client(1, 103);
    fixture.run(Duration::from_millis(100));
    ann.command(&mut fixture, notice(103));
    fixture.run(Duration::from_secs(1));
    let received = fixture.received(old);
    assert!(
        received.iter().any(|message| matches!(
            message,
            crc_wire::Message::ClientChat(chat) if chat.text.as_str() == "tide is low"
        )),
        "{received:?}"
    );
    // In a channel they have a kind of their own.
    for client in [&mut ann, &mut bob] {
        client.join(&mut fixture, "#reef", "");
    }
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    let command = ClientCommand::SendChannelNotice {
        channel: "#reef".into(),
        text: "hear".into(),
    };
    ann.command(&mut fixture, command);
    bob.notices.clear();
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    bob.expect(&["#reef: ann: hear"]);
}

#[test]
fn a_key_keeps_others_out_and_its_holder_rejoins() {
    let (mut fixture, mut ann, mut bob) = two(5);
    ann.join(&mut fixture, "#cave", "kelp");
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    bob.join(&mut fixture, "#cave", "guess");
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    bob.expect(&["#cave: no: wrong key"]);
    bob.join(&mut fixture, "#cave", "kelp");
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    bob.expect(&["in #cave (): @ann bob"]);
    ann.expect(&["in #cave (): @ann", "#cave: bob joins"]);

    bob.reconnect(&mut fixture, 1);
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    bob.expect(&["again in #cave (): @ann bob"]);
    ann.expect(&["bob leaves", "#cave: bob joins"]);
}

#[test]
fn a_channel_is_not_created_with_an_invalid_key() {
    let (mut fixture, mut ann, mut bob) = two(5);
    for key in ["two words", "a,b", ":a", "\u{7}", &"k".repeat(10_000)] {
        ann.join(&mut fixture, "#cave", key);
        settle(&mut fixture, &mut [&mut ann, &mut bob]);
        ann.expect(&["#cave: no: no channel can have this key"]);
        let snapshot = fixture.nodes[0].server.snapshot();
        assert!(snapshot.channels().is_empty());
    }
    ann.join(&mut fixture, "#cave", "");
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    ann.expect(&["in #cave (): @ann"]);
}

#[test]
fn clients_and_servers_agree_on_memberships_after_random_joins_and_parts() {
    let known: usize = (0..20).map(join_and_part_at_random).sum();
    assert!(known > 0, "at least one membership is left");
}

/// Three clients join and leave at random; returns the number of memberships at the end.
fn join_and_part_at_random(seed: u64) -> usize {
    let (mut fixture, mut ann, mut bob) = two(seed);
    let mut carol = TestClient::new(&mut fixture, 1, 103, "carol");
    settle(&mut fixture, &mut [&mut ann, &mut bob, &mut carol]);
    for round in 0..200 {
        let clients = [&mut ann, &mut bob, &mut carol];
        let member = clients
            .into_iter()
            .nth(fixture.random.below(3) as usize)
            .unwrap();
        let channel = ["#a", "#b", "#C"][fixture.random.below(3) as usize].to_owned();
        match fixture.random.below(8) {
            0..=2 => member.join(&mut fixture, &channel, ""),
            3..=4 => {
                let text = String::new();
                member.command(&mut fixture, ClientCommand::Part { channel, text });
            }
            5 => {
                let topic = round.to_string();
                member.command(&mut fixture, ClientCommand::SetTopic { channel, topic });
            }
            6 if round % 5 == 0 => {
                let node = usize::from(member.client.id() != id(101));
                member.reconnect(&mut fixture, node);
            }
            _ => settle(&mut fixture, &mut [&mut ann, &mut bob, &mut carol]),
        }
    }
    fixture.run(Duration::from_secs(5));
    settle(&mut fixture, &mut [&mut ann, &mut bob, &mut carol]);
    let mut known = 0;
    for (client, node) in [(&ann, 0), (&bob, 1), (&carol, 1)] {
        let snapshot = fixture.nodes[node].server.snapshot();
        let channels = snapshot.channels();
        let server_view: BTreeMap<_, _> = channels
            .of(client.client.id())
            .map(|channel| {
                (
                    channel.name(),
                    (channel.topic(), channel.members().collect()),
                )
            })
            .collect();
        let client_view: BTreeMap<_, (_, Vec<_>)> = client
            .client
            .channels()
            .map(|channel| {
                (
                    channel.name(),
                    (channel.topic(), channel.members().collect()),
                )
            })
            .collect();
        assert_eq!(client_view, server_view);
        known += client_view.len();
        assert!(
            !client
                .notices
                .iter()
                .any(|words| words.starts_with("dropped"))
        );
    }
    known
}

#[test]
fn a_renamed_client_stays_in_its_channels() {
    let (mut fixture, mut ann, mut bob) = two(5);
    // A server with channels that has a client of its own.
    let peer = fixture.connect(0);
    fixture.introduce_v2(peer, 77, "r=5;f=server-quit,channels");
    fixture.send_message(peer, &registration(Kind::Client, 701, Some(77), "tea"));
    fixture.soon();
    ann.join(&mut fixture, "#reef", "");
    bob.join(&mut fixture, "#reef", "");
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    let join = crc_wire::ChannelJoin {
        source: id(701),
        by: None,
        flags: crc_wire::MemberFlags::default(),
        channel: crc_wire::ChannelName::new("#reef").unwrap(),
    };
    fixture.send_message(peer, &crc_wire::Message::ChannelJoin(join));
    fixture.soon();
    let renamed = crc_wire::Registration {
        source: id(701),
        last_hop: Some(id(77)),
        name: crc_wire::Name::truncated("robert"),
        info: crc_wire::Info::truncated("tea"),
    };
    fixture.send_message(peer, &crc_wire::Message::ClientRegistration(renamed));
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    for client in [&mut ann, &mut bob] {
        let notices = client.notices.split_off(client.notices.len() - 2);
        assert_eq!(notices, ["#reef: host701 joins", "host701 is now robert"]);
        let channel = client.client.channel("#reef").unwrap();
        assert!(channel.member(id(701)).is_some());
    }
    fixture.close_peer(peer);
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    for client in [&mut ann, &mut bob] {
        assert_eq!(client.notices.last().unwrap(), "robert leaves");
        let channel = client.client.channel("#reef").unwrap();
        assert!(channel.member(id(701)).is_none());
    }
}

#[test]
fn a_server_answers_pings() {
    let (mut fixture, mut ann, mut bob) = two(5);
    let pinged = |fixture: &Fixture, client: &TestClient| {
        let due = client.client.deadline().unwrap();
        due.since(fixture.now())
    };
    for _ in 0..10 {
        let wait = pinged(&fixture, &ann);
        assert!(wait <= Duration::from_secs(15), "{wait:?}");
        fixture.run(wait);
        ann.handle(&mut fixture, Event::Tick);
        settle(&mut fixture, &mut [&mut ann, &mut bob]);
        // It was heard just now.
        let wait = pinged(&fixture, &ann);
        assert!(wait > Duration::from_secs(14), "{wait:?}");
    }
    ann.expect(&[]);
    assert!(ann.client.is_settled());
}
