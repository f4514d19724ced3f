//! One server and anything that can happen to it: links that come and go, bytes
//! in pieces, time, commands, and events that are too late or too early.

use std::time::Duration;

use crc_core::{DialError, DialId, Event, LinkDown, LinkId, Machine, ServerCommand, Unsent};

use crate::choices::Choices;
use crate::net::{Net, config, raw_address};
use crate::peers::{Role, act, duration, introduce};
use crate::speech::speech;

/// What may happen; the seeds are written with these. With `HOLD` added, what
/// follows from it has to wait.
pub(crate) mod happens {
    pub(crate) const SAY: u8 = 0;
    pub(crate) const SAY_TOO: u8 = 1;
    pub(crate) const ENTER: u8 = 2;
    pub(crate) const PEER: u8 = 3;
    pub(crate) const PIECE: u8 = 4;
    pub(crate) const STALLED: u8 = 5;
    pub(crate) const TICK: u8 = 6;
    pub(crate) const STALE: u8 = 7;
    pub(crate) const LEAVE: u8 = 8;
    pub(crate) const BREAK: u8 = 9;
    pub(crate) const ALL: u8 = 10;
    pub(crate) const HOLD: u8 = 128;
}

/// How the server begins: its first bits choose whether it looks for an uplink,
/// and where; whether its rank is given; and the bounds on what clients send.
pub(crate) mod begins {
    pub(crate) const WITH_UPLINK: u8 = 1;
    pub(crate) const WITH_TWO: u8 = 2;
    pub(crate) const WITH_RANK: u8 = 4;
    pub(crate) const WITH_RATES: u8 = 8;
}

const ROLES: [Role; 5] = [
    Role::Stranger,
    Role::Client,
    Role::OurClient,
    Role::Original,
    Role::Ours,
];

/// A scenario for one server, chosen by `input`.
///
/// After every event the server's own check holds, what it sends is whole
/// frames that the peer can read, and it writes no more than what it was told
/// can account for. When all are gone nothing is left of them; if it was told
/// to leave it has.
///
/// # Panics
///
/// When that is not so.
pub fn server(input: &[u8]) -> u64 {
    let mut choices = Choices::new(input);
    let Some(begins) = choices.byte() else {
        return 0;
    };
    let mut net = Net::new(u64::from(begins));
    net.raws_listen = true;
    let mut connect = Vec::new();
    if begins & begins::WITH_UPLINK != 0 {
        connect.push(raw_address(0));
    }
    if begins & begins::WITH_TWO != 0 {
        connect.push(raw_address(1));
    }
    let mut config = config(0, connect);
    config.rank = (begins & begins::WITH_RANK != 0).then_some(5);
    if begins & begins::WITH_RATES != 0 {
        config.limits.client_chats_per_second = 2;
        config.limits.client_registrations_per_second = 2;
    }
    net.add_server(config);
    net.all();
    while step(&mut net, &mut choices).is_some() {}
    conclude(&mut net);
    net.digest()
}

fn step(net: &mut Net, choices: &mut Choices<'_>) -> Option<()> {
    let byte = choices.byte()?;
    match (byte & !happens::HOLD) % happens::ALL {
        happens::ENTER => {
            let role = choices.one_of(&ROLES)?;
            if net.raws < 16 {
                let raw = net.connect(0);
                introduce(net, raw, role, raw);
            }
        }
        happens::PEER => act(net, choices, Role::Stranger, 1)?,
        happens::PIECE => {
            let (which, len) = (choices.byte()?, choices.byte()?);
            net.one(which.into(), len.into());
        }
        happens::STALLED => net.pass(duration(choices)?),
        happens::TICK => net.early_tick(0),
        happens::STALE => stale(net, choices)?,
        happens::LEAVE => leave(net),
        happens::BREAK => {
            let which = choices.byte()?;
            net.break_wire(which.into());
        }
        _ if net.raws == 0 => {
            net.connect(0);
        }
        _ => {
            let raw = choices.index(net.raws)?;
            let mut said = Vec::new();
            let whole = speech(choices, &mut said);
            net.say(raw, &said);
            whole?;
        }
    }
    if byte & happens::HOLD == 0 {
        net.all();
    }
    Some(())
}

/// Events for links and dials that the server has let go, or never had.
fn stale(net: &mut Net, choices: &mut Choices<'_>) -> Option<()> {
    let link = LinkId::new(choices.below(4)?.into(), u32::MAX);
    let dial = DialId(u64::MAX);
    let why = DialError::TimedOut;
    let event = match choices.below(3)? {
        0 => Event::DialFailed { dial, why },
        1 => Event::LinkDown {
            link,
            why: LinkDown::PeerClosed,
            unsent: Unsent::default(),
        },
        _ => Event::Bytes {
            link,
            bytes: choices.bytes()?,
        },
    };
    net.handle_server(0, event);
    Some(())
}

fn leave(net: &mut Net) {
    let reason = "so long".into();
    net.command_server(0, ServerCommand::Leave { reason });
    net.leaving = true;
}

/// All are gone, and nothing of theirs is left.
fn conclude(net: &mut Net) {
    net.raws_listen = false;
    (0..net.raws).for_each(|raw| net.hang_up(raw));
    net.run(Duration::from_secs(4));
    let node = &net.servers[0];
    if net.leaving {
        assert!(node.stopped, "it leaves within a few seconds");
        return;
    }
    let snapshot = node.machine.snapshot();
    assert_eq!(snapshot.directory().len(), 0, "nobody is left");
    assert_eq!(snapshot.links().count(), 0, "no neighbour is left");
    assert_eq!(snapshot.unregistered_links(), 0, "no link is left");
    if let Some(deadline) = node.machine.deadline() {
        assert!(deadline >= net.now(), "what is due is done");
    }
}
