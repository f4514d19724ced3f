//! Splits a text into messages.

/// The messages of a text: one for each line that is not empty, and more where a line is longer
/// than `max` bytes. A long line is split at its blanks, or between characters where one word is
/// too long.
pub(crate) fn split_text(text: &str, max: usize) -> impl Iterator<Item = &str> {
    let lines = text.split(['\n', '\r']);
    let pieces = lines.flat_map(move |line| Pieces { rest: line, max });
    pieces.filter(|piece| !piece.trim_ascii().is_empty())
}

struct Pieces<'a> {
    rest: &'a str,
    max: usize,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.rest.trim_ascii().is_empty() {
            return None;
        }
        if self.rest.len() <= self.max {
            return Some(core::mem::take(&mut self.rest));
        }
        let end = floor_char_boundary(self.rest, self.max);
        // A blank just behind the piece splits too.
        let mut near = self.rest.bytes().take(end + 1);
        let blank = near.rposition(|byte| byte == b' ');
        match blank {
            Some(at) if !self.rest[..at].trim_ascii().is_empty() => {
                let piece = &self.rest[..at];
                self.rest = &self.rest[at + 1..];
                Some(piece)
            }
            _ => {
                let (piece, rest) = self.rest.split_at(end);
                self.rest = rest;
                Some(piece)
            }
        }
    }
}

/// The last place from `max` down that is between two characters; behind the first character at
/// least. `max` is less than the length.
fn floor_char_boundary(text: &str, max: usize) -> usize {
    let found = (1..=max).rev().find(|at| text.is_char_boundary(*at));
    found.unwrap_or_else(|| text.chars().next().map_or(0, char::len_utf8))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str, max: usize) -> Vec<&str> {
        split_text(text, max).collect()
    }

    #[test]
    fn lines_become_messages_and_empty_ones_none() {
        assert_eq!(split("one\r\n\n  \ntwo\n", 9), ["one", "two"]);
        assert_eq!(split("  indented", 20), ["  indented"]);
        assert!(split("", 9).is_empty());
        assert!(split("\r\n", 9).is_empty());
    }

    #[test]
    fn long_lines_are_split_between_words() {
        assert_eq!(split("the tide is in", 8), ["the tide", "is in"]);
        assert_eq!(split("the tide is in", 7), ["the", "tide is", "in"]);
        assert_eq!(split("a  b", 2), ["a ", "b"]);
    }

    #[test]
    fn long_words_are_split_between_characters() {
        assert_eq!(split("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(split("äöü", 3), ["ä", "ö", "ü"]);
        assert_eq!(split("🦀🦀", 2), ["🦀", "🦀"]);
        assert_eq!(split("   🦀🦀", 2), ["🦀", "🦀"]);
    }

    #[test]
    fn nothing_but_blanks_is_lost_and_no_piece_is_too_long() {
        let text =
            "Ein längerer Satz, 日本語のテキスト ohne Leerzeichen, und noch mehr. ".repeat(20);
        let without_blanks = |text: &str| text.replace(' ', "");
        for max in 4..200 {
            let pieces = split(&text, max);
            assert!(pieces.iter().all(|piece| piece.len() <= max));
            assert_eq!(without_blanks(&pieces.concat()), without_blanks(&text));
        }
    }
}
