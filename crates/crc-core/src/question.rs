//! What users ask of servers elsewhere: the texts of the requests QUESTION and REPLY (PROTOCOL
//! section 13).

use core::fmt;
use core::time::Duration;

use crc_machine::Timestamp;
use crc_wire::{HostId, truncate_utf8};
use irc_wire::Numeric;

/// For how long an answer is awaited.
pub(crate) const ANSWER_TIME_MAX: Duration = Duration::from_secs(3);

/// The most bytes of an answer.
pub(crate) const REPLY_BYTES_MAX: usize = 16 * 1024;

/// The most bytes of what a question has behind its word.
pub(crate) const PARAM_BYTES_MAX: usize = 400;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    /// For how long the destination has said nothing, and since when it has been there.
    Idle,
    Motd,
    Lusers,
    Version,
    Time,
    Admin,
    Info,
    /// With a letter.
    Stats,
    /// With a mask of servers.
    Links,
}

impl Topic {
    const ALL: [(Topic, &'static str); 9] = [
        (Topic::Idle, "idle"),
        (Topic::Motd, "motd"),
        (Topic::Lusers, "lusers"),
        (Topic::Version, "version"),
        (Topic::Time, "time"),
        (Topic::Admin, "admin"),
        (Topic::Info, "info"),
        (Topic::Stats, "stats"),
        (Topic::Links, "links"),
    ];

    /// The numerics that an answer may consist of, besides ERR_TOOMANYMATCHES.
    const fn numerics(self) -> &'static [Numeric] {
        match self {
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
            Topic::Stats => &[
                Numeric::RPL_STATSLINKINFO,
                Numeric::RPL_STATSCOMMANDS,
                Numeric::RPL_STATSKLINE,
                Numeric::RPL_ENDOFSTATS,
                Numeric::RPL_STATSUPTIME,
                Numeric::RPL_STATSOLINE,
            ],
            Topic::Links => &[Numeric::RPL_LINKS, Numeric::RPL_ENDOFLINKS],
        }
    }

    /// Splits a line of an answer into its numeric, its words and its text; `None` if the numeric
    /// is none of this topic, or if it is no line.
    pub(crate) fn split_line(self, line: &str) -> Option<ReplyLine<'_>> {
        let (numeric, rest) = line.split_once(' ').unwrap_or((line, ""));
        let too_long = Numeric::ERR_TOOMANYMATCHES;
        let mut allowed = self.numerics().iter().chain([&too_long]);
        if !allowed.any(|it| it.digits() == numeric) || rest.contains(['\0', '\r']) {
            return None;
        }
        let (words, text) = match rest.strip_prefix(':') {
            Some(text) => ("", Some(text)),
            None => match rest.split_once(" :") {
                Some((words, text)) => (words, Some(text)),
                None => (rest, None),
            },
        };
        let words = words.split(' ').filter(|word| !word.is_empty()).collect();
        Some(ReplyLine {
            numeric,
            words,
            text,
        })
    }

    /// Whether its word is followed by what is asked for.
    const fn has_param(self) -> bool {
        matches!(self, Topic::Stats | Topic::Links)
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = Topic::ALL.iter().find(|(topic, _)| topic == self);
        f.write_str(found.map_or("", |(_, word)| word))
    }
}

/// A line of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReplyLine<'a> {
    /// Three digits.
    pub(crate) numeric: &'a str,
    pub(crate) words: Vec<&'a str>,
    pub(crate) text: Option<&'a str>,
}

/// A question, with the number by which its answer is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Question<'a> {
    pub(crate) number: u32,
    pub(crate) topic: Topic,
    /// The letter or the mask, at most [`PARAM_BYTES_MAX`] bytes; empty where the topic has none.
    pub(crate) param: &'a str,
}

impl<'a> Question<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<Question<'a>> {
        let (number, wanted) = text.split_once(' ')?;
        let (word, param) = match wanted.split_once(' ') {
            Some((word, param)) => (word, Some(param)),
            None => (wanted, None),
        };
        let (topic, _) = Topic::ALL.iter().find(|(_, known)| *known == word)?;
        let is_whole = topic.has_param() == param.is_some();
        let param = param.unwrap_or_default();
        if !is_whole || param.len() > PARAM_BYTES_MAX {
            return None;
        }
        Some(Question {
            number: number.parse().ok()?,
            topic: *topic,
            param,
        })
    }
}

impl fmt::Display for Question<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.topic)?;
        match self.topic.has_param() {
            true => write!(f, " {}", self.param),
            false => Ok(()),
        }
    }
}

/// An answer: the number of the question, and a line for each line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reply<'a> {
    pub(crate) number: u32,
    pub(crate) lines: &'a str,
}

impl<'a> Reply<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<Reply<'a>> {
        let (number, lines) = text.split_once('\n')?;
        Some(Reply {
            number: number.parse().ok()?,
            lines,
        })
    }
}

impl Reply<'_> {
    /// Reads the lines of an answer about how long a user has said nothing: for how many seconds,
    /// and when it signed on, as Unix time in seconds.
    pub(crate) fn parse_idle(lines: &str) -> Option<(u64, u64)> {
        let (idle, since) = lines.lines().next()?.split_once(' ')?;
        Some((idle.parse().ok()?, since.parse().ok()?))
    }
}

impl fmt::Display for Reply<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.number, self.lines)
    }
}

/// A question to another server, and its answer once it has come.
#[derive(Debug)]
pub(crate) struct Asked {
    number: u32,
    pub(crate) topic: Topic,
    /// The server that is to answer.
    pub(crate) server: HostId,
    /// The user that the question is about, or the server.
    pub(crate) about: HostId,
    until: Timestamp,
    pub(crate) lines: Option<Box<str>>,
}

impl Asked {
    /// A question to `server` about a user of it, or itself, which it may answer until `until`.
    pub(crate) fn new(
        question: &Question<'_>,
        server: HostId,
        about: HostId,
        until: Timestamp,
    ) -> Asked {
        Asked {
            number: question.number,
            topic: question.topic,
            server,
            about,
            until,
            lines: None,
        }
    }

    /// Until when the answer is awaited, if it is.
    pub(crate) fn awaited(&self, now: Timestamp) -> Option<Timestamp> {
        let is_awaited = self.lines.is_none() && now < self.until;
        is_awaited.then_some(self.until)
    }

    /// Notes the answer of a server, if it is one to this question. Whether it is.
    pub(crate) fn on_answer(&mut self, server: HostId, reply: Reply<'_>) -> bool {
        let is_answer =
            self.lines.is_none() && self.server == server && self.number == reply.number;
        if is_answer {
            self.lines = Some(truncate_utf8(reply.lines, REPLY_BYTES_MAX).into());
        }
        is_answer
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn questions_are_read_and_written() {
        for (topic, word) in Topic::ALL {
            let params: &[_] = match topic.has_param() {
                true => &["", "u", "*", "a b", " "],
                false => &[""],
            };
            for &param in params {
                let question = Question {
                    number: 7,
                    topic,
                    param,
                };
                let behind = if topic.has_param() { " " } else { "" };
                assert_eq!(question.to_string(), format!("7 {word}{behind}{param}"));
                assert_eq!(Question::parse(&question.to_string()), Some(question));
            }
        }
        let longest = format!("7 links {}", "x".repeat(PARAM_BYTES_MAX));
        assert!(Question::parse(&longest).is_some());
        assert_eq!(Question::parse(&format!("{longest}x")), None);
        for odd in [
            "",
            "7",
            "7 ",
            "7 fly",
            "x idle",
            "-1 idle",
            "7 idle now",
            "7 idle ",
            "7 stats",
            "7 links",
            "7 Links *",
            "4294967296 idle",
        ] {
            assert_eq!(Question::parse(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn lines_of_answers_have_the_numerics_of_their_topic() {
        let line = Topic::Stats.split_line("216 k bob!*@* * chief :spam and more");
        let expected = ReplyLine {
            numeric: "216",
            words: vec!["k", "bob!*@*", "*", "chief"],
            text: Some("spam and more"),
        };
        assert_eq!(line, Some(expected));
        for (topic, line) in [
            (Topic::Stats, "219 l :x"),
            (Topic::Stats, "416 STATS :x"),
            (Topic::Links, "364 a b :0 x"),
            (Topic::Links, "365"),
        ] {
            assert!(topic.split_line(line).is_some(), "{line}");
        }
        for (topic, line) in [
            (Topic::Stats, "381 :You are an operator"),
            (Topic::Stats, "2190 l :x"),
            (Topic::Stats, "219 l :x\0"),
            (Topic::Stats, "PRIVMSG x :y"),
            (Topic::Links, "219 l :x"),
            (Topic::Idle, "317 x :y"),
            (Topic::Links, ""),
        ] {
            assert_eq!(topic.split_line(line), None, "{line}");
        }
        assert_eq!(Reply::parse_idle("3 17\n"), Some((3, 17)));
        for odd in ["", "\n3 17", "3", "3 x", "-3 17", "3  17", "3 17 1"] {
            assert_eq!(Reply::parse_idle(odd), None, "{odd:?}");
        }
    }

    proptest! {
        #[test]
        fn answers_are_read_and_written(number: u32, lines in "(\\PC|\n){0,60}") {
            let reply = Reply { number, lines: &lines };
            let text = reply.to_string();
            prop_assert_eq!(Reply::parse(&text), Some(reply));
        }

        #[test]
        fn any_text_can_be_read(text in "\\PC{0,60}") {
            let _ = (Question::parse(&text), Reply::parse(&text), Reply::parse_idle(&text));
            for (topic, _) in Topic::ALL {
                let _ = topic.split_line(&text);
            }
        }
    }
}
