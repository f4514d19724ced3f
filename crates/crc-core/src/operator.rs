//! Network operators: who may become one, and what each may do. The configuration; who is an
//! operator now, `network/operators.rs` knows, and `context/operators` has the commands.

use core::fmt;

use crc_machine::Fingerprint;

use crate::hex::{Hex, from_hex};

/// The most bytes of an operator's name.
pub const OPERATOR_NAME_BYTES_MAX: usize = 32;

/// What an operator may do.
///
/// ```
/// use crc_core::Powers;
///
/// let powers = Powers::parse("kill,ban")?;
/// assert!(powers.has(Powers::KILL) && !powers.has(Powers::DIE));
/// assert_eq!(powers.to_string(), "kill,ban");
/// # Ok::<(), crc_core::UnknownPower>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Powers(u16);

/// A word is the name of no power.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown power {0:?}: powers are {powers}", powers = Powers::ALL)]
pub struct UnknownPower(pub Box<str>);

impl Powers {
    /// None.
    pub const NONE: Powers = Powers(0);
    /// `kill`: removes users from the network.
    pub const KILL: Powers = Powers(1);
    /// `ban`: keeps users out of the network.
    pub const BAN: Powers = Powers(1 << 1);
    /// `wallops`: speaks to all operators.
    pub const WALLOPS: Powers = Powers(1 << 2);
    /// `rehash`: has its server read the configuration again.
    pub const REHASH: Powers = Powers(1 << 3);
    /// `connect`: has its server dial another one.
    pub const CONNECT: Powers = Powers(1 << 4);
    /// `squit`: closes links between servers.
    pub const SQUIT: Powers = Powers(1 << 5);
    /// `die`: stops its server.
    pub const DIE: Powers = Powers(1 << 6);
    /// `stats`: reads what the server does not show to others.
    pub const STATS: Powers = Powers(1 << 7);
    /// All of them.
    pub const ALL: Powers = Powers((1 << Powers::WORDS.len()) - 1);

    const WORDS: [&'static str; 8] = [
        "kill", "ban", "wallops", "rehash", "connect", "squit", "die", "stats",
    ];

    /// Whether all powers of `wanted` are among these.
    #[must_use]
    pub const fn has(self, wanted: Powers) -> bool {
        self.0 & wanted.0 == wanted.0
    }

    /// These and others.
    #[must_use]
    pub const fn with(self, other: Powers) -> Powers {
        Powers(self.0 | other.0)
    }

    /// Reads words with commas between.
    ///
    /// # Errors
    ///
    /// If a word is the name of no power.
    pub fn parse(words: &str) -> Result<Powers, UnknownPower> {
        let words = words.split(',').filter(|word| !word.is_empty());
        words
            .map(|word| Powers::find(word).ok_or_else(|| UnknownPower(word.into())))
            .try_fold(Powers::NONE, |all, power| Ok(all.with(power?)))
    }

    /// Reads words with commas between, and ignores those that are the name of no power: a
    /// later version may have more.
    pub(crate) fn parse_known(words: &str) -> Powers {
        let known = words.split(',').filter_map(Powers::find);
        known.fold(Powers::NONE, Powers::with)
    }

    fn find(word: &str) -> Option<Powers> {
        let place = Powers::WORDS.iter().position(|known| *known == word)?;
        Some(Powers(1 << place))
    }

    /// The powers as a number.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// The powers of a number; those that this version does not know are left out.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Powers {
        Powers(bits & Powers::ALL.0)
    }
}

impl fmt::Display for Powers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (place, word) in Powers::WORDS.iter().enumerate() {
            if self.has(Powers(1 << place)) {
                write!(f, "{separator}{word}")?;
                separator = ",";
            }
        }
        Ok(())
    }
}

/// A person who may become a network operator at this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorConfig {
    /// The name, for OPER: a word of up to [`OPERATOR_NAME_BYTES_MAX`] bytes.
    pub name: Box<str>,
    /// The hash of the password; `None` if the certificate is enough.
    pub password: Option<PasswordHash>,
    /// The certificate that the operator must show; `None` if the password is enough.
    pub certificate: Option<Fingerprint>,
    /// What the operator may do.
    pub powers: Powers,
}

/// The hash of a password, in the PHC format. The machine hands it out to be compared, and
/// does not look into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordHash(pub Box<str>);

/// A password that a peer claims to be the right one. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Box<str>);

impl Password {
    /// This password.
    #[must_use]
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Password(text.into())
    }

    /// The machine part with which a client gives it as it registers (PROTOCOL section 6).
    pub(crate) fn machine_part(&self) -> String {
        format!(" [crc2;w={}]", Hex(self.0.as_bytes()))
    }

    /// Reads such a machine part.
    pub(crate) fn from_machine_part(machine: &str) -> Option<Password> {
        let inner = machine.trim_end_matches(']');
        let digits = inner
            .split(';')
            .find_map(|entry| entry.strip_prefix("w="))?;
        String::from_utf8(from_hex(digits)?).ok().map(Password::new)
    }

    /// The password, to compare it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_words() {
        assert_eq!(Powers::ALL.to_string(), Powers::WORDS.join(","));
        assert_eq!(Powers::parse(&Powers::ALL.to_string()), Ok(Powers::ALL));
        assert_eq!(Powers::parse(""), Ok(Powers::NONE));
        let error = Powers::parse("kill,fly").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("unknown power \"fly\": powers are kill,")
        );
        assert_eq!(Powers::parse_known("kill,fly,die").to_string(), "kill,die");
        assert_eq!(Powers::from_bits(u16::MAX), Powers::ALL);
        assert_eq!(format!("{:?}", Password::new("x")), "Password");
    }

    #[test]
    fn a_password_crosses_in_hexadecimal() {
        let password = Password::new("a]; \u{fc}");
        let machine = password.machine_part();
        assert_eq!(machine, " [crc2;w=615d3b20c3bc]");
        assert_eq!(Password::from_machine_part(&machine), Some(password));
        for odd in [" [crc2]", " [crc2;w=6x]", " [crc2;w=ff]", " [crc2;f=w]"] {
            assert_eq!(Password::from_machine_part(odd), None, "{odd}");
        }
    }
}
