//! `crc-sim`: runs simulated networks and reports violations of their invariants.
//!
//! Reads the command line and prints; the library runs and checks.

#![forbid(unsafe_code)]

mod args;
mod mutants;

use core::time::Duration;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use crc_record::RecordingError;
use crc_sim::{Fault, Invariant, Outcome, Report, Settings};
use indicatif::{ProgressBar, ProgressStyle};

use crate::args::{Cli, Command, Network};
use crate::mutants::MutantsError;

fn main() -> ExitCode {
    // A panic is an outcome of a run, and reported as one.
    std::panic::set_hook(Box::new(|_| {}));
    match work(Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // The reader of the output has closed it, and needs no message.
        Err(Failure::Output(_)) => ExitCode::FAILURE,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "crc-sim: {failure}");
            ExitCode::from(2)
        }
    }
}

/// Why nothing was checked.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Output(#[from] io::Error),
    #[error("cannot read {path:?}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("{0}")]
    Recording(#[from] RecordingError),
    #[error("{0}")]
    Mutants(#[from] MutantsError),
}

fn settings(network: Network) -> Settings {
    Settings {
        servers: network.servers,
        canary: network.canary,
        rendezvous: network.rendezvous,
        channels: network.channels,
        people: network.people,
        hostile: network.hostile,
        auth: network.auth,
        operators: network.operators,
        hash_seed: network.hash_seed,
        ..Settings::default()
    }
}

/// Runs a command, and returns whether nothing was wrong.
fn work(cli: Cli) -> Result<bool, Failure> {
    let mut out = io::stdout().lock();
    match cli.command {
        Command::Run {
            seeds,
            threads,
            json,
            network,
        } => {
            let settings = settings(network);
            let threads = threads.map_or_else(processors, usize::from);
            let bar = bar(seeds.end - seeds.start);
            let begin = seeds.start;
            let report = crc_sim::campaign(seeds, threads, &settings, |outcome| {
                bar.inc(1);
                if !outcome.violations.is_empty() {
                    bar.set_message(format!("seed {} violates an invariant", outcome.seed));
                }
                true
            });
            let took = bar.elapsed();
            bar.finish_and_clear();
            if json {
                writeln!(out, "{}", to_json(&report))?;
            } else {
                write!(out, "{report}")?;
                writeln!(
                    out,
                    "from seed {begin}, {} threads, {}",
                    threads,
                    speed(&report, took)
                )?;
                for (seed, violation) in report.violations.iter().take(20) {
                    writeln!(out, "seed {seed}: {violation}")?;
                }
            }
            Ok(report.violations.is_empty())
        }
        Command::Seed {
            seed,
            trace,
            network,
        } => {
            let mut settings = settings(network);
            settings.lines = trace;
            let outcome = crc_sim::run_seed(seed, &settings);
            writeln!(out, "seed {seed}: {}", crc_sim::options(seed, &settings))?;
            show(&mut out, &outcome)?;
            Ok(outcome.violations.is_empty())
        }
        Command::Shrink {
            seed,
            trace,
            network,
        } => {
            let mut settings = settings(network);
            settings.lines = trace;
            writeln!(out, "seed {seed}: {}", crc_sim::options(seed, &settings))?;
            let all = crc_sim::steps(seed, &settings);
            let Some((steps, outcome)) = crc_sim::shrink(seed, &settings) else {
                writeln!(out, "it violates no invariant")?;
                return Ok(true);
            };
            writeln!(out, "{} of {all} steps are enough: {steps:?}", steps.len())?;
            show(&mut out, &outcome)?;
            Ok(false)
        }
        Command::Replay { file } => replay(&mut out, &file),
        Command::Mutants { list: true, .. } => Ok(mutants::list(&mut out)?),
        Command::Mutants { seeds, only, .. } => {
            let settings = mutants::Settings { seeds, only };
            Ok(mutants::run(&mut out, &settings)?)
        }
    }
}

/// Replays a recording, and returns whether it reaches the recorded state.
fn replay(out: &mut impl Write, file: &Path) -> Result<bool, Failure> {
    let path = file.to_owned();
    let recording = std::fs::read(file).map_err(|source| Failure::File { path, source })?;
    let replayed = crc_record::replay(&recording)?;
    let snapshot = replayed.server.snapshot();
    let digest = crc_record::digest(&replayed.server);
    let hosts = snapshot.directory();
    writeln!(
        out,
        "server {} {:?}: {} events in {:.1?}",
        snapshot.id(),
        snapshot.name(),
        replayed.events,
        replayed.span
    )?;
    writeln!(
        out,
        "{} servers and {} clients known, {} links, state {digest:016x}, effects {:016x}",
        hosts.servers_len(),
        hosts.len() - hosts.servers_len(),
        snapshot.links().count(),
        replayed.effects_hash
    )?;
    let (comparison, same) = match replayed.digest_recorded {
        Some(recorded) if recorded == digest => ("the same state as the recorded server's", true),
        Some(_) => ("NOT the state of the recorded server", false),
        None if replayed.full => ("the recording was full before the server ended", true),
        None => ("the recorded server did not shut down gracefully", true),
    };
    writeln!(out, "{comparison}")?;
    Ok(same)
}

fn show(out: &mut impl Write, outcome: &Outcome) -> io::Result<()> {
    for line in &outcome.lines {
        writeln!(out, "{line}")?;
    }
    for violation in &outcome.violations {
        writeln!(out, "{violation}")?;
    }
    writeln!(
        out,
        "trace hash {:016x}, {} s, {} events, {} frames checked, {} violations",
        outcome.trace_hash,
        outcome.simulated.as_secs(),
        outcome.counts.events,
        outcome.counts.frames,
        outcome.violations.len()
    )
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A progress bar on standard error, if that is a terminal.
fn bar(seeds: u64) -> ProgressBar {
    let style = "{elapsed_precise} {wide_bar} {pos}/{len} seeds, {per_sec}, {eta} left {msg}";
    let style = ProgressStyle::with_template(style).expect("the template is sound");
    ProgressBar::new(seeds).with_style(style)
}

fn speed(report: &Report, took: Duration) -> String {
    let seconds = took.as_secs_f64().max(0.001);
    #[expect(clippy::cast_precision_loss, reason = "for people to read")]
    let speed = report.seeds as f64 / seconds;
    format!("{seconds:.1} s, {speed:.0} seeds a second")
}

fn to_json(report: &Report) -> serde_json::Value {
    let invariants = Invariant::ALL.iter();
    let by_invariant: serde_json::Map<String, serde_json::Value> = invariants
        .map(|&invariant| {
            let count = report.violations_of(invariant);
            (invariant.name().to_owned(), count.into())
        })
        .collect();
    let kinds = Fault::ALL.iter().zip(report.counts.faults);
    let faults: serde_json::Map<String, serde_json::Value> = kinds
        .map(|(kind, count)| (kind.name().to_owned(), count.into()))
        .collect();
    let violations = report.violations.iter().map(|(seed, violation)| {
        serde_json::json!({
            "seed": seed,
            "invariant": violation.invariant.name(),
            "at_seconds": violation.at.as_micros() / 1_000_000,
            "text": violation.text,
        })
    });
    serde_json::json!({
        "seeds": report.seeds,
        "simulated_seconds": report.simulated.as_secs(),
        "events": report.counts.events,
        "frames_checked": report.counts.frames,
        "chats": report.counts.chats,
        "chats_delivered": report.counts.delivered,
        "channel_chats_delivered": report.counts.channel_chats,
        "trace_digest": format!("{:016x}", report.trace_digest),
        "faults": faults,
        "violations_by_invariant": by_invariant,
        "violations": violations.collect::<Vec<_>>(),
        // The keys of version 0.1, for one release more.
        "frames_judged": report.counts.frames,
        "channel_chats_heard": report.counts.channel_chats,
        "broken": by_invariant,
    })
}
