//! Links come up, carry bytes both ways, and go down; time passes; commands
//! arrive; and nothing at all happens at no cost.

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
fn says_everything_back() {
    let rig = Fixture::start(echo());
    let (stream, link) = rig.connect_up();
    write(&stream, b"hello");
    assert_eq!(read_exact(&stream, 5), b"hello");
    assert_eq!(rig.next(), Seen::Bytes(link, b"hello".to_vec()));
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(
        rig.next(),
        Seen::Down(link, LinkDown::PeerClosed, Unsent::default())
    );
    assert_eq!(read_all(&stream), b"");
    assert_eq!(rig.stop(), [Seen::Command]);
}

#[test]
fn a_link_says_where_it_comes_from() {
    let rig = Fixture::start(silent());
    let stream = rig.connect();
    let Seen::Up(_, origin, endpoints) = rig.next() else {
        panic!("a link first");
    };
    let listener = ListenerId(0);
    assert_eq!(origin, Origin::Accepted { listener });
    assert_eq!(endpoints.peer, stream.local_addr().unwrap());
    assert_eq!(endpoints.local, rig.address);
    rig.stop();
}

#[test]
fn any_segmentation_gives_the_same_stream() {
    let rig = Fixture::start(echo());
    let sent = pattern(3_000);
    for cut in [1, 2, 3, 7, 100, 1_000, 2_999] {
        let (stream, link) = rig.connect_up();
        let mut reader = stream.try_clone().unwrap();
        for part in sent.chunks(cut) {
            write(&stream, part);
            if cut > 10 {
                // In step, so that the cuts are really seen.
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
            match rig.next() {
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
    rig.stop();
}

#[test]
fn a_turn_carries_many_sends_in_order() {
    let rig = Fixture::start(silent());
    let (one, first) = rig.connect_up();
    let (other, second) = rig.connect_up();
    let writes_before = rig.stats.writes.value();
    // More than go into one system call, and none next to another of its link.
    let (to_one, to_other) = rig.ask(move |out| {
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
    let writes = rig.stats.writes.value() - writes_before;
    assert!(writes <= 8, "{writes} system calls for 6,000 sends");
    rig.stop();
}

#[test]
fn a_broadcast_goes_to_everybody() {
    let rig = Fixture::start(silent());
    let links: Vec<_> = (0..50).map(|_| rig.connect_up()).collect();
    let ids: Vec<_> = links.iter().map(|(_, link)| *link).collect();
    rig.tell(move |out| {
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
    rig.stop();
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
    let mut doors = Vec::new();
    let stopped = driver.run(|_, seen| {
        if let Seen::Up(_, Origin::Accepted { listener }, endpoints) = seen {
            doors.push((
                listener.0,
                endpoints.local.is_ipv6(),
                endpoints.peer.is_ipv6(),
            ));
        }
        if doors.len() == 2 {
            let _ = commands.try_send(Box::new(|out| out.stop()));
        }
    });
    assert_eq!(stopped.unwrap(), Stopped::Graceful);
    doors.sort_unstable();
    assert_eq!(doors, [(4, false, false), (6, true, true)]);
    connected.join().unwrap();
}

#[test]
fn says_what_is_wrong_with_an_address() {
    let mut driver = Driver::new(silent(), DriverConfig::default()).unwrap();
    let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let taken = other.local_addr().unwrap();
    let error = driver.listen(taken, ListenerId(0)).unwrap_err();
    assert!(matches!(error, ListenError::AddressInUse { address } if address == taken));
    assert!(error.to_string().contains(&taken.to_string()), "{error}");

    // From a range that is set aside for documents.
    let foreign: SocketAddr = (Ipv4Addr::new(192, 0, 2, 1), 0).into();
    let error = driver.listen(foreign, ListenerId(0)).unwrap_err();
    assert!(matches!(error, ListenError::AddressNotLocal { address } if address == foreign));
    assert_eq!(error.address(), foreign);
}

#[test]
fn a_port_is_free_again_at_once() {
    let rig = Fixture::start(echo());
    let (stream, _) = rig.connect_up();
    write(&stream, b"x");
    read_exact(&stream, 1);
    let address = rig.address;
    // It closes first, so that the old connection lingers on its side.
    let stopping = std::thread::spawn(move || rig.stop());
    assert_eq!(read_all(&stream), b"");
    drop(stream);
    stopping.join().unwrap();
    let mut driver = Driver::new(silent(), DriverConfig::default()).unwrap();
    assert_eq!(driver.listen(address, ListenerId(0)).unwrap(), address);
}

#[test]
fn does_nothing_when_nothing_happens() {
    let rig = Fixture::start(echo());
    let links: Vec<_> = (0..20).map(|_| rig.connect_up()).collect();
    for (stream, _) in &links {
        write(stream, b"x");
        read_exact(stream, 1);
    }
    rig.ask(|_| ());
    rig.wait_until_idle();
    assert_eq!(rig.stats.links_open.value(), 20);
    rig.stop();
}

#[test]
fn ticks_when_it_is_time() {
    let mut toy = silent();
    let pause = Duration::from_millis(50);
    toy.deadline = Some(crc_machine::Timestamp::START + pause);
    let mut driver = Driver::new(toy, DriverConfig::default()).unwrap();
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
fn commands_come_from_anywhere_in_order() {
    let rig = Fixture::start(silent());
    let (tell, told) = channel();
    let givers: Vec<_> = (0..4)
        .map(|giver| {
            let commands = rig.commands.clone();
            let tell = tell.clone();
            std::thread::spawn(move || {
                // More than may wait, and more than are taken in a turn.
                for number in 0..3_000 {
                    let tell = tell.clone();
                    commands
                        .send(Box::new(move |_| tell.send((giver, number)).unwrap()))
                        .unwrap();
                }
            })
        })
        .collect();
    let mut next = [0; 4];
    for _ in 0..12_000 {
        let (giver, number) = told.recv_timeout(TIMEOUT).unwrap();
        assert_eq!(number, next[giver]);
        next[giver] += 1;
    }
    for giver in givers {
        giver.join().unwrap();
    }
    let commands = rig.commands.clone();
    rig.stop();
    assert_eq!(commands.send(Box::new(|_| ())), Err(SendError::Closed));
    assert_eq!(commands.try_send(Box::new(|_| ())), Err(SendError::Closed));
}

#[test]
fn a_full_inbox_says_so() {
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
fn nobody_is_read_from_without_end() {
    // A machine that counts who is read when.
    let config = DriverConfig {
        read_budget_bytes: 10_000,
        read_buffer_bytes: 4_000,
        ..quick()
    };
    let mut longest = 0;
    let mut last = (None, 0);
    let toy = TestMachine::new(move |event, out| {
        if let Event::Bytes { link, bytes } = event {
            let run = if last.0 == Some(*link) { last.1 } else { 0 };
            last = (Some(*link), run + bytes.len());
            longest = longest.max(last.1);
            out.notice(Seen::Note(longest.to_string()));
        }
    });
    let rig = Fixture::start_with(config, toy);
    let (one, _) = rig.connect_up();
    let (other, second) = rig.connect_up();
    // Both have something to be read before the driver may go on.
    let go_on = rig.hold();
    for stream in [&one, &other] {
        write(stream, &pattern(40_000));
        wait_until_held(stream, 40_000, false);
    }
    go_on.send(()).unwrap();
    let mut left = [40_000, 40_000];
    let mut most = 0;
    while left[0] > 0 && left[1] > 0 {
        match rig.next() {
            Seen::Bytes(link, bytes) => {
                let index = usize::from(link == second);
                left[index] -= bytes.len();
            }
            Seen::Note(longest) => most = longest.parse().unwrap(),
            _ => {}
        }
    }
    // The last of one turn and the first of the next may be the same.
    assert!(most <= 20_000, "{most} bytes of one in a row");
    rig.stop();
}
