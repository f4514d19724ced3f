//! Nicks: names as text protocols need them, one word each, and unique.
//!
//! The nick of a host is its name, with `_` for each character that a nick cannot have. If another
//! host has that nick, in any case, the id is appended: `ann|7`. A host keeps its nick
//! while it has its name. Where a protocol is spoken that has nicks in ASCII only, a nick with
//! other characters has an alias, which no other host has as a nick either. This module knows
//! no protocol.

use core::ops::Bound;
use std::collections::BTreeMap;

use crc_wire::HostId;

use crate::names::{fold_name, is_name_char, wire_name};

/// The most bytes of a name that become a nick. With an id behind it, a nick has up
/// to 11 more.
const NICK_BYTES_MAX: usize = 64;

/// The nicks of hosts of one kind.
#[derive(Debug, Default)]
pub struct Nicks {
    of: BTreeMap<HostId, Box<str>>,
    /// The aliases of nicks that are not ASCII; `None` where no host needs one.
    aliases: Option<BTreeMap<HostId, Box<str>>>,
    /// By nicks, and aliases, as names are compared.
    hosts: BTreeMap<Box<str>, HostId>,
    /// How often a nick was released.
    changes: u64,
}

impl Nicks {
    /// No nicks yet, each with an alias if it is not ASCII.
    pub(crate) fn with_aliases() -> Self {
        Nicks {
            aliases: Some(BTreeMap::new()),
            ..Nicks::default()
        }
    }

    /// A number that changes whenever a nick is released: while it is the same, every
    /// nick that was found still belongs to its host.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// The nick of a host.
    #[must_use]
    pub fn of(&self, host: HostId) -> Option<&str> {
        self.of.get(&host).map(|nick| &**nick)
    }

    /// The nick of a host in ASCII, where hosts have such; otherwise its nick. A host whose own
    /// protocol has other nicks keeps its own.
    #[must_use]
    pub fn alias_of(&self, host: HostId) -> Option<&str> {
        let alias = self.aliases.as_ref().and_then(|all| all.get(&host));
        alias.or_else(|| self.of.get(&host)).map(|nick| &**nick)
    }

    /// The host with this nick, in any case.
    #[must_use]
    pub fn find(&self, nick: &str) -> Option<HostId> {
        self.hosts.get(&*fold_name(nick)).copied()
    }

    /// Whether a name is valid as a nick without a change.
    pub(crate) fn is_nick(name: &str) -> bool {
        nick_of(name) == name
    }

    /// The host that has the nick for this name.
    pub(crate) fn find_for_name(&self, name: &str) -> Option<HostId> {
        self.find(&nick_of(name))
    }

    /// The hosts that have the nick for this name, or one with an id behind it.
    pub(crate) fn all_for_name(&self, name: &str) -> impl Iterator<Item = HostId> {
        let plain = fold_name(&nick_of(name)).into_owned();
        let first = self.hosts.get(&*plain).copied();
        let start = plain + "|";
        let others = self
            .hosts
            .range::<str, _>((Bound::Included(&*start), Bound::Unbounded));
        let others = others.take_while(move |(nick, _)| nick.starts_with(&start));
        first.into_iter().chain(others.map(|(_, id)| *id))
    }

    /// Assigns a host exactly this nick, unless another host has it. `has_alias`: it has an
    /// alias too, if the nick is not ASCII.
    pub(crate) fn assign_exact(&mut self, host: HostId, nick: &str, has_alias: bool) {
        if !self.hosts.contains_key(&*fold_name(nick)) {
            self.release(host);
            self.hosts.insert(fold_name(nick).into(), host);
            self.of.insert(host, nick.into());
            if has_alias && !nick.is_ascii() {
                self.assign_alias(host, None);
            }
        }
    }

    /// Assigns a nick to a host that has `name`.
    pub(crate) fn assign(&mut self, host: HostId, name: &str) -> &str {
        self.release(host);
        let nick = self.free_nick(host, nick_of(name));
        self.hosts.insert(fold_name(&nick).into(), host);
        if !nick.is_ascii() {
            self.of.insert(host, nick.as_str().into());
            self.assign_alias(host, None);
        }
        self.of.entry(host).or_insert(nick.into())
    }

    /// This nick, if no host has it, or else one with the id behind it.
    fn free_nick(&self, host: HostId, plain: String) -> String {
        match self.hosts.contains_key(&*fold_name(&plain)) {
            // Another host may even have that one; ids are unique.
            true => (0..)
                .map(|turn| format!("{plain}|{host}{}", "_".repeat(turn)))
                .find(|nick| !self.hosts.contains_key(&*fold_name(nick)))
                .unwrap_or_default(),
            false => plain,
        }
    }

    /// Assigns an alias to a host, where hosts have such: this one, if no host has it.
    pub(crate) fn assign_alias(&mut self, host: HostId, alias: Option<&str>) {
        let Some(aliases) = &mut self.aliases else {
            return;
        };
        if let Some(before) = aliases.remove(&host) {
            self.hosts.remove(&*fold_name(&before));
        }
        let plain = match (alias, self.of.get(&host)) {
            (Some(alias), _) => alias.to_owned(),
            (None, Some(nick)) => nick_of(&wire_name(nick)),
            (None, None) => return,
        };
        let alias = self.free_nick(host, plain);
        self.hosts.insert(fold_name(&alias).into(), host);
        if let Some(aliases) = &mut self.aliases {
            aliases.insert(host, alias.into());
        }
    }

    /// Checks that each of `hosts`, and no other host, has a nick, and that nicks are
    /// unique.
    ///
    /// # Panics
    ///
    /// When that does not hold: the program has a bug then.
    pub(crate) fn check(&self, hosts: impl Iterator<Item = HostId>) {
        let mut count = 0;
        for host in hosts {
            count += 1;
            let nick = self.of(host);
            let nick = nick.unwrap_or_else(|| panic!("{host} has no nick"));
            assert_eq!(
                self.find(nick),
                Some(host),
                "{nick:?} belongs to another host"
            );
        }
        assert_eq!(self.of.len(), count, "a nick belongs to no host");
        for (host, alias) in self.aliases.iter().flatten() {
            count += 1;
            assert!(self.of.contains_key(host), "{alias:?} belongs to no host");
            assert_eq!(
                self.find(alias),
                Some(*host),
                "{alias:?} belongs to another host"
            );
        }
        assert_eq!(self.hosts.len(), count, "every nick has a host");
    }

    /// Releases a host's nick.
    pub(crate) fn release(&mut self, host: HostId) {
        self.changes += 1;
        let aliases = self.aliases.as_mut();
        let alias = aliases.and_then(|aliases| aliases.remove(&host));
        for nick in self.of.remove(&host).into_iter().chain(alias) {
            self.hosts.remove(&*fold_name(&nick));
        }
    }
}

/// The nick that is closest to a name.
pub(super) fn nick_of(name: &str) -> String {
    let is_allowed = |c: char| match c {
        _ if c.is_ascii() => c.is_ascii_graphic() && !",!@*?".contains(c),
        _ => !c.is_whitespace() && is_name_char(c),
    };
    let is_allowed_first = |c: char| is_allowed(c) && !"#&+:~%$".contains(c);
    let mut nick = String::with_capacity(name.len().min(NICK_BYTES_MAX));
    for c in name.chars() {
        let allowed = if nick.is_empty() {
            is_allowed_first(c)
        } else {
            is_allowed(c)
        };
        let c = if allowed { c } else { '_' };
        if nick.len() + c.len_utf8() > NICK_BYTES_MAX {
            break;
        }
        nick.push(c);
    }
    if nick.is_empty() {
        "_".to_owned()
    } else {
        nick
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(id: u32) -> HostId {
        HostId::new(id).unwrap()
    }

    #[test]
    fn a_name_becomes_a_nick() {
        for (name, nick) in [
            ("ann", "ann"),
            ("Sam Gamgee", "Sam_Gamgee"),
            ("4ann", "4ann"),
            ("#reef", "_reef"),
            ("a.b,c", "a.b_c"),
            ("zoé", "zoé"),
            ("हिन्दी ☕", "हिन्दी_☕"),
            ("a\u{202e}b\u{2003}c", "a_b_c"),
            ("\u{7}", "_"),
        ] {
            assert_eq!(nick_of(name), nick);
        }
    }

    #[test]
    fn a_later_host_with_the_same_name_gets_its_id_appended() {
        let mut nicks = Nicks::default();
        assert_eq!(nicks.assign(id(9), "ann"), "ann");
        assert_eq!(nicks.assign(id(7), "Ann"), "Ann|7");
        assert_eq!(nicks.assign(id(8), "ann|7"), "ann|7|8");
        assert_eq!(nicks.find("ANN"), Some(id(9)));
        assert_eq!(nicks.assign(id(3), "Zoë"), "Zoë");
        assert_eq!(nicks.assign(id(4), "ZOË"), "ZOË|4");
        assert_eq!(nicks.find("zoe\u{308}"), Some(id(3)));
        nicks.release(id(9));
        assert_eq!(nicks.of(id(7)), Some("Ann|7"), "a nick stays");
        assert_eq!(nicks.find("ann"), None);
    }

    #[test]
    fn a_nick_that_is_not_ascii_has_an_alias_where_that_is_needed() {
        let mut nicks = Nicks::with_aliases();
        nicks.assign(id(1), "Zoë");
        assert_eq!(nicks.alias_of(id(1)), Some("Zoe"));
        assert_eq!(nicks.find("zoe"), Some(id(1)));
        assert_eq!(nicks.assign(id(2), "zoe"), "zoe|2");
        assert_eq!(nicks.alias_of(id(2)), Some("zoe|2"));
        nicks.assign(id(3), "Žoé");
        assert_eq!(nicks.alias_of(id(3)), Some("Zoe|3"));
        nicks.assign_exact(id(4), "北 京", false);
        assert_eq!(nicks.alias_of(id(4)), Some("北 京"));
        nicks.check((1..5).map(id));
        nicks.release(id(1));
        nicks.assign_alias(id(3), Some("Zoe|1"));
        assert_eq!(nicks.alias_of(id(3)), Some("Zoe|1"));
        assert_eq!(nicks.find("Zoe|3"), None);
        nicks.check((2..5).map(id));
        let mut nicks = Nicks::default();
        nicks.assign(id(1), "Zoë");
        assert_eq!(nicks.alias_of(id(1)), Some("Zoë"));
        assert_eq!(nicks.find("zoe"), None);
    }

    proptest! {
        #[test]
        fn every_nick_is_valid_and_unique(
            names in prop::collection::vec("[aAb|_ 1é-]{1,3}|\\PC{1,64}", 1..20)
        ) {
            let mut nicks = Nicks::default();
            for (number, name) in (1..).zip(&names) {
                let nick = nicks.assign(id(number), name).to_owned();
                let bad = |c: char| c.is_whitespace() || c.is_control() || ",!@".contains(c);
                prop_assert!(!nick.contains(bad), "{nick}");
                prop_assert!(!nick.starts_with(['#', ':', '&', '+']));
                prop_assert!(nick.len() <= NICK_BYTES_MAX + 11 + names.len());
            }
            for number in (1..).take(names.len()) {
                let nick = nicks.of(id(number)).unwrap().to_owned();
                prop_assert_eq!(nicks.find(&nick), Some(id(number)));
            }
        }
    }
}
