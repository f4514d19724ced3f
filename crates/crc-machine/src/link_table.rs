//! What is known about each link, found by the link's slot. Iterates in the
//! order of slots, which is the same in every run.

use crate::link::LinkId;

/// A table with one row for each link.
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
    /// Enters `row` for `link`, in place of whatever link had its slot before.
    pub fn insert(&mut self, link: LinkId, row: T) {
        if self.rows.len() <= link.slot() {
            self.rows.resize_with(link.slot() + 1, || None);
        }
        let before = self.rows[link.slot()].replace((link, row));
        debug_assert!(before.is_none(), "a slot is freed before it is used again");
        self.len += usize::from(before.is_none());
    }

    /// The row of `link`, unless it was removed or its slot has another link now.
    #[inline]
    #[must_use]
    pub fn find(&self, link: LinkId) -> Option<&T> {
        match self.rows.get(link.slot()) {
            Some(Some((found, row))) if *found == link => Some(row),
            _ => None,
        }
    }

    /// The same, to be changed.
    #[inline]
    #[must_use]
    pub fn find_mut(&mut self, link: LinkId) -> Option<&mut T> {
        match self.rows.get_mut(link.slot()) {
            Some(Some((found, row))) if *found == link => Some(row),
            _ => None,
        }
    }

    /// Takes the row of `link` out.
    pub fn remove(&mut self, link: LinkId) -> Option<T> {
        self.find(link)?;
        let (_, row) = self.rows[link.slot()].take()?;
        self.len -= 1;
        Some(row)
    }

    /// How many links there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All links, in the order of their slots.
    pub fn iter(&self) -> impl Iterator<Item = (LinkId, &T)> {
        self.rows.iter().flatten().map(|(link, row)| (*link, row))
    }

    /// All links to be changed, in the order of their slots.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (LinkId, &mut T)> {
        let rows = self.rows.iter_mut().flatten();
        rows.map(|(link, row)| (*link, row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_not_mistaken_for_a_later_one_in_its_slot() {
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
