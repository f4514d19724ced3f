//! A driver on a thread of its own, with a machine that tells all it sees and
//! does what a test asks it to.

#![allow(dead_code, unreachable_pub, reason = "no test uses all of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crc_machine::{
    DialError, DialId, Endpoints, Event, LinkDown, LinkId, ListenerId, Machine, Origin, Outbox,
    Timestamp,
};
use crc_net::{Commander, Driver, DriverConfig, DriverError, Stats, Stopped};

/// Long enough for whatever happens at all, on the slowest machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What a machine was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    Up(LinkId, Origin, Endpoints),
    Bytes(LinkId, Vec<u8>),
    Down(LinkId, LinkDown, Unsent),
    DialFailed(DialId, DialError),
    Command,
    Tick,
    /// Something that a reaction wants to tell.
    Note(String),
}

/// What never left the process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unsent {
    pub bytes: Vec<u8>,
    pub written: usize,
}

pub type Out = Outbox<Seen>;

/// A command: whatever a test wants done inside the machine.
pub type Do = Box<dyn FnOnce(&mut Out) + Send>;

/// What a machine does about events, besides telling of them.
pub type Reaction = Box<dyn FnMut(&Event<'_, Do>, &mut Out) + Send>;

pub struct Toy {
    react: Reaction,
    /// Whether it tells of bytes.
    pub tells_bytes: bool,
    pub deadline: Option<Timestamp>,
}

impl Toy {
    pub fn new(react: impl FnMut(&Event<'_, Do>, &mut Out) + Send + 'static) -> Self {
        Toy {
            react: Box::new(react),
            tells_bytes: true,
            deadline: None,
        }
    }
}

impl Machine for Toy {
    type Command = Do;
    type Notice = Seen;

    fn handle(&mut self, now: Timestamp, event: Event<'_, Do>, out: &mut Out) {
        (self.react)(&event, out);
        let seen = match event {
            Event::LinkUp {
                link,
                origin,
                endpoints,
            } => Seen::Up(link, origin, endpoints),
            Event::Bytes { link, bytes } if self.tells_bytes => Seen::Bytes(link, bytes.to_vec()),
            Event::Bytes { .. } => return,
            Event::LinkDown { link, why, unsent } => {
                let unsent = Unsent {
                    bytes: unsent.bytes.to_vec(),
                    written: unsent.written,
                };
                Seen::Down(link, why, unsent)
            }
            Event::DialFailed { dial, why } => Seen::DialFailed(dial, why),
            Event::Command(what) => {
                what(out);
                Seen::Command
            }
            Event::Tick => {
                self.deadline = self.deadline.filter(|&deadline| deadline > now);
                Seen::Tick
            }
        };
        out.notice(seen);
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.deadline
    }
}

/// A machine that says everything back.
pub fn echo() -> Toy {
    Toy::new(|event, out| {
        if let Event::Bytes { link, bytes } = event {
            out.send(*link, bytes);
        }
    })
}

/// A machine that only listens.
pub fn silent() -> Toy {
    Toy::new(|_, _| {})
}

/// The settings of most tests: as usual, but with peers that do not hang up
/// nobody has much patience.
pub fn quick() -> DriverConfig {
    DriverConfig {
        linger_max: Duration::from_millis(200),
        ..DriverConfig::default()
    }
}

/// A running driver.
pub struct Rig {
    /// Where it listens.
    pub address: SocketAddr,
    pub commander: Commander<Do>,
    pub stats: Arc<Stats>,
    seen: Receiver<Seen>,
    thread: JoinHandle<Result<Stopped, DriverError>>,
}

impl Rig {
    pub fn start(toy: Toy) -> Rig {
        Rig::start_with(quick(), toy)
    }

    pub fn start_with(config: DriverConfig, toy: Toy) -> Rig {
        Rig::set_up(config, toy, |_| {})
    }

    /// Starts a driver to which `more` is done before it runs.
    pub fn set_up(
        config: DriverConfig,
        toy: Toy,
        more: impl FnOnce(&mut Driver<Toy>) + Send + 'static,
    ) -> Rig {
        let (ready, is_ready) = channel();
        let (tell, seen) = channel();
        let thread = thread::spawn(move || run(config, toy, more, &ready, &tell));
        let (address, commander, stats) = is_ready.recv_timeout(PATIENCE).unwrap();
        Rig {
            address,
            commander,
            stats,
            seen,
            thread,
        }
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Connects, and waits for the link to be up.
    pub fn connect_up(&self) -> (TcpStream, LinkId) {
        let stream = self.connect();
        let local = stream.local_addr().unwrap();
        let link = self.expect("a link", |seen| match seen {
            Seen::Up(link, _, endpoints) if endpoints.peer == local => Some(*link),
            _ => None,
        });
        (stream, link)
    }

    /// Has the machine do something.
    pub fn tell(&self, what: impl FnOnce(&mut Out) + Send + 'static) {
        self.commander.send(Box::new(what)).unwrap();
    }

    /// Has the machine do something, and waits until it has.
    pub fn ask<T: Send + 'static>(&self, what: impl FnOnce(&mut Out) -> T + Send + 'static) -> T {
        let (answer, answered) = channel();
        self.tell(move |out| {
            let _ = answer.send(what(out));
        });
        answered.recv_timeout(PATIENCE).unwrap()
    }

    /// Has the driver wait in the middle of a turn until what this returns is
    /// dropped or sent to; so that all that happens meanwhile is found at once.
    pub fn hold(&self) -> Sender<()> {
        let (go_on, wait) = channel();
        let (waits, is_waiting) = channel();
        self.tell(move |_| {
            waits.send(()).unwrap();
            let _ = wait.recv_timeout(PATIENCE);
        });
        is_waiting.recv_timeout(PATIENCE).unwrap();
        go_on
    }

    /// The next thing the machine was told.
    pub fn next(&self) -> Seen {
        self.seen
            .recv_timeout(PATIENCE)
            .expect("something to be seen")
    }

    /// Waits for the thing that `find` finds, and skips what comes before.
    pub fn expect<T>(&self, what: &str, mut find: impl FnMut(&Seen) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        let mut skipped = Vec::new();
        loop {
            match self
                .seen
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(seen) => match find(&seen) {
                    Some(found) => return found,
                    None => skipped.push(seen),
                },
                Err(_) => panic!("{what} did not come, but {skipped:?}"),
            }
        }
    }

    /// Waits for a link's end.
    pub fn expect_down(&self, link: LinkId) -> (LinkDown, Unsent) {
        self.expect("a link's end", |seen| match seen {
            Seen::Down(down, why, unsent) if *down == link => Some((*why, unsent.clone())),
            _ => None,
        })
    }

    /// Whether nothing is told for a while.
    pub fn is_quiet_for(&self, time: Duration) -> bool {
        matches!(self.seen.recv_timeout(time), Err(RecvTimeoutError::Timeout))
    }

    /// Waits until the driver does nothing any more, as it should if nothing
    /// happens. One that goes on for nothing is never found idle.
    pub fn wait_until_idle(&self) {
        const WHILE: Duration = Duration::from_millis(200);
        wait_until("idleness", || {
            let turns = self.stats.turns.value();
            // Whether something is told meanwhile does not matter here.
            let began = Instant::now();
            while let Some(left) = WHILE.checked_sub(began.elapsed()) {
                let _ = self.seen.recv_timeout(left);
            }
            self.stats.turns.value() <= turns + 1
        });
    }

    /// Endpoints the run and returns all that had not been looked at.
    pub fn stop(self) -> Vec<Seen> {
        self.tell(|out| out.stop());
        let (stopped, seen) = self.join();
        assert_eq!(stopped, Stopped::InOrder);
        seen
    }

    pub fn join(self) -> (Stopped, Vec<Seen>) {
        let seen = self.seen.iter().collect();
        let stopped = self.thread.join().unwrap().unwrap();
        (stopped, seen)
    }
}

fn run(
    config: DriverConfig,
    toy: Toy,
    more: impl FnOnce(&mut Driver<Toy>),
    ready: &Sender<(SocketAddr, Commander<Do>, Arc<Stats>)>,
    tell: &Sender<Seen>,
) -> Result<Stopped, DriverError> {
    let mut driver = Driver::new(toy, config)?;
    let address = driver
        .listen((Ipv4Addr::LOCALHOST, 0).into(), ListenerId(0))
        .unwrap();
    more(&mut driver);
    ready
        .send((address, driver.commander(), driver.stats()))
        .unwrap();
    driver.run(|_, seen| {
        // A test that has failed does not listen any more.
        let _ = tell.send(seen);
    })
}

/// Waits until `condition` holds.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < until, "{what} did not come about");
        thread::yield_now();
    }
}

/// What the kernel holds for the driver's end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Bytes that have come and have not been read; an end counts as one.
    pub unread: usize,
    /// Whether the peer has ended its side.
    pub ended: bool,
}

/// Waits until the kernel holds so much for the driver's end of `stream`.
pub fn wait_until_held(stream: &TcpStream, unread: usize, ended: bool) {
    let driver = stream.peer_addr().unwrap();
    let ours = stream.local_addr().unwrap();
    let wanted = Held {
        unread: unread + usize::from(ended),
        ended,
    };
    let mut last = None;
    wait_until("delivery", || {
        last = held(driver, ours);
        last == Some(wanted)
    });
}

/// From the kernel's own table.
fn held(local: SocketAddr, remote: SocketAddr) -> Option<Held> {
    const CLOSE_WAIT: &str = "08";
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let (local, remote) = (in_hex(local), in_hex(remote));
    let line = table.lines().map(|line| line.split_ascii_whitespace());
    let mut fields = line
        .map(|fields| fields.collect::<Vec<_>>())
        .find(|fields| fields[1] == local && fields[2] == remote)?
        .into_iter()
        .skip(3);
    let state = fields.next()?;
    let (_, unread) = fields.next()?.split_once(':')?;
    Some(Held {
        unread: usize::from_str_radix(unread, 16).unwrap(),
        ended: state == CLOSE_WAIT,
    })
}

fn in_hex(address: SocketAddr) -> String {
    let SocketAddr::V4(address) = address else {
        panic!("{address} stands in another table");
    };
    let ip = u32::from_ne_bytes(address.ip().octets());
    format!("{ip:08X}:{:04X}", address.port())
}

/// Reads until the end of the stream.
pub fn read_all(mut stream: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Reads exactly so many bytes.
pub fn read_exact(mut stream: &TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

pub fn write(mut stream: &TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).unwrap();
}

/// Bytes that differ everywhere, so that a loss or a swap shows.
pub fn pattern(count: usize) -> Vec<u8> {
    (0u64..)
        .map(|index| index.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes()[0])
        .take(count)
        .collect()
}
