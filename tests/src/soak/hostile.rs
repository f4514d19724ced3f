//! Many hostile connections against one server, in rounds. Between two rounds
//! all of them are gone: then nothing of them may be left, and the server must
//! be as small as it was after the first.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::Control;
use super::good::{self, GoodPair, Served};
use super::rng::SplitMix64;
use super::stranger::{self, Malice, Outcome};
use crate::fixture::Fixture;
use crate::fixture::FixtureError;
use crate::fixture::Server;
use crate::fixture::wait;

/// What a run is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How many connections are made in all.
    pub connections: u64,
    /// At most so many in a second; 0 for as many as go.
    pub rate: u64,
    /// How many are made at the same time.
    pub workers: u64,
    /// How long all may take.
    pub within: Duration,
    /// By how many bytes the server may be larger after the last round than it
    /// was when warm.
    pub growth_max: i64,
    /// Leave the system's allocator as it is. Otherwise it is told to give large
    /// blocks back at once, so that what is measured is what the server holds
    /// and not what the allocator keeps for later.
    pub plain_allocator: bool,
    /// What the faults follow from.
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

/// How many rounds there are.
const ROUNDS: u64 = 20;
/// How many rounds the server has to reach its size.
const WARM_ROUNDS: usize = 5;
/// What tells the allocator of the GNU system to give large blocks back.
const GIVING_BACK: [(&str, &str); 2] = [
    ("MALLOC_MMAP_THRESHOLD_", "65536"),
    ("MALLOC_TRIM_THRESHOLD_", "131072"),
];
/// How many connections of one worker stay open.
const STAYING_MAX: usize = 50;

/// The server as it was between two rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// How many hostile connections there had been.
    pub connections: u64,
    /// Its memory.
    pub resident_bytes: u64,
    /// The most that was seen in the round before.
    pub peak_bytes: u64,
    /// Its descriptors.
    pub descriptors: usize,
}

/// What a run came to.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// How many hostile connections there were, by what they did.
    pub connections: BTreeMap<Malice, u64>,
    /// How long it took.
    pub took: Duration,
    /// The server between the rounds.
    pub samples: Vec<Sample>,
    /// The server's processor time.
    pub processor_time: Duration,
    /// How the good clients were served.
    pub served: Served,
    /// What must not be.
    pub problems: Vec<String>,
}

impl Report {
    /// Whether all was as it must be.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.problems.is_empty()
    }

    /// By how much the server has grown since it was warm.
    #[must_use]
    pub fn growth_bytes(&self) -> Option<i64> {
        let warm = self.samples.get(WARM_ROUNDS - 1)?.resident_bytes;
        let last = self.samples.last()?.resident_bytes;
        Some(last.cast_signed() - warm.cast_signed())
    }

    /// The most memory that was seen until the server was warm, and later.
    #[must_use]
    pub fn peaks(&self) -> (u64, u64) {
        let (early, late) = self.samples.split_at(WARM_ROUNDS.min(self.samples.len()));
        let most = |samples: &[Sample]| {
            let peaks = samples.iter().map(|sample| sample.peak_bytes);
            peaks.max().unwrap_or(0)
        };
        (most(early), most(late))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total: u64 = self.connections.values().sum();
        let seconds = self.took.as_secs_f64();
        writeln!(
            f,
            "{total} hostile connections in {seconds:.1} s, {:.0} a second; \
             the server used {:.1} s of processor time",
            total as f64 / seconds,
            self.processor_time.as_secs_f64()
        )?;
        let by_kind = self.connections.iter();
        let by_kind: Vec<String> = by_kind
            .map(|(malice, n)| format!("{malice:?} {n}"))
            .collect();
        writeln!(f, "  {}", by_kind.join(", "))?;
        writeln!(
            f,
            "KiB resident when all of them are gone, and at most before:"
        )?;
        writeln!(f, "connections     at rest     at most  descriptors")?;
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
            writeln!(f, "growth at rest since a quarter of them: {kibibytes} KiB")?;
        }
        write!(
            f,
            "the good clients: {} chats, median {:.2?}, 99 of 100 within {:.2?}, worst {:.2?}",
            self.served.chats, self.served.median, self.served.hundredth, self.served.worst
        )
    }
}

/// Starts a server and lets the hostile ones loose on it.
///
/// # Errors
///
/// [`FixtureError`] when the run could not be made; what the server did wrong is in
/// the report.
pub fn run(
    fixture: &Fixture,
    settings: &Settings,
    control: &Control,
) -> Result<Report, FixtureError> {
    // A line a connection would be all the disk takes.
    let mut server = fixture.server(1, "target").arg("-qq");
    if !settings.plain_allocator {
        for (name, value) in GIVING_BACK {
            server = server.environment(name, value);
        }
    }
    let server = server.start()?;
    let socket = |what: &str| {
        let what = what.to_owned();
        move |source| FixtureError::Socket { what, source }
    };
    let pair = GoodPair::start(server.address()).map_err(socket("a good client"))?;
    let began = Instant::now();
    let mut report = Report::default();
    let crowd = Crowd::new(server.address(), settings, control);
    for round in 0..ROUNDS {
        let peak_bytes = crowd.storm(round, &server);
        control.check()?;
        match rest(&server, control)? {
            Ok(sample) => report.samples.push(Sample {
                connections: crowd.made(),
                peak_bytes,
                ..sample
            }),
            Err(problem) => report.problems.push(problem),
        }
        if !pair.is_well() || !report.problems.is_empty() {
            break;
        }
        if began.elapsed() >= settings.within {
            report.problems.push(format!(
                "only {} connections within {:?}",
                crowd.made(),
                settings.within
            ));
            break;
        }
    }
    control.progress.clear();
    report.took = began.elapsed();
    report.connections = crowd.by_malice();
    report.problems.extend(crowd.problems());
    match pair.stop() {
        Ok(served) => report.served = served,
        Err(problem) => report.problems.push(format!("the good clients: {problem}")),
    }
    let usage = server.process().usage().map_err(socket("the server"))?;
    report.processor_time = usage.processor_time;
    report.problems.extend(grown(&report, settings));
    if server.process().log().contains("panicked") {
        report.problems.push("it has panicked".to_owned());
    }
    Ok(report)
}

/// Whether it has grown. With an allocator that keeps what it had, what is there
/// at rest is what there was at most, more or less: then that must not grow.
fn grown(report: &Report, settings: &Settings) -> Option<String> {
    if settings.plain_allocator {
        let (early, late) = report.peaks();
        let more = late > early + early / 4;
        return more.then(|| format!("at most {early} bytes until warm, {late} later"));
    }
    let growth = report.growth_bytes()?;
    let more = growth > settings.growth_max;
    more.then(|| format!("it has grown by {growth} bytes since it was warm"))
}

/// Waits until nothing of the hostile ones is left, and looks at the server.
fn rest(server: &Server, control: &Control) -> Result<Result<Sample, String>, FixtureError> {
    let mut last = String::new();
    let rested = wait::holds(wait::LONG, || match server.state() {
        _ if control.check().is_err() => true,
        Ok(state) => {
            last = format!(
                "{} strangers, {} hosts and {} links are left",
                state.strangers,
                state.hosts.len(),
                state.links.len()
            );
            let nobody = state.strangers == 0 && state.links.len() == good::IDS.len();
            nobody && state.host_ids() == good::IDS
        }
        Err(error) => {
            last = error.to_string();
            false
        }
    });
    control.check()?;
    if !rested {
        return Ok(Err(format!("when all were gone: {last}")));
    }
    let usage = server.process().usage();
    Ok(usage
        .map(|usage| Sample {
            connections: 0,
            peak_bytes: 0,
            resident_bytes: usage.resident_bytes,
            descriptors: usage.descriptors,
        })
        .map_err(|error| format!("the server can't be looked at: {error}")))
}

/// Those who don't let the server be, and what became of them.
struct Crowd<'a> {
    server: SocketAddr,
    settings: &'a Settings,
    control: &'a Control,
    began: Instant,
    counts: [AtomicU64; Malice::ALL.len()],
    not_hung_up_on: [AtomicU64; Malice::ALL.len()],
    not_connected: AtomicU64,
}

impl<'a> Crowd<'a> {
    fn new(server: SocketAddr, settings: &'a Settings, control: &'a Control) -> Self {
        Crowd {
            server,
            settings,
            control,
            began: Instant::now(),
            counts: Default::default(),
            not_hung_up_on: Default::default(),
            not_connected: AtomicU64::new(0),
        }
    }

    fn made(&self) -> u64 {
        self.counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .sum()
    }

    fn by_malice(&self) -> BTreeMap<Malice, u64> {
        let counts = self
            .counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        Malice::ALL.into_iter().zip(counts).collect()
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (malice, count) in Malice::ALL.into_iter().zip(&self.not_hung_up_on) {
            let count = count.load(Ordering::Relaxed);
            if count > 0 {
                problems.push(format!(
                    "{count} were not hung up on who did this: {malice:?}"
                ));
            }
        }
        let count = self.not_connected.load(Ordering::Relaxed);
        if count > 0 {
            problems.push(format!("{count} connections could not be made"));
        }
        problems
    }

    /// One round; returns the most memory that was seen in it.
    fn storm(&self, round: u64, server: &Server) -> u64 {
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

    /// Makes connections until there have been `end`.
    fn work(&self, end: u64, mut rng: SplitMix64) {
        let mut staying: Vec<TcpStream> = Vec::new();
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
            let malice = *rng.choose(&Malice::ALL);
            match stranger::visit(self.server, malice, &mut rng) {
                Ok(outcome) => {
                    self.counts[malice as usize].fetch_add(1, Ordering::Relaxed);
                    match outcome {
                        Outcome::Over => {}
                        Outcome::Stays(stream) => staying.push(stream),
                        Outcome::NotHungUpOn => {
                            self.not_hung_up_on[malice as usize].fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
                Err(_) => {
                    self.not_connected.fetch_add(1, Ordering::Relaxed);
                    // The server, or the system, has none left: a thousand of
                    // these would say no more than one.
                    wait::pause(Duration::from_millis(50));
                }
            }
            if staying.len() > STAYING_MAX {
                let leaver = rng.below(staying.len() as u64);
                staying.swap_remove(usize::try_from(leaver).unwrap_or(0));
            }
        }
    }
}
