//! Long runs against real servers and clients.
//!
//! It reads the command line, makes one run, and prints its report. The library does
//! everything else.

#![forbid(unsafe_code)]

use std::fmt::Display;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use crc_e2e::fixture::{Binaries, Fixture, FixtureError, LogDir, output};
use crc_e2e::soak::abuse::{self, Abuse};
use crc_e2e::soak::{Control, Progress, flood, footprint, healing, hostile, moves, tree};

/// Run real servers and clients for long, with faults, and check invariants
///
/// All processes run on the loopback. Each run has a bound, and stops its processes
/// at its end or when interrupted. Use a release build for measurements: cargo run
/// --release -p crc-e2e --bin crc-soak -- ...
#[derive(Debug, Parser)]
#[command(name = "crc-soak", version)]
struct Arguments {
    #[command(subcommand)]
    run: Run,
    /// The folder of crc-server and crc-client [default: that of this program]
    #[arg(long, value_name = "DIR", global = true)]
    bin_dir: Option<PathBuf>,
    /// The folder for the log files [default: a temporary one, kept after a failure]
    #[arg(long, value_name = "DIR", global = true)]
    log_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Run {
    /// Make hostile connections to one server; its memory must not grow, and it must serve two regular clients
    Hostile {
        /// The number of connections
        #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(20..=1_000_000_000))]
        connections: u64,
        /// The maximum number per second; 0 for no limit
        #[arg(long, value_name = "N", default_value_t = 0)]
        rate: u64,
        /// The number of concurrent workers
        #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=100))]
        workers: u64,
        /// The time limit in minutes
        #[arg(long, default_value_t = 60.0, value_parser = minutes)]
        within: f64,
        /// Do not configure the allocator, and check the peak memory instead of the memory at rest
        #[arg(long)]
        plain_allocator: bool,
        /// The seed of the random faults
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Make two servers work as much as people can, and measure the round trips of innocent clients
    Abuse {
        /// The duration of each attack in seconds
        #[arg(long, default_value_t = 5.0, value_parser = seconds)]
        seconds: f64,
        /// Fail if a round trip takes longer, in milliseconds; 0 for no limit
        #[arg(long, value_name = "MS", default_value_t = 50)]
        worst: u64,
        /// Make this attack only; can be repeated [default: all]
        #[arg(long = "only", value_name = "ATTACK", value_parser = attack)]
        attacks: Vec<Abuse>,
    },
    /// Kill, freeze and restart servers of a tree at random while clients chat; check D1 and C1 to C3
    Tree {
        /// The duration in minutes; the last episode runs to its end
        #[arg(long, default_value_t = 10.0, value_parser = minutes)]
        minutes: f64,
        #[command(flatten)]
        size: Size,
    },
    /// Measure how long the other servers take to link again after the loss of a server
    Healing {
        /// The number of trials for an inner server and for the root
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
        trials: u32,
        /// How the server is lost; a frozen one keeps its connections open
        #[arg(long, value_enum, default_value_t = How::Killed)]
        loss: How,
        #[command(flatten)]
        size: Size,
    },
    /// Measure how long clients take to be at another server after theirs is killed or leaves
    Moves {
        /// The number of trials for each kind
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
        trials: u32,
        /// The number of clients of the server that is lost
        #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=100))]
        clients: u32,
        /// The seed of the random choices
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Flood a client that fills the screen of a terminal while its user types; nothing typed may be lost
    Flood {
        /// The number of members of the channel
        #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(2..=100_000))]
        members: u32,
        /// The number of lines that are there before
        #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
        lines: u32,
        /// The number of messages per second
        #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        rate: u32,
        /// The duration in seconds
        #[arg(long, default_value_t = 10.0, value_parser = seconds)]
        seconds: f64,
        /// Fail if a letter takes longer to be on the screen, in milliseconds; 0 for no limit
        #[arg(long, value_name = "MS", default_value_t = 500)]
        worst: u64,
    },
    /// Measure the memory of a connection that has not registered
    Footprint {
        /// The number of connections
        #[arg(long, value_name = "N", default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        connections: u32,
    },
}

#[derive(Debug, clap::Args)]
struct Size {
    /// The number of servers
    #[arg(long, value_name = "N", default_value_t = 11, value_parser = clap::value_parser!(u32).range(1..=100))]
    servers: u32,
    /// The number of clients
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(0..=1000))]
    clients: u32,
    /// The seed of the random faults
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
        _ => Err("must be a number from 0 to 10000".to_owned()),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.1..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("must be a number from 0.1 to 3600".to_owned()),
    }
}

fn attack(text: &str) -> Result<Abuse, String> {
    let found = Abuse::ALL.into_iter().find(|attack| attack.name() == text);
    found.ok_or_else(|| {
        let names = Abuse::ALL.map(Abuse::name);
        format!("must be one of: {}", names.join(", "))
    })
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    output::exit_code(run(&arguments))
}

/// Makes the run and returns whether it passed.
fn run(arguments: &Arguments) -> Result<bool, FixtureError> {
    let control = Control {
        interrupted: Arc::default(),
        progress: Progress::at_a_terminal(),
    };
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        let flag = Arc::clone(&control.interrupted);
        signal_hook::flag::register(signal, flag).map_err(|source| FixtureError::Socket {
            what: "signal handler".to_owned(),
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
            Ok(print_report(&fixture, &report, &report.problems))
        }
        Run::Abuse {
            seconds,
            worst,
            attacks,
        } => {
            let mut settings = abuse::Settings {
                lasts: Duration::from_secs_f64(*seconds),
                worst_max: (*worst > 0).then(|| Duration::from_millis(*worst)),
                ..abuse::Settings::default()
            };
            if !attacks.is_empty() {
                settings.attacks.clone_from(attacks);
            }
            let report = abuse::run(&fixture, &settings, &control)?;
            Ok(print_report(&fixture, &report, &report.problems))
        }
        Run::Footprint { connections } => {
            let report = footprint::run(&fixture, *connections, &control)?;
            let most = footprint::BYTES_MAX;
            let problem = || format!("a connection uses more than {most} bytes");
            let problems: Vec<String> = (!report.passed()).then(problem).into_iter().collect();
            Ok(print_report(&fixture, &report, &problems))
        }
        &Run::Moves {
            trials,
            clients,
            seed,
        } => {
            let settings = moves::Settings {
                trials,
                clients,
                seed,
                ..moves::Settings::default()
            };
            let report = moves::run(&fixture, &settings, &control)?;
            Ok(print_report(&fixture, &report, &report.problems))
        }
        &Run::Flood {
            members,
            lines,
            rate,
            seconds,
            worst,
        } => {
            let settings = flood::Settings {
                members,
                lines,
                rate,
                span: Duration::from_secs_f64(seconds),
                echo_max: (worst > 0).then(|| Duration::from_millis(worst)),
            };
            let report = flood::run(&fixture, &settings, &control)?;
            Ok(print_report(&fixture, &report, &report.problems))
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
            Ok(print_report(&fixture, &report, &report.problems))
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
            Ok(print_report(&fixture, &report, &report.problems))
        }
    }
}

fn print_report(fixture: &Fixture, report: &impl Display, problems: &[String]) -> bool {
    output::print(report);
    for problem in problems {
        output::print(format_args!("FAILED: {problem}"));
    }
    if !problems.is_empty() {
        fixture.logs().keep();
        output::print(format_args!("logs: {}", fixture.logs().path().display()));
    }
    problems.is_empty()
}
