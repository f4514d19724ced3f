//! The links of one host: their names, and which end of which connection each is.

use crc_machine::LinkId;

use crate::connection::Side;

/// A table from a host's links to the ends of connections.
#[derive(Debug, Default)]
pub struct LinkSlots {
    slots: Vec<Option<(LinkId, usize, Side)>>,
    /// Free slots; the last one is used next.
    free: Vec<u32>,
    generation: u32,
}

impl LinkSlots {
    /// Names an end of a connection. The name is never given again.
    ///
    /// # Panics
    ///
    /// With more than 2^32 links at a time.
    pub fn open(&mut self, connection: usize, side: Side) -> LinkId {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).expect("few links")
        });
        self.generation += 1;
        let link = LinkId::new(slot, self.generation);
        self.slots[slot as usize] = Some((link, connection, side));
        link
    }

    /// Where a link is, unless it was closed.
    #[must_use]
    pub fn find(&self, link: LinkId) -> Option<(usize, Side)> {
        match self.slots.get(link.slot()) {
            Some(Some((found, connection, side))) if *found == link => Some((*connection, *side)),
            _ => None,
        }
    }

    /// Frees the slot of a link.
    ///
    /// # Panics
    ///
    /// With more than 2^32 links at a time.
    pub fn close(&mut self, link: LinkId) {
        if self.find(link).is_some() {
            self.slots[link.slot()] = None;
            let slot = u32::try_from(link.slot()).expect("few links");
            self.free.push(slot);
        }
    }

    /// All links, in the order of their slots.
    pub fn iter(&self) -> impl Iterator<Item = LinkId> {
        self.slots.iter().flatten().map(|(link, ..)| *link)
    }

    /// How many slots there are, free ones included.
    #[must_use]
    pub fn slots_len(&self) -> usize {
        self.slots.len()
    }

    /// Closes all links and forgets the slots. Generations go on.
    pub fn clear(&mut self) {
        self.slots.clear();
        self.free.clear();
    }
}
