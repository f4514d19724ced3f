//! Channels in the binary protocol (PROTOCOL section 9): what servers and clients
//! send, and how events are sent to them.
//!
//! Every event in a channel is flooded to the servers that take channels, once, so
//! that all of them know all channels. A chat goes only where members are.

use crc_machine::{ByteRange, LinkId};
use crc_wire::{
    ChannelField, ChannelJoin, ChannelName, ChannelPart, ChannelRequest, ChannelSetting, DatedJoin,
    DatedSetting, HostId, Message, Name, RequestKind, Status, StatusCode, Text,
};

use super::clock::time_from_peer;
use super::session::Session;
use crate::admission::is_channel_name;
use crate::context::{Context, Entry, Out};
use crate::network::{
    ChannelEvent, ChannelEventKind, Founding, HostKind, InviteRefusal, Neighbour, Network,
    PeerVersion, Scope, SetRefusal, Setting, Settings, SpeakRefusal, is_value,
    is_value_from_server,
};
use crate::text_protocol::pack_words;
use crate::violation::Violation;
use crate::work;

/// The most bytes of one status with names.
const NAMES_BYTES_MAX: usize = 16 * 1024;

/// The most bytes of all names that one request is answered with.
const ANSWER_BYTES_MAX: usize = 128 * 1024;

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
            flood(cx, from, out, |arena, dated| {
                write_join(&join, founded, dated, arena);
            });
        }
        (ChannelEventKind::Flags { by, after, .. }, Some(source)) => {
            let join = join(source, by, after);
            flood(cx, from, out, |arena, dated| {
                write_join(&join, founded, dated, arena);
            });
        }
        (ChannelEventKind::Left { .. }, Some(_)) => {
            flood(cx, from, out, |arena, _| write_for_clients(event, arena));
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
fn write_join(join: &ChannelJoin<'_>, founded: Founding, dated: bool, arena: &mut Vec<u8>) {
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

/// Sends frames to all servers that take channels, but not to `from`. Times in them are
/// by each link's clock.
fn flood(
    cx: &mut Context,
    from: Option<LinkId>,
    out: &mut Out,
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
    flood(cx, from, out, |arena, dated| {
        write_setting(name, field, made, dated, arena);
    });
}

/// Floods all settings of a channel, and with them its age.
pub(crate) fn flood_settings(cx: &mut Context, name: &str, from: Option<LinkId>, out: &mut Out) {
    let Some(channel) = cx.network.channels().find(name) else {
        return;
    };
    let (settings, founded) = (channel.settings().clone(), channel.founded());
    flood(cx, from, out, |arena, dated| {
        write_settings(name, &settings, founded, dated, arena);
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
fn write_settings(
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
    let dated = cx.crc_session(link)?.features.channel_age;
    Some(out.store(|arena| {
        for channel in cx.network.channels().iter() {
            cx.work
                .charge(work::LINE + work::LINK * channel.members_len() as u64);
            let here = channel.members().filter(|(id, _)| {
                let host = directory.find(*id);
                host.is_some_and(|host| host.first_link() != link)
            });
            let founded = channel.founded();
            for (source, flags) in here {
                let join = ChannelJoin {
                    source,
                    by: None,
                    flags,
                    channel: channel_name(channel.name()),
                };
                write_join(&join, founded, dated, arena);
            }
            write_settings(channel.name(), channel.settings(), founded, dated, arena);
        }
        if dated {
            let end = Status {
                source: Some(cx.config.id),
                destination: None,
                code: StatusCode::BURST_END,
                text: Text::truncated("End of burst"),
            };
            Message::Status(end).encode(arena);
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
        Message::ChannelRequest(request) if is_authoritative(cx, link, Some(request.source)) => {
            cx.channel_request(request, out);
        }
        _ => {}
    }
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
        setting.version = time_from_peer(cx, link, setting.version);
    }
    cx.apply_setting_from(name, field, (source, setting), founded, link, out);
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
                Network::may_speak(host, channel, is_banned)
            });
            match may {
                Some(Ok(())) => cx.say_in_channel(chat, None, None, out),
                Some(Err(SpeakRefusal::Silenced)) => refuse(cx, host, name, SILENCED, out),
                Some(Err(SpeakRefusal::NotMember)) | None => {
                    refuse(cx, host, name, NOT_MEMBER, out);
                }
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
                    refuse(cx, host, name, NOT_OPERATOR, out);
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
            if let Some(channel) = cx.network.channels().find(name) {
                cx.charge_bans(channel);
            }
            let is_banned = cx.ban_matcher(host);
            let key = request.text.as_str();
            if let Err(why) = cx.network.may_enter(host, name, key, is_banned, cx.now) {
                return refuse(cx, host, name, &why.to_string(), out);
            }
            if !is_value(ChannelField::KEY, key) {
                return refuse(cx, host, name, "no channel can have this key", out);
            }
            cx.join_channel(host, name, key, "n", out);
            send_channel_to(cx, link, host, name, out);
        }
        RequestKind::NAMES => {
            send_names(cx, host, name, out);
        }
        _ if request.destination.is_some() => {
            if let Err(why) = may_request(cx, host, request) {
                return refuse(cx, host, name, why, out);
            }
            cx.channel_request(request, out);
        }
        _ => cx.counters.dropped += 1,
    }
}

/// Whether a client may make a request about another host; if not, why. The other host's
/// server asks again.
fn may_request(
    cx: &Context,
    host: HostId,
    request: &ChannelRequest<'_>,
) -> Result<(), &'static str> {
    let name = request.channel.as_ref().map_or("", |name| name.as_str());
    match (request.kind, request.destination) {
        (RequestKind::INVITE, Some(invited)) => {
            let may = cx.network.may_invite(host, invited, name);
            may.map(|_| ()).map_err(|refusal| match refusal {
                InviteRefusal::NoSuchChannel => "there is no such channel",
                InviteRefusal::NotMember => NOT_MEMBER,
                InviteRefusal::NotOperator => NOT_OPERATOR,
                InviteRefusal::AlreadyMember => "that client is in it already",
            })
        }
        (
            RequestKind::KICK
            | RequestKind::OP
            | RequestKind::DEOP
            | RequestKind::VOICE
            | RequestKind::DEVOICE,
            _,
        ) => {
            let may = cx.network.may_kick(host, name);
            may.map(|_| ()).map_err(|refusal| match refusal {
                SetRefusal::NoSuchChannel => "there is no such channel",
                SetRefusal::NotMember => NOT_MEMBER,
                SetRefusal::NotOperator => NOT_OPERATOR,
            })
        }
        _ => Ok(()),
    }
}

/// Answers with the names of a channel's members: in several statuses if there are many,
/// each of which begins with the channel's name. Names are not cut. A client with a
/// smaller limit than this server has does not read a longer status.
fn send_names(cx: &mut Context, host: HostId, name: &str, out: &mut Out) {
    let Some(channel) = cx.network.channels().find(name) else {
        return refuse(cx, host, name, "there is no such channel", out);
    };
    let name = channel.name().to_owned();
    let text_bytes_max = cx.config.limits.text_bytes_max as usize;
    let room = NAMES_BYTES_MAX
        .min(text_bytes_max)
        .saturating_sub(name.len() + 1);
    let (mut left, mut is_complete) = (ANSWER_BYTES_MAX, true);
    let names = channel.members().map(|(id, _)| cx.nick_of(id));
    let names = names.take_while(|nick| {
        cx.work.charge_answer(work::LINK);
        left = left.saturating_sub(nick.len() + 1);
        is_complete = left > 0;
        is_complete
    });
    let texts: Vec<_> = pack_words(names, room).collect();
    for text in texts {
        let text = format!("{name} {text}");
        send_channel_status(cx, host, StatusCode::CHANNEL_NAMES, &text, out);
    }
    if !is_complete {
        refuse(cx, host, &name, "it has more members than are listed", out);
    }
}

/// Sends a channel to a client that has entered it: the members, the settings, and at
/// last the client itself.
fn send_channel_to(cx: &mut Context, link: LinkId, host: HostId, name: &str, out: &mut Out) {
    let Some(channel) = cx.network.channels().find(name) else {
        return;
    };
    let members = channel.members_len() as u64;
    cx.work.charge_answer(work::LINE + work::LINK * members);
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
            setting_for_client(channel.name(), field, setting).encode(arena);
        }
        if let Some(flags) = channel.member(host) {
            member(host, flags).encode(arena);
        }
    });
    cx.deliver(link, frames, out);
}

const NOT_MEMBER: &str = "you are not in it";
const SILENCED: &str = "you may not speak in it: it is moderated, or you are banned";
const NOT_OPERATOR: &str = "only its operators may do this";

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

/// The message that tells a client of a setting that was made before.
fn setting_for_client<'a>(
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
