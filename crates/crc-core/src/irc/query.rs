//! WHO, WHOIS, ISON and USERHOST: queries about users.

use core::net::IpAddr;

use crc_machine::LinkId;
use crc_wire::HostId;
use irc_wire::mask::PreparedMask;
use irc_wire::{Message, Numeric, text};

use super::answer::{self, Part};
use super::channel::{is_local, prefixed_channel};
use super::elsewhere;
use super::reply::{self, prefixes};
use super::session::{Capability, NAMES};
use super::{
    CASE, UserRef, cut, distinct_elements, has, ident_of, server_info_of, server_of, session_facts,
    source_of,
};
use crate::context::{Context, Out, UserConnection};
use crate::network::{Channel, Host};
use crate::question::{Asked, Topic};
use crate::work;

/// How many nicks one WHOIS or WHOWAS may name (`TARGMAX`).
pub(super) const WHOIS_MAX: usize = 4;

/// The fields of WHOX, in the order of the answer.
const WHOX_FIELDS: &str = "tcuihsnfdlaor";

/// What an answer to WHO contains.
#[derive(Debug)]
pub(super) struct Whox {
    fields: String,
    token: String,
}

// Users.

/// Whether a user is away.
fn is_away(cx: &Context, id: HostId) -> bool {
    cx.network.absences().find(id).is_some()
}

/// What a WHO asks for.
#[derive(Debug)]
pub(super) struct Who {
    /// A channel, or a mask.
    pub(super) target: Box<str>,
    mask: PreparedMask,
    /// Only network operators are wanted.
    operators_only: bool,
    pub(super) whox: Option<Whox>,
}

/// WHO (RFC 2812, 3.6.1), and WHOX if the options have a `%`: of a channel, a nick, or
/// the visible users that match a mask.
pub(super) fn who(cx: &mut Context, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
    let wanted = message.params.get(0).unwrap_or(b"*");
    let target: Box<str> = match &*text::utf8_or_latin1(wanted) {
        "" | "0" => "*".into(),
        wanted => wanted.into(),
    };
    let options = text::utf8_or_latin1(message.params.get(1).unwrap_or_default());
    let whox = parse_whox(&options);
    let (flags, _) = options.split_once('%').unwrap_or((&options, ""));
    let operators_only = flags.contains('o');
    let end = Part::EndOfWho(target.clone());
    let who = Box::new(Who {
        mask: PreparedMask::new(target.as_bytes(), CASE),
        target,
        operators_only,
        whox,
    });
    let is_channel = cx.network.channels().find(&who.target).is_some();
    let names = cx.network.names();
    let exact = names.and_then(|names| names.nicks.find(&who.target));
    let part = if is_channel {
        Some(Part::WhoMembers { who, after: None })
    } else if NAMES.is_channel(who.target.as_bytes()) {
        None
    } else if let Some(id) = exact.filter(|id| who.wants(cx, *id)) {
        who_reply(cx, user_ref.link, id, None, who.whox.as_ref(), out);
        None
    } else if exact.is_some() {
        None
    } else {
        Some(Part::WhoUsers { who, place: 0 })
    };
    answer::start(cx, user_ref, "WHO", part.into_iter().chain([end]), out);
}

/// Sends RPL_ENDOFWHO.
pub(super) fn send_end_of_who(cx: &Context, link: LinkId, target: &str, out: &mut Out) {
    let text = Some("End of /WHO list");
    reply::send_numeric(cx, link, Numeric::RPL_ENDOFWHO, &[target], text, out);
}

impl Who {
    /// Whether it asks for such a host, if its mask matches.
    pub(super) fn wants(&self, cx: &Context, id: HostId) -> bool {
        !self.operators_only || cx.network.operators().find(id).is_some()
    }

    /// Whether its mask matches a host.
    pub(super) fn matches(&self, cx: &Context, host: &Host) -> bool {
        if &*self.target == "*" {
            return true;
        }
        let fits = |text: &str| {
            // Each byte is compared with 64 elements of the mask at once.
            let words = self.target.len() / 64 + 1;
            cx.work.charge_answer_bytes(text.len() * words * 2);
            self.mask.matches(text.as_bytes())
        };
        let id = host.id();
        cx.work.charge_answer(work::HOST);
        fits(&cx.nick_of(id))
            || fits(&source_of(cx, id))
            || fits(&format!("{id}.crc"))
            || fits(server_of(cx, host))
            || fits(host.info())
    }
}

/// Sends RPL_WHOREPLY for a host, or with `whox` the fields that it asks for.
pub(super) fn who_reply(
    cx: &Context,
    link: LinkId,
    id: HostId,
    channel: Option<&Channel>,
    whox: Option<&Whox>,
    out: &mut Out,
) {
    let Some(host) = cx.network.directory().find(id) else {
        return;
    };
    cx.work.charge_answer(work::HOST);
    let all = has(cx, link, Capability::MultiPrefix);
    let member = channel.and_then(|channel| channel.member(id));
    let here = if is_away(cx, id) { "G" } else { "H" };
    let star = match cx.network.operators().find(id) {
        Some(_) => "*",
        None => "",
    };
    let bot = if host.details().modes.bot { "B" } else { "" };
    let prefixes = prefixes(member.unwrap_or_default(), all);
    let flags = format!("{here}{star}{bot}{prefixes}");
    let shown = channel.map_or("*", Channel::name);
    let nick = cx.nick_of(id);
    let ident = ident_of(cx, id, &nick);
    let address = format!("{id}.crc");
    let server = server_of(cx, host);
    let hops = if is_local(cx, host) { "0" } else { "1" };
    let Some(whox) = whox else {
        let words = [shown, ident, &address, server, &nick, &flags];
        let text = format!("{hops} {}", host.info());
        return reply::send_numeric(cx, link, Numeric::RPL_WHOREPLY, &words, Some(&text), out);
    };
    let idle = idle_seconds(cx, id).to_string();
    let mut words = Vec::new();
    for field in WHOX_FIELDS
        .chars()
        .filter(|field| whox.fields.contains(*field))
    {
        match field {
            't' => words.push(&*whox.token),
            'c' => words.push(shown),
            'u' => words.push(ident),
            // Addresses are not shown.
            'i' => words.push("255.255.255.255"),
            'h' => words.push(&address),
            's' => words.push(server),
            'n' => words.push(&nick),
            'f' => words.push(&flags),
            'd' => words.push(hops),
            'l' => words.push(&idle),
            'a' => words.push("0"),
            'o' => words.push("n/a"),
            _ => {}
        }
    }
    let text = whox.fields.contains('r').then(|| host.info());
    reply::send_numeric(cx, link, Numeric::RPL_WHOSPCRPL, &words, text, out);
}

/// For how many seconds a user of this server has sent no message; 0 for other hosts.
fn idle_seconds(cx: &Context, id: HostId) -> u64 {
    session_facts(cx, id).map_or(0, |session| session.idle_seconds)
}

/// WHOIS (RFC 2812, 3.6.2), of at most [`WHOIS_MAX`] nicks; masks are not supported.
pub(super) fn whois(cx: &mut Context, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
    let link = user_ref.link;
    // With two parameters, the first names the server to answer; every server knows the
    // same.
    let wanted = message.params.get(1).or(message.params.get(0));
    let wanted = distinct_elements(wanted.unwrap_or_default());
    if wanted.is_empty() {
        return reply::reply_error(cx, link, Numeric::ERR_NONICKNAMEGIVEN, &[], out);
    }
    let nicks = wanted.iter().take(WHOIS_MAX);
    let parts = nicks.flat_map(|nick| {
        let nick = || Box::from(&**nick);
        [Part::Whois(nick()), Part::EndOfWhois(nick())]
    });
    answer::start(cx, user_ref, "WHOIS", parts, out);
    if let Some(nick) = wanted.get(WHOIS_MAX) {
        reply::reply_error(cx, link, Numeric::ERR_TOOMANYTARGETS, &[nick], out);
    }
}

/// Sends the numerics of WHOIS for a nick, without RPL_ENDOFWHOIS. For how long the user of another
/// server has said nothing is asked there.
pub(super) fn whois_one(
    cx: &mut Context,
    user_ref: UserRef,
    nick: &str,
    out: &mut Out,
) -> Option<Box<Asked>> {
    let names = cx.network.names();
    let Some(id) = names.and_then(|names| names.nicks.find(nick)) else {
        reply::reply_error(cx, user_ref.link, Numeric::ERR_NOSUCHNICK, &[nick], out);
        return None;
    };
    whois_reply(cx, user_ref.link, id, out);
    let home = cx.idle_known_by(id);
    let asked =
        home.and_then(|home| elsewhere::ask(cx, user_ref, (Topic::Idle, ""), (home, id), out));
    if asked.is_none() && session_facts(cx, id).is_none() {
        elsewhere::send_sign_on(cx, user_ref.link, id, out);
    }
    asked
}

/// Sends the numerics of WHOIS for a host, without RPL_ENDOFWHOIS.
fn whois_reply(cx: &Context, link: LinkId, id: HostId, out: &mut Out) {
    let asks = cx.network.neighbours().find(link).map(|it| it.host);
    let Some(facts) = cx.user_facts(asks, id) else {
        return;
    };
    let host = facts.host;
    let nick = cx.nick_of(id);
    let ident = ident_of(cx, id, &nick);
    let address = format!("{id}.crc");
    let words = [&nick, ident, &address, "*"];
    let info = Some(host.info());
    reply::send_numeric(cx, link, Numeric::RPL_WHOISUSER, &words, info, out);
    let channels = cx.channels_shown(asks, id);
    let mut channels = channels
        .map(|channel| prefixed_channel(id, channel))
        .peekable();
    if channels.peek().is_some() {
        let numeric = Numeric::RPL_WHOISCHANNELS;
        reply::send_list(cx, link, numeric, &[&nick], channels, out);
    }
    let server = server_of(cx, host);
    let (words, info) = ([&nick, server], Some(server_info_of(cx, host)));
    reply::send_numeric(cx, link, Numeric::RPL_WHOISSERVER, &words, info, out);
    if facts.is_operator {
        let text = Some("is a network operator");
        reply::send_numeric(cx, link, Numeric::RPL_WHOISOPERATOR, &[&nick], text, out);
    }
    if host.details().modes.bot {
        let text = Some("is a bot");
        reply::send_numeric(cx, link, Numeric::RPL_WHOISBOT, &[&nick], text, out);
    }
    if let Some(text) = facts.away {
        reply::send_numeric(cx, link, Numeric::RPL_AWAY, &[&nick], Some(text), out);
    }
    if let Some(connection) = &facts.connection {
        send_connection(cx, link, &nick, connection, out);
    }
    super::metadata::send_whois(cx, link, id, &nick, out);
    if let (Some(idle), Some(since_ms)) = (facts.idle, facts.signed_on_unix_ms) {
        elsewhere::send_idle(cx, link, id, (idle, since_ms / 1000), out);
    }
}

/// Sends what is known of a user's connection to this server: whether it is encrypted, and to
/// the user itself and operators that may need it the address and the gateway.
fn send_connection(
    cx: &Context,
    link: LinkId,
    nick: &str,
    connection: &UserConnection<'_>,
    out: &mut Out,
) {
    if connection.is_secure {
        let text = Some("is using a secure connection");
        reply::send_numeric(cx, link, Numeric::RPL_WHOISSECURE, &[nick], text, out);
    }
    let Some(address) = connection.address else {
        return;
    };
    let address = word_of_address(address);
    let text = format!("is connecting from *@{address} {address}");
    reply::send_numeric(cx, link, Numeric::RPL_WHOISHOST, &[nick], Some(&text), out);
    if let Some(gateway) = connection.gateway {
        let words = [nick, &address, &address];
        let text = Some(format!("is connected via the gateway {gateway}"));
        let numeric = Numeric::RPL_WHOISGATEWAY;
        reply::send_numeric(cx, link, numeric, &words, text.as_deref(), out);
    }
}

/// An address as a word of a line, which must not begin with a colon.
fn word_of_address(ip: IpAddr) -> String {
    match ip.to_canonical().to_string() {
        ip if ip.starts_with(':') => format!("0{ip}"),
        ip => ip,
    }
}

/// ISON (RFC 2812, 4.9): which of the nicks are online.
pub(super) fn ison(cx: &mut Context, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
    let names = cx.network.names();
    let nicks = message.params.iter();
    let nicks = nicks.flat_map(|param| param.split(|byte| *byte == b' '));
    let online = nicks.filter_map(|nick| {
        let nick = text::utf8_or_latin1(nick);
        let id = names?.nicks.find(&nick)?;
        Some(cx.nick_of(id))
    });
    reply::send_list(cx, user_ref.link, Numeric::RPL_ISON, &[], online, out);
}

/// USERHOST (RFC 2812, 4.8): as many nicks as fit into a line. Nicks that are not online
/// are left out.
pub(super) fn userhost(cx: &mut Context, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
    let names = cx.network.names();
    let nicks = message.params.iter();
    let online = nicks.filter_map(|nick| {
        let nick = text::utf8_or_latin1(nick);
        let id = names?.nicks.find(&nick)?;
        let sign = if is_away(cx, id) { '-' } else { '+' };
        let operator = cx.network.operators().find(id);
        let star = if operator.is_some() { "*" } else { "" };
        let nick = cx.nick_of(id);
        let ident = ident_of(cx, id, &nick);
        Some(format!("{nick}{star}={sign}{ident}@{id}.crc"))
    });
    reply::send_list(cx, user_ref.link, Numeric::RPL_USERHOST, &[], online, out);
}

/// The fields that a WHO asks for: `%fields,token`.
fn parse_whox(options: &str) -> Option<Whox> {
    let (_, wanted) = options.split_once('%')?;
    let (fields, token) = wanted.split_once(',').unwrap_or((wanted, "0"));
    Some(Whox {
        fields: fields.to_owned(),
        token: cut(token, 3).to_owned(),
    })
}
