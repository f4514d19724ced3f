//! What the server knows, as JSON and as numbers for Prometheus.

use std::fmt::Write;

use crc_core::{HostKind, Snapshot, Standing, Timestamp, UNRANKED};
use crc_net::Stats;
use crc_wire::HostId;
use serde_json::json;

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
            let entry = json!({
                "id": id.get(),
                "kind": kind(host.kind()),
                "name": host.name(),
                "info": host.info(),
                "first_link": snapshot.first_link(host).map(HostId::get),
            });
            if !self.hosts.is_empty() {
                self.hosts.push(',');
            }
            let _ = write!(self.hosts, "{entry}");
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
        let links: Vec<_> = snapshot
            .links()
            .map(|link| {
                json!({
                    "host": link.neighbour.host.get(),
                    "kind": kind(link.neighbour.kind),
                    "node": standing(link.neighbour.standing),
                    "uplink": link.neighbour.uplink,
                    "peer": link.ends.peer.to_string(),
                })
            })
            .collect();
        let counters = snapshot.counters();
        let rank = Some(snapshot.rank()).filter(|rank| *rank != UNRANKED);
        let head = json!({
            "id": snapshot.id().get(),
            "name": snapshot.name(),
            "info": snapshot.info(),
            "adjacent_servers": ids(HostKind::Server),
            "adjacent_clients": ids(HostKind::Client),
        });
        let tail = json!({
            "status_log": snapshot.status_log().collect::<Vec<_>>(),
            "rank": rank,
            "uplink": snapshot.uplink().map(|(id, _)| id.get()),
            "strangers": snapshot.strangers(),
            "links": links,
            "counters": {
                "frames_received": counters.frames_received,
                "chats_relayed": counters.chats_relayed,
                "chats_bounced": counters.chats_bounced,
                "statuses_relayed": counters.statuses_relayed,
                "registrations": counters.registrations,
                "hosts_joined": counters.hosts_joined,
                "hosts_left": counters.hosts_left,
                "refused": counters.refused,
                "dropped": counters.dropped,
                "violations": counters.violations,
                "slow_consumers": counters.slow_consumers,
                "dials_failed": counters.dials_failed,
            },
            "uptime_seconds": now.as_micros() / 1_000_000,
            "version": env!("CARGO_PKG_VERSION"),
        });
        let (head, tail) = (head.to_string(), tail.to_string());
        let hosts = std::mem::take(&mut self.hosts);
        // The two objects around the list of hosts, made one.
        format!(
            "{},\"hosts\":[{hosts}],{}\n",
            head.trim_end_matches('}'),
            tail.trim_start_matches('{')
        )
    }
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
    metric(
        "strangers",
        "gauge",
        "Connections that have not registered.",
        &[("", snapshot.strangers() as u64)],
    );
    let counters = snapshot.counters();
    for (name, help, value) in [
        (
            "frames_received_total",
            "Frames received.",
            counters.frames_received,
        ),
        (
            "chats_relayed_total",
            "Chats sent on.",
            counters.chats_relayed,
        ),
        (
            "chats_bounced_total",
            "Chats answered with Unknown ID, or as too long.",
            counters.chats_bounced,
        ),
        (
            "statuses_relayed_total",
            "Statuses sent on.",
            counters.statuses_relayed,
        ),
        (
            "registrations_total",
            "Hosts that have become adjacent.",
            counters.registrations,
        ),
        (
            "hosts_joined_total",
            "Hosts that have joined the network.",
            counters.hosts_joined,
        ),
        (
            "hosts_left_total",
            "Hosts that have left the network.",
            counters.hosts_left,
        ),
        (
            "refused_total",
            "Registrations whose id was taken.",
            counters.refused,
        ),
        (
            "dropped_total",
            "Frames of servers that were dropped.",
            counters.dropped,
        ),
        (
            "violations_total",
            "Links closed because the peer broke a rule.",
            counters.violations,
        ),
        (
            "dials_failed_total",
            "Dials that came to nothing.",
            counters.dials_failed,
        ),
    ] {
        metric(name, "counter", help, &[("", value)]);
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
            &stats.bytes_waiting,
        ),
        (
            "bytes_read_total",
            "counter",
            "Bytes read.",
            &stats.bytes_in,
        ),
        (
            "bytes_written_total",
            "counter",
            "Bytes written.",
            &stats.bytes_out,
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
            "slow_consumers_total",
            "counter",
            "Links closed because the peer read too slowly.",
            &stats.slow_consumers,
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

fn kind(kind: HostKind) -> &'static str {
    match kind {
        HostKind::Server => "server",
        HostKind::Client => "client",
    }
}

/// What kind of node is at the other end: the classification of its link.
fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Unclassified => "unclassified",
        Standing::Original => "original",
        Standing::Ours => "ours",
    }
}
