//! One client and servers that send anything: the client sends for itself only, keeps a
//! consistent state, and quits on command.

use std::time::Duration;

use crc_core::ClientCommand;
use crc_wire::{
    ChannelChat, ChannelField, ChannelJoin, ChannelName, ChannelPart, ChannelRequest,
    ChannelSetting, ChatKind, HostId, MemberFlags, Message, RequestKind, Status, StatusCode, Text,
};

use crate::choices::Choices;
use crate::frames::append_frame;
use crate::net::{Net, peer_address};
use crate::peers::{Role, act, duration};

/// What may happen. Seeds are written with these numbers.
pub(crate) mod op {
    pub(crate) const SEND: u8 = 0;
    pub(crate) const SEND_ALSO: u8 = 1;
    pub(crate) const WELCOME: u8 = 2;
    pub(crate) const PEER: u8 = 3;
    pub(crate) const CHAT: u8 = 4;
    pub(crate) const QUIT: u8 = 5;
    pub(crate) const PASS_TIME: u8 = 6;
    pub(crate) const STEP: u8 = 7;
    pub(crate) const ALL: u8 = 8;
    /// From here on it is about channels. So high that inputs from before there were
    /// channels keep their meaning.
    pub(crate) const CHANNELS: u8 = 0xf0;
    pub(crate) const CHANNEL_COMMAND: u8 = CHANNELS;
    pub(crate) const CHANNEL_FRAME: u8 = CHANNELS + 1;
}

/// A scenario for one client, chosen by `input`: with an id of its own for an
/// odd first byte.
///
/// # Panics
///
/// When the client sends what a client may not, lists itself, is in a channel without
/// being a member, or does not end when it gets a quit command.
pub fn client(input: &[u8]) -> u64 {
    let mut choices = Choices::new(input);
    let Some(first) = choices.byte() else {
        return 0;
    };
    let mut net = Net::new(u64::from(first));
    net.peers_listen = true;
    net.add_client_of(peer_address(0), (first % 2 == 1).then_some(1001));
    net.deliver_all();
    while step(&mut net, &mut choices).is_some() {
        let machine = &net.clients[0].machine;
        assert!(machine.client(machine.id()).is_none(), "it lists itself");
        assert!(machine.is_welcomed() || !machine.is_settled());
        for channel in machine.channels() {
            assert!(channel.member(machine.id()).is_some(), "it is a member");
        }
    }
    for _ in 0..2 {
        let text = "bye".to_owned();
        net.command_client(0, ClientCommand::Quit { text });
        net.run(Duration::from_secs(20));
    }
    assert!(net.clients[0].stopped, "it ends on command");
    net.digest()
}

fn step(net: &mut Net, choices: &mut Choices<'_>) -> Option<()> {
    let what = choices.byte()?;
    let what = match what {
        ..op::CHANNELS => what % op::ALL,
        _ => op::CHANNELS + what % 2,
    };
    match what {
        op::CHANNEL_COMMAND => {
            let command = channel_command(choices)?;
            net.command_client(0, command);
        }
        op::CHANNEL_FRAME => send_channel_frame(net, choices)?,
        op::WELCOME => welcome(net),
        op::PEER if net.peers > 0 => act_of_server(net, choices)?,
        op::CHAT => {
            let to = HostId::new(u32::from(choices.byte()?) + 1)?;
            let text = match choices.byte()? {
                255 => "x".repeat(70_000),
                254 => "é".repeat(600),
                len => "y".repeat(len.into()),
            };
            net.command_client(0, ClientCommand::SendChat { to, text });
        }
        op::QUIT => {
            let text = "bye".to_owned();
            net.command_client(0, ClientCommand::Quit { text });
        }
        op::PASS_TIME => net.pass_time(duration(choices)?),
        op::STEP => {
            let (which, len) = (choices.byte()?, choices.byte()?);
            net.step(which.into(), len.into());
            return Some(());
        }
        _ if net.peers > 0 => {
            let mut bytes = Vec::new();
            let whole = append_frame(choices, &mut bytes);
            net.send_from_peer(net.peers - 1, &bytes);
            whole?;
        }
        _ => {}
    }
    net.deliver_all();
    Some(())
}

/// What a scripted peer does, except connecting to a server.
fn act_of_server(net: &mut Net, choices: &mut Choices<'_>) -> Option<()> {
    act(net, choices, Role::Unregistered, 0)
}

/// Names of channels; the last one is invalid.
const CHANNELS: [&str; 4] = ["#a", "#A", "#b", "b"];

fn channel_command(choices: &mut Choices<'_>) -> Option<ClientCommand> {
    let (what, channel) = (choices.below(8)?, choices.one_of(&CHANNELS)?.to_owned());
    let text = "k".repeat(choices.byte()?.into());
    Some(match what {
        0..=3 => ClientCommand::Join { channel, key: text },
        4 => ClientCommand::Part { channel, text },
        5 => ClientCommand::SendChannelChat { channel, text },
        6 => ClientCommand::SetTopic {
            channel,
            topic: text,
        },
        _ => ClientCommand::Names { channel },
    })
}

/// The server sends a frame about a channel, true or not.
fn send_channel_frame(net: &mut Net, choices: &mut Choices<'_>) -> Option<()> {
    let me = net.clients[0].machine.id();
    let (what, name) = (choices.below(8)?, choices.one_of(&CHANNELS)?);
    let who = choices.byte()?;
    let source = match who % 4 {
        0 | 1 => me,
        other => HostId::new(100 + u32::from(other))?,
    };
    let flags = MemberFlags::NONE.with_operator(who & 0x80 != 0);
    let by = (who & 0x40 != 0).then_some(source);
    let channel = ChannelName::new(name).ok()?;
    let text = Text::truncated("text");
    let status = |code, text| {
        Message::Status(Status {
            source: HostId::new(1),
            destination: Some(me),
            code,
            text,
        })
    };
    let message = match what {
        0 => status(
            StatusCode::FEATURES,
            Text::truncated("crc-caps 1 server-quit channels"),
        ),
        1 | 2 => Message::ChannelJoin(ChannelJoin {
            source,
            by,
            flags,
            channel,
        }),
        3 => Message::ChannelPart(ChannelPart {
            source,
            by,
            channel,
            text,
        }),
        4 => Message::ChannelChat(ChannelChat {
            source,
            kind: ChatKind::Message,
            channel,
            text,
        }),
        5 => Message::ChannelSetting(ChannelSetting {
            source: by,
            version: 1,
            field: ChannelField(who >> 4),
            channel,
            value: text,
        }),
        6 => Message::ChannelRequest(ChannelRequest {
            source,
            destination: by,
            kind: RequestKind(who >> 4),
            channel: Some(channel),
            text,
        }),
        _ => {
            let code = match who & 0x80 {
                0 => StatusCode::CHANNEL_REFUSED,
                _ => StatusCode::CHANNEL_NAMES,
            };
            let text = format!("{name}: no");
            status(code, Text::new(text).ok()?)
        }
    };
    if let Some(last) = net.peers.checked_sub(1) {
        net.send_from_peer(last, &message.to_vec());
    }
    Some(())
}

fn welcome(net: &mut Net) {
    let welcome = Message::Status(Status {
        source: HostId::new(1),
        destination: Some(net.clients[0].machine.id()),
        code: StatusCode::WELCOME,
        text: Text::truncated("Welcome to the Clemson Relay Chat network client"),
    });
    if let Some(last) = net.peers.checked_sub(1) {
        net.send_from_peer(last, &welcome.to_vec());
    }
}
