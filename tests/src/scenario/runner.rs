//! Plays a scenario, step by step.
//!
//! A WAIT is no sleep here: it is the longest that the network may take to come
//! to rest, scaled so that a slow machine doesn't fail. The last WAIT before
//! everything is killed also waits for what the file expects; and then for one
//! more moment in which nothing changes, so that a message that comes twice is
//! seen twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::command::{ClientCommand, Command};
use super::file::{Scenario, Step};
use super::network::{Look, Network};
use super::report::{Problem, Report};
use crate::error::RigError;
use crate::rig::Rig;
use crate::wait;

/// How scenarios are run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Adjacency is compared too, and oddities of the file are mentioned.
    pub strict: bool,
    /// By how much longer a WAIT may last than the file says.
    pub wait_scale: f64,
    /// In connectivity scenarios nobody ever answers a server that dials.
    pub muted: bool,
    /// Ports are those of the file, not ones that the system chooses.
    pub fixed_ports: bool,
    /// Set by somebody who wants it all to end.
    pub interrupted: Arc<AtomicBool>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            strict: false,
            wait_scale: 20.0,
            muted: false,
            fixed_ports: false,
            interrupted: Arc::default(),
        }
    }
}

/// The least that a WAIT may last, however short the file says.
const BOUND_MIN: Duration = Duration::from_secs(2);

/// The most; more than anybody waits.
const BOUND_MAX: Duration = Duration::from_secs(3600);

/// How long nothing must change for the network to be at rest.
const QUIET: Duration = Duration::from_millis(60);

/// After so long without a change, an outcome that hasn't come won't.
const PATIENCE: Duration = Duration::from_secs(3);

/// Plays `scenario` on `rig` and reports how it went. `tell` is told of each
/// step.
///
/// # Errors
///
/// [`RigError::Interrupted`]. All else that goes wrong is in the report.
pub fn run(
    scenario: &Scenario,
    rig: &Rig,
    settings: &Settings,
    mut tell: impl FnMut(&Step, Duration),
) -> Result<Report, RigError> {
    let mut report = Report {
        name: scenario.name.clone(),
        ..Report::default()
    };
    let mut run = Run {
        scenario,
        settings,
        network: Network::new(rig, scenario.kind, settings),
    };
    let mut reached = false;
    for (index, step) in scenario.steps.iter().enumerate() {
        let command = &step.command;
        let began = Instant::now();
        let next = scenario.steps.get(index + 1).map(|next| &next.command);
        let last = matches!(next, None | Some(Command::KillAll));
        if *command == Command::KillAll && !reached {
            run.wait(BOUND_MIN, true)?;
        }
        match run.carry_out(command, last) {
            Ok(()) => {}
            Err(RigError::Interrupted) => return Err(RigError::Interrupted),
            Err(error) => {
                report.problems.push(Problem::Trouble(error.to_string()));
                break;
            }
        }
        reached = last && matches!(command, Command::Wait(_) | Command::KillAll);
        tell(step, began.elapsed());
    }
    if report.problems.is_empty() && !reached {
        run.wait(BOUND_MIN, true)?;
    }
    let look = run.network.look();
    if report.problems.is_empty() {
        report.problems = run.differences(&look);
    }
    if settings.strict {
        report.warnings = run.warnings(&look);
    }
    run.network.kill_all();
    let troubles = run.network.troubles();
    report
        .problems
        .extend(troubles.into_iter().map(Problem::Trouble));
    Ok(report)
}

struct Run<'a> {
    scenario: &'a Scenario,
    settings: &'a Settings,
    network: Network<'a>,
}

impl Run<'_> {
    fn carry_out(&mut self, command: &Command, last: bool) -> Result<(), RigError> {
        match command {
            Command::LaunchServer(launch) => self.network.launch_server(launch)?,
            Command::LaunchClient(launch) => self.network.launch_client(launch)?,
            Command::ClientCommand { name, command } => match command {
                ClientCommand::Message { to, text } => self.network.say(name, *to, text),
                ClientCommand::Quit { text } => self.network.quit(name, text),
            },
            Command::Wait(span) => self.wait(self.bound(*span), last)?,
            Command::Kill(name) => self.network.kill(name),
            Command::KillAll => self.network.kill_all(),
        }
        Ok(())
    }

    fn bound(&self, span: Duration) -> Duration {
        let seconds = span.as_secs_f64() * self.settings.wait_scale;
        Duration::try_from_secs_f64(seconds)
            .unwrap_or(BOUND_MAX)
            .clamp(BOUND_MIN, BOUND_MAX)
    }

    /// Waits until the network is at rest and, in the end, as the file expects.
    fn wait(&mut self, bound: Duration, in_the_end: bool) -> Result<(), RigError> {
        let deadline = Instant::now() + bound;
        let mut quiet = Unchanged::new();
        let mut patience = Unchanged::new();
        loop {
            if self.settings.interrupted.load(Ordering::Relaxed) {
                return Err(RigError::Interrupted);
            }
            let look = self.network.look();
            let as_expected = !in_the_end || self.differences(&look).is_empty();
            let settled = self.network.is_at_rest(&look);
            // Who is refused tries again and again: that counts, and is no change.
            let outlasted = patience.since(look.without_counters()) >= PATIENCE;
            let at_rest = quiet.since(look) >= QUIET && settled;
            if (at_rest || outlasted) && as_expected || Instant::now() >= deadline {
                return Ok(());
            }
            wait::pause(wait::TICK);
        }
    }

    /// All that the file expects and that isn't so.
    fn differences(&self, look: &Look) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (name, expectation) in &self.scenario.final_state {
            if let Some(observed) = self.network.observed(name, look) {
                problems.extend(expectation.problems(
                    name,
                    &observed,
                    self.scenario.kind,
                    self.settings.strict,
                ));
            }
        }
        problems
    }

    fn warnings(&self, look: &Look) -> Vec<String> {
        let mut warnings = Vec::new();
        for (name, expectation) in &self.scenario.final_state {
            if self.network.observed(name, look).is_none() {
                warnings.push(format!(
                    "final_state names {name}, which was never launched"
                ));
            }
            for property in &expectation.unknown {
                warnings.push(format!(
                    "final_state of {name}: nothing looks at {property}"
                ));
            }
        }
        warnings
    }
}

/// For how long looks have been the same.
struct Unchanged {
    last: Option<Look>,
    since: Instant,
}

impl Unchanged {
    fn new() -> Unchanged {
        Unchanged {
            last: None,
            since: Instant::now(),
        }
    }

    /// For how long this look has been the look.
    fn since(&mut self, look: Look) -> Duration {
        if self.last.as_ref() != Some(&look) {
            self.last = Some(look);
            self.since = Instant::now();
        }
        self.since.elapsed()
    }
}
