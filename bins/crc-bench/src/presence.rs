//! Which client knows which: records the announcements of joins and quits. Clients have indices
//! from 0.

use crc_wire::HostId;

use crate::flow::Violation;

/// The ids of a pool's clients: consecutive numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ids {
    first: HostId,
}

impl Ids {
    /// The ids that start with `first`.
    pub(crate) fn from(first: HostId) -> Ids {
        Ids { first }
    }

    /// The id of a client.
    pub(crate) fn id(self, client: usize) -> HostId {
        let client = u32::try_from(client).unwrap_or(u32::MAX);
        HostId::new(self.first.get().saturating_add(client)).unwrap_or(self.first)
    }

    /// The index of the client with this id, if it is less than `count`.
    #[inline]
    pub(crate) fn client(self, id: u32, count: usize) -> Option<usize> {
        let client = usize::try_from(id.checked_sub(self.first.get())?).ok()?;
        (client < count).then_some(client)
    }
}

/// Which client knows which: a bit for each ordered pair.
#[derive(Debug)]
pub(crate) struct Presence {
    ids: Ids,
    /// The number of words per client.
    row: usize,
    knows: Vec<u64>,
    /// The number of bits that are set.
    known_pairs: u64,
    announcements: u64,
}

impl Presence {
    /// `clients` clients, of which none knows another.
    pub(crate) fn new(ids: Ids, clients: usize) -> Presence {
        let row = clients.div_ceil(64);
        Presence {
            ids,
            row,
            knows: vec![0; row * clients],
            known_pairs: 0,
            announcements: 0,
        }
    }

    /// The number of ordered pairs of which the first client knows the second.
    pub(crate) fn known_pairs(&self) -> u64 {
        self.known_pairs
    }

    /// The number of announcements of joins and quits.
    pub(crate) fn announcements(&self) -> u64 {
        self.announcements
    }

    /// Records that the join of `of` was announced to `receiver`.
    #[inline]
    pub(crate) fn on_join(&mut self, receiver: usize, of: usize) -> Result<(), Violation> {
        let (word, bit) = self.place(receiver, of);
        let ids = self.ids;
        let Some(word) = self.knows.get_mut(word) else {
            return Ok(());
        };
        if receiver == of {
            // v1 servers echo a client's own registration.
            return Ok(());
        }
        if *word & bit != 0 {
            return Err(Violation::AnnouncedTwice {
                receiver: ids.id(receiver),
                of: ids.id(of),
            });
        }
        *word |= bit;
        self.known_pairs += 1;
        self.announcements += 1;
        Ok(())
    }

    /// Records that the quit of `of` was announced to `receiver`.
    #[inline]
    pub(crate) fn on_quit(&mut self, receiver: usize, of: usize) -> Result<(), Violation> {
        let (word, bit) = self.place(receiver, of);
        let ids = self.ids;
        let Some(word) = self.knows.get_mut(word) else {
            return Ok(());
        };
        if receiver == of {
            return Ok(());
        }
        if *word & bit == 0 {
            return Err(Violation::UnknownQuit {
                receiver: ids.id(receiver),
                of: ids.id(of),
            });
        }
        *word &= !bit;
        self.known_pairs -= 1;
        self.announcements += 1;
        Ok(())
    }

    /// Records that `receiver` has quit, and no longer knows any client.
    pub(crate) fn forget(&mut self, receiver: usize) {
        let (start, _) = self.place(receiver, 0);
        let row = self.knows.get_mut(start..start + self.row);
        for word in row.unwrap_or_default() {
            self.known_pairs -= u64::from(word.count_ones());
            *word = 0;
        }
    }

    /// The first announcement that is missing until each of `clients` clients knows all others.
    pub(crate) fn not_announced(&self, clients: usize) -> Option<Violation> {
        let all = clients as u64 * (clients as u64).saturating_sub(1);
        let pairs = (0..clients).flat_map(|receiver| (0..clients).map(move |of| (receiver, of)));
        let mut pairs = pairs.filter(|(receiver, of)| receiver != of);
        let (receiver, of) = pairs.find(|&(receiver, of)| {
            let (word, bit) = self.place(receiver, of);
            self.knows.get(word).is_some_and(|word| word & bit == 0)
        })?;
        Some(Violation::NotAnnounced {
            receiver: self.ids.id(receiver),
            of: self.ids.id(of),
            count: all.saturating_sub(self.known_pairs),
        })
    }

    fn place(&self, receiver: usize, of: usize) -> (usize, u64) {
        (receiver * self.row + of / 64, 1 << (of % 64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presence(clients: usize) -> Presence {
        Presence::new(Ids::from(HostId::new(100).unwrap()), clients)
    }

    #[test]
    fn ids_map_to_indices_and_back() {
        let ids = Ids::from(HostId::new(100).unwrap());
        assert_eq!(ids.id(5).get(), 105);
        assert_eq!(ids.client(105, 6), Some(5));
        assert_eq!(ids.client(105, 5), None);
        assert_eq!(ids.client(99, 5), None);
    }

    #[test]
    fn each_join_is_announced_once() {
        let mut presence = presence(130);
        for receiver in 0..130 {
            for of in 0..130 {
                if (receiver, of) == (129, 64) {
                    continue;
                }
                presence.on_join(receiver, of).unwrap();
            }
        }
        let violation = presence.not_announced(130).unwrap();
        let text = "1 announcements did not arrive; client 229 does not know client 164";
        assert_eq!(violation.to_string(), text);
        presence.on_join(129, 64).unwrap();
        assert_eq!(presence.not_announced(130), None);
        assert_eq!(
            (presence.known_pairs(), presence.announcements()),
            (130 * 129, 130 * 129)
        );
        let violation = presence.on_join(129, 64).unwrap_err();
        assert!(
            matches!(violation, Violation::AnnouncedTwice { .. }),
            "{violation}"
        );
    }

    #[test]
    fn each_quit_is_announced_once_and_after_its_join() {
        let mut presence = presence(3);
        presence.on_join(0, 1).unwrap();
        presence.on_join(0, 2).unwrap();
        presence.on_quit(0, 1).unwrap();
        assert_eq!((presence.known_pairs(), presence.announcements()), (1, 3));
        let violation = presence.on_quit(0, 1).unwrap_err();
        assert!(
            matches!(violation, Violation::UnknownQuit { .. }),
            "{violation}"
        );
        // A client that joins again is announced again.
        presence.on_join(0, 1).unwrap();
        presence.forget(0);
        assert_eq!(presence.known_pairs(), 0);
        presence.on_join(0, 1).unwrap();
    }
}
