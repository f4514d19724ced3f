//! Many seeds, on several threads: the only place with threads, and they share
//! nothing but the number of the next seed.

use core::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::invariant::{Invariant, Violation};
use crate::options::Settings;
use crate::report::{Outcome, Report};
use crate::run::run_seed;

/// So many seeds are taken at once.
const CHUNK: u64 = 16;

/// Every so many seeds one is run again with its ids hashed otherwise.
const HASHED_EVERY: u64 = 64;

/// Runs a seed again with another order of hashes, which must not show. Without
/// the feature `planted` the order cannot be changed from outside.
fn hashed(outcome: &mut Outcome, settings: &Settings) {
    if !cfg!(feature = "planted") {
        return;
    }
    let settings = Settings {
        hash_seed: settings.hash_seed ^ 0x5eed,
        ..settings.clone()
    };
    let other = run_seed(outcome.seed, &settings);
    if other.trace_hash != outcome.trace_hash {
        outcome.violations.push(Violation {
            invariant: Invariant::V2,
            at: crc_core::Timestamp::START,
            text: "the run is another one when ids are hashed otherwise".to_owned(),
        });
    }
}

/// Runs the seeds on so many threads. `each` is told of every outcome, in no
/// order, and says whether to go on.
pub fn campaign(
    seeds: Range<u64>,
    threads: usize,
    settings: &Settings,
    each: impl Fn(&Outcome) -> bool + Sync,
) -> Report {
    let next = AtomicU64::new(seeds.start);
    let goes_on = AtomicBool::new(true);
    let whole = Mutex::new(Report::default());
    let work = || {
        let mut report = Report::default();
        while goes_on.load(Ordering::Relaxed) {
            let begin = next.fetch_add(CHUNK, Ordering::Relaxed);
            if begin >= seeds.end {
                break;
            }
            for seed in begin..seeds.end.min(begin + CHUNK) {
                let mut outcome = run_seed(seed, settings);
                if seed.is_multiple_of(HASHED_EVERY) && outcome.violations.is_empty() {
                    hashed(&mut outcome, settings);
                }
                report.add(&outcome);
                if !each(&outcome) {
                    goes_on.store(false, Ordering::Relaxed);
                }
            }
        }
        whole
            .lock()
            .expect("no thread panics while it adds")
            .merge(report);
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(work);
        }
    });
    whole.into_inner().expect("no thread panics while it adds")
}

/// The fewest steps of a seed's plan that still break the same promise, as far
/// as leaving out one part after the other finds them.
///
/// `None` when the seed breaks no promise.
#[must_use]
pub fn shrink(seed: u64, settings: &Settings) -> Option<(Vec<usize>, Outcome)> {
    let mut settings = settings.clone();
    let mut outcome = run_seed(seed, &settings);
    let broken = outcome.violations.first()?.invariant;
    let all = crate::run::steps(seed, &settings);
    let mut steps = settings.steps.take().unwrap_or_else(|| (0..all).collect());
    let mut part = steps.len().div_ceil(2);
    while part > 0 {
        let mut begin = 0;
        let mut smaller = false;
        while begin < steps.len() {
            let end = steps.len().min(begin + part);
            let mut fewer = steps.clone();
            fewer.drain(begin..end);
            settings.steps = Some(fewer.clone());
            let tried = run_seed(seed, &settings);
            if tried
                .violations
                .first()
                .is_some_and(|v| v.invariant == broken)
            {
                (steps, outcome) = (fewer, tried);
                smaller = true;
            } else {
                begin = end;
            }
        }
        if part == 1 && !smaller {
            break;
        }
        part = if part == 1 { 1 } else { part.div_ceil(2) };
    }
    Some((steps, outcome))
}
