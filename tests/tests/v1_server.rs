//! A v1 server between two v2 servers: it receives what it can parse, at its pace, and
//! the clients of all three can chat.

use std::time::Duration;

use crc_e2e::fixture::Peer;
use crc_e2e::fixture::v1::{Profile, V1Client, V1Server};
use crc_e2e::fixture::wire;
use crc_e2e::fixture::{Fixture, Server, wait};

/// The largest write to a v1 server.
const WRITE_BYTES_MAX: usize = 1024;

/// A v1 server between two v2 servers: root (1) <- v1 (50) <- leaf (2), each with a
/// client: wren (101), pip (150) and juno (102).
struct Chain {
    _fixture: Fixture,
    root: Server,
    leaf: Server,
    v1: V1Server,
    wren: V1Client,
    juno: V1Client,
}

#[track_caller]
fn start_chain(profile: Profile) -> Chain {
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
    Chain {
        _fixture: fixture,
        root,
        leaf,
        v1,
        wren,
        juno,
    }
}

/// Checks routes, chats and quits.
#[track_caller]
fn check(profile: Profile) {
    let Chain {
        root,
        leaf,
        v1,
        wren,
        juno,
        ..
    } = &start_chain(profile);

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
    // The v1 server receives infos without v2 announcements.
    let infos: Vec<_> = state
        .hosts
        .values()
        .map(|host| host.info.as_str())
        .collect();
    assert_eq!(infos, ["server root", "server leaf", "w", "j", "p"]);

    v1.send_chat(150, 101, "up");
    v1.send_chat(150, 102, "down");
    wren.send_chat(150, "down one").unwrap();
    juno.send_chat(150, "up one").unwrap();
    wren.send_chat(102, "down two").unwrap();
    juno.send_chat(101, "up two").unwrap();
    let chat = |from, text: &str| (from, text.to_owned());
    let mut to_wren = wren.wait_state(|state| state.chats.len() == 2).chats;
    to_wren.sort_unstable();
    assert_eq!(to_wren, [chat(102, "up two"), chat(150, "up")]);
    let mut to_juno = juno.wait_state(|state| state.chats.len() == 2).chats;
    to_juno.sort_unstable();
    assert_eq!(to_juno, [chat(101, "down two"), chat(150, "down")]);
    let mut to_pip = v1.wait_state(|state| state.chats.len() == 2).chats;
    to_pip.sort_unstable();
    let chat_to_pip = |from, text: &str| (150, from, text.to_owned());
    assert_eq!(
        to_pip,
        [chat_to_pip(101, "down one"), chat_to_pip(102, "up one")]
    );

    // Each quit reaches all.
    v1.quit_client(150, "off");
    wren.wait_state(|state| state.client_ids() == [102]);
    juno.wait_state(|state| state.client_ids() == [101]);
    juno.quit("me too").unwrap();
    wren.wait_state(|state| state.client_ids().is_empty());
    root.wait_hosts(&[2, 50, 101]).unwrap();
    let state = v1.wait_state(|state| state.host_ids() == [1, 2, 101]);
    assert_eq!(state.quits, [(102, "me too".to_owned())]);

    // Then no status arrives and no counter changes.
    assert!(state.largest_read() <= WRITE_BYTES_MAX, "{:?}", state.reads);
    let counted = || [root, leaf].map(|server| server.state().unwrap().counters);
    let at_rest = || {
        let before = counted();
        wait::stays(Duration::from_millis(300), || counted() == before)
    };
    assert!(wait::holds(wait::LONG, at_rest));
    let statuses = v1.state().statuses;
    assert!(statuses.is_empty(), "{statuses:?}");
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
fn server_a_between_v2_servers() {
    check(Profile::ALL[0]);
}

#[test]
fn server_b_between_v2_servers() {
    check(Profile::ALL[1]);
}

#[test]
fn server_c_between_v2_servers() {
    check(Profile::ALL[2]);
}

#[test]
fn server_d_between_v2_servers() {
    check(Profile::ALL[3]);
}

#[test]
fn server_e_between_v2_servers() {
    check(Profile::ALL[4]);
}

#[test]
fn frames_that_a_v1_server_cannot_take_are_not_sent() {
    let chain = start_chain(Profile::ALL[3]);
    let Chain {
        root,
        v1,
        wren,
        juno,
        ..
    } = &chain;
    // Longer than its buffer: a v1 client receives an answer that it knows.
    let long = "x".repeat(WRITE_BYTES_MAX);
    wren.send_chat(150, &long).unwrap();
    let state = wren.wait_state(|state| state.statuses.len() == 2);
    assert_eq!(state.status_texts()[1], "Unknown ID 150");
    wren.send_chat(102, &long).unwrap();
    let state = wren.wait_state(|state| state.statuses.len() == 3);
    assert_eq!(state.status_texts()[2], "Unknown ID 102");
    // The longest possible text arrives, alone in its write.
    let longest = "y".repeat(WRITE_BYTES_MAX - 13);
    wren.send_chat(150, &longest).unwrap();
    let state = v1.wait_state(|state| !state.chats.is_empty());
    assert_eq!(state.chats, [(150, 101, longest)]);
    // The encoder of v1 servers truncates text that is not ASCII.
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
fn a_shutdown_sends_a_quit_for_each_client() {
    let Chain {
        _fixture: fixture,
        root,
        mut leaf,
        v1,
        wren,
        juno,
    } = start_chain(Profile::ALL[1]);
    // No server quit (0x02), one quit for each client.
    assert!(leaf.stop());
    juno.wait_state(|state| state.ended);
    wren.wait_state(|state| state.client_ids() == [150]);
    let state = v1.wait_state(|state| state.ended == 1);
    assert_eq!(
        state.host_ids(),
        [1, 2, 101, 150],
        "the v1 server never forgets a server"
    );
    assert_eq!(state.quits.len(), 1);
    drop((wren, root, fixture));
}

const MANY: u32 = 300;

/// Registers many clients, with ids from `first`, that send nothing more.
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
fn the_burst_to_a_dialling_v1_server_is_paced() {
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
fn the_burst_to_a_dialled_v1_server_is_paced() {
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

    // All quits at once.
    drop(clients);
    let state = v1.wait_state(|state| state.host_ids() == [1, 2]);
    assert!(state.largest_read() <= WRITE_BYTES_MAX, "{:?}", state.reads);
    assert_eq!(state.quits.len(), count);
    assert!(state.statuses.is_empty(), "{:?}", state.statuses);
}

/// A v1 server never forgets a server, and refuses it under its old id.
#[track_caller]
fn check_return(profile: Profile) {
    let Chain {
        _fixture: fixture,
        root,
        leaf,
        v1,
        wren,
        juno,
    } = start_chain(profile);
    v1.drop_connections();
    // The leaf links again under a new id, and its client moves to that id.
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
fn a_v2_server_links_to_server_a_again() {
    check_return(Profile::ALL[0]);
}

#[test]
fn a_v2_server_links_to_server_c_again() {
    check_return(Profile::ALL[2]);
}

#[test]
fn a_v2_server_links_to_server_d_again() {
    check_return(Profile::ALL[3]);
}
