//! `crc-rendezvous`: a directory by which peers find each other, and a peer that
//! talks to all others.
//!
//! What directories and peers do is [`crc_rendezvous`]'s, the sockets are
//! [`crc_net::Driver`]'s. Here are the command line ([`args`]), the two roles
//! ([`serve`], [`join`]), and what is shown of a peer: in words ([`text`]), as JSON
//! ([`json`]), at a [`terminal`].

#![forbid(unsafe_code)]

mod args;
mod join;
mod json;
mod serve;
mod terminal;
mod text;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use crc_net::{DriverError, ListenError};

use args::{Args, Role};
use terminal::LogLines;

/// Why it can't run: one sentence for whoever started it.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("cannot listen: {0}")]
    Listen(#[from] ListenError),
    #[error("{0}")]
    Driver(#[from] DriverError),
    #[error("the system gives no random numbers: {0}")]
    Random(#[from] getrandom::Error),
    #[error("{0}")]
    Directory(#[from] crc_rendezvous::DirectoryError),
    #[error("not everything could be said")]
    Incomplete,
    #[error("standard output can't be written to: {0}")]
    Output(#[from] io::Error),
}

fn main() -> ExitCode {
    let args = Args::parse();
    let log = LogLines::default();
    env_logger::Builder::new()
        .filter_level(args.log_level())
        .parse_default_env()
        .target(env_logger::Target::Pipe(Box::new(log.clone())))
        .init();
    let done = match &args.role {
        Role::Serve(serve) => serve::run(serve),
        Role::Join(join) => join::run(join, &log),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            write_error(&format!("crc-rendezvous: {failure}"));
            ExitCode::FAILURE
        }
    }
}

/// The first line of output: where we are to be reached.
fn announce(address: SocketAddr) {
    // Nobody has to read it.
    let _ = write_line(&format!("listening on {address}"));
}

/// Writes a line to standard output, to be read at once.
fn write_line(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Writes a line to standard error. Whether anybody reads it is not our concern.
fn write_error(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
