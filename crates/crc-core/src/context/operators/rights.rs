//! Who is an operator: OPER, what servers say to each other of operators, and how one ceases
//! to be one.

use crc_machine::LinkId;
use crc_wire::{ChannelRequest, HostId, RequestKind};
use irc_wire::{Message, Numeric, text};

use super::{Commander, server_request};
use crate::context::{Context, Out};
use crate::network::Operator;
use crate::operator::{OPERATOR_NAME_BYTES_MAX, OperatorConfig, Password, Powers};
use crate::password::{Check, Purpose, WRONG_MAX};
use crate::text_protocol::first_piece;
use crate::violation::Violation;
use crate::{crc, irc};

impl Context {
    /// OPER (RFC 2812, 3.1.4): with the password, and with the certificate of the link.
    pub(super) fn oper(&mut self, by: Commander, message: &Message<'_>, out: &mut Out) {
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
        // The result comes later: the password of an operator is compared each time.
        let begun = self.check_password((by.link, address), purpose, hash, password, out);
        if let Err(text) = begun {
            let name = first_piece(&name, OPERATOR_NAME_BYTES_MAX);
            let peer = self.describe_peer(by.link);
            log::warn!("{peer}: OPER {name:?} refused: {text}");
            self.reply(by.link, Numeric::ERR_PASSWDMISMATCH, &[], &text, out);
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
        let name = first_piece(name, OPERATOR_NAME_BYTES_MAX);
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

    /// A user of this server does not want to be an operator any more.
    pub(crate) fn resign_operator(&mut self, by: Commander, out: &mut Out) {
        if self.network.operators().find(by.id).is_some() {
            self.report_act(by, "is no operator any more", out);
            self.set_operator(by.id, None, None, out);
            irc::on_operator(self, by.link, false, out);
            self.enforce_bans_on(by.link, by.id, out);
        }
    }

    /// The configuration has changed: operators of this server have the powers that it gives
    /// them now.
    pub(in crate::context) fn check_operators(&mut self, out: &mut Out) {
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
                self.enforce_bans_on(link, id, out);
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
            name: first_piece(name, OPERATOR_NAME_BYTES_MAX).into(),
        });
        self.set_operator(host, operator, Some(from), out);
    }
}
