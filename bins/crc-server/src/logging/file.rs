//! The log file, which can be opened again: an operator moves it and sends SIGHUP.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A file that lines are appended to.
#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    file: File,
    reopen: Arc<AtomicBool>,
}

impl LogFile {
    pub(crate) fn open(path: &Path) -> io::Result<LogFile> {
        Ok(LogFile {
            path: path.to_owned(),
            file: append_to(path)?,
            reopen: Arc::default(),
        })
    }

    /// Setting this flag opens the path again before the next line is written.
    pub(crate) fn reopen_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.reopen)
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.reopen.swap(false, Ordering::Relaxed) {
            match append_to(&self.path) {
                Ok(file) => self.file = file,
                // The old file is still open.
                Err(error) => {
                    let path = &self.path;
                    writeln!(
                        self.file,
                        "crc-server: cannot reopen the log file {path:?}: {error}"
                    )?;
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
    fn a_moved_file_is_opened_again_and_a_lost_folder_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let sub = folder.path().join("log");
        fs::create_dir(&sub).unwrap();
        let (path, moved) = (sub.join("a"), folder.path().join("b"));
        let mut log = LogFile::open(&path).unwrap();
        log.write_all(b"1\n").unwrap();
        fs::rename(&path, &moved).unwrap();
        log.write_all(b"2\n").unwrap();
        log.reopen_flag().store(true, Ordering::Relaxed);
        log.write_all(b"3\n").unwrap();
        assert_eq!(fs::read(&moved).unwrap(), b"1\n2\n");
        assert_eq!(fs::read(&path).unwrap(), b"3\n");
        fs::rename(&path, &moved).unwrap();
        fs::remove_dir(&sub).unwrap();
        log.reopen_flag().store(true, Ordering::Relaxed);
        log.write_all(b"4\n").unwrap();
        let written = fs::read_to_string(&moved).unwrap();
        assert!(
            written.starts_with("3\ncrc-server: cannot reopen the log file "),
            "{written}"
        );
        assert!(written.ends_with("\n4\n"), "{written}");
    }
}
