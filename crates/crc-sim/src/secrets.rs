//! Runs in which servers prove the secrets of their links: the secrets, and what liars overhear.
//!
//! Hostile servers are liars in such runs: they hold no secret, and may never be linked. They
//! replay every proof that they overhear.

use crc_core::{LinkConfig, LinkDirection, Random, Secret};
use crc_netem::{Draw, mix};
use crc_wire::Name;

use crate::foreign::ForeignNode;
use crate::node::{NodeConfig, address};
use crate::options::Options;
use crate::world::World;

/// How many proofs liars remember.
const OVERHEARD_MAX: usize = 50;

/// Gives servers the secrets of such a run.
pub(crate) fn configure(seed: u64, options: &Options, nodes: &mut [NodeConfig]) {
    if !options.auth {
        return;
    }
    let mut random = Random::new(mix(seed, 0x7365_6372_6574));
    let of_pairs = random.chance(50);
    let is_v1 = |node: &NodeConfig| match node {
        NodeConfig::Foreign(foreign) => matches!(**foreign, ForeignNode::V1Server(_)),
        _ => false,
    };
    let v1_servers = (0..nodes.len()).filter(|node| is_v1(&nodes[*node]));
    let v1_addresses = v1_servers.map(|node| format!("{}/32", address(node).ip()));
    let v1_addresses: Vec<String> = v1_addresses.collect();
    let is_liar = |node: &NodeConfig| match node {
        NodeConfig::Foreign(foreign) => matches!(**foreign, ForeignNode::HostileServer(_)),
        _ => false,
    };
    let liars = (0..nodes.len()).filter(|node| is_liar(&nodes[*node]));
    let liars: Vec<usize> = liars.collect();
    let servers = options.servers as usize;
    for (node, config) in nodes.iter_mut().enumerate() {
        let NodeConfig::Server(config) = config else {
            continue;
        };
        let v1_peers = v1_addresses.iter();
        config.v1_peers = v1_peers.map(|it| it.parse().expect("a network")).collect();
        config.links = match of_pairs {
            true => (0..servers)
                .filter(|other| *other != node)
                .map(|other| secret_of_pair(node, other))
                .collect(),
            false => vec![
                link(None, Some("the secret of the whole network")),
                // All v1 servers have one name.
                link(Some("original"), None),
            ],
        };
        // The address of a server may lead to a liar.
        if node != 0 && random.chance(30) && !liars.is_empty() {
            let liar = address(liars[random.index(liars.len())]);
            config.connect.push(liar.into());
            let entry = random.index(config.links.len());
            config.links[entry].address = Some(liar.into());
        }
    }
}

fn link(name: Option<&str>, secret: Option<&str>) -> LinkConfig {
    LinkConfig {
        name: name.map(|name| Name::truncated(name).into_owned()),
        address: None,
        secret: secret.map(|secret| Secret::new(secret).expect("long enough")),
        direction: LinkDirection::Both,
    }
}

fn secret_of_pair(node: usize, other: usize) -> LinkConfig {
    let (low, high) = (node.min(other), node.max(other));
    let secret = format!("the secret of {low} and {high}");
    link(Some(&format!("server{other}")), Some(&secret))
}

/// The key of a server's nonces in one of its lives.
pub(crate) fn nonce_key(fresh_seed: u64) -> [u8; 32] {
    let mut random = Random::new(mix(fresh_seed, 0x006e_6f6e_6365));
    let mut key = [0; 32];
    for part in key.chunks_exact_mut(8) {
        part.copy_from_slice(&random.next_u64().to_be_bytes());
    }
    key
}

impl World {
    /// A server sends bytes: liars remember proofs.
    pub(crate) fn overhear(&mut self, bytes: &[u8]) {
        let is_proof = |bytes: &[u8]| bytes.windows(3).any(|it| it == b";p=");
        if self.network.options.auth
            && self.overheard.len() < OVERHEARD_MAX
            && bytes.len() < 1024
            && is_proof(bytes)
        {
            self.overheard.push(bytes.to_vec());
        }
    }
}
