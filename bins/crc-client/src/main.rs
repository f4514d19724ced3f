//! `crc-client`: a client of a Clemson Relay Chat network, for people and for
//! scripts.
//!
//! The protocol is [`crc_core::Client`]'s, the sockets are [`crc_net::Driver`]'s.
//! Here are the command line ([`args`]), what lines mean ([`mod@line`]) and when they
//! are carried out ([`desk`]), and what is shown of it ([`face`], in words
//! [`text`], as JSON [`json`], at a [`terminal`]).

#![forbid(unsafe_code)]

mod args;
mod desk;
mod face;
mod gate;
mod json;
mod line;
mod terminal;
mod text;

use std::io::{self, BufReader, IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use crc_core::{Client, ClientConfig, ClientLimits};
use crc_net::{Driver, DriverConfig, LineEvent, Stopped, read_lines};

use args::Args;
use desk::{Desk, Manner, Order};
use face::{Face, Outcome, Show, write_error};
use gate::Gate;
use line::{Line, LineError};
use terminal::{LogLines, Terminal};
use text::Palette;

/// How many lines of a script may wait to be carried out.
const LINES_MAX: usize = 256;

/// The most bytes of a line: the longest text, and room for the rest.
const LINE_BYTES_MAX: usize = 66 * 1024;

/// How many bytes may wait for the server before a script is slowed down.
const PAUSE_BYTES: usize = 1024 * 1024;

fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(what) = args.generate {
        // Nobody to tell when standard output is closed.
        let _ = io::stdout().write_all(&args::generate(what));
        return ExitCode::SUCCESS;
    }
    let fatal = match run(&args) {
        Ok(outcome) if outcome.incomplete && outcome.fatal.is_none() => {
            Some("not everything could be sent before the connection was lost".to_owned())
        }
        Ok(outcome) => outcome.fatal,
        Err(error) => Some(error.to_string()),
    };
    match fatal {
        Some(sentence) => {
            write_error(&format!("crc-client: {sentence}"));
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    }
}

fn run(args: &Args) -> Result<Outcome, Box<dyn std::error::Error>> {
    let at_terminal = !args.json && io::stdin().is_terminal() && io::stdout().is_terminal();
    let log = LogLines::default();
    set_up_log(args, at_terminal.then(|| log.clone()));

    let client = Client::new(ClientConfig {
        server: args.server.clone(),
        name: args.name(),
        info: args.info.clone(),
        id: args.id,
        seed: getrandom::u64()?,
        limits: ClientLimits::default(),
    })?;
    let manner = if at_terminal {
        Manner::Person
    } else {
        Manner::Script
    };
    let config = DriverConfig {
        commands_pause_bytes: PAUSE_BYTES,
        ..DriverConfig::default()
    };
    let mut driver = Driver::new(Desk::new(client, manner), config)?;
    driver.on_signals(|| Order::Leave)?;
    let commander = driver.command_sender();
    let gate = Gate::default();
    let face = if at_terminal {
        let (commander, gate) = (commander.clone(), gate.clone());
        Face::Terminal(Terminal::new(palette(), log, commander, gate))
    } else {
        let gate = gate.clone();
        let input = BufReader::new(io::stdin());
        read_lines(input, LINE_BYTES_MAX, commander.clone(), move |input| {
            gate.enter(LINES_MAX);
            Some(order(input))
        })?;
        if args.json { Face::Json } else { Face::Text }
    };
    let mut show = Show::new(face, gate);
    driver.command(Order::Start);
    let mut leaving = false;
    let stopped = driver.run(|desk, news| {
        show.show(&news, desk);
        if !show.is_read() && !leaving {
            // When there is no room for it, the next news will find some.
            leaving = commander.try_send(Order::Leave).is_ok();
        }
    });
    let outcome = show.finish();
    match stopped? {
        Stopped::Graceful | Stopped::Forced => Ok(outcome),
    }
}

/// What the desk is to make of what was read.
fn order(input: LineEvent) -> Order {
    match input {
        LineEvent::Line(line) => Order::Line(Line::parse(&line)),
        LineEvent::TooLong => Order::Line(Err(LineError::TooLong)),
        LineEvent::NotUtf8 => Order::Line(Err(LineError::NotUtf8)),
        LineEvent::End => Order::End,
        LineEvent::Failed(kind) => {
            log::error!("standard input can't be read: {kind}");
            Order::End
        }
    }
}

fn palette() -> Palette {
    let is = |name, bad: &str| std::env::var_os(name).is_some_and(|value| value == bad);
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if no_color || is("TERM", "dumb") {
        Palette::Plain
    } else {
        Palette::Colours
    }
}

fn set_up_log(args: &Args, lines: Option<LogLines>) {
    let mut builder = env_logger::Builder::new();
    builder.filter_level(args.log_level()).parse_default_env();
    if let Some(lines) = lines {
        builder.target(env_logger::Target::Pipe(Box::new(lines)));
    }
    builder.init();
}
