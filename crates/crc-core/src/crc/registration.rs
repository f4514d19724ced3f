//! Registrations of hosts behind a server: new, known, moved, or in conflict with
//! another host (PROTOCOL section 3).

use core::num::NonZeroU64;

use crc_machine::{CloseWhen, LinkId};
use crc_wire::{HostId, Registration, Text};

use super::channel::knows_channels;
use super::clock::time_from_peer;
use super::flush::{flush_handshake, is_pausing};
use super::handshake::on_announcement;
use super::send::id_taken;
use super::{announce, uplink};
use crate::announcement::{ClientDetails, client_details, registered_ms, split_info, stated_name};
use crate::context::{Context, Out};
use crate::network::{Host, HostInfo, HostKind, PeerVersion, RegistrationOutcome};
use crate::violation::Violation;

/// A server registers a host: itself again, or one behind it.
pub(crate) fn on_remote_registration(
    cx: &mut Context,
    link: LinkId,
    kind: HostKind,
    registration: &Registration<'_>,
    out: &mut Out,
) {
    let Some(neighbour) = cx.network.neighbours().find(link).copied() else {
        return;
    };
    let id = registration.source;
    let info = registration.info.as_str();
    if id == neighbour.host {
        return match split_info(info).1 {
            Some(machine) => on_announcement(cx, link, id, machine, out),
            // A v1 server that introduces itself again.
            None => log::debug!("{} introduces itself again", cx.describe_peer(link)),
        };
    }
    let machine = split_info(info)
        .1
        .filter(|_| neighbour.version == PeerVersion::V2);
    let name = registration.name.as_str();
    let utf8_name = machine.filter(|_| kind == HostKind::Client);
    let utf8_name = utf8_name.and_then(|machine| stated_name(machine, name));
    let name = utf8_name.as_deref().unwrap_or(name);
    let machine = machine.filter(|_| kind == HostKind::Server);
    let machine = machine.map(|part| uplink::believed_machine_part(cx, link, id, part));
    let machine = machine.as_deref();
    let registered_ms = match kind {
        HostKind::Client => stated_registration(cx, link, info),
        HostKind::Server => None,
    };
    let host = HostInfo::for_people(id, kind, name, info)
        .with_machine(machine)
        .registered_at(registered_ms)
        .with_details(stated_details(cx, link, kind, info));
    let mut outcome = cx.network.classify(link, &host);
    if outcome == RegistrationOutcome::Moved && cx.has_local_id(id) {
        // This server has drawn the id, so it knows where the host is.
        let ours = cx.network.directory().find(id);
        let ours = ours.and_then(Host::registered_ms);
        outcome = match kind {
            HostKind::Client => cx
                .network
                .settle_clients(neighbour.uplink, ours, registered_ms),
            HostKind::Server => RegistrationOutcome::Loop,
        };
    }
    let mut displaced_at = None;
    match outcome {
        RegistrationOutcome::New => {}
        RegistrationOutcome::Known => return uplink::note_ghost(cx, link, &host, out),
        RegistrationOutcome::MachinePartChanged => {
            if let Some(machine) = machine {
                cx.network.set_machine(id, machine);
                uplink::learn_address(cx, link, id, machine);
            }
            if registered_ms.is_some() {
                cx.network.set_registered(id, registered_ms);
            }
            if host.details != ClientDetails::default() {
                cx.network.set_details(id, host.details);
            }
            return announce::announce_machine_part(cx, id, link, out);
        }
        RegistrationOutcome::Changed if keeps_channels(cx, link, &host) => {
            return cx.change_host(link, &host, out);
        }
        RegistrationOutcome::Changed => {
            cx.remove_host(id, &Text::truncated("registered anew"), Some(link), out);
        }
        RegistrationOutcome::Moved if kind == HostKind::Server => {
            // The other neighbours reach it through this server, as before. But the one
            // that registers it must not take it to be behind this server any more.
            cx.network.replace_host(Host::new(link, &host));
            announce::retract(cx, link, id, out);
            if let Some(machine) = machine {
                uplink::learn_address(cx, link, id, machine);
                announce::announce_machine_part(cx, id, link, out);
            }
            return;
        }
        RegistrationOutcome::Moved => cx.remove_host(id, &Text::truncated("moved"), None, out),
        RegistrationOutcome::Relinked => {
            if let Some(old) = cx.network.directory().find(id).map(Host::first_link) {
                log::warn!("{}: closed: it is linked elsewhere", cx.describe_peer(old));
                cx.close(old, CloseWhen::Flushed, "linked elsewhere", out);
            }
        }
        RegistrationOutcome::Loop => {
            log::warn!(
                "{}: closed: it announces server {id}, to which there is another route: loop",
                cx.describe_peer(link)
            );
            uplink::on_loop(cx, link, neighbour.host, id);
            // If the peer has dialled this server, it learns why it need not do so again.
            let refusal = id_taken(cx, kind, id);
            out.send(link, &refusal);
            return cx.close(link, CloseWhen::Flushed, "loop", out);
        }
        RegistrationOutcome::Displaced => {
            cx.counters.dropped += 1;
            log::debug!(
                "{}: client {id} has the id of a server",
                cx.describe_peer(link)
            );
            return tell_of_ours(cx, link, id, out);
        }
        RegistrationOutcome::Displaces | RegistrationOutcome::TheirsStays => {
            displaced_at = cx.network.directory().find(id).map(Host::first_link);
            evict_client(cx, id, (kind, link), out);
        }
        RegistrationOutcome::OursStays => {
            cx.counters.refused += 1;
            let refusal = id_taken(cx, kind, id);
            out.send(link, &refusal);
            return tell_of_ours(cx, link, id, out);
        }
    }
    if cx.network.directory().len() >= cx.config.limits.hosts_max {
        return cx.on_violation(link, Violation::DirectoryFull, out);
    }
    cx.add_remote_host(link, &host, out);
    if let Some(loser) = displaced_at {
        tell_of_ours(cx, loser, id, out);
    }
}

/// A peer's client gives way to a host here that has its id. The peer is told of that
/// host now, even if the burst has not come to it: it gives up its client for that host
/// only, and would keep the client if the host left before.
fn tell_of_ours(cx: &mut Context, link: LinkId, id: HostId, out: &mut Out) {
    flush_handshake(cx, link, out);
    announce::announce_speaker(cx, link, id, out);
}

/// When a client registered, as a version 2 server states it that takes such times.
fn stated_registration(cx: &Context, link: LinkId, info: &str) -> Option<NonZeroU64> {
    let takes = cx.crc_session(link)?.features.channel_age;
    let stated = split_info(info).1.and_then(registered_ms);
    let ms = stated.filter(|_| takes)?.get();
    NonZeroU64::new(time_from_peer(cx, link, ms))
}

/// What a version 2 server that takes times says of a client.
fn stated_details<'a>(
    cx: &Context,
    link: LinkId,
    kind: HostKind,
    info: &'a str,
) -> ClientDetails<'a> {
    let session = cx.crc_session(link);
    let takes = session.is_some_and(|session| session.features.channel_age);
    let part = split_info(info)
        .1
        .filter(|_| takes && kind == HostKind::Client);
    let details = part.map(client_details).unwrap_or_default();
    // Only this server speaks for its own clients.
    let home = details.home.filter(|home| *home != cx.config.id);
    ClientDetails { home, ..details }
}

/// A client gives way to the host with its id on `link`: a server, or the client that
/// stays of the two. Its server sends it a status and closes its link; a v1 client that may
/// not have read the last chunk gets no status.
pub(crate) fn evict_client(
    cx: &mut Context,
    id: HostId,
    (kind, link): (HostKind, LinkId),
    out: &mut Out,
) {
    if cx.has_local_id(id) {
        return cx.renumber_host(id, out);
    }
    let text = Text::truncated(match kind {
        HostKind::Server => "replaced by a server with its id",
        HostKind::Client => "replaced by another client with its id",
    });
    let home = cx.network.directory().find(id).map(Host::first_link);
    let local = home.filter(|home| {
        let neighbour = cx.network.neighbours().find(*home);
        neighbour.is_some_and(|n| n.host == id)
    });
    if let Some(local) = local {
        log::warn!(
            "{}: closed: id {id} is in use elsewhere",
            cx.describe_peer(local)
        );
        if !is_pausing(cx, local) {
            let refusal = id_taken(cx, HostKind::Client, id);
            out.send(local, &refusal);
        }
        cx.network.remove_neighbour(local);
        cx.close(local, CloseWhen::Flushed, "id taken", out);
    }
    cx.remove_host(id, &text, None, out);
    log::debug!(
        "client {id} gives way to the {kind} behind {}",
        cx.describe_peer(link)
    );
}

/// Whether a changed registration is about the same client as before, which stays in its
/// channels: it was a client and is one, and the server knows channels.
fn keeps_channels(cx: &Context, link: LinkId, info: &HostInfo<'_>) -> bool {
    let known = cx.network.directory().find(info.id);
    let before = known.map_or(info.kind, Host::kind);
    [before, info.kind] == [HostKind::Client; 2] && knows_channels(cx, link)
}
