//! A configuration file in TOML that has the options of the command line.
//!
//! An option has one definition: its clap argument. The key in the file is the option's long
//! name, the section is its help heading in lower case; options without a heading stand
//! before the first section. The value goes through the argument's own parser. So a new
//! option has a key, and its rules hold in the file, without further code.
//!
//! [`merge`] parses the options of a file together with a command line, which wins: an option
//! on the command line replaces that of the file, lists as a whole. [`annotated`] writes a
//! file of all options. Everything that is wrong becomes a [`ConfigError`] with file and line.
//!
//! A program may have tables of its own besides, such as `[[link]]`: it names them to
//! [`ConfigFile::options`], and reads them with [`ConfigFile::tables`] into a type whose inner
//! structs have `#[serde(deny_unknown_fields)]`. `toml::Spanned` fields keep the place of a
//! value, for [`ConfigFile::error_at`].

mod annotated;
mod options;
mod suggestion;

use core::fmt;
use core::ops::Range;
use std::env;
use std::path::{Path, PathBuf};

pub use annotated::annotated;
pub use options::{FileOption, FileOptions, MergeError, merge, parse_command_line};
pub use suggestion::did_you_mean;
pub use toml::Spanned;

/// The largest file that is read.
pub const FILE_BYTES_MAX: usize = 1024 * 1024;

/// How many errors of one file are reported.
pub const ERRORS_MAX: usize = 20;

/// A file that was read, and is not parsed yet.
#[derive(Debug, Clone)]
pub struct ConfigFile {
    path: PathBuf,
    text: String,
}

/// What is wrong in a file, and where: `FILE:LINE:COLUMN: text`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The file.
    pub path: PathBuf,
    /// The place, unless it is the file as a whole.
    pub position: Option<Position>,
    /// What is wrong, and what to write instead.
    pub text: String,
}

/// A place in a file. Both count from 1; a column is a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl ConfigError {
    /// `FILE:LINE:COLUMN`, if it has a place.
    #[must_use]
    pub fn place(&self) -> Option<String> {
        let Position { line, column } = self.position?;
        Some(format!("{}:{line}:{column}", self.path.display()))
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place() {
            Some(place) => write!(f, "{place}: {}", self.text),
            None => write!(f, "{}: {}", self.path.display(), self.text),
        }
    }
}

impl core::error::Error for ConfigError {}

/// The places at which a file is looked for, if the command line names none: the first that
/// exists is read. `name` is its path below the folders for configuration (XDG) and `/etc`.
#[must_use]
pub fn usual_places(name: &str) -> Vec<PathBuf> {
    let folder = |name| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let home = || folder("HOME").map(|home| home.join(".config"));
    let user = folder("XDG_CONFIG_HOME").or_else(home);
    let user = user.filter(|folder| folder.is_absolute());
    let folders = user.into_iter().chain([PathBuf::from("/etc")]);
    folders.map(|folder| folder.join(name)).collect()
}

impl ConfigFile {
    /// Reads the file that the command line names, or else the first of the usual places that
    /// exists; `None` if there is no file.
    ///
    /// # Errors
    ///
    /// As for [`ConfigFile::read`].
    pub fn find(
        named: Option<PathBuf>,
        places: Vec<PathBuf>,
    ) -> Result<Option<ConfigFile>, ConfigError> {
        // A place that cannot be looked at is not skipped silently.
        let exists = |path: &PathBuf| !matches!(path.try_exists(), Ok(false));
        let path = named.or_else(|| places.into_iter().find(exists));
        path.as_deref().map(ConfigFile::read).transpose()
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is too large, or is not UTF-8.
    pub fn read(path: &Path) -> Result<ConfigFile, ConfigError> {
        let read = crate::read_file(path, FILE_BYTES_MAX);
        let (bytes, _) = read.map_err(|error| ConfigError {
            path: path.to_owned(),
            position: None,
            text: format!("cannot read the configuration file: {error}"),
        })?;
        ConfigFile::from_bytes(path, bytes)
    }

    /// A file with these contents.
    ///
    /// # Errors
    ///
    /// When they are not UTF-8.
    pub fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<ConfigFile, ConfigError> {
        let path = path.to_owned();
        match String::from_utf8(bytes) {
            Ok(text) => Ok(ConfigFile { path, text }),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(&error.into_bytes()[..at]).into_owned();
                let valid = ConfigFile { path, text };
                Err(valid.error_at(at..at, "the file must be UTF-8 text"))
            }
        }
    }

    /// The path that it was read from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the program's own tables. What else is in the file is not looked at, so `T` itself
    /// must not have `deny_unknown_fields`, but the structs in it should.
    ///
    /// # Errors
    ///
    /// When the file is not TOML, or a table does not fit `T`.
    pub fn tables<T: serde::de::DeserializeOwned>(&self) -> Result<T, ConfigError> {
        toml::from_str(&self.text).map_err(|error: toml::de::Error| {
            let span = error.span().unwrap_or(0..0);
            let text = suggestion::plain_table_error(&self.text, error.message(), span.start);
            self.error_at(span, text)
        })
    }

    /// An error at a place of the file.
    #[must_use]
    pub fn error_at(&self, span: Range<usize>, text: impl Into<String>) -> ConfigError {
        ConfigError {
            path: self.path.clone(),
            position: Some(self.position(span.start)),
            text: text.into(),
        }
    }

    /// The file is not TOML.
    fn syntax_error(&self, error: &toml::de::Error) -> ConfigError {
        let span = error.span().unwrap_or(0..0);
        let text = suggestion::plain_syntax_error(&self.text, error.message(), span.start);
        self.error_at(span, text)
    }

    fn position(&self, at: usize) -> Position {
        let before = self.text.get(..at).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        Position {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

#[cfg(test)]
mod tests;
