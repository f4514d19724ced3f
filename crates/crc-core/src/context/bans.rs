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
use crate::crc::clock::network_ms_at_start;
use crate::names::{fold_beyond_ascii, fold_name};
use crate::network::{Ban, BanKind, HostKind, LIFTED_FOR_MS, normal_mask};
use crate::notice::ServerNotice;
use crate::text_protocol::first_piece;
use crate::{crc, irc, work};

/// How long further changes are gathered before they are handed out to be stored.
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
            (Some(minutes), Some(mask)) => (minutes.min(MINUTES_MAX), mask, param(2)),
            (None, Some(_)) if is_like_duration(&first) => {
                let words = [verb.as_str(), &*first];
                let why = "Write a number of minutes, or a duration such as 1d2h";
                return self.reply(by.link, Numeric::ERR_BADMASK, &words, why, out);
            }
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
            minutes => now_ms.saturating_add(minutes * 60_000),
        };
        let time = match minutes {
            0 => String::new(),
            1 => " for 1 minute".to_owned(),
            minutes => format!(" for {minutes} minutes"),
        };
        let act = format!("used {verb} {mask}{time}: {reason}");
        let made = (until_ms, false, reason);
        if !self.state_ban(by.id, kind, &mask, made, out) {
            let words = [verb.as_str(), &*mask];
            let text = "There are too many bans";
            return self.reply(by.link, Numeric::ERR_BANLISTFULL, &words, text, out);
        }
        self.report_act(by, &act, out);
        self.enforce_ban(kind, &mask, out);
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
        match self.timers.is_set(Timer::StoreBans) {
            true => self.bans_changed = true,
            false => self.store_bans(out),
        }
        true
    }

    /// A server makes a statement about a ban. `ban` has its times by the network's clock.
    pub(crate) fn on_ban_statement(&mut self, ban: Ban, from: LinkId, out: &mut Out) {
        let (kind, mask, described) = (ban.kind, ban.mask.clone(), ban.to_string());
        let known = self.network.bans().find(kind, &mask);
        if let Some(newer) = known.filter(|known| known.is_newer_than(&ban)) {
            // The peer may have learned of it from a server that was away for long.
            let newer = newer.to_string();
            let statement = server_request(self.config.id, None, RequestKind::BAN, &newer);
            crc::channel::send_request(self, &statement, from, out);
        } else if self.apply_ban(ban, Some(from), out) {
            log::info!("{}: ban: {described:?}", self.describe_peer(from));
            self.enforce_ban(kind, &mask, out);
        }
    }

    /// Hands out the bans to be stored: with times by the clock on the wall, which is the clock
    /// with which this server starts again. As its uplink's may be another one, it shifts all
    /// times when it links. The next changes wait for a moment.
    fn store_bans(&mut self, out: &mut Out) {
        self.timers.set(Timer::StoreBans, self.now + STORE_PAUSE);
        self.bans_changed = false;
        let now_ms = self.network_ms();
        let starts_ms = network_ms_at_start(self.wall_ms());
        let by_ms = starts_ms.cast_signed().saturating_sub(now_ms.cast_signed());
        let bans = self.network.bans().iter();
        let kept = bans.filter(|ban| ban.until_ms == 0 || ban.until_ms > now_ms);
        let lines = kept.map(|ban| {
            let mut ban = ban.clone();
            ban.shift(by_ms);
            ban.to_string().into()
        });
        let lines = lines.collect();
        out.notice(ServerNotice::StoreBans(lines));
    }

    /// The clock on the wall was set: the times are stored by that one.
    pub(crate) fn store_bans_anew(&mut self) {
        if self.network.bans().len() > 0 {
            self.bans_changed = true;
            self.timers.set(Timer::StoreBans, self.now + STORE_PAUSE);
        }
    }

    /// Hands them out if they have changed since: the moment is over, or this server leaves.
    pub(crate) fn store_changed_bans(&mut self, out: &mut Out) {
        self.timers.cancel(Timer::StoreBans);
        if self.bans_changed {
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
        let shown = shown_as(nick, user, id, address);
        let shown = shown.map(|who| PreparedText::new(fold_name(&who).as_bytes(), irc::CASE));
        let mut bans = self.network.bans().of(BanKind::User, self.network_ms());
        let found = bans.find(|ban| {
            self.work.charge(work::units_of(ban.mask.len() * 3));
            let mask = fold_beyond_ascii(&ban.mask);
            shown.iter().any(|who| who.matches(mask.as_bytes()))
        });
        found.map(ban_text)
    }

    /// Removes the clients of this server that the ban of a mask is about, if it holds, but no
    /// operators.
    fn enforce_ban(&mut self, kind: BanKind, mask: &str, out: &mut Out) {
        let ban = self.network.bans().find(kind, mask);
        let Some(ban) = ban.filter(|ban| ban.holds(self.network_ms())) else {
            return;
        };
        let clients = self.network.neighbours().iter();
        let clients = clients.filter(|(_, it)| it.kind == HostKind::Client);
        let operators = self.network.operators();
        let clients = clients.filter(|(_, it)| operators.find(it.host).is_none());
        let clients = clients.filter(|(link, it)| self.is_about(ban, *link, it.host));
        let clients: Vec<_> = clients.map(|(link, _)| link).collect();
        let text = ban_text(ban);
        for link in clients {
            log::info!("{}: removed: {text}", self.describe_peer(link));
            self.remove_user(link, &text, out);
        }
    }

    /// Whether a ban is about a client of this server.
    fn is_about(&self, ban: &Ban, link: LinkId, id: HostId) -> bool {
        let Some(address) = self.links.find(link).map(|found| found.endpoints.peer.ip()) else {
            return false;
        };
        self.work.charge(work::units_of(ban.mask.len() * 3));
        match ban.kind {
            BanKind::Address => ban.contains(address),
            BanKind::User => {
                let nick = self.nick_of(id);
                let user = irc::user_name_of(self, link).unwrap_or_else(|| nick.clone());
                let shown = shown_as(&nick, &user, id, address);
                let mask = fold_beyond_ascii(&ban.mask);
                shown.iter().any(|who| {
                    let who = fold_name(who);
                    irc_wire::mask::matches(mask.as_bytes(), who.as_bytes(), irc::CASE)
                })
            }
        }
    }

    /// Removes a client of this server if it is banned. An operator stays, to lift a ban that
    /// was a mistake.
    pub(crate) fn enforce_bans_on(&mut self, link: LinkId, id: HostId, out: &mut Out) {
        let is_operator = self.network.operators().find(id).is_some();
        if self.network.bans().len() == 0 || is_operator {
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

/// What a mask of a user is compared with.
fn shown_as(nick: &str, user: &str, id: HostId, address: IpAddr) -> [String; 3] {
    let address = address.to_canonical();
    [
        format!("{nick}!{user}@{id}.crc"),
        format!("{nick}!{nick}@{id}.crc"),
        format!("{nick}!{user}@{address}"),
    ]
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
        BanKind::User => {
            let host = normal.rsplit('@').next().unwrap_or_default();
            if host.contains('/') {
                return Err("A mask has no networks: write DLINE and the network");
            }
            matches_strangers(&normal)
        }
    };
    match is_too_wide {
        true => Err("The mask matches too much"),
        false => Ok(normal),
    }
}

/// Whether a mask matches users who have nothing in common but the kind of their addresses.
fn matches_strangers(mask: &str) -> bool {
    let strangers = [
        ("q7", "~wz", 4_000_000_001, "203.0.113.77"),
        ("k-x", "vu", 25, "8.64.9.5"),
        ("q7", "~wz", 4_000_000_001, "203c::e1"),
        ("k-x", "vu", 25, "fd84:9:6::5:b7"),
    ];
    let is_matched = strangers.map(|(nick, user, id, address)| {
        let (Some(id), Ok(address)) = (HostId::new(id), address.parse()) else {
            return false;
        };
        let matches =
            |who: &String| irc_wire::mask::matches(mask.as_bytes(), who.as_bytes(), irc::CASE);
        shown_as(nick, user, id, address).iter().any(matches)
    });
    is_matched[..2] == [true; 2] || is_matched[2..] == [true; 2]
}

/// Whether a text that is no duration was meant to be one.
fn is_like_duration(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.chars().all(|c| c.is_ascii_alphanumeric())
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
    fn what_was_meant_as_a_duration_is_no_mask() {
        for text in ["1y", "-1", "+1x", "1d2", "99999999999999999999"] {
            assert!(is_like_duration(text), "{text}");
        }
        for text in [
            "bob",
            "d",
            "10.0.0.1",
            "2001:db8::1",
            "1!*@*",
            "17@*",
            "-",
            "",
        ] {
            assert!(!is_like_duration(text), "{text}");
        }
    }

    #[test]
    fn masks_that_match_everyone_are_refused() {
        for mask in [
            "*",
            "*!*@*",
            "*@*",
            "?*!*@*",
            "*!*@*.*",
            "*!*@*.crc",
            "*!*@*?c",
            "*!*@*.*.*.*",
            "*!*@*:*",
        ] {
            assert!(checked_mask(BanKind::User, mask).is_err(), "{mask}");
        }
        let network = checked_mask(BanKind::User, "*!*@192.0.2.0/24");
        assert!(network.is_err_and(|why| why.contains("DLINE")));
        for mask in [
            "bob",
            "*!*@17.crc",
            "*!*@10.*",
            "*!*@2001:*",
            "b*!*@*",
            "*!~*@*",
            "?!*@*",
        ] {
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
