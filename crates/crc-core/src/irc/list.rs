//! LIST, with names, masks and conditions (ISUPPORT `ELIST=CMNTU`).

use std::sync::Arc;

use crc_wire::ChannelField;
use irc_wire::mask::PreparedMask;
use irc_wire::{Message, Numeric};

use super::answer::{self, Part};
use super::{CASE, UserRef, distinct_elements, rename, reply};
use crate::context::{Context, Out};
use crate::network::{Channel, Network};

/// How many masks one LIST may have.
const MASKS_MAX: usize = 16;

/// Milliseconds of a minute.
const MINUTE_MS: u64 = 60_000;

/// What a LIST asks for besides names.
#[derive(Debug, Default)]
pub(super) struct Filter {
    /// One of them matches the name, if there are any.
    masks: Vec<PreparedMask>,
    /// None of them matches the name.
    not: Vec<PreparedMask>,
    /// All of them are true.
    conditions: Vec<Condition>,
    /// The bytes of all masks.
    mask_bytes: usize,
}

/// A condition with a number, which is exceeded or not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Condition {
    of: Measure,
    exceeds: bool,
    number: u64,
}

/// What a condition is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    /// The number of members.
    Members,
    /// For how many minutes the channel has existed.
    Age,
    /// How many minutes ago the topic was set.
    TopicAge,
}

impl Condition {
    /// `<5`, `>5`, `C<5`, `C>5`, `T<5`, `T>5`.
    fn parse(element: &str) -> Option<Condition> {
        let (of, rest) = match element.split_at_checked(1)? {
            ("C" | "c", rest) => (Measure::Age, rest),
            ("T" | "t", rest) => (Measure::TopicAge, rest),
            _ => (Measure::Members, element),
        };
        let (sign, number) = rest.split_at_checked(1)?;
        let exceeds = match sign {
            "<" => false,
            ">" => true,
            _ => return None,
        };
        let number = number.parse().ok()?;
        Some(Condition {
            of,
            exceeds,
            number,
        })
    }

    /// Whether it is true of a channel. A channel without a topic has none that is old or new.
    fn holds(self, channel: &Channel, now_ms: u64) -> bool {
        let topic = channel.settings().find(ChannelField::TOPIC);
        let topic = topic.filter(|topic| !topic.value.is_empty());
        let (is, number) = match self.of {
            Measure::Members => (Some(channel.members_len() as u64), self.number),
            Measure::Age => (
                Some(now_ms.saturating_sub(channel.founded().ms)),
                self.number.saturating_mul(MINUTE_MS),
            ),
            Measure::TopicAge => (
                topic.map(|topic| now_ms.saturating_sub(topic.version)),
                self.number.saturating_mul(MINUTE_MS),
            ),
        };
        is.is_some_and(|is| {
            if self.exceeds {
                is > number
            } else {
                is < number
            }
        })
    }
}

impl Filter {
    /// Whether a channel is asked for, whatever the user may see.
    pub(super) fn wants(&self, cx: &Context, channel: &Channel) -> bool {
        let name = channel.shown_name().as_bytes();
        // Each byte is compared with 64 elements of each mask at once.
        let masks = self.masks.len() + self.not.len();
        let words = masks + self.mask_bytes / 64;
        cx.work.charge_answer_bytes(name.len() * words * 2);
        let any = |masks: &[PreparedMask]| masks.iter().any(|mask| mask.matches(name));
        let now_ms = cx.network_ms();
        let mut conditions = self.conditions.iter();
        conditions.all(|condition| condition.holds(channel, now_ms))
            && (self.masks.is_empty() || any(&self.masks))
            && !any(&self.not)
    }

    fn mask(&mut self, mask: &str) -> PreparedMask {
        self.mask_bytes += mask.len();
        PreparedMask::new(mask.as_bytes(), CASE)
    }
}

/// LIST (RFC 2812, 3.2.6): of the named channels, or of all; of these the ones that match one of
/// the masks and all conditions. Channels that do not exist are left out. More than
/// [`MASKS_MAX`] masks are answered with ERR_TOOMANYTARGETS.
pub(super) fn list(cx: &mut Context, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
    let link = user_ref.link;
    let elements = |at| distinct_elements(message.params.get(at).unwrap_or_default());
    let (first, second) = (elements(0), elements(1));
    // A second parameter may be the name of a server, which all know the same.
    let second = second.iter().filter(|element| is_pattern(element));
    let (mut filter, mut names) = (Filter::default(), Vec::new());
    for element in first.iter().chain(second) {
        if let Some(condition) = Condition::parse(element) {
            filter.conditions.push(condition);
        } else if let Some(mask) = element.strip_prefix('!') {
            let mask = filter.mask(mask);
            filter.not.push(mask);
        } else if is_pattern(element) {
            let mask = filter.mask(element);
            filter.masks.push(mask);
        } else {
            names.push(Box::from(&**element));
        }
        if filter.masks.len() + filter.not.len() > MASKS_MAX {
            let words = [&**element];
            return reply::reply_error(cx, link, Numeric::ERR_TOOMANYTARGETS, &words, out);
        }
    }
    let text = Some("Users  Name");
    reply::send_numeric(cx, link, Numeric::RPL_LISTSTART, &["Channel"], text, out);
    let mut parts: Vec<Part> = Vec::new();
    // Where all channels are visited, those that are named are among them.
    let visits_all = names.is_empty() || !filter.masks.is_empty();
    if visits_all && !names.is_empty() {
        for name in core::mem::take(&mut names) {
            let mask = filter.mask(rename::shown(cx, &name));
            filter.masks.push(mask);
        }
    }
    let is_plain = filter.mask_bytes == 0 && filter.conditions.is_empty();
    let filter = (!is_plain).then(|| Arc::new(filter));
    if visits_all {
        parts.push(Part::List {
            after: None,
            filter,
        });
    } else {
        parts.extend(names.into_iter().map(|name| Part::ListEntry {
            name,
            filter: filter.clone(),
        }));
    }
    parts.push(Part::EndOfList);
    answer::start(cx, user_ref, "LIST", parts, out);
}

/// Whether an element is no name of a channel or server: it has a wildcard, or says what is not
/// to be listed, or is a condition.
fn is_pattern(element: &str) -> bool {
    element.contains(['*', '?']) || element.starts_with('!') || Condition::parse(element).is_some()
}

/// Sends the RPL_LIST of a channel, if the user may see it and asks for it.
pub(super) fn send_list_entry(
    cx: &Context,
    user_ref: UserRef,
    channel: &Channel,
    filter: Option<&Filter>,
    out: &mut Out,
) {
    let may_see = Network::may_see(user_ref.id, channel);
    if filter.is_some_and(|filter| !may_see || !filter.wants(cx, channel)) {
        return;
    }
    if let Some((name, members, topic)) = cx.list_entry(user_ref.id, channel) {
        let members = members.to_string();
        let (link, words) = (user_ref.link, [name, &members]);
        reply::send_numeric(cx, link, Numeric::RPL_LIST, &words, Some(topic), out);
    }
}

/// Sends RPL_LISTEND.
pub(super) fn send_end_of_list(cx: &Context, user_ref: UserRef, out: &mut Out) {
    let text = Some("End of /LIST");
    reply::send_numeric(cx, user_ref.link, Numeric::RPL_LISTEND, &[], text, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_have_a_sign_and_a_number() {
        let condition = |of, exceeds, number| {
            Some(Condition {
                of,
                exceeds,
                number,
            })
        };
        for (text, expected) in [
            ("<5", condition(Measure::Members, false, 5)),
            (">0", condition(Measure::Members, true, 0)),
            ("C<60", condition(Measure::Age, false, 60)),
            ("c>1", condition(Measure::Age, true, 1)),
            ("T<10", condition(Measure::TopicAge, false, 10)),
            ("t>10", condition(Measure::TopicAge, true, 10)),
            ("", None),
            ("<", None),
            ("C", None),
            ("C5", None),
            ("T>", None),
            ("T>x", None),
            (">-1", None),
            ("#reef", None),
            ("é>1", None),
        ] {
            assert_eq!(Condition::parse(text), expected, "{text:?}");
        }
    }
}
