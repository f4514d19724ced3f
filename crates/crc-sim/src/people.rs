//! People: users of text protocols, and what they do in channels beside what clients do
//! there, whether they may or not.

mod acts;
pub(crate) mod probe;

use std::collections::{BTreeMap, BTreeSet};

use crc_core::{Random, Server, Timestamp};
use crc_netem::Draw;
use crc_wire::{ChannelChat, ChannelName, ChatKind, HostId, Message, Text};

use crate::foreign::{ForeignNode, FrameUser, IrcUser, LegacyServer, LegacyUser};
use crate::judge;
use crate::network::Network;
use crate::node::{NodeConfig, Role};
use crate::options::Options;
use crate::plan::{Act, Step};

/// The channels of people. Clients know these, too.
const CHANNELS: [&str; 3] = ["#reef", "#lagoon", "#sandbank"];

/// Keys that people try.
const KEYS: [&str; 3] = ["", "pearl", "shell"];

/// Nicks that are not ASCII. Two of them differ in case only, and one looks like `ann`.
pub(crate) const NICKS: [&str; 5] = ["Zoë", "\u{430}nn", "ZOË", "हिन्दी", "ゆき"];

/// Names that clients take. Only the last ones look like nicks of others.
const CLIENT_NAMES: [&str; 5] = ["coral", "ZOË", "ann", "\u{430}nn", "ni\u{441}k"];

/// Something that a person does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PersonAct {
    Join,
    Part,
    Speak,
    Topic,
    Mode,
    Rank,
    Kick,
    Invite,
    Nick,
    /// It quits, and comes back.
    Quit,
    /// Its process or its computer fails; it comes back.
    Fail,
}

impl PersonAct {
    fn draw(random: &mut Random) -> PersonAct {
        use PersonAct::{Fail, Invite, Join, Kick, Mode, Nick, Part, Quit, Rank, Speak, Topic};
        match random.below(100) {
            0..24 => Join,
            24..30 => Part,
            30..48 => Speak,
            48..54 => Topic,
            54..70 => Mode,
            70..81 => Rank,
            81..87 => Kick,
            87..92 => Invite,
            92..95 => Nick,
            95..97 => Quit,
            _ => Fail,
        }
    }
}

fn generator(seed: u64) -> Random {
    Random::new(seed ^ 0x7065_6f70_6c65_2121)
}

/// Adds the nodes of people, and lets the servers listen for them.
pub(crate) fn add(seed: u64, options: &Options, nodes: &mut Vec<NodeConfig>) {
    let mut random = generator(seed);
    let random = &mut random;
    let servers = options.servers as usize;
    for node in nodes.iter_mut() {
        if let NodeConfig::Server(config) = node {
            // So that a line is handled with the event in which it comes.
            config.limits.irc_lines_per_second = 0;
            config.text_listeners = vec![
                (crate::node::IRC, crc_core::TextProtocol::Irc),
                (crate::node::LEGACY, crc_core::TextProtocol::Legacy),
            ];
        }
    }
    for number in 0..options.irc_users {
        // Some want the same nick, or one that looks like it, or one that is not ASCII.
        let nick = match random.below(4) {
            0 => "ann".to_owned(),
            1 => NICKS[number as usize % NICKS.len()].to_owned(),
            _ => format!("irc{number}"),
        };
        let user = IrcUser::new(
            &nick,
            random.index(servers),
            random.chance(80),
            !number.is_multiple_of(3),
        );
        nodes.push(NodeConfig::Foreign(Box::new(ForeignNode::IrcUser(user))));
    }
    for number in 0..options.legacy_users {
        let user = LegacyUser::new(&format!("legacy{number}"), random.index(servers));
        nodes.push(NodeConfig::Foreign(Box::new(ForeignNode::LegacyUser(user))));
    }
    for number in 0..options.frame_users {
        let user = FrameUser::new(id(1700 + number), random.index(servers));
        nodes.push(NodeConfig::Foreign(Box::new(ForeignNode::FrameUser(user))));
    }
    for number in 0..options.legacy_servers {
        let (gateway, dials) = (random.index(servers), random.chance(50));
        let at = crate::node::legacy_address(nodes.len());
        if !dials && let NodeConfig::Server(config) = &mut nodes[gateway] {
            config.legacy_connect.push(at.into());
        }
        let users = (0..random.between(1, 3)).map(|user| format!("les{number}u{user}"));
        let name = format!("les{number}.net");
        let server = LegacyServer::new(&name, gateway, dials, users.collect());
        let server = ForeignNode::LegacyServer(Box::new(server));
        nodes.push(NodeConfig::Foreign(Box::new(server)));
    }
}

fn id(id: u32) -> HostId {
    HostId::new(id).expect("ids here are not 0")
}

/// Adds what people do to the steps of a plan.
pub(crate) fn draw_steps(seed: u64, options: &Options, steps: &mut Vec<Step>) {
    let mut random = generator(seed ^ 1);
    let random = &mut random;
    let users = options.irc_users + options.legacy_users + options.frame_users;
    let people = (users + options.legacy_servers) as usize;
    let others = options.servers + options.v1_servers + options.clients;
    let first = (others + options.v1_clients + options.hostiles) as usize;
    let end = u64::try_from(options.faults_for.as_millis()).unwrap_or(0);
    for node in first..first + people {
        steps.push(Step {
            at: Timestamp::START + random.millis(0, end / 2),
            act: Act::Start(node),
            seed: random.next_u64(),
        });
    }
    for _ in 0..random.between(20, 120) {
        let act = PersonAct::draw(random);
        steps.push(Step {
            at: Timestamp::START + random.millis(0, end + 900),
            act: Act::Person(act),
            seed: random.next_u64(),
        });
    }
}

/// A person who uses IRC.
pub(crate) fn irc_user(network: &Network, node: usize) -> Option<&IrcUser> {
    match &network.nodes[node].role {
        Role::Foreign(foreign) => match &**foreign {
            ForeignNode::IrcUser(user) => Some(user),
            _ => None,
        },
        _ => None,
    }
}

/// A person who uses legacy IRC.
pub(crate) fn legacy_user(network: &Network, node: usize) -> Option<&LegacyUser> {
    match &network.nodes[node].role {
        Role::Foreign(foreign) => match &**foreign {
            ForeignNode::LegacyUser(user) => Some(user),
            _ => None,
        },
        _ => None,
    }
}

/// A person who sends frames.
pub(crate) fn frame_user(network: &Network, node: usize) -> Option<&FrameUser> {
    match &network.nodes[node].role {
        Role::Foreign(foreign) => match &**foreign {
            ForeignNode::FrameUser(user) => Some(user),
            _ => None,
        },
        _ => None,
    }
}

/// A server of legacy IRC that is linked, and the server that it is linked to.
pub(crate) fn legacy_server(network: &Network, node: usize) -> Option<(&LegacyServer, usize)> {
    let Role::Foreign(foreign) = &network.nodes[node].role else {
        return None;
    };
    let ForeignNode::LegacyServer(server) = &**foreign else {
        return None;
    };
    server.is_linked.then_some((&**server, server.gateway))
}

/// The line with which a user behind a server of legacy IRC says something in a channel.
pub(crate) fn legacy_chat(
    network: &Network,
    node: usize,
    channel: &str,
    text: &str,
) -> Option<String> {
    let (server, _) = legacy_server(network, node)?;
    let speaker = server.own_members(channel).next()?;
    Some(format!(":{speaker} PRIVMSG {channel} :{text}\r\n"))
}

/// The ids of users behind servers of legacy IRC in a channel, as their servers list them.
pub(crate) fn legacy_members(
    network: &Network,
    is_server: impl Fn(usize) -> bool,
) -> BTreeMap<String, BTreeSet<HostId>> {
    let mut members: BTreeMap<String, BTreeSet<HostId>> = BTreeMap::new();
    for node in 0..network.nodes.len() {
        let Some((server, gateway)) = legacy_server(network, node) else {
            continue;
        };
        let nicks = network.server(gateway).and_then(|it| it.snapshot().nicks());
        let Some(nicks) = nicks.filter(|_| is_server(gateway)) else {
            continue;
        };
        for channel in server.channels.keys() {
            let own = server.own_members(channel);
            let ids: BTreeSet<HostId> = own.filter_map(|nick| nicks.find(nick)).collect();
            if !ids.is_empty() {
                members.entry(channel.clone()).or_default().extend(ids);
            }
        }
    }
    members
}

/// The server that a person is configured for.
pub(crate) fn home(network: &Network, node: usize) -> Option<usize> {
    let irc = irc_user(network, node).map(|user| user.server);
    let legacy = || legacy_user(network, node).map(|user| user.server);
    let frames = || frame_user(network, node).map(|user| user.server);
    irc.or_else(legacy).or_else(frames)
}

/// The id that its server has given to a person.
pub(crate) fn host_id(network: &Network, node: usize) -> Option<HostId> {
    let home = home(network, node)?;
    let mut links = network.server(home)?.snapshot().links();
    let view = links.find(|view| {
        let place = network.net.find(home, view.link);
        place.is_some_and(|(connection, side)| network.node_at(connection, 1 - side) == node)
    })?;
    Some(view.neighbour.host)
}

/// What a person says in a channel, if it sends frames.
pub(crate) fn chat_frame(
    network: &Network,
    node: usize,
    channel: &str,
    text: &str,
) -> Option<Vec<u8>> {
    let chat = ChannelChat {
        source: frame_user(network, node)?.id,
        kind: ChatKind::Message,
        channel: ChannelName::new(channel).ok()?,
        text: Text::truncated(text),
    };
    Some(Message::ChannelChat(chat).to_vec())
}

/// Whether a client or a person may say something in a channel, as its server has it.
pub(crate) fn may_speak(network: &Network, node: usize, channel: &str) -> bool {
    let behind = || {
        let (server, gateway) = legacy_server(network, node)?;
        let nick = server.own_members(channel).next()?;
        let nicks = network.server(gateway)?.snapshot().nicks()?;
        Some((gateway, nicks.find(nick)?))
    };
    let clients = || network.clients().find(|client| client.0 == node);
    let client = || clients().map(|(_, client, home)| (home, client.id()));
    let person = || home(network, node).zip(host_id(network, node));
    let Some((home, host)) = person().or_else(client).or_else(behind) else {
        return false;
    };
    let Some(snapshot) = network.server(home).map(Server::snapshot) else {
        return false;
    };
    let Some(channel) = snapshot.channels().find(channel) else {
        return false;
    };
    let names = judge::rules::names(&snapshot, host);
    judge::rules::State::of(channel).may_speak(host, &names)
}

/// Adds the people who are in channels. Nothing tells a user of legacy IRC that it was
/// kicked, so its server must agree.
pub(crate) fn add_members(
    network: &Network,
    is_server: impl Fn(usize) -> bool,
    members: &mut BTreeMap<String, BTreeSet<usize>>,
) {
    if !network.options.people {
        return;
    }
    for node in 0..network.nodes.len() {
        if let Some((server, gateway)) = legacy_server(network, node)
            && is_server(gateway)
        {
            for channel in server.channels.keys() {
                if server.own_members(channel).next().is_some() {
                    members.entry(channel.clone()).or_default().insert(node);
                }
            }
        }
        let Some(home) = home(network, node).filter(|home| is_server(*home)) else {
            continue;
        };
        let irc = irc_user(network, node).map(|user| user.channels.keys());
        let irc = irc.into_iter().flatten();
        let frames = frame_user(network, node).map(|user| user.channels.keys());
        for channel in irc.chain(frames.into_iter().flatten()) {
            members.entry(channel.clone()).or_default().insert(node);
        }
        if let (Some(user), Some(server)) = (legacy_user(network, node), network.server(home)) {
            let Some(id) = host_id(network, node) else {
                continue;
            };
            for channel in server.snapshot().channels().of(id) {
                let name = channel.name().to_ascii_lowercase();
                if user.channels.contains_key(channel.name()) {
                    members.entry(name).or_default().insert(node);
                }
            }
        }
    }
}
