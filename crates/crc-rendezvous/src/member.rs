//! A member of a directory: registers an address, hears who else is there, and
//! comes back when the directory does.
//!
//! Answers for the connection to the directory and for nothing else: who is to be
//! dialled, and why, is its owner's business. So a peer of the mesh holds one, and
//! so may any other machine that looks for others. It takes every event that
//! [`owns_dial`](Member::owns_dial) or [`owns_link`](Member::owns_link) says is its own, and every tick.

use core::time::Duration;
use std::net::{IpAddr, SocketAddr};

use crc_machine::{
    Backoff, CloseWhen, DialError, DialId, Endpoints, Event, LinkDown, LinkId, Machine, Origin,
    Outbox, PeerAddress, Random, Timestamp,
};

use crate::codec::{CodecError, MESSAGE_TIMEOUT, Update, UpdateDecoder, write_registration};

/// How a member is to be.
#[derive(Debug, Clone)]
pub struct MemberConfig {
    /// The directory to register with.
    pub directory: PeerAddress,
    /// Whether to come back when the connection is lost, again and again.
    pub persist: bool,
    /// The names of its dials: this one and all above it.
    pub first_dial: DialId,
    /// What its pauses follow from.
    pub seed: u64,
    /// How many addresses a list may have. 4096.
    pub peers_max: usize,
    /// How long the directory may take for its first list. 15 s.
    pub list_timeout: Duration,
}

impl MemberConfig {
    /// A member of `directory` with the usual limits that does not come back.
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

/// What the owner may ask of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberCommand {
    /// Register this address, now and whenever the directory is back. If its host
    /// is unspecified (`0.0.0.0`, `::`), the host is taken that the connection to
    /// the directory goes out from.
    Start {
        /// Where the owner can be reached.
        address: SocketAddr,
    },
}

/// What a member tells its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberNotice {
    /// It has sent this address to the directory.
    Registered {
        /// The address.
        own: SocketAddr,
    },
    /// These are on the list, in the order in which they joined.
    List(Vec<SocketAddr>),
    /// The connection to the directory is no more, or was not made.
    DirectoryLost {
        /// Why.
        why: DirectoryError,
        /// When it is tried again; `None` for never.
        retry_in: Option<Duration>,
    },
}

/// Why the directory is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// It said that it is over.
    #[error("the directory has begun the teardown")]
    Teardown,
    /// It could not be reached.
    #[error("the directory can't be reached: {0}")]
    Unreachable(DialError),
    /// We listen where nobody on the directory's side can reach us.
    #[error(
        "the directory is on another machine, and can't send others to {own}, which is ours alone; listen elsewhere, for instance on 0.0.0.0:0"
    )]
    Loopback {
        /// Where we listen.
        own: SocketAddr,
    },
    /// We listen for connections of the other version of IP than the one that the
    /// directory knows us by.
    #[error(
        "the directory knows us by {from}, where nobody can reach us while we listen on {address}; listen on one of its kind"
    )]
    AddressFamily {
        /// Where we listen.
        address: SocketAddr,
        /// Where our connection to the directory comes from.
        from: IpAddr,
    },
    /// It has closed the connection before it said anything.
    #[error(
        "the directory did not take us: it is full, or over, or does not admit our address {own}"
    )]
    Refused {
        /// What we registered.
        own: SocketAddr,
    },
    /// It said nothing at all.
    #[error("the directory does not answer")]
    Timeout,
    /// It can't be understood.
    #[error("that is no directory: {0}")]
    InvalidMessage(CodecError),
    /// The connection is lost.
    #[error("the directory is gone: {0}")]
    Lost(LinkDown),
}

impl DirectoryError {
    /// Whether it had taken us before.
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
    /// Not started, or not to be tried again.
    Idle,
    Dialing {
        dial: DialId,
    },
    Linked(Linked),
    Pausing {
        until: Timestamp,
    },
}

#[derive(Debug)]
struct Linked {
    link: LinkId,
    own: SocketAddr,
    since: Timestamp,
    decoder: UpdateDecoder,
    /// Whether a list has come.
    taken: bool,
    /// When what has come is taken for whole.
    pause_at: Option<Timestamp>,
}

type Out = Outbox<MemberNotice>;

impl Member {
    /// A member that does nothing yet.
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
        matches!(&self.phase, Phase::Linked(linked) if linked.link == link)
    }

    /// Whether the directory has taken us, on a connection that stands.
    #[must_use]
    pub fn is_registered(&self) -> bool {
        matches!(&self.phase, Phase::Linked(linked) if linked.taken)
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
        let anywhere = host.is_unspecified();
        let own = SocketAddr::new(if anywhere { from } else { host }, port);
        let why = if anywhere && host.is_ipv4() != from.is_ipv4() {
            Some(DirectoryError::AddressFamily { address, from })
        } else if host.is_loopback() && !from.is_loopback() {
            Some(DirectoryError::Loopback { own })
        } else {
            None
        };
        if let Some(why) = why {
            out.close(link, CloseWhen::Flushed);
            self.go_away(now, why, out);
            return;
        }
        self.phase = Phase::Linked(Linked {
            link,
            own,
            since: now,
            decoder: UpdateDecoder::new(),
            taken: false,
            pause_at: None,
        });
        let registration = out.store(|arena| write_registration(own, arena));
        out.send_stored(link, registration);
        out.notice(MemberNotice::Registered { own });
    }

    fn handle_bytes(&mut self, now: Timestamp, link: LinkId, bytes: &[u8], out: &mut Out) {
        let Phase::Linked(linked) = &mut self.phase else {
            return;
        };
        if linked.link != link {
            return;
        }
        let mut input = bytes;
        let why = loop {
            match linked.decoder.next(&mut input, self.config.peers_max) {
                Ok(Some(Update::List(list))) => {
                    linked.taken = true;
                    out.notice(MemberNotice::List(list));
                }
                Ok(Some(Update::Teardown)) => break DirectoryError::Teardown,
                Ok(None) => {
                    linked.pause_at = linked.decoder.needs_pause().then(|| now + MESSAGE_TIMEOUT);
                    return;
                }
                Err(error) => break DirectoryError::InvalidMessage(error),
            }
        };
        self.hang_up(now, why, out);
    }

    fn handle_link_down(&mut self, now: Timestamp, link: LinkId, why: LinkDown, out: &mut Out) {
        if !self.owns_link(link) {
            return;
        }
        self.take_rest(out);
        let why = match &self.phase {
            Phase::Linked(linked) if !linked.taken => DirectoryError::Refused { own: linked.own },
            _ => DirectoryError::Lost(why),
        };
        self.go_away(now, why, out);
    }

    /// Nothing more has come: what has is all.
    fn take_rest(&mut self, out: &mut Out) {
        let Phase::Linked(linked) = &mut self.phase else {
            return;
        };
        linked.pause_at = None;
        if let Some(Update::List(list)) = linked.decoder.pause(self.config.peers_max) {
            linked.taken = true;
            out.notice(MemberNotice::List(list));
        }
    }

    fn hang_up(&mut self, now: Timestamp, why: DirectoryError, out: &mut Out) {
        if let Phase::Linked(linked) = &self.phase {
            out.close(linked.link, CloseWhen::Flushed);
        }
        self.go_away(now, why, out);
    }

    /// Notes that there is no connection, and decides when the next is tried.
    fn go_away(&mut self, now: Timestamp, why: DirectoryError, out: &mut Out) {
        if let Phase::Linked(linked) = &self.phase
            && linked.taken
        {
            self.backoff.link_held(now.since(linked.since));
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
            Phase::Linked(linked) => {
                let silent = !linked.taken && linked.since + self.config.list_timeout <= now;
                if linked.pause_at.is_some_and(|at| at <= now) {
                    self.take_rest(out);
                } else if silent {
                    self.hang_up(now, DirectoryError::Timeout, out);
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
            } => {
                self.handle_link_up(now, link, origin, endpoints, out);
            }
            Event::Bytes { link, bytes } => self.handle_bytes(now, link, bytes, out),
            Event::LinkDown { link, why, .. } => self.handle_link_down(now, link, why, out),
            Event::DialFailed { dial, why } => {
                if matches!(self.phase, Phase::Dialing { dial: awaited } if awaited == dial) {
                    self.go_away(now, DirectoryError::Unreachable(why), out);
                }
            }
            Event::Tick => self.handle_tick(now, out),
        }
    }

    fn deadline(&self) -> Option<Timestamp> {
        match &self.phase {
            Phase::Pausing { until } => Some(*until),
            Phase::Linked(linked) => {
                let silent_at = (!linked.taken).then(|| linked.since + self.config.list_timeout);
                [linked.pause_at, silent_at].into_iter().flatten().min()
            }
            Phase::Idle | Phase::Dialing { .. } => None,
        }
    }
}
