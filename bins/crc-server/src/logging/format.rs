//! What a line of the log looks like.

use core::fmt::{Display, Write};

use clap::ValueEnum;
use jiff::Timestamp;
use log::Level;
use serde::Serialize;

use super::writer::LINE_BYTES_MAX;

/// The format of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Time, level, target and message
    #[default]
    Text,
    /// One JSON object a line: time, level, target, server_id, server_name, message
    Json,
}

/// Renders lines.
#[derive(Debug, Clone)]
pub(crate) enum LineFormat {
    /// As env_logger has them.
    Text,
    /// JSON, with the id and the name of the server.
    Json { id: u32, name: String },
}

/// What stands before the message.
#[derive(Serialize)]
struct Head<'a> {
    time: &'a str,
    level: &'a str,
    target: &'a str,
    server_id: u32,
    server_name: &'a str,
}

/// What a truncated message ends with.
const TRUNCATED: &str = "...";
/// What follows the message.
const END: &str = "\"}\n";

impl LineFormat {
    /// The line of something that the log itself reports, beside the lines that others log.
    pub(crate) fn note(&self, level: Level, text: &str) -> String {
        let line = self.line(Timestamp::now(), level, module_path!(), &text);
        line.unwrap_or_else(|| format!("crc-server: {text}\n"))
    }

    /// A line in JSON, which fits into a line of the log as a whole; `None` if the format is
    /// another one.
    pub(crate) fn line(
        &self,
        time: Timestamp,
        level: Level,
        target: &str,
        message: &dyn Display,
    ) -> Option<String> {
        let LineFormat::Json { id, name } = self else {
            return None;
        };
        let head = Head {
            time: &format!("{time:.3}"),
            level: &level.as_str().to_ascii_lowercase(),
            target,
            server_id: *id,
            server_name: name,
        };
        let mut line = serde_json::to_string(&head).expect("strings and numbers serialize");
        // The message is the last field, so that it can be truncated.
        line.truncate(line.len() - 1);
        line.push_str(",\"message\":\"");
        let mut escaper = Escaper {
            line,
            is_full: false,
        };
        // It fails only when the line is full.
        let _ = write!(escaper, "{message}");
        let Escaper { mut line, is_full } = escaper;
        if is_full {
            line.push_str(TRUNCATED);
        }
        line.push_str(END);
        Some(line)
    }
}

/// Appends text to a string in JSON, until the line is full. No character of it changes what a
/// terminal shows besides: those that cannot be printed are escaped as well.
struct Escaper {
    line: String,
    is_full: bool,
}

impl Write for Escaper {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for c in text.chars() {
            let begin = self.line.len();
            match c {
                '"' | '\\' => self.line.extend(['\\', c]),
                '\'' => self.line.push(c),
                _ if c.escape_debug().len() == 1 => self.line.push(c),
                _ => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        write!(self.line, "\\u{unit:04x}")?;
                    }
                }
            }
            if self.line.len() + TRUNCATED.len() + END.len() > LINE_BYTES_MAX {
                self.line.truncate(begin);
                self.is_full = true;
                return Err(core::fmt::Error);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn line(message: &str) -> String {
        let format = LineFormat::Json {
            id: 5,
            name: "hub \"1\"".to_owned(),
        };
        let time = Timestamp::from_millisecond(1_795_878_498_120).unwrap();
        format
            .line(time, Level::Warn, "crc_core::server", &message)
            .unwrap()
    }

    #[test]
    fn a_line_is_one_object() {
        let parsed: Value = serde_json::from_str(&line("client 101 \"ann\" has joined")).unwrap();
        let expected = json!({
            "time": "2026-11-28T15:08:18.120Z",
            "level": "warn",
            "target": "crc_core::server",
            "server_id": 5,
            "server_name": "hub \"1\"",
            "message": "client 101 \"ann\" has joined",
        });
        assert_eq!(parsed, expected);
    }

    #[test]
    fn no_text_breaks_the_line_or_a_terminal() {
        let evil = "a\n{\"level\":\"x\"}\r\u{0}\u{1b}[2J\u{7f}\u{9b}1m\u{202e}\u{2028}\u{feff}\u{10ffff}'é😀\\";
        let line = line(evil);
        let parsed: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(parsed["message"], evil);
        let (end, rest) = line.split_at(line.len() - 1);
        assert_eq!(rest, "\n");
        assert!(
            end.chars()
                .all(|c| c == '\'' || c == '"' || c == '\\' || c.escape_debug().len() == 1),
            "{end:?}"
        );
        assert!(end.contains("'é😀\\\\"), "{end:?}");
    }

    #[test]
    fn a_long_line_is_truncated_and_stays_an_object() {
        for c in ['x', '"', '\n', 'é', '😀', '\u{10ffff}'] {
            for more in 0..8 {
                let text: String = ["y".repeat(more), c.to_string().repeat(5000)].concat();
                let line = line(&text);
                assert!(line.len() <= LINE_BYTES_MAX && line.len() > LINE_BYTES_MAX - 32);
                let parsed: Value = serde_json::from_str(&line).unwrap();
                let message = parsed["message"].as_str().unwrap();
                let kept = message.strip_suffix(TRUNCATED).unwrap();
                assert!(text.starts_with(kept));
            }
        }
    }

    #[test]
    fn notes_have_the_format_of_the_log() {
        let note = LineFormat::Text.note(Level::Warn, "log blocked");
        assert_eq!(note, "crc-server: log blocked\n");
        let json = LineFormat::Json {
            id: 1,
            name: "a".to_owned(),
        };
        let note: Value = serde_json::from_str(&json.note(Level::Warn, "log blocked")).unwrap();
        assert_eq!(note["message"], "log blocked");
    }
}
