//! Registration: capabilities, nick and user name, the welcome; and later changes of
//! them.

use crc_machine::{CloseWhen, LinkId};
use crc_wire::HostId;
use irc_wire::{Command, Message, Numeric, Verb, text};

use super::reply::{self, LINE_BYTES_MAX, date_text};
use super::server_query::{VERSION, send_lusers, send_motd, send_support};
use super::session::{Admission, Capability, NAMES, SILENCE_MAX, UTF8_NAMES, User};
use super::{
    UserRef, find_user, find_user_mut, has, metadata, ping, send_error, source_of, tags, webirc,
};
use crate::admission::admitted_info;
use crate::announcement::ClientDetails;
use crate::context::{Context, LinkTimer, Out};
use crate::names::prepare_name;
use crate::network::{Host, HostInfo, HostKind, Nicks};
use crate::operator::Password;
use crate::text_protocol::pack_words;
use crate::violation::Violation;

/// Handles a message of an unregistered user. `is_first`: it is its first line.
pub(super) fn on_message(
    cx: &mut Context,
    link: LinkId,
    is_first: bool,
    message: &Message<'_>,
    out: &mut Out,
) {
    let verb = match message.command {
        Command::Verb(verb) => verb,
        Command::Numeric(_) => return,
        Command::Other(_) => {
            return reply::reply_error(cx, link, Numeric::ERR_NOTREGISTERED, &[], out);
        }
    };
    match verb {
        Verb::Cap => cap(cx, link, message, out),
        Verb::Nick => {
            if let Some(nick) = requested_nick(cx, link, message, None, out)
                && let Some(user) = find_user_mut(cx, link)
            {
                user.nick = nick;
                try_register(cx, link, out);
            }
        }
        Verb::User => user_command(cx, link, message, out),
        Verb::Ping => ping(cx, link, message, out),
        Verb::Quit => {
            send_error(cx, link, "Quit", out);
            cx.close(link, CloseWhen::Flushed, "quit", out);
        }
        Verb::Pass => {
            let Some(password) = message.params.get(0) else {
                let words = ["PASS"];
                return reply::reply_error(cx, link, Numeric::ERR_NEEDMOREPARAMS, &words, out);
            };
            let password = Password::new(&*text::utf8_or_latin1(password));
            if let Some(user) = find_user_mut(cx, link) {
                user.password = Some(password);
            }
        }
        Verb::Metadata => metadata::before_registration(cx, link, message, out),
        Verb::Webirc => webirc::webirc(cx, link, is_first, message, out),
        Verb::Pong | Verb::Error | Verb::Notice => {}
        _ => reply::reply_error(cx, link, Numeric::ERR_NOTREGISTERED, &[], out),
    }
}

/// The nick of a NICK command, if it is free; `own` is the host that has a nick
/// already.
fn requested_nick(
    cx: &mut Context,
    link: LinkId,
    message: &Message<'_>,
    own: Option<HostId>,
    out: &mut Out,
) -> Option<String> {
    let Some(nick) = message.params.get(0).filter(|nick| !nick.is_empty()) else {
        reply::reply_error(cx, link, Numeric::ERR_NONICKNAMEGIVEN, &[], out);
        return None;
    };
    let typed = text::utf8_or_latin1(nick);
    let Some(nick) = admitted_nick(&typed) else {
        reply::reply_error(cx, link, Numeric::ERR_ERRONEUSNICKNAME, &[&typed], out);
        return None;
    };
    cx.finish_leaving_named(&nick, out);
    if is_nick_refused(cx, link, &nick, own, out) {
        return None;
    }
    Some(nick)
}

/// The nick that a user types, in the form in which it has it, if it may have such a nick at
/// all.
fn admitted_nick(typed: &str) -> Option<String> {
    if typed.is_ascii() {
        return NAMES
            .check_nick(typed.as_bytes())
            .is_ok()
            .then(|| typed.to_owned());
    }
    let nick = prepare_name(typed).ok()?;
    let is_valid = UTF8_NAMES.check_nick(nick.as_bytes()).is_ok() && Nicks::is_nick(&nick);
    is_valid.then(|| nick.into_owned())
}

/// Whether a user may not have a nick, because another host has it or one that looks like
/// it; if so, tells the user.
fn is_nick_refused(
    cx: &mut Context,
    link: LinkId,
    nick: &str,
    own: Option<HostId>,
    out: &mut Out,
) -> bool {
    let numeric = Numeric::ERR_NICKNAMEINUSE;
    if is_nick_taken(cx, nick, own) {
        reply::reply_error(cx, link, numeric, &[nick], out);
        return true;
    }
    let text = cx.name_in_the_way(nick, own);
    if let Some(text) = &text {
        reply::send_numeric(cx, link, numeric, &[nick], Some(text), out);
    }
    text.is_some()
}

/// Whether another host or a server has this nick.
fn is_nick_taken(cx: &Context, nick: &str, own: Option<HostId>) -> bool {
    let Some(names) = cx.network.names() else {
        return false;
    };
    let holder = names.nicks.find(nick);
    holder.is_some() && holder != own || names.servers.find(nick).is_some()
}

/// USER (RFC 2812, 3.1.3): stores the user name and the real name, and registers if
/// nothing else is missing.
fn user_command(cx: &mut Context, link: LinkId, message: &Message<'_>, out: &mut Out) {
    let params = &message.params;
    let (Some(name), Some(realname)) = (params.get(0), params.get(3)) else {
        return reply::reply_error(cx, link, Numeric::ERR_NEEDMOREPARAMS, &["USER"], out);
    };
    let (name, realname) = (user_name(name), real_name(realname));
    if realname.trim().is_empty() {
        return reply::reply_error(cx, link, Numeric::ERR_NEEDMOREPARAMS, &["USER"], out);
    }
    if let Some(user) = find_user_mut(cx, link) {
        user.user = name;
        user.realname = realname;
        try_register(cx, link, out);
    }
}

/// Registers a user that has sent all that is needed.
fn try_register(cx: &mut Context, link: LinkId, out: &mut Out) {
    let Some(user) = find_user_mut(cx, link) else {
        return;
    };
    if user.is_negotiating || user.nick.is_empty() || user.user.is_empty() {
        return;
    }
    match user.admission {
        Admission::Waiting => return,
        Admission::Granted => {}
        Admission::Open => {
            let password = user.password.take();
            match cx.check_network_password(link, password, out) {
                Ok(true) => {}
                Ok(false) => return set_admission(cx, link, Admission::Waiting),
                Err(text) => return reject(cx, link, Numeric::ERR_PASSWDMISMATCH, &text, out),
            }
        }
    }
    let Some(user) = find_user_mut(cx, link) else {
        return;
    };
    let nick = core::mem::take(&mut user.nick);
    let realname = user.realname.clone();
    if is_nick_refused(cx, link, &nick, None, out) {
        // Another user has taken the nick meanwhile.
        return;
    }
    if cx.network.directory().len() >= cx.config.limits.hosts_max {
        return cx.on_violation(link, Violation::DirectoryFull, out);
    }
    let id = cx.free_id();
    let address = cx.links.find(link).map(|found| found.endpoints.peer.ip());
    let user = find_user(cx, link).map_or_else(String::new, |user| user.user.clone());
    let names = (&*nick, &*user);
    if let Some(text) = address.and_then(|address| cx.user_ban(names, id, address)) {
        return reject(cx, link, Numeric::ERR_YOUREBANNEDCREEP, &text, out);
    }
    let details = ClientDetails {
        user: names.1,
        ..ClientDetails::default()
    };
    let info = HostInfo::for_people(id, HostKind::Client, &nick, &realname).with_details(details);
    cx.add_text_neighbour(link, &info, out);
    let (now, unix_ms) = (cx.now, cx.wall_ms());
    if let Some(user) = find_user_mut(cx, link) {
        user.registered_at_unix_ms = unix_ms;
        user.spoke_at = now;
    }
    if !cx.is_link_timer_set(link, LinkTimer::Irc) {
        cx.set_link_timer(link, LinkTimer::Irc, now + SILENCE_MAX);
    }
    metadata::publish_draft(cx, UserRef { link, id }, out);
    send_welcome(cx, UserRef { link, id }, out);
}

fn set_admission(cx: &mut Context, link: LinkId, admission: Admission) {
    if let Some(user) = find_user_mut(cx, link) {
        user.admission = admission;
    }
}

/// The password of a user was compared that wants to register.
pub(crate) fn on_password_checked(cx: &mut Context, link: LinkId, is_right: bool, out: &mut Out) {
    // It may have left meanwhile, or not have registered in time.
    if find_user_mut(cx, link).is_none() {
        return;
    }
    match is_right {
        true => {
            set_admission(cx, link, Admission::Granted);
            try_register(cx, link, out);
            // What came meanwhile.
            super::read_soon(cx, link);
        }
        false => {
            let text = "Your password is not that of this network";
            reject(cx, link, Numeric::ERR_PASSWDMISMATCH, text, out);
        }
    }
}

/// Closes the link of a user that may not register.
pub(super) fn reject(cx: &mut Context, link: LinkId, numeric: Numeric, text: &str, out: &mut Out) {
    cx.counters.refused += 1;
    log::info!("{}: refused: {text}", cx.describe_peer(link));
    reply::send_numeric(cx, link, numeric, &[], Some(text), out);
    cx.close_text_link(link, text, "refused", out);
}

/// Sends all that a user gets once it has registered, from RPL_WELCOME to the MOTD.
fn send_welcome(cx: &mut Context, user_ref: UserRef, out: &mut Out) {
    let link = user_ref.link;
    let own = reply::own_name(cx);
    let source = source_of(cx, user_ref.id);
    let created = date_text(cx.config.started_at_unix_ms);
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
        reply::send_numeric(cx, link, numeric, &[], Some(&text), out);
    }
    let words = [own, VERSION, "Biow", "CIbeiklmnopstv", "Ibeklov"];
    reply::send_numeric(cx, link, Numeric::RPL_MYINFO, &words, None, out);
    send_support(cx, link, out);
    send_lusers(cx, link, out);
    metadata::send_own(cx, user_ref, out);
    send_motd(cx, link, out);
}

// Capabilities.

/// CAP (IRCv3 capability negotiation). Before registration, LS and REQ delay the
/// registration until END.
pub(super) fn cap(cx: &mut Context, link: LinkId, message: &Message<'_>, out: &mut Out) {
    let registered = cx.network.neighbours().find(link).is_some();
    let Some(user) = find_user_mut(cx, link) else {
        return;
    };
    let Some(subcommand) = message.params.get(0) else {
        return reply::reply_error(cx, link, Numeric::ERR_NEEDMOREPARAMS, &["CAP"], out);
    };
    let subcommand = text::utf8_or_latin1(subcommand).to_ascii_uppercase();
    let rest = message.params.get(1).unwrap_or_default();
    match &*subcommand {
        "LS" => {
            user.is_negotiating |= !registered;
            let version = text::lossy(rest).parse::<u32>();
            let takes_values = version.is_ok_and(|version| version >= 302);
            if takes_values {
                user.capabilities.set(Capability::CapNotify, true);
            }
            let names = Capability::ALL.map(|(capability, name)| match capability.value() {
                value if takes_values && !value.is_empty() => format!("{name}={value}"),
                _ => name.to_owned(),
            });
            let names = names.join(" ");
            send_cap(cx, link, "LS", &names, out);
        }
        "LIST" => {
            let has = |(capability, name): &(Capability, &'static str)| {
                user.has(*capability).then_some(*name)
            };
            let names: Vec<_> = Capability::ALL.iter().filter_map(has).collect();
            send_cap(cx, link, "LIST", &names.join(" "), out);
        }
        "REQ" => {
            user.is_negotiating |= !registered;
            let wanted = text::utf8_or_latin1(rest);
            let answer = match enable_capabilities(user, &wanted) {
                true => "ACK",
                false => "NAK",
            };
            send_cap(cx, link, answer, &wanted, out);
        }
        "END" => {
            user.is_negotiating = false;
            if !registered {
                try_register(cx, link, out);
            }
        }
        _ => reply::reply_error(cx, link, Numeric::ERR_INVALIDCAPCMD, &[&subcommand], out),
    }
}

/// Sends a CAP line with capabilities, or several if they need more: then all but the last
/// have a `*`, if the client knows that.
fn send_cap(cx: &Context, link: LinkId, subcommand: &str, text: &str, out: &mut Out) {
    let (own, target) = (reply::own_name(cx), reply::target_of(cx, link));
    let head = format!(":{own} CAP {target} {subcommand} * :").len();
    let room = LINE_BYTES_MAX.saturating_sub(head);
    let words: Vec<_> = text.split_ascii_whitespace().collect();
    let mut pieces = pack_words(words.into_iter(), room).peekable();
    let continues = has(cx, link, Capability::CapNotify);
    let mut is_sent = false;
    while let Some(piece) = pieces.next() {
        is_sent = true;
        let words = match pieces.peek() {
            Some(_) if continues => &[target, subcommand, "*"][..],
            _ => &[target, subcommand],
        };
        reply::send_line(link, own, "CAP", words, Some(&piece), out);
    }
    if !is_sent {
        reply::send_line(link, own, "CAP", &[target, subcommand], Some(""), out);
    }
}

// Later changes.

/// NICK (RFC 2812, 3.1.2) of a registered user. A nick that differs only in case is
/// free for its owner.
pub(super) fn nick(cx: &mut Context, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
    let Some(nick) = requested_nick(cx, user_ref.link, message, Some(user_ref.id), out) else {
        return;
    };
    if cx.nick_of(user_ref.id) != nick {
        cx.rename_client(user_ref.link, user_ref.id, &nick, out);
    }
}

/// SETNAME (IRCv3): changes the real name.
pub(super) fn setname(cx: &mut Context, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
    let Some(realname) = message.params.get(0).filter(|name| !name.is_empty()) else {
        let words = ["SETNAME"];
        return reply::reply_error(cx, user_ref.link, Numeric::ERR_NEEDMOREPARAMS, &words, out);
    };
    let realname = real_name(realname);
    if realname.trim().is_empty() {
        let failure = ("SETNAME", "INVALID_REALNAME");
        let text = "Realname is not valid";
        return reply::send_fail(cx, user_ref.link, failure, &[], text, out);
    }
    let host = cx.network.directory().find(user_ref.id);
    let Some((name, before)) = host.map(|host| (host.name().to_owned(), host.info())) else {
        return;
    };
    if before == realname {
        // It is shown what it has, and no other user is.
        if has(cx, user_ref.link, Capability::Setname) {
            let (link, id) = (user_ref.link, user_ref.id);
            let (tags, source) = (tags::of_line(cx, link, Some(id)), source_of(cx, id));
            let text = Some(&*realname);
            reply::send_tagged(link, &tags, &source, "SETNAME", &[], text, out);
        }
        return;
    }
    let claim = HostInfo::for_people(user_ref.id, HostKind::Client, &name, &realname);
    cx.change_host(user_ref.link, &claim, out);
}

/// A host is new or has changed: if it is a user of IRC on this server, stores the
/// source of its messages.
pub(super) fn store_source(cx: &mut Context, id: HostId) {
    let Some(link) = cx.network.directory().find(id).map(Host::first_link) else {
        return;
    };
    let neighbour = cx.network.neighbours().find(link);
    if neighbour.is_none_or(|neighbour| neighbour.host != id) {
        return;
    }
    let nick = cx.nick_of(id);
    if let Some(user) = find_user_mut(cx, link) {
        user.source = format!("{nick}!{}@{id}.crc", user.user);
    }
}

/// Enables and disables all wanted capabilities, or none if one is unknown. Returns
/// whether it did.
fn enable_capabilities(user: &mut User, wanted: &str) -> bool {
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
    if !user.has(Capability::Metadata) {
        user.metadata.unsubscribe_all();
    }
    true
}

/// A user name as others see it: `~`, because it is not verified, and the characters
/// that are allowed.
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

/// A real name that the network accepts.
fn real_name(name: &[u8]) -> String {
    admitted_info(&text::utf8_or_latin1(name))
}
