//! How a link's peer becomes a neighbour: it registers, introduces itself, and
//! shows what it can take (PROTOCOL sections 3 and 6).

use core::time::Duration;

use crc_machine::{CloseWhen, LinkId};
use crc_wire::{HostId, Info, Kind, Registration};

use super::auth::Auth;
use super::encoding::V1_FRAME_BYTES_MAX;
use super::introduction::CLASSIFICATION_TIME;
use super::send::id_taken;
use super::{announce, auth, introduction, uplink};
use crate::admission::check_info;
use crate::announcement::{
    Announcement, UNRANKED, UserModes, at_home, split_info, without_link_entries,
};
use crate::budget;
use crate::context::{Context, LinkTimer, NEXT_EVENT, Out};
use crate::link::{Outlet, Phase};
use crate::names::{ascii_name, check_ascii_name};
use crate::network::{Host, HostInfo, HostKind, PeerVersion, Scope, is_machine_kept};
use crate::notice::ServerNotice;
use crate::operator::Password;
use crate::violation::Violation;

/// The pause between introduction and announcement when both do not fit into one chunk
/// for a v1 node.
const ANNOUNCEMENT_PAUSE: Duration = Duration::from_millis(10);

/// The peer of a new link registers as a server.
pub(crate) fn on_server_registration(
    cx: &mut Context,
    link: LinkId,
    registration: &Registration<'_>,
    out: &mut Out,
) {
    if auth::on_registration(cx, link, registration, out) {
        admit_server(cx, link, registration, out);
    }
}

/// A server that may link registers.
pub(crate) fn admit_server(
    cx: &mut Context,
    link: LinkId,
    registration: &Registration<'_>,
    out: &mut Out,
) {
    let name = registration.name.as_str();
    if let Some(dead) =
        super::keepalive::dead_link_replaced_by(cx, link, registration.source, name, out)
    {
        log::info!(
            "{}: closed: replaced by a new link of the same server",
            cx.describe_peer(dead)
        );
        cx.close(dead, CloseWhen::Now, "replaced by a new link", out);
        cx.finish_leaving(registration.source, out);
    }
    if !may_register(cx, link, HostKind::Server, registration, out) {
        return;
    }
    displace_client(cx, link, registration.source, out);
    add_neighbour(cx, link, HostKind::Server, registration, out);
    let introduction = introduction::introduction(cx, None);
    let Some(found) = cx.links.find(link) else {
        return;
    };
    let announcement = introduction::announcement(cx, found);
    out.send(link, &introduction);
    if introduction.len() + announcement.len() <= V1_FRAME_BYTES_MAX {
        introduction::repeat(cx, link, &announcement, out);
    } else {
        let after = cx.now + ANNOUNCEMENT_PAUSE;
        cx.set_link_timer(link, LinkTimer::Announcement, after);
    }
}

/// The peer of a new link registers as a client.
pub(crate) fn on_client_registration(
    cx: &mut Context,
    link: LinkId,
    registration: &Registration<'_>,
    out: &mut Out,
) {
    let (human, machine) = split_info(registration.info.as_str());
    let password = machine.and_then(Password::from_machine_part);
    let registration = Registration {
        source: registration.source,
        last_hop: registration.last_hop,
        name: registration.name.borrowed(),
        info: match password {
            Some(_) => Info::truncated(human),
            None => registration.info.borrowed(),
        },
    };
    match cx.check_network_password(link, password, out) {
        Ok(true) => admit_client(cx, link, &registration, out),
        Ok(false) => {
            let Some(found) = cx.links.find_mut(link) else {
                return;
            };
            found.phase = Phase::Challenged;
            if let Some(session) = found.crc_mut() {
                let registration = registration.into_owned();
                session.auth = Some(Box::new(Auth::Client(registration)));
            }
        }
        Err(text) => reject_client(cx, link, &text, out),
    }
}

/// The password with which a client registers was compared.
pub(crate) fn on_password_checked(cx: &mut Context, link: LinkId, is_right: bool, out: &mut Out) {
    let Some(found) = cx.links.find_mut(link) else {
        return;
    };
    let is_waiting = found.phase == Phase::Challenged;
    let Some(session) = found.crc_mut().filter(|_| is_waiting) else {
        return;
    };
    let is_client = |auth: &mut Box<Auth>| matches!(**auth, Auth::Client(_));
    let Some(Auth::Client(registration)) = session.auth.take_if(is_client).map(|it| *it) else {
        return;
    };
    found.phase = Phase::Unregistered;
    match is_right {
        true => {
            cx.finish_leaving(registration.source, out);
            admit_client(cx, link, &registration, out);
            // What came meanwhile.
            cx.read_on(link);
        }
        false => reject_client(cx, link, "Your password is not that of this network", out),
    }
}

/// A client that may be in this network registers.
fn admit_client(cx: &mut Context, link: LinkId, registration: &Registration<'_>, out: &mut Out) {
    if !may_register(cx, link, HostKind::Client, registration, out) {
        return;
    }
    let name = registration.name.as_str();
    if let Some(text) = cx.name_in_the_way(name, None) {
        return reject_client(cx, link, &text, out);
    }
    let address = cx.links.find(link).map(|found| found.endpoints.peer.ip());
    let banned = address.and_then(|it| cx.user_ban((name, name), registration.source, it));
    if let Some(text) = banned {
        return reject_client(cx, link, &text, out);
    }
    add_neighbour(cx, link, HostKind::Client, registration, out);
    super::send::welcome(
        cx,
        link,
        registration.source,
        registration.name.as_str(),
        out,
    );
    if let Some(session) = cx.crc_session_mut(link) {
        session.pending.burst = true;
    }
    cx.mark_dirty(link);
}

/// Closes the link of a client that may not register.
pub(crate) fn reject_client(cx: &mut Context, link: LinkId, text: &str, out: &mut Out) {
    cx.counters.refused += 1;
    log::info!("{}: refused: {text}", cx.describe_peer(link));
    super::send::not_permitted(cx, link, text, out);
    cx.close(link, CloseWhen::Flushed, "refused", out);
}

/// Whether the peer of a new link may register; if not, the link is closed.
pub(crate) fn may_register(
    cx: &mut Context,
    link: LinkId,
    kind: HostKind,
    registration: &Registration<'_>,
    out: &mut Out,
) -> bool {
    let id = registration.source;
    let admitted = check_ascii_name(registration.name.as_str())
        .and_then(|()| check_info(registration.info.as_str()));
    let violation = if let Err(error) = admitted {
        error.into()
    } else if is_taken_by_another(cx, kind, registration) {
        Violation::IdTaken { kind, id }
    } else if cx.network.directory().len() >= cx.config.limits.hosts_max {
        Violation::DirectoryFull
    } else {
        return true;
    };
    cx.on_violation(link, violation, out);
    false
}

/// Whether a peer that registers cannot get its id: it belongs to another host, or did
/// belong to a server not long ago. A client gives way to a server.
pub(crate) fn is_taken_by_another(
    cx: &Context,
    kind: HostKind,
    registration: &Registration<'_>,
) -> bool {
    let info = HostInfo::of_itself(kind, registration);
    let indirect_route = cx.network.indirect_route(&info).is_some();
    match kind {
        HostKind::Client => !cx.network.is_free_for_client(info.id, cx.now),
        HostKind::Server if cx.network.is_client(info.id) => false,
        HostKind::Server => cx.network.is_taken(info.id) && !indirect_route,
    }
}

/// A server joins: a client with its id, wherever it is, gives way.
fn displace_client(cx: &mut Context, link: LinkId, id: HostId, out: &mut Out) {
    if cx.network.is_client(id) {
        let client = cx.network.directory().find(id);
        let name = client.map(Host::name).unwrap_or_default();
        log::warn!("client {id} {name:?} gives way: a server has its id");
        super::registration::evict_client(cx, id, (HostKind::Server, link), out);
    }
}

/// Makes the peer of a link a neighbour, and announces it.
pub(crate) fn add_neighbour(
    cx: &mut Context,
    link: LinkId,
    kind: HostKind,
    registration: &Registration<'_>,
    out: &mut Out,
) {
    let id = registration.source;
    let info = HostInfo::of_itself(kind, registration);
    let indirect_route = cx.network.indirect_route(&info);
    cx.add_neighbour(link, Host::new(link, &info), PeerVersion::Unknown, out);
    log::info!("{} has joined", cx.describe_peer(link));
    match indirect_route {
        None => cx.publish_joined(id, link, Scope::All, out),
        Some(_) => {
            // The other neighbours know it, and reach it through this server already.
            if let Some(session) = cx.crc_session_mut(link) {
                session.indirect_route = indirect_route;
            }
        }
    }
}

/// The server that this one has dialled introduces itself: its first registration names
/// it, whatever the last hop in it.
pub(crate) fn on_server_introduction(
    cx: &mut Context,
    link: LinkId,
    registration: &Registration<'_>,
    out: &mut Out,
) {
    if auth::on_introduction(cx, link, registration, out) == auth::Introduction::Handled {
        return;
    }
    let id = registration.source;
    if is_taken_by_another(cx, HostKind::Server, registration) {
        return on_simultaneous_open(cx, link, registration, out);
    }
    if cx.network.directory().len() >= cx.config.limits.hosts_max {
        return cx.on_violation(link, Violation::DirectoryFull, out);
    }
    displace_client(cx, link, id, out);
    // The other one of two links that were opened at once may have ended meanwhile.
    let session = cx.crc_session(link);
    let simultaneous_open = session.is_some_and(|session| session.simultaneous_open);
    let info = registration.info.as_str();
    let machine = split_info(info).1.filter(|_| simultaneous_open);
    add_neighbour(cx, link, HostKind::Server, registration, out);
    uplink::on_accepted(cx, out);
    out.notice(ServerNotice::Linked { to: id });
    // At the end of the event, when all of this has been read: before, an answer could
    // not be told from a refusal.
    if let Some(session) = cx.crc_session_mut(link) {
        session.pending.announcement = true;
    }
    cx.mark_dirty(link);
    if let Some(machine) = machine {
        on_announcement(cx, link, id, machine, out);
    }
}

/// The server that this one has dialled is known already. Either the links form a loop;
/// or both servers have dialled each other at once, and the link stays that was dialled
/// by the one that comes later in the order.
pub(crate) fn on_simultaneous_open(
    cx: &mut Context,
    link: LinkId,
    registration: &Registration<'_>,
    out: &mut Out,
) {
    let id = registration.source;
    let other = cx.network.directory().find(id).map(Host::first_link);
    let simultaneous_open = other.filter(|other| {
        let neighbour = cx.network.neighbours().find(*other);
        neighbour.is_some_and(|n| n.host == id && !n.uplink && !n.synced)
    });
    let Some(other) = simultaneous_open else {
        log::warn!(
            "{}: closed: server {id} is in the network already: loop",
            cx.describe_peer(link)
        );
        uplink::on_loop(cx, link, id, id);
        return cx.close(link, CloseWhen::Flushed, "loop", out);
    };
    if let Some(session) = cx.crc_session_mut(link) {
        session.simultaneous_open = true;
    }
    let Some(machine) = split_info(registration.info.as_str()).1 else {
        // Its announcement, with its rank, comes next.
        let until = cx.now + CLASSIFICATION_TIME;
        return cx.set_link_timer(link, LinkTimer::Registration, until);
    };
    let rank = Announcement::parse(machine).rank.unwrap_or(UNRANKED);
    if (rank, id) >= cx.tree.place() {
        log::debug!(
            "{}: closed: simultaneous open, its link stays",
            cx.describe_peer(link)
        );
        return cx.close(link, CloseWhen::Flushed, "crossing", out);
    }
    log::debug!(
        "{}: closed: simultaneous open, the dialled link stays",
        cx.describe_peer(other)
    );
    cx.close(other, CloseWhen::Flushed, "crossing", out);
    cx.finish_leaving(id, out);
    on_server_introduction(cx, link, registration, out);
}

/// No setting of a channel, and no text that a server writes itself, is longer.
const SETTING_BYTES_MAX: u32 = 32 * 1024;

/// A registered client registers again.
pub(crate) fn on_client_repetition(
    cx: &mut Context,
    link: LinkId,
    registration: &Registration<'_>,
    out: &mut Out,
) {
    let Some(neighbour) = cx.network.neighbours().find(link).copied() else {
        return;
    };
    let id = registration.source;
    if id != neighbour.host {
        let violation = Violation::NotItsSource {
            kind: Kind::ClientRegistration,
            source_id: id,
        };
        return cx.on_violation(link, violation, out);
    }
    let machine = split_info(registration.info.as_str()).1;
    let announces = machine.is_some() && neighbour.version != PeerVersion::V2;
    // The announcement is part of the handshake.
    let cost = if announces { 0 } else { budget::CHAT };
    let (now, limits) = (cx.now, &cx.config.limits);
    let Some(found) = cx.links.find_mut(link) else {
        return;
    };
    if !found.budget.try_register(now, limits) || !found.budget.try_spend(now, limits, cost) {
        return cx.on_violation(link, Violation::TooFast(Kind::ClientRegistration), out);
    }
    let Some(machine) = machine else {
        // A v1 client that registers twice.
        return;
    };
    if neighbour.version == PeerVersion::V2 {
        let answer = id_taken(cx, HostKind::Client, id);
        return out.send(link, &answer);
    }
    let Announcement {
        features,
        utf8_name,
        is_bot,
        ..
    } = Announcement::parse(machine);
    if let Some(session) = cx.crc_session_mut(link) {
        session.features = features;
    }
    set_peer_version(cx, link, PeerVersion::V2, out);
    if let Some(name) = utf8_name
        && let Err(text) = take_utf8_name(cx, link, id, &name, out)
    {
        return reject_client(cx, link, &text, out);
    }
    if is_bot {
        let modes = UserModes {
            bot: true,
            ..UserModes::default()
        };
        cx.set_user_modes(link, modes, out);
    }
    super::send::send_features(cx, link, id, out);
    super::server_list::tell(cx, link, id, out);
    if features.utf8_names && cx.network.has_utf8_names() {
        super::burst::resume_burst(cx, link, out);
    }
}

/// A client announces its name in UTF-8. It counts if it belongs to the name with which the
/// client has registered, and looks like no other.
fn take_utf8_name(
    cx: &mut Context,
    link: LinkId,
    id: HostId,
    name: &str,
    out: &mut Out,
) -> Result<(), String> {
    let Some(host) = cx.network.directory().find(id) else {
        return Ok(());
    };
    if ascii_name(name) != host.name() {
        return Ok(());
    }
    let info = host.info().to_owned();
    if let Some(text) = cx.name_in_the_way(name, Some(id)) {
        return Err(text);
    }
    let claim = HostInfo::for_people(id, HostKind::Client, name, &info);
    cx.change_host(link, &claim, out);
    Ok(())
}

/// A neighbouring server repeats its registration with a machine part: the first time
/// this is its announcement, later a ping.
pub(crate) fn on_announcement(
    cx: &mut Context,
    link: LinkId,
    id: HostId,
    machine: &str,
    out: &mut Out,
) {
    let announcement = Announcement::parse(machine);
    let Some(neighbour) = cx.network.neighbours().find(link).copied() else {
        return;
    };
    let session = cx.crc_session(link);
    if session.is_some_and(|session| session.alias.is_some()) {
        return uplink::drop_alias(cx, link, out);
    }
    if let Some(clock_ms) = announcement.clock_ms {
        super::clock::on_clock(cx, link, clock_ms, out);
    }
    // A server that states its time has shifted it before.
    if let Some(shift_ms) = announcement.shift_ms
        && !cx.network.is_shifting()
    {
        super::clock::on_shift(cx, link, shift_ms, out);
    }
    let text_bytes_max = announcement.text_bytes_max;
    let text_bytes_max = text_bytes_max.unwrap_or(super::introduction::TEXT_BYTES_MAX_UNTOLD);
    // Nothing else is longer than a text may be here, or than a setting.
    let longest = cx.config.limits.text_bytes_max.max(SETTING_BYTES_MAX);
    if let Some(found) = cx.links.find_mut(link) {
        found.text_bytes_max = match text_bytes_max < longest {
            true => text_bytes_max,
            false => u32::MAX,
        };
    }
    let known = cx.network.directory().find(id).and_then(Host::machine);
    // So others learn that it is linked to this server.
    let machine = &*at_home(&without_link_entries(machine), cx.config.id);
    let changed = known != Some(machine) && is_machine_kept(machine);
    if changed {
        cx.network.set_machine(id, machine);
        uplink::learn_address(cx, link, id, machine);
    }
    if neighbour.version == PeerVersion::V2 {
        let answer = id_taken(cx, HostKind::Server, id);
        out.send(link, &answer);
    } else {
        if let Some(session) = cx.crc_session_mut(link) {
            session.features = announcement.features;
        }
        set_peer_version(cx, link, PeerVersion::V2, out);
    }
    if changed {
        announce::announce_machine_part(cx, id, link, out);
    }
    uplink::check_rank(cx, link, announcement.rank, out);
}

/// A server has not announced itself in time, so it is a v1 server. One that may not be such
/// gets as much time as it has to register: it may only be far away.
pub(crate) fn on_silent_server(cx: &mut Context, link: LinkId, out: &mut Out) {
    let patience = cx.config.limits.registration_time_max;
    let until = cx.links.find(link).map(|found| found.up_at + patience);
    match until.filter(|until| cx.now < *until) {
        Some(until) if auth::check_version(cx, link, PeerVersion::V1).is_err() => {
            cx.set_link_timer(link, LinkTimer::Classification, until);
        }
        _ => set_peer_version(cx, link, PeerVersion::V1, out),
    }
}

/// Notes the version of a peer. A server gets the burst, or what it has missed.
pub(crate) fn set_peer_version(
    cx: &mut Context,
    link: LinkId,
    version: PeerVersion,
    out: &mut Out,
) {
    if let Err(violation) = auth::check_version(cx, link, version) {
        return cx.on_violation(link, violation, out);
    }
    let peer = cx.describe_peer(link);
    cx.cancel_link_timer(link, LinkTimer::Classification);
    let Some(before) = cx.network.set_version(link, version) else {
        return;
    };
    let Some(found) = cx.links.find_mut(link) else {
        return;
    };
    let Some(session) = found.crc_mut() else {
        return;
    };
    if session.indirect_route.is_some() && version == PeerVersion::V1 {
        return reject_indirect_v1(cx, link, out);
    }
    session.indirect_route = None;
    match version {
        PeerVersion::Unknown => {}
        PeerVersion::V1 => log::info!("{peer} is a v1 node"),
        PeerVersion::V2 => log::debug!("{peer} is a v2 node"),
    }
    let mut waiting = 0;
    if version == PeerVersion::V2
        && let Outlet::Paced(pacer) = &found.outlet
    {
        waiting = pacer.waiting().len();
        out.send(link, pacer.waiting());
        found.outlet = Outlet::Direct;
        // It is judged by another bound now.
        cx.end_congestion(link, out);
        cx.cancel_link_timer(link, LinkTimer::PacePause);
        cx.cancel_link_timer(link, LinkTimer::PacedSend);
    }
    if before.kind == HostKind::Client {
        // What is left of its burst waited for the pacer.
        if cx.links.find(link).is_some_and(|it| !it.told.is_all()) {
            cx.set_link_timer(link, LinkTimer::Burst, cx.now + NEXT_EVENT);
        }
        return;
    }
    // Before it is sent any time.
    super::clock::tell_shifts(cx, link, out);
    let own_rank = cx.tree.rank();
    if before.version == PeerVersion::Unknown {
        if let Some(session) = cx.crc_session_mut(link) {
            session.pending.burst = true;
            // This server may have taken its rank since it announced itself.
            let stale = session.announced.is_some_and(|rank| rank != own_rank);
            session.pending.announcement |= stale && version == PeerVersion::V2;
        }
        cx.mark_dirty(link);
    } else if before.synced && version == PeerVersion::V2 {
        announce::send_missed_changes(cx, link, waiting, out);
    }
    let session = cx.crc_session(link);
    if before.uplink && session.is_some_and(|session| !session.features.channel_age) {
        // It does not say when it has sent all channels that it knows, if any.
        uplink::on_settled(cx, out);
    }
    if before.uplink && version == PeerVersion::V1 {
        // It has no rank, and counts as a root.
        uplink::check_rank(cx, link, Some(0), out);
    }
    if version == PeerVersion::V2 {
        super::keepalive::start_keepalive(cx, link);
    }
}

/// A peer that was known across a v1 node is a v1 node itself: the known route is kept,
/// and the link is closed.
pub(crate) fn reject_indirect_v1(cx: &mut Context, link: LinkId, out: &mut Out) {
    let Some(host) = cx.network.neighbours().find(link).map(|n| n.host) else {
        return;
    };
    uplink::on_loop(cx, link, host, host);
    cx.counters.refused += 1;
    log::warn!(
        "{}: refused: another route to it is known",
        cx.describe_peer(link)
    );
    let refusal = id_taken(cx, HostKind::Server, host);
    out.send(link, &refusal);
    cx.close(link, CloseWhen::Flushed, "refused", out);
}
