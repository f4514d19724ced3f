//! `crc-bench`: puts a relay chat network under load, checks every message, and reports
//! throughput, latency and cost.
//!
//! This file reads the command line, selects the workload, and prints the report.

#![forbid(unsafe_code)]

mod args;
mod client_pool;
mod failure;
mod flow;
mod growth;
mod meter;
mod plot;
mod presence;
mod progress;
mod report;
mod results;
mod servers;
mod usage;
mod workload;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Parser;
use crc_net::raise_descriptor_limit;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::args::{Cli, Pairs, Shape, Workload};
use crate::client_pool::Placement;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::report::Report;
use crate::servers::processors;
use crate::workload::{LoadSpec, Pattern, Settings};

/// The network violated a guarantee.
const VIOLATION: u8 = 1;
/// Nothing could be measured.
const UNUSABLE: u8 = 2;
/// A signal ended the run.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let code = match run(&cli) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Output(_)) => return ExitCode::FAILURE,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "crc-bench: {failure}");
            match failure {
                Failure::Violation(_) => VIOLATION,
                Failure::Interrupted => INTERRUPTED,
                _ => UNUSABLE,
            }
        }
    };
    ExitCode::from(code)
}

fn run(cli: &Cli) -> Result<(), Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        let watched = flag::register(signal, Arc::clone(&stop));
        watched.map_err(Failure::system("cannot handle signals"))?;
    }
    if let Some(processor) = cli.cpu {
        let what = format!("cannot use processor {processor} only");
        processors::pin(processor).map_err(Failure::system(what))?;
    }
    let hops = matches!(cli.workload, Workload::Hops { .. });
    let named = cli.network.server.len();
    let start = match (named, cli.network.start) {
        (0, Some(start)) => start,
        (0, None) if hops => 3,
        (0, None) => 1,
        _ => 0,
    };
    if cli.network.server_pid.len() > named {
        let text = "there are more processes (--server-pid) than servers (--server)";
        return Err(Failure::Unusable(text.to_owned()));
    }
    let progress = Progress::new();
    let settings = Settings {
        network: &cli.network,
        start,
        shape: cli.network.shape.unwrap_or(Shape::Line),
        bounds: cli.bounds.clone(),
        descriptors: raise_descriptor_limit(),
        stop,
        progress: &progress,
    };
    let (text, json) = match &cli.workload {
        Workload::Growth {
            out,
            clients,
            rounds,
        } => {
            let growth = growth::run(&settings, out, *clients, *rounds)?;
            (growth.text, growth.json)
        }
        workload => {
            let report = measure(&settings, workload)?;
            (report.to_string(), report.to_json())
        }
    };
    let mut out = io::stdout().lock();
    let written = match cli.json {
        true => writeln!(out, "{json}"),
        false => writeln!(out, "{text}"),
    };
    written.and_then(|()| out.flush()).map_err(Failure::Output)
}

fn measure(settings: &Settings<'_>, workload: &Workload) -> Result<Report, Failure> {
    let load = |pattern, size, placement| {
        let spec = LoadSpec {
            pattern,
            size,
            clients: 0,
            placement,
        };
        workload::load(settings, spec)
    };
    let round_robin = Placement::RoundRobin;
    Ok(match *workload {
        Workload::Stream {
            pairs: Pairs { pairs, size },
        } => results::stream(
            "stream",
            &load(Pattern::Stream { pairs }, size, round_robin)?,
        ),
        Workload::PingPong {
            pairs: Pairs { pairs, size },
        } => results::ping_pong(&load(Pattern::PingPong { pairs }, size, round_robin)?),
        Workload::FanIn { senders, size } => results::stream(
            "fan-in",
            &load(Pattern::FanIn { senders }, size, round_robin)?,
        ),
        Workload::Hops {
            pairs: Pairs { pairs, size },
        } => results::stream(
            "hops",
            &load(Pattern::Stream { pairs }, size, Placement::FirstAndLast)?,
        ),
        Workload::JoinStorm { clients } => {
            results::join_storm(&workload::join_storm(settings, clients)?)
        }
        Workload::FanOut { clients } => results::fan_out(&workload::fan_out(settings, clients)?),
        Workload::Idle { clients } => results::idle(&workload::idle(settings, clients)?),
        Workload::Growth { .. } => {
            return Err(Failure::Unusable(
                "growth is more than one measurement".to_owned(),
            ));
        }
    })
}
