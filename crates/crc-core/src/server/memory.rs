//! What a server keeps, in numbers: for tests and simulations, which compare them with its
//! limits.

use crate::context::Context;
use crate::network::Host;

/// How much a server keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Memory {
    /// The hosts.
    pub hosts: usize,
    /// The bytes of their names and infos.
    pub host_bytes: usize,
    /// The memberships in channels. There are no more channels than these.
    pub members: usize,
    /// The bytes of the names and settings of channels.
    pub channel_bytes: usize,
    /// The same of channels without members, which are remembered.
    pub remembered_bytes: usize,
    /// The bytes of what users say of themselves, in keys and values.
    pub metadata_bytes: usize,
    /// The servers whose addresses are known.
    pub known_servers: usize,
    /// The ids of servers that clients do not get.
    pub server_ids: usize,
    /// The bytes that were read and wait to be handled, and those that wait to be sent here
    /// and not in the driver.
    pub waiting_bytes: usize,
}

impl Memory {
    /// Counts: this takes time in proportion to what there is.
    pub(super) fn of(cx: &Context) -> Memory {
        let directory = cx.network.directory();
        let bytes = |host: &Host| {
            let machine = host.machine().map_or(0, str::len);
            host.name().len() + host.info().len() + machine
        };
        let channels = cx.network.channels();
        let waiting = cx.links.iter().map(|(_, link)| {
            let unread = link.unread.as_ref().map_or(0, |it| it.bytes.len());
            unread + link.first_bytes.len() + link.outlet.waiting().len()
        });
        Memory {
            hosts: directory.len(),
            host_bytes: directory.iter().map(bytes).sum(),
            members: channels.iter().map(|channel| channel.members_len()).sum(),
            channel_bytes: channels.bytes(),
            remembered_bytes: channels.remembered_bytes(),
            metadata_bytes: cx.network.metadata().bytes(),
            known_servers: cx.tree.known_len(),
            server_ids: cx.network.server_ids_len(),
            waiting_bytes: waiting.sum(),
        }
    }
}
