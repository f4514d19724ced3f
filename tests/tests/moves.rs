//! Clients that move to another server when they lose their own one, with real processes: how the
//! server is lost, and whom they trust on the way.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use crc_e2e::fixture::irc::LinePeer;
use crc_e2e::fixture::tls::Certificates;
use crc_e2e::fixture::wait::{self, LONG};
use crc_e2e::fixture::{Client, Fixture, Peer, Process, Server, hash_password, wire};
use serde_json::Value;

/// The client that moves, and the one that watches it from the server that stays.
const ANN: u32 = 101;
const BOB: u32 = 102;

/// Joins `#reef`, and waits until it is in.
fn join(client: &mut Client) {
    client.command("/join #reef").unwrap();
    client.wait_event(|it| it["event"] == "channel").unwrap();
}

/// Waits until a server tells its clients of this address.
fn wait_told(server: SocketAddr, address: &str) {
    let mut peer = Peer::connect(server).unwrap();
    let send = |peer: &mut Peer, info: &str| {
        peer.send(&wire::client_registration(900, 0, "asks", info))
            .unwrap();
    };
    send(&mut peer, "x");
    peer.wait_status(0).unwrap();
    send(&mut peer, "x [crc2;f=servers]");
    loop {
        let told = peer.wait_status(0x0120).unwrap();
        if told.split(' ').any(|it| it == address) {
            break;
        }
    }
    peer.send(&wire::quit(900, "")).unwrap();
    peer.expect_end();
}

fn is(event: &Value, kind: &str) -> bool {
    event["event"] == kind
}

/// Waits until Ann is at another server, and checks that she is there as she was: the same id,
/// name and channel, and one event that says so. Returns the server.
#[track_caller]
fn expect_moved(ann: &Client, bob: &Client) -> String {
    let moved = ann.wait_event(|it| is(it, "moved")).unwrap();
    assert_eq!(moved["id"], ANN);
    let is_back = || ann.events().iter().filter(|it| is(it, "channel")).count() == 2;
    assert!(wait::holds(LONG, is_back), "{:#?}", ann.events());
    // Bob has seen her come to the channel, and come again.
    let is_ann = |it: &&Value| is(it, "channel_joined") && it["id"] == ANN && it["name"] == "ann";
    let has_come = || bob.events().iter().filter(is_ann).count() == 2;
    assert!(wait::holds(LONG, has_come), "{:#?}", bob.events());
    let events = ann.events();
    let count = |kind: &str| events.iter().filter(|it| is(it, kind)).count();
    assert_eq!(
        (count("moved"), count("disconnected")),
        (1, 1),
        "{events:#?}"
    );
    let ids: Vec<&Value> = events
        .iter()
        .filter(|it| is(it, "welcome"))
        .map(|it| &it["id"])
        .collect();
    assert_eq!(ids, [ANN, ANN], "{events:#?}");
    moved["server"].as_str().unwrap().to_owned()
}

/// Two linked servers by TLS too, each with its own certificate.
struct Secured<'a> {
    hub: Server,
    cove: Server,
    /// The fingerprints.
    pins: [String; 2],
    certificates: &'a Certificates,
}

impl<'a> Secured<'a> {
    fn start(fixture: &Fixture, certificates: &'a Certificates) -> Secured<'a> {
        let pins = ["a", "b"].map(|name| certificates.make(name).unwrap());
        let server = |id, name, files: &str| {
            let server = fixture.server(id, name).arg("--listen-tls=127.0.0.1:0");
            let server = server.arg(&certificates.option("tls-cert", &format!("{files}/cert.pem")));
            server.arg(&certificates.option("tls-key", &format!("{files}/key.pem")))
        };
        let hub = server(1, "hub", "a").start().unwrap();
        let cove = server(2, "cove", "b")
            .uplink(hub.address())
            .start()
            .unwrap();
        hub.wait_hosts(&[2]).unwrap();
        let secured = Secured {
            hub,
            cove,
            pins,
            certificates,
        };
        wait_told(secured.hub.address(), &secured.cove_pinned());
        secured
    }

    fn hub_address(&self) -> String {
        let address = self.hub.line_after("tls on ").unwrap();
        format!("tls://{address}")
    }

    fn cove_address(&self) -> String {
        let address = self.cove.line_after("tls on ").unwrap();
        format!("tls://{address}")
    }

    fn cove_pinned(&self) -> String {
        format!("{}#{}", self.cove_address(), self.pins[1])
    }

    /// Bob at the cove, and Ann with these arguments at the hub, in one channel.
    fn clients(&self, fixture: &Fixture, server: &str, args: &[&str]) -> (Client, Client) {
        let mut bob = fixture
            .client(BOB, "bob", self.cove.address())
            .start()
            .unwrap();
        bob.wait_welcome().unwrap();
        join(&mut bob);
        let state = self.certificates.path("state");
        let mut ann = fixture.client_at(ANN, "ann", server);
        ann = ann.environment("XDG_STATE_HOME", state.to_str().unwrap());
        for arg in args {
            ann = ann.arg(arg);
        }
        let mut ann = ann.start().unwrap();
        ann.wait_welcome().unwrap();
        join(&mut ann);
        (ann, bob)
    }
}

#[test]
fn a_client_with_a_pin_moves_to_the_pinned_server_that_its_own_one_names() {
    let (fixture, certificates) = (Fixture::new().unwrap(), Certificates::new().unwrap());
    let mut secured = Secured::start(&fixture, &certificates);
    let server = format!("{}#{}", secured.hub_address(), secured.pins[0]);
    let (ann, bob) = secured.clients(&fixture, &server, &[]);
    secured.hub.process_mut().kill();
    assert_eq!(expect_moved(&ann, &bob), secured.cove_pinned());
    // What it trusts by a pin needs no memory.
    assert!(!certificates.path("state/crc/known-servers").exists());
}

#[test]
fn a_client_with_an_authority_moves_only_to_servers_that_it_vouches_for() {
    let (fixture, certificates) = (Fixture::new().unwrap(), Certificates::new().unwrap());
    let mut secured = Secured::start(&fixture, &certificates);
    let both = ["a", "b"].map(|name| {
        let file = certificates.path(&format!("{name}/cert.pem"));
        fs::read_to_string(file).unwrap()
    });
    fs::write(certificates.path("both.pem"), both.concat()).unwrap();
    let authorities = certificates.option("tls-ca", "both.pem");
    let server = secured.hub_address();
    let (ann, bob) = secured.clients(&fixture, &server, &[&authorities]);
    // Another one trusts the hub only.
    let authority = certificates.option("tls-ca", "a/cert.pem");
    let zoe = fixture.client_at(103, "zoe", &server).arg(&authority);
    let zoe = zoe.start().unwrap();
    zoe.wait_welcome().unwrap();
    let listening = secured.hub.line_after("tls on ").unwrap();
    secured.hub.process_mut().kill();
    assert_eq!(expect_moved(&ann, &bob), secured.cove_address());
    let refused = |it: &Value| {
        let reason = it["reason"].as_str().unwrap_or_default();
        is(it, "unreachable")
            && it["server"] == secured.cove_address()
            && reason.contains("unknown authority")
    };
    zoe.wait_event(refused).unwrap();
    // She waits for her own server, and is with that again.
    let hub = fixture
        .server(3, "hub")
        .arg(&format!("--listen-tls={listening}"));
    let hub = hub.arg(&certificates.option("tls-cert", "a/cert.pem"));
    let hub = hub.arg(&certificates.option("tls-key", "a/key.pem"));
    let _hub = hub.start().unwrap();
    let welcomes = || zoe.events().iter().filter(|it| is(it, "welcome")).count() == 2;
    assert!(wait::holds(LONG, welcomes), "{:#?}", zoe.events());
    assert!(!zoe.events().iter().any(|it| is(it, "moved")));
}

#[test]
fn a_client_that_trusts_at_first_use_remembers_where_it_moves_to() {
    let (fixture, certificates) = (Fixture::new().unwrap(), Certificates::new().unwrap());
    let mut secured = Secured::start(&fixture, &certificates);
    let (ann, bob) = secured.clients(&fixture, &secured.hub_address(), &[]);
    secured.hub.process_mut().kill();
    assert_eq!(expect_moved(&ann, &bob), secured.cove_address());
    let known = fs::read_to_string(certificates.path("state/crc/known-servers")).unwrap();
    for pin in &secured.pins {
        assert_eq!(known.matches(pin.as_str()).count(), 1, "{known}");
    }
}

#[test]
fn what_a_server_tells_does_not_outweigh_what_a_client_remembers() {
    let (fixture, certificates) = (Fixture::new().unwrap(), Certificates::new().unwrap());
    let mut secured = Secured::start(&fixture, &certificates);
    // The client knows the cove by another certificate than that which the hub tells of.
    let folder = certificates.path("state/crc");
    fs::create_dir_all(&folder).unwrap();
    let (address, other) = (secured.cove.line_after("tls on ").unwrap(), "sha256:");
    let line = format!("{address} {other}{}\n", "ab".repeat(32));
    fs::write(folder.join("known-servers"), &line).unwrap();
    let (ann, _bob) = secured.clients(&fixture, &secured.hub_address(), &[]);
    secured.hub.process_mut().kill();
    let refused = |it: &Value| {
        let reason = it["reason"].as_str().unwrap_or_default();
        is(it, "unreachable")
            && it["server"] == secured.cove_address()
            && reason.contains("its certificate has changed")
    };
    ann.wait_event(refused).unwrap();
    assert!(!ann.events().iter().any(|it| is(it, "moved")));
    let known = fs::read_to_string(folder.join("known-servers")).unwrap();
    assert!(
        known.contains(&line) && !known.contains(&secured.pins[1]),
        "{known}"
    );
}

/// A plain server that an operator may stop, and one that is linked to it; Ann at the first,
/// Bob at the second, in one channel.
fn two_plain(fixture: &Fixture) -> (Server, Server, Client, Client) {
    let folder = fixture.logs().file("hub.toml");
    let hash = hash_password("kelp").unwrap();
    let operator =
        format!("[[operator]]\nname = \"chief\"\nclass = \"admin\"\npassword = \"{hash}\"\n");
    fs::write(&folder, operator).unwrap();
    let hub = fixture.server(1, "hub").irc().arg("--config");
    let hub = hub.arg(folder.to_str().unwrap()).start().unwrap();
    let cove = fixture.server(2, "cove").uplink(hub.address());
    let cove = cove.start().unwrap();
    hub.wait_hosts(&[2]).unwrap();
    wait_told(hub.address(), &cove.address().to_string());
    let mut bob = fixture.client(BOB, "bob", cove.address()).start().unwrap();
    bob.wait_welcome().unwrap();
    join(&mut bob);
    let mut ann = fixture.client(ANN, "ann", hub.address()).start().unwrap();
    ann.wait_welcome().unwrap();
    join(&mut ann);
    (hub, cove, ann, bob)
}

fn is_leaving(event: &Value) -> bool {
    is(event, "disconnected") && event["reason"].as_str().unwrap().contains("server leaves")
}

#[test]
fn a_client_moves_when_an_operator_stops_its_server() {
    let fixture = Fixture::new().unwrap();
    let (mut hub, cove, ann, bob) = two_plain(&fixture);
    let mut chief = LinePeer::irc_user(hub.irc().unwrap(), "chief").unwrap();
    chief.send_line("OPER chief :kelp").unwrap();
    chief.expect(" 381 ");
    chief.send_line("DIE :upgrade").unwrap();
    assert_eq!(expect_moved(&ann, &bob), cove.address().to_string());
    assert!(ann.events().iter().any(is_leaving), "{:#?}", ann.events());
    assert!(hub.process_mut().wait_end(LONG).unwrap().success());
}

#[test]
fn a_client_moves_when_its_server_is_asked_to_end() {
    let fixture = Fixture::new().unwrap();
    let (mut hub, cove, ann, bob) = two_plain(&fixture);
    hub.process_mut().request_shutdown();
    assert_eq!(expect_moved(&ann, &bob), cove.address().to_string());
    assert!(ann.events().iter().any(is_leaving), "{:#?}", ann.events());
    assert!(hub.process_mut().wait_end(LONG).unwrap().success());
}

/// Waits until a line has this text.
fn wait_for_line(process: &Process, text: &str) {
    let has = || process.lines().iter().any(|line| line.contains(text));
    assert!(wait::holds(LONG, has), "{text}: {:?}", process.lines());
}

#[test]
fn a_client_without_json_says_in_one_line_that_it_has_moved() {
    let fixture = Fixture::new().unwrap();
    let (mut hub, cove, _ann, _bob) = two_plain(&fixture);
    let mut command = Command::new(&fixture.binaries().client);
    command.args(["--name=zoe", &format!("--server={}", hub.address())]);
    let mut zoe = Process::start("zoe", command, fixture.logs().file("zoe.log")).unwrap();
    wait_for_line(&zoe, "Welcome");
    // The server names others before it answers this.
    zoe.write_line("/join #calm").unwrap();
    wait_for_line(&zoe, "you are in #calm");
    let count = |text: &str| zoe.lines().iter().filter(|it| it.contains(text)).count();
    hub.process_mut().kill();
    let moved = format!("* moved to {}", cove.address());
    assert!(
        wait::holds(LONG, || count(&moved) == 1),
        "{:?}",
        zoe.lines()
    );
    assert_eq!(count("moved"), 1);
}

/// A server and another one, to which Ann may move, and Bob there.
fn frozen(fixture: &Fixture, cove: Server, hub: Server, bound: Duration) {
    let mut hub = hub;
    let mut bob = fixture.client(BOB, "bob", cove.address()).start().unwrap();
    bob.wait_welcome().unwrap();
    join(&mut bob);
    let ann = fixture.client(ANN, "ann", hub.address());
    // Longer than a busy machine holds up a server that is not frozen.
    let ann = ann.or_server(cove.address()).arg("--server-timeout=10");
    let mut ann = ann.start().unwrap();
    ann.wait_welcome().unwrap();
    join(&mut ann);
    hub.process_mut().suspend();
    let moves = || ann.events().iter().any(|it| is(it, "moved"));
    assert!(wait::holds(bound, moves), "{:#?}", ann.events());
    let is_silent = |it: &Value| {
        let reason = it["reason"].as_str().unwrap_or_default();
        is(it, "disconnected") && reason.contains("does not answer")
    };
    ann.wait_event(is_silent).unwrap();
    let is_back = || ann.events().iter().filter(|it| is(it, "channel")).count() == 2;
    assert!(wait::holds(LONG, is_back), "{:#?}", ann.events());
    let hosts = cove.state().unwrap().host_ids();
    assert!(hosts.contains(&ANN), "{hosts:?}");
    // The server forgets her when it runs again.
    hub.process_mut().resume();
    let is_gone = || {
        let state = hub.state().unwrap();
        let host = state.host(ANN);
        host.is_none_or(|_| cove.state().unwrap().host_ids().contains(&1))
    };
    assert!(wait::holds(LONG, is_gone));
    ann.command("/msg 102 here I am").unwrap();
    bob.wait_event(|it| is(it, "chat") && it["text"] == "here I am" && it["from"] == ANN)
        .unwrap();
    let events = ann.events();
    assert_eq!(events.iter().filter(|it| is(it, "moved")).count(), 1);
}

#[test]
fn a_client_leaves_a_server_that_is_frozen() {
    let fixture = Fixture::new().unwrap();
    let hub = fixture.server(1, "hub").start().unwrap();
    let cove = fixture.server(2, "cove").start().unwrap();
    frozen(&fixture, cove, hub, LONG);
}

#[test]
#[ignore = "takes a minute, since the keepalive timeout between servers is 45 s: \
            cargo test -p crc-e2e moves:: -- --ignored"]
fn a_client_gets_its_id_when_the_network_has_noticed_the_frozen_server() {
    let fixture = Fixture::new().unwrap();
    let hub = fixture.server(1, "hub").start().unwrap();
    let cove = fixture.server(2, "cove").uplink(hub.address());
    let cove = cove.start().unwrap();
    hub.wait_hosts(&[2]).unwrap();
    frozen(&fixture, cove, hub, Duration::from_secs(90));
}
