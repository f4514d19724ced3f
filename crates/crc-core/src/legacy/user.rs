//! Lines from legacy users of this server.

use crc_machine::{CloseWhen, LinkId};
use crc_wire::{ChannelChat, ChannelField, ChannelName, ChatKind, HostId, Text};
use irc_wire::legacy::{Content, LegacyError, Message, Middle, Trailing};
use irc_wire::{Command, Message as Line, Verb};

use super::reply::{self, quit_text, write_topic};
use super::{drop_line, names, registration};
use crate::context::{Context, Out, guarded_quit_text};
use crate::network::{EnterRefusal, MODES_UNSET, Network, is_value};

/// A message in a channel, as frames have it.
pub(super) fn chat_in<'a>(
    source: HostId,
    channel: &'a str,
    text: &'a str,
) -> Option<ChannelChat<'a>> {
    Some(ChannelChat {
        source,
        kind: ChatKind::Message,
        channel: ChannelName::new(channel).ok()?,
        text: Text::truncated(text),
    })
}

/// Handles a line of a registered user.
pub(super) fn on_user_line(cx: &mut Context, link: LinkId, line: &Line<'_>, out: &mut Out) {
    let Some(id) = cx.network.neighbours().find(link).map(|n| n.host) else {
        return;
    };
    // The server ignores the prefix of a user's line.
    let line = Line {
        prefix: None,
        ..*line
    };
    let command = line.command.as_str();
    match line.command {
        Command::Verb(Verb::User | Verb::Server) => {
            return registration::answer(cx, link, Content::AlreadyRegistered, out);
        }
        Command::Verb(
            Verb::Quit | Verb::Join | Verb::Part | Verb::Topic | Verb::Names | Verb::Privmsg,
        ) => {}
        _ => {
            if let Ok(command) = Middle::new(command) {
                registration::answer(cx, link, Content::UnknownCommand { command }, out);
            }
            return;
        }
    }
    let content = match Message::from_message(&line) {
        Ok(message) => message.content,
        Err(error @ LegacyError::NotUtf8) => return drop_line(cx, link, &error),
        Err(_) => return registration::answer_need_more_params(cx, link, command, out),
    };
    match content {
        Content::Quit { text } => {
            let text = text.map_or("", Trailing::as_str);
            on_quit(cx, link, id, text, out);
        }
        Content::Join { channel, key } => on_join(cx, link, id, channel, key, out),
        Content::Part { channel } => on_part(cx, link, id, channel, out),
        Content::Topic { channel, topic } => {
            on_topic(cx, link, id, channel, topic, out);
        }
        Content::Names { channel } => names::on_names(cx, link, channel, out),
        Content::Privmsg { target, text } => {
            on_privmsg(cx, link, id, target, text.as_str(), out);
        }
        _ => {}
    }
}

/// QUIT: removes the user, and closes its link once everything is sent.
fn on_quit(cx: &mut Context, link: LinkId, id: HostId, text: &str, out: &mut Out) {
    log::info!("{} quits: {text:?}", cx.describe_peer(link));
    let text = quit_text(&cx.legacy_nick_of(id), text).unwrap_or_default();
    cx.network.remove_neighbour(link);
    let text = guarded_quit_text(text);
    cx.remove_host(id, &Text::truncated(&text), Some(link), out);
    cx.close(link, CloseWhen::Flushed, "quit", out);
}

/// JOIN: enters one channel, or answers with the numeric of the refusal. Sends the
/// topic of a channel that was entered. Does nothing for a member.
fn on_join(
    cx: &mut Context,
    link: LinkId,
    id: HostId,
    channel: Middle<'_>,
    key: Option<Middle<'_>>,
    out: &mut Out,
) {
    let name = channel.as_str();
    let known = cx.network.channels().find(name);
    if known.is_some_and(|known| known.name() != name) {
        // It differs only in case, which users of IRC cannot tell apart.
        return registration::answer(cx, link, Content::NoSuchChannel { channel }, out);
    }
    // One that was renamed has its first name here, and none is to be in its way.
    if known.is_none() && cx.network.channels().find_shown(name).is_some() {
        return registration::answer(cx, link, Content::NoSuchChannel { channel }, out);
    }
    if known.is_some_and(|known| known.member(id).is_some()) {
        return;
    }
    let key = key.map_or("", Middle::as_str);
    if !is_value(ChannelField::KEY, key) {
        return registration::answer(cx, link, Content::BadChannelKey { channel }, out);
    }
    let mask = cx.ban_matcher(id);
    if let Err(why) = cx.network.may_enter(id, name, key, mask, cx.now) {
        let answer = match why {
            EnterRefusal::Name => Content::NoSuchChannel { channel },
            EnterRefusal::Key => Content::BadChannelKey { channel },
            EnterRefusal::InviteOnly => Content::InviteOnly { channel },
            EnterRefusal::Banned => Content::Banned { channel },
            EnterRefusal::Full => Content::ChannelIsFull { channel },
            EnterRefusal::TooMany => Content::TooManyChannels { channel },
        };
        return registration::answer(cx, link, answer, out);
    }
    cx.join_channel(id, name, key, MODES_UNSET, out);
    send_topic(cx, link, channel, out);
}

/// PART: leaves a channel; the user must be in it.
fn on_part(cx: &mut Context, link: LinkId, id: HostId, channel: Middle<'_>, out: &mut Out) {
    if require_member(cx, link, id, channel, out) {
        cx.leave_channel(id, None, channel.as_str(), "", None, out);
    }
}

/// Whether a user is in a channel; if not, it gets an error.
fn require_member(
    cx: &mut Context,
    link: LinkId,
    id: HostId,
    channel: Middle<'_>,
    out: &mut Out,
) -> bool {
    let answer = match reply::find_channel(cx, channel.as_str()) {
        None => Content::NoSuchChannel { channel },
        Some(known) if known.member(id).is_none() => Content::NotOnChannel { channel },
        Some(_) => return true,
    };
    registration::answer(cx, link, answer, out);
    false
}

/// Sends the topic of a channel: 331 or 332.
fn send_topic(cx: &mut Context, link: LinkId, channel: Middle<'_>, out: &mut Out) {
    let me = reply::own_name(cx);
    let known = cx.network.channels().find(channel.as_str());
    let topic = known.map_or("", |known| known.topic());
    let line = out.store(|arena| write_topic(arena, &me, channel, topic));
    out.send_stored(link, line);
}

/// TOPIC: shows the topic to a member, or sets it.
fn on_topic(
    cx: &mut Context,
    link: LinkId,
    id: HostId,
    channel: Middle<'_>,
    topic: Option<Trailing<'_>>,
    out: &mut Out,
) {
    if !require_member(cx, link, id, channel, out) {
        return;
    }
    let Some(topic) = topic else {
        return send_topic(cx, link, channel, out);
    };
    let field = ChannelField::TOPIC;
    if cx.network.may_set(id, channel.as_str(), field).is_err() {
        return registration::answer(cx, link, Content::NotOperator { channel }, out);
    }
    cx.set_channel(
        channel.as_str(),
        ChannelField::TOPIC,
        Some(id),
        reply::topic_of(topic.as_str()),
        out,
    );
}

/// PRIVMSG, to a channel or a nick.
fn on_privmsg(
    cx: &mut Context,
    link: LinkId,
    id: HostId,
    target: Middle<'_>,
    text: &str,
    out: &mut Out,
) {
    let name = target.as_str();
    if !name.starts_with('#') {
        return match reply::find_user(cx, name) {
            Some(to) => cx.relay_chat_text(id, to, text, out),
            None => registration::answer(cx, link, Content::NoSuchNick { nick: target }, out),
        };
    }
    let Some(channel) = reply::find_channel(cx, name) else {
        return registration::answer(cx, link, Content::NoSuchChannel { channel: target }, out);
    };
    let is_silenced = |channel: &_| cx.is_silenced(id, channel);
    // In this protocol only members speak, whatever the channel's modes are.
    let is_member = channel.member(id).is_some();
    let may_speak = is_member && Network::may_say(id, channel, text, is_silenced).is_ok();
    match chat_in(id, name, text) {
        Some(chat) if may_speak => cx.say_in_channel(&chat, None, None, out),
        _ => registration::answer(cx, link, Content::CannotSend { channel: target }, out),
    }
}
