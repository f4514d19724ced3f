//! v1 nodes: they write no newlines, and take each read for one message.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use crate::fixture::{Event, Peer, Process, TIMEOUT};

/// Reads once.
fn read(stream: &mut TcpStream) -> String {
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    let mut buffer = [0; 1024];
    let count = stream.read(&mut buffer).unwrap();
    String::from_utf8(buffer[..count].to_vec()).unwrap()
}

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[test]
fn a_v1_peer_joins_the_mesh() {
    let server = Process::serve(&[]);
    let mut early = Peer::join(server.address, &[]);
    early.wait(|peer| peer.list.len() == 1);

    let (listener, own) = listen();
    let mut directory = TcpStream::connect(server.address).unwrap();
    directory.write_all(own.to_string().as_bytes()).unwrap();
    let first = early.address();
    assert_eq!(read(&mut directory), format!("list:\n{first}\n{own}\n"));
    let (mut from_early, _) = listener.accept().unwrap();
    assert_eq!(read(&mut from_early), format!("Hello from:{first}\n"));
    early.wait(|peer| peer.up.contains(&own));

    let mut late = Peer::join(server.address, &[]);
    let last = late.address();
    let all = format!("list:\n{first}\n{own}\n{last}\n");
    assert_eq!(read(&mut directory), all);
    let mut to_late = TcpStream::connect(last).unwrap();
    let hello = format!("Hello from:{own}");
    to_late.write_all(hello.as_bytes()).unwrap();
    late.wait(|peer| peer.up.contains(&own) && peer.up.contains(&first));
    late.process.write("Hello yourself\n");
    assert_eq!(read(&mut to_late), "Hello yourself\n");

    drop(listener);
    drop(directory);
    drop(from_early);
    early.wait(|peer| !peer.up.contains(&own) && peer.list == [first, last]);
}

#[test]
fn an_address_without_a_newline_ends_after_a_pause() {
    // Nothing marks the end of a port of less than five digits.
    let server = Process::serve(&[]);
    let mut watcher = Peer::join(server.address, &[]);
    watcher.wait(|peer| peer.list.len() == 1);
    let mut directory = TcpStream::connect(server.address).unwrap();
    directory.set_nodelay(true).unwrap();
    directory.write_all(b"127.0.0.1:1").unwrap();
    let one = "127.0.0.1:1".parse().unwrap();
    watcher.wait(|peer| peer.list.contains(&one));
    directory.write_all(b"2\n").unwrap();
    let twelve = "127.0.0.1:12".parse().unwrap();
    watcher.wait(|peer| peer.list.len() == 2 && peer.list.contains(&twelve));
}

#[test]
fn a_v1_directory_is_understood() {
    let (server, address) = listen();
    let (other, behind) = listen();
    let mut peer = Peer::join(address, &[]);
    let (mut directory, _) = server.accept().unwrap();
    directory.set_nodelay(true).unwrap();
    let own = peer.address();
    assert_eq!(read(&mut directory), format!("{own}\n"));
    // Two lists at once, cut in the middle of the second.
    let lists = format!("list:\n{own}list:\n{own}\n{behind}");
    let (before, after) = lists.split_at(lists.len() - 2);
    directory.write_all(before.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(20));
    directory.write_all(after.as_bytes()).unwrap();
    let (mut link, _) = other.accept().unwrap();
    assert_eq!(read(&mut link), format!("Hello from:{own}\n"));
    peer.wait(|peer| peer.list == [own, behind] && peer.up.contains(&behind));
    drop(directory);
    assert_eq!(peer.finish().0, Some(0));
    let end = Event::Away { retry_in_ms: None };
    assert_eq!(peer.events.last(), Some(&end));
}
