//! A property test: users send lines of any verb and parameters, valid or not. All servers
//! stay consistent, and every reply is a valid line.

use super::*;

/// A line of any verb, mostly with words that mean something to a server.
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

    /// Users send any lines: the servers' checks hold, replies are lines of IRC, and all
    /// servers agree on the channels.
    #[test]
    fn servers_agree_after_any_lines(lines in proptest::collection::vec((0..4_usize, line()), 1..60)) {
        let mut net = Net::new(2);
        let unregistered = net.connect(0);
        // As the first line, TRACE with an asterisk is a request of HTTP.
        net.send_line(unregistered, "PING first");
        let users = [net.user(0, "ann"), net.user(0, "bob"), net.user(1, "eve"), unregistered];
        let crc = net.crc(1, 300);
        net.fixture.send_message(crc, &channel_request(300, None, RequestKind::JOIN, "#a", ""));
        net.fixture.soon();
        for (who, line) in lines {
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
