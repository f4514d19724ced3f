//! The legacy dialect of IRC: what its users and servers get, to the byte.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may fail"
)]

mod fixture;

use std::time::Duration;

use crc_core::{HostKind, ListenerId, PeerAddress, TextProtocol};
use crc_wire::{
    ChannelField, ChannelName, ChannelSetting, ChatKind, HostId, Info, MemberFlags, Message, Name,
    Registration, Text,
};
use fixture::{Fixture, Kind, LEGACY, chat, config, quit, registration};
use proptest::prelude::*;

/// Servers, and scripted users and servers of the legacy dialect.
struct Net {
    fixture: Fixture,
}

impl Net {
    fn new() -> Self {
        Net {
            fixture: Fixture::new(1),
        }
    }

    /// One server that speaks the legacy dialect.
    fn of(name: &str) -> (Self, usize) {
        let mut net = Net::new();
        let server = net.server(name, &[], &[]);
        (net, server)
    }

    /// A server with legacy uplinks and CRC uplinks.
    fn server(&mut self, name: &str, legacy: &[&str], frames: &[&str]) -> usize {
        let config = self.config(name, legacy, frames);
        let node = self.fixture.server_with(config);
        self.fixture.run(Duration::from_secs(3));
        node
    }

    fn config(&self, name: &str, legacy: &[&str], frames: &[&str]) -> crc_core::Config {
        let address = |to: &&str| -> PeerAddress { to.parse().unwrap() };
        let mut config = config(self.fixture.nodes.len());
        config.name = Name::new(name.to_owned()).unwrap();
        config.info = Info::new(format!("Info of {name}")).unwrap();
        config.text_listeners = vec![(LEGACY, TextProtocol::Legacy)];
        config.legacy_connect = legacy.iter().map(address).collect();
        config.connect = frames.iter().map(address).collect();
        config
    }

    /// Three servers, the second and third linked to the first.
    fn trio() -> (Self, [usize; 3]) {
        let (mut net, shire) = Net::of("theshire.nz");
        let rivendale = net.server("rivendale.nz", &["c0:1"], &[]);
        let minastirith = net.server("minastirith.nz", &["c0:1"], &[]);
        (net, [shire, rivendale, minastirith])
    }

    /// A new connection that sends a line.
    fn open(&mut self, node: usize, line: &str) -> usize {
        let peer = self.fixture.connect_at(node, LEGACY);
        self.send_line(peer, line);
        peer
    }

    /// A user who has been welcomed.
    fn user(&mut self, node: usize, nick: &str) -> usize {
        let peer = self.open(node, &format!("USER {nick} box srv :Mx {nick}"));
        let welcome = self.read_lines(peer).pop().unwrap();
        let text = format!("001 :Welcome to the Internet Relay Network {nick}!{nick}@box");
        assert!(welcome.ends_with(&text), "{welcome}");
        peer
    }

    fn send_line(&mut self, peer: usize, line: &str) {
        self.fixture.send(peer, format!("{line}\r\n").as_bytes());
        self.fixture.soon();
    }

    /// The lines that came since the last time.
    fn read_lines(&mut self, peer: usize) -> Vec<String> {
        self.fixture.soon();
        let bytes = std::mem::take(&mut self.fixture.peers[peer].bytes);
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.is_empty() || text.ends_with("\r\n"), "{text:?}");
        text.split_terminator("\r\n").map(str::to_owned).collect()
    }

    fn expect_nothing(&mut self, peers: &[usize]) {
        for peer in peers {
            assert_eq!(self.read_lines(*peer), [""; 0], "{peer}");
        }
    }

    fn ended(&self, peer: usize) -> bool {
        self.fixture.peers[peer].ended
    }

    /// Servers, users and channels (name, key, topic, members) that a server knows.
    fn state(&self, node: usize) -> (Vec<String>, Vec<String>, Vec<Channel>) {
        let snapshot = self.fixture.nodes[node].server.snapshot();
        let (nicks, servers) = (snapshot.nicks().unwrap(), snapshot.server_names().unwrap());
        let mut names = Vec::new();
        let mut users = Vec::new();
        for host in snapshot.directory().iter() {
            match host.kind() {
                HostKind::Server => names.push(servers.of(host.id()).unwrap().to_owned()),
                HostKind::Client => users.push(nicks.of(host.id()).unwrap().to_owned()),
            }
        }
        names.sort();
        users.sort();
        let channels = snapshot.channels().iter().map(|channel| {
            let members = channel.members().map(|(id, _)| nicks.of(id).unwrap());
            let mut members: Vec<_> = members.map(str::to_owned).collect();
            members.sort();
            let texts = [channel.name(), channel.key(), channel.topic()];
            (texts.map(str::to_owned), members)
        });
        (names, users, channels.collect())
    }

    fn users(&self, node: usize) -> Vec<String> {
        self.state(node).1
    }

    fn channels(&self, node: usize) -> Vec<Channel> {
        self.state(node).2
    }

    /// A scripted neighbour, and the burst that it gets.
    fn adjacent(&mut self, node: usize, name: &str) -> (usize, Vec<String>) {
        let peer = self.open(node, &format!("SERVER {name} 1 :Info of {name}"));
        let listing = self.read_lines(peer);
        (peer, listing)
    }
}

type Channel = ([String; 3], Vec<String>);

fn channel(name: &str, key: &str, topic: &str, members: &[&str]) -> Channel {
    let members = members.iter().map(|nick| (*nick).to_owned()).collect();
    ([name, key, topic].map(str::to_owned), members)
}

// One server and its users.

#[test]
fn every_command_of_a_user_has_its_reply() {
    let (mut net, server) = Net::of("theshire.nz");
    let frodo = net.user(server, "frodo");
    let sam = net.user(server, "sam");
    for (who, line, answers) in [
        (sam, "JOIN", &["461 JOIN :Not enough parameters"][..]),
        (sam, "JOIN reef", &["403 reef :No such channel"]),
        (sam, "JOIN #a,#b", &["403 #a,#b :No such channel"]),
        (sam, "JOIN 0", &["403 0 :No such channel"]),
        (frodo, "JOIN #ring burden", &["331 #ring :No topic is set"]),
        (frodo, "JOIN #ring burden", &[]),
        (sam, "JOIN #ring", &["475 #ring :Cannot join channel (+k)"]),
        (
            sam,
            "JOIN #ring x",
            &["475 #ring :Cannot join channel (+k)"],
        ),
        (sam, "JOIN #RING burden", &["403 #RING :No such channel"]),
        (sam, "PART", &["461 PART :Not enough parameters"]),
        (sam, "PART #f", &["403 #f :No such channel"]),
        (
            sam,
            "PART #ring",
            &["442 #ring :You're not on that channel"],
        ),
        (sam, "TOPIC", &["461 TOPIC :Not enough parameters"]),
        (sam, "TOPIC #f", &["403 #f :No such channel"]),
        (
            sam,
            "TOPIC #ring",
            &["442 #ring :You're not on that channel"],
        ),
        (
            sam,
            "TOPIC #ring :x",
            &["442 #ring :You're not on that channel"],
        ),
        (sam, "NAMES #f", &["403 #f :No such channel"]),
        (
            sam,
            "NAMES #ring",
            &["353 #ring :frodo", "366 :End of /NAMES list"],
        ),
        (
            sam,
            "NAMES",
            &["353 #ring :frodo", "353 * :sam", "366 :End of /NAMES list"],
        ),
        (sam, "PRIVMSG", &["461 PRIVMSG :Not enough parameters"]),
        (
            sam,
            "PRIVMSG frodo",
            &["461 PRIVMSG :Not enough parameters"],
        ),
        (sam, "PRIVMSG bilbo :x", &["401 bilbo :No such nick"]),
        (sam, "PRIVMSG Frodo :x", &["401 Frodo :No such nick"]),
        (sam, "PRIVMSG #f :x", &["403 #f :No such channel"]),
        (
            sam,
            "PRIVMSG #ring :x",
            &["404 #ring :Cannot send to channel"],
        ),
        (sam, "join #ring burden", &["331 #ring :No topic is set"]),
        (
            sam,
            "NAMES",
            &["353 #ring :frodo sam", "366 :End of /NAMES list"],
        ),
        (sam, "TOPIC #ring", &["331 #ring :No topic is set"]),
        (frodo, "TOPIC #ring", &["331 #ring :No topic is set"]),
        (sam, "USER x y z :x", &["462 :You may not reregister"]),
        (sam, "USER", &["462 :You may not reregister"]),
        (sam, "SERVER x 1 :x", &["462 :You may not reregister"]),
        (sam, "LIST #ring", &["421 LIST :Unknown command"]),
        (sam, "frob", &["421 frob :Unknown command"]),
        (sam, "PING x", &["421 PING :Unknown command"]),
        (sam, "331 #ring :x", &["421 331 :Unknown command"]),
        (sam, ":frodo PART #f", &["403 #f :No such channel"]),
        (sam, "PART #ring", &[]),
        (
            sam,
            "PART #ring",
            &["442 #ring :You're not on that channel"],
        ),
    ] {
        net.send_line(who, line);
        let answers = answers.iter().map(|line| format!(":theshire.nz {line}"));
        assert_eq!(net.read_lines(who), answers.collect::<Vec<_>>(), "{line}");
    }
    net.expect_nothing(&[frodo, sam]);
    assert_eq!(
        net.channels(server),
        [channel("#ring", "burden", "", &["frodo"])]
    );
    net.send_line(frodo, "PART #ring");
    assert_eq!(net.channels(server), [], "it has no member");
}

#[test]
fn a_user_registers_with_one_line() {
    let (mut net, server) = Net::of("theshire.nz");
    let peer = net.fixture.connect_at(server, LEGACY);
    net.expect_nothing(&[peer]);
    let long = "n".repeat(65);
    for (line, answer) in [
        ("QUIT", "451 :You have not registered".to_owned()),
        ("NICK ann", "451 :You have not registered".to_owned()),
        ("frob", "451 :You have not registered".to_owned()),
        ("PRIVMSG", "451 :You have not registered".to_owned()),
        ("USER", "461 USER :Not enough parameters".to_owned()),
        ("USER ann box", "461 USER :Not enough parameters".to_owned()),
        ("SERVER x", "461 SERVER :Not enough parameters".to_owned()),
        ("SERVER x y", "461 SERVER :Not enough parameters".to_owned()),
        (
            "USER #a box srv :x",
            "432 #a :Erroneous nickname".to_owned(),
        ),
        (
            "USER a,b box srv :x",
            "432 a,b :Erroneous nickname".to_owned(),
        ),
        (
            "USER a!b box srv :x",
            "432 a!b :Erroneous nickname".to_owned(),
        ),
        (
            "USER a@b box srv :x",
            "432 a@b :Erroneous nickname".to_owned(),
        ),
        (
            "USER a\u{1}b box srv :x",
            "432 a\u{1}b :Erroneous nickname".to_owned(),
        ),
        (
            &format!("USER {long} box srv :x"),
            format!("432 {long} :Erroneous nickname"),
        ),
    ] {
        net.send_line(peer, line);
        assert_eq!(
            net.read_lines(peer),
            [format!(":theshire.nz {answer}")],
            "{line}"
        );
    }
    net.send_line(peer, "USER ann fe80::1 srv");
    assert_eq!(
        net.read_lines(peer),
        [":theshire.nz 001 :Welcome to the Internet Relay Network ann!ann@fe80::1"]
    );
    let other = net.fixture.connect_at(server, LEGACY);
    for nick in ["ann", "ANN"] {
        net.send_line(other, &format!("USER {nick} elsewhere srv :Another Ann"));
        let refusal = format!("436 {nick} :Nickname collision KILL from ann@fe80::1");
        assert_eq!(net.read_lines(other), [format!(":theshire.nz {refusal}")]);
    }
    assert_eq!(net.users(server), ["ann"]);
    net.send_line(other, "USER bob elsewhere srv :Bob");
    assert_eq!(
        net.read_lines(other),
        [":theshire.nz 001 :Welcome to the Internet Relay Network bob!bob@elsewhere"]
    );
    assert_eq!(net.users(server), ["ann", "bob"]);
    net.expect_nothing(&[peer]);
}

#[test]
fn lines_are_found_however_they_are_cut_and_ended() {
    let (mut net, server) = Net::of("theshire.nz");
    let ann = net.user(server, "ann");
    let peer = net.fixture.connect_at(server, LEGACY);
    net.fixture.send(peer, b"\r\n\nUSER   bob  ");
    net.fixture.soon();
    net.fixture.send(
        peer,
        b"h s\nPRIVMSG ann :a : b\r\nPRIVMSG ann :\r\nprivmsg ann c\r",
    );
    net.fixture.soon();
    net.fixture.send(
        peer,
        b"\nPRIVMSG ann :\xff\r\n\x01\r\n: x\r\nPRIVMSG bob :me\r\n",
    );
    let heard = [
        ":bob PRIVMSG ann :a : b",
        ":bob PRIVMSG ann :",
        ":bob PRIVMSG ann :c",
    ];
    assert_eq!(net.read_lines(ann), heard);
    let heard = [
        ":theshire.nz 001 :Welcome to the Internet Relay Network bob!bob@h",
        ":bob PRIVMSG bob :me",
    ];
    assert_eq!(net.read_lines(peer), heard);
    assert!(!net.ended(peer));
}

#[test]
fn long_lines_pass_whole_and_too_long_ones_end_the_link() {
    let (mut net, server) = Net::of("theshire.nz");
    let ann = net.user(server, "ann");
    let bob = net.user(server, "bob");
    let around = "PRIVMSG ann :\r\n".len();
    let text = "é".repeat((8192 - around) / 2);
    net.send_line(bob, &format!("PRIVMSG ann :{text}"));
    // With the nick in front it does not fit any more.
    let heard = net.read_lines(ann);
    assert_eq!(heard.len(), 2);
    let said = heard
        .iter()
        .map(|line| line.strip_prefix(":bob PRIVMSG ann :").unwrap());
    assert_eq!(said.collect::<String>(), text);
    assert!(heard.iter().all(|line| line.len() <= 8190));
    net.send_line(bob, &format!("PRIVMSG ann :{text}xx"));
    assert_eq!(
        net.read_lines(bob),
        ["ERROR :the line has more than 8192 bytes"]
    );
    assert!(net.ended(bob));
    net.expect_nothing(&[ann]);
    assert_eq!(net.users(server), ["ann"]);
}

#[test]
fn texts_of_users_are_cut_so_that_they_can_be_relayed() {
    let (mut net, server) = Net::of("theshire.nz");
    let (other, _) = net.adjacent(server, "other");
    let long = "x".repeat(3000);
    let ann = net.open(
        server,
        &format!("USER ann {long} {long} :{}", "é".repeat(1000)),
    );
    let place = "x".repeat(255);
    let welcome = format!("001 :Welcome to the Internet Relay Network ann!ann@{place}");
    assert_eq!(net.read_lines(ann), [format!(":theshire.nz {welcome}")]);
    let user = format!(
        ":theshire.nz USER ann {place} {place} :{}",
        "é".repeat(1000)
    );
    assert_eq!(net.read_lines(other), [user]);
    net.send_line(ann, &format!("JOIN #bay {}", "k".repeat(1025)));
    assert_eq!(
        net.read_lines(ann),
        [":theshire.nz 475 #bay :Cannot join channel (+k)"]
    );
    // A topic that fills a line goes on without its end.
    net.send_line(ann, "JOIN #bay");
    net.read_lines(ann);
    net.read_lines(other);
    let topic = "é".repeat(4089);
    net.send_line(ann, &format!("TOPIC #bay :{topic}"));
    let kept = |start: &str| [start, &"é".repeat((8190 - start.len()) / 2)].concat();
    assert!(net.read_lines(ann) == [kept(":theshire.nz 332 #bay :")]);
    assert!(net.read_lines(other) == [kept(":ann TOPIC #bay :")]);
}

#[test]
fn a_quit_is_relayed_with_its_text_only() {
    let (mut net, server) = Net::of("theshire.nz");
    let users = ["ann", "bob", "cid", "dan", "eve"].map(|nick| net.user(server, nick));
    let [ann, bob, cid, dan, eve] = users;
    for user in [ann, bob, cid, dan] {
        net.send_line(user, "JOIN #reef");
        net.send_line(user, "JOIN #bay");
        net.read_lines(user);
    }
    net.send_line(ann, "QUIT");
    net.send_line(bob, "QUIT :bob has quit");
    net.expect_nothing(&[ann, bob, cid, dan, eve]);
    assert!(net.ended(ann) && net.ended(bob));
    net.send_line(cid, "QUIT :\"gone\"");
    assert_eq!(net.read_lines(dan), [":cid QUIT :\"gone\""], "once");
    net.expect_nothing(&[cid, eve]);
    let gone = dan;
    net.fixture.close_peer(gone);
    net.expect_nothing(&[eve]);
    assert_eq!(net.state(server), (vec![], vec!["eve".to_owned()], vec![]));
}

#[test]
fn a_channel_message_reaches_the_other_members_once() {
    let (mut net, server) = Net::of("theshire.nz");
    let [ann, bob, cid] = ["ann", "bob", "cid"].map(|nick| net.user(server, nick));
    for user in [ann, bob] {
        net.send_line(user, "JOIN #reef");
        net.read_lines(user);
    }
    net.send_line(ann, "PRIVMSG #reef :hi: all");
    assert_eq!(net.read_lines(bob), [":ann PRIVMSG #reef :hi: all"]);
    net.expect_nothing(&[ann, cid]);
    for (line, topic) in [
        ("TOPIC #reef :low  tide", "332 #reef :low  tide"),
        ("TOPIC #reef :low  tide", "332 #reef :low  tide"),
        ("TOPIC #reef :", "331 #reef :No topic is set"),
    ] {
        net.send_line(bob, line);
        for user in [ann, bob] {
            assert_eq!(
                net.read_lines(user),
                [format!(":theshire.nz {topic}")],
                "{line}"
            );
        }
    }
    net.expect_nothing(&[cid]);
}

#[test]
fn a_channel_that_starts_again_has_no_old_settings() {
    let (mut net, server) = Net::of("theshire.nz");
    let ann = net.user(server, "ann");
    net.send_line(ann, "JOIN #reef old");
    net.send_line(ann, "TOPIC #reef :old");
    net.send_line(ann, "PART #reef");
    net.read_lines(ann);
    net.send_line(ann, "JOIN #reef new");
    assert_eq!(
        net.read_lines(ann),
        [":theshire.nz 331 #reef :No topic is set"]
    );
    assert_eq!(
        net.channels(server),
        [channel("#reef", "new", "", &["ann"])]
    );
}

// Servers.

#[test]
fn a_new_server_gets_the_burst_in_order() {
    let (mut net, server) = Net::of("hub");
    let (far, listing) = net.adjacent(server, "far");
    assert_eq!(listing, [":hub SERVER hub 1 :Info of hub"]);
    for line in [
        ":far SERVER farther 2 :Info of farther",
        ":far USER zoe zbox farther :Zoe",
        ":zoe JOIN #zoo key",
        ":zoe TOPIC #zoo :beasts",
    ] {
        net.send_line(far, line);
    }
    let ann = net.user(server, "ann");
    net.send_line(ann, "JOIN #bay");
    net.send_line(ann, "JOIN #zoo key");
    assert_eq!(net.read_lines(ann)[1], ":hub 332 #zoo :beasts");
    let client = net.fixture.v2_client(server, 77);
    net.fixture.soon();
    let late = net.open(server, "SERVER late 1 :\"The late\"");
    let expected = ":hub SERVER hub 1 :Info of hub\r\n\
                    :hub SERVER far 2 :Info of far\r\n\
                    :hub SERVER farther 3 :Info of farther\r\n\
                    :hub USER ann box srv :Mx ann\r\n\
                    :hub USER host77 77.crc hub :info\r\n\
                    :hub USER zoe zbox farther :Zoe\r\n\
                    :hub 331 #bay :No topic is set\r\n\
                    :hub 353 #bay :ann\r\n\
                    :hub 332 #zoo :beasts\r\n\
                    :hub 353 #zoo :ann zoe\r\n";
    assert_eq!(net.read_lines(late).join("\r\n") + "\r\n", expected);
    let received = [
        ":hub USER ann box srv :Mx ann",
        ":ann JOIN #bay",
        ":ann JOIN #zoo key",
        ":hub USER host77 77.crc hub :info",
        ":hub SERVER late 2 :\"The late\"",
    ];
    assert_eq!(net.read_lines(far), received);
    net.expect_nothing(&[ann]);
    net.fixture.received(client);
}

#[test]
fn messages_of_a_server_are_relayed_to_the_others_and_not_back() {
    let (mut net, server) = Net::of("hub");
    let (one, _) = net.adjacent(server, "one");
    let (two, _) = net.adjacent(server, "two");
    let (three, _) = net.adjacent(server, "three");
    for peer in [one, two, three] {
        net.read_lines(peer);
    }
    let ann = net.user(server, "ann");
    for peer in [one, two, three] {
        assert_eq!(net.read_lines(peer), [":hub USER ann box srv :Mx ann"]);
    }
    for (line, received) in [
        (":one SERVER far 2 :far one", ":hub SERVER far 3 :far one"),
        (":one SERVER bare 2", ":hub SERVER bare 3 :"),
        (":one USER zoe zbox far :Zoe", ":hub USER zoe zbox far :Zoe"),
        (":far USER yan ybox far", ":hub USER yan ybox far :"),
        (":zoe JOIN #zoo", ":zoe JOIN #zoo"),
        (":yan JOIN #bay key", ":yan JOIN #bay key"),
        (":zoe JOIN #bay", ":zoe JOIN #bay key"),
        (":zoe TOPIC #zoo :beasts", ":zoe TOPIC #zoo :beasts"),
        (":zoe TOPIC #zoo :", ":zoe TOPIC #zoo :"),
        (":yan PART #bay", ":yan PART #bay"),
        (":yan QUIT", ":yan QUIT"),
        (
            ":one USER yan ybox far :back",
            ":hub USER yan ybox far :back",
        ),
        (":yan JOIN #zoo", ":yan JOIN #zoo"),
        (":yan QUIT :yan has quit", ":yan QUIT"),
        (":one SQUIT bare :broken", ":hub SQUIT bare :broken"),
    ] {
        net.send_line(one, line);
        for peer in [two, three] {
            assert_eq!(net.read_lines(peer), [received], "{line}");
        }
        net.expect_nothing(&[one, ann]);
    }
    // Known over the same link, unknown, or not behind it.
    for line in [
        ":one USER zoe zbox far :Zoe",
        ":one SERVER far 2 :far one",
        ":one SERVER one 1 :one",
        ":one SERVER hub 2 :Info of hub",
        ":one SERVER two 2 :two",
        ":one USER ann abox far :another",
        ":one USER a,b abox far :bad",
        ":ann JOIN #zoo",
        ":ann QUIT :no",
        ":nobody PART #zoo",
        ":zoe PART #unknown",
        ":zoe TOPIC #zoo",
        ":zoe TOPIC #unknown :x",
        ":zoe JOIN reef",
        ":zoe JOIN #ZOO",
        ":zoe PRIVMSG nobody :x",
        ":zoe PRIVMSG #unknown :x",
        ":one SQUIT two",
        ":one SQUIT one",
        ":one FROB x",
        ":one 366 :End of /NAMES list",
        ":one 401 x :No such nick",
        "NAMES #zoo",
        "one two three",
    ] {
        net.send_line(one, line);
        net.expect_nothing(&[one, two, three, ann]);
    }
    assert!(!net.ended(one));
    net.send_line(ann, "JOIN #zoo");
    net.read_lines(ann);
    for peer in [one, two, three] {
        assert_eq!(net.read_lines(peer), [":ann JOIN #zoo"]);
    }
    net.send_line(one, ":zoe PRIVMSG #zoo :roar");
    assert_eq!(net.read_lines(ann), [":zoe PRIVMSG #zoo :roar"]);
    net.expect_nothing(&[one, two, three]);
    net.send_line(two, ":two USER bob bbox two :Bob");
    net.send_line(two, ":bob JOIN #zoo");
    net.send_line(two, ":bob PRIVMSG #zoo :hear hear");
    assert_eq!(net.read_lines(ann), [":bob PRIVMSG #zoo :hear hear"]);
    assert_eq!(net.read_lines(one)[2], ":bob PRIVMSG #zoo :hear hear");
    assert_eq!(net.read_lines(three).len(), 2, "it has no member there");
    net.send_line(two, ":bob PRIVMSG zoe :psst");
    net.send_line(two, ":bob PRIVMSG ann :psst");
    assert_eq!(net.read_lines(one), [":bob PRIVMSG zoe :psst"]);
    assert_eq!(net.read_lines(ann), [":bob PRIVMSG ann :psst"]);
    net.send_line(two, ":bob TOPIC #zoo :for all");
    assert_eq!(net.read_lines(ann), [":hub 332 #zoo :for all"]);
    net.send_line(two, ":bob QUIT :\"so long\"");
    assert_eq!(net.read_lines(ann), [":bob QUIT :\"so long\""]);
    net.expect_nothing(&[two]);
}

#[test]
fn a_lost_server_takes_the_hosts_behind_it_along() {
    let (mut net, server) = Net::of("hub");
    let (one, _) = net.adjacent(server, "one");
    let (two, _) = net.adjacent(server, "two");
    let ann = net.user(server, "ann");
    for line in [
        ":one SERVER far 2 :far",
        ":one USER zoe zbox far :Zoe",
        ":zoe JOIN #zoo",
        ":one USER yan ybox far :Yan",
    ] {
        net.send_line(one, line);
    }
    net.send_line(ann, "JOIN #zoo");
    net.read_lines(ann);
    net.read_lines(two);
    net.fixture.close_peer(one);
    let mut received = net.read_lines(two);
    received.sort();
    let why = "the peer closed the connection";
    let squit = |name| format!(":hub SQUIT {name} :{why}");
    assert_eq!(
        received,
        [
            squit("far"),
            squit("one"),
            ":yan QUIT".into(),
            ":zoe QUIT".into()
        ]
    );
    net.expect_nothing(&[ann]);
    assert_eq!(net.channels(server), [channel("#zoo", "", "", &["ann"])]);
}

#[test]
fn a_server_with_a_known_name_is_refused() {
    let (mut net, hub) = Net::of("hub");
    net.server("crc.example", &[], &["s0:1"]);
    let (one, _) = net.adjacent(hub, "one");
    for name in ["hub", "HUB", "one", "crc.example"] {
        let peer = net.open(hub, &format!("SERVER {name} 1 :again"));
        let answer = net.read_lines(peer);
        assert!(answer.len() == 1 && answer[0].starts_with(&format!("ERROR :{name} is ")));
        assert!(net.ended(peer));
        net.expect_nothing(&[one]);
    }
    let long = net.open(hub, &format!("SERVER {} 1 :long", "n".repeat(65)));
    assert_eq!(net.read_lines(long), ["ERROR :the name is too long"]);
    // A server of the same network: every host would exist twice.
    net.send_line(one, ":one SERVER crc.example 2 :by another way");
    let answer = net.read_lines(one);
    assert!(answer[0].starts_with("ERROR :a server behind this link is known by another network"));
    assert!(net.ended(one));
    assert_eq!(net.state(hub).0, ["crc.example"]);
}

#[test]
fn servers_link_from_permitted_addresses_only() {
    let (mut net, _) = Net::of("hub");
    let mut config = net.config("fort", &[], &[]);
    config.server_peers = vec!["192.0.2.0/24".parse().unwrap()];
    config.limits.hosts_max = 1;
    let fort = net.fixture.server_with(config);
    let unregistered = net.open(fort, "SERVER stranger 1 :x");
    assert_eq!(
        net.read_lines(unregistered),
        ["ERROR :servers may not link from its address (see --server-peers)"]
    );
    assert!(net.ended(unregistered));
    net.user(fort, "ann");
    let full = net.open(fort, "USER bob b s :Bob");
    assert_eq!(net.read_lines(full), ["ERROR :the directory is full"]);
    assert!(net.ended(full));
    let idle = net.fixture.connect_at(fort, LEGACY);
    net.fixture.run(Duration::from_secs(11));
    assert_eq!(net.read_lines(idle), ["ERROR :no registration in time"]);
    assert!(net.ended(idle));
}

#[test]
fn replies_to_a_user_that_does_not_read_are_bounded() {
    let (mut net, _) = Net::of("hub");
    let mut config = net.config("small", &[], &[]);
    config.limits.client_queue_bytes_max = 1000;
    let small = net.fixture.server_with(config);
    let ann = net.user(small, "ann");
    let asked = 200;
    net.fixture.send(ann, "NAMES\r\n".repeat(asked).as_bytes());
    net.fixture.soon();
    let answer = ":small 353 * :ann\r\n:small 366 :End of /NAMES list\r\n";
    assert!(net.fixture.peers[ann].bytes.len() <= 1000 + 3 * answer.len());
    assert!(net.ended(ann));
}

// Servers of this project that speak it with each other.

#[test]
fn channels_with_keys_are_the_same_on_three_servers() {
    let (mut net, [shire, rivendale, minastirith]) = Net::trio();
    let [frodo, sam] = ["frodo", "sam"].map(|nick| net.user(shire, nick));
    let elrond = net.user(rivendale, "elrond");
    let aragorn = net.user(minastirith, "aragorn");
    let none = |server: &str, name: &str| format!(":{server}.nz 331 {name} :No topic is set");
    for (who, line, answer) in [
        (frodo, "JOIN #f ring", none("theshire", "#f")),
        (sam, "JOIN #f ring", none("theshire", "#f")),
        (aragorn, "JOIN #f ring", none("minastirith", "#f")),
        (elrond, "JOIN #r throne", none("rivendale", "#r")),
        (aragorn, "JOIN #r throne", none("minastirith", "#r")),
        (
            elrond,
            "JOIN #f x",
            ":rivendale.nz 475 #f :Cannot join channel (+k)".into(),
        ),
        (
            sam,
            "JOIN #r",
            ":theshire.nz 475 #r :Cannot join channel (+k)".into(),
        ),
    ] {
        net.send_line(who, line);
        assert_eq!(net.read_lines(who), [answer], "{line}");
        net.expect_nothing(&[frodo, sam, elrond, aragorn]);
    }
    let channels = [
        channel("#f", "ring", "", &["aragorn", "frodo", "sam"]),
        channel("#r", "throne", "", &["aragorn", "elrond"]),
    ];
    for (node, others) in [
        (shire, ["minastirith.nz", "rivendale.nz"]),
        (rivendale, ["minastirith.nz", "theshire.nz"]),
        (minastirith, ["rivendale.nz", "theshire.nz"]),
    ] {
        let (servers, users, known) = net.state(node);
        assert_eq!(servers, others);
        assert_eq!(users, ["aragorn", "elrond", "frodo", "sam"]);
        assert_eq!(known, channels);
    }
    // A message crosses two links.
    net.send_line(elrond, "PRIVMSG #r :to one");
    assert_eq!(net.read_lines(aragorn), [":elrond PRIVMSG #r :to one"]);
    net.send_line(aragorn, "PRIVMSG #f :to two");
    for user in [frodo, sam] {
        assert_eq!(net.read_lines(user), [":aragorn PRIVMSG #f :to two"]);
    }
    net.send_line(aragorn, "PRIVMSG elrond :psst");
    assert_eq!(net.read_lines(elrond), [":aragorn PRIVMSG elrond :psst"]);
    net.send_line(aragorn, "TOPIC #r :first");
    net.send_line(elrond, "TOPIC #r :second");
    assert_eq!(
        net.read_lines(aragorn),
        [
            ":minastirith.nz 332 #r :first",
            ":minastirith.nz 332 #r :second"
        ]
    );
    assert_eq!(
        net.read_lines(elrond),
        [
            ":rivendale.nz 332 #r :first",
            ":rivendale.nz 332 #r :second"
        ]
    );
    net.send_line(elrond, "NAMES #f");
    assert_eq!(
        net.read_lines(elrond)[0],
        ":rivendale.nz 353 #f :aragorn frodo sam"
    );
    net.send_line(sam, "PART #f");
    net.send_line(aragorn, "QUIT :\"the king\"");
    for (user, others) in [(frodo, "frodo"), (elrond, "elrond")] {
        assert_eq!(
            net.read_lines(user),
            [":aragorn QUIT :\"the king\""],
            "{others}"
        );
    }
    net.send_line(frodo, "QUIT");
    net.expect_nothing(&[sam, elrond, frodo]);
    for node in [shire, rivendale, minastirith] {
        assert_eq!(net.users(node), ["elrond", "sam"]);
        assert_eq!(
            net.channels(node),
            [channel("#r", "throne", "second", &["elrond"])]
        );
    }
}

#[test]
fn a_nick_is_unique_across_servers() {
    let (mut net, [_, rivendale, minastirith]) = Net::trio();
    net.user(rivendale, "sam");
    let second = net.open(minastirith, "USER sam other minastirith.nz :Sam");
    assert_eq!(
        net.read_lines(second),
        [":minastirith.nz 436 sam :Nickname collision KILL from sam@box"]
    );
    assert_eq!(net.users(minastirith), ["sam"]);
}

#[test]
fn new_servers_get_everything_but_the_key() {
    let (mut net, shire) = Net::of("theshire.nz");
    let [frodo, sam] = ["frodo", "sam"].map(|nick| net.user(shire, nick));
    net.send_line(frodo, "JOIN #f key");
    net.send_line(sam, "JOIN #f key");
    net.send_line(sam, "TOPIC #f :the road");
    let rivendale = net.server("rivendale.nz", &["c0:1"], &[]);
    let minastirith = net.server("minastirith.nz", &["c1:1"], &[]);
    for node in [rivendale, minastirith] {
        assert_eq!(net.users(node), ["frodo", "sam"]);
        assert_eq!(
            net.channels(node),
            [channel("#f", "", "the road", &["frodo", "sam"])]
        );
    }
    let elrond = net.user(minastirith, "elrond");
    net.send_line(elrond, "JOIN #f");
    assert_eq!(net.read_lines(elrond), [":minastirith.nz 332 #f :the road"]);
    let both = channel("#f", "key", "the road", &["elrond", "frodo", "sam"]);
    assert_eq!(net.channels(shire), [both]);
}

#[test]
fn a_dialled_server_may_introduce_itself_in_two_ways() {
    for answer in [":root SERVER root 1 :Root", "SERVER root 1 :Root"] {
        let mut net = Net::new();
        net.fixture.listen_peer("root");
        let child = net.server("child", &["root:1"], &[]);
        let root = net.fixture.newest("root");
        assert_eq!(
            net.read_lines(root),
            ["SERVER child 1 :Info of child"],
            "before all else"
        );
        // Its name is not known yet.
        net.send_line(root, ":root SERVER other 2 :x");
        net.send_line(root, "hello :there");
        assert_eq!(net.state(child).0, [""; 0]);
        net.send_line(root, answer);
        net.send_line(root, ":root SERVER other 2 :x");
        assert_eq!(net.state(child).0, ["other", "root"]);
        net.expect_nothing(&[root]);
        net.user(child, "ann");
        assert_eq!(net.read_lines(root), [":child USER ann box srv :Mx ann"]);
    }
}

#[test]
fn a_lost_parent_is_dialled_again_and_gets_the_burst() {
    let mut net = Net::new();
    net.fixture.listen_peer("root");
    let child = net.server("child", &["root:1"], &[]);
    let root = net.fixture.newest("root");
    net.send_line(root, ":root SERVER root 1 :Root");
    net.send_line(root, ":root USER zoe zbox root :Zoe");
    net.send_line(root, ":zoe JOIN #bay");
    net.send_line(root, ":zoe TOPIC #bay :theirs");
    let (leaf, _) = net.adjacent(child, "leaf");
    net.send_line(leaf, ":leaf USER yan ybox leaf :Yan");
    let ann = net.user(child, "ann");
    net.send_line(ann, "JOIN #bay");
    net.send_line(ann, "JOIN #cove");
    net.fixture.close_peer(root);
    net.fixture.run(Duration::from_secs(5));
    let again = net.fixture.newest("root");
    assert_ne!(again, root);
    assert_eq!(
        net.read_lines(again),
        [
            "SERVER child 1 :Info of child",
            ":child SERVER leaf 2 :Info of leaf",
            ":child USER ann box srv :Mx ann",
            ":child USER yan ybox leaf :Yan",
            ":child 332 #bay :theirs",
            ":child 353 #bay :ann",
            ":child 331 #cove :No topic is set",
            ":child 353 #cove :ann",
        ]
    );
    // It gets what happens before its introduction, too.
    net.send_line(ann, "PART #cove");
    assert_eq!(net.read_lines(again), [":ann PART #cove"]);
    net.read_lines(ann);
    for line in [
        ":root SERVER root 1 :Root",
        ":root USER zoe zbox root :Zoe",
        ":root 332 #bay :newer",
        ":root 353 #bay :zoe",
    ] {
        net.send_line(again, line);
    }
    assert_eq!(net.read_lines(ann), [":child 332 #bay :newer"]);
    assert_eq!(
        net.channels(child),
        [channel("#bay", "", "newer", &["ann", "zoe"])]
    );
    net.expect_nothing(&[again]);
}

#[test]
fn of_two_topics_the_parents_wins() {
    let (mut net, shire) = Net::of("theshire.nz");
    let frodo = net.user(shire, "frodo");
    let rivendale = net.server("rivendale.nz", &["c0:1"], &[]);
    let elrond = net.user(rivendale, "elrond");
    for user in [frodo, elrond] {
        net.send_line(user, "JOIN #f");
    }
    // The link breaks, and each side goes on alone.
    let config = net.config("theshire.nz", &[], &[]);
    net.fixture.kill(shire);
    net.fixture.run(Duration::from_secs(1));
    assert_eq!(net.users(rivendale), ["elrond"]);
    net.send_line(elrond, "TOPIC #f :child");
    net.fixture.restart(shire, config);
    let frodo = net.user(shire, "frodo");
    net.send_line(frodo, "JOIN #f");
    net.send_line(frodo, "TOPIC #f :parent");
    net.fixture.run(Duration::from_secs(60));
    for node in [shire, rivendale] {
        let both = channel("#f", "", "parent", &["elrond", "frodo"]);
        assert_eq!(net.channels(node), [both], "{node}");
    }
    assert_eq!(
        net.read_lines(elrond).pop().unwrap(),
        ":rivendale.nz 332 #f :parent"
    );
}

#[test]
fn addresses_are_dialled_in_turn() {
    let mut net = Net::new();
    net.fixture.listen_peer("closed");
    net.fixture.listen_peer("open");
    let child = net.server("child", &["nowhere:1", "closed:1", "open:1"], &[]);
    net.fixture.run(Duration::from_secs(3));
    let closed = net.fixture.newest("closed");
    net.send_line(closed, "ERROR :not you");
    net.fixture.close_peer(closed);
    net.fixture.run(Duration::from_secs(10));
    let open = net.fixture.newest("open");
    net.send_line(open, "SERVER open 1 :Open");
    assert_eq!(net.state(child).0, ["open"]);
    let snapshot = net.fixture.nodes[child].server.snapshot();
    assert_eq!(snapshot.uplink(), None, "that is another matter");
    assert_eq!(snapshot.rank(), 0);
    assert_eq!(snapshot.candidates(), []);
}

// The CRC network and the legacy network.

#[test]
fn a_gateway_joins_the_crc_and_the_legacy_network() {
    // gate and crc are linked by CRC, gate and legacy by the legacy dialect.
    let (mut net, gate) = Net::of("gate");
    let crc = net.server("crc", &[], &["s0:1"]);
    let legacy = net.server("course", &["c0:1"], &[]);
    let (leaf, listing) = net.adjacent(legacy, "leaf");
    assert_eq!(
        listing,
        [
            ":course SERVER course 1 :Info of course",
            ":course SERVER crc 3 :Info of crc",
            ":course SERVER gate 2 :Info of gate",
        ]
    );
    let ann = net.user(legacy, "ann");
    net.read_lines(leaf);
    let client = net.fixture.connect(crc);
    for info in ["info", "info [crc2;f=channels]"] {
        net.fixture
            .send_message(client, &registration(Kind::Client, 77, None, info));
    }
    net.fixture.soon();
    assert_eq!(
        net.read_lines(leaf),
        [":course USER host77 77.crc gate :info"]
    );
    let heard = net.fixture.received(client);
    let ann_id = heard.iter().find_map(|message| match message {
        Message::ClientRegistration(r) if r.name.as_str() == "ann" => Some(r.source.get()),
        _ => None,
    });
    let ann_id = ann_id.unwrap();
    net.fixture
        .send_message(client, &chat(77, ann_id, "two\nlines"));
    assert_eq!(
        net.read_lines(ann),
        [":host77 PRIVMSG ann :two", ":host77 PRIVMSG ann :lines"]
    );
    net.send_line(ann, "PRIVMSG host77 :hello");
    net.fixture.soon();
    assert_eq!(net.fixture.received(client), [chat(ann_id, 77, "hello")]);
    // A channel with members of both.
    let by_wish = |kind, text: &str| {
        Message::ChannelRequest(crc_wire::ChannelRequest {
            source: HostId::new(77).unwrap(),
            destination: None,
            kind,
            channel: Some(ChannelName::new("#bay").unwrap()),
            text: Text::new(text.to_owned()).unwrap(),
        })
    };
    net.fixture
        .send_message(client, &by_wish(crc_wire::RequestKind::JOIN, ""));
    net.fixture.soon();
    assert_eq!(net.read_lines(leaf), [":host77 JOIN #bay"]);
    net.send_line(ann, "JOIN #bay");
    net.read_lines(ann);
    net.fixture.received(client);
    net.send_line(ann, "PRIVMSG #bay :tide");
    net.fixture.soon();
    let said = |source: u32, text: &str| {
        Message::ChannelChat(crc_wire::ChannelChat {
            source: HostId::new(source).unwrap(),
            kind: ChatKind::Message,
            channel: ChannelName::new("#bay").unwrap(),
            text: Text::new(text.to_owned()).unwrap(),
        })
    };
    assert_eq!(net.fixture.received(client), [said(ann_id, "tide")]);
    net.fixture.send_message(client, &said(77, "ebb\nflow"));
    assert_eq!(
        net.read_lines(ann),
        [":host77 PRIVMSG #bay :ebb", ":host77 PRIVMSG #bay :flow"]
    );
    net.send_line(ann, "TOPIC #bay :deep");
    net.read_lines(ann);
    for node in [gate, crc, legacy] {
        let bay = channel("#bay", "", "deep", &["ann", "host77"]);
        assert_eq!(net.channels(node), [bay]);
    }
    net.fixture.send_message(client, &quit(77, "so long"));
    assert_eq!(net.read_lines(ann), [":host77 QUIT :so long"]);
    // Two servers of the CRC network that are linked by the legacy dialect, too.
    let loops = net.server("third", &["c1:1"], &["s0:1"]);
    net.fixture.run(Duration::from_secs(60));
    assert_eq!(net.state(loops).0, ["course", "crc", "gate", "leaf"]);
    assert_eq!(net.users(loops), ["ann"]);
}

#[test]
fn a_second_link_between_two_networks_is_cut() {
    // The CRC link is the later one.
    let (mut net, gate) = Net::of("gate");
    let legacy = net.server("course", &["c0:1"], &[]);
    let config = net.config("third", &["c1:1"], &[]);
    let third = net.fixture.server_with(config.clone());
    net.fixture.run(Duration::from_secs(3));
    net.user(legacy, "ann");
    assert_eq!(net.state(third).0, ["course", "gate"]);
    let frames = net.fixture.connect(third);
    net.fixture
        .introduce_v2(frames, 50, "r=0;f=server-quit,channels");
    let told_of_gate = Registration {
        source: HostId::new(1).unwrap(),
        last_hop: HostId::new(50),
        name: Name::new("gate").unwrap(),
        info: Info::default(),
    };
    net.fixture
        .send_message(frames, &Message::ServerRegistration(told_of_gate));
    net.fixture.soon();
    let alone = ["gate|1", "host50"];
    assert_eq!(net.state(third).0, alone, "who came later keeps its name");
    assert_eq!(net.state(gate).0, ["course"]);
    net.fixture.run(Duration::from_secs(20));
    assert_eq!(net.state(third).0, alone, "however often it comes");
    // The CRC link is lost: the legacy link is used.
    net.fixture.close_peer(frames);
    net.fixture.run(Duration::from_secs(60));
    assert_eq!(net.state(third).0, ["course", "gate"]);
    assert_eq!(net.users(third), ["ann"]);
}

#[test]
fn a_rename_is_a_quit_and_a_join_on_the_legacy_side() {
    let (mut net, gate) = Net::of("gate");
    let (leaf, _) = net.adjacent(gate, "leaf");
    let crc = net.fixture.connect(gate);
    net.fixture
        .introduce_v2(crc, 50, "r=1;f=server-quit,channels");
    net.fixture.received(crc);
    net.fixture
        .send_message(crc, &registration(Kind::Client, 77, Some(50), "info"));
    net.fixture.send_message(
        crc,
        &Message::ChannelJoin(crc_wire::ChannelJoin {
            source: HostId::new(77).unwrap(),
            by: None,
            flags: MemberFlags::OPERATOR,
            channel: ChannelName::new("#bay").unwrap(),
        }),
    );
    let received = net.read_lines(leaf);
    assert_eq!(
        received[received.len() - 2..],
        [":gate USER host77 77.crc gate :info", ":host77 JOIN #bay"]
    );
    let Message::ClientRegistration(mut again) = registration(Kind::Client, 77, Some(50), "info")
    else {
        unreachable!()
    };
    again.name = Name::new("new name").unwrap();
    net.fixture
        .send_message(crc, &Message::ClientRegistration(again));
    assert_eq!(
        net.read_lines(leaf),
        [
            ":gate USER new_name 77.crc gate :info",
            ":new_name JOIN #bay",
            ":host77 QUIT",
        ]
    );
}

#[test]
fn irc_users_and_legacy_users_share_channels() {
    const IRC: ListenerId = ListenerId(1 << 17);
    let mut net = Net::new();
    let mut config = net.config("hub", &[], &[]);
    config.text_listeners.push((IRC, TextProtocol::Irc));
    let hub = net.fixture.server_with(config);
    let (leaf, _) = net.adjacent(hub, "leaf");
    let ann = net.user(hub, "ann");
    net.send_line(ann, "JOIN #bay");
    net.read_lines(ann);
    net.read_lines(leaf);
    let ivy = net.fixture.connect_at(hub, IRC);
    net.send_line(ivy, "NICK ivy");
    net.send_line(ivy, "USER i 0 * :Ivy");
    let received = net.read_lines(leaf);
    let [user] = &received[..] else {
        panic!("{received:?}")
    };
    assert!(
        user.starts_with(":hub USER ivy ") && user.ends_with(".crc hub :Ivy"),
        "{user}"
    );
    net.read_lines(ivy);
    net.send_line(ivy, "JOIN #bay");
    assert_eq!(net.read_lines(leaf), [":ivy JOIN #bay"]);
    net.expect_nothing(&[ann]);
    net.read_lines(ivy);
    net.send_line(leaf, ":leaf USER zoe zbox leaf :Zoe");
    net.send_line(leaf, ":zoe JOIN #bay");
    let joined = net.read_lines(ivy);
    assert!(
        joined.len() == 1 && joined[0].starts_with(":zoe!") && joined[0].ends_with("JOIN #bay")
    );
    for (who, line, heard_by, endpoints) in [
        (ivy, "PRIVMSG #bay :tide", ann, ":ivy PRIVMSG #bay :tide"),
        (ivy, "PRIVMSG ann :psst", ann, ":ivy PRIVMSG ann :psst"),
        (ivy, "PRIVMSG zoe :psst", leaf, ":ivy PRIVMSG zoe :psst"),
        (ann, "PRIVMSG #bay :ebb", ivy, " PRIVMSG #bay :ebb"),
        (ann, "PRIVMSG ivy :psst", ivy, " PRIVMSG ivy :psst"),
        (leaf, ":zoe PRIVMSG ivy :psst", ivy, " PRIVMSG ivy :psst"),
        (ivy, "TOPIC #bay :deep", ann, ":hub 332 #bay :deep"),
        (leaf, ":zoe TOPIC #bay :high", ivy, " TOPIC #bay :high"),
    ] {
        for peer in [ann, ivy, leaf] {
            net.read_lines(peer);
        }
        net.send_line(who, line);
        let heard = net.read_lines(heard_by);
        assert!(
            heard.last().is_some_and(|last| last.ends_with(endpoints)),
            "{line}: {heard:?}"
        );
    }
    net.read_lines(leaf);
    net.send_line(ivy, "NICK Ivy");
    let received = net.read_lines(leaf);
    assert_eq!(
        received[0], ":ivy QUIT",
        "two that differ in capitals can't be there at once"
    );
    assert!(received[1].starts_with(":hub USER Ivy "));
    assert_eq!(received[2..], [":Ivy JOIN #bay"]);
    net.send_line(ivy, "NICK fern");
    let received = net.read_lines(leaf);
    assert!(received[0].starts_with(":hub USER fern "));
    assert_eq!(received[1..], [":fern JOIN #bay", ":Ivy QUIT"]);
    let taken = net.open(hub, "USER Fern x y :x");
    let refusal = net.read_lines(taken);
    assert!(refusal[0].starts_with(":hub 436 Fern :Nickname collision KILL from fern@"));
    net.read_lines(ann);
    net.send_line(ivy, "QUIT :so long");
    let received = net.read_lines(ann);
    assert!(
        received.len() == 1
            && received[0].starts_with(":fern QUIT :")
            && received[0].ends_with("so long")
    );
    assert_eq!(net.users(hub), ["ann", "zoe"]);
}

/// A scripted v2 server, linked by CRC.
fn crc_server(net: &mut Net, node: usize) -> usize {
    let peer = net.fixture.connect(node);
    net.fixture
        .introduce_v2(peer, 50, "r=1;f=server-quit,channels");
    net.fixture.received(peer);
    peer
}

#[test]
fn refusals_of_channel_modes_have_replies() {
    let (mut net, hub) = Net::of("hub");
    let crc = crc_server(&mut net, hub);
    let [ann, bob] = ["ann", "bob"].map(|nick| net.user(hub, nick));
    net.send_line(ann, "JOIN #bay");
    net.read_lines(ann);
    let mut version = 1 << 50;
    let mut set = |net: &mut Net, field, value: &str| {
        version += 1;
        let setting = ChannelSetting {
            source: None,
            version,
            field,
            channel: ChannelName::new("#bay").unwrap(),
            value: Text::new(value.to_owned()).unwrap(),
        };
        net.fixture
            .send_message(crc, &Message::ChannelSetting(setting));
        net.fixture.soon();
    };
    for (field, value, line, answer) in [
        (
            ChannelField::MODES,
            "in",
            "JOIN #bay",
            "473 #bay :Cannot join channel (+i)",
        ),
        (
            ChannelField::MODES,
            "n",
            "FROB",
            "421 FROB :Unknown command",
        ),
        (
            ChannelField::LIMIT,
            "1",
            "JOIN #bay",
            "471 #bay :Cannot join channel (+l)",
        ),
        (ChannelField::LIMIT, "", "FROB", "421 FROB :Unknown command"),
        (
            ChannelField::BANS,
            "b?b!*@*",
            "JOIN #bay",
            "474 #bay :Cannot join channel (+b)",
        ),
        (
            ChannelField::BANS,
            "",
            "JOIN #bay",
            "331 #bay :No topic is set",
        ),
        (
            ChannelField::MODES,
            "nt",
            "TOPIC #bay :x",
            "482 #bay :You're not channel operator",
        ),
        (
            ChannelField::MODES,
            "mn",
            "PRIVMSG #bay :x",
            "404 #bay :Cannot send to channel",
        ),
        (
            ChannelField::BANS,
            "bob!*@*",
            "PRIVMSG #bay :x",
            "404 #bay :Cannot send to channel",
        ),
    ] {
        set(&mut net, field, value);
        net.send_line(bob, line);
        assert_eq!(net.read_lines(bob), [format!(":hub {answer}")], "{value}");
    }
    // The first member is its operator.
    net.send_line(ann, "PRIVMSG #bay :calm");
    assert_eq!(net.read_lines(bob), [":ann PRIVMSG #bay :calm"]);
    set(&mut net, ChannelField::TOPIC, "of another server");
    for user in [ann, bob] {
        assert_eq!(net.read_lines(user), [":hub 332 #bay :of another server"]);
    }
    for number in 1..250 {
        net.send_line(bob, &format!("JOIN #bay{number}"));
    }
    net.read_lines(bob);
    net.send_line(bob, "JOIN #bay250");
    assert_eq!(
        net.read_lines(bob),
        [":hub 405 #bay250 :You have joined too many channels"]
    );
}

#[test]
fn long_replies_and_chats_are_split() {
    let (mut net, hub) = Net::of("hub");
    let crc = crc_server(&mut net, hub);
    let (far, _) = net.adjacent(hub, "far");
    let nicks: Vec<_> = (100..400)
        .map(|n| format!("somebody-with-a-longer-nick-{n}"))
        .collect();
    for nick in &nicks {
        net.send_line(far, &format!(":far USER {nick} box far :x"));
        net.send_line(far, &format!(":{nick} JOIN #crowd"));
    }
    let ann = net.user(hub, "ann");
    net.send_line(ann, "NAMES #crowd");
    let heard = net.read_lines(ann);
    let (end, names) = heard.split_last().unwrap();
    assert_eq!(end, ":hub 366 :End of /NAMES list");
    assert!(names.len() > 1 && names.iter().all(|line| line.len() + 2 <= 8192));
    let names = names
        .iter()
        .map(|line| line.strip_prefix(":hub 353 #crowd :").unwrap());
    let names: Vec<_> = names.flat_map(|names| names.split(' ')).collect();
    assert_eq!(names, nicks);
    // A server of this project reads the same burst.
    let child = net.server("child", &["c0:1"], &[]);
    assert_eq!(net.channels(child)[0].1, nicks);
    // A CRC chat has no such limit.
    net.fixture
        .send_message(crc, &registration(Kind::Client, 77, Some(50), "info"));
    net.fixture.soon();
    let snapshot = net.fixture.nodes[hub].server.snapshot();
    let ann_id = snapshot.nicks().unwrap().find("ann").unwrap().get();
    let text = "ü".repeat(10_000);
    net.fixture.send_message(crc, &chat(77, ann_id, &text));
    let heard = net.read_lines(ann);
    assert_eq!(heard.len(), 3);
    let said = heard
        .iter()
        .map(|line| line.strip_prefix(":host77 PRIVMSG ann :").unwrap());
    assert_eq!(said.collect::<String>(), text);
}

#[test]
fn a_user_whose_id_is_taken_elsewhere_stays() {
    let mut net = Net::new();
    net.fixture.listen_peer("root");
    let gate = net.server("gate", &[], &["root:1"]);
    let root = net.fixture.newest("root");
    net.fixture
        .introduce_v2(root, 50, "r=0;f=server-quit,channels");
    let (leaf, _) = net.adjacent(gate, "leaf");
    let [ann, bob] = ["ann", "bob"].map(|nick| net.user(gate, nick));
    for user in [ann, bob] {
        net.send_line(user, "JOIN #bay");
        net.read_lines(user);
    }
    net.send_line(leaf, ":leaf USER zoe zbox leaf :Zoe");
    net.send_line(leaf, ":zoe JOIN #bay");
    net.read_lines(leaf);
    for nick in ["ann", "zoe"] {
        let snapshot = net.fixture.nodes[gate].server.snapshot();
        let id = snapshot.nicks().unwrap().find(nick).unwrap().get();
        net.fixture
            .send_message(root, &registration(Kind::Client, id, Some(50), "info"));
        net.fixture.soon();
        let received = net.read_lines(leaf);
        assert_eq!(
            received,
            [format!(":gate USER host{id} {id}.crc gate :info")]
        );
        net.expect_nothing(&[ann, bob]);
    }
    assert_eq!(net.channels(gate)[0].1, ["ann", "bob", "zoe"]);
    net.send_line(ann, "PRIVMSG #bay :still here");
    assert_eq!(net.read_lines(bob), [":ann PRIVMSG #bay :still here"]);
    net.send_line(leaf, ":zoe PRIVMSG ann :me too");
    assert_eq!(net.read_lines(ann), [":zoe PRIVMSG ann :me too"]);
    let late = net.open(gate, "USER zoe x y :Another");
    let holder = ":gate 436 zoe :Nickname collision KILL from zoe@zbox";
    assert_eq!(net.read_lines(late), [holder]);
}

#[test]
fn legacy_users_look_like_clients_to_crc_servers() {
    let (mut net, hub) = Net::of("hub");
    let crc = crc_server(&mut net, hub);
    let (_, _) = net.adjacent(hub, "far");
    net.open(hub, "SERVER liar 1 :x [crc2;a=192.0.2.1:1;r=0;f=]");
    net.open(hub, "USER ann box hub :A\u{1b}nn");
    net.fixture.soon();
    let infos = net
        .fixture
        .received(crc)
        .into_iter()
        .filter_map(|message| match message {
            Message::ServerRegistration(r) | Message::ClientRegistration(r) => {
                Some((r.name.as_str().to_owned(), r.info.as_str().to_owned()))
            }
            _ => None,
        });
    let infos: Vec<_> = infos.collect();
    let expected = [("far", "Info of far"), ("liar", "x"), ("ann", "Ann")];
    let expected = expected.map(|(name, info)| (name.to_owned(), info.to_owned()));
    assert_eq!(infos, expected);
}

#[test]
fn chats_of_users_are_rate_limited_if_configured() {
    let mut net = Net::new();
    let mut config = net.config("hub", &[], &[]);
    config.limits.client_chats_per_second = 2;
    let hub = net.fixture.server_with(config);
    let [ann, bob] = ["ann", "bob"].map(|nick| net.user(hub, nick));
    for _ in 0..3 {
        net.send_line(ann, "PRIVMSG bob :x");
    }
    assert_eq!(net.read_lines(bob).len(), 2);
    assert!(net.ended(ann));
}

fn line() -> impl Strategy<Value = String> {
    let nick = prop::sample::select(vec!["ann", "bob", "cid", "Ann", "zoe", "#x", "x y", ""]);
    let name = prop::sample::select(vec!["hub", "one", "two", "far", "crc"]);
    let place = prop::sample::select(vec!["#a", "#b", "#A", "#", "a", "*"]);
    let text = prop::sample::select(vec!["", ":", ":x", ":one two", ":ann bob", "k", ":\u{1}"]);
    let verb = prop::sample::select(vec![
        "USER", "SERVER", "QUIT", "JOIN", "PART", "TOPIC", "NAMES", "PRIVMSG", "331", "332", "353",
        "SQUIT", "ERROR", "366", "x",
    ]);
    (verb, nick.clone(), name, place, text, 0..6_u8).prop_map(
        |(verb, nick, name, place, text, prefix)| {
            let source = match prefix {
                0 => String::new(),
                1 | 2 => format!(":{name} "),
                _ => format!(":{nick} "),
            };
            let rest = match verb {
                "USER" => format!("{nick} box {name} {text}"),
                "SERVER" => format!("{name} 2 {text}"),
                "QUIT" | "ERROR" => text.to_owned(),
                "PRIVMSG" if prefix % 2 == 0 => format!("{nick} {text}"),
                "353" => format!("{place} :ann bob cid {nick}"),
                "SQUIT" => format!("{name} {text}"),
                _ => format!("{place} {text}"),
            };
            format!("{source}{verb} {rest}")
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever lines users and servers send: the servers' checks hold, and they agree on
    /// the users.
    #[test]
    fn servers_agree_whatever_lines_they_get(
        lines in prop::collection::vec((0..5_usize, line()), 1..120)
    ) {
        let (mut net, hub) = Net::of("hub");
        let other = net.server("crc", &[], &["s0:1"]);
        let child = net.server("child", &["c0:1"], &[]);
        let mut peers: Vec<usize> = (0..5).map(|n| net.fixture.connect_at([hub, child][n % 2], LEGACY)).collect();
        net.send_line(peers[0], "SERVER one 1 :One");
        net.send_line(peers[1], "SERVER two 1 :Two");
        net.send_line(peers[2], "USER ann box hub :Ann");
        for (who, line) in lines {
            let peer = peers[who];
            if net.ended(peer) {
                peers[who] = net.fixture.connect_at([hub, child][who % 2], LEGACY);
            }
            net.send_line(peers[who], &line);
        }
        net.fixture.run(Duration::from_secs(90));
        let sorted = |node: usize, own: &str| {
            let (mut servers, users, channels) = net.state(node);
            servers.push(own.to_owned());
            servers.sort();
            let names: Vec<_> = channels.into_iter().map(|(texts, members)| {
                (texts[0].clone(), texts[2].clone(), members)
            }).collect();
            (servers, users, names)
        };
        prop_assert_eq!(sorted(hub, "hub"), sorted(other, "crc"));
        prop_assert_eq!(sorted(hub, "hub"), sorted(child, "child"));
    }
}
