//! At rest all servers agree, whatever clients did in channels.

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Server {
        parent: usize,
    },
    Client {
        server: usize,
    },
    Join {
        client: usize,
        channel: usize,
    },
    Part {
        client: usize,
        channel: usize,
    },
    Quit {
        client: usize,
    },
    Set {
        client: usize,
        channel: usize,
        field: u8,
        value: u8,
    },
    Ask {
        client: usize,
        other: usize,
        channel: usize,
        kind: u8,
    },
    Kill {
        server: usize,
    },
    Restart {
        server: usize,
    },
    Wait {
        millis: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let any = any::<usize>;
    prop_oneof![
        2 => any().prop_map(|parent| Step::Server { parent }),
        4 => any().prop_map(|server| Step::Client { server }),
        8 => (any(), any()).prop_map(|(client, channel)| Step::Join { client, channel }),
        4 => (any(), any()).prop_map(|(client, channel)| Step::Part { client, channel }),
        1 => any().prop_map(|client| Step::Quit { client }),
        6 => (any(), any(), 0u8..6, 0u8..4)
            .prop_map(|(client, channel, field, value)| Step::Set { client, channel, field, value }),
        4 => (any(), any(), any(), 2u8..7)
            .prop_map(|(client, other, channel, kind)| Step::Ask { client, other, channel, kind }),
        1 => any().prop_map(|server| Step::Kill { server }),
        1 => any().prop_map(|server| Step::Restart { server }),
        3 => (0u64..40).prop_map(|millis| Step::Wait { millis }),
    ]
}

fn network(seed: u64, steps: &[Step]) -> Fixture {
    const CHANNELS: [&str; 3] = ["#reef", "#Reef", "#lagoon"];
    let mut fixture = Fixture::new(seed);
    fixture.server(None);
    fixture.server(Some(0));
    fixture.rest();
    let mut clients: Vec<(usize, u32)> = Vec::new();
    let mut connects = vec![None, Some(0)];
    for step in steps {
        let pick = |client: usize| (!clients.is_empty()).then(|| clients[client % clients.len()]);
        let channel = |channel: usize| CHANNELS[channel % CHANNELS.len()];
        match *step {
            Step::Server { parent } if fixture.nodes.len() < 6 => {
                let parent = parent % fixture.nodes.len();
                connects.push(Some(parent));
                fixture.server(Some(parent));
            }
            Step::Client { server } => {
                let server = server % fixture.nodes.len();
                if fixture.nodes[server].alive {
                    let id = 100 + clients.len() as u32;
                    let peer = client(&mut fixture, server, id);
                    clients.push((peer, id));
                }
            }
            Step::Join { client, channel: c } => {
                if let Some((peer, id)) = pick(client) {
                    fixture.send_message(peer, &joins(id, channel(c), ""));
                }
            }
            Step::Part { client, channel: c } => {
                if let Some((peer, id)) = pick(client) {
                    fixture.send_message(peer, &parts(id, channel(c), ""));
                }
            }
            Step::Quit { client } => {
                if let Some((peer, id)) = pick(client) {
                    fixture.send_message(peer, &quit(id, ""));
                }
            }
            Step::Set {
                client,
                channel: c,
                field,
                value,
            } => {
                if let Some((peer, id)) = pick(client) {
                    // A key that all know, or no client could join any more.
                    let field = if field == 1 { 0 } else { field };
                    let value = ["", "n", "4", "nt"][usize::from(value)];
                    fixture.send_message(peer, &sets(id, channel(c), ChannelField(field), value));
                }
            }
            Step::Ask {
                client,
                other,
                channel: c,
                kind,
            } => {
                if let (Some((peer, id)), Some((_, other))) = (pick(client), pick(other)) {
                    fixture.send_message(
                        peer,
                        &request(id, other, RequestKind(kind), channel(c), "why"),
                    );
                }
            }
            Step::Kill { server } => {
                let server = server % fixture.nodes.len();
                if fixture.nodes[server].alive {
                    fixture.kill(server);
                }
            }
            Step::Restart { server } => {
                let server = server % fixture.nodes.len();
                if !fixture.nodes[server].alive {
                    let mut again = config(server);
                    let parent = connects[server].map(|parent| format!("s{parent}:1"));
                    again.connect = parent.into_iter().map(|at| at.parse().unwrap()).collect();
                    fixture.restart(server, again);
                }
            }
            Step::Wait { millis } => fixture.run(Duration::from_millis(millis)),
            Step::Server { .. } => {}
        }
    }
    fixture.rest();
    fixture
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn at_rest_all_servers_agree(
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 1..60)
    ) {
        let fixture = network(seed, &steps);
        let alive: Vec<_> = (0..fixture.nodes.len()).filter(|node| fixture.nodes[*node].alive).collect();
        for &one in &alive {
            let snapshot = fixture.nodes[one].server.snapshot();
            for &other in &alive {
                let there = fixture.nodes[other].server.snapshot();
                if snapshot.directory().find(there.id()).is_some() {
                    prop_assert_eq!(channels(snapshot), channels(there));
                }
            }
        }
    }
}
