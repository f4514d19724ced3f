//! What the client reports to its output: notices of the machine, answers to commands,
//! errors.

use crc_core::{ChannelMember, ClientNotice, RemoteClient, ResolveError};
use crc_wire::HostId;

use crate::command::{ParseError, Target};

/// An event for the output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OutputEvent {
    /// A notice of the client machine.
    Client(ClientNotice),
    /// A command cannot be executed.
    CommandFailed(CommandError),
    /// The other clients: the answer to `/who`.
    Roster(Vec<(HostId, RemoteClient)>),
    /// A channel that this client is in: the answer to `/who #CHANNEL`.
    Channel {
        channel: String,
        members: Vec<ChannelMember>,
        topic: String,
    },
    /// The topic of a channel that this client is in: the answer to `/topic`.
    Topic { channel: String, topic: String },
    /// The names of the channels that this client is in and the numbers of their
    /// members: the answer to `/channels`.
    Channels(Vec<(String, usize)>),
    /// Lines that are not commands go to another target.
    TargetChanged { target: Option<Target> },
    /// The answer to `/help`.
    Help,
    /// A line is executed or has failed.
    LineHandled,
    /// No server has accepted the client in time. The client stops.
    GaveUp { unsent: usize },
}

impl OutputEvent {
    /// Whether the client stops after this.
    pub(crate) fn is_fatal(&self) -> bool {
        matches!(
            self,
            OutputEvent::GaveUp { .. } | OutputEvent::Client(ClientNotice::Failed { .. })
        )
    }
}

/// Why a command cannot be executed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CommandError {
    #[error("{0}")]
    Parse(#[from] ParseError),
    #[error("{0}; nothing was sent")]
    Resolve(#[from] ResolveError),
    #[error("not connected; nothing was sent")]
    NotConnected,
    #[error("nobody is chosen to talk to; say /to WHO first, or /msg WHO TEXT")]
    NoTarget,
    #[error("plain lines go to no channel; say which: {0} #CHANNEL")]
    NoChannelTarget(&'static str),
    #[error("you are not in {0}")]
    NotInChannel(String),
}
