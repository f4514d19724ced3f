//! Startup errors of servers and clients: a port, id or name that cannot be used, and
//! an uplink that does not answer. Each is one plain sentence.

use std::process::ExitStatus;
use std::time::Duration;

use crc_e2e::fixture::v1::V1Client;
use crc_e2e::fixture::wait::{self, LONG};
use crc_e2e::fixture::{Fixture, Process, wire};

/// The exit status and the one error line of a program that cannot start.
#[track_caller]
fn startup_error(mut process: Process) -> (ExitStatus, String) {
    let status = process.wait_end(LONG).unwrap();
    let log = process.log();
    let errors: Vec<&str> = log
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.contains(" INFO "))
        .collect();
    // Only a hint to --help may follow.
    let others = errors.iter().skip(1);
    let others: Vec<_> = others.filter(|line| !line.contains("--help")).collect();
    assert!(others.is_empty(), "{log}");
    (status, errors[0].to_owned())
}

#[test]
fn a_port_in_use_is_an_error() {
    let fixture = Fixture::new().unwrap();
    let first = fixture.server(1, "first").start().unwrap();
    let second = fixture.server(2, "second").listen(first.address());
    let (status, line) = startup_error(second.spawn().unwrap());
    assert_eq!(status.code(), Some(1));
    assert!(line.contains(&first.address().to_string()), "{line}");
    assert!(line.contains("in use") || line.contains("taken"), "{line}");
    first.wait_hosts(&[]).unwrap();
}

#[test]
fn a_server_dials_an_uplink_until_it_answers() {
    let fixture = Fixture::new().unwrap();
    let address = fixture.reserve().unwrap();
    let server = fixture.server(2, "alone").uplink(address).start().unwrap();
    let word = address.to_string();
    assert!(wait::holds(LONG, || !server
        .log_lines_with(&word)
        .is_empty()));
    let line = &server.log_lines_with(&word)[0];
    assert!(line.contains("cannot link to"), "{line}");
    // The server accepts clients meanwhile, and links when the uplink starts.
    let wren = V1Client::start(server.address(), 101, "wren", "w").unwrap();
    wren.wait_state(|state| state.statuses.len() == 1);
    let back = fixture.server(1, "back").listen(address).start().unwrap();
    back.wait_hosts(&[2, 101]).unwrap();
    server.wait_hosts(&[1, 101]).unwrap();
}

#[test]
fn a_name_that_is_too_long_is_an_error() {
    let fixture = Fixture::new().unwrap();
    let name = "n".repeat(65);
    let (status, line) = startup_error(fixture.server(1, &name).log_file("s").spawn().unwrap());
    assert_eq!(status.code(), Some(2));
    assert!(line.contains("64"), "{line}");

    let server = fixture.server(1, "server").start().unwrap();
    let mut client = fixture
        .client(101, &name, server.address())
        .log_file("c")
        .start()
        .unwrap();
    let status = client.process_mut().wait_end(LONG).unwrap();
    assert_eq!(status.code(), Some(2));
    assert!(
        client.process().log().contains("64"),
        "{}",
        client.process().log()
    );
    server.wait_hosts(&[]).unwrap();
}

#[test]
fn a_message_to_an_ambiguous_name_is_an_error() {
    let fixture = Fixture::new().unwrap();
    let server = fixture.server(1, "server").start().unwrap();
    let twins = [101, 102].map(|id| {
        let twin = fixture
            .client(id, "twin", server.address())
            .start()
            .unwrap();
        twin.wait_welcome().unwrap();
        twin
    });
    let mut wren = fixture
        .client(103, "wren", server.address())
        .start()
        .unwrap();
    wren.wait_connected(&[101, 102]).unwrap();
    wren.command("/msg twin which one?").unwrap();
    let view = wren.wait_view(|view| !view.errors.is_empty()).unwrap();
    assert_eq!(view.errors.len(), 1, "{view:#?}");
    for id in ["101", "102"] {
        assert!(view.errors[0].contains(id), "{}", view.errors[0]);
    }
    wren.command("/msg 102 you").unwrap();
    twins[1].wait_view(|view| view.chats.len() == 1).unwrap();
    assert!(wait::stays(Duration::from_millis(100), || {
        twins[0].view().chats.is_empty()
    }));
}

#[test]
fn an_id_in_use_ends_the_client() {
    let fixture = Fixture::new().unwrap();
    let server = fixture.server(1, "server").start().unwrap();
    let wren = fixture
        .client(101, "wren", server.address())
        .start()
        .unwrap();
    wren.wait_welcome().unwrap();
    let mut echo = fixture
        .client(101, "echo", server.address())
        .start()
        .unwrap();
    let status = echo.process_mut().wait_end(LONG).unwrap();
    assert_eq!(status.code(), Some(1));
    let text = wire::taken_text(wire::CLIENT_REGISTRATION, 101);
    assert_eq!(echo.view().statuses, [text]);
    assert!(wren.view().welcomed);
    server.wait_hosts(&[101]).unwrap();
}
