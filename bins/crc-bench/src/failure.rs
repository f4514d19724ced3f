//! Why a run failed.

use std::io;
use std::path::PathBuf;

use crc_wire::{FrameError, HostId, MessageError};

use crate::flow::Violation;

/// Why a run failed, and so has no results.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The network violated a guarantee.
    #[error("{0}")]
    Violation(#[from] Violation),
    #[error("cannot connect to the server at {server}: {source}")]
    Unreachable { server: String, source: io::Error },
    #[error(
        "the server at {server} closed the connection of client {client}{}",
        detail("last status", .status)
    )]
    ConnectionClosed {
        server: String,
        client: HostId,
        /// The text of the last status.
        status: String,
    },
    #[error("the server at {server} refused client {client}: {text:?}")]
    Refused {
        server: String,
        client: HostId,
        text: String,
    },
    #[error("the server at {server} sent an invalid frame: {source}")]
    InvalidFrame { server: String, source: FrameError },
    #[error("the server at {server} sent an invalid message: {source}")]
    InvalidMessage {
        server: String,
        source: MessageError,
    },
    #[error("the servers are not one network: {0}")]
    SeparateNetworks(#[source] Violation),
    #[error("no bytes arrived for {seconds} s while waiting {what}")]
    Stalled { what: &'static str, seconds: u64 },
    #[error(
        "{wanted} clients need more descriptors than the limit permits: at most {permitted} \
         clients; raise the limit with ulimit -n, or use fewer clients"
    )]
    Descriptors { wanted: usize, permitted: usize },
    #[error(
        "crc-server is neither beside this program nor on the PATH: build it, or name it with \
         --server-bin"
    )]
    ServerNotFound,
    #[error("cannot start {}: {source}", program.display())]
    Start { program: PathBuf, source: io::Error },
    #[error("the server exited before it listened{}", detail("first line", .output))]
    ServerExited {
        /// The first line on its standard error.
        output: String,
    },
    #[error("{what}: {source}")]
    System { what: String, source: io::Error },
    /// The command line or the system does not permit the run.
    #[error("{0}")]
    Unusable(String),
    #[error("interrupted")]
    Interrupted,
    /// The report cannot be printed, for instance because the reader has closed the pipe.
    #[error("{0}")]
    Output(io::Error),
}

impl Failure {
    /// For `map_err`: an error of the system during the action `what`.
    pub(crate) fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Failure {
        let what = what.into();
        move |source| Failure::System { what, source }
    }
}

fn detail(name: &str, text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    format!("; {name}: {text:?}")
}
