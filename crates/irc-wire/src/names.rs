//! What nicks, channels and user names may look like.
//!
//! The grammar takes more than any network does; a server asks here. Lengths
//! count bytes.

/// How names may look in a network.
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
    /// The most bytes of a channel's name, its mark included (`CHANNELLEN`).
    pub channel_bytes_max: usize,
    /// The most bytes of a user name (`USERLEN`).
    pub user_bytes_max: usize,
    /// The marks that a channel's name may begin with (`CHANTYPES`).
    pub channel_prefixes: &'static [u8],
    /// Which bytes may stand in a nick.
    pub nick_chars: NickChars,
}

/// Which bytes may stand in a nick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NickChars {
    /// By RFC 2812: letters of ASCII, `` []\`_^{|} ``, and but for the first byte
    /// digits and `-`.
    Rfc2812,
    /// The same and every byte beyond ASCII: letters of any language.
    Wide,
    /// Everything but control characters, space, `,`, `!`, `@` and, at the
    /// beginning, `:` or the mark of a channel.
    Any,
}

/// A name is not as it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// It is empty, or has nothing behind its mark.
    #[error("the name is empty")]
    Empty,
    /// It has more bytes than it may.
    #[error("the name has more than {bytes_max} bytes")]
    TooLong {
        /// How many it may have.
        bytes_max: usize,
    },
    /// A channel's name does not begin with a mark.
    #[error("the name does not begin as that of a channel")]
    NoChannelPrefix,
    /// A byte may not stand where it stands.
    #[error("the byte {0:#04x} may not stand there")]
    Byte(u8),
}

impl NameRules {
    /// By RFC 2812: nicks of 9 bytes, channels of 50 that begin with `#`, `&`, `+`
    /// or `!`, and user names, of which it says nothing, of 10.
    pub const RFC2812: NameRules = NameRules {
        nick_bytes_max: 9,
        channel_bytes_max: 50,
        user_bytes_max: 10,
        channel_prefixes: b"#&+!",
        nick_chars: NickChars::Rfc2812,
    };
    /// The [legacy](crate::legacy) dialect: no limits but that of the line, nicks
    /// of almost any bytes, and channels that begin with `#`.
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

    /// Whether a nick may be like this.
    ///
    /// # Errors
    ///
    /// [`NameError`] says why not.
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

    /// Whether a target is meant to be a channel: it begins with a mark.
    #[inline]
    #[must_use]
    pub fn is_channel(&self, target: &[u8]) -> bool {
        let first = target.first();
        first.is_some_and(|first| self.channel_prefixes.contains(first))
    }

    /// Whether a channel may have this name: a mark and then at least one byte, none
    /// of them NUL, BEL, CR, LF, space or comma.
    ///
    /// # Errors
    ///
    /// [`NameError`] says why not.
    pub fn check_channel(&self, name: &[u8]) -> Result<(), NameError> {
        check_len(name, self.channel_bytes_max)?;
        match name.split_first() {
            Some((mark, _)) if !self.channel_prefixes.contains(mark) => {
                Err(NameError::NoChannelPrefix)
            }
            None | Some((_, [])) => Err(NameError::Empty),
            Some((_, rest)) => check_bytes(rest, |_, byte| !b"\0\x07\r\n ,".contains(&byte)),
        }
    }

    /// Whether a user name may be like this: no NUL, CR, LF, space or `@`.
    ///
    /// # Errors
    ///
    /// [`NameError`] says why not.
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
