//! Known lines and their messages, limits, and every error.

use irc_wire::{
    Decoder, LineLimits, LinePart, LineTooLong, Message, MessageError, Numeric, ParamError, Params,
    Prefix, PrefixError, Verb,
};

/// Returns tags, prefix, command and parameters of a line, with bars between them.
fn parts(line: &str) -> String {
    let message = Message::parse(line.as_bytes()).expect("a message");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    let prefix = message.prefix.map_or(String::new(), |prefix| {
        let [user, host] = [prefix.user(), prefix.host()].map(|part| match part {
            Some(part) => format!("({})", text(part)),
            None => "-".into(),
        });
        format!("{} {user} {host}", text(prefix.name()))
    });
    let params: Vec<_> = message.params.iter().map(text).collect();
    let tags = text(message.tags.as_bytes());
    format!("{tags}|{prefix}|{}|{}", message.command, params.join("|"))
}

#[test]
fn every_combination_of_parts_is_parsed() {
    for (line, expected) in [
        ("PING", "||PING|"),
        ("ping a", "||PING|a"),
        ("PING a b", "||PING|a|b"),
        ("PING :", "||PING|"),
        ("PING :a b", "||PING|a b"),
        ("PING a :b c", "||PING|a|b c"),
        ("PING a ::b : c ", "||PING|a|:b : c "),
        ("PING a:b fe80::1", "||PING|a:b|fe80::1"),
        ("PING  a   b ", "||PING|a|b"),
        ("PING  ", "||PING|"),
        (":s PING", "|s - -|PING|"),
        (":s  PING :x", "|s - -|PING|x"),
        (":n!u@h PING a", "|n (u) (h)|PING|a"),
        (":n!u PING", "|n (u) -|PING|"),
        (":n@h PING", "|n - (h)|PING|"),
        (":n!@ PING", "|n () ()|PING|"),
        (":n@h!x@y PING", "|n - (h!x@y)|PING|"),
        ("::n PING", "|:n - -|PING|"),
        ("@a=b;c PING", "a=b;c||PING|"),
        ("@a  :s  PING  x", "a|s - -|PING|x"),
        ("@ PING", "||PING|"),
        ("knock x", "||knock|x"),
        ("1 x", "||001|x"),
        (":s 001 :Hi", "|s - -|001|Hi"),
        ("x \u{1}ACTION\u{1}\té", "||x|\u{1}ACTION\u{1}\té"),
    ] {
        assert_eq!(parts(line), expected, "{line}");
    }
}

#[test]
fn the_fifteenth_parameter_takes_the_rest() {
    let words = "1 2 3 4 5 6 7 8 9 10 11 12 13 14";
    for (rest, last) in [
        (" 15", "15"),
        (" :15 16", "15 16"),
        (" 15 16 ", "15 16 "),
        ("   15 :16", "15 :16"),
    ] {
        let line = format!("X {words}{rest}");
        let message = Message::parse(line.as_bytes()).unwrap();
        assert_eq!(message.params.len(), Params::MAX);
        assert_eq!(message.params.last(), Some(last.as_bytes()));
    }
    let line = format!("X {words}  ");
    assert_eq!(Message::parse(line.as_bytes()).unwrap().params.len(), 14);
}

#[test]
fn malformed_lines_are_refused() {
    use MessageError::{EmptyPrefix, ForbiddenByte, InvalidCommand, NoCommand};
    for (line, error) in [
        ("", NoCommand),
        (" ", NoCommand),
        (" PING", NoCommand),
        (":s", NoCommand),
        (":s ", NoCommand),
        ("@a", NoCommand),
        ("@a :s ", NoCommand),
        (":s :x", InvalidCommand),
        (": PING", EmptyPrefix),
        (":!u@h PING", EmptyPrefix),
        (":@h PING", EmptyPrefix),
        ("PING:x", InvalidCommand),
        ("A1", InvalidCommand),
        ("0001", InvalidCommand),
        ("é", InvalidCommand),
        ("PING\tx", InvalidCommand),
        ("PING a\rb", ForbiddenByte(b'\r')),
        ("PING a\r", ForbiddenByte(b'\r')),
        ("PING a\nb", ForbiddenByte(b'\n')),
        ("PING \0", ForbiddenByte(0)),
        ("@a=\0 PING", ForbiddenByte(0)),
    ] {
        assert_eq!(Message::parse(line.as_bytes()), Err(error), "{line:?}");
    }
}

#[test]
fn parts_that_cannot_be_encoded_are_refused() {
    let ping = Message::new(Verb::Ping);
    for (byte, text) in [(0, "a\0"), (b'\r', "\ra"), (b'\n', "a\nb")] {
        assert_eq!(ping.param(text), Err(ParamError::ForbiddenByte(byte)));
        assert_eq!(Prefix::new(text), Err(PrefixError));
        assert_eq!(Prefix::from_parts("a", text, "h"), Err(PrefixError));
        assert_eq!(Prefix::from_parts("a", "u", text), Err(PrefixError));
        assert_eq!(Prefix::parse(text.as_bytes()), Err(PrefixError));
    }
    for last in ["", "a b", ":a", " "] {
        let message = ping.param(last).unwrap();
        assert_eq!(message.param("x"), Err(ParamError::NotMiddle), "{last:?}");
        assert_eq!(message.to_vec(), format!("PING :{last}\r\n").as_bytes());
    }
    for name in ["", "a b", "a!b", "a@b"] {
        assert_eq!(Prefix::new(name), Err(PrefixError), "{name:?}");
    }
    assert_eq!(Prefix::from_parts("a", "u@", "h"), Err(PrefixError));
    assert!(Prefix::from_parts("a", "u!", "h@!").is_ok());
    let mut full = ping;
    for _ in 0..Params::MAX {
        full = full.param("x").unwrap();
    }
    assert_eq!(full.param("x"), Err(ParamError::TooMany));
}

#[test]
fn a_colon_stays_until_another_parameter_is_added() {
    for line in ["PING a", "PING :a", "PING a :b", "PING", "@a;=;; PING :"] {
        let message = Message::parse(line.as_bytes()).unwrap();
        assert_eq!(message.to_vec(), format!("{line}\r\n").as_bytes());
    }
    let colon = Message::parse(b"PING :a").unwrap();
    assert_eq!(colon, Message::parse(b"PING a").unwrap());
    assert_eq!(colon.param("b").unwrap().to_vec(), b"PING a b\r\n");
}

#[test]
fn a_long_text_is_split_so_that_each_line_fits() {
    let limits = LineLimits::CLIENT
        .with_tags_bytes_max(0)
        .with_line_bytes_max(30);
    for text in ["x".repeat(45), "é".repeat(20), "word ".repeat(20)] {
        let mut rest = text.as_bytes();
        let mut sent = Vec::new();
        while !rest.is_empty() {
            let message = Message::new(Verb::Privmsg).param("#reef").unwrap();
            let whole = message.trailing(rest).unwrap();
            let (part, behind) = rest.split_at(limits.truncated_last_param(&whole).len());
            rest = behind;
            sent.push(message.trailing(part).unwrap().to_vec());
        }
        // All lines but the last are full, except for a part of a character.
        let (last, full) = sent.split_last().unwrap();
        assert!(full.iter().all(|line| (29..=30).contains(&line.len())));
        assert!(last.len() <= 30);
        let parts = sent.iter().map(|line| &line[15..line.len() - 2]);
        let parts = parts.map(|part| std::str::from_utf8(part).unwrap());
        assert_eq!(parts.collect::<String>(), text);
    }
    let short = Message::parse(b"PRIVMSG #reef :x").unwrap();
    assert_eq!(limits.truncated_last_param(&short), b"x");
    let tagged = Message::parse(b"@time=12:00:00 PRIVMSG #reef :x").unwrap();
    assert_eq!(limits.truncated_last_param(&tagged), b"x");
    let full = Message::parse(b"PRIVMSG #reefs-of-the-south-seas :x").unwrap();
    assert_eq!(limits.truncated_last_param(&full), b"");
    let none = Message::new(Verb::Ping);
    assert_eq!(limits.truncated_last_param(&none), b"");
}

fn lines(stream: &[u8], limits: LineLimits) -> Vec<Result<Vec<u8>, LineTooLong>> {
    let mut decoder = Decoder::new();
    let mut input = stream;
    let mut lines = Vec::new();
    while let Some(line) = decoder.next_line(&mut input, limits) {
        lines.push(line.whole().map(<[u8]>::to_vec));
    }
    lines
}

#[test]
fn limits_are_exact() {
    let too_long = |part, bytes_max| Err(LineTooLong { part, bytes_max });
    for (limits, tags, line) in [
        (LineLimits::CLIENT, 4096, 512),
        (LineLimits::SERVER, 8191, 512),
    ] {
        // The longest tags and the longest line, with either line end.
        for end in ["\r\n", "\n"] {
            let longest = format!("@{} {}", "t".repeat(tags - 2), "x".repeat(line - 2));
            let stream = format!("{longest}{end}");
            assert_eq!(lines(stream.as_bytes(), limits), [Ok(longest.into_bytes())]);
            let stream = format!("@{} {}{end}ok\n", "t".repeat(tags - 1), "x");
            let expected = [too_long(LinePart::Tags, tags), Ok(b"ok".to_vec())];
            assert_eq!(lines(stream.as_bytes(), limits), expected);
            // Tags alone are a line, though no message.
            let longest = format!("@{}", "t".repeat(tags - 1));
            let stream = format!("{longest}{end}");
            assert_eq!(lines(stream.as_bytes(), limits), [Ok(longest.into_bytes())]);
            let stream = format!("@{}{end}ok\n", "t".repeat(tags));
            let expected = [too_long(LinePart::Tags, tags), Ok(b"ok".to_vec())];
            assert_eq!(lines(stream.as_bytes(), limits), expected);
            let stream = format!("@t {}{end}ok\n", "x".repeat(line - 1));
            let expected = [too_long(LinePart::Rest, line), Ok(b"ok".to_vec())];
            assert_eq!(lines(stream.as_bytes(), limits), expected);
        }
    }
    let limits = LineLimits::LEGACY;
    let longest = "x".repeat(8190);
    let stream = format!("{longest}\r\nx{longest}\nok\n");
    let expected = [
        Ok(longest.into_bytes()),
        too_long(LinePart::Rest, 8192),
        Ok(b"ok".to_vec()),
    ];
    assert_eq!(lines(stream.as_bytes(), limits), expected);
    let stream = format!("@{}\n", "x".repeat(8190));
    assert_eq!(
        lines(stream.as_bytes(), limits),
        [too_long(LinePart::Rest, 8192)]
    );
}

#[test]
fn an_endless_line_is_refused_at_once_and_takes_no_memory() {
    let mut decoder = Decoder::new();
    let mut reported = 0;
    for _ in 0..10_000 {
        let mut chunk = &[b'x'; 100][..];
        while let Some(line) = decoder.next_line(&mut chunk, LineLimits::CLIENT) {
            assert_eq!(line.truncated(), [b'x'; 510]);
            reported += 1;
        }
        assert!(decoder.capacity() <= 2 * 4096);
    }
    assert_eq!((reported, decoder.is_skipping()), (1, true));
    assert_eq!(decoder.capacity(), 0);
    let mut end = &b"x\nPING\n"[..];
    let line = decoder.next_line(&mut end, LineLimits::CLIENT).unwrap();
    assert_eq!(line.whole(), Ok(&b"PING"[..]));
}

#[test]
fn truncated_lines_end_between_characters() {
    let limits = LineLimits::CLIENT
        .with_tags_bytes_max(9)
        .with_line_bytes_max(8);
    for (line, beginning) in [
        ("abcdéfg", "abcdé"),
        ("abcdeéfg", "abcde"),
        ("@t abcdeéf", "@t abcde"),
    ] {
        let stream = format!("{line}\n");
        let mut decoder = Decoder::new();
        let found = decoder.next_line(&mut stream.as_bytes(), limits);
        let found = found.unwrap();
        assert_eq!(found.truncated(), beginning.as_bytes());
        assert!(found.too_long().is_some());
    }
}

#[test]
fn limits_may_shrink_during_an_incomplete_line() {
    let mut decoder = Decoder::new();
    let mut chunk = &[b'x'; 300][..];
    assert!(decoder.next_line(&mut chunk, LineLimits::CLIENT).is_none());
    let tight = LineLimits::CLIENT
        .with_tags_bytes_max(0)
        .with_line_bytes_max(12);
    let mut chunk = &b"x\r\nPING\n"[..];
    let line = decoder.next_line(&mut chunk, tight).unwrap();
    assert_eq!(line.truncated(), [b'x'; 10]);
    let line = decoder.next_line(&mut chunk, tight).unwrap();
    assert_eq!(line.whole(), Ok(&b"PING"[..]));
}

#[test]
fn numerics_are_parsed_by_number() {
    let message = Message::parse(b":s 433 * ann :Nickname is already in use").unwrap();
    assert_eq!(message.command, Numeric::ERR_NICKNAMEINUSE);
}
