//! Long runs against real processes, with faults at random: hostile peers
//! ([`hostile`]), servers that die and freeze ([`tree`]), and how long it takes
//! until whoever is left has found each other ([`healing`]); and what a connection
//! costs ([`footprint`]).
//!
//! Judges from the outside: by admin pages, by what clients hear, and by what
//! the system says of a process. Everything runs on loopback, within bounds of
//! count and time, and is stopped when the run ends, is interrupted or fails. A
//! seed gives the same faults in the same order; how they fall together with
//! what the processes do is the machine's.

pub mod footprint;
mod good;
pub mod healing;
pub mod hostile;
mod judge;
mod network;
mod progress;
mod rng;
mod stranger;
pub mod tree;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::fixture::FixtureError;

pub use progress::Progress;

/// What every run is told from outside: whether to stop, and where to say how
/// far it has come.
#[derive(Debug, Clone, Default)]
pub struct Control {
    /// Set when somebody wants it to stop.
    pub interrupted: Arc<AtomicBool>,
    /// Where it says how far it has come.
    pub progress: Progress,
}

impl Control {
    /// # Errors
    ///
    /// [`FixtureError::Interrupted`] when somebody wants it to stop.
    fn check(&self) -> Result<(), FixtureError> {
        if self.interrupted.load(Ordering::Relaxed) {
            return Err(FixtureError::Interrupted);
        }
        Ok(())
    }
}

/// The middle and the worst of some times, for a report.
fn median_and_worst(times: &[Duration]) -> Option<(Duration, Duration)> {
    let mut times = times.to_vec();
    times.sort_unstable();
    let middle = times.len() / 2;
    let above = *times.get(middle)?;
    let below = match times.len() % 2 {
        0 => times[middle - 1],
        _ => above,
    };
    Some(((below + above) / 2, *times.last()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_worst() {
        let seconds = |numbers: &[u64]| -> Vec<Duration> {
            numbers.iter().copied().map(Duration::from_secs).collect()
        };
        assert_eq!(median_and_worst(&[]), None);
        let [middle, worst] = [3, 9].map(Duration::from_secs);
        let even = [2, 3].map(Duration::from_secs);
        assert_eq!(
            median_and_worst(&seconds(&[3, 1])),
            Some((even[0], even[1]))
        );
        assert_eq!(
            median_and_worst(&seconds(&[9, 1, 3])),
            Some((middle, worst))
        );
    }

    #[test]
    fn whoever_is_interrupted_says_so() {
        let control = Control::default();
        assert!(control.check().is_ok());
        control.interrupted.store(true, Ordering::Relaxed);
        assert!(matches!(control.check(), Err(FixtureError::Interrupted)));
    }
}
