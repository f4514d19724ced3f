//! Writes lines of the legacy protocol. Decides nothing.

use std::borrow::Cow;

use crc_wire::{HostId, truncate_utf8};
use irc_wire::LineLimits;
use irc_wire::legacy::{Content, Message, Middle, Trailing};

use super::Introduction;
use crate::context::Context;
use crate::network::{Channel, Host, HostKind, KEY_BYTES_MAX, TOPIC_BYTES_MAX};
use crate::text_protocol::{first_piece, split_lines_bounded};

/// The most bytes of a line, its end included.
const LINE_BYTES_MAX: usize = LineLimits::LEGACY.line_bytes_max;

/// Appends a line from `source`, a server or a nick. A text that is too long is cut.
pub(super) fn write_line(arena: &mut Vec<u8>, source: &str, content: Content<'_>) {
    let message = Message {
        source: Middle::new(source).ok(),
        content,
    };
    let start = arena.len();
    message.encode(arena);
    if arena.len() - start > LINE_BYTES_MAX {
        let mut end = start + LINE_BYTES_MAX - 2;
        // Not within a character.
        while arena.get(end).is_some_and(|byte| byte & 0xc0 == 0x80) {
            end -= 1;
        }
        arena.truncate(end);
        arena.extend_from_slice(b"\r\n");
    }
}

/// A text without line breaks.
pub(super) fn on_one_line(text: &str) -> Cow<'_, str> {
    match Trailing::new(text) {
        Ok(_) => Cow::Borrowed(text),
        Err(_) => {
            let lines: Vec<_> = Trailing::lines(text).map(Trailing::as_str).collect();
            Cow::Owned(lines.join(" "))
        }
    }
}

/// A topic as the network takes it.
pub(super) fn topic_of(text: &str) -> &str {
    truncate_utf8(text, TOPIC_BYTES_MAX)
}

/// A key as the network takes it.
pub(super) fn key_of(text: &str) -> String {
    let good = |c: &char| !c.is_control() && !c.is_whitespace() && *c != ',';
    let key: String = text.trim_start_matches(':').chars().filter(good).collect();
    truncate_utf8(&key, KEY_BYTES_MAX).to_owned()
}

/// The text of a QUIT, if it is more than its default.
pub(super) fn quit_text<'a>(nick: &str, text: &'a str) -> Option<&'a str> {
    let default = text.strip_prefix(nick) == Some(" has quit");
    (!text.is_empty() && !default).then_some(text)
}

/// `:nick QUIT [:text]`
pub(super) fn write_quit(arena: &mut Vec<u8>, nick: &str, text: &str) {
    let text = on_one_line(text);
    let text = quit_text(nick, &text).and_then(|text| Trailing::new(text).ok());
    write_line(arena, nick, Content::Quit { text });
}

/// `:nick PRIVMSG target :text`, once for each line of the text, and more where one is
/// too long.
pub(super) fn write_privmsg(arena: &mut Vec<u8>, nick: &str, target: Middle<'_>, text: &str) {
    let around = ":  PRIVMSG  :\r\n".len() + nick.len() + target.as_str().len();
    let room = LINE_BYTES_MAX.saturating_sub(around).max(4);
    let lines = Trailing::lines(text).map(|line| Cow::Borrowed(line.as_str()));
    let mut lines = split_lines_bounded(lines);
    if text.is_empty() {
        lines.push(Cow::Borrowed(""));
    }
    for line in &lines {
        let mut rest = &**line;
        loop {
            let (part, behind) = rest.split_at(first_piece(rest, room).len());
            if let Ok(text) = Trailing::new(part) {
                write_line(arena, nick, Content::Privmsg { target, text });
            }
            if behind.is_empty() {
                break;
            }
            rest = behind;
        }
    }
}

/// How many bytes of nicks a line of names has, about a channel or `*`.
pub(super) fn names_room(me: &str, about: &str) -> usize {
    LINE_BYTES_MAX.saturating_sub(":  353  :\r\n".len() + me.len() + about.len())
}

/// 353: the members of a channel, or with `None` the users that are in none; several
/// lines if there are many, none if there are none.
pub(super) fn write_names(
    arena: &mut Vec<u8>,
    me: &str,
    channel: Option<Middle<'_>>,
    nicks: &[&str],
) {
    let about = channel.map_or("*", Middle::as_str);
    let room = names_room(me, about);
    let mut line = String::new();
    let mut lines = Vec::new();
    for nick in nicks {
        if !line.is_empty() && line.len() + 1 + nick.len() > room {
            lines.push(core::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(nick);
    }
    lines.extend(Some(line).filter(|line| !line.is_empty()));
    for line in &lines {
        if let Ok(nicks) = Trailing::new(line) {
            write_line(arena, me, Content::NamesReply { channel, nicks });
        }
    }
}

/// 331 or 332.
pub(super) fn write_topic(arena: &mut Vec<u8>, me: &str, channel: Middle<'_>, topic: &str) {
    let topic = on_one_line(topic);
    let content = match Trailing::new(&topic) {
        Ok(topic) if !topic.as_str().is_empty() => Content::TopicReply { channel, topic },
        _ => Content::NoTopic { channel },
    };
    write_line(arena, me, content);
}

/// `:nick JOIN #channel [key]`
pub(super) fn write_join(arena: &mut Vec<u8>, nick: &str, channel: &Channel) {
    if let Some(name) = channel_word(channel.name()) {
        let join = Content::Join {
            channel: name,
            key: Middle::new(channel.key()).ok(),
        };
        write_line(arena, nick, join);
    }
}

/// A channel's name, if the protocol can carry it.
pub(super) fn channel_word(name: &str) -> Option<Middle<'_>> {
    let name = Middle::new(name).ok()?;
    name.as_str().starts_with('#').then_some(name)
}

/// The name of this server.
pub(super) fn own_name(cx: &Context) -> String {
    server_name(cx, cx.config.id)
}

/// The name of a server.
pub(super) fn server_name(cx: &Context, id: HostId) -> String {
    let servers = cx.network.names().map(|names| &names.servers);
    let name = servers.and_then(|servers| servers.of(id));
    name.map_or_else(|| id.to_string(), str::to_owned)
}

/// The host that a user names.
pub(super) fn host_of(cx: &Context, id: HostId) -> String {
    match cx.legacy.users.get(&id) {
        Some(user) => user.host.to_string(),
        None => format!("{id}.crc"),
    }
}

/// `:me USER nick host server :real name`
pub(super) fn write_user(cx: &Context, arena: &mut Vec<u8>, me: &str, host: &Host) {
    let nick = cx.legacy_nick_of(host.id());
    let from = host_of(cx, host.id());
    let user = cx.legacy.users.get(&host.id());
    let server = user.map_or(me, |user| &user.server);
    let real_name = on_one_line(user.map_or(host.info(), |user| &user.real_name));
    if let (Ok(nick), Ok(host), Ok(server)) =
        (Middle::new(&nick), Middle::new(&from), Middle::new(server))
    {
        let user = Content::User {
            nick,
            host,
            server,
            real_name: Trailing::new(&real_name).ok(),
        };
        write_line(arena, me, user);
    }
}

/// `:me SERVER name hops :info`
fn write_server(cx: &Context, arena: &mut Vec<u8>, me: &str, host: &Host) {
    let known = cx.legacy.servers.get(&host.id());
    let neighbour = cx.network.neighbours().find(host.first_link());
    let adjacent = neighbour.is_some_and(|neighbour| neighbour.host == host.id());
    let hops = known.map_or(if adjacent { 1 } else { 2 }, |known| known.hops);
    let info = known.map_or(host.info(), |Introduction { info, .. }| info);
    let name = server_name(cx, host.id());
    write_server_line(arena, Some(me), &name, hops.saturating_add(1), info);
}

/// The line that announces a host.
pub(super) fn write_host(cx: &Context, arena: &mut Vec<u8>, me: &str, host: &Host) {
    match host.kind() {
        HostKind::Server => write_server(cx, arena, me, host),
        HostKind::Client => write_user(cx, arena, me, host),
    }
}

/// `[:me] SERVER me 1 :info`
pub(super) fn write_own_server(cx: &Context, arena: &mut Vec<u8>, source: Option<&str>) {
    let me = own_name(cx);
    write_server_line(arena, source, &me, 1, cx.config.info.as_str());
}

/// `[:source] SERVER name hops :info`
fn write_server_line(arena: &mut Vec<u8>, source: Option<&str>, name: &str, hops: u32, info: &str) {
    let info = on_one_line(info);
    if let Ok(name) = Middle::new(name) {
        let server = Content::Server {
            name,
            hops,
            info: Trailing::new(&info).ok(),
        };
        write_line(arena, source.unwrap_or_default(), server);
    }
}

/// The channel with exactly this name.
pub(super) fn find_channel<'a>(cx: &'a Context, name: &str) -> Option<&'a Channel> {
    let channel = cx.network.channels().find(name)?;
    (channel.name() == name).then_some(channel)
}

/// The user with exactly this nick.
pub(super) fn find_user(cx: &Context, nick: &str) -> Option<HostId> {
    let nicks = &cx.network.names()?.nicks;
    let id = nicks.find(nick)?;
    (nicks.alias_of(id) == Some(nick)).then_some(id)
}
