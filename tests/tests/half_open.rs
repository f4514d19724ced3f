//! Connections whose ends disagree: half-open ones, and servers that freeze.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use crc_e2e::fixture::wait::{self, LONG};
use crc_e2e::fixture::{ANN, BOB, Server, WatchedServer};

/// A proxy that can close the connection to one end only.
struct Proxy {
    address: SocketAddr,
    ends: Receiver<(TcpStream, TcpStream)>,
}

impl Proxy {
    fn start(server: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, ends) = channel();
        thread::spawn(move || {
            for near in listener.incoming() {
                let (near, far) = (near.unwrap(), TcpStream::connect(server).unwrap());
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    thread::spawn(move || forward(from, to));
                }
                if sender.send((near, far)).is_err() {
                    return;
                }
            }
        });
        Proxy { address, ends }
    }
}

/// Forwards bytes, but not the end of the stream.
fn forward(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
}

#[test]
fn a_v2_client_gets_its_id_back_from_a_half_open_connection() {
    let mut watched = WatchedServer::start(&[]);
    let proxy = Proxy::start(watched.address());
    let client = watched
        .fixture
        .client(103, "cut", proxy.address)
        .start()
        .unwrap();
    client.wait_welcome().unwrap();
    let (near, far) = proxy.ends.recv_timeout(LONG).unwrap();
    // The client sees the end of the connection, the server does not.
    near.shutdown(Shutdown::Both).unwrap();
    client.wait_view(|view| view.disconnections >= 1).unwrap();
    let (second_near, _) = proxy.ends.recv_timeout(LONG).unwrap();
    let refused = || watched.state().counter("registrations_refused") >= 1;
    assert!(wait::holds(LONG, refused));
    // The server has refused and closed the second connection.
    second_near.shutdown(Shutdown::Both).unwrap();
    assert_eq!(
        watched.state().host_ids(),
        [ANN, BOB, 103],
        "a refusal changes nothing"
    );
    // Now the server sees the end of the first connection too.
    far.shutdown(Shutdown::Both).unwrap();
    client.wait_welcome().unwrap();
    let state = watched.server.wait_hosts(&[ANN, BOB, 103]).unwrap();
    assert_eq!(state.host(103).unwrap().name, "cut");
    watched.assert_chatting();
}

#[test]
#[ignore = "takes a minute, since the keepalive timeout is 45 s: \
            cargo test -p crc-e2e half_open:: -- --ignored"]
fn a_frozen_server_times_out_and_links_again() {
    let mut watched = WatchedServer::start(&[]);
    let frozen = watched
        .fixture
        .server(2, "frozen")
        .uplink(watched.address());
    let mut frozen = frozen.start().unwrap();
    frozen.wait_hosts(&[1, ANN, BOB]).unwrap();
    watched.server.wait_hosts(&[2, ANN, BOB]).unwrap();
    frozen.process_mut().suspend();
    let gone = || watched.state().host(2).is_none();
    assert!(wait::holds(Duration::from_secs(90), gone));
    watched.assert_chatting();
    frozen.process_mut().resume();
    assert!(wait::holds(Duration::from_secs(60), || {
        let known = |server: &Server| server.state().unwrap().host_ids();
        known(&frozen) == [1, ANN, BOB] && known(&watched.server) == [2, ANN, BOB]
    }));
    watched.assert_chatting();
}
