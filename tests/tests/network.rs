//! A network of eleven servers and eight clients: all know each other by the right
//! route, and every chat and quit arrives once.

use std::collections::BTreeMap;
use std::time::Duration;

use crc_e2e::fixture::model::NetworkModel;
use crc_e2e::fixture::{Chat, Client, Fixture, HostKind, Server, wait, wire};

/// Server, its uplink and its name.
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

/// Client, its server and its name.
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

struct ElevenServers {
    _fixture: Fixture,
    model: NetworkModel,
    servers: BTreeMap<u32, Server>,
    clients: BTreeMap<u32, Client>,
}

impl ElevenServers {
    /// Starts the servers, and each client after its server.
    fn start() -> ElevenServers {
        let fixture = Fixture::new().unwrap();
        let mut model = NetworkModel::new();
        let mut servers: BTreeMap<u32, Server> = BTreeMap::new();
        let mut clients = BTreeMap::new();
        for (id, uplink, name) in SERVERS {
            let mut server = fixture.server(id, name);
            if let Some(uplink) = uplink {
                server = server.uplink(servers[&uplink].address());
            }
            servers.insert(id, server.start().unwrap());
            model.add_server(id, uplink);
            for (id, _, name) in CLIENTS.into_iter().filter(|client| client.1 == id) {
                let address = servers[&server_of(id)].address();
                clients.insert(id, fixture.client(id, name, address).start().unwrap());
                model.add_client(id, server_of(id));
            }
        }
        let network = ElevenServers {
            _fixture: fixture,
            model,
            servers,
            clients,
        };
        network.wait_agreed();
        network
    }

    /// Waits until every server and client knows what the model says.
    #[track_caller]
    fn wait_agreed(&self) {
        for (&id, server) in &self.servers {
            let expected: Vec<(u32, u32)> = self.model.first_links(id).into_iter().collect();
            let state = server.wait_state(|state| {
                let links = state.hosts.iter().map(|host| (host.id, host.first_link));
                links.eq(expected.iter().copied())
            });
            let state = state.unwrap_or_else(|error| panic!("{expected:?}: {error}"));
            assert_eq!(state.adjacent_servers, self.model.adjacent_servers(id));
            assert_eq!(state.adjacent_clients, self.model.adjacent_clients(id));
        }
        for (&id, client) in &self.clients {
            if self.model.clients().any(|other| other == id) {
                client
                    .wait_connected(&self.model.known_to_client(id))
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
fn all_hosts_know_each_other_and_receive_their_chats() {
    let mut network = ElevenServers::start();

    // All servers know the right names and infos.
    for (&id, server) in &network.servers {
        let state = server.state().unwrap();
        assert_eq!(state.id, id);
        for host in &state.hosts {
            let (kind, name, info) = match SERVERS.iter().find(|one| one.0 == host.id) {
                Some((_, _, name)) => (HostKind::Server, *name, format!("server {name}")),
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

    // From 11 over 7 and 4 to 6, and over 7, 4 to 2 and back.
    network
        .client(108)
        .send_chat(106, "\"down the other branch\"")
        .unwrap();
    network
        .client(108)
        .send_chat(103, "\"and up the trunk\"")
        .unwrap();
    network.client(103).send_chat(108, "\"got it\"").unwrap();
    // To a client of the same server, and to an unknown id.
    network
        .client(101)
        .send_chat(102, "\"next to me\"")
        .unwrap();
    network.client(104).send_chat(999, "\"hello?\"").unwrap();
    let chat = |from, to, text: &str| Chat {
        from,
        to,
        text: text.to_owned(),
    };
    let expected = BTreeMap::from([
        (106, vec![chat(108, 106, "\"down the other branch\"")]),
        (103, vec![chat(108, 103, "\"and up the trunk\"")]),
        (108, vec![chat(103, 108, "\"got it\"")]),
        (102, vec![chat(101, 102, "\"next to me\"")]),
    ]);
    let all_have_received = || {
        network.clients.iter().all(|(id, client)| {
            let chats = client.view().chats;
            chats == *expected.get(id).unwrap_or(&Vec::new())
        })
    };
    assert!(wait::holds(wait::LONG, all_have_received));
    let answer = wire::unknown_text(999);
    let dot = &network.clients[&104];
    dot.wait_view(|view| view.statuses.last() == Some(&answer))
        .unwrap();
    // No chat arrives twice or at another client.
    assert!(wait::stays(Duration::from_millis(200), all_have_received));
    for (id, client) in &network.clients {
        let statuses = if *id == 104 { 2 } else { 1 };
        assert_eq!(client.view().statuses.len(), statuses, "{id}");
    }

    // A quit reaches all.
    network.client(108).quit("\"off\"").unwrap();
    let status = network
        .client(108)
        .process_mut()
        .wait_end(wait::LONG)
        .unwrap();
    assert!(status.success(), "{status}");
    network.model.remove_client(108);
    network.wait_agreed();

    // A killed client leaves too.
    network.client(105).process_mut().kill();
    network.model.remove_client(105);
    network.wait_agreed();
    let (_, eli) = network.clients.remove_entry(&105).unwrap();
    drop(eli);

    // The network comes to rest: then no counter changes.
    let counted = |network: &ElevenServers| -> Vec<_> {
        let servers = network.servers.values();
        servers
            .map(|server| server.state().unwrap().counters)
            .collect()
    };
    let at_rest = || {
        let before = counted(&network);
        assert!(!before[0].is_empty());
        let unchanged = || counted(&network) == before;
        wait::stays(Duration::from_millis(300), unchanged)
    };
    assert!(wait::holds(wait::LONG, at_rest));

    // All shut down gracefully.
    for client in network.clients.values_mut() {
        client.process_mut().request_shutdown();
    }
    for server in network.servers.values_mut() {
        server.process_mut().request_shutdown();
    }
    for server in network.servers.values_mut() {
        assert!(
            server.stop(),
            "{}: {}",
            server.name(),
            server.process().last_log_line()
        );
    }
}

#[test]
fn the_other_servers_link_again_when_the_root_crashes() {
    let mut network = ElevenServers::start();
    let orphans = network.model.adjacent_clients(1);
    // The root may have told its clients of other servers: they must not move there.
    for &id in &orphans {
        network.client(id).process_mut().suspend();
    }
    network.servers.get_mut(&1).unwrap().process_mut().kill();
    let mut remaining: Vec<u32> = network.servers.keys().copied().collect();
    remaining.retain(|&id| id != 1);
    remaining.extend(network.clients.keys().filter(|id| !orphans.contains(id)));
    let mut links = 0;
    for (&id, server) in network.servers.iter().filter(|one| *one.0 != 1) {
        let others: Vec<u32> = remaining
            .iter()
            .copied()
            .filter(|&other| other != id)
            .collect();
        links += server.wait_hosts(&others).unwrap().adjacent_servers.len();
    }
    // Ten servers in a tree; each link counts at both of its ends.
    assert_eq!(links, 2 * 9);
    for client in network
        .clients
        .values()
        .filter(|one| !orphans.contains(&one.id()))
    {
        let others = remaining.iter().copied();
        let others: Vec<u32> = others.filter(|&id| id > 100 && id != client.id()).collect();
        client.wait_connected(&others).unwrap();
    }
    // From one branch of the old tree to the other.
    network
        .client(104)
        .send_chat(108, "\"over the gap\"")
        .unwrap();
    let hal = &network.clients[&108];
    let view = hal.wait_view(|view| !view.chats.is_empty()).unwrap();
    assert_eq!(view.chats.len(), 1);
}
