//! Where clients reach the servers, as servers tell each other and their clients.

use super::*;

/// A client that registers and announces that it takes lists.
fn movable(fixture: &mut Fixture, node: usize, client: u32) -> usize {
    let peer = fixture.client(node, client);
    let info = "info [crc2;f=servers]";
    fixture.send_message(peer, &registration(Kind::Client, client, None, info));
    fixture.soon();
    peer
}

fn reachable_at(fixture: &mut Fixture, node: usize, addresses: &[&str]) {
    let addresses = addresses.iter().map(|it| it.parse().unwrap()).collect();
    let command = ServerCommand::ClientAddresses(addresses);
    fixture.handle(node, Event::Command(command));
}

/// The lists that a client was sent, and whether its server leaves.
fn told(fixture: &mut Fixture, peer: usize) -> Vec<String> {
    let statuses = fixture.received(peer).into_iter();
    let texts = statuses.filter_map(|message| match message {
        Message::Status(status) if [0x120, 0x102].contains(&status.code.0) => {
            Some(status.text.as_str().to_owned())
        }
        _ => None,
    });
    texts.collect()
}

/// Servers 0, 1 and 2 in a line; 0 and 2 say where clients reach them.
fn line() -> Fixture {
    let mut fixture = Fixture::new(1);
    let root = fixture.server(None);
    let middle = fixture.server(Some(root));
    let leaf = fixture.server(Some(middle));
    reachable_at(&mut fixture, root, &["root:1", "tls://root:2"]);
    fixture.run(Duration::from_secs(2));
    reachable_at(&mut fixture, leaf, &["leaf:1"]);
    fixture.run(Duration::from_secs(12));
    fixture
}

#[test]
fn clients_that_take_lists_are_told_the_other_servers_at_the_welcome() {
    let mut fixture = line();
    let (at_root, at_leaf) = (movable(&mut fixture, 0, 101), movable(&mut fixture, 2, 102));
    let [at_middle, next] = [103, 104].map(|id| movable(&mut fixture, 1, id));
    let old = fixture.v2_client(1, 105);
    fixture.run(Duration::from_secs(30));
    assert_eq!(told(&mut fixture, at_root), ["leaf:1"]);
    assert_eq!(told(&mut fixture, at_leaf), ["root:1 tls://root:2"]);
    // Not all clients go to the same one.
    assert_eq!(
        told(&mut fixture, at_middle),
        ["leaf:1 root:1 tls://root:2"]
    );
    assert_eq!(told(&mut fixture, next), ["root:1 tls://root:2 leaf:1"]);
    let none: [&str; 0] = [];
    assert_eq!(told(&mut fixture, old), none);
}

#[test]
fn clients_are_told_of_new_addresses_and_not_too_often() {
    let mut fixture = line();
    let client = movable(&mut fixture, 0, 101);
    assert_eq!(told(&mut fixture, client).len(), 1);
    // A server that flickers.
    for number in 0..40 {
        reachable_at(&mut fixture, 2, &[&format!("leaf{number}:1")]);
        fixture.run(Duration::from_millis(500));
    }
    let lists = told(&mut fixture, client);
    assert!((2..=3).contains(&lists.len()), "{lists:?}");
    fixture.run(Duration::from_secs(20));
    assert_eq!(told(&mut fixture, client), ["leaf39:1"]);
    // What is gone is no news.
    fixture.kill(2);
    fixture.run(Duration::from_secs(20));
    let none: [&str; 0] = [];
    assert_eq!(told(&mut fixture, client), none);
    let later = movable(&mut fixture, 0, 102);
    assert_eq!(told(&mut fixture, later), none);
}

#[test]
fn a_server_that_leaves_names_where_to_go() {
    let mut fixture = line();
    let client = movable(&mut fixture, 1, 103);
    told(&mut fixture, client);
    let reason = "upgrade".into();
    fixture.handle(1, Event::Command(ServerCommand::Leave { reason }));
    fixture.soon();
    assert_eq!(
        told(&mut fixture, client),
        ["leaf:1 root:1 tls://root:2", "Server leaving: upgrade"]
    );
}

#[test]
fn a_server_that_invents_others_cannot_make_the_list_grow() {
    let (mut fixture, hostile) = with_v2_neighbour();
    let good = fixture.server(Some(0));
    reachable_at(&mut fixture, good, &["good:1"]);
    let client = movable(&mut fixture, 0, 101);
    for number in 0..2_000 {
        let info = format!("info [crc2;c=x{number}:1,y{number}:1,z:1,z:2,z:3,z:4;f=]");
        let invented = registration(Kind::Server, 1_000 + number, Some(77), &info);
        fixture.send_message(hostile, &invented);
    }
    fixture.run(Duration::from_secs(30));
    let lists = told(&mut fixture, client);
    assert!((1..=4).contains(&lists.len()), "{}", lists.len());
    let last = lists.last().unwrap();
    assert!(
        last.split(' ').count() <= 16 && last.contains("good:1"),
        "{last}"
    );
}

#[test]
fn a_long_info_leaves_less_room_for_addresses() {
    let mut fixture = Fixture::new(1);
    let mut config = config(0);
    config.info = crc_wire::Info::truncated(&"i".repeat(512)).into_owned();
    let server = fixture.server_with(config);
    let host = |letter: char| format!("{}:1", letter.to_string().repeat(250));
    let addresses = [host('a'), host('b'), host('c')];
    reachable_at(&mut fixture, server, &addresses.each_ref().map(|it| &**it));
    let peer = fixture.connect(server);
    fixture.introduce_v2(peer, 77, "f=server-quit");
    let announced = fixture.received(peer).into_iter().find_map(|message| {
        let Message::ServerRegistration(it) = message else {
            return None;
        };
        it.info.as_str().contains("[crc2").then(|| it.into_owned())
    });
    let announced = announced.unwrap();
    assert!(
        announced
            .info
            .as_str()
            .contains(&format!(";c={};", host('a')))
    );
    assert!(Message::ServerRegistration(announced).to_vec().len() <= 1024);
}

#[test]
fn only_its_own_server_tells_a_client_where_to_go() {
    let (mut fixture, hostile) = with_v2_neighbour();
    let client = movable(&mut fixture, 0, 101);
    fixture.send_message(hostile, &status(77, 101, 0x120, "evil:1"));
    fixture.soon();
    let none: [&str; 0] = [];
    assert_eq!(told(&mut fixture, client), none);
}
