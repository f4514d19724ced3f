//! Running out: of descriptors, in a process of its own with few of them; and of
//! the links that are allowed.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]
#![allow(clippy::print_stdout, reason = "how the process of its own is heard")]

mod fixture;

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use crc_machine::{ListenerId, Origin};
use crc_net::{Driver, DriverConfig, LineEvent, Stopped, read_lines};
use fixture::{Fixture, Seen, TIMEOUT, echo, quick, read_exact, silent, write};
use rustix::process::{Resource, Rlimit, setrlimit};

/// Tells the test below that it is the process of its own.
const CHILD: &str = "CRC_NET_TEST_FEW_DESCRIPTORS";
/// So many descriptors that process has.
const DESCRIPTORS: u64 = 40;
/// So many links are opened to it.
const LINKS: usize = 60;

/// Prints warnings, so that the test can count them.
struct PrintWarnings;

impl log::Log for PrintWarnings {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            println!("warning {}", record.args());
        }
    }

    fn flush(&self) {}
}

/// Answers a line of input by the number of turns, until the input ends.
fn child() {
    let few = Rlimit {
        current: Some(DESCRIPTORS),
        maximum: Some(DESCRIPTORS),
    };
    setrlimit(Resource::Nofile, few).unwrap();
    log::set_logger(&PrintWarnings).unwrap();
    log::set_max_level(log::LevelFilter::Warn);
    let config = DriverConfig {
        // So that it is the system that says no.
        descriptors_reserve: 0,
        ..quick()
    };
    let mut driver = Driver::new(echo(), config).unwrap();
    let address = driver
        .listen((Ipv4Addr::LOCALHOST, 0).into(), ListenerId(0))
        .unwrap();
    println!("address {address}");
    let stats = driver.stats();
    let input = BufReader::new(std::io::stdin());
    read_lines(input, 100, driver.command_sender(), move |input| {
        let command: fixture::Do = match input {
            LineEvent::Line(_) => {
                let (open, turns) = (stats.links_open.value(), stats.turns.value());
                let pauses = stats.accept_pauses.value();
                println!("stats {open} {turns} {pauses}");
                return None;
            }
            _ => Box::new(|out| out.stop()),
        };
        Some(command)
    })
    .unwrap();
    assert_eq!(driver.run(|_, _| {}).unwrap(), Stopped::Graceful);
}

#[test]
fn waits_for_descriptors_without_spinning() {
    if std::env::var_os(CHILD).is_some() {
        return child();
    }
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "waits_for_descriptors_without_spinning"])
        .arg("--nocapture")
        .env(CHILD, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = process.stdin.take().unwrap();
    let mut output = BufReader::new(process.stdout.take().unwrap());
    let mut warnings = 0;
    let mut answer = |word: &str| {
        loop {
            let mut line = String::new();
            assert_ne!(output.read_line(&mut line).unwrap(), 0, "it is gone");
            let line = line.trim_end();
            // The test harness writes to the same line.
            if let Some((_, rest)) = line.split_once(&format!("{word} ")) {
                return (rest.to_owned(), warnings);
            }
            warnings += usize::from(line.starts_with("warning"));
        }
    };
    let address: SocketAddr = answer("address").0.parse().unwrap();
    let mut stats = || {
        writeln!(input, "stats?").unwrap();
        let (line, warnings) = answer("stats");
        let numbers: Vec<u64> = line.split(' ').map(|word| word.parse().unwrap()).collect();
        let [open, turns, pauses] = numbers[..] else {
            panic!("{line}");
        };
        (open, turns, pauses, warnings)
    };

    let mut links: Vec<_> = (0..LINKS)
        .map(|_| {
            let stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(TIMEOUT)).unwrap();
            stream
        })
        .collect();
    // It takes as many as it can, and pauses more than once.
    let mut open = 0;
    fixture::wait_until("some pauses", || {
        let (now_open, _, pauses, _) = stats();
        open = now_open;
        pauses >= 4
    });
    assert!(open > 20 && open < DESCRIPTORS, "{open} links");
    // Every pause is one turn, and they grow: 10 + 20 + 40 + 80 ms and so on.
    let (_, before, _, _) = stats();
    let began = std::time::Instant::now();
    let mut rounds = 0;
    while began.elapsed() < Duration::from_millis(300) {
        let answered = links[usize::try_from(rounds % 10).unwrap()].try_clone();
        write(&answered.unwrap(), b"x");
        read_exact(&links[usize::try_from(rounds % 10).unwrap()], 1);
        rounds += 1;
    }
    let (_, after, _, warnings) = stats();
    // A turn each for the bytes that were echoed, and few others.
    let turns = after - before;
    assert!(turns <= rounds + 20, "{turns} turns for {rounds} rounds");
    assert_eq!(warnings, 1, "one for the whole bad time");

    // Those who waited are served as soon as there is room.
    let waiting = links.split_off(LINKS / 2);
    drop(links);
    for stream in &waiting {
        write(stream, b"at last");
        assert_eq!(read_exact(stream, 7), b"at last");
    }
    drop(waiting);
    drop(input);
    assert!(process.wait().unwrap().success());
}

#[test]
fn takes_no_more_links_than_allowed() {
    let config = DriverConfig {
        links_max: 3,
        ..quick()
    };
    let rig = Fixture::start_with(config, silent());
    let mut links: Vec<_> = (0..3).map(|_| rig.connect_up()).collect();
    // These wait in front of the door.
    let waiting: Vec<_> = (0..3).map(|_| rig.connect()).collect();
    fixture::wait_until("the house to be full", || {
        rig.stats.link_limit_hits.value() == 1
    });
    assert!(rig.is_quiet_for(Duration::from_millis(100)));
    rig.wait_until_idle();
    // One goes, one comes; and so on.
    for stream in &waiting {
        let (gone, link) = links.remove(0);
        drop(gone);
        assert!(matches!(rig.next(), Seen::Down(down, ..) if down == link));
        let peer = stream.local_addr().unwrap();
        assert!(matches!(rig.next(), Seen::Up(_, _, endpoints) if endpoints.peer == peer));
        assert_eq!(rig.stats.links_open.value(), 3);
    }
    drop((links, waiting));
    rig.stop();
}

#[test]
fn links_that_are_counted_apart_take_no_place_and_find_theirs() {
    let config = DriverConfig {
        links_max: 2,
        ..quick()
    };
    let (tell, told) = std::sync::mpsc::channel();
    let rig = Fixture::set_up(config, silent(), move |driver| {
        let any = (Ipv4Addr::LOCALHOST, 0).into();
        let address = driver.listen_with_own_limit(any, ListenerId(7), 2).unwrap();
        tell.send(address).unwrap();
    });
    let apart: SocketAddr = told.recv().unwrap();
    let comes = |stream: &TcpStream| {
        let peer = stream.local_addr().unwrap();
        match rig.next() {
            Seen::Up(link, origin, endpoints) if endpoints.peer == peer => (link, origin),
            other => panic!("waited for {peer}, not {other:?}"),
        }
    };
    let goes = |gone| assert!(matches!(rig.next(), Seen::Down(link, ..) if link == gone));

    // The house is full, and a third one waits.
    let guests: Vec<_> = (0..2).map(|_| rig.connect_up()).collect();
    let waiting_guest = rig.connect();
    fixture::wait_until("the house to be full", || {
        rig.stats.link_limit_hits.value() == 1
    });
    // The other door is open all the same, for two.
    let mut askers = Vec::new();
    for _ in 0..2 {
        let stream = TcpStream::connect(apart).unwrap();
        let (link, origin) = comes(&stream);
        let listener = ListenerId(7);
        assert_eq!(origin, Origin::Accepted { listener });
        askers.push((stream, link));
    }
    let waiting_asker = TcpStream::connect(apart).unwrap();
    assert!(rig.is_quiet_for(Duration::from_millis(100)));
    rig.wait_until_idle();
    assert_eq!(rig.stats.links_open.value(), 4);

    // Whoever goes makes room for those who wait at the same door.
    let (gone, link) = askers.remove(0);
    drop(gone);
    goes(link);
    comes(&waiting_asker);
    assert!(rig.is_quiet_for(Duration::from_millis(100)));
    let [(gone, link), (stays, _)] = <[_; 2]>::try_from(guests).unwrap();
    drop(gone);
    goes(link);
    comes(&waiting_guest);
    assert_eq!(rig.stats.links_open.value(), 4);
    rig.wait_until_idle();
    drop((stays, waiting_guest, waiting_asker, askers));
    rig.stop();
}
