//! Who has been told of whom. Knows clients by their numbers, from 0, and
//! nothing of how they are told.

use crc_wire::HostId;

use crate::flow::Breach;

/// The ids of a fleet, one behind the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ids {
    first: HostId,
}

impl Ids {
    /// Ids from `first` on.
    pub(crate) fn from(first: HostId) -> Ids {
        Ids { first }
    }

    /// The id of a client.
    pub(crate) fn id(self, client: usize) -> HostId {
        let client = u32::try_from(client).unwrap_or(u32::MAX);
        HostId::new(self.first.get().saturating_add(client)).unwrap_or(self.first)
    }

    /// The client with an id, if it is one of the first `count`.
    #[inline]
    pub(crate) fn client(self, id: u32, count: usize) -> Option<usize> {
        let client = usize::try_from(id.checked_sub(self.first.get())?).ok()?;
        (client < count).then_some(client)
    }
}

/// Who among a fleet has been told of whom: a bit for each pair.
#[derive(Debug)]
pub(crate) struct Presence {
    ids: Ids,
    /// How many words a listener has.
    row: usize,
    heard: Vec<u64>,
    /// How many bits are set.
    known: u64,
    /// How often somebody was told of a joining or a leaving.
    told: u64,
}

impl Presence {
    /// For `clients` clients, of whom nobody knows anybody.
    pub(crate) fn new(ids: Ids, clients: usize) -> Presence {
        let row = clients.div_ceil(64);
        Presence {
            ids,
            row,
            heard: vec![0; row * clients],
            known: 0,
            told: 0,
        }
    }

    /// How many pairs there are of one who knows and one who is known.
    pub(crate) fn known(&self) -> u64 {
        self.known
    }

    /// How many announcements there were, of joinings and leavings.
    pub(crate) fn told(&self) -> u64 {
        self.told
    }

    /// `listener` is told that `of` has joined.
    #[inline]
    pub(crate) fn joined(&mut self, listener: usize, of: usize) -> Result<(), Breach> {
        let (word, bit) = self.place(listener, of);
        let ids = self.ids;
        let Some(word) = self.heard.get_mut(word) else {
            return Ok(());
        };
        if listener == of {
            // Original servers echo.
            return Ok(());
        }
        if *word & bit != 0 {
            return Err(Breach::ToldTwice {
                listener: ids.id(listener),
                of: ids.id(of),
            });
        }
        *word |= bit;
        self.known += 1;
        self.told += 1;
        Ok(())
    }

    /// `listener` is told that `of` has left.
    #[inline]
    pub(crate) fn left(&mut self, listener: usize, of: usize) -> Result<(), Breach> {
        let (word, bit) = self.place(listener, of);
        let ids = self.ids;
        let Some(word) = self.heard.get_mut(word) else {
            return Ok(());
        };
        if listener == of {
            return Ok(());
        }
        if *word & bit == 0 {
            return Err(Breach::LeftUnknown {
                listener: ids.id(listener),
                of: ids.id(of),
            });
        }
        *word &= !bit;
        self.known -= 1;
        self.told += 1;
        Ok(())
    }

    /// `listener` has left, and knows nobody any more.
    pub(crate) fn forget(&mut self, listener: usize) {
        let (start, _) = self.place(listener, 0);
        let row = self.heard.get_mut(start..start + self.row);
        for word in row.unwrap_or_default() {
            self.known -= u64::from(word.count_ones());
            *word = 0;
        }
    }

    /// What is missing until each of the first `clients` knows all others.
    pub(crate) fn untold(&self, clients: usize) -> Option<Breach> {
        let all = clients as u64 * (clients as u64).saturating_sub(1);
        let pairs = (0..clients).flat_map(|listener| (0..clients).map(move |of| (listener, of)));
        let mut pairs = pairs.filter(|(listener, of)| listener != of);
        let (listener, of) = pairs.find(|&(listener, of)| {
            let (word, bit) = self.place(listener, of);
            self.heard.get(word).is_some_and(|word| word & bit == 0)
        })?;
        Some(Breach::Untold {
            listener: self.ids.id(listener),
            of: self.ids.id(of),
            count: all.saturating_sub(self.known),
        })
    }

    fn place(&self, listener: usize, of: usize) -> (usize, u64) {
        (listener * self.row + of / 64, 1 << (of % 64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presence(clients: usize) -> Presence {
        Presence::new(Ids::from(HostId::new(100).unwrap()), clients)
    }

    #[test]
    fn ids_are_found_again() {
        let ids = Ids::from(HostId::new(100).unwrap());
        assert_eq!(ids.id(5).get(), 105);
        assert_eq!(ids.client(105, 6), Some(5));
        assert_eq!(ids.client(105, 5), None);
        assert_eq!(ids.client(99, 5), None);
    }

    #[test]
    fn everybody_is_told_of_everybody_once() {
        let mut presence = presence(130);
        for listener in 0..130 {
            for of in 0..130 {
                if (listener, of) == (129, 64) {
                    continue;
                }
                presence.joined(listener, of).unwrap();
            }
        }
        let breach = presence.untold(130).unwrap();
        let text = "1 announcements have not arrived; client 229 has not heard of client 164";
        assert_eq!(breach.to_string(), text);
        presence.joined(129, 64).unwrap();
        assert_eq!(presence.untold(130), None);
        assert_eq!((presence.known(), presence.told()), (130 * 129, 130 * 129));
        let breach = presence.joined(129, 64).unwrap_err();
        assert!(matches!(breach, Breach::ToldTwice { .. }), "{breach}");
    }

    #[test]
    fn leavings_are_told_once_and_only_of_who_was_there() {
        let mut presence = presence(3);
        presence.joined(0, 1).unwrap();
        presence.joined(0, 2).unwrap();
        presence.left(0, 1).unwrap();
        assert_eq!((presence.known(), presence.told()), (1, 3));
        let breach = presence.left(0, 1).unwrap_err();
        assert!(matches!(breach, Breach::LeftUnknown { .. }), "{breach}");
        // One who comes again is news.
        presence.joined(0, 1).unwrap();
        presence.forget(0);
        assert_eq!(presence.known(), 0);
        presence.joined(0, 1).unwrap();
    }
}
