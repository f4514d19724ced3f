//! The bans of the network: addresses and users that no server admits.
//!
//! All servers hold the same list. An operator's statement about a mask has a version, which is
//! the network's time; the newest one counts. That a ban is lifted is a statement too, and is
//! kept for a day, so that a server that was away does not bring the ban back.

use core::fmt;
use core::net::IpAddr;
use core::str::FromStr;
use std::collections::BTreeMap;

use ipnet::{IpNet, Ipv4Net};

use super::{fold, shift_version};

/// How many statements are held.
const BANS_MAX: usize = 4096;

/// The most bytes of a mask.
const MASK_BYTES_MAX: usize = 128;

/// The most bytes of a reason.
const REASON_BYTES_MAX: usize = 200;

/// The most bytes of the name of who has made it.
const SETTER_BYTES_MAX: usize = 100;

/// For how long it is known that a ban was lifted.
pub(crate) const LIFTED_FOR_MS: u64 = 24 * 3600 * 1000;

/// What a ban is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BanKind {
    /// `k`: users, by a mask of `nick!user@host`.
    User,
    /// `d`: addresses, by a network.
    Address,
}

/// A statement about a mask: it is banned, or not any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    /// What it is about.
    pub kind: BanKind,
    /// The mask, or the network.
    pub mask: Box<str>,
    /// When it was made, by the network's clock, in milliseconds of Unix time.
    pub version: u64,
    /// When it ends, by the same clock; 0 for never.
    pub until_ms: u64,
    /// Whether it says that the ban is lifted.
    pub is_lifted: bool,
    /// Who has made it, for people.
    pub setter: Box<str>,
    /// Why, for people.
    pub reason: Box<str>,
}

/// A text is no statement about a ban.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a ban")]
pub struct NotABan;

impl Ban {
    /// Whether it bans anything at this time.
    #[must_use]
    pub const fn holds(&self, now_ms: u64) -> bool {
        !self.is_lifted && !self.is_over(now_ms)
    }

    /// Changes its times to those of a clock that is ahead by so much.
    pub(crate) fn shift(&mut self, by_ms: i64) {
        self.version = shift_version(self.version, by_ms);
        self.until_ms = shift_version(self.until_ms, by_ms);
    }

    /// Whether it counts, and another statement about the same mask does not.
    pub(crate) fn is_newer_than(&self, other: &Ban) -> bool {
        self.order() > other.order()
    }

    /// Whether it is about an address.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let net = self.mask.parse::<IpNet>();
        net.is_ok_and(|net| net.contains(&address.to_canonical()))
    }

    const fn is_over(&self, now_ms: u64) -> bool {
        self.until_ms != 0 && self.until_ms <= now_ms
    }

    fn order(&self) -> (u64, bool, u64, &str, &str) {
        let Ban {
            version,
            is_lifted,
            until_ms,
            ..
        } = *self;
        (version, is_lifted, until_ms, &self.reason, &self.setter)
    }
}

impl fmt::Display for Ban {
    /// The statement as servers send and store it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.is_lifted { "-" } else { "" };
        let letter = match self.kind {
            BanKind::User => 'k',
            BanKind::Address => 'd',
        };
        write!(
            f,
            "{sign}{letter} {} {} {} {} {}",
            self.version, self.until_ms, self.setter, self.mask, self.reason
        )
    }
}

impl FromStr for Ban {
    type Err = NotABan;

    fn from_str(text: &str) -> Result<Self, NotABan> {
        let mut parts = text.splitn(6, ' ');
        let mut next = || parts.next().ok_or(NotABan);
        let (word, version, until, setter, mask) = (next()?, next()?, next()?, next()?, next()?);
        let reason = parts.next().unwrap_or_default();
        let (letter, is_lifted) = match word.strip_prefix('-') {
            Some(letter) => (letter, true),
            None => (word, false),
        };
        let kind = match letter {
            "k" => BanKind::User,
            "d" => BanKind::Address,
            _ => return Err(NotABan),
        };
        let mask = normal_mask(kind, mask).ok_or(NotABan)?;
        let is_word = (1..=SETTER_BYTES_MAX).contains(&setter.len());
        let is_text = |text: &str| !text.contains(char::is_control);
        if !is_word || reason.len() > REASON_BYTES_MAX || !is_text(reason) || !is_text(setter) {
            return Err(NotABan);
        }
        Ok(Ban {
            kind,
            mask,
            version: version.parse().map_err(|_| NotABan)?,
            until_ms: until.parse().map_err(|_| NotABan)?,
            is_lifted,
            setter: setter.into(),
            reason: reason.into(),
        })
    }
}

/// A mask in the form in which it is held, if it is one.
pub(crate) fn normal_mask(kind: BanKind, mask: &str) -> Option<Box<str>> {
    match kind {
        BanKind::Address => {
            let net = mask
                .parse::<IpNet>()
                .or_else(|_| mask.parse::<IpAddr>().map(IpNet::from));
            Some(as_v4(net.ok()?).trunc().to_string().into())
        }
        BanKind::User => {
            let is_word = !mask.contains(|c: char| c.is_whitespace() || c.is_control());
            let mask = irc_wire::mask::normalize(mask.as_bytes());
            let mask = String::from_utf8(mask).ok().filter(|_| is_word)?;
            let fits = (1..=MASK_BYTES_MAX).contains(&mask.len()) && !mask.starts_with(':');
            fits.then(|| fold(&mask).into())
        }
    }
}

/// A network of IPv4 in its own form: addresses are compared in theirs.
fn as_v4(net: IpNet) -> IpNet {
    let IpNet::V6(v6) = net else {
        return net;
    };
    let v4 = v6.addr().to_ipv4_mapped();
    let bits = v6.prefix_len().checked_sub(96);
    let v4 = v4
        .zip(bits)
        .and_then(|(v4, bits)| Ipv4Net::new(v4, bits).ok());
    v4.map_or(net, IpNet::V4)
}

/// All statements about bans.
#[derive(Debug, Default)]
pub struct Bans {
    all: BTreeMap<(BanKind, Box<str>), (Ban, Option<IpNet>)>,
}

impl Bans {
    /// All statements, also those that ban nothing.
    pub fn iter(&self) -> impl Iterator<Item = &Ban> {
        self.all.values().map(|(ban, _)| ban)
    }

    /// The statement about a mask in its normal form.
    pub(crate) fn find(&self, kind: BanKind, mask: &str) -> Option<&Ban> {
        self.all.get(&(kind, mask.into())).map(|(ban, _)| ban)
    }

    /// The statement after the one about this mask.
    pub(crate) fn after(&self, after: Option<(BanKind, Box<str>)>) -> Option<&Ban> {
        use core::ops::Bound::{Excluded, Unbounded};
        let from = after.map_or(Unbounded, Excluded);
        self.all
            .range((from, Unbounded))
            .next()
            .map(|(_, (ban, _))| ban)
    }

    /// The bans of a kind that hold.
    pub(crate) fn of(&self, kind: BanKind, now_ms: u64) -> impl Iterator<Item = &Ban> {
        self.iter()
            .filter(move |ban| ban.kind == kind && ban.holds(now_ms))
    }

    /// The ban of an address, if there is one.
    pub(crate) fn of_address(&self, address: IpAddr, now_ms: u64) -> Option<&Ban> {
        let address = address.to_canonical();
        let mut all = self.all.values();
        let found = all
            .find(|(ban, net)| net.is_some_and(|net| net.contains(&address)) && ban.holds(now_ms));
        found.map(|(ban, _)| ban)
    }

    /// How many statements there are.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Takes a statement, if it is newer than the one that is known. Returns whether it is.
    pub(super) fn apply(&mut self, ban: Ban, now_ms: u64) -> bool {
        let key = (ban.kind, ban.mask.clone());
        match self.all.get(&key) {
            Some((known, _)) if known.order() >= ban.order() => return false,
            Some(_) => {}
            None if ban.is_over(now_ms) => return false,
            None if self.all.len() >= BANS_MAX => {
                self.all.retain(|_, (known, _)| !known.is_over(now_ms));
                if self.all.len() >= BANS_MAX {
                    return false;
                }
            }
            None => {}
        }
        let net = match ban.kind {
            BanKind::Address => ban.mask.parse().ok(),
            BanKind::User => None,
        };
        self.all.insert(key, (ban, net));
        true
    }

    /// The network's clock was shifted.
    pub(super) fn shift(&mut self, by_ms: i64) {
        for (ban, _) in self.all.values_mut() {
            ban.shift(by_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ban(text: &str) -> Ban {
        text.parse().unwrap()
    }

    #[test]
    fn a_statement_is_a_line() {
        for text in [
            "k 17 0 ann!ann@5.crc *!*@spam.* no spam, please",
            "-d 17 86400017 ann 10.0.0.0/8 ",
            "d 17 20 ann 2001:db8::/32 x",
        ] {
            assert_eq!(ban(text).to_string(), text);
        }
        assert_eq!(&*ban("d 1 0 a 10.1.2.3/8 x").mask, "10.0.0.0/8");
        assert_eq!(&*ban("d 1 0 a 10.1.2.3 x").mask, "10.1.2.3/32");
        for (mask, held) in [
            ("::ffff:10.1.2.3", "10.1.2.3/32"),
            ("::ffff:10.1.2.0/120", "10.1.2.0/24"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(&*ban(&format!("d 1 0 a {mask} x")).mask, held);
        }
        assert_eq!(&*ban("k 1 0 a Bob x").mask, "bob!*@*");
        assert_eq!(&*ban("k 1 0 a u@h").reason, "");
        for text in [
            "",
            "k 1 0 a",
            "x 1 0 a b c",
            "k -1 0 a b c",
            "k 1 0  b c",
            "d 1 0 a b c",
            "d 1 0 a 1.2.3.4/33 c",
            "k 1 0 a b c\u{1}",
            &format!("k 1 0 a {} c", "m".repeat(200)),
            &format!("k 1 0 a b {}", "m".repeat(201)),
        ] {
            assert_eq!(text.parse::<Ban>(), Err(NotABan), "{text:?}");
        }
    }

    #[test]
    fn the_newest_statement_counts_whatever_the_order() {
        let statements = [
            "k 10 0 a b one",
            "-k 11 99 a b ",
            "k 12 50 a b two",
            "k 12 50 a b three",
            "d 12 50 a 10.0.0.0/8 x",
        ];
        for first in 0..statements.len() {
            let mut bans = Bans::default();
            for text in statements[first..].iter().chain(&statements[..first]) {
                bans.apply(ban(text), 20);
            }
            let all: Vec<_> = bans.iter().map(ToString::to_string).collect();
            assert_eq!(all, ["k 12 50 a b!*@* two", "d 12 50 a 10.0.0.0/8 x"]);
            assert!(bans.of_address("10.1.1.1".parse().unwrap(), 20).is_some());
            assert!(
                bans.of_address("::ffff:10.1.1.1".parse().unwrap(), 20)
                    .is_some()
            );
            assert!(bans.of_address("10.1.1.1".parse().unwrap(), 50).is_none());
            assert_eq!(bans.of(BanKind::User, 49).count(), 1);
            assert_eq!(bans.of(BanKind::User, 50).count(), 0);
        }
    }

    #[test]
    fn the_number_is_bounded_and_those_that_are_over_make_room() {
        let mut bans = Bans::default();
        for number in 0..BANS_MAX {
            let until = if number == 7 { 30 } else { 0 };
            assert!(bans.apply(ban(&format!("k 1 {until} a n{number} x")), 20));
        }
        assert!(!bans.apply(ban("k 1 0 a other x"), 20));
        assert!(bans.apply(ban("k 1 0 a other x"), 30));
        assert!(!bans.apply(ban("k 1 0 a another x"), 30));
        assert_eq!(bans.len(), BANS_MAX);
        assert!(bans.apply(ban("k 2 0 a n9 y"), 30), "a known one changes");
    }
}
