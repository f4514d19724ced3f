//! Whom a server dials of those that others announce, that a rendezvous lists, or that a
//! leaving server names.

use std::collections::BTreeSet;

use crc_core::{Event, ServerCommand, Timestamp};
use crc_wire::{Message, ServerQuit, Text};

use super::*;

/// A server that `teller` announces.
fn announce(fixture: &mut Fixture, teller: (usize, u32), host: u32, machine: &str) {
    let info = format!("info [crc2;{machine};f=server-quit]");
    let message = registration(Kind::Server, host, Some(teller.1), &info);
    fixture.send_message(teller.0, &message);
}

/// The addresses that a server has dialled since `from`.
fn dialled(fixture: &Fixture, node: usize, from: usize) -> Vec<&str> {
    let dials = fixture.dials[from..].iter();
    let by = dials.filter(|(by, ..)| *by == node);
    by.map(|(_, to, _)| &**to).collect()
}

#[test]
fn a_server_in_service_dials_nobody_that_is_announced() {
    // A root with a child, and one that has lost it again.
    let (mut fixture, root) = alone();
    let child = fixture.connect(root);
    fixture.introduce_v2(child, 77, "a=127.0.0.1:7;r=0;f=server-quit");
    for number in 0..5 {
        let machine = format!("a=127.0.0.1:{};r=0", 1 + number);
        announce(&mut fixture, (child, 77), 80 + number, &machine);
    }
    announce(&mut fixture, (child, 77), 90, "a=invented.example:1;r=0");
    fixture.run(Duration::from_secs(40));
    assert_eq!(fixture.known(root).len(), 7);
    assert_eq!(fixture.dials, []);
    fixture.close_peer(child);
    fixture.run(Duration::from_secs(120));
    assert_eq!(fixture.known(root).len(), 0);
    assert_eq!(fixture.dials, []);

    // One that is linked.
    let mut fixture = Fixture::new(1);
    let server = server_with_uplinks(&mut fixture, &["r0"]);
    let uplink = fixture.newest("r0");
    fixture.introduce_v2(uplink, 77, "r=4;f=server-quit");
    announce(&mut fixture, (uplink, 77), 80, "a=127.0.0.1:1;r=0");
    fixture.run(Duration::from_secs(40));
    assert_eq!(dialled(&fixture, server, 0), ["r0:1"]);
}

#[test]
fn a_server_that_links_by_tls_does_not_fall_back_to_less() {
    let listed = [
        "192.0.2.1:1",
        "tls://192.0.2.2:1",
        "listed:1",
        "tls://listed:2",
        "127.0.0.1:5",
    ];
    let found = listed.map(|address| address.parse().unwrap()).to_vec();
    let by_tls = ["tls://192.0.2.2:1", "tls://listed:2", "127.0.0.1:5"];
    for (uplinks, dialled_too) in [
        (&["tls://r0:1"][..], &by_tls[..]),
        (&["tls://r0:1", "r1:1"], &listed),
        (&[], &listed),
    ] {
        let mut fixture = Fixture::new(1);
        let mut config = config(0);
        config.server_peers = vec!["0.0.0.0/0".parse().unwrap()];
        config.connect = uplinks.iter().map(|to| to.parse().unwrap()).collect();
        config.candidates_within = Some(Duration::from_secs(5));
        let server = fixture.server_with(config);
        let found = ServerCommand::Candidates(found.clone());
        fixture.handle(server, Event::Command(found));
        fixture.run(Duration::from_secs(60));
        let dialled = dialled(&fixture, server, 0).into_iter();
        let dialled: BTreeSet<_> = dialled.map(str::to_owned).collect();
        let all = uplinks.iter().chain(dialled_too).map(ToString::to_string);
        assert_eq!(dialled, all.collect::<BTreeSet<_>>());
    }
}

#[test]
fn only_servers_in_permitted_networks_are_dialled() {
    let mut fixture = Fixture::new(1);
    let mut config = config(0);
    config.server_peers = vec!["10.1.0.0/16".parse().unwrap()];
    // Explicit configuration is permission.
    config.connect = vec!["127.0.0.1:9".parse().unwrap(), "r0:1".parse().unwrap()];
    fixture.listen_peer("r0");
    let server = fixture.server_with(config);
    let found = ["10.2.0.1:1", "10.1.0.1:1", "listed:1", "[::1]:1"];
    let found = found.map(|address| address.parse().unwrap()).to_vec();
    fixture.handle(server, Event::Command(ServerCommand::Candidates(found)));
    fixture.run(Duration::from_secs(2));
    let uplink = fixture.newest("r0");
    fixture.introduce_v2(uplink, 77, "a=10.2.0.2:1;r=4;f=server-quit");
    for (host, address) in [
        (1_001, "10.2.0.3:1"),
        (1_002, "[::ffff:10.1.0.3]:1"),
        (1_003, "announced:1"),
        (1_004, "192.0.2.1:1"),
    ] {
        announce(
            &mut fixture,
            (uplink, 77),
            host,
            &format!("a={address};r=1"),
        );
    }
    fixture.soon();
    let quit = |replacement, text: &'static str| {
        Message::ServerQuit(ServerQuit {
            source: id(77),
            replacement: Some(id(replacement)),
            text: Text::new(text).unwrap(),
        })
    };
    fixture.send_message(uplink, &quit(1_001, "10.2.0.3:1 maintenance"));
    fixture.peer_listeners.remove("r0");
    fixture.soon();
    let from = fixture.dials.len();
    fixture.run(Duration::from_secs(300));
    let mut dials = fixture.dials[from..].to_vec();
    dials.sort();
    dials.dedup();
    let expected = [
        ("10.1.0.1:1", true),
        ("127.0.0.1:9", false),
        ("[::ffff:10.1.0.3]:1", true),
        // Where a name leads is known to the driver only: it gets the networks.
        ("announced:1", true),
        ("listed:1", true),
        ("r0:1", false),
    ];
    let expected = expected.map(|(to, within)| (server, to.to_owned(), within));
    assert_eq!(dials, expected);
}

#[test]
fn a_name_outside_the_permitted_networks_is_looked_up_once() {
    let mut fixture = Fixture::new(1);
    fixture.not_permitted.insert("outside:1".to_owned());
    let server = server_with_uplinks(&mut fixture, &["r0"]);
    let uplink = fixture.newest("r0");
    fixture.introduce_v2(uplink, 77, "r=4;f=server-quit");
    announce(&mut fixture, (uplink, 77), 80, "a=outside:1;r=1");
    fixture.soon();
    fixture.peer_listeners.remove("r0");
    fixture.close_peer(uplink);
    fixture.run(Duration::from_secs(600));
    let dials = dialled(&fixture, server, 0);
    assert_eq!(dials.iter().filter(|to| **to == "outside:1").count(), 1);
    assert!(dials.iter().filter(|to| **to == "r0:1").count() > 5);
}

#[test]
fn what_is_said_to_come_before_this_server_is_not_passed_on_with_its_address() {
    let mut fixture = Fixture::new(1);
    let server = server_with_uplinks(&mut fixture, &["r0"]);
    let uplink = fixture.newest("r0");
    fixture.introduce_v2(uplink, 70, "r=4;f=server-quit");
    let below = fixture.connect(server);
    fixture.introduce_v2(below, 77, "r=6;f=server-quit");
    fixture.received(uplink);
    let teller = (below, 77);
    announce(&mut fixture, teller, 80, "a=127.0.0.1:1;r=0");
    announce(&mut fixture, teller, 81, "a=127.0.0.1:1;r=7");
    fixture.soon();
    let heard = fixture.received(uplink);
    let infos = heard.iter().map(|message| match message {
        Message::ServerRegistration(r) => r.info.as_str(),
        _ => "",
    });
    let expected = [
        "info [crc2;r=0;f=server-quit]",
        "info [crc2;a=127.0.0.1:1;r=7;f=server-quit]",
    ];
    assert_eq!(infos.collect::<Vec<_>>(), expected);
}

/// A network of a root with two children, and a third child that announces 1,100 servers
/// that do not exist. The root dies.
fn heals_after(ghosts: u32) -> Duration {
    let mut fixture = Fixture::new(1);
    let root = fixture.server(None);
    let [first, second] = [fixture.server(Some(root)), fixture.server(Some(root))];
    fixture.run(Duration::from_secs(60));
    let hostile = fixture.connect(root);
    fixture.introduce_v2(hostile, 77, "a=127.0.0.1:5000;r=0;f=server-quit");
    for number in 0..ghosts {
        let machine = format!("a=127.0.0.1:{};r=0", 10_000 + number);
        announce(&mut fixture, (hostile, 77), 10_000 + number, &machine);
    }
    fixture.run(Duration::from_secs(10));
    assert_eq!(
        fixture.known(second).len() as u32,
        3 + ghosts,
        "they are told"
    );
    fixture.kill(root);
    let since = fixture.now();
    loop {
        let uplink = fixture.nodes[second].server.snapshot().uplink();
        if uplink.is_some_and(|(host, _)| host == fixture.nodes[first].server.snapshot().id()) {
            break fixture.now().since(since);
        }
        fixture.run(Duration::from_millis(100));
        assert!(fixture.now() < Timestamp::START + Duration::from_secs(600));
    }
}

#[test]
fn ghosts_do_not_keep_a_network_from_healing() {
    let usual = heals_after(0);
    let with_ghosts = heals_after(1_100);
    assert!(usual < Duration::from_secs(5), "{usual:?}");
    assert!(with_ghosts < Duration::from_secs(10), "{with_ghosts:?}");
}

#[test]
fn servers_behind_a_lost_link_are_remembered_for_an_hour() {
    let mut fixture = Fixture::new(1);
    let server = server_with_uplinks(&mut fixture, &["r0"]);
    let uplink = fixture.newest("r0");
    fixture.introduce_v2(uplink, 77, "a=127.0.0.1:5000;r=4;f=server-quit");
    announce(&mut fixture, (uplink, 77), 80, "a=127.0.0.1:5001;r=1");
    fixture.soon();
    fixture.peer_listeners.remove("r0");
    fixture.close_peer(uplink);
    fixture.run(Duration::from_secs(3_500));
    let mut from = 0;
    let mut dials = |fixture: &Fixture| {
        let mut dials: Vec<_> = dialled(fixture, server, from);
        dials.sort_unstable();
        dials.dedup();
        let dials = dials.join(" ");
        from = fixture.dials.len();
        dials
    };
    let all = "127.0.0.1:5000 127.0.0.1:5001 r0:1";
    assert_eq!(dials(&fixture), all);
    fixture.run(Duration::from_secs(110));
    dials(&fixture);
    fixture.run(Duration::from_secs(3_600));
    assert_eq!(
        dials(&fixture),
        "127.0.0.1:5000 r0:1",
        "its uplink for longer"
    );
    fixture.run(Duration::from_secs(24 * 3_600));
    dials(&fixture);
    fixture.run(Duration::from_secs(3_600));
    assert_eq!(dials(&fixture), "r0:1", "the configured one for ever");
}
