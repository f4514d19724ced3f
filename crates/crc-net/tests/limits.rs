//! Limits: the descriptor limit, in a child process with few descriptors, and the connection
//! limits.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]
#![allow(
    clippy::print_stdout,
    reason = "the child process reports to its parent"
)]

mod fixture;

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use crc_machine::{ListenerId, Origin};
use crc_net::{AddressLimits, Driver, DriverConfig, LineEvent, Stopped, read_lines};
use fixture::{Fixture, Seen, TIMEOUT, echo, quick, read_exact, silent, write};
use rustix::process::{Resource, Rlimit, setrlimit};

/// The environment variable that makes a test run as the child process.
const CHILD: &str = "CRC_NET_TEST_FEW_DESCRIPTORS";
/// The descriptor limit of the child process.
const DESCRIPTORS: u64 = 40;
/// The number of links that the test opens.
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

/// The child process: answers each line of input with its counters, until the input ends.
fn child() {
    let few = Rlimit {
        current: Some(DESCRIPTORS),
        maximum: Some(DESCRIPTORS),
    };
    setrlimit(Resource::Nofile, few).unwrap();
    log::set_logger(&PrintWarnings).unwrap();
    log::set_max_level(log::LevelFilter::Warn);
    let config = DriverConfig {
        // So that the driver reaches the system's limit.
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
fn a_driver_without_descriptors_pauses_accepting() {
    if std::env::var_os(CHILD).is_some() {
        return child();
    }
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_driver_without_descriptors_pauses_accepting"])
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
            assert_ne!(
                output.read_line(&mut line).unwrap(),
                0,
                "the child process has exited"
            );
            let line = line.trim_end();
            // The test harness may write to the same line.
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
    // The driver accepts as many links as it can, and pauses repeatedly.
    let mut open = 0;
    fixture::wait_until("some pauses", || {
        let (now_open, _, pauses, _) = stats();
        open = now_open;
        pauses >= 4
    });
    assert!(open > 20 && open < DESCRIPTORS, "{open} links");
    // A pause costs one turn. Pauses grow: 10 ms, 20 ms, 40 ms, 80 ms and so on.
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
    // One turn per echo, and a few others.
    let turns = after - before;
    assert!(turns <= rounds + 20, "{turns} turns for {rounds} rounds");
    assert_eq!(warnings, 1, "one warning per series of pauses");

    // The waiting peers are accepted when descriptors are free again.
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
fn the_connection_limit_is_kept() {
    let config = DriverConfig {
        links_max: 3,
        ..quick()
    };
    let fixture = Fixture::start_with(config, silent());
    let mut links: Vec<_> = (0..3).map(|_| fixture.connect_up()).collect();
    // These wait in the backlog.
    let waiting: Vec<_> = (0..3).map(|_| fixture.connect()).collect();
    fixture::wait_until("the connection limit", || {
        fixture.stats.link_limit_hits.value() == 1
    });
    assert!(fixture.is_quiet_for(Duration::from_millis(100)));
    fixture.wait_until_idle();
    // For each link that closes, one is accepted.
    for stream in &waiting {
        let (gone, link) = links.remove(0);
        drop(gone);
        assert!(matches!(fixture.next(), Seen::Down(down, ..) if down == link));
        let peer = stream.local_addr().unwrap();
        assert!(matches!(fixture.next(), Seen::Up(_, _, endpoints) if endpoints.peer == peer));
        assert_eq!(fixture.stats.links_open.value(), 3);
    }
    drop((links, waiting));
    fixture.stop();
}

#[test]
fn a_listener_with_its_own_limit_is_independent() {
    let config = DriverConfig {
        links_max: 2,
        ..quick()
    };
    let (sender, receiver) = std::sync::mpsc::channel();
    let fixture = Fixture::set_up(config, silent(), move |driver| {
        let any = (Ipv4Addr::LOCALHOST, 0).into();
        let address = driver.listen_with_own_limit(any, ListenerId(7), 2).unwrap();
        sender.send(address).unwrap();
    });
    let own_address: SocketAddr = receiver.recv().unwrap();
    let expect_up = |stream: &TcpStream| {
        let peer = stream.local_addr().unwrap();
        match fixture.next() {
            Seen::Up(link, origin, endpoints) if endpoints.peer == peer => (link, origin),
            other => panic!("waited for {peer}, not {other:?}"),
        }
    };
    let expect_down =
        |gone| assert!(matches!(fixture.next(), Seen::Down(link, ..) if link == gone));

    // The connection limit is reached, and a third peer waits.
    let links: Vec<_> = (0..2).map(|_| fixture.connect_up()).collect();
    let waiting = fixture.connect();
    fixture::wait_until("the connection limit", || {
        fixture.stats.link_limit_hits.value() == 1
    });
    // The listener with its own limit accepts two.
    let mut own_links = Vec::new();
    for _ in 0..2 {
        let stream = TcpStream::connect(own_address).unwrap();
        let (link, origin) = expect_up(&stream);
        let listener = ListenerId(7);
        assert_eq!(origin, Origin::Accepted { listener });
        own_links.push((stream, link));
    }
    let own_waiting = TcpStream::connect(own_address).unwrap();
    assert!(fixture.is_quiet_for(Duration::from_millis(100)));
    fixture.wait_until_idle();
    assert_eq!(fixture.stats.links_open.value(), 4);

    // A link that closes makes room at its own listener only.
    let (gone, link) = own_links.remove(0);
    drop(gone);
    expect_down(link);
    expect_up(&own_waiting);
    assert!(fixture.is_quiet_for(Duration::from_millis(100)));
    let [(gone, link), (open, _)] = <[_; 2]>::try_from(links).unwrap();
    drop(gone);
    expect_down(link);
    expect_up(&waiting);
    assert_eq!(fixture.stats.links_open.value(), 4);
    fixture.wait_until_idle();
    drop((open, waiting, own_waiting, own_links));
    fixture.stop();
}

#[test]
fn a_refused_connection_is_closed_and_the_machine_does_not_learn_of_it() {
    let config = DriverConfig {
        links_max: 4,
        per_loopback_address: AddressLimits {
            links_max: 2,
            accepts_per_second: 0,
        },
        reserved_links: 1,
        reserved_for: vec!["127.0.0.3/32".parse().unwrap()],
        ..quick()
    };
    let fixture = Fixture::start_with(config, silent());
    let connect_from = |last: u8| {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let socket = socket.unwrap();
        let local = SocketAddr::from(([127, 0, 0, last], 0));
        socket.bind(&local.into()).unwrap();
        socket.connect(&fixture.address.into()).unwrap();
        TcpStream::from(socket)
    };
    let expect_up = |stream: &TcpStream| {
        let local = stream.local_addr().unwrap();
        fixture.expect("a link", |seen| match seen {
            Seen::Up(link, _, endpoints) if endpoints.peer == local => Some(*link),
            _ => None,
        })
    };
    let expect_refused = |stream: &TcpStream| {
        assert_eq!(fixture::read_all(stream), []);
        assert!(fixture.is_quiet_for(Duration::from_millis(50)));
    };

    let first: Vec<_> = (0..2).map(|_| fixture.connect_up()).collect();
    expect_refused(&connect_from(1));
    assert_eq!(fixture.stats.refused_per_address.value(), 1);
    let other = connect_from(2);
    expect_up(&other);
    expect_refused(&connect_from(2));
    assert_eq!(fixture.stats.refused_reserved.value(), 1);
    // The address of a reserved place takes it, and the limit is reached: others wait.
    let reserved = connect_from(3);
    let reserved_link = expect_up(&reserved);
    let waiting = connect_from(3);
    fixture::wait_until("the connection limit", || {
        fixture.stats.link_limit_hits.value() == 1
    });
    drop(reserved);
    fixture.expect_down(reserved_link);
    expect_up(&waiting);
    assert_eq!(fixture.stats.links_open.value(), 4);
    drop((first, other, waiting));
    fixture.stop();
}

#[test]
fn limits_change_during_a_run() {
    let limited = |links_max, per_loopback: usize| DriverConfig {
        links_max,
        per_loopback_address: AddressLimits {
            links_max: per_loopback,
            accepts_per_second: 0,
        },
        ..quick()
    };
    let (sender, senders) = std::sync::mpsc::channel();
    let fixture = Fixture::set_up(limited(2, usize::MAX), echo(), move |driver| {
        sender.send(driver.limits_sender()).unwrap();
    });
    let limits = senders.recv().unwrap();
    let (stats, connect) = (&fixture.stats, || fixture.connect());
    let is_served = |stream: &TcpStream| {
        write(stream, b"x");
        let mut byte = [0];
        std::io::Read::read(&mut &*stream, &mut byte).is_ok_and(|count| count == 1)
    };
    let first = [connect(), connect()];
    assert!(first.iter().all(is_served));
    let third = connect();
    fixture::wait_until("the limit to be reached", || {
        stats.link_limit_hits.value() == 1
    });
    // A larger limit lets those in who wait.
    limits.set(limited(4, usize::MAX).link_limits());
    assert!(is_served(&third));
    // Links that did not count for their address do now.
    limits.set(limited(100, 4).link_limits());
    let fourth = connect();
    assert!(is_served(&fourth));
    let is_refused = |stream: &TcpStream| {
        let mut byte = [0];
        !std::io::Read::read(&mut &*stream, &mut byte).is_ok_and(|count| count == 1)
    };
    assert!(is_refused(&connect()));
    // A smaller one closes no link.
    limits.set(limited(1, 1).link_limits());
    assert!(first.iter().chain([&third, &fourth]).all(is_served));
    drop((first, third));
    fixture::wait_until("links to close", || stats.links_open.value() == 1);
    let fifth = connect();
    assert!(is_served(&fourth));
    drop(fourth);
    assert!(is_served(&fifth), "the place is free");
    fixture.stop();
}

#[test]
fn a_link_of_a_gateway_counts_for_the_address_of_its_peer() {
    let limits = AddressLimits {
        links_max: 2,
        accepts_per_second: 0,
    };
    let config = DriverConfig {
        per_address: limits,
        per_loopback_address: limits,
        gateways: vec!["127.0.0.2/32".parse().unwrap()],
        gateway_links_max: 3,
        ..quick()
    };
    let fixture = Fixture::start_with(config, silent());
    let connect = || {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let socket = socket.unwrap();
        let local = SocketAddr::from(([127, 0, 0, 2], 0));
        socket.bind(&local.into()).unwrap();
        socket.connect(&fixture.address.into()).unwrap();
        TcpStream::from(socket)
    };
    let connect_up = || {
        let stream = connect();
        let local = stream.local_addr().unwrap();
        let link = fixture.expect("a link", |seen| match seen {
            Seen::Up(link, _, endpoints) if endpoints.peer == local => Some(*link),
            _ => None,
        });
        (stream, link)
    };
    let readdress = |link, peer: &str| {
        let peer = peer.parse().unwrap();
        fixture.command(move |out| out.readdress(link, peer));
        fixture.expect("the command", |seen| {
            matches!(seen, Seen::Command).then_some(())
        });
    };
    // Twelve users of six addresses, of which the gateway has three places at a time.
    let mut users = Vec::new();
    for number in 0..12 {
        let (stream, link) = connect_up();
        readdress(link, &format!("192.0.2.{}:7", number % 6));
        users.push((stream, link));
    }
    assert!(fixture.is_quiet_for(Duration::from_millis(50)));
    // A third of one address is reported, and stays until the machine closes it.
    let (third, link) = connect_up();
    readdress(link, "192.0.2.1:7");
    fixture.expect("a report", |seen| {
        (*seen == Seen::Crowded(link)).then_some(())
    });
    assert_eq!(fixture.stats.refused_per_address.value(), 1);
    fixture.command(move |out| out.close(link, crc_machine::CloseWhen::Flushed));
    assert_eq!(fixture::read_all(&third), []);
    drop(third);
    fixture.expect_down(link);
    // When a link of the address ends, there is a place again.
    let (gone, link) = users.remove(1);
    drop(gone);
    fixture.expect_down(link);
    let (again, link) = connect_up();
    readdress(link, "192.0.2.1:9");
    assert!(fixture.is_quiet_for(Duration::from_millis(50)));
    // The gateway has three places again, and no more.
    let own: Vec<_> = (0..3).map(|_| connect_up()).collect();
    assert_eq!(fixture::read_all(&connect()), []);
    assert_eq!(fixture.stats.refused_per_address.value(), 2);
    assert_eq!(fixture.stats.links_open.value(), 15);
    drop((users, again, own));
    fixture.stop();
}
