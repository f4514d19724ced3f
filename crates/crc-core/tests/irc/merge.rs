//! Two parts of a network that have a channel of the same name each: what stands when
//! they meet, and who gets a rank while they are apart.

use super::*;
use crc_core::Event;
use crc_wire::{DatedJoin, DatedSetting, MemberFlags};

const HOUR_MS: u64 = 3_600_000;
const START_MS: u64 = 1_700_000_000_000;

impl Net {
    /// Servers that are not linked, each with its own clock.
    fn apart(clocks: &[u64]) -> Net {
        let mut fixture = Fixture::new(11);
        for (number, clock) in clocks.iter().enumerate() {
            let mut config = config(number);
            config.text_listeners = vec![(IRC, TextProtocol::Irc), (LEGACY, TextProtocol::Legacy)];
            config.started_at_unix_ms = *clock;
            config.limits.irc_lines_per_second = 0;
            fixture.server_with(config);
        }
        let mut net = Net { fixture };
        net.pass(1);
        net
    }

    /// Two linked servers, with ann at the first one and bob at the other.
    fn pair() -> (Net, usize, usize) {
        let mut net = Net::apart(&[START_MS; 2]);
        net.link(1, 0);
        let (ann, bob) = (net.user(0, "ann"), net.user(1, "bob"));
        (net, ann, bob)
    }

    /// A server with a configured uplink.
    fn leaf(&mut self, node: usize, uplink: &str) {
        let mut leaf = config(node);
        leaf.text_listeners = vec![(IRC, TextProtocol::Irc)];
        leaf.connect = vec![format!("{uplink}:1").parse().unwrap()];
        self.fixture.server_with(leaf);
    }

    fn pass(&mut self, seconds: u64) {
        self.fixture.run(Duration::from_secs(seconds));
    }

    /// A server links to another one.
    fn link(&mut self, child: usize, parent: usize) {
        let candidates = vec![format!("s{parent}:1").parse().unwrap()];
        let event = Event::Command(ServerCommand::Candidates(candidates));
        self.fixture.handle(child, event);
        self.pass(3);
        let known = self.fixture.known(child);
        assert!(known.contains_key(&(parent as u32 + 1)), "{known:?}");
    }

    fn topic(&self, node: usize, channel: &str) -> String {
        let snapshot = self.fixture.nodes[node].server.snapshot();
        snapshot
            .channels()
            .find(channel)
            .unwrap()
            .topic()
            .to_owned()
    }

    /// Passes a long time, in which users answer pings.
    fn stay(&mut self, users: &[usize], minutes: u64) {
        for _ in 0..minutes {
            self.pass(60);
            for user in users {
                self.send_line(*user, "PONG x");
            }
        }
    }

    /// The answer to a line, after all that came before.
    fn answer(&mut self, user: usize, line: &str) -> Vec<String> {
        self.discard(&[user]);
        self.request(user, line)
    }

    fn modes(&mut self, user: usize, channel: &str) -> String {
        let answer = self.answer(user, &format!("MODE {channel}"));
        let (_, modes) = answer[0].rsplit_once(&format!("{channel} ")).unwrap();
        modes.to_owned()
    }

    fn names(&mut self, user: usize, channel: &str) -> String {
        let answer = self.answer(user, &format!("NAMES {channel}"));
        let (_, names) = answer[0].rsplit_once(':').unwrap();
        let mut names: Vec<_> = names.split(' ').collect();
        names.sort_unstable();
        names.join(" ")
    }
}

/// Founds `#reef` at two servers, a minute apart; the first one is set by its founder.
fn two_channels(clocks: &[u64; 2], first: usize) -> (Net, [usize; 2]) {
    let mut net = Net::apart(clocks);
    let users = [net.user(0, "ann"), net.user(1, "bob")];
    let (older, younger) = (users[first], users[1 - first]);
    net.request(older, "JOIN #reef");
    net.request(older, "MODE #reef +kl-t pearl 9");
    net.request(older, "MODE #reef +b shark!*@*");
    net.request(older, "TOPIC #reef :old");
    net.pass(60);
    net.request(younger, "JOIN #reef");
    net.request(younger, "MODE #reef +im");
    net.request(younger, "MODE #reef +b *!*@*");
    net.request(younger, "TOPIC #reef :young");
    (net, users)
}

#[test]
fn the_older_channel_stands_whole_whoever_links_to_whom() {
    for (first, child) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let (mut net, users) = two_channels(&[START_MS; 2], first);
        let (older, younger) = (users[first], users[1 - first]);
        net.link(child, 1 - child);
        let nicks = ["ann", "bob"];
        let (old, young) = (nicks[first], nicks[1 - first]);
        let received = net.read_lines(younger);
        let server = 1 - first;
        for line in [
            format!(":server{server} MODE #reef -o {young}"),
            format!(":server{server} MODE #reef -b *!*@*"),
        ] {
            assert!(received.contains(&line), "{line} is not in {received:#?}");
        }
        let received = net.read_lines(older);
        assert!(
            !received.iter().any(|line| line.contains(" MODE ")),
            "the older side sees the others enter, and nothing else: {received:#?}"
        );
        for user in users {
            let names = net.names(user, "#reef");
            assert!(names.contains(&format!("@{old}")), "{names}");
            assert!(!names.contains(&format!("@{young}")), "{names}");
            assert_eq!(net.modes(user, "#reef"), "+nkl pearl 9");
            let bans = net.request(user, "MODE #reef b");
            assert!(bans[0].contains("shark!*@*") && bans.len() == 2, "{bans:?}");
        }
        assert_eq!(
            [net.topic(0, "#reef"), net.topic(1, "#reef")],
            ["old", "old"]
        );
        let refused = net.answer(younger, "MODE #reef +m");
        assert!(refused[0].contains(" 482 "), "{refused:?}");
    }
}

#[test]
fn legacy_users_are_told_that_the_younger_topic_is_void() {
    let mut net = Net::apart(&[START_MS; 2]);
    let ann = net.user(0, "ann");
    net.request(ann, "JOIN #reef");
    net.pass(60);
    let bob = net.fixture.connect_at(1, LEGACY);
    net.send_line(bob, "USER bob host server :Bob");
    net.send_line(bob, "JOIN #reef");
    net.send_line(bob, "TOPIC #reef :young");
    net.read_lines(bob);
    net.link(1, 0);
    net.expect_lines(bob, &[":server1 331 #reef :No topic is set"]);
}

#[test]
fn no_clock_that_is_wrong_wins() {
    for (first, child) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        for clocks in [
            [START_MS, START_MS + HOUR_MS],
            [START_MS + HOUR_MS, START_MS],
            [START_MS, 0],
            [0, START_MS],
        ] {
            let (mut net, users) = two_channels(&clocks, first);
            net.link(child, 1 - child);
            let topics = [net.topic(0, "#reef"), net.topic(1, "#reef")];
            assert_eq!(topics, ["old", "old"], "{first} {child} {clocks:?}");
            // And later settings are later, on whichever side they are made.
            net.request(users[1 - first], "TOPIC #reef :next");
            net.pass(1);
            net.request(users[first], "TOPIC #reef :last");
            net.pass(1);
            assert_eq!(
                [net.topic(0, "#reef"), net.topic(1, "#reef")],
                ["last", "last"],
                "{first} {child} {clocks:?}"
            );
        }
    }
}

#[test]
fn clocks_of_a_whole_tree_follow_the_new_root() {
    let hour = START_MS + HOUR_MS;
    let mut net = Net::apart(&[START_MS, hour, hour, hour]);
    net.link(2, 1);
    net.link(3, 2);
    let users: Vec<_> = (0..4)
        .map(|node| net.user(node, &format!("u{node}")))
        .collect();
    net.request(users[3], "JOIN #deep");
    net.request(users[3], "TOPIC #deep :old");
    net.pass(60);
    net.request(users[0], "JOIN #deep");
    net.request(users[0], "TOPIC #deep :young");
    net.link(1, 0);
    net.pass(3);
    for node in 0..4 {
        assert_eq!(net.topic(node, "#deep"), "old", "at server {node}");
    }
    net.request(users[3], "MODE #deep -t");
    net.request(users[0], "TOPIC #deep :last");
    net.pass(1);
    for node in 0..4 {
        assert_eq!(net.topic(node, "#deep"), "last", "at server {node}");
    }
}

#[test]
fn a_server_gives_no_rank_before_it_is_linked() {
    let mut net = Net::apart(&[START_MS]);
    let ann = net.user(0, "ann");
    net.request(ann, "JOIN #reef");
    net.request(ann, "MODE #reef +k pearl");
    net.fixture.kill(0);
    // A leaf, whose uplink is away.
    net.leaf(1, "s0");
    let bob = net.user(1, "bob");
    net.request(bob, "JOIN #reef");
    assert_eq!(net.names(bob, "#reef"), "bob");
    let refused = net.answer(bob, "MODE #reef +m");
    assert!(refused[0].contains(" 482 "), "{refused:?}");
    // It waits for its time, and not for ever.
    net.pass(20);
    assert_eq!(net.names(bob, "#reef"), "bob");
    net.pass(15);
    let received = net.read_lines(bob);
    assert!(
        received.contains(&":server1 MODE #reef +o bob".into()),
        "{received:?}"
    );
    assert_eq!(net.names(bob, "#reef"), "@bob");
}

#[test]
fn a_founder_gets_its_rank_when_the_server_is_linked_unless_an_older_channel_exists() {
    let mut net = Net::apart(&[START_MS]);
    let ann = net.user(0, "ann");
    net.request(ann, "JOIN #old");
    net.fixture.listen_peer("away");
    net.leaf(1, "away");
    let bob = net.user(1, "bob");
    net.request(bob, "JOIN #old");
    net.request(bob, "JOIN #new");
    assert_eq!(net.names(bob, "#new"), "bob");
    // Its configured uplink is silent; a directory finds another server.
    let away = net.fixture.newest("away");
    net.fixture.close_peer(away);
    net.link(1, 0);
    assert_eq!(net.names(bob, "#new"), "@bob");
    assert_eq!(net.names(bob, "#old"), "@ann bob");
}

#[test]
fn a_channel_that_lives_on_elsewhere_is_not_founded_anew() {
    let (mut net, ann, bob) = Net::pair();
    net.request(ann, "JOIN #reef");
    net.request(ann, "MODE #reef +k pearl");
    net.request(ann, "JOIN #open");
    net.fixture.kill(0);
    net.pass(3);
    let refused = net.answer(bob, "JOIN #reef");
    assert!(refused[0].contains(" 475 "), "{refused:?}");
    net.request(bob, "JOIN #reef pearl");
    assert_eq!(net.names(bob, "#reef"), "bob", "it enters, and has no rank");
    net.request(bob, "JOIN #open");
    net.pass(40);
    assert_eq!(net.names(bob, "#open"), "bob");
    // After ten minutes the server does not remember the channel.
    net.request(bob, "PART #open");
    net.stay(&[bob], 12);
    net.request(bob, "JOIN #open");
    assert_eq!(net.names(bob, "#open"), "@bob");
}

#[test]
fn a_lost_channel_stays_known_until_its_servers_have_sent_their_channels() {
    let (mut net, ann, bob) = Net::pair();
    net.request(bob, "JOIN #reef");
    net.fixture.kill(1);
    net.pass(1);
    // The server is back, and says so before it says who is in which channel.
    let peer = net.fixture.connect(0);
    net.fixture
        .introduce_v2(peer, 2, "r=1;f=server-quit,channels,channel-age");
    net.request(ann, "JOIN #reef");
    assert_eq!(net.names(ann, "#reef"), "ann");
    net.request(ann, "PART #reef");
    net.pass(31);
    net.request(ann, "JOIN #reef");
    assert_eq!(net.names(ann, "#reef"), "@ann");
}

#[test]
fn what_is_said_of_an_older_channel_without_members_lets_nobody_found_it_anew() {
    let (mut net, ann, bob) = Net::pair();
    net.request(ann, "JOIN #reef");
    net.request(ann, "MODE #reef +k pearl");
    net.fixture.kill(0);
    net.pass(1);
    let peer = net.fixture.connect(1);
    net.fixture
        .introduce_v2(peer, 77, "r=9;f=server-quit,channels,channel-age");
    for version in [0, START_MS] {
        let older = DatedSetting {
            source: None,
            version,
            founded: START_MS - HOUR_MS,
            tag: 5,
            field: ChannelField::TOPIC,
            channel: crc_wire::ChannelName::new("#reef").unwrap(),
            setter: crc_wire::Name::new("x").unwrap(),
            value: crc_wire::Text::new("old").unwrap(),
        };
        net.fixture
            .send_message(peer, &Message::DatedSetting(older));
        net.pass(1);
    }
    let refused = net.answer(bob, "JOIN #reef");
    assert!(refused[0].contains(" 475 "), "{refused:?}");
    net.request(bob, "JOIN #reef pearl");
    assert_eq!(net.names(bob, "#reef"), "bob", "it enters, and has no rank");
}

#[test]
fn a_lost_channel_is_not_founded_anew_once_a_member_of_an_older_one_has_left() {
    let (mut net, ann, bob) = Net::pair();
    net.request(ann, "JOIN #reef");
    net.fixture.kill(0);
    net.pass(1);
    let peer = net.fixture.connect(1);
    net.fixture
        .introduce_v2(peer, 77, "r=9;f=server-quit,channels,channel-age");
    let channel = crc_wire::ChannelName::new("#reef").unwrap();
    let join = DatedJoin {
        source: fixture::id(201),
        by: None,
        founded: START_MS - HOUR_MS,
        tag: 5,
        flags: MemberFlags::OPERATOR,
        channel: channel.clone(),
    };
    let part = crc_wire::ChannelPart {
        source: fixture::id(201),
        by: None,
        channel,
        text: crc_wire::Text::default(),
    };
    for message in [
        registration(Kind::Client, 201, Some(77), "info"),
        Message::DatedJoin(join),
        Message::ChannelPart(part),
    ] {
        net.fixture.send_message(peer, &message);
    }
    net.pass(1);
    net.request(bob, "JOIN #reef");
    net.pass(40);
    assert_eq!(net.names(bob, "#reef"), "bob", "ann may be there");
}

/// A server below has yet to shift its times. A version that is close to 0 stays a version.
#[test]
fn a_setting_of_any_version_counts_while_times_are_shifted() {
    let mut net = Net::apart(&[]);
    net.fixture.listen_peer("up");
    let mut leaf = config(0);
    leaf.connect = vec!["up:1".parse().unwrap()];
    leaf.started_at_unix_ms = START_MS;
    net.fixture.server_with(leaf);
    net.pass(1);
    let child = net.fixture.connect(0);
    net.fixture
        .introduce_v2(child, 88, "r=2;f=server-quit,channels,channel-age");
    let up = net.fixture.newest("up");
    let now_ms = START_MS - 3 * HOUR_MS;
    let machine = format!("r=0;t={now_ms};f=server-quit,channels,channel-age");
    net.fixture.introduce_v2(up, 77, &machine);
    let channel = crc_wire::ChannelName::new("#reef").unwrap();
    let join = DatedJoin {
        source: fixture::id(201),
        by: None,
        founded: START_MS,
        tag: 5,
        flags: MemberFlags::OPERATOR,
        channel: channel.clone(),
    };
    let registration = registration(Kind::Client, 201, Some(88), "info");
    net.fixture.send_message(child, &registration);
    net.fixture.send_message(child, &Message::DatedJoin(join));
    for (version, value) in [(0, "never"), (1, "a"), (HOUR_MS, "b")] {
        let setting = DatedSetting {
            source: None,
            version,
            founded: START_MS,
            tag: 5,
            field: ChannelField::TOPIC,
            channel: channel.clone(),
            setter: crc_wire::Name::new("x").unwrap(),
            value: crc_wire::Text::new(value).unwrap(),
        };
        net.fixture
            .send_message(child, &Message::DatedSetting(setting));
        net.fixture.soon();
        let topic = net.topic(0, "#reef");
        assert_eq!(topic, if version == 0 { "" } else { value }, "{version}");
    }
}

#[test]
fn a_channel_that_has_ended_everywhere_is_founded_anew() {
    let (mut net, ann, bob) = Net::pair();
    net.request(ann, "JOIN #reef");
    net.request(ann, "MODE #reef +k pearl");
    net.request(ann, "QUIT :tide");
    net.pass(1);
    net.request(bob, "JOIN #reef");
    assert_eq!(net.names(bob, "#reef"), "@bob");
    assert_eq!(net.modes(bob, "#reef"), "+nt");
}

#[test]
fn lost_hosts_quit_with_the_names_of_both_servers_and_users_cannot_say_so() {
    let mut net = Net::apart(&[START_MS; 2]);
    net.link(1, 0);
    let bob = net.user(1, "bob");
    net.request(bob, "JOIN #reef");
    let (ann, eve, crc) = (net.user(0, "ann"), net.user(1, "eve"), net.crc(1, 777));
    net.request(ann, "JOIN #reef");
    net.request(eve, "JOIN #reef");
    net.discard(&[bob]);
    let join = crc_wire::ChannelRequest {
        source: fixture::id(777),
        destination: None,
        kind: crc_wire::RequestKind::JOIN,
        channel: Some(crc_wire::ChannelName::new("#reef").unwrap()),
        text: crc_wire::Text::default(),
    };
    net.fixture
        .send_message(crc, &Message::ChannelRequest(join.clone()));
    net.discard(&[bob]);
    net.send_line(eve, "QUIT :a.net b.net");
    net.expect_lines(bob, &[":eve!~eve@ID.crc QUIT :Quit: a.net b.net"]);
    net.fixture
        .send_message(crc, &fixture::quit(777, "a.net b.net"));
    net.expect_lines(bob, &[":host777!host777@ID.crc QUIT :Quit: a.net b.net"]);
    // What IRC makes a blank of, and what it leaves of a text that is too long.
    let long = format!("a.net b.net {}", "x".repeat(600));
    for (id, words, shown) in [
        (
            778,
            "a.net\nb.net",
            "host778!host778@ID.crc QUIT :Quit: a.net b.net",
        ),
        (
            779,
            "\0a.net \r b.net",
            "host779!host779@ID.crc QUIT :Quit:  a.net   b.net",
        ),
        (780, &*long, "host780 QUIT :Quit: a.net b.net"),
    ] {
        let crc = net.crc(1, id);
        let mut join = join.clone();
        join.source = fixture::id(id);
        net.fixture
            .send_message(crc, &Message::ChannelRequest(join));
        net.discard(&[bob]);
        net.fixture.send_message(crc, &fixture::quit(id, words));
        net.expect_lines(bob, &[&format!(":{shown}")]);
    }
    net.fixture.kill(0);
    net.pass(3);
    net.expect_lines(bob, &[":ann!~ann@ID.crc QUIT :serverID.crc serverID.crc"]);
}

/// A version 2 server that takes ages, with a client 201 in `#reef`, beside ann.
fn with_peer() -> (Net, usize, usize) {
    let mut net = Net::apart(&[START_MS]);
    let ann = net.user(0, "ann");
    net.request(ann, "JOIN #reef");
    let peer = net.fixture.connect(0);
    net.fixture
        .introduce_v2(peer, 77, "r=1;f=server-quit,channels,channel-age");
    for host in [201, 202] {
        let registration = registration(Kind::Client, host, Some(77), "info");
        net.fixture.send_message(peer, &registration);
    }
    let join = DatedJoin {
        source: fixture::id(201),
        by: None,
        founded: START_MS + HOUR_MS,
        tag: 5,
        flags: MemberFlags::OPERATOR,
        channel: crc_wire::ChannelName::new("#reef").unwrap(),
    };
    net.fixture.send_message(peer, &Message::DatedJoin(join));
    net.discard(&[ann]);
    (net, ann, peer)
}

/// A server states another time for a known tag. In whatever order servers hear of it and of
/// a third founding, they come to the same result.
#[test]
fn a_known_tag_at_another_time_is_another_founding() {
    for order in [[0, 1], [1, 0]] {
        let (mut net, ann, peer) = with_peer();
        let founded = dated(&net, 201, ChannelField::TOPIC, "");
        assert_eq!(net.names(ann, "#reef"), "@ann host201");
        let stated = [(0, founded.tag), (START_MS - HOUR_MS, 7)];
        for (founded, tag) in order.map(|it: usize| stated[it]) {
            let join = DatedJoin {
                source: fixture::id(202),
                by: None,
                founded,
                tag,
                flags: MemberFlags::NONE,
                channel: crc_wire::ChannelName::new("#reef").unwrap(),
            };
            net.fixture.send_message(peer, &Message::DatedJoin(join));
            net.fixture.soon();
        }
        assert_eq!(net.names(ann, "#reef"), "ann host201 host202", "{order:?}");
    }
}

fn dated(net: &Net, source: u32, field: ChannelField, value: &str) -> DatedSetting<'static> {
    let snapshot = net.fixture.nodes[0].server.snapshot();
    let founded = snapshot.channels().find("#reef").unwrap().founded();
    DatedSetting {
        source: HostId::new(source),
        version: START_MS + 30_000,
        founded: founded.ms,
        tag: founded.tag,
        field,
        channel: crc_wire::ChannelName::new("#reef").unwrap(),
        setter: crc_wire::Name::new("host201").unwrap(),
        value: crc_wire::Text::new(value.to_owned()).unwrap(),
    }
}

#[test]
fn a_server_is_believed_only_for_members_and_for_settings_that_exist() {
    let (mut net, ann, peer) = with_peer();
    assert_eq!(
        net.names(ann, "#reef"),
        "@ann host201",
        "a younger rank counts nothing"
    );
    for (source, field, value) in [
        (201, ChannelField::MODES, "zzZZ! \r\n"),
        (201, ChannelField::MODES, "ti"),
        (201, ChannelField::KEY, "two words"),
        (201, ChannelField::LIMIT, "-1"),
        (201, ChannelField::BANS, "a\nb"),
        (201, ChannelField::TOPIC, "a\r\nQUIT"),
        (201, ChannelField::NAME, "#lagoon"),
        // No member, no host behind the peer, no host at all.
        (202, ChannelField::TOPIC, "mine"),
        (1, ChannelField::TOPIC, "mine"),
        (77, ChannelField::TOPIC, "mine"),
        (999, ChannelField::TOPIC, "mine"),
    ] {
        let setting = dated(&net, source, field, value);
        net.fixture
            .send_message(peer, &Message::DatedSetting(setting));
        net.expect_lines(ann, &[]);
    }
    let long = "x".repeat(391);
    let setting = dated(&net, 201, ChannelField::TOPIC, &long);
    net.fixture
        .send_message(peer, &Message::DatedSetting(setting));
    net.expect_lines(ann, &[]);
    assert!(!net.fixture.peers[peer].ended, "the link stays");
    let setting = dated(&net, 201, ChannelField::TOPIC, "tide");
    net.fixture
        .send_message(peer, &Message::DatedSetting(setting));
    net.expect_lines(ann, &[":host201!host201@ID.crc TOPIC #reef :tide"]);
}

#[test]
fn no_version_stays_for_ever() {
    let (mut net, ann, peer) = with_peer();
    let mut setting = dated(&net, 201, ChannelField::TOPIC, "for ever");
    setting.version = u64::MAX;
    net.fixture
        .send_message(peer, &Message::DatedSetting(setting));
    net.expect_lines(ann, &[":host201!host201@ID.crc TOPIC #reef :for ever"]);
    net.pass(1);
    net.request(ann, "TOPIC #reef :over");
    assert_eq!(net.topic(0, "#reef"), "over");
    let snapshot = net.fixture.nodes[0].server.snapshot();
    let channel = snapshot.channels().find("#reef").unwrap();
    let version = channel
        .settings()
        .find(ChannelField::TOPIC)
        .unwrap()
        .version;
    assert!(version < START_MS + HOUR_MS, "{version}");
}

#[test]
fn only_an_operators_invitation_overrides_and_it_ends() {
    let mut net = Net::apart(&[START_MS]);
    let (ann, bob, eve) = (net.user(0, "ann"), net.user(0, "bob"), net.user(0, "eve"));
    // To a channel that does not exist.
    let refused = net.answer(eve, "INVITE bob #later");
    assert!(refused[0].contains(" 403 "), "{refused:?}");
    net.answer(ann, "JOIN #reef");
    net.answer(eve, "JOIN #reef");
    net.answer(ann, "MODE #reef +l 2");
    // A member that is no operator may invite where the channel is open.
    let answer = net.answer(eve, "INVITE bob #reef");
    assert!(answer[0].contains(" 341 "), "{answer:?}");
    let refused = net.answer(bob, "JOIN #reef");
    assert!(refused.last().unwrap().contains(" 471 "), "{refused:?}");
    net.answer(ann, "INVITE bob #reef");
    net.stay(&[ann, bob, eve], 61);
    let refused = net.answer(bob, "JOIN #reef");
    assert!(
        refused.last().unwrap().contains(" 471 "),
        "an hour has passed: {refused:?}"
    );
    net.answer(ann, "INVITE bob #reef");
    // The channel ends, and is another one.
    net.answer(eve, "PART #reef");
    net.answer(ann, "PART #reef");
    net.answer(eve, "JOIN #reef");
    net.answer(eve, "MODE #reef +i");
    let refused = net.answer(bob, "JOIN #reef");
    assert!(refused.last().unwrap().contains(" 473 "), "{refused:?}");
    net.answer(eve, "INVITE bob #reef");
    let joined = net.answer(bob, "JOIN #reef");
    assert!(joined.last().unwrap().contains(" 366 "), "{joined:?}");
    net.answer(bob, "PART #reef");
    let refused = net.answer(bob, "JOIN #reef");
    assert!(
        refused.last().unwrap().contains(" 473 "),
        "it was used: {refused:?}"
    );
}

#[test]
fn the_setter_of_a_topic_is_shown_after_it_has_left() {
    let (mut net, ann, bob) = Net::pair();
    net.answer(ann, "JOIN #reef");
    net.answer(bob, "JOIN #reef");
    net.answer(ann, "TOPIC #reef :tide");
    net.answer(ann, "QUIT");
    net.pass(1);
    let shown = net.answer(bob, "TOPIC #reef");
    assert!(
        shown[1].starts_with(":server1 333 bob #reef ann!~ann@"),
        "{shown:?}"
    );
    // And by a server that was linked later.
    net.leaf(2, "s0");
    net.pass(5);
    let eve = net.user(2, "eve");
    let shown = net.answer(eve, "TOPIC #reef");
    assert!(
        shown[1].starts_with(":server2 333 eve #reef ann!~ann@"),
        "{shown:?}"
    );
}

#[test]
fn users_see_the_clock_on_the_wall_and_versions_do_not_step() {
    let mut net = Net::apart(&[START_MS]);
    let ann = net.user_with(0, "ann", "server-time");
    net.request(ann, "JOIN #reef");
    net.request(ann, "TOPIC #reef :before");
    for unix_ms in [START_MS - 24 * HOUR_MS, START_MS + 24 * HOUR_MS, 1_000] {
        let set = Event::Command(ServerCommand::WallClock { unix_ms });
        net.fixture.handle(0, set);
        let answer = net.answer(ann, "TOPIC #reef :after");
        let second = match unix_ms {
            1_000 => "1970-01-01T00:00:01",
            ms if ms < START_MS => "2023-11-13T22:13:2",
            _ => "2023-11-15T22:13:2",
        };
        assert!(
            answer[0].starts_with(&format!("@time={second}")),
            "{answer:?}"
        );
        let shown = net.answer(ann, "TOPIC #reef");
        let seconds: u64 = shown[1].rsplit_once(' ').unwrap().1.parse().unwrap();
        assert!(seconds.abs_diff(unix_ms / 1_000) <= 1, "{shown:?}");
        let snapshot = net.fixture.nodes[0].server.snapshot();
        let channel = snapshot.channels().find("#reef").unwrap();
        let version = channel
            .settings()
            .find(ChannelField::TOPIC)
            .unwrap()
            .version;
        assert!(version.abs_diff(START_MS) < 60_000, "{version}");
    }
}
