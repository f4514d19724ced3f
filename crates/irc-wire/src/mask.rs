//! Masks with wildcards: `*!*@*.example`.
//!
//! `*` is any number of bytes, none too; `?` is one byte; a backslash in front
//! of either means it literally, and is a backslash anywhere else. The time
//! is at most in proportion to the mask's length times the text's. Where one text
//! is compared with many masks, as a user with a list of bans, [`PreparedText`] makes
//! the text's share 64 times smaller.

use alloc::vec::Vec;
use alloc::{boxed::Box, vec};

use crate::case::CaseMapping;
use crate::message::Prefix;

/// Whether the whole of `text` fits `mask`.
///
/// ```
/// use irc_wire::{CaseMapping, mask};
///
/// let fits = |mask: &str, text: &str| {
///     mask::matches(mask.as_bytes(), text.as_bytes(), CaseMapping::Rfc1459)
/// };
/// assert!(fits("*!*@*.EXAMPLE", "ann!a@reef.example"));
/// assert!(fits("a?n*", "ann"));
/// assert!(fits(r"\*", "*") && !fits(r"\*", "a"));
/// assert!(!fits("ann", "anna"));
/// ```
#[must_use]
pub fn matches(mask: &[u8], text: &[u8], mapping: CaseMapping) -> bool {
    matches_parts(mask, [text], mapping)
}

/// Whether `name!user@host` fits `mask`. What is missing is empty: a server's
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

/// What a mask says that is given in short: `ann` is `ann!*@*`, `a@host` is
/// `*!a@host`, `ann!a` is `ann!a@*`, and what is empty is `*`.
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
/// A mask with neither `!` nor `@` is one of a host if it holds `.` or `:`, which
/// no nick does.
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

/// A text that is compared with many masks.
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
    /// For each byte, which of `places` is its own; the first is that of bytes which
    /// the text does not have.
    place_of: Box<[u8; 256]>,
    /// Where each byte stands in the text, `words` numbers for each, a bit for each of
    /// the text's bytes. There are at most 256 of them.
    places: Vec<u64>,
    words: usize,
}

impl PreparedText {
    /// Prepares `text`; the time is in proportion to its length.
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
            // Folded, there are fewer than 256 different bytes.
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

    /// Whether the whole of the text fits `mask`, as [`matches()`] says.
    #[must_use]
    pub fn matches(&self, mask: &[u8]) -> bool {
        // How much of the text, as a bit for each length, may be what the mask so far
        // means.
        let mut may = vec![0_u64; self.words];
        if let Some(first) = may.first_mut() {
            *first = 1;
        }
        let mut mask = mask;
        while let Some((want, rest)) = next_want(mask) {
            mask = rest;
            match want {
                Want::Any => extend(&mut may),
                Want::One => advance(&mut may, None),
                Want::Byte(byte) => {
                    let byte = usize::from(self.mapping.fold_byte(byte));
                    let place = self.place_of.get(byte).copied().unwrap_or_default();
                    let start = usize::from(place) * self.words;
                    advance(&mut may, self.places.get(start..));
                }
            }
            // Nothing beyond the text.
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

/// All lengths from the least on.
fn extend(may: &mut [u64]) {
    let mut found = false;
    for word in may {
        *word = match found {
            true => u64::MAX,
            // From the lowest bit on.
            false => *word | word.wrapping_neg(),
        };
        found |= *word != 0;
    }
}

/// One byte more, if it is one of those at `places`; any, if there are none.
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

/// What a mask asks for at one place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Want {
    Any,
    One,
    Byte(u8),
}

/// What `mask` asks for first, and what is left of it.
fn next_want(mask: &[u8]) -> Option<(Want, &[u8])> {
    match mask {
        [] => None,
        [b'\\', byte @ (b'*' | b'?'), rest @ ..] => Some((Want::Byte(*byte), rest)),
        [b'*', rest @ ..] => Some((Want::Any, rest)),
        [b'?', rest @ ..] => Some((Want::One, rest)),
        [byte, rest @ ..] => Some((Want::Byte(*byte), rest)),
    }
}

/// Goes along both. When something does not fit, only the last star may take one
/// byte more: what an earlier one might take, the last can as well.
fn matches_parts<const N: usize>(mask: &[u8], text: [&[u8]; N], mapping: CaseMapping) -> bool {
    let mut mask = mask;
    let mut text = text.into_iter().flatten().copied();
    let mut retry = None;
    loop {
        match next_want(mask) {
            Some((Want::Any, rest)) => {
                if rest.is_empty() {
                    return true;
                }
                mask = rest;
                retry = Some((rest, text.clone()));
                continue;
            }
            Some((want, rest)) => {
                let Some(byte) = text.next() else {
                    // Stars would have to take less than they do.
                    return false;
                };
                let fits = match want {
                    Want::Byte(wanted) => mapping.fold_byte(wanted) == mapping.fold_byte(byte),
                    Want::One | Want::Any => true,
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
    fn prepared_texts_fit_the_same_masks() {
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
    fn many_stars_take_no_time() {
        // With a way back for each star this would not end.
        let mask = "*a".repeat(2_000) + "b";
        assert!(!fits(&mask, &"a".repeat(8_000)));
    }

    #[test]
    fn prefixes_are_matched_as_they_are_written() {
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
    fn short_masks_are_completed() {
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
