//! Settings that change while a server runs: they hold for what comes from then on, and
//! nothing that is there is lost.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may fail"
)]

mod fixture;

use std::time::Duration;

use crc_core::{Event, Limits, ListenerId, Random, Reconfiguration, ServerCommand, TextProtocol};
use crc_wire::Message;
use fixture::{Fixture, Kind, chat, closed, config, registration};

const IRC: ListenerId = ListenerId(1);

fn reconfigure(fixture: &mut Fixture, node: usize, change: impl FnOnce(&mut Reconfiguration)) {
    let mut changed = config(node).reconfiguration();
    change(&mut changed);
    let command = ServerCommand::Reconfigure(Box::new(changed));
    fixture.handle(node, Event::Command(command));
}

fn chats_received(fixture: &mut Fixture, peer: usize) -> usize {
    let received = fixture.received(peer).into_iter();
    received
        .filter(|message| matches!(message, Message::ClientChat(_)))
        .count()
}

#[test]
fn a_smaller_directory_keeps_its_hosts_and_takes_no_more() {
    let (mut fixture, server) = fixture::alone();
    let clients = [101, 102, 103].map(|id| fixture.client(server, id));
    fixture.soon();
    reconfigure(&mut fixture, server, |changed| changed.limits.hosts_max = 1);
    let late = fixture.client(server, 104);
    assert!(closed(&mut fixture, late));
    assert_eq!(fixture.known(server).len(), 3);
    fixture.send_message(clients[0], &chat(101, 103, "still here"));
    fixture.soon();
    assert_eq!(chats_received(&mut fixture, clients[2]), 1);
    reconfigure(&mut fixture, server, |changed| changed.limits.hosts_max = 4);
    let late = fixture.client(server, 104);
    assert!(!closed(&mut fixture, late));
    assert_eq!(fixture.known(server).len(), 4);
}

#[test]
fn a_rate_holds_from_the_next_chat_on() {
    let (mut fixture, server) = fixture::alone();
    let [ann, bob] = [101, 102].map(|id| fixture.v2_client(server, id));
    fixture.soon();
    let flood = |fixture: &mut Fixture| {
        for _ in 0..50 {
            fixture.send_message(ann, &chat(101, 102, "x"));
        }
        closed(fixture, ann)
    };
    assert!(!flood(&mut fixture), "there is no limit by default");
    reconfigure(&mut fixture, server, |changed| {
        changed.limits.client_chats_per_second = 5;
    });
    assert!(flood(&mut fixture));
    assert!(!closed(&mut fixture, bob));
    let chats = chats_received(&mut fixture, bob);
    assert!((50..60).contains(&chats), "{chats}");
}

#[test]
fn networks_hold_for_the_next_link() {
    let (mut fixture, server) = fixture::alone();
    let link = |fixture: &mut Fixture, id| {
        let peer = fixture.connect(server);
        fixture.send_message(peer, &registration(Kind::Server, id, None, "info"));
        fixture.soon();
        peer
    };
    let first = link(&mut fixture, 77);
    reconfigure(&mut fixture, server, |changed| {
        changed.server_peers = vec!["192.0.2.0/24".parse().unwrap()];
    });
    let second = link(&mut fixture, 78);
    assert!(closed(&mut fixture, second));
    assert!(!closed(&mut fixture, first), "a link that exists stays");
    reconfigure(&mut fixture, server, |_| {});
    let second = link(&mut fixture, 78);
    assert!(!closed(&mut fixture, second));
}

#[test]
fn users_of_irc_read_the_new_message_of_the_day() {
    let mut fixture = Fixture::new(1);
    let mut config = config(0);
    config.text_listeners = vec![(IRC, TextProtocol::Irc)];
    fixture.server_with(config);
    let user = fixture.connect_at(0, IRC);
    fixture.send(user, b"NICK ann\r\nUSER a 0 * :A\r\n");
    fixture.soon();
    reconfigure(&mut fixture, 0, |changed| {
        changed.motd = vec!["Mind the step.".to_owned()];
    });
    fixture.peers[user].bytes.clear();
    fixture.send(user, b"MOTD\r\n");
    fixture.soon();
    let answer = String::from_utf8(fixture.peers[user].bytes.clone()).unwrap();
    assert!(answer.contains("Mind the step."), "{answer}");
}

#[test]
fn a_smaller_status_log_forgets_the_oldest() {
    let (mut fixture, peer) = fixture::with_v2_neighbour();
    for text in ["a", "b", "c"] {
        fixture.send_message(peer, &fixture::status(77, 1, 9, text));
    }
    fixture.soon();
    reconfigure(&mut fixture, 0, |changed| changed.limits.status_log_max = 2);
    assert_eq!(fixture.status_log(0), ["b", "c"]);
}

#[test]
fn texts_keep_the_length_that_neighbours_were_told_of() {
    let (mut fixture, server) = fixture::alone();
    let [ann, bob] = [101, 102].map(|id| fixture.v2_client(server, id));
    fixture.soon();
    reconfigure(&mut fixture, server, |changed| {
        changed.limits.text_bytes_max = 1
    });
    fixture.send_message(ann, &chat(101, 102, "as long as before"));
    fixture.soon();
    assert_eq!(chats_received(&mut fixture, bob), 1);
}

#[test]
fn a_longer_queue_is_for_links_that_exist_too() {
    for (bytes_max, stays) in [(1 << 20, false), (8 << 20, true)] {
        let (mut fixture, server) = fixture::alone();
        let [ann, bob] = [101, 102].map(|id| fixture.v2_client(server, id));
        fixture.soon();
        reconfigure(&mut fixture, server, |changed| {
            changed.limits.client_queue_bytes_max = bytes_max;
        });
        fixture.toggle_reading(bob);
        let long = "x".repeat(60_000);
        for _ in 0..50 {
            fixture.send_message(ann, &chat(101, 102, &long));
            fixture.soon();
        }
        assert_eq!(
            fixture.known(server).contains_key(&102),
            stays,
            "{bytes_max}"
        );
    }
}

/// Any settings at any time, in the middle of everything: no panic, `Server::check` holds, and
/// with the old settings the network works as before.
#[test]
fn any_settings_at_any_time_do_no_harm() {
    for seed in 0..60 {
        let mut fixture = Fixture::new(seed);
        let mut random = Random::new(seed);
        let mut root = config(0);
        root.text_listeners = vec![(IRC, TextProtocol::Irc)];
        fixture.server_with(root);
        fixture.server(Some(0));
        fixture.rest();
        for number in 200..260 {
            let node = random.below(2) as usize;
            match random.below(6) {
                0 => {
                    let [motd, size, rate] = [3, 4, 3].map(|max| random.below(max) as usize);
                    let peers = random.below(2) == 0;
                    reconfigure(&mut fixture, node, |changed| {
                        changed.motd = vec!["x".to_owned(); motd];
                        if peers {
                            changed.server_peers.clear();
                        }
                        changed.limits = Limits {
                            registration_time_max: Duration::from_millis(1 << (4 * size)),
                            client_queue_bytes_max: 1024 << (4 * size),
                            server_queue_bytes_max: 1024 << (5 * size),
                            hosts_max: 1 << (2 * size),
                            status_log_max: size,
                            client_registrations_per_second: rate as u32,
                            client_chats_per_second: 3 * rate as u32,
                            irc_lines_per_second: rate as u32,
                            ..Limits::default()
                        };
                    });
                }
                1 => {
                    let user = fixture.connect_at(0, IRC);
                    let lines = format!(
                        "NICK n{number}\r\nUSER a 0 * :A\r\nJOIN #a\r\nLIST\r\nNAMES\r\nMOTD\r\n"
                    );
                    fixture.send(user, lines.as_bytes());
                    fixture.send(user, "PRIVMSG #a :hello\r\n".repeat(20).as_bytes());
                }
                2 | 3 => {
                    let peer = fixture.v2_client(node, number);
                    for to in number - 5..number {
                        fixture.send_message(peer, &chat(number, to, &"x".repeat(900)));
                    }
                    if random.below(3) == 0 {
                        fixture.toggle_reading(peer);
                    }
                }
                4 => fixture.soon(),
                _ => fixture.run(Duration::from_millis(700)),
            }
        }
        for node in [0, 1] {
            reconfigure(&mut fixture, node, |_| {});
        }
        fixture.rest();
        let [ann, bob] = [0, 1].map(|node| fixture.v2_client(node, 101 + node as u32));
        fixture.soon();
        fixture.received(bob);
        fixture.send_message(ann, &chat(101, 102, "all is well"));
        fixture.soon();
        assert_eq!(chats_received(&mut fixture, bob), 1, "seed {seed}");
    }
}
