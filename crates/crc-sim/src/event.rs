//! Events, commands and notices for machines of all kinds.

use crc_core::{ClientCommand, ClientNotice, Event, ServerCommand, ServerNotice};

use crate::foreign::{ForeignCommand, ForeignNotice};

/// An event for the machine of a node.
pub(crate) type NodeEvent<'a> = Event<'a, NodeCommand>;

/// A command for the machine of a node.
#[derive(Debug)]
pub(crate) enum NodeCommand {
    Server(ServerCommand),
    Client(ClientCommand),
    Foreign(ForeignCommand),
}

impl From<ServerCommand> for NodeCommand {
    fn from(command: ServerCommand) -> Self {
        NodeCommand::Server(command)
    }
}

impl From<ClientCommand> for NodeCommand {
    fn from(command: ClientCommand) -> Self {
        NodeCommand::Client(command)
    }
}

impl From<ForeignCommand> for NodeCommand {
    fn from(command: ForeignCommand) -> Self {
        NodeCommand::Foreign(command)
    }
}

/// The event for a server; `None` for a command for another machine.
pub(crate) fn server_event(event: NodeEvent<'_>) -> Option<Event<'_, ServerCommand>> {
    match event.into_command() {
        Err(event) => Some(event),
        Ok(NodeCommand::Server(command)) => Some(Event::Command(command)),
        Ok(_) => None,
    }
}

/// The event for a client; `None` for a command for another machine.
pub(crate) fn client_event(event: NodeEvent<'_>) -> Option<Event<'_, ClientCommand>> {
    match event.into_command() {
        Err(event) => Some(event),
        Ok(NodeCommand::Client(command)) => Some(Event::Command(command)),
        Ok(_) => None,
    }
}

/// The event for a foreign node; `None` for a command for another machine.
pub(crate) fn foreign_event(event: NodeEvent<'_>) -> Option<Event<'_, ForeignCommand>> {
    match event.into_command() {
        Err(event) => Some(event),
        Ok(NodeCommand::Foreign(command)) => Some(Event::Command(command)),
        Ok(_) => None,
    }
}

/// How many bytes the machine gets.
pub(crate) const fn bytes_len(event: &NodeEvent<'_>) -> usize {
    match event {
        Event::Bytes { bytes, .. } => bytes.len(),
        Event::LinkDown { unsent, .. } => unsent.bytes.len(),
        _ => 0,
    }
}

/// What a machine of any kind may notice.
pub(crate) enum Notice {
    Server(ServerNotice),
    Client(ClientNotice),
    Foreign(ForeignNotice),
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

impl From<ForeignNotice> for Notice {
    fn from(notice: ForeignNotice) -> Self {
        Notice::Foreign(notice)
    }
}
