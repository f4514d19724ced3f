//! The rules of channels, as docs/IRC.md and docs/PROTOCOL.md (section 9) have them. A
//! model of its own: nothing here calls the policy of a server.

use std::collections::BTreeMap;

use crc_core::{Channel, Snapshot};
use crc_wire::{ChannelField, HostId, MemberFlags};

/// A channel as one server has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) members: BTreeMap<HostId, MemberFlags>,
    /// The values of its settings.
    pub(crate) settings: [Box<str>; NUMBERS.len()],
    /// The number of its founding.
    pub(crate) founded: u32,
}

pub(crate) const TOPIC: usize = 0;
pub(crate) const KEY: usize = 1;
pub(crate) const MODES: usize = 2;
pub(crate) const LIMIT: usize = 3;
pub(crate) const BANS: usize = 4;
pub(crate) const EXCEPTIONS: usize = 5;
pub(crate) const INVITE_EXCEPTIONS: usize = 6;

/// The numbers of these settings in frames.
pub(crate) const NUMBERS: [usize; 7] = [0, 1, 2, 3, 4, 6, 7];

/// What a channel has that was never set.
pub(crate) const UNSET: [&str; NUMBERS.len()] = ["", "", "n", "", "", "", ""];

/// A setting of a channel.
pub(crate) fn setting(channel: &Channel, field: usize) -> &str {
    channel.value(ChannelField(u8::try_from(NUMBERS[field]).unwrap_or(0)))
}

/// Whether a channel is as it was. Its age may be another one by the clock.
pub(crate) fn is_same(channel: &Channel, state: &State) -> bool {
    channel.founded().tag == state.founded
        && channel.members_len() == state.members.len()
        && channel
            .members()
            .eq(state.members.iter().map(|(id, flags)| (*id, *flags)))
        && (0..NUMBERS.len()).all(|field| *setting(channel, field) == *state.settings[field])
}

impl State {
    pub(crate) fn of(channel: &Channel) -> State {
        State {
            members: channel.members().collect(),
            settings: core::array::from_fn(|field| setting(channel, field).into()),
            founded: channel.founded().tag,
        }
    }

    pub(crate) fn has(&self, mode: char) -> bool {
        self.settings[MODES].contains(mode)
    }

    pub(crate) fn is_operator(&self, host: HostId) -> bool {
        let flags = self.members.get(&host);
        flags.is_some_and(|flags| flags.operator)
    }

    /// Whether a host may say something. `names` are those by which bans know it.
    pub(crate) fn may_speak(&self, host: HostId, names: &[String]) -> bool {
        match self.members.get(&host) {
            Some(flags) if flags.operator || flags.voice => true,
            None if self.has('n') => false,
            _ => !self.has('m') && !self.silences(names),
        }
    }

    /// Why a host that is not in it may not enter, if it may not.
    pub(crate) fn locks_out(&self, key: &str, is_invited: bool, names: &[String]) -> Option<&str> {
        if !self.settings[KEY].is_empty() && *self.settings[KEY] != *key {
            return Some("it has another key");
        }
        if is_invited {
            return None;
        }
        let limit = self.settings[LIMIT].parse::<usize>();
        match limit {
            _ if self.has('i') && !self.invites(names) => Some("only who is invited may enter"),
            Ok(limit) if self.members.len() >= limit => Some("it is full"),
            _ if self.keeps_out(names) => Some("it is banned"),
            _ => None,
        }
    }

    /// Whether a host may set a field.
    pub(crate) fn may_set(&self, host: HostId, field: usize) -> bool {
        let Some(flags) = self.members.get(&host) else {
            return false;
        };
        flags.operator || field == TOPIC && !self.has('t')
    }

    /// Whether a ban that is no mute concerns a host with such names, and no exception does.
    fn keeps_out(&self, names: &[String]) -> bool {
        let lists = |list| self.lists(list, names, |mask| !mask.starts_with("m:"));
        lists(BANS) && !lists(EXCEPTIONS)
    }

    /// Whether a host with such names needs no invitation.
    fn invites(&self, names: &[String]) -> bool {
        self.lists(INVITE_EXCEPTIONS, names, |mask| !mask.starts_with("m:"))
    }

    /// Whether a ban or mute concerns a host with such names, and no exception does.
    pub(crate) fn silences(&self, names: &[String]) -> bool {
        let lists = |list| self.lists(list, names, |_| true);
        lists(BANS) && !lists(EXCEPTIONS)
    }

    /// Whether one of the masks of a list that count concerns a host with such names.
    fn lists(&self, list: usize, names: &[String], counts: impl Fn(&str) -> bool) -> bool {
        let masks = self.settings[list].split_ascii_whitespace();
        let mut masks = masks.filter(|mask| counts(mask));
        masks.any(|mask| {
            let mask = mask.trim_start_matches("m:");
            names.iter().any(|name| matches(mask, name))
        })
    }
}

/// The names by which bans know a host: as its own server shows a user of IRC, and as all
/// others do.
pub(crate) fn names(snapshot: &Snapshot<'_>, host: HostId) -> Vec<String> {
    let nick = snapshot.nicks().and_then(|nicks| nicks.of(host));
    let nick = nick.unwrap_or("?");
    vec![
        format!("{nick}!~user@{host}.crc"),
        format!("{nick}!{nick}@{host}.crc"),
    ]
}

/// Whether a mask with `*` and `?` matches a text, whatever the case of its letters, in any script.
fn matches(mask: &str, text: &str) -> bool {
    fn matches(mask: &[u8], text: &[u8]) -> bool {
        match (mask.first(), text.first()) {
            (None, None) => true,
            (Some(b'*'), _) => {
                matches(&mask[1..], text) || !text.is_empty() && matches(mask, &text[1..])
            }
            (Some(b'?'), Some(_)) => matches(&mask[1..], &text[1..]),
            (Some(one), Some(other)) if one == other => matches(&mask[1..], &text[1..]),
            _ => false,
        }
    }
    matches(
        mask.to_lowercase().as_bytes(),
        text.to_lowercase().as_bytes(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_match_as_in_irc() {
        assert!(matches("*!*@*", "ann!~user@1.crc"));
        assert!(matches("AN?!*@*.crc", "ann!~user@1.crc"));
        assert!(matches("Zoë!*@*", "ZOË!ZOË@1.crc"));
        assert!(!matches("bob!*@*", "ann!~user@1.crc"));
    }

    #[test]
    fn who_may_speak_and_enter_depends_on_ranks_and_modes() {
        let [ann, bob, carol] = [1, 2, 3].map(|id| HostId::new(id).unwrap());
        let mut state = State {
            settings: UNSET.map(Into::into),
            ..State::default()
        };
        let op = MemberFlags::NONE.with_operator(true);
        state.members.insert(ann, op);
        state.members.insert(bob, MemberFlags::NONE);
        assert!(state.may_speak(bob, &[]) && !state.may_speak(carol, &[]));
        state.settings[MODES] = "im".into();
        assert!(state.may_speak(ann, &[]) && !state.may_speak(bob, &[]));
        assert!(state.locks_out("", false, &[]).is_some());
        assert!(state.locks_out("", true, &[]).is_none());
        state.settings[KEY] = "pearl".into();
        assert!(state.locks_out("", true, &[]).is_some());
        assert!(state.may_set(ann, KEY) && !state.may_set(bob, KEY));
        assert!(state.may_set(bob, TOPIC) && !state.may_set(carol, TOPIC));
    }
}
