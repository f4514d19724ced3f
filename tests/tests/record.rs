//! What a real server has recorded comes to the same state when `crc-sim replay`
//! tells it again; and whatever else a file holds is told from that.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crc_e2e::fixture::Peer;
use crc_e2e::fixture::wait::{self, LONG};
use crc_e2e::fixture::{Fixture, Server, find_sim, wire};

const ANN: u32 = 101;
const BOB: u32 = 102;
const BAD: u32 = 666;
/// A server that is not a process of ours.
const FOREIGN: u32 = 3;

const SAME: &str = "the same state as the recorded server's";
const ANOTHER: &str = "NOT the state of the recorded server";
const CUT: &str = "the recorded server did not end in good order";
const FULL: &str = "the recording had ended before the server did";

/// A text that ends up in the status log, and so in the state.
const NOTE: &str = "a note that is kept";

/// What `crc-sim replay` came to.
#[derive(Debug)]
struct Replay {
    /// `None` when a signal ended it.
    code: Option<i32>,
    out: String,
    complaint: String,
}

impl Replay {
    fn of(file: &Path) -> Replay {
        let mut program = Command::new(find_sim().unwrap());
        let output = program.arg("replay").arg(file).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Replay {
            code: output.status.code(),
            out: text(output.stdout),
            complaint: text(output.stderr),
        }
    }

    /// Of a file with these bytes, next to `file`.
    fn of_bytes(file: &Path, bytes: &[u8]) -> Replay {
        let file = file.with_extension("changed");
        fs::write(&file, bytes).unwrap();
        Replay::of(&file)
    }

    #[track_caller]
    fn assert(&self, code: i32, words: &str) {
        let said = self.out.trim_end().ends_with(words);
        assert!(self.code == Some(code) && said, "{self:#?}");
        assert_eq!(self.complaint, "");
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
    fn start(words: &[&str]) -> Recorded {
        let fixture = Fixture::new().unwrap();
        let file = fixture.logs().path().join("recording");
        let mut server = fixture.server(1, "told").arg("--record");
        server = server.arg(file.to_str().unwrap());
        for word in words {
            server = server.arg(word);
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

    /// A bit of everything, up to a moment at which all of it has been heard.
    /// Returns those who are still there.
    fn live(&self) -> (Server, Vec<Peer>) {
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

        // Another server, which leaves a note, and lists somebody.
        let mut foreign = Peer::connect(address).unwrap();
        let said = |info| wire::server_registration(FOREIGN, 0, "foreign", info);
        foreign.send(&said("f")).unwrap();
        foreign.expect_frames(2);
        foreign.send(&said("f [crc2;r=7;f=server-quit]")).unwrap();
        for frame in [
            wire::status(FOREIGN, 0, 1, NOTE),
            wire::client_registration(201, FOREIGN, "newt", "n"),
            wire::client_registration(202, FOREIGN, "toad", "t"),
            wire::quit(201, "off"),
        ] {
            foreign.send(&frame).unwrap();
        }
        self.server
            .wait_hosts(&[2, FOREIGN, ANN, BOB, 202])
            .unwrap();

        // Chats over a hop and back, to nobody, and over the limit.
        for round in 0..20 {
            let text = format!("round {round}");
            ann.send(&wire::chat(ANN, BOB, &text)).unwrap();
            assert_eq!(bob.expect_chat(), (ANN, BOB, text.clone()));
            bob.send(&wire::chat(BOB, ANN, &text)).unwrap();
            assert_eq!(ann.expect_chat(), (BOB, ANN, text));
        }
        ann.send(&wire::chat(ANN, 777, "anybody?")).unwrap();
        ann.wait_status(1).unwrap();

        // Original clients, quits, an id that is taken, bad bytes, half a frame.
        let mut original = Peer::v1_client(address, 103, "original").unwrap();
        original.send(&wire::quit(103, "enough")).unwrap();
        original.expect_end();
        let registration = wire::client_registration(ANN, 0, "ann", "again");
        for bytes in [
            &registration[..],
            &[0x80; 40][..],
            &[0x17, 0, 0, 0, 0, 0, 0][..],
            &wire::chat(BAD, ANN, "me?")[..],
        ] {
            let mut bad = Peer::connect(address).unwrap();
            bad.send(bytes).unwrap();
            bad.finish().unwrap();
            bad.expect_end();
        }
        let mut liar = self.client(BAD, "liar");
        liar.send(&wire::chat(ANN, BOB, "I am Ann")).unwrap();
        liar.expect_end();

        // Looking on is no event.
        assert_eq!(self.server.get("/healthz").unwrap().status, 200);
        self.server
            .wait_state(|state| {
                state.host_ids() == [2, FOREIGN, ANN, BOB, 202] && state.unregistered_links == 0
            })
            .unwrap();
        (below, vec![ann, bob, foreign])
    }
}

#[test]
fn a_recording_comes_to_the_same_state() {
    let mut told = Recorded::start(&[]);
    let there = told.live();
    assert!(told.server.stop(), "it left in good order");
    drop(there);
    let replay = Replay::of(&told.file);
    replay.assert(0, SAME);
    assert!(replay.events() > 60, "{replay:#?}");
    let again = Replay::of(&told.file);
    assert_eq!(again.out, replay.out, "state and effects are the same");
    assert_eq!(told.server.log_lines_with("recording"), [""; 0]);

    // The test can fail: another note is another state.
    let bytes = told.bytes();
    let mut changed = bytes.clone();
    let found = changed
        .windows(NOTE.len())
        .position(|window| window == NOTE.as_bytes());
    changed[found.unwrap()] = b'A';
    Replay::of_bytes(&told.file, &changed).assert(1, ANOTHER);
    // So is a digest that is another one.
    let mut changed = bytes.clone();
    *changed.last_mut().unwrap() ^= 1;
    Replay::of_bytes(&told.file, &changed).assert(1, ANOTHER);
    // What is no recording is said to be none.
    let mut changed = bytes.clone();
    changed[0] ^= 1;
    let replay = Replay::of_bytes(&told.file, &changed);
    assert_eq!(replay.code, Some(2));
    assert_eq!(
        replay.complaint,
        "crc-sim: this is no recording of a crc-server\n"
    );

    // Wherever a byte is another one: an outcome or an error, never a panic.
    let mut outcomes = [0; 3];
    for number in 0..60 {
        let mut changed = bytes.clone();
        let at = number * (changed.len() - 1) / 59;
        changed[at] ^= 0x81;
        let replay = Replay::of_bytes(&told.file, &changed);
        match replay.code {
            Some(code @ 0..=2) => outcomes[usize::try_from(code).unwrap()] += 1,
            _ => panic!("byte {at} changed: {replay:#?}"),
        }
    }
    assert!(outcomes[1] + outcomes[2] > 20, "{outcomes:?}");
}

#[test]
fn a_recording_of_who_was_killed_is_replayed_up_to_there() {
    let mut told = Recorded::start(&[]);
    let there = told.live();
    // Blocks are written when the next event finds them old enough.
    let mut ann = told.client(104, "late");
    let written = wait::holds(LONG, || {
        ann.send(&wire::chat(104, 104, "tick")).unwrap();
        ann.expect_chat();
        let bytes = told.bytes();
        bytes
            .windows(NOTE.len())
            .any(|window| window == NOTE.as_bytes())
    });
    assert!(written);
    told.server.process_mut().kill();
    drop(there);
    let whole = Replay::of(&told.file);
    whole.assert(0, CUT);
    assert!(whole.events() > 50, "{whole:#?}");

    // Wherever it was cut, all before is replayed.
    let bytes = told.bytes();
    let mut before = 0;
    for part in 1..20 {
        let replay = Replay::of_bytes(&told.file, &bytes[..bytes.len() * part / 20]);
        replay.assert(0, CUT);
        let events = replay.events();
        assert!((before..=whole.events()).contains(&events), "{replay:#?}");
        before = events;
    }
}

#[test]
fn a_recording_is_bounded_and_the_server_goes_on() {
    const BYTES_MAX: usize = 50_000;
    let mut told = Recorded::start(&[&format!("--record-max={BYTES_MAX}")]);
    let mut ann = told.client(ANN, "ann");
    let text = "x".repeat(1000);
    for _ in 0..200 {
        ann.send(&wire::chat(ANN, ANN, &text)).unwrap();
        assert_eq!(ann.expect_chat().2, text);
    }
    let said = "the recording ends: it has grown to its bound";
    let is_said = || told.server.log_lines_with(said).len() == 1;
    assert!(wait::holds(LONG, is_said));
    let size = || told.bytes().len();
    assert!(wait::holds(LONG, || size() > BYTES_MAX - 2_000));
    // It relays on, and writes nothing more.
    told.client(BOB, "bob");
    assert!(told.server.stop());
    let size = told.bytes().len();
    assert!(size <= BYTES_MAX, "{size} bytes");
    let replay = Replay::of(&told.file);
    replay.assert(0, FULL);
    assert!((40..100).contains(&replay.events()), "{replay:#?}");
}

#[test]
fn a_recording_that_cannot_be_made_is_one_sentence() {
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
    let sentence = log.strip_prefix("crc-server: cannot record to ").unwrap();
    assert!(sentence.ends_with("; use another --record\n"), "{log}");
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(process.lines().is_empty(), "it never listened");
}
