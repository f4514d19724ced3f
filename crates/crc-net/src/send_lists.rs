//! What one turn has to send, sorted by link without moving a byte: a list of
//! ranges per link, all lists in one vector.

use crc_machine::ByteRange;

/// The lists of a turn. Emptied at once, when all of them have been written.
#[derive(Debug, Default)]
pub(crate) struct SendLists {
    pieces: Vec<Piece>,
}

#[derive(Debug)]
struct Piece {
    range: ByteRange,
    next: u32,
}

/// One link's list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SendList {
    first: u32,
    last: u32,
}

const NOTHING: u32 = u32::MAX;

/// More memory than this is given back after a turn that needed it.
const PIECES_KEPT_MAX: usize = 64 * 1024;

impl SendList {
    pub(crate) const EMPTY: SendList = SendList {
        first: NOTHING,
        last: NOTHING,
    };

    pub(crate) fn is_empty(self) -> bool {
        self.first == NOTHING
    }
}

impl SendLists {
    /// The number of pieces in all lists.
    pub(crate) fn len(&self) -> usize {
        self.pieces.len()
    }

    #[inline]
    pub(crate) fn push(&mut self, list: &mut SendList, range: ByteRange) {
        if let Some(last) = self.pieces.get_mut(list.last as usize)
            && !list.is_empty()
            && let Some(both) = last.range.merge(range)
        {
            // One of several that many are told: they stand side by side.
            last.range = both;
            return;
        }
        let index = u32::try_from(self.pieces.len()).expect("written out long before");
        self.pieces.push(Piece {
            range,
            next: NOTHING,
        });
        if list.is_empty() {
            list.first = index;
        } else {
            self.pieces[list.last as usize].next = index;
        }
        list.last = index;
    }

    pub(crate) fn iter(&self, list: SendList) -> impl Iterator<Item = ByteRange> + Clone + '_ {
        let mut next = list.first;
        core::iter::from_fn(move || {
            let piece = self.pieces.get(next as usize)?;
            next = piece.next;
            Some(piece.range)
        })
    }

    /// Forgets all lists; none may be used any more.
    pub(crate) fn clear(&mut self) {
        self.pieces.clear();
        self.pieces.shrink_to(PIECES_KEPT_MAX);
    }
}
