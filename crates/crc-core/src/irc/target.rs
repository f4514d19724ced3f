//! The servers that commands name: this one or another.

use crc_wire::HostId;
use irc_wire::mask::PreparedMask;
use irc_wire::{Message, Numeric, Verb, text};

use super::{CASE, UserRef, reply};
use crate::context::{Context, Out};

/// The parameter of a command that names a server, if there is one.
fn param_of<'m>(verb: Verb, message: &Message<'m>) -> Option<&'m [u8]> {
    let at = match verb {
        Verb::Motd | Verb::Version | Verb::Time | Verb::Admin | Verb::Info => 0,
        Verb::Lusers | Verb::Stats => 1,
        Verb::Links | Verb::Whois if message.params.len() > 1 => 0,
        _ => return None,
    };
    message.params.get(at).filter(|wanted| !wanted.is_empty())
}

/// The server that a command is for: this one, unless it names another one. If it names one that
/// is not there, the user gets an error.
pub(super) fn target(
    cx: &Context,
    user_ref: UserRef,
    verb: Verb,
    message: &Message<'_>,
    out: &mut Out,
) -> Option<HostId> {
    let Some(wanted) = param_of(verb, message) else {
        return Some(cx.config.id);
    };
    let wanted = text::utf8_or_latin1(wanted);
    let found = find(cx, &wanted);
    if found.is_none() {
        reply::reply_error(
            cx,
            user_ref.link,
            Numeric::ERR_NOSUCHSERVER,
            &[&wanted],
            out,
        );
    }
    found
}

/// The server with this name, or that of the user with this nick, or the first one whose name a
/// mask matches: this one if it matches it.
fn find(cx: &Context, wanted: &str) -> Option<HostId> {
    let own = reply::own_name(cx);
    if own.eq_ignore_ascii_case(wanted) {
        return Some(cx.config.id);
    }
    let names = cx.network.names()?;
    if let Some(id) = names.servers.find(wanted) {
        return Some(id);
    }
    let user = names.nicks.find(wanted);
    if let Some(host) = user.and_then(|id| cx.network.directory().find(id)) {
        return Some(cx.server_of_user(host));
    }
    if !wanted.contains(['*', '?']) {
        return None;
    }
    let mask = PreparedMask::new(wanted.as_bytes(), CASE);
    let fits = |name: &str| {
        // Each byte is compared with 64 elements of the mask at once.
        cx.work
            .charge_answer_bytes(name.len() * (wanted.len() / 64 + 1) * 2);
        mask.matches(name.as_bytes())
    };
    if fits(own) {
        return Some(cx.config.id);
    }
    let servers = cx.network.directory().servers().map(|host| host.id());
    servers
        .into_iter()
        .find(|id| names.servers.of(*id).is_some_and(fits))
}
