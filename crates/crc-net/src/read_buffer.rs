//! The buffer that all links are read into, and written from.
//!
//! What was read and is to be sent as it came stays where it is until it has
//! been written; the next read goes behind it. Knows no links.

use std::ops::Range;

/// Reads go to multiples of this: to an odd place the system copies twice as
/// slowly.
const ALIGNMENT: usize = 64;

/// Has room for a whole read twice, so that it is seldom full.
#[derive(Debug, Default)]
pub(crate) struct ReadBuffer {
    bytes: Box<[u8]>,
    /// The first place that is well aligned.
    first: usize,
    read_bytes_max: usize,
    /// How many bytes after that may still be sent from here.
    kept: usize,
}

impl ReadBuffer {
    pub(crate) fn new(read_bytes_max: usize) -> Self {
        let read_bytes_max = read_bytes_max.max(1);
        let length = read_bytes_max.next_multiple_of(ALIGNMENT).saturating_mul(2);
        let bytes = vec![0; length + ALIGNMENT].into_boxed_slice();
        ReadBuffer {
            first: bytes.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT),
            bytes,
            read_bytes_max,
            kept: 0,
        }
    }

    /// How many bytes may still be sent from here.
    pub(crate) fn kept(&self) -> usize {
        self.kept
    }

    /// Whether what is kept has to be written before the next read.
    pub(crate) fn is_full(&self) -> bool {
        self.kept > self.read_bytes_max.next_multiple_of(ALIGNMENT)
    }

    /// Where the next read goes, and where that stands. As much as is read at
    /// once, if this is not [full](Self::is_full).
    pub(crate) fn room(&mut self) -> (usize, &mut [u8]) {
        let at = self.first + self.kept.next_multiple_of(ALIGNMENT);
        let room = self.bytes.get_mut(at..).unwrap_or_default();
        let length = room.len().min(self.read_bytes_max);
        (at, &mut room[..length])
    }

    /// Has what stands in `place` kept, and all before it.
    pub(crate) fn keep(&mut self, place: &Range<usize>) {
        self.kept = self.kept.max(place.end - self.first);
    }

    /// Keeps nothing any more.
    pub(crate) fn clear(&mut self) {
        self.kept = 0;
    }

    /// What stands in `place`.
    pub(crate) fn get(&self, place: Range<usize>) -> &[u8] {
        &self.bytes[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_not_read_over() {
        let mut input = ReadBuffer::new(100);
        let (first, room) = input.room();
        assert_eq!(room.len(), 100);
        room.fill(1);
        input.keep(&(first..first + 65));
        assert!(!input.is_full());
        let (second, room) = input.room();
        assert_eq!((second - first, room.len()), (128, 100));
        room.fill(2);
        assert_eq!(input.get(first..first + 65), [1; 65]);
        input.keep(&(second..second + 1));
        input.keep(&(first..first + 9));
        assert_eq!((input.kept(), input.is_full()), (129, true));
        let (third, room) = input.room();
        assert_eq!(third - first, 192);
        assert!(room.as_ptr().addr().is_multiple_of(ALIGNMENT));
        assert!(!room.is_empty() && room.len() < 128);
        input.clear();
        assert_eq!((input.kept(), input.room().0), (0, first));
    }
}
