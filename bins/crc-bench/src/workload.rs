//! The workloads: who is there, who says what to whom, what is measured of it.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::args::{Bounds, Network, Shape};
use crate::failure::Failure;
use crate::fleet::{Fleet, Patience, Placement, pairs};
use crate::flow::Breach;
use crate::meter::{self, Reading, Span};
use crate::progress::Progress;
use crate::servers::{Servers, Target};

/// Everything that a workload needs but its own numbers.
#[derive(Clone)]
pub(crate) struct Setting<'a> {
    pub(crate) network: &'a Network,
    /// How many servers to start, if none are named, and how they are linked.
    pub(crate) start: usize,
    pub(crate) shape: Shape,
    pub(crate) bounds: Bounds,
    /// How many descriptors there are.
    pub(crate) descriptors: usize,
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) progress: &'a Progress,
}

/// How many bytes of messages are kept ready at most, and as many that are due.
const FRAMES_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Descriptors that are not for clients.
const DESCRIPTORS_APART: usize = 32;

impl Setting<'_> {
    /// How many clients there may be.
    pub(crate) fn clients_max(&self) -> usize {
        // A server that is started has as many, and the listeners, the log and
        // its links beside its clients.
        self.descriptors
            .saturating_sub(DESCRIPTORS_APART + 2 * self.start)
    }
}

/// What a load of messages came to.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) servers: Vec<String>,
    /// How many have arrived while it was measured.
    pub(crate) messages: u64,
    /// How many bytes the frame of one has.
    pub(crate) frame_len: usize,
    pub(crate) span: Span,
    /// Times on the way, or round trips, in nanoseconds.
    pub(crate) times: Histogram<u64>,
    /// Each server's memory at the end.
    pub(crate) resident: Vec<Option<u64>>,
}

/// What joining came to.
#[derive(Debug)]
pub(crate) struct Storm {
    pub(crate) servers: Vec<String>,
    pub(crate) clients: usize,
    /// How often somebody was told of somebody.
    pub(crate) told: u64,
    pub(crate) span: Span,
    /// Each server's memory before, when all was over, and at most.
    pub(crate) before: Vec<Option<u64>>,
    pub(crate) after: Vec<Option<u64>>,
    pub(crate) peak: Vec<Option<u64>>,
}

/// What comings and goings came to.
#[derive(Debug)]
pub(crate) struct Visits {
    pub(crate) servers: Vec<String>,
    pub(crate) visits: u64,
    pub(crate) told: u64,
    pub(crate) span: Span,
    /// From connecting until everybody had been told, in nanoseconds.
    pub(crate) times: Histogram<u64>,
}

/// What doing nothing came to.
#[derive(Debug)]
pub(crate) struct Idle {
    pub(crate) storm: Storm,
    pub(crate) span: Span,
}

/// Which clients talk to which.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Talk {
    /// Pairs: the one talks, the other listens.
    Stream { pairs: usize },
    /// Pairs: there and back.
    PingPong { pairs: usize },
    /// All but one talk to that one.
    FanIn { senders: usize },
}

impl Talk {
    fn clients(self) -> usize {
        match self {
            Talk::Stream { pairs } | Talk::PingPong { pairs } => 2 * pairs,
            Talk::FanIn { senders } => senders + 1,
        }
    }
}

/// Clients that talk, beside others that don't.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crowd {
    pub(crate) talk: Talk,
    pub(crate) size: usize,
    /// How many clients there are at least; who is too much is silent.
    pub(crate) clients: usize,
    pub(crate) placement: Placement,
}

impl Crowd {
    /// How many clients there are, if they and what they say fit.
    fn clients(self) -> Result<usize, Failure> {
        let Crowd { talk, size, .. } = self;
        if talk.clients().saturating_mul(size) > FRAMES_BYTES_MAX {
            let most = FRAMES_BYTES_MAX / size;
            return Err(Failure::Demand(format!(
                "so many clients with messages of {size} bytes need too much memory: at most {most}"
            )));
        }
        Ok(self.clients.max(talk.clients()))
    }
}

/// Measures messages.
pub(crate) fn load(setting: &Setting<'_>, crowd: Crowd) -> Result<Load, Failure> {
    let clients = crowd.clients()?;
    with_clients(setting, crowd.placement, clients, |run| {
        run.join(clients)?;
        run.load(crowd)
    })
}

/// Measures how clients join, and then several loads of them, one after the
/// other. All crowds have as many clients.
pub(crate) fn storm_and_loads(
    setting: &Setting<'_>,
    crowds: &[Crowd],
) -> Result<(Storm, Vec<Load>), Failure> {
    let mut clients = 0;
    for crowd in crowds {
        clients = clients.max(crowd.clients()?);
    }
    with_clients(setting, Placement::Dealt, clients, |run| {
        let storm = run.storm(clients)?;
        let loads: Result<Vec<Load>, Failure> =
            crowds.iter().map(|&crowd| run.load(crowd)).collect();
        Ok((storm, loads?))
    })
}

/// Measures how clients join.
pub(crate) fn join_storm(setting: &Setting<'_>, clients: usize) -> Result<Storm, Failure> {
    with_clients(setting, Placement::Dealt, clients, |run| run.storm(clients))
}

/// Measures clients that do nothing.
pub(crate) fn idle(setting: &Setting<'_>, clients: usize) -> Result<Idle, Failure> {
    with_clients(setting, Placement::Dealt, clients, |run| {
        let storm = run.storm(clients)?;
        let seconds = Duration::from_secs_f64(setting.bounds.seconds);
        let before = Reading::now(run.targets());
        let begin = Instant::now();
        while begin.elapsed() < seconds {
            let left = seconds.saturating_sub(begin.elapsed());
            run.fleet.rest(left.min(Duration::from_millis(100)))?;
            run.setting.progress.time("idle", begin.elapsed(), seconds);
        }
        let span = before.until(&Reading::now(run.targets()));
        Ok(Idle { storm, span })
    })
}

/// Measures how many are told that one comes and goes.
pub(crate) fn fan_out(setting: &Setting<'_>, clients: usize) -> Result<Visits, Failure> {
    with_clients(setting, Placement::Dealt, clients + 1, |run| {
        run.join(clients)?;
        run.visits()
    })
}

/// Servers and clients, which leave and end whatever comes of the run.
struct Run<'a> {
    setting: &'a Setting<'a>,
    fleet: Fleet,
    // Behind the fleet, which has to leave first.
    servers: Servers,
}

fn with_clients<T>(
    setting: &Setting<'_>,
    placement: Placement,
    clients: usize,
    work: impl FnOnce(&mut Run<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let permitted = setting.clients_max();
    if clients > permitted {
        return Err(Failure::Descriptors {
            wanted: clients,
            permitted,
        });
    }
    let servers = Servers::open(setting.network, setting.start, setting.shape)?;
    let fleet = Fleet::new(
        &servers.targets,
        placement,
        clients,
        setting.bounds.at_once,
        Arc::clone(&setting.stop),
    )?;
    let mut run = Run {
        setting,
        fleet,
        servers,
    };
    let outcome = work(&mut run);
    run.setting.progress.words("leaving");
    let left = run.fleet.leave(outcome.is_err());
    run.setting.progress.clear();
    outcome.and_then(|outcome| left.map(|()| outcome))
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

    /// Attaches clients; the first few alone, so that all servers have found
    /// each other before the others come.
    fn first(&mut self, clients: usize) -> Result<(), Failure> {
        let servers = self.targets().len();
        if servers > 1 {
            self.setting
                .progress
                .words("waiting for the servers to find each other");
            let joined = self.fleet.join(clients.min(servers), |_| {});
            joined.map_err(|failure| match failure {
                Failure::Broken(breach @ Breach::Untold { .. }) => Failure::Apart(breach),
                other => other,
            })?;
        }
        Ok(())
    }

    fn join(&mut self, clients: usize) -> Result<(), Failure> {
        self.first(clients)?;
        let progress = self.setting.progress;
        self.fleet.join(clients, |known| {
            progress.part("joining", known, pairs(clients))
        })
    }

    fn storm(&mut self, clients: usize) -> Result<Storm, Failure> {
        let before = meter::resident(self.targets());
        self.first(clients)?;
        let told = self.fleet.told();
        let begin = Reading::now(self.targets());
        self.join(clients)?;
        let span = begin.until(&Reading::now(self.targets()));
        let told = self.fleet.told() - told;
        // Servers give memory back when all is quiet.
        let mut after = meter::resident(self.targets());
        for _ in 0..20 {
            self.fleet.rest(Duration::from_millis(150))?;
            let now = meter::resident(self.targets());
            if now == after {
                break;
            }
            after = now;
        }
        Ok(Storm {
            servers: self.names(),
            clients,
            told,
            span,
            before,
            after,
            peak: meter::resident_peak(self.targets()),
        })
    }

    fn load(&mut self, crowd: Crowd) -> Result<Load, Failure> {
        let Crowd { talk, size, .. } = crowd;
        self.fleet.forget_flows();
        match talk {
            Talk::Stream { pairs } => {
                for pair in 0..pairs {
                    self.fleet.flow(2 * pair, 2 * pair + 1, size);
                }
            }
            Talk::PingPong { pairs } => {
                for pair in 0..pairs {
                    self.fleet.flow(2 * pair, 2 * pair + 1, size);
                    self.fleet.flow(2 * pair + 1, 2 * pair, size);
                }
            }
            Talk::FanIn { senders } => {
                for sender in 1..=senders {
                    self.fleet.flow(sender, 0, size);
                }
            }
        }
        let back = matches!(talk, Talk::PingPong { .. });
        if back {
            self.fleet.ping()?;
        } else {
            self.fleet.stream()?;
        }
        let Bounds {
            messages, seconds, ..
        } = self.setting.bounds;
        let warm_up = Duration::from_secs_f64(self.setting.bounds.warm_up);
        self.talk_for("warming up", warm_up, u64::MAX, back)?;
        self.fleet.measure_times();
        let before = self.fleet.received();
        let begin = Reading::now(self.targets());
        self.talk_for(
            "measuring",
            Duration::from_secs_f64(seconds),
            messages,
            back,
        )?;
        let span = begin.until(&Reading::now(self.targets()));
        let messages = self.fleet.received() - before;
        let times = self.fleet.measure_times();
        let resident = meter::resident(self.targets());
        self.fleet.ping_no_more();
        self.fleet.drain()?;
        Ok(Load {
            servers: self.names(),
            messages,
            frame_len: self.fleet.frame_len(),
            span,
            times: times.map_or_else(empty, Ok)?,
            resident,
        })
    }

    /// Lets clients talk, at most so long and until so many have arrived.
    fn talk_for(
        &mut self,
        words: &'static str,
        time: Duration,
        messages: u64,
        back: bool,
    ) -> Result<(), Failure> {
        let begin = Instant::now();
        let enough = self.fleet.received().saturating_add(messages);
        let mut patience = Patience::new(&self.fleet);
        while begin.elapsed() < time && self.fleet.received() < enough {
            self.fleet.turn()?;
            if !back {
                self.fleet.stream_on()?;
            }
            self.fleet.still_going(&mut patience)?;
            self.setting.progress.time(words, begin.elapsed(), time);
        }
        Ok(())
    }

    fn visits(&mut self) -> Result<Visits, Failure> {
        let Bounds {
            messages, seconds, ..
        } = self.setting.bounds;
        let seconds = Duration::from_secs_f64(seconds);
        let mut times = empty()?;
        let mut visits = 0;
        let told = self.fleet.told();
        let reading = Reading::now(self.targets());
        let begin = Instant::now();
        while visits == 0 || begin.elapsed() < seconds && self.fleet.told() - told < messages {
            let came = Instant::now();
            self.fleet.visit()?;
            let time = u64::try_from(came.elapsed().as_nanos()).unwrap_or(u64::MAX);
            // It grows as far as there is memory.
            let _ = times.record(time);
            self.fleet.visitor_leaves()?;
            visits += 1;
            self.setting
                .progress
                .time("measuring", begin.elapsed(), seconds);
        }
        Ok(Visits {
            servers: self.names(),
            visits,
            told: self.fleet.told() - told,
            span: reading.until(&Reading::now(self.targets())),
            times,
        })
    }
}

fn empty() -> Result<Histogram<u64>, Failure> {
    Histogram::new(3).map_err(|error| Failure::Demand(error.to_string()))
}
