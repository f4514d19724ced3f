//! The file with the bans of the network. A thread of its own writes it, so that a slow disk
//! does not hold up the relay.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

/// The largest file that is read: 4,096 bans of 1 KiB.
const BYTES_MAX: u64 = 4 << 20;

/// The first line of the file.
const HEAD: &str = "# The bans of a relay chat network, written by crc-server.";

/// Reads the bans; none if there is no such file.
pub(crate) fn read(path: &Path) -> io::Result<Vec<Box<str>>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened?,
    };
    let mut text = String::new();
    file.take(BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > BYTES_MAX {
        return Err(io::Error::other("it has more than 4 MiB"));
    }
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    Ok(lines.map(Into::into).collect())
}

/// Replaces the file at once: a reader finds the old bans or the new ones.
fn write(path: &Path, lines: &[Box<str>]) -> io::Result<()> {
    let mut text = format!("{HEAD}\n");
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)
}

/// The thread that writes the file.
#[derive(Debug)]
pub(crate) struct BanFile {
    lists: Sender<Vec<Box<str>>>,
    thread: JoinHandle<()>,
}

impl BanFile {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// When the system provides no thread.
    pub(crate) fn start(path: PathBuf) -> io::Result<BanFile> {
        let (lists, received) = channel();
        let thread = thread::Builder::new()
            .name("bans".to_owned())
            .spawn(move || write_all(&path, &received))?;
        Ok(BanFile { lists, thread })
    }

    /// Has these bans written. The relay server hands out at most one list a second.
    pub(crate) fn store(&self, lines: Vec<Box<str>>) {
        let _ = self.lists.send(lines);
    }

    /// Waits until the last ones are written.
    pub(crate) fn finish(self) {
        drop(self.lists);
        let _ = self.thread.join();
    }
}

fn write_all(path: &Path, received: &Receiver<Vec<Box<str>>>) {
    while let Ok(first) = received.recv() {
        // Only the last list counts.
        let lines = received.try_iter().last().unwrap_or(first);
        match write(path, &lines) {
            Ok(()) => log::debug!("{} bans written to {path:?}", lines.len()),
            Err(error) => log::error!("cannot write the bans to {path:?}: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bans_come_back_from_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bans");
        assert_eq!(read(&path).unwrap(), Vec::<Box<str>>::new());
        let file = BanFile::start(path.clone()).unwrap();
        file.store(vec!["one".into()]);
        let last: Vec<Box<str>> = vec!["two".into(), "three and more".into()];
        file.store(last.clone());
        file.finish();
        assert_eq!(read(&path).unwrap(), last);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        fs::write(&path, b"\xff").unwrap();
        assert!(read(&path).is_err());
    }
}
