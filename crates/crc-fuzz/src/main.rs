//! Writes the seeds of the corpus. Run it in the repository:
//! `cargo run -p crc-fuzz`.

#![forbid(unsafe_code)]

use std::fs;
use std::io;
use std::path::Path;

use crc_fuzz::{TARGETS, seeds};

fn main() -> io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for target in TARGETS {
        let folder = corpus.join(target.name);
        fs::create_dir_all(&folder)?;
        for seed in seeds::seeds(target.name) {
            fs::write(folder.join(seed.name), seed.bytes)?;
        }
    }
    Ok(())
}
