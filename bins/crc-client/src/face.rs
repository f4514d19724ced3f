//! What the user sees of it all: news become lines on standard output, or at
//! the terminal; what can't be done becomes a sentence; what ends the client
//! decides its exit code.

use std::io::{self, ErrorKind, Write};

use crc_core::{ClientNotice, ClientSendError};

use crate::desk::{Desk, Manner, News};
use crate::gate::Gate;
use crate::terminal::Terminal;
use crate::text::Palette;
use crate::{json, text};

/// Where news go.
#[derive(Debug)]
pub(crate) enum Face {
    /// To standard output as JSON.
    Json,
    /// To standard output as text; errors to standard error.
    Text,
    /// To somebody at a terminal.
    Terminal(Terminal),
}

/// Shows news, and remembers how it went.
#[derive(Debug)]
pub(crate) struct Show {
    face: Face,
    gate: Gate,
    outcome: Outcome,
}

/// How it went.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// What made it impossible to go on.
    pub(crate) fatal: Option<String>,
    /// Whether something that a script said could not be sent before it left.
    pub(crate) incomplete: bool,
    /// Nobody reads standard output any more.
    pub(crate) unread: bool,
}

impl Show {
    pub(crate) fn new(face: Face, gate: Gate) -> Self {
        Show {
            face,
            gate,
            outcome: Outcome::default(),
        }
    }

    /// Whether there is somebody to show anything to.
    pub(crate) fn is_read(&self) -> bool {
        !self.outcome.unread
    }

    /// Shows `news`.
    pub(crate) fn show(&mut self, news: &News, desk: &Desk) {
        match news {
            News::LineDone => self.gate.leave(),
            News::Client(ClientNotice::FrameDropped { why }) => {
                log::warn!("the server sent a frame that makes no sense and is ignored: {why}");
            }
            _ if news.is_fatal() => self.outcome.fatal = text::error(news, desk),
            News::Client(
                ClientNotice::NotSent {
                    why: ClientSendError::Quit,
                    ..
                }
                | ClientNotice::ChannelNotSent {
                    why: ClientSendError::Quit,
                    ..
                },
            ) => self.outcome.incomplete |= desk.manner() == Manner::Script,
            _ => {}
        }
        if self.outcome.unread {
            return;
        }
        let shown = match &mut self.face {
            Face::Json => json::line(news, desk).map_or(Ok(()), |line| write_line(&line)),
            Face::Text => show_text(news, desk),
            Face::Terminal(terminal) => {
                terminal.show(news, desk);
                Ok(())
            }
        };
        if let Err(error) = shown {
            self.outcome.unread = true;
            if error.kind() != ErrorKind::BrokenPipe {
                let why = format!("standard output can't be written to: {error}");
                self.outcome.fatal.get_or_insert(why);
            }
        }
    }

    /// Leaves the terminal as it was, and says how it went.
    pub(crate) fn finish(self) -> Outcome {
        if let Face::Terminal(terminal) = self.face {
            terminal.finish();
        }
        self.outcome
    }
}

fn show_text(news: &News, desk: &Desk) -> io::Result<()> {
    if let Some(lines) = text::lines(news, Palette::Plain) {
        write_line(&lines)?;
    }
    if let Some(sentence) = text::error(news, desk)
        && !news.is_fatal()
    {
        write_error(&text::trouble(&sentence, Palette::Plain));
    }
    Ok(())
}

/// Writes a line to standard output, to be read at once.
pub(crate) fn write_line(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Writes a line to standard error. Whether anybody reads it is not our concern.
pub(crate) fn write_error(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
