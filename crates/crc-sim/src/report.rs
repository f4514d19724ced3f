//! What runs add up to: numbers, and the violations with their seeds.

use core::fmt;
use core::time::Duration;

use crate::invariant::{Invariant, Violation};
use crate::options::Happening;
use crc_netem::mix;

macro_rules! counts {
    ($($(#[$doc:meta])* $field:ident,)*) => {
        /// What happened in a run, or in many, in numbers.
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct Counts {
            $($(#[$doc])* pub $field: u64,)*
            /// What was done to the network, by kind: see [`Happening::ALL`].
            pub happened: [u64; Happening::ALL.len()],
        }

        impl Counts {
            /// Adds what another run came to.
            pub fn add(&mut self, other: &Counts) {
                $(self.$field += other.$field;)*
                for (sum, more) in self.happened.iter_mut().zip(other.happened) {
                    *sum += more;
                }
            }
        }
    };
}

counts! {
    /// Entries of calendars.
    entries,
    /// Events that machines were told.
    events,
    /// Frames that were judged.
    frames,
    /// Registrations of others among them.
    registrations,
    /// Quits among them.
    quits,
    /// Repeated registrations among them.
    pings,
    /// Chats that were said.
    chats,
    /// Chats that were delivered.
    delivered,
    /// How often something that was said in a channel was heard.
    channel_chats,
    /// Chats that their client could not send.
    not_sent,
    /// Connections that were made.
    connections,
    /// Dials that failed.
    dials_failed,
    /// Links that were closed because the peer read too slowly.
    slow_consumers,
    /// Registrations that were refused.
    refusals,
    /// Original clients that were alive and registered at the end.
    originals_alive,
}

/// What one seed came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// A hash over all that happened.
    pub trace_hash: u64,
    /// How much time passed in the run.
    pub simulated: Duration,
    /// What happened, in numbers.
    pub counts: Counts,
    /// What was wrong; empty is good.
    pub violations: Vec<Violation>,
    /// The trace, if it was wanted.
    pub lines: Vec<String>,
}

/// What many seeds came to.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// How many seeds were run.
    pub seeds: u64,
    /// How much time passed in all runs together.
    pub simulated: Duration,
    /// What happened, in numbers.
    pub counts: Counts,
    /// The trace hashes of all seeds in one number, whatever order they ran in: equal
    /// digests of two builds mean equal runs, seed by seed.
    pub trace_digest: u64,
    /// The seeds with violations, each with its first.
    pub violations: Vec<(u64, Violation)>,
}

impl Report {
    /// Adds the outcome of one more seed.
    pub fn add(&mut self, outcome: &Outcome) {
        self.seeds += 1;
        self.simulated += outcome.simulated;
        self.counts.add(&outcome.counts);
        self.trace_digest ^= mix(outcome.seed, outcome.trace_hash);
        if let Some(violation) = outcome.violations.first() {
            self.violations.push((outcome.seed, violation.clone()));
        }
    }

    /// Adds another report.
    pub fn merge(&mut self, other: Report) {
        self.seeds += other.seeds;
        self.simulated += other.simulated;
        self.counts.add(&other.counts);
        self.trace_digest ^= other.trace_digest;
        self.violations.extend(other.violations);
        self.violations.sort_by_key(|(seed, _)| *seed);
    }

    /// How many seeds broke a promise.
    #[must_use]
    pub fn broken(&self, invariant: Invariant) -> usize {
        let violations = self.violations.iter();
        violations
            .filter(|(_, violation)| violation.invariant == invariant)
            .count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.counts;
        writeln!(
            f,
            "{} seeds, {} h of simulated time",
            self.seeds,
            self.simulated.as_secs() / 3600
        )?;
        writeln!(
            f,
            "{} events, {} connections, {} frames judged: {} registrations, {} quits, {} pings, {} chats said, {} delivered, {} heard in channels",
            counts.events,
            counts.connections,
            counts.frames,
            counts.registrations,
            counts.quits,
            counts.pings,
            counts.chats,
            counts.delivered,
            counts.channel_chats
        )?;
        write!(f, "faults:")?;
        for (kind, count) in Happening::ALL.iter().zip(counts.happened) {
            write!(f, " {} {count},", kind.name())?;
        }
        writeln!(
            f,
            " dials failed {}, slow consumers {}, refusals {}",
            counts.dials_failed, counts.slow_consumers, counts.refusals
        )?;
        writeln!(f, "trace digest: {:016x}", self.trace_digest)?;
        writeln!(f, "violations: {}", self.violations.len())?;
        for &invariant in Invariant::ALL {
            let broken = self.broken(invariant);
            let mark = if broken == 0 { "  " } else { "! " };
            write!(
                f,
                "{mark}{invariant:<3} {broken:>7}  {}",
                invariant.promise()
            )?;
            let mut comma = "  seeds";
            for (seed, _) in self
                .violations
                .iter()
                .filter(|(_, v)| v.invariant == invariant)
                .take(8)
            {
                write!(f, "{comma} {seed}")?;
                comma = ",";
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
