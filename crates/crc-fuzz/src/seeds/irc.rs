//! Seeds of the targets for lines: streams and single lines.

/// Streams for each choice of limits: see `irc_wire::fuzz::decoder`.
pub(super) fn decoder() -> Vec<(&'static str, Vec<u8>)> {
    let stream = |limits: u8, lines: &str| [&[limits], lines.as_bytes()].concat();
    vec![
        ("crlf", stream(0, "NICK ann\r\nUSER ann 0 * :Ann\r\n")),
        ("lf", stream(0, "PING a\nPING b\n")),
        ("empty", stream(0, "\r\n\n\r\nPING\r\n\r\n")),
        ("cr", stream(0, "PING a\rb\r\r\nPING\n")),
        ("tags", stream(0, "@a=b;c :s PING x\r\n")),
        ("open", stream(0, "PING")),
        ("too_long", stream(1, "PING abcdef\r\nPING\n")),
        ("just_right", stream(1, "PING a\r\nPING b\n")),
        (
            "one_too_many",
            stream(1, "PING ab\r\nPING\nPING ab\nPING\n"),
        ),
        ("no_end", stream(1, "PING abcdefghijklmnopqrstuvwxyz")),
        ("characters", stream(1, "abcde\u{e9}f\nabcd\u{20ac}\n")),
        ("tags_too_long", stream(2, "@abcdef PING\r\nPING\r\n")),
        ("tags_just_right", stream(2, "@abcd 12345678\r\n@abcd\r\n")),
        ("tags_then_too_long", stream(2, "@a 123456789\r\nPING\n")),
        ("no_room", stream(3, "\r\na\n@a\n")),
    ]
}

/// A line for each part of the grammar and each message of the legacy dialect.
pub(super) fn message() -> Vec<(&'static str, Vec<u8>)> {
    let lines: [(&str, &str); 24] = [
        ("command", "PING"),
        ("numeric", ":s 001 ann :Welcome"),
        ("short_numeric", "1 a"),
        ("other_word", "knock #c"),
        ("all_parts", "@a=b;+c;d=\\s\\:\\x\\ :n!u@h PRIVMSG #c :a :b"),
        ("spaces", "@a  :s  PING   a  b  "),
        ("fifteen", "X 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"),
        ("empty_last", "TOPIC #c :"),
        ("colons", "PRIVMSG a:b ::c"),
        ("cr", "PING a\rb"),
        ("modes", "+ov-b+lkt ann bob *!*@h 9 key"),
        ("mode_message", "MODE +ob-bl ann *!*@h"),
        ("keys", "JOIN #a,,#b,#c k1,,k2"),
        ("mask", "WHO *a?\\*b* xayb*c"),
        ("legacy_user", "USER ann host server :Ann A."),
        ("legacy_server", ":s SERVER reef 12 :info"),
        ("legacy_quit", ":ann QUIT :bye"),
        ("legacy_join", ":ann!a@h JOIN #c key"),
        ("legacy_topic", "TOPIC #c :a b"),
        ("legacy_names", ":s 353 * :ann bob"),
        (
            "legacy_welcome",
            ":s 001 :Welcome to the Internet Relay Network a!b@c",
        ),
        (
            "legacy_collision",
            "436 ann :Nickname collision KILL from a@b",
        ),
        ("legacy_end", "366 :End of /NAMES list"),
        ("legacy_key", "475 #c :Cannot join channel (+k)"),
    ];
    let mut seeds: Vec<_> = lines
        .into_iter()
        .map(|(name, line)| (name, line.as_bytes().to_vec()))
        .collect();
    seeds.push(("latin1", b":n PRIVMSG #c :n\xe9".to_vec()));
    seeds
}
