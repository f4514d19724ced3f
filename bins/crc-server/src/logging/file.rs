//! The log file, which can be opened again: an operator moves it and sends SIGHUP.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use log::Level;

use super::format::LineFormat;

/// A file that lines are appended to.
#[derive(Debug)]
pub(crate) struct LogFile {
    file: File,
    format: LineFormat,
    reopen: Arc<Reopen>,
}

/// The path of a log file, and whether it is to be opened again.
#[derive(Debug)]
pub(crate) struct Reopen {
    path: Mutex<PathBuf>,
    due: AtomicBool,
}

impl Reopen {
    /// Opens the path again, or another one, before the next line is written.
    pub(crate) fn reopen(&self, path: Option<&Path>) {
        if let Some(path) = path {
            let mut current = self.path.lock().unwrap_or_else(PoisonError::into_inner);
            if *current == path {
                return;
            }
            path.clone_into(&mut current);
        }
        self.due.store(true, Ordering::Release);
    }

    fn path(&self) -> PathBuf {
        let path = self.path.lock().unwrap_or_else(PoisonError::into_inner);
        path.clone()
    }
}

/// Whether lines can be appended to a file.
///
/// # Errors
///
/// When they cannot.
pub(crate) fn check_log_file(path: &Path) -> io::Result<()> {
    append_to(path).map(drop)
}

impl LogFile {
    /// Opens the file; notes in it are in `format`.
    pub(crate) fn open(path: &Path, format: LineFormat) -> io::Result<LogFile> {
        Ok(LogFile {
            file: append_to(path)?,
            format,
            reopen: Arc::new(Reopen {
                path: Mutex::new(path.to_owned()),
                due: AtomicBool::new(false),
            }),
        })
    }

    /// Opens the file again, on request.
    pub(crate) fn reopener(&self) -> Arc<Reopen> {
        Arc::clone(&self.reopen)
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.reopen.due.swap(false, Ordering::Acquire) {
            let path = self.reopen.path();
            match append_to(&path) {
                Ok(file) => self.file = file,
                // The old file is still open.
                Err(error) => {
                    let note = format!("cannot reopen the log file {path:?}: {error}");
                    let note = self.format.note(Level::Error, &note);
                    self.file.write_all(note.as_bytes())?;
                }
            }
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_path_can_change() {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = ["1", "2"].map(|name| folder.path().join(name));
        let mut log = LogFile::open(&one, LineFormat::Text).unwrap();
        log.write_all(b"1\n").unwrap();
        log.reopener().reopen(Some(&other));
        log.write_all(b"2\n").unwrap();
        log.reopener().reopen(Some(&other));
        log.write_all(b"3\n").unwrap();
        assert_eq!(fs::read(&one).unwrap(), b"1\n");
        assert_eq!(fs::read(&other).unwrap(), b"2\n3\n");
    }

    #[test]
    fn a_moved_file_is_opened_again_and_a_lost_folder_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let sub = folder.path().join("log");
        fs::create_dir(&sub).unwrap();
        let (path, moved) = (sub.join("a"), folder.path().join("b"));
        let mut log = LogFile::open(&path, LineFormat::Text).unwrap();
        log.write_all(b"1\n").unwrap();
        fs::rename(&path, &moved).unwrap();
        log.write_all(b"2\n").unwrap();
        log.reopener().reopen(None);
        log.write_all(b"3\n").unwrap();
        assert_eq!(fs::read(&moved).unwrap(), b"1\n2\n");
        assert_eq!(fs::read(&path).unwrap(), b"3\n");
        fs::rename(&path, &moved).unwrap();
        fs::remove_dir(&sub).unwrap();
        log.reopener().reopen(None);
        log.write_all(b"4\n").unwrap();
        let written = fs::read_to_string(&moved).unwrap();
        assert!(
            written.starts_with("3\ncrc-server: cannot reopen the log file "),
            "{written}"
        );
        assert!(written.ends_with("\n4\n"), "{written}");
    }
}
