//! Load at the IRC listeners: floods, many channels, long answers, peers that never
//! read, and huge bursts.

use std::time::Duration;

use crc_e2e::fixture::IrcProtocol::{Legacy, Ordinary};
use crc_e2e::fixture::wait::LONG;
use crc_e2e::fixture::{BOB, Peer, WatchedIrcServer, wire};

/// The id of the misbehaving v2 client.
const BAD: u32 = 666;

#[test]
fn a_user_joins_at_most_64_channels() {
    let mut watched = WatchedIrcServer::start(&["--irc-lines-per-second=0"]);
    for protocol in [Ordinary, Legacy] {
        let mut greedy = watched.user(protocol, "greedy");
        for hundred in 0..30 {
            let names = (0..100).map(|n| format!("#c{hundred}-{n}"));
            let lines = match protocol {
                Ordinary => {
                    let names: Vec<_> = names.collect();
                    let lines = names.chunks(50).map(|names| names.join(","));
                    lines.map(|names| format!("JOIN {names}\r\n")).collect()
                }
                Legacy => names
                    .map(|name| format!("JOIN {name}\r\n"))
                    .collect::<String>(),
            };
            greedy.send(lines.as_bytes()).unwrap();
            let last = format!("#c{hundred}-99 ");
            loop {
                let line = greedy.next_line(LONG).unwrap().unwrap();
                let over = line.contains(" 405 ") || line.contains(" 366 ");
                let over = over || line.contains(" 331 ");
                if over && line.contains(&last) {
                    break;
                }
            }
        }
        watched.wait_irc(|irc| irc.channels.len() == 65);
        watched.assert_chatting();
        // PART and JOIN do not raise the number.
        for turn in 0..50 {
            greedy
                .send_line(&format!("PART #c0-{turn}\r\nJOIN #d{turn}"))
                .unwrap();
        }
        watched.wait_irc(|irc| irc.channels.contains_key("#d49") && irc.channels.len() == 65);
        watched.assert_chatting();
        drop(greedy);
        watched.assert_only_watched();
    }
}

#[test]
fn lines_above_the_rate_wait_and_a_flood_closes_the_link() {
    let mut watched = WatchedIrcServer::start(&["--irc-lines-per-second=20"]);
    // The server reads lines above the rate later, in order.
    let mut hasty = watched.user(Ordinary, "hasty");
    hasty.send_line("JOIN #reef").unwrap();
    for number in 0..130 {
        hasty
            .send_line(&format!("PRIVMSG #reef :{number}"))
            .unwrap();
    }
    for number in 0..130 {
        for other in [&mut watched.iris, &mut watched.ivan, &mut watched.uma] {
            let line = other.expect_privmsg();
            assert!(
                line.ends_with(&format!(" PRIVMSG #reef :{number}")),
                "{line}"
            );
        }
    }
    drop(hasty);
    watched.assert_only_watched();
    // More than the server buffers closes the link, before and after registration.
    for line in ["NICK other%\r\n", "PRIVMSG ivan%:x\r\n", "NAMES #reef\r\n"] {
        for registered in [true, false] {
            let mut flood = match registered {
                true => watched.user(Ordinary, "flood"),
                false => watched.connect(Ordinary),
            };
            let lines: String = (0..10_000)
                .map(|n| line.replace('%', &n.to_string()))
                .collect();
            // The server may close meanwhile.
            let _ = flood.send(lines.as_bytes());
            flood.expect_end();
            watched.assert_logged(&flood, "Excess Flood");
            watched.assert_chatting();
        }
    }
    watched.assert_only_watched();
}

#[test]
fn a_user_that_exceeds_chats_per_second_is_closed() {
    let mut watched = WatchedIrcServer::start(&["--chats-per-second=50"]);
    let mut flood = watched.user(Legacy, "flood");
    let _ = flood.send("PRIVMSG flood :x\r\n".repeat(1000).as_bytes());
    flood.expect_end();
    watched.assert_logged(&flood, "ClientChat too fast");
    watched.assert_only_watched();
}

/// A user that requests long answers and does not read them is closed, and delays no
/// other.
#[test]
fn a_user_that_does_not_read_long_answers_is_closed() {
    let mut watched = WatchedIrcServer::start(&[]);
    let mut pond = watched.legacy_server("pond");
    let mut burst = String::new();
    for n in 0..2000 {
        burst.push_str(&format!(":pond USER user{n} pond.test pond :User\r\n"));
        burst.push_str(&format!(":user{n} JOIN #deep\r\n"));
    }
    pond.send(burst.as_bytes()).unwrap();
    watched.wait_members("#deep", 2000);
    for question in ["NAMES\r\n", "NAMES #deep\r\n", "TOPIC #deep\r\n"] {
        let mut asker = watched.user(Legacy, "asker");
        asker.send_line("JOIN #deep\r\nTOPIC #deep :").unwrap();
        asker
            .send_line(&format!("TOPIC #deep :{}", "x".repeat(8000)))
            .unwrap();
        let _ = asker.send(question.repeat(40_000).as_bytes());
        let before = watched.server.processor_time();
        watched.assert_chatting();
        let used = watched.server.processor_time() - before;
        assert!(used < Duration::from_secs(5), "{question}: {used:?}");
        watched.assert_logged(&asker, "too slow");
    }
    let mut asker = watched.user(Ordinary, "asker");
    let _ = asker.send("WHO *\r\nNAMES\r\nLIST\r\n".repeat(50).as_bytes());
    watched.assert_chatting();
    drop((pond, asker));
    watched.assert_only_watched();
}

/// A channel has many ban masks that are slow to match, and a user who sends fast.
#[test]
fn slow_ban_masks_delay_no_other() {
    let mut watched = WatchedIrcServer::start(&["--irc-lines-per-second=0"]);
    let mut keeper = watched.user(Ordinary, "keeper");
    keeper.send_line("JOIN #bans").unwrap();
    for number in 0..70 {
        let mask = format!("*{}{number}*!*@*", "a".repeat(100));
        keeper.send_line(&format!("MODE #bans +b {mask}")).unwrap();
    }
    keeper.send_line("MODE #bans b").unwrap();
    keeper.expect(" 368 ");
    let mut fast = watched.user(Legacy, &"a".repeat(64));
    fast.send_line("JOIN #bans").unwrap();
    fast.send("PRIVMSG #bans :x\r\n".repeat(500).as_bytes())
        .unwrap();
    let before = watched.server.processor_time();
    watched.assert_chatting();
    let used = watched.server.processor_time() - before;
    assert!(used < Duration::from_secs(5), "{used:?}");
    for _ in 0..500 {
        keeper.expect_privmsg();
    }
    drop((keeper, fast));
    watched.assert_only_watched();
}

#[test]
fn a_member_that_never_reads_is_closed_and_delays_no_other() {
    let mut watched =
        WatchedIrcServer::start(&["--client-queue=65536", "--irc-lines-per-second=0"]);
    let mut stalled = Vec::new();
    for (protocol, nick) in [(Ordinary, "stone"), (Legacy, "rock")] {
        let mut peer = watched.user(protocol, nick);
        peer.send_line("JOIN #reef").unwrap();
        stalled.push(peer);
    }
    watched.wait_members("#reef", 5);
    let mut loud = watched.user(Legacy, "loud");
    loud.send_line("JOIN #reef").unwrap();
    // Few enough at a time for users that read.
    let text = "x".repeat(390);
    let chats = format!("PRIVMSG #reef :{text}\r\n").repeat(60);
    let mut most_used = Duration::ZERO;
    let mut rounds = 0;
    loop {
        let state = watched.server.state().unwrap();
        let users = state.irc.unwrap().users;
        if !users.iter().any(|nick| nick == "stone" || nick == "rock") {
            break;
        }
        rounds += 1;
        assert!(rounds < 2000, "the server never closes the stalled links");
        loud.send(chats.as_bytes()).unwrap();
        let before = watched.server.processor_time();
        for other in [&mut watched.iris, &mut watched.ivan, &mut watched.uma] {
            for _ in 0..60 {
                assert!(other.expect_privmsg().ends_with(&text));
            }
        }
        watched.assert_chatting();
        // The messages of `assert_chatting`.
        for _ in 0..2 {
            loud.expect_privmsg();
        }
        most_used = most_used.max(watched.server.processor_time() - before);
    }
    for peer in &stalled {
        watched.assert_logged(peer, "too slow");
    }
    assert_eq!(watched.counter("slow_consumers"), 2);
    assert!(most_used < Duration::from_secs(5), "{most_used:?}");
    drop(loud);
    watched.assert_only_watched();
}

#[test]
fn a_flood_to_a_legacy_server_that_never_reads_costs_the_flooder() {
    let mut watched = WatchedIrcServer::start(&["--server-queue=4194304"]);
    let mut pond = watched.legacy_server_with_newt("pond");
    pond.send_line(":newt JOIN #reef").unwrap();
    watched.wait_members("#reef", 4);
    let mut loud = watched.user(Legacy, "loud");
    let chats = format!("PRIVMSG newt :{}\r\n", "x".repeat(1000)).repeat(50);
    let is_paused = |watched: &WatchedIrcServer| watched.counter("clients_paused") == 1;
    for _ in 0..2000 {
        loud.send(chats.as_bytes()).unwrap();
        if is_paused(&watched) {
            break;
        }
    }
    assert!(is_paused(&watched));
    watched.assert_logged(&loud, "paused");
    watched.assert_chatting();
    assert_eq!(watched.counter("slow_consumers"), 0);
    watched.wait_users(|users| users.contains(&"newt"));
    drop((pond, loud));
    watched.assert_only_watched();
}

/// A text of a v2 client may have many lines. Each becomes a line of IRC with a prefix.
#[test]
fn a_text_of_many_lines_does_not_close_its_recipients() {
    let mut watched = WatchedIrcServer::start(&[]);
    // A long name makes a long prefix.
    let name = "b".repeat(64);
    let mut bad = Peer::v2_client(watched.server.address(), BAD, &name).unwrap();
    for text in [
        "a\n".repeat(32_000),
        "a".repeat(64_000),
        "\n".repeat(64_000),
    ] {
        for nick in ["iris", "uma"] {
            bad.send(&wire::chat(BAD, watched.id_of(nick), &text))
                .unwrap();
        }
        bad.send(&wire::chat(BAD, BOB, "done")).unwrap();
        watched.bob.expect_chat();
    }
    for peer in [&mut watched.iris, &mut watched.uma] {
        assert!(peer.expect_privmsg().ends_with(" :a"));
        peer.drain_privmsgs();
    }
    assert_eq!(watched.counter("slow_consumers"), 0);
    drop(bad);
    watched.assert_only_watched();
}

#[test]
fn a_huge_burst_is_forgotten_with_its_server() {
    let mut watched = WatchedIrcServer::start(&["--irc-lines-per-second=0"]);
    let mut grown = Vec::new();
    for _ in 0..3 {
        let before = watched.resident_bytes();
        let mut pond = watched.legacy_server("pond");
        let mut burst = String::new();
        for server in 0..50 {
            burst.push_str(&format!(":pond SERVER pool{server} 2 :Pool\r\n"));
        }
        for user in 0..5000 {
            let info = "i".repeat(200);
            burst.push_str(&format!(":pond USER u{user} pool.test pool :{info}\r\n"));
        }
        for channel in 0..200 {
            burst.push_str(&format!(":pond 332 #c{channel} :{}\r\n", "t".repeat(200)));
            let nicks: Vec<_> = (0..25).map(|n| format!("u{}", channel * 25 + n)).collect();
            burst.push_str(&format!(":pond 353 #c{channel} :{}\r\n", nicks.join(" ")));
        }
        pond.send(burst.as_bytes()).unwrap();
        watched.wait_irc(|irc| {
            irc.users.len() == 5005 && irc.servers.len() == 51 && irc.channels.len() == 201
        });
        watched.assert_chatting();
        grown.push(watched.resident_bytes().saturating_sub(before));
        drop(pond);
        watched.assert_only_watched();
    }
    assert!(
        grown[2] <= grown[0] / 2 + (4 << 20),
        "memory is not reused: {grown:?}"
    );
}
