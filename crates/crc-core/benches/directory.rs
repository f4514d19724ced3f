//! What a directory costs that is small or large: a look-up, as a relayed chat
//! makes it, and the memory of a host.
//!
//! Run with `cargo bench -p crc-core --bench directory`. Items are look-ups; the
//! memory of `build` is under "max alloc", to be divided by the number of hosts.
//! Beside the look-ups, what the same number of reads costs in a plain array of
//! the same size, in the same order: the memory's share, which no table can save.

use std::net::{Ipv4Addr, SocketAddr};

use crc_core::{
    Config, Endpoints, Event, LinkId, ListenerId, Machine, Origin, Outbox, Random, Server,
    ServerNotice, Timestamp,
};
use crc_wire::{HostId, Info, Message, Name, Registration};
use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher, black_box};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

const SIZES: [u32; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// Look-ups of one sample.
const LOOKUPS: usize = 10_000;
/// How long name and info of every host are, together.
const TEXT_BYTES: usize = 16;

fn id(number: u32) -> HostId {
    // Spread as ids are that clients choose by chance.
    HostId::new(number.wrapping_mul(2_654_435_761) | 1).expect("odd")
}

/// A server that was told of so many clients by one neighbour.
fn server(hosts: u32) -> Server {
    let mut config = Config::new(
        HostId::new(2).expect("even"),
        Name::new("bench").expect("short"),
    );
    config.limits.hosts_max = usize::MAX;
    let mut server = Server::new(config);
    let mut out: Outbox<ServerNotice> = Outbox::new();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let link = LinkId::new(0, 1);
    let up = Event::LinkUp {
        link,
        origin: Origin::Accepted {
            listener: ListenerId(0),
        },
        endpoints: Endpoints {
            peer: address,
            local: address,
        },
        security: None,
    };
    server.handle(Timestamp::START, up, &mut out);
    let mut tell = |bytes: &mut Vec<u8>| {
        let event = Event::Bytes { link, bytes };
        server.handle(Timestamp::START, event, &mut out);
        out.reset();
        bytes.clear();
    };
    let neighbour = HostId::new(4).expect("even");
    let mut bytes = Vec::new();
    for info in ["", " [crc2;f=server-quit]"] {
        Message::ServerRegistration(Registration {
            source: neighbour,
            last_hop: None,
            name: Name::new("neighbour").expect("short"),
            info: Info::new(info).expect("short"),
        })
        .encode(&mut bytes);
    }
    for number in 0..hosts {
        Message::ClientRegistration(Registration {
            source: id(number),
            last_hop: Some(neighbour),
            name: Name::new(format!("c{number:07}")).expect("short"),
            info: Info::new("12345678").expect("short"),
        })
        .encode(&mut bytes);
        if bytes.len() > 8 * 1024 {
            tell(&mut bytes);
        }
    }
    tell(&mut bytes);
    assert_eq!(
        server.snapshot().directory().len(),
        usize::try_from(hosts).expect("u32 fits") + 1
    );
    server
}

/// Numbers below `hosts`, by chance.
fn order(hosts: u32) -> Vec<u32> {
    let mut random = Random::new(7);
    let draw = || u32::try_from(random.below(hosts.into())).expect("below a u32");
    core::iter::repeat_with(draw).take(LOOKUPS).collect()
}

#[divan::bench(args = SIZES)]
fn look_up(bencher: Bencher<'_, '_>, hosts: u32) {
    let server = server(hosts);
    let ids: Vec<_> = order(hosts).into_iter().map(id).collect();
    bencher.counter(ItemsCount::new(LOOKUPS)).bench_local(|| {
        let directory = server.snapshot().directory();
        for id in &ids {
            black_box(directory.route(black_box(*id)));
        }
    });
}

/// The whole host, with name and info.
#[divan::bench(args = SIZES)]
fn look_up_host(bencher: Bencher<'_, '_>, hosts: u32) {
    let server = server(hosts);
    let ids: Vec<_> = order(hosts).into_iter().map(id).collect();
    bencher.counter(ItemsCount::new(LOOKUPS)).bench_local(|| {
        let directory = server.snapshot().directory();
        for id in &ids {
            let host = directory.find(black_box(*id));
            black_box(host.map(crc_core::Host::name));
        }
    });
}

/// One cache line for each host: what must be read at the least where rows are
/// larger than what is kept near the processor.
#[repr(align(64))]
#[derive(Clone)]
struct Line([u8; 64]);

#[divan::bench(args = SIZES)]
fn array(bencher: Bencher<'_, '_>, hosts: u32) {
    let lines = vec![Line([1; 64]); usize::try_from(hosts).expect("u32 fits")];
    let order = order(hosts);
    bencher.counter(ItemsCount::new(LOOKUPS)).bench_local(|| {
        for number in &order {
            let number = usize::try_from(black_box(*number)).expect("u32 fits");
            black_box(lines[number].0[0]);
        }
    });
}

#[divan::bench(args = SIZES, sample_count = 1, sample_size = 1)]
fn build(bencher: Bencher<'_, '_>, hosts: u32) {
    let text = TEXT_BYTES * usize::try_from(hosts).expect("u32 fits");
    bencher
        .counter(divan::counter::BytesCount::new(text))
        .bench_local(|| server(black_box(hosts)));
}
