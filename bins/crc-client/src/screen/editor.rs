//! The line that a user edits. Own code, since crates for text areas keep what was deleted, and a
//! password that is being typed must not come back.

use crc_wire::truncate_utf8;
use unicode_segmentation::UnicodeSegmentation;

use crate::wrap;

/// How long a line may become, in bytes.
pub(crate) const LINE_MAX: usize = 64 * 1024;

/// How many lines are remembered.
const HISTORY_MAX: usize = 500;

/// A line and the place in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Editor {
    text: String,
    cursor: usize,
    /// What was deleted last.
    killed: String,
    /// Whether the line has come back because it could not be sent: what is typed next replaces
    /// it.
    is_refused: bool,
}

impl Editor {
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn cursor(&self) -> usize {
        self.cursor
    }

    pub(crate) fn is_refused(&self) -> bool {
        self.is_refused
    }

    /// Brings a line back that could not be sent. Enter sends it again, what is typed replaces
    /// it, and a key that moves or deletes makes it a line like others.
    pub(crate) fn refuse(&mut self, text: &str) {
        self.set(text);
        self.is_refused = !self.text.is_empty();
    }

    /// The user edits the line.
    pub(crate) fn keep(&mut self) {
        self.is_refused = false;
    }

    /// Replaces the line, with the cursor at its end.
    pub(crate) fn set(&mut self, text: &str) {
        self.is_refused = false;
        truncate_utf8(text, LINE_MAX).clone_into(&mut self.text);
        self.cursor = self.text.len();
    }

    /// Takes the line out.
    pub(crate) fn take(&mut self) -> String {
        (self.cursor, self.is_refused) = (0, false);
        core::mem::take(&mut self.text)
    }

    /// Inserts a text at the cursor, as far as there is room.
    pub(crate) fn insert(&mut self, text: &str) {
        if self.is_refused {
            self.set("");
        }
        let room = LINE_MAX - self.text.len();
        let text = truncate_utf8(text, room);
        self.text.insert_str(self.cursor, text);
        self.cursor += text.len();
    }

    /// Replaces the bytes from `start` to the cursor.
    pub(crate) fn replace(&mut self, start: usize, text: &str) {
        self.text.replace_range(start..self.cursor, "");
        self.cursor = start;
        self.insert(text);
    }

    fn before(&self) -> usize {
        let mut before = self.text[..self.cursor].grapheme_indices(true);
        before.next_back().map_or(0, |(at, _)| at)
    }

    fn after(&self) -> usize {
        let next = self.text[self.cursor..].graphemes(true).next();
        self.cursor + next.map_or(0, str::len)
    }

    fn word_before(&self) -> usize {
        let before = &self.text[..self.cursor];
        let trimmed = before.trim_end();
        trimmed.rfind(char::is_whitespace).map_or(0, |at| {
            at + trimmed[at..].chars().next().map_or(1, char::len_utf8)
        })
    }

    fn word_after(&self) -> usize {
        let after = &self.text[self.cursor..];
        let blank = after.len() - after.trim_start().len();
        let word = after[blank..].find(char::is_whitespace);
        self.cursor + word.map_or(after.len(), |at| blank + at)
    }

    pub(crate) fn left(&mut self) {
        self.cursor = self.before();
    }

    pub(crate) fn right(&mut self) {
        self.cursor = self.after();
    }

    pub(crate) fn word_left(&mut self) {
        self.cursor = self.word_before();
    }

    pub(crate) fn word_right(&mut self) {
        self.cursor = self.word_after();
    }

    pub(crate) fn home(&mut self) {
        self.cursor = 0;
    }

    pub(crate) fn end(&mut self) {
        self.cursor = self.text.len();
    }

    pub(crate) fn backspace(&mut self) {
        let start = self.before();
        self.remove(start, self.cursor);
    }

    pub(crate) fn delete(&mut self) {
        let end = self.after();
        self.remove(self.cursor, end);
    }

    /// Deletes the word before the cursor. What is deleted can come back, unless the line is
    /// secret; and so for the next two.
    pub(crate) fn kill_word(&mut self, secret: bool) {
        let start = self.word_before();
        self.kill(start, self.cursor, secret);
    }

    /// Deletes all before the cursor.
    pub(crate) fn kill_to_start(&mut self, secret: bool) {
        self.kill(0, self.cursor, secret);
    }

    /// Deletes all behind the cursor.
    pub(crate) fn kill_to_end(&mut self, secret: bool) {
        self.kill(self.cursor, self.text.len(), secret);
    }

    /// Inserts what was deleted last.
    pub(crate) fn yank(&mut self) {
        let killed = core::mem::take(&mut self.killed);
        self.insert(&killed);
        self.killed = killed;
    }

    fn kill(&mut self, start: usize, end: usize, secret: bool) {
        if !secret && start < end {
            self.text[start..end].clone_into(&mut self.killed);
        }
        self.remove(start, end);
    }

    fn remove(&mut self, start: usize, end: usize) {
        self.text.replace_range(start..end, "");
        self.cursor = start;
    }
}

/// The part of a text around a place that fits, and the column of that place.
pub(crate) fn view(text: &str, cursor: usize, columns: usize) -> (&str, usize) {
    // The cursor may be behind the last character.
    let columns = columns.max(2) - 1;
    let mut start = 0;
    let mut used = wrap::width(&text[..cursor]);
    for (at, cluster) in text[..cursor].grapheme_indices(true) {
        if used <= columns {
            start = at;
            break;
        }
        used -= wrap::width(cluster);
        start = at + cluster.len();
    }
    (wrap::fit(&text[start..], columns), used)
}

/// The lines that were entered.
#[derive(Debug, Default)]
pub(crate) struct History {
    lines: Vec<String>,
    /// Which one is shown, and what was being typed before.
    shown: Option<(usize, String)>,
}

impl History {
    /// Remembers a line.
    pub(crate) fn add(&mut self, line: &str) {
        self.shown = None;
        if line.trim().is_empty() || self.lines.last().is_some_and(|last| last == line) {
            return;
        }
        if self.lines.len() == HISTORY_MAX {
            self.lines.remove(0);
        }
        self.lines.push(line.to_owned());
    }

    /// Forgets which line is shown.
    pub(crate) fn leave(&mut self) {
        self.shown = None;
    }

    /// The line before the one that is shown.
    pub(crate) fn older(&mut self, now: &str) -> Option<&str> {
        let (index, draft) = match self.shown.take() {
            Some((index, draft)) => (index.checked_sub(1), draft),
            None => (self.lines.len().checked_sub(1), now.to_owned()),
        };
        match index {
            Some(index) => {
                self.shown = Some((index, draft));
                Some(&self.lines[index])
            }
            None if self.lines.is_empty() => None,
            None => {
                self.shown = Some((0, draft));
                None
            }
        }
    }

    /// The line behind the one that is shown; in the end, what was being typed.
    pub(crate) fn newer(&mut self) -> Option<String> {
        let (index, draft) = self.shown.take()?;
        match self.lines.get(index + 1) {
            Some(line) => {
                self.shown = Some((index + 1, draft));
                Some(line.clone())
            }
            None => Some(draft),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn editor(text: &str) -> Editor {
        let mut editor = Editor::default();
        editor.set(text);
        editor
    }

    #[test]
    fn characters_are_whole() {
        let mut editor = editor("né👋🏽");
        editor.backspace();
        assert_eq!(editor.text(), "né");
        editor.left();
        editor.insert("世");
        assert_eq!(editor.text(), "n世é");
        editor.delete();
        assert_eq!(editor.text(), "n世");
        editor.right();
        editor.home();
        editor.delete();
        assert_eq!((editor.text(), editor.cursor()), ("世", 0));
    }

    #[test]
    fn words_are_deleted_and_come_back() {
        let mut editor = editor("one two  three");
        editor.kill_word(false);
        assert_eq!(editor.text(), "one two  ");
        editor.kill_word(false);
        assert_eq!(editor.text(), "one ");
        editor.yank();
        assert_eq!(editor.text(), "one two  ");
        editor.word_left();
        editor.word_left();
        assert_eq!(editor.cursor(), 0);
        editor.word_right();
        assert_eq!(editor.cursor(), 3);
        editor.kill_to_end(false);
        assert_eq!(editor.text(), "one");
        editor.kill_to_start(false);
        editor.yank();
        assert_eq!(editor.text(), "one");
    }

    #[test]
    fn secrets_do_not_come_back() {
        let mut editor = editor("/oper ann kelp");
        editor.kill_to_start(true);
        editor.yank();
        assert_eq!(editor.text(), "");
    }

    #[test]
    fn the_view_follows_the_cursor() {
        let text = "abcdefghij";
        assert_eq!(view(text, 10, 20), (text, 10));
        assert_eq!(view(text, 10, 6), ("fghij", 5));
        assert_eq!(view(text, 0, 6), ("abcde", 0));
        assert_eq!(view("世界世界", 12, 6), ("世界", 4));
        assert_eq!(view("", 0, 0), ("", 0));
    }

    #[test]
    fn history_goes_back_to_what_was_typed() {
        let mut history = History::default();
        assert_eq!(history.older("x"), None);
        for line in ["a", "b", "b", " "] {
            history.add(line);
        }
        assert_eq!(history.older("draft"), Some("b"));
        assert_eq!(history.older("b"), Some("a"));
        assert_eq!(history.older("a"), None);
        assert_eq!(history.newer().as_deref(), Some("b"));
        assert_eq!(history.newer().as_deref(), Some("draft"));
        assert_eq!(history.newer(), None);
    }

    #[test]
    fn a_line_is_bounded() {
        let mut editor = Editor::default();
        editor.insert(&"é".repeat(LINE_MAX));
        assert_eq!(editor.text().len(), LINE_MAX);
        editor.insert("x");
        assert_eq!(editor.text().len(), LINE_MAX);
    }
}
