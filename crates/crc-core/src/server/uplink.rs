//! A server's place in the tree: the one server that it links to.
//!
//! Tries the candidates in turn, again and again with growing pauses, until one
//! takes us. Everybody else in the tree links to us, and is none of its concern.

use core::time::Duration;

use super::{Due, Out, Server, ServerNotice, Stage};
use crate::backoff::Backoff;
use crate::link::{DialError, DialId, LinkId, PeerAddress};
use crate::time::Timestamp;

/// The shortest pause after a refusal.
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_secs(1);
/// The shortest pause after a loop was cut.
const PAUSE_AFTER_LOOP: Duration = Duration::from_secs(5);

/// Where we look for an uplink, and how that went so far.
#[derive(Debug)]
pub(super) struct Uplink {
    candidates: Vec<PeerAddress>,
    /// Which candidate is next.
    next: usize,
    backoff: Backoff,
    dial: Option<(DialId, PeerAddress)>,
    dials: u64,
    link: Option<LinkId>,
    /// When the link's peer took us.
    taken: Option<Timestamp>,
    /// The shortest pause before the next dial.
    pause_min: Duration,
}

impl Uplink {
    pub(super) const fn new(candidates: Vec<PeerAddress>) -> Self {
        Uplink {
            candidates,
            next: 0,
            backoff: Backoff::new(),
            dial: None,
            dials: 0,
            link: None,
            taken: None,
            pause_min: Duration::ZERO,
        }
    }

    pub(super) const fn has_candidates(&self) -> bool {
        !self.candidates.is_empty()
    }

    /// The dial has become a link.
    pub(super) fn connected(&mut self, dial: DialId, link: LinkId) {
        if self.dial.as_ref().is_some_and(|(ours, _)| *ours == dial) {
            self.dial = None;
            self.link = Some(link);
        }
    }
}

impl Server {
    /// Dials the next candidate.
    pub(super) fn dial(&mut self, out: &mut Out) {
        let uplink = &mut self.uplink;
        if uplink.dial.is_some() || uplink.link.is_some() || self.stage != Stage::Running {
            return;
        }
        let Some(to) = uplink.candidates.get(uplink.next) else {
            return;
        };
        uplink.next = (uplink.next + 1) % uplink.candidates.len();
        uplink.dials += 1;
        let dial = DialId(uplink.dials);
        log::debug!("linking to {to}");
        out.dial(dial, to.clone());
        uplink.dial = Some((dial, to.clone()));
    }

    pub(super) fn dial_failed(&mut self, dial: DialId, why: DialError) {
        match self.uplink.dial.take_if(|(ours, _)| *ours == dial) {
            Some((_, to)) => {
                self.counters.dials_failed += 1;
                let pause = self.dial_later();
                log::warn!("cannot link to {to}: {why}; trying again in {pause:.1?}");
            }
            None => log::debug!("a dial that nobody waits for failed: {why}"),
        }
    }

    /// The server at the other end of our uplink has taken us.
    pub(super) fn uplink_taken(&mut self) {
        self.uplink.taken = Some(self.now);
        self.uplink.pause_min = Duration::ZERO;
        self.status_log.accepted();
    }

    /// The server at the other end does not take us, because our id is taken.
    pub(super) fn uplink_refused(&mut self, link: LinkId, text: &str, out: &mut Out) {
        self.uplink.pause_min = PAUSE_AFTER_REFUSAL;
        let who = self.who(link);
        if self.status_log.record_refusal(text) {
            log::error!(
                "{who} refuses us: {text:?}; trying again (choose another --id if this stays)"
            );
            out.notice(ServerNotice::Refused { text: text.into() });
        } else {
            log::debug!("{who} refuses us again: {text:?}");
        }
    }

    /// Our uplink has led us back to ourselves.
    pub(super) fn uplink_loops(&mut self, link: LinkId) {
        if self.uplink.link == Some(link) {
            self.uplink.pause_min = PAUSE_AFTER_LOOP;
        }
    }

    /// A link is gone; if it was our uplink, we look for another.
    pub(super) fn uplink_down(&mut self, link: LinkId, out: &mut Out) {
        if self.uplink.link != Some(link) {
            return;
        }
        self.uplink.link = None;
        if let Some(taken) = self.uplink.taken.take() {
            out.notice(ServerNotice::Unlinked);
            self.uplink.next = 0;
            self.uplink.backoff.link_held(self.now.since(taken));
        }
        if self.stage == Stage::Running {
            let pause = self.dial_later();
            log::info!("looking for an uplink again in {pause:.1?}");
        }
    }

    /// Dials again after a pause that grows with every try and is never the
    /// same for two servers.
    fn dial_later(&mut self) -> Duration {
        let growing = self.uplink.backoff.pause(&mut self.random, false);
        let pause = growing.max(core::mem::take(&mut self.uplink.pause_min));
        self.timers.set(Due::Dial, self.now + pause);
        pause
    }
}
