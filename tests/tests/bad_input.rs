//! Bad input disturbs nobody but its sender; and what an operator or user gets
//! wrong is answered in one plain sentence.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::process::ExitStatus;
use std::time::Duration;

use crc_e2e::fixture::Peer;
use crc_e2e::fixture::v1::V1Client;
use crc_e2e::fixture::wait::{self, LONG};
use crc_e2e::fixture::{Fixture, Server, wire};

/// Two servers, and a client of each that must never notice anything: wren
/// (101) where the bad input arrives, juno (102) at the other.
struct Town {
    near: Server,
    far: Server,
    wren: V1Client,
    juno: V1Client,
    _rig: Fixture,
}

const WREN: u32 = 101;
const JUNO: u32 = 102;
/// The id under which a bad client registers, if it does.
const BAD: u32 = 666;
/// An id that nobody has.
const NOBODY: u32 = 777;

impl Town {
    #[track_caller]
    fn found() -> Town {
        Town::found_with(&[])
    }

    #[track_caller]
    fn found_with(words: &[&str]) -> Town {
        let fixture = Fixture::new().unwrap();
        let mut near = fixture.server(1, "near");
        for word in words {
            near = near.arg(word);
        }
        let near = near.start().unwrap();
        let far = fixture.server(2, "far").uplink(near.address());
        let far = far.start().unwrap();
        far.wait_hosts(&[1]).unwrap();
        let wren = V1Client::start(near.address(), WREN, "wren", "w").unwrap();
        let juno = V1Client::start(far.address(), JUNO, "juno", "j").unwrap();
        let town = Town {
            near,
            far,
            wren,
            juno,
            _rig: fixture,
        };
        town.assert_undisturbed(0);
        town
    }

    /// Everybody knows whom they should, and can talk.
    #[track_caller]
    fn assert_undisturbed(&self, said_before: usize) {
        self.near.wait_hosts(&[2, WREN, JUNO]).unwrap();
        self.far.wait_hosts(&[1, WREN, JUNO]).unwrap();
        self.wren.wait_state(|state| state.client_ids() == [JUNO]);
        self.juno.wait_state(|state| state.client_ids() == [WREN]);
        self.wren.send_chat(JUNO, "still there?").unwrap();
        let state = self
            .juno
            .wait_state(|state| state.chats.len() > said_before);
        assert_eq!(
            state.chats[said_before..],
            [(WREN, "still there?".to_owned())]
        );
        self.juno.send_chat(WREN, "sure").unwrap();
        let state = self
            .wren
            .wait_state(|state| state.chats.len() > said_before);
        assert_eq!(state.chats[said_before..], [(JUNO, "sure".to_owned())]);
        assert_eq!(self.wren.state().statuses.len(), 1);
        assert_eq!(self.juno.state().statuses.len(), 1);
    }

    fn stranger(&self) -> Peer {
        Peer::connect(self.near.address()).unwrap()
    }

    /// A client that has registered, and has everything that this brought it.
    #[track_caller]
    fn client(&self) -> Peer {
        let mut peer = self.stranger();
        peer.send(&wire::client_registration(BAD, 0, "bad", "b"))
            .unwrap();
        peer.expect_frames(3);
        self.far
            .wait_state(|state| state.host(BAD).is_some())
            .unwrap();
        peer
    }

    /// The lines of the log about a connection, but for its joining.
    fn lines_about(&self, peer: &Peer) -> Vec<String> {
        let address = peer.address().unwrap().to_string();
        let mut lines = self.near.log_lines_with(&address);
        lines.retain(|line| !line.contains("has joined"));
        lines
    }

    /// The connection ends with one line in the log, which says `reason`, and
    /// nobody else has noticed.
    #[track_caller]
    fn assert_ended(&self, mut peer: Peer, reason: &str) {
        peer.expect_end();
        assert!(
            wait::holds(LONG, || !self.lines_about(&peer).is_empty()),
            "nothing about it in the log:\n{}",
            self.near.process().log()
        );
        self.assert_undisturbed(1);
        let lines = self.lines_about(&peer);
        assert_eq!(lines.len(), 1, "{lines:#?}");
        assert!(lines[0].contains(reason), "{lines:#?}");
        for server in [&self.near, &self.far] {
            assert!(!server.process().log().contains("panicked"));
            assert_eq!(server.state().unwrap().status_log, [""; 0]);
        }
    }
}

/// A stranger sends `bytes`.
#[track_caller]
fn check_stranger(bytes: &[u8], reason: &str) {
    let town = Town::found();
    let mut peer = town.stranger();
    peer.send(bytes).unwrap();
    town.assert_ended(peer, reason);
}

/// A registered client sends `bytes`.
#[track_caller]
fn check_client(bytes: &[u8], reason: &str) {
    let town = Town::found();
    let mut peer = town.client();
    peer.send(bytes).unwrap();
    town.assert_ended(peer, reason);
}

#[test]
fn an_unknown_type() {
    check_stranger(b"GET / HTTP/1.1\r\n\r\n", "unknown frame type 0x47");
    check_client(&[0x03; 100], "unknown frame type 0x03");
}

#[test]
fn random_bytes() {
    let town = Town::found();
    let mut seed: u64 = 0x5eed;
    for round in 0..60 {
        let mut bytes = Vec::new();
        for _ in 0..1 + round * 7 {
            // Any sequence will do that is the same in every run.
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            bytes.extend((seed >> 40).to_le_bytes().first());
        }
        let mut peer = town.stranger();
        // The server may have hung up in the middle.
        let _ = peer.send(&bytes);
        let _ = peer.finish();
        peer.expect_end();
        assert!(wait::holds(LONG, || town.lines_about(&peer).len() == 1));
    }
    town.assert_undisturbed(1);
    assert!(!town.near.process().log().contains("panicked"));
}

#[test]
fn half_a_frame_and_the_end() {
    let registration = wire::client_registration(BAD, 0, "bad", "b");
    let town = Town::found();
    let mut peer = town.stranger();
    peer.send(&registration[..registration.len() - 1]).unwrap();
    peer.finish().unwrap();
    town.assert_ended(peer, "closed");

    let town = Town::found();
    let mut peer = town.client();
    peer.send(&wire::chat(BAD, JUNO, "half of it")[..15])
        .unwrap();
    peer.finish().unwrap();
    town.assert_ended(peer, "closed");
}

#[test]
fn half_a_frame_and_nothing_more() {
    let town = Town::found_with(&["--register-within=1"]);
    let mut peer = town.stranger();
    peer.send(&wire::client_registration(BAD, 0, "bad", "b")[..8])
        .unwrap();
    town.assert_ended(peer, "no registration in time");
}

#[test]
fn four_gibibytes_announced() {
    let mut chat = wire::chat(BAD, JUNO, "");
    chat[9..13].fill(0xff);
    check_stranger(&chat, "4294967295 bytes");
    check_client(&chat, "4294967295 bytes");
    let mut quit = wire::quit(BAD, "");
    quit[5..9].fill(0xff);
    check_client(&quit, "4294967295 bytes");
}

#[test]
fn text_that_is_not_utf_8() {
    let mut chat = wire::chat(BAD, JUNO, "xx");
    chat[13] = 0xff;
    check_client(&chat, "not UTF-8");
    let mut registration = wire::client_registration(BAD, 0, "bad", "b");
    registration[12] = 0xc0;
    check_stranger(&registration, "not UTF-8");
}

#[test]
fn a_name_that_is_not_admitted() {
    let long = "n".repeat(65);
    for (name, reason) in [
        ("", "name"),
        (long.as_str(), "64"),
        (" bad", "name"),
        ("b\u{1b}d", "name"),
        ("bäd", "name"),
    ] {
        check_stranger(&wire::client_registration(BAD, 0, name, "b"), reason);
    }
}

#[test]
fn a_chat_in_another_name() {
    check_client(&wire::chat(WREN, JUNO, "guess who"), "ClientChat");
    check_client(&wire::chat(NOBODY, JUNO, "guess who"), "ClientChat");
}

#[test]
fn a_quit_in_another_name() {
    check_client(&wire::quit(JUNO, "not me"), "ClientQuit");
    check_client(&wire::quit(2, "not even a client"), "ClientQuit");
}

#[test]
fn a_second_registration_under_another_id() {
    check_client(
        &wire::client_registration(NOBODY, 0, "bad", "b"),
        "ClientRegistration",
    );
}

#[test]
fn frames_that_a_client_may_not_send() {
    check_client(
        &wire::server_registration(NOBODY, 0, "bad", "b"),
        "ServerRegistration",
    );
    check_client(&wire::status(BAD, JUNO, 0, "welcome!"), "Status");
    check_client(&wire::server_quit(2, 0, "gone"), "ServerQuit");
    check_client(
        &wire::client_registration(NOBODY, BAD, "friend", "f"),
        "ClientRegistration",
    );
}

#[test]
fn frames_before_a_registration() {
    check_stranger(&wire::chat(WREN, JUNO, "guess who"), "ClientChat");
    check_stranger(&wire::quit(JUNO, "not me"), "ClientQuit");
    check_stranger(&wire::status(1, JUNO, 0, "welcome!"), "Status");
    check_stranger(&wire::server_quit(2, 0, "gone"), "ServerQuit");
}

#[test]
fn what_comes_after_the_fault_is_not_heard() {
    let town = Town::found();
    let mut peer = town.client();
    let mut bytes = wire::chat(WREN, JUNO, "guess who");
    bytes.extend(wire::chat(BAD, JUNO, "a good one, too late"));
    peer.send(&bytes).unwrap();
    town.assert_ended(peer, "ClientChat");
}

/// A server whose frames are wrong one by one keeps its link; what is wrong goes
/// nowhere.
#[test]
fn a_server_that_talks_nonsense_in_whole_frames() {
    let town = Town::found();
    let mut peer = town.stranger();
    peer.send(&wire::server_registration(3, 0, "odd", "o"))
        .unwrap();
    town.far
        .wait_state(|state| state.host(3).is_some())
        .unwrap();
    let mut bad_text = wire::chat(NOBODY, JUNO, "xx");
    bad_text[13] = 0xff;
    for nonsense in [
        bad_text,
        wire::chat(WREN, JUNO, "guess who"),
        wire::chat(NOBODY, JUNO, "guess who"),
        wire::quit(WREN, "not me"),
        wire::quit(1, "not you"),
        wire::quit(3, "not even a client"),
        wire::status(WREN, JUNO, 0, "welcome!"),
        wire::client_registration(JUNO, 3, "juno", "another"),
    ] {
        peer.send(&nonsense).unwrap();
    }
    // It still has a client, who can talk.
    peer.send(&wire::client_registration(103, 3, "newt", "n"))
        .unwrap();
    town.far
        .wait_state(|state| state.host(103).is_some())
        .unwrap();
    peer.send(&wire::chat(103, JUNO, "hello")).unwrap();
    let state = town.juno.wait_state(|state| state.chats.len() == 2);
    assert_eq!(state.chats[1], (103, "hello".to_owned()));
    assert_eq!(state.client_ids(), [WREN, 103]);
    town.wren
        .wait_state(|state| state.client_ids() == [JUNO, 103]);

    // Once the boundary is lost there is nothing to be kept.
    peer.send(&[0x55]).unwrap();
    peer.expect_end();
    town.near.wait_hosts(&[2, WREN, JUNO]).unwrap();
    town.far.wait_hosts(&[1, WREN, JUNO]).unwrap();
    town.wren.wait_state(|state| state.client_ids() == [JUNO]);
    town.juno.wait_state(|state| state.client_ids() == [WREN]);
}

/// Servers have nothing to say: v1 nodes die of it.
#[test]
fn a_server_that_speaks_itself() {
    let town = Town::found();
    let mut peer = town.stranger();
    peer.send(&wire::server_registration(3, 0, "odd", "o"))
        .unwrap();
    town.far
        .wait_state(|state| state.host(3).is_some())
        .unwrap();
    peer.send(&wire::chat(3, JUNO, "a server speaks")).unwrap();
    peer.send(&wire::client_registration(103, 3, "newt", "n"))
        .unwrap();
    peer.send(&wire::chat(103, JUNO, "hello")).unwrap();
    let state = town.juno.wait_state(|state| state.chats.len() > 1);
    assert_eq!(state.chats[1], (103, "hello".to_owned()));
}

#[test]
fn one_who_never_reads() {
    let town = Town::found_with(&["--client-queue=65536"]);
    let peer = town.client();
    // No longer than what anybody takes; and more than any system keeps.
    let chats = wire::chat(NOBODY, BAD, &"x".repeat(1000)).repeat(50);
    let mut flood = Peer::connect(town.near.address()).unwrap();
    flood
        .send(&wire::client_registration(NOBODY, 0, "flood", "f"))
        .unwrap();
    flood.expect_frames(1);
    let closed = || !town.lines_about(&peer).is_empty();
    for _ in 0..1000 {
        flood.send(&chats).unwrap();
        if closed() {
            break;
        }
    }
    assert!(wait::holds(LONG, closed), "{}", town.near.process().log());
    drop(flood);
    town.wren.wait_state(|state| state.client_ids() == [JUNO]);
    town.juno.wait_state(|state| state.client_ids() == [WREN]);
    town.assert_undisturbed(1);
    assert_eq!(
        town.lines_about(&peer).len(),
        1,
        "{:#?}",
        town.lines_about(&peer)
    );
}

// What operators and users get wrong.

/// What a program said that could not run: how it ended, and the one line of
/// complaint.
#[track_caller]
fn complaint(mut process: crc_e2e::fixture::Process) -> (ExitStatus, String) {
    let status = process.wait_end(LONG).unwrap();
    let log = process.log();
    let complaints: Vec<&str> = log
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.contains(" INFO "))
        .collect();
    // How to get help may follow, and nothing else.
    let others = complaints.iter().skip(1);
    let others: Vec<_> = others.filter(|line| !line.contains("--help")).collect();
    assert!(others.is_empty(), "{log}");
    (status, complaints[0].to_owned())
}

#[test]
fn a_port_that_is_taken() {
    let fixture = Fixture::new().unwrap();
    let first = fixture.server(1, "first").start().unwrap();
    let second = fixture.server(2, "second").listen(first.address());
    let (status, line) = complaint(second.spawn().unwrap());
    assert_eq!(status.code(), Some(1));
    assert!(line.contains(&first.address().to_string()), "{line}");
    assert!(line.contains("in use") || line.contains("taken"), "{line}");
    first.wait_hosts(&[]).unwrap();
}

#[test]
fn an_uplink_that_is_not_there() {
    let fixture = Fixture::new().unwrap();
    let gone = fixture.server(1, "gone").start().unwrap();
    let address = gone.address();
    drop(gone);
    let server = fixture.server(2, "alone").uplink(address).start().unwrap();
    let word = address.to_string();
    assert!(wait::holds(LONG, || !server
        .log_lines_with(&word)
        .is_empty()));
    let line = &server.log_lines_with(&word)[0];
    assert!(line.contains("cannot link to"), "{line}");
    // It serves all the same, and is there when the other one comes.
    let wren = V1Client::start(server.address(), WREN, "wren", "w").unwrap();
    wren.wait_state(|state| state.statuses.len() == 1);
    let back = fixture.server(1, "back").listen(address).start().unwrap();
    back.wait_hosts(&[2, WREN]).unwrap();
    server.wait_hosts(&[1, WREN]).unwrap();
}

#[test]
fn a_name_that_is_too_long() {
    let fixture = Fixture::new().unwrap();
    let name = "n".repeat(65);
    let (status, line) = complaint(fixture.server(1, &name).log_file("s").spawn().unwrap());
    assert_eq!(status.code(), Some(2));
    assert!(line.contains("64"), "{line}");

    let server = fixture.server(1, "server").start().unwrap();
    let mut client = fixture
        .client(101, &name, server.address())
        .log_file("c")
        .start()
        .unwrap();
    let status = client.process_mut().wait_end(LONG).unwrap();
    assert_eq!(status.code(), Some(2));
    assert!(
        client.process().log().contains("64"),
        "{}",
        client.process().log()
    );
    server.wait_hosts(&[]).unwrap();
}

#[test]
fn a_name_that_two_have() {
    let fixture = Fixture::new().unwrap();
    let server = fixture.server(1, "server").start().unwrap();
    let twins = [101, 102].map(|id| {
        let twin = fixture
            .client(id, "twin", server.address())
            .start()
            .unwrap();
        twin.wait_welcome().unwrap();
        twin
    });
    let mut wren = fixture
        .client(103, "wren", server.address())
        .start()
        .unwrap();
    wren.wait_connected(&[101, 102]).unwrap();
    wren.command("/msg twin which one?").unwrap();
    let view = wren.wait_view(|view| !view.errors.is_empty()).unwrap();
    assert_eq!(view.errors.len(), 1, "{view:#?}");
    for id in ["101", "102"] {
        assert!(view.errors[0].contains(id), "{}", view.errors[0]);
    }
    wren.command("/msg 102 you").unwrap();
    twins[1].wait_view(|view| view.chats.len() == 1).unwrap();
    assert!(wait::stays(Duration::from_millis(100), || {
        twins[0].view().chats.is_empty()
    }));
}

#[test]
fn an_id_that_is_taken() {
    let fixture = Fixture::new().unwrap();
    let server = fixture.server(1, "server").start().unwrap();
    let wren = fixture
        .client(101, "wren", server.address())
        .start()
        .unwrap();
    wren.wait_welcome().unwrap();
    let mut echo = fixture
        .client(101, "echo", server.address())
        .start()
        .unwrap();
    let status = echo.process_mut().wait_end(LONG).unwrap();
    assert_eq!(status.code(), Some(1));
    let text = wire::taken_text(wire::CLIENT_REGISTRATION, 101);
    assert_eq!(echo.view().statuses, [text]);
    assert!(wren.view().welcomed);
    server.wait_hosts(&[101]).unwrap();
}
