//! Deferred sends: they arrive soon, in few writes, and later sends do not overtake them.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod fixture;

use crc_machine::{Event, LinkId};
use fixture::{Fixture, TestMachine, quick, read_exact, write};

/// A machine that relays each byte by itself to all other links: capital letters immediately, others
/// deferred.
fn relay() -> TestMachine {
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
fn deferred_sends_arrive_soon_and_in_order() {
    let fixture = Fixture::start_with(quick(), relay());
    let (sender, _) = fixture.connect_up();
    let receivers: Vec<_> = (0..20).map(|_| fixture.connect_up().0).collect();
    for round in 0..50 {
        let sent = format!("abc{}def{}", 'X', round);
        write(&sender, sent.as_bytes());
        for receiver in &receivers {
            assert_eq!(read_exact(receiver, sent.len()), sent.as_bytes());
        }
    }
    // No later send flushes this one.
    write(&sender, b"last");
    for receiver in &receivers {
        assert_eq!(read_exact(receiver, 4), b"last");
    }
}

#[test]
fn deferred_broadcasts_share_writes() {
    let fixture = Fixture::start_with(quick(), relay());
    let senders: Vec<_> = (0..100).map(|_| fixture.connect_up().0).collect();
    let receivers: Vec<_> = (0..100).map(|_| fixture.connect_up().0).collect();
    let mut all_writes = Vec::new();
    // On a busy machine the senders may be slower than the deferral, but not each time.
    let shared = (0..50).any(|_| {
        let before = fixture.stats.writes.value();
        for sender in &senders {
            write(sender, b"n");
        }
        for receiver in &receivers {
            assert_eq!(read_exact(receiver, 100), [b'n'; 100]);
        }
        let writes = fixture.stats.writes.value() - before;
        all_writes.push(writes);
        // Without batching there would be 19,900.
        writes < 10_000
    });
    assert!(shared, "{all_writes:?} writes");
}
