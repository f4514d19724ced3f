//! The pacer: sends frames to a v1 node in chunks that it can read (PROTOCOL section 7).
//!
//! A v1 node assumes that each read returns whole frames, and fails when a frame is
//! cut. So it gets chunks of whole frames, at most 1,024 bytes each. A pause after each
//! chunk lets the node read it by itself.

use core::time::Duration;

use crc_machine::QueueReport;
use crc_wire::{FrameLimits, frame_len};

use super::encoding::V1_FRAME_BYTES_MAX;

/// The pause between two chunks.
pub(crate) const CHUNK_PAUSE: Duration = Duration::from_millis(7);

/// About how many bytes of a burst wait for a v1 node before the next slice, at most: it
/// reads slowly.
pub(crate) const PACED_STEP: usize = 4 << 10;

/// Frames that wait to be sent.
#[derive(Debug, Default)]
pub(crate) struct Pacer {
    frames: Vec<u8>,
    /// How many bytes at the front of `frames` are sent.
    sent: usize,
    /// How many bytes may wait beyond the link's bound.
    granted: usize,
    /// How many bytes were sent since the last report.
    sent_since: usize,
}

impl Pacer {
    /// Appends whole frames, none over [`V1_FRAME_BYTES_MAX`].
    pub(crate) fn push(&mut self, frames: &[u8]) {
        self.frames.extend_from_slice(frames);
    }

    /// Lets `bytes` more wait: those of a burst.
    pub(crate) fn grant(&mut self, bytes: usize) {
        self.granted += bytes;
    }

    /// How many bytes may wait beyond the link's bound.
    pub(crate) const fn granted(&self) -> usize {
        self.granted
    }

    /// How many bytes wait, without those that were granted, and how many were sent since the last
    /// report.
    pub(crate) fn take_report(&mut self) -> QueueReport {
        QueueReport {
            waiting: self.waiting().len().saturating_sub(self.granted),
            written: core::mem::take(&mut self.sent_since),
        }
    }

    /// The bytes that are not sent yet.
    pub(crate) fn waiting(&self) -> &[u8] {
        &self.frames[self.sent..]
    }

    /// Takes the next chunk: as many whole frames as one read can take. Empty when no
    /// frame waits.
    pub(crate) fn next_chunk(&mut self) -> &[u8] {
        if self.sent == self.frames.len() {
            self.frames = Vec::new();
            self.sent = 0;
            return &[];
        }
        if self.sent > self.frames.len() / 2 {
            self.frames.drain(..self.sent);
            self.sent = 0;
        }
        let start = self.sent;
        let mut end = start;
        while let Ok(Some(len)) = frame_len(&self.frames[end..], FrameLimits::WIRE) {
            if end > start && end + len - start > V1_FRAME_BYTES_MAX {
                break;
            }
            end += len;
        }
        self.sent = end;
        self.sent_since += end - start;
        &self.frames[start..end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crc_wire::strategies;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn chunks_are_whole_frames_of_at_most_1024_bytes(
            messages in prop::collection::vec(strategies::message(), 0..40)
        ) {
            let mut pacer = Pacer::default();
            let mut all = Vec::new();
            for message in messages {
                let frame = message.to_vec();
                if frame.len() <= V1_FRAME_BYTES_MAX {
                    pacer.push(&frame);
                    all.extend(frame);
                }
            }
            let mut sent = Vec::new();
            loop {
                let chunk = pacer.next_chunk().to_vec();
                if chunk.is_empty() {
                    break;
                }
                prop_assert!(chunk.len() <= V1_FRAME_BYTES_MAX);
                let mut rest = &chunk[..];
                while let Some(len) = frame_len(rest, FrameLimits::WIRE).unwrap() {
                    rest = &rest[len..];
                }
                prop_assert!(rest.is_empty());
                sent.extend(chunk);
            }
            prop_assert_eq!(sent, all);
            prop_assert!(pacer.waiting().is_empty());
        }
    }
}
