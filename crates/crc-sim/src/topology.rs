//! The nodes of a run and their configurations, drawn from the seed.

use core::time::Duration;

use crc_core::{ClientConfig, Config, Random};
use crc_wire::{HostId, Info, Name};

use crate::foreign::{ForeignNode, Habits, Hostile, V1Client, V1Server};
use crate::node::{NodeConfig, address};
use crate::options::{Options, Shape};
use crc_netem::{Draw, mix};

fn id(id: u32) -> HostId {
    HostId::new(id).expect("ids here are not 0")
}

/// The nodes in their order: servers, v1 servers, clients, v1 clients, hostile nodes,
/// people, and those that only hostile runs have.
pub(crate) fn draw(seed: u64, options: &Options) -> Vec<NodeConfig> {
    let mut random = Random::new(seed ^ 0x6269_7274_6873);
    let random = &mut random;
    let servers = options.servers as usize;
    let v1_servers = options.v1_servers as usize;
    // Ids in no order, so that the order of ranks is not that of starting.
    let mut ids: Vec<u32> = (1..=options.servers + options.v1_servers).collect();
    for last in (1..ids.len()).rev() {
        ids.swap(last, random.index(last + 1));
    }
    if options.server_ids_collide && servers > 2 {
        ids[servers - 1] = ids[random.index(servers - 1)];
    }
    let mut nodes = Vec::new();
    for (node, &number) in ids.iter().enumerate().take(servers) {
        let config = server(node, id(number), options, random);
        nodes.push(NodeConfig::Server(Box::new(config)));
    }
    for number in 0..v1_servers {
        let habits = Habits {
            reads_max: random.one_of(&[1024, 2048, 4096]),
            hop: random.one_of(&[0, 1, 2]),
            echoes_servers: random.chance(30),
            echoes_quits: random.chance(40),
            loses_statuses: random.chance(40),
        };
        let uplink = random.chance(50).then(|| random.index(servers));
        let v1 = V1Server::new(id(ids[servers + number]), habits, uplink);
        nodes.push(NodeConfig::Foreign(Box::new(ForeignNode::V1Server(v1))));
    }
    let clients_seed = random.next_u64();
    for number in 0..options.clients {
        let server = random.index(servers);
        // People have names that are not ASCII, and some of them the same one.
        let name = match number % 4 {
            1 if options.people => format!("К\u{43b}иент{number}"),
            2 if options.people => "Zoë".to_owned(),
            _ => format!("client{number}"),
        };
        let client_seed = mix(clients_seed, number.into());
        let mut config = ClientConfig::new(
            address(server).into(),
            &name,
            &format!("no. {number}"),
            client_seed,
        );
        if options.client_ids_collide {
            match random.below(3) {
                // These draw the same ids again and again.
                0 => config.seed = clients_seed ^ random.below(2),
                1 => config.id = Some(id(1000 + u32::try_from(random.below(3)).unwrap_or(0))),
                _ => {}
            }
        } else if random.chance(30) {
            config.id = Some(id(1000 + number));
        }
        nodes.push(NodeConfig::Client(Box::new(config)));
    }
    if options.moves {
        name_other_servers(seed, servers, &mut nodes);
    }
    for number in 0..options.v1_clients {
        let server = random.index(servers);
        let number = if options.client_ids_collide {
            number % 2
        } else {
            500 + number
        };
        let client = V1Client::new(id(1000 + number), server);
        nodes.push(NodeConfig::Foreign(Box::new(ForeignNode::V1Client(client))));
    }
    for _ in 0..options.hostiles {
        let mut taken = ids.clone();
        taken.extend(1000..1004);
        let hostile = Hostile::new(servers, taken);
        nodes.push(NodeConfig::Foreign(Box::new(ForeignNode::Hostile(hostile))));
    }
    if options.people {
        crate::people::add(seed, options, &mut nodes);
    }
    crate::hostile::add_nodes(seed, options, &mut nodes);
    crate::secrets::configure(seed, options, &mut nodes);
    crate::operators::configure(seed, options, &mut nodes);
    nodes
}

/// Lets most clients know one or two servers besides their first one.
fn name_other_servers(seed: u64, servers: usize, nodes: &mut [NodeConfig]) {
    let mut random = Random::new(seed ^ 0x6f74_6865_7273);
    for node in nodes {
        let NodeConfig::Client(config) = node else {
            continue;
        };
        for _ in 0..random.below(3) {
            let other = address(random.index(servers)).into();
            if !config.servers.contains(&other) {
                config.servers.push(other);
            }
        }
    }
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
    let all = (options.servers + options.v1_servers) as usize;
    if options.shape == Shape::Mesh && node != 0 {
        for _ in 0..random.below(3) {
            let other = random.index(all);
            if other != node {
                config.connect.push(address(other).into());
            }
        }
    } else if node != 0 && options.v1_servers > 0 && random.chance(20) {
        let other = options.servers as usize;
        config.connect.push(address(other).into());
    }
    if options.ranks && options.shape != Shape::Mesh {
        // The servers that it links to have lower ranks.
        config.rank = u32::try_from(node).ok();
    }
    config.limits.client_queue_bytes_max = options.client_queue;
    config.limits.server_queue_bytes_max = options.server_queue;
    config.limits.work_slice = options.work_slice;
    config.limits.registration_time_max = Duration::from_secs(10);
    config
}
