//! A writer that never blocks: lines go into a bounded buffer, and a thread writes
//! them. Lines that do not fit are dropped and counted. The thread writes the count as
//! soon as it can write again.
//!
//! After a write the thread rests, and then writes what has come meanwhile at once:
//! waking it for each line would cost the server more than the line.

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

/// How long the thread rests after a write, unless the buffer is half full before.
const REST: Duration = Duration::from_millis(20);

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
    /// What the thread does.
    state: State,
    /// Whether the thread must not rest: the end of the process waits for it.
    finishing: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// It is about to take the lines.
    #[default]
    Awake,
    /// It writes the lines that it has taken.
    Writing,
    /// It takes the lines when it has rested.
    Resting,
    /// It waits for a line.
    Waiting,
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
        let mut buffer = self.shared.lock();
        buffer.finishing = true;
        self.shared.changed.notify_all();
        let unwritten = |buffer: &mut Buffer| buffer.state == State::Writing || !buffer.is_empty();
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
        let wakes = match buffer.state {
            State::Waiting => true,
            State::Resting => buffer.is_half_full(),
            State::Awake | State::Writing => false,
        };
        if wakes {
            buffer.state = State::Awake;
            drop(buffer);
            self.shared.changed.notify_all();
        }
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

    fn is_half_full(&self) -> bool {
        self.lines.len() >= BUFFER_BYTES_MAX / 2
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
            buffer.state = State::Waiting;
            buffer = self
                .changed
                .wait_while(buffer, |buffer| buffer.is_empty())
                .unwrap_or_else(PoisonError::into_inner);
            let lines = core::mem::take(&mut buffer.lines);
            let dropped = core::mem::take(&mut buffer.dropped);
            buffer.state = State::Writing;
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
            buffer.state = State::Resting;
            if buffer.finishing {
                self.changed.notify_all();
            }
            let rests = |buffer: &mut Buffer| !buffer.finishing && !buffer.is_half_full();
            let rested = self.changed.wait_timeout_while(buffer, REST, rests);
            (buffer, _) = rested.unwrap_or_else(PoisonError::into_inner);
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
        while writer.shared.lock().state != State::Writing {
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
    fn lines_are_written_in_order_whether_the_thread_rests_or_waits() {
        let (mut writer, allow, writes) = start_stepwise();
        let mut lines = String::new();
        let mut written = Vec::new();
        for number in 0..300 {
            let line = format!("line {number}\n");
            writer.write_all(line.as_bytes()).unwrap();
            lines.push_str(&line);
            allow.send(()).unwrap();
            // Now and then the next line comes after all before it are written.
            while number % 30 == 0 && written.len() < lines.len() {
                written.extend(writes.recv_timeout(LONG).unwrap());
            }
        }
        while written.len() < lines.len() {
            written.extend(writes.recv_timeout(LONG).unwrap());
        }
        assert_eq!(String::from_utf8(written).unwrap(), lines);
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
