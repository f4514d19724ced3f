//! The command line, and the settings that follow from it.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, CommandFactory, Parser, ValueEnum};
use clap_complete::Shell;
use crc_core::{
    Config, Limits, ListenerId, PeerAddress, Random, TextProtocol, check_info, check_name, loopback,
};
use crc_wire::{HostId, Info, Name};
use ipnet::IpNet;

/// Run a server of a Clemson Relay Chat network.
///
/// Servers link to each other and form a tree; clients attach to any of them
/// and reach everybody. Started with nothing else, a server has a random id and
/// this machine's name, listens on 127.0.0.1:33300 and waits for clients and
/// other servers. Its log goes to standard error.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = "See --help for examples.", after_long_help = AFTER_LONG_HELP)]
pub(crate) struct Args {
    /// The server's id, from 1 to 4294967295 [default: any]
    ///
    /// Ids of servers and clients are unique in a network. Give one to a server
    /// that is to be the same after a restart.
    #[arg(long, value_name = "N", value_parser = parse_id)]
    id: Option<HostId>,

    /// Its name: 1 to 64 characters of ASCII [default: this machine's name]
    #[arg(long, value_parser = parse_name)]
    name: Option<String>,

    /// What others see about it: up to 512 bytes
    #[arg(long, value_name = "TEXT", default_value = "", value_parser = parse_info, hide_default_value = true)]
    info: String,

    /// Where to listen for clients and servers; may be given more than once
    ///
    /// Port 0 takes any free port; the first line of output shows it. Use
    /// 0.0.0.0 (or :: in brackets) to be reached from other machines.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:33300", value_parser = parse_listen)]
    listen: Vec<SocketAddr>,

    /// A server to link to, which makes us part of its network; may be given
    /// more than once
    ///
    /// They are tried in order, again and again with growing pauses, until one
    /// takes us; the others stand by. Without it, and without --rendezvous, this
    /// server is a root.
    #[arg(long, value_name = "HOST:PORT")]
    connect: Vec<PeerAddress>,

    /// A rendezvous where servers find each other: see crc-rendezvous serve
    ///
    /// The server registers its address there, and links to the first of those who
    /// registered before it, after those of --connect; to the next when that one is
    /// lost. It begins without the rendezvous, and goes on without it.
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) rendezvous: Option<PeerAddress>,

    /// Where to listen for clients of IRC, such as irssi and WeeChat; may be given more
    /// than once
    ///
    /// Who comes in here is in the same network as everybody else: see docs/IRC.md.
    #[arg(long, value_name = "ADDR", value_parser = parse_listen, help_heading = "IRC")]
    pub(crate) irc: Vec<SocketAddr>,

    /// Where to listen for users and servers of the course's cut-down IRC; may be given
    /// more than once
    #[arg(long, value_name = "ADDR", value_parser = parse_listen, help_heading = "IRC")]
    pub(crate) irc_legacy: Vec<SocketAddr>,

    /// A server of the course's cut-down IRC to link to; may be given more than once
    ///
    /// They are tried in order, again and again with growing pauses, until one
    /// answers.
    #[arg(long, value_name = "HOST:PORT", help_heading = "IRC")]
    irc_connect: Vec<PeerAddress>,

    /// What clients of IRC are shown when they come: a file of text
    #[arg(long, value_name = "FILE", help_heading = "IRC")]
    pub(crate) motd: Option<PathBuf>,

    /// Where to serve /state, /healthz and /metrics by HTTP, read-only
    #[arg(long, value_name = "ADDR", value_parser = parse_listen)]
    pub(crate) admin: Option<SocketAddr>,

    /// Append the log to a file instead of standard error
    #[arg(long, value_name = "PATH")]
    pub(crate) log_file: Option<PathBuf>,

    /// Record everything that the server is told, to be replayed by crc-sim
    ///
    /// The file holds all that comes over the network, chats included. An old
    /// file of that name is replaced.
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,

    /// How many bytes a recording may have
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20, requires = "record")]
    pub(crate) record_max: u64,

    /// Log more (twice: even more)
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "quiet")]
    verbose: u8,

    /// Log warnings and errors only (twice: errors only)
    #[arg(short, long, action = ArgAction::Count)]
    quiet: u8,

    /// The address by which other servers can reach this one [default: the
    /// first that it listens on]
    ///
    /// With --rendezvous a name is looked up once, at the start, and its address is
    /// what others are told.
    #[arg(long, value_name = "HOST:PORT", help_heading = "Network")]
    advertise: Option<PeerAddress>,

    /// Its place in the order in which servers link to each other [default: one
    /// more than its uplink's, 0 for a root]
    #[arg(long, value_name = "N", help_heading = "Network")]
    rank: Option<u32>,

    /// The networks from which other servers may link; separate several by
    /// commas [default: this machine only]
    #[arg(
        long,
        value_name = "CIDR",
        value_delimiter = ',',
        help_heading = "Network"
    )]
    server_peers: Vec<IpNet>,

    #[command(flatten)]
    limits: LimitArgs,

    /// Print the manual page, or completions for a shell, and end
    #[arg(long, value_name = "WHAT", value_enum)]
    pub(crate) generate: Option<Generate>,
}

/// What a server allows; the defaults suit most networks.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
struct LimitArgs {
    /// Bytes in the text of one chat, status or quit
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().text_bytes_max)]
    text_max: u32,

    /// Seconds that a connection may take to register
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().registration_time_max.as_secs())]
    register_within: u64,

    /// Bytes that may wait for a client that reads slowly
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().client_queue_bytes_max)]
    client_queue: usize,

    /// Bytes that may wait for a server that reads slowly
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().server_queue_bytes_max)]
    server_queue: usize,

    /// Connections in all [default: as many as descriptors permit]
    #[arg(long, value_name = "N")]
    links_max: Option<usize>,

    /// Hosts in the directory
    #[arg(long, value_name = "N", default_value_t = Limits::default().hosts_max)]
    hosts_max: usize,

    /// Texts that the status log keeps
    #[arg(long, value_name = "N", default_value_t = Limits::default().status_log_max)]
    status_log: usize,

    /// Registrations that a client may repeat in a second; 0 for any number
    #[arg(long, value_name = "N", default_value_t = Limits::default().client_registrations_per_second)]
    registrations_per_second: u32,

    /// Chats that a client may send in a second; 0 for any number
    #[arg(long, value_name = "N", default_value_t = Limits::default().client_chats_per_second)]
    chats_per_second: u32,

    /// Lines of a client of IRC that are read in a second; 0 for any number
    #[arg(long, value_name = "N", default_value_t = Limits::default().irc_lines_per_second)]
    irc_lines_per_second: u32,
}

/// How long the rendezvous may take for its first list, before a server that has
/// nobody else to link to is a root.
const CANDIDATES_TIME_MAX: Duration = Duration::from_secs(5);

/// The first number of a listener where a dialect of text is spoken.
const DIALECT_LISTENERS: u32 = 1 << 16;

/// What can be printed instead of running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Generate {
    Man,
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}

const AFTER_LONG_HELP: &str = "\
Examples:
  crc-server
      A network of one server. Talk in it with: crc-client
  crc-server --listen 127.0.0.1:33301 --connect 127.0.0.1:33300
      A second server on this machine, linked to the first.
  crc-server --name hub --listen [::]:33300 --server-peers 192.0.2.0/24
      A server for others, with servers of one network below it.
  crc-server --listen 127.0.0.1:0 --rendezvous 127.0.0.1:33400
      One of many servers that form a tree by themselves, with a rendezvous:
      crc-rendezvous serve --listen 127.0.0.1:33400
  crc-server --admin 127.0.0.1:8033
      Look at it with: curl http://127.0.0.1:8033/state

Signals:
  SIGTERM and SIGINT make it leave in good order; a second one endpoints it at once.

Environment:
  RUST_LOG   what is logged, in detail; for instance RUST_LOG=crc_core=debug

Exit status:
  0  it has left in good order
  1  it could not run, for instance because the port is taken
  2  the command line makes no sense";

impl Args {
    /// Where to listen.
    pub(crate) fn listen(&self) -> &[SocketAddr] {
        &self.listen
    }

    /// Where to listen for those who speak a dialect of text, and which one.
    pub(crate) fn dialects(&self) -> impl Iterator<Item = (ListenerId, TextProtocol, SocketAddr)> {
        let irc = self.irc.iter().map(|address| (TextProtocol::Irc, *address));
        let course = self.irc_legacy.iter();
        let all = irc.chain(course.map(|address| (TextProtocol::Legacy, *address)));
        all.zip(DIALECT_LISTENERS..)
            .map(|((dialect, address), number)| (ListenerId(number), dialect, address))
    }

    /// The address to register with the rendezvous, if one was given; a name is
    /// looked up now.
    pub(crate) fn resolve_advertised(&self) -> io::Result<Option<SocketAddr>> {
        let Some(PeerAddress { host, port }) = &self.advertise else {
            return Ok(None);
        };
        let found: Vec<_> = (&**host, *port).to_socket_addrs()?.collect();
        // The rendezvous knows us by an address of its own kind.
        let directory = self.rendezvous.as_ref();
        let directory = directory.and_then(|address| address.host.parse::<IpAddr>().ok());
        let alike = |address: &&SocketAddr| {
            directory.is_some_and(|directory| directory.is_ipv4() == address.is_ipv4())
        };
        let address = found.iter().find(alike).or(found.first()).copied();
        address
            .map(Some)
            .ok_or_else(|| io::Error::other("it has no address"))
    }

    /// How many connections may be open.
    pub(crate) fn links_max(&self) -> usize {
        self.limits.links_max.unwrap_or(usize::MAX)
    }

    /// The server's settings; what was not said is taken from `seed`.
    pub(crate) fn config(&self, seed: u64) -> Config {
        let mut random = Random::new(seed);
        let drawn = crc_core::random_host_id(&mut random);
        let name = self.name.clone().unwrap_or_else(default_name);
        let name = Name::new(name).expect("a name that we admit fits");
        let limits = &self.limits;
        Config {
            info: Info::new(self.info.clone()).expect("an info that we admit fits"),
            connect: self.connect.clone(),
            candidates_within: self.rendezvous.is_some().then_some(CANDIDATES_TIME_MAX),
            advertise: self.advertise.clone(),
            legacy_connect: self.irc_connect.clone(),
            text_listeners: self
                .dialects()
                .map(|(id, dialect, _)| (id, dialect))
                .collect(),
            rank: self.rank,
            server_peers: if self.server_peers.is_empty() {
                loopback()
            } else {
                self.server_peers.clone()
            },
            limits: Limits {
                text_bytes_max: limits.text_max,
                registration_time_max: Duration::from_secs(limits.register_within),
                client_queue_bytes_max: limits.client_queue,
                server_queue_bytes_max: limits.server_queue,
                hosts_max: limits.hosts_max,
                status_log_max: limits.status_log,
                client_registrations_per_second: limits.registrations_per_second,
                client_chats_per_second: limits.chats_per_second,
                irc_lines_per_second: limits.irc_lines_per_second,
                ..Limits::default()
            },
            seed: random.next_u64(),
            ..Config::new(self.id.unwrap_or(drawn), name)
        }
    }

    /// How much is logged, unless `RUST_LOG` says otherwise.
    pub(crate) fn log_level(&self) -> log::LevelFilter {
        match (self.quiet, self.verbose) {
            (0, 0) => log::LevelFilter::Info,
            (0, 1) => log::LevelFilter::Debug,
            (0, _) => log::LevelFilter::Trace,
            (1, _) => log::LevelFilter::Warn,
            _ => log::LevelFilter::Error,
        }
    }
}

/// The manual page or a shell's completions.
pub(crate) fn generate(what: Generate) -> Vec<u8> {
    let mut command = Args::command();
    let mut text = Vec::new();
    let shell = match what {
        Generate::Man => {
            clap_mangen::Man::new(command)
                .render(&mut text)
                .expect("a vector takes everything");
            return text;
        }
        Generate::Bash => Shell::Bash,
        Generate::Elvish => Shell::Elvish,
        Generate::Fish => Shell::Fish,
        Generate::Powershell => Shell::PowerShell,
        Generate::Zsh => Shell::Zsh,
    };
    clap_complete::generate(shell, &mut command, "crc-server", &mut text);
    text
}

/// This machine's name, as far as it is one that we admit.
fn default_name() -> String {
    let name = gethostname::gethostname().to_string_lossy().into_owned();
    match check_name(&name) {
        Ok(()) => name,
        Err(_) => "server".to_owned(),
    }
}

fn parse_id(id: &str) -> Result<HostId, String> {
    id.parse()
        .map_err(|_| "an id is a number from 1 to 4294967295".to_owned())
}

fn parse_name(name: &str) -> Result<String, String> {
    check_name(name).map_err(|error| error.to_string())?;
    Ok(name.to_owned())
}

fn parse_info(info: &str) -> Result<String, String> {
    check_info(info).map_err(|error| error.to_string())?;
    Ok(info.to_owned())
}

/// An address of this machine; a name is looked up once, now.
fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let found = text.to_socket_addrs().map_err(|_| {
        "an address looks like ADDRESS:PORT, for instance 127.0.0.1:33300 or [::]:33300".to_owned()
    })?;
    found
        .into_iter()
        .next()
        .ok_or_else(|| "the name has no address".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from([&["crc-server"], args].concat())
    }

    #[test]
    fn the_definition_makes_sense() {
        Args::command().debug_assert();
    }

    #[test]
    fn everything_has_a_default() {
        let args = parse(&[]).unwrap();
        assert_eq!(args.listen(), ["127.0.0.1:33300".parse().unwrap()]);
        let config = args.config(1);
        assert_ne!(config.id, args.config(2).id, "a random id");
        assert_eq!(check_name(config.name.as_str()), Ok(()));
        assert_eq!(config.limits, Limits::default());
        assert_eq!(config.server_peers, loopback());
        assert_eq!(config.candidates_within, None, "nobody finds others for it");
        assert_eq!(args.resolve_advertised().unwrap(), None);
        assert_eq!(args.log_level(), log::LevelFilter::Info);
    }

    #[test]
    fn values_are_checked() {
        let long = "n".repeat(65);
        for args in [
            ["--id", "0"],
            ["--id", "4294967296"],
            ["--name", ""],
            ["--name", &long],
            ["--info", "x [crc2;f=]"],
            ["--listen", "33300"],
            ["--connect", "localhost"],
            ["--server-peers", "10.0.0.0/33"],
            ["--rank", "-1"],
            ["--rendezvous", "33400"],
        ] {
            let error = parse(&args).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{args:?}");
        }
    }

    #[test]
    fn what_is_said_is_done() {
        let args = parse(&[
            "--id=4294967295",
            "--info=\"Grüße\"",
            "--listen=[::1]:0",
            "--listen=localhost:1",
            "--connect=rivendale:1",
            "--connect=[::1]:2",
            "--server-peers=10.0.0.0/8,::/0",
            "--chats-per-second=7",
            "--rendezvous=[::1]:33400",
            "--advertise=localhost:3",
            "-vv",
        ])
        .unwrap();
        let config = args.config(1);
        assert_eq!(config.id, HostId::new(u32::MAX).unwrap());
        assert_eq!(config.info.as_str(), "\"Grüße\"");
        assert_eq!(args.listen().len(), 2);
        let connect: Vec<_> = config.connect.iter().map(ToString::to_string).collect();
        assert_eq!(connect, ["rivendale:1", "[::1]:2"]);
        assert_eq!(config.server_peers.len(), 2);
        assert_eq!(config.candidates_within, Some(CANDIDATES_TIME_MAX));
        assert_eq!(config.advertise, "localhost:3".parse().ok());
        let advertised = args.resolve_advertised().unwrap().unwrap();
        assert!(advertised.ip().is_loopback() && advertised.port() == 3);
        assert_eq!(config.limits.client_chats_per_second, 7);
        assert_eq!(args.log_level(), log::LevelFilter::Trace);
    }
}
