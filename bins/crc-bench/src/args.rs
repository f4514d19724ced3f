//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use crc_core::PeerAddress;

use crate::flow::{DIGITS, SIZE_MAX};

/// Put a relay chat network under load, and check that every message arrives
///
/// Clients are attached to running servers (--server), or to servers that are
/// started for the time of the run (--start). Every message must arrive once
/// and in order, and every client be told of every other one once; if not, the
/// run fails.
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
    /// Stay on this processor (Linux)
    #[arg(long, value_name = "N", global = true)]
    pub(crate) cpu: Option<usize>,
}

/// How many connections a system lets wait to be accepted, as a rule.
const AT_ONCE_MAX: usize = 4096;

const AFTER_LONG_HELP: &str = "\
Examples:
  crc-bench stream --pairs 64
      Starts a server of its own and streams from 64 clients to 64 others.
  crc-bench --cpu 1 --server-cpu 0 ping-pong
      The round trip between two clients, each program on a processor of its own.
  crc-bench join-storm --clients 5000 --server chat.example.org:33300
      How long 5000 clients take to join a server that runs already.
  crc-bench hops --start 5
      A stream across a line of five servers.
  crc-bench growth --out figures
      Tables and plots: cost by clients, servers and size.

Exit status:
  0    every message has arrived once and in order
  1    one has not, or somebody was told wrong of who is there
  2    nothing could be measured; or the command line makes no sense
  130  interrupted; the clients have left, and what was started is ended";

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Workload {
    /// Pairs of clients: one of each talks as fast as it can, one listens
    Stream {
        #[command(flatten)]
        pairs: Pairs<8>,
    },
    /// Pairs of clients: one message there, one back, and again
    PingPong {
        #[command(flatten)]
        pairs: Pairs<1>,
    },
    /// Many clients join; each is told of all others
    JoinStorm {
        /// How many
        #[arg(long, value_name = "N", default_value_t = 1000, value_parser = parse_clients)]
        clients: usize,
    },
    /// One client joins and leaves again and again; the others are told
    FanOut {
        /// How many are told
        #[arg(long, value_name = "N", default_value_t = 1000, value_parser = parse_clients)]
        clients: usize,
    },
    /// Many clients are there and do nothing
    Idle {
        /// How many
        #[arg(long, value_name = "N", default_value_t = 1000, value_parser = parse_clients)]
        clients: usize,
    },
    /// Many clients talk to one as fast as it can listen
    FanIn {
        /// How many talk
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = parse_clients)]
        senders: usize,
        /// Bytes of text in a message, from 16 to 65536
        #[arg(long, value_name = "BYTES", default_value_t = 64, value_parser = parse_size)]
        size: usize,
    },
    /// A stream from clients of the first server to clients of the last
    Hops {
        #[command(flatten)]
        pairs: Pairs<8>,
    },
    /// Measure how cost grows, and write tables and plots
    ///
    /// Starts servers of its own for every point. Takes some minutes.
    Growth {
        /// The folder for the files
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// The most clients
        #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = parse_clients)]
        clients: usize,
        /// How often each point is measured; the least is taken
        #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
        rounds: u32,
    },
}

/// Who talks to whom, and how much at a time.
#[derive(Debug, Clone, Args)]
pub(crate) struct Pairs<const N: usize> {
    /// How many pairs
    #[arg(long, value_name = "N", default_value_t = N, value_parser = parse_pairs)]
    pub(crate) pairs: usize,
    /// Bytes of text in a message, from 16 to 65536
    #[arg(long, value_name = "BYTES", default_value_t = 64, value_parser = parse_size)]
    pub(crate) size: usize,
}

/// Which servers.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct Network {
    /// A running server; given again, another one of the same network
    #[arg(
        long,
        value_name = "HOST:PORT",
        global = true,
        conflicts_with_all = ["start", "shape", "server_bin", "server_cpu", "server_arg"]
    )]
    pub(crate) server: Vec<PeerAddress>,
    /// The process of a running server, to know what it needs; one for each
    /// --server, in the same order
    #[arg(long, value_name = "PID", global = true, requires = "server")]
    pub(crate) server_pid: Vec<u32>,
    /// Start so many servers [default: 1, for hops 3]
    #[arg(long, value_name = "N", global = true, value_parser = parse_start)]
    pub(crate) start: Option<usize>,
    /// How they are linked [default: line]
    #[arg(long, value_enum, global = true)]
    pub(crate) shape: Option<Shape>,
    /// The server to start [default: crc-server beside this program or on the PATH]
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) server_bin: Option<PathBuf>,
    /// One more word for the command line of a server that is started
    #[arg(long, value_name = "WORD", global = true, allow_hyphen_values = true)]
    pub(crate) server_arg: Vec<String>,
    /// Keep the servers that are started on this processor (Linux)
    #[arg(long, value_name = "N", global = true)]
    pub(crate) server_cpu: Option<usize>,
}

/// How started servers are linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shape {
    /// Each to the one before it
    Line,
    /// All to the first
    Star,
    /// Two to each
    Tree,
}

impl Shape {
    /// The number of the server that a server is to link to, from 0.
    pub(crate) fn uplink(self, number: usize) -> Option<usize> {
        let before = number.checked_sub(1)?;
        Some(match self {
            Shape::Line => before,
            Shape::Star => 0,
            Shape::Tree => before / 2,
        })
    }
}

/// When to stop, whichever comes first.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Bounds")]
pub(crate) struct Bounds {
    /// How many messages are measured at most; for fan-out, how many announcements
    #[arg(long, value_name = "N", global = true, default_value_t = 100_000_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000_000))]
    pub(crate) messages: u64,
    /// How many seconds are measured at most, up to 3600
    #[arg(long, value_name = "SECONDS", global = true, default_value_t = 5.0, value_parser = parse_seconds)]
    pub(crate) seconds: f64,
    /// How many seconds of load go before, which are not measured
    #[arg(long, value_name = "SECONDS", global = true, default_value_t = 0.5, value_parser = parse_seconds)]
    pub(crate) warm_up: f64,
    /// How many clients join at the same time at most, up to 4096
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
    fn the_definition_makes_sense() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn values_are_checked() {
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
    fn options_may_stand_before_and_behind() {
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
    fn servers_are_linked_as_the_shape_says() {
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
