//! Measures how long a network takes to heal after the loss of a server: from the
//! moment the server is killed or frozen until every other server and its clients
//! know exactly the hosts that are left.

use std::fmt;
use std::time::Duration;

use super::network::Network;
use super::rng::SplitMix64;
use super::{Control, median_and_worst};
use crate::fixture::{Fixture, FixtureError};

/// The settings of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The number of trials for each place, each in a new network.
    pub trials: u32,
    /// The number of servers.
    pub servers: u32,
    /// The number of clients.
    pub clients: u32,
    /// How the server is lost.
    pub loss: Loss,
    /// The seed of the random choices.
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
    /// Its process is killed: the system closes its connections at once.
    Killed,
    /// Its process is suspended for good: its connections stay open and send nothing.
    Frozen,
}

/// Which server is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A server with an uplink and children.
    Inner,
    /// The root.
    Root,
}

/// The result of a run.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The healing time of each trial.
    pub times: Vec<(Place, Duration)>,
    /// The violations.
    pub problems: Vec<String>,
}

impl Report {
    /// Whether there was no violation.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.problems.is_empty()
    }

    /// The healing times for one place.
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

/// Runs the trials, one loss for each place.
///
/// # Errors
///
/// [`FixtureError`] when the run could not be made. The report contains violations.
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
    if let Err(violation) = network.wait_rest(settings.rest_within, control)? {
        return Ok(Err(format!("before the loss: {violation}")));
    }
    let mut candidates = network.servers();
    candidates.retain(|&id| (id == 1) == (place == Place::Root) && network.has_children(id));
    if candidates.is_empty() {
        return Ok(Err("the network is too small for such a server".to_owned()));
    }
    let lost = *rng.choose(&candidates);
    match settings.loss {
        Loss::Killed => network.kill_server(lost),
        Loss::Frozen => network.freeze_server(lost),
    }
    let rested = network.wait_rest(settings.rest_within, control)?;
    Ok(rested
        .map(|(_, took)| took)
        .map_err(|violation| format!("without server {lost}: {violation}")))
}
