//! What is done to a network, step by step: drawn from the seed before the run
//! begins, so that steps can be left out and the others stay as they are.

use core::time::Duration;

use crc_core::{Random, Timestamp};

use crate::channels::ChannelAct;
use crate::options::{Happening, Options};
use crc_netem::Draw;

/// Something that is done to the network at a given time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) at: Timestamp,
    pub(crate) act: Act,
    /// What else there is to be chosen follows from this.
    pub(crate) pick: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// A node begins.
    Start(usize),
    /// Something happens.
    Happen(Happening),
    /// A client does something in a channel.
    Channel(ChannelAct),
}

/// The plan of a run.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    /// When the trouble ends.
    pub(crate) calm_at: Timestamp,
}

impl Plan {
    pub(crate) fn draw(seed: u64, options: &Options) -> Plan {
        let mut random = Random::new(seed ^ 0x0000_0000_706c_616e);
        let random = &mut random;
        let trouble = options.trouble;
        let half = u64::try_from(trouble.as_millis() / 2).unwrap_or(0);
        let mut steps = Vec::new();
        let mut start = |node: usize, after: Duration, random: &mut Random| {
            steps.push(Step {
                at: Timestamp::START + after,
                act: Act::Start(node),
                pick: random.next_u64(),
            });
        };
        let servers = options.servers as usize;
        let others = options.original_servers + options.clients;
        let others = (others + options.original_clients + options.hostiles) as usize;
        for node in 0..servers {
            let after = match (node, options.storm) {
                (0, _) => Duration::ZERO,
                (_, true) => random.millis(0, 50),
                _ => random.millis(0, half.min(8_000)),
            };
            start(node, after, random);
        }
        for node in servers..servers + others {
            let after = random.millis(0, half);
            start(node, after, random);
        }
        let all: u64 = options
            .weights
            .iter()
            .map(|&weight| u64::from(weight))
            .sum();
        for _ in 0..options.happenings {
            let mut drawn = random.below(all);
            let kind = Happening::ALL
                .iter()
                .zip(options.weights)
                .find(|(_, weight)| {
                    let weight = u64::from(*weight);
                    let found = drawn < weight;
                    drawn = drawn.saturating_sub(weight);
                    found
                });
            let Some((&kind, _)) = kind else { continue };
            let end = u64::try_from(trouble.as_millis()).unwrap_or(0);
            steps.push(Step {
                at: Timestamp::START + random.millis(0, end),
                act: Act::Happen(kind),
                pick: random.next_u64(),
            });
        }
        if options.channels {
            // Drawn apart, so that all else is as it is without channels.
            let mut random = Random::new(seed ^ 0x6368_616e_6e65_6c73);
            let end = u64::try_from(trouble.as_millis()).unwrap_or(0);
            for _ in 0..random.between(10, 90) {
                let act = ChannelAct::draw(&mut random);
                steps.push(Step {
                    at: Timestamp::START + random.millis(0, end + 900),
                    act: Act::Channel(act),
                    pick: random.next_u64(),
                });
            }
        }
        Plan {
            steps,
            calm_at: Timestamp::START + trouble + Duration::from_secs(1),
        }
    }
}
