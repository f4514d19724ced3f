//! Listeners behind a proxy: the header names the peer, and its address counts.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod fixture;

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::mpsc::channel;
use std::time::Duration;

use crc_machine::{LinkId, ListenerId};
use crc_net::{AddressLimits, CertificateFiles, DriverConfig, TlsServer};
use fixture::{Fixture, Seen, TIMEOUT, TestMachine, quick, wait_until, write};

fn start(config: DriverConfig, proxies: &str) -> Fixture {
    let proxies = [proxies.parse().unwrap()];
    let machine = TestMachine::new(|_, _| {});
    Fixture::set_up(config, machine, move |driver| {
        driver.expect_proxies(ListenerId(0), &proxies);
    })
}

/// The settings of tests in which no header is to be late.
fn patient() -> DriverConfig {
    DriverConfig {
        proxy_header_max: Duration::from_secs(600),
        ..quick()
    }
}

fn header(peer: &str) -> String {
    format!("PROXY TCP4 {peer} 192.0.2.1 50000 6667\r\n")
}

/// The next link that comes up, and its peer's address.
fn next_up(fixture: &Fixture) -> (LinkId, String) {
    fixture.expect("a link", |seen| match seen {
        Seen::Up(link, _, endpoints) => Some((*link, endpoints.peer.to_string())),
        _ => None,
    })
}

fn assert_closed(mut stream: &TcpStream) {
    // A reset is an end, too.
    assert_eq!(stream.read(&mut [0; 16]).unwrap_or(0), 0);
}

#[test]
fn the_header_names_the_peer_in_any_pieces() {
    let fixture = start(patient(), "127.0.0.0/8");
    let v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\xc0\0\x02\x01\xc3\x50\x1a\x0b";
    let v1 = header("192.0.2.7");
    for header in [&v2[..], v1.as_bytes()] {
        // Whole and with the first bytes of the peer; then byte by byte.
        let whole = fixture.connect();
        write(&whole, &[header, b"hello"].concat());
        let (link, peer) = next_up(&fixture);
        assert_eq!(peer, "192.0.2.7:50000");
        let bytes = fixture.expect("bytes", |seen| match seen {
            Seen::Bytes(from, bytes) if *from == link => Some(bytes.clone()),
            _ => None,
        });
        assert_eq!(bytes, b"hello", "without the header");
        let slow = fixture.connect();
        for byte in header {
            write(&slow, &[*byte]);
        }
        assert_eq!(next_up(&fixture).1, "192.0.2.7:50000");
    }
    // A proxy that connects for itself keeps its address.
    let local = fixture.connect();
    write(&local, b"PROXY UNKNOWN\r\n");
    let own = local.local_addr().unwrap().to_string();
    assert_eq!(next_up(&fixture).1, own);
    fixture.stop();
}

#[test]
fn connections_without_a_valid_header_are_closed() {
    let check_closed = |fixture: &Fixture, bytes: &[u8]| {
        let stream = fixture.connect();
        write(&stream, bytes);
        assert_closed(&stream);
    };
    let fixture = start(patient(), "127.0.0.0/8");
    for bytes in [&b"NICK ann\r\n"[..], b"PROXY TCP4 x\r\n"] {
        check_closed(&fixture, bytes);
    }
    // One that goes without a word is no failure.
    let failed = fixture.stats.accepts_failed.value();
    let wordless = fixture.connect();
    wait_until("a connection", || fixture.stats.links_open.value() == 1);
    drop(wordless);
    wait_until("no link", || fixture.stats.links_open.value() == 0);
    assert_eq!(fixture.stats.accepts_failed.value(), failed);
    assert_eq!(fixture.stats.links_accepted.value(), 0);
    fixture.stop();
    // A header that does not come, or half of one, is late at some time.
    let config = DriverConfig {
        proxy_header_max: Duration::from_millis(100),
        ..quick()
    };
    let fixture = start(config, "127.0.0.0/8");
    for bytes in [&b"PROXY "[..], b""] {
        check_closed(&fixture, bytes);
    }
    assert_eq!(fixture.stats.links_accepted.value(), 0);
    fixture.stop();
}

#[test]
fn only_proxies_may_connect() {
    let fixture = start(quick(), "192.0.2.0/24");
    let stream = fixture.connect();
    write(&stream, header("127.0.0.1").as_bytes());
    assert_closed(&stream);
    assert_eq!(fixture.stats.links_accepted.value(), 0);
    fixture.stop();
}

#[test]
fn the_address_in_the_header_counts() {
    let config = DriverConfig {
        per_address: AddressLimits {
            links_max: 2,
            accepts_per_second: 0,
        },
        per_loopback_address: AddressLimits {
            links_max: 1,
            accepts_per_second: 0,
        },
        ..patient()
    };
    let fixture = start(config, "127.0.0.1/32");
    let connect = |peer| {
        let stream = fixture.connect();
        write(&stream, header(peer).as_bytes());
        stream
    };
    // All come from one proxy, whose own address has one place.
    let mut open = Vec::new();
    for peer in ["192.0.2.7", "192.0.2.7", "192.0.2.8", "192.0.2.9"] {
        open.push(connect(peer));
        assert_eq!(next_up(&fixture).1, format!("{peer}:50000"));
    }
    assert_closed(&connect("192.0.2.7"));
    assert_eq!(fixture.stats.refused_per_address.value(), 1);
    // A place that is given back can be taken again.
    open.remove(0);
    wait_until("a link less", || fixture.stats.links_open.value() == 3);
    let again = connect("192.0.2.7");
    assert_eq!(next_up(&fixture).1, "192.0.2.7:50000");
    drop((open, again));
    fixture.stop();
}

#[test]
fn headers_on_their_way_are_bounded_and_keep_no_other_out() {
    let config = DriverConfig {
        proxy_headers_max: 8,
        ..patient()
    };
    let fixture = start(config, "127.0.0.1/32");
    let silent: Vec<_> = (0..20).map(|_| fixture.connect()).collect();
    // The oldest is counted as failed first, and closed a moment later.
    wait_until("twelve failures", || {
        fixture.stats.accepts_failed.value() == 12
    });
    wait_until("eight headers", || fixture.stats.links_open.value() == 8);
    assert_closed(&silent[0]);
    let stream = fixture.connect();
    write(&stream, header("192.0.2.7").as_bytes());
    assert_eq!(next_up(&fixture).1, "192.0.2.7:50000");
    fixture.stop();
}

/// Starts a driver with a listener for TLS behind a proxy.
fn start_with_tls(config: DriverConfig) -> (Fixture, SocketAddr) {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = CertificateFiles {
        chain: folder.path().join("cert.pem"),
        key: folder.path().join("key.pem"),
    };
    std::fs::write(&files.chain, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let server = TlsServer::load(&[files]).unwrap();
    let (sender, addresses) = channel();
    let machine = TestMachine::new(|_, _| {});
    let fixture = Fixture::set_up(config, machine, move |driver| {
        let any = (Ipv4Addr::LOCALHOST, 0).into();
        let address = driver.listen_tls(any, ListenerId(1), server, |_| b"TLS only\n".to_vec());
        driver.expect_proxies(ListenerId(1), &["127.0.0.1/32".parse().unwrap()]);
        sender.send(address.unwrap()).unwrap();
    });
    (fixture, addresses.recv_timeout(TIMEOUT).unwrap())
}

#[test]
fn the_handshake_behind_a_header_has_a_deadline_and_the_place_of_its_address() {
    let one = AddressLimits {
        links_max: 1,
        accepts_per_second: 0,
    };
    let config = |handshake_max| DriverConfig {
        per_address: one,
        handshake_max,
        ..patient()
    };
    let connect = |address: SocketAddr, peer: &str, more: &[u8]| {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        write(&stream, &[header(peer).as_bytes(), more].concat());
        stream
    };
    let half = [22, 3, 1, 0, 200, 1];
    let (fixture, address) = start_with_tls(config(Duration::from_millis(100)));
    for more in [&half[..], b""] {
        let stream = connect(address, "192.0.2.7", more);
        assert_closed(&stream);
        wait_until("no link", || fixture.stats.links_open.value() == 0);
    }
    assert_eq!(fixture.stats.links_accepted.value(), 0);
    fixture.stop();
    // Half a handshake holds the place of the address in the header, and no other.
    let (fixture, address) = start_with_tls(config(Duration::from_secs(600)));
    let open = ["192.0.2.7", "192.0.2.8", "192.0.2.7"].map(|peer| connect(address, peer, &half));
    wait_until("a refusal", || {
        fixture.stats.refused_per_address.value() == 1
    });
    wait_until("two handshakes", || fixture.stats.links_open.value() == 2);
    drop(open);
    wait_until("no link", || fixture.stats.links_open.value() == 0);
    fixture.stop();
}
