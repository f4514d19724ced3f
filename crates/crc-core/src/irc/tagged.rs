//! Messages with tags (IRCv3 message-tags), and messages to members with a rank (STATUSMSG): how
//! readers get them, and what of a sender's tags goes on.
//!
//! Only client-only tags, whose keys begin with `+`, are relayed. A user that has enabled
//! message-tags sends chats with tags: each has a `msgid`, which is the same for all readers at
//! all servers. What others send stays an ordinary chat, and costs no more than that.

use std::borrow::Cow;

use crc_machine::LinkId;
use crc_wire::{Audience, ChatKind, TaggedChat, TaggedKind};
use irc_wire::{Message, text};

use super::label;
use super::multiline;
use super::redact;
use super::rename;
use super::reply::{self, Line};
use super::session::{Capability, User};
use super::{find_user, has, source_of, tags};
use crate::context::{Context, Out};
use crate::network::{ID_TAG, MessageId, each_tag};

/// The most bytes of the client-only tags of a message; see `LineLimits::CLIENT`.
const CLIENT_TAGS_BYTES_MAX: usize = 4094;

/// The most bytes of the id of a message as a tag, with what separates it.
const ID_TAG_BYTES_MAX: usize = ";msgid=ffffffff-ffffffffffffffff".len();

/// The number of variants of a chat with tags.
pub(crate) const VARIANTS: usize = 2 * WHOLE;

/// The variant with the tags of the chat.
const TAGGED: usize = tags::ALL;

/// The variant in which several lines are one message.
const WHOLE: usize = tags::KINDS;

/// In which variant a user gets a chat; `None` if the user does not get it. `own` says that the
/// user has sent it.
pub(crate) fn variant_for(user: &User, own: bool, chat: &TaggedChat<'_>) -> Option<usize> {
    let tagged = user.has(Capability::MessageTags);
    let is_wanted = !own || user.has(Capability::EchoMessage);
    let is_readable = match chat.kind {
        TaggedKind::Message | TaggedKind::Notice => true,
        TaggedKind::TagsOnly => tagged,
        TaggedKind::Redaction => user.has(Capability::MessageRedaction),
    };
    let whole = usize::from(multiline::is_enabled(user)) * WHOLE;
    (is_wanted && is_readable).then_some(tags::kind_of(user) | whole)
}

/// Writes a chat to a channel, whose name is `channel`, as lines.
pub(crate) fn write(
    cx: &Context,
    chat: &TaggedChat<'_>,
    channel: &str,
    variant: usize,
    arena: &mut Vec<u8>,
) {
    write_to(
        cx,
        chat,
        &shown_target(chat.audience, rename::shown(cx, channel)),
        variant,
        arena,
    );
}

/// Delivers a chat to a user for whom alone it is.
pub(crate) fn deliver(cx: &mut Context, link: LinkId, chat: &TaggedChat<'_>, out: &mut Out) {
    let user = find_user(cx, link);
    let Some(variant) = user.and_then(|user| variant_for(user, false, chat)) else {
        return;
    };
    let target = reply::target_of(cx, link);
    let range = out.store(|arena| write_to(cx, chat, target, variant, arena));
    label::send_message(cx, link, range, out);
}

/// Sends a user its own chat to `target`, if it wants an echo.
pub(super) fn echo(cx: &Context, link: LinkId, chat: &TaggedChat<'_>, target: &str, out: &mut Out) {
    let user = find_user(cx, link);
    if let Some(variant) = user.and_then(|user| variant_for(user, true, chat)) {
        let range = out.store(|arena| write_to(cx, chat, target, variant, arena));
        out.send_stored(link, range);
    }
}

/// Says something in a channel. `outside`: the channel, for the echo of a user that is no member;
/// a member gets its own with the other members.
pub(super) fn say_in_channel(
    cx: &mut Context,
    link: LinkId,
    chat: &TaggedChat<'_>,
    outside: Option<&str>,
    out: &mut Out,
) {
    let Some(channel) = &chat.channel else {
        return;
    };
    cx.say_tagged(chat, channel.as_str(), None, None, out);
    if let Some(shown) = outside {
        let shown = rename::shown(cx, shown);
        echo(cx, link, chat, &shown_target(chat.audience, shown), out);
    }
}

fn write_to(
    cx: &Context,
    chat: &TaggedChat<'_>,
    target: &str,
    variant: usize,
    arena: &mut Vec<u8>,
) {
    let (text, sent) = (chat.text.as_str(), chat.tags.as_str());
    let mut all = tags::of_kind(cx, variant, Some(chat.source));
    let own_len = all.len();
    if variant & TAGGED != 0 {
        add_tags(&mut all, sent);
    }
    // The tags of the chat are about all of it, and stand in the first line.
    let later = all.get(..own_len).unwrap_or_default();
    let source = source_of(cx, chat.source);
    let said = |arena, kind| {
        let (whole, tags) = (variant & WHOLE != 0, [&*all, later]);
        multiline::write(arena, whole, tags, &source, kind, target, text, sent);
    };
    match chat.kind {
        TaggedKind::Message => said(arena, ChatKind::Message),
        TaggedKind::Notice => said(arena, ChatKind::Notice),
        TaggedKind::TagsOnly => Line::new(arena, &all, &source, "TAGMSG").word(target).end(),
        TaggedKind::Redaction => {
            let (id, reason) = redact::split_redaction(text);
            let line = Line::new(arena, &all, &source, "REDACT");
            let line = line.word(target).word(id);
            match reason {
                "" => line.end(),
                reason => line.text(reason).end(),
            }
        }
    }
}

/// A channel as the target of a message to some of its members: `@#reef`.
pub(super) fn shown_target(audience: Audience, channel: &str) -> Cow<'_, str> {
    let prefix = match audience {
        Audience::All => return Cow::Borrowed(channel),
        Audience::Operators => "@",
        Audience::Voiced => "+",
    };
    Cow::Owned([prefix, channel].concat())
}

/// Whether a tag that a server sends may go to users: what else other servers may have added
/// would have a meaning of its own here.
fn is_for_users(tag: &str) -> bool {
    tag.starts_with('+') || tag.starts_with(ID_TAG)
}

/// Adds those tags of a chat to a line that go to users.
fn add_tags(line: &mut String, sent: &str) {
    for tag in each_tag(sent).filter(|tag| is_for_users(tag)) {
        tags::add(line, tag);
    }
}

/// The client-only tags of a message, if its client has enabled message-tags.
pub(super) fn enabled_client_tags(
    cx: &Context,
    link: LinkId,
    message: &Message<'_>,
) -> Option<String> {
    has(cx, link, Capability::MessageTags).then(|| client_tags(message))
}

/// The client-only tags of a message, as they stand in it.
pub(super) fn client_tags(message: &Message<'_>) -> String {
    let mut tags = String::new();
    for tag in message.tags.iter().filter(|tag| tag.is_client_only()) {
        let key = text::utf8_or_latin1(tag.key());
        let value = text::utf8_or_latin1(tag.escaped_value());
        // Bytes that are not UTF-8 become more of them.
        if tags.len() + key.len() + value.len() + 2 > CLIENT_TAGS_BYTES_MAX + 1 {
            break;
        }
        if !tags.is_empty() {
            tags.push(';');
        }
        tags.push_str(&key);
        if !value.is_empty() {
            tags.push('=');
            tags.push_str(&value);
        }
    }
    tags
}

/// The tags of a new message: those of its client and its id, if the client has enabled
/// message-tags, and where its lines were cut.
pub(super) fn new_tags(cx: &mut Context, client_tags: Option<&str>, joins: &[usize]) -> String {
    let sent = client_tags.unwrap_or_default();
    let mut tags = String::with_capacity(sent.len() + ID_TAG_BYTES_MAX);
    tags.push_str(sent);
    if client_tags.is_some() {
        let (server, number) = (cx.config.id, cx.random.next_u64());
        separate(&mut tags);
        tags.push_str(ID_TAG);
        MessageId { server, number }.push_to(&mut tags);
    }
    if !joins.is_empty() {
        separate(&mut tags);
        tags.push_str(&multiline::joins_tag(joins));
    }
    tags
}

/// Makes place for another tag of a chat.
fn separate(tags: &mut String) {
    if !tags.is_empty() {
        tags.push(';');
    }
}

/// The members that a target names in front of a channel, and the channel.
pub(super) fn split_target(target: &str) -> (Audience, &str) {
    match target.as_bytes() {
        [b'@', b'#', ..] => (Audience::Operators, &target[1..]),
        [b'+', b'#', ..] => (Audience::Voiced, &target[1..]),
        _ => (Audience::All, target),
    }
}

/// How the text of a chat is measured: tags alone have none.
pub(super) fn kind_of_text(kind: TaggedKind) -> ChatKind {
    kind.chat_kind().unwrap_or(ChatKind::Message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tags_for_users_are_written() {
        let with_tags = |line: &str, sent| {
            let mut line = line.to_owned();
            add_tags(&mut line, sent);
            line
        };
        let sent = "+a=b;time=1;msgid=x;batch=1;+c;;account=z";
        assert_eq!(with_tags("", sent), "@+a=b;msgid=x;+c");
        assert_eq!(with_tags("@time=1", "+a"), "@time=1;+a");
        assert_eq!(with_tags("@time=1", "batch=9"), "@time=1");
        assert_eq!(with_tags("", ""), "");
    }

    #[test]
    fn only_client_only_tags_are_taken() {
        let tags = |line: &str| client_tags(&Message::parse(line.as_bytes()).unwrap());
        assert_eq!(tags(r"@+a=b\:;time=1;+c;label=3 TAGMSG x"), r"+a=b\:;+c");
        assert_eq!(tags("TAGMSG x"), "");
        let longest = format!("@+a={} TAGMSG x", "x".repeat(4091));
        assert_eq!(tags(&longest).len(), CLIENT_TAGS_BYTES_MAX);
    }
}
