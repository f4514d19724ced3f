//! Peers that have come to the port of another protocol: one answer in their own protocol, and one
//! line in the log.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use crc_e2e::fixture::wait::{self, LONG};
use crc_e2e::fixture::{Fixture, Server};

/// What a peer gets until the end of the connection.
fn ask(address: SocketAddr, bytes: &[u8]) -> (SocketAddr, Vec<u8>) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    let own = stream.local_addr().unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let _ = stream.shutdown(Shutdown::Both);
    (own, answer)
}

#[track_caller]
fn assert_logged_once(server: &Server, peer: SocketAddr, text: &str) {
    let peer = peer.to_string();
    assert!(
        wait::holds(LONG, || !server.log_lines_with(&peer).is_empty()),
        "{}",
        server.process().log()
    );
    let lines = server.log_lines_with(&peer);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(lines[0].contains(text), "{lines:#?}");
}

#[test]
fn a_peer_at_the_wrong_port_is_told_the_right_one() {
    let fixture = Fixture::new().unwrap();
    let server = fixture.server(1, "hub").irc().irc_legacy().start().unwrap();
    let (crc, irc) = (server.address(), server.irc().unwrap());
    let registration = crc_e2e::fixture::wire::client_registration(101, 0, "ann", "");

    let (peer, answer) = ask(crc, b"NICK ann\r\nUSER ann 0 * :Ann\r\n");
    let advice = format!(
        "a port for CRC clients and servers; IRC is on port {}",
        irc.port()
    );
    assert_eq!(
        String::from_utf8(answer).unwrap(),
        format!("ERROR :This is {advice}\r\n")
    );
    assert_logged_once(
        &server,
        peer,
        &format!("closed: peer speaks IRC: this is {advice}"),
    );

    let (peer, answer) = ask(irc, &registration);
    let advice = format!("a port for IRC clients; CRC is on port {}", crc.port());
    assert_eq!(answer[9..11], [0x01, 0x07]);
    assert!(answer.ends_with(format!("This is {advice}").as_bytes()));
    assert_logged_once(
        &server,
        peer,
        &format!("closed: peer speaks CRC: this is {advice}"),
    );

    for address in [crc, irc, server.irc_legacy().unwrap()] {
        let (peer, answer) = ask(address, b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n");
        let answer = String::from_utf8(answer).unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
            "{answer}"
        );
        assert!(answer.ends_with(", not a web server.\n"), "{answer}");
        assert_logged_once(&server, peer, "closed: peer speaks HTTP: ");

        let (peer, answer) = ask(address, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
        assert_eq!(answer, [0x15, 3, 3, 0, 2, 2, 40]);
        assert_logged_once(&server, peer, "closed: peer speaks TLS: ");
    }
}
