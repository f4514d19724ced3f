//! The pages of the repository: their relative links work, the tests that
//! docs/RELIABILITY.md names exist, and what the pages and help texts tell users to type
//! is accepted.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crc_e2e::fixture::irc::LinePeer;
use crc_e2e::fixture::wait::LONG;
use crc_e2e::fixture::{Binaries, Fixture, find_bench, find_rendezvous};

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
    lines_of_page(page, false)
}

/// The lines of its code blocks.
fn code(page: &Path) -> String {
    lines_of_page(page, true)
}

fn lines_of_page(page: &Path, of_code: bool) -> String {
    let text = fs::read_to_string(page).unwrap();
    let mut is_code = false;
    let mut lines = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if is_code == of_code {
            lines.push_str(line);
            lines.push('\n');
        }
    }
    lines
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

/// The programs whose command lines the pages show.
const PROGRAMS: [&str; 4] = ["crc-server", "crc-client", "crc-rendezvous", "crc-bench"];

/// Where they are, in the same order.
fn programs() -> [PathBuf; 4] {
    let binaries = Binaries::find().unwrap();
    let (rendezvous, bench) = (find_rendezvous().unwrap(), find_bench().unwrap());
    [binaries.server, binaries.client, rendezvous, bench]
}

fn help(program: &Path) -> String {
    let help = Command::new(program).arg("--help").output().unwrap();
    String::from_utf8(help.stdout).unwrap()
}

/// The words of the first of our programs in a line for the shell; what is piped in or
/// behind a comment is left out.
fn command_line(line: &str) -> Option<Vec<String>> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in line.trim().trim_start_matches("$ ").chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, '|' | '&' | ';') => words = vec![String::new()],
            (None, '<' | '>') => break,
            (None, '#') if words.last().is_some_and(String::is_empty) => break,
            (None, ' ') => words.push(String::new()),
            (_, c) => words.last_mut()?.push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    let name = words.first()?.rsplit('/').next()?.to_owned();
    let first = words.first_mut()?;
    first.clone_from(&name);
    PROGRAMS.contains(&&*name).then_some(words)
}

#[test]
fn every_command_line_of_the_pages_and_help_texts_is_accepted() {
    let programs = programs();
    let pages = [
        "README.md",
        "docs/BOTS.md",
        "docs/CONFIGURATION.md",
        "docs/IRC.md",
        "docs/IRC-LEGACY.md",
        "docs/OPERATING.md",
        "docs/RENDEZVOUS.md",
        "docs/TLS.md",
    ];
    let pages = pages.map(|page| code(&root().join(page)));
    let helps = programs.iter().map(|program| help(program));
    let texts: Vec<String> = pages.into_iter().chain(helps).collect();
    let mut count = 0;
    for words in texts
        .iter()
        .flat_map(|text| text.lines())
        .filter_map(command_line)
    {
        count += 1;
        let at = PROGRAMS.iter().position(|name| *name == words[0]).unwrap();
        let output = Command::new(&programs[at])
            .args(&words[1..])
            .arg("--help")
            .output();
        let output = output.unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{words:?}: {error}");
    }
    assert!(count >= 20, "{count} command lines were found");
}

#[test]
fn the_readme_and_the_help_of_the_client_list_the_same_commands_and_events() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let help = help(&programs()[1]);
    let is_word = |c: char| c.is_ascii_lowercase() || c == '_';
    let first_cell = |line: &str| {
        line.strip_prefix("| ")
            .and_then(|rest| rest.split(" |").next().map(str::to_owned))
    };
    let cells: Vec<String> = readme.lines().filter_map(first_cell).collect();
    let commands: BTreeSet<&str> = cells
        .iter()
        .flat_map(|cell| cell.split('`'))
        .filter_map(|word| word.strip_prefix('/'))
        .map(|word| word.split(' ').next().unwrap())
        .collect();
    let of_help = |line: &str| {
        let word = line.strip_prefix("  /")?.split(' ').next()?.to_owned();
        (word != "help" && word.chars().all(is_word)).then_some(word)
    };
    let listed: BTreeSet<String> = help.lines().filter_map(of_help).collect();
    assert_eq!(commands, listed.iter().map(String::as_str).collect());

    let (_, table) = readme.split_once("| event | its other keys |").unwrap();
    let table = table.split("\n\n").next().unwrap();
    let events: BTreeSet<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| "))
        .flat_map(|line| line.split(" | ").next().unwrap().split(", "))
        .map(|event| event.trim_matches('`'))
        .collect();
    let (_, listed) = help.split_once("has a key \"event\":").unwrap();
    let listed = listed
        .split('.')
        .next()
        .unwrap()
        .replace("for channels:", ",")
        .replace(" or ", ",");
    let listed: BTreeSet<&str> = listed
        .split([',', ';'])
        .map(str::trim)
        .filter(|event| !event.is_empty())
        .collect();
    assert_eq!(events, listed);
}

/// What the first cells of the tables in a section of docs/IRC.md have in backticks.
fn first_cells_of_irc_page(from: &str, to: &str) -> Vec<String> {
    let page = fs::read_to_string(root().join("docs/IRC.md")).unwrap();
    let (_, section) = page.split_once(&format!("\n## {from}\n")).unwrap();
    let (section, _) = section.split_once(&format!("\n## {to}\n")).unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| "));
    let cells = rows.filter_map(|row| row.split(" | ").next());
    let words = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    words.map(str::to_owned).collect()
}

#[test]
fn every_command_that_the_irc_page_lists_is_known() {
    let listed = first_cells_of_irc_page("Commands", "Modes");
    let is_command = |word: &&str| word.len() > 2 && word.chars().all(|c| c.is_ascii_uppercase());
    let commands: BTreeSet<&str> = listed
        .iter()
        .filter_map(|cell| cell.split(' ').next())
        .filter(is_command)
        .collect();
    assert!(commands.len() > 35, "{commands:?}");
    let fixture = Fixture::new().unwrap();
    let server = fixture.server(1, "reef").irc().start().unwrap();
    let mut user = LinePeer::irc_user(server.irc().unwrap(), "ann").unwrap();
    let mut unknown = Vec::new();
    for command in commands
        .iter()
        .copied()
        .filter(|command| *command != "QUIT")
    {
        let line = format!("{command} x y z a\r\nPING :{command}");
        user.send_line(&line).unwrap();
        loop {
            let line = user.next_line(LONG).unwrap().unwrap();
            if line.contains(" 421 ") {
                unknown.push(command);
            }
            if line.contains("PONG") && line.ends_with(command) {
                break;
            }
        }
    }
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn the_irc_page_lists_the_capabilities_and_tokens_of_the_server() {
    let fixture = Fixture::new().unwrap();
    let server = fixture.server(1, "reef").irc().start().unwrap();
    let mut user = LinePeer::connect(server.irc().unwrap()).unwrap();
    user.send_line("CAP LS 302").unwrap();
    user.send_line("NICK ann").unwrap();
    user.send_line("USER ann 0 * :Ann").unwrap();
    user.send_line("CAP END").unwrap();
    let (mut capabilities, mut tokens) = (BTreeSet::new(), BTreeSet::new());
    loop {
        let line = user.next_line(LONG).unwrap().unwrap();
        if let Some((head, list)) = line.split_once(" :")
            && head.contains(" CAP ")
        {
            let names = list.split_whitespace();
            capabilities.extend(names.map(|word| word.split('=').next().unwrap().to_owned()));
        } else if line.contains(" 005 ") {
            let (list, _) = line.split_once(" :").unwrap();
            tokens.extend(list.split(' ').skip(3).map(str::to_owned));
        } else if line.contains(" 251 ") {
            break;
        }
    }
    let page = first_cells_of_irc_page("Capabilities", "What ISUPPORT says");
    let page = page.iter().map(|cell| cell.split('=').next().unwrap());
    assert_eq!(
        page.map(str::to_owned).collect::<BTreeSet<_>>(),
        capabilities
    );
    let page = first_cells_of_irc_page("What ISUPPORT says", "Numerics");
    assert_eq!(page.into_iter().collect::<BTreeSet<_>>(), tokens);
}

#[test]
fn the_irc_page_lists_the_numerics_of_the_server() {
    let core = root().join("crates/crc-core/src");
    let is_of_irc = |path: &PathBuf| {
        let path = path.strip_prefix(&core);
        path.is_ok_and(|path| !path.starts_with("legacy") && !path.ends_with("legacy.rs"))
    };
    let mut sent = BTreeSet::new();
    for source in files("rs").into_iter().filter(is_of_irc) {
        let text = fs::read_to_string(source).unwrap();
        for rest in text.split("Numeric::").skip(1) {
            let end = rest.find(|c: char| !c.is_ascii_uppercase() && c != '_');
            let name = &rest[..end.unwrap_or(rest.len())];
            if name.starts_with("RPL_") || name.starts_with("ERR_") {
                sent.insert(name.to_owned());
            }
        }
    }
    let page = fs::read_to_string(root().join("docs/IRC.md")).unwrap();
    let (_, table) = page.split_once("\n## Numerics\n").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let names = table.split('`').skip(1).step_by(2);
    assert_eq!(names.map(str::to_owned).collect::<BTreeSet<_>>(), sent);
}
