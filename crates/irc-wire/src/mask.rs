//! Masks with wildcards: `*!*@*.example`.
//!
//! `*` matches any number of bytes, and `?` matches one byte. A backslash in front of
//! either makes it literal, and is a backslash in any other place. Matching takes time
//! proportional to the product of both lengths at most. To match one text against many
//! masks, such as a user against a list of bans, use [`PreparedText`], which processes
//! 64 bytes of the text at a time.

use alloc::vec::Vec;
use alloc::{boxed::Box, vec};

use crate::case::CaseMapping;
use crate::message::Prefix;

/// Returns whether `mask` matches all of `text`.
///
/// ```
/// use irc_wire::{CaseMapping, mask};
///
/// let matches = |mask: &str, text: &str| {
///     mask::matches(mask.as_bytes(), text.as_bytes(), CaseMapping::Rfc1459)
/// };
/// assert!(matches("*!*@*.EXAMPLE", "ann!a@reef.example"));
/// assert!(matches("a?n*", "ann"));
/// assert!(matches(r"\*", "*") && !matches(r"\*", "a"));
/// assert!(!matches("ann", "anna"));
/// ```
#[must_use]
pub fn matches(mask: &[u8], text: &[u8], mapping: CaseMapping) -> bool {
    matches_parts(mask, [text], mapping)
}

/// Returns whether `mask` matches `name!user@host`. Missing parts are empty: a server
/// name is matched as `name!@`.
///
/// ```
/// use irc_wire::{CaseMapping, Prefix, mask};
///
/// let ann = Prefix::from_parts("ann", "a", "reef.example")?;
/// assert!(mask::matches_prefix(b"ann!*@*", ann, CaseMapping::Ascii));
/// # Ok::<(), irc_wire::PrefixError>(())
/// ```
#[must_use]
pub fn matches_prefix(mask: &[u8], prefix: Prefix<'_>, mapping: CaseMapping) -> bool {
    let user = prefix.user().unwrap_or_default();
    let host = prefix.host().unwrap_or_default();
    matches_parts(mask, [prefix.name(), b"!", user, b"@", host], mapping)
}

/// Returns the full form of a short mask: `ann` becomes `ann!*@*`, `a@host` becomes
/// `*!a@host`, `ann!a` becomes `ann!a@*`, and an empty part becomes `*`.
///
/// ```
/// use irc_wire::mask;
///
/// assert_eq!(mask::normalize(b"ann"), b"ann!*@*");
/// assert_eq!(mask::normalize(b"reef.example"), b"*!*@reef.example");
/// assert_eq!(mask::normalize(b"a@host"), b"*!a@host");
/// assert_eq!(mask::normalize(b"ann!a"), b"ann!a@*");
/// ```
///
/// A mask with neither `!` nor `@` is a host if it holds `.` or `:`, which no nick
/// does.
#[must_use]
pub fn normalize(mask: &[u8]) -> Vec<u8> {
    let (rest, host) = split(mask, b'@');
    let (name, user) = split(rest, b'!');
    let (name, user, host) = match (user, host) {
        (None, None) if name.iter().any(|byte| b".:".contains(byte)) => (&b""[..], &b""[..], name),
        (None, Some(host)) => (&b""[..], name, host),
        (user, host) => (name, user.unwrap_or_default(), host.unwrap_or_default()),
    };
    [or_any(name), b"!", or_any(user), b"@", or_any(host)].concat()
}

/// A text to match against many masks.
///
/// ```
/// use irc_wire::CaseMapping;
/// use irc_wire::mask::PreparedText;
///
/// let ann = PreparedText::new(b"ann!a@reef.example", CaseMapping::Ascii);
/// assert!(ann.matches(b"*!*@*.EXAMPLE"));
/// assert!(!ann.matches(b"bob!*@*"));
/// ```
#[derive(Debug, Clone)]
pub struct PreparedText {
    mapping: CaseMapping,
    len: usize,
    /// For each byte, the index of its set in `places`. The first set belongs to the
    /// bytes that the text does not hold.
    place_of: Box<[u8; 256]>,
    /// At most 256 bit sets of `words` numbers: the places of each byte in the text.
    places: Vec<u64>,
    words: usize,
}

impl PreparedText {
    /// Prepares `text` in time proportional to its length.
    #[must_use]
    pub fn new(text: &[u8], mapping: CaseMapping) -> Self {
        let words = text.len() / 64 + 1;
        let mut prepared = PreparedText {
            mapping,
            len: text.len(),
            place_of: Box::new([0; 256]),
            places: vec![0; words],
            words,
        };
        for (at, byte) in text.iter().enumerate() {
            let byte = usize::from(mapping.fold_byte(*byte));
            let known = prepared.place_of.get(byte).copied().unwrap_or_default();
            // Fewer than 256 different bytes remain after folding.
            let place = match u8::try_from(prepared.places.len() / words) {
                Ok(next) if known == 0 => {
                    prepared.places.resize(prepared.places.len() + words, 0);
                    next
                }
                _ => known,
            };
            if let Some(own) = prepared.place_of.get_mut(byte) {
                *own = place;
            }
            let word = prepared
                .places
                .get_mut(usize::from(place) * words + at / 64);
            if let Some(word) = word {
                *word |= 1 << (at % 64);
            }
        }
        prepared
    }

    /// Returns whether `mask` matches all of the text, like [`matches()`].
    #[must_use]
    pub fn matches(&self, mask: &[u8]) -> bool {
        // The lengths, one bit each, of the beginnings of the text that the mask so
        // far matches.
        let mut may = vec![0_u64; self.words];
        if let Some(first) = may.first_mut() {
            *first = 1;
        }
        let mut mask = mask;
        while let Some((element, rest)) = next_element(mask) {
            mask = rest;
            match element {
                Element::Any => extend(&mut may),
                Element::One => advance(&mut may, None),
                Element::Byte(byte) => {
                    let byte = usize::from(self.mapping.fold_byte(byte));
                    let place = self.place_of.get(byte).copied().unwrap_or_default();
                    let start = usize::from(place) * self.words;
                    advance(&mut may, self.places.get(start..));
                }
            }
            // No length beyond the text.
            if let Some(last) = may.last_mut() {
                *last &= u64::MAX >> (63 - self.len % 64);
            }
            if may.iter().all(|word| *word == 0) {
                return false;
            }
        }
        let last = may.last().copied().unwrap_or_default();
        last >> (self.len % 64) & 1 == 1
    }
}

/// Adds all lengths above the least one.
fn extend(may: &mut [u64]) {
    let mut found = false;
    for word in may {
        *word = match found {
            true => u64::MAX,
            // The lowest bit and all above.
            false => *word | word.wrapping_neg(),
        };
        found |= *word != 0;
    }
}

/// Adds one byte to each length, if the byte is in `places`, or any byte if there are
/// no places.
fn advance(may: &mut [u64], places: Option<&[u64]>) {
    let mut carry = 0;
    for (at, word) in may.iter_mut().enumerate() {
        let places = places.map_or(u64::MAX, |places| {
            places.get(at).copied().unwrap_or_default()
        });
        let fits = *word & places;
        *word = fits << 1 | carry;
        carry = fits >> 63;
    }
}

fn or_any(part: &[u8]) -> &[u8] {
    if part.is_empty() { b"*" } else { part }
}

fn split(bytes: &[u8], mark: u8) -> (&[u8], Option<&[u8]>) {
    let mut parts = bytes.splitn(2, |&byte| byte == mark);
    (parts.next().unwrap_or_default(), parts.next())
}

/// One element of a mask.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Element {
    Any,
    One,
    Byte(u8),
}

/// Splits the first element off `mask`.
fn next_element(mask: &[u8]) -> Option<(Element, &[u8])> {
    match mask {
        [] => None,
        [b'\\', byte @ (b'*' | b'?'), rest @ ..] => Some((Element::Byte(*byte), rest)),
        [b'*', rest @ ..] => Some((Element::Any, rest)),
        [b'?', rest @ ..] => Some((Element::One, rest)),
        [byte, rest @ ..] => Some((Element::Byte(*byte), rest)),
    }
}

/// Compares both from left to right. After a mismatch, the last star takes one byte
/// more. Earlier stars need no second try: the last one can take their bytes too.
fn matches_parts<const N: usize>(mask: &[u8], text: [&[u8]; N], mapping: CaseMapping) -> bool {
    let mut mask = mask;
    let mut text = text.into_iter().flatten().copied();
    let mut retry = None;
    loop {
        match next_element(mask) {
            Some((Element::Any, rest)) => {
                if rest.is_empty() {
                    return true;
                }
                mask = rest;
                retry = Some((rest, text.clone()));
                continue;
            }
            Some((element, rest)) => {
                let Some(byte) = text.next() else {
                    // The text is too short for the mask.
                    return false;
                };
                let fits = match element {
                    Element::Byte(wanted) => mapping.fold_byte(wanted) == mapping.fold_byte(byte),
                    Element::One | Element::Any => true,
                };
                if fits {
                    mask = rest;
                    continue;
                }
            }
            None if text.next().is_none() => return true,
            None => {}
        }
        let Some((behind, from)) = &mut retry else {
            return false;
        };
        if from.next().is_none() {
            return false;
        }
        mask = behind;
        text = from.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(mask: &str, text: &str) -> bool {
        matches(mask.as_bytes(), text.as_bytes(), CaseMapping::Rfc1459)
    }

    #[test]
    fn prepared_texts_match_the_same_masks() {
        // All masks and texts of a few letters.
        let words = |letters: &[u8], len: usize| {
            let mut words = vec![Vec::new()];
            for _ in 0..len {
                let longer = words.iter().flat_map(|word: &Vec<u8>| {
                    let with = |letter: &u8| [word, &[*letter][..]].concat();
                    letters.iter().map(with).collect::<Vec<_>>()
                });
                let longer: Vec<_> = longer.collect();
                words.extend(longer);
                words.sort();
                words.dedup();
            }
            words
        };
        let masks = words(b"aB*?\\", 3);
        // Around the borders of the numbers.
        let long = [0, 1, 61, 62, 63, 64, 65, 127, 128];
        for len in long {
            for behind in words(b"ab*", 3) {
                let text = [&b"a".repeat(len), &behind[..]].concat();
                let prepared = PreparedText::new(&text, CaseMapping::Ascii);
                for mask in &masks {
                    let mask = match len {
                        0 => mask.clone(),
                        _ => [b"*", &mask[..]].concat(),
                    };
                    assert_eq!(
                        prepared.matches(&mask),
                        matches(&mask, &text, CaseMapping::Ascii),
                        "{} {}",
                        mask.escape_ascii(),
                        text.escape_ascii()
                    );
                }
            }
        }
        let all: Vec<u8> = (0..=255).collect();
        let prepared = PreparedText::new(&all, CaseMapping::Ascii);
        assert!(prepared.matches(b"*\xff") && prepared.matches(b"\0\x01*xyz{*"));
    }

    #[test]
    fn wildcards() {
        for (mask, text) in [
            ("", ""),
            ("*", ""),
            ("**", "a"),
            ("*a*b*", "xaxbx"),
            ("*ab", "aab"),
            ("a*a", "aa"),
            ("?*?", "ab"),
            (r"a\?", "a?"),
            (r"\\*", r"\*"),
            (r"a\b", r"A|b"),
            (r"a\", r"a\"),
            ("[x]~", "{X}^"),
        ] {
            assert!(fits(mask, text), "{mask} {text}");
        }
        for (mask, text) in [
            ("", "a"),
            ("?", ""),
            ("a", ""),
            ("*a", "ab"),
            ("a*a", "a"),
            ("?*?", "a"),
            (r"a\?", "ab"),
            ("*a*b*", "ba"),
        ] {
            assert!(!fits(mask, text), "{mask} {text}");
        }
    }

    #[test]
    fn many_stars_take_little_time() {
        // Exponential with a second try for each star.
        let mask = "*a".repeat(2_000) + "b";
        assert!(!fits(&mask, &"a".repeat(8_000)));
    }

    #[test]
    fn prefixes_match_in_their_written_form() {
        let ann = Prefix::from_parts("ann", "a", "reef").unwrap();
        let server = Prefix::new("reef").unwrap();
        for (mask, at_ann, at_server) in [
            ("ann!a@reef", true, false),
            ("*!*@reef", true, false),
            ("*", true, true),
            ("reef!@", false, true),
            ("a*f", true, false),
        ] {
            let fits = |prefix| matches_prefix(mask.as_bytes(), prefix, CaseMapping::Ascii);
            assert_eq!((fits(ann), fits(server)), (at_ann, at_server), "{mask}");
        }
    }

    #[test]
    fn short_masks_are_normalized() {
        for (short, whole) in [
            ("", "*!*@*"),
            ("*", "*!*@*"),
            ("@", "*!*@*"),
            ("!", "*!*@*"),
            ("a!b@c", "a!b@c"),
            ("@c", "*!*@c"),
            ("!b@c", "*!b@c"),
            ("10.0.*", "*!*@10.0.*"),
        ] {
            assert_eq!(normalize(short.as_bytes()), whole.as_bytes());
        }
    }
}
