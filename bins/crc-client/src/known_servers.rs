//! Servers with certificates that no authority vouches for: the first certificate of a server is
//! trusted and remembered, another one later is refused.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crc_core::{Fingerprint, TlsFailure};
use crc_net::UnknownCertificates;

/// A larger file is none of this program's.
const FILE_BYTES_MAX: usize = 1024 * 1024;

/// A file with a line for each server: its address and the fingerprint of its certificate.
#[derive(Debug)]
pub(crate) struct KnownServers {
    path: Option<PathBuf>,
}

impl KnownServers {
    /// The file in the usual place.
    pub(crate) fn in_usual_place() -> KnownServers {
        KnownServers { path: usual_path() }
    }

    fn find(path: &Path, server: &str) -> io::Result<Option<Fingerprint>> {
        let bytes = match crc_cli::read_file(path, FILE_BYTES_MAX) {
            Ok((bytes, _)) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let text = String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8"))?;
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            if words.next() == Some(server) {
                let fingerprint = words.next().and_then(|word| word.parse().ok());
                let invalid = || io::Error::other(format!("the line of {server} is invalid"));
                return fingerprint.map(Some).ok_or_else(invalid);
            }
        }
        Ok(None)
    }

    fn add(path: &Path, server: &str, fingerprint: Fingerprint) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        file.write_all(format!("{server} {fingerprint}\n").as_bytes())
    }
}

impl UnknownCertificates for KnownServers {
    fn check(&self, host: &str, port: u16, found: Fingerprint) -> Result<(), TlsFailure> {
        let server = match host.contains(':') {
            true => format!("[{host}]:{port}"),
            false => format!("{}:{port}", host.to_ascii_lowercase()),
        };
        let Some(path) = &self.path else {
            log::error!("cannot remember the certificate of {server}: there is no home folder");
            return Err(TlsFailure::UnknownAuthority);
        };
        match Self::find(path, &server) {
            Ok(Some(known)) if known == found => Ok(()),
            Ok(Some(known)) => {
                log::error!("the certificate of {server} was {known}, and now is {found}");
                Err(TlsFailure::Changed)
            }
            Ok(None) => match Self::add(path, &server, found) {
                Ok(()) => {
                    log::warn!(
                        "no authority vouches for {server}: its certificate is trusted from now \
                         on, and remembered in {path:?}: {found}"
                    );
                    Ok(())
                }
                Err(error) => {
                    log::error!("cannot remember the certificate of {server} in {path:?}: {error}");
                    Err(TlsFailure::UnknownAuthority)
                }
            },
            Err(error) => {
                log::error!("cannot read {path:?}: {error}");
                Err(TlsFailure::UnknownAuthority)
            }
        }
    }
}

/// `crc/known-servers` in the folder for state (XDG).
pub(crate) fn usual_path() -> Option<PathBuf> {
    let absolute = |name| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|it| it.is_absolute())
    };
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    state.map(|state| state.join("crc/known-servers"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_certificate_is_remembered_and_another_one_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("crc/known-servers");
        let known = KnownServers {
            path: Some(path.clone()),
        };
        let (first, second) = (Fingerprint([1; 32]), Fingerprint([2; 32]));
        for _ in 0..2 {
            assert_eq!(known.check("Localhost", 1, first), Ok(()));
            assert_eq!(known.check("::1", 1, second), Ok(()));
        }
        assert_eq!(known.check("localhost", 2, second), Ok(()));
        let changed = Err(TlsFailure::Changed);
        assert_eq!(known.check("localhost", 1, second), changed);
        assert_eq!(known.check("::1", 1, first), changed);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            format!("localhost:1 {first}\n[::1]:1 {second}\nlocalhost:2 {second}\n")
        );
        fs::write(&path, "localhost:1 nonsense\n").unwrap();
        let unknown = Err(TlsFailure::UnknownAuthority);
        assert_eq!(known.check("localhost", 1, first), unknown);
        assert_eq!(KnownServers { path: None }.check("a", 1, first), unknown);
    }
}
