//! The pages of the repository: their relative links work, and the tests that
//! docs/RELIABILITY.md names exist.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// All files with this extension, but for build output and hidden folders.
fn files(extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if !name.starts_with('.') && name != "target" {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The page without its code blocks.
fn prose(page: &Path) -> String {
    let text = fs::read_to_string(page).unwrap();
    let mut code = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            code = !code;
        } else if !code {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    prose
}

/// The anchor that a heading gets: letters and digits in lower case, blanks as `-`.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter_map(|c| match c {
        ' ' => Some('-'),
        '-' | '_' => Some(c),
        c if c.is_alphanumeric() => Some(c),
        _ => None,
    });
    kept.flat_map(char::to_lowercase).collect()
}

fn anchors(page: &Path) -> BTreeSet<String> {
    let headings = prose(page);
    let headings = headings.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| anchor(line.trim_start_matches('#').trim()))
        .collect()
}

/// The targets of `[text](target)` in the page.
fn links(prose: &str) -> impl Iterator<Item = &str> {
    let targets = prose.split("](").skip(1);
    targets.filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
}

#[test]
fn relative_links_lead_to_a_file_and_a_heading() {
    let mut broken = Vec::new();
    for page in files("md") {
        for link in links(&prose(&page)) {
            if link.contains("://") {
                continue;
            }
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => page.clone(),
                path => page.parent().unwrap().join(path),
            };
            let exists = target.exists();
            if !exists || !heading.is_empty() && !anchors(&target).contains(heading) {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
}

/// Whether a word in backticks looks like the name of a test: four words or more.
fn is_test_name(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    word.chars().all(plain) && word.matches('_').count() >= 3
}

#[test]
fn tests_that_the_reliability_page_names_exist() {
    let mut functions = BTreeSet::new();
    for source in files("rs") {
        let text = fs::read_to_string(source).unwrap();
        for rest in text.split("fn ").skip(1) {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
            functions.insert(rest[..end.unwrap_or(rest.len())].to_owned());
        }
    }
    let page = prose(&root().join("docs/RELIABILITY.md"));
    let words = page.split('`').skip(1).step_by(2);
    let missing: Vec<_> = words
        .filter(|word| is_test_name(word) && !functions.contains(*word))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/RELIABILITY.md names no such test:\n{}",
        missing.join("\n")
    );
}
