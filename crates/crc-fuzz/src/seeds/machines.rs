//! Seeds of the targets `server`, `client` and `network`.

use super::choices::{
    NONE, TEXT_LONG, TEXT_OF_CLIENT, TEXT_OF_SERVER, announce_server, chat, id, id_taken, literal,
    millis, quit, register_client, register_server, sends, server_quit,
};
use crate::frames::kind;
use crate::peers::act;

pub(super) fn server() -> Vec<(&'static str, Vec<u8>)> {
    use crate::server::{op, setup};
    const UNREGISTERED: u8 = 0;
    const V1_CLIENT: u8 = 1;
    const V2_CLIENT: u8 = 2;
    const V1_SERVER: u8 = 3;
    const V2_SERVER: u8 = 4;
    let arrive = |role: u8| vec![op::ARRIVE, role];
    let send = |peer: u8, frames: &[Vec<u8>]| sends(op::SEND, peer, frames);
    let run = |ms: u16| vec![op::PEER, act::RUN, millis(ms)];
    let up = setup::WITH_UPLINK;
    vec![
        (
            "clients_chat",
            [
                vec![0],
                arrive(V1_CLIENT),
                arrive(V2_CLIENT),
                send(0, &[chat(101, 202), chat(101, 1001)]),
                send(1, &[chat(202, 101), quit(202)]),
                run(1_000),
            ]
            .concat(),
        ),
        (
            "an_id_is_taken",
            [
                vec![0],
                arrive(V1_CLIENT),
                arrive(UNREGISTERED),
                send(1, &[register_client(101, NONE)]),
                arrive(UNREGISTERED),
                send(2, &[register_server(1, NONE)]),
            ]
            .concat(),
        ),
        (
            "servers_of_both_kinds",
            [
                vec![0],
                arrive(V2_SERVER),
                arrive(V1_SERVER),
                arrive(V2_CLIENT),
                run(1_001),
                send(
                    0,
                    &[register_client(102, id(77)), register_server(99, id(77))],
                ),
                send(1, &[register_client(103, id(88)), chat(103, 102)]),
                send(0, &[server_quit(99, NONE), server_quit(77, id(1))]),
            ]
            .concat(),
        ),
        (
            "an_id_v1_refuses",
            [
                vec![0],
                arrive(V1_SERVER),
                send(
                    0,
                    &[id_taken(TEXT_OF_SERVER, 1), id_taken(TEXT_OF_CLIENT, 101)],
                ),
                run(20_000),
                run(46_000),
            ]
            .concat(),
        ),
        (
            "an_uplink_leaves",
            [
                vec![up],
                send(0, &[register_server(77, NONE), announce_server(77, 0, 0)]),
                arrive(V2_CLIENT),
                send(
                    0,
                    &[register_client(201, id(77)), register_client(202, id(77))],
                ),
                send(0, &[server_quit(77, id(2))]),
                run(1_000),
                run(20_000),
            ]
            .concat(),
        ),
        (
            "an_uplink_refuses",
            [
                vec![up | setup::WITH_TWO],
                send(0, &[id_taken(TEXT_OF_SERVER, 1)]),
                run(2_000),
                send(1, &[register_server(88, NONE)]),
                run(2_000),
                vec![op::PEER, act::RESET, 1],
                run(2_000),
                send(2, &[id_taken(TEXT_OF_SERVER, 1)]),
                run(5_000),
            ]
            .concat(),
        ),
        (
            "slow_readers",
            [
                vec![setup::WITH_RATES],
                arrive(V1_CLIENT),
                arrive(V2_CLIENT),
                vec![op::PEER, act::TOGGLE_READING, 1],
                sends(
                    op::SEND_ALSO,
                    0,
                    &vec![vec![kind::CHAT, id(101), id(202), TEXT_LONG]; 4],
                ),
                vec![op::PASS_TIME, millis(1_000)],
                vec![op::STEP, 0, 5],
                vec![op::BREAK, 0],
            ]
            .concat(),
        ),
        (
            "pieces_and_damage",
            [
                vec![setup::WITH_RANK],
                arrive(UNREGISTERED),
                vec![op::SEND | op::HOLD, 0],
                register_client(101, NONE),
                vec![op::STEP, 0, 3, op::STEP, 0, 9, op::TICK],
                vec![op::SEND, 0, kind::CUT, 5],
                chat(101, 102),
                vec![op::SEND, 0, kind::DAMAGED, 9, 1],
                chat(101, 102),
                vec![op::STALE, 0, 0, op::STALE, 1, 1, op::STALE, 0, 2, 1, 0],
                vec![op::SEND, 0],
                literal(b"GET / HTTP/1.1\r\n\r\n"),
            ]
            .concat(),
        ),
        (
            "leaves",
            [
                vec![0],
                arrive(V2_SERVER),
                arrive(V2_CLIENT),
                arrive(V1_SERVER),
                run(1_001),
                vec![op::LEAVE],
                run(1_000),
            ]
            .concat(),
        ),
    ]
}

pub(super) fn client() -> Vec<(&'static str, Vec<u8>)> {
    use crate::client::op;
    let send = |frames: &[Vec<u8>]| -> Vec<u8> {
        let frames = frames.iter();
        frames
            .flat_map(|frame| [&[op::SEND][..], frame].concat())
            .collect()
    };
    let features = vec![kind::STATUS, id(1), id(1001), 3, 7];
    let run = |ms: u16| vec![op::PEER, act::RUN, millis(ms)];
    vec![
        (
            "served_by_v2",
            [
                vec![1, op::WELCOME],
                send(&[
                    register_client(101, id(1)),
                    features.clone(),
                    chat(101, 1001),
                ]),
                vec![op::CHAT, 100, 3],
                send(&[quit(101), id_taken(TEXT_OF_CLIENT, 1001)]),
                vec![op::QUIT],
            ]
            .concat(),
        ),
        (
            "served_by_v1",
            [
                vec![1, op::WELCOME],
                vec![op::CHAT, 100, 254, op::CHAT, 100, 40],
                run(2_000),
                vec![op::CHAT, 100, 255],
                run(50),
                vec![op::PEER, act::RESET, 0],
                run(1_000),
            ]
            .concat(),
        ),
        (
            "refused",
            [
                vec![0],
                send(&[id_taken(TEXT_OF_CLIENT, 1001)]),
                run(2_000),
                vec![op::WELCOME],
                vec![op::PASS_TIME, millis(5_000)],
                vec![op::CHAT, 100, 3, op::STEP, 0, 7],
                vec![op::PEER, act::CLOSE, 0],
                run(15_000),
            ]
            .concat(),
        ),
        (
            "in_channels",
            [
                vec![1, op::WELCOME],
                // The server's features; joins, parts, a refusal, a kick.
                vec![op::CHANNEL_FRAME, 0, 0, 0],
                vec![op::CHANNEL_COMMAND, 0, 0, 3, op::CHANNEL_COMMAND, 0, 2, 0],
                vec![op::CHANNEL_FRAME, 1, 1, 0x82],
                vec![op::CHANNEL_FRAME, 5, 1, 0x40],
                vec![op::CHANNEL_FRAME, 1, 1, 0],
                vec![op::CHANNEL_FRAME, 7, 2, 0],
                vec![op::CHANNEL_COMMAND, 5, 0, 9, op::CHANNEL_COMMAND, 6, 0, 9],
                vec![op::CHANNEL_COMMAND, 0, 2, 0, op::CHANNEL_FRAME, 2, 2, 1],
                vec![op::CHANNEL_COMMAND, 4, 2, 9, op::CHANNEL_COMMAND, 7, 1, 0],
                vec![op::CHANNEL_FRAME, 4, 0, 2, op::CHANNEL_FRAME, 6, 0, 0x12],
                vec![op::PEER, act::RESET, 0],
                run(1_000),
                vec![op::WELCOME, op::CHANNEL_FRAME, 0, 0, 0],
                vec![op::CHANNEL_FRAME, 1, 0, 1],
                vec![op::CHANNEL_FRAME, 3, 0, 0x41],
            ]
            .concat(),
        ),
        (
            "not_a_server",
            [
                vec![1, op::SEND_ALSO],
                literal(b"HTTP/1.1 400 Bad Request\r\n"),
                run(5_000),
                vec![op::WELCOME],
                send(&[register_server(2, NONE), server_quit(2, NONE)]),
            ]
            .concat(),
        ),
    ]
}

pub(super) fn network() -> Vec<(&'static str, Vec<u8>)> {
    use crate::network::op;
    let four = [
        vec![op::SERVER, 0, op::SERVER, 1],
        vec![op::RUN, millis(2_000)],
        vec![op::CLIENT, 0, 0, op::CLIENT, 1, 1],
        vec![op::CLIENT, 2, 2, op::CLIENT, 3, 9],
        vec![op::RUN, millis(1_001)],
    ]
    .concat();
    let chats = vec![
        op::CHAT,
        0,
        3,
        op::CHAT,
        1,
        2,
        op::CHAT_ALSO,
        2,
        6,
        op::CHAT,
        3,
        0,
    ];
    let then = |what: &[u8]| [&[1][..], &four, &chats, what, &chats].concat();
    vec![
        ("chats", then(&[op::RUN, millis(20_000)])),
        ("the_root_crashes", then(&[op::KILL, 0])),
        (
            "a_server_crashes_and_returns",
            then(&[op::KILL, 1, op::RUN, 7, op::RESTART, 1]),
        ),
        (
            "the_root_leaves",
            then(&[op::LEAVE, 0, op::RUN, millis(1_000)]),
        ),
        (
            "links_break",
            then(&[op::BREAK | op::HOLD, 0, op::BREAK, 1]),
        ),
        (
            "slow",
            then(&[
                op::CHAT | op::HOLD,
                0,
                3,
                op::PASS_TIME | op::HOLD,
                millis(46_000),
                op::STEP,
                0,
                4,
                op::STEPS,
                3,
                1,
                2,
                0,
            ]),
        ),
        (
            "one_id_twice",
            then(&[op::CLIENT | op::HOLD, 0, 4, op::CLIENT, 3, 4, op::QUIT, 0]),
        ),
    ]
}
