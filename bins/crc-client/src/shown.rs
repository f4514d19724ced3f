//! Texts of peers as people are shown them.

use crc_core::Escaped;

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
}
