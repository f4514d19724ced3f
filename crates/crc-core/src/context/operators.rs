//! Network operators: the commands that are for them, and the answers. The same for users of
//! every protocol: a command is a line of IRC, and an answer a numeric or, in the binary
//! protocol, a status.
//!
//! `rights` makes operators, `notes` has what they are told, `kill` removes users, `orders` has
//! what crosses the network to other servers, `surveys` shows what these answer, and `stats`
//! what this server knows. The commands about bans are in [`bans`](super::bans).

mod kill;
mod notes;
mod orders;
mod rights;
mod stats;
mod surveys;

use crc_machine::LinkId;
use crc_wire::{ChannelRequest, HostId, RequestKind, Text};
use irc_wire::{Message, Numeric, Verb, text};

use super::{Context, Out};
use crate::notice::ServerNotice;
use crate::operator::Powers;
use crate::text_protocol::first_piece;
use crate::{crc, irc};

pub(crate) use stats::stats_letter;

/// The most bytes of a reason, and of what operators are told.
const REASON_BYTES_MAX: usize = 300;

/// The most bytes of what operators are told.
const NOTE_BYTES_MAX: usize = 480;

/// The commands for operators: what each needs, and how many parameters it has at least.
const COMMANDS: [(Verb, Powers, usize); 13] = [
    (Verb::Kill, Powers::KILL, 1),
    (Verb::Wallops, Powers::WALLOPS, 1),
    (Verb::Kline, Powers::BAN, 1),
    (Verb::Unkline, Powers::BAN, 1),
    (Verb::Dline, Powers::BAN, 1),
    (Verb::Undline, Powers::BAN, 1),
    (Verb::Rehash, Powers::REHASH, 0),
    (Verb::Squit, Powers::SQUIT, 1),
    (Verb::Connect, Powers::CONNECT, 1),
    (Verb::Map, Powers::STATS, 0),
    (Verb::Trace, Powers::STATS, 1),
    (Verb::Die, Powers::DIE, 0),
    (Verb::Restart, Powers::DIE, 0),
];

/// Whether a command is one for operators, makes one, or has more to say to them.
pub(crate) fn is_operator_command(verb: Verb) -> bool {
    matches!(verb, Verb::Oper | Verb::Stats) || COMMANDS.iter().any(|(known, ..)| *known == verb)
}

/// A user of this server who gives a command.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Commander {
    pub(crate) link: LinkId,
    pub(crate) id: HostId,
}

impl Context {
    /// Executes a command that is for operators, or refuses it.
    pub(crate) fn operator_command(
        &mut self,
        by: Commander,
        verb: Verb,
        message: &Message<'_>,
        out: &mut Out,
    ) {
        let param = |number| {
            let param = message.params.get(number).unwrap_or_default();
            text::utf8_or_latin1(param)
        };
        match verb {
            Verb::Oper => return self.oper(by, message, out),
            Verb::Stats => return self.stats(by, &param(0), out),
            _ => {}
        }
        let known = COMMANDS.iter().find(|(known, ..)| *known == verb);
        let powers = self.network.operators().find(by.id);
        let powers = powers.map(|operator| operator.powers);
        let (Some(powers), Some((_, needed, params_min))) = (powers, known) else {
            return self.refuse_command(by, powers.map(|_| verb), out);
        };
        if !powers.has(*needed) {
            return self.refuse_command(by, Some(verb), out);
        }
        if message.params.len() < *params_min {
            let text = "Not enough parameters";
            let words = [verb.as_str()];
            return self.reply(by.link, Numeric::ERR_NEEDMOREPARAMS, &words, text, out);
        }
        match verb {
            Verb::Kill => self.kill(by, &param(0), &param(1), out),
            Verb::Kline | Verb::Dline => self.ban(by, verb, message, out),
            Verb::Unkline | Verb::Undline => self.lift_ban(by, verb, &param(0), out),
            Verb::Rehash => {
                self.report_act(by, "used REHASH", out);
                let own = self.config.name.as_str().to_owned();
                self.reply(by.link, Numeric::RPL_REHASHING, &[&own], "Rehashing", out);
                out.notice(ServerNotice::Rehash);
            }
            Verb::Squit => self.squit(by, &param(0), &param(1), out),
            Verb::Connect => self.connect(by, [&param(0), &param(1), &param(2)], out),
            Verb::Map => self.map(by, out),
            Verb::Trace => self.trace(by, &param(0), out),
            Verb::Restart => {
                let text = "This server does not start itself again: use DIE, and the service \
                            manager that runs it starts it";
                self.reply(
                    by.link,
                    Numeric::ERR_UNKNOWNCOMMAND,
                    &["RESTART"],
                    text,
                    out,
                );
            }
            Verb::Die => {
                self.report_act(by, "used DIE", out);
                self.leaves_for = Some("stopped by an operator".into());
            }
            Verb::Wallops => {
                let peer = self.describe_peer(by.link);
                log::info!("{peer}: operator WALLOPS {:?}", param(0));
                let said = server_request(by.id, None, RequestKind::WALLOPS, &param(0));
                self.on_wallops(&said, None, out);
            }
            _ => {}
        }
    }

    /// Refuses a command: `verb` is set if the user is an operator whose class may not give it.
    fn refuse_command(&mut self, by: Commander, verb: Option<Verb>, out: &mut Out) {
        let text = match verb {
            Some(verb) => format!("Permission denied: your class may not use {verb}"),
            None if self.config.operators.is_empty() => {
                "Permission denied: there are no network operators here".to_owned()
            }
            None => "Permission denied: you are not a network operator".to_owned(),
        };
        self.reply(by.link, Numeric::ERR_NOPRIVILEGES, &[], &text, out);
    }

    // Answers.

    /// Answers a command of a user of this server.
    pub(crate) fn reply(
        &mut self,
        link: LinkId,
        numeric: Numeric,
        words: &[&str],
        text: &str,
        out: &mut Out,
    ) {
        if irc::reply_to(self, link, numeric, words, text, out) {
            return;
        }
        let text = match words.is_empty() {
            true => text.to_owned(),
            false => format!("{}: {text}", words.join(" ")),
        };
        crc::send::note(self, link, &text, out);
    }

    /// Tells a user of this server something.
    pub(crate) fn note(&mut self, link: LinkId, text: &str, out: &mut Out) {
        if !irc::note(self, link, text, out) {
            crc::send::note(self, link, text, out);
        }
    }
}

/// A request of a server, or of an operator, to servers.
pub(crate) fn server_request(
    source: HostId,
    destination: Option<HostId>,
    kind: RequestKind,
    text: &str,
) -> ChannelRequest<'static> {
    ChannelRequest {
        source,
        destination,
        kind,
        channel: None,
        text: Text::truncated(first_piece(text, NOTE_BYTES_MAX)).into_owned(),
    }
}
