//! One line of a window: who, when, and a text that no peer can use to control the terminal.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::Arc;

use crc_core::Escaped;

/// How many names a folded line keeps for either direction.
const NAMES_MAX: usize = 6;

/// The wall clock when something happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    /// The date, as lines between two days show it.
    pub(crate) day: Arc<str>,
    /// The time, as lines show it.
    pub(crate) time: Arc<str>,
}

/// What a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LineKind {
    /// What a client says.
    Chat,
    /// What a program says, or what is not to be answered by programs.
    Notice,
    /// What a client does: `/me`.
    Action,
    /// What the user has said while there was no connection: it is sent when there is one again.
    Pending,
    /// Something that has happened.
    Event,
    /// Clients that have come and gone, folded.
    Presence(Presence),
    /// Something that has failed.
    Error,
    /// A new day.
    Day,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its number in the window. Numbers grow.
    pub(crate) seq: u64,
    pub(crate) at: Moment,
    pub(crate) kind: LineKind,
    /// The name of the speaker.
    pub(crate) who: String,
    /// Whether this user is the speaker.
    pub(crate) is_own: bool,
    /// Whether it mentions this user.
    pub(crate) is_mention: bool,
    pub(crate) text: String,
}

impl Line {
    /// How many bytes it takes, roughly.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Line>() + self.who.len() + self.text.len()
    }
}

/// Who has come and gone, in one line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Presence {
    came: Names,
    went: Names,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Names {
    count: usize,
    last: VecDeque<String>,
}

impl Names {
    fn add(&mut self, name: &str) {
        self.count += 1;
        self.last.push_back(name.to_owned());
        if self.last.len() > NAMES_MAX {
            self.last.pop_front();
        }
    }

    fn describe(&self, verb: &str, into: &mut String) {
        if self.count == 0 {
            return;
        }
        if !into.is_empty() {
            into.push_str(", ");
        }
        let names: Vec<_> = self.last.iter().map(String::as_str).collect();
        let names = names.join(" ");
        let described = match self.count - self.last.len() {
            0 if self.count == 1 => write!(into, "{names} {verb}"),
            0 => write!(into, "{} {verb}: {names}", self.count),
            more => write!(into, "{} {verb}: {names} and {more} more", self.count),
        };
        described.expect("writing to a string does not fail");
    }
}

impl Presence {
    pub(crate) fn add(&mut self, came: bool, name: &str) {
        match came {
            true => self.came.add(name),
            false => self.went.add(name),
        }
    }

    /// The text of the line.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        self.came.describe("joined", &mut text);
        self.went.describe("left", &mut text);
        text
    }
}

/// A text of a peer as it is shown: without IRC's codes for colours, and with control characters
/// escaped.
pub(crate) fn shown(text: &str) -> String {
    Escaped(&without_formats(text)).to_string()
}

/// A text without the codes with which IRC clients format: bold, colours and the like.
fn without_formats(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(is_format) {
        plain.push_str(&rest[..at]);
        let code = rest[at..].chars().next().unwrap_or_default();
        rest = &rest[at + 1..];
        let (digits, is_digit): (usize, fn(char) -> bool) = match code {
            '\u{3}' => (2, |c| c.is_ascii_digit()),
            '\u{4}' => (6, |c| c.is_ascii_hexdigit()),
            _ => continue,
        };
        let (foreground, after) = take_digits(rest, digits, is_digit);
        rest = after;
        if foreground
            && let Some(background) = rest.strip_prefix(',')
            && let (true, after) = take_digits(background, digits, is_digit)
        {
            rest = after;
        }
    }
    plain.push_str(rest);
    plain
}

fn is_format(c: char) -> bool {
    matches!(
        c,
        '\u{2}' | '\u{3}' | '\u{4}' | '\u{f}' | '\u{11}' | '\u{16}' | '\u{1d}'..='\u{1f}'
    )
}

/// Skips up to `max` digits. Whether there was one, and what follows.
fn take_digits(text: &str, max: usize, is_digit: fn(char) -> bool) -> (bool, &str) {
    let count = text.chars().take(max).take_while(|c| is_digit(*c)).count();
    (count > 0, &text[count..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_left_out_and_controls_are_escaped() {
        for (text, expected) in [
            ("plain", "plain"),
            ("\u{2}bold\u{2} \u{1f}under\u{f}", "bold under"),
            ("\u{3}4red\u{3} \u{3}12,03on\u{3}", "red on"),
            ("\u{3}4,x \u{3},5 \u{3}123", ",x ,5 3"),
            ("\u{4}ff0000,00ff00hex\u{4}", "hex"),
            ("\u{1b}[2Jé\u{202e}", "␛[2Jé<U+202E>"),
            ("\u{3}", ""),
        ] {
            assert_eq!(shown(text), expected, "{text:?}");
        }
    }

    #[test]
    fn presence_is_folded() {
        let mut presence = Presence::default();
        presence.add(true, "ann");
        assert_eq!(presence.text(), "ann joined");
        presence.add(true, "bob");
        presence.add(false, "cat");
        assert_eq!(presence.text(), "2 joined: ann bob, cat left");
        for number in 0..1_000 {
            presence.add(true, &format!("n{number}"));
        }
        assert_eq!(
            presence.text(),
            "1002 joined: n994 n995 n996 n997 n998 n999 and 996 more, cat left"
        );
    }
}
