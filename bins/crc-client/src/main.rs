//! `crc-client`: a client of a Clemson Relay Chat network, for people and for
//! programs.
//!
//! [`crc_core::Client`] implements the protocol, [`crc_net::Driver`] the sockets. This
//! program adds the command line ([`args`]), the commands ([`command`]) and the queue
//! that executes them ([`queue`]), and the [`output`] of [`event`]s: as [`text`], as
//! [`json`], at a [`terminal`] with [`completion`].

#![forbid(unsafe_code)]

mod args;
mod command;
mod completion;
mod event;
mod json;
mod known_servers;
mod lines;
mod modes;
mod output;
mod palette;
mod queue;
mod request;
mod screen;
mod terminal;
mod text;

use std::io::{self, BufReader, IsTerminal};
use std::process::ExitCode;
use std::sync::Arc;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use crc_cli::terminal::{LogWriter, Shared};
use crc_cli::{Backpressure, HiddenInput, init_logger, on_terminal_hangup, print_error};
use crc_core::{Client, ClientConfig, Escaped};
use crc_net::{
    CertificateAuthorities, CommandSender, Driver, DriverConfig, DriverError, LineEvent, Stopped,
    TlsClient, TlsError, read_lines,
};

use args::Args;
use command::{Command, OperatorLogin, ParseError};
use known_servers::KnownServers;
use lines::LineParser;
use output::{Outcome, Output, Renderer};
use palette::Palette;
use queue::{CommandQueue, Input, Mode};
use request::Request;
use screen::{Screen, ScreenLog, ScreenOptions};
use terminal::TerminalOutput;

/// How many lines of a batch may wait to be executed.
const LINES_MAX: usize = 256;

/// The longest line in bytes: the longest text, and room for the command.
const LINE_BYTES_MAX: usize = 66 * 1024;

/// The same for JSON, which may write a byte of a text as six.
const JSON_BYTES_MAX: usize = 6 * LINE_BYTES_MAX;

/// How many bytes may wait for the server before a batch is slowed down.
const PAUSE_BYTES: usize = 1024 * 1024;

fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(what) = args.generate {
        // A reader that has closed the pipe wants no more.
        let _ = what.print(Args::command());
        return ExitCode::SUCCESS;
    }
    if let Some(problem) = args.problem() {
        let error = Args::command().error(ErrorKind::ArgumentConflict, problem);
        error.exit();
    }
    let mut failed = false;
    let error = match run(&args) {
        Ok(outcome) if outcome.incomplete && outcome.fatal.is_none() => {
            Some("some messages were not sent before the connection closed".to_owned())
        }
        Ok(outcome) => {
            failed = outcome.failed;
            outcome.fatal
        }
        Err(error) => Some(error.to_string()),
    };
    match error {
        Some(error) => {
            print_error(&format!("crc-client: {error}"));
            ExitCode::FAILURE
        }
        // The reasons were printed as they came.
        None if failed => ExitCode::FAILURE,
        None => ExitCode::SUCCESS,
    }
}

fn run(args: &Args) -> Result<Outcome, Box<dyn std::error::Error>> {
    let at_terminal = !args.json && io::stdin().is_terminal() && io::stdout().is_terminal();
    let mode = if at_terminal {
        Mode::Interactive
    } else {
        Mode::Batch
    };
    let fills_screen = at_terminal && !args.plain && !is_dumb_terminal();
    let (log, screen_log) = (LogWriter::default(), ScreenLog::default());
    let log_target = match (at_terminal, fills_screen) {
        (_, true) => Some(Box::new(screen_log.clone()) as _),
        (true, false) => Some(Box::new(log.clone()) as _),
        (false, false) => None,
    };
    init_logger(args.log_level(), log_target);

    let mut config = client_config(args)?;
    config.password = args.password()?;
    let operator = args.operator()?;
    let client = Client::new(config)?;
    let config = DriverConfig {
        commands_pause_bytes: PAUSE_BYTES,
        ..DriverConfig::default()
    };
    let mut queue = CommandQueue::new(client, mode);
    if let Some(operator) = operator {
        queue.set_operator(operator);
    }
    let mut driver = Driver::new(queue, config)?;
    driver.set_tls_client(tls_client(args)?);
    driver.on_signals(|| Input::Quit)?;
    let sender = driver.command_sender();
    let hangup = sender.clone();
    on_terminal_hangup(move || {
        // The driver may have ended before.
        let _ = hangup.send(Input::Quit);
    })?;
    let lines = Backpressure::default();
    let hidden = Shared::default();
    let output = if fills_screen {
        let (options, client) = (ScreenOptions::default(), driver.machine().client());
        let sender = sender.clone();
        Output::Screen(Screen::start(
            options,
            client,
            sender,
            lines.clone(),
            screen_log,
        )?)
    } else if at_terminal {
        let palette = Palette::from_environment();
        let terminal = TerminalOutput::new(palette, log, sender.clone(), lines.clone());
        Output::Terminal(terminal)
    } else {
        read_batch(sender.clone(), lines.clone(), hidden.clone(), args.json)?;
        if args.json {
            Output::Json
        } else {
            Output::Text
        }
    };
    let mut renderer = Renderer::new(output, mode, lines);
    driver.command(Input::Start);
    let mut quitting = false;
    let stopped = driver.run(|queue, event| {
        renderer.render(&event, queue.client());
        if renderer.is_closed() && !quitting {
            // When the queue is full, the next event tries again.
            quitting = sender.try_send(Input::Quit).is_ok();
        }
    });
    let outcome = renderer.finish();
    // A thread may still read a password.
    drop(hidden.lock().take());
    match stopped? {
        Stopped::Graceful | Stopped::Forced => Ok(outcome),
    }
}

/// Whether the terminal cannot place the cursor.
fn is_dumb_terminal() -> bool {
    std::env::var_os("TERM").is_none_or(|term| term == "dumb" || term.is_empty())
}

/// Whom the client trusts: with `--tls-ca` the authorities in it; otherwise those of the system,
/// and self-signed servers as it knows them.
fn tls_client(args: &Args) -> Result<TlsClient, TlsError> {
    let identity = args.tls.identity();
    match &args.tls.tls_ca[..] {
        [] => {
            let known = Arc::new(KnownServers::in_usual_place());
            let client = TlsClient::load(&CertificateAuthorities::System, identity.as_ref())?;
            Ok(client.with_unknown(known))
        }
        files => {
            let authorities = CertificateAuthorities::Files(files.to_vec());
            TlsClient::load(&authorities, identity.as_ref())
        }
    }
}

fn client_config(args: &Args) -> Result<ClientConfig, getrandom::Error> {
    let (servers, seed) = (args.server.clone(), getrandom::u64()?);
    let mut config = ClientConfig::with_servers(servers, &args.name(), &args.info, seed);
    config.id = args.id;
    Ok(config)
}

/// Reads commands from standard input, on a thread of its own. `hidden`: where it keeps that a
/// terminal does not show what is typed, while a password is.
fn read_batch(
    sender: CommandSender<Input>,
    lines: Backpressure,
    hidden: Shared<Option<HiddenInput>>,
    is_json: bool,
) -> Result<(), DriverError> {
    let stdin = BufReader::new(io::stdin());
    let mut parser = LineParser::default();
    let last = sender.clone();
    let bytes_max = if is_json {
        JSON_BYTES_MAX
    } else {
        LINE_BYTES_MAX
    };
    read_lines(stdin, bytes_max, sender, move |line| {
        if hidden.lock().take().is_some() {
            // The key that has ended the password was not shown either.
            print_error("");
        }
        let error = match line {
            LineEvent::Line(line)
                if is_json && line.starts_with('{') && parser.awaits_password_of().is_none() =>
            {
                lines.acquire(LINES_MAX);
                return Some(Input::Request(Request::parse(&line)));
            }
            LineEvent::Line(line) => {
                let command = parser.parse(&line);
                if let Some(name) = parser.awaits_password_of()
                    && let Ok(begun) = HiddenInput::begin()
                {
                    // A signal may end the client as soon as the user is asked.
                    *hidden.lock() = Some(begun);
                    print_error(&format!("password of {}:", Escaped(name)));
                }
                lines.acquire(LINES_MAX);
                return Some(Input::Line(command));
            }
            LineEvent::TooLong => ParseError::TooLong,
            LineEvent::NotUtf8 => ParseError::NotUtf8,
            LineEvent::End | LineEvent::Failed(_) => {
                if let LineEvent::Failed(kind) = line {
                    log::error!("cannot read standard input: {kind}");
                }
                if let Some(name) = parser.cancel() {
                    // No password follows.
                    let password = None;
                    let login = Command::Oper(OperatorLogin { name, password });
                    lines.acquire(LINES_MAX);
                    // The driver may have ended before.
                    let _ = last.send(Input::Line(Ok(login)));
                }
                lines.acquire(LINES_MAX);
                return Some(Input::End);
            }
        };
        parser.cancel();
        lines.acquire(LINES_MAX);
        Some(Input::Line(Err(error)))
    })
}
