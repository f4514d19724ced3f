//! The goodbyes to the neighbours when this server leaves.

use crc_machine::{LinkId, PeerAddress};
use crc_wire::{HostId, Message, ServerQuit, Text};

use super::announce::quit_message;
use super::encoding::Encoding;
use super::send::send_leaving;
use crate::context::{Context, Out};
use crate::link::{Outlet, Phase};
use crate::network::{Host, HostKind, Neighbour};

/// Sends a neighbour the quit of this server, which names `by` as its replacement.
pub(crate) fn send_goodbye(
    cx: &mut Context,
    link: LinkId,
    to: Neighbour,
    reason: &str,
    by: Option<&(HostId, PeerAddress)>,
    out: &mut Out,
) {
    if to.kind == HostKind::Client {
        return send_leaving(cx, link, to.host, reason, out);
    }
    let Some(found) = cx.links.find_mut(link) else {
        return;
    };
    let Some(session) = found.crc() else {
        return;
    };
    if session.features.server_quit {
        let text = match by {
            Some((_, address)) => format!("{address} {reason}"),
            None => reason.to_owned(),
        };
        let quit = Message::ServerQuit(ServerQuit {
            source: cx.config.id,
            replacement: by.map(|(id, _)| *id),
            text: Text::truncated(&text),
        });
        let quit = out.store(|arena| quit.encode(arena));
        found.deliver(link, quit, out);
    } else if to.synced {
        // A v1 server knows no quit of servers: every client leaves instead.
        let directory = cx.network.directory();
        let is_told = |host: &&Host| {
            let place = directory.place(host.id());
            let told = place.is_some_and(|place| session.has_told(host.id(), place));
            told && host.first_link() != link
        };
        let clients = directory.clients().filter(is_told);
        let encoding = Encoding::of(to.kind, to.version);
        let quits = out.store(|arena| {
            for client in clients {
                encoding.encode(&quit_message(client.id(), reason), arena);
            }
        });
        if let Outlet::Paced(pacer) = &mut found.outlet {
            pacer.grant(quits.len());
        }
        found.deliver(link, quits, out);
        // It has been sent the quit of every client.
        if let Some(session) = found.crc_mut() {
            session.walk = None;
        }
        cx.network.set_synced(link, false);
        cx.set_bursting(link, false);
    }
}

/// Whether frames still wait to be sent to a v1 node.
pub(crate) fn has_unsent_goodbyes(cx: &Context) -> bool {
    cx.links.iter().any(|(_, found)| {
        matches!(&found.outlet, Outlet::Paced(pacer) if !pacer.waiting().is_empty())
            && found.phase != Phase::Closing
    })
}
