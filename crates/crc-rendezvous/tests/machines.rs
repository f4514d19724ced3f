//! Directory and peer by themselves, event by event.

#![expect(clippy::unwrap_used, reason = "this is a test")]

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use crc_machine::{
    CloseWhen, DialError, DialId, Effect, Endpoints, Event, LinkDown, LinkId, ListenerId, Machine,
    Origin, Outbox, Timestamp, Unsent,
};
use crc_rendezvous::{
    CodecError, Directory, DirectoryCommand, DirectoryConfig, DirectoryError, DirectoryNotice,
    LeaveReason, LostReason, Peer, PeerCommand, PeerConfig, PeerNotice, Refusal, Rejection,
    SendError, When,
};

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A machine and its effects.
struct Fixture<M: Machine> {
    machine: M,
    now: Timestamp,
    sent: Vec<(LinkId, String)>,
    closed: Vec<LinkId>,
    bounds: Vec<(LinkId, usize)>,
    dialed: Vec<(DialId, String)>,
    notices: Vec<M::Notice>,
    stopped: bool,
    links: u32,
}

impl<M: Machine> Fixture<M> {
    fn new(machine: M) -> Self {
        Fixture {
            machine,
            now: Timestamp::from_micros(1_000_000),
            sent: Vec::new(),
            closed: Vec::new(),
            bounds: Vec::new(),
            dialed: Vec::new(),
            notices: Vec::new(),
            stopped: false,
            links: 0,
        }
    }

    fn handle(&mut self, event: Event<'_, M::Command>) {
        let mut out = Outbox::new();
        self.machine.handle(self.now, event, &mut out);
        for effect in out.take_effects() {
            match effect {
                Effect::Send { link, range, .. } => {
                    let text = String::from_utf8(out.bytes(range).to_vec()).unwrap();
                    self.sent.push((link, text));
                }
                Effect::Bound { link, bytes_max } => self.bounds.push((link, bytes_max)),
                Effect::Close { link, when } => {
                    assert_eq!(when, CloseWhen::Flushed);
                    self.closed.push(link);
                }
                Effect::Dial { dial, to } => self.dialed.push((dial, to.to_string())),
                Effect::Notice(notice) => self.notices.push(notice),
                Effect::Stop => self.stopped = true,
            }
        }
    }

    fn link_up(&mut self, origin: Origin, peer: &str) -> LinkId {
        self.links += 1;
        let link = LinkId::new(self.links, 1);
        let (peer, local) = (at(peer), at("10.0.0.1:50000"));
        let endpoints = Endpoints { peer, local };
        self.handle(Event::LinkUp {
            link,
            origin,
            endpoints,
        });
        link
    }

    fn accept(&mut self, peer: &str) -> LinkId {
        let listener = ListenerId(0);
        self.link_up(Origin::Accepted { listener }, peer)
    }

    fn receive(&mut self, link: LinkId, bytes: &[u8]) {
        self.handle(Event::Bytes { link, bytes });
    }

    fn lose(&mut self, link: LinkId) {
        let (why, unsent) = (LinkDown::PeerClosed, Unsent::default());
        self.handle(Event::LinkDown { link, why, unsent });
    }

    /// Advances the clock, with a tick at each deadline.
    fn wait(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(due) = self.machine.deadline()
            && due <= end
        {
            self.now = self.now.max(due);
            self.handle(Event::Tick);
        }
        self.now = end;
    }

    fn pause(&mut self) {
        self.wait(Duration::from_millis(100));
    }

    fn sent(&mut self) -> Vec<(LinkId, String)> {
        std::mem::take(&mut self.sent)
    }

    fn notices(&mut self) -> Vec<M::Notice> {
        std::mem::take(&mut self.notices)
    }
}

fn directory(change: impl FnOnce(&mut DirectoryConfig)) -> Fixture<Directory> {
    let mut config = DirectoryConfig::default();
    change(&mut config);
    Fixture::new(Directory::new(config))
}

fn list(fixture: &Fixture<Directory>) -> Vec<String> {
    fixture
        .machine
        .peers()
        .map(|peer| peer.to_string())
        .collect()
}

#[test]
fn each_join_sends_the_list_to_all() {
    let mut fixture = directory(|_| {});
    let one = fixture.accept("10.0.0.2:40000");
    fixture.receive(one, b"10.0.0.2:");
    fixture.receive(one, b"9000\n");
    assert_eq!(fixture.sent(), [(one, "list:\n10.0.0.2:9000\n".to_owned())]);
    let idle = fixture.accept("10.0.0.4:40000");
    let two = fixture.accept("10.0.0.3:40000");
    fixture.receive(two, b"10.0.0.3:9000\n");
    let both = "list:\n10.0.0.2:9000\n10.0.0.3:9000\n".to_owned();
    assert_eq!(fixture.sent(), [(one, both.clone()), (two, both)]);

    // A peer that leaves is removed at once. The list follows after a delay.
    fixture.lose(one);
    assert_eq!(list(&fixture), ["10.0.0.3:9000"]);
    assert_eq!(fixture.sent(), []);
    fixture.pause();
    assert_eq!(fixture.sent(), [(two, "list:\n10.0.0.3:9000\n".to_owned())]);
    fixture.lose(idle);
    fixture.wait(Duration::from_secs(60));
    assert_eq!((fixture.sent(), fixture.closed.len()), (vec![], 0));
}

#[test]
fn a_pause_ends_an_address_which_may_be_corrected() {
    let mut fixture = directory(|_| {});
    let one = fixture.accept("10.0.0.2:40000");
    fixture.receive(one, b"10.0.0.2:80");
    assert_eq!(list(&fixture), [""; 0]);
    fixture.pause();
    assert_eq!(list(&fixture), ["10.0.0.2:80"]);
    let two = fixture.accept("10.0.0.3:40000");
    fixture.receive(two, b"10.0.0.3:33400");
    assert_eq!(list(&fixture).len(), 2, "five digits are all of them");
    fixture.sent();
    fixture.receive(one, b"80\n");
    assert_eq!(list(&fixture), ["10.0.0.2:8080", "10.0.0.3:33400"]);
    assert_eq!(fixture.sent().len(), 2);
    // The corrected address is free again.
    let three = fixture.accept("10.0.0.2:40001");
    fixture.receive(three, b"10.0.0.2:80\n");
    assert_eq!(list(&fixture).len(), 3);
}

#[track_caller]
fn check_refused(fixture: &mut Fixture<Directory>, link: LinkId, source: &str, why: Refusal) {
    check_refused_as(fixture, source, why);
    assert!(fixture.closed.contains(&link));
}

#[track_caller]
fn check_refused_as(fixture: &mut Fixture<Directory>, source: &str, why: Refusal) {
    let refused = DirectoryNotice::Refused {
        source: at(source),
        why,
    };
    assert!(fixture.notices().contains(&refused), "{why}");
}

#[test]
fn invalid_registrations_are_refused_without_side_effects() {
    let mut fixture = directory(|config| config.limits.peers_max = 2);
    let good = fixture.accept("10.0.0.2:40000");
    fixture.receive(good, b"10.0.0.2:9000\n");
    fixture.sent();
    let source = "10.0.0.3:40000";
    let codec = Refusal::Codec;
    for (bytes, why) in [
        (
            &b"GET / HTTP/1.1\r\n\r\n"[..],
            codec(CodecError::InvalidAddress),
        ),
        (b"10.0.0.3:1\nand more", codec(CodecError::TrailingBytes)),
        (&[b'\n'; 300], Refusal::TooManyBytes { max: 256 }),
        (b"10.0.0.2:1\n", Refusal::ForeignAddress(at("10.0.0.2:1"))),
        (b"0.0.0.0:1\n", Refusal::UnreachableAddress(at("0.0.0.0:1"))),
        (
            b"224.0.0.1:1\n",
            Refusal::UnreachableAddress(at("224.0.0.1:1")),
        ),
    ] {
        let bad = fixture.accept(source);
        fixture.receive(bad, bytes);
        check_refused(&mut fixture, bad, source, why);
    }
    let taken = fixture.accept("10.0.0.2:40001");
    fixture.receive(taken, b"10.0.0.2:9000\n");
    let why = Refusal::AddressInUse(at("10.0.0.2:9000"));
    check_refused(&mut fixture, taken, "10.0.0.2:40001", why);

    let slow = fixture.accept(source);
    fixture.wait(Duration::from_secs(10));
    let within = Duration::from_secs(10);
    check_refused(
        &mut fixture,
        slow,
        source,
        Refusal::RegistrationTimeout { within },
    );

    let second = fixture.accept("10.0.0.3:40001");
    fixture.receive(second, b"10.0.0.3:9000\n");
    let third = fixture.accept(source);
    fixture.receive(third, b"10.0.0.3:9001\n");
    check_refused(&mut fixture, third, source, Refusal::Full { max: 2 });

    assert_eq!(list(&fixture), ["10.0.0.2:9000", "10.0.0.3:9000"]);
    let updated: Vec<_> = fixture.sent().into_iter().map(|(link, _)| link).collect();
    assert_eq!(updated, [good, second], "one list, with the valid peer");
    // Bytes after the address remove the peer.
    fixture.receive(second, b"more");
    let why = Refusal::Codec(CodecError::TrailingBytes);
    let left = DirectoryNotice::Left {
        address: at("10.0.0.3:9000"),
        why: LeaveReason::Refused(why),
        peers: 1,
    };
    assert!(fixture.notices().contains(&left));
}

#[test]
fn with_trust_any_address_is_admitted() {
    let mut fixture = directory(|config| config.trust_addresses = true);
    let one = fixture.accept("10.0.0.2:40000");
    fixture.receive(one, b"192.0.2.7:9000\n");
    assert_eq!(list(&fixture), ["192.0.2.7:9000"]);
    let mut fixture = directory(|_| {});
    let mapped = fixture.accept("[::ffff:10.0.0.2]:40000");
    fixture.receive(mapped, b"10.0.0.2:9000\n");
    assert_eq!(list(&fixture), ["10.0.0.2:9000"], "the same address");
}

#[test]
fn a_slow_reader_is_refused() {
    let mut fixture = directory(|config| config.limits.queue_bytes_max = 7);
    let one = fixture.accept("10.0.0.2:40000");
    fixture.receive(one, b"10.0.0.2:9000\n");
    assert_eq!(fixture.bounds, [(one, 7)]);
    fixture.notices();
    let (why, unsent) = (LinkDown::SlowConsumer, Unsent::default());
    let link = one;
    fixture.handle(Event::LinkDown { link, why, unsent });
    check_refused_as(&mut fixture, "10.0.0.2:40000", Refusal::SlowConsumer);
    assert_eq!(list(&fixture), [""; 0]);

    let (mut fixture, directory) = peer(9000, |config| config.limits.queue_bytes_max = 7);
    fixture.receive(directory, b"list:\n10.0.0.1:9000\n10.0.0.3:2\n");
    fixture.pause();
    let dialed = connect(&mut fixture, "10.0.0.3:2");
    let accepted = fixture.accept("10.0.0.2:40000");
    assert_eq!(fixture.bounds, [(dialed, 7), (accepted, 7)]);
}

#[test]
fn the_teardown_follows_the_last_list_at_the_maximum() {
    let mut fixture = directory(|config| config.max_peers = NonZeroUsize::new(2));
    let one = fixture.accept("10.0.0.2:40000");
    fixture.receive(one, b"10.0.0.2:9000\n");
    let two = fixture.accept("10.0.0.3:40000");
    fixture.sent();
    fixture.receive(two, b"10.0.0.3:9000\n");
    assert_eq!(fixture.sent().len(), 2);
    assert!(!fixture.stopped);
    let late = fixture.accept("10.0.0.4:40000");
    assert!(fixture.closed.contains(&late));
    fixture.wait(Duration::from_secs(2));
    let teardown = "teardown\n".to_owned();
    assert_eq!(fixture.sent(), [(one, teardown.clone()), (two, teardown)]);
    assert!(fixture.stopped);

    let mut fixture = directory(|_| {});
    let one = fixture.accept("10.0.0.2:40000");
    fixture.receive(one, b"10.0.0.2:9000\n");
    fixture.sent();
    fixture.handle(Event::Command(DirectoryCommand::Leave));
    assert_eq!(fixture.sent(), [(one, "teardown\n".to_owned())]);
    assert!(fixture.stopped);
}

#[test]
fn simultaneous_joins_share_lists() {
    let mut fixture = directory(|config| config.limits.update_bytes_per_second = 10_000);
    for host in 1..=100 {
        let link = fixture.accept(&format!("10.0.1.{host}:40000"));
        fixture.receive(link, format!("10.0.1.{host}:9000\n").as_bytes());
    }
    let bytes: usize = fixture.sent().iter().map(|(_, text)| text.len()).sum();
    assert!(bytes < 5_000, "{bytes}");
    fixture.wait(Duration::from_secs(60));
    let last = fixture.sent();
    assert_eq!(last.len(), 100, "and all hear of all");
    assert!(last.iter().all(|(_, text)| text.lines().count() == 101));
}

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

/// The peer reaches peer it has dialled last.
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
