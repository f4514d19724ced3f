//! Many hostile connections to one server, in rounds. Between two rounds all of them
//! are closed: the server must have forgotten them, and must use no more memory than
//! after the first rounds.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::Control;
use super::attack::{self, Attack, Outcome};
use super::client_pair::{self, ClientPair, Served};
use super::rng::SplitMix64;
use crate::fixture::{Fixture, FixtureError, Server, wait};

/// The settings of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The number of connections.
    pub connections: u64,
    /// The maximum number per second; 0 for no limit.
    pub rate: u64,
    /// The number of concurrent workers.
    pub workers: u64,
    /// The time limit.
    pub within: Duration,
    /// The number of bytes by which the server may grow from the last warm-up round to
    /// the last round.
    pub growth_max: i64,
    /// Do not configure the allocator. Otherwise it returns large blocks to the system
    /// at once, so that the run measures the memory that the server holds, not what
    /// the allocator keeps.
    pub plain_allocator: bool,
    /// The seed of the attacks.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            connections: 1_000_000,
            rate: 0,
            workers: 8,
            within: Duration::from_secs(3600),
            growth_max: 4 << 20,
            plain_allocator: false,
            seed: 1,
        }
    }
}

/// The number of rounds.
const ROUNDS: u64 = 20;
/// The number of warm-up rounds, in which the server may grow.
const WARM_ROUNDS: usize = 5;
/// The settings with which the GNU allocator returns large blocks to the system.
const ALLOCATOR_SETTINGS: [(&str, &str); 2] = [
    ("MALLOC_MMAP_THRESHOLD_", "65536"),
    ("MALLOC_TRIM_THRESHOLD_", "131072"),
];
/// The maximum number of open connections of one worker.
const OPEN_MAX: usize = 50;

/// The server between two rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// The number of hostile connections so far.
    pub connections: u64,
    /// Its resident memory.
    pub resident_bytes: u64,
    /// Its peak memory in the last round.
    pub peak_bytes: u64,
    /// Its open descriptors.
    pub descriptors: usize,
}

/// The result of a run.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The number of hostile connections, by attack.
    pub connections: BTreeMap<Attack, u64>,
    /// The duration.
    pub took: Duration,
    /// The server between the rounds.
    pub samples: Vec<Sample>,
    /// The server's processor time.
    pub processor_time: Duration,
    /// How the server served the two regular clients.
    pub served: Served,
    /// The violations.
    pub problems: Vec<String>,
}

impl Report {
    /// Whether there was no violation.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.problems.is_empty()
    }

    /// The growth of the server since the warm-up.
    #[must_use]
    pub fn growth_bytes(&self) -> Option<i64> {
        let warm = self.samples.get(WARM_ROUNDS - 1)?.resident_bytes;
        let last = self.samples.last()?.resident_bytes;
        Some(last.cast_signed() - warm.cast_signed())
    }

    /// The peak memory during and after the warm-up.
    #[must_use]
    pub fn peaks(&self) -> (u64, u64) {
        let (early, late) = self.samples.split_at(WARM_ROUNDS.min(self.samples.len()));
        let peak = |samples: &[Sample]| {
            let peaks = samples.iter().map(|sample| sample.peak_bytes);
            peaks.max().unwrap_or(0)
        };
        (peak(early), peak(late))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total: u64 = self.connections.values().sum();
        let seconds = self.took.as_secs_f64();
        writeln!(
            f,
            "{total} hostile connections in {seconds:.1} s, {:.0} per second; \
             the server used {:.1} s of processor time",
            total as f64 / seconds,
            self.processor_time.as_secs_f64()
        )?;
        let by_kind = self.connections.iter();
        let by_kind: Vec<String> = by_kind
            .map(|(attack, n)| format!("{attack:?} {n}"))
            .collect();
        writeln!(f, "  {}", by_kind.join(", "))?;
        writeln!(
            f,
            "resident memory in KiB, with all of them closed, and at its peak:"
        )?;
        writeln!(f, "connections     at rest        peak  descriptors")?;
        for sample in &self.samples {
            writeln!(
                f,
                "{:11}  {:10}  {:10}  {:11}",
                sample.connections,
                sample.resident_bytes / 1024,
                sample.peak_bytes / 1024,
                sample.descriptors
            )?;
        }
        if let Some(growth) = self.growth_bytes() {
            let kibibytes = growth / 1024;
            writeln!(f, "growth at rest since the warm-up: {kibibytes} KiB")?;
        }
        write!(
            f,
            "the regular clients: {} chats, median {:.2?}, 99th percentile {:.2?}, worst {:.2?}",
            self.served.chats, self.served.median, self.served.p99, self.served.worst
        )
    }
}

/// Starts a server and attacks it.
///
/// # Errors
///
/// [`FixtureError`] when the run could not be made. The report contains violations.
pub fn run(
    fixture: &Fixture,
    settings: &Settings,
    control: &Control,
) -> Result<Report, FixtureError> {
    // Without -qq the server logs a line for each connection.
    let mut server = fixture.server(1, "target").arg("-qq");
    if !settings.plain_allocator {
        for (name, value) in ALLOCATOR_SETTINGS {
            server = server.environment(name, value);
        }
    }
    let server = server.start()?;
    let socket = |what: &str| {
        let what = what.to_owned();
        move |source| FixtureError::Socket { what, source }
    };
    let pair = ClientPair::start(server.address()).map_err(socket("a regular client"))?;
    let began = Instant::now();
    let mut report = Report::default();
    let attackers = Attackers::new(server.address(), settings, control);
    for round in 0..ROUNDS {
        let peak_bytes = attackers.run_round(round, &server);
        control.check()?;
        match rest(&server, control)? {
            Ok(sample) => report.samples.push(Sample {
                connections: attackers.made(),
                peak_bytes,
                ..sample
            }),
            Err(problem) => report.problems.push(problem),
        }
        if !pair.is_chatting() || !report.problems.is_empty() {
            break;
        }
        if began.elapsed() >= settings.within {
            report.problems.push(format!(
                "only {} connections within {:?}",
                attackers.made(),
                settings.within
            ));
            break;
        }
    }
    control.progress.clear();
    report.took = began.elapsed();
    report.connections = attackers.by_attack();
    report.problems.extend(attackers.problems());
    match pair.stop() {
        Ok(served) => report.served = served,
        Err(problem) => report
            .problems
            .push(format!("the regular clients: {problem}")),
    }
    let usage = server
        .process()
        .usage()
        .map_err(socket("usage of the server"))?;
    report.processor_time = usage.processor_time;
    report.problems.extend(grown(&report, settings));
    if server.process().log().contains("panicked") {
        report.problems.push("the server has panicked".to_owned());
    }
    Ok(report)
}

/// The violation if the server has grown. A plain allocator keeps about the peak
/// memory at rest, so then the peak must not grow.
fn grown(report: &Report, settings: &Settings) -> Option<String> {
    if settings.plain_allocator {
        let (early, late) = report.peaks();
        let more = late > early + early / 4;
        return more
            .then(|| format!("peak memory grew from {early} to {late} bytes after the warm-up"));
    }
    let growth = report.growth_bytes()?;
    let more = growth > settings.growth_max;
    more.then(|| format!("memory grew by {growth} bytes after the warm-up"))
}

/// Waits until the server has forgotten all attackers, and takes a sample.
fn rest(server: &Server, control: &Control) -> Result<Result<Sample, String>, FixtureError> {
    let mut last = String::new();
    let rested = wait::holds(wait::LONG, || match server.state() {
        _ if control.check().is_err() => true,
        Ok(state) => {
            last = format!(
                "unregistered_links={} hosts={} links={}",
                state.unregistered_links,
                state.hosts.len(),
                state.links.len()
            );
            let forgotten =
                state.unregistered_links == 0 && state.links.len() == client_pair::IDS.len();
            forgotten && state.host_ids() == client_pair::IDS
        }
        Err(error) => {
            last = error.to_string();
            false
        }
    });
    control.check()?;
    if !rested {
        return Ok(Err(format!("with all attackers closed: {last}")));
    }
    let usage = server.process().usage();
    Ok(usage
        .map(|usage| Sample {
            connections: 0,
            peak_bytes: 0,
            resident_bytes: usage.resident_bytes,
            descriptors: usage.descriptors,
        })
        .map_err(|error| format!("cannot read the usage of the server: {error}")))
}

/// The attackers, and the outcomes of their connections.
struct Attackers<'a> {
    server: SocketAddr,
    settings: &'a Settings,
    control: &'a Control,
    began: Instant,
    counts: [AtomicU64; Attack::ALL.len()],
    not_closed: [AtomicU64; Attack::ALL.len()],
    not_connected: AtomicU64,
}

impl<'a> Attackers<'a> {
    fn new(server: SocketAddr, settings: &'a Settings, control: &'a Control) -> Self {
        Attackers {
            server,
            settings,
            control,
            began: Instant::now(),
            counts: Default::default(),
            not_closed: Default::default(),
            not_connected: AtomicU64::new(0),
        }
    }

    fn made(&self) -> u64 {
        self.counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .sum()
    }

    fn by_attack(&self) -> BTreeMap<Attack, u64> {
        let counts = self
            .counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        Attack::ALL.into_iter().zip(counts).collect()
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (attack, count) in Attack::ALL.into_iter().zip(&self.not_closed) {
            let count = count.load(Ordering::Relaxed);
            if count > 0 {
                problems.push(format!(
                    "the server did not close {count} connections of the attack {attack:?}"
                ));
            }
        }
        let count = self.not_connected.load(Ordering::Relaxed);
        if count > 0 {
            problems.push(format!("{count} connection attempts failed"));
        }
        problems
    }

    /// Runs one round and returns the peak memory of the server.
    fn run_round(&self, round: u64, server: &Server) -> u64 {
        let end = self.settings.connections * (round + 1) / ROUNDS;
        let mut peak = 0;
        thread::scope(|scope| {
            let workers: Vec<_> = (0..self.settings.workers.max(1))
                .map(|worker| {
                    let seed = self.settings.seed ^ (round << 32) ^ (worker << 48);
                    scope.spawn(move || self.work(end, SplitMix64::new(seed)))
                })
                .collect();
            wait::holds(self.settings.within, || {
                let usage = server.process().usage();
                peak = peak.max(usage.map_or(0, |usage| usage.resident_bytes));
                let (made, all) = (self.made(), self.settings.connections);
                let mebibytes = peak >> 20;
                self.control
                    .progress
                    .show(format_args!("{made} of {all} connections, {mebibytes} MiB"));
                workers.iter().all(thread::ScopedJoinHandle::is_finished)
            });
        });
        peak
    }

    /// Makes connections until all workers have made `end`.
    fn work(&self, end: u64, mut rng: SplitMix64) {
        let mut open: Vec<TcpStream> = Vec::new();
        let late = || self.began.elapsed() >= self.settings.within;
        while self.made() < end && self.control.check().is_ok() && !late() {
            if self.settings.rate > 0 {
                let due = self.made() as f64 / self.settings.rate as f64;
                let early = due - self.began.elapsed().as_secs_f64();
                if early > 0.0 {
                    wait::pause(Duration::from_secs_f64(early.min(0.1)));
                    continue;
                }
            }
            let attack = *rng.choose(&Attack::ALL);
            match attack::attack(self.server, attack, &mut rng) {
                Ok(outcome) => {
                    self.counts[attack as usize].fetch_add(1, Ordering::Relaxed);
                    match outcome {
                        Outcome::Closed => {}
                        Outcome::Open(stream) => open.push(stream),
                        Outcome::NotClosed => {
                            self.not_closed[attack as usize].fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
                Err(_) => {
                    self.not_connected.fetch_add(1, Ordering::Relaxed);
                    // The server or the system has no descriptors left. Retry slowly.
                    wait::pause(Duration::from_millis(50));
                }
            }
            if open.len() > OPEN_MAX {
                let closing = rng.below(open.len() as u64);
                open.swap_remove(usize::try_from(closing).unwrap_or(0));
            }
        }
    }
}
