//! What a node's machine is given, and what it notices, for machines of all kinds.

use crc_core::{
    ClientCommand, ClientNotice, DialError, DialId, Endpoints, Event, LinkDown, LinkId, Origin,
    ServerCommand, ServerNotice, Unsent,
};

use crate::foreign::{Complaint, ForeignCommand};

/// An event for the machine of a node.
#[derive(Debug)]
pub(crate) enum NodeEvent<'a> {
    Up {
        link: LinkId,
        origin: Origin,
        endpoints: Endpoints,
    },
    Bytes {
        link: LinkId,
        bytes: &'a [u8],
    },
    Down {
        link: LinkId,
        why: LinkDown,
        unsent: Unsent<'a>,
    },
    DialFailed {
        dial: DialId,
        why: DialError,
    },
    Server(ServerCommand),
    Client(ClientCommand),
    Foreign(ForeignCommand),
    Tick,
}

impl<'a> NodeEvent<'a> {
    pub(crate) const fn link(&self) -> Option<LinkId> {
        match self {
            NodeEvent::Up { link, .. }
            | NodeEvent::Bytes { link, .. }
            | NodeEvent::Down { link, .. } => Some(*link),
            _ => None,
        }
    }

    /// How many bytes the machine gets.
    pub(crate) const fn bytes_len(&self) -> usize {
        match self {
            NodeEvent::Bytes { bytes, .. } => bytes.len(),
            NodeEvent::Down { unsent, .. } => unsent.bytes.len(),
            _ => 0,
        }
    }

    fn common<C>(self) -> Result<Event<'a, C>, NodeEvent<'a>> {
        Ok(match self {
            NodeEvent::Up {
                link,
                origin,
                endpoints,
            } => Event::LinkUp {
                link,
                origin,
                endpoints,
            },
            NodeEvent::Bytes { link, bytes } => Event::Bytes { link, bytes },
            NodeEvent::Down { link, why, unsent } => Event::LinkDown { link, why, unsent },
            NodeEvent::DialFailed { dial, why } => Event::DialFailed { dial, why },
            NodeEvent::Tick => Event::Tick,
            other => return Err(other),
        })
    }

    pub(crate) fn into_server(self) -> Option<Event<'a, ServerCommand>> {
        match self.common() {
            Ok(event) => Some(event),
            Err(NodeEvent::Server(command)) => Some(Event::Command(command)),
            Err(_) => None,
        }
    }

    pub(crate) fn into_client(self) -> Option<Event<'a, ClientCommand>> {
        match self.common() {
            Ok(event) => Some(event),
            Err(NodeEvent::Client(command)) => Some(Event::Command(command)),
            Err(_) => None,
        }
    }

    pub(crate) fn into_foreign(self) -> Option<Event<'a, ForeignCommand>> {
        match self.common() {
            Ok(event) => Some(event),
            Err(NodeEvent::Foreign(command)) => Some(Event::Command(command)),
            Err(_) => None,
        }
    }
}

/// What a machine of any kind may notice.
pub(crate) enum Notice {
    Server(ServerNotice),
    Client(ClientNotice),
    Foreign(Complaint),
}

impl From<ServerNotice> for Notice {
    fn from(notice: ServerNotice) -> Self {
        Notice::Server(notice)
    }
}

impl From<ClientNotice> for Notice {
    fn from(notice: ClientNotice) -> Self {
        Notice::Client(notice)
    }
}

impl From<Complaint> for Notice {
    fn from(notice: Complaint) -> Self {
        Notice::Foreign(notice)
    }
}
