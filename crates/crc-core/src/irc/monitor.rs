//! MONITOR (IRCv3): users are told when nicks come and go, anywhere in the network.

use core::mem;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crc_machine::LinkId;
use crc_wire::HostId;
use irc_wire::{Message, Numeric, lists, text};

use super::reply::{self, LINE_BYTES_MAX};
use super::session::Capability;
use super::{UserRef, answer, find_user, find_user_mut, has, metadata, source_of};
use crate::context::{Context, Out};
use crate::names::fold_name as fold;
use crate::network::Nicks;
use crate::work;

/// How many nicks a user may monitor (`MONITOR`).
pub(super) const MONITORS_MAX: usize = 100;

/// The most bytes of a nick that can be monitored: no nick is longer.
const NICK_BYTES_MAX: usize = 80;

/// Which users of this server monitor which nicks.
#[derive(Debug, Default)]
pub(crate) struct Monitors(BTreeMap<Box<str>, BTreeSet<LinkId>>);

impl Monitors {
    /// The links whose users monitor a nick.
    fn of(&self, nick: &str) -> impl Iterator<Item = LinkId> {
        let links = self.0.get(&*fold(nick)).into_iter().flatten();
        links.copied()
    }

    fn remove(&mut self, folded: &str, link: LinkId) {
        if let Some(links) = self.0.get_mut(folded) {
            links.remove(&link);
            if links.is_empty() {
                self.0.remove(folded);
            }
        }
    }
}

/// MONITOR: `+` and `-` with nicks; `C`, `L` and `S` clear, list and query all.
pub(super) fn monitor(cx: &mut Context, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
    let link = user_ref.link;
    let modifier = message.params.get(0).unwrap_or_default();
    let wanted = message.params.get(1).unwrap_or_default();
    let wanted: Vec<_> = lists::elements(wanted).map(text::utf8_or_latin1).collect();
    cx.work.charge(work::LOOKUP * wanted.len() as u64);
    match modifier {
        b"+" => add(cx, user_ref, &wanted, out),
        b"-" => {
            for nick in &wanted {
                let folded = fold(nick);
                let user = find_user_mut(cx, link);
                if user.is_some_and(|user| user.monitors.remove(&*folded).is_some()) {
                    cx.monitors.remove(&folded, link);
                }
            }
        }
        b"C" | b"c" => clear(cx, link),
        b"L" | b"l" => {
            let user = find_user(cx, link);
            let nicks = user.into_iter().flat_map(|user| user.monitors.values());
            let nicks: Vec<_> = nicks.map(|nick| Cow::Borrowed(&**nick)).collect();
            send_nicks(cx, link, Numeric::RPL_MONLIST, &nicks, out);
            let text = Some("End of MONITOR list");
            reply::send_numeric(cx, link, Numeric::RPL_ENDOFMONLIST, &[], text, out);
        }
        b"S" | b"s" => {
            let user = find_user(cx, link);
            let nicks = user.into_iter().flat_map(|user| user.monitors.values());
            let nicks: Vec<_> = nicks.map(|nick| Cow::Borrowed(&**nick)).collect();
            let online = send_states(cx, link, &nicks, out);
            send_metadata(cx, user_ref, &online, out);
        }
        _ => {}
    }
}

/// Adds nicks, and says which of them are online. What cannot be a nick is left out.
fn add(cx: &mut Context, user_ref: UserRef, wanted: &[Cow<'_, str>], out: &mut Out) {
    let is_nick = |nick: &&Cow<'_, str>| nick.len() <= NICK_BYTES_MAX && Nicks::is_nick(nick);
    let link = user_ref.link;
    let mut added = Vec::new();
    let mut rest = Vec::new();
    for nick in wanted.iter().filter(is_nick) {
        let folded: Box<str> = fold(nick).into();
        let Some(user) = find_user_mut(cx, link) else {
            return;
        };
        if user.monitors.contains_key(&folded) {
            added.push(nick.clone());
        } else if user.monitors.len() >= MONITORS_MAX {
            rest.push(&**nick);
        } else {
            user.monitors.insert(folded.clone(), (&**nick).into());
            cx.monitors.0.entry(folded).or_default().insert(link);
            added.push(nick.clone());
        }
    }
    let online = send_states(cx, link, &added, out);
    if !rest.is_empty() {
        let limit = MONITORS_MAX.to_string();
        // They came in one line, and fit into one.
        let words = [&*limit, &rest.join(",")];
        let text = Some("Monitor list is full");
        reply::send_numeric(cx, link, Numeric::ERR_MONLISTFULL, &words, text, out);
    }
    send_metadata(cx, user_ref, &online, out);
}

/// Forgets what a user monitors: it has asked for that, or its link ends.
pub(crate) fn clear(cx: &mut Context, link: LinkId) {
    let found = cx.links.find_mut(link);
    let Some(crate::link::Protocol::Irc(user)) = found.map(|found| &mut found.protocol) else {
        return;
    };
    for folded in mem::take(&mut user.monitors).into_keys() {
        cx.monitors.remove(&folded, link);
    }
}

/// Sends what users that are online say of themselves, if the client wants to know that.
fn send_metadata(cx: &mut Context, user_ref: UserRef, online: &[HostId], out: &mut Out) {
    let parts = metadata::of_users(cx, user_ref.link, online);
    if !parts.is_empty() {
        answer::start(cx, user_ref, "MONITOR", parts, out);
    }
}

/// Says which of these nicks are online, and returns their users.
fn send_states(cx: &Context, link: LinkId, nicks: &[Cow<'_, str>], out: &mut Out) -> Vec<HostId> {
    let names = cx.network.names();
    let (mut online, mut offline, mut users) = (Vec::new(), Vec::new(), Vec::new());
    cx.work.charge(work::LOOKUP * nicks.len() as u64);
    for nick in nicks {
        match names.and_then(|names| names.nicks.find(nick)) {
            Some(id) => {
                online.push(source_of(cx, id));
                users.push(id);
            }
            None => offline.push(Cow::Borrowed(&**nick)),
        }
    }
    send_nicks(cx, link, Numeric::RPL_MONONLINE, &online, out);
    send_nicks(cx, link, Numeric::RPL_MONOFFLINE, &offline, out);
    users
}

/// Sends nicks with commas between, in as many lines as they need.
fn send_nicks(cx: &Context, link: LinkId, numeric: Numeric, nicks: &[Cow<'_, str>], out: &mut Out) {
    let head = reply::own_name(cx).len() + reply::target_of(cx, link).len() + ": 730  :".len();
    let room = LINE_BYTES_MAX.saturating_sub(head);
    let mut text = String::new();
    for nick in nicks {
        if !text.is_empty() && text.len() + 1 + nick.len() > room {
            reply::send_numeric(cx, link, numeric, &[], Some(&text), out);
            text.clear();
        }
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(nick);
    }
    if !text.is_empty() {
        reply::send_numeric(cx, link, numeric, &[], Some(&text), out);
    }
}

/// A nick has come or gone: tells the users that monitor it.
pub(super) fn notify(cx: &Context, numeric: Numeric, nick: &str, shown: &str, out: &mut Out) {
    if cx.monitors.0.is_empty() {
        return;
    }
    for link in cx.monitors.of(nick) {
        cx.work.charge(work::LINK + work::LINE);
        reply::send_numeric(cx, link, numeric, &[], Some(shown), out);
    }
}

/// A host has come, or has another nick: tells the users that monitor it.
pub(super) fn notify_online(cx: &mut Context, id: HostId, out: &mut Out) {
    if cx.monitors.0.is_empty() {
        return;
    }
    let (nick, shown) = (cx.nick_of(id), source_of(cx, id).into_owned());
    let links: Vec<_> = cx.monitors.of(&nick).collect();
    for link in links {
        cx.work.charge(work::LINK + work::LINE);
        reply::send_numeric(cx, link, Numeric::RPL_MONONLINE, &[], Some(&shown), out);
        metadata::send_of_arrival(cx, link, id, out);
    }
}

/// The links whose users monitor a host.
pub(super) fn links_monitoring(cx: &Context, id: HostId) -> Vec<LinkId> {
    if cx.monitors.0.is_empty() {
        return Vec::new();
    }
    let links: Vec<_> = cx.monitors.of(&cx.nick_of(id)).collect();
    cx.work.charge(work::LINK * links.len() as u64);
    links
}

/// The links whose users monitor a host and want to know more than that it is online.
pub(super) fn links_watching(cx: &Context, id: HostId) -> Vec<LinkId> {
    let mut links = links_monitoring(cx, id);
    links.retain(|link| has(cx, *link, Capability::ExtendedMonitor));
    links
}
