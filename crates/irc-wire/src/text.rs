//! Conversions of bytes to text: IRC does not define the encoding.
//!
//! Most of today's clients send UTF-8, some send Latin-1. So a message holds bytes. A
//! caller that accepts nothing but UTF-8 uses [`core::str::from_utf8`].

use alloc::borrow::Cow;
use alloc::string::String;

/// The characters of Windows-1252 for 0x80 to 0x9f. Five of these bytes have none.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{fffd}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{fffd}', 'Ž',
    '\u{fffd}', '\u{fffd}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{fffd}',
    'ž', 'Ÿ',
];

/// The most bytes that a cut character leaves.
const CUT_BYTES_MAX: usize = 3;

/// Decodes `bytes` as UTF-8, or as Latin-1 if nothing in them is UTF-8 beyond ASCII.
///
/// - UTF-8 is returned unchanged, without copying.
/// - Bytes with at least one character of two or more bytes in UTF-8 are UTF-8 that was
///   damaged. What is valid is kept. What a cut left of a character at the beginning or at
///   the end is dropped. Every other malformed sequence becomes U+FFFD.
/// - Other bytes are Latin-1 (ISO 8859-1), with the characters of Windows-1252 for 0x80 to
///   0x9f. The five bytes that have none become U+FFFD.
///
/// The result has at most three times as many bytes as the input.
///
/// ```
/// use irc_wire::text;
///
/// assert_eq!(text::utf8_or_latin1("né".as_bytes()), "né");
/// assert_eq!(text::utf8_or_latin1(b"n\xe9, 5 \x80"), "né, 5 €");
/// assert_eq!(text::utf8_or_latin1(b"na\xc3\xafve caf\xc3"), "naïve caf");
/// assert_eq!(text::utf8_or_latin1(b"na\xc3\xafve \xff!"), "naïve \u{fffd}!");
/// ```
#[must_use]
pub fn utf8_or_latin1(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = core::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    if bytes.utf8_chunks().all(|chunk| chunk.valid().is_ascii()) {
        return Cow::Owned(bytes.iter().map(|&byte| windows_1252(byte)).collect());
    }
    let whole = without_cut_ends(bytes);
    let mut text = String::with_capacity(whole.len());
    for chunk in whole.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push('\u{fffd}');
        }
    }
    Cow::Owned(text)
}

fn windows_1252(byte: u8) -> char {
    let at = usize::from(byte).checked_sub(0x80);
    let special = at.and_then(|at| WINDOWS_1252.get(at));
    special.copied().unwrap_or(char::from(byte))
}

/// `bytes` without what a cut left of a character at the beginning and at the end.
fn without_cut_ends(bytes: &[u8]) -> &[u8] {
    let left = bytes.iter().take_while(|byte| is_continuation(**byte));
    let bytes = match left.count() {
        left @ 1..=CUT_BYTES_MAX => bytes.get(left..).unwrap_or_default(),
        _ => bytes,
    };
    let last = bytes.utf8_chunks().last();
    let cut = last.map_or(&[][..], |chunk| chunk.invalid());
    // A malformed sequence at the end is the beginning of a character if more bytes could
    // complete it.
    match core::str::from_utf8(cut) {
        Err(error) if error.error_len().is_none() => bytes.strip_suffix(cut).unwrap_or(bytes),
        _ => bytes,
    }
}

const fn is_continuation(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
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
    if !rest.first().is_some_and(|byte| is_continuation(*byte)) {
        return beginning;
    }
    let behind = beginning.iter().rev().take(3);
    let behind = behind.take_while(|byte| is_continuation(**byte)).count();
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
    fn what_is_valid_is_kept() {
        for (bytes, text) in [
            (&b"na\xc3\xafve caf\xc3\xa9 \xc3"[..], "naïve café "),
            (b"\xa9 caf\xc3\xa9", " café"),
            (b"\x82\xac caf\xc3\xa9 \xe2\x82", " café "),
            (b"\x9f\x98\x80\xc3\xa9\xf0\x9f\x98", "é"),
            (b"caf\xc3\xa9 \xff au lait", "café \u{fffd} au lait"),
            (b"caf\xc3\xa9 \xe9t\xe9", "café \u{fffd}t"),
            (b"caf\xc3\xa9\xff", "café\u{fffd}"),
            (b"\xff caf\xc3\xa9", "\u{fffd} café"),
            // Four of these are not the end of one character.
            (
                b"\x80\x80\x80\x80\xc3\xa9",
                "\u{fffd}\u{fffd}\u{fffd}\u{fffd}é",
            ),
        ] {
            assert_eq!(utf8_or_latin1(bytes), text, "{bytes:?}");
        }
    }

    #[test]
    fn without_a_character_of_utf8_it_is_windows_1252() {
        for (bytes, text) in [
            (&b"caf\xe9"[..], "café"),
            (b"\xc3", "Ã"),
            (b"\x93Hi\x94 \x96 5 \x80", "“Hi” – 5 €"),
            (
                b"\x81\x8d\x8f\x90\x9d",
                "\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}",
            ),
        ] {
            assert_eq!(utf8_or_latin1(bytes), text, "{bytes:?}");
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
