//! Clients whose chats, notices and invitations are not shown.

use crc_core::{ClientNotice, HostRef};
use crc_wire::HostId;

/// How many clients can be ignored.
pub(crate) const IGNORED_MAX: usize = 1000;

/// The longest entry in bytes: a name has 64, a mask some more.
const ENTRY_BYTES_MAX: usize = 128;

/// Names, masks and ids. Letters match in either case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct IgnoreList(Vec<String>);

/// Why a client cannot be ignored, or not be ignored no more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IgnoreError {
    #[error("You ignore {IGNORED_MAX} clients already. Use /unignore WHO")]
    Full,
    #[error("You do not ignore {0}. Use /ignore for the list")]
    NotIgnored(String),
    #[error("{0}. Use /ignore NAME, /ignore ID or /ignore MASK, such as spam*")]
    Invalid(#[from] EntryError),
}

/// What is wrong with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EntryError {
    #[error("a name, an id or a mask has 1 to {ENTRY_BYTES_MAX} bytes")]
    Len,
    #[error("a mask is a name with * and ?: a client has no user name and no host")]
    Host,
}

/// The entry that a text stands for. What IRC writes behind a name (`!*@*`) means all.
pub(crate) fn parse_entry(text: &str) -> Result<String, EntryError> {
    let text = text.strip_suffix("!*@*").unwrap_or(text);
    match text.len() {
        1..=ENTRY_BYTES_MAX if text.contains('!') && text.contains('@') => Err(EntryError::Host),
        1..=ENTRY_BYTES_MAX => Ok(text.to_owned()),
        _ => Err(EntryError::Len),
    }
}

impl IgnoreList {
    pub(crate) fn new(entries: Vec<String>) -> IgnoreList {
        IgnoreList(entries)
    }

    pub(crate) fn entries(&self) -> &[String] {
        &self.0
    }

    pub(crate) fn add(&mut self, who: &str) -> Result<(), IgnoreError> {
        let entry = parse_entry(who)?;
        if self.position(&entry).is_some() {
            return Ok(());
        }
        if self.0.len() >= IGNORED_MAX {
            return Err(IgnoreError::Full);
        }
        self.0.push(entry);
        Ok(())
    }

    pub(crate) fn remove(&mut self, who: &str) -> Result<(), IgnoreError> {
        let entry = parse_entry(who)?;
        match self.position(&entry) {
            Some(at) => drop(self.0.remove(at)),
            None => return Err(IgnoreError::NotIgnored(entry)),
        }
        Ok(())
    }

    fn position(&self, entry: &str) -> Option<usize> {
        let entry = entry.to_lowercase();
        self.0.iter().position(|it| it.to_lowercase() == entry)
    }

    /// Whether a notice is not to be shown.
    pub(crate) fn hides(&self, notice: &ClientNotice) -> bool {
        if self.0.is_empty() {
            return false;
        }
        match notice {
            ClientNotice::Chat {
                from, from_name, ..
            } => self.has(*from, from_name.as_deref()),
            ClientNotice::Notice { from, .. }
            | ClientNotice::ChannelChat { from, .. }
            | ClientNotice::Invited { by: from, .. } => self.has_host(from),
            _ => false,
        }
    }

    fn has_host(&self, host: &HostRef) -> bool {
        self.has(host.id, host.name.as_deref())
    }

    fn has(&self, id: HostId, name: Option<&str>) -> bool {
        let name = name.map(|name| name.to_lowercase().chars().collect::<Vec<_>>());
        self.0.iter().any(|entry| {
            let is_name = |name| matches(&entry.to_lowercase().chars().collect::<Vec<_>>(), name);
            entry.parse() == Ok(id) || name.as_deref().is_some_and(is_name)
        })
    }
}

/// Whether a mask with `*` and `?` matches a name. The work is at most the product of the lengths.
fn matches(mask: &[char], name: &[char]) -> bool {
    let (mut at_mask, mut at_name) = (0, 0);
    // The last `*`, and where the name goes on behind what it stands for.
    let mut star = None;
    while at_name < name.len() {
        match mask.get(at_mask) {
            Some('*') => {
                star = Some((at_mask, at_name));
                at_mask += 1;
            }
            Some(c) if *c == '?' || *c == name[at_name] => {
                at_mask += 1;
                at_name += 1;
            }
            _ => match &mut star {
                Some((star_mask, star_name)) => {
                    *star_name += 1;
                    (at_mask, at_name) = (*star_mask + 1, *star_name);
                }
                None => return false,
            },
        }
    }
    mask[at_mask..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ignores(list: &IgnoreList, id: u32, name: &str) -> bool {
        list.has(HostId::new(id).unwrap(), Some(name))
    }

    #[test]
    fn names_masks_and_ids_match() {
        let mut list = IgnoreList::default();
        for entry in ["Bob", "spam*", "*Ünü?", "7", "a*b*c!*@*"] {
            list.add(entry).unwrap();
        }
        for (id, name, is_ignored) in [
            (1, "bob", true),
            (1, "BOB", true),
            (1, "bobby", false),
            (1, "SpamBot", true),
            (1, "spam", true),
            (1, "no spam", false),
            (1, "xünüy", true),
            (1, "ünü", false),
            (7, "ann", true),
            (77, "7", true),
            (77, "77", false),
            (1, "aXbbYc", true),
            (1, "ab", false),
        ] {
            assert_eq!(ignores(&list, id, name), is_ignored, "{id} {name}");
        }
        assert!(list.has(HostId::new(7).unwrap(), None));
        let slow = format!("{}x", "*a".repeat(60));
        list.add(&slow).unwrap();
        assert!(!ignores(&list, 1, &"a".repeat(10_000)));
    }

    #[test]
    fn entries_are_added_once_and_removed() {
        let mut list = IgnoreList::default();
        list.add("bob").unwrap();
        list.add("BOB").unwrap();
        assert_eq!(list.entries(), ["bob"]);
        list.remove("Bob!*@*").unwrap();
        assert_eq!(list.entries(), [""; 0]);
        let error = list.remove("bob").unwrap_err();
        assert_eq!(error, IgnoreError::NotIgnored("bob".into()));
        assert_eq!(list.add(""), Err(EntryError::Len.into()));
        assert_eq!(list.add("*!*@spam.example"), Err(EntryError::Host.into()));
        for n in 0..IGNORED_MAX {
            list.add(&format!("bot {n}")).unwrap();
        }
        assert_eq!(list.add("bob"), Err(IgnoreError::Full));
    }
}
