//! One client and servers that say anything: it speaks for itself only, keeps
//! to what fits together, and leaves when it is told to.

use std::time::Duration;

use crc_core::ClientCommand;
use crc_wire::{HostId, Message, Status, StatusCode, Text};

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
}

/// A scenario for one client, chosen by `input`: with an id of its own for an
/// odd first byte.
///
/// # Panics
///
/// When the client sends anything but what a client may, lists itself, or does
/// not end when it has been told to quit.
pub fn client(input: &[u8]) {
    let mut choices = Choices::new(input);
    let Some(first) = choices.byte() else {
        return;
    };
    let mut net = Net::new(u64::from(first));
    net.raws_listen = true;
    net.add_client_of(raw_address(0), (first % 2 == 1).then_some(1001));
    net.all();
    while step(&mut net, &mut choices).is_some() {
        let machine = &net.clients[0].machine;
        assert!(machine.client(machine.id()).is_none(), "it lists itself");
        assert!(machine.is_welcomed() || !machine.is_settled());
    }
    for _ in 0..2 {
        let text = "bye".to_owned();
        net.command_client(0, ClientCommand::Quit { text });
        net.run(Duration::from_secs(20));
    }
    assert!(net.clients[0].stopped, "it ends when told to");
}

fn step(net: &mut Net, choices: &mut Choices<'_>) -> Option<()> {
    match choices.below(happens::ALL)? {
        happens::WELCOME => welcome(net),
        happens::PEER if net.raws > 0 => act_of_server(net, choices)?,
        happens::CHAT => {
            let to = HostId::new(u32::from(choices.byte()?) + 1)?;
            let text = match choices.byte()? {
                255 => "x".repeat(70_000),
                254 => "é".repeat(600),
                len => "y".repeat(len.into()),
            };
            net.command_client(0, ClientCommand::Say { to, text });
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

fn welcome(net: &mut Net) {
    let welcome = Message::Status(Status {
        source: HostId::new(1),
        destination: Some(net.clients[0].machine.id()),
        code: StatusCode::WELCOME,
        text: Text::cut("Welcome to the Clemson Relay Chat network client"),
    });
    if let Some(last) = net.raws.checked_sub(1) {
        net.say(last, &welcome.to_vec());
    }
}
