//! Allocates link ids and stores a value for each. Slots are reused, ids are not.
//!
//! A dial has a slot too. When the dial succeeds, its link takes over the slot and the id.

use crc_machine::LinkId;

/// Values by [`LinkId`].
#[derive(Debug)]
pub(crate) struct Slots<T> {
    slots: Vec<Slot<T>>,
    /// Free slots. The one that was freed last is reused first.
    free: Vec<u32>,
    count: usize,
}

#[derive(Debug)]
struct Slot<T> {
    /// The generation of the value, or of the next one. No id has generation 0, so that
    /// the numbers of those ids are free for other keys of the selector.
    generation: u32,
    value: Option<T>,
}

impl<T> Slots<T> {
    pub(crate) const fn new() -> Self {
        Slots {
            slots: Vec::new(),
            free: Vec::new(),
            count: 0,
        }
    }

    /// The number of values.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Inserts the value that `make` returns for a new id. Allocates no id if `make` fails.
    pub(crate) fn insert<E>(
        &mut self,
        make: impl FnOnce(LinkId) -> Result<T, E>,
    ) -> Result<LinkId, E> {
        let index = match self.free.last() {
            Some(&index) => index,
            None => {
                let index = u32::try_from(self.slots.len()).expect("the descriptor limit is lower");
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

    /// Makes another value of the one with this id, which keeps its id.
    pub(crate) fn replace(&mut self, link: LinkId, make: impl FnOnce(T) -> T) {
        if self.find(link).is_some() {
            let slot = &mut self.slots[link.slot()];
            slot.value = slot.value.take().map(make);
        }
    }

    /// Removes a value and returns it. Its id is never allocated again.
    pub(crate) fn remove(&mut self, link: LinkId) -> Option<T> {
        self.find(link)?;
        let slot = &mut self.slots[link.slot()];
        let value = slot.value.take();
        self.count -= 1;
        // A slot whose generations are used up stays unused.
        slot.generation = slot.generation.wrapping_add(1);
        if slot.generation != 0 {
            self.free.extend(u32::try_from(link.slot()));
        }
        value
    }

    /// The ids of all values.
    pub(crate) fn ids(&self) -> impl Iterator<Item = LinkId> + '_ {
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

    fn insert(slots: &mut Slots<u8>, value: u8) -> LinkId {
        slots.insert(|_| Ok::<_, ()>(value)).unwrap()
    }

    #[test]
    fn a_reused_slot_has_another_id() {
        let mut slots = Slots::new();
        let first = insert(&mut slots, 1);
        let second = insert(&mut slots, 2);
        assert_eq!(slots.remove(first), Some(1));
        let third = insert(&mut slots, 3);
        assert_eq!(third.slot(), first.slot());
        assert_eq!(slots.find(first), None, "its id is invalid");
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.find(third), Some(&mut 3));
        assert_eq!(slots.len(), 2);
        assert_eq!(slots.ids().collect::<Vec<_>>(), [third, second]);
    }

    #[test]
    fn a_failed_insert_allocates_nothing() {
        let mut slots = Slots::<u8>::new();
        let mut id = None;
        let failed = slots.insert(|link| {
            id = Some(link);
            Err("no")
        });
        assert_eq!(failed, Err("no"));
        assert_eq!((slots.len(), slots.ids().count()), (0, 0));
        assert_eq!(
            Some(insert(&mut slots, 1)),
            id,
            "the id was never allocated"
        );
    }

    #[test]
    fn a_slot_without_generations_left_is_not_reused() {
        let mut slots = Slots::new();
        let first = insert(&mut slots, 1);
        slots.slots[first.slot()].generation = u32::MAX;
        let last = LinkId::new(0, u32::MAX);
        assert_eq!(slots.remove(last), Some(1));
        assert_eq!(insert(&mut slots, 2), LinkId::new(1, 1));
        assert_eq!(slots.find(LinkId::new(0, 0)), None);
    }
}
