//! Channels: events, commands, escaping.

use crate::fixture::{
    ALICE, ANNOUNCEMENT, FEATURES, Link, QUIT, REGISTRATION, Server, WELCOME, bob, sent_chat,
};

/// The answer of a server that supports channels to an announcement.
const CHANNELS_FEATURES: &[u8] =
    b"\x01\0\0\0\x01\0\0\0\x65\x01\0\0\0\0\x1fcrc-caps 1 server-quit channels";

pub(crate) fn welcome(server: &Server) -> Link {
    server.welcome_with(&[CHANNELS_FEATURES, ALICE])
}

pub(crate) fn named(head: &[u8], channel: &str) -> Vec<u8> {
    let len = u8::try_from(channel.len()).unwrap();
    [head, &[len], channel.as_bytes()].concat()
}

pub(crate) fn with_text(head: &[u8], channel: &str, text: &str) -> Vec<u8> {
    let name_len = u8::try_from(channel.len()).unwrap();
    let len = u32::try_from(text.len()).unwrap().to_be_bytes();
    [head, &[name_len], &len, channel.as_bytes(), text.as_bytes()].concat()
}

pub(crate) fn join(who: u8, by: u8, flags: u8, channel: &str) -> Vec<u8> {
    named(&[0x83, 0, 0, 0, who, 0, 0, 0, by, flags], channel)
}

pub(crate) fn part(who: u8, by: u8, channel: &str, text: &str) -> Vec<u8> {
    with_text(&[0x84, 0, 0, 0, who, 0, 0, 0, by], channel, text)
}

pub(crate) fn chat(who: u8, kind: u8, channel: &str, text: &str) -> Vec<u8> {
    with_text(&[0x85, 0, 0, 0, who, kind], channel, text)
}

pub(crate) fn set(who: u8, version: u8, field: u8, channel: &str, value: &str) -> Vec<u8> {
    let head = [0x86, 0, 0, 0, who, 0, 0, 0, 0, 0, 0, 0, version, field];
    with_text(&head, channel, value)
}

pub(crate) fn request(who: u8, to: u8, kind: u8, channel: &str, text: &str) -> Vec<u8> {
    with_text(&[0x87, 0, 0, 0, who, 0, 0, 0, to, kind], channel, text)
}

pub(crate) fn status(code: u8, text: &str) -> Vec<u8> {
    let len = u8::try_from(text.len()).unwrap();
    let head = [1, 0, 0, 0, 1, 0, 0, 0, 101, 1, code, 0, 0, 0, len];
    [&head, text.as_bytes()].concat()
}

#[test]
fn every_channel_event_is_one_json_line() {
    let server = Server::start();
    let mut client = bob(&server, &["--json"]);
    let mut link = welcome(&server);
    client.line();
    client.line();
    client.line();
    client.write("/join #reef kelp\n");
    link.expect(&request(101, 0, 7, "#reef", "kelp"));
    for (frames, events) in [
        (
            [
                join(7, 0, 1, "#reef"),
                set(7, 9, 0, "#reef", "tide"),
                join(101, 0, 0, "#reef"),
            ]
            .concat(),
            r##"{"event":"channel","channel":"#reef","members":[{"id":7,"name":"alice","operator":true,"voice":false},{"id":101,"name":"bob","operator":false,"voice":false}],"topic":"tide"}"##,
        ),
        (
            join(8, 0, 2, "#reef"),
            r##"{"event":"channel_joined","channel":"#reef","id":8,"name":null,"operator":false,"voice":true}"##,
        ),
        (
            join(8, 7, 1, "#reef"),
            r##"{"event":"channel_flags","channel":"#reef","id":8,"name":null,"operator":true,"voice":false,"by":7,"by_name":"alice"}"##,
        ),
        (
            chat(7, 0, "#reef", "\"Hi\" \u{1b}[2J ö"),
            r##"{"event":"channel_chat","channel":"#reef","from":7,"from_name":"alice","text":"\"Hi\" \u001b[2J ö","notice":false}"##,
        ),
        (
            chat(8, 1, "#reef", "beep"),
            r##"{"event":"channel_chat","channel":"#reef","from":8,"from_name":null,"text":"beep","notice":true}"##,
        ),
        (
            set(7, 10, 0, "#reef", ""),
            r##"{"event":"topic","channel":"#reef","topic":"","by":7,"by_name":"alice"}"##,
        ),
        (
            set(0, 10, 2, "#reef", "nt"),
            r##"{"event":"channel_set","channel":"#reef","field":"modes","value":"nt","by":0,"by_name":null}"##,
        ),
        (
            set(7, 10, 99, "#reef", "x"),
            r##"{"event":"channel_set","channel":"#reef","field":null,"value":"x","by":7,"by_name":"alice"}"##,
        ),
        (
            part(8, 7, "#reef", "loud"),
            r##"{"event":"channel_left","channel":"#reef","id":8,"name":null,"by":7,"by_name":"alice","text":"loud"}"##,
        ),
        (
            request(7, 101, 1, "#cave", ""),
            r##"{"event":"invited","channel":"#cave","by":7,"by_name":"alice"}"##,
        ),
        (
            status(3, "#cave: wrong key"),
            r##"{"event":"channel_refused","channel":"#cave","text":"wrong key","join":false}"##,
        ),
        (
            status(3, "no"),
            r##"{"event":"channel_refused","channel":null,"text":"no","join":false}"##,
        ),
        (
            status(4, "#reef alice bob"),
            r##"{"event":"names","channel":"#reef","names":"alice bob"}"##,
        ),
    ] {
        link.send(&frames);
        client.expect(&[events]);
    }
    for (line, event) in [
        (
            "/who #REEF",
            r##"{"event":"channel","channel":"#reef","members":[{"id":7,"name":"alice","operator":true,"voice":false},{"id":101,"name":"bob","operator":false,"voice":false}],"topic":""}"##,
        ),
        (
            "/topic #reef",
            r##"{"event":"topic","channel":"#reef","topic":"","by":0,"by_name":null}"##,
        ),
        (
            "/channels",
            r##"{"event":"channels","channels":[{"channel":"#reef","member_count":2,"members":2}]}"##,
        ),
        (
            "/who #cave",
            r##"{"event":"error","text":"You are not in #cave. Use /join #cave"}"##,
        ),
        (
            "/to\n/part",
            r##"{"event":"error","text":"You are not talking to a channel. Use /part #CHANNEL"}"##,
        ),
        (
            "/join reef",
            r##"{"event":"error","text":"reef is not a channel name. Use # and up to 63 bytes without spaces and commas"}"##,
        ),
    ] {
        client.write([line, "\n"].concat());
        client.expect(&[event]);
    }
}

#[test]
fn channel_commands_are_sent() {
    let server = Server::start();
    let mut client = bob(&server, &[]);
    client.write("/join #reef\n/to #reef\nHi  all \n/topic the tide\n/topic \"\"\n/names\n");
    client.write("/msg #cave Grüße\n/part so long\nlost\n/part #cave\n/msg alice bye\n");
    let mut link = welcome(&server);
    for frame in [
        request(101, 0, 7, "#reef", ""),
        chat(101, 0, "#reef", "Hi  all "),
        set(101, 0, 0, "#reef", "the tide"),
        set(101, 0, 0, "#reef", ""),
        request(101, 0, 8, "#reef", ""),
        chat(101, 0, "#cave", "Grüße"),
        part(101, 0, "#reef", "so long"),
        part(101, 0, "#cave", ""),
        sent_chat(7, "bye"),
    ] {
        link.expect(&frame);
    }
    link.send(&status(3, "#reef: \u{1b}it is full"));
    client.end_input();
    link.expect(QUIT);
    drop(link);
    let (code, rest, errors) = client.finish();
    assert_eq!(code, Some(1));
    assert_eq!(
        rest[3..],
        [
            "* talking to #reef",
            "* not talking to anyone",
            "* disconnected",
        ]
    );
    assert_eq!(
        errors,
        "! You are not talking to anyone yet. Use /join #channel, /to NAME or /msg NAME TEXT\n\
         ! #reef: ␛it is full\n"
    );
}

#[test]
fn channel_events_are_shown_escaped() {
    let server = Server::start();
    let mut client = bob(&server, &[]);
    let mut link = welcome(&server);
    client.line();
    client.line();
    client.line();
    client.write("/join #reef\n");
    link.expect(&request(101, 0, 7, "#reef", ""));
    let bad = "\u{1b}]0;mine\u{7}\r\n\u{202e}x";
    let visible = "␛]0;mine␇␍␊<U+202E>x";
    let odd = format!("#{bad}");
    let frames = [
        join(7, 0, 1, "#reef"),
        join(8, 0, 2, "#reef"),
        set(7, 9, 0, "#reef", bad),
        join(101, 0, 0, "#reef"),
        chat(7, 0, "#reef", bad),
        chat(8, 1, &odd, bad),
        set(7, 10, 0, "#reef", ""),
        set(8, 10, 1, "#reef", bad),
        set(0, 11, 1, "#reef", ""),
        set(8, 10, 77, "#reef", bad),
        set(7, 12, 11, "#reef", "#lagoon deeper"),
        join(101, 7, 3, "#reef"),
        join(9, 0, 1, "#reef"),
        part(9, 0, "#reef", bad),
        part(8, 101, "#reef", bad),
        request(7, 101, 1, &odd, ""),
        status(3, &format!("#reef: {bad}")),
        status(4, &format!("#reef {bad}")),
        part(101, 7, "#reef", "loud"),
    ];
    link.send(&frames.concat());
    client.expect(&[
        &format!("* you are in #reef; topic: {visible}"),
        "           7  @alice",
        "           8  +?",
        "         101  bob",
        &format!("#reef <alice (7)> {visible}"),
        &format!("#{visible} -8- {visible}"),
        "* #reef: alice (7) removed the topic",
        &format!("* #reef: 8 set the key: {visible}"),
        "* #reef: no key",
        "* #reef: 8 changed a setting",
        "* #reef: alice (7) renamed it for users of IRC to #lagoon (deeper)",
        "* #reef: alice (7) made bob (101) an operator with voice",
        "* #reef: 9 joined as an operator",
        &format!("* #reef: 9 left: {visible}"),
        &format!("* #reef: bob (101) kicked 8: {visible}"),
        &format!("* alice (7) invites you to #{visible}. Use /join #{visible}"),
        &format!("* members of #reef: {visible}"),
        "* #reef: alice (7) kicked bob (101): loud",
    ]);
    client.end_input();
    link.expect(QUIT);
    drop(link);
    let (code, _, errors) = client.finish();
    assert_eq!((code, errors), (Some(1), format!("! #reef: {visible}\n")));
}

#[test]
fn channel_commands_fail_on_a_server_without_channels() {
    let server = Server::start();
    let mut client = bob(&server, &[]);
    client.write("/join #reef\n/msg #reef Hi\n/msg 7 Hi\n");
    client.end_input();
    let mut link = server.accept();
    link.expect(REGISTRATION);
    link.send(&[WELCOME, FEATURES].concat());
    link.expect(ANNOUNCEMENT);
    link.expect(&sent_chat(7, "Hi"));
    link.expect(QUIT);
    drop(link);
    let (code, _, errors) = client.finish();
    assert_eq!(code, Some(1));
    let error = "! Nothing was sent to #reef: this server does not support channels\n";
    assert_eq!(errors, error.repeat(2));
}

#[test]
fn rejoins_its_channels() {
    let server = Server::start();
    let mut client = bob(&server, &[]);
    let mut link = welcome(&server);
    client.write("/join #reef kelp\n");
    link.expect(&request(101, 0, 7, "#reef", "kelp"));
    link.send(&join(101, 0, 1, "#reef"));
    for _ in 0..3 {
        client.line();
    }
    client.expect(&["* you are in #reef", "         101  @bob"]);
    drop(link);
    let mut link = welcome(&server);
    link.expect(&request(101, 0, 7, "#reef", "kelp"));
    link.send(&join(101, 0, 1, "#reef"));
    for _ in 0..4 {
        client.line();
    }
    client.expect(&["* you are in #reef again", "         101  @bob"]);
}
