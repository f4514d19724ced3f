//! How lines stand at a terminal: with the time before them, broken at words, below one of the day
//! if that has changed. Who comes and goes is folded until another line comes.

use std::sync::Arc;

use crc_core::Escaped;

use super::Shown;
use crate::clock::Moment;
use crate::palette::{Palette, Style};
use crate::presence::{Place, Presence};
use crate::text::{Wording, event_line};
use crate::wrap;

/// How many channels folded events may be about.
const FOLDS_MAX: usize = 32;

/// Lines are broken if that leaves so many columns for their text.
const COLUMNS_MIN: usize = 16;

/// See the module's comment.
#[derive(Debug)]
pub(crate) struct Page {
    palette: Palette,
    /// The day of the last line.
    day: Option<Arc<str>>,
    folds: Vec<Fold>,
    /// When the first of the folded events came.
    folded_at: Option<Moment>,
}

/// Events about one channel, or about the network.
#[derive(Debug)]
struct Fold {
    channel: Option<String>,
    presence: Presence,
}

impl Page {
    pub(crate) fn new(palette: Palette) -> Page {
        Page {
            palette,
            day: None,
            folds: Vec::new(),
            folded_at: None,
        }
    }

    /// Folds an event in. Returns whether it is the first one.
    pub(crate) fn fold(&mut self, event: &Shown, at: &Moment) -> bool {
        let Shown::Presence {
            channel,
            came,
            name,
            detail,
        } = event
        else {
            return false;
        };
        let is_first = self.folds.is_empty();
        self.folded_at.get_or_insert_with(|| at.clone());
        let place = self.folds.iter().position(|fold| fold.channel == *channel);
        let place = place.unwrap_or_else(|| {
            let place = match channel {
                Some(_) => Place::Here,
                None => Place::Network,
            };
            self.folds.push(Fold {
                channel: channel.clone(),
                presence: Presence::new(place),
            });
            self.folds.len() - 1
        });
        self.folds[place].presence.add_with(*came, name, detail);
        is_first
    }

    /// Whether the folded events are to be shown before there are more.
    pub(crate) fn is_full(&self) -> bool {
        self.folds.len() >= FOLDS_MAX
    }

    /// The lines of what is folded, if there is something.
    pub(crate) fn take_folded(&mut self, columns: usize) -> Option<String> {
        let at = self.folded_at.take()?;
        let lines: Vec<String> = core::mem::take(&mut self.folds)
            .into_iter()
            .map(|Fold { channel, presence }| {
                let text = match channel {
                    Some(channel) => format!("{}: {}", Escaped(&channel), presence.text()),
                    None => presence.text(),
                };
                let line = event_line(&text, Wording::plain(self.palette));
                self.lay_out(&line, &at, columns)
            })
            .collect();
        Some(lines.join("\n"))
    }

    /// Lines as they stand at a terminal of so many columns; 0 if that is not known.
    pub(crate) fn lay_out(&mut self, text: &str, at: &Moment, columns: usize) -> String {
        let dim = |text: &str| self.palette.paint(Style::Event, text);
        let mut rows = Vec::new();
        if self.day.as_ref().is_some_and(|day| *day != at.day) {
            rows.push(dim(&format!("-- {} --", at.day)));
        }
        let (indent, mut before) = match &*at.time {
            "" => (0, String::new()),
            time => (wrap::width(time) + 1, format!("{} ", dim(time))),
        };
        let columns = columns.saturating_sub(indent);
        for line in text.lines() {
            let columns = match columns {
                0..COLUMNS_MIN => usize::MAX,
                columns => columns,
            };
            for row in wrap::styled_rows(line, columns) {
                rows.push(format!("{before}{row}"));
                before = " ".repeat(indent);
            }
        }
        self.day = Some(Arc::clone(&at.day));
        rows.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(day: &str, time: &str) -> Moment {
        Moment {
            day: day.into(),
            time: time.into(),
        }
    }

    fn presence(channel: Option<&str>, came: bool, name: &str) -> Shown {
        Shown::Presence {
            channel: channel.map(str::to_owned),
            came,
            name: name.to_owned(),
            detail: ": bye".to_owned(),
        }
    }

    #[test]
    fn lines_have_times_and_days_and_break_at_words() {
        let mut page = Page::new(Palette::Plain);
        let (monday, tuesday) = (moment("Monday", "23:59"), moment("Tuesday", "00:00"));
        assert_eq!(page.lay_out("* hello", &monday, 80), "23:59 * hello");
        assert_eq!(
            page.lay_out("<ann> one two three four", &tuesday, 22),
            "-- Tuesday --\n00:00 <ann> one two\n      three four"
        );
        assert_eq!(
            page.lay_out("* ann\n  info: x", &tuesday, 80),
            "00:00 * ann\n        info: x"
        );
        // Too narrow, or unknown.
        for columns in [0, 5, 12] {
            let line = "00:00 <ann> one two three four";
            assert_eq!(page.lay_out(&line[6..], &tuesday, columns), line);
        }
    }

    #[test]
    fn colours_take_no_columns() {
        let mut page = Page::new(Palette::Basic);
        let name = Palette::Basic.paint(Style::Name("ann"), "<ann>");
        let line = page.lay_out(&format!("{name} one two"), &moment("Monday", "12:00"), 22);
        assert_eq!(line, format!("\u{1b}[2m12:00\u{1b}[0m {name} one two"));
        let line = page.lay_out(&format!("{name} one two"), &moment("Monday", "12:00"), 20);
        assert!(line.ends_with(" one two"), "{line:?}");
    }

    #[test]
    fn who_comes_and_goes_is_folded() {
        let mut page = Page::new(Palette::Plain);
        let at = moment("Monday", "12:00");
        assert_eq!(page.take_folded(80), None);
        assert!(page.fold(&presence(None, false, "ann"), &at));
        assert_eq!(
            page.take_folded(80).as_deref(),
            Some("12:00 * ann quit: bye")
        );
        assert!(page.fold(&presence(Some("#reef"), true, "ann"), &at));
        let later = moment("Monday", "12:01");
        for name in ["bob", "cat"] {
            assert!(!page.fold(&presence(Some("#reef"), true, name), &later));
            assert!(!page.fold(&presence(None, false, name), &later));
        }
        let lines = "12:00 * #reef: 3 joined: ann bob cat\n12:00 * 2 quit: bob cat";
        assert_eq!(page.take_folded(80).as_deref(), Some(lines));
        assert_eq!(page.take_folded(80), None);
        for number in 0..FOLDS_MAX {
            assert!(!page.is_full());
            page.fold(&presence(Some(&format!("#{number}")), true, "ann"), &at);
        }
        assert!(page.is_full());
    }
}
