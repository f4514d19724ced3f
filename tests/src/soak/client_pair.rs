//! Two regular clients that chat with each other all the time. Every chat must arrive
//! once, unchanged and in time.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::fixture::Peer;
use crate::fixture::wait::{self, LONG};
use crate::fixture::wire::{self, Frame};

/// The ids of the two clients.
pub(super) const IDS: [u32; 2] = [4_000_000_001, 4_000_000_002];

/// The time between two chats.
const PAUSE: Duration = Duration::from_millis(5);

/// Two clients that chat until they are stopped.
#[derive(Debug)]
pub(super) struct ClientPair {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<Vec<Duration>, String>>>,
}

/// How the server served them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Served {
    /// The number of chats that arrived.
    pub chats: usize,
    /// The median latency.
    pub median: Duration,
    /// The 99th percentile of the latency.
    pub p99: Duration,
    /// The longest latency.
    pub worst: Duration,
}

impl ClientPair {
    /// Registers both as v2 clients. The server sends to v1 clients too slowly for the
    /// rate at which attackers register and quit.
    pub(super) fn start(server: SocketAddr) -> io::Result<ClientPair> {
        let pair = [
            Peer::v2_client(server, IDS[0], "first")?,
            Peer::v2_client(server, IDS[1], "second")?,
        ];
        let stop = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let stop = Arc::clone(&stop);
            move || chat(pair, &stop)
        });
        Ok(ClientPair {
            stop,
            thread: Some(thread),
        })
    }

    /// Whether they are still chatting.
    pub(super) fn is_chatting(&self) -> bool {
        self.thread
            .as_ref()
            .is_some_and(|thread| !thread.is_finished())
    }

    /// Stops the chats.
    ///
    /// # Errors
    ///
    /// What went wrong.
    pub(super) fn stop(mut self) -> Result<Served, String> {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().expect("only `stop` takes it");
        let mut times = thread
            .join()
            .map_err(|_| "the thread of the clients has panicked")??;
        times.sort_unstable();
        let at = |share: usize| times.get(share).copied().unwrap_or_default();
        Ok(Served {
            chats: times.len(),
            median: at(times.len() / 2),
            p99: at(times.len() * 99 / 100),
            worst: times.last().copied().unwrap_or_default(),
        })
    }
}

impl Drop for ClientPair {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn chat(mut pair: [Peer; 2], stop: &AtomicBool) -> Result<Vec<Duration>, String> {
    let mut times = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let (from, to) = match times.len() % 2 {
            0 => (0, 1),
            _ => (1, 0),
        };
        let text = format!("chat {}", times.len());
        let began = Instant::now();
        let sent = pair[from].send(&wire::chat(IDS[from], IDS[to], &text));
        sent.map_err(|error| format!("cannot send {text:?}: {error}"))?;
        receive(&mut pair[to], IDS[from], IDS[to], &text)?;
        times.push(began.elapsed());
        wait::pause(PAUSE);
    }
    Ok(times)
}

/// Waits for one chat. Only registrations and quits may arrive before it.
fn receive(peer: &mut Peer, from: u32, to: u32, text: &str) -> Result<(), String> {
    loop {
        let frame = peer.next_frame(LONG);
        let frame = frame.map_err(|error| format!("cannot receive {text:?}: {error}"))?;
        match frame {
            Some(Frame::Registration { .. } | Frame::Quit { .. }) => {}
            Some(Frame::Chat {
                source,
                destination,
                text: received,
            }) if (source, destination) == (from, to) && received == text => return Ok(()),
            Some(other) => return Err(format!("received {other:?} instead of {text:?}")),
            None => return Err(format!("{text:?} did not arrive within {LONG:?}")),
        }
    }
}
