//! The outcomes of many runs: counts, and the violations with their seeds.

use core::fmt;
use core::time::Duration;

use crate::invariant::{Invariant, Violation};
use crate::options::Fault;
use crc_netem::mix;

macro_rules! counts {
    ($($(#[$doc:meta])* $field:ident,)*) => {
        /// The counts of a run, or of many.
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct Counts {
            $($(#[$doc])* pub $field: u64,)*
            /// Faults and commands by kind: see [`Fault::ALL`].
            pub faults: [u64; Fault::ALL.len()],
        }

        impl Counts {
            /// Adds the counts of another run.
            pub fn add(&mut self, other: &Counts) {
                $(self.$field += other.$field;)*
                for (sum, more) in self.faults.iter_mut().zip(other.faults) {
                    *sum += more;
                }
            }
        }
    };
}

counts! {
    /// Entries of calendars that were due.
    entries,
    /// Events that machines handled.
    events,
    /// Frames that were checked.
    frames,
    /// Announcements of other hosts among them.
    registrations,
    /// Quits among them.
    quits,
    /// Keepalives among them.
    keepalives,
    /// Chats that clients got the command to send.
    chats,
    /// Chats that were delivered.
    delivered,
    /// Lines of text protocols that were sent.
    lines,
    /// How often a channel chat was received.
    channel_chats,
    /// Chats that a client could not send.
    not_sent,
    /// How often a client has moved to another server.
    moves,
    /// How often a client has taken another name.
    renames,
    /// Connections that were made.
    connections,
    /// Dials that failed.
    dials_failed,
    /// Links that were closed because the peer read too slowly.
    slow_consumers,
    /// Registrations that were refused.
    refusals,
    /// V1 clients that were registered at the end.
    v1_clients_registered,
}

/// The outcome of one seed.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// A hash over all that happened.
    pub trace_hash: u64,
    /// The simulated time of the run.
    pub simulated: Duration,
    /// The counts.
    pub counts: Counts,
    /// The violations.
    pub violations: Vec<Violation>,
    /// The lines of the trace, if they were wanted.
    pub lines: Vec<String>,
}

/// The outcomes of many seeds.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The number of seeds.
    pub seeds: u64,
    /// The simulated time of all runs.
    pub simulated: Duration,
    /// The counts.
    pub counts: Counts,
    /// The trace hashes of all seeds in one number, in whatever order they ran: equal
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

    /// The number of seeds that violate an invariant first.
    #[must_use]
    pub fn violations_of(&self, invariant: Invariant) -> usize {
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
            "{} events, {} connections, {} frames checked: {} registrations, {} quits, {} keepalives; {} chats, {} delivered, {} received in channels; {} moves, {} new names",
            counts.events,
            counts.connections,
            counts.frames,
            counts.registrations,
            counts.quits,
            counts.keepalives,
            counts.chats,
            counts.delivered,
            counts.channel_chats,
            counts.moves,
            counts.renames
        )?;
        write!(f, "faults:")?;
        for (kind, count) in Fault::ALL.iter().zip(counts.faults) {
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
            let violations = self.violations_of(invariant);
            let mark = if violations == 0 { "  " } else { "! " };
            write!(
                f,
                "{mark}{invariant:<3} {violations:>7}  {}",
                invariant.description()
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
