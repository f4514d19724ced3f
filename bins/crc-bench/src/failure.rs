//! Why a run has no figures, in sentences.

use std::io;
use std::path::PathBuf;

use crc_wire::{FrameError, HostId, MessageError};

use crate::flow::Breach;

/// Why a run has no figures.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The network has not done what it must.
    #[error("{0}")]
    Broken(#[from] Breach),
    #[error("cannot reach the server at {server}: {source}")]
    Unreachable { server: String, source: io::Error },
    #[error("the server at {server} has ended the connection of client {client}{}", words(.last))]
    HungUp {
        server: String,
        client: HostId,
        last: String,
    },
    #[error("the server at {server} does not take client {client}: {text:?}")]
    Refused {
        server: String,
        client: HostId,
        text: String,
    },
    #[error("the server at {server} sends what is no frame: {source}")]
    NoFrame { server: String, source: FrameError },
    #[error("the server at {server} sends a frame that makes no sense: {source}")]
    BadFrame {
        server: String,
        source: MessageError,
    },
    #[error("the servers are not one network: {0}")]
    Apart(#[source] Breach),
    #[error("nothing has come for {seconds} s, while waiting {what}")]
    Silence { what: &'static str, seconds: u64 },
    #[error(
        "{wanted} clients need more descriptors than this system permits: at most {permitted} \
         clients; raise the limit (ulimit -n) or take fewer"
    )]
    Descriptors { wanted: usize, permitted: usize },
    #[error(
        "there is no crc-server beside this program or on the PATH; build it, or say where it is \
         with --server-bin"
    )]
    NoServer,
    #[error("cannot start {}: {source}", program.display())]
    Start { program: PathBuf, source: io::Error },
    #[error("the server has ended before it listened{}", words(.first))]
    ServerEnded { first: String },
    #[error("{what}: {source}")]
    System { what: String, source: io::Error },
    #[error("{0}")]
    Demand(String),
    #[error("interrupted")]
    Interrupted,
    /// Whoever does not read to the end does not want the rest.
    #[error("{0}")]
    Output(io::Error),
}

impl Failure {
    /// For `map_err`: what was tried when the system failed.
    pub(crate) fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Failure {
        let what = what.into();
        move |source| Failure::System { what, source }
    }
}

fn words(said: &str) -> String {
    if said.is_empty() {
        return String::new();
    }
    format!("; it said {said:?}")
}
