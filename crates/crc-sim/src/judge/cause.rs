//! What an event was about, and what it has changed.

use core::time::Duration;
use std::collections::BTreeMap;

use crc_core::{HostKind, LinkId, Snapshot, TextProtocol, Timestamp};
use crc_wire::{HostId, MemberFlags, RequestKind};

use super::in_flight::Said;
use super::rules::{NUMBERS, State};
use super::shadow::{Local, Shadow, local};
use crate::network::Network;
use crate::node::NodeConfig;

/// How long a server that has not found its uplink gives no rank, and a bit less.
const UNRANKED_FOR: Duration = Duration::from_millis(29_900);
/// How long a channel may live on elsewhere even if all lost servers are back, and a bit
/// less.
const LOSSES_LAST: Duration = Duration::from_millis(29_900);
/// How long a channel is remembered whose members were lost, and a bit less.
pub(super) const REMEMBERED_FOR: Duration = Duration::from_secs(590);

/// What an event was about.
pub(super) struct Cause<'a> {
    pub(super) link: Option<LinkId>,
    /// The client of the server at the end of the link.
    pub(super) client: Option<HostId>,
    /// Whether the link leads to a server of legacy IRC.
    pub(super) is_legacy_server: bool,
    /// Whether the link was lost.
    pub(super) is_down: bool,
    /// What was said on it.
    pub(super) said: &'a [Said],
}

impl Cause<'_> {
    pub(super) fn is_server(&self) -> bool {
        self.link.is_some() && self.client.is_none() && !self.is_legacy_server
    }

    /// Whether a member was lost with a server.
    pub(super) fn loses(&self, before: &State, after: Option<&State>) -> bool {
        let stays = |host: &HostId| after.is_some_and(|after| after.members.contains_key(host));
        let mut gone = before.members.keys().filter(|host| !stays(host));
        let reported = |host: &HostId| {
            let mut said = self.said.iter();
            let own = said.find(|said| match said {
                Said::Part { host: who, .. } | Said::Quit { host: who, .. } => who == host,
                _ => false,
            });
            matches!(own, Some(Said::Quit { is_lost: true, .. }))
        };
        gone.any(|host| self.is_down && self.is_server() || reported(host))
    }

    /// Whether the link leads to this host.
    pub(super) fn is_own(&self, local: Local) -> bool {
        self.link == Some(local.link)
    }

    /// Whether a host was an operator before the event, or is one after it, or turned out
    /// to be one in between.
    pub(super) fn is_operator(&self, host: HostId, change: &Change<'_>) -> bool {
        let joined = self.said.iter().any(|said| {
            let Said::Join {
                host: who,
                flags,
                channel,
                ..
            } = said
            else {
                return false;
            };
            *who == host && flags.operator && channel == change.name
        });
        joined || change.is_operator(host)
    }

    /// Whether an operator has asked for something about a host: its own client, or one
    /// behind the link.
    pub(super) fn was_asked(&self, kinds: &[RequestKind], to: HostId, change: &Change<'_>) -> bool {
        if let Some(client) = self.client {
            return change.is_operator(client);
        }
        self.said.iter().any(|said| {
            let Said::Request {
                host,
                to: about,
                kind,
                channel,
                ..
            } = said
            else {
                return false;
            };
            *about == Some(to)
                && kinds.contains(kind)
                && channel == change.name
                && self.is_operator(*host, change)
        })
    }
}

/// A channel before an event, and after it.
pub(super) struct Change<'a> {
    pub(super) name: &'a str,
    /// As it was, even if it may have ended meanwhile.
    pub(super) former: Option<&'a State>,
    pub(super) before: Option<&'a State>,
    pub(super) after: Option<&'a State>,
}

impl Change<'_> {
    pub(super) fn states(&self) -> impl Iterator<Item = &State> {
        self.before.into_iter().chain(self.after)
    }

    pub(super) fn is_operator(&self, host: HostId) -> bool {
        self.states().any(|state| state.is_operator(host))
    }

    /// Whether the channel may have ended during the event, and have been founded again:
    /// no member has stayed for sure.
    pub(super) fn is_begun_anew(
        &self,
        cause: &Cause<'_>,
        is_here: impl Fn(HostId) -> bool,
    ) -> bool {
        let (Some(before), Some(after)) = (self.before, self.after) else {
            return false;
        };
        if before.founded == after.founded && cause.client.is_some() {
            return false;
        }
        let stays = |host: &HostId| {
            let mut said = cause.said.iter();
            let has_left = said.any(|said| match said {
                Said::Part { host: who, channel } => who == host && channel == self.name,
                Said::Quit { host: who, .. } => who == host,
                _ => false,
            });
            let may_have_left = has_left || cause.client == Some(*host);
            after.members.contains_key(host) && (is_here(*host) || !may_have_left)
        };
        !before.members.keys().any(stays)
    }

    pub(super) fn was_member(&self, host: HostId) -> bool {
        self.before
            .is_some_and(|state| state.members.contains_key(&host))
    }
}

/// What a judgement needs beside the change itself.
pub(super) struct Scene<'a> {
    pub(super) network: &'a Network,
    pub(super) node: usize,
    pub(super) snapshot: Snapshot<'a>,
    pub(super) cause: Cause<'a>,
    pub(super) now: Timestamp,
}

/// What an event was about.
pub(super) fn cause<'a>(
    snapshot: &Snapshot<'_>,
    shadow: &Shadow,
    (link, is_down): (Option<LinkId>, bool),
    said: &'a [Said],
) -> Cause<'a> {
    let view = link.and_then(|link| snapshot.links().find(|view| view.link == link));
    let known = link.and_then(|link| shadow.clients.get(&link));
    let mut locals = shadow.locals.values();
    let is_behind = locals.any(|local| Some(local.link) == link && local.is_behind);
    let (client, is_legacy_server) = match (view, known) {
        (Some(view), _) if view.neighbour.kind == HostKind::Client => {
            (Some(view.neighbour.host), false)
        }
        (Some(view), _) => (None, view.text_protocol == Some(TextProtocol::Legacy)),
        // The link has ended with the event.
        (None, Some(host)) => (Some(*host), false),
        (None, None) => (None, is_behind),
    };
    Cause {
        link,
        client,
        is_legacy_server,
        is_down,
        said,
    }
}

/// The flags of a member that is the same host under its former id: servers give hosts of
/// text protocols other ids if there are two.
pub(super) fn renumbered(
    scene: &Scene<'_>,
    known: &BTreeMap<HostId, Local>,
    change: &Change<'_>,
    here: Local,
) -> Option<MemberFlags> {
    let before = change.former.filter(|_| !scene.cause.is_own(here))?;
    let mut former = before.members.iter().filter(|(host, _)| {
        known.get(host) == Some(&here)
            && scene
                .snapshot
                .directory()
                .find(**host)
                .is_none_or(|_| local(&scene.snapshot, **host) != Some(here))
    });
    former.next().map(|(_, flags)| *flags)
}

/// Whether a setting was made on the link.
pub(super) fn was_set(
    scene: &Scene<'_>,
    change: &Change<'_>,
    field: usize,
    value: &str,
    tag: u32,
) -> bool {
    scene.cause.said.iter().any(|said| {
        let Said::Setting { host, channel, field: of, value: to, tag: founded } = said else {
            return false;
        };
        let is_it = channel == change.name && *of == NUMBERS[field] && *to == *value;
        let is_member = |host: HostId| {
            let joined = scene.cause.said.iter().any(|said| {
                matches!(said, Said::Join { host: who, channel, .. } if *who == host && channel == change.name)
            });
            joined || change.states().any(|state| state.members.contains_key(&host))
        };
        is_it && founded.is_none_or(|founded| founded == tag) && host.is_none_or(is_member)
    })
}

/// Whether a server is yet to find its uplink, and must give no rank.
pub(super) fn is_too_early(scene: &Scene<'_>, shadow: &Shadow) -> bool {
    let NodeConfig::Server(config) = &scene.network.nodes[scene.node].config else {
        return false;
    };
    !config.connect.is_empty()
        && !scene.network.options.rendezvous
        && !shadow.had_uplink
        && scene.now < shadow.started_at + UNRANKED_FOR
}

/// Whether another server has this founding of a channel, of which members were lost then:
/// any for a while, and after that one that is out of reach.
pub(super) fn lives_on(scene: &Scene<'_>, name: &str, tag: u32, lost_at: Timestamp) -> bool {
    let is_fresh = scene.now < lost_at + LOSSES_LAST;
    let is_known = scene.now < lost_at + REMEMBERED_FOR;
    scene.network.servers().any(|(node, server)| {
        let there = server.snapshot();
        let channel = there.channels().find(name);
        let has_it = channel.is_some_and(|channel| channel.founded().tag == tag);
        let is_listed = || scene.snapshot.directory().find(there.id()).is_some();
        node != scene.node
            && scene.network.is_alive(node)
            && has_it
            && (is_fresh || is_known && !is_listed())
    })
}

/// The node at the end of a link of the server.
pub(super) fn place(scene: &Scene<'_>, link: LinkId) -> Option<usize> {
    let (connection, side) = scene.network.net.find(scene.node, link)?;
    Some(scene.network.node_at(connection, 1 - side))
}
