//! WHOWAS: who had a nick.

use crc_wire::HostId;
use irc_wire::{Message, Numeric, text};

use super::query::WHOIS_MAX;
use super::reply::{self, date_text};
use super::{UserRef, distinct_elements, ident_of, server_of};
use crate::context::{Context, Out};
use crate::network::{FormerUser, HostKind};

/// A client as WHOWAS will show it: it is about to leave, or to take another nick. `None` if
/// nicks are not needed here.
pub(crate) fn former_user(cx: &Context, id: HostId) -> Option<FormerUser> {
    let host = cx.network.directory().find(id)?;
    let is_client = host.kind() == HostKind::Client && cx.network.names().is_some();
    let nick = cx.nick_of(id);
    is_client.then(|| FormerUser {
        user: ident_of(cx, id, &nick).into(),
        host: id,
        realname: host.info().into(),
        server: server_of(cx, host).into(),
        left_at_unix_ms: cx.wall_ms(),
        nick: nick.into(),
    })
}

/// WHOWAS (RFC 2812, 3.6.3): of at most [`WHOIS_MAX`] nicks, as many users of each as are wanted.
pub(super) fn whowas(cx: &mut Context, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
    let link = user_ref.link;
    let wanted = distinct_elements(message.params.get(0).unwrap_or_default());
    if wanted.is_empty() {
        return reply::reply_error(cx, link, Numeric::ERR_NONICKNAMEGIVEN, &[], out);
    }
    let count = text::utf8_or_latin1(message.params.get(1).unwrap_or_default());
    let count = count.parse::<usize>().ok().filter(|count| *count > 0);
    for (number, nick) in wanted.iter().enumerate() {
        if number == WHOIS_MAX {
            let words = [&**nick];
            return reply::reply_error(cx, link, Numeric::ERR_TOOMANYTARGETS, &words, out);
        }
        let users = cx.network.former_users().find(nick, cx.now);
        let mut users = users.take(count.unwrap_or(usize::MAX)).peekable();
        if users.peek().is_none() {
            reply::reply_error(cx, link, Numeric::ERR_WASNOSUCHNICK, &[nick], out);
        }
        for user in users {
            let address = format!("{}.crc", user.host);
            let words = [&*user.nick, &*user.user, &*address, "*"];
            let realname = Some(&*user.realname);
            let numeric = Numeric::RPL_WHOWASUSER;
            reply::send_numeric(cx, link, numeric, &words, realname, out);
            let (words, left) = (
                [&*user.nick, &*user.server],
                date_text(user.left_at_unix_ms),
            );
            let numeric = Numeric::RPL_WHOISSERVER;
            reply::send_numeric(cx, link, numeric, &words, Some(&left), out);
        }
        let text = Some("End of WHOWAS");
        reply::send_numeric(cx, link, Numeric::RPL_ENDOFWHOWAS, &[nick], text, out);
    }
}
