//! Rules for nicks, channel names and user names.
//!
//! The grammar accepts more names than any network does. Servers check names with
//! these rules. Lengths count bytes.

/// The rules for names in a network. Rules are made from a constant.
///
/// ```
/// use irc_wire::{NameError, NameRules};
///
/// let rules = NameRules::RFC2812;
/// assert_eq!(rules.check_nick(b"ann^"), Ok(()));
/// assert_eq!(rules.check_nick(b"4ann"), Err(NameError::Byte(b'4')));
/// assert_eq!(rules.check_channel(b"#reef"), Ok(()));
/// assert_eq!(rules.check_channel(b"reef"), Err(NameError::NoChannelPrefix));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct NameRules {
    /// The most bytes of a nick (`NICKLEN`).
    pub nick_bytes_max: usize,
    /// The most bytes of a channel name, its prefix included (`CHANNELLEN`).
    pub channel_bytes_max: usize,
    /// The most bytes of a user name (`USERLEN`).
    pub user_bytes_max: usize,
    /// The prefixes with which a channel name may begin (`CHANTYPES`).
    pub channel_prefixes: &'static [u8],
    /// The bytes of which a nick may consist.
    pub nick_chars: NickChars,
}

/// The bytes of which a nick may consist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NickChars {
    /// By RFC 2812: letters of ASCII, `` []\`_^{|} ``, and behind the first byte digits
    /// and `-`.
    Rfc2812,
    /// Like [`Rfc2812`](Self::Rfc2812), and every byte beyond ASCII: letters of any
    /// language.
    Wide,
    /// All bytes but control characters, space, `,`, `!` and `@`, and as the first byte
    /// `:` and the prefix of a channel.
    Any,
}

/// A name breaks the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The name is empty, or a channel name is nothing but a prefix.
    #[error("name is empty")]
    Empty,
    /// The name has too many bytes.
    #[error("name too long: limit {bytes_max} bytes")]
    TooLong {
        /// The most bytes of such a name.
        bytes_max: usize,
    },
    /// A channel name does not begin with a prefix.
    #[error("channel name has no prefix")]
    NoChannelPrefix,
    /// A byte is not allowed at its place.
    #[error("byte {0:#04x} is not allowed in the name")]
    Byte(u8),
}

impl NameRules {
    /// By RFC 2812: nicks of 9 bytes, and channel names of 50 bytes that begin with `#`,
    /// `&`, `+` or `!`. User names, for which it sets no limit, have 10 bytes.
    pub const RFC2812: NameRules = NameRules {
        nick_bytes_max: 9,
        channel_bytes_max: 50,
        user_bytes_max: 10,
        channel_prefixes: b"#&+!",
        nick_chars: NickChars::Rfc2812,
    };
    /// The [legacy](crate::legacy) dialect: names as long as the line allows, nicks of
    /// almost any bytes, and channel names that begin with `#`.
    pub const LEGACY: NameRules = NameRules {
        nick_bytes_max: usize::MAX,
        channel_bytes_max: usize::MAX,
        user_bytes_max: usize::MAX,
        channel_prefixes: b"#",
        nick_chars: NickChars::Any,
    };

    /// Returns the same rules with another [`nick_bytes_max`](Self::nick_bytes_max).
    #[must_use]
    pub const fn with_nick_bytes_max(mut self, bytes: usize) -> Self {
        self.nick_bytes_max = bytes;
        self
    }

    /// Returns the same rules with another
    /// [`channel_bytes_max`](Self::channel_bytes_max).
    #[must_use]
    pub const fn with_channel_bytes_max(mut self, bytes: usize) -> Self {
        self.channel_bytes_max = bytes;
        self
    }

    /// Returns the same rules with another [`user_bytes_max`](Self::user_bytes_max).
    #[must_use]
    pub const fn with_user_bytes_max(mut self, bytes: usize) -> Self {
        self.user_bytes_max = bytes;
        self
    }

    /// Returns the same rules with other
    /// [`channel_prefixes`](Self::channel_prefixes).
    #[must_use]
    pub const fn with_channel_prefixes(mut self, prefixes: &'static [u8]) -> Self {
        self.channel_prefixes = prefixes;
        self
    }

    /// Returns the same rules with other [`nick_chars`](Self::nick_chars).
    #[must_use]
    pub const fn with_nick_chars(mut self, chars: NickChars) -> Self {
        self.nick_chars = chars;
        self
    }

    /// Checks a nick.
    ///
    /// # Errors
    ///
    /// Returns [`NameError`] if the nick breaks the rules.
    pub fn check_nick(&self, nick: &[u8]) -> Result<(), NameError> {
        check_len(nick, self.nick_bytes_max)?;
        let letter = |byte: u8| byte.is_ascii_alphabetic() || b"[]\\`_^{|}".contains(&byte);
        let good = |at: usize, byte: u8| match self.nick_chars {
            NickChars::Rfc2812 => letter(byte) || (at > 0 && is_digit_or_hyphen(byte)),
            NickChars::Wide => {
                !byte.is_ascii() || letter(byte) || (at > 0 && is_digit_or_hyphen(byte))
            }
            NickChars::Any => {
                let first = at == 0 && (byte == b':' || self.channel_prefixes.contains(&byte));
                !first && !byte.is_ascii_control() && !b" ,!@".contains(&byte)
            }
        };
        check_bytes(nick, good)
    }

    /// Returns whether a target begins with the prefix of a channel.
    #[inline]
    #[must_use]
    pub fn is_channel(&self, target: &[u8]) -> bool {
        let first = target.first();
        first.is_some_and(|first| self.channel_prefixes.contains(first))
    }

    /// Checks a channel name: a prefix and at least one byte more, none of them NUL,
    /// BEL, CR, LF, space or comma.
    ///
    /// # Errors
    ///
    /// Returns [`NameError`] if the name breaks the rules.
    pub fn check_channel(&self, name: &[u8]) -> Result<(), NameError> {
        check_len(name, self.channel_bytes_max)?;
        match name.split_first() {
            Some((prefix, _)) if !self.channel_prefixes.contains(prefix) => {
                Err(NameError::NoChannelPrefix)
            }
            None | Some((_, [])) => Err(NameError::Empty),
            Some((_, rest)) => check_bytes(rest, |_, byte| !b"\0\x07\r\n ,".contains(&byte)),
        }
    }

    /// Checks a user name: no NUL, CR, LF, space or `@`.
    ///
    /// # Errors
    ///
    /// Returns [`NameError`] if the name breaks the rules.
    pub fn check_user(&self, user: &[u8]) -> Result<(), NameError> {
        check_len(user, self.user_bytes_max)?;
        check_bytes(user, |_, byte| !b"\0\r\n @".contains(&byte))
    }
}

fn is_digit_or_hyphen(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b'-'
}

fn check_len(name: &[u8], bytes_max: usize) -> Result<(), NameError> {
    match name.len() {
        0 => Err(NameError::Empty),
        len if len > bytes_max => Err(NameError::TooLong { bytes_max }),
        _ => Ok(()),
    }
}

fn check_bytes(name: &[u8], good: impl Fn(usize, u8) -> bool) -> Result<(), NameError> {
    let mut bytes = name.iter().copied().enumerate();
    match bytes.find(|&(at, byte)| !good(at, byte)) {
        Some((_, byte)) => Err(NameError::Byte(byte)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nicks() {
        use NickChars::{Any, Rfc2812, Wide};
        for (nick, good) in [
            (&b"ann"[..], &[Rfc2812, Wide, Any][..]),
            (b"[]\\`_^{|}", &[Rfc2812, Wide, Any]),
            (b"a-1", &[Rfc2812, Wide, Any]),
            ("zoé".as_bytes(), &[Wide, Any]),
            (b"1a", &[Any]),
            (b"-a", &[Any]),
            (b"a.b", &[Any]),
            (b"a#:", &[Any]),
            (b"#a", &[]),
            (b":a", &[]),
            (b"a b", &[]),
            (b"a,b", &[]),
            (b"a!b", &[]),
            (b"a@b", &[]),
            (b"a\x01", &[]),
            (b"a\x7f", &[]),
            (b"", &[]),
        ] {
            for nick_chars in [Rfc2812, Wide, Any] {
                let rules = NameRules {
                    nick_chars,
                    ..NameRules::RFC2812
                };
                let rules = NameRules {
                    channel_prefixes: b"#",
                    ..rules
                };
                let ok = rules.check_nick(nick).is_ok();
                assert_eq!(ok, good.contains(&nick_chars), "{nick_chars:?} {nick:?}");
            }
        }
        let long = NameRules::RFC2812.check_nick(b"abcdefghij");
        assert_eq!(long, Err(NameError::TooLong { bytes_max: 9 }));
    }

    #[test]
    fn channels() {
        let rules = NameRules {
            channel_bytes_max: 5,
            ..NameRules::RFC2812
        };
        let bad = |byte| Err(NameError::Byte(byte));
        for (name, expected) in [
            (&b"#reef"[..], Ok(())),
            (b"&r##:", Ok(())),
            (b"", Err(NameError::Empty)),
            (b"#", Err(NameError::Empty)),
            (b"reef", Err(NameError::NoChannelPrefix)),
            (b"#reefs", Err(NameError::TooLong { bytes_max: 5 })),
            (b"#a b", bad(b' ')),
            (b"#a,b", bad(b',')),
            (b"#\x07", bad(7)),
        ] {
            assert_eq!(rules.check_channel(name), expected, "{name:?}");
        }
        assert!(rules.is_channel(b"#") && !rules.is_channel(b"") && !rules.is_channel(b"a#"));
    }

    #[test]
    fn user_names() {
        let rules = NameRules::RFC2812;
        assert_eq!(rules.check_user(b"~ann!"), Ok(()));
        assert_eq!(rules.check_user(b"a@b"), Err(NameError::Byte(b'@')));
        assert_eq!(rules.check_user(b""), Err(NameError::Empty));
        assert_eq!(
            rules.check_user(&[b'a'; 11]),
            Err(NameError::TooLong { bytes_max: 10 })
        );
    }
}
