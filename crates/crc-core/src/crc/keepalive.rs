//! Whether the servers at the other ends are still there.
//!
//! TCP notices a peer that vanished late, or never while nothing is sent. So a
//! server that has been silent is asked: our registration is repeated, which it
//! answers, being ours or an original one that has shown that it does. Knows
//! nothing of clients; those are left to TCP.

use core::time::Duration;

use crc_wire::HostId;

use crate::context::{Context, Out, Timer};
use crate::network::{HostKind, PeerVersion};
use crate::planted::planted;
use crc_machine::CloseWhen;
use crc_machine::LinkId;

/// How long a server may be silent before it is asked.
const SILENCE_MAX: Duration = Duration::from_secs(15);
/// How long it may be silent at all.
const DEAD_AFTER: Duration = Duration::from_secs(45);
/// A link is doubtful when it has not answered for so long.
const DOUBTFUL_AFTER: Duration = Duration::from_secs(5);

impl Context {
    /// Begins to watch over a server that answers.
    pub(crate) fn start_keepalive(&mut self, link: LinkId) {
        if !self.timers.is_set(Timer::Keepalive(link)) {
            self.timers
                .set(Timer::Keepalive(link), self.now + SILENCE_MAX);
        }
    }

    /// Looks after a server that we watch over.
    pub(crate) fn check_keepalive(&mut self, link: LinkId, out: &mut Out) {
        let Some(session) = self.sessions.find(link) else {
            return;
        };
        let silence = self.now.since(session.heard_at);
        if silence >= DEAD_AFTER && !planted!(self, NoPulse) {
            log::warn!(
                "{}: closed: no word for {silence:.0?}",
                self.describe_peer(link)
            );
            self.on_uplink_silent(link);
            return self.close(link, CloseWhen::Now, "no answer", out);
        }
        if silence < SILENCE_MAX {
            let next = session.heard_at + SILENCE_MAX;
            return self.timers.set(Timer::Keepalive(link), next);
        }
        self.ping(link, out);
        self.timers
            .set(Timer::Keepalive(link), self.now + SILENCE_MAX);
    }

    pub(crate) fn ping(&mut self, link: LinkId, out: &mut Out) {
        let now = self.now;
        if let Some(session) = self.sessions.find_mut(link)
            && session
                .pinged_at
                .is_none_or(|asked| asked <= session.heard_at)
        {
            session.pinged_at = Some(now);
        }
        self.announce(link, out);
    }

    /// Whether a peer that registers is one of our neighbours whose link to us
    /// has died without our knowing: the same server from the same address,
    /// which has not answered us for a while. If we have not asked lately, we
    /// ask now; the peer will try again.
    pub(crate) fn dead_link_replaced_by(
        &mut self,
        link: LinkId,
        id: HostId,
        name: &str,
        out: &mut Out,
    ) -> Option<LinkId> {
        let host = self.network.directory().find(id)?;
        let old = host.first_link();
        let neighbour = self.network.neighbours().find(old)?;
        let direct = neighbour.host == id && neighbour.kind == HostKind::Server;
        let ip = |link| {
            let session = self.sessions.find(link);
            session.map(|session| session.endpoints.peer.ip().to_canonical())
        };
        if !direct || host.name() != name || ip(old) != ip(link) {
            return None;
        }
        let session = self.sessions.find(old)?;
        match session.pinged_at {
            Some(asked) if asked > session.heard_at => {
                (self.now.since(asked) >= DOUBTFUL_AFTER).then_some(old)
            }
            _ => {
                if neighbour.version != PeerVersion::Unknown {
                    self.ping(old, out);
                }
                None
            }
        }
    }
}
