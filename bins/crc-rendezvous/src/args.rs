//! The command line, and the settings that follow from it.

use std::net::{SocketAddr, ToSocketAddrs};
use std::num::NonZeroUsize;
use std::time::Duration;

use clap::{ArgAction, Parser, Subcommand};
use crc_core::PeerAddress;
use crc_rendezvous::{DirectoryConfig, DirectoryLimits, PeerConfig, PeerLimits};

/// Find each other, and talk without a server.
///
/// A directory (`serve`) keeps the list of those who are connected to it. Peers
/// (`join`) learn from it of each other, connect to each other, and talk directly.
#[derive(Debug, Parser)]
#[command(name = "crc-rendezvous", version, max_term_width = 100, after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) role: Role,

    /// Log more to standard error (twice: even more)
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "quiet", global = true)]
    verbose: u8,

    /// Log errors only (twice: nothing)
    #[arg(short, long, action = ArgAction::Count, global = true)]
    quiet: u8,
}

/// What to be.
#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// Be the directory
    Serve(ServeArgs),
    /// Be a peer
    Join(JoinArgs),
}

/// How to be the directory.
#[derive(Debug, clap::Args)]
pub(crate) struct ServeArgs {
    /// Where to listen for peers; may be given more than once
    ///
    /// Port 0 takes any free port; the first line of output shows it. Use 0.0.0.0
    /// (or :: in brackets, or both) to be reached from other machines.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:33400", value_parser = parse_listen)]
    pub(crate) listen: Vec<SocketAddr>,

    /// Tear everything down when so many peers are connected [default: go on for ever]
    #[arg(long, value_name = "N")]
    max_peers: Option<NonZeroUsize>,

    /// Let peers register addresses of other hosts than the one they connect from
    #[arg(long)]
    trust_addresses: bool,

    /// Peers on the list; further ones are refused [default: 1024, or as many as --max-peers]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    list_max: Option<NonZeroUsize>,

    /// Seconds that a connection may take to register
    #[arg(long, value_name = "SECONDS", default_value_t = DirectoryLimits::default().registration_time_max.as_secs(), help_heading = "Limits")]
    register_within: u64,

    /// Bytes that a connection may send before it has registered
    #[arg(long, value_name = "BYTES", default_value_t = DirectoryLimits::default().registration_bytes_max, help_heading = "Limits")]
    register_bytes: usize,

    /// Bytes that may wait for a peer that reads slowly
    #[arg(long, value_name = "BYTES", default_value_t = DirectoryLimits::default().queue_bytes_max, help_heading = "Limits")]
    queue: usize,
}

/// How to be a peer.
#[derive(Debug, clap::Args)]
pub(crate) struct JoinArgs {
    /// The directory
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:33400")]
    pub(crate) server: PeerAddress,

    /// Where to listen for other peers
    ///
    /// Port 0 takes any free port; the first line of output shows it. With 0.0.0.0
    /// (or :: in brackets) the others are told the address from which we connect to
    /// the directory.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0", value_parser = parse_listen)]
    pub(crate) listen: SocketAddr,

    /// Keep the mesh when the directory goes away, and rejoin when it comes back
    #[arg(long)]
    pub(crate) persist: bool,

    /// Write one JSON object a line, for programs
    ///
    /// Every line but the first has a key "event": directory, connected, hello, lost,
    /// text, teardown, away or error. Lines of standard input are said to every peer,
    /// as they are without this option.
    #[arg(long)]
    pub(crate) json: bool,

    /// Let peers say that they are at another host than the one they connect from
    #[arg(long)]
    trust_addresses: bool,

    /// Bytes of one line, ours or another's
    #[arg(long, value_name = "BYTES", default_value_t = PeerLimits::default().text_bytes_max, help_heading = "Limits")]
    text_max: usize,

    /// Addresses on the directory's list
    #[arg(long, value_name = "N", default_value_t = PeerLimits::default().peers_max, help_heading = "Limits")]
    list_max: usize,

    /// Bytes that may wait for a peer that reads slowly
    #[arg(long, value_name = "BYTES", default_value_t = PeerLimits::default().queue_bytes_max, help_heading = "Limits")]
    queue: usize,
}

const AFTER_HELP: &str = "\
Examples:
  crc-rendezvous serve
      A directory for the peers of this machine.
  crc-rendezvous join
      Talk to everybody who has joined: what you type goes to all of them.
  crc-rendezvous serve --listen 0.0.0.0:33400
  crc-rendezvous join --server chat.example.org:33400 --listen 0.0.0.0:0
      The same between machines.

Signals:
  SIGTERM and SIGINT make both leave in good order; a second one endpoints them at once.

Exit status:
  0  it has left in good order, or the directory was torn down
  1  it could not run: the port is taken, the directory can't be reached or refuses
  2  the command line makes no sense";

impl Args {
    /// How much is logged, unless `RUST_LOG` says otherwise.
    pub(crate) fn log_level(&self) -> log::LevelFilter {
        use log::LevelFilter::{Debug, Error, Info, Off, Trace, Warn};
        let normal = match self.role {
            Role::Serve(_) => 2,
            Role::Join(_) => 1,
        };
        let steps = [Error, Warn, Info, Debug, Trace];
        match self.quiet {
            0 => steps
                .get(normal + usize::from(self.verbose))
                .copied()
                .unwrap_or(Trace),
            1 => Error,
            _ => Off,
        }
    }
}

impl ServeArgs {
    pub(crate) fn config(&self) -> DirectoryConfig {
        let limits = DirectoryLimits::default();
        let enough = self.max_peers.map_or(0, NonZeroUsize::get);
        let peers_max = match self.list_max {
            Some(max) => max.get(),
            None => limits.peers_max.max(enough),
        };
        DirectoryConfig {
            max_peers: self.max_peers,
            trust_addresses: self.trust_addresses,
            limits: DirectoryLimits {
                peers_max,
                registration_bytes_max: self.register_bytes,
                registration_time_max: Duration::from_secs(self.register_within),
                queue_bytes_max: self.queue,
                ..limits
            },
        }
    }
}

impl JoinArgs {
    pub(crate) fn config(&self, seed: u64) -> PeerConfig {
        PeerConfig {
            persist: self.persist,
            trust_addresses: self.trust_addresses,
            limits: PeerLimits {
                peers_max: self.list_max,
                text_bytes_max: self.text_max,
                queue_bytes_max: self.queue,
                ..PeerLimits::default()
            },
            ..PeerConfig::new(self.server.clone(), seed)
        }
    }
}

/// An address of this machine; a name is looked up once, now.
fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let found = text.to_socket_addrs().map_err(|_| {
        "an address looks like ADDRESS:PORT, for instance 127.0.0.1:33400 or [::]:33400".to_owned()
    })?;
    found
        .into_iter()
        .next()
        .ok_or_else(|| "the name has no address".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(args: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from([&["crc-rendezvous"], args].concat())
    }

    #[test]
    fn the_definition_makes_sense() {
        Args::command().debug_assert();
    }

    #[test]
    fn everything_has_a_default() {
        let Role::Serve(serve) = parse(&["serve"]).unwrap().role else {
            panic!("to serve was asked for");
        };
        assert_eq!(serve.config(), DirectoryConfig::default());
        let Role::Join(join) = parse(&["join"]).unwrap().role else {
            panic!("to join was asked for");
        };
        assert_eq!(join.listen.to_string(), "127.0.0.1:0");
        assert!(!join.config(1).persist);
    }

    #[test]
    fn a_list_has_room_for_as_many_as_are_waited_for() {
        let peers_max = |args: &[&str]| match parse(args).unwrap().role {
            Role::Serve(serve) => serve.config().limits.peers_max,
            Role::Join(_) => panic!("to serve was asked for"),
        };
        assert_eq!(peers_max(&["serve", "--max-peers", "3"]), 1024);
        assert_eq!(peers_max(&["serve", "--max-peers", "3000"]), 3000);
        assert_eq!(peers_max(&["serve", "--list-max", "7"]), 7);
    }

    #[test]
    fn values_are_checked() {
        for args in [
            &["nothing"][..],
            &[],
            &["serve", "--max-peers", "0"],
            &["serve", "--listen", "33400"],
            &["join", "--server", "localhost"],
            &["join", "--listen", "127.0.0.1"],
        ] {
            assert_eq!(parse(args).unwrap_err().exit_code(), 2, "{args:?}");
        }
    }
}
