//! The workloads: which clients there are, which of them send to which, and what is measured.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::args::{Bounds, Network, Shape};
use crate::client_pool::{ClientPool, Placement, StallTimer, pairs};
use crate::failure::Failure;
use crate::flow::Violation;
use crate::meter::{self, Reading, Span};
use crate::progress::Progress;
use crate::servers::{Servers, Target};

/// The settings that all workloads share.
#[derive(Clone)]
pub(crate) struct Settings<'a> {
    pub(crate) network: &'a Network,
    /// How many servers to start, unless the command line names running ones.
    pub(crate) start: usize,
    pub(crate) shape: Shape,
    pub(crate) bounds: Bounds,
    /// The descriptor limit.
    pub(crate) descriptors: usize,
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) progress: &'a Progress,
}

/// The maximum size of all flows' next frames together. The expected frames need as much again.
const FRAMES_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Descriptors that are reserved for other purposes than clients.
const DESCRIPTORS_RESERVE: usize = 32;

impl Settings<'_> {
    /// The maximum number of clients.
    pub(crate) fn clients_max(&self) -> usize {
        // A started server has the same limit, and needs descriptors for listeners, its log and its
        // links too.
        self.descriptors
            .saturating_sub(DESCRIPTORS_RESERVE + 2 * self.start)
    }
}

/// The result of a load of messages.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) servers: Vec<String>,
    /// How many messages arrived during the measurement.
    pub(crate) messages: u64,
    /// The length of a message's frame.
    pub(crate) frame_len: usize,
    pub(crate) span: Span,
    /// Latencies, or round trips, in nanoseconds.
    pub(crate) times: Histogram<u64>,
    /// The resident memory of each server at the end.
    pub(crate) resident: Vec<Option<u64>>,
}

/// The result of a join storm.
#[derive(Debug)]
pub(crate) struct JoinStorm {
    pub(crate) servers: Vec<String>,
    pub(crate) clients: usize,
    /// How many joins were announced to clients.
    pub(crate) announcements: u64,
    pub(crate) span: Span,
    /// The resident memory of each server: before, after, and the peak.
    pub(crate) before: Vec<Option<u64>>,
    pub(crate) after: Vec<Option<u64>>,
    pub(crate) peak: Vec<Option<u64>>,
}

/// The result of a fan-out of joins and quits.
#[derive(Debug)]
pub(crate) struct FanOut {
    pub(crate) servers: Vec<String>,
    /// How often the visitor joined and quit.
    pub(crate) visits: u64,
    pub(crate) announcements: u64,
    pub(crate) span: Span,
    /// From the visitor's connect until all others knew it, in nanoseconds.
    pub(crate) times: Histogram<u64>,
}

/// The result of idle clients.
#[derive(Debug)]
pub(crate) struct Idle {
    pub(crate) storm: JoinStorm,
    pub(crate) span: Span,
}

/// Which clients send to which.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pattern {
    /// In each pair, one client sends to the other.
    Stream { pairs: usize },
    /// In each pair, one client asks and the other answers.
    PingPong { pairs: usize },
    /// All clients but one send to that one.
    FanIn { senders: usize },
}

impl Pattern {
    /// How many clients take part.
    fn clients(self) -> usize {
        match self {
            Pattern::Stream { pairs } | Pattern::PingPong { pairs } => 2 * pairs,
            Pattern::FanIn { senders } => senders + 1,
        }
    }
}

/// A load of messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LoadSpec {
    pub(crate) pattern: Pattern,
    /// The size of each message's text, in bytes.
    pub(crate) size: usize,
    /// The minimum number of clients. Those that take no part in the pattern are idle.
    pub(crate) clients: usize,
    pub(crate) placement: Placement,
}

impl LoadSpec {
    /// How many clients there are. Fails if their messages need too much memory.
    fn clients(self) -> Result<usize, Failure> {
        let LoadSpec { pattern, size, .. } = self;
        if pattern.clients().saturating_mul(size) > FRAMES_BYTES_MAX {
            let max = FRAMES_BYTES_MAX / size;
            return Err(Failure::Unusable(format!(
                "messages of {size} bytes from this many clients need too much memory: use at most \
                 {max} clients"
            )));
        }
        Ok(self.clients.max(pattern.clients()))
    }
}

/// Measures a load of messages.
pub(crate) fn load(settings: &Settings<'_>, spec: LoadSpec) -> Result<Load, Failure> {
    let clients = spec.clients()?;
    with_clients(settings, spec.placement, clients, |run| {
        run.join(clients)?;
        run.load(spec)
    })
}

/// Measures a join storm, and then several loads with the same clients, one after the other.
pub(crate) fn join_storm_and_loads(
    settings: &Settings<'_>,
    specs: &[LoadSpec],
) -> Result<(JoinStorm, Vec<Load>), Failure> {
    let mut clients = 0;
    for spec in specs {
        clients = clients.max(spec.clients()?);
    }
    with_clients(settings, Placement::RoundRobin, clients, |run| {
        let storm = run.join_storm(clients)?;
        let loads: Result<Vec<Load>, Failure> = specs.iter().map(|&spec| run.load(spec)).collect();
        Ok((storm, loads?))
    })
}

/// Measures a join storm.
pub(crate) fn join_storm(settings: &Settings<'_>, clients: usize) -> Result<JoinStorm, Failure> {
    with_clients(settings, Placement::RoundRobin, clients, |run| {
        run.join_storm(clients)
    })
}

/// Measures idle clients.
pub(crate) fn idle(settings: &Settings<'_>, clients: usize) -> Result<Idle, Failure> {
    with_clients(settings, Placement::RoundRobin, clients, |run| {
        let storm = run.join_storm(clients)?;
        let seconds = Duration::from_secs_f64(settings.bounds.seconds);
        let before = Reading::now(run.targets());
        let begin = Instant::now();
        while begin.elapsed() < seconds {
            let left = seconds.saturating_sub(begin.elapsed());
            run.pool.idle(left.min(Duration::from_millis(100)))?;
            run.settings.progress.time("idle", begin.elapsed(), seconds);
        }
        let span = before.until(&Reading::now(run.targets()));
        Ok(Idle { storm, span })
    })
}

/// Measures the fan-out of one visitor's joins and quits to `clients` others.
pub(crate) fn fan_out(settings: &Settings<'_>, clients: usize) -> Result<FanOut, Failure> {
    with_clients(settings, Placement::RoundRobin, clients + 1, |run| {
        run.join(clients)?;
        run.fan_out()
    })
}

/// The servers and clients of a run. At its end the clients quit and the started servers exit,
/// whether it succeeds or fails.
struct Run<'a> {
    settings: &'a Settings<'a>,
    pool: ClientPool,
    // Dropped after the pool, so that the clients quit first.
    servers: Servers,
}

fn with_clients<T>(
    settings: &Settings<'_>,
    placement: Placement,
    clients: usize,
    work: impl FnOnce(&mut Run<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let permitted = settings.clients_max();
    if clients > permitted {
        return Err(Failure::Descriptors {
            wanted: clients,
            permitted,
        });
    }
    let servers = Servers::open(settings.network, settings.start, settings.shape)?;
    let pool = ClientPool::new(
        &servers.targets,
        placement,
        clients,
        settings.bounds.at_once,
        Arc::clone(&settings.stop),
    )?;
    let mut run = Run {
        settings,
        pool,
        servers,
    };
    let outcome = work(&mut run);
    run.settings.progress.message("quitting");
    let quit = run.pool.quit_all(outcome.is_err());
    run.settings.progress.clear();
    outcome.and_then(|outcome| quit.map(|()| outcome))
}

impl Run<'_> {
    fn targets(&self) -> &[Target] {
        &self.servers.targets
    }

    fn names(&self) -> Vec<String> {
        self.targets()
            .iter()
            .map(|target| target.name.clone())
            .collect()
    }

    /// Connects one client per server and waits until all know each other, so that the servers
    /// form one network before the other clients join.
    fn join_first(&mut self, clients: usize) -> Result<(), Failure> {
        let servers = self.targets().len();
        if servers > 1 {
            self.settings
                .progress
                .message("waiting for the servers to link");
            let joined = self.pool.join(clients.min(servers), |_| {});
            joined.map_err(|failure| match failure {
                Failure::Violation(violation @ Violation::NotAnnounced { .. }) => {
                    Failure::SeparateNetworks(violation)
                }
                other => other,
            })?;
        }
        Ok(())
    }

    fn join(&mut self, clients: usize) -> Result<(), Failure> {
        self.join_first(clients)?;
        let progress = self.settings.progress;
        self.pool.join(clients, |known| {
            progress.part("joining", known, pairs(clients))
        })
    }

    fn join_storm(&mut self, clients: usize) -> Result<JoinStorm, Failure> {
        let before = meter::resident(self.targets());
        self.join_first(clients)?;
        let announced_before = self.pool.announcements();
        let begin = Reading::now(self.targets());
        self.join(clients)?;
        let span = begin.until(&Reading::now(self.targets()));
        let announcements = self.pool.announcements() - announced_before;
        // Idle servers free memory.
        let mut after = meter::resident(self.targets());
        for _ in 0..20 {
            self.pool.idle(Duration::from_millis(150))?;
            let now = meter::resident(self.targets());
            if now == after {
                break;
            }
            after = now;
        }
        Ok(JoinStorm {
            servers: self.names(),
            clients,
            announcements,
            span,
            before,
            after,
            peak: meter::resident_peak(self.targets()),
        })
    }

    fn load(&mut self, spec: LoadSpec) -> Result<Load, Failure> {
        let LoadSpec { pattern, size, .. } = spec;
        self.pool.clear_flows();
        match pattern {
            Pattern::Stream { pairs } => {
                for pair in 0..pairs {
                    self.pool.add_flow(2 * pair, 2 * pair + 1, size);
                }
            }
            Pattern::PingPong { pairs } => {
                for pair in 0..pairs {
                    self.pool.add_flow(2 * pair, 2 * pair + 1, size);
                    self.pool.add_flow(2 * pair + 1, 2 * pair, size);
                }
            }
            Pattern::FanIn { senders } => {
                for sender in 1..=senders {
                    self.pool.add_flow(sender, 0, size);
                }
            }
        }
        let is_ping_pong = matches!(pattern, Pattern::PingPong { .. });
        if is_ping_pong {
            self.pool.start_ping_pong()?;
        } else {
            self.pool.start_streams()?;
        }
        let Bounds {
            messages, seconds, ..
        } = self.settings.bounds;
        let warm_up = Duration::from_secs_f64(self.settings.bounds.warm_up);
        self.run_load("warming up", warm_up, u64::MAX, is_ping_pong)?;
        self.pool.take_latencies();
        let before = self.pool.received();
        let begin = Reading::now(self.targets());
        self.run_load(
            "measuring",
            Duration::from_secs_f64(seconds),
            messages,
            is_ping_pong,
        )?;
        let span = begin.until(&Reading::now(self.targets()));
        let messages = self.pool.received() - before;
        let times = self.pool.take_latencies();
        let resident = meter::resident(self.targets());
        self.pool.stop_ping_pong();
        self.pool.drain()?;
        Ok(Load {
            servers: self.names(),
            messages,
            frame_len: self.pool.frame_len(),
            span,
            times: times.map_or_else(empty_histogram, Ok)?,
            resident,
        })
    }

    /// Runs the load for `time`, or until `messages` messages have arrived.
    fn run_load(
        &mut self,
        message: &'static str,
        time: Duration,
        messages: u64,
        is_ping_pong: bool,
    ) -> Result<(), Failure> {
        let begin = Instant::now();
        let enough = self.pool.received().saturating_add(messages);
        let mut stall = StallTimer::new(&self.pool);
        while begin.elapsed() < time && self.pool.received() < enough {
            self.pool.turn()?;
            if !is_ping_pong {
                self.pool.refill_streams()?;
            }
            self.pool.check_stall(&mut stall)?;
            self.settings.progress.time(message, begin.elapsed(), time);
        }
        Ok(())
    }

    fn fan_out(&mut self) -> Result<FanOut, Failure> {
        let Bounds {
            messages, seconds, ..
        } = self.settings.bounds;
        let seconds = Duration::from_secs_f64(seconds);
        let mut times = empty_histogram()?;
        let mut visits = 0;
        let before = self.pool.announcements();
        let reading = Reading::now(self.targets());
        let begin = Instant::now();
        while visits == 0
            || begin.elapsed() < seconds && self.pool.announcements() - before < messages
        {
            let joined = Instant::now();
            self.pool.join_visitor()?;
            let time = u64::try_from(joined.elapsed().as_nanos()).unwrap_or(u64::MAX);
            // It fails only if the histogram cannot grow, and then one sample is lost.
            let _ = times.record(time);
            self.pool.quit_visitor()?;
            visits += 1;
            self.settings
                .progress
                .time("measuring", begin.elapsed(), seconds);
        }
        Ok(FanOut {
            servers: self.names(),
            visits,
            announcements: self.pool.announcements() - before,
            span: reading.until(&Reading::now(self.targets())),
            times,
        })
    }
}

fn empty_histogram() -> Result<Histogram<u64>, Failure> {
    Histogram::new(3).map_err(|error| Failure::Unusable(error.to_string()))
}
