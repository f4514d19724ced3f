//! Prints the frames in a file, or in standard input, one a line.
//!
//! The input is hexadecimal. Spaces and line ends may stand between any digits, and
//! comments go from a `#` to the end of the line.
//!
//! ```sh
//! echo '81 00000067 00000065 00000002 4869' | cargo run -p crc-wire --example dump_frames
//! cargo run -p crc-wire --example dump_frames -- FILE
//! ```
//!
//! The example reads the whole input at first, so it uses `Frames`. A program that
//! reads from a connection uses `Decoder`.

use std::error::Error;
use std::io::{Read, Write};

use crc_wire::{FrameLimits, Frames};

fn main() -> Result<(), Box<dyn Error>> {
    let mut text = String::new();
    match std::env::args_os().nth(1) {
        Some(path) => text = std::fs::read_to_string(path)?,
        None => {
            std::io::stdin().read_to_string(&mut text)?;
        }
    }
    let bytes = parse_hex(&text)?;
    let mut out = std::io::stdout().lock();
    let mut frames = Frames::new(&bytes, FrameLimits::WIRE);
    loop {
        let offset = bytes.len() - frames.rest().len();
        let Some(frame) = frames.next() else { break };
        // After this error there is no next frame: its beginning is unknown.
        let frame = frame.map_err(|error| format!("byte {offset}: {error}"))?;
        // After this error the next frame can be read.
        match frame.message() {
            Ok(message) => writeln!(out, "{offset:6}: {message:?}")?,
            Err(error) => writeln!(out, "{offset:6}: malformed {}: {error}", frame.kind())?,
        }
    }
    let rest = frames.rest().len();
    if rest > 0 {
        return Err(format!("input ended {rest} bytes into a frame").into());
    }
    Ok(())
}

/// Parses pairs of hexadecimal digits.
fn parse_hex(text: &str) -> Result<Vec<u8>, String> {
    let lines = text.lines().map(|line| match line.split_once('#') {
        Some((before, _comment)) => before,
        None => line,
    });
    let digits: Result<Vec<u8>, String> = lines
        .flat_map(str::chars)
        .filter(|char| !char.is_whitespace())
        .map(|char| match char.to_digit(16).map(u8::try_from) {
            Some(Ok(digit)) => Ok(digit),
            _ => Err(format!("not a hexadecimal digit: {char:?}")),
        })
        .collect();
    let digits = digits?;
    if digits.len() % 2 != 0 {
        return Err("odd number of hexadecimal digits".to_owned());
    }
    let pairs = digits.chunks(2);
    Ok(pairs.map(|pair| pair[0] << 4 | pair[1]).collect())
}
