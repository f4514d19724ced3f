//! `crc-bench`: every workload against real servers, the faults of a network that it
//! detects, its errors, and the end of all that it has started.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

use crc_e2e::fixture::wait::{self, LONG};
use crc_e2e::fixture::{Binaries, Fixture, find_bench, wire};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;

fn bench(words: &str) -> Command {
    let mut command = Command::new(find_bench().unwrap());
    command.args(words.split_whitespace()).stdin(Stdio::null());
    command
}

/// A run that starts servers of this workspace.
fn bench_and_servers(words: &str) -> Command {
    let mut command = bench(words);
    command
        .arg("--server-bin")
        .arg(Binaries::find().unwrap().server);
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[track_caller]
fn report(output: &Output) -> Value {
    assert_eq!(
        (text(&output.stderr), output.status.code()),
        (String::new(), Some(0))
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Runs it with servers that it starts, and returns its report. The count of messages ends the
/// measurement: a slow machine has the time for it.
#[track_caller]
fn measure(words: &str) -> Value {
    measure_for(60, words)
}

/// As [`measure`], for so many seconds at most.
#[track_caller]
fn measure_for(seconds: u32, words: &str) -> Value {
    let words = format!("{words} --json --seconds {seconds} --warm-up 0.05");
    report(&bench_and_servers(&words).output().unwrap())
}

#[track_caller]
fn assert_all_positive(report: &Value, keys: &[&str]) {
    for key in keys {
        assert!(
            report[key].as_f64().is_some_and(|value| value > 0.0),
            "{key}: {report:#}"
        );
    }
}

#[track_caller]
fn fails(mut command: Command, code: i32, words: &str) {
    let output = command.output().unwrap();
    let error = text(&output.stderr);
    assert_eq!(
        (output.status.code(), text(&output.stdout)),
        (Some(code), String::new())
    );
    assert!(error.contains(words), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

const RATES: &[&str] = &["messages_per_second", "bytes_per_second", "measured_ns"];

#[test]
fn a_stream_is_measured() {
    // Long enough for a latency sample, also on a busy machine.
    let report = measure("stream --pairs 3 --size 100 --messages 50000");
    assert!(report["messages"].as_u64().unwrap() >= 50_000, "{report:#}");
    assert_all_positive(&report, RATES);
    assert_all_positive(&report, &["latency_median_ns", "latency_max_ns"]);
    // The keys of 0.1 work for one more release.
    for key in ["median", "p90", "p99", "max"] {
        assert_eq!(
            report[format!("on_the_way_{key}_ns")],
            report[format!("latency_{key}_ns")]
        );
    }
    assert_eq!(report["servers"].as_array().unwrap().len(), 1);
    #[cfg(target_os = "linux")]
    assert_all_positive(&report["servers"][0], &["resident_bytes"]);
}

#[test]
fn the_longest_and_the_shortest_messages_pass() {
    for size in [16, 65_536] {
        let report = measure(&format!("stream --pairs 2 --size {size} --messages 50"));
        assert!(report["messages"].as_u64().unwrap() >= 50, "{report:#}");
    }
}

#[test]
fn a_ping_pong_is_measured() {
    let report = measure("ping-pong --pairs 2 --messages 50");
    assert_all_positive(&report, RATES);
    let time = |key: &str| report[key].as_f64().unwrap();
    let times = [
        "round_trip_median_ns",
        "round_trip_p90_ns",
        "round_trip_p99_ns",
        "round_trip_max_ns",
    ];
    let times = times.map(time);
    assert!(times.is_sorted() && times[0] > 0.0, "{report:#}");
}

#[test]
fn a_join_storm_is_measured() {
    let report = measure("join-storm --clients 30");
    assert_eq!(
        (&report["clients"], &report["announcements"]),
        (&30.into(), &(30 * 29).into())
    );
    assert_all_positive(&report, &["joined_ns", "announcements_per_second"]);
}

#[test]
fn a_fan_out_is_measured() {
    let report = measure("fan-out --clients 5 --messages 45");
    let visits = report["visits"].as_u64().unwrap();
    // Five clients receive each registration and each quit, and the visitor receives five
    // registrations.
    assert!(visits >= 3, "{report:#}");
    assert_eq!(report["announcements"], visits * 15);
    assert_all_positive(&report, &["announced_median_ns", "all_told_median_ns"]);
}

#[test]
fn idle_clients_are_measured() {
    let report = measure_for(1, "idle --clients 20");
    assert_eq!(report["clients"], 20);
    assert!(report["idle_ns"].as_f64().unwrap() >= 1e9, "{report:#}");
    #[cfg(target_os = "linux")]
    assert!(report["server_cpu_load"].is_number(), "{report:#}");
}

#[test]
fn a_fan_in_is_measured() {
    let report = measure("fan-in --senders 10 --messages 500");
    assert!(report["messages"].as_u64().unwrap() >= 500, "{report:#}");
    assert_all_positive(&report, RATES);
}

#[test]
fn each_hop_is_measured() {
    let report = measure("hops --start 3 --pairs 2 --messages 500");
    assert!(report["messages"].as_u64().unwrap() >= 500, "{report:#}");
    assert_eq!(report["servers"].as_array().unwrap().len(), 3);
}

#[test]
fn trees_of_servers_are_started_in_every_shape() {
    for shape in ["star", "tree"] {
        let report = measure(&format!("join-storm --clients 8 --start 4 --shape {shape}"));
        assert_eq!(report["servers"].as_array().unwrap().len(), 4, "{report:#}");
    }
}

#[test]
fn growth_writes_tables_and_plots() {
    let folder = tempfile::tempdir().unwrap();
    let words = "growth --clients 10 --rounds 1 --seconds 0.01 --warm-up 0 --json";
    let output = bench_and_servers(words)
        .arg("--out")
        .arg(folder.path())
        .output()
        .unwrap();
    let report = report(&output);
    assert_eq!(
        report["questions"].as_array().unwrap().len(),
        5,
        "{report:#}"
    );
    let tables = fs::read_to_string(folder.path().join("growth.md")).unwrap();
    for plot in ["clients", "join", "memory", "servers", "size"] {
        let name = format!("growth-{plot}.svg");
        assert!(tables.contains(&name), "{tables}");
        let plot = fs::read_to_string(folder.path().join(&name)).unwrap();
        assert!(
            plot.starts_with("<svg") && plot.ends_with("</svg>\n"),
            "{plot}"
        );
    }
}

#[test]
fn a_run_without_json_prints_a_table() {
    let words = "stream --pairs 1 --messages 10 --warm-up 0";
    let output = bench_and_servers(words).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let table = text(&output.stdout);
    let verdict = "  every message arrived once and in order\n";
    assert!(
        table.starts_with("stream\n  messages  ") && table.ends_with(verdict),
        "{table}"
    );
}

#[test]
fn running_servers_keep_their_state() {
    let fixture = Fixture::new().unwrap();
    let reef = fixture.server(1, "reef").start().unwrap();
    let lagoon = fixture
        .server(2, "lagoon")
        .uplink(reef.address())
        .start()
        .unwrap();
    let words = format!(
        "stream --messages 100 --warm-up 0 --json --server {} --server {} --server-pid {}",
        reef.address(),
        lagoon.address(),
        std::process::id()
    );
    let report = report(&bench(&words).output().unwrap());
    let cpu = |server: usize| &report["servers"][server]["cpu_per_message_ns"];
    // A server without --server-pid has no processor time.
    assert!(
        cpu(1).is_null() && report["server_cpu_per_message_ns"].is_null(),
        "{report:#}"
    );
    #[cfg(target_os = "linux")]
    assert!(cpu(0).is_number(), "{report:#}");
    reef.wait_hosts(&[2]).unwrap();
    lagoon.wait_hosts(&[1]).unwrap();
}

/// A fault of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Loss,
    Duplicate,
    Reorder,
    Corrupt,
    DuplicateRegistration,
}

/// Starts a proxy with one fault in the direction to the clients. It runs until the
/// connections end.
fn faulty(server: SocketAddr, fault: Fault) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let Ok(server) = TcpStream::connect(server) else {
                return;
            };
            let (mut to_server, mut from_client) =
                (server.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || {
                let _ = std::io::copy(&mut from_client, &mut to_server);
                let _ = to_server.shutdown(Shutdown::Write);
            });
            thread::spawn(move || {
                forward(server, &client, fault);
                let _ = client.shutdown(Shutdown::Write);
            });
        }
    });
    address
}

fn forward(mut from: TcpStream, mut to: &TcpStream, fault: Fault) {
    let (mut pending, mut buffer) = (Vec::new(), [0; 65536]);
    let (mut chats, mut held) = (0, Vec::new());
    while let Ok(count) = from.read(&mut buffer)
        && count > 0
    {
        pending.extend(&buffer[..count]);
        let mut rest = &pending[..];
        let mut out = Vec::new();
        loop {
            let before = rest;
            if !matches!(wire::take_frame(&mut rest), Ok(Some(_))) {
                break;
            }
            let frame = &before[..before.len() - rest.len()];
            let is_chat = frame[0] == wire::CHAT;
            chats += u32::from(is_chat);
            let third = is_chat && chats == 3;
            match fault {
                Fault::Loss if third => {}
                Fault::Duplicate if third => out.extend([frame, frame].concat()),
                Fault::Reorder if third => held = frame.to_vec(),
                Fault::Corrupt if third => {
                    out.extend(frame);
                    *out.last_mut().unwrap() = b'#';
                }
                Fault::DuplicateRegistration if frame[0] == wire::CLIENT_REGISTRATION => {
                    out.extend([frame, frame].concat());
                }
                _ => {
                    out.extend(frame);
                    out.append(&mut held);
                }
            }
        }
        let done = pending.len() - rest.len();
        pending.drain(..done);
        if to.write_all(&out).is_err() {
            return;
        }
    }
}

#[test]
fn faults_of_a_network_are_detected() {
    let fixture = Fixture::new().unwrap();
    let server = fixture.server(1, "reef").start().unwrap();
    for (fault, words) in [
        (
            Fault::Loss,
            "message 3 arrived instead of message 2: the messages between them are lost",
        ),
        (
            Fault::Duplicate,
            "message 2 arrived instead of message 3: it is duplicated",
        ),
        (
            Fault::Reorder,
            "message 3 arrived instead of message 2: the messages between them are lost or reordered",
        ),
        (
            Fault::Corrupt,
            "an altered message arrived instead of message 2",
        ),
        (
            Fault::DuplicateRegistration,
            "received two announcements of client",
        ),
    ] {
        let address = faulty(server.address(), fault);
        fails(bench(&format!("stream --server {address}")), 1, words);
        // All clients have quit.
        server.wait_hosts(&[]).unwrap();
    }
}

#[test]
fn runs_that_cannot_be_made_are_errors() {
    let fixture = Fixture::new().unwrap();
    let unused = fixture.reserve().unwrap();
    fails(
        bench(&format!("stream --server {unused}")),
        2,
        &format!("cannot connect to the server at {unused}: "),
    );
    let nowhere = "stream --server-bin /nowhere/crc-server";
    fails(bench(nowhere), 2, "cannot start /nowhere/crc-server: ");
    fails(
        bench_and_servers("stream --server-arg=--nonsense"),
        2,
        "the server exited before it listened; first line: \"error: unexpected argument",
    );
    fails(
        bench_and_servers("stream --size 100 --server-arg=--text-max=50"),
        2,
        "closed the connection of client",
    );
    let large = "ping-pong --pairs 5000 --size 65536";
    fails(
        bench_and_servers(large),
        2,
        "need too much memory: use at most 8192 clients",
    );
    let many = "stream --server 127.0.0.1:1 --server-pid 1 --server-pid 2";
    fails(
        bench(many),
        2,
        "there are more processes (--server-pid) than servers (--server)",
    );
    fails(
        bench("growth --start 2 --out nowhere"),
        2,
        "growth starts its own servers",
    );
    let output = bench("stream --pairs 0").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

/// A script that writes its process id into a file and becomes a server.
fn pid_writing_server(folder: &Path) -> std::path::PathBuf {
    let file = folder.join("server.sh");
    let server = Binaries::find().unwrap().server;
    let note = folder.join("pid");
    let script = format!(
        "#!/bin/sh\necho $$ > '{0}.new' && mv '{0}.new' '{0}'\nexec '{1}' \"$@\"\n",
        note.display(),
        server.display()
    );
    fs::write(&file, script).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o700)).unwrap();
    file
}

fn written_pid(folder: &Path) -> Option<Pid> {
    let note = fs::read_to_string(folder.join("pid")).ok()?;
    Pid::from_raw(note.trim().parse().ok()?)
}

#[test]
fn the_servers_of_a_run_end_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = pid_writing_server(folder.path());
    let run = |words: &str| {
        let mut command = bench(words);
        command
            .arg("--server-bin")
            .arg(&server)
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    };
    let is_gone = || test_kill_process(written_pid(folder.path()).unwrap()).is_err();

    // After success.
    let output = run("stream --messages 10 --warm-up 0").output().unwrap();
    assert!(output.status.success() && is_gone());

    // After an error.
    let output = run("stream --server-arg=--text-max=50").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(is_gone());

    // After a signal in the middle of the run.
    fs::remove_file(folder.path().join("pid")).unwrap();
    let child = run("stream --seconds 600").spawn().unwrap();
    assert!(wait::holds(LONG, || written_pid(folder.path()).is_some()));
    wait::pause(std::time::Duration::from_millis(300));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(text(&output.stderr), "crc-bench: interrupted\n");
    assert_eq!(output.status.code(), Some(130));
    assert!(is_gone());
}

#[test]
fn the_clients_of_an_interrupted_run_quit() {
    let fixture = Fixture::new().unwrap();
    let server = fixture.server(1, "reef").start().unwrap();
    let words = format!(
        "idle --clients 10 --seconds 600 --server {}",
        server.address()
    );
    let mut command = bench(&words);
    let child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    server.wait_state(|state| state.hosts.len() == 10).unwrap();
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    server.wait_hosts(&[]).unwrap();
    // A thread writes the log, so the last lines may come later.
    let quits = || server.log_lines_with("the measurement is over").len();
    assert!(wait::holds(LONG, || quits() >= 10), "{}", quits());
    assert_eq!(quits(), 10);
}
