//! Runs scenario files against real servers and clients.
//!
//! It reads the command line, runs the files one after the other, and prints the
//! results. The library does everything else.

#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::Parser;
use crc_e2e::fixture::{Binaries, Fixture, FixtureError, LogDir, output};
use crc_e2e::scenario::{Report, Scenario, ScenarioError, Settings, run};

/// Run scenario files against real servers and clients
///
/// Each FILE launches servers and clients, tells the clients what to send, and says
/// what every server and client must know in the end. All processes run on the
/// loopback. Files of the legacy IRC, whose nodes have names and no ids, run as well.
#[derive(Debug, Parser)]
#[command(name = "crc-scenario", version)]
struct Arguments {
    /// The files to run
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Also compare adjacent_user_ids and adjacent_server_ids, and how often a client of the legacy IRC printed a line; note keys that no check uses
    #[arg(long)]
    strict: bool,
    /// How many times longer a WAIT may last than the file says; a passing scenario rarely takes that long
    #[arg(long, value_name = "FACTOR", default_value_t = 20.0, value_parser = scale)]
    wait_scale: f64,
    /// In network_connectivity files, never answer a server that dials, as the original harness does
    #[arg(long)]
    muted: bool,
    /// Use the ports in the files, not free ones in their place
    #[arg(long)]
    fixed_ports: bool,
    /// The folder of crc-server and crc-client [default: that of this program]
    #[arg(long, value_name = "DIR")]
    bin_dir: Option<PathBuf>,
    /// The folder for the log files [default: a temporary one, kept after a failure]
    #[arg(long, value_name = "DIR")]
    log_dir: Option<PathBuf>,
    /// Print each step and its duration
    #[arg(short, long)]
    verbose: bool,
}

fn scale(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(factor) if (0.0..=1e6).contains(&factor) => Ok(factor),
        _ => Err("must be a number from 0 to 1000000".to_owned()),
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let read = arguments.files.iter().map(|file| Scenario::read(file));
    let (scenarios, errors): (Vec<_>, Vec<_>) = read.partition(Result::is_ok);
    if !errors.is_empty() {
        for error in errors.into_iter().filter_map(Result::err) {
            output::print_error(format_args!("error: {error}"));
        }
        return output::UNUSABLE.into();
    }
    let scenarios: Vec<Scenario> = scenarios
        .into_iter()
        .filter_map(Result::<_, ScenarioError>::ok)
        .collect();
    output::exit_code(run_all(&arguments, &scenarios).map(|failed| failed == 0))
}

/// Runs the scenarios and returns the number of failures.
fn run_all(arguments: &Arguments, scenarios: &[Scenario]) -> Result<usize, FixtureError> {
    let settings = Settings {
        strict: arguments.strict,
        wait_scale: arguments.wait_scale,
        muted: arguments.muted,
        fixed_ports: arguments.fixed_ports,
        interrupted: interruption()?,
    };
    let binaries = match &arguments.bin_dir {
        Some(folder) => Binaries::in_folder(folder)?,
        None => Binaries::find()?,
    };
    let mut failed = 0;
    for scenario in scenarios {
        let logs = match &arguments.log_dir {
            Some(folder) => LogDir::at(&folder.join(&scenario.name))?,
            None => LogDir::temporary()?,
        };
        let fixture = Fixture::with(binaries.clone(), logs);
        let report = run(scenario, &fixture, &settings, |line, took: Duration| {
            if arguments.verbose {
                output::print(format_args!("  {:6.2} s  {}", took.as_secs_f64(), line));
            }
        })?;
        print_report(&report, &fixture);
        failed += usize::from(!report.passed());
    }
    let passed = scenarios.len() - failed;
    output::print(format_args!("{passed} passed, {failed} failed"));
    Ok(failed)
}

fn print_report(report: &Report, fixture: &Fixture) {
    let outcome = if report.passed() { "passed" } else { "FAILED" };
    output::print(format_args!("{} {outcome}", report.name));
    for warning in &report.warnings {
        output::print(format_args!("  note: {warning}"));
    }
    for problem in &report.problems {
        output::print(format_args!("  {problem}"));
    }
    if !report.passed() {
        fixture.logs().keep();
        output::print(format_args!("  logs: {}", fixture.logs().path().display()));
    }
}

/// A flag that SIGINT and SIGTERM set, so that the run stops its processes.
fn interruption() -> Result<Arc<AtomicBool>, FixtureError> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&flag)).map_err(|source| {
            FixtureError::Socket {
                what: "signal handler".to_owned(),
                source,
            }
        })?;
    }
    Ok(flag)
}
