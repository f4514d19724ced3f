//! One server that speaks both dialects of IRC, and anything that users and servers
//! of them may do, beside clients and servers that speak frames.

use std::time::Duration;

use crc_core::{Machine, TextProtocol};

use crate::choices::Choices;
use crate::line_speech::{channel_speech, line_speech};
use crate::net::{COURSE, COURSE_RAW, FRAMES, HOSTS_MAX, IRC, Net, config, raw_address};
use crate::peers::{Role, duration, introduce};
use crate::speech::speech;

/// What may happen; the seeds are written with these. With `HOLD` added, what
/// follows from it has to wait.
pub(crate) mod happens {
    pub(crate) const SAY: u8 = 0;
    pub(crate) const ENTER: u8 = 1;
    pub(crate) const FRAME: u8 = 2;
    pub(crate) const CHANNEL_FRAME: u8 = 3;
    pub(crate) const PIECE: u8 = 4;
    pub(crate) const PASS: u8 = 5;
    pub(crate) const HANG_UP: u8 = 6;
    pub(crate) const STALL: u8 = 7;
    pub(crate) const RESET: u8 = 8;
    pub(crate) const STALLED: u8 = 9;
    pub(crate) const TICK: u8 = 10;
    /// All that is greater is said, too.
    pub(crate) const ALL: u8 = 14;
    pub(crate) const HOLD: u8 = 128;
}

/// How the server begins: whether it links to a server of the course's dialect;
/// whether it reads lines as they come; whether chats are counted.
pub(crate) mod begins {
    pub(crate) const WITH_COURSE_UPLINK: u8 = 1;
    pub(crate) const UNPACED: u8 = 2;
    pub(crate) const WITH_RATES: u8 = 4;
}

/// Who may come. The seeds are written with these.
pub(crate) mod guest {
    pub(crate) const IRC_USER: u8 = 0;
    pub(crate) const IRC_STRANGER: u8 = 1;
    pub(crate) const COURSE_USER: u8 = 2;
    pub(crate) const COURSE_SERVER: u8 = 3;
    pub(crate) const COURSE_STRANGER: u8 = 4;
    pub(crate) const CLIENT: u8 = 5;
    pub(crate) const CLIENT_OF_CHANNELS: u8 = 6;
    pub(crate) const SERVER_OF_CHANNELS: u8 = 7;
    pub(crate) const SERVER_OF_OURS: u8 = 8;
    pub(crate) const ORIGINAL_SERVER: u8 = 9;
    pub(crate) const ALL: u8 = 10;
}

/// A scenario for one server that speaks lines, chosen by `input`.
///
/// After every event the server's own check holds; on links that speak lines it
/// sends whole ones that the other end can read, on others frames as ever; and what it
/// writes is in proportion to what it has read and what there is to tell. When all are
/// gone nothing is left of them, no channel either.
///
/// # Panics
///
/// When that is not so.
pub fn lines(input: &[u8]) -> u64 {
    let mut choices = Choices::new(input);
    let Some(begins) = choices.byte() else {
        return 0;
    };
    let mut net = Net::new(u64::from(begins));
    net.raws_listen = true;
    let mut config = config(0, Vec::new());
    config.text_listeners = vec![(IRC, TextProtocol::Irc), (COURSE, TextProtocol::Legacy)];
    config.started_at_unix_ms = 1_700_000_000_000;
    config.motd = vec!["Low water at noon.".to_owned()];
    if begins & begins::WITH_COURSE_UPLINK != 0 {
        config.legacy_connect.push(raw_address(COURSE_RAW));
    }
    if begins & begins::UNPACED != 0 {
        config.limits.irc_lines_per_second = 0;
    }
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
            let guest = choices.below(guest::ALL)?;
            if net.raws < 16 {
                enter(net, guest);
            }
        }
        happens::PIECE => {
            let (which, len) = (choices.byte()?, choices.byte()?);
            net.one(which.into(), len.into());
        }
        happens::PASS => net.run(duration(choices)?),
        happens::STALLED => net.pass(duration(choices)?),
        happens::TICK => net.early_tick(0),
        _ if net.raws == 0 => enter(net, guest::IRC_USER),
        what => {
            let raw = choices.index(net.raws)?;
            match what {
                happens::HANG_UP => net.hang_up(raw),
                happens::STALL => net.stall(raw),
                happens::RESET => net.reset(raw),
                _ => {
                    let speech = match what {
                        happens::FRAME => speech,
                        happens::CHANNEL_FRAME => channel_speech,
                        _ => line_speech,
                    };
                    let mut said = Vec::new();
                    let whole = speech(choices, &mut said);
                    net.say(raw, &said);
                    whole?;
                }
            }
        }
    }
    if byte & happens::HOLD == 0 {
        net.all();
    }
    Some(())
}

/// Somebody comes and says who it is.
fn enter(net: &mut Net, guest: u8) {
    let listener = match guest {
        guest::IRC_USER | guest::IRC_STRANGER => IRC,
        guest::COURSE_USER | guest::COURSE_SERVER | guest::COURSE_STRANGER => COURSE,
        _ => FRAMES,
    };
    let raw = net.connect_at(0, listener);
    let words = match guest {
        guest::IRC_USER => format!("NICK n{raw}\r\nUSER n{raw} 0 * :Real\r\nJOIN #a\r\n"),
        guest::COURSE_USER => format!("USER n{raw} host s0 :Real\r\nJOIN #a\r\n"),
        guest::COURSE_SERVER => format!(
            "SERVER s{raw} 1 :Info\r\n:s{raw} USER u{raw} host s{raw} :Real\r\n:u{raw} JOIN #a\r\n"
        ),
        guest::CLIENT => return introduce(net, raw, Role::Client, raw % 2),
        guest::CLIENT_OF_CHANNELS => return introduce(net, raw, Role::ClientOfChannels, raw % 2),
        guest::SERVER_OF_CHANNELS => return introduce(net, raw, Role::OursOfChannels, raw % 2),
        guest::SERVER_OF_OURS => return introduce(net, raw, Role::Ours, raw % 2),
        guest::ORIGINAL_SERVER => return introduce(net, raw, Role::Original, raw % 2),
        _ => return,
    };
    net.say(raw, words.as_bytes());
}

/// All are gone, and nothing of theirs is left.
fn conclude(net: &mut Net) {
    assert!(net.servers[0].machine.snapshot().directory().len() <= HOSTS_MAX);
    net.raws_listen = false;
    (0..net.raws).for_each(|raw| net.hang_up(raw));
    net.run(Duration::from_secs(4));
    let node = &net.servers[0];
    let snapshot = node.machine.snapshot();
    assert_eq!(snapshot.directory().len(), 0, "nobody is left");
    assert_eq!(snapshot.channels().len(), 0, "no channel is left");
    assert_eq!(snapshot.links().count(), 0, "no neighbour is left");
    assert_eq!(snapshot.unregistered_links(), 0, "no link is left");
    if let Some(deadline) = node.machine.deadline() {
        assert!(deadline >= net.now(), "what is due is done");
    }
}
