//! What users say of themselves, in keys and values (IRCv3 metadata); and the text in which what
//! is said of a channel is one of its settings.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crc_wire::HostId;

/// The most keys of a user, or of a channel.
pub(crate) const KEYS_MAX: usize = 16;

/// The most bytes of a key.
pub(crate) const KEY_BYTES_MAX: usize = 64;

/// The most bytes of a value.
pub(crate) const VALUE_BYTES_MAX: usize = 300;

/// The most bytes of the setting of a channel: as many as every server of version 2 passes on.
const CHANNEL_BYTES_MAX: usize = 1024;

/// The most bytes of all users.
const BYTES_MAX: usize = 64 << 20;

/// What an entry costs beside its bytes.
const ENTRY_BYTES: usize = 64;

/// There is no room for another value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoRoom;

/// The values of one user, by their keys.
type Entries = BTreeMap<Box<str>, Box<str>>;

/// What all users say of themselves: those of this server, and those of whom other servers state
/// it.
#[derive(Debug, Default)]
pub struct Metadata {
    by_host: BTreeMap<HostId, Entries>,
    /// How many bytes it has.
    bytes: usize,
}

impl Metadata {
    /// The keys and values of a user, in the order of the keys.
    pub fn of(&self, host: HostId) -> impl Iterator<Item = (&str, &str)> {
        let entries = self.by_host.get(&host).into_iter().flatten();
        entries.map(|(key, value)| (&**key, &**value))
    }

    /// A value of a user.
    #[must_use]
    pub fn find(&self, host: HostId, key: &str) -> Option<&str> {
        let value = self.by_host.get(&host)?.get(key)?;
        Some(value)
    }

    /// The users of whom there is anything, by their ids.
    pub fn hosts(&self) -> impl Iterator<Item = HostId> {
        self.by_host.keys().copied()
    }

    /// How many bytes it has.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether no user says anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_host.is_empty()
    }

    /// The user with the lowest id above `after` of whom there is anything.
    pub(crate) fn after(&self, after: Option<HostId>) -> Option<HostId> {
        use core::ops::Bound::{Excluded, Unbounded};
        let from = after.map_or(Unbounded, Excluded);
        let next = self.by_host.range((from, Unbounded)).next();
        next.map(|(id, _)| *id)
    }

    /// Notes a value; none, if it is empty. Returns whether that is new.
    pub(super) fn set(&mut self, host: HostId, key: &str, value: &str) -> Result<bool, NoRoom> {
        let known = self.find(host, key);
        let known_len = known.map(str::len);
        if known.unwrap_or_default() == value {
            return Ok(false);
        }
        if value.is_empty() {
            let Some(entries) = self.by_host.get_mut(&host) else {
                return Ok(false);
            };
            entries.remove(key);
            if entries.is_empty() {
                self.by_host.remove(&host);
            }
            self.bytes -= cost(key, known_len.unwrap_or_default());
            return Ok(true);
        }
        let freed = known_len.map_or(0, |len| cost(key, len));
        let bytes = self.bytes - freed + cost(key, value.len());
        let entries = self.by_host.get(&host).map_or(0, Entries::len);
        if bytes > BYTES_MAX || known_len.is_none() && entries >= KEYS_MAX {
            return Err(NoRoom);
        }
        self.bytes = bytes;
        let entries = self.by_host.entry(host).or_default();
        entries.insert(key.into(), value.into());
        Ok(true)
    }

    /// A host has left.
    pub(super) fn forget(&mut self, host: HostId) {
        let entries = self.by_host.remove(&host).unwrap_or_default();
        let costs = entries.iter().map(|(key, value)| cost(key, value.len()));
        self.bytes -= costs.sum::<usize>();
    }
}

const fn cost(key: &str, value_len: usize) -> usize {
    ENTRY_BYTES + key.len() + value_len
}

/// Whether a key may be used.
pub(crate) fn is_key(key: &str) -> bool {
    let is_good = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'/' | b'-');
    (1..=KEY_BYTES_MAX).contains(&key.len()) && key.bytes().all(is_good)
}

/// Whether a key may have this value.
pub(crate) fn is_entry_value(value: &str) -> bool {
    (1..=VALUE_BYTES_MAX).contains(&value.len()) && !value.contains(['\0', '\r', '\n'])
}

/// What a user says of itself, as one text: a key, and a blank and the value if there is one.
pub(crate) fn parse_statement(text: &str) -> Option<(&str, &str)> {
    let (key, value) = text.split_once(' ').unwrap_or((text, ""));
    let is_valid = is_key(key) && (value.is_empty() || is_entry_value(value));
    is_valid.then_some((key, value))
}

/// The same as [`parse_statement`] reads.
pub(crate) fn statement(key: &str, value: &str) -> String {
    match value {
        "" => key.to_owned(),
        _ => format!("{key} {value}"),
    }
}

/// The keys and values of a channel, in the order of the keys, from its setting: `key=value` with
/// semicolons between. In a value `\:` stands for a semicolon and `\\` for a backslash.
pub(crate) fn channel_entries(set: &str) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
    let entries = set.split(';').filter(|entry| !entry.is_empty());
    entries.filter_map(|entry| {
        let (key, value) = entry.split_once('=')?;
        Some((key, unescaped(value)))
    })
}

/// A value of a channel.
pub(crate) fn channel_value<'a>(set: &'a str, key: &str) -> Option<Cow<'a, str>> {
    let found = channel_entries(set).find(|(known, _)| *known == key);
    found.map(|(_, value)| value)
}

/// The setting of a channel with another value of a key; without the key, if that is empty.
pub(crate) fn channel_set_with(set: &str, key: &str, value: &str) -> Result<String, NoRoom> {
    let mut entries: BTreeMap<&str, Cow<'_, str>> = channel_entries(set).collect();
    match value {
        "" => entries.remove(key),
        _ => entries.insert(key, value.into()),
    };
    let entries = entries.iter().map(|(key, value)| escaped(key, value));
    let set = entries.collect::<Vec<_>>().join(";");
    is_channel_set(&set).then_some(set).ok_or(NoRoom)
}

/// Whether a text is the setting of a channel, in the one form that [`channel_set_with`] writes.
pub(crate) fn is_channel_set(set: &str) -> bool {
    if set.is_empty() {
        return true;
    }
    let entries = set.split(';').take(KEYS_MAX + 1);
    let parsed = entries.map(|entry| {
        let (key, value) = entry.split_once('=')?;
        let unescaped = unescaped(value);
        let is_valid = is_key(key) && is_entry_value(&unescaped);
        (is_valid && escaped(key, &unescaped) == *entry).then_some(key)
    });
    let Some(keys) = parsed.collect::<Option<Vec<_>>>() else {
        return false;
    };
    set.len() <= CHANNEL_BYTES_MAX
        && keys.len() <= KEYS_MAX
        && keys.is_sorted_by(|one, next| one < next)
}

fn escaped(key: &str, value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace(';', "\\:");
    format!("{key}={value}")
}

fn unescaped(value: &str) -> Cow<'_, str> {
    if !value.contains('\\') {
        return value.into();
    }
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(':') => text.push(';'),
                Some(other) => text.push(other),
                None => {}
            },
            c => text.push(c),
        }
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u32) -> HostId {
        HostId::new(number).expect("not 0")
    }

    #[test]
    fn values_are_set_counted_and_forgotten() {
        let mut metadata = Metadata::default();
        assert_eq!(metadata.set(id(1), "url", "a"), Ok(true));
        assert_eq!(metadata.set(id(1), "url", "a"), Ok(false));
        assert_eq!(metadata.set(id(1), "url", "longer"), Ok(true));
        assert_eq!(metadata.set(id(1), "none", ""), Ok(false));
        assert_eq!(metadata.bytes(), cost("url", 6));
        assert_eq!(metadata.set(id(1), "url", ""), Ok(true));
        assert_eq!((metadata.bytes(), metadata.is_empty()), (0, true));
        for number in 0..KEYS_MAX {
            let key = format!("key{number}");
            assert_eq!(metadata.set(id(2), &key, "x"), Ok(true));
        }
        assert_eq!(metadata.set(id(2), "more", "x"), Err(NoRoom));
        assert_eq!(metadata.set(id(2), "key0", "y"), Ok(true));
        assert_eq!(metadata.of(id(2)).count(), KEYS_MAX);
        metadata.forget(id(2));
        assert_eq!((metadata.bytes(), metadata.is_empty()), (0, true));
    }

    #[test]
    fn all_users_together_have_a_bound() {
        let (mut metadata, value) = (Metadata::default(), "x".repeat(VALUE_BYTES_MAX));
        let each = cost("key", VALUE_BYTES_MAX);
        let many = u32::try_from(BYTES_MAX / each).expect("a small number");
        for number in 1..=many {
            assert_eq!(metadata.set(id(number), "key", &value), Ok(true));
        }
        assert_eq!(metadata.set(id(many + 1), "key", &value), Err(NoRoom));
        metadata.forget(id(1));
        assert_eq!(metadata.set(id(many + 1), "key", &value), Ok(true));
    }

    #[test]
    fn a_statement_is_read_as_it_is_written() {
        for (key, value) in [("a", ""), ("a.b/c-d_9", " x  y "), ("k", "Zoë 🐚")] {
            assert_eq!(parse_statement(&statement(key, value)), Some((key, value)));
        }
        let long = format!("a {}", "x".repeat(VALUE_BYTES_MAX + 1));
        for wrong in ["", " x", "A x", "a:b x", "a x\ny", &long] {
            assert_eq!(parse_statement(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_set_is_read_as_it_is_written() {
        let mut set = String::new();
        for (key, value) in [("url", "a=b;c\\d"), ("b", "x"), ("a", "\\:"), ("b", "")] {
            set = channel_set_with(&set, key, value).expect("room");
            assert!(is_channel_set(&set), "{set}");
        }
        assert_eq!(set, "a=\\\\:;url=a=b\\:c\\\\d");
        let entries: Vec<_> = channel_entries(&set).collect();
        assert_eq!(entries, [("a", "\\:".into()), ("url", "a=b;c\\d".into())]);
        assert_eq!(channel_value(&set, "url").as_deref(), Some("a=b;c\\d"));
        assert_eq!(channel_value(&set, "b"), None);
        for wrong in [
            "a", "a=", "=x", "A=x", "b=1;a=2", "a=1;a=2", "a=1;", ";a=1", "a=\\x", "a=\\", "a=\r",
        ] {
            assert!(!is_channel_set(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn a_set_has_bounds() {
        let (mut set, value) = (String::new(), "x".repeat(VALUE_BYTES_MAX));
        for key in ["a", "b", "c"] {
            set = channel_set_with(&set, key, &value).expect("room");
        }
        assert_eq!(channel_set_with(&set, "d", &value), Err(NoRoom));
        let mut set = String::new();
        for number in 0..KEYS_MAX {
            set = channel_set_with(&set, &format!("k{number}"), "x").expect("room");
        }
        assert_eq!(channel_set_with(&set, "more", "x"), Err(NoRoom));
    }
}
