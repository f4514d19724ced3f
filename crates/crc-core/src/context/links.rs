//! The operations on links of every protocol: a peer becomes a neighbour, breaks a rule,
//! is closed.

use core::fmt::Write;
use core::net::IpAddr;
use std::collections::btree_map::Entry;

use crc_machine::{CloseWhen, LinkId, Origin};
use crc_wire::Decoder;

use super::{Context, LinkTimer, Out};
use crate::crc::session::Session;
use crate::link::{Link, Outlet, Phase, Protocol};
use crate::network::{Host, HostKind, Neighbour, PeerVersion};
use crate::text_protocol::TextProtocol;
use crate::violation::{Action, Violation};
use crate::{crc, irc, legacy};

impl Context {
    /// The protocol that is spoken on a new link: the listener decides it, or the
    /// owner of the dial.
    pub(crate) fn protocol_for(&self, origin: Origin) -> Protocol {
        let text = match origin {
            Origin::Accepted { listener } => {
                let mut listeners = self.config.text_listeners.iter();
                let found = listeners.find(|(id, _)| *id == listener);
                found.map(|(_, protocol)| match protocol {
                    TextProtocol::Irc => Protocol::Irc(Box::default()),
                    TextProtocol::Legacy => Protocol::Legacy(Box::default()),
                })
            }
            Origin::Dialed { dial } => legacy::uplink::protocol_for(self, dial),
        };
        text.unwrap_or_else(|| Protocol::Crc(Session::default()))
    }

    /// The peer of a link, for the log. Names are escaped.
    pub(crate) fn describe_peer(&self, link: LinkId) -> String {
        let Some(found) = self.links.find(link) else {
            return link.to_string();
        };
        let mut peer = found.endpoints.peer.to_string();
        if let Some(gateway) = &found.gateway {
            // Writing to a string does not fail.
            let _ = write!(peer, " (gateway {:?} at {})", gateway.name, gateway.address);
        }
        let neighbour = self.network.neighbours().find(link);
        match neighbour.and_then(|n| self.network.directory().find(n.host)) {
            Some(host) => {
                format!("{} {} {:?} at {peer}", host.kind(), host.id(), host.name())
            }
            None => match found.claimed() {
                Some((id, name)) => format!("{peer} as server {id} {name:?}"),
                None => peer,
            },
        }
    }

    /// What only the two ends of this very connection know, if it is encrypted.
    pub(crate) fn channel_binding(&self, link: LinkId) -> Option<&[u8; 32]> {
        let security = self.links.find(link)?.security.as_ref()?;
        Some(&security.keying_material)
    }

    /// Makes the peer of a link a neighbour.
    pub(crate) fn add_neighbour(
        &mut self,
        link: LinkId,
        host: Host,
        version: PeerVersion,
        out: &mut Out,
    ) {
        let (id, kind) = (host.id(), host.kind());
        self.finish_leaving(id, out);
        self.finish_leaving_named(host.name(), out);
        let mut uplink = false;
        if let Some(found) = self.links.find_mut(link) {
            let is_crc = found.is_crc();
            uplink = is_crc && matches!(found.origin, Origin::Dialed { .. });
            found.phase = kind.into();
            found.outlet = match kind {
                _ if !is_crc => Outlet::Text,
                HostKind::Server => Outlet::Held(Vec::new()),
                // A client counts as a v1 client until it announces itself.
                HostKind::Client => Outlet::Paced(Box::default()),
            };
        }
        self.cancel_link_timer(link, LinkTimer::Registration);
        let neighbour = Neighbour {
            host: id,
            kind,
            version,
            uplink,
            synced: false,
        };
        self.network.add_neighbour(link, neighbour);
        let host = host.registered_at(self.registration_time(kind));
        let host = match kind {
            HostKind::Client => host.at_home(self.config.id),
            HostKind::Server => host,
        };
        self.network.add_host(host, self.now);
        self.counters.registrations += 1;
    }

    /// Takes the cost of what the client of a link sends from its budget. `false` if the
    /// budget is spent.
    pub(crate) fn try_spend(&mut self, link: LinkId, cost: u32) -> bool {
        let found = self.links.find_mut(link);
        found.is_none_or(|found| found.budget.try_spend(self.now, &self.config.limits, cost))
    }

    /// A peer has broken a rule: the one place where that has consequences.
    pub(crate) fn on_violation(&mut self, link: LinkId, violation: Violation, out: &mut Out) {
        let Some(found) = self.links.find(link) else {
            return;
        };
        let peer = self.describe_peer(link);
        match violation.action(found.phase.role()) {
            Action::Drop => {
                self.counters.dropped += 1;
                log::debug!("{peer}: dropped: {violation}");
            }
            Action::Close => {
                self.counters.violations += 1;
                // A server that was dialled may be dialled again and again.
                let is_dialled = found.phase == Phase::Introduced;
                match !is_dialled || crc::uplink::is_violation_new(self, violation) {
                    true => log::warn!("{peer}: closed: {violation}"),
                    false => log::debug!("{peer}: closed again: {violation}"),
                }
                self.send_last_line(link, &violation.to_string(), out);
                if let Some(text) = violation.text_for_server() {
                    crc::send::not_permitted(self, link, text, out);
                }
                let text = match violation {
                    Violation::Flood => "Excess Flood",
                    _ => "protocol error",
                };
                self.close(link, CloseWhen::Flushed, text, out);
            }
            Action::Refuse => {
                self.counters.refused += 1;
                log::warn!("{peer}: refused: {violation}");
                if let Violation::IdTaken { kind, id } = violation {
                    let refusal = crc::send::id_taken(self, kind, id);
                    out.send(link, &refusal);
                }
                self.close(link, CloseWhen::Flushed, "refused", out);
            }
        }
    }

    /// Closes a link, and removes the hosts behind it, which leave with `text`.
    pub(crate) fn close(&mut self, link: LinkId, when: CloseWhen, text: &str, out: &mut Out) {
        irc::clear_monitors(self, link);
        self.remove_all_behind(link, text, out);
        let Some(found) = self.links.find_mut(link) else {
            return;
        };
        if found.phase == Phase::Closing {
            return;
        }
        found.phase = Phase::Closing;
        self.end_congestion(link, out);
        self.set_bursting(link, false);
        let Some(found) = self.links.find_mut(link) else {
            return;
        };
        found.detour = true;
        found.told.end();
        if let Some(session) = found.crc_mut() {
            session.decoder = Decoder::new();
        }
        for timer in LinkTimer::OF_OPEN_LINK {
            self.cancel_link_timer(link, timer);
        }
        self.drop_unread(link);
        out.close(link, when);
    }

    /// Adds a link that has come up.
    pub(crate) fn add_link(&mut self, link: LinkId, found: Link) {
        let ip = found.endpoints.local.ip().to_canonical();
        *self.local_ips.entry(ip).or_default() += 1;
        self.links.insert(link, found);
    }

    /// Whether a link ends at this address on this side.
    pub(crate) fn has_local_ip(&self, ip: IpAddr) -> bool {
        self.local_ips.contains_key(&ip.to_canonical())
    }

    /// Forgets a link that has ended, and every deadline that it had.
    pub(crate) fn remove_link(&mut self, link: LinkId) {
        self.set_bursting(link, false);
        irc::clear_monitors(self, link);
        if let Some(ended) = self.links.remove(link) {
            let ip = ended.endpoints.local.ip().to_canonical();
            if let Entry::Occupied(mut links) = self.local_ips.entry(ip) {
                *links.get_mut() -= 1;
                if *links.get() == 0 {
                    links.remove();
                }
            }
        }
        for timer in LinkTimer::ALL {
            self.cancel_link_timer(link, timer);
        }
    }

    /// Closes a link that speaks a text protocol, with a last line that says why.
    pub(crate) fn close_text_link(&mut self, link: LinkId, why: &str, text: &str, out: &mut Out) {
        self.send_last_line(link, why, out);
        self.close(link, CloseWhen::Flushed, text, out);
    }

    /// Sends the last line on a link that is about to be closed; the binary protocol
    /// has none.
    fn send_last_line(&mut self, link: LinkId, text: &str, out: &mut Out) {
        match self.links.find(link).map(|found| &found.protocol) {
            Some(Protocol::Irc(_)) => irc::send_error(self, link, text, out),
            Some(Protocol::Legacy(_)) => legacy::notify::send_error(link, text, out),
            Some(Protocol::Crc(_)) | None => {}
        }
    }
}

impl From<HostKind> for Phase {
    fn from(kind: HostKind) -> Phase {
        match kind {
            HostKind::Server => Phase::Server,
            HostKind::Client => Phase::Client,
        }
    }
}
