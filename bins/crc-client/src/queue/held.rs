//! What a person says while there is no connection: it is sent when there is one again, to whom it
//! was meant for.

use std::collections::VecDeque;

use crc_core::{Outbox, ResolveError, Timestamp};
use crc_wire::ChatKind;

use super::Mode;
use super::session::Session;
use crate::command::Target;
use crate::event::{CommandError, OutputEvent};

/// How many texts may wait.
const HELD_MAX: usize = 100;

/// A text that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    to: Target,
    kind: ChatKind,
    text: String,
}

/// What is to be done with a text that waits.
enum Fate {
    Send,
    Wait,
    Fail(CommandError),
}

impl Session {
    /// Whether a text has to wait: there is no connection, or others wait before it.
    pub(super) fn has_to_wait(&self, to: &Target) -> bool {
        self.mode == Mode::Interactive
            && (!self.client().is_welcomed() || self.held.iter().any(|held| held.to == *to))
    }

    /// Keeps a text until it can be sent.
    pub(super) fn hold(
        &mut self,
        to: Target,
        kind: ChatKind,
        text: String,
        out: &mut Outbox<OutputEvent>,
    ) -> Result<(), CommandError> {
        if self.held.len() >= HELD_MAX {
            return Err(CommandError::TooManyHeld);
        }
        out.notice(OutputEvent::Held { to: to.clone() });
        self.held.push_back(Held { to, kind, text });
        Ok(())
    }

    /// Sends what has waited, as far as that is possible now.
    pub(super) fn send_held(&mut self, now: Timestamp, out: &mut Outbox<OutputEvent>) {
        if self.held.is_empty() || !self.client().is_settled() {
            return;
        }
        let mut waiting: VecDeque<Held> = VecDeque::new();
        for held in core::mem::take(&mut self.held) {
            let fate = match waiting.iter().any(|before| before.to == held.to) {
                true => Fate::Wait,
                false => self.fate_of(&held.to),
            };
            match fate {
                Fate::Wait => waiting.push_back(held),
                Fate::Send => {
                    let Held { to, kind, text } = held;
                    out.notice(OutputEvent::HeldSent {
                        to: to.clone(),
                        text: text.clone(),
                    });
                    if let Err(error) = self.say(now, &to, kind, &text, out) {
                        out.notice(OutputEvent::CommandFailed(error));
                    }
                }
                Fate::Fail(error) => {
                    let error = CommandError::HeldNotSent {
                        text: held.text,
                        why: Box::new(error),
                    };
                    out.notice(OutputEvent::CommandFailed(error));
                }
            }
        }
        self.held = waiting;
    }

    fn fate_of(&self, to: &Target) -> Fate {
        match to {
            Target::Channel(name) if self.client().channel(name).is_some() => Fate::Send,
            Target::Channel(name) if self.client().is_joining(name) => Fate::Wait,
            Target::Channel(name) => Fate::Fail(CommandError::NotInChannel(name.clone())),
            Target::Client(name) => match self.client().resolve(name) {
                Ok(_) => Fate::Send,
                Err(ResolveError::Unknown(_)) => Fate::Fail(CommandError::NotHere(name.clone())),
                Err(error) => Fate::Fail(error.into()),
            },
        }
    }
}
