//! The thread that reads lines.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, Helper};

use super::printer::Printer;
use super::{InputEnd, LineHandler};
use crate::Backpressure;

/// How long a prompt waits for the text that is not printed yet.
const PRINTED_WITHIN: Duration = Duration::from_millis(200);

/// Reads lines and hands them to a handler.
pub(super) struct LineReader<H> {
    handler: H,
    editing: Arc<AtomicBool>,
    unprinted: Backpressure,
}

impl<H: LineHandler> LineReader<H> {
    pub(super) fn new(handler: H, editing: Arc<AtomicBool>, unprinted: Backpressure) -> Self {
        LineReader {
            handler,
            editing,
            unprinted,
        }
    }

    /// Reads until the last line. Gives the editor's printer away first, so that
    /// other text does not overwrite the line; a terminal that is too simple for an
    /// editor has none.
    pub(super) fn run(self, printer_sender: &SyncSender<Printer>) {
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .auto_add_history(true)
            .build();
        let mut editor = match Editor::with_history(config, MemHistory::new()) {
            Ok(editor) => editor,
            Err(error) => {
                log::error!("cannot edit lines at this terminal: {error}");
                self.handler.on_end(InputEnd::Failed);
                return;
            }
        };
        let printer = editor.create_external_printer().ok();
        let printer: Printer = printer.map(|printer| Box::new(printer) as _);
        if printer_sender.send(printer).is_err() {
            return;
        }
        editor.set_helper(Some(Assistant(self.handler)));
        while read_line(&mut editor, &self.editing, &self.unprinted) {}
    }
}

/// Reads one line and hands it on; false when it was the last.
fn read_line<H: LineHandler>(
    editor: &mut Editor<Assistant<H>, MemHistory>,
    editing: &AtomicBool,
    unprinted: &Backpressure,
) -> bool {
    let Some(prompt) = editor.helper().map(|Assistant(handler)| {
        handler.before_prompt();
        // While a line is edited the editor prints, but it serves keys first, so a
        // late answer would appear below the next line.
        unprinted.wait_empty(PRINTED_WITHIN);
        handler.prompt()
    }) else {
        return false;
    };
    editing.store(true, Ordering::SeqCst);
    let read = editor.readline(&(prompt.plain, prompt.styled));
    editing.store(false, Ordering::SeqCst);
    let Some(Assistant(handler)) = editor.helper() else {
        return false;
    };
    let end = match read {
        Ok(text) => return text.lines().all(|line| handler.on_line(line).is_continue()),
        Err(ReadlineError::Eof) => InputEnd::Eof,
        Err(ReadlineError::Interrupted) => InputEnd::Interrupted,
        Err(error) => {
            log::error!("cannot read the terminal: {error}");
            InputEnd::Failed
        }
    };
    handler.on_end(end);
    false
}

/// Gives the editor the handler's candidates.
struct Assistant<H>(H);

impl<H: LineHandler> Completer for Assistant<H> {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let completions = self.0.complete(&line[..position]);
        let pairs = completions.candidates.into_iter().map(|candidate| Pair {
            display: candidate.display,
            replacement: candidate.replacement,
        });
        Ok((completions.start, pairs.collect()))
    }
}

impl<H> Hinter for Assistant<H> {
    type Hint = String;
}

impl<H> Highlighter for Assistant<H> {}

impl<H> Validator for Assistant<H> {}

impl<H: LineHandler> Helper for Assistant<H> {}
