//! Writes down what a server is told, beside it: the server's thread fills
//! blocks of memory, another one writes them. A disk that is too slow ends the
//! recording and never holds up the server.

use core::time::Duration;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use crc_core::{Config, Event, ServerCommand, Timestamp};

use crate::format;

/// A block is handed over when it has so many bytes,
const BLOCK_BYTES: usize = 64 * 1024;
/// or when it is so old,
const BLOCK_AGE_MAX: Duration = Duration::from_millis(500);
/// and so many may wait for the disk.
const BLOCKS_MAX: usize = 64;

/// So many bytes of its bound are kept for a recording's last entry.
const LAST_ENTRY_BYTES_MAX: u64 = 16;

/// Records one run of a server.
#[derive(Debug)]
pub struct Recorder {
    block: Vec<u8>,
    /// When the first entry of the block was made.
    since: Timestamp,
    last: Timestamp,
    /// How much more may be written.
    left: u64,
    blocks: Option<SyncSender<Vec<u8>>>,
    writer: Option<JoinHandle<io::Result<()>>>,
}

impl Recorder {
    /// Begins a recording in a new file, or in place of an old one, of at most
    /// `bytes_max` bytes, or of its head and its end if that is less. Nobody but its owner can read it.
    ///
    /// # Errors
    ///
    /// When the file cannot be written to.
    pub fn create(path: &Path, config: &Config, bytes_max: u64) -> io::Result<Recorder> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        let mut header = Vec::new();
        format::write_header(config, &mut header);
        file.write_all(&header)?;
        let (blocks, waiting) = sync_channel(BLOCKS_MAX);
        let writer = std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || write(file, &waiting))?;
        Ok(Recorder {
            block: Vec::with_capacity(BLOCK_BYTES),
            since: Timestamp::START,
            last: Timestamp::START,
            left: bytes_max.saturating_sub(header.len() as u64 + LAST_ENTRY_BYTES_MAX),
            blocks: Some(blocks),
            writer: Some(writer),
        })
    }

    /// Notes an event that the server is about to be told.
    pub fn event(&mut self, now: Timestamp, event: &Event<'_, ServerCommand>) {
        if self.blocks.is_none() {
            return;
        }
        if self.block.is_empty() {
            self.since = now;
        }
        let before = self.block.len();
        let after = now.as_micros().saturating_sub(self.last.as_micros());
        format::write_event(after, event, &mut self.block);
        self.last = self.last.max(now);
        let len = (self.block.len() - before) as u64;
        if len > self.left {
            self.block.truncate(before);
            return self.stop("it has grown to its bound");
        }
        self.left -= len;
        if self.block.len() >= BLOCK_BYTES || now.since(self.since) >= BLOCK_AGE_MAX {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        let block = core::mem::replace(&mut self.block, Vec::with_capacity(BLOCK_BYTES));
        let sent = self.blocks.as_ref().map(|blocks| blocks.try_send(block));
        if !matches!(sent, Some(Ok(()))) {
            self.stop("the disk cannot keep up or is full");
        }
    }

    /// Records nothing any more. What was recorded can be replayed.
    fn stop(&mut self, why: &str) {
        log::warn!("the recording ends: {why}");
        format::write_full(&mut self.block);
        if let Some(blocks) = self.blocks.take() {
            let _ = blocks.try_send(core::mem::take(&mut self.block));
        }
    }

    /// Endpoints the recording with the state that the server is in: its
    /// [`digest`](crate::digest()).
    ///
    /// # Errors
    ///
    /// When not all of it could be written.
    pub fn close(mut self, digest: u64) -> io::Result<()> {
        if let Some(blocks) = self.blocks.take() {
            format::write_end(digest, &mut self.block);
            // Nobody is held up any more.
            let _ = blocks.send(core::mem::take(&mut self.block));
        }
        match self.writer.take().map(JoinHandle::join) {
            Some(Ok(outcome)) => outcome,
            _ => Ok(()),
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if let Some(blocks) = self.blocks.take() {
            let _ = blocks.send(core::mem::take(&mut self.block));
        }
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

fn write(mut file: File, blocks: &Receiver<Vec<u8>>) -> io::Result<()> {
    while let Ok(block) = blocks.recv() {
        file.write_all(&block)?;
    }
    file.flush()
}
