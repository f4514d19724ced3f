//! A member of a directory: registers an address, receives the lists, and reconnects.
//!
//! The member owns the connection to the directory. Its owner decides which addresses of
//! a list to dial. A peer of the mesh owns a member, and so may any other machine. The
//! owner hands it every tick, and every event for which
//! [`owns_dial`](Member::owns_dial) or [`owns_link`](Member::owns_link) is true.

use core::time::Duration;
use std::net::{IpAddr, SocketAddr};

use crc_machine::{
    Backoff, CloseWhen, DialError, DialId, Endpoints, Event, LinkDown, LinkId, Machine, Origin,
    Outbox, PeerAddress, Random, Timestamp,
};

use crate::codec::{CodecError, MESSAGE_TIMEOUT, Update, UpdateDecoder, write_registration};

/// The configuration of a member.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct MemberConfig {
    /// The directory to register with.
    pub directory: PeerAddress,
    /// Whether to reconnect when the connection is lost.
    pub persist: bool,
    /// The lowest of its dial ids. All above it are its own too.
    pub first_dial: DialId,
    /// The seed of its pauses.
    pub seed: u64,
    /// The most addresses on a list. 4096.
    pub peers_max: usize,
    /// The longest wait for the first list. 15 s.
    pub list_timeout: Duration,
}

impl MemberConfig {
    /// A member of `directory` with the default limits that does not reconnect.
    #[must_use]
    pub fn new(directory: PeerAddress, seed: u64) -> Self {
        MemberConfig {
            directory,
            persist: false,
            first_dial: DialId(1 << 63),
            seed,
            peers_max: 4096,
            list_timeout: Duration::from_secs(15),
        }
    }
}

/// A command of the owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberCommand {
    /// Register this address, now and after every reconnect. If its host is unspecified
    /// (`0.0.0.0`, `::`), the local address of the connection to the directory takes its
    /// place.
    Start {
        /// The address that the owner listens on.
        address: SocketAddr,
    },
}

/// What the owner may observe of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberNotice {
    /// The address is sent to the directory.
    Registered {
        /// The address.
        own: SocketAddr,
    },
    /// The addresses on the list, in the order in which they joined.
    List(Vec<SocketAddr>),
    /// The connection to the directory is down, or the dial has failed.
    DirectoryLost {
        /// The reason.
        why: DirectoryError,
        /// The time until the next dial; `None` for never.
        retry_in: Option<Duration>,
    },
}

/// Why there is no connection to the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// The directory has sent the teardown.
    #[error("teardown by the directory")]
    Teardown,
    /// The dial has failed.
    #[error("cannot connect to the directory: {0}")]
    Unreachable(DialError),
    /// The address to register is a loopback address, and the directory is on another
    /// machine.
    #[error(
        "{own} is a loopback address and the directory is on another machine; listen on another address, for example 0.0.0.0:0"
    )]
    Loopback {
        /// The address to register.
        own: SocketAddr,
    },
    /// The listener and the connection to the directory use different versions of IP.
    #[error(
        "the connection to the directory comes from {from}, which cannot be reached at the listener {address}; listen on an address of the same family"
    )]
    AddressFamily {
        /// The address of the listener.
        address: SocketAddr,
        /// The local address of the connection to the directory.
        from: IpAddr,
    },
    /// The directory has closed the connection before its first list.
    #[error("the directory refused {own}: the list is full, or the address is not admitted")]
    Refused {
        /// The address to register.
        own: SocketAddr,
    },
    /// The first list has not arrived in time.
    #[error("no answer from the directory")]
    Timeout,
    /// A message is invalid.
    #[error("not a directory: {0}")]
    InvalidMessage(CodecError),
    /// The connection was lost after a list.
    #[error("connection to the directory lost: {0}")]
    Lost(LinkDown),
}

impl DirectoryError {
    /// Whether the directory had sent a list before.
    #[must_use]
    pub const fn was_registered(self) -> bool {
        matches!(self, DirectoryError::Teardown | DirectoryError::Lost(_))
    }
}

/// A member of a directory. See the module's comment.
#[derive(Debug)]
pub struct Member {
    config: MemberConfig,
    random: Random,
    backoff: Backoff,
    dials: u64,
    address: Option<SocketAddr>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// Not started, or stopped.
    Idle,
    Dialing {
        dial: DialId,
    },
    Linked(Session),
    Pausing {
        until: Timestamp,
    },
}

#[derive(Debug)]
struct Session {
    link: LinkId,
    own: SocketAddr,
    since: Timestamp,
    decoder: UpdateDecoder,
    /// Whether a list has arrived.
    registered: bool,
    /// When the list so far counts as complete.
    pause_at: Option<Timestamp>,
}

type Out = Outbox<MemberNotice>;

impl Member {
    /// A member that waits for [`MemberCommand::Start`].
    #[must_use]
    pub fn new(config: MemberConfig) -> Self {
        Member {
            random: Random::new(config.seed),
            backoff: Backoff::new(),
            dials: config.first_dial.0,
            config,
            address: None,
            phase: Phase::Idle,
        }
    }

    /// Whether `dial` is one of this member's.
    #[must_use]
    pub fn owns_dial(&self, dial: DialId) -> bool {
        dial >= self.config.first_dial
    }

    /// Whether `link` is this member's connection to the directory.
    #[must_use]
    pub fn owns_link(&self, link: LinkId) -> bool {
        matches!(&self.phase, Phase::Linked(session) if session.link == link)
    }

    /// Whether a list has arrived on the present connection.
    #[must_use]
    pub fn is_registered(&self) -> bool {
        matches!(&self.phase, Phase::Linked(session) if session.registered)
    }

    fn dial(&mut self, out: &mut Out) {
        let dial = DialId(self.dials);
        self.dials = self.dials.wrapping_add(1).max(self.config.first_dial.0);
        self.phase = Phase::Dialing { dial };
        out.dial(dial, self.config.directory.clone());
    }

    fn handle_link_up(
        &mut self,
        now: Timestamp,
        link: LinkId,
        origin: Origin,
        endpoints: Endpoints,
        out: &mut Out,
    ) {
        let (Phase::Dialing { dial }, Some(address)) = (&self.phase, self.address) else {
            out.close(link, CloseWhen::Flushed);
            return;
        };
        if origin != (Origin::Dialed { dial: *dial }) {
            out.close(link, CloseWhen::Flushed);
            return;
        }
        let from = endpoints.local.ip().to_canonical();
        let (host, port) = (address.ip().to_canonical(), address.port());
        let unspecified = host.is_unspecified();
        let own = SocketAddr::new(if unspecified { from } else { host }, port);
        let why = if unspecified && host.is_ipv4() != from.is_ipv4() {
            Some(DirectoryError::AddressFamily { address, from })
        } else if host.is_loopback() && !from.is_loopback() {
            Some(DirectoryError::Loopback { own })
        } else {
            None
        };
        if let Some(why) = why {
            out.close(link, CloseWhen::Flushed);
            self.reset_connection(now, why, out);
            return;
        }
        self.phase = Phase::Linked(Session {
            link,
            own,
            since: now,
            decoder: UpdateDecoder::new(),
            registered: false,
            pause_at: None,
        });
        let registration = out.store(|arena| write_registration(own, arena));
        out.send_stored(link, registration);
        out.notice(MemberNotice::Registered { own });
    }

    fn handle_bytes(&mut self, now: Timestamp, link: LinkId, bytes: &[u8], out: &mut Out) {
        let Phase::Linked(session) = &mut self.phase else {
            return;
        };
        if session.link != link {
            return;
        }
        let mut input = bytes;
        let why = loop {
            match session.decoder.next(&mut input, self.config.peers_max) {
                Ok(Some(Update::List(list))) => {
                    session.registered = true;
                    out.notice(MemberNotice::List(list));
                }
                Ok(Some(Update::Teardown)) => break DirectoryError::Teardown,
                Ok(None) => {
                    session.pause_at = session.decoder.needs_pause().then(|| now + MESSAGE_TIMEOUT);
                    return;
                }
                Err(error) => break DirectoryError::InvalidMessage(error),
            }
        };
        self.close(now, why, out);
    }

    fn handle_link_down(&mut self, now: Timestamp, link: LinkId, why: LinkDown, out: &mut Out) {
        if !self.owns_link(link) {
            return;
        }
        self.on_pause(out);
        let why = match &self.phase {
            Phase::Linked(session) if !session.registered => {
                DirectoryError::Refused { own: session.own }
            }
            _ => DirectoryError::Lost(why),
        };
        self.reset_connection(now, why, out);
    }

    /// No more bytes have arrived: the list so far is complete.
    fn on_pause(&mut self, out: &mut Out) {
        let Phase::Linked(session) = &mut self.phase else {
            return;
        };
        session.pause_at = None;
        if let Some(Update::List(list)) = session.decoder.pause(self.config.peers_max) {
            session.registered = true;
            out.notice(MemberNotice::List(list));
        }
    }

    fn close(&mut self, now: Timestamp, why: DirectoryError, out: &mut Out) {
        if let Phase::Linked(session) = &self.phase {
            out.close(session.link, CloseWhen::Flushed);
        }
        self.reset_connection(now, why, out);
    }

    /// The connection is down: schedules the next dial.
    fn reset_connection(&mut self, now: Timestamp, why: DirectoryError, out: &mut Out) {
        if let Phase::Linked(session) = &self.phase
            && session.registered
        {
            self.backoff.link_held(now.since(session.since));
        }
        let retry_in = self.config.persist.then(|| {
            let refused = !matches!(
                why,
                DirectoryError::Unreachable(_) | DirectoryError::Lost(_)
            );
            self.backoff.pause(&mut self.random, refused)
        });
        self.phase = match retry_in {
            Some(pause) => Phase::Pausing { until: now + pause },
            None => Phase::Idle,
        };
        out.notice(MemberNotice::DirectoryLost { why, retry_in });
    }

    fn handle_tick(&mut self, now: Timestamp, out: &mut Out) {
        match &self.phase {
            Phase::Pausing { until } if *until <= now => self.dial(out),
            Phase::Linked(session) => {
                let timed_out =
                    !session.registered && session.since + self.config.list_timeout <= now;
                if session.pause_at.is_some_and(|at| at <= now) {
                    self.on_pause(out);
                } else if timed_out {
                    self.close(now, DirectoryError::Timeout, out);
                }
            }
            _ => {}
        }
    }
}

impl Machine for Member {
    type Command = MemberCommand;
    type Notice = MemberNotice;

    fn handle(&mut self, now: Timestamp, event: Event<'_, MemberCommand>, out: &mut Out) {
        match event {
            Event::Command(MemberCommand::Start { address }) => {
                let first = self.address.replace(address).is_none();
                if first {
                    self.dial(out);
                }
            }
            Event::LinkUp {
                link,
                origin,
                endpoints,
                ..
            } => {
                self.handle_link_up(now, link, origin, endpoints, out);
            }
            Event::Bytes { link, bytes } => self.handle_bytes(now, link, bytes, out),
            Event::LinkDown { link, why, .. } => self.handle_link_down(now, link, why, out),
            Event::DialFailed { dial, why } => {
                if matches!(self.phase, Phase::Dialing { dial: awaited } if awaited == dial) {
                    self.reset_connection(now, DirectoryError::Unreachable(why), out);
                }
            }
            Event::Queue { .. } | Event::Crowded { .. } => {}
            Event::Tick => self.handle_tick(now, out),
        }
    }

    fn deadline(&self) -> Option<Timestamp> {
        match &self.phase {
            Phase::Pausing { until } => Some(*until),
            Phase::Linked(session) => {
                let timeout_at =
                    (!session.registered).then(|| session.since + self.config.list_timeout);
                [session.pause_at, timeout_at].into_iter().flatten().min()
            }
            Phase::Idle | Phase::Dialing { .. } => None,
        }
    }
}
