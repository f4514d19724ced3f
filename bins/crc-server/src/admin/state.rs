//! `/state`: what the server knows, as JSON.
//!
//! Keys are a promise to programs. A renamed key keeps its old name for one release,
//! see CHANGELOG.md.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use crc_core::{Host, HostKind, PeerVersion, Snapshot, TextProtocol, Timestamp, UNRANKED};
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
    /// The key `irc`, if the server has a listener or a link for IRC.
    irc: Option<IrcPart>,
}

impl StatePage {
    pub(super) fn new(snapshot: &Snapshot<'_>) -> Self {
        let mut ids: Vec<_> = snapshot.directory().iter().map(|host| host.id()).collect();
        ids.sort_unstable();
        let speaks_irc = snapshot.nicks().is_some();
        StatePage {
            ids,
            next: 0,
            hosts: String::new(),
            irc: speaks_irc.then(IrcPart::default),
        }
    }

    /// Writes the next slice: so many hosts, or members of channels. Returns whether all
    /// are written.
    pub(super) fn write_slice(&mut self, snapshot: &Snapshot<'_>, count: usize) -> bool {
        if self.next < self.ids.len() {
            self.write_hosts(snapshot, count);
            return self.next == self.ids.len() && self.irc.is_none();
        }
        match &mut self.irc {
            Some(irc) => irc.write_slice(snapshot, count),
            None => true,
        }
    }

    /// Writes the next `count` hosts.
    fn write_hosts(&mut self, snapshot: &Snapshot<'_>, count: usize) {
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
            if let Some(irc) = &mut self.irc {
                irc.add_host(snapshot, host);
            }
        }
        self.next = end;
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
                clock_skew_ms: link.clock_skew_ms,
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
        });
        let end = json(&End {
            uptime_seconds: now.as_micros() / 1_000_000,
            version: env!("CARGO_PKG_VERSION"),
        });
        let hosts = std::mem::take(&mut self.hosts);
        let irc = self.irc.take().map(|irc| irc.text).unwrap_or_default();
        // One object: the fields of `Head`, the hosts, the fields of `Tail` and `End`.
        let (head, tail) = (&head[..head.len() - 1], &tail[1..tail.len() - 1]);
        format!("{head},\"hosts\":[{hosts}],{tail}{irc},{}\n", &end[1..])
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
}

/// The fields after the key `irc`.
#[derive(Serialize)]
struct End {
    uptime_seconds: u64,
    version: &'static str,
}

/// The network as IRC shows it, written in slices: names, sorted.
#[derive(Debug, Default)]
struct IrcPart {
    /// The names of the hosts that are not written yet.
    servers: BTreeSet<String>,
    users: BTreeSet<String>,
    list: List,
    /// The channel that was begun last, in lower case.
    channel: Option<Box<str>>,
    text: String,
}

/// What is written next.
#[derive(Debug, Default)]
enum List {
    #[default]
    Start,
    Servers,
    Users,
    /// The next channel.
    Channels,
    /// The names of a channel's members are collected, after this one.
    Members(Option<HostId>, BTreeSet<String>),
    /// They are written.
    MemberNames(BTreeSet<String>),
    End,
}

impl IrcPart {
    fn add_host(&mut self, snapshot: &Snapshot<'_>, host: &Host) {
        let (names, list) = match host.kind() {
            HostKind::Server => (snapshot.server_names(), &mut self.servers),
            HostKind::Client => (snapshot.nicks(), &mut self.users),
        };
        let name = names.and_then(|names| names.of(host.id()));
        list.extend(name.map(str::to_owned));
    }

    /// Writes so many names, or a little more. Returns whether all are written.
    fn write_slice(&mut self, snapshot: &Snapshot<'_>, count: usize) -> bool {
        let mut left = count;
        while left > 0 {
            left -= 1;
            self.list = match core::mem::take(&mut self.list) {
                List::Start => {
                    let adjacent = adjacent(snapshot, HostKind::Server);
                    self.text = format!(",\"irc\":{{\"adjacent_servers\":{adjacent},\"servers\":[");
                    List::Servers
                }
                List::Servers if write_names(&mut self.servers, &mut self.text, &mut left) => {
                    let adjacent = adjacent(snapshot, HostKind::Client);
                    self.text += &format!("],\"adjacent_users\":{adjacent},\"users\":[");
                    List::Users
                }
                List::Users if write_names(&mut self.users, &mut self.text, &mut left) => {
                    self.text += "],\"channels\":{";
                    List::Channels
                }
                List::Channels => self.next_channel(snapshot),
                List::Members(after, mut names) => {
                    match self.collect(snapshot, after, &mut names, &mut left) {
                        Some(after) => List::Members(Some(after), names),
                        None => List::MemberNames(names),
                    }
                }
                List::MemberNames(mut names) => {
                    match write_names(&mut names, &mut self.text, &mut left) {
                        true => {
                            self.text += "]}";
                            List::Channels
                        }
                        false => List::MemberNames(names),
                    }
                }
                List::End => return true,
                unfinished => unfinished,
            };
        }
        false
    }

    /// Begins the next channel, if there is one.
    fn next_channel(&mut self, snapshot: &Snapshot<'_>) -> List {
        let channels = snapshot.channels();
        let Some(channel) = channels.after(self.channel.as_deref()).next() else {
            self.text += "}}";
            return List::End;
        };
        let some = |text| Some(text).filter(|text: &&str| !text.is_empty());
        let head = json(&ChannelHead {
            key: some(channel.key()).map(|_| "*"),
            topic: some(channel.topic()),
        });
        if self.channel.is_some() {
            self.text.push(',');
        }
        self.text += &json(&channel.name());
        self.text.push(':');
        self.text += &head[..head.len() - 1];
        self.text += ",\"users\":[";
        self.channel = Some(channel.name().to_ascii_lowercase().into());
        List::Members(None, BTreeSet::new())
    }

    /// Collects the names of a channel's members. Returns the last one if there may be
    /// more.
    fn collect(
        &self,
        snapshot: &Snapshot<'_>,
        after: Option<HostId>,
        names: &mut BTreeSet<String>,
        left: &mut usize,
    ) -> Option<HostId> {
        let (channel, nicks) = (
            snapshot.channels().find(self.channel.as_deref()?)?,
            snapshot.nicks()?,
        );
        let mut last = None;
        let mut members = channel.members_after(after);
        for (id, _) in members.by_ref().take(*left) {
            names.extend(nicks.of(id).map(str::to_owned));
            *left -= 1;
            last = Some(id);
        }
        members.next().and(last)
    }
}

/// Writes names, and takes them out. Returns whether all are written.
fn write_names(names: &mut BTreeSet<String>, text: &mut String, left: &mut usize) -> bool {
    while *left > 0
        && let Some(name) = names.pop_first()
    {
        *left -= 1;
        if !text.ends_with('[') {
            text.push(',');
        }
        *text += &json(&name);
    }
    names.is_empty()
}

/// A channel, without its users.
#[derive(Serialize)]
struct ChannelHead<'a> {
    /// `*` if it has one: the admin page shows no secrets.
    key: Option<&'static str>,
    topic: Option<&'a str>,
}

/// The names of the adjacent hosts of a kind.
fn adjacent(snapshot: &Snapshot<'_>, kind: HostKind) -> String {
    let names = match kind {
        HostKind::Server => snapshot.server_names(),
        HostKind::Client => snapshot.nicks(),
    };
    let ids = snapshot.adjacent(kind).into_iter();
    json(&sorted(ids.filter_map(|id| names?.of(id))))
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
    /// By how much the peer's clock was ahead when it announced itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_skew_ms: Option<i64>,
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
