//! A rendezvous directory beside the network: it tells each server of those that
//! joined before it, and is away for a part of the trouble in some runs.
//!
//! No bytes go to it or come from it: its own wire is tested elsewhere, and what
//! matters here is what servers make of its lists, however late and wrong.

use core::time::Duration;

use crc_core::{Random, ServerCommand};

use crate::node::{Birth, address};
use crate::world::{Told, World};
use crc_netem::{Draw, mix};

/// How long servers wait for the first list.
pub(crate) const CANDIDATES_WITHIN: Duration = Duration::from_secs(5);

/// A directory's list.
#[derive(Debug)]
pub(crate) struct Rendezvous {
    /// The living servers in the order of joining.
    list: Vec<usize>,
    /// In how much of the trouble, in a hundred parts, it is there.
    there_percent: u64,
    random: Random,
}

impl Rendezvous {
    pub(crate) fn new(seed: u64) -> Rendezvous {
        let mut random = Random::new(mix(seed, 0x7265_6e64));
        Rendezvous {
            list: Vec::new(),
            there_percent: random.one_of(&[100, 100, 60, 20, 0]),
            random,
        }
    }
}

impl World {
    /// Whether the directory is there now.
    fn rendezvous_is_there(&self) -> bool {
        let micros = |time: crc_core::Timestamp| time.as_micros();
        let there = |it: &Rendezvous| {
            self.calm || micros(self.now()) * 100 < micros(self.plan.calm_at) * it.there_percent
        };
        self.rendezvous.as_ref().is_some_and(there)
    }

    /// A server has begun, and joins.
    pub(crate) fn join_rendezvous(&mut self, node: usize) {
        if !matches!(self.nodes[node].birth, Birth::Server(_)) || !self.rendezvous_is_there() {
            return;
        }
        if let Some(rendezvous) = &mut self.rendezvous {
            rendezvous.list.retain(|other| *other != node);
            rendezvous.list.push(node);
        }
        self.tell_lists();
    }

    /// A server is no more.
    pub(crate) fn leave_rendezvous(&mut self, node: usize) {
        if !self.rendezvous_is_there() {
            return;
        }
        let Some(rendezvous) = &mut self.rendezvous else {
            return;
        };
        let before = rendezvous.list.len();
        rendezvous.list.retain(|other| *other != node);
        if rendezvous.list.len() != before {
            self.tell_lists();
        }
    }

    /// All is calm: a directory that was away is there again, and all register in
    /// another order.
    pub(crate) fn calm_rendezvous(&mut self) {
        let servers = self.nodes.iter().enumerate();
        let living = servers
            .filter(|(node, it)| {
                self.net.host(*node).is_alive() && matches!(it.birth, Birth::Server(_))
            })
            .map(|(node, _)| node)
            .collect();
        let Some(rendezvous) = &mut self.rendezvous else {
            return;
        };
        if rendezvous.there_percent < 100 {
            rendezvous.list = living;
            for last in (1..rendezvous.list.len()).rev() {
                let other = rendezvous.random.index(last + 1);
                rendezvous.list.swap(last, other);
            }
        }
        self.tell_lists();
    }

    /// Tells everybody but those who are frozen.
    fn tell_lists(&mut self) {
        let list = self.rendezvous.as_ref().map(|it| it.list.clone());
        let list = list.unwrap_or_default();
        for (place, &node) in list.iter().enumerate() {
            let host = self.net.host(node);
            if host.is_alive() && host.frozen_until() <= self.now() {
                let before = list[..place].iter();
                let before = before.map(|other| address(*other).into()).collect();
                let found = ServerCommand::Candidates(before);
                self.handle(node, Told::Server(found));
            }
        }
    }
}
