//! What must become visible after a command, when the client itself awaits no
//! answer.

use super::LegacyNetwork;
use crate::fixture::legacy_user::{UserCommand, UserView, Verb};

/// An expected effect of a command.
pub(super) enum Outcome {
    /// Client `to` prints `line` for the `count`th time.
    Printed {
        to: usize,
        line: String,
        count: usize,
    },
    /// Client `to` receives an error reply: it prints more than `before` lines.
    Refused { to: usize, before: usize },
}

impl Outcome {
    /// Whether the outcome is visible, or its client has ended.
    pub(super) fn is_reached(&self, clients: &[UserView]) -> bool {
        match self {
            Outcome::Printed { to, line, count } => {
                let view = &clients[*to];
                let printed = view.printed.iter().filter(|printed| *printed == line);
                view.ended || printed.count() >= *count
            }
            Outcome::Refused { to, before } => {
                let view = &clients[*to];
                view.ended || view.printed.len() > *before
            }
        }
    }
}

impl LegacyNetwork<'_> {
    /// Records the outcomes of `command`, which client `from` is about to send.
    pub(super) fn note_outcomes(&mut self, from: usize, view: &UserView, command: &UserCommand) {
        let refused = Outcome::Refused {
            to: from,
            before: view.printed.len(),
        };
        match (command.verb, &command.words[..]) {
            (Verb::Part, [channel, ..]) if view.channels.contains_key(channel) => {}
            (Verb::Privmsg, [target, text, ..]) => {
                let line = format!("{target} {text}");
                let recipients = self.recipients(from, view, target);
                match recipients {
                    None => self.outcomes.push(refused),
                    Some(recipients) => {
                        for to in recipients {
                            let count = self.expected_count(to, &line) + 1;
                            let line = line.clone();
                            self.outcomes.push(Outcome::Printed { to, line, count });
                        }
                    }
                }
            }
            (Verb::Part | Verb::Privmsg, _) => self.outcomes.push(refused),
            _ => {}
        }
    }

    /// The clients that must receive a message to `target`; `None` if the server
    /// must refuse it.
    fn recipients(&self, from: usize, view: &UserView, target: &str) -> Option<Vec<usize>> {
        let to_channel = target.starts_with('#');
        if to_channel && !view.channels.contains_key(target) {
            return None;
        }
        let receives = |index: &usize| {
            let view = self.clients[*index].user.view();
            self.is_connected(*index, &view)
                && if to_channel {
                    *index != from && view.channels.contains_key(target)
                } else {
                    self.clients[*index].launch.nick == target
                }
        };
        let recipients: Vec<usize> = (0..self.clients.len()).filter(receives).collect();
        (to_channel || !recipients.is_empty()).then_some(recipients)
    }

    /// How often client `index` must have printed `line` by now.
    fn expected_count(&self, index: usize, line: &str) -> usize {
        let same = |outcome: &&Outcome| matches!(outcome, Outcome::Printed { to, line: expected, .. } if *to == index && expected == line);
        self.outcomes.iter().filter(same).count()
    }
}
