//! Questions to servers elsewhere: the user's server asks, and shows what they answer.
//!
//! The user's next line waits for the answer, as for the rest of a long one, so that answers
//! come in the order of the lines.

use crc_machine::{LinkId, Timestamp};
use crc_wire::HostId;
use irc_wire::{Numeric, Verb};

use super::reply;
use super::server_query::answer_about;
use super::{UserRef, cut, find_user_mut, read_soon, session_facts, user_of};
use crate::context::{Context, Out};
use crate::question::{ANSWER_TIME_MAX, Question, REPLY_BYTES_MAX, Reply, Topic};
use crate::work;

/// A question to another server, and its answer once it has come.
#[derive(Debug)]
pub(super) struct Asked {
    question: Question,
    /// The server that is to answer.
    server: HostId,
    /// The user that the question is about, or the server.
    about: HostId,
    until: Timestamp,
    lines: Option<Box<str>>,
}

impl Asked {
    /// Until when the answer is awaited, if it is.
    pub(super) fn awaited(&self, now: Timestamp) -> Option<Timestamp> {
        let is_awaited = self.lines.is_none() && now < self.until;
        is_awaited.then_some(self.until)
    }

    /// Whether a server answers this question.
    fn is_for(&self, server: HostId, number: u32) -> bool {
        self.lines.is_none() && self.server == server && self.question.number == number
    }

    /// Notes the answer of a server, if it is one to this question. Whether it is.
    pub(super) fn on_answer(&mut self, server: HostId, reply: Reply<'_>) -> bool {
        let is_answer = self.is_for(server, reply.number);
        if is_answer {
            self.lines = Some(cut(reply.lines, REPLY_BYTES_MAX).into());
        }
        is_answer
    }
}

/// The topic of a command about a server.
pub(super) const fn topic_of(verb: Verb) -> Option<Topic> {
    Some(match verb {
        Verb::Motd => Topic::Motd,
        Verb::Lusers => Topic::Lusers,
        Verb::Version => Topic::Version,
        Verb::Time => Topic::Time,
        Verb::Admin => Topic::Admin,
        Verb::Info => Topic::Info,
        _ => return None,
    })
}

/// The numerics that an answer may consist of.
const fn numerics_of(topic: Topic) -> &'static [Numeric] {
    match topic {
        Topic::Idle => &[],
        Topic::Motd => &[
            Numeric::RPL_MOTDSTART,
            Numeric::RPL_MOTD,
            Numeric::RPL_ENDOFMOTD,
            Numeric::ERR_NOMOTD,
        ],
        Topic::Lusers => &[
            Numeric::RPL_LUSERCLIENT,
            Numeric::RPL_LUSEROP,
            Numeric::RPL_LUSERUNKNOWN,
            Numeric::RPL_LUSERCHANNELS,
            Numeric::RPL_LUSERME,
            Numeric::RPL_LOCALUSERS,
            Numeric::RPL_GLOBALUSERS,
        ],
        Topic::Version => &[Numeric::RPL_VERSION, Numeric::RPL_ISUPPORT],
        Topic::Time => &[Numeric::RPL_TIME],
        Topic::Admin => &[Numeric::ERR_NOADMININFO],
        Topic::Info => &[Numeric::RPL_INFO, Numeric::RPL_ENDOFINFO],
    }
}

/// Asks another server, if it answers questions: what the user's answer waits for.
pub(super) fn ask(
    cx: &mut Context,
    user_ref: UserRef,
    topic: Topic,
    (server, about): (HostId, HostId),
    out: &mut Out,
) -> Option<Box<Asked>> {
    if server == cx.config.id || !cx.answers_questions(server) {
        return None;
    }
    let number = find_user_mut(cx, user_ref.link)?.next_question();
    let question = Question { number, topic };
    let until = cx.now + ANSWER_TIME_MAX;
    cx.ask(user_ref.id, about, question, out);
    Some(Box::new(Asked {
        question,
        server,
        about,
        until,
        lines: None,
    }))
}

/// A server has answered a question of a user of this server.
pub(crate) fn on_reply(cx: &mut Context, server: HostId, user: HostId, text: &str) {
    let (reply, found) = (Reply::parse(text), user_of(cx, user));
    let (Some(reply), Some(link)) = (reply, found.map(|(link, _)| link)) else {
        cx.counters.dropped += 1;
        return;
    };
    let answer = find_user_mut(cx, link).and_then(|user| user.answer.as_mut());
    match answer.is_some_and(|answer| answer.on_reply(server, reply)) {
        true => read_soon(cx, link),
        false => cx.counters.dropped += 1,
    }
}

/// Shows a user the answer of another server.
pub(super) fn show(cx: &Context, user_ref: UserRef, asked: &Asked, out: &mut Out) {
    let link = user_ref.link;
    let topic = asked.question.topic;
    match (&asked.lines, topic) {
        (Some(lines), Topic::Idle) => {
            let mut words = lines.lines().next().unwrap_or_default().split(' ');
            let mut number = || words.next()?.parse::<u64>().ok();
            if let (Some(idle), Some(since)) = (number(), number()) {
                send_idle(cx, link, asked.about, (idle, since), out);
            }
        }
        (None, Topic::Idle) => {}
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

/// Says that another server does not answer.
pub(super) fn reply_silent(
    cx: &Context,
    link: LinkId,
    topic: Topic,
    server: HostId,
    out: &mut Out,
) {
    let command = topic.to_string().to_ascii_uppercase();
    let text = format!("{} does not answer", name_of(cx, server));
    let numeric = Numeric::RPL_TRYAGAIN;
    reply::send_numeric(cx, link, numeric, &[&command], Some(&text), out);
}

fn name_of(cx: &Context, server: HostId) -> String {
    let names = cx.network.names();
    let name = names.and_then(|names| names.servers.of(server));
    name.map_or_else(|| server.to_string(), str::to_owned)
}

/// Sends one line of an answer as its server would have sent it, if it may say that.
fn send_line_of(cx: &Context, link: LinkId, asked: &Asked, line: &str, out: &mut Out) {
    let (numeric, rest) = line.split_once(' ').unwrap_or((line, ""));
    let allowed = numerics_of(asked.question.topic);
    if !allowed.iter().any(|it| it.digits() == numeric) || rest.contains(['\0', '\r']) {
        return;
    }
    let (words, text) = match rest.strip_prefix(':') {
        Some(text) => ("", Some(text)),
        None => match rest.split_once(" :") {
            Some((words, text)) => (words, Some(text)),
            None => (rest, None),
        },
    };
    let words = words.split(' ').filter(|word| !word.is_empty());
    let words: Vec<_> = core::iter::once(reply::target_of(cx, link))
        .chain(words)
        .collect();
    reply::send_line(link, &name_of(cx, asked.server), numeric, &words, text, out);
}

/// What this server answers to a question of a user of another server: lines without their
/// beginnings, that is, without this server's name and the user's nick.
pub(crate) fn answer_question(cx: &Context, topic: Topic, about: HostId, out: &mut Out) -> String {
    if topic == Topic::Idle {
        let facts = session_facts(cx, about);
        return facts.map_or_else(String::new, |facts| {
            let since = facts.registered_at_unix_ms / 1000;
            format!("{} {since}", facts.idle_seconds)
        });
    }
    // The lines are written for a link that is not there, and taken back.
    let nowhere = LinkId::new(u32::MAX, u32::MAX);
    let mark = out.mark();
    answer_about(cx, nowhere, topic, out);
    let bytes = out.take_back(mark, nowhere);
    let beginning = format!(":{} ", reply::own_name(cx));
    let mut lines = String::new();
    for line in String::from_utf8_lossy(&bytes).lines() {
        let line = line.strip_prefix(&*beginning).unwrap_or(line);
        if lines.len() + line.len() > REPLY_BYTES_MAX {
            break;
        }
        // Behind the numeric stands the nick of no user.
        lines += &line.replacen(" * ", " ", 1);
        lines.push('\n');
    }
    lines
}
