//! What users ask of servers elsewhere: the texts of the requests QUESTION and REPLY (PROTOCOL
//! section 13).

use core::fmt;
use core::time::Duration;

/// For how long an answer is awaited.
pub(crate) const ANSWER_TIME_MAX: Duration = Duration::from_secs(3);

/// The most bytes of an answer.
pub(crate) const REPLY_BYTES_MAX: usize = 16 * 1024;

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
}

impl Topic {
    const ALL: [(Topic, &'static str); 7] = [
        (Topic::Idle, "idle"),
        (Topic::Motd, "motd"),
        (Topic::Lusers, "lusers"),
        (Topic::Version, "version"),
        (Topic::Time, "time"),
        (Topic::Admin, "admin"),
        (Topic::Info, "info"),
    ];
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = Topic::ALL.iter().find(|(topic, _)| topic == self);
        f.write_str(found.map_or("", |(_, word)| word))
    }
}

/// A question, with the number by which its answer is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) number: u32,
    pub(crate) topic: Topic,
}

impl Question {
    pub(crate) fn parse(text: &str) -> Option<Question> {
        let (number, wanted) = text.split_once(' ')?;
        let (topic, _) = Topic::ALL.iter().find(|(_, word)| *word == wanted)?;
        Some(Question {
            number: number.parse().ok()?,
            topic: *topic,
        })
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.topic)
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

impl fmt::Display for Reply<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.number, self.lines)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn questions_are_read_and_written() {
        for (topic, word) in Topic::ALL {
            let question = Question { number: 7, topic };
            assert_eq!(question.to_string(), format!("7 {word}"));
            assert_eq!(Question::parse(&question.to_string()), Some(question));
        }
        for odd in [
            "",
            "7",
            "7 ",
            "7 fly",
            "x idle",
            "-1 idle",
            "7 idle now",
            "4294967296 idle",
        ] {
            assert_eq!(Question::parse(odd), None, "{odd:?}");
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
            let _ = (Question::parse(&text), Reply::parse(&text));
        }
    }
}
