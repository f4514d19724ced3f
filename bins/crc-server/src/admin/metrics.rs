//! `/metrics`: the server's numbers in the text format of Prometheus.
//!
//! Names are a promise to operators. A renamed metric keeps its old name for one
//! release, see CHANGELOG.md.

use std::fmt::Write;

use crc_core::{HostKind, Snapshot, TextProtocol};
use crc_net::Stats;

/// One of the server's counters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counter {
    pub(super) name: &'static str,
    /// The name until 0.1, which is kept until 0.3.
    pub(super) deprecated_name: Option<&'static str>,
    help: &'static str,
    pub(super) value: u64,
}

impl Counter {
    const fn new(name: &'static str, value: u64, help: &'static str) -> Self {
        Counter {
            name,
            deprecated_name: None,
            help,
            value,
        }
    }

    const fn renamed_from(self, name: &'static str) -> Self {
        Counter {
            deprecated_name: Some(name),
            ..self
        }
    }
}

/// The counters that `/state` and `/metrics` share.
pub(super) fn counters(snapshot: &Snapshot<'_>) -> impl Iterator<Item = Counter> {
    let c = snapshot.counters();
    [
        Counter::new("frames_received", c.frames_received, "Frames received."),
        Counter::new(
            "chats_relayed",
            c.chats_relayed,
            "Chats sent to a client or the next server.",
        ),
        Counter::new(
            "chats_bounced",
            c.chats_bounced,
            "Chats answered with an error because they could not be delivered.",
        ),
        Counter::new(
            "channel_chats",
            c.channel_chats,
            "Channel chats relayed to members or servers.",
        ),
        Counter::new("statuses_relayed", c.statuses_relayed, "Statuses relayed."),
        Counter::new(
            "registrations",
            c.registrations,
            "Links that have registered.",
        ),
        Counter::new(
            "hosts_joined",
            c.hosts_joined,
            "Hosts that have joined the network.",
        ),
        Counter::new(
            "hosts_left",
            c.hosts_left,
            "Hosts that have left the network.",
        ),
        Counter::new(
            "registrations_refused",
            c.refused,
            "Registrations refused because the id was in use.",
        )
        .renamed_from("refused"),
        Counter::new(
            "frames_dropped",
            c.dropped,
            "Frames from servers that were dropped.",
        )
        .renamed_from("dropped"),
        Counter::new(
            "violations",
            c.violations,
            "Links closed because the peer violated the protocol.",
        ),
        Counter::new(
            "slow_consumers",
            c.slow_consumers,
            "Links closed because the peer read too slowly.",
        ),
        Counter::new(
            "chats_dropped",
            c.chats_dropped,
            "Chats dropped because the queues to both servers were full.",
        ),
        Counter::new(
            "clients_paused",
            c.clients_paused,
            "Times a client was paused because it sent faster than a server reads.",
        ),
        Counter::new("dials_failed", c.dials_failed, "Dials that failed."),
    ]
    .into_iter()
}

/// The whole page.
pub(super) fn render(snapshot: &Snapshot<'_>, stats: Option<&Stats>) -> String {
    let mut page = MetricsPage::default();
    write_gauges(&mut page, snapshot);
    for counter in counters(snapshot) {
        let name = format!("{}_total", counter.name);
        page.write("counter", &name, counter.help, &[("", counter.value)]);
        if let Some(old) = counter.deprecated_name {
            let old = format!("{old}_total");
            page.write_deprecated("counter", &old, &name, &[("", counter.value)]);
        }
    }
    if let Some(stats) = stats {
        write_driver_stats(&mut page, stats);
    }
    page.text
}

fn write_gauges(page: &mut MetricsPage, snapshot: &Snapshot<'_>) {
    let directory = snapshot.directory();
    let servers = directory.servers_len();
    let clients = directory.len() - servers;
    page.write(
        "gauge",
        "hosts",
        "Other hosts of the network.",
        &[
            ("{kind=\"server\"}", servers as u64),
            ("{kind=\"client\"}", clients as u64),
        ],
    );
    let skews = snapshot.links().filter_map(|link| link.clock_skew_ms);
    page.write(
        "gauge",
        "clock_skew_ms_max",
        "The most by which the clock of a linked server differs from this one's, in ms.",
        &[("", skews.map(i64::unsigned_abs).max().unwrap_or(0))],
    );
    let adjacent = |kind| snapshot.adjacent(kind).len() as u64;
    page.write(
        "gauge",
        "adjacent_hosts",
        "Hosts linked to this server.",
        &[
            ("{kind=\"server\"}", adjacent(HostKind::Server)),
            ("{kind=\"client\"}", adjacent(HostKind::Client)),
        ],
    );
    let links = |protocol, kind| {
        let links = snapshot.links();
        let links = links.filter(|l| l.text_protocol == Some(protocol) && l.neighbour.kind == kind);
        links.count() as u64
    };
    let irc_clients = links(TextProtocol::Irc, HostKind::Client);
    let legacy_clients = links(TextProtocol::Legacy, HostKind::Client);
    let legacy_servers = links(TextProtocol::Legacy, HostKind::Server);
    page.write(
        "gauge",
        "irc_hosts",
        "Hosts linked to this server over IRC.",
        &[
            ("{protocol=\"irc\",kind=\"client\"}", irc_clients),
            ("{protocol=\"irc-legacy\",kind=\"client\"}", legacy_clients),
            ("{protocol=\"irc-legacy\",kind=\"server\"}", legacy_servers),
        ],
    );
    page.write_deprecated(
        "gauge",
        "dialect_hosts",
        "irc_hosts",
        &[
            ("{dialect=\"irc\",kind=\"client\"}", irc_clients),
            ("{dialect=\"irc-legacy\",kind=\"client\"}", legacy_clients),
            ("{dialect=\"irc-legacy\",kind=\"server\"}", legacy_servers),
        ],
    );
    page.write(
        "gauge",
        "channels",
        "Channels of the network.",
        &[("", snapshot.channels().len() as u64)],
    );
    let unregistered = [("", snapshot.unregistered_links() as u64)];
    page.write(
        "gauge",
        "unregistered_links",
        "Links that have not registered.",
        &unregistered,
    );
    page.write_deprecated("gauge", "strangers", "unregistered_links", &unregistered);
}

fn write_driver_stats(page: &mut MetricsPage, stats: &Stats) {
    for (kind, name, deprecated_name, help, value) in [
        (
            "gauge",
            "links_open",
            None,
            "Open connections, closing ones included.",
            &stats.links_open,
        ),
        (
            "gauge",
            "queue_bytes",
            Some("bytes_waiting"),
            "Bytes in all send queues.",
            &stats.queue_bytes,
        ),
        (
            "counter",
            "read_bytes_total",
            Some("bytes_read_total"),
            "Bytes read.",
            &stats.read_bytes,
        ),
        (
            "counter",
            "written_bytes_total",
            Some("bytes_written_total"),
            "Bytes written.",
            &stats.written_bytes,
        ),
        (
            "counter",
            "reads_total",
            None,
            "System calls that read.",
            &stats.reads,
        ),
        (
            "counter",
            "writes_total",
            None,
            "System calls that wrote.",
            &stats.writes,
        ),
        (
            "counter",
            "turns_total",
            None,
            "Turns of the event loop.",
            &stats.turns,
        ),
        (
            "counter",
            "links_accepted_total",
            None,
            "Connections accepted.",
            &stats.links_accepted,
        ),
        (
            "counter",
            "accept_pauses_total",
            None,
            "Pauses in accepting because no descriptor was left.",
            &stats.accept_pauses,
        ),
    ] {
        let samples = [("", value.value())];
        page.write(kind, name, help, &samples);
        if let Some(old) = deprecated_name {
            page.write_deprecated(kind, old, name, &samples);
        }
    }
    page.write(
        "counter",
        "connections_refused_total",
        "Connections closed at once: too many from one address, too many per second, or only \
         reserved places left.",
        &[
            ("{reason=\"address\"}", stats.refused_per_address.value()),
            ("{reason=\"rate\"}", stats.refused_rate.value()),
            ("{reason=\"reserved\"}", stats.refused_reserved.value()),
        ],
    );
}

#[derive(Debug, Default)]
struct MetricsPage {
    text: String,
}

impl MetricsPage {
    /// Writes one metric. A sample is its labels and its value.
    fn write(&mut self, kind: &str, name: &str, help: &str, samples: &[(&str, u64)]) {
        let page = &mut self.text;
        // Writing to a string does not fail.
        let _ = writeln!(page, "# HELP crc_{name} {help}\n# TYPE crc_{name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(page, "crc_{name}{labels} {value}");
        }
    }

    fn write_deprecated(&mut self, kind: &str, name: &str, new: &str, samples: &[(&str, u64)]) {
        let help = format!("Deprecated, use crc_{new}.");
        self.write(kind, name, &help, samples);
    }
}
