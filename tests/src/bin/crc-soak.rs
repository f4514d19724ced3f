//! Long runs against the real servers and clients.
//!
//! Reads the command line, makes one run, and says what it came to; everything
//! else is the library's.

#![forbid(unsafe_code)]

use std::fmt::Display;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use crc_e2e::fixture::{Binaries, Fixture, FixtureError, LogDir, output};
use crc_e2e::soak::{Control, Progress, footprint, healing, hostile, tree};

/// Run the real servers and clients for long, with faults, and judge them
///
/// All runs on loopback, is bounded, and is stopped at its end or when
/// interrupted. Use a release build for figures: cargo run --release -p
/// crc-e2e --bin crc-soak -- ...
#[derive(Debug, Parser)]
#[command(name = "crc-soak", version)]
struct Arguments {
    #[command(subcommand)]
    run: Run,
    /// Where crc-server and crc-client are [default: beside this program]
    #[arg(long, value_name = "DIR", global = true)]
    bin_dir: Option<PathBuf>,
    /// Where the processes' logs go [default: a temporary folder, kept when something failed]
    #[arg(long, value_name = "DIR", global = true)]
    log_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Run {
    /// Let hostile connections loose on one server; its memory must stay flat, and good clients be served
    Hostile {
        /// How many connections
        #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(20..=1_000_000_000))]
        connections: u64,
        /// At most so many in a second; 0 for as many as go
        #[arg(long, value_name = "N", default_value_t = 0)]
        rate: u64,
        /// How many are made at the same time
        #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=100))]
        workers: u64,
        /// Minutes that all may take
        #[arg(long, default_value_t = 60.0, value_parser = minutes)]
        within: f64,
        /// Leave the system's allocator as it is, and judge the most memory instead of that at rest
        #[arg(long)]
        plain_allocator: bool,
        /// What chance follows from
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Kill, freeze and restart servers of a tree at random while clients talk; judge D1 and C1 to C3
    Tree {
        /// Minutes that it lasts; the last episode is finished
        #[arg(long, default_value_t = 10.0, value_parser = minutes)]
        minutes: f64,
        #[command(flatten)]
        size: Size,
    },
    /// Measure how long it takes until the others have found each other, after a server was lost
    Healing {
        /// How many trials for an inner server, and as many for the root
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
        trials: u32,
        /// How the server is lost: frozen ones keep their connections open
        #[arg(long, value_enum, default_value_t = How::Killed)]
        loss: How,
        #[command(flatten)]
        size: Size,
    },
    /// Measure what a connection costs a server in memory while its peer has not registered
    Footprint {
        /// How many connections
        #[arg(long, value_name = "N", default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        connections: u32,
    },
}

#[derive(Debug, clap::Args)]
struct Size {
    /// How many servers
    #[arg(long, value_name = "N", default_value_t = 11, value_parser = clap::value_parser!(u32).range(1..=100))]
    servers: u32,
    /// How many clients
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(0..=1000))]
    clients: u32,
    /// What chance follows from
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum How {
    Killed,
    Frozen,
}

fn minutes(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(minutes) if (0.0..=10_000.0).contains(&minutes) => Ok(minutes),
        _ => Err("it must be a number from 0 to 10000".to_owned()),
    }
}

/// A rule was broken.
const FAILED: u8 = 1;
/// Nothing was judged: the run could not be made.
const UNUSABLE: u8 = 2;
/// Somebody has stopped it.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => FAILED.into(),
        Err(FixtureError::Interrupted) => {
            output::print_error("interrupted");
            INTERRUPTED.into()
        }
        Err(error) => {
            output::print_error(format_args!("error: {error}"));
            UNUSABLE.into()
        }
    }
}

/// Makes the run and says whether all was as it must be.
fn run(arguments: &Arguments) -> Result<bool, FixtureError> {
    let control = Control {
        interrupted: Arc::default(),
        progress: Progress::at_a_terminal(),
    };
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        let flag = Arc::clone(&control.interrupted);
        signal_hook::flag::register(signal, flag).map_err(|source| FixtureError::Socket {
            what: "signals can't be watched".to_owned(),
            source,
        })?;
    }
    let binaries = match &arguments.bin_dir {
        Some(folder) => Binaries::in_folder(folder)?,
        None => Binaries::find()?,
    };
    let logs = match &arguments.log_dir {
        Some(folder) => LogDir::at(folder)?,
        None => LogDir::temporary()?,
    };
    let fixture = Fixture::with(binaries, logs);
    let length = |minutes: f64| Duration::from_secs_f64(minutes * 60.0);
    match &arguments.run {
        &Run::Hostile {
            connections,
            rate,
            workers,
            within,
            plain_allocator,
            seed,
        } => {
            let settings = hostile::Settings {
                connections,
                rate,
                workers,
                within: length(within),
                seed,
                plain_allocator,
                ..hostile::Settings::default()
            };
            let report = hostile::run(&fixture, &settings, &control)?;
            Ok(tell(&fixture, &report, &report.problems))
        }
        Run::Footprint { connections } => {
            let report = footprint::run(&fixture, *connections, &control)?;
            let most = footprint::BYTES_MAX;
            let problem = || format!("one of them costs more than {most} bytes");
            let problems: Vec<String> = (!report.passed()).then(problem).into_iter().collect();
            Ok(tell(&fixture, &report, &problems))
        }
        Run::Tree { minutes, size } => {
            let settings = tree::Settings {
                lasts: length(*minutes),
                servers: size.servers,
                clients: size.clients,
                seed: size.seed,
                ..tree::Settings::default()
            };
            let report = tree::run(&fixture, &settings, &control)?;
            Ok(tell(&fixture, &report, &report.problems))
        }
        Run::Healing { trials, loss, size } => {
            let settings = healing::Settings {
                trials: *trials,
                servers: size.servers,
                clients: size.clients,
                seed: size.seed,
                loss: match loss {
                    How::Killed => healing::Loss::Killed,
                    How::Frozen => healing::Loss::Frozen,
                },
                ..healing::Settings::default()
            };
            let report = healing::run(&fixture, &settings, &control)?;
            Ok(tell(&fixture, &report, &report.problems))
        }
    }
}

fn tell(fixture: &Fixture, report: &impl Display, problems: &[String]) -> bool {
    output::print(report);
    for problem in problems {
        output::print(format_args!("FAILED: {problem}"));
    }
    if !problems.is_empty() {
        fixture.logs().keep();
        output::print(format_args!(
            "the logs are in {}",
            fixture.logs().path().display()
        ));
    }
    problems.is_empty()
}
