//! One line of a window: who, when, and a text that no peer can use to control the terminal.

use crate::clock::Moment;
use crate::presence::Presence;

/// What a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LineKind {
    /// What a client says.
    Chat,
    /// What a program says, or what is not to be answered by programs.
    Notice,
    /// What a client does: `/me`.
    Action,
    /// What the user has said while there was no connection: it is sent when there is one again.
    Pending,
    /// Something that has happened.
    Event,
    /// Clients that have come and gone, folded.
    Presence(Presence),
    /// Something that has failed.
    Error,
    /// A new day.
    Day,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its number in the window. Numbers grow.
    pub(crate) seq: u64,
    pub(crate) at: Moment,
    pub(crate) kind: LineKind,
    /// The name of the speaker.
    pub(crate) who: String,
    /// Whether this user is the speaker.
    pub(crate) is_own: bool,
    /// Whether it mentions this user.
    pub(crate) is_mention: bool,
    pub(crate) text: String,
}

impl Line {
    /// How many bytes it takes, roughly.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Line>() + self.who.len() + self.text.len()
    }
}
