//! Prints the parts of the IRC messages in a file, or in standard input.
//!
//! ```sh
//! printf ':ann!a@reef PRIVMSG #reef :Hi all\r\n' | cargo run -p irc-wire --example dump_lines
//! cargo run -p irc-wire --example dump_lines -- FILE
//! ```
//!
//! The example reads in chunks, as a program reads from a connection.

use std::error::Error;
use std::fs::File;
use std::io::{Read, Write};

use irc_wire::{Decoder, Line, LineLimits, Message, text};

fn main() -> Result<(), Box<dyn Error>> {
    let mut input: Box<dyn Read> = match std::env::args_os().nth(1) {
        Some(path) => Box::new(File::open(path)?),
        None => Box::new(std::io::stdin()),
    };
    let mut out = std::io::stdout().lock();
    let mut decoder = Decoder::new();
    let mut buffer = [0; 4096];
    loop {
        let len = input.read(&mut buffer)?;
        if len == 0 {
            break;
        }
        let mut chunk = &buffer[..len];
        while let Some(line) = decoder.next_line(&mut chunk, LineLimits::SERVER) {
            dump(line, &mut out)?;
        }
    }
    match decoder.pending() {
        0 => Ok(()),
        pending => Err(format!("input ended {pending} bytes into a line").into()),
    }
}

fn dump(line: Line<'_>, out: &mut impl Write) -> std::io::Result<()> {
    // A line that is too long, or malformed, does not affect the lines behind it.
    let bytes = match line.whole() {
        Ok(bytes) => bytes,
        Err(error) => return writeln!(out, "error    {error}"),
    };
    let message = match Message::parse(bytes) {
        Ok(message) => message,
        Err(error) => return writeln!(out, "error    {error}: {}", bytes.escape_ascii()),
    };
    writeln!(out, "command  {}", message.command)?;
    for tag in message.tags.iter() {
        let (key, value) = (tag.key(), tag.value());
        writeln!(
            out,
            "  tag    {} = {:?}",
            text::lossy(key),
            text::utf8_or_latin1(&value)
        )?;
    }
    if let Some(prefix) = message.prefix {
        writeln!(out, "  prefix {prefix}")?;
    }
    for param in &message.params {
        writeln!(out, "  param  {:?}", text::utf8_or_latin1(param))?;
    }
    Ok(())
}
