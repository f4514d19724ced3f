//! Many seeds on several threads. Threads are used here only, and share only the number
//! of the next seed.

use core::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::invariant::{Invariant, Violation};
use crate::options::Settings;
use crate::report::{Outcome, Report};
use crate::run::run_seed;

/// How many seeds a thread takes at once.
const CHUNK: u64 = 16;

/// One of so many seeds is run again with another hash seed.
const HASHED_EVERY: u64 = 64;

/// Runs a seed again with another hash seed, which must not change the run.
fn check_hash_order(outcome: &mut Outcome, settings: &Settings) {
    let settings = Settings {
        hash_seed: settings.hash_seed ^ 0x5eed,
        ..settings.clone()
    };
    let other = run_seed(outcome.seed, &settings);
    if other.trace_hash != outcome.trace_hash {
        outcome.violations.push(Violation {
            invariant: Invariant::V2,
            at: crc_core::Timestamp::START,
            text: "another hash seed gives another run".to_owned(),
        });
    }
}

/// Runs the seeds on some threads. `each` gets every outcome, in no order, and returns
/// whether to go on.
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
                    check_hash_order(&mut outcome, settings);
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

/// The fewest steps of a seed's plan that still violate the same invariant, as far as
/// leaving out one part after the other finds them.
///
/// `None` if the seed violates none.
#[must_use]
pub fn shrink(seed: u64, settings: &Settings) -> Option<(Vec<usize>, Outcome)> {
    let mut settings = settings.clone();
    let mut outcome = run_seed(seed, &settings);
    let violated = outcome.violations.first()?.invariant;
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
                .is_some_and(|v| v.invariant == violated)
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
