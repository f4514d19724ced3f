//! `crc-rendezvous`: a directory with which peers find each other, and a peer that
//! chats with all others.
//!
//! [`crc_rendezvous`] implements directories and peers, [`crc_net::Driver`] the sockets.
//! This program adds the command line ([`args`]), the two roles ([`serve`], [`join`]),
//! and a peer's output: as [`text`], or as [`json`].

#![forbid(unsafe_code)]

mod args;
mod failure;
mod join;
mod json;
mod serve;
mod text;

use std::process::ExitCode;

use clap::Parser;
use crc_cli::terminal::LogWriter;
use crc_cli::{init_logger, print_error};

use args::{Args, Role};

fn main() -> ExitCode {
    let args = Args::parse();
    let log = LogWriter::default();
    init_logger(args.log_level(), Some(Box::new(log.clone())));
    let done = match &args.role {
        Role::Serve(serve) => serve::run(serve),
        Role::Join(join) => join::run(join, log),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            print_error(&format!("crc-rendezvous: {failure}"));
            ExitCode::FAILURE
        }
    }
}
