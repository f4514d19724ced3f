//! Bad input closes the connection of its sender, is logged once, and disturbs no
//! other peer.

use crc_e2e::fixture::Peer;
use crc_e2e::fixture::v1::V1Client;
use crc_e2e::fixture::wait::{self, LONG};
use crc_e2e::fixture::{Fixture, Server, wire};

/// Two linked servers, with a v1 client each. Bad input arrives at the server of wren
/// (101) and must not disturb wren or juno (102), the client of the other server.
struct TwoServers {
    near: Server,
    far: Server,
    wren: V1Client,
    juno: V1Client,
    _fixture: Fixture,
}

const WREN: u32 = 101;
const JUNO: u32 = 102;
/// The id of the misbehaving client.
const BAD: u32 = 666;
/// An id that no host has.
const UNKNOWN: u32 = 777;

impl TwoServers {
    #[track_caller]
    fn start() -> TwoServers {
        TwoServers::start_with(&[])
    }

    #[track_caller]
    fn start_with(args: &[&str]) -> TwoServers {
        let fixture = Fixture::new().unwrap();
        let mut near = fixture.server(1, "near");
        for arg in args {
            near = near.arg(arg);
        }
        let near = near.start().unwrap();
        let far = fixture.server(2, "far").uplink(near.address());
        let far = far.start().unwrap();
        far.wait_hosts(&[1]).unwrap();
        let wren = V1Client::start(near.address(), WREN, "wren", "w").unwrap();
        let juno = V1Client::start(far.address(), JUNO, "juno", "j").unwrap();
        let network = TwoServers {
            near,
            far,
            wren,
            juno,
            _fixture: fixture,
        };
        network.assert_undisturbed(0);
        network
    }

    /// Asserts that all hosts know each other and the clients can chat.
    #[track_caller]
    fn assert_undisturbed(&self, received_before: usize) {
        self.near.wait_hosts(&[2, WREN, JUNO]).unwrap();
        self.far.wait_hosts(&[1, WREN, JUNO]).unwrap();
        self.wren.wait_state(|state| state.client_ids() == [JUNO]);
        self.juno.wait_state(|state| state.client_ids() == [WREN]);
        self.wren.send_chat(JUNO, "still there?").unwrap();
        let state = self
            .juno
            .wait_state(|state| state.chats.len() > received_before);
        assert_eq!(
            state.chats[received_before..],
            [(WREN, "still there?".to_owned())]
        );
        self.juno.send_chat(WREN, "sure").unwrap();
        let state = self
            .wren
            .wait_state(|state| state.chats.len() > received_before);
        assert_eq!(state.chats[received_before..], [(JUNO, "sure".to_owned())]);
        assert_eq!(self.wren.state().statuses.len(), 1);
        assert_eq!(self.juno.state().statuses.len(), 1);
    }

    fn connect(&self) -> Peer {
        Peer::connect(self.near.address()).unwrap()
    }

    /// A registered client that has received the burst.
    #[track_caller]
    fn client(&self) -> Peer {
        let mut peer = self.connect();
        peer.send(&wire::client_registration(BAD, 0, "bad", "b"))
            .unwrap();
        peer.expect_frames(3);
        self.far
            .wait_state(|state| state.host(BAD).is_some())
            .unwrap();
        peer
    }

    /// The log lines about a connection, except that it has joined.
    fn lines_about(&self, peer: &Peer) -> Vec<String> {
        let address = peer.address().unwrap().to_string();
        let mut lines = self.near.log_lines_with(&address);
        lines.retain(|line| !line.contains("has joined"));
        lines
    }

    /// Asserts that the connection ends with one log line that contains `reason`, and
    /// that no other peer is disturbed.
    #[track_caller]
    fn assert_ended(&self, mut peer: Peer, reason: &str) {
        peer.expect_end();
        assert!(
            wait::holds(LONG, || !self.lines_about(&peer).is_empty()),
            "no log line about the connection:\n{}",
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

/// An unregistered peer sends `bytes`.
#[track_caller]
fn check_unregistered(bytes: &[u8], reason: &str) {
    let network = TwoServers::start();
    let mut peer = network.connect();
    peer.send(bytes).unwrap();
    network.assert_ended(peer, reason);
}

/// A registered client sends `bytes`.
#[track_caller]
fn check_client(bytes: &[u8], reason: &str) {
    let network = TwoServers::start();
    let mut peer = network.client();
    peer.send(bytes).unwrap();
    network.assert_ended(peer, reason);
}

#[test]
fn an_unknown_type_closes_the_link() {
    // What is HTTP is answered: wrong_port.rs.
    check_unregistered(b"G\0\0\0\0\0\0\0", "unknown frame type 0x47");
    check_client(&[0x03; 100], "unknown frame type 0x03");
}

#[test]
fn random_bytes_close_the_link() {
    let network = TwoServers::start();
    let mut seed: u64 = 0x5eed;
    for round in 0..60 {
        let mut bytes = Vec::new();
        for _ in 0..1 + round * 7 {
            // Reproducible random bytes.
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            bytes.extend((seed >> 40).to_le_bytes().first());
        }
        let mut peer = network.connect();
        // The server may close meanwhile.
        let _ = peer.send(&bytes);
        let _ = peer.finish();
        peer.expect_end();
        assert!(wait::holds(LONG, || network.lines_about(&peer).len() == 1));
    }
    network.assert_undisturbed(1);
    assert!(!network.near.process().log().contains("panicked"));
}

#[test]
fn half_a_frame_and_the_end_close_the_link() {
    let registration = wire::client_registration(BAD, 0, "bad", "b");
    let network = TwoServers::start();
    let mut peer = network.connect();
    peer.send(&registration[..registration.len() - 1]).unwrap();
    peer.finish().unwrap();
    network.assert_ended(peer, "closed");

    let network = TwoServers::start();
    let mut peer = network.client();
    peer.send(&wire::chat(BAD, JUNO, "half of it")[..15])
        .unwrap();
    peer.finish().unwrap();
    network.assert_ended(peer, "closed");
}

#[test]
fn half_a_registration_times_out() {
    // The regular clients and the other server have to register in that time, too.
    let network = TwoServers::start_with(&["--register-within=3"]);
    let mut peer = network.connect();
    peer.send(&wire::client_registration(BAD, 0, "bad", "b")[..8])
        .unwrap();
    network.assert_ended(peer, "no registration in time");
}

#[test]
fn a_length_of_four_gibibytes_closes_the_link() {
    let mut chat = wire::chat(BAD, JUNO, "");
    chat[9..13].fill(0xff);
    check_unregistered(&chat, "4294967295 bytes");
    check_client(&chat, "4294967295 bytes");
    let mut quit = wire::quit(BAD, "");
    quit[5..9].fill(0xff);
    check_client(&quit, "4294967295 bytes");
}

#[test]
fn a_text_that_is_not_utf_8_closes_the_link() {
    let mut chat = wire::chat(BAD, JUNO, "xx");
    chat[13] = 0xff;
    check_client(&chat, "not UTF-8");
    let mut registration = wire::client_registration(BAD, 0, "bad", "b");
    registration[12] = 0xc0;
    check_unregistered(&registration, "not UTF-8");
}

#[test]
fn an_invalid_name_is_refused() {
    let long = "n".repeat(65);
    for (name, reason) in [
        ("", "name"),
        (long.as_str(), "64"),
        (" bad", "name"),
        ("b\u{1b}d", "name"),
        ("bäd", "name"),
    ] {
        check_unregistered(&wire::client_registration(BAD, 0, name, "b"), reason);
    }
}

#[test]
fn a_chat_with_the_id_of_another_closes_the_link() {
    check_client(&wire::chat(WREN, JUNO, "guess who"), "ClientChat");
    check_client(&wire::chat(UNKNOWN, JUNO, "guess who"), "ClientChat");
}

#[test]
fn a_quit_with_the_id_of_another_closes_the_link() {
    check_client(&wire::quit(JUNO, "not me"), "ClientQuit");
    check_client(&wire::quit(2, "not even a client"), "ClientQuit");
}

#[test]
fn a_second_registration_with_another_id_closes_the_link() {
    check_client(
        &wire::client_registration(UNKNOWN, 0, "bad", "b"),
        "ClientRegistration",
    );
}

#[test]
fn frames_that_a_client_may_not_send_close_the_link() {
    check_client(
        &wire::server_registration(UNKNOWN, 0, "bad", "b"),
        "ServerRegistration",
    );
    check_client(&wire::status(BAD, JUNO, 0, "welcome!"), "Status");
    check_client(&wire::server_quit(2, 0, "gone"), "ServerQuit");
    check_client(
        &wire::client_registration(UNKNOWN, BAD, "friend", "f"),
        "ClientRegistration",
    );
}

#[test]
fn frames_before_a_registration_close_the_link() {
    check_unregistered(&wire::chat(WREN, JUNO, "guess who"), "ClientChat");
    check_unregistered(&wire::quit(JUNO, "not me"), "ClientQuit");
    check_unregistered(&wire::status(1, JUNO, 0, "welcome!"), "Status");
    check_unregistered(&wire::server_quit(2, 0, "gone"), "ServerQuit");
}

#[test]
fn frames_after_a_violation_are_ignored() {
    let network = TwoServers::start();
    let mut peer = network.client();
    let mut bytes = wire::chat(WREN, JUNO, "guess who");
    bytes.extend(wire::chat(BAD, JUNO, "a good one, too late"));
    peer.send(&bytes).unwrap();
    network.assert_ended(peer, "ClientChat");
}

/// Invalid frames of a server are dropped, and the link stays.
#[test]
fn invalid_frames_of_a_server_are_dropped() {
    let network = TwoServers::start();
    let mut peer = network.connect();
    peer.send(&wire::server_registration(3, 0, "odd", "o"))
        .unwrap();
    network
        .far
        .wait_state(|state| state.host(3).is_some())
        .unwrap();
    let mut bad_text = wire::chat(UNKNOWN, JUNO, "xx");
    bad_text[13] = 0xff;
    for invalid in [
        bad_text,
        wire::chat(WREN, JUNO, "guess who"),
        wire::chat(UNKNOWN, JUNO, "guess who"),
        wire::quit(WREN, "not me"),
        wire::quit(1, "not you"),
        wire::quit(3, "not even a client"),
        wire::status(WREN, JUNO, 0, "welcome!"),
        wire::client_registration(JUNO, 3, "juno", "another"),
    ] {
        peer.send(&invalid).unwrap();
    }
    // A client of that server can still chat.
    peer.send(&wire::client_registration(103, 3, "newt", "n"))
        .unwrap();
    network
        .far
        .wait_state(|state| state.host(103).is_some())
        .unwrap();
    peer.send(&wire::chat(103, JUNO, "hello")).unwrap();
    let state = network.juno.wait_state(|state| state.chats.len() == 2);
    assert_eq!(state.chats[1], (103, "hello".to_owned()));
    assert_eq!(state.client_ids(), [WREN, 103]);
    network
        .wren
        .wait_state(|state| state.client_ids() == [JUNO, 103]);

    // A byte that starts no frame closes the link.
    peer.send(&[0x55]).unwrap();
    peer.expect_end();
    network.near.wait_hosts(&[2, WREN, JUNO]).unwrap();
    network.far.wait_hosts(&[1, WREN, JUNO]).unwrap();
    network
        .wren
        .wait_state(|state| state.client_ids() == [JUNO]);
    network
        .juno
        .wait_state(|state| state.client_ids() == [WREN]);
}

/// A chat of a server would crash v1 nodes.
#[test]
fn a_chat_of_a_server_is_not_relayed() {
    let network = TwoServers::start();
    let mut peer = network.connect();
    peer.send(&wire::server_registration(3, 0, "odd", "o"))
        .unwrap();
    network
        .far
        .wait_state(|state| state.host(3).is_some())
        .unwrap();
    peer.send(&wire::chat(3, JUNO, "a server speaks")).unwrap();
    peer.send(&wire::client_registration(103, 3, "newt", "n"))
        .unwrap();
    peer.send(&wire::chat(103, JUNO, "hello")).unwrap();
    let state = network.juno.wait_state(|state| state.chats.len() > 1);
    assert_eq!(state.chats[1], (103, "hello".to_owned()));
}

#[test]
fn a_client_that_never_reads_is_closed() {
    let network = TwoServers::start_with(&["--client-queue=65536"]);
    let peer = network.client();
    // Short enough for every node, and more than any system buffers.
    let chats = wire::chat(UNKNOWN, BAD, &"x".repeat(1000)).repeat(50);
    let mut flood = Peer::connect(network.near.address()).unwrap();
    flood
        .send(&wire::client_registration(UNKNOWN, 0, "flood", "f"))
        .unwrap();
    flood.expect_frames(1);
    let closed = || !network.lines_about(&peer).is_empty();
    for _ in 0..1000 {
        // The server resets the connection before or after it logs why.
        if flood.send(&chats).is_err() || closed() {
            break;
        }
    }
    assert!(
        wait::holds(LONG, closed),
        "{}",
        network.near.process().log()
    );
    drop(flood);
    network
        .wren
        .wait_state(|state| state.client_ids() == [JUNO]);
    network
        .juno
        .wait_state(|state| state.client_ids() == [WREN]);
    network.assert_undisturbed(1);
    assert_eq!(
        network.lines_about(&peer).len(),
        1,
        "{:#?}",
        network.lines_about(&peer)
    );
}
