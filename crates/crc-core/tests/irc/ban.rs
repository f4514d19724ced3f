//! Bans of the network: who makes them, who learns of them, and whom they keep out.

use super::operator::net_of;
use super::*;
use crc_core::{Event, ServerNotice};

impl Net {
    fn bans(&self, node: usize) -> Vec<String> {
        let snapshot = self.fixture.nodes[node].server.snapshot();
        let shown = snapshot.bans().iter().map(|ban| {
            let sign = if ban.is_lifted { "-" } else { "" };
            format!("{sign}{} {}", ban.mask, ban.reason)
                .trim()
                .to_owned()
        });
        shown.collect()
    }

    /// The bans that a server has handed out to be stored last.
    fn stored(&mut self, node: usize) -> Vec<Box<str>> {
        self.fixture.run(Duration::from_secs(2));
        let notices = self.fixture.nodes[node].notices.iter().rev();
        let mut stored = notices.filter_map(|notice| match notice {
            ServerNotice::StoreBans(lines) => Some(lines.clone()),
            _ => None,
        });
        stored.next().expect("bans were handed out")
    }

    /// A user registers. Its last line.
    fn try_user(&mut self, node: usize, nick: &str) -> String {
        let peer = self.connect(node);
        self.send_line(peer, &format!("NICK {nick}\r\nUSER {nick} 0 * :x"));
        self.read_lines(peer).pop().unwrap_or_default()
    }
}

const BANNED: &str = "You are banned from this network: spam";

#[test]
fn a_ban_of_users_holds_at_every_server() {
    let mut net = net_of(2);
    let chief = net.user(0, "chief");
    net.oper(chief, 0, "chief");
    let (bob, crc) = (net.user(1, "bob"), net.crc(1, 300));
    let bert = net.user(1, "eve");
    net.expect(
        chief,
        "KLINE b*!*@* :spam",
        &[":server0 NOTICE chief :*** Notice -- chief (chief) used KLINE b*!*@*: spam"],
    );
    // Those who are there leave; others do not come, nor by another name.
    net.expect_lines(bob, &[&format!("ERROR :Closing Link: bob ({BANNED})")]);
    let refused = format!("ERROR :Closing Link: * ({BANNED})");
    assert_eq!(net.try_user(0, "Bert"), refused);
    assert_eq!(net.try_user(1, "bert"), refused);
    let lines = net.request(bert, "NICK bertie");
    assert_eq!(
        lines.last().unwrap(),
        &format!("ERROR :Closing Link: bertie ({BANNED})")
    );
    net.request(chief, "KLINE host300 :spam");
    let last = net.fixture.received(crc).pop();
    assert_eq!(last, Some(status(2, 0, 0x0107, BANNED)));
    let again = net.fixture.client(0, 300);
    net.fixture.soon();
    assert_eq!(net.fixture.received(again), [status(1, 0, 0x0107, BANNED)]);
    // It is lifted by any operator with the power.
    net.expect(
        chief,
        "UNKLINE B*!*@*",
        &[":server0 NOTICE chief :*** Notice -- chief (chief) used UNKLINE b*!*@*"],
    );
    let missing = ":server0 401 chief UNKLINE b*!*@* :There is no such ban";
    net.expect(chief, "UNKLINE b*!*@*", &[missing]);
    assert!(net.try_user(1, "bert").contains(" 422 "));
}

#[test]
fn a_ban_of_addresses_keeps_clients_of_every_protocol_out_and_no_server() {
    let mut net = net_of(2);
    let chief = net.user(0, "chief");
    net.oper(chief, 0, "chief");
    net.discard(&[chief]);
    let other = net.user(1, "bob");
    // All have this address here. The operator may lift the ban, and stays.
    net.request(chief, "DLINE 1h 127.0.0.0/8 :spam");
    assert!(!net.fixture.peers[chief].ended && net.fixture.peers[other].ended);
    let refused = format!("ERROR :Closing Link: * ({BANNED})");
    for node in 0..2 {
        let peer = net.connect(node);
        net.expect_lines(peer, &[&refused]);
        let client = net.fixture.client(node, 300);
        net.fixture.soon();
        let told = net.fixture.received(client);
        assert_eq!(told, [status(node as u32 + 1, 0, 0x0107, BANNED)]);
        let legacy = net.fixture.connect_at(node, LEGACY);
        net.send_line(legacy, "USER ann host server :Ann");
        assert!(net.read_lines(legacy)[0].starts_with("ERROR "));
    }
    let known = net.fixture.known(0).len();
    assert_eq!(
        known, 2,
        "the servers stay linked, and the operator is there"
    );
    // It ends by itself.
    net.fixture.run(Duration::from_secs(3600));
    net.user(1, "bob");
}

#[test]
fn masks_and_durations_are_checked() {
    let mut net = net_of(1);
    let chief = net.user(0, "chief");
    net.oper(chief, 0, "chief");
    for (line, answer) in [
        ("KLINE", "461 chief KLINE :Not enough parameters"),
        (
            "KLINE *!*@* :x",
            "415 chief KLINE *!*@* :The mask matches too much",
        ),
        (
            "DLINE 0.0.0.0/0 :x",
            "415 chief DLINE 0.0.0.0/0 :The mask matches too much",
        ),
        (
            "DLINE bob :x",
            "415 chief DLINE bob :Write an address or a network, such as 192.0.2.0/24",
        ),
        (
            "KLINE *!*@*.c* :x",
            "415 chief KLINE *!*@*.c* :The mask matches too much",
        ),
        (
            "KLINE 1y bob!*@* :x",
            "415 chief KLINE 1y :Write a number of minutes, or a duration such as 1d2h",
        ),
        (
            "KLINE 192.0.2.0/24",
            "415 chief KLINE 192.0.2.0/24 :A mask has no networks: write DLINE and the network",
        ),
        (
            "UNDLINE 10.0.0.0/8",
            "401 chief UNDLINE 10.0.0.0/8 :There is no such ban",
        ),
    ] {
        net.expect(chief, line, &[&format!(":server0 {answer}")]);
    }
    for (line, told) in [
        ("KLINE 90 a@b :x y", "KLINE *!a@b for 90 minutes: x y"),
        ("KLINE 0 c :", "KLINE c!*@*:"),
        ("DLINE 1d 10.1.2.3/8", "DLINE 10.0.0.0/8 for 1440 minutes:"),
        (
            "DLINE 1 0::ffff:10.1.2.3",
            "DLINE 10.1.2.3/32 for 1 minute:",
        ),
        // The longest one is that long, and is told so.
        ("KLINE 9999999999d d", "KLINE d!*@* for 5270400 minutes:"),
    ] {
        let lines = net.request(chief, line);
        assert!(lines[0].contains(&format!("used {told}")), "{lines:?}");
    }
    let held = ["*!a@b x y", "c!*@*", "d!*@*", "10.0.0.0/8", "10.1.2.3/32"];
    assert_eq!(net.bans(0), held);
    let stats = net.request(chief, "STATS k").split_off(1);
    assert_eq!(stats.len(), 4, "{stats:?}");
    assert!(
        stats[0].starts_with(":server0 216 chief k *!a@b "),
        "{stats:?}"
    );
    assert!(stats[0].ends_with(" chief :x y"), "{stats:?}");
    let stats = net.request(chief, "STATS d").split_off(1);
    assert!(
        stats[0].starts_with(":server0 216 chief d 10.0.0.0/8 "),
        "{stats:?}"
    );
    // Others are not shown them.
    let ann = net.user(0, "ann");
    net.expect(ann, "STATS k", &[":server0 219 ann k :End of STATS report"]);
}

#[test]
fn bans_survive_restarts_and_servers_that_were_away_catch_up() {
    let mut net = net_of(2);
    let chief = net.user(0, "chief");
    net.oper(chief, 0, "chief");
    net.request(chief, "KLINE bob :one");
    net.request(chief, "KLINE eve :two");
    let (root, leaf) = (net.stored(0), net.stored(1));
    assert_eq!(root, leaf);
    assert_eq!(root.len(), 2);
    // The leaf restarts with what it had, after a change that it has missed.
    net.fixture.kill(1);
    net.fixture.soon();
    net.request(chief, "UNKLINE bob");
    let mut config = config(1);
    config.text_listeners = vec![(IRC, TextProtocol::Irc)];
    config.started_at_unix_ms = 1_700_000_000_000;
    config.connect = vec!["s0:1".parse().unwrap()];
    config.bans = [&leaf[..], &["nonsense".into()]].concat();
    net.fixture.restart(1, config);
    net.fixture.run(Duration::from_secs(3));
    assert_eq!(net.bans(1), ["-bob!*@*", "eve!*@* two"]);
    assert_eq!(net.bans(0), net.bans(1));
    // That it is lifted is forgotten after a day.
    net.fixture.run(Duration::from_secs(25 * 3600));
    let again = net.user(0, "guard");
    net.oper(again, 0, "chief");
    net.request(again, "KLINE x :y");
    assert_eq!(net.stored(1).len(), 2);
}

#[test]
fn an_older_statement_is_answered_with_the_newer_one() {
    let mut net = net_of(1);
    let chief = net.user(0, "chief");
    net.oper(chief, 0, "chief");
    net.request(chief, "KLINE bob :for ever");
    let for_ever = net.stored(0);
    net.request(chief, "KLINE 1m bob :for a minute");
    net.fixture.run(Duration::from_secs(70));
    // A server that was never told of the second ban, and knows the first, links by way of one
    // that knows neither: statements that are over are not kept over a restart.
    let start = |net: &mut Net, node: usize, uplink: usize, bans: &[Box<str>]| {
        let mut config = config(node);
        config.text_listeners = vec![(IRC, TextProtocol::Irc)];
        config.started_at_unix_ms = 1_700_000_000_000;
        config.connect = vec![format!("s{uplink}:1").parse().unwrap()];
        config.bans = bans.to_vec();
        net.fixture.server_with(config);
        net.fixture.run(Duration::from_secs(3));
    };
    start(&mut net, 1, 0, &[]);
    assert!(net.bans(1).is_empty());
    start(&mut net, 2, 1, &for_ever);
    for node in 0..3 {
        assert_eq!(net.bans(node), ["bob!*@* for a minute"], "{node}");
    }
    let end = net.try_user(2, "bob");
    assert!(end.contains(" 422 bob "), "{end}");
}

#[test]
fn stored_bans_have_the_times_of_the_servers_own_clock() {
    const HOUR_MS: u64 = 3_600_000;
    for ahead in [-3 * HOUR_MS.cast_signed(), 3 * HOUR_MS.cast_signed()] {
        let leaf = move |bans: &[Box<str>]| {
            let mut config = config(1);
            config.text_listeners = vec![(IRC, TextProtocol::Irc)];
            config.started_at_unix_ms = 1_700_000_000_000_u64.saturating_add_signed(ahead);
            config.connect = vec!["s0:1".parse().unwrap()];
            config.bans = bans.to_vec();
            config
        };
        let mut net = net_of(1);
        net.fixture.server_with(leaf(&[]));
        net.fixture.run(Duration::from_secs(3));
        let chief = net.user(0, "chief");
        net.oper(chief, 0, "chief");
        net.request(chief, "KLINE bob :one");
        net.request(chief, "KLINE 1d eve :two");
        let stored = net.stored(1);
        net.fixture.kill(1);
        net.fixture.run(Duration::from_secs(10));
        net.request(chief, "UNKLINE bob");
        net.fixture.restart(1, leaf(&stored));
        net.fixture.run(Duration::from_secs(3));
        // The older statement does not count as newer, whatever the clock shows.
        assert_eq!(net.bans(0), ["-bob!*@*", "eve!*@* two"], "{ahead}");
        let lines = |node: usize| {
            let snapshot = net.fixture.nodes[node].server.snapshot();
            let bans = snapshot.bans().iter().map(ToString::to_string);
            bans.collect::<Vec<_>>()
        };
        assert_eq!(lines(0), lines(1), "{ahead}");
    }
}

#[test]
fn a_stored_ban_from_the_future_counts_as_old() {
    let mut net = net_of(1);
    let chief = net.user(0, "chief");
    net.oper(chief, 0, "chief");
    net.request(chief, "KLINE bob :x");
    net.request(chief, "UNKLINE bob");
    let mut config = config(1);
    // A computer without a clock of its own.
    config.started_at_unix_ms = 1_000;
    config.connect = vec!["s0:1".parse().unwrap()];
    let stored = [
        "k 1700000000000 0 chief bob!*@* x",
        "k 1700000000000 0 chief eve!*@* y",
    ];
    config.bans = stored.map(Into::into).to_vec();
    net.fixture.server_with(config);
    net.fixture.run(Duration::from_secs(3));
    for node in 0..2 {
        assert_eq!(net.bans(node), ["-bob!*@*", "eve!*@* y"], "{node}");
    }
}

#[test]
fn bans_are_stored_again_when_the_clock_is_set() {
    let mut net = net_of(1);
    let chief = net.user(0, "chief");
    net.oper(chief, 0, "chief");
    net.request(chief, "KLINE bob :x");
    let version = |line: &str| line.split(' ').nth(1).unwrap().parse::<u64>().unwrap();
    let before = version(&net.stored(0)[0]);
    let unix_ms = 1_800_000_000_000;
    let command = ServerCommand::WallClock { unix_ms };
    net.fixture.handle(0, Event::Command(command));
    let after = version(&net.stored(0)[0]);
    assert!(
        before < 1_700_000_100_000 && after > 1_799_999_900_000,
        "{before} {after}"
    );
}

#[test]
fn a_server_states_bans_but_no_client_does() {
    let mut net = net_of(2);
    let ann = net.user(1, "ann");
    let peer = net.fixture.connect(0);
    net.fixture
        .introduce_v2(peer, 77, "r=9;f=server-quit,channels,channel-age,oper");
    let client = registration(Kind::Client, 300, Some(77), "x");
    net.fixture.send_message(peer, &client);
    let crc = net.crc(0, 400);
    let ban = |source, text: &str| channel_request(source, None, RequestKind::BAN, "", text);
    let statement = "k 1700000000000 0 chief ann!*@* spam";
    net.fixture.send_message(peer, &ban(300, statement));
    net.fixture.send_message(peer, &ban(77, "nonsense"));
    net.fixture.send_message(crc, &ban(400, statement));
    net.fixture.soon();
    assert!(net.bans(0).is_empty() && net.bans(1).is_empty());
    net.fixture.send_message(peer, &ban(77, statement));
    net.expect_lines(ann, &[&format!("ERROR :Closing Link: ann ({BANNED})")]);
    // A version far in the future counts as now, so that it can be overruled.
    let future = format!("k {} 0 chief bob spam", u64::MAX);
    net.fixture.send_message(peer, &ban(77, &future));
    net.fixture.soon();
    let chief = net.user(0, "chief");
    net.oper(chief, 0, "chief");
    net.request(chief, "UNKLINE bob");
    assert_eq!(net.bans(1), ["ann!*@* spam", "-bob!*@*"]);
}

#[test]
fn a_server_that_leaves_hands_out_its_bans_first() {
    let mut net = net_of(1);
    let chief = net.user(0, "chief");
    net.oper(chief, 0, "chief");
    net.request(chief, "KLINE bob :x");
    let reason = "tired".into();
    let leave = ServerCommand::Leave { reason };
    net.fixture.handle(0, Event::Command(leave));
    let notices = &net.fixture.nodes[0].notices;
    let is_stored = |notice: &ServerNotice| matches!(notice, ServerNotice::StoreBans(lines) if lines.len() == 1);
    assert!(notices.iter().any(is_stored));
}
