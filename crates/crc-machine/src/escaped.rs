//! Escapes foreign text before it goes to a terminal or a log, so that a peer
//! cannot send terminal control sequences.

use core::fmt::{self, Write};

/// Whether `c` is safe to display: a letter, a mark, a symbol or a blank of any width.
///
/// Control characters, line and paragraph separators, bidirectional controls, invisible, private-use and
/// unassigned characters are not.
///
/// ```
/// use crc_machine::is_printable;
///
/// assert!("Grüße, 世界 👋".chars().all(is_printable));
/// assert!("12\u{202f}000\u{a0}€".chars().all(is_printable), "blanks that do not break");
/// assert!(!is_printable('\u{1b}'), "escape");
/// assert!(!is_printable('\u{202e}'), "right-to-left override");
/// ```
#[must_use]
pub fn is_printable(c: char) -> bool {
    match c {
        ' '..='~' => true,
        // The blanks of all scripts and widths (Unicode's space separators).
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            true
        }
        // The two joiners: Persian and many emoji need them.
        '\u{200c}' | '\u{200d}' => true,
        _ => {
            // `escape_debug` knows the Unicode tables. It also escapes a combining
            // mark without a base character, so a letter precedes `c` here.
            let mut pair = [b'a'; 5];
            let len = 1 + c.encode_utf8(&mut pair[1..]).len();
            let pair = core::str::from_utf8(&pair[..len]).expect("two characters");
            pair.escape_debug().nth(2).is_none()
        }
    }
}

/// Displays a text on one line with all unprintable characters escaped.
///
/// ASCII control characters become control pictures (`␛` for escape), others their
/// code point (`<U+202E>`).
///
/// ```
/// use crc_machine::Escaped;
///
/// assert_eq!(Escaped("a\x1b[2J\nb\u{202e}").to_string(), "a␛[2J␊b<U+202E>");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(|c| !is_printable(c)) {
            let (plain, odd) = rest.split_at(at);
            f.write_str(plain)?;
            let c = odd.chars().next().expect("`find` returned its position");
            match c {
                '\0'..='\x1f' => f.write_char(picture(c))?,
                '\x7f' => f.write_char('␡')?,
                _ => write!(f, "<U+{:04X}>", u32::from(c))?,
            }
            rest = &odd[c.len_utf8()..];
        }
        f.write_str(rest)
    }
}

/// The control picture of an ASCII control character.
fn picture(control: char) -> char {
    char::from_u32(0x2400 + u32::from(control)).expect("U+2400 to U+241F are assigned")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printable_text_is_unchanged() {
        for text in [
            "",
            "~/.\\'\" plain",
            "Grüße",
            "e\u{301}",
            "نمی\u{200c}خواهم",
            "👩\u{200d}🚀",
            "日本\u{3000}語",
            "«\u{202f}12\u{a0}000\u{2009}€\u{2002}»",
            "\u{1680}\u{2000}\u{200a}\u{205f}",
        ] {
            assert_eq!(Escaped(text).to_string(), text);
        }
    }

    #[test]
    fn unprintable_characters_are_escaped() {
        for (text, shown) in [
            ("\0\t\r\n\x7f", "␀␉␍␊␡"),
            ("\x1b]0;title\x07", "␛]0;title␇"),
            ("\u{9b}2J", "<U+009B>2J"),
            ("\u{85}\u{2028}\u{2029}", "<U+0085><U+2028><U+2029>"),
            ("\u{202a}\u{2066}\u{200f}", "<U+202A><U+2066><U+200F>"),
            ("\u{200b}\u{feff}\u{ad}", "<U+200B><U+FEFF><U+00AD>"),
            ("\u{e000}\u{e0041}", "<U+E000><U+E0041>"),
        ] {
            assert_eq!(Escaped(text).to_string(), shown);
        }
    }
}
