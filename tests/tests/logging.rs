//! The log of a server under a flood: it has a limit, and a blocked reader of the log
//! does not block the server.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use crc_e2e::fixture::wait::{self, LONG};
use crc_e2e::fixture::{ANN, BOB, Fixture, Peer, assert_chatting, wire};
use rustix::process::{Pid, Signal, kill_process};

/// Kills the process when it is dropped.
struct KillOnDrop(Child);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Makes `times` connections that send a chat without a registration.
fn flood(address: SocketAddr, times: usize) {
    for _ in 0..times {
        let mut bad = Peer::connect(address).unwrap();
        bad.send(&wire::chat(ANN, BOB, "me?")).unwrap();
        bad.expect_end();
    }
}

#[test]
fn a_blocked_log_does_not_block_the_server() {
    /// The capacity of a pipe.
    const PIPE_BYTES: usize = 64 * 1024;
    let fixture = Fixture::new().unwrap();
    let child = Command::new(&fixture.binaries().server)
        // With -vv the log exceeds the pipe soon.
        .args(["--id=1", "--name=mute", "--listen=127.0.0.1:0", "-vv"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut server = KillOnDrop(child.unwrap());
    let mut line = String::new();
    let mut out = BufReader::new(server.0.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on ").unwrap();
    let address: SocketAddr = address.parse().unwrap();

    let mut ann = Peer::v2_client(address, ANN, "ann").unwrap();
    let mut bob = Peer::v2_client(address, BOB, "bob").unwrap();
    for _ in 0..4 {
        flood(address, 250);
        assert_chatting(&mut ann, &mut bob);
    }
    kill_process(Pid::from_child(&server.0), Signal::TERM).unwrap();
    ann.expect_end();
    bob.expect_end();
    let ended = wait::until(LONG, || server.0.try_wait().unwrap());
    assert!(
        ended.unwrap().success(),
        "the server shut down with success"
    );
    // The pipe was full, so the last lines are missing.
    let mut log = Vec::new();
    let mut errors = server.0.stderr.take().unwrap();
    errors.read_to_end(&mut log).unwrap();
    // How full it was depends on the writes: one that does not fit into a page starts another.
    assert!(log.len() > PIPE_BYTES / 2, "{} bytes", log.len());
    let log = String::from_utf8_lossy(&log);
    assert!(!log.contains("shutdown complete"), "{log}");
}

#[test]
fn a_flood_of_one_kind_of_line_is_counted_and_other_lines_are_logged() {
    const LINES_MAX: usize = 500;
    let fixture = Fixture::new().unwrap();
    let mut server = fixture.server(1, "hub").start().unwrap();
    flood(server.address(), 2 * LINES_MAX);
    let mut ann = Peer::v2_client(server.address(), ANN, "ann").unwrap();
    let mut bob = Peer::v2_client(server.address(), BOB, "bob").unwrap();
    assert_chatting(&mut ann, &mut bob);
    assert!(server.stop());
    let closed = server.log_lines_with(": closed: ").len();
    // On a slow machine this takes more than a minute, the period of the limit.
    assert!((LINES_MAX..2 * LINES_MAX).contains(&closed), "{closed}");
    assert!(
        !server
            .log_lines_with("suppressing lines like the last")
            .is_empty()
    );
    assert!(!server.log_lines_with("suppressed ").is_empty());
    assert_eq!(server.log_lines_with("has joined").len(), 2);
    assert_eq!(server.log_lines_with("shutdown complete").len(), 1);
}
