//! The owners of the server's state do not reach into each other: the paths in the
//! source are compared with the table of docs/ARCHITECTURE.md.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What each owner must not name, as `crate::X`.
const MUST_NOT_KNOW: &[(&str, &[&str])] = &[
    (
        "network",
        &["crc", "irc", "legacy", "server", "context", "tree", "link"],
    ),
    (
        "tree",
        &[
            "network", "crc", "irc", "legacy", "server", "context", "link",
        ],
    ),
    ("crc", &["irc", "legacy", "server"]),
    ("irc", &["crc", "legacy", "tree", "server"]),
    ("legacy", &["crc", "irc", "tree", "server"]),
    ("link", &["network", "tree", "server", "context"]),
    ("context", &["server"]),
    (
        "client",
        &["tree", "crc", "irc", "legacy", "server", "context", "link"],
    ),
];

fn sources(owner: &str) -> Vec<PathBuf> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = vec![src.join(format!("{owner}.rs"))];
    if let Ok(folder) = fs::read_dir(src.join(owner)) {
        files.extend(folder.map(|entry| entry.unwrap().path()));
    }
    files
}

/// The code of a file without comments, in which names may stand as links.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let lines = text.lines();
    let code = lines.map(|line| line.split("//").next().unwrap_or_default());
    code.collect::<Vec<_>>().join("\n")
}

/// The first words of all paths that begin with `crate::`, `crate::{a, b}` included.
fn modules_named(code: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let group = rest
            .strip_prefix('{')
            .and_then(|rest| rest.split('}').next());
        let paths = group.map_or_else(|| vec![rest], |group| group.split(',').collect());
        for path in paths {
            let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let name = path.trim_start();
            let end = name.find(|c| !word(c)).unwrap_or(name.len());
            named.insert(name[..end].to_owned());
        }
    }
    named
}

#[test]
fn no_owner_names_a_module_that_it_must_not_know() {
    let mut wrong = Vec::new();
    for (owner, forbidden) in MUST_NOT_KNOW {
        for file in sources(owner) {
            let named = modules_named(&code(&file));
            for module in forbidden.iter().filter(|module| named.contains(**module)) {
                wrong.push(format!("{} names crate::{module}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the text protocols must not touch of the context: it is there for the binary
/// protocol.
const FOR_CRC_ONLY: &[&str] = &[
    "cx.tree",
    "cx.dirty_links",
    "cx.crc_session",
    "cx.status_log",
];

#[test]
fn the_text_protocols_leave_the_state_of_the_binary_protocol_alone() {
    for owner in ["irc", "legacy"] {
        for file in sources(owner) {
            let code = code(&file);
            for state in FOR_CRC_ONLY {
                assert!(!code.contains(state), "{} uses {state}", file.display());
            }
        }
    }
}

#[test]
fn paths_are_found_alone_and_in_groups() {
    let code =
        "use crate::context::{Context, Out};\nuse crate::{crc, irc::User};\nx(crate::tree::Y)";
    let named = modules_named(code);
    let expected = ["context", "crc", "irc", "tree"].map(str::to_owned);
    assert_eq!(named, BTreeSet::from(expected));
}
