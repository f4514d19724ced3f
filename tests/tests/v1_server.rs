//! Original servers in a network of ours, above and below: they get what they
//! can take, at a pace they can take it, and their people and ours can talk.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use crc_e2e::fixture::Peer;
use crc_e2e::fixture::v1::{Profile, V1Client, V1Server};
use crc_e2e::fixture::wire;
use crc_e2e::fixture::{Fixture, Server, wait};

/// What may not be sent at once to an original.
const WRITE_BYTES_MAX: usize = 1024;

/// Two servers of ours with an original between them:
/// root (1) <- original (50) <- leaf (2), each with a client.
struct Between {
    _rig: Fixture,
    root: Server,
    leaf: Server,
    v1: V1Server,
    wren: V1Client,
    juno: V1Client,
}

/// Ids: our servers 1 and 2, the original 50; our clients wren (101) at 1 and
/// juno (102) at 2, its client pip (150).
#[track_caller]
fn between(profile: Profile) -> Between {
    let fixture = Fixture::new().unwrap();
    let root = fixture.server(1, "root").start().unwrap();
    let wren = V1Client::start(root.address(), 101, "wren", "w").unwrap();
    wren.wait_state(|state| !state.statuses.is_empty());

    let v1 = V1Server::start(profile, 50, "attic").unwrap();
    v1.add_client(150, "pip", "p");
    v1.dial(root.address()).unwrap();
    root.wait_hosts(&[50, 101, 150]).unwrap();
    v1.wait_state(|state| state.host_ids() == [1, 101, 150]);

    let leaf = fixture.server(2, "leaf").uplink(v1.address());
    let leaf = leaf.start().unwrap();
    leaf.wait_hosts(&[1, 50, 101, 150]).unwrap();
    let juno = V1Client::start(leaf.address(), 102, "juno", "j").unwrap();
    root.wait_hosts(&[2, 50, 101, 102, 150]).unwrap();
    v1.wait_state(|state| state.host_ids() == [1, 2, 101, 102, 150]);
    wren.wait_state(|state| state.client_ids() == [102, 150]);
    juno.wait_state(|state| state.client_ids() == [101, 150]);
    Between {
        _rig: fixture,
        root,
        leaf,
        v1,
        wren,
        juno,
    }
}

/// Everybody knows everybody, by the right way, and everybody talks.
#[track_caller]
fn check(profile: Profile) {
    let Between {
        root,
        leaf,
        v1,
        wren,
        juno,
        ..
    } = &between(profile);

    let links = |server: &Server| {
        let hosts = server.state().unwrap().hosts;
        let links = hosts.iter().map(|host| (host.id, host.first_link));
        links.collect::<Vec<_>>()
    };
    assert_eq!(
        links(root),
        [(2, 50), (50, 50), (101, 101), (102, 50), (150, 50)]
    );
    assert_eq!(
        links(leaf),
        [(1, 50), (50, 50), (101, 50), (102, 102), (150, 50)]
    );
    let state = v1.state();
    let links: Vec<_> = state
        .hosts
        .iter()
        .map(|(id, host)| (*id, host.first_link))
        .collect();
    assert_eq!(links, [(1, 1), (2, 2), (101, 1), (102, 2), (150, 150)]);
    // What is for machines is not for them.
    let infos: Vec<_> = state
        .hosts
        .values()
        .map(|host| host.info.as_str())
        .collect();
    assert_eq!(
        infos,
        ["The house of root", "The house of leaf", "w", "j", "p"]
    );

    v1.send_chat(150, 101, "up");
    v1.send_chat(150, 102, "down");
    wren.send_chat(150, "down one").unwrap();
    juno.send_chat(150, "up one").unwrap();
    wren.send_chat(102, "down two").unwrap();
    juno.send_chat(101, "up two").unwrap();
    let said = |from, text: &str| (from, text.to_owned());
    let mut to_wren = wren.wait_state(|state| state.chats.len() == 2).chats;
    to_wren.sort_unstable();
    assert_eq!(to_wren, [said(102, "up two"), said(150, "up")]);
    let mut to_juno = juno.wait_state(|state| state.chats.len() == 2).chats;
    to_juno.sort_unstable();
    assert_eq!(to_juno, [said(101, "down two"), said(150, "down")]);
    let mut to_pip = v1.wait_state(|state| state.chats.len() == 2).chats;
    to_pip.sort_unstable();
    let to_pip_said = |from, text: &str| (150, from, text.to_owned());
    assert_eq!(
        to_pip,
        [to_pip_said(101, "down one"), to_pip_said(102, "up one")]
    );

    // Each quit is heard by everybody.
    v1.quit_client(150, "off");
    wren.wait_state(|state| state.client_ids() == [102]);
    juno.wait_state(|state| state.client_ids() == [101]);
    juno.quit("me too").unwrap();
    wren.wait_state(|state| state.client_ids().is_empty());
    root.wait_hosts(&[2, 50, 101]).unwrap();
    let state = v1.wait_state(|state| state.host_ids() == [1, 2, 101]);
    assert_eq!(state.quits, [(102, "me too".to_owned())]);

    // And then there is peace: no complaints, no echoes of echoes.
    assert!(state.largest_read() <= WRITE_BYTES_MAX, "{:?}", state.reads);
    let counted = (
        root.state().unwrap().counters,
        leaf.state().unwrap().counters,
    );
    assert!(wait::stays(Duration::from_millis(300), || {
        v1.state().statuses.is_empty()
            && (
                root.state().unwrap().counters,
                leaf.state().unwrap().counters,
            ) == counted
    }));
    for server in [root, leaf] {
        assert_eq!(
            server.state().unwrap().status_log,
            [""; 0],
            "{}",
            server.name()
        );
    }
    assert_eq!(wren.state().status_texts(), [wire::welcome_text("wren")]);
}

#[test]
fn between_ours_server_a() {
    check(Profile::ALL[0]);
}

#[test]
fn between_ours_server_b() {
    check(Profile::ALL[1]);
}

#[test]
fn between_ours_server_c() {
    check(Profile::ALL[2]);
}

#[test]
fn between_ours_server_d() {
    check(Profile::ALL[3]);
}

#[test]
fn between_ours_server_e() {
    check(Profile::ALL[4]);
}

#[test]
fn what_it_could_not_take_is_not_sent() {
    let between = between(Profile::ALL[3]);
    let Between {
        root,
        v1,
        wren,
        juno,
        ..
    } = &between;
    // Longer than it reads: answered, to a v1 client by what it knows.
    let long = "x".repeat(WRITE_BYTES_MAX);
    wren.send_chat(150, &long).unwrap();
    let state = wren.wait_state(|state| state.statuses.len() == 2);
    assert_eq!(state.status_texts()[1], "Unknown ID 150");
    wren.send_chat(102, &long).unwrap();
    let state = wren.wait_state(|state| state.statuses.len() == 3);
    assert_eq!(state.status_texts()[2], "Unknown ID 102");
    // As long as can be: it arrives, alone in its write.
    let longest = "y".repeat(WRITE_BYTES_MAX - 13);
    wren.send_chat(150, &longest).unwrap();
    let state = v1.wait_state(|state| !state.chats.is_empty());
    assert_eq!(state.chats, [(150, 101, longest)]);
    // Its encoder would cut what is not ASCII.
    juno.send_chat(101, "Grüße").unwrap();
    let state = wren.wait_state(|state| !state.chats.is_empty());
    assert_eq!(state.chats, [(102, "Gr??e".to_owned())]);
    let info = "Frühstück ".repeat(40);
    let mut newt = Peer::connect(root.address()).unwrap();
    newt.send(&wire::client_registration(103, 0, "newt", &info))
        .unwrap();
    let state = v1.wait_state(|state| state.hosts.contains_key(&103));
    assert!(state.hosts[&103].info.is_ascii(), "{:?}", state.hosts[&103]);
    assert!(state.largest_read() <= WRITE_BYTES_MAX, "{:?}", state.reads);
}

#[test]
fn a_server_that_leaves_leaves_no_clients_behind() {
    let Between {
        _rig: fixture,
        root,
        mut leaf,
        v1,
        wren,
        juno,
    } = between(Profile::ALL[1]);
    // In good order: no 0x02 frame, a quit for each client, and no more.
    assert!(leaf.stop());
    juno.wait_state(|state| state.ended);
    wren.wait_state(|state| state.client_ids() == [150]);
    let state = v1.wait_state(|state| state.ended == 1);
    assert_eq!(
        state.host_ids(),
        [1, 2, 101, 150],
        "the ghost of the server stays"
    );
    assert_eq!(state.quits.len(), 1);
    drop((wren, root, fixture));
}

const MANY: u32 = 300;

/// Many clients, from `first`, that are only there, and keep still.
fn many_clients(server: &Server, first: u32) -> Vec<Peer> {
    let ids = first..first + MANY;
    let clients = ids.map(|id| {
        let mut peer = Peer::connect(server.address()).unwrap();
        let name = format!("extra{id}");
        peer.send(&wire::client_registration(id, 0, &name, "one of many"))
            .unwrap();
        peer
    });
    clients.collect()
}

#[test]
fn many_hosts_are_told_to_one_that_dials() {
    let fixture = Fixture::new().unwrap();
    let root = fixture.server(1, "root").start().unwrap();
    let leaf = fixture.server(2, "leaf").uplink(root.address());
    let leaf = leaf.start().unwrap();
    let _clients = [many_clients(&root, 1001), many_clients(&leaf, 2001)];
    let known = 2 * usize::try_from(MANY).unwrap() + 1;
    leaf.wait_state(|state| state.hosts.len() == known).unwrap();

    let v1 = V1Server::start(Profile::ALL[3], 50, "attic").unwrap();
    v1.add_client(150, "pip", "p");
    v1.dial(leaf.address()).unwrap();
    let state = v1.wait_state(|state| state.hosts.len() == known + 2);
    assert!(state.largest_read() <= WRITE_BYTES_MAX, "{:?}", state.reads);
    assert!(state.statuses.is_empty(), "{:?}", state.statuses);
    root.wait_state(|state| state.host(150).is_some()).unwrap();
}

#[test]
fn many_hosts_are_told_to_one_that_was_dialled() {
    let fixture = Fixture::new().unwrap();
    let v1 = V1Server::start(Profile::ALL[3], 50, "attic").unwrap();
    let root = fixture.server(1, "root").uplink(v1.address());
    let root = root.start().unwrap();
    root.wait_hosts(&[50]).unwrap();
    let leaf = fixture.server(2, "leaf").uplink(root.address());
    let leaf = leaf.start().unwrap();
    let clients = many_clients(&leaf, 2001);
    let count = usize::try_from(MANY).unwrap();
    let state = v1.wait_state(|state| state.hosts.len() == count + 2);
    assert!(state.largest_read() <= WRITE_BYTES_MAX, "{:?}", state.reads);

    // And all their quits, at once.
    drop(clients);
    let state = v1.wait_state(|state| state.host_ids() == [1, 2]);
    assert!(state.largest_read() <= WRITE_BYTES_MAX, "{:?}", state.reads);
    assert_eq!(state.quits.len(), count);
    assert!(state.statuses.is_empty(), "{:?}", state.statuses);
}

/// They never forget, and refuse a server that comes back under its old id.
#[track_caller]
fn check_return(profile: Profile) {
    let Between {
        _rig: fixture,
        root,
        leaf,
        v1,
        wren,
        juno,
    } = between(profile);
    v1.drop_connections();
    // The leaf dials again, and its client is moved to the new id on that link.
    let state = v1.wait_state(|state| {
        let juno = state.hosts.get(&102);
        juno.is_some_and(|juno| juno.first_link != 2)
    });
    let alias = state.hosts[&102].first_link;
    assert_eq!(state.host_ids().len(), 6, "{state:#?}");
    assert_eq!(state.hosts[&alias].name, "leaf");
    leaf.wait_state(|state| state.host(150).is_some()).unwrap();
    assert_eq!(leaf.state().unwrap().host(alias), None);
    assert_eq!(leaf.state().unwrap().host(2), None);
    juno.send_chat(150, "back again").unwrap();
    v1.wait_state(|state| state.chats == [(150, 102, "back again".to_owned())]);
    v1.send_chat(150, 102, "so you are");
    juno.wait_state(|state| state.chats == [(150, "so you are".to_owned())]);
    let late = V1Client::start(leaf.address(), 103, "late", "l").unwrap();
    let state = v1.wait_state(|state| state.hosts.contains_key(&103));
    assert_eq!(state.hosts[&103].first_link, alias);
    assert!(state.statuses.is_empty(), "{:?}", state.statuses);
    drop((late, wren, root, fixture));
}

#[test]
fn coming_back_to_server_a() {
    check_return(Profile::ALL[0]);
}

#[test]
fn coming_back_to_server_c() {
    check_return(Profile::ALL[2]);
}

#[test]
fn coming_back_to_server_d() {
    check_return(Profile::ALL[3]);
}
