//! The original client, as unforgiving as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use super::reads::{Found, LOOK, ReadLog, Reader};
use crate::wait::{self, LONG};
use crate::wire::{self, Frame};

/// It reads at most so much at a time.
const READ_BYTES_MAX: usize = 2048;

/// What the client has been told.
#[derive(Debug, Clone, Default)]
pub struct ClientMind {
    /// The clients that are there.
    pub clients: BTreeMap<u32, Who>,
    /// Those that were there.
    pub departed: BTreeSet<u32>,
    /// The statuses, whole.
    pub statuses: Vec<Frame>,
    /// The chats: from whom, and what.
    pub chats: Vec<(u32, String)>,
    /// What it has read.
    pub reads: ReadLog,
    /// What it died of.
    pub died: Option<String>,
    /// Whether the server has closed the connection.
    pub ended: bool,
}

/// What a client says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// Its name.
    pub name: String,
    /// Its info.
    pub info: String,
    /// The last hop that its registration came with.
    pub last_hop: u32,
}

impl ClientMind {
    /// The texts of the statuses.
    #[must_use]
    pub fn status_texts(&self) -> Vec<&str> {
        let texts = self.statuses.iter().filter_map(|frame| match frame {
            Frame::Status { text, .. } => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    /// The ids of the clients that are there, in order.
    #[must_use]
    pub fn client_ids(&self) -> Vec<u32> {
        self.clients.keys().copied().collect()
    }

    /// Takes what one read gave. An error is the death of the client.
    fn hear(&mut self, own: u32, bytes: &[u8]) -> Result<(), String> {
        let frames = wire::frames(bytes).map_err(|error| error.to_string())?;
        for frame in frames {
            match frame {
                Frame::Registration { kind, source, .. } if kind == wire::SERVER_REGISTRATION => {
                    return Err(format!("it was told of the server {source}"));
                }
                Frame::Registration { source, .. } if source == own => {
                    return Err("its own registration came back".to_owned());
                }
                Frame::Registration {
                    source,
                    last_hop,
                    name,
                    info,
                    ..
                } => {
                    let who = Who {
                        name,
                        info,
                        last_hop,
                    };
                    if self.clients.insert(source, who).is_some() {
                        return Err(format!("it was told of the client {source} twice"));
                    }
                    self.departed.remove(&source);
                }
                Frame::Status { .. } => self.statuses.push(frame),
                Frame::ServerQuit { source, .. } => {
                    return Err(format!("it was told of the end of the server {source}"));
                }
                Frame::Chat { source, text, .. } => self.chats.push((source, text)),
                Frame::Quit { source, .. } if source == own => {
                    return Err("its own quit came back".to_owned());
                }
                Frame::Quit { source, .. } => {
                    if self.clients.remove(&source).is_none() {
                        let why = match self.departed.contains(&source) {
                            true => "has quit already",
                            false => "it does not know",
                        };
                        return Err(format!("it was told of the quit of {source}, which {why}"));
                    }
                    self.departed.insert(source);
                }
            }
        }
        Ok(())
    }
}

/// A running original client. Dropping it closes its connection without a quit.
#[derive(Debug)]
pub struct OriginalClient {
    id: u32,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    mind: Mutex<ClientMind>,
    reader: Mutex<Reader>,
    stopping: AtomicBool,
}

impl OriginalClient {
    /// Connects to the server at `address` and registers.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn start(server: SocketAddr, id: u32, name: &str, info: &str) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&server, LONG)?;
        let mut reader = Reader::new(stream, READ_BYTES_MAX)?;
        reader.write(&wire::client_registration(id, 0, name, info))?;
        let shared = Arc::new(Shared {
            mind: Mutex::default(),
            reader: Mutex::new(reader),
            stopping: AtomicBool::new(false),
        });
        let listener = thread::spawn({
            let shared = Arc::clone(&shared);
            move || listen(id, &shared)
        });
        Ok(OriginalClient {
            id,
            shared,
            listener: Some(listener),
        })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// What it has been told by now.
    ///
    /// # Panics
    ///
    /// When it has died, with what it died of.
    #[track_caller]
    #[must_use]
    pub fn mind(&self) -> ClientMind {
        let mind = lock(&self.shared.mind).clone();
        if let Some(cause) = &mind.died {
            panic!("the original client {} has died: {cause}", self.id);
        }
        mind
    }

    /// Waits until what it was told is as `condition` wants it.
    ///
    /// # Panics
    ///
    /// When it has died, or it takes too long.
    #[track_caller]
    pub fn wait(&self, mut condition: impl FnMut(&ClientMind) -> bool) -> ClientMind {
        let found = wait::until(LONG, || Some(self.mind()).filter(|mind| condition(mind)));
        found.unwrap_or_else(|| panic!("the original client {}: {:#?}", self.id, self.mind()))
    }

    /// Says `text` to the client `to`.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn say(&self, to: u32, text: &str) -> io::Result<()> {
        lock(&self.shared.reader).write(&wire::chat(self.id, to, text))
    }

    /// Quits; the connection stays until the server closes it.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn quit(&self, text: &str) -> io::Result<()> {
        lock(&self.shared.reader).write(&wire::quit(self.id, text))
    }
}

impl Drop for OriginalClient {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nobody panics holding this")
}

fn listen(id: u32, shared: &Shared) {
    while !shared.stopping.load(Ordering::SeqCst) {
        let (found, reads) = {
            let mut reader = lock(&shared.reader);
            let found = reader.look();
            let reads = (found != Found::Nothing).then(|| reader.log.clone());
            (found, reads)
        };
        let mut mind = lock(&shared.mind);
        if let Some(reads) = reads {
            mind.reads = reads;
        }
        match found {
            Found::Nothing => {
                drop(mind);
                wait::pause(LOOK);
            }
            Found::Reads(reads) => {
                for bytes in reads {
                    if let Err(cause) = mind.hear(id, &bytes) {
                        mind.died = Some(format!("{cause}; in the read {}", wire::hex(&bytes)));
                        return;
                    }
                }
            }
            Found::End => {
                mind.ended = true;
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(reads: &[Vec<u8>], death: &str) {
        let mut mind = ClientMind::default();
        let mut outcome = Ok(());
        for read in reads {
            outcome = mind.hear(7, read);
        }
        assert_eq!(outcome.unwrap_err(), death);
    }

    #[test]
    fn what_it_dies_of() {
        let wren = wire::client_registration(8, 1, "wren", "x");
        let gone = wire::quit(8, "");
        check(&[wren[..5].to_vec()], "a frame is cut after 5 bytes");
        check(
            &[wire::server_registration(1, 0, "quay", "")],
            "it was told of the server 1",
        );
        check(
            &[wire::server_quit(1, 0, "")],
            "it was told of the end of the server 1",
        );
        check(&[vec![0x44]], "unknown type 0x44");
        check(
            &[wire::client_registration(7, 1, "me", "")],
            "its own registration came back",
        );
        check(&[wire::quit(7, "")], "its own quit came back");
        check(
            std::slice::from_ref(&gone),
            "it was told of the quit of 8, which it does not know",
        );
        check(
            &[wren.clone(), gone.clone(), gone],
            "it was told of the quit of 8, which has quit already",
        );
        check(&[wren.clone(), wren], "it was told of the client 8 twice");
    }

    #[test]
    fn what_it_takes() {
        let mut mind = ClientMind::default();
        let read = [
            wire::status(1, 0, 1, "any source, any destination"),
            wire::client_registration(8, 1, "wren", "x"),
            wire::chat(8, 99, "hi"),
            wire::quit(8, "bye"),
            wire::client_registration(8, 2, "newt", "y"),
        ]
        .concat();
        mind.hear(7, &read).unwrap();
        assert_eq!(mind.status_texts(), ["any source, any destination"]);
        assert_eq!(mind.chats, [(8, "hi".to_owned())]);
        assert_eq!(mind.client_ids(), [8]);
        assert_eq!(mind.clients[&8].name, "newt");
    }
}
