//! Raw peers that do anything: say what they like, connect again, hang up,
//! stop reading. Chosen byte by byte; the seeds are written with the numbers that
//! stand here. Knows nothing of what must hold meanwhile.

use std::time::Duration;

use crc_wire::{HostId, Info, Message, Name, Registration};

use crate::choices::Choices;
use crate::net::Net;
use crate::speech::speech;

/// What a raw peer presents itself as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Stranger,
    /// A client that is taken for an original one.
    Client,
    /// A client that announces itself.
    OurClient,
    /// The same, which takes channels.
    ClientOfChannels,
    Original,
    Ours,
    /// A server of ours that takes channels.
    OursOfChannels,
}

/// What a raw peer may do; what is greater is said, as in `SAY`.
pub(crate) mod act {
    pub(crate) const CONNECT: u8 = 0;
    pub(crate) const HANG_UP: u8 = 1;
    pub(crate) const RESET: u8 = 2;
    pub(crate) const STALL: u8 = 3;
    pub(crate) const PASS: u8 = 4;
    pub(crate) const SAY: u8 = 5;
    pub(crate) const ALL: u8 = 12;
}

/// Times that may pass, in milliseconds: around what nodes wait for.
pub(crate) const MILLIS: [u16; 16] = [
    0, 1, 5, 7, 10, 50, 100, 500, 1_000, 1_001, 2_000, 5_000, 10_000, 15_000, 20_000, 46_000,
];

pub(crate) fn duration(choices: &mut Choices<'_>) -> Option<Duration> {
    Some(Duration::from_millis(choices.one_of(&MILLIS)?.into()))
}

/// The next thing that one of the raw peers does; time passes with nothing
/// delayed. New ones connect as `role`, to one of the first `servers` servers, if
/// there are any.
pub(crate) fn act(
    net: &mut Net,
    choices: &mut Choices<'_>,
    role: Role,
    servers: usize,
) -> Option<()> {
    let what = choices.below(act::ALL)?;
    if what == act::PASS {
        net.run(duration(choices)?);
        return Some(());
    }
    if what == act::CONNECT || net.raws == 0 {
        if servers > 0 && net.raws < 16 {
            let server = choices.index(servers)?;
            let raw = net.connect(server);
            introduce(net, raw, role, raw);
        }
        return Some(());
    }
    let raw = choices.index(net.raws)?;
    match what {
        act::HANG_UP => net.hang_up(raw),
        act::RESET => net.reset(raw),
        act::STALL => net.stall(raw),
        _ => {
            let mut said = Vec::new();
            let whole = speech(choices, &mut said);
            net.say(raw, &said);
            return whole;
        }
    }
    Some(())
}

/// The raw peer says who it is, the `number`th of its kind.
pub(crate) fn introduce(net: &mut Net, raw: usize, role: Role, number: usize) {
    let number = u32::try_from(number % 8).expect("it is below 8");
    let (kind, id): (fn(Registration<'static>) -> Message<'static>, u32) = match role {
        Role::Stranger => return,
        Role::Client => (Message::ClientRegistration, 101 + number),
        Role::OurClient | Role::ClientOfChannels => (Message::ClientRegistration, 201 + number),
        Role::Original => (Message::ServerRegistration, 88 + number),
        Role::Ours | Role::OursOfChannels => (Message::ServerRegistration, 77 + number),
    };
    let say = |info: &'static str| {
        kind(Registration {
            source: HostId::new(id).expect("it is not 0"),
            last_hop: None,
            name: Name::new(format!("host{id}")).expect("it is short"),
            info: Info::new(info).expect("it is short"),
        })
    };
    let mut said = say("info").to_vec();
    match role {
        Role::OurClient => say("info [crc2;f=]").encode(&mut said),
        Role::ClientOfChannels => say("info [crc2;f=channels]").encode(&mut said),
        Role::Ours => say("info [crc2;r=1;f=server-quit]").encode(&mut said),
        Role::OursOfChannels => say("info [crc2;r=1;f=server-quit,channels]").encode(&mut said),
        _ => {}
    }
    net.say(raw, &said);
}
