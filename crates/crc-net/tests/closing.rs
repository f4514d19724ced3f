//! Closing links: each goes down exactly once, and a graceful close delivers all queued bytes.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod fixture;

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use crc_machine::{CloseWhen, Event, LinkDown, LinkId};
use crc_net::DriverConfig;
use fixture::{
    Fixture, Seen, TIMEOUT, TestMachine, Unsent, pattern, quick, read_all, read_exact, silent,
    wait_until_held, wait_until_reset, write,
};
use socket2::SockRef;

/// Resets a connection.
fn reset(stream: TcpStream) {
    SockRef::from(&stream)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(stream);
}

/// A machine that sends `goodbye` and closes the link when it receives bytes.
fn closing_machine(goodbye: Vec<u8>, when: CloseWhen) -> TestMachine {
    TestMachine::new(move |event, out| {
        if let Event::Bytes { link, .. } = event {
            out.send(*link, &goodbye);
            out.close(*link, when);
            out.send(*link, b"dropped");
        }
    })
}

#[test]
fn a_graceful_close_delivers_everything_to_a_peer_that_still_sends() {
    let config = DriverConfig {
        send_queue_bytes_max: usize::MAX,
        flush_max: TIMEOUT,
        linger_max: TIMEOUT,
        ..DriverConfig::default()
    };
    // More than the peer's receive buffer holds: the rest waits in the driver's kernel.
    let goodbye = pattern(1_500_000);
    let fixture = Fixture::start_with(config, closing_machine(goodbye.clone(), CloseWhen::Flushed));
    let (stream, link) = fixture.connect_up();
    write(&stream, b"x");
    fixture::wait_until("all to be written", || {
        fixture.stats.written_bytes.value() == 1_500_000
    });
    // Bytes that arrive at a closed socket, or stay unread in it, cause a reset. A reset would
    // destroy what the peer has not read yet.
    for _ in 0..100 {
        write(&stream, &[b'x'; 10_000]);
    }
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(read_all(&stream) == goodbye);
    assert_eq!(
        fixture.expect_down(link),
        (LinkDown::Ended, Unsent::default())
    );
    assert_eq!(fixture.stats.read_bytes.value(), 1_000_001);
    fixture.stop();
}

#[test]
fn a_closed_link_reports_no_bytes() {
    let config = DriverConfig {
        // The driver must not reset the connection while the peer still writes.
        linger_max: TIMEOUT,
        ..DriverConfig::default()
    };
    let fixture = Fixture::start_with(config, closing_machine(b"bye".to_vec(), CloseWhen::Flushed));
    let (stream, link) = fixture.connect_up();
    write(&stream, &pattern(100_000));
    assert_eq!(read_all(&stream), b"bye");
    write(&stream, b"discarded");
    drop(stream);
    let mut events = 0;
    loop {
        match fixture.next() {
            Seen::Bytes(..) => events += 1,
            Seen::Down(down, why, unsent) => {
                assert_eq!((down, why), (link, LinkDown::Ended));
                assert_eq!(unsent, Unsent::default());
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(events, 1);
    assert_eq!(fixture.stop(), [Seen::Command]);
}

#[test]
fn a_peer_that_does_not_close_is_closed_after_the_linger_time() {
    let fixture = Fixture::start(closing_machine(b"bye".to_vec(), CloseWhen::Flushed));
    let (stream, link) = fixture.connect_up();
    write(&stream, b"x");
    assert_eq!(read_all(&stream), b"bye");
    // The peer's side stays open, so the driver waits for the linger time.
    let closed = Instant::now();
    assert_eq!(
        fixture.expect_down(link),
        (LinkDown::Ended, Unsent::default())
    );
    assert!(closed.elapsed() < TIMEOUT / 2);
    assert_eq!(fixture.stats.links_open.value(), 0);
    drop(stream);
    fixture.stop();
}

#[test]
fn a_peer_that_does_not_read_is_closed_after_the_flush_time() {
    let config = DriverConfig {
        flush_max: Duration::from_millis(100),
        send_queue_bytes_max: usize::MAX,
        ..quick()
    };
    let goodbye = pattern(20_000_000);
    let fixture = Fixture::start_with(config, closing_machine(goodbye.clone(), CloseWhen::Flushed));
    let (stream, link) = fixture.connect_up();
    write(&stream, b"x");
    let (why, unsent) = fixture.expect_down(link);
    assert_eq!(why, LinkDown::Failed(ErrorKind::TimedOut));
    assert_eq!(unsent.bytes, goodbye);
    assert!(unsent.written > 0 && unsent.written < goodbye.len());
    drop(stream);
    fixture.stop();
}

#[test]
fn an_immediate_close_drops_queued_bytes() {
    let fixture = Fixture::start(closing_machine(b"bye".to_vec(), CloseWhen::Now));
    let (stream, link) = fixture.connect_up();
    write(&stream, b"x");
    let (why, unsent) = fixture.expect_down(link);
    assert_eq!(why, LinkDown::Ended);
    // The event contains what was dropped.
    assert_eq!((unsent.bytes.as_slice(), unsent.written), (&b"bye"[..], 0));
    assert_eq!(read_all(&stream), b"");
    assert_eq!(fixture.stop(), [Seen::Command]);
}

#[test]
fn a_reset_takes_the_link_down() {
    let fixture = Fixture::start(silent());
    let (stream, link) = fixture.connect_up();
    reset(stream);
    let (why, unsent) = fixture.expect_down(link);
    assert_eq!(why, LinkDown::Failed(ErrorKind::ConnectionReset));
    assert_eq!(unsent, Unsent::default());
    assert_eq!(fixture.stop(), [Seen::Command]);
}

#[test]
fn a_reset_of_a_closing_link_is_not_reported_twice() {
    let config = DriverConfig {
        linger_max: TIMEOUT,
        ..DriverConfig::default()
    };
    let fixture = Fixture::start_with(config, closing_machine(b"bye".to_vec(), CloseWhen::Flushed));
    let (stream, link) = fixture.connect_up();
    write(&stream, b"x");
    assert_eq!(read_all(&stream), b"bye");
    reset(stream);
    assert_eq!(
        fixture.expect_down(link),
        (LinkDown::Ended, Unsent::default())
    );
    assert_eq!(fixture.stop(), [Seen::Command]);
}

#[test]
fn a_peer_that_closed_its_side_gets_its_answer() {
    let fixture = Fixture::start(TestMachine::new(|event, out| {
        if let Event::Bytes { link, .. } = event {
            out.send(*link, &pattern(30_000));
        }
    }));
    let (stream, link) = fixture.connect_up();
    write(&stream, b"first");
    read_exact(&stream, 30_000);
    let (other, _) = fixture.connect_up();
    // The peer closes its side directly after the question. Because another link sends its first
    // bytes, the driver finds both in one turn.
    let resume = fixture.hold();
    write(&stream, b"question");
    stream.shutdown(Shutdown::Write).unwrap();
    wait_until_held(&stream, 8, true);
    write(&other, b"hello");
    wait_until_held(&other, 5, false);
    resume.send(()).unwrap();
    assert_eq!(read_all(&stream), pattern(30_000));
    assert_eq!(
        fixture.expect_down(link),
        (LinkDown::PeerClosed, Unsent::default())
    );
    drop(other);
    fixture.stop();
}

#[test]
fn a_closing_link_whose_peer_closed_does_not_spin() {
    let config = DriverConfig {
        send_queue_bytes_max: usize::MAX,
        flush_max: TIMEOUT,
        ..DriverConfig::default()
    };
    let goodbye = pattern(20_000_000);
    let fixture = Fixture::start_with(config, closing_machine(goodbye.clone(), CloseWhen::Flushed));
    let (stream, link) = fixture.connect_up();
    write(&stream, b"x");
    stream.shutdown(Shutdown::Write).unwrap();
    fixture.expect("bytes", |seen| {
        matches!(seen, Seen::Bytes(..)).then_some(())
    });
    fixture.wait_until_idle();
    // The peer still gets the queued bytes.
    assert!(read_all(&stream) == goodbye);
    assert_eq!(
        fixture.expect_down(link),
        (LinkDown::Ended, Unsent::default())
    );
    fixture.stop();
}

#[test]
fn link_down_contains_the_unsent_bytes() {
    let config = DriverConfig {
        send_queue_bytes_max: usize::MAX,
        ..quick()
    };
    let fixture = Fixture::start_with(config, silent());
    let (stream, link) = fixture.connect_up();
    let frame = pattern(1_000);
    let sent = frame.clone();
    fixture.call(move |out| {
        for _ in 0..20_000 {
            let range = out.store(|arena| arena.extend_from_slice(&sent));
            // A byte between two sends keeps them from merging.
            out.store(|arena| arena.push(0));
            out.send_stored(link, range);
        }
    });
    stream.shutdown(Shutdown::Write).unwrap();
    let (why, unsent) = fixture.expect_down(link);
    assert_eq!(why, LinkDown::PeerClosed);
    assert!(!unsent.bytes.is_empty());
    assert!(
        unsent.written < frame.len(),
        "the unsent bytes start with a send"
    );
    assert_eq!(unsent.bytes.len() % frame.len(), 0);
    assert!(unsent.bytes.chunks(frame.len()).all(|chunk| chunk == frame));
    // The peer received exactly what was written.
    let received = read_all(&stream);
    assert_eq!(
        received.len() + unsent.bytes.len() - unsent.written,
        20_000_000
    );
    fixture.stop();
}

#[test]
fn a_failed_write_does_not_lose_received_bytes() {
    let fixture = Fixture::start(silent());
    for _ in 0..10 {
        let (stream, link) = fixture.connect_up();
        let resume = fixture.hold();
        write(&stream, b"goodbye");
        wait_until_held(&stream, 7, false);
        // The held turn handles this command. So the write finds the reset before the read finds
        // the bytes.
        fixture.command(move |out| out.send(link, b"too late"));
        let (driver, peer) = (stream.peer_addr().unwrap(), stream.local_addr().unwrap());
        reset(stream);
        wait_until_reset(driver, peer);
        resume.send(()).unwrap();
        let mut received = Vec::new();
        let (why, unsent) = fixture.expect("the link to go down", |seen| match seen {
            Seen::Bytes(from, bytes) if *from == link => {
                received.extend_from_slice(bytes);
                None
            }
            Seen::Down(down, why, unsent) if *down == link => Some((*why, unsent.clone())),
            _ => None,
        });
        assert!(matches!(why, LinkDown::Failed(_)), "{why:?}");
        assert_eq!(unsent.bytes, b"too late");
        assert_eq!(received, b"goodbye");
    }
    fixture.stop();
}

#[test]
fn stopping_delivers_queued_bytes() {
    let config = DriverConfig {
        send_queue_bytes_max: usize::MAX,
        flush_max: TIMEOUT,
        linger_max: TIMEOUT,
        ..DriverConfig::default()
    };
    let fixture = Fixture::start_with(config, silent());
    let (stream, link) = fixture.connect_up();
    let (other, _) = fixture.connect_up();
    let bytes_sent = pattern(10_000_000);
    let sent = bytes_sent.clone();
    fixture.command(move |out| {
        out.send(link, &sent);
        out.stop();
    });
    assert_eq!(read_all(&other), b"");
    drop(other);
    assert_eq!(read_all(&stream), bytes_sent);
    drop(stream);
    let (stopped, seen) = fixture.join();
    assert_eq!(stopped, crc_net::Stopped::Graceful);
    let ended = seen
        .iter()
        .filter(|seen| matches!(seen, Seen::Down(_, LinkDown::Ended, unsent) if *unsent == Unsent::default()))
        .count();
    assert_eq!(ended, 2);
}

#[test]
fn stopping_ends_after_the_linger_time() {
    let config = DriverConfig {
        send_queue_bytes_max: usize::MAX,
        ..quick()
    };
    let fixture = Fixture::start_with(config, silent());
    let (idle, first) = fixture.connect_up();
    let (stalled, second) = fixture.connect_up();
    fixture.command(move |out| {
        out.send(second, &pattern(20_000_000));
        out.stop();
    });
    let (_, seen) = fixture.join();
    let reasons: BTreeMap<LinkId, LinkDown> = seen
        .iter()
        .filter_map(|seen| match seen {
            Seen::Down(link, why, _) => Some((*link, *why)),
            _ => None,
        })
        .collect();
    assert_eq!(reasons[&first], LinkDown::Ended);
    assert_eq!(reasons[&second], LinkDown::Failed(ErrorKind::TimedOut));
    drop((idle, stalled));
}

#[test]
fn stopping_does_not_wait_for_peers_that_are_silent() {
    let config = DriverConfig {
        linger_max: Duration::from_secs(3600),
        ..DriverConfig::default()
    };
    let fixture = Fixture::start_with(config, silent());
    let (idle, _) = fixture.connect_up();
    let (closing, link) = fixture.connect_up();
    // This link lingers already.
    fixture.command(move |out| {
        out.send(link, b"goodbye");
        out.close(link, CloseWhen::Flushed);
    });
    assert_eq!(read_all(&closing), b"goodbye");
    fixture.command(|out| out.stop());
    let (stopped, seen) = fixture.join();
    assert_eq!(stopped, crc_net::Stopped::Graceful);
    let ended = |seen: &&Seen| matches!(seen, Seen::Down(_, LinkDown::Ended, _));
    assert_eq!(seen.iter().filter(ended).count(), 2);
    assert_eq!(read_all(&idle), b"");
    drop(closing);
}

/// A reset would destroy what such a peer has not read.
#[test]
fn stopping_reads_what_a_peer_still_sends() {
    let config = DriverConfig {
        linger_max: Duration::from_secs(3600),
        stop_linger: TIMEOUT,
        ..DriverConfig::default()
    };
    let fixture = Fixture::start_with(config, silent());
    let (stream, link) = fixture.connect_up();
    fixture.command(move |out| {
        out.send(link, b"goodbye");
        out.stop();
    });
    for _ in 0..100 {
        (&stream).write_all(&pattern(10_000)).unwrap();
    }
    assert_eq!(read_all(&stream), b"goodbye");
    drop(stream);
    let (stopped, _) = fixture.join();
    assert_eq!(stopped, crc_net::Stopped::Graceful);
}

#[test]
fn a_stopped_driver_accepts_and_dials_no_links() {
    let config = DriverConfig {
        linger_max: Duration::from_secs(2),
        ..DriverConfig::default()
    };
    let fixture = Fixture::start_with(config, silent());
    let (stream, _) = fixture.connect_up();
    let address = fixture.address;
    fixture.command(move |out| {
        out.stop();
        out.dial(crc_machine::DialId(1), address.into());
        out.stop();
    });
    assert_eq!(read_all(&stream), b"");
    let refused = TcpStream::connect(address).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    drop(stream);
    let (_, seen) = fixture.join();
    assert_eq!(seen.len(), 2, "{seen:?}");
}

/// Many peers send, close and reset at random. Each link that comes up goes down once, and reports
/// bytes only in between.
#[test]
fn every_link_ends_exactly_once() {
    let config = DriverConfig {
        linger_max: Duration::from_millis(50),
        flush_max: Duration::from_millis(50),
        ..DriverConfig::default()
    };
    let (much, too_much) = (pattern(300_000), vec![b'x'; 5_000_000]);
    // The first byte selects what the machine does.
    let machine = TestMachine::new(move |event, out| {
        if let Event::Bytes { link, bytes } = event {
            match bytes[0] % 6 {
                0 => out.close(*link, CloseWhen::Now),
                1 => {
                    out.send(*link, b"bye");
                    out.close(*link, CloseWhen::Flushed);
                }
                2 => {
                    out.send(*link, &much);
                    out.close(*link, CloseWhen::Flushed);
                    out.close(*link, CloseWhen::Now);
                }
                3 => out.send(*link, &too_much),
                _ => out.send(*link, bytes),
            }
        }
    });
    let fixture = Fixture::start_with(config, machine);
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = move |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    let mut open = Vec::new();
    for _ in 0..600 {
        let stream = fixture.connect();
        if next(4) > 0 {
            let order = u8::try_from(next(6)).unwrap();
            // The driver may have closed the link already.
            let _ = (&stream).write_all(&[order; 10]);
        }
        match next(5) {
            0 => reset(stream),
            1 => drop(stream),
            2 => {
                let _ = stream.shutdown(Shutdown::Write);
                open.push(stream);
            }
            3 => {
                let mut buffer = [0; 1_000];
                stream
                    .set_read_timeout(Some(Duration::from_millis(1)))
                    .unwrap();
                let _ = (&stream).read(&mut buffer);
                open.push(stream);
            }
            _ => open.push(stream),
        }
        if open.len() > 50 {
            let chosen = usize::try_from(next(50)).unwrap();
            drop(open.swap_remove(chosen));
        }
    }
    drop(open);
    // Until then some may wait in the backlog, and are links later.
    fixture::wait_until("all connections to be accepted", || {
        let stats = &fixture.stats;
        stats.links_accepted.value() + stats.accepts_failed.value() == 600
    });
    fixture::wait_until("all links to be down", || {
        fixture.stats.links_open.value() == 0 && fixture.stats.queue_bytes.value() == 0
    });
    let mut ended = BTreeMap::new();
    for seen in fixture.stop() {
        match seen {
            Seen::Up(link, ..) => assert_eq!(ended.insert(link, false), None, "a reused id"),
            Seen::Bytes(link, _) => assert_eq!(
                ended.get(&link),
                Some(&false),
                "bytes of a link that is not up"
            ),
            Seen::Down(link, ..) => {
                assert_eq!(
                    ended.insert(link, true),
                    Some(false),
                    "{link} is down twice"
                );
            }
            _ => {}
        }
    }
    assert!(ended.len() >= 500, "only {} links came up", ended.len());
    assert!(ended.values().all(|&ended| ended));
}

#[test]
fn effects_for_a_closed_link_are_ignored() {
    let fixture = Fixture::start(silent());
    let (stream, link) = fixture.connect_up();
    let (living, other) = fixture.connect_up();
    drop(stream);
    fixture.expect_down(link);
    fixture.call(move |out| {
        out.bound(link, 10);
        out.send(link, b"lost");
        out.send(other, b"not lost");
        out.close(link, CloseWhen::Flushed);
        out.close(link, CloseWhen::Now);
    });
    assert_eq!(read_exact(&living, 8), b"not lost");
    fixture.stop();
}

#[test]
fn out_of_band_bytes_do_not_spin() {
    let fixture = Fixture::start(silent());
    let (stream, link) = fixture.connect_up();
    SockRef::from(&stream).send_out_of_band(b"!").unwrap();
    write(&stream, b"x");
    fixture.expect("x", |seen| {
        matches!(seen, Seen::Bytes(from, bytes) if *from == link && bytes.ends_with(b"x"))
            .then_some(())
    });
    SockRef::from(&stream).send_out_of_band(b"!").unwrap();
    fixture.call(|_| ());
    fixture.wait_until_idle();
    drop(stream);
    fixture.stop();
}
