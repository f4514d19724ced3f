//! Links come up, carry bytes in both directions, and go down; ticks and commands arrive; an idle
//! driver makes no turns.

mod fixture;

use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::time::Duration;

use crc_machine::{Event, LinkDown, ListenerId, Origin};
use crc_net::{Driver, DriverConfig, ListenError, SendError, Stopped};
use fixture::{
    Fixture, Seen, TIMEOUT, TestMachine, Unsent, echo, pattern, quick, read_all, read_exact,
    silent, wait_until_held, write,
};

#[test]
fn echoes_all_bytes() {
    let fixture = Fixture::start(echo());
    let (stream, link) = fixture.connect_up();
    write(&stream, b"hello");
    assert_eq!(read_exact(&stream, 5), b"hello");
    assert_eq!(fixture.next(), Seen::Bytes(link, b"hello".to_vec()));
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(
        fixture.next(),
        Seen::Down(link, LinkDown::PeerClosed, Unsent::default())
    );
    assert_eq!(read_all(&stream), b"");
    assert_eq!(fixture.stop(), [Seen::Command]);
}

#[test]
fn a_link_has_an_origin_and_endpoints() {
    let fixture = Fixture::start(silent());
    let stream = fixture.connect();
    let Seen::Up(_, origin, endpoints) = fixture.next() else {
        panic!("the first event is LinkUp");
    };
    let listener = ListenerId(0);
    assert_eq!(origin, Origin::Accepted { listener });
    assert_eq!(endpoints.peer, stream.local_addr().unwrap());
    assert_eq!(endpoints.local, fixture.address);
    fixture.stop();
}

#[test]
fn the_stream_does_not_depend_on_segmentation() {
    let fixture = Fixture::start(echo());
    let sent = pattern(3_000);
    for cut in [1, 2, 3, 7, 100, 1_000, 2_999] {
        let (stream, link) = fixture.connect_up();
        let mut reader = stream.try_clone().unwrap();
        for part in sent.chunks(cut) {
            write(&stream, part);
            if cut > 10 {
                // Waits for the echo, so that the kernel does not merge the segments.
                assert_eq!(read_exact(&reader, part.len()), part);
            }
        }
        stream.shutdown(Shutdown::Write).unwrap();
        if cut <= 10 {
            assert_eq!(read_all(&reader), sent);
        }
        reader.flush().unwrap();
        let mut came = Vec::new();
        let (why, _) = loop {
            match fixture.next() {
                Seen::Bytes(from, bytes) if from == link => {
                    assert!(!bytes.is_empty());
                    came.extend(bytes);
                }
                Seen::Down(from, why, unsent) if from == link => break (why, unsent),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(why, LinkDown::PeerClosed);
        assert_eq!(came, sent);
    }
    fixture.stop();
}

#[test]
fn a_turn_writes_many_sends_in_order() {
    let fixture = Fixture::start(silent());
    let (one, first) = fixture.connect_up();
    let (other, second) = fixture.connect_up();
    let writes_before = fixture.stats.writes.value();
    // More sends than one vectored write can have, and no two of one link are adjacent.
    let (to_one, to_other) = fixture.call(move |out| {
        let (mut to_one, mut to_other) = (Vec::new(), Vec::new());
        for number in 0..3_000_u32 {
            out.send(first, &number.to_be_bytes());
            to_one.extend(number.to_be_bytes());
            out.send(second, &number.to_le_bytes());
            to_other.extend(number.to_le_bytes());
        }
        (to_one, to_other)
    });
    assert_eq!(read_exact(&one, to_one.len()), to_one);
    assert_eq!(read_exact(&other, to_other.len()), to_other);
    let writes = fixture.stats.writes.value() - writes_before;
    assert!(writes <= 8, "{writes} system calls for 6,000 sends");
    fixture.stop();
}

#[test]
fn a_broadcast_reaches_all_links() {
    let fixture = Fixture::start(silent());
    let links: Vec<_> = (0..50).map(|_| fixture.connect_up()).collect();
    let ids: Vec<_> = links.iter().map(|(_, link)| *link).collect();
    fixture.command(move |out| {
        for round in 0..100_u8 {
            let range = out.store(|arena| arena.extend([round; 100]));
            for &link in &ids {
                out.send_stored(link, range);
            }
        }
    });
    let expected: Vec<u8> = (0..100_u8).flat_map(|round| [round; 100]).collect();
    for (stream, _) in &links {
        assert_eq!(read_exact(stream, expected.len()), expected);
    }
    fixture.stop();
}

#[test]
fn listens_on_both_families_at_the_same_port() {
    let mut driver = Driver::new(silent(), DriverConfig::default()).unwrap();
    let v4 = driver
        .listen((Ipv4Addr::UNSPECIFIED, 0).into(), ListenerId(4))
        .unwrap();
    assert_ne!(v4.port(), 0);
    let wanted: SocketAddr = (Ipv6Addr::UNSPECIFIED, v4.port()).into();
    let v6 = driver.listen(wanted, ListenerId(6)).unwrap();
    assert_eq!(v6, wanted);
    let commands = driver.command_sender();
    let connected = std::thread::spawn(move || {
        let four = TcpStream::connect((Ipv4Addr::LOCALHOST, v4.port())).unwrap();
        let six = TcpStream::connect((Ipv6Addr::LOCALHOST, v6.port())).unwrap();
        (four, six)
    });
    let mut accepted = Vec::new();
    let stopped = driver.run(|_, seen| {
        if let Seen::Up(_, Origin::Accepted { listener }, endpoints) = seen {
            accepted.push((
                listener.0,
                endpoints.local.is_ipv6(),
                endpoints.peer.is_ipv6(),
            ));
        }
        if accepted.len() == 2 {
            let _ = commands.try_send(Box::new(|out| out.stop()));
        }
    });
    assert_eq!(stopped.unwrap(), Stopped::Graceful);
    accepted.sort_unstable();
    assert_eq!(accepted, [(4, false, false), (6, true, true)]);
    connected.join().unwrap();
}

#[test]
fn a_listen_error_names_the_address() {
    let mut driver = Driver::new(silent(), DriverConfig::default()).unwrap();
    let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let taken = other.local_addr().unwrap();
    let error = driver.listen(taken, ListenerId(0)).unwrap_err();
    assert!(matches!(error, ListenError::AddressInUse { address } if address == taken));
    assert!(error.to_string().contains(&taken.to_string()), "{error}");

    // An address from a range that is reserved for documentation.
    let foreign: SocketAddr = (Ipv4Addr::new(192, 0, 2, 1), 0).into();
    let error = driver.listen(foreign, ListenerId(0)).unwrap_err();
    assert!(matches!(error, ListenError::AddressNotLocal { address } if address == foreign));
    assert_eq!(error.address(), foreign);
}

#[test]
fn a_restarted_driver_can_reuse_the_port() {
    let fixture = Fixture::start(echo());
    let (stream, _) = fixture.connect_up();
    write(&stream, b"x");
    read_exact(&stream, 1);
    let address = fixture.address;
    // The driver closes first, so that the old connection is in TIME_WAIT on its side.
    let stopping = std::thread::spawn(move || fixture.stop());
    assert_eq!(read_all(&stream), b"");
    drop(stream);
    stopping.join().unwrap();
    let mut driver = Driver::new(silent(), DriverConfig::default()).unwrap();
    assert_eq!(driver.listen(address, ListenerId(0)).unwrap(), address);
}

#[test]
fn an_idle_driver_makes_no_turns() {
    let fixture = Fixture::start(echo());
    let links: Vec<_> = (0..20).map(|_| fixture.connect_up()).collect();
    for (stream, _) in &links {
        write(stream, b"x");
        read_exact(stream, 1);
    }
    fixture.call(|_| ());
    fixture.wait_until_idle();
    assert_eq!(fixture.stats.links_open.value(), 20);
    fixture.stop();
}

#[test]
fn a_tick_comes_at_the_deadline() {
    let mut machine = silent();
    let pause = Duration::from_millis(50);
    machine.deadline = Some(crc_machine::Timestamp::START + pause);
    let mut driver = Driver::new(machine, DriverConfig::default()).unwrap();
    let commands = driver.command_sender();
    let before = driver.now();
    driver
        .run(|_, seen| {
            if seen == Seen::Tick {
                let _ = commands.try_send(Box::new(|out| out.stop()));
            }
        })
        .unwrap();
    assert!(driver.now().since(crc_machine::Timestamp::START) >= pause);
    assert!(driver.now() > before);
    let turns = driver.stats().turns.value();
    assert!(turns <= 5, "{turns} turns for one tick and one command");
}

#[test]
fn commands_of_each_thread_arrive_in_order() {
    let fixture = Fixture::start(silent());
    let (sender, receiver) = channel();
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let commands = fixture.commands.clone();
            let sender = sender.clone();
            std::thread::spawn(move || {
                // More commands than the queue holds, and more than one turn takes.
                for number in 0..3_000 {
                    let sender = sender.clone();
                    commands
                        .send(Box::new(move |_| sender.send((thread, number)).unwrap()))
                        .unwrap();
                }
            })
        })
        .collect();
    let mut next = [0; 4];
    for _ in 0..12_000 {
        let (thread, number) = receiver.recv_timeout(TIMEOUT).unwrap();
        assert_eq!(number, next[thread]);
        next[thread] += 1;
    }
    for thread in threads {
        thread.join().unwrap();
    }
    let commands = fixture.commands.clone();
    fixture.stop();
    assert_eq!(commands.send(Box::new(|_| ())), Err(SendError::Closed));
    assert_eq!(commands.try_send(Box::new(|_| ())), Err(SendError::Closed));
}

#[test]
fn a_full_command_queue_is_an_error() {
    let config = DriverConfig {
        commands_max: 2,
        ..DriverConfig::default()
    };
    let driver = Driver::new(silent(), config).unwrap();
    let commands = driver.command_sender();
    assert_eq!(commands.try_send(Box::new(|_| ())), Ok(()));
    assert_eq!(commands.try_send(Box::new(|_| ())), Ok(()));
    assert_eq!(commands.try_send(Box::new(|_| ())), Err(SendError::Full));
}

#[test]
fn commands_given_before_the_run_come_first() {
    let mut driver = Driver::new(silent(), DriverConfig::default()).unwrap();
    let mut seen = Vec::new();
    driver.command(Box::new(|out| out.notice(Seen::Note("first".to_owned()))));
    driver.command(Box::new(|out| out.notice(Seen::Note("second".to_owned()))));
    driver.command(Box::new(|out| out.stop()));
    driver.run(|_, notice| seen.push(notice)).unwrap();
    let note = |text: &str| Seen::Note(text.to_owned());
    let expected = [
        note("first"),
        Seen::Command,
        note("second"),
        Seen::Command,
        Seen::Command,
    ];
    assert_eq!(seen, expected);
}

#[test]
fn the_read_budget_limits_each_link() {
    // A machine that reports the longest run of bytes of one link.
    let config = DriverConfig {
        read_budget_bytes: 10_000,
        read_buffer_bytes: 4_000,
        ..quick()
    };
    let mut longest = 0;
    let mut last = (None, 0);
    let machine = TestMachine::new(move |event, out| {
        if let Event::Bytes { link, bytes } = event {
            let run = if last.0 == Some(*link) { last.1 } else { 0 };
            last = (Some(*link), run + bytes.len());
            longest = longest.max(last.1);
            out.notice(Seen::Note(longest.to_string()));
        }
    });
    let fixture = Fixture::start_with(config, machine);
    let (one, _) = fixture.connect_up();
    let (other, second) = fixture.connect_up();
    // Both links have bytes before the driver continues.
    let resume = fixture.hold();
    for stream in [&one, &other] {
        write(stream, &pattern(40_000));
        wait_until_held(stream, 40_000, false);
    }
    resume.send(()).unwrap();
    let mut left = [40_000, 40_000];
    let mut most = 0;
    while left[0] > 0 && left[1] > 0 {
        match fixture.next() {
            Seen::Bytes(link, bytes) => {
                let index = usize::from(link == second);
                left[index] -= bytes.len();
            }
            Seen::Note(longest) => most = longest.parse().unwrap(),
            _ => {}
        }
    }
    // The last link of a turn and the first of the next may be the same.
    assert!(most <= 20_000, "{most} consecutive bytes of one link");
    fixture.stop();
}
