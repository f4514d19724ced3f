//! Who is in a network: the settings of every node, drawn from the seed.

use core::time::Duration;

use crc_core::{ClientConfig, Config, Random};
use crc_wire::{HostId, Info, Name};

use crate::node::{Birth, address};
use crate::options::{Options, Shape};
use crate::raw::{Hostile, OriginalClient, OriginalServer, Raw};
use crc_netem::{Draw, mix};

fn id(id: u32) -> HostId {
    HostId::new(id).expect("ids here are not 0")
}

/// The nodes in their order: servers, original servers, clients, original
/// clients, malicious ones.
pub(crate) fn births(seed: u64, options: &Options) -> Vec<Birth> {
    let mut random = Random::new(seed ^ 0x6269_7274_6873);
    let random = &mut random;
    let servers = options.servers as usize;
    let originals = options.original_servers as usize;
    // Ids in no order, so that the order of ranks is not that of birth.
    let mut ids: Vec<u32> = (1..=options.servers + options.original_servers).collect();
    for last in (1..ids.len()).rev() {
        ids.swap(last, random.index(last + 1));
    }
    if options.server_ids_collide && servers > 2 {
        ids[servers - 1] = ids[random.index(servers - 1)];
    }
    let mut births = Vec::new();
    for (node, &number) in ids.iter().enumerate().take(servers) {
        let config = server(node, id(number), options, random);
        births.push(Birth::Server(Box::new(config)));
    }
    for number in 0..originals {
        let habits = crate::raw::Habits {
            reads_max: random.one_of(&[1024, 2048, 4096]),
            hop: random.one_of(&[0, 1, 2]),
            echoes_servers: random.chance(30),
            echoes_quits: random.chance(40),
            loses_statuses: random.chance(40),
        };
        let uplink = random.chance(50).then(|| random.index(servers));
        let original = OriginalServer::new(id(ids[servers + number]), habits, uplink);
        births.push(Birth::Raw(Box::new(Raw::Server(original))));
    }
    let clients_seed = random.next_u64();
    for number in 0..options.clients {
        let server = random.index(servers);
        let name = format!("client{number}");
        let client_seed = mix(clients_seed, number.into());
        let mut config = ClientConfig::new(
            address(server).into(),
            &name,
            &format!("no. {number}"),
            client_seed,
        );
        if options.client_ids_collide {
            match random.below(3) {
                // The same ids will be drawn again and again.
                0 => config.seed = clients_seed ^ random.below(2),
                1 => config.id = Some(id(1000 + u32::try_from(random.below(3)).unwrap_or(0))),
                _ => {}
            }
        } else if random.chance(30) {
            config.id = Some(id(1000 + number));
        }
        births.push(Birth::Client(Box::new(config)));
    }
    for number in 0..options.original_clients {
        let server = random.index(servers);
        let number = if options.client_ids_collide {
            number % 2
        } else {
            500 + number
        };
        let client = OriginalClient::new(id(1000 + number), server);
        births.push(Birth::Raw(Box::new(Raw::Client(client))));
    }
    for _ in 0..options.hostiles {
        let mut theirs = ids.clone();
        theirs.extend(1000..1004);
        let hostile = Hostile::new(servers, theirs);
        births.push(Birth::Raw(Box::new(Raw::Hostile(hostile))));
    }
    births
}

fn server(node: usize, id: HostId, options: &Options, random: &mut Random) -> Config {
    let name = Name::new(format!("server{node}")).expect("a short name");
    let mut config = Config::new(id, name);
    config.info = Info::new(format!("no. {node}")).expect("a short info");
    let parent = match options.shape {
        _ if node == 0 => None,
        Shape::Line => Some(node - 1),
        Shape::Star => Some(0),
        Shape::Tree | Shape::Mesh => Some(random.index(node)),
    };
    config
        .connect
        .extend(parent.map(|parent| address(parent).into()));
    let all = (options.servers + options.original_servers) as usize;
    if options.shape == Shape::Mesh && node != 0 {
        for _ in 0..random.below(3) {
            let other = random.index(all);
            if other != node {
                config.connect.push(address(other).into());
            }
        }
    } else if node != 0 && options.original_servers > 0 && random.chance(20) {
        let other = options.servers as usize;
        config.connect.push(address(other).into());
    }
    if options.ranks && options.shape != Shape::Mesh {
        // Those that it links to have lower ranks.
        config.rank = u32::try_from(node).ok();
    }
    config.limits.client_queue_bytes_max = options.client_queue;
    config.limits.server_queue_bytes_max = options.server_queue;
    config.limits.registration_time_max = Duration::from_secs(10);
    config
}
