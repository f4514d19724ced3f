//! Plays a scenario, step by step.
//!
//! A WAIT does not sleep: it ends when the network is at rest, however slow the
//! machine is. The last WAIT before everything is killed also waits for what the file
//! expects, for the time that the file names, scaled, and then for one more moment
//! without change, so that a message that arrives twice is seen twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::file::{Plan, Scenario, Script};
use super::legacy::LegacyNetwork;
use super::network::Network;
use super::report::{Problem, Report};
use crate::fixture::wait::{self, LONG};
use crate::fixture::{Fixture, FixtureError};

/// How scenarios are run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Also compares adjacency and how often a client of the legacy IRC printed a
    /// line, and warns of oddities in the file.
    pub strict: bool,
    /// The factor by which a WAIT may last longer than the file says.
    pub wait_scale: f64,
    /// In connectivity scenarios, never answers a server that dials.
    pub muted: bool,
    /// Uses the ports of the file instead of free ones.
    pub fixed_ports: bool,
    /// Set to interrupt the run.
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

/// The minimum bound of a WAIT at rest.
const BOUND_MIN: Duration = Duration::from_secs(2);

/// The maximum bound of a WAIT.
const BOUND_MAX: Duration = Duration::from_secs(3600);

/// How long nothing may change before the network counts as at rest.
const QUIET: Duration = Duration::from_millis(60);

/// A missing outcome is given up after this time without change. It is also the minimum
/// bound of a WAIT whose network is not at rest.
const STALL_LIMIT: Duration = LONG;

/// The servers and clients of one kind of network, on which a scenario is played.
pub(super) trait Testbed {
    /// A step.
    type Command;
    /// What the file expects of one server or client.
    type Expectation;
    /// The observable state of all servers and clients at one time.
    type Snapshot: Clone + PartialEq;

    /// How long a command may take.
    fn timing(command: &Self::Command) -> Timing;

    /// Executes a command. A WAIT does nothing here.
    fn execute(&mut self, command: &Self::Command) -> Result<(), FixtureError>;

    /// Takes a snapshot.
    fn snapshot(&mut self) -> Self::Snapshot;

    /// The snapshot without counters.
    fn without_counters(snapshot: &Self::Snapshot) -> Self::Snapshot;

    /// Whether every request has an outcome, and all members of a network agree on
    /// its members.
    fn is_at_rest(&self, snapshot: &Self::Snapshot) -> bool;

    /// How `name` differs from what the file expects; `None` if the scenario has
    /// launched no such server or client.
    fn problems(
        &self,
        name: &str,
        expectation: &Self::Expectation,
        snapshot: &Self::Snapshot,
    ) -> Option<Vec<Problem>>;

    /// The properties of an expectation that no check uses.
    fn unknown(expectation: &Self::Expectation) -> &[String];

    /// Freezes the observed state of all servers and clients, and shuts them down.
    fn kill_all(&mut self);

    /// What went wrong during the run, crashes included.
    fn failures(&self) -> Vec<String>;
}

/// How long a command may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timing {
    /// At most this long.
    Wait(Duration),
    /// It ends the scenario.
    KillAll,
    /// It takes no time.
    Immediate,
}

/// Plays `scenario` on `fixture` and returns a report. Calls `on_step` with the line
/// and the duration of each step.
///
/// # Errors
///
/// [`FixtureError::Interrupted`]. The report contains every other failure.
pub fn run(
    scenario: &Scenario,
    fixture: &Fixture,
    settings: &Settings,
    on_step: impl FnMut(&str, Duration),
) -> Result<Report, FixtureError> {
    let mut report = match &scenario.script {
        Script::Crc(plan) => {
            let testbed = Network::new(fixture, scenario.kind, settings);
            play(plan, testbed, settings, on_step)
        }
        Script::Legacy(plan) => {
            let testbed = LegacyNetwork::new(fixture, scenario.kind, settings);
            play(plan, testbed, settings, on_step)
        }
    }?;
    report.name.clone_from(&scenario.name);
    Ok(report)
}

fn play<T: Testbed>(
    plan: &Plan<T::Command, T::Expectation>,
    testbed: T,
    settings: &Settings,
    mut on_step: impl FnMut(&str, Duration),
) -> Result<Report, FixtureError> {
    let mut report = Report::default();
    let mut run = Run {
        plan,
        settings,
        testbed,
    };
    let mut reached = false;
    for (index, step) in plan.steps.iter().enumerate() {
        let began = Instant::now();
        let timing = T::timing(&step.command);
        let next = plan.steps.get(index + 1);
        let last = next.is_none_or(|next| T::timing(&next.command) == Timing::KillAll);
        if timing == Timing::KillAll && !reached {
            run.wait(BOUND_MIN, true)?;
        }
        let done = match timing {
            Timing::Wait(span) => run.wait(run.bound(span), last),
            Timing::KillAll | Timing::Immediate => run.testbed.execute(&step.command),
        };
        match done {
            Ok(()) => {}
            Err(FixtureError::Interrupted) => return Err(FixtureError::Interrupted),
            Err(error) => {
                report.problems.push(Problem::Failure(error.to_string()));
                break;
            }
        }
        reached = last && timing != Timing::Immediate;
        on_step(&step.line, began.elapsed());
    }
    if report.problems.is_empty() && !reached {
        run.wait(BOUND_MIN, true)?;
    }
    let snapshot = run.testbed.snapshot();
    if report.problems.is_empty() {
        report.problems = run.differences(&snapshot);
    }
    if settings.strict {
        report.warnings = run.warnings(&snapshot);
    }
    run.testbed.kill_all();
    let failures = run.testbed.failures();
    report
        .problems
        .extend(failures.into_iter().map(Problem::Failure));
    Ok(report)
}

struct Run<'a, T: Testbed> {
    plan: &'a Plan<T::Command, T::Expectation>,
    settings: &'a Settings,
    testbed: T,
}

impl<T: Testbed> Run<'_, T> {
    fn bound(&self, span: Duration) -> Duration {
        let seconds = span.as_secs_f64() * self.settings.wait_scale;
        Duration::try_from_secs_f64(seconds)
            .unwrap_or(BOUND_MAX)
            .clamp(BOUND_MIN, BOUND_MAX)
    }

    /// Waits until the network is at rest and, with `final_state`, as the file
    /// expects. Without rest it waits longer than `bound` if that is short.
    fn wait(&mut self, bound: Duration, final_state: bool) -> Result<(), FixtureError> {
        let began = Instant::now();
        let mut quiet = Unchanged::new();
        let mut stall = Unchanged::new();
        loop {
            if self.settings.interrupted.load(Ordering::Relaxed) {
                return Err(FixtureError::Interrupted);
            }
            let snapshot = self.testbed.snapshot();
            let as_expected = !final_state || self.differences(&snapshot).is_empty();
            let settled = self.testbed.is_at_rest(&snapshot);
            // The counters of a refused server keep changing: that is no progress.
            let stalled = stall.observe(T::without_counters(&snapshot)) >= STALL_LIMIT;
            let at_rest = quiet.observe(snapshot) >= QUIET && settled;
            let limit = if at_rest {
                bound
            } else {
                bound.max(STALL_LIMIT)
            };
            if (at_rest || stalled) && as_expected || began.elapsed() >= limit {
                return Ok(());
            }
            wait::pause(wait::TICK);
        }
    }

    /// All differences from what the file expects.
    fn differences(&self, snapshot: &T::Snapshot) -> Vec<Problem> {
        let expected = self.plan.final_state.iter();
        expected
            .filter_map(|(name, expectation)| self.testbed.problems(name, expectation, snapshot))
            .flatten()
            .collect()
    }

    fn warnings(&self, snapshot: &T::Snapshot) -> Vec<String> {
        let mut warnings = Vec::new();
        for (name, expectation) in &self.plan.final_state {
            if self.testbed.problems(name, expectation, snapshot).is_none() {
                warnings.push(format!(
                    "final_state names {name}, which was never launched"
                ));
            }
            for property in T::unknown(expectation) {
                warnings.push(format!("final_state of {name}: no check uses {property}"));
            }
        }
        warnings
    }
}

/// How long a value has been unchanged.
struct Unchanged<L> {
    last: Option<L>,
    since: Instant,
}

impl<L: PartialEq> Unchanged<L> {
    fn new() -> Unchanged<L> {
        Unchanged {
            last: None,
            since: Instant::now(),
        }
    }

    /// Takes the current value, and returns how long it has been unchanged.
    fn observe(&mut self, value: L) -> Duration {
        if self.last.as_ref() != Some(&value) {
            self.last = Some(value);
            self.since = Instant::now();
        }
        self.since.elapsed()
    }
}
