//! Three peers find each other with a directory and chat, in memory.
//!
//! `cargo run -p crc-rendezvous --example group_chat`
//!
//! `crc-netem` carries the bytes and keeps the clock. With `crc_net::Driver` the same
//! machines use sockets.

use std::net::SocketAddr;

use crc_machine::{Effect, Event, Machine, Outbox, Timestamp};
use crc_netem::{Conditions, HostOptions, LinkEvent, Step, TimedNet};
use crc_rendezvous::{
    Directory, DirectoryCommand, DirectoryConfig, Peer, PeerCommand, PeerConfig, PeerNotice, When,
};

const DIRECTORY: usize = 0;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory: SocketAddr = "10.0.0.1:33400".parse()?;
    let mut net: TimedNet<()> = TimedNet::new(7, Conditions::default());
    let host = net.add_host(HostOptions::new(directory));
    net.start(host);
    let mut directory_machine = Directory::new(DirectoryConfig::default());

    let mut peers = Vec::new();
    for number in 2..5_u8 {
        let address = SocketAddr::from(([10, 0, 0, number], 9000));
        let host = net.add_host(HostOptions::new(address));
        net.start(host);
        let mut peer = Peer::new(PeerConfig::new(directory.into(), number.into()));
        let start = PeerCommand::Start { address };
        handle_peer(&mut net, host, &mut peer, Event::Command(start));
        peers.push(peer);
    }

    // After a second the mesh is complete, and every peer sends a line.
    net.schedule(Timestamp::from_micros(1_000_000), ());
    while let Some(step) = net.poll(Timestamp::from_micros(5_000_000)) {
        let (host, event) = match step {
            Step::Link { host, event, .. } | Step::DialFailed { host, event } => {
                (host, Some(event))
            }
            Step::Wake { host } => (host, None),
            Step::Entry(()) => {
                for (index, peer) in peers.iter_mut().enumerate() {
                    let text = format!("Hello from peer {}!", index + 1);
                    let when = When::Now;
                    let command = PeerCommand::SendText { text, when };
                    handle_peer(&mut net, index + 1, peer, Event::Command(command));
                }
                continue;
            }
            Step::Stopped { .. } => continue,
        };
        if host == DIRECTORY {
            let event = event.as_ref().map_or(Event::Tick, LinkEvent::as_event);
            handle_directory(&mut net, &mut directory_machine, event);
        } else {
            let event = event.as_ref().map_or(Event::Tick, LinkEvent::as_event);
            handle_peer(&mut net, host, &mut peers[host - 1], event);
        }
    }
    assert!(peers.iter().all(Peer::is_complete));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "an example prints its results")]
fn handle_peer(
    net: &mut TimedNet<()>,
    host: usize,
    peer: &mut Peer,
    event: Event<'_, PeerCommand>,
) {
    let mut out = Outbox::new();
    peer.handle(net.clock(host), event, &mut out);
    for effect in out.take_effects() {
        if let Effect::Notice(PeerNotice::Text { peer: from, text }) = &effect {
            println!("peer {host} received from {from}: {text}");
        }
        net.apply(host, &effect, &out);
    }
    net.wake_at(host, peer.deadline());
}

fn handle_directory(
    net: &mut TimedNet<()>,
    directory: &mut Directory,
    event: Event<'_, DirectoryCommand>,
) {
    let mut out = Outbox::new();
    directory.handle(net.clock(DIRECTORY), event, &mut out);
    for effect in out.take_effects() {
        net.apply(DIRECTORY, &effect, &out);
    }
    net.wake_at(DIRECTORY, directory.deadline());
}
