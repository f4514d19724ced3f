//! A tree of servers with clients who talk all the time, while servers are
//! killed, frozen, asked to leave and started again at random. After each such
//! episode the network must come to rest, and everything is judged; then
//! everybody talks once more, and all of that must arrive.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, Instant};

use super::judge::{Counts, Ledger, Look};
use super::network::Network;
use super::rng::SplitMix64;
use super::{Control, median_and_worst};
use crate::fixture::Fixture;
use crate::fixture::FixtureError;
use crate::fixture::wait;

/// What a run is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How long it goes on; one episode at least, and the last one is finished.
    pub lasts: Duration,
    /// How many servers there are.
    pub servers: u32,
    /// How many clients.
    pub clients: u32,
    /// What the faults follow from.
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

/// How long to wait for chats when nothing stands in their way.
const CHATS_WITHIN: Duration = Duration::from_secs(30);
/// How many chats each client says at rest.
const CHATS_AT_REST: usize = 5;
/// Between two chats during an episode.
const CHAT_EVERY: Duration = Duration::from_millis(10);

/// The kinds of episodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Servers stand still for a while; no link may be lost by it.
    Freezes,
    /// Servers are killed and started again.
    Crashes,
    /// Servers are killed, and those who are left must find each other first.
    Absences,
    /// Servers leave in good order and are started again.
    Leaves,
    /// Servers stand still, and are killed with all that they have not read.
    Stalls,
    /// All of these at once, and clients are killed too.
    Chaos,
}

const KINDS: [Kind; 6] = [
    Kind::Freezes,
    Kind::Crashes,
    Kind::Absences,
    Kind::Leaves,
    Kind::Stalls,
    Kind::Chaos,
];

/// Something done to one server or client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Kill(u32),
    Leave(u32),
    Start(u32),
    Freeze(u32),
    Thaw(u32),
    RestartClient(u32),
}

/// What a run came to.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// How long it took.
    pub took: Duration,
    /// The episodes, by kind.
    pub episodes: BTreeMap<Kind, u64>,
    /// How often something was done to a server or client.
    pub faults: u64,
    /// How long the network took to come to rest after the last fault.
    pub rests: Vec<Duration>,
    /// The chats of the episodes.
    pub during: Counts,
    /// The chats said at rest.
    pub at_rest: Counts,
    /// What must not be, and in which episode.
    pub problems: Vec<String>,
}

impl Report {
    /// Whether all was as it must be.
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
                said,
                heard,
                answered,
                lost,
            } = counts;
            writeln!(
                f,
                "chats {when}: {said} said, {heard} heard, {answered} answered with Unknown ID, \
                 {lost} lost with a link on their way"
            )
        };
        chats("during episodes", &self.during)?;
        chats("at rest", &self.at_rest)?;
        write!(f, "{} violations", self.problems.len())
    }
}

/// Runs episodes until time is up or a rule is broken.
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
    let began = Instant::now();
    let mut rng = SplitMix64::new(settings.seed);
    let network = Network::start(fixture, settings.servers, settings.clients, &mut rng)?;
    let mut soak = Soak {
        network,
        rng,
        settings,
        control,
        next_number: 1,
        report: Report::default(),
    };
    let ended = soak.episodes(began);
    control.progress.clear();
    soak.report.took = began.elapsed();
    match ended {
        Ok(()) => {}
        Err(Stop::Violation(problem)) => soak.report.problems.push(problem),
        Err(Stop::Fixture(error)) => return Err(error),
    }
    Ok(soak.report)
}

/// Why a run is over before its time.
enum Stop {
    Violation(String),
    Fixture(FixtureError),
}

impl From<FixtureError> for Stop {
    fn from(error: FixtureError) -> Stop {
        Stop::Fixture(error)
    }
}

struct Soak<'a> {
    network: Network<'a>,
    rng: SplitMix64,
    settings: &'a Settings,
    control: &'a Control,
    next_number: u64,
    report: Report,
}

impl Soak<'_> {
    fn episodes(&mut self, began: Instant) -> Result<(), Stop> {
        let mut before = self.rest("at the start")?;
        before = self.talk_at_rest("at the start", before)?;
        while self.report.episodes.is_empty() || began.elapsed() < self.settings.lasts {
            let number = self.report.episodes.values().sum::<u64>() + 1;
            // Every kind has its turn; which is the first, the seed says.
            let turn = (self.settings.seed + number - 1) % KINDS.len() as u64;
            let kind = KINDS[usize::try_from(turn).unwrap_or(0)];
            let left = self.settings.lasts.saturating_sub(began.elapsed());
            self.control.progress.show(format_args!(
                "episode {number}, {kind:?}, {:.0} s left",
                left.as_secs_f64()
            ));
            let name = format!("episode {number}, {kind:?}");
            before = self.episode(&name, kind, &before)?;
            before = self.talk_at_rest(&name, before)?;
            *self.report.episodes.entry(kind).or_default() += 1;
        }
        Ok(())
    }

    fn rest(&mut self, when: &str) -> Result<Look, Stop> {
        let bound = self.settings.rest_within;
        match self.network.rest(bound, self.control)? {
            Ok((look, took)) => {
                self.report.rests.push(took);
                Ok(look)
            }
            Err(wrong) => Err(Stop::Violation(format!(
                "{when}: D1: not at rest within {bound:?}: {wrong}"
            ))),
        }
    }

    /// One episode; returns what everybody knows after it.
    fn episode(&mut self, name: &str, kind: Kind, before: &Look) -> Result<Look, Stop> {
        let mut ledger = Ledger::default();
        let plan = self.plan(kind);
        let mut done = Vec::new();
        self.act(name, &plan, &mut ledger, &mut done)?;
        if kind == Kind::Absences {
            self.rest(&format!("{name}, after {done:?}"))?;
            let back: Vec<(Duration, Act)> = plan
                .iter()
                .filter_map(|(_, act)| match act {
                    Act::Kill(id) => Some((Duration::ZERO, Act::Start(*id))),
                    _ => None,
                })
                .collect();
            self.act(name, &back, &mut ledger, &mut done)?;
        }
        let name = format!("{name}, after {done:?}");
        let after = self.rest(&name)?;
        self.settle(&name, &mut ledger, before, &after)
            .map(|counts| self.report.during.add(counts))?;
        Ok(after)
    }

    /// When which fault happens.
    fn plan(&mut self, kind: Kind) -> Vec<(Duration, Act)> {
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
            for (after, act) in of.faults(id, back, &mut self.rng) {
                plan.push((Duration::from_millis(began + after), act));
            }
        }
        if kind == Kind::Chaos && self.settings.clients > 0 {
            let client = *self.rng.choose(&self.network.clients());
            let at = Duration::from_millis(self.rng.within(0, 4000));
            plan.push((at, Act::RestartClient(client)));
        }
        plan.sort_by_key(|(at, _)| *at);
        plan
    }

    /// Carries a plan out, while everybody talks.
    fn act(
        &mut self,
        name: &str,
        plan: &[(Duration, Act)],
        ledger: &mut Ledger,
        done: &mut Vec<Act>,
    ) -> Result<(), Stop> {
        let began = Instant::now();
        let clients = self.network.clients();
        let mut plan = plan.iter().peekable();
        loop {
            self.control.check()?;
            while let Some((_, act)) = plan.next_if(|(at, _)| *at <= began.elapsed()) {
                done.push(*act);
                self.report.faults += u64::from(!matches!(act, Act::Start(_) | Act::Thaw(_)));
                match *act {
                    Act::Kill(id) => self.network.kill_server(id),
                    Act::Start(id) => self.network.start_server(id)?,
                    Act::Freeze(id) => self.network.freeze_server(id),
                    Act::Thaw(id) => self.network.thaw_server(id),
                    Act::Leave(id) => {
                        if !self.network.ask_server_to_leave(id) {
                            let problem =
                                format!("{name}: server {id} did not leave in good order");
                            return Err(Stop::Violation(problem));
                        }
                    }
                    Act::RestartClient(id) => {
                        let news = self.network.restart_client(id)?;
                        ledger.note(id, news);
                    }
                }
            }
            if plan.peek().is_none() {
                return Ok(());
            }
            if clients.len() > 1 {
                let from = *self.rng.choose(&clients);
                self.say(ledger, from, &clients)?;
            }
            wait::pause(CHAT_EVERY);
        }
    }

    /// Lets a client say something to another.
    fn say(&mut self, ledger: &mut Ledger, from: u32, clients: &[u32]) -> Result<(), Stop> {
        let to = *self.rng.choose(clients);
        if to == from {
            return Ok(());
        }
        let text = ledger.say(self.next_number, from, to);
        self.next_number += 1;
        self.network.say(from, to, &text)?;
        Ok(())
    }

    /// Everybody talks, and nothing stands in the way.
    fn talk_at_rest(&mut self, when: &str, before: Look) -> Result<Look, Stop> {
        let when = format!("{when}, then at rest");
        let clients = self.network.clients();
        let mut ledger = Ledger::default();
        for _ in 0..CHATS_AT_REST {
            for &from in &clients {
                self.say(&mut ledger, from, &clients)?;
            }
        }
        // Nothing has happened: what stood before still stands.
        let counts = self.settle(&when, &mut ledger, &before, &before)?;
        if counts.heard != counts.said {
            return Err(Stop::Violation(format!(
                "{when}: of {} chats {} were heard",
                counts.said, counts.heard
            )));
        }
        self.report.at_rest.add(counts);
        Ok(before)
    }

    /// Waits for the chats that are still on their way, and judges all.
    fn settle(
        &mut self,
        name: &str,
        ledger: &mut Ledger,
        before: &Look,
        after: &Look,
    ) -> Result<Counts, Stop> {
        let network = &mut self.network;
        wait::holds(CHATS_WITHIN, || {
            for (client, news) in network.news() {
                ledger.note(client, news);
            }
            self.control.check().is_err() || ledger.is_settled(before, after)
        });
        self.control.check()?;
        if let Some(ended) = network.ended_by_itself() {
            return Err(Stop::Violation(format!("{name}: {ended}")));
        }
        let (counts, wrong) = ledger.judge(before, after);
        // One is told, the others are kept for whoever looks into it.
        let mut wrong: BTreeSet<String> = wrong.into_iter().collect();
        match wrong.pop_first() {
            None => Ok(counts),
            Some(first) => Err(Stop::Violation(format!(
                "{name}: {first} (and {} more: {wrong:?})",
                wrong.len()
            ))),
        }
    }
}

impl Kind {
    /// What is done to one server, and after how many milliseconds; that it
    /// comes `back` is part of it or not.
    fn faults(self, id: u32, back: bool, rng: &mut SplitMix64) -> Vec<(u64, Act)> {
        let away = rng.within(0, 5000);
        let frozen = rng.within(200, 8000);
        let mut acts = match self {
            Kind::Freezes => return vec![(0, Act::Freeze(id)), (frozen, Act::Thaw(id))],
            Kind::Leaves => vec![(0, Act::Leave(id))],
            Kind::Stalls => vec![(0, Act::Freeze(id)), (frozen / 4, Act::Kill(id))],
            Kind::Crashes | Kind::Absences | Kind::Chaos => vec![(0, Act::Kill(id))],
        };
        let last = acts.last().map_or(0, |(at, _)| *at);
        if back {
            acts.push((last + away, Act::Start(id)));
        }
        acts
    }
}
