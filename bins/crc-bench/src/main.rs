//! `crc-bench`: puts a relay chat network under load, and says what it came to.
//!
//! Reads the command line and prints; what is done is known in the modules.

#![forbid(unsafe_code)]

mod args;
mod failure;
mod fleet;
mod flow;
mod growth;
mod meter;
mod plot;
mod presence;
mod progress;
mod report;
mod servers;
mod usage;
mod words;
mod workload;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::args::{Cli, Pairs, Shape, Workload};
use crate::failure::Failure;
use crate::fleet::Placement;
use crate::progress::Progress;
use crate::report::Report;
use crate::servers::processors;
use crate::workload::{Crowd, Setting, Talk};

/// A message was lost, doubled or swapped.
const BROKEN: u8 = 1;
/// There are no figures.
const UNUSABLE: u8 = 2;
/// Somebody has stopped it.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let code = match run(&cli) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Output(_)) => return ExitCode::FAILURE,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "crc-bench: {failure}");
            match failure {
                Failure::Broken(_) => BROKEN,
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
        watched.map_err(Failure::system("signals can't be watched"))?;
    }
    if let Some(processor) = cli.cpu {
        let what = format!("cannot stay on processor {processor}");
        processors::stay_on(processor).map_err(Failure::system(what))?;
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
        let words = "there are more processes (--server-pid) than servers (--server)";
        return Err(Failure::Demand(words.to_owned()));
    }
    let progress = Progress::new();
    let setting = Setting {
        network: &cli.network,
        start,
        shape: cli.network.shape.unwrap_or(Shape::Line),
        bounds: cli.bounds.clone(),
        descriptors: raise_descriptors(),
        stop,
        progress: &progress,
    };
    let (text, json) = match &cli.workload {
        Workload::Growth {
            out,
            clients,
            rounds,
        } => {
            let growth = growth::run(&setting, out, *clients, *rounds)?;
            (growth.text, growth.json)
        }
        workload => {
            let report = measure(&setting, workload)?;
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

fn measure(setting: &Setting<'_>, workload: &Workload) -> Result<Report, Failure> {
    let load = |talk, size, placement| {
        let crowd = Crowd {
            talk,
            size,
            clients: 0,
            placement,
        };
        workload::load(setting, crowd)
    };
    let dealt = Placement::Dealt;
    Ok(match *workload {
        Workload::Stream {
            pairs: Pairs { pairs, size },
        } => words::stream("stream", &load(Talk::Stream { pairs }, size, dealt)?),
        Workload::PingPong {
            pairs: Pairs { pairs, size },
        } => words::ping_pong(&load(Talk::PingPong { pairs }, size, dealt)?),
        Workload::FanIn { senders, size } => {
            words::stream("fan-in", &load(Talk::FanIn { senders }, size, dealt)?)
        }
        Workload::Hops {
            pairs: Pairs { pairs, size },
        } => words::stream(
            "hops",
            &load(Talk::Stream { pairs }, size, Placement::Endpoints)?,
        ),
        Workload::JoinStorm { clients } => {
            words::join_storm(&workload::join_storm(setting, clients)?)
        }
        Workload::FanOut { clients } => words::fan_out(&workload::fan_out(setting, clients)?),
        Workload::Idle { clients } => words::idle(&workload::idle(setting, clients)?),
        Workload::Growth { .. } => {
            return Err(Failure::Demand("growth is not one measurement".to_owned()));
        }
    })
}

/// Raises the limit of descriptors as far as it goes, and returns it.
fn raise_descriptors() -> usize {
    let before = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: before.maximum,
        maximum: before.maximum,
    };
    let limit = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => raised.current,
        Err(_) => before.current,
    };
    limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    })
}
