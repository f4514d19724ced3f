//! Within one turn, closings come before registrations: who drops and comes back
//! at once is gone before it is back.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod fixture;

use std::net::{Shutdown, TcpStream};

use crc_machine::LinkDown;
use fixture::{Fixture, Seen, pattern, silent, wait_until_held, write};

/// Has the driver find all of this in one turn: what `old` still has to say and
/// its end, and the first bytes of `new`.
fn in_one_turn(rig: &Fixture, last_words: &[u8], old: &TcpStream, new: &TcpStream) {
    let go_on = rig.hold();
    // The newcomer is ready first, so that it stands first in the selector's list.
    write(new, b"registration");
    wait_until_held(new, 12, false);
    write(old, last_words);
    old.shutdown(Shutdown::Write).unwrap();
    wait_until_held(old, last_words.len(), true);
    go_on.send(()).unwrap();
}

fn established(rig: &Fixture) -> (TcpStream, crc_machine::LinkId) {
    let (stream, link) = rig.connect_up();
    write(&stream, b"hello");
    rig.expect("hello", |seen| {
        (*seen == Seen::Bytes(link, b"hello".to_vec())).then_some(())
    });
    (stream, link)
}

#[test]
fn an_end_is_seen_before_a_registration() {
    let rig = Fixture::start(silent());
    let (old, old_link) = established(&rig);
    let (new, new_link) = rig.connect_up();
    in_one_turn(&rig, b"", &old, &new);
    assert_eq!(rig.next(), Seen::Command);
    assert_eq!(
        rig.next(),
        Seen::Down(old_link, LinkDown::PeerClosed, fixture::Unsent::default())
    );
    assert_eq!(rig.next(), Seen::Bytes(new_link, b"registration".to_vec()));
    rig.stop();
}

#[test]
fn an_end_behind_last_words_is_seen_before_a_registration() {
    let rig = Fixture::start(silent());
    let (old, old_link) = established(&rig);
    let (new, new_link) = rig.connect_up();
    let last_words = pattern(30_000);
    in_one_turn(&rig, &last_words, &old, &new);
    assert_eq!(rig.next(), Seen::Command);
    let mut came = Vec::new();
    while came.len() < last_words.len() {
        match rig.next() {
            Seen::Bytes(link, bytes) if link == old_link => came.extend(bytes),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(came, last_words);
    assert_eq!(
        rig.next(),
        Seen::Down(old_link, LinkDown::PeerClosed, fixture::Unsent::default())
    );
    assert_eq!(rig.next(), Seen::Bytes(new_link, b"registration".to_vec()));
    rig.stop();
}

#[test]
fn a_newcomer_is_accepted_after_an_end() {
    let rig = Fixture::start(silent());
    let (old, old_link) = established(&rig);
    let go_on = rig.hold();
    let new = rig.connect();
    old.shutdown(Shutdown::Write).unwrap();
    wait_until_held(&old, 0, true);
    go_on.send(()).unwrap();
    assert_eq!(rig.next(), Seen::Command);
    assert!(matches!(rig.next(), Seen::Down(link, ..) if link == old_link));
    let peer = new.local_addr().unwrap();
    assert!(matches!(rig.next(), Seen::Up(_, _, endpoints) if endpoints.peer == peer));
    rig.stop();
}
