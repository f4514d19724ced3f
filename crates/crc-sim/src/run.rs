//! One seed from its start to its last check: faults, then quiet, then rest.

use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crc_core::Timestamp;

use crate::invariant::{Invariant, Violation};
use crate::options::{Options, Settings};
use crate::report::Outcome;
use crate::rest_checks;
use crate::world::World;

/// How long there must be no activity before the network counts as at rest: longer
/// than the longest pause between two dials.
const QUIET: Duration = Duration::from_secs(32);
/// How long after the faults the network must have come to rest.
const REST_WITHIN: Duration = Duration::from_secs(1200);
/// How long a network at rest must stay at rest.
const REST: Duration = Duration::from_secs(16);

/// What a seed draws.
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
    let (now, entries) = (world.now(), world.network.net.entries());
    let is_checking = world.is_checking;
    let mut record = world.monitor.record;
    if let Err(panic) = panicked {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        let invariant = if is_checking {
            Invariant::D4
        } else {
            Invariant::S1
        };
        let text = text.unwrap_or("a panic without a message").to_owned();
        record.violations.push(Violation {
            invariant,
            at: now,
            text,
        });
    }
    record.counts.entries = entries;
    Outcome {
        seed,
        trace_hash: record.trace.hash(),
        simulated: now.since(Timestamp::START),
        counts: record.counts,
        violations: record.violations,
        lines: record.trace.into_lines(),
    }
}

fn live(world: &mut World) {
    world.run(world.plan.faults_end_at);
    come_to_rest(world);
    if !world.is_sound() {
        return add_canary(world);
    }
    let parts = world.check_at_rest();
    stay_at_rest(world);
    if world.is_sound() && world.options().channels {
        world.send_channel_chats_at_rest(&parts);
        let until = world.now() + REST;
        world.run(until);
        if world.is_sound() {
            for (invariant, text) in rest_checks::check_channel_chats(&world.monitor) {
                world.violation(invariant, text);
            }
        }
    }
    if world.is_sound() && world.options().operators && !world.options().people {
        world.probe_operators();
    }
    // Hostile runs have limits that so much at once exceeds.
    if world.is_sound() && world.options().people && world.options().hostile.is_none() {
        world.probe(&parts);
    }
    add_canary(world);
}

/// Goes on until the network is at rest.
fn come_to_rest(world: &mut World) {
    let limit = world.plan.faults_end_at + REST_WITHIN;
    // A node that a v1 server refuses tries other ways.
    let quiet = QUIET * (1 + 3 * world.options().v1_servers.min(1));
    while world.is_sound() && world.now() <= limit {
        let quiet_at = world.last_activity().0 + quiet;
        let now = world.now();
        if world.is_at_rest(quiet_at, now + REST) {
            return;
        }
        world.run(quiet_at.max(now + Duration::from_secs(1)));
    }
    if world.is_sound() {
        let dead = world.network.undetected_dead_link().unwrap_or_default();
        let text = format!("never at rest: {} {dead}", world.last_activity().1);
        world.violation(Invariant::P1, text);
    }
}

/// A network at rest stays at rest.
fn stay_at_rest(world: &mut World) {
    if !world.is_sound() {
        return;
    }
    let (at_rest_since, _) = world.last_activity();
    let until = world.now() + REST;
    world.run(until);
    let (at, what) = world.last_activity();
    if world.is_sound() && at != at_rest_since {
        world.violation(Invariant::P1, format!("activity at rest: {what}"));
    }
}

/// Reports a violation if one was asked for.
fn add_canary(world: &mut World) {
    if world.settings.canary {
        let text = "the violation that was asked for".to_owned();
        world.violation(Invariant::S1, text);
    }
}
