//! Channels in the binary protocol (PROTOCOL section 9): what servers and clients
//! send, and how events are sent to them.
//!
//! Every event in a channel is flooded to the servers that take channels, once, so
//! that all of them know all channels. A chat goes only where members are.

use crc_machine::{ByteRange, LinkId};
use crc_wire::{
    ChannelField, ChannelJoin, ChannelName, ChannelRequest, ChannelSetting, HostId, Message,
    RequestKind, Status, StatusCode, Text,
};

use super::session::Session;
use crate::context::{Context, Frame, Out};
use crate::network::{
    ChannelEvent, ChannelEventKind, HostKind, Neighbour, Network, PeerVersion, Rules, SetRefusal,
    Setting, is_value,
};

// Which neighbours take channels.

/// Whether a neighbour is a server that has announced that it takes channels.
fn is_channel_server(neighbour: &Neighbour, session: &Session) -> bool {
    neighbour.kind == HostKind::Server
        && neighbour.version == PeerVersion::V2
        && session.features.channels
}

/// Whether the peer of a link is a server that has announced that it takes channels.
pub(super) fn knows_channels(cx: &Context, link: LinkId) -> bool {
    let neighbour = cx.network.neighbours().find(link);
    let session = cx.crc_session(link);
    neighbour
        .zip(session)
        .is_some_and(|(neighbour, session)| is_channel_server(neighbour, session))
}

/// Whether the peer of a link is sent every event in a channel: it takes channels, and
/// has been sent the burst.
pub(crate) fn takes_channels(cx: &Context, link: LinkId) -> bool {
    let neighbour = cx.network.neighbours().find(link);
    knows_channels(cx, link) && neighbour.is_some_and(|neighbour| neighbour.synced)
}

// Sending events.

/// Floods an event to the servers, in the frame that carries it. A chat is not
/// flooded: it goes where members are.
pub(crate) fn on_event(cx: &mut Context, frame: Frame<'_>, from: Option<LinkId>, out: &mut Out) {
    if let Frame::Stored(frame) = frame {
        flood(cx, frame, from, out);
    }
}

/// Sends a frame to all servers that take channels, but not to `from`.
pub(crate) fn flood(cx: &mut Context, frame: ByteRange, from: Option<LinkId>, out: &mut Out) {
    for (link, neighbour) in cx.network.neighbours().iter() {
        if neighbour.synced
            && Some(link) != from
            && let Some(found) = cx.links.find_mut(link)
            && let Some(session) = found.crc()
            && is_channel_server(neighbour, session)
        {
            found.deliver(link, frame, out);
        }
    }
}

/// Whether the neighbour at the end of a link with members gets an event. `own`: it is
/// the host that the event is about.
pub(crate) fn wants(
    neighbour: &Neighbour,
    session: &Session,
    event: &ChannelEvent<'_>,
    own: bool,
) -> bool {
    if neighbour.kind == HostKind::Server {
        return event.is_chat() && neighbour.synced && is_channel_server(neighbour, session);
    }
    // A client that enters is sent the whole channel; one that speaks knows it.
    let known = matches!(
        event.kind,
        ChannelEventKind::Entered { .. } | ChannelEventKind::Said { .. }
    );
    session.features.channels && !(own && known)
}

/// Floods all settings of a channel.
pub(crate) fn flood_settings(cx: &mut Context, name: &str, out: &mut Out) {
    let Some(channel) = cx.network.channels().find(name) else {
        return;
    };
    let frames = out.store(|arena| {
        for (field, setting) in channel.settings().set() {
            setting_message(channel.name(), field, setting).encode(arena);
        }
    });
    flood(cx, frames, None, out);
}

/// Sends a setting to a peer of the binary protocol that has sent an older one.
pub(crate) fn send_setting(
    cx: &mut Context,
    link: LinkId,
    name: &str,
    field: ChannelField,
    out: &mut Out,
) {
    if !cx.is_crc(link) {
        return;
    }
    let Some(channel) = cx.network.channels().find(name) else {
        return;
    };
    if let Some(setting) = channel.settings().find(field) {
        let message = setting_message(channel.name(), field, setting);
        let frame = out.store(|arena| message.encode(arena));
        cx.deliver(link, frame, out);
    }
}

/// Sends an invitation to a client of this server, if it takes channels.
pub(crate) fn send_invitation(
    cx: &mut Context,
    link: LinkId,
    source: HostId,
    host: HostId,
    channel: &str,
    out: &mut Out,
) {
    let session = cx.crc_session(link);
    if !session.is_some_and(|session| session.features.channels) {
        return;
    }
    let request = ChannelRequest {
        source,
        destination: Some(host),
        kind: RequestKind::INVITE,
        channel: Some(channel_name(channel)),
        text: Text::default(),
    };
    let frame = out.store(|arena| Message::ChannelRequest(request).encode(arena));
    cx.deliver(link, frame, out);
}

/// All channels, for the burst to a server, if it takes channels.
pub(super) fn channel_burst(cx: &Context, link: LinkId, out: &mut Out) -> Option<ByteRange> {
    if !knows_channels(cx, link) {
        return None;
    }
    let directory = cx.network.directory();
    Some(out.store(|arena| {
        for channel in cx.network.channels().iter() {
            let here = channel.members().filter(|(id, _)| {
                let host = directory.find(*id);
                host.is_some_and(|host| host.first_link() != link)
            });
            for (source, flags) in here {
                let join = ChannelJoin {
                    source,
                    by: None,
                    flags,
                    channel: channel_name(channel.name()),
                };
                Message::ChannelJoin(join).encode(arena);
            }
            for (field, setting) in channel.settings().set() {
                setting_message(channel.name(), field, setting).encode(arena);
            }
        }
    }))
}

// Frames from servers.

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
pub(super) fn on_server_frame(
    cx: &mut Context,
    link: LinkId,
    message: &Message<'_>,
    bytes: &[u8],
    out: &mut Out,
) {
    match message {
        Message::ChannelJoin(join) => {
            let client = cx.network.directory().find(join.source);
            let client = client.is_some_and(|host| host.kind() == HostKind::Client);
            if client && is_authoritative(cx, link, Some(join.source)) {
                let name = join.channel.as_str();
                cx.enter_channel(join.source, join.by, join.flags, name, Some(link), out);
            }
        }
        Message::ChannelPart(part) if is_authoritative(cx, link, Some(part.source)) => {
            let (name, text) = (part.channel.as_str(), part.text.as_str());
            cx.leave_channel(part.source, part.by, name, text, Some(link), out);
        }
        Message::ChannelChat(chat) if is_authoritative(cx, link, Some(chat.source)) => {
            cx.say_in_channel(chat, Some(bytes), Some(link), out);
        }
        Message::ChannelSetting(set) if is_authoritative(cx, link, None) => {
            let setting = Setting {
                value: set.value.as_str().into(),
                version: set.version,
                source: set.source,
            };
            cx.apply_setting(set.channel.as_str(), set.field, setting, Some(link), out);
        }
        Message::ChannelRequest(request) if is_authoritative(cx, link, Some(request.source)) => {
            cx.channel_request(request, out);
        }
        _ => {}
    }
}

// Frames from clients of this server.

/// A client has sent a frame about channels, in its own name.
pub(super) fn on_client_frame(
    cx: &mut Context,
    link: LinkId,
    message: &Message<'_>,
    out: &mut Out,
) {
    let Some(host) = cx.network.neighbours().find(link).map(|n| n.host) else {
        return;
    };
    match message {
        Message::ChannelRequest(request) => on_command(cx, link, host, request, out),
        Message::ChannelPart(part) => {
            let (name, text) = (part.channel.as_str(), part.text.as_str());
            if require_member(cx, host, name, out) {
                cx.leave_channel(host, None, name, text, None, out);
            }
        }
        Message::ChannelChat(chat) => {
            let name = chat.channel.as_str();
            let channel = cx.network.channels().find(name);
            let may = channel.map(|channel| {
                let is_banned = |channel: &_| cx.is_banned(host, channel);
                Network::may_speak(host, channel, Rules::Crc, is_banned)
            });
            match may {
                Some(Ok(())) => cx.say_in_channel(chat, None, None, out),
                _ => refuse(cx, host, name, NOT_MEMBER, out),
            }
        }
        Message::ChannelSetting(set) => {
            let (name, value) = (set.channel.as_str(), set.value.as_str());
            if !require_member(cx, host, name, out) {
                return;
            }
            if !is_value(set.field, value) {
                return refuse(cx, host, name, "it can't be set so", out);
            }
            match cx.network.may_set(host, name, set.field) {
                Ok(()) => cx.set_channel(name, set.field, Some(host), value, out),
                Err(SetRefusal::NotOperator) => {
                    refuse(cx, host, name, "only its operators may do this", out);
                }
                Err(SetRefusal::NoSuchChannel | SetRefusal::NotMember) => {
                    refuse(cx, host, name, NOT_MEMBER, out);
                }
            }
        }
        _ => {}
    }
}

/// A client has sent a request.
fn on_command(
    cx: &mut Context,
    link: LinkId,
    host: HostId,
    request: &ChannelRequest<'_>,
    out: &mut Out,
) {
    let name = request.channel.as_ref().map_or("", |name| name.as_str());
    match request.kind {
        RequestKind::JOIN => {
            let is_banned = cx.ban_matcher(host);
            let key = request.text.as_str();
            if let Err(why) = cx.network.may_enter(host, name, key, false, is_banned) {
                return refuse(cx, host, name, &why.to_string(), out);
            }
            if !is_value(ChannelField::KEY, key) {
                return refuse(cx, host, name, "no channel can have this key", out);
            }
            cx.join_channel(host, name, key, "n", out);
            send_channel_to(cx, link, host, name, out);
        }
        RequestKind::NAMES => {
            let Some(channel) = cx.network.channels().find(name) else {
                return refuse(cx, host, name, "there is no such channel", out);
            };
            let mut text = channel.name().to_owned();
            for (id, _) in channel.members() {
                text.push(' ');
                text.push_str(&cx.nick_of(id));
            }
            send_channel_status(cx, host, StatusCode::CHANNEL_NAMES, &text, out);
        }
        _ if request.destination.is_some() => cx.channel_request(request, out),
        _ => cx.counters.dropped += 1,
    }
}

/// Sends a channel to a client that has entered it: the members, the settings, and at
/// last the client itself.
fn send_channel_to(cx: &mut Context, link: LinkId, host: HostId, name: &str, out: &mut Out) {
    let Some(channel) = cx.network.channels().find(name) else {
        return;
    };
    let frames = out.store(|arena| {
        let member = |source, flags| {
            Message::ChannelJoin(ChannelJoin {
                source,
                by: None,
                flags,
                channel: channel_name(channel.name()),
            })
        };
        for (source, flags) in channel.members().filter(|(id, _)| *id != host) {
            member(source, flags).encode(arena);
        }
        for (field, setting) in channel.settings().set() {
            setting_message(channel.name(), field, setting).encode(arena);
        }
        if let Some(flags) = channel.member(host) {
            member(host, flags).encode(arena);
        }
    });
    cx.deliver(link, frames, out);
}

const NOT_MEMBER: &str = "you are not in it";

/// Whether a client is in a channel; if not, it gets a refusal.
fn require_member(cx: &mut Context, host: HostId, name: &str, out: &mut Out) -> bool {
    let channel = cx.network.channels().find(name);
    let member = channel.is_some_and(|channel| channel.member(host).is_some());
    if !member {
        refuse(cx, host, name, NOT_MEMBER, out);
    }
    member
}

fn refuse(cx: &mut Context, host: HostId, name: &str, why: &str, out: &mut Out) {
    let text = format!("{name}: {why}");
    send_channel_status(cx, host, StatusCode::CHANNEL_REFUSED, &text, out);
}

fn send_channel_status(
    cx: &mut Context,
    host: HostId,
    code: StatusCode,
    text: &str,
    out: &mut Out,
) {
    let Some(link) = cx.link_of(host) else {
        return;
    };
    let status = Status {
        source: Some(cx.config.id),
        destination: Some(host),
        code,
        text: Text::truncated(text),
    };
    cx.send_status(link, &status, out);
}

/// The name of a channel that exists, as frames have it.
pub(crate) fn channel_name(name: &str) -> ChannelName<'_> {
    ChannelName::new(name).expect("no channel is entered whose name does not fit")
}

/// The message that carries a setting.
pub(crate) fn setting_message<'a>(
    channel: &'a str,
    field: ChannelField,
    setting: &'a Setting,
) -> Message<'a> {
    Message::ChannelSetting(ChannelSetting {
        source: setting.source,
        version: setting.version,
        field,
        channel: channel_name(channel),
        value: Text::truncated(&setting.value),
    })
}
