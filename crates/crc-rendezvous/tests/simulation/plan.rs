//! The faults and the plan of a run, drawn from its seed.

use std::net::{Ipv4Addr, SocketAddr};

use crc_machine::Random;
use crc_netem::{Conditions, Draw, Failure};

use crate::{Act, DIRECTORY, FAULTS, Simulation, low_byte};

/// The faults of a run, drawn from its seed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Faults {
    /// Whether peers survive the directory, so that it may stop.
    pub(super) persist: bool,
    /// Whether nodes write no newlines, like v1 nodes.
    pub(super) bare: bool,
    /// The probability, in percent, that a dial fails.
    pub(super) dials_fail: u8,
    /// The probability, in percent, that a segment takes so long that a message seems to
    /// be over.
    pub(super) stalls: u8,
    /// The number of connections that break.
    pub(super) breaks: u64,
}

impl Faults {
    pub(super) const NONE: Faults = Faults {
        persist: false,
        bare: false,
        dials_fail: 0,
        stalls: 0,
        breaks: 0,
    };

    pub(super) fn draw(random: &mut Random) -> Faults {
        Faults {
            persist: random.chance(50),
            bare: random.chance(33),
            dials_fail: random.one_of(&[0, 0, 10, 30]),
            stalls: random.one_of(&[0, 0, 3, 15]),
            breaks: random.one_of(&[0, 0, 2, 8]),
        }
    }

    pub(super) const fn conditions(self) -> Conditions {
        Conditions {
            latency: (1_000, 90_000),
            window: 64 << 10,
            cut_percent: 33,
            dial_fails_percent: self.dials_fail / 2,
            dial_hangs_percent: self.dials_fail / 2,
        }
    }
}

impl Simulation {
    /// Plans the joins, leaves, crashes and breaks.
    pub(super) fn plan(&mut self) {
        self.enter(FAULTS, Act::EndFaults);
        let starts_within = self.random.one_of(&[50, 2_000, 20_000]);
        let late = self.below(3) == 0 && self.faults.persist;
        let first = if late { self.below(5_000) } else { 0 };
        self.enter(first, Act::Start(DIRECTORY));
        if self.faults.persist {
            let mut when = first;
            for _ in 0..self.below(3) {
                when += 1 + self.below(10_000);
                self.enter_crash(when, DIRECTORY);
                when += self.below(4_000);
                self.enter(when, Act::Start(DIRECTORY));
            }
        }
        let most = if self.below(20) == 0 { 16 } else { 7 };
        for number in 0..3 + self.below(most) {
            let host = Ipv4Addr::new(10, 0, 0, 2 + low_byte(self.below(3)));
            // Nothing marks the end of a port of few digits.
            let base: u16 = self.random.one_of(&[1, 100, 9_000, 33_400]);
            let port = base + u16::from(low_byte(number));
            let slot = self.add_slot(SocketAddr::from((host, port)));
            let mut when = 1 + self.below(starts_within);
            self.enter(when, Act::Start(slot));
            for _ in 0..self.below(3) {
                when += 1 + self.below(8_000);
                if self.random.chance(50) {
                    self.enter(when, Act::Leave(slot));
                } else {
                    self.enter_crash(when, slot);
                }
                if self.below(3) == 0 {
                    break;
                }
                when += self.random.one_of(&[0, 5, 400, 4_000]);
                self.enter(when, Act::Start(slot));
            }
        }
        for _ in 0..self.faults.breaks {
            let when = self.below(FAULTS);
            self.enter(when, Act::Break);
        }
    }

    /// In one of four crashes the peers learn of it late.
    fn enter_crash(&mut self, when: u64, slot: usize) {
        use Failure::{Computer, Process};
        let failure = self.random.one_of(&[Process, Process, Process, Computer]);
        self.enter(when, Act::Crash { slot, failure });
    }
}
