//! Ordinary IRC (RFC 2812, IRCv3): clients such as irssi and WeeChat.
//!
//! This file turns bytes into lines and lines into commands, and renders for users what
//! happens in the network. The parts: `registration` until the welcome; `message` for
//! PRIVMSG, NOTICE and TAGMSG, with `tagged` for their tags, `multiline` and `redact`; `channel` and
//! `mode`; `query` for WHO, WHOIS and the like;
//! `server_query` for MOTD, LUSERS and the like; `webirc` for gateways; `reply` writes lines and `tags` what stands before them; `session` is the
//! state of one user. [`network::policy`](crate::network) decides what a user may do.

mod answer;
mod away;
mod batch;
mod channel;
mod elsewhere;
mod event;
mod help;
mod invite;
mod label;
mod links;
mod list;
mod markread;
mod mask_list;
mod message;
mod metadata;
mod mode;
mod monitor;
mod multiline;
mod query;
mod redact;
mod registration;
mod rename;
mod reply;
mod server_query;
mod session;
mod tagged;
mod tags;
mod target;
mod utf8;
mod webirc;
mod whowas;

use std::borrow::Cow;
use std::collections::BTreeSet;

use crc_machine::{CloseWhen, LinkId};
use crc_wire::{ChatKind, HostId, Message, StatusCode, TaggedKind};
use irc_wire::{CaseMapping, Command, Line, LineLimits, Numeric, Verb, lists, text};

use crate::budget::{self, LineRates};
use crate::context::{Commander, Context, LinkTimer, NEXT_EVENT, Out, Stage, irc_quit_text};
use crate::link::{Phase, Protocol};
use crate::names::fold_name;
use crate::network::{Host, HostKind, fold};
use crate::violation::Violation;
use crate::work;
use session::{
    ANSWER_TIME_MAX, BACKLOG_BYTES_MAX, BACKLOG_BYTES_MAX_UNLIMITED, Capability, SILENCE_MAX,
};

pub(crate) use away::{on_absence_changed, on_member_entered};
pub(crate) use elsewhere::{answer_question, on_reply};
pub(crate) use event::{VARIANTS, Variants, write_event};
pub(crate) use invite::{on_invited, on_others_invited};
pub(crate) use metadata::{on_channel_metadata, on_user_metadata};
pub(crate) use monitor::{Monitors, clear as clear_monitors};
pub(crate) use redact::split_redaction;
pub(crate) use registration::on_password_checked;
pub(crate) use rename::on_channel_renamed;
pub(crate) use server_query::VERSION;
pub(crate) use session::User;
pub(crate) use tagged::{
    VARIANTS as TAGGED_VARIANTS, deliver as deliver_tagged, variant_for as tagged_variant_for,
    write as write_tagged,
};
pub(crate) use tags::SecondText;
pub(crate) use webirc::{on_crowded, on_webirc_checked};
pub(crate) use whowas::former_user;

/// The case mapping of names.
pub(crate) const CASE: CaseMapping = CaseMapping::Ascii;

/// The user whose command is handled.
#[derive(Debug, Clone, Copy)]
struct UserRef {
    link: LinkId,
    id: HostId,
}

/// At most `bytes_max` bytes of a text, cut at a character boundary.
fn cut(text: &str, bytes_max: usize) -> &str {
    crc_wire::truncate_utf8(text, bytes_max)
}

// Users.

/// The user of a link, whatever its phase; `None` if the link does not speak IRC.
fn find_user(cx: &Context, link: LinkId) -> Option<&User> {
    match &cx.links.find(link)?.protocol {
        Protocol::Irc(user) => Some(user),
        _ => None,
    }
}

/// Whether the client of a link has enabled a capability.
fn has(cx: &Context, link: LinkId, capability: Capability) -> bool {
    find_user(cx, link).is_some_and(|user| user.has(capability))
}

/// The user of a link that is not being closed.
fn find_user_mut(cx: &mut Context, link: LinkId) -> Option<&mut User> {
    let found = cx.links.find_mut(link)?;
    match &mut found.protocol {
        Protocol::Irc(user) if found.phase != Phase::Closing => Some(user),
        _ => None,
    }
}

/// The session of a host that is a user of IRC on this server, and its link.
fn user_of(cx: &Context, id: HostId) -> Option<(LinkId, &User)> {
    let link = cx.network.directory().find(id)?.first_link();
    let user = find_user(cx, link)?;
    Some((link, user))
}

/// What only the session of a user of IRC knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SessionFacts {
    pub(crate) idle_seconds: u64,
    pub(crate) registered_at_unix_ms: u64,
}

/// What the session of a user of IRC on this server knows of it.
pub(crate) fn session_facts(cx: &Context, id: HostId) -> Option<SessionFacts> {
    let (_, user) = user_of(cx, id)?;
    Some(SessionFacts {
        idle_seconds: cx.now.since(user.spoke_at).as_secs(),
        registered_at_unix_ms: user.registered_at_unix_ms,
    })
}

/// `nick!user@host` of a host.
pub(crate) fn source_of(cx: &Context, id: HostId) -> Cow<'_, str> {
    if let Some((_, user)) = user_of(cx, id)
        && !user.source.is_empty()
    {
        return Cow::Borrowed(&user.source);
    }
    let nick = cx.nick_of(id);
    Cow::Owned(format!("{nick}!{}@{id}.crc", ident_of(cx, id, &nick)))
}

/// The user name of a host. Where its server states none, its nick stands in its place.
fn ident_of<'a>(cx: &'a Context, id: HostId, nick: &'a str) -> &'a str {
    let host = cx.network.directory().find(id);
    match host.map_or("", |host| host.details().user) {
        "" => nick,
        user => user,
    }
}

/// Whether WHO and NAMES show a host to a user that did not name its nick.
fn is_visible(cx: &Context, id: HostId, user_ref: UserRef) -> bool {
    let host = cx.network.directory().find(id);
    let hidden = host.is_some_and(|host| host.details().modes.invisible);
    !hidden || id == user_ref.id || shares_channel(cx, id, user_ref.id)
}

/// Whether a host is a bot.
fn is_bot(cx: &Context, id: HostId) -> bool {
    let host = cx.network.directory().find(id);
    host.is_some_and(|host| host.details().modes.bot)
}

/// Whether two hosts are in one channel.
fn shares_channel(cx: &Context, one: HostId, other: HostId) -> bool {
    let mut channels = cx.network.channels().of(one);
    channels.any(|channel| {
        cx.work.charge_answer(work::LOOKUP);
        channel.member(other).is_some()
    })
}

/// The most bytes of the text of a QUIT or PART: with it, the line fits also where the
/// prefix is longer than the command is here.
const LEAVE_BYTES_MAX: usize = 390;

/// The elements of a list, each once: the case of names does not count.
fn distinct_elements(list: &[u8]) -> Vec<Cow<'_, str>> {
    let mut seen = BTreeSet::new();
    let elements = lists::elements(list).map(text::utf8_or_latin1);
    elements
        .filter(|name| seen.insert(fold(name).into_owned()))
        .collect()
}

// Lines in.

/// Handles the next bytes of a link. While a backlog waits for the rate limit, they are
/// appended to it.
pub(crate) fn on_bytes(cx: &mut Context, link: LinkId, bytes: &[u8], out: &mut Out) {
    let Some(user) = find_user_mut(cx, link) else {
        return;
    };
    user.begin_event();
    if !user.backlog.is_empty() || user.is_held() {
        return keep_backlog(cx, link, bytes, out);
    }
    let rest = read_lines(cx, link, bytes, out);
    if !rest.is_empty() {
        keep_backlog(cx, link, rest, out);
    }
}

/// Handles as many lines as may be read now. Returns the rest of the bytes.
fn read_lines<'b>(cx: &mut Context, link: LinkId, bytes: &'b [u8], out: &mut Out) -> &'b [u8] {
    let rates = LineRates::new(&cx.config.limits);
    let (mut input, now) = (bytes, cx.now);
    let Some(user) = find_user_mut(cx, link) else {
        return &[];
    };
    let mut decoder = core::mem::take(&mut user.decoder);
    loop {
        if cx.stage != Stage::Running {
            return &[];
        }
        let Some(found) = cx.links.find_mut(link) else {
            return &[];
        };
        if found.phase == Phase::Closing {
            return &[];
        }
        if !found.budget.may_read_line(now, rates) {
            break;
        }
        let Some(line) = decoder.next_line(&mut input, LineLimits::CLIENT) else {
            break;
        };
        found.budget.count_line(rates);
        let is_relayed = message::relay_privmsg_fast(cx, link, line, out);
        if !is_relayed {
            on_line(cx, link, line, out);
        } else if rates.has_budget() {
            spend(cx, link, budget::CHAT);
        }
        if cx.work.is_spent() || !is_relayed && is_held(cx, link) {
            break;
        }
    }
    if let Some(user) = find_user_mut(cx, link) {
        user.decoder = decoder;
    }
    input
}

/// Whether the next line of a user waits.
fn is_held(cx: &Context, link: LinkId) -> bool {
    find_user(cx, link).is_some_and(User::is_held)
}

/// Takes the cost of a line that was read from its user's budget.
fn spend(cx: &mut Context, link: LinkId, cost: u32) {
    if let Some(found) = cx.links.find_mut(link) {
        found.budget.spend(&cx.config.limits, cost);
    }
}

/// Keeps bytes that the rate limit does not let through yet, or that come before an
/// answer is complete. More than [`BACKLOG_BYTES_MAX`] are a violation.
fn keep_backlog(cx: &mut Context, link: LinkId, bytes: &[u8], out: &mut Out) {
    let bytes_max = match cx.config.limits.irc_lines_per_second {
        0 => BACKLOG_BYTES_MAX_UNLIMITED,
        _ => BACKLOG_BYTES_MAX,
    };
    let Some(user) = find_user_mut(cx, link) else {
        return;
    };
    if user.backlog.len() + bytes.len() > bytes_max {
        return cx.on_violation(link, Violation::Flood, out);
    }
    let first = user.backlog.is_empty();
    user.backlog.extend_from_slice(bytes);
    if first {
        schedule_read(cx, link);
    }
}

/// Schedules the next line for when the rate limit allows it, or for the next event if
/// the work of this one is done.
fn schedule_read(cx: &mut Context, link: LinkId) {
    if find_user(cx, link).is_some_and(User::is_password_checked) {
        // The result of the comparison goes on.
        return;
    }
    if cx.work.is_spent() || is_held(cx, link) {
        return read_soon(cx, link);
    }
    let pause = LineRates::new(&cx.config.limits).pause();
    cx.set_link_timer(link, LinkTimer::Irc, cx.now + pause);
}

/// Goes on with the link in the next event.
fn read_soon(cx: &mut Context, link: LinkId) {
    cx.set_link_timer(link, LinkTimer::Irc, cx.now + NEXT_EVENT);
}

/// Goes on with an answer, then reads more of the backlog; pings a silent client.
pub(crate) fn on_timer(cx: &mut Context, link: LinkId, out: &mut Out) {
    let label = label::resume(cx, link, out);
    let is_complete = answer::go_on(cx, link, out);
    label::end(cx, link, label, out);
    if !is_complete || !answer::show_waiting(cx, link, out) {
        return;
    }
    let is_spent = cx.work.is_spent();
    let Some(user) = find_user_mut(cx, link) else {
        return;
    };
    user.begin_event();
    if user.is_password_checked() || webirc::go_on(cx, link, out) {
        return;
    }
    let Some(user) = find_user_mut(cx, link) else {
        return;
    };
    let mut backlog = core::mem::take(&mut user.backlog);
    if !backlog.is_empty() && is_spent {
        user.backlog = backlog;
        return read_soon(cx, link);
    }
    if !backlog.is_empty() {
        let left = read_lines(cx, link, &backlog, out).len();
        backlog.drain(..backlog.len() - left);
        let Some(user) = find_user_mut(cx, link) else {
            return;
        };
        if !backlog.is_empty() {
            user.backlog = backlog;
            return schedule_read(cx, link);
        }
        if user.is_held() {
            return;
        }
    }
    check_keepalive(cx, link, out);
}

/// Pings a registered user that has been silent for [`SILENCE_MAX`], and closes the
/// link if no answer comes within [`ANSWER_TIME_MAX`]. Sets the timer for the next
/// check.
fn check_keepalive(cx: &mut Context, link: LinkId, out: &mut Out) {
    let now = cx.now;
    let registered = cx.network.neighbours().find(link).is_some();
    let Some(session) = cx.links.find(link).filter(|_| registered) else {
        return;
    };
    let heard_at = session.heard_at;
    let Some(user) = find_user_mut(cx, link) else {
        return;
    };
    let pinged_at = user.pinged_at.filter(|pinged_at| *pinged_at >= heard_at);
    let next = match pinged_at {
        Some(pinged_at) if now >= pinged_at + ANSWER_TIME_MAX => {
            log::info!("{}: closed: ping timeout", cx.describe_peer(link));
            return cx.close_text_link(link, "Ping timeout", "Ping timeout", out);
        }
        Some(pinged_at) => pinged_at + ANSWER_TIME_MAX,
        None if now < heard_at + SILENCE_MAX => heard_at + SILENCE_MAX,
        None => {
            user.pinged_at = Some(now);
            let own = reply::own_name(cx);
            let range = out.store(|arena| {
                arena.extend_from_slice(b"PING :");
                arena.extend_from_slice(own.as_bytes());
                arena.extend_from_slice(b"\r\n");
            });
            out.send_stored(link, range);
            now + ANSWER_TIME_MAX
        }
    };
    cx.set_link_timer(link, LinkTimer::Irc, next);
}

/// Handles one line. One that is too long or cannot be parsed is dropped and counted.
fn on_line(cx: &mut Context, link: LinkId, line: Line<'_>, out: &mut Out) {
    cx.work
        .charge(work::MESSAGE + work::units_of(line.truncated().len()));
    let host = cx.network.neighbours().find(link).map(|n| n.host);
    let user = find_user_mut(cx, link).filter(|_| host.is_none());
    let is_first = user.is_some_and(User::begin_line);
    let Ok(bytes) = line.whole() else {
        cx.counters.dropped += 1;
        spend(cx, link, budget::CHAT);
        return reply::reply_error(cx, link, Numeric::ERR_INPUTTOOLONG, &[], out);
    };
    let Ok(message) = irc_wire::Message::parse(bytes) else {
        cx.counters.dropped += 1;
        utf8::refuse(cx, link, bytes, "*", out);
        return spend(cx, link, budget::CHAT);
    };
    let label = label::begin(cx, link, &message, out);
    match host {
        _ if utf8::refuse(cx, link, bytes, message.command.as_str(), out) => {
            spend(cx, link, budget::CHAT);
        }
        Some(id) => {
            spend(cx, link, budget::cost_of_line(&message));
            let names = rename::first_names(cx, &message);
            let message = names.as_ref().map_or(message, |(at, names)| {
                rename::with_param(&message, *at, names)
            });
            on_command(cx, UserRef { link, id }, &message, out);
        }
        None => registration::on_message(cx, link, is_first, &message, out),
    }
    label::end(cx, link, label, out);
}

/// Handles one command of a registered user.
fn on_command(cx: &mut Context, user_ref: UserRef, message: &irc_wire::Message<'_>, out: &mut Out) {
    let link = user_ref.link;
    let verb = match message.command {
        Command::Verb(verb) => verb,
        // Only servers send numerics.
        Command::Numeric(_) => return,
        Command::Other(word) => {
            let words = [word.as_str()];
            return reply::reply_error(cx, link, Numeric::ERR_UNKNOWNCOMMAND, &words, out);
        }
    };
    cx.count_command(verb);
    let needs = match verb {
        Verb::Join | Verb::Part | Verb::Topic | Verb::Mode | Verb::Userhost | Verb::Ison => 1,
        Verb::Monitor => 1,
        // Without any, it lists invitations.
        Verb::Invite if message.params.is_empty() => 0,
        Verb::Invite | Verb::Kick | Verb::Oper | Verb::Redact | Verb::Rename => 2,
        _ => 0,
    };
    // A list of channels that has none is as good as none.
    let is_list = matches!(verb, Verb::Join | Verb::Part);
    let first = message.params.get(0).unwrap_or_default();
    let is_empty_list = is_list && lists::elements(first).next().is_none();
    if message.params.len() < needs || is_empty_list {
        let words = [verb.as_str()];
        return reply::reply_error(cx, link, Numeric::ERR_NEEDMOREPARAMS, &words, out);
    }
    let Some(server) = target::target(cx, user_ref, verb, message, out) else {
        return;
    };
    let is_elsewhere = server != cx.config.id;
    match verb {
        Verb::Privmsg => message::privmsg(cx, user_ref, TaggedKind::Message, message, out),
        Verb::Notice => message::privmsg(cx, user_ref, TaggedKind::Notice, message, out),
        Verb::Batch => multiline::batch(cx, user_ref, message, out),
        Verb::Tagmsg => message::tagmsg(cx, user_ref, message, out),
        Verb::Redact => redact::redact(cx, user_ref, message, out),
        Verb::Rename => rename::rename(cx, user_ref, message, out),
        Verb::Ping => ping(cx, link, message, out),
        Verb::Pong | Verb::Error => {}
        Verb::Join => channel::join(cx, user_ref, message, out),
        Verb::Part => channel::part(cx, user_ref, message, out),
        Verb::Topic => channel::topic(cx, user_ref, message, out),
        Verb::Names => channel::names(cx, user_ref, message, out),
        Verb::List => list::list(cx, user_ref, message, out),
        Verb::Invite => invite::invite(cx, user_ref, message, out),
        Verb::Kick => channel::kick(cx, user_ref, message, out),
        Verb::Mode => mode::mode(cx, user_ref, message, out),
        Verb::Nick => registration::nick(cx, user_ref, message, out),
        Verb::Setname => registration::setname(cx, user_ref, message, out),
        Verb::Cap => registration::cap(cx, link, message, out),
        Verb::Away => away::away(cx, user_ref, message, out),
        Verb::Who => query::who(cx, user_ref, message, out),
        Verb::Whois => query::whois(cx, user_ref, message, out),
        Verb::Whowas => whowas::whowas(cx, user_ref, message, out),
        Verb::Ison => query::ison(cx, user_ref, message, out),
        Verb::Markread => markread::markread(cx, user_ref, message, out),
        Verb::Metadata => metadata::metadata(cx, user_ref, message, out),
        Verb::Monitor => monitor::monitor(cx, user_ref, message, out),
        Verb::Userhost => query::userhost(cx, user_ref, message, out),
        Verb::Quit => quit(cx, user_ref, message, out),
        Verb::Pass | Verb::User | Verb::Server | Verb::Service | Verb::Webirc => {
            reply::reply_error(cx, link, Numeric::ERR_ALREADYREGISTRED, &[], out);
        }
        Verb::Stats if is_elsewhere => {
            server_query::server_query(cx, (user_ref, server), verb, message, out);
        }
        Verb::Oper
        | Verb::Kill
        | Verb::Rehash
        | Verb::Restart
        | Verb::Die
        | Verb::Connect
        | Verb::Squit
        | Verb::Kline
        | Verb::Unkline
        | Verb::Dline
        | Verb::Undline
        | Verb::Wallops
        | Verb::Map
        | Verb::Trace
        | Verb::Stats => {
            let by = Commander {
                link,
                id: user_ref.id,
            };
            cx.operator_command(by, verb, message, out);
        }
        _ => server_query::server_query(cx, (user_ref, server), verb, message, out),
    }
}

/// PING (RFC 2812, 3.7.2): answers with a PONG that has the same token.
fn ping(cx: &Context, link: LinkId, message: &irc_wire::Message<'_>, out: &mut Out) {
    let Some(token) = message.params.get(0).filter(|token| !token.is_empty()) else {
        return reply::reply_error(cx, link, Numeric::ERR_NOORIGIN, &[], out);
    };
    let (own, token) = (reply::own_name(cx), text::utf8_or_latin1(token));
    reply::send_line(link, own, "PONG", &[own], Some(&token), out);
}

/// QUIT (RFC 2812, 3.1.7): closes the link once the ERROR line is sent.
fn quit(cx: &mut Context, user_ref: UserRef, message: &irc_wire::Message<'_>, out: &mut Out) {
    let link = user_ref.link;
    let text = text::utf8_or_latin1(message.params.get(0).unwrap_or_default());
    let text = cut(&text, LEAVE_BYTES_MAX);
    log::info!("{} quits: {text:?}", cx.describe_peer(link));
    let text = irc_quit_text(text);
    send_error(cx, link, &text, out);
    cx.close(link, CloseWhen::Flushed, &text, out);
}

// Lines out.

/// Renders a message of the network for a user.
pub(crate) fn render_message(cx: &mut Context, link: LinkId, message: &Message<'_>, out: &mut Out) {
    match message {
        Message::ClientChat(chat) => {
            let (source, text) = (chat.source, chat.text.as_str());
            message::deliver(cx, link, source, ChatKind::Message, text, out);
        }
        Message::Status(status) => {
            let text = status.text.as_str();
            match status.code {
                StatusCode::UNKNOWN_ID => {
                    let id = text.rsplit(' ').next().and_then(|id| id.parse().ok());
                    let nick = match id.and_then(HostId::new) {
                        Some(id) => cx.nick_of(id),
                        None => "*".to_owned(),
                    };
                    reply::reply_error(cx, link, Numeric::ERR_NOSUCHNICK, &[&nick], out);
                }
                StatusCode::WELCOME | StatusCode::FEATURES => {}
                StatusCode::LEAVING => {
                    server_notice(cx, link, text, out);
                    send_error(cx, link, text, out);
                }
                StatusCode::TOO_LONG | StatusCode::CONGESTED => {
                    // The last word is to whom a chat was.
                    let text = match text.rsplit_once(' ') {
                        Some((text, to)) => [text, " ", rename::shown(cx, to)].concat(),
                        None => text.to_owned(),
                    };
                    server_notice(cx, link, &text, out);
                }
                _ => server_notice(cx, link, text, out),
            }
        }
        _ => {}
    }
}

/// Sends a user a notice of this server.
fn server_notice(cx: &Context, link: LinkId, text: &str, out: &mut Out) {
    let (own, target) = (reply::own_name(cx), reply::target_of(cx, link));
    let range =
        out.store(|arena| reply::write_privmsg(arena, "", own, ChatKind::Notice, target, text));
    out.send_stored(link, range);
}

/// Answers a user, if the link speaks IRC.
pub(crate) fn reply_to(
    cx: &Context,
    link: LinkId,
    numeric: Numeric,
    words: &[&str],
    text: &str,
    out: &mut Out,
) -> bool {
    let is_user = find_user(cx, link).is_some();
    if is_user {
        reply::send_numeric(cx, link, numeric, words, Some(text), out);
    }
    is_user
}

/// Sends a user a notice of this server, if the link speaks IRC.
pub(crate) fn note(cx: &Context, link: LinkId, text: &str, out: &mut Out) -> bool {
    let is_user = find_user(cx, link).is_some();
    if is_user {
        server_notice(cx, link, text, out);
    }
    is_user
}

/// The user name of a link's user, if the link speaks IRC.
pub(crate) fn user_name_of(cx: &Context, link: LinkId) -> Option<String> {
    find_user(cx, link).map(|user| user.user.clone())
}

/// A user has become a network operator, or is none any more.
pub(crate) fn on_operator(cx: &Context, link: LinkId, is_operator: bool, out: &mut Out) {
    if find_user(cx, link).is_some() {
        let modes = if is_operator { "+o" } else { "-o" };
        let nick = reply::target_of(cx, link);
        reply::send_line(link, reply::own_name(cx), "MODE", &[nick, modes], None, out);
    }
}

/// An operator speaks to all operators. Whether the link speaks IRC; then its user gets it
/// if it is an operator itself or wants to.
pub(crate) fn on_wallops(
    cx: &Context,
    link: LinkId,
    is_operator: bool,
    by: HostId,
    text: &str,
    out: &mut Out,
) -> bool {
    let user = find_user(cx, link);
    if user.is_some_and(|user| user.wallops || is_operator) {
        let (tags, source) = (tags::of_line(cx, link, Some(by)), source_of(cx, by));
        reply::send_tagged(link, &tags, &source, "WALLOPS", &[], Some(text), out);
    }
    user.is_some()
}

/// A user is about to be removed from the network by an operator.
pub(crate) fn on_killed(cx: &Context, link: LinkId, by: HostId, reason: &str, out: &mut Out) {
    if find_user(cx, link).is_some() {
        let (tags, source) = (tags::of_line(cx, link, Some(by)), source_of(cx, by));
        let nick = reply::target_of(cx, link);
        reply::send_tagged(link, &tags, &source, "KILL", &[nick], Some(reason), out);
    }
}

/// Sends the ERROR line that ends a link.
pub(crate) fn send_error(cx: &mut Context, link: LinkId, text: &str, out: &mut Out) {
    let target = reply::target_of(cx, link);
    let range = out.store(|arena| {
        let line = format!("ERROR :Closing Link: {target} ({text})");
        let blank = |c: char| if c.is_control() { ' ' } else { c };
        let line: String = line.chars().map(blank).collect();
        arena.extend_from_slice(cut(&line, 510).as_bytes());
        arena.extend_from_slice(b"\r\n");
    });
    out.send_stored(link, range);
}

/// Sends a user a NOTICE of another host.
pub(crate) fn notice(cx: &mut Context, link: LinkId, source: HostId, text: &str, out: &mut Out) {
    message::deliver(cx, link, source, ChatKind::Notice, text, out);
}

/// The links of the users of IRC that share a channel with a host, each once, without
/// `except`.
fn links_sharing_channel(cx: &Context, id: HostId, except: Option<LinkId>) -> Vec<LinkId> {
    let mut links = cx.links_sharing_channel(id);
    links.retain(|link| Some(*link) != except && find_user(cx, *link).is_some());
    links
}

/// Sends one line about a host to several links.
fn send_to_links(
    cx: &Context,
    links: &[LinkId],
    id: HostId,
    source: &str,
    (command, words): (&str, &[&str]),
    text: Option<&str>,
    out: &mut Out,
) {
    let mut written = [None; tags::KINDS];
    for &link in links {
        let kind = find_user(cx, link).map_or(tags::NONE, tags::kind_of);
        let range = *written[kind].get_or_insert_with(|| {
            let tags = tags::of_kind(cx, kind, Some(id));
            out.store(|arena| {
                let line = reply::Line::new(arena, &tags, source, command);
                let line = words.iter().fold(line, |line, word| line.word(word));
                match text {
                    Some(text) => line.text(text).end(),
                    None => line.end(),
                }
            })
        });
        out.send_stored(link, range);
    }
}

/// A host leaves the network: sends a QUIT to the users that share a channel with it.
pub(crate) fn on_host_left(cx: &mut Context, id: HostId, text: &str, out: &mut Out) {
    // A user that quits has been sent its last line.
    let own = user_of(cx, id).map(|(link, _)| link);
    let links = links_sharing_channel(cx, id, own);
    if !links.is_empty() {
        send_to_links(
            cx,
            &links,
            id,
            &source_of(cx, id),
            ("QUIT", &[]),
            Some(text),
            out,
        );
    }
    if is_client(cx, id) {
        let nick = cx.nick_of(id);
        monitor::notify(cx, Numeric::RPL_MONOFFLINE, &nick, &nick, out);
    }
}

/// A host has another nick: sends a NICK to it and to the users that share a channel
/// with it. `before` is the former nick.
pub(crate) fn on_host_renamed(cx: &mut Context, id: HostId, before: &str, out: &mut Out) {
    let own = user_of(cx, id).map(|(link, _)| link);
    let mut links = links_sharing_channel(cx, id, own);
    links.extend(own);
    if !links.is_empty() {
        let source = source_of(cx, id);
        // The stored source of a user of this server still has the former nick.
        let source = match own {
            Some(_) => source.into_owned(),
            None => format!("{before}!{}@{id}.crc", ident_of(cx, id, before)),
        };
        send_to_links(
            cx,
            &links,
            id,
            &source,
            ("NICK", &[]),
            Some(&cx.nick_of(id)),
            out,
        );
    }
    registration::store_source(cx, id);
    let after = cx.nick_of(id);
    if fold_name(before) != fold_name(&after) {
        monitor::notify(cx, Numeric::RPL_MONOFFLINE, before, before, out);
        monitor::notify_online(cx, id, out);
    }
}

/// A host has joined: stores how it is shown, and tells the users that monitor its nick.
pub(crate) fn on_host_joined(cx: &mut Context, id: HostId, out: &mut Out) {
    registration::store_source(cx, id);
    if is_client(cx, id) {
        monitor::notify_online(cx, id, out);
    }
}

/// Whether a host is a client.
fn is_client(cx: &Context, id: HostId) -> bool {
    let host = cx.network.directory().find(id);
    host.is_some_and(|host| host.kind() == HostKind::Client)
}

/// A client has another real name: sends a SETNAME to the users with the capability that
/// share a channel with it or watch it, and to itself.
pub(crate) fn on_realname_changed(cx: &mut Context, id: HostId, out: &mut Out) {
    if cx.network.names().is_none() {
        // This server has no users of IRC.
        return;
    }
    let own = user_of(cx, id).map(|(link, _)| link);
    let mut links = links_interested(cx, id, own);
    links.extend(own);
    links.retain(|link| has(cx, *link, Capability::Setname));
    let host = cx.network.directory().find(id);
    let info = host.map_or_else(String::new, |host| host.info().to_owned());
    if !links.is_empty() {
        send_to_links(
            cx,
            &links,
            id,
            &source_of(cx, id),
            ("SETNAME", &[]),
            Some(&info),
            out,
        );
    }
}

/// The links of the users of IRC that are told how a host is: they share a channel with it or
/// watch it. Each is there once, and `except` is not.
fn links_interested(cx: &Context, id: HostId, except: Option<LinkId>) -> Vec<LinkId> {
    let mut links = links_sharing_channel(cx, id, except);
    links.extend(monitor::links_watching(cx, id));
    links.retain(|link| Some(*link) != except);
    links.sort_unstable();
    links.dedup();
    links
}

/// The name of that server.
fn server_of<'a>(cx: &'a Context, host: &Host) -> &'a str {
    let servers = cx.network.names().map(|names| &names.servers);
    let name = servers.and_then(|servers| servers.of(cx.server_of_user(host)));
    name.unwrap_or_else(|| reply::own_name(cx))
}

/// The info of that server.
fn server_info_of<'a>(cx: &'a Context, host: &Host) -> &'a str {
    let server = cx.network.directory().find(cx.server_of_user(host));
    server.map_or(cx.config.info.as_str(), Host::info)
}
