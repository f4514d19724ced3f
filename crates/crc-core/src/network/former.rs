//! Users that have left, or have another nick now: a bounded memory, for WHOWAS.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use crc_machine::Timestamp;
use crc_wire::HostId;

use crate::names::fold_name;

/// How long a user is remembered.
const REMEMBERED_FOR: Duration = Duration::from_secs(3600);

/// How many users of one nick are remembered.
const PER_NICK_MAX: usize = 16;

/// How many are remembered in all: one has at most 2 KiB of texts, and hardly any more than 100
/// bytes.
const ALL_MAX: usize = 5_000;

/// A user as it was when it left, or took another nick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FormerUser {
    pub(crate) nick: Box<str>,
    pub(crate) user: Box<str>,
    pub(crate) host: HostId,
    pub(crate) realname: Box<str>,
    /// The name of its server.
    pub(crate) server: Box<str>,
    /// When, in milliseconds of Unix time.
    pub(crate) left_at_unix_ms: u64,
}

/// The users that are remembered.
#[derive(Debug, Default)]
pub(crate) struct FormerUsers {
    /// By nicks as they are compared, the last one first.
    by_nick: BTreeMap<Box<str>, VecDeque<(Timestamp, FormerUser)>>,
    /// In the order in which they left. One that had to go for another one of its nick is still
    /// in here.
    order: VecDeque<(Timestamp, Box<str>)>,
}

impl FormerUsers {
    /// Remembers a user.
    pub(super) fn add(&mut self, user: FormerUser, now: Timestamp) {
        self.forget_old(now, ALL_MAX - 1);
        let nick: Box<str> = fold_name(&user.nick).into();
        self.order.push_back((now, nick.clone()));
        let same = self.by_nick.entry(nick).or_default();
        same.truncate(PER_NICK_MAX - 1);
        same.push_front((now, user));
    }

    /// The users that had a nick, in any case, within the last hour: the last one first.
    pub(crate) fn find(&self, nick: &str, now: Timestamp) -> impl Iterator<Item = &FormerUser> {
        let same = self.by_nick.get(&*fold_name(nick));
        let known = same.into_iter().flatten();
        let known = known.take_while(move |(left_at, _)| now < *left_at + REMEMBERED_FOR);
        known.map(|(_, user)| user)
    }

    /// Forgets those that left long ago, and as many others as exceed `max`.
    fn forget_old(&mut self, now: Timestamp, max: usize) {
        while let Some((left_at, nick)) = self.order.front() {
            if self.order.len() <= max && now < *left_at + REMEMBERED_FOR {
                return;
            }
            if let Some(same) = self.by_nick.get_mut(nick) {
                if same.back().is_some_and(|(oldest, _)| oldest <= left_at) {
                    same.pop_back();
                }
                if same.is_empty() {
                    self.by_nick.remove(nick);
                }
            }
            self.order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(nick: &str, number: u32) -> FormerUser {
        FormerUser {
            nick: nick.into(),
            user: "~x".into(),
            host: HostId::new(number).unwrap(),
            realname: "X".into(),
            server: "s".into(),
            left_at_unix_ms: 0,
        }
    }

    fn hosts(users: &FormerUsers, nick: &str, now: Timestamp) -> Vec<u32> {
        users.find(nick, now).map(|user| user.host.get()).collect()
    }

    #[test]
    fn a_nick_has_sixteen_and_the_last_comes_first() {
        let (mut users, now) = (FormerUsers::default(), Timestamp::START);
        for number in 1..=20 {
            users.add(
                user("Ann", number),
                now + Duration::from_secs(number.into()),
            );
        }
        let expected: Vec<_> = (5..=20).rev().collect();
        assert_eq!(
            hosts(&users, "aNN", now + Duration::from_secs(20)),
            expected
        );
        assert_eq!(hosts(&users, "bob", now), []);
        let later = now + Duration::from_secs(3600 + 18);
        assert_eq!(hosts(&users, "ann", later), [20, 19]);
        users.add(user("bob", 1), later);
        assert_eq!((users.order.len(), users.by_nick["ann"].len()), (3, 2));
        users.add(user("bob", 1), later + REMEMBERED_FOR);
        assert_eq!((users.order.len(), users.by_nick.len()), (1, 1));
    }

    #[test]
    fn the_memory_is_bounded() {
        let (mut users, now) = (FormerUsers::default(), Timestamp::START);
        for number in 1..=10_000 {
            users.add(user(&format!("a{}", number % 7000), number), now);
            assert!(users.order.len() <= ALL_MAX);
        }
        let known: usize = users.by_nick.values().map(VecDeque::len).sum();
        assert!(
            known <= ALL_MAX && users.by_nick.len() <= ALL_MAX,
            "{known}"
        );
    }
}
