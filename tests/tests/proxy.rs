//! Servers behind a proxy that speaks the PROXY protocol.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crc_e2e::fixture::tls::{Certificates, TlsStream};
use crc_e2e::fixture::wait::LONG;
use crc_e2e::fixture::{Fixture, Server, hash_password, wire};

/// Connects as the proxy of a peer.
fn proxied(address: SocketAddr, peer: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    let header = format!("PROXY TCP4 {peer} 192.0.2.1 50000 6667\r\n");
    stream.write_all(header.as_bytes()).unwrap();
    stream
}

/// A server that connects from the address `peer` is told that it may not, and the log has it.
#[track_caller]
fn assert_may_not_link(mut stream: impl Read + Write, server: &Server, peer: &str) {
    stream
        .write_all(&wire::server_registration(7, 0, "reef", ""))
        .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.ends_with(b"Servers may not link from your address"));
    server.expect_logged(&format!(
        "{peer} as server 7 \"reef\": closed: servers may not link"
    ));
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
    server.expect_logged("192.0.2.7:50000");

    // The proxy is on this machine, from which servers may link; the server behind it is not.
    let stranger = proxied(server.address(), "192.0.2.8");
    assert_may_not_link(stranger, &server, "192.0.2.8:50000");
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
    server.expect_logged(&own);
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
    server.expect_logged(&own);
    let lines = server.log_lines_with(&own);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(lines[0].contains("only proxies may connect"), "{lines:#?}");
}

/// The header of version 2 for a peer.
fn v2_header(ip: [u8; 4], port: u16) -> Vec<u8> {
    let begin = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c";
    let port = port.to_be_bytes();
    [&begin[..], &ip, &[192, 0, 2, 1], &port, &[0x1a, 0x2b]].concat()
}

/// A server whose listeners for TLS are behind a proxy.
fn start_with_tls(fixture: &Fixture, certificates: &Certificates) -> Server {
    certificates.make("hub").unwrap();
    let server = fixture.server(1, "hub");
    let server = server.arg("--listen-tls=127.0.0.1:0");
    let server = server.arg("--irc-tls=127.0.0.1:0");
    let server = server.arg("--proxy-protocol=127.0.0.1:0");
    let server = server.arg(&certificates.option("tls-cert", "hub/cert.pem"));
    let server = server.arg(&certificates.option("tls-key", "hub/key.pem"));
    server.start().unwrap()
}

fn connect(server: &Server, listener: &str) -> TcpStream {
    let address = server.line_after(listener).unwrap();
    let stream = TcpStream::connect(&*address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

/// Shakes hands as a peer behind a proxy, whose header and first TLS bytes arrive together.
fn proxied_by_tls(
    server: &Server,
    listener: &str,
    certificates: &Certificates,
    header: &[u8],
) -> TlsStream {
    let mut session = certificates.session("hub", None).unwrap();
    let mut first = header.to_vec();
    session.write_tls(&mut first).unwrap();
    let mut stream = connect(server, listener);
    stream.write_all(&first).unwrap();
    TlsStream::new(session, stream)
}

#[test]
fn a_peer_behind_a_proxy_speaks_tls() {
    let fixture = Fixture::new().unwrap();
    let certificates = Certificates::new().unwrap();
    let server = start_with_tls(&fixture, &certificates);
    let header = v2_header([192, 0, 2, 7], 50_000);
    let mut user = proxied_by_tls(&server, "irc-tls on ", &certificates, &header);
    user.write_all(b"NICK ann\r\nUSER ann 0 * :Ann\r\nWHOIS ann\r\n")
        .unwrap();
    let mut lines = BufReader::new(user).lines();
    for told in [
        " 001 ann ",
        " 671 ann ann :is using a secure connection",
        " 378 ann ann :is connecting from *@192.0.2.7 192.0.2.7",
    ] {
        let mut others = Vec::new();
        let is_told = lines.by_ref().any(|line| {
            others.push(line.unwrap());
            others.last().unwrap().contains(told)
        });
        assert!(is_told, "{told}: {others:#?}");
    }
    // The header of version 1, and the binary protocol.
    let header = b"PROXY TCP6 2001:db8::8 2001:db8::1 50001 33301\r\n";
    let mut client = proxied_by_tls(&server, "tls on ", &certificates, header);
    client
        .write_all(&wire::client_registration(101, 0, "bob", ""))
        .unwrap();
    assert_ne!(client.read(&mut [0; 64]).unwrap(), 0, "the welcome");
    let state = server.state().unwrap();
    let mut peers: Vec<_> = state.links.iter().map(|link| &*link.peer).collect();
    peers.sort_unstable();
    assert_eq!(peers, ["192.0.2.7:50000", "[2001:db8::8]:50001"]);
    // The address is judged.
    let stranger = proxied_by_tls(
        &server,
        "tls on ",
        &certificates,
        &v2_header([192, 0, 2, 9], 50_002),
    );
    assert_may_not_link(stranger, &server, "192.0.2.9:50002");
}

#[test]
fn bans_are_on_the_address_of_a_peer_behind_a_proxy() {
    let fixture = Fixture::new().unwrap();
    let certificates = Certificates::new().unwrap();
    let bans = certificates.path("bans");
    let hash = hash_password("secret").unwrap();
    let text = format!(
        "ban-file = {bans:?}\n\
         [[operator]]\nname = \"chief\"\npassword = \"{hash}\"\nclass = \"admin\"\n"
    );
    fs::write(certificates.path("server.toml"), text).unwrap();
    certificates.make("hub").unwrap();
    let server = fixture.server(1, "hub").arg("--irc-tls=127.0.0.1:0");
    let server = server.arg("--proxy-protocol=127.0.0.1:0");
    let server = server.arg(&certificates.option("config", "server.toml"));
    let server = server.arg(&certificates.option("tls-cert", "hub/cert.pem"));
    let server = server.arg(&certificates.option("tls-key", "hub/key.pem"));
    let server = server.start().unwrap();
    let register = |last: u8, lines: &str| {
        let header = v2_header([192, 0, 2, last], 50_000);
        let mut user = proxied_by_tls(&server, "irc-tls on ", &certificates, &header);
        user.write_all(lines.as_bytes()).unwrap();
        BufReader::new(user)
    };
    let mut bob = register(7, "NICK bob\r\nUSER bob 0 * :Bob\r\n").lines();
    assert!(bob.any(|line| line.unwrap().contains(" 001 bob ")));
    let ann = "NICK ann\r\nUSER ann 0 * :Ann\r\nOPER chief secret\r\n";
    let mut ann = register(8, ann);
    let mut line = String::new();
    while !line.contains(" 381 ") {
        line.clear();
        assert_ne!(ann.read_line(&mut line).unwrap(), 0);
    }
    ann.get_mut()
        .write_all(b"DLINE 192.0.2.7 :spam\r\n")
        .unwrap();
    let told = "ERROR :Closing Link: bob (You are banned from this network: spam)";
    assert!(bob.any(|line| line.unwrap() == told), "and then the end");
    let mut again = register(7, "").lines();
    let told = "ERROR :Closing Link: * (You are banned from this network: spam)";
    assert_eq!(again.next().unwrap().unwrap(), told);
    assert!(again.next().is_none(), "a close_notify follows");
    server.expect_logged("192.0.2.7:50000: refused: You are banned");
}

#[test]
fn tls_without_a_header_is_closed_with_one_line() {
    let fixture = Fixture::new().unwrap();
    let certificates = Certificates::new().unwrap();
    let server = start_with_tls(&fixture, &certificates);
    let mut hello = Vec::new();
    let mut session = certificates.session("hub", None).unwrap();
    session.write_tls(&mut hello).unwrap();
    let header = v2_header([192, 0, 2, 7], 50_000);
    let not_tcp = [&header[..13], &[0x12], &header[14..]].concat();
    for (bytes, reason) in [
        (&hello[..], "no PROXY header"),
        (b"NICK ann\r\n", "no PROXY header"),
        (&[0xff; 64], "no PROXY header"),
        (b"PROXY TCP4 x\r\n", "invalid PROXY header"),
        (&not_tcp, "the PROXY header is not for a TCP connection"),
    ] {
        let mut stream = connect(&server, "irc-tls on ");
        let own = stream.local_addr().unwrap().to_string();
        stream.write_all(bytes).unwrap();
        assert_eq!(stream.read(&mut [0; 16]).unwrap_or(0), 0);
        server.expect_logged(&own);
        let lines = server.log_lines_with(&own);
        assert_eq!(lines.len(), 1, "{lines:#?}");
        assert!(lines[0].contains("accept: proxy closed: "), "{lines:#?}");
        assert!(lines[0].contains(reason), "{reason}: {lines:#?}");
    }
    // With a header, and then no TLS: the peer is named, and told.
    let mut stream = connect(&server, "irc-tls on ");
    stream.write_all(&header).unwrap();
    stream.write_all(b"NICK ann\r\n").unwrap();
    let mut answer = String::new();
    BufReader::new(&stream).read_line(&mut answer).unwrap();
    assert!(answer.starts_with("ERROR :"), "{answer}");
    server.expect_logged("does not speak TLS");
    let lines = server.log_lines_with("does not speak TLS");
    assert!(lines[0].contains("192.0.2.7:50000"), "{lines:#?}");
}
