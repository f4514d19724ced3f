//! A peer: registers with a directory, has one connection with every other peer on its
//! list, and sends lines to all of them.
//!
//! [`Peer`] receives the events. The [`Member`] owns the connection to the directory,
//! the `Mesh` the connections with other peers, the peer itself the commands that wait
//! for the mesh.

mod api;
mod mesh;

use core::time::Duration;
use std::collections::VecDeque;
use std::net::SocketAddr;

use crc_machine::{Effect, Event, LinkId, Machine, Origin, Outbox, PeerAddress, Random, Timestamp};

use crate::member::{Member, MemberCommand, MemberConfig, MemberNotice};

use mesh::Mesh;

pub use api::{LostReason, PeerCommand, PeerNotice, Rejection, SendError, When};

/// How long a command waits for the mesh to be complete.
const COMPLETE_TIMEOUT: Duration = Duration::from_secs(2);

/// The configuration of a peer.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PeerConfig {
    /// The directory to register with.
    pub directory: PeerAddress,
    /// Whether to keep the mesh when the connection to the directory is lost, and to
    /// reconnect to the directory. Otherwise the peer stops.
    pub persist: bool,
    /// Whether the greeting of a peer may name another host than the one that its
    /// connection comes from.
    pub trust_addresses: bool,
    /// The seed of the pauses.
    pub seed: u64,
    /// The limits.
    pub limits: PeerLimits,
}

/// The limits of a peer.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PeerLimits {
    /// The most addresses on the directory's list. 4096.
    pub peers_max: usize,
    /// The longest line in bytes, sent or received. 8 KiB.
    pub text_bytes_max: usize,
    /// The most bytes before the greeting is complete. 256.
    pub hello_bytes_max: usize,
    /// The longest wait for the greeting. 10 s.
    pub hello_time_max: Duration,
    /// The most bytes that may wait for a peer that reads slowly. 4 MiB.
    pub queue_bytes_max: usize,
    /// The most commands that may wait until the mesh is complete. 1024.
    pub waiting_max: usize,
}

impl Default for PeerLimits {
    fn default() -> Self {
        PeerLimits {
            peers_max: 4096,
            text_bytes_max: 8 * 1024,
            hello_bytes_max: 256,
            hello_time_max: Duration::from_secs(10),
            queue_bytes_max: 4 * 1024 * 1024,
            waiting_max: 1024,
        }
    }
}

impl PeerConfig {
    /// A peer of `directory` with the default limits that stops when it loses the
    /// directory.
    #[must_use]
    pub fn new(directory: PeerAddress, seed: u64) -> Self {
        PeerConfig {
            directory,
            persist: false,
            trust_addresses: false,
            seed,
            limits: PeerLimits::default(),
        }
    }
}

/// A peer of a mesh. See the module's comment.
///
/// ```
/// use crc_machine::{Effect, Event, Machine, Outbox, Timestamp};
/// use crc_rendezvous::{Peer, PeerCommand, PeerConfig};
///
/// let mut peer = Peer::new(PeerConfig::new("localhost:33400".parse()?, 7));
/// let mut out = Outbox::new();
/// let start = PeerCommand::Start { address: "127.0.0.1:9000".parse()? };
/// peer.handle(Timestamp::START, Event::Command(start), &mut out);
/// assert!(matches!(out.effects(), [Effect::Dial { .. }]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Peer {
    member: Member,
    mesh: Mesh,
    waiting: VecDeque<Waiting>,
    waiting_max: usize,
    text_bytes_max: usize,
    stopped: bool,
    scratch: Vec<Effect<MemberNotice>>,
}

/// A command that waits for the mesh to be complete.
#[derive(Debug)]
struct Waiting {
    /// The line to send; `None` to leave.
    text: Option<String>,
    until: Timestamp,
}

type Out = Outbox<PeerNotice>;

impl Peer {
    /// A peer that waits for [`PeerCommand::Start`].
    #[must_use]
    pub fn new(config: PeerConfig) -> Self {
        let mut random = Random::new(config.seed);
        let member = MemberConfig {
            persist: config.persist,
            peers_max: config.limits.peers_max,
            ..MemberConfig::new(config.directory, random.next_u64())
        };
        Peer {
            member: Member::new(member),
            waiting: VecDeque::new(),
            waiting_max: config.limits.waiting_max,
            text_bytes_max: config.limits.text_bytes_max,
            mesh: Mesh::new(config.trust_addresses, config.limits, random),
            stopped: false,
            scratch: Vec::new(),
        }
    }

    /// The registered address of this peer; `None` before the registration.
    #[must_use]
    pub fn own(&self) -> Option<SocketAddr> {
        self.mesh.own()
    }

    /// The directory's last list.
    #[must_use]
    pub fn list(&self) -> &[SocketAddr] {
        self.mesh.list()
    }

    /// The connected peers and their links.
    pub fn connected(&self) -> impl Iterator<Item = (SocketAddr, LinkId)> {
        self.mesh.connected()
    }

    /// Whether every peer on the directory's list is connected.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.mesh.is_complete()
    }

    fn handle_member(&mut self, now: Timestamp, event: Event<'_, MemberCommand>, out: &mut Out) {
        let mut notices = Vec::new();
        let (member, scratch) = (&mut self.member, &mut self.scratch);
        out.nested(
            scratch,
            |out| member.handle(now, event, out),
            |notice| {
                notices.push(notice);
                None
            },
        );
        for notice in notices {
            if self.stopped {
                return;
            }
            match notice {
                MemberNotice::Registered { own } => {
                    self.mesh.set_own(own);
                    out.notice(PeerNotice::Registered { own });
                }
                MemberNotice::List(list) => {
                    self.mesh.on_list(list, out);
                    self.execute_waiting(now, out);
                }
                MemberNotice::DirectoryLost { why, retry_in } => {
                    out.notice(PeerNotice::DirectoryLost { why, retry_in });
                    if retry_in.is_none() {
                        self.stop(out);
                    }
                }
            }
        }
    }

    fn stop(&mut self, out: &mut Out) {
        self.stopped = true;
        self.mesh.stop();
        self.waiting.clear();
        out.stop();
    }
}

/// Commands.
impl Peer {
    fn handle_command(&mut self, now: Timestamp, command: PeerCommand, out: &mut Out) {
        let (text, when) = match command {
            PeerCommand::Start { address } => {
                let start = MemberCommand::Start { address };
                self.handle_member(now, Event::Command(start), out);
                return;
            }
            PeerCommand::SendText { text, when } => (Some(text), when),
            PeerCommand::Leave { when } => (None, when),
        };
        match when {
            When::Now => self.execute(text.as_deref(), out),
            When::MeshComplete if text.is_some() && self.waiting.len() >= self.waiting_max => {
                let why = SendError::QueueFull;
                out.notice(PeerNotice::NotSent { why });
            }
            When::MeshComplete => {
                let until = now + COMPLETE_TIMEOUT;
                self.waiting.push_back(Waiting { text, until });
            }
        }
    }

    /// Executes the commands that need not wait any longer.
    fn execute_waiting(&mut self, now: Timestamp, out: &mut Out) {
        while let Some(next) = self.waiting.front() {
            if next.until > now && !self.is_complete() {
                return;
            }
            if let Some(next) = self.waiting.pop_front() {
                self.execute(next.text.as_deref(), out);
            }
        }
    }

    fn execute(&mut self, text: Option<&str>, out: &mut Out) {
        match text {
            Some(text) => self.send_text(text, out),
            None => self.stop(out),
        }
    }

    fn send_text(&mut self, text: &str, out: &mut Out) {
        let text = text.lines().next().unwrap_or_default();
        if text.is_empty() {
            return;
        }
        let (len, max) = (text.len(), self.text_bytes_max);
        let why = if len > max {
            SendError::TooLong { len, max }
        } else if self.connected().next().is_none() {
            SendError::NoPeers
        } else {
            self.mesh.send_text(text, out);
            return;
        };
        out.notice(PeerNotice::NotSent { why });
    }
}

impl Machine for Peer {
    type Command = PeerCommand;
    type Notice = PeerNotice;

    fn handle(&mut self, now: Timestamp, event: Event<'_, PeerCommand>, out: &mut Out) {
        if self.stopped {
            return;
        }
        match event {
            Event::Command(command) => self.handle_command(now, command, out),
            Event::LinkUp {
                link,
                origin,
                endpoints,
                ..
            } => match origin {
                Origin::Dialed { dial } if self.member.owns_dial(dial) => {
                    let event = Event::LinkUp {
                        link,
                        origin,
                        endpoints,
                        security: None,
                    };
                    self.handle_member(now, event, out);
                }
                _ => self.mesh.handle_link_up(now, link, origin, endpoints, out),
            },
            Event::Bytes { link, bytes } if self.member.owns_link(link) => {
                self.handle_member(now, Event::Bytes { link, bytes }, out);
            }
            Event::Bytes { link, bytes } => self.mesh.handle_bytes(now, link, bytes, out),
            Event::LinkDown { link, why, unsent } if self.member.owns_link(link) => {
                self.handle_member(now, Event::LinkDown { link, why, unsent }, out);
            }
            Event::LinkDown { link, why, .. } => self.mesh.handle_link_down(now, link, why, out),
            Event::DialFailed { dial, why } if self.member.owns_dial(dial) => {
                self.handle_member(now, Event::DialFailed { dial, why }, out);
            }
            Event::DialFailed { dial, why } => self.mesh.handle_dial_failed(now, dial, why, out),
            Event::Queue { .. } | Event::Crowded { .. } => {}
            Event::Tick => {
                self.handle_member(now, Event::Tick, out);
                self.mesh.handle_tick(now, out);
            }
        }
        if !self.stopped {
            self.execute_waiting(now, out);
        }
    }

    fn deadline(&self) -> Option<Timestamp> {
        if self.stopped {
            return None;
        }
        let waiting = self.waiting.front().map(|next| next.until);
        [self.member.deadline(), self.mesh.deadline(), waiting]
            .into_iter()
            .flatten()
            .min()
    }
}
