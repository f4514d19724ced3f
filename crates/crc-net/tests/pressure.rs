//! Who reads slowly: gets everything while it is within its bound, is closed
//! beyond it, and slows nobody down.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod fixture;

use std::io::Read;

use crc_machine::{Event, LinkDown, LinkId};
use crc_net::DriverConfig;
use fixture::{
    Fixture, Seen, TIMEOUT, TestMachine, Unsent, echo, pattern, quick, read_all, read_exact,
    silent, write,
};

/// Tells everybody but the speaker what was said.
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
    let mut toy = relay();
    toy.tells_bytes = false;
    let rig = Fixture::start_with(config, toy);
    let (speaker, _) = rig.connect_up();
    let (mut listener, _) = rig.connect_up();
    let words = pattern(30_000_000);
    let said = words.clone();
    let speaking = std::thread::spawn(move || {
        write(&speaker, &said);
        speaker
    });
    // It speaks to the end though nobody listens: what it says waits here.
    let speaker = speaking.join().unwrap();
    fixture::wait_until("everything to be read", || {
        rig.stats.read_bytes.value() == 30_000_000
    });
    assert!(rig.stats.queue_bytes.value() > 10_000_000);
    // Meanwhile others are served: nobody waits for anybody.
    let (other, _) = rig.connect_up();
    write(&speaker, b"and you");
    assert_eq!(read_exact(&other, 7), b"and you");

    // Nor when the slow one takes a little, and leaves the rest.
    let mut came = read_exact(&listener, 6_000_000);
    write(&speaker, b"and you");
    assert_eq!(read_exact(&other, 7), b"and you");

    let mut buffer = [0; 10_000];
    while came.len() < words.len() {
        let count = listener.read(&mut buffer).unwrap();
        assert_ne!(count, 0);
        came.extend_from_slice(&buffer[..count]);
    }
    assert!(came[..words.len()] == words);
    fixture::wait_until("the queue to be empty", || {
        rig.stats.queue_bytes.value() == 0
    });
    drop((speaker, listener, other));
    rig.stop();
}

#[test]
fn a_slow_consumer_is_closed_at_its_bound_and_nobody_else() {
    let mut toy = relay();
    toy.tells_bytes = false;
    let rig = Fixture::start(toy);
    let (speaker, _) = rig.connect_up();
    let (deaf, deaf_link) = rig.connect_up();
    let (listener, listener_link) = rig.connect_up();
    rig.ask(move |out| {
        out.bound(deaf_link, 100_000);
        out.bound(listener_link, usize::MAX);
    });
    let words = pattern(20_000_000);
    let said = words.clone();
    let speaking = std::thread::spawn(move || {
        write(&speaker, &said);
        speaker
    });
    assert!(read_exact(&listener, words.len()) == words);
    let speaker = speaking.join().unwrap();
    let (why, unsent) = rig.expect_down(deaf_link);
    assert_eq!(why, LinkDown::SlowConsumer);
    let waited = unsent.bytes.len() - unsent.written;
    // One read more than allowed, for that is how it came.
    assert!(waited > 100_000 && waited < 100_000 + 300_000, "{waited}");
    assert_eq!(rig.stats.slow_consumers.value(), 1);
    assert_eq!(rig.stats.links_open.value(), 2);
    assert_eq!(rig.stats.queue_bytes.value(), 0);
    drop((speaker, deaf, listener));
    rig.stop();
}

#[test]
fn what_is_handed_back_begins_where_a_send_began() {
    let rig = Fixture::start(silent());
    let (deaf, link) = rig.connect_up();
    let frame = pattern(777);
    // Turn after turn, until it is too much.
    let (why, unsent) = loop {
        let sent = frame.clone();
        rig.tell(move |out| {
            for _ in 0..10 {
                let range = out.store(|arena| arena.extend_from_slice(&sent));
                out.store(|arena| arena.push(0));
                out.send_stored(link, range);
            }
        });
        match rig.next() {
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
    drop(deaf);
    rig.stop();
}

#[test]
fn a_bound_can_be_raised_before_much_is_sent() {
    let rig = Fixture::start(TestMachine::new(|event, out| {
        if let Event::LinkUp { link, .. } = event {
            out.bound(*link, 30_000_000);
            out.send(*link, &pattern(20_000_000));
        }
    }));
    let stream = rig.connect();
    assert!(read_exact(&stream, 20_000_000) == pattern(20_000_000));
    assert_eq!(rig.stats.slow_consumers.value(), 0);
    drop(stream);
    rig.stop();
}

#[test]
fn much_is_written_out_in_the_middle_of_a_turn() {
    let config = DriverConfig {
        outbox_bytes_max: 10_000,
        ..quick()
    };
    let rig = Fixture::start_with(config, silent());
    let (stream, link) = rig.connect_up();
    // All in one turn.
    let go_on = rig.hold();
    for number in 0..10 {
        rig.tell(move |out| out.send(link, &[number; 11_000]));
    }
    go_on.send(()).unwrap();
    let expected: Vec<u8> = (0..10).flat_map(|number| [number; 11_000]).collect();
    assert_eq!(read_exact(&stream, expected.len()), expected);
    assert_eq!(rig.stats.writes.value(), 10);
    drop(stream);
    rig.stop();
}

#[test]
fn an_echo_of_much_is_the_same_in_every_size_of_outbox() {
    for outbox_bytes_max in [1, 10_000, usize::MAX / 4] {
        let config = DriverConfig {
            outbox_bytes_max,
            read_budget_bytes: 1_000_000,
            send_queue_bytes_max: usize::MAX,
            ..quick()
        };
        let mut toy = echo();
        toy.tells_bytes = false;
        let rig = Fixture::start_with(config, toy);
        let (stream, _) = rig.connect_up();
        let words = pattern(3_000_000);
        let said = words.clone();
        let writer = stream.try_clone().unwrap();
        let speaking = std::thread::spawn(move || write(&writer, &said));
        assert!(read_exact(&stream, words.len()) == words);
        speaking.join().unwrap();
        drop(stream);
        rig.stop();
    }
}

#[test]
fn a_flooder_does_not_keep_others_waiting() {
    let mut toy = echo();
    toy.tells_bytes = false;
    let config = DriverConfig {
        send_queue_bytes_max: usize::MAX,
        ..quick()
    };
    let rig = Fixture::start_with(config, toy);
    let (flooder, _) = rig.connect_up();
    let mut reader = flooder.try_clone().unwrap();
    let writer = flooder.try_clone().unwrap();
    let flooding = std::thread::spawn(move || {
        let chunk = vec![b'x'; 1_000_000];
        while std::io::Write::write_all(&mut &writer, &chunk).is_ok() {}
    });
    let draining = std::thread::spawn(move || {
        let mut buffer = vec![0; 1_000_000];
        while reader.read(&mut buffer).is_ok_and(|count| count > 0) {}
    });
    let (stream, _) = rig.connect_up();
    for round in 0..200_u8 {
        write(&stream, &[round]);
        assert_eq!(read_exact(&stream, 1), [round]);
    }
    flooder.shutdown(std::net::Shutdown::Both).unwrap();
    flooding.join().unwrap();
    draining.join().unwrap();
    drop((flooder, stream));
    rig.stop();
}

#[test]
fn a_queue_that_was_full_is_sent_without_a_further_word() {
    let config = DriverConfig {
        send_queue_bytes_max: usize::MAX,
        ..quick()
    };
    let rig = Fixture::start_with(config, silent());
    let (stream, link) = rig.connect_up();
    let words = pattern(8_000_000);
    let sent = words.clone();
    rig.ask(move |out| out.send(link, &sent));
    // The driver is idle now, though much waits: it does not try in vain.
    rig.wait_until_idle();
    assert!(rig.stats.queue_bytes.value() > 0);
    // Nor when there is more to send.
    let writes = rig.stats.writes.value();
    for _ in 0..100 {
        rig.ask(move |out| out.send(link, b"x"));
    }
    assert_eq!(rig.stats.writes.value(), writes);
    assert!(read_exact(&stream, words.len()) == words);
    assert_eq!(read_exact(&stream, 100), [b'x'; 100]);
    drop(stream);
    rig.expect_down(link);
    rig.stop();
}

#[test]
fn commands_wait_while_much_waits_to_be_sent() {
    let config = DriverConfig {
        commands_pause_bytes: 100_000,
        send_queue_bytes_max: 1_000_000,
        linger_max: TIMEOUT,
        ..DriverConfig::default()
    };
    let rig = Fixture::start_with(config, silent());
    let (stream, link) = rig.connect_up();
    let line = pattern(1_000);
    let commands = rig.commands.clone();
    let sent = line.clone();
    let stats = rig.stats.clone();
    let speaking = std::thread::spawn(move || {
        for _ in 0..20_000 {
            let line = sent.clone();
            commands
                .send(Box::new(move |out| out.send(link, &line)))
                .unwrap();
            assert!(stats.queue_bytes.value() < 300_000);
        }
        commands.send(Box::new(|out| out.stop())).unwrap();
    });
    // Twenty times what may wait, to somebody who takes its time.
    fixture::wait_until("commands to be held back", || {
        rig.stats.queue_bytes.value() > 100_000
    });
    let came = read_all(&stream);
    drop(stream);
    speaking.join().unwrap();
    assert_eq!(came.len(), 20_000_000);
    assert!(came.chunks(line.len()).all(|chunk| chunk == line));
    let (_, seen) = rig.join();
    let down = seen.last().unwrap();
    assert_eq!(*down, Seen::Down(link, LinkDown::Ended, Unsent::default()));
}

#[test]
fn lines_of_an_input_are_taken_as_fast_as_they_can_be_sent() {
    let config = DriverConfig {
        commands_pause_bytes: 100_000,
        commands_max: 16,
        send_queue_bytes_max: 1_000_000,
        linger_max: TIMEOUT,
        ..DriverConfig::default()
    };
    let rig = Fixture::start_with(config, silent());
    let (stream, link) = rig.connect_up();
    let lines: String = (0..100_000)
        .map(|number| format!("this is line {number} of a long text\n"))
        .collect();
    let input = std::io::Cursor::new(lines.clone().into_bytes());
    crc_net::read_lines(input, 1_000, rig.commands.clone(), move |input| {
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
    rig.join();
}
