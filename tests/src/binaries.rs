//! Where the binaries under test are, and that they are not older than their
//! sources.
//!
//! In this order: a folder that was named; the environment's `CRC_SERVER_BIN`,
//! `CRC_CLIENT_BIN`, `CRC_SIM_BIN`, `CRC_BENCH_BIN` and `CRC_RENDEZVOUS_BIN`; the folder of the running program, where one build
//! puts everything. In the last case, and only under cargo (which says so in
//! the environment's `CARGO`), they are built first when one is missing or a
//! source is newer: `cargo run -p crc-scenario` and `cargo test -p
//! crc-scenario` build no binaries of other packages by themselves.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use crate::error::RigError;

/// What a rig starts.
const NODES: &[&str] = &["crc-server", "crc-client"];

/// The binaries that a rig starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    /// The server.
    pub server: PathBuf,
    /// The client.
    pub client: PathBuf,
}

impl Binaries {
    /// The two in `folder`.
    ///
    /// # Errors
    ///
    /// [`RigError::Binaries`] when one of them isn't there.
    pub fn in_folder(folder: &Path) -> Result<Binaries, RigError> {
        Ok(Binaries {
            server: in_folder(folder, "crc-server")?,
            client: in_folder(folder, "crc-client")?,
        })
    }

    /// Finds them, and builds them where that is called for.
    ///
    /// # Errors
    ///
    /// [`RigError::Binaries`] when they can't be found or built.
    pub fn find() -> Result<Binaries, RigError> {
        let server = env::var_os("CRC_SERVER_BIN").map(PathBuf::from);
        let client = env::var_os("CRC_CLIENT_BIN").map(PathBuf::from);
        if let (Some(server), Some(client)) = (&server, &client) {
            return Ok(Binaries {
                server: server.clone(),
                client: client.clone(),
            });
        }
        let folder = own_folder()?;
        if let Some(cargo) = env::var_os("CARGO") {
            build_if_stale(&cargo, &folder, NODES)?;
        }
        let found = Binaries::in_folder(&folder)?;
        Ok(Binaries {
            server: server.unwrap_or(found.server),
            client: client.unwrap_or(found.client),
        })
    }
}

/// Finds the program `crc-sim`, which replays what servers have recorded, and
/// builds it where that is called for.
///
/// # Errors
///
/// [`RigError::Binaries`] when it can't be found or built.
pub fn find_sim() -> Result<PathBuf, RigError> {
    find_one("crc-sim")
}

/// Finds the program `crc-bench`, which puts networks under load, and builds it
/// where that is called for.
///
/// # Errors
///
/// [`RigError::Binaries`] when it can't be found or built.
pub fn find_bench() -> Result<PathBuf, RigError> {
    find_one("crc-bench")
}

/// Finds the program `crc-rendezvous`, where servers find each other, and builds it
/// where that is called for.
///
/// # Errors
///
/// [`RigError::Binaries`] when it can't be found or built.
pub fn find_rendezvous() -> Result<PathBuf, RigError> {
    find_one("crc-rendezvous")
}

fn find_one(name: &str) -> Result<PathBuf, RigError> {
    if let Some(path) = env::var_os(variable(name)) {
        return Ok(path.into());
    }
    let folder = own_folder()?;
    if let Some(cargo) = env::var_os("CARGO") {
        build_if_stale(&cargo, &folder, &[name])?;
    }
    in_folder(&folder, name)
}

/// What says in the environment where a binary is.
fn variable(name: &str) -> String {
    format!("{}_BIN", name.replace('-', "_").to_uppercase())
}

fn in_folder(folder: &Path, name: &str) -> Result<PathBuf, RigError> {
    let path = folder.join(format!("{name}{}", env::consts::EXE_SUFFIX));
    if path.is_file() {
        return Ok(path);
    }
    Err(RigError::Binaries(format!(
        "there is no {name} in {}; build it with `cargo build -p {}`, \
         or say where it is with --bin-dir or {}",
        folder.display(),
        package(name),
        variable(name)
    )))
}

/// The package that a binary belongs to.
fn package(name: &str) -> &str {
    match name {
        // The libraries have the names.
        "crc-sim" => "crc-sim-cli",
        "crc-rendezvous" => "crc-rendezvous-cli",
        _ => name,
    }
}

/// The folder that a build puts binaries into, told by where we are ourselves.
fn own_folder() -> Result<PathBuf, RigError> {
    let own = env::current_exe().map_err(|source| RigError::File {
        path: "the running program".into(),
        source,
    })?;
    let mut folder = own.parent().expect("a file is in a folder");
    // Tests lie one further down.
    if folder.file_name() == Some(OsStr::new("deps")) {
        folder = folder.parent().expect("deps is in a folder");
    }
    Ok(folder.to_owned())
}

/// One process builds, the others wait for it and find everything fresh.
fn build_if_stale(cargo: &OsStr, folder: &Path, names: &[&str]) -> Result<(), RigError> {
    let stamp = folder.join(format!(".crc-scenario-built-{}", names.join("-")));
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package is a member of the workspace");
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| RigError::File { path, source }
    };
    if is_fresh(folder, &stamp, workspace, names).map_err(failed(workspace))? {
        return Ok(());
    }
    let lock_path = folder.join(".crc-scenario-lock");
    let lock = File::create(&lock_path).map_err(failed(&lock_path))?;
    lock.lock().map_err(failed(&lock_path))?;
    if is_fresh(folder, &stamp, workspace, names).map_err(failed(workspace))? {
        return Ok(());
    }
    let began = SystemTime::now();
    build(cargo, folder, workspace, names)?;
    File::create(&stamp)
        .and_then(|file| file.set_modified(began))
        .map_err(failed(&stamp))
}

/// Whether the binaries are there and newer than every source; or were found
/// to be up to date at a time that is (a source may be newer than a binary
/// that doesn't depend on it).
fn is_fresh(folder: &Path, stamp: &Path, workspace: &Path, names: &[&str]) -> io::Result<bool> {
    let mut built = SystemTime::now();
    for name in names {
        match in_folder(folder, name) {
            Ok(binary) => built = built.min(modified(&binary)?),
            Err(_) => return Ok(false),
        }
    }
    let mut newest = modified(&workspace.join("Cargo.toml"))?;
    newest = newest.max(modified(&workspace.join("Cargo.lock"))?);
    for part in ["crates", "bins"] {
        newest = newest.max(newest_source(&workspace.join(part))?);
    }
    let found_fresh = modified(stamp).is_ok_and(|found| found > newest);
    Ok(built > newest || found_fresh)
}

fn modified(path: &Path) -> io::Result<SystemTime> {
    fs::metadata(path)?.modified()
}

fn newest_source(folder: &Path) -> io::Result<SystemTime> {
    let mut newest = SystemTime::UNIX_EPOCH;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            newest = newest.max(newest_source(&entry.path())?);
        } else if metadata.is_file() {
            newest = newest.max(metadata.modified()?);
        }
    }
    Ok(newest)
}

fn build(cargo: &OsStr, folder: &Path, workspace: &Path, names: &[&str]) -> Result<(), RigError> {
    let mut command = Command::new(cargo);
    command
        .args(["build", "--quiet"])
        .args(names.iter().flat_map(|name| ["-p", package(name)]))
        .current_dir(workspace)
        .stdin(Stdio::null());
    // The folder is named after the profile, but for the first.
    match folder.file_name().and_then(OsStr::to_str) {
        Some("debug") | None => {}
        Some(profile) => {
            command.args(["--profile", profile]);
        }
    }
    let output = command.output().map_err(|source| RigError::Start {
        program: cargo.into(),
        source,
    })?;
    if output.status.success() {
        return Ok(());
    }
    Err(RigError::Binaries(format!(
        "{} can't be built:\n{}",
        names.join(" and "),
        String::from_utf8_lossy(&output.stderr).trim_end()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let missing = Binaries::in_folder(folder.path()).unwrap_err().to_string();
        assert!(
            missing.starts_with("there is no crc-server in "),
            "{missing}"
        );
    }

    #[test]
    fn a_newer_source_is_stale_until_it_was_looked_at() {
        let workspace = tempfile::tempdir().unwrap();
        let root = workspace.path();
        let at = |seconds| SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        let write = |name: &str, seconds| {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            File::create(path)
                .unwrap()
                .set_modified(at(seconds))
                .unwrap();
        };
        let stamp = root.join("stamp");
        let check = |fresh| {
            assert_eq!(
                is_fresh(&root.join("out"), &stamp, root, NODES).unwrap(),
                fresh
            );
        };
        write("Cargo.toml", 10);
        write("Cargo.lock", 10);
        write("crates/a/src/lib.rs", 20);
        write("bins/b/src/main.rs", 10);
        check(false);
        write(&format!("out/crc-server{}", env::consts::EXE_SUFFIX), 30);
        check(false);
        write(&format!("out/crc-client{}", env::consts::EXE_SUFFIX), 30);
        check(true);
        write("crates/a/tests/more.rs", 40);
        check(false);
        write("stamp", 50);
        check(true);
        write("bins/b/Cargo.toml", 60);
        check(false);
    }
}
