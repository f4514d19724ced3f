//! Passwords from standard input.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use crate::hidden::HiddenInput;

/// The most bytes of a password.
const BYTES_MAX: u64 = 128;

/// Reads a password: the first line of standard input. At a terminal it asks for it on
/// standard error, and what is typed is not shown.
///
/// # Errors
///
/// When standard input cannot be read, or the line is empty, too long, or not UTF-8.
pub fn read_password(prompt: &str) -> io::Result<String> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return read_line(&mut stdin.lock());
    }
    let mut stderr = io::stderr();
    write!(stderr, "{prompt}")?;
    stderr.flush()?;
    let hidden = HiddenInput::begin_anew()?;
    let password = read_line(&mut stdin.lock());
    drop(hidden);
    writeln!(stderr)?;
    password
}

/// Reads a password from the first line of `input`.
///
/// # Errors
///
/// When it cannot be read, or the line is empty, too long, or not UTF-8.
pub fn read_line(input: &mut dyn BufRead) -> io::Result<String> {
    let invalid = |text: &str| io::Error::new(io::ErrorKind::InvalidData, text);
    let mut line = Vec::new();
    input.take(BYTES_MAX + 3).read_until(b'\n', &mut line)?;
    let line = line.strip_suffix(b"\n").unwrap_or(&line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Err(invalid("the password is empty"));
    }
    if line.len() as u64 > BYTES_MAX {
        return Err(invalid("the password has more than 128 bytes"));
    }
    let text = str::from_utf8(line).map_err(|_| invalid("the password is not UTF-8"))?;
    match text.contains(char::is_control) {
        true => Err(invalid("the password has control characters")),
        false => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_one_line() {
        let read = |mut bytes: &[u8]| read_line(&mut bytes).map_err(|error| error.to_string());
        let long = "x".repeat(129);
        for (bytes, expected) in [
            (&b"sea  shell \nmore"[..], Ok("sea  shell ")),
            (b"a\r\n", Ok("a")),
            ("gr\u{fc}n".as_bytes(), Ok("gr\u{fc}n")),
            (b"", Err("the password is empty")),
            (b"\r\nx", Err("the password is empty")),
            (b"\xff", Err("the password is not UTF-8")),
            (b"a\tb", Err("the password has control characters")),
            (long.as_bytes(), Err("the password has more than 128 bytes")),
        ] {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(read(bytes), expected);
        }
    }
}
