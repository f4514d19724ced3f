//! What the server knows, as JSON and as numbers for Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;

use crc_core::{HostKind, PeerVersion, Snapshot, TextProtocol, Timestamp, UNRANKED};
use crc_net::Stats;
use crc_wire::HostId;
use serde::{Serialize, Serializer};

/// The page `/state`, written a slice at a time.
#[derive(Debug)]
pub(crate) struct StatePage {
    /// The hosts in the order of their ids; those who leave meanwhile are not
    /// shown, those who join are not there yet.
    ids: Vec<HostId>,
    next: usize,
    hosts: String,
}

impl StatePage {
    pub(crate) fn new(snapshot: &Snapshot<'_>) -> Self {
        let mut ids: Vec<_> = snapshot.directory().iter().map(|host| host.id()).collect();
        ids.sort_unstable();
        StatePage {
            ids,
            next: 0,
            hosts: String::new(),
        }
    }

    /// Writes the next `count` hosts. Says whether that was the last of them.
    pub(crate) fn write(&mut self, snapshot: &Snapshot<'_>, count: usize) -> bool {
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
    pub(crate) fn finish(&mut self, snapshot: &Snapshot<'_>, now: Timestamp) -> String {
        let ids = |kind| -> Vec<u32> {
            let adjacent = snapshot.adjacent(kind).into_iter();
            adjacent.map(HostId::get).collect()
        };
        let links = snapshot.links().map(|link| LinkEntry {
            host: link.neighbour.host.get(),
            kind: link.neighbour.kind,
            node: node(link.neighbour.version, link.dialect),
            uplink: link.neighbour.uplink,
            peer: link.endpoints.peer,
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
            strangers: snapshot.unregistered_links(),
            links: links.collect(),
            counters: counters(snapshot)
                .map(|(name, _, value)| (name, value))
                .collect(),
            irc: irc(snapshot),
            uptime_seconds: now.as_micros() / 1_000_000,
            version: env!("CARGO_PKG_VERSION"),
        });
        let hosts = std::mem::take(&mut self.hosts);
        // The two objects around the list of hosts, made one.
        let (head, tail) = (&head[..head.len() - 1], &tail[1..]);
        format!("{head},\"hosts\":[{hosts}],{tail}\n")
    }
}

/// What `/state` begins with.
#[derive(Serialize)]
struct Head<'a> {
    id: u32,
    name: &'a str,
    info: &'a str,
    adjacent_servers: Vec<u32>,
    adjacent_clients: Vec<u32>,
}

/// One of its hosts.
#[derive(Serialize)]
struct HostEntry<'a> {
    id: u32,
    #[serde(serialize_with = "as_text")]
    kind: HostKind,
    name: &'a str,
    info: &'a str,
    first_link: Option<u32>,
}

/// What it ends with.
#[derive(Serialize)]
struct Tail<'a> {
    status_log: Vec<&'a str>,
    rank: Option<u32>,
    uplink: Option<u32>,
    strangers: usize,
    links: Vec<LinkEntry>,
    counters: BTreeMap<&'static str, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    irc: Option<Irc<'a>>,
    uptime_seconds: u64,
    version: &'static str,
}

/// The network as the dialects of text know it: everybody by name, sorted.
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
    key: Option<&'a str>,
    topic: Option<&'a str>,
    users: Vec<&'a str>,
}

/// What the dialects of text know, if one is spoken here.
fn irc<'a>(snapshot: &Snapshot<'a>) -> Option<Irc<'a>> {
    let (nicks, servers) = (snapshot.nicks()?, snapshot.server_names()?);
    let users = |ids: &mut dyn Iterator<Item = HostId>| sorted(ids.filter_map(|id| nicks.of(id)));
    let servers =
        |ids: &mut dyn Iterator<Item = HostId>| sorted(ids.filter_map(|id| servers.of(id)));
    let hosts = snapshot.directory();
    let some = |text: &'a str| Some(text).filter(|text| !text.is_empty());
    let channels = snapshot.channels().iter().map(|channel| {
        let entry = ChannelEntry {
            key: some(channel.key()),
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
    node: &'static str,
    uplink: bool,
    peer: SocketAddr,
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("text, numbers and lists can be written")
}

fn as_text<S: Serializer>(value: &impl ToString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_string())
}

/// The server's counters: name, meaning, value.
fn counters(snapshot: &Snapshot<'_>) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
    let c = snapshot.counters();
    [
        ("frames_received", "Frames received.", c.frames_received),
        ("chats_relayed", "Chats sent on.", c.chats_relayed),
        (
            "chats_bounced",
            "Chats answered as undeliverable.",
            c.chats_bounced,
        ),
        (
            "channel_chats",
            "What was said in channels and told on.",
            c.channel_chats,
        ),
        ("statuses_relayed", "Statuses sent on.", c.statuses_relayed),
        (
            "registrations",
            "Hosts that have become adjacent.",
            c.registrations,
        ),
        (
            "hosts_joined",
            "Hosts that have joined the network.",
            c.hosts_joined,
        ),
        (
            "hosts_left",
            "Hosts that have left the network.",
            c.hosts_left,
        ),
        ("refused", "Registrations whose id was taken.", c.refused),
        ("dropped", "Frames of servers that were dropped.", c.dropped),
        (
            "violations",
            "Links closed because the peer broke a rule.",
            c.violations,
        ),
        (
            "slow_consumers",
            "Links closed because the peer read too slowly.",
            c.slow_consumers,
        ),
        (
            "dials_failed",
            "Dials that came to nothing.",
            c.dials_failed,
        ),
    ]
    .into_iter()
}

/// The page `/metrics`.
pub(crate) fn metrics(snapshot: &Snapshot<'_>, stats: Option<&Stats>) -> String {
    let mut page = String::new();
    let directory = snapshot.directory();
    let servers = directory.servers_len();
    let clients = directory.len() - servers;
    let mut metric = |name: &str, kind: &str, help: &str, samples: &[(&str, u64)]| {
        let _ = writeln!(page, "# HELP crc_{name} {help}\n# TYPE crc_{name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(page, "crc_{name}{labels} {value}");
        }
    };
    metric(
        "hosts",
        "gauge",
        "Other hosts of the network.",
        &[
            ("{kind=\"server\"}", servers as u64),
            ("{kind=\"client\"}", clients as u64),
        ],
    );
    let adjacent = |kind| snapshot.adjacent(kind).len() as u64;
    metric(
        "adjacent_hosts",
        "gauge",
        "Hosts that are linked to this server.",
        &[
            ("{kind=\"server\"}", adjacent(HostKind::Server)),
            ("{kind=\"client\"}", adjacent(HostKind::Client)),
        ],
    );
    let links = |dialect, kind| {
        let links = snapshot.links();
        let links = links.filter(|link| link.dialect == dialect && link.neighbour.kind == kind);
        links.count() as u64
    };
    let (irc, legacy) = (Some(TextProtocol::Irc), Some(TextProtocol::Legacy));
    metric(
        "dialect_hosts",
        "gauge",
        "Hosts that are linked to this server and speak a dialect of text.",
        &[
            (
                "{dialect=\"irc\",kind=\"client\"}",
                links(irc, HostKind::Client),
            ),
            (
                "{dialect=\"irc-legacy\",kind=\"client\"}",
                links(legacy, HostKind::Client),
            ),
            (
                "{dialect=\"irc-legacy\",kind=\"server\"}",
                links(legacy, HostKind::Server),
            ),
        ],
    );
    metric(
        "channels",
        "gauge",
        "Channels of the network.",
        &[("", snapshot.channels().len() as u64)],
    );
    metric(
        "strangers",
        "gauge",
        "Connections that have not registered.",
        &[("", snapshot.unregistered_links() as u64)],
    );
    for (name, help, value) in counters(snapshot) {
        metric(&format!("{name}_total"), "counter", help, &[("", value)]);
    }
    let Some(stats) = stats else {
        return page;
    };
    for (name, kind, help, value) in [
        (
            "links_open",
            "gauge",
            "Open connections, closing ones included.",
            &stats.links_open,
        ),
        (
            "bytes_waiting",
            "gauge",
            "Bytes that wait to be written.",
            &stats.queue_bytes,
        ),
        (
            "bytes_read_total",
            "counter",
            "Bytes read.",
            &stats.read_bytes,
        ),
        (
            "bytes_written_total",
            "counter",
            "Bytes written.",
            &stats.written_bytes,
        ),
        (
            "reads_total",
            "counter",
            "System calls that read.",
            &stats.reads,
        ),
        (
            "writes_total",
            "counter",
            "System calls that wrote.",
            &stats.writes,
        ),
        ("turns_total", "counter", "Turns of the loop.", &stats.turns),
        (
            "links_accepted_total",
            "counter",
            "Connections that peers opened.",
            &stats.links_accepted,
        ),
        (
            "accept_pauses_total",
            "counter",
            "Pauses because the system had no descriptor left.",
            &stats.accept_pauses,
        ),
    ] {
        metric(name, kind, help, &[("", value.value())]);
    }
    page
}

/// What kind of node is at the other end: the classification of its link, or the
/// dialect that it speaks.
fn node(standing: PeerVersion, dialect: Option<TextProtocol>) -> &'static str {
    match (dialect, standing) {
        (Some(TextProtocol::Irc), _) => "irc",
        (Some(TextProtocol::Legacy), _) => "irc-legacy",
        (None, PeerVersion::Unknown) => "unclassified",
        (None, PeerVersion::V1) => "original",
        (None, PeerVersion::V2) => "ours",
    }
}
