//! `crc-client`: a client of a Clemson Relay Chat network, for people and for
//! programs.
//!
//! [`crc_core::Client`] implements the protocol, [`crc_net::Driver`] the sockets. This
//! program adds the command line ([`args`]), the commands ([`command`]) and the queue
//! that executes them ([`queue`]), and the [`output`] of [`event`]s: as [`text`], as
//! [`json`], at a [`terminal`] with [`completion`].

#![forbid(unsafe_code)]

mod args;
mod clock;
mod command;
mod completion;
mod config;
mod conversation_log;
mod event;
mod ignore;
mod json;
mod known_servers;
mod lines;
mod mention;
mod modes;
mod names;
mod one_shot;
mod output;
mod palette;
mod plain;
mod presence;
mod queue;
mod request;
mod screen;
mod shown;
mod terminal;
mod text;
mod wrap;

use std::ffi::OsString;
use std::io::{self, BufReader, IsTerminal};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::CommandFactory;
use crc_cli::terminal::{LogWriter, Shared};
use crc_cli::{
    Backpressure, HiddenInput, init_logger, on_terminal_hangup, print_error, print_line,
};
use crc_core::{Client, ClientConfig, Escaped};
use crc_net::{
    CertificateAuthorities, CommandSender, Driver, DriverConfig, DriverError, LineEvent, Stopped,
    TlsClient, TlsError, read_lines,
};

use args::{Action, Args};
use command::{Command, OperatorLogin, ParseError};
use config::{LoadError, Loaded};
use conversation_log::ConversationLog;
use ignore::IgnoreList;
use known_servers::KnownServers;
use lines::LineParser;
use output::{Outcome, Output, Renderer};
use queue::{CommandQueue, Input, Mode};
use request::Request;
use screen::{Screen, ScreenLog};
use terminal::TerminalOutput;

/// How many lines of a batch may wait to be executed.
const LINES_MAX: usize = 256;

/// The longest line in bytes: the longest text, and room for the command.
const LINE_BYTES_MAX: usize = 66 * 1024;

/// The same for JSON, which may write a byte of a text as six.
const JSON_BYTES_MAX: usize = 6 * LINE_BYTES_MAX;

/// How many bytes may wait for the server before a batch is slowed down.
const PAUSE_BYTES: usize = 1024 * 1024;

/// The exit status of an invalid command line or configuration file.
const EXIT_INVALID: u8 = 2;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    match start(&arguments) {
        Ok(status) => status,
        Err(LoadError::CommandLine(error)) => error.exit(),
        Err(LoadError::File(errors)) => {
            for error in errors {
                print_error(&format!("crc-client: {error}"));
            }
            ExitCode::from(EXIT_INVALID)
        }
    }
}

fn start(arguments: &[OsString]) -> Result<ExitCode, LoadError> {
    // What needs no configuration works with a broken one.
    let args = config::command_line_only(arguments)?;
    if let Some(what) = args.generate {
        // A reader that has closed the pipe wants no more.
        let _ = what.print(Args::command());
        return Ok(ExitCode::SUCCESS);
    }
    if args.action == Some(Action::PrintConfig) {
        let _ = print_line(config::annotated().trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let loaded = config::load(arguments)?;
    if loaded.args.action == Some(Action::CheckConfig) {
        return Ok(check_config(&loaded));
    }
    let mut failed = false;
    let error = match run(&loaded) {
        Ok(outcome) if outcome.incomplete && outcome.fatal.is_none() => {
            Some("some messages were not sent before the connection closed".to_owned())
        }
        Ok(outcome) => {
            failed = outcome.failed;
            outcome.fatal
        }
        Err(error) => Some(error.to_string()),
    };
    if let Some(error) = error {
        print_error(&format!("crc-client: {error}"));
        return Ok(ExitCode::FAILURE);
    }
    // The reasons were printed as they came.
    Ok(match failed {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

/// Says that the configuration is right, as far as that can be known without a start.
fn check_config(loaded: &Loaded) -> ExitCode {
    let args = &loaded.args;
    let files = args.password().map(drop);
    let files = files.and_then(|()| args.operator().map(drop));
    let files = files.and_then(|()| {
        tls_client(args)
            .map(drop)
            .map_err(|it| format!("TLS: {it}"))
    });
    if let Err(error) = files {
        print_error(&format!("crc-client: {error}"));
        return ExitCode::FAILURE;
    }
    let line = match &loaded.path {
        Some(path) => format!("{}: no errors", path.display()),
        None => {
            let places = config::usual_places();
            let places: Vec<_> = places.iter().map(|it| it.display().to_string()).collect();
            format!("no configuration file: looked for {}", places.join(" and "))
        }
    };
    // The exit status says it too.
    let _ = print_line(&line);
    for warning in loaded.warnings() {
        let _ = print_line(&format!("warning: {warning}"));
    }
    ExitCode::SUCCESS
}

fn run(loaded: &Loaded) -> Result<Outcome, Box<dyn std::error::Error>> {
    let args = &loaded.args;
    let is_chat = args.action.is_none();
    let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let at_terminal = is_chat && !args.json && is_terminal;
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
    for warning in loaded.warnings() {
        log::warn!("{warning}");
    }

    let conversations = match args.log_dir.as_deref().filter(|_| is_chat) {
        Some(folder) => Some(ConversationLog::start(folder).map_err(|error| {
            format!("cannot create the folder {folder:?}: {error}; use another --log-dir")
        })?),
        None => None,
    };
    let mut config = client_config(args)?;
    config.password = args.password()?;
    let operator = args.operator()?;
    let client = Client::new(config)?;
    let config = DriverConfig {
        commands_pause_bytes: PAUSE_BYTES,
        ..DriverConfig::default()
    };
    let mut queue = CommandQueue::new(client, mode);
    queue.set_ignored(IgnoreList::new(args.ignore.clone()));
    if is_chat {
        queue.set_joins(args.join.clone());
        if let Some(operator) = operator {
            queue.set_operator(operator);
        }
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
        let (options, client) = (args.screen.options(), driver.machine().client());
        let sender = sender.clone();
        Output::Screen(Screen::start(
            options,
            client,
            sender,
            lines.clone(),
            screen_log,
        )?)
    } else if at_terminal {
        let options = args.screen.options();
        let terminal = TerminalOutput::new(&options, log, sender.clone(), lines.clone());
        Output::Terminal(Box::new(terminal))
    } else if let Some(action) = &args.action {
        one_shot::begin(action, args, &sender, &lines)?
    } else {
        read_batch(sender.clone(), lines.clone(), hidden.clone(), args.json)?;
        if args.json {
            Output::Json
        } else {
            Output::Text
        }
    };
    let mut renderer = Renderer::new(output, mode, lines);
    if let Some(log) = conversations {
        renderer.set_log(log);
    }
    driver.command(Input::Start);
    let mut quitting = false;
    let stopped = driver.run(|queue, event| {
        renderer.render(&event, queue.client());
        if renderer.wants_quit() && !quitting {
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
    config.limits.server_timeout = Duration::from_secs(args.server_timeout);
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
