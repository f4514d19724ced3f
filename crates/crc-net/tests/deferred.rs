//! What is not urgent: it comes soon, in few writes, and nothing overtakes it.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod fixture;

use crc_machine::{Event, LinkId};
use fixture::{Fixture, TestMachine, quick, read_exact, write};

/// Tells everybody but the speaker of every byte by itself, without hurry; but
/// what is in capitals at once.
fn gossip() -> TestMachine {
    let mut links: Vec<LinkId> = Vec::new();
    TestMachine::new(move |event, out| match event {
        Event::LinkUp { link, .. } => links.push(*link),
        Event::LinkDown { link, .. } => links.retain(|other| other != link),
        Event::Bytes { link, bytes } => {
            for byte in *bytes {
                let write = |arena: &mut Vec<u8>| arena.push(*byte);
                let range = if byte.is_ascii_uppercase() {
                    out.store(write)
                } else {
                    out.store_deferred(write)
                };
                for &other in links.iter().filter(|&other| other != link) {
                    out.send_stored(other, range);
                }
            }
        }
        _ => {}
    })
}

#[test]
fn what_is_not_urgent_comes_soon_and_in_order() {
    let rig = Fixture::start_with(quick(), gossip());
    let (speaker, _) = rig.connect_up();
    let listeners: Vec<_> = (0..20).map(|_| rig.connect_up().0).collect();
    for round in 0..50 {
        let said = format!("abc{}def{}", 'X', round);
        write(&speaker, said.as_bytes());
        for listener in &listeners {
            assert_eq!(read_exact(listener, said.len()), said.as_bytes());
        }
    }
    // Nothing follows that would push it out.
    write(&speaker, b"last");
    for listener in &listeners {
        assert_eq!(read_exact(listener, 4), b"last");
    }
}

#[test]
fn a_crowd_is_told_of_many_in_one_write() {
    let rig = Fixture::start_with(quick(), gossip());
    let speakers: Vec<_> = (0..100).map(|_| rig.connect_up().0).collect();
    let listeners: Vec<_> = (0..100).map(|_| rig.connect_up().0).collect();
    let before = rig.stats.writes.value();
    for speaker in &speakers {
        write(speaker, b"n");
    }
    for listener in &listeners {
        assert_eq!(read_exact(listener, 100), [b'n'; 100]);
    }
    let writes = rig.stats.writes.value() - before;
    // One by one that would be 19,900.
    assert!(writes < 10_000, "{writes} writes");
}
