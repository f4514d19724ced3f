//! The corpus on disk: each seed is a file; the inputs that the fuzzer has found are one
//! file for each target, with an input in hexadecimal digits on each line.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crc_core::Random;

use crate::Target;

/// The folder of the corpus in the repository.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// The corpus of a target: seeds by their names, found inputs by their lines.
///
/// # Errors
///
/// When a file cannot be read or is invalid.
pub fn read(target: Target) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut inputs = Vec::new();
    for file in fs::read_dir(folder().join(target.name))? {
        let file = file?;
        let name = file.file_name().to_string_lossy().into_owned();
        inputs.push((name, fs::read(file.path())?));
    }
    inputs.sort();
    let found = fs::read_to_string(found(target))?;
    for (line, digits) in (1..).zip(found.lines()) {
        let bytes = bytes(digits).ok_or(io::ErrorKind::InvalidData)?;
        inputs.push((format!("found-{line}"), bytes));
    }
    Ok(inputs)
}

/// Replaces the found inputs of a target.
///
/// # Errors
///
/// When the file cannot be written.
pub fn keep(target: Target, mut inputs: Vec<Vec<u8>>) -> io::Result<()> {
    inputs.retain(|input| !input.is_empty());
    inputs.sort();
    inputs.dedup();
    let mut lines = String::new();
    for input in inputs {
        for byte in input {
            write!(lines, "{byte:02x}").expect("a string takes all");
        }
        lines.push('\n');
    }
    fs::write(found(target), lines)
}

fn found(target: Target) -> PathBuf {
    folder().join(format!("{}.found", target.name))
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    let pairs = (0..digits.len()).step_by(2);
    let bytes = pairs.map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok());
    bytes.collect()
}

/// A mutation: two inputs of `corpus` spliced, and some bytes changed, inserted or
/// removed.
///
/// # Panics
///
/// When `corpus` is empty.
#[must_use]
pub fn mutated(corpus: &[Vec<u8>], target: Target, random: &mut Random) -> Vec<u8> {
    let mut below = |n: usize| usize::try_from(random.below(n as u64)).expect("below a usize");
    let (one, other) = (&corpus[below(corpus.len())], &corpus[below(corpus.len())]);
    let mut input = one[..below(one.len() + 1)].to_vec();
    input.extend(&other[below(other.len() + 1)..]);
    for _ in 0..below(5) {
        let at = below(input.len() + 1);
        let byte = u8::try_from(below(256)).expect("below 256");
        match (below(3), input.get_mut(at)) {
            (0, _) => input.insert(at, byte),
            (1, Some(_)) => drop(input.remove(at)),
            (_, Some(old)) => *old = byte,
            (_, None) => {}
        }
    }
    input.truncate(target.input_bytes_max);
    input
}
