//! Defines the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use crc_core::PeerAddress;

use crate::flow::{DIGITS, SIZE_MAX};

/// Put a relay chat network under load, and check that every message arrives
///
/// The clients connect to running servers (--server), or to servers that this program starts
/// and ends (--start). The run fails unless every message arrives once and in order, and every
/// join is announced to every client once.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_long_help = AFTER_LONG_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) workload: Workload,
    #[command(flatten)]
    pub(crate) network: Network,
    #[command(flatten)]
    pub(crate) bounds: Bounds,
    /// Print the report as one JSON object
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Run on this processor only (Linux)
    #[arg(long, value_name = "N", global = true)]
    pub(crate) cpu: Option<usize>,
}

/// The usual limit of a system's listen backlog.
const AT_ONCE_MAX: usize = 4096;

const AFTER_LONG_HELP: &str = "\
Examples:
  crc-bench stream --pairs 64
      Start a server, and stream from 64 clients to 64 others.
  crc-bench --cpu 1 --server-cpu 0 ping-pong
      Measure the round trip between two clients, with each program on its own processor.
  crc-bench join-storm --clients 5000 --server chat.example.org:33300
      Measure how long 5000 clients take to join a running server.
  crc-bench hops --start 5
      Stream across a line of five servers.
  crc-bench growth --out figures
      Write tables and plots: costs by number of clients, number of servers and message size.

Exit status:
  0    every message arrived once and in order
  1    a message or an announcement was lost, duplicated, reordered or altered
  2    nothing could be measured, or invalid command line
  130  interrupted; the clients have quit, and the started servers have ended";

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Workload {
    /// In pairs of clients, one sends to the other as fast as possible
    Stream {
        #[command(flatten)]
        pairs: Pairs<8>,
    },
    /// In pairs of clients, one message goes there, one comes back, and so on
    PingPong {
        #[command(flatten)]
        pairs: Pairs<1>,
    },
    /// Many clients join; each join is announced to all
    JoinStorm {
        /// Number of clients
        #[arg(long, value_name = "N", default_value_t = 1000, value_parser = parse_clients)]
        clients: usize,
    },
    /// One client joins and quits repeatedly; this is announced to the others
    FanOut {
        /// Number of the other clients
        #[arg(long, value_name = "N", default_value_t = 1000, value_parser = parse_clients)]
        clients: usize,
    },
    /// Many clients are connected and idle
    Idle {
        /// Number of clients
        #[arg(long, value_name = "N", default_value_t = 1000, value_parser = parse_clients)]
        clients: usize,
    },
    /// Many clients send to one as fast as it can receive
    FanIn {
        /// Number of senders
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = parse_clients)]
        senders: usize,
        /// Bytes of text in a message, from 16 to 65536
        #[arg(long, value_name = "BYTES", default_value_t = 64, value_parser = parse_size)]
        size: usize,
    },
    /// Clients of the first server stream to clients of the last
    Hops {
        #[command(flatten)]
        pairs: Pairs<8>,
    },
    /// Measure how costs grow, and write tables and plots
    ///
    /// It starts its own servers for each point, and takes some minutes.
    Growth {
        /// The folder for the files
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Maximum number of clients
        #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = parse_clients)]
        clients: usize,
        /// Number of measurements per point; the minimum counts
        #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
        rounds: u32,
    },
}

/// The pairs of clients, and the size of their messages.
#[derive(Debug, Clone, Args)]
pub(crate) struct Pairs<const N: usize> {
    /// Number of pairs
    #[arg(long, value_name = "N", default_value_t = N, value_parser = parse_pairs)]
    pub(crate) pairs: usize,
    /// Bytes of text in a message, from 16 to 65536
    #[arg(long, value_name = "BYTES", default_value_t = 64, value_parser = parse_size)]
    pub(crate) size: usize,
}

/// The servers.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct Network {
    /// A running server; may be repeated for servers of one network
    #[arg(
        long,
        value_name = "HOST:PORT",
        global = true,
        conflicts_with_all = ["start", "shape", "server_bin", "server_cpu", "server_arg"]
    )]
    pub(crate) server: Vec<PeerAddress>,
    /// Process id of a running server, to measure its costs; one for each --server, in the same
    /// order
    #[arg(long, value_name = "PID", global = true, requires = "server")]
    pub(crate) server_pid: Vec<u32>,
    /// Number of servers to start [default: 1, for hops 3]
    #[arg(long, value_name = "N", global = true, value_parser = parse_start)]
    pub(crate) start: Option<usize>,
    /// How the started servers are linked [default: line]
    #[arg(long, value_enum, global = true)]
    pub(crate) shape: Option<Shape>,
    /// Server program to start [default: crc-server beside this program or on the PATH]
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) server_bin: Option<PathBuf>,
    /// Argument for the command line of the started servers; may be repeated
    #[arg(long, value_name = "WORD", global = true, allow_hyphen_values = true)]
    pub(crate) server_arg: Vec<String>,
    /// Run the started servers on this processor only (Linux)
    #[arg(long, value_name = "N", global = true)]
    pub(crate) server_cpu: Option<usize>,
}

/// How started servers are linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shape {
    /// Each server to the one before it
    Line,
    /// All servers to the first
    Star,
    /// Two servers to each
    Tree,
}

impl Shape {
    /// The index of a server's uplink.
    pub(crate) fn uplink(self, number: usize) -> Option<usize> {
        let before = number.checked_sub(1)?;
        Some(match self {
            Shape::Line => before,
            Shape::Star => 0,
            Shape::Tree => before / 2,
        })
    }
}

/// When the measurement ends: at the first bound that is reached.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Bounds")]
pub(crate) struct Bounds {
    /// Maximum number of messages; for fan-out, of announcements
    #[arg(long, value_name = "N", global = true, default_value_t = 100_000_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000_000))]
    pub(crate) messages: u64,
    /// Maximum duration of the measurement in seconds, up to 3600
    #[arg(long, value_name = "SECONDS", global = true, default_value_t = 5.0, value_parser = parse_seconds)]
    pub(crate) seconds: f64,
    /// Duration of the load before the measurement, in seconds
    #[arg(long, value_name = "SECONDS", global = true, default_value_t = 0.5, value_parser = parse_seconds)]
    pub(crate) warm_up: f64,
    /// Maximum number of clients that join at the same time, up to 4096
    #[arg(long, value_name = "N", global = true, default_value_t = AT_ONCE_MAX, value_parser = parse_at_once)]
    pub(crate) at_once: usize,
}

fn parse_range(text: &str, least: usize, most: usize) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(format!("it must be a number from {least} to {most}")),
    }
}

fn parse_pairs(text: &str) -> Result<usize, String> {
    parse_range(text, 1, 15_000)
}

fn parse_clients(text: &str) -> Result<usize, String> {
    parse_range(text, 1, 30_000)
}

fn parse_size(text: &str) -> Result<usize, String> {
    parse_range(text, DIGITS, SIZE_MAX)
}

fn parse_start(text: &str) -> Result<usize, String> {
    parse_range(text, 1, 100)
}

fn parse_at_once(text: &str) -> Result<usize, String> {
    parse_range(text, 1, AT_ONCE_MAX)
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.0..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("it must be a number from 0 to 3600".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from([&["crc-bench"], args].concat())
    }

    #[test]
    fn the_definition_is_valid() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn values_are_validated() {
        for args in [
            &["stream", "--size", "15"][..],
            &["stream", "--size", "65537"],
            &["ping-pong", "--pairs", "0"],
            &["idle", "--clients", "30001"],
            &["hops", "--start", "101"],
            &["stream", "--seconds", "-1"],
            &["stream", "--seconds", "NaN"],
            &["stream", "--messages", "0"],
            &["stream", "--server", "localhost"],
            &["stream", "--server", "localhost:1", "--start", "2"],
            &["stream", "--server-pid", "1"],
            &["growth"],
            &[],
        ] {
            assert_eq!(parse(args).unwrap_err().exit_code(), 2, "{args:?}");
        }
    }

    #[test]
    fn options_may_precede_or_follow_the_workload() {
        for args in [
            &["--server", "[::1]:2", "--json", "stream", "--pairs=3"][..],
            &["stream", "--pairs=3", "--json", "--server", "[::1]:2"],
        ] {
            let cli = parse(args).unwrap();
            assert!(cli.json && cli.network.server.len() == 1);
            assert!(matches!(
                cli.workload,
                Workload::Stream {
                    pairs: Pairs { pairs: 3, size: 64 }
                }
            ));
        }
    }

    #[test]
    fn the_shape_determines_the_uplinks() {
        let uplinks = |shape: Shape| {
            (0..5)
                .map(|number| shape.uplink(number))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            uplinks(Shape::Line),
            [None, Some(0), Some(1), Some(2), Some(3)]
        );
        assert_eq!(
            uplinks(Shape::Star),
            [None, Some(0), Some(0), Some(0), Some(0)]
        );
        assert_eq!(
            uplinks(Shape::Tree),
            [None, Some(0), Some(0), Some(1), Some(1)]
        );
    }
}
