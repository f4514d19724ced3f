//! The text protocols, and the code that they share.

use std::borrow::Cow;

/// A text protocol that is spoken at a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextProtocol {
    /// Internet Relay Chat, for ordinary clients.
    Irc,
    /// The legacy IRC network: for its users and its servers.
    Legacy,
}

/// The most lines into which one text is split. Each line repeats its prefix, so a text
/// of very many lines would fill the queues of the links that get it.
const TEXT_LINES_MAX: usize = 100;

/// The lines of a text, without empty ones; of too many, the last one has all the rest.
pub(crate) fn split_lines_bounded<'a>(
    lines: impl Iterator<Item = Cow<'a, str>>,
) -> Vec<Cow<'a, str>> {
    let mut split: Vec<Cow<'a, str>> = Vec::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let many = split.len() >= TEXT_LINES_MAX;
        match split.last_mut() {
            Some(last) if many => {
                let last = last.to_mut();
                last.push(' ');
                last.push_str(&line);
            }
            _ => split.push(line),
        }
    }
    split
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_too_many_lines_keeps_the_rest_in_the_last() {
        let split = |text: &str| -> Vec<String> {
            let lines = split_lines_bounded(text.split('\n').map(Cow::Borrowed));
            lines.into_iter().map(Cow::into_owned).collect()
        };
        assert_eq!(split("one\n\ntwo\n"), ["one", "two"]);
        assert_eq!(split("\n\n"), [""; 0]);
        let all = split(&"a\n".repeat(TEXT_LINES_MAX));
        assert_eq!(all, ["a"; TEXT_LINES_MAX]);
        let many = split(&"a\n".repeat(TEXT_LINES_MAX + 2));
        assert_eq!(many[..TEXT_LINES_MAX - 1], all[1..]);
        assert_eq!(many[TEXT_LINES_MAX - 1..], ["a a a"]);
    }
}
