//! How long it takes until whoever is left has found each other, after a server
//! was lost: from the moment it is killed, or frozen for good, until every other
//! server and every client of theirs knows exactly who is left.

use std::fmt;
use std::time::Duration;

use super::network::Network;
use super::rng::SplitMix64;
use super::{Control, median_and_worst};
use crate::fixture::Fixture;
use crate::fixture::FixtureError;

/// What a run is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How often a server of each kind is lost; every time in a new network.
    pub trials: u32,
    /// How many servers there are.
    pub servers: u32,
    /// How many clients.
    pub clients: u32,
    /// What is done to it.
    pub loss: Loss,
    /// What chance follows from.
    pub seed: u64,
    /// How long the network may take to come to rest.
    pub rest_within: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            trials: 20,
            servers: 11,
            clients: 16,
            loss: Loss::Killed,
            seed: 1,
            rest_within: Duration::from_secs(180),
        }
    }
}

/// How a server is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Its process is killed: the system ends its connections at once.
    Killed,
    /// Its process is held for ever: its connections stay open and say nothing.
    Frozen,
}

/// Which server is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// One with servers above and below it.
    Inner,
    /// The one at the top.
    Root,
}

/// What a run came to.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// How long it took each time.
    pub times: Vec<(Place, Duration)>,
    /// What must not be.
    pub problems: Vec<String>,
}

impl Report {
    /// Whether all was as it must be.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.problems.is_empty()
    }

    /// The times for one place.
    #[must_use]
    pub fn of(&self, place: Place) -> Vec<Duration> {
        let times = self.times.iter().filter(|(at, _)| *at == place);
        times.map(|(_, took)| *took).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, name) in [(Place::Inner, "an inner server"), (Place::Root, "the root")] {
            let times = self.of(place);
            if let Some((median, worst)) = median_and_worst(&times) {
                let count = times.len();
                writeln!(
                    f,
                    "after the loss of {name}: median {median:.2?}, worst {worst:.2?} of {count} trials"
                )?;
            }
        }
        write!(f, "{} violations", self.problems.len())
    }
}

/// Loses servers, one of each kind a trial.
///
/// # Errors
///
/// [`FixtureError`] when the run could not be made; what the network did wrong is in
/// the report.
pub fn run(
    fixture: &Fixture,
    settings: &Settings,
    control: &Control,
) -> Result<Report, FixtureError> {
    let mut report = Report::default();
    let mut rng = SplitMix64::new(settings.seed);
    for trial in 1..=settings.trials {
        for place in [Place::Inner, Place::Root] {
            control.progress.show(format_args!(
                "trial {trial} of {}, {place:?}",
                settings.trials
            ));
            match heal(fixture, settings, place, &mut rng, control)? {
                Ok(took) => report.times.push((place, took)),
                Err(problem) => {
                    report
                        .problems
                        .push(format!("trial {trial}, {place:?}: {problem}"));
                    control.progress.clear();
                    return Ok(report);
                }
            }
        }
    }
    control.progress.clear();
    Ok(report)
}

fn heal(
    fixture: &Fixture,
    settings: &Settings,
    place: Place,
    rng: &mut SplitMix64,
    control: &Control,
) -> Result<Result<Duration, String>, FixtureError> {
    let mut network = Network::start(fixture, settings.servers, settings.clients, rng)?;
    if let Err(wrong) = network.rest(settings.rest_within, control)? {
        return Ok(Err(format!("before anything was done: {wrong}")));
    }
    let mut candidates = network.servers();
    candidates.retain(|&id| (id == 1) == (place == Place::Root) && network.has_children(id));
    if candidates.is_empty() {
        return Ok(Err(
            "there is no such server in so small a network".to_owned()
        ));
    }
    let lost = *rng.choose(&candidates);
    match settings.loss {
        Loss::Killed => network.kill_server(lost),
        Loss::Frozen => network.freeze_server(lost),
    }
    let rested = network.rest(settings.rest_within, control)?;
    Ok(rested
        .map(|(_, took)| took)
        .map_err(|wrong| format!("without server {lost}: {wrong}")))
}
