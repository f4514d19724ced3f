//! Records the events of a server while it runs. The server's thread fills blocks of
//! memory, and another thread writes them. A disk that is too slow ends the recording, and
//! never delays the server.

use core::time::Duration;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use crc_core::{Config, Event, ServerCommand, Timestamp};

use crate::format;

/// A block is handed to the writer when it has this size,
const BLOCK_BYTES: usize = 64 * 1024;
/// or this age.
const BLOCK_AGE_MAX: Duration = Duration::from_millis(500);
/// How many blocks may wait for the disk.
const BLOCKS_MAX: usize = 64;

/// How many bytes of the limit are reserved for the last entry.
const LAST_ENTRY_BYTES_MAX: u64 = 16;

/// Records one run of a server.
#[derive(Debug)]
pub struct Recorder {
    block: Vec<u8>,
    /// The time of the block's first entry.
    since: Timestamp,
    last: Timestamp,
    /// How many more bytes may be written.
    left: u64,
    blocks: Option<SyncSender<Vec<u8>>>,
    writer: Option<JoinHandle<io::Result<()>>>,
}

impl Recorder {
    /// Starts a recording in a new file, or in place of an old one. The file gets at most
    /// `bytes_max` bytes, but always its header and its last entry. Only its owner can read
    /// it.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
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

    /// Records an event that the server is about to handle.
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
            return self.stop("size limit reached");
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
            self.stop("the disk is too slow or full");
        }
    }

    /// Ends the recording early. It can be replayed up to here.
    fn stop(&mut self, why: &str) {
        log::warn!("recording stopped: {why}");
        format::write_full(&mut self.block);
        if let Some(blocks) = self.blocks.take() {
            let _ = blocks.try_send(core::mem::take(&mut self.block));
        }
    }

    /// Ends the recording with a [`digest`](crate::digest()) of the server's state.
    ///
    /// # Errors
    ///
    /// When not all of it could be written.
    pub fn close(mut self, digest: u64) -> io::Result<()> {
        if let Some(blocks) = self.blocks.take() {
            format::write_end(digest, &mut self.block);
            // The server has ended and may wait.
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
