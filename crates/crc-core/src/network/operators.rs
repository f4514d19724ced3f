//! Which hosts are network operators now: users of this server who have said the password,
//! and those that other servers state.

use std::collections::BTreeMap;

use crc_wire::HostId;

use crate::operator::Powers;

/// How many operators are known.
const OPERATORS_MAX: usize = 1024;

/// A host that is a network operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// Its name as operator.
    pub name: Box<str>,
    /// What it may do.
    pub powers: Powers,
}

/// All hosts that are network operators.
#[derive(Debug, Default)]
pub struct Operators {
    by_host: BTreeMap<HostId, Operator>,
}

impl Operators {
    /// The operator that a host is, if it is one.
    #[must_use]
    pub fn find(&self, host: HostId) -> Option<&Operator> {
        self.by_host.get(&host)
    }

    /// Whether a host is an operator that may do this.
    #[must_use]
    pub fn may(&self, host: HostId, powers: Powers) -> bool {
        self.find(host)
            .is_some_and(|operator| operator.powers.has(powers))
    }

    /// All operators, by their ids.
    pub fn iter(&self) -> impl Iterator<Item = (HostId, &Operator)> {
        self.by_host.iter().map(|(id, operator)| (*id, operator))
    }

    /// The operator with the lowest id above `after`.
    pub(crate) fn after(&self, after: Option<HostId>) -> Option<(HostId, &Operator)> {
        use core::ops::Bound::{Excluded, Unbounded};
        let from = after.map_or(Unbounded, Excluded);
        let next = self.by_host.range((from, Unbounded)).next();
        next.map(|(id, operator)| (*id, operator))
    }

    /// Notes what operator a host is, if it is one. Returns whether that is new.
    pub(super) fn set(&mut self, host: HostId, operator: Option<Operator>) -> bool {
        let Some(operator) = operator else {
            return self.by_host.remove(&host).is_some();
        };
        let known = self.by_host.get(&host);
        if known == Some(&operator) || known.is_none() && self.by_host.len() >= OPERATORS_MAX {
            return false;
        }
        self.by_host.insert(host, operator);
        true
    }
}
