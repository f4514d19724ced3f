//! The statuses that were addressed to this server: their texts, oldest first.

use std::collections::VecDeque;

/// A bounded log.
#[derive(Debug)]
pub(crate) struct StatusLog {
    texts: VecDeque<Box<str>>,
    texts_max: usize,
    /// The refusal that we keep hearing while we try again.
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

    pub(crate) fn record(&mut self, text: &str) {
        if self.texts_max == 0 {
            return;
        }
        while self.texts.len() >= self.texts_max {
            self.texts.pop_front();
        }
        self.texts.push_back(text.into());
    }

    /// Records a refusal, unless it is the last one again. Says whether it is new.
    pub(crate) fn record_refusal(&mut self, text: &str) -> bool {
        let new = self.refusal.as_deref() != Some(text);
        if new {
            self.refusal = Some(text.into());
            self.record(text);
        }
        new
    }

    /// A server has taken us: a later refusal is news.
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
    fn keeps_the_last_and_a_repeated_refusal_once() {
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
    }
}
