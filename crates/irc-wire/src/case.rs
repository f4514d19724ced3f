//! Case mappings: when two names are equal.
//!
//! Every mapping compares letters beyond ASCII byte by byte.

use alloc::borrow::Cow;
use core::cmp::Ordering;
use core::fmt;
use core::str::FromStr;

/// Which bytes are capitals of which, in nicks and channel names.
///
/// A server announces its mapping in
/// [`RPL_ISUPPORT`](crate::Numeric::RPL_ISUPPORT), such as `CASEMAPPING=ascii`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum CaseMapping {
    /// `A` to `Z` are the capitals of `a` to `z`.
    Ascii,
    /// In addition, `[`, `]`, `\` and `~` are the capitals of `{`, `}`, `|` and `^`.
    /// The default if a server announces no mapping.
    #[default]
    Rfc1459,
    /// Like [`Rfc1459`](Self::Rfc1459), but `~` and `^` differ.
    Rfc1459Strict,
}

impl CaseMapping {
    /// All mappings.
    pub const ALL: [CaseMapping; 3] = [
        CaseMapping::Ascii,
        CaseMapping::Rfc1459,
        CaseMapping::Rfc1459Strict,
    ];

    /// Returns the name in `CASEMAPPING=`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            CaseMapping::Ascii => "ascii",
            CaseMapping::Rfc1459 => "rfc1459",
            CaseMapping::Rfc1459Strict => "rfc1459-strict",
        }
    }

    /// Returns the mapping with this name.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|mapping| mapping.name().as_bytes() == name)
    }

    /// Returns the small letter of a capital, and every other byte unchanged.
    #[inline]
    #[must_use]
    pub const fn fold_byte(self, byte: u8) -> u8 {
        match (self, byte) {
            (CaseMapping::Rfc1459, b'~') => b'^',
            (CaseMapping::Rfc1459 | CaseMapping::Rfc1459Strict, b'['..=b']') => byte + 32,
            _ => byte.to_ascii_lowercase(),
        }
    }

    /// Returns the name in small letters, for look-ups: equal names have the same
    /// folded bytes. Copies the name only if it holds capitals.
    ///
    /// ```
    /// use irc_wire::CaseMapping;
    ///
    /// assert_eq!(CaseMapping::Rfc1459.fold(b"Ann[~]"), &b"ann{^}"[..]);
    /// assert_eq!(CaseMapping::Ascii.fold(b"Ann[~]"), &b"ann[~]"[..]);
    /// ```
    #[must_use]
    pub fn fold(self, name: &[u8]) -> Cow<'_, [u8]> {
        match name.iter().any(|&byte| self.fold_byte(byte) != byte) {
            true => name.iter().map(|&byte| self.fold_byte(byte)).collect(),
            false => Cow::Borrowed(name),
        }
    }

    /// Returns whether two names are equal.
    #[must_use]
    pub fn eq(self, a: &[u8], b: &[u8]) -> bool {
        a.len() == b.len() && self.cmp(a, b) == Ordering::Equal
    }

    /// Returns the order of the [`fold`](Self::fold)ed bytes of two names.
    #[must_use]
    pub fn cmp(self, a: &[u8], b: &[u8]) -> Ordering {
        let fold = |byte: &u8| self.fold_byte(*byte);
        a.iter().map(fold).cmp(b.iter().map(fold))
    }
}

/// A string is the name of no [`CaseMapping`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown case mapping")]
pub struct UnknownCaseMapping;

impl fmt::Display for CaseMapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for CaseMapping {
    type Err = UnknownCaseMapping;

    fn from_str(name: &str) -> Result<Self, UnknownCaseMapping> {
        CaseMapping::from_name(name.as_bytes()).ok_or(UnknownCaseMapping)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn names_round_trip() {
        for mapping in CaseMapping::ALL {
            assert_eq!(
                CaseMapping::from_name(mapping.name().as_bytes()),
                Some(mapping)
            );
            assert_eq!(mapping.to_string().parse(), Ok(mapping));
        }
        assert_eq!(CaseMapping::from_name(b"utf8"), None);
        assert_eq!("utf8".parse::<CaseMapping>(), Err(UnknownCaseMapping));
    }

    #[test]
    fn folding_changes_only_capitals() {
        for (mapping, capitals, small) in [
            (CaseMapping::Ascii, &b"AZ"[..], &b"az"[..]),
            (CaseMapping::Rfc1459Strict, br"AZ[\]", b"az{|}"),
            (CaseMapping::Rfc1459, br"AZ[\]~", b"az{|}^"),
        ] {
            assert_eq!(mapping.fold(capitals), small);
            for byte in 0..=u8::MAX {
                let changed = mapping.fold_byte(byte) != byte;
                let expected = byte.is_ascii_uppercase() || capitals.contains(&byte);
                assert_eq!(changed, expected, "{mapping:?} {byte}");
            }
        }
    }

    #[test]
    fn order_is_the_order_of_folded_names() {
        let names = [
            &b""[..],
            b"A",
            b"a",
            b"[a",
            b"{A",
            b"~",
            b"^",
            b"ab",
            b"AC",
            b"\xc9",
            b"\xe9",
        ];
        for mapping in CaseMapping::ALL {
            for (a, b) in names.iter().flat_map(|a| names.iter().map(move |b| (a, b))) {
                let folded = mapping.fold(a).cmp(&mapping.fold(b));
                assert_eq!(mapping.cmp(a, b), folded);
                assert_eq!(mapping.eq(a, b), folded == Ordering::Equal);
            }
        }
    }
}
