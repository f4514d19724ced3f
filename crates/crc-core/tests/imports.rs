//! The owners of the server's state do not reach into each other: all paths in the source
//! are compared with the table of docs/ARCHITECTURE.md.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// An owner, and the modules of the crate that it must not name.
struct Rule {
    owner: &'static str,
    forbidden: &'static [&'static str],
    /// Paths into forbidden modules that it may name all the same.
    allowed: &'static [&'static str],
}

const fn rule(owner: &'static str, forbidden: &'static [&'static str]) -> Rule {
    let allowed = &[];
    Rule {
        owner,
        forbidden,
        allowed,
    }
}

const RULES: &[Rule] = &[
    rule(
        "network",
        &[
            "crc", "irc", "legacy", "server", "context", "tree", "link", "client",
        ],
    ),
    rule(
        "tree",
        &[
            "network", "crc", "irc", "legacy", "server", "context", "link", "client",
        ],
    ),
    rule("crc", &["irc", "legacy", "server", "client"]),
    rule("irc", &["crc", "legacy", "tree", "server", "client"]),
    rule("legacy", &["crc", "irc", "tree", "server", "client"]),
    rule("link", &["network", "tree", "server", "context", "client"]),
    rule("context", &["server", "client"]),
    rule("server", &["client"]),
    Rule {
        owner: "client",
        forbidden: &[
            "network", "tree", "crc", "irc", "legacy", "server", "context", "link",
        ],
        // Names of channels are compared in the same way everywhere.
        allowed: &["network::fold"],
    },
];

/// What the text protocols must not touch of the context: it is there for the binary
/// protocol.
const FOR_CRC_ONLY: &[&str] = &["tree", "dirty_links", "crc_session", "status_log"];

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The files of an owner, each with the path of its module: `crc/send.rs`, `crc::send`.
fn sources(owner: &str) -> Vec<(PathBuf, Vec<String>)> {
    let mut files = vec![(src().join(format!("{owner}.rs")), vec![owner.to_owned()])];
    let mut folders = vec![(src().join(owner), vec![owner.to_owned()])];
    while let Some((folder, module)) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let module = [&module[..], &[name]].concat();
            match path.is_dir() {
                true => folders.push((path, module)),
                false => files.push((path, module)),
            }
        }
    }
    files
}

fn read_tokens(file: &Path) -> Vec<String> {
    tokens(&fs::read_to_string(file).unwrap())
}

// Tokens.

/// The words and signs of a source text, without comments and texts. `::` is one token.
fn tokens(text: &str) -> Vec<String> {
    let text: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&c) = text.get(at) {
        let next = text.get(at + 1).copied();
        let start = at;
        at = match (c, next) {
            ('/', Some('/')) => skip_until(&text, at, |rest| rest[0] == '\n'),
            ('/', Some('*')) => skip_until(&text, at + 2, |rest| rest.starts_with(&['*', '/'])) + 2,
            ('r', Some('"' | '#')) => end_of_raw_text(&text, at + 1).unwrap_or(at + 1),
            ('"', _) => end_of_text(&text, at + 1, '"'),
            ('\'', Some('\\')) => end_of_text(&text, at + 1, '\''),
            // A character; otherwise a lifetime.
            ('\'', _) if text.get(at + 2) == Some(&'\'') => at + 3,
            ('\'', _) => at + 1,
            (':', Some(':')) => at + 2,
            _ if is_word(c) => skip_until(&text, at, |rest| !is_word(rest[0])),
            _ => at + 1,
        };
        let token: String = text[start..at.min(text.len())].iter().collect();
        let is_sign = start + 1 == at && !c.is_whitespace();
        if is_sign || is_word(c) && token.chars().all(is_word) || token == "::" {
            tokens.push(token);
        }
    }
    tokens
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn skip_until(text: &[char], from: usize, ends: impl Fn(&[char]) -> bool) -> usize {
    let end = (from..text.len()).find(|at| ends(&text[*at..]));
    end.unwrap_or(text.len())
}

/// The end of a text with escapes.
fn end_of_text(text: &[char], mut at: usize, quote: char) -> usize {
    while let Some(&c) = text.get(at) {
        at += 1;
        match c {
            '\\' => at += 1,
            c if c == quote => break,
            _ => {}
        }
    }
    at
}

/// The end of a raw text whose signs `#` begin at `at`; `None` for a raw word.
fn end_of_raw_text(text: &[char], at: usize) -> Option<usize> {
    let open = skip_until(text, at, |rest| rest[0] != '#');
    let close = [&['"'], &text[at..open]].concat();
    let is_text = text.get(open) == Some(&'"');
    is_text.then(|| skip_until(text, open + 1, |rest| rest.starts_with(&close)) + close.len())
}

// Paths.

/// All paths that begin with `crate`, `self` or `super`, as paths from the root of the
/// crate, whether they stand in a `use`, in a group of any depth, or in code.
/// `re_exported` holds the paths of what the root exports.
struct Paths<'a> {
    tokens: &'a [String],
    at: usize,
    found: BTreeSet<Vec<String>>,
}

impl Paths<'_> {
    fn token(&self) -> &str {
        self.tokens.get(self.at).map_or("", |token| token)
    }

    /// Finds all paths in a file.
    fn of_file(
        tokens: &[String],
        file_module: &[String],
        re_exported: &BTreeMap<String, Vec<String>>,
    ) -> BTreeSet<Vec<String>> {
        let mut paths = Paths {
            tokens,
            at: 0,
            found: BTreeSet::new(),
        };
        // The modules that are open, and at which depth of braces each of them began.
        let mut module = file_module.to_vec();
        let mut inline: Vec<usize> = Vec::new();
        let mut depth = 0;
        while paths.at < tokens.len() {
            let is_path = tokens.get(paths.at + 1).is_some_and(|next| next == "::");
            let follows = paths.at > 0 && tokens[paths.at - 1] == "::";
            match paths.token() {
                "mod" if tokens.get(paths.at + 2).is_some_and(|next| next == "{") => {
                    module.push(tokens[paths.at + 1].clone());
                    inline.push(depth);
                    depth += 1;
                    paths.at += 2;
                }
                "{" => depth += 1,
                "}" => {
                    depth -= 1;
                    if inline.pop_if(|began| *began == depth).is_some() {
                        module.pop();
                    }
                }
                "crate" | "self" | "super" if is_path && !follows => {
                    let base = paths.base(&module);
                    paths.tree(base);
                    continue;
                }
                _ => {}
            }
            paths.at += 1;
        }
        let resolve = |path: Vec<String>| match path.first().and_then(|name| re_exported.get(name))
        {
            Some(to) => [&to[..], &path[1..]].concat(),
            None => path,
        };
        paths.found.into_iter().map(resolve).collect()
    }

    /// Reads `crate::`, `self::` or a row of `super::`, up to the last `::`.
    fn base(&mut self, module: &[String]) -> Vec<String> {
        let mut base = module.to_vec();
        if self.token() == "crate" {
            base.clear();
        }
        let mut is_first = true;
        while ["crate", "self", "super"].contains(&self.token()) {
            if self.token() == "super" {
                base.pop();
            }
            self.at += 1 + usize::from(is_first);
            is_first = false;
            if self.token() == "::" {
                self.at += 1;
            }
        }
        base
    }

    /// Reads the rest of a path, behind its `::`: a name, a name and more, a group, `*`.
    fn tree(&mut self, mut path: Vec<String>) {
        loop {
            match self.token() {
                "{" => return self.group(&path),
                "*" => {
                    self.at += 1;
                    path.push("*".to_owned());
                    break;
                }
                "self" => self.at += 1,
                "super" => {
                    path.pop();
                    self.at += 1;
                }
                word if word.starts_with(is_word) => {
                    path.push(word.to_owned());
                    self.at += 1;
                }
                _ => break,
            }
            if self.token() != "::" {
                break;
            }
            self.at += 1;
        }
        self.found.insert(path);
    }

    fn group(&mut self, path: &[String]) {
        self.at += 1;
        while self.at < self.tokens.len() && self.token() != "}" {
            self.tree(path.to_vec());
            // `as` and a name.
            while self.at < self.tokens.len() && ![",", "}"].contains(&self.token()) {
                self.at += 1;
            }
            self.at += usize::from(self.token() == ",");
        }
        self.at += 1;
    }
}

/// Where the names come from that the root of the crate exports from its modules.
fn re_exports() -> BTreeMap<String, Vec<String>> {
    let tokens = read_tokens(&src().join("lib.rs"));
    let mut re_exports = BTreeMap::new();
    for (at, _) in tokens.iter().enumerate().filter(|(_, word)| *word == "use") {
        let mut paths = Paths {
            tokens: &tokens,
            at: at + 1,
            found: BTreeSet::new(),
        };
        paths.tree(Vec::new());
        let found = paths.found.into_iter();
        re_exports.extend(found.map(|path| (path.last().unwrap().clone(), path)));
    }
    re_exports
}

/// What a path breaks of a rule, if it does.
fn violation(rule: &Rule, path: &[String]) -> Option<String> {
    let path = path.join("::");
    let is_in = |module: &str| {
        let rest = path.strip_prefix(module);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    // A glob of the root brings every module in.
    let forbidden = path.is_empty() || path == "*" || rule.forbidden.iter().any(|m| is_in(m));
    let allowed = rule.allowed.iter().any(|path| is_in(path));
    (forbidden && !allowed).then(|| format!("crate::{path}"))
}

#[test]
fn no_owner_names_a_module_that_it_must_not_know() {
    let re_exports = re_exports();
    let mut wrong = Vec::new();
    for rule in RULES {
        for (file, module) in sources(rule.owner) {
            for path in Paths::of_file(&read_tokens(&file), &module, &re_exports) {
                let violation = violation(rule, &path);
                wrong.extend(violation.map(|path| format!("{} names {path}", file.display())));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_text_protocols_leave_the_state_of_the_binary_protocol_alone() {
    for owner in ["irc", "legacy"] {
        for (file, _) in sources(owner) {
            for words in read_tokens(&file).windows(3) {
                let is_of_context = words[0] == "cx" && words[1] == ".";
                assert!(
                    !(is_of_context && FOR_CRC_ONLY.contains(&&*words[2])),
                    "{} uses cx.{}",
                    file.display(),
                    words[2]
                );
            }
        }
    }
}

#[test]
fn every_kind_of_path_is_found() {
    let found = |code: &str| -> Vec<String> {
        let module = ["crc", "send"].map(str::to_owned);
        let re_exported = ["network", "HostKind"].map(str::to_owned).to_vec();
        let re_exports = BTreeMap::from([("HostKind".to_owned(), re_exported)]);
        let paths = Paths::of_file(&tokens(code), &module, &re_exports);
        paths.into_iter().map(|path| path.join("::")).collect()
    };
    let code = "use crate::{\n    a::{b, c::{d as e, self}},\n    f,\n}; use crate::g::*;";
    let expected = ["a::b", "a::c", "a::c::d", "f", "g::*"];
    assert_eq!(found(code), expected);
    let code = "use {crate::a, super::{b, super::c}}; fn f(x: crate::d::E<crate::f::G>) {}";
    assert_eq!(found(code), ["a", "c", "crc::b", "d::E", "f::G"]);
    let code = "mod tests { use super::*; use super::super::a; } x(super::super::irc::User::new())";
    assert_eq!(found(code), ["crc::a", "crc::send::*", "irc::User::new"]);
    assert_eq!(
        found("crate::HostKind::Server; pub(crate) fn f();"),
        ["network::HostKind::Server"]
    );
    assert_eq!(found("use crate::*; use crate::{self as c};"), ["", "*"]);
    assert_eq!(found("m!($crate::a::b::<T>)"), ["a::b"]);
    let code = r##"// crate::a
        /* crate::b */ "crate::c \" crate::d" r#"" crate::e"# '"' 'x' '\'' &'a crate::f"##;
    assert_eq!(found(code), ["f"]);
}
