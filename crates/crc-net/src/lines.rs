//! Reads lines from a blocking input, such as standard input, on a thread of its own, and
//! sends them to the machine as commands.

use std::io::{self, BufRead, ErrorKind};
use std::thread;

use crate::command_sender::CommandSender;
use crate::error::DriverError;

/// What the line reader read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineEvent {
    /// A line, without its terminator.
    Line(String),
    /// A line that exceeds the limit. The reader skipped it.
    TooLong,
    /// A line that is not UTF-8. The reader skipped it.
    NotUtf8,
    /// The end of the input. No event follows.
    End,
    /// Reading failed. No event follows.
    Failed(ErrorKind),
}

/// Starts a thread that reads `input` line by line, converts each event to a command with `map`,
/// and sends the command to the driver. The thread ends with the input or with the driver.
///
/// The thread holds at most one line of at most `line_bytes_max` bytes. While the command queue is
/// full it reads nothing, so that the writer of the input waits.
///
/// ```no_run
/// # fn example(sender: crc_net::CommandSender<String>) -> Result<(), crc_net::DriverError> {
/// use crc_net::{LineEvent, read_lines};
///
/// let input = std::io::BufReader::new(std::io::stdin());
/// read_lines(input, 128 * 1024, sender, |event| match event {
///     LineEvent::Line(line) => Some(line),
///     LineEvent::End => Some("/quit".to_owned()),
///     _ => None,
/// })
/// # }
/// ```
///
/// # Errors
///
/// [`DriverError::Thread`] if the thread cannot be started.
pub fn read_lines<C: Send + 'static>(
    input: impl BufRead + Send + 'static,
    line_bytes_max: usize,
    sender: CommandSender<C>,
    mut map: impl FnMut(LineEvent) -> Option<C> + Send + 'static,
) -> Result<(), DriverError> {
    let read = move || {
        for_each_line(input, line_bytes_max, |event| match map(event) {
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

/// Calls `handle` with each event, until it returns `false`.
fn for_each_line(
    mut input: impl BufRead,
    line_bytes_max: usize,
    mut handle: impl FnMut(LineEvent) -> bool,
) {
    let mut line = Vec::new();
    loop {
        line.clear();
        let next = match read_line(&mut input, &mut line, line_bytes_max) {
            Ok(LineEnd::EndOfInput) => LineEvent::End,
            Ok(LineEnd::TooLong) => LineEvent::TooLong,
            Ok(LineEnd::Line) => match std::str::from_utf8(&line) {
                Ok(text) => LineEvent::Line(text.to_owned()),
                Err(_) => LineEvent::NotUtf8,
            },
            Err(error) => LineEvent::Failed(error.kind()),
        };
        let last = matches!(next, LineEvent::End | LineEvent::Failed(_));
        if !handle(next) || last {
            return;
        }
    }
}

enum LineEnd {
    Line,
    TooLong,
    /// The end of the input, without a line.
    EndOfInput,
}

/// Reads one line into `line`, without its terminator. Drops the bytes of a line that exceeds
/// `bytes_max`.
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
        // One more than the limit, for a possible carriage return.
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
            false => LineEnd::EndOfInput,
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
        for_each_line(input, line_bytes_max, |event| {
            all.push(event);
            true
        });
        all
    }

    fn line(text: &str) -> LineEvent {
        LineEvent::Line(text.to_owned())
    }

    #[test]
    fn lines_do_not_depend_on_the_buffer_size() {
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
    fn skips_long_lines_and_invalid_utf8() {
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
    fn an_endless_line_needs_little_memory() {
        let input = io::repeat(b'x').take(10_000_000);
        let mut line = Vec::new();
        let mut input = BufReader::new(input);
        let end = read_line(&mut input, &mut line, 1000).unwrap();
        assert!(matches!(end, LineEnd::TooLong));
        assert!(line.capacity() < 20_000);
    }

    #[test]
    fn a_read_error_ends_the_input() {
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
