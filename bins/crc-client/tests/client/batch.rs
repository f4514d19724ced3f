//! Commands from a pipe, with text output.

use crate::fixture::{
    ALICE, FEATURES, NOTE, OPER, QUIT, REGISTRATION, Server, WELCOME, bob, chat, registration,
    sent_chat, welcome_with_commands,
};

#[test]
fn a_batch_is_executed_in_order() {
    let server = Server::start();
    let mut client = bob(&server, &[]);
    // The input is complete before the client is connected.
    client.write("/msg 9 \"Testing\"\n/msg alice  two  blanks \r\n\n/to alice\nGrüße\n//who\n/who\n/to\nlost");
    client.end_input();
    let mut link = server.welcome_with(&[FEATURES, ALICE]);
    link.expect(&sent_chat(9, "\"Testing\""));
    link.expect(&sent_chat(7, " two  blanks "));
    link.expect(&sent_chat(7, "Grüße"));
    link.expect(&sent_chat(7, "/who"));
    link.expect(QUIT);
    drop(link);
    let (code, rest, errors) = client.finish();
    assert_eq!(code, Some(1), "the last line is not sent");
    assert_eq!(
        rest,
        [
            &format!("* connected to {}", server.address),
            "* Welcome in (your id is 101)",
            "* alice (7) is online: tea",
            "* talking to alice",
            "* 1 other client:",
            "           7  alice: tea",
            "* not talking to anyone",
            "* disconnected",
        ]
    );
    assert_eq!(
        errors,
        "! You are not talking to anyone yet. Use /join #channel, /to NAME or /msg NAME TEXT\n"
    );
}

#[test]
fn foreign_text_is_escaped() {
    let server = Server::start();
    let client = bob(&server, &[]);
    let mut link = server.accept();
    link.expect(REGISTRATION);
    let mut welcome = WELCOME.to_vec();
    welcome[15] = 0x07;
    link.send(&welcome);
    link.send(&registration(7, "al\u{1b}[31mice", "a\nb"));
    link.send(&chat(
        7,
        101,
        "\u{1b}]0;mine\u{7}\r\u{202e}x\u{9b}2J\u{2028}end",
    ));
    link.send(&chat(8, 101, "👩\u{200d}🚀 ok"));
    client.line();
    client.expect(&[
        "* ␇elcome in (your id is 101)",
        "* al␛[31mice (7) is online: a␊b",
        "<al␛[31mice (7)> ␛]0;mine␇␍<U+202E>x<U+009B>2J<U+2028>end",
        "<8> 👩\u{200d}🚀 ok",
    ]);
}

#[test]
fn invalid_lines_are_reported_and_the_batch_goes_on() {
    let server = Server::start();
    let mut client = bob(&server, &[]);
    client.write("/nonsense \x1b[2J\n");
    client.write(b"/msg 7 \xff\n");
    client.write([&[b'x'; 100_000][..], b"\n"].concat());
    client.write(["/msg 7 ", &"x".repeat(65_537), "\n"].concat());
    client.write(["/msg 7 ", &"x".repeat(65_536), "\n"].concat());
    client.write("/msg 7\n/msg zoe Hi\n/msg 8 end\n");
    client.end_input();
    let mut link = server.welcome();
    link.expect(&sent_chat(7, &"x".repeat(65_536)));
    link.expect(&sent_chat(8, "end"));
    link.expect(QUIT);
    drop(link);
    let (code, _, errors) = client.finish();
    assert_eq!(code, Some(1));
    assert_eq!(
        errors.lines().collect::<Vec<_>>(),
        [
            "! Unknown command /nonsense. Try /help",
            "! The line is not UTF-8",
            "! The line is too long. A text has at most 65536 bytes",
            "! Nothing was sent to 7: the text has 65537 bytes; the limit is 65536",
            "! The message is incomplete. Use /msg WHO TEXT",
            "! No client is named zoe. Use /who",
        ]
    );
}

#[test]
fn a_long_batch_arrives_complete() {
    let server = Server::start();
    let mut client = bob(&server, &["--json"]);
    let count = 20_000;
    let script: String = (0..count).map(|n| format!("/msg 7 line {n}\n")).collect();
    let writer = std::thread::spawn(move || {
        client.write(script);
        client.end_input();
        client
    });
    let mut link = server.welcome();
    for n in 0..count {
        link.expect(&sent_chat(7, &format!("line {n}")));
    }
    link.expect(QUIT);
    drop(link);
    let (code, _, errors) = writer.join().unwrap().finish();
    assert_eq!((code, &*errors), (Some(0), ""));
}

/// A command of an operator.
const KILL: &[u8] = b"\x87\0\0\0\x65\0\0\0\0\x09\0\0\0\0\x09KILL dave";

#[test]
fn the_line_after_an_operator_is_the_password_and_commands_wait_for_the_answer() {
    let server = Server::start();
    for (lines, note) in [
        ("/oper ann\nkelp\n/command KILL dave\n", NOTE),
        ("/oper ann kelp\n/command KILL dave\n", NOTE),
    ] {
        let mut client = bob(&server, &[]);
        client.write(lines);
        client.end_input();
        let mut link = welcome_with_commands(&server);
        link.expect(OPER);
        link.send(note);
        link.expect(KILL);
        link.expect(QUIT);
        drop(link);
        let (code, output, errors) = client.finish();
        assert_eq!((code, &*errors), (Some(0), ""));
        assert!(output.contains(&"* right".to_owned()), "{output:?}");
    }
}

#[test]
fn an_operator_without_a_password_has_a_certificate() {
    let server = Server::start();
    for lines in ["/oper ann", "/oper ann\n\n"] {
        let mut client = bob(&server, &[]);
        client.write(lines);
        client.end_input();
        let mut link = welcome_with_commands(&server);
        link.expect(b"\x87\0\0\0\x65\0\0\0\0\x09\0\0\0\0\x08OPER ann");
        link.send(NOTE);
        link.expect(QUIT);
    }
}

#[test]
fn an_option_makes_an_operator_of_the_user_at_each_connection() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "kelp\n").unwrap();
    let password = format!("--oper-password-file={}", file.display());
    let mut client = bob(&server, &["--oper=ann", &password]);
    client.write("/command KILL dave\n");
    let mut link = welcome_with_commands(&server);
    link.expect(OPER);
    link.send(NOTE);
    link.expect(KILL);
    drop(link);
    let mut link = welcome_with_commands(&server);
    link.expect(OPER);
    link.send(NOTE);
    client.end_input();
    link.expect(QUIT);
    drop(link);
    let (code, output, _) = client.finish();
    assert_eq!(code, Some(0));
    let asked = "* asking the server to make you the operator ann";
    assert_eq!(output.iter().filter(|line| *line == asked).count(), 2);

    // A server that takes no commands, and a file that cannot be read.
    let client = bob(&server, &["--oper=ann", &password]);
    let link = server.welcome();
    client.expect(&[
        &format!("* connected to {}", server.address),
        "* Welcome in (your id is 101)",
        asked,
        "* this server takes no commands, or is not connected",
    ]);
    drop(link);
    let client = bob(
        &server,
        &["--oper=ann", "--oper-password-file=/nonexistent"],
    );
    let (code, _, errors) = client.finish();
    assert_eq!(code, Some(1));
    assert!(
        errors.contains("use another --oper-password-file"),
        "{errors}"
    );
}
