//! The log of a server that is flooded: it neither grows without limit nor
//! holds up the server when nobody reads it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use crc_e2e::fixture::Peer;
use crc_e2e::fixture::wait::{self, LONG};
use crc_e2e::fixture::{Fixture, wire};
use rustix::process::{Pid, Signal, kill_process};

const ANN: u32 = 101;
const BOB: u32 = 102;

/// Endpoints the process when a test fails.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// So many times somebody connects, says what is no registration, and is hung
/// up on.
fn flood(address: SocketAddr, times: usize) {
    for _ in 0..times {
        let mut bad = Peer::connect(address).unwrap();
        bad.send(&wire::chat(ANN, BOB, "me?")).unwrap();
        bad.expect_end();
    }
}

fn assert_talking(ann: &mut Peer, bob: &mut Peer) {
    ann.send(&wire::chat(ANN, BOB, "there?")).unwrap();
    assert_eq!(bob.expect_chat(), (ANN, BOB, "there?".to_owned()));
    bob.send(&wire::chat(BOB, ANN, "sure")).unwrap();
    assert_eq!(ann.expect_chat(), (BOB, ANN, "sure".to_owned()));
}

#[test]
fn a_log_that_nobody_reads_holds_up_nobody() {
    /// What a pipe takes.
    const PIPE_BYTES: usize = 64 * 1024;
    let fixture = Fixture::new().unwrap();
    let child = Command::new(&fixture.binaries().server)
        // Everything is logged, so that it is soon too much.
        .args(["--id=1", "--name=mute", "--listen=127.0.0.1:0", "-vv"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut server = Ending(child.unwrap());
    let mut line = String::new();
    let mut out = BufReader::new(server.0.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on ").unwrap();
    let address: SocketAddr = address.parse().unwrap();

    let mut ann = Peer::v2_client(address, ANN, "ann").unwrap();
    let mut bob = Peer::v2_client(address, BOB, "bob").unwrap();
    for _ in 0..4 {
        flood(address, 250);
        assert_talking(&mut ann, &mut bob);
    }
    kill_process(Pid::from_child(&server.0), Signal::TERM).unwrap();
    ann.expect_end();
    bob.expect_end();
    let ended = wait::until(LONG, || server.0.try_wait().unwrap());
    assert!(ended.unwrap().success(), "it left in good order");
    // There was more to be logged than anybody took.
    let mut log = Vec::new();
    let mut errors = server.0.stderr.take().unwrap();
    errors.read_to_end(&mut log).unwrap();
    assert!(log.len() > PIPE_BYTES - 4096, "{} bytes", log.len());
    let log = String::from_utf8_lossy(&log);
    assert!(!log.contains("shutdown complete"), "{log}");
}

#[test]
fn a_flood_of_one_kind_is_counted_and_the_rest_is_logged() {
    const LINES_MAX: usize = 500;
    let fixture = Fixture::new().unwrap();
    let mut server = fixture.server(1, "house").start().unwrap();
    flood(server.address(), 2 * LINES_MAX);
    let mut ann = Peer::v2_client(server.address(), ANN, "ann").unwrap();
    let mut bob = Peer::v2_client(server.address(), BOB, "bob").unwrap();
    assert_talking(&mut ann, &mut bob);
    assert!(server.stop());
    let closed = server.log_lines_with(": closed: ").len();
    // A slow machine may need more than a minute for this.
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
