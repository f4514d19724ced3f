//! Reaching others: by address and by name, and what comes of it if nobody is
//! there.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod fixture;

use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use crc_machine::{CloseWhen, DialError, DialId, Event, LinkDown, LinkId, Origin, PeerAddress};
use crc_net::DriverConfig;
use fixture::{
    Fixture, Seen, TIMEOUT, TestMachine, Unsent, echo, quick, read_all, read_exact, silent, write,
};
use socket2::{Domain, Socket, Type};

fn dial(rig: &Fixture, number: u64, to: PeerAddress) -> DialId {
    let dial = DialId(number);
    rig.tell(move |out| out.dial(dial, to));
    dial
}

fn expect_up(rig: &Fixture, dial: DialId) -> (LinkId, crc_machine::Endpoints) {
    rig.expect("a dialled link", |seen| match seen {
        Seen::Up(link, origin, endpoints) => {
            assert_eq!(*origin, Origin::Dialed { dial });
            Some((*link, *endpoints))
        }
        Seen::DialFailed(failed, why) => panic!("{failed:?}: {why}"),
        _ => None,
    })
}

fn expect_failed(rig: &Fixture, dial: DialId) -> DialError {
    rig.expect("the end of a dial", |seen| match seen {
        Seen::DialFailed(failed, why) if *failed == dial => Some(*why),
        Seen::Up(..) => panic!("{seen:?}"),
        _ => None,
    })
}

/// An address that nobody listens on, and nobody will.
fn nobody() -> (Socket, SocketAddr) {
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
    }
}

#[test]
fn reaches_an_address_of_either_family() {
    let rig = Fixture::start(echo());
    for (number, ip) in [
        (4, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
        (6, SocketAddr::from((Ipv6Addr::LOCALHOST, 0))),
    ] {
        let listener = TcpListener::bind(ip).unwrap();
        let address = listener.local_addr().unwrap();
        let dial = dial(&rig, number, address.into());
        let (stream, peer) = listener.accept().unwrap();
        let (link, endpoints) = expect_up(&rig, dial);
        assert_eq!(endpoints.peer, address);
        assert_eq!(endpoints.local, peer);
        write(&stream, b"hello");
        assert_eq!(read_exact(&stream, 5), b"hello");
        drop(stream);
        assert_eq!(
            rig.expect_down(link),
            (LinkDown::PeerClosed, Unsent::default())
        );
    }
    assert_eq!(rig.stats.links_dialed.value(), 2);
    assert_eq!(rig.stats.dials_failed.value(), 0);
    rig.stop();
}

#[test]
fn reaches_a_name() {
    let rig = Fixture::start(echo());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    // Whatever other addresses the name has here, nobody answers there.
    let dial = dial(&rig, 1, named("localhost", port));
    let (stream, _) = listener.accept().unwrap();
    let (_, endpoints) = expect_up(&rig, dial);
    assert_eq!(endpoints.peer.port(), port);
    drop(stream);
    rig.stop();
}

#[test]
fn is_refused_where_nobody_listens() {
    let rig = Fixture::start(silent());
    let (_socket, nobody) = nobody();
    let refused = DialError::Failed(ErrorKind::ConnectionRefused);
    let first = dial(&rig, 1, nobody.into());
    assert_eq!(expect_failed(&rig, first), refused);
    let second = dial(&rig, 2, named("localhost", nobody.port()));
    assert_eq!(expect_failed(&rig, second), refused);
    assert_eq!(rig.stats.dials_failed.value(), 2);
    assert_eq!(rig.stats.links_open.value(), 0);
    rig.stop();
}

#[test]
fn says_when_a_name_is_not_known() {
    let rig = Fixture::start(silent());
    // No name may be this long; so nobody has to be asked.
    let name = "a".repeat(300);
    let dial = dial(&rig, 1, named(&name, 1));
    assert_eq!(expect_failed(&rig, dial), DialError::UnknownName);
    rig.stop();
}

/// A listener that answers nobody: as many as it lets wait are waiting.
fn silent_listener() -> (Socket, SocketAddr, Vec<TcpStream>) {
    let (socket, address) = nobody();
    socket.listen(0).unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        waiting.push(stream);
    }
    (socket, address, waiting)
}

#[test]
fn gives_up_on_who_does_not_answer() {
    let config = DriverConfig {
        connect_timeout: Duration::from_millis(100),
        ..quick()
    };
    let rig = Fixture::start_with(config, silent());
    let (_socket, address, _waiting) = silent_listener();
    let dial = dial(&rig, 1, address.into());
    assert_eq!(expect_failed(&rig, dial), DialError::TimedOut);
    assert_eq!(rig.stop(), [Seen::Command]);
}

#[test]
fn a_dial_under_way_ends_with_the_run() {
    let rig = Fixture::start(silent());
    let (_socket, address, _waiting) = silent_listener();
    dial(&rig, 1, address.into());
    dial(&rig, 2, named(&"a".repeat(300), 1));
    let seen = rig.stop();
    let failed = |seen: &Seen| match seen {
        Seen::DialFailed(dial, _) => Some(dial.0),
        _ => None,
    };
    let mut ended: Vec<_> = seen.iter().filter_map(failed).collect();
    ended.sort_unstable();
    assert_eq!(ended, [1, 2], "{seen:?}");
}

#[test]
fn who_is_refused_may_dial_again_at_once() {
    let (_socket, nobody) = nobody();
    let rig = Fixture::start(TestMachine::new(move |event, out| {
        if let Event::DialFailed { dial, .. } = event
            && dial.0 < 100
        {
            out.dial(DialId(dial.0 + 1), nobody.into());
        }
    }));
    dial(&rig, 0, nobody.into());
    expect_failed(&rig, DialId(100));
    rig.stop();
}

#[test]
fn two_drivers_talk() {
    let server = Fixture::start(echo());
    let client = Fixture::start(silent());
    let dial = dial(&client, 1, server.address.into());
    let (link, _) = expect_up(&client, dial);
    let words = fixture::pattern(50_000);
    let said = words.clone();
    client.tell(move |out| out.send(link, &said));
    let mut came = Vec::new();
    while came.len() < words.len() {
        client.expect("an echo", |seen| match seen {
            Seen::Bytes(from, bytes) if *from == link => {
                came.extend_from_slice(bytes);
                Some(())
            }
            _ => None,
        });
    }
    assert_eq!(came, words);
    client.tell(move |out| out.close(link, CloseWhen::Flushed));
    assert_eq!(
        client.expect_down(link),
        (LinkDown::Ended, Unsent::default())
    );
    server.expect("the end", |seen| match seen {
        Seen::Down(_, LinkDown::PeerClosed, _) => Some(()),
        _ => None,
    });
    client.stop();
    server.stop();
}

#[test]
fn what_is_sent_as_soon_as_the_link_is_up_arrives() {
    let rig = Fixture::start(TestMachine::new(|event, out| {
        if let Event::LinkUp { link, .. } = event {
            out.send(*link, b"here I am");
            out.close(*link, CloseWhen::Flushed);
        }
    }));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let dial = dial(&rig, 1, listener.local_addr().unwrap().into());
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    assert_eq!(read_all(&stream), b"here I am");
    drop(stream);
    let (link, _) = expect_up(&rig, dial);
    assert_eq!(rig.expect_down(link), (LinkDown::Ended, Unsent::default()));
    rig.stop();
}
