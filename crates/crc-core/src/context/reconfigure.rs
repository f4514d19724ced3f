//! Settings that change while the server runs.

use super::{Context, Out};
use crate::config::Reconfiguration;
use crate::congestion::step;
use crate::limits::Limits;
use crate::link::{Phase, Protocol};

impl Context {
    /// Uses other settings from now on. What is there already stays: hosts beyond a smaller
    /// limit, links of servers that may not link any more, bytes in queues.
    pub(crate) fn reconfigure(&mut self, changed: Reconfiguration, out: &mut Out) {
        let Reconfiguration {
            server_peers,
            v1_peers,
            links,
            password,
            operators,
            gateways,
            motd,
            limits,
        } = changed;
        self.tree.set_permitted(&server_peers);
        self.config.server_peers = server_peers;
        self.config.v1_peers = v1_peers;
        self.config.links = links;
        self.config.motd = motd;
        self.config.password = password;
        self.config.operators = operators;
        self.config.gateways = gateways;
        self.check_operators(out);
        self.status_log.set_max(limits.status_log_max);
        let before = core::mem::take(&mut self.config.limits);
        self.config.limits = Limits {
            // Neighbours were told of it.
            text_bytes_max: before.text_bytes_max,
            work_slice: before.work_slice,
            ..limits
        };
        self.raise_bounds(&before, out);
    }

    /// Bounds the queues of links that may be longer now. The others keep their bounds: a queue
    /// that is longer than a smaller bound is not the peer's fault. Legacy users keep theirs
    /// too, which depends on what they have asked for.
    fn raise_bounds(&self, before: &Limits, out: &mut Out) {
        let limits = &self.config.limits;
        let longer_clients = limits.client_queue_bytes_max > before.client_queue_bytes_max;
        let longer_servers = limits.server_queue_bytes_max > before.server_queue_bytes_max;
        let servers = limits.server_queue_bytes_max != before.server_queue_bytes_max;
        // The end of a burst sets the bound in any case.
        let steady = self.links.iter().filter(|(_, found)| !found.detour);
        for (link, found) in steady {
            if servers && found.phase == Phase::Server {
                out.watch(link, step(limits.server_queue_bytes_max));
            }
            match (&found.protocol, found.phase) {
                (_, Phase::Server) if longer_servers => self.bound_queue(link, out),
                (Protocol::Crc(_), Phase::Client) if longer_clients => self.bound_queue(link, out),
                (Protocol::Irc(_), _) if longer_clients => {
                    out.bound(link, limits.client_queue_bytes_max);
                }
                _ => {}
            }
        }
    }
}
