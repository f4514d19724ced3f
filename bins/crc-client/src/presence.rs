//! Who has come and gone, folded: many such events are one line.

use std::collections::VecDeque;
use std::fmt::Write;

/// How many names a folded line keeps for either direction.
const NAMES_MAX: usize = 6;

/// What clients do that come and go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Place {
    /// They join and leave a channel, or a conversation.
    #[default]
    Here,
    /// They come into the network and leave it.
    Network,
}

/// Who has come and gone, in one line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Presence {
    place: Place,
    came: Group,
    went: Group,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Group {
    count: usize,
    last: VecDeque<String>,
    /// What the last one says about that.
    detail: String,
}

impl Group {
    fn add(&mut self, name: &str, detail: &str) {
        self.count += 1;
        self.last.push_back(name.to_owned());
        if self.last.len() > NAMES_MAX {
            self.last.pop_front();
        }
        detail.clone_into(&mut self.detail);
    }

    fn describe(&self, verb: &str, into: &mut String) {
        if self.count == 0 {
            return;
        }
        if !into.is_empty() {
            into.push_str(", ");
        }
        let names: Vec<_> = self.last.iter().map(String::as_str).collect();
        let names = names.join(" ");
        let described = match self.count - self.last.len() {
            0 if self.count == 1 => write!(into, "{names} {verb}{}", self.detail),
            0 => write!(into, "{} {verb}: {names}", self.count),
            more => write!(into, "{} {verb}: {names} and {more} more", self.count),
        };
        described.expect("writing to a string does not fail");
    }
}

impl Presence {
    pub(crate) fn new(place: Place) -> Presence {
        Presence {
            place,
            ..Presence::default()
        }
    }

    pub(crate) fn add(&mut self, came: bool, name: &str) {
        self.add_with(came, name, "");
    }

    /// With a text behind the verb, which is shown as long as there is no other one.
    pub(crate) fn add_with(&mut self, came: bool, name: &str, detail: &str) {
        match came {
            true => self.came.add(name, detail),
            false => self.went.add(name, detail),
        }
    }

    /// The text of the line.
    pub(crate) fn text(&self) -> String {
        let (came, went) = match self.place {
            Place::Here => ("joined", "left"),
            Place::Network => ("came online", "quit"),
        };
        let mut text = String::new();
        self.came.describe(came, &mut text);
        self.went.describe(went, &mut text);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presence_is_folded() {
        let mut presence = Presence::default();
        presence.add(true, "ann");
        assert_eq!(presence.text(), "ann joined");
        presence.add(true, "bob");
        presence.add(false, "cat");
        assert_eq!(presence.text(), "2 joined: ann bob, cat left");
        for number in 0..1_000 {
            presence.add(true, &format!("n{number}"));
        }
        assert_eq!(
            presence.text(),
            "1002 joined: n994 n995 n996 n997 n998 n999 and 996 more, cat left"
        );
    }

    #[test]
    fn the_only_one_says_why() {
        let mut presence = Presence::new(Place::Network);
        presence.add_with(true, "ann", ": tea");
        presence.add_with(false, "bob", ": back to work");
        assert_eq!(
            presence.text(),
            "ann came online: tea, bob quit: back to work"
        );
        presence.add_with(false, "cat", ": too");
        assert_eq!(presence.text(), "ann came online: tea, 2 quit: bob cat");
    }
}
