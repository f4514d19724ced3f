//! The directory: every other host of the network, and the first link to it.
//!
//! Servers and clients have a table each, so that a burst can list servers first. The
//! order of rows follows from the order of events alone. Hosts with the same first link
//! are chained, so that losing a link costs as much as there was behind it. The
//! directory knows no rules.

use core::fmt;
use core::num::NonZeroU64;
use std::collections::BTreeMap;

use crc_wire::{HostId, Info, Message, Name, Registration};

use super::HostInfo;
use crate::announcement::{Announcement, ClientDetails, UserModes};
use crate::names::wire_name;
use crate::network::lookup::Lookup;
use crc_machine::{LinkId, PeerAddress};

/// The kind of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostKind {
    /// It relays, and other hosts may be behind it.
    Server,
    /// It sends and receives chats; no host is behind it.
    Client,
}

impl fmt::Display for HostKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HostKind::Server => "server",
            HostKind::Client => "client",
        })
    }
}

/// A host of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    id: HostId,
    kind: HostKind,
    first_link: LinkId,
    /// The name, then the user name, then the info.
    texts: Box<str>,
    name_len: u8,
    user_len: u8,
    modes: UserModes,
    /// The server that it is linked to, if it is a client of which that is known.
    home: Option<HostId>,
    machine: Option<Box<str>>,
    /// When it registered, in milliseconds of Unix time, if it is a client of which that
    /// is known.
    registered_ms: Option<NonZeroU64>,
}

impl Host {
    /// The host that a registration from `first_link` announces.
    pub(crate) fn new(first_link: LinkId, info: &HostInfo<'_>) -> Self {
        Host {
            id: info.id,
            kind: info.kind,
            first_link,
            texts: [info.name, info.details.user, info.info()].concat().into(),
            name_len: u8::try_from(info.name.len()).expect("a Name is at most 255 bytes long"),
            user_len: u8::try_from(info.details.user.len()).expect("user names are short"),
            modes: info.details.modes,
            home: info.details.home,
            machine: info.machine.map(Box::from),
            registered_ms: info.registered_ms,
        }
    }

    /// The same host, which has registered at that time.
    pub(crate) fn registered_at(self, registered_ms: Option<NonZeroU64>) -> Self {
        Host {
            registered_ms,
            ..self
        }
    }

    /// The same client, which is linked to that server.
    pub(crate) fn at_home(self, home: HostId) -> Self {
        Host {
            home: Some(home),
            ..self
        }
    }

    /// The same client; if nothing is said of it, what is said of a known one.
    pub(crate) fn or_details_of(self, known: &Host) -> Self {
        match self.details() == ClientDetails::default() && self.kind == HostKind::Client {
            true => self.with_details(known.details()),
            false => self,
        }
    }

    fn with_details(self, details: ClientDetails<'_>) -> Self {
        Host {
            texts: [self.name(), details.user, self.info()].concat().into(),
            user_len: u8::try_from(details.user.len()).expect("user names are short"),
            modes: details.modes,
            home: details.home,
            ..self
        }
    }

    /// The same host, reached over another link.
    pub(crate) fn behind(self, first_link: LinkId) -> Self {
        Host { first_link, ..self }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> HostId {
        self.id
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> HostKind {
        self.kind
    }

    /// The link to the adjacent host that is the first hop towards it.
    #[must_use]
    pub fn first_link(&self) -> LinkId {
        self.first_link
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.texts[..self.name_len.into()]
    }

    /// The part of its info for people.
    #[must_use]
    pub fn info(&self) -> &str {
        &self.texts[usize::from(self.name_len) + usize::from(self.user_len)..]
    }

    /// What its server says of it, if it is a client.
    pub(crate) fn details(&self) -> ClientDetails<'_> {
        let name_len = usize::from(self.name_len);
        ClientDetails {
            user: &self.texts[name_len..name_len + usize::from(self.user_len)],
            home: self.home,
            modes: self.modes,
        }
    }

    /// Its machine part, if it is a version 2 server: the last part of its info on the
    /// wire.
    #[must_use]
    pub fn machine(&self) -> Option<&str> {
        self.machine.as_deref()
    }

    /// The address that it announces, if it is a server that does, and the first link to it.
    fn address_and_link(&self) -> Option<(PeerAddress, LinkId)> {
        let address = Announcement::parse(self.machine()?).address?;
        Some((address, self.first_link))
    }

    /// When it registered at its server, by the network's clock: known of clients whose
    /// way to this server leads through version 2 servers only.
    pub(crate) fn registered_ms(&self) -> Option<NonZeroU64> {
        self.registered_ms
    }

    /// Whether a registration describes the same host. Where it has come through a node that
    /// takes no names in UTF-8, it has the name in ASCII.
    pub(crate) fn is_like(&self, info: &HostInfo<'_>) -> bool {
        let same_name = self.name() == info.name || wire_name(self.name()) == wire_name(info.name);
        self.kind == info.kind && same_name && self.info() == info.info()
    }

    /// The registration that announces it, with the name in ASCII, and with `info` as given.
    pub(crate) fn registration<'a>(
        &'a self,
        last_hop: HostId,
        name: &'a str,
        info: &'a str,
    ) -> Message<'a> {
        let registration = Registration {
            source: self.id,
            last_hop: Some(last_hop),
            name: Name::truncated(name),
            info: Info::truncated(info),
        };
        match self.kind {
            HostKind::Server => Message::ServerRegistration(registration),
            HostKind::Client => Message::ClientRegistration(registration),
        }
    }
}

/// Where a host stands in the order in which hosts are visited: servers first. A host
/// keeps its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    is_client: bool,
    row: u32,
}

impl Place {
    /// That of the first server.
    pub(crate) const START: Place = Place {
        is_client: false,
        row: 0,
    };

    /// That of the first client.
    pub(crate) const FIRST_CLIENT: Place = Place {
        is_client: true,
        row: 0,
    };

    /// Behind all hosts.
    pub(crate) const END: Place = Place {
        is_client: true,
        row: u32::MAX,
    };

    /// The place behind this one.
    pub(crate) const fn next(self) -> Place {
        Place {
            row: self.row.saturating_add(1),
            ..self
        }
    }
}

/// The end of a chain of rows.
const NONE: u32 = u32::MAX;

#[derive(Debug)]
struct Row {
    /// `None`: the row is free, and `next` is the next free one.
    host: Option<Host>,
    /// The neighbours in the chain of hosts with the same first link.
    previous: u32,
    next: u32,
}

/// One table of hosts. Rows keep their places while other rows come and go.
#[derive(Debug)]
struct Table {
    rows: Vec<Row>,
    free: u32,
    len: usize,
    /// The first and the last host of each link's chain.
    chains: BTreeMap<LinkId, (u32, u32)>,
}

impl Table {
    const fn new() -> Self {
        Table {
            rows: Vec::new(),
            free: NONE,
            len: 0,
            chains: BTreeMap::new(),
        }
    }

    fn insert(&mut self, host: Host) -> u32 {
        let link = host.first_link;
        let chain = self.chains.get(&link).copied();
        let row = Row {
            host: Some(host),
            previous: chain.map_or(NONE, |(_, last)| last),
            next: NONE,
        };
        let place = match self.free {
            NONE => {
                self.rows.push(row);
                u32::try_from(self.rows.len() - 1).expect("hosts_max keeps tables small")
            }
            free => {
                self.free = self.rows[free as usize].next;
                self.rows[free as usize] = row;
                free
            }
        };
        if let Some((_, last)) = chain {
            self.rows[last as usize].next = place;
        }
        let first = chain.map_or(place, |(first, _)| first);
        self.chains.insert(link, (first, place));
        self.len += 1;
        place
    }

    fn remove(&mut self, place: u32) -> Host {
        let host = self.take(place);
        if self.len == 0 {
            self.rows = Vec::new();
            self.free = NONE;
        }
        host
    }

    /// Takes a host out. The next one that is inserted gets its place.
    fn take(&mut self, place: u32) -> Host {
        let free = self.free;
        let row = &mut self.rows[place as usize];
        let host = row
            .host
            .take()
            .expect("the index names rows that are taken");
        let (previous, next) = (row.previous, row.next);
        row.next = free;
        self.free = place;
        if previous != NONE {
            self.rows[previous as usize].next = next;
        }
        if next != NONE {
            self.rows[next as usize].previous = previous;
        }
        if previous == NONE && next == NONE {
            self.chains.remove(&host.first_link);
        } else if let Some((first, last)) = self.chains.get_mut(&host.first_link) {
            match (previous, next) {
                (NONE, _) => *first = next,
                (_, NONE) => *last = previous,
                _ => {}
            }
        }
        self.len -= 1;
        host
    }

    fn iter(&self) -> impl Iterator<Item = &Host> {
        self.rows.iter().filter_map(|row| row.host.as_ref())
    }

    fn behind(&self, link: LinkId) -> impl Iterator<Item = &Host> {
        let mut place = self.chains.get(&link).map_or(NONE, |(first, _)| *first);
        core::iter::from_fn(move || {
            let row = self.rows.get(place as usize)?;
            place = row.next;
            row.host.as_ref()
        })
    }
}

/// All other hosts of the network.
#[derive(Debug)]
pub struct Directory {
    servers: Table,
    clients: Table,
    index: Lookup<HostId, Found>,
    /// The addresses that servers announce; for each of them the links behind which such
    /// servers are, and how many.
    addresses: BTreeMap<PeerAddress, Vec<(LinkId, u32)>>,
    /// How many clients are invisible.
    invisible: usize,
}

/// Where a host is in the tables. The link is here as well as in the host's row, because a chat
/// needs nothing else: a row is a cache line further away, which is most of a look-up's
/// cost when there are many hosts.
#[derive(Debug, Clone, Copy)]
struct Found {
    /// The index of its row.
    place: u32,
    /// The first link to it.
    first_link: LinkId,
}

/// In the index, whether a row is in the table of servers.
const SERVER_BIT: u32 = 1 << 31;

impl Directory {
    pub(crate) fn new(seed: u64) -> Self {
        Directory {
            servers: Table::new(),
            clients: Table::new(),
            index: Lookup::new(seed),
            addresses: BTreeMap::new(),
            invisible: 0,
        }
    }

    /// How many hosts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many of them are servers.
    #[must_use]
    pub fn servers_len(&self) -> usize {
        self.servers.len
    }

    #[inline]
    fn found(&self, id: HostId) -> Option<Found> {
        self.index.find(id).copied()
    }

    /// The host with this id.
    #[inline]
    #[must_use]
    pub fn find(&self, id: HostId) -> Option<&Host> {
        let Found { place, .. } = self.found(id)?;
        let table = self.table(place);
        table.rows[(place & !SERVER_BIT) as usize].host.as_ref()
    }

    /// The kind of the host with this id, and the first link to it: all that a chat
    /// needs, and faster than the whole host.
    #[inline]
    #[must_use]
    pub fn route(&self, id: HostId) -> Option<(HostKind, LinkId)> {
        let Found { place, first_link } = self.found(id)?;
        let kind = match place & SERVER_BIT {
            0 => HostKind::Client,
            _ => HostKind::Server,
        };
        Some((kind, first_link))
    }

    /// All hosts, servers first; otherwise in no meaningful order, but the same
    /// in every run.
    pub fn iter(&self) -> impl Iterator<Item = &Host> {
        self.servers.iter().chain(self.clients.iter())
    }

    /// All servers.
    pub fn servers(&self) -> impl Iterator<Item = &Host> {
        self.servers.iter()
    }

    /// All clients.
    pub fn clients(&self) -> impl Iterator<Item = &Host> {
        self.clients.iter()
    }

    /// The places of clients from one on, and the clients in them: for a visit with
    /// pauses. A client keeps its place; where one has left, there may be none.
    pub(crate) fn clients_from(
        &self,
        place: usize,
    ) -> impl Iterator<Item = (usize, Option<&Host>)> {
        let rows = self.clients.rows.iter().enumerate().skip(place);
        rows.map(|(place, row)| (place, row.host.as_ref()))
    }

    /// The place of the row that is visited when a walk comes to this place, and the host
    /// in it, if there is one; `None` behind the last row.
    pub(crate) fn at(&self, place: Place) -> Option<(Place, Option<&Host>)> {
        let (table, place) = match place.is_client {
            false if (place.row as usize) < self.servers.rows.len() => (&self.servers, place),
            false => (&self.clients, Place::FIRST_CLIENT),
            true => (&self.clients, place),
        };
        let row = table.rows.get(place.row as usize)?;
        Some((place, row.host.as_ref()))
    }

    /// The place of a host.
    pub(crate) fn place(&self, id: HostId) -> Option<Place> {
        let Found { place, .. } = self.found(id)?;
        Some(Place {
            is_client: place & SERVER_BIT == 0,
            row: place & !SERVER_BIT,
        })
    }

    /// All hosts whose first link this is, clients first, and of each kind in the
    /// order in which they came behind it.
    pub fn behind(&self, link: LinkId) -> impl Iterator<Item = &Host> {
        self.clients.behind(link).chain(self.servers.behind(link))
    }

    /// The links behind which servers are that announce this address.
    pub(crate) fn links_to(&self, address: &PeerAddress) -> impl Iterator<Item = LinkId> {
        let links = self.addresses.get(address).into_iter().flatten();
        links.map(|(link, _)| *link)
    }

    fn add_address(&mut self, host: Option<(PeerAddress, LinkId)>) {
        let Some((address, link)) = host else {
            return;
        };
        let links = self.addresses.entry(address).or_default();
        match links.iter_mut().find(|(found, _)| *found == link) {
            Some((_, count)) => *count += 1,
            None => links.push((link, 1)),
        }
    }

    fn remove_address(&mut self, host: Option<(PeerAddress, LinkId)>) {
        let Some((address, link)) = host else {
            return;
        };
        let Some(links) = self.addresses.get_mut(&address) else {
            return;
        };
        links.retain_mut(|(found, count)| {
            *count -= u32::from(*found == link);
            *count > 0
        });
        if links.is_empty() {
            self.addresses.remove(&address);
        }
    }

    /// Adds `host`, whose id must not be in the directory.
    pub(crate) fn insert(&mut self, host: Host) {
        self.add_address(host.address_and_link());
        self.invisible += usize::from(host.modes.invisible);
        let Host { id, first_link, .. } = host;
        debug_assert!(self.found(id).is_none(), "{id} is in the directory already");
        let place = match host.kind {
            HostKind::Server => self.servers.insert(host) | SERVER_BIT,
            HostKind::Client => self.clients.insert(host),
        };
        self.index.insert(id, Found { place, first_link });
    }

    /// Replaces the entry of the host with the same id. If it is of the same kind, it
    /// keeps its place. Returns the former entry.
    pub(crate) fn replace(&mut self, host: Host) -> Option<Host> {
        let Found { place, .. } = self.found(host.id)?;
        self.index.remove(host.id);
        let before = match place & SERVER_BIT {
            0 => self.clients.take(place),
            _ => self.servers.take(place & !SERVER_BIT),
        };
        self.remove_address(before.address_and_link());
        self.invisible -= usize::from(before.modes.invisible);
        self.insert(host);
        Some(before)
    }

    pub(crate) fn remove(&mut self, id: HostId) -> Option<Host> {
        let Found { place, .. } = self.found(id)?;
        self.index.remove(id);
        let host = if place & SERVER_BIT == 0 {
            self.clients.remove(place)
        } else {
            self.servers.remove(place & !SERVER_BIT)
        };
        self.remove_address(host.address_and_link());
        self.invisible -= usize::from(host.modes.invisible);
        Some(host)
    }

    /// Replaces the machine part of a server.
    pub(crate) fn set_machine(&mut self, id: HostId, machine: &str) {
        if let Some(Found { place, .. }) = self.found(id)
            && place & SERVER_BIT != 0
            && let Some(host) = &mut self.servers.rows[(place & !SERVER_BIT) as usize].host
        {
            let before = host.address_and_link();
            host.machine = Some(machine.into());
            let after = host.address_and_link();
            self.remove_address(before);
            self.add_address(after);
        }
    }

    /// Notes when a client registered.
    pub(crate) fn set_registered(&mut self, id: HostId, registered_ms: Option<NonZeroU64>) {
        if let Some(Found { place, .. }) = self.found(id)
            && place & SERVER_BIT == 0
            && let Some(host) = &mut self.clients.rows[place as usize].host
        {
            host.registered_ms = registered_ms;
        }
    }

    /// Notes what its server says of a client.
    pub(crate) fn set_details(&mut self, id: HostId, details: ClientDetails<'_>) {
        if let Some(Found { place, .. }) = self.found(id)
            && place & SERVER_BIT == 0
            && let Some(host) = &mut self.clients.rows[place as usize].host
        {
            self.invisible -= usize::from(host.modes.invisible);
            self.invisible += usize::from(details.modes.invisible);
            *host = host.clone().with_details(details);
        }
    }

    /// How many clients are invisible.
    pub(crate) const fn invisible_len(&self) -> usize {
        self.invisible
    }

    /// Shifts the time at which the client in a row registered, if there is one. `false`
    /// behind the last row.
    pub(crate) fn shift_time(&mut self, row: usize, by_ms: i64) -> bool {
        let Some(row) = self.clients.rows.get_mut(row) else {
            return false;
        };
        if let Some(host) = &mut row.host {
            let ms = host.registered_ms.map(NonZeroU64::get);
            let shifted = ms.map(|ms| ms.saturating_add_signed(by_ms).max(1));
            host.registered_ms = shifted.and_then(NonZeroU64::new);
        }
        true
    }

    #[inline]
    fn table(&self, place: u32) -> &Table {
        if place & SERVER_BIT == 0 {
            &self.clients
        } else {
            &self.servers
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn host(id: u32, link: u32) -> Host {
        let kind = if id.is_multiple_of(3) {
            HostKind::Server
        } else {
            HostKind::Client
        };
        let name = format!("host{id}");
        let info = HostInfo::for_people(HostId::new(id).unwrap(), kind, &name, "info");
        let mut host = Host::new(LinkId::new(link, 0), &info);
        let machine = format!(" [crc2;a=s{}:1;f=]", id % 4);
        host.machine = (kind == HostKind::Server).then(|| machine.into());
        host
    }

    proptest! {
        #[test]
        fn behaves_like_a_map_with_a_list_for_each_link(
            steps in prop::collection::vec((1u32..40, 0u32..5, any::<bool>()), 0..200)
        ) {
            let mut directory = Directory::new(7);
            let mut model = BTreeMap::new();
            for (id, link, insert) in steps {
                let host = host(id, link);
                if insert && !model.contains_key(&host.id) {
                    directory.insert(host.clone());
                    model.insert(host.id, host);
                } else if !insert {
                    prop_assert_eq!(directory.remove(host.id), model.remove(&host.id));
                }
                prop_assert_eq!(directory.len(), model.len());
                for host in model.values() {
                    prop_assert_eq!(directory.find(host.id), Some(host));
                    let route = Some((host.kind, host.first_link));
                    prop_assert_eq!(directory.route(host.id), route);
                }
                for link in (0..5).map(|slot| LinkId::new(slot, 0)) {
                    let mut behind: Vec<_> = directory.behind(link).collect();
                    behind.sort_by_key(|host| host.id);
                    let expected = model.values().filter(|host| host.first_link == link);
                    prop_assert_eq!(behind, expected.collect::<Vec<_>>());
                }
                for address in 0..4 {
                    let servers = model.values().filter(|host| host.kind == HostKind::Server);
                    let there = servers.filter(|host| host.id.get() % 4 == address);
                    let expected: BTreeSet<_> = there.map(|host| host.first_link).collect();
                    let address = format!("s{address}:1").parse().unwrap();
                    let links: Vec<_> = directory.links_to(&address).collect();
                    prop_assert_eq!(links.len(), expected.len());
                    prop_assert_eq!(links.into_iter().collect::<BTreeSet<_>>(), expected);
                }
                let kinds: Vec<_> = directory.iter().map(|host| host.kind).collect();
                prop_assert!(kinds.is_sorted(), "servers come first");
            }
        }
    }
}
