//! The original servers: five by different hands, each as unforgiving as the
//! others.
//!
//! One thread is the whole node, with all its connections. Its clients live
//! inside of it: they hear and speak as real ones of that server would. It
//! believes what frames say, as the originals do, and where that would lead
//! astray (a route to nowhere, a ghost, a quit from the wrong side) it dies with
//! the reason instead, because in the field nobody would notice until much later.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use super::reads::{Found, LOOK, ReadLog, Reader};
use crate::wait::{self, LONG};
use crate::wire::{self, CLIENT_REGISTRATION, Frame, SERVER_REGISTRATION};

/// What an original server writes as the last hop of its own registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastHop {
    /// Its own id.
    Own,
    /// 0.
    Zero,
    /// The id of the server that dialled it.
    Theirs,
}

/// In what an original server differs from the others.
#[derive(Debug, Clone, Copy)]
pub struct Profile {
    /// What it is called.
    pub letter: char,
    /// The last hop of its introduction to one that dialled it.
    pub introduction: LastHop,
    /// Whether it introduces itself again to one that it dialled and that has
    /// answered, and with which last hop.
    pub introduces_again: Option<LastHop>,
    /// Relayed registrations of servers go back to where they came from, too.
    pub echoes_registrations: bool,
    /// Quits go back to where they came from, too.
    pub echoes_quits: bool,
    /// A refusal has the refused id as its source, not the server's own.
    pub refuses_as_the_refused: bool,
    /// A status that is not for itself goes back to where it came from.
    pub returns_statuses: bool,
}

impl Profile {
    const PLAIN: Profile = Profile {
        letter: '?',
        introduction: LastHop::Zero,
        introduces_again: None,
        echoes_registrations: false,
        echoes_quits: false,
        refuses_as_the_refused: false,
        returns_statuses: false,
    };

    /// The five servers that are known.
    pub const ALL: [Profile; 5] = [
        Profile {
            letter: 'A',
            introduction: LastHop::Own,
            introduces_again: Some(LastHop::Own),
            refuses_as_the_refused: true,
            returns_statuses: true,
            ..Profile::PLAIN
        },
        Profile {
            letter: 'B',
            introduction: LastHop::Own,
            introduces_again: Some(LastHop::Own),
            echoes_quits: true,
            ..Profile::PLAIN
        },
        Profile {
            letter: 'C',
            introduces_again: Some(LastHop::Zero),
            echoes_registrations: true,
            ..Profile::PLAIN
        },
        Profile {
            letter: 'D',
            introduction: LastHop::Theirs,
            introduces_again: Some(LastHop::Theirs),
            echoes_quits: true,
            ..Profile::PLAIN
        },
        Profile {
            letter: 'E',
            ..Profile::PLAIN
        },
    ];
}

/// The least that one of the five reads at a time: towards none of them may a
/// write be larger.
const READ_BYTES_MAX: usize = 1024;

/// What an original server knows, and what it has been through.
#[derive(Debug, Clone, Default)]
pub struct ServerMind {
    /// The hosts it knows, with their first links.
    pub hosts: BTreeMap<u32, HostSeen>,
    /// The statuses that were for itself.
    pub statuses: Vec<StatusSeen>,
    /// The chats that its clients got: to whom, from whom, and what.
    pub chats: Vec<(u32, u32, String)>,
    /// The statuses that its clients got.
    pub client_statuses: Vec<(u32, String)>,
    /// The quits that have come, by id and text.
    pub quits: Vec<(u32, String)>,
    /// What it has read, by connection.
    pub reads: Vec<ReadLog>,
    /// How many of its connections have ended.
    pub ended: usize,
    /// What it died of.
    pub died: Option<String>,
}

/// A host as an original server remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostSeen {
    /// The kind byte of its registration.
    pub kind: u8,
    /// Its name.
    pub name: String,
    /// Its info.
    pub info: String,
    /// The adjacent host that leads to it; itself if it is adjacent.
    pub first_link: u32,
}

/// A status that an original server has recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusSeen {
    /// Who said so.
    pub source: u32,
    /// Its code.
    pub code: u16,
    /// Its text.
    pub text: String,
}

impl ServerMind {
    /// The ids of the hosts it knows, in order.
    #[must_use]
    pub fn host_ids(&self) -> Vec<u32> {
        self.hosts.keys().copied().collect()
    }

    /// The most that one read has given.
    #[must_use]
    pub fn largest_read(&self) -> usize {
        self.reads.iter().map(ReadLog::largest).max().unwrap_or(0)
    }
}

/// A running original server. Dropping it closes its connections.
#[derive(Debug)]
pub struct OriginalServer {
    id: u32,
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    node: Mutex<Node>,
    stopping: AtomicBool,
}

#[derive(Debug)]
struct Node {
    profile: Profile,
    id: u32,
    name: String,
    info: String,
    listener: TcpListener,
    connections: Vec<Connection>,
    mind: ServerMind,
}

#[derive(Debug)]
struct Connection {
    /// `None` once it has ended.
    reader: Option<Reader>,
    /// Whether it was opened from here.
    dialled: bool,
    /// The server on the other end, once it has introduced itself.
    peer: Option<u32>,
}

impl OriginalServer {
    /// Starts one that listens on a port of the loopback that the system
    /// chooses.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn start(profile: Profile, id: u32, name: &str) -> io::Result<OriginalServer> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            node: Mutex::new(Node {
                profile,
                id,
                name: name.to_owned(),
                info: format!("original {}", profile.letter),
                listener,
                connections: Vec::new(),
                mind: ServerMind::default(),
            }),
            stopping: AtomicBool::new(false),
        });
        let thread = thread::spawn({
            let shared = Arc::clone(&shared);
            move || live(&shared)
        });
        Ok(OriginalServer {
            id,
            address,
            shared,
            thread: Some(thread),
        })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connects to the server at `address` and introduces itself.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn dial(&self, address: SocketAddr) -> io::Result<()> {
        let stream = TcpStream::connect_timeout(&address, LONG)?;
        let mut node = self.node();
        node.connect(stream, true)?;
        let index = node.connections.len() - 1;
        let own = wire::server_registration(node.id, 0, &node.name, &node.info);
        node.send(index, &own);
        Ok(())
    }

    /// Adds a client of its own.
    pub fn add_client(&self, id: u32, name: &str, info: &str) {
        let mut node = self.node();
        let host = HostSeen {
            kind: CLIENT_REGISTRATION,
            name: name.to_owned(),
            info: info.to_owned(),
            first_link: id,
        };
        node.mind.hosts.insert(id, host);
        let frame = wire::client_registration(id, node.id, name, info);
        node.broadcast(&frame, None);
    }

    /// Lets a client of its own speak.
    pub fn client_says(&self, from: u32, to: u32, text: &str) {
        self.node().route_chat(None, from, to, text.to_owned());
    }

    /// Lets a client of its own quit.
    pub fn client_quits(&self, id: u32, text: &str) {
        let mut node = self.node();
        node.mind.hosts.remove(&id);
        node.broadcast(&wire::quit(id, text), None);
    }

    /// Closes all connections at once, as a broken cable does, and forgets
    /// nothing, as the originals don't.
    pub fn drop_connections(&self) {
        for connection in &mut self.node().connections {
            connection.reader = None;
        }
    }

    /// What it knows by now.
    ///
    /// # Panics
    ///
    /// When it has died, with what it died of.
    #[track_caller]
    #[must_use]
    pub fn mind(&self) -> ServerMind {
        let mind = {
            let node = self.node();
            let readers = node
                .connections
                .iter()
                .filter_map(|one| one.reader.as_ref());
            ServerMind {
                reads: readers.map(|reader| reader.log.clone()).collect(),
                ..node.mind.clone()
            }
        };
        if let Some(cause) = &mind.died {
            panic!("the original server {} has died: {cause}", self.id);
        }
        mind
    }

    /// Waits until what it knows is as `condition` wants it.
    ///
    /// # Panics
    ///
    /// When it has died, or it takes too long.
    #[track_caller]
    pub fn wait(&self, mut condition: impl FnMut(&ServerMind) -> bool) -> ServerMind {
        let found = wait::until(LONG, || Some(self.mind()).filter(|mind| condition(mind)));
        found.unwrap_or_else(|| panic!("the original server {}: {:#?}", self.id, self.mind()))
    }

    fn node(&self) -> MutexGuard<'_, Node> {
        self.shared.node.lock().expect("the node does not panic")
    }
}

impl Drop for OriginalServer {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn live(shared: &Shared) {
    while !shared.stopping.load(Ordering::SeqCst) {
        {
            let mut node = shared.node.lock().expect("the tests do not panic in it");
            if node.mind.died.is_some() {
                // Its sockets stay open: the thread is gone, the process is not.
                return;
            }
            if let Err(cause) = node.turn() {
                node.mind.died = Some(cause);
            }
        }
        wait::pause(LOOK);
    }
}

impl Node {
    /// One look at everything. An error is the death of the server.
    fn turn(&mut self) -> Result<(), String> {
        while let Ok((stream, _)) = self.listener.accept() {
            self.connect(stream, false)
                .map_err(|error| error.to_string())?;
        }
        for index in 0..self.connections.len() {
            let Some(reader) = &mut self.connections[index].reader else {
                continue;
            };
            match reader.look() {
                Found::Nothing => {}
                Found::End => {
                    // It keeps all that it knows, ghosts included.
                    self.connections[index].reader = None;
                    self.mind.ended += 1;
                }
                Found::Reads(reads) => {
                    for bytes in reads {
                        self.read(index, &bytes).map_err(|cause| {
                            format!("{cause}; in the read {}", wire::hex(&bytes))
                        })?;
                    }
                }
            }
        }
        Ok(())
    }

    /// What one read gives is parsed as it is.
    fn read(&mut self, index: usize, bytes: &[u8]) -> Result<(), String> {
        for frame in wire::frames(bytes).map_err(|error| error.to_string())? {
            self.hear(index, frame)?;
        }
        Ok(())
    }

    fn connect(&mut self, stream: TcpStream, dialled: bool) -> io::Result<()> {
        self.connections.push(Connection {
            reader: Some(Reader::new(stream, READ_BYTES_MAX)?),
            dialled,
            peer: None,
        });
        Ok(())
    }

    fn send(&mut self, index: usize, frame: &[u8]) {
        if let Some(reader) = &mut self.connections[index].reader {
            // One that has gone will be seen to have gone.
            let _ = reader.write(frame);
        }
    }

    /// To every adjacent server but the one on the connection `but`.
    fn broadcast(&mut self, frame: &[u8], but: Option<usize>) {
        for index in 0..self.connections.len() {
            if Some(index) != but && self.connections[index].peer.is_some() {
                self.send(index, frame);
            }
        }
    }

    fn hear(&mut self, index: usize, frame: Frame) -> Result<(), String> {
        match frame {
            Frame::Registration {
                kind,
                source,
                last_hop,
                name,
                info,
            } => {
                let host = HostSeen {
                    kind,
                    name,
                    info,
                    first_link: source,
                };
                self.hear_registration(index, source, last_hop, host)
            }
            Frame::Status {
                source,
                destination,
                code,
                text,
            } => {
                self.hear_status(index, source, destination, code, text);
                Ok(())
            }
            Frame::ServerQuit { source, .. } => {
                Err(format!("it can't read the end of the server {source}"))
            }
            Frame::Chat {
                source,
                destination,
                text,
            } => self.hear_chat(index, source, destination, text),
            Frame::Quit { source, text } => self.hear_quit(index, source, &text),
        }
    }

    fn hear_registration(
        &mut self,
        index: usize,
        source: u32,
        last_hop: u32,
        mut host: HostSeen,
    ) -> Result<(), String> {
        if source == self.id {
            return Err("it was told of itself, and would take that for another".to_owned());
        }
        if self.mind.hosts.contains_key(&source) {
            let refuser = match self.profile.refuses_as_the_refused {
                true => source,
                false => self.id,
            };
            let text = wire::taken_text(host.kind, source);
            self.send(index, &wire::status(refuser, 0, 2, &text));
            return Ok(());
        }
        let peer = self.connections[index].peer;
        match (last_hop, peer) {
            (0, None) if host.kind == SERVER_REGISTRATION => {
                self.connections[index].peer = Some(source);
            }
            (0, _) => {
                return Err(format!(
                    "it takes {source} for adjacent, which was only relayed (last hop 0)"
                ));
            }
            (_, None) => {
                return Err(format!(
                    "{source} has introduced itself with last hop {last_hop}, and will never be sent anything"
                ));
            }
            (_, Some(peer)) if peer != last_hop => {
                return Err(format!(
                    "its route to {source} leads nowhere: last hop {last_hop}, from {peer}"
                ));
            }
            (_, Some(peer)) => host.first_link = peer,
        }
        let relayed = wire::registration(host.kind, source, self.id, &host.name, &host.info);
        let was_relayed = last_hop != 0 && host.kind == SERVER_REGISTRATION;
        self.mind.hosts.insert(source, host);
        if last_hop == 0 {
            self.introduce(index, source);
        }
        let echoes = self.profile.echoes_registrations && was_relayed;
        self.broadcast(&relayed, (!echoes).then_some(index));
        Ok(())
    }

    /// Introduces itself to a server that has, and tells it of everybody.
    fn introduce(&mut self, index: usize, peer: u32) {
        let introduction = match self.connections[index].dialled {
            true => self.profile.introduces_again,
            false => Some(self.profile.introduction),
        };
        if let Some(last_hop) = introduction {
            let last_hop = match last_hop {
                LastHop::Own => self.id,
                LastHop::Zero => 0,
                LastHop::Theirs => peer,
            };
            let own = wire::server_registration(self.id, last_hop, &self.name, &self.info);
            self.send(index, &own);
        }
        let others = self.mind.hosts.iter().filter(|&(&id, _)| id != peer);
        let seeds: Vec<Vec<u8>> = others
            .map(|(&id, host)| wire::registration(host.kind, id, self.id, &host.name, &host.info))
            .collect();
        for seed in seeds {
            self.send(index, &seed);
        }
    }

    fn hear_status(
        &mut self,
        index: usize,
        source: u32,
        destination: u32,
        code: u16,
        text: String,
    ) {
        if destination == 0 || destination == self.id {
            self.mind.statuses.push(StatusSeen { source, code, text });
        } else if self.is_own_client(destination) {
            self.mind.client_statuses.push((destination, text));
        } else if self.profile.returns_statuses {
            self.send(index, &wire::status(source, destination, code, &text));
        } else if let Some(way) = self.way_to(destination) {
            self.send(way, &wire::status(source, destination, code, &text));
        }
    }

    fn hear_chat(
        &mut self,
        index: usize,
        source: u32,
        destination: u32,
        text: String,
    ) -> Result<(), String> {
        let client = |id| {
            let host = self.mind.hosts.get(&id);
            host.is_some_and(|host| host.kind == CLIENT_REGISTRATION)
        };
        if self.connections[index].peer.is_none() {
            return Err("it got a chat on a connection that never registered".to_owned());
        }
        if !client(source) {
            return Err(format!(
                "it got a chat of {source}, which is no client it knows"
            ));
        }
        if self.mind.hosts.contains_key(&destination) && !client(destination) {
            return Err(format!(
                "it got a chat for {destination}, which is a server"
            ));
        }
        if self.way_to(destination) == Some(index) {
            return Err(format!(
                "it got a chat for {destination} from where that client is"
            ));
        }
        self.route_chat(Some(index), source, destination, text);
        Ok(())
    }

    fn route_chat(&mut self, from: Option<usize>, source: u32, destination: u32, text: String) {
        if self.is_own_client(destination) {
            self.mind.chats.push((destination, source, text));
        } else if let Some(way) = self.way_to(destination) {
            self.send(way, &wire::chat(source, destination, &text));
        } else {
            let text = wire::unknown_text(destination);
            match from {
                Some(index) => self.send(index, &wire::status(self.id, source, 1, &text)),
                None => self.mind.client_statuses.push((source, text)),
            }
        }
    }

    fn hear_quit(&mut self, index: usize, source: u32, text: &str) -> Result<(), String> {
        self.mind.quits.push((source, text.to_owned()));
        let Some(host) = self.mind.hosts.get(&source) else {
            return Ok(());
        };
        if host.kind == SERVER_REGISTRATION {
            return Err(format!("its clients die of a quit of the server {source}"));
        }
        // A way that has died is no side: a server that comes back under another
        // id takes its clients out and brings them in again.
        let elsewhere = self.way_to(source).is_some_and(|way| way != index);
        if self.is_own_client(source) || elsewhere {
            return Err(format!("the quit of {source} came from the wrong side"));
        }
        self.mind.hosts.remove(&source);
        let but = (!self.profile.echoes_quits).then_some(index);
        self.broadcast(&wire::quit(source, text), but);
        Ok(())
    }

    fn is_own_client(&self, id: u32) -> bool {
        let host = self.mind.hosts.get(&id);
        host.is_some_and(|host| host.kind == CLIENT_REGISTRATION && host.first_link == id)
    }

    /// The connection that leads to a host.
    fn way_to(&self, id: u32) -> Option<usize> {
        let first_link = self.mind.hosts.get(&id)?.first_link;
        self.connections
            .iter()
            .rposition(|one| one.peer == Some(first_link) && one.reader.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::Peer;

    /// Server 1 with client 101 has linked to it; its own client is 150.
    fn linked(profile: Profile) -> (OriginalServer, Peer) {
        let original = OriginalServer::start(profile, 50, "attic").unwrap();
        original.add_client(150, "pip", "p");
        let mut peer = Peer::connect(original.address()).unwrap();
        peer.send(&wire::server_registration(1, 0, "root", "r"))
            .unwrap();
        let seeds = peer.expect_frames(2);
        assert!(
            matches!(
                &seeds[1],
                Frame::Registration {
                    source: 150,
                    last_hop: 50,
                    ..
                }
            ),
            "{seeds:?}"
        );
        peer.send(&wire::client_registration(101, 1, "wren", "w"))
            .unwrap();
        original.wait(|mind| mind.host_ids() == [1, 101, 150]);
        (original, peer)
    }

    #[track_caller]
    fn check(sent: &[u8], death: &str) {
        let (original, mut peer) = linked(Profile::PLAIN);
        peer.send(sent).unwrap();
        let died = wait::until(LONG, || original.node().mind.died.clone());
        let died = died.expect("it should have died");
        assert_eq!(died.split("; in the read").next(), Some(death));
    }

    #[test]
    fn what_it_dies_of() {
        check(&[0x02], "a frame is cut after 1 bytes");
        check(&[0x44], "unknown type 0x44");
        check(
            &wire::server_quit(9, 0, ""),
            "it can't read the end of the server 9",
        );
        check(
            &wire::server_registration(9, 0, "x", ""),
            "it takes 9 for adjacent, which was only relayed (last hop 0)",
        );
        check(
            &wire::client_registration(9, 7, "x", ""),
            "its route to 9 leads nowhere: last hop 7, from 1",
        );
        check(
            &wire::server_registration(50, 1, "x", ""),
            "it was told of itself, and would take that for another",
        );
        check(
            &wire::chat(9, 150, ""),
            "it got a chat of 9, which is no client it knows",
        );
        check(
            &wire::chat(101, 1, ""),
            "it got a chat for 1, which is a server",
        );
        check(
            &wire::chat(101, 101, ""),
            "it got a chat for 101 from where that client is",
        );
        check(
            &wire::quit(150, ""),
            "the quit of 150 came from the wrong side",
        );
        check(
            &wire::quit(1, ""),
            "its clients die of a quit of the server 1",
        );
    }

    #[test]
    fn what_it_answers() {
        for profile in Profile::ALL {
            let (original, mut peer) = linked(profile);
            // A repetition, as from one that announces itself.
            peer.send(&wire::server_registration(1, 0, "root", "r [crc2]"))
                .unwrap();
            let refuser = if profile.refuses_as_the_refused {
                1
            } else {
                50
            };
            assert_eq!(
                wire::frames(&wire::status(
                    refuser,
                    0,
                    2,
                    "A machine has already registered with ID 1"
                ))
                .unwrap(),
                peer.expect_frames(1)
            );
            peer.send(&wire::chat(101, 9, "hm")).unwrap();
            assert_eq!(
                wire::frames(&wire::status(50, 101, 1, "Unknown ID 9")).unwrap(),
                peer.expect_frames(1)
            );
            peer.send(&wire::quit(101, "bye")).unwrap();
            original.wait(|mind| mind.host_ids() == [1, 150]);
            if profile.echoes_quits {
                assert_eq!(
                    wire::frames(&wire::quit(101, "bye")).unwrap(),
                    peer.expect_frames(1)
                );
            }
            peer.send(&wire::server_registration(2, 1, "leaf", "l"))
                .unwrap();
            original.wait(|mind| mind.host_ids() == [1, 2, 150]);
            if profile.echoes_registrations {
                let echo = wire::server_registration(2, 50, "leaf", "l");
                assert_eq!(wire::frames(&echo).unwrap(), peer.expect_frames(1));
            }
            assert_eq!(original.mind().hosts[&2].first_link, 1);
        }
    }
}
