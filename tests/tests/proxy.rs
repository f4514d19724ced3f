//! Servers behind a proxy that speaks the PROXY protocol.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crc_e2e::fixture::wait::{self, LONG};
use crc_e2e::fixture::{Fixture, Server, wire};

/// Connects as the proxy of a peer.
fn proxied(address: SocketAddr, peer: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    let header = format!("PROXY TCP4 {peer} 192.0.2.1 50000 6667\r\n");
    stream.write_all(header.as_bytes()).unwrap();
    stream
}

#[track_caller]
fn wait_logged(server: &Server, text: &str) {
    assert!(
        wait::holds(LONG, || !server.log_lines_with(text).is_empty()),
        "{text:?} in:\n{}",
        server.process().log()
    );
}

#[test]
fn the_address_of_the_peer_is_logged_and_judged() {
    let fixture = Fixture::new().unwrap();
    let server = fixture.server(1, "hub").irc();
    let server = server.arg("--proxy-protocol=127.0.0.1:0").start().unwrap();

    let mut user = proxied(server.irc().unwrap(), "192.0.2.7");
    user.write_all(b"NICK ann\r\nUSER ann 0 * :Ann\r\n")
        .unwrap();
    let mut lines = BufReader::new(&user).lines();
    assert!(lines.any(|line| line.unwrap().contains(" 001 ann ")));
    wait_logged(&server, "192.0.2.7:50000");

    // The proxy is on this machine, from which servers may link; the server behind it is not.
    let mut stranger = proxied(server.address(), "192.0.2.8");
    stranger
        .write_all(&wire::server_registration(7, 0, "reef", ""))
        .unwrap();
    let mut answer = Vec::new();
    stranger.read_to_end(&mut answer).unwrap();
    assert!(answer.ends_with(b"Servers may not link from your address"));
    wait_logged(&server, "192.0.2.8:50000: closed: servers may not link");
}

#[test]
fn a_connection_without_a_header_is_closed_with_one_line() {
    let fixture = Fixture::new().unwrap();
    let server = fixture.server(1, "hub");
    let server = server.arg("--proxy-protocol=127.0.0.1:0").start().unwrap();
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let own = stream.local_addr().unwrap().to_string();
    stream
        .write_all(&wire::client_registration(101, 0, "ann", ""))
        .unwrap();
    assert_eq!(stream.read(&mut [0; 16]).unwrap_or(0), 0);
    wait_logged(&server, &own);
    let lines = server.log_lines_with(&own);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(lines[0].contains("no PROXY header"), "{lines:#?}");
}

#[test]
fn only_proxies_may_connect() {
    let fixture = Fixture::new().unwrap();
    let server = fixture.server(1, "hub");
    let server = server.arg("--proxy-protocol=127.0.0.1:0");
    let server = server.arg("--proxy-peers=192.0.2.0/24").start().unwrap();
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let own = stream.local_addr().unwrap().to_string();
    assert_eq!(stream.read(&mut [0; 16]).unwrap_or(0), 0);
    wait_logged(&server, &own);
    let lines = server.log_lines_with(&own);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(lines[0].contains("only proxies may connect"), "{lines:#?}");
}
