//! Bans of the network: the commands of operators, what servers say to each other, and whom a
//! server does not admit. Each server keeps its own clients out.

use core::net::IpAddr;
use core::time::Duration;

use crc_machine::LinkId;
use crc_wire::{HostId, RequestKind};
use irc_wire::mask::PreparedText;
use irc_wire::{Message, Numeric, Verb, text};

use super::operators::server_request;
use super::{Commander, Context, Out, Timer};
use crate::network::{Ban, BanKind, HostKind, LIFTED_FOR_MS, normal_mask};
use crate::notice::ServerNotice;
use crate::text_protocol::first_piece;
use crate::{crc, irc, work};

/// How long changes are gathered before they are handed out to be stored.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// The most bytes of a reason.
const REASON_BYTES_MAX: usize = 200;

/// The longest ban, in minutes: ten years.
const MINUTES_MAX: u64 = 10 * 366 * 24 * 60;

impl Context {
    // Commands.

    /// KLINE and DLINE: `[DURATION] MASK [:REASON]`.
    pub(super) fn ban(&mut self, by: Commander, verb: Verb, line: &Message<'_>, out: &mut Out) {
        let param = |number| line.params.get(number).map(text::utf8_or_latin1);
        let first = param(0).unwrap_or_default();
        let (minutes, mask, reason) = match (parse_duration(&first), param(1)) {
            (Some(minutes), Some(mask)) => (minutes, mask, param(2)),
            (_, reason) => (0, first, reason),
        };
        let kind = kind_of(verb);
        let mask = match checked_mask(kind, &mask) {
            Ok(mask) => mask,
            Err(why) => {
                let words = [verb.as_str(), &*mask];
                return self.reply(by.link, Numeric::ERR_BADMASK, &words, why, out);
            }
        };
        let blanks = |c: char| if c.is_control() { ' ' } else { c };
        let reason: String = reason.unwrap_or_default().chars().map(blanks).collect();
        let reason = first_piece(&reason, REASON_BYTES_MAX).trim_end();
        let now_ms = self.network_ms();
        let until_ms = match minutes {
            0 => 0,
            minutes => now_ms.saturating_add(minutes.min(MINUTES_MAX) * 60_000),
        };
        let time = match minutes {
            0 => String::new(),
            minutes => format!(" for {minutes} minutes"),
        };
        let act = format!("used {verb} {mask}{time}: {reason}");
        let made = (until_ms, false, reason);
        if !self.state_ban(by.id, kind, &mask, made, out) {
            let words = [verb.as_str(), &*mask];
            let text = "There are too many bans";
            return self.reply(by.link, Numeric::ERR_BANLISTFULL, &words, text, out);
        }
        // Before the operator itself may have to leave.
        self.report_act(by, &act, out);
        self.enforce_bans(out);
    }

    /// UNKLINE and UNDLINE.
    pub(super) fn lift_ban(&mut self, by: Commander, verb: Verb, mask: &str, out: &mut Out) {
        let kind = kind_of(verb);
        let now_ms = self.network_ms();
        let normal = normal_mask(kind, mask);
        let known = normal
            .as_ref()
            .and_then(|mask| self.network.bans().find(kind, mask));
        let Some(mask) = known
            .filter(|ban| ban.holds(now_ms))
            .map(|ban| ban.mask.clone())
        else {
            let words = [verb.as_str(), mask];
            let text = "There is no such ban";
            return self.reply(by.link, Numeric::ERR_NOSUCHNICK, &words, text, out);
        };
        let made = (now_ms + LIFTED_FOR_MS, true, "");
        self.state_ban(by.id, kind, &mask, made, out);
        self.report_act(by, &format!("used {verb} {mask}"), out);
    }

    /// Makes a statement, newer than the one that stands. Returns whether there was room.
    fn state_ban(
        &mut self,
        by: HostId,
        kind: BanKind,
        mask: &str,
        (until_ms, is_lifted, reason): (u64, bool, &str),
        out: &mut Out,
    ) -> bool {
        let known = self.network.bans().find(kind, mask);
        let after = known.map_or(0, |known| known.version + 1);
        let word = |c: char| {
            if c.is_whitespace() || c.is_control() {
                '_'
            } else {
                c
            }
        };
        let setter: String = self.nick_of(by).chars().map(word).collect();
        let ban = Ban {
            kind,
            mask: mask.into(),
            version: self.network_ms().max(after),
            until_ms,
            is_lifted,
            setter: setter.into(),
            reason: reason.into(),
        };
        self.apply_ban(ban, None, out)
    }

    /// Takes a statement if it is new, and passes it on to all servers but that of `from`.
    fn apply_ban(&mut self, ban: Ban, from: Option<LinkId>, out: &mut Out) -> bool {
        let text = ban.to_string();
        if !self.network.apply_ban(ban, self.network_ms()) {
            return false;
        }
        let statement = server_request(self.config.id, None, RequestKind::BAN, &text);
        crc::channel::flood_request(self, &statement, from, out);
        if !self.timers.is_set(Timer::StoreBans) {
            self.timers.set(Timer::StoreBans, self.now + STORE_PAUSE);
        }
        true
    }

    /// A server makes a statement about a ban. `ban` has its times by the network's clock.
    pub(crate) fn on_ban_statement(&mut self, ban: Ban, from: LinkId, out: &mut Out) {
        let described = ban.to_string();
        let holds = ban.holds(self.network_ms());
        if self.apply_ban(ban, Some(from), out) {
            log::info!("{}: ban: {described:?}", self.describe_peer(from));
            if holds {
                self.enforce_bans(out);
            }
        }
    }

    /// Hands out the bans to be stored.
    pub(crate) fn store_bans(&mut self, out: &mut Out) {
        self.timers.cancel(Timer::StoreBans);
        let now_ms = self.network_ms();
        let bans = self.network.bans().iter();
        let kept = bans.filter(|ban| ban.until_ms == 0 || ban.until_ms > now_ms);
        let lines = kept.map(|ban| ban.to_string().into()).collect();
        out.notice(ServerNotice::StoreBans(lines));
    }

    /// Hands them out now if they have changed: this server leaves.
    pub(crate) fn store_changed_bans(&mut self, out: &mut Out) {
        if self.timers.is_set(Timer::StoreBans) {
            self.store_bans(out);
        }
    }

    // Whom this server does not admit.

    /// Why clients from an address may not connect, if they may not.
    pub(crate) fn address_ban(&self, address: IpAddr) -> Option<String> {
        let bans = self.network.bans();
        self.work.charge(work::units_of(bans.len() * 4));
        let ban = bans.of_address(address, self.network_ms())?;
        Some(ban_text(ban))
    }

    /// Why a user of this server may not be in the network, if it may not: `nick` and `user`
    /// are its names, as it or others see them.
    pub(crate) fn user_ban(
        &self,
        (nick, user): (&str, &str),
        id: HostId,
        address: IpAddr,
    ) -> Option<String> {
        if let Some(text) = self.address_ban(address) {
            return Some(text);
        }
        let address = address.to_canonical();
        let shown = [
            format!("{nick}!{user}@{id}.crc"),
            format!("{nick}!{nick}@{id}.crc"),
            format!("{nick}!{user}@{address}"),
        ];
        let shown = shown.map(|who| PreparedText::new(who.as_bytes(), irc::CASE));
        let mut bans = self.network.bans().of(BanKind::User, self.network_ms());
        let found = bans.find(|ban| {
            self.work.charge(work::units_of(ban.mask.len() * 3));
            shown.iter().any(|who| who.matches(ban.mask.as_bytes()))
        });
        found.map(ban_text)
    }

    /// Removes the clients of this server that are banned now.
    pub(crate) fn enforce_bans(&mut self, out: &mut Out) {
        let clients = self.network.neighbours().iter();
        let clients = clients.filter(|(_, it)| it.kind == HostKind::Client);
        let clients: Vec<_> = clients.map(|(link, it)| (link, it.host)).collect();
        for (link, id) in clients {
            self.enforce_bans_on(link, id, out);
        }
    }

    /// Removes a client of this server if it is banned.
    pub(crate) fn enforce_bans_on(&mut self, link: LinkId, id: HostId, out: &mut Out) {
        if self.network.bans().len() == 0 {
            return;
        }
        let Some(address) = self.links.find(link).map(|found| found.endpoints.peer.ip()) else {
            return;
        };
        self.work.charge(work::HOST);
        let nick = self.nick_of(id);
        let user = irc::user_name_of(self, link).unwrap_or_else(|| nick.clone());
        if let Some(text) = self.user_ban((&nick, &user), id, address) {
            log::info!("{}: removed: {text}", self.describe_peer(link));
            self.remove_user(link, &text, out);
        }
    }
}

fn kind_of(verb: Verb) -> BanKind {
    match verb {
        Verb::Dline | Verb::Undline => BanKind::Address,
        _ => BanKind::User,
    }
}

/// What a banned user reads.
fn ban_text(ban: &Ban) -> String {
    match &*ban.reason {
        "" => "You are banned from this network".to_owned(),
        reason => format!("You are banned from this network: {reason}"),
    }
}

/// The normal form of a mask that does not match too much.
fn checked_mask(kind: BanKind, mask: &str) -> Result<Box<str>, &'static str> {
    let normal = normal_mask(kind, mask).ok_or(match kind {
        BanKind::Address => "Write an address or a network, such as 192.0.2.0/24",
        BanKind::User => "Write a mask such as nick!user@host, of up to 128 bytes",
    })?;
    let is_too_wide = match kind {
        BanKind::Address => normal
            .parse::<ipnet::IpNet>()
            .is_ok_and(|net| net.prefix_len() < if net.addr().is_ipv4() { 8 } else { 16 }),
        // Two users who have nothing in common.
        BanKind::User => ["q7!~wz@4000000001.crc", "k-x!vu@203.0.113.77"]
            .iter()
            .all(|who| irc_wire::mask::matches(normal.as_bytes(), who.as_bytes(), irc::CASE)),
    };
    match is_too_wide {
        true => Err("The mask matches too much"),
        false => Ok(normal),
    }
}

/// Minutes, or numbers with units: `90`, `1d2h`. 0 is for ever.
fn parse_duration(text: &str) -> Option<u64> {
    if let Ok(minutes) = text.parse() {
        return Some(minutes);
    }
    let (mut seconds, mut number) = (0_u64, None::<u64>);
    for c in text.chars() {
        if let Some(digit) = c.to_digit(10) {
            let before = number.unwrap_or(0);
            number = Some(before.checked_mul(10)?.checked_add(digit.into())?);
            continue;
        }
        let unit = match c.to_ascii_lowercase() {
            'w' => 7 * 86_400,
            'd' => 86_400,
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        seconds = seconds.checked_add(number.take()?.checked_mul(unit)?)?;
    }
    (number.is_none() && !text.is_empty()).then(|| seconds.div_ceil(60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_minutes_or_have_units() {
        for (text, minutes) in [
            ("0", Some(0)),
            ("90", Some(90)),
            ("1d2h", Some(26 * 60)),
            ("1W", Some(7 * 24 * 60)),
            ("30s", Some(1)),
            ("90m1s", Some(91)),
            ("", None),
            ("1d2", None),
            ("d", None),
            ("bob", None),
            ("1x", None),
            ("10.0.0.1", None),
            ("99999999999999999999d", None),
        ] {
            assert_eq!(parse_duration(text), minutes, "{text:?}");
        }
    }

    #[test]
    fn masks_that_match_everyone_are_refused() {
        for mask in ["*", "*!*@*", "*@*", "?*!*@*"] {
            assert!(checked_mask(BanKind::User, mask).is_err(), "{mask}");
        }
        for mask in ["bob", "*!*@17.crc", "*!*@10.*", "b*!*@*", "*!~*@*"] {
            assert!(checked_mask(BanKind::User, mask).is_ok(), "{mask}");
        }
        for (mask, is_ok) in [
            ("0.0.0.0/0", false),
            ("10.0.0.0/7", false),
            ("10.0.0.0/8", true),
            ("::/0", false),
            ("2001:db8::/32", true),
            ("192.0.2.1", true),
            ("bob", false),
        ] {
            assert_eq!(
                checked_mask(BanKind::Address, mask).is_ok(),
                is_ok,
                "{mask}"
            );
        }
    }
}
