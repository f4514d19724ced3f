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
        let elsewhere = |host: &&Host| host.first_link() != link;
        let clients = cx.network.directory().clients().filter(elsewhere);
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
        cx.network.set_synced(link, false);
    }
}

/// Whether frames still wait to be sent to a v1 node.
pub(crate) fn has_unsent_goodbyes(cx: &Context) -> bool {
    cx.links.iter().any(|(_, found)| {
        matches!(&found.outlet, Outlet::Paced(pacer) if !pacer.waiting().is_empty())
            && found.phase != Phase::Closing
    })
}
