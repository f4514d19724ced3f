//! `crc-sim mutants`: applies one patch after the other to a copy of the workspace, and
//! looks for the seed in which the simulator finds that bug.
//!
//! A patch is a file `NAME.patch` that starts with a header and goes on as a diff:
//!
//! ```text
//! # A quit goes back to where it came from.
//! # mode: plain
//! # seed: 0
//! diff --git a/crates/crc-core/src/... b/crates/crc-core/src/...
//! ```
//!
//! The first line says what is wrong. `mode` is the kind of run that finds it: `plain`,
//! `--channels`, `--rendezvous`, `--people`, `--hostile`, `--operators`, or `--auth`, which is with
//! hostile servers. `seed`, which is optional, is tried first, whatever seeds are given: it has found it.
//!
//! The copy is kept in `target/mutants`, so that the next run builds only what has changed.

use core::fmt;
use core::ops::Range;
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;

/// Where the patches are, in the workspace.
const PATCHES: &str = "tests/mutations";
/// How many seeds the first chunk has. Each further one has four times as many.
const FIRST_CHUNK: u64 = 64;

/// What to run.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) seeds: Range<u64>,
    /// Only the patches with these names, if there are any.
    pub(crate) only: Vec<String>,
}

/// Why no mutant was run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MutantsError {
    /// Not in a checkout, or git is missing.
    #[error("git {command} failed: {message}")]
    Git {
        command: &'static str,
        message: String,
    },
    #[error("{path:?}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("{path:?}: {problem}")]
    Header {
        path: PathBuf,
        problem: &'static str,
    },
    #[error("no patch is called {0:?}: try crc-sim mutants --list")]
    UnknownName(String),
    #[error("the unpatched copy does not build: {0}")]
    Build(String),
    #[error("crc-sim run printed no report: {0}")]
    Report(String),
    #[error("{0}")]
    Output(#[from] io::Error),
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> MutantsError {
    let path = path.to_owned();
    move |source| MutantsError::File { path, source }
}

/// The kind of run that finds a bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mode {
    Plain,
    Channels,
    Hostile,
    Auth,
    Operators,
    Rendezvous,
    People,
}

impl Mode {
    fn parse(text: &str) -> Option<Mode> {
        match text {
            "plain" => Some(Mode::Plain),
            "--channels" => Some(Mode::Channels),
            "--hostile" => Some(Mode::Hostile),
            "--auth" => Some(Mode::Auth),
            "--operators" => Some(Mode::Operators),
            "--rendezvous" => Some(Mode::Rendezvous),
            "--people" => Some(Mode::People),
            _ => None,
        }
    }

    /// The options of `crc-sim run`.
    const fn arguments(self) -> &'static [&'static str] {
        match self {
            Mode::Plain => &[],
            Mode::Channels => &["--channels"],
            Mode::Hostile => &["--hostile"],
            Mode::Auth => &["--auth", "--hostile"],
            Mode::Operators => &["--operators"],
            Mode::Rendezvous => &["--rendezvous"],
            Mode::People => &["--people"],
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.arguments().first().unwrap_or(&"plain"))
    }
}

/// A patch and its header.
#[derive(Debug)]
struct Mutation {
    name: String,
    path: PathBuf,
    sentence: String,
    mode: Mode,
    seed: Option<u64>,
}

impl Mutation {
    fn read(path: &Path) -> Result<Mutation, MutantsError> {
        let text = fs::read_to_string(path).map_err(at(path))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        parse_header(&text)
            .map(|(sentence, mode, seed)| Mutation {
                name: name.into_owned(),
                path: path.to_owned(),
                sentence,
                mode,
                seed,
            })
            .map_err(|problem| MutantsError::Header {
                path: path.to_owned(),
                problem,
            })
    }
}

/// The sentence, the mode and the seed in the header of a patch.
fn parse_header(text: &str) -> Result<(String, Mode, Option<u64>), &'static str> {
    let (mut sentence, mut mode, mut seed) = (None, None, None);
    for line in text.lines().map_while(|line| line.strip_prefix('#')) {
        let line = line.trim();
        if let Some(text) = line.strip_prefix("mode:") {
            let text = Mode::parse(text.trim());
            mode = Some(text.ok_or(
                "the mode is plain, --channels, --rendezvous, --people, --hostile, --auth or --operators",
            )?);
        } else if let Some(text) = line.strip_prefix("seed:") {
            seed = Some(text.trim().parse().map_err(|_| "the seed is a number")?);
        } else if sentence.is_none() && !line.is_empty() {
            sentence = Some(line.to_owned());
        }
    }
    let sentence = sentence.ok_or("the header has no sentence")?;
    Ok((sentence, mode.ok_or("the header has no mode")?, seed))
}

/// How a mutation ended.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Found {
        seed: u64,
        invariant: String,
    },
    /// The program ended without a report, for instance because of a signal.
    Crashed,
    NotFound,
    DoesNotApply,
    DoesNotBuild,
}

/// Prints the name, the mode and the sentence of every patch.
pub(crate) fn list(out: &mut impl Write) -> Result<bool, MutantsError> {
    for mutation in mutations(&workspace()?)? {
        let Mutation {
            name,
            mode,
            sentence,
            ..
        } = mutation;
        writeln!(out, "{name:<32} {mode:<12} {sentence}")?;
    }
    Ok(true)
}

/// Runs the mutations, and returns whether all were found.
pub(crate) fn run(out: &mut impl Write, settings: &Settings) -> Result<bool, MutantsError> {
    let root = workspace()?;
    let mut mutations = mutations(&root)?;
    for name in &settings.only {
        if mutations.iter().all(|mutation| mutation.name != *name) {
            return Err(MutantsError::UnknownName(name.clone()));
        }
    }
    if !settings.only.is_empty() {
        mutations.retain(|mutation| settings.only.contains(&mutation.name));
    }
    let copy = Copy::new(&root)?;
    copy.sync(&root)?;
    copy.build().map_err(MutantsError::Build)?;
    copy.keep_unpatched()?;
    let mut all_found = true;
    for mutation in &mutations {
        let began = Instant::now();
        let outcome = copy.try_mutation(mutation, &settings.seeds)?;
        copy.sync(&root)?;
        all_found &= matches!(outcome, Outcome::Found { .. } | Outcome::Crashed);
        let outcome = match outcome {
            Outcome::Found { seed, invariant } => format!("found in seed {seed} by {invariant}"),
            Outcome::Crashed => "found: crc-sim crashed".to_owned(),
            Outcome::NotFound => "NOT FOUND".to_owned(),
            Outcome::DoesNotApply => "DOES NOT APPLY".to_owned(),
            Outcome::DoesNotBuild => "DOES NOT BUILD".to_owned(),
        };
        let took = began.elapsed().as_secs();
        let Mutation { name, sentence, .. } = mutation;
        writeln!(out, "{name:<32} {outcome:<28} {took:>4} s  {sentence}")?;
        out.flush()?;
    }
    Ok(all_found)
}

/// The root of the checkout.
fn workspace() -> Result<PathBuf, MutantsError> {
    let output = git(Path::new("."), "rev-parse", &["--show-toplevel"])?;
    Ok(PathBuf::from(
        String::from_utf8_lossy(&output.stdout).trim_end(),
    ))
}

fn git(folder: &Path, command: &'static str, arguments: &[&str]) -> Result<Output, MutantsError> {
    let error = |message| MutantsError::Git { command, message };
    let output = Command::new("git")
        .current_dir(folder)
        .arg(command)
        .args(arguments)
        .output()
        .map_err(|source| error(source.to_string()))?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        return Err(error(message.trim_end().to_owned()));
    }
    Ok(output)
}

/// All mutations, by name.
fn mutations(root: &Path) -> Result<Vec<Mutation>, MutantsError> {
    let folder = root.join(PATCHES);
    let mut mutations = Vec::new();
    for file in fs::read_dir(&folder).map_err(at(&folder))? {
        let path = file.map_err(at(&folder))?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "patch")
        {
            mutations.push(Mutation::read(&path)?);
        }
    }
    mutations.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(mutations)
}

/// The copy of the workspace in which mutants are built.
#[derive(Debug)]
struct Copy {
    folder: PathBuf,
    target: PathBuf,
}

impl Copy {
    fn new(root: &Path) -> Result<Copy, MutantsError> {
        let target = root.join("target").join("mutants");
        let folder = target.join("workspace");
        fs::create_dir_all(&folder).map_err(at(&folder))?;
        Ok(Copy { folder, target })
    }

    /// Makes the copy equal to the workspace. Files that are equal keep their times, so that
    /// they are not built again.
    fn sync(&self, root: &Path) -> Result<(), MutantsError> {
        let output = git(root, "ls-files", &["-z"])?;
        let names = String::from_utf8_lossy(&output.stdout).into_owned();
        let names: BTreeSet<&Path> = names
            .split('\0')
            .filter(|name| !name.is_empty())
            .map(Path::new)
            .collect();
        for name in &names {
            let (from, to) = (root.join(name), self.folder.join(name));
            // A file that is deleted in the workspace and not in the index.
            let Ok(bytes) = fs::read(&from) else { continue };
            if fs::read(&to).is_ok_and(|there| there == bytes) {
                continue;
            }
            if let Some(folder) = to.parent() {
                fs::create_dir_all(folder).map_err(at(folder))?;
            }
            fs::write(&to, bytes).map_err(at(&to))?;
        }
        remove_others(&self.folder, &self.folder, root, &names)
    }

    /// Applies a patch, builds it, and looks for a seed that finds the bug.
    fn try_mutation(
        &self,
        mutation: &Mutation,
        seeds: &Range<u64>,
    ) -> Result<Outcome, MutantsError> {
        if !self.apply(&mutation.path)? {
            return Ok(Outcome::DoesNotApply);
        }
        if self.build().is_err() {
            return Ok(Outcome::DoesNotBuild);
        }
        let patched = self.target.join("sim").join("crc-sim");
        for chunk in chunks(seeds, mutation.seed) {
            let Some(report) = simulate(&patched, mutation.mode, chunk)? else {
                return Ok(Outcome::Crashed);
            };
            for (seed, invariant) in report {
                // A seed that goes wrong without the patch finds nothing.
                let sound = simulate(&self.unpatched(), mutation.mode, seed..seed + 1)?;
                if sound.is_some_and(|violations| violations.is_empty()) {
                    return Ok(Outcome::Found { seed, invariant });
                }
            }
        }
        Ok(Outcome::NotFound)
    }

    fn apply(&self, patch: &Path) -> Result<bool, MutantsError> {
        // Within a checkout git would look for the files in the index of that.
        let status = Command::new("git")
            .current_dir(&self.folder)
            .env("GIT_CEILING_DIRECTORIES", &self.target)
            .args(["apply", "--whitespace=nowarn"])
            .arg(patch)
            .output()
            .map_err(|source| MutantsError::Git {
                command: "apply",
                message: source.to_string(),
            })?;
        Ok(status.status.success())
    }

    /// Builds `crc-sim`, faster than with the profile's own settings.
    fn build(&self) -> Result<(), String> {
        let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .current_dir(&self.folder)
            .args(["build", "--quiet", "--locked", "--profile", "sim"])
            .args(["--package", "crc-sim-cli"])
            .env("CARGO_TARGET_DIR", &self.target)
            .env("CARGO_PROFILE_SIM_LTO", "off")
            .env("CARGO_PROFILE_SIM_OPT_LEVEL", "1")
            .env("CARGO_PROFILE_SIM_CODEGEN_UNITS", "16")
            .env("CARGO_PROFILE_SIM_INCREMENTAL", "true")
            .env("CARGO_PROFILE_SIM_DEBUG", "false")
            .output()
            .map_err(|source| source.to_string())?;
        match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    fn unpatched(&self) -> PathBuf {
        self.target.join("crc-sim-unpatched")
    }

    /// Keeps the program that was built without a patch.
    fn keep_unpatched(&self) -> Result<(), MutantsError> {
        let (from, to) = (self.target.join("sim").join("crc-sim"), self.unpatched());
        fs::copy(from, &to).map_err(at(&to))?;
        Ok(())
    }
}

/// The seeds that go wrong, in order, with the invariants that they violate; `None` if the
/// program crashes.
fn simulate(
    program: &Path,
    mode: Mode,
    seeds: Range<u64>,
) -> Result<Option<Vec<(u64, String)>>, MutantsError> {
    let output = Command::new(program)
        .args(["run", "--json", "--seeds"])
        .arg(format!("{}..{}", seeds.start, seeds.end))
        .args(mode.arguments())
        .output()
        .map_err(at(program))?;
    if !matches!(output.status.code(), Some(0 | 1)) {
        return Ok(None);
    }
    parse_report(&output.stdout)
        .map(Some)
        .ok_or_else(|| MutantsError::Report(String::from_utf8_lossy(&output.stderr).into()))
}

/// The seeds and invariants in a report.
fn parse_report(json: &[u8]) -> Option<Vec<(u64, String)>> {
    let report: serde_json::Value = serde_json::from_slice(json).ok()?;
    let violations = report.get("violations")?.as_array()?.iter();
    let mut found = violations
        .map(|violation| {
            let seed = violation.get("seed")?.as_u64()?;
            let invariant = violation.get("invariant")?.as_str()?;
            Some((seed, invariant.to_owned()))
        })
        .collect::<Option<Vec<_>>>()?;
    found.sort();
    Some(found)
}

/// The seeds in chunks that grow, with the one that found the bug before first, also if it is
/// none of them: a rare bug may be found by none of the first ten thousand.
fn chunks(seeds: &Range<u64>, first: Option<u64>) -> Vec<Range<u64>> {
    let mut chunks: Vec<_> = first.map(|seed| seed..seed + 1).into_iter().collect();
    let (mut begin, mut len) = (seeds.start, FIRST_CHUNK);
    while begin < seeds.end {
        let end = seeds.end.min(begin + len);
        chunks.push(begin..end);
        (begin, len) = (end, len * 4);
    }
    chunks
}

/// Removes the files of the copy that the workspace does not have.
fn remove_others(
    folder: &Path,
    copy: &Path,
    root: &Path,
    names: &BTreeSet<&Path>,
) -> Result<(), MutantsError> {
    for file in fs::read_dir(folder).map_err(at(folder))? {
        let path = file.map_err(at(folder))?.path();
        if path.is_dir() {
            remove_others(&path, copy, root, names)?;
            continue;
        }
        let name = path.strip_prefix(copy).unwrap_or(&path);
        if !names.contains(name) || !root.join(name).exists() {
            fs::remove_file(&path).map_err(at(&path))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_a_sentence_a_mode_and_maybe_a_seed() {
        let header = "# Quits go back.\n# mode: --channels\n# seed: 7\ndiff --git a/x b/x\n# no\n";
        let parsed = ("Quits go back.".to_owned(), Mode::Channels, Some(7));
        assert_eq!(parse_header(header), Ok(parsed));
        let parsed = ("Quits go back.".to_owned(), Mode::Plain, None);
        assert_eq!(
            parse_header("# mode: plain\n#\n# Quits go back.\n"),
            Ok(parsed)
        );
        for wrong in [
            "",
            "# A bug.\n",
            "# mode: plain\n",
            "# A bug.\n# mode: fast\n",
        ] {
            assert!(parse_header(wrong).is_err(), "{wrong:?}");
        }
    }

    /// Shows without a long run that a patch must be written again.
    #[test]
    fn every_patch_applies() {
        let root = workspace().unwrap();
        for mutation in mutations(&root).unwrap() {
            let path = mutation.path.to_str().unwrap();
            git(&root, "apply", &["--check", path]).unwrap();
        }
    }

    #[test]
    fn chunks_cover_all_seeds_and_start_with_the_one_that_is_known() {
        assert_eq!(chunks(&(0..10), None), vec![0..10; 1]);
        assert_eq!(
            chunks(&(0..400), Some(70)),
            [70..71, 0..64, 64..320, 320..400]
        );
        assert_eq!(chunks(&(5..6), Some(7)), [7..8, 5..6]);
    }

    #[test]
    fn a_report_has_its_seeds_in_order() {
        let json =
            br#"{"violations": [{"seed": 9, "invariant": "D1"}, {"seed": 2, "invariant": "P1"}]}"#;
        let found = [(2, "P1".to_owned()), (9, "D1".to_owned())];
        assert_eq!(parse_report(json).unwrap(), found);
        assert_eq!(parse_report(b"{}"), None);
    }
}
