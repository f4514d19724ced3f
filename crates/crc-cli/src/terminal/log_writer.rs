//! The log at a terminal.

use std::io;

use super::Shared;
use super::printer::Messages;
use crate::print_error;

/// A target for log lines: standard error, or above the line that is being edited
/// while a [`Terminal`](super::Terminal) reads lines. Clones share one target.
#[derive(Debug, Clone, Default)]
pub struct LogWriter(Shared<Option<Messages>>);

impl LogWriter {
    pub(super) fn attach(&self, messages: Messages) {
        *self.0.lock() = Some(messages);
    }

    pub(super) fn detach(&self) {
        *self.0.lock() = None;
    }
}

impl io::Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let line = text.trim_end();
        let messages = self.0.lock().clone();
        // Logging must not wait for the terminal: the thread that prints logs too.
        let printed = messages.is_some_and(|messages| messages.try_send(line.to_owned()));
        if !printed {
            print_error(line);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
