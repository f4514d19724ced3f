//! Judges what one event has changed: each change of a server's own users and of its
//! channels needs a cause that the rules allow.

use core::time::Duration;
use std::collections::BTreeMap;

use crc_core::{LinkId, Timestamp};
use crc_wire::{HostId, MemberFlags, RequestKind};

use super::cause::{
    Change, REMEMBERED_FOR, Scene, cause, is_too_early, lives_on, place, renumbered, was_set,
};
use super::in_flight::Said;
use super::rules::{self, State, UNSET};
use super::shadow::{Invitation, Local, Shadow, local};
use super::{Found, Judge};
use crate::invariant::Invariant;
use crate::network::Network;

/// How long an invitation lasts, and how much more a judge allows.
const INVITED_FOR: Duration = Duration::from_secs(3600);
/// By how much the ages of channels may be off: clocks of neighbours that differ by up to
/// 5 s count as equal.
const AGES_DIFFER: Duration = Duration::from_secs(15);

impl Judge {
    /// Judges all that an event has changed.
    pub(super) fn judge_event(
        &mut self,
        network: &Network,
        node: usize,
        link: (Option<LinkId>, bool),
    ) -> Vec<Found> {
        let mut found = Vec::new();
        let Some(server) = network.server(node) else {
            return found;
        };
        let Some(mut shadow) = self.servers.remove(&node) else {
            return found;
        };
        let said = core::mem::take(&mut self.in_hand);
        let snapshot = server.snapshot();
        let cause = cause(&snapshot, &shadow, link, &said);
        let scene = Scene {
            network,
            node,
            snapshot,
            cause,
            now: network.net.now(),
        };
        let channels = core::mem::take(&mut shadow.channels);
        let befores = core::mem::take(&mut shadow.before);
        note_invitations(&scene, &mut shadow, &channels, &befores);
        for (name, before) in &befores {
            let mut change = Change {
                name,
                former: before.as_ref(),
                before: before.as_ref(),
                after: channels.get(name),
            };
            let stays = |host| {
                shadow.locals.get(&host).is_some_and(|here| {
                    local(&scene.snapshot, host) == Some(*here) && !scene.cause.is_own(*here)
                })
            };
            if change.is_begun_anew(&scene.cause, stays) {
                change.before = None;
            }
            if let Some((invariant, what)) = self.judge_change(&scene, &mut shadow, &change) {
                let who = network.describe(node);
                let text = format!(
                    "{who}, {name}: {what}; it was {before:?}, it is {:?}",
                    change.after
                );
                found.push((invariant, text));
            }
            self.update(&scene, &mut shadow, &change);
        }
        shadow.channels = channels;
        shadow.before = befores;
        self.servers.insert(node, shadow);
        self.in_hand = said;
        found
    }

    /// What is wrong with a change, if anything.
    fn judge_change(
        &mut self,
        scene: &Scene<'_>,
        shadow: &mut Shadow,
        change: &Change<'_>,
    ) -> Option<Found> {
        if let Some(host) = forced_out(scene, shadow, change) {
            let text = format!("{host} is out, and no operator kicked it");
            return Some((Invariant::A5, text));
        }
        let after = change.after?;
        let known = shadow.locals.clone();
        // One of its own members that stayed, beside one that may have left and come back.
        let stays = |host: &HostId| {
            let local = known.get(host).copied();
            change.was_member(*host) && local.is_some_and(|local| !scene.cause.is_own(local))
        };
        let is_younger = change
            .before
            .is_some_and(|before| before.founded != after.founded);
        let replaced = is_younger && after.members.keys().any(stays);
        if replaced && let Some(wrong) = self.judge_replacement(scene, change, after) {
            return Some((Invariant::A6, wrong));
        }
        for (&host, &flags) in &after.members {
            let Some(here) = local(&scene.snapshot, host) else {
                continue;
            };
            let before = change.before.and_then(|before| before.members.get(&host));
            let before = before
                .copied()
                .or_else(|| renumbered(scene, &known, change, here));
            let wrong = match before {
                None => self
                    .judge_entry(scene, shadow, change, after, host, here)
                    .or_else(|| {
                        self.judge_rank(scene, shadow, change, host, MemberFlags::NONE, flags)
                    }),
                Some(_) if is_younger => None,
                Some(before) => {
                    // One that has left and come back has lost its rank with that.
                    let mut said = scene.cause.said.iter();
                    let came = said.any(|said| said.enters(change.name));
                    let mut before = before;
                    if scene.cause.is_own(here) && came {
                        before.operator &= flags.operator;
                        before.voice &= flags.voice;
                    }
                    self.judge_rank(scene, shadow, change, host, before, flags)
                }
            };
            if wrong.is_some() {
                return wrong;
            }
        }
        let before = change.before?;
        if is_younger {
            return None;
        }
        judge_settings(scene, change, before, after)
    }

    /// A channel has another founding now: that must be the older one, and nothing of the
    /// younger one may remain.
    fn judge_replacement(
        &self,
        scene: &Scene<'_>,
        change: &Change<'_>,
        after: &State,
    ) -> Option<String> {
        let before = change.before?;
        if !scene.cause.is_server() {
            return Some("another one has replaced it without a word of a server".to_owned());
        }
        if let Some([old, young]) = self.founded(after.founded, before.founded)
            && old > young + AGES_DIFFER
        {
            return Some(format!(
                "one founded at {old:?} has replaced one founded at {young:?}"
            ));
        }
        for (&host, &flags) in &after.members {
            let is_local = local(&scene.snapshot, host).is_some();
            let given = [RequestKind::OP, RequestKind::VOICE];
            if is_local
                && change.was_member(host)
                && flags != MemberFlags::NONE
                && self
                    .founders
                    .get(&after.founded)
                    .is_some_and(|founder| *founder != host)
                && !scene.cause.was_asked(&given, host, change)
            {
                return Some(format!("{host} keeps a rank of the younger channel"));
            }
        }
        for (field, value) in after.settings.iter().enumerate() {
            if **value != *UNSET[field] && !was_set(scene, change, field, value, after.founded) {
                return Some(format!("{value:?} remains of the younger channel"));
            }
        }
        None
    }

    /// A host of the server's own is in a channel.
    fn judge_entry(
        &self,
        scene: &Scene<'_>,
        shadow: &Shadow,
        change: &Change<'_>,
        after: &State,
        host: HostId,
        here: Local,
    ) -> Option<Found> {
        if here.is_behind {
            return None;
        }
        if !scene.cause.is_own(here) {
            return Some((
                Invariant::A1,
                format!("{host} is in it without having asked"),
            ));
        }
        // A channel that has ended here may live on elsewhere, with all its rules.
        let lost = shadow.lost.get(change.name).filter(|(state, at)| {
            change.before.is_none() && lives_on(scene, change.name, state.founded, *at)
        });
        // A member of an older one may have come and gone with one event. It is that one then,
        // with its own rules, of which the server may know none; but it gives no rank either.
        let stands = lost.filter(|(state, _)| !self.may_replace(after.founded, state.founded));
        let state = change.before.or(stands.map(|(state, _)| state));
        if lost.is_some() && after.members.get(&host).is_some_and(|flags| flags.operator) {
            let text = format!("{host} has a rank in what lives on elsewhere");
            return Some((Invariant::A4, text));
        }
        let state = state?;
        let is_invited = shadow.invitations.iter().any(|it| {
            let is_it = it.host == host && it.channel == change.name && it.tag == state.founded;
            is_it && scene.now <= it.at + INVITED_FOR
        });
        let renamed = scene.cause.said.iter().any(Said::is_new_nick);
        let names = match renamed {
            true => Vec::new(),
            false => rules::names(&scene.snapshot, host),
        };
        let node = place(scene, here.link)?;
        let offered = self.keys.get(&node).into_iter().flatten();
        let offered = offered.filter(|(channel, _)| channel == change.name);
        let mut keys = offered.map(|(_, key)| &**key).chain([""]);
        let why = state.locks_out("", is_invited, &names)?.to_owned();
        let is_out = keys.all(|key| state.locks_out(key, is_invited, &names).is_some());
        is_out.then(|| (Invariant::A1, format!("{host} is in it, though {why}")))
    }

    /// A host of the server's own has other flags.
    fn judge_rank(
        &self,
        scene: &Scene<'_>,
        shadow: &Shadow,
        change: &Change<'_>,
        host: HostId,
        before: MemberFlags,
        after: MemberFlags,
    ) -> Option<Found> {
        let changes = [
            (
                before.operator,
                after.operator,
                RequestKind::OP,
                RequestKind::DEOP,
            ),
            (
                before.voice,
                after.voice,
                RequestKind::VOICE,
                RequestKind::DEVOICE,
            ),
        ];
        for (before, after, give, take) in changes {
            let kind = match (before, after) {
                (false, true) => give,
                (true, false) => take,
                _ => continue,
            };
            let founds = kind == RequestKind::OP && self.founds(change, host);
            if scene.cause.was_asked(&[kind], host, change) && !founds {
                continue;
            }
            // It may have done more than to found it.
            if self.founds(change, host) && scene.cause.client == Some(host) && !founds {
                continue;
            }
            if kind == RequestKind::OP && self.may_found(change, host) {
                if is_too_early(scene, shadow) {
                    let text = format!("{host} has a rank before its server has its uplink");
                    return Some((Invariant::A4, text));
                }
                continue;
            }
            let text = format!("{host} has another rank, and no operator gave or took it");
            return Some((Invariant::A4, text));
        }
        None
    }

    /// When two foundings were in truth, if both were before this event.
    fn founded(&self, one: u32, other: u32) -> Option<[Timestamp; 2]> {
        let founded = |tag| self.foundings.get(&tag).copied();
        Some([founded(one)?, founded(other)?])
    }

    /// Whether another founding than this one may count as the older one.
    fn may_replace(&self, one: u32, other: u32) -> bool {
        let founded = self.founded(one, other);
        one != other && founded.is_some_and(|[one, other]| one <= other + AGES_DIFFER)
    }

    /// Whether a host founds the channel with this event.
    fn founds(&self, change: &Change<'_>, host: HostId) -> bool {
        let is_first = change.after.is_some_and(|after| after.members.len() == 1);
        change.before.is_none() && is_first && self.may_found(change, host)
    }

    /// Whether a host founds the channel, or has founded it.
    fn may_found(&self, change: &Change<'_>, host: HostId) -> bool {
        let Some(after) = change.after else {
            return false;
        };
        let led = change.before.is_some_and(|before| {
            before.founded == after.founded && before.members.values().any(|it| it.operator)
        });
        match self.founders.get(&after.founded) {
            Some(founder) => *founder == host && !led,
            None => true,
        }
    }

    /// Keeps what later judgements need.
    fn update(&mut self, scene: &Scene<'_>, shadow: &mut Shadow, change: &Change<'_>) {
        if change
            .before
            .is_some_and(|before| scene.cause.loses(before, change.after))
        {
            shadow.losses.insert(change.name.to_owned(), scene.now);
        }
        let Some(after) = change.after else {
            let lost_at = shadow.losses.remove(change.name);
            let may_live_on = lost_at.is_some_and(|at| scene.now < at + REMEMBERED_FOR);
            if let Some(before) = change.before.filter(|_| may_live_on) {
                let at = lost_at.unwrap_or(scene.now);
                let mut lost = (before.clone(), at);
                lost.0.members.clear();
                shadow.lost.insert(change.name.to_owned(), lost);
            }
            return;
        };
        // One that has lost its members here goes on with the next host that enters it: that is not
        // its founder.
        let lost = shadow.lost.get(change.name);
        let resumes = lost.is_some_and(|(state, _)| state.founded == after.founded);
        let mut members = after.members.keys();
        let all_local = members.all(|host| local(&scene.snapshot, *host).is_some());
        // Several members may found it at once: those behind a server of legacy IRC.
        if change.before.is_none() && all_local && !resumes {
            self.foundings.entry(after.founded).or_insert(scene.now);
        }
        for &host in after.members.keys() {
            match local(&scene.snapshot, host) {
                Some(here) => {
                    shadow.locals.insert(host, here);
                    if change.before.is_none() && after.members.len() == 1 && !resumes {
                        self.founders.entry(after.founded).or_insert(host);
                    }
                    if !change.was_member(host) {
                        let used = |it: &Invitation| it.host == host && it.channel == change.name;
                        shadow.invitations.retain(|it| !used(it));
                    }
                }
                None => {
                    shadow.locals.remove(&host);
                }
            }
        }
        shadow.lost.remove(change.name);
    }
}

/// A host of the server's own that is out of the channel without having left, or having
/// been kicked by an operator.
fn forced_out(scene: &Scene<'_>, shadow: &Shadow, change: &Change<'_>) -> Option<HostId> {
    let stays = |host| {
        let after = change.after;
        after.is_some_and(|after| after.members.contains_key(host))
    };
    let members = change.before?.members.keys();
    let mut gone = members.filter(|host| !stays(host)).copied();
    gone.find(|host| {
        let here = shadow.locals.get(host);
        let is_there = here.is_some_and(|here| local(&scene.snapshot, *host) == Some(*here));
        let left = here.is_some_and(|here| scene.cause.is_own(*here));
        is_there && !left && !scene.cause.was_asked(&[RequestKind::KICK], *host, change)
    })
}

/// Keeps the invitations that operators make.
fn note_invitations(
    scene: &Scene<'_>,
    shadow: &mut Shadow,
    channels: &BTreeMap<String, State>,
    befores: &BTreeMap<String, Option<State>>,
) {
    let nicks = scene.snapshot.nicks();
    for said in scene.cause.said {
        let (by, host, name) = match said {
            Said::Invite { nick, channel } => {
                let host = nicks.and_then(|nicks| nicks.find(nick));
                (scene.cause.client, host, channel)
            }
            Said::Request {
                host,
                to,
                kind: RequestKind::INVITE,
                channel,
                ..
            } => (Some(*host), *to, channel),
            _ => continue,
        };
        let change = Change {
            name,
            former: None,
            before: befores.get(name).and_then(Option::as_ref),
            after: channels.get(name),
        };
        let (Some(by), Some(host)) = (by, host) else {
            continue;
        };
        let is_here = local(&scene.snapshot, host).is_some();
        if is_here && scene.cause.is_operator(by, &change) {
            let tags: Vec<u32> = change.states().map(|state| state.founded).collect();
            shadow
                .invitations
                .extend(tags.into_iter().map(|tag| Invitation {
                    host,
                    channel: name.clone(),
                    tag,
                    at: scene.now,
                }));
        }
    }
}

/// Whether a line of a server of legacy IRC may set the topic: that of a user behind it who
/// may, or one of its burst.
fn sets_topic(scene: &Scene<'_>, change: &Change<'_>, said: &Said) -> bool {
    match said {
        Said::TopicBurst { channel } => channel == change.name,
        Said::Topic { nick, channel } if channel == change.name => {
            let is_other = scene.cause.said.iter().any(Said::is_new_host);
            let nicks = scene.snapshot.nicks().filter(|_| !is_other);
            let host = nicks.and_then(|nicks| nicks.find(nick));
            let came = scene.cause.said.iter().any(|said| said.enters(change.name));
            let mut states = change.states();
            states.any(|state| {
                // It may have quit with the same event, and another one have its nick.
                host.is_none_or(|host| state.may_set(host, rules::TOPIC)) || came && !state.has('t')
            })
        }
        _ => false,
    }
}

/// What is wrong with changed settings.
fn judge_settings(
    scene: &Scene<'_>,
    change: &Change<'_>,
    before: &State,
    after: &State,
) -> Option<Found> {
    let fields = before.settings.iter().zip(&after.settings).enumerate();
    for (field, (_, value)) in fields.filter(|(_, (before, after))| before != after) {
        // It may have been in the channel during the event only.
        let came = || scene.cause.said.iter().any(|said| said.enters(change.name));
        let is_free = |state: &State| field == rules::TOPIC && !state.has('t') && came();
        let may = |host: HostId| {
            let mut states = change.states();
            states.any(|state| state.may_set(host, field) || is_free(state))
        };
        let is_right = match scene.cause.client {
            Some(client) => may(client),
            None if scene.cause.is_legacy_server => {
                field == rules::TOPIC
                    && scene
                        .cause
                        .said
                        .iter()
                        .any(|said| sets_topic(scene, change, said))
            }
            None => was_set(scene, change, field, value, after.founded),
        };
        if !is_right {
            let text = format!("{value:?} was set by a host without the right to");
            return Some((Invariant::A3, text));
        }
    }
    None
}
