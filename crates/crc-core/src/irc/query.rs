//! What users of IRC ask: about each other, and about the server.

use crc_wire::HostId;
use irc_wire::{Message, Numeric, Verb, lists, mask, text};

use super::channel::{ANSWER_BYTES_MAX, LOOKED_AT_MAX};
use super::registration::VERSION;
use super::reply::{date_text, prefixes};
use super::session::{Capability, NAMES};
use super::{CASE, UserRef, cut};
use crate::context::{Context, Out};
use crate::network::{Channel, Host, HostKind};
use crc_machine::LinkId;

/// The most bytes of why somebody is away (`AWAYLEN`).
const AWAY_BYTES_MAX: usize = 300;

/// How many are asked for with one WHOIS (`TARGMAX`).
const WHOIS_MAX: usize = 4;

/// How many nicks a USERHOST may have.
const USERHOST_MAX: usize = 5;

/// The fields of WHOX, in the order in which they are told.
const WHOX_FIELDS: &str = "tcuihsnfdlaor";

/// What an answer to WHO has.
pub(crate) struct Whox {
    fields: String,
    token: String,
}

impl Context {
    pub(crate) fn irc_away(&mut self, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
        let said = text::utf8_or_latin1(message.params.get(0).unwrap_or_default());
        let Some(user) = self.irc_user_mut(user_ref.link) else {
            return;
        };
        let away = !said.is_empty();
        user.away = away.then(|| cut(&said, AWAY_BYTES_MAX).into());
        let (numeric, text) = match away {
            true => (Numeric::RPL_NOWAWAY, "You have been marked as being away"),
            false => (
                Numeric::RPL_UNAWAY,
                "You are no longer marked as being away",
            ),
        };
        self.reply(user_ref.link, numeric, &[], Some(text), out);
    }

    // About users.

    /// The user name of a host, as others see it.
    pub(crate) fn irc_ident(&self, id: HostId) -> String {
        match self.irc_user_of(id) {
            Some((_, user)) => user.user.clone(),
            None => self.nick_of(id),
        }
    }

    pub(crate) fn irc_is_away(&self, id: HostId) -> bool {
        let user = self.irc_user_of(id);
        user.is_some_and(|(_, user)| user.away.is_some())
    }

    /// Whether somebody can be found by `user_ref` who did not ask for the nick.
    pub(crate) fn irc_is_visible(&self, id: HostId, user_ref: UserRef) -> bool {
        let user = self.irc_user_of(id);
        let hidden = user.is_some_and(|(_, user)| user.invisible);
        !hidden || id == user_ref.id || self.network.channels().share(id, user_ref.id)
    }

    pub(crate) fn irc_who(&mut self, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
        let link = user_ref.link;
        let wanted = message.params.get(0).unwrap_or(b"*");
        let target = match &*text::utf8_or_latin1(wanted) {
            "" | "0" => "*".to_owned(),
            wanted => wanted.to_owned(),
        };
        let options = text::utf8_or_latin1(message.params.get(1).unwrap_or_default());
        let whox = whox(&options);
        // There are no operators of the network to be found.
        let (flags, _) = options.split_once('%').unwrap_or((&options, ""));
        let nobody = flags.contains('o');
        if !nobody {
            let start = out.arena_len();
            let too_much = |out: &Out| out.arena_len() - start > ANSWER_BYTES_MAX;
            if let Some(channel) = self.network.channels().find(&target) {
                for (id, _) in channel.members() {
                    if too_much(out) {
                        self.irc_too_much(link, "WHO", out);
                        break;
                    }
                    self.irc_who_one(link, id, Some(channel), whox.as_ref(), out);
                }
            } else if !NAMES.is_channel(target.as_bytes()) {
                let names = self.names.as_ref();
                let exact = names.and_then(|names| names.nicks.find(&target));
                if let Some(id) = exact {
                    self.irc_who_one(link, id, None, whox.as_ref(), out);
                } else {
                    for (number, host) in self.network.directory().clients().enumerate() {
                        if number == LOOKED_AT_MAX || too_much(out) {
                            self.irc_too_much(link, "WHO", out);
                            break;
                        }
                        let id = host.id();
                        if self.irc_is_visible(id, user_ref) && self.irc_fits(host, &target) {
                            self.irc_who_one(link, id, None, whox.as_ref(), out);
                        }
                    }
                }
            }
        }
        let text = Some("End of /WHO list");
        self.reply(link, Numeric::RPL_ENDOFWHO, &[&target], text, out);
    }

    /// Whether a mask of WHO means this host.
    pub(crate) fn irc_fits(&self, host: &Host, mask: &str) -> bool {
        let fits = |text: &str| mask::matches(mask.as_bytes(), text.as_bytes(), CASE);
        let id = host.id();
        mask == "*"
            || fits(&self.nick_of(id))
            || fits(&self.irc_source(id))
            || fits(&format!("{id}.crc"))
            || fits(self.irc_server_of(host))
            || fits(host.info())
    }

    pub(crate) fn irc_who_one(
        &self,
        link: LinkId,
        id: HostId,
        channel: Option<&Channel>,
        whox: Option<&Whox>,
        out: &mut Out,
    ) {
        let Some(host) = self.network.directory().find(id) else {
            return;
        };
        let user = self.irc_user(link);
        let all = user.is_some_and(|user| user.has(Capability::MultiPrefix));
        let member = channel.and_then(|channel| channel.member(id));
        let here = if self.irc_is_away(id) { "G" } else { "H" };
        let flags = format!("{here}{}", prefixes(member.unwrap_or_default(), all));
        let shown = channel.map_or("*", Channel::name);
        let (nick, ident) = (self.nick_of(id), self.irc_ident(id));
        let address = format!("{id}.crc");
        let server = self.irc_server_of(host);
        let hops = if self.irc_is_local(host) { "0" } else { "1" };
        let Some(whox) = whox else {
            let words = [shown, &ident, &address, server, &nick, &flags];
            let text = format!("{hops} {}", host.info());
            return self.reply(link, Numeric::RPL_WHOREPLY, &words, Some(&text), out);
        };
        let idle = self.irc_idle_seconds(id).to_string();
        let mut words = Vec::new();
        for field in WHOX_FIELDS
            .chars()
            .filter(|field| whox.fields.contains(*field))
        {
            match field {
                't' => words.push(&*whox.token),
                'c' => words.push(shown),
                'u' => words.push(&ident),
                // Nobody's address is shown.
                'i' => words.push("255.255.255.255"),
                'h' => words.push(&address),
                's' => words.push(server),
                'n' => words.push(&nick),
                'f' => words.push(&flags),
                'd' => words.push(hops),
                'l' => words.push(&idle),
                'a' => words.push("0"),
                'o' => words.push("n/a"),
                _ => {}
            }
        }
        let text = whox.fields.contains('r').then(|| host.info());
        self.reply(link, Numeric::RPL_WHOSPCRPL, &words, text, out);
    }

    pub(crate) fn irc_idle_seconds(&self, id: HostId) -> u64 {
        let user = self.irc_user_of(id);
        user.map_or(0, |(_, user)| self.now.since(user.spoke_at).as_secs())
    }

    pub(crate) fn irc_whois(&mut self, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
        let link = user_ref.link;
        // With two, the first says which server is to answer: we know as much.
        let wanted = message.params.get(1).or(message.params.get(0));
        let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty()) else {
            return self.reply_error(link, Numeric::ERR_NONICKNAMEGIVEN, &[], out);
        };
        for nick in lists::elements(wanted).take(WHOIS_MAX) {
            let nick = text::utf8_or_latin1(nick);
            let names = self.names.as_ref();
            match names.and_then(|names| names.nicks.find(&nick)) {
                Some(id) => self.irc_whois_one(link, id, out),
                None => self.reply_error(link, Numeric::ERR_NOSUCHNICK, &[&nick], out),
            }
            let text = Some("End of /WHOIS list");
            self.reply(link, Numeric::RPL_ENDOFWHOIS, &[&nick], text, out);
        }
    }

    pub(crate) fn irc_whois_one(&self, link: LinkId, id: HostId, out: &mut Out) {
        let Some(host) = self.network.directory().find(id) else {
            return;
        };
        let (nick, ident) = (self.nick_of(id), self.irc_ident(id));
        let address = format!("{id}.crc");
        let words = [&nick, &ident, &address, "*"];
        let info = Some(host.info());
        self.reply(link, Numeric::RPL_WHOISUSER, &words, info, out);
        let mut listed = String::new();
        for channel in self.network.channels().of(id) {
            let marked = self.irc_marked_channel(id, channel);
            if listed.len() + marked.len() > 300 {
                self.reply(
                    link,
                    Numeric::RPL_WHOISCHANNELS,
                    &[&nick],
                    Some(&listed),
                    out,
                );
                listed.clear();
            }
            if !listed.is_empty() {
                listed.push(' ');
            }
            listed.push_str(&marked);
        }
        if !listed.is_empty() {
            self.reply(
                link,
                Numeric::RPL_WHOISCHANNELS,
                &[&nick],
                Some(&listed),
                out,
            );
        }
        let server = self.irc_server_of(host);
        let info = match self.irc_is_local(host) {
            true => self.config.info.as_str(),
            false => "the way to this user leads there",
        };
        let words = [&nick, server];
        self.reply(link, Numeric::RPL_WHOISSERVER, &words, Some(info), out);
        self.irc_tell_away(link, id, out);
        if let Some((_, user)) = self.irc_user_of(id) {
            let idle = self.irc_idle_seconds(id).to_string();
            let since = (user.registered_at_unix_ms / 1000).to_string();
            let (words, text) = ([&*nick, &idle, &since], Some("seconds idle, signon time"));
            self.reply(link, Numeric::RPL_WHOISIDLE, &words, text, out);
        }
    }

    pub(crate) fn irc_whowas(&mut self, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
        let link = user_ref.link;
        let Some(nick) = message.params.get(0).filter(|nick| !nick.is_empty()) else {
            return self.reply_error(link, Numeric::ERR_NONICKNAMEGIVEN, &[], out);
        };
        let nick = text::utf8_or_latin1(nick);
        // Who has left is forgotten.
        self.reply_error(link, Numeric::ERR_WASNOSUCHNICK, &[&nick], out);
        let text = Some("End of WHOWAS");
        self.reply(link, Numeric::RPL_ENDOFWHOWAS, &[&nick], text, out);
    }

    pub(crate) fn irc_ison(&mut self, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
        let names = self.names.as_ref();
        let nicks = message.params.iter();
        let nicks = nicks.flat_map(|param| param.split(|byte| *byte == b' '));
        let there = nicks.filter_map(|nick| {
            let nick = text::utf8_or_latin1(nick);
            let id = names?.nicks.find(&nick)?;
            Some(self.nick_of(id))
        });
        let there = there.collect::<Vec<_>>().join(" ");
        self.reply(user_ref.link, Numeric::RPL_ISON, &[], Some(&there), out);
    }

    pub(crate) fn irc_userhost(&mut self, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
        let names = self.names.as_ref();
        let nicks = message.params.iter().take(USERHOST_MAX);
        let there = nicks.filter_map(|nick| {
            let nick = text::utf8_or_latin1(nick);
            let id = names?.nicks.find(&nick)?;
            let sign = if self.irc_is_away(id) { '-' } else { '+' };
            let (nick, ident) = (self.nick_of(id), self.irc_ident(id));
            Some(format!("{nick}={sign}{ident}@{id}.crc"))
        });
        let there = there.collect::<Vec<_>>().join(" ");
        self.reply(user_ref.link, Numeric::RPL_USERHOST, &[], Some(&there), out);
    }

    // About the server.

    pub(crate) fn irc_server_query(
        &mut self,
        user_ref: UserRef,
        verb: Verb,
        message: &Message<'_>,
        out: &mut Out,
    ) {
        let link = user_ref.link;
        let own = self.irc_own_name();
        match verb {
            Verb::Motd => self.irc_motd(link, out),
            Verb::Lusers => self.irc_lusers(link, out),
            Verb::Version => {
                let words = [VERSION, own];
                let text = Some("a relay chat server");
                self.reply(link, Numeric::RPL_VERSION, &words, text, out);
                self.irc_support(link, out);
            }
            Verb::Time => {
                let text = date_text(self.unix_ms());
                self.reply(link, Numeric::RPL_TIME, &[own], Some(&text), out);
            }
            Verb::Admin => self.reply_error(link, Numeric::ERR_NOADMININFO, &[own], out),
            Verb::Info => {
                let started = date_text(self.config.started_at_unix_ms);
                for text in [
                    format!("{VERSION}, a server of a relay chat network"),
                    self.config.info.as_str().to_owned(),
                    format!("Started {started}"),
                ] {
                    self.reply(link, Numeric::RPL_INFO, &[], Some(&text), out);
                }
                let text = Some("End of INFO list");
                self.reply(link, Numeric::RPL_ENDOFINFO, &[], text, out);
            }
            Verb::Links => self.irc_links(link, out),
            Verb::Stats => {
                let letter = text::utf8_or_latin1(message.params.get(0).unwrap_or(b"*"));
                if letter == "u" {
                    let up = self.now.as_micros() / 1_000_000;
                    let (days, hours) = (up / 86_400, up / 3600 % 24);
                    let (minutes, seconds) = (up / 60 % 60, up % 60);
                    let text = format!("Server Up {days} days {hours}:{minutes:02}:{seconds:02}");
                    self.reply(link, Numeric::RPL_STATSUPTIME, &[], Some(&text), out);
                }
                let text = Some("End of STATS report");
                self.reply(link, Numeric::RPL_ENDOFSTATS, &[&letter], text, out);
            }
            Verb::Servlist => {
                let text = Some("End of service listing");
                self.reply(link, Numeric::RPL_SERVLISTEND, &["*", "*"], text, out);
            }
            Verb::Squery => {
                let name = text::utf8_or_latin1(message.params.get(0).unwrap_or(b"*"));
                self.reply_error(link, Numeric::ERR_NOSUCHSERVICE, &[&name], out);
            }
            Verb::Summon => self.reply_error(link, Numeric::ERR_SUMMONDISABLED, &[], out),
            Verb::Users => self.reply_error(link, Numeric::ERR_USERSDISABLED, &[], out),
            Verb::Help => {
                let topic = text::utf8_or_latin1(message.params.get(0).unwrap_or(b"*"));
                self.reply_error(link, Numeric::ERR_HELPNOTFOUND, &[&topic], out);
            }
            _ => self.reply_error(link, Numeric::ERR_UNKNOWNCOMMAND, &[verb.as_str()], out),
        }
    }

    pub(crate) fn irc_motd(&self, link: LinkId, out: &mut Out) {
        let motd = &self.config.motd;
        if motd.is_empty() {
            return self.reply_error(link, Numeric::ERR_NOMOTD, &[], out);
        }
        let text = format!("- {} Message of the day -", self.irc_own_name());
        self.reply(link, Numeric::RPL_MOTDSTART, &[], Some(&text), out);
        for line in motd {
            let text = format!("- {line}");
            self.reply(link, Numeric::RPL_MOTD, &[], Some(&text), out);
        }
        let text = Some("End of /MOTD command");
        self.reply(link, Numeric::RPL_ENDOFMOTD, &[], text, out);
    }

    pub(crate) fn irc_lusers(&self, link: LinkId, out: &mut Out) {
        let directory = self.network.directory();
        let servers = directory.servers_len() + 1;
        let users = directory.len() - directory.servers_len();
        let neighbours = self.network.neighbours();
        let own = neighbours
            .iter()
            .filter(|(_, n)| n.kind == HostKind::Client);
        let own = own.count();
        let adjacent = neighbours.len() - own;
        let strangers = self.sessions.len() - neighbours.len();
        let channels = self.network.channels().len().to_string();
        let text = format!("There are {users} users and 0 services on {servers} servers");
        self.reply(link, Numeric::RPL_LUSERCLIENT, &[], Some(&text), out);
        if strangers > 0 {
            let (words, text) = ([&*strangers.to_string()], Some("unknown connection(s)"));
            self.reply(link, Numeric::RPL_LUSERUNKNOWN, &words, text, out);
        }
        let (words, text) = ([&*channels], Some("channels formed"));
        self.reply(link, Numeric::RPL_LUSERCHANNELS, &words, text, out);
        let text = format!("I have {own} clients and {adjacent} servers");
        self.reply(link, Numeric::RPL_LUSERME, &[], Some(&text), out);
    }

    /// The servers of the network, each behind the one that leads to it.
    pub(crate) fn irc_links(&self, link: LinkId, out: &mut Out) {
        let own = self.irc_own_name();
        let names = self.names.as_ref();
        let start = out.arena_len();
        for host in self.network.directory().servers() {
            if out.arena_len() - start > ANSWER_BYTES_MAX {
                self.irc_too_much(link, "LINKS", out);
                break;
            }
            let name = names.and_then(|names| names.servers.of(host.id()));
            let name = name.unwrap_or_default();
            let (via, hops) = match self.irc_is_local(host) {
                true => (own, 1),
                false => (self.irc_server_of(host), 2),
            };
            let text = format!("{hops} {}", host.info());
            self.reply(link, Numeric::RPL_LINKS, &[name, via], Some(&text), out);
        }
        let text = format!("0 {}", self.config.info);
        self.reply(link, Numeric::RPL_LINKS, &[own, own], Some(&text), out);
        let text = Some("End of LINKS list");
        self.reply(link, Numeric::RPL_ENDOFLINKS, &["*"], text, out);
    }
}

/// The fields that a WHO asks for: `%fields,token`.
fn whox(options: &str) -> Option<Whox> {
    let (_, wanted) = options.split_once('%')?;
    let (fields, token) = wanted.split_once(',').unwrap_or((wanted, "0"));
    Some(Whox {
        fields: fields.to_owned(),
        token: cut(token, 3).to_owned(),
    })
}
