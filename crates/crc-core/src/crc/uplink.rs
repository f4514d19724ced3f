//! The link to this server's parent: dials it, joins the tree below it, leaves it,
//! and looks for another. [`Tree`](crate::tree::Tree) decides; this module gives it
//! what it needs to know of the directory and the links, and carries the decisions
//! out.

use core::net::SocketAddr;
use core::time::Duration;
use std::borrow::Cow;
use std::collections::BTreeSet;

use crc_machine::{CloseWhen, DialError, DialId, Escaped, LinkId, PeerAddress, Timestamp};
use crc_wire::HostId;

use super::introduction::announce;
use super::session::Alias;
use crate::announcement::{Announcement, UNRANKED, without_address};
use crate::context::{Context, LinkTimer, Out, Stage, Timer};
use crate::link::Link;
use crate::network::{Host, HostInfo, HostKind, PeerVersion};
use crate::notice::ServerNotice;
use crate::tree::{Parent, RankDecision, Teller};
use crate::violation::Violation;
use crate::work;

/// The longest pause before the server is dialled that a leaving uplink has named.
const PAUSE_BEFORE_REPLACEMENT_MAX: Duration = Duration::from_millis(500);
/// The longest pause before a newly discovered server is dialled.
const PAUSE_BEFORE_DISCOVERED_MAX: Duration = Duration::from_millis(500);
/// For how long this server stays below a parent that does not come before it.
const RANK_CHECK_DELAY: Duration = Duration::from_secs(1);
/// How long a version 2 server may take to close the link after it has refused this one.
const REFUSAL_TIME_MAX: Duration = Duration::from_secs(2);

/// How long a server that has servers to link to waits for one of them before it gives
/// those the rank of an operator who found channels: the longest pause between two
/// dials, so that every server has been tried that is there.
const SETTLING_TIME_MAX: Duration = Duration::from_secs(30);

// What operators want.

/// An operator wants this server to link to another one now: the address at which it is
/// dialled, or why it is not. The operator is told what comes of it.
pub(crate) fn connect(
    cx: &mut Context,
    wanted: &str,
    by: HostId,
    out: &mut Out,
) -> Result<PeerAddress, String> {
    let mut neighbours = cx.network.neighbours().iter();
    let uplink = neighbours.find(|(_, neighbour)| neighbour.uplink);
    let uplink = uplink.map(|(_, neighbour)| neighbour.host);
    drop(neighbours);
    if let Some(uplink) = uplink {
        let host = cx.network.directory().find(uplink);
        let name = host.map_or("", Host::name);
        return Err(format!(
            "it is linked to {name} already: use CONNECT at the root of its part of the network, \
             which MAP shows, or SQUIT {name} first"
        ));
    }
    let Some(address) = find_address(cx, wanted) else {
        return Err(
            "it knows no server of this name: write an address, such as 192.0.2.1:33300, \
                    or the name of a link in its configuration"
                .into(),
        );
    };
    if is_own_address(cx, &address) {
        return Err("this is its own address".into());
    }
    let mut candidates = vec![address.clone()];
    exclude_reachable(cx, &mut candidates);
    if candidates.is_empty() {
        return Err("the server there is in this part of the network already".into());
    }
    if !cx.tree.may_be_dialled(&address) {
        return Err(
            "it may not dial this address: its configuration has no such server, and \
                    server-peers does not permit it"
                .into(),
        );
    }
    cx.tree.want(address.clone(), by);
    if cx.tree.is_idle() {
        cx.timers.cancel(Timer::Dial);
        dial(cx, out);
    }
    Ok(address)
}

/// The address that an operator means: that of a link of the configuration, by the server's
/// name; that of a server that was heard of, by its id; or itself.
fn find_address(cx: &Context, wanted: &str) -> Option<PeerAddress> {
    let mut links = cx.config.links.iter();
    let link = links.find(|link| link.is_named(wanted));
    let id = wanted.parse().ok().and_then(HostId::new);
    let known = id.and_then(|id| cx.tree.known(id));
    let named = link.and_then(|link| link.address.clone());
    named
        .or_else(|| known.map(|(_, address)| address.clone()))
        .or_else(|| wanted.parse().ok())
}

/// What an operator wanted is decided, if the dial or link was that: the operator is told.
fn tell_outcome(cx: &mut Context, outcome: Result<(), &str>, out: &mut Out) {
    if let Some((to, by)) = cx.tree.take_wanted(outcome.is_ok()) {
        let outcome = outcome.err().unwrap_or("linked");
        cx.report_result(by, &format!("CONNECT {to}: {outcome}"), out);
    }
}

// Looking for an uplink.

/// Begins to look for an uplink. Without any source of candidates this server is a
/// root.
pub(crate) fn start(cx: &mut Context, out: &mut Out) {
    if !cx.tree.has_sources()
        && let Some(delay) = cx.config.candidates_within
    {
        cx.timers.set(Timer::Candidates, cx.now + delay);
    }
    if cx.tree.has_sources() || cx.config.candidates_within.is_some() {
        unsettle(cx);
    }
    take_root_rank(cx, out);
    dial(cx, out);
}

/// From now on this server does not know which channels the network has.
fn unsettle(cx: &mut Context) {
    if cx.tree.set_settled(false) {
        cx.timers.set(Timer::Settling, cx.now + SETTLING_TIME_MAX);
    }
}

/// This server knows now which channels the network has, or has waited for long enough.
pub(crate) fn on_settled(cx: &mut Context, out: &mut Out) {
    if !cx.tree.set_settled(true) {
        cx.timers.cancel(Timer::Settling);
        cx.rank_founders(out);
    }
}

/// Replaces the servers that a directory has found for this one.
pub(crate) fn set_discovered(cx: &mut Context, discovered: Vec<PeerAddress>, out: &mut Out) {
    if cx.stage != Stage::Running {
        return;
    }
    cx.timers.cancel(Timer::Candidates);
    let is_new = cx.tree.set_discovered(discovered);
    if !cx.tree.is_idle() {
        return;
    }
    if is_new && cx.config.rank.is_none() && !has_server_links(cx) {
        // No server has a place that follows from this one's: it joins as if it had
        // just started.
        cx.tree.set_rank(UNRANKED);
    }
    take_root_rank(cx, out);
    if cx.tree.rank() == UNRANKED && (is_new || !cx.timers.is_set(Timer::Dial)) {
        cx.timers.cancel(Timer::Dial);
        dial(cx, out);
    } else if is_new {
        let pause = cx.random.duration_up_to(PAUSE_BEFORE_DISCOVERED_MAX);
        cx.timers.set(Timer::Dial, cx.now + pause);
    }
}

/// Whether another server of this protocol is linked to this one.
fn has_server_links(cx: &Context) -> bool {
    let mut neighbours = cx.network.neighbours().iter();
    neighbours.any(|(link, neighbour)| neighbour.kind == HostKind::Server && cx.is_crc(link))
}

/// Takes the rank of a root, if there is no server to link to and none will be
/// discovered.
pub(crate) fn take_root_rank(cx: &mut Context, out: &mut Out) {
    let waits = cx.timers.is_set(Timer::Candidates);
    let alone = !cx.tree.has_sources() && cx.tree.is_idle();
    if alone && !waits && cx.tree.rank() == UNRANKED {
        if cx.config.candidates_within.is_some() {
            log::info!("no candidate discovered: this server is a root");
        }
        set_rank(cx, 0, None, out);
        on_settled(cx, out);
    }
}

/// Dials the next candidate.
pub(crate) fn dial(cx: &mut Context, out: &mut Out) {
    if !cx.tree.is_idle() || cx.stage != Stage::Running {
        return;
    }
    if cx.tree.candidates(cx.now).is_empty() && !cx.tree.has_replacement() {
        return;
    }
    let mut candidates = cx.tree.candidates_at(cx.now);
    exclude_reachable(cx, &mut candidates);
    candidates.retain(|candidate| !leads_to_loop(cx, candidate));
    let Some(to) = cx.tree.next_candidate(candidates) else {
        dial_later(cx);
        log_root(cx);
        return;
    };
    log::debug!("linking to {to}");
    let dial = cx.tree.start_dial(to.clone());
    let within = cx.tree.permitted_networks(&to);
    out.dial_within(dial, to, within);
}

/// Logs once that this server is the root although it has servers to link to: none of them
/// answers.
fn log_root(cx: &mut Context) {
    if cx.tree.is_idle() && cx.tree.becomes_root() {
        log::warn!("no server to link to answers: this server is the root now, and goes on trying");
    }
}

/// Dials again after a pause.
fn dial_later(cx: &mut Context) -> Duration {
    let pause = cx.tree.dial_pause(&mut cx.random);
    cx.timers.set(Timer::Dial, cx.now + pause);
    pause
}

/// Leaves out the candidates that are in this part of the network already: a link to
/// one of them would close a loop.
fn exclude_reachable(cx: &Context, candidates: &mut Vec<PeerAddress>) {
    cx.work.charge(work::LOOKUP * candidates.len() as u64);
    candidates.retain(|candidate| {
        let mut links = cx.network.directory().links_to(candidate);
        !links.any(|link| !cx.is_leaving(link)) && !is_own_address(cx, candidate)
    });
}

/// Whether an address is this server's own.
fn is_own_address(cx: &Context, address: &PeerAddress) -> bool {
    let own = |local: &SocketAddr| {
        let port = local.port() == address.port;
        match address.ip() {
            Some(ip) if local.ip().is_unspecified() => port && cx.has_local_ip(ip),
            Some(ip) => port && ip == local.ip(),
            None => false,
        }
    };
    cx.config.advertise.as_ref() == Some(address) || cx.listening.iter().any(own)
}

/// Whether a candidate has led to a loop, and would again: the server there is a
/// neighbour, or it is in the directory and was tried not long ago. (Its entry there
/// may be wrong: v1 servers do not forget the hosts that were behind them.)
fn leads_to_loop(cx: &Context, candidate: &PeerAddress) -> bool {
    let until = loop_pause_until(cx, candidate);
    until.is_some_and(|until| cx.now < until)
}

/// Until when a candidate that has led to a loop is not dialled; `None` when the
/// host that was known by two routes is gone.
fn loop_pause_until(cx: &Context, candidate: &PeerAddress) -> Option<Timestamp> {
    let found = cx.tree.loop_at(candidate)?;
    let known = cx.network.directory().find(found.known)?;
    let neighbour = cx.network.neighbours().find(known.first_link())?;
    let ip = cx.links.find(known.first_link())?.endpoints.peer.ip();
    let there = candidate.host.parse() == Ok(ip.to_canonical());
    // Of two servers with one id, the other one may get another id.
    match neighbour.host == found.host && there {
        true => Some(Timestamp::NEVER),
        false => Some(found.until),
    }
}

/// When the first of the candidates is dialled again that have led to loops.
pub(crate) fn next_loop_retry(cx: &Context) -> Option<Timestamp> {
    if cx.tree.is_linked() {
        return None;
    }
    if !cx.tree.is_idle()
        && let Some(to) = cx.tree.target()
        && cx.tree.loop_at(to).is_some()
    {
        return Some(cx.now);
    }
    let mut candidates = cx.tree.candidates(cx.now);
    exclude_reachable(cx, &mut candidates);
    let until = candidates
        .iter()
        .filter_map(|candidate| loop_pause_until(cx, candidate));
    until.filter(|until| *until != Timestamp::NEVER).min()
}

// Dialling, and being accepted.

/// A dial has become a link. The other id by which the server there gets to know
/// this one, if it never accepts this server's own id again.
pub(crate) fn on_dialed(cx: &mut Context, dial: DialId, link: LinkId) -> Option<Box<Alias>> {
    if !cx.tree.on_dialed(dial, link)? {
        return None;
    }
    let id = cx.free_id();
    let ghosts = BTreeSet::new();
    Some(Box::new(Alias { id, ghosts }))
}

pub(crate) fn on_dial_failed(cx: &mut Context, dial: DialId, why: DialError, out: &mut Out) {
    match cx.tree.on_dial_failed(dial, why) {
        Some(to) => {
            tell_outcome(cx, Err(&why.to_string()), out);
            cx.counters.dials_failed += 1;
            take_root_rank(cx, out);
            let is_new = cx.tree.is_failure_new(&to, why);
            let pause = dial_later(cx);
            match is_new {
                true => log::warn!("cannot link to {to}: {why}; retrying in {pause:.1?}"),
                false => log::debug!("cannot link to {to}: {why}; retrying in {pause:.1?}"),
            }
            log_root(cx);
        }
        None => log::debug!("unknown dial failed: {why}"),
    }
}

/// The server at the other end of the uplink has accepted this one.
pub(crate) fn on_accepted(cx: &mut Context, out: &mut Out) {
    cx.tree.on_accepted(cx.now);
    cx.status_log.accepted();
    tell_outcome(cx, Ok(()), out);
}

/// The server at the other end does not accept this server: its id is taken.
pub(crate) fn on_refused(cx: &mut Context, link: LinkId, text: &str, out: &mut Out) {
    let was_member = cx.tree.on_refused();
    tell_outcome(cx, Err(&format!("refused: {text}")), out);
    let peer = cx.describe_peer(link);
    if cx.status_log.record_refusal(text) {
        log::error!(
            "{peer} refused this server: {text:?}; retrying (choose another --id if this persists)"
        );
        out.notice(ServerNotice::Refused { text: text.into() });
    } else {
        log::debug!("{peer} refused this server again: {text:?}");
    }
    if was_member {
        // A v2 server closes the link, and accepts this one once it has heard that
        // its former place is gone. A v1 server does neither.
        cx.cancel_link_timer(link, LinkTimer::Registration);
        cx.set_link_timer(link, LinkTimer::Refusal, cx.now + REFUSAL_TIME_MAX);
    } else {
        cx.close(link, CloseWhen::Flushed, "refused", out);
    }
}

/// The server at the other end does not let this one link, and closes the link.
pub(crate) fn on_not_permitted(cx: &mut Context, link: LinkId, text: &str, out: &mut Out) {
    cx.tree.on_not_permitted();
    tell_outcome(cx, Err(&format!("refused: {text}")), out);
    let peer = cx.describe_peer(link);
    let is_new = cx.status_log.record_refusal(text);
    let text = Escaped(text);
    match is_new {
        true => log::warn!("{peer} does not let this server link: {text}"),
        false => log::debug!("{peer} still does not let this server link: {text}"),
    }
}

/// Whether what a dialled server does wrong is not what the last one did, since a server has
/// accepted this one.
pub(crate) fn is_violation_new(cx: &mut Context, violation: Violation) -> bool {
    cx.tree.is_violation_new(violation)
}

/// The refusing server did not close the link, so it is a v1 server: it is dialled again
/// under another id.
pub(crate) fn on_permanent_refusal(cx: &mut Context, link: LinkId, out: &mut Out) {
    if let Some(to) = cx.tree.on_permanent_refusal(link) {
        log::info!("{to} does not accept this server's id again; linking with an alias");
    }
    cx.close(link, CloseWhen::Flushed, "refused", out);
}

/// The server that this one joined under an alias does not need it: its refusal was
/// only late to end. This server joins again under its own id.
pub(crate) fn drop_alias(cx: &mut Context, link: LinkId, out: &mut Out) {
    log::info!("{}: closed: no alias needed", cx.describe_peer(link));
    cx.tree.on_alias_not_needed();
    cx.close(link, CloseWhen::Flushed, "no alias", out);
}

/// A v1 server that this one joined under an alias announces a host to which there
/// is another route: an entry from this server's former time there. If it is another
/// host instead, that one wins, since it is on the parent's side.
pub(crate) fn note_ghost(cx: &mut Context, link: LinkId, info: &HostInfo<'_>, out: &mut Out) {
    let Some(session) = cx.links.find_mut(link).and_then(Link::crc_mut) else {
        return;
    };
    let Some(alias) = &mut session.alias else {
        return;
    };
    let Some(known) = cx.network.directory().find(info.id) else {
        return;
    };
    if known.first_link() == link {
        return;
    }
    alias.ghosts.insert(info.id);
    let same = known.name() == info.name && known.info() == info.info();
    if !same && known.kind() == HostKind::Client && info.kind == HostKind::Client {
        super::registration::evict_client(cx, info.id, (info.kind, link), out);
        cx.add_remote_host(link, info, out);
    }
}

// Losing it.

/// The uplink, with `host` at its end, has led to a loop: it announces `known`,
/// itself or another server, to which there is another route.
pub(crate) fn on_loop(cx: &mut Context, link: LinkId, host: HostId, known: HostId) {
    let directory = cx.network.directory();
    let is_known = |id| directory.find(id).is_some();
    let ids = (host, known);
    cx.tree.on_loop(link, ids, cx.now, &mut cx.random, is_known);
}

/// A link is gone. If it was the uplink, this server looks for another.
pub(crate) fn on_link_down(cx: &mut Context, link: LinkId, out: &mut Out) {
    let Some(lost) = cx.tree.on_link_down(link, cx.now) else {
        return;
    };
    tell_outcome(cx, Err("not linked, see the logs of the two servers"), out);
    if lost.was_accepted {
        out.notice(ServerNotice::Unlinked);
    }
    if cx.stage != Stage::Running {
        return;
    }
    take_root_rank(cx, out);
    if cx.tree.has_replacement() {
        let jitter = cx.random.duration_up_to(PAUSE_BEFORE_REPLACEMENT_MAX);
        cx.timers.set(Timer::Dial, cx.now + jitter);
    } else if cx.tree.candidates(cx.now).is_empty() {
        log::info!("no candidate left: this server is the root now");
    } else {
        let pause = dial_later(cx);
        log::info!("uplink lost; retrying in {pause:.1?}");
    }
    if !cx.tree.candidates(cx.now).is_empty() {
        unsettle(cx);
    }
}

/// The uplink leaves, and names the server that takes its place: the first word of
/// `text` is that server's address.
pub(crate) fn on_replaced(cx: &mut Context, link: LinkId, by: Option<HostId>, text: &str) {
    let address = text.split(' ').next().and_then(|word| word.parse().ok());
    cx.tree.on_replaced(link, by, address);
}

/// The server that the neighbours should link to when this one leaves: the uplink,
/// or else the first child in the order; and its address.
pub(crate) fn replacement(cx: &Context) -> Option<(HostId, PeerAddress)> {
    let neighbours = cx.network.neighbours().iter();
    let v2 = neighbours.filter(|(_, neighbour)| {
        neighbour.kind == HostKind::Server && neighbour.version == PeerVersion::V2
    });
    let places = v2.filter_map(|(_, neighbour)| {
        let (rank, address) = cx.tree.known(neighbour.host)?;
        Some((!neighbour.uplink, rank, neighbour.host, address))
    });
    let (_, _, id, address) = places.min()?;
    Some((id, address.clone()))
}

// Ranks.

/// The machine part of a server behind `link` as this server believes it, and passes it on:
/// without an address that is one too many, or that the neighbour may not tell of. What is
/// behind a child comes after this server in the order; an address that is said to come
/// before it would be dialled first by all that lose their uplink.
pub(crate) fn believed_machine_part<'a>(
    cx: &Context,
    link: LinkId,
    id: HostId,
    machine: &'a str,
) -> Cow<'a, str> {
    let Some(teller) = teller(cx, link) else {
        return Cow::Borrowed(machine);
    };
    let announcement = Announcement::parse(machine);
    let precedes = announcement
        .rank
        .is_some_and(|rank| (rank, id) < cx.tree.place());
    let misplaced = !teller.is_uplink && !teller.to_unranked && precedes;
    if announcement.address.is_none() || !misplaced && cx.tree.has_room(teller, id) {
        return Cow::Borrowed(machine);
    }
    log::debug!("address of server {id} ignored: machine=\"{machine}\"");
    Cow::Owned(without_address(machine))
}

/// The neighbour on a link, as one that tells of other servers.
fn teller(cx: &Context, link: LinkId) -> Option<Teller> {
    let neighbour = cx.network.neighbours().find(link)?;
    Some(Teller {
        host: neighbour.host,
        is_uplink: neighbour.uplink,
        to_unranked: cx.tree.rank() == UNRANKED,
    })
}

/// Remembers the address and rank that a server has announced, which the neighbour on
/// `link` tells.
pub(crate) fn learn_address(cx: &mut Context, link: LinkId, id: HostId, machine: &str) {
    let announcement = Announcement::parse(machine);
    super::server_list::learn(cx, link, id, &announcement.client_addresses);
    if let (Some(address), Some(rank)) = (announcement.address, announcement.rank)
        && rank != UNRANKED
        && id != cx.config.id
        && let Some(teller) = teller(cx, link)
    {
        cx.tree.learn_address(teller, (rank, id), address, cx.now);
    }
}

/// A server has announced its rank. If it is the parent, this server takes the place
/// below it if it has none yet; and leaves it if it does not come first.
pub(crate) fn check_rank(cx: &mut Context, link: LinkId, rank: Option<u32>, out: &mut Out) {
    let Some(neighbour) = cx.network.neighbours().find(link).copied() else {
        return;
    };
    let Some(rank) = rank.filter(|_| neighbour.uplink) else {
        return;
    };
    let is_v2 = neighbour.version == PeerVersion::V2;
    let has_children = cx
        .network
        .neighbours()
        .iter()
        .any(|(link, n)| n.kind == HostKind::Server && !n.uplink && cx.is_crc(link));
    let parent = Parent { link, rank, is_v2 };
    let decision = cx.tree.on_parent_rank(parent, has_children);
    if let RankDecision::Take(rank) = decision {
        set_rank(cx, rank, Some(link), out);
    }
    let mut in_order = cx.tree.may_be_parent((rank, neighbour.host));
    if is_v2
        && !in_order
        && let RankDecision::Take(rank) = cx.tree.follow_rank(parent)
    {
        log::info!("rank changed to {rank}: the parent's has changed");
        set_rank(cx, rank, Some(link), out);
        in_order = true;
    }
    if is_v2 && !in_order {
        // This server stays for a moment. The other one learns its address, and that
        // its place is below; and this one hears of the servers above the other,
        // which may come before both.
        cx.set_link_timer(link, LinkTimer::RankCheck, cx.now + RANK_CHECK_DELAY);
    } else {
        cx.tree.on_rank_accepted(link);
        cx.cancel_link_timer(link, LinkTimer::RankCheck);
    }
}

/// Leaves a parent that does not come before this server; or, if several did not,
/// takes another rank.
pub(crate) fn leave_misordered(cx: &mut Context, link: LinkId, out: &mut Out) {
    let neighbour = cx.network.neighbours().find(link);
    let parent = neighbour.and_then(|n| cx.network.directory().find(n.host));
    let machine = parent.and_then(Host::machine).unwrap_or_default();
    let rank = Announcement::parse(machine).rank;
    let before = cx.tree.rank();
    match cx.tree.on_rank_rejected(rank) {
        RankDecision::Take(rank) => {
            log::warn!("rank changed from {before} to {rank}: no eligible parent");
            set_rank(cx, rank, Some(link), out);
        }
        RankDecision::Keep => {
            log::info!(
                "{}: closed: not eligible as parent, its rank is not lower",
                cx.describe_peer(link)
            );
            cx.close(link, CloseWhen::Flushed, "out of order", out);
        }
    }
}

/// Takes a rank and announces it to the neighbours; `parent` may be about to be sent
/// an announcement in any case.
fn set_rank(cx: &mut Context, rank: u32, parent: Option<LinkId>, out: &mut Out) {
    cx.tree.set_rank(rank);
    log::debug!("rank set to {rank}");
    let neighbours = cx.network.neighbours().iter();
    let v2 = neighbours.filter(|(_, neighbour)| {
        neighbour.kind == HostKind::Server && neighbour.version == PeerVersion::V2
    });
    for neighbour in v2.map(|(link, _)| link).collect::<Vec<_>>() {
        // For the parent this may still be the first announcement.
        let session = cx.crc_session(neighbour);
        let pending = session.is_some_and(|session| session.pending.announcement);
        if !(parent == Some(neighbour) && pending) {
            announce(cx, neighbour, out);
        }
    }
}
