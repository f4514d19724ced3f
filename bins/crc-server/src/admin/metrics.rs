//! `/metrics`: the server's numbers in the text format of Prometheus, written by its client
//! library. This module only says what the numbers are.
//!
//! Names are a promise to operators. A renamed metric keeps its old name for one
//! release, see CHANGELOG.md.

use core::cmp::Reverse;
use std::borrow::Cow;
use std::fmt;

use crc_core::{HostKind, LinkView, Snapshot, TextProtocol};
use crc_net::Stats;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::process;
use crate::readiness::{Observed, Readiness, name_of};

/// The type of the response.
pub(super) const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

/// How many servers have a metric of their own for the length of their queues: those with the
/// longest ones. The others are one sample together.
const QUEUES_MAX: usize = 64;

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

/// Whether a metric only grows.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Counter,
    Gauge,
}

/// The value of a sample.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value {
    Integer(u64),
    Float(f64),
}

/// Names and values.
type Labels = Vec<(&'static str, String)>;

/// One metric at one moment.
#[derive(Debug)]
pub(super) struct Metric {
    kind: Kind,
    /// The name; the encoder adds `_total` to that of a counter.
    name: Cow<'static, str>,
    help: Cow<'static, str>,
    samples: Vec<(Labels, Value)>,
}

impl Metric {
    pub(super) fn new(
        kind: Kind,
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
    ) -> Metric {
        Metric {
            kind,
            name: name.into(),
            help: help.into(),
            samples: Vec::new(),
        }
    }

    fn counter(name: &'static str, help: &'static str) -> Metric {
        Metric::new(Kind::Counter, name, help)
    }

    fn gauge(name: &'static str, help: &'static str) -> Metric {
        Metric::new(Kind::Gauge, name, help)
    }

    /// Adds a sample.
    pub(super) fn with(mut self, labels: &[(&'static str, &str)], value: Value) -> Metric {
        let labels = labels.iter();
        let labels = labels.map(|(name, value)| (*name, (*value).to_owned()));
        self.samples.push((labels.collect(), value));
        self
    }

    /// Adds a whole number.
    fn count(self, labels: &[(&'static str, &str)], value: u64) -> Metric {
        self.with(labels, Value::Integer(value))
    }

    /// The same numbers under a name that goes with the next release.
    fn deprecated(&self, old: impl Into<Cow<'static, str>>) -> Metric {
        let suffix = match self.kind {
            Kind::Counter => "_total",
            Kind::Gauge => "",
        };
        Metric {
            kind: self.kind,
            name: old.into(),
            help: format!("Deprecated, use {}{suffix}.", self.name).into(),
            samples: self.samples.clone(),
        }
    }
}

/// The metrics of one page.
#[derive(Debug)]
struct Metrics(Vec<Metric>);

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for metric in &self.0 {
            let kind = match metric.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
            };
            let mut encoder = encoder.encode_descriptor(&metric.name, &metric.help, None, kind)?;
            for (labels, value) in &metric.samples {
                match labels.is_empty() {
                    true => encode_value(&mut encoder, metric.kind, *value)?,
                    false => {
                        encode_value(&mut encoder.encode_family(labels)?, metric.kind, *value)?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn encode_value(encoder: &mut MetricEncoder<'_>, kind: Kind, value: Value) -> fmt::Result {
    match (kind, value) {
        (Kind::Counter, Value::Integer(value)) => {
            encoder.encode_counter::<NoLabelSet, _, u64>(&value, None)
        }
        (Kind::Counter, Value::Float(value)) => {
            encoder.encode_counter::<NoLabelSet, _, u64>(&value, None)
        }
        (Kind::Gauge, Value::Integer(value)) => encoder.encode_gauge(&value),
        (Kind::Gauge, Value::Float(value)) => encoder.encode_gauge(&value),
    }
}

/// The whole page.
pub(super) fn render(
    observed: Observed<'_>,
    stats: Option<&Stats>,
    started_at_unix_ms: u64,
) -> String {
    let snapshot = observed.server.snapshot();
    let mut metrics = vec![
        Metric::gauge(
            "crc_build_info",
            "What the server was built from; always 1.",
        )
        .count(
            &[
                ("version", env!("CARGO_PKG_VERSION")),
                ("commit", crc_cli::COMMIT.unwrap_or_default()),
            ],
            1,
        ),
    ];
    metrics.extend(place(observed));
    metrics.extend(gauges(&snapshot));
    for counter in counters(&snapshot) {
        let name = format!("crc_{}", counter.name);
        let metric = Metric::new(Kind::Counter, name, counter.help).count(&[], counter.value);
        let old = counter
            .deprecated_name
            .map(|old| metric.deprecated(format!("crc_{old}")));
        metrics.push(metric);
        metrics.extend(old);
    }
    if let Some(stats) = stats {
        metrics.extend(driver_metrics(stats));
        metrics.extend(queues(&snapshot, stats));
    }
    metrics.extend(process::metrics(started_at_unix_ms));
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Metrics(metrics)));
    let mut page = String::new();
    // Writing to a string does not fail.
    let _ = prometheus_text::encode(&mut page, &registry);
    page
}

/// The server's place in the network.
fn place(observed: Observed<'_>) -> [Metric; 2] {
    let readiness = Readiness::of(observed);
    let state = match readiness {
        Readiness::Linked(..) => "linked",
        Readiness::Root | Readiness::FirstInDirectory => "root",
        Readiness::Unlinked(_) => "unlinked",
        Readiness::Leaving => "leaving",
    };
    let mut states = Metric::gauge(
        "crc_uplink_state",
        "The server's place in the network: 1 for the state that it is in.",
    );
    for name in ["linked", "root", "unlinked", "leaving"] {
        states = states.count(&[("state", name)], u64::from(name == state));
    }
    let ready = Metric::gauge("crc_ready", "Whether /readyz answers that it is ready.");
    [states, ready.count(&[], readiness.is_ready().into())]
}

fn gauges(snapshot: &Snapshot<'_>) -> Vec<Metric> {
    let directory = snapshot.directory();
    let servers = directory.servers_len();
    let clients = directory.len() - servers;
    let hosts = Metric::gauge("crc_hosts", "Other hosts of the network.")
        .count(&[("kind", "server")], servers as u64)
        .count(&[("kind", "client")], clients as u64);
    let hosts_max = Metric::gauge("crc_hosts_max", "The limit of hosts in the directory.")
        .count(&[], snapshot.limits().hosts_max as u64);
    let skews = snapshot.links().filter_map(|link| link.clock_skew_ms);
    let skew_ms = skews.map(i64::unsigned_abs).max().unwrap_or(0);
    #[allow(clippy::cast_precision_loss, reason = "no clock is that wrong")]
    let skew = Metric::gauge(
        "crc_clock_skew_max_seconds",
        "The most by which the clock of a linked server differs from this one's.",
    )
    .with(&[], Value::Float(skew_ms as f64 / 1e3));
    let adjacent = |kind| snapshot.adjacent(kind).len() as u64;
    let adjacent = Metric::gauge("crc_adjacent_hosts", "Hosts linked to this server.")
        .count(&[("kind", "server")], adjacent(HostKind::Server))
        .count(&[("kind", "client")], adjacent(HostKind::Client));
    let links = |protocol, kind| {
        let links = snapshot.links();
        let links = links.filter(|l| l.text_protocol == Some(protocol) && l.neighbour.kind == kind);
        links.count() as u64
    };
    let irc = [
        ("irc", "client", links(TextProtocol::Irc, HostKind::Client)),
        (
            "irc-legacy",
            "client",
            links(TextProtocol::Legacy, HostKind::Client),
        ),
        (
            "irc-legacy",
            "server",
            links(TextProtocol::Legacy, HostKind::Server),
        ),
    ];
    let irc_hosts = |name, help: &'static str, label| {
        let metric = Metric::gauge(name, help);
        let add = |metric: Metric, (protocol, kind, count)| {
            metric.count(&[(label, protocol), ("kind", kind)], count)
        };
        irc.into_iter().fold(metric, add)
    };
    let unregistered = Metric::gauge("crc_unregistered_links", "Links that have not registered.")
        .count(&[], snapshot.unregistered_links() as u64);
    let strangers = unregistered.deprecated("crc_strangers");
    vec![
        hosts,
        hosts_max,
        skew,
        adjacent,
        irc_hosts(
            "crc_irc_hosts",
            "Hosts linked to this server over IRC.",
            "protocol",
        ),
        irc_hosts(
            "crc_dialect_hosts",
            "Deprecated, use crc_irc_hosts.",
            "dialect",
        ),
        Metric::gauge("crc_channels", "Channels of the network.")
            .count(&[], snapshot.channels().len() as u64),
        unregistered,
        strangers,
    ]
}

fn driver_metrics(stats: &Stats) -> Vec<Metric> {
    let mut metrics = Vec::new();
    for (kind, name, old, help, value) in [
        (
            Kind::Gauge,
            "crc_links_open",
            None,
            "Open connections, closing ones and those of the admin page included.",
            &stats.links_open,
        ),
        (
            Kind::Gauge,
            "crc_links_max",
            None,
            "The limit of open connections, those of the admin page not counted.",
            &stats.links_max,
        ),
        (
            Kind::Gauge,
            "crc_queue_bytes",
            Some("crc_bytes_waiting"),
            "Bytes in all send queues.",
            &stats.queue_bytes,
        ),
        (
            Kind::Counter,
            "crc_read_bytes",
            Some("crc_bytes_read"),
            "Bytes read.",
            &stats.read_bytes,
        ),
        (
            Kind::Counter,
            "crc_written_bytes",
            Some("crc_bytes_written"),
            "Bytes written.",
            &stats.written_bytes,
        ),
        (
            Kind::Counter,
            "crc_reads",
            None,
            "System calls that read.",
            &stats.reads,
        ),
        (
            Kind::Counter,
            "crc_writes",
            None,
            "System calls that wrote.",
            &stats.writes,
        ),
        (
            Kind::Counter,
            "crc_turns",
            None,
            "Turns of the event loop.",
            &stats.turns,
        ),
        (
            Kind::Counter,
            "crc_links_accepted",
            None,
            "Connections accepted.",
            &stats.links_accepted,
        ),
        (
            Kind::Counter,
            "crc_accept_pauses",
            None,
            "Pauses in accepting because no descriptor was left.",
            &stats.accept_pauses,
        ),
        (
            Kind::Counter,
            "crc_link_limit_hits",
            None,
            "Times that the limit of connections was reached.",
            &stats.link_limit_hits,
        ),
        (
            Kind::Counter,
            "crc_tls_handshakes",
            None,
            "TLS handshakes that succeeded.",
            &stats.handshakes,
        ),
        (
            Kind::Counter,
            "crc_tls_handshakes_failed",
            None,
            "TLS handshakes that failed.",
            &stats.handshakes_failed,
        ),
    ] {
        let metric = Metric::new(kind, name, help).count(&[], value.value());
        let old = old.map(|old| metric.deprecated(old));
        metrics.push(metric);
        metrics.extend(old);
    }
    let refused = Metric::counter(
        "crc_connections_refused",
        "Connections closed at once: too many from one address, too many per second, or only \
         reserved places left.",
    )
    .count(&[("reason", "address")], stats.refused_per_address.value())
    .count(&[("reason", "rate")], stats.refused_rate.value())
    .count(&[("reason", "reserved")], stats.refused_reserved.value());
    metrics.push(refused);
    metrics
}

/// The send queues: by server, and those of clients together. With their limits.
fn queues(snapshot: &Snapshot<'_>, stats: &Stats) -> [Metric; 4] {
    let servers = snapshot
        .links()
        .filter(|link| link.neighbour.kind == HostKind::Server);
    let waiting = |link: &LinkView| stats.watched_queue_bytes(link.link) as u64;
    let servers = servers.map(|link| (waiting(&link), link));
    let mut servers: Vec<(u64, LinkView)> = servers.collect();
    let in_driver: u64 = servers.iter().map(|(waiting, _)| waiting).sum();
    let total = |(waiting, link): &(u64, LinkView)| waiting + link.held_bytes as u64;
    servers.sort_by_key(|entry| (Reverse(total(entry)), entry.1.neighbour.host));
    let (shown, others) = servers.split_at(servers.len().min(QUEUES_MAX));
    let mut by_server = Metric::gauge(
        "crc_server_queue_bytes",
        "Bytes in the send queue of each linked server: the 64 longest, and all others as one.",
    );
    for entry in shown {
        let host = entry.1.neighbour.host;
        let (id, name) = (host.to_string(), name_of(snapshot, host));
        by_server = by_server.count(&[("id", &id), ("name", &name)], total(entry));
    }
    if !others.is_empty() {
        let bytes = others.iter().map(total).sum();
        by_server = by_server.count(&[("id", "others"), ("name", "")], bytes);
    }
    // The driver's numbers and the sum are of one moment: both are read on its thread.
    let clients = stats.queue_bytes.value().saturating_sub(in_driver);
    let limits = snapshot.limits();
    let limit =
        |name, help: &'static str, bytes: usize| Metric::gauge(name, help).count(&[], bytes as u64);
    [
        by_server,
        Metric::gauge(
            "crc_clients_queue_bytes",
            "Bytes in all send queues but those of linked servers.",
        )
        .count(&[], clients),
        limit(
            "crc_server_queue_max_bytes",
            "The limit of the send queue of one server.",
            limits.server_queue_bytes_max,
        ),
        limit(
            "crc_client_queue_max_bytes",
            "The limit of the send queue of one client.",
            limits.client_queue_bytes_max,
        ),
    ]
}
