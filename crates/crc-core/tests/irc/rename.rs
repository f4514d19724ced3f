//! Renamed channels where parts of the network were apart, and those who know no new names.

use super::*;
use crc_wire::{ChannelField, ChannelName, ChannelSetting};

const CAPABILITY: &str = "draft/channel-rename";

/// Three servers, of which two link to the first one and can't reach each other.
fn line() -> Net {
    Net::with(3, |config| {
        config.advertise = Some("nowhere:1".parse().unwrap());
    })
}

/// The same, and ann and bob at those two, both in `#reef`.
fn two_in_a_channel() -> (Net, usize, usize) {
    let mut net = line();
    let ann = net.user_with(1, "ann", CAPABILITY);
    let bob = net.user_with(2, "bob", CAPABILITY);
    net.request(ann, "JOIN #reef");
    net.request(bob, "JOIN #reef");
    net.request(ann, "MODE #reef +o bob");
    net.discard(&[ann, bob]);
    (net, ann, bob)
}

impl Net {
    /// The two servers with users are out of each other's reach.
    fn split(&mut self) {
        self.fixture.kill(0);
        self.fixture.run(Duration::from_secs(3));
    }

    /// They meet again. What the users read meanwhile is dropped, but what is about names.
    fn merge(&mut self, users: &[usize]) -> Vec<Vec<String>> {
        let mut config = config(0);
        config.text_listeners = vec![(IRC, TextProtocol::Irc), (LEGACY, TextProtocol::Legacy)];
        config.started_at_unix_ms = 1_700_000_000_000;
        self.fixture.restart(0, config);
        // The pause between two dials has become long.
        self.fixture.run(Duration::from_secs(40));
        let renames = |line: &String| line.contains(" RENAME ");
        let all = users.iter().map(|user| self.read_lines(*user));
        all.map(|lines| lines.into_iter().filter(renames).collect())
            .collect()
    }

    /// Each of two members hears the other one under this name.
    fn both_hear(&mut self, (ann, bob): (usize, usize), name: &str) {
        self.discard(&[ann, bob]);
        self.send_line(ann, &format!("PRIVMSG {name} :Hi"));
        self.send_line(bob, &format!("PRIVMSG {name} :Hi"));
        for (reader, other) in [(bob, "ann"), (ann, "bob")] {
            let line = format!(":{other}!~{other}@ID.crc PRIVMSG {name} :Hi");
            self.expect_lines(reader, &[&line]);
        }
    }
}

#[test]
fn a_part_that_was_out_of_reach_learns_of_the_new_name() {
    let (mut net, ann, bob) = two_in_a_channel();
    net.split();
    net.discard(&[ann, bob]);
    let line = ":ann!~ann@ID.crc RENAME #reef #lagoon :deeper";
    net.expect(ann, "RENAME #reef #lagoon :deeper", &[line]);
    net.expect(bob, "PRIVMSG #reef :Hi", &[]);
    let told = net.merge(&[ann, bob]);
    assert_eq!(told[0], [""; 0]);
    assert_eq!(told[1], [":server2 RENAME #reef #lagoon :deeper"]);
    net.both_hear((ann, bob), "#lagoon");
}

#[test]
fn of_two_new_names_the_later_one_counts() {
    let (mut net, ann, bob) = two_in_a_channel();
    net.split();
    net.request(ann, "RENAME #reef #early");
    net.fixture.run(Duration::from_secs(5));
    net.request(bob, "RENAME #reef #late");
    net.discard(&[ann, bob]);
    let told = net.merge(&[ann, bob]);
    assert_eq!(told[0], [":server1 RENAME #early #late :"]);
    assert_eq!(told[1], [""; 0]);
    net.both_hear((ann, bob), "#late");
}

#[test]
fn a_channel_that_has_the_name_keeps_it_and_the_other_one_gets_it_later() {
    let (mut net, ann, bob) = two_in_a_channel();
    net.split();
    net.request(ann, "RENAME #reef #lagoon");
    net.request(bob, "JOIN #lagoon");
    net.discard(&[ann, bob]);
    let told = net.merge(&[ann, bob]);
    assert_eq!(told[0], [":server1 RENAME #lagoon #reef :"]);
    assert_eq!(told[1], [""; 0]);
    net.both_hear((ann, bob), "#reef");
    net.expect(
        ann,
        "PRIVMSG #lagoon :Hi",
        &[":server1 404 ann #lagoon :Cannot send to channel"],
    );
    net.send_line(bob, "PART #lagoon");
    for (user, own) in [(ann, "server1"), (bob, "server2")] {
        let lines = net.read_lines(user);
        let line = format!(":{own} RENAME #reef #lagoon :");
        assert!(lines.contains(&line), "{lines:?}");
    }
    net.both_hear((ann, bob), "#lagoon");
}

#[test]
fn of_two_channels_with_one_new_name_one_has_it() {
    let (mut net, ann, bob) = two_in_a_channel();
    net.request(ann, "JOIN #cave");
    net.request(bob, "JOIN #cave");
    net.split();
    net.request(ann, "RENAME #cave #lagoon");
    net.request(bob, "RENAME #reef #lagoon");
    net.discard(&[ann, bob]);
    let told = net.merge(&[ann, bob]);
    assert_eq!(told[0], [""; 0]);
    let told = told[1].clone();
    assert_eq!(
        told,
        [
            ":server2 RENAME #lagoon #reef :",
            ":server2 RENAME #cave #lagoon :"
        ]
    );
    net.both_hear((ann, bob), "#lagoon");
    net.both_hear((ann, bob), "#reef");
}

#[test]
fn a_name_is_given_up_where_an_older_channel_stands() {
    let mut net = line();
    let ann = net.user_with(1, "ann", CAPABILITY);
    let bob = net.user_with(2, "bob", CAPABILITY);
    net.split();
    net.request(bob, "JOIN #reef");
    net.fixture.run(Duration::from_secs(5));
    net.request(ann, "JOIN #reef");
    net.fixture.run(Duration::from_secs(40));
    net.request(ann, "RENAME #reef #lagoon");
    net.discard(&[ann, bob]);
    let told = net.merge(&[ann, bob]);
    assert_eq!(told[0], [":server1 RENAME #lagoon #reef :"]);
    net.both_hear((ann, bob), "#reef");
}

#[test]
fn clients_of_the_binary_protocol_enter_and_rename_channels_under_either_name() {
    let mut net = Net::new(1);
    let ann = net.user_with(0, "ann", CAPABILITY);
    let crc = net.crc(0, 300);
    net.request(ann, "JOIN #reef");
    net.request(ann, "RENAME #reef #lagoon");
    let join = channel_request(300, None, RequestKind::JOIN, "#lagoon", "");
    net.fixture.send_message(crc, &join);
    net.expect_lines(ann, &[":host300!host300@ID.crc JOIN #lagoon"]);
    assert_eq!(net.members(0, "#reef"), ["0host300", "1ann"]);
    let rename = |value: &str| {
        Message::ChannelSetting(ChannelSetting {
            source: HostId::new(300),
            version: 0,
            field: ChannelField::RENAMED_TO,
            channel: ChannelName::new("#reef").unwrap(),
            value: Text::new(value.to_owned()).unwrap(),
        })
    };
    let refused = |net: &mut Net, value: &str| {
        net.fixture.send_message(crc, &rename(value));
        net.fixture.soon();
        let last = net.fixture.received(crc).pop();
        match last {
            Some(Message::Status(status)) => status.text.as_str().to_owned(),
            other => panic!("{value:?}: {other:?}"),
        }
    };
    let why = refused(&mut net, "#cave");
    assert_eq!(why, "#reef: only its operators may do this");
    net.request(ann, "MODE #lagoon +o host300");
    net.request(ann, "JOIN #cave");
    net.discard(&[ann]);
    let why = refused(&mut net, "#cave dark");
    assert_eq!(why, "#reef: there is a channel with this name");
    assert_eq!(
        refused(&mut net, ""),
        "#reef: no channel can have this name"
    );
    let long = format!("#atoll {}", "x".repeat(256));
    assert_eq!(refused(&mut net, &long), "#reef: it can't be set so");
    net.fixture.send_message(crc, &rename("#atoll round"));
    net.expect_lines(
        ann,
        &[":host300!host300@ID.crc RENAME #lagoon #atoll :round"],
    );
}

#[test]
fn legacy_users_do_not_take_a_new_name_away() {
    let mut net = Net::new(1);
    let ann = net.user_with(0, "ann", CAPABILITY);
    net.request(ann, "JOIN #reef");
    net.request(ann, "RENAME #reef #lagoon");
    let old = net.fixture.connect_at(0, LEGACY);
    net.request(old, "NICK old");
    net.request(old, "USER old 0 * Old");
    let answer = net.request(old, "JOIN #lagoon");
    assert!(answer[0].contains(" 403 "), "{answer:?}");
    net.request(old, "JOIN #reef");
    net.expect_lines(ann, &[":old!old@ID.crc JOIN #lagoon"]);
}

#[test]
fn many_members_are_told_once_a_minute() {
    let mut net = Net::new(1);
    let ann = net.user_with(0, "ann", CAPABILITY);
    net.request(ann, "JOIN #reef");
    for number in 0..32 {
        let user = net.user(0, &format!("user{number}"));
        net.request(user, "JOIN #reef");
    }
    net.discard(&[ann]);
    net.expect(
        ann,
        "RENAME #reef #one",
        &[":ann!~ann@ID.crc RENAME #reef #one :"],
    );
    let refused = net.request(ann, "RENAME #one #two");
    assert!(
        refused[0].contains("FAIL RENAME CANNOT_RENAME #one #two :"),
        "{refused:?}"
    );
    net.fixture.run(Duration::from_secs(61));
    net.discard(&[ann]);
    net.expect(
        ann,
        "RENAME #one #two",
        &[":ann!~ann@ID.crc RENAME #one #two :"],
    );
}

#[test]
fn a_lost_channel_with_a_name_that_was_given_to_another_one_takes_it_from_nobody() {
    let mut net = line();
    let ann = net.user_with(1, "ann", CAPABILITY);
    let bob = net.user_with(2, "bob", CAPABILITY);
    net.request(bob, "JOIN #atoll");
    net.request(bob, "RENAME #atoll #lagoon");
    net.request(ann, "JOIN #reef");
    net.split();
    net.discard(&[ann, bob]);
    net.expect(
        ann,
        "RENAME #reef #lagoon",
        &[":ann!~ann@ID.crc RENAME #reef #lagoon :"],
    );
    let other = net.user_with(1, "other", CAPABILITY);
    net.send_line(other, "JOIN #atoll\r\nPART #atoll");
    let lines = net.read_lines(other);
    assert_eq!(lines[0], ":other!~other@ID.crc JOIN #atoll");
    let names = net.request(ann, "NAMES #lagoon");
    assert_eq!(names[0], ":server1 353 ann = #lagoon :@ann");
}

#[test]
fn a_join_that_waits_its_turn_meets_the_name_of_that_time() {
    let mut net = Net::with(1, |config| config.limits.irc_lines_per_second = 2);
    let ann = net.user_with(0, "ann", CAPABILITY);
    let (bob, cid) = (net.user_with(0, "bob", CAPABILITY), net.user(0, "cid"));
    net.request(ann, "JOIN #reef");
    for user in [bob, cid] {
        for _ in 0..20 {
            net.send_line(user, "PING :x");
        }
        net.send_line(user, "JOIN #reef");
    }
    net.discard(&[ann, bob, cid]);
    let line = ":ann!~ann@ID.crc RENAME #reef #lagoon :deeper";
    net.expect(ann, "RENAME #reef #lagoon :deeper", &[line]);
    net.fixture.run(Duration::from_secs(10));
    let about_channels = |line: &String| line.contains('#');
    let told: Vec<_> = [bob, cid]
        .map(|user| {
            net.read_lines(user)
                .into_iter()
                .filter(about_channels)
                .collect::<Vec<_>>()
        })
        .into();
    let fail = ":server0 FAIL JOIN CHANNEL_RENAMED #reef #lagoon :The channel was renamed";
    assert_eq!(told[0], [fail]);
    assert_eq!(
        told[1][0],
        ":server0 470 cid #reef #lagoon :The channel was renamed"
    );
    assert_eq!(told[1][1], ":cid!~cid@ID.crc JOIN #lagoon");
}
