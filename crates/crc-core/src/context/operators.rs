//! Network operators: how one becomes an operator, the commands that are for them, and what
//! they are told. The same for users of every protocol: a command is a line of IRC, and an
//! answer a numeric or, in the binary protocol, a status.

use crc_machine::{CloseWhen, LinkId};
use crc_wire::{ChannelRequest, HostId, RequestKind, Text};
use irc_wire::{Message, Numeric, Verb, text};

use super::{Context, Out};
use crate::network::{HostKind, Operator};
use crate::notice::ServerNotice;
use crate::operator::{OperatorConfig, Password, Powers};
use crate::password::{Begun, Check, Purpose, WRONG_MAX};
use crate::text_protocol::first_piece;
use crate::violation::Violation;
use crate::{crc, irc, work};

/// The most bytes of a reason, and of what operators are told.
const REASON_BYTES_MAX: usize = 300;

/// The most bytes of what operators are told.
const NOTE_BYTES_MAX: usize = 480;

/// The commands for operators: what each needs, and how many parameters it has at least.
const COMMANDS: [(Verb, Powers, usize); 9] = [
    (Verb::Kill, Powers::KILL, 1),
    (Verb::Wallops, Powers::WALLOPS, 1),
    (Verb::Kline, Powers::BAN, 1),
    (Verb::Unkline, Powers::BAN, 1),
    (Verb::Dline, Powers::BAN, 1),
    (Verb::Undline, Powers::BAN, 1),
    (Verb::Rehash, Powers::REHASH, 0),
    (Verb::Squit, Powers::SQUIT, 1),
    (Verb::Die, Powers::DIE, 0),
];

/// Whether a command is one for operators, or makes one.
pub(crate) fn is_operator_command(verb: Verb) -> bool {
    verb == Verb::Oper || COMMANDS.iter().any(|(known, ..)| *known == verb)
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
        if verb == Verb::Oper {
            return self.oper(by, message, out);
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
        let param = |number| {
            let param = message.params.get(number).unwrap_or_default();
            text::utf8_or_latin1(param)
        };
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

    // Becoming an operator.

    /// OPER (RFC 2812, 3.1.4): with the password, and with the certificate of the link.
    fn oper(&mut self, by: Commander, message: &Message<'_>, out: &mut Out) {
        let Some(name) = message.params.get(0) else {
            let text = "Not enough parameters";
            return self.reply(by.link, Numeric::ERR_NEEDMOREPARAMS, &["OPER"], text, out);
        };
        let name = text::utf8_or_latin1(name);
        let password = text::utf8_or_latin1(message.params.get(1).unwrap_or_default());
        let Some(found) = self.links.find(by.link) else {
            return;
        };
        let address = found.endpoints.peer.ip();
        let shown = found.security.as_ref().and_then(|security| security.peer);
        let mut known = self.config.operators.iter();
        let known = known.find(|known| *known.name == *name);
        let allowed =
            known.filter(|known| known.certificate.is_none() || known.certificate == shown);
        let Some(OperatorConfig { password: hash, .. }) = allowed else {
            let text = match (known, self.config.operators.is_empty()) {
                (_, true) => "There are no network operators here",
                (Some(_), _) => "Your certificate is not that of this operator",
                (None, _) => "No operator has this name",
            };
            return self.on_oper_failed(by, &name, Numeric::ERR_NOOPERHOST, text, out);
        };
        let Some(hash) = hash else {
            return self.make_operator(by, &name, out);
        };
        let purpose = Purpose::Oper {
            host: by.id,
            name: (*name).into(),
        };
        let (hash, password) = (hash.clone(), Password::new(&*password));
        let (key, now) = (&self.config.nonce_key, self.now);
        let peer = (by.link, address);
        match self
            .passwords
            .begin(peer, purpose, (&hash, &password), key, now)
        {
            Ok(Begun::Waiting(number)) => out.notice(ServerNotice::CheckPassword {
                number,
                hash,
                password,
            }),
            Ok(Begun::Right) => {}
            Err(refusal) => {
                let text = refusal.to_string();
                self.reply(by.link, Numeric::ERR_PASSWDMISMATCH, &[], &text, out);
            }
        }
    }

    /// The password of a host that wants to be an operator was compared.
    pub(crate) fn on_oper_checked(&mut self, check: &Check, is_right: bool, out: &mut Out) {
        let Purpose::Oper { host, name } = &check.purpose else {
            return;
        };
        let by = Commander {
            link: check.link,
            id: *host,
        };
        // It may have left, or got another id meanwhile.
        let neighbour = self.network.neighbours().find(by.link);
        if neighbour.is_none_or(|neighbour| neighbour.host != *host) {
            return;
        }
        match is_right {
            true => self.make_operator(by, name, out),
            false => {
                let text = "Password incorrect";
                self.on_oper_failed(by, name, Numeric::ERR_PASSWDMISMATCH, text, out);
            }
        }
    }

    fn on_oper_failed(
        &mut self,
        by: Commander,
        name: &str,
        numeric: Numeric,
        text: &str,
        out: &mut Out,
    ) {
        self.reply(by.link, numeric, &[], text, out);
        if self.config.operators.is_empty() {
            return;
        }
        let name = first_piece(name, crate::operator::OPERATOR_NAME_BYTES_MAX);
        log::warn!(
            "{}: OPER {name:?} refused: {text}",
            self.describe_peer(by.link)
        );
        let nick = self.nick_of(by.id);
        self.note_operators(&format!("Failed OPER {name} by {nick}: {text}"), out);
        if numeric == Numeric::ERR_NOOPERHOST
            && let Some(found) = self.links.find(by.link)
        {
            let address = found.endpoints.peer.ip();
            self.passwords.count_wrong_of(address, self.now);
        }
        let Some(found) = self.links.find_mut(by.link) else {
            return;
        };
        found.wrong_passwords += 1;
        if found.wrong_passwords >= WRONG_MAX {
            self.on_violation(by.link, Violation::WrongPasswords, out);
        }
    }

    fn make_operator(&mut self, by: Commander, name: &str, out: &mut Out) {
        let mut known = self.config.operators.iter();
        let Some(powers) = known.find(|known| *known.name == *name).map(|it| it.powers) else {
            return;
        };
        if let Some(found) = self.links.find_mut(by.link) {
            found.wrong_passwords = 0;
        }
        let operator = Operator {
            name: name.into(),
            powers,
        };
        self.set_operator(by.id, Some(operator), None, out);
        if self.network.operators().find(by.id).is_none() {
            let text = "There are too many operators already";
            return self.reply(by.link, Numeric::ERR_NOOPERHOST, &[], text, out);
        }
        let text = format!("You are now a network operator, and may: {powers}");
        self.reply(by.link, Numeric::RPL_YOUREOPER, &[], &text, out);
        irc::on_operator(self, by.link, true, out);
        self.report_act(by, "is now an operator", out);
    }

    // The password of the network.

    /// Whether the peer of a link may register as a client, as far as the password is
    /// concerned: at once, or when it has been compared. `Err` if it may not.
    pub(crate) fn check_network_password(
        &mut self,
        link: LinkId,
        password: Option<Password>,
        out: &mut Out,
    ) -> Result<bool, String> {
        let (Some(hash), Some(found)) = (&self.config.password, self.links.find(link)) else {
            return Ok(true);
        };
        let Some(password) = password else {
            return Err("This network has a password, and you have not given it".to_owned());
        };
        let (peer, hash) = ((link, found.endpoints.peer.ip()), hash.clone());
        let (key, now) = (&self.config.nonce_key, self.now);
        let pair = (&hash, &password);
        match self
            .passwords
            .begin(peer, Purpose::Register, pair, key, now)
        {
            Ok(Begun::Right) => Ok(true),
            Ok(Begun::Waiting(number)) => {
                out.notice(ServerNotice::CheckPassword {
                    number,
                    hash,
                    password,
                });
                Ok(false)
            }
            Err(refusal) => Err(refusal.to_string()),
        }
    }

    /// A user of this server does not want to be an operator any more.
    pub(crate) fn resign_operator(&mut self, by: Commander, out: &mut Out) {
        if self.network.operators().find(by.id).is_some() {
            self.report_act(by, "is no operator any more", out);
            self.set_operator(by.id, None, None, out);
            irc::on_operator(self, by.link, false, out);
        }
    }

    /// The configuration has changed: operators of this server have the powers that it gives
    /// them now.
    pub(super) fn check_operators(&mut self, out: &mut Out) {
        let is_own = |id: &HostId| {
            self.network
                .directory()
                .find(*id)
                .is_some_and(|host| self.is_home_of(host))
        };
        let own = self
            .network
            .operators()
            .iter()
            .map(|(id, known)| (id, known.clone()));
        let own: Vec<_> = own.filter(|(id, _)| is_own(id)).collect();
        for (id, known) in own {
            let mut entries = self.config.operators.iter();
            let entry = entries.find(|entry| entry.name == known.name);
            let powers = entry.map(|entry| entry.powers);
            if powers == Some(known.powers) {
                continue;
            }
            let name = known.name;
            log::info!("operator {name:?}: host {id} has other powers now: configuration");
            let operator = powers.map(|powers| Operator { name, powers });
            self.set_operator(id, operator, None, out);
            let link = self.link_of(id);
            if let Some(link) = link.filter(|_| powers.is_none()) {
                self.note(link, "You are no network operator any more", out);
                irc::on_operator(self, link, false, out);
            }
        }
    }

    /// Notes what operator a host is, and tells all servers but that of `from`.
    pub(crate) fn set_operator(
        &mut self,
        host: HostId,
        operator: Option<Operator>,
        from: Option<LinkId>,
        out: &mut Out,
    ) {
        if self.network.set_operator(host, operator) {
            let statement = self.operator_statement(host);
            crc::channel::flood_request(self, &statement, from, out);
        }
    }

    /// What servers say to each other of an operator.
    pub(crate) fn operator_statement(&self, host: HostId) -> ChannelRequest<'static> {
        let operator = self.network.operators().find(host);
        let text = operator.map(|known| format!("{} {}", known.powers, known.name));
        server_request(host, None, RequestKind::OPERATOR, &text.unwrap_or_default())
    }

    /// Another server says what operator a host behind it is.
    pub(crate) fn on_operator_statement(
        &mut self,
        host: HostId,
        text: &str,
        from: LinkId,
        out: &mut Out,
    ) {
        let operator = text.split_once(' ').map(|(powers, name)| Operator {
            powers: Powers::parse_known(powers),
            name: first_piece(name, crate::operator::OPERATOR_NAME_BYTES_MAX).into(),
        });
        self.set_operator(host, operator, Some(from), out);
    }

    // What operators are told.

    /// An operator has done something: the log and all operators are told.
    pub(super) fn report_act(&mut self, by: Commander, act: &str, out: &mut Out) {
        let operator = self.network.operators().find(by.id);
        let name = operator.map_or_else(String::new, |known| known.name.to_string());
        log::info!("{}: operator {name:?} {act:?}", self.describe_peer(by.link));
        let nick = self.nick_of(by.id);
        self.note_operators(&format!("{nick} ({name}) {act}"), out);
    }

    /// Tells all operators of the network something.
    pub(crate) fn note_operators(&mut self, text: &str, out: &mut Out) {
        let note = server_request(self.config.id, None, RequestKind::NOTE, text);
        self.on_note(&note, None, out);
    }

    /// A server, this one or one behind `from`, tells all operators something.
    pub(crate) fn on_note(
        &mut self,
        note: &ChannelRequest<'_>,
        from: Option<LinkId>,
        out: &mut Out,
    ) {
        let text = format!("*** Notice -- {}", note.text.as_str());
        let operators = self.network.operators().iter();
        let own = operators.filter_map(|(id, _)| {
            let host = self.network.directory().find(id)?;
            self.is_home_of(host).then_some(host.first_link())
        });
        let own: Vec<_> = own.collect();
        self.work.charge(work::LINK * own.len() as u64);
        for link in own {
            self.note(link, &text, out);
        }
        crc::channel::flood_request(self, note, from, out);
    }

    /// An operator, of this server or behind `from`, speaks to all operators.
    pub(crate) fn on_wallops(
        &mut self,
        said: &ChannelRequest<'_>,
        from: Option<LinkId>,
        out: &mut Out,
    ) {
        if !self.network.operators().may(said.source, Powers::WALLOPS) {
            self.counters.dropped += 1;
            return;
        }
        let text = said.text.as_str();
        let who = self.nick_of(said.source);
        self.work
            .charge(work::LINK * self.network.neighbours().len() as u64);
        let links: Vec<_> = self.network.neighbours().iter().collect();
        let links: Vec<_> = links
            .into_iter()
            .map(|(link, it)| (link, it.host))
            .collect();
        for (link, host) in links {
            let is_operator = self.network.operators().find(host).is_some();
            let is_user = irc::on_wallops(self, link, is_operator, said.source, text, out);
            if is_operator && !is_user {
                crc::send::note(self, link, &format!("WALLOPS from {who}: {text}"), out);
            }
        }
        crc::channel::flood_request(self, said, from, out);
    }

    /// Tells an operator, wherever it is, something.
    pub(crate) fn note_operator(&mut self, id: HostId, text: &str, out: &mut Out) {
        let note = server_request(self.config.id, Some(id), RequestKind::NOTE, text);
        self.channel_request(&note, out);
    }

    // Commands.

    /// The client that a command names: by its nick, its id, or its name if that is unique.
    fn find_client(&self, wanted: &str) -> Option<HostId> {
        let names = self.network.names();
        if let Some(id) = names.and_then(|names| names.nicks.find(wanted)) {
            return Some(id);
        }
        let id = wanted.parse().ok().and_then(HostId::new);
        if let Some(id) = id.filter(|id| self.network.is_client(*id)) {
            return Some(id);
        }
        let directory = self.network.directory();
        self.work.charge(work::LOOKUP * directory.len() as u64);
        let mut named = directory.clients().filter(|host| host.name() == wanted);
        let first = named.next()?.id();
        named.next().is_none().then_some(first)
    }

    /// KILL (RFC 2812, 3.7.1): the victim's own server carries it out.
    fn kill(&mut self, by: Commander, wanted: &str, reason: &str, out: &mut Out) {
        let Some(victim) = self.find_client(wanted) else {
            let names = self.network.names();
            let is_server = names.is_some_and(|names| names.servers.find(wanted).is_some());
            let (numeric, text) = match is_server {
                true => (Numeric::ERR_CANTKILLSERVER, "You can't kill a server"),
                false => (Numeric::ERR_NOSUCHNICK, "No such nick/channel"),
            };
            return self.reply(by.link, numeric, &[wanted], text, out);
        };
        let reason = first_piece(reason, REASON_BYTES_MAX);
        let nick = self.nick_of(victim);
        self.report_act(by, &format!("used KILL {nick}: {reason}"), out);
        let kill = server_request(by.id, Some(victim), RequestKind::KILL, reason);
        self.channel_request(&kill, out);
    }

    /// SQUIT (RFC 2812, 3.1.8): closes the link to a server that is linked to this one.
    fn squit(&mut self, by: Commander, wanted: &str, reason: &str, out: &mut Out) {
        let directory = self.network.directory();
        let names = self.network.names();
        let named = names.and_then(|names| names.servers.find(wanted));
        let numbered = wanted.parse().ok().and_then(HostId::new);
        let named = named.or(numbered).and_then(|id| directory.find(id));
        let Some(server) = named.filter(|host| host.kind() == HostKind::Server) else {
            let text = "No such server";
            return self.reply(by.link, Numeric::ERR_NOSUCHSERVER, &[wanted], text, out);
        };
        let (link, id) = (server.first_link(), server.id());
        let neighbour = self.network.neighbours().find(link);
        if neighbour.is_none_or(|neighbour| neighbour.host != id) {
            let text = "It is not linked to this server: use SQUIT at the one that it is linked to";
            return self.reply(by.link, Numeric::ERR_NOSUCHSERVER, &[wanted], text, out);
        }
        let reason = first_piece(reason, REASON_BYTES_MAX);
        self.report_act(by, &format!("used SQUIT {wanted}: {reason}"), out);
        let text = self.netsplit_text(id);
        self.close(link, CloseWhen::Flushed, &text, out);
    }

    /// Carries out a KILL of a host of this server: the authority is checked here too.
    pub(super) fn execute_kill(&mut self, by: HostId, victim: HostId, reason: &str, out: &mut Out) {
        let Some(host) = self.network.directory().find(victim) else {
            return;
        };
        let link = host.first_link();
        if host.kind() != HostKind::Client || !self.network.operators().may(by, Powers::KILL) {
            self.counters.dropped += 1;
            log::warn!("KILL of {victim} by {by}: dropped: it may not");
            return;
        }
        let nick = self.nick_of(victim);
        if self.is_behind_text_server(victim) {
            let text = format!("{nick} can't be killed: its network has no word for it");
            return self.note_operator(by, &text, out);
        }
        let killer = self.nick_of(by);
        log::info!(
            "{}: killed by {by} {killer:?}: {reason:?}",
            self.describe_peer(link)
        );
        irc::on_killed(self, link, by, reason, out);
        let text = match reason {
            "" => format!("Killed ({killer})"),
            reason => format!("Killed ({killer} ({reason}))"),
        };
        self.remove_user(link, &text, out);
    }

    /// Closes the link of a client, which is told why, and so are all others.
    pub(crate) fn remove_user(&mut self, link: LinkId, text: &str, out: &mut Out) {
        crc::send::not_permitted(self, link, text, out);
        self.close_text_link(link, text, text, out);
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
