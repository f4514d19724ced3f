//! Two clients that behave, and notice when others don't: they talk to each
//! other all the time, and every chat must arrive, once, whole and soon.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::fixture::Peer;
use crate::fixture::wait::{self, LONG};
use crate::fixture::wire::{self, Frame};

/// The ids of the two.
pub(super) const IDS: [u32; 2] = [4_000_000_001, 4_000_000_002];

/// How long the two are silent between two chats.
const PAUSE: Duration = Duration::from_millis(5);

/// Two clients in conversation, until they are stopped.
#[derive(Debug)]
pub(super) struct GoodPair {
    stop: Arc<AtomicBool>,
    talk: Option<JoinHandle<Result<Vec<Duration>, String>>>,
}

/// How they were served.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Served {
    /// How many chats were said and heard.
    pub chats: usize,
    /// How long one of them took in the middle.
    pub median: Duration,
    /// All but one in a hundred took at most so long.
    pub hundredth: Duration,
    /// The longest.
    pub worst: Duration,
}

impl GoodPair {
    /// Registers both, as clients of ours: original ones could not read as fast
    /// as others may come and go.
    pub(super) fn start(server: SocketAddr) -> io::Result<GoodPair> {
        let pair = [
            Peer::v2_client(server, IDS[0], "good")?,
            Peer::v2_client(server, IDS[1], "better")?,
        ];
        let stop = Arc::new(AtomicBool::new(false));
        let talk = thread::spawn({
            let stop = Arc::clone(&stop);
            move || talk(pair, &stop)
        });
        Ok(GoodPair {
            stop,
            talk: Some(talk),
        })
    }

    /// Whether they are still talking.
    pub(super) fn is_well(&self) -> bool {
        self.talk.as_ref().is_some_and(|talk| !talk.is_finished())
    }

    /// Endpoints the conversation.
    ///
    /// # Errors
    ///
    /// What went wrong in it.
    pub(super) fn stop(mut self) -> Result<Served, String> {
        self.stop.store(true, Ordering::Relaxed);
        let talk = self.talk.take().expect("it is taken here only");
        let mut times = talk.join().map_err(|_| "the good clients have died")??;
        times.sort_unstable();
        let at = |share: usize| times.get(share).copied().unwrap_or_default();
        Ok(Served {
            chats: times.len(),
            median: at(times.len() / 2),
            hundredth: at(times.len() * 99 / 100),
            worst: times.last().copied().unwrap_or_default(),
        })
    }
}

impl Drop for GoodPair {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(talk) = self.talk.take() {
            let _ = talk.join();
        }
    }
}

fn talk(mut pair: [Peer; 2], stop: &AtomicBool) -> Result<Vec<Duration>, String> {
    let mut times = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let (from, to) = match times.len() % 2 {
            0 => (0, 1),
            _ => (1, 0),
        };
        let text = format!("chat {}", times.len());
        let began = Instant::now();
        let said = pair[from].send(&wire::chat(IDS[from], IDS[to], &text));
        said.map_err(|error| format!("{text} could not be said: {error}"))?;
        hear(&mut pair[to], IDS[from], IDS[to], &text)?;
        times.push(began.elapsed());
        wait::pause(PAUSE);
    }
    Ok(times)
}

/// Waits for one chat; whatever comes before it may be news only.
fn hear(peer: &mut Peer, from: u32, to: u32, text: &str) -> Result<(), String> {
    loop {
        let frame = peer.next_frame(LONG);
        let frame = frame.map_err(|error| format!("{text} could not be heard: {error}"))?;
        match frame {
            Some(Frame::Registration { .. } | Frame::Quit { .. }) => {}
            Some(Frame::Chat {
                source,
                destination,
                text: heard,
            }) if (source, destination) == (from, to) && heard == text => return Ok(()),
            Some(other) => return Err(format!("instead of {text:?}: {other:?}")),
            None => return Err(format!("{text} was not heard within {LONG:?}")),
        }
    }
}
