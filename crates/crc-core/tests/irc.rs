//! IRC without sockets: what IRC clients get, line by line, and how they and the other
//! hosts of the network see each other.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may fail"
)]

mod fixture;

use std::time::Duration;

use crc_core::{ListenerId, ServerCommand, TextProtocol};
use crc_wire::{
    ChannelChat, ChannelField, ChannelName, ChannelRequest, ChatKind, HostId, Message, RequestKind,
    StatusCode, Text,
};
use fixture::{Fixture, Kind, chat, config, id, registration, status};
use proptest::prelude::*;

const IRC: ListenerId = ListenerId(1);
const LEGACY: ListenerId = ListenerId(2);

/// A network with users of IRC.
struct Net {
    fixture: Fixture,
}

impl Net {
    /// A root `server0`, and `servers - 1` linked to it, all of which speak IRC.
    fn new(servers: usize) -> Net {
        Net::with(servers, |_| {})
    }

    fn with(servers: usize, set: impl Fn(&mut crc_core::Config)) -> Net {
        let mut fixture = Fixture::new(7);
        for number in 0..servers {
            let mut config = config(number);
            config.text_listeners = vec![(IRC, TextProtocol::Irc), (LEGACY, TextProtocol::Legacy)];
            config.started_at_unix_ms = 1_700_000_000_000;
            config.limits.irc_lines_per_second = 0;
            if number > 0 {
                config.connect = vec!["s0:1".parse().unwrap()];
            }
            set(&mut config);
            fixture.server_with(config);
        }
        fixture.run(Duration::from_secs(3));
        Net { fixture }
    }

    fn connect(&mut self, node: usize) -> usize {
        self.fixture.connect_at(node, IRC)
    }

    /// A user that has registered, and has read the welcome.
    fn user(&mut self, node: usize, nick: &str) -> usize {
        let peer = self.connect(node);
        self.request(peer, &format!("NICK {nick}"));
        let welcome = self.request(peer, &format!("USER {nick} 0 * :Real {nick}"));
        assert!(welcome[0].contains(" 001 "), "{welcome:?}");
        peer
    }

    /// The same, with capabilities.
    fn user_with(&mut self, node: usize, nick: &str, capabilities: &str) -> usize {
        let peer = self.user(node, nick);
        let answer = self.request(peer, &format!("CAP REQ :{capabilities}"));
        assert_eq!(
            answer,
            [format!(":server{node} CAP {nick} ACK :{capabilities}")]
        );
        peer
    }

    /// A CRC client that supports channels.
    fn crc(&mut self, node: usize, client: u32) -> usize {
        let peer = self.fixture.client(node, client);
        let info = "info [crc2;f=channels]";
        self.fixture
            .send_message(peer, &registration(Kind::Client, client, None, info));
        self.fixture.soon();
        self.fixture.received(peer);
        peer
    }

    fn send_line(&mut self, peer: usize, line: &str) {
        self.fixture.send(peer, format!("{line}\r\n").as_bytes());
    }

    fn read_bytes(&mut self, peer: usize) -> Vec<u8> {
        self.fixture.soon();
        self.fixture.peers[peer].writes.clear();
        std::mem::take(&mut self.fixture.peers[peer].bytes)
    }

    /// The lines that came since the last time, with `ID` for the ids of hosts.
    fn read_lines(&mut self, peer: usize) -> Vec<String> {
        let bytes = self.read_bytes(peer);
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.is_empty() || text.ends_with("\r\n"), "{text:?}");
        let lines = text.split_terminator("\r\n");
        let lines = lines.inspect(|line| {
            let tags = line.starts_with('@').then(|| line.find(' ').unwrap() + 1);
            assert!(line.len() - tags.unwrap_or(0) <= 510, "{line:?}");
            assert!(!line.contains(['\0', '\r', '\n']), "{line:?}");
        });
        lines.map(without_ids).collect()
    }

    fn request(&mut self, peer: usize, line: &str) -> Vec<String> {
        self.send_line(peer, line);
        self.read_lines(peer)
    }

    /// Sends a line, and gets exactly these lines.
    #[track_caller]
    fn expect(&mut self, peer: usize, line: &str, expected: &[&str]) {
        assert_eq!(self.request(peer, line), expected, "{line}");
    }

    /// Exactly these lines came.
    #[track_caller]
    fn expect_lines(&mut self, peer: usize, expected: &[&str]) {
        assert_eq!(self.read_lines(peer), expected);
    }

    fn discard(&mut self, peers: &[usize]) {
        for peer in peers {
            self.read_lines(*peer);
        }
    }

    /// The id of a nick at a server.
    fn id_of(&self, node: usize, nick: &str) -> HostId {
        let snapshot = self.fixture.nodes[node].server.snapshot();
        snapshot.nicks().unwrap().find(nick).unwrap()
    }

    fn members(&self, node: usize, channel: &str) -> Vec<String> {
        let snapshot = self.fixture.nodes[node].server.snapshot();
        let nicks = snapshot.nicks().unwrap();
        let Some(channel) = snapshot.channels().find(channel) else {
            return Vec::new();
        };
        let mut members: Vec<_> = channel
            .members()
            .map(|(id, flags)| format!("{}{}", flags.byte(), nicks.of(id).unwrap()))
            .collect();
        members.sort();
        members
    }
}

fn without_ids(line: &str) -> String {
    let mut text = String::new();
    let mut parts = line.split(".crc").peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_some() {
            text.push_str(part.trim_end_matches(|c: char| c.is_ascii_digit()));
            text.push_str("ID.crc");
        } else {
            text.push_str(part);
        }
    }
    text
}

fn channel_frame(source: u32, name: &str, text: &str) -> Message<'static> {
    Message::ChannelChat(ChannelChat {
        source: id(source),
        kind: ChatKind::Message,
        channel: ChannelName::new(name.to_owned()).unwrap(),
        text: Text::new(text.to_owned()).unwrap(),
    })
}

fn channel_request(
    source: u32,
    destination: Option<HostId>,
    kind: RequestKind,
    name: &str,
    text: &str,
) -> Message<'static> {
    Message::ChannelRequest(ChannelRequest {
        source: id(source),
        destination,
        kind,
        channel: ChannelName::new(name.to_owned()).ok(),
        text: Text::new(text.to_owned()).unwrap(),
    })
}

// Registration.

#[test]
fn a_registered_user_is_welcomed() {
    let mut net = Net::new(1);
    let ann = net.connect(0);
    assert!(net.request(ann, "NICK ann").is_empty());
    let welcome = net.request(ann, "USER ann 0 * :Ann of the Reef");
    let support = ":server0 005 ann CHANTYPES=# PREFIX=(ov)@+ CHANMODES=b,k,l,imnt \
         CASEMAPPING=ascii NICKLEN=30 USERLEN=10 CHANNELLEN=64 TOPICLEN=390 KICKLEN=300 \
         AWAYLEN=300 NETWORK=CRC :are supported by this server";
    let more = ":server0 005 ann MODES=12 MAXLIST=b:100 CHANLIMIT=#:250 MAXTARGETS=4 \
         TARGMAX=JOIN:,KICK:4,NAMES:,NOTICE:4,PART:,PRIVMSG:4,WHOIS:4 CLIENTTAGDENY=* SAFELIST \
         WHOX :are supported by this server";
    let version = concat!("crc-", env!("CARGO_PKG_VERSION"));
    assert_eq!(
        welcome,
        [
            ":server0 001 ann :Welcome to the relay chat network, ann!~ann@ID.crc".to_owned(),
            format!(":server0 002 ann :Your host is server0, running version {version}"),
            ":server0 003 ann :This server was started Tue, 14 Nov 2023 22:13:20 UTC".to_owned(),
            format!(":server0 004 ann server0 {version} i biklmnotv bklov"),
            support.to_owned(),
            more.to_owned(),
            ":server0 251 ann :There are 1 users and 0 services on 1 servers".to_owned(),
            ":server0 254 ann 0 :channels formed".to_owned(),
            ":server0 255 ann :I have 1 clients and 0 servers".to_owned(),
            ":server0 422 ann :There is no message of the day".to_owned(),
        ]
    );
    let snapshot = net.fixture.nodes[0].server.snapshot();
    assert_eq!(
        (snapshot.unregistered_links(), snapshot.directory().len()),
        (0, 1)
    );
    let host = snapshot.directory().clients().next().unwrap();
    assert_eq!((host.name(), host.info()), ("ann", "Ann of the Reef"));
}

#[test]
fn nick_and_user_come_in_any_order_and_in_segments() {
    let mut net = Net::with(1, |config| {
        config.motd = vec!["Low tide".into(), String::new()]
    });
    let ann = net.connect(0);
    assert!(net.request(ann, "PASS secret").is_empty());
    assert!(net.request(ann, "USER a!@n\u{e9} 0 * Ann").is_empty());
    net.expect(ann, "PING :lag 1", &[":server0 PONG server0 :lag 1"]);
    net.fixture.send(ann, b"NI");
    assert!(net.read_lines(ann).is_empty());
    net.fixture.send(ann, b"CK ann\n");
    let welcome = net.read_lines(ann);
    assert_eq!(
        welcome[0],
        ":server0 001 ann :Welcome to the relay chat network, ann!~an@ID.crc"
    );
    assert_eq!(
        welcome[welcome.len() - 4..],
        [
            ":server0 375 ann :- server0 Message of the day -",
            ":server0 372 ann :- Low tide",
            ":server0 372 ann :- ",
            ":server0 376 ann :End of /MOTD command",
        ]
    );
    net.expect(
        ann,
        "USER ann 0 * :Ann",
        &[":server0 462 ann :You may not reregister"],
    );
    net.expect(ann, "PASS x", &[":server0 462 ann :You may not reregister"]);
}

#[test]
fn an_unregistered_user_learns_what_is_missing() {
    let mut net = Net::new(1);
    let ann = net.connect(0);
    let unregistered = ":server0 451 * :You have not registered";
    net.expect(ann, "JOIN :", &[unregistered]);
    net.expect(ann, "PRIVMSG bob :hi", &[unregistered]);
    net.expect(ann, "FROB", &[unregistered]);
    net.expect(ann, "NICK", &[":server0 431 * :No nickname given"]);
    net.expect(ann, "NICK :", &[":server0 431 * :No nickname given"]);
    net.expect(
        ann,
        "NICK 4ann",
        &[":server0 432 * 4ann :Erroneous nickname"],
    );
    let long = "n".repeat(31);
    let expected = format!(":server0 432 * {long} :Erroneous nickname");
    net.expect(ann, &format!("NICK {long}"), &[&expected]);
    net.expect(
        ann,
        "USER ann 0 *",
        &[":server0 461 * USER :Not enough parameters"],
    );
    net.expect(ann, "PING", &[":server0 409 * :No origin specified"]);
    assert_eq!(
        net.fixture.nodes[0].server.snapshot().unregistered_links(),
        1
    );
    net.expect(ann, "QUIT", &["ERROR :Closing Link: * (Quit)"]);
    assert!(net.fixture.peers[ann].ended);
}

#[test]
fn a_nick_is_unique_across_protocols() {
    let mut net = Net::new(2);
    net.crc(0, 300);
    let ann = net.user(0, "ann");
    let taken = |nick: &str| format!(":server1 433 * {nick} :Nickname is already in use");
    let bob = net.connect(1);
    net.expect(bob, "NICK ANN", &[&taken("ANN")]);
    net.expect(bob, "NICK Host300", &[&taken("Host300")]);
    net.expect(bob, "NICK server0", &[&taken("server0")]);
    // Two users ask for the same nick before either has it.
    let other = net.connect(1);
    assert!(net.request(other, "NICK bob").is_empty());
    assert!(net.request(bob, "NICK bob").is_empty());
    assert!(net.request(bob, "USER bob 0 * :Bob")[0].contains(" 001 bob "));
    net.expect(other, "USER bob 0 * :Bob", &[&taken("bob")]);
    assert!(net.request(other, "NICK bob2")[0].contains(" 001 bob2 "));
    let taken = ":server0 433 ann bob :Nickname is already in use";
    net.expect(ann, "NICK bob", &[taken]);
    net.expect(ann, "NICK x y", &[":ann!~ann@ID.crc NICK :x"]);
    net.expect(ann, "NICK X", &[":x!~ann@ID.crc NICK :X"]);
    net.expect(ann, "NICK X", &[]);
}

#[test]
fn a_later_host_with_a_used_name_gets_a_nick_with_its_id() {
    let mut net = Net::new(2);
    let ann = net.user(0, "host300");
    net.crc(1, 300);
    net.fixture.run(Duration::from_secs(1));
    net.expect(
        ann,
        "ISON host300 host300|300",
        &[":server0 303 host300 :host300 host300|300"],
    );
    let bob = net.user(1, "bob");
    net.expect(bob, "PRIVMSG host300|300 :hi", &[]);
}

#[test]
fn two_users_that_take_a_nick_at_once_are_renamed_on_each_others_server() {
    let mut net = Net::new(2);
    let users = [net.connect(0), net.connect(1)];
    for user in users {
        net.send_line(user, "NICK ann");
        net.send_line(user, "USER ann 0 * :Ann");
        net.send_line(user, "JOIN #reef");
    }
    net.fixture.run(Duration::from_secs(1));
    net.discard(&users);
    for (node, user) in users.into_iter().enumerate() {
        let other = net.id_of(1 - node, "ann");
        let nick = format!("ann|{other}");
        assert_eq!(net.id_of(node, &nick), other);
        net.expect(user, &format!("PRIVMSG {nick} :hi"), &[]);
        let heard = net.read_lines(users[1 - node]);
        let (from, said) = heard[0].split_once(' ').unwrap();
        assert_eq!(said, "PRIVMSG ann :hi");
        assert!(from.starts_with(":ann|"), "{heard:?}");
        net.send_line(user, "PRIVMSG #reef :all");
        assert!(net.read_lines(users[1 - node])[0].starts_with(":ann|"));
    }
}

#[test]
fn a_user_whose_id_is_taken_stays_with_a_new_id() {
    let mut net = Net::with(1, |config| {
        config.connect = vec!["r0:1".parse().unwrap()];
    });
    net.fixture.listen_peer("r0");
    net.fixture.run(Duration::from_secs(30));
    let parent = net.fixture.newest("r0");
    net.fixture
        .introduce_v2(parent, 50, "r=0;f=channels,server-quit");
    let (ann, bob) = (net.user(0, "ann"), net.user(0, "bob"));
    net.request(ann, "JOIN #reef");
    net.request(bob, "JOIN #reef");
    net.discard(&[ann]);
    let before = net.id_of(0, "ann");
    let taken = registration(Kind::Client, before.get(), Some(50), "another");
    net.fixture.send_message(parent, &taken);
    net.expect_lines(ann, &[]);
    assert_ne!(net.id_of(0, "ann"), before);
    let heard = net.read_lines(bob);
    assert_eq!(
        heard,
        [
            ":ann!~ann@ID.crc QUIT :its id has changed",
            ":ann!~ann@ID.crc JOIN #reef",
            ":server0 MODE #reef +o ann",
        ]
    );
    assert_eq!(net.members(0, "#reef"), ["0bob", "1ann"]);
    let after = net.id_of(0, "ann");
    net.expect(bob, "PRIVMSG ann :hi", &[]);
    net.expect_lines(ann, &[":bob!~bob@ID.crc PRIVMSG ann :hi"]);
    net.send_line(ann, "PRIVMSG bob :hi");
    let bytes = net.read_bytes(bob);
    let expected = format!(":ann!~ann@{after}.crc PRIVMSG bob :hi\r\n");
    assert_eq!(bytes, expected.as_bytes());
}

#[test]
fn an_unregistered_connection_times_out() {
    let mut net = Net::new(1);
    let ann = net.connect(0);
    net.send_line(ann, "NICK ann");
    net.fixture.run(Duration::from_secs(11));
    net.expect_lines(ann, &["ERROR :Closing Link: * (no registration in time)"]);
    assert!(net.fixture.peers[ann].ended);
}

#[test]
fn capability_negotiation_delays_registration() {
    let mut net = Net::new(1);
    let ann = net.connect(0);
    let all = "cap-notify echo-message extended-join message-tags multi-prefix server-time \
         setname userhost-in-names";
    net.expect(ann, "CAP LS", &[&format!(":server0 CAP * LS :{all}")]);
    assert!(net.request(ann, "NICK ann").is_empty());
    assert!(net.request(ann, "USER ann 0 * :Ann").is_empty());
    net.expect(ann, "CAP LIST", &[":server0 CAP * LIST :"]);
    net.expect(
        ann,
        "CAP REQ :server-time sasl",
        &[":server0 CAP * NAK :server-time sasl"],
    );
    net.expect(ann, "CAP LIST", &[":server0 CAP * LIST :"]);
    net.expect(
        ann,
        "CAP REQ :multi-prefix server-time",
        &[":server0 CAP * ACK :multi-prefix server-time"],
    );
    net.expect(ann, "CAP", &[":server0 461 * CAP :Not enough parameters"]);
    net.expect(
        ann,
        "CAP FROB",
        &[":server0 410 * FROB :Invalid CAP command"],
    );
    assert!(net.request(ann, "CAP END")[0].contains(" 001 ann "));
    net.expect(
        ann,
        "CAP LIST",
        &[":server0 CAP ann LIST :multi-prefix server-time"],
    );
    net.expect(
        ann,
        "CAP REQ -server-time",
        &[":server0 CAP ann ACK :-server-time"],
    );
    net.expect(ann, "CAP LIST", &[":server0 CAP ann LIST :multi-prefix"]);
    net.expect(ann, "CAP LS 302", &[&format!(":server0 CAP ann LS :{all}")]);
    net.expect(
        ann,
        "CAP LIST",
        &[":server0 CAP ann LIST :cap-notify multi-prefix"],
    );
    net.expect(ann, "CAP END", &[]);
}

#[test]
fn the_limit_of_hosts_holds_for_users() {
    let mut net = Net::with(1, |config| config.limits.hosts_max = 1);
    net.user(0, "ann");
    let bob = net.connect(0);
    net.send_line(bob, "NICK bob");
    net.send_line(bob, "USER bob 0 * :Bob");
    net.expect_lines(bob, &["ERROR :Closing Link: * (the directory is full)"]);
}

// Messages.

#[test]
fn a_message_to_a_nick_arrives() {
    let mut net = Net::new(2);
    let (ann, bob) = (net.user(0, "ann"), net.user(0, "bob"));
    let eve = net.user_with(1, "eve", "echo-message server-time");
    net.expect(ann, "PRIVMSG Bob :hi there", &[]);
    net.expect_lines(bob, &[":ann!~ann@ID.crc PRIVMSG bob :hi there"]);
    net.expect(bob, "NOTICE ann psst", &[]);
    net.expect_lines(ann, &[":bob!~bob@ID.crc NOTICE ann :psst"]);
    net.expect(
        ann,
        "PRIVMSG ann :note",
        &[":ann!~ann@ID.crc PRIVMSG ann :note"],
    );
    // At other servers the nick stands for the user name.
    net.send_line(ann, "PRIVMSG eve,bob :both");
    net.expect_lines(bob, &[":ann!~ann@ID.crc PRIVMSG bob :both"]);
    let heard = net.read_lines(eve);
    let (time, rest) = heard[0].split_once(' ').unwrap();
    assert_eq!(rest, ":ann!ann@ID.crc PRIVMSG eve :both");
    assert!(
        time.starts_with("@time=2023-11-14T22:13:2") && time.ends_with('Z'),
        "{time}"
    );
    assert_eq!(time.len(), "@time=2023-11-14T22:13:20.000Z".len());
    let echo = net.request(eve, "NOTICE bob :quiet");
    assert!(
        echo[0].ends_with(" :eve!~eve@ID.crc NOTICE bob :quiet"),
        "{echo:?}"
    );
    net.expect_lines(bob, &[":eve!eve@ID.crc NOTICE bob :quiet"]);
    let chats = net.fixture.nodes[0]
        .server
        .snapshot()
        .counters()
        .chats_relayed;
    assert!(chats >= 4, "{chats}");
}

#[test]
fn the_fast_path_relays_like_the_slow_one() {
    let mut net = Net::new(2);
    let ann = net.user(0, "ann");
    let echo = net.user_with(0, "dan", "echo-message");
    let readers = [
        net.user(0, "bob"),
        net.user_with(0, "tim", "server-time"),
        net.user(1, "far"),
    ];
    let away = net.user(0, "sam");
    net.request(away, "AWAY :asleep");
    for peer in [ann, readers[0], readers[1]] {
        net.request(peer, "JOIN #reef");
    }
    net.discard(&[ann, readers[0], readers[1]]);
    let long = "long ".repeat(90);
    for from in [ann, echo] {
        for target in [
            "bob", "BOB", "tim", "far", "sam", "nobody", "#reef", "#none",
        ] {
            for text in ["hi", " hi : there ", "\u{1}ACTION waves\u{1}", &long, "zoé"] {
                // In lower case the full parser reads it.
                let mut received = Vec::new();
                for command in ["PRIVMSG", "privmsg", "NOTICE", "notice"] {
                    let mut all = vec![net.request(from, &format!("{command} {target} :{text}"))];
                    all.extend(readers.map(|reader| net.read_lines(reader)));
                    all.push(net.read_lines(away));
                    // Time passes.
                    for line in all.iter_mut().flatten() {
                        if let Some(tags) = line.strip_prefix("@time=") {
                            *line = tags.split_once(' ').unwrap().1.to_owned();
                        }
                    }
                    received.push(all);
                }
                assert_eq!(received[0], received[1], "{target} {text}");
                assert_eq!(received[2], received[3], "{target} {text}");
            }
        }
    }
}

#[test]
fn messages_go_to_the_current_owner_of_a_nick() {
    let mut net = Net::new(1);
    let [ann, bob] = ["ann", "bob"].map(|nick| net.user(0, nick));
    let said = ":ann!~ann@ID.crc PRIVMSG bob :hi";
    net.expect(ann, "PRIVMSG bob :hi", &[]);
    net.expect_lines(bob, &[said]);
    net.expect(bob, "NICK rob", &[":bob!~bob@ID.crc NICK :rob"]);
    let unknown = [":server0 401 ann bob :No such nick/channel"];
    net.expect(ann, "PRIVMSG bob :hi", &unknown);
    let other = net.user(0, "bob");
    net.expect(ann, "PRIVMSG bob :hi", &[]);
    net.expect_lines(other, &[said]);
    net.expect_lines(bob, &[]);
    net.send_line(other, "QUIT");
    net.read_lines(other);
    net.expect(ann, "PRIVMSG bob :hi", &unknown);
}

#[test]
fn a_message_that_fails_is_answered_and_a_notice_is_not() {
    let mut net = Net::new(1);
    let ann = net.user(0, "ann");
    for (line, answer) in [
        ("PRIVMSG", "411 ann :No recipient given (PRIVMSG)"),
        ("PRIVMSG bob", "412 ann :No text to send"),
        ("PRIVMSG bob :", "412 ann :No text to send"),
        ("PRIVMSG bob :hi", "401 ann bob :No such nick/channel"),
        ("PRIVMSG #reef :hi", "403 ann #reef :No such channel"),
        ("PRIVMSG ann,ann,ann,ann,x,y :", "412 ann :No text to send"),
    ] {
        net.expect(ann, line, &[&format!(":server0 {answer}")]);
        net.expect(ann, &line.replace("PRIVMSG", "NOTICE"), &[]);
    }
    let heard = net.request(ann, "PRIVMSG b,c,d,e,f,g :hi");
    assert_eq!(heard.len(), 5);
    assert_eq!(heard[4], ":server0 407 ann f :Too many targets");
}

#[test]
fn chats_become_lines_and_lines_become_chats() {
    let mut net = Net::new(2);
    let ann = net.user(0, "ann");
    let crc = net.crc(1, 300);
    let to = net.id_of(0, "ann").get();
    net.expect(ann, "PRIVMSG host300 :hi", &[]);
    net.fixture.soon();
    assert_eq!(net.fixture.received(crc), [chat(to, 300, "hi")]);
    net.expect(ann, "NOTICE host300 :psst", &[]);
    net.fixture.soon();
    assert_eq!(net.fixture.received(crc), [chat(to, 300, "psst")]);
    // Each line for itself; bytes that no line may have are left out.
    net.fixture
        .send_message(crc, &chat(300, to, "one\r\n\n\r\ntwo\0\nQUIT\n \u{1b}"));
    net.expect_lines(
        ann,
        &[
            ":host300!host300@ID.crc PRIVMSG ann :one",
            ":host300!host300@ID.crc PRIVMSG ann :two",
            ":host300!host300@ID.crc PRIVMSG ann :QUIT",
            ":host300!host300@ID.crc PRIVMSG ann : \u{1b}",
        ],
    );
    // Long ones are split, between characters.
    let long = "é€😀a".repeat(300);
    net.fixture.send_message(crc, &chat(300, to, &long));
    let heard = net.read_lines(ann);
    let begin = ":host300!host300@ID.crc PRIVMSG ann :";
    let said: String = heard
        .iter()
        .map(|line| line.strip_prefix(begin).unwrap())
        .collect();
    assert_eq!((said, heard.len()), (long, 7));
    // Bytes that are not UTF-8 are Latin-1.
    net.fixture.send(ann, b"PRIVMSG host300 :caf\xe9\r\n");
    net.fixture.soon();
    assert_eq!(net.fixture.received(crc), [chat(to, 300, "caf\u{e9}")]);
}

#[test]
fn messages_pass_v1_servers_and_channels_do_not() {
    let mut net = Net::new(1);
    let ann = net.user(0, "ann");
    net.request(ann, "JOIN #reef");
    // A v1 server, and a host behind it that may be at a v2 server.
    let v1 = net.fixture.connect(0);
    let introduction = registration(Kind::Server, 50, None, "an original");
    net.fixture.send_message(v1, &introduction);
    let far = registration(Kind::Client, 500, Some(50), "far away");
    net.fixture.send_message(v1, &far);
    net.fixture.run(Duration::from_secs(5));
    let received = net.fixture.received(v1);
    let id = net.id_of(0, "ann");
    let listed = received.iter().any(|message| match message {
        Message::ClientRegistration(it) => it.source == id && it.name.as_str() == "ann",
        _ => false,
    });
    assert!(listed, "{received:?}");
    let of_channels = received.iter().any(|message| message.kind().is_channel());
    assert!(!of_channels, "{received:?}");
    net.expect(ann, "PRIVMSG host500 :are you there?", &[]);
    net.fixture.run(Duration::from_secs(1));
    let asked = chat(id.get(), 500, "are you there?");
    assert_eq!(net.fixture.received(v1), [asked]);
    net.fixture.send_message(v1, &chat(500, id.get(), "I am"));
    net.expect_lines(ann, &[":host500!host500@ID.crc PRIVMSG ann :I am"]);
    net.request(ann, "PRIVMSG #reef :nobody else is here");
    net.fixture.run(Duration::from_secs(1));
    assert_eq!(net.fixture.received(v1), []);
}

#[test]
fn a_user_that_has_quit_is_unknown() {
    let mut net = Net::new(1);
    let ann = net.user(0, "ann");
    let uplink = net.fixture.connect(0);
    net.fixture
        .introduce_v2(uplink, 50, "r=9;f=channels,server-quit");
    let far = registration(Kind::Client, 70, Some(50), "far");
    net.fixture.send_message(uplink, &far);
    net.fixture.soon();
    net.expect(ann, "PRIVMSG host70 :hi", &[]);
    let to = net.id_of(0, "ann").get();
    for (code, text) in [
        (StatusCode::UNKNOWN_ID, "Unknown ID 70"),
        (StatusCode::UNKNOWN_ID, "Unknown ID 71"),
        (StatusCode::TOO_LONG, "Message too long for ID 70"),
    ] {
        net.fixture
            .send_message(uplink, &status(50, to, code.0, text));
    }
    net.expect_lines(
        ann,
        &[
            ":server0 401 ann host70 :No such nick/channel",
            ":server0 401 ann 71 :No such nick/channel",
            ":server0 NOTICE ann :Message too long for ID 70",
        ],
    );
}

// Channels.

#[test]
fn users_join_list_and_part_a_channel() {
    let mut net = Net::new(1);
    let (ann, bob) = (net.user(0, "ann"), net.user_with(0, "bob", "extended-join"));
    net.expect(
        ann,
        "JOIN #Reef",
        &[
            ":ann!~ann@ID.crc JOIN #Reef",
            ":ann!~ann@ID.crc MODE #Reef +t",
            ":server0 353 ann = #Reef :@ann",
            ":server0 366 ann #Reef :End of /NAMES list",
        ],
    );
    net.expect(ann, "JOIN #reef", &[]);
    net.expect(
        ann,
        "TOPIC #reef :High tide",
        &[":ann!~ann@ID.crc TOPIC #Reef :High tide"],
    );
    let heard = net.request(bob, "JOIN #reef");
    let (who_time, heard) = (heard[2].clone(), [&heard[..2], &heard[3..]].concat());
    let mut names: Vec<_> = heard[2].rsplit(':').next().unwrap().split(' ').collect();
    names.sort_unstable();
    assert_eq!(names, ["@ann", "bob"]);
    assert_eq!(heard[0], ":bob!~bob@ID.crc JOIN #Reef * :Real bob");
    assert_eq!(heard[1], ":server0 332 bob #Reef :High tide");
    assert_eq!(heard[3], ":server0 366 bob #Reef :End of /NAMES list");
    assert!(
        who_time.starts_with(":server0 333 bob #Reef ann!~ann@ID.crc 17000000"),
        "{who_time}"
    );
    net.expect_lines(ann, &[":bob!~bob@ID.crc JOIN #Reef"]);
    net.expect(bob, "PRIVMSG #reef :hi all", &[]);
    net.expect_lines(ann, &[":bob!~bob@ID.crc PRIVMSG #Reef :hi all"]);
    net.expect(bob, "NOTICE #reef :ho", &[]);
    net.expect_lines(ann, &[":bob!~bob@ID.crc NOTICE #Reef :ho"]);
    net.expect(
        bob,
        "PART #reef :so long",
        &[":bob!~bob@ID.crc PART #Reef :so long"],
    );
    net.expect_lines(ann, &[":bob!~bob@ID.crc PART #Reef :so long"]);
    net.expect(ann, "JOIN 0", &[":ann!~ann@ID.crc PART #Reef"]);
    assert_eq!(net.fixture.nodes[0].server.snapshot().channels().len(), 0);
}

#[test]
fn joins_that_are_refused() {
    let mut net = Net::new(1);
    let (ann, bob) = (net.user(0, "ann"), net.user(0, "bob"));
    net.request(ann, "JOIN #k,#l,#i,#b");
    assert_eq!(net.members(0, "#k").len(), 1);
    net.request(ann, "MODE #k +k pearl");
    net.request(ann, "MODE #l +l 1");
    net.request(ann, "MODE #i +i");
    net.request(ann, "MODE #b +b bob");
    let long = format!("#{}", "x".repeat(64));
    let bad = format!("476 bob {long} :No channel can have this name");
    for (line, answer) in [
        ("JOIN #k", "475 bob #k :Cannot join channel (+k)"),
        ("JOIN #K x", "475 bob #K :Cannot join channel (+k)"),
        ("JOIN #l", "471 bob #l :Cannot join channel (+l)"),
        ("JOIN #i", "473 bob #i :Cannot join channel (+i)"),
        ("JOIN #b", "474 bob #b :Cannot join channel (+b)"),
        ("JOIN reef", "403 bob reef :No such channel"),
        ("JOIN #", "476 bob # :No channel can have this name"),
        (&format!("JOIN {long}"), &bad),
        ("JOIN", "461 bob JOIN :Not enough parameters"),
        ("PART", "461 bob PART :Not enough parameters"),
        ("PART #x", "403 bob #x :No such channel"),
        ("PART #k", "442 bob #k :You're not on that channel"),
        ("TOPIC #x", "403 bob #x :No such channel"),
        ("TOPIC #k :x", "442 bob #k :You're not on that channel"),
        ("TOPIC #k", "331 bob #k :No topic is set"),
        ("PRIVMSG #k :x", "404 bob #k :Cannot send to channel"),
    ] {
        net.expect(bob, line, &[&format!(":server0 {answer}")]);
    }
    net.discard(&[ann]);
    // Keys match by position; an invitation lifts everything but a key.
    let heard = net.request(bob, "JOIN #n,#k ,pearl");
    assert_eq!(
        heard.iter().filter(|line| line.contains(" 366 ")).count(),
        2
    );
    net.discard(&[ann]);
    for channel in ["#i", "#l", "#b"] {
        net.expect(
            ann,
            &format!("INVITE bob {channel}"),
            &[&format!(":server0 341 ann bob {channel}")],
        );
        net.expect_lines(bob, &[&format!(":ann!~ann@ID.crc INVITE bob {channel}")]);
        assert!(
            net.request(bob, &format!("JOIN {channel}"))[0].ends_with(&format!("JOIN {channel}"))
        );
        // Once.
        net.request(bob, &format!("PART {channel}"));
        assert_eq!(net.request(bob, &format!("JOIN {channel}")).len(), 1);
        net.discard(&[ann]);
    }
}

#[test]
fn the_limit_of_channels_of_a_user_holds() {
    let mut net = Net::new(1);
    let ann = net.user(0, "ann");
    for number in 0..250 {
        net.send_line(ann, &format!("JOIN #{number}"));
    }
    net.discard(&[ann]);
    let refused = ":server0 405 ann #more :You have joined too many channels";
    net.expect(ann, "JOIN #more", &[refused]);
    let heard = net.request(ann, "WHOIS ann");
    assert!(heard.iter().filter(|line| line.contains(" 319 ")).count() > 3);
    assert_eq!(net.request(ann, "JOIN 0").len(), 250);
}

#[test]
fn list_and_names_show_channels_and_members() {
    let mut net = Net::new(2);
    let ann = net.user(0, "ann");
    net.expect(
        ann,
        "LIST",
        &[
            ":server0 321 ann Channel :Users  Name",
            ":server0 323 ann :End of /LIST",
        ],
    );
    net.request(ann, "JOIN #a,#b");
    let bob = net.user_with(1, "bob", "multi-prefix userhost-in-names");
    net.request(ann, "TOPIC #b :bees");
    net.expect(
        bob,
        "LIST",
        &[
            ":server1 321 bob Channel :Users  Name",
            ":server1 322 bob #a 1 :",
            ":server1 322 bob #b 1 :bees",
            ":server1 323 bob :End of /LIST",
        ],
    );
    net.expect(
        bob,
        "LIST #b,#x",
        &[
            ":server1 321 bob Channel :Users  Name",
            ":server1 322 bob #b 1 :bees",
            ":server1 323 bob :End of /LIST",
        ],
    );
    net.request(ann, "MODE #a +v ann");
    net.expect(
        bob,
        "NAMES #a,#x",
        &[
            ":server1 353 bob = #a :@+ann!ann@ID.crc",
            ":server1 366 bob #a :End of /NAMES list",
            ":server1 366 bob #x :End of /NAMES list",
        ],
    );
    net.expect(
        bob,
        "NAMES",
        &[
            ":server1 353 bob = #a :@+ann!ann@ID.crc",
            ":server1 353 bob = #b :@ann!ann@ID.crc",
            ":server1 353 bob * * :bob",
            ":server1 366 bob * :End of /NAMES list",
        ],
    );
}

#[test]
fn long_lists_are_split_and_very_long_ones_end() {
    let mut net = Net::new(1);
    let uplink = net.fixture.connect(0);
    net.fixture
        .introduce_v2(uplink, 50, "r=9;f=channels,server-quit");
    for number in 1000..4000 {
        let client = registration(Kind::Client, number, Some(50), "far");
        net.fixture.send_message(uplink, &client);
        let join = Message::ChannelJoin(crc_wire::ChannelJoin {
            source: id(number),
            by: None,
            flags: crc_wire::MemberFlags::default(),
            channel: ChannelName::new("#reef").unwrap(),
        });
        net.fixture.send_message(uplink, &join);
    }
    net.fixture.soon();
    let ann = net.user(0, "ann");
    let heard = net.request(ann, "NAMES #reef");
    let nicks: usize = heard[..heard.len() - 1]
        .iter()
        .map(|line| line.rsplit(':').next().unwrap().split(' ').count())
        .sum();
    assert_eq!(nicks, 3000);
    let heard = net.request(ann, "WHO #reef");
    let end = &heard[heard.len() - 2..];
    let cut = ":server0 416 ann WHO :Too many lines in the answer, the rest is left out";
    assert_eq!(end, [cut, ":server0 315 ann #reef :End of /WHO list"]);
    assert!(heard.len() > 1000);
    let heard = net.request(ann, "WHO");
    assert_eq!(heard[heard.len() - 2], cut);
}

#[test]
fn channels_span_servers() {
    let mut net = Net::new(3);
    let ann = net.user(0, "ann");
    net.request(ann, "JOIN #reef");
    let (bob, eve) = (net.user(1, "bob"), net.user(2, "eve"));
    net.request(bob, "JOIN #reef");
    net.request(eve, "JOIN #reef");
    net.expect_lines(
        ann,
        &[":bob!bob@ID.crc JOIN #reef", ":eve!eve@ID.crc JOIN #reef"],
    );
    net.discard(&[bob]);
    for node in 0..3 {
        assert_eq!(net.members(node, "#reef"), ["0bob", "0eve", "1ann"]);
    }
    let refused = ":server1 482 bob #reef :You're not channel operator";
    for line in [
        "TOPIC #reef :x",
        "MODE #reef +m",
        "MODE #reef +o bob",
        "KICK #reef eve",
    ] {
        net.expect(bob, line, &[refused]);
    }
    // The server of the member changes its status.
    net.expect(
        ann,
        "MODE #reef +o bob",
        &[":ann!~ann@ID.crc MODE #reef +o bob"],
    );
    net.expect_lines(bob, &[":ann!ann@ID.crc MODE #reef +o bob"]);
    net.expect_lines(eve, &[":ann!ann@ID.crc MODE #reef +o bob"]);
    net.expect(
        bob,
        "TOPIC #reef :Low tide",
        &[":bob!~bob@ID.crc TOPIC #reef :Low tide"],
    );
    net.expect_lines(ann, &[":bob!bob@ID.crc TOPIC #reef :Low tide"]);
    net.expect_lines(eve, &[":bob!bob@ID.crc TOPIC #reef :Low tide"]);
    net.expect(
        bob,
        "MODE #reef -o+v ann eve",
        &[
            ":bob!~bob@ID.crc MODE #reef -o ann",
            ":bob!~bob@ID.crc MODE #reef +v eve",
        ],
    );
    net.discard(&[ann, eve]);
    for node in 0..3 {
        assert_eq!(net.members(node, "#reef"), ["0ann", "1bob", "2eve"]);
    }
    net.expect(bob, "MODE #reef +m", &[":bob!~bob@ID.crc MODE #reef +m"]);
    net.discard(&[ann, eve]);
    net.expect(
        ann,
        "PRIVMSG #reef :hi",
        &[":server0 404 ann #reef :Cannot send to channel"],
    );
    net.expect(eve, "PRIVMSG #reef :hi", &[]);
    net.expect_lines(ann, &[":eve!eve@ID.crc PRIVMSG #reef :hi"]);
    net.expect_lines(bob, &[":eve!eve@ID.crc PRIVMSG #reef :hi"]);
    // Kicks.
    net.expect(
        bob,
        "KICK #reef ann,eve :Closing time",
        &[
            ":bob!~bob@ID.crc KICK #reef ann :Closing time",
            ":bob!~bob@ID.crc KICK #reef eve :Closing time",
        ],
    );
    net.expect_lines(ann, &[":bob!bob@ID.crc KICK #reef ann :Closing time"]);
    net.expect(
        ann,
        "PRIVMSG #reef :hi",
        &[":server0 404 ann #reef :Cannot send to channel"],
    );
    for node in 0..3 {
        assert_eq!(net.members(node, "#reef"), ["1bob"]);
    }
    // An invitation across servers.
    net.request(bob, "MODE #reef +i");
    net.expect(
        ann,
        "JOIN #reef",
        &[":server0 473 ann #reef :Cannot join channel (+i)"],
    );
    net.expect(bob, "INVITE ann #reef", &[":server1 341 bob ann #reef"]);
    net.expect_lines(ann, &[":bob!bob@ID.crc INVITE ann #reef"]);
    assert!(
        net.request(ann, "JOIN #reef")
            .iter()
            .any(|line| line.contains(" 332 "))
    );
}

#[test]
fn modes_of_a_channel() {
    let mut net = Net::new(1);
    let (ann, bob) = (net.user(0, "ann"), net.user(0, "bob"));
    net.request(ann, "JOIN #reef");
    net.expect(ann, "MODE #reef", &[":server0 324 ann #reef +nt"]);
    net.expect(
        ann,
        "MODE #reef +kl-t pearl 5",
        &[
            ":ann!~ann@ID.crc MODE #reef +k pearl",
            ":ann!~ann@ID.crc MODE #reef +l 5",
            ":ann!~ann@ID.crc MODE #reef -t",
        ],
    );
    net.expect(ann, "MODE #reef", &[":server0 324 ann #reef +nkl pearl 5"]);
    net.expect(bob, "MODE #reef", &[":server0 324 bob #reef +nkl * 5"]);
    net.expect(
        ann,
        "MODE #reef -lk+bb x bob *!*@*.example",
        &[
            ":ann!~ann@ID.crc MODE #reef -l",
            ":ann!~ann@ID.crc MODE #reef -k pearl",
            ":ann!~ann@ID.crc MODE #reef +bb bob!*@* *!*@*.example",
        ],
    );
    let bans = [
        ":server0 367 ann #reef bob!*@*",
        ":server0 367 ann #reef *!*@*.example",
        ":server0 368 ann #reef :End of channel ban list",
    ];
    net.expect(ann, "MODE #reef b", &bans);
    net.expect(ann, "MODE #reef +b", &bans);
    let off = ":ann!~ann@ID.crc MODE #reef -b bob!*@*";
    net.expect(ann, "MODE #reef -b BOB", &[off]);
    assert_eq!(net.request(bob, "MODE #reef b").len(), 2);
    for (line, answer) in [
        ("MODE", "461 ann MODE :Not enough parameters"),
        ("MODE #x", "403 ann #x :No such channel"),
        ("MODE #reef +z", "472 ann z :is no channel mode known here"),
        ("MODE #reef +o", "461 ann MODE :Not enough parameters"),
        ("MODE #reef +o eve", "401 ann eve :No such nick/channel"),
        (
            "MODE #reef +o bob",
            "441 ann bob #reef :They aren't on that channel",
        ),
        ("MODE #reef +k a,b", "525 ann #reef :Key is not well-formed"),
        ("MODE #reef +l x", "696 ann #reef l x :Not a number above 0"),
        ("MODE #reef +b :a b", "696 ann #reef b a_b!*@* :Not a mask"),
        ("KICK #reef", "461 ann KICK :Not enough parameters"),
        ("KICK #x ann", "403 ann #x :No such channel"),
        (
            "KICK #reef bob",
            "441 ann bob #reef :They aren't on that channel",
        ),
        ("INVITE bob", "461 ann INVITE :Not enough parameters"),
        ("INVITE eve #reef", "401 ann eve :No such nick/channel"),
        (
            "INVITE ann #reef",
            "443 ann ann #reef :is already on channel",
        ),
        ("INVITE bob reef", "403 ann reef :No such channel"),
    ] {
        net.expect(ann, line, &[&format!(":server0 {answer}")]);
    }
    let outside = ":server0 442 bob #reef :You're not on that channel";
    for line in ["MODE #reef +m", "KICK #reef ann", "INVITE ann #reef"] {
        net.expect(bob, line, &[outside]);
    }
    // Without +t any member sets the topic, without +n any user speaks.
    net.request(bob, "JOIN #reef");
    net.discard(&[ann]);
    net.expect(
        bob,
        "TOPIC #reef :ours",
        &[":bob!~bob@ID.crc TOPIC #reef :ours"],
    );
    net.expect(bob, "TOPIC #reef :", &[":bob!~bob@ID.crc TOPIC #reef :"]);
    net.expect(
        ann,
        "MODE #reef -n",
        &[
            ":bob!~bob@ID.crc TOPIC #reef :ours",
            ":bob!~bob@ID.crc TOPIC #reef :",
            ":ann!~ann@ID.crc MODE #reef -n",
        ],
    );
    net.request(bob, "PART #reef");
    net.request(bob, "CAP REQ echo-message");
    net.discard(&[ann]);
    let said = ":bob!~bob@ID.crc PRIVMSG #reef :from afar";
    net.expect(bob, "PRIVMSG #reef :from afar", &[said]);
    net.expect_lines(ann, &[said]);
}

#[test]
fn texts_are_cut_at_the_advertised_lengths() {
    let mut net = Net::new(1);
    let (ann, bob) = (net.user(0, "ann"), net.user(0, "bob"));
    net.request(ann, "JOIN #reef");
    net.request(bob, "JOIN #reef");
    net.discard(&[ann]);
    let long = "é".repeat(230);
    let topic = "é".repeat(195);
    let received = format!(":ann!~ann@ID.crc TOPIC #reef :{topic}");
    net.expect(ann, &format!("TOPIC #reef :{long}"), &[&received]);
    let why = "é".repeat(150);
    let received = format!(":ann!~ann@ID.crc KICK #reef bob :{why}");
    net.expect(ann, &format!("KICK #reef bob :{long}"), &[&received]);
    net.request(ann, &format!("AWAY :{long}"));
    let received = format!(":server0 301 bob ann :{why}");
    net.discard(&[bob]);
    net.expect(bob, "PRIVMSG ann :hi", &[&received]);
}

#[test]
fn a_banned_member_is_muted_unless_it_has_voice() {
    let mut net = Net::new(2);
    let (ann, bob) = (net.user(0, "ann"), net.user(1, "bob"));
    net.request(ann, "JOIN #reef");
    net.request(bob, "JOIN #reef");
    // By its name on other servers, which differs from that on its own.
    net.request(ann, "MODE #reef +b *!bob@*");
    net.discard(&[ann, bob]);
    let refused = ":server1 404 bob #reef :Cannot send to channel";
    net.expect(bob, "PRIVMSG #reef :hi", &[refused]);
    net.expect(bob, "NOTICE #reef :hi", &[]);
    net.expect_lines(ann, &[]);
    net.request(ann, "MODE #reef +v bob");
    net.discard(&[bob]);
    net.expect(bob, "PRIVMSG #reef :hi", &[]);
    net.expect_lines(ann, &[":bob!bob@ID.crc PRIVMSG #reef :hi"]);
}

#[test]
fn the_ban_list_is_bounded() {
    let mut net = Net::new(1);
    let ann = net.user(0, "ann");
    net.request(ann, "JOIN #reef");
    for number in 0..100 {
        net.send_line(ann, &format!("MODE #reef +b n{number}"));
    }
    net.discard(&[ann]);
    let full = ":server0 478 ann #reef more!*@* :The channel's list of bans is full";
    net.expect(ann, "MODE #reef +b more", &[full]);
    assert_eq!(net.request(ann, "MODE #reef b").len(), 101);
}

#[test]
fn a_user_gets_its_own_messages_with_echo_message_only() {
    let mut net = Net::new(2);
    let ann = net.user_with(0, "ann", "echo-message");
    let bob = net.user(0, "bob");
    net.request(ann, "JOIN #reef");
    net.request(bob, "JOIN #reef");
    net.discard(&[ann]);
    let said = ":ann!~ann@ID.crc PRIVMSG #reef :hi";
    net.expect(ann, "PRIVMSG #reef :hi", &[said]);
    net.expect_lines(bob, &[said]);
    net.expect(bob, "PRIVMSG #reef :ho", &[]);
    net.expect_lines(ann, &[":bob!~bob@ID.crc PRIVMSG #reef :ho"]);
}

#[test]
fn crc_clients_and_irc_users_share_channels() {
    let mut net = Net::new(2);
    let ann = net.user(0, "ann");
    net.request(ann, "JOIN #reef");
    let crc = net.crc(1, 300);
    let host = net.id_of(0, "ann");
    net.fixture.send_message(
        crc,
        &channel_request(300, None, RequestKind::JOIN, "#reef", ""),
    );
    net.expect_lines(ann, &[":host300!host300@ID.crc JOIN #reef"]);
    net.fixture.received(crc);
    net.send_line(ann, "PRIVMSG #reef :hi");
    net.send_line(ann, "NOTICE #reef :ho");
    net.fixture.soon();
    let heard = net.fixture.received(crc);
    assert_eq!(heard[0], channel_frame(host.get(), "#reef", "hi"));
    assert!(matches!(&heard[1], Message::ChannelChat(chat) if chat.kind == ChatKind::Notice));
    net.fixture
        .send_message(crc, &channel_frame(300, "#reef", "one\ntwo"));
    net.expect_lines(
        ann,
        &[
            ":host300!host300@ID.crc PRIVMSG #reef :one",
            ":host300!host300@ID.crc PRIVMSG #reef :two",
        ],
    );
    net.fixture.send_message(
        crc,
        &channel_request(300, Some(host), RequestKind::NOTICE, "", "psst"),
    );
    net.expect_lines(ann, &[":host300!host300@ID.crc NOTICE ann :psst"]);
    net.expect(
        ann,
        "MODE #reef +o host300",
        &[":ann!~ann@ID.crc MODE #reef +o host300"],
    );
    net.fixture.send_message(
        crc,
        &channel_request(300, Some(host), RequestKind::DEOP, "#reef", ""),
    );
    net.expect_lines(ann, &[":host300!host300@ID.crc MODE #reef -o ann"]);
    net.fixture.send_message(
        crc,
        &channel_request(300, Some(host), RequestKind::KICK, "#reef", "out"),
    );
    net.expect_lines(ann, &[":host300!host300@ID.crc KICK #reef ann :out"]);
    net.fixture.send_message(
        crc,
        &channel_request(300, Some(host), RequestKind::INVITE, "#reef", ""),
    );
    net.expect_lines(ann, &[":host300!host300@ID.crc INVITE ann #reef"]);
}

#[test]
fn a_member_with_a_name_that_irc_cannot_show_is_not_kicked() {
    let mut net = Net::new(2);
    let (ann, eve) = (net.user(0, "ann"), net.user(1, "eve"));
    net.request(ann, "JOIN #reef");
    let course = net.fixture.connect_at(0, LEGACY);
    net.send_line(course, "SERVER leaf 1 :Leaf");
    net.send_line(course, ":leaf USER bob host leaf :Bob");
    net.send_line(course, ":bob JOIN #reef");
    net.read_lines(course);
    net.expect_lines(ann, &[":bob!bob@ID.crc JOIN #reef"]);
    let answer = ":server0 482 ann #reef :bob can't be put out: its network has no word for it";
    net.expect(ann, "KICK #reef bob", &[answer]);
    let given = ":ann!~ann@ID.crc MODE #reef +v bob";
    net.expect(ann, "MODE #reef +v bob", &[given]);
    // Another server does not know this, and does nothing.
    net.request(eve, "JOIN #reef");
    net.request(ann, "MODE #reef +o eve");
    net.discard(&[eve]);
    net.expect(eve, "KICK #reef bob", &[]);
    assert_eq!(net.members(1, "#reef"), ["1ann", "1eve", "2bob"]);
}

#[test]
fn settings_without_a_source_come_from_the_server() {
    let mut net = Net::new(1);
    let ann = net.user(0, "ann");
    net.request(ann, "JOIN #reef");
    let peer = net.fixture.connect(0);
    net.fixture
        .introduce_v2(peer, 50, "r=9;f=channels,server-quit");
    let set = |field, value: &str| {
        Message::ChannelSetting(crc_wire::ChannelSetting {
            source: None,
            version: u64::MAX / 2,
            field,
            channel: ChannelName::new("#reef").unwrap(),
            value: Text::new(value.to_owned()).unwrap(),
        })
    };
    for (field, value) in [
        (ChannelField::TOPIC, "a\r\nQUIT"),
        (ChannelField::MODES, "im"),
        (ChannelField::KEY, "pearl"),
        (ChannelField::LIMIT, "7"),
        (ChannelField::BANS, "a!*@* b!*@*"),
        (ChannelField(77), "x"),
    ] {
        net.fixture.send_message(peer, &set(field, value));
    }
    net.expect_lines(
        ann,
        &[
            ":server0 TOPIC #reef :a  QUIT",
            ":server0 MODE #reef -nt+im",
            ":server0 MODE #reef +k pearl",
            ":server0 MODE #reef +l 7",
            ":server0 MODE #reef +bb a!*@* b!*@*",
        ],
    );
}

// Quits.

#[test]
fn users_in_common_channels_get_a_quit_or_rename_once() {
    let mut net = Net::new(2);
    let (ann, bob) = (net.user(0, "ann"), net.user(0, "bob"));
    let eve = net.user(1, "eve");
    let timed = net.user_with(0, "tim", "server-time");
    for user in [ann, bob, eve, timed] {
        net.request(user, "JOIN #a,#b");
    }
    let other = net.user(0, "stranger");
    net.discard(&[ann, bob, eve, timed]);
    net.expect(eve, "NICK eva", &[":eve!~eve@ID.crc NICK :eva"]);
    net.expect_lines(ann, &[":eve!eve@ID.crc NICK :eva"]);
    net.expect(ann, "NICK anna", &[":ann!~ann@ID.crc NICK :anna"]);
    net.expect_lines(
        bob,
        &[":eve!eve@ID.crc NICK :eva", ":ann!~ann@ID.crc NICK :anna"],
    );
    net.expect_lines(eve, &[":ann!ann@ID.crc NICK :anna"]);
    net.expect(ann, "PRIVMSG #a :it is me", &[]);
    net.expect_lines(bob, &[":anna!~ann@ID.crc PRIVMSG #a :it is me"]);
    net.discard(&[eve]);
    net.expect(
        ann,
        "QUIT :so long",
        &["ERROR :Closing Link: anna (Quit: so long)"],
    );
    assert!(net.fixture.peers[ann].ended);
    net.expect_lines(bob, &[":anna!~ann@ID.crc QUIT :so long"]);
    net.expect_lines(eve, &[":anna!anna@ID.crc QUIT :so long"]);
    net.fixture.close_peer(bob);
    net.expect_lines(
        eve,
        &[":bob!bob@ID.crc QUIT :the peer closed the connection"],
    );
    // A whole server.
    net.discard(&[timed]);
    net.fixture.kill(1);
    net.fixture.soon();
    let heard = net.read_lines(timed);
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert!(heard[0].contains(" :eva!eva@ID.crc QUIT :"), "{heard:?}");
    net.expect_lines(other, &[]);
    assert_eq!(net.members(0, "#a"), ["0tim"]);
}

#[test]
fn a_leaving_server_sends_error() {
    let mut net = Net::new(1);
    let ann = net.user(0, "ann");
    let reason = "tired".into();
    net.fixture
        .handle(0, crc_core::Event::Command(ServerCommand::Leave { reason }));
    net.expect_lines(
        ann,
        &[
            ":server0 NOTICE ann :Server leaving: tired",
            "ERROR :Closing Link: ann (Server leaving: tired)",
        ],
    );
}

#[test]
fn a_silent_user_is_pinged_and_then_closed() {
    let mut net = Net::new(1);
    let (ann, bob) = (net.user(0, "ann"), net.user(0, "bob"));
    net.request(ann, "JOIN #reef");
    net.request(bob, "JOIN #reef");
    net.discard(&[ann]);
    net.fixture.run(Duration::from_secs(91));
    net.expect_lines(ann, &["PING :server0"]);
    net.expect(ann, "PONG server0", &[]);
    net.expect_lines(bob, &["PING :server0"]);
    net.fixture.run(Duration::from_secs(61));
    net.expect_lines(bob, &["ERROR :Closing Link: bob (Ping timeout)"]);
    assert!(net.fixture.peers[bob].ended);
    net.expect_lines(ann, &[":bob!~bob@ID.crc QUIT :Ping timeout"]);
    net.fixture.run(Duration::from_secs(30));
    net.expect_lines(ann, &["PING :server0"]);
}

#[test]
fn lines_that_come_too_fast_are_delayed_and_then_dropped() {
    let mut net = Net::with(1, |config| config.limits.irc_lines_per_second = 2);
    let (ann, bob) = (net.user(0, "ann"), net.user(0, "bob"));
    // Two lines have been used to register.
    for number in 0..20 {
        net.send_line(ann, &format!("PRIVMSG bob :{number}"));
    }
    assert_eq!(net.read_lines(bob).len(), 8);
    net.fixture.run(Duration::from_secs(3));
    assert_eq!(net.read_lines(bob).len(), 6);
    net.send_line(ann, "PRIVMSG bob :20");
    net.fixture.run(Duration::from_secs(10));
    let heard = net.read_lines(bob);
    let said: Vec<_> = heard
        .iter()
        .map(|l| l.rsplit(':').next().unwrap())
        .collect();
    assert_eq!(said, ["14", "15", "16", "17", "18", "19", "20"]);
    for _ in 0..200 {
        net.send_line(ann, &format!("PRIVMSG bob :{}", "x".repeat(100)));
    }
    let heard = net.read_lines(ann);
    assert_eq!(heard, ["ERROR :Closing Link: ann (Excess Flood)"]);
    assert!(net.fixture.peers[ann].ended);
}

#[test]
fn invalid_and_too_long_lines_are_ignored() {
    let mut net = Net::new(1);
    let ann = net.user(0, "ann");
    let long = format!("PRIVMSG ann :{}", "x".repeat(500));
    net.expect(ann, &long, &[":server0 417 ann :Input line was too long"]);
    let tags = "t".repeat(4000);
    net.expect(
        ann,
        &format!("@+{tags} PING x"),
        &[":server0 PONG server0 :x"],
    );
    let tags = format!("@{}", "t".repeat(9000));
    net.expect(ann, &tags, &[":server0 417 ann :Input line was too long"]);
    net.expect(ann, ": PING x", &[]);
    net.expect(ann, "P\0NG x", &[]);
    net.expect(ann, "PING a\rb", &[]);
    net.expect(ann, ":eve!e@x PING own", &[":server0 PONG server0 :own"]);
    net.expect(ann, "TAGMSG bob", &[]);
    net.expect(ann, "001 ann", &[]);
    let dropped = net.fixture.nodes[0].server.snapshot().counters().dropped;
    assert_eq!(dropped, 5);
}

// Queries.

#[test]
fn queries_about_users() {
    let mut net = Net::new(2);
    let (ann, bob) = (net.user(0, "ann"), net.user(1, "bob"));
    net.request(ann, "JOIN #reef");
    net.expect(
        ann,
        "AWAY :tea",
        &[":server0 306 ann :You have been marked as being away"],
    );
    let eve = net.user(0, "eve");
    let whois = net.request(eve, "WHOIS server0 Ann");
    let idle = whois[4]
        .strip_prefix(":server0 317 eve ann 0 170000000")
        .unwrap();
    assert_eq!(&idle[1..], " :seconds idle, signon time");
    assert_eq!(
        [&whois[..4], &whois[5..]].concat(),
        [
            ":server0 311 eve ann ~ann ID.crc * :Real ann",
            ":server0 319 eve ann :@#reef",
            ":server0 312 eve ann server0 :Server 0",
            ":server0 301 eve ann :tea",
            ":server0 318 eve Ann :End of /WHOIS list",
        ]
    );
    net.expect(
        eve,
        "WHOIS bob,x",
        &[
            ":server0 311 eve bob bob ID.crc * :Real bob",
            ":server0 312 eve bob server1 :the way to this user leads there",
            ":server0 318 eve bob :End of /WHOIS list",
            ":server0 401 eve x :No such nick/channel",
            ":server0 318 eve x :End of /WHOIS list",
        ],
    );
    net.expect(eve, "WHOIS", &[":server0 431 eve :No nickname given"]);
    net.expect(eve, "WHOWAS", &[":server0 431 eve :No nickname given"]);
    net.expect(
        eve,
        "WHOWAS zoe",
        &[
            ":server0 406 eve zoe :There was no such nickname",
            ":server0 369 eve zoe :End of WHOWAS",
        ],
    );
    net.expect(eve, "PRIVMSG ann :hi", &[":server0 301 eve ann :tea"]);
    net.expect(
        eve,
        "INVITE ann #none",
        &[":server0 341 eve ann #none", ":server0 301 eve ann :tea"],
    );
    net.expect(
        eve,
        "USERHOST ann bob x",
        &[":server0 302 eve :ann=-~ann@ID.crc bob=+bob@ID.crc"],
    );
    net.expect(eve, "ISON ann x BOB", &[":server0 303 eve :ann bob"]);
    net.expect(
        eve,
        "WHO #reef",
        &[
            ":server0 352 eve #reef ~ann ID.crc server0 ann G@ :0 Real ann",
            ":server0 315 eve #reef :End of /WHO list",
        ],
    );
    net.expect(
        eve,
        "WHO #reef %tcuihsnfdlaor,42",
        &[
            ":server0 354 eve 42 #reef ~ann 255.255.255.255 ID.crc server0 ann G@ 0 0 0 n/a \
             :Real ann",
            ":server0 315 eve #reef :End of /WHO list",
        ],
    );
    net.expect(
        eve,
        "WHO bob %na",
        &[
            ":server0 354 eve bob 0",
            ":server0 315 eve bob :End of /WHO list",
        ],
    );
    net.expect(
        eve,
        "WHO b*",
        &[
            ":server0 352 eve * bob ID.crc server1 bob H :1 Real bob",
            ":server0 315 eve b* :End of /WHO list",
        ],
    );
    net.expect(
        eve,
        "WHO bob o",
        &[":server0 315 eve bob :End of /WHO list"],
    );
    assert_eq!(net.request(eve, "WHO").len(), 4);
    assert_eq!(net.request(eve, "WHO #none").len(), 1);
    net.expect(
        ann,
        "AWAY",
        &[
            ":eve!~eve@ID.crc PRIVMSG ann :hi",
            ":eve!~eve@ID.crc INVITE ann #none",
            ":server0 305 ann :You are no longer marked as being away",
        ],
    );
    // An invisible user is found by its nick, or by users in a common channel.
    net.expect(ann, "MODE ann +i", &[":ann!~ann@ID.crc MODE ann +i"]);
    net.expect(ann, "MODE Ann", &[":server0 221 ann +i"]);
    assert_eq!(net.request(eve, "WHO a*").len(), 1);
    assert_eq!(net.request(eve, "WHO ann").len(), 2);
    net.request(eve, "JOIN #reef");
    assert_eq!(net.request(eve, "WHO a*").len(), 2);
    net.discard(&[ann]);
    net.expect(ann, "MODE ann -iw", &[":ann!~ann@ID.crc MODE ann -i"]);
    net.expect(ann, "MODE ann", &[":server0 221 ann +"]);
    net.expect(ann, "MODE ann +Z", &[":server0 501 ann :Unknown mode flag"]);
    let other = ":server0 502 ann :Can't ask or change modes of other users";
    net.expect(ann, "MODE bob +i", &[other]);
    net.expect(
        ann,
        "MODE zoe",
        &[":server0 401 ann zoe :No such nick/channel"],
    );
    net.expect_lines(bob, &[]);
}

#[test]
fn a_real_name_can_be_changed() {
    let mut net = Net::new(2);
    let ann = net.user_with(0, "ann", "setname");
    let (bob, eve) = (net.user_with(0, "bob", "setname"), net.user(1, "eve"));
    net.request(ann, "JOIN #reef");
    net.request(bob, "JOIN #reef");
    net.discard(&[ann]);
    let received = ":ann!~ann@ID.crc SETNAME :Ann\u{e9} [b]";
    net.expect(ann, "SETNAME :Ann\u{e9}\x02 [b]", &[received]);
    net.expect_lines(bob, &[received]);
    let whois = net.request(eve, "WHOIS ann");
    assert_eq!(whois[0], ":server1 311 eve ann ann ID.crc * :Ann\u{e9} [b]");
    assert!(whois[1].contains("#reef"), "still there: {whois:?}");
    net.expect(
        ann,
        "SETNAME",
        &[":server0 461 ann SETNAME :Not enough parameters"],
    );
}

#[test]
fn queries_about_the_server() {
    let mut net = Net::new(2);
    let ann = net.user(0, "ann");
    net.connect(0);
    let version = concat!("crc-", env!("CARGO_PKG_VERSION"));
    let answer = net.request(ann, "VERSION");
    assert_eq!(
        answer[0],
        format!(":server0 351 ann {version} server0 :a relay chat server")
    );
    assert_eq!(answer.len(), 3);
    net.expect(
        ann,
        "LUSERS",
        &[
            ":server0 251 ann :There are 1 users and 0 services on 2 servers",
            ":server0 253 ann 1 :unknown connection(s)",
            ":server0 254 ann 0 :channels formed",
            ":server0 255 ann :I have 1 clients and 1 servers",
        ],
    );
    let time = net.request(ann, "TIME");
    assert!(
        time[0].starts_with(":server0 391 ann server0 :Tue, 14 Nov 2023 22:13:2"),
        "{time:?}"
    );
    net.expect(
        ann,
        "MOTD",
        &[":server0 422 ann :There is no message of the day"],
    );
    net.expect(
        ann,
        "ADMIN",
        &[":server0 423 ann server0 :No administrative info available"],
    );
    let info = net.request(ann, "INFO");
    assert_eq!(info[1], ":server0 371 ann :Server 0");
    assert_eq!(info[3], ":server0 374 ann :End of INFO list");
    net.expect(
        ann,
        "LINKS",
        &[
            ":server0 364 ann server1 server0 :1 Server 1",
            ":server0 364 ann server0 server0 :0 Server 0",
            ":server0 365 ann * :End of LINKS list",
        ],
    );
    net.expect(ann, "STATS l", &[":server0 219 ann l :End of STATS report"]);
    assert_eq!(
        net.request(ann, "STATS u")[0],
        ":server0 242 ann :Server Up 0 days 0:00:03"
    );
    for (line, answer) in [
        ("SERVLIST", "235 ann * * :End of service listing"),
        ("SQUERY irchelp :hi", "408 ann irchelp :No such service"),
        ("SUMMON bob", "445 ann :SUMMON has been disabled"),
        ("USERS", "446 ann :USERS has been disabled"),
        ("HELP me", "524 ann me :No help available on this topic"),
        (
            "OPER a b",
            "491 ann :Nobody can become a network operator here",
        ),
        ("FROB x", "421 ann FROB :Unknown command"),
        ("TRACE", "421 ann TRACE :Unknown command"),
        ("PING", "409 ann :No origin specified"),
    ] {
        net.expect(ann, line, &[&format!(":server0 {answer}")]);
    }
    for line in [
        "KILL bob :x",
        "REHASH",
        "DIE",
        "RESTART",
        "CONNECT x",
        "SQUIT x",
        "WALLOPS :x",
    ] {
        let answer = ":server0 481 ann :Permission denied: there are no network operators here";
        net.expect(ann, line, &[answer]);
    }
    net.expect(ann, "ERROR :x", &[]);
    net.expect(ann, "PONG", &[]);
}

// Anything.

/// Any line, mostly of meaningful words.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let verbs = irc_wire::Verb::ALL.iter().map(|verb| verb.as_str());
    let verb = proptest::sample::select(verbs.collect::<Vec<_>>());
    let verb = prop_oneof![
        verb,
        proptest::sample::select(vec![
            "JOIN", "MODE", "PRIVMSG", "KICK", "NICK", "PART", "CAP"
        ]),
    ];
    let words: [&[u8]; 32] = [
        b"#a",
        b"#b",
        b"#a,#b",
        b"#A",
        b"0",
        b"ann",
        b"bob",
        b"Ann",
        b"ann,bob",
        b"host300",
        b"+o",
        b"-o",
        b"+v",
        b"+k",
        b"-k",
        b"+l",
        b"1",
        b"+b",
        b"-bimnt",
        b"+imnt",
        b"*!*@*",
        b"*",
        b"",
        b":",
        b":some text",
        b":caf\xe9",
        b"LS",
        b"REQ",
        b"END",
        b":echo-message server-time",
        b"%tcuihsnfdlaor,1",
        b"x",
    ];
    let word = prop_oneof![
        8 => proptest::sample::select(words.to_vec()).prop_map(<[u8]>::to_vec),
        1 => proptest::collection::vec(any::<u8>(), 0..40),
        1 => proptest::collection::vec(b'a'..=b'z', 0..600),
    ];
    let params = proptest::collection::vec(word, 0..5);
    (verb, params).prop_map(|(verb, params)| {
        let mut line = verb.as_bytes().to_vec();
        for param in params {
            line.push(b' ');
            line.extend(param);
        }
        line.extend(b"\r\n");
        line
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever users send, the servers' checks hold, replies are lines of IRC, and all
    /// servers agree on the channels.
    #[test]
    fn nothing_breaks(said in proptest::collection::vec((0..4_usize, line()), 1..60)) {
        let mut net = Net::new(2);
        let unregistered = net.connect(0);
        let users = [net.user(0, "ann"), net.user(0, "bob"), net.user(1, "eve"), unregistered];
        let crc = net.crc(1, 300);
        net.fixture.send_message(crc, &channel_request(300, None, RequestKind::JOIN, "#a", ""));
        net.fixture.soon();
        for (who, line) in said {
            net.fixture.send(users[who], &line);
            net.fixture.soon();
        }
        for user in users {
            let bytes = net.read_bytes(user);
            let text = String::from_utf8(bytes).unwrap();
            for line in text.split_terminator("\r\n") {
                let message = irc_wire::Message::parse(line.as_bytes());
                prop_assert!(message.is_ok(), "{:?}", line);
                let tags = line.starts_with('@').then(|| line.find(' ').unwrap() + 1);
                prop_assert!(line.len() - tags.unwrap_or(0) <= 510, "{:?}", line);
            }
        }
        net.fixture.received(crc);
        let channels = |node: usize| {
            let snapshot = net.fixture.nodes[node].server.snapshot();
            let channels = snapshot.channels().iter().map(|channel| {
                let members: Vec<_> = channel.members().collect();
                (channel.name().to_owned(), members, channel.settings().clone())
            });
            channels.collect::<Vec<_>>()
        };
        prop_assert_eq!(channels(0), channels(1));
    }
}
