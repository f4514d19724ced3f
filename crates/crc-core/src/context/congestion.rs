//! A server that reads too slowly costs the hosts that send to it too fast, and no others: a
//! client of this server is paused, chats of other sources are refused.

use core::time::Duration;

use crc_machine::{CloseWhen, Effect, LinkDown, LinkId, QueueReport};
use crc_wire::{HostId, StatusCode};

use super::{Context, LinkTimer, Out, Timer};
use crate::congestion::{Admission, Congestion, SLOWED_FOR, step};
use crate::link::{Link, Outlet};
use crate::network::HostKind;

/// The bytes of a frame of a channel chat that are not its text, at most.
const CHANNEL_CHAT_BYTES: usize = 128;

/// How long a congested server may read less than a step of its queue.
const STALLED_MAX: Duration = Duration::from_secs(60);

/// The bound by which the queue of a v1 server is judged: it drains slowly by design.
const PACED_BYTES_MAX: usize = 8 << 20;

impl Context {
    /// Bounds the queue of a server, and watches it. `burst`: how many bytes of the burst
    /// can wait at once.
    pub(crate) fn bound_server(&self, link: LinkId, burst: usize, out: &mut Out) {
        let bytes_max = self.config.limits.server_queue_bytes_max;
        out.bound(link, bytes_max.saturating_add(burst));
        out.watch(link, step(bytes_max));
    }

    /// The driver reports how long the queue of a link is.
    pub(crate) fn on_queue(&mut self, link: LinkId, report: QueueReport, out: &mut Out) {
        let bytes_max = self.config.limits.server_queue_bytes_max;
        let Some(found) = self.links.find_mut(link) else {
            return;
        };
        if matches!(found.outlet, Outlet::Paced(_)) {
            return;
        }
        if found.detour {
            self.on_burst_queue(link, report);
        }
        self.judge_queue(link, report, bytes_max, out);
    }

    /// The queue of a v1 server, which this server holds itself, has changed.
    pub(crate) fn on_paced_queue(&mut self, link: LinkId, report: QueueReport, out: &mut Out) {
        let bytes_max = self.config.limits.server_queue_bytes_max;
        self.judge_queue(link, report, bytes_max.min(PACED_BYTES_MAX), out);
    }

    fn judge_queue(&mut self, link: LinkId, report: QueueReport, bytes_max: usize, out: &mut Out) {
        let neighbour = self.network.neighbours().find(link);
        let is_server = neighbour.is_some_and(|n| n.kind == HostKind::Server);
        let Some(found) = self.links.find_mut(link).filter(|_| is_server) else {
            return;
        };
        let Some(congestion) = &mut found.congestion else {
            if Congestion::begins(report.waiting, bytes_max) {
                found.congestion = Some(Box::new(Congestion::new(report.waiting, bytes_max)));
                self.congested.push(link);
                self.set_link_timer(link, LinkTimer::Congestion, self.now + STALLED_MAX);
                log::info!(
                    "{}: congested: queue_bytes={}",
                    self.describe_peer(link),
                    report.waiting
                );
            }
            return;
        };
        congestion.on_report(report);
        if report.written > 0 {
            let timer = Timer::Link(LinkTimer::Congestion, link);
            self.timers.set(timer, self.now + STALLED_MAX);
        }
        if congestion.is_over() {
            log::info!("{}: no longer congested", self.describe_peer(link));
            return self.end_congestion(link, out);
        }
        let resumed = congestion.take_resumed(false);
        self.resume(resumed, out);
    }

    /// The congestion of a link is over, or the link is.
    pub(crate) fn end_congestion(&mut self, link: LinkId, out: &mut Out) {
        if let Some(found) = self.links.find_mut(link)
            && let Some(mut congestion) = found.congestion.take()
        {
            self.cancel_link_timer(link, LinkTimer::Congestion);
            self.congested.retain(|congested| *congested != link);
            self.resume(congestion.take_resumed(true), out);
        }
    }

    /// Reads clients again that no other link pauses.
    fn resume(&mut self, clients: Vec<LinkId>, out: &mut Out) {
        for client in clients {
            self.update_pause(client, out);
        }
    }

    /// Some links are congested: notes how long the queues are that this server holds itself,
    /// before an event.
    pub(crate) fn before_bytes(&mut self) {
        for link in &self.congested {
            if let Some(found) = self.links.find_mut(*link) {
                let held = held(&found.outlet);
                if let Some(congestion) = &mut found.congestion {
                    congestion.held_before = held;
                }
            }
        }
    }

    /// A client of this server has caused what was sent to congested links in this event,
    /// whatever it was. The client is paused if it has filled its share.
    pub(crate) fn charge_bytes(&mut self, source: LinkId, out: &mut Out) {
        let Some(neighbour) = self.network.neighbours().find(source) else {
            return;
        };
        if neighbour.kind != HostKind::Client {
            return;
        }
        let host = neighbour.host;
        let mut slow = None;
        for link in &self.congested {
            let Some(found) = self.links.find_mut(*link) else {
                continue;
            };
            let held = held(&found.outlet);
            let Some(congestion) = &mut found.congestion else {
                continue;
            };
            let sent = out.effects().iter().map(|effect| match effect {
                Effect::Send { link: to, range } if to == link => range.len(),
                _ => 0,
            });
            let bytes = sent.sum::<usize>() + held.saturating_sub(congestion.held_before);
            if bytes > 0 && congestion.charge(host, source, bytes) {
                slow = Some(*link);
            }
        }
        if let Some(slow) = slow {
            self.counters.clients_paused += 1;
            log::info!(
                "{}: paused: sends faster than {} reads",
                self.describe_peer(source),
                self.describe_peer(slow)
            );
            self.update_pause(source, out);
        }
    }

    /// A host behind the server of `from` has caused a change, of so many bytes, which
    /// every server gets. If the host fills more than its share of a queue with such, its
    /// server learns of it.
    #[cold]
    pub(crate) fn charge_remote(
        &mut self,
        from: LinkId,
        source: HostId,
        bytes: usize,
        out: &mut Out,
    ) {
        let now = self.now;
        let mut slow = None;
        for link in &self.congested {
            let found = self.links.find_mut(*link).filter(|_| *link != from);
            let congestion = found.and_then(|found| found.congestion.as_mut());
            if congestion.is_some_and(|it| it.charge_remote(source, bytes, now)) {
                slow = Some(*link);
            }
        }
        let back = self.links.find(from);
        if back.is_some_and(|back| back.congestion.is_none())
            && let Some(slow) = slow
        {
            log::debug!(
                "host {source} sends changes faster than {} reads",
                self.describe_peer(slow)
            );
            let text = "Too many changes for a slow server";
            self.answer(source, StatusCode::CONGESTED, text, out);
        }
    }

    /// A server elsewhere says that a client of this server fills a queue: the client is
    /// not read for a moment.
    pub(crate) fn slow_down(&mut self, client: LinkId, out: &mut Out) {
        let neighbour = self.network.neighbours().find(client);
        if neighbour.is_none_or(|neighbour| neighbour.kind != HostKind::Client) {
            return;
        }
        let peer = self.describe_peer(client);
        let Some(found) = self.links.find_mut(client) else {
            return;
        };
        if !found.slowed {
            found.slowed = true;
            self.counters.clients_paused += 1;
            log::info!("{peer}: paused: sends faster than a server elsewhere reads");
        }
        self.set_link_timer(client, LinkTimer::Slowed, self.now + SLOWED_FOR);
        self.update_pause(client, out);
    }

    /// A client that was slowed down is read again.
    pub(crate) fn end_slowing(&mut self, client: LinkId, out: &mut Out) {
        if let Some(found) = self.links.find_mut(client) {
            found.slowed = false;
        }
        self.update_pause(client, out);
    }

    /// Whether a chat may join the queue of a link. One that may not is answered.
    pub(crate) fn admit_chat(
        &mut self,
        to: LinkId,
        source: HostId,
        destination: &str,
        bytes: usize,
        out: &mut Out,
    ) -> bool {
        let route = self.network.directory().route(source);
        let first = route.and_then(|(_, link)| self.network.neighbours().find(link));
        let is_own = first.is_some_and(|neighbour| neighbour.kind == HostKind::Client);
        let Some(found) = self.links.find_mut(to) else {
            return true;
        };
        let Some(congestion) = &mut found.congestion else {
            return true;
        };
        let admission = match is_own {
            true => congestion.admit_own(bytes),
            false => congestion.admit(source, bytes),
        };
        if admission == Admission::Admitted {
            return true;
        }
        let back = route.and_then(|(_, link)| self.links.find(link));
        if back.is_some_and(|link| link.congestion.is_some()) {
            // A status would fill the queue of another server.
            self.counters.chats_dropped += 1;
        } else {
            let text = format!("Too many messages for {destination}");
            self.answer(source, StatusCode::CONGESTED, &text, out);
        }
        false
    }

    /// A congested server has not read for a while: its link is closed.
    pub(crate) fn close_stalled(&mut self, link: LinkId, out: &mut Out) {
        let is_congested = |link: &Link| link.congestion.is_some();
        if self.links.find(link).is_some_and(is_congested) {
            log::warn!(
                "{}: closed: {}",
                self.describe_peer(link),
                LinkDown::SlowConsumer
            );
            self.counters.slow_consumers += 1;
            self.close(link, CloseWhen::Now, "too slow", out);
        }
    }

    /// The congested links that do not get a chat in a channel.
    #[cold]
    pub(super) fn refuse_channel_chat(
        &mut self,
        (source, name): (HostId, &str),
        text_bytes: usize,
        from: Option<LinkId>,
        out: &mut Out,
    ) -> Vec<LinkId> {
        let Some(channel) = self.network.channels().find(name) else {
            return Vec::new();
        };
        let links = channel.links().filter(|link| Some(*link) != from);
        let mut links: Vec<_> = links.filter(|link| self.congested.contains(link)).collect();
        let bytes = text_bytes + CHANNEL_CHAT_BYTES;
        links.retain(|link| !self.admit_chat(*link, source, name, bytes, out));
        links
    }
}

/// How many bytes this server holds for a v1 server.
fn held(outlet: &Outlet) -> usize {
    match outlet {
        Outlet::Paced(pacer) => pacer.waiting().len(),
        _ => 0,
    }
}
