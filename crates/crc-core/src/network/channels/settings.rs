//! How a channel is set: its settings, their versions, and the channel's age.

use crc_wire::{ChannelField, HostId};

use super::Applied;

/// The settings that this version knows. The last one has a number of its own, all others that
/// of their place.
pub(crate) const FIELDS: [ChannelField; 13] = [
    ChannelField::TOPIC,
    ChannelField::KEY,
    ChannelField::MODES,
    ChannelField::LIMIT,
    ChannelField::BANS,
    ChannelField::NAME,
    ChannelField::EXCEPTIONS,
    ChannelField::INVITE_EXCEPTIONS,
    ChannelField::BAN_SETTERS,
    ChannelField::EXCEPTION_SETTERS,
    ChannelField::INVITE_EXCEPTION_SETTERS,
    ChannelField::RENAMED_TO,
    ChannelField::METADATA,
];

/// The place of a setting, if this version knows it.
#[inline]
pub(crate) const fn place_of(field: ChannelField) -> Option<usize> {
    let (number, last) = (field.0 as usize, FIELDS.len() - 1);
    if number < last {
        Some(number)
    } else if number == FIELDS[last].0 as usize {
        Some(last)
    } else {
        None
    }
}

/// The modes of a channel while none are set: only members may speak.
pub(crate) const MODES_UNSET: &str = "n";

/// When a channel was founded: its age. The order of two foundings says which channel is
/// the older one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Founding {
    /// When, in milliseconds by the clock of this server that never steps. Servers whose
    /// clocks differ convert it for each other, with a small error.
    pub ms: u64,
    /// A number that was drawn then: two statements with one tag are about one founding,
    /// whatever the error is.
    pub tag: u32,
}

/// By how many milliseconds two statements about one founding may differ: more than clocks
/// do that count as equal, on a long way.
const ERROR_MAX_MS: u64 = 60_000;

impl Founding {
    /// Whether two statements are about one founding. A server that states another time for
    /// a known tag speaks of another founding: with one tag at two times, servers would
    /// disagree on which of three foundings is older.
    pub(super) fn is_same(self, other: Founding) -> bool {
        self.tag == other.tag && self.ms.abs_diff(other.ms) <= ERROR_MAX_MS
    }
}

/// One setting of a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Setting {
    /// Its value; empty for none.
    pub value: Box<str>,
    /// When it was set, in milliseconds of Unix time, or one more than the
    /// version before; 0 if it never was.
    pub version: u64,
    /// Who set it, for people: `nick!user@host` or a server's name; empty if that is
    /// not known.
    pub setter: Box<str>,
    /// The host that set it, if this server has heard it say so. It may have left since.
    pub source: Option<HostId>,
}

impl Setting {
    /// Of two settings the one with the higher order is kept.
    fn order(&self) -> (u64, &str, &str) {
        (self.version, &self.value, &self.setter)
    }
}

/// A version after a shift of all times. One that was set stays so: 0 is none.
pub(crate) fn shift_version(version: u64, by_ms: i64) -> u64 {
    match version {
        0 => 0,
        _ => version.saturating_add_signed(by_ms).max(1),
    }
}

/// The settings of a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    pub(super) fields: [Setting; FIELDS.len()],
}

impl Settings {
    /// One setting, if this version knows it.
    #[must_use]
    pub fn find(&self, field: ChannelField) -> Option<&Setting> {
        self.fields.get(place_of(field)?)
    }

    /// What a setting comes to, set or not; empty for none.
    #[must_use]
    pub fn value(&self, field: ChannelField) -> &str {
        match self.find(field) {
            Some(unset) if field == ChannelField::MODES && unset.version == 0 => MODES_UNSET,
            Some(setting) => &setting.value,
            None => "",
        }
    }

    /// The key; empty for none.
    #[must_use]
    pub fn key(&self) -> &str {
        self.value(ChannelField::KEY)
    }

    /// The modes that have no value of their own: letters of IRC, sorted.
    #[must_use]
    pub fn modes(&self) -> &str {
        self.value(ChannelField::MODES)
    }

    /// The most members that may be in the channel, if there is a limit.
    #[must_use]
    pub fn limit(&self) -> Option<u32> {
        self.value(ChannelField::LIMIT).parse().ok()
    }

    /// The masks of the bans.
    pub fn bans(&self) -> impl Iterator<Item = &str> {
        self.masks(ChannelField::BANS)
    }

    /// The masks in one of the lists.
    pub fn masks(&self, list: ChannelField) -> impl Iterator<Item = &str> {
        self.value(list).split_ascii_whitespace()
    }

    /// Applies a setting, if it is newer than the known one.
    pub(in crate::network) fn apply(&mut self, field: ChannelField, setting: Setting) -> Applied {
        let Some(known) = place_of(field).and_then(|place| self.fields.get_mut(place)) else {
            return Applied::Unknown;
        };
        match setting.order().cmp(&known.order()) {
            core::cmp::Ordering::Less => Applied::Older,
            core::cmp::Ordering::Equal => Applied::Known,
            core::cmp::Ordering::Greater => {
                *known = setting;
                Applied::Newer
            }
        }
    }

    /// Shifts the versions of the settings that have been made.
    pub(super) fn shift_times(&mut self, by_ms: i64) {
        for setting in &mut self.fields {
            setting.version = shift_version(setting.version, by_ms);
        }
    }

    /// How many bytes its values have, and those who set them.
    pub(super) fn bytes(&self) -> usize {
        let bytes = |setting: &Setting| setting.value.len() + setting.setter.len();
        self.fields.iter().map(bytes).sum()
    }

    /// The settings that have ever been set, in the order of their fields.
    pub fn set(&self) -> impl Iterator<Item = (ChannelField, &Setting)> {
        let fields = FIELDS.into_iter().zip(&self.fields);
        fields.filter(|(_, setting)| setting.version != 0)
    }
}
