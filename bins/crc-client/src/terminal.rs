//! The client at a terminal, line by line: typed lines become commands, events are printed above
//! the line that is being edited.

use std::ops::ControlFlow;
use std::time::Duration;

use crc_cli::terminal::{Completions, InputEnd, LineHandler, LogWriter, Prompt, Shared, Terminal};
use crc_cli::{Backpressure, print_line};
use crc_core::{Client, ClientNotice, Escaped};
use crc_net::{CommandSender, SendError};
use crc_wire::HostId;
use rustix::termios::tcgetwinsize;

use crate::clock::Clock;
use crate::command::{Command, ParseError, Target};
use crate::completion::Completer;
use crate::event::OutputEvent;
use crate::lines::LineParser;
use crate::names::Names;
use crate::palette::{Palette, Style};
use crate::plain::{Page, Shown, View};
use crate::queue::Input;
use crate::screen::ScreenOptions;
use crate::text;

/// How long the next prompt waits for the answer to the last line.
const ANSWER_WITHIN: Duration = Duration::from_millis(1_500);

/// How long clients that come and go wait for further ones to be shown in one line with them.
const FOLD_WITHIN: Duration = Duration::from_secs(1);

/// What rings the bell of a terminal.
const BELL: &str = "\u{7}";

/// The output at a terminal.
#[derive(Debug)]
pub(crate) struct TerminalOutput {
    view: View,
    clock: Clock,
    page: Shared<Page>,
    lines: TypedLines,
    log: LogWriter,
    /// The editor, once there is something to edit a line for.
    terminal: Option<Terminal>,
}

/// Makes commands of typed lines.
#[derive(Debug, Clone)]
struct TypedLines {
    palette: Palette,
    names: Shared<Names>,
    completer: Shared<Completer>,
    parser: Shared<LineParser>,
    /// The target that the last prompt has shown.
    prompted: Shared<Option<Prompted>>,
    sender: CommandSender<Input>,
    /// Counts the lines that are typed and not handled.
    unhandled: Backpressure,
}

/// A target, and the client that it is.
#[derive(Debug, Clone)]
struct Prompted {
    target: Target,
    id: Option<HostId>,
}

impl TerminalOutput {
    pub(crate) fn new(
        options: &ScreenOptions,
        log: LogWriter,
        sender: CommandSender<Input>,
        unhandled: Backpressure,
    ) -> Self {
        TerminalOutput {
            view: View::new(options),
            clock: Clock::new(&options.time_format),
            page: Shared::new(Page::new(options.palette)),
            lines: TypedLines {
                palette: options.palette,
                names: Shared::default(),
                completer: Shared::default(),
                parser: Shared::default(),
                prompted: Shared::default(),
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
        let shown = {
            let mut names = self.lines.names.lock();
            if let OutputEvent::Client(notice) = event {
                names.on_notice(notice, client);
            }
            self.view.on_event(event, client, &names)
        };
        for shown in shown {
            self.show(shown);
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

    fn show(&mut self, shown: Shown) {
        let now = self.clock.now();
        match shown {
            Shown::Lines { text, rings } => {
                self.show_folded();
                let lines = self.page.lock().lay_out(&text, &now, columns());
                let bell = if rings { BELL } else { "" };
                self.print(format!("{bell}{lines}"));
            }
            Shown::Presence { .. } => {
                if self.page.lock().is_full() {
                    self.show_folded();
                }
                let is_first = self.page.lock().fold(&shown, &now);
                if !is_first {
                    return;
                }
                match &self.terminal {
                    Some(terminal) => {
                        let page = self.page.clone();
                        terminal
                            .print_later(FOLD_WITHIN, move || page.lock().take_folded(columns()));
                    }
                    None => self.show_folded(),
                }
            }
        }
    }

    /// Shows who has come and gone, before what comes after that.
    fn show_folded(&self) {
        let folded = self.page.lock().take_folded(columns());
        if let Some(lines) = folded {
            self.print(lines);
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
        self.show_folded();
        if let Some(terminal) = self.terminal {
            terminal.finish();
        }
    }
}

/// How many columns the terminal has; 0 if it does not say.
fn columns() -> usize {
    tcgetwinsize(rustix::stdio::stdout()).map_or(0, |size| usize::from(size.ws_col))
}

impl TypedLines {
    /// A line that is not a command goes where the prompt has said, whatever has changed since.
    fn to_prompted(&self, command: Command) -> Command {
        let prompted = self.prompted.lock().clone();
        let Some(Prompted { target, id }) = prompted else {
            return command;
        };
        let here = match &target {
            Target::Channel(channel) => Some(channel.clone()),
            Target::Client(_) => None,
        };
        // The client may have another name now.
        let id = id.filter(|id| self.names.lock().contains(*id));
        let to = id.map_or(target, |id| Target::Client(id.to_string()));
        match command {
            Command::Text { text } => Command::Msg { to, text },
            Command::Me { text } => Command::Msg {
                to,
                text: text::as_action(&text),
            },
            command => command.in_channel(here),
        }
    }

    fn send(&self, command: Result<Command, ParseError>) -> ControlFlow<()> {
        let is_last = matches!(command, Ok(Command::Quit { .. }));
        self.unhandled.acquire(usize::MAX);
        if self.sender.send(Input::Line(command)).is_err() || is_last {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

impl LineHandler for TypedLines {
    fn before_prompt(&self) {
        self.unhandled.wait_empty(ANSWER_WITHIN);
    }

    fn prompt(&self) -> Prompt {
        let names = self.names.lock();
        let completer = self.completer.lock();
        let prompted = completer.target().cloned().map(|target| {
            let id = match &target {
                Target::Client(name) => names.resolve(name),
                Target::Channel(_) => None,
            };
            Prompted { target, id }
        });
        *self.prompted.lock() = prompted;
        let plain = match self.parser.lock().awaits_password_of() {
            Some(name) => format!("password of {}> ", Escaped(name)),
            None => completer.prompt(&names),
        };
        let styled = self.palette.paint(Style::Prompt, &plain);
        Prompt { plain, styled }
    }

    fn complete(&self, before_cursor: &str) -> Completions {
        let names = self.names.lock();
        self.completer.lock().complete(&names, before_cursor)
    }

    fn secret_from(&self, line: &str) -> Option<usize> {
        self.parser.lock().secret_from(line)
    }

    fn on_line(&self, line: &str) -> ControlFlow<()> {
        let command = self.parser.lock().parse(line);
        self.send(command.map(|it| self.to_prompted(it)))
    }

    fn on_pasted(&self, lines: &str) -> ControlFlow<()> {
        if lines.starts_with('/') || self.parser.lock().awaits_password_of().is_some() {
            // Commands, and what belongs to them. They may change the target.
            let mut lines = lines.lines();
            return lines.try_for_each(|line| {
                let command = self.parser.lock().parse(line);
                self.send(command)
            });
        }
        // A text is a text, whatever its lines begin with.
        let mut lines = lines.lines().filter(|line| !line.trim().is_empty());
        lines.try_for_each(|line| {
            let text = line.to_owned();
            self.send(Ok(self.to_prompted(Command::Text { text })))
        })
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
