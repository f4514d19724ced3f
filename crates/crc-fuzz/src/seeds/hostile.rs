//! Seeds of the targets with hostile peers.

use super::choices::{
    NONE, TEXT_LONG, TEXT_OF_CLIENT, TEXT_OF_SERVER, announce_client, announce_server, chat, id,
    id_taken, literal, millis, quit, register_client, register_server, sends, server_quit,
};
use crate::frames::kind;
use crate::peers::act;

/// The first byte of the target, and frames of one of the peers.
fn hostile(first: u8, peer: u8, frames: &[Vec<u8>]) -> Vec<u8> {
    [vec![first], sends(act::SEND, peer, frames)].concat()
}

pub(super) fn unregistered() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("registers", hostile(0, 0, &[register_client(1001, NONE)])),
        ("sends_anything", hostile(0, 1, &[literal(&[0x80; 20])])),
        (
            "comes_and_goes",
            vec![
                0,
                act::CONNECT,
                1,
                act::TOGGLE_READING,
                2,
                act::RUN,
                millis(10_000),
                act::RESET,
                0,
                act::CLOSE,
                1,
            ],
        ),
        (
            "becomes_a_server",
            hostile(
                0,
                0,
                &[register_server(77, NONE), announce_server(77, 9, 0)],
            ),
        ),
    ]
}

pub(super) fn clients() -> Vec<(&'static str, Vec<u8>)> {
    let mut seeds = Vec::new();
    for first in [0, 1] {
        let own = if first == 0 { 101 } else { 201 };
        let names: [&'static str; 3] = match first {
            0 => ["v1_chats", "v1_lies", "v1_repeats"],
            _ => ["v2_chats", "v2_lies", "v2_repeats"],
        };
        seeds.extend([
            (
                names[0],
                hostile(first, 0, &[chat(own, 1001), chat(own, 99), quit(own)]),
            ),
            (names[1], hostile(first, 0, &[chat(1002, 1001), quit(1001)])),
            (
                names[2],
                hostile(
                    first,
                    0,
                    &[announce_client(own), register_client(own, NONE)],
                ),
            ),
        ]);
    }
    seeds
}

pub(super) fn servers() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        (
            "tells_of_others",
            hostile(
                0,
                0,
                &[
                    register_client(102, id(77)),
                    register_server(99, id(77)),
                    chat(102, 1001),
                    chat(102, 1002),
                    quit(102),
                    server_quit(99, NONE),
                ],
            ),
        ),
        (
            "takes_ids",
            hostile(
                0,
                0,
                &[register_client(1001, id(77)), register_client(1002, id(77))],
            ),
        ),
        (
            "makes_a_loop",
            hostile(
                0,
                1,
                &[register_server(1, id(77)), register_server(2, id(77))],
            ),
        ),
        (
            "speaks_for_others",
            hostile(
                0,
                0,
                &[
                    chat(1002, 1001),
                    quit(1002),
                    server_quit(2, NONE),
                    id_taken(TEXT_OF_CLIENT, 1001),
                ],
            ),
        ),
        (
            "two_have_one_client",
            [
                hostile(0, 0, &[register_client(102, NONE)]),
                sends(act::SEND, 1, &[register_client(102, NONE), chat(102, 1001)]),
            ]
            .concat(),
        ),
        ("leaves_with_a_long_text", {
            let hop = id(77);
            let ids = [99, 101, 102, 103, 201, 202, 1003, u32::MAX];
            let mut frames: Vec<_> = ids.map(|id| register_client(id, hop)).into();
            frames.extend([3, 4].map(|id| register_server(id, hop)));
            frames.push(vec![kind::SERVER_QUIT, id(77), NONE, TEXT_LONG]);
            hostile(0, 0, &frames)
        }),
    ]
}

pub(super) fn uplinks() -> Vec<(&'static str, Vec<u8>)> {
    let own = |first: u8| if first == 0 { 88 } else { 77 };
    let mut seeds = Vec::new();
    for first in [0, 1] {
        let names: [&'static str; 3] = match first {
            0 => ["v1_takes_ids", "v1_refuses", "v1_leaves"],
            _ => ["v2_takes_ids", "v2_refuses", "v2_leaves"],
        };
        let hop = id(own(first));
        seeds.extend([
            (
                names[0],
                hostile(
                    first,
                    0,
                    &[register_client(1001, hop), register_client(1002, hop)],
                ),
            ),
            (
                names[1],
                [
                    vec![first, act::RESET, 0, act::RUN, millis(2_000)],
                    sends(act::SEND, 1, &[id_taken(TEXT_OF_SERVER, 1)]),
                    vec![act::RUN, millis(5_000)],
                ]
                .concat(),
            ),
            (
                names[2],
                [
                    hostile(first, 0, &[announce_server(own(first), 250, 1)]),
                    sends(act::SEND, 0, &[server_quit(own(first), id(2))]),
                    vec![act::RUN, millis(20_000)],
                ]
                .concat(),
            ),
        ]);
    }
    seeds
}
