//! The servers that this one has heard of, with their ranks and addresses: after the
//! configured servers and those of a rendezvous they are the candidates of a server that
//! has lost its uplink.
//!
//! Addresses are hearsay: a server says them of itself and of the servers behind it. So
//! their number is bounded for each telling server and in total, and an address is
//! forgotten some time after its server has left. Former uplinks come first and stay
//! longest: this server has seen that a server is there.

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::BTreeMap;

use crc_machine::{PeerAddress, Timestamp};
use crc_wire::HostId;

use super::Place;

/// How many servers are remembered.
const KNOWN_MAX: usize = 1024;
/// How many of them one uplink may tell of: half, so that the next uplink finds room.
const TOLD_BY_UPLINK_MAX: usize = KNOWN_MAX / 2;
/// How many of them one child may tell of. The servers behind a child come after this one,
/// so few of their addresses are ever needed elsewhere.
const TOLD_BY_CHILD_MAX: usize = 64;
/// How long a server is remembered that has left: longer than a reboot or most repairs of
/// a network take. Servers that are configured or that a rendezvous lists are dialled for
/// ever.
const FORGET_AFTER: Duration = Duration::from_secs(60 * 60);
/// How long a former uplink is remembered that has left.
const FORGET_UPLINK_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// Who tells of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Teller {
    /// The neighbour.
    pub(crate) host: HostId,
    /// Whether it is this server's uplink.
    pub(crate) is_uplink: bool,
    /// Whether this server has no rank yet.
    pub(crate) to_unranked: bool,
}

impl Teller {
    /// How many servers it may tell of.
    const fn told_max(self) -> usize {
        match self.is_uplink {
            true => TOLD_BY_UPLINK_MAX,
            false => TOLD_BY_CHILD_MAX,
        }
    }
}

/// A server that was heard of.
#[derive(Debug)]
struct Known {
    rank: u32,
    address: PeerAddress,
    told_by: HostId,
    /// Whether it may be dialled. Those behind a child come after this server, unless this
    /// one had no rank yet.
    may_be_dialled: bool,
    /// Whether it was this server's uplink.
    was_uplink: bool,
    /// When it left the network; `None` while it is there.
    gone_at: Option<Timestamp>,
}

impl Known {
    fn is_forgotten(&self, now: Timestamp) -> bool {
        let after = match self.was_uplink {
            true => FORGET_UPLINK_AFTER,
            false => FORGET_AFTER,
        };
        self.gone_at.is_some_and(|gone_at| gone_at + after <= now)
    }
}

/// The servers that were heard of, whether they are linked now or not.
#[derive(Debug, Default)]
pub(super) struct KnownServers {
    servers: BTreeMap<HostId, Known>,
    /// How many of them each server has told of.
    told: BTreeMap<HostId, usize>,
}

impl KnownServers {
    /// Whether there is room for the address of `id` among those that `teller` has told of.
    pub(super) fn has_room(&self, teller: Teller, id: HostId) -> bool {
        let told = self.told.get(&teller.host).copied().unwrap_or(0);
        let known = self.servers.get(&id);
        told < teller.told_max()
            || teller.host == id
            || known.is_some_and(|known| known.told_by == teller.host)
            || self.longest_gone(teller.host).is_some()
    }

    /// Remembers a server's rank and address.
    pub(super) fn learn(
        &mut self,
        teller: Teller,
        id: HostId,
        rank: u32,
        address: PeerAddress,
        now: Timestamp,
    ) {
        let before = self.remove(id);
        let told = self.told.get(&teller.host).copied().unwrap_or(0);
        if told >= teller.told_max()
            && let Some(gone) = self.longest_gone(teller.host)
        {
            self.remove(gone);
        }
        let itself = teller.host == id;
        let before = before.filter(|known| !known.is_forgotten(now));
        let known = Known {
            rank,
            address,
            told_by: teller.host,
            may_be_dialled: teller.is_uplink
                || itself
                || teller.to_unranked
                || before.as_ref().is_some_and(|known| known.may_be_dialled),
            was_uplink: (teller.is_uplink && itself)
                || before.is_some_and(|known| known.was_uplink),
            gone_at: None,
        };
        self.servers.insert(id, known);
        *self.told.entry(teller.host).or_default() += 1;
        while self.servers.len() > KNOWN_MAX
            && let Some(least) = self.least_needed()
        {
            self.remove(least);
        }
    }

    /// A server has left the network.
    pub(super) fn on_gone(&mut self, id: HostId, now: Timestamp) {
        if let Some(known) = self.servers.get_mut(&id) {
            known.gone_at = Some(now);
        }
    }

    /// Forgets the servers with this address.
    pub(super) fn forget(&mut self, address: &PeerAddress) {
        let at = self.servers.iter().filter(|(_, it)| it.address == *address);
        for id in at.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.remove(id);
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.servers.len()
    }

    /// The rank and address of a server.
    pub(super) fn find(&self, id: HostId) -> Option<(u32, &PeerAddress)> {
        let known = self.servers.get(&id)?;
        Some((known.rank, &known.address))
    }

    /// The servers that come before `own` and may be dialled, in the order in which they
    /// are dialled; and those that come after it. Former uplinks stand first, then those
    /// that were there when the uplink was lost, at `lost_at`, then the others.
    pub(super) fn around(
        &self,
        own: Place,
        lost_at: Timestamp,
        now: Timestamp,
    ) -> (Vec<&PeerAddress>, Vec<&PeerAddress>) {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for (id, known) in &self.servers {
            let place = (known.rank, *id);
            if known.is_forgotten(now) {
                continue;
            }
            if place > own {
                after.push(&known.address);
            } else if known.may_be_dialled {
                let gone_before = known.gone_at.is_some_and(|gone_at| gone_at < lost_at);
                before.push((!known.was_uplink, gone_before, place, &known.address));
            }
        }
        before.sort_unstable();
        let before = before.into_iter().map(|(.., address)| address);
        (before.collect(), after)
    }

    /// Of the servers that `told_by` has told of, the one that has left first.
    fn longest_gone(&self, told_by: HostId) -> Option<HostId> {
        let told = self.servers.iter();
        let told = told.filter(|(_, known)| known.told_by == told_by);
        let gone = told.filter_map(|(id, known)| Some((known.gone_at?, *id)));
        gone.min().map(|(_, id)| id)
    }

    /// The server to forget first when there are too many. Ghosts cannot push out former
    /// uplinks, nor servers that are there.
    fn least_needed(&self) -> Option<HostId> {
        let need = |(id, known): &(&HostId, &Known)| {
            let gone_at = known.gone_at.map(Reverse);
            let dialled = (!known.was_uplink, !known.may_be_dialled);
            (dialled, gone_at, known.rank, **id)
        };
        self.servers.iter().max_by_key(need).map(|(id, _)| *id)
    }

    fn remove(&mut self, id: HostId) -> Option<Known> {
        let known = self.servers.remove(&id)?;
        if let Some(told) = self.told.get_mut(&known.told_by) {
            *told -= 1;
            if *told == 0 {
                self.told.remove(&known.told_by);
            }
        }
        Some(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::START;

    fn id(id: u32) -> HostId {
        HostId::new(id).unwrap()
    }

    fn teller(host: u32, is_uplink: bool) -> Teller {
        Teller {
            host: id(host),
            is_uplink,
            to_unranked: false,
        }
    }

    fn address(number: u32) -> PeerAddress {
        format!("s{number}:1").parse().unwrap()
    }

    fn before(known: &KnownServers, lost_at: Timestamp, now: Timestamp) -> Vec<String> {
        let (before, _) = known.around((1, id(1_000)), lost_at, now);
        before.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn one_server_tells_of_a_bounded_number() {
        for (is_uplink, max) in [(true, 512), (false, 64)] {
            let (mut known, teller) = (KnownServers::default(), teller(2, is_uplink));
            for number in 0..max {
                let server = id(10_000 + number);
                assert!(known.has_room(teller, server), "{number}");
                known.learn(teller, server, 9, address(number), START);
            }
            let next = id(20_000);
            assert!(!known.has_room(teller, next));
            assert!(known.has_room(teller, id(10_000)), "its address may change");
            assert!(known.has_room(teller, teller.host), "itself");
            known.on_gone(id(10_001), START);
            assert!(
                known.has_room(teller, next),
                "in place of the one that left"
            );
            known.learn(teller, next, 9, address(max), START);
            assert_eq!(known.servers.len(), max as usize);
            assert!(known.find(id(10_001)).is_none());
        }
    }

    #[test]
    fn the_table_is_bounded_and_keeps_uplinks_and_living_servers() {
        let mut known = KnownServers::default();
        known.learn(teller(1, true), id(1), 0, address(1), START);
        known.learn(teller(1, true), id(2), 1, address(2), START);
        known.on_gone(id(1), START);
        for number in 0..1_100 {
            // A child that comes back under another id each time.
            let ghost = id(10_000 + number);
            known.learn(teller(20_000 + number, false), ghost, 0, address(9), START);
            known.on_gone(ghost, START);
        }
        assert_eq!(known.servers.len(), KNOWN_MAX);
        assert_eq!(known.told.values().sum::<usize>(), KNOWN_MAX);
        assert!(known.find(id(1)).is_some(), "it was the uplink");
        assert!(known.find(id(2)).is_some(), "it is there");
        assert_eq!(before(&known, START, START), ["s1:1", "s2:1"]);
    }

    #[test]
    fn addresses_die_with_their_servers_after_a_while() {
        let mut known = KnownServers::default();
        let uplink = teller(1, true);
        for number in [1, 2, 3] {
            known.learn(uplink, id(number), 0, address(number), START);
        }
        let later = START + Duration::from_secs(100);
        known.on_gone(id(2), START);
        known.on_gone(id(1), later);
        known.on_gone(id(3), later);
        // The uplink, those that it took along, and those that had left before.
        let all = ["s1:1", "s3:1", "s2:1"];
        assert_eq!(before(&known, later, later), all);
        let almost = later + (FORGET_AFTER - Duration::from_secs(1));
        assert_eq!(before(&known, later, almost), ["s1:1", "s3:1"]);
        assert_eq!(before(&known, later, later + FORGET_AFTER), ["s1:1"]);
        let none: [&str; 0] = [];
        assert_eq!(before(&known, later, later + FORGET_UPLINK_AFTER), none);
        // One that comes back is there again.
        known.learn(uplink, id(2), 0, address(2), later);
        let day = later + FORGET_UPLINK_AFTER;
        assert_eq!(before(&known, later, day), ["s2:1"]);
    }

    #[test]
    fn servers_behind_a_child_are_not_dialled_by_a_server_with_a_rank() {
        let mut known = KnownServers::default();
        known.learn(teller(1, false), id(2), 0, address(2), START);
        known.learn(teller(1, false), id(1), 0, address(1), START);
        assert_eq!(before(&known, START, START), ["s1:1"]);
        let mut before_ranked = teller(1, false);
        before_ranked.to_unranked = true;
        known.learn(before_ranked, id(3), 0, address(3), START);
        assert_eq!(before(&known, START, START), ["s1:1", "s3:1"]);
    }
}
