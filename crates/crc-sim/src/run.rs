//! One seed from its beginning to its judgement: trouble, calm, rest.

use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::invariant::{Invariant, Violation};
use crate::options::{Options, Settings};
use crate::report::Outcome;
use crate::world::World;

/// So long nothing but pings may have moved before all is said to be at rest:
/// longer than the longest pause between two dials.
const QUIET: Duration = Duration::from_secs(32);
/// So long after the trouble rest must have come.
const REST_WITHIN: Duration = Duration::from_secs(1200);
/// So long what is at rest must stay at rest.
const REST: Duration = Duration::from_secs(16);

/// What a seed will be like.
#[must_use]
pub fn options(seed: u64, settings: &Settings) -> Options {
    Options::draw(seed, settings)
}

/// How many steps the plan of a seed has.
#[must_use]
pub fn steps(seed: u64, settings: &Settings) -> usize {
    crate::plan::Plan::draw(seed, &options(seed, settings))
        .steps
        .len()
}

/// Runs one seed. The same seed and settings give the same outcome.
#[must_use]
pub fn run_seed(seed: u64, settings: &Settings) -> Outcome {
    let mut world = World::new(seed, settings);
    let panicked = catch_unwind(AssertUnwindSafe(|| live(&mut world)));
    if let Err(panic) = panicked {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        let invariant = if world.checking {
            Invariant::D4
        } else {
            Invariant::S1
        };
        let at = world.now();
        let text = text.unwrap_or("a panic without words").to_owned();
        world.violations.push(Violation {
            invariant,
            at,
            text,
        });
    }
    world.counts.entries = world.net.entries();
    Outcome {
        seed,
        trace_hash: world.trace.hash(),
        simulated: world.now().since(crc_core::Timestamp::START),
        counts: core::mem::take(&mut world.counts),
        violations: core::mem::take(&mut world.violations),
        lines: world.trace.into_lines(),
    }
}

fn live(world: &mut World) {
    let calm_at = world.plan.calm_at;
    world.run(calm_at);
    let limit = calm_at + REST_WITHIN;
    // Who is refused by an original tries other ways.
    let quiet = QUIET * (1 + 3 * world.options.original_servers.min(1));
    while world.violations.is_empty() {
        let quiet_at = world.news_at + quiet;
        if world.now() > limit
            || quiet_at <= world.now()
                && world.sick().is_none()
                && !world.is_looking(world.now() + REST)
        {
            break;
        }
        let until = quiet_at.max(world.now() + Duration::from_secs(1));
        world.run(until);
    }
    if world.violations.is_empty() && world.now() > limit {
        let sick = world.sick().unwrap_or_default();
        let text = format!("never at rest: {} {sick}", world.news);
        world.violation(Invariant::P1, text);
    }
    if world.violations.is_empty() {
        world.judge();
    }
    if world.violations.is_empty() {
        let at_rest = world.news_at;
        let until = world.now() + REST;
        world.run(until);
        if world.violations.is_empty() && world.news_at != at_rest {
            let text = format!("something moved at rest: {}", world.news);
            world.violation(Invariant::P1, text);
        }
    }
    if world.violations.is_empty() && world.options.channels {
        world.everybody_speaks();
        let until = world.now() + REST;
        world.run(until);
        if world.violations.is_empty() {
            world.judge_said();
        }
    }
    if world.settings.canary {
        world.violation(Invariant::S1, "the canary sings".to_owned());
    }
}
