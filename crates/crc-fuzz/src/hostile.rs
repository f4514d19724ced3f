//! Two servers, two well-behaved clients, and hostile peers of one role. Whatever the
//! hostile peers do, the clients stay connected; when they have gone, nothing of theirs is
//! left.

use std::time::Duration;

use crc_core::{ClientCommand, HostKind, Server};
use crc_wire::HostId;

use crate::choices::Choices;
use crate::net::{Net, config, peer_address, server_address};
use crate::peers::{Role, act, introduce};

/// The ids of the well-behaved clients, one at each server.
const GOOD: [u32; 2] = [1001, 1002];

/// Peers that do not register by themselves.
///
/// # Panics
///
/// When they harm a well-behaved node.
pub fn unregistered(input: &[u8]) -> u64 {
    downlink(Role::Unregistered, input)
}

/// Registered clients: of version 2 for an odd first byte.
///
/// # Panics
///
/// See [`unregistered`].
pub fn client(input: &[u8]) -> u64 {
    let odd = input.first().is_some_and(|byte| byte % 2 == 1);
    downlink(if odd { Role::V2Client } else { Role::V1Client }, input)
}

/// A v2 server that links to one of the two.
///
/// # Panics
///
/// See [`unregistered`].
pub fn v2_server(input: &[u8]) -> u64 {
    downlink(Role::V2Server, input)
}

/// A v1 server that links to one of the two.
///
/// # Panics
///
/// See [`unregistered`].
pub fn v1_server(input: &[u8]) -> u64 {
    downlink(Role::V1Server, input)
}

/// A server that does not know the secret by which the two are linked: it is never linked.
///
/// # Panics
///
/// See [`unregistered`].
pub fn liar(input: &[u8]) -> u64 {
    downlink(Role::Liar, input)
}

/// A server that the others link to, of version 2 for an odd first byte. As the parent
/// it may take ids from clients, and nothing more.
///
/// # Panics
///
/// See [`unregistered`].
pub fn uplink(input: &[u8]) -> u64 {
    let Some((&first, rest)) = input.split_first() else {
        return 0;
    };
    let role = match first % 2 {
        0 => Role::V1Server,
        _ => Role::V2Server,
    };
    let mut net = Net::new(u64::from(first));
    net.peers_listen = true;
    net.add_server(config(0, vec![peer_address(0)]));
    net.deliver_all();
    introduce_parent(&mut net, role);
    join(&mut net);
    let mut choices = Choices::new(rest);
    let mut peers = net.peers;
    while act(&mut net, &mut choices, Role::Unregistered, 1).is_some() {
        net.deliver_all();
        // A peer that is dialled again introduces itself again.
        if net.peers > peers {
            peers = net.peers;
            introduce_parent(&mut net, role);
            net.deliver_all();
        }
    }
    net.peers_listen = false;
    (0..net.peers).for_each(|peer| net.close(peer));
    if net.clients.iter().any(|client| client.displaced) {
        net.run(Duration::from_secs(60 * 60));
    }
    recover(&mut net);
    check_at_rest(&mut net);
    net.digest()
}

fn introduce_parent(net: &mut Net, role: Role) {
    let peer = net.peers - 1;
    introduce(net, peer, role, 0);
}

fn downlink(role: Role, input: &[u8]) -> u64 {
    let Some((&first, rest)) = input.split_first() else {
        return 0;
    };
    let mut net = Net::new(u64::from(first));
    net.have_secrets = role == Role::Liar;
    net.add_server(config(0, Vec::new()));
    join(&mut net);
    for server in 0..2 {
        let peer = net.connect(server);
        introduce(&mut net, peer, role, peer);
    }
    // Until a v1 server is taken for one.
    net.run(Duration::from_millis(1_100));
    let mut choices = Choices::new(rest);
    while act(&mut net, &mut choices, role, 2).is_some() {
        net.deliver_all();
        if role == Role::Liar {
            check_no_other_server(&net);
        }
    }
    net.run(Duration::from_secs(20));
    for client in &net.clients {
        // A client gives way to a server with its id. A client cannot take one.
        let displaced = client.displaced && !matches!(role, Role::V1Client | Role::V2Client);
        assert!(
            client.disconnected == 0 || displaced,
            "a well-behaved client stays connected"
        );
        let forged = |(from, _): &(HostId, String)| GOOD.contains(&from.get());
        assert!(
            !client.received.iter().any(forged),
            "a chat in the name of a well-behaved client"
        );
    }
    assert_eq!(net.servers[1].unlinked, 0, "servers stay linked");
    let displaced = net.clients.iter().any(|client| client.displaced);
    if !displaced {
        exchange_chats(&mut net);
    }
    (0..net.peers).for_each(|peer| net.close(peer));
    net.run(Duration::from_secs(5));
    if displaced {
        // The ids of servers are kept for them for an hour.
        net.run(Duration::from_secs(60 * 60));
        recover(&mut net);
    }
    check_at_rest(&mut net);
    net.digest()
}

/// The second server and the clients join, and the network comes to rest.
fn join(net: &mut Net) {
    net.add_server(config(1, vec![server_address(0)]));
    net.add_client(0, Some(GOOD[0]));
    net.add_client(1, Some(GOOD[1]));
    net.run(Duration::from_millis(1_100));
}

/// Each server knows the other one, and no other.
fn check_no_other_server(net: &Net) {
    for node in &net.servers {
        let servers = node.machine.snapshot().directory().servers_len();
        assert_eq!(servers, 1, "no server without the secret is linked");
    }
}

/// Clients whose ids were taken get them back, and servers with wrong ranks link again.
fn recover(net: &mut Net) {
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

/// Each client sends a chat to the other one, which arrives once.
fn exchange_chats(net: &mut Net) {
    for (from, to) in [(0, 1), (1, 0)] {
        net.clients[to].received.clear();
        let command = ClientCommand::SendChat {
            to: HostId::new(GOOD[to]).expect("it is not 0"),
            text: "are you there?".to_owned(),
        };
        net.command_client(from, command);
        net.run(Duration::from_millis(50));
        let received = &net.clients[to].received;
        let chats = received.iter().filter(|(_, text)| text == "are you there?");
        let from = HostId::new(GOOD[from]).expect("it is not 0");
        assert_eq!(
            chats.filter(|(by, _)| *by == from).count(),
            1,
            "received: {received:?}"
        );
    }
}

/// The two servers and the two clients know each other and no other host.
fn check_at_rest(net: &mut Net) {
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
    exchange_chats(net);
}
