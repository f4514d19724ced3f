//! Queries about users and the server.

use super::*;

#[test]
fn a_list_without_elements_is_answered() {
    let mut net = Net::new(1);
    let (ann, _) = (net.user(0, "ann"), net.user(0, "bob"));
    for (line, answer) in [
        ("JOIN ,", "461 ann JOIN :Not enough parameters"),
        ("JOIN :", "461 ann JOIN :Not enough parameters"),
        ("PART ,,", "461 ann PART :Not enough parameters"),
        ("KICK #a ,", "461 ann KICK :Not enough parameters"),
        ("NAMES ,", "366 ann * :End of /NAMES list"),
        ("WHOIS ,", "431 ann :No nickname given"),
        ("PRIVMSG , :x", "411 ann :No recipient given (PRIVMSG)"),
        ("INVITE bob :", "403 ann * :No such channel"),
    ] {
        net.expect(ann, line, &[&format!(":server0 {answer}")]);
    }
    net.expect(ann, "NOTICE , :x", &[]);
    net.expect(
        ann,
        "USERHOST a b c d e bob",
        &[":server0 302 ann :bob=+~bob@ID.crc"],
    );
}

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
    let whois = net.request(eve, "WHOIS bob,x");
    assert!(whois[2].starts_with(":server0 317 eve bob 0 17000000"));
    assert_eq!(
        [&whois[..2], &whois[3..]].concat(),
        [
            ":server0 311 eve bob ~bob ID.crc * :Real bob",
            ":server0 312 eve bob server1 :Server 1",
            ":server0 318 eve bob :End of /WHOIS list",
            ":server0 401 eve x :No such nick/channel",
            ":server0 318 eve x :End of /WHOIS list",
        ]
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
        &[":server0 403 eve #none :No such channel"],
    );
    net.expect(
        eve,
        "USERHOST ann bob x",
        &[":server0 302 eve :ann=-~ann@ID.crc bob=+~bob@ID.crc"],
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
            ":server0 352 eve * ~bob ID.crc server1 bob H :1 Real bob",
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
    let smuggled = "SETNAME :Ann\u{e9} [b] [crc2;a=10.0.0.9:1;r=0] [crc2;f=]";
    net.expect(ann, smuggled, &[received]);
    // For others nothing has changed.
    net.expect_lines(bob, &[]);
    let whois = net.request(eve, "WHOIS ann");
    assert_eq!(
        whois[0],
        ":server1 311 eve ann ~ann ID.crc * :Ann\u{e9} [b]"
    );
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
    assert_eq!(answer.len(), 4);
    net.expect(
        ann,
        "LUSERS",
        &[
            ":server0 251 ann :There are 1 users and 0 invisible on 2 servers",
            ":server0 253 ann 1 :unknown connection(s)",
            ":server0 254 ann 0 :channels formed",
            ":server0 255 ann :I have 1 clients and 1 servers",
            ":server0 265 ann 1 1 :Current local users 1, max 1",
            ":server0 266 ann 1 1 :Current global users 1, max 1",
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
    net.expect(
        ann,
        "LINKS *1",
        &[
            ":server0 364 ann server1 server0 :1 Server 1",
            ":server0 365 ann *1 :End of LINKS list",
        ],
    );
    net.expect(
        ann,
        "LINKS server0 typo",
        &[":server0 365 ann typo :End of LINKS list"],
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
        ("OPER a b", "491 ann :There are no network operators here"),
        ("FROB x", "421 ann FROB :Unknown command"),
        ("PING", "409 ann :No origin specified"),
    ] {
        net.expect(ann, line, &[&format!(":server0 {answer}")]);
    }
    for line in [
        "TRACE",
        "MAP",
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

/// Names as long as they may be: no answer cuts one.
#[test]
fn no_answer_is_cut_inside_a_word() {
    let server = "s".repeat(64);
    let mut net = Net::with(1, |config| {
        config.name = crc_wire::Name::new(server.clone()).unwrap();
        config.motd = vec!["tide ".repeat(300), "x".repeat(1000)];
    });
    let nicks: Vec<_> = (0..20)
        .map(|n| format!("n{n:02}{}", "x".repeat(27)))
        .collect();
    let users: Vec<_> = nicks.iter().map(|nick| net.user(0, nick)).collect();
    let channels: Vec<_> = (0..12)
        .map(|n| format!("#{n:02}{}", "c".repeat(61)))
        .collect();
    for user in &users {
        net.request(*user, "CAP REQ :userhost-in-names multi-prefix");
        for channel in &channels {
            net.send_line(*user, &format!("JOIN {channel}"));
        }
    }
    net.discard(&users);
    let ann = users[0];
    let words_of = |lines: &[String], numeric: &str| -> Vec<String> {
        let lines = lines.iter().filter(|line| line.contains(numeric));
        let texts = lines.map(|line| line.split_once(" :").unwrap().1.to_owned());
        let words = texts.flat_map(|text| text.split(' ').map(str::to_owned).collect::<Vec<_>>());
        words.filter(|word| !word.is_empty()).collect()
    };
    let list = nicks[..16].join(" ");
    let online = net.request(ann, &format!("ISON :{list}"));
    assert_eq!(words_of(&online, " 303 "), nicks[..16]);
    let hosts = net.request(ann, &format!("USERHOST {}", nicks[..5].join(" ")));
    let expected = nicks[..5]
        .iter()
        .map(|nick| format!("{nick}=+~{}@ID.crc", &nick[..9]));
    assert_eq!(words_of(&hosts, " 302 "), expected.collect::<Vec<_>>());
    let names = net.request(ann, &format!("NAMES {}", channels[0]));
    let source = |nick: &String| format!("{nick}!~{}@ID.crc", &nick[..9]);
    let mut expected: Vec<_> = nicks.iter().map(source).collect();
    expected[0] = format!("@{}", expected[0]);
    let mut found = words_of(&names, " 353 ");
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    let whois = net.request(ann, &format!("WHOIS {}", nicks[1]));
    assert_eq!(words_of(&whois, " 319 "), channels);
    let capabilities = net.request(ann, "CAP LIST");
    assert_eq!(
        words_of(&capabilities, " LIST "),
        ["multi-prefix", "userhost-in-names"]
    );
    let wanted = vec!["setname"; 60].join(" ");
    let ack = net.request(ann, &format!("CAP REQ :{wanted}"));
    assert_eq!(words_of(&ack, " ACK "), ["setname"; 60]);
    // Bans as long as they may be: the changes, and the list.
    let mask = |n: usize| format!("{n}{}!*@*", "b".repeat(120));
    for n in 0..3 {
        let bans = (3 * n..3 * n + 3).map(mask).collect::<Vec<_>>().join(" ");
        net.send_line(ann, &format!("MODE {} +bbb {bans}", channels[0]));
    }
    let masks: Vec<_> = (0..9).map(mask).collect();
    let shown = net.read_lines(users[1]);
    let shown = shown.iter().flat_map(|line| line.split(' ').skip(4));
    assert_eq!(shown.collect::<Vec<_>>(), masks);
    net.discard(&users);
    let listed = net.request(ann, &format!("MODE {} b", channels[0]));
    let listed = listed.iter().filter(|line| line.contains(" 367 "));
    assert!(
        listed.clone().count() == 9
            && listed
                .clone()
                .all(|line| masks.contains(&line.split(' ').nth(4).unwrap().to_owned()))
    );
    // Removed at once.
    net.send_line(
        ann,
        &format!("MODE {} -bb {} {}", channels[0], masks[0], masks[1]),
    );
    let removed = net.read_lines(users[1]);
    let removed = removed.iter().flat_map(|line| line.split(' ').skip(4));
    assert_eq!(removed.collect::<Vec<_>>(), masks[..2]);
    // A long line of the message of the day goes on in the next.
    let motd = net.request(ann, "MOTD");
    let text: String = motd
        .iter()
        .filter_map(|line| line.split_once(" :- "))
        .map(|(_, text)| text)
        .skip(1)
        .collect();
    assert_eq!(text, ["tide ".repeat(300), "x".repeat(1000)].concat());
}

#[test]
fn too_many_targets_are_answered() {
    let mut net = Net::new(1);
    let ann = net.user(0, "ann");
    net.request(ann, "JOIN #a");
    for command in ["WHOIS a,b,c,d,e,f", "KICK #a a,b,c,d,e,f"] {
        let answer = net.request(ann, command);
        assert_eq!(
            answer.last().unwrap(),
            ":server0 407 ann e :Too many targets"
        );
        assert_eq!(
            answer.iter().filter(|line| line.contains(" 401 ")).count(),
            4
        );
    }
}

#[test]
fn an_invisible_user_is_shown_to_those_who_share_a_channel() {
    let mut net = Net::new(1);
    let [ann, bob, eve] = ["ann", "bob", "eve"].map(|nick| net.user(0, nick));
    for peer in [ann, bob] {
        net.request(peer, "JOIN #a");
    }
    net.request(bob, "MODE bob +i");
    net.discard(&[ann, bob, eve]);
    let end = ":server0 366 eve #a :End of /NAMES list";
    net.expect(eve, "NAMES #a", &[":server0 353 eve = #a :@ann", end]);
    let names = net.request(ann, "NAMES #a");
    assert!(
        names[0].contains("@ann") && names[0].contains("bob"),
        "{names:?}"
    );
    for (query, shown) in [("#a", false), ("*", false), ("b*", false), ("bob", true)] {
        let sees = |answer: Vec<String>| answer.iter().any(|line| line.contains("Real bob"));
        assert_eq!(
            sees(net.request(eve, &format!("WHO {query}"))),
            shown,
            "{query}"
        );
        assert!(sees(net.request(ann, &format!("WHO {query}"))), "{query}");
        assert!(sees(net.request(bob, &format!("WHO {query}"))), "{query}");
    }
    net.request(ann, "MODE ann +i");
    net.request(eve, "MODE eve +i");
    // Its own nick is no secret to a user.
    net.expect(eve, "NAMES #a", &[end]);
    net.expect(
        eve,
        "NAMES",
        &[
            ":server0 353 eve * * :eve",
            ":server0 366 eve * :End of /NAMES list",
        ],
    );
}

#[test]
fn all_servers_say_the_same_of_who_is_away() {
    let mut net = Net::new(3);
    let (ann, bob) = (net.user(1, "ann"), net.user(2, "bob"));
    net.expect(
        ann,
        "AWAY :tea",
        &[":server1 306 ann :You have been marked as being away"],
    );
    net.expect(bob, "PRIVMSG ann :hi", &[":server2 301 bob ann :tea"]);
    let who = net.request(bob, "WHO ann");
    assert!(who[0].contains(" ann G "), "{who:?}");
    let whois = net.request(bob, "WHOIS ann");
    assert!(
        whois.contains(&":server2 301 bob ann :tea".to_owned()),
        "{whois:?}"
    );
    net.expect(bob, "USERHOST ann", &[":server2 302 bob :ann=-~ann@ID.crc"]);
    // The client of another protocol, too, and a server without the word hears nothing of it.
    let old = net.fixture.connect(0);
    net.fixture
        .introduce_v2(old, 77, "r=9;f=server-quit,channels,channel-age,oper");
    net.fixture.received(old);
    net.request(ann, "AWAY :sea");
    let heard = net.fixture.received(old);
    assert!(
        heard
            .iter()
            .all(|message| !matches!(message, Message::ChannelRequest(_))),
        "{heard:?}"
    );
    net.request(ann, "AWAY");
    net.expect(bob, "PRIVMSG ann :hi", &[]);
    // Only the server of a user may say it.
    let request = channel_request(300, None, RequestKind::AWAY, "", "lie");
    net.fixture.send_message(old, &request);
    net.fixture.soon();
    let id = net.id_of(0, "ann").get();
    net.fixture.send_message(
        old,
        &channel_request(id, None, RequestKind::AWAY, "", "lie"),
    );
    net.fixture.soon();
    net.expect(bob, "PRIVMSG ann :hi", &[]);
}
