//! A server's place in the tree: the one server that it links to.
//!
//! Every server has a rank, and links only to one that comes before it in the
//! order of (rank, id); so links always lead down the order and can form no
//! cycle, whoever dies and however many look for a place at once. Whoever has
//! no uplink tries the candidates in turn, again and again with growing pauses:
//! those it was told by its operator, those that were found for it, then every
//! server it has heard of that comes before it. Whoever has no candidate is a
//! root, and waits. Who finds others, and how, is not known here.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use crc_wire::HostId;

use crate::announcement::{Announcement, UNRANKED};
use crate::context::{Context, Out, Stage, Timer};
use crate::crc::session::Alias;
use crate::id::random_host_id;
use crate::network::{Host, HostInfo, HostKind, PeerVersion};
use crate::planted::planted;
use crate::server::ServerNotice;
use crc_machine::Backoff;
use crc_machine::CloseWhen;
use crc_machine::Timestamp;
use crc_machine::{DialError, DialId, LinkId, PeerAddress};

/// The shortest pause after a refusal.
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_secs(1);
/// The shortest pause after a loop was cut.
const PAUSE_AFTER_LOOP: Duration = Duration::from_secs(5);
/// The longest pause before a server is dialled again that has led back to us
/// time after time.
const PAUSE_BETWEEN_LOOPS_MAX: Duration = Duration::from_secs(600);
/// How often we leave servers that do not come before us, before we take a
/// place below one all the same.
const RANK_REJECTIONS_MAX: u32 = 4;
/// The longest pause before the server is dialled that an uplink has named in
/// its place.
const PAUSE_BEFORE_REPLACEMENT_MAX: Duration = Duration::from_millis(500);
/// How long we stay below a server that does not come before us.
const HEARING_TIME: Duration = Duration::from_secs(1);
/// How long a server of ours may take to hang up after a refusal.
const HANGING_UP_TIME: Duration = Duration::from_secs(2);
/// How many servers are remembered.
const KNOWN_MAX: usize = 1024;
/// How many of those that were found for us are tried.
const FOUND_MAX: usize = 1024;
/// The longest pause before somebody is dialled who has been found just now.
const PAUSE_BEFORE_FOUND_MAX: Duration = Duration::from_millis(500);
/// How long servers are left alone that were found for us, but come after us as
/// far as we know: they will come to us, unless they do not know of us.
const LATER_RANK_DELAY: Duration = Duration::from_secs(10);

/// A server's place in the order in which servers link to each other.
pub(crate) type Place = (u32, HostId);

/// A candidate that has led back to us.
#[derive(Debug)]
struct Loop {
    /// Who is there.
    host: HostId,
    /// Whom it tells of that we know by another way: itself or another server.
    known: HostId,
    /// How often in a row it has led back to us.
    times: u32,
    /// When it may be dialled again.
    until: Timestamp,
}

/// Where we look for an uplink, and how that went so far.
#[derive(Debug)]
pub(crate) struct Uplink {
    configured: Vec<PeerAddress>,
    /// Those that were found for us.
    found: Vec<PeerAddress>,
    /// Until when those of them are left alone that come after us.
    later_ranks_from: Timestamp,
    /// Every server that we have heard of, whether it is there now or not.
    known: BTreeMap<HostId, (u32, PeerAddress)>,
    /// Whom to dial before all others.
    replacement: Option<PeerAddress>,
    /// Which candidate is next.
    next: usize,
    backoff: Backoff,
    dial: Option<(DialId, PeerAddress)>,
    dials: u64,
    link: Option<LinkId>,
    /// When the link's peer took us.
    accepted_at: Option<Timestamp>,
    /// The shortest pause before the next dial.
    pause_min: Duration,
    /// Whom the link or the dial leads to.
    to: Option<PeerAddress>,
    /// Whether a server has ever taken us under our own id.
    was_member: bool,
    /// Original servers that have listed us once and do not take our id again.
    refusing: BTreeSet<PeerAddress>,
    /// Candidates that have led back to us.
    loops: BTreeMap<PeerAddress, Loop>,
    /// The candidate that has gone silent on us: it has its turn after the others.
    silent: Option<PeerAddress>,
    /// How many servers in a row we have left because they do not come before us.
    rank_rejections: u32,
    /// The link whose peer seemed to be an original, so that we have our rank.
    guessed: Option<LinkId>,
}

impl Uplink {
    pub(crate) const fn new(configured: Vec<PeerAddress>) -> Self {
        Uplink {
            configured,
            found: Vec::new(),
            later_ranks_from: Timestamp::START,
            known: BTreeMap::new(),
            replacement: None,
            next: 0,
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
            guessed: None,
        }
    }

    /// Notes where a server is, and its place.
    pub(crate) fn learn_address(&mut self, id: HostId, rank: u32, address: PeerAddress) {
        self.known.insert(id, (rank, address));
        if self.known.len() > KNOWN_MAX {
            let last = self
                .known
                .iter()
                .max_by_key(|(id, (rank, _))| (*rank, **id));
            if let Some(id) = last.map(|(id, _)| *id) {
                self.known.remove(&id);
            }
        }
    }

    /// Whom to dial, in order: the configured ones, those that were found, then
    /// every server before `own` in the order, the first first. Those of the found
    /// ones that do not come before `own`, as far as is known, stand behind all
    /// others, if they are wanted at all.
    pub(crate) fn candidates(&self, own: Place, with_later: bool) -> Vec<PeerAddress> {
        let known = self.known.iter();
        let mut known: Vec<(Place, &PeerAddress)> = known
            .map(|(id, (rank, address))| ((*rank, *id), address))
            .collect();
        known.sort_unstable();
        let (before, after) = known.split_at(known.partition_point(|(place, _)| *place < own));
        let before = before.iter().map(|(_, address)| *address);
        // Who comes before us may be where somebody was who came after us.
        let mut later: BTreeSet<_> = after.iter().map(|(_, address)| *address).collect();
        before.clone().for_each(|address| {
            later.remove(address);
        });
        let is_later = |address: &&PeerAddress| later.contains(address);
        let found = self.found.iter();
        let last = found.clone().filter(is_later).filter(|_| with_later);
        let found = found.filter(|address| !is_later(address));
        let mut seen: BTreeSet<_> = self.configured.iter().collect();
        let rest = found.chain(before).chain(last);
        let rest: Vec<_> = rest.filter(|address| seen.insert(address)).collect();
        self.configured.iter().chain(rest).cloned().collect()
    }

    /// Whether it is neither linked nor about to be.
    const fn is_idle(&self) -> bool {
        self.link.is_none() && self.dial.is_none()
    }
}

impl Context {
    pub(crate) fn place(&self) -> Place {
        (self.rank, self.config.id)
    }

    /// Whom to dial, in order.
    pub(crate) fn candidates(&self) -> Vec<PeerAddress> {
        self.uplink.candidates(self.place(), true)
    }

    /// Begins to look for an uplink; without anywhere to look this is a root.
    pub(crate) fn find_uplink(&mut self, out: &mut Out) {
        if self.uplink.configured.is_empty()
            && self.uplink.found.is_empty()
            && let Some(patience) = self.config.candidates_within
        {
            self.timers.set(Timer::Candidates, self.now + patience);
        }
        self.take_root_rank(out);
        self.dial(out);
    }

    /// Notes who has been found, in place of those who were found before.
    pub(crate) fn set_discovered(&mut self, mut found: Vec<PeerAddress>, out: &mut Out) {
        if self.stage != Stage::Running {
            return;
        }
        found.truncate(FOUND_MAX);
        self.timers.cancel(Timer::Candidates);
        let old = core::mem::replace(&mut self.uplink.found, found);
        if !self.uplink.is_idle() {
            return;
        }
        if old != self.uplink.found {
            self.uplink.next = 0;
        }
        let mut new = self.uplink.found.iter();
        let somebody_new = new.any(|address| !old.contains(address));
        if somebody_new && self.config.rank.is_none() && self.has_no_server_links() {
            // Nobody has a place by ours: we come as if we had just begun.
            self.rank = UNRANKED;
        }
        self.take_root_rank(out);
        if self.rank == UNRANKED && (somebody_new || !self.timers.is_set(Timer::Dial)) {
            self.timers.cancel(Timer::Dial);
            self.dial(out);
        } else if somebody_new {
            let pause = self.random.duration_up_to(PAUSE_BEFORE_FOUND_MAX);
            self.timers.set(Timer::Dial, self.now + pause);
        }
    }

    /// Whether no other server is linked to us.
    pub(crate) fn has_no_server_links(&self) -> bool {
        let mut neighbours = self.network.neighbours().iter();
        neighbours
            .all(|(link, neighbour)| neighbour.kind == HostKind::Client || self.is_legacy(link))
    }

    /// Takes the rank of a root, if nobody is there whom we could be below and
    /// nobody will be found.
    pub(crate) fn take_root_rank(&mut self, out: &mut Out) {
        let uplink = &self.uplink;
        let alone = uplink.configured.is_empty() && uplink.found.is_empty();
        let waits = self.timers.is_set(Timer::Candidates);
        if alone && uplink.is_idle() && !waits && self.rank == UNRANKED {
            if self.config.candidates_within.is_some() {
                log::info!("nobody is found to link to: this server is a root");
            }
            self.set_rank(0, None, out);
        }
    }

    /// Dials the next candidate.
    pub(crate) fn dial(&mut self, out: &mut Out) {
        let uplink = &self.uplink;
        if !uplink.is_idle() || self.stage != Stage::Running {
            return;
        }
        if self.candidates().is_empty() && uplink.replacement.is_none() {
            return;
        }
        let with_later = uplink.later_ranks_from <= self.now;
        let mut candidates = uplink.candidates(self.place(), with_later);
        self.exclude_reachable(&mut candidates);
        candidates.retain(|candidate| !self.leads_to_loop(candidate));
        let uplink = &mut self.uplink;
        if let Some(silent) = &uplink.silent
            && let Some(place) = candidates.iter().position(|candidate| candidate == silent)
        {
            let silent = candidates.remove(place);
            candidates.push(silent);
        }
        let to = match uplink.replacement.take() {
            Some(replacement) => replacement,
            None if candidates.is_empty() => {
                self.dial_later();
                return;
            }
            None => {
                uplink.next %= candidates.len();
                uplink.next += 1;
                candidates[uplink.next - 1].clone()
            }
        };
        uplink.dials += 1;
        let dial = DialId(uplink.dials);
        log::debug!("linking to {to}");
        out.dial(dial, to.clone());
        uplink.to = Some(to.clone());
        uplink.dial = Some((dial, to));
    }

    /// Whoever is in our part of the network already leads back to us.
    pub(crate) fn exclude_reachable(&self, candidates: &mut Vec<PeerAddress>) {
        let machines = self.network.directory().servers().filter_map(Host::machine);
        let here = machines.filter_map(|machine| Announcement::parse(machine).address);
        for address in here {
            candidates.retain(|candidate| *candidate != address);
        }
        candidates.retain(|candidate| !self.is_own_address(candidate));
    }

    /// Whether an address is our own.
    pub(crate) fn is_own_address(&self, address: &PeerAddress) -> bool {
        let ours = |local: &SocketAddr| {
            let port = local.port() == address.port;
            match address.host.parse::<IpAddr>() {
                Ok(ip) if local.ip().is_unspecified() => port && self.has_local_ip(ip),
                Ok(ip) => port && ip == local.ip(),
                Err(_) => false,
            }
        };
        self.config.advertise.as_ref() == Some(address) || self.listening.iter().any(ours)
    }

    /// Whether a link of ours ends at `ip` on this side.
    pub(crate) fn has_local_ip(&self, ip: IpAddr) -> bool {
        self.sessions
            .iter()
            .any(|(_, session)| session.endpoints.local.ip().to_canonical() == ip.to_canonical())
    }

    /// Whether a candidate has led back to us, and would again: who is there is
    /// our neighbour, or is listed and has been tried not long ago. (It may be
    /// listed wrongly, where original servers do not forget who was behind them.)
    pub(crate) fn leads_to_loop(&self, candidate: &PeerAddress) -> bool {
        let until = self.loop_pause_until(candidate);
        until.is_some_and(|until| self.now < until) && !planted!(self, LoopForgotten)
    }

    /// How long a candidate that has led back to us is left alone; `None` when
    /// whom we knew by another way is there no more.
    pub(crate) fn loop_pause_until(&self, candidate: &PeerAddress) -> Option<Timestamp> {
        let found = self.uplink.loops.get(candidate)?;
        let known = self.network.directory().find(found.known)?;
        let neighbour = self.network.neighbours().find(known.first_link())?;
        let ip = self.sessions.find(known.first_link())?.endpoints.peer.ip();
        let there = candidate.host.parse() == Ok(ip.to_canonical());
        // Of two servers with one id, the other one may come to its senses.
        match neighbour.host == found.host && there {
            true => Some(Timestamp::NEVER),
            false => Some(found.until),
        }
    }

    /// When the first of the candidates is dialled again that have led back.
    pub(crate) fn next_loop_retry(&self) -> Option<Timestamp> {
        let uplink = &self.uplink;
        if uplink.accepted_at.is_some() {
            return None;
        }
        if !uplink.is_idle()
            && let Some(to) = &uplink.to
            && uplink.loops.contains_key(to)
        {
            return Some(self.now);
        }
        let mut candidates = self.candidates();
        self.exclude_reachable(&mut candidates);
        let until = candidates.iter().filter_map(|to| self.loop_pause_until(to));
        until.filter(|until| *until != Timestamp::NEVER).min()
    }

    /// A dial has become a link. Who we are there: nobody but ourselves, unless
    /// the server at the other end takes our id no more.
    pub(crate) fn start_uplink(&mut self, dial: DialId, link: LinkId) -> Option<Box<Alias>> {
        let (_, to) = self.uplink.dial.take_if(|(ours, _)| *ours == dial)?;
        self.uplink.link = Some(link);
        if !self.uplink.refusing.contains(&to) {
            return None;
        }
        let free = core::iter::repeat_with(|| random_host_id(&mut self.random));
        let id = { free }.find(|id| !self.network.is_taken(*id))?;
        let ghosts = BTreeSet::new();
        Some(Box::new(Alias { id, ghosts }))
    }

    pub(crate) fn on_dial_failed(&mut self, dial: DialId, why: DialError, out: &mut Out) {
        match self.uplink.dial.take_if(|(ours, _)| *ours == dial) {
            Some((_, to)) => {
                self.counters.dials_failed += 1;
                self.uplink.loops.remove(&to);
                self.take_root_rank(out);
                let pause = self.dial_later();
                log::warn!("cannot link to {to}: {why}; trying again in {pause:.1?}");
            }
            None => log::debug!("a dial that nobody waits for failed: {why}"),
        }
    }

    /// The server at the other end of our uplink has taken us.
    pub(crate) fn on_uplink_accepted(&mut self) {
        self.uplink.silent = None;
        self.uplink.accepted_at = Some(self.now);
        self.uplink.was_member = true;
        self.uplink.pause_min = Duration::ZERO;
        self.status_log.accepted();
    }

    /// The server at the other end does not take us, because our id is taken.
    pub(crate) fn on_uplink_refused(&mut self, link: LinkId, text: &str, out: &mut Out) {
        self.uplink.pause_min = PAUSE_AFTER_REFUSAL;
        let who = self.describe_peer(link);
        if self.status_log.record_refusal(text) {
            log::error!(
                "{who} refuses us: {text:?}; trying again (choose another --id if this stays)"
            );
            out.notice(ServerNotice::Refused { text: text.into() });
        } else {
            log::debug!("{who} refuses us again: {text:?}");
        }
        if self.uplink.was_member {
            // A server of ours hangs up, and takes us when it has heard that
            // our old place is gone. An original one does neither.
            self.timers.cancel(Timer::Registration(link));
            self.timers
                .set(Timer::Refusal(link), self.now + HANGING_UP_TIME);
        } else {
            self.close(link, CloseWhen::Flushed, "refused", out);
        }
    }

    /// Whoever refuses us is an original node, which never takes the same id
    /// again: it will be dialled under another one.
    pub(crate) fn on_permanent_refusal(&mut self, link: LinkId, out: &mut Out) {
        if self.uplink.link == Some(link)
            && let Some(to) = self.uplink.to.clone()
        {
            log::info!("{to} does not take our id again: it will get another one");
            self.uplink.refusing.insert(to.clone());
            self.uplink.replacement = Some(to);
        }
        self.close(link, CloseWhen::Flushed, "refused", out);
    }

    /// The server that we are linked to under an alias is none of those that need
    /// it: its refusal had only been late to end. We come again as ourselves.
    pub(crate) fn drop_alias(&mut self, link: LinkId, out: &mut Out) {
        log::info!(
            "{}: closed: it may know us by our own id",
            self.describe_peer(link)
        );
        if let Some(to) = &self.uplink.to {
            self.uplink.refusing.remove(to);
        }
        self.uplink.pause_min = PAUSE_AFTER_REFUSAL;
        self.close(link, CloseWhen::Flushed, "no alias", out);
    }

    /// An original server that we are linked to under an alias tells of a host
    /// that we know by another way: it is from our earlier time there. Unless it
    /// is somebody else, who wins, being on our parent's side.
    pub(crate) fn note_ghost(&mut self, link: LinkId, claim: &HostInfo<'_>, out: &mut Out) {
        let Some(session) = self.sessions.find_mut(link) else {
            return;
        };
        let (Some(alias), Some(known)) =
            (&mut session.alias, self.network.directory().find(claim.id))
        else {
            return;
        };
        if known.first_link() == link {
            return;
        }
        alias.ghosts.insert(claim.id);
        let same = known.name() == claim.name && known.info() == claim.info;
        if !same && known.kind() == HostKind::Client && claim.kind == HostKind::Client {
            self.evict_client(claim.id, link, out);
            self.add_remote_host(link, claim, out);
        }
    }

    /// Our uplink, where `host` is, has led us back to ourselves: it tells of
    /// the server `known`, maybe itself, that we know by another way.
    pub(crate) fn on_loop(&mut self, link: LinkId, host: HostId, known: HostId) {
        if self.uplink.link != Some(link) {
            return;
        }
        self.uplink.pause_min = PAUSE_AFTER_LOOP;
        let directory = self.network.directory();
        let loops = &mut self.uplink.loops;
        loops.retain(|_, found| directory.find(found.known).is_some());
        let Some(to) = self.uplink.to.clone() else {
            return;
        };
        // Whoever else led to the same server is of the same part of the network,
        // and would lead there again.
        let same = loops.values().filter(|found| found.known == known);
        let (until, times) = match same.map(|found| (found.until, found.times)).max() {
            Some((until, times)) if self.now < until => (until, times),
            before => {
                let times = before.map_or(0, |(_, times)| times.saturating_add(1));
                let growing = PAUSE_AFTER_LOOP.saturating_mul(2_u32.saturating_pow(times));
                let most = growing.min(PAUSE_BETWEEN_LOOPS_MAX);
                let pause = most / 2 + self.random.duration_up_to(most / 2);
                (self.now + pause.max(PAUSE_AFTER_LOOP), times)
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

    /// Nothing is heard from the other end of our uplink any more.
    pub(crate) fn on_uplink_silent(&mut self, link: LinkId) {
        if self.uplink.link == Some(link) {
            self.uplink.silent = self.uplink.to.clone();
        }
    }

    /// A link is gone; if it was our uplink, we look for another.
    pub(crate) fn on_uplink_down(&mut self, link: LinkId, out: &mut Out) {
        if self.uplink.link != Some(link) {
            return;
        }
        self.uplink.link = None;
        self.uplink.later_ranks_from = self.now + LATER_RANK_DELAY;
        if let Some(taken) = self.uplink.accepted_at.take() {
            out.notice(ServerNotice::Unlinked);
            if self.uplink.pause_min.is_zero() {
                // We have lost it; where we have left it ourselves, the next
                // candidate has its turn.
                self.uplink.next = 0;
            }
            self.uplink.backoff.link_held(self.now.since(taken));
        }
        if self.stage != Stage::Running {
            return;
        }
        self.take_root_rank(out);
        if self.uplink.replacement.is_some() {
            let jitter = self.random.duration_up_to(PAUSE_BEFORE_REPLACEMENT_MAX);
            self.timers.set(Timer::Dial, self.now + jitter);
        } else if self.candidates().is_empty() {
            log::info!("nobody is left to link to: this server is a root now");
        } else {
            let pause = self.dial_later();
            log::info!("looking for an uplink again in {pause:.1?}");
        }
    }

    /// Our uplink leaves, and says who takes its place: the first word of the
    /// text is the address.
    pub(crate) fn on_uplink_replaced(&mut self, link: LinkId, by: Option<HostId>, text: &str) {
        if self.uplink.link != Some(link) {
            return;
        }
        let rank = by.and_then(|by| Some((self.uplink.known.get(&by)?.0, by)));
        let address = text.split(' ').next().and_then(|word| word.parse().ok());
        if rank.is_some_and(|place| place < self.place()) {
            self.uplink.replacement = address;
        }
    }

    /// The server that our neighbours should link to instead of us: our uplink,
    /// or else the first of our children; and where it is.
    pub(crate) fn replacement(&self) -> Option<(HostId, PeerAddress)> {
        let neighbours = self.network.neighbours().iter();
        let ours = neighbours.filter(|(_, neighbour)| {
            neighbour.kind == HostKind::Server && neighbour.version == PeerVersion::V2
        });
        let places = ours.filter_map(|(_, neighbour)| {
            let (rank, address) = self.uplink.known.get(&neighbour.host)?;
            Some((!neighbour.uplink, *rank, neighbour.host, address))
        });
        let (_, _, id, address) = places.min()?;
        Some((id, address.clone()))
    }

    /// Remembers what a server says of its address and rank.
    pub(crate) fn learn_address(&mut self, id: HostId, machine: &str) {
        let announcement = Announcement::parse(machine);
        if let (Some(address), Some(rank)) = (announcement.address, announcement.rank)
            && rank != UNRANKED
            && id != self.config.id
            && !planted!(self, NobodyRemembered)
        {
            self.uplink.learn_address(id, rank, address);
            if self.uplink.is_idle()
                && self.stage == Stage::Running
                && !self.timers.is_set(Timer::Dial)
                && !self.candidates().is_empty()
            {
                // A root no more: somebody has come who is before us.
                self.dial_later();
            }
        }
    }

    /// Our uplink has said what its rank is. We take the place below it if we
    /// have none yet; and if it does not come before us, we leave it.
    pub(crate) fn check_order(&mut self, link: LinkId, parent: Option<u32>, out: &mut Out) {
        let Some(neighbour) = self.network.neighbours().find(link).copied() else {
            return;
        };
        let Some(rank) = parent.filter(|_| neighbour.uplink) else {
            return;
        };
        let ours = neighbour.version == PeerVersion::V2;
        let guessed = self
            .uplink
            .guessed
            .take_if(|guessed| ours && *guessed == link);
        let has_children = self
            .network
            .neighbours()
            .iter()
            .any(|(link, n)| n.kind == HostKind::Server && !n.uplink && !self.is_legacy(link));
        if guessed.is_some() && !has_children {
            // It is no original, and not where we took it to be; and nobody has
            // taken a rank from us.
            self.rank = UNRANKED;
        }
        if self.rank == UNRANKED && rank < UNRANKED - 1 && !planted!(self, NoRank) {
            if !ours {
                self.uplink.guessed = Some(link);
            }
            self.set_rank(rank + 1, Some(link), out);
        }
        if ours && !self.may_be_parent((rank, neighbour.host)) {
            // We stay for a moment: it learns where we are, and that its place
            // is below us; and we hear of those above it, who may be above us.
            self.timers
                .set(Timer::RankCheck(link), self.now + HEARING_TIME);
        } else {
            self.uplink.rank_rejections = 0;
            self.timers.cancel(Timer::RankCheck(link));
        }
    }

    /// Leaves an uplink that does not come before us. Unless we have done so
    /// before and found no better place, and none of those above it has come to
    /// us: the root there is one that cannot. Then our rank was wrong.
    pub(crate) fn leave_misordered_uplink(&mut self, link: LinkId, out: &mut Out) {
        self.uplink.rank_rejections = self.uplink.rank_rejections.saturating_add(1);
        let neighbour = self.network.neighbours().find(link);
        let parent = neighbour.and_then(|n| self.network.directory().find(n.host));
        let machine = parent.and_then(Host::machine).unwrap_or_default();
        if self.uplink.rank_rejections > RANK_REJECTIONS_MAX
            && let Some(rank) = Announcement::parse(machine).rank
            && rank < UNRANKED - 1
            && !planted!(self, RankForEver)
        {
            log::warn!("nobody else takes us: our rank is {} no more", self.rank);
            self.uplink.rank_rejections = 0;
            return self.set_rank(rank + 1, Some(link), out);
        }
        log::info!(
            "{}: closed: it does not come before us in the order of ranks",
            self.describe_peer(link)
        );
        self.uplink.pause_min = PAUSE_AFTER_REFUSAL;
        self.close(link, CloseWhen::Flushed, "out of order", out);
    }

    pub(crate) fn may_be_parent(&self, place: Place) -> bool {
        // As long as neither has a rank, nobody can say who comes first.
        let unordered = place.0 == UNRANKED && self.rank == UNRANKED;
        place < self.place() || unordered || planted!(self, NoOrder)
    }

    /// Takes a rank, once and for all, and tells the neighbours; of them `parent`
    /// may be about to be told in any case.
    pub(crate) fn set_rank(&mut self, rank: u32, parent: Option<LinkId>, out: &mut Out) {
        self.rank = rank;
        log::debug!("our rank is {rank}");
        let neighbours = self.network.neighbours().iter();
        let ours = neighbours.filter(|(_, neighbour)| {
            neighbour.kind == HostKind::Server && neighbour.version == PeerVersion::V2
        });
        for neighbour in ours.map(|(link, _)| link).collect::<Vec<_>>() {
            // To the parent this may still be the first announcement.
            let pending = self
                .sessions
                .find(neighbour)
                .is_some_and(|s| s.pending.announcement);
            if !(parent == Some(neighbour) && pending) {
                self.announce(neighbour, out);
            }
        }
    }

    /// Dials again after a pause that grows with every try and is never the
    /// same for two servers.
    pub(crate) fn dial_later(&mut self) -> Duration {
        let growing = self.uplink.backoff.pause(&mut self.random, false);
        let pause = growing.max(core::mem::take(&mut self.uplink.pause_min));
        self.timers.set(Timer::Dial, self.now + pause);
        pause
    }
}
