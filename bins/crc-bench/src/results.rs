//! Builds the report of each workload from its measurements.

use std::time::Duration;

use crate::report::{Amount, Report};
use crate::workload::{FanOut, Idle, JoinStorm, Load};

const MESSAGES: &str = "every message arrived once and in order";
const PRESENCE: &str = "every join was announced to every client once";

/// A stream.
pub(crate) fn stream(workload: &'static str, load: &Load) -> Report {
    let mut report = Report::new(workload, MESSAGES);
    rates(&mut report, load);
    let keys = [
        "latency_median_ns",
        "latency_p90_ns",
        "latency_p99_ns",
        "latency_max_ns",
    ];
    report.add_times(keys, "latency (sampled)", &load.times);
    report.deprecate([
        ("on_the_way_median_ns", "latency_median_ns"),
        ("on_the_way_p90_ns", "latency_p90_ns"),
        ("on_the_way_p99_ns", "latency_p99_ns"),
        ("on_the_way_max_ns", "latency_max_ns"),
    ]);
    costs(&mut report, load);
    report
}

/// Ping-pong.
pub(crate) fn ping_pong(load: &Load) -> Report {
    let mut report = Report::new("ping-pong", MESSAGES);
    rates(&mut report, load);
    let keys = [
        "round_trip_median_ns",
        "round_trip_p90_ns",
        "round_trip_p99_ns",
        "round_trip_max_ns",
    ];
    report.add_times(keys, "round trip", &load.times);
    costs(&mut report, load);
    report
}

fn rates(report: &mut Report, load: &Load) {
    let bytes = load.messages as f64 * load.frame_len as f64;
    let seconds = load.span.time.as_secs_f64().max(1e-9);
    report.add("messages", "messages", Amount::Count(load.messages));
    elapsed(report, load.span.time);
    let rate = Amount::rate(load.messages, load.span.time);
    report.add("messages_per_second", "messages per second", rate);
    let rate = Amount::BytesPerSecond(bytes / seconds);
    report.add("bytes_per_second", "bytes of frames per second", rate);
}

fn costs(report: &mut Report, load: &Load) {
    let span = &load.span;
    let all = Amount::time_each(span.all_servers(), load.messages);
    report.add("server_cpu_per_message_ns", "server CPU per message", all);
    own_load(report, span.own, span.time);
    for ((name, cpu), resident) in load.servers.iter().zip(&span.servers).zip(&load.resident) {
        let figures = [
            (
                "cpu_per_message_ns",
                "CPU per message",
                Amount::time_each(*cpu, load.messages),
            ),
            ("cpu_load", "CPU load", Amount::load(*cpu, span.time)),
            (
                "resident_bytes",
                "resident memory",
                Amount::bytes(*resident),
            ),
        ];
        report.add_server(name, &figures);
    }
}

/// A join storm.
pub(crate) fn join_storm(storm: &JoinStorm) -> Report {
    let mut report = Report::new("join-storm", PRESENCE);
    joining(&mut report, storm);
    let span = &storm.span;
    own_load(&mut report, span.own, span.time);
    let servers = storm.servers.iter().zip(&span.servers);
    let memory = storm.before.iter().zip(&storm.after).zip(&storm.peak);
    for ((name, cpu), ((before, after), peak)) in servers.zip(memory) {
        let figures = [
            (
                "cpu_per_announcement_ns",
                "CPU per announcement",
                Amount::time_each(*cpu, storm.announcements),
            ),
            (
                "resident_bytes_before",
                "resident memory before",
                Amount::bytes(*before),
            ),
            (
                "resident_bytes",
                "resident memory after",
                Amount::bytes(*after),
            ),
            (
                "resident_bytes_peak",
                "resident memory, peak",
                Amount::bytes(*peak),
            ),
        ];
        report.add_server(name, &figures);
    }
    report
}

fn joining(report: &mut Report, storm: &JoinStorm) {
    let span = &storm.span;
    report.add("clients", "clients", Amount::Count(storm.clients as u64));
    report.add(
        "announcements",
        "announcements",
        Amount::Count(storm.announcements),
    );
    report.add(
        "joined_ns",
        "time until all clients know all",
        Amount::time(Some(span.time)),
    );
    let rate = Amount::rate(storm.announcements, span.time);
    report.add("announcements_per_second", "announcements per second", rate);
    let cpu = Amount::time_each(span.all_servers(), storm.announcements);
    report.add(
        "server_cpu_per_announcement_ns",
        "server CPU per announcement",
        cpu,
    );
    let memory = memory_per_client(storm).map_or(Amount::Unknown, Amount::Bytes);
    report.add(
        "server_resident_bytes_per_client",
        "server memory per client",
        memory,
    );
}

/// The growth of all servers' memory per client.
pub(crate) fn memory_per_client(storm: &JoinStorm) -> Option<f64> {
    let sum = |memory: &[Option<u64>]| memory.iter().copied().sum::<Option<u64>>();
    let (before, after) = (sum(&storm.before)?, sum(&storm.after)?);
    Some((after as f64 - before as f64) / storm.clients.max(1) as f64)
}

/// Idle clients.
pub(crate) fn idle(idle: &Idle) -> Report {
    let mut report = Report::new("idle", PRESENCE);
    joining(&mut report, &idle.storm);
    let span = &idle.span;
    report.add("idle_ns", "idle time", Amount::time(Some(span.time)));
    let all = span.all_servers();
    report.add("server_cpu_ns", "server CPU while idle", Amount::time(all));
    report.add(
        "server_cpu_load",
        "server CPU load",
        Amount::load(all, span.time),
    );
    let servers = idle
        .storm
        .servers
        .iter()
        .zip(&span.servers)
        .zip(&idle.storm.after);
    for ((name, cpu), resident) in servers {
        let figures = [
            ("cpu_ns", "CPU", Amount::time(*cpu)),
            (
                "resident_bytes",
                "resident memory",
                Amount::bytes(*resident),
            ),
        ];
        report.add_server(name, &figures);
    }
    report
}

/// A fan-out of joins and quits.
pub(crate) fn fan_out(fan_out: &FanOut) -> Report {
    let verdict = "every join and every quit was announced to every client once";
    let mut report = Report::new("fan-out", verdict);
    let span = &fan_out.span;
    report.add("visits", "visits", Amount::Count(fan_out.visits));
    report.add(
        "announcements",
        "announcements",
        Amount::Count(fan_out.announcements),
    );
    elapsed(&mut report, span.time);
    let rate = Amount::rate(fan_out.announcements, span.time);
    report.add("announcements_per_second", "announcements per second", rate);
    let keys = [
        "announced_median_ns",
        "announced_p90_ns",
        "announced_p99_ns",
        "announced_max_ns",
    ];
    report.add_times(keys, "join until announced to all", &fan_out.times);
    report.deprecate([
        ("all_told_median_ns", "announced_median_ns"),
        ("all_told_p90_ns", "announced_p90_ns"),
        ("all_told_p99_ns", "announced_p99_ns"),
        ("all_told_max_ns", "announced_max_ns"),
    ]);
    let cpu = Amount::time_each(span.all_servers(), fan_out.announcements);
    report.add(
        "server_cpu_per_announcement_ns",
        "server CPU per announcement",
        cpu,
    );
    own_load(&mut report, span.own, span.time);
    for (name, cpu) in fan_out.servers.iter().zip(&span.servers) {
        let each = Amount::time_each(*cpu, fan_out.announcements);
        report.add_server(
            name,
            &[("cpu_per_announcement_ns", "CPU per announcement", each)],
        );
    }
    report
}

fn elapsed(report: &mut Report, time: Duration) {
    report.add("measured_ns", "time measured", Amount::time(Some(time)));
}

fn own_load(report: &mut Report, own: Option<Duration>, time: Duration) {
    report.add(
        "bench_cpu_load",
        "this program's CPU load",
        Amount::load(own, time),
    );
}
