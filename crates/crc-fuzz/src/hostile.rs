//! Two servers, two clients who behave, and hostile peers of one role: whatever
//! these do, the clients are served on, and when they are gone nothing of theirs
//! is left.

use std::time::Duration;

use crc_core::{ClientCommand, HostKind, Server};
use crc_wire::HostId;

use crate::choices::Choices;
use crate::net::{Net, config, raw_address, server_address};
use crate::peers::{Role, act, introduce};

/// The ids of the clients who behave, one at each server.
const GOOD: [u32; 2] = [1001, 1002];

/// Peers that never register as anything in particular.
///
/// # Panics
///
/// When they harm those who behave. So with all that follow.
pub fn stranger(input: &[u8]) -> u64 {
    downlink(Role::Stranger, input)
}

/// Registered clients: one that announces itself for an odd first byte.
///
/// # Panics
///
/// See [`stranger`].
pub fn client(input: &[u8]) -> u64 {
    let odd = input.first().is_some_and(|byte| byte % 2 == 1);
    downlink(if odd { Role::OurClient } else { Role::Client }, input)
}

/// A server of ours that links to one of the two.
///
/// # Panics
///
/// See [`stranger`].
pub fn server_of_ours(input: &[u8]) -> u64 {
    downlink(Role::Ours, input)
}

/// An original server that links to one of the two.
///
/// # Panics
///
/// See [`stranger`].
pub fn original_server(input: &[u8]) -> u64 {
    downlink(Role::Original, input)
}

/// A server that the others link to, of ours for an odd first byte. It may take
/// ids from clients, being the parent; not more.
///
/// # Panics
///
/// See [`stranger`].
pub fn uplink(input: &[u8]) -> u64 {
    let Some((&first, rest)) = input.split_first() else {
        return 0;
    };
    let role = match first % 2 {
        0 => Role::Original,
        _ => Role::Ours,
    };
    let mut net = Net::new(u64::from(first));
    net.raws_listen = true;
    net.add_server(config(0, vec![raw_address(0)]));
    net.all();
    introduce_parent(&mut net, role);
    settle(&mut net);
    let mut choices = Choices::new(rest);
    let mut raws = net.raws;
    while act(&mut net, &mut choices, Role::Stranger, 1).is_some() {
        net.all();
        // Whoever is dialled anew introduces itself as before.
        if net.raws > raws {
            raws = net.raws;
            introduce_parent(&mut net, role);
            net.all();
        }
    }
    net.raws_listen = false;
    (0..net.raws).for_each(|raw| net.hang_up(raw));
    settled_again(&mut net);
    judge(&mut net);
    net.digest()
}

fn introduce_parent(net: &mut Net, role: Role) {
    let raw = net.raws - 1;
    introduce(net, raw, role, 0);
}

fn downlink(role: Role, input: &[u8]) -> u64 {
    let Some((&first, rest)) = input.split_first() else {
        return 0;
    };
    let mut net = Net::new(u64::from(first));
    net.add_server(config(0, Vec::new()));
    settle(&mut net);
    for server in 0..2 {
        let raw = net.connect(server);
        introduce(&mut net, raw, role, raw);
    }
    // Until an original server is taken for one.
    net.run(Duration::from_millis(1_100));
    let mut choices = Choices::new(rest);
    while act(&mut net, &mut choices, role, 2).is_some() {
        net.all();
    }
    net.run(Duration::from_secs(20));
    for client in &net.clients {
        assert_eq!(client.disconnected, 0, "who behaves is left alone");
        let forged = |(from, _): &(HostId, String)| GOOD.contains(&from.get());
        assert!(!client.heard.iter().any(forged), "said in another's name");
    }
    assert_eq!(net.servers[1].unlinked, 0, "servers stay linked");
    converse(&mut net);
    (0..net.raws).for_each(|raw| net.hang_up(raw));
    net.run(Duration::from_secs(5));
    judge(&mut net);
    net.digest()
}

/// The second server and the clients join, and all is at rest.
fn settle(net: &mut Net) {
    net.add_server(config(1, vec![server_address(0)]));
    net.add_client(0, Some(GOOD[0]));
    net.add_client(1, Some(GOOD[1]));
    net.run(Duration::from_millis(1_100));
}

/// Clients whose ids were taken get them back, and servers that were given wrong
/// ranks find each other again.
fn settled_again(net: &mut Net) {
    for seconds in [3, 10, 30, 60, 120] {
        net.run(Duration::from_secs(seconds));
        let linked = |server: &Server| server.snapshot().directory().servers_len() == 1;
        if net.clients.iter().all(|client| client.machine.is_settled())
            && net.servers.iter().all(|node| linked(&node.machine))
        {
            break;
        }
    }
}

/// Each says something to the other, which arrives once.
fn converse(net: &mut Net) {
    for (from, to) in [(0, 1), (1, 0)] {
        net.clients[to].heard.clear();
        let command = ClientCommand::SendChat {
            to: HostId::new(GOOD[to]).expect("it is not 0"),
            text: "are you there?".to_owned(),
        };
        net.command_client(from, command);
        net.run(Duration::from_millis(50));
        let heard = &net.clients[to].heard;
        let said = heard.iter().filter(|(_, text)| text == "are you there?");
        let from = HostId::new(GOOD[from]).expect("it is not 0");
        assert_eq!(
            said.filter(|(by, _)| *by == from).count(),
            1,
            "heard: {heard:?}"
        );
    }
}

/// The two servers and the two clients know each other and nobody else.
fn judge(net: &mut Net) {
    for (index, node) in net.servers.iter().enumerate() {
        let snapshot = node.machine.snapshot();
        let hosts = snapshot.directory().iter();
        let mut known: Vec<_> = hosts.map(|host| host.id().get()).collect();
        known.sort_unstable();
        let other = if index == 0 { 2 } else { 1 };
        assert_eq!(known, [other, GOOD[0], GOOD[1]], "at server {index}");
        assert_eq!(snapshot.links().count(), 2);
        assert_eq!(snapshot.unregistered_links(), 0, "no link is left");
        let local = snapshot.adjacent(HostKind::Client);
        assert_eq!(local.len(), 1, "each client at its server");
    }
    for (index, client) in net.clients.iter().enumerate() {
        assert!(client.machine.is_settled(), "client {index} is served");
        let known: Vec<_> = client.machine.clients().map(|(id, _)| id.get()).collect();
        assert_eq!(known, [GOOD[1 - index]], "at client {index}");
    }
    converse(net);
}
