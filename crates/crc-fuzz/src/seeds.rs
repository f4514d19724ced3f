//! The seeds of the corpus: one small input for each thing that matters, written
//! by hand in the language of its target. `cargo run -p crc-fuzz` writes them to
//! `corpus/`; the fuzzer begins with them, and tests replay them.
//!
//! Knows what the bytes of each target mean, and nothing of what must hold.

use crc_wire::{
    ChannelChat, ChannelField, ChannelJoin, ChannelName, ChannelPart, ChannelRequest,
    ChannelSetting, ChatKind, ClientChat, ClientQuit, HostId, Info, MemberFlags, Message, Name,
    Registration, RequestKind, ServerQuit, Status, StatusCode, Text,
};

use crate::line_speech::{COMMANDS, TEXT, WORDS, channel, line, place};
use crate::peers::{MILLIS, act};
use crate::speech::{IDS, say};
use crate::{client, lines as text_lines, network, server};

/// An input with a name that says what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed {
    /// Its name, and that of its file.
    pub name: &'static str,
    /// The input.
    pub bytes: Vec<u8>,
}

/// The seeds of the target with this name; none if there is no such target.
#[must_use]
pub fn seeds(target: &str) -> Vec<Seed> {
    let seeds: Vec<(&'static str, Vec<u8>)> = match target {
        "decoder" => decoder(),
        "round_trip" => round_trip(),
        "irc_decoder" => streams_of_lines(),
        "irc_message" => lines(),
        "server" => of_a_server(),
        "lines" => of_lines(),
        "client" => of_a_client(),
        "network" => of_a_network(),
        "hostile_stranger" => strangers(),
        "hostile_client" => clients(),
        "hostile_server_of_ours" => servers(),
        "hostile_original_server" => servers(),
        "hostile_uplink" => uplinks(),
        _ => Vec::new(),
    };
    seeds
        .into_iter()
        .map(|(name, bytes)| Seed { name, bytes })
        .collect()
}

// Frames.

fn host(id: u32) -> HostId {
    HostId::new(id).expect("no seed has the id 0 for a host")
}

/// One message of each kind, and its name.
fn each_kind() -> Vec<(&'static str, Message<'static>)> {
    let registration = |info: &'static str| Registration {
        source: host(456),
        last_hop: HostId::new(1),
        name: Name::truncated("anchor"),
        info: Info::truncated(info),
    };
    let (source, text) = (host(101), Text::truncated("héllo"));
    let with_machine_part = "x [crc2;a=127.0.0.1:1000;r=0;f=server-quit]";
    let mut messages = vec![
        (
            "server_registration",
            Message::ServerRegistration(registration("an info")),
        ),
        (
            "server_announcement",
            Message::ServerRegistration(registration(with_machine_part)),
        ),
        (
            "client_registration",
            Message::ClientRegistration(registration("")),
        ),
        (
            "client_announcement",
            Message::ClientRegistration(registration("x [crc2;f=]")),
        ),
        (
            "status",
            Message::Status(Status {
                source: None,
                destination: Some(source),
                code: StatusCode::UNKNOWN_ID,
                text: Text::truncated("Unknown ID 9"),
            }),
        ),
        (
            "client_chat",
            Message::ClientChat(ClientChat {
                source,
                destination: HostId::new(102),
                text: text.clone(),
            }),
        ),
        (
            "client_quit",
            Message::ClientQuit(ClientQuit {
                source,
                text: text.clone(),
            }),
        ),
        (
            "server_quit",
            Message::ServerQuit(ServerQuit {
                source: host(2),
                replacement: HostId::new(1),
                text,
            }),
        ),
    ];
    messages.extend(each_kind_of_channels());
    messages
}

fn each_kind_of_channels() -> [(&'static str, Message<'static>); 5] {
    let (source, text) = (host(101), Text::truncated("héllo"));
    let channel = ChannelName::new("#rêef").expect("a short name");
    [
        (
            "channel_join",
            Message::ChannelJoin(ChannelJoin {
                source,
                by: HostId::new(102),
                flags: MemberFlags::OPERATOR,
                channel: channel.clone(),
            }),
        ),
        (
            "channel_part",
            Message::ChannelPart(ChannelPart {
                source,
                by: None,
                channel: channel.clone(),
                text: text.clone(),
            }),
        ),
        (
            "channel_chat",
            Message::ChannelChat(ChannelChat {
                source,
                kind: ChatKind::Notice,
                channel: channel.clone(),
                text: text.clone(),
            }),
        ),
        (
            "channel_setting",
            Message::ChannelSetting(ChannelSetting {
                source: Some(source),
                version: 7,
                field: ChannelField::TOPIC,
                channel: channel.clone(),
                value: text.clone(),
            }),
        ),
        (
            "channel_request",
            Message::ChannelRequest(ChannelRequest {
                source,
                destination: HostId::new(102),
                kind: RequestKind::KICK,
                channel: Some(channel),
                text,
            }),
        ),
    ]
}

fn decoder() -> Vec<(&'static str, Vec<u8>)> {
    let stream = |limits: u8, frames: &[u8]| [&[limits], frames].concat();
    let mut seeds: Vec<_> = each_kind()
        .into_iter()
        .map(|(name, message)| (name, stream(2, &message.to_vec())))
        .collect();
    let quit = [0x82, 0, 0, 0, 101, 0, 0, 0, 0];
    let chat = [0x81, 0, 0, 0, 101, 0, 0, 0, 102, 0, 0, 0, 2, b'H', b'i'];
    let tight = [0x81, 0, 0, 0, 101, 0, 0, 0, 102, 0, 0, 0, 9];
    seeds.extend([
        ("several", stream(2, &[&quit[..], &chat, &quit].concat())),
        (
            "unknown_kind",
            stream(2, &[&quit[..], &[0x88], &chat].concat()),
        ),
        (
            "no_source",
            stream(2, &[0x82, 0, 0, 0, 0, 0, 0, 0, 1, b'x']),
        ),
        (
            "no_channel",
            stream(2, &[0x83, 0, 0, 0, 101, 0, 0, 0, 0, 0, 0, 0x82]),
        ),
        (
            "unknown_flags",
            stream(2, &[0x83, 0, 0, 0, 101, 0, 0, 0, 0, 255, 1, b'#']),
        ),
        (
            "unknown_tone",
            stream(2, &[0x85, 0, 0, 0, 101, 2, 1, 0, 0, 0, 1, b'#', b'x']),
        ),
        ("not_utf8", stream(2, &[0x82, 0, 0, 0, 1, 0, 0, 0, 1, 0xff])),
        ("too_long", stream(1, &tight)),
        (
            "four_gib",
            stream(0, &[0x82, 0, 0, 0, 1, 255, 255, 255, 255]),
        ),
        ("cut", stream(2, &chat[..14])),
    ]);
    seeds
}

fn round_trip() -> Vec<(&'static str, Vec<u8>)> {
    let messages = each_kind().into_iter();
    let mut seeds: Vec<_> = messages
        .map(|(name, message)| (name, message.to_vec()))
        .collect();
    seeds.push(("choices", (0..=255).step_by(5).collect()));
    seeds
}

// Lines.

/// Streams for each choice of limits: see `irc_wire::fuzz::decoder`.
fn streams_of_lines() -> Vec<(&'static str, Vec<u8>)> {
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

/// A line for each thing that the grammar and the legacy dialect have.
fn lines() -> Vec<(&'static str, Vec<u8>)> {
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

// Choices.

/// The choice of an id from the table.
fn id(id: u32) -> u8 {
    let index = IDS.iter().position(|known| *known == id);
    let index = index.expect("seeds speak of ids in the table");
    u8::try_from(index).expect("the table is short")
}

/// The choice of a time from the table.
fn millis(millis: u16) -> u8 {
    let index = MILLIS.iter().position(|known| *known == millis);
    let index = index.expect("seeds wait for times in the table");
    u8::try_from(index).expect("the table is short")
}

const NOBODY: u8 = 255;
/// Choices of names, infos and texts.
const OWN_NAME: u8 = 4;
const INFO: u8 = 0;
const CLIENTS_MACHINE_PART: u8 = 4;
const MACHINE_PART: u8 = 8;
const HELLO: u8 = 0;
const A_MACHINE_HAS: u8 = 4;
const SOMEONE_HAS: u8 = 5;
const ADDRESS: u8 = 8;
const LONG: u8 = 9;
const ID_TAKEN: u8 = 2;

fn server_is(source: u32, last_hop: u8) -> Vec<u8> {
    vec![say::SERVER, id(source), last_hop, OWN_NAME, INFO]
}

fn server_announces(source: u32, rank: u8, port: u8) -> Vec<u8> {
    let mut speech = vec![say::SERVER, id(source), NOBODY, OWN_NAME];
    speech.extend([MACHINE_PART, rank, port]);
    speech
}

fn client_is(source: u32, last_hop: u8) -> Vec<u8> {
    vec![say::CLIENT, id(source), last_hop, OWN_NAME, INFO]
}

fn client_announces(source: u32) -> Vec<u8> {
    vec![
        say::CLIENT,
        id(source),
        NOBODY,
        OWN_NAME,
        CLIENTS_MACHINE_PART,
    ]
}

fn chat(from: u32, to: u32) -> Vec<u8> {
    vec![say::CHAT, id(from), id(to), HELLO]
}

fn quit(source: u32) -> Vec<u8> {
    vec![say::QUIT, id(source), HELLO]
}

fn taken(text: u8, whose: u32) -> Vec<u8> {
    vec![say::STATUS, id(1), NOBODY, ID_TAKEN, text, id(whose)]
}

fn server_quits(source: u32, replacement: u8) -> Vec<u8> {
    vec![say::SERVER_QUIT, id(source), replacement, ADDRESS, 1]
}

fn literal(bytes: &[u8]) -> Vec<u8> {
    let len = u8::try_from(bytes.len()).expect("seeds are short");
    [&[say::LITERAL, len], bytes].concat()
}

/// What is said by the peer `who`, as one event after the other; `op` is the
/// target's event for it.
fn says(op: u8, who: u8, speeches: &[Vec<u8>]) -> Vec<u8> {
    let said = speeches.iter();
    said.flat_map(|speech| [&[op, who][..], speech].concat())
        .collect()
}

/// A line of somebody: with a prefix, if it is not empty, a command, words, and the
/// number of a text, if it is one.
fn a_line(prefix: &str, command: &str, words: &[&str], text: Option<u8>) -> Vec<u8> {
    let mut said = match prefix {
        "" => vec![line::PLAIN],
        prefix => vec![line::PREFIXED, place(&WORDS, prefix)],
    };
    let count = u8::try_from(words.len()).expect("they are few");
    said.push(place(&COMMANDS, command));
    said.push(count | if text.is_some() { TEXT } else { 0 });
    said.extend(words.iter().map(|word| place(&WORDS, word)));
    said.extend(text);
    said
}

fn of_lines() -> Vec<(&'static str, Vec<u8>)> {
    use text_lines::{begins, guest, happens};
    let enter = |guest: u8| vec![happens::ENTER, guest];
    let say = |who: u8, lines: &[Vec<u8>]| says(happens::SAY, who, lines);
    let frame = |who: u8, frames: &[Vec<u8>]| says(happens::FRAME, who, frames);
    let about = |who: u8, frames: &[Vec<u8>]| says(happens::CHANNEL_FRAME, who, frames);
    let pass = |ms: u16| vec![happens::PASS, millis(ms)];
    let hang_up = |who: u8| vec![happens::HANG_UP, who];
    let plain = |command, words: &[&str]| a_line("", command, words, None);
    let said = |command, words: &[&str], text| a_line("", command, words, Some(text));
    let from = |who, command, words: &[&str], text| a_line(who, command, words, Some(text));
    let everybody = || {
        [
            vec![begins::UNPACED],
            enter(guest::IRC_USER),
            enter(guest::IRC_USER),
            enter(guest::COURSE_USER),
            enter(guest::COURSE_SERVER),
            enter(guest::CLIENT_OF_CHANNELS),
            enter(guest::SERVER_OF_CHANNELS),
        ]
        .concat()
    };
    vec![
        (
            "everybody_meets",
            [
                everybody(),
                say(
                    0,
                    &[said("PRIVMSG", &["#a"], 0), said("PRIVMSG", &["n1"], 7)],
                ),
                say(2, &[said("PRIVMSG", &["#a"], 9), plain("NAMES", &[])]),
                say(3, &[from("u0", "PRIVMSG", &["#a"], 0)]),
                about(4, &[vec![channel::CHAT, 10, 0, 0, 0]]),
                frame(4, &[chat(201, 101)]),
            ]
            .concat(),
        ),
        (
            "channels_are_set",
            [
                everybody(),
                say(
                    0,
                    &[
                        plain("MODE", &["#a", "+b", "*!*@*"]),
                        plain("MODE", &["#a", "+k", "key"]),
                        plain("MODE", &["#a", "-o+v", "n1", "n1"]),
                        said("TOPIC", &["#a"], 7),
                        said("KICK", &["#a", "n2"], 0),
                        plain("INVITE", &["n2", "#a"]),
                        plain("MODE", &["#a"]),
                    ],
                ),
                say(
                    2,
                    &[plain("JOIN", &["#a", "key"]), said("TOPIC", &["#a"], 9)],
                ),
            ]
            .concat(),
        ),
        (
            "questions",
            [
                everybody(),
                say(
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
                everybody(),
                enter(guest::IRC_STRANGER),
                say(
                    6,
                    &[
                        plain("CAP", &["LS", "1"]),
                        plain("NICK", &["N1"]),
                        plain("NICK", &["server0"]),
                        plain("NICK", &["nobody"]),
                        said("USER", &["n0", "0", "*"], 8),
                        plain("CAP", &["END"]),
                        plain("NICK", &["u0"]),
                        plain("NICK", &["host101"]),
                    ],
                ),
                frame(5, &[client_is(101, NOBODY), server_is(88, NOBODY)]),
                say(3, &[from("s0", "USER", &["n0", "key", "s0"], 0)]),
            ]
            .concat(),
        ),
        (
            "a_server_lists_lies_and_splits",
            [
                everybody(),
                say(
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
                hang_up(3),
                hang_up(5),
            ]
            .concat(),
        ),
        (
            "a_real_name_is_said_again",
            [
                everybody(),
                say(0, &[said("SETNAME", &[], 0), said("SETNAME", &[], 0)]),
                say(0, &[plain("NICK", &["nobody"]), plain("NICK", &["nobody"])]),
            ]
            .concat(),
        ),
        (
            "an_invitation_to_no_channel",
            [
                everybody(),
                about(4, &[vec![channel::REQUEST, 10, 0, 1, 10, 1, 0, 0]]),
            ]
            .concat(),
        ),
        (
            "a_server_becomes_a_client",
            [
                everybody(),
                frame(
                    5,
                    &[
                        server_is(88, NOBODY),
                        client_is(88, NOBODY),
                        server_is(88, NOBODY),
                    ],
                ),
            ]
            .concat(),
        ),
        (
            "a_server_that_is_dialled",
            [
                vec![begins::WITH_COURSE_UPLINK],
                enter(guest::COURSE_USER),
                say(
                    0,
                    &[
                        said("SERVER", &["s0", "1"], 0),
                        from("s0", "USER", &["u0", "1", "s0"], 0),
                    ],
                ),
                say(0, &[from("u0", "JOIN", &["#a"], 0)]),
                hang_up(0),
                pass(5_000),
                say(2, &[said("SERVER", &["SERVER0", "1"], 0)]),
            ]
            .concat(),
        ),
        (
            "too_much",
            [
                vec![begins::WITH_RATES],
                enter(guest::IRC_USER),
                enter(guest::COURSE_USER),
                enter(guest::IRC_STRANGER),
                enter(guest::COURSE_STRANGER),
                say(2, &[vec![line::ENDLESS, b'x', 100]]),
                say(3, &[vec![line::ENDLESS, b'x', 200]]),
                say(
                    0,
                    &[[&[line::REPEATED, 60][..], &plain("PING", &["key"])].concat()],
                ),
                say(
                    1,
                    &[[&[line::REPEATED, 9][..], &said("PRIVMSG", &["n0"], 0)].concat()],
                ),
                pass(10_000),
                say(
                    0,
                    &[[&[line::REPEATED, 255][..], &said("PRIVMSG", &["#a"], 7)].concat()],
                ),
                vec![happens::STALL, 1],
                pass(46_000),
                pass(46_000),
                pass(46_000),
                pass(20_000),
            ]
            .concat(),
        ),
        (
            "many_lines_in_a_text",
            [
                everybody(),
                about(
                    4,
                    &[
                        vec![channel::CHAT, 10, 0, 0, 4],
                        vec![channel::CHAT, 10, 0, 1, 3],
                    ],
                ),
                frame(5, &[client_is(102, NOBODY)]),
                about(
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

fn of_a_server() -> Vec<(&'static str, Vec<u8>)> {
    use server::{begins, happens};
    const CLIENT: u8 = 1;
    const OUR_CLIENT: u8 = 2;
    const ORIGINAL: u8 = 3;
    const OURS: u8 = 4;
    let enter = |role: u8| vec![happens::ENTER, role];
    let say = |who: u8, speeches: &[Vec<u8>]| says(happens::SAY, who, speeches);
    let pass = |ms: u16| vec![happens::PEER, act::PASS, millis(ms)];
    let up = begins::WITH_UPLINK;
    vec![
        (
            "clients_chat",
            [
                vec![0],
                enter(CLIENT),
                enter(OUR_CLIENT),
                say(0, &[chat(101, 202), chat(101, 1001)]),
                say(1, &[chat(202, 101), quit(202)]),
                pass(1_000),
            ]
            .concat(),
        ),
        (
            "an_id_is_taken",
            [
                vec![0],
                enter(CLIENT),
                enter(0),
                say(1, &[client_is(101, NOBODY)]),
                enter(0),
                say(2, &[server_is(1, NOBODY)]),
            ]
            .concat(),
        ),
        (
            "servers_of_both_kinds",
            [
                vec![0],
                enter(OURS),
                enter(ORIGINAL),
                enter(OUR_CLIENT),
                pass(1_001),
                say(0, &[client_is(102, id(77)), server_is(99, id(77))]),
                say(1, &[client_is(103, id(88)), chat(103, 102)]),
                say(0, &[server_quits(99, NOBODY), server_quits(77, id(1))]),
            ]
            .concat(),
        ),
        (
            "an_original_answers",
            [
                vec![0],
                enter(ORIGINAL),
                say(0, &[taken(A_MACHINE_HAS, 1), taken(SOMEONE_HAS, 101)]),
                pass(20_000),
                pass(46_000),
            ]
            .concat(),
        ),
        (
            "an_uplink_of_ours",
            [
                vec![up],
                say(0, &[server_is(77, NOBODY), server_announces(77, 0, 0)]),
                enter(OUR_CLIENT),
                say(0, &[client_is(201, id(77)), client_is(202, id(77))]),
                say(0, &[server_quits(77, id(2))]),
                pass(1_000),
                pass(20_000),
            ]
            .concat(),
        ),
        (
            "an_uplink_refuses",
            [
                vec![up | begins::WITH_TWO],
                say(0, &[taken(A_MACHINE_HAS, 1)]),
                pass(2_000),
                say(1, &[server_is(88, NOBODY)]),
                pass(2_000),
                vec![happens::PEER, act::RESET, 1],
                pass(2_000),
                say(2, &[taken(A_MACHINE_HAS, 1)]),
                pass(5_000),
            ]
            .concat(),
        ),
        (
            "slow_readers",
            [
                vec![begins::WITH_RATES],
                enter(CLIENT),
                enter(OUR_CLIENT),
                vec![happens::PEER, act::STALL, 1],
                says(
                    happens::SAY_TOO,
                    0,
                    &vec![vec![say::CHAT, id(101), id(202), LONG]; 4],
                ),
                vec![happens::STALLED, millis(1_000)],
                vec![happens::PIECE, 0, 5],
                vec![happens::BREAK, 0],
            ]
            .concat(),
        ),
        (
            "pieces_and_damage",
            [
                vec![begins::WITH_RANK],
                enter(0),
                vec![happens::SAY | happens::HOLD, 0],
                client_is(101, NOBODY),
                vec![happens::PIECE, 0, 3, happens::PIECE, 0, 9, happens::TICK],
                vec![happens::SAY, 0, say::CUT, 5],
                chat(101, 102),
                vec![happens::SAY, 0, say::DAMAGED, 9, 1],
                chat(101, 102),
                vec![
                    happens::STALE,
                    0,
                    0,
                    happens::STALE,
                    1,
                    1,
                    happens::STALE,
                    0,
                    2,
                    1,
                    0,
                ],
                vec![happens::SAY, 0],
                literal(b"GET / HTTP/1.1\r\n\r\n"),
            ]
            .concat(),
        ),
        (
            "leaves",
            [
                vec![0],
                enter(OURS),
                enter(OUR_CLIENT),
                enter(ORIGINAL),
                pass(1_001),
                vec![happens::LEAVE],
                pass(1_000),
            ]
            .concat(),
        ),
    ]
}

fn of_a_client() -> Vec<(&'static str, Vec<u8>)> {
    use client::happens;
    let say = |speeches: &[Vec<u8>]| -> Vec<u8> {
        let said = speeches.iter();
        said.flat_map(|speech| [&[happens::SAY][..], speech].concat())
            .collect()
    };
    let features = vec![say::STATUS, id(1), id(1001), 3, 7];
    let pass = |ms: u16| vec![happens::PEER, act::PASS, millis(ms)];
    vec![
        (
            "served_by_ours",
            [
                vec![1, happens::WELCOME],
                say(&[client_is(101, id(1)), features.clone(), chat(101, 1001)]),
                vec![happens::CHAT, 100, 3],
                say(&[quit(101), taken(SOMEONE_HAS, 1001)]),
                vec![happens::QUIT],
            ]
            .concat(),
        ),
        (
            "served_by_an_original",
            [
                vec![1, happens::WELCOME],
                vec![happens::CHAT, 100, 254, happens::CHAT, 100, 40],
                pass(2_000),
                vec![happens::CHAT, 100, 255],
                pass(50),
                vec![happens::PEER, act::RESET, 0],
                pass(1_000),
            ]
            .concat(),
        ),
        (
            "refused",
            [
                vec![0],
                say(&[taken(SOMEONE_HAS, 1001)]),
                pass(2_000),
                vec![happens::WELCOME],
                vec![happens::STALLED, millis(5_000)],
                vec![happens::CHAT, 100, 3, happens::PIECE, 0, 7],
                vec![happens::PEER, act::HANG_UP, 0],
                pass(15_000),
            ]
            .concat(),
        ),
        (
            "in_channels",
            [
                vec![1, happens::WELCOME],
                // What the server takes; in, out, refused, and lost from one.
                vec![happens::CHANNEL_TOLD, 0, 0, 0],
                vec![
                    happens::CHANNEL_WISH,
                    0,
                    0,
                    3,
                    happens::CHANNEL_WISH,
                    0,
                    2,
                    0,
                ],
                vec![happens::CHANNEL_TOLD, 1, 1, 0x82],
                vec![happens::CHANNEL_TOLD, 5, 1, 0x40],
                vec![happens::CHANNEL_TOLD, 1, 1, 0],
                vec![happens::CHANNEL_TOLD, 7, 2, 0],
                vec![
                    happens::CHANNEL_WISH,
                    5,
                    0,
                    9,
                    happens::CHANNEL_WISH,
                    6,
                    0,
                    9,
                ],
                vec![
                    happens::CHANNEL_WISH,
                    0,
                    2,
                    0,
                    happens::CHANNEL_TOLD,
                    2,
                    2,
                    1,
                ],
                vec![
                    happens::CHANNEL_WISH,
                    4,
                    2,
                    9,
                    happens::CHANNEL_WISH,
                    7,
                    1,
                    0,
                ],
                vec![
                    happens::CHANNEL_TOLD,
                    4,
                    0,
                    2,
                    happens::CHANNEL_TOLD,
                    6,
                    0,
                    0x12,
                ],
                vec![happens::PEER, act::RESET, 0],
                pass(1_000),
                vec![happens::WELCOME, happens::CHANNEL_TOLD, 0, 0, 0],
                vec![happens::CHANNEL_TOLD, 1, 0, 1],
                vec![happens::CHANNEL_TOLD, 3, 0, 0x41],
            ]
            .concat(),
        ),
        (
            "nonsense",
            [
                vec![1, happens::SAY_TOO],
                literal(b"HTTP/1.1 400 Bad Request\r\n"),
                pass(5_000),
                vec![happens::WELCOME],
                say(&[server_is(2, NOBODY), server_quits(2, NOBODY)]),
            ]
            .concat(),
        ),
    ]
}

fn of_a_network() -> Vec<(&'static str, Vec<u8>)> {
    use network::happens;
    let four = [
        vec![happens::SERVER, 0, happens::SERVER, 1],
        vec![happens::PASS, millis(2_000)],
        vec![happens::CLIENT, 0, 0, happens::CLIENT, 1, 1],
        vec![happens::CLIENT, 2, 2, happens::CLIENT, 3, 9],
        vec![happens::PASS, millis(1_001)],
    ]
    .concat();
    let chats = vec![
        happens::CHAT,
        0,
        3,
        happens::CHAT,
        1,
        2,
        happens::CHAT_TOO,
        2,
        6,
        happens::CHAT,
        3,
        0,
    ];
    let then = |what: &[u8]| [&[1][..], &four, &chats, what, &chats].concat();
    vec![
        ("chats", then(&[happens::PASS, millis(20_000)])),
        ("the_root_dies", then(&[happens::KILL, 0])),
        (
            "a_server_dies_and_comes_back",
            then(&[happens::KILL, 1, happens::PASS, 7, happens::RESTART, 1]),
        ),
        (
            "the_root_leaves",
            then(&[happens::LEAVE, 0, happens::PASS, millis(1_000)]),
        ),
        (
            "links_break",
            then(&[happens::BREAK | happens::HOLD, 0, happens::BREAK, 1]),
        ),
        (
            "slow",
            then(&[
                happens::CHAT | happens::HOLD,
                0,
                3,
                happens::STALLED | happens::HOLD,
                millis(46_000),
                happens::PIECE,
                0,
                4,
                happens::PIECES,
                3,
                1,
                2,
                0,
            ]),
        ),
        (
            "one_id_twice",
            then(&[
                happens::CLIENT | happens::HOLD,
                0,
                4,
                happens::CLIENT,
                3,
                4,
                happens::QUIT,
                0,
            ]),
        ),
    ]
}

/// Each thing that is said is an event of one of the peers.
fn hostile(first: u8, who: u8, speeches: &[Vec<u8>]) -> Vec<u8> {
    [vec![first], says(act::SAY, who, speeches)].concat()
}

fn strangers() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("registers", hostile(0, 0, &[client_is(1001, NOBODY)])),
        ("says_anything", hostile(0, 1, &[literal(&[0x80; 20])])),
        (
            "comes_and_goes",
            vec![
                0,
                act::CONNECT,
                1,
                act::STALL,
                2,
                act::PASS,
                millis(10_000),
                act::RESET,
                0,
                act::HANG_UP,
                1,
            ],
        ),
        (
            "becomes_a_server",
            hostile(0, 0, &[server_is(77, NOBODY), server_announces(77, 9, 0)]),
        ),
    ]
}

fn clients() -> Vec<(&'static str, Vec<u8>)> {
    let mut seeds = Vec::new();
    for first in [0, 1] {
        let own = if first == 0 { 101 } else { 201 };
        let names: [&'static str; 3] = match first {
            0 => ["original_chats", "original_lies", "original_repeats"],
            _ => ["ours_chats", "ours_lies", "ours_repeats"],
        };
        seeds.extend([
            (
                names[0],
                hostile(first, 0, &[chat(own, 1001), chat(own, 99), quit(own)]),
            ),
            (names[1], hostile(first, 0, &[chat(1002, 1001), quit(1001)])),
            (
                names[2],
                hostile(first, 0, &[client_announces(own), client_is(own, NOBODY)]),
            ),
        ]);
    }
    seeds
}

fn servers() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        (
            "tells_of_others",
            hostile(
                0,
                0,
                &[
                    client_is(102, id(77)),
                    server_is(99, id(77)),
                    chat(102, 1001),
                    chat(102, 1002),
                    quit(102),
                    server_quits(99, NOBODY),
                ],
            ),
        ),
        (
            "takes_ids",
            hostile(0, 0, &[client_is(1001, id(77)), client_is(1002, id(77))]),
        ),
        (
            "makes_a_loop",
            hostile(0, 1, &[server_is(1, id(77)), server_is(2, id(77))]),
        ),
        (
            "speaks_for_others",
            hostile(
                0,
                0,
                &[
                    chat(1002, 1001),
                    quit(1002),
                    server_quits(2, NOBODY),
                    taken(SOMEONE_HAS, 1001),
                ],
            ),
        ),
        (
            "two_have_one_client",
            [
                hostile(0, 0, &[client_is(102, NOBODY)]),
                says(act::SAY, 1, &[client_is(102, NOBODY), chat(102, 1001)]),
            ]
            .concat(),
        ),
        ("leaves_with_a_long_text", {
            let hop = id(77);
            let ids = [99, 101, 102, 103, 201, 202, 1003, u32::MAX];
            let mut told: Vec<_> = ids.map(|id| client_is(id, hop)).into();
            told.extend([3, 4].map(|id| server_is(id, hop)));
            told.push(vec![say::SERVER_QUIT, id(77), NOBODY, LONG]);
            hostile(0, 0, &told)
        }),
    ]
}

fn uplinks() -> Vec<(&'static str, Vec<u8>)> {
    let own = |first: u8| if first == 0 { 88 } else { 77 };
    let mut seeds = Vec::new();
    for first in [0, 1] {
        let names: [&'static str; 3] = match first {
            0 => ["original_takes_ids", "original_refuses", "original_leaves"],
            _ => ["ours_takes_ids", "ours_refuses", "ours_leaves"],
        };
        let hop = id(own(first));
        seeds.extend([
            (
                names[0],
                hostile(first, 0, &[client_is(1001, hop), client_is(1002, hop)]),
            ),
            (
                names[1],
                [
                    vec![first, act::RESET, 0, act::PASS, millis(2_000)],
                    says(act::SAY, 1, &[taken(A_MACHINE_HAS, 1)]),
                    vec![act::PASS, millis(5_000)],
                ]
                .concat(),
            ),
            (
                names[2],
                [
                    hostile(first, 0, &[server_announces(own(first), 250, 1)]),
                    says(act::SAY, 0, &[server_quits(own(first), id(2))]),
                    vec![act::PASS, millis(20_000)],
                ]
                .concat(),
            ),
        ]);
    }
    seeds
}
