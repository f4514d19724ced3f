//! Eleven servers and eight clients, all of them real: everybody knows
//! everybody, by the right way, and what is said or who leaves is heard once.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::time::Duration;

use crc_e2e::fixture::model::NetworkModel;
use crc_e2e::fixture::{Chat, Client, Fixture, HostKind, Server, wait, wire};

/// Server, its uplink, and its name.
const SERVERS: [(u32, Option<u32>, &str); 11] = [
    (1, None, "hollow"),
    (2, Some(1), "birch"),
    (3, Some(1), "alder"),
    (4, Some(2), "rowan"),
    (5, Some(2), "hazel"),
    (6, Some(4), "elder"),
    (7, Some(4), "larch"),
    (8, Some(2), "aspen"),
    (9, Some(6), "linden"),
    (10, Some(7), "maple"),
    (11, Some(7), "yew"),
];

/// Client, its server, and its name.
const CLIENTS: [(u32, u32, &str); 8] = [
    (101, 1, "ada"),
    (102, 1, "bo"),
    (103, 2, "cy"),
    (104, 3, "dot"),
    (105, 7, "eli"),
    (106, 6, "fay"),
    (107, 5, "gus"),
    (108, 11, "hal"),
];

struct Forest {
    _rig: Fixture,
    world: NetworkModel,
    servers: BTreeMap<u32, Server>,
    clients: BTreeMap<u32, Client>,
}

impl Forest {
    /// Clients join while the tree still grows.
    fn grow() -> Forest {
        let fixture = Fixture::new().unwrap();
        let mut world = NetworkModel::new();
        let mut servers: BTreeMap<u32, Server> = BTreeMap::new();
        let mut clients = BTreeMap::new();
        for (id, uplink, name) in SERVERS {
            let mut server = fixture.server(id, name);
            if let Some(uplink) = uplink {
                server = server.uplink(servers[&uplink].address());
            }
            servers.insert(id, server.start().unwrap());
            world.add_server(id, uplink);
            for (id, _, name) in CLIENTS.into_iter().filter(|client| client.1 == id) {
                let address = servers[&server_of(id)].address();
                clients.insert(id, fixture.client(id, name, address).start().unwrap());
                world.add_client(id, server_of(id));
            }
        }
        let forest = Forest {
            _rig: fixture,
            world,
            servers,
            clients,
        };
        forest.wait_agreed();
        forest
    }

    /// Waits until everybody knows what the tree says they must.
    #[track_caller]
    fn wait_agreed(&self) {
        for (&id, server) in &self.servers {
            let expected: Vec<(u32, u32)> = self.world.first_links(id).into_iter().collect();
            let state = server.wait_state(|state| {
                let links = state.hosts.iter().map(|host| (host.id, host.first_link));
                links.eq(expected.iter().copied())
            });
            let state = state.unwrap_or_else(|error| panic!("{expected:?}: {error}"));
            assert_eq!(state.adjacent_servers, self.world.adjacent_servers(id));
            assert_eq!(state.adjacent_clients, self.world.adjacent_clients(id));
        }
        for (&id, client) in &self.clients {
            if self.world.clients().any(|other| other == id) {
                client
                    .wait_connected(&self.world.known_to_client(id))
                    .unwrap();
            }
        }
    }

    fn client(&mut self, id: u32) -> &mut Client {
        self.clients.get_mut(&id).unwrap()
    }
}

fn server_of(client: u32) -> u32 {
    let (_, server, _) = CLIENTS.into_iter().find(|one| one.0 == client).unwrap();
    server
}

#[test]
fn everybody_knows_everybody_and_hears_what_is_for_them() {
    let mut forest = Forest::grow();

    // Names and infos are everywhere as they were given.
    for (&id, server) in &forest.servers {
        let state = server.state().unwrap();
        assert_eq!(state.id, id);
        for host in &state.hosts {
            let (kind, name, info) = match SERVERS.iter().find(|one| one.0 == host.id) {
                Some((_, _, name)) => (HostKind::Server, *name, format!("The house of {name}")),
                None => {
                    let (_, _, name) = CLIENTS.iter().find(|one| one.0 == host.id).unwrap();
                    (HostKind::Client, *name, format!("{name} as ever"))
                }
            };
            assert_eq!(
                (host.kind, host.name.as_str(), host.info.as_str()),
                (kind, name, info.as_str())
            );
        }
        assert_eq!(state.status_log, [""; 0]);
    }

    // Over three server hops, from 11 by 7 and 4 to 6 ... and back to 2.
    forest
        .client(108)
        .send_chat(106, "\"down the other branch\"")
        .unwrap();
    forest
        .client(108)
        .send_chat(103, "\"and up the trunk\"")
        .unwrap();
    forest.client(103).send_chat(108, "\"heard\"").unwrap();
    // To one on the same server, and to nobody.
    forest.client(101).send_chat(102, "\"next to me\"").unwrap();
    forest.client(104).send_chat(999, "\"hello?\"").unwrap();
    let said = |from, to, text: &str| Chat {
        from,
        to,
        text: text.to_owned(),
    };
    let expected = BTreeMap::from([
        (106, vec![said(108, 106, "\"down the other branch\"")]),
        (103, vec![said(108, 103, "\"and up the trunk\"")]),
        (108, vec![said(103, 108, "\"heard\"")]),
        (102, vec![said(101, 102, "\"next to me\"")]),
    ]);
    let all_have_heard = || {
        forest.clients.iter().all(|(id, client)| {
            let chats = client.view().chats;
            chats == *expected.get(id).unwrap_or(&Vec::new())
        })
    };
    assert!(wait::holds(wait::LONG, all_have_heard));
    let answer = wire::unknown_text(999);
    let dot = &forest.clients[&104];
    dot.wait_view(|view| view.statuses.last() == Some(&answer))
        .unwrap();
    // Once, and nobody else.
    assert!(wait::stays(Duration::from_millis(200), all_have_heard));
    for (id, client) in &forest.clients {
        let statuses = if *id == 104 { 2 } else { 1 };
        assert_eq!(client.view().statuses.len(), statuses, "{id}");
    }

    // A quit is heard by everybody.
    forest.client(108).quit("\"off\"").unwrap();
    let status = forest
        .client(108)
        .process_mut()
        .wait_end(wait::LONG)
        .unwrap();
    assert!(status.success(), "{status}");
    forest.world.remove_client(108);
    forest.wait_agreed();

    // And one that is lost leaves as well.
    forest.client(105).process_mut().kill();
    forest.world.remove_client(105);
    forest.wait_agreed();
    let (_, eli) = forest.clients.remove_entry(&105).unwrap();
    drop(eli);

    // At rest nothing moves.
    let counted = |forest: &Forest| -> Vec<_> {
        let servers = forest.servers.values();
        servers
            .map(|server| server.state().unwrap().counters)
            .collect()
    };
    let before = counted(&forest);
    assert!(!before[0].is_empty());
    assert!(wait::stays(Duration::from_millis(300), || counted(&forest) == before));

    // All leave in good order when asked to.
    for client in forest.clients.values_mut() {
        client.process_mut().request_shutdown();
    }
    for server in forest.servers.values_mut() {
        server.process_mut().request_shutdown();
    }
    for server in forest.servers.values_mut() {
        assert!(
            server.stop(),
            "{}: {}",
            server.name(),
            server.process().last_log_line()
        );
    }
}

/// Whoever knew the root finds another one; nobody is lost but the root and its
/// clients.
#[test]
fn a_root_that_crashes() {
    let mut forest = Forest::grow();
    forest.servers.get_mut(&1).unwrap().process_mut().kill();
    let mut left: Vec<u32> = forest.servers.keys().copied().collect();
    left.retain(|&id| id != 1);
    let orphans = forest.world.adjacent_clients(1);
    left.extend(forest.clients.keys().filter(|id| !orphans.contains(id)));
    let mut links = 0;
    for (&id, server) in forest.servers.iter().filter(|one| *one.0 != 1) {
        let others: Vec<u32> = left.iter().copied().filter(|&other| other != id).collect();
        links += server.wait_hosts(&others).unwrap().adjacent_servers.len();
    }
    // Ten servers in a tree, each link counted at both of its ends.
    assert_eq!(links, 2 * 9);
    for client in forest
        .clients
        .values()
        .filter(|one| !orphans.contains(&one.id()))
    {
        let others = left.iter().copied();
        let others: Vec<u32> = others.filter(|&id| id > 100 && id != client.id()).collect();
        client.wait_connected(&others).unwrap();
    }
    // From the one branch of the old tree to the other.
    forest
        .client(104)
        .send_chat(108, "\"over the gap\"")
        .unwrap();
    let hal = &forest.clients[&108];
    let view = hal.wait_view(|view| !view.chats.is_empty()).unwrap();
    assert_eq!(view.chats.len(), 1);
}
