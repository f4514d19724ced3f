//! Frames about channels from servers (PROTOCOL section 9).

use crc_machine::LinkId;
use crc_wire::{
    ChannelField, ChannelRequest, DatedSetting, HostId, Message, RequestKind, TaggedChat,
};

use super::{ask_settings, knows_channels};
use crate::admission::is_channel_name;
use crate::context::{Context, Entry, Out};
use crate::crc::clock::{time_from_peer, version_from_peer};
use crate::network::{Ban, Founding, HostKind, Setting, is_value_from_server};
use crate::violation::Violation;

/// Whether a server may send frames about a host's channels: it takes channels, and the
/// host is behind it.
fn is_authoritative(cx: &mut Context, link: LinkId, source: Option<HostId>) -> bool {
    let behind = source.is_none_or(|id| cx.network.is_behind(id, link));
    if knows_channels(cx, link) && behind {
        return true;
    }
    cx.counters.dropped += 1;
    false
}

/// A server has sent a frame about channels.
pub(in crate::crc) fn on_server_frame(
    cx: &mut Context,
    link: LinkId,
    message: &Message<'_>,
    bytes: &[u8],
    out: &mut Out,
) {
    match message {
        Message::DatedJoin(join) => {
            let entry = Entry {
                host: join.source,
                by: join.by,
                flags: join.flags,
                founded: Founding {
                    ms: time_from_peer(cx, link, join.founded),
                    tag: join.tag,
                },
            };
            on_join(cx, link, entry, join.channel.as_str(), out);
        }
        Message::ChannelJoin(join) => {
            let name = join.channel.as_str();
            let entry = Entry {
                host: join.source,
                by: join.by,
                flags: join.flags,
                founded: age_unless_stated(cx, name),
            };
            on_join(cx, link, entry, name, out);
        }
        Message::ChannelPart(part) if is_authoritative(cx, link, Some(part.source)) => {
            let (name, text) = (part.channel.as_str(), part.text.as_str());
            cx.leave_channel(part.source, part.by, name, text, Some(link), out);
        }
        Message::ChannelChat(chat) if is_authoritative(cx, link, Some(chat.source)) => {
            cx.say_in_channel(chat, Some(bytes), Some(link), out);
        }
        Message::TaggedChat(chat) if is_authoritative(cx, link, Some(chat.source)) => {
            on_tagged_chat(cx, link, chat, bytes, out);
        }
        Message::DatedSetting(set) if !may_set(cx, link, set) => {
            // The host may have the id of another one here, or have lost its membership
            // here. What its own side agrees on counts.
            cx.on_violation(link, Violation::NotAMember, out);
            ask_settings(cx, link, set.channel.as_str(), out);
        }
        Message::DatedSetting(set) if is_authoritative(cx, link, None) => {
            let setting = Setting {
                value: set.value.as_str().into(),
                version: set.version,
                setter: set.setter.as_str().into(),
                source: set.source,
            };
            let founded = Founding {
                ms: time_from_peer(cx, link, set.founded),
                tag: set.tag,
            };
            let name = set.channel.as_str();
            on_setting(
                cx,
                link,
                name,
                set.field,
                (set.source, setting),
                founded,
                out,
            );
        }
        Message::ChannelSetting(set) if is_authoritative(cx, link, None) => {
            // A source that has left the network has set this before.
            let is_known = |id: &HostId| cx.network.directory().find(*id).is_some();
            let source = set.source.filter(is_known);
            let (name, value) = (set.channel.as_str(), set.value.as_str());
            let known = cx.network.channels().find(name);
            let known = known.and_then(|channel| channel.settings().find(set.field));
            if known.is_some_and(|known| known.version == set.version && *known.value == *value) {
                // Only who has set it can differ, which such a server does not say.
                return;
            }
            let setting = Setting {
                value: value.into(),
                version: set.version,
                setter: source
                    .map_or(String::new(), |id| cx.setter_text(Some(id)))
                    .into(),
                source: set.source,
            };
            let founded = age_unless_stated(cx, name);
            on_setting(cx, link, name, set.field, (source, setting), founded, out);
        }
        Message::ChannelRequest(request)
            if request.kind == RequestKind::ORDER
                && is_authoritative(cx, link, Some(request.source)) =>
        {
            cx.on_order(request, Some(link), out);
        }
        Message::ChannelRequest(request)
            if request.destination.is_none()
                && is_authoritative(cx, link, Some(request.source)) =>
        {
            on_server_request(cx, link, request, out);
        }
        Message::ChannelRequest(request) if is_authoritative(cx, link, Some(request.source)) => {
            cx.channel_request(request, out);
        }
        _ => {}
    }
}

/// A client behind a server says something with tags.
fn on_tagged_chat(
    cx: &mut Context,
    link: LinkId,
    chat: &TaggedChat<'_>,
    bytes: &[u8],
    out: &mut Out,
) {
    match (&chat.channel, chat.destination) {
        (Some(channel), None) if cx.network.is_client(chat.source) => {
            cx.say_tagged(chat, channel.as_str(), Some(bytes), Some(link), out);
        }
        (None, Some(_)) if cx.network.is_client(chat.source) => {
            cx.tagged_message(chat, link, out);
        }
        _ => cx.counters.dropped += 1,
    }
}

/// A server says something to all servers.
fn on_server_request(cx: &mut Context, link: LinkId, request: &ChannelRequest<'_>, out: &mut Out) {
    let (source, text) = (request.source, request.text.as_str());
    let is_server = !cx.network.is_client(source);
    match request.kind {
        RequestKind::OPERATOR if !is_server => cx.on_operator_statement(source, text, link, out),
        RequestKind::AWAY if !is_server => cx.set_away(source, text, Some(link), out),
        RequestKind::METADATA if !is_server => {
            cx.on_metadata_statement(source, text, link, out);
        }
        RequestKind::INVITED if !is_server => cx.on_invitation(request, link, out),
        RequestKind::WALLOPS => cx.on_wallops(request, Some(link), out),
        RequestKind::BAN if is_server => on_ban(cx, link, text, out),
        RequestKind::NOTE if is_server => cx.on_note(request, Some(link), out),
        _ => cx.counters.dropped += 1,
    }
}

/// A server makes a statement about a ban.
fn on_ban(cx: &mut Context, link: LinkId, text: &str, out: &mut Out) {
    let Ok(mut ban) = text.parse::<Ban>() else {
        cx.counters.dropped += 1;
        return;
    };
    let known = cx.network.bans().find(ban.kind, &ban.mask);
    let known = known.map_or(0, |known| known.version);
    ban.version = version_from_peer(cx, link, ban.version, known);
    if let Some(session) = cx.crc_session(link) {
        // 0 is for ever.
        ban.until_ms = session.clock.version(ban.until_ms);
    }
    cx.on_ban_statement(ban, link, out);
}

/// Whether the host that makes a setting now is behind the link, and in the channel.
fn may_set(cx: &Context, link: LinkId, set: &DatedSetting<'_>) -> bool {
    let channel = cx.network.channels().find(set.channel.as_str());
    let is_member = |id| channel.is_some_and(|channel| channel.member(id).is_some());
    let may = |id| cx.network.is_behind(id, link) && is_member(id);
    set.source.is_none_or(may)
}

/// The age of a channel of which a server speaks that states no ages: the same as here.
fn age_unless_stated(cx: &Context, name: &str) -> Founding {
    let channels = cx.network.channels();
    let standing = channels.standing(name, cx.now);
    let founded = standing.map(|standing| standing.founded);
    let founded = founded.or_else(|| channels.last_age(name));
    founded.unwrap_or_else(|| Founding {
        ms: cx.network_ms(),
        tag: 0,
    })
}

/// A server says that a host behind it is in a channel.
fn on_join(cx: &mut Context, link: LinkId, entry: Entry, name: &str, out: &mut Out) {
    let client = cx.network.directory().find(entry.host);
    let client = client.is_some_and(|host| host.kind() == HostKind::Client);
    if !client || !is_authoritative(cx, link, Some(entry.host)) {
        return;
    }
    if cx.network.may_be_member(entry.host, name).is_err() {
        return cx.on_violation(link, Violation::NotAMember, out);
    }
    cx.enter_channel_of_age(entry, name, link, out);
}

/// A server sends a setting, which a host makes now, or which was made before. It is held
/// to what this server's users may set, and to members.
fn on_setting(
    cx: &mut Context,
    link: LinkId,
    name: &str,
    field: ChannelField,
    (source, mut setting): (Option<HostId>, Setting),
    founded: Founding,
    out: &mut Out,
) {
    let channel = cx.network.channels().find(name);
    let is_member = |id| channel.is_some_and(|channel| channel.member(id).is_some());
    if source.is_some_and(|id| !is_member(id)) {
        return cx.on_violation(link, Violation::NotAMember, out);
    }
    if !is_channel_name(name) || !is_value_from_server(name, field, &setting.value) {
        return cx.on_violation(link, Violation::InvalidSetting, out);
    }
    if setting.version != 0 {
        let known = channel.and_then(|channel| channel.settings().find(field));
        let known = known.map_or(0, |known| known.version);
        setting.version = version_from_peer(cx, link, setting.version, known);
    }
    cx.apply_setting_from(name, field, (source, setting), founded, link, out);
}
