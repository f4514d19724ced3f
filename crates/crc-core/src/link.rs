//! One link of this server: its endpoints, how far its conversation has come, how
//! bytes go out on it, and the protocol that its peer speaks.

use core::net::SocketAddr;

use crc_machine::{ByteRange, Endpoints, LinkDown, LinkId, Origin, Outbox, Security, Timestamp};
use crc_wire::HostId;

use crate::budget::Budget;
use crate::congestion::Congestion;
use crate::crc::auth::Auth;
use crate::crc::encoding::fit_frames;
use crate::crc::pacing::Pacer;
use crate::crc::session::Session;
use crate::irc::User;
use crate::legacy::Peer;
use crate::violation::Role;
use crate::walk::Told;

/// How far a conversation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The peer has connected and has not registered.
    Unregistered,
    /// The peer has registered as a server, and has to prove a secret first; or as a client,
    /// and its password is being compared.
    Challenged,
    /// This server has connected and introduced itself; the peer has not answered.
    Introduced,
    /// The peer is a registered client.
    Client,
    /// The peer is a registered server.
    Server,
    /// This server has closed the link, and ignores what still arrives on it.
    Closing,
}

impl Phase {
    /// The role in which the peer breaks a rule in this phase.
    pub(crate) const fn role(self) -> Role {
        match self {
            Phase::Unregistered | Phase::Challenged | Phase::Introduced | Phase::Closing => {
                Role::Unregistered
            }
            Phase::Client => Role::Client,
            Phase::Server => Role::Server,
        }
    }
}

/// How bytes go out on a link.
#[derive(Debug)]
pub(crate) enum Outlet {
    /// At once.
    Direct,
    /// In small chunks with pauses between them: the peer is a v1 node.
    Paced(Box<Pacer>),
    /// Not yet: the version of the peer is not known. A few chats and statuses are
    /// kept as they came.
    Held(Vec<u8>),
    /// At once, and as lines of text instead of frames.
    Text,
    /// Not any more: the link is down, and what was read from it is still being handled.
    /// What would have been sent is answered like all that was not written.
    Ended(Vec<u8>),
}

impl Outlet {
    /// The bytes that this server holds back, or that it would have sent.
    pub(crate) fn waiting(&self) -> &[u8] {
        match self {
            Outlet::Direct | Outlet::Text => &[],
            Outlet::Paced(pacer) => pacer.waiting(),
            Outlet::Held(frames) | Outlet::Ended(frames) => frames,
        }
    }
}

/// The protocol that a link's peer speaks, and the state of the conversation in it.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "every frame asks the session of its link: it is no pointer away"
)]
pub(crate) enum Protocol {
    /// The binary protocol.
    Crc(Session),
    /// Ordinary IRC: the peer is a user.
    Irc(Box<User>),
    /// The legacy IRC network: the peer is a user or a server.
    Legacy(Box<Peer>),
}

/// How many bytes are kept for a peer whose version is not known.
pub(crate) const HELD_BYTES_MAX: usize = 64 * 1024;

/// What was read from a link and waits to be handled, because the work of an event is
/// bounded. The link is not read meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Unread {
    pub(crate) bytes: Vec<u8>,
    /// Set when the link has ended meanwhile.
    pub(crate) ended: Option<Ended>,
}

/// How a link has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) why: LinkDown,
    /// The bytes that were not written, from the beginning of a frame on.
    pub(crate) unsent: Vec<u8>,
    /// How many of them were written nevertheless.
    pub(crate) written: usize,
}

/// The gateway at the other end of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gateway {
    /// Its name in the configuration.
    pub(crate) name: Box<str>,
    /// Its address.
    pub(crate) address: SocketAddr,
}

/// One link of this server.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) endpoints: Endpoints,
    /// What is known by the TLS handshake, if there was one. Behind a gateway: if there was one
    /// with the gateway, and one of the gateway with the user.
    pub(crate) security: Option<Box<Security>>,
    /// The gateway that has connected for the peer, if one has; then the peer's address in
    /// `endpoints` is what the gateway says.
    pub(crate) gateway: Option<Box<Gateway>>,
    pub(crate) origin: Origin,
    pub(crate) phase: Phase,
    /// When the last bytes arrived.
    pub(crate) heard_at: Timestamp,
    /// When the connection was made.
    pub(crate) up_at: Timestamp,
    /// How many bytes have arrived.
    pub(crate) received_bytes: u64,
    /// The first bytes of a peer, until it is known which protocol they begin.
    pub(crate) first_bytes: Vec<u8>,
    /// Whether that is known.
    pub(crate) is_recognised: bool,
    pub(crate) outlet: Outlet,
    /// What the peer was told of the network, once its burst has begun.
    pub(crate) told: Told,
    /// What sources have in the queue of a server that reads too slowly.
    pub(crate) congestion: Option<Box<Congestion>>,
    /// Whether a chat cannot just be sent: the burst to the peer is under way, or the link
    /// is being closed.
    pub(crate) detour: bool,
    /// The longest text that the peer takes, if texts may be longer here; otherwise `u32::MAX`.
    pub(crate) text_bytes_max: u32,
    /// What was read from the link and waits to be handled.
    pub(crate) unread: Option<Box<Unread>>,
    /// Whether the peer is a client that fills the queue of a server elsewhere.
    pub(crate) slowed: bool,
    /// Whether the driver was told not to read it.
    pub(crate) paused: bool,
    /// How many wrong passwords the peer has sent.
    pub(crate) wrong_passwords: u8,
    /// The user that the peer was told last is away, and which absence that was.
    pub(crate) away_told: Option<(HostId, u64)>,
    /// What the peer may send, if it is a client.
    pub(crate) budget: Budget,
    pub(crate) protocol: Protocol,
}

impl Link {
    pub(crate) fn new(
        now: Timestamp,
        origin: Origin,
        endpoints: Endpoints,
        protocol: Protocol,
    ) -> Self {
        Link {
            endpoints,
            security: None,
            gateway: None,
            origin,
            phase: match origin {
                Origin::Accepted { .. } => Phase::Unregistered,
                Origin::Dialed { .. } => Phase::Introduced,
            },
            heard_at: now,
            up_at: now,
            received_bytes: 0,
            first_bytes: Vec::new(),
            is_recognised: false,
            outlet: Outlet::Direct,
            told: Told::default(),
            congestion: None,
            detour: false,
            text_bytes_max: u32::MAX,
            unread: None,
            slowed: false,
            paused: false,
            wrong_passwords: 0,
            away_told: None,
            budget: Budget::default(),
            protocol,
        }
    }

    /// The server that the peer says to be, while it has to prove that or may not link.
    pub(crate) fn claimed(&self) -> Option<(HostId, &str)> {
        self.crc()?.auth.as_ref()?.claimed()
    }

    /// Whether the password of a client is being compared. No frame is read.
    pub(crate) fn is_password_checked(&self) -> bool {
        let auth = self.crc().and_then(|session| session.auth.as_deref());
        matches!(auth, Some(Auth::Client(_)))
    }

    /// Whether the peer speaks the binary protocol.
    pub(crate) const fn is_crc(&self) -> bool {
        matches!(self.protocol, Protocol::Crc(_))
    }

    /// The session, if the peer speaks the binary protocol.
    #[inline]
    pub(crate) const fn crc(&self) -> Option<&Session> {
        match &self.protocol {
            Protocol::Crc(session) => Some(session),
            _ => None,
        }
    }

    /// The session to be changed, if the peer speaks the binary protocol.
    #[inline]
    pub(crate) const fn crc_mut(&mut self) -> Option<&mut Session> {
        match &mut self.protocol {
            Protocol::Crc(session) => Some(session),
            _ => None,
        }
    }

    /// Whether the peer takes a text of this length.
    #[inline]
    pub(crate) const fn takes_text(&self, bytes: usize) -> bool {
        bytes <= self.text_bytes_max as usize
    }

    /// Whether a chat may be sent at once and as it is, whatever its length.
    #[inline]
    pub(crate) const fn takes_any_chat(&self) -> bool {
        matches!(self.outlet, Outlet::Direct)
            && !self.detour
            && self.congestion.is_none()
            && self.text_bytes_max == u32::MAX
    }

    /// Sends bytes that stand in the outbox, in the way that the peer can take.
    #[inline]
    pub(crate) fn deliver<N>(&mut self, link: LinkId, bytes: ByteRange, out: &mut Outbox<N>) {
        let mut bytes = bytes;
        if self.text_bytes_max != u32::MAX
            && let Some(fitting) = fit_frames(out.bytes(bytes), self.text_bytes_max)
        {
            bytes = out.store(|arena| arena.extend_from_slice(&fitting));
        }
        match &mut self.outlet {
            Outlet::Direct | Outlet::Text => out.send_stored(link, bytes),
            Outlet::Paced(pacer) => pacer.push(out.bytes(bytes)),
            Outlet::Held(held) | Outlet::Ended(held)
                if held.len() + bytes.len() > HELD_BYTES_MAX => {}
            Outlet::Held(held) | Outlet::Ended(held) => {
                held.extend_from_slice(out.bytes(bytes));
            }
        }
    }
}
