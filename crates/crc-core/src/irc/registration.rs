//! How somebody becomes a user: capabilities, nick and user name, and the welcome.

use irc_wire::{Command, Message, Numeric, Verb, text};

use super::reply::date_text;
use super::session::{Capability, NAMES, SILENCE_MAX, User};
use super::{UserRef, cut};
use crate::admission::INFO_BYTES_MAX;
use crate::announcement::split_info;
use crate::context::{Context, Out, Timer};
use crate::network::{Host, HostInfo, HostKind};
use crate::violation::Violation;
use crc_machine::LinkId;
use crc_machine::is_printable;

/// What the network is called.
const NETWORK: &str = "CRC";

/// The version that users are told.
pub(crate) const VERSION: &str = concat!("crc-", env!("CARGO_PKG_VERSION"));

/// What we support, a line's worth each.
const SUPPORT: [&[&str]; 2] = [
    &[
        "CHANTYPES=#",
        "PREFIX=(ov)@+",
        "CHANMODES=b,k,l,imnt",
        "CASEMAPPING=ascii",
        "NICKLEN=30",
        "USERLEN=10",
        "CHANNELLEN=64",
        "TOPICLEN=390",
        "KICKLEN=300",
        "AWAYLEN=300",
    ],
    &[
        "MODES=12",
        "MAXLIST=b:100",
        "CHANLIMIT=#:250",
        "MAXTARGETS=4",
        "TARGMAX=JOIN:,KICK:4,NAMES:,NOTICE:4,PART:,PRIVMSG:4,WHOIS:4",
        "CLIENTTAGDENY=*",
        "SAFELIST",
        "WHOX",
    ],
];

impl Context {
    /// A message of somebody who has not registered.
    pub(crate) fn irc_registration(&mut self, link: LinkId, message: &Message<'_>, out: &mut Out) {
        let verb = match message.command {
            Command::Verb(verb) => verb,
            Command::Numeric(_) => return,
            Command::Other(_) => {
                return self.reply_error(link, Numeric::ERR_NOTREGISTERED, &[], out);
            }
        };
        match verb {
            Verb::Cap => self.irc_cap(link, message, out),
            Verb::Nick => {
                if let Some(nick) = self.requested_nick(link, message, None, out)
                    && let Some(user) = self.irc_user_mut(link)
                {
                    user.nick = nick;
                    self.irc_may_register(link, out);
                }
            }
            Verb::User => self.irc_user_command(link, message, out),
            Verb::Ping => self.irc_ping(link, message, out),
            Verb::Quit => {
                self.irc_closes(link, "Quit", out);
                self.close(link, crc_machine::CloseWhen::Flushed, "quit", out);
            }
            // There are no passwords, and nobody needs to know.
            Verb::Pass | Verb::Pong | Verb::Error | Verb::Notice => {}
            _ => self.reply_error(link, Numeric::ERR_NOTREGISTERED, &[], out),
        }
    }

    /// The nick that a NICK asks for, if it can be had; `own` has one already.
    pub(crate) fn requested_nick(
        &self,
        link: LinkId,
        message: &Message<'_>,
        own: Option<crc_wire::HostId>,
        out: &mut Out,
    ) -> Option<String> {
        let Some(nick) = message.params.get(0).filter(|nick| !nick.is_empty()) else {
            self.reply_error(link, Numeric::ERR_NONICKNAMEGIVEN, &[], out);
            return None;
        };
        let good = NAMES.check_nick(nick).is_ok();
        let nick = text::lossy(nick);
        if !good {
            self.reply_error(link, Numeric::ERR_ERRONEUSNICKNAME, &[&nick], out);
            return None;
        }
        if self.is_nick_taken(&nick, own) {
            self.reply_error(link, Numeric::ERR_NICKNAMEINUSE, &[&nick], out);
            return None;
        }
        Some(nick.into_owned())
    }

    /// Whether somebody else is called so, or a server.
    pub(crate) fn is_nick_taken(&self, nick: &str, own: Option<crc_wire::HostId>) -> bool {
        let Some(names) = &self.names else {
            return false;
        };
        let holder = names.nicks.find(nick);
        holder.is_some() && holder != own || names.servers.find(nick).is_some()
    }

    pub(crate) fn irc_user_command(&mut self, link: LinkId, message: &Message<'_>, out: &mut Out) {
        let params = &message.params;
        let (Some(name), Some(realname)) = (params.get(0), params.get(3)) else {
            return self.reply_error(link, Numeric::ERR_NEEDMOREPARAMS, &["USER"], out);
        };
        let (name, realname) = (user_name(name), real_name(realname));
        if let Some(user) = self.irc_user_mut(link) {
            user.user = name;
            user.realname = realname;
            self.irc_may_register(link, out);
        }
    }

    /// Registers somebody who has said all that it takes.
    pub(crate) fn irc_may_register(&mut self, link: LinkId, out: &mut Out) {
        let Some(user) = self.irc_user_mut(link) else {
            return;
        };
        if user.negotiates || user.nick.is_empty() || user.user.is_empty() {
            return;
        }
        let nick = core::mem::take(&mut user.nick);
        let realname = user.realname.clone();
        if self.is_nick_taken(&nick, None) {
            // Somebody has been faster.
            return self.reply_error(link, Numeric::ERR_NICKNAMEINUSE, &[&nick], out);
        }
        if self.network.directory().len() >= self.config.limits.hosts_max {
            return self.violation(link, Violation::DirectoryFull, out);
        }
        let id = self.admit_text_peer(link, HostKind::Client, &nick, &realname, out);
        let (now, unix_ms) = (self.now, self.unix_ms());
        if let Some(user) = self.irc_user_mut(link) {
            user.registered_at_unix_ms = unix_ms;
            user.spoke_at = now;
        }
        if !self.timers.is_set(Timer::Irc(link)) {
            self.timers.set(Timer::Irc(link), now + SILENCE_MAX);
        }
        self.irc_welcome(UserRef { link, id }, out);
    }

    pub(crate) fn irc_welcome(&self, user_ref: UserRef, out: &mut Out) {
        let link = user_ref.link;
        let own = self.irc_own_name();
        let source = self.irc_source(user_ref.id);
        let created = date_text(self.config.started_at_unix_ms);
        for (numeric, text) in [
            (
                Numeric::RPL_WELCOME,
                format!("Welcome to the relay chat network, {source}"),
            ),
            (
                Numeric::RPL_YOURHOST,
                format!("Your host is {own}, running version {VERSION}"),
            ),
            (
                Numeric::RPL_CREATED,
                format!("This server was started {created}"),
            ),
        ] {
            self.reply(link, numeric, &[], Some(&text), out);
        }
        let words = [own, VERSION, "i", "biklmnotv", "bklov"];
        self.reply(link, Numeric::RPL_MYINFO, &words, None, out);
        self.irc_support(link, out);
        self.irc_lusers(link, out);
        self.irc_motd(link, out);
    }

    /// What is supported here.
    pub(crate) fn irc_support(&self, link: LinkId, out: &mut Out) {
        let text = Some("are supported by this server");
        let network = format!("NETWORK={NETWORK}");
        for (line, words) in SUPPORT.into_iter().enumerate() {
            let mut words = words.to_vec();
            if line == 0 {
                words.push(&network);
            }
            self.reply(link, Numeric::RPL_ISUPPORT, &words, text, out);
        }
    }

    // Capabilities.

    pub(crate) fn irc_cap(&mut self, link: LinkId, message: &Message<'_>, out: &mut Out) {
        let registered = self.network.neighbours().find(link).is_some();
        let Some(user) = self.irc_user_mut(link) else {
            return;
        };
        let Some(subcommand) = message.params.get(0) else {
            return self.reply_error(link, Numeric::ERR_NEEDMOREPARAMS, &["CAP"], out);
        };
        let subcommand = text::lossy(subcommand).to_ascii_uppercase();
        let rest = message.params.get(1).unwrap_or_default();
        match &*subcommand {
            "LS" => {
                user.negotiates |= !registered;
                let version = text::lossy(rest).parse::<u32>();
                if version.is_ok_and(|version| version >= 302) {
                    user.capabilities.set(Capability::CapNotify, true);
                }
                let names = Capability::ALL.map(|(_, name)| name).join(" ");
                self.irc_cap_line(link, "LS", &names, out);
            }
            "LIST" => {
                let has = |(capability, name): &(Capability, &'static str)| {
                    user.has(*capability).then_some(*name)
                };
                let names: Vec<_> = Capability::ALL.iter().filter_map(has).collect();
                self.irc_cap_line(link, "LIST", &names.join(" "), out);
            }
            "REQ" => {
                user.negotiates |= !registered;
                let wanted = text::lossy(rest);
                let answer = match request(user, &wanted) {
                    true => "ACK",
                    false => "NAK",
                };
                self.irc_cap_line(link, answer, &wanted, out);
            }
            "END" => {
                user.negotiates = false;
                if !registered {
                    self.irc_may_register(link, out);
                }
            }
            _ => self.reply_error(link, Numeric::ERR_INVALIDCAPCMD, &[&subcommand], out),
        }
    }

    pub(crate) fn irc_cap_line(&self, link: LinkId, subcommand: &str, text: &str, out: &mut Out) {
        let words = [self.irc_target(link), subcommand];
        self.irc_line_to(link, self.irc_own_name(), "CAP", &words, Some(text), out);
    }

    // Changes later on.

    pub(crate) fn irc_nick(&mut self, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
        let Some(nick) = self.requested_nick(user_ref.link, message, Some(user_ref.id), out) else {
            return;
        };
        let host = self.network.directory().find(user_ref.id);
        let Some(info) = host.map(|host| host.info().to_owned()) else {
            return;
        };
        if self.nick_of(user_ref.id) != nick {
            self.irc_claims(user_ref, &nick, &info, out);
        }
    }

    pub(crate) fn irc_setname(&mut self, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
        let Some(realname) = message.params.get(0).filter(|name| !name.is_empty()) else {
            let words = ["SETNAME"];
            return self.reply_error(user_ref.link, Numeric::ERR_NEEDMOREPARAMS, &words, out);
        };
        let realname = real_name(realname);
        let host = self.network.directory().find(user_ref.id);
        let Some((name, before)) = host.map(|host| (host.name().to_owned(), host.info())) else {
            return;
        };
        if before != realname {
            self.irc_claims(user_ref, &name, &realname, out);
        }
        let mut told = self.irc_acquaintances(user_ref.id, Some(user_ref.link));
        told.push(user_ref.link);
        let source = self.irc_source(user_ref.id);
        for link in told {
            let user = self.irc_user(link);
            if user.is_some_and(|user| user.has(Capability::Setname)) {
                self.irc_line_to(link, &source, "SETNAME", &[], Some(&realname), out);
            }
        }
    }

    /// A user says another nick or real name of itself.
    pub(crate) fn irc_claims(&mut self, user_ref: UserRef, name: &str, info: &str, out: &mut Out) {
        let claim = HostInfo::for_people(user_ref.id, HostKind::Client, name, info);
        self.rename(user_ref.link, &claim, out);
    }

    /// A host is new, or another one: if it is a user of IRC who is linked to us,
    /// this is what its messages begin with.
    pub(crate) fn irc_host_joined(&mut self, id: crc_wire::HostId) {
        let Some(link) = self.network.directory().find(id).map(Host::first_link) else {
            return;
        };
        let neighbour = self.network.neighbours().find(link);
        if neighbour.is_none_or(|neighbour| neighbour.host != id) {
            return;
        }
        let nick = self.nick_of(id);
        if let Some(user) = self.irc_user_mut(link) {
            user.source = format!("{nick}!{}@{id}.crc", user.user);
        }
    }
}

/// Agrees on what is wanted, on all of it or on nothing.
fn request(user: &mut User, wanted: &str) -> bool {
    let mut capabilities = user.capabilities;
    for word in wanted.split_ascii_whitespace() {
        let (name, on) = match word.strip_prefix('-') {
            Some(name) => (name, false),
            None => (word, true),
        };
        let Some(capability) = Capability::find(name) else {
            return false;
        };
        capabilities.set(capability, on);
    }
    user.capabilities = capabilities;
    true
}

/// A user name as others see it: `~`, for nobody has checked it, and what is left of
/// it that can stand in one.
fn user_name(name: &[u8]) -> String {
    let good = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-+".contains(byte);
    let good = name.iter().copied().filter(good).map(char::from);
    let mut name = String::from("~");
    name.extend(good.take(NAMES.user_bytes_max - 1));
    if name.len() == 1 {
        name.push_str("user");
    }
    name
}

/// A real name that the network takes.
fn real_name(name: &[u8]) -> String {
    let name = text::utf8_or_latin1(name);
    let printable: String = name.chars().filter(|c| is_printable(*c)).collect();
    let (name, _) = split_info(&printable);
    cut(name, INFO_BYTES_MAX).to_owned()
}
