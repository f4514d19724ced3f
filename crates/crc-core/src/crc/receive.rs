//! Received frames: takes them from a link's stream, and gives each to its handler
//! (PROTOCOL sections 3 and 5).
//!
//! The phase of the conversation decides which kinds of frames a peer may send; the
//! route to a message's source decides whether the peer may speak for it.

use crc_machine::{CloseWhen, Escaped, LinkId};
use crc_wire::{
    ClientChat, ClientQuit, Frame, FrameLimits, HostId, Kind, Message, ServerQuit, Status,
    StatusCode, Text,
};

use super::keepalive::start_keepalive;
use super::{announce, auth, channel, handshake, people, registration, uplink};
use crate::budget;
use crate::context::{Context, Out, Stage, guarded_quit_text};
use crate::link::{Link, Phase};
use crate::network::{HostKind, PeerVersion, Route};
use crate::violation::Violation;
use crate::work::{MESSAGE, units_of};

/// Handles the next bytes of a link's stream. Returns those that are to be handled in a
/// later event.
pub(crate) fn on_bytes<'b>(
    cx: &mut Context,
    link: LinkId,
    bytes: &'b [u8],
    out: &mut Out,
) -> &'b [u8] {
    let Some(session) = cx.crc_session_mut(link) else {
        return &[];
    };
    let mut decoder = core::mem::take(&mut session.decoder);
    let (mut input, mut rest) = (bytes, &[][..]);
    while let Some((phase, limits)) = frame_limits(cx, link) {
        match decoder.next_frame(&mut input, limits) {
            Ok(Some(frame)) => {
                if let Some(to) = on_frame(cx, link, phase, frame, out) {
                    let run = frame.take_run(&mut input, limits);
                    cx.counters.frames_received += run.count as u64;
                    cx.counters.chats_relayed += run.count as u64;
                    out.send(to, run.bytes);
                } else if cx.work.is_spent() {
                    rest = input;
                    break;
                }
            }
            Ok(None) => break,
            Err(error) => cx.on_violation(link, error.into(), out),
        }
    }
    if !input.is_empty() && cx.links.find(link).is_some_and(Link::is_password_checked) {
        rest = input;
    }
    if let Some(found) = cx.links.find_mut(link)
        && found.phase != Phase::Closing
        && let Some(session) = found.crc_mut()
    {
        session.decoder = decoder;
    }
    rest
}

/// The limits of the frames that a link may send now, if it may send any.
#[inline]
fn frame_limits(cx: &Context, link: LinkId) -> Option<(Phase, FrameLimits)> {
    if cx.stage != Stage::Running {
        return None;
    }
    let found = cx.links.find(link)?;
    let phase = found.phase;
    let limits = &cx.config.limits;
    let limits = match phase {
        Phase::Challenged if found.is_password_checked() => return None,
        Phase::Unregistered | Phase::Challenged | Phase::Introduced => limits.unregistered_frames(),
        Phase::Client => limits.client_frames(),
        Phase::Server => limits.server_frames(),
        Phase::Closing => return None,
    };
    Some((phase, limits))
}

/// Handles one frame. If it is a chat that was sent on unchanged, the link that it went
/// to: chats of the same kind behind it can follow at once.
#[inline]
fn on_frame(
    cx: &mut Context,
    link: LinkId,
    phase: Phase,
    frame: Frame<'_>,
    out: &mut Out,
) -> Option<LinkId> {
    cx.counters.frames_received += 1;
    let kind = frame.kind();
    match frame.message() {
        Ok(Message::ClientChat(chat)) if matches!(phase, Phase::Client | Phase::Server) => {
            return on_chat(cx, link, phase, &chat, frame, out);
        }
        Ok(message) => {
            cx.work.charge(MESSAGE + units_of(frame.bytes().len()));
            let source = source_of_change(&message);
            match kind.is_channel() {
                true => on_channel_frame(cx, link, phase, &message, frame.bytes(), out),
                false => on_message(cx, link, phase, message, out),
            }
            if !cx.congested.is_empty()
                && phase == Phase::Server
                && let Some(source) = source
            {
                cx.charge_remote(link, source, frame.bytes().len(), out);
            }
        }
        Err(error) => cx.on_violation(link, Violation::Message { kind, error }, out),
    }
    None
}

/// The host that has caused a change which every server gets.
fn source_of_change(message: &Message<'_>) -> Option<HostId> {
    match message {
        Message::ClientRegistration(registration) => Some(registration.source),
        Message::ChannelJoin(join) => Some(join.by.unwrap_or(join.source)),
        Message::DatedJoin(join) => Some(join.by.unwrap_or(join.source)),
        Message::ChannelPart(part) => Some(part.by.unwrap_or(part.source)),
        Message::ChannelSetting(setting) => setting.source,
        Message::DatedSetting(setting) => setting.source,
        _ => None,
    }
}

/// Handles one message that is neither a chat of a registered host nor about channels.
fn on_message(cx: &mut Context, link: LinkId, phase: Phase, message: Message<'_>, out: &mut Out) {
    let kind = message.kind();
    if let Message::ServerRegistration(host) | Message::ClientRegistration(host) = &message {
        cx.finish_leaving(host.source, out);
    }
    match (phase, message) {
        (Phase::Unregistered, Message::ServerRegistration(registration)) => {
            handshake::on_server_registration(cx, link, &registration, out);
        }
        (Phase::Unregistered, Message::ClientRegistration(registration)) => {
            handshake::on_client_registration(cx, link, &registration, out);
        }
        (Phase::Challenged, Message::ServerRegistration(registration)) => {
            if let Some(registration) = auth::on_proof(cx, link, &registration, out) {
                handshake::admit_server(cx, link, &registration, out);
            }
        }
        (Phase::Challenged, Message::Status(status))
            if status.code == StatusCode::NOT_PERMITTED =>
        {
            auth::on_challenge_declined(cx, link, status.text.as_str(), out);
        }
        // A node that does not know challenges goes on as if it were linked.
        (Phase::Challenged, _) => cx.on_violation(link, Violation::NoProof, out),
        (Phase::Introduced, Message::ServerRegistration(registration)) => {
            handshake::on_server_introduction(cx, link, &registration, out);
        }
        (Phase::Introduced, Message::Status(status)) => {
            on_status_before_introduction(cx, link, &status, out)
        }
        (Phase::Client, Message::ClientRegistration(registration)) => {
            handshake::on_client_repetition(cx, link, &registration, out);
        }
        (Phase::Client, Message::ClientQuit(quit)) => on_client_quit(cx, link, &quit, out),
        (Phase::Server, Message::ServerRegistration(registration)) => {
            registration::on_remote_registration(cx, link, HostKind::Server, &registration, out);
        }
        (Phase::Server, Message::ClientRegistration(registration)) => {
            registration::on_remote_registration(cx, link, HostKind::Client, &registration, out);
        }
        (Phase::Server, Message::Status(status)) => on_status(cx, link, &status, out),
        (Phase::Server, Message::ClientQuit(quit)) => {
            on_client_quit_from_server(cx, link, &quit, out)
        }
        (Phase::Server, Message::ServerQuit(quit)) => on_server_quit(cx, link, &quit, out),
        _ => cx.on_violation(link, Violation::NotItsFrame(kind), out),
    }
}

/// One message about channels.
fn on_channel_frame(
    cx: &mut Context,
    link: LinkId,
    phase: Phase,
    message: &Message<'_>,
    bytes: &[u8],
    out: &mut Out,
) {
    let source = match message {
        Message::ChannelJoin(join) => Some(join.source),
        Message::ChannelPart(part) => Some(part.source),
        Message::ChannelChat(chat) => Some(chat.source),
        Message::ChannelSetting(setting) => setting.source,
        Message::ChannelRequest(request) => Some(request.source),
        _ => None,
    };
    let own = cx.network.neighbours().find(link).map(|n| n.host);
    let kind = message.kind();
    let session = cx.crc_session(link);
    let announced = session.is_some_and(|session| session.features.channels);
    let may = announced && !matches!(message, Message::ChannelJoin(_));
    match (phase, source) {
        (Phase::Server, _) => channel::on_server_frame(cx, link, message, bytes, out),
        (Phase::Client, Some(source_id)) if Some(source_id) != own => {
            let violation = Violation::NotItsSource { kind, source_id };
            cx.on_violation(link, violation, out);
        }
        (Phase::Client, Some(_)) if may => {
            if cx.try_spend(link, budget::cost_of_frame(message)) {
                channel::on_client_frame(cx, link, message, out);
            } else {
                cx.on_violation(link, Violation::TooFast(kind), out);
            }
        }
        _ => cx.on_violation(link, Violation::NotItsFrame(kind), out),
    }
}

// Chats.

/// Relays a chat. The link that it went to, if it went at once and the next one from the
/// same source to the same destination would.
#[inline]
fn on_chat(
    cx: &mut Context,
    link: LinkId,
    phase: Phase,
    chat: &ClientChat<'_>,
    frame: Frame<'_>,
    out: &mut Out,
) -> Option<LinkId> {
    let source_kind = match phase {
        Phase::Client => {
            let neighbour = cx.network.neighbours().find(link);
            neighbour.filter(|n| n.host == chat.source).map(|n| n.kind)
        }
        _ => {
            let source = cx.network.directory().route(chat.source);
            let behind = source.filter(|&(_, first_link)| first_link == link);
            behind.map(|(kind, _)| kind)
        }
    };
    match source_kind {
        Some(HostKind::Client) => {}
        Some(HostKind::Server) => {
            cx.bounce(chat.source, chat.destination, out);
            return None;
        }
        None => {
            let violation = Violation::NotItsSource {
                kind: Kind::ClientChat,
                source_id: chat.source,
            };
            cx.on_violation(link, violation, out);
            return None;
        }
    }
    let limited = phase == Phase::Client && cx.config.limits.client_chats_per_second != 0;
    if limited && !cx.try_spend(link, budget::CHAT) {
        cx.on_violation(link, Violation::TooFast(Kind::ClientChat), out);
        return None;
    }
    if phase == Phase::Client && !cx.network.absences().is_empty() {
        people::tell_away(cx, link, chat.destination, out);
    }
    match cx.network.route_chat(link, chat.destination) {
        Route::To(to) => cx
            .send_chat(to, chat, frame.bytes(), out)
            .then_some(to)
            .filter(|_| !limited),
        Route::Unknown => {
            cx.bounce(chat.source, chat.destination, out);
            None
        }
    }
}

// Statuses.

fn on_status(cx: &mut Context, link: LinkId, status: &Status<'_>, out: &mut Out) {
    let own = cx.config.id;
    let session = cx.crc_session(link);
    let on_link = session.map_or(own, |session| session.id_on_link(own));
    let destination = status.destination.filter(|id| *id != own && *id != on_link);
    let Some(destination) = destination else {
        return on_status_for_this_server(cx, link, status, out);
    };
    if is_of_own_server(status.code) {
        cx.counters.dropped += 1;
        return;
    }
    if !status
        .source
        .is_some_and(|source| cx.network.is_behind(source, link))
    {
        cx.counters.dropped += 1;
        return;
    }
    match cx.network.route_status(Some(link), destination) {
        Route::To(to) => {
            cx.counters.statuses_relayed += 1;
            cx.send_status(to, status, out);
            if status.code == StatusCode::CONGESTED {
                cx.slow_down(to, out);
            }
        }
        // Never answered: statuses about statuses would have no end.
        Route::Unknown => cx.counters.dropped += 1,
    }
}

/// Whether only a host's own server says this to it. From any other one it would make a
/// client give up its id, or take its server for one without channels.
const fn is_of_own_server(code: StatusCode) -> bool {
    matches!(
        code,
        StatusCode::WELCOME
            | StatusCode::ID_TAKEN
            | StatusCode::FEATURES
            | StatusCode::LEAVING
            | StatusCode::CHANNEL_REFUSED
            | StatusCode::CHANNEL_NAMES
            | StatusCode::BURST_END
            | StatusCode::NOT_PERMITTED
            | StatusCode::NOTE
            | StatusCode::SERVERS
            | StatusCode::REQUEST_REFUSED
            | StatusCode::USER
            | StatusCode::CHANNEL_LIST
            | StatusCode::AWAY
    )
}

fn on_status_for_this_server(cx: &mut Context, link: LinkId, status: &Status<'_>, out: &mut Out) {
    let text = status.text.as_str();
    let neighbour = cx.network.neighbours().find(link).copied();
    let named = text.rsplit(' ').next().and_then(|id| id.parse().ok());
    let named = named.and_then(HostId::new);
    let own_id = cx.config.id;
    if status.code == StatusCode::ID_TAKEN
        && let Some(session) = cx.crc_session_mut(link)
    {
        let unclassified = neighbour.is_some_and(|n| n.version == PeerVersion::Unknown);
        let names_this_server = named == Some(session.id_on_link(own_id));
        if names_this_server || (unclassified && session.answers_due > 0) {
            // The answer to a repeated registration, as version 1 has it.
            session.answers_due = session.answers_due.saturating_sub(1);
            session.clock.on_answer();
            if unclassified {
                handshake::set_peer_version(cx, link, PeerVersion::V1, out);
            }
            // A peer that answers can be pinged.
            return start_keepalive(cx, link);
        }
    }
    if status.code == StatusCode::ID_TAKEN
        && let (Some(neighbour), Some(named)) = (neighbour, named)
        && neighbour.version == PeerVersion::V2
        && let Some(known) = cx.network.directory().find(named)
        && known.kind() == HostKind::Server
    {
        // The peer closes the link, because it is part of a loop.
        uplink::on_loop(cx, link, neighbour.host, named);
    }
    if status.code == StatusCode::BURST_END
        && let Some(neighbour) = neighbour
        && neighbour.kind == HostKind::Server
    {
        if neighbour.uplink {
            uplink::on_settled(cx, out);
        }
        return;
    }
    let peer = cx.describe_peer(link);
    match status.code {
        StatusCode::NOT_PERMITTED => {
            log::warn!("{peer} does not let this server link: {}", Escaped(text));
        }
        code => log::info!("{peer}: status {code}: {text:?}"),
    }
    cx.status_log.record(text);
}

/// A server that this one has dialled sends a status before it has introduced itself.
fn on_status_before_introduction(
    cx: &mut Context,
    link: LinkId,
    status: &Status<'_>,
    out: &mut Out,
) {
    if status.code == StatusCode::NOT_PERMITTED {
        return uplink::on_not_permitted(cx, link, status.text.as_str(), out);
    }
    if !auth::may_be_believed(cx, link) {
        cx.counters.dropped += 1;
        return;
    }
    if status.code != StatusCode::ID_TAKEN {
        log::info!(
            "{}: status {}: {:?}",
            cx.describe_peer(link),
            status.code,
            status.text.as_str()
        );
        return cx.status_log.record(status.text.as_str());
    }
    uplink::on_refused(cx, link, status.text.as_str(), out);
}

// Quits.

fn on_client_quit(cx: &mut Context, link: LinkId, quit: &ClientQuit<'_>, out: &mut Out) {
    let neighbour = cx.network.neighbours().find(link);
    if neighbour.is_none_or(|n| n.host != quit.source) {
        let violation = Violation::NotItsSource {
            kind: Kind::ClientQuit,
            source_id: quit.source,
        };
        return cx.on_violation(link, violation, out);
    }
    log::info!("{} quits: {:?}", cx.describe_peer(link), quit.text.as_str());
    cx.network.remove_neighbour(link);
    let text = guarded_quit_text(quit.text.as_str());
    cx.remove_host(quit.source, &Text::truncated(&text), Some(link), out);
    cx.close(link, CloseWhen::Flushed, "quit", out);
}

fn on_client_quit_from_server(
    cx: &mut Context,
    link: LinkId,
    quit: &ClientQuit<'_>,
    out: &mut Out,
) {
    let known = cx.network.directory().find(quit.source);
    let behind =
        known.is_some_and(|host| host.kind() == HostKind::Client && host.first_link() == link);
    if behind {
        cx.remove_host(quit.source, &quit.text, Some(link), out);
    } else {
        // An echo, or a host to which there is another route by now.
        cx.counters.dropped += 1;
        announce::announce_again(cx, link, quit.source, out);
    }
}

fn on_server_quit(cx: &mut Context, link: LinkId, quit: &ServerQuit<'_>, out: &mut Out) {
    let known = cx.network.directory().find(quit.source);
    let behind =
        known.is_some_and(|host| host.kind() == HostKind::Server && host.first_link() == link);
    let adjacent = cx
        .network
        .neighbours()
        .find(link)
        .is_some_and(|n| n.host == quit.source);
    if !behind {
        cx.counters.dropped += 1;
        announce::drop_indirect_route(cx, link, quit.source, out);
    } else if adjacent {
        log::info!(
            "{} leaves: {:?}",
            cx.describe_peer(link),
            quit.text.as_str()
        );
        uplink::on_replaced(cx, link, quit.replacement, quit.text.as_str());
        cx.close(link, CloseWhen::Flushed, quit.text.as_str(), out);
    } else {
        cx.remove_host(quit.source, &quit.text, Some(link), out);
    }
}
