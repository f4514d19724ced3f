//! One client and servers that say anything: it speaks for itself only, keeps
//! to what fits together, and leaves when it is told to.

use std::time::Duration;

use crc_core::ClientCommand;
use crc_wire::{
    ChannelChat, ChannelField, ChannelJoin, ChannelName, ChannelPart, ChannelRequest,
    ChannelSetting, ChatKind, HostId, MemberFlags, Message, RequestKind, Status, StatusCode, Text,
};

use crate::choices::Choices;
use crate::net::{Net, raw_address};
use crate::peers::{Role, act, duration};
use crate::speech::speech;

/// What may happen; the seeds are written with these.
pub(crate) mod happens {
    pub(crate) const SAY: u8 = 0;
    pub(crate) const SAY_TOO: u8 = 1;
    pub(crate) const WELCOME: u8 = 2;
    pub(crate) const PEER: u8 = 3;
    pub(crate) const CHAT: u8 = 4;
    pub(crate) const QUIT: u8 = 5;
    pub(crate) const STALLED: u8 = 6;
    pub(crate) const PIECE: u8 = 7;
    pub(crate) const ALL: u8 = 8;
    /// From here on it is about channels. So high that what was found before there
    /// were any still means the same.
    pub(crate) const OF_CHANNELS: u8 = 0xf0;
    pub(crate) const CHANNEL_WISH: u8 = OF_CHANNELS;
    pub(crate) const CHANNEL_TOLD: u8 = OF_CHANNELS + 1;
}

/// A scenario for one client, chosen by `input`: with an id of its own for an
/// odd first byte.
///
/// # Panics
///
/// When the client sends anything but what a client may, lists itself, is in a
/// channel that it has not been let into, or does not end when it has been told
/// to quit.
pub fn client(input: &[u8]) -> u64 {
    let mut choices = Choices::new(input);
    let Some(first) = choices.byte() else {
        return 0;
    };
    let mut net = Net::new(u64::from(first));
    net.raws_listen = true;
    net.add_client_of(raw_address(0), (first % 2 == 1).then_some(1001));
    net.all();
    while step(&mut net, &mut choices).is_some() {
        let machine = &net.clients[0].machine;
        assert!(machine.client(machine.id()).is_none(), "it lists itself");
        assert!(machine.is_welcomed() || !machine.is_settled());
        for channel in machine.channels() {
            assert!(channel.member(machine.id()).is_some(), "it is in");
        }
    }
    for _ in 0..2 {
        let text = "bye".to_owned();
        net.command_client(0, ClientCommand::Quit { text });
        net.run(Duration::from_secs(20));
    }
    assert!(net.clients[0].stopped, "it ends when told to");
    net.digest()
}

fn step(net: &mut Net, choices: &mut Choices<'_>) -> Option<()> {
    let what = choices.byte()?;
    let what = match what {
        ..happens::OF_CHANNELS => what % happens::ALL,
        _ => happens::OF_CHANNELS + what % 2,
    };
    match what {
        happens::CHANNEL_WISH => {
            let command = channel_wish(choices)?;
            net.command_client(0, command);
        }
        happens::CHANNEL_TOLD => channel_told(net, choices)?,
        happens::WELCOME => welcome(net),
        happens::PEER if net.raws > 0 => act_of_server(net, choices)?,
        happens::CHAT => {
            let to = HostId::new(u32::from(choices.byte()?) + 1)?;
            let text = match choices.byte()? {
                255 => "x".repeat(70_000),
                254 => "é".repeat(600),
                len => "y".repeat(len.into()),
            };
            net.command_client(0, ClientCommand::SendChat { to, text });
        }
        happens::QUIT => {
            let text = "bye".to_owned();
            net.command_client(0, ClientCommand::Quit { text });
        }
        happens::STALLED => net.pass(duration(choices)?),
        happens::PIECE => {
            let (which, len) = (choices.byte()?, choices.byte()?);
            net.one(which.into(), len.into());
            return Some(());
        }
        _ if net.raws > 0 => {
            let mut said = Vec::new();
            let whole = speech(choices, &mut said);
            net.say(net.raws - 1, &said);
            whole?;
        }
        _ => {}
    }
    net.all();
    Some(())
}

/// There is no server to connect to, but all else that a raw peer does.
fn act_of_server(net: &mut Net, choices: &mut Choices<'_>) -> Option<()> {
    act(net, choices, Role::Stranger, 0)
}

/// The names of channels that there is something to say about; the last is none.
const CHANNELS: [&str; 4] = ["#a", "#A", "#b", "b"];

fn channel_wish(choices: &mut Choices<'_>) -> Option<ClientCommand> {
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

/// The server says something of channels, true or not.
fn channel_told(net: &mut Net, choices: &mut Choices<'_>) -> Option<()> {
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
    if let Some(last) = net.raws.checked_sub(1) {
        net.say(last, &message.to_vec());
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
    if let Some(last) = net.raws.checked_sub(1) {
        net.say(last, &welcome.to_vec());
    }
}
