//! Finds the commit that the programs are built from, for `--version`.
//!
//! In this order: the variable `CRC_COMMIT` (builds of an archive, such as that of a container),
//! git, and the note that `cargo package` leaves. Without any of them the version has no commit.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How many digits of a commit are shown.
const DIGITS: usize = 12;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=CRC_COMMIT");
    let folder = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let given = env::var("CRC_COMMIT").ok();
    let commit = given.and_then(|text| shortened(&text));
    let commit = commit
        .or_else(|| of_git(&folder))
        .or_else(|| of_package(&folder));
    let package = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let version = match &commit {
        None => package,
        Some(commit) => {
            println!("cargo::rustc-env=CRC_COMMIT_SHORT={commit}");
            format!("{package} ({commit})")
        }
    };
    println!("cargo::rustc-env=CRC_VERSION={version}");
}

/// The first digits of a commit; `None` if the text is none.
fn shortened(text: &str) -> Option<String> {
    let text = text.trim();
    let is_commit = text.len() >= 7 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let digits = text.get(..DIGITS.min(text.len()));
    digits.filter(|_| is_commit).map(str::to_ascii_lowercase)
}

/// The checked out commit of the repository that holds this file.
fn of_git(folder: &Path) -> Option<String> {
    // Sources that merely lie within another repository do not have its commit.
    git(folder, &["ls-files", "--error-unmatch", "build.rs"])?;
    let watched = ["HEAD".to_owned(), "logs/HEAD".to_owned()].into_iter();
    let watched = watched.chain(git(folder, &["symbolic-ref", "-q", "HEAD"]));
    for name in watched {
        let path = git(folder, &["rev-parse", "--git-path", &name]);
        // A path that does not exist would make every build run this again.
        if let Some(path) = path.map(|path| folder.join(path)).filter(|it| it.exists()) {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    shortened(&git(folder, &["rev-parse", "HEAD"])?)
}

/// What a successful git command prints.
fn git(folder: &Path, args: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(args)
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// The commit in the note of `cargo package`.
fn of_package(folder: &Path) -> Option<String> {
    let note = folder.join(".cargo_vcs_info.json");
    if !note.exists() {
        return None;
    }
    println!("cargo::rerun-if-changed={}", note.display());
    let text = fs::read_to_string(note).ok()?;
    let (_, after) = text.split_once("\"sha1\"")?;
    shortened(after.split('"').nth(1)?)
}
