//! A rendezvous directory beside the network: it lists to each server those that joined
//! before it, and is away during a part of the faults in some runs.
//!
//! It is not on the wire: its protocol is tested elsewhere. The checks here
//! are about what servers do with its lists, however late and wrong.

use core::time::Duration;

use crc_core::{Random, ServerCommand};

use crate::node::{NodeConfig, address};
use crate::world::World;
use crc_netem::{Draw, mix};

/// How long servers wait for their first list.
pub(crate) const CANDIDATES_WITHIN: Duration = Duration::from_secs(5);

/// A directory's list.
#[derive(Debug)]
pub(crate) struct Rendezvous {
    /// The servers that run, in the order of joining.
    list: Vec<usize>,
    /// For how long, in percent of the faults, it is up.
    up_percent: u64,
    random: Random,
}

impl Rendezvous {
    pub(crate) fn new(seed: u64) -> Rendezvous {
        let mut random = Random::new(mix(seed, 0x7265_6e64));
        Rendezvous {
            list: Vec::new(),
            up_percent: random.one_of(&[100, 100, 60, 20, 0]),
            random,
        }
    }
}

impl World {
    fn is_rendezvous_up(&self) -> bool {
        let micros = |time: crc_core::Timestamp| time.as_micros();
        let up = |it: &Rendezvous| {
            self.faults_over
                || micros(self.now()) * 100 < micros(self.plan.faults_end_at) * it.up_percent
        };
        self.rendezvous.as_ref().is_some_and(up)
    }

    /// A server has started, and joins.
    pub(crate) fn join_rendezvous(&mut self, node: usize) {
        let is_server = matches!(self.network.nodes[node].config, NodeConfig::Server(_));
        if !is_server || !self.is_rendezvous_up() {
            return;
        }
        if let Some(rendezvous) = &mut self.rendezvous {
            rendezvous.list.retain(|other| *other != node);
            rendezvous.list.push(node);
        }
        self.send_lists();
    }

    /// A server has ended.
    pub(crate) fn leave_rendezvous(&mut self, node: usize) {
        if !self.is_rendezvous_up() {
            return;
        }
        let Some(rendezvous) = &mut self.rendezvous else {
            return;
        };
        let before = rendezvous.list.len();
        rendezvous.list.retain(|other| *other != node);
        if rendezvous.list.len() != before {
            self.send_lists();
        }
    }

    /// The faults are over: a directory that was away is up again, and all servers
    /// register in another order.
    pub(crate) fn restore_rendezvous(&mut self) {
        let nodes = self.network.nodes.iter().enumerate();
        let alive = nodes
            .filter(|(node, it)| {
                self.network.is_alive(*node) && matches!(it.config, NodeConfig::Server(_))
            })
            .map(|(node, _)| node)
            .collect();
        let Some(rendezvous) = &mut self.rendezvous else {
            return;
        };
        if rendezvous.up_percent < 100 {
            rendezvous.list = alive;
            for last in (1..rendezvous.list.len()).rev() {
                let other = rendezvous.random.index(last + 1);
                rendezvous.list.swap(last, other);
            }
        }
        self.send_lists();
    }

    /// Sends each server its list, except to frozen ones. After the faults none is frozen,
    /// but one may be busy, and misses no list because of that.
    fn send_lists(&mut self) {
        let list = self.rendezvous.as_ref().map(|it| it.list.clone());
        let list = list.unwrap_or_default();
        for (place, &node) in list.iter().enumerate() {
            let host = self.network.net.host(node);
            if host.is_alive() && (self.faults_over || host.frozen_until() <= self.now()) {
                let before = list[..place].iter();
                let before = before.map(|other| address(*other).into()).collect();
                let found = ServerCommand::Candidates(before);
                self.command(node, found);
            }
        }
    }
}
