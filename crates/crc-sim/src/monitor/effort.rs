//! What one event may cost (R3), and what a refusal may change (D7).

use crc_core::{Effect, LinkId, Outbox, ServerNotice};
use crc_wire::{Frame, FrameLimits, HostId, Message};

use super::Monitor;
use crate::event::{NodeEvent, bytes_len};
use crate::invariant::Invariant;
use crate::network::Network;

/// The most units of counted work for one step of an event, and for each link that such a
/// step concerns: as many steps are made as two slices allow, and one more.
const STEP_UNITS: u64 = 300;
const LINK_UNITS: u64 = 30;
/// The units for one candidate of a dial: each server may be one.
const CANDIDATE_UNITS: u64 = 15;
/// MAP shows each server in one step, also those that hostile servers have invented.
const MAP_UNITS: u64 = 35;
/// The most units for the bytes of one frame, which may have arrived before the event:
/// hostile servers send long ones.
const FRAME_UNITS: u64 = 66_000 / 16;

/// What a server had to do about an event, before it did it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    work: Work,
    link: Option<LinkId>,
    /// Set if the event is of an accepted link on which nothing was sent yet.
    before: Option<Refusals>,
}

#[derive(Debug, Clone, Copy)]
struct Work {
    hosts: usize,
    frames: usize,
    bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Refusals {
    refused: u64,
    registrations: u64,
    hosts_joined: u64,
    /// Those that have left, or are leaving behind a link that has ended: such a host may
    /// leave for good because a refused peer names it.
    hosts_left: u64,
    /// Those that are leaving.
    leaving: u64,
}

impl Effort {
    pub(crate) fn before(network: &Network, node: usize, event: &NodeEvent<'_>) -> Effort {
        let server = network.server(node);
        // A server may also handle what it has read before.
        let unread: usize = server.map_or(0, |server| {
            let links = server.snapshot().links();
            links.map(|view| view.unread_bytes).sum()
        });
        let bytes = bytes_len(event) + unread;
        let link = event.link();
        let place = link.and_then(|link| network.net.find(node, link));
        let unregistered = place.is_some_and(|(connection, side)| {
            side == 1 && network.connection(connection).stream(side).sent() == 0
        });
        Effort {
            work: Work {
                hosts: server.map_or(0, |server| server.snapshot().directory().len()),
                frames: 2 + bytes / 9,
                bytes,
            },
            link,
            before: unregistered.then(|| refusals(network, node)).flatten(),
        }
    }
}

/// The most bytes of a slice of a burst, however many bans there are.
const BURST_BYTES: usize = 34 << 10;

impl Monitor {
    /// A server has handled an event.
    pub(crate) fn check_effort(
        &mut self,
        network: &Network,
        node: usize,
        effort: Effort,
        out: &Outbox<ServerNotice>,
    ) {
        self.check_work(network, node, effort.work, out);
        self.check_refusal(network, node, effort, out);
    }

    /// An event causes no more work than its content permits.
    fn check_work(
        &mut self,
        network: &Network,
        node: usize,
        work: Work,
        out: &Outbox<ServerNotice>,
    ) {
        let Some(server) = network.server(node) else {
            return;
        };
        let (effects, bytes) = (out.effects().len(), out.arena_len());
        let hosts = work.hosts.max(server.snapshot().directory().len()) + work.frames;
        let links = network.net.host(node).links().slots_len() + 2;
        let effects_max = 32 + (hosts + work.frames) * links * 2;
        let slice = match network.options.operators {
            true => BURST_BYTES,
            false => 0,
        };
        let bytes_max = 8 * 1024 + slice + (hosts * 1400 + work.bytes * 2) * links;
        if effects > effects_max || bytes > bytes_max {
            let text = format!(
                "{} answered one event ({work:?}) with {effects} effects and {bytes} bytes, with {hosts} hosts and {links} links",
                network.describe(node)
            );
            self.violation(network, Invariant::R3, text);
        }
        // As the server counts it: an event ends with its slices, however many hosts and
        // frames there are. Only a step is made to its end.
        let candidates = CANDIDATE_UNITS * network.options.servers as u64;
        let map = match network.options.operators {
            true => MAP_UNITS * hosts as u64,
            false => 0,
        };
        let step_max = STEP_UNITS + LINK_UNITS * links as u64 + candidates + map;
        let counted = server.snapshot().work();
        let long = match network.options.has_hostiles() {
            true => FRAME_UNITS,
            false => 0,
        };
        let slice = network.options.work_slice;
        let (counted_max, answers_max) = (2 * slice + step_max + long, slice + step_max);
        if counted.total > counted_max || counted.answers > answers_max {
            let text = format!(
                "{} spent {counted:?} on one event ({work:?}), with {hosts} hosts and {links} links: at most {counted_max}",
                network.describe(node)
            );
            self.violation(network, Invariant::R3, text);
        }
    }

    /// A connection that a server refuses changes nothing, and other peers do not learn
    /// of it.
    fn check_refusal(
        &mut self,
        network: &Network,
        node: usize,
        effort: Effort,
        out: &Outbox<ServerNotice>,
    ) {
        let after = refusals(network, node);
        let (Some(before), Some(after), Some(link)) = (effort.before, after, effort.link) else {
            return;
        };
        // A peer that has registered may be refused later in the same event.
        if before.refused == after.refused || before.registrations != after.registrations {
            return;
        }
        let closed = out
            .effects()
            .iter()
            .any(|effect| matches!(effect, Effect::Close { link: closed, .. } if *closed == link));
        // A keepalive to the host that has the id is allowed.
        let own = network.server(node).map(|server| server.snapshot().id());
        let announced = out.effects().iter().any(|effect| match effect {
            Effect::Send {
                link: to, range, ..
            } => *to != link && is_about_others(out.bytes(*range), own),
            _ => false,
        });
        // Some that were leaving have left.
        let announced = announced && before.leaving == after.leaving;
        self.record.counts.refusals += 1;
        let changed =
            (before.hosts_joined, before.hosts_left) != (after.hosts_joined, after.hosts_left);
        // A hostile server may register, and break a rule, in one read.
        let peer = network.net.find(node, link);
        let peer = peer.map(|(connection, side)| network.node_at(connection, 1 - side));
        let hostile = peer.is_some_and(|peer| network.nodes[peer].is_hostile_server());
        if closed && !hostile && (changed || announced) {
            let text = format!(
                "{} refused {link} and changed all the same",
                network.describe(node)
            );
            self.violation(network, Invariant::D7, text);
        }
    }
}

fn refusals(network: &Network, node: usize) -> Option<Refusals> {
    let snapshot = network.server(node)?.snapshot();
    let hosts = snapshot.directory().iter();
    let leaving = hosts.filter(|host| snapshot.first_link(host).is_none());
    let leaving = leaving.count() as u64;
    let counters = snapshot.counters();
    Some(Refusals {
        refused: counters.refused,
        registrations: counters.registrations,
        hosts_joined: counters.hosts_joined,
        hosts_left: counters.hosts_left + leaving,
        leaving,
    })
}

/// Whether bytes announce any host but the server that sends them.
fn is_about_others(mut bytes: &[u8], own: Option<HostId>) -> bool {
    while let Ok(Some(frame)) = Frame::take(&mut bytes, FrameLimits::WIRE) {
        match frame.message() {
            Ok(Message::ServerRegistration(m)) if Some(m.source) == own => {}
            _ => return true,
        }
    }
    false
}
