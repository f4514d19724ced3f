//! The target of lines that are not commands, and those before it.

use crate::command::Target;

/// How many former targets are remembered.
const FORMER_MAX: usize = 16;

/// See the module's comment.
#[derive(Debug, Default)]
pub(super) struct Targets {
    current: Option<Target>,
    /// The last one is at the end. None is there twice.
    former: Vec<Target>,
}

impl Targets {
    pub(super) fn current(&self) -> Option<&Target> {
        self.current.as_ref()
    }

    /// Sets the target; the former one is remembered.
    pub(super) fn switch_to(&mut self, target: Option<Target>) {
        let former = core::mem::replace(&mut self.current, target);
        let current = self.current.as_ref();
        self.former
            .retain(|it| Some(it) != current && Some(it) != former.as_ref());
        self.former.extend(former.filter(|it| Some(it) != current));
        if self.former.len() > FORMER_MAX {
            self.former.remove(0);
        }
    }

    /// Sets no target, and forgets the present one.
    pub(super) fn clear(&mut self) {
        self.current = None;
    }

    /// Forgets the target, and returns to the last one that `is_left`: that lines can go to.
    pub(super) fn leave(&mut self, is_left: impl Fn(&Target) -> bool) {
        self.current = None;
        while let Some(last) = self.former.pop() {
            if is_left(&last) {
                self.current = Some(last);
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(name: &str) -> Target {
        Target::Channel(name.to_owned())
    }

    #[test]
    fn leaving_leads_back_to_the_last_one_that_is_left() {
        let mut targets = Targets::default();
        for name in ["#a", "#b", "#c", "#b", "#d"] {
            targets.switch_to(Some(channel(name)));
        }
        targets.leave(|_| true);
        assert_eq!(targets.current(), Some(&channel("#b")));
        targets.leave(|it| *it != channel("#c"));
        assert_eq!(targets.current(), Some(&channel("#a")));
        targets.leave(|_| true);
        assert_eq!(targets.current(), None);
    }

    #[test]
    fn few_are_remembered() {
        let mut targets = Targets::default();
        for number in 0..100 {
            targets.switch_to(Some(channel(&format!("#{number}"))));
        }
        assert_eq!(targets.former.len(), FORMER_MAX);
        targets.switch_to(Some(channel("#99")));
        assert_eq!(targets.former.len(), FORMER_MAX);
        targets.clear();
        assert_eq!(targets.current(), None);
    }
}
