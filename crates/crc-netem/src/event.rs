//! What a host's machine learns from the network: an [`Event`] that owns its bytes.

use crc_machine::{
    DialError, DialId, Endpoints, Event, LinkDown, LinkId, Origin, QueueReport, SendQueue,
};

/// An event of one link, for the machine of one host.
#[derive(Debug)]
pub enum LinkEvent {
    /// The connection stands.
    Up {
        /// The link's name at this host.
        link: LinkId,
        /// Which side opened it.
        origin: Origin,
        /// Its two addresses.
        endpoints: Endpoints,
    },
    /// Bytes arrived, never none.
    Bytes {
        /// The link.
        link: LinkId,
        /// The bytes. [`TimedNet::recycle`](crate::TimedNet::recycle) reuses the buffer.
        bytes: Vec<u8>,
    },
    /// The length of a watched queue.
    Queue {
        /// The link.
        link: LinkId,
        /// Its length.
        report: QueueReport,
    },
    /// The connection has ended.
    Down {
        /// The link.
        link: LinkId,
        /// Why it ended.
        why: LinkDown,
        /// The sends that were not wholly written.
        queue: SendQueue,
    },
    /// A dial failed.
    DialFailed {
        /// The dial.
        dial: DialId,
        /// Why it failed.
        why: DialError,
    },
}

impl LinkEvent {
    /// The link, unless a dial failed.
    #[must_use]
    pub const fn link(&self) -> Option<LinkId> {
        match self {
            LinkEvent::Up { link, .. }
            | LinkEvent::Bytes { link, .. }
            | LinkEvent::Queue { link, .. }
            | LinkEvent::Down { link, .. } => Some(*link),
            LinkEvent::DialFailed { .. } => None,
        }
    }

    /// The event as a machine takes it.
    #[must_use]
    pub fn as_event<C>(&self) -> Event<'_, C> {
        match self {
            &LinkEvent::Up {
                link,
                origin,
                endpoints,
            } => Event::LinkUp {
                link,
                origin,
                endpoints,
                security: None,
            },
            LinkEvent::Bytes { link, bytes } => Event::Bytes { link: *link, bytes },
            &LinkEvent::Queue { link, report } => Event::Queue { link, report },
            LinkEvent::Down { link, why, queue } => Event::LinkDown {
                link: *link,
                why: *why,
                unsent: queue.unsent(),
            },
            &LinkEvent::DialFailed { dial, why } => Event::DialFailed { dial, why },
        }
    }
}
