//! The keys.

use crossterm::event::{
    Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind,
};
use ratatui::layout::Position;

use super::editor::Editor;
use super::state::{Now, Overlay, Request, State};
use crate::queue::Input;

/// The keys, as the help lists them.
pub(crate) const KEYS: &str = "  \
  Enter                  send the line
  Tab, Shift-Tab         complete a command, a name or a channel; again: the next one
  Up, Down               earlier lines
  Left, Right, Home, End move in the line; with Ctrl: by words
  Ctrl-A, Ctrl-E         to the begin and the end of the line
  Ctrl-W, Ctrl-U, Ctrl-K delete the word before, all before, all behind the cursor
  Ctrl-Y                 insert what was deleted
  Page Up, Page Down     scroll; Ctrl-Home, Ctrl-End: to the oldest and the newest line
  Ctrl-N, Ctrl-P         the next and the previous window
  Alt-1 to Alt-9, Alt-0  the window with this number
  Alt-A                  the next window with something new
  Alt-L                  the window before this one
  Ctrl-F                 search: Enter and Up for older lines, Down for newer, Esc to end
  Alt-M                  show or hide the members
  F1                     show or hide this help
  Ctrl-L                 draw the screen anew
  Ctrl-Z                 back to the shell; fg continues
  Ctrl-C                 clear the line; twice on an empty line: quit
  Ctrl-D                 on an empty line: quit";

/// How many lines may be pasted at once.
const PASTE_LINES_MAX: usize = 500;

/// How many rows the wheel of the mouse scrolls by.
const WHEEL_ROWS: usize = 3;

impl State {
    /// Notes what the terminal reports.
    pub(crate) fn on_terminal(&mut self, event: Event, now: &Now) {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => self.on_key(key, now),
            Event::Paste(text) => self.on_paste(&text),
            Event::FocusGained => self.set_focused(true),
            Event::FocusLost => self.set_focused(false),
            Event::Mouse(mouse) => match mouse.kind {
                MouseEventKind::ScrollUp => self.scroll(WHEEL_ROWS, true),
                MouseEventKind::ScrollDown => self.scroll(WHEEL_ROWS, false),
                MouseEventKind::Down(MouseButton::Left) => self.on_click(mouse.column, mouse.row),
                _ => {}
            },
            // Its size may be the one before, but what it showed is lost.
            Event::Resize(..) => self.request = Some(Request::Redraw),
            Event::Key(_) => {}
        }
    }

    pub(super) fn on_key(&mut self, key: KeyEvent, now: &Now) {
        self.hint = None;
        let may_quit = core::mem::take(&mut self.may_quit);
        let is_tab = matches!(key.code, KeyCode::Tab | KeyCode::BackTab);
        if !is_tab {
            self.cycle = None;
        }
        match &self.overlay {
            Overlay::Help(row) => {
                let row = *row;
                return self.on_help_key(key, row);
            }
            Overlay::Paste(_) => return self.on_paste_key(key, now),
            Overlay::Search { .. } => {
                if self.on_search_key(key) {
                    return;
                }
            }
            Overlay::None => {}
        }
        let is_ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        let is_alt = key.modifiers.contains(KeyModifiers::ALT);
        let replaces = matches!(key.code, KeyCode::Char(_)) && is_ctrl == is_alt;
        if !replaces {
            self.window_mut().editor.keep();
        }
        match key.code {
            KeyCode::Char(c) if is_ctrl && !is_alt => {
                self.on_ctrl(c.to_ascii_lowercase(), may_quit)
            }
            KeyCode::Char(c) if is_alt && !is_ctrl => self.on_alt(c.to_ascii_lowercase()),
            KeyCode::Char(c) => self.window_mut().editor.insert(c.encode_utf8(&mut [0; 4])),
            KeyCode::Enter if is_alt => {}
            KeyCode::Enter => self.enter(now),
            KeyCode::Tab => self.complete(false),
            KeyCode::BackTab => self.complete(true),
            KeyCode::Backspace if is_alt => self.kill(Editor::kill_word),
            KeyCode::Backspace => self.window_mut().editor.backspace(),
            KeyCode::Delete => self.window_mut().editor.delete(),
            KeyCode::Left if is_ctrl || is_alt => self.window_mut().editor.word_left(),
            KeyCode::Right if is_ctrl || is_alt => self.window_mut().editor.word_right(),
            KeyCode::Left => self.window_mut().editor.left(),
            KeyCode::Right => self.window_mut().editor.right(),
            KeyCode::Home if is_ctrl => self.scroll(usize::MAX, true),
            KeyCode::End if is_ctrl => self.window_mut().bottom = None,
            KeyCode::Home => self.window_mut().editor.home(),
            KeyCode::End => self.window_mut().editor.end(),
            KeyCode::PageUp => self.scroll(self.pane.rows.saturating_sub(1).max(1), true),
            KeyCode::PageDown => self.scroll(self.pane.rows.saturating_sub(1).max(1), false),
            KeyCode::Up => self.recall(true),
            KeyCode::Down => self.recall(false),
            KeyCode::F(1) => self.overlay = Overlay::Help(0),
            KeyCode::Esc => self.cancel_password(),
            _ => {}
        }
    }

    fn on_ctrl(&mut self, c: char, may_quit: bool) {
        match c {
            'a' => self.window_mut().editor.home(),
            'e' => self.window_mut().editor.end(),
            'b' => self.window_mut().editor.left(),
            'f' => self.start_search(),
            'h' => self.window_mut().editor.backspace(),
            'k' => self.kill(Editor::kill_to_end),
            'u' => self.kill(Editor::kill_to_start),
            'w' => self.kill(Editor::kill_word),
            'y' => self.window_mut().editor.yank(),
            'l' => self.request = Some(Request::Redraw),
            'z' => self.request = Some(Request::Suspend),
            'n' => self.switch_to((self.active + 1) % self.windows.len()),
            'p' => {
                let count = self.windows.len();
                self.switch_to((self.active + count - 1) % count);
            }
            'd' if self.window().editor.text().is_empty() => self.quit(),
            'd' => self.window_mut().editor.delete(),
            'c' if self.awaits_password_of().is_some() => self.cancel_password(),
            'c' if !self.window().editor.text().is_empty() => {
                self.window_mut().editor.take();
                self.history.leave();
            }
            'c' if may_quit => self.quit(),
            'c' => {
                self.may_quit = true;
                self.hint = Some("Press Ctrl-C again to quit".to_owned());
            }
            _ => {}
        }
    }

    fn on_alt(&mut self, c: char) {
        match c {
            '1'..='9' => self.switch_to(c as usize - '1' as usize),
            '0' => self.switch_to(9),
            'a' => self.switch_to_new(),
            'l' => self.switch_to(self.previous.min(self.windows.len() - 1)),
            'm' => self.shows_members = !self.shows_members,
            'b' => self.window_mut().editor.word_left(),
            'f' => self.window_mut().editor.word_right(),
            _ => {}
        }
    }

    /// The next window with something new: those that mention the user come first.
    fn switch_to_new(&mut self) {
        let count = self.windows.len();
        let others = || (1..count).map(|step| (self.active + step) % count);
        let next = others()
            .find(|index| self.windows[*index].mentions > 0)
            .or_else(|| others().find(|index| self.windows[*index].unread > 0));
        match next {
            Some(index) => self.switch_to(index),
            None => self.hint = Some("Nothing new in other windows".to_owned()),
        }
    }

    fn quit(&mut self) {
        self.hint = Some("leaving".to_owned());
        self.send(Input::Quit);
    }

    fn kill(&mut self, kill: impl FnOnce(&mut Editor, bool)) {
        let is_secret = self.secret_from().is_some();
        kill(&mut self.window_mut().editor, is_secret);
    }

    fn cancel_password(&mut self) {
        if self.parser.cancel().is_some() {
            self.window_mut().editor.take();
            self.hint = Some("No password was sent".to_owned());
        }
    }

    fn recall(&mut self, older: bool) {
        if self.secret_from().is_some() {
            return;
        }
        let now = self.windows[self.active].editor.text().to_owned();
        let line = match older {
            true => self.history.older(&now).map(str::to_owned),
            false => self.history.newer(),
        };
        if let Some(line) = line {
            self.window_mut().editor.set(&line);
        }
    }

    fn scroll(&mut self, rows: usize, up: bool) {
        if let Overlay::Help(row) = &mut self.overlay {
            *row = match up {
                true => row.saturating_sub(rows),
                false => row.saturating_add(rows),
            };
            return;
        }
        let pane = self.pane;
        self.window_mut().scroll(pane, rows, up);
    }

    /// A click on a window in the list of windows shows it.
    fn on_click(&mut self, x: u16, y: u16) {
        let place = Position { x, y };
        let tab = self.tabs.iter().find(|tab| tab.area.contains(place));
        if let Some(index) = tab.map(|tab| tab.index)
            && !matches!(self.overlay, Overlay::Paste(_))
        {
            self.switch_to(index);
        }
    }

    fn on_help_key(&mut self, key: KeyEvent, row: usize) {
        let page = self.pane.rows.max(2) - 1;
        self.overlay = match key.code {
            KeyCode::Up => Overlay::Help(row.saturating_sub(1)),
            KeyCode::Down => Overlay::Help(row + 1),
            KeyCode::PageUp => Overlay::Help(row.saturating_sub(page)),
            KeyCode::PageDown | KeyCode::Char(' ') => Overlay::Help(row + page),
            KeyCode::Home => Overlay::Help(0),
            KeyCode::Char('l') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                self.request = Some(Request::Redraw);
                Overlay::Help(row)
            }
            _ => Overlay::None,
        };
    }
}

/// Pasted text.
impl State {
    fn on_paste(&mut self, text: &str) {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let text = text.trim_end_matches('\n');
        let mut lines: Vec<String> = text.split('\n').map(typable).collect();
        if let Overlay::Search { text, .. } = &mut self.overlay {
            return text.insert(&lines[0]);
        }
        if lines.len() == 1 || self.secret_from().is_some() {
            return self.window_mut().editor.insert(&lines[0]);
        }
        lines.retain(|line| !line.trim().is_empty());
        if lines.len() > PASTE_LINES_MAX {
            let count = lines.len();
            self.hint = Some(format!(
                "{count} lines are too many to paste: at most {PASTE_LINES_MAX}"
            ));
            return;
        }
        self.overlay = Overlay::Paste(lines);
    }

    fn on_paste_key(&mut self, key: KeyEvent, now: &Now) {
        let Overlay::Paste(lines) = core::mem::replace(&mut self.overlay, Overlay::None) else {
            return;
        };
        match key.code {
            KeyCode::Enter | KeyCode::Char('y') => {
                self.send_pasted(lines, now);
            }
            KeyCode::Char('j') => self.window_mut().editor.insert(&lines.join(" ")),
            KeyCode::Esc | KeyCode::Char('n') => {
                self.hint = Some("Nothing was pasted".to_owned());
            }
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                self.hint = Some("Nothing was pasted".to_owned());
            }
            _ => self.overlay = Overlay::Paste(lines),
        }
    }
}

impl State {
    /// Sends lines, none of them as a command. What cannot be sent is asked about again.
    fn send_pasted(&mut self, mut lines: Vec<String>, now: &Now) {
        // What is typed already belongs to the first line.
        let typed = self.window_mut().editor.take();
        if let Some(first) = lines.first_mut() {
            first.insert_str(0, &typed);
        }
        let mut sent = 0;
        while let Some(line) = lines.get(sent) {
            if !self.has_room() {
                self.hint = Some("The client is busy: press Enter again for the rest".to_owned());
                break;
            }
            if self.say(self.active, line, now).is_err() {
                break;
            }
            sent += 1;
        }
        lines.drain(..sent);
        if sent == 0
            && let Some(first) = lines.first_mut()
        {
            first.drain(..typed.len());
            self.window_mut().editor.set(&typed);
        }
        if !lines.is_empty() {
            self.overlay = Overlay::Paste(lines);
        }
    }
}

/// What of a text can stand in the line that is being typed.
fn typable(line: &str) -> String {
    let line = line.replace('\t', "    ");
    line.chars().filter(|c| !c.is_control()).collect()
}

/// The search.
impl State {
    pub(super) fn start_search(&mut self) {
        self.overlay = Overlay::Search {
            text: Editor::default(),
            found: None,
        };
    }

    /// Begins a search with this text.
    pub(super) fn search_for(&mut self, pattern: &str) {
        if let Overlay::Search { text, .. } = &mut self.overlay {
            text.set(pattern);
        }
        self.find(true);
    }

    /// Handles a key of the search. Whether it was one; others end the search.
    fn on_search_key(&mut self, key: KeyEvent) -> bool {
        let is_ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        let Overlay::Search { text, found } = &mut self.overlay else {
            return false;
        };
        match key.code {
            KeyCode::Char('f' | 'r') if is_ctrl => self.find(true),
            KeyCode::Char('u') if is_ctrl => {
                text.kill_to_start(true);
                *found = None;
            }
            KeyCode::Char('c') if is_ctrl => self.end_search(),
            KeyCode::Char(_) if is_ctrl || key.modifiers.contains(KeyModifiers::ALT) => {
                self.end_search();
                return false;
            }
            KeyCode::Char(c) => {
                text.insert(c.encode_utf8(&mut [0; 4]));
                *found = None;
                self.find(true);
            }
            KeyCode::Backspace => {
                text.backspace();
                *found = None;
                self.find(true);
            }
            KeyCode::Enter | KeyCode::Up => self.find(true),
            KeyCode::Down => self.find(false),
            KeyCode::PageUp | KeyCode::PageDown => return false,
            KeyCode::Esc => self.end_search(),
            _ => {
                self.end_search();
                return false;
            }
        }
        true
    }

    fn end_search(&mut self) {
        self.overlay = Overlay::None;
    }

    /// Shows the next line with the text.
    fn find(&mut self, up: bool) {
        let Overlay::Search { text, found } = &self.overlay else {
            return;
        };
        let pattern = text.text().to_owned();
        if pattern.is_empty() {
            return;
        }
        let window = self.window();
        let from = found.and_then(|seq| window.place_of(seq));
        let next = window.find(&pattern, from, up);
        match next {
            Some(index) => {
                let (pane, seq) = (self.pane, window.lines()[index].seq);
                self.window_mut().show(pane, index);
                if let Overlay::Search { found, .. } = &mut self.overlay {
                    *found = Some(seq);
                }
            }
            None if from.is_some() => self.hint = Some("No further line has it".to_owned()),
            None => self.hint = Some("No line has it".to_owned()),
        }
    }
}
