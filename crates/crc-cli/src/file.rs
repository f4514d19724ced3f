//! Files that a program reads as a whole: bounded, and without waiting for a pipe that no program
//! writes to.

use std::fs::{Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::fs::OFlags;

/// How long a pipe may have nothing to read, in pauses of [`PAUSE`].
const PAUSES_MAX: u32 = 250;

/// A pause before a pipe is read again.
const PAUSE: Duration = Duration::from_millis(20);

/// Reads a file of at most `bytes_max`.
///
/// # Errors
///
/// When it cannot be read, is too large, or is a pipe or a device that has nothing to read.
pub fn read_file(path: &Path, bytes_max: usize) -> io::Result<(Vec<u8>, Metadata)> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)?;
    let metadata = file.metadata()?;
    let mut bytes = Vec::new();
    let mut pauses = 0;
    loop {
        let room = (bytes_max - bytes.len()) as u64 + 1;
        match (&file).take(room).read_to_end(&mut bytes) {
            Ok(_) => break,
            // What has come until then is in `bytes`.
            Err(error) if error.kind() == ErrorKind::WouldBlock && pauses < PAUSES_MAX => {
                pauses += 1;
                thread::sleep(PAUSE);
            }
            Err(error) => return Err(error),
        }
        if bytes.len() > bytes_max {
            break;
        }
    }
    if bytes.len() > bytes_max {
        return Err(io::Error::other(format!(
            "it has more than {}",
            name_of(bytes_max)
        )));
    }
    if bytes.is_empty() && !metadata.is_file() {
        return Err(io::Error::other(
            "it is not a file, and has nothing to read",
        ));
    }
    Ok((bytes, metadata))
}

fn name_of(bytes: usize) -> String {
    match bytes {
        bytes if bytes % (1 << 20) == 0 => format!("{} MiB", bytes >> 20),
        bytes if bytes % (1 << 10) == 0 => format!("{} KiB", bytes >> 10),
        bytes => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::os::fd::AsRawFd;

    use super::*;

    fn read(path: &Path, bytes_max: usize) -> Result<Vec<u8>, String> {
        read_file(path, bytes_max)
            .map(|(bytes, _)| bytes)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn files_are_read_up_to_their_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert!(read(&path, 1).unwrap_err().starts_with("No such file"));
        fs::write(&path, "").unwrap();
        assert_eq!(read(&path, 0).unwrap(), b"");
        fs::write(&path, vec![b'x'; 2048]).unwrap();
        assert_eq!(read(&path, 2048).unwrap().len(), 2048);
        assert_eq!(
            read(&path, 2047).unwrap_err(),
            "it has more than 2047 bytes"
        );
        assert_eq!(read(&path, 1024).unwrap_err(), "it has more than 1 KiB");
        let zero = Path::new("/dev/zero");
        assert_eq!(read(zero, 1 << 20).unwrap_err(), "it has more than 1 MiB");
        assert!(read(folder.path(), 9).unwrap_err().contains("directory"));
    }

    #[test]
    fn a_pipe_is_read_if_a_program_writes_to_it() {
        let (reader, mut writer) = io::pipe().unwrap();
        let path = format!("/proc/self/fd/{}", reader.as_raw_fd());
        writer.write_all(b"te").unwrap();
        let writing = thread::spawn(move || writer.write_all(b"xt"));
        assert_eq!(read(Path::new(&path), 9).unwrap(), b"text");
        writing.join().unwrap().unwrap();
        // It can be read once.
        let error = read(Path::new(&path), 9).unwrap_err();
        assert_eq!(error, "it is not a file, and has nothing to read");
    }
}
