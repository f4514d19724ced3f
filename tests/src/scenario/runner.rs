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

use super::file::{Plot, Scenario, Script};
use super::legacy::LegacyNetwork;
use super::network::Network;
use super::report::{Problem, Report};
use crate::fixture::Fixture;
use crate::fixture::FixtureError;
use crate::fixture::wait;

/// How scenarios are run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Adjacency is compared too, and how often a client of IRC was shown
    /// something; oddities of the file are mentioned.
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

/// What a scenario is played on: servers and clients of one kind of network.
pub(super) trait Stage {
    /// What is done in one step.
    type Command;
    /// What must hold of one server or client.
    type Expectation;
    /// What can be seen of everything at one moment.
    type Look: Clone + PartialEq;

    /// How much time a command takes.
    fn pace(command: &Self::Command) -> Pace;

    /// Does what a command says. One that only waits does nothing.
    fn carry_out(&mut self, command: &Self::Command) -> Result<(), FixtureError>;

    /// Looks at everything.
    fn look(&mut self) -> Self::Look;

    /// The same but for what is only counted.
    fn without_counters(look: &Self::Look) -> Self::Look;

    /// Whether everything that was asked for has come to an outcome, and all
    /// that know of each other agree on who is there.
    fn is_at_rest(&self, look: &Self::Look) -> bool;

    /// All that is expected of `name` and isn't so; `None` if there is none of
    /// that name.
    fn problems(
        &self,
        name: &str,
        expectation: &Self::Expectation,
        look: &Self::Look,
    ) -> Option<Vec<Problem>>;

    /// What an expectation says that nothing looks at.
    fn unknown(expectation: &Self::Expectation) -> &[String];

    /// Fixes what counts of everything, and ends it.
    fn kill_all(&mut self);

    /// What went wrong on the way, crashes included.
    fn troubles(&self) -> Vec<String>;
}

/// How much time a command takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// At most that.
    Wait(Duration),
    /// The last that there is.
    KillAll,
    /// None.
    AtOnce,
}

/// Plays `scenario` on `fixture` and reports how it went. `tell` is told of each
/// step, and how long it took.
///
/// # Errors
///
/// [`FixtureError::Interrupted`]. All else that goes wrong is in the report.
pub fn run(
    scenario: &Scenario,
    fixture: &Fixture,
    settings: &Settings,
    tell: impl FnMut(&str, Duration),
) -> Result<Report, FixtureError> {
    let mut report = match &scenario.script {
        Script::Crc(plot) => {
            let stage = Network::new(fixture, scenario.kind, settings);
            play(plot, stage, settings, tell)
        }
        Script::Legacy(plot) => {
            let stage = LegacyNetwork::new(fixture, scenario.kind, settings);
            play(plot, stage, settings, tell)
        }
    }?;
    report.name.clone_from(&scenario.name);
    Ok(report)
}

fn play<S: Stage>(
    plot: &Plot<S::Command, S::Expectation>,
    stage: S,
    settings: &Settings,
    mut tell: impl FnMut(&str, Duration),
) -> Result<Report, FixtureError> {
    let mut report = Report::default();
    let mut run = Run {
        plot,
        settings,
        stage,
    };
    let mut reached = false;
    for (index, step) in plot.steps.iter().enumerate() {
        let began = Instant::now();
        let pace = S::pace(&step.command);
        let next = plot.steps.get(index + 1);
        let last = next.is_none_or(|next| S::pace(&next.command) == Pace::KillAll);
        if pace == Pace::KillAll && !reached {
            run.wait(BOUND_MIN, true)?;
        }
        let done = match pace {
            Pace::Wait(span) => run.wait(run.bound(span), last),
            Pace::KillAll | Pace::AtOnce => run.stage.carry_out(&step.command),
        };
        match done {
            Ok(()) => {}
            Err(FixtureError::Interrupted) => return Err(FixtureError::Interrupted),
            Err(error) => {
                report.problems.push(Problem::Trouble(error.to_string()));
                break;
            }
        }
        reached = last && pace != Pace::AtOnce;
        tell(&step.line, began.elapsed());
    }
    if report.problems.is_empty() && !reached {
        run.wait(BOUND_MIN, true)?;
    }
    let look = run.stage.look();
    if report.problems.is_empty() {
        report.problems = run.differences(&look);
    }
    if settings.strict {
        report.warnings = run.warnings(&look);
    }
    run.stage.kill_all();
    let troubles = run.stage.troubles();
    report
        .problems
        .extend(troubles.into_iter().map(Problem::Trouble));
    Ok(report)
}

struct Run<'a, S: Stage> {
    plot: &'a Plot<S::Command, S::Expectation>,
    settings: &'a Settings,
    stage: S,
}

impl<S: Stage> Run<'_, S> {
    fn bound(&self, span: Duration) -> Duration {
        let seconds = span.as_secs_f64() * self.settings.wait_scale;
        Duration::try_from_secs_f64(seconds)
            .unwrap_or(BOUND_MAX)
            .clamp(BOUND_MIN, BOUND_MAX)
    }

    /// Waits until the network is at rest and, in the end, as the file expects.
    fn wait(&mut self, bound: Duration, in_the_end: bool) -> Result<(), FixtureError> {
        let deadline = Instant::now() + bound;
        let mut quiet = Unchanged::new();
        let mut patience = Unchanged::new();
        loop {
            if self.settings.interrupted.load(Ordering::Relaxed) {
                return Err(FixtureError::Interrupted);
            }
            let look = self.stage.look();
            let as_expected = !in_the_end || self.differences(&look).is_empty();
            let settled = self.stage.is_at_rest(&look);
            // Who is refused tries again and again: that counts, and is no change.
            let outlasted = patience.since(S::without_counters(&look)) >= PATIENCE;
            let at_rest = quiet.since(look) >= QUIET && settled;
            if (at_rest || outlasted) && as_expected || Instant::now() >= deadline {
                return Ok(());
            }
            wait::pause(wait::TICK);
        }
    }

    /// All that the file expects and that isn't so.
    fn differences(&self, look: &S::Look) -> Vec<Problem> {
        let expected = self.plot.final_state.iter();
        expected
            .filter_map(|(name, expectation)| self.stage.problems(name, expectation, look))
            .flatten()
            .collect()
    }

    fn warnings(&self, look: &S::Look) -> Vec<String> {
        let mut warnings = Vec::new();
        for (name, expectation) in &self.plot.final_state {
            if self.stage.problems(name, expectation, look).is_none() {
                warnings.push(format!(
                    "final_state names {name}, which was never launched"
                ));
            }
            for property in S::unknown(expectation) {
                warnings.push(format!(
                    "final_state of {name}: nothing looks at {property}"
                ));
            }
        }
        warnings
    }
}

/// For how long looks have been the same.
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

    /// For how long this look has been the look.
    fn since(&mut self, look: L) -> Duration {
        if self.last.as_ref() != Some(&look) {
            self.last = Some(look);
            self.since = Instant::now();
        }
        self.since.elapsed()
    }
}
