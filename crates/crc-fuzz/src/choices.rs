//! Bytes as a source of choices. When they run out, the scenario ends.

/// Choices that bytes make, one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Choices<'a> {
    bytes: &'a [u8],
}

impl<'a> Choices<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Choices { bytes }
    }

    /// The next byte; `None` when there are no more.
    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(first)
    }

    /// A number from 0 to `n - 1`; `n` is not 0.
    pub(crate) fn below(&mut self, n: u8) -> Option<u8> {
        Some(self.byte()? % n)
    }

    /// The index of one of `len`, of which the first 256 can come up; `len` is
    /// not 0.
    pub(crate) fn index(&mut self, len: usize) -> Option<usize> {
        Some(usize::from(self.byte()?) % len)
    }

    /// One of `all`.
    pub(crate) fn one_of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        Some(all[self.index(all.len())?])
    }

    /// The next bytes: as many as the first one says, or as there are.
    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::from(self.byte()?).min(self.bytes.len());
        let (bytes, rest) = self.bytes.split_at(len);
        self.bytes = rest;
        Some(bytes)
    }
}
