//! People who speak the protocols correctly, and make a server work as much as they
//! can. Each attack gets two linked servers of its own. Meanwhile innocent clients
//! chat, at the attacked server and across the link, and others register.

mod attack;
mod by_clients;
mod by_servers;
mod by_users;
mod field;
mod innocent;

use std::fmt;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

pub use self::attack::Abuse;
use self::field::Field;
pub use self::innocent::Timed;
use self::innocent::{idle, register_again_and_again, round_trips};
use super::Control;
use crate::fixture::wait::{self, LONG};
use crate::fixture::{Fixture, FixtureError, Server};

/// The settings of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The attacks, in their order.
    pub attacks: Vec<Abuse>,
    /// The duration of each attack.
    pub lasts: Duration,
    /// The bound of the worst round trip, if times are judged.
    pub worst_max: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            attacks: Abuse::ALL.to_vec(),
            lasts: Duration::from_secs(5),
            worst_max: Some(Duration::from_millis(50)),
        }
    }
}

/// The result of one attack.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The attack.
    pub attack: Abuse,
    /// What the attackers sent, in bytes.
    pub sent_bytes: u64,
    /// The round trips of two clients of the attacked server.
    pub near: Timed,
    /// The round trips of two clients with the link between them.
    pub far: Timed,
    /// The registrations at the attacked server, until the welcome.
    pub registrations: Timed,
    /// How late a thread woke that only slept: what the machine itself adds.
    pub idle: Timed,
    /// The peak growth of the attacked server's memory, in bytes.
    pub grown_bytes: u64,
    /// The violations.
    pub problems: Vec<String>,
}

/// The result of a run.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// One for each attack.
    pub outcomes: Vec<Outcome>,
    /// The violations.
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
        let (near, far) = ("same server", "across the link");
        writeln!(
            f,
            "in ms, median and worst; memory and traffic in MiB\n\
             {:24} {near:>15} {far:>15} {:>15} {:>13} {:>8} {:>8}  links",
            "attack", "registration", "idle thread", "memory", "traffic"
        )?;
        for outcome in &self.outcomes {
            let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
            writeln!(
                f,
                "{:24} {:>15} {:>15} {:>15} {:>13} {:>8.1} {:>8.1}  {}",
                outcome.attack.name(),
                outcome.near.to_string(),
                outcome.far.to_string(),
                outcome.registrations.to_string(),
                outcome.idle.to_string(),
                mebibytes(outcome.grown_bytes),
                mebibytes(outcome.sent_bytes),
                if outcome.problems.is_empty() {
                    "stood"
                } else {
                    "see below"
                }
            )?;
        }
        Ok(())
    }
}

/// Makes each attack.
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
    for &attack in &settings.attacks {
        control.progress.show(attack.name());
        let outcome = attacked(fixture, attack, settings, control)?;
        let problems = outcome.problems.iter();
        report
            .problems
            .extend(problems.map(|problem| format!("{}: {problem}", attack.name())));
        let worst = outcome.near.worst().max(outcome.far.worst());
        if let Some(most) = settings.worst_max.filter(|&most| worst > most) {
            report.problems.push(format!(
                "{}: the worst round trip took {worst:.1?}, more than {most:?}",
                attack.name()
            ));
        }
        report.outcomes.push(outcome);
    }
    control.progress.clear();
    Ok(report)
}

/// The address of the other end of the link to a server, which differs for each link.
fn link_to(server: &Server, other: u32) -> Result<Option<String>, FixtureError> {
    let state = server.state()?;
    let mut links = state.links.into_iter();
    Ok(links.find(|link| link.host == other).map(|link| link.peer))
}

/// Starts two servers and the innocent, and makes one attack.
fn attacked(
    fixture: &Fixture,
    attack: Abuse,
    settings: &Settings,
    control: &Control,
) -> Result<Outcome, FixtureError> {
    let start = |id, name: &str, uplink: Option<&Server>, args: &[&str]| {
        let mut server = fixture.server(id, name).arg("-q").irc().irc_legacy();
        if let Some(uplink) = uplink {
            server = server.uplink(uplink.address());
        }
        args.iter()
            .fold(server, |server, arg| server.arg(arg))
            .log_file(&format!("{}-{name}.log", attack.name().replace(' ', "-")))
            .start()
    };
    let hub = start(1, "hub", None, attack.hub_args())?;
    let leaf = start(2, "leaf", Some(&hub), attack.leaf_args())?;
    hub.wait_hosts(&[2])?;
    leaf.wait_hosts(&[1])?;
    let link = link_to(&hub, 2)?;

    let socket = |source| FixtureError::Socket {
        what: "an innocent client".to_owned(),
        source,
    };
    let near = innocent::pair([&hub, &hub], innocent::NEAR).map_err(socket)?;
    let far = innocent::pair([&hub, &leaf], innocent::FAR).map_err(socket)?;
    let before = resident_bytes(&hub);
    let (attack_is_over, all_is_over) = (AtomicBool::new(false), AtomicBool::new(false));
    let field = Field::new(fixture, &hub, &leaf, &attack_is_over);
    let mut outcome = thread::scope(|scope| {
        let near = scope.spawn(|| round_trips(near, innocent::NEAR, &all_is_over));
        let far = scope.spawn(|| round_trips(far, innocent::FAR, &all_is_over));
        let newcomers = scope.spawn(|| {
            let ip = Ipv4Addr::new(127, 0, 0, 2);
            register_again_and_again(ip, hub.address(), &all_is_over)
        });
        let sleeper = scope.spawn(|| idle(&all_is_over));
        let attackers = scope.spawn(|| attack.make(&field));
        let mut peak = before;
        let is_over = || control.check().is_err() || attackers.is_finished();
        let _ = wait::holds(settings.lasts, || {
            peak = peak.max(resident_bytes(&hub));
            is_over()
        });
        attack_is_over.store(true, Ordering::Relaxed);
        let problem = attackers.join();
        peak = peak.max(resident_bytes(&hub));
        all_is_over.store(true, Ordering::Relaxed);
        let mut outcome = Outcome {
            attack,
            sent_bytes: field.sent_bytes(),
            near: Timed::default(),
            far: Timed::default(),
            registrations: Timed::default(),
            idle: Timed::default(),
            grown_bytes: peak - before,
            problems: Vec::new(),
        };
        let problems = &mut outcome.problems;
        match problem {
            Ok(found) => problems.extend(found),
            Err(_) => problems.push("the attackers have panicked".to_owned()),
        }
        for (who, times, thread) in [
            ("same server", &mut outcome.near, near),
            ("across the link", &mut outcome.far, far),
            ("registration", &mut outcome.registrations, newcomers),
            ("idle thread", &mut outcome.idle, sleeper),
        ] {
            match thread.join() {
                Ok(Ok(found)) => *times = found,
                Ok(Err(problem)) => problems.push(format!("{who}: {problem}")),
                Err(_) => problems.push(format!("{who}: panicked")),
            }
        }
        outcome
    });
    control.check()?;
    outcome.problems.extend(aftermath(&hub, &leaf, link)?);
    Ok(outcome)
}

/// What is wrong when the attackers and the innocent have gone.
fn aftermath(
    hub: &Server,
    leaf: &Server,
    link: Option<String>,
) -> Result<Vec<String>, FixtureError> {
    let mut problems = Vec::new();
    let forgotten = |server: &Server, other| {
        wait::holds(LONG, || {
            server
                .state()
                .is_ok_and(|state| state.host_ids() == [other] && state.unregistered_links == 0)
        })
    };
    for (server, other) in [(hub, 2), (leaf, 1)] {
        if !forgotten(server, other) {
            let hosts = server.state()?.hosts.len();
            let name = server.name();
            problems.push(format!("{name} still knows {hosts} hosts"));
        }
        if server.process().log().contains("panicked") {
            problems.push(format!("{} has panicked", server.name()));
        }
    }
    let now = link_to(hub, 2)?;
    if now != link {
        problems.push(format!("the link was {link:?} and is {now:?}"));
    }
    Ok(problems)
}

fn resident_bytes(server: &Server) -> u64 {
    let usage = server.process().usage();
    usage.map_or(0, |usage| usage.resident_bytes)
}
