//! What a directory does.

use std::num::NonZeroUsize;
use std::time::Duration;

use crc_machine::{Event, LinkDown, LinkId, Unsent};
use crc_rendezvous::{
    CodecError, Directory, DirectoryCommand, DirectoryConfig, DirectoryNotice, LeaveReason, Refusal,
};

use crate::fixture::{Fixture, at};

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
    assert_eq!(last.len(), 100, "each peer gets the last list");
    assert!(last.iter().all(|(_, text)| text.lines().count() == 101));
}
