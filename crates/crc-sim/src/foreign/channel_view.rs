//! A channel as a user of IRC was told of it, line by line.

use std::collections::{BTreeMap, BTreeSet};

use irc_wire::{ModeTable, Sign};

/// The modes of channels.
const MODES: ModeTable<'static> = ModeTable {
    lists: b"beI",
    always: b"k",
    when_set: b"l",
    flags: b"Cimnpst",
    member_modes: b"ov",
};

/// What a member was told to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Rank {
    pub(crate) operator: bool,
    pub(crate) voice: bool,
}

/// A channel that a user of IRC is in.
#[derive(Debug, Clone, Default)]
pub(crate) struct ChannelView {
    /// The name that it was told.
    pub(crate) shown: String,
    pub(crate) members: BTreeMap<String, Rank>,
    /// Whether the list of names is complete.
    pub(crate) is_listed: bool,
    pub(crate) topic: String,
    pub(crate) modes: BTreeSet<char>,
    pub(crate) key: String,
    pub(crate) limit: String,
    /// Whether the modes were told as a whole.
    pub(crate) knows_modes: bool,
    /// The masks of its lists, each behind the letter of its mode.
    pub(crate) masks: BTreeSet<String>,
    /// Whether all lists are complete.
    pub(crate) knows_masks: bool,
}

/// What a change of modes contradicts, if anything.
pub(crate) type Wrong = Result<(), String>;

impl ChannelView {
    /// Part of the list of names: nicks with the signs of their ranks.
    pub(super) fn list_names(&mut self, names: &str) {
        for name in names.split_ascii_whitespace() {
            let nick = name.trim_start_matches(['@', '+']);
            let signs = &name[..name.len() - nick.len()];
            let rank = Rank {
                operator: signs.contains('@'),
                voice: signs.contains('+'),
            };
            self.members.insert(nick.to_owned(), rank);
        }
    }

    /// The answer to a MODE without changes.
    pub(super) fn set_modes(&mut self, letters: &str, params: &[String]) {
        let mut params = params.iter();
        self.modes.clear();
        (self.key, self.limit) = (String::new(), String::new());
        for letter in letters.chars().filter(|letter| *letter != '+') {
            match letter {
                'k' => self.key = params.next().cloned().unwrap_or_default(),
                'l' => self.limit = params.next().cloned().unwrap_or_default(),
                letter => {
                    self.modes.insert(letter);
                }
            }
        }
        self.knows_modes = true;
    }

    /// A line with changes of modes.
    pub(super) fn change(&mut self, letters: &str, params: &[String]) -> Wrong {
        let params: Vec<&[u8]> = params.iter().map(String::as_bytes).collect();
        for change in MODES.parse(letters.as_bytes(), &params) {
            let Ok(change) = change else {
                return Err(format!("MODE {letters} {params:?} is no change"));
            };
            let plus = change.sign == Sign::Plus;
            let param = String::from_utf8_lossy(change.param.unwrap_or_default()).into_owned();
            match change.letter {
                b'o' | b'v' => self.rank(&param, change.letter, plus)?,
                b'b' | b'e' | b'I' => {
                    let mask = format!("{} {param}", char::from(change.letter));
                    match plus {
                        true => self.masks.insert(mask),
                        false => self.masks.remove(&mask),
                    };
                }
                b'k' => self.key = if plus { param } else { String::new() },
                b'l' => self.limit = if plus { param } else { String::new() },
                letter if plus => {
                    self.modes.insert(char::from(letter));
                }
                letter => {
                    self.modes.remove(&char::from(letter));
                }
            }
        }
        Ok(())
    }

    fn rank(&mut self, nick: &str, letter: u8, plus: bool) -> Wrong {
        let Some(rank) = self.members.get_mut(nick) else {
            return match self.is_listed {
                true => Err(format!("a rank of {nick}, which is no member")),
                false => Ok(()),
            };
        };
        match letter {
            b'o' => rank.operator = plus,
            _ => rank.voice = plus,
        }
        Ok(())
    }
}
