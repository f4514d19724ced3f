//! Where the processes of a rig write what they have to say.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use tempfile::TempDir;

use crate::error::RigError;
use crate::output;

/// A folder for logs: a given one, or a temporary one that goes away unless
/// something failed.
#[derive(Debug)]
pub struct LogDir {
    path: PathBuf,
    temporary: Mutex<Option<TempDir>>,
}

impl LogDir {
    /// A temporary folder, kept only when [`keep`](Self::keep) is called or the
    /// thread that drops it is panicking.
    ///
    /// # Errors
    ///
    /// [`RigError::File`] when it can't be made.
    pub fn temporary() -> Result<LogDir, RigError> {
        let made = tempfile::Builder::new().prefix("crc-scenario-").tempdir();
        let dir = made.map_err(|source| RigError::File {
            path: std::env::temp_dir(),
            source,
        })?;
        Ok(LogDir {
            path: dir.path().to_owned(),
            temporary: Mutex::new(Some(dir)),
        })
    }

    /// The folder `path`, made if it is not there, and left there.
    ///
    /// # Errors
    ///
    /// [`RigError::File`] when it can't be made.
    pub fn at(path: &Path) -> Result<LogDir, RigError> {
        fs::create_dir_all(path).map_err(|source| RigError::File {
            path: path.to_owned(),
            source,
        })?;
        Ok(LogDir {
            path: path.to_owned(),
            temporary: Mutex::new(None),
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps the folder for whoever wants to look into it.
    pub fn keep(&self) {
        let mut temporary = self.temporary.lock().expect("nobody panics holding this");
        if let Some(dir) = temporary.take() {
            let _ = dir.keep();
        }
    }

    /// A file in it that nobody has yet, called `wish` as far as that is a
    /// plain name and still free.
    pub(crate) fn file(&self, wish: &str) -> PathBuf {
        let base = Path::new(wish).file_name().unwrap_or("process".as_ref());
        let base: String = base
            .to_string_lossy()
            .chars()
            .map(|c| match c {
                'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | '_' => c,
                _ => '_',
            })
            .take(100)
            .collect();
        let base = base.trim_start_matches('.');
        let (stem, ending) = base.rsplit_once('.').unwrap_or((base, "log"));
        let mut path = self.path.join(format!("{stem}.{ending}"));
        let mut number = 1;
        // `create_new` takes the name as it looks whether it is free.
        while fs::File::create_new(&path)
            .is_err_and(|error| error.kind() == std::io::ErrorKind::AlreadyExists)
        {
            number += 1;
            path = self.path.join(format!("{stem}-{number}.{ending}"));
        }
        path
    }
}

impl Drop for LogDir {
    fn drop(&mut self) {
        let temporary = self
            .temporary
            .get_mut()
            .expect("nobody panics holding this");
        if thread::panicking() && temporary.is_some() {
            output::complaint(format_args!("the logs are in {}", self.path.display()));
            self.keep();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_folder_goes_away_unless_kept() {
        let gone = LogDir::temporary().unwrap().path().to_owned();
        assert!(!gone.exists());
        let kept = {
            let dir = LogDir::temporary().unwrap();
            dir.keep();
            dir.path().to_owned()
        };
        assert!(kept.exists());
        fs::remove_dir(kept).unwrap();
    }

    #[test]
    fn files_stay_in_the_folder_and_never_share_a_name() {
        let dir = LogDir::temporary().unwrap();
        let name = |wish: &str| {
            let file = dir.file(wish);
            assert_eq!(file.parent(), Some(dir.path()));
            file.file_name().unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!(name("quay.log"), "quay.log");
        assert_eq!(name("quay.log"), "quay-2.log");
        assert_eq!(name("../../quay"), "quay-3.log");
        assert_eq!(name("a b/c:d.txt"), "c_d.txt");
        assert_eq!(name(".."), "process.log");
        assert_eq!(name(".hidden.log"), "hidden.log");
    }
}
