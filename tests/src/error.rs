//! What can go wrong with the rig itself, in sentences.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// A process, its admin page or its surroundings failed.
#[derive(Debug, thiserror::Error)]
pub enum RigError {
    /// There is no binary to start.
    #[error("{0}")]
    Binaries(String),
    /// A file or folder of the rig's own could not be made.
    #[error("{}: {source}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A program could not be started.
    #[error("{} could not be started: {source}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A process ended before it was ready.
    #[error("{name} has ended ({status}) before it was ready; its last words: {last_words}")]
    Ended {
        /// Whose process.
        name: String,
        /// How it ended.
        status: String,
        /// What it wrote last.
        last_words: String,
    },
    /// Something did not come in time.
    #[error("{name}: waited {bound:?} for {what}; {seen}")]
    Late {
        /// Whose.
        name: String,
        /// What.
        what: String,
        /// How long.
        bound: Duration,
        /// What was there instead.
        seen: String,
    },
    /// The admin page did not answer, or not as it should.
    #[error("the admin page of {name} {why}")]
    Admin {
        /// Whose.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// A line could not be written to a process.
    #[error("{name} takes no more input: {source}")]
    Input {
        /// Whose process.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// Somebody wants us to stop.
    #[error("interrupted")]
    Interrupted,
    /// A socket of the rig's own failed.
    #[error("{what}: {source}")]
    Socket {
        /// What it was for.
        what: String,
        /// Why.
        source: io::Error,
    },
}
