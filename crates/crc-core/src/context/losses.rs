//! The hosts behind a link that has ended leave the network: as many at once as the work of
//! one event permits, and the others in later events.
//!
//! Until then they are *leaving*: they are in the directory, and no route leads to them. One
//! that turns up elsewhere, or whose nick another host wants, leaves before that.

use crc_machine::LinkId;
use crc_wire::{HostId, Text};

use super::{Context, NEXT_EVENT, Out, Timer};
use crate::network::{Host, HostKind};

/// The hosts that were behind one link, as far as they have not left yet.
#[derive(Debug)]
pub(crate) struct Loss {
    link: LinkId,
    /// The host at its other end: it leaves last.
    neighbour: HostId,
    /// The text with which they quit.
    text: Box<str>,
}

impl Context {
    /// Removes all hosts behind a link, clients before servers and the neighbour itself
    /// last.
    pub(crate) fn remove_all_behind(&mut self, link: LinkId, text: &str, out: &mut Out) {
        self.legacy.close(link);
        let Some(neighbour) = self.network.remove_neighbour(link) else {
            return;
        };
        let netsplit = match neighbour.kind {
            HostKind::Server => Some(self.netsplit_text(neighbour.host)),
            HostKind::Client => None,
        };
        let text = netsplit.as_deref().unwrap_or(text);
        crate::crc::announce::restore_indirect_route(self, link, neighbour.host);
        if neighbour.kind == HostKind::Client {
            return self.remove_host(neighbour.host, &Text::truncated(text), None, out);
        }
        self.losses.push(Loss {
            link,
            neighbour: neighbour.host,
            text: text.into(),
        });
        self.continue_losses(out);
    }

    /// Removes more of the hosts that are leaving.
    pub(crate) fn continue_losses(&mut self, out: &mut Out) {
        while let Some(loss) = self.losses.first() {
            if self.work.is_spent() {
                self.timers.set(Timer::Losses, self.now + NEXT_EVENT);
                return;
            }
            let Some(id) = self.next_behind(loss) else {
                self.losses.remove(0);
                continue;
            };
            let text = loss.text.clone();
            self.remove_host(id, &Text::truncated(&text), None, out);
        }
    }

    fn next_behind(&self, loss: &Loss) -> Option<HostId> {
        let directory = self.network.directory();
        let mut others = directory.behind(loss.link).map(Host::id);
        let other = others.find(|id| *id != loss.neighbour);
        other.or_else(|| {
            let last = directory.find(loss.neighbour)?;
            (last.first_link() == loss.link).then_some(loss.neighbour)
        })
    }

    /// Whether the hosts behind a link are leaving.
    pub(crate) fn is_leaving(&self, link: LinkId) -> bool {
        self.losses.iter().any(|loss| loss.link == link)
    }

    /// A host that may be leaving turns up elsewhere: it leaves now.
    pub(crate) fn finish_leaving(&mut self, id: HostId, out: &mut Out) {
        if self.losses.is_empty() {
            return;
        }
        let Some(link) = self.network.directory().find(id).map(Host::first_link) else {
            return;
        };
        let loss = self.losses.iter().find(|loss| loss.link == link);
        if let Some(text) = loss.map(|loss| loss.text.clone()) {
            self.remove_host(id, &Text::truncated(&text), None, out);
        }
    }

    /// The hosts leave now that have this nick or server name, if they are leaving.
    pub(crate) fn finish_leaving_named(&mut self, name: &str, out: &mut Out) {
        if self.losses.is_empty() {
            return;
        }
        let Some(names) = self.network.names() else {
            return;
        };
        let holders = [names.nicks.find(name), names.servers.find(name)];
        for id in holders.into_iter().flatten() {
            self.finish_leaving(id, out);
        }
    }
}
