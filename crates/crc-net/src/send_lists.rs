//! The sends of one turn, grouped by link without copying bytes: a list of byte ranges per link,
//! all lists in one vector.

use crc_machine::ByteRange;

/// The lists of one turn. The driver clears all of them together after it has written them.
#[derive(Debug, Default)]
pub(crate) struct SendLists {
    nodes: Vec<Node>,
}

#[derive(Debug)]
struct Node {
    range: ByteRange,
    next: u32,
}

/// The list of one link: indices into [`SendLists`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct SendList {
    first: u32,
    last: u32,
}

const NONE: u32 = u32::MAX;

/// [`SendLists::clear`] frees memory for more nodes than this.
const NODES_KEPT_MAX: usize = 64 * 1024;

impl SendList {
    pub(crate) const EMPTY: SendList = SendList {
        first: NONE,
        last: NONE,
    };

    pub(crate) fn is_empty(self) -> bool {
        self.first == NONE
    }
}

impl SendLists {
    /// The number of ranges in all lists.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    #[inline]
    pub(crate) fn push(&mut self, list: &mut SendList, range: ByteRange) {
        if let Some(last) = self.nodes.get_mut(list.last as usize)
            && !list.is_empty()
            && let Some(merged) = last.range.merge(range)
        {
            // Consecutive broadcasts are adjacent in the arena.
            last.range = merged;
            return;
        }
        let index = u32::try_from(self.nodes.len()).expect("the driver flushes long before");
        self.nodes.push(Node { range, next: NONE });
        if list.is_empty() {
            list.first = index;
        } else {
            self.nodes[list.last as usize].next = index;
        }
        list.last = index;
    }

    pub(crate) fn iter(&self, list: SendList) -> impl Iterator<Item = ByteRange> + Clone + '_ {
        let mut next = list.first;
        core::iter::from_fn(move || {
            let node = self.nodes.get(next as usize)?;
            next = node.next;
            Some(node.range)
        })
    }

    /// Clears all lists. Every [`SendList`] becomes invalid.
    pub(crate) fn clear(&mut self) {
        self.nodes.clear();
        self.nodes.shrink_to(NODES_KEPT_MAX);
    }
}
