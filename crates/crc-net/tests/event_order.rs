//! Within one turn, the ends of established links come before the first bytes of new ones: a peer
//! that drops and reconnects immediately does not collide with its old link.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod fixture;

use std::net::{Shutdown, TcpStream};

use crc_machine::{LinkDown, LinkId};
use fixture::{Fixture, Seen, pattern, silent, wait_until_held, write};

/// Makes the driver find in one turn: the last bytes and the end of `old`, and the first bytes of
/// `new`.
fn in_one_turn(fixture: &Fixture, last_bytes: &[u8], old: &TcpStream, new: &TcpStream) {
    let resume = fixture.hold();
    // The new link is ready first, so that the selector reports it first.
    write(new, b"registration");
    wait_until_held(new, 12, false);
    write(old, last_bytes);
    old.shutdown(Shutdown::Write).unwrap();
    wait_until_held(old, last_bytes.len(), true);
    resume.send(()).unwrap();
}

fn established(fixture: &Fixture) -> (TcpStream, LinkId) {
    let (stream, link) = fixture.connect_up();
    write(&stream, b"hello");
    fixture.expect("hello", |seen| {
        (*seen == Seen::Bytes(link, b"hello".to_vec())).then_some(())
    });
    (stream, link)
}

fn expect_end_then_registration(fixture: Fixture, old: LinkId, new: LinkId) {
    assert_eq!(
        fixture.next(),
        Seen::Down(old, LinkDown::PeerClosed, fixture::Unsent::default())
    );
    assert_eq!(fixture.next(), Seen::Bytes(new, b"registration".to_vec()));
    fixture.stop();
}

#[test]
fn an_end_comes_before_a_registration() {
    let fixture = Fixture::start(silent());
    let (old, old_link) = established(&fixture);
    let (new, new_link) = fixture.connect_up();
    in_one_turn(&fixture, b"", &old, &new);
    assert_eq!(fixture.next(), Seen::Command);
    expect_end_then_registration(fixture, old_link, new_link);
}

#[test]
fn an_end_after_more_bytes_comes_before_a_registration() {
    let fixture = Fixture::start(silent());
    let (old, old_link) = established(&fixture);
    let (new, new_link) = fixture.connect_up();
    // So few that the driver does not measure what they cost: where that is much, as on a busy
    // machine, it leaves the rest for the next turn.
    let last_bytes = pattern(2_000);
    in_one_turn(&fixture, &last_bytes, &old, &new);
    assert_eq!(fixture.next(), Seen::Command);
    let mut received = Vec::new();
    while received.len() < last_bytes.len() {
        match fixture.next() {
            Seen::Bytes(link, bytes) if link == old_link => received.extend(bytes),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(received, last_bytes);
    expect_end_then_registration(fixture, old_link, new_link);
}

#[test]
fn a_link_is_accepted_after_an_end() {
    let fixture = Fixture::start(silent());
    let (old, old_link) = established(&fixture);
    let resume = fixture.hold();
    let new = fixture.connect();
    old.shutdown(Shutdown::Write).unwrap();
    wait_until_held(&old, 0, true);
    resume.send(()).unwrap();
    assert_eq!(fixture.next(), Seen::Command);
    assert!(matches!(fixture.next(), Seen::Down(link, ..) if link == old_link));
    let peer = new.local_addr().unwrap();
    assert!(matches!(fixture.next(), Seen::Up(_, _, endpoints) if endpoints.peer == peer));
    fixture.stop();
}
