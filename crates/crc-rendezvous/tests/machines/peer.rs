//! What a peer does.

use std::net::SocketAddr;
use std::time::Duration;

use crc_machine::{DialError, Event, LinkDown, LinkId, Origin};
use crc_rendezvous::{
    CodecError, DirectoryError, LostReason, Peer, PeerCommand, PeerConfig, PeerNotice, Rejection,
    SendError, When,
};

use crate::fixture::{Fixture, at};

/// A peer that listens at 10.0.0.1 and the port given, and its link to the directory.
fn peer(port: u16, change: impl FnOnce(&mut PeerConfig)) -> (Fixture<Peer>, LinkId) {
    let mut config = PeerConfig::new("10.0.0.9:33400".parse().unwrap(), 1);
    change(&mut config);
    let mut fixture = Fixture::new(Peer::new(config));
    let address = SocketAddr::from(([0, 0, 0, 0], port));
    fixture.handle(Event::Command(PeerCommand::Start { address }));
    let directory = connect(&mut fixture, "10.0.0.9:33400");
    let registration = format!("10.0.0.1:{port}\n");
    assert_eq!(fixture.sent(), [(directory, registration)]);
    (fixture, directory)
}

/// The last dial of the peer succeeds.
fn connect(fixture: &mut Fixture<Peer>, peer: &str) -> LinkId {
    let (dial, to) = fixture.dialed.pop().unwrap();
    assert_eq!(to, peer);
    fixture.link_up(Origin::Dialed { dial }, peer)
}

fn connected(fixture: &Fixture<Peer>) -> Vec<(String, LinkId)> {
    let all = fixture.machine.connected();
    all.map(|(peer, link)| (peer.to_string(), link)).collect()
}

#[test]
fn a_peer_dials_and_greets_the_later_peers() {
    let (mut fixture, directory) = peer(9000, |_| {});
    fixture.receive(directory, b"list:\n10.0.0.2:1\n10.0.0.1:9000\n10.0.0.3:2");
    assert_eq!(fixture.dialed, [], "the end may not have come");
    fixture.pause();
    let link = connect(&mut fixture, "10.0.0.3:2");
    assert_eq!(fixture.dialed, []);
    assert_eq!(
        fixture.sent(),
        [(link, "Hello from:10.0.0.1:9000\n".to_owned())]
    );
    let one = fixture.accept("10.0.0.2:40000");
    fixture.receive(one, b"Hello from:10.0.0.2:1");
    assert_eq!(connected(&fixture).len(), 1);
    fixture.pause();
    assert!(fixture.machine.is_complete());

    // A list with another order changes nothing.
    fixture.receive(directory, b"list:10.0.0.3:2\n10.0.0.1:9000\n10.0.0.2:1\n");
    fixture.pause();
    assert_eq!(fixture.dialed, []);
    // A lost peer is dialled by the earlier one of the new order.
    fixture.lose(link);
    fixture.lose(one);
    fixture.wait(Duration::from_secs(1));
    let (_, to) = fixture.dialed.pop().unwrap();
    assert_eq!((&*to, fixture.dialed.len()), ("10.0.0.2:1", 0));
}

/// A peer at port 9000 that has dialled 10.0.0.1 at `port`, and is greeted by it on
/// another connection. Returns the dialled one and the other.
fn cross(port: u16) -> (Fixture<Peer>, LinkId, LinkId) {
    let (mut fixture, directory) = peer(9000, |_| {});
    fixture.receive(
        directory,
        format!("list:\n10.0.0.1:9000\n10.0.0.1:{port}\n").as_bytes(),
    );
    fixture.pause();
    let dialed = connect(&mut fixture, &format!("10.0.0.1:{port}"));
    let accepted = fixture.accept("10.0.0.1:40000");
    fixture.notices();
    fixture.receive(accepted, format!("Hello from:10.0.0.1:{port}\n").as_bytes());
    (fixture, dialed, accepted)
}

#[test]
fn both_ends_keep_the_same_of_two_connections() {
    // Peers 8999 and 9000 have dialled each other: the connection of 8999 stays.
    let (mut fixture, dialed, accepted) = cross(8999);
    assert_eq!(
        connected(&fixture),
        [("10.0.0.1:8999".to_owned(), accepted)]
    );
    assert_eq!(
        (fixture.notices(), &fixture.closed[..]),
        (vec![], &[dialed][..])
    );
    fixture.lose(dialed);
    assert_eq!(fixture.notices(), [], "the pair stays connected");

    let (mut fixture, dialed, accepted) = cross(9001);
    assert_eq!(connected(&fixture), [("10.0.0.1:9001".to_owned(), dialed)]);
    assert_eq!(
        (fixture.notices(), &fixture.closed[..]),
        (vec![], &[accepted][..])
    );
    fixture.receive(accepted, b"dropped\n");
    fixture.lose(accepted);
    assert_eq!(fixture.notices(), []);
}

#[test]
fn a_second_greeting_replaces_the_older_connection() {
    let (mut fixture, _) = peer(9000, |_| {});
    for host in ["10.0.0.0:7", "10.0.0.2:7"] {
        let source = format!("{}:40000", at(host).ip());
        let hello = format!("Hello from:{host}\n");
        let old = fixture.accept(&source);
        fixture.receive(old, hello.as_bytes());
        let new = fixture.accept(&source);
        fixture.receive(new, hello.as_bytes());
        assert!(connected(&fixture).contains(&(host.to_owned(), new)));
        assert_eq!(fixture.closed.pop(), Some(old));
    }
}

#[test]
fn a_late_dial_is_closed_without_a_greeting() {
    let (mut fixture, directory) = peer(9000, |_| {});
    fixture.receive(directory, b"list:\n10.0.0.1:9000\n10.0.0.3:2\n");
    fixture.pause();
    let accepted = fixture.accept("10.0.0.3:40000");
    fixture.receive(accepted, b"Hello from:10.0.0.3:2\n");
    let dialed = connect(&mut fixture, "10.0.0.3:2");
    assert_eq!(connected(&fixture), [("10.0.0.3:2".to_owned(), accepted)]);
    assert_eq!(
        (fixture.sent(), &fixture.closed[..]),
        (vec![], &[dialed][..])
    );
}

#[test]
fn an_unreachable_peer_is_dialled_while_it_is_listed() {
    let (mut fixture, directory) = peer(9000, |_| {});
    fixture.receive(directory, b"list:\n10.0.0.1:9000\n10.0.0.3:2\n");
    fixture.pause();
    for _ in 0..3 {
        let (dial, _) = fixture.dialed.pop().unwrap();
        let why = DialError::TimedOut;
        fixture.handle(Event::DialFailed { dial, why });
        assert_eq!(fixture.dialed, []);
        fixture.wait(Duration::from_secs(5));
    }
    let (dial, _) = fixture.dialed.pop().unwrap();
    fixture.receive(directory, b"list:\n10.0.0.1:9000\n");
    fixture.pause();
    let why = DialError::TimedOut;
    fixture.handle(Event::DialFailed { dial, why });
    fixture.wait(Duration::from_secs(60));
    assert_eq!(fixture.dialed, []);
}

#[test]
fn invalid_peers_are_rejected() {
    let (mut fixture, _) = peer(9000, |_| {});
    let source = "10.0.0.7:40000";
    let good = fixture.accept("10.0.0.2:40000");
    fixture.receive(good, b"Hello from:10.0.0.2:1\n");
    for (bytes, why) in [
        (
            &b"\x80\x00\x00"[..],
            Rejection::Codec(CodecError::InvalidHello),
        ),
        (&[b' '; 300], Rejection::TooManyBytes { max: 256 }),
        (
            b"Hello from:10.0.0.2:1\n",
            Rejection::ForeignAddress(at("10.0.0.2:1")),
        ),
        (
            b"Hello from:10.0.0.7:7\n\xff\n",
            Rejection::Codec(CodecError::NotUtf8),
        ),
    ] {
        fixture.notices();
        let bad = fixture.accept(source);
        fixture.receive(bad, bytes);
        let source = at(source);
        let refused = PeerNotice::Refused { source, why };
        assert!(fixture.notices().contains(&refused), "{why}");
        assert_eq!(fixture.closed.pop(), Some(bad));
    }
    let ourselves = fixture.accept("10.0.0.1:40000");
    fixture.receive(ourselves, b"Hello from:10.0.0.1:9000\n");
    assert_eq!(fixture.closed.pop(), Some(ourselves));
    let mute = fixture.accept(source);
    fixture.wait(Duration::from_secs(10));
    assert_eq!(fixture.closed.pop(), Some(mute));
    assert_eq!(connected(&fixture), [("10.0.0.2:1".to_owned(), good)]);
    fixture.notices();
    let endless = [b'x'; 9_000];
    fixture.receive(good, &endless);
    let why = Rejection::Codec(CodecError::TextTooLong { max: 8192 });
    let (peer, source) = (at("10.0.0.2:1"), at("10.0.0.2:40000"));
    let lost = LostReason::Rejected(why);
    assert_eq!(
        fixture.notices(),
        [
            PeerNotice::Refused { source, why },
            PeerNotice::Lost { peer, why: lost }
        ]
    );
}

#[test]
fn each_link_to_a_peer_has_a_bound() {
    let (mut fixture, directory) = peer(9000, |config| config.limits.queue_bytes_max = 7);
    fixture.receive(directory, b"list:\n10.0.0.1:9000\n10.0.0.3:2\n");
    fixture.pause();
    let dialed = connect(&mut fixture, "10.0.0.3:2");
    let accepted = fixture.accept("10.0.0.2:40000");
    assert_eq!(fixture.bounds, [(dialed, 7), (accepted, 7)]);
}

#[test]
fn a_peer_stops_with_the_directory_unless_it_persists() {
    let away = |why, fixture: &mut Fixture<Peer>| {
        let notices = fixture.notices();
        let found = notices.iter().find_map(|notice| match notice {
            PeerNotice::DirectoryLost {
                why: found,
                retry_in,
            } if *found == why => Some(*retry_in),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("{why}: {notices:?}"))
    };
    for persist in [false, true] {
        let lists = b"list:\n10.0.0.1:9000\n";
        let own = at("10.0.0.1:9000");
        for (words, why) in [
            (
                &b"list:\n10.0.0.1:9000teardown"[..],
                DirectoryError::Teardown,
            ),
            (lists, DirectoryError::Lost(LinkDown::PeerClosed)),
            (b"", DirectoryError::Refused { own }),
            (
                b"HTTP/1.1 400",
                DirectoryError::InvalidMessage(CodecError::InvalidUpdate),
            ),
        ] {
            let (mut fixture, directory) = peer(9000, |config| config.persist = persist);
            let one = fixture.accept("10.0.0.2:40000");
            fixture.receive(one, b"Hello from:10.0.0.2:1\n");
            if !words.is_empty() {
                fixture.receive(directory, words);
            }
            fixture.lose(directory);
            assert_eq!(away(why, &mut fixture).is_some(), persist);
            assert_eq!(fixture.stopped, !persist, "{why}");
            fixture.wait(Duration::from_secs(2));
            if persist {
                assert_eq!(connected(&fixture).len(), 1);
                connect(&mut fixture, "10.0.0.9:33400");
                assert_eq!(fixture.sent().len(), 1, "it registers again");
            }
            assert_eq!(fixture.dialed, []);
        }
        let (mut fixture, _) = peer(9000, |config| config.persist = persist);
        fixture.wait(Duration::from_secs(15));
        assert_eq!(
            away(DirectoryError::Timeout, &mut fixture).is_some(),
            persist
        );
    }
}

#[test]
fn an_unreachable_own_address_is_reported() {
    let (address, anywhere) = (at("127.0.0.1:9000"), at("[::]:9000"));
    let from = at("10.0.0.1:1").ip();
    let other = DirectoryError::AddressFamily {
        address: anywhere,
        from,
    };
    for (address, why) in [
        (address, DirectoryError::Loopback { own: address }),
        (anywhere, other),
    ] {
        let config = PeerConfig::new("10.0.0.9:33400".parse().unwrap(), 1);
        let mut fixture = Fixture::new(Peer::new(config));
        fixture.handle(Event::Command(PeerCommand::Start { address }));
        connect(&mut fixture, "10.0.0.9:33400");
        let retry_in = None;
        assert_eq!(
            fixture.notices(),
            [PeerNotice::DirectoryLost { why, retry_in }]
        );
        assert!(fixture.stopped);
    }
}

#[test]
fn commands_for_the_complete_mesh_wait_and_others_do_not() {
    let (mut fixture, directory) = peer(9000, |_| {});
    let send = |text: &str, when| {
        let text = text.to_owned();
        Event::Command(PeerCommand::SendText { text, when })
    };
    fixture.notices();
    fixture.handle(send("now", When::Now));
    let why = SendError::NoPeers;
    assert_eq!(fixture.notices(), [PeerNotice::NotSent { why }]);
    fixture.handle(send("later", When::MeshComplete));
    let when = When::MeshComplete;
    fixture.handle(Event::Command(PeerCommand::Leave { when }));
    fixture.receive(directory, b"list:\n10.0.0.1:9000\n10.0.0.3:2\n");
    fixture.pause();
    assert_eq!(fixture.sent(), []);
    let link = connect(&mut fixture, "10.0.0.3:2");
    let words: String = fixture.sent().into_iter().map(|(_, text)| text).collect();
    assert_eq!(words, "Hello from:10.0.0.1:9000\nlater\n");
    assert!(fixture.stopped);
    assert_eq!(connected(&fixture), [("10.0.0.3:2".to_owned(), link)]);

    // The wait ends after two seconds.
    let (mut fixture, directory) = peer(9000, |_| {});
    let one = fixture.accept("10.0.0.2:40000");
    fixture.receive(one, b"Hello from:10.0.0.2:1\n");
    fixture.receive(directory, b"list:\n10.0.0.2:1\n10.0.0.1:9000\n10.0.0.3:2\n");
    fixture.handle(send("later", When::MeshComplete));
    fixture.wait(Duration::from_millis(1_900));
    assert_eq!(fixture.sent(), []);
    fixture.pause();
    assert_eq!(fixture.sent(), [(one, "later\n".to_owned())]);
    fixture.receive(one, b"good\nmorning");
    fixture.lose(one);
    let received: Vec<_> = fixture
        .notices()
        .into_iter()
        .filter_map(|notice| match notice {
            PeerNotice::Text { text, .. } => Some(text),
            _ => None,
        })
        .collect();
    assert_eq!(received, ["good", "morning"]);
}
