//! A v1 client at a v2 server: it receives what it can parse, byte for byte, in pieces
//! that fit its buffer, and nothing else.

use std::time::Duration;

use crc_e2e::fixture::Peer;
use crc_e2e::fixture::v1::V1Client;
use crc_e2e::fixture::wire::{self, Frame};
use crc_e2e::fixture::{Fixture, Server, wait};

/// The largest write to a node that may be v1.
const WRITE_BYTES_MAX: usize = 1024;

/// Registers a client that sends nothing more.
fn extra(server: &Server, id: u32) -> Peer {
    let mut peer = Peer::connect(server.address()).unwrap();
    peer.send(&wire::client_registration(
        id,
        0,
        &extra_name(id),
        &extra_info(id),
    ))
    .unwrap();
    peer
}

fn extra_name(id: u32) -> String {
    format!("extra{id}")
}

fn extra_info(id: u32) -> String {
    format!("one of many, number {id}")
}

#[test]
fn a_registration_is_answered_byte_for_byte() {
    let fixture = Fixture::new().unwrap();
    let server = fixture.server(1, "lantern").start().unwrap();
    let _others = [extra(&server, 101), extra(&server, 102)];
    server.wait_hosts(&[101, 102]).unwrap();

    let wren = V1Client::start(server.address(), 103, "wren", "\"Counts gulls\"").unwrap();
    let state = wren.wait_state(|state| state.clients.len() == 2);
    let expected = [
        wire::status(1, 103, 0, "Welcome to the Clemson Relay Chat network wren"),
        wire::client_registration(101, 1, &extra_name(101), &extra_info(101)),
        wire::client_registration(102, 1, &extra_name(102), &extra_info(102)),
    ];
    assert_eq!(wire::hex(&state.reads.bytes), wire::hex(&expected.concat()));

    // A v1 client receives registrations of clients, never of servers.
    let below = fixture
        .server(2, "quay")
        .uplink(server.address())
        .start()
        .unwrap();
    below.wait_hosts(&[1, 101, 102, 103]).unwrap();
    let juno = V1Client::start(below.address(), 104, "juno", "x").unwrap();
    juno.wait_state(|state| state.client_ids() == [101, 102, 103]);
    wren.wait_state(|state| state.client_ids() == [101, 102, 104]);
    server.wait_hosts(&[2, 101, 102, 103, 104]).unwrap();
    let state = wren.state();
    let joined = wire::client_registration(104, 1, "juno", "x");
    let all = [expected.concat(), joined].concat();
    assert_eq!(wire::hex(&state.reads.bytes), wire::hex(&all));
}

#[test]
fn a_long_burst_is_paced() {
    const COUNT: u32 = 300;
    let fixture = Fixture::new().unwrap();
    let server = fixture.server(1, "lantern").start().unwrap();
    let ids: Vec<u32> = (1001..1001 + COUNT).collect();
    let _others: Vec<Peer> = ids.iter().map(|&id| extra(&server, id)).collect();
    server.wait_hosts(&ids).unwrap();

    let wren = V1Client::start(server.address(), 103, "wren", "x").unwrap();
    let state = wren.wait_state(|state| state.client_ids() == ids);
    // The client would have crashed on a partial frame.
    assert!(
        state.reads.largest() <= WRITE_BYTES_MAX,
        "{:?}, {} late",
        state.reads.sizes,
        state.reads.late
    );
    for (id, client) in &state.clients {
        assert_eq!(
            (&client.name, &client.info),
            (&extra_name(*id), &extra_info(*id))
        );
        assert_eq!(client.last_hop, 1);
    }
    assert_eq!(state.status_texts(), [wire::welcome_text("wren")]);
}

#[test]
fn many_registrations_and_quits_are_paced() {
    const COUNT: u32 = 200;
    let fixture = Fixture::new().unwrap();
    let server = fixture.server(1, "lantern").start().unwrap();
    let wren = V1Client::start(server.address(), 103, "wren", "x").unwrap();
    wren.wait_state(|state| !state.statuses.is_empty());

    let ids: Vec<u32> = (1001..1001 + COUNT).collect();
    let others: Vec<Peer> = ids.iter().map(|&id| extra(&server, id)).collect();
    let state = wren.wait_state(|state| state.client_ids() == ids);
    assert!(
        state.reads.largest() <= WRITE_BYTES_MAX,
        "{:?}",
        state.reads.sizes
    );

    // The server announces the quit of each lost client once.
    drop(others);
    let state = wren.wait_state(|state| state.clients.is_empty());
    assert_eq!(state.departed.len(), ids.len());
    assert!(
        state.reads.largest() <= WRITE_BYTES_MAX,
        "{:?}",
        state.reads.sizes
    );
}

#[test]
fn a_client_receives_its_chats_statuses_and_quits_only() {
    let fixture = Fixture::new().unwrap();
    let server = fixture.server(1, "lantern").start().unwrap();
    let below = fixture
        .server(2, "quay")
        .uplink(server.address())
        .start()
        .unwrap();
    below.wait_hosts(&[1]).unwrap();
    let wren = V1Client::start(server.address(), 101, "wren", "x").unwrap();
    let juno = V1Client::start(below.address(), 102, "juno", "y").unwrap();
    wren.wait_state(|state| state.client_ids() == [102]);
    juno.wait_state(|state| state.client_ids() == [101]);

    wren.send_chat(102, "\"Hello, juno\"").unwrap();
    juno.wait_state(|state| state.chats == [(101, "\"Hello, juno\"".to_owned())]);
    juno.send_chat(101, "Zwölf Boxkämpfer").unwrap();
    wren.wait_state(|state| state.chats == [(102, "Zwölf Boxkämpfer".to_owned())]);
    for unknown in [999, 1, 2, 0] {
        wren.send_chat(unknown, "hello?").unwrap();
    }
    let state = wren.wait_state(|state| state.statuses.len() == 5);
    assert_eq!(
        state.status_texts(),
        [
            "Welcome to the Clemson Relay Chat network wren",
            "Unknown ID 999",
            "Unknown ID 1",
            "Unknown ID 2",
            "Unknown ID 0",
        ]
    );
    for frame in &state.statuses[1..] {
        let Frame::Status {
            source,
            destination,
            code,
            ..
        } = frame
        else {
            panic!("{frame:?}");
        };
        assert_eq!((*source, *destination, *code), (1, 101, 1));
    }

    // A quit arrives once at the other client, and not at its source.
    juno.quit("bye").unwrap();
    juno.wait_state(|state| state.ended);
    wren.wait_state(|state| state.clients.is_empty());
    wren.send_chat(102, "too late").unwrap();
    let state = wren.wait_state(|state| state.statuses.len() == 6);
    assert_eq!(state.status_texts()[5], "Unknown ID 102");
    assert!(wait::stays(Duration::from_millis(200), || {
        let state = wren.state();
        (state.statuses.len(), state.chats.len()) == (6, 1)
    }));
    assert_eq!(juno.state().status_texts(), [wire::welcome_text("juno")]);
}

#[test]
fn an_id_in_use_is_refused_and_the_connection_closed() {
    let fixture = Fixture::new().unwrap();
    let server = fixture.server(1, "lantern").start().unwrap();
    let wren = V1Client::start(server.address(), 101, "wren", "x").unwrap();
    wren.wait_state(|state| !state.statuses.is_empty());
    for (id, name) in [(101, "echo"), (1, "shadow")] {
        let refused = V1Client::start(server.address(), id, name, "x").unwrap();
        let state = refused.wait_state(|state| !state.statuses.is_empty());
        let text = wire::taken_text(wire::CLIENT_REGISTRATION, id);
        assert_eq!(
            wire::hex(&state.reads.bytes),
            wire::hex(&wire::status(1, 0, 2, &text))
        );
    }
    server.wait_hosts(&[101]).unwrap();
    assert!(wren.state().clients.is_empty());
    assert!(!wren.state().ended);
}

#[test]
fn the_burst_of_another_server_is_paced() {
    const COUNT: u32 = 1000;
    let fixture = Fixture::new().unwrap();
    let server = fixture.server(1, "lantern").start().unwrap();
    let wren = V1Client::start(server.address(), 103, "wren", "x").unwrap();
    wren.wait_state(|state| !state.statuses.is_empty());

    let mut other = Peer::connect(server.address()).unwrap();
    other
        .send(&wire::server_registration(2, 0, "quay", "y"))
        .unwrap();
    other.expect_frames(3);
    let ids = 1001..1001 + COUNT;
    let burst: Vec<u8> = ids
        .clone()
        .flat_map(|id| wire::client_registration(id, 2, &extra_name(id), &extra_info(id)))
        .collect();
    other.send(&burst).unwrap();
    let state = wren.wait_state(|state| state.client_ids() == ids.clone().collect::<Vec<_>>());
    assert!(
        state.reads.largest() <= WRITE_BYTES_MAX,
        "{:?}",
        state.reads.sizes
    );
}

#[test]
fn registrations_in_one_read_are_paced() {
    const COUNT: u32 = 300;
    let fixture = Fixture::new().unwrap();
    let mut server = fixture.server(1, "lantern").start().unwrap();
    let wren = V1Client::start(server.address(), 103, "wren", "x").unwrap();
    wren.wait_state(|state| !state.statuses.is_empty());

    // The server finds the registrations of all clients at once.
    let ids: Vec<u32> = (1001..1001 + COUNT).collect();
    let connect = |_: &u32| Peer::connect(server.address()).unwrap();
    let mut others: Vec<Peer> = ids.iter().map(connect).collect();
    server.process_mut().suspend();
    for (peer, &id) in others.iter_mut().zip(&ids) {
        peer.send(&wire::client_registration(
            id,
            0,
            &extra_name(id),
            &extra_info(id),
        ))
        .unwrap();
    }
    server.process_mut().resume();
    let state = wren.wait_state(|state| state.client_ids() == ids);
    assert!(
        state.reads.largest() <= WRITE_BYTES_MAX,
        "{:?}",
        state.reads.sizes
    );
}
