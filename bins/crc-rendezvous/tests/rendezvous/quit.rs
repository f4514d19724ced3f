//! Ends of directories and peers, and their exit codes.

use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::fixture::{Event, Peer, Process, command, wait_meshed};

#[test]
fn a_signal_stops_gracefully() {
    let server = Process::serve(&[]);
    let mut peers = vec![
        Peer::join(server.address, &[]),
        Peer::join(server.address, &[]),
    ];
    wait_meshed(&mut peers);
    peers[0].process.terminate();
    assert_eq!(peers[0].finish(), (Some(0), String::new()));
    let gone = Event::Lost {
        peer: peers[0].address(),
    };
    peers[1].wait(|peer| peer.events.contains(&gone) && peer.list.len() == 1);
    server.terminate();
    assert_eq!(peers[1].finish().0, Some(0));
    assert!(peers[1].events.contains(&Event::Teardown));
    assert_eq!(server.finish().0, Some(0));
}

const NOT_SENT: &str = "crc-rendezvous: some lines were not sent\n";

/// A peer gets two lines and the end of its input before it knows another peer. Returns whether it
/// has sent them; `false` only if it had to wait for the mesh for longer than lines do.
fn sends_a_batch() -> bool {
    // How long lines wait for the mesh.
    const WAIT_MAX: Duration = Duration::from_secs(2);
    let server = Process::serve(&[]);
    let mut listener = Peer::join(server.address, &[]);
    listener.wait(|peer| peer.list.len() == 1);
    let began = Instant::now();
    let mut script = Peer::join(server.address, &[]);
    script.process.write("one\ntwo\n");
    script.process.end_input();
    let ended = script.finish();
    if ended == (Some(1), NOT_SENT.to_owned()) && began.elapsed() >= WAIT_MAX {
        return false;
    }
    assert_eq!(ended, (Some(0), String::new()));
    listener.wait(|peer| peer.texts.len() == 2);
    let texts: Vec<_> = listener.texts.iter().map(|(_, text)| &**text).collect();
    assert_eq!(texts, ["one", "two"]);
    true
}

#[test]
fn a_batch_is_sent_before_the_peer_leaves() {
    // A machine so busy that the mesh takes two seconds shows nothing, but is not so each time.
    assert!((0..10).any(|_| sends_a_batch()));

    // Without other peers, the lines are reported as not sent.
    let server = Process::serve(&[]);
    let mut alone = Peer::join(server.address, &[]);
    alone.process.write("anybody?\n");
    alone.process.end_input();
    let (code, errors) = alone.finish();
    assert_eq!(code, Some(1));
    assert_eq!(errors, NOT_SENT);
}

#[test]
fn a_peer_without_input_keeps_running() {
    let server = Process::serve(&[]);
    let address = server.address.to_string();
    let join = ["join", "--server", &address];
    let mut quiet = Process::start_with_input(&join, Stdio::null());
    assert_eq!(quiet.line(), format!("* registered as {}", quiet.address));
    assert_eq!(quiet.line(), "* 1 peer is on the list");
    let other = Process::start(&join);
    assert_eq!(quiet.line(), "* 2 peers are on the list");
    assert_eq!(quiet.line(), format!("* connected to {}", other.address));
    assert!(quiet.is_running());
    server.kill();
    // The peer stops without an error when it loses the directory.
    assert_eq!(quiet.finish().0, Some(0));
    assert_eq!(other.finish().0, Some(0));
}

#[track_caller]
fn check_failure(args: &[&str], code: i32, sentence: &str) {
    let output = command(args).stdin(Stdio::null()).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{errors}");
    assert!(errors.contains(sentence), "{errors}");
    assert!(code == 2 || errors.lines().count() == 1, "{errors}");
}

#[test]
fn failures_name_their_cause() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let is_taken = format!("cannot listen: {address} is already in use");
    check_failure(&["serve", "--listen", &address], 1, &is_taken);
    let join = ["join", "--listen", &address];
    check_failure(&join, 1, &is_taken);
    // A bound socket that does not listen keeps the port.
    let holder = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    holder.bind(&any.into()).unwrap();
    let address = holder.local_addr().unwrap().as_socket().unwrap();
    let address = address.to_string();
    let join = ["join", "--server", &address];
    check_failure(
        &join,
        1,
        "cannot connect to the directory: connection refused",
    );
    check_failure(&["join", "--server", "nowhere"], 2, "looks like HOST:PORT");
    check_failure(&["serve", "--max-peers", "0"], 2, "--max-peers");

    let server = Process::serve(&["--list-max", "1"]);
    let mut first = Peer::join(server.address, &[]);
    first.wait(|peer| peer.list.len() == 1);
    let address = server.address.to_string();
    let join = ["join", "--server", &address];
    check_failure(&join, 1, "the directory refused");
    assert!(server.kill().contains("the list is full with 1 peers"));
}
