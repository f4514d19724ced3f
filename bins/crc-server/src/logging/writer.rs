//! A writer that never blocks: lines go into a bounded buffer, and a thread writes
//! them. Lines that do not fit are dropped and counted. The thread writes the count as
//! soon as it can write again.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use log::Level;

use super::format::LineFormat;

/// The size of the buffer.
const BUFFER_BYTES_MAX: usize = 1024 * 1024;

/// The length at which a line is truncated; texts from peers can be much longer.
pub(super) const LINE_BYTES_MAX: usize = 2 * 1024;

/// The front of the log. Each write must be one whole line.
#[derive(Debug, Clone)]
pub(crate) struct LogWriter {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    buffer: Mutex<Buffer>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Buffer {
    lines: Vec<u8>,
    /// How many lines did not fit since the thread last took the buffer.
    dropped: u64,
    /// Whether the thread is writing lines that it has taken.
    writing: bool,
}

impl LogWriter {
    /// Starts the thread that writes to `out`, with notes of its own in `format`.
    pub(crate) fn start(
        out: impl Write + Send + 'static,
        format: LineFormat,
    ) -> io::Result<LogWriter> {
        let shared = Arc::new(Shared::default());
        let for_thread = Arc::clone(&shared);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || for_thread.write_lines(out, &format))?;
        Ok(LogWriter { shared })
    }

    /// Waits until all lines are written, up to `time_max`.
    pub(crate) fn finish(&self, time_max: Duration) {
        let buffer = self.shared.lock();
        let unwritten = |buffer: &mut Buffer| buffer.writing || !buffer.is_empty();
        drop(
            self.shared
                .changed
                .wait_timeout_while(buffer, time_max, unwritten),
        );
    }
}

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let (kept, rest) = line.split_at_checked(LINE_BYTES_MAX).unwrap_or((line, &[]));
        let mut buffer = self.shared.lock();
        if buffer.lines.len() + kept.len() > BUFFER_BYTES_MAX {
            buffer.dropped += 1;
            return Ok(line.len());
        }
        buffer.lines.extend_from_slice(kept);
        if !rest.is_empty() {
            buffer.lines.extend_from_slice(b"...\n");
        }
        drop(buffer);
        self.shared.changed.notify_all();
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Buffer {
    fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.dropped == 0
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Buffer> {
        // A panic cannot leave the buffer half changed.
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread: writes lines as they come, and never returns.
    fn write_lines(&self, mut out: impl Write, format: &LineFormat) {
        let mut buffer = self.lock();
        loop {
            buffer = self
                .changed
                .wait_while(buffer, |buffer| buffer.is_empty())
                .unwrap_or_else(PoisonError::into_inner);
            let lines = core::mem::take(&mut buffer.lines);
            let dropped = core::mem::take(&mut buffer.dropped);
            buffer.writing = true;
            drop(buffer);
            // There is no other place to report an error to.
            let _ = out.write_all(&lines);
            if dropped > 0 {
                let note = format!("log blocked, dropped {dropped} lines");
                let note = format.note(Level::Warn, &note);
                let _ = out.write_all(note.as_bytes());
            }
            let _ = out.flush();
            drop(lines);
            buffer = self.lock();
            buffer.writing = false;
            self.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    const LONG: Duration = Duration::from_secs(30);

    /// Completes a write when the test allows it, and reports it.
    struct StepWriter {
        allowed: Receiver<()>,
        written: Sender<Vec<u8>>,
    }

    impl Write for StepWriter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.allowed.recv().map_err(io::Error::other)?;
            self.written
                .send(bytes.to_vec())
                .map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn start_stepwise() -> (LogWriter, Sender<()>, Receiver<Vec<u8>>) {
        let (allow, allowed) = channel();
        let (written, writes) = channel();
        let writer = LogWriter::start(StepWriter { allowed, written }, LineFormat::Text).unwrap();
        (writer, allow, writes)
    }

    #[test]
    fn a_blocked_log_drops_and_counts_lines() {
        let (mut writer, allow, writes) = start_stepwise();
        writer.write_all(b"first\n").unwrap();
        // Once the thread has taken it, further lines stay in the buffer.
        while !writer.shared.lock().writing {
            thread::yield_now();
        }
        let line = [&[b'x'; 1023][..], b"\n"].concat();
        for _ in 0..5000 {
            writer.write_all(&line).unwrap();
        }
        writer.finish(Duration::from_millis(10));
        assert_eq!(writer.shared.lock().lines.len(), BUFFER_BYTES_MAX);
        let next = || {
            allow.send(()).unwrap();
            writes.recv_timeout(LONG).unwrap()
        };
        assert_eq!(next(), b"first\n");
        assert_eq!(next().len(), BUFFER_BYTES_MAX);
        let note = "crc-server: log blocked, dropped 3976 lines\n";
        assert_eq!(String::from_utf8(next()).unwrap(), note);
    }

    #[test]
    fn finish_waits_for_the_last_line() {
        let (mut writer, allow, writes) = start_stepwise();
        writer.write_all(b"last\n").unwrap();
        thread::spawn(move || allow.send(()));
        writer.finish(LONG);
        assert_eq!(writes.try_recv().unwrap(), b"last\n");
    }

    #[test]
    fn a_long_line_is_truncated() {
        let (mut writer, allow, writes) = start_stepwise();
        let line = [&[b'y'; 100_000][..], b"\n"].concat();
        writer.write_all(&line).unwrap();
        allow.send(()).unwrap();
        let line = writes.recv_timeout(LONG).unwrap();
        assert_eq!(line.len(), LINE_BYTES_MAX + 4);
        assert!(line.ends_with(b"y...\n"));
    }
}
