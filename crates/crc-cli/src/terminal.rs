//! A terminal at which a user edits lines while the program prints above them.
//!
//! Two threads run beside the caller's: one reads lines, the other prints, so that
//! the caller never waits for the user. Neither is joined when the user still edits
//! a line at the end; [`Terminal::finish`] restores the terminal's mode in either
//! case.

mod editor;
mod log_writer;
mod printer;

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

use editor::LineReader;
use printer::Messages;

pub use log_writer::LogWriter;

/// Ends the mode in which the terminal marks pasted text.
const PASTE_MODE_OFF: &str = "\x1b[?2004l";

/// What a program does with the lines of its terminal. The methods are called on
/// the thread that reads; they may wait.
pub trait LineHandler: Send + 'static {
    /// Called before each prompt. A handler may wait here for the answer to the last
    /// line, so that the answer is printed above the prompt.
    fn before_prompt(&self) {}

    /// The text before the line.
    fn prompt(&self) -> Prompt;

    /// Candidates for the word at the end of `before_cursor`.
    fn complete(&self, before_cursor: &str) -> Completions {
        Completions {
            start: before_cursor.len(),
            candidates: Vec::new(),
        }
    }

    /// Where the part of `line` begins that is secret, such as a password: it is masked, and
    /// such a line is not recalled. `Some(0)` for the empty line: any line is secret now.
    fn secret_from(&self, line: &str) -> Option<usize> {
        let _ = line;
        None
    }

    /// Takes one line. `Break` ends the reading, without a call of
    /// [`LineHandler::on_end`].
    fn on_line(&self, line: &str) -> ControlFlow<()>;

    /// Takes several lines that the user has pasted, as one text. `Break` as for
    /// [`on_line`](LineHandler::on_line).
    fn on_pasted(&self, lines: &str) -> ControlFlow<()> {
        lines.lines().try_for_each(|line| self.on_line(line))
    }

    /// The user ends the input: no line follows, unless `Continue` is returned.
    fn on_end(&self, end: InputEnd) -> ControlFlow<()>;
}

/// The text before the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// As it is shown on a terminal without colours.
    pub plain: String,
    /// The same with colours.
    pub styled: String,
}

/// Candidates for one word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completions {
    /// The byte at which the word begins.
    pub start: usize,
    /// The candidates.
    pub candidates: Vec<Candidate>,
}

/// One candidate for a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// As it is listed.
    pub display: String,
    /// What it puts in the place of the word.
    pub replacement: String,
}

/// Why no line follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputEnd {
    /// The user has typed Ctrl-D.
    Eof,
    /// The user has typed Ctrl-C.
    Interrupted,
    /// The terminal cannot be read. The log says why.
    Failed,
}

/// A terminal at which a user edits lines.
#[derive(Debug)]
pub struct Terminal {
    messages: Messages,
    printing: JoinHandle<()>,
    log: LogWriter,
    /// The mode at the start.
    mode: Option<Termios>,
    /// Whether a line is being edited: the terminal is in another mode then.
    editing: Arc<AtomicBool>,
}

impl Terminal {
    /// Begins to read lines for `handler`. From now on `log` prints above the line
    /// that is being edited.
    ///
    /// # Errors
    ///
    /// When the system gives no thread.
    pub fn start(handler: impl LineHandler, log: LogWriter) -> io::Result<Terminal> {
        let mode = tcgetattr(rustix::stdio::stdin()).ok();
        let (messages, incoming) = printer::messages();
        let (printer_sender, printer) = sync_channel(1);
        let editing = Arc::default();
        let reader = LineReader::new(handler, Arc::clone(&editing), messages.unprinted());
        let thread = |name: &str| thread::Builder::new().name(name.to_owned());
        thread("editing").spawn(move || reader.run(&printer_sender))?;
        let printing =
            thread("printing").spawn(move || incoming.print_all(printer.recv().ok().flatten()))?;
        log.attach(messages.clone());
        Ok(Terminal {
            messages,
            printing,
            log,
            mode,
            editing,
        })
    }

    /// Prints `text` above the line that is being edited.
    pub fn print(&self, text: String) {
        self.messages.send(text);
    }

    /// Prints what `text` returns, if it does, as soon as this time has passed; earlier at the end,
    /// or when this is called again. Texts that are printed meanwhile stand before it.
    pub fn print_later(
        &self,
        after: Duration,
        text: impl FnOnce() -> Option<String> + Send + 'static,
    ) {
        self.messages
            .send_later(Instant::now() + after, Box::new(text));
    }

    /// Prints what is left and restores the terminal.
    pub fn finish(self) {
        self.log.detach();
        drop(self.messages);
        // A thread that panicked has printed the reason.
        drop(self.printing.join());
        if self.editing.load(Ordering::SeqCst) {
            let mut out = io::stdout().lock();
            let _ = writeln!(out, "{PASTE_MODE_OFF}\r");
            let _ = out.flush();
        }
        if let Some(mode) = &self.mode {
            let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Drain, mode);
        }
    }
}

/// A value that threads share. Every change to it is one assignment, so a lock that
/// another thread's panic has poisoned is used all the same.
#[derive(Debug, Default)]
pub struct Shared<T>(Arc<Mutex<T>>);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Shared(Arc::clone(&self.0))
    }
}

impl<T> Shared<T> {
    /// Shares a value.
    pub fn new(value: T) -> Shared<T> {
        Shared(Arc::new(Mutex::new(value)))
    }

    /// Waits for the other threads and gives access to the value.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
