//! The interface between machines and drivers: the machine takes an event and the
//! time, and returns effects.

use crate::link::{DialError, DialId, Endpoints, LinkDown, LinkId, Origin};
use crate::outbox::Outbox;
use crate::security::Security;
use crate::send_queue::{QueueReport, Unsent};
use crate::time::Timestamp;

/// A sans-IO state machine that communicates over byte streams.
///
/// A machine has no socket, thread, clock or source of randomness of its own. The same events at
/// the same times always have the same effects, under a driver with sockets as in a simulator.
pub trait Machine {
    /// A request of a user or operator.
    type Command;
    /// A report for a user or operator.
    type Notice;

    /// Handles one event that happened at `now`, and appends the effects to `out` in order.
    ///
    /// It never fails: the machine answers a peer's fault with effects such as `Send`, `Close`
    /// or `Notice`. `now` never decreases. An event for a link that the machine already closed is
    /// a race and not an error; the machine ignores it.
    fn handle(
        &mut self,
        now: Timestamp,
        event: Event<'_, Self::Command>,
        out: &mut Outbox<Self::Notice>,
    );

    /// When the next [`Event::Tick`] is due; `None` if no timer is set. A machine accepts a tick
    /// that comes early.
    fn deadline(&self) -> Option<Timestamp>;
}

/// An input of a machine.
#[derive(Debug)]
pub enum Event<'a, C> {
    /// A link is up. Exactly one `LinkDown` follows for it, even after the machine's own
    /// `Close`.
    LinkUp {
        /// The new link's id.
        link: LinkId,
        /// Which side opened it.
        origin: Origin,
        /// Its two addresses.
        endpoints: Endpoints,
        /// What is known by the TLS handshake; `None` for a plain link.
        security: Option<Box<Security>>,
    },
    /// The next bytes of a link's stream, split at any point. Never empty.
    Bytes {
        /// The link that received them.
        link: LinkId,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// How long the send queue of a link is, which the machine [watches](crate::Effect::Watch).
    Queue {
        /// The link.
        link: LinkId,
        /// Its length, and what was written.
        report: QueueReport,
    },
    /// The address to which the machine has [moved](crate::Effect::Readdress) a link may have no
    /// more links. The link stays as it is until the machine closes it.
    Crowded {
        /// The link.
        link: LinkId,
    },
    /// A link is down.
    LinkDown {
        /// The link. Its id is never used again.
        link: LinkId,
        /// The reason.
        why: LinkDown,
        /// What the machine sent on it and the driver did not write.
        unsent: Unsent<'a>,
    },
    /// A dial failed.
    DialFailed {
        /// The dial.
        dial: DialId,
        /// The reason.
        why: DialError,
    },
    /// A user or operator requests something.
    Command(C),
    /// A [deadline](Machine::deadline) passed. Before the tick, the driver writes all immediate
    /// sends to the sockets, as far as the sockets accept them.
    Tick,
}

impl<'a, C> Event<'a, C> {
    /// Separates a command from the other inputs, which every machine has in common. A
    /// machine around another one handles the command and passes the rest on.
    ///
    /// # Errors
    ///
    /// Any other input than a command, as an event for a machine with commands of type `D`.
    pub fn into_command<D>(self) -> Result<C, Event<'a, D>> {
        Err(match self {
            Event::Command(command) => return Ok(command),
            Event::LinkUp {
                link,
                origin,
                endpoints,
                security,
            } => Event::LinkUp {
                link,
                origin,
                endpoints,
                security,
            },
            Event::Bytes { link, bytes } => Event::Bytes { link, bytes },
            Event::Queue { link, report } => Event::Queue { link, report },
            Event::Crowded { link } => Event::Crowded { link },
            Event::LinkDown { link, why, unsent } => Event::LinkDown { link, why, unsent },
            Event::DialFailed { dial, why } => Event::DialFailed { dial, why },
            Event::Tick => Event::Tick,
        })
    }

    /// The link that the event is about, if any.
    pub const fn link(&self) -> Option<LinkId> {
        match self {
            Event::LinkUp { link, .. }
            | Event::Bytes { link, .. }
            | Event::Queue { link, .. }
            | Event::Crowded { link }
            | Event::LinkDown { link, .. } => Some(*link),
            Event::DialFailed { .. } | Event::Command(_) | Event::Tick => None,
        }
    }
}
