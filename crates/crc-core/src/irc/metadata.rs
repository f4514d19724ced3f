//! METADATA (IRCv3 metadata): what users and channels say of themselves, in keys and values.
//!
//! This file has the commands; `sync` sends all that a user is subscribed to, and `notify` what
//! changes.

mod notify;
mod sync;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crc_machine::LinkId;
use crc_wire::{ChannelField, HostId};
use irc_wire::{Message, Numeric, text};

use super::batch::Batch;
use super::session::Capability;
use super::{UserRef, answer, find_user, find_user_mut, has, reply};
use crate::context::{Context, Out};
use crate::network::metadata::{
    KEYS_MAX, NoRoom, VALUE_BYTES_MAX, channel_entries, channel_value, is_entry_value, is_key,
};
use crate::network::{Channel, Network};

pub(crate) use notify::{on_channel_metadata, on_user_metadata};
use sync::{Keys, SyncOf};
pub(super) use sync::{SyncPart, of_channel, of_users, send_of_arrival, send_own, step};

/// How many keys a user may be subscribed to.
const SUBS_MAX: usize = 32;

/// The value of the capability.
pub(super) const LIMITS: &str =
    "before-connect,max-subs=32,max-keys=16,max-key-bytes=64,max-value-bytes=300";

/// The most bytes of keys in one line.
const KEYS_BYTES_MAX: usize = 300;

/// The name of all targets that a user is told of.
const ALL: &str = "*ALL";

/// What a session remembers.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// The keys to which its user is subscribed.
    subs: BTreeSet<Box<str>>,
    /// What its user says of itself, until it has registered.
    draft: BTreeMap<Box<str>, Box<str>>,
}

impl Session {
    /// The client has disabled the capability.
    pub(super) fn unsubscribe_all(&mut self) {
        self.subs.clear();
    }

    fn keys(&self) -> Keys {
        let keys: Vec<_> = self.subs.iter().cloned().collect();
        Arc::from(keys)
    }
}

/// The user that sends a command, and its id once it has registered.
#[derive(Debug, Clone, Copy)]
struct Asker {
    link: LinkId,
    id: Option<HostId>,
}

/// What a command is about.
#[derive(Debug)]
enum Target {
    /// A user that has not registered: itself.
    Draft,
    User(HostId),
    Channel(Box<str>),
}

/// METADATA of a registered user.
pub(super) fn metadata(cx: &mut Context, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
    let (link, id) = (user_ref.link, Some(user_ref.id));
    command(cx, Asker { link, id }, message, out);
}

/// METADATA before registration.
pub(super) fn before_registration(
    cx: &mut Context,
    link: LinkId,
    message: &Message<'_>,
    out: &mut Out,
) {
    command(cx, Asker { link, id: None }, message, out);
}

/// A user has registered: what it has said of itself is known to the network now.
pub(super) fn publish_draft(cx: &mut Context, user_ref: UserRef, out: &mut Out) {
    let user = find_user_mut(cx, user_ref.link);
    let draft = user.map(|user| core::mem::take(&mut user.metadata.draft));
    for (key, value) in draft.unwrap_or_default() {
        // Without room the list that follows lacks it.
        let _ = cx.set_metadata(user_ref.id, (&key, &value), None, out);
    }
}

fn command(cx: &mut Context, asker: Asker, message: &Message<'_>, out: &mut Out) {
    let params: Vec<_> = message.params.iter().map(text::utf8_or_latin1).collect();
    let (Some(named), Some(subcommand)) = (params.first(), params.get(1)) else {
        return invalid_params(cx, asker.link, "*", "Not enough parameters", out);
    };
    let subcommand = subcommand.to_ascii_uppercase();
    let rest = params.get(2..).unwrap_or_default();
    let counts = match &*subcommand {
        "GET" | "SUB" | "UNSUB" => 1..=usize::MAX,
        "SET" => 1..=2,
        "LIST" | "CLEAR" | "SUBS" | "SYNC" => 0..=0,
        other => {
            let word = match other.contains(' ') || other.starts_with(':') || other.is_empty() {
                true => "*",
                false => other,
            };
            return invalid_params(cx, asker.link, word, "Unknown subcommand", out);
        }
    };
    if !counts.contains(&rest.len()) {
        let why = match rest.len() < *counts.start() {
            true => "Not enough parameters",
            false => "Too many parameters",
        };
        return invalid_params(cx, asker.link, &subcommand, why, out);
    }
    if subcommand == "SYNC" && &**named == ALL {
        return sync(cx, asker, ALL, SyncOf::All, out);
    }
    let Some(target) = find_target(cx, asker, named) else {
        return invalid_target(cx, asker.link, named, out);
    };
    let is_own = match &target {
        Target::Draft => true,
        Target::User(id) => Some(*id) == asker.id,
        Target::Channel(_) => false,
    };
    match &*subcommand {
        "GET" => get(cx, asker, &target, rest, out),
        "LIST" => list(cx, asker, &target, out),
        "SET" => {
            // The value as it came: bytes that are not UTF-8 are not guessed at.
            let value = message.params.get(3).unwrap_or_default();
            set(cx, asker, (named, &target), &rest[0], value, out);
        }
        "CLEAR" => clear(cx, asker, (named, &target), out),
        "SYNC" => {
            let of = match target {
                // Nothing is known of anything before registration.
                Target::Draft => return invalid_target(cx, asker.link, named, out),
                Target::User(id) => SyncOf::User(id),
                Target::Channel(name) => SyncOf::Channel(name),
            };
            sync(cx, asker, named, of, out);
        }
        _ if !is_own => invalid_target(cx, asker.link, named, out),
        "SUB" => subscribe(cx, asker, rest, out),
        "UNSUB" => unsubscribe(cx, asker, rest, out),
        _ => list_subscriptions(cx, asker, out),
    }
}

fn invalid_params(cx: &Context, link: LinkId, command: &str, why: &str, out: &mut Out) {
    reply::send_fail(
        cx,
        link,
        ("METADATA", "INVALID_PARAMS"),
        &[command],
        why,
        out,
    );
}

fn invalid_target(cx: &Context, link: LinkId, target: &str, out: &mut Out) {
    let text = "Invalid metadata target";
    reply::send_fail(
        cx,
        link,
        ("METADATA", "INVALID_TARGET"),
        &[target],
        text,
        out,
    );
}

/// The channel that a user may see, or the user, of this name.
fn find_target(cx: &Context, asker: Asker, name: &str) -> Option<Target> {
    let Some(own) = asker.id else {
        return (name == "*").then_some(Target::Draft);
    };
    if name == "*" {
        return Some(Target::User(own));
    }
    if name.starts_with('#') {
        let found = cx.network.channels().find(name);
        let found = found.filter(|channel| Network::may_see(own, channel));
        return found.map(|channel| Target::Channel(channel.name().into()));
    }
    let found = cx.network.names()?.nicks.find(name);
    found.map(Target::User)
}

/// How a target is called in answers about several keys.
fn name_of<'a>(cx: &'a Context, target: &'a Target) -> Cow<'a, str> {
    match target {
        Target::Draft => "*".into(),
        Target::User(id) => cx.nick_of(*id).into(),
        Target::Channel(name) => (&**name).into(),
    }
}

/// The setting of a channel that has its keys and values.
fn set_of(channel: &Channel) -> &str {
    channel.value(ChannelField::METADATA)
}

/// A value of a target.
fn value_of<'a>(cx: &'a Context, link: LinkId, target: &Target, key: &str) -> Option<Cow<'a, str>> {
    match target {
        Target::Draft => {
            let value = find_user(cx, link)?.metadata.draft.get(key)?;
            Some((&**value).into())
        }
        Target::User(id) => cx.network.metadata().find(*id, key).map(Cow::from),
        Target::Channel(name) => channel_value(set_of(cx.network.channels().find(name)?), key),
    }
}

/// All keys and values of a target.
fn entries_of(cx: &Context, link: LinkId, target: &Target) -> Vec<(String, String)> {
    let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    match target {
        Target::Draft => {
            let user = find_user(cx, link).into_iter();
            let entries = user.flat_map(|user| &user.metadata.draft);
            entries.map(|(key, value)| owned((key, value))).collect()
        }
        Target::User(id) => cx.network.metadata().of(*id).map(owned).collect(),
        Target::Channel(name) => {
            let channel = cx.network.channels().find(name);
            let entries = channel_entries(channel.map_or("", set_of));
            entries.map(|(key, value)| owned((key, &value))).collect()
        }
    }
}

/// Sends a value of a target, or that it has none.
fn send_value(
    cx: &Context,
    link: LinkId,
    batch: &Batch,
    (target, key, value): (&str, &str, Option<&str>),
    out: &mut Out,
) {
    let reader = reply::target_of(cx, link);
    match value {
        Some(value) => {
            let words = [reader, target, key, "*"];
            let numeric = Numeric::RPL_KEYVALUE.digits();
            batch.send(cx, link, numeric, &words, Some(value), out);
        }
        None => {
            let words = [reader, target, key];
            let numeric = Numeric::RPL_KEYNOTSET.digits();
            batch.send(cx, link, numeric, &words, Some("Key not set"), out);
        }
    }
}

fn warn_of_key(cx: &Context, link: LinkId, batch: &Batch, key: &str, out: &mut Out) {
    let code = ("METADATA", "INVALID_KEY");
    batch.warn(cx, link, code, &[key], "Invalid key", out);
}

fn get(cx: &mut Context, asker: Asker, target: &Target, keys: &[Cow<'_, str>], out: &mut Out) {
    let (link, name) = (asker.link, name_of(cx, target).into_owned());
    let batch = Batch::begin(cx, link, "metadata", &[&name], out);
    for key in keys {
        if is_key(key) {
            let value = value_of(cx, link, target, key);
            send_value(cx, link, &batch, (&name, key, value.as_deref()), out);
        } else {
            warn_of_key(cx, link, &batch, key, out);
        }
    }
    batch.end(cx, link, out);
}

fn list(cx: &mut Context, asker: Asker, target: &Target, out: &mut Out) {
    let (link, name) = (asker.link, name_of(cx, target).into_owned());
    let batch = Batch::begin(cx, link, "metadata", &[&name], out);
    for (key, value) in entries_of(cx, link, target) {
        send_value(cx, link, &batch, (&name, &key, Some(&value)), out);
    }
    batch.end(cx, link, out);
}

/// Whether a user may change what a target says of itself: its own, and that of channels whose
/// operator it is.
fn may_set(cx: &Context, asker: Asker, target: &Target) -> bool {
    match target {
        Target::Draft => true,
        Target::User(id) => Some(*id) == asker.id,
        Target::Channel(name) => {
            let field = ChannelField::METADATA;
            let may = |id| cx.network.may_set(id, name, field).is_ok();
            asker.id.is_some_and(may)
        }
    }
}

/// Gives a key of a target a value; none, if that is empty.
fn apply(
    cx: &mut Context,
    asker: Asker,
    target: &Target,
    (key, value): (&str, &str),
    out: &mut Out,
) -> Result<(), NoRoom> {
    match (target, asker.id) {
        (Target::User(id), _) => cx.set_metadata(*id, (key, value), None, out),
        (Target::Channel(name), Some(id)) => cx.set_channel_metadata(id, name, (key, value), out),
        (Target::Channel(_), None) => Ok(()),
        (Target::Draft, _) => {
            let Some(user) = find_user_mut(cx, asker.link) else {
                return Ok(());
            };
            let draft = &mut user.metadata.draft;
            if value.is_empty() {
                draft.remove(key);
            } else if draft.len() < KEYS_MAX || draft.contains_key(key) {
                draft.insert(key.into(), value.into());
            } else {
                return Err(NoRoom);
            }
            Ok(())
        }
    }
}

fn set(
    cx: &mut Context,
    asker: Asker,
    (named, target): (&str, &Target),
    key: &str,
    value: &[u8],
    out: &mut Out,
) {
    let link = asker.link;
    if !is_key(key) {
        let code = ("METADATA", "INVALID_KEY");
        return reply::send_fail(cx, link, code, &[key], "Invalid key", out);
    }
    if !may_set(cx, asker, target) {
        return no_permission(cx, link, named, key, out);
    }
    let Some(value) = core::str::from_utf8(value)
        .ok()
        .filter(|value| value.is_empty() || is_entry_value(value))
    else {
        let text = format!("A value is UTF-8 of at most {VALUE_BYTES_MAX} bytes");
        return reply::send_fail(cx, link, ("METADATA", "INVALID_VALUE"), &[key], &text, out);
    };
    if apply(cx, asker, target, (key, value), out).is_err() {
        let (code, limit) = (("METADATA", "LIMIT_REACHED"), KEYS_MAX.to_string());
        return reply::send_fail(cx, link, code, &[named, &limit], "Limit reached", out);
    }
    let value = Some(value).filter(|value| !value.is_empty());
    send_value(cx, link, &Batch::NONE, (named, key, value), out);
}

fn no_permission(cx: &Context, link: LinkId, target: &str, key: &str, out: &mut Out) {
    let code = ("METADATA", "KEY_NO_PERMISSION");
    reply::send_fail(cx, link, code, &[target, key], "Permission denied", out);
}

fn clear(cx: &mut Context, asker: Asker, (named, target): (&str, &Target), out: &mut Out) {
    let link = asker.link;
    if !may_set(cx, asker, target) {
        return no_permission(cx, link, named, "*", out);
    }
    let name = name_of(cx, target).into_owned();
    let batch = Batch::begin(cx, link, "metadata", &[&name], out);
    for (key, _) in entries_of(cx, link, target) {
        // To take a value away needs no room.
        let _ = apply(cx, asker, target, (&key, ""), out);
        send_value(cx, link, &batch, (&name, &key, None), out);
    }
    batch.end(cx, link, out);
}

// Subscriptions.

/// Sends keys in as many lines as they need.
fn send_keys(
    cx: &Context,
    link: LinkId,
    batch: &Batch,
    numeric: Numeric,
    keys: &[&str],
    out: &mut Out,
) {
    let mut rest = keys;
    while !rest.is_empty() {
        let mut len = 0;
        let fit = rest.iter().take_while(|key| {
            len += key.len() + 1;
            len <= KEYS_BYTES_MAX
        });
        let (now, later) = rest.split_at(fit.count().max(1));
        rest = later;
        let words = [&[reply::target_of(cx, link)], now].concat();
        batch.send(cx, link, numeric.digits(), &words, None, out);
    }
}

fn subscribe(cx: &mut Context, asker: Asker, keys: &[Cow<'_, str>], out: &mut Out) {
    let link = asker.link;
    let (mut done, mut wrong, mut added, mut refused) = (Vec::new(), Vec::new(), Vec::new(), None);
    let Some(user) = find_user_mut(cx, link) else {
        return;
    };
    let subs = &mut user.metadata.subs;
    for key in keys.iter().map(|key| &**key) {
        if !is_key(key) {
            wrong.push(key);
        } else if subs.contains(key) {
            done.push(key);
        } else if subs.len() >= SUBS_MAX {
            refused = Some(key);
            break;
        } else {
            subs.insert(key.into());
            added.push(Box::from(key));
            done.push(key);
        }
    }
    let none = &Batch::NONE;
    send_keys(cx, link, none, Numeric::RPL_METADATASUBOK, &done, out);
    for key in wrong {
        warn_of_key(cx, link, none, key, out);
    }
    if let Some(key) = refused {
        let (code, limit) = (("METADATA", "LIMIT_REACHED"), SUBS_MAX.to_string());
        let text = "Too many subscriptions";
        reply::send_fail(cx, link, code, &[key, &limit], text, out);
    }
    if let Some(id) = asker.id
        && !added.is_empty()
    {
        let part = SyncPart::begin(ALL, SyncOf::All, Arc::from(added));
        answer::start(cx, UserRef { link, id }, "METADATA", [part], out);
    }
}

fn unsubscribe(cx: &mut Context, asker: Asker, keys: &[Cow<'_, str>], out: &mut Out) {
    let link = asker.link;
    let (mut done, mut wrong) = (Vec::new(), Vec::new());
    let Some(user) = find_user_mut(cx, link) else {
        return;
    };
    for key in keys.iter().map(|key| &**key) {
        if is_key(key) {
            user.metadata.subs.remove(key);
            done.push(key);
        } else {
            wrong.push(key);
        }
    }
    let none = &Batch::NONE;
    send_keys(cx, link, none, Numeric::RPL_METADATAUNSUBOK, &done, out);
    for key in wrong {
        warn_of_key(cx, link, none, key, out);
    }
}

fn list_subscriptions(cx: &mut Context, asker: Asker, out: &mut Out) {
    let link = asker.link;
    let batch = Batch::begin(cx, link, "metadata-subs", &[], out);
    let subs = find_user(cx, link).into_iter();
    let subs: Vec<_> = subs.flat_map(|user| &user.metadata.subs).collect();
    let keys: Vec<_> = subs.iter().map(|key| &***key).collect();
    send_keys(cx, link, &batch, Numeric::RPL_METADATASUBS, &keys, out);
    batch.end(cx, link, out);
}

fn sync(cx: &mut Context, asker: Asker, named: &str, of: SyncOf, out: &mut Out) {
    let (link, Some(id)) = (asker.link, asker.id) else {
        return invalid_target(cx, asker.link, named, out);
    };
    let name = match &of {
        SyncOf::All => ALL.to_owned(),
        SyncOf::User(id) => cx.nick_of(*id),
        SyncOf::Channel(name) => name.to_string(),
    };
    let keys = find_user(cx, link).map(|user| user.metadata.keys());
    let part = SyncPart::begin(&name, of, keys.unwrap_or_default());
    answer::start(cx, UserRef { link, id }, "METADATA", [part], out);
}

/// Whether a client is told by itself of what it is subscribed to.
fn is_aware(cx: &Context, link: LinkId) -> bool {
    has(cx, link, Capability::Metadata) && has(cx, link, Capability::Batch)
}

/// Sends what a user says of itself, as WHOIS shows it.
pub(super) fn send_whois(cx: &Context, link: LinkId, id: HostId, nick: &str, out: &mut Out) {
    if !has(cx, link, Capability::Metadata) {
        return;
    }
    for (key, value) in cx.network.metadata().of(id) {
        let (numeric, words) = (Numeric::RPL_WHOISKEYVALUE, [nick, key, "*"]);
        reply::send_numeric(cx, link, numeric, &words, Some(value), out);
    }
}
