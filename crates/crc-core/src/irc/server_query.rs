//! What this server says of itself and of the network: its version, ISUPPORT, MOTD,
//! LUSERS and other commands that ask a server.

use crc_machine::LinkId;
use crc_wire::HostId;
use irc_wire::{Message, Numeric, Verb, text};

use super::answer::ANSWER_BYTES_MAX;
use super::links::send_links;
use super::reply::{self, date_text};
use super::{UserRef, elsewhere, help};
use crate::context::{Context, Out};
use crate::question::{REPLY_BYTES_MAX, Topic};

/// The most bytes of the lines that end an answer which is too long.
const END_BYTES_MAX: usize = 2 * 1024;

/// The name of the network.
const NETWORK: &str = "CRC";

/// The version that users see.
pub(crate) const VERSION: &str = concat!("crc-", env!("CARGO_PKG_VERSION"));

/// The tokens of RPL_ISUPPORT, a line each.
const SUPPORT: [&[&str]; 3] = [
    &[
        "CHANTYPES=#",
        "PREFIX=(ov)@+",
        "CHANMODES=beI,k,l,Cimnpst",
        "CASEMAPPING=ascii",
        "NICKLEN=30",
        "USERLEN=10",
        "CHANNELLEN=64",
        "TOPICLEN=390",
        "KICKLEN=300",
        "AWAYLEN=300",
    ],
    &[
        "BOT=B",
        "LINELEN=512",
        "MODES=12",
        "MAXLIST=beI:100",
        "CHANLIMIT=#:64",
        "MAXTARGETS=4",
        "STATUSMSG=@+",
        "TARGMAX=JOIN:,KICK:4,NAMES:1,NOTICE:4,PART:,PRIVMSG:4,TAGMSG:4,WHOIS:4",
        "CLIENTTAGDENY=",
        "MONITOR=100",
        "SAFELIST",
        "UTF8ONLY",
        "WHOX",
    ],
    &["ELIST=CMNTU", "EXCEPTS", "EXTBAN=,m", "INVEX"],
];

/// Answers a command about a server (RFC 2812, 3.4, 3.5, 4.5, 4.6): this one, or `server`, which is
/// asked. Any other verb is unknown.
pub(super) fn server_query(
    cx: &mut Context,
    (user_ref, server): (UserRef, HostId),
    verb: Verb,
    message: &Message<'_>,
    out: &mut Out,
) {
    let link = user_ref.link;
    if let Some(topic) = elsewhere::topic_of(verb) {
        if server != cx.config.id {
            return elsewhere::ask_server(cx, user_ref, topic, server, message, out);
        }
        // With two parameters, the first one of LINKS names the server to answer.
        let mask = message.params.get(1).or(message.params.get(0));
        let mask = mask.filter(|mask| topic == Topic::Links && !mask.is_empty());
        let mask = text::utf8_or_latin1(mask.unwrap_or(b"*"));
        return answer_about(cx, link, Asker::Own, (topic, &mask), out);
    }
    match verb {
        Verb::Servlist => {
            let text = Some("End of service listing");
            reply::send_numeric(cx, link, Numeric::RPL_SERVLISTEND, &["*", "*"], text, out);
        }
        Verb::Squery => {
            let name = text::utf8_or_latin1(message.params.get(0).unwrap_or(b"*"));
            reply::reply_error(cx, link, Numeric::ERR_NOSUCHSERVICE, &[&name], out);
        }
        Verb::Summon => reply::reply_error(cx, link, Numeric::ERR_SUMMONDISABLED, &[], out),
        Verb::Users => reply::reply_error(cx, link, Numeric::ERR_USERSDISABLED, &[], out),
        Verb::Help | Verb::Helpop => {
            let topic = text::utf8_or_latin1(message.params.get(0).unwrap_or_default());
            help::help(cx, link, &topic, out);
        }
        _ => reply::reply_error(cx, link, Numeric::ERR_UNKNOWNCOMMAND, &[verb.as_str()], out),
    }
}

/// Who asks this server about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    /// A user of it.
    Own,
    /// A user of another server.
    Elsewhere(HostId),
}

/// Answers what this server is asked, by a user of it or of another server. `param` is the letter
/// of STATS, or the mask of LINKS.
pub(super) fn answer_about(
    cx: &Context,
    link: LinkId,
    asker: Asker,
    (topic, param): (Topic, &str),
    out: &mut Out,
) {
    let own = reply::own_name(cx);
    let bytes_max = match asker {
        Asker::Own => ANSWER_BYTES_MAX,
        Asker::Elsewhere(_) => REPLY_BYTES_MAX - END_BYTES_MAX,
    };
    match topic {
        Topic::Motd => send_motd(cx, link, out),
        Topic::Lusers => send_lusers(cx, link, out),
        Topic::Version => {
            let words = [VERSION, own];
            let text = Some("a relay chat server");
            reply::send_numeric(cx, link, Numeric::RPL_VERSION, &words, text, out);
            send_support(cx, link, out);
        }
        Topic::Time => {
            let text = date_text(cx.wall_ms());
            reply::send_numeric(cx, link, Numeric::RPL_TIME, &[own], Some(&text), out);
        }
        Topic::Admin => reply::reply_error(cx, link, Numeric::ERR_NOADMININFO, &[own], out),
        Topic::Info => {
            let started = date_text(cx.config.started_at_unix_ms);
            for text in [
                format!("{VERSION}, a server of a relay chat network"),
                cx.config.info.as_str().to_owned(),
                format!("Started {started}"),
            ] {
                reply::send_wrapped(cx, link, Numeric::RPL_INFO, "", &text, out);
            }
            let text = Some("End of INFO list");
            reply::send_numeric(cx, link, Numeric::RPL_ENDOFINFO, &[], text, out);
        }
        Topic::Links => send_links(cx, link, (param, bytes_max), out),
        Topic::Stats => {
            // Users of this server ask as those of every protocol do.
            if let Asker::Elsewhere(by) = asker {
                for line in cx.stats_for_elsewhere(by, param, bytes_max) {
                    let words: Vec<_> = line.words.iter().map(String::as_str).collect();
                    let text = Some(&*line.text);
                    reply::send_numeric(cx, link, line.numeric, &words, text, out);
                }
            }
        }
        // It is about a user.
        Topic::Idle => {}
    }
}

/// Sends the message of the day, or ERR_NOMOTD if none is configured (RFC 2812, 3.4.1).
pub(super) fn send_motd(cx: &Context, link: LinkId, out: &mut Out) {
    let motd = &cx.config.motd;
    if motd.is_empty() {
        return reply::reply_error(cx, link, Numeric::ERR_NOMOTD, &[], out);
    }
    let text = format!("- {} Message of the day -", reply::own_name(cx));
    reply::send_numeric(cx, link, Numeric::RPL_MOTDSTART, &[], Some(&text), out);
    for line in motd {
        reply::send_wrapped(cx, link, Numeric::RPL_MOTD, "- ", line, out);
    }
    let text = Some("End of /MOTD command");
    reply::send_numeric(cx, link, Numeric::RPL_ENDOFMOTD, &[], text, out);
}

/// Sends the numbers of users, servers, channels and links (RFC 2812, 3.4.2).
pub(super) fn send_lusers(cx: &Context, link: LinkId, out: &mut Out) {
    let servers = cx.network.directory().servers_len() + 1;
    let (users, users_max) = cx.network.clients();
    let (own, own_max) = cx.network.own_clients();
    let neighbours = cx.network.neighbours();
    let adjacent = neighbours.len() - own;
    let unregistered = cx.links.len() - neighbours.len();
    let channels = cx.network.channels().len().to_string();
    let invisible = cx.network.directory().invisible_len();
    let visible = users.saturating_sub(invisible);
    let text = format!("There are {visible} users and {invisible} invisible on {servers} servers");
    reply::send_numeric(cx, link, Numeric::RPL_LUSERCLIENT, &[], Some(&text), out);
    let operators = cx.network.operators().iter().count();
    if operators > 0 {
        let (words, text) = ([&*operators.to_string()], Some("operator(s) online"));
        reply::send_numeric(cx, link, Numeric::RPL_LUSEROP, &words, text, out);
    }
    if unregistered > 0 {
        let (words, text) = ([&*unregistered.to_string()], Some("unknown connection(s)"));
        reply::send_numeric(cx, link, Numeric::RPL_LUSERUNKNOWN, &words, text, out);
    }
    let (words, text) = ([&*channels], Some("channels formed"));
    reply::send_numeric(cx, link, Numeric::RPL_LUSERCHANNELS, &words, text, out);
    let text = format!("I have {own} clients and {adjacent} servers");
    reply::send_numeric(cx, link, Numeric::RPL_LUSERME, &[], Some(&text), out);
    for (numeric, whose, now, max) in [
        (Numeric::RPL_LOCALUSERS, "local", own, own_max),
        (Numeric::RPL_GLOBALUSERS, "global", users, users_max),
    ] {
        let text = format!("Current {whose} users {now}, max {max}");
        let words = [&*now.to_string(), &*max.to_string()];
        reply::send_numeric(cx, link, numeric, &words, Some(&text), out);
    }
}

/// Sends RPL_ISUPPORT.
pub(super) fn send_support(cx: &Context, link: LinkId, out: &mut Out) {
    let text = Some("are supported by this server");
    let network = format!("NETWORK={NETWORK}");
    for (line, words) in SUPPORT.into_iter().enumerate() {
        let mut words = words.to_vec();
        if line == 0 {
            words.push(&network);
        }
        reply::send_numeric(cx, link, Numeric::RPL_ISUPPORT, &words, text, out);
    }
}
