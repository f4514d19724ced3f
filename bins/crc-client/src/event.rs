//! What the client reports to its output: notices of the machine, answers to commands,
//! errors.

use crc_core::{ChannelMember, ClientNotice, RemoteClient, ResolveError};
use crc_wire::{ChatKind, HostId, StatusCode};

use crate::command::{ParseError, Target};
use crate::ignore::IgnoreError;
use crate::modes::ModeError;
use crate::request::Tag;

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
    /// What a channel is set to, a line each, and as IRC writes it: the answer to `/mode`.
    Modes {
        channel: String,
        modes: String,
        lines: Vec<String>,
    },
    /// The names of the channels that this client is in and the numbers of their
    /// members: the answer to `/channels`.
    Channels(Vec<(String, usize)>),
    /// The clients that are ignored: the answer to `/ignore` and `/unignore`.
    Ignored(Vec<String>),
    /// Lines that are not commands go to another target.
    TargetChanged { target: Option<Target> },
    /// A text waits for a connection. It is sent when there is one again.
    Held { to: Target },
    /// A text that has waited for a connection is sent.
    HeldSent { to: Target, text: String },
    /// The client asks the server to make it this operator, as the command line says.
    AsksForOperator { name: String },
    /// The answer to `/help`.
    Help,
    /// An event that a command with a tag has led to.
    Tagged(Tag, Box<OutputEvent>),
    /// A command with a tag is executed or has failed.
    Done,
    /// The client knows all others now, and what the server supports.
    Settled,
    /// This client has sent a text to a channel, or to a client.
    Said {
        to: Result<String, HostId>,
        kind: ChatKind,
        text: String,
    },
    /// A line is executed or has failed.
    LineHandled,
    /// No server has accepted the client in time. The client stops.
    GaveUp { unsent: usize },
}

impl OutputEvent {
    /// The same with a tag, unless there is none, or it has one.
    pub(crate) fn tagged(self, tag: Option<Tag>) -> OutputEvent {
        match (self, tag) {
            (event @ (OutputEvent::Tagged(..) | OutputEvent::LineHandled), _) | (event, None) => {
                event
            }
            (event, Some(tag)) => OutputEvent::Tagged(tag, Box::new(event)),
        }
    }

    /// The event without its tag, and the tag.
    pub(crate) fn untagged(&self) -> (&OutputEvent, Option<&Tag>) {
        match self {
            OutputEvent::Tagged(tag, event) => (event, Some(tag)),
            event => (event, None),
        }
    }

    /// Whether the server has refused what a command asked for.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(
            self,
            OutputEvent::Client(
                ClientNotice::ChannelRefused { .. }
                    | ClientNotice::Status {
                        code: StatusCode::UNKNOWN_ID | StatusCode::TOO_LONG | StatusCode::CONGESTED,
                        ..
                    }
            )
        )
    }

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
    #[error("{0}")]
    Mode(#[from] ModeError),
    #[error("{0}")]
    Ignore(#[from] IgnoreError),
    #[error("{}", resolve_text(.0))]
    Resolve(#[from] ResolveError),
    #[error("The client quit before")]
    Quit,
    #[error("You are not connected. Nothing was sent")]
    NotConnected,
    #[error("You are not connected. Wait until you are")]
    NotConnectedYet,
    #[error("You are not connected, and too many lines wait already. Nothing was sent")]
    TooManyHeld,
    #[error("{why}. This was not sent: {text}")]
    HeldNotSent {
        text: String,
        why: Box<CommandError>,
    },
    #[error("{0} is not here any more")]
    NotHere(String),
    #[error("The server has not let you into {0} yet. Nothing was sent")]
    NotJoinedYet(String),
    #[error("You are not talking to anyone yet. Use /join #channel, /to NAME or /msg NAME TEXT")]
    NoTarget,
    #[error("You are not talking to a channel. Use {0} #CHANNEL")]
    NoChannelTarget(&'static str),
    #[error("You are not in {0}. Use /join {0}")]
    NotInChannel(String),
}

fn resolve_text(error: &ResolveError) -> String {
    match error {
        ResolveError::Unknown(name) => format!("No client is named {name}. Use /who"),
        ResolveError::Ambiguous { name, candidates } => {
            let ids: Vec<String> = candidates.iter().map(HostId::to_string).collect();
            format!(
                "Several clients are named {name}. Use an id: {}",
                ids.join(", ")
            )
        }
        other => other.to_string(),
    }
}
