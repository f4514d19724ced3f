//! How links end: every one exactly once, whoever ends it and however, and with
//! its last words delivered where that can be.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod fixture;

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use crc_machine::{CloseWhen, Event, LinkDown, LinkId};
use crc_net::DriverConfig;
use fixture::{
    Fixture, Seen, TIMEOUT, TestMachine, Unsent, pattern, quick, read_all, read_exact, silent,
    wait_until_held, write,
};
use socket2::SockRef;

/// Drops a connection so that the peer finds it broken.
fn reset(stream: TcpStream) {
    SockRef::from(&stream)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(stream);
}

/// Says goodbye and closes when it hears anything.
fn doorkeeper(goodbye: Vec<u8>, when: CloseWhen) -> TestMachine {
    TestMachine::new(move |event, out| {
        if let Event::Bytes { link, .. } = event {
            out.send(*link, &goodbye);
            out.close(*link, when);
            out.send(*link, b"nobody is to see this");
        }
    })
}

#[test]
fn last_words_arrive_though_the_peer_goes_on_talking() {
    let config = DriverConfig {
        send_queue_bytes_max: usize::MAX,
        linger_max: TIMEOUT,
        ..DriverConfig::default()
    };
    // More than is on its way before the peer begins to read: the rest is in our
    // system's hands.
    let goodbye = pattern(1_500_000);
    let rig = Fixture::start_with(config, doorkeeper(goodbye.clone(), CloseWhen::Flushed));
    let (stream, link) = rig.connect_up();
    write(&stream, b"x");
    fixture::wait_until("all to be written", || {
        rig.stats.written_bytes.value() == 1_500_000
    });
    // What comes for a closed socket, or stays unread in it, makes a reset of its
    // end, and that would destroy what the peer has not got yet.
    for _ in 0..100 {
        write(&stream, &[b'x'; 10_000]);
    }
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(read_all(&stream) == goodbye);
    assert_eq!(rig.expect_down(link), (LinkDown::Ended, Unsent::default()));
    assert_eq!(rig.stats.read_bytes.value(), 1_000_001);
    rig.stop();
}

#[test]
fn nothing_is_heard_of_a_link_after_its_close() {
    let rig = Fixture::start(doorkeeper(b"bye".to_vec(), CloseWhen::Flushed));
    let (stream, link) = rig.connect_up();
    write(&stream, &pattern(100_000));
    assert_eq!(read_all(&stream), b"bye");
    write(&stream, b"and another thing");
    drop(stream);
    let mut events = 0;
    loop {
        match rig.next() {
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
    assert_eq!(rig.stop(), [Seen::Command]);
}

#[test]
fn who_does_not_hang_up_is_hung_up_on() {
    let rig = Fixture::start(doorkeeper(b"bye".to_vec(), CloseWhen::Flushed));
    let (stream, link) = rig.connect_up();
    write(&stream, b"x");
    assert_eq!(read_all(&stream), b"bye");
    // Our side stays open. So it takes as long as it may, and no longer.
    let closed = Instant::now();
    assert_eq!(rig.expect_down(link), (LinkDown::Ended, Unsent::default()));
    assert!(closed.elapsed() < TIMEOUT / 2);
    assert_eq!(rig.stats.links_open.value(), 0);
    drop(stream);
    rig.stop();
}

#[test]
fn who_does_not_take_what_waits_is_hung_up_on() {
    let config = DriverConfig {
        flush_max: Duration::from_millis(100),
        send_queue_bytes_max: usize::MAX,
        ..quick()
    };
    let goodbye = pattern(20_000_000);
    let rig = Fixture::start_with(config, doorkeeper(goodbye.clone(), CloseWhen::Flushed));
    let (stream, link) = rig.connect_up();
    write(&stream, b"x");
    let (why, unsent) = rig.expect_down(link);
    assert_eq!(why, LinkDown::Failed(ErrorKind::TimedOut));
    assert_eq!(unsent.bytes, goodbye);
    assert!(unsent.written > 0 && unsent.written < goodbye.len());
    drop(stream);
    rig.stop();
}

#[test]
fn a_close_now_is_a_close_now() {
    let rig = Fixture::start(doorkeeper(b"bye".to_vec(), CloseWhen::Now));
    let (stream, link) = rig.connect_up();
    write(&stream, b"x");
    let (why, unsent) = rig.expect_down(link);
    assert_eq!(why, LinkDown::Ended);
    // It tells what was dropped.
    assert_eq!((unsent.bytes.as_slice(), unsent.written), (&b"bye"[..], 0));
    assert_eq!(read_all(&stream), b"");
    assert_eq!(rig.stop(), [Seen::Command]);
}

#[test]
fn a_reset_is_an_end() {
    let rig = Fixture::start(silent());
    let (stream, link) = rig.connect_up();
    reset(stream);
    let (why, unsent) = rig.expect_down(link);
    assert_eq!(why, LinkDown::Failed(ErrorKind::ConnectionReset));
    assert_eq!(unsent, Unsent::default());
    assert_eq!(rig.stop(), [Seen::Command]);
}

#[test]
fn a_reset_of_a_closing_link_is_no_second_end() {
    let config = DriverConfig {
        linger_max: TIMEOUT,
        ..DriverConfig::default()
    };
    let rig = Fixture::start_with(config, doorkeeper(b"bye".to_vec(), CloseWhen::Flushed));
    let (stream, link) = rig.connect_up();
    write(&stream, b"x");
    assert_eq!(read_all(&stream), b"bye");
    reset(stream);
    assert_eq!(rig.expect_down(link), (LinkDown::Ended, Unsent::default()));
    assert_eq!(rig.stop(), [Seen::Command]);
}

#[test]
fn a_peer_that_only_listens_still_gets_its_answer() {
    let rig = Fixture::start(TestMachine::new(|event, out| {
        if let Event::Bytes { link, .. } = event {
            out.send(*link, &pattern(30_000));
        }
    }));
    let (stream, link) = rig.connect_up();
    write(&stream, b"first");
    read_exact(&stream, 30_000);
    let (other, _) = rig.connect_up();
    // It ends its side right behind its question; and because somebody else
    // speaks for the first time, both are found in one turn.
    let go_on = rig.hold();
    write(&stream, b"question");
    stream.shutdown(Shutdown::Write).unwrap();
    wait_until_held(&stream, 8, true);
    write(&other, b"hello");
    wait_until_held(&other, 5, false);
    go_on.send(()).unwrap();
    assert_eq!(read_all(&stream), pattern(30_000));
    assert_eq!(
        rig.expect_down(link),
        (LinkDown::PeerClosed, Unsent::default())
    );
    drop(other);
    rig.stop();
}

#[test]
fn a_closing_link_whose_peer_has_ended_keeps_nobody_busy() {
    let config = DriverConfig {
        send_queue_bytes_max: usize::MAX,
        ..DriverConfig::default()
    };
    let goodbye = pattern(20_000_000);
    let rig = Fixture::start_with(config, doorkeeper(goodbye.clone(), CloseWhen::Flushed));
    let (stream, link) = rig.connect_up();
    write(&stream, b"x");
    stream.shutdown(Shutdown::Write).unwrap();
    rig.expect("the order to close", |seen| {
        matches!(seen, Seen::Bytes(..)).then_some(())
    });
    rig.wait_until_idle();
    // It still gets what waits for it.
    assert!(read_all(&stream) == goodbye);
    assert_eq!(rig.expect_down(link), (LinkDown::Ended, Unsent::default()));
    rig.stop();
}

#[test]
fn what_a_peer_left_behind_unread_is_told() {
    let config = DriverConfig {
        send_queue_bytes_max: usize::MAX,
        ..quick()
    };
    let rig = Fixture::start_with(config, silent());
    let (stream, link) = rig.connect_up();
    let frame = pattern(1_000);
    let sent = frame.clone();
    rig.ask(move |out| {
        for _ in 0..20_000 {
            let range = out.store(|arena| arena.extend_from_slice(&sent));
            // Something stands between two sends, so that they do not merge.
            out.store(|arena| arena.push(0));
            out.send_stored(link, range);
        }
    });
    stream.shutdown(Shutdown::Write).unwrap();
    let (why, unsent) = rig.expect_down(link);
    assert_eq!(why, LinkDown::PeerClosed);
    assert!(!unsent.bytes.is_empty());
    assert!(unsent.written < frame.len(), "from a send's beginning on");
    assert_eq!(unsent.bytes.len() % frame.len(), 0);
    assert!(unsent.bytes.chunks(frame.len()).all(|chunk| chunk == frame));
    // All that was written was read, and it fits together.
    let came = read_all(&stream);
    assert_eq!(came.len() + unsent.bytes.len() - unsent.written, 20_000_000);
    rig.stop();
}

#[test]
fn writing_into_a_reset_does_not_lose_what_was_said_before() {
    let rig = Fixture::start(silent());
    for _ in 0..20 {
        let (stream, link) = rig.connect_up();
        let go_on = rig.hold();
        write(&stream, b"goodbye");
        wait_until_held(&stream, 7, false);
        // Commands are taken in the turn that is held: writing finds the reset
        // before reading can find what was said.
        rig.tell(move |out| out.send(link, b"too late"));
        reset(stream);
        go_on.send(()).unwrap();
        let mut heard = Vec::new();
        let (why, unsent) = rig.expect("the end", |seen| match seen {
            Seen::Bytes(from, bytes) if *from == link => {
                heard.extend_from_slice(bytes);
                None
            }
            Seen::Down(down, why, unsent) if *down == link => Some((*why, unsent.clone())),
            _ => None,
        });
        assert!(matches!(why, LinkDown::Failed(_)), "{why:?}");
        assert_eq!(unsent.bytes, b"too late");
        assert_eq!(heard, b"goodbye");
    }
    rig.stop();
}

#[test]
fn stopping_delivers_what_waits() {
    let config = DriverConfig {
        send_queue_bytes_max: usize::MAX,
        linger_max: TIMEOUT,
        ..DriverConfig::default()
    };
    let rig = Fixture::start_with(config, silent());
    let (stream, link) = rig.connect_up();
    let (other, _) = rig.connect_up();
    let words = pattern(10_000_000);
    let sent = words.clone();
    rig.tell(move |out| {
        out.send(link, &sent);
        out.stop();
    });
    assert_eq!(read_all(&other), b"");
    drop(other);
    assert_eq!(read_all(&stream), words);
    drop(stream);
    let (stopped, seen) = rig.join();
    assert_eq!(stopped, crc_net::Stopped::Graceful);
    let endpoints = seen
        .iter()
        .filter(|seen| matches!(seen, Seen::Down(_, LinkDown::Ended, unsent) if *unsent == Unsent::default()))
        .count();
    assert_eq!(endpoints, 2);
}

#[test]
fn stopping_waits_for_nobody_for_ever() {
    let config = DriverConfig {
        send_queue_bytes_max: usize::MAX,
        ..quick()
    };
    let rig = Fixture::start_with(config, silent());
    let (stubborn, first) = rig.connect_up();
    let (deaf, second) = rig.connect_up();
    rig.tell(move |out| {
        out.send(second, &pattern(20_000_000));
        out.stop();
    });
    let (_, seen) = rig.join();
    let endpoints: BTreeMap<LinkId, LinkDown> = seen
        .iter()
        .filter_map(|seen| match seen {
            Seen::Down(link, why, _) => Some((*link, *why)),
            _ => None,
        })
        .collect();
    assert_eq!(endpoints[&first], LinkDown::Ended);
    assert_eq!(endpoints[&second], LinkDown::Failed(ErrorKind::TimedOut));
    drop((stubborn, deaf));
}

#[test]
fn nobody_is_accepted_or_dialed_after_a_stop() {
    let config = DriverConfig {
        linger_max: Duration::from_secs(2),
        ..DriverConfig::default()
    };
    let rig = Fixture::start_with(config, silent());
    let (stream, _) = rig.connect_up();
    let address = rig.address;
    rig.tell(move |out| {
        out.stop();
        out.dial(crc_machine::DialId(1), address.into());
        out.stop();
    });
    assert_eq!(read_all(&stream), b"");
    let refused = TcpStream::connect(address).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    drop(stream);
    let (_, seen) = rig.join();
    assert_eq!(seen.len(), 2, "{seen:?}");
}

/// Many peers do what peers do, and more, at random; every link that came up
/// goes down, once, and says nothing in between that it should not.
#[test]
fn every_link_ends_exactly_once() {
    let config = DriverConfig {
        linger_max: Duration::from_millis(50),
        flush_max: Duration::from_millis(50),
        ..DriverConfig::default()
    };
    let (much, too_much) = (pattern(300_000), vec![b'x'; 5_000_000]);
    // Does what it is told by the first byte of whatever comes.
    let toy = TestMachine::new(move |event, out| {
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
    let rig = Fixture::start_with(config, toy);
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = move |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    let mut open = Vec::new();
    for _ in 0..600 {
        let stream = rig.connect();
        if next(4) > 0 {
            let order = u8::try_from(next(6)).unwrap();
            // It may have been closed already; that is what this is about.
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
    fixture::wait_until("the last end", || rig.stats.links_open.value() == 0);
    assert_eq!(rig.stats.queue_bytes.value(), 0);
    let mut ended = BTreeMap::new();
    for seen in rig.stop() {
        match seen {
            Seen::Up(link, ..) => assert_eq!(ended.insert(link, false), None, "a name used again"),
            Seen::Bytes(link, _) => assert_eq!(ended.get(&link), Some(&false), "bytes of no link"),
            Seen::Down(link, ..) => {
                assert_eq!(ended.insert(link, true), Some(false), "two ends of {link}");
            }
            _ => {}
        }
    }
    assert!(ended.len() >= 500, "only {} came up", ended.len());
    assert!(ended.values().all(|&ended| ended));
}

#[test]
fn a_dead_link_is_no_trouble_to_its_sender() {
    let rig = Fixture::start(silent());
    let (stream, link) = rig.connect_up();
    let (living, other) = rig.connect_up();
    drop(stream);
    rig.expect_down(link);
    rig.ask(move |out| {
        out.bound(link, 10);
        out.send(link, b"lost");
        out.send(other, b"not lost");
        out.close(link, CloseWhen::Flushed);
        out.close(link, CloseWhen::Now);
    });
    assert_eq!(read_exact(&living, 8), b"not lost");
    rig.stop();
}

#[test]
fn urgent_bytes_keep_nobody_busy() {
    let rig = Fixture::start(silent());
    let (stream, link) = rig.connect_up();
    SockRef::from(&stream).send_out_of_band(b"!").unwrap();
    write(&stream, b"x");
    rig.expect("x", |seen| {
        matches!(seen, Seen::Bytes(from, bytes) if *from == link && bytes.ends_with(b"x"))
            .then_some(())
    });
    SockRef::from(&stream).send_out_of_band(b"!").unwrap();
    rig.ask(|_| ());
    rig.wait_until_idle();
    drop(stream);
    rig.stop();
}
