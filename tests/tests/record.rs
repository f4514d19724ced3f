//! Recordings of a server: `crc-sim replay` ends in the same state, and detects other
//! files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crc_e2e::fixture::wait::{self, LONG};
use crc_e2e::fixture::{ANN, BOB, Fixture, Peer, Server, find_sim, wire};

const BAD: u32 = 666;
/// A v2 server that the test plays.
const POND: u32 = 3;

const SAME: &str = "the same state as the recorded server's";
const ANOTHER: &str = "NOT the state of the recorded server";
const CUT: &str = "the recorded server did not shut down gracefully";
const FULL: &str = "the recording was full before the server ended";

/// A text in the status log, which is part of the state.
const NOTE: &str = "a note that is kept";

/// The result of `crc-sim replay`.
#[derive(Debug)]
struct Replay {
    /// `None` when a signal ended it.
    code: Option<i32>,
    out: String,
    errors: String,
}

impl Replay {
    fn of(file: &Path) -> Replay {
        let mut program = Command::new(find_sim().unwrap());
        let output = program.arg("replay").arg(file).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Replay {
            code: output.status.code(),
            out: text(output.stdout),
            errors: text(output.stderr),
        }
    }

    /// Replays a file with these bytes, next to `file`.
    fn of_bytes(file: &Path, bytes: &[u8]) -> Replay {
        let file = file.with_extension("changed");
        fs::write(&file, bytes).unwrap();
        Replay::of(&file)
    }

    #[track_caller]
    fn assert(&self, code: i32, verdict: &str) {
        let ends = self.out.trim_end().ends_with(verdict);
        assert!(self.code == Some(code) && ends, "{self:#?}");
        assert_eq!(self.errors, "");
    }

    fn events(&self) -> usize {
        let before = self.out.split(" events in ").next().unwrap();
        let count = before.rsplit(' ').next().unwrap();
        count.parse().unwrap()
    }
}

/// A server that records.
struct Recorded {
    server: Server,
    file: PathBuf,
    fixture: Fixture,
}

impl Recorded {
    #[track_caller]
    fn start(args: &[&str]) -> Recorded {
        let fixture = Fixture::new().unwrap();
        let file = fixture.logs().path().join("recording");
        let mut server = fixture.server(1, "recorded").arg("--record");
        server = server.arg(file.to_str().unwrap());
        for arg in args {
            server = server.arg(arg);
        }
        let server = server.start().unwrap();
        Recorded {
            server,
            file,
            fixture,
        }
    }

    fn client(&self, id: u32, name: &str) -> Peer {
        Peer::v2_client(self.server.address(), id, name).unwrap()
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(&self.file).unwrap()
    }

    /// Causes events of all kinds, and waits until the server has handled them. Returns
    /// the peers that are still connected.
    fn run_events(&self) -> (Server, Vec<Peer>) {
        let address = self.server.address();
        let below = self
            .fixture
            .server(2, "below")
            .uplink(address)
            .start()
            .unwrap();
        let mut ann = self.client(ANN, "ann");
        let mut bob = Peer::v2_client(below.address(), BOB, "bob").unwrap();
        self.server.wait_hosts(&[2, ANN, BOB]).unwrap();
        below.wait_hosts(&[1, ANN, BOB]).unwrap();

        // Another server sends a status and a burst.
        let mut pond = Peer::v2_server(address, POND, "pond", "server-quit").unwrap();
        for frame in [
            wire::status(POND, 0, 1, NOTE),
            wire::client_registration(201, POND, "newt", "n"),
            wire::client_registration(202, POND, "toad", "t"),
            wire::quit(201, "off"),
        ] {
            pond.send(&frame).unwrap();
        }
        self.server.wait_hosts(&[2, POND, ANN, BOB, 202]).unwrap();

        // Chats in both directions, and to an unknown id.
        for round in 0..20 {
            let text = format!("round {round}");
            ann.send(&wire::chat(ANN, BOB, &text)).unwrap();
            assert_eq!(bob.expect_chat(), (ANN, BOB, text.clone()));
            bob.send(&wire::chat(BOB, ANN, &text)).unwrap();
            assert_eq!(ann.expect_chat(), (BOB, ANN, text));
        }
        ann.send(&wire::chat(ANN, 777, "hello?")).unwrap();
        ann.wait_status(1).unwrap();

        // A v1 client, a quit, an id in use, invalid bytes, half a frame.
        let mut v1 = Peer::v1_client(address, 103, "v1").unwrap();
        v1.send(&wire::quit(103, "enough")).unwrap();
        v1.expect_end();
        let registration = wire::client_registration(ANN, 0, "ann", "again");
        for bytes in [
            &registration[..],
            &[0x80; 40][..],
            &[0x17, 0, 0, 0, 0, 0, 0][..],
            &wire::chat(BAD, ANN, "me?")[..],
        ] {
            let mut bad = Peer::connect(address).unwrap();
            bad.send(bytes).unwrap();
            // The server may have closed the connection.
            let _ = bad.finish();
            bad.expect_end();
        }
        let mut forger = self.client(BAD, "forger");
        forger.send(&wire::chat(ANN, BOB, "I am Ann")).unwrap();
        forger.expect_end();

        // A request to the admin page is no event.
        assert_eq!(self.server.get("/healthz").unwrap().status, 200);
        self.server
            .wait_state(|state| {
                state.host_ids() == [2, POND, ANN, BOB, 202] && state.unregistered_links == 0
            })
            .unwrap();
        (below, vec![ann, bob, pond])
    }
}

#[test]
fn a_replay_ends_in_the_same_state() {
    let mut recorded = Recorded::start(&[]);
    let peers = recorded.run_events();
    assert!(recorded.server.stop(), "the server shut down with success");
    drop(peers);
    let replay = Replay::of(&recorded.file);
    replay.assert(0, SAME);
    assert!(replay.events() > 60, "{replay:#?}");
    let again = Replay::of(&recorded.file);
    assert_eq!(again.out, replay.out, "state and effects are equal");
    assert_eq!(recorded.server.log_lines_with("recording"), [""; 0]);

    // The test can fail: another text is another state.
    let bytes = recorded.bytes();
    let mut changed = bytes.clone();
    let found = changed
        .windows(NOTE.len())
        .position(|window| window == NOTE.as_bytes());
    changed[found.unwrap()] = b'A';
    Replay::of_bytes(&recorded.file, &changed).assert(1, ANOTHER);
    // So is another digest.
    let mut changed = bytes.clone();
    *changed.last_mut().unwrap() ^= 1;
    Replay::of_bytes(&recorded.file, &changed).assert(1, ANOTHER);
    // A file that is not a recording is an error.
    let mut changed = bytes.clone();
    changed[0] ^= 1;
    let replay = Replay::of_bytes(&recorded.file, &changed);
    assert_eq!(replay.code, Some(2));
    assert_eq!(replay.errors, "crc-sim: not a recording of crc-server\n");

    // A changed byte gives a result or an error, never a panic.
    let mut outcomes = [0; 3];
    for number in 0..60 {
        let mut changed = bytes.clone();
        let at = number * (changed.len() - 1) / 59;
        changed[at] ^= 0x81;
        let replay = Replay::of_bytes(&recorded.file, &changed);
        match replay.code {
            Some(code @ 0..=2) => outcomes[usize::try_from(code).unwrap()] += 1,
            _ => panic!("byte {at} changed: {replay:#?}"),
        }
    }
    assert!(outcomes[1] + outcomes[2] > 20, "{outcomes:?}");
}

/// The configuration of the server, with which a recording begins, is shorter.
const HEADER_BYTES_MAX: usize = 400;

#[test]
fn a_recording_of_a_killed_server_is_replayed_to_its_end() {
    /// A chat. When it is in the file, all events before it are.
    const LAST: &str = "the last of the events";
    let mut recorded = Recorded::start(&[]);
    let peers = recorded.run_events();
    let mut late = recorded.client(104, "late");
    late.send(&wire::chat(104, 104, LAST)).unwrap();
    late.expect_chat();
    // The server writes a block when the next event finds it old enough.
    let written = wait::holds(LONG, || {
        late.send(&wire::chat(104, 104, "tick")).unwrap();
        late.expect_chat();
        let bytes = recorded.bytes();
        bytes
            .windows(LAST.len())
            .any(|window| window == LAST.as_bytes())
    });
    assert!(written);
    recorded.server.process_mut().kill();
    drop(peers);
    let whole = Replay::of(&recorded.file);
    whole.assert(0, CUT);
    assert!(whole.events() > 50, "{whole:#?}");

    // A truncated recording is replayed up to its end.
    let bytes = recorded.bytes();
    let mut before = 0;
    for part in (1..20).filter(|part| bytes.len() * part / 20 >= HEADER_BYTES_MAX) {
        let replay = Replay::of_bytes(&recorded.file, &bytes[..bytes.len() * part / 20]);
        replay.assert(0, CUT);
        let events = replay.events();
        assert!((before..=whole.events()).contains(&events), "{replay:#?}");
        before = events;
    }
}

#[test]
fn a_recording_stops_at_its_limit_and_the_server_continues() {
    const BYTES_MAX: usize = 50_000;
    let mut recorded = Recorded::start(&[&format!("--record-max={BYTES_MAX}")]);
    let mut ann = recorded.client(ANN, "ann");
    let text = "x".repeat(1000);
    for _ in 0..200 {
        ann.send(&wire::chat(ANN, ANN, &text)).unwrap();
        assert_eq!(ann.expect_chat().2, text);
    }
    let line = "recording stopped: size limit reached";
    let is_logged = || recorded.server.log_lines_with(line).len() == 1;
    assert!(wait::holds(LONG, is_logged));
    let size = || recorded.bytes().len();
    assert!(wait::holds(LONG, || size() > BYTES_MAX - 2_000));
    // The server relays on, and records nothing more.
    recorded.client(BOB, "bob");
    assert!(recorded.server.stop());
    let size = recorded.bytes().len();
    assert!(size <= BYTES_MAX, "{size} bytes");
    let replay = Replay::of(&recorded.file);
    replay.assert(0, FULL);
    assert!((40..100).contains(&replay.events()), "{replay:#?}");
}

#[test]
fn a_recording_that_cannot_be_written_is_an_error() {
    let fixture = Fixture::new().unwrap();
    let file = fixture
        .logs()
        .path()
        .join("no such folder")
        .join("recording");
    let mut process = fixture
        .server(1, "mute")
        .arg("-q")
        .arg("--record")
        .arg(file.to_str().unwrap())
        .spawn()
        .unwrap();
    let status = process.wait_end(LONG).unwrap();
    assert_eq!(status.code(), Some(1));
    let log = process.log();
    let error = log.strip_prefix("crc-server: cannot record to ").unwrap();
    assert!(error.ends_with("; use another --record\n"), "{log}");
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(process.lines().is_empty(), "the server never listened");
}
