//! Maintains the corpus: see `docs/FUZZING.md`. Run it in the repository.
//!
//! - `cargo run -p crc-fuzz` writes the seeds.
//! - `... -- unpack FOLDER` writes the corpus to `FOLDER/TARGET/`, for the fuzzer to start
//!   with.
//! - `... -- digest N` runs the corpus and N mutations of it, and prints a digest of each
//!   target. A change that must not change behaviour must not change them.
//! - `... -- keep FOLDER` stores the files in `FOLDER/TARGET/` as found inputs.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program")]

use std::env;
use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use crc_core::Random;
use crc_fuzz::{TARGETS, Target, corpus, seeds};

fn main() -> io::Result<ExitCode> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    for target in TARGETS {
        match arguments[..] {
            [] => write_seeds(target)?,
            ["unpack", folder] => unpack(target, &Path::new(folder).join(target.name))?,
            ["digest", inputs] => match inputs.parse() {
                Ok(inputs) => println!("{:24} {:016x}", target.name, digest(target, inputs)?),
                Err(_) => return Ok(ExitCode::from(2)),
            },
            ["keep", folder] => keep(target, &Path::new(folder).join(target.name))?,
            _ => return Ok(ExitCode::from(2)),
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn write_seeds(target: Target) -> io::Result<()> {
    let folder = corpus::folder().join(target.name);
    fs::create_dir_all(&folder)?;
    for seed in seeds::seeds(target.name) {
        fs::write(folder.join(seed.name), seed.bytes)?;
    }
    Ok(())
}

fn unpack(target: Target, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for (name, bytes) in corpus::read(target)? {
        fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}

/// Stores the files in `folder` as found inputs. Without that folder nothing changes.
fn keep(target: Target, folder: &Path) -> io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    let seeds = seeds::seeds(target.name);
    let mut inputs = Vec::new();
    for file in fs::read_dir(folder)? {
        let bytes = fs::read(file?.path())?;
        if seeds.iter().all(|seed| seed.bytes != bytes) {
            inputs.push(bytes);
        }
    }
    corpus::keep(target, inputs)
}

/// A hash over all effects of the machines of a target, with its corpus and so many
/// mutations of it.
fn digest(target: Target, mutations: u32) -> io::Result<u64> {
    let kept = corpus::read(target)?.into_iter();
    let kept: Vec<_> = kept.map(|(_, input)| input).collect();
    let mut random = Random::new(20_261_128);
    let mutations = (0..mutations).map(|_| corpus::mutated(&kept, target, &mut random));
    let inputs = kept.iter().cloned().chain(mutations);
    Ok(inputs.fold(0, |digest: u64, input| {
        // A panic is an outcome to compare like any other.
        let outcome = std::panic::catch_unwind(|| (target.body)(&input));
        digest.rotate_left(1) ^ outcome.unwrap_or(u64::MAX)
    }))
}
