//! The invitations to channels that hosts of this server hold.

use core::time::Duration;
use std::collections::BTreeMap;

use crc_machine::Timestamp;
use crc_wire::HostId;

use super::channels::{Founding, fold};

/// How long an invitation lasts.
const LASTS: Duration = Duration::from_secs(3600);

/// How many invitations a host may hold.
const INVITATIONS_MAX: usize = 32;

/// One invitation. It ends with the channel: one of the same name that is founded later
/// has another age.
#[derive(Debug)]
struct Invitation {
    channel: Box<str>,
    founded: Founding,
    /// An operator of the channel has made it: it overrides all but the key.
    overrides: bool,
    until: Timestamp,
}

/// All invitations, by the hosts that hold them.
#[derive(Debug, Default)]
pub(super) struct Invitations {
    of_host: BTreeMap<HostId, Vec<Invitation>>,
}

impl Invitations {
    /// Adds an invitation. The oldest of the host is forgotten when it has too many.
    pub(super) fn add(
        &mut self,
        host: HostId,
        (channel, founded): (&str, Founding),
        overrides: bool,
        now: Timestamp,
    ) {
        let overrides = overrides || self.overrides(host, channel, founded, now);
        let channel: Box<str> = fold(channel).into();
        let held = self.of_host.entry(host).or_default();
        held.retain(|known| known.channel != channel && known.until > now);
        if held.len() >= INVITATIONS_MAX {
            held.remove(0);
        }
        let until = now + LASTS;
        held.push(Invitation {
            channel,
            founded,
            overrides,
            until,
        });
    }

    /// Whether an operator of the channel of this name and age has invited a host.
    pub(super) fn overrides(
        &self,
        host: HostId,
        channel: &str,
        founded: Founding,
        now: Timestamp,
    ) -> bool {
        let channel = fold(channel);
        let mut held = self.of_host.get(&host).into_iter().flatten();
        held.any(|known| {
            *known.channel == *channel
                && known.founded.tag == founded.tag
                && known.until > now
                && known.overrides
        })
    }

    /// The channels that a host is invited to, in lower case, each with its age.
    pub(super) fn of(
        &self,
        host: HostId,
        now: Timestamp,
    ) -> impl Iterator<Item = (&str, Founding)> {
        let held = self.of_host.get(&host).into_iter().flatten();
        let held = held.filter(move |known| known.until > now);
        held.map(|known| (&*known.channel, known.founded))
    }

    /// Ends an invitation: the host has entered the channel.
    pub(super) fn use_up(&mut self, host: HostId, channel: &str) {
        if let Some(held) = self.of_host.get_mut(&host) {
            let channel = fold(channel);
            held.retain(|known| *known.channel != *channel);
            if held.is_empty() {
                self.of_host.remove(&host);
            }
        }
    }

    /// Forgets all invitations of a host that has left.
    pub(super) fn forget(&mut self, host: HostId) {
        self.of_host.remove(&host);
    }
}
