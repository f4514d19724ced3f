//! TLS with the real programs: certificates that crc-server makes, servers that link, clients that
//! connect, whom they trust, and new certificates on SIGHUP.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crc_e2e::fixture::tls::Certificates;
use crc_e2e::fixture::wait::{self, LONG};
use crc_e2e::fixture::{Binaries, Fixture, Server};
use rustix::process::{Pid, Signal, kill_process};

/// A server that listens for TLS with the certificate `name`.
fn start(certificates: &Certificates, fixture: &Fixture, name: &str) -> Server {
    let server = fixture.server(1, "hub").arg("--listen-tls=127.0.0.1:0");
    let server = server.arg("--irc-tls=127.0.0.1:0");
    let server = server.arg(&certificates.option("tls-cert", &format!("{name}/cert.pem")));
    let server = server.arg(&certificates.option("tls-key", &format!("{name}/key.pem")));
    server.irc().start().unwrap()
}

fn server_with(args: &[&str]) -> Output {
    let mut command = Command::new(Binaries::find().unwrap().server);
    command.args(args).output().unwrap()
}

/// The port that a server prints behind `prefix`.
fn port(server: &Server, prefix: &str) -> u16 {
    let lines = server.process().lines();
    let line = lines.iter().find_map(|line| line.strip_prefix(prefix));
    let (_, port) = line.unwrap().rsplit_once(':').unwrap();
    port.trim().parse().unwrap()
}

/// Runs crc-client, which lists the others and quits.
fn client(state: &Path, args: &[&str]) -> (bool, String) {
    let mut command = Command::new(Binaries::find().unwrap().client);
    command.env("XDG_STATE_HOME", state).args(args);
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A client that refuses the server may have ended already: what it says is judged.
    let _ = child.stdin.take().unwrap().write_all(b"/who\n");
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[test]
fn a_certificate_is_made_and_never_overwritten() {
    let certificates = Certificates::new().unwrap();
    let fingerprint = certificates.make("a").unwrap();
    assert!(fingerprint.starts_with("sha256:"), "{fingerprint}");
    let key = certificates.path("a/key.pem");
    let mode = fs::metadata(&key).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = fs::read(&key).unwrap();
    let again = server_with(&["make-cert", "--name=x", &certificates.option("out", "a")]);
    assert_eq!(again.status.code(), Some(1));
    let error = String::from_utf8(again.stderr).unwrap();
    assert!(error.contains("exists"), "{error}");
    assert_eq!(fs::read(&key).unwrap(), before);
}

#[test]
fn listeners_are_named_in_order() {
    let fixture = Fixture::new().unwrap();
    let certificates = Certificates::new().unwrap();
    certificates.make("a").unwrap();
    let server = start(&certificates, &fixture, "a");
    let lines = server.process().lines().clone();
    let kinds: Vec<_> = lines
        .iter()
        .filter_map(|line| Some(line.split_once(" on ")?.0))
        .collect();
    assert_eq!(kinds, ["listening", "tls", "irc", "irc-tls", "admin"]);
}

#[test]
fn a_listener_for_tls_needs_a_certificate() {
    let refused = server_with(&["--listen-tls=127.0.0.1:0"]);
    assert_eq!(refused.status.code(), Some(2));
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(error.contains("make-cert"), "{error}");
}

#[test]
fn servers_link_by_tls() {
    let fixture = Fixture::new().unwrap();
    let certificates = Certificates::new().unwrap();
    let pin = certificates.make("a").unwrap();
    certificates.make("b").unwrap();
    let hub = start(&certificates, &fixture, "a");
    let port = port(&hub, "tls on ");
    let by_name = format!("--connect=tls://localhost:{port}");
    let trusting = fixture.server(2, "trusting").arg(&by_name);
    let _trusting = trusting
        .arg(&certificates.option("tls-ca", "a/cert.pem"))
        .start()
        .unwrap();
    let by_pin = format!("--connect=tls://127.0.0.1:{port}#{pin}");
    let _pinned = fixture.server(3, "pinned").arg(&by_pin).start().unwrap();
    hub.wait_hosts(&[2, 3]).unwrap();
    let other = fixture.server(4, "other").arg(&by_name);
    let other = other
        .arg(&certificates.option("tls-ca", "b/cert.pem"))
        .start()
        .unwrap();
    let refused = || !other.log_lines_with("unknown authority").is_empty();
    assert!(wait::holds(LONG, refused), "{}", other.process().log());
}

#[test]
fn a_client_remembers_a_self_signed_server_and_stops_when_it_changes() {
    let fixture = Fixture::new().unwrap();
    let certificates = Certificates::new().unwrap();
    let fingerprint = certificates.make("a").unwrap();
    let pin = certificates.make("b").unwrap();
    let hub = start(&certificates, &fixture, "a");
    let server = format!("--server=tls://localhost:{}", port(&hub, "tls on "));
    let state = certificates.path("state");
    let known = state.join("crc/known-servers");

    let (connected, text) = client(&state, &[&server]);
    assert!(connected && text.contains(&fingerprint), "{text}");
    assert!(fs::read_to_string(&known).unwrap().contains(&fingerprint));
    let (connected, text) = client(&state, &[&server]);
    assert!(connected && !text.contains(&fingerprint), "{text}");
    let authority = certificates.option("tls-ca", "a/cert.pem");
    assert!(client(&state, &[&server, &authority]).0);
    let other = certificates.option("tls-ca", "b/cert.pem");
    let (connected, text) = client(&state, &[&server, &other]);
    assert!(!connected && text.contains("unknown authority"), "{text}");

    for file in ["cert.pem", "key.pem"] {
        let new = certificates.path(&format!("b/{file}"));
        fs::copy(new, certificates.path(&format!("a/{file}"))).unwrap();
    }
    let id = i32::try_from(hub.process().id()).unwrap();
    kill_process(Pid::from_raw(id).unwrap(), Signal::HUP).unwrap();
    let reloaded = || !hub.log_lines_with("tls-cert").is_empty();
    assert!(wait::holds(LONG, reloaded), "{}", hub.process().log());
    let (connected, text) = client(&state, &[&server]);
    assert!(!connected && text.contains("has changed"), "{text}");
    assert!(text.contains(known.to_str().unwrap()), "{text}");
    assert!(client(&state, &[&format!("{server}#{pin}")]).0);
}

#[test]
fn a_peer_without_tls_is_told_in_plain_words() {
    let fixture = Fixture::new().unwrap();
    let certificates = Certificates::new().unwrap();
    certificates.make("a").unwrap();
    let hub = start(&certificates, &fixture, "a");
    for (prefix, begin) in [
        ("tls on ", "This port speaks TLS"),
        ("irc-tls on ", "ERROR :"),
    ] {
        let stream = std::net::TcpStream::connect(("127.0.0.1", port(&hub, prefix))).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        (&stream).write_all(b"NICK ann\r\n").unwrap();
        let answer = std::io::read_to_string(&stream).unwrap();
        assert!(answer.starts_with(begin), "{answer}");
    }
    let named = || hub.log_lines_with("does not speak TLS").len() == 2;
    assert!(wait::holds(LONG, named), "{}", hub.process().log());
    // A client that was given the wrong address does not try again.
    let state = certificates.path("state");
    let (connected, text) = client(
        &state,
        &[&format!("--server=127.0.0.1:{}", port(&hub, "tls on "))],
    );
    let told = "This port speaks TLS: connect with tls://HOST:PORT";
    assert!(!connected && text.contains(told), "{text}");
}
