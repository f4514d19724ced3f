//! The output with `--json`.

use crate::fixture::{
    ALICE, ANNOUNCEMENT, FEATURES, FEATURES_LEN, QUIT, REGISTRATION, Server, TAKEN, WELCOME, bob,
    chat, registration, sent_chat, unknown_id,
};

fn connected(server: &Server) -> String {
    let address = server.address;
    format!(r#"{{"event":"connected","server":"{address}"}}"#)
}

const WELCOMED: &str = r#"{"event":"welcome","id":101,"name":"bob","text":"Welcome in"}"#;
const LEFT: &str = r#"{"event":"disconnected","reason":"quit","retry_in_ms":null}"#;

#[test]
fn announces_after_the_welcome() {
    let server = Server::start();
    let client = bob(&server, &["--json"]);
    let mut link = server.accept();
    client.expect(&[&connected(&server)]);
    link.expect(REGISTRATION);
    link.expect_nothing_yet();
    link.send(WELCOME);
    link.expect(ANNOUNCEMENT);
    client.expect(&[WELCOMED]);
}

#[test]
fn every_event_is_one_json_line() {
    let server = Server::start();
    let mut client = bob(&server, &["--json"]);
    let mut link = server.welcome();
    client.expect(&[&connected(&server), WELCOMED]);

    link.send(ALICE);
    client.expect(&[r#"{"event":"joined","id":7,"name":"alice","info":"tea"}"#]);
    link.send(&chat(7, 101, "\"Hi\" \u{1b}[2J ö"));
    client.expect(&[
        r#"{"event":"chat","from":7,"from_name":"alice","to":101,"text":"\"Hi\" \u001b[2J ö"}"#,
    ]);
    link.send(&chat(9, 101, ""));
    client.expect(&[r#"{"event":"chat","from":9,"from_name":null,"to":101,"text":""}"#]);
    link.send(&unknown_id(9));
    client.expect(&[r#"{"event":"status","source":1,"code":1,"text":"Unknown ID 9"}"#]);
    link.send(b"\x01\0\0\0\x01\0\0\0\x65\x01\x02\0\0\0\x04gone");
    client.expect(&[r#"{"event":"status","source":1,"code":258,"text":"gone"}"#]);

    client.write("/who\n");
    client.expect(&[r#"{"event":"who","clients":[{"id":7,"name":"alice","info":"tea"}]}"#]);
    client.write("plain\n");
    client.expect(&[
        r#"{"event":"error","text":"You are not talking to anyone yet. Use /join #channel, /to NAME or /msg NAME TEXT"}"#,
    ]);
    client.write("/help\n");
    assert!(
        client
            .line()
            .starts_with(r#"{"event":"help","text":"  /msg WHO TEXT"#)
    );

    link.send(b"\x82\0\0\0\x07\0\0\0\x03bye");
    client.expect(&[r#"{"event":"left","id":7,"name":"alice","text":"bye"}"#]);
    client.write("/quit so long\n");
    link.expect(b"\x82\0\0\0\x65\0\0\0\x07so long");
    drop(link);
    let (code, rest, errors) = client.finish();
    assert_eq!(
        (code, &rest[..], &*errors),
        (
            Some(1),
            &[LEFT.to_owned()][..],
            "! Unknown ID 9 (status 0x0001)\n\
             ! You are not talking to anyone yet. Use /join #channel, /to NAME or /msg NAME TEXT\n"
        )
    );
}

#[test]
fn the_answer_of_a_v1_server_is_not_shown() {
    let server = Server::start();
    let mut client = bob(&server, &["--json"]);
    client.write("/msg 7 Hi\n/msg 7 Grüße\n");
    client.end_input();
    let mut link = server.accept();
    link.expect(REGISTRATION);
    // One v1 server welcomes with another code.
    let mut welcome = WELCOME.to_vec();
    welcome[10] = 1;
    link.send(&welcome);
    link.expect(ANNOUNCEMENT);
    link.send(TAKEN);
    for frame in [&sent_chat(7, "Hi")[..], &sent_chat(7, "Gr??e"), QUIT] {
        link.expect(frame);
    }
    drop(link);
    let (code, rest, _) = client.finish();
    assert_eq!(code, Some(0));
    assert_eq!(rest, [&connected(&server), WELCOMED, LEFT]);
}

#[test]
fn frames_may_be_cut_anywhere() {
    let server = Server::start();
    let mut client = bob(&server, &["--json"]);
    let mut link = server.accept();
    link.expect(REGISTRATION);
    let stream = [WELCOME, FEATURES, ALICE, &chat(7, 101, "Grüße")].concat();
    for byte in stream {
        link.send(&[byte]);
    }
    client.expect(&[
        &connected(&server),
        WELCOMED,
        r#"{"event":"joined","id":7,"name":"alice","info":"tea"}"#,
        r#"{"event":"chat","from":7,"from_name":"alice","to":101,"text":"Grüße"}"#,
    ]);
    link.expect(ANNOUNCEMENT);
    client.end_input();
    link.expect(QUIT);
    assert_eq!(FEATURES.len(), 15 + FEATURES_LEN);
}

#[test]
fn reconnects_when_the_connection_is_lost() {
    let server = Server::start();
    let mut client = bob(&server, &["--json"]);
    let mut link = server.welcome();
    link.send(ALICE);
    client.expect(&[&connected(&server), WELCOMED]);
    client.line();
    drop(link);
    let lost = client.line();
    let why = "connection closed";
    assert!(
        lost.starts_with(&format!(
            r#"{{"event":"disconnected","reason":"{why}","retry_in_ms":"#
        )),
        "{lost}"
    );

    // The client reconnects after an invalid frame too.
    let mut link = server.welcome();
    client.expect(&[&connected(&server), WELCOMED]);
    client.write("/who\n");
    client.expect(&[r#"{"event":"who","clients":[]}"#]);
    link.send(b"\xff");
    let lost = client.line();
    assert!(
        lost.contains("not a CRC server: unknown frame type 0xff"),
        "{lost}"
    );
    link.expect_end();

    let mut link = server.welcome();
    client.expect(&[&connected(&server), WELCOMED]);
    client.write("/msg 7 still here\n");
    link.expect(&sent_chat(7, "still here"));
}

#[test]
fn a_client_that_loses_its_id_says_so_in_one_line() {
    let server = Server::start();
    let client = bob(&server, &["--json"]);
    let mut link = server.welcome();
    client.expect(&[&connected(&server), WELCOMED]);
    link.send(TAKEN);
    let why = "another host has id 101 now; choose another one or omit --id";
    let line = client.line();
    let expected = format!(r#"{{"event":"disconnected","reason":"{why}","retry_in_ms":"#);
    assert!(line.starts_with(&expected), "{line}");
    // It comes back, since the other host may leave.
    server.welcome();
    client.expect(&[&connected(&server), WELCOMED]);
}

#[test]
fn an_id_in_use_stops_the_client() {
    let server = Server::start();
    let client = bob(&server, &["--json"]);
    let mut link = server.accept();
    link.expect(REGISTRATION);
    link.send(TAKEN);
    link.expect_end();
    let (code, rest, errors) = client.finish();
    assert_eq!(code, Some(1));
    assert_eq!(
        rest,
        [
            &connected(&server),
            r#"{"event":"status","source":1,"code":2,"text":"Someone has already registered with ID 101."}"#,
            r#"{"event":"error","text":"id 101 is already in use; choose another one or omit --id"}"#,
            r#"{"event":"disconnected","reason":"id 101 is already in use","retry_in_ms":null}"#,
        ]
    );
    assert_eq!(
        errors,
        "crc-client: id 101 is already in use; choose another one or omit --id\n"
    );
}

#[test]
fn an_ambiguous_name_is_reported_and_the_batch_goes_on() {
    let server = Server::start();
    let mut client = bob(&server, &["--json"]);
    client.write("/msg dave Hi\n/msg 8 Hi\n/to dave\nplain\n/to \"dave d\"\nplain\n");
    client.end_input();
    let mut link = server.accept();
    link.expect(REGISTRATION);
    let all = [
        WELCOME,
        &registration(8, "dave", ""),
        &registration(9, "dave", ""),
        &registration(10, "dave d", ""),
        FEATURES,
    ];
    link.send(&all.concat());
    link.expect(ANNOUNCEMENT);
    link.expect(&sent_chat(8, "Hi"));
    link.expect(&sent_chat(10, "plain"));
    link.expect(QUIT);
    drop(link);
    let (code, rest, _) = client.finish();
    assert_eq!(code, Some(1));
    let errors = rest.iter().filter(|line| line.contains("error"));
    let errors: Vec<&str> = errors.map(|line| &line[25..line.len() - 2]).collect();
    let ambiguous = "Several clients are named dave. Use an id: 8, 9";
    let no_target =
        "You are not talking to anyone yet. Use /join #channel, /to NAME or /msg NAME TEXT";
    assert_eq!(errors, [ambiguous, ambiguous, no_target]);
}
