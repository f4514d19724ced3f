//! HELP and HELPOP: built-in texts about the commands (modern IRC).

use crc_machine::LinkId;
use irc_wire::Numeric;

use super::reply;
use crate::context::{Context, Out};

/// The subject of a HELP without one.
const INDEX: &str = "*";

/// A subject, and its text: the first line says what it is.
struct Topic {
    subject: &'static str,
    lines: &'static [&'static str],
}

const fn topic(subject: &'static str, lines: &'static [&'static str]) -> Topic {
    Topic { subject, lines }
}

/// The subjects, sorted.
const TOPICS: &[Topic] = &[
    topic(
        "ADMIN",
        &[
            "ADMIN",
            "Shows who runs this server, if that is configured.",
        ],
    ),
    topic(
        "AWAY",
        &[
            "AWAY [:text]",
            "Says that you are away, and why; without a text, that you are back.",
        ],
    ),
    topic(
        "CAP",
        &[
            "CAP LS 302 | LIST | REQ :capabilities | END",
            "Lists and enables extensions of the protocol. Clients do that by themselves.",
        ],
    ),
    topic(
        "CHANMODES",
        &[
            "The modes of channels: MODE #channel +m",
            "b MASK  who matches may neither join nor speak; m:MASK only not speak",
            "C       takes no CTCP, but ACTION (/me)",
            "e MASK  who matches may join and speak in spite of b",
            "I MASK  who matches may join in spite of i",
            "i       only those who are invited may join",
            "k KEY   only those who know the key may join",
            "l N     at most N members",
            "m       only operators and members with voice may speak",
            "n       only members may speak",
            "o NICK  a member is an operator of the channel",
            "p, s    private, secret: only members see the channel in LIST, NAMES, WHO and WHOIS",
            "t       only operators set the topic",
            "v NICK  a member has voice",
            "b, e and I without a mask list the masks",
        ],
    ),
    topic(
        "HELP",
        &[
            "HELP [subject]",
            "Explains a command, or one of CHANMODES and UMODES.",
        ],
    ),
    topic("INFO", &["INFO", "Shows what this server runs."]),
    topic(
        "INVITE",
        &[
            "INVITE nick #channel",
            "Invites a user to a channel. An operator's invitation admits the user once.",
        ],
    ),
    topic(
        "ISON",
        &[
            "ISON nick [nick ...]",
            "Shows which of the nicks are online.",
        ],
    ),
    topic(
        "JOIN",
        &[
            "JOIN #channel[,#channel ...] [key[,key ...]]",
            "Joins channels, or creates them. JOIN 0 leaves all channels.",
        ],
    ),
    topic(
        "KICK",
        &[
            "KICK #channel nick[,nick ...] [:reason]",
            "Removes members from a channel. It is for operators of the channel.",
        ],
    ),
    topic(
        "LINKS",
        &[
            "LINKS [[server] mask]",
            "Lists the servers of the network, as this server or another one sees it.",
        ],
    ),
    topic(
        "LIST",
        &[
            "LIST [#channel[,mask ...]] [condition[,condition ...]]",
            "Lists channels with their topics and how many members they have.",
            "Conditions: !MASK not these; >N, <N more or less than N members;",
            "C>N, C<N and T>N, T<N founded, and topic set, more or less than N minutes ago.",
        ],
    ),
    topic(
        "LUSERS",
        &[
            "LUSERS",
            "Shows how many users, servers and channels there are.",
        ],
    ),
    topic(
        "MARKREAD",
        &[
            "MARKREAD target [timestamp=YYYY-MM-DDThh:mm:ss.sssZ]",
            "Shows or moves the mark up to where you have read. Clients do that by themselves.",
        ],
    ),
    topic(
        "METADATA",
        &[
            "METADATA target GET key ... | LIST | SET key [:value] | CLEAR | SYNC",
            "Shows or changes keys and values of a channel or user; * is you.",
            "METADATA * SUB key ... | UNSUB key ... | SUBS",
            "Says of which keys you want to hear.",
        ],
    ),
    topic(
        "MODE",
        &[
            "MODE #channel [changes [parameter ...]] | MODE nick [changes]",
            "Shows or changes the modes of a channel, or your own.",
            "See also HELP CHANMODES and HELP UMODES.",
        ],
    ),
    topic("MOTD", &["MOTD", "Shows the message of the day."]),
    topic(
        "NAMES",
        &[
            "NAMES [#channel]",
            "Lists the members of a channel, or of all channels.",
        ],
    ),
    topic("NICK", &["NICK nick", "Changes your nick."]),
    topic(
        "NOTICE",
        &[
            "NOTICE target[,target ...] :text",
            "Sends a text to users or channels that no program answers.",
        ],
    ),
    topic(
        "OPER",
        &[
            "OPER name :password",
            "Makes you a network operator, if the server's configuration has one of that name.",
        ],
    ),
    topic(
        "PART",
        &["PART #channel[,#channel ...] [:text]", "Leaves channels."],
    ),
    topic(
        "PING",
        &["PING token", "The server answers with PONG and the token."],
    ),
    topic(
        "PRIVMSG",
        &[
            "PRIVMSG target[,target ...] :text",
            "Sends a text to users or channels.",
        ],
    ),
    topic(
        "QUIT",
        &["QUIT [:text]", "Leaves the network, and says why."],
    ),
    topic(
        "REDACT",
        &[
            "REDACT target id [:reason]",
            "Takes back a message, in clients that can do that.",
        ],
    ),
    topic(
        "RENAME",
        &[
            "RENAME channel name [:reason]",
            "Gives a channel another name. Its operators may.",
        ],
    ),
    topic(
        "SETNAME",
        &["SETNAME :real name", "Changes your real name."],
    ),
    topic(
        "STATS",
        &[
            "STATS u [server]",
            "Shows for how long this server, or another one, has been running.",
        ],
    ),
    topic("TIME", &["TIME", "Shows the time of this server."]),
    topic(
        "TOPIC",
        &[
            "TOPIC #channel [:topic]",
            "Shows the topic of a channel, or sets it. An empty one removes it.",
        ],
    ),
    topic(
        "UMODES",
        &[
            "The modes of users: MODE yournick +i",
            "B  bot: you are a program, which WHO, WHOIS and tags show",
            "i  invisible: WHO and NAMES show you only to users who share a channel with you",
            "o  network operator: OPER sets it",
            "w  you get what operators say to all (WALLOPS)",
        ],
    ),
    topic(
        "USERHOST",
        &[
            "USERHOST nick [nick ...]",
            "Shows user names and hosts, and who is away.",
        ],
    ),
    topic(
        "VERSION",
        &["VERSION", "Shows which version this server is."],
    ),
    topic(
        "WHO",
        &[
            "WHO #channel | mask [o][%fields[,token]]",
            "Lists the members of a channel, or the users that a mask matches.",
            "o means operators only; %fields are those of WHOX.",
        ],
    ),
    topic(
        "WHOIS",
        &["WHOIS nick[,nick ...]", "Shows what is known of users."],
    ),
    topic(
        "WHOWAS",
        &[
            "WHOWAS nick [count]",
            "Shows who had a nick within the last hour.",
        ],
    ),
];

/// Sends the text about a subject, in any case, or ERR_HELPNOTFOUND. Without a subject, it is
/// the list of subjects.
pub(super) fn help(cx: &Context, link: LinkId, wanted: &str, out: &mut Out) {
    if wanted.is_empty() || wanted == INDEX {
        let subjects = TOPICS.iter().map(|topic| topic.subject);
        let subjects: Vec<_> = subjects.collect();
        let rows = subjects.chunks(8).map(|row| row.join(" "));
        let first = "HELP subject explains one of these:".to_owned();
        let lines: Vec<_> = core::iter::once(first).chain(rows).collect();
        return send(cx, link, INDEX, &lines, out);
    }
    let found = TOPICS
        .iter()
        .find(|topic| topic.subject.eq_ignore_ascii_case(wanted));
    match found {
        Some(topic) => send(cx, link, topic.subject, topic.lines, out),
        None => reply::reply_error(cx, link, Numeric::ERR_HELPNOTFOUND, &[wanted], out),
    }
}

fn send(cx: &Context, link: LinkId, subject: &str, lines: &[impl AsRef<str>], out: &mut Out) {
    for (number, line) in lines.iter().enumerate() {
        let numeric = match number {
            0 => Numeric::RPL_HELPSTART,
            _ => Numeric::RPL_HELPTXT,
        };
        reply::send_numeric(cx, link, numeric, &[subject], Some(line.as_ref()), out);
    }
    let text = Some("End of /HELP");
    reply::send_numeric(cx, link, Numeric::RPL_ENDOFHELP, &[subject], text, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_sorted_and_have_a_text() {
        assert!(TOPICS.is_sorted_by(|one, next| one.subject < next.subject));
        for topic in TOPICS {
            assert!(!topic.lines.is_empty(), "{}", topic.subject);
        }
    }
}
