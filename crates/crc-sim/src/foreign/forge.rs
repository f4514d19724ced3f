//! Frames about operators and bans, as hostile nodes send them.

use crc_core::Random;
use crc_netem::Draw;
use crc_wire::{ChannelRequest, HostId, Message, RequestKind, Text};

use crate::monitor::operators::{FORGED, HOSTILE_SETTER};

/// More statements about bans than a server holds.
const FLOOD: u32 = 4200;

fn frame(source: HostId, to: Option<HostId>, kind: RequestKind, text: &str) -> Vec<u8> {
    Message::ChannelRequest(ChannelRequest {
        source,
        destination: to,
        kind,
        channel: None,
        text: Text::truncated(text),
    })
    .to_vec()
}

/// A frame of any of the kinds of operators. Its bans are made by `setter`.
pub(super) fn request(
    (source, to): (HostId, HostId),
    setter: &str,
    random: &mut Random,
) -> Vec<u8> {
    let kind = RequestKind(random.one_of(&[9, 10, 10, 11, 11, 11, 12, 13, 14, 14, 14, 15, 15, 16]));
    let to = match kind {
        RequestKind::KILL | RequestKind(16) => Some(to),
        RequestKind(15) => random.chance(60).then_some(to),
        _ => random.chance(15).then_some(to),
    };
    let text = match kind {
        RequestKind::COMMAND => random
            .one_of(&[
                "OPER chief :chief secret?",
                "OPER nobody x",
                "KILL 1000 :forged",
                "KLINE client?!*@* :forged",
                "DIE",
            ])
            .to_owned(),
        RequestKind::OPERATOR => random
            .one_of(&["kill,ban,wallops chief", "kill chief", "", "fly x", "kill"])
            .to_owned(),
        RequestKind::BAN => ban(setter, random),
        RequestKind(15) => random
            .one_of(&[
                "map 7",
                "trace 7",
                "squit forged",
                "connect 10.1.2.3:33300",
                "connect",
            ])
            .to_owned(),
        RequestKind(16) => random
            .one_of(&["1 place 2 14 crc-0.2.0", "1 hop", "1 end", "1 stop", "x"])
            .to_owned(),
        _ => FORGED.to_owned(),
    };
    frame(source, to, kind, &text)
}

/// A statement about a ban, often of a mask that others ban, at any time.
fn ban(setter: &str, random: &mut Random) -> String {
    let sign = random.one_of(&["", "", "-"]);
    let version: u64 = random.one_of(&[
        0,
        1,
        1_700_007_200_000,
        1_700_007_240_000,
        9_000_000_000_000,
        u64::MAX,
    ]);
    let until: u64 = random.one_of(&[0, 0, 1, 1_700_007_260_000, 9_000_000_000_000, u64::MAX]);
    let number = random.below(5);
    let what = match random.below(6) {
        0..2 => format!("nobody{number}!*@*"),
        2 => format!("client{number}!*@*"),
        3 => format!("*!*@{}.crc", 1000 + number),
        _ => return format!("{sign}d {version} {until} {setter} 192.0.2.{number} {FORGED}"),
    };
    format!("{sign}k {version} {until} {setter} {what} {FORGED}")
}

/// More bans than a server holds, which end soon after the faults.
pub(super) fn ban_flood(source: HostId, frames: &mut Vec<u8>) {
    for number in 0..FLOOD {
        let (high, low) = (number / 256, number % 256);
        let text =
            format!("d 1700007200000 1800000000000 {HOSTILE_SETTER} 198.51.{high}.{low} {FORGED}");
        frames.extend(frame(source, None, RequestKind::BAN, &text));
    }
}
