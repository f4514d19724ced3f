//! A server of a Clemson Relay Chat network.
//!
//! Reads the command line and the configuration file, starts the log, and runs one [`Node`] on one driver. The
//! node holds the relay server, its admin page and its rendezvous member. This program
//! makes no decision about the network.

#![forbid(unsafe_code)]

mod admin;
mod args;
mod bans;
mod config;
mod logging;
mod motd;
mod node;
mod passwords;
mod readiness;
mod reload;
mod rendezvous;
mod systemd;
mod tls;
mod warnings;

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::sync_channel;

use anstream::{AutoStream, ColorChoice};
use clap::CommandFactory;
use crc_cli::config::{ConfigError, FileOptions};
use crc_core::{
    Config, ListenerId, PeerAddress, Ports, Server, ServerCommand, ServerNotice, TextProtocol,
    plaintext_answer,
};
use crc_net::{Driver, DriverConfig, DriverError, ListenError, Stopped, TlsError};
use crc_record::Recorder;
use crc_wire::HostId;
use env_logger::WriteStyle;

use crate::args::{Action, Args, TextListener};
use crate::bans::BanFile;
use crate::config::{LoadError, Loaded};
use crate::logging::{LineFormat, LogControl, LogFile, Logging};
use crate::node::{ADMIN_LISTENER, Node, unix_time_ms};
use crate::passwords::{HashError, Passwords};
use crate::reload::{Contents, Reloader};
use crate::rendezvous::Rendezvous;
use crate::systemd::{Notifier, Service};
use crate::tls::{MakeCertError, Tls};

/// The exit status of an invalid command line or configuration file.
const EXIT_INVALID: u8 = 2;

/// Why the server cannot run. Each message names the option to change.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error("cannot listen: {0}")]
    Listen(#[from] ListenError),
    #[error("{0}")]
    Driver(#[from] DriverError),
    #[error("cannot open the log file {path:?}: {source}; use another --log-file")]
    LogFile { path: PathBuf, source: io::Error },
    #[error("cannot read the message of the day {path:?}: {source}; use another --motd")]
    Motd { path: PathBuf, source: io::Error },
    #[error("cannot start the log thread: {0}")]
    LogThread(#[source] io::Error),
    #[error("cannot start the thread that tells the service manager: {0}")]
    NotifyThread(#[source] io::Error),
    #[error("cannot handle the hangup signal: {0}")]
    Hangup(#[source] io::Error),
    #[error("cannot record to {path:?}: {source}; use another --record")]
    Recording { path: PathBuf, source: io::Error },
    #[error("cannot resolve --advertise {name}: {source}; use an IP address")]
    Advertise {
        name: PeerAddress,
        source: io::Error,
    },
    #[error(
        "the descriptor limit (ulimit -n) of {limit} leaves no room for connections: {reserve} are \
         reserved for files and listeners; raise it"
    )]
    Descriptors { limit: usize, reserve: usize },
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    #[error("{0}")]
    HashPassword(#[from] HashError),
    #[error("cannot read the bans from {path:?}: {source}; use another --ban-file")]
    Bans { path: PathBuf, source: io::Error },
    #[error("cannot start the thread for bans: {0}")]
    BanThread(#[source] io::Error),
    #[error("cannot start the thread for passwords: {0}")]
    PasswordThread(#[source] io::Error),
    #[error("{0}")]
    MakeCert(#[from] MakeCertError),
    #[error("the system provides no random numbers: {0}")]
    Random(#[from] getrandom::Error),
    #[error("{0}")]
    InFile(ConfigError),
}

impl StartError {
    /// The same, with the place in the configuration file where it names the file that is at fault.
    fn located(self, options: &FileOptions) -> StartError {
        let path = match &self {
            StartError::LogFile { path, .. }
            | StartError::Motd { path, .. }
            | StartError::Recording { path, .. }
            | StartError::Bans { path, .. } => Some(&**path),
            StartError::Tls(error) => tls::file_of(error),
            _ => None,
        };
        let located = path
            .and_then(|path| options.error_of_value(&path.to_string_lossy(), &self.to_string()));
        located.map_or(self, StartError::InFile)
    }
}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().collect();
    match start(&arguments) {
        Ok(status) => status,
        Err(LoadError::CommandLine(error)) => error.exit(),
        Err(LoadError::File(errors)) => {
            for error in errors {
                crc_cli::print_error(&format!("crc-server: {error}"));
            }
            ExitCode::from(EXIT_INVALID)
        }
    }
}

fn start(arguments: &[OsString]) -> Result<ExitCode, LoadError> {
    // What needs no configuration works with a broken one.
    let args = config::command_line_only(arguments)?;
    if let Some(generate) = args.generate {
        // The reader may close the pipe early.
        let _ = generate.print(Args::command());
        return Ok(ExitCode::SUCCESS);
    }
    if args.action == Some(Action::PrintConfig) {
        let _ = crc_cli::print_line(config::annotated().trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(Action::MakeCert(options)) = &args.action {
        return Ok(exit_code(tls::make_cert(options).map_err(Into::into)));
    }
    if args.action == Some(Action::HashPassword) {
        return Ok(exit_code(passwords::hash_password().map_err(Into::into)));
    }
    let loaded = config::load(arguments)?;
    let options = loaded.options.clone();
    let done = match args.action {
        Some(Action::CheckConfig) => check_config(&loaded),
        _ => run(arguments, loaded),
    };
    Ok(exit_code(done.map_err(|error| error.located(&options))))
}

fn exit_code(done: Result<(), StartError>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            crc_cli::print_error(&format!("crc-server: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Says that the configuration is right, as far as that can be known without a start.
fn check_config(loaded: &Loaded) -> Result<(), StartError> {
    read_motd(&loaded.args)?;
    Tls::load(&loaded.args.tls)?;
    let (_, left_out) = read_bans(&loaded.args)?;
    let line = match &loaded.path {
        Some(path) => format!("{}: no errors", path.display()),
        None => {
            let places = config::usual_places();
            let places: Vec<_> = places
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            format!("no configuration file: looked for {}", places.join(" and "))
        }
    };
    // The exit status says it too.
    let _ = crc_cli::print_line(&line);
    let warnings = warnings::of_config(&loaded.args, usize::MAX);
    for warning in warnings.into_iter().chain(left_out) {
        let _ = crc_cli::print_line(&format!("warning: {warning}"));
    }
    Ok(())
}

fn run(arguments: &[OsString], loaded: Loaded) -> Result<(), StartError> {
    let Loaded {
        args,
        matches,
        path,
        ..
    } = loaded;
    let args = &args;
    let tls = Tls::load(&args.tls)?;
    let mut config = args.config(getrandom::u64()?);
    let (_logging, log) = start_logging(args, args.line_format(&config))?;
    // A request that comes while another one waits is the same request.
    let (hangups, requests) = sync_channel(1);
    let rehashes = hangups.clone();
    let request = move || {
        let _ = hangups.try_send(());
    };
    crc_cli::on_hangup(request).map_err(StartError::Hangup)?;
    config.started_at_unix_ms = unix_time_ms();
    getrandom::fill(&mut config.nonce_key)?;
    let (bans, left_out) = read_bans(args)?;
    config.bans = bans;
    if let Some(warning) = left_out {
        log::warn!("{warning}");
    }
    config.motd = read_motd(args)?;
    let contents = Contents::read(&matches);
    let rendezvous = create_rendezvous(args, &mut config)?;
    let has_uplink = !config.connect.is_empty() || rendezvous.is_some();
    let started = format!(
        "server {} {:?} started, version={}",
        config.id,
        config.name.as_str(),
        crc_cli::VERSION
    );
    let own_id = config.id;
    let recorder = create_recorder(args, &config)?;
    let started_at_ms = config.started_at_unix_ms;
    let (notifier, ending) = Notifier::start().map_err(StartError::NotifyThread)?;
    let service = Service::new(notifier.clone());
    let node = Node::new(Server::new(config), started_at_ms, service);
    let driver_config = args.driver_config();
    let links_possible = links_possible(&driver_config)?;
    let mut driver = Driver::new(node, driver_config)?;
    if let Some(recorder) = recorder {
        driver.machine_mut().set_recorder(recorder);
    }
    if let Some(rendezvous) = rendezvous {
        driver.machine_mut().set_rendezvous(rendezvous);
    }
    driver.set_tls_client(tls.client.clone());
    let stats = driver.stats();
    driver.machine_mut().set_driver_stats(stats);
    driver.on_signals(|| ServerCommand::Leave {
        reason: "shutting down".into(),
    })?;
    let warned = warnings::of_config(args, links_possible);
    let mut reloader = Reloader {
        listening: Vec::new(),
        arguments: arguments.to_vec(),
        started: matches.clone(),
        now: matches,
        links_started: args.links.clone(),
        links: args.links.clone(),
        password: args.password.clone(),
        operators: args.operators.clone(),
        gateways: args.gateways.clone(),
        contents,
        warned: warned.clone(),
        links_possible,
        log,
        tls: tls.clone(),
        commands: driver.command_sender(),
        limits: driver.limits_sender(),
        notifier: notifier.clone(),
    };
    let Listening {
        relay: listening,
        for_clients,
        ports,
    } = listen(args, &tls, own_id, &mut driver)?;
    let reachable = args.client_addresses(&for_clients, tls::own_pin(&args.tls));
    reloader.listening = for_clients;
    log::info!("{started}");
    if let Some(path) = path {
        log::info!("configuration read: file={path:?}");
    }
    for warning in &warned {
        log::warn!("{warning}");
    }
    reloader.start(requests).map_err(StartError::Hangup)?;
    if !has_uplink {
        log::info!("no uplink configured; accepting links");
    }
    driver.command(ServerCommand::Ports(ports));
    driver.command(ServerCommand::ClientAddresses(reachable));
    let passwords =
        Passwords::start(driver.command_sender()).map_err(StartError::PasswordThread)?;
    let bans = args.ban_file.clone().map(BanFile::start).transpose();
    let bans = bans.map_err(StartError::BanThread)?;
    driver.command(ServerCommand::Start { listening });
    let stopped = driver.run(|node, notice| match notice {
        ServerNotice::Rehash => {
            let _ = rehashes.try_send(());
        }
        ServerNotice::StoreBans(lines) => {
            if let Some(bans) = &bans {
                bans.store(lines);
            }
        }
        notice => on_notice(node, notice, &passwords),
    })?;
    if let Some(bans) = bans {
        bans.finish();
    }
    notifier.end(&ending);
    if let Err(error) = driver.machine_mut().finish_recording() {
        log::error!("recording is incomplete: {error}");
    }
    match stopped {
        Stopped::Graceful => log::info!("shutdown complete"),
        Stopped::Forced => log::warn!("shutdown forced by a second signal"),
    }
    Ok(())
}

/// How many connections the descriptor limit permits.
fn links_possible(config: &DriverConfig) -> Result<usize, StartError> {
    let limit = crc_net::raise_descriptor_limit();
    let reserve = config.descriptors_reserve;
    match limit.saturating_sub(reserve) {
        0 => Err(StartError::Descriptors { limit, reserve }),
        links => Ok(links),
    }
}

/// Where the server listens. A listener behind a proxy is in none of these: others can only connect
/// to the proxy.
#[derive(Debug, Default)]
struct Listening {
    /// For clients and servers, without TLS.
    relay: Vec<SocketAddr>,
    /// The same and by TLS, which clients can be told.
    for_clients: Vec<(SocketAddr, bool)>,
    /// The first port of each protocol.
    ports: Ports,
}

/// Opens all listeners and prints their addresses.
fn listen(
    args: &Args,
    tls: &Tls,
    own_id: HostId,
    driver: &mut Driver<Node>,
) -> Result<Listening, StartError> {
    let Listening {
        mut relay,
        mut for_clients,
        mut ports,
    } = Listening::default();
    let mut lines = Vec::new();
    let mut ids = (0..).map(ListenerId);
    let proxies = args.proxy.peers();
    let expect_proxies = |driver: &mut Driver<Node>, id, listener| {
        let is_proxied = args.proxy.is_proxied(listener);
        if is_proxied {
            driver.expect_proxies(id, &proxies);
        }
        is_proxied
    };
    for (listener, id) in args.listen().iter().zip(&mut ids) {
        let address = driver.listen(*listener, id)?;
        if !expect_proxies(driver, id, *listener) {
            relay.push(address);
            for_clients.push((address, false));
            ports.crc.get_or_insert(address.port());
        }
        lines.push(format!("listening on {address}"));
    }
    let server = || tls.server.clone().ok_or(TlsError::NoCertificate);
    for (listener, id) in args.tls.listen_tls.iter().zip(&mut ids) {
        let answer = move |bytes: &[u8]| plaintext_answer(bytes, None, own_id);
        let address = driver.listen_tls(*listener, id, server()?, answer)?;
        if !expect_proxies(driver, id, *listener) {
            for_clients.push((address, true));
            ports.crc_tls.get_or_insert(address.port());
        }
        lines.push(format!("tls on {address}"));
    }
    for listener in args.text_listeners() {
        let TextListener {
            id,
            address,
            protocol,
            ..
        } = listener;
        let answer = move |bytes: &[u8]| plaintext_answer(bytes, Some(protocol), own_id);
        let address = match listener.by_tls {
            true => driver.listen_tls(address, id, server()?, answer)?,
            false => driver.listen(address, id)?,
        };
        let is_proxied = expect_proxies(driver, id, listener.address);
        let (port, name) = match (listener.protocol, listener.by_tls) {
            (TextProtocol::Irc, false) => (&mut ports.irc, "irc"),
            (TextProtocol::Irc, true) => (&mut ports.irc_tls, "irc-tls"),
            (TextProtocol::Legacy, _) => (&mut ports.legacy, "irc-legacy"),
        };
        if !is_proxied {
            port.get_or_insert(address.port());
        }
        lines.push(format!("{name} on {address}"));
    }
    let admin = args
        .admin
        .map(|address| driver.listen_with_own_limit(address, ADMIN_LISTENER, admin::LINKS_MAX))
        .transpose()?;
    lines.extend(admin.map(|address| format!("admin on {address}")));
    print_addresses(&lines);
    Ok(Listening {
        relay,
        for_clients,
        ports,
    })
}

/// The first lines of output: where the server listens. Programs parse them.
fn print_addresses(lines: &[String]) {
    let mut out = io::stdout().lock();
    // The server also runs with standard output closed.
    for line in lines {
        let _ = writeln!(out, "{line}");
    }
    let _ = out.flush();
}

/// The rendezvous member, if `--rendezvous` is given.
///
/// A directory's list holds IP addresses. A name in `--advertise` is therefore resolved
/// here, so that the announcement and the list carry the same address.
fn create_rendezvous(args: &Args, config: &mut Config) -> Result<Option<Rendezvous>, StartError> {
    let Some(directory) = args.rendezvous.clone() else {
        return Ok(None);
    };
    let advertised = match &config.advertise {
        None => None,
        Some(name) => args
            .resolve_advertised()
            .map_err(|source| StartError::Advertise {
                name: name.clone(),
                source,
            })?,
    };
    config.advertise = advertised.map(Into::into);
    let seed = getrandom::u64()?;
    Ok(Some(Rendezvous::new(directory, advertised, seed)))
}

/// The recorder, if `--record` is given.
fn create_recorder(args: &Args, config: &Config) -> Result<Option<Recorder>, StartError> {
    let Some(path) = &args.record else {
        return Ok(None);
    };
    let recorder = Recorder::create(path, config, args.record_max.0);
    recorder.map(Some).map_err(|source| StartError::Recording {
        path: path.clone(),
        source,
    })
}

/// The lines of the file given by `--motd`.
/// The bans of the file, and a warning if it has something else.
fn read_bans(args: &Args) -> Result<(Vec<Box<str>>, Option<String>), StartError> {
    let Some(path) = &args.ban_file else {
        return Ok((Vec::new(), None));
    };
    let stored = bans::read(path).map_err(|source| StartError::Bans {
        path: path.clone(),
        source,
    })?;
    let warning = stored.warning(path);
    Ok((stored.bans, warning))
}

fn read_motd(args: &Args) -> Result<Vec<String>, StartError> {
    let Some(path) = &args.motd else {
        return Ok(Vec::new());
    };
    motd::read(path).map_err(|source| StartError::Motd {
        path: path.clone(),
        source,
    })
}

fn on_notice(node: &Node, notice: ServerNotice, passwords: &Passwords) {
    match notice {
        ServerNotice::Linked { to } => {
            let name = readiness::name_of(&node.server().snapshot(), to);
            log::info!("uplink established: server {to} {name:?}");
        }
        ServerNotice::Unlinked => log::warn!("uplink lost"),
        // crc-core has logged it with the peer's address.
        ServerNotice::Refused { .. } => {}
        // The caller handles them.
        ServerNotice::Rehash | ServerNotice::StoreBans(_) => {}
        ServerNotice::CheckPassword {
            number,
            hash,
            password,
        } => passwords.check(number, hash, password),
    }
}

fn start_logging(args: &Args, format: LineFormat) -> Result<(Logging, LogControl), StartError> {
    let level = args.log_level();
    let Some(path) = &args.log_file else {
        let style = match AutoStream::choice(&io::stderr()) {
            ColorChoice::Never => WriteStyle::Never,
            _ => WriteStyle::Always,
        };
        let logging =
            logging::start(io::stderr(), style, format, level).map_err(StartError::LogThread)?;
        return Ok((logging, LogControl::new(None)));
    };
    let file = LogFile::open(path, format.clone()).map_err(|source| StartError::LogFile {
        path: path.clone(),
        source,
    })?;
    let control = LogControl::new(Some(file.reopener()));
    let logging =
        logging::start(file, WriteStyle::Never, format, level).map_err(StartError::LogThread)?;
    Ok((logging, control))
}
