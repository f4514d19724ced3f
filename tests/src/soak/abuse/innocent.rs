//! Innocent clients: they chat or register all the time, and measure how long that
//! takes.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::fixture::wait::{self, LONG};
use crate::fixture::wire::{self, Frame};
use crate::fixture::{Peer, Server};

/// The ids of two clients of the attacked server.
pub(super) const NEAR: [u32; 2] = [4_000_000_001, 4_000_000_002];
/// The ids of two clients of both servers.
pub(super) const FAR: [u32; 2] = [4_000_000_003, 4_000_000_004];
/// The first id of those that only register.
const NEWCOMER: u32 = 4_100_000_000;

/// The pause between two round trips.
const PAUSE: Duration = Duration::from_millis(2);
/// The pause between two registrations.
const REGISTRATION_PAUSE: Duration = Duration::from_millis(100);

/// Measured times.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timed {
    times: Vec<Duration>,
}

impl Timed {
    fn new(mut times: Vec<Duration>) -> Timed {
        times.sort_unstable();
        Timed { times }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.times.len()
    }

    /// The median.
    #[must_use]
    pub fn median(&self) -> Duration {
        let middle = self.times.get(self.times.len() / 2);
        middle.copied().unwrap_or_default()
    }

    /// The longest.
    #[must_use]
    pub fn worst(&self) -> Duration {
        self.times.last().copied().unwrap_or_default()
    }
}

impl fmt::Display for Timed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = |time: Duration| time.as_secs_f64() * 1000.0;
        write!(
            f,
            "{:.2} {:.1}",
            millis(self.median()),
            millis(self.worst())
        )
    }
}

/// Registers two clients, one at each server.
pub(super) fn pair(servers: [&Server; 2], ids: [u32; 2]) -> io::Result<[Client; 2]> {
    let client = |index: usize| {
        let name = format!("innocent{}", ids[index]);
        let peer = Peer::v2_client(servers[index].address(), ids[index], &name)?;
        Client::on(peer.into_stream())
    };
    let pair = [client(0)?, client(1)?];
    // Each server must know the client of the other.
    for server in servers {
        let known = wait::holds(LONG, || {
            let state = server.state();
            state.is_ok_and(|state| ids.iter().all(|&id| state.host(id).is_some()))
        });
        if !known {
            return Err(io::ErrorKind::TimedOut.into());
        }
    }
    Ok(pair)
}

/// A chat: its source and its text.
type Received = Result<(u32, String), String>;

/// A client that reads all the time, as real ones do. Registrations of others may be many.
#[derive(Debug)]
pub(super) struct Client {
    stream: TcpStream,
    chats: Receiver<Received>,
}

impl Client {
    fn on(stream: TcpStream) -> io::Result<Client> {
        stream.set_read_timeout(None)?;
        stream.set_write_timeout(Some(LONG))?;
        let (sender, chats) = channel();
        let reader = stream.try_clone()?;
        thread::spawn(move || read_chats(reader, &sender));
        Ok(Client { stream, chats })
    }

    fn send(&mut self, chat: &[u8]) -> Result<(), String> {
        let sent = self.stream.write_all(chat);
        sent.map_err(|error| format!("cannot send: {error}"))
    }

    fn next_chat(&self) -> Received {
        let received = self.chats.recv_timeout(LONG);
        received.unwrap_or_else(|_| Err(format!("received nothing within {LONG:?}")))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // This ends the reader.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// Reads frames and hands out the chats, until something else than a chat arrives.
fn read_chats(mut stream: TcpStream, chats: &Sender<Received>) {
    let (mut pending, mut buffer) = (Vec::new(), vec![0; 65536]);
    loop {
        let mut rest = &pending[..];
        let failed = loop {
            match wire::take_frame(&mut rest) {
                // The status is the answer to its own announcement.
                Ok(Some(
                    Frame::Registration { .. }
                    | Frame::Quit { .. }
                    | Frame::Status { code: 0x100, .. },
                )) => {}
                Ok(Some(Frame::Chat { source, text, .. })) => {
                    if chats.send(Ok((source, text))).is_err() {
                        return;
                    }
                }
                Ok(Some(other)) => break Some(format!("received {other:?}")),
                Ok(None) | Err(wire::WireError::Cut(_)) => break None,
                Err(error) => break Some(format!("received no frame: {error}")),
            }
        };
        let taken = pending.len() - rest.len();
        pending.drain(..taken);
        let failed = failed.or_else(|| match stream.read(&mut buffer) {
            Ok(0) => Some("the server has closed the connection".to_owned()),
            Ok(count) => {
                pending.extend(&buffer[..count]);
                None
            }
            Err(error) => Some(format!("received nothing: {error}")),
        });
        if let Some(failed) = failed {
            let _ = chats.send(Err(failed));
            return;
        }
    }
}

/// Measures round trips until `stop`, at least one: a chat, and its answer.
pub(super) fn round_trips(
    mut pair: [Client; 2],
    ids: [u32; 2],
    stop: &AtomicBool,
) -> Result<Timed, String> {
    let mut times = Vec::new();
    while times.is_empty() || !stop.load(Ordering::Relaxed) {
        let text = format!("round {}", times.len());
        let began = Instant::now();
        for (from, to) in [(0, 1), (1, 0)] {
            pair[from].send(&wire::chat(ids[from], ids[to], &text))?;
            let received = pair[to].next_chat()?;
            if received != (ids[from], text.clone()) {
                return Err(format!("received {received:?} instead of {text:?}"));
            }
        }
        times.push(began.elapsed());
        wait::pause(PAUSE);
    }
    Ok(Timed::new(times))
}

/// Registers clients one after the other until `stop`, from an address of their own.
pub(super) fn register_again_and_again(
    ip: Ipv4Addr,
    server: SocketAddr,
    stop: &AtomicBool,
) -> Result<Timed, String> {
    let mut times = Vec::new();
    for id in NEWCOMER.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let began = Instant::now();
        let registered = Peer::connect_from(ip, server).and_then(|mut peer| {
            peer.send(&wire::client_registration(id, 0, "newcomer", "n"))?;
            peer.wait_status(0)?;
            times.push(began.elapsed());
            peer.send(&wire::quit(id, "bye"))
        });
        registered.map_err(|error| format!("cannot register: {error}"))?;
        wait::pause(REGISTRATION_PAUSE);
    }
    Ok(Timed::new(times))
}

/// Sleeps until `stop`, and measures how late the system wakes the thread.
pub(super) fn idle(stop: &AtomicBool) -> Result<Timed, String> {
    let mut times = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        wait::pause(PAUSE);
        times.push(began.elapsed().saturating_sub(PAUSE));
    }
    Ok(Timed::new(times))
}
