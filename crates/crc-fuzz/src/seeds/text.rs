//! Seeds of the target `lines`: users and servers of IRC and of the legacy dialect.

use super::choices::{NONE, chat, millis, register_client, register_server, sends};
use crate::lines::{arrival, op, setup};
use crate::text_lines::{COMMANDS, TEXT, WORDS, channel, line, place};

/// A line: with a prefix unless it is empty, a command, words, and the number of a text,
/// if there is one.
fn line_of(prefix: &str, command: &str, words: &[&str], text: Option<u8>) -> Vec<u8> {
    let mut line = match prefix {
        "" => vec![line::PLAIN],
        prefix => vec![line::PREFIXED, place(&WORDS, prefix)],
    };
    let count = u8::try_from(words.len()).expect("they are few");
    line.push(place(&COMMANDS, command));
    line.push(count | if text.is_some() { TEXT } else { 0 });
    line.extend(words.iter().map(|word| place(&WORDS, word)));
    line.extend(text);
    line
}

pub(super) fn lines() -> Vec<(&'static str, Vec<u8>)> {
    let arrive = |arrival: u8| vec![op::ARRIVE, arrival];
    let send = |peer: u8, lines: &[Vec<u8>]| sends(op::LINE, peer, lines);
    let frame = |peer: u8, frames: &[Vec<u8>]| sends(op::FRAME, peer, frames);
    let channel_frame = |peer: u8, frames: &[Vec<u8>]| sends(op::CHANNEL_FRAME, peer, frames);
    let run = |ms: u16| vec![op::RUN, millis(ms)];
    let close = |peer: u8| vec![op::CLOSE, peer];
    let plain = |command, words: &[&str]| line_of("", command, words, None);
    let with_text = |command, words: &[&str], text| line_of("", command, words, Some(text));
    let from = |prefix, command, words: &[&str], text| line_of(prefix, command, words, Some(text));
    let all_kinds = || {
        [
            vec![setup::UNPACED],
            arrive(arrival::IRC_USER),
            arrive(arrival::IRC_USER),
            arrive(arrival::LEGACY_USER),
            arrive(arrival::LEGACY_SERVER),
            arrive(arrival::CHANNEL_CLIENT),
            arrive(arrival::CHANNEL_SERVER),
        ]
        .concat()
    };
    vec![
        (
            "every_kind_of_peer",
            [
                all_kinds(),
                send(
                    0,
                    &[
                        with_text("PRIVMSG", &["#a"], 0),
                        with_text("PRIVMSG", &["n1"], 7),
                    ],
                ),
                send(2, &[with_text("PRIVMSG", &["#a"], 9), plain("NAMES", &[])]),
                send(3, &[from("u0", "PRIVMSG", &["#a"], 0)]),
                channel_frame(4, &[vec![channel::CHAT, 10, 0, 0, 0]]),
                frame(4, &[chat(201, 101)]),
            ]
            .concat(),
        ),
        (
            "channels_are_set",
            [
                all_kinds(),
                send(
                    0,
                    &[
                        plain("MODE", &["#a", "+b", "*!*@*"]),
                        plain("MODE", &["#a", "+k", "key"]),
                        plain("MODE", &["#a", "-o+v", "n1", "n1"]),
                        with_text("TOPIC", &["#a"], 7),
                        with_text("KICK", &["#a", "n2"], 0),
                        plain("INVITE", &["n2", "#a"]),
                        plain("MODE", &["#a"]),
                    ],
                ),
                send(
                    2,
                    &[
                        plain("JOIN", &["#a", "key"]),
                        with_text("TOPIC", &["#a"], 9),
                    ],
                ),
            ]
            .concat(),
        ),
        (
            "questions",
            [
                all_kinds(),
                send(
                    1,
                    &[
                        plain("WHO", &["#a"]),
                        plain("WHO", &["*", "%tcuihsnfdlaor,12"]),
                        plain("WHOIS", &["n0,n1,#a,u0"]),
                        plain("LIST", &[]),
                        plain("NAMES", &[]),
                        plain("LINKS", &[]),
                        plain("ISON", &["n0", "u0", "nobody"]),
                        plain("STATS", &["1"]),
                        plain("AWAY", &["key"]),
                    ],
                ),
            ]
            .concat(),
        ),
        (
            "names_change_and_collide",
            [
                all_kinds(),
                arrive(arrival::IRC_UNREGISTERED),
                send(
                    6,
                    &[
                        plain("CAP", &["LS", "1"]),
                        plain("NICK", &["N1"]),
                        plain("NICK", &["server0"]),
                        plain("NICK", &["nobody"]),
                        with_text("USER", &["n0", "0", "*"], 8),
                        plain("CAP", &["END"]),
                        plain("NICK", &["u0"]),
                        plain("NICK", &["host101"]),
                    ],
                ),
                frame(5, &[register_client(101, NONE), register_server(88, NONE)]),
                send(3, &[from("s0", "USER", &["n0", "key", "s0"], 0)]),
            ]
            .concat(),
        ),
        (
            "a_server_lists_lies_and_splits",
            [
                all_kinds(),
                send(
                    3,
                    &[
                        from("s1", "SERVER", &["s1", "1"], 0),
                        from("s1", "SERVER", &["server0", "1"], 0),
                        from("s1", "USER", &["u1", "key", "s1"], 0),
                        from("s1", "332", &["#b"], 0),
                        from("s1", "353", &["#b"], 4),
                        from("n0", "PRIVMSG", &["#a"], 0),
                        from("u1", "TOPIC", &["#b"], 7),
                        from("u1", "QUIT", &[], 0),
                        from("s1", "SQUIT", &["s1"], 0),
                    ],
                ),
                close(3),
                close(5),
            ]
            .concat(),
        ),
        (
            "a_real_name_is_set_again",
            [
                all_kinds(),
                send(
                    0,
                    &[with_text("SETNAME", &[], 0), with_text("SETNAME", &[], 0)],
                ),
                send(0, &[plain("NICK", &["nobody"]), plain("NICK", &["nobody"])]),
            ]
            .concat(),
        ),
        (
            "an_invitation_to_no_channel",
            [
                all_kinds(),
                channel_frame(4, &[vec![channel::REQUEST, 10, 0, 1, 10, 1, 0, 0]]),
            ]
            .concat(),
        ),
        (
            "a_server_becomes_a_client",
            [
                all_kinds(),
                frame(
                    5,
                    &[
                        register_server(88, NONE),
                        register_client(88, NONE),
                        register_server(88, NONE),
                    ],
                ),
            ]
            .concat(),
        ),
        (
            "a_server_that_is_dialled",
            [
                vec![setup::WITH_LEGACY_UPLINK],
                arrive(arrival::LEGACY_USER),
                send(
                    0,
                    &[
                        with_text("SERVER", &["s0", "1"], 0),
                        from("s0", "USER", &["u0", "1", "s0"], 0),
                    ],
                ),
                send(0, &[from("u0", "JOIN", &["#a"], 0)]),
                close(0),
                run(5_000),
                send(2, &[with_text("SERVER", &["SERVER0", "1"], 0)]),
            ]
            .concat(),
        ),
        (
            "too_much",
            [
                vec![setup::WITH_RATES],
                arrive(arrival::IRC_USER),
                arrive(arrival::LEGACY_USER),
                arrive(arrival::IRC_UNREGISTERED),
                arrive(arrival::LEGACY_UNREGISTERED),
                send(2, &[vec![line::ENDLESS, b'x', 100]]),
                send(3, &[vec![line::ENDLESS, b'x', 200]]),
                send(
                    0,
                    &[[&[line::REPEATED, 60][..], &plain("PING", &["key"])].concat()],
                ),
                send(
                    1,
                    &[[&[line::REPEATED, 9][..], &with_text("PRIVMSG", &["n0"], 0)].concat()],
                ),
                run(10_000),
                send(
                    0,
                    &[[
                        &[line::REPEATED, 255][..],
                        &with_text("PRIVMSG", &["#a"], 7),
                    ]
                    .concat()],
                ),
                vec![op::TOGGLE_READING, 1],
                run(46_000),
                run(46_000),
                run(46_000),
                run(20_000),
            ]
            .concat(),
        ),
        (
            "many_lines_in_a_text",
            [
                all_kinds(),
                channel_frame(
                    4,
                    &[
                        vec![channel::CHAT, 10, 0, 0, 4],
                        vec![channel::CHAT, 10, 0, 1, 3],
                    ],
                ),
                frame(5, &[register_client(102, NONE)]),
                channel_frame(
                    5,
                    &[
                        vec![channel::JOIN, 8, 0, 1, 0],
                        vec![channel::SET, 8, 0, 0, 9, 0, 3],
                        vec![channel::REQUEST, 8, 0, 1, 10, 2, 1, 0],
                        vec![channel::PART, 8, 0, 0, 4],
                    ],
                ),
            ]
            .concat(),
        ),
    ]
}
