//! The checks of a network at rest.

use std::collections::BTreeSet;

use crc_rendezvous::{PeerCommand, When};

use crate::{DIRECTORY, Node, REST, Simulation};

impl Simulation {
    /// The invariants of a network at rest.
    pub(super) fn check_invariants(&self) {
        let seed = self.seed;
        let Some(Node::Directory(directory)) = &self.slots[DIRECTORY].node else {
            panic!("the directory is there in the end");
        };
        let list: Vec<_> = directory.peers().collect();
        let living: BTreeSet<_> = self
            .peers()
            .map(|(slot, _)| self.slots[slot].address)
            .collect();
        let listed: BTreeSet<_> = list.iter().copied().collect();
        assert_eq!(
            list.len(),
            listed.len(),
            "seed {seed}: a peer is listed twice"
        );
        assert_eq!(listed, living, "seed {seed}: the directory's list");
        for (slot, peer) in self.peers() {
            let address = self.slots[slot].address;
            assert_eq!(peer.list(), list, "seed {seed}: the list of {address}");
            assert!(peer.is_complete(), "seed {seed}: {address} is not complete");
            let connected: BTreeSet<_> = peer.connected().map(|(other, _)| other).collect();
            assert_eq!(
                connected, self.slots[slot].up,
                "seed {seed}: {address} reported"
            );
            let mut others = living.clone();
            others.remove(&address);
            assert_eq!(
                connected, others,
                "seed {seed}: those connected with {address}"
            );
            for (other, link) in peer.connected() {
                let (connection, side) = self.net.find(slot, link).expect("it is up");
                assert!(
                    self.net.connections()[connection].is_live(),
                    "seed {seed}: {address} to {other}"
                );
                let there = self.net.connections()[connection].end(1 - side).host();
                let found = self.slots[there].address;
                assert_eq!(
                    found, other,
                    "seed {seed}: whom {address} takes for {other}"
                );
            }
        }
        let live = self.live();
        let pairs = living.len() * living.len().saturating_sub(1) / 2;
        assert_eq!(
            live.count(),
            pairs + living.len(),
            "seed {seed}: connections"
        );
    }

    /// Every peer sends a line, and every other peer receives it once.
    pub(super) fn check_chats(&mut self) {
        let speakers: Vec<usize> = self.peers().map(|(slot, _)| slot).collect();
        for &slot in &speakers {
            self.slots[slot].received.clear();
            self.slots[slot].not_sent = 0;
        }
        for &slot in &speakers {
            let text = format!("hello from {}", self.slots[slot].address);
            let when = When::MeshComplete;
            self.command(slot, PeerCommand::SendText { text, when });
        }
        self.run_until(REST + 10_000);
        for &slot in &speakers {
            let mut received = self.slots[slot].received.clone();
            received.sort();
            let others = speakers.iter().filter(|&&other| other != slot);
            let mut meant: Vec<_> = others
                .map(|&other| self.slots[other].address)
                .map(|other| (other, format!("hello from {other}")))
                .collect();
            meant.sort();
            assert_eq!(received, meant, "seed {}", self.seed);
            let alone = usize::from(speakers.len() == 1);
            assert_eq!(self.slots[slot].not_sent, alone, "seed {}", self.seed);
        }
    }
}
