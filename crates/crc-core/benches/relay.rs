//! What the core needs to relay a chat, without any socket: bytes in, the
//! outbox's bytes out. Beside it, a plain copy of the same bytes.
//!
//! Run with `cargo bench -p crc-core`. Items are messages.

use std::net::{Ipv4Addr, SocketAddr};

use crc_core::{
    Config, Endpoints, Event, LinkId, ListenerId, Machine, Origin, Outbox, Server, ServerNotice,
    Timestamp,
};
use crc_wire::{ClientChat, HostId, Info, Message, Name, Registration, Text};
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

const PAIRS: u32 = 64;
/// What the driver hands over at once.
const EVENT_BYTES: usize = 16 * 1024;

fn id(id: u32) -> HostId {
    HostId::new(id).expect("not 0")
}

fn client(number: u32) -> HostId {
    id(1000 + number)
}

fn link(number: u32) -> LinkId {
    LinkId::new(number, 1)
}

fn registration(number: u32, info: &'static str) -> Message<'static> {
    Message::ClientRegistration(Registration {
        source: client(number),
        last_hop: None,
        name: Name::new(format!("client{number}")).expect("short"),
        info: Info::new(info).expect("short"),
    })
}

/// A server with that many clients, who have all announced themselves.
fn server(clients: u32) -> (Server, Outbox<ServerNotice>) {
    let mut server = Server::new(Config::new(id(1), Name::new("bench").expect("short")));
    let mut out = Outbox::new();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    for number in 0..clients {
        let origin = Origin::Accepted {
            listener: ListenerId(0),
        };
        let endpoints = Endpoints {
            peer: address,
            local: address,
        };
        let up = Event::LinkUp {
            link: link(number),
            origin,
            endpoints,
            security: None,
        };
        server.handle(Timestamp::START, up, &mut out);
        let mut hello = registration(number, "bench").to_vec();
        registration(number, "bench [crc2;f=]").encode(&mut hello);
        let bytes = Event::Bytes {
            link: link(number),
            bytes: &hello,
        };
        server.handle(Timestamp::START, bytes, &mut out);
        out.reset();
    }
    (server, out)
}

fn chat(from: u32, to: u32, text_bytes: usize) -> Vec<u8> {
    let text = "x".repeat(text_bytes);
    Message::ClientChat(ClientChat {
        source: client(from),
        destination: Some(client(to)),
        text: Text::new(text).expect("short"),
    })
    .to_vec()
}

fn relay(bencher: Bencher<'_, '_>, turns: &[(LinkId, Vec<u8>)], chats: usize) {
    let (mut server, mut out) = server(2 * PAIRS);
    let bytes: usize = turns.iter().map(|(_, bytes)| bytes.len()).sum();
    bencher
        .counter(ItemsCount::new(chats))
        .counter(BytesCount::new(bytes))
        .bench_local(|| {
            for (link, bytes) in turns {
                let (link, bytes) = (*link, black_box(&bytes[..]));
                server.handle(Timestamp::START, Event::Bytes { link, bytes }, &mut out);
            }
            assert_eq!(out.arena_len(), bytes, "every chat is relayed");
            black_box(out.effects());
            out.reset();
        });
}

/// One pair, as many chats as one event brings.
#[divan::bench(args = [16, 64, 1024])]
fn stream(bencher: Bencher<'_, '_>, text_bytes: usize) {
    let chat = chat(0, 1, text_bytes);
    let count = EVENT_BYTES / chat.len();
    relay(bencher, &[(link(0), chat.repeat(count))], count);
}

/// One sender, each chat to another receiver.
#[divan::bench(args = [16, 64, 1024])]
fn scattered(bencher: Bencher<'_, '_>, text_bytes: usize) {
    let chats: Vec<_> = (1..2 * PAIRS).map(|to| chat(0, to, text_bytes)).collect();
    relay(bencher, &[(link(0), chats.concat())], chats.len());
}

/// Many pairs, each event brings one chat.
#[divan::bench(args = [16, 64, 1024])]
fn ping_pong(bencher: Bencher<'_, '_>, text_bytes: usize) {
    let turns: Vec<_> = (0..PAIRS)
        .map(|pair| (link(2 * pair), chat(2 * pair, 2 * pair + 1, text_bytes)))
        .collect();
    relay(bencher, &turns, turns.len());
}

/// The limit: the same bytes, copied and not looked at.
#[divan::bench(args = [16, 64, 1024])]
fn memcpy(bencher: Bencher<'_, '_>, text_bytes: usize) {
    let chat = chat(0, 1, text_bytes);
    let count = EVENT_BYTES / chat.len();
    let bytes = chat.repeat(count);
    let mut out: Vec<u8> = Vec::with_capacity(bytes.len());
    bencher
        .counter(ItemsCount::new(count))
        .counter(BytesCount::new(bytes.len()))
        .bench_local(|| {
            out.clear();
            out.extend_from_slice(black_box(&bytes));
            black_box(&out);
        });
}

/// A client joins a network of that many; every other client is told.
#[divan::bench(args = [10, 100, 1000])]
fn join(bencher: Bencher<'_, '_>, clients: u32) {
    bencher
        .counter(ItemsCount::new(2 * clients as usize))
        .with_inputs(|| server(clients))
        .bench_local_refs(|(server, out)| {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
            let endpoints = Endpoints {
                peer: address,
                local: address,
            };
            let origin = Origin::Accepted {
                listener: ListenerId(0),
            };
            let link = link(clients);
            let up = Event::LinkUp {
                link,
                origin,
                endpoints,
                security: None,
            };
            server.handle(Timestamp::START, up, out);
            let mut hello = registration(clients, "bench").to_vec();
            registration(clients, "bench [crc2;f=]").encode(&mut hello);
            let bytes = Event::Bytes {
                link,
                bytes: &hello,
            };
            server.handle(Timestamp::START, bytes, out);
            black_box(out.effects());
        });
}
