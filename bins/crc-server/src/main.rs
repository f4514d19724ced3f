//! A server of a Clemson Relay Chat network.
//!
//! Reads the command line, sets up the log, and puts the parts together: the
//! relay server, its admin page and its rendezvous, one machine, on one driver. Decides nothing
//! about the network.

#![forbid(unsafe_code)]

mod admin;
mod args;
mod logging;
mod node;
mod render;
mod rendezvous;

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::SystemTime;

use anstream::{AutoStream, ColorChoice};
use clap::Parser;
use crc_core::{Config, ListenerId, Server, ServerCommand, ServerNotice, TextProtocol};
use crc_net::{Driver, DriverConfig, DriverError, ListenError, Stopped};
use crc_record::Recorder;
use env_logger::WriteStyle;

use crate::args::Args;
use crate::logging::Logging;
use crate::node::{ADMIN_LISTENER, Node};
use crate::rendezvous::Rendezvous;

/// Why a server cannot run: one sentence for whoever started it.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("cannot listen: {0}")]
    Listen(#[from] ListenError),
    #[error("{0}")]
    Driver(#[from] DriverError),
    #[error("cannot write to the log file {path:?}: {source}: choose another --log-file")]
    LogFile {
        path: std::path::PathBuf,
        source: io::Error,
    },
    #[error("cannot read the message of the day from {path:?}: {source}: choose another --motd")]
    Motd {
        path: std::path::PathBuf,
        source: io::Error,
    },
    #[error("cannot start a thread for the log: {0}")]
    Log(#[source] io::Error),
    #[error("cannot record to {path:?}: {source}: choose another --record")]
    Recording {
        path: std::path::PathBuf,
        source: io::Error,
    },
    #[error("cannot look up --advertise {name}: {source}: give an address")]
    Advertise {
        name: crc_core::PeerAddress,
        source: io::Error,
    },
    #[error("the system gives no random numbers: {0}")]
    Random(#[from] getrandom::Error),
}

fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(what) = args.generate {
        // Whoever does not read to the end does not want the rest.
        let _ = io::stdout().write_all(&args::generate(what));
        return ExitCode::SUCCESS;
    }
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "crc-server: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Failure> {
    let _logging = start_log(args)?;
    let mut config = args.config(getrandom::u64()?);
    config.started_at_unix_ms = unix_ms();
    config.motd = message_of_the_day(args)?;
    let rendezvous = find_others(args, &mut config)?;
    let connect = config.connect.clone();
    let who = format!("server {} {:?}", config.id, config.name.as_str());
    let settings = DriverConfig {
        links_max: args.links_max(),
        ..DriverConfig::default()
    };
    let recorder = args.record.as_deref().map(|path| {
        let failed = |source| Failure::Recording {
            path: path.to_owned(),
            source,
        };
        Recorder::create(path, &config, args.record_max).map_err(failed)
    });
    let recorder = recorder.transpose()?;
    let mut driver = Driver::new(Node::new(Server::new(config)), settings)?;
    if let Some(recorder) = recorder {
        driver.machine_mut().record(recorder);
    }
    let alone = connect.is_empty() && rendezvous.is_none();
    if let Some(rendezvous) = rendezvous {
        driver.machine_mut().find_by(rendezvous);
    }
    let stats = driver.stats();
    driver.machine_mut().watch(stats);
    driver.on_signals(|| ServerCommand::Leave {
        reason: "shutting down".into(),
    })?;
    let mut listening = Vec::new();
    for (number, address) in (0..).zip(args.listen()) {
        listening.push(driver.listen(*address, ListenerId(number))?);
    }
    let mut dialects = Vec::new();
    for (id, dialect, address) in args.dialects() {
        dialects.push((dialect, driver.listen(address, id)?));
    }
    let admin = args
        .admin
        .map(|address| driver.listen_with_own_limit(address, ADMIN_LISTENER, admin::LINKS_MAX))
        .transpose()?;
    announce(&listening, &dialects, admin);
    log::info!("{who}, version {}", env!("CARGO_PKG_VERSION"));
    if alone {
        log::info!("this server is a root: it waits to be linked to");
    }
    driver.command(ServerCommand::Start { listening });
    let stopped = driver.run(|_, notice| tell(&notice))?;
    if let Err(error) = driver.machine_mut().end_record() {
        log::error!("the recording is not complete: {error}");
    }
    match stopped {
        Stopped::Graceful => log::info!("left in good order"),
        Stopped::Forced => log::warn!("ended at once, by a second signal"),
    }
    Ok(())
}

/// The rendezvous, if there is to be one. Lists have addresses and no names, and
/// whoever is told of us in both ways should take us for one.
fn find_others(args: &Args, config: &mut Config) -> Result<Option<Rendezvous>, Failure> {
    let Some(directory) = args.rendezvous.clone() else {
        return Ok(None);
    };
    let advertised = match &config.advertise {
        None => None,
        Some(name) => args
            .resolve_advertised()
            .map_err(|source| Failure::Advertise {
                name: name.clone(),
                source,
            })?,
    };
    config.advertise = advertised.map(Into::into);
    let seed = getrandom::u64()?;
    Ok(Some(Rendezvous::new(directory, advertised, seed)))
}

/// The time since 1970, in milliseconds; 0 before that.
fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |time| {
        u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
    })
}

/// What clients of IRC are shown when they come.
fn message_of_the_day(args: &Args) -> Result<Vec<String>, Failure> {
    let Some(path) = &args.motd else {
        return Ok(Vec::new());
    };
    let text = fs::read_to_string(path).map_err(|source| Failure::Motd {
        path: path.clone(),
        source,
    })?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// The first lines of output: where we are to be reached.
fn announce(
    listening: &[SocketAddr],
    text_listeners: &[(TextProtocol, SocketAddr)],
    admin: Option<SocketAddr>,
) {
    let mut out = io::stdout().lock();
    // Nobody has to read them; the server runs all the same.
    for address in listening {
        let _ = writeln!(out, "listening on {address}");
    }
    for (dialect, address) in text_listeners {
        let _ = match dialect {
            TextProtocol::Irc => writeln!(out, "irc on {address}"),
            TextProtocol::Legacy => writeln!(out, "irc-legacy on {address}"),
        };
    }
    if let Some(address) = admin {
        let _ = writeln!(out, "admin on {address}");
    }
    let _ = out.flush();
}

fn tell(notice: &ServerNotice) {
    match notice {
        ServerNotice::Linked { to } => log::info!("linked to server {to}"),
        ServerNotice::Unlinked => log::warn!("the link to our uplink is lost"),
        // The server's log has said it, with the peer's address.
        ServerNotice::Refused { .. } => {}
    }
}

fn start_log(args: &Args) -> Result<Logging, Failure> {
    let level = args.log_level();
    let started = match &args.log_file {
        Some(path) => {
            let file = OpenOptions::new().create(true).append(true).open(path);
            let file = file.map_err(|source| Failure::LogFile {
                path: path.clone(),
                source,
            })?;
            logging::start(file, WriteStyle::Never, level)
        }
        None => {
            let style = match AutoStream::choice(&io::stderr()) {
                ColorChoice::Never => WriteStyle::Never,
                _ => WriteStyle::Always,
            };
            logging::start(io::stderr(), style, level)
        }
    };
    started.map_err(Failure::Log)
}
