//! REDACT (IRCv3 message-redaction): takes back a message.
//!
//! The author of a message may, and in a channel its operators; see
//! [`Network::may_redact`]. Who may not speak in a channel cannot do it by giving a reason.

use crc_wire::{ChannelName, HostId, TaggedChat, TaggedKind, Tags, Text};
use irc_wire::{Message, text};

use super::session::NAMES;
use super::tagged::{self, split_target};
use super::{UserRef, reply};
use crate::context::{Context, Out};
use crate::network::{MessageId, Network, Recipient, RedactRefusal};

/// The most bytes of the id of a message that are repeated in an answer: ours have 25.
const ID_BYTES_MAX: usize = 64;

/// A redaction's text: the id of the message and the reason.
pub(crate) fn split_redaction(text: &str) -> (&str, &str) {
    text.split_once(' ').unwrap_or((text, ""))
}

/// Why a REDACT is refused.
enum Refusal {
    /// There is no such channel or user, or no such channel that the user may see.
    Target,
    Message(RedactRefusal),
}

/// REDACT of a message to a channel or a user, with a reason or without.
pub(super) fn redact(cx: &mut Context, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
    let param = |number| message.params.get(number).unwrap_or_default();
    let [target, id, reason] = [0, 1, 2].map(|number| text::utf8_or_latin1(param(number)));
    if let Err(refusal) = try_redact(cx, user_ref, &target, (&id, &reason), message, out) {
        let id = super::cut(&id, ID_BYTES_MAX);
        let (code, context, text) = match refusal {
            Refusal::Target => (
                "INVALID_TARGET",
                &[&*target][..],
                "You can't take back messages there",
            ),
            Refusal::Message(RedactRefusal::Unknown) => (
                "UNKNOWN_MSGID",
                &[&*target, id][..],
                "This message is unknown there, or too old",
            ),
            Refusal::Message(RedactRefusal::Forbidden) => (
                "REDACT_FORBIDDEN",
                &[&*target, id][..],
                "You may not take back this message",
            ),
        };
        reply::send_fail(cx, user_ref.link, ("REDACT", code), context, text, out);
    }
}

fn try_redact(
    cx: &mut Context,
    user_ref: UserRef,
    target: &str,
    (id, reason): (&str, &str),
    message: &Message<'_>,
    out: &mut Out,
) -> Result<(), Refusal> {
    let UserRef { link, id: user } = user_ref;
    let (recipient, shown) = find_recipient(cx, user, target).ok_or(Refusal::Target)?;
    let known = MessageId::parse(id).ok_or(RedactRefusal::Unknown);
    let known = known.and_then(|id| cx.network.may_redact(user, id, &recipient));
    let audience = known.map_err(Refusal::Message)?.audience;
    let (destination, outside) = match recipient {
        Recipient::User(destination) => (Some(destination), None),
        Recipient::Channel(_) => (None, outside(cx, user, &shown, reason)?),
    };
    let tags = tagged::enabled_client_tags(cx, link, message);
    let tags = tagged::new_tags(cx, tags.as_deref(), &[]);
    let text = match reason {
        "" => id.to_owned(),
        reason => [id, " ", reason].concat(),
    };
    let name = ChannelName::new(&*shown).ok();
    let chat = TaggedChat {
        source: user,
        destination,
        kind: TaggedKind::Redaction,
        audience,
        channel: name.filter(|_| destination.is_none()),
        tags: Tags::new(&*tags).unwrap_or_default(),
        text: Text::truncated(&text),
    };
    if destination.is_none() {
        tagged::say_in_channel(cx, link, &chat, outside, out);
    } else {
        cx.tagged_message(&chat, link, out);
        tagged::echo(cx, link, &chat, &shown, out);
    }
    Ok(())
}

/// The channel or user that a REDACT names, and its name as it is shown.
fn find_recipient(cx: &Context, user: HostId, target: &str) -> Option<(Recipient, String)> {
    let (_, name) = split_target(target);
    if NAMES.is_channel(name.as_bytes()) {
        let channel = cx.network.channels().find(name);
        let channel = channel.filter(|channel| Network::may_see(user, channel))?;
        return Some((Recipient::channel(name), channel.name().to_owned()));
    }
    let user = cx.network.names()?.nicks.find(name)?;
    Some((Recipient::User(user), target.to_owned()))
}

/// Whether the user may say the reason in a channel: then the channel, if the user is no member.
fn outside<'n>(
    cx: &Context,
    user: HostId,
    name: &'n str,
    reason: &str,
) -> Result<Option<&'n str>, Refusal> {
    let channel = cx.network.channels().find(name).ok_or(Refusal::Target)?;
    let is_silenced = |channel: &_| cx.is_silenced(user, channel);
    let may = Network::may_say(user, channel, reason, is_silenced);
    may.map_err(|_| Refusal::Message(RedactRefusal::Forbidden))?;
    Ok(channel.member(user).is_none().then_some(name))
}
