//! Masks with wildcards: `*!*@*.example`.
//!
//! `*` matches any number of bytes, and `?` matches one byte. A backslash in front of
//! either makes it literal, and is a backslash in any other place.
//!
//! No matcher goes back in the text, whatever the mask. To match one mask against many
//! texts, such as all users that a WHO asks for, use [`PreparedMask`]: each byte of the
//! text costs a few instructions for each 64 elements of the mask. To match one text
//! against many masks, such as a user against a list of bans, use [`PreparedText`]: each
//! element of the mask costs a few instructions for each 64 bytes of the text.

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
    PreparedMask::new(mask, mapping).matches(text)
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
    let parts = [prefix.name(), b"!", user, b"@", host];
    PreparedMask::new(mask, mapping).matches_parts(&parts)
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

/// A mask to match against many texts.
///
/// ```
/// use irc_wire::CaseMapping;
/// use irc_wire::mask::PreparedMask;
///
/// let mask = PreparedMask::new(b"*!*@*.EXAMPLE", CaseMapping::Ascii);
/// assert!(mask.matches(b"ann!a@reef.example"));
/// assert!(!mask.matches(b"bob!b@reef"));
/// ```
#[derive(Debug, Clone)]
pub struct PreparedMask {
    mapping: CaseMapping,
    /// The sets of elements that take each byte.
    takes: ByteSets,
    /// The elements that have a star in front of them. The last place is the mask's end.
    stars: Box<[u64]>,
    /// How many elements the mask has, stars not counted.
    len: usize,
}

impl PreparedMask {
    /// Prepares `mask` in time proportional to its length.
    #[must_use]
    pub fn new(mask: &[u8], mapping: CaseMapping) -> Self {
        let mut len = 0;
        for element in elements(mask) {
            len += usize::from(element != Element::Any);
        }
        let words = len / 64 + 1;
        let mut stars = vec![0; words].into_boxed_slice();
        let mut takes = ByteSets::new(words);
        // First the elements that take one byte each: their sets begin as copies of the
        // set of those that take any.
        for any in [true, false] {
            let mut at = 0;
            for element in elements(mask) {
                match element {
                    Element::Any => insert(&mut stars, at),
                    Element::One if any => takes.insert_in_all(at),
                    Element::Byte(byte) if !any => takes.insert(mapping.fold_byte(byte), at),
                    Element::One | Element::Byte(_) => {}
                }
                at += usize::from(element != Element::Any);
            }
        }
        PreparedMask {
            mapping,
            takes,
            stars,
            len,
        }
    }

    /// Returns whether the mask matches all of `text`, like [`matches()`].
    #[must_use]
    pub fn matches(&self, text: &[u8]) -> bool {
        self.matches_parts(&[text])
    }

    /// The same for a text in several parts.
    fn matches_parts(&self, text: &[&[u8]]) -> bool {
        let bytes = text.iter().copied().flatten();
        let bytes = bytes.map(|byte| self.mapping.fold_byte(*byte));
        match *self.stars {
            // Most masks have fewer than 64 elements.
            [stars] => self.matches_word(stars, bytes),
            _ => self.matches_words(bytes),
        }
    }

    /// `at` has the elements that may take the next byte, if the bytes so far are taken
    /// by those before.
    fn matches_word(&self, stars: u64, bytes: impl Iterator<Item = u8>) -> bool {
        let mut at = 1_u64;
        for byte in bytes {
            let takes = self.takes.get(byte).first().copied().unwrap_or_default();
            at = (at & takes) << 1 | at & stars;
            if at == 0 {
                return false;
            }
        }
        at >> self.len & 1 == 1
    }

    fn matches_words(&self, bytes: impl Iterator<Item = u8>) -> bool {
        let mut at = vec![0_u64; self.stars.len()];
        insert(&mut at, 0);
        for byte in bytes {
            let (mut carry, mut any) = (0, 0);
            for ((at, stars), takes) in at.iter_mut().zip(&self.stars).zip(self.takes.get(byte)) {
                let taken = *at & takes;
                *at = taken << 1 | carry | *at & stars;
                carry = taken >> 63;
                any |= *at;
            }
            if any == 0 {
                return false;
            }
        }
        contains(&at, self.len)
    }
}

/// A set of numbers for each byte. Bytes that are in no set of their own share one.
#[derive(Debug, Clone)]
struct ByteSets {
    /// For each byte, the index of its set in `sets`. The first one is shared.
    set_of: Box<[u8; 256]>,
    /// At most 256 bit sets of `words` numbers.
    sets: Vec<u64>,
    words: usize,
}

impl ByteSets {
    fn new(words: usize) -> Self {
        ByteSets {
            set_of: Box::new([0; 256]),
            sets: vec![0; words],
            words,
        }
    }

    fn start(&self, byte: u8) -> usize {
        let set = self.set_of.get(usize::from(byte));
        usize::from(set.copied().unwrap_or_default()) * self.words
    }

    /// The set of a byte.
    fn get(&self, byte: u8) -> &[u64] {
        let start = self.start(byte);
        self.sets.get(start..start + self.words).unwrap_or_default()
    }

    /// Adds a number to the set of a byte, which begins as a copy of the shared one.
    fn insert(&mut self, byte: u8, number: usize) {
        if self.start(byte) == 0
            // Case folding leaves fewer than 256 different bytes.
            && let Ok(next) = u8::try_from(self.sets.len() / self.words)
            && let Some(own) = self.set_of.get_mut(usize::from(byte))
        {
            *own = next;
            self.sets.extend_from_within(..self.words);
        }
        let start = self.start(byte);
        insert(self.sets.get_mut(start..).unwrap_or_default(), number);
    }

    /// Adds a number to the shared set, while no byte has one of its own.
    fn insert_in_all(&mut self, number: usize) {
        insert(&mut self.sets, number);
    }
}

fn insert(set: &mut [u64], number: usize) {
    if let Some(word) = set.get_mut(number / 64) {
        *word |= 1 << (number % 64);
    }
}

fn contains(set: &[u64], number: usize) -> bool {
    let word = set.get(number / 64).copied().unwrap_or_default();
    word >> (number % 64) & 1 == 1
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
    /// The places of each byte in the text.
    places: ByteSets,
}

impl PreparedText {
    /// Prepares `text` in time proportional to its length.
    #[must_use]
    pub fn new(text: &[u8], mapping: CaseMapping) -> Self {
        let mut places = ByteSets::new(text.len() / 64 + 1);
        for (at, byte) in text.iter().enumerate() {
            places.insert(mapping.fold_byte(*byte), at);
        }
        PreparedText {
            mapping,
            len: text.len(),
            places,
        }
    }

    /// Returns whether `mask` matches all of the text, like [`matches()`].
    #[must_use]
    pub fn matches(&self, mask: &[u8]) -> bool {
        // The lengths, one bit each, of the beginnings of the text that the mask so
        // far matches.
        let mut may = vec![0_u64; self.places.words];
        if let Some(first) = may.first_mut() {
            *first = 1;
        }
        for element in elements(mask) {
            match element {
                Element::Any => extend(&mut may),
                Element::One => advance(&mut may, None),
                Element::Byte(byte) => {
                    let places = self.places.get(self.mapping.fold_byte(byte));
                    advance(&mut may, Some(places));
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

/// The elements of a mask.
fn elements(mask: &[u8]) -> impl Iterator<Item = Element> {
    let mut rest = mask;
    core::iter::from_fn(move || {
        let (element, behind) = match rest {
            [] => return None,
            [b'\\', byte @ (b'*' | b'?'), behind @ ..] => (Element::Byte(*byte), behind),
            [b'*', behind @ ..] => (Element::Any, behind),
            [b'?', behind @ ..] => (Element::One, behind),
            [byte, behind @ ..] => (Element::Byte(*byte), behind),
        };
        rest = behind;
        Some(element)
    })
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
    fn no_mask_takes_long() {
        // Both went back in the text once for each of its bytes.
        let stars = "*a".repeat(120) + "b";
        let late = ["*", &"a".repeat(240), "b"].concat();
        for mask in [stars, late] {
            let mask = PreparedMask::new(mask.as_bytes(), CaseMapping::Ascii);
            let text = "a".repeat(500);
            assert!((0..1_000).all(|_| !mask.matches(text.as_bytes())));
        }
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
