//! Completion by the tab key: the commands and their words as at the plain terminal, and the names
//! of those who are here anywhere in a line. Further tabs show the further candidates.

use std::cmp::Reverse;

use crc_core::is_printable;

use super::input::SCREEN_NAMES;
use super::line::LineKind;
use super::state::State;
use super::window::With;

/// How many candidates are offered.
const CANDIDATES_MAX: usize = 1_000;

/// Candidates that are being gone through.
#[derive(Debug)]
pub(crate) struct Cycle {
    start: usize,
    candidates: Vec<String>,
    shown: usize,
}

impl State {
    /// Completes the word before the cursor.
    pub(super) fn complete(&mut self, backwards: bool) {
        if self.secret_from().is_some() {
            return;
        }
        let mut cycle = match self.cycle.take() {
            Some(mut cycle) => {
                let count = cycle.candidates.len();
                let step = if backwards { count - 1 } else { 1 };
                cycle.shown = (cycle.shown + step) % count;
                cycle
            }
            None => match self.candidates() {
                Some(cycle) => cycle,
                None => return,
            },
        };
        let candidate = cycle.candidates[cycle.shown].clone();
        let editor = &mut self.windows[self.active].editor;
        editor.replace(cycle.start, &candidate);
        if cycle.candidates.len() > 1 {
            let (number, count) = (cycle.shown + 1, cycle.candidates.len());
            self.hint = Some(format!("{number} of {count}: Tab for the next one"));
            self.cycle = Some(cycle);
        } else {
            cycle.candidates.clear();
        }
    }

    fn candidates(&self) -> Option<Cycle> {
        let editor = &self.window().editor;
        let before = &editor.text()[..editor.cursor()];
        // In a text, those who have spoken last come first.
        let completions = before
            .starts_with('/')
            .then(|| self.completer.complete(&self.names, before));
        let start = completions.as_ref().map_or(0, |it| it.start);
        let candidates = completions.into_iter().flat_map(|it| it.candidates);
        let mut candidates: Vec<String> = candidates.map(|it| it.replacement).collect();
        if before.starts_with('/') && !before.contains(' ') {
            let own = SCREEN_NAMES.iter().filter(|name| name.starts_with(before));
            candidates.extend(own.map(|name| format!("{name} ")));
            candidates.sort();
        }
        if !candidates.is_empty() {
            candidates.truncate(CANDIDATES_MAX);
            return Some(Cycle {
                start,
                candidates,
                shown: 0,
            });
        }
        let start = before.rfind(' ').map_or(0, |at| at + 1);
        let candidates = self.words(&before[start..], start == 0);
        let shown = 0;
        (!candidates.is_empty()).then_some(Cycle {
            start,
            candidates,
            shown,
        })
    }

    /// Names and channels that begin with a word. Those who have spoken last come first.
    fn words(&self, word: &str, is_first: bool) -> Vec<String> {
        let lower = word.to_lowercase();
        if word.starts_with('#') {
            let windows = self.windows.iter().filter_map(|window| match &window.with {
                With::Channel(name) => Some(name),
                _ => None,
            });
            let matching = windows.filter(|name| name.to_lowercase().starts_with(&lower));
            let typable = matching.filter(|name| name.chars().all(is_printable));
            return typable.map(|name| format!("{name} ")).collect();
        }
        if lower.is_empty() {
            return Vec::new();
        }
        let window = self.window();
        let mut names: Vec<&str> = match &window.with {
            With::Channel(_) => window.members.values().map(|it| &*it.name).collect(),
            With::Person { name, .. } => vec![name],
            With::Server => self.names.iter().map(|(_, name)| name).collect(),
        };
        names.retain(|name| *name != self.name && name.to_lowercase().starts_with(&lower));
        names.sort_unstable();
        names.dedup();
        names.truncate(CANDIDATES_MAX);
        let spoke = |name: &str| {
            let lines = window.lines().iter().rev().take(200);
            let mut lines =
                lines.filter(|line| matches!(line.kind, LineKind::Chat | LineKind::Action));
            lines.find(|line| line.who == name).map(|line| line.seq)
        };
        names.sort_by_cached_key(|name| Reverse(spoke(name)));
        let end = if is_first { ": " } else { " " };
        names.iter().map(|name| format!("{name}{end}")).collect()
    }
}
