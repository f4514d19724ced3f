//! This server's place in the spanning tree: its rank, the servers that it may
//! link to, and the one uplink that it has.
//!
//! Every server has a rank. A server links only to a server that comes before it in
//! the order of (rank, id), so links always lead down the order and no cycle can
//! form, whichever servers fail and however many reconnect at once. A server without
//! an uplink tries its candidates in turn, with growing pauses: the configured ones,
//! those that were discovered for it, then every server it has heard of that comes
//! before it. A server without any candidate is a root, and waits to be dialled.
//!
//! [`Tree`] decides and remembers. It knows addresses, ids and links by name, but no
//! session, no directory and no timer: the caller passes in what a decision needs,
//! and carries the decision out (see `crc/uplink.rs`).

mod known;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crc_machine::{Backoff, DialError, DialId, LinkId, PeerAddress, Random, Timestamp, Transport};
use crc_wire::HostId;
use ipnet::IpNet;

use crate::announcement::UNRANKED;
use crate::config::{Config, is_permitted};
use crate::violation::Violation;
use known::KnownServers;
pub(crate) use known::Teller;

/// The shortest pause after a refusal.
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_secs(1);
/// The shortest pause after a loop was cut.
const PAUSE_AFTER_LOOP: Duration = Duration::from_secs(5);
/// The longest pause before a candidate is dialled again that has repeatedly led to a
/// loop.
const PAUSE_BETWEEN_LOOPS_MAX: Duration = Duration::from_secs(600);
/// How many parents in a row this server leaves because they do not come before it,
/// until it takes the place below one of them.
const RANK_REJECTIONS_MAX: u32 = 4;
/// How many discovered servers are tried.
const DISCOVERED_MAX: usize = 1024;
/// How many candidates are remembered that do not answer, so that each is logged once.
const UNANSWERED_MAX: usize = 1024;
/// For how long discovered servers are not dialled that come after this one as far
/// as is known. They will dial this one, unless they have not heard of it.
const LATER_RANK_DELAY: Duration = Duration::from_secs(10);

/// A server's place in the order in which servers link to each other.
pub(crate) type Place = (u32, HostId);

/// A candidate that has led to a loop.
#[derive(Debug)]
pub(crate) struct Loop {
    /// The server at that address.
    pub(crate) host: HostId,
    /// The server that it announced although this server knows another route to it:
    /// itself or another one.
    pub(crate) known: HostId,
    /// How often in a row it has led to a loop.
    times: u32,
    /// When it may be dialled again.
    pub(crate) until: Timestamp,
}

/// The consequence of a parent's rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RankDecision {
    /// The rank stays as it is.
    Keep,
    /// This server takes a rank, and announces it.
    Take(u32),
}

/// A parent that has announced its rank.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parent {
    pub(crate) link: LinkId,
    pub(crate) rank: u32,
    /// Whether it has announced itself as a version 2 server; a v1 server counts as
    /// rank 0.
    pub(crate) is_v2: bool,
}

/// An uplink that is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LostUplink {
    /// Whether the server there had accepted this one.
    pub(crate) was_accepted: bool,
}

/// This server's place in the tree.
#[derive(Debug)]
pub(crate) struct Tree {
    own_id: HostId,
    rank: u32,
    configured: Vec<PeerAddress>,
    discovered: Vec<PeerAddress>,
    /// From when on discovered servers are dialled that come after this one.
    later_ranks_from: Timestamp,
    /// Every server that was heard of, whether it is linked now or not.
    known: KnownServers,
    /// Where a server may be that is dialled although it is not configured.
    permitted: Arc<[IpNet]>,
    /// When the last uplink was lost.
    lost_at: Timestamp,
    /// The server to dial before all others.
    replacement: Option<PeerAddress>,
    /// The server that an operator wants this one to link to, and the operator.
    wanted: Option<(PeerAddress, HostId)>,
    /// The index of the next candidate.
    next: usize,
    /// Whether the candidate before was the last one, so that a new round begins.
    round_ends: bool,
    backoff: Backoff,
    dial: Option<(DialId, PeerAddress)>,
    dials: u64,
    link: Option<LinkId>,
    /// When the server at the other end of the link accepted this one.
    accepted_at: Option<Timestamp>,
    /// The shortest pause before the next dial.
    pause_min: Duration,
    /// The address that the link or the dial leads to.
    to: Option<PeerAddress>,
    /// Whether a server has ever accepted this one under its own id.
    was_member: bool,
    /// Addresses of v1 servers that have registered this server once and never
    /// accept its id again.
    refusing: BTreeSet<PeerAddress>,
    loops: BTreeMap<PeerAddress, Loop>,
    /// The candidate that stopped answering: it is dialled after the others.
    silent: Option<PeerAddress>,
    /// How many parents in a row were left because they do not come before this server.
    rank_rejections: u32,
    /// The link to the parent that comes before this server.
    in_order: Option<LinkId>,
    /// Whether this server has just left such a parent.
    left_parent: bool,
    /// The link whose peer seemed to be a v1 server when this server took its rank.
    guessed: Option<LinkId>,
    /// Whether this server knows what the network knows: it is linked, or has no server
    /// to link to, or has waited for long enough.
    settled: bool,
    /// The candidates that do not answer, and why, as was logged since the last uplink.
    unanswered: BTreeMap<PeerAddress, DialError>,
    /// What the last dialled server that did something wrong did, since then.
    violation: Option<Violation>,
    /// Whether it was logged since the last uplink that this server is the root.
    is_root_logged: bool,
}

fn is_tls(to: &PeerAddress) -> bool {
    matches!(to.transport, Transport::Tls { .. })
}

impl Tree {
    pub(crate) fn new(config: &Config) -> Self {
        Tree {
            own_id: config.id,
            rank: config.rank.unwrap_or(UNRANKED),
            configured: config.connect.clone(),
            discovered: Vec::new(),
            later_ranks_from: Timestamp::START,
            known: KnownServers::default(),
            permitted: config.server_peers.clone().into(),
            lost_at: Timestamp::START,
            replacement: None,
            wanted: None,
            next: 0,
            round_ends: true,
            backoff: Backoff::new(),
            dial: None,
            dials: 0,
            link: None,
            accepted_at: None,
            pause_min: Duration::ZERO,
            to: None,
            was_member: false,
            refusing: BTreeSet::new(),
            loops: BTreeMap::new(),
            silent: None,
            rank_rejections: 0,
            in_order: None,
            left_parent: false,
            guessed: None,
            settled: true,
            unanswered: BTreeMap::new(),
            violation: None,
            is_root_logged: false,
        }
    }

    // Being settled.

    /// Whether this server knows which channels the network has.
    pub(crate) const fn is_settled(&self) -> bool {
        self.settled
    }

    /// Notes whether it does. What was so before.
    pub(crate) const fn set_settled(&mut self, settled: bool) -> bool {
        core::mem::replace(&mut self.settled, settled)
    }

    // The order.

    /// This server's rank; [`UNRANKED`] while it has none.
    pub(crate) const fn rank(&self) -> u32 {
        self.rank
    }

    /// This server's place in the order.
    pub(crate) const fn place(&self) -> Place {
        (self.rank, self.own_id)
    }

    pub(crate) fn set_rank(&mut self, rank: u32) {
        self.rank = rank;
    }

    /// Whether a server at `place` may be this server's parent. While neither has a
    /// rank there is no order between them.
    pub(crate) fn may_be_parent(&self, place: Place) -> bool {
        let unordered = place.0 == UNRANKED && self.rank == UNRANKED;
        place < self.place() || unordered
    }

    /// Decides what follows from a parent's rank. `has_children`: another server
    /// has linked to this one and may have taken a rank from it.
    pub(crate) fn on_parent_rank(&mut self, parent: Parent, has_children: bool) -> RankDecision {
        let link = parent.link;
        let guessed = self
            .guessed
            .take_if(|guessed| parent.is_v2 && *guessed == link);
        if guessed.is_some() && !has_children {
            // The parent is no v1 server, its place is not the assumed one, and no
            // server has taken a rank from this one.
            self.rank = UNRANKED;
        }
        if self.rank != UNRANKED || parent.rank >= UNRANKED - 1 {
            return RankDecision::Keep;
        }
        if !parent.is_v2 {
            self.guessed = Some(link);
        }
        RankDecision::Take(parent.rank + 1)
    }

    /// The parent comes before this server: its rank is accepted.
    pub(crate) fn on_rank_accepted(&mut self, link: LinkId) {
        self.rank_rejections = 0;
        self.in_order = Some(link);
    }

    /// The parent came before this server, and has another rank now, since it found no server
    /// before it: this server follows. Otherwise a tall tree would find its new order one
    /// level after another.
    pub(crate) fn follow_rank(&mut self, parent: Parent) -> RankDecision {
        let came_before = self.in_order == Some(parent.link);
        match came_before && self.rank != UNRANKED && parent.rank < UNRANKED - 1 {
            true => RankDecision::Take(parent.rank + 1),
            false => RankDecision::Keep,
        }
    }

    /// The parent does not come before this server. After several such parents in a
    /// row this server's own rank is wrong: it takes the place below `parent`.
    pub(crate) fn on_rank_rejected(&mut self, parent: Option<u32>) -> RankDecision {
        self.rank_rejections = self.rank_rejections.saturating_add(1);
        match parent {
            Some(rank) if rank < UNRANKED - 1 && self.rank_rejections > RANK_REJECTIONS_MAX => {
                self.rank_rejections = 0;
                RankDecision::Take(rank + 1)
            }
            _ => {
                self.pause_min = PAUSE_AFTER_REFUSAL;
                self.left_parent = true;
                RankDecision::Keep
            }
        }
    }

    // Candidates.

    /// Whether there is room for the address of `id` among those that `teller` has told of.
    pub(crate) fn has_room(&self, teller: Teller, id: HostId) -> bool {
        self.known.has_room(teller, id)
    }

    /// Remembers a server's place and address.
    pub(crate) fn learn_address(
        &mut self,
        teller: Teller,
        (rank, id): Place,
        address: PeerAddress,
        now: Timestamp,
    ) {
        self.known.learn(teller, id, rank, address, now);
    }

    /// A server has left the network.
    pub(crate) fn on_server_gone(&mut self, id: HostId, now: Timestamp) {
        self.known.on_gone(id, now);
    }

    /// How many servers were heard of and are remembered.
    pub(crate) fn known_len(&self) -> usize {
        self.known.len()
    }

    /// The rank and address of a server, if they were heard of.
    pub(crate) fn known(&self, id: HostId) -> Option<(u32, &PeerAddress)> {
        self.known.find(id)
    }

    /// The networks to which a dial is limited: an explicitly configured server may be
    /// anywhere.
    pub(crate) fn permitted_networks(&self, to: &PeerAddress) -> Option<Arc<[IpNet]>> {
        (!self.configured.contains(to)).then(|| self.permitted.clone())
    }

    /// Changes the networks in which servers are dialled that are not configured.
    pub(crate) fn set_permitted(&mut self, networks: &[IpNet]) {
        self.permitted = networks.into();
    }

    /// Whether a server may be dialled that was announced or discovered. Where a name
    /// leads is known after the lookup only: see [`Tree::permitted_networks`].
    pub(crate) fn may_be_dialled(&self, to: &PeerAddress) -> bool {
        if self.configured.contains(to) {
            return true;
        }
        let ip = to.ip();
        let is_here = ip.is_some_and(|ip| ip.to_canonical().is_loopback());
        ip.is_none_or(|ip| is_permitted(&self.permitted, ip))
            && (is_here || is_tls(to) || !self.dials_by_tls())
    }

    /// Whether all configured servers are dialled by TLS. Then no other one is dialled without
    /// it, unless it is on this machine: that was not meant.
    fn dials_by_tls(&self) -> bool {
        !self.configured.is_empty() && self.configured.iter().all(is_tls)
    }

    /// Whether the configuration or a directory names any server to link to.
    pub(crate) const fn has_sources(&self) -> bool {
        !self.configured.is_empty() || !self.discovered.is_empty()
    }

    /// Replaces the discovered servers. Whether one of them is new.
    pub(crate) fn set_discovered(&mut self, mut discovered: Vec<PeerAddress>) -> bool {
        discovered.truncate(DISCOVERED_MAX);
        let old = core::mem::replace(&mut self.discovered, discovered);
        if self.is_idle() && old != self.discovered {
            self.next = 0;
        }
        let mut new = self.discovered.iter();
        new.any(|address| !old.contains(address))
    }

    /// All candidates, in the order in which they are dialled.
    pub(crate) fn candidates(&self, now: Timestamp) -> Vec<PeerAddress> {
        self.candidates_with(true, now)
    }

    /// The candidates that may be dialled at `now`.
    pub(crate) fn candidates_at(&self, now: Timestamp) -> Vec<PeerAddress> {
        self.candidates_with(self.later_ranks_from <= now, now)
    }

    /// The configured servers, the discovered ones, then every known server that
    /// comes before this one. Discovered servers that are known to come
    /// after this one stand last; without `with_later` they are left out.
    fn candidates_with(&self, with_later: bool, now: Timestamp) -> Vec<PeerAddress> {
        let (before, after) = self.known.around(self.place(), self.lost_at, now);
        // A server that comes before this one may be where a later one was.
        let mut later: BTreeSet<_> = after.into_iter().collect();
        for address in &before {
            later.remove(address);
        }
        let is_later = |address: &&PeerAddress| later.contains(address);
        let discovered = self.discovered.iter();
        let last = discovered.clone().filter(is_later).filter(|_| with_later);
        let discovered = discovered.filter(|address| !is_later(address));
        let mut seen: BTreeSet<_> = self.configured.iter().collect();
        let rest = discovered.chain(before).chain(last);
        let rest: Vec<_> = rest
            .filter(|address| self.may_be_dialled(address) && seen.insert(address))
            .collect();
        self.configured.iter().chain(rest).cloned().collect()
    }

    // Dials.

    /// Whether this server has neither an uplink nor a dial under way.
    pub(crate) const fn is_idle(&self) -> bool {
        self.link.is_none() && self.dial.is_none()
    }

    /// Whether an uplink has accepted this server.
    pub(crate) const fn is_linked(&self) -> bool {
        self.accepted_at.is_some()
    }

    /// Whether a leaving uplink has named the server to dial next.
    pub(crate) const fn has_replacement(&self) -> bool {
        self.replacement.is_some()
    }

    /// The address that the uplink or the dial under way leads to.
    pub(crate) const fn target(&self) -> Option<&PeerAddress> {
        self.to.as_ref()
    }

    /// The server to dial now, of these candidates: the named replacement first, the
    /// one that stopped answering last, the others in turn.
    pub(crate) fn next_candidate(
        &mut self,
        mut candidates: Vec<PeerAddress>,
    ) -> Option<PeerAddress> {
        if let Some(silent) = &self.silent
            && let Some(place) = candidates.iter().position(|candidate| candidate == silent)
        {
            let silent = candidates.remove(place);
            candidates.push(silent);
        }
        if let Some(replacement) = self.replacement.take() {
            return Some(replacement);
        }
        let next = self.next.checked_rem(candidates.len())?;
        self.next = next + 1;
        self.round_ends = self.next == candidates.len();
        Some(candidates.swap_remove(next))
    }

    /// An operator wants this server to link to another one: it is dialled next, and this
    /// server takes the place below it even if it comes before it now.
    pub(crate) fn want(&mut self, to: PeerAddress, by: HostId) {
        self.replacement = Some(to.clone());
        self.wanted = Some((to, by));
        self.rank_rejections = RANK_REJECTIONS_MAX;
    }

    /// What an operator wanted is decided, if the dial or link leads there: the address and
    /// the operator.
    pub(crate) fn take_wanted(&mut self, is_linked: bool) -> Option<(PeerAddress, HostId)> {
        let to = self.to.as_ref();
        let wanted = self.wanted.take_if(|(wanted, _)| to == Some(wanted))?;
        if !is_linked {
            self.rank_rejections = 0;
        }
        Some(wanted)
    }

    /// Begins a dial.
    pub(crate) fn start_dial(&mut self, to: PeerAddress) -> DialId {
        self.dials += 1;
        let dial = DialId(self.dials);
        self.to = Some(to.clone());
        self.dial = Some((dial, to));
        dial
    }

    /// A dial has become a link, if this tree has started it. Whether the server at
    /// the other end needs another id than this server's own.
    pub(crate) fn on_dialed(&mut self, dial: DialId, link: LinkId) -> Option<bool> {
        let (_, to) = self.dial.take_if(|(id, _)| *id == dial)?;
        self.link = Some(link);
        Some(self.refusing.contains(&to))
    }

    /// A dial has failed, if this tree has started it: the address.
    pub(crate) fn on_dial_failed(&mut self, dial: DialId, why: DialError) -> Option<PeerAddress> {
        let (_, to) = self.dial.take_if(|(id, _)| *id == dial)?;
        self.loops.remove(&to);
        if why == DialError::NotPermitted {
            // The name is not looked up again before it is announced again.
            self.known.forget(&to);
        }
        Some(to)
    }

    /// Whether it is news, since the last uplink, that a dial fails for this reason.
    pub(crate) fn is_failure_new(&mut self, to: &PeerAddress, why: DialError) -> bool {
        if self.unanswered.len() >= UNANSWERED_MAX && !self.unanswered.contains_key(to) {
            return false;
        }
        self.unanswered.insert(to.clone(), why) != Some(why)
    }

    /// Whether the last dialled server that did something wrong, since the last uplink, did
    /// something else.
    pub(crate) fn is_violation_new(&mut self, violation: Violation) -> bool {
        self.violation.replace(violation) != Some(violation)
    }

    /// Whether it is news, since the last uplink, that this server is the root: it has tried
    /// every candidate, and goes on trying them.
    pub(crate) fn becomes_root(&mut self) -> bool {
        self.round_ends && !core::mem::replace(&mut self.is_root_logged, true)
    }

    /// The pause before the next dial: it grows with every round through the candidates
    /// and differs from server to server. After a parent that does not come before this
    /// server it does not grow: a few of them in a row end the search.
    pub(crate) fn dial_pause(&mut self, random: &mut Random) -> Duration {
        let growing = match self.round_ends {
            _ if core::mem::take(&mut self.left_parent) => {
                PAUSE_AFTER_REFUSAL + random.duration_up_to(PAUSE_AFTER_REFUSAL)
            }
            true => self.backoff.pause(random, false),
            false => self.backoff.pause_within_round(random),
        };
        growing.max(core::mem::take(&mut self.pause_min))
    }

    // The uplink.

    /// The server at the other end of the uplink has accepted this one.
    pub(crate) fn on_accepted(&mut self, now: Timestamp) {
        self.silent = None;
        self.unanswered.clear();
        self.violation = None;
        self.is_root_logged = false;
        self.accepted_at = Some(now);
        self.was_member = true;
        self.pause_min = Duration::ZERO;
    }

    /// The server at the other end refuses this server's id. Whether this server has
    /// been a member before, so that the refusal may be about its former place.
    pub(crate) fn on_refused(&mut self) -> bool {
        self.pause_min = PAUSE_AFTER_REFUSAL;
        self.was_member
    }

    /// The server at the other end does not let this one link.
    pub(crate) const fn on_not_permitted(&mut self) {
        self.pause_min = PAUSE_AFTER_REFUSAL;
    }

    /// The refusing server did not close the link: it is a v1 server, which never accepts
    /// the same id twice. It is dialled again under another id: its address.
    pub(crate) fn on_permanent_refusal(&mut self, link: LinkId) -> Option<&PeerAddress> {
        if self.link != Some(link) {
            return None;
        }
        let to = self.to.clone()?;
        self.refusing.insert(to.clone());
        self.replacement = Some(to);
        self.replacement.as_ref()
    }

    /// The server at the other end accepts this server's own id after all.
    pub(crate) fn on_alias_not_needed(&mut self) {
        if let Some(to) = &self.to {
            self.refusing.remove(to);
        }
        self.pause_min = PAUSE_AFTER_REFUSAL;
    }

    /// The uplink, with the server `host` at its end, has led to a loop: it announces
    /// `known`, itself or another server, to which this server has another route.
    /// `is_known`: whether a server is in the directory.
    pub(crate) fn on_loop(
        &mut self,
        link: LinkId,
        (host, known): (HostId, HostId),
        now: Timestamp,
        random: &mut Random,
        is_known: impl Fn(HostId) -> bool,
    ) {
        if self.link != Some(link) {
            return;
        }
        self.pause_min = PAUSE_AFTER_LOOP;
        let loops = &mut self.loops;
        loops.retain(|_, found| is_known(found.known));
        let Some(to) = self.to.clone() else {
            return;
        };
        // Other candidates that led to the same server are in the same part of the
        // network, and would lead there again. This candidate may have led to another
        // server before: which one it announces first differs from time to time.
        let same = loops
            .iter()
            .filter(|(at, found)| found.known == known || **at == to);
        let (until, times) = match same.map(|(_, found)| (found.until, found.times)).max() {
            Some((until, times)) if now < until => (until, times),
            before => {
                let times = before.map_or(0, |(_, times)| times.saturating_add(1));
                let growing = PAUSE_AFTER_LOOP.saturating_mul(2_u32.saturating_pow(times));
                let most = growing.min(PAUSE_BETWEEN_LOOPS_MAX);
                let pause = most / 2 + random.duration_up_to(most / 2);
                (now + pause.max(PAUSE_AFTER_LOOP), times)
            }
        };
        let found = Loop {
            host,
            known,
            times,
            until,
        };
        loops.insert(to, found);
        for found in loops.values_mut().filter(|found| found.known == known) {
            found.until = until;
        }
    }

    /// The loop that a candidate has led to, if it has.
    pub(crate) fn loop_at(&self, candidate: &PeerAddress) -> Option<&Loop> {
        self.loops.get(candidate)
    }

    /// The server at the other end of the uplink has stopped answering.
    pub(crate) fn on_silent(&mut self, link: LinkId) {
        if self.link == Some(link) {
            self.silent.clone_from(&self.to);
        }
    }

    /// The uplink leaves, and names the server `by` at `address` in its place.
    pub(crate) fn on_replaced(
        &mut self,
        link: LinkId,
        by: Option<HostId>,
        address: Option<PeerAddress>,
    ) {
        if self.link != Some(link) {
            return;
        }
        let place = by.and_then(|by| Some((self.known.find(by)?.0, by)));
        if place.is_some_and(|place| place < self.place()) {
            self.replacement = address.filter(|address| self.may_be_dialled(address));
        }
    }

    /// A link has ended. Returns the lost uplink, if the link was the uplink.
    pub(crate) fn on_link_down(&mut self, link: LinkId, now: Timestamp) -> Option<LostUplink> {
        self.link.take_if(|uplink| *uplink == link)?;
        self.lost_at = now;
        if self.rank_rejections < 2 {
            // Otherwise the later ones had their time to dial this server.
            self.later_ranks_from = now + LATER_RANK_DELAY;
        }
        let accepted_at = self.accepted_at.take();
        if let Some(accepted_at) = accepted_at {
            if self.pause_min.is_zero() {
                // The uplink was lost. A server that has left its parent by itself
                // goes on to the next candidate instead.
                self.next = 0;
            }
            self.backoff.link_held(now.since(accepted_at));
        }
        Some(LostUplink {
            was_accepted: accepted_at.is_some(),
        })
    }
}
