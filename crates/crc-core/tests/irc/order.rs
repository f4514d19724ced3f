//! What operators want of servers elsewhere: MAP, TRACE, CONNECT, SQUIT; and STATS.

use super::operator::net_in;
use super::*;
use crc_core::{Event, Powers};

/// Servers in a row, each linked to the one before, and `chief` at the first.
fn row(servers: usize) -> (Net, usize) {
    let mut net = net_in(servers, |number| number.checked_sub(1));
    let chief = net.user(0, "chief");
    net.oper(chief, 0, "chief");
    net.discard(&[chief]);
    (net, chief)
}

/// What an operator of server 0 gets for a command, after the notice that all operators get.
fn ask(net: &mut Net, chief: usize, line: &str) -> Vec<String> {
    let mut lines = net.request(chief, line);
    let told = format!(":server0 NOTICE chief :*** Notice -- chief (chief) used {line}");
    assert_eq!(lines.remove(0), told);
    lines
}

/// A peer that is a server of version 2, behind server `node`.
fn v2_peer(net: &mut Net, node: usize, id: u32, features: &str) -> usize {
    let peer = net.fixture.connect(node);
    let machine = format!("r=9;f=server-quit,channels,channel-age{features}");
    net.fixture.introduce_v2(peer, id, &machine);
    net.fixture.soon();
    net.fixture.received(peer);
    peer
}

fn order(source: u32, destination: Option<HostId>, text: &str) -> Message<'static> {
    channel_request(source, destination, RequestKind::ORDER, "", text)
}

fn requests(messages: &[Message<'_>]) -> Vec<(RequestKind, Option<u32>, String)> {
    let requests = messages.iter().filter_map(|message| match message {
        Message::ChannelRequest(request) => Some((
            request.kind,
            request.destination.map(HostId::get),
            request.text.as_str().to_owned(),
        )),
        _ => None,
    });
    requests.collect()
}

#[test]
fn a_map_shows_the_tree_with_clients_and_times() {
    let mut net = net_in(4, |number| match number {
        0 => None,
        3 => Some(1),
        _ => Some(0),
    });
    let chief = net.user(0, "chief");
    net.user(3, "bob");
    net.user(3, "eve");
    net.oper(chief, 0, "chief");
    net.discard(&[chief]);
    let lines = ask(&mut net, chief, "MAP");
    let version = format!("crc-{}", env!("CARGO_PKG_VERSION"));
    let expected = [
        format!(":server0 006 chief :server0 [1] 1 client, {version}, 0.0 ms"),
        format!(":server0 006 chief :|- server1 [2] 0 clients, {version}, "),
        format!(":server0 006 chief :|  `- server3 [4] 2 clients, {version}, "),
        format!(":server0 006 chief :`- server2 [3] 0 clients, {version}, "),
        ":server0 007 chief :End of MAP".to_owned(),
    ];
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, expected) in lines.iter().zip(&expected) {
        assert!(line.starts_with(expected), "{line} {expected}");
    }
    // A server alone needs no answers.
    let (mut net, chief) = row(1);
    assert_eq!(ask(&mut net, chief, "MAP").len(), 2);
}

#[test]
fn a_map_names_the_servers_that_do_not_answer() {
    let (mut net, chief) = row(2);
    v2_peer(&mut net, 1, 77, "");
    assert_eq!(ask(&mut net, chief, "MAP"), Vec::<String>::new());
    let busy = ":server0 263 chief MAP :Your last MAP or TRACE is still under way: \
                try again in a moment";
    net.expect(chief, "MAP", &[busy]);
    net.fixture.run(Duration::from_secs(4));
    let lines = net.read_lines(chief);
    assert_eq!(lines.len(), 4, "{lines:#?}");
    assert!(lines[1].starts_with(":server0 006 chief :`- server1 [2] "));
    assert_eq!(lines[2], ":server0 006 chief :host77 [77] does not answer");
    assert_eq!(lines[3], ":server0 007 chief :End of MAP");
}

#[test]
fn a_trace_shows_the_hops_to_a_host_with_times() {
    let (mut net, chief) = row(4);
    net.user(3, "bob");
    for wanted in ["bob", "server3", "4"] {
        let shown = if wanted == "4" { "server3" } else { wanted };
        let lines = ask(&mut net, chief, &format!("TRACE {wanted}"));
        assert_eq!(lines.len(), 4, "{lines:#?}");
        for (line, hop) in lines.iter().zip(1..=3) {
            let begins = format!(":server0 206 chief Serv {hop} server{hop} :");
            assert!(line.starts_with(&begins) && line.ends_with(" ms"), "{line}");
        }
        assert_eq!(
            lines[3],
            format!(":server0 262 chief {shown} :End of TRACE")
        );
    }
    // Its own server's client, its own server, and nothing.
    for wanted in ["chief", "server0"] {
        let end = format!(":server0 262 chief {wanted} :End of TRACE");
        assert_eq!(ask(&mut net, chief, &format!("TRACE {wanted}")), [end]);
    }
    for (line, answer) in [
        ("TRACE nowhere", "401 chief nowhere :No such nick/channel"),
        ("TRACE", "461 chief TRACE :Not enough parameters"),
    ] {
        net.expect(chief, line, &[&format!(":server0 {answer}")]);
    }
}

#[test]
fn a_trace_ends_where_servers_do_not_answer() {
    let (mut net, chief) = row(2);
    // One that knows no operators.
    v2_peer(&mut net, 1, 77, "");
    let lines = ask(&mut net, chief, "TRACE host77");
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert_eq!(
        lines[1],
        ":server0 262 chief host77 :End of TRACE: a server on the way knows no operators"
    );
    // One that says nothing.
    v2_peer(&mut net, 1, 88, ",oper");
    assert_eq!(ask(&mut net, chief, "TRACE host88").len(), 1);
    net.fixture.run(Duration::from_secs(4));
    net.expect_lines(
        chief,
        &[":server0 262 chief host88 :End of TRACE: a server on the way does not answer"],
    );
    // An operator who leaves meanwhile disturbs no later user.
    net.send_line(chief, "TRACE host88");
    net.fixture.soon();
    net.fixture.close_peer(chief);
    net.fixture.soon();
    let bob = net.user(0, "bob");
    net.fixture.run(Duration::from_secs(4));
    net.expect_lines(bob, &[]);
}

#[test]
fn squit_cuts_a_link_far_away() {
    let (mut net, chief) = row(4);
    let eve = net.user(3, "eve");
    for user in [chief, eve] {
        net.request(user, "JOIN #reef");
    }
    net.discard(&[chief, eve]);
    let lines = net.request(chief, "SQUIT server3 :repairs");
    assert_eq!(
        lines,
        [
            ":server0 NOTICE chief :*** Notice -- chief (chief) used SQUIT server3: repairs",
            ":eve!~eve@ID.crc QUIT :serverID.crc serverID.crc",
        ]
    );
    // The tree heals.
    net.fixture.run(Duration::from_secs(60));
    assert!(
        net.read_lines(chief)
            .iter()
            .any(|line| line.contains(" JOIN "))
    );
    // One that is linked to a server that knows no operators stays, and the operator is told.
    let peer = v2_peer(&mut net, 1, 77, "");
    let behind = registration(Kind::Server, 78, Some(77), "x");
    net.fixture.send_message(peer, &behind);
    net.fixture.soon();
    let lines = net.request(chief, "SQUIT host78");
    let why = "host78 can't be unlinked: a server on the way knows no operators";
    assert_eq!(
        lines.last().unwrap(),
        &format!(":server0 NOTICE chief :*** Notice -- {why}")
    );
    assert!(!net.fixture.peers[peer].ended);
    // That server itself can be unlinked: its neighbour does it.
    net.request(chief, "SQUIT 77");
    assert!(net.fixture.peers[peer].ended);
}

#[test]
fn connect_links_a_root_to_another_network() {
    let (mut net, chief) = row(2);
    let mut other = config(2);
    other.text_listeners = vec![(IRC, TextProtocol::Irc)];
    net.fixture.server_with(other);
    net.fixture.run(Duration::from_secs(1));
    let used = ":server0 NOTICE chief :*** Notice -- chief (chief) used CONNECT";
    let note = |text: &str| format!(":server0 NOTICE chief :*** Notice -- {text}");
    // Server 1 has an uplink, and says where it can be done.
    let lines = net.request(chief, "CONNECT s2:1 server1");
    let linked = "server1: CONNECT s2:1: it is linked to server0 already: use CONNECT at the root \
                  of its part of the network, which MAP shows, or SQUIT server0 first";
    assert_eq!(lines, [format!("{used} s2:1 server1"), note(linked)]);
    for (line, why) in [
        (
            "2",
            "the server there is in this part of the network already",
        ),
        ("127.0.0.1:1000", "this is its own address"),
        (
            "bob",
            "it knows no server of this name: write an address, such as 192.0.2.1:33300, \
                 or the name of a link in its configuration",
        ),
    ] {
        let lines = net.request(chief, &format!("CONNECT {line}"));
        let told = note(&format!("server0: CONNECT {line}: {why}"));
        assert_eq!(lines, [format!("{used} {line}"), told]);
    }
    net.expect(
        chief,
        "CONNECT s2:1 nowhere",
        &[":server0 402 chief nowhere :No such server"],
    );
    // The port may be a parameter of its own.
    let lines = net.request(chief, "CONNECT s2 1");
    assert_eq!(
        lines,
        [
            format!("{used} s2:1"),
            note("server0: linking to s2:1"),
            note("server0: CONNECT s2:1: linked"),
        ]
    );
    net.fixture.run(Duration::from_secs(20));
    assert_eq!(net.fixture.known(0).len(), 3);
    // One that does not answer.
    let (mut net, chief) = row(1);
    let lines = net.request(chief, "CONNECT s9:1");
    assert_eq!(lines.len(), 3, "{lines:#?}");
    assert!(
        lines[2].starts_with(&note("server0: CONNECT s9:1: ")),
        "{lines:#?}"
    );
    assert!(!lines[2].ends_with("linked"));
}

#[test]
fn only_operators_with_the_power_give_orders_from_elsewhere() {
    let mut net = net_in(1, |_| None);
    let peer = v2_peer(&mut net, 0, 77, ",oper");
    let other = v2_peer(&mut net, 0, 88, ",oper");
    let client = registration(Kind::Client, 300, Some(77), "x");
    net.fixture.send_message(peer, &client);
    net.fixture.soon();
    net.fixture.received(other);
    let (own, far) = (Some(id(1)), Some(id(88)));
    let all = [
        order(300, None, "map 1"),
        order(300, own, "trace 1"),
        order(300, far, "trace 1"),
        order(300, far, "squit x"),
        order(300, own, "connect s9:1"),
        order(300, far, "connect s9:1"),
    ];
    for message in &all {
        net.fixture.send_message(peer, message);
    }
    net.fixture.soon();
    assert_eq!(requests(&net.fixture.received(peer)), []);
    assert_eq!(requests(&net.fixture.received(other)), []);
    // Neither for itself, nor in the name of a host of another server; nor a client of its own.
    for odd in [order(77, None, "map 1"), order(1, None, "map 1")] {
        net.fixture.send_message(peer, &odd);
    }
    let crc = net.crc(0, 400);
    net.fixture.send_message(crc, &order(400, None, "map 1"));
    net.fixture.soon();
    assert_eq!(requests(&net.fixture.received(other)), []);
    assert!(!net.fixture.peers[crc].ended);
    // An operator with these powers, orders that cannot be read, and such with no sense.
    let powers = channel_request(
        300,
        None,
        RequestKind::OPERATOR,
        "",
        "stats,squit,connect x",
    );
    net.fixture.send_message(peer, &powers);
    for odd in [
        order(300, None, "squit x"),
        order(300, own, "map 1"),
        order(300, None, "fly 1"),
        order(300, own, ""),
        order(300, Some(id(999)), "trace 1"),
    ] {
        net.fixture.send_message(peer, &odd);
    }
    net.fixture.soon();
    net.fixture.received(other);
    net.fixture.received(peer);
    for message in &all[..3] {
        net.fixture.send_message(peer, message);
    }
    net.fixture.soon();
    let version = format!("crc-{}", env!("CARGO_PKG_VERSION"));
    let answer = |text: &str| (RequestKind::ANSWER, Some(300), text.to_owned());
    assert_eq!(
        requests(&net.fixture.received(peer)),
        [
            answer(&format!("1 place 0 1 {version}")),
            answer("1 end"),
            answer("1 hop"),
        ]
    );
    assert_eq!(
        requests(&net.fixture.received(other)),
        [
            (RequestKind::ORDER, None, "map 1".to_owned()),
            (RequestKind::ORDER, Some(88), "trace 1".to_owned()),
        ]
    );
    net.fixture.send_message(peer, &all[3]);
    net.fixture.soon();
    assert!(net.fixture.peers[other].ended);
}

#[test]
fn answers_count_for_those_who_asked() {
    let (mut net, chief) = row(1);
    let chief_id = net.id_of(0, "chief");
    let peer = v2_peer(&mut net, 0, 77, ",oper");
    let client = registration(Kind::Client, 300, Some(77), "x");
    net.fixture.send_message(peer, &client);
    assert_eq!(ask(&mut net, chief, "TRACE 77"), Vec::<String>::new());
    let asked = requests(&net.fixture.received(peer));
    assert_eq!(
        asked[1..],
        [(RequestKind::ORDER, Some(77), "trace 1".to_owned())]
    );
    let answer =
        |source, text: &str| channel_request(source, Some(chief_id), RequestKind::ANSWER, "", text);
    for odd in [
        answer(300, "1 end"),
        answer(77, "2 end"),
        answer(77, "1 place 0 0 x"),
        answer(77, "x"),
    ] {
        net.fixture.send_message(peer, &odd);
    }
    net.expect_lines(chief, &[]);
    // However many hops a server claims, few are shown.
    for _ in 0..1000 {
        net.fixture.send_message(peer, &answer(77, "1 hop"));
    }
    assert_eq!(net.read_lines(chief).len(), 256);
    net.fixture.run(Duration::from_secs(4));
    assert_eq!(net.read_lines(chief).len(), 1);
    net.fixture.send_message(peer, &answer(77, "1 end"));
    net.expect_lines(chief, &[]);
}

#[test]
fn stats_tell_operators_of_links_and_commands() {
    let (mut net, chief) = row(2);
    let bob = net.user(0, "bob");
    let up = net.request(bob, "STATS u");
    assert!(
        up[0].starts_with(":server0 242 bob :Server Up 0 days 0:00:"),
        "{up:?}"
    );
    assert_eq!(up[1], ":server0 219 bob u :End of STATS report");
    for letter in ["l", "m", "o", "k", "x"] {
        let end = format!(":server0 219 bob {letter} :End of STATS report");
        net.expect(bob, &format!("STATS {letter}"), &[&end]);
    }
    net.expect(bob, "STATS", &[":server0 219 bob * :End of STATS report"]);
    let links = ask(&mut net, chief, "STATS l");
    assert_eq!(links.len(), 4, "{links:#?}");
    assert!(
        links[0].starts_with(":server0 211 chief server1[2@"),
        "{links:?}"
    );
    assert!(
        links[1].starts_with(":server0 211 chief chief["),
        "{links:?}"
    );
    // Short lines are counted as well.
    net.expect(
        bob,
        "PRIVMSG bob :Hi",
        &[":bob!~bob@ID.crc PRIVMSG bob :Hi"],
    );
    let commands = ask(&mut net, chief, "STATS m");
    assert!(commands.contains(&":server0 212 chief PRIVMSG :1".to_owned()));
    assert!(
        commands.contains(&":server0 212 chief STATS :9".to_owned()),
        "{commands:#?}"
    );
    assert!(commands.contains(&":server0 212 chief OPER :1".to_owned()));
    let operators = ask(&mut net, chief, "STATS o");
    let powers = Powers::ALL;
    assert_eq!(
        operators[0],
        format!(":server0 243 chief o * * chief :{powers}")
    );
    // Those of the binary protocol get the same.
    let crc = net.crc(0, 300);
    let command = |text: &str| channel_request(300, None, RequestKind::COMMAND, "", text);
    net.fixture
        .send_message(crc, &command("OPER chief :secret of chief"));
    net.answer_passwords(0);
    net.fixture.soon();
    net.fixture.received(crc);
    let mut ask = |line: &str| {
        net.fixture.send_message(crc, &command(line));
        net.fixture.soon();
        let notes = net.fixture.received(crc);
        let notes = notes.into_iter().filter_map(|message| match message {
            Message::Status(status) => Some(status.text.as_str().to_owned()),
            _ => None,
        });
        notes.collect::<Vec<_>>()
    };
    assert_eq!(ask("STATS m").last().unwrap(), "m: End of STATS report");
    assert!(ask("MAP")[2].starts_with("`- server1 [2] 0 clients"));
    let trace = ask("TRACE server1");
    assert!(trace[1].starts_with("Serv 1 server1: "), "{trace:?}");
    assert_eq!(trace[2], "server1: End of TRACE");
}

#[test]
fn an_operator_who_lost_the_power_gives_no_orders() {
    let (mut net, chief) = row(2);
    let mut changed = config(0).reconfiguration();
    changed.operators = vec![super::operator::operator("chief", Powers::WALLOPS)];
    let command = ServerCommand::Reconfigure(Box::new(changed));
    net.fixture.handle(0, Event::Command(command));
    net.discard(&[chief]);
    for (line, verb) in [
        ("MAP", "MAP"),
        ("TRACE server1", "TRACE"),
        ("CONNECT s9:1", "CONNECT"),
    ] {
        let refused =
            format!(":server0 481 chief :Permission denied: your class may not use {verb}");
        net.expect(chief, line, &[&refused]);
    }
}
