//! Quits, signals and exit codes.

use rustix::process::{Signal, kill_process};

use crate::fixture::{
    ALICE, ANNOUNCEMENT, Client, QUIT, REGISTRATION, Server, TAKEN, WELCOME, bob, bobs_args, chat,
    sent_chat, unknown_id,
};

#[test]
fn the_end_of_the_input_quits() {
    let server = Server::start();
    let mut client = bob(&server, &["--json"]);
    client.end_input();
    let mut link = server.welcome();
    link.expect(QUIT);
    drop(link);
    assert_eq!(client.finish().0, Some(0));
}

#[test]
fn answers_to_the_last_chat_are_shown() {
    let server = Server::start();
    let mut client = bob(&server, &["--json"]);
    client.write("/msg 9 anybody?\n");
    let mut link = server.welcome();
    link.expect(&sent_chat(9, "anybody?"));
    // Before the quit: the client waits 2 s for the server after it, and a slow test would be late.
    link.send(&[unknown_id(9), chat(7, 101, "wait")].concat());
    client.write("/quit bye\n/msg 9 too late\n");
    client.end_input();
    link.expect(b"\x82\0\0\0\x65\0\0\0\x03bye");
    drop(link);
    let (code, rest, _) = client.finish();
    assert_eq!(code, Some(1));
    assert_eq!(
        rest[2..],
        [
            r#"{"event":"status","source":1,"code":1,"text":"Unknown ID 9"}"#,
            r#"{"event":"chat","from":7,"from_name":null,"to":101,"text":"wait"}"#,
            r#"{"event":"disconnected","reason":"quit","retry_in_ms":null}"#,
        ]
    );
}

#[test]
fn the_wait_for_the_server_to_close_times_out() {
    let server = Server::start();
    let mut client = bob(&server, &["--json"]);
    client.end_input();
    let mut link = server.welcome();
    link.expect(QUIT);
    link.expect_end();
    assert_eq!(client.finish().0, Some(0));
}

#[test]
fn a_signal_quits_gracefully() {
    for signal in [Signal::TERM, Signal::INT] {
        let server = Server::start();
        let client = bob(&server, &["--json"]);
        let mut link = server.welcome();
        client.line();
        client.line();
        kill_process(client.pid(), signal).unwrap();
        link.expect(QUIT);
        drop(link);
        let (code, _, errors) = client.finish();
        assert_eq!((code, &*errors), (Some(0), ""));
    }
}

#[test]
fn a_closed_output_quits_without_an_error() {
    let server = Server::start();
    let mut client = Client::start_unread(&bobs_args(&server));
    let output = client.take_output();
    let mut link = server.welcome();
    drop(output);
    link.send(ALICE);
    link.expect(QUIT);
    drop(link);
    let (code, _, errors) = client.finish();
    assert_eq!((code, &*errors), (Some(0), ""));
}

#[test]
fn unsent_messages_are_reported() {
    let server = Server::start();
    let mut client = bob(&server, &[]);
    // A v1 server is sent one at a time, so these take it half a minute.
    let script: String = (0..3_000).map(|n| format!("/msg 9 {n}\n")).collect();
    client.write(script);
    let mut link = server.accept();
    link.expect(REGISTRATION);
    link.send(WELCOME);
    link.expect(ANNOUNCEMENT);
    link.send(TAKEN);
    link.expect(&sent_chat(9, "0"));
    drop(link);
    kill_process(client.pid(), Signal::TERM).unwrap();
    let (code, _, errors) = client.finish();
    assert_eq!(code, Some(1));
    let unsent = "! Nothing was sent to 9: the client quit before it was sent\n";
    assert!(errors.starts_with(unsent), "{errors}");
    let end = "crc-client: some messages were not sent before the connection closed\n";
    assert!(errors.ends_with(end), "{errors}");
}
