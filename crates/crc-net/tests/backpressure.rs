//! Backpressure: a slow reader gets everything within its queue's bound, is closed beyond it, and
//! does not slow down other links.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod fixture;

use std::io::Read;

use crc_machine::{Event, LinkDown, LinkId};
use crc_net::DriverConfig;
use fixture::{
    Fixture, Seen, TIMEOUT, TestMachine, Unsent, echo, pattern, quick, read_all, read_exact,
    silent, write,
};

/// A machine that relays bytes to all other links.
fn relay() -> TestMachine {
    let mut links: Vec<LinkId> = Vec::new();
    TestMachine::new(move |event, out| match event {
        Event::LinkUp { link, .. } => links.push(*link),
        Event::LinkDown { link, .. } => links.retain(|other| other != link),
        Event::Bytes { link, bytes } => {
            let range = out.store(|arena| arena.extend_from_slice(bytes));
            for &other in links.iter().filter(|&other| other != link) {
                out.send_stored(other, range);
            }
        }
        _ => {}
    })
}

#[test]
fn a_slow_reader_gets_everything() {
    let config = DriverConfig {
        send_queue_bytes_max: usize::MAX,
        ..quick()
    };
    let mut machine = relay();
    machine.reports_bytes = false;
    let fixture = Fixture::start_with(config, machine);
    let (sender, _) = fixture.connect_up();
    let (mut receiver, _) = fixture.connect_up();
    let bytes_sent = pattern(30_000_000);
    let copy = bytes_sent.clone();
    let sending = std::thread::spawn(move || {
        write(&sender, &copy);
        sender
    });
    // The sender can send everything although the receiver does not read: the driver queues it.
    let sender = sending.join().unwrap();
    fixture::wait_until("everything to be read", || {
        fixture.stats.read_bytes.value() == 30_000_000
    });
    assert!(fixture.stats.queue_bytes.value() > 10_000_000);
    // Meanwhile other links are served.
    let (other, _) = fixture.connect_up();
    write(&sender, b"hello");
    assert_eq!(read_exact(&other, 5), b"hello");

    // Also when the slow receiver reads a part.
    let mut received = read_exact(&receiver, 6_000_000);
    write(&sender, b"hello");
    assert_eq!(read_exact(&other, 5), b"hello");

    let mut buffer = [0; 10_000];
    while received.len() < bytes_sent.len() {
        let count = receiver.read(&mut buffer).unwrap();
        assert_ne!(count, 0);
        received.extend_from_slice(&buffer[..count]);
    }
    assert!(received[..bytes_sent.len()] == bytes_sent);
    fixture::wait_until("the queue to be empty", || {
        fixture.stats.queue_bytes.value() == 0
    });
    drop((sender, receiver, other));
    fixture.stop();
}

#[test]
fn only_a_slow_consumer_is_closed_at_its_bound() {
    let mut machine = relay();
    machine.reports_bytes = false;
    let fixture = Fixture::start(machine);
    let (sender, _) = fixture.connect_up();
    let (stalled, stalled_link) = fixture.connect_up();
    let (receiver, receiver_link) = fixture.connect_up();
    fixture.call(move |out| {
        out.bound(stalled_link, 100_000);
        out.bound(receiver_link, usize::MAX);
    });
    let bytes_sent = pattern(20_000_000);
    let copy = bytes_sent.clone();
    let sending = std::thread::spawn(move || {
        write(&sender, &copy);
        sender
    });
    assert!(read_exact(&receiver, bytes_sent.len()) == bytes_sent);
    let sender = sending.join().unwrap();
    let (why, unsent) = fixture.expect_down(stalled_link);
    assert_eq!(why, LinkDown::SlowConsumer);
    let waited = unsent.bytes.len() - unsent.written;
    // The last read before the bound may exceed it.
    assert!(waited > 100_000 && waited < 100_000 + 300_000, "{waited}");
    assert_eq!(fixture.stats.slow_consumers.value(), 1);
    assert_eq!(fixture.stats.links_open.value(), 2);
    // The driver counts what it has written after the receiver can read it.
    fixture::wait_until("the queue to be empty", || {
        fixture.stats.queue_bytes.value() == 0
    });
    drop((sender, stalled, receiver));
    fixture.stop();
}

#[test]
fn unsent_bytes_start_with_a_send() {
    let fixture = Fixture::start(silent());
    let (stalled, link) = fixture.connect_up();
    let frame = pattern(777);
    // Sends until the queue exceeds its bound.
    let (why, unsent) = loop {
        let sent = frame.clone();
        fixture.command(move |out| {
            for _ in 0..10 {
                let range = out.store(|arena| arena.extend_from_slice(&sent));
                out.store(|arena| arena.push(0));
                out.send_stored(link, range);
            }
        });
        match fixture.next() {
            Seen::Command => {}
            Seen::Down(down, why, unsent) if down == link => break (why, unsent),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(why, LinkDown::SlowConsumer);
    assert!(unsent.written < frame.len());
    assert_eq!(unsent.bytes.len() % frame.len(), 0);
    assert!(unsent.bytes.chunks(frame.len()).all(|chunk| chunk == frame));
    assert!(unsent.bytes.len() > 64 * 1024);
    drop(stalled);
    fixture.stop();
}

#[test]
fn a_machine_can_raise_the_bound_before_it_sends() {
    let fixture = Fixture::start(TestMachine::new(|event, out| {
        if let Event::LinkUp { link, .. } = event {
            out.bound(*link, 30_000_000);
            out.send(*link, &pattern(20_000_000));
        }
    }));
    let stream = fixture.connect();
    assert!(read_exact(&stream, 20_000_000) == pattern(20_000_000));
    assert_eq!(fixture.stats.slow_consumers.value(), 0);
    drop(stream);
    fixture.stop();
}

#[test]
fn a_watched_queue_is_reported_as_it_grows_and_drains() {
    let fixture = Fixture::start(silent());
    let (stream, link) = fixture.connect_up();
    // A buffer that does not grow, so that most bytes stay in the driver.
    let socket = socket2::SockRef::from(&stream);
    socket.set_recv_buffer_size(1_000_000).unwrap();
    fixture.command(move |out| {
        out.bound(link, usize::MAX);
        out.watch(link, 1_000_000);
        out.send(link, &pattern(30_000_000));
    });
    let report = |fixture: &Fixture| {
        fixture.expect("a report", |seen| match seen {
            Seen::Queue(of, report) if *of == link => Some(*report),
            _ => None,
        })
    };
    let first = report(&fixture);
    assert!(first.waiting > 10_000_000, "{first:?}");
    let (mut waiting, mut written) = (first.waiting, 0);
    let mut expect_report = |fixture: &Fixture| {
        let next = report(fixture);
        assert!(next.waiting < waiting);
        waiting = next.waiting;
        written += next.written;
        (waiting, written)
    };
    // Each time the driver can write more than a step, and has more than it can write.
    let mut received = Vec::new();
    for _ in 0..3 {
        received.extend(read_exact(&stream, 6_000_000));
        assert!(expect_report(&fixture).0 > 0);
    }
    let reading = std::thread::spawn(move || {
        received.extend(read_exact(&stream, 12_000_000));
        assert!(received == pattern(30_000_000));
        stream
    });
    while expect_report(&fixture).0 > 0 {}
    assert_eq!(written, first.waiting);
    drop(reading.join().unwrap());
    fixture.stop();
}

#[test]
fn a_paused_link_is_not_read() {
    let fixture = Fixture::start(silent());
    let (stream, link) = fixture.connect_up();
    let (other, other_link) = fixture.connect_up();
    fixture.command(move |out| out.pause(link, true));
    fixture.expect("the command", |seen| {
        matches!(seen, Seen::Command).then_some(())
    });
    write(&stream, b"hello");
    write(&other, b"other");
    let bytes = |seen: &Seen| match seen {
        Seen::Bytes(from, bytes) => Some((*from, bytes.clone())),
        _ => None,
    };
    let received = fixture.expect("bytes", bytes);
    assert_eq!(received, (other_link, b"other".to_vec()));
    assert!(fixture.is_quiet_for(std::time::Duration::from_millis(200)));
    fixture.command(move |out| {
        out.send(link, b"still");
        out.pause(link, false);
    });
    assert_eq!(read_exact(&stream, 5), b"still");
    assert_eq!(fixture.expect("bytes", bytes), (link, b"hello".to_vec()));
    // A paused link that the machine closes is read to its end, and goes down.
    fixture.call(move |out| out.pause(other_link, true));
    write(&other, b"unread");
    fixture.command(move |out| out.close(other_link, crc_machine::CloseWhen::Flushed));
    drop(other);
    assert_eq!(fixture.expect_down(other_link).0, LinkDown::Ended);
    // The end of a paused link shows when it is read again.
    fixture.command(move |out| out.pause(link, true));
    write(&stream, b"bye");
    drop(stream);
    fixture.command(move |out| out.pause(link, false));
    assert_eq!(fixture.expect("bytes", bytes), (link, b"bye".to_vec()));
    assert_eq!(fixture.expect_down(link).0, LinkDown::PeerClosed);
    fixture.stop();
}

#[test]
fn a_turn_writes_when_the_outbox_is_full() {
    let config = DriverConfig {
        outbox_bytes_max: 10_000,
        ..quick()
    };
    let fixture = Fixture::start_with(config, silent());
    let (stream, link) = fixture.connect_up();
    // All sends are in one turn.
    let resume = fixture.hold();
    for number in 0..10 {
        fixture.command(move |out| out.send(link, &[number; 11_000]));
    }
    resume.send(()).unwrap();
    let expected: Vec<u8> = (0..10).flat_map(|number| [number; 11_000]).collect();
    assert_eq!(read_exact(&stream, expected.len()), expected);
    assert_eq!(fixture.stats.writes.value(), 10);
    drop(stream);
    fixture.stop();
}

#[test]
fn an_echo_does_not_depend_on_the_outbox_size() {
    for outbox_bytes_max in [1, 10_000, usize::MAX / 4] {
        let config = DriverConfig {
            outbox_bytes_max,
            read_budget_bytes: 1_000_000,
            send_queue_bytes_max: usize::MAX,
            ..quick()
        };
        let mut machine = echo();
        machine.reports_bytes = false;
        let fixture = Fixture::start_with(config, machine);
        let (stream, _) = fixture.connect_up();
        let bytes_sent = pattern(3_000_000);
        let copy = bytes_sent.clone();
        let writer = stream.try_clone().unwrap();
        let sending = std::thread::spawn(move || write(&writer, &copy));
        assert!(read_exact(&stream, bytes_sent.len()) == bytes_sent);
        sending.join().unwrap();
        drop(stream);
        fixture.stop();
    }
}

#[test]
fn a_flood_does_not_starve_other_links() {
    let mut machine = echo();
    machine.reports_bytes = false;
    let config = DriverConfig {
        send_queue_bytes_max: usize::MAX,
        ..quick()
    };
    let fixture = Fixture::start_with(config, machine);
    let (flooding_stream, _) = fixture.connect_up();
    let mut reader = flooding_stream.try_clone().unwrap();
    let writer = flooding_stream.try_clone().unwrap();
    let flooding = std::thread::spawn(move || {
        let chunk = vec![b'x'; 1_000_000];
        while std::io::Write::write_all(&mut &writer, &chunk).is_ok() {}
    });
    let draining = std::thread::spawn(move || {
        let mut buffer = vec![0; 1_000_000];
        while reader.read(&mut buffer).is_ok_and(|count| count > 0) {}
    });
    let (stream, _) = fixture.connect_up();
    for round in 0..200_u8 {
        write(&stream, &[round]);
        assert_eq!(read_exact(&stream, 1), [round]);
    }
    flooding_stream.shutdown(std::net::Shutdown::Both).unwrap();
    flooding.join().unwrap();
    draining.join().unwrap();
    drop((flooding_stream, stream));
    fixture.stop();
}

/// A machine whose work depends on the number of bytes.
#[test]
fn bytes_that_cost_much_are_read_in_small_pieces() {
    const COUNT: usize = 200_000;
    let fixture = Fixture::start(TestMachine::new(|event, _| {
        if let Event::Bytes { bytes, .. } = event {
            // 0.4 ms per KiB, optimised or not, so that 64 KiB would cost 26 ms.
            for _ in 0..bytes.len().div_ceil(1024) {
                let began = std::time::Instant::now();
                while began.elapsed() < std::time::Duration::from_micros(400) {}
            }
        }
    }));
    let (stream, link) = fixture.connect_up();
    let bytes_sent = pattern(COUNT);
    let copy = bytes_sent.clone();
    let sending = std::thread::spawn(move || {
        write(&stream, &copy);
        stream
    });
    let (mut received, mut sizes) = (Vec::new(), Vec::new());
    while received.len() < COUNT {
        match fixture.next() {
            Seen::Bytes(from, bytes) if from == link => {
                sizes.push(bytes.len());
                received.extend(bytes);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(received == bytes_sent);
    // The first read shows what the bytes cost.
    assert!(sizes[0] <= 16 * 1024, "{sizes:?}");
    assert!(sizes[4..].iter().all(|&size| size <= 8 * 1024), "{sizes:?}");
    drop(sending.join().unwrap());
    fixture.stop();
}

#[test]
fn a_queue_is_written_when_the_socket_is_writable_again() {
    let config = DriverConfig {
        send_queue_bytes_max: usize::MAX,
        ..quick()
    };
    let fixture = Fixture::start_with(config, silent());
    let (stream, link) = fixture.connect_up();
    let bytes_sent = pattern(8_000_000);
    let sent = bytes_sent.clone();
    fixture.call(move |out| out.send(link, &sent));
    // The driver is idle although bytes are queued: it does not retry in vain.
    fixture.wait_until_idle();
    assert!(fixture.stats.queue_bytes.value() > 0);
    // Also when the machine sends more.
    let writes = fixture.stats.writes.value();
    for _ in 0..100 {
        fixture.call(move |out| out.send(link, b"x"));
    }
    assert_eq!(fixture.stats.writes.value(), writes);
    assert!(read_exact(&stream, bytes_sent.len()) == bytes_sent);
    assert_eq!(read_exact(&stream, 100), [b'x'; 100]);
    drop(stream);
    fixture.expect_down(link);
    fixture.stop();
}

#[test]
fn commands_wait_while_the_send_queues_are_full() {
    let config = DriverConfig {
        commands_pause_bytes: 100_000,
        send_queue_bytes_max: 1_000_000,
        flush_max: TIMEOUT,
        linger_max: TIMEOUT,
        ..DriverConfig::default()
    };
    let fixture = Fixture::start_with(config, silent());
    let (stream, link) = fixture.connect_up();
    let line = pattern(1_000);
    let commands = fixture.commands.clone();
    let sent = line.clone();
    let stats = fixture.stats.clone();
    let sending = std::thread::spawn(move || {
        for _ in 0..20_000 {
            let line = sent.clone();
            commands
                .send(Box::new(move |out| out.send(link, &line)))
                .unwrap();
            assert!(stats.queue_bytes.value() < 300_000);
        }
        commands.send(Box::new(|out| out.stop())).unwrap();
    });
    // Twenty times the bound of the queue, for a receiver that starts late.
    fixture::wait_until("commands to be paused", || {
        fixture.stats.queue_bytes.value() > 100_000
    });
    let received = read_all(&stream);
    drop(stream);
    sending.join().unwrap();
    assert_eq!(received.len(), 20_000_000);
    assert!(received.chunks(line.len()).all(|chunk| chunk == line));
    let (_, seen) = fixture.join();
    let down = seen.last().unwrap();
    assert_eq!(*down, Seen::Down(link, LinkDown::Ended, Unsent::default()));
}

#[test]
fn lines_of_an_input_are_read_as_fast_as_the_link_permits() {
    let config = DriverConfig {
        commands_pause_bytes: 100_000,
        commands_max: 16,
        send_queue_bytes_max: 1_000_000,
        flush_max: TIMEOUT,
        linger_max: TIMEOUT,
        ..DriverConfig::default()
    };
    let fixture = Fixture::start_with(config, silent());
    let (stream, link) = fixture.connect_up();
    let lines: String = (0..100_000)
        .map(|number| format!("this is line {number} of a long text\n"))
        .collect();
    let input = std::io::Cursor::new(lines.clone().into_bytes());
    crc_net::read_lines(input, 1_000, fixture.commands.clone(), move |input| {
        let command: fixture::Do = match input {
            crc_net::LineEvent::Line(mut line) => Box::new(move |out| {
                line.push('\n');
                out.send(link, line.as_bytes());
            }),
            crc_net::LineEvent::End => Box::new(|out| out.stop()),
            other => panic!("{other:?}"),
        };
        Some(command)
    })
    .unwrap();
    assert!(read_all(&stream) == lines.as_bytes());
    drop(stream);
    fixture.join();
}
