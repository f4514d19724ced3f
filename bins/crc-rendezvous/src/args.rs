//! The command line, and the settings that follow from it.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use clap::{Parser, Subcommand};
use crc_cli::{Verbosity, parse_listen_address};
use crc_machine::PeerAddress;
use crc_rendezvous::{DirectoryConfig, DirectoryLimits, PeerConfig, PeerLimits};

/// Chat among peers that find each other with a directory.
///
/// A directory (`serve`) keeps the list of its peers. Peers (`join`) receive the list,
/// connect to each other, and chat directly.
#[derive(Debug, Parser)]
#[command(name = "crc-rendezvous", version = crc_cli::VERSION, max_term_width = 100, after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) role: Role,

    #[command(flatten)]
    verbosity: Verbosity,
}

/// The role of the program.
#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// Run a directory
    Serve(ServeArgs),
    /// Run a peer
    Join(JoinArgs),
}

/// The options of a directory.
#[derive(Debug, clap::Args)]
pub(crate) struct ServeArgs {
    /// The address to listen on for peers; may be given more than once
    ///
    /// Port 0 takes any free port; the first line of output shows it. Use 0.0.0.0 or
    /// [::] to accept peers from other machines.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:33400", value_parser = parse_listen_address)]
    pub(crate) listen: Vec<SocketAddr>,

    /// Send the teardown and stop when N peers are connected [default: never]
    #[arg(long, value_name = "N")]
    max_peers: Option<NonZeroUsize>,

    /// Admit addresses of other hosts than the one that a peer connects from
    #[arg(long)]
    trust_addresses: bool,

    /// Peers on the list; further ones are refused [default: 1024, or --max-peers if that is more]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    list_max: Option<NonZeroUsize>,

    /// Seconds until a connection must have registered
    #[arg(long, value_name = "SECONDS", default_value_t = DirectoryLimits::default().registration_time_max.as_secs(), help_heading = "Limits")]
    register_within: u64,

    /// Bytes before the registration of a connection is complete
    #[arg(long, value_name = "BYTES", default_value_t = DirectoryLimits::default().registration_bytes_max, help_heading = "Limits")]
    register_bytes: usize,

    /// Bytes that may wait for a peer that reads slowly
    #[arg(long, value_name = "BYTES", default_value_t = DirectoryLimits::default().queue_bytes_max, help_heading = "Limits")]
    queue: usize,
}

/// The options of a peer.
#[derive(Debug, clap::Args)]
pub(crate) struct JoinArgs {
    /// The directory to register with
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:33400")]
    pub(crate) server: PeerAddress,

    /// The address to listen on for other peers
    ///
    /// Port 0 takes any free port; the first line of output shows it. With 0.0.0.0 or
    /// [::] the peer registers the local address of its connection to the directory.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0", value_parser = parse_listen_address)]
    pub(crate) listen: SocketAddr,

    /// Keep the mesh when the directory is lost, and register again when it is back
    #[arg(long)]
    pub(crate) persist: bool,

    /// Write one JSON object per line, for programs
    ///
    /// Every line but the first has a key "event": directory, connected, hello, lost,
    /// text, teardown, away or error. Lines of standard input are sent to every peer, as
    /// without this option.
    #[arg(long)]
    pub(crate) json: bool,

    /// Admit greetings that name another host than the one that a peer connects from
    #[arg(long)]
    trust_addresses: bool,

    /// Bytes of one line, sent or received
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
      Chat with all other peers: each line that you type is sent to all of them.
  crc-rendezvous serve --listen 0.0.0.0:33400
  crc-rendezvous join --server chat.example.org:33400 --listen 0.0.0.0:0
      The same between machines.

Signals:
  SIGTERM and SIGINT stop both gracefully; a second signal stops them at once.
  SIGHUP stops join if its terminal is closed, and is logged otherwise.

Exit status:
  0  stopped gracefully, or the directory has sent the teardown
  1  cannot listen, cannot register with the directory, or some lines were not sent
  2  invalid command line";

impl Args {
    /// The level of the log, unless `RUST_LOG` sets it.
    pub(crate) fn log_level(&self) -> log::LevelFilter {
        self.verbosity.level(match self.role {
            Role::Serve(_) => log::LevelFilter::Info,
            Role::Join(_) => log::LevelFilter::Warn,
        })
    }
}

impl ServeArgs {
    pub(crate) fn config(&self) -> DirectoryConfig {
        let limits = DirectoryLimits::default();
        let max_peers = self.max_peers.map_or(0, NonZeroUsize::get);
        let peers_max = match self.list_max {
            Some(max) => max.get(),
            None => limits.peers_max.max(max_peers),
        };
        let mut config = DirectoryConfig::default();
        config.max_peers = self.max_peers;
        config.trust_addresses = self.trust_addresses;
        config.limits.peers_max = peers_max;
        config.limits.registration_bytes_max = self.register_bytes;
        config.limits.registration_time_max = Duration::from_secs(self.register_within);
        config.limits.queue_bytes_max = self.queue;
        config
    }
}

impl JoinArgs {
    pub(crate) fn config(&self, seed: u64) -> PeerConfig {
        let mut config = PeerConfig::new(self.server.clone(), seed);
        config.persist = self.persist;
        config.trust_addresses = self.trust_addresses;
        config.limits.peers_max = self.list_max;
        config.limits.text_bytes_max = self.text_max;
        config.limits.queue_bytes_max = self.queue;
        config
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(args: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from([&["crc-rendezvous"], args].concat())
    }

    #[test]
    fn the_definition_is_valid() {
        Args::command().debug_assert();
    }

    #[test]
    fn everything_has_a_default() {
        let Role::Serve(serve) = parse(&["serve"]).unwrap().role else {
            panic!("the role is serve");
        };
        assert_eq!(serve.config(), DirectoryConfig::default());
        let Role::Join(join) = parse(&["join"]).unwrap().role else {
            panic!("the role is join");
        };
        assert_eq!(join.listen.to_string(), "127.0.0.1:0");
        assert!(!join.config(1).persist);
    }

    #[test]
    fn the_list_has_room_for_max_peers() {
        let peers_max = |args: &[&str]| match parse(args).unwrap().role {
            Role::Serve(serve) => serve.config().limits.peers_max,
            Role::Join(_) => panic!("the role is serve"),
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
