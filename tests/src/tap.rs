//! A recording tap in front of a server.
//!
//! It listens where the server would, and notes the first read of every
//! connection: what a node sees that doesn't put partial reads together. It
//! then passes everything on, both ways; or, muted, it passes nothing on, never
//! answers, and notes every read, as the servers of the original's connection
//! tests do. It does not look into what it carries.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::wait::LONG;

/// What a tap has noted.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// How many connections came.
    pub connections: usize,
    /// The reads, in the order in which they came.
    pub reads: Vec<Vec<u8>>,
    /// Of a muted tap, how long each connection lived that its other end has
    /// closed.
    pub hung_up: Vec<Duration>,
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
    /// Every stream there is, to be shut down in the end.
    streams: Mutex<Vec<TcpStream>>,
    carriers: Mutex<Vec<JoinHandle<()>>>,
    stopping: AtomicBool,
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
            streams: Mutex::default(),
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
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // A last connection wakes the acceptor.
        let _ = TcpStream::connect_timeout(&self.address, LONG);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        for stream in lock(&self.shared.streams).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
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
        let Ok(ends) = open(stream, shared) else {
            continue;
        };
        let mut carriers = lock(&shared.carriers);
        for (from, to, noted) in ends {
            let shared = Arc::clone(shared);
            carriers.push(thread::spawn(move || carry(from, to, noted, &shared)));
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

type Way = (TcpStream, Option<TcpStream>, Noted);

fn open(dialler: TcpStream, shared: &Shared) -> io::Result<Vec<Way>> {
    dialler.set_nodelay(true)?;
    let mut streams = vec![dialler.try_clone()?];
    let ways = match shared.target {
        None => vec![(dialler, None, Noted::All)],
        Some(target) => {
            let server = TcpStream::connect_timeout(&target, LONG)?;
            server.set_nodelay(true)?;
            streams.push(server.try_clone()?);
            vec![
                (
                    dialler.try_clone()?,
                    Some(server.try_clone()?),
                    Noted::First,
                ),
                (server, Some(dialler), Noted::Nothing),
            ]
        }
    };
    lock(&shared.streams).append(&mut streams);
    Ok(ways)
}

fn carry(mut from: TcpStream, to: Option<TcpStream>, mut noted: Noted, shared: &Shared) {
    let began = Instant::now();
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
        if noted != Noted::Nothing {
            lock(&shared.record).reads.push(buffer[..count].to_vec());
        }
        if noted == Noted::First {
            noted = Noted::Nothing;
        }
        if let Some(mut to) = to.as_ref()
            && to.write_all(&buffer[..count]).is_err()
        {
            break;
        }
    }
    match to {
        Some(to) => {
            let _ = to.shutdown(Shutdown::Write);
        }
        None if !shared.stopping.load(Ordering::SeqCst) => {
            lock(&shared.record).hung_up.push(began.elapsed());
        }
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait;

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
        near.shutdown(Shutdown::Write).unwrap();
        assert_eq!(far.read(&mut buffer).unwrap(), 0);
        let record = tap.record();
        assert_eq!(record.connections, 1);
        assert_eq!(record.reads, [b"one"]);
        drop(tap);
        assert_eq!(near.read(&mut buffer).unwrap(), 0);
    }

    #[test]
    fn muted_it_notes_every_read_and_says_nothing() {
        let tap = Tap::start(0, None).unwrap();
        let mut near = TcpStream::connect(tap.address()).unwrap();
        let reads = |count| wait::holds(wait::LONG, || tap.record().reads.len() == count);
        near.write_all(b"one").unwrap();
        assert!(reads(1));
        near.write_all(b"two").unwrap();
        assert!(reads(2));
        assert!(tap.record().hung_up.is_empty());
        near.set_nonblocking(true).unwrap();
        assert_eq!(
            near.read(&mut [0]).unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
        drop(near);
        assert!(wait::holds(wait::LONG, || tap.record().hung_up.len() == 1));
    }
}
