//! One server with ordinary and legacy IRC, and anything that users and servers
//! of either may do, beside clients and servers of the binary protocol.

use std::time::Duration;

use crc_core::{Machine, OperatorConfig, Powers, TextProtocol};

use crate::choices::Choices;
use crate::frames::append_frame;
use crate::net::{FRAMES, HOSTS_MAX, IRC, LEGACY, LEGACY_PEER, Net, config, peer_address};
use crate::peers::{Role, duration, introduce};
use crate::text_lines::{append_channel_frame, append_line};

/// What the operator may do: all but stop the server.
const POWERS: Powers = Powers::KILL
    .with(Powers::BAN)
    .with(Powers::WALLOPS)
    .with(Powers::SQUIT)
    .with(Powers::CONNECT)
    .with(Powers::STATS);

/// What may happen. Seeds are written with these numbers. With `HOLD` added, nothing is
/// delivered afterwards.
pub(crate) mod op {
    pub(crate) const LINE: u8 = 0;
    pub(crate) const ARRIVE: u8 = 1;
    pub(crate) const FRAME: u8 = 2;
    pub(crate) const CHANNEL_FRAME: u8 = 3;
    pub(crate) const STEP: u8 = 4;
    pub(crate) const RUN: u8 = 5;
    pub(crate) const CLOSE: u8 = 6;
    pub(crate) const TOGGLE_READING: u8 = 7;
    pub(crate) const RESET: u8 = 8;
    pub(crate) const PASS_TIME: u8 = 9;
    pub(crate) const TICK: u8 = 10;
    /// Greater numbers mean `LINE`, too.
    pub(crate) const ALL: u8 = 14;
    pub(crate) const HOLD: u8 = 128;
}

/// The server's configuration, one bit each: a legacy uplink, no limit on lines, rate
/// limits.
pub(crate) mod setup {
    pub(crate) const WITH_LEGACY_UPLINK: u8 = 1;
    pub(crate) const UNPACED: u8 = 2;
    pub(crate) const WITH_RATES: u8 = 4;
}

/// The peers that may arrive. Seeds are written with these numbers.
pub(crate) mod arrival {
    pub(crate) const IRC_USER: u8 = 0;
    pub(crate) const IRC_UNREGISTERED: u8 = 1;
    pub(crate) const LEGACY_USER: u8 = 2;
    pub(crate) const LEGACY_SERVER: u8 = 3;
    pub(crate) const LEGACY_UNREGISTERED: u8 = 4;
    pub(crate) const V1_CLIENT: u8 = 5;
    pub(crate) const CHANNEL_CLIENT: u8 = 6;
    pub(crate) const CHANNEL_SERVER: u8 = 7;
    pub(crate) const V2_SERVER: u8 = 8;
    pub(crate) const V1_SERVER: u8 = 9;
    pub(crate) const ALL: u8 = 10;
}

/// A scenario for one server with text protocols, chosen by `input`.
///
/// After every event the server's own check holds; on links of text protocols it sends
/// whole lines that the peer can read, on others frames; and its output is bounded by its
/// input. When all peers have gone, nothing of theirs is left, no channel either.
///
/// # Panics
///
/// When that is not so.
pub fn lines(input: &[u8]) -> u64 {
    let mut choices = Choices::new(input);
    let Some(setup) = choices.byte() else {
        return 0;
    };
    let mut net = Net::new(u64::from(setup));
    net.peers_listen = true;
    let mut config = config(0, Vec::new());
    config.text_listeners = vec![(IRC, TextProtocol::Irc), (LEGACY, TextProtocol::Legacy)];
    config.started_at_unix_ms = 1_700_000_000_000;
    config.motd = vec!["Low water at noon.".to_owned()];
    config.operators = vec![OperatorConfig {
        name: "chief".into(),
        password: None,
        certificate: None,
        powers: POWERS,
    }];
    if setup & setup::WITH_LEGACY_UPLINK != 0 {
        config.legacy_connect.push(peer_address(LEGACY_PEER));
    }
    if setup & setup::UNPACED != 0 {
        config.limits.irc_lines_per_second = 0;
    }
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
            let arrival = choices.below(arrival::ALL)?;
            if net.peers < 16 {
                arrive(net, arrival);
            }
        }
        op::STEP => {
            let (which, len) = (choices.byte()?, choices.byte()?);
            net.step(which.into(), len.into());
        }
        op::RUN => net.run(duration(choices)?),
        op::PASS_TIME => net.pass_time(duration(choices)?),
        op::TICK => net.early_tick(0),
        _ if net.peers == 0 => arrive(net, arrival::IRC_USER),
        what => {
            let peer = choices.index(net.peers)?;
            match what {
                op::CLOSE => net.close(peer),
                op::TOGGLE_READING => net.toggle_reading(peer),
                op::RESET => net.reset(peer),
                _ => {
                    let append = match what {
                        op::FRAME => append_frame,
                        op::CHANNEL_FRAME => append_channel_frame,
                        _ => append_line,
                    };
                    let mut bytes = Vec::new();
                    let whole = append(choices, &mut bytes);
                    net.send_from_peer(peer, &bytes);
                    whole?;
                }
            }
        }
    }
    if byte & op::HOLD == 0 {
        net.deliver_all();
    }
    Some(())
}

/// A peer connects and registers.
fn arrive(net: &mut Net, arrival: u8) {
    let listener = match arrival {
        arrival::IRC_USER | arrival::IRC_UNREGISTERED => IRC,
        arrival::LEGACY_USER | arrival::LEGACY_SERVER | arrival::LEGACY_UNREGISTERED => LEGACY,
        _ => FRAMES,
    };
    let peer = net.connect_at(0, listener);
    let lines = match arrival {
        arrival::IRC_USER => format!("NICK n{peer}\r\nUSER n{peer} 0 * :Real\r\nJOIN #a\r\n"),
        arrival::LEGACY_USER => format!("USER n{peer} host s0 :Real\r\nJOIN #a\r\n"),
        arrival::LEGACY_SERVER => format!(
            "SERVER s{peer} 1 :Info\r\n:s{peer} USER u{peer} host s{peer} :Real\r\n:u{peer} JOIN #a\r\n"
        ),
        arrival::V1_CLIENT => return introduce(net, peer, Role::V1Client, peer % 2),
        arrival::CHANNEL_CLIENT => return introduce(net, peer, Role::ChannelClient, peer % 2),
        arrival::CHANNEL_SERVER => return introduce(net, peer, Role::ChannelServer, peer % 2),
        arrival::V2_SERVER => return introduce(net, peer, Role::V2Server, peer % 2),
        arrival::V1_SERVER => return introduce(net, peer, Role::V1Server, peer % 2),
        _ => return,
    };
    net.send_from_peer(peer, lines.as_bytes());
}

/// All peers close, and nothing of theirs is left.
fn finish(net: &mut Net) {
    assert!(net.servers[0].machine.snapshot().directory().len() <= HOSTS_MAX);
    net.peers_listen = false;
    (0..net.peers).for_each(|peer| net.close(peer));
    net.run(Duration::from_secs(4));
    let node = &net.servers[0];
    let snapshot = node.machine.snapshot();
    assert_eq!(snapshot.directory().len(), 0, "no host is left");
    assert_eq!(snapshot.channels().len(), 0, "no channel is left");
    assert_eq!(snapshot.links().count(), 0, "no neighbour is left");
    assert_eq!(snapshot.unregistered_links(), 0, "no link is left");
    if let Some(deadline) = node.machine.deadline() {
        assert!(deadline >= net.now(), "no deadline has passed");
    }
}
