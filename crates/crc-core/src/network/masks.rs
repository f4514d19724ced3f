//! The lists of masks that a channel has: bans, exceptions from bans, and exceptions from
//! invitations; and who has put each mask there.

use std::collections::BTreeMap;

use crc_wire::ChannelField;
use irc_wire::mask;

use super::Settings;

/// The most masks in one list.
pub(crate) const MASKS_MAX: usize = 100;

/// The most bytes of one of them.
pub(crate) const MASK_BYTES_MAX: usize = 128;

/// What a ban begins with that does not keep users out: they may not speak. An exception from
/// bans that begins so lets them speak, but not in.
const MUTE: &str = "m:";

/// The most bytes of the text that says who has set a mask.
const SETTER_BYTES_MAX: usize = 100;

/// A list of masks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MaskList {
    /// The setting that holds it.
    pub(crate) field: ChannelField,
    /// The setting that says who has put each mask there, and when.
    pub(crate) setters: ChannelField,
    /// The mode by which users of IRC change it.
    pub(crate) letter: u8,
}

/// All of them.
pub(crate) const MASK_LISTS: [MaskList; 3] = [
    MaskList {
        field: ChannelField::BANS,
        setters: ChannelField::BAN_SETTERS,
        letter: b'b',
    },
    MaskList {
        field: ChannelField::EXCEPTIONS,
        setters: ChannelField::EXCEPTION_SETTERS,
        letter: b'e',
    },
    MaskList {
        field: ChannelField::INVITE_EXCEPTIONS,
        setters: ChannelField::INVITE_EXCEPTION_SETTERS,
        letter: b'I',
    },
];

impl MaskList {
    /// The list that a setting holds, if it holds one.
    pub(crate) fn of_field(field: ChannelField) -> Option<&'static MaskList> {
        MASK_LISTS.iter().find(|list| list.field == field)
    }
}

/// Whether a setting is for servers only: it says who has set masks.
pub(crate) fn is_for_servers(field: ChannelField) -> bool {
    MASK_LISTS.iter().any(|list| list.setters == field)
}

/// Who has put a mask into a list, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MaskOrigin {
    /// Who, for people: a word.
    pub(crate) setter: Box<str>,
    /// When, in seconds of Unix time by the clock on the wall of the setter's server.
    pub(crate) seconds: u64,
}

impl MaskOrigin {
    /// What is known of masks of which nothing else is: `setter` has set the whole list.
    /// `unknown` stands for a setter that is not known or no word.
    pub(crate) fn new(setter: &str, unknown: &str, seconds: u64) -> MaskOrigin {
        let setter = if is_setter(setter) { setter } else { unknown };
        MaskOrigin {
            setter: setter.into(),
            seconds,
        }
    }
}

/// Reads who has set masks, from words in threes: a mask, its setter, and when.
pub(crate) fn parse_origins(value: &str) -> BTreeMap<&str, MaskOrigin> {
    let mut words = value.split_ascii_whitespace();
    let next = || {
        let (mask, setter, seconds) = (words.next()?, words.next()?, words.next()?);
        let origin = MaskOrigin {
            setter: setter.into(),
            seconds: seconds.parse().ok()?,
        };
        Some((mask, origin))
    };
    core::iter::from_fn(next).collect()
}

/// Writes who has set masks, in the order of the masks.
pub(crate) fn write_origins<'a>(all: impl Iterator<Item = (&'a str, MaskOrigin)>) -> String {
    let mut value = String::new();
    for (mask, MaskOrigin { setter, seconds }) in all {
        let blank = if value.is_empty() { "" } else { " " };
        value += &format!("{blank}{mask} {setter} {seconds}");
    }
    value
}

/// Whether a text says who has set masks.
pub(super) fn are_origins(value: &str) -> bool {
    let words: Vec<&str> = value.split(' ').take(3 * MASKS_MAX + 1).collect();
    let is_time =
        |word: &str| word.bytes().all(|b| b.is_ascii_digit()) && word.parse::<u64>().is_ok();
    let is_origin = |words: &[&str]| match words {
        [mask, setter, seconds] => is_mask(mask) && is_setter(setter) && is_time(seconds),
        _ => false,
    };
    value.is_empty() || words.len() <= 3 * MASKS_MAX && words.chunks(3).all(is_origin)
}

fn is_setter(setter: &str) -> bool {
    let bad = |c: char| c.is_whitespace() || c.is_control();
    (1..=SETTER_BYTES_MAX).contains(&setter.len())
        && !setter.starts_with(':')
        && !setter.contains(bad)
}

fn is_mask(mask: &str) -> bool {
    (1..=MASK_BYTES_MAX).contains(&mask.len())
        && !mask.starts_with(':')
        && !mask.contains(char::is_whitespace)
}

/// Whether the bans of a channel keep a host out with which `matches` compares masks.
pub(super) fn keep_out(settings: &Settings, matches: impl Fn(&str) -> bool) -> bool {
    let any = |list| {
        let mut masks = settings.masks(list).filter(|mask| !mask.starts_with(MUTE));
        masks.any(&matches)
    };
    any(ChannelField::BANS) && !any(ChannelField::EXCEPTIONS)
}

/// Whether they silence it.
pub(super) fn silence(settings: &Settings, matches: impl Fn(&str) -> bool) -> bool {
    let any = |list| {
        let mut masks = settings.masks(list);
        masks.any(|mask| matches(mask.strip_prefix(MUTE).unwrap_or(mask)))
    };
    any(ChannelField::BANS) && !any(ChannelField::EXCEPTIONS)
}

/// A mask that a user writes, in the form in which it is held: `nick!user@host`, behind what
/// says that it is about speaking only.
pub(crate) fn normal_channel_mask(written: &[u8]) -> Vec<u8> {
    match written.strip_prefix(MUTE.as_bytes()) {
        Some(written) => [MUTE.as_bytes(), &mask::normalize(written)].concat(),
        None => mask::normalize(written),
    }
}

/// Whether a text is a list of masks, separated by one blank each.
pub(super) fn are_masks(value: &str) -> bool {
    let mut masks = value.split(' ').take(MASKS_MAX + 1);
    value.is_empty() || (masks.clone().count() <= MASKS_MAX && masks.all(is_mask))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Setting;

    fn settings(bans: &str, exceptions: &str) -> Settings {
        let mut settings = Settings::default();
        for (field, value) in [
            (ChannelField::BANS, bans),
            (ChannelField::EXCEPTIONS, exceptions),
        ] {
            let setting = Setting {
                value: value.into(),
                version: 1,
                ..Setting::default()
            };
            settings.apply(field, setting);
        }
        settings
    }

    #[test]
    fn exceptions_lift_bans_and_mutes_keep_silent_only() {
        // Bans and exceptions, and whether `ann` is kept out and silenced.
        for (bans, exceptions, expected) in [
            ("", "", [false, false]),
            ("ann", "", [true, true]),
            ("bob ann", "", [true, true]),
            ("bob", "", [false, false]),
            ("m:ann", "", [false, true]),
            ("m:bob", "", [false, false]),
            ("ann", "ann", [false, false]),
            ("ann", "bob", [true, true]),
            ("ann", "m:ann", [true, false]),
            ("m:ann", "m:ann", [false, false]),
            ("m:ann", "ann", [false, false]),
            ("ann m:ann", "m:bob ann", [false, false]),
        ] {
            let settings = settings(bans, exceptions);
            let matches = |mask: &str| mask == "ann";
            let found = [keep_out(&settings, matches), silence(&settings, matches)];
            assert_eq!(found, expected, "{bans:?} {exceptions:?}");
        }
    }

    #[test]
    fn who_has_set_masks_is_written_and_read() {
        let value = "a!*@* ann!~ann@1.crc 1700000000 m:b!*@* server0 0";
        assert!(are_origins(value));
        let all = parse_origins(value);
        assert_eq!(all.len(), 2);
        assert_eq!(all["m:b!*@*"], MaskOrigin::new("server0", "?", 0));
        assert_eq!(&*all["a!*@*"].setter, "ann!~ann@1.crc");
        assert_eq!(all["a!*@*"].seconds, 1_700_000_000);
        let again = all.iter().map(|(mask, origin)| (*mask, origin.clone()));
        assert_eq!(write_origins(again), value);
        assert_eq!(write_origins(core::iter::empty()), "");
        assert_eq!(&*MaskOrigin::new("a b", "reef", 7).setter, "reef");
    }

    #[test]
    fn what_says_who_has_set_masks_has_bounds() {
        let many = |count| vec!["a b 1"; count].join(" ");
        let long = |len| format!("{} b 1", "m".repeat(len));
        for (value, expected) in [
            ("", true),
            ("a b 1", true),
            ("a b", false),
            ("a b 1 c", false),
            ("a b x", false),
            ("a b -1", false),
            ("a b +1", false),
            ("a b 18446744073709551616", false),
            (":a b 1", false),
            ("a :b 1", false),
            ("a  b 1", false),
            (&*many(100), true),
            (&*many(101), false),
            (&*long(128), true),
            (&*long(129), false),
            (&*format!("a {} 1", "b".repeat(100)), true),
            (&*format!("a {} 1", "b".repeat(101)), false),
        ] {
            assert_eq!(are_origins(value), expected, "{value:?}");
        }
    }

    #[test]
    fn a_mask_that_is_written_becomes_complete() {
        for (written, held) in [
            ("ann", "ann!*@*"),
            ("*@reef", "*!*@reef"),
            ("m:ann", "m:ann!*@*"),
            ("m:*@reef", "m:*!*@reef"),
            ("m:ann!a@reef", "m:ann!a@reef"),
        ] {
            assert_eq!(normal_channel_mask(written.as_bytes()), held.as_bytes());
        }
    }
}
