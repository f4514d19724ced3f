//! Why the program exits with an error.

use std::io;

use crc_net::{DriverError, ListenError};
use crc_rendezvous::DirectoryError;

/// Why the program exits with an error.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("cannot listen: {0}")]
    Listen(#[from] ListenError),
    #[error("{0}")]
    Driver(#[from] DriverError),
    #[error("cannot get random numbers from the system: {0}")]
    Random(#[from] getrandom::Error),
    #[error("{0}")]
    Directory(#[from] DirectoryError),
    #[error("some lines were not sent")]
    Incomplete,
    #[error("cannot start a thread to edit lines: {0}")]
    Terminal(io::Error),
    #[error("cannot handle the hangup signal: {0}")]
    Hangup(#[source] io::Error),
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
}
