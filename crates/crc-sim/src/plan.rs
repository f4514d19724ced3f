//! The plan of a run: steps that are drawn from the seed before the run starts, so that
//! some can be left out and the others stay as they are.

use core::time::Duration;

use crc_core::{Random, Timestamp};

use crate::channel_acts::ChannelAct;
use crate::hostile::{self, HostileAct};
use crate::operators::{self, OperatorAct};
use crate::options::{Fault, Options};
use crate::people::{self, PersonAct};
use crc_netem::Draw;

/// Something that is done to the network at a given time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) at: Timestamp,
    pub(crate) act: Act,
    /// The seed of all further choices.
    pub(crate) seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// A node starts.
    Start(usize),
    /// A fault, or a command of a user.
    Fault(Fault),
    /// A client does something in a channel.
    Channel(ChannelAct),
    /// A person does something.
    Person(PersonAct),
    /// Hostile people do something.
    Hostile(HostileAct),
    /// An operator does something.
    Operator(OperatorAct),
}

/// The plan of a run.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    pub(crate) faults_end_at: Timestamp,
}

impl Plan {
    pub(crate) fn draw(seed: u64, options: &Options) -> Plan {
        let mut random = Random::new(seed ^ 0x0000_0000_706c_616e);
        let random = &mut random;
        let duration = options.faults_for;
        let half = u64::try_from(duration.as_millis() / 2).unwrap_or(0);
        let mut steps = Vec::new();
        let mut start = |node: usize, after: Duration, random: &mut Random| {
            steps.push(Step {
                at: Timestamp::START + after,
                act: Act::Start(node),
                seed: random.next_u64(),
            });
        };
        let servers = options.servers as usize;
        let others = options.v1_servers + options.clients;
        let others = (others + options.v1_clients + options.hostiles) as usize;
        for node in 0..servers {
            let after = match (node, options.start_at_once) {
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
        for _ in 0..options.faults {
            let mut drawn = random.below(all);
            let kind = Fault::ALL.iter().zip(options.weights).find(|(_, weight)| {
                let weight = u64::from(*weight);
                let found = drawn < weight;
                drawn = drawn.saturating_sub(weight);
                found
            });
            let Some((&kind, _)) = kind else { continue };
            let end = u64::try_from(duration.as_millis()).unwrap_or(0);
            steps.push(Step {
                at: Timestamp::START + random.millis(0, end),
                act: Act::Fault(kind),
                seed: random.next_u64(),
            });
        }
        if options.channels {
            // From another generator, so that all else is as it is without channels.
            let mut random = Random::new(seed ^ 0x6368_616e_6e65_6c73);
            let end = u64::try_from(duration.as_millis()).unwrap_or(0);
            for _ in 0..random.between(10, 90) {
                let act = ChannelAct::draw(&mut random);
                steps.push(Step {
                    at: Timestamp::START + random.millis(0, end + 900),
                    act: Act::Channel(act),
                    seed: random.next_u64(),
                });
            }
        }
        if options.people {
            people::draw_steps(seed, options, &mut steps);
        }
        hostile::add_steps(seed, options, &mut steps);
        operators::add_steps(seed, options, &mut steps);
        Plan {
            steps,
            faults_end_at: Timestamp::START + duration + Duration::from_secs(1),
        }
    }
}
