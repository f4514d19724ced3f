//! Questions of clients to servers elsewhere (PROTOCOL section 13): for how long a user has said
//! nothing, and STATS.
//!
//! Clients tell answers apart by their order, so what is asked later is answered later. A client
//! that asks for more meanwhile gets the first answer without what is missing.

use std::collections::VecDeque;

use crc_machine::{LinkId, Timestamp};
use crc_wire::HostId;
use irc_wire::{Message, Numeric, Verb, text};

use super::people::send_user;
use super::send;
use crate::context::{Commander, Context, LinkTimer, Out, stats_letter};
use crate::question::{ANSWER_TIME_MAX, Asked, Question, Reply, Topic};
use crate::work;

/// How many answers a client can wait for.
const WAITING_MAX: usize = 4;

/// The questions of a client of this server.
#[derive(Debug, Default)]
pub(crate) struct Questions {
    /// The number of the last one.
    number: u32,
    /// With the client that asks.
    waiting: VecDeque<(HostId, Asked)>,
}

fn questions(cx: &mut Context, link: LinkId) -> Option<&mut Questions> {
    let questions = cx.crc_session_mut(link)?.questions.as_mut();
    questions.map(|questions| &mut **questions)
}

/// WHOIS: answered at once, unless another server knows more or answers are awaited already.
pub(super) fn whois(cx: &mut Context, link: LinkId, (by, id): (HostId, HostId), out: &mut Out) {
    let is_first = questions(cx, link).is_none_or(|questions| questions.waiting.is_empty());
    match cx.idle_known_by(id) {
        None if is_first => send_user(cx, link, (by, id), None, out),
        None => {
            let about = (cx.config.id, id);
            wait(cx, link, by, (Topic::Idle, ""), about, cx.now, out);
        }
        Some(home) => ask(cx, link, by, (Topic::Idle, ""), (home, id), out),
    }
}

/// STATS with the name of another server: whether it is that.
pub(super) fn ask_stats(
    cx: &mut Context,
    by: Commander,
    verb: Verb,
    message: &Message<'_>,
    out: &mut Out,
) -> bool {
    let wanted = message.params.get(1).filter(|wanted| !wanted.is_empty());
    let Some(wanted) = wanted.filter(|_| verb == Verb::Stats) else {
        return false;
    };
    let wanted = text::utf8_or_latin1(wanted);
    let Some(server) = cx.find_server(&wanted) else {
        let (numeric, text) = (Numeric::ERR_NOSUCHSERVER, "No such server");
        cx.reply(by.link, numeric, &[&wanted], text, out);
        return true;
    };
    if server == cx.config.id {
        return false;
    }
    let letter = text::utf8_or_latin1(message.params.get(0).unwrap_or_default());
    let letter = stats_letter(&letter);
    cx.report_stats(by, letter, Some(server), out);
    let what = (Topic::Stats, letter);
    match cx.answers_questions(server) {
        true => ask(cx, by.link, by.id, what, (server, server), out),
        false => send_silent(cx, by.link, server, out),
    }
    true
}

fn ask(
    cx: &mut Context,
    link: LinkId,
    by: HostId,
    (topic, param): (Topic, &str),
    (server, about): (HostId, HostId),
    out: &mut Out,
) {
    let until = cx.now + ANSWER_TIME_MAX;
    if let Some(question) = wait(cx, link, by, (topic, param), (server, about), until, out) {
        cx.ask(by, about, question, out);
    }
}

/// Has an answer wait for its turn, and for that of a server until `until`. Returns the question.
fn wait<'p>(
    cx: &mut Context,
    link: LinkId,
    by: HostId,
    (topic, param): (Topic, &'p str),
    (server, about): (HostId, HostId),
    until: Timestamp,
    out: &mut Out,
) -> Option<Question<'p>> {
    let session = cx.crc_session_mut(link)?;
    let questions = session.questions.get_or_insert_default();
    questions.number = questions.number.wrapping_add(1);
    let question = Question {
        number: questions.number,
        topic,
        param,
    };
    let first = match questions.waiting.len() {
        WAITING_MAX.. => questions.waiting.pop_front(),
        _ => None,
    };
    let asked = Asked::new(&question, server, about, until);
    questions.waiting.push_back((by, asked));
    if let Some((by, first)) = first {
        show(cx, link, by, &first, out);
    }
    go_on(cx, link, out);
    Some(question)
}

/// A server has answered. Whether the client of the link has asked it that.
pub(crate) fn on_reply(
    cx: &mut Context,
    link: LinkId,
    server: HostId,
    reply: Reply<'_>,
    out: &mut Out,
) -> bool {
    let waiting = questions(cx, link).map(|questions| &mut questions.waiting);
    let mut waiting = waiting.into_iter().flatten();
    let is_answer = waiting.any(|(_, asked)| asked.on_answer(server, reply));
    if is_answer {
        go_on(cx, link, out);
    }
    is_answer
}

/// Sends the answers that are complete, or have been awaited for long enough.
pub(crate) fn go_on(cx: &mut Context, link: LinkId, out: &mut Out) {
    let now = cx.now;
    while let Some(questions) = questions(cx, link) {
        let Some((_, first)) = questions.waiting.front() else {
            return cx.cancel_link_timer(link, LinkTimer::Questions);
        };
        if let Some(until) = first.awaited(now) {
            return cx.set_link_timer(link, LinkTimer::Questions, until);
        }
        if let Some((by, first)) = questions.waiting.pop_front() {
            show(cx, link, by, &first, out);
        }
    }
}

/// Sends all answers as they are.
pub(super) fn end_all(cx: &mut Context, link: LinkId, out: &mut Out) {
    let questions = questions(cx, link);
    let all = questions.map(|questions| core::mem::take(&mut questions.waiting));
    for (by, asked) in all.into_iter().flatten() {
        show(cx, link, by, &asked, out);
    }
    go_on(cx, link, out);
}

fn show(cx: &mut Context, link: LinkId, by: HostId, asked: &Asked, out: &mut Out) {
    let lines = asked.lines.as_deref();
    if asked.topic == Topic::Idle {
        let idle = lines.and_then(Reply::parse_idle).map(|(idle, _)| idle);
        return send_user(cx, link, (by, asked.about), idle, out);
    }
    let Some(lines) = lines else {
        return send_silent(cx, link, asked.server, out);
    };
    for line in lines.lines() {
        if let Some(line) = asked.topic.split_line(line) {
            cx.work.charge_answer(work::LINE);
            let text = line.text.unwrap_or_default();
            let text = match line.words.is_empty() {
                true => text.to_owned(),
                false => format!("{}: {text}", line.words.join(" ")),
            };
            let blank = |c: char| if c.is_control() { ' ' } else { c };
            let text: String = text.chars().map(blank).collect();
            send::note(cx, link, &text, out);
        }
    }
}

/// Says that another server does not answer a STATS.
fn send_silent(cx: &mut Context, link: LinkId, server: HostId, out: &mut Out) {
    let text = format!("STATS: {} does not answer", cx.server_name(server));
    send::note(cx, link, &text, out);
}
