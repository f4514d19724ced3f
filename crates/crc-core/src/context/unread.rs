//! What is read from a link: handled at once, as far as the work of one event permits, and
//! the rest in later events. The link is not read meanwhile.

use crc_machine::{LinkDown, LinkId, Unsent};

use super::{Context, LinkTimer, NEXT_EVENT, Out};
use crate::link::{Ended, Outlet, Phase, Protocol};
use crate::violation::Violation;
use crate::{crc, irc, legacy};

/// What a driver may have read before it stops, whatever queues may hold.
const UNREAD_BYTES_MIN: usize = 256 << 10;

impl Context {
    /// The next bytes of a link.
    #[inline]
    pub(crate) fn on_bytes(&mut self, link: LinkId, bytes: &[u8], out: &mut Out) {
        let Some(found) = self.links.find_mut(link) else {
            return;
        };
        found.heard_at = self.now;
        found.received_bytes += bytes.len() as u64;
        if found.unread.is_some() || self.network.is_shifting() {
            return self.keep_unread(link, bytes, out);
        }
        let rest = self.handle_bytes(link, bytes, out);
        if !rest.is_empty() || self.is_answering(link) {
            self.keep_unread(link, rest, out);
        }
    }

    /// Handles bytes of a link by its protocol. Returns those that wait for a later event.
    #[inline]
    fn handle_bytes<'b>(&mut self, link: LinkId, bytes: &'b [u8], out: &mut Out) -> &'b [u8] {
        if self.congested.is_empty() {
            return self.handle_by_protocol(link, bytes, out);
        }
        self.before_bytes();
        let rest = self.handle_by_protocol(link, bytes, out);
        self.charge_bytes(link, out);
        rest
    }

    #[inline]
    pub(super) fn handle_by_protocol<'b>(
        &mut self,
        link: LinkId,
        bytes: &'b [u8],
        out: &mut Out,
    ) -> &'b [u8] {
        let found = self.links.find(link);
        if found.is_some_and(|found| found.phase == Phase::Unregistered && !found.is_recognised) {
            return self.on_first_bytes(link, bytes, out);
        }
        match found.map(|found| &found.protocol) {
            Some(Protocol::Crc(_)) => crc::receive::on_bytes(self, link, bytes, out),
            Some(Protocol::Legacy(_)) => legacy::on_bytes(self, link, bytes, out),
            // It has a rate limit of its own, and so keeps what waits.
            Some(Protocol::Irc(_)) => {
                irc::on_bytes(self, link, bytes, out);
                &[]
            }
            None => &[],
        }
    }

    /// Whether an answer to what was read is not complete: what was read next waits.
    fn is_answering(&self, link: LinkId) -> bool {
        let found = self.links.find(link);
        self.work.is_spent() && found.is_some_and(legacy::is_answering)
    }

    /// Keeps bytes that wait. A peer that was not stopped in time, and sends more than its
    /// queue may have, breaks a rule.
    fn keep_unread(&mut self, link: LinkId, bytes: &[u8], out: &mut Out) {
        let limits = &self.config.limits;
        let Some(found) = self.links.find_mut(link) else {
            return;
        };
        let bytes_max = match found.phase {
            Phase::Closing => return,
            Phase::Server => limits.server_queue_bytes_max,
            _ => limits.client_queue_bytes_max,
        };
        let unread = found.unread.get_or_insert_default();
        if unread.bytes.len() + bytes.len() > bytes_max.max(UNREAD_BYTES_MIN) {
            return self.on_violation(link, Violation::Flood, out);
        }
        unread.bytes.extend_from_slice(bytes);
        self.read_on(link);
        self.update_pause(link, out);
    }

    /// What waits is handled in the next event, unless the comparison of a password comes first:
    /// that goes on itself.
    pub(crate) fn read_on(&mut self, link: LinkId) {
        let found = self.links.find(link);
        if found.is_some_and(|found| found.unread.is_some() && !found.is_password_checked()) {
            self.set_link_timer(link, LinkTimer::Unread, self.now + NEXT_EVENT);
        }
    }

    /// Handles more of what waits. Returns how the link has ended, if it has, and nothing
    /// waits any more.
    pub(crate) fn on_unread(&mut self, link: LinkId, out: &mut Out) -> Option<Ended> {
        let found = self.links.find_mut(link)?;
        found.heard_at = self.now;
        let mut unread = found.unread.take()?;
        let rest = self.handle_bytes(link, &unread.bytes, out).len();
        let is_answering = self.is_answering(link);
        let found = self.links.find_mut(link)?;
        if (rest > 0 || is_answering) && found.phase != Phase::Closing {
            unread.bytes.drain(..unread.bytes.len() - rest);
            found.unread = Some(unread);
            self.read_on(link);
            return None;
        }
        self.update_pause(link, out);
        unread.ended
    }

    /// A link is closed: what waits is not handled any more.
    pub(super) fn drop_unread(&mut self, link: LinkId) {
        let Some(found) = self.links.find_mut(link) else {
            return;
        };
        match &mut found.unread {
            Some(unread) if unread.ended.is_some() => {
                // Nothing else will say that the link is down.
                unread.bytes = Vec::new();
                self.set_link_timer(link, LinkTimer::Unread, self.now);
            }
            unread => *unread = None,
        }
    }

    /// A link is down. If some of what was read from it waits, that is handled first: of a
    /// server, and of a CRC client that has had its say. A client that has asked for more
    /// than it read is owed no more answers.
    pub(crate) fn defer_link_down(
        &mut self,
        link: LinkId,
        why: LinkDown,
        unsent: Unsent<'_>,
    ) -> bool {
        let Some(found) = self.links.find_mut(link) else {
            return false;
        };
        let is_server = found.phase == Phase::Server;
        let is_owed = is_server || found.is_crc() && why != LinkDown::SlowConsumer;
        let Some(unread) = found.unread.as_mut().filter(|_| is_owed) else {
            return false;
        };
        let mut bytes = unsent.bytes.to_vec();
        bytes.extend_from_slice(found.outlet.waiting());
        unread.ended = Some(Ended {
            why,
            unsent: bytes,
            written: unsent.written,
        });
        found.outlet = Outlet::Ended(Vec::new());
        self.ended.push(link);
        true
    }

    /// Reads a link, or stops: while what was read from it waits, while it fills the queue
    /// of a congested server, or for a moment if that server is elsewhere.
    pub(super) fn update_pause(&mut self, link: LinkId, out: &mut Out) {
        let mut congested = self.congested.iter();
        let fills_queue = congested.any(|congested| {
            let found = self.links.find(*congested);
            let congestion = found.and_then(|found| found.congestion.as_ref());
            congestion.is_some_and(|congestion| congestion.pauses(link))
        });
        if let Some(found) = self.links.find_mut(link) {
            let paused = fills_queue || found.slowed || found.unread.is_some();
            if paused != found.paused {
                found.paused = paused;
                out.pause(link, paused);
            }
        }
    }
}
