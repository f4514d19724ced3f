//! The text protocols, and the code that they share.

use std::borrow::Cow;

use crc_wire::truncate_utf8;

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

/// The beginning of a text that goes into one line of at most `room` bytes. It ends behind
/// a blank; only where a word fits into no line, it ends between characters. The pieces of a
/// text, one behind the other, are the text.
pub(crate) fn first_piece(text: &str, room: usize) -> &str {
    if text.len() <= room {
        return text;
    }
    let piece = truncate_utf8(text, room);
    let words = piece.rfind(' ').and_then(|blank| piece.get(..=blank));
    // Blanks alone make a piece only if the word behind them is whole in the next one.
    let is_useful = |words: &&str| {
        let next = text
            .get(words.len()..)
            .and_then(|rest| rest.split(' ').next());
        !words.trim_start().is_empty() || next.is_some_and(|word| word.len() <= room)
    };
    words.filter(is_useful).unwrap_or(piece)
}

/// Joins words with blanks to texts of at most `room` bytes, each as long as possible. A
/// word that fits into none is left out.
pub(crate) fn pack_words<W: AsRef<str>>(
    words: impl Iterator<Item = W>,
    room: usize,
) -> impl Iterator<Item = String> {
    let mut words = words.filter(move |word| word.as_ref().len() <= room);
    let mut next = words.next();
    core::iter::from_fn(move || {
        let mut text = next.take()?.as_ref().to_owned();
        for word in words.by_ref() {
            if text.len() + 1 + word.as_ref().len() > room {
                next = Some(word);
                break;
            }
            text.push(' ');
            text.push_str(word.as_ref());
        }
        Some(text)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_split_between_words_or_characters() {
        for (text, room, piece) in [
            ("one two", 7, "one two"),
            ("one two", 6, "one "),
            ("one two", 4, "one "),
            ("one two", 3, "one"),
            ("onetwo", 4, "onet"),
            ("  onetwo", 5, "  one"),
            ("  onetwo", 7, "  "),
            ("né", 2, "n"),
        ] {
            assert_eq!(first_piece(text, room), piece, "{text:?} {room}");
        }
    }

    proptest! {
        #[test]
        fn pieces_are_the_text_and_keep_its_words(text in "([a-zé]{0,9} ?){0,20}", room in 8_usize..30) {
            let (mut rest, mut pieces) = (&*text, Vec::new());
            while !rest.is_empty() {
                let piece = first_piece(rest, room);
                prop_assert!(!piece.is_empty() && piece.len() <= room);
                rest = &rest[piece.len()..];
                pieces.push(piece);
            }
            prop_assert_eq!(pieces.concat(), &*text);
            for word in text.split_whitespace().filter(|word| word.len() < room) {
                prop_assert!(pieces.iter().any(|piece| piece.split(' ').any(|w| w == word)));
            }
        }

        #[test]
        fn packed_words_stay_whole_and_within_the_room(
            words in proptest::collection::vec("[a-z@+é]{1,12}", 0..40),
            room in 1_usize..40,
        ) {
            let lines: Vec<_> = pack_words(words.iter(), room).collect();
            prop_assert!(lines.iter().all(|line| line.len() <= room));
            let packed: Vec<_> = lines.iter().flat_map(|line| line.split(' ')).collect();
            let kept: Vec<_> = words.iter().filter(|word| word.len() <= room).collect();
            prop_assert_eq!(packed, kept);
        }
    }

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
