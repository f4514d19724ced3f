//! Commands of programs: JSON objects.

use crate::channels::{chat, request, welcome};
use crate::fixture::{ALICE, QUIT, Server, bob, chat as private, sent_chat, unknown_id};

const DONE: &str = r#"{"event":"done","tag":"#;

fn done(tag: &str) -> String {
    format!("{DONE}{tag}}}")
}

#[test]
fn a_text_is_never_a_command_and_each_of_its_lines_is_a_message() {
    let server = Server::start();
    let mut client = bob(&server, &["--json"]);
    let text = r#"/quit\n/msg 8 no\r\n\n//\r{\"do\":\"quit\"}"#;
    client.write(format!(
        "{{\"do\":\"msg\",\"to\":7,\"text\":\"{text}\",\"tag\":1}}\n"
    ));
    client.write("{\"do\":\"to\",\"to\":7}\n{\"do\":\"text\",\"text\":\"/quit\"}\n{\"do\":\"me\",\"text\":\"a\\nb\"}\n");
    client.end_input();
    let mut link = server.welcome();
    for line in [
        "/quit",
        "/msg 8 no",
        "//",
        r#"{"do":"quit"}"#,
        "/quit",
        "\u{1}ACTION a\u{1}",
        "\u{1}ACTION b\u{1}",
    ] {
        link.expect(&sent_chat(7, line));
    }
    link.expect(QUIT);
    drop(link);
    let (code, rest, errors) = client.finish();
    assert_eq!((code, &*errors), (Some(0), ""));
    assert_eq!(rest[2], done("1"));
}

#[test]
fn what_a_command_leads_to_has_its_tag() {
    let server = Server::start();
    let mut client = bob(&server, &["--json"]);
    let mut link = server.welcome();
    link.send(ALICE);
    for _ in 0..3 {
        client.line();
    }
    client.write("{\"tag\":{\"b\":1, \"a\":2},\"do\":\"who\"}\n");
    let who =
        r#"{"event":"who","clients":[{"id":7,"name":"alice","info":"tea"}],"tag":{"b":1, "a":2}}"#;
    client.expect(&[who, &done(r#"{"b":1, "a":2}"#)]);
    // A command without a tag.
    client.write("{\"do\":\"who\"}\n");
    client.expect(&[r#"{"event":"who","clients":[{"id":7,"name":"alice","info":"tea"}]}"#]);
    // The answers of the server come later, in the order of the commands.
    client.write("{\"do\":\"msg\",\"to\":9,\"text\":\"a\",\"tag\":\"nine\"}\n");
    client.write("{\"do\":\"msg\",\"to\":8,\"text\":\"b\",\"tag\":\"eight\"}\n");
    client.expect(&[&done("\"nine\""), &done("\"eight\"")]);
    link.expect(&sent_chat(9, "a"));
    link.expect(&sent_chat(8, "b"));
    link.send(&unknown_id(8));
    link.send(&unknown_id(9));
    link.send(&unknown_id(6));
    client.expect(&[
        r#"{"event":"status","source":1,"code":1,"text":"Unknown ID 8","tag":"eight"}"#,
        r#"{"event":"status","source":1,"code":1,"text":"Unknown ID 9","tag":"nine"}"#,
        r#"{"event":"status","source":1,"code":1,"text":"Unknown ID 6"}"#,
    ]);
    // What fails at once.
    client.write("{\"do\":\"join\",\"channel\":\"#reef\",\"tag\":1}\n");
    client.write("{\"do\":\"msg\",\"to\":\"zoe\",\"text\":\"a\",\"tag\":2}\n{\"do\":\"msg\",\"tag\":3}\n{\"do\":\n");
    client.expect(&[
        r#"{"event":"error","text":"Nothing was sent to #reef: this server does not support channels","tag":1}"#,
        &done("1"),
        r#"{"event":"error","text":"No client is named zoe. Use /who","tag":2}"#,
        &done("2"),
        r#"{"event":"error","text":"\"to\" is missing. Use {\"do\":\"msg\",\"to\":WHO,\"text\":TEXT}","tag":3}"#,
        &done("3"),
    ]);
    assert!(
        client
            .line()
            .starts_with(r#"{"event":"error","text":"not a JSON object: "#)
    );
    client.end_input();
    link.expect(QUIT);
    drop(link);
    let (code, _, errors) = client.finish();
    assert_eq!(code, Some(1));
    assert_eq!(errors.lines().count(), 7, "{errors}");
    assert!(
        errors.contains("! No client is named zoe. Use /who\n"),
        "{errors}"
    );
}

#[test]
fn a_program_quits_and_later_commands_fail() {
    let server = Server::start();
    let mut client = bob(&server, &["--json"]);
    client.write("{\"do\":\"quit\",\"text\":\"bye\",\"tag\":1}\n{\"do\":\"who\",\"tag\":2}\n");
    client.end_input();
    let mut link = server.welcome();
    link.expect(b"\x82\0\0\0\x65\0\0\0\x03bye");
    // The connection, the welcome, and these: the second line may be read after the quit is sent.
    let rest: Vec<_> = (0..5).map(|_| client.line()).collect();
    drop(link);
    let failed = r#"{"event":"error","text":"The client quit before","tag":2}"#.to_owned();
    for line in [failed, done("1"), done("2")] {
        assert!(rest.contains(&line), "{line}: {rest:?}");
    }
    client.finish();
}

#[test]
fn ignored_clients_are_not_heard() {
    let server = Server::start();
    let mut client = bob(&server, &["--json", "--ignore", "al?ce"]);
    let mut link = welcome(&server);
    for _ in 0..3 {
        client.line();
    }
    let speak = [
        private(7, 101, "a"),
        chat(7, 0, "#reef", "b"),
        chat(7, 1, "#reef", "c"),
        request(7, 101, 1, "#reef", ""),
        private(8, 101, "d"),
    ];
    link.send(&speak.concat());
    let heard = r#"{"event":"chat","from":8,"from_name":null,"to":101,"text":"d"}"#;
    client.expect(&[heard]);
    client.write("/ignore 8\n{\"do\":\"unignore\",\"name\":\"AL?CE\",\"tag\":1}\n/unignore zoe\n");
    client.expect(&[
        r#"{"event":"ignored","names":["al?ce","8"]}"#,
        r#"{"event":"ignored","names":["8"],"tag":1}"#,
        &done("1"),
        r#"{"event":"error","text":"You do not ignore zoe. Use /ignore for the list"}"#,
    ]);
    link.send(&[private(8, 101, "e"), private(7, 101, "f")].concat());
    client.expect(&[r#"{"event":"chat","from":7,"from_name":"alice","to":101,"text":"f"}"#]);
}
