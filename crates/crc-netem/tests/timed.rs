//! What a [`TimedNet`] does with bytes and with the ends of links.

use core::time::Duration;
use std::io::ErrorKind;

use crc_machine::{CloseWhen, DialError, DialId, LinkDown, LinkId, Random, Timestamp};
use crc_netem::{
    Conditions, Dialing, Draw, Failure, HostOptions, LinkEvent, Partition, Progress, Step, TimedNet,
};

const END: Timestamp = Timestamp::from_micros(1_000_000_000);

/// What one host has seen.
#[derive(Debug, Default)]
struct Seen {
    bytes: Vec<u8>,
    reads: usize,
    downs: Vec<(LinkDown, Vec<u8>)>,
    failed: Vec<DialError>,
    link: Option<LinkId>,
}

struct Fixture {
    net: TimedNet<()>,
    seen: [Seen; 2],
}

impl Fixture {
    fn new(seed: u64, conditions: Conditions) -> Self {
        let mut net = TimedNet::new(seed, conditions);
        for address in ["10.0.0.1:1", "10.0.0.2:1"] {
            let host = net.add_host(HostOptions::new(address.parse().expect("an address")));
            net.start(host);
        }
        let seen = [Seen::default(), Seen::default()];
        Fixture { net, seen }
    }

    /// Two hosts with a connection between them.
    fn connected(seed: u64, conditions: Conditions) -> Self {
        let mut fixture = Fixture::new(seed, conditions);
        assert!(matches!(fixture.dial(), Dialing::Connecting(0)));
        fixture.run(Timestamp::from_micros(2_000_000));
        assert!(fixture.seen.iter().all(|seen| seen.link.is_some()));
        fixture
    }

    fn dial(&mut self) -> Dialing {
        let to = "10.0.0.2:1".parse().expect("an address");
        self.net.dial(0, DialId(1), &to)
    }

    fn send(&mut self, host: usize, bytes: &[u8]) -> bool {
        let link = self.seen[host].link.expect("it came up");
        let (connection, side) = self.net.sendable(host, link).expect("it is open");
        self.net.send(connection, side, bytes)
    }

    fn close(&mut self, host: usize, when: CloseWhen) {
        let link = self.seen[host].link.expect("it came up");
        self.net.close(host, link, when);
    }

    fn run(&mut self, until: Timestamp) {
        while let Some(step) = self.net.poll(until) {
            match step {
                Step::Link { host, event, .. } => {
                    let seen = &mut self.seen[host];
                    match event {
                        LinkEvent::Up { link, .. } => seen.link = Some(link),
                        LinkEvent::Bytes { bytes, .. } => {
                            assert!(!bytes.is_empty());
                            seen.reads += 1;
                            seen.bytes.extend(bytes);
                        }
                        LinkEvent::Down { why, queue, .. } => {
                            seen.downs.push((why, queue.unsent().bytes.to_vec()));
                            self.net.finish_stop(host);
                        }
                        LinkEvent::Queue { .. } => {}
                        LinkEvent::DialFailed { .. } => unreachable!("it has a step of its own"),
                    }
                }
                Step::DialFailed { host, event } => {
                    let LinkEvent::DialFailed { why, .. } = event else {
                        unreachable!("nothing else")
                    };
                    self.seen[host].failed.push(why);
                }
                Step::Stopped { host } => self.net.fail(host, Failure::Process),
                Step::Entry(()) | Step::Wake { .. } => {}
            }
        }
    }
}

fn numbers(count: usize) -> Vec<u8> {
    (0..count).map(|number| number.to_le_bytes()[0]).collect()
}

#[test]
fn bytes_arrive_in_order_in_any_segments_through_any_window() {
    let mut reads = 0;
    for seed in 0..60 {
        let conditions = Conditions {
            window: Random::new(seed).one_of(&[1, 600, 1 << 20]),
            cut_percent: 90,
            ..Conditions::default()
        };
        let mut fixture = Fixture::connected(seed, conditions);
        let sent = numbers(2_000);
        assert!(sent.chunks(700).all(|chunk| fixture.send(0, chunk)));
        fixture.run(END);
        assert_eq!(fixture.seen[1].bytes, sent);
        reads += fixture.seen[1].reads;
        let link = fixture.seen[1].link.unwrap();
        let (connection, side) = fixture.net.find(1, link).unwrap();
        let stream = fixture.net.connections()[connection].stream(1 - side);
        assert_eq!((stream.sent(), stream.delivered()), (2_000, 2_000));
    }
    assert!(reads > 1_000, "{reads}");
}

#[test]
fn a_queue_beyond_its_bound_ends_the_link_and_returns_what_was_not_written() {
    let conditions = Conditions {
        window: 10,
        ..Conditions::default()
    };
    let mut fixture = Fixture::connected(1, conditions);
    let link = fixture.seen[0].link.unwrap();
    fixture.net.bound(0, link, 20);
    assert!(fixture.send(0, &[1; 10]), "the window takes it");
    assert!(fixture.send(0, &[2; 20]), "the queue takes it");
    assert!(!fixture.send(0, &[3; 5]));
    fixture.run(END);
    let unsent = [[2; 20].to_vec(), [3; 5].to_vec()].concat();
    assert_eq!(fixture.seen[0].downs, [(LinkDown::SlowConsumer, unsent)]);
    assert_eq!(fixture.seen[1].bytes, [1; 10]);
    assert_eq!(fixture.seen[1].downs, [(LinkDown::PeerClosed, Vec::new())]);
}

#[test]
fn a_closed_link_flushes_and_each_end_is_down_once() {
    let conditions = Conditions {
        window: 100,
        ..Conditions::default()
    };
    let mut fixture = Fixture::connected(2, conditions);
    fixture.send(0, &numbers(5_000));
    fixture.close(0, CloseWhen::Flushed);
    let link = fixture.seen[0].link.unwrap();
    assert_eq!(fixture.net.sendable(0, link), None);
    fixture.run(END);
    assert_eq!(fixture.seen[1].bytes, numbers(5_000));
    assert_eq!(fixture.seen[0].downs, [(LinkDown::Ended, Vec::new())]);
    assert_eq!(fixture.seen[1].downs, [(LinkDown::PeerClosed, Vec::new())]);
}

#[test]
fn a_closed_link_waits_two_seconds_for_the_end_of_its_peer() {
    let mut fixture = Fixture::connected(3, Conditions::default());
    fixture.net.stall(0, 1, END);
    fixture.close(0, CloseWhen::Flushed);
    let closed_at = fixture.net.now();
    fixture.net.freeze(1, END);
    fixture.run(closed_at + Duration::from_micros(1_999_999));
    assert_eq!(fixture.seen[0].downs, []);
    fixture.run(closed_at + Duration::from_secs(2));
    assert_eq!(fixture.seen[0].downs, [(LinkDown::Ended, Vec::new())]);
}

#[test]
fn a_reset_loses_a_tail_and_says_which() {
    let mut lost_some = 0;
    for seed in 0..50 {
        let mut fixture = Fixture::connected(seed, Conditions::default());
        fixture.send(0, &numbers(1_000));
        for (side, millis) in [(1, 0), (0, 20)] {
            let (after, kind) = (Duration::from_millis(millis), ErrorKind::ConnectionReset);
            fixture.net.reset_after(0, side, after, kind);
        }
        fixture.run(END);
        let read = fixture.seen[1].bytes.len();
        assert_eq!(fixture.seen[1].bytes, numbers(1_000)[..read]);
        assert!(matches!(
            fixture.seen[1].downs[..],
            [(LinkDown::Failed(_), _)]
        ));
        assert_eq!(fixture.seen[0].downs.len(), 1);
        let lost = fixture.net.take_progress().into_iter();
        let lost = lost.filter_map(|progress| match progress {
            Progress::Lost {
                writer: 0,
                after,
                upto: 1_000,
                ..
            } => Some(after),
            _ => None,
        });
        assert_eq!(lost.min().unwrap_or(1_000), read as u64);
        lost_some += usize::from(read < 1_000);
    }
    assert!((20..50).contains(&lost_some), "{lost_some}");
}

#[test]
fn a_half_open_connection_is_silent() {
    let mut fixture = Fixture::connected(4, Conditions::default());
    fixture.net.black_hole(0);
    fixture.send(0, b"hello");
    fixture.run(END);
    assert_eq!(fixture.seen[1].bytes, b"");
    assert!(fixture.seen.iter().all(|seen| seen.downs.is_empty()));
    assert!(fixture.net.connections()[0].stream(0).is_dead_path());
}

#[test]
fn a_process_that_fails_closes_its_sockets_and_a_computer_does_not() {
    let mut fixture = Fixture::connected(5, Conditions::default());
    fixture.net.fail(1, Failure::Process);
    let failed_at = fixture.net.now();
    fixture.run(failed_at + Duration::from_millis(20));
    assert_eq!(fixture.seen[0].downs, [(LinkDown::PeerClosed, Vec::new())]);

    let mut fixture = Fixture::connected(5, Conditions::default());
    fixture.net.fail(1, Failure::Computer);
    fixture.run(failed_at + Duration::from_millis(20));
    assert_eq!(fixture.seen[0].downs, []);
    fixture.run(END);
    let timed_out = LinkDown::Failed(ErrorKind::TimedOut);
    assert_eq!(fixture.seen[0].downs, [(timed_out, Vec::new())]);
}

#[test]
fn dials_fail_where_no_process_accepts_and_across_a_partition() {
    let mut fixture = Fixture::new(6, Conditions::default());
    fixture.net.fail(1, Failure::Process);
    assert_eq!(fixture.dial(), Dialing::Failing);
    fixture.run(END);
    let refused = DialError::Failed(ErrorKind::ConnectionRefused);
    assert_eq!(fixture.seen[0].failed, [refused]);

    // One of these salts parts the two.
    let parted = (0..64).any(|salt| {
        let mut fixture = Fixture::new(6, Conditions::default());
        let until = END;
        fixture.net.set_partition(Some(Partition { salt, until }));
        fixture.dial();
        fixture.run(END);
        fixture.seen[0].failed == [DialError::TimedOut]
    });
    assert!(parted);
}

#[test]
fn a_frozen_host_learns_of_everything_later() {
    let mut fixture = Fixture::connected(7, Conditions::default());
    let until = fixture.net.now() + Duration::from_secs(5);
    fixture.net.freeze(1, until);
    fixture.send(0, b"hello");
    fixture.run(until + Duration::ZERO);
    assert_eq!(fixture.seen[1].bytes, b"hello");
    let mut fixture = Fixture::connected(7, Conditions::default());
    fixture.net.freeze(1, until);
    fixture.send(0, b"hello");
    fixture.run(Timestamp::from_micros(until.as_micros() - 1));
    assert_eq!(fixture.seen[1].bytes, b"");
}

#[test]
fn a_stopped_host_flushes_its_links_and_ends() {
    let mut fixture = Fixture::connected(8, Conditions::default());
    fixture.send(0, b"goodbye");
    fixture.net.stop(0);
    assert!(fixture.net.host(0).is_stopping());
    fixture.run(END);
    assert_eq!(fixture.seen[1].bytes, b"goodbye");
    assert!(!fixture.net.host(0).is_alive());
    assert_eq!(fixture.net.host(0).ends(), []);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = |seed| {
        let mut fixture = Fixture::connected(seed, Conditions::default());
        fixture.send(0, &numbers(100_000));
        fixture.close(1, CloseWhen::Flushed);
        fixture.run(END);
        (fixture.net.entries(), fixture.seen[1].reads)
    };
    assert_eq!(run(1), run(1));
    assert!((2..20).any(|seed| run(seed) != run(1)));
}
