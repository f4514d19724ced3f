//! A tree of servers whose clients chat all the time, while random servers are
//! killed, frozen, shut down and restarted. After each such episode the network must
//! come to rest, and the invariants are checked. Then all clients chat once more, and
//! every chat must arrive.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, Instant};

use super::invariants::{Counts, Ledger, Snapshot};
use super::network::Network;
use super::rng::SplitMix64;
use super::{Control, median_and_worst};
use crate::fixture::{Fixture, FixtureError, wait};

/// The settings of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The duration: at least one episode, and the last one runs to its end.
    pub lasts: Duration,
    /// The number of servers.
    pub servers: u32,
    /// The number of clients.
    pub clients: u32,
    /// The seed of the faults.
    pub seed: u64,
    /// How long the network may take to come to rest.
    pub rest_within: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            lasts: Duration::from_secs(600),
            servers: 11,
            clients: 16,
            seed: 1,
            rest_within: Duration::from_secs(180),
        }
    }
}

/// How long to wait for chats on unbroken routes.
const CHATS_WITHIN: Duration = Duration::from_secs(30);
/// The number of chats that each client sends at rest.
const CHATS_AT_REST: usize = 5;
/// The time between two chats during an episode.
const CHAT_EVERY: Duration = Duration::from_millis(10);

/// The kinds of episodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Servers freeze for a while. No link may be lost.
    Freezes,
    /// Servers are killed and restarted.
    Crashes,
    /// Servers are killed, and restarted only when the others have healed the tree.
    Absences,
    /// Servers shut down gracefully and are restarted.
    Shutdowns,
    /// Servers freeze, and are killed with unread input.
    Stalls,
    /// All of these at the same time, and clients are killed too.
    Chaos,
}

const KINDS: [Kind; 6] = [
    Kind::Freezes,
    Kind::Crashes,
    Kind::Absences,
    Kind::Shutdowns,
    Kind::Stalls,
    Kind::Chaos,
];

/// An action on one server or client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Kill(u32),
    ShutDown(u32),
    Start(u32),
    Freeze(u32),
    Resume(u32),
    RestartClient(u32),
}

/// The result of a run.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The duration.
    pub took: Duration,
    /// The number of episodes, by kind.
    pub episodes: BTreeMap<Kind, u64>,
    /// The number of faults.
    pub faults: u64,
    /// How long the network took to come to rest, after each last fault.
    pub rests: Vec<Duration>,
    /// The chats of the episodes.
    pub during: Counts,
    /// The chats at rest.
    pub at_rest: Counts,
    /// The violations, with their episodes.
    pub problems: Vec<String>,
}

impl Report {
    /// Whether there was no violation.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.problems.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let episodes: u64 = self.episodes.values().sum();
        let kinds: Vec<String> = self
            .episodes
            .iter()
            .map(|(k, n)| format!("{k:?} {n}"))
            .collect();
        let seconds = self.took.as_secs_f64();
        let (faults, kinds) = (self.faults, kinds.join(", "));
        writeln!(
            f,
            "{episodes} episodes with {faults} faults in {seconds:.0} s: {kinds}"
        )?;
        if let Some((median, worst)) = median_and_worst(&self.rests) {
            writeln!(
                f,
                "to rest after the last fault: median {median:.1?}, worst {worst:.1?}"
            )?;
        }
        let mut chats = |when: &str, counts: &Counts| {
            let Counts {
                sent,
                received,
                answered,
                lost,
            } = counts;
            writeln!(
                f,
                "chats {when}: {sent} sent, {received} received, {answered} answered with Unknown ID, \
                 {lost} lost with a link on their route"
            )
        };
        chats("during episodes", &self.during)?;
        chats("at rest", &self.at_rest)?;
        write!(f, "{} violations", self.problems.len())
    }
}

/// Runs episodes until the time is up or an invariant is violated.
///
/// # Errors
///
/// [`FixtureError`] when the run could not be made. The report contains violations.
pub fn run(
    fixture: &Fixture,
    settings: &Settings,
    control: &Control,
) -> Result<Report, FixtureError> {
    let began = Instant::now();
    let mut rng = SplitMix64::new(settings.seed);
    let network = Network::start(fixture, settings.servers, settings.clients, &mut rng)?;
    let mut run = TreeRun {
        network,
        rng,
        settings,
        control,
        next_chat: 1,
        report: Report::default(),
    };
    let ended = run.episodes(began);
    control.progress.clear();
    run.report.took = began.elapsed();
    match ended {
        Ok(()) => {}
        Err(Stop::Violation(problem)) => run.report.problems.push(problem),
        Err(Stop::Fixture(error)) => return Err(error),
    }
    Ok(run.report)
}

/// Why a run stops early.
enum Stop {
    Violation(String),
    Fixture(FixtureError),
}

impl From<FixtureError> for Stop {
    fn from(error: FixtureError) -> Stop {
        Stop::Fixture(error)
    }
}

struct TreeRun<'a> {
    network: Network<'a>,
    rng: SplitMix64,
    settings: &'a Settings,
    control: &'a Control,
    next_chat: u64,
    report: Report,
}

impl TreeRun<'_> {
    fn episodes(&mut self, began: Instant) -> Result<(), Stop> {
        let mut before = self.wait_rest("at the start")?;
        before = self.chat_at_rest("at the start", before, Ledger::default())?;
        while self.report.episodes.is_empty() || began.elapsed() < self.settings.lasts {
            let number = self.report.episodes.values().sum::<u64>() + 1;
            // All kinds take turns. The seed determines the first.
            let turn = (self.settings.seed + number - 1) % KINDS.len() as u64;
            let kind = KINDS[usize::try_from(turn).unwrap_or(0)];
            let left = self.settings.lasts.saturating_sub(began.elapsed());
            self.control.progress.show(format_args!(
                "episode {number}, {kind:?}, {:.0} s left",
                left.as_secs_f64()
            ));
            let name = format!("episode {number}, {kind:?}");
            let (after, ledger) = self.episode(&name, kind, &before)?;
            // A client that was cut off may have sent its last chats a moment ago.
            let ledger = ledger.next(&before, &after);
            before = self.chat_at_rest(&name, after, ledger)?;
            *self.report.episodes.entry(kind).or_default() += 1;
        }
        Ok(())
    }

    fn wait_rest(&mut self, when: &str) -> Result<Snapshot, Stop> {
        let bound = self.settings.rest_within;
        match self.network.wait_rest(bound, self.control)? {
            Ok((snapshot, took)) => {
                self.report.rests.push(took);
                Ok(snapshot)
            }
            Err(violations) => Err(Stop::Violation(format!(
                "{when}: D1: not at rest within {bound:?}: {violations}"
            ))),
        }
    }

    /// Runs one episode, and returns the snapshot after it and its chats.
    fn episode(
        &mut self,
        name: &str,
        kind: Kind,
        before: &Snapshot,
    ) -> Result<(Snapshot, Ledger), Stop> {
        let mut ledger = Ledger::default();
        let plan = self.plan(kind);
        let mut done = Vec::new();
        self.execute(name, &plan, &mut ledger, &mut done)?;
        if kind == Kind::Absences {
            self.wait_rest(&format!("{name}, after {done:?}"))?;
            let back: Vec<(Duration, Action)> = plan
                .iter()
                .filter_map(|(_, action)| match action {
                    Action::Kill(id) => Some((Duration::ZERO, Action::Start(*id))),
                    _ => None,
                })
                .collect();
            self.execute(name, &back, &mut ledger, &mut done)?;
        }
        let name = format!("{name}, after {done:?}");
        let after = self.wait_rest(&name)?;
        self.settle_chats(&name, &mut ledger, before, &after)
            .map(|counts| self.report.during.add(counts))?;
        Ok((after, ledger))
    }

    /// The actions of an episode, with their times.
    fn plan(&mut self, kind: Kind) -> Vec<(Duration, Action)> {
        let mut servers = self.network.servers();
        let mut plan = Vec::new();
        for _ in 0..self.rng.within(1, 3) {
            if servers.is_empty() {
                break;
            }
            let index = self.rng.below(servers.len() as u64);
            let id = servers.swap_remove(usize::try_from(index).unwrap_or(0));
            let of = match kind {
                Kind::Chaos => *self.rng.choose(&KINDS[..KINDS.len() - 1]),
                other => other,
            };
            let began = self.rng.within(0, 2000);
            let back = kind != Kind::Absences;
            for (after, action) in of.faults(id, back, &mut self.rng) {
                plan.push((Duration::from_millis(began + after), action));
            }
        }
        if kind == Kind::Chaos && self.settings.clients > 0 {
            let client = *self.rng.choose(&self.network.clients());
            let at = Duration::from_millis(self.rng.within(0, 4000));
            plan.push((at, Action::RestartClient(client)));
        }
        plan.sort_by_key(|(at, _)| *at);
        plan
    }

    /// Executes a plan while the clients chat.
    fn execute(
        &mut self,
        name: &str,
        plan: &[(Duration, Action)],
        ledger: &mut Ledger,
        done: &mut Vec<Action>,
    ) -> Result<(), Stop> {
        let began = Instant::now();
        let clients = self.network.clients();
        let mut plan = plan.iter().peekable();
        loop {
            self.control.check()?;
            while let Some((_, action)) = plan.next_if(|(at, _)| *at <= began.elapsed()) {
                done.push(*action);
                self.report.faults +=
                    u64::from(!matches!(action, Action::Start(_) | Action::Resume(_)));
                match *action {
                    Action::Kill(id) => self.network.kill_server(id),
                    Action::Start(id) => self.network.start_server(id)?,
                    Action::Freeze(id) => self.network.freeze_server(id),
                    Action::Resume(id) => self.network.resume_server(id),
                    Action::ShutDown(id) => {
                        if !self.network.shut_down_server(id) {
                            let problem =
                                format!("{name}: server {id} did not shut down with success");
                            return Err(Stop::Violation(problem));
                        }
                    }
                    Action::RestartClient(id) => {
                        let events = self.network.restart_client(id)?;
                        ledger.record_events(id, events);
                    }
                }
            }
            if plan.peek().is_none() {
                return Ok(());
            }
            if clients.len() > 1 {
                let from = *self.rng.choose(&clients);
                self.send_chat(ledger, from, &clients)?;
            }
            wait::pause(CHAT_EVERY);
        }
    }

    /// Sends a chat from a client to another.
    fn send_chat(&mut self, ledger: &mut Ledger, from: u32, clients: &[u32]) -> Result<(), Stop> {
        let to = *self.rng.choose(clients);
        if to == from {
            return Ok(());
        }
        let text = ledger.record_sent(self.next_chat, from, to);
        self.next_chat += 1;
        self.network.send_chat(from, to, &text)?;
        Ok(())
    }

    /// Lets all clients chat while the network is at rest.
    fn chat_at_rest(
        &mut self,
        when: &str,
        before: Snapshot,
        mut ledger: Ledger,
    ) -> Result<Snapshot, Stop> {
        let when = format!("{when}, then at rest");
        let clients = self.network.clients();
        for _ in 0..CHATS_AT_REST {
            for &from in &clients {
                self.send_chat(&mut ledger, from, &clients)?;
            }
        }
        // Nothing has happened, so the routes are unbroken.
        let counts = self.settle_chats(&when, &mut ledger, &before, &before)?;
        if counts.received != counts.sent {
            return Err(Stop::Violation(format!(
                "{when}: of {} chats {} were received",
                counts.sent, counts.received
            )));
        }
        self.report.at_rest.add(counts);
        Ok(before)
    }

    /// Waits for the outcomes of the remaining chats, and checks all.
    fn settle_chats(
        &mut self,
        name: &str,
        ledger: &mut Ledger,
        before: &Snapshot,
        after: &Snapshot,
    ) -> Result<Counts, Stop> {
        let network = &mut self.network;
        wait::holds(CHATS_WITHIN, || {
            for (client, events) in network.take_chat_events() {
                ledger.record_events(client, events);
            }
            self.control.check().is_err() || ledger.is_settled(before, after)
        });
        self.control.check()?;
        if let Some(ended) = network.ended_by_itself() {
            return Err(Stop::Violation(format!("{name}: {ended}")));
        }
        let (counts, violations) = ledger.check(before, after);
        // The first violation is the summary; people may need the others too.
        let mut violations: BTreeSet<String> = violations.into_iter().collect();
        match violations.pop_first() {
            None => Ok(counts),
            Some(first) => Err(Stop::Violation(format!(
                "{name}: {first} (and {} more: {violations:?})",
                violations.len()
            ))),
        }
    }
}

impl Kind {
    /// The actions on one server, with their times in milliseconds. With `back` the
    /// server is restarted.
    fn faults(self, id: u32, back: bool, rng: &mut SplitMix64) -> Vec<(u64, Action)> {
        let away = rng.within(0, 5000);
        let frozen = rng.within(200, 8000);
        let mut actions = match self {
            Kind::Freezes => return vec![(0, Action::Freeze(id)), (frozen, Action::Resume(id))],
            Kind::Shutdowns => vec![(0, Action::ShutDown(id))],
            Kind::Stalls => vec![(0, Action::Freeze(id)), (frozen / 4, Action::Kill(id))],
            Kind::Crashes | Kind::Absences | Kind::Chaos => vec![(0, Action::Kill(id))],
        };
        let last = actions.last().map_or(0, |(at, _)| *at);
        if back {
            actions.push((last + away, Action::Start(id)));
        }
        actions
    }
}
