//! Frames of all kinds, about hosts that exist and hosts that do not, with the texts that
//! nodes interpret; or any bytes. Every part is chosen by a byte.

use std::borrow::Cow;

use crc_wire::{
    ClientChat, ClientQuit, HostId, Info, Message, Name, Registration, ServerQuit, Status,
    StatusCode, Text,
};

use crate::choices::Choices;

/// The kinds of frames. Seeds are written with these numbers.
pub(crate) mod kind {
    pub(crate) const SERVER: u8 = 0;
    pub(crate) const CLIENT: u8 = 1;
    pub(crate) const CHAT: u8 = 2;
    pub(crate) const QUIT: u8 = 3;
    pub(crate) const STATUS: u8 = 4;
    pub(crate) const SERVER_QUIT: u8 = 5;
    /// The following bytes, after their number.
    pub(crate) const LITERAL: u8 = 6;
    /// A frame with one byte changed.
    pub(crate) const DAMAGED: u8 = 7;
    /// The beginning of a frame.
    pub(crate) const CUT: u8 = 8;
    pub(crate) const ALL: u8 = 9;
}

/// Ids of hosts; bytes beyond the table stand for themselves. The first four are servers
/// (see `Net`), then hostile servers, hostile clients, and well-behaved clients.
pub(crate) const IDS: [u32; 16] = [
    1,
    2,
    3,
    4,
    77,
    88,
    99,
    101,
    102,
    103,
    201,
    202,
    1001,
    1002,
    1003,
    u32::MAX,
];

fn id(choices: &mut Choices<'_>) -> Option<u32> {
    let byte = choices.byte()?;
    Some(match IDS.get(usize::from(byte)) {
        Some(id) => *id,
        None => u32::from(byte),
    })
}

pub(crate) fn host(choices: &mut Choices<'_>) -> Option<HostId> {
    Some(HostId::new(id(choices)?).expect("the table has no 0, and beyond it are greater numbers"))
}

/// A host, or none for the byte 255.
fn maybe_host(choices: &mut Choices<'_>) -> Option<Option<HostId>> {
    let mut ahead = choices.clone();
    if ahead.byte()? == u8::MAX {
        *choices = ahead;
        return Some(None);
    }
    host(choices).map(Some)
}

fn name(source: HostId, choices: &mut Choices<'_>) -> Option<Name<'static>> {
    Some(Name::truncated(match choices.below(8)? {
        0 => "x",
        1 => "",
        2 => "Île 🏝",
        3 => {
            const LONG: &str = "a name that is longer than any that a server would admit by itself";
            LONG
        }
        4 => "Zoe",
        _ => return Some(Name::new(format!("host{source}")).expect("it is short")),
    }))
}

fn info(choices: &mut Choices<'_>) -> Option<Info<'static>> {
    let text: Cow<'static, str> = match choices.below(12)? {
        0..=2 => "info".into(),
        3 => "".into(),
        4 => "x [crc2;f=]".into(),
        5 => "x [crc2]".into(),
        6 => "é".repeat(400).into(),
        7 => "i".repeat(2_000).into(),
        // What would prove the secret of a link, if it were right.
        8 => {
            let (nonce, proof) = (choices.byte()?, choices.byte()?);
            let entry = |key: &str, byte: u8| match byte {
                0 => String::new(),
                byte => format!(";{key}={}", format!("{byte:02x}").repeat(32)),
            };
            format!("x [crc2{}{};f=auth]", entry("n", nonce), entry("p", proof)).into()
        }
        // A name in UTF-8 that may belong to the one in ASCII.
        9 => "x [crc2;u=5a6fc3ab;f=channels,utf8-names]".into(),
        // With a rank and an address, of a server that may exist.
        _ => {
            let rank = match choices.byte()? {
                255 => u32::MAX,
                254 => u32::MAX - 1,
                rank => rank.into(),
            };
            let port = 1000 + u32::from(choices.byte()?);
            format!("x [crc2;a=127.0.0.1:{port};r={rank};f=server-quit]").into()
        }
    };
    Some(Info::new(text).expect("it is short"))
}

fn text(choices: &mut Choices<'_>) -> Option<Text<'static>> {
    let text: Cow<'static, str> = match choices.below(12)? {
        0 | 1 => "hello".into(),
        2 => "".into(),
        3 => format!("Unknown ID {}", id(choices)?).into(),
        4 => format!("A machine has already registered with ID {}", id(choices)?).into(),
        5 => format!("Someone has already registered with ID {}", id(choices)?).into(),
        6 => format!("Message too long for ID {}", id(choices)?).into(),
        7 => "crc-caps 1 server-quit".into(),
        8 => format!("127.0.0.1:{} leaving", 1000 + u32::from(choices.byte()?)).into(),
        9 => "t".repeat(1_500).into(),
        10 => "é".repeat(505).into(),
        _ => "control\r\n\x1b[2J".into(),
    };
    Some(Text::new(text).expect("it is short"))
}

fn registration(choices: &mut Choices<'_>) -> Option<Registration<'static>> {
    let source = host(choices)?;
    Some(Registration {
        source,
        last_hop: maybe_host(choices)?,
        name: name(source, choices)?,
        info: info(choices)?,
    })
}

fn code(choices: &mut Choices<'_>) -> Option<StatusCode> {
    choices.one_of(&[
        StatusCode::WELCOME,
        StatusCode::UNKNOWN_ID,
        StatusCode::ID_TAKEN,
        StatusCode::FEATURES,
        StatusCode::TOO_LONG,
        StatusCode::LEAVING,
        StatusCode(7),
        StatusCode(0xffff),
    ])
}

/// Appends a frame to `out`; `None` if the choices end before it is complete.
pub(crate) fn append_frame(choices: &mut Choices<'_>, out: &mut Vec<u8>) -> Option<()> {
    append(choices.below(kind::ALL)?, choices, out)
}

fn append(what: u8, choices: &mut Choices<'_>, out: &mut Vec<u8>) -> Option<()> {
    let start = out.len();
    let message = match what {
        kind::SERVER => Message::ServerRegistration(registration(choices)?),
        kind::CLIENT => Message::ClientRegistration(registration(choices)?),
        kind::CHAT => Message::ClientChat(ClientChat {
            source: host(choices)?,
            destination: maybe_host(choices)?,
            text: text(choices)?,
        }),
        kind::QUIT => Message::ClientQuit(ClientQuit {
            source: host(choices)?,
            text: text(choices)?,
        }),
        kind::STATUS => Message::Status(Status {
            source: maybe_host(choices)?,
            destination: maybe_host(choices)?,
            code: code(choices)?,
            text: text(choices)?,
        }),
        kind::SERVER_QUIT => Message::ServerQuit(ServerQuit {
            source: host(choices)?,
            replacement: maybe_host(choices)?,
            text: text(choices)?,
        }),
        kind::DAMAGED => {
            let (at, bits) = (choices.byte()?, choices.byte()?);
            append(choices.below(kind::LITERAL)?, choices, out)?;
            let len = out.len() - start;
            out[start + usize::from(at) % len] ^= bits;
            return Some(());
        }
        kind::CUT => {
            let len = usize::from(choices.byte()?);
            append(choices.below(kind::LITERAL)?, choices, out)?;
            out.truncate(start + len);
            return Some(());
        }
        _ => {
            out.extend_from_slice(choices.bytes()?);
            return Some(());
        }
    };
    message.encode(out);
    Some(())
}
