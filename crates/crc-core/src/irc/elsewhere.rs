//! Questions to servers elsewhere: the user's server asks, and shows what they answer.
//!
//! The user's next line waits for the answer, as for the rest of a long one, so that answers
//! come in the order of the lines.

use crc_machine::LinkId;
use crc_wire::HostId;
use irc_wire::{Message, Numeric, Verb, text};

use super::answer::{self, Part};
use super::reply;
use super::server_query::{Asker, answer_about};
use super::{UserRef, cut, find_user_mut, read_soon, session_facts};
use crate::context::{Commander, Context, Out, stats_letter};
use crate::question::{
    ANSWER_TIME_MAX, Asked, PARAM_BYTES_MAX, Question, REPLY_BYTES_MAX, Reply, ReplyLine, Topic,
};
use crate::work;

/// The topic of a command about a server.
pub(super) const fn topic_of(verb: Verb) -> Option<Topic> {
    Some(match verb {
        Verb::Motd => Topic::Motd,
        Verb::Lusers => Topic::Lusers,
        Verb::Version => Topic::Version,
        Verb::Time => Topic::Time,
        Verb::Admin => Topic::Admin,
        Verb::Info => Topic::Info,
        Verb::Stats => Topic::Stats,
        Verb::Links => Topic::Links,
        _ => return None,
    })
}

/// Answers a command that names another server: asks that one.
pub(super) fn ask_server(
    cx: &mut Context,
    user_ref: UserRef,
    topic: Topic,
    server: HostId,
    message: &Message<'_>,
    out: &mut Out,
) {
    let link = user_ref.link;
    let param = match topic {
        Topic::Stats => message.params.get(0),
        Topic::Links => message.params.get(1),
        _ => None,
    };
    let param = text::utf8_or_latin1(param.unwrap_or_default());
    let param = match topic {
        Topic::Stats => stats_letter(&param),
        Topic::Links if param.is_empty() => "*",
        _ => &param,
    };
    if param.len() > PARAM_BYTES_MAX {
        let (numeric, text) = (Numeric::ERR_BADMASK, Some("The mask is too long"));
        return reply::send_numeric(cx, link, numeric, &[param], text, out);
    }
    if topic == Topic::Stats {
        let by = Commander {
            link,
            id: user_ref.id,
        };
        cx.report_stats(by, param, Some(server), out);
    }
    match ask(cx, user_ref, (topic, param), (server, server), out) {
        Some(asked) => {
            let command = command_of(topic);
            answer::start(cx, user_ref, command, [Part::Asked(asked)], out);
        }
        None => reply_silent(cx, link, topic, server, out),
    }
}

/// The command that a topic is about.
const fn command_of(topic: Topic) -> &'static str {
    match topic {
        Topic::Idle => Verb::Whois.as_str(),
        Topic::Motd => Verb::Motd.as_str(),
        Topic::Lusers => Verb::Lusers.as_str(),
        Topic::Version => Verb::Version.as_str(),
        Topic::Time => Verb::Time.as_str(),
        Topic::Admin => Verb::Admin.as_str(),
        Topic::Info => Verb::Info.as_str(),
        Topic::Stats => Verb::Stats.as_str(),
        Topic::Links => Verb::Links.as_str(),
    }
}

/// Asks another server, if it answers questions: what the user's answer waits for.
pub(super) fn ask(
    cx: &mut Context,
    user_ref: UserRef,
    (topic, param): (Topic, &str),
    (server, about): (HostId, HostId),
    out: &mut Out,
) -> Option<Box<Asked>> {
    if server == cx.config.id || !cx.answers_questions(server) {
        return None;
    }
    let number = find_user_mut(cx, user_ref.link)?.next_question();
    let question = Question {
        number,
        topic,
        param,
    };
    let until = cx.now + ANSWER_TIME_MAX;
    cx.ask(user_ref.id, about, question, out);
    Some(Box::new(Asked::new(&question, server, about, until)))
}

/// A server has answered a question of a user of this server. Whether it was asked that.
pub(crate) fn on_reply(cx: &mut Context, link: LinkId, server: HostId, reply: Reply<'_>) -> bool {
    let answer = find_user_mut(cx, link).and_then(|user| user.answer.as_mut());
    let is_awaited = answer.is_some_and(|answer| answer.on_reply(server, reply));
    if is_awaited {
        read_soon(cx, link);
    }
    is_awaited
}

/// Shows a user the answer of another server.
pub(super) fn show(cx: &Context, user_ref: UserRef, asked: &Asked, out: &mut Out) {
    let link = user_ref.link;
    let topic = asked.topic;
    match (&asked.lines, topic) {
        (lines, Topic::Idle) => match lines.as_deref().and_then(Reply::parse_idle) {
            Some(times) => send_idle(cx, link, asked.about, times, out),
            None => send_sign_on(cx, link, asked.about, out),
        },
        (Some(lines), _) => {
            for line in lines.lines() {
                cx.work.charge_answer(work::LINE);
                send_line_of(cx, link, asked, line, out);
            }
        }
        (None, _) => reply_silent(cx, link, topic, asked.server, out),
    }
}

/// Sends RPL_WHOISIDLE: for how many seconds a user has said nothing, and since when it has been
/// there, in seconds of Unix time.
pub(super) fn send_idle(
    cx: &Context,
    link: LinkId,
    id: HostId,
    (idle, since): (u64, u64),
    out: &mut Out,
) {
    let nick = cx.nick_of(id);
    let (idle, since) = (idle.to_string(), since.to_string());
    let (words, text) = ([&*nick, &idle, &since], Some("seconds idle, signon time"));
    reply::send_numeric(cx, link, Numeric::RPL_WHOISIDLE, &words, text, out);
}

/// Says when a user signed on of whom it is not known for how long it has said nothing.
pub(super) fn send_sign_on(cx: &Context, link: LinkId, id: HostId, out: &mut Out) {
    let host = cx.network.directory().find(id);
    if let Some(ms) = host.and_then(|host| cx.signed_on_unix_ms(host)) {
        let nick = cx.nick_of(id);
        let text = format!("signed on at {}", reply::date_text(ms));
        let numeric = Numeric::RPL_WHOISSPECIAL;
        reply::send_numeric(cx, link, numeric, &[&nick], Some(&text), out);
    }
}

/// Says that another server does not answer.
pub(super) fn reply_silent(
    cx: &Context,
    link: LinkId,
    topic: Topic,
    server: HostId,
    out: &mut Out,
) {
    let text = format!("{} does not answer", name_of(cx, server));
    let numeric = Numeric::RPL_TRYAGAIN;
    reply::send_numeric(cx, link, numeric, &[command_of(topic)], Some(&text), out);
}

fn name_of(cx: &Context, server: HostId) -> String {
    let names = cx.network.names();
    let name = names.and_then(|names| names.servers.of(server));
    name.map_or_else(|| server.to_string(), str::to_owned)
}

/// Sends one line of an answer as its server would have sent it, if it may say that.
fn send_line_of(cx: &Context, link: LinkId, asked: &Asked, line: &str, out: &mut Out) {
    let Some(ReplyLine {
        numeric,
        words,
        text,
    }) = asked.topic.split_line(line)
    else {
        return;
    };
    let words: Vec<_> = core::iter::once(reply::target_of(cx, link))
        .chain(words)
        .collect();
    reply::send_line(link, &name_of(cx, asked.server), numeric, &words, text, out);
}

/// What this server answers to a question of a user of another server: lines without their
/// beginnings, that is, without this server's name and the user's nick.
pub(crate) fn answer_question(
    cx: &Context,
    question: Question<'_>,
    (by, about): (HostId, HostId),
    out: &mut Out,
) -> String {
    let topic = question.topic;
    if topic == Topic::Idle {
        let facts = session_facts(cx, about);
        return facts.map_or_else(String::new, |facts| {
            let since = facts.registered_at_unix_ms / 1000;
            format!("{} {since}", facts.idle_seconds)
        });
    }
    // The lines are written for a link that is not there, and taken back.
    let nowhere = LinkId::new(u32::MAX, u32::MAX);
    let mut written = |write: &dyn Fn(&mut Out)| {
        let mark = out.mark();
        write(out);
        let bytes = out.take_back(mark, nowhere);
        without_beginnings(cx, &String::from_utf8_lossy(&bytes))
    };
    let asker = Asker::Elsewhere(by);
    let lines = written(&|out| answer_about(cx, nowhere, asker, (topic, question.param), out));
    if lines.len() <= REPLY_BYTES_MAX {
        return lines;
    }
    // The last line ends the answer.
    let command = command_of(topic);
    let truncated = written(&|out| reply::reply_truncated(cx, nowhere, command, out));
    let (rest, end) = split_last_line(&lines);
    let room = REPLY_BYTES_MAX.saturating_sub(truncated.len() + end.len());
    let (fitting, _) = split_last_line(cut(rest, room + 1));
    [fitting, &truncated, end].concat()
}

/// Lines without what this server writes in front of them for a user that it does not know.
fn without_beginnings(cx: &Context, lines: &str) -> String {
    let beginning = format!(":{} ", reply::own_name(cx));
    let mut rest = String::with_capacity(lines.len());
    for line in lines.lines() {
        let line = line.strip_prefix(&*beginning).unwrap_or(line);
        // Behind the numeric stands the nick of no user.
        rest += &line.replacen(" * ", " ", 1);
        rest.push('\n');
    }
    rest
}

/// Splits lines before the last one, which may be incomplete.
fn split_last_line(lines: &str) -> (&str, &str) {
    let whole = lines.strip_suffix('\n').unwrap_or(lines);
    lines.split_at(whole.rfind('\n').map_or(0, |at| at + 1))
}
