//! MARKREAD (IRCv3 read-marker): up to where a user has read.
//!
//! There are no accounts, so a mark belongs to a connection and ends with it.

use std::collections::BTreeMap;

use crc_machine::LinkId;
use irc_wire::{Message, text};
use jiff::Timestamp as Date;

use super::session::{Capability, NAMES};
use super::{UserRef, find_user, find_user_mut, has, rename, reply};
use crate::context::{Context, Out};
use crate::names::fold_name;
use crate::network::Nicks;

/// How many targets of a user have a mark.
const MARKS_MAX: usize = 200;

/// The most bytes of the name of a target: no nick is longer.
const TARGET_BYTES_MAX: usize = 80;

/// What stands before a time.
const LEAD: &str = "timestamp=";

/// Up to where a user has read, by the lower case of the targets.
#[derive(Debug, Default)]
pub(super) struct Marks(BTreeMap<Box<str>, Date>);

impl Marks {
    fn of(&self, target: &str) -> Option<Date> {
        self.0.get(&*fold_name(target)).copied()
    }

    /// Moves a mark, but never back. `false` if there are too many.
    fn advance(&mut self, target: &str, to: Date) -> bool {
        let (folded, len) = (fold_name(target), self.0.len());
        match self.0.get_mut(&*folded) {
            Some(mark) => *mark = to.max(*mark),
            None if len >= MARKS_MAX => return false,
            None => {
                self.0.insert(folded.into(), to);
            }
        }
        true
    }
}

/// MARKREAD of a target: says where its mark is, or moves it.
pub(super) fn markread(cx: &mut Context, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
    let link = user_ref.link;
    let Some(target) = message.params.get(0).filter(|target| !target.is_empty()) else {
        let text = "Missing parameters";
        return reply::send_fail(cx, link, ("MARKREAD", "NEED_MORE_PARAMS"), &[], text, out);
    };
    let target = text::utf8_or_latin1(target);
    let is_channel = NAMES.is_channel(target.as_bytes());
    if target.len() > TARGET_BYTES_MAX || !is_channel && !Nicks::is_nick(&target) {
        return invalid(cx, link, &target, out);
    }
    if let Some(wanted) = message.params.get(1) {
        let wanted = text::utf8_or_latin1(wanted);
        let Some(to) = wanted.strip_prefix(LEAD).and_then(parse_time) else {
            return invalid(cx, link, &wanted, out);
        };
        let user = find_user_mut(cx, link);
        if user.is_some_and(|user| !user.marks.advance(&target, to)) {
            let (code, text) = (("MARKREAD", "INTERNAL_ERROR"), "You have too many marks");
            return reply::send_fail(cx, link, code, &[&target], text, out);
        }
    }
    send(cx, link, &target, out);
}

fn invalid(cx: &Context, link: LinkId, param: &str, out: &mut Out) {
    let (code, text) = (("MARKREAD", "INVALID_PARAMS"), "Invalid parameters");
    reply::send_fail(cx, link, code, &[param], text, out);
}

/// The time in the form of the tag `time`: `2019-01-04T14:33:26.123Z`.
fn parse_time(text: &str) -> Option<Date> {
    let shape = |pattern: &str| {
        let mut pairs = text.bytes().zip(pattern.bytes());
        text.len() == pattern.len()
            && pairs.all(|(is, wanted)| match wanted {
                b'0' => is.is_ascii_digit(),
                other => is == other,
            })
    };
    if !shape("0000-00-00T00:00:00.000Z") {
        return None;
    }
    text.parse().ok()
}

/// Says where a mark is.
fn send(cx: &Context, link: LinkId, target: &str, out: &mut Out) {
    let mark = find_user(cx, link).and_then(|user| user.marks.of(target));
    let mark = mark.map_or("*".to_owned(), |date| format!("{LEAD}{date:.3}"));
    let words = [target, &mark];
    let words = rename::shown_words(cx, link, &words);
    reply::send_line(link, reply::own_name(cx), "MARKREAD", &words, None, out);
}

/// A user has entered a channel: says where its mark is, if the client wants to know that.
pub(super) fn send_after_join(cx: &Context, link: LinkId, channel: &str, out: &mut Out) {
    if has(cx, link, Capability::ReadMarker) {
        send(cx, link, channel, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_one_form() {
        let text = "2019-01-04T14:33:26.123Z";
        assert_eq!(
            parse_time(text).map(|date| format!("{date:.3}")),
            Some(text.to_owned())
        );
        for wrong in [
            "",
            "2019-01-04T14:33:26Z",
            "2019-01-04 14:33:26.123Z",
            "2019-13-04T14:33:26.123Z",
            "2019-01-04T25:33:26.123Z",
            "2019-01-04T14:33:26.123+",
            "x019-01-04T14:33:26.123Z",
        ] {
            assert_eq!(parse_time(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn marks_never_go_back_and_are_bounded() {
        let (early, late) = (Date::from_second(1), Date::from_second(2));
        let (early, late) = (early.expect("in range"), late.expect("in range"));
        let mut marks = Marks::default();
        assert!(marks.advance("#Reef", late) && marks.advance("#reef", early));
        assert_eq!(marks.of("#REEF"), Some(late));
        for number in 1..MARKS_MAX {
            assert!(marks.advance(&format!("nick{number}"), early));
        }
        assert!(!marks.advance("one-more", early) && marks.advance("#reef", late));
        assert_eq!(marks.of("one-more"), None);
    }
}
