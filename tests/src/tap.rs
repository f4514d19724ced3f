//! A recording tap in front of a server.
//!
//! It listens where the server would, and notes the first read of every
//! connection: what a node sees that doesn't put partial reads together. It
//! then passes everything on, both ways; or, muted, it passes nothing on, never
//! answers, and notes every read, as the servers of the original's connection
//! tests do. It does not look into what it carries. Either end can be told
//! something in the other one's name, between two lines of theirs.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::wait::{self, LONG};

/// What a tap has noted.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// How many connections came.
    pub connections: usize,
    /// The reads, in the order in which they came.
    pub reads: Vec<Vec<u8>>,
    /// How long each connection lived that an end of it has closed.
    pub hung_up: Vec<Duration>,
}

/// An end of a connection that runs through a tap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Who has dialled.
    Dialler,
    /// The server behind the tap.
    Server,
}

/// A running tap; it ends when it is dropped, and its connections with it.
#[derive(Debug)]
pub struct Tap {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    /// Where everything is passed on to; nowhere when muted.
    target: Option<SocketAddr>,
    record: Mutex<Record>,
    /// Every connection there was, to be shut down in the end.
    connections: Mutex<Vec<Arc<Connection>>>,
    carriers: Mutex<Vec<JoinHandle<()>>>,
    stopping: AtomicBool,
}

#[derive(Debug)]
struct Connection {
    began: Instant,
    /// What came first.
    opening: Mutex<Vec<u8>>,
    dialler: Outgoing,
    /// None when muted.
    server: Option<Outgoing>,
    hung_up: AtomicBool,
}

/// What goes to one end: from the other end, and from who speaks in its name.
#[derive(Debug)]
struct Outgoing {
    stream: TcpStream,
    /// The last byte that was written, to know where a line is over.
    last: Mutex<Option<u8>>,
}

impl Tap {
    /// Listens on `port` of the loopback (0: one that the system chooses) and
    /// passes connections on to `target`, or is muted without one.
    ///
    /// # Errors
    ///
    /// What the system says, for instance because the port is taken.
    pub fn start(port: u16, target: Option<SocketAddr>) -> io::Result<Tap> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            target,
            record: Mutex::default(),
            connections: Mutex::default(),
            carriers: Mutex::default(),
            stopping: AtomicBool::new(false),
        });
        let acceptor = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Ok(Tap {
            address,
            shared,
            acceptor: Some(acceptor),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has noted by now.
    #[must_use]
    pub fn record(&self) -> Record {
        lock(&self.shared.record).clone()
    }

    /// Says `bytes` to an `end` of the latest connection that was opened with
    /// `opening`, and whether there is one. Where nobody is behind the tap, it
    /// notes them as a read.
    ///
    /// # Errors
    ///
    /// What the socket says, or [`io::ErrorKind::TimedOut`] when the other end
    /// doesn't come to the end of a line.
    pub fn say(&self, opening: &[u8], end: End, bytes: &[u8]) -> io::Result<bool> {
        let connections = lock(&self.shared.connections);
        let found = connections
            .iter()
            .rev()
            .find(|one| lock(&one.opening).starts_with(opening))
            .cloned();
        drop(connections);
        let Some(connection) = found else {
            return Ok(false);
        };
        let outgoing = match end {
            End::Dialler => Some(&connection.dialler),
            End::Server => connection.server.as_ref(),
        };
        match outgoing {
            Some(outgoing) => outgoing.put_in(bytes)?,
            None => lock(&self.shared.record).reads.push(bytes.to_vec()),
        }
        Ok(true)
    }
}

impl Outgoing {
    fn new(stream: TcpStream) -> Outgoing {
        Outgoing {
            stream,
            last: Mutex::new(None),
        }
    }

    fn pass_on(&self, bytes: &[u8]) -> io::Result<()> {
        let mut last = lock(&self.last);
        *last = bytes.last().copied().or(*last);
        (&self.stream).write_all(bytes)
    }

    /// Writes between two lines.
    fn put_in(&self, bytes: &[u8]) -> io::Result<()> {
        let written = wait::until(LONG, || {
            let last = lock(&self.last);
            matches!(*last, None | Some(b'\n')).then(|| (&self.stream).write_all(bytes))
        });
        written.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))
    }

    fn shut(&self, how: Shutdown) {
        let _ = self.stream.shutdown(how);
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // A last connection wakes the acceptor.
        let _ = TcpStream::connect_timeout(&self.address, LONG);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        for connection in lock(&self.shared.connections).drain(..) {
            connection.dialler.shut(Shutdown::Both);
            if let Some(server) = &connection.server {
                server.shut(Shutdown::Both);
            }
        }
        for carrier in lock(&self.shared.carriers).drain(..) {
            let _ = carrier.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nobody panics holding this")
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        // One that is gone before it was taken is of no interest.
        let Ok(stream) = stream else { continue };
        lock(&shared.record).connections += 1;
        let Ok((connection, ways)) = open(stream, shared) else {
            continue;
        };
        lock(&shared.connections).push(Arc::clone(&connection));
        let mut carriers = lock(&shared.carriers);
        for (from, to, noted) in ways {
            let shared = Arc::clone(shared);
            let connection = Arc::clone(&connection);
            carriers.push(thread::spawn(move || {
                carry(from, to, noted, &connection, &shared);
            }));
        }
    }
}

/// What is noted of the bytes that one carrier reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Noted {
    First,
    All,
    Nothing,
}

/// Where a carrier reads, and which end it passes that on to.
type Way = (TcpStream, Option<End>, Noted);

fn open(dialler: TcpStream, shared: &Shared) -> io::Result<(Arc<Connection>, Vec<Way>)> {
    dialler.set_nodelay(true)?;
    let mut ways = Vec::new();
    let mut server = None;
    match shared.target {
        None => ways.push((dialler.try_clone()?, None, Noted::All)),
        Some(target) => {
            let stream = TcpStream::connect_timeout(&target, LONG)?;
            stream.set_nodelay(true)?;
            ways.push((dialler.try_clone()?, Some(End::Server), Noted::First));
            ways.push((stream.try_clone()?, Some(End::Dialler), Noted::Nothing));
            server = Some(Outgoing::new(stream));
        }
    }
    let connection = Arc::new(Connection {
        began: Instant::now(),
        opening: Mutex::default(),
        dialler: Outgoing::new(dialler),
        server,
        hung_up: AtomicBool::new(false),
    });
    Ok((connection, ways))
}

fn carry(
    mut from: TcpStream,
    to: Option<End>,
    mut noted: Noted,
    connection: &Connection,
    shared: &Shared,
) {
    let to = to.and_then(|end| match end {
        End::Dialler => Some(&connection.dialler),
        End::Server => connection.server.as_ref(),
    });
    let mut buffer = vec![0; 65536];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => {
                let _ = from.shutdown(Shutdown::Both);
                break;
            }
        };
        let bytes = &buffer[..count];
        if noted != Noted::Nothing {
            let mut opening = lock(&connection.opening);
            if opening.is_empty() {
                *opening = bytes.to_vec();
            }
            lock(&shared.record).reads.push(bytes.to_vec());
        }
        if noted == Noted::First {
            noted = Noted::Nothing;
        }
        if let Some(to) = to
            && to.pass_on(bytes).is_err()
        {
            break;
        }
    }
    if let Some(to) = to {
        to.shut(Shutdown::Write);
    }
    if !shared.stopping.load(Ordering::SeqCst) && !connection.hung_up.swap(true, Ordering::SeqCst) {
        let age = connection.began.elapsed();
        lock(&shared.record).hung_up.push(age);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_notes_the_first_read_and_passes_all_on() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let tap = Tap::start(0, Some(server.local_addr().unwrap())).unwrap();
        let mut near = TcpStream::connect(tap.address()).unwrap();
        let (mut far, _) = server.accept().unwrap();
        let mut buffer = [0; 16];
        near.write_all(b"one").unwrap();
        assert_eq!(far.read(&mut buffer).unwrap(), 3);
        near.write_all(b"two").unwrap();
        assert_eq!(far.read(&mut buffer).unwrap(), 3);
        far.write_all(b"three").unwrap();
        assert_eq!(near.read(&mut buffer).unwrap(), 5);
        assert!(tap.record().hung_up.is_empty());
        near.shutdown(Shutdown::Write).unwrap();
        assert_eq!(far.read(&mut buffer).unwrap(), 0);
        assert!(wait::holds(LONG, || tap.record().hung_up.len() == 1));
        let record = tap.record();
        assert_eq!(record.connections, 1);
        assert_eq!(record.reads, [b"one"]);
        drop(tap);
        assert_eq!(near.read(&mut buffer).unwrap(), 0);
    }

    #[test]
    fn it_says_something_in_the_name_of_an_end_between_two_lines() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let tap = Tap::start(0, Some(server.local_addr().unwrap())).unwrap();
        let mut near = TcpStream::connect(tap.address()).unwrap();
        let (mut far, _) = server.accept().unwrap();
        let mut buffer = [0; 32];
        near.write_all(b"SERVER a\r\nhalf").unwrap();
        assert_eq!(far.read(&mut buffer).unwrap(), 14);
        assert!(tap.say(b"SERVER a", End::Dialler, b"hey").unwrap());
        assert_eq!(near.read(&mut buffer).unwrap(), 3);
        thread::scope(|scope| {
            let said = scope.spawn(|| tap.say(b"SERVER a", End::Server, b"said\r\n"));
            near.write_all(b" a line\r\n").unwrap();
            assert!(said.join().unwrap().unwrap());
        });
        let mut all: Vec<u8> = Vec::new();
        while all.len() < 15 {
            let count = far.read(&mut buffer).unwrap();
            all.extend(&buffer[..count]);
        }
        assert_eq!(all, b" a line\r\nsaid\r\n");
        assert!(!tap.say(b"SERVER b", End::Server, b"x").unwrap());
        assert_eq!(tap.record().reads, [b"SERVER a\r\nhalf"]);
    }

    #[test]
    fn muted_it_notes_every_read_and_says_nothing() {
        let tap = Tap::start(0, None).unwrap();
        let mut near = TcpStream::connect(tap.address()).unwrap();
        let reads = |count| wait::holds(LONG, || tap.record().reads.len() == count);
        near.write_all(b"one").unwrap();
        assert!(reads(1));
        near.write_all(b"two").unwrap();
        assert!(reads(2));
        assert!(tap.say(b"one", End::Server, b"three").unwrap());
        assert!(reads(3));
        assert!(tap.record().hung_up.is_empty());
        near.set_nonblocking(true).unwrap();
        assert_eq!(
            near.read(&mut [0]).unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
        drop(near);
        assert!(wait::holds(LONG, || tap.record().hung_up.len() == 1));
    }
}
