//! The life of a link, whatever protocol it speaks: it comes up, its peer
//! becomes a neighbour, it is closed, it is gone.

use crate::context::{Context, Out, Stage, Timer};
use crate::crc::session::{Outlet, Phase, Session};
use crate::network::{Host, HostKind, Neighbour, PeerVersion};
use crate::planted::planted;
use crate::violation::{Action, Violation};
use crc_machine::{CloseWhen, Endpoints, LinkDown, LinkId, Origin, Unsent};
use crc_wire::Decoder;

impl Context {
    /// Deals with a peer's fault: the one place where it has consequences.
    pub(crate) fn violation(&mut self, link: LinkId, violation: Violation, out: &mut Out) {
        let Some(session) = self.sessions.find(link) else {
            return;
        };
        let who = self.describe_peer(link);
        match violation.action(session.phase.role()) {
            Action::Drop => {
                self.counters.dropped += 1;
                log::debug!("{who}: dropped: {violation}");
            }
            Action::Close => {
                self.counters.violations += 1;
                log::warn!("{who}: closed: {violation}");
                self.send_last_line(link, &violation.to_string(), out);
                let text = match violation {
                    Violation::Flood => "Excess Flood",
                    _ => "protocol error",
                };
                self.close(link, CloseWhen::Flushed, text, out);
            }
            Action::Refuse => {
                self.counters.refused += 1;
                log::warn!("{who}: refused: {violation}");
                if let Violation::IdTaken { kind, id } = violation {
                    let refusal = self.id_taken(kind, id);
                    out.send(link, &refusal);
                }
                self.close(link, CloseWhen::Flushed, "refused", out);
            }
        }
    }

    /// Closes a link, and with it what was behind it.
    pub(crate) fn close(&mut self, link: LinkId, when: CloseWhen, text: &str, out: &mut Out) {
        self.remove_all_behind(link, text, out);
        let Some(session) = self.sessions.find_mut(link) else {
            return;
        };
        if session.phase == Phase::Closing {
            return;
        }
        session.phase = Phase::Closing;
        session.decoder = Decoder::new();
        self.timers.cancel(Timer::Registration(link));
        self.timers.cancel(Timer::PacePause(link));
        self.timers.cancel(Timer::PacedSend(link));
        self.timers.cancel(Timer::Keepalive(link));
        self.timers.cancel(Timer::RankCheck(link));
        self.timers.cancel(Timer::Irc(link));
        self.timers.cancel(Timer::LegacyLoop(link));
        out.close(link, when);
    }

    /// Enters a new adjacent host.
    pub(crate) fn admit(&mut self, link: LinkId, host: Host, uplink: bool) {
        let neighbour = Neighbour {
            host: host.id(),
            kind: host.kind(),
            version: PeerVersion::Unknown,
            uplink,
            synced: false,
        };
        if let Some(session) = self.sessions.find_mut(link) {
            session.phase = match host.kind() {
                HostKind::Server => Phase::Server,
                HostKind::Client => Phase::Client,
            };
            session.outlet = match host.kind() {
                HostKind::Server => Outlet::Held(Vec::new()),
                // A client is taken for an original one until it says more.
                HostKind::Client if planted!(self, NoPace) => Outlet::Direct,
                HostKind::Client => Outlet::Paced(Box::default()),
            };
        }
        self.timers.cancel(Timer::Registration(link));
        self.network.neighbours_mut().insert(link, neighbour);
        self.network.directory_mut().insert(host);
        self.counters.registrations += 1;
    }

    /// A link's peer, for the log; whatever came from outside is escaped.
    pub(crate) fn describe_peer(&self, link: LinkId) -> String {
        let Some(session) = self.sessions.find(link) else {
            return link.to_string();
        };
        let peer = session.endpoints.peer;
        let neighbour = self.network.neighbours().find(link);
        match neighbour.and_then(|n| self.network.directory().find(n.host)) {
            Some(host) => {
                format!("{} {} {:?} at {peer}", host.kind(), host.id(), host.name())
            }
            None => format!("{peer}"),
        }
    }

    pub(crate) fn on_link_up(
        &mut self,
        link: LinkId,
        origin: Origin,
        endpoints: Endpoints,
        out: &mut Out,
    ) {
        if self.stage != Stage::Running {
            // Its LinkDown will be for a link that we never knew.
            return out.close(link, CloseWhen::Now);
        }
        let mut session = Session::new(self.now, origin, endpoints);
        session.lines = self.text_protocol_for(origin);
        let frames = session.lines.is_none();
        self.sessions.insert(link, session);
        let limits = &self.config.limits;
        if !frames {
            // Whoever is listed the network gets more room then.
            out.bound(link, limits.client_queue_bytes_max);
        }
        let patience = match origin {
            Origin::Accepted { .. } => limits.registration_time_max,
            Origin::Dialed { .. } => limits.introduction_time_max,
        };
        self.timers
            .set(Timer::Registration(link), self.now + patience);
        if let Origin::Dialed { dial } = origin
            && frames
        {
            let alias = self.start_uplink(dial, link);
            let introduction = self.introduction(alias.as_ref().map(|alias| alias.id));
            out.send(link, &introduction);
            if let Some(session) = self.sessions.find_mut(link) {
                session.alias = alias;
            }
        } else if let Origin::Dialed { dial } = origin {
            self.legacy_dialled(link, dial, out);
        }
    }

    pub(crate) fn on_link_down(
        &mut self,
        link: LinkId,
        why: LinkDown,
        unsent: Unsent<'_>,
        out: &mut Out,
    ) {
        let who = self.describe_peer(link);
        let Some(session) = self.sessions.find_mut(link) else {
            return;
        };
        let mut unsent = unsent;
        let mut all = Vec::new();
        let kept = match &session.outlet {
            Outlet::Direct | Outlet::Lines => &[],
            Outlet::Paced(pacer) => pacer.waiting(),
            Outlet::Held(held) => &held[..],
        };
        if !kept.is_empty() {
            // Behind what the driver holds stands what we hold.
            all.extend_from_slice(unsent.bytes);
            all.extend_from_slice(kept);
            unsent.bytes = &all;
        }
        let expected = session.phase == Phase::Closing;
        let frames = session.lines.is_none();
        if why == LinkDown::SlowConsumer {
            self.counters.slow_consumers += 1;
        }
        self.remove_all_behind(link, &why.to_string(), out);
        self.sessions.remove(link);
        for due in [
            Timer::Registration(link),
            Timer::Announcement(link),
            Timer::Classification(link),
            Timer::PacePause(link),
            Timer::PacedSend(link),
            Timer::Keepalive(link),
            Timer::Refusal(link),
            Timer::RankCheck(link),
            Timer::Irc(link),
            Timer::LegacyLoop(link),
        ] {
            self.timers.cancel(due);
        }
        if frames && !planted!(self, UnsentForgotten) {
            self.bounce_unsent(unsent, out);
        }
        match why {
            _ if expected => log::debug!("{who}: link ended: {why}"),
            LinkDown::SlowConsumer => log::warn!("{who}: closed: {why}"),
            _ => log::info!("{who}: link lost: {why}"),
        }
        self.on_uplink_down(link, out);
        self.legacy_link_down(link);
    }
}
