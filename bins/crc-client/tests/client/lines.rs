//! Commands from a pipe, and what is written for people.

use crate::rig::{
    ALICE, ANNOUNCEMENT, FEATURES, QUIT, REGISTRATION, Server, WELCOME, bob, chat, registration,
    said,
};

#[test]
fn a_script_is_carried_out_in_order() {
    let server = Server::start();
    let mut client = bob(&server, &[]);
    // All of it is there before anything can be done.
    client.write("/msg 9 \"Testing\"\n/msg alice  two  blanks \r\n\n/to alice\nGrüße\n//who\n/who\n/to\nlost");
    client.end_input();
    let mut link = server.accept();
    link.expect(REGISTRATION);
    link.send(WELCOME);
    link.expect(ANNOUNCEMENT);
    link.send(FEATURES);
    link.expect(&said(9, "\"Testing\""));
    // She comes a little late.
    link.send(ALICE);
    link.expect(&said(7, " two  blanks "));
    link.expect(&said(7, "Grüße"));
    link.expect(&said(7, "/who"));
    link.expect(QUIT);
    drop(link);
    let (code, rest, errors) = client.finish();
    assert_eq!(code, Some(0));
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
fn nobody_paints_on_anothers_terminal() {
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
fn what_cannot_be_understood_is_said_and_the_script_goes_on() {
    let server = Server::start();
    let mut client = bob(&server, &[]);
    client.write("/nonsense \x1b[2J\n");
    client.write(b"/msg 7 \xff\n");
    client.write([&[b'x'; 100_000][..], b"\n"].concat());
    client.write(["/msg 7 ", &"x".repeat(65_537), "\n"].concat());
    client.write(["/msg 7 ", &"x".repeat(65_536), "\n"].concat());
    client.write("/msg 7\n/msg nobody-here Hi\n/msg 8 end\n");
    client.end_input();
    let mut link = server.welcome();
    link.expect(&said(7, &"x".repeat(65_536)));
    link.expect(&said(8, "end"));
    link.expect(QUIT);
    drop(link);
    let (code, _, errors) = client.finish();
    assert_eq!(code, Some(0));
    assert_eq!(
        errors.lines().collect::<Vec<_>>(),
        [
            "! Unknown command /nonsense. Try /help",
            "! The line is not UTF-8",
            "! The line is too long. A text has at most 65536 bytes",
            "! Nothing was sent to 7: the text has 65537 bytes; the limit is 65536",
            "! The message is incomplete. Use /msg WHO TEXT",
            "! No client is named nobody-here. Use /who",
        ]
    );
}

#[test]
fn a_long_script_arrives_whole() {
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
        link.expect(&said(7, &format!("line {n}")));
    }
    link.expect(QUIT);
    drop(link);
    let (code, _, errors) = writer.join().unwrap().finish();
    assert_eq!((code, &*errors), (Some(0), ""));
}
