//! What an operator's tools get of a server: systemd, Prometheus, a collector of logs, a load
//! balancer.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use crc_e2e::fixture::wait::{self, LONG};
use crc_e2e::fixture::{ANN, BOB, Binaries, Fixture, Peer, Server, find_rendezvous, wire};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A service manager: the messages that a server sends to it.
struct Manager {
    folder: tempfile::TempDir,
    messages: Receiver<Vec<u8>>,
}

impl Manager {
    fn new() -> Manager {
        let folder = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        let (sender, messages) = channel();
        // It reads all the time, as a service manager does: a message that finds some ten
        // others waiting is lost.
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = socket.recv(&mut bytes) {
                // The test may have ended.
                let _ = sender.send(bytes[..length].to_vec());
            }
        });
        Manager { folder, messages }
    }

    fn path(&self) -> String {
        let path = self.folder.path().join("notify");
        path.to_str().unwrap().to_owned()
    }

    /// The next message: its lines.
    fn next(&self) -> Vec<String> {
        let bytes = self.messages.recv_timeout(LONG).expect("a message comes");
        let text = String::from_utf8(bytes).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// Waits for a message, and returns it; others in between are dropped.
    fn wait_for(&self, start: &str) -> Vec<String> {
        let found = wait::until(LONG, || {
            let message = self.next();
            message[0].starts_with(start).then_some(message)
        });
        found.unwrap_or_else(|| panic!("no message {start}"))
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        // An empty message ends the reader.
        if let Ok(socket) = UnixDatagram::unbound() {
            let _ = socket.send_to(&[], self.path());
        }
    }
}

fn hang_up(server: &Server) {
    let id = i32::try_from(server.process().id()).unwrap();
    kill_process(Pid::from_raw(id).unwrap(), Signal::HUP).unwrap();
}

#[test]
fn systemd_is_told_of_the_whole_life_of_a_server() {
    let fixture = Fixture::new().unwrap();
    let hub = fixture.server(1, "hub").start().unwrap();
    let manager = Manager::new();
    let mut server = fixture
        .server(2, "reef")
        .uplink(hub.address())
        .environment("NOTIFY_SOCKET", &manager.path())
        // Seldom, so that no message is lost when the reader gets no processor for a while.
        .environment("WATCHDOG_USEC", "1000000")
        .start()
        .unwrap();
    // The first message comes before it is linked.
    assert!(manager.next()[0].starts_with("STATUS=not linked: "));
    manager.wait_for("READY=1");
    manager.wait_for("STATUS=linked to server 1 \"hub\", 1 host");
    for _ in 0..3 {
        manager.wait_for("WATCHDOG=1");
    }
    let _ann = Peer::v2_client(hub.address(), ANN, "ann").unwrap();
    manager.wait_for("STATUS=linked to server 1 \"hub\", 2 hosts");

    hang_up(&server);
    let reloading = manager.wait_for("RELOADING=1");
    assert!(
        reloading[1].starts_with("MONOTONIC_USEC="),
        "{reloading:?}: systemd 253 wants both in one message"
    );
    manager.wait_for("READY=1");

    drop(hub);
    manager.wait_for("STATUS=not linked: no server to link to has accepted this one, ");
    assert!(server.stop());
    manager.wait_for("STOPPING=1");
}

#[test]
fn a_watchdog_notices_a_server_that_hangs() {
    let fixture = Fixture::new().unwrap();
    let manager = Manager::new();
    let mut server = fixture
        .server(1, "hub")
        .environment("NOTIFY_SOCKET", &manager.path())
        .environment("WATCHDOG_USEC", "200000")
        .start()
        .unwrap();
    manager.wait_for("WATCHDOG=1");
    server.process_mut().suspend();
    let is_silent = || manager.messages.try_recv().is_err();
    // What was on its way comes first.
    let falls_silent = || wait::stays(wait::TICK * 60, is_silent);
    assert!(wait::holds(LONG, falls_silent));
    server.process_mut().resume();
    manager.wait_for("WATCHDOG=1");
}

#[test]
fn a_service_manager_that_is_not_there_is_one_line_in_the_log() {
    let fixture = Fixture::new().unwrap();
    let server = fixture
        .server(1, "hub")
        .environment("NOTIFY_SOCKET", "/nonexistent/notify")
        .environment("WATCHDOG_USEC", "20000")
        .start()
        .unwrap();
    let lines = || server.log_lines_with("service manager: cannot be notified: ");
    assert!(wait::holds(LONG, || !lines().is_empty()));
    let _ann = Peer::v2_client(server.address(), ANN, "ann").unwrap();
    server.wait_hosts(&[ANN]).unwrap();
    assert_eq!(lines().len(), 1);
}

#[test]
fn each_line_of_the_json_log_is_an_object() {
    let fixture = Fixture::new().unwrap();
    let mut server = fixture
        .server(7, "hub \"1\"")
        .arg("--log-format=json")
        .arg("-v")
        .start()
        .unwrap();
    let mut evil = Peer::connect(server.address()).unwrap();
    let name = "e\"},{\"level\":\"";
    evil.send(&wire::client_registration(666, 0, name, "x"))
        .unwrap();
    server.wait_hosts(&[666]).unwrap();
    let quit = format!("\u{1b}[2J\n\u{202e}{}", "\"\n".repeat(3000));
    evil.send(&wire::quit(666, &quit)).unwrap();
    server.wait_hosts(&[]).unwrap();
    hang_up(&server);
    assert!(wait::holds(LONG, || {
        !server.log_lines_with("files reloaded").is_empty()
    }));
    assert!(server.stop());
    let log = server.process().log();
    let mut messages = Vec::new();
    for line in log.lines() {
        let object: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let keys: BTreeSet<_> = object.as_object().unwrap().keys().map(|k| &**k).collect();
        let expected = [
            "level",
            "message",
            "server_id",
            "server_name",
            "target",
            "time",
        ];
        assert_eq!(keys, BTreeSet::from(expected), "{line}");
        assert_eq!(object["server_id"], 7);
        assert_eq!(object["server_name"], "hub \"1\"");
        let time = object["time"].as_str().unwrap();
        assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
        messages.push(object["message"].as_str().unwrap().to_owned());
    }
    let has = |part: &str| messages.iter().any(|message| message.contains(part));
    assert!(
        has("client 666 \"e\\\"},{\\\"level\\\":\\\"\" at "),
        "{log}"
    );
    assert!(has("shutdown complete"), "{log}");
    assert!(messages.iter().any(|m| m.ends_with("...")), "{log}");
}

#[test]
fn readyz_follows_the_link_and_healthz_does_not() {
    let fixture = Fixture::new().unwrap();
    let hub = fixture.server(1, "hub").start().unwrap();
    let server = fixture.server(2, "reef").uplink(hub.address());
    let server = server.start().unwrap();
    let ready = |server: &Server| {
        let answer = server.get("/readyz").unwrap();
        (answer.status, answer.body)
    };
    assert_eq!(ready(&hub), (200, "root\n".to_owned()));
    let linked = (200, "linked to server 1 \"hub\"\n".to_owned());
    assert!(wait::holds(LONG, || ready(&server) == linked));
    drop(hub);
    let lost = "not linked: no server to link to has accepted this one\n";
    assert!(wait::holds(LONG, || ready(&server) == (503, lost.to_owned())));
    assert_eq!(server.get("/healthz").unwrap().status, 200);
}

/// The names of the metrics on a page, with their types. Checks every line of it by the rules of
/// the text format.
fn check_metrics(page: &str) -> BTreeMap<String, String> {
    let is_name = |name: &str| {
        let mut bytes = name.bytes();
        bytes.next().is_some_and(|b| b.is_ascii_lowercase())
            && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    let mut types = BTreeMap::new();
    let mut samples = BTreeSet::new();
    let mut current = String::new();
    assert!(page.ends_with('\n'));
    for line in page.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, text) = help.split_once(' ').unwrap();
            assert!(is_name(name) && text.ends_with('.'), "{line}");
            assert!(!types.contains_key(name), "one help for each: {line}");
            current = name.to_owned();
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert_eq!(name, current, "{line}");
            assert!(["counter", "gauge"].contains(&kind), "{line}");
            assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
            types.insert(name.to_owned(), kind.to_owned());
        } else {
            assert!(!line.starts_with('#'), "{line}");
            let (sample, value) = line.rsplit_once(' ').unwrap();
            let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
            assert!(value.is_finite() && value >= 0.0, "{line}");
            let name = sample.split('{').next().unwrap();
            assert_eq!(name, current, "samples follow their type: {line}");
            assert!(types.contains_key(name), "{line}");
            if let Some(labels) = sample.strip_prefix(&format!("{name}{{")) {
                check_labels(labels.strip_suffix('}').unwrap());
            }
            assert!(samples.insert(sample.to_owned()), "twice: {line}");
        }
    }
    types
}

/// `a="1",b="2"`, with escapes.
fn check_labels(text: &str) {
    let mut rest = text;
    let mut names = BTreeSet::new();
    loop {
        let (name, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("{text}"));
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
        assert!(names.insert(name), "{text}");
        let mut chars = after.char_indices();
        let end = loop {
            match chars.next().unwrap_or_else(|| panic!("{text}")) {
                (_, '\\') => {
                    let (_, escaped) = chars.next().unwrap();
                    assert!(['\\', '"', 'n'].contains(&escaped), "{text}");
                }
                (at, '"') => break at,
                _ => {}
            }
        };
        match &after[end + 1..] {
            "" => return,
            more => rest = more.strip_prefix(',').unwrap_or_else(|| panic!("{text}")),
        }
    }
}

/// The value of a sample.
fn sample(page: &str, name: &str) -> Option<f64> {
    let line = page
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map(|value| value.parse().unwrap())
}

/// Runs a program on `input`, if it is installed; otherwise says that the check is skipped.
#[allow(clippy::print_stderr, reason = "says what is skipped")]
fn run_tool(program: &str, args: &[&str], input: &str) -> Option<(bool, String)> {
    let child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("skipped: {program} is not installed (Debian: apt-get install prometheus)");
        return None;
    };
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    Some((output.status.success(), text))
}

#[test]
fn metrics_have_the_format_of_prometheus() {
    let fixture = Fixture::new().unwrap();
    let hub = fixture.server(1, "hub").irc().start().unwrap();
    let server = fixture.server(2, "re\\ef \"2\"").uplink(hub.address());
    let server = server.start().unwrap();
    let _ann = Peer::v2_client(server.address(), ANN, "ann").unwrap();
    hub.wait_hosts(&[2, ANN]).unwrap();
    let answer = hub.get("/metrics").unwrap();
    let content = "text/plain; version=0.0.4; charset=utf-8";
    assert!(answer.headers.contains(content), "{}", answer.headers);
    let page = answer.body;
    let types = check_metrics(&page);
    for name in [
        "crc_build_info",
        "crc_hosts",
        "crc_hosts_max",
        "crc_links_max",
        "crc_links_open",
        "crc_ready",
        "crc_server_queue_bytes",
        "crc_uplink_state",
        "process_cpu_seconds_total",
        "process_max_fds",
        "process_open_fds",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
    ] {
        assert!(types.contains_key(name), "{name}: {page}");
    }
    let queue = "crc_server_queue_bytes{id=\"2\",name=\"re\\\\ef \\\"2\\\"\"}";
    assert_eq!(sample(&page, queue), Some(0.0), "{page}");
    assert_eq!(sample(&page, "crc_uplink_state{state=\"root\"}"), Some(1.0));
    assert!(sample(&page, "process_open_fds").unwrap() >= 5.0);
    assert!(sample(&page, "process_resident_memory_bytes").unwrap() > 1e6);
    if let Some((is_right, text)) = run_tool("promtool", &["check", "metrics"], &page) {
        assert!(is_right && text.trim().is_empty(), "{text}");
    }
}

#[test]
fn the_queue_of_a_server_that_does_not_read_is_shown_beside_its_limit() {
    let fixture = Fixture::new().unwrap();
    let hub = fixture.server(1, "hub").arg("--chats-per-second=0");
    let hub = hub.start().unwrap();
    let mut slow = Peer::v2_server(hub.address(), 2, "slow", "").unwrap();
    slow.send(&wire::client_registration(BOB, 2, "bob", "x"))
        .unwrap();
    hub.wait_hosts(&[2, BOB]).unwrap();
    let mut ann = Peer::v2_client(hub.address(), ANN, "ann").unwrap();
    let text = "x".repeat(8000);
    let chat = wire::chat(ANN, BOB, &text);
    let name = "crc_server_queue_bytes{id=\"2\",name=\"slow\"}";
    let is_shown = wait::holds(LONG, || {
        for _ in 0..64 {
            ann.send(&chat).unwrap();
        }
        let page = hub.get("/metrics").unwrap().body;
        let bytes = sample(&page, name).unwrap();
        let all = sample(&page, "crc_queue_bytes").unwrap();
        assert!(bytes <= all);
        bytes > 1e6 && bytes < sample(&page, "crc_server_queue_max_bytes").unwrap()
    });
    assert!(is_shown, "{}", hub.get("/metrics").unwrap().body);
    // It reads again.
    assert!(wait::holds(LONG, || {
        slow.discard(wait::TICK).unwrap();
        sample(&hub.get("/metrics").unwrap().body, name) == Some(0.0)
    }));
}

#[test]
fn programs_name_their_version() {
    let Binaries { server, client } = Binaries::find().unwrap();
    for program in [server, client, find_rendezvous().unwrap()] {
        let output = Command::new(&program).arg("--version").output().unwrap();
        let name = program.file_name().unwrap().to_str().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let version = format!("{name} {}", env!("CARGO_PKG_VERSION"));
        let rest = text.trim_end().strip_prefix(&version).unwrap();
        let commit = rest.strip_prefix(" (").and_then(|it| it.strip_suffix(')'));
        let is_commit =
            |text: &str| text.len() == 12 && text.bytes().all(|b| b.is_ascii_hexdigit());
        assert!(rest.is_empty() || commit.is_some_and(is_commit), "{text}");
        let is_git = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../.git")
            .exists();
        let has_git = is_git && Command::new("git").arg("--version").output().is_ok();
        assert!(!has_git || commit.is_some(), "{text}");
    }
}
