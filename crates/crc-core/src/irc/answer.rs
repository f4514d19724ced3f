//! Long answers: of JOIN, PART, NAMES, LIST, WHO and WHOIS.
//!
//! The answer to one line is a queue of parts. As many steps are done at once as the
//! work of one event permits ([`work`](crate::work)); the rest follows in later events,
//! and the user's further lines are read when the answer is complete. A step begins
//! where the last one ended, with what is there by then: a host that joins or leaves in
//! between is sent as a JOIN or PART anyway.
//!
//! All parts together write about [`ANSWER_BYTES_MAX`] bytes and visit
//! [`HOSTS_VISITED_MAX`] hosts. What is left then is left out, and the user is told.

use std::collections::VecDeque;
use std::sync::Arc;

use crc_machine::LinkId;
use crc_wire::HostId;
use irc_wire::Numeric;

use super::channel::{
    join_one, leave_one, nick_in_channel, send_end_of_names, send_names, show, sign_of,
};
use super::elsewhere;
use super::list::{Filter, send_end_of_list, send_list_entry};
use super::metadata::{self, SyncPart};
use super::query::{Who, send_end_of_who, who_reply, whois_one};
use super::{UserRef, find_user_mut, is_visible, read_soon, rename, reply};
use crate::context::{Context, LinkTimer, Out};
use crate::network::{Channel, Host, Network, fold};
use crate::question::{Asked, Reply};
use crate::work::{self, WorkMeter};

/// The most bytes of the answer to one line.
pub(super) const ANSWER_BYTES_MAX: usize = 128 * 1024;

/// How many hosts are visited to answer one line.
const HOSTS_VISITED_MAX: usize = 20_000;

/// The answer to one line, as far as it is not sent.
#[derive(Debug)]
pub(super) struct Answer {
    /// The command that is answered.
    command: &'static str,
    parts: VecDeque<Part>,
    bytes_left: usize,
    hosts_left: usize,
    /// Parts were left out, and the user was told.
    is_truncated: bool,
}

impl Answer {
    /// Another server has answered. Whether the next part waits for that.
    pub(super) fn on_reply(&mut self, server: HostId, reply: Reply<'_>) -> bool {
        match self.parts.front_mut() {
            Some(Part::Asked(asked)) => asked.on_answer(server, reply),
            _ => false,
        }
    }
}

/// A part of an answer. `after` is the last one that was sent, and `place` the first
/// place in the directory that was not visited.
#[derive(Debug)]
pub(super) enum Part {
    /// Enter a channel.
    Join { name: Box<str>, key: Box<str> },
    /// Show a channel that the user is in: its topic and its members.
    Show(Box<str>),
    /// Leave a channel.
    Leave { name: Box<str>, text: Arc<str> },
    /// The members of a channel.
    Names {
        channel: Box<str>,
        after: Option<HostId>,
    },
    /// The members of all channels.
    AllNames { after: Option<Box<str>> },
    /// The users that are in no channel.
    Others { place: usize },
    /// The end of a list of names.
    EndOfNames(Box<str>),
    /// All channels that a filter lets through.
    List {
        after: Option<Box<str>>,
        filter: Option<Arc<Filter>>,
    },
    /// One channel, if a filter lets it through.
    ListEntry {
        name: Box<str>,
        filter: Option<Arc<Filter>>,
    },
    /// The end of the list.
    EndOfList,
    /// The members of a channel that a WHO asks for.
    WhoMembers {
        who: Box<Who>,
        after: Option<HostId>,
    },
    /// The users that a WHO asks for.
    WhoUsers { who: Box<Who>, place: usize },
    /// The end of a WHO, with its target.
    EndOfWho(Box<str>),
    /// What users and channels say of themselves.
    Sync(Box<SyncPart>),
    /// What is known of the user with this nick.
    Whois(Box<str>),
    /// The end of that.
    EndOfWhois(Box<str>),
    /// What another server answers.
    Asked(Box<Asked>),
}

impl Part {
    /// Whether the part is sent also when the answer is too long.
    const fn is_short(&self) -> bool {
        match self {
            Part::Sync(part) => part.is_short(),
            Part::Join { .. }
            | Part::Show(_)
            | Part::Leave { .. }
            | Part::EndOfNames(_)
            | Part::EndOfList
            | Part::EndOfWho(_)
            | Part::EndOfWhois(_)
            | Part::Asked(_) => true,
            _ => false,
        }
    }
}

impl Answer {
    /// Puts a part in front of the others.
    pub(super) fn push_front(&mut self, part: Part) {
        self.parts.push_front(part);
    }
}

/// Answers a line: now as far as the work of this event permits, and the rest later.
pub(super) fn start(
    cx: &mut Context,
    user_ref: UserRef,
    command: &'static str,
    parts: impl IntoIterator<Item = Part>,
    out: &mut Out,
) {
    let answer = Answer {
        command,
        parts: parts.into_iter().collect(),
        bytes_left: ANSWER_BYTES_MAX,
        hosts_left: HOSTS_VISITED_MAX,
        is_truncated: false,
    };
    run(cx, user_ref, answer, out);
}

/// Shows a user a channel that it is in: now, or when the answer to its last line is complete.
pub(super) fn show_soon(cx: &mut Context, user_ref: UserRef, channel: &str, out: &mut Out) {
    let Some(user) = find_user_mut(cx, user_ref.link) else {
        return;
    };
    if user.answer.is_none() {
        return start(cx, user_ref, "JOIN", [Part::Show(channel.into())], out);
    }
    if !user.shown_soon.iter().any(|soon| **soon == *channel) {
        user.shown_soon.push(channel.into());
    }
}

/// Shows a user the channels that have waited for an answer. Whether all is sent.
pub(super) fn show_waiting(cx: &mut Context, link: LinkId, out: &mut Out) -> bool {
    let id = cx.network.neighbours().find(link).map(|n| n.host);
    let user = find_user_mut(cx, link).filter(|user| !user.shown_soon.is_empty());
    let (Some(id), Some(user)) = (id, user) else {
        return true;
    };
    let channels = core::mem::take(&mut user.shown_soon).into_iter();
    start(
        cx,
        UserRef { link, id },
        "JOIN",
        channels.map(Part::Show),
        out,
    );
    find_user_mut(cx, link).is_none_or(|user| user.answer.is_none())
}

/// Goes on with the answer of a link, if it has one. Whether it is complete.
pub(super) fn go_on(cx: &mut Context, link: LinkId, out: &mut Out) -> bool {
    let Some(id) = cx.network.neighbours().find(link).map(|n| n.host) else {
        return true;
    };
    let answer = find_user_mut(cx, link).and_then(|user| user.answer.take());
    answer.is_none_or(|answer| run(cx, UserRef { link, id }, *answer, out))
}

/// Sends parts of an answer. Whether it is complete.
fn run(cx: &mut Context, user_ref: UserRef, mut answer: Answer, out: &mut Out) -> bool {
    let mut awaited = None;
    while let Some(part) = answer.parts.pop_front() {
        if let Part::Asked(asked) = &part {
            awaited = asked.awaited(cx.now);
        }
        if awaited.is_some() || cx.work.is_spent() {
            answer.parts.push_front(part);
            break;
        }
        let is_too_long = answer.bytes_left == 0 || answer.hosts_left == 0;
        if is_too_long && !part.is_short() {
            if !answer.is_truncated {
                answer.is_truncated = true;
                reply::reply_truncated(cx, user_ref.link, answer.command, out);
            }
            continue;
        }
        let start = out.arena_len();
        step(cx, user_ref, part, &mut answer, out);
        let bytes = out.arena_len() - start;
        cx.work.charge_answer_bytes(bytes);
        answer.bytes_left = answer.bytes_left.saturating_sub(bytes);
    }
    let is_complete = answer.parts.is_empty();
    if !is_complete && let Some(user) = find_user_mut(cx, user_ref.link) {
        user.answer = Some(Box::new(answer));
        match awaited {
            Some(until) => cx.set_link_timer(user_ref.link, LinkTimer::Irc, until),
            None => read_soon(cx, user_ref.link),
        }
    }
    is_complete
}

/// Sends one part, or its beginning: then the rest becomes the next part.
fn step(cx: &mut Context, user_ref: UserRef, part: Part, answer: &mut Answer, out: &mut Out) {
    let link = user_ref.link;
    match part {
        Part::Join { name, key } => {
            let Some(name) = rename::first_name_to_join(cx, user_ref, &name, out) else {
                return;
            };
            let known = cx.network.channels().find(&name);
            if let Some(known) = known {
                cx.charge_bans(known);
            }
            // All members get the JOIN.
            let links = known.map_or(0, |known| known.links_len());
            cx.work
                .charge_answer(work::LINE + work::LINK * links as u64);
            for part in join_one(cx, user_ref, &name, &key, out).into_iter().rev() {
                answer.parts.push_front(part);
            }
        }
        Part::Show(name) => {
            for part in show(cx, link, &name, out).into_iter().rev() {
                answer.parts.push_front(part);
            }
        }
        Part::Leave { name, text } => {
            let known = cx.network.channels().find(&name);
            // All members get the PART.
            let links = known.map_or(0, |known| known.links_len());
            cx.work
                .charge_answer(work::LINE + work::LINK * links as u64);
            leave_one(cx, user_ref, &name, &text, out);
        }
        Part::Names { channel, after } => {
            if let Some(known) = find_visible(cx, user_ref, &channel) {
                let (mut visit, parts) = Visit::new(cx, answer);
                let (mut nicks, mut last, mut is_complete) = (Vec::new(), after, true);
                for (id, flags) in known.members_after(after) {
                    is_complete = visit.next();
                    if !is_complete {
                        break;
                    }
                    last = Some(id);
                    if is_visible(cx, id, user_ref) {
                        let nick = nick_in_channel(cx, link, id, flags);
                        visit.on_word(&nick);
                        nicks.push(nick);
                    }
                }
                send_names(cx, link, sign_of(known), known.name(), &nicks, out);
                if !is_complete {
                    let after = last;
                    parts.push_front(Part::Names { channel, after });
                }
            }
        }
        Part::AllNames { after } => {
            if let Some(known) = cx.network.channels().after(after.as_deref()).next() {
                let (channel, after) = (folded_name(known), None);
                let after_this = Some(channel.clone());
                answer
                    .parts
                    .push_front(Part::AllNames { after: after_this });
                answer.parts.push_front(Part::Names { channel, after });
            }
        }
        Part::Others { place } => {
            let (mut visit, parts) = Visit::new(cx, answer);
            let (mut nicks, mut rest) = (Vec::new(), None);
            for (place, host) in cx.network.directory().clients_from(place) {
                if !visit.next_place(host.is_some()) {
                    rest = Some(place);
                    break;
                }
                let Some(id) = host.map(Host::id) else {
                    continue;
                };
                let mut channels = cx.network.channels().of(id);
                let is_listed = channels.any(|channel| {
                    cx.work.charge_answer(work::LOOKUP);
                    Network::may_see(user_ref.id, channel)
                });
                if !is_listed && is_visible(cx, id, user_ref) {
                    let nick = cx.nick_of(id);
                    visit.on_word(&nick);
                    nicks.push(nick);
                }
            }
            send_names(cx, link, "*", "*", &nicks, out);
            if let Some(place) = rest {
                parts.push_front(Part::Others { place });
            }
        }
        Part::EndOfNames(name) => {
            let known = find_visible(cx, user_ref, &name);
            let shown = known.map_or(&*name, |known| known.name());
            send_end_of_names(cx, link, shown, out);
        }
        Part::List { after, filter } => {
            let (mut visit, parts) = Visit::new(cx, answer);
            let mut last = after.clone();
            for known in cx.network.channels().after(after.as_deref()) {
                // A filter may let none through for long.
                let may_go_on = filter.is_none() || visit.next();
                if !may_go_on || visit.bytes_left == 0 || cx.work.is_spent() {
                    let after = last;
                    parts.push_front(Part::List { after, filter });
                    return;
                }
                last = Some(folded_name(known));
                let start = out.arena_len();
                send_list_entry(cx, user_ref, known, filter.as_deref(), out);
                visit.on_bytes(out.arena_len() - start);
            }
        }
        Part::ListEntry { name, filter } => {
            if let Some(known) = find_visible(cx, user_ref, &name) {
                send_list_entry(cx, user_ref, known, filter.as_deref(), out);
            }
        }
        Part::EndOfList => send_end_of_list(cx, user_ref, out),
        Part::WhoMembers { who, after } => {
            if let Some(known) = find_visible(cx, user_ref, &who.target) {
                let (mut visit, parts) = Visit::new(cx, answer);
                let mut last = after;
                for (id, _) in known.members_after(after) {
                    if !visit.next() {
                        let after = last;
                        parts.push_front(Part::WhoMembers { who, after });
                        return;
                    }
                    last = Some(id);
                    if is_visible(cx, id, user_ref) && who.wants(cx, id) {
                        let start = out.arena_len();
                        who_reply(cx, link, id, Some(known), who.whox.as_ref(), out);
                        visit.on_bytes(out.arena_len() - start);
                    }
                }
            }
        }
        Part::WhoUsers { who, place } => {
            let (mut visit, parts) = Visit::new(cx, answer);
            for (place, host) in cx.network.directory().clients_from(place) {
                if !visit.next_place(host.is_some()) {
                    parts.push_front(Part::WhoUsers { who, place });
                    return;
                }
                let Some(host) = host else {
                    continue;
                };
                let id = host.id();
                if is_visible(cx, id, user_ref) && who.wants(cx, id) && who.matches(cx, host) {
                    let start = out.arena_len();
                    who_reply(cx, link, id, None, who.whox.as_ref(), out);
                    visit.on_bytes(out.arena_len() - start);
                }
            }
        }
        Part::EndOfWho(target) => send_end_of_who(cx, link, &target, out),
        Part::Sync(part) => metadata::step(cx, user_ref, *part, answer, out),
        Part::Whois(nick) => {
            if let Some(asked) = whois_one(cx, user_ref, &nick, out) {
                answer.parts.push_front(Part::Asked(asked));
            }
        }
        Part::EndOfWhois(nick) => {
            let text = Some("End of /WHOIS list");
            reply::send_numeric(cx, link, Numeric::RPL_ENDOFWHOIS, &[&nick], text, out);
        }
        Part::Asked(asked) => elsewhere::show(cx, user_ref, &asked, out),
    }
}

/// Counts what a step visits and writes.
pub(super) struct Visit<'a> {
    work: &'a WorkMeter,
    hosts_left: &'a mut usize,
    bytes_left: usize,
}

impl<'a> Visit<'a> {
    pub(super) fn new(cx: &'a Context, answer: &'a mut Answer) -> (Self, &'a mut VecDeque<Part>) {
        let visit = Visit {
            work: &cx.work,
            hosts_left: &mut answer.hosts_left,
            bytes_left: answer.bytes_left,
        };
        (visit, &mut answer.parts)
    }

    /// Whether another host may be visited.
    pub(super) fn next(&mut self) -> bool {
        let may = !self.work.is_spent() && *self.hosts_left > 0 && self.bytes_left > 0;
        if may {
            *self.hosts_left -= 1;
            self.work.charge_answer(work::HOST);
        }
        may
    }

    /// Whether another place may be visited, where a host may be.
    fn next_place(&mut self, is_taken: bool) -> bool {
        if is_taken {
            return self.next();
        }
        self.work.charge_answer(1);
        !self.work.is_spent()
    }

    /// Bytes were written.
    pub(super) fn on_bytes(&mut self, bytes: usize) {
        self.bytes_left = self.bytes_left.saturating_sub(bytes);
    }

    /// A word of a list will be written.
    fn on_word(&mut self, word: &str) {
        self.on_bytes(word.len() + 1);
    }
}

/// The channel with this name, if the user may see it.
fn find_visible<'a>(cx: &'a Context, user_ref: UserRef, name: &str) -> Option<&'a Channel> {
    let known = cx.network.channels().find(name);
    known.filter(|channel| Network::may_see(user_ref.id, channel))
}

fn folded_name(channel: &Channel) -> Box<str> {
    fold(channel.name()).into()
}
