//! Lines wait in memory, up to a bound, for a thread of their own that writes
//! them. What is too much is dropped, counted, and told of when there is
//! somebody again to tell.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// So many bytes may wait to be written.
const WAITING_BYTES_MAX: usize = 1024 * 1024;

/// So many bytes of a line are kept; peers' texts may be much longer.
const LINE_BYTES_MAX: usize = 2 * 1024;

/// One end of the log; each write is one whole line.
#[derive(Debug, Clone)]
pub(crate) struct LogWriter {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    /// How many lines there was no room for since.
    dropped: u64,
    /// Whether the thread has taken lines that are not written yet.
    writing: bool,
}

impl LogWriter {
    /// Starts the thread that writes to `out`.
    pub(crate) fn start(out: impl Write + Send + 'static) -> io::Result<LogWriter> {
        let shared = Arc::new(Shared::default());
        let its = Arc::clone(&shared);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || its.write_on(out))?;
        Ok(LogWriter { shared })
    }

    /// Waits until all is written, but no longer than `bound`.
    pub(crate) fn finish(&self, bound: Duration) {
        let waiting = self.shared.lock();
        let unwritten = |waiting: &mut Waiting| waiting.writing || !waiting.is_empty();
        drop(
            self.shared
                .changed
                .wait_timeout_while(waiting, bound, unwritten),
        );
    }
}

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let (kept, rest) = line.split_at_checked(LINE_BYTES_MAX).unwrap_or((line, &[]));
        let mut waiting = self.shared.lock();
        if waiting.lines.len() + kept.len() > WAITING_BYTES_MAX {
            waiting.dropped += 1;
            return Ok(line.len());
        }
        waiting.lines.extend_from_slice(kept);
        if !rest.is_empty() {
            waiting.lines.extend_from_slice(b"...\n");
        }
        drop(waiting);
        self.shared.changed.notify_all();
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.dropped == 0
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing is left half done by whoever panics with it.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes whatever comes, for ever.
    fn write_on(&self, mut out: impl Write) {
        let mut waiting = self.lock();
        loop {
            waiting = self
                .changed
                .wait_while(waiting, |waiting| waiting.is_empty())
                .unwrap_or_else(PoisonError::into_inner);
            let lines = core::mem::take(&mut waiting.lines);
            let dropped = core::mem::take(&mut waiting.dropped);
            waiting.writing = true;
            drop(waiting);
            // Whoever does not take it does not want it.
            let _ = out.write_all(&lines);
            if dropped > 0 {
                let words = format!("crc-server: {dropped} lines of the log were not taken\n");
                let _ = out.write_all(words.as_bytes());
            }
            let _ = out.flush();
            drop(lines);
            waiting = self.lock();
            waiting.writing = false;
            self.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    const LONG: Duration = Duration::from_secs(30);

    /// Takes as many writes as it is allowed, and shows them.
    struct Gate {
        allowed: Receiver<()>,
        taken: Sender<Vec<u8>>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.allowed.recv().map_err(io::Error::other)?;
            self.taken.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn gated() -> (LogWriter, Sender<()>, Receiver<Vec<u8>>) {
        let (allow, allowed) = channel();
        let (taken, seen) = channel();
        let writer = LogWriter::start(Gate { allowed, taken }).unwrap();
        (writer, allow, seen)
    }

    #[test]
    fn who_logs_waits_for_nobody_and_what_is_dropped_is_counted() {
        let (mut writer, allow, seen) = gated();
        writer.write_all(b"first\n").unwrap();
        // Once the thread has it, the rest waits.
        while !writer.shared.lock().writing {
            thread::yield_now();
        }
        let line = [&[b'x'; 1023][..], b"\n"].concat();
        for _ in 0..5000 {
            writer.write_all(&line).unwrap();
        }
        writer.finish(Duration::from_millis(10));
        assert_eq!(writer.shared.lock().lines.len(), WAITING_BYTES_MAX);
        let next = || {
            allow.send(()).unwrap();
            seen.recv_timeout(LONG).unwrap()
        };
        assert_eq!(next(), b"first\n");
        assert_eq!(next().len(), WAITING_BYTES_MAX);
        let words = "crc-server: 3976 lines of the log were not taken\n";
        assert_eq!(String::from_utf8(next()).unwrap(), words);
    }

    #[test]
    fn the_end_waits_for_the_last_line() {
        let (mut writer, allow, seen) = gated();
        writer.write_all(b"last\n").unwrap();
        thread::spawn(move || allow.send(()));
        writer.finish(LONG);
        assert_eq!(seen.try_recv().unwrap(), b"last\n");
    }

    #[test]
    fn a_long_line_is_cut() {
        let (mut writer, allow, seen) = gated();
        let line = [&[b'y'; 100_000][..], b"\n"].concat();
        writer.write_all(&line).unwrap();
        allow.send(()).unwrap();
        let taken = seen.recv_timeout(LONG).unwrap();
        assert_eq!(taken.len(), LINE_BYTES_MAX + 4);
        assert!(taken.ends_with(b"y...\n"));
    }
}
