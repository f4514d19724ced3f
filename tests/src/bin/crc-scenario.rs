//! Runs scenario files against the real servers and clients.
//!
//! Reads the command line, runs one file after the other, and says how it went;
//! everything else is the library's.

#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::Parser;
use crc_e2e::fixture::{Binaries, Fixture, FixtureError, LogDir, output};
use crc_e2e::scenario::{Report, Scenario, ScenarioError, Settings, run};

/// Run scenario files against the real servers and clients
///
/// Each FILE launches servers and clients, lets the clients talk and quit, and
/// says what everybody must know in the end. All runs on the loopback. Files of
/// the legacy IRC, whose nodes have names and no ids, are run as well.
#[derive(Debug, Parser)]
#[command(name = "crc-scenario", version)]
struct Arguments {
    /// The files to run
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Compare adjacent_user_ids and adjacent_server_ids too, and how often a client of IRC was shown something; mention what nothing looks at
    #[arg(long)]
    strict: bool,
    /// How many times longer a WAIT may last than it says; a scenario that passes rarely takes that long
    #[arg(long, value_name = "FACTOR", default_value_t = 20.0, value_parser = scale)]
    wait_scale: f64,
    /// In network_connectivity files, never answer a server that dials, as the original tests do
    #[arg(long)]
    muted: bool,
    /// Use the ports that stand in the files, not free ones in their place
    #[arg(long)]
    fixed_ports: bool,
    /// Where crc-server and crc-client are [default: beside this program]
    #[arg(long, value_name = "DIR")]
    bin_dir: Option<PathBuf>,
    /// Where the processes' logs go [default: a temporary folder, kept when something failed]
    #[arg(long, value_name = "DIR")]
    log_dir: Option<PathBuf>,
    /// Say each step and how long it took
    #[arg(short, long)]
    verbose: bool,
}

fn scale(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(factor) if (0.0..=1e6).contains(&factor) => Ok(factor),
        _ => Err("it must be a number from 0 to 1000000".to_owned()),
    }
}

/// A scenario has failed.
const FAILED: u8 = 1;
/// Nothing was run: something about the command line or a file is wrong.
const UNUSABLE: u8 = 2;
/// Somebody has stopped it.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let read = arguments.files.iter().map(|file| Scenario::read(file));
    let (scenarios, errors): (Vec<_>, Vec<_>) = read.partition(Result::is_ok);
    if !errors.is_empty() {
        for error in errors.into_iter().filter_map(Result::err) {
            output::print_error(format_args!("error: {error}"));
        }
        return UNUSABLE.into();
    }
    let scenarios: Vec<Scenario> = scenarios
        .into_iter()
        .filter_map(Result::<_, ScenarioError>::ok)
        .collect();
    match run_all(&arguments, &scenarios) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => FAILED.into(),
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

/// Runs the scenarios and returns how many have failed.
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
        tell(&report, &fixture);
        failed += usize::from(!report.passed());
    }
    let passed = scenarios.len() - failed;
    output::print(format_args!("{passed} passed, {failed} failed"));
    Ok(failed)
}

fn tell(report: &Report, fixture: &Fixture) {
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
        output::print(format_args!(
            "  the logs are in {}",
            fixture.logs().path().display()
        ));
    }
}

/// A flag that SIGINT and SIGTERM set, so that what was started is stopped.
fn interruption() -> Result<Arc<AtomicBool>, FixtureError> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&flag)).map_err(|source| {
            FixtureError::Socket {
                what: "signals can't be watched".to_owned(),
                source,
            }
        })?;
    }
    Ok(flag)
}
