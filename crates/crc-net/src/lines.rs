//! Lines of an input that cannot be waited for together with sockets, such as
//! standard input: read on a thread of its own, given to the machine as
//! commands. Knows nothing of what a line means.

use std::io::{self, BufRead, ErrorKind};
use std::thread;

use crate::command_sender::CommandSender;
use crate::error::DriverError;

/// What an input had to offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineEvent {
    /// A line, without its end.
    Line(String),
    /// A line of more bytes than may be; it was skipped.
    TooLong,
    /// A line that is not UTF-8; it was skipped.
    NotUtf8,
    /// There is no more. The last that is given.
    End,
    /// The input broke. The last that is given.
    Failed(ErrorKind),
}

/// Reads `input` line by line on a thread of its own, and gives what `map` makes
/// of it to `sender`; until the end, or until nobody takes commands any more.
///
/// At most one line of at most `line_bytes_max` bytes is kept. While too many
/// commands wait nothing is read, so whoever writes the lines is slowed down.
/// The thread is left alone when the process ends.
///
/// ```no_run
/// # fn example(sender: crc_net::CommandSender<String>) -> Result<(), crc_net::DriverError> {
/// use crc_net::{LineEvent, read_lines};
///
/// let input = std::io::BufReader::new(std::io::stdin());
/// read_lines(input, 128 * 1024, sender, |input| match input {
///     LineEvent::Line(line) => Some(line),
///     LineEvent::End => Some("/quit".to_owned()),
///     _ => None,
/// })
/// # }
/// ```
///
/// # Errors
///
/// [`DriverError::Thread`] when the thread cannot be started.
pub fn read_lines<C: Send + 'static>(
    input: impl BufRead + Send + 'static,
    line_bytes_max: usize,
    sender: CommandSender<C>,
    mut map: impl FnMut(LineEvent) -> Option<C> + Send + 'static,
) -> Result<(), DriverError> {
    let read = move || {
        for_each_line(input, line_bytes_max, |input| match map(input) {
            Some(command) => sender.send(command).is_ok(),
            None => true,
        });
    };
    thread::Builder::new()
        .name("input".to_owned())
        .spawn(read)
        .map_err(DriverError::Thread)?;
    Ok(())
}

/// Calls `take` with each line and with the end, until it wants no more.
fn for_each_line(
    mut input: impl BufRead,
    line_bytes_max: usize,
    mut take: impl FnMut(LineEvent) -> bool,
) {
    let mut line = Vec::new();
    loop {
        line.clear();
        let next = match read_line(&mut input, &mut line, line_bytes_max) {
            Ok(LineEnd::Nothing) => LineEvent::End,
            Ok(LineEnd::TooLong) => LineEvent::TooLong,
            Ok(LineEnd::Line) => match std::str::from_utf8(&line) {
                Ok(text) => LineEvent::Line(text.to_owned()),
                Err(_) => LineEvent::NotUtf8,
            },
            Err(error) => LineEvent::Failed(error.kind()),
        };
        let last = matches!(next, LineEvent::End | LineEvent::Failed(_));
        if !take(next) || last {
            return;
        }
    }
}

enum LineEnd {
    Line,
    TooLong,
    /// There was no line.
    Nothing,
}

/// Reads one line into `line`, without its end; what goes beyond `bytes_max` is
/// dropped unseen.
fn read_line(
    input: &mut impl BufRead,
    line: &mut Vec<u8>,
    bytes_max: usize,
) -> io::Result<LineEnd> {
    let mut too_long = false;
    let mut any = false;
    loop {
        let available = match input.fill_buf() {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            available => available?,
        };
        let end = available.iter().position(|&byte| byte == b'\n');
        let at_end = end.is_some() || available.is_empty();
        any |= !available.is_empty();
        let part = &available[..end.unwrap_or(available.len())];
        // One more than may be, for the carriage return that may stand there.
        too_long |= line.len() + part.len() > bytes_max + 1;
        if !too_long {
            line.extend_from_slice(part);
        }
        let used = part.len() + usize::from(end.is_some());
        input.consume(used);
        if !at_end {
            continue;
        }
        line.pop_if(|last| *last == b'\r');
        return Ok(match any {
            false => LineEnd::Nothing,
            true if too_long || line.len() > bytes_max => LineEnd::TooLong,
            true => LineEnd::Line,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read};

    use super::*;

    fn lines(input: impl Read, buffer_bytes: usize, line_bytes_max: usize) -> Vec<LineEvent> {
        let mut all = Vec::new();
        let input = BufReader::with_capacity(buffer_bytes, input);
        for_each_line(input, line_bytes_max, |input| {
            all.push(input);
            true
        });
        all
    }

    fn line(text: &str) -> LineEvent {
        LineEvent::Line(text.to_owned())
    }

    #[test]
    fn gives_lines_however_they_come() {
        let input = b"one\n\ntwo\r\nthree";
        let expected = [
            line("one"),
            line(""),
            line("two"),
            line("three"),
            LineEvent::End,
        ];
        for buffer_bytes in 1..=input.len() {
            assert_eq!(lines(&input[..], buffer_bytes, 5), expected);
        }
        assert_eq!(lines(&b""[..], 8, 5), [LineEvent::End]);
    }

    #[test]
    fn skips_what_is_too_long_or_no_text() {
        let input = b"12345\n12345\r\n123456\n1234567890123456789\n\xff\nend\n";
        for buffer_bytes in 1..=input.len() {
            let expected = [
                line("12345"),
                line("12345"),
                LineEvent::TooLong,
                LineEvent::TooLong,
                LineEvent::NotUtf8,
                line("end"),
                LineEvent::End,
            ];
            assert_eq!(lines(&input[..], buffer_bytes, 5), expected);
        }
    }

    #[test]
    fn an_endless_line_takes_no_memory() {
        let input = io::repeat(b'x').take(10_000_000);
        let mut line = Vec::new();
        let mut input = BufReader::new(input);
        let end = read_line(&mut input, &mut line, 1000).unwrap();
        assert!(matches!(end, LineEnd::TooLong));
        assert!(line.capacity() < 20_000);
    }

    #[test]
    fn a_broken_input_is_the_end() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(ErrorKind::PermissionDenied.into())
            }
        }
        let expected = [line("one"), LineEvent::Failed(ErrorKind::PermissionDenied)];
        assert_eq!(lines((&b"one\n"[..]).chain(Broken), 8, 5), expected);
    }
}
