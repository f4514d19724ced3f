//! Malformed lines at the IRC listeners: too long, without an end, random bytes, and
//! commands with wrong parameters.

use crc_e2e::fixture::IrcProtocol::{Legacy, Ordinary};
use crc_e2e::fixture::{ANN, BOB, WatchedIrcServer, wire};

#[test]
fn a_line_that_is_too_long_is_dropped_in_ordinary_irc() {
    let mut watched = WatchedIrcServer::start(&[]);
    let mut long = watched.user(Ordinary, "long");
    long.send_line("JOIN #reef").unwrap();
    long.expect(" 366 ");
    // 512 bytes with CR LF, and 4,096 bytes of tags.
    let longest = format!("PRIVMSG #reef :{}", "x".repeat(512 - 2 - 15));
    let tags = format!("@a={} ", "y".repeat(4096 - 4));
    for (line, whole) in [
        (longest.clone(), true),
        (format!("{longest}x"), false),
        (format!("{tags}{longest}"), true),
        (format!("{tags}{longest}x"), false),
        (format!("@{tags}{longest}"), false),
        ("x".repeat(100_000), false),
    ] {
        long.send_line(&line).unwrap();
        if whole {
            for other in [&mut watched.iris, &mut watched.ivan, &mut watched.uma] {
                assert!(other.expect_privmsg().contains(" PRIVMSG #reef :xxx"));
                // With the prefix of its sender the text needs two lines.
                other.drain_privmsgs();
            }
        } else {
            long.expect(" 417 ");
        }
    }
    long.send_line("PING alive").unwrap();
    long.expect(" PONG ");
    // The same limit holds before registration.
    let mut unregistered = watched.connect(Ordinary);
    unregistered.send_line(&"x".repeat(513)).unwrap();
    unregistered.expect(" 417 ");
    unregistered
        .send_line("NICK late\r\nUSER late 0 * :Late")
        .unwrap();
    unregistered.expect(" 001 ");
    drop((long, unregistered));
    watched.assert_only_watched();
}

#[test]
fn a_line_that_is_too_long_closes_the_link_in_legacy_irc() {
    let mut watched = WatchedIrcServer::start(&[]);
    let longest = format!("PRIVMSG una :{}", "x".repeat(8192 - 2 - 13));
    let mut una = watched.user(Legacy, "una");
    una.send_line(&longest).unwrap();
    // With the prefix of its sender the text needs two lines.
    una.expect_privmsg();
    una.expect_privmsg();
    for end in ["\r\n", ""] {
        let mut bad = watched.user(Legacy, "bad");
        bad.send(format!("{longest}x{end}").as_bytes()).unwrap();
        if end.is_empty() {
            bad.send(b"xx").unwrap();
        }
        let last = bad.expect_end().pop().unwrap();
        assert!(last.starts_with("ERROR :"), "{last}");
        watched.assert_logged(&bad, "8192");
        let mut unregistered = watched.connect(Legacy);
        unregistered
            .send(format!("{longest}xxx{end}").as_bytes())
            .unwrap();
        unregistered.expect_end();
        watched.assert_logged(&unregistered, "8192");
        let mut pond = watched.legacy_server_with_newt("pond");
        let line = format!(":newt PRIVMSG #reef :{}{end}", "x".repeat(8192));
        pond.send(line.as_bytes()).unwrap();
        pond.expect_end();
        watched.assert_logged(&pond, "8192");
        watched.assert_chatting();
    }
    drop(una);
    watched.assert_only_watched();
}

/// The server keeps at most one line for each of a thousand peers.
#[test]
fn lines_without_an_end_do_not_accumulate() {
    let mut watched = WatchedIrcServer::start(&["--register-within=60"]);
    // The first round grows memory that later rounds reuse.
    let mut grown = Vec::new();
    for _ in 0..3 {
        let before = watched.resident_bytes();
        let mut peers = Vec::new();
        for n in 0..1000 {
            let protocol = if n % 2 == 0 { Ordinary } else { Legacy };
            let mut peer = watched.connect(protocol);
            let endless = match protocol {
                // The server skips bytes above the limit.
                Ordinary => vec![b'x'; 64 * 1024],
                Legacy => vec![b'x'; 8190],
            };
            peer.send(&endless).unwrap();
            peers.push(peer);
        }
        watched.assert_chatting();
        grown.push(watched.resident_bytes().saturating_sub(before));
        for peer in peers.iter_mut().step_by(2) {
            peer.expect(" 417 ");
        }
        drop(peers);
        watched.assert_only_watched();
    }
    let one = 32 * 1024;
    assert!(grown[0] < 1000 * one, "{grown:?} bytes for 1,000");
    assert!(grown[2] < 1000 * one / 4, "memory is not reused: {grown:?}");
}

/// Reproducible random bytes.
fn noise(seed: u64) -> impl Iterator<Item = u8> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005);
        state = state.wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    })
}

#[test]
fn malformed_lines_of_users_are_never_relayed() {
    let mut watched = WatchedIrcServer::start(&["--irc-lines-per-second=0"]);
    let mut garbage: Vec<Vec<u8>> = vec![
        b"PRIVMSG #reef :a\0b\r\n".to_vec(),
        b"PRIVMSG #reef :a\rPRIVMSG #reef :b\r\n".to_vec(),
        b"PRIVMSG #re\0ef :a\r\n".to_vec(),
        b"\0\0\0\0\r\n".to_vec(),
        b"\r\r\r\r\n".to_vec(),
        b"\n\n\n\r\n \r\n   \r\n:\r\n: \r\n:x\r\n@\r\n@x\r\n@x :y\r\n".to_vec(),
        b"1 2 3\r\n001 iris :Welcome\r\n999\r\n0000\r\n".to_vec(),
        b"PRIVMSG\r\nPRIVMSG \r\nPRIVMSG  :\r\nPRIVMSG :\r\nJOIN\r\nJOIN :\r\n".to_vec(),
        b"JOIN ,,,,\r\nJOIN #\r\nPART ,\r\nMODE\r\nMODE #reef +ooooo\r\n".to_vec(),
        b"MODE #reef +k :\r\nTOPIC #reef :mine\r\nKICK #reef iris :out\r\n".to_vec(),
        b"NICK :\r\nNICK \xff\xfe\r\nNICK #reef\r\nUSER\r\nUSER \xff \xff \xff :\xff\r\n".to_vec(),
        b"WHO *****************************************a\r\n".to_vec(),
        b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n".to_vec(),
        wire::chat(ANN, BOB, "frames\r\n"),
        wire::client_registration(ANN, 0, "ann", "a\r\n"),
    ];
    for seed in 0..4 {
        let mut noise: Vec<_> = noise(seed).take(4000).collect();
        noise.extend(b"\r\n");
        garbage.push(noise);
    }
    let all = garbage.concat();
    for protocol in [Ordinary, Legacy] {
        // Each on its own, then all byte by byte.
        for bytes in &garbage {
            let mut unregistered = watched.connect(protocol);
            unregistered.send(bytes).unwrap();
            let mut user = watched.user(protocol, "noisy");
            user.send(bytes).unwrap();
            // The user is connected, and the server has relayed nothing of it.
            user.send_line("JOIN #reef").unwrap();
            user.send_line("PRIVMSG #reef :clear").unwrap();
            for other in [&mut watched.iris, &mut watched.ivan, &mut watched.uma] {
                let line = other.expect_privmsg();
                assert!(line.ends_with(" PRIVMSG #reef :clear"), "{line}");
                assert!(line.starts_with(":noisy"), "{line}");
            }
            drop((unregistered, user));
            watched.wait_only_watched_users();
        }
        let mut user = watched.user(protocol, "noisy");
        for byte in &all {
            user.send(&[*byte]).unwrap();
        }
        watched.assert_chatting();
        drop(user);
        watched.assert_only_watched();
    }
}

#[test]
fn malformed_lines_of_servers_are_never_relayed() {
    let mut watched = WatchedIrcServer::start(&[]);
    let mut pond = watched.legacy_server_with_newt("pond");
    for seed in 10..14 {
        let noise: Vec<_> = noise(seed).take(4000).collect();
        pond.send(&noise).unwrap();
        pond.send(b"\r\n:newt \r\n:newt PRIVMSG\r\n:newt PRIVMSG #reef\r\n")
            .unwrap();
    }
    for line in [
        ":newt PRIVMSG #reef :a\0b",
        ":newt PRIVMSG #reef :a\rb",
        ":newt JOIN",
        ":newt JOIN reef",
        ":newt JOIN #",
        ":newt PART #nowhere",
        ":newt TOPIC #nowhere :x",
        ":newt NICK other",
        ":newt MODE #reef +o newt",
        ":newt KICK #reef iris",
        "353",
        "353 #reef",
        ":pond 353 #reef :",
        ":pond 353 * :iris ivan",
        ":pond 332 #reef",
        ":pond 999 x y z",
        ":pond SERVER",
        ":pond SERVER deep",
        ":pond SERVER deep deep :x",
        ":pond SERVER deep 99999999999999999999 :x",
        ":pond USER",
        ":pond USER a b",
        ":pond USER #a b c :d",
        ":pond SQUIT",
        ":pond PING hub",
    ] {
        pond.send_line(line).unwrap();
    }
    pond.send_line(":newt PRIVMSG ann :clear").unwrap();
    let (_, to, text) = watched.ann.expect_chat();
    assert_eq!((to, &*text), (ANN, "clear"));
    watched.assert_chatting();
    drop(pond);
    watched.assert_only_watched();
}
