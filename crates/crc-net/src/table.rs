//! The table of links: slots that are used again, under names that are not.
//!
//! A dial has a place in it too, which becomes its link's when it succeeds.
//! Knows nothing of what a place holds.

use crc_machine::LinkId;

/// Values by [`LinkId`].
#[derive(Debug)]
pub(crate) struct Table<T> {
    slots: Vec<Slot<T>>,
    /// Free slots; the one that was freed last is used first.
    free: Vec<u32>,
    count: usize,
}

#[derive(Debug)]
struct Slot<T> {
    /// Of the value, or of the next one. The names with generation 0 are never
    /// given, so that others may use their numbers as keys.
    generation: u32,
    value: Option<T>,
}

impl<T> Table<T> {
    pub(crate) const fn new() -> Self {
        Table {
            slots: Vec::new(),
            free: Vec::new(),
            count: 0,
        }
    }

    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Puts in what `make` makes of its name, unless that fails.
    pub(crate) fn insert<E>(
        &mut self,
        make: impl FnOnce(LinkId) -> Result<T, E>,
    ) -> Result<LinkId, E> {
        let index = match self.free.last() {
            Some(&index) => index,
            None => {
                let index = u32::try_from(self.slots.len()).expect("descriptors run out earlier");
                self.slots.push(Slot {
                    generation: 1,
                    value: None,
                });
                self.free.push(index);
                index
            }
        };
        let slot = &mut self.slots[index as usize];
        let link = LinkId::new(index, slot.generation);
        slot.value = Some(make(link)?);
        self.free.pop();
        self.count += 1;
        Ok(link)
    }

    #[inline]
    pub(crate) fn find(&mut self, link: LinkId) -> Option<&mut T> {
        let slot = self.slots.get_mut(link.slot())?;
        if generation(link) != slot.generation {
            return None;
        }
        slot.value.as_mut()
    }

    /// Takes a value out. Its name is never given again.
    pub(crate) fn remove(&mut self, link: LinkId) -> Option<T> {
        self.find(link)?;
        let slot = &mut self.slots[link.slot()];
        let value = slot.value.take();
        self.count -= 1;
        // After four thousand million links a slot is left to rest.
        slot.generation = slot.generation.wrapping_add(1);
        if slot.generation != 0 {
            self.free.extend(u32::try_from(link.slot()));
        }
        value
    }

    /// The names of all values.
    pub(crate) fn names(&self) -> impl Iterator<Item = LinkId> + '_ {
        self.slots.iter().zip(0u32..).filter_map(|(slot, index)| {
            let occupied = slot.value.is_some();
            occupied.then(|| LinkId::new(index, slot.generation))
        })
    }
}

fn generation(link: LinkId) -> u32 {
    (link.as_u64() >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(table: &mut Table<u8>, value: u8) -> LinkId {
        table.insert(|_| Ok::<_, ()>(value)).unwrap()
    }

    #[test]
    fn a_slot_comes_back_under_another_name() {
        let mut table = Table::new();
        let first = insert(&mut table, 1);
        let second = insert(&mut table, 2);
        assert_eq!(table.remove(first), Some(1));
        let third = insert(&mut table, 3);
        assert_eq!(third.slot(), first.slot());
        assert_eq!(table.find(first), None, "its name is gone");
        assert_eq!(table.remove(first), None);
        assert_eq!(table.find(third), Some(&mut 3));
        assert_eq!(table.len(), 2);
        assert_eq!(table.names().collect::<Vec<_>>(), [third, second]);
    }

    #[test]
    fn what_could_not_be_made_takes_no_place() {
        let mut table = Table::<u8>::new();
        let mut name = None;
        let failed = table.insert(|link| {
            name = Some(link);
            Err("no")
        });
        assert_eq!(failed, Err("no"));
        assert_eq!((table.len(), table.names().count()), (0, 0));
        assert_eq!(Some(insert(&mut table, 1)), name, "it was never given");
    }

    #[test]
    fn a_worn_out_slot_is_left_alone() {
        let mut table = Table::new();
        let first = insert(&mut table, 1);
        table.slots[first.slot()].generation = u32::MAX;
        let last = LinkId::new(0, u32::MAX);
        assert_eq!(table.remove(last), Some(1));
        assert_eq!(insert(&mut table, 2), LinkId::new(1, 1));
        assert_eq!(table.find(LinkId::new(0, 0)), None);
    }
}
