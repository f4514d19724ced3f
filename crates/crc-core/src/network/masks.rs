//! The lists of masks that a channel has: bans, exceptions from bans, and exceptions from
//! invitations.

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

/// A list of masks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MaskList {
    /// The setting that holds it.
    pub(crate) field: ChannelField,
    /// The mode by which users of IRC change it.
    pub(crate) letter: u8,
}

/// All of them.
pub(crate) const MASK_LISTS: [MaskList; 3] = [
    MaskList {
        field: ChannelField::BANS,
        letter: b'b',
    },
    MaskList {
        field: ChannelField::EXCEPTIONS,
        letter: b'e',
    },
    MaskList {
        field: ChannelField::INVITE_EXCEPTIONS,
        letter: b'I',
    },
];

impl MaskList {
    /// The list that a setting holds, if it holds one.
    pub(crate) fn of_field(field: ChannelField) -> Option<&'static MaskList> {
        MASK_LISTS.iter().find(|list| list.field == field)
    }
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
    let len = 1..=MASK_BYTES_MAX;
    let fits = |mask: &str| len.contains(&mask.len()) && !mask.starts_with(':');
    let mut masks = value.split(' ').take(MASKS_MAX + 1);
    value.is_empty()
        || (masks.clone().count() <= MASKS_MAX
            && masks.all(|mask| fits(mask) && !mask.contains(char::is_whitespace)))
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
