//! How the client ends.

use rustix::process::{Signal, kill_process};

use crate::rig::{
    ANNOUNCEMENT, Client, QUIT, REGISTRATION, Server, TAKEN, WELCOME, bob, chat, said, unknown_id,
};

#[test]
fn the_end_of_the_input_is_a_quit() {
    let server = Server::start();
    let mut client = bob(&server, &["--json"]);
    client.end_input();
    let mut link = server.welcome();
    link.expect(QUIT);
    drop(link);
    assert_eq!(client.finish().0, Some(0));
}

#[test]
fn what_answers_the_last_chat_is_still_shown() {
    let server = Server::start();
    let mut client = bob(&server, &["--json"]);
    client.write("/msg 9 anybody?\n/quit bye\n/msg 9 too late\n");
    client.end_input();
    let mut link = server.welcome();
    link.expect(&said(9, "anybody?"));
    link.expect(b"\x82\0\0\0\x65\0\0\0\x03bye");
    link.send(&unknown_id(9));
    link.send(&chat(7, 101, "wait"));
    drop(link);
    let (code, rest, _) = client.finish();
    assert_eq!(code, Some(0));
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
fn a_server_that_does_not_close_is_not_waited_for() {
    let server = Server::start();
    let mut client = bob(&server, &["--json"]);
    client.end_input();
    let mut link = server.welcome();
    link.expect(QUIT);
    link.expect_end();
    assert_eq!(client.finish().0, Some(0));
}

#[test]
fn a_signal_ends_it_in_good_order() {
    for signal in [Signal::TERM, Signal::INT] {
        let server = Server::start();
        let mut client = bob(&server, &["--json"]);
        // Somebody who is waited for keeps nobody from leaving.
        client.write("/msg nobody-here Hi\n");
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
fn a_closed_output_ends_it_quietly() {
    let server = Server::start();
    let address = server.address.to_string();
    let args = [
        "--server",
        &address,
        "--id",
        "101",
        "--name",
        "bob",
        "--info",
        "the builder",
    ];
    let mut client = Client::start_unread(&args);
    drop(client.take_output());
    let mut link = server.accept();
    link.expect(REGISTRATION);
    link.send(WELCOME);
    link.expect_at_last(QUIT);
    drop(link);
    let (code, _, errors) = client.finish();
    assert_eq!((code, &*errors), (Some(0), ""));
}

#[test]
fn what_could_not_be_said_is_told() {
    let server = Server::start();
    let mut client = bob(&server, &[]);
    let script: String = (0..60).map(|n| format!("/msg 9 {n}\n")).collect();
    client.write(script);
    client.end_input();
    // An original server gets them one by one; this one is gone after the first.
    let mut link = server.accept();
    link.expect(REGISTRATION);
    link.send(WELCOME);
    link.expect(ANNOUNCEMENT);
    link.send(TAKEN);
    link.expect(&said(9, "0"));
    drop(link);
    let (code, _, errors) = client.finish();
    assert_eq!(code, Some(1));
    let unsent = "! Nothing was sent to 9: the client quit before it was sent\n";
    assert!(errors.starts_with(unsent), "{errors}");
    let end = "crc-client: some messages were not sent before the connection closed\n";
    assert!(errors.ends_with(end), "{errors}");
}
