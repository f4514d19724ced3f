//! The pacer at which original nodes can read.
//!
//! They take each read for whole frames and fall over a cut one. So they get
//! whole frames only, at most 1,024 bytes at a time, with a pause that lets them
//! read each piece by itself.

use core::time::Duration;

use crc_wire::{FrameLimits, frame_len};

use super::encoding::V1_FRAME_BYTES_MAX;

/// The pause between two pieces.
pub(crate) const CHUNK_PAUSE: Duration = Duration::from_millis(7);

/// Frames that wait for their turn.
#[derive(Debug, Default)]
pub(crate) struct Pacer {
    frames: Vec<u8>,
    /// How many bytes, from the front, are gone.
    sent: usize,
    /// How many more bytes may wait than the link's bound says.
    granted: usize,
}

impl Pacer {
    /// Appends whole frames, none over [`V1_FRAME_BYTES_MAX`].
    pub(crate) fn push(&mut self, frames: &[u8]) {
        self.frames.extend_from_slice(frames);
    }

    /// Lets `bytes` more wait: a listing of the network comes all at once.
    pub(crate) fn grant(&mut self, bytes: usize) {
        self.granted += bytes;
    }

    /// How many more bytes may wait than the link's bound says.
    pub(crate) const fn granted(&self) -> usize {
        self.granted
    }

    /// What has not gone yet.
    pub(crate) fn waiting(&self) -> &[u8] {
        &self.frames[self.sent..]
    }

    /// Takes the next piece: as many whole frames as one read can take. Empty
    /// when nothing waits.
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
        fn pieces_are_whole_frames_of_at_most_1024_bytes(
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
                let piece = pacer.next_chunk().to_vec();
                if piece.is_empty() {
                    break;
                }
                prop_assert!(piece.len() <= V1_FRAME_BYTES_MAX);
                let mut rest = &piece[..];
                while let Some(len) = frame_len(rest, FrameLimits::WIRE).unwrap() {
                    rest = &rest[len..];
                }
                prop_assert!(rest.is_empty());
                sent.extend(piece);
            }
            prop_assert_eq!(sent, all);
            prop_assert!(pacer.waiting().is_empty());
        }
    }
}
