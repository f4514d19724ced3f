//! A window: a conversation with a channel or a person, or the server's own; its lines, and
//! which of them the user looks at.

use std::collections::{BTreeMap, VecDeque};

use crc_core::ChannelMember;
use crc_wire::{HostId, MemberFlags, truncate_utf8};

use super::editor::Editor;
use super::line::{Line, LineKind};
use crate::clock::Moment;
use crate::presence::Presence;
use crate::shown::shown;
use crate::wrap;

/// How many lines a window keeps, and how many bytes.
pub(crate) const LINES_MAX: usize = 10_000;
pub(crate) const BYTES_MAX: usize = 8 << 20;

/// With whom a window is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum With {
    /// The server, and all that belongs to no conversation.
    Server,
    /// A channel.
    Channel(String),
    /// A client: its name, and its id, unless it is not known.
    Person { name: String, id: Option<HostId> },
}

/// A member of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) flags: MemberFlags,
}

/// A part of the lines that is shown: the line at the bottom, and how many of its rows are
/// shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bottom {
    pub(crate) seq: u64,
    pub(crate) rows: usize,
}

/// The shape of the part of the screen that shows lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Pane {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
}

/// One row of the pane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Row {
    /// The mark above the lines that the user has not seen.
    Unread,
    /// A row of a line: the line's place among the lines, and the number of its row.
    Of { line: usize, row: usize },
}

/// A window.
#[derive(Debug)]
pub(crate) struct Window {
    pub(crate) with: With,
    lines: VecDeque<Line>,
    bytes: usize,
    next_seq: u64,
    /// How many messages came while the user looked elsewhere, and how many mention the user.
    pub(crate) unread: usize,
    pub(crate) mentions: usize,
    /// The last line that the user has seen.
    pub(crate) seen: u64,
    /// Where the user has scrolled to; `None` for the end.
    pub(crate) bottom: Option<Bottom>,
    pub(crate) topic: String,
    pub(crate) modes: String,
    pub(crate) members: BTreeMap<HostId, Member>,
    /// Whether the user is in the channel.
    pub(crate) is_joined: bool,
    /// What the user types here.
    pub(crate) editor: Editor,
}

impl Window {
    pub(crate) fn new(with: With) -> Window {
        Window {
            with,
            lines: VecDeque::new(),
            bytes: 0,
            next_seq: 1,
            unread: 0,
            mentions: 0,
            seen: 0,
            bottom: None,
            topic: String::new(),
            modes: String::new(),
            members: BTreeMap::new(),
            is_joined: false,
            editor: Editor::default(),
        }
    }

    /// What the window is called.
    pub(crate) fn title(&self) -> &str {
        match &self.with {
            With::Server => "server",
            With::Channel(name) | With::Person { name, .. } => name,
        }
    }

    pub(crate) fn is_channel(&self, name: &str) -> bool {
        matches!(&self.with, With::Channel(channel) if channel.eq_ignore_ascii_case(name))
    }

    pub(crate) fn lines(&self) -> &VecDeque<Line> {
        &self.lines
    }

    pub(crate) fn last_seq(&self) -> u64 {
        self.next_seq - 1
    }

    pub(crate) fn set_members(&mut self, members: &[ChannelMember]) {
        let member = |member: &ChannelMember| {
            let name = member.client.name.as_deref().unwrap_or("?");
            let (name, flags) = (shown(name), member.flags);
            (member.client.id, Member { name, flags })
        };
        self.members = members.iter().map(member).collect();
    }

    /// Appends a line, behind one of the day if that has changed.
    pub(crate) fn push(&mut self, mut line: Line) {
        let is_new_day = self
            .lines
            .back()
            .is_some_and(|last| last.at.day != line.at.day);
        if is_new_day {
            let text = line.at.day.to_string();
            self.append(Line {
                seq: 0,
                at: line.at.clone(),
                kind: LineKind::Day,
                who: String::new(),
                is_own: false,
                is_mention: false,
                text,
            });
        }
        if line.is_own {
            // A user who answers has seen what is above.
            self.seen = self.next_seq;
        }
        let length = truncate_utf8(&line.text, BYTES_MAX / 2).len();
        line.text.truncate(length);
        self.append(line);
    }

    fn append(&mut self, mut line: Line) {
        line.seq = self.next_seq;
        self.next_seq += 1;
        self.bytes += line.bytes();
        self.lines.push_back(line);
        while (self.lines.len() > LINES_MAX || self.bytes > BYTES_MAX)
            && let Some(oldest) = self.lines.pop_front()
        {
            self.bytes -= oldest.bytes();
        }
    }

    /// Notes that a client has come or gone: in the last line, if that is about such events too.
    pub(crate) fn push_presence(&mut self, came: bool, name: &str, at: &Moment) {
        if let Some(last) = self.lines.back_mut()
            && last.at.day == at.day
            && let LineKind::Presence(presence) = &mut last.kind
        {
            presence.add(came, name);
            let text = presence.text();
            self.bytes -= last.text.len();
            self.bytes += text.len();
            last.text = text;
            return;
        }
        let mut presence = Presence::default();
        presence.add(came, name);
        let text = presence.text();
        self.push(Line {
            seq: 0,
            at: at.clone(),
            kind: LineKind::Presence(presence),
            who: String::new(),
            is_own: false,
            is_mention: false,
            text,
        });
    }

    /// The lines that wait for a connection have been sent, or given up.
    pub(crate) fn settle_pending(&mut self, text: &str, kind: LineKind) {
        let pending = self.lines.iter_mut().rev();
        let mut pending =
            pending.filter(|line| line.kind == LineKind::Pending && line.text == text);
        // The oldest with this text was sent first.
        if let Some(line) = pending.next_back() {
            line.kind = kind;
        }
    }

    /// Forgets all lines.
    pub(crate) fn clear(&mut self) {
        self.lines.clear();
        (self.bytes, self.bottom) = (0, None);
        self.seen = self.last_seq();
    }
}

/// Scrolling.
impl Window {
    /// The columns before the text of a line.
    pub(crate) fn indent(line: &Line, columns: usize) -> usize {
        let time = wrap::width(&line.at.time) + 1;
        let who = match line.kind {
            LineKind::Chat | LineKind::Notice | LineKind::Pending => wrap::width(&line.who) + 3,
            LineKind::Action => wrap::width(&line.who) + 3,
            LineKind::Event | LineKind::Presence(_) | LineKind::Error => 2,
            LineKind::Day => return 0,
        };
        // A long name does not take all of a narrow screen.
        (time + who).min(columns / 2)
    }

    /// The rows of a line's text.
    pub(crate) fn text_rows(line: &Line, columns: usize) -> Vec<std::ops::Range<usize>> {
        let indent = Window::indent(line, columns);
        wrap::rows(&line.text, columns.saturating_sub(indent))
    }

    /// Whether the mark of unread lines is above this one.
    fn is_marked(&self, index: usize) -> bool {
        let line = &self.lines[index];
        self.seen > 0 && line.seq == self.seen + 1
    }

    /// How many rows a line takes, with the mark above it.
    fn height(&self, index: usize, columns: usize) -> usize {
        let rows = Window::text_rows(&self.lines[index], columns).len();
        rows + usize::from(self.is_marked(index))
    }

    fn row(&self, index: usize, row: usize) -> Row {
        match (self.is_marked(index), row) {
            (true, 0) => Row::Unread,
            (true, row) => Row::Of {
                line: index,
                row: row - 1,
            },
            (false, row) => Row::Of { line: index, row },
        }
    }

    /// The place among the lines, and how many rows of that are shown, of what is at the bottom.
    fn bottom_place(&self, columns: usize) -> Option<(usize, usize)> {
        let last = self.lines.len().checked_sub(1)?;
        let Some(bottom) = self.bottom else {
            return Some((last, self.height(last, columns)));
        };
        let first = self.lines[0].seq;
        // Older lines may have been dropped since.
        let index = bottom.seq.saturating_sub(first);
        let index = usize::try_from(index).map_or(last, |index| index.min(last));
        let height = self.height(index, columns);
        Some((index, bottom.rows.clamp(1, height)))
    }

    /// The rows of the pane, from the top.
    pub(crate) fn visible(&self, pane: Pane) -> Vec<Row> {
        let mut rows = Vec::with_capacity(pane.rows);
        let Some((mut index, mut shown)) = self.bottom_place(pane.columns) else {
            return rows;
        };
        while rows.len() < pane.rows {
            while shown > 0 && rows.len() < pane.rows {
                shown -= 1;
                rows.push(self.row(index, shown));
            }
            let Some(above) = index.checked_sub(1) else {
                break;
            };
            index = above;
            shown = self.height(index, pane.columns);
        }
        rows.reverse();
        rows
    }

    /// Scrolls by this many rows: up, or down.
    pub(crate) fn scroll(&mut self, pane: Pane, count: usize, up: bool) {
        let Some((mut index, mut shown)) = self.bottom_place(pane.columns) else {
            return;
        };
        let last = self.lines.len() - 1;
        for _ in 0..count {
            if up && shown > 1 {
                shown -= 1;
            } else if up && index > 0 {
                index -= 1;
                shown = self.height(index, pane.columns);
            } else if !up && shown < self.height(index, pane.columns) {
                shown += 1;
            } else if !up && index < last {
                index += 1;
                shown = 1;
            } else {
                break;
            }
        }
        let lowest = self.lowest_bottom(pane);
        if (index, shown) < lowest {
            (index, shown) = lowest;
        }
        let is_end = index == last && shown == self.height(last, pane.columns);
        self.bottom = (!is_end).then(|| Bottom {
            seq: self.lines[index].seq,
            rows: shown,
        });
    }

    /// The bottom at which the oldest line is at the top.
    fn lowest_bottom(&self, pane: Pane) -> (usize, usize) {
        let mut left = pane.rows.max(1);
        for index in 0..self.lines.len() {
            let height = self.height(index, pane.columns);
            if height >= left {
                return (index, left);
            }
            left -= height;
        }
        let last = self.lines.len() - 1;
        (last, self.height(last, pane.columns))
    }

    /// Shows the line with this place in the middle.
    pub(crate) fn show(&mut self, pane: Pane, index: usize) {
        self.bottom = Some(Bottom {
            seq: self.lines[index].seq,
            rows: usize::MAX,
        });
        self.scroll(pane, pane.rows / 2, false);
    }

    /// The place of the next line, upwards or downwards from `from`, that has this text in it,
    /// in either case.
    pub(crate) fn find(&self, text: &str, from: Option<usize>, up: bool) -> Option<usize> {
        let text = text.to_lowercase();
        let has = |index: &usize| {
            let line = &self.lines[*index];
            line.kind != LineKind::Day
                && (line.text.to_lowercase().contains(&text)
                    || line.who.to_lowercase().contains(&text))
        };
        let len = self.lines.len();
        match (up, from) {
            (true, from) => (0..from.unwrap_or(len).min(len)).rev().find(has),
            (false, from) => (from.map_or(0, |from| from + 1)..len).find(has),
        }
    }

    /// The place of a line among the lines, if it is kept.
    pub(crate) fn place_of(&self, seq: u64) -> Option<usize> {
        let first = self.lines.front()?.seq;
        let index = usize::try_from(seq.checked_sub(first)?).ok()?;
        (index < self.lines.len()).then_some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(day: &str) -> Moment {
        Moment {
            day: day.into(),
            time: "12:00".into(),
        }
    }

    fn chat(text: &str) -> Line {
        Line {
            seq: 0,
            at: moment("Monday"),
            kind: LineKind::Chat,
            who: "ann".to_owned(),
            is_own: false,
            is_mention: false,
            text: text.to_owned(),
        }
    }

    fn texts(window: &Window, pane: Pane) -> Vec<String> {
        let text = |row: Row| match row {
            Row::Unread => "--".to_owned(),
            Row::Of { line, row } => {
                let line = &window.lines()[line];
                line.text[Window::text_rows(line, pane.columns)[row].clone()].to_owned()
            }
        };
        window.visible(pane).into_iter().map(text).collect()
    }

    #[test]
    fn scrolling_keeps_its_place_while_lines_come() {
        let mut window = Window::new(With::Server);
        let pane = Pane {
            columns: 40,
            rows: 3,
        };
        for number in 0..10 {
            window.push(chat(&number.to_string()));
        }
        assert_eq!(texts(&window, pane), ["7", "8", "9"]);
        window.scroll(pane, 2, true);
        assert_eq!(texts(&window, pane), ["5", "6", "7"]);
        window.push(chat("10"));
        assert_eq!(texts(&window, pane), ["5", "6", "7"]);
        window.scroll(pane, 100, true);
        assert_eq!(texts(&window, pane), ["0", "1", "2"]);
        window.scroll(pane, 100, false);
        assert_eq!(texts(&window, pane), ["8", "9", "10"]);
        assert_eq!(window.bottom, None);
        window.show(pane, 5);
        assert!(texts(&window, pane).contains(&"5".to_owned()));
    }

    #[test]
    fn a_resize_loses_nothing() {
        let mut window = Window::new(With::Server);
        let words = "one two three four five six seven eight nine ten";
        for _ in 0..50 {
            window.push(chat(words));
        }
        for columns in [4, 20, 80, 7, 200] {
            let pane = Pane {
                columns,
                rows: 2_000,
            };
            window.bottom = None;
            let all = texts(&window, pane).join(" ");
            assert_eq!(
                all.matches("seven").count(),
                if columns < 20 { 0 } else { 50 }
            );
            window.scroll(pane, 7, true);
            assert!(window.visible(Pane { columns, rows: 5 }).len() == 5);
        }
    }

    #[test]
    fn the_scrollback_is_bounded() {
        let mut window = Window::new(With::Server);
        for number in 0..LINES_MAX + 5 {
            window.push(chat(&number.to_string()));
        }
        assert_eq!(window.lines().len(), LINES_MAX);
        assert_eq!(window.lines()[0].text, "5");
        for _ in 0..20 {
            window.push(chat(&"x".repeat(1 << 20)));
        }
        assert!(window.bytes <= BYTES_MAX && window.lines().len() < 10);
        let sum: usize = window.lines().iter().map(Line::bytes).sum();
        assert_eq!(sum, window.bytes);
    }

    #[test]
    fn days_and_unread_lines_are_marked() {
        let mut window = Window::new(With::Server);
        let pane = Pane {
            columns: 40,
            rows: 9,
        };
        window.push(chat("a"));
        window.seen = window.last_seq();
        window.push(Line {
            at: moment("Tuesday"),
            ..chat("b")
        });
        assert_eq!(texts(&window, pane), ["a", "--", "Tuesday", "b"]);
        window.push(Line {
            at: moment("Tuesday"),
            is_own: true,
            ..chat("c")
        });
        assert_eq!(texts(&window, pane), ["a", "Tuesday", "b", "c"]);
    }

    #[test]
    fn joins_and_quits_are_one_line() {
        let mut window = Window::new(With::Server);
        for name in ["ann", "bob", "cat"] {
            window.push_presence(true, name, &moment("Monday"));
        }
        window.push_presence(false, "bob", &moment("Monday"));
        let pane = Pane {
            columns: 80,
            rows: 9,
        };
        assert_eq!(texts(&window, pane), ["3 joined: ann bob cat, bob left"]);
        let sum: usize = window.lines().iter().map(Line::bytes).sum();
        assert_eq!(sum, window.bytes);
    }

    #[test]
    fn a_search_finds_lines_in_both_directions() {
        let mut window = Window::new(With::Server);
        for text in ["Kelp", "sand", "kelp forest", "sand"] {
            window.push(chat(text));
        }
        assert_eq!(window.find("KELP", None, true), Some(2));
        assert_eq!(window.find("kelp", Some(2), true), Some(0));
        assert_eq!(window.find("kelp", Some(0), true), None);
        assert_eq!(window.find("kelp", Some(0), false), Some(2));
        assert_eq!(window.find("kelp", Some(2), false), None);
    }
}
