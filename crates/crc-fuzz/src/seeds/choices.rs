//! The choices that make up frames, for the seeds of all targets but those of the wire
//! formats.

use crate::frames::{IDS, kind};
use crate::peers::MILLIS;

/// The choice of an id from the table.
pub(super) fn id(id: u32) -> u8 {
    let index = IDS.iter().position(|known| *known == id);
    let index = index.expect("an id of the table");
    u8::try_from(index).expect("the table is short")
}

/// The choice of a time from the table.
pub(super) fn millis(millis: u16) -> u8 {
    let index = MILLIS.iter().position(|known| *known == millis);
    let index = index.expect("a time of the table");
    u8::try_from(index).expect("the table is short")
}

/// No host.
pub(super) const NONE: u8 = 255;
/// Choices of names, infos and texts: see `frames`.
pub(super) const NAME: u8 = 4;
pub(super) const INFO: u8 = 0;
pub(super) const INFO_V2_CLIENT: u8 = 4;
pub(super) const INFO_V2_SERVER: u8 = 8;
pub(super) const TEXT_HELLO: u8 = 0;
pub(super) const TEXT_OF_SERVER: u8 = 4;
pub(super) const TEXT_OF_CLIENT: u8 = 5;
pub(super) const TEXT_ADDRESS: u8 = 8;
pub(super) const TEXT_LONG: u8 = 9;
pub(super) const ID_TAKEN: u8 = 2;

pub(super) fn register_server(source: u32, last_hop: u8) -> Vec<u8> {
    vec![kind::SERVER, id(source), last_hop, NAME, INFO]
}

pub(super) fn announce_server(source: u32, rank: u8, port: u8) -> Vec<u8> {
    let mut frame = vec![kind::SERVER, id(source), NONE, NAME];
    frame.extend([INFO_V2_SERVER, rank, port]);
    frame
}

pub(super) fn register_client(source: u32, last_hop: u8) -> Vec<u8> {
    vec![kind::CLIENT, id(source), last_hop, NAME, INFO]
}

pub(super) fn announce_client(source: u32) -> Vec<u8> {
    vec![kind::CLIENT, id(source), NONE, NAME, INFO_V2_CLIENT]
}

pub(super) fn chat(from: u32, to: u32) -> Vec<u8> {
    vec![kind::CHAT, id(from), id(to), TEXT_HELLO]
}

pub(super) fn quit(source: u32) -> Vec<u8> {
    vec![kind::QUIT, id(source), TEXT_HELLO]
}

pub(super) fn id_taken(text: u8, whose: u32) -> Vec<u8> {
    vec![kind::STATUS, id(1), NONE, ID_TAKEN, text, id(whose)]
}

pub(super) fn server_quit(source: u32, replacement: u8) -> Vec<u8> {
    vec![kind::SERVER_QUIT, id(source), replacement, TEXT_ADDRESS, 1]
}

pub(super) fn literal(bytes: &[u8]) -> Vec<u8> {
    let len = u8::try_from(bytes.len()).expect("seeds are short");
    [&[kind::LITERAL, len], bytes].concat()
}

/// The peer `peer` sends frames or lines, each by the operation `op` of the target.
pub(super) fn sends(op: u8, peer: u8, sent: &[Vec<u8>]) -> Vec<u8> {
    let sent = sent.iter();
    sent.flat_map(|sent| [&[op, peer][..], sent].concat())
        .collect()
}
