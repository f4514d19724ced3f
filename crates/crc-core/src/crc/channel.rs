//! Channels in the binary protocol (PROTOCOL section 9): how events are sent to servers
//! and clients. What these send is handled in `from_server` and `from_client`.
//!
//! Every event in a channel is flooded to the servers that take channels, once, so
//! that all of them know all channels. A chat goes only where members are.

mod from_client;
mod from_server;

use crc_machine::LinkId;
use crc_wire::{
    ChannelField, ChannelJoin, ChannelName, ChannelPart, ChannelRequest, ChannelSetting, DatedJoin,
    DatedSetting, HostId, MemberFlags, Message, Name, RequestKind, Text,
};

pub(super) use from_client::on_client_frame;
pub(super) use from_server::on_server_frame;

use super::announce;
use super::session::Session;
use crate::context::{Context, Out};
use crate::network::{
    ChannelEvent, ChannelEventKind, Founding, HostKind, Neighbour, PeerVersion, Scope, Setting,
    Settings,
};
use crate::walk::Told;
use crate::work;

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

/// Whether the peer of a link is sent events in channels: it takes channels, and its burst
/// has begun.
pub(crate) fn takes_channels(cx: &Context, link: LinkId) -> bool {
    let neighbour = cx.network.neighbours().find(link);
    knows_channels(cx, link) && neighbour.is_some_and(|neighbour| neighbour.synced)
}

/// Whether the peer of a link is a server that takes the requests of operators, and its
/// burst has begun.
pub(crate) fn takes_operators(cx: &Context, link: LinkId) -> bool {
    let session = cx.crc_session(link);
    takes_channels(cx, link) && session.is_some_and(|session| session.features.oper)
}

/// Whether the peer of a link is a server that is told who is away, and its burst has begun.
pub(crate) fn takes_people(cx: &Context, link: LinkId) -> bool {
    let session = cx.crc_session(link);
    takes_channels(cx, link) && session.is_some_and(|session| session.features.people)
}

/// Whether the peer of a link is a server that takes chats with tags, and its burst has begun.
pub(crate) fn takes_tags(cx: &Context, link: LinkId) -> bool {
    let session = cx.crc_session(link);
    takes_channels(cx, link) && session.is_some_and(|session| session.features.tags)
}

/// Sends a statement about a user to all servers that take such, but not to `from`.
pub(crate) fn flood_to_people(
    cx: &mut Context,
    statement: &ChannelRequest<'_>,
    from: Option<LinkId>,
    out: &mut Out,
) {
    flood_request_where(cx, statement, from, takes_people, out);
}

/// Sends a statement of what a user says of itself to all servers that take such, but not to
/// `from`.
pub(crate) fn flood_metadata(
    cx: &mut Context,
    statement: &ChannelRequest<'_>,
    from: Option<LinkId>,
    out: &mut Out,
) {
    flood_request_where(cx, statement, from, takes_metadata, out);
}

/// Whether the peer of a link is a server that is told what users say of themselves, and its
/// burst has begun.
fn takes_metadata(cx: &Context, link: LinkId) -> bool {
    let session = cx.crc_session(link);
    takes_channels(cx, link) && session.is_some_and(|session| session.features.metadata)
}

/// Sends a server what a user says of itself.
pub(super) fn send_metadata(cx: &mut Context, link: LinkId, id: HostId, out: &mut Out) {
    if cx.network.metadata().is_empty() || !takes_metadata(cx, link) {
        return;
    }
    let frames = out.store(|arena| {
        for statement in cx.metadata_statements(id) {
            Message::ChannelRequest(statement).encode(arena);
        }
    });
    cx.deliver(link, frames, out);
}

/// Sends a server whether a user is away, if it is.
pub(super) fn send_absence(cx: &mut Context, link: LinkId, id: HostId, out: &mut Out) {
    if cx.network.absences().find(id).is_some() && takes_people(cx, link) {
        let statement = cx.away_statement(id);
        let frame = out.store(|arena| Message::ChannelRequest(statement).encode(arena));
        cx.deliver(link, frame, out);
    }
}

/// Sends a request of a server or of an operator to all servers that take such, but not to
/// `from`.
pub(crate) fn flood_request(
    cx: &mut Context,
    request: &ChannelRequest<'_>,
    from: Option<LinkId>,
    out: &mut Out,
) {
    flood_request_where(cx, request, from, takes_operators, out);
}

fn flood_request_where(
    cx: &mut Context,
    request: &ChannelRequest<'_>,
    from: Option<LinkId>,
    takes: fn(&Context, LinkId) -> bool,
    out: &mut Out,
) {
    let links = cx.network.neighbours().iter().map(|(link, _)| link);
    let links: Vec<_> = links.filter(|link| Some(*link) != from).collect();
    cx.work.charge(work::LINK * links.len() as u64);
    let mut frame = None;
    for link in links {
        if takes(cx, link) {
            let frame = *frame.get_or_insert_with(|| {
                out.store(|arena| Message::ChannelRequest(request.clone()).encode(arena))
            });
            cx.deliver(link, frame, out);
        }
    }
}

/// Sends a request of a server to one server, if it takes such.
pub(crate) fn send_request(
    cx: &mut Context,
    request: &ChannelRequest<'_>,
    link: LinkId,
    out: &mut Out,
) {
    if takes_operators(cx, link) {
        let frame = out.store(|arena| Message::ChannelRequest(request.clone()).encode(arena));
        cx.deliver(link, frame, out);
    }
}

// Sending events.

/// Floods an event to the servers. A chat is not flooded: it goes where members are.
pub(crate) fn on_event(
    cx: &mut Context,
    event: &ChannelEvent<'_>,
    from: Option<LinkId>,
    out: &mut Out,
) {
    if event.scope == Scope::AllButServers {
        return;
    }
    let Some(channel) = cx.network.channels().find(event.channel) else {
        return;
    };
    let founded = channel.founded();
    // As it is displayed, whatever the spelling in the event was.
    let name = &*channel.name().to_owned();
    let join = |source, by, flags| ChannelJoin {
        source,
        by,
        flags,
        channel: channel_name(name),
    };
    match (event.kind, event.who) {
        (ChannelEventKind::Entered { flags }, Some(source)) => {
            let join = join(source, None, flags);
            flood(cx, name, from, out, |arena, dated| {
                write_join(&join, founded, dated, arena);
            });
        }
        (ChannelEventKind::Flags { by, after, .. }, Some(source)) => {
            let join = join(source, by, after);
            flood(cx, name, from, out, |arena, dated| {
                write_join(&join, founded, dated, arena);
            });
        }
        (ChannelEventKind::Left { .. }, Some(source)) => {
            // It may have been announced early, because it has spoken.
            let takes = |told: &Told| told.has_channel(name) || told.has_member(name, source);
            flood_where(cx, from, out, takes, |arena, _| {
                write_for_clients(event, arena);
            });
        }
        (
            ChannelEventKind::Set {
                field,
                version,
                setter,
                value,
                ..
            },
            source,
        ) => {
            let setting = Setting {
                value: value.into(),
                version,
                setter: setter.into(),
                source,
            };
            let made = (source, &setting, founded);
            flood_setting(cx, name, field, made, from, out);
        }
        _ => {}
    }
}

/// Writes an event, but no chat, for clients of the binary protocol.
pub(crate) fn write_for_clients(event: &ChannelEvent<'_>, arena: &mut Vec<u8>) {
    let channel = channel_name(event.channel);
    let join = |source, by, flags| {
        Message::ChannelJoin(ChannelJoin {
            source,
            by,
            flags,
            channel: channel.clone(),
        })
    };
    let message = match (event.kind, event.who) {
        (ChannelEventKind::Entered { flags }, Some(source)) => join(source, None, flags),
        (ChannelEventKind::Flags { by, after, .. }, Some(source)) => join(source, by, after),
        (ChannelEventKind::Left { by, text }, Some(source)) => Message::ChannelPart(ChannelPart {
            source,
            by,
            channel,
            text: Text::truncated(text),
        }),
        (
            ChannelEventKind::Set {
                field,
                version,
                value,
                ..
            },
            source,
        ) => Message::ChannelSetting(ChannelSetting {
            source,
            version,
            field,
            channel,
            value: Text::truncated(value),
        }),
        _ => return,
    };
    message.encode(arena);
}

/// Writes that a host is in a channel. `dated`: for a server that takes ages.
pub(super) fn write_join(
    join: &ChannelJoin<'_>,
    founded: Founding,
    dated: bool,
    arena: &mut Vec<u8>,
) {
    let message = match dated {
        true => Message::DatedJoin(DatedJoin {
            source: join.source,
            by: join.by,
            founded: founded.ms,
            tag: founded.tag,
            flags: join.flags,
            channel: join.channel.clone(),
        }),
        false => Message::ChannelJoin(join.clone()),
    };
    message.encode(arena);
}

/// Writes a setting, which `source` makes now, or which was made before. One of version 0
/// tells a channel's age only.
fn write_setting(
    name: &str,
    field: ChannelField,
    (source, setting, founded): (Option<HostId>, &Setting, Founding),
    dated: bool,
    arena: &mut Vec<u8>,
) {
    let (channel, value) = (channel_name(name), Text::truncated(&setting.value));
    let message = match dated {
        true => Message::DatedSetting(DatedSetting {
            source,
            version: setting.version,
            founded: founded.ms,
            tag: founded.tag,
            field,
            channel,
            setter: Name::truncated(&setting.setter),
            value,
        }),
        false if setting.version == 0 => return,
        false => Message::ChannelSetting(ChannelSetting {
            source: source.or(setting.source),
            version: setting.version,
            field,
            channel,
            value,
        }),
    };
    message.encode(arena);
}

/// Sends frames about a channel to all servers that take channels, but not to `from`, nor
/// to those whose burst has not come to the channel.
fn flood(
    cx: &mut Context,
    name: &str,
    from: Option<LinkId>,
    out: &mut Out,
    write: impl Fn(&mut Vec<u8>, bool),
) {
    flood_where(cx, from, out, |told| told.has_channel(name), write);
}

/// Sends frames about a channel to the servers that take channels and were told enough, but
/// not to `from`.
fn flood_where(
    cx: &mut Context,
    from: Option<LinkId>,
    out: &mut Out,
    takes: impl Fn(&Told) -> bool,
    write: impl Fn(&mut Vec<u8>, bool),
) {
    let neighbours = cx.network.neighbours().len() as u64;
    cx.work.charge(work::LINK * neighbours);
    let mut cache = [None; 2];
    for (link, neighbour) in cx.network.neighbours().iter() {
        if neighbour.synced
            && Some(link) != from
            && let Some(found) = cx.links.find_mut(link)
            && let Some(session) = found.crc()
            && is_channel_server(neighbour, session)
            && takes(&found.told)
        {
            let dated = session.features.channel_age;
            let frames = *cache[usize::from(dated)]
                .get_or_insert_with(|| out.store(|arena| write(arena, dated)));
            found.deliver(link, frames, out);
        }
    }
}

/// Floods one setting of a channel that was founded at the time with it.
pub(crate) fn flood_setting(
    cx: &mut Context,
    name: &str,
    field: ChannelField,
    made: (Option<HostId>, &Setting, Founding),
    from: Option<LinkId>,
    out: &mut Out,
) {
    flood(cx, name, from, out, |arena, dated| {
        write_setting(name, field, made, dated, arena);
    });
}

/// Floods all settings of a channel, and with them its age.
pub(crate) fn flood_settings(cx: &mut Context, name: &str, from: Option<LinkId>, out: &mut Out) {
    let Some(channel) = cx.network.channels().find(name) else {
        return;
    };
    let (settings, founded) = (channel.settings().clone(), channel.founded());
    flood(cx, name, from, out, |arena, dated| {
        write_settings(name, &settings, founded, dated, arena);
    });
}

/// Floods the rank of a member of a channel, to the servers that it is not behind.
pub(crate) fn flood_rank(
    cx: &mut Context,
    name: &str,
    source: HostId,
    flags: MemberFlags,
    out: &mut Out,
) {
    let channel = cx.network.channels().find(name);
    let (Some(channel), Some(link)) = (channel, cx.link_of(source)) else {
        return;
    };
    let (founded, shown) = (channel.founded(), channel.name().to_owned());
    let join = ChannelJoin {
        source,
        by: None,
        flags,
        channel: channel_name(&shown),
    };
    flood(cx, &shown, Some(link), out, |arena, dated| {
        write_join(&join, founded, dated, arena);
    });
}

/// Sends a server all settings of a channel. If none was ever made, this asks for them.
pub(crate) fn send_settings(cx: &mut Context, link: LinkId, name: &str, out: &mut Out) {
    let (Some(session), Some(channel)) = (cx.crc_session(link), cx.network.channels().find(name))
    else {
        return;
    };
    let (dated, founded) = (session.features.channel_age, channel.founded());
    let frames = out.store(|arena| {
        write_settings(channel.name(), channel.settings(), founded, dated, arena);
    });
    cx.deliver(link, frames, out);
}

/// Asks a server for all settings of a channel.
fn ask_settings(cx: &mut Context, link: LinkId, name: &str, out: &mut Out) {
    let (Some(session), Some(channel)) = (cx.crc_session(link), cx.network.channels().find(name))
    else {
        return;
    };
    let (dated, unset) = (session.features.channel_age, Setting::default());
    let made = (None, &unset, channel.founded());
    let frame = out.store(|arena| {
        write_setting(channel.name(), ChannelField::NAME, made, dated, arena);
    });
    cx.deliver(link, frame, out);
}

/// Writes all settings of a channel; if none was ever made, its age only.
pub(super) fn write_settings(
    name: &str,
    settings: &Settings,
    founded: Founding,
    dated: bool,
    arena: &mut Vec<u8>,
) {
    let mut set = settings.set().peekable();
    if set.peek().is_none() {
        let unset = Setting::default();
        let made = (None, &unset, founded);
        write_setting(name, ChannelField::NAME, made, dated, arena);
    }
    for (field, setting) in set {
        write_setting(name, field, (None, setting, founded), dated, arena);
    }
}

/// Whether the neighbour at the end of a link with members gets an event. `own`: it is
/// the host that the event is about.
pub(crate) fn wants(
    neighbour: &Neighbour,
    session: &Session,
    told: &Told,
    event: &ChannelEvent<'_>,
    own: bool,
) -> bool {
    if neighbour.kind == HostKind::Server {
        return event.is_chat() && neighbour.synced && is_channel_server(neighbour, session);
    }
    // A client that enters is sent the whole channel, itself last; one that speaks knows it.
    let known = matches!(
        event.kind,
        ChannelEventKind::Entered { .. } | ChannelEventKind::Said { .. }
    );
    session.features.channels && !(own && (known || told.is_listing(event.channel)))
}

/// Sends a setting to a server of the binary protocol that has sent an older one.
pub(crate) fn send_setting(
    cx: &mut Context,
    link: LinkId,
    name: &str,
    field: ChannelField,
    out: &mut Out,
) {
    let (Some(session), Some(channel)) = (cx.crc_session(link), cx.network.channels().find(name))
    else {
        return;
    };
    if let Some(setting) = channel.settings().find(field) {
        let made = (None, setting, channel.founded());
        let dated = session.features.channel_age;
        let frame = out.store(|arena| write_setting(channel.name(), field, made, dated, arena));
        cx.deliver(link, frame, out);
    }
}

/// A member speaks in a channel behind a server whose burst is under way: the server
/// learns before that it is a member.
pub(crate) fn announce_speaker(
    cx: &mut Context,
    link: LinkId,
    name: &str,
    source: HostId,
    out: &mut Out,
) {
    announce::announce_speaker(cx, link, source, out);
    if !takes_channels(cx, link) {
        return;
    }
    let (Some(found), Some(channel)) = (cx.links.find_mut(link), cx.network.channels().find(name))
    else {
        return;
    };
    if found.told.has_member(name, source) {
        return;
    }
    if let Some(flags) = channel.member(source)
        && let Some(session) = found.crc()
    {
        let join = ChannelJoin {
            source,
            by: None,
            flags,
            channel: channel_name(channel.name()),
        };
        let (dated, founded) = (session.features.channel_age, channel.founded());
        let frame = out.store(|arena| write_join(&join, founded, dated, arena));
        found.told.on_member_announced(name, source);
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
    announce::announce_speaker(cx, link, source, out);
    let frame = out.store(|arena| Message::ChannelRequest(request).encode(arena));
    cx.deliver(link, frame, out);
}

/// Sends a notice to a client of this server that takes notices.
pub(crate) fn send_notice(
    cx: &mut Context,
    link: LinkId,
    (source, host): (HostId, HostId),
    text: &str,
    out: &mut Out,
) {
    let request = ChannelRequest {
        source,
        destination: Some(host),
        kind: RequestKind::NOTICE,
        channel: None,
        text: Text::truncated(text),
    };
    announce::announce_speaker(cx, link, source, out);
    let frame = out.store(|arena| Message::ChannelRequest(request).encode(arena));
    cx.deliver(link, frame, out);
}

/// The name of a channel that exists, as frames have it.
pub(crate) fn channel_name(name: &str) -> ChannelName<'_> {
    ChannelName::new(name).expect("no channel is entered whose name does not fit")
}
