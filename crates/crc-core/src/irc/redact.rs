//! REDACT (IRCv3 message-redaction): takes back a message.
//!
//! The author of a message may, and in a channel its operators; see
//! [`Network::may_redact`]. Who may not speak in a channel cannot do it by giving a reason.

use crc_wire::{ChannelName, TaggedChat, TaggedKind, Tags, Text};
use irc_wire::{Message, text};

use super::session::{Capability, NAMES};
use super::tagged::{self, shown_target, split_target};
use super::{UserRef, has, reply};
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
    let (_, name) = split_target(target);
    let is_channel = NAMES.is_channel(name.as_bytes());
    let (recipient, shown) = match is_channel {
        true => {
            let channel = cx.network.channels().find(name);
            let channel = channel.filter(|channel| Network::may_see(user_ref.id, channel));
            let name = channel.ok_or(Refusal::Target)?.name();
            (Recipient::channel(name), name.to_owned())
        }
        false => {
            let names = cx.network.names();
            let user = names.and_then(|names| names.nicks.find(name));
            let user = user.ok_or(Refusal::Target)?;
            (Recipient::User(user), target.to_owned())
        }
    };
    let known = MessageId::parse(id).ok_or(RedactRefusal::Unknown);
    let known = known.and_then(|id| cx.network.may_redact(user_ref.id, id, &recipient));
    let audience = known.map_err(Refusal::Message)?.audience;
    let outside = match cx.network.channels().find(name).filter(|_| is_channel) {
        Some(channel) => {
            let is_silenced = |channel: &_| cx.is_silenced(user_ref.id, channel);
            let may = Network::may_say(user_ref.id, channel, reason, is_silenced);
            may.map_err(|_| Refusal::Message(RedactRefusal::Forbidden))?;
            channel.member(user_ref.id).is_none()
        }
        None => true,
    };
    let tags =
        has(cx, user_ref.link, Capability::MessageTags).then(|| tagged::client_tags(message));
    let tags = tagged::new_tags(cx, tags.as_deref(), &[]);
    let text = match reason {
        "" => id.to_owned(),
        reason => [id, " ", reason].concat(),
    };
    let destination = match recipient {
        Recipient::User(user) => Some(user),
        Recipient::Channel(_) => None,
    };
    let chat = TaggedChat {
        source: user_ref.id,
        destination,
        kind: TaggedKind::Redaction,
        audience,
        channel: ChannelName::new(&*shown).ok().filter(|_| is_channel),
        tags: Tags::new(&*tags).unwrap_or_default(),
        text: Text::truncated(&text),
    };
    match is_channel {
        true => cx.say_tagged(&chat, &shown, None, None, out),
        false => cx.tagged_message(&chat, user_ref.link, out),
    }
    if outside {
        // A member gets its echo with the other members.
        tagged::echo(
            cx,
            user_ref.link,
            &chat,
            &shown_target(audience, &shown),
            out,
        );
    }
    Ok(())
}
