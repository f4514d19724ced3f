//! Conversions of bytes to text: IRC does not define the encoding.
//!
//! Most of today's clients send UTF-8, some send Latin-1. So a message holds bytes. A
//! caller that accepts nothing but UTF-8 uses [`core::str::from_utf8`].

use alloc::borrow::Cow;
use alloc::string::String;

/// Decodes `bytes` as UTF-8, or as Latin-1 (ISO 8859-1) if they are not UTF-8. Loses
/// nothing.
///
/// ```
/// use irc_wire::text;
///
/// assert_eq!(text::utf8_or_latin1("né".as_bytes()), "né");
/// assert_eq!(text::utf8_or_latin1(b"n\xe9"), "né");
/// ```
#[must_use]
pub fn utf8_or_latin1(bytes: &[u8]) -> Cow<'_, str> {
    match core::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|&byte| char::from(byte)).collect()),
    }
}

/// Decodes `bytes` as UTF-8, with U+FFFD in place of malformed bytes.
///
/// ```
/// use irc_wire::text;
///
/// assert_eq!(text::lossy("né".as_bytes()), "né");
/// assert_eq!(text::lossy(b"n\xe9"), "n\u{fffd}");
/// ```
#[must_use]
pub fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// Returns the first `bytes_max` bytes, or up to three less to keep a character of
/// UTF-8 whole. Cuts other encodings anywhere.
///
/// ```
/// use irc_wire::text;
///
/// assert_eq!(text::truncate_utf8("anné".as_bytes(), 4), b"ann");
/// assert_eq!(text::truncate_utf8(b"ann\xe9e", 4), b"ann\xe9");
/// ```
#[must_use]
pub fn truncate_utf8(bytes: &[u8], bytes_max: usize) -> &[u8] {
    let Some((beginning, rest)) = bytes.split_at_checked(bytes_max) else {
        return bytes;
    };
    let continues = |byte: &u8| byte & 0b1100_0000 == 0b1000_0000;
    if !rest.first().is_some_and(continues) {
        return beginning;
    }
    let behind = beginning.iter().rev().take(3);
    let behind = behind.take_while(|byte| continues(byte)).count();
    let first = beginning.len().checked_sub(behind + 1);
    let cut = first.and_then(|at| beginning.split_at_checked(at));
    match cut {
        // The cut would split this character.
        Some((whole, [first, ..])) if utf8_len(*first) > behind + 1 => whole,
        _ => beginning,
    }
}

/// Returns the length of the UTF-8 character that begins with `first`; 1 if none
/// does.
fn utf8_len(first: u8) -> usize {
    match first {
        0b1100_0000..=0b1101_1111 => 2,
        0b1110_0000..=0b1110_1111 => 3,
        0b1111_0000..=0b1111_0111 => 4,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_stay_whole() {
        let text = "aé€😀z";
        for bytes_max in 0..=text.len() + 1 {
            let cut = core::str::from_utf8(truncate_utf8(text.as_bytes(), bytes_max));
            let cut = cut.unwrap();
            assert!(text.starts_with(cut));
            assert!(cut.len() <= bytes_max && cut.len() + 3 >= bytes_max.min(text.len()));
        }
    }

    #[test]
    fn other_encodings_are_cut_anywhere() {
        for bytes in [
            &[0x80; 9][..],
            &[0xe9; 9],
            b"\xc3\xa9\xa9\xa9\xa9",
            b"ab\xc3\xa9\xa9",
        ] {
            assert_eq!(truncate_utf8(bytes, 4).len(), 4, "{bytes:?}");
        }
    }
}
