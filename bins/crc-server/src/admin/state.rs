//! `/state`: what the server knows, as JSON.
//!
//! Keys are a promise to programs. A renamed key keeps its old name for one release,
//! see CHANGELOG.md.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crc_core::{HostKind, PeerVersion, Snapshot, TextProtocol, Timestamp, UNRANKED};
use crc_wire::HostId;
use serde::{Serialize, Serializer};

use super::metrics;

/// The page, written in slices.
#[derive(Debug)]
pub(super) struct StatePage {
    /// The hosts at the first slice, in the order of their ids. Hosts that leave before
    /// their slice is written are omitted; hosts that join later are not included.
    ids: Vec<HostId>,
    next: usize,
    hosts: String,
}

impl StatePage {
    pub(super) fn new(snapshot: &Snapshot<'_>) -> Self {
        let mut ids: Vec<_> = snapshot.directory().iter().map(|host| host.id()).collect();
        ids.sort_unstable();
        StatePage {
            ids,
            next: 0,
            hosts: String::new(),
        }
    }

    /// Writes the next `count` hosts. Returns whether all are written.
    pub(super) fn write_hosts(&mut self, snapshot: &Snapshot<'_>, count: usize) -> bool {
        let end = (self.next + count).min(self.ids.len());
        for id in &self.ids[self.next..end] {
            let Some(host) = snapshot.directory().find(*id) else {
                continue;
            };
            let entry = HostEntry {
                id: id.get(),
                kind: host.kind(),
                name: host.name(),
                info: host.info(),
                first_link: snapshot.first_link(host).map(HostId::get),
            };
            if !self.hosts.is_empty() {
                self.hosts.push(',');
            }
            self.hosts.push_str(&json(&entry));
        }
        self.next = end;
        end == self.ids.len()
    }

    /// The whole page.
    pub(super) fn finish(&mut self, snapshot: &Snapshot<'_>, now: Timestamp) -> String {
        let ids = |kind| -> Vec<u32> {
            let adjacent = snapshot.adjacent(kind).into_iter();
            adjacent.map(HostId::get).collect()
        };
        let links = snapshot.links().map(|link| {
            let protocol = protocol(link.neighbour.version, link.text_protocol);
            LinkEntry {
                host: link.neighbour.host.get(),
                kind: link.neighbour.kind,
                protocol,
                node: deprecated_node(protocol),
                uplink: link.neighbour.uplink,
                peer: link.endpoints.peer,
            }
        });
        let head = json(&Head {
            id: snapshot.id().get(),
            name: snapshot.name(),
            info: snapshot.info(),
            adjacent_servers: ids(HostKind::Server),
            adjacent_clients: ids(HostKind::Client),
        });
        let tail = json(&Tail {
            status_log: snapshot.status_log().collect(),
            rank: Some(snapshot.rank()).filter(|rank| *rank != UNRANKED),
            uplink: snapshot.uplink().map(|(id, _)| id.get()),
            unregistered_links: snapshot.unregistered_links(),
            strangers: snapshot.unregistered_links(),
            links: links.collect(),
            counters: counters(snapshot),
            irc: irc(snapshot),
            uptime_seconds: now.as_micros() / 1_000_000,
            version: env!("CARGO_PKG_VERSION"),
        });
        let hosts = std::mem::take(&mut self.hosts);
        // One object: the fields of `Head`, the hosts, the fields of `Tail`.
        let (head, tail) = (&head[..head.len() - 1], &tail[1..]);
        format!("{head},\"hosts\":[{hosts}],{tail}\n")
    }
}

/// The fields before the hosts.
#[derive(Serialize)]
struct Head<'a> {
    id: u32,
    name: &'a str,
    info: &'a str,
    adjacent_servers: Vec<u32>,
    adjacent_clients: Vec<u32>,
}

/// One host.
#[derive(Serialize)]
struct HostEntry<'a> {
    id: u32,
    #[serde(serialize_with = "as_text")]
    kind: HostKind,
    name: &'a str,
    info: &'a str,
    first_link: Option<u32>,
}

/// The fields after the hosts.
#[derive(Serialize)]
struct Tail<'a> {
    status_log: Vec<&'a str>,
    rank: Option<u32>,
    uplink: Option<u32>,
    unregistered_links: usize,
    /// Deprecated: `unregistered_links`.
    strangers: usize,
    links: Vec<LinkEntry>,
    counters: BTreeMap<&'static str, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    irc: Option<Irc<'a>>,
    uptime_seconds: u64,
    version: &'static str,
}

/// The network as IRC shows it: names, sorted.
#[derive(Serialize)]
struct Irc<'a> {
    adjacent_servers: Vec<&'a str>,
    servers: Vec<&'a str>,
    adjacent_users: Vec<&'a str>,
    users: Vec<&'a str>,
    channels: BTreeMap<&'a str, ChannelEntry<'a>>,
}

#[derive(Serialize)]
struct ChannelEntry<'a> {
    /// `*` if it has one: the admin page shows no secrets.
    key: Option<&'static str>,
    topic: Option<&'a str>,
    users: Vec<&'a str>,
}

/// The key `irc`, if the server has a listener or a link for IRC.
fn irc<'a>(snapshot: &Snapshot<'a>) -> Option<Irc<'a>> {
    let (nicks, servers) = (snapshot.nicks()?, snapshot.server_names()?);
    let users = |ids: &mut dyn Iterator<Item = HostId>| sorted(ids.filter_map(|id| nicks.of(id)));
    let servers =
        |ids: &mut dyn Iterator<Item = HostId>| sorted(ids.filter_map(|id| servers.of(id)));
    let hosts = snapshot.directory();
    let some = |text: &'a str| Some(text).filter(|text| !text.is_empty());
    let channels = snapshot.channels().iter().map(|channel| {
        let entry = ChannelEntry {
            key: some(channel.key()).map(|_| "*"),
            topic: some(channel.topic()),
            users: users(&mut channel.members().map(|(id, _)| id)),
        };
        (channel.name(), entry)
    });
    Some(Irc {
        adjacent_servers: servers(&mut snapshot.adjacent(HostKind::Server).into_iter()),
        servers: servers(&mut hosts.servers().map(|host| host.id())),
        adjacent_users: users(&mut snapshot.adjacent(HostKind::Client).into_iter()),
        users: users(&mut hosts.clients().map(|host| host.id())),
        channels: channels.collect(),
    })
}

fn sorted<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
}

#[derive(Serialize)]
struct LinkEntry {
    host: u32,
    #[serde(serialize_with = "as_text")]
    kind: HostKind,
    protocol: &'static str,
    /// Deprecated: `protocol`.
    node: &'static str,
    uplink: bool,
    peer: SocketAddr,
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("strings, numbers and lists serialize")
}

fn as_text<S: Serializer>(value: &impl ToString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_string())
}

/// The counters by name, under their old names too.
fn counters(snapshot: &Snapshot<'_>) -> BTreeMap<&'static str, u64> {
    let mut values = BTreeMap::new();
    for counter in metrics::counters(snapshot) {
        values.insert(counter.name, counter.value);
        if let Some(old) = counter.deprecated_name {
            values.insert(old, counter.value);
        }
    }
    values
}

/// The protocol of a link.
fn protocol(version: PeerVersion, text: Option<TextProtocol>) -> &'static str {
    match (text, version) {
        (Some(TextProtocol::Irc), _) => "irc",
        (Some(TextProtocol::Legacy), _) => "irc-legacy",
        (None, PeerVersion::Unknown) => "unknown",
        (None, PeerVersion::V1) => "v1",
        (None, PeerVersion::V2) => "v2",
    }
}

/// The value of the deprecated key `node`.
fn deprecated_node(protocol: &'static str) -> &'static str {
    match protocol {
        "v1" => "original",
        "v2" => "ours",
        "unknown" => "unclassified",
        same => same,
    }
}
