//! One server and two clients in memory, without a socket: a person, and a bot that
//! sends every chat back.
//!
//! `cargo run -p crc-core --example echo_bot`

use std::collections::VecDeque;

use crc_core::{
    Client, ClientCommand, ClientConfig, ClientNotice, Config, Effect, Endpoints, Event, LinkId,
    ListenerId, Machine, Origin, Outbox, Server, ServerNotice, Timestamp,
};
use crc_wire::{HostId, Name};

/// Bytes, or a new connection, on their way to a machine.
enum InFlight {
    /// The client with this index connects.
    Connect(usize),
    ToServer(usize, Vec<u8>),
    ToClient(usize, Vec<u8>),
}

/// A client, and the dial that it has asked for.
struct Host {
    client: Client,
    out: Outbox<ClientNotice>,
}

fn link(client: usize) -> LinkId {
    LinkId::new(u32::try_from(client).expect("two clients"), 0)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let id = HostId::new(1).ok_or("an id is not 0")?;
    let mut server = Server::new(Config::new(id, Name::new("reef")?));
    let mut server_out: Outbox<ServerNotice> = Outbox::new();
    let mut hosts = Vec::new();
    for (seed, name) in [(1, "ann"), (2, "echo")] {
        let config = ClientConfig::new("reef:33300".parse()?, name, "", seed);
        let client = Client::new(config)?;
        let out = Outbox::new();
        hosts.push(Host { client, out });
    }
    let mut network = VecDeque::new();
    let now = Timestamp::START;
    for index in 0..hosts.len() {
        let start = Event::Command(ClientCommand::Start);
        let Host { client, out } = &mut hosts[index];
        client.handle(now, start, out);
        carry_out(index, &mut hosts, now, &mut network);
    }
    let address = "127.0.0.1:1".parse()?;
    let endpoints = Endpoints {
        peer: address,
        local: address,
    };
    while let Some(next) = network.pop_front() {
        match next {
            InFlight::Connect(index) => {
                let origin = Origin::Accepted {
                    listener: ListenerId(0),
                };
                let link = link(index);
                let up = Event::LinkUp {
                    link,
                    origin,
                    endpoints,
                    security: None,
                };
                server.handle(now, up, &mut server_out);
            }
            InFlight::ToServer(index, bytes) => {
                let (link, bytes) = (link(index), &bytes[..]);
                server.handle(now, Event::Bytes { link, bytes }, &mut server_out);
            }
            InFlight::ToClient(index, bytes) => {
                let Host { client, out } = &mut hosts[index];
                let (link, bytes) = (link(index), &bytes[..]);
                client.handle(now, Event::Bytes { link, bytes }, out);
                carry_out(index, &mut hosts, now, &mut network);
            }
        }
        // What the server paces is due at its deadline; here no time has to pass.
        while let Some(deadline) = server.deadline().filter(|_| network.is_empty()) {
            if deadline.since(now) > std::time::Duration::from_millis(20) {
                break;
            }
            server.handle(deadline, Event::Tick, &mut server_out);
        }
        for effect in server_out.take_effects() {
            if let Effect::Send { link, range } = effect {
                let bytes = server_out.bytes(range).to_vec();
                network.push_back(InFlight::ToClient(link.slot(), bytes));
            }
        }
        server_out.reset();
    }
    Ok(())
}

/// Does what a client has asked for: connects it, sends its bytes, and reacts to what it
/// notices.
#[expect(clippy::print_stdout, reason = "an example prints its results")]
fn carry_out(index: usize, hosts: &mut [Host], now: Timestamp, network: &mut VecDeque<InFlight>) {
    let Host { client, out } = &mut hosts[index];
    loop {
        let effects = out.take_effects();
        if effects.is_empty() {
            break;
        }
        let mut events = Vec::new();
        for effect in effects {
            match effect {
                Effect::Dial { dial, .. } => {
                    network.push_back(InFlight::Connect(index));
                    let address = ([127, 0, 0, 1], 33_300).into();
                    events.push(Event::LinkUp {
                        link: link(index),
                        origin: Origin::Dialed { dial },
                        endpoints: Endpoints {
                            peer: address,
                            local: address,
                        },
                        security: None,
                    });
                }
                Effect::Send { range, .. } => {
                    let bytes = out.bytes(range).to_vec();
                    network.push_back(InFlight::ToServer(index, bytes));
                }
                Effect::Notice(ClientNotice::Joined { id, name, .. }) if index == 0 => {
                    println!("ann: {name} is here");
                    let text = "hello".to_owned();
                    events.push(Event::Command(ClientCommand::SendChat { to: id, text }));
                }
                Effect::Notice(ClientNotice::Chat { from, text, .. }) if index == 0 => {
                    println!("ann: {from} sent {text:?}");
                }
                Effect::Notice(ClientNotice::Chat { from, text, .. }) => {
                    println!("echo: sends {text:?} back");
                    events.push(Event::Command(ClientCommand::SendChat { to: from, text }));
                }
                _ => {}
            }
        }
        out.reset();
        for event in events {
            client.handle(now, event, out);
        }
    }
}
