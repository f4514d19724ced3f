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
    Away, CodecError, Directory, DirectoryCommand, DirectoryConfig, DirectoryNotice, Left, Lost,
    NotSaid, Peer, PeerCommand, PeerConfig, PeerNotice, Refusal, Rejection, When,
};

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A machine and what it wants done.
struct Rig<M: Machine> {
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

impl<M: Machine> Rig<M> {
    fn new(machine: M) -> Self {
        Rig {
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

    fn hear(&mut self, link: LinkId, bytes: &[u8]) {
        self.handle(Event::Bytes { link, bytes });
    }

    fn lose(&mut self, link: LinkId) {
        let (why, unsent) = (LinkDown::PeerClosed, Unsent::default());
        self.handle(Event::LinkDown { link, why, unsent });
    }

    /// Lets time pass, with a tick whenever one is due.
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

fn directory(change: impl FnOnce(&mut DirectoryConfig)) -> Rig<Directory> {
    let mut config = DirectoryConfig::default();
    change(&mut config);
    Rig::new(Directory::new(config))
}

fn list(rig: &Rig<Directory>) -> Vec<String> {
    rig.machine.peers().map(|peer| peer.to_string()).collect()
}

#[test]
fn everybody_is_told_whenever_somebody_joins() {
    let mut rig = directory(|_| {});
    let one = rig.accept("10.0.0.2:40000");
    rig.hear(one, b"10.0.0.2:");
    rig.hear(one, b"9000\n");
    assert_eq!(rig.sent(), [(one, "list:\n10.0.0.2:9000\n".to_owned())]);
    let idle = rig.accept("10.0.0.4:40000");
    let two = rig.accept("10.0.0.3:40000");
    rig.hear(two, b"10.0.0.3:9000\n");
    let both = "list:\n10.0.0.2:9000\n10.0.0.3:9000\n".to_owned();
    assert_eq!(rig.sent(), [(one, both.clone()), (two, both)]);

    // Who leaves is taken off at once, and the others hear of it a moment later.
    rig.lose(one);
    assert_eq!(list(&rig), ["10.0.0.3:9000"]);
    assert_eq!(rig.sent(), []);
    rig.pause();
    assert_eq!(rig.sent(), [(two, "list:\n10.0.0.3:9000\n".to_owned())]);
    rig.lose(idle);
    rig.wait(Duration::from_secs(60));
    assert_eq!((rig.sent(), rig.closed.len()), (vec![], 0));
}

#[test]
fn an_address_without_a_newline_is_whole_after_a_pause_and_may_be_corrected() {
    let mut rig = directory(|_| {});
    let one = rig.accept("10.0.0.2:40000");
    rig.hear(one, b"10.0.0.2:80");
    assert_eq!(list(&rig), [""; 0]);
    rig.pause();
    assert_eq!(list(&rig), ["10.0.0.2:80"]);
    let two = rig.accept("10.0.0.3:40000");
    rig.hear(two, b"10.0.0.3:33400");
    assert_eq!(list(&rig).len(), 2, "five digits are all of them");
    rig.sent();
    rig.hear(one, b"80\n");
    assert_eq!(list(&rig), ["10.0.0.2:8080", "10.0.0.3:33400"]);
    assert_eq!(rig.sent().len(), 2);
    // What it was taken for is free again.
    let three = rig.accept("10.0.0.2:40001");
    rig.hear(three, b"10.0.0.2:80\n");
    assert_eq!(list(&rig).len(), 3);
}

#[track_caller]
fn check_refused(rig: &mut Rig<Directory>, link: LinkId, source: &str, why: Refusal) {
    check_refused_as(rig, source, why);
    assert!(rig.closed.contains(&link));
}

#[track_caller]
fn check_refused_as(rig: &mut Rig<Directory>, source: &str, why: Refusal) {
    let refused = DirectoryNotice::Refused {
        source: at(source),
        why,
    };
    assert!(rig.notices().contains(&refused), "{why}");
}

#[test]
fn whoever_does_wrong_is_refused_and_nobody_else_is_disturbed() {
    let mut rig = directory(|config| config.limits.peers_max = 2);
    let good = rig.accept("10.0.0.2:40000");
    rig.hear(good, b"10.0.0.2:9000\n");
    rig.sent();
    let source = "10.0.0.3:40000";
    let codec = Refusal::Codec;
    for (bytes, why) in [
        (
            &b"GET / HTTP/1.1\r\n\r\n"[..],
            codec(CodecError::AddressError),
        ),
        (
            b"10.0.0.3:1\nand more",
            codec(CodecError::MoreThanAnAddress),
        ),
        (&[b'\n'; 300], Refusal::TooManyBytes { max: 256 }),
        (b"10.0.0.2:1\n", Refusal::NotItsOwn(at("10.0.0.2:1"))),
        (b"0.0.0.0:1\n", Refusal::NotReachable(at("0.0.0.0:1"))),
        (b"224.0.0.1:1\n", Refusal::NotReachable(at("224.0.0.1:1"))),
    ] {
        let bad = rig.accept(source);
        rig.hear(bad, bytes);
        check_refused(&mut rig, bad, source, why);
    }
    let taken = rig.accept("10.0.0.2:40001");
    rig.hear(taken, b"10.0.0.2:9000\n");
    let why = Refusal::Taken(at("10.0.0.2:9000"));
    check_refused(&mut rig, taken, "10.0.0.2:40001", why);

    let slow = rig.accept(source);
    rig.wait(Duration::from_secs(10));
    let within = Duration::from_secs(10);
    check_refused(&mut rig, slow, source, Refusal::TooSlow { within });

    let second = rig.accept("10.0.0.3:40001");
    rig.hear(second, b"10.0.0.3:9000\n");
    let third = rig.accept(source);
    rig.hear(third, b"10.0.0.3:9001\n");
    check_refused(&mut rig, third, source, Refusal::Full { max: 2 });

    assert_eq!(list(&rig), ["10.0.0.2:9000", "10.0.0.3:9000"]);
    let told: Vec<_> = rig.sent().into_iter().map(|(link, _)| link).collect();
    assert_eq!(told, [good, second], "told once, of the one good peer");
    // Who says more later is taken off.
    rig.hear(second, b"more");
    let why = Refusal::Codec(CodecError::MoreThanAnAddress);
    let left = DirectoryNotice::Left {
        address: at("10.0.0.3:9000"),
        why: Left::Refused(why),
        peers: 1,
    };
    assert!(rig.notices().contains(&left));
}

#[test]
fn trusted_addresses_may_be_anybodys() {
    let mut rig = directory(|config| config.trust_addresses = true);
    let one = rig.accept("10.0.0.2:40000");
    rig.hear(one, b"192.0.2.7:9000\n");
    assert_eq!(list(&rig), ["192.0.2.7:9000"]);
    let mut rig = directory(|_| {});
    let mapped = rig.accept("[::ffff:10.0.0.2]:40000");
    rig.hear(mapped, b"10.0.0.2:9000\n");
    assert_eq!(list(&rig), ["10.0.0.2:9000"], "the same address");
}

#[test]
fn who_reads_slowly_is_not_waited_for() {
    let mut rig = directory(|config| config.limits.queue_bytes_max = 7);
    let one = rig.accept("10.0.0.2:40000");
    rig.hear(one, b"10.0.0.2:9000\n");
    assert_eq!(rig.bounds, [(one, 7)]);
    rig.notices();
    let (why, unsent) = (LinkDown::SlowConsumer, Unsent::default());
    let link = one;
    rig.handle(Event::LinkDown { link, why, unsent });
    check_refused_as(&mut rig, "10.0.0.2:40000", Refusal::SlowConsumer);
    assert_eq!(list(&rig), [""; 0]);

    let (mut rig, directory) = peer(9000, |config| config.limits.queue_bytes_max = 7);
    rig.hear(directory, b"list:\n10.0.0.1:9000\n10.0.0.3:2\n");
    rig.pause();
    let ours = connect(&mut rig, "10.0.0.3:2");
    let theirs = rig.accept("10.0.0.2:40000");
    assert_eq!(rig.bounds, [(ours, 7), (theirs, 7)]);
}

#[test]
fn at_the_maximum_comes_the_last_list_then_the_teardown() {
    let mut rig = directory(|config| config.max_peers = NonZeroUsize::new(2));
    let one = rig.accept("10.0.0.2:40000");
    rig.hear(one, b"10.0.0.2:9000\n");
    let two = rig.accept("10.0.0.3:40000");
    rig.sent();
    rig.hear(two, b"10.0.0.3:9000\n");
    assert_eq!(rig.sent().len(), 2);
    assert!(!rig.stopped);
    let late = rig.accept("10.0.0.4:40000");
    assert!(rig.closed.contains(&late));
    rig.wait(Duration::from_secs(2));
    let teardown = "teardown\n".to_owned();
    assert_eq!(rig.sent(), [(one, teardown.clone()), (two, teardown)]);
    assert!(rig.stopped);

    let mut rig = directory(|_| {});
    let one = rig.accept("10.0.0.2:40000");
    rig.hear(one, b"10.0.0.2:9000\n");
    rig.sent();
    rig.handle(Event::Command(DirectoryCommand::Leave));
    assert_eq!(rig.sent(), [(one, "teardown\n".to_owned())]);
    assert!(rig.stopped);
}

#[test]
fn many_who_join_at_once_share_updates() {
    let mut rig = directory(|config| config.limits.update_bytes_per_second = 10_000);
    for host in 1..=100 {
        let link = rig.accept(&format!("10.0.1.{host}:40000"));
        rig.hear(link, format!("10.0.1.{host}:9000\n").as_bytes());
    }
    let bytes: usize = rig.sent().iter().map(|(_, text)| text.len()).sum();
    assert!(bytes < 5_000, "{bytes}");
    rig.wait(Duration::from_secs(60));
    let last = rig.sent();
    assert_eq!(last.len(), 100, "and all hear of all");
    assert!(last.iter().all(|(_, text)| text.lines().count() == 101));
}

/// A peer that listens at 10.0.0.1 and the port given, and its link to the directory.
fn peer(port: u16, change: impl FnOnce(&mut PeerConfig)) -> (Rig<Peer>, LinkId) {
    let mut config = PeerConfig::new("10.0.0.9:33400".parse().unwrap(), 1);
    change(&mut config);
    let mut rig = Rig::new(Peer::new(config));
    let address = SocketAddr::from(([0, 0, 0, 0], port));
    rig.handle(Event::Command(PeerCommand::Start { address }));
    let directory = connect(&mut rig, "10.0.0.9:33400");
    let registration = format!("10.0.0.1:{port}\n");
    assert_eq!(rig.sent(), [(directory, registration)]);
    (rig, directory)
}

/// The peer reaches whom it has dialled last.
fn connect(rig: &mut Rig<Peer>, whom: &str) -> LinkId {
    let (dial, to) = rig.dialed.pop().unwrap();
    assert_eq!(to, whom);
    rig.link_up(Origin::Dialed { dial }, whom)
}

fn connected(rig: &Rig<Peer>) -> Vec<(String, LinkId)> {
    let all = rig.machine.connected();
    all.map(|(peer, link)| (peer.to_string(), link)).collect()
}

#[test]
fn a_peer_dials_those_behind_it_and_greets_them() {
    let (mut rig, directory) = peer(9000, |_| {});
    rig.hear(directory, b"list:\n10.0.0.2:1\n10.0.0.1:9000\n10.0.0.3:2");
    assert_eq!(rig.dialed, [], "the end may not have come");
    rig.pause();
    let link = connect(&mut rig, "10.0.0.3:2");
    assert_eq!(rig.dialed, []);
    assert_eq!(
        rig.sent(),
        [(link, "Hello from:10.0.0.1:9000\n".to_owned())]
    );
    let one = rig.accept("10.0.0.2:40000");
    rig.hear(one, b"Hello from:10.0.0.2:1");
    assert_eq!(connected(&rig).len(), 1);
    rig.pause();
    assert!(rig.machine.is_complete());

    // Another order changes nothing.
    rig.hear(directory, b"list:10.0.0.3:2\n10.0.0.1:9000\n10.0.0.2:1\n");
    rig.pause();
    assert_eq!(rig.dialed, []);
    // Who is lost is dialled by who is first now.
    rig.lose(link);
    rig.lose(one);
    rig.wait(Duration::from_secs(1));
    let (_, to) = rig.dialed.pop().unwrap();
    assert_eq!((&*to, rig.dialed.len()), ("10.0.0.2:1", 0));
}

/// A peer at port 9000 that has dialled 10.0.0.1 at `port`, and is greeted by it on
/// another connection. Returns the dialled one and the other.
fn cross(port: u16) -> (Rig<Peer>, LinkId, LinkId) {
    let (mut rig, directory) = peer(9000, |_| {});
    rig.hear(
        directory,
        format!("list:\n10.0.0.1:9000\n10.0.0.1:{port}\n").as_bytes(),
    );
    rig.pause();
    let ours = connect(&mut rig, &format!("10.0.0.1:{port}"));
    let theirs = rig.accept("10.0.0.1:40000");
    rig.notices();
    rig.hear(theirs, format!("Hello from:10.0.0.1:{port}\n").as_bytes());
    (rig, ours, theirs)
}

#[test]
fn of_two_connections_both_ends_keep_the_same() {
    // Dialled by 8999 and 9000: that of 8999 stays.
    let (mut rig, ours, theirs) = cross(8999);
    assert_eq!(connected(&rig), [("10.0.0.1:8999".to_owned(), theirs)]);
    assert_eq!((rig.notices(), &rig.closed[..]), (vec![], &[ours][..]));
    rig.lose(ours);
    assert_eq!(rig.notices(), [], "nobody is lost");

    let (mut rig, ours, theirs) = cross(9001);
    assert_eq!(connected(&rig), [("10.0.0.1:9001".to_owned(), ours)]);
    assert_eq!((rig.notices(), &rig.closed[..]), (vec![], &[theirs][..]));
    rig.hear(theirs, b"nobody hears this\n");
    rig.lose(theirs);
    assert_eq!(rig.notices(), []);
}

#[test]
fn who_dials_again_has_lost_the_older_connection() {
    let (mut rig, _) = peer(9000, |_| {});
    for host in ["10.0.0.0:7", "10.0.0.2:7"] {
        let source = format!("{}:40000", at(host).ip());
        let hello = format!("Hello from:{host}\n");
        let old = rig.accept(&source);
        rig.hear(old, hello.as_bytes());
        let new = rig.accept(&source);
        rig.hear(new, hello.as_bytes());
        assert!(connected(&rig).contains(&(host.to_owned(), new)));
        assert_eq!(rig.closed.pop(), Some(old));
    }
}

#[test]
fn who_was_faster_is_not_greeted_as_well() {
    let (mut rig, directory) = peer(9000, |_| {});
    rig.hear(directory, b"list:\n10.0.0.1:9000\n10.0.0.3:2\n");
    rig.pause();
    let theirs = rig.accept("10.0.0.3:40000");
    rig.hear(theirs, b"Hello from:10.0.0.3:2\n");
    let ours = connect(&mut rig, "10.0.0.3:2");
    assert_eq!(connected(&rig), [("10.0.0.3:2".to_owned(), theirs)]);
    assert_eq!((rig.sent(), &rig.closed[..]), (vec![], &[ours][..]));
}

#[test]
fn who_can_not_be_reached_is_tried_again_while_it_is_listed() {
    let (mut rig, directory) = peer(9000, |_| {});
    rig.hear(directory, b"list:\n10.0.0.1:9000\n10.0.0.3:2\n");
    rig.pause();
    for _ in 0..3 {
        let (dial, _) = rig.dialed.pop().unwrap();
        let why = DialError::TimedOut;
        rig.handle(Event::DialFailed { dial, why });
        assert_eq!(rig.dialed, []);
        rig.wait(Duration::from_secs(5));
    }
    let (dial, _) = rig.dialed.pop().unwrap();
    rig.hear(directory, b"list:\n10.0.0.1:9000\n");
    rig.pause();
    let why = DialError::TimedOut;
    rig.handle(Event::DialFailed { dial, why });
    rig.wait(Duration::from_secs(60));
    assert_eq!(rig.dialed, []);
}

#[test]
fn a_stranger_who_does_wrong_is_let_go() {
    let (mut rig, _) = peer(9000, |_| {});
    let source = "10.0.0.7:40000";
    let good = rig.accept("10.0.0.2:40000");
    rig.hear(good, b"Hello from:10.0.0.2:1\n");
    for (bytes, why) in [
        (
            &b"\x80\x00\x00"[..],
            Rejection::Codec(CodecError::NotAHello),
        ),
        (&[b' '; 300], Rejection::TooManyBytes { max: 256 }),
        (
            b"Hello from:10.0.0.2:1\n",
            Rejection::NotItsOwn(at("10.0.0.2:1")),
        ),
        (
            b"Hello from:10.0.0.7:7\n\xff\n",
            Rejection::Codec(CodecError::NotUtf8),
        ),
    ] {
        rig.notices();
        let bad = rig.accept(source);
        rig.hear(bad, bytes);
        let source = at(source);
        let refused = PeerNotice::Refused { source, why };
        assert!(rig.notices().contains(&refused), "{why}");
        assert_eq!(rig.closed.pop(), Some(bad));
    }
    let ourselves = rig.accept("10.0.0.1:40000");
    rig.hear(ourselves, b"Hello from:10.0.0.1:9000\n");
    assert_eq!(rig.closed.pop(), Some(ourselves));
    let mute = rig.accept(source);
    rig.wait(Duration::from_secs(10));
    assert_eq!(rig.closed.pop(), Some(mute));
    assert_eq!(connected(&rig), [("10.0.0.2:1".to_owned(), good)]);
    rig.notices();
    let endless = [b'x'; 9_000];
    rig.hear(good, &endless);
    let why = Rejection::Codec(CodecError::TextTooLong { max: 8192 });
    let (peer, source) = (at("10.0.0.2:1"), at("10.0.0.2:40000"));
    let lost = Lost::Rejected(why);
    assert_eq!(
        rig.notices(),
        [
            PeerNotice::Refused { source, why },
            PeerNotice::Lost { peer, why: lost }
        ]
    );
}

#[test]
fn a_peer_ends_with_the_directory_unless_it_persists() {
    let away = |why, rig: &mut Rig<Peer>| {
        let notices = rig.notices();
        let found = notices.iter().find_map(|notice| match notice {
            PeerNotice::Away {
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
            (&b"list:\n10.0.0.1:9000teardown"[..], Away::Teardown),
            (lists, Away::Lost(LinkDown::PeerClosed)),
            (b"", Away::Refused { own }),
            (b"HTTP/1.1 400", Away::Nonsense(CodecError::NotAnUpdate)),
        ] {
            let (mut rig, directory) = peer(9000, |config| config.persist = persist);
            let one = rig.accept("10.0.0.2:40000");
            rig.hear(one, b"Hello from:10.0.0.2:1\n");
            if !words.is_empty() {
                rig.hear(directory, words);
            }
            rig.lose(directory);
            assert_eq!(away(why, &mut rig).is_some(), persist);
            assert_eq!(rig.stopped, !persist, "{why}");
            rig.wait(Duration::from_secs(2));
            if persist {
                assert_eq!(connected(&rig).len(), 1);
                connect(&mut rig, "10.0.0.9:33400");
                assert_eq!(rig.sent().len(), 1, "it registers again");
            }
            assert_eq!(rig.dialed, []);
        }
        let (mut rig, _) = peer(9000, |config| config.persist = persist);
        rig.wait(Duration::from_secs(15));
        assert_eq!(away(Away::Silent, &mut rig).is_some(), persist);
    }
}

#[test]
fn who_can_not_be_reached_from_elsewhere_is_told() {
    let (address, anywhere) = (at("127.0.0.1:9000"), at("[::]:9000"));
    let from = at("10.0.0.1:1").ip();
    let other = Away::OtherFamily {
        address: anywhere,
        from,
    };
    for (address, why) in [
        (address, Away::Loopback { own: address }),
        (anywhere, other),
    ] {
        let config = PeerConfig::new("10.0.0.9:33400".parse().unwrap(), 1);
        let mut rig = Rig::new(Peer::new(config));
        rig.handle(Event::Command(PeerCommand::Start { address }));
        connect(&mut rig, "10.0.0.9:33400");
        let retry_in = None;
        assert_eq!(rig.notices(), [PeerNotice::Away { why, retry_in }]);
        assert!(rig.stopped);
    }
}

#[test]
fn scripts_wait_until_everybody_is_there_and_people_do_not() {
    let (mut rig, directory) = peer(9000, |_| {});
    let say = |text: &str, when| {
        let text = text.to_owned();
        Event::Command(PeerCommand::Say { text, when })
    };
    rig.notices();
    rig.handle(say("now", When::Now));
    let why = NotSaid::NobodyHere;
    assert_eq!(rig.notices(), [PeerNotice::NotSaid { why }]);
    rig.handle(say("later", When::Complete));
    let when = When::Complete;
    rig.handle(Event::Command(PeerCommand::Leave { when }));
    rig.hear(directory, b"list:\n10.0.0.1:9000\n10.0.0.3:2\n");
    rig.pause();
    assert_eq!(rig.sent(), []);
    let link = connect(&mut rig, "10.0.0.3:2");
    let words: String = rig.sent().into_iter().map(|(_, text)| text).collect();
    assert_eq!(words, "Hello from:10.0.0.1:9000\nlater\n");
    assert!(rig.stopped);
    assert_eq!(connected(&rig), [("10.0.0.3:2".to_owned(), link)]);

    // Nobody is waited for longer than two seconds.
    let (mut rig, directory) = peer(9000, |_| {});
    let one = rig.accept("10.0.0.2:40000");
    rig.hear(one, b"Hello from:10.0.0.2:1\n");
    rig.hear(directory, b"list:\n10.0.0.2:1\n10.0.0.1:9000\n10.0.0.3:2\n");
    rig.handle(say("later", When::Complete));
    rig.wait(Duration::from_millis(1_900));
    assert_eq!(rig.sent(), []);
    rig.pause();
    assert_eq!(rig.sent(), [(one, "later\n".to_owned())]);
    rig.hear(one, b"good\nmorning");
    rig.lose(one);
    let heard: Vec<_> = rig
        .notices()
        .into_iter()
        .filter_map(|notice| match notice {
            PeerNotice::Text { text, .. } => Some(text),
            _ => None,
        })
        .collect();
    assert_eq!(heard, ["good", "morning"]);
}
