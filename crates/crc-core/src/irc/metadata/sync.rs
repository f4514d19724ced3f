//! All that a user is subscribed to, of a user, of a channel and its members, or of all that the
//! user is told of. It may be much, so it is a part of a long answer.

use std::collections::VecDeque;
use std::sync::Arc;

use crc_machine::LinkId;
use crc_wire::HostId;
use irc_wire::Numeric;

use super::{Batch, is_aware, send_value, set_of};
use crate::context::{Context, Out};
use crate::irc::answer::{Answer, Part, Visit};
use crate::irc::{UserRef, find_user, is_visible, reply};
use crate::network::metadata::channel_entries;
use crate::network::{Network, fold};
use crate::work;

/// With more keys than these, what is known of a user that comes is left to METADATA SYNC.
const ARRIVAL_KEYS_MAX: usize = 4;

/// The keys that are wanted.
pub(super) type Keys = Arc<[Box<str>]>;

/// What is sent.
#[derive(Debug, Clone)]
pub(super) enum SyncOf {
    User(HostId),
    /// A channel, and its other members.
    Channel(Box<str>),
    /// All channels of the user, their members, and the users that it monitors.
    All,
}

/// A part of the answer.
#[derive(Debug)]
pub(in crate::irc) struct SyncPart {
    keys: Keys,
    batch: Batch,
    step: Step,
}

#[derive(Debug)]
enum Step {
    /// Begins the batch, whose parameter is this name.
    Begin(Box<str>, SyncOf),
    User(HostId),
    Channel(Box<str>),
    Members(Members),
    /// The users that are monitored and in no channel of the user, behind this nick.
    Monitored(Option<Box<str>>),
    End,
}

impl SyncPart {
    /// The whole answer.
    pub(super) fn begin(name: &str, of: SyncOf, keys: Keys) -> Part {
        let step = Step::Begin(name.into(), of);
        Part::Sync(Box::new(SyncPart {
            keys,
            batch: Batch::NONE,
            step,
        }))
    }

    /// Whether the part is sent also when the answer is too long.
    pub(in crate::irc) const fn is_short(&self) -> bool {
        matches!(self.step, Step::Begin(..) | Step::End)
    }
}

fn keys_of(cx: &Context, link: LinkId) -> Keys {
    let keys = find_user(cx, link).map(|user| user.metadata.keys());
    keys.unwrap_or_default()
}

/// A user has entered a channel: what it is sent of that.
pub(in crate::irc) fn of_channel(cx: &Context, link: LinkId, name: &str) -> Option<Part> {
    let of = SyncOf::Channel(name.into());
    is_aware(cx, link).then(|| SyncPart::begin(name, of, keys_of(cx, link)))
}

/// A user is told that others are online: what it is sent of them.
pub(in crate::irc) fn of_users(cx: &Context, link: LinkId, users: &[HostId]) -> Vec<Part> {
    if !is_aware(cx, link) {
        return Vec::new();
    }
    let keys = keys_of(cx, link);
    let part = |id: &HostId| SyncPart::begin(&cx.nick_of(*id), SyncOf::User(*id), keys.clone());
    users.iter().map(part).collect()
}

/// A user has registered: sends it what it says of itself.
pub(in crate::irc) fn send_own(cx: &mut Context, user_ref: UserRef, out: &mut Out) {
    if is_aware(cx, user_ref.link) {
        let nick = cx.nick_of(user_ref.id);
        let batch = Batch::begin(cx, user_ref.link, "metadata", &[&nick], out);
        for (key, value) in cx.network.metadata().of(user_ref.id) {
            let entry = (&*nick, key, Some(value));
            send_value(cx, user_ref.link, &batch, entry, out);
        }
        batch.end(cx, user_ref.link, out);
    }
}

/// A user that another one monitors is online: sends what it says of itself, or that the other
/// one may ask for that.
pub(in crate::irc) fn send_of_arrival(cx: &mut Context, link: LinkId, id: HostId, out: &mut Out) {
    if !is_aware(cx, link) {
        return;
    }
    let (nick, keys) = (cx.nick_of(id), keys_of(cx, link));
    let all = cx.network.metadata().of(id);
    let count = all.filter(|(key, _)| keys.iter().any(|it| **it == **key));
    if count.count() > ARRIVAL_KEYS_MAX {
        let (numeric, words) = (Numeric::RPL_METADATASYNCLATER, [&*nick, "0"]);
        let text = Some("Ask for it with METADATA SYNC");
        return reply::send_numeric(cx, link, numeric, &words, text, out);
    }
    let batch = Batch::begin(cx, link, "metadata", &[&nick], out);
    send_user(cx, link, &batch, &keys, id, out);
    batch.end(cx, link, out);
}

/// Sends what a user says of itself, of these keys.
fn send_user(cx: &Context, link: LinkId, batch: &Batch, keys: &Keys, id: HostId, out: &mut Out) {
    let mut nick = None;
    for key in keys.iter() {
        if let Some(value) = cx.network.metadata().find(id, key) {
            let nick = nick.get_or_insert_with(|| cx.nick_of(id));
            send_value(cx, link, batch, (nick, key, Some(value)), out);
        }
    }
}

/// Does one step of the answer, or its beginning: then the rest becomes the next part.
pub(in crate::irc) fn step(
    cx: &mut Context,
    user_ref: UserRef,
    part: SyncPart,
    answer: &mut Answer,
    out: &mut Out,
) {
    let SyncPart { keys, batch, step } = part;
    let link = user_ref.link;
    match step {
        Step::Begin(name, of) => {
            let batch = Batch::begin(cx, link, "metadata", &[&name], out);
            let mut steps = steps_of(cx, user_ref, of);
            steps.push(Step::End);
            for step in steps.into_iter().rev() {
                let (keys, batch) = (keys.clone(), batch.clone());
                let part = SyncPart { keys, batch, step };
                answer.push_front(Part::Sync(Box::new(part)));
            }
        }
        Step::User(id) => send_user(cx, link, &batch, &keys, id, out),
        Step::Channel(name) => {
            let known = cx.network.channels().find(&name);
            let known = known.filter(|channel| Network::may_see(user_ref.id, channel));
            for (key, value) in channel_entries(known.map_or("", set_of)) {
                if keys.iter().any(|wanted| **wanted == *key) {
                    send_value(cx, link, &batch, (&name, key, Some(&value)), out);
                }
            }
        }
        Step::Members(members) => {
            let (mut visit, parts) = Visit::new(cx, answer);
            let rest = members.send(cx, user_ref, (&batch, &keys), &mut visit, out);
            push_rest(parts, rest.map(Step::Members), keys, batch);
        }
        Step::Monitored(after) => {
            let (mut visit, parts) = Visit::new(cx, answer);
            let rest = send_monitored(cx, user_ref, after, (&batch, &keys), &mut visit, out);
            push_rest(parts, rest, keys, batch);
        }
        Step::End => batch.end(cx, link, out),
    }
}

fn push_rest(parts: &mut VecDeque<Part>, rest: Option<Step>, keys: Keys, batch: Batch) {
    if let Some(step) = rest {
        let part = SyncPart { keys, batch, step };
        parts.push_front(Part::Sync(Box::new(part)));
    }
}

/// The steps between begin and end.
fn steps_of(cx: &Context, user_ref: UserRef, of: SyncOf) -> Vec<Step> {
    // Most networks have no user that says anything of itself.
    let has_users = !cx.network.metadata().is_empty();
    let of_channel = |name: &str, once: bool| {
        let members = Step::Members(Members {
            channel: name.into(),
            after: None,
            once,
        });
        let members = has_users.then_some(members);
        core::iter::once(Step::Channel(name.into())).chain(members)
    };
    match of {
        SyncOf::User(id) => vec![Step::User(id)],
        SyncOf::Channel(name) => of_channel(&name, false).collect(),
        SyncOf::All => {
            let mut steps = vec![Step::User(user_ref.id)];
            for channel in cx.network.channels().of(user_ref.id) {
                steps.extend(of_channel(channel.name(), true));
            }
            steps.extend(has_users.then_some(Step::Monitored(None)));
            steps
        }
    }
}

/// The members of a channel behind `after`. With `once` those are left out that an earlier
/// channel of the user has.
#[derive(Debug)]
struct Members {
    channel: Box<str>,
    after: Option<HostId>,
    once: bool,
}

impl Members {
    /// Sends what members say of themselves. Returns what is left.
    fn send(
        self,
        cx: &Context,
        user_ref: UserRef,
        (batch, keys): (&Batch, &Keys),
        visit: &mut Visit<'_>,
        out: &mut Out,
    ) -> Option<Members> {
        let known = cx.network.channels().find(&self.channel);
        let known = known.filter(|channel| Network::may_see(user_ref.id, channel))?;
        let mut last = self.after;
        for (id, _) in known.members_after(self.after) {
            if !visit.next() {
                return Some(Members {
                    after: last,
                    ..self
                });
            }
            last = Some(id);
            if id == user_ref.id || !is_visible(cx, id, user_ref) {
                continue;
            }
            if self.once && is_in_earlier_channel(cx, user_ref.id, &self.channel, id) {
                continue;
            }
            let start = out.arena_len();
            send_user(cx, user_ref.link, batch, keys, id, out);
            visit.on_bytes(out.arena_len() - start);
        }
        None
    }
}

/// Whether a host is in a channel that the user has entered before this one.
fn is_in_earlier_channel(cx: &Context, own: HostId, name: &str, id: HostId) -> bool {
    let channels = cx.network.channels().of(own);
    let mut earlier = channels.take_while(|channel| *fold(channel.name()) != *fold(name));
    earlier.any(|channel| {
        cx.work.charge_answer(work::LOOKUP);
        channel.member(id).is_some()
    })
}

/// Sends what the users say of themselves that a user monitors and shares no channel with.
/// Returns what is left.
fn send_monitored(
    cx: &Context,
    user_ref: UserRef,
    after: Option<Box<str>>,
    (batch, keys): (&Batch, &Keys),
    visit: &mut Visit<'_>,
    out: &mut Out,
) -> Option<Step> {
    use core::ops::Bound::{Excluded, Unbounded};
    let names = cx.network.names()?;
    let user = find_user(cx, user_ref.link)?;
    let mut last = after.clone();
    let from = after.as_deref().map_or(Unbounded, Excluded);
    for (folded, nick) in user.monitors.range::<str, _>((from, Unbounded)) {
        if !visit.next() {
            return Some(Step::Monitored(last));
        }
        last = Some(folded.clone());
        let Some(id) = names.nicks.find(nick) else {
            continue;
        };
        cx.work.charge_answer(work::LOOKUP);
        if id != user_ref.id && !cx.network.channels().share(user_ref.id, id) {
            let start = out.arena_len();
            send_user(cx, user_ref.link, batch, keys, id, out);
            visit.on_bytes(out.arena_len() - start);
        }
    }
    None
}
