//! The thread that reads lines.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{ColorMode, CompletionType, Config, Context, Editor, Helper};

use super::printer::Printer;
use super::{InputEnd, LineHandler};
use crate::{Backpressure, HiddenInput};

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
            // It masks secrets, whether there are colours or not: see `Highlighter`.
            .color_mode(ColorMode::Forced)
            .build();
        let mut editor = match Editor::with_history(config, MemHistory::new()) {
            Ok(editor) => editor,
            Err(error) => {
                log::error!("cannot edit lines at this terminal: {error}");
                // There is no editor to go on with.
                let _ = self.handler.on_end(InputEnd::Failed);
                return;
            }
        };
        let printer = editor.create_external_printer().ok();
        let printer: Printer = printer.map(|printer| Box::new(printer) as _);
        // An editor shows the keys itself. Between two lines the terminal would show those that are
        // typed ahead, a password as well.
        let quiet = printer.as_ref().and_then(|_| HiddenInput::begin().ok());
        if printer_sender.send(printer).is_err() {
            return;
        }
        editor.set_helper(Some(Assistant(self.handler)));
        while read_line(&mut editor, &self.editing, &self.unprinted) {}
        drop(quiet);
    }
}

/// Reads one line and hands it on; false when it was the last.
fn read_line<H: LineHandler>(
    editor: &mut Editor<Assistant<H>, MemHistory>,
    editing: &AtomicBool,
    unprinted: &Backpressure,
) -> bool {
    // For a terminal that is too simple for an editor.
    let is_secret = |Assistant(handler): &Assistant<H>| handler.secret_from("") == Some(0);
    let hidden = editor.helper().filter(|it| is_secret(it));
    let hidden = hidden.and_then(|_| HiddenInput::begin().ok());
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
    drop(hidden);
    if let Ok(line) = &read {
        let secret = editor.helper().map(|Assistant(it)| it.secret_from(line));
        if secret == Some(None) {
            // One that cannot be remembered is not recalled.
            let _ = editor.add_history_entry(line);
        }
    }
    let Some(Assistant(handler)) = editor.helper() else {
        return false;
    };
    let end = match read {
        Ok(text) if text.contains('\n') => return handler.on_pasted(&text).is_continue(),
        Ok(line) => return handler.on_line(&line).is_continue(),
        Err(ReadlineError::Eof) => InputEnd::Eof,
        Err(ReadlineError::Interrupted) => InputEnd::Interrupted,
        Err(error) => {
            log::error!("cannot read the terminal: {error}");
            InputEnd::Failed
        }
    };
    handler.on_end(end).is_continue() && end != InputEnd::Failed
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
        if self.0.secret_from(line).is_some() {
            return Ok((position, Vec::new()));
        }
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

/// Masks secrets. The editor asks for it before it shows a key.
impl<H: LineHandler> Highlighter for Assistant<H> {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        match self.0.secret_from(line) {
            None => Cow::Borrowed(line),
            Some(begin) => Cow::Owned(mask(line, begin)),
        }
    }

    fn highlight_char(&self, line: &str, _: usize, _: CmdKind) -> bool {
        self.0.secret_from(line).is_some()
    }
}

/// The line with a `*` for each character from `begin` on.
fn mask(line: &str, begin: usize) -> String {
    let (shown, secret) = line.split_at_checked(begin).unwrap_or(("", line));
    let masked = secret.chars().map(|c| if c == '\n' { c } else { '*' });
    shown.chars().chain(masked).collect()
}

impl<H> Validator for Assistant<H> {}

impl<H: LineHandler> Helper for Assistant<H> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_has_a_star_for_each_character() {
        assert_eq!(mask("/oper ann kelp", 10), "/oper ann ****");
        assert_eq!(mask("gr\u{fc}n\nx", 0), "****\n*");
        assert_eq!(mask("a", 2), "*", "never shown by mistake");
    }
}
