//! Requests of clients about themselves and about others (PROTOCOL section 13).

use crc_machine::{Escaped, LinkId};
use crc_wire::{ChannelRequest, HostId, RequestKind, StatusCode};
use irc_wire::CaseMapping;
use irc_wire::mask::PreparedMask;

use super::burst::list_all_channels;
use super::{announce, questions, send};
use crate::context::{Context, Out, UserFacts};
use crate::names::prepare_name;
use crate::network::{Host, fold};
use crate::text_protocol::pack_words;
use crate::walk::ChannelList;

/// A client of this server has sent a request.
pub(super) fn on_client_request(
    cx: &mut Context,
    link: LinkId,
    host: HostId,
    request: &ChannelRequest<'_>,
    out: &mut Out,
) {
    let text = request.text.as_str();
    match request.kind {
        RequestKind::SET_NAME => set_name(cx, link, host, text, out),
        RequestKind::AWAY => {
            cx.set_away(host, &one_line(text), None, out);
            send_away(cx, link, host, out);
        }
        RequestKind::WHOIS => whois(cx, link, host, text, out),
        RequestKind::LIST => list(cx, link, text, out),
        _ => {}
    }
}

/// The client takes another name, or is told why not.
fn set_name(cx: &mut Context, link: LinkId, host: HostId, name: &str, out: &mut Out) {
    let prepared = match prepare_name(name) {
        Ok(prepared) => prepared,
        Err(why) => return refuse(cx, link, "nick", &why.to_string(), out),
    };
    if let Some(why) = cx.name_in_the_way(&prepared, Some(host)) {
        return refuse(cx, link, "nick", &why, out);
    }
    let before = cx.network.directory().find(host).map(|host| host.name());
    if before != Some(&*prepared) {
        cx.rename_client(link, host, &prepared, out);
    }
    announce::send_own(cx, link, host, out);
}

/// A text without control characters.
fn one_line(text: &str) -> String {
    let blank = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(blank).collect()
}

/// Tells a client whether a user is away.
fn send_away(cx: &mut Context, link: LinkId, id: HostId, out: &mut Out) {
    let absence = cx.network.absences().find(id);
    let text = absence.map_or("", |absence| &absence.text);
    let text = format!("{id} {text}");
    send::answer(cx, link, StatusCode::AWAY, text.trim_end(), out);
}

/// A client of this server says something to a user that may be away: tells the client, once for
/// each absence, unless it has been told of that of another user since.
pub(super) fn tell_away(cx: &mut Context, link: LinkId, to: Option<HostId>, out: &mut Out) {
    let absence = to.and_then(|to| Some((to, cx.network.absences().find(to)?.number)));
    let Some((to, number)) = absence else {
        return;
    };
    let Some(found) = cx.links.find_mut(link) else {
        return;
    };
    let takes = found.crc().is_some_and(|session| session.features.people);
    if takes && found.away_told.replace((to, number)) != Some((to, number)) {
        send_away(cx, link, to, out);
    }
}

/// The most bytes that one list of channels is answered with.
const ANSWER_BYTES_MAX: usize = 128 * 1024;

/// The most bytes of the answer about a user.
const USER_BYTES_MAX: usize = 16 * 1024;

/// The most bytes of a mask.
const MASK_BYTES_MAX: usize = 128;

/// Answers with what the client may know of a user.
fn whois(cx: &mut Context, link: LinkId, asks: HostId, wanted: &str, out: &mut Out) {
    match wanted.parse().ok().and_then(HostId::new) {
        Some(id) => questions::whois(cx, link, (asks, id), out),
        None => {
            questions::end_all(cx, link, out);
            refuse_whois(cx, link, wanted, out);
        }
    }
}

fn refuse_whois(cx: &mut Context, link: LinkId, wanted: &str, out: &mut Out) {
    let why = format!("no client has the id {}", Escaped(wanted));
    refuse(cx, link, "whois", &why, out);
}

/// Sends a client what it may know of a user. `elsewhere` is what another server has said: for how
/// many seconds the user has said nothing.
pub(super) fn send_user(
    cx: &mut Context,
    link: LinkId,
    (asks, id): (HostId, HostId),
    elsewhere: Option<u64>,
    out: &mut Out,
) {
    let Some(facts) = cx.user_facts(Some(asks), id) else {
        return refuse_whois(cx, link, &id.to_string(), out);
    };
    let idle = facts.idle.or(elsewhere);
    let text = describe_user(cx, asks, &UserFacts { idle, ..facts });
    send::answer(cx, link, StatusCode::USER, &text, out);
}

/// What is known of a user, a line for each fact: a word and the value.
fn describe_user(cx: &Context, asks: HostId, facts: &UserFacts<'_>) -> String {
    let (host, mut text) = (facts.host, String::new());
    let mut add = |word: &str, value: &str| {
        let blank = |c: char| if c.is_control() { ' ' } else { c };
        text.push_str(word);
        text.push(' ');
        text.extend(value.chars().map(blank));
        text.push('\n');
    };
    add("id", &host.id().to_string());
    add("name", host.name());
    if !host.details().user.is_empty() {
        add("user", host.details().user);
    }
    add("info", host.info());
    let server = cx.network.directory().find(facts.server);
    add("server", server.map_or(cx.config.name.as_str(), Host::name));
    if facts.is_operator {
        add("operator", "");
    }
    if host.details().modes.bot {
        add("bot", "");
    }
    if let Some(away) = facts.away {
        add("away", away);
    }
    if let Some(connection) = &facts.connection {
        if connection.is_secure {
            add("secure", "");
        }
        if let Some(address) = connection.address {
            add("address", &address.to_canonical().to_string());
        }
        if let Some(gateway) = connection.gateway {
            add("gateway", gateway);
        }
    }
    if let Some(since) = facts.signed_on_unix_ms {
        add("since", &(since / 1000).to_string());
    }
    if let Some(idle) = facts.idle {
        add("idle", &idle.to_string());
    }
    let room = USER_BYTES_MAX
        .min(cx.config.limits.text_bytes_max as usize)
        .saturating_sub(text.len() + "channels \n".len());
    let id = host.id();
    let channels = cx.channels_shown(Some(asks), id).map(|channel| {
        let flags = channel.member(id).unwrap_or_default();
        let operator = if flags.operator { "@" } else { "" };
        let voice = if flags.voice { "+" } else { "" };
        format!("{operator}{voice}{}", channel.name())
    });
    if let Some(channels) = pack_words(channels, room).next() {
        text += &format!("channels {channels}\n");
    }
    text
}

/// Lists the channels that the client may see: now as far as the work of this event permits, and
/// the rest later.
fn list(cx: &mut Context, link: LinkId, mask: &str, out: &mut Out) {
    if mask.len() > MASK_BYTES_MAX {
        return refuse(cx, link, "list", "the mask is too long", out);
    }
    let mask = Some(fold(mask)).filter(|mask| !mask.is_empty());
    let list = ChannelList {
        mask: mask.map(|mask| PreparedMask::new(mask.as_bytes(), CaseMapping::Ascii)),
        after: None,
        bytes_left: ANSWER_BYTES_MAX,
    };
    if !list_all_channels(cx, link, list, out) {
        refuse(cx, link, "list", "your last list is not complete yet", out);
    }
}

/// Tells a client why its request is refused.
fn refuse(cx: &mut Context, link: LinkId, request: &str, why: &str, out: &mut Out) {
    let text = format!("{request}: {why}");
    send::answer(cx, link, StatusCode::REQUEST_REFUSED, &text, out);
}
