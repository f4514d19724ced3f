//! Passwords that wait to be compared with a hash. That takes long and much memory, so the
//! machine does not do it: it hands out a notice, and gets a command with the result.
//!
//! Wrong passwords are counted by address, so that a peer cannot try many by connecting again.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crc_machine::{LinkId, Timestamp, place_of};
use crc_wire::HostId;
use hmac::Mac;

use crate::link_auth::keyed;
use crate::operator::{Password, PasswordHash};

/// How many passwords may wait at a time.
const WAITING_MAX: usize = 64;

/// After how many wrong passwords a connection is closed.
pub(crate) const WRONG_MAX: u8 = 3;

/// How many wrong passwords may come from an address within [`WRONG_TIME`].
const WRONG_OF_ADDRESS_MAX: u32 = 10;

/// For how long wrong passwords of an address count.
const WRONG_TIME: Duration = Duration::from_secs(60);

/// How many addresses are remembered.
const ADDRESSES_MAX: usize = 1024;

/// How many right passwords are remembered: that of the network, and those of gateways.
const RIGHT_MAX: usize = 64;

/// What a password is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The host wants to be the operator of this name.
    Oper { host: HostId, name: Box<str> },
    /// The peer of the link wants to register.
    Register,
    /// The peer of the link wants to be a gateway.
    Webirc,
}

/// A peer that waits until its password has been compared.
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) link: LinkId,
    pub(crate) purpose: Purpose,
    address: IpAddr,
}

/// A password that is being compared.
#[derive(Debug)]
struct Comparison {
    /// What the password and the hash are, so that the right one need not be compared again.
    digest: [u8; 32],
    /// Those that wait for it: the peer that gave it, and all links of a gateway that gave the
    /// same meanwhile.
    checks: Vec<Check>,
}

/// Why a password is not compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CheckRefusal {
    #[error("Too many passwords are being checked: try again in a moment")]
    Busy,
    #[error("Your last password is still being checked")]
    Waiting,
    #[error("Too many wrong passwords from your address: try again in a minute")]
    Blocked,
}

/// What becomes of a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begun {
    /// It is compared, under this number.
    Waiting(u64),
    /// It is being compared already.
    Joined,
    /// It is the one that was right before.
    Right,
}

/// The passwords that are being compared, and the wrong ones of late.
#[derive(Debug, Default)]
pub(crate) struct PasswordChecks {
    last: u64,
    waiting: BTreeMap<u64, Comparison>,
    /// The links that wait.
    links: BTreeSet<LinkId>,
    wrong: BTreeMap<IpAddr, (u32, Timestamp)>,
    /// The passwords of the network and of gateways that were right, each with its hash, the
    /// last one at the end.
    right: VecDeque<[u8; 32]>,
}

impl PasswordChecks {
    /// A password of the peer of a link is to be compared. `key`: a secret of this process.
    pub(crate) fn begin(
        &mut self,
        (link, address): (LinkId, IpAddr),
        purpose: Purpose,
        (hash, password): (&PasswordHash, &Password),
        key: &[u8; 32],
        now: Timestamp,
    ) -> Result<Begun, CheckRefusal> {
        let address = place_of(address);
        let is_blocked = self.is_blocked(address, now);
        let digest = digest(key, hash, password);
        let is_remembered = match purpose {
            // Operators are few, and their passwords worth more.
            Purpose::Oper { .. } => false,
            // An address that may not guess is not told either that it has guessed right.
            Purpose::Register => !is_blocked,
            // A gateway connects for others.
            Purpose::Webirc => true,
        };
        if is_remembered && self.right.contains(&digest) {
            return Ok(Begun::Right);
        }
        if is_blocked {
            return Err(CheckRefusal::Blocked);
        }
        if self.links.contains(&link) {
            return Err(CheckRefusal::Waiting);
        }
        let may_join = purpose == Purpose::Webirc;
        let check = Check {
            link,
            purpose,
            address,
        };
        if may_join && let Some(same) = self.waiting.values_mut().find(|it| it.digest == digest) {
            same.checks.push(check);
            self.links.insert(link);
            return Ok(Begun::Joined);
        }
        if self.waiting.len() >= WAITING_MAX {
            return Err(CheckRefusal::Busy);
        }
        self.last += 1;
        let checks = vec![check];
        self.waiting
            .insert(self.last, Comparison { digest, checks });
        self.links.insert(link);
        Ok(Begun::Waiting(self.last))
    }

    /// A password was compared. Returns those that wait for it.
    pub(crate) fn end(&mut self, number: u64, is_right: bool, now: Timestamp) -> Vec<Check> {
        let Some(Comparison { digest, checks }) = self.waiting.remove(&number) else {
            return Vec::new();
        };
        for check in &checks {
            self.links.remove(&check.link);
            match (is_right, &check.purpose) {
                (true, Purpose::Oper { .. }) => {}
                (true, _) if self.right.contains(&digest) => {}
                (true, _) => {
                    self.right.push_back(digest);
                    if self.right.len() > RIGHT_MAX {
                        self.right.pop_front();
                    }
                }
                (false, _) => self.count_wrong(check.address, now),
            }
        }
        checks
    }

    /// A name or password that needs no comparison is wrong.
    pub(crate) fn count_wrong_of(&mut self, address: IpAddr, now: Timestamp) {
        self.count_wrong(place_of(address), now);
    }

    fn is_blocked(&self, address: IpAddr, now: Timestamp) -> bool {
        let wrong = self.wrong.get(&address);
        wrong.is_some_and(|(count, until)| now < *until && *count >= WRONG_OF_ADDRESS_MAX)
    }

    fn count_wrong(&mut self, address: IpAddr, now: Timestamp) {
        if self.wrong.len() >= ADDRESSES_MAX && !self.wrong.contains_key(&address) {
            self.wrong.retain(|_, (_, until)| now < *until);
            // Still full: the one that ends first.
            let first = self.wrong.iter().min_by_key(|(_, (_, until))| *until);
            let first = first.map(|(address, _)| *address);
            if let Some(first) = first.filter(|_| self.wrong.len() >= ADDRESSES_MAX) {
                self.wrong.remove(&first);
            }
        }
        let entry = self.wrong.entry(address).or_insert((0, now + WRONG_TIME));
        if now >= entry.1 {
            *entry = (0, now + WRONG_TIME);
        }
        entry.0 += 1;
    }
}

fn digest(key: &[u8; 32], hash: &PasswordHash, password: &Password) -> [u8; 32] {
    let mut mac = keyed(key);
    for text in [&*hash.0, password.expose()] {
        mac.update(&(text.len() as u64).to_be_bytes());
        mac.update(text.as_bytes());
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_passwords_block_an_address_for_a_minute() {
        let mut checks = PasswordChecks::default();
        let hash = PasswordHash("x".into());
        let password = Password::new("y");
        let link = |number| LinkId::new(number, 0);
        let begin = |checks: &mut PasswordChecks, number, address: &str, now| {
            let peer = (link(number), address.parse().unwrap());
            let pair = (&hash, &password);
            checks.begin(peer, Purpose::Register, pair, &[1; 32], now)
        };
        let start = Timestamp::START;
        for number in 0..10 {
            let begun = begin(&mut checks, number, "2001:db8::1", start);
            assert_eq!(begun, Ok(Begun::Waiting(u64::from(number) + 1)));
            checks.end(u64::from(number) + 1, false, start);
        }
        let same_network = begin(&mut checks, 10, "2001:db8::2", start);
        assert_eq!(same_network, Err(CheckRefusal::Blocked));
        let other = begin(&mut checks, 11, "2001:db8:0:1::1", start);
        assert_eq!(other, Ok(Begun::Waiting(11)));
        let again = begin(&mut checks, 11, "2001:db8:0:1::1", start);
        assert_eq!(again, Err(CheckRefusal::Waiting));
        let later = start + WRONG_TIME;
        assert_eq!(
            begin(&mut checks, 10, "2001:db8::2", later),
            Ok(Begun::Waiting(12))
        );
        // The right password is not compared again.
        checks.end(12, true, later);
        assert_eq!(begin(&mut checks, 13, "192.0.2.1", later), Ok(Begun::Right));
        // An address that is blocked does not learn that it is the right one.
        for _ in 0..10 {
            checks.count_wrong_of("192.0.2.9".parse().unwrap(), later);
        }
        let blocked = begin(&mut checks, 14, "192.0.2.9", later);
        assert_eq!(blocked, Err(CheckRefusal::Blocked));
        // Only so many wait.
        checks.right.clear();
        let begun =
            (20..).take_while(|number| begin(&mut checks, *number, "192.0.2.1", later).is_ok());
        assert_eq!(begun.count(), WAITING_MAX - 1);
        assert_eq!(
            begin(&mut checks, 500, "192.0.2.1", later),
            Err(CheckRefusal::Busy)
        );
        // Only so many addresses are remembered.
        for number in 0..2000_u32 {
            checks.count_wrong_of(IpAddr::V4(number.into()), later);
        }
        assert_eq!(checks.wrong.len(), ADDRESSES_MAX);
    }
}
