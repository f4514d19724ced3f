//! Measures how long a client takes to move: from the moment its server is killed, or asked
//! to leave, until another server has welcomed it under the same id and it is back in its
//! channel.

use std::fmt;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::rng::SplitMix64;
use super::{Control, median_and_worst};
use crate::fixture::wait::{self, LONG};
use crate::fixture::{Client, Fixture, FixtureError, Server};

/// How many servers a tree has: a root and its children.
const SERVERS: u32 = 3;

/// The id of the first client.
const FIRST_CLIENT: u32 = 101;

/// The channel of all clients.
const CHANNEL: &str = "#reef";

/// How long servers take to tell each other and their clients where clients reach them.
const TOLD_WITHIN: Duration = Duration::from_secs(3);

/// The settings of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The number of trials for each kind, each in a new network.
    pub trials: u32,
    /// The number of clients of the server that is lost.
    pub clients: u32,
    /// The kinds of trials.
    pub kinds: Vec<Kind>,
    /// The seed of the random choices.
    pub seed: u64,
    /// A longer median is a problem.
    pub median_max: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            trials: 20,
            clients: 8,
            kinds: Kind::ALL.to_vec(),
            seed: 1,
            median_max: Some(Duration::from_secs(2)),
        }
    }
}

/// How a server is lost, and how its clients know the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It is killed; the command line of its clients names another server.
    KilledNamed,
    /// It is killed; it has told its clients of the others.
    KilledTold,
    /// It is asked to leave, and tells its clients of the others.
    Leaves,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 3] = [Kind::KilledNamed, Kind::KilledTold, Kind::Leaves];

    const fn describe(self) -> &'static str {
        match self {
            Kind::KilledNamed => "killed, the other server is on the command line",
            Kind::KilledTold => "killed, the others are known from it",
            Kind::Leaves => "asked to leave (SIGTERM)",
        }
    }
}

/// The result of a run.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The time of each client.
    pub times: Vec<(Kind, Duration)>,
    /// The violations.
    pub problems: Vec<String>,
}

impl Report {
    /// Whether there was no violation.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.problems.is_empty()
    }

    /// The times of one kind.
    #[must_use]
    pub fn of(&self, kind: Kind) -> Vec<Duration> {
        let times = self.times.iter().filter(|(it, _)| *it == kind);
        times.map(|(_, took)| *took).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for kind in Kind::ALL {
            let times = self.of(kind);
            if let Some((median, worst)) = median_and_worst(&times) {
                let (count, what) = (times.len(), kind.describe());
                writeln!(
                    f,
                    "{what}: median {median:.2?}, worst {worst:.2?} of {count} moves"
                )?;
            }
        }
        write!(f, "{} violations", self.problems.len())
    }
}

/// Runs the trials.
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
        for kind in &settings.kinds {
            control.check()?;
            let of = settings.trials;
            control
                .progress
                .show(format_args!("trial {trial} of {of}, {kind:?}"));
            // The root in one trial, a child of it in the next.
            let lost = if trial % 2 == 0 { 1 } else { 2 };
            for moved in move_clients(fixture, settings, *kind, lost, &mut rng)? {
                match moved {
                    Ok(took) => report.times.push((*kind, took)),
                    Err(problem) => report
                        .problems
                        .push(format!("trial {trial}, {kind:?}: {problem}")),
                }
            }
            if !report.problems.is_empty() {
                control.progress.clear();
                return Ok(report);
            }
        }
    }
    control.progress.clear();
    for kind in &settings.kinds {
        let median = median_and_worst(&report.of(*kind)).map(|(median, _)| median);
        if let (Some(median), Some(max)) = (median, settings.median_max)
            && median > max
        {
            let what = kind.describe();
            let problem = format!("{what}: the median is {median:.2?}, more than {max:.2?}");
            report.problems.push(problem);
        }
    }
    Ok(report)
}

/// Starts a tree and clients of the server `lost`, and loses that. How long each client took.
fn move_clients(
    fixture: &Fixture,
    settings: &Settings,
    kind: Kind,
    lost: u32,
    rng: &mut SplitMix64,
) -> Result<Vec<Result<Duration, String>>, FixtureError> {
    let mut octet = || u8::try_from(rng.within(1, 254)).expect("it is at most 254");
    let ip = Ipv4Addr::new(127, octet(), octet(), octet());
    let mut servers: Vec<Server> = Vec::new();
    for id in 1..=SERVERS {
        // No other program takes the port of the server that is lost.
        let address = fixture.reserve_on(ip)?;
        let mut server = fixture.server(id, &format!("s{id}")).listen(address);
        if let Some(root) = servers.first() {
            server = server.uplink(root.address());
        }
        servers.push(server.start()?);
    }
    wait_all(&servers, |hosts| hosts == SERVERS as usize - 1)?;
    let place = servers.iter().position(|server| server.id() == lost);
    let mut lost = servers.remove(place.unwrap_or_default());
    let mut clients = Vec::new();
    for number in 0..settings.clients {
        let id = FIRST_CLIENT + number;
        let mut client = fixture.client(id, &format!("c{id}"), lost.address());
        if kind == Kind::KilledNamed {
            client = client.or_server(servers[number as usize % servers.len()].address());
        }
        let mut client = client.start()?;
        client.wait_welcome()?;
        client.command(&format!("/join {CHANNEL}"))?;
        clients.push(client);
    }
    for client in &clients {
        wait_for(client, "its channel", |client| entered(client, 0).is_some())?;
    }
    let all = servers.len() + clients.len();
    wait_all(&servers, |hosts| hosts == all)?;
    if kind == Kind::KilledTold {
        wait::pause(TOLD_WITHIN);
    }
    let read: Vec<usize> = clients
        .iter()
        .map(|it| it.process().lines().len())
        .collect();
    let start = Instant::now();
    match kind {
        Kind::KilledNamed | Kind::KilledTold => lost.process_mut().kill(),
        Kind::Leaves => lost.process_mut().request_shutdown(),
    }
    let mut moved: Vec<Option<Duration>> = vec![None; clients.len()];
    wait::until(LONG, || {
        for ((client, read), moved) in clients.iter().zip(&read).zip(&mut moved) {
            if moved.is_none() && is_back(client, *read) {
                *moved = Some(start.elapsed());
            }
        }
        moved.iter().all(Option::is_some).then_some(())
    });
    let moved = clients.iter().zip(moved).map(|(client, moved)| {
        moved.ok_or_else(|| format!("{} is not back: {:?}", client.name(), client.view()))
    });
    let moved: Vec<_> = moved.collect();
    if moved.iter().all(Result::is_ok) {
        // They also know each other again, wherever they are.
        let ids: Vec<u32> = clients.iter().map(Client::id).collect();
        for client in &clients {
            let mut others = ids.clone();
            others.retain(|id| *id != client.id());
            client.wait_connected(&others)?;
        }
    }
    Ok(moved)
}

/// Waits until each server knows so many other hosts.
fn wait_all(servers: &[Server], is_all: impl Fn(usize) -> bool) -> Result<(), FixtureError> {
    for server in servers {
        server.wait_state(|state| is_all(state.hosts.len()))?;
    }
    Ok(())
}

fn wait_for(
    client: &Client,
    what: &str,
    condition: impl Fn(&Client) -> bool,
) -> Result<(), FixtureError> {
    match wait::holds(LONG, || condition(client)) {
        true => Ok(()),
        false => Err(FixtureError::Late {
            name: client.name().to_owned(),
            what: what.to_owned(),
            bound: LONG,
            seen: client.process().last_log_line(),
        }),
    }
}

/// The events behind the first `read` lines.
fn events(client: &Client, read: usize) -> Vec<Value> {
    let lines = client.process().lines();
    let lines = lines.iter().skip(read);
    lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// At which of those the client is in the channel.
fn entered(client: &Client, read: usize) -> Option<usize> {
    events(client, read)
        .iter()
        .position(|event| event["event"] == "channel" && event["channel"] == CHANNEL)
}

/// Whether the client has said since then that it has moved, under its own id, and is in the
/// channel again.
fn is_back(client: &Client, read: usize) -> bool {
    let events = events(client, read);
    let moved = events.iter().position(|event| {
        event["event"] == "moved" && event["id"].as_u64() == Some(client.id().into())
    });
    let entered = entered(client, read);
    moved
        .zip(entered)
        .is_some_and(|(moved, entered)| moved < entered)
}
