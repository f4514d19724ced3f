//! Measures elapsed time, processor time and memory.

use std::time::{Duration, Instant};

use crate::servers::Target;
use crate::usage;

/// The clocks at one moment: wall clock, and each process's processor time.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    at: Instant,
    own: Option<Duration>,
    servers: Vec<Option<Duration>>,
}

/// The difference between two readings. A processor time is `None` if the system does not
/// report it.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub(crate) time: Duration,
    /// This program's processor time.
    pub(crate) own: Option<Duration>,
    /// Each server's processor time.
    pub(crate) servers: Vec<Option<Duration>>,
}

impl Reading {
    /// Reads the clocks now.
    pub(crate) fn now(targets: &[Target]) -> Reading {
        let of = |target: &Target| target.process.and_then(usage::processor_time);
        Reading {
            at: Instant::now(),
            own: usage::processor_time(std::process::id()),
            servers: targets.iter().map(of).collect(),
        }
    }

    /// The difference from this reading to `later`.
    pub(crate) fn until(&self, later: &Reading) -> Span {
        let between = |(from, to): (&Option<Duration>, &Option<Duration>)| {
            Some((*to)?.saturating_sub((*from)?))
        };
        Span {
            time: later.at.saturating_duration_since(self.at),
            own: between((&self.own, &later.own)),
            servers: self
                .servers
                .iter()
                .zip(&later.servers)
                .map(between)
                .collect(),
        }
    }
}

impl Span {
    /// The sum of all servers' processor times; `None` unless all are known.
    pub(crate) fn all_servers(&self) -> Option<Duration> {
        self.servers.iter().copied().sum()
    }
}

/// The resident memory of each server, in bytes.
pub(crate) fn resident(targets: &[Target]) -> Vec<Option<u64>> {
    let of = |target: &Target| target.process.and_then(usage::resident);
    targets.iter().map(of).collect()
}

/// The peak resident memory of each server, in bytes.
pub(crate) fn resident_peak(targets: &[Target]) -> Vec<Option<u64>> {
    let of = |target: &Target| target.process.and_then(usage::resident_peak);
    targets.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(servers: &[Option<u64>]) -> Reading {
        let duration = |nanoseconds: &Option<u64>| nanoseconds.map(Duration::from_nanos);
        Reading {
            at: Instant::now(),
            own: None,
            servers: servers.iter().map(duration).collect(),
        }
    }

    #[test]
    fn an_unknown_time_makes_the_sum_unknown() {
        let span = reading(&[Some(5), Some(7)]).until(&reading(&[Some(15), Some(8)]));
        assert_eq!(span.all_servers(), Some(Duration::from_nanos(11)));
        let span = reading(&[Some(5), None]).until(&reading(&[Some(15), Some(8)]));
        assert_eq!(span.servers, [Some(Duration::from_nanos(10)), None]);
        assert_eq!(span.all_servers(), None);
        assert_eq!(span.own, None);
    }
}
