//! What the core needs to pass on what users of IRC say, without any socket.
//!
//! Run with `cargo bench -p crc-core --bench irc`. Items are messages that come in.

use std::net::{Ipv4Addr, SocketAddr};

use crc_core::{
    Config, Endpoints, Event, LinkId, ListenerId, Machine, Origin, Outbox, Server, ServerNotice,
    TextProtocol, Timestamp,
};
use crc_wire::{HostId, Name};
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

/// What the driver hands over at once.
const EVENT_BYTES: usize = 16 * 1024;

fn link(number: u32) -> LinkId {
    LinkId::new(number, 1)
}

fn hear(server: &mut Server, number: u32, bytes: &[u8], out: &mut Outbox<ServerNotice>) {
    let link = link(number);
    server.handle(Timestamp::START, Event::Bytes { link, bytes }, out);
}

/// A server with that many users, whose lines are not counted. All have enabled these capabilities,
/// and are in the channel, if there is one.
fn server(users: u32, capabilities: &str, channel: Option<&str>) -> (Server, Outbox<ServerNotice>) {
    let id = HostId::new(1).expect("not 0");
    let mut config = Config::new(id, Name::new("bench").expect("short"));
    config.text_listeners = vec![(ListenerId(1), TextProtocol::Irc)];
    config.limits.irc_lines_per_second = 0;
    // All that comes at once is handled at once.
    config.limits.work_slice = u64::MAX / 4;
    let (mut server, mut out) = (Server::new(config), Outbox::new());
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    for number in 0..users {
        let listener = ListenerId(1);
        let up = Event::LinkUp {
            link: link(number),
            origin: Origin::Accepted { listener },
            endpoints: Endpoints {
                peer: address,
                local: address,
            },
            security: None,
        };
        server.handle(Timestamp::START, up, &mut out);
        let hello = format!(
            "CAP REQ :{capabilities}\r\nNICK user{number}\r\nUSER u 0 * :User\r\nCAP END\r\n"
        );
        let join = channel.map_or(String::new(), |name| format!("JOIN {name}\r\n"));
        let hello = hello + &join;
        hear(&mut server, number, hello.as_bytes(), &mut out);
        out.reset();
    }
    (server, out)
}

fn say(bencher: Bencher<'_, '_>, users: u32, capabilities: &str, target: &str) {
    let channel = Some(target).filter(|target| target.starts_with('#'));
    let (mut server, mut out) = server(users, capabilities, channel);
    let line = format!("PRIVMSG {target} :{}\r\n", "x".repeat(64));
    let count = EVENT_BYTES / line.len();
    let lines = line.repeat(count);
    bencher
        .counter(ItemsCount::new(count))
        .counter(BytesCount::new(lines.len()))
        .bench_local(|| {
            hear(&mut server, 0, black_box(lines.as_bytes()), &mut out);
            black_box(out.effects());
            out.reset();
        });
}

/// To one of that many users.
#[divan::bench(args = [2, 100, 10_000])]
fn to_a_nick(bencher: Bencher<'_, '_>, users: u32) {
    say(bencher, users, "", "user1");
}

/// To a channel with that many members.
#[divan::bench(args = [2, 100, 1000])]
fn to_a_channel(bencher: Bencher<'_, '_>, users: u32) {
    say(bencher, users, "", "#reef");
}

/// What clients that people have enable. With the time each reader gets a tag, with an echo each
/// message is sent twice, and with message-tags each has an id, which is remembered.
const CAPABILITIES: [&str; 3] = [
    "server-time",
    "server-time echo-message",
    "server-time echo-message message-tags",
];

/// To one of two users with capabilities.
#[divan::bench(args = CAPABILITIES)]
fn to_a_nick_with(bencher: Bencher<'_, '_>, capabilities: &str) {
    say(bencher, 2, capabilities, "user1");
}

/// To a channel with 100 members with capabilities.
#[divan::bench(args = CAPABILITIES)]
fn to_a_channel_with(bencher: Bencher<'_, '_>, capabilities: &str) {
    say(bencher, 100, capabilities, "#reef");
}
