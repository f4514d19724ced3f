//! The command line.

use core::num::NonZeroUsize;
use core::ops::{Range, RangeInclusive};

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Run simulated networks of relay chat nodes and check their invariants.
///
/// A run depends on its seed only. Exit code 0: no invariant was violated; 1: one was; 2:
/// invalid command line or file.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run many seeds
    Run {
        /// The seeds, without the last one
        #[arg(long, value_name = "FROM..TO", default_value = "0..5000", value_parser = parse_seeds)]
        seeds: Range<u64>,
        /// Number of threads [default: number of processors]
        #[arg(long, value_name = "N")]
        threads: Option<NonZeroUsize>,
        /// Print the report as one JSON object
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        network: Network,
    },
    /// Run one seed, and show its options and violations
    Seed {
        /// The seed
        seed: u64,
        /// Show every event
        #[arg(long)]
        trace: bool,
        #[command(flatten)]
        network: Network,
    },
    /// Find the fewest steps with which a seed still violates an invariant
    Shrink {
        /// The seed
        seed: u64,
        /// Show every event
        #[arg(long)]
        trace: bool,
        #[command(flatten)]
        network: Network,
    },
    /// Replay a recording of crc-server --record
    Replay {
        /// The recording
        file: PathBuf,
    },
    /// Apply each patch of tests/mutations to a copy, and show the seed that finds the bug
    ///
    /// Run it in the checkout. Exit code 1: a bug is not found, or a patch no longer applies.
    Mutants {
        /// The seeds to look in
        #[arg(long, value_name = "FROM..TO", default_value = "0..10000", value_parser = parse_seeds)]
        seeds: Range<u64>,
        /// Only this patch; may be given more than once
        #[arg(long, value_name = "NAME")]
        only: Vec<String>,
        /// List the patches
        #[arg(long)]
        list: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Network {
    /// Number of servers of a run
    #[arg(long, value_name = "FEWEST..=MOST", default_value = "3..=32", value_parser = parse_servers)]
    pub(crate) servers: RangeInclusive<u32>,
    /// End every run with a violation, to see that it is reported
    #[arg(long)]
    pub(crate) canary: bool,
    /// Let servers find each other by a directory's lists only
    #[arg(long)]
    pub(crate) rendezvous: bool,
    /// Let clients join and part channels, set topics and chat there
    #[arg(long)]
    pub(crate) channels: bool,
    /// Let users of IRC and legacy IRC take part; all do everything in channels, permitted or not
    #[arg(long)]
    pub(crate) people: bool,
    /// Add hostile servers, thieves of ids and floods, clock steps, and limits that differ
    #[arg(long)]
    pub(crate) hostile: bool,
    /// Let servers prove the secrets of their links; hostile servers have none, and replay proofs
    #[arg(long)]
    pub(crate) auth: bool,
    /// Let some clients be network operators, who kill and ban; hostile nodes pretend to
    #[arg(long)]
    pub(crate) operators: bool,
    /// Hash ids with another seed, which must not change a run
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) hash_seed: u64,
}

/// A range is invalid.
#[derive(Debug, thiserror::Error)]
#[error("a range looks like {example}")]
pub(crate) struct NotARange {
    example: &'static str,
}

fn parse_seeds(text: &str) -> Result<Range<u64>, NotARange> {
    let example = "0..5000";
    let (from, to) = text.split_once("..").ok_or(NotARange { example })?;
    match (from.parse(), to.parse()) {
        (Ok(from), Ok(to)) if from < to => Ok(from..to),
        _ => Err(NotARange { example }),
    }
}

fn parse_servers(text: &str) -> Result<RangeInclusive<u32>, NotARange> {
    let example = "3..=32, from 1 to 200";
    let (from, to) = text.split_once("..=").unwrap_or((text, text));
    match (from.parse(), to.parse()) {
        (Ok(from), Ok(to)) if 0 < from && from <= to && to <= 200 => Ok(from..=to),
        _ => Err(NotARange { example }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_parse() {
        assert_eq!(parse_seeds("5..7").unwrap(), 5..7);
        assert_eq!(parse_servers("3..=32").unwrap(), 3..=32);
        assert_eq!(parse_servers("4").unwrap(), 4..=4);
        for wrong in ["", "5", "7..5", "a..b", "1..=2"] {
            assert!(parse_seeds(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "0..=4", "9..=4", "3..=999"] {
            assert!(parse_servers(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_command_line_is_valid() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
