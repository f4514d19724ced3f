//! The screen is drawn from the state.

use std::time::Instant;

use crc_core::Escaped;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};

use super::editor::{Editor, view};
use super::input::SCREEN_COMMANDS;
use super::keys::KEYS;
use super::line::{Line, LineKind};
use super::state::{Connection, Overlay, State, Tab};
use super::window::{Pane, Row, Window, With};
use crate::command::COMMANDS;
use crate::palette::Palette;
use crate::shown::shown;
use crate::wrap;

/// From how many columns on the windows are listed at the left, and how wide that list is.
const LIST_FROM: u16 = 100;
const LIST_COLUMNS: u16 = 18;

/// From how many columns on the members are shown, and how wide they are.
const MEMBERS_FROM: u16 = 60;
const MEMBERS_COLUMNS: u16 = 16;

/// Where the descriptions of keys and commands begin in the help.
const KEYS_INDENT: usize = 25;
const COMMANDS_INDENT: usize = 18;

/// The smallest screen on which there is something to see.
const ROWS_MIN: u16 = 4;
const COLUMNS_MIN: u16 = 10;

/// Draws everything. Returns where the cursor is.
pub(crate) fn draw(state: &mut State, buffer: &mut Buffer, now: Instant) -> Option<Position> {
    let area = buffer.area;
    if area.width < COLUMNS_MIN || area.height < ROWS_MIN {
        return None;
    }
    let painter = Painter {
        palette: state.options.palette,
    };
    let (left, right) = sides(state, area);
    let body = Rect {
        x: left,
        y: 1,
        width: area.width - left - right,
        height: area.height - 3,
    };
    state.pane = Pane {
        columns: usize::from(body.width),
        rows: usize::from(body.height),
    };
    painter.title(state, buffer, area);
    match &mut state.overlay {
        Overlay::Help(row) => painter.help(row, buffer, body),
        _ => painter.lines(state, buffer, body),
    }
    let mut tabs = Vec::new();
    if left > 0 {
        let list = Rect {
            x: 0,
            width: left,
            ..body
        };
        tabs = painter.list(state, buffer, list);
    }
    if right > 0 {
        let members = Rect {
            x: area.width - right,
            width: right,
            ..body
        };
        painter.members(state, buffer, members);
    }
    let status = Rect {
        x: 0,
        y: area.height - 2,
        width: area.width,
        height: 1,
    };
    tabs.extend(painter.status(state, buffer, status, now, left == 0));
    state.tabs = tabs;
    let input = Rect {
        y: area.height - 1,
        ..status
    };
    painter.input(state, buffer, input)
}

/// The columns of the list of windows and of the members.
fn sides(state: &State, area: Rect) -> (u16, u16) {
    if matches!(state.overlay, Overlay::Help(_)) {
        return (0, 0);
    }
    let left = if area.width >= LIST_FROM {
        LIST_COLUMNS
    } else {
        0
    };
    let has_members = state.shows_members && matches!(state.window().with, With::Channel(_));
    let right = if has_members && area.width >= MEMBERS_FROM {
        MEMBERS_COLUMNS
    } else {
        0
    };
    (left, right)
}

struct Painter {
    palette: Palette,
}

impl Painter {
    fn colour(&self, basic: u8, rich: u8) -> Style {
        match self.palette {
            Palette::Plain => Style::new(),
            Palette::Basic => Style::new().fg(Color::Indexed(basic)),
            Palette::Rich => Style::new().fg(Color::Indexed(rich)),
        }
    }

    fn dim(&self) -> Style {
        match self.palette {
            Palette::Rich => Style::new().fg(Color::Indexed(244)),
            Palette::Plain | Palette::Basic => Style::new().add_modifier(Modifier::DIM),
        }
    }

    fn bar(&self) -> Style {
        match self.palette {
            Palette::Rich => Style::new().fg(Color::Indexed(252)).bg(Color::Indexed(237)),
            Palette::Plain | Palette::Basic => Style::new().add_modifier(Modifier::REVERSED),
        }
    }

    fn error(&self) -> Style {
        self.colour(1, 203)
    }

    /// The style of a name: one name keeps one colour.
    fn name(&self, name: &str, is_own: bool) -> Style {
        let colour = self.palette.of_name(name);
        let style = colour.map_or_else(Style::new, |it| Style::new().fg(Color::Indexed(it)));
        match is_own {
            true => Style::new().add_modifier(Modifier::BOLD),
            false => style,
        }
    }

    fn title(&self, state: &State, buffer: &mut Buffer, area: Rect) {
        let window = state.window();
        let (title, topic) = (state.title(window), shown(&window.topic));
        let modes = match window.modes.as_str() {
            "" => String::new(),
            modes => format!(" +{}", shown(modes)),
        };
        let text = match &window.with {
            _ if matches!(state.overlay, Overlay::Help(_)) => {
                " Help | Up, Down, Page Up and Page Down scroll, Esc closes".to_owned()
            }
            With::Server => format!(" crc-client {}", env!("CARGO_PKG_VERSION")),
            With::Channel(_) if !window.is_joined => format!(" ({title})"),
            With::Channel(_) if topic.is_empty() => format!(" {title}{modes}"),
            With::Channel(_) => format!(" {title}{modes} | {topic}"),
            With::Person { id: Some(id), .. }
                if !state.names.contains(*id) && state.is_online() =>
            {
                format!(" {title} (not online)")
            }
            With::Person { .. } => format!(" {title}"),
        };
        fill(buffer, Rect { height: 1, ..area }, self.bar());
        put(buffer, 0, 0, area.width, &text, self.bar());
    }

    fn lines(&self, state: &State, buffer: &mut Buffer, area: Rect) {
        let window = state.window();
        let pane = state.pane;
        let rows = window.visible(pane);
        // Few lines stand at the bottom, above the line that is typed.
        let top = area.bottom() - u16::try_from(rows.len()).unwrap_or(area.height);
        let (pattern, found) = match &state.overlay {
            Overlay::Search { text, found } => (text.text().to_lowercase(), *found),
            _ => (String::new(), None),
        };
        for (y, row) in (top..).zip(rows) {
            match row {
                Row::Unread => {
                    let text = format!("{:─<1$}", "── new ", pane.columns);
                    put(buffer, area.x, y, area.width, &text, self.error());
                }
                Row::Of { line, row } => {
                    let line = &window.lines()[line];
                    let row_area = Rect {
                        y,
                        height: 1,
                        ..area
                    };
                    self.row(line, row, pane, buffer, row_area);
                    if found == Some(line.seq) {
                        highlight(buffer, row_area, &pattern);
                    }
                }
            }
        }
    }

    fn row(&self, line: &Line, row: usize, pane: Pane, buffer: &mut Buffer, area: Rect) {
        if line.kind == LineKind::Day {
            let text = format!("{:─<1$}", format!("── {} ", line.text), pane.columns);
            put(buffer, area.x, area.y, area.width, &text, self.dim());
            return;
        }
        let indent = Window::indent(line, pane.columns);
        let ranges = Window::text_rows(line, pane.columns);
        let Some(range) = ranges.get(row).cloned() else {
            return;
        };
        let end = area.right();
        let text_style = match &line.kind {
            LineKind::Chat | LineKind::Action | LineKind::Notice => Style::new(),
            LineKind::Event | LineKind::Presence(_) | LineKind::Pending | LineKind::Day => {
                self.dim()
            }
            LineKind::Error => self.error(),
        };
        if row == 0 {
            let start = area.x + u16::try_from(indent).unwrap_or(0);
            let time = put(
                buffer,
                area.x,
                area.y,
                start - area.x,
                &line.at.time,
                self.dim(),
            );
            let x = time + 1;
            let room = start.saturating_sub(x);
            let name = self.name(&line.who, line.is_own);
            let name = match line.is_mention {
                true => self
                    .error()
                    .add_modifier(Modifier::BOLD | Modifier::REVERSED),
                false => name,
            };
            // What does not fit ends before the text.
            let who = wrap::fit(&line.who, usize::from(room).saturating_sub(3));
            let (text, style) = match &line.kind {
                LineKind::Chat => (format!("<{who}>"), name),
                LineKind::Pending => (format!("…{who}…"), self.dim()),
                LineKind::Notice => (format!("-{who}-"), name),
                LineKind::Action => (format!("* {who}"), name),
                LineKind::Error => ("!".to_owned(), self.error()),
                LineKind::Event | LineKind::Presence(_) | LineKind::Day => {
                    ("*".to_owned(), self.dim())
                }
            };
            put(buffer, x, area.y, room, &text, style);
        }
        let x = area.x + u16::try_from(indent).unwrap_or(0);
        put(
            buffer,
            x,
            area.y,
            end.saturating_sub(x),
            &line.text[range],
            text_style,
        );
    }

    /// Returns where the windows stand.
    fn list(&self, state: &State, buffer: &mut Buffer, area: Rect) -> Vec<Tab> {
        let rows = usize::from(area.height);
        let first = (state.active + 1).saturating_sub(rows);
        let windows = state.windows.iter().enumerate().skip(first).take(rows);
        let mut tabs = Vec::new();
        for (y, (index, window)) in (area.y..).zip(windows) {
            let (text, style) = self.tab(state, index, window);
            put(buffer, area.x, y, area.width - 1, &text, style);
            let area = Rect {
                y,
                width: area.width - 1,
                height: 1,
                ..area
            };
            tabs.push(Tab { area, index });
        }
        self.rule(buffer, area.right() - 1, area);
        tabs
    }

    /// A window as the list of windows shows it.
    fn tab(&self, state: &State, index: usize, window: &Window) -> (String, Style) {
        let unread = match (window.mentions, window.unread) {
            (0, 0) => String::new(),
            (0, unread) => format!(" {unread}"),
            (_, unread) => format!(" {unread}!"),
        };
        let style = match (index == state.active, window.mentions, window.unread) {
            (true, ..) => Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
            (_, 1.., _) => self.error().add_modifier(Modifier::BOLD),
            (_, _, 1..) => Style::new().add_modifier(Modifier::BOLD),
            _ => self.dim(),
        };
        let title = state.title(window);
        let title = match (&window.with, window.is_joined) {
            (With::Channel(_), false) => format!("({title})"),
            _ => title,
        };
        // The number of new lines is seen whatever the length of the name.
        let room = usize::from(LIST_COLUMNS) - 5 - unread.len().min(8);
        (
            format!("{} {}{unread}", index + 1, wrap::fit(&title, room)),
            style,
        )
    }

    fn rule(&self, buffer: &mut Buffer, x: u16, area: Rect) {
        for y in area.y..area.bottom() {
            put(buffer, x, y, 1, "│", self.dim());
        }
    }

    fn members(&self, state: &State, buffer: &mut Buffer, area: Rect) {
        let window = state.window();
        self.rule(buffer, area.x, area);
        let mut members: Vec<_> = window.members.values().collect();
        let rank = |member: &super::window::Member| (!member.flags.operator, !member.flags.voice);
        let rows = usize::from(area.height);
        let count = members.len();
        // All operators are above all others; of many members the first are enough.
        members.sort_by_cached_key(|member| (rank(member), member.name.to_lowercase()));
        let shown_rows = if count > rows { rows - 1 } else { count };
        let x = area.x + 1;
        for (y, member) in (area.y..).zip(members.iter().take(shown_rows)) {
            let prefix = match (member.flags.operator, member.flags.voice) {
                (true, _) => "@",
                (false, true) => "+",
                (false, false) => " ",
            };
            put(buffer, x, y, area.width - 1, prefix, self.dim());
            let style = self.name(&member.name, member.name == state.name);
            put(buffer, x + 1, y, area.width - 2, &member.name, style);
        }
        if count > rows {
            let text = format!(" {} more", count - shown_rows);
            put(
                buffer,
                x,
                area.bottom() - 1,
                area.width - 1,
                &text,
                self.dim(),
            );
        }
    }

    /// Returns where the windows stand.
    fn status(
        &self,
        state: &State,
        buffer: &mut Buffer,
        area: Rect,
        now: Instant,
        tabs: bool,
    ) -> Vec<Tab> {
        fill(buffer, area, self.bar());
        let (name, style) = (shown(&state.name), self.bar());
        let away = if state.is_away { " (away)" } else { "" };
        let text = match &state.connection {
            Connection::Connecting { server } => format!(" connecting to {server} "),
            Connection::Online { server } => format!(" {name}{away} at {server} "),
            Connection::Offline { retry_at: Some(at) } => {
                let left = at.saturating_duration_since(now).as_secs_f32().ceil();
                format!(" not connected: next try in {left:.0} s ")
            }
            Connection::Offline { retry_at: None } => " not connected ".to_owned(),
        };
        let style_of_text = match state.is_online() {
            true => style,
            false => self.error().patch(style.add_modifier(Modifier::BOLD)),
        };
        let text = Escaped(&text).to_string();
        let mut x = put(buffer, area.x, area.y, area.width, &text, style_of_text);
        if state.window().bottom.is_some() {
            x = put(
                buffer,
                x,
                area.y,
                area.right() - x,
                "| scrolled: Ctrl-End ",
                style,
            );
        }
        if let Some(hint) = &state.hint {
            let text = format!("| {} ", Escaped(hint));
            x = put(buffer, x, area.y, area.right() - x, &text, style);
        }
        if !tabs {
            let text = match state.window().with {
                With::Server if state.hint.is_none() => "| F1: help ",
                _ => "",
            };
            put(buffer, x, area.y, area.right() - x, text, style);
            return Vec::new();
        }
        let mut places = Vec::new();
        x = put(buffer, x, area.y, area.right() - x, "| ", style);
        for index in tab_order(state, usize::from(area.right() - x)) {
            let (text, tab_style) = self.tab(state, index, &state.windows[index]);
            let style = style.patch(tab_style);
            let begin = x;
            x = put(buffer, x, area.y, area.right() - x, &text, style);
            let area_of_tab = Rect {
                x: begin,
                width: x - begin,
                ..area
            };
            places.push(Tab {
                area: area_of_tab,
                index,
            });
            x = put(buffer, x, area.y, area.right() - x, " ", self.bar());
        }
        places
    }

    fn input(&self, state: &State, buffer: &mut Buffer, area: Rect) -> Option<Position> {
        if let Overlay::Paste(lines) = &state.overlay {
            let count = lines.len();
            let to = state.title(state.window());
            let text = format!(
                "Paste {count} lines to {to}? Enter: as {count} messages  j: as one  Esc: no"
            );
            let style = Style::new().add_modifier(Modifier::BOLD);
            put(buffer, area.x, area.y, area.width, &text, style);
            return None;
        }
        if let Overlay::Search { text, .. } = &state.overlay {
            return Some(self.edit(buffer, area, "search: ", text));
        }
        if let Some(name) = state.awaits_password_of() {
            let prompt = format!("password of {}: ", Escaped(name));
            return Some(self.edit(buffer, area, &prompt, &Editor::default()));
        }
        let window = state.window();
        let prompt = match &window.with {
            With::Server => "> ".to_owned(),
            _ => format!(
                "{}> ",
                wrap::fit(&state.title(window), usize::from(area.width / 3))
            ),
        };
        let editor = &window.editor;
        match state.secret_from() {
            Some(from) => {
                let from = from.min(editor.text().len());
                let hidden = editor.text()[from..].chars().count();
                let masked = format!("{}{}", &editor.text()[..from], "*".repeat(hidden));
                let mut shown = Editor::default();
                shown.set(&masked);
                Some(self.edit(buffer, area, &prompt, &shown))
            }
            None => Some(self.edit(buffer, area, &prompt, editor)),
        }
    }

    /// Draws a line that is being typed. Returns the place of the cursor.
    fn edit(&self, buffer: &mut Buffer, area: Rect, prompt: &str, editor: &Editor) -> Position {
        let style = Style::new().add_modifier(Modifier::BOLD);
        let x = put(buffer, area.x, area.y, area.width, prompt, style);
        let room = area.right().saturating_sub(x);
        let (text, column) = view(editor.text(), editor.cursor(), usize::from(room));
        let style = match editor.is_refused() {
            true => Style::new().add_modifier(Modifier::REVERSED),
            false => Style::new(),
        };
        put(buffer, x, area.y, room, text, style);
        let column = x + u16::try_from(column).unwrap_or(0);
        Position {
            x: column.min(area.right() - 1),
            y: area.y,
        }
    }

    fn help(&self, row: &mut usize, buffer: &mut Buffer, area: Rect) {
        let heading = Style::new().add_modifier(Modifier::BOLD);
        let columns = usize::from(area.width);
        let mut lines = Vec::new();
        for (title, texts, indent) in [
            ("Keys", &[KEYS][..], KEYS_INDENT),
            ("Commands", &[SCREEN_COMMANDS, COMMANDS], COMMANDS_INDENT),
        ] {
            lines.push((title.to_owned(), heading));
            let entries = texts.iter().flat_map(|text| help_entries(text, indent));
            let rows = entries.flat_map(|entry| help_rows(&entry, columns, indent));
            lines.extend(rows.map(|row| (row, Style::new())));
            lines.push((String::new(), heading));
        }
        lines.push((
            "  Up, Down, Page Up and Page Down scroll; any other key closes this help.".to_owned(),
            Style::new(),
        ));
        *row = (*row).min(lines.len().saturating_sub(usize::from(area.height)));
        for (y, (text, style)) in (area.y..area.bottom()).zip(lines.iter().skip(*row)) {
            put(buffer, area.x, y, area.width, text, *style);
        }
    }
}

/// The lines of the help, with descriptions that go on in the next line in one.
fn help_entries(text: &str, indent: usize) -> Vec<String> {
    // What stands before the descriptions in a line that has one ends with two blanks.
    let has_description =
        |line: &str| line.len() > indent && line.get(indent - 2..indent) == Some("  ");
    let mut entries: Vec<String> = Vec::new();
    for line in text.lines() {
        match entries.last_mut() {
            Some(last)
                if has_description(last) && line[..indent.min(line.len())].trim().is_empty() =>
            {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ => entries.push(line.to_owned()),
        }
    }
    entries
}

/// The rows of a line of the help: what is too long goes on below the descriptions.
fn help_rows(text: &str, columns: usize, indent: usize) -> Vec<String> {
    if wrap::width(text) <= columns || columns <= 2 * indent {
        return vec![text.to_owned()];
    }
    let first = wrap::rows(text, columns)[0].clone();
    let rest = text[first.end..].trim_start();
    let rest_rows = wrap::rows(rest, columns - indent).into_iter();
    let rest_rows = rest_rows.map(|row| format!("{:indent$}{}", "", &rest[row]));
    core::iter::once(text[first].to_owned())
        .chain(rest_rows)
        .collect()
}

/// The windows that fit into the bar, the active one among them.
fn tab_order(state: &State, room: usize) -> Vec<usize> {
    let width = |index: usize| {
        let window = &state.windows[index];
        wrap::width(&state.title(window)).min(13) + 8
    };
    let mut first = state.active;
    let mut used = width(first);
    while first > 0 && used + width(first - 1) <= room {
        first -= 1;
        used += width(first);
    }
    (first..state.windows.len()).collect()
}

/// Puts a text at a place, as far as it fits. Returns the column behind it.
fn put(buffer: &mut Buffer, x: u16, y: u16, columns: u16, text: &str, style: Style) -> u16 {
    if columns == 0 || !buffer.area.contains(Position { x, y }) {
        return x;
    }
    buffer
        .set_stringn(x, y, text, usize::from(columns), style)
        .0
}

fn fill(buffer: &mut Buffer, area: Rect, style: Style) {
    buffer.set_style(area, style);
}

/// Marks where a text is found in a row.
fn highlight(buffer: &mut Buffer, area: Rect, pattern: &str) {
    let cells: Vec<String> = (area.x..area.right())
        .map(|x| buffer[(x, area.y)].symbol().to_lowercase())
        .collect();
    for start in 0..cells.len() {
        let mut rest = pattern;
        let mut end = start;
        while !rest.is_empty()
            && let Some(after) = cells
                .get(end)
                .and_then(|cell| rest.strip_prefix(cell.as_str()))
        {
            rest = after;
            end += 1;
        }
        if rest.is_empty() && end > start {
            for index in start..end {
                let x = area.x + u16::try_from(index).unwrap_or(0);
                let style = Style::new().add_modifier(Modifier::REVERSED);
                buffer.set_style(
                    Rect {
                        x,
                        y: area.y,
                        width: 1,
                        height: 1,
                    },
                    style,
                );
            }
        }
    }
}
