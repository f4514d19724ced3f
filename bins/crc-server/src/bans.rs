//! The file with the bans of the network. A thread of its own writes it, so that a slow disk
//! does not hold up the relay.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use crc_core::Ban;

/// The largest file that is read: 4,096 bans of 1 KiB.
const BYTES_MAX: usize = 4 << 20;

/// How many lines that are no bans are named.
const LINES_NAMED_MAX: usize = 8;

/// The first line of the file.
const HEAD: &str = "# The bans of a relay chat network, written by crc-server.";

/// What a file says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) bans: Vec<Box<str>>,
    /// The numbers of the lines that are no bans.
    left_out: Vec<usize>,
}

impl Stored {
    /// A line about what was left out, if something was.
    pub(crate) fn warning(&self, path: &Path) -> Option<String> {
        let lines = self.left_out.iter().take(LINES_NAMED_MAX);
        let lines: Vec<_> = lines.map(ToString::to_string).collect();
        let more = match self.left_out.len() {
            0 => return None,
            count if count > LINES_NAMED_MAX => " and more",
            _ => "",
        };
        let lines = lines.join(", ");
        Some(format!(
            "{path:?} has lines that are no bans, and are left out: {lines}{more}"
        ))
    }
}

/// Reads the bans; none if there is no such file. Checks that they can be written again.
pub(crate) fn read(path: &Path) -> io::Result<Stored> {
    check_writable(path)?;
    let bytes = match crc_cli::read_file(path, BYTES_MAX) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Stored::default()),
        read => read?.0,
    };
    let text = String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8 text"))?;
    let mut stored = Stored::default();
    for (line, number) in text.trim_start_matches('\u{feff}').lines().zip(1..) {
        match line.parse::<Ban>() {
            _ if line.starts_with('#') || line.is_empty() => {}
            Ok(_) => stored.bans.push(line.into()),
            Err(_) => stored.left_out.push(number),
        }
    }
    Ok(stored)
}

/// Whether a file can be replaced: it is not something else than a file, and its folder can be
/// written to.
fn check_writable(path: &Path) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(io::Error::other("it is not a file"));
    }
    let new = path_of_new(&target_of(path));
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&new)
        .and_then(|_| fs::remove_file(&new))
        .map_err(|error| io::Error::other(format!("cannot write {}: {error}", new.display())))
}

/// The file that a path means: a symbolic link stays one.
fn target_of(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// The file that is written before it replaces another one.
fn path_of_new(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}

/// Replaces the file at once: a reader finds the old bans or the new ones.
fn write(path: &Path, lines: &[Box<str>]) -> io::Result<()> {
    let mut text = format!("{HEAD}\n");
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    let path = target_of(path);
    let new = path_of_new(&path);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, &path)
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
        assert_eq!(read(&path).unwrap(), Stored::default());
        let file = BanFile::start(path.clone()).unwrap();
        file.store(vec!["one".into()]);
        let last: Vec<Box<str>> = vec![
            "k 1 0 ann bob!*@* x".into(),
            "d 2 9 ann 10.0.0.0/8 y".into(),
        ];
        file.store(last.clone());
        file.finish();
        let stored = read(&path).unwrap();
        assert_eq!((&stored.bans, stored.warning(&path)), (&last, None));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        fs::write(&path, b"\xff").unwrap();
        assert!(read(&path).is_err());
        // What is no ban is left out, and a mark of the byte order, and line ends of all kinds.
        let text =
            "\u{feff}# head\r\nk 1 0 ann bob!*@* x\r\n\r\nbob\nk 1 0 ann\nd 2 9 ann 10.0.0.0/8 y";
        fs::write(&path, text).unwrap();
        let stored = read(&path).unwrap();
        assert_eq!(stored.bans, last);
        let warning = stored.warning(Path::new("f"));
        let text = "\"f\" has lines that are no bans, and are left out: 4, 5";
        assert_eq!(warning.as_deref(), Some(text));
    }

    #[test]
    fn only_a_file_that_can_be_written_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let error = |path: &Path| read(path).unwrap_err().to_string();
        assert_eq!(error(folder.path()), "it is not a file");
        assert_eq!(error(Path::new("/dev/null")), "it is not a file");
        let missing = error(&folder.path().join("none/bans"));
        assert!(missing.starts_with("cannot write "), "{missing}");
        // A link stays one.
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        let ban: Box<str> = "k 1 0 ann bob!*@* x".into();
        write(&file, &[]).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write(&link, std::slice::from_ref(&ban)).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(read(&file).unwrap().bans, [ban]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
