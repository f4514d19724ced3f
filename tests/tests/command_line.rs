//! The command line of `crc-scenario`: its output and exit status.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crc_e2e::fixture::{Binaries, Reserved, wait};
use rustix::process::{Pid, Signal, kill_process};

fn scenario(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    folder.join(format!("{name}.json"))
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crc-scenario"));
    let binaries = Binaries::find().unwrap();
    command
        .env("CRC_SERVER_BIN", binaries.server)
        .env("CRC_CLIENT_BIN", binaries.client);
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[track_caller]
fn check(output: &Output, code: i32, stdout: &str, stderr: &str) {
    assert_eq!(text(&output.stderr), stderr);
    assert_eq!(text(&output.stdout), stdout);
    assert_eq!(output.status.code(), Some(code));
}

#[test]
fn passing_files_exit_with_zero() {
    let output = program()
        .arg(scenario("messages-on-one-server"))
        .arg(scenario("connections-two"))
        .output()
        .unwrap();
    let stdout = "messages-on-one-server passed\nconnections-two passed\n2 passed, 0 failed\n";
    check(&output, 0, stdout, "");
}

#[test]
fn fixed_ports_uses_the_ports_of_the_file() {
    // Replace the ports in the file by ports that no other program gets.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("syntax-variants.json");
    let mut text = fs::read_to_string(scenario("syntax-variants")).unwrap();
    let free = ["45401", "45402"].map(|port| (port, Reserved::new().unwrap()));
    for (port, reserved) in &free {
        let found = reserved.address().port().to_string();
        assert!(text.contains(port));
        text = text.replace(port, &found);
    }
    fs::write(&file, text).unwrap();
    let output = program()
        .arg("--fixed-ports")
        .arg("--strict")
        .arg(&file)
        .output()
        .unwrap();
    let stdout = "syntax-variants passed
  note: final_state of lanternrock: no check uses adjacent_users
  note: final_state names mirage, which was never launched
1 passed, 0 failed
";
    check(&output, 0, stdout, "");
}

#[test]
fn a_failing_file_reports_each_difference() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wrong.cfg");
    let good = fs::read_to_string(scenario("messages-on-one-server")).unwrap();
    let wrong = good
        .replace("\"hosts_db\": [101, 102, 103]", "\"hosts_db\": [101, 104]")
        .replace(
            "[\"\\\"Lamp is lit\\\"\"]",
            "[\"\\\"Lamp\\\"\", \"\\\"Lamp is lit\\\"\"]",
        )
        .replace(
            "[\"\\\"Seen it, thanks\\\"\", \"\\\"Me too\\\"\"]",
            "[\"\\\"Me too\\\"\"]",
        )
        .replace(
            "\"adjacent_server_ids\": []",
            "\"adjacent_server_ids\": [7]",
        );
    fs::write(&file, wrong).unwrap();
    let logs = folder.path().join("logs");
    let output = program()
        .arg("--wait-scale=0")
        .arg("--log-dir")
        .arg(&logs)
        .arg(&file)
        .output()
        .unwrap();
    let kept = logs.join("wrong");
    let stdout = format!(
        "wrong FAILED
  lanternrock: hosts_db
    missing: 104
    extra: 102, 103
  marlo: chat_messages_log
    extra: ‹\"Seen it, thanks\"›
  tamsin: chat_messages_log
    missing: ‹\"Lamp\"›
  logs: {}
0 passed, 1 failed
",
        kept.display()
    );
    check(&output, 1, &stdout, "");
    assert!(kept.join("lanternrock.log").exists());
    assert!(kept.join("marlo.log").exists());
}

#[test]
fn registrations_are_compared_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wrong.json");
    let good = fs::read_to_string(scenario("connections-two")).unwrap();
    // Change the id 2 to 3, and remove the quotes around the info.
    let wrong = good
        .replace("000000000200000000090016", "000000000300000000090014")
        .replace("682250616e73", "6850616e73")
        .replace("6e6422\"", "6e64\"");
    assert_ne!(good, wrong);
    fs::write(&file, wrong).unwrap();
    for mode in [&["--muted"][..], &[]] {
        let output = program()
            .args(["--wait-scale=0", "--log-dir"])
            .arg(folder.path())
            .args(mode)
            .arg(&file)
            .output()
            .unwrap();
        let stdout = text(&output.stdout);
        let diff = "wrong FAILED
  lanternrock: recvd_messages_asdqw
    missing: ‹000000000300000000090014";
        assert!(stdout.starts_with(diff), "{stdout}");
        assert!(
            stdout.contains("    extra: ‹000000000200000000090016"),
            "{stdout}"
        );
        assert_eq!(output.status.code(), Some(1));
    }
}

/// The servers are a script that prints the first lines of a server. The first one ends
/// when the second one starts, which is when the scenario has read those lines. The
/// second one prints them when the first one has ended.
#[test]
fn a_server_that_ends_by_itself_fails_the_scenario() {
    let folder = tempfile::tempdir().unwrap();
    let fake = folder.path().join("server");
    let script = r#"#!/bin/sh
folder=${0%/*}
lines='listening on 127.0.0.1:9
admin on 127.0.0.1:9'
case "$*" in
*--id=1*)
    echo $$ >"$folder/first"
    echo "$lines"
    until [ -e "$folder/second" ]; do sleep 0.01; done
    echo 'thread main panicked at the sea' >&2
    exit 7
    ;;
esac
trap 'exit 0' TERM
: >"$folder/second"
until grep -q '^State:.Z' "/proc/$(cat "$folder/first")/status"; do sleep 0.01; done
echo "$lines"
while :; do read x; done
"#;
    fs::write(&fake, script).unwrap();
    fs::set_permissions(&fake, fs::Permissions::from_mode(0o700)).unwrap();
    let file = folder.path().join("fake.json");
    let json = r#"{"type": "CRC_functionality",
        "commands": ["LAUNCHSERVER --id 1 --servername quay --port 1 --info x",
            "LAUNCHSERVER --id 2 --servername pier --port 2 --info x", "WAIT 1", "KILL ALL"],
        "final_state": {"quay": {"hosts_db": []}}}"#;
    fs::write(&file, json).unwrap();
    let output = program()
        .env("CRC_SERVER_BIN", &fake)
        .args(["--wait-scale=0", "--log-dir"])
        .arg(folder.path())
        .arg(&file)
        .output()
        .unwrap();
    let stdout = text(&output.stdout);
    let expected = format!(
        "fake FAILED
  quay: its admin page did not return its state
  quay: ended by itself (exit status: 7); last log line: thread main panicked at the sea
  logs: {}
0 passed, 1 failed
",
        folder.path().join("fake").display()
    );
    assert_eq!(stdout, expected);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn invalid_files_are_reported_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("odd.json");
    let line = "LAUNCHSERVER --id 1 --servername a --info x";
    let json =
        format!(r#"{{"type": "CRC_functionality", "commands": ["{line}"], "final_state": {{}}}}"#);
    fs::write(&file, json).unwrap();
    let output = program()
        .arg(scenario("messages-on-one-server"))
        .arg(&file)
        .arg(folder.path().join("none.json"))
        .output()
        .unwrap();
    let stderr = format!(
        "error: {}: command 1, `{line}`: the option --port is missing
error: {}: cannot be read: No such file or directory (os error 2)
",
        file.display(),
        folder.path().join("none.json").display()
    );
    check(&output, 2, "", &stderr);

    let nothing = program().output().unwrap();
    assert_eq!(nothing.status.code(), Some(2));
    assert!(text(&nothing.stderr).contains("<FILE>..."));
}

#[test]
fn a_missing_binary_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let output = program()
        .arg("--bin-dir")
        .arg(folder.path())
        .arg(scenario("servers-two"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).starts_with("error: there is no crc-server in "));
}

#[test]
fn a_server_that_cannot_start_fails_the_scenario() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("long.json");
    let long = "n".repeat(65);
    let json = format!(
        r#"{{"type": "CRC_functionality", "final_state": {{}},
        "commands": ["LAUNCHSERVER --id 1 --servername {long} --port 1 --info x", "KILL ALL"]}}"#
    );
    fs::write(&file, json).unwrap();
    let output = program()
        .arg("--log-dir")
        .arg(folder.path())
        .arg(&file)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stdout = text(&output.stdout);
    assert!(
        stdout.starts_with(&format!(
            "long FAILED\n  {long} ended before it was ready (exit status: 2)"
        )),
        "{stdout}"
    );
}

#[test]
fn an_interruption_stops_all_processes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("waits.json");
    let json = r#"{"type": "CRC_functionality",
        "commands": ["LAUNCHSERVER --id 1 --servername quay --port 1 --info x", "WAIT 1000", "KILL ALL"],
        "final_state": {"quay": {"hosts_db": [9]}}}"#;
    fs::write(&file, json).unwrap();
    let mut child = program()
        .arg("--log-dir")
        .arg(folder.path())
        .arg(&file)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = folder.path().join("waits").join("quay.log");
    let has_started = || fs::read_to_string(&log).is_ok_and(|log| log.contains("accepting links"));
    assert!(wait::holds(wait::LONG, has_started));
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let ended = wait::until(wait::LONG, || child.try_wait().unwrap());
    if ended.is_none() {
        child.kill().unwrap();
    }
    let output = child.wait_with_output().unwrap();
    check(&output, 130, "", "interrupted\n");
}
