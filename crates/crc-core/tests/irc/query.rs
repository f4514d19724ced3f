//! Queries about users and the server.

use super::*;

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
    let smuggled = "SETNAME :Ann\u{e9} [b] [crc2;a=10.0.0.9:1;r=0] [crc2;f=]";
    net.expect(ann, smuggled, &[received]);
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
        ("OPER a b", "491 ann :There are no network operators here"),
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
