//! A table of links, indexed by slot.

use crate::link::LinkId;

/// A table with one row per link.
///
/// It iterates in the order of slots, which is the same in every run with the same events.
#[derive(Debug)]
pub struct LinkTable<T> {
    rows: Vec<Option<(LinkId, T)>>,
    len: usize,
}

impl<T> Default for LinkTable<T> {
    fn default() -> Self {
        LinkTable {
            rows: Vec::new(),
            len: 0,
        }
    }
}

impl<T> LinkTable<T> {
    /// Inserts the row of `link`. It replaces the row of an earlier link in the same slot.
    pub fn insert(&mut self, link: LinkId, row: T) {
        if self.rows.len() <= link.slot() {
            self.rows.resize_with(link.slot() + 1, || None);
        }
        let before = self.rows[link.slot()].replace((link, row));
        debug_assert!(before.is_none(), "an occupied slot is not reused");
        self.len += usize::from(before.is_none());
    }

    /// The row of `link`; `None` if it was removed or if its slot now belongs to another link.
    #[inline]
    #[must_use]
    pub fn find(&self, link: LinkId) -> Option<&T> {
        match self.rows.get(link.slot()) {
            Some(Some((found, row))) if *found == link => Some(row),
            _ => None,
        }
    }

    /// Like [`find`](Self::find), mutably.
    #[inline]
    #[must_use]
    pub fn find_mut(&mut self, link: LinkId) -> Option<&mut T> {
        match self.rows.get_mut(link.slot()) {
            Some(Some((found, row))) if *found == link => Some(row),
            _ => None,
        }
    }

    /// Removes the row of `link` and returns it.
    pub fn remove(&mut self, link: LinkId) -> Option<T> {
        self.find(link)?;
        let (_, row) = self.rows[link.slot()].take()?;
        self.len -= 1;
        Some(row)
    }

    /// The number of links.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the table is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All links with their rows, in the order of slots.
    pub fn iter(&self) -> impl Iterator<Item = (LinkId, &T)> {
        self.rows.iter().flatten().map(|(link, row)| (*link, row))
    }

    /// Like [`iter`](Self::iter), with mutable rows.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (LinkId, &mut T)> {
        let rows = self.rows.iter_mut().flatten();
        rows.map(|(link, row)| (*link, row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_in_the_same_slot_are_distinct() {
        let mut table = LinkTable::default();
        let (old, new) = (LinkId::new(3, 1), LinkId::new(3, 2));
        table.insert(old, "old");
        assert_eq!(table.remove(new), None);
        assert_eq!(table.remove(old), Some("old"));
        table.insert(new, "new");
        assert_eq!(table.find(old), None);
        assert_eq!(table.iter().collect::<Vec<_>>(), [(new, &"new")]);
        assert_eq!(table.len(), 1);
    }
}
