//! Long runs against real processes, with random faults.
//!
//! - [`hostile`]: attackers at one server
//! - [`abuse`]: people who make two servers work as much as they can
//! - [`tree`]: servers that die and freeze while clients chat
//! - [`healing`]: how long a network takes to heal after the loss of a server
//! - [`moves`]: how long a client takes to be at another server after the loss of its own one
//! - [`flood`]: a flood of messages at a client that fills the screen, while its user types
//! - [`footprint`]: the memory of an unregistered connection
//!
//! The checks see processes from outside only: admin pages, what clients receive, and
//! what the system reports of a process. All processes run on the loopback. Each run
//! has bounds of count and time, and stops its processes when it ends, fails or is
//! interrupted. A seed gives the same faults in the same order; how they coincide
//! with the work of the processes depends on the machine.

pub mod abuse;
mod attack;
mod client_pair;
pub mod flood;
pub mod footprint;
pub mod healing;
pub mod hostile;
mod invariants;
pub mod moves;
mod network;
mod progress;
mod rng;
pub mod tree;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::fixture::FixtureError;

pub use progress::Progress;

/// What a run gets from its caller: the interruption flag and a progress line.
#[derive(Debug, Clone, Default)]
pub struct Control {
    /// Set to interrupt the run.
    pub interrupted: Arc<AtomicBool>,
    /// Where it shows its progress.
    pub progress: Progress,
}

impl Control {
    /// # Errors
    ///
    /// [`FixtureError::Interrupted`] when the run is interrupted.
    fn check(&self) -> Result<(), FixtureError> {
        if self.interrupted.load(Ordering::Relaxed) {
            return Err(FixtureError::Interrupted);
        }
        Ok(())
    }
}

/// The median and the maximum of some times, for a report.
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
    fn median_and_worst_of_times() {
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
    fn an_interrupted_run_returns_an_error() {
        let control = Control::default();
        assert!(control.check().is_ok());
        control.interrupted.store(true, Ordering::Relaxed);
        assert!(matches!(control.check(), Err(FixtureError::Interrupted)));
    }
}
