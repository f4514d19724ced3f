//! The buffer that the driver reads all links into.
//!
//! Received bytes that the machine sends on unchanged stay in the buffer until they are written.
//! The next read goes behind them.

use std::ops::Range;

use crate::tls::RECORD_BYTES_MAX;

/// Reads start at multiples of this. The system copies to unaligned addresses at half the speed.
const ALIGNMENT: usize = 64;

/// A buffer with room for two full reads, so that it is seldom full, and a TLS record.
#[derive(Debug, Default)]
pub(crate) struct ReadBuffer {
    bytes: Box<[u8]>,
    /// The first aligned position.
    first: usize,
    read_bytes_max: usize,
    /// How many bytes from `first` on may still have to be written.
    kept: usize,
}

impl ReadBuffer {
    pub(crate) fn new(read_bytes_max: usize) -> Self {
        let read_bytes_max = read_bytes_max.max(1);
        let length = read_bytes_max.next_multiple_of(ALIGNMENT).saturating_mul(2);
        let bytes = vec![0; length + ALIGNMENT + RECORD_BYTES_MAX].into_boxed_slice();
        ReadBuffer {
            first: bytes.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT),
            bytes,
            read_bytes_max,
            kept: 0,
        }
    }

    /// How many bytes may still have to be written.
    pub(crate) fn kept(&self) -> usize {
        self.kept
    }

    /// Whether the kept bytes leave too little space for a full read.
    pub(crate) fn is_full(&self) -> bool {
        self.kept > self.read_bytes_max.next_multiple_of(ALIGNMENT)
    }

    /// The space for the next read, and its position. It has the size of a full read unless
    /// the buffer [is full](Self::is_full).
    pub(crate) fn space(&mut self) -> (usize, &mut [u8]) {
        let start = self.first + self.kept.next_multiple_of(ALIGNMENT);
        let end = self.bytes.len().saturating_sub(RECORD_BYTES_MAX);
        let space = self.bytes.get_mut(start..end).unwrap_or_default();
        let length = space.len().min(self.read_bytes_max);
        (start, &mut space[..length])
    }

    /// The same space and a TLS record behind it: a read of a TLS connection may yield the end of a
    /// record of which the beginning came before.
    pub(crate) fn space_for_records(&mut self) -> (usize, &mut [u8]) {
        let start = self.first + self.kept.next_multiple_of(ALIGNMENT);
        let space = self.bytes.get_mut(start..).unwrap_or_default();
        let length = space.len().min(self.read_bytes_max + RECORD_BYTES_MAX);
        (start, &mut space[..length])
    }

    /// Keeps the bytes in `range` and all before it.
    pub(crate) fn keep(&mut self, range: &Range<usize>) {
        self.kept = self.kept.max(range.end - self.first);
    }

    /// Keeps no bytes any longer.
    pub(crate) fn clear(&mut self) {
        self.kept = 0;
    }

    /// The bytes in `range`.
    pub(crate) fn get(&self, range: Range<usize>) -> &[u8] {
        &self.bytes[range]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_bytes_are_not_overwritten() {
        let mut buffer = ReadBuffer::new(100);
        let (first, space) = buffer.space();
        assert_eq!(space.len(), 100);
        space.fill(1);
        buffer.keep(&(first..first + 65));
        assert!(!buffer.is_full());
        let (second, space) = buffer.space();
        assert_eq!((second - first, space.len()), (128, 100));
        space.fill(2);
        assert_eq!(buffer.get(first..first + 65), [1; 65]);
        buffer.keep(&(second..second + 1));
        buffer.keep(&(first..first + 9));
        assert_eq!((buffer.kept(), buffer.is_full()), (129, true));
        let (third, space) = buffer.space();
        assert_eq!(third - first, 192);
        assert!(space.as_ptr().addr().is_multiple_of(ALIGNMENT));
        assert!(!space.is_empty() && space.len() < 128);
        buffer.clear();
        assert_eq!((buffer.kept(), buffer.space().0), (0, first));
    }
}
