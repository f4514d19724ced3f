//! The texts of the statuses that were addressed to this server.

use std::collections::VecDeque;

/// A log of at most `texts_max` texts, oldest first; the oldest one is dropped first.
#[derive(Debug)]
pub(crate) struct StatusLog {
    texts: VecDeque<Box<str>>,
    texts_max: usize,
    /// The last refusal, while no server has accepted this one since.
    refusal: Option<Box<str>>,
}

impl StatusLog {
    pub(crate) const fn new(texts_max: usize) -> Self {
        StatusLog {
            texts: VecDeque::new(),
            texts_max,
            refusal: None,
        }
    }

    /// Keeps at most so many texts from now on.
    pub(crate) fn set_max(&mut self, texts_max: usize) {
        self.texts_max = texts_max;
        let surplus = self.texts.len().saturating_sub(texts_max);
        self.texts.drain(..surplus);
    }

    pub(crate) fn record(&mut self, text: &str) {
        if self.texts_max == 0 {
            return;
        }
        while self.texts.len() >= self.texts_max {
            self.texts.pop_front();
        }
        self.texts.push_back(text.into());
    }

    /// Records a refusal, unless it repeats the last one. Returns whether it is new.
    pub(crate) fn record_refusal(&mut self, text: &str) -> bool {
        let new = self.refusal.as_deref() != Some(text);
        if new {
            self.refusal = Some(text.into());
            self.record(text);
        }
        new
    }

    /// A server has accepted this one: the next refusal is new, whatever its text.
    pub(crate) fn accepted(&mut self) {
        self.refusal = None;
    }

    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(AsRef::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_last_texts_and_a_repeated_refusal_once() {
        let mut log = StatusLog::new(3);
        for text in ["a", "b", "c", "d"] {
            log.record(text);
        }
        assert_eq!(log.texts().collect::<Vec<_>>(), ["b", "c", "d"]);
        assert!(log.record_refusal("no"));
        assert!(!log.record_refusal("no"));
        assert_eq!(log.texts().collect::<Vec<_>>(), ["c", "d", "no"]);
        log.accepted();
        assert!(log.record_refusal("no"));
        log.set_max(2);
        assert_eq!(log.texts().collect::<Vec<_>>(), ["no", "no"]);
        log.set_max(0);
        log.record("e");
        assert_eq!(log.texts().count(), 0);
    }
}
