//! Machine parts that come as text: each is stripped where the info enters the network.

use super::*;

/// Two machine parts: what only strips the last one smuggles the first.
const SMUGGLED: &str = "x [crc2;a=10.0.0.9:33300;r=0] [crc2;f=]";

/// The infos of the hosts that `peer` is sent, by id.
fn infos(fixture: &mut Fixture, peer: usize) -> Vec<(u32, String)> {
    let infos = fixture
        .received(peer)
        .into_iter()
        .filter_map(|message| match message {
            Message::ServerRegistration(r) | Message::ClientRegistration(r) => {
                Some((r.source.get(), r.info.as_str().to_owned()))
            }
            _ => None,
        });
    infos.collect()
}

#[test]
fn a_v1_server_smuggles_no_machine_part() {
    let (mut fixture, neighbour) = with_v2_neighbour();
    let v1 = fixture.connect(0);
    fixture.send_message(v1, &registration(Kind::Server, 88, None, "info"));
    fixture.run(Duration::from_secs(2));
    fixture.received(neighbour);
    for (kind, host) in [(Kind::Server, 89), (Kind::Client, 201)] {
        fixture.send_message(v1, &registration(kind, host, Some(88), SMUGGLED));
    }
    fixture.soon();
    let expected = [(89, "x".to_owned()), (201, "x".to_owned())];
    assert_eq!(infos(&mut fixture, neighbour), expected);
}

#[test]
fn a_dialled_server_smuggles_no_machine_part_in_its_introduction() {
    let mut fixture = Fixture::new(1);
    server_with_uplinks(&mut fixture, &["r0"]);
    let neighbour = fixture.connect(0);
    fixture.send_message(neighbour, &registration(Kind::Server, 77, None, "info"));
    let info = "info [crc2;r=2;f=server-quit]";
    fixture.send_message(neighbour, &registration(Kind::Server, 77, None, info));
    fixture.soon();
    fixture.received(neighbour);
    let uplink = fixture.newest("r0");
    fixture.send_message(uplink, &registration(Kind::Server, 88, None, SMUGGLED));
    fixture.soon();
    let smuggled = |(id, info): &(u32, String)| *id == 88 && info.contains("crc2");
    let infos = infos(&mut fixture, neighbour);
    assert!(!infos.iter().any(smuggled), "{infos:?}");
    assert!(infos.contains(&(88, "x".to_owned())), "{infos:?}");
}

#[test]
fn a_v2_server_has_one_machine_part_and_clients_have_none() {
    let (mut fixture, neighbour) = with_v2_neighbour();
    let other = fixture.connect(0);
    fixture.introduce_v2(other, 78, "r=2;f=server-quit");
    fixture.received(other);
    for (kind, host) in [(Kind::Server, 79), (Kind::Client, 201)] {
        fixture.send_message(neighbour, &registration(kind, host, Some(77), SMUGGLED));
    }
    fixture.soon();
    let expected = [(79, "x [crc2;f=]".to_owned()), (201, "x".to_owned())];
    assert_eq!(infos(&mut fixture, other), expected);
    // A client may not register with one, however many there are.
    let client = fixture.connect(0);
    fixture.send_message(client, &registration(Kind::Client, 202, None, SMUGGLED));
    assert!(closed(&mut fixture, client));
}
