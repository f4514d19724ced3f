//! A peer that has come to the port of another protocol is told so in its own.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may fail"
)]

mod fixture;

use std::time::Duration;

use crc_core::{Event, ListenerId, Ports, ServerCommand, TextProtocol};
use crc_wire::StatusCode;
use fixture::{Fixture, Kind, LEGACY, closed, config, registration};

const CRC: ListenerId = ListenerId(0);
const IRC: ListenerId = ListenerId(1);

/// A server with a listener for each protocol, and one that speaks TLS elsewhere.
fn server() -> Fixture {
    let mut config = config(0);
    config.text_listeners = vec![(IRC, TextProtocol::Irc), (LEGACY, TextProtocol::Legacy)];
    let mut fixture = Fixture::new(1);
    fixture.server_with(config);
    let ports = Ports {
        crc: Some(33_300),
        crc_tls: Some(33_301),
        irc: Some(6667),
        irc_tls: Some(6697),
        legacy: None,
    };
    fixture.handle(0, Event::Command(ServerCommand::Ports(ports)));
    fixture
}

/// What a peer gets that has sent some bytes, and whether it is closed.
fn ask(fixture: &mut Fixture, listener: ListenerId, bytes: &[u8]) -> (Vec<u8>, bool) {
    let peer = fixture.connect_at(0, listener);
    fixture.send(peer, bytes);
    let is_closed = closed(fixture, peer);
    (std::mem::take(&mut fixture.peers[peer].bytes), is_closed)
}

#[test]
fn irc_at_the_crc_port_is_told_the_right_port() {
    let mut fixture = server();
    for line in ["NICK ann\r\n", "cap LS 302\r\n", "PASS x", "USER a 0 * :A"] {
        let (answer, is_closed) = ask(&mut fixture, CRC, line.as_bytes());
        let expected = "ERROR :This is a port for CRC clients and servers; IRC is on port 6667\r\n";
        assert_eq!(String::from_utf8(answer).unwrap(), expected);
        assert!(is_closed);
    }
}

#[test]
fn http_is_answered_everywhere() {
    let mut fixture = server();
    for listener in [CRC, IRC, LEGACY] {
        for request in [
            "GET / HTTP/1.1\r\nHost: reef\r\n\r\n",
            "POST /x HTTP/1.0\r\n",
            "CONNECT reef:443 HTTP/1.1\r\n\r\n",
        ] {
            let (answer, is_closed) = ask(&mut fixture, listener, request.as_bytes());
            let answer = String::from_utf8(answer).unwrap();
            assert!(
                answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
                "{answer}"
            );
            assert!(answer.contains("\r\nConnection: close\r\n"));
            assert!(is_closed);
        }
    }
}

#[test]
fn tls_is_answered_with_an_alert() {
    let mut fixture = server();
    for listener in [CRC, IRC, LEGACY] {
        let (answer, is_closed) = ask(&mut fixture, listener, b"\x16\x03\x01\x02\x00\x01\x00");
        assert_eq!(answer, [0x15, 3, 3, 0, 2, 2, 40]);
        assert!(is_closed);
    }
}

#[test]
fn crc_at_the_irc_ports_gets_a_status() {
    let mut fixture = server();
    for (listener, here) in [(IRC, "IRC clients"), (LEGACY, "legacy IRC")] {
        for kind in [Kind::Server, Kind::Client] {
            let peer = fixture.connect_at(0, listener);
            fixture.send_message(peer, &registration(kind, 7, None, "info"));
            fixture.soon();
            let text = format!("This is a port for {here}; CRC is on port 33300");
            let code = StatusCode::NOT_PERMITTED.0;
            assert_eq!(fixture.received(peer), [fixture::status(1, 0, code, &text)]);
            assert!(fixture.peers[peer].ended);
        }
    }
}

#[test]
fn a_peer_that_sends_byte_by_byte_is_judged_the_same() {
    for (listener, bytes) in [
        (CRC, &b"NICK ann\r\nUSER a 0 * :A\r\n"[..]),
        (IRC, b"GET / HTTP/1.1\r\n\r\n"),
        (CRC, b"\x16\x03\x01\x02\x00"),
    ] {
        let mut fixture = server();
        let (whole, _) = ask(&mut fixture, listener, bytes);
        let peer = fixture.connect_at(0, listener);
        for byte in bytes {
            fixture.send(peer, &[*byte]);
            fixture.soon();
        }
        assert_eq!(fixture.peers[peer].bytes, whole);
        assert!(fixture.peers[peer].ended);
    }
}

#[test]
fn peers_at_the_right_port_register_byte_by_byte() {
    let mut fixture = server();
    let client = fixture.connect_at(0, CRC);
    for byte in registration(Kind::Client, 101, None, "info").to_vec() {
        fixture.send(client, &[byte]);
        fixture.soon();
    }
    assert!(fixture.known(0).contains_key(&101));
    for (listener, lines) in [
        (IRC, "NICK ann\r\nUSER ann 0 * :Ann\r\n"),
        (LEGACY, "USER bob host server :Bob\r\nNICK bob\r\n"),
        // A line that reads like HTTP at its beginning.
        (IRC, "TRACE\r\nNICK eve\r\nUSER eve 0 * :Eve\r\n"),
    ] {
        let before = fixture.known(0).len();
        let user = fixture.connect_at(0, listener);
        for byte in lines.as_bytes() {
            fixture.send(user, &[*byte]);
            fixture.soon();
        }
        assert_eq!(fixture.known(0).len(), before + 1, "{lines}");
    }
}

#[test]
fn a_peer_that_stops_in_the_middle_of_a_word_is_closed_in_time() {
    let mut fixture = server();
    let peer = fixture.connect_at(0, CRC);
    fixture.send(peer, b"NI");
    assert!(!closed(&mut fixture, peer));
    let time_max = config(0).limits.registration_time_max;
    fixture.run(time_max + Duration::from_secs(5));
    assert!(fixture.peers[peer].ended);
}
