//! The IRC of the course: what its users and servers are told, to the byte.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may fail"
)]

mod rig;

use std::time::Duration;

use crc_core::{HostKind, ListenerId, PeerAddress, TextProtocol};
use crc_wire::{
    ChannelField, ChannelName, ChannelSetting, ChatKind, HostId, Info, MemberFlags, Message, Name,
    Registration, Text,
};
use proptest::prelude::*;
use rig::{COURSE, Kind, Rig, chat, config, quit, registration};

/// Servers, and people and servers of the dialect that the test speaks for.
struct Net {
    rig: Rig,
}

impl Net {
    fn new() -> Self {
        Net { rig: Rig::new(1) }
    }

    /// One server, with all that the dialect takes.
    fn of(name: &str) -> (Self, usize) {
        let mut net = Net::new();
        let server = net.server(name, &[], &[]);
        (net, server)
    }

    /// A server that links to others by the dialect and by frames.
    fn server(&mut self, name: &str, course: &[&str], frames: &[&str]) -> usize {
        let config = self.config(name, course, frames);
        let node = self.rig.server_with(config);
        self.rig.run(Duration::from_secs(3));
        node
    }

    fn config(&self, name: &str, course: &[&str], frames: &[&str]) -> crc_core::Config {
        let address = |to: &&str| -> PeerAddress { to.parse().unwrap() };
        let mut config = config(self.rig.nodes.len());
        config.name = Name::new(name.to_owned()).unwrap();
        config.info = Info::new(format!("Info of {name}")).unwrap();
        config.text_listeners = vec![(COURSE, TextProtocol::Legacy)];
        config.legacy_connect = course.iter().map(address).collect();
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

    /// A new connection that says something.
    fn open(&mut self, node: usize, line: &str) -> usize {
        let raw = self.rig.connect_at(node, COURSE);
        self.say(raw, line);
        raw
    }

    /// A user who has been welcomed.
    fn user(&mut self, node: usize, nick: &str) -> usize {
        let raw = self.open(node, &format!("USER {nick} box srv :Mx {nick}"));
        let welcome = self.hear(raw).pop().unwrap();
        let text = format!("001 :Welcome to the Internet Relay Network {nick}!{nick}@box");
        assert!(welcome.ends_with(&text), "{welcome}");
        raw
    }

    fn say(&mut self, raw: usize, line: &str) {
        self.rig.send(raw, format!("{line}\r\n").as_bytes());
        self.rig.soon();
    }

    /// The lines that came since the last time.
    fn hear(&mut self, raw: usize) -> Vec<String> {
        self.rig.soon();
        let bytes = std::mem::take(&mut self.rig.raws[raw].bytes);
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.is_empty() || text.ends_with("\r\n"), "{text:?}");
        text.split_terminator("\r\n").map(str::to_owned).collect()
    }

    fn silent(&mut self, raws: &[usize]) {
        for raw in raws {
            assert_eq!(self.hear(*raw), [""; 0], "{raw}");
        }
    }

    fn ended(&self, raw: usize) -> bool {
        self.rig.raws[raw].ended
    }

    /// Servers, users and channels (name, key, topic, members) that a server knows.
    fn state(&self, node: usize) -> (Vec<String>, Vec<String>, Vec<Channel>) {
        let snapshot = self.rig.nodes[node].server.snapshot();
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

    /// An adjacent server that we speak for, and what it is told of the network.
    fn adjacent(&mut self, node: usize, name: &str) -> (usize, Vec<String>) {
        let raw = self.open(node, &format!("SERVER {name} 1 :Info of {name}"));
        let listing = self.hear(raw);
        (raw, listing)
    }
}

type Channel = ([String; 3], Vec<String>);

fn channel(name: &str, key: &str, topic: &str, members: &[&str]) -> Channel {
    let members = members.iter().map(|nick| (*nick).to_owned()).collect();
    ([name, key, topic].map(str::to_owned), members)
}

// One server and its users.

#[test]
fn every_request_of_a_user_has_its_answer() {
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
        net.say(who, line);
        let answers = answers.iter().map(|line| format!(":theshire.nz {line}"));
        assert_eq!(net.hear(who), answers.collect::<Vec<_>>(), "{line}");
    }
    net.silent(&[frodo, sam]);
    assert_eq!(
        net.channels(server),
        [channel("#ring", "burden", "", &["frodo"])]
    );
    net.say(frodo, "PART #ring");
    assert_eq!(net.channels(server), [], "nobody is in it");
}

#[test]
fn a_user_registers_with_one_line() {
    let (mut net, server) = Net::of("theshire.nz");
    let raw = net.rig.connect_at(server, COURSE);
    net.silent(&[raw]);
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
        net.say(raw, line);
        assert_eq!(net.hear(raw), [format!(":theshire.nz {answer}")], "{line}");
    }
    net.say(raw, "USER ann fe80::1 srv");
    assert_eq!(
        net.hear(raw),
        [":theshire.nz 001 :Welcome to the Internet Relay Network ann!ann@fe80::1"]
    );
    let other = net.rig.connect_at(server, COURSE);
    for nick in ["ann", "ANN"] {
        net.say(other, &format!("USER {nick} elsewhere srv :Another Ann"));
        let refusal = format!("436 {nick} :Nickname collision KILL from ann@fe80::1");
        assert_eq!(net.hear(other), [format!(":theshire.nz {refusal}")]);
    }
    assert_eq!(net.users(server), ["ann"]);
    net.say(other, "USER bob elsewhere srv :Bob");
    assert_eq!(
        net.hear(other),
        [":theshire.nz 001 :Welcome to the Internet Relay Network bob!bob@elsewhere"]
    );
    assert_eq!(net.users(server), ["ann", "bob"]);
    net.silent(&[raw]);
}

#[test]
fn lines_are_found_however_they_are_cut_and_ended() {
    let (mut net, server) = Net::of("theshire.nz");
    let ann = net.user(server, "ann");
    let raw = net.rig.connect_at(server, COURSE);
    net.rig.send(raw, b"\r\n\nUSER   bob  ");
    net.rig.soon();
    net.rig.send(
        raw,
        b"h s\nPRIVMSG ann :a : b\r\nPRIVMSG ann :\r\nprivmsg ann c\r",
    );
    net.rig.soon();
    net.rig.send(
        raw,
        b"\nPRIVMSG ann :\xff\r\n\x01\r\n: x\r\nPRIVMSG bob :me\r\n",
    );
    let heard = [
        ":bob PRIVMSG ann :a : b",
        ":bob PRIVMSG ann :",
        ":bob PRIVMSG ann :c",
    ];
    assert_eq!(net.hear(ann), heard);
    let heard = [
        ":theshire.nz 001 :Welcome to the Internet Relay Network bob!bob@h",
        ":bob PRIVMSG bob :me",
    ];
    assert_eq!(net.hear(raw), heard);
    assert!(!net.ended(raw));
}

#[test]
fn long_lines_pass_whole_and_too_long_ones_end_the_link() {
    let (mut net, server) = Net::of("theshire.nz");
    let ann = net.user(server, "ann");
    let bob = net.user(server, "bob");
    let around = "PRIVMSG ann :\r\n".len();
    let text = "é".repeat((8192 - around) / 2);
    net.say(bob, &format!("PRIVMSG ann :{text}"));
    // With the nick in front it does not fit any more.
    let heard = net.hear(ann);
    assert_eq!(heard.len(), 2);
    let said = heard
        .iter()
        .map(|line| line.strip_prefix(":bob PRIVMSG ann :").unwrap());
    assert_eq!(said.collect::<String>(), text);
    assert!(heard.iter().all(|line| line.len() <= 8190));
    net.say(bob, &format!("PRIVMSG ann :{text}xx"));
    assert_eq!(net.hear(bob), ["ERROR :the line has more than 8192 bytes"]);
    assert!(net.ended(bob));
    net.silent(&[ann]);
    assert_eq!(net.users(server), ["ann"]);
}

#[test]
fn what_users_say_of_themselves_can_be_said_again() {
    let (mut net, server) = Net::of("theshire.nz");
    let (other, _) = net.adjacent(server, "other");
    let long = "x".repeat(3000);
    let ann = net.open(
        server,
        &format!("USER ann {long} {long} :{}", "é".repeat(1000)),
    );
    let place = "x".repeat(255);
    let welcome = format!("001 :Welcome to the Internet Relay Network ann!ann@{place}");
    assert_eq!(net.hear(ann), [format!(":theshire.nz {welcome}")]);
    let user = format!(
        ":theshire.nz USER ann {place} {place} :{}",
        "é".repeat(1000)
    );
    assert_eq!(net.hear(other), [user]);
    net.say(ann, &format!("JOIN #bay {}", "k".repeat(1025)));
    assert_eq!(
        net.hear(ann),
        [":theshire.nz 475 #bay :Cannot join channel (+k)"]
    );
    // A topic that fills a line goes on without its end.
    net.say(ann, "JOIN #bay");
    net.hear(ann);
    net.hear(other);
    let topic = "é".repeat(4089);
    net.say(ann, &format!("TOPIC #bay :{topic}"));
    let kept = |start: &str| [start, &"é".repeat((8190 - start.len()) / 2)].concat();
    assert!(net.hear(ann) == [kept(":theshire.nz 332 #bay :")]);
    assert!(net.hear(other) == [kept(":ann TOPIC #bay :")]);
}

#[test]
fn a_quit_is_told_only_with_its_words() {
    let (mut net, server) = Net::of("theshire.nz");
    let users = ["ann", "bob", "cid", "dan", "eve"].map(|nick| net.user(server, nick));
    let [ann, bob, cid, dan, eve] = users;
    for user in [ann, bob, cid, dan] {
        net.say(user, "JOIN #reef");
        net.say(user, "JOIN #bay");
        net.hear(user);
    }
    net.say(ann, "QUIT");
    net.say(bob, "QUIT :bob has quit");
    net.silent(&[ann, bob, cid, dan, eve]);
    assert!(net.ended(ann) && net.ended(bob));
    net.say(cid, "QUIT :\"gone\"");
    assert_eq!(net.hear(dan), [":cid QUIT :\"gone\""], "once");
    net.silent(&[cid, eve]);
    let gone = dan;
    net.rig.cut_raw(gone);
    net.silent(&[eve]);
    assert_eq!(net.state(server), (vec![], vec!["eve".to_owned()], vec![]));
}

#[test]
fn what_is_said_in_a_channel_reaches_the_others_once() {
    let (mut net, server) = Net::of("theshire.nz");
    let [ann, bob, cid] = ["ann", "bob", "cid"].map(|nick| net.user(server, nick));
    for user in [ann, bob] {
        net.say(user, "JOIN #reef");
        net.hear(user);
    }
    net.say(ann, "PRIVMSG #reef :hi: all");
    assert_eq!(net.hear(bob), [":ann PRIVMSG #reef :hi: all"]);
    net.silent(&[ann, cid]);
    for (line, topic) in [
        ("TOPIC #reef :low  tide", "332 #reef :low  tide"),
        ("TOPIC #reef :low  tide", "332 #reef :low  tide"),
        ("TOPIC #reef :", "331 #reef :No topic is set"),
    ] {
        net.say(bob, line);
        for user in [ann, bob] {
            assert_eq!(net.hear(user), [format!(":theshire.nz {topic}")], "{line}");
        }
    }
    net.silent(&[cid]);
}

#[test]
fn who_founds_a_channel_anew_hears_of_no_other_time() {
    let (mut net, server) = Net::of("theshire.nz");
    let ann = net.user(server, "ann");
    net.say(ann, "JOIN #reef old");
    net.say(ann, "TOPIC #reef :old");
    net.say(ann, "PART #reef");
    net.hear(ann);
    net.say(ann, "JOIN #reef new");
    assert_eq!(net.hear(ann), [":theshire.nz 331 #reef :No topic is set"]);
    assert_eq!(
        net.channels(server),
        [channel("#reef", "new", "", &["ann"])]
    );
}

// Servers.

#[test]
fn a_new_server_is_listed_the_network_in_order() {
    let (mut net, server) = Net::of("hub");
    let (far, listing) = net.adjacent(server, "far");
    assert_eq!(listing, [":hub SERVER hub 1 :Info of hub"]);
    for line in [
        ":far SERVER farther 2 :Info of farther",
        ":far USER zoe zbox farther :Zoe",
        ":zoe JOIN #zoo key",
        ":zoe TOPIC #zoo :beasts",
    ] {
        net.say(far, line);
    }
    let ann = net.user(server, "ann");
    net.say(ann, "JOIN #bay");
    net.say(ann, "JOIN #zoo key");
    assert_eq!(net.hear(ann)[1], ":hub 332 #zoo :beasts");
    let client = net.rig.our_client(server, 77);
    net.rig.soon();
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
    assert_eq!(net.hear(late).join("\r\n") + "\r\n", expected);
    let told = [
        ":hub USER ann box srv :Mx ann",
        ":ann JOIN #bay",
        ":ann JOIN #zoo key",
        ":hub USER host77 77.crc hub :info",
        ":hub SERVER late 2 :\"The late\"",
    ];
    assert_eq!(net.hear(far), told);
    net.silent(&[ann]);
    net.rig.heard(client);
}

#[test]
fn what_a_server_tells_goes_on_to_the_others_and_not_back() {
    let (mut net, server) = Net::of("hub");
    let (one, _) = net.adjacent(server, "one");
    let (two, _) = net.adjacent(server, "two");
    let (three, _) = net.adjacent(server, "three");
    for raw in [one, two, three] {
        net.hear(raw);
    }
    let ann = net.user(server, "ann");
    for raw in [one, two, three] {
        assert_eq!(net.hear(raw), [":hub USER ann box srv :Mx ann"]);
    }
    for (line, told) in [
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
        net.say(one, line);
        for raw in [two, three] {
            assert_eq!(net.hear(raw), [told], "{line}");
        }
        net.silent(&[one, ann]);
    }
    // Known by the same way, unknown, or not its own to say.
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
        net.say(one, line);
        net.silent(&[one, two, three, ann]);
    }
    assert!(!net.ended(one));
    net.say(ann, "JOIN #zoo");
    net.hear(ann);
    for raw in [one, two, three] {
        assert_eq!(net.hear(raw), [":ann JOIN #zoo"]);
    }
    net.say(one, ":zoe PRIVMSG #zoo :roar");
    assert_eq!(net.hear(ann), [":zoe PRIVMSG #zoo :roar"]);
    net.silent(&[one, two, three]);
    net.say(two, ":two USER bob bbox two :Bob");
    net.say(two, ":bob JOIN #zoo");
    net.say(two, ":bob PRIVMSG #zoo :hear hear");
    assert_eq!(net.hear(ann), [":bob PRIVMSG #zoo :hear hear"]);
    assert_eq!(net.hear(one)[2], ":bob PRIVMSG #zoo :hear hear");
    assert_eq!(net.hear(three).len(), 2, "nobody there is in it");
    net.say(two, ":bob PRIVMSG zoe :psst");
    net.say(two, ":bob PRIVMSG ann :psst");
    assert_eq!(net.hear(one), [":bob PRIVMSG zoe :psst"]);
    assert_eq!(net.hear(ann), [":bob PRIVMSG ann :psst"]);
    net.say(two, ":bob TOPIC #zoo :for all");
    assert_eq!(net.hear(ann), [":hub 332 #zoo :for all"]);
    net.say(two, ":bob QUIT :\"so long\"");
    assert_eq!(net.hear(ann), [":bob QUIT :\"so long\""]);
    net.silent(&[two]);
}

#[test]
fn a_lost_server_takes_along_who_was_behind_it() {
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
        net.say(one, line);
    }
    net.say(ann, "JOIN #zoo");
    net.hear(ann);
    net.hear(two);
    net.rig.cut_raw(one);
    let mut told = net.hear(two);
    told.sort();
    let why = "the peer closed the connection";
    let squit = |name| format!(":hub SQUIT {name} :{why}");
    assert_eq!(
        told,
        [
            squit("far"),
            squit("one"),
            ":yan QUIT".into(),
            ":zoe QUIT".into()
        ]
    );
    net.silent(&[ann]);
    assert_eq!(net.channels(server), [channel("#zoo", "", "", &["ann"])]);
}

#[test]
fn a_server_whose_name_is_known_has_to_go() {
    let (mut net, hub) = Net::of("hub");
    net.server("crc.example", &[], &["s0:1"]);
    let (one, _) = net.adjacent(hub, "one");
    for name in ["hub", "HUB", "one", "crc.example"] {
        let raw = net.open(hub, &format!("SERVER {name} 1 :again"));
        let answer = net.hear(raw);
        assert!(answer.len() == 1 && answer[0].starts_with(&format!("ERROR :{name} is ")));
        assert!(net.ended(raw));
        net.silent(&[one]);
    }
    let long = net.open(hub, &format!("SERVER {} 1 :long", "n".repeat(65)));
    assert_eq!(net.hear(long), ["ERROR :the name is too long"]);
    // One of our own network: everybody would be there twice.
    net.say(one, ":one SERVER crc.example 2 :by another way");
    let answer = net.hear(one);
    assert!(answer[0].starts_with("ERROR :a server behind this link is known by another network"));
    assert!(net.ended(one));
    assert_eq!(net.state(hub).0, ["crc.example"]);
}

#[test]
fn only_those_link_who_may() {
    let (mut net, _) = Net::of("hub");
    let mut config = net.config("fort", &[], &[]);
    config.server_peers = vec!["192.0.2.0/24".parse().unwrap()];
    config.limits.hosts_max = 1;
    let fort = net.rig.server_with(config);
    let stranger = net.open(fort, "SERVER stranger 1 :x");
    assert_eq!(
        net.hear(stranger),
        ["ERROR :servers may not link from its address (see --server-peers)"]
    );
    assert!(net.ended(stranger));
    net.user(fort, "ann");
    let full = net.open(fort, "USER bob b s :Bob");
    assert_eq!(net.hear(full), ["ERROR :the directory is full"]);
    assert!(net.ended(full));
    let idle = net.rig.connect_at(fort, COURSE);
    net.rig.run(Duration::from_secs(11));
    assert_eq!(net.hear(idle), ["ERROR :no registration in time"]);
    assert!(net.ended(idle));
}

#[test]
fn names_for_one_who_does_not_read_have_a_bound() {
    let (mut net, _) = Net::of("hub");
    let mut config = net.config("small", &[], &[]);
    config.limits.client_queue_bytes_max = 1000;
    let small = net.rig.server_with(config);
    let ann = net.user(small, "ann");
    let asked = 200;
    net.rig.send(ann, "NAMES\r\n".repeat(asked).as_bytes());
    net.rig.soon();
    let answer = ":small 353 * :ann\r\n:small 366 :End of /NAMES list\r\n";
    assert!(net.rig.raws[ann].bytes.len() <= 1000 + 3 * answer.len());
    assert!(net.ended(ann));
}

// Servers of ours that speak it with each other.

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
        net.say(who, line);
        assert_eq!(net.hear(who), [answer], "{line}");
        net.silent(&[frodo, sam, elrond, aragorn]);
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
    // What is said crosses two links.
    net.say(elrond, "PRIVMSG #r :to one");
    assert_eq!(net.hear(aragorn), [":elrond PRIVMSG #r :to one"]);
    net.say(aragorn, "PRIVMSG #f :to two");
    for user in [frodo, sam] {
        assert_eq!(net.hear(user), [":aragorn PRIVMSG #f :to two"]);
    }
    net.say(aragorn, "PRIVMSG elrond :psst");
    assert_eq!(net.hear(elrond), [":aragorn PRIVMSG elrond :psst"]);
    net.say(aragorn, "TOPIC #r :first");
    net.say(elrond, "TOPIC #r :second");
    assert_eq!(
        net.hear(aragorn),
        [
            ":minastirith.nz 332 #r :first",
            ":minastirith.nz 332 #r :second"
        ]
    );
    assert_eq!(
        net.hear(elrond),
        [
            ":rivendale.nz 332 #r :first",
            ":rivendale.nz 332 #r :second"
        ]
    );
    net.say(elrond, "NAMES #f");
    assert_eq!(
        net.hear(elrond)[0],
        ":rivendale.nz 353 #f :aragorn frodo sam"
    );
    net.say(sam, "PART #f");
    net.say(aragorn, "QUIT :\"the king\"");
    for (user, others) in [(frodo, "frodo"), (elrond, "elrond")] {
        assert_eq!(net.hear(user), [":aragorn QUIT :\"the king\""], "{others}");
    }
    net.say(frodo, "QUIT");
    net.silent(&[sam, elrond, frodo]);
    for node in [shire, rivendale, minastirith] {
        assert_eq!(net.users(node), ["elrond", "sam"]);
        assert_eq!(
            net.channels(node),
            [channel("#r", "throne", "second", &["elrond"])]
        );
    }
}

#[test]
fn a_nick_is_nobody_elses_anywhere() {
    let (mut net, [_, rivendale, minastirith]) = Net::trio();
    net.user(rivendale, "sam");
    let second = net.open(minastirith, "USER sam other minastirith.nz :Sam");
    assert_eq!(
        net.hear(second),
        [":minastirith.nz 436 sam :Nickname collision KILL from sam@box"]
    );
    assert_eq!(net.users(minastirith), ["sam"]);
}

#[test]
fn late_servers_are_told_all_but_the_key() {
    let (mut net, shire) = Net::of("theshire.nz");
    let [frodo, sam] = ["frodo", "sam"].map(|nick| net.user(shire, nick));
    net.say(frodo, "JOIN #f key");
    net.say(sam, "JOIN #f key");
    net.say(sam, "TOPIC #f :the road");
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
    net.say(elrond, "JOIN #f");
    assert_eq!(net.hear(elrond), [":minastirith.nz 332 #f :the road"]);
    let both = channel("#f", "key", "the road", &["elrond", "frodo", "sam"]);
    assert_eq!(net.channels(shire), [both]);
}

#[test]
fn a_dialled_server_may_say_who_it_is_in_two_ways() {
    for answer in [":root SERVER root 1 :Root", "SERVER root 1 :Root"] {
        let mut net = Net::new();
        net.rig.listen_raw("root");
        let child = net.server("child", &["root:1"], &[]);
        let root = net.rig.newest("root");
        assert_eq!(
            net.hear(root),
            ["SERVER child 1 :Info of child"],
            "before all else"
        );
        // Who it is, is not known yet.
        net.say(root, ":root SERVER other 2 :x");
        net.say(root, "hello :there");
        assert_eq!(net.state(child).0, [""; 0]);
        net.say(root, answer);
        net.say(root, ":root SERVER other 2 :x");
        assert_eq!(net.state(child).0, ["other", "root"]);
        net.silent(&[root]);
        net.user(child, "ann");
        assert_eq!(net.hear(root), [":child USER ann box srv :Mx ann"]);
    }
}

#[test]
fn a_lost_parent_is_dialled_again_and_told_of_our_side() {
    let mut net = Net::new();
    net.rig.listen_raw("root");
    let child = net.server("child", &["root:1"], &[]);
    let root = net.rig.newest("root");
    net.say(root, ":root SERVER root 1 :Root");
    net.say(root, ":root USER zoe zbox root :Zoe");
    net.say(root, ":zoe JOIN #bay");
    net.say(root, ":zoe TOPIC #bay :theirs");
    let (leaf, _) = net.adjacent(child, "leaf");
    net.say(leaf, ":leaf USER yan ybox leaf :Yan");
    let ann = net.user(child, "ann");
    net.say(ann, "JOIN #bay");
    net.say(ann, "JOIN #cove");
    net.rig.cut_raw(root);
    net.rig.run(Duration::from_secs(5));
    let again = net.rig.newest("root");
    assert_ne!(again, root);
    assert_eq!(
        net.hear(again),
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
    // What happens before it has said who it is, it is told as well.
    net.say(ann, "PART #cove");
    assert_eq!(net.hear(again), [":ann PART #cove"]);
    net.hear(ann);
    for line in [
        ":root SERVER root 1 :Root",
        ":root USER zoe zbox root :Zoe",
        ":root 332 #bay :newer",
        ":root 353 #bay :zoe",
    ] {
        net.say(again, line);
    }
    assert_eq!(net.hear(ann), [":child 332 #bay :newer"]);
    assert_eq!(
        net.channels(child),
        [channel("#bay", "", "newer", &["ann", "zoe"])]
    );
    net.silent(&[again]);
}

#[test]
fn of_two_topics_that_of_the_parent_stands() {
    let (mut net, shire) = Net::of("theshire.nz");
    let frodo = net.user(shire, "frodo");
    let rivendale = net.server("rivendale.nz", &["c0:1"], &[]);
    let elrond = net.user(rivendale, "elrond");
    for user in [frodo, elrond] {
        net.say(user, "JOIN #f");
    }
    // The link breaks, and each side goes on by itself.
    let config = net.config("theshire.nz", &[], &[]);
    net.rig.kill(shire);
    net.rig.run(Duration::from_secs(1));
    assert_eq!(net.users(rivendale), ["elrond"]);
    net.say(elrond, "TOPIC #f :child");
    net.rig.restart(shire, config);
    let frodo = net.user(shire, "frodo");
    net.say(frodo, "JOIN #f");
    net.say(frodo, "TOPIC #f :parent");
    net.rig.run(Duration::from_secs(60));
    for node in [shire, rivendale] {
        let both = channel("#f", "", "parent", &["elrond", "frodo"]);
        assert_eq!(net.channels(node), [both], "{node}");
    }
    assert_eq!(
        net.hear(elrond).pop().unwrap(),
        ":rivendale.nz 332 #f :parent"
    );
}

#[test]
fn addresses_are_dialled_in_turn() {
    let mut net = Net::new();
    net.rig.listen_raw("closed");
    net.rig.listen_raw("open");
    let child = net.server("child", &["nowhere:1", "closed:1", "open:1"], &[]);
    net.rig.run(Duration::from_secs(3));
    let closed = net.rig.newest("closed");
    net.say(closed, "ERROR :not you");
    net.rig.cut_raw(closed);
    net.rig.run(Duration::from_secs(10));
    let open = net.rig.newest("open");
    net.say(open, "SERVER open 1 :Open");
    assert_eq!(net.state(child).0, ["open"]);
    let snapshot = net.rig.nodes[child].server.snapshot();
    assert_eq!(snapshot.uplink(), None, "that is another matter");
    assert_eq!(snapshot.rank(), 0);
    assert_eq!(snapshot.candidates(), []);
}

// The network of frames, and that of the dialect.

#[test]
fn both_networks_are_one() {
    // gate and crc are linked by frames, gate and course by the dialect.
    let (mut net, gate) = Net::of("gate");
    let crc = net.server("crc", &[], &["s0:1"]);
    let course = net.server("course", &["c0:1"], &[]);
    let (leaf, listing) = net.adjacent(course, "leaf");
    assert_eq!(
        listing,
        [
            ":course SERVER course 1 :Info of course",
            ":course SERVER crc 3 :Info of crc",
            ":course SERVER gate 2 :Info of gate",
        ]
    );
    let ann = net.user(course, "ann");
    net.hear(leaf);
    let client = net.rig.connect(crc);
    for info in ["info", "info [crc2;f=channels]"] {
        net.rig
            .say(client, &registration(Kind::Client, 77, None, info));
    }
    net.rig.soon();
    assert_eq!(net.hear(leaf), [":course USER host77 77.crc gate :info"]);
    let heard = net.rig.heard(client);
    let ann_id = heard.iter().find_map(|message| match message {
        Message::ClientRegistration(r) if r.name.as_str() == "ann" => Some(r.source.get()),
        _ => None,
    });
    let ann_id = ann_id.unwrap();
    net.rig.say(client, &chat(77, ann_id, "two\nlines"));
    assert_eq!(
        net.hear(ann),
        [":host77 PRIVMSG ann :two", ":host77 PRIVMSG ann :lines"]
    );
    net.say(ann, "PRIVMSG host77 :hello");
    net.rig.soon();
    assert_eq!(net.rig.heard(client), [chat(ann_id, 77, "hello")]);
    // A channel of both.
    let by_wish = |kind, text: &str| {
        Message::ChannelRequest(crc_wire::ChannelRequest {
            source: HostId::new(77).unwrap(),
            destination: None,
            kind,
            channel: Some(ChannelName::new("#bay").unwrap()),
            text: Text::new(text.to_owned()).unwrap(),
        })
    };
    net.rig
        .say(client, &by_wish(crc_wire::RequestKind::JOIN, ""));
    net.rig.soon();
    assert_eq!(net.hear(leaf), [":host77 JOIN #bay"]);
    net.say(ann, "JOIN #bay");
    net.hear(ann);
    net.rig.heard(client);
    net.say(ann, "PRIVMSG #bay :tide");
    net.rig.soon();
    let said = |source: u32, text: &str| {
        Message::ChannelChat(crc_wire::ChannelChat {
            source: HostId::new(source).unwrap(),
            kind: ChatKind::Message,
            channel: ChannelName::new("#bay").unwrap(),
            text: Text::new(text.to_owned()).unwrap(),
        })
    };
    assert_eq!(net.rig.heard(client), [said(ann_id, "tide")]);
    net.rig.say(client, &said(77, "ebb\nflow"));
    assert_eq!(
        net.hear(ann),
        [":host77 PRIVMSG #bay :ebb", ":host77 PRIVMSG #bay :flow"]
    );
    net.say(ann, "TOPIC #bay :deep");
    net.hear(ann);
    for node in [gate, crc, course] {
        let bay = channel("#bay", "", "deep", &["ann", "host77"]);
        assert_eq!(net.channels(node), [bay]);
    }
    net.rig.say(client, &quit(77, "so long"));
    assert_eq!(net.hear(ann), [":host77 QUIT :so long"]);
    // Two servers of the network of frames that are linked by the dialect, too.
    let loops = net.server("third", &["c1:1"], &["s0:1"]);
    net.rig.run(Duration::from_secs(60));
    assert_eq!(net.state(loops).0, ["course", "crc", "gate", "leaf"]);
    assert_eq!(net.users(loops), ["ann"]);
}

#[test]
fn two_networks_that_are_linked_twice_come_apart() {
    // The link by frames is the later one.
    let (mut net, gate) = Net::of("gate");
    let course = net.server("course", &["c0:1"], &[]);
    let config = net.config("third", &["c1:1"], &[]);
    let third = net.rig.server_with(config.clone());
    net.rig.run(Duration::from_secs(3));
    net.user(course, "ann");
    assert_eq!(net.state(third).0, ["course", "gate"]);
    let frames = net.rig.connect(third);
    net.rig
        .introduce_ours(frames, 50, "r=0;f=server-quit,channels");
    let told_of_gate = Registration {
        source: HostId::new(1).unwrap(),
        last_hop: HostId::new(50),
        name: Name::new("gate").unwrap(),
        info: Info::default(),
    };
    net.rig
        .say(frames, &Message::ServerRegistration(told_of_gate));
    net.rig.soon();
    let alone = ["gate|1", "host50"];
    assert_eq!(net.state(third).0, alone, "who came later keeps its name");
    assert_eq!(net.state(gate).0, ["course"]);
    net.rig.run(Duration::from_secs(20));
    assert_eq!(net.state(third).0, alone, "however often it comes");
    // The other one is lost: the dialect has its turn.
    net.rig.cut_raw(frames);
    net.rig.run(Duration::from_secs(60));
    assert_eq!(net.state(third).0, ["course", "gate"]);
    assert_eq!(net.users(third), ["ann"]);
}

#[test]
fn a_rename_is_a_user_who_comes_and_one_who_goes() {
    let (mut net, gate) = Net::of("gate");
    let (leaf, _) = net.adjacent(gate, "leaf");
    let crc = net.rig.connect(gate);
    net.rig
        .introduce_ours(crc, 50, "r=1;f=server-quit,channels");
    net.rig.heard(crc);
    net.rig
        .say(crc, &registration(Kind::Client, 77, Some(50), "info"));
    net.rig.say(
        crc,
        &Message::ChannelJoin(crc_wire::ChannelJoin {
            source: HostId::new(77).unwrap(),
            by: None,
            flags: MemberFlags::OPERATOR,
            channel: ChannelName::new("#bay").unwrap(),
        }),
    );
    let told = net.hear(leaf);
    assert_eq!(
        told[told.len() - 2..],
        [":gate USER host77 77.crc gate :info", ":host77 JOIN #bay"]
    );
    let Message::ClientRegistration(mut again) = registration(Kind::Client, 77, Some(50), "info")
    else {
        unreachable!()
    };
    again.name = Name::new("new name").unwrap();
    net.rig.say(crc, &Message::ClientRegistration(again));
    assert_eq!(
        net.hear(leaf),
        [
            ":gate USER new_name 77.crc gate :info",
            ":new_name JOIN #bay",
            ":host77 QUIT",
        ]
    );
}

#[test]
fn users_of_irc_are_users_like_others() {
    const IRC: ListenerId = ListenerId(1 << 17);
    let mut net = Net::new();
    let mut config = net.config("hub", &[], &[]);
    config.text_listeners.push((IRC, TextProtocol::Irc));
    let hub = net.rig.server_with(config);
    let (leaf, _) = net.adjacent(hub, "leaf");
    let ann = net.user(hub, "ann");
    net.say(ann, "JOIN #bay");
    net.hear(ann);
    net.hear(leaf);
    let ivy = net.rig.connect_at(hub, IRC);
    net.say(ivy, "NICK ivy");
    net.say(ivy, "USER i 0 * :Ivy");
    let told = net.hear(leaf);
    let [user] = &told[..] else {
        panic!("{told:?}")
    };
    assert!(
        user.starts_with(":hub USER ivy ") && user.ends_with(".crc hub :Ivy"),
        "{user}"
    );
    net.hear(ivy);
    net.say(ivy, "JOIN #bay");
    assert_eq!(net.hear(leaf), [":ivy JOIN #bay"]);
    net.silent(&[ann]);
    net.hear(ivy);
    net.say(leaf, ":leaf USER zoe zbox leaf :Zoe");
    net.say(leaf, ":zoe JOIN #bay");
    let joined = net.hear(ivy);
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
        for raw in [ann, ivy, leaf] {
            net.hear(raw);
        }
        net.say(who, line);
        let heard = net.hear(heard_by);
        assert!(
            heard.last().is_some_and(|last| last.ends_with(endpoints)),
            "{line}: {heard:?}"
        );
    }
    net.hear(leaf);
    net.say(ivy, "NICK Ivy");
    let told = net.hear(leaf);
    assert_eq!(
        told[0], ":ivy QUIT",
        "two that differ in capitals can't be there at once"
    );
    assert!(told[1].starts_with(":hub USER Ivy "));
    assert_eq!(told[2..], [":Ivy JOIN #bay"]);
    net.say(ivy, "NICK fern");
    let told = net.hear(leaf);
    assert!(told[0].starts_with(":hub USER fern "));
    assert_eq!(told[1..], [":fern JOIN #bay", ":Ivy QUIT"]);
    let taken = net.open(hub, "USER Fern x y :x");
    let refusal = net.hear(taken);
    assert!(refusal[0].starts_with(":hub 436 Fern :Nickname collision KILL from fern@"));
    net.hear(ann);
    net.say(ivy, "QUIT :so long");
    let told = net.hear(ann);
    assert!(told.len() == 1 && told[0].starts_with(":fern QUIT :") && told[0].ends_with("so long"));
    assert_eq!(net.users(hub), ["ann", "zoe"]);
}

/// A server of ours that the test speaks for, linked by frames.
fn frames_server(net: &mut Net, node: usize) -> usize {
    let raw = net.rig.connect(node);
    net.rig
        .introduce_ours(raw, 50, "r=1;f=server-quit,channels");
    net.rig.heard(raw);
    raw
}

#[test]
fn what_channels_of_irc_forbid_has_its_answer() {
    let (mut net, hub) = Net::of("hub");
    let crc = frames_server(&mut net, hub);
    let [ann, bob] = ["ann", "bob"].map(|nick| net.user(hub, nick));
    net.say(ann, "JOIN #bay");
    net.hear(ann);
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
        net.rig.say(crc, &Message::ChannelSetting(setting));
        net.rig.soon();
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
        net.say(bob, line);
        assert_eq!(net.hear(bob), [format!(":hub {answer}")], "{value}");
    }
    // Who has founded it is its operator.
    net.say(ann, "PRIVMSG #bay :calm");
    assert_eq!(net.hear(bob), [":ann PRIVMSG #bay :calm"]);
    set(&mut net, ChannelField::TOPIC, "of another server");
    for user in [ann, bob] {
        assert_eq!(net.hear(user), [":hub 332 #bay :of another server"]);
    }
    for number in 1..250 {
        net.say(bob, &format!("JOIN #bay{number}"));
    }
    net.hear(bob);
    net.say(bob, "JOIN #bay250");
    assert_eq!(
        net.hear(bob),
        [":hub 405 #bay250 :You have joined too many channels"]
    );
}

#[test]
fn long_answers_and_chats_have_several_lines() {
    let (mut net, hub) = Net::of("hub");
    let crc = frames_server(&mut net, hub);
    let (far, _) = net.adjacent(hub, "far");
    let nicks: Vec<_> = (100..400)
        .map(|n| format!("somebody-with-a-longer-nick-{n}"))
        .collect();
    for nick in &nicks {
        net.say(far, &format!(":far USER {nick} box far :x"));
        net.say(far, &format!(":{nick} JOIN #crowd"));
    }
    let ann = net.user(hub, "ann");
    net.say(ann, "NAMES #crowd");
    let heard = net.hear(ann);
    let (end, names) = heard.split_last().unwrap();
    assert_eq!(end, ":hub 366 :End of /NAMES list");
    assert!(names.len() > 1 && names.iter().all(|line| line.len() + 2 <= 8192));
    let names = names
        .iter()
        .map(|line| line.strip_prefix(":hub 353 #crowd :").unwrap());
    let names: Vec<_> = names.flat_map(|names| names.split(' ')).collect();
    assert_eq!(names, nicks);
    // A server of ours takes the same listing.
    let child = net.server("child", &["c0:1"], &[]);
    assert_eq!(net.channels(child)[0].1, nicks);
    // A chat of frames has no such limit.
    net.rig
        .say(crc, &registration(Kind::Client, 77, Some(50), "info"));
    net.rig.soon();
    let snapshot = net.rig.nodes[hub].server.snapshot();
    let ann_id = snapshot.nicks().unwrap().find("ann").unwrap().get();
    let text = "ü".repeat(10_000);
    net.rig.say(crc, &chat(77, ann_id, &text));
    let heard = net.hear(ann);
    assert_eq!(heard.len(), 3);
    let said = heard
        .iter()
        .map(|line| line.strip_prefix(":host77 PRIVMSG ann :").unwrap());
    assert_eq!(said.collect::<String>(), text);
}

#[test]
fn a_user_whose_id_is_taken_elsewhere_stays() {
    let mut net = Net::new();
    net.rig.listen_raw("root");
    let gate = net.server("gate", &[], &["root:1"]);
    let root = net.rig.newest("root");
    net.rig
        .introduce_ours(root, 50, "r=0;f=server-quit,channels");
    let (leaf, _) = net.adjacent(gate, "leaf");
    let [ann, bob] = ["ann", "bob"].map(|nick| net.user(gate, nick));
    for user in [ann, bob] {
        net.say(user, "JOIN #bay");
        net.hear(user);
    }
    net.say(leaf, ":leaf USER zoe zbox leaf :Zoe");
    net.say(leaf, ":zoe JOIN #bay");
    net.hear(leaf);
    for nick in ["ann", "zoe"] {
        let snapshot = net.rig.nodes[gate].server.snapshot();
        let id = snapshot.nicks().unwrap().find(nick).unwrap().get();
        net.rig
            .say(root, &registration(Kind::Client, id, Some(50), "info"));
        net.rig.soon();
        let told = net.hear(leaf);
        assert_eq!(told, [format!(":gate USER host{id} {id}.crc gate :info")]);
        net.silent(&[ann, bob]);
    }
    assert_eq!(net.channels(gate)[0].1, ["ann", "bob", "zoe"]);
    net.say(ann, "PRIVMSG #bay :still here");
    assert_eq!(net.hear(bob), [":ann PRIVMSG #bay :still here"]);
    net.say(leaf, ":zoe PRIVMSG ann :me too");
    assert_eq!(net.hear(ann), [":zoe PRIVMSG ann :me too"]);
    let late = net.open(gate, "USER zoe x y :Another");
    let holder = ":gate 436 zoe :Nickname collision KILL from zoe@zbox";
    assert_eq!(net.hear(late), [holder]);
}

#[test]
fn what_is_told_to_frames_looks_like_nothing_else() {
    let (mut net, hub) = Net::of("hub");
    let crc = frames_server(&mut net, hub);
    let (_, _) = net.adjacent(hub, "far");
    net.open(hub, "SERVER liar 1 :x [crc2;a=192.0.2.1:1;r=0;f=]");
    net.open(hub, "USER ann box hub :A\u{1b}nn");
    net.rig.soon();
    let infos = net
        .rig
        .heard(crc)
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
fn chats_of_users_have_a_rate_if_there_is_one() {
    let mut net = Net::new();
    let mut config = net.config("hub", &[], &[]);
    config.limits.client_chats_per_second = 2;
    let hub = net.rig.server_with(config);
    let [ann, bob] = ["ann", "bob"].map(|nick| net.user(hub, nick));
    for _ in 0..3 {
        net.say(ann, "PRIVMSG bob :x");
    }
    assert_eq!(net.hear(bob).len(), 2);
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

    /// Whatever users and servers say, one after the other: what must hold holds, and
    /// servers agree on who is where.
    #[test]
    fn whatever_is_said_the_servers_agree(
        lines in prop::collection::vec((0..5_usize, line()), 1..120)
    ) {
        let (mut net, hub) = Net::of("hub");
        let other = net.server("crc", &[], &["s0:1"]);
        let child = net.server("child", &["c0:1"], &[]);
        let mut raws: Vec<usize> = (0..5).map(|n| net.rig.connect_at([hub, child][n % 2], COURSE)).collect();
        net.say(raws[0], "SERVER one 1 :One");
        net.say(raws[1], "SERVER two 1 :Two");
        net.say(raws[2], "USER ann box hub :Ann");
        for (who, line) in lines {
            let raw = raws[who];
            if net.ended(raw) {
                raws[who] = net.rig.connect_at([hub, child][who % 2], COURSE);
            }
            net.say(raws[who], &line);
        }
        net.rig.run(Duration::from_secs(90));
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
