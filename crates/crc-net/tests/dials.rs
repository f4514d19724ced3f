//! Dials by address and by name, and how they fail.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod fixture;

use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use crc_machine::{CloseWhen, DialError, DialId, Event, LinkDown, LinkId, Origin, PeerAddress};
use crc_net::DriverConfig;
use fixture::{
    Fixture, Seen, TIMEOUT, TestMachine, Unsent, echo, quick, read_all, read_exact, silent,
    wait_until_queued, write,
};
use socket2::{Domain, Socket, Type};

fn dial(fixture: &Fixture, number: u64, to: PeerAddress) -> DialId {
    let dial = DialId(number);
    fixture.command(move |out| out.dial(dial, to));
    dial
}

fn expect_up(fixture: &Fixture, dial: DialId) -> (LinkId, crc_machine::Endpoints) {
    fixture.expect("a dialled link", |seen| match seen {
        Seen::Up(link, origin, endpoints) => {
            assert_eq!(*origin, Origin::Dialed { dial });
            Some((*link, *endpoints))
        }
        Seen::DialFailed(failed, why) => panic!("{failed:?}: {why}"),
        _ => None,
    })
}

fn expect_failed(fixture: &Fixture, dial: DialId) -> DialError {
    fixture.expect("a failed dial", |seen| match seen {
        Seen::DialFailed(failed, why) if *failed == dial => Some(*why),
        Seen::Up(..) => panic!("{seen:?}"),
        _ => None,
    })
}

/// An address that refuses connections: its port is bound, and no socket listens on it.
fn refusing_address() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
    socket.bind(&any.into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

fn named(host: &str, port: u16) -> PeerAddress {
    PeerAddress {
        host: host.into(),
        port,
        transport: crc_machine::Transport::Plain,
    }
}

#[test]
fn dials_ipv4_and_ipv6_addresses() {
    let fixture = Fixture::start(echo());
    for (number, ip) in [
        (4, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
        (6, SocketAddr::from((Ipv6Addr::LOCALHOST, 0))),
    ] {
        let listener = TcpListener::bind(ip).unwrap();
        let address = listener.local_addr().unwrap();
        let dial = dial(&fixture, number, address.into());
        let (stream, peer) = listener.accept().unwrap();
        let (link, endpoints) = expect_up(&fixture, dial);
        assert_eq!(endpoints.peer, address);
        assert_eq!(endpoints.local, peer);
        write(&stream, b"hello");
        assert_eq!(read_exact(&stream, 5), b"hello");
        drop(stream);
        assert_eq!(
            fixture.expect_down(link),
            (LinkDown::PeerClosed, Unsent::default())
        );
    }
    assert_eq!(fixture.stats.links_dialed.value(), 2);
    assert_eq!(fixture.stats.dials_failed.value(), 0);
    fixture.stop();
}

#[test]
fn dials_a_name() {
    let fixture = Fixture::start(echo());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    // Other addresses of the name refuse the connection.
    let dial = dial(&fixture, 1, named("localhost", port));
    let (stream, _) = listener.accept().unwrap();
    let (_, endpoints) = expect_up(&fixture, dial);
    assert_eq!(endpoints.peer.port(), port);
    drop(stream);
    fixture.stop();
}

#[test]
fn a_refused_dial_fails() {
    let fixture = Fixture::start(silent());
    let (_socket, refusing) = refusing_address();
    let refused = DialError::Failed(ErrorKind::ConnectionRefused);
    let first = dial(&fixture, 1, refusing.into());
    assert_eq!(expect_failed(&fixture, first), refused);
    let second = dial(&fixture, 2, named("localhost", refusing.port()));
    assert_eq!(expect_failed(&fixture, second), refused);
    assert_eq!(fixture.stats.dials_failed.value(), 2);
    assert_eq!(fixture.stats.links_open.value(), 0);
    fixture.stop();
}

#[test]
fn a_dial_goes_to_permitted_networks_only() {
    let fixture = Fixture::start(silent());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let dial_within = |number, to: PeerAddress, network: &str| {
        let within = Some([network.parse().unwrap()].into());
        fixture.command(move |out| out.dial_within(DialId(number), to, within));
        DialId(number)
    };
    // An address, and a name whose addresses are known after the lookup only.
    for (number, to) in [(1, address.into()), (2, named("localhost", address.port()))] {
        let dial = dial_within(number, to, "192.0.2.0/24");
        assert_eq!(expect_failed(&fixture, dial), DialError::NotPermitted);
    }
    let none = listener.accept().unwrap_err();
    assert_eq!(none.kind(), ErrorKind::WouldBlock, "no connection at all");
    let dial = dial_within(3, named("localhost", address.port()), "127.0.0.0/8");
    let (_, endpoints) = expect_up(&fixture, dial);
    assert_eq!(endpoints.peer, address);
    fixture.stop();
}

#[test]
fn a_dial_of_an_unknown_name_fails() {
    let fixture = Fixture::start(silent());
    // A name of this length is invalid, so the resolver asks no server.
    let name = "a".repeat(300);
    let dial = dial(&fixture, 1, named(&name, 1));
    assert_eq!(expect_failed(&fixture, dial), DialError::UnknownName);
    fixture.stop();
}

/// A listener whose backlog is full, so that it answers no connection.
fn silent_listener() -> (Socket, SocketAddr, TcpStream) {
    let (socket, address) = refusing_address();
    socket.listen(0).unwrap();
    // The system takes one connection more than the backlog says, and then answers none.
    let waiting = TcpStream::connect(address).unwrap();
    wait_until_queued(address);
    (socket, address, waiting)
}

#[test]
fn a_dial_without_answer_times_out() {
    let config = DriverConfig {
        connect_timeout: Duration::from_millis(100),
        ..quick()
    };
    let fixture = Fixture::start_with(config, silent());
    let (_socket, address, _waiting) = silent_listener();
    let dial = dial(&fixture, 1, address.into());
    assert_eq!(expect_failed(&fixture, dial), DialError::TimedOut);
    assert_eq!(fixture.stop(), [Seen::Command]);
}

#[test]
fn stopping_aborts_dials() {
    let fixture = Fixture::start(silent());
    let (_socket, address, _waiting) = silent_listener();
    dial(&fixture, 1, address.into());
    dial(&fixture, 2, named(&"a".repeat(300), 1));
    let seen = fixture.stop();
    let failed = |seen: &Seen| match seen {
        Seen::DialFailed(dial, _) => Some(dial.0),
        _ => None,
    };
    let mut ended: Vec<_> = seen.iter().filter_map(failed).collect();
    ended.sort_unstable();
    assert_eq!(ended, [1, 2], "{seen:?}");
}

#[test]
fn a_machine_may_redial_immediately() {
    let (_socket, refusing) = refusing_address();
    let fixture = Fixture::start(TestMachine::new(move |event, out| {
        if let Event::DialFailed { dial, .. } = event
            && dial.0 < 100
        {
            out.dial(DialId(dial.0 + 1), refusing.into());
        }
    }));
    dial(&fixture, 0, refusing.into());
    expect_failed(&fixture, DialId(100));
    fixture.stop();
}

#[test]
fn two_drivers_exchange_bytes() {
    let server = Fixture::start(echo());
    let client = Fixture::start(silent());
    let dial = dial(&client, 1, server.address.into());
    let (link, _) = expect_up(&client, dial);
    let bytes_sent = fixture::pattern(50_000);
    let copy = bytes_sent.clone();
    client.command(move |out| out.send(link, &copy));
    let mut echoed = Vec::new();
    while echoed.len() < bytes_sent.len() {
        client.expect("an echo", |seen| match seen {
            Seen::Bytes(from, bytes) if *from == link => {
                echoed.extend_from_slice(bytes);
                Some(())
            }
            _ => None,
        });
    }
    assert_eq!(echoed, bytes_sent);
    client.command(move |out| out.close(link, CloseWhen::Flushed));
    assert_eq!(
        client.expect_down(link),
        (LinkDown::Ended, Unsent::default())
    );
    server.expect("the server's link to go down", |seen| match seen {
        Seen::Down(_, LinkDown::PeerClosed, _) => Some(()),
        _ => None,
    });
    client.stop();
    server.stop();
}

#[test]
fn bytes_sent_on_link_up_arrive() {
    let fixture = Fixture::start(TestMachine::new(|event, out| {
        if let Event::LinkUp { link, .. } = event {
            out.send(*link, b"here I am");
            out.close(*link, CloseWhen::Flushed);
        }
    }));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let dial = dial(&fixture, 1, listener.local_addr().unwrap().into());
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    assert_eq!(read_all(&stream), b"here I am");
    drop(stream);
    let (link, _) = expect_up(&fixture, dial);
    assert_eq!(
        fixture.expect_down(link),
        (LinkDown::Ended, Unsent::default())
    );
    fixture.stop();
}
