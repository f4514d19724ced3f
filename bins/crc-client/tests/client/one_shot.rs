//! `crc-client send` and `crc-client tail`.

use crate::channels::{chat, join, request, status, welcome};
use crate::fixture::{ALICE, QUIT, Server, bob, command, sent_chat, unknown_id};

#[test]
fn send_sends_a_text_and_says_whether_that_was_done() {
    let server = Server::start();
    let client = bob(&server, &["send", "7", "/quit", "it", "is"]);
    let mut link = server.welcome();
    link.expect(&sent_chat(7, "/quit it is"));
    link.expect(QUIT);
    drop(link);
    assert_eq!(client.finish(), (Some(0), vec![], String::new()));

    // The answer comes before the quit: the client waits 2 s after it, and a slow test would be late.
    let mut client = bob(&server, &["send", "9", "-"]);
    client.write("hi\n");
    let mut link = server.welcome();
    link.expect(&sent_chat(9, "hi"));
    link.send(&unknown_id(9));
    client.end_input();
    link.expect(QUIT);
    drop(link);
    let error = "! Unknown ID 9 (status 0x0001)\n".to_owned();
    assert_eq!(client.finish(), (Some(1), vec![], error));

    let client = bob(&server, &["send", "zoe", "hi", "--json"]);
    let mut link = server.welcome();
    link.expect(QUIT);
    drop(link);
    let (code, events, errors) = client.finish();
    assert_eq!(
        (code, &*errors),
        (Some(1), "! No client is named zoe. Use /who\n")
    );
    assert!(events.iter().any(|line| line.contains("\"error\"")));
}

#[test]
fn send_sends_each_line_of_standard_input_as_it_comes() {
    let server = Server::start();
    for dash in [&["send", "alice", "-"][..], &["send", "alice"]] {
        let mut client = bob(&server, dash);
        let mut link = server.welcome();
        link.send(ALICE);
        client.write("/quit\n\n");
        link.expect(&sent_chat(7, "/quit"));
        client.write("{\"do\":\"quit\"}\nlast");
        link.expect(&sent_chat(7, "{\"do\":\"quit\"}"));
        client.end_input();
        link.expect(&sent_chat(7, "last"));
        link.expect(QUIT);
        drop(link);
        assert_eq!(client.finish(), (Some(0), vec![], String::new()));
    }
}

#[test]
fn send_joins_a_channel_before() {
    let server = Server::start();
    let client = bob(&server, &["send", "#reef", "hi", "--key", "kelp"]);
    let mut link = welcome(&server);
    link.expect(&request(101, 0, 7, "#reef", "kelp"));
    link.expect(&chat(101, 0, "#reef", "hi"));
    link.expect(QUIT);
    link.send(&join(101, 0, 0, "#reef"));
    drop(link);
    assert_eq!(client.finish(), (Some(0), vec![], String::new()));

    let mut client = bob(&server, &["send", "#reef", "-"]);
    client.write("hi\n");
    let mut link = welcome(&server);
    link.expect(&request(101, 0, 7, "#reef", ""));
    link.expect(&chat(101, 0, "#reef", "hi"));
    link.send(&status(3, "#reef: wrong key"));
    client.end_input();
    link.expect(QUIT);
    drop(link);
    let error = "! #reef: wrong key\n".to_owned();
    assert_eq!(client.finish(), (Some(1), vec![], error));
}

#[test]
fn tail_prints_what_is_said_in_a_channel() {
    let server = Server::start();
    let client = bob(&server, &["tail", "#Reef", "--lines", "3"]);
    let mut link = welcome(&server);
    link.expect(&request(101, 0, 7, "#Reef", ""));
    link.send(&join(101, 0, 0, "#reef"));
    link.send(&chat(7, 0, "#reef", "hi \u{1b}[2J"));
    link.send(&chat(7, 0, "#cave", "elsewhere"));
    link.send(&chat(7, 0, "#reef", "\u{1}ACTION waves\u{1}"));
    client.expect(&["<alice> hi ␛[2J", "* alice waves"]);
    link.send(&chat(9, 1, "#reef", "notice"));
    client.expect(&["-9- notice"]);
    link.expect(QUIT);
    link.send(&chat(7, 0, "#reef", "too late"));
    drop(link);
    assert_eq!(client.finish(), (Some(0), vec![], String::new()));

    let client = bob(&server, &["tail", "#reef", "--lines=1", "--json"]);
    let mut link = welcome(&server);
    link.expect(&request(101, 0, 7, "#reef", ""));
    link.send(&join(101, 0, 0, "#reef"));
    link.send(&chat(7, 0, "#reef", "hi"));
    client.expect(&[
        r##"{"event":"channel_chat","channel":"#reef","from":7,"from_name":"alice","text":"hi","notice":false}"##,
    ]);
    link.expect(QUIT);

    let client = bob(&server, &["tail", "#reef"]);
    let mut link = welcome(&server);
    link.expect(&request(101, 0, 7, "#reef", ""));
    link.send(&status(3, "#reef: wrong key"));
    link.expect(QUIT);
    drop(link);
    let error = "! #reef: wrong key\n".to_owned();
    assert_eq!(client.finish(), (Some(1), vec![], error));
}

#[test]
fn what_cannot_be_meant_is_an_invalid_command_line() {
    for (args, sentence) in [
        (&["send"][..], "<WHO>"),
        (&["send", "# x", "hi"], "a channel is # and up to 63 bytes"),
        (&["send", "bob", ""], "the text is empty"),
        (&["tail", "reef"], "a channel is # and up to 63 bytes"),
        (&["tail", "#reef", "--lines", "0"], "--lines"),
        (&["tial", "#reef"], "tial"),
    ] {
        let output = command(args).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(errors.contains(sentence), "{args:?}: {errors}");
    }
}
