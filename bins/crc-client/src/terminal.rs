//! The client at a terminal: typed lines become commands, events are printed above the
//! line that is being edited.

use std::ops::ControlFlow;
use std::time::Duration;

use crc_cli::terminal::{Completions, InputEnd, LineHandler, LogWriter, Prompt, Shared, Terminal};
use crc_cli::{Backpressure, print_line};
use crc_core::{Client, ClientNotice, Escaped};
use crc_net::{CommandSender, SendError};

use crate::command::Command;
use crate::completion::Completer;
use crate::event::OutputEvent;
use crate::lines::LineParser;
use crate::palette::{Palette, Style};
use crate::queue::Input;
use crate::text;

/// How long the next prompt waits for the answer to the last line.
const ANSWER_WITHIN: Duration = Duration::from_millis(1_500);

/// The output at a terminal.
#[derive(Debug)]
pub(crate) struct TerminalOutput {
    lines: TypedLines,
    log: LogWriter,
    /// The editor, once there is something to edit a line for.
    terminal: Option<Terminal>,
}

/// Makes commands of typed lines.
#[derive(Debug, Clone)]
struct TypedLines {
    palette: Palette,
    completer: Shared<Completer>,
    parser: Shared<LineParser>,
    sender: CommandSender<Input>,
    /// Counts the lines that are typed and not handled.
    unhandled: Backpressure,
}

impl TerminalOutput {
    pub(crate) fn new(
        palette: Palette,
        log: LogWriter,
        sender: CommandSender<Input>,
        unhandled: Backpressure,
    ) -> Self {
        TerminalOutput {
            lines: TypedLines {
                palette,
                completer: Shared::default(),
                parser: Shared::default(),
                sender,
                unhandled,
            },
            log,
            terminal: None,
        }
    }

    /// Prints an event. The first event after which commands make sense starts the
    /// editor.
    pub(crate) fn render(&mut self, event: &OutputEvent, client: &Client) {
        self.lines.completer.lock().note(event, client);
        let palette = self.lines.palette;
        let error = || text::error(event, client).filter(|_| !event.is_fatal());
        let lines = text::lines(event, palette)
            .or_else(|| error().map(|error| text::error_line(&error, palette)));
        if let Some(lines) = lines {
            self.print(lines);
        }
        let takes_commands = matches!(
            event,
            OutputEvent::Client(
                ClientNotice::Welcome { .. }
                    | ClientNotice::Unreachable { .. }
                    | ClientNotice::Disconnected {
                        retry_in: Some(_),
                        ..
                    }
            )
        );
        if takes_commands && self.terminal.is_none() {
            self.start();
        }
    }

    fn print(&self, lines: String) {
        match &self.terminal {
            Some(terminal) => terminal.print(lines),
            // A terminal that is gone sends a signal, or ends the editing.
            None => drop(print_line(&lines)),
        }
    }

    fn start(&mut self) {
        match Terminal::start(self.lines.clone(), self.log.clone()) {
            Ok(terminal) => self.terminal = Some(terminal),
            Err(error) => {
                log::error!("cannot start a thread to edit lines: {error}");
                // This is the driver's thread, which must not wait for itself.
                if let Err(SendError::Full) = self.lines.sender.try_send(Input::Quit) {
                    log::error!("too many lines are waiting; stop the client with a signal");
                }
            }
        }
    }

    /// Prints what is left and restores the terminal.
    pub(crate) fn finish(self) {
        if let Some(terminal) = self.terminal {
            terminal.finish();
        }
    }
}

impl LineHandler for TypedLines {
    fn before_prompt(&self) {
        self.unhandled.wait_empty(ANSWER_WITHIN);
    }

    fn prompt(&self) -> Prompt {
        let plain = match self.parser.lock().awaits_password_of() {
            Some(name) => format!("password of {}> ", Escaped(name)),
            None => self.completer.lock().prompt(),
        };
        let styled = self.palette.paint(Style::Prompt, &plain);
        Prompt { plain, styled }
    }

    fn complete(&self, before_cursor: &str) -> Completions {
        self.completer.lock().complete(before_cursor)
    }

    fn secret_from(&self, line: &str) -> Option<usize> {
        self.parser.lock().secret_from(line)
    }

    fn on_line(&self, line: &str) -> ControlFlow<()> {
        let command = self.parser.lock().parse(line);
        let is_last = matches!(command, Ok(Command::Quit { .. }));
        self.unhandled.acquire(usize::MAX);
        if self.sender.send(Input::Line(command)).is_err() || is_last {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn on_end(&self, end: InputEnd) -> ControlFlow<()> {
        if self.parser.lock().cancel().is_some() {
            // The user gives no password.
            return ControlFlow::Continue(());
        }
        let input = match end {
            InputEnd::Eof => Input::End,
            InputEnd::Interrupted | InputEnd::Failed => Input::Quit,
        };
        // The driver may have ended before.
        let _ = self.sender.send(input);
        ControlFlow::Break(())
    }
}
