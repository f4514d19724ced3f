//! Somebody at a terminal: edits a line while others talk.
//!
//! Two threads beside the driver's: one edits the line, the other prints above it,
//! so that the driver does not wait for somebody who types. Both are left alone when
//! the process ends; [`Terminal::finish`] leaves the terminal as it was found.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crc_net::{CommandSender, SendError};
use crc_rendezvous::{PeerCommand, When};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{Config, Editor, ExternalPrinter};

use crate::{write_error, write_line};

/// How many messages may wait for the terminal.
const MESSAGES_MAX: usize = 1_000;

/// What stands before the line that is being edited.
const PROMPT: &str = "> ";

/// Endpoints the mode in which the terminal marks what is pasted.
const PASTE_MODE_OFF: &str = "\x1b[?2004l";

/// A terminal with somebody at it.
pub(crate) struct Terminal {
    messages: Option<SyncSender<String>>,
    printing: Option<JoinHandle<()>>,
    /// As it was found.
    found: Option<Termios>,
    /// Whether a line is being edited: the terminal is in another mode then.
    editing: Arc<AtomicBool>,
}

type Printer = Option<Box<dyn ExternalPrinter + Send>>;

impl Terminal {
    /// Begins to take lines for `commander`; from now on log lines are printed above
    /// the line that is being edited.
    pub(crate) fn start(commander: CommandSender<PeerCommand>, log: &LogLines) -> Terminal {
        let (messages, incoming) = sync_channel(MESSAGES_MAX);
        let (ready, printer) = sync_channel(1);
        let mut terminal = Terminal {
            messages: Some(messages.clone()),
            printing: None,
            found: tcgetattr(rustix::stdio::stdin()).ok(),
            editing: Arc::default(),
        };
        let editing = Arc::clone(&terminal.editing);
        let give_up = commander.clone();
        let name = |name: &str| thread::Builder::new().name(name.to_owned());
        let edit = name("editing").spawn(move || edit(&commander, &editing, &ready));
        let print = name("printing").spawn(move || print_all(&incoming, &printer));
        match (edit, print) {
            (Ok(_), Ok(print)) => {
                *log.messages() = Some(messages);
                terminal.printing = Some(print);
            }
            (Err(error), _) | (_, Err(error)) => {
                terminal.messages = None;
                log::error!("no thread can be started to edit lines: {error}");
                leave(&give_up);
            }
        }
        terminal
    }

    /// Prints a line above the one that is being edited.
    pub(crate) fn print(&self, line: String) {
        if let Some(messages) = &self.messages {
            // A terminal that is gone sends a signal, or ends the editing.
            let _ = messages.send(line);
        }
    }

    /// Prints what is left and gives the terminal back.
    pub(crate) fn finish(mut self, log: &LogLines) {
        log.messages().take();
        self.messages = None;
        if let Some(printing) = self.printing.take() {
            // A thread that panicked has said so.
            let _ = printing.join();
        }
        if self.editing.load(Ordering::SeqCst) {
            let mut out = io::stdout().lock();
            let _ = writeln!(out, "{PASTE_MODE_OFF}\r");
            let _ = out.flush();
            if let Some(found) = &self.found {
                let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Drain, found);
            }
        }
    }
}

/// Asks the peer to leave. Never waits: on the driver's own thread it would be for
/// itself.
fn leave(commander: &CommandSender<PeerCommand>) {
    let leave = PeerCommand::Leave { when: When::Now };
    if let Err(SendError::Full) = commander.try_send(leave) {
        log::error!("too many lines wait; end the program by a signal");
    }
}

/// The thread that edits lines.
fn edit(commander: &CommandSender<PeerCommand>, editing: &AtomicBool, ready: &SyncSender<Printer>) {
    let config = Config::builder().auto_add_history(true).build();
    let mut editor = match Editor::<(), _>::with_history(config, MemHistory::new()) {
        Ok(editor) => editor,
        Err(error) => {
            log::error!("lines can't be edited here: {error}");
            leave(commander);
            return;
        }
    };
    // A terminal without it is a simple one, where nothing can tear.
    let printer = editor.create_external_printer().ok();
    let printer = printer.map(|printer| Box::new(printer) as Box<dyn ExternalPrinter + Send>);
    if ready.send(printer).is_err() {
        return;
    }
    loop {
        editing.store(true, Ordering::SeqCst);
        let read = editor.readline(PROMPT);
        editing.store(false, Ordering::SeqCst);
        match read {
            Ok(text) => {
                for line in text.lines() {
                    let text = line.to_owned();
                    let when = When::Now;
                    if commander
                        .send(PeerCommand::SendText { text, when })
                        .is_err()
                    {
                        return;
                    }
                }
            }
            Err(error) => {
                if !matches!(error, ReadlineError::Eof | ReadlineError::Interrupted) {
                    log::error!("the terminal can't be read: {error}");
                }
                // Without a peer there is nothing left to end.
                let _ = commander.send(PeerCommand::Leave { when: When::Now });
                return;
            }
        }
    }
}

/// The thread that prints, above the line that is being edited.
fn print_all(messages: &Receiver<String>, printer: &Receiver<Printer>) {
    let mut printer = printer.recv().ok().flatten();
    for message in messages {
        let line = format!("{message}\n");
        let printed = printer.as_mut().map(|printer| printer.print(line));
        if !matches!(printed, Some(Ok(()))) {
            // Nobody edits, so that nothing can tear.
            let _ = write_line(&message);
        }
    }
}

/// Where log lines go: to standard error, or above the line that is being edited.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogLines(Arc<Mutex<Option<SyncSender<String>>>>);

impl LogLines {
    /// A sender is never half changed, whatever became of another thread.
    fn messages(&self) -> MutexGuard<'_, Option<SyncSender<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for LogLines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let line = text.trim_end();
        let messages = self.messages().clone();
        // Whoever logs must never wait for the terminal: it may be the terminal.
        let printed = messages.is_some_and(|messages| messages.try_send(line.to_owned()).is_ok());
        if !printed {
            write_error(line);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
