//! One server and anything that can happen to it: links that come and go, bytes in
//! segments, time, commands, and events that come too late or too early.

use std::time::Duration;

use crc_core::{DialError, DialId, Event, LinkDown, LinkId, Machine, ServerCommand, Unsent};

use crate::choices::Choices;
use crate::frames::append_frame;
use crate::net::{Net, config, peer_address};
use crate::peers::{Role, act, duration, introduce};

/// What may happen. Seeds are written with these numbers. With `HOLD` added, nothing is
/// delivered afterwards.
pub(crate) mod op {
    pub(crate) const SEND: u8 = 0;
    pub(crate) const SEND_ALSO: u8 = 1;
    pub(crate) const ARRIVE: u8 = 2;
    pub(crate) const PEER: u8 = 3;
    pub(crate) const STEP: u8 = 4;
    pub(crate) const PASS_TIME: u8 = 5;
    pub(crate) const TICK: u8 = 6;
    pub(crate) const STALE: u8 = 7;
    pub(crate) const LEAVE: u8 = 8;
    pub(crate) const BREAK: u8 = 9;
    pub(crate) const ALL: u8 = 10;
    pub(crate) const HOLD: u8 = 128;
}

/// The server's configuration, one bit each: its uplinks, its rank, and rate limits.
pub(crate) mod setup {
    pub(crate) const WITH_UPLINK: u8 = 1;
    pub(crate) const WITH_TWO: u8 = 2;
    pub(crate) const WITH_RANK: u8 = 4;
    pub(crate) const WITH_RATES: u8 = 8;
}

const ROLES: [Role; 5] = [
    Role::Unregistered,
    Role::V1Client,
    Role::V2Client,
    Role::V1Server,
    Role::V2Server,
];

/// A scenario for one server, chosen by `input`.
///
/// After every event the server's own check holds, it sends whole frames that the peer
/// can read, and its output is bounded by its input. When all peers have gone, nothing of
/// theirs is left. A server that got the command to leave has left.
///
/// # Panics
///
/// When that is not so.
pub fn server(input: &[u8]) -> u64 {
    let mut choices = Choices::new(input);
    let Some(setup) = choices.byte() else {
        return 0;
    };
    let mut net = Net::new(u64::from(setup));
    net.peers_listen = true;
    let mut connect = Vec::new();
    if setup & setup::WITH_UPLINK != 0 {
        connect.push(peer_address(0));
    }
    if setup & setup::WITH_TWO != 0 {
        connect.push(peer_address(1));
    }
    let mut config = config(0, connect);
    config.rank = (setup & setup::WITH_RANK != 0).then_some(5);
    if setup & setup::WITH_RATES != 0 {
        config.limits.client_chats_per_second = 2;
        config.limits.client_registrations_per_second = 2;
    }
    net.add_server(config);
    net.deliver_all();
    while step(&mut net, &mut choices).is_some() {}
    finish(&mut net);
    net.digest()
}

fn step(net: &mut Net, choices: &mut Choices<'_>) -> Option<()> {
    let byte = choices.byte()?;
    match (byte & !op::HOLD) % op::ALL {
        op::ARRIVE => {
            let role = choices.one_of(&ROLES)?;
            if net.peers < 16 {
                let peer = net.connect(0);
                introduce(net, peer, role, peer);
            }
        }
        op::PEER => act(net, choices, Role::Unregistered, 1)?,
        op::STEP => {
            let (which, len) = (choices.byte()?, choices.byte()?);
            net.step(which.into(), len.into());
        }
        op::PASS_TIME => net.pass_time(duration(choices)?),
        op::TICK => net.early_tick(0),
        op::STALE => stale(net, choices)?,
        op::LEAVE => leave(net),
        op::BREAK => {
            let which = choices.byte()?;
            net.break_connection(which.into());
        }
        _ if net.peers == 0 => {
            net.connect(0);
        }
        _ => {
            let peer = choices.index(net.peers)?;
            let mut bytes = Vec::new();
            let whole = append_frame(choices, &mut bytes);
            net.send_from_peer(peer, &bytes);
            whole?;
        }
    }
    if byte & op::HOLD == 0 {
        net.deliver_all();
    }
    Some(())
}

/// Events for links and dials that the server has closed, or never had.
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

/// All peers close, and nothing of theirs is left.
fn finish(net: &mut Net) {
    net.peers_listen = false;
    (0..net.peers).for_each(|peer| net.close(peer));
    net.run(Duration::from_secs(4));
    let node = &net.servers[0];
    if net.leaving {
        assert!(node.stopped, "it leaves within a few seconds");
        return;
    }
    let snapshot = node.machine.snapshot();
    assert_eq!(snapshot.directory().len(), 0, "no host is left");
    assert_eq!(snapshot.links().count(), 0, "no neighbour is left");
    assert_eq!(snapshot.unregistered_links(), 0, "no link is left");
    if let Some(deadline) = node.machine.deadline() {
        assert!(deadline >= net.now(), "no deadline has passed");
    }
}
