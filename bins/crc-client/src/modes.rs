//! `/mode`: changes to the modes of a channel, as IRC writes them.

use std::collections::BTreeSet;

use crc_core::ClientChannel;
use crc_wire::ChannelField;

/// The modes that are letters only.
const FLAGS: [(char, &str); 7] = [
    ('C', "no CTCP but actions"),
    ('i', "for invited clients only"),
    ('m', "only operators and members with voice may speak"),
    ('n', "only members may speak"),
    ('p', "private: only members see it in lists"),
    ('s', "secret: only members see it in lists"),
    ('t', "only operators may set the topic"),
];

/// Why a `/mode` cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ModeError {
    #[error("The changes begin with + or -. Use /mode +m or /mode -m")]
    NoSign,
    #[error(
        "Unknown mode {0}. Use C, i, m, n, p, s, t, k (key), l (limit), b (ban), e (exception), I (invited); /op and /voice for members"
    )]
    Unknown(char),
    #[error("The value of mode {0} is missing. Use /mode {example}", example = example(*.0))]
    NoValue(char),
    #[error("{0} is not a number of members. Use /mode +l 10")]
    NoNumber(String),
    #[error("{0} is left over. Use /mode +k KEY, +l NUMBER, +b MASK or -b MASK; +e and +I like +b")]
    TooMuch(String),
    #[error("{0} is not in that list. Use /mode to see the lists")]
    NotListed(String),
}

const fn example(mode: char) -> &'static str {
    match mode {
        'k' => "+k KEY",
        'l' => "+l 10",
        'e' => "+e nick!user@host",
        'I' => "+I nick!user@host",
        _ => "+b nick!user@host",
    }
}

/// The settings that the changes lead to, in the order of the changes: `+m-i`, `+kl KEY 10`,
/// `-b MASK`.
pub(crate) fn changed_settings(
    channel: &ClientChannel,
    changes: &str,
) -> Result<Vec<(ChannelField, String)>, ModeError> {
    let mut words = changes.split_whitespace();
    let letters = words.next().unwrap_or_default();
    let mut settings: Vec<(ChannelField, String)> = Vec::new();
    let mut sign = None;
    for letter in letters.chars() {
        if matches!(letter, '+' | '-') {
            sign = Some(letter == '+');
            continue;
        }
        let is_set = sign.ok_or(ModeError::NoSign)?;
        let mut value = || words.next().ok_or(ModeError::NoValue(letter));
        let field = field_of(letter).ok_or(ModeError::Unknown(letter))?;
        let place = settings.iter().position(|(known, _)| *known == field);
        let now = match place {
            Some(place) => settings.swap_remove(place).1,
            None if field == ChannelField::MODES => channel.modes().to_owned(),
            None => channel.setting(field).to_owned(),
        };
        let new = match letter {
            'k' | 'l' if !is_set => String::new(),
            'k' => value()?.to_owned(),
            'l' => {
                let limit = value()?;
                let number = limit.parse::<u32>().ok().filter(|number| *number > 0);
                let number = number.ok_or_else(|| ModeError::NoNumber(limit.to_owned()))?;
                number.to_string()
            }
            'b' | 'e' | 'I' => with_mask(&now, value()?, is_set)?,
            _ => with_flag(&now, letter, is_set),
        };
        settings.push((field, new));
    }
    match words.next() {
        Some(word) => Err(ModeError::TooMuch(word.to_owned())),
        None if sign.is_none() => Err(ModeError::NoSign),
        None => Ok(settings),
    }
}

fn field_of(letter: char) -> Option<ChannelField> {
    match letter {
        'k' => Some(ChannelField::KEY),
        'l' => Some(ChannelField::LIMIT),
        'b' => Some(ChannelField::BANS),
        'e' => Some(ChannelField::EXCEPTIONS),
        'I' => Some(ChannelField::INVITE_EXCEPTIONS),
        _ if FLAGS.iter().any(|(flag, _)| *flag == letter) => Some(ChannelField::MODES),
        _ => None,
    }
}

fn with_flag(now: &str, flag: char, is_set: bool) -> String {
    // Those that a later version knows stay.
    let others = now.chars().filter(|letter| *letter != flag);
    let all: BTreeSet<_> = others.chain(is_set.then_some(flag)).collect();
    all.into_iter().collect()
}

fn with_mask(now: &str, mask: &str, is_set: bool) -> Result<String, ModeError> {
    let known = now.split(' ').filter(|known| !known.is_empty());
    let mut left: Vec<_> = known
        .clone()
        .filter(|known| !known.eq_ignore_ascii_case(mask))
        .collect();
    match is_set {
        true => left.push(mask),
        false if left.len() == known.count() => return Err(ModeError::NotListed(mask.to_owned())),
        false => {}
    }
    Ok(left.join(" "))
}

/// What a channel is set to, for people: a line each.
pub(crate) fn describe(channel: &ClientChannel) -> Vec<String> {
    let modes = channel.modes();
    let flags = FLAGS.iter().filter(|(flag, _)| modes.contains(*flag));
    let flags = flags.map(|(flag, meaning)| format!("+{flag}: {meaning}"));
    let values = [
        ('k', ChannelField::KEY, "the key"),
        ('l', ChannelField::LIMIT, "the most members"),
        ('b', ChannelField::BANS, "banned"),
        ('e', ChannelField::EXCEPTIONS, "never banned"),
        ('I', ChannelField::INVITE_EXCEPTIONS, "always invited"),
    ];
    let values = values.iter().filter_map(|(letter, field, meaning)| {
        let value = channel.setting(*field);
        (!value.is_empty()).then(|| format!("+{letter}: {meaning}: {value}"))
    });
    flags.chain(values).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_stay_sorted() {
        for (now, flag, is_set, new) in [
            ("n", 'm', true, "mn"),
            ("mnt", 'n', false, "mt"),
            ("", 't', true, "t"),
            ("n", 'n', true, "n"),
            ("n", 'i', false, "n"),
            ("nt", 'C', true, "Cnt"),
            ("Cnt", 'm', true, "Cmnt"),
            ("Cnz", 'n', false, "Cz"),
        ] {
            assert_eq!(with_flag(now, flag, is_set), new, "{now} {flag} {is_set}");
        }
    }

    #[test]
    fn masks_are_added_once_and_removed() {
        assert_eq!(with_mask("", "a!*@*", true).as_deref(), Ok("a!*@*"));
        assert_eq!(
            with_mask("a!*@* b!*@*", "A!*@*", true).as_deref(),
            Ok("b!*@* A!*@*")
        );
        assert_eq!(
            with_mask("a!*@* b!*@*", "A!*@*", false).as_deref(),
            Ok("b!*@*")
        );
        let unknown = ModeError::NotListed("c!*@*".into());
        assert_eq!(with_mask("a!*@*", "c!*@*", false), Err(unknown));
    }
}
