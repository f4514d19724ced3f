//! Questions to servers elsewhere: what hostile servers and users may do with them, and how long
//! answers may be.

use super::operator::net_of;
use super::*;

/// The features of a server that takes part in all of it.
const FEATURES: &str = "r=9;f=server-quit,channels,channel-age,oper,people,questions";

/// A peer that is a server, `host77`, with a client 300 behind it.
fn server_peer(net: &mut Net, node: usize) -> usize {
    let peer = net.fixture.connect(node);
    net.fixture.introduce_v2(peer, 77, FEATURES);
    let client = registration(Kind::Client, 300, Some(77), "x [crc2;h=77;i=~evil]");
    net.fixture.send_message(peer, &client);
    net.fixture.soon();
    net.fixture.received(peer);
    peer
}

fn question(source: u32, to: u32, text: &str) -> Message<'static> {
    channel_request(source, Some(id(to)), RequestKind::QUESTION, "", text)
}

fn reply(source: u32, to: HostId, text: &str) -> Message<'static> {
    channel_request(source, Some(to), RequestKind::REPLY, "", text)
}

/// The questions or answers that a peer got, with where they go.
fn requests(net: &mut Net, peer: usize, kind: RequestKind) -> Vec<(u32, String)> {
    net.fixture.soon();
    let received = net.fixture.received(peer);
    let requests = received.into_iter().filter_map(|message| match message {
        Message::ChannelRequest(request) if request.kind == kind => {
            let to = request.destination.map_or(0, HostId::get);
            Some((to, request.text.as_str().to_owned()))
        }
        _ => None,
    });
    requests.collect()
}

/// What a client of the binary protocol is told.
fn statuses(net: &mut Net, client: usize) -> Vec<String> {
    net.fixture.soon();
    let received = net.fixture.received(client);
    let statuses = received.into_iter().filter_map(|message| match message {
        Message::Status(status) => Some(status.text.as_str().to_owned()),
        _ => None,
    });
    statuses.collect()
}

#[test]
fn a_server_shows_only_operators_elsewhere_what_is_for_them() {
    let mut net = net_of(1);
    let ann = net.user(0, "ann");
    let victim = net.id_of(0, "ann").get();
    let peer = server_peer(&mut net, 0);
    let ask = |net: &mut Net, source: u32, text: &str| {
        net.fixture.send_message(peer, &question(source, 1, text));
        requests(net, peer, RequestKind::REPLY)
    };
    let end = |letter: &str| {
        let text = format!("1\n219 {letter} :End of STATS report\n");
        vec![(300, text)]
    };
    for letter in ["k", "d", "l", "m", "o", "L", "x", "", "kl"] {
        let expected = if letter.is_empty() { "*" } else { letter };
        let stats = ask(&mut net, 300, &format!("1 stats {letter}"));
        assert_eq!(stats, end(expected), "{letter:?}");
    }
    let up = ask(&mut net, 300, "1 stats u");
    assert!(
        up[0].1.starts_with("1\n242 :Server Up 0 days 0:00:"),
        "{up:?}"
    );
    // The server itself is no operator, and neither is a user that is not behind it.
    for source in [77, 1, victim, 301] {
        let stats = ask(&mut net, source, "1 stats l");
        assert!(
            stats.iter().all(|(_, text)| !text.contains("211")),
            "{stats:?}"
        );
    }
    // What is no question is not answered.
    for odd in [
        "1 stats",
        "1 links",
        "stats k",
        "1 STATS k",
        "1 idle x",
        "1 rehash x",
    ] {
        assert_eq!(ask(&mut net, 300, odd), [], "{odd:?}");
    }
    let longest = format!("1 links {}", "*".repeat(400));
    assert_eq!(ask(&mut net, 300, &longest).len(), 1);
    assert_eq!(ask(&mut net, 300, &format!("{longest}*")), []);
    // An operator sees more, but no client of the server, and no address.
    let operator = |powers: &str| {
        channel_request(
            300,
            None,
            RequestKind::OPERATOR,
            "",
            &format!("{powers} evil"),
        )
    };
    net.fixture.send_message(peer, &operator("kill,ban"));
    assert_eq!(ask(&mut net, 300, "1 stats l"), end("l"));
    net.fixture.send_message(peer, &operator("stats"));
    let links = ask(&mut net, 300, "1 stats l");
    let [link, last] = &*links[0].1.lines().skip(1).collect::<Vec<_>>() else {
        panic!("{links:?}");
    };
    assert!(link.starts_with("211 host77[77] "), "{link}");
    assert_eq!(*last, "219 l :End of STATS report");
    let operators = ask(&mut net, 300, "1 stats o");
    assert!(
        operators[0].1.contains("243 o * * guard :kill"),
        "{operators:?}"
    );
    net.expect_lines(ann, &[]);
}

#[test]
fn a_server_cannot_say_other_things_than_it_is_asked() {
    let mut net = net_of(2);
    let ann = net.user(0, "ann");
    let user = net.id_of(0, "ann");
    let peer = server_peer(&mut net, 0);
    net.send_line(ann, "LINKS host77 *.x");
    assert_eq!(
        requests(&mut net, peer, RequestKind::QUESTION),
        [(77, "1 links *.x".to_owned())]
    );
    // Neither another host, nor another number, nor a user's answer counts.
    let odd = [(300, "1"), (2, "1"), (77, "2"), (77, "0"), (77, "x")];
    for (source, number) in odd {
        let text = format!("{number}\n364 a a :0 x\n");
        net.fixture.send_message(peer, &reply(source, user, &text));
        net.expect_lines(ann, &[]);
    }
    let text = "1\n\
        364 host77 host77 :0 info\n\
        364 a b c d e f :1 x\ry\n\
        381 :You are now a network operator\n\
        PRIVMSG ann :hi\n\
        :server0 NOTICE ann :hi\n\
        219 l :End\n\
        \n\
        365\n\
        416 LINKS :Too many lines\n\
        365 *.x :End of LINKS list\n";
    net.fixture.send_message(peer, &reply(77, user, text));
    net.expect_lines(
        ann,
        &[
            ":host77 364 ann host77 host77 :0 info",
            ":host77 365 ann",
            ":host77 416 ann LINKS :Too many lines",
            ":host77 365 ann *.x :End of LINKS list",
        ],
    );
    // A second answer comes too late.
    net.fixture.send_message(peer, &reply(77, user, text));
    net.expect_lines(ann, &[]);
    // STATS has other numerics.
    net.send_line(ann, "STATS l host77");
    net.fixture.soon();
    let text = "2\n364 a b :0 x\n211 a 1 * * * 2 :3\n219 l :End\n";
    net.fixture.send_message(peer, &reply(77, user, text));
    net.expect_lines(
        ann,
        &[":host77 211 ann a 1 * * * 2 :3", ":host77 219 ann l :End"],
    );
    // However much a server says, a user gets 16 KiB of it, and it goes on.
    net.send_line(ann, "LINKS host77 *");
    net.fixture.soon();
    let flood = "364 a b :0 x\n".repeat(4000);
    net.fixture
        .send_message(peer, &reply(77, user, &format!("3\n{flood}")));
    let shown = net.read_lines(ann).len();
    assert!((1000..=16 * 1024 / 13 + 1).contains(&shown), "{shown}");
    net.expect(ann, "PING 1", &[":server0 PONG server0 :1"]);
}

#[test]
fn a_silent_server_delays_a_user_for_three_seconds() {
    let mut net = net_of(1);
    let ann = net.user(0, "ann");
    server_peer(&mut net, 0);
    for (line, silent) in [
        ("STATS u host77", "STATS"),
        ("LINKS host77 *", "LINKS"),
        ("MOTD host77", "MOTD"),
    ] {
        net.send_line(ann, line);
        net.send_line(ann, "PING 1");
        net.fixture.run(Duration::from_millis(2900));
        net.expect_lines(ann, &[]);
        net.fixture.run(Duration::from_millis(200));
        let answer = format!(":server0 263 ann {silent} :host77 does not answer");
        net.expect_lines(ann, &[&answer, ":server0 PONG server0 :1"]);
    }
    // A server that answers no questions is not waited for.
    let peer = net.fixture.connect(0);
    net.fixture
        .introduce_v2(peer, 78, "r=9;f=server-quit,channels,channel-age,oper");
    for (line, silent) in [("STATS u host78", "STATS"), ("LINKS host78 *", "LINKS")] {
        let answer = format!(":server0 263 ann {silent} :host78 does not answer");
        net.expect(ann, line, &[&answer]);
    }
    let long = "x".repeat(401);
    let answer = format!(":server0 415 ann {long} :The mask is too long");
    net.expect(ann, &format!("LINKS host77 {long}"), &[&answer]);
}

#[test]
fn long_answers_of_other_servers_end() {
    let mut net = Net::with(2, |config| {
        config.motd = vec!["Mind the tide".repeat(20); 200];
        config.operators = vec![super::operator::operator("chief", crc_core::Powers::ALL)];
    });
    let chief = net.user(0, "chief");
    net.oper(chief, 0, "chief");
    for number in 0..300 {
        let line = format!("KLINE 60 user{number}!*@* :{}", "spam ".repeat(30));
        net.request(chief, &line);
    }
    let too_long = |command: &str| {
        format!(":server1 416 chief {command} :Too many lines in the answer, the rest is left out")
    };
    for (line, command, numeric, end) in [
        (
            "STATS k server1",
            "STATS",
            "216",
            "219 chief k :End of STATS report",
        ),
        (
            "MOTD server1",
            "MOTD",
            "372",
            "376 chief :End of /MOTD command",
        ),
    ] {
        let lines = net.request(chief, line);
        let lines: Vec<_> = lines
            .iter()
            .filter(|line| !line.contains(" NOTICE "))
            .collect();
        let bytes: usize = lines
            .iter()
            .map(|line| line.len() - ":server1 chief".len())
            .sum();
        assert!((14_000..=16 * 1024).contains(&bytes), "{line}: {bytes}");
        let [lines @ .., truncated, last] = &*lines else {
            panic!("{lines:?}");
        };
        assert_eq!(**truncated, too_long(command));
        assert_eq!(**last, format!(":server1 {end}"));
        // Each of the others is whole.
        let is_whole = |line: &&String| {
            line.contains(&format!(" {numeric} ")) && line.trim_end().ends_with(['m', 'e'])
        };
        let whole = lines.iter().filter(|line| is_whole(line)).count();
        assert!(whole + 1 >= lines.len(), "{line}: {:?}", lines.last());
    }
    // At the own server there is room.
    let own = net.request(chief, "STATS k");
    assert_eq!(
        own.iter().filter(|line| line.contains(" 216 ")).count(),
        300
    );
}

#[test]
fn clients_of_the_binary_protocol_learn_how_long_a_user_elsewhere_is_idle() {
    let mut net = net_of(2);
    let (_, bob) = (net.user(0, "ann"), net.user(1, "bob"));
    let (near, far) = (net.id_of(0, "ann"), net.id_of(1, "bob"));
    let crc = net.crc(0, 400);
    net.crc(1, 401);
    net.fixture.run(Duration::from_secs(7));
    net.send_line(bob, "PRIVMSG ann :hi");
    net.fixture.run(Duration::from_secs(2));
    let whois = |net: &mut Net, ids: &[&str]| {
        for id in ids {
            let request = channel_request(400, None, RequestKind::WHOIS, "", id);
            net.fixture.send_message(crc, &request);
        }
        let shown = statuses(net, crc);
        let fact = |text: &str, word: &str| {
            let lines = text.lines().filter_map(|line| line.split_once(' '));
            let mut found = lines.filter(|(key, _)| *key == word);
            found.next().map(|(_, value)| value.to_owned())
        };
        let shown = shown.into_iter().map(|text| match text.starts_with("id ") {
            true => ["name", "idle", "since"]
                .map(|word| fact(&text, word).unwrap_or_default())
                .join(" "),
            false => text,
        });
        shown.collect::<Vec<_>>()
    };
    let since = |shown: &str| shown.rsplit(' ').next().unwrap().to_owned();
    let [of_near, of_far] = [near, far].map(|id| whois(&mut net, &[&id.to_string()])[0].clone());
    assert!(of_near.starts_with("ann 9 17000000"), "{of_near}");
    assert!(of_far.starts_with("bob 2 17000000"), "{of_far}");
    // Those of its own protocol say nothing of idle times, and are not invented.
    let of_crc = whois(&mut net, &["401", "400"]);
    assert!(of_crc[0].starts_with("host401  17000000"), "{of_crc:?}");
    assert!(of_crc[1].starts_with("host400  17000000"), "{of_crc:?}");
    assert_eq!(since(&of_crc[0]).len(), 10);
    // Answers come in order, whichever of them takes longer.
    let (near, far) = (near.to_string(), far.to_string());
    let shown = whois(&mut net, &[&far, "401", "9", &near, "x"]);
    let shown: Vec<_> = shown
        .iter()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(shown, ["bob", "host401", "whois:", "ann", "whois:"]);
    let many = whois(&mut net, &[&*far; 9]);
    assert_eq!(many.len(), 9);
    // The first ones make room for the others.
    assert!(many[0].starts_with("bob  17"), "{many:?}");
    assert!(many[8].starts_with("bob 2 17"), "{many:?}");
}

#[test]
fn a_server_cannot_hold_up_a_client_of_the_binary_protocol() {
    let mut net = net_of(1);
    let peer = server_peer(&mut net, 0);
    let crc = net.crc(0, 400);
    let whois = channel_request(400, None, RequestKind::WHOIS, "", "300");
    net.fixture.send_message(crc, &whois);
    assert_eq!(
        requests(&mut net, peer, RequestKind::QUESTION),
        [(300, "1 idle".to_owned())]
    );
    for odd in [
        reply(300, id(400), "1\n5 17"),
        reply(77, id(400), "7\n5 17"),
    ] {
        net.fixture.send_message(peer, &odd);
    }
    assert_eq!(statuses(&mut net, crc), Vec::<String>::new());
    net.fixture.run(Duration::from_secs(3));
    let shown = statuses(&mut net, crc);
    assert_eq!(shown.len(), 1, "{shown:?}");
    assert!(!shown[0].contains("idle"), "{shown:?}");
    // An answer that is late or none is not shown, and changes nothing else.
    net.fixture
        .send_message(peer, &reply(77, id(400), "1\n5 17"));
    net.fixture.send_message(crc, &whois);
    net.fixture.soon();
    net.fixture
        .send_message(peer, &reply(77, id(400), "2\nx 17\naddress x\nidle 5"));
    let shown = statuses(&mut net, crc);
    assert_eq!(shown.len(), 1, "{shown:?}");
    assert!(!shown[0].contains("address"), "{shown:?}");
    assert!(!shown[0].contains("idle"), "{shown:?}");
    net.fixture.send_message(crc, &whois);
    net.fixture.soon();
    net.fixture
        .send_message(peer, &reply(77, id(400), "3\n5 17\n"));
    assert!(statuses(&mut net, crc)[0].contains("\nidle 5\n"));
    // A user that has left meanwhile is not shown.
    net.fixture.send_message(crc, &whois);
    net.fixture.soon();
    net.fixture.send_message(peer, &fixture::quit(300, "bye"));
    net.fixture.run(Duration::from_secs(3));
    assert_eq!(statuses(&mut net, crc), ["whois: no client has the id 300"]);
    // Nothing is left of a client that leaves.
    net.fixture.send_message(
        peer,
        &registration(Kind::Client, 301, Some(77), "x [crc2;h=77;i=~e]"),
    );
    net.fixture.send_message(
        crc,
        &channel_request(400, None, RequestKind::WHOIS, "", "301"),
    );
    net.fixture.soon();
    net.fixture.close_peer(crc);
    net.fixture.run(Duration::from_secs(5));
    net.fixture
        .send_message(peer, &reply(77, id(400), "5\n5 17\n"));
    net.fixture.soon();
}

#[test]
fn clients_of_the_binary_protocol_ask_other_servers_for_stats() {
    let mut net = net_of(2);
    let peer = server_peer(&mut net, 0);
    let crc = net.crc(0, 400);
    let ask = |net: &mut Net, line: &str| {
        let command = channel_request(400, None, RequestKind::COMMAND, "", line);
        net.fixture.send_message(crc, &command);
        statuses(net, crc)
    };
    let up = ask(&mut net, "STATS u server1");
    assert!(up[0].starts_with("Server Up 0 days"), "{up:?}");
    assert_eq!(up[1..], ["u: End of STATS report"]);
    assert_eq!(
        ask(&mut net, "STATS u nowhere"),
        ["nowhere: No such server"]
    );
    assert_eq!(ask(&mut net, "STATS u server0").len(), 2);
    assert_eq!(ask(&mut net, "STATS o server1"), ["o: End of STATS report"]);
    let command = channel_request(
        400,
        None,
        RequestKind::COMMAND,
        "",
        "OPER chief :secret of chief",
    );
    net.fixture.send_message(crc, &command);
    net.answer_passwords(0);
    statuses(&mut net, crc);
    let operators = ask(&mut net, "STATS o server1");
    assert_eq!(
        operators[0],
        "*** Notice -- host400 (chief) used STATS o server1"
    );
    assert!(
        operators.contains(&"o * * guard: kill".to_owned()),
        "{operators:?}"
    );
    // Another server says what belongs to STATS, and no more.
    assert_eq!(ask(&mut net, "STATS u host77"), Vec::<String>::new());
    let text = "4\n242 :up\u{1}\n381 :x\n219 u :End\n";
    net.fixture.send_message(peer, &reply(77, id(400), text));
    assert_eq!(statuses(&mut net, crc), ["up ", "u: End"]);
    assert_eq!(ask(&mut net, "STATS u host77"), Vec::<String>::new());
    net.fixture.run(Duration::from_secs(3));
    assert_eq!(statuses(&mut net, crc), ["STATS: host77 does not answer"]);
}

#[test]
fn who_does_not_say_how_long_it_is_idle_is_shown_with_its_sign_on() {
    let mut net = net_of(2);
    let (ann, bob) = (net.user(0, "ann"), net.user(1, "bob"));
    net.crc(1, 401);
    let shown = |net: &mut Net, user: usize| {
        let lines = net.request(user, "WHOIS host401");
        assert!(
            lines.iter().all(|line| !line.contains(" 317 ")),
            "{lines:?}"
        );
        let line = lines.iter().find_map(|line| line.split_once(" 320 "));
        line.unwrap_or_else(|| panic!("{lines:?}")).1.to_owned()
    };
    let (elsewhere, there) = (shown(&mut net, ann), shown(&mut net, bob));
    let text = "host401 :signed on at Tue, 14 Nov 2023 22:13:2";
    assert!(elsewhere.starts_with(&format!("ann {text}")), "{elsewhere}");
    assert_eq!(elsewhere.replacen("ann", "bob", 1), there);
    // The server of a user of IRC does not answer: then the same is known of it.
    let peer = server_peer(&mut net, 0);
    let dated = registration(
        Kind::Client,
        302,
        Some(77),
        "x [crc2;s=1577836800000;h=77;i=~e]",
    );
    net.fixture.send_message(peer, &dated);
    net.fixture.soon();
    net.send_line(ann, "WHOIS host302,host300");
    net.fixture.run(Duration::from_secs(7));
    let lines = net.read_lines(ann);
    let special: Vec<_> = lines.iter().filter(|line| line.contains(" 320 ")).collect();
    assert_eq!(special.len(), 1, "{lines:?}");
    assert!(
        special[0].starts_with(":server0 320 ann host302 :signed on at "),
        "{special:?}"
    );
}
