//! Scripted peers: they send anything, connect again, close, stop reading. Each act is
//! chosen by a byte; seeds are written with the numbers here.

use std::time::Duration;

use crc_wire::{HostId, Info, Message, Name, Registration};

use crate::choices::Choices;
use crate::frames::append_frame;
use crate::net::Net;

/// What a scripted peer registers as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Unregistered,
    V1Client,
    V2Client,
    /// A v2 client that supports channels.
    ChannelClient,
    V1Server,
    V2Server,
    /// A v2 server that supports channels.
    ChannelServer,
    /// A server that does not know the secret of the others.
    Liar,
}

/// What a scripted peer may do. Greater numbers mean `SEND`, too.
pub(crate) mod act {
    pub(crate) const CONNECT: u8 = 0;
    pub(crate) const CLOSE: u8 = 1;
    pub(crate) const RESET: u8 = 2;
    pub(crate) const TOGGLE_READING: u8 = 3;
    pub(crate) const RUN: u8 = 4;
    pub(crate) const SEND: u8 = 5;
    pub(crate) const ALL: u8 = 12;
}

/// Times that may pass, in milliseconds: around the timeouts of nodes.
pub(crate) const MILLIS: [u16; 16] = [
    0, 1, 5, 7, 10, 50, 100, 500, 1_000, 1_001, 2_000, 5_000, 10_000, 15_000, 20_000, 46_000,
];

pub(crate) fn duration(choices: &mut Choices<'_>) -> Option<Duration> {
    Some(Duration::from_millis(choices.one_of(&MILLIS)?.into()))
}

/// The next act of one of the scripted peers. New ones connect as `role`, to one of the
/// first `servers` servers, if there are any.
pub(crate) fn act(
    net: &mut Net,
    choices: &mut Choices<'_>,
    role: Role,
    servers: usize,
) -> Option<()> {
    let what = choices.below(act::ALL)?;
    if what == act::RUN {
        net.run(duration(choices)?);
        return Some(());
    }
    if what == act::CONNECT || net.peers == 0 {
        if servers > 0 && net.peers < 16 {
            let server = choices.index(servers)?;
            let peer = net.connect(server);
            introduce(net, peer, role, peer);
        }
        return Some(());
    }
    let peer = choices.index(net.peers)?;
    match what {
        act::CLOSE => net.close(peer),
        act::RESET => net.reset(peer),
        act::TOGGLE_READING => net.toggle_reading(peer),
        _ => {
            let mut bytes = Vec::new();
            let whole = append_frame(choices, &mut bytes);
            net.send_from_peer(peer, &bytes);
            return whole;
        }
    }
    Some(())
}

/// A scripted peer registers, as the `number`th of its role.
pub(crate) fn introduce(net: &mut Net, peer: usize, role: Role, number: usize) {
    let number = u32::try_from(number % 8).expect("it is below 8");
    let (kind, id): (fn(Registration<'static>) -> Message<'static>, u32) = match role {
        Role::Unregistered => return,
        Role::V1Client => (Message::ClientRegistration, 101 + number),
        Role::V2Client | Role::ChannelClient => (Message::ClientRegistration, 201 + number),
        Role::V1Server | Role::Liar => (Message::ServerRegistration, 88 + number),
        Role::V2Server | Role::ChannelServer => (Message::ServerRegistration, 77 + number),
    };
    let registration = |info: &'static str| {
        kind(Registration {
            source: HostId::new(id).expect("it is not 0"),
            last_hop: None,
            name: Name::new(format!("host{id}")).expect("it is short"),
            info: Info::new(info).expect("it is short"),
        })
    };
    let mut bytes = registration("info").to_vec();
    match role {
        Role::V2Client => registration("info [crc2;f=]").encode(&mut bytes),
        Role::ChannelClient => registration("info [crc2;f=channels,oper]").encode(&mut bytes),
        Role::V2Server => registration("info [crc2;r=1;f=server-quit]").encode(&mut bytes),
        Role::ChannelServer => {
            registration("info [crc2;r=1;f=server-quit,channels,oper,tags]").encode(&mut bytes)
        }
        _ => {}
    }
    net.send_from_peer(peer, &bytes);
}
