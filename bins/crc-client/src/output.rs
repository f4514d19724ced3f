//! The output: events become JSON lines, text lines, or text at the terminal. A fatal
//! event becomes the message with which the program ends.

use std::io::{self, ErrorKind};
use std::time::SystemTime;

use crc_cli::{Backpressure, UtcTime, print_error, print_line};
use crc_core::{Client, ClientNotice, ClientSendError};

use crate::conversation_log::ConversationLog;
use crate::event::OutputEvent;
use crate::queue::Mode;
use crate::screen::Screen;
use crate::terminal::TerminalOutput;
use crate::text::Wording;
use crate::{json, text};

/// Where events go.
#[derive(Debug)]
pub(crate) enum Output {
    /// To standard output as JSON.
    Json,
    /// To standard output as text, errors to standard error.
    Text,
    /// Nowhere, but for what was not done.
    Errors,
    /// What is said in a channel.
    Tail(Tail),
    /// To a terminal, line by line.
    Terminal(Box<TerminalOutput>),
    /// To the whole screen of a terminal.
    Screen(Screen),
}

/// Writes events, and keeps what decides the exit status.
#[derive(Debug)]
pub(crate) struct Renderer {
    output: Output,
    mode: Mode,
    /// Counts the lines that are read and not handled.
    lines: Backpressure,
    log: Option<ConversationLog>,
    outcome: Outcome,
}

/// What decides the exit status.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Why the client could not go on.
    pub(crate) fatal: Option<String>,
    /// Whether something of a batch was not done. Its reason is on standard error.
    pub(crate) failed: bool,
    /// Whether a message of a batch was not sent before the client quit.
    pub(crate) incomplete: bool,
    /// Whether standard output is closed.
    pub(crate) closed: bool,
}

/// Prints what is said in a channel.
#[derive(Debug)]
pub(crate) struct Tail {
    pub(crate) channel: String,
    /// How many messages are left to print; `None` for all that come.
    pub(crate) left: Option<u64>,
    pub(crate) is_json: bool,
}

impl Tail {
    fn render(&mut self, event: &OutputEvent, client: &Client) -> io::Result<()> {
        let plain = event.untagged().0;
        let line = match plain {
            OutputEvent::Client(ClientNotice::ChannelChat { channel, .. })
                if channel.eq_ignore_ascii_case(&self.channel) && self.left != Some(0) =>
            {
                if let Some(left) = &mut self.left {
                    *left -= 1;
                }
                match self.is_json {
                    true => json::line(event, client, UtcTime::from(SystemTime::now())),
                    false => text::said(plain),
                }
            }
            // A reader of the output sees nothing while these last.
            OutputEvent::Client(
                ClientNotice::Unreachable { .. }
                | ClientNotice::Disconnected {
                    retry_in: Some(_), ..
                },
            ) => {
                if let Some(line) = text::lines(plain, Wording::PROGRAMS) {
                    print_error(&line);
                }
                None
            }
            _ => None,
        };
        line.map_or(Ok(()), |line| print_line(&line))
    }
}

impl Renderer {
    pub(crate) fn new(output: Output, mode: Mode, lines: Backpressure) -> Self {
        Renderer {
            output,
            mode,
            lines,
            log: None,
            outcome: Outcome::default(),
        }
    }

    /// Writes conversations into files, too.
    pub(crate) fn set_log(&mut self, log: ConversationLog) {
        self.log = Some(log);
    }

    /// Whether the client is to quit: standard output is closed, or has all that was asked for.
    pub(crate) fn wants_quit(&self) -> bool {
        let is_complete = match &self.output {
            Output::Tail(tail) => tail.left == Some(0) || self.outcome.failed,
            _ => false,
        };
        self.outcome.closed || is_complete
    }

    /// Writes an event.
    pub(crate) fn render(&mut self, event: &OutputEvent, client: &Client) {
        let (plain, _) = event.untagged();
        self.note(plain, client);
        if let Some(log) = &mut self.log {
            log.note(plain, client);
        }
        if self.outcome.closed {
            return;
        }
        let written = match &mut self.output {
            Output::Json => {
                let line = json::line(event, client, UtcTime::from(SystemTime::now()));
                line.map_or(Ok(()), |line| print_line(&line))
            }
            Output::Text => print_text(plain),
            Output::Errors => Ok(()),
            Output::Tail(tail) => tail.render(event, client),
            Output::Terminal(terminal) => {
                terminal.render(plain, client);
                Ok(())
            }
            Output::Screen(screen) => {
                screen.render(plain, client);
                Ok(())
            }
        };
        if let Err(error) = written {
            self.outcome.closed = true;
            if error.kind() != ErrorKind::BrokenPipe {
                let why = format!("cannot write to standard output: {error}");
                self.outcome.fatal.get_or_insert(why);
            }
        }
    }

    fn note(&mut self, event: &OutputEvent, client: &Client) {
        match event {
            OutputEvent::LineHandled => self.lines.release(),
            _ if self.mode == Mode::Batch && self.print_reason(event, client) => {
                self.outcome.failed = true;
            }
            OutputEvent::Client(ClientNotice::FrameDropped { why }) => {
                log::warn!("dropped an invalid frame from the server: {why}");
            }
            _ if event.is_fatal() => self.outcome.fatal = text::error(event, client),
            OutputEvent::Client(
                ClientNotice::NotSent {
                    why: ClientSendError::Quit,
                    ..
                }
                | ClientNotice::ChannelNotSent {
                    why: ClientSendError::Quit,
                    ..
                }
                | ClientNotice::RequestNotSent {
                    why: ClientSendError::Quit,
                    ..
                },
            ) => self.outcome.incomplete |= self.mode == Mode::Batch,
            _ => {}
        }
    }

    /// Prints why something was not done to standard error, with every kind of output.
    /// Returns whether that is what the event is about.
    fn print_reason(&self, event: &OutputEvent, client: &Client) -> bool {
        let is_quit = matches!(
            event,
            OutputEvent::Client(
                ClientNotice::NotSent {
                    why: ClientSendError::Quit,
                    ..
                } | ClientNotice::ChannelNotSent {
                    why: ClientSendError::Quit,
                    ..
                } | ClientNotice::RequestNotSent {
                    why: ClientSendError::Quit,
                    ..
                }
            )
        );
        if event.is_fatal() {
            return false;
        }
        let reason = match event.is_refusal() {
            true => text::lines(event, Wording::PROGRAMS),
            false => text::error(event, client).map(|it| text::error_line(&it, Wording::PROGRAMS)),
        };
        if let Some(reason) = &reason {
            print_error(reason);
        }
        reason.is_some() && !is_quit
    }

    /// Restores the terminal.
    pub(crate) fn finish(self) -> Outcome {
        if let Some(log) = self.log {
            log.finish();
        }
        match self.output {
            Output::Terminal(terminal) => terminal.finish(),
            Output::Screen(screen) => screen.finish(),
            Output::Json | Output::Text | Output::Errors | Output::Tail(_) => {}
        }
        self.outcome
    }
}

fn print_text(event: &OutputEvent) -> io::Result<()> {
    if let Some(lines) = text::lines(event, Wording::PROGRAMS)
        && !event.is_refusal()
    {
        print_line(&lines)?;
    }
    Ok(())
}
