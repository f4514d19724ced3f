//! Texts in rows: breaks at words, with the width that characters have at a terminal.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// What begins a code for a colour.
const ESCAPE: char = '\u{1b}';

/// The columns that a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// The rows of a text, each at most `columns` wide, as ranges of its bytes. There is at least
/// one row. A row ends at a blank, which is left out; a word that is wider than a row is broken
/// between two characters.
pub(crate) fn rows(text: &str, columns: usize) -> Vec<Range<usize>> {
    let columns = columns.max(1);
    let mut rows = Vec::new();
    let mut start = 0;
    let mut used = 0;
    // Where the row can end: the blank's begin and end, and the width up to the latter.
    let mut blank: Option<(Range<usize>, usize)> = None;
    for (at, cluster) in text.grapheme_indices(true) {
        let cluster_width = cluster.width();
        let end = at + cluster.len();
        if cluster == " " {
            if used >= columns {
                rows.push(start..at);
                (start, used, blank) = (end, 0, None);
            } else {
                used += 1;
                blank = Some((at..end, used));
            }
            continue;
        }
        if used + cluster_width > columns && at > start {
            match blank.take() {
                Some((gap, width)) if gap.start > start => {
                    rows.push(start..gap.start);
                    (start, used) = (gap.end, used - width);
                }
                _ => {
                    rows.push(start..at);
                    (start, used) = (at, 0);
                }
            }
        }
        used += cluster_width;
    }
    rows.push(start..text.len());
    rows
}

/// The rows of a text that has codes for colours in it, as [`rows`]. The codes take no columns, and
/// none is lost.
pub(crate) fn styled_rows(text: &str, columns: usize) -> Vec<&str> {
    let mut plain = String::with_capacity(text.len());
    // Where a code stands in the plain text, and how many bytes it has.
    let mut codes: Vec<(usize, usize)> = Vec::new();
    let mut rest = text;
    while let Some(begin) = rest.find(ESCAPE) {
        plain.push_str(&rest[..begin]);
        let end = rest[begin..].find('m').map(|at| begin + at + 1);
        let end = end.unwrap_or(rest.len());
        codes.push((plain.len(), end - begin));
        rest = &rest[end..];
    }
    plain.push_str(rest);
    let before = |offset: usize, with_those_at_it: bool| {
        let is_before = |at: usize| at < offset || with_those_at_it && at == offset;
        let codes = codes.iter().filter(|(at, _)| is_before(*at));
        codes.map(|(_, len)| len).sum::<usize>()
    };
    let rows = rows(&plain, columns).into_iter();
    rows.map(|row| {
        let begin = row.start + before(row.start, false);
        let end = row.end + before(row.end, true);
        &text[begin..end]
    })
    .collect()
}

/// The longest begin of a text that is at most `columns` wide.
pub(crate) fn fit(text: &str, columns: usize) -> &str {
    if text.len() <= columns && text.is_ascii() {
        return text;
    }
    let mut used = 0;
    for (at, cluster) in text.grapheme_indices(true) {
        used += cluster.width();
        if used > columns {
            return &text[..at];
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(text: &str, columns: usize) -> Vec<&str> {
        rows(text, columns)
            .into_iter()
            .map(|row| &text[row])
            .collect()
    }

    #[test]
    fn rows_break_at_words() {
        assert_eq!(wrapped("", 5), [""]);
        assert_eq!(wrapped("one two", 7), ["one two"]);
        assert_eq!(wrapped("one two", 6), ["one", "two"]);
        assert_eq!(wrapped("one two", 3), ["one", "two"]);
        assert_eq!(wrapped("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrapped("a bcdefgh", 4), ["a", "bcde", "fgh"]);
        assert_eq!(wrapped("世界世界", 5), ["世界", "世界"]);
        assert_eq!(wrapped("👋🏽👋🏽", 3), ["👋🏽", "👋🏽"]);
        assert_eq!(wrapped("é́é", 1), ["é́", "é"]);
        assert_eq!(wrapped("世", 1), ["世"]);
        assert_eq!(wrapped("a", 0), ["a"]);
    }

    #[test]
    fn rows_lose_only_blanks_and_are_never_too_wide() {
        let words = ["a", "bb", "世界", "👋🏽", " ", "  ", "longer-than-a-row", "é"];
        let mut state = 1_u32;
        for round in 0..2_000 {
            let mut text = String::new();
            for _ in 0..(round % 12) {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                text.push_str(words[(state >> 16) as usize % words.len()]);
            }
            for columns in 2..12 {
                let rows = wrapped(&text, columns);
                assert!(
                    rows.iter().all(|row| width(row) <= columns),
                    "{text:?} {rows:?}"
                );
                let kept: String = rows.concat();
                let without = |text: &str| text.replace(' ', "");
                assert_eq!(without(&kept), without(&text), "{rows:?}");
            }
        }
    }

    #[test]
    fn codes_for_colours_take_no_columns() {
        for (text, columns, expected) in [
            ("", 5, &[""][..]),
            ("\u{1b}[1mab\u{1b}[0m cd", 5, &["\u{1b}[1mab\u{1b}[0m cd"]),
            (
                "\u{1b}[1mab\u{1b}[0m cd",
                4,
                &["\u{1b}[1mab\u{1b}[0m", "cd"],
            ),
            (
                "ab \u{1b}[1mcd\u{1b}[0m",
                4,
                &["ab", "\u{1b}[1mcd\u{1b}[0m"],
            ),
            (
                "\u{1b}[2mab cd\u{1b}[0m",
                2,
                &["\u{1b}[2mab", "cd\u{1b}[0m"],
            ),
        ] {
            assert_eq!(styled_rows(text, columns), expected, "{text:?}");
        }
    }

    #[test]
    fn fit_cuts_between_characters() {
        assert_eq!(fit("hello", 9), "hello");
        assert_eq!(fit("hello", 3), "hel");
        assert_eq!(fit("世界", 3), "世");
        assert_eq!(fit("👋🏽!", 1), "");
    }
}
