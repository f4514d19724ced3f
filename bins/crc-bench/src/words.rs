//! From what was measured to what is told of it.

use std::time::Duration;

use crate::report::{Amount, Report};
use crate::workload::{Idle, Load, Storm, Visits};

const MESSAGES: &str = "every message has arrived once and in order";
const PRESENCE: &str = "every client was told of every other one once";

/// One-way load.
pub(crate) fn stream(workload: &'static str, load: &Load) -> Report {
    let mut report = Report::new(workload, MESSAGES);
    rates(&mut report, load);
    let keys = [
        "on_the_way_median_ns",
        "on_the_way_p90_ns",
        "on_the_way_p99_ns",
        "on_the_way_max_ns",
    ];
    report.add_times(keys, "on the way (sampled)", &load.times);
    costs(&mut report, load);
    report
}

/// There and back.
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
    passed(report, load.span.time);
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

/// Many join.
pub(crate) fn join_storm(storm: &Storm) -> Report {
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
                Amount::time_each(*cpu, storm.told),
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
                "resident memory, most",
                Amount::bytes(*peak),
            ),
        ];
        report.add_server(name, &figures);
    }
    report
}

fn joining(report: &mut Report, storm: &Storm) {
    let span = &storm.span;
    report.add("clients", "clients", Amount::Count(storm.clients as u64));
    report.add("announcements", "announcements", Amount::Count(storm.told));
    report.add(
        "joined_ns",
        "time until all knew all",
        Amount::time(Some(span.time)),
    );
    let rate = Amount::rate(storm.told, span.time);
    report.add("announcements_per_second", "announcements per second", rate);
    let cpu = Amount::time_each(span.all_servers(), storm.told);
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

/// The growth of all servers' memory, for each client.
pub(crate) fn memory_per_client(storm: &Storm) -> Option<f64> {
    let sum = |memory: &[Option<u64>]| memory.iter().copied().sum::<Option<u64>>();
    let (before, after) = (sum(&storm.before)?, sum(&storm.after)?);
    Some((after as f64 - before as f64) / storm.clients.max(1) as f64)
}

/// Many do nothing.
pub(crate) fn idle(idle: &Idle) -> Report {
    let mut report = Report::new("idle", PRESENCE);
    joining(&mut report, &idle.storm);
    let span = &idle.span;
    report.add(
        "idle_ns",
        "time of doing nothing",
        Amount::time(Some(span.time)),
    );
    let all = span.all_servers();
    report.add(
        "server_cpu_ns",
        "server CPU in that time",
        Amount::time(all),
    );
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

/// One comes and goes.
pub(crate) fn fan_out(visits: &Visits) -> Report {
    let verdict = "every joining and every leaving was told to every client once";
    let mut report = Report::new("fan-out", verdict);
    let span = &visits.span;
    report.add("visits", "visits", Amount::Count(visits.visits));
    report.add("announcements", "announcements", Amount::Count(visits.told));
    passed(&mut report, span.time);
    let rate = Amount::rate(visits.told, span.time);
    report.add("announcements_per_second", "announcements per second", rate);
    let keys = [
        "all_told_median_ns",
        "all_told_p90_ns",
        "all_told_p99_ns",
        "all_told_max_ns",
    ];
    report.add_times(keys, "until all knew of one", &visits.times);
    let cpu = Amount::time_each(span.all_servers(), visits.told);
    report.add(
        "server_cpu_per_announcement_ns",
        "server CPU per announcement",
        cpu,
    );
    own_load(&mut report, span.own, span.time);
    for (name, cpu) in visits.servers.iter().zip(&span.servers) {
        let each = Amount::time_each(*cpu, visits.told);
        report.add_server(
            name,
            &[("cpu_per_announcement_ns", "CPU per announcement", each)],
        );
    }
    report
}

fn passed(report: &mut Report, time: Duration) {
    report.add("measured_ns", "time measured", Amount::time(Some(time)));
}

fn own_load(report: &mut Report, own: Option<Duration>, time: Duration) {
    report.add(
        "bench_cpu_load",
        "this program's CPU load",
        Amount::load(own, time),
    );
}
