//! The trace of a run: a hash over all that happened, and on demand a line for each
//! event. Two runs with the same hash were the same run.

use crc_core::Timestamp;

use crc_netem::mix;

/// The trace of one run.
#[derive(Debug)]
pub(crate) struct Trace {
    hash: u64,
    lines: Option<Vec<String>>,
}

impl Trace {
    pub(crate) fn new(lines: bool) -> Self {
        Trace {
            hash: 0,
            lines: lines.then(Vec::new),
        }
    }

    pub(crate) const fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }

    /// Hashes a number.
    pub(crate) fn number(&mut self, number: u64) {
        self.hash = mix(self.hash, number);
    }

    /// Hashes some bytes.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.chunks_exact(8);
        let mut hash = self.hash ^ (bytes.len() as u64);
        for chunk in &mut chunks {
            let word = u64::from_le_bytes(chunk.try_into().expect("eight bytes"));
            hash = (hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
        for &byte in chunks.remainder() {
            hash = (hash.rotate_left(5) ^ u64::from(byte)).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
        self.hash = hash;
    }

    /// Adds a line, if lines are wanted; `line` is not called otherwise.
    #[inline]
    pub(crate) fn line(&mut self, now: Timestamp, line: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            let micros = now.as_micros();
            let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
            lines.push(format!("{seconds:5}.{rest:06}  {}", line()));
        }
    }
}
