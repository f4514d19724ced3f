//! INVITE, and who is told of it (IRCv3 invite-notify).

use crc_machine::LinkId;
use crc_wire::{ChannelName, ChannelRequest, HostId, RequestKind, Text};
use irc_wire::{Message, Numeric, text};

use super::channel::send_away;
use super::session::Capability;
use super::{UserRef, has, rename, reply, send_to_links, source_of, tags, user_of};
use crate::context::{Context, Out};
use crate::network::{Channel, InviteRefusal};

/// INVITE (RFC 2812, 3.2.7): invites a user to a channel, or lists the channels that the user
/// itself is invited to.
pub(super) fn invite(cx: &mut Context, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
    let link = user_ref.link;
    if message.params.is_empty() {
        return send_invitations(cx, user_ref, out);
    }
    let nick = text::utf8_or_latin1(message.params.get(0).unwrap_or_default());
    let name = text::utf8_or_latin1(message.params.get(1).unwrap_or_default());
    let names = cx.network.names();
    let Some(id) = names.and_then(|names| names.nicks.find(&nick)) else {
        return reply::reply_error(cx, link, Numeric::ERR_NOSUCHNICK, &[&nick], out);
    };
    let known = cx.network.channels().find(&name);
    let shown = known.map_or(&*name, Channel::name).to_owned();
    let may = cx.network.may_invite(user_ref.id, id, &name);
    if let Err(refusal) = may {
        let (numeric, words) = match refusal {
            InviteRefusal::NoSuchChannel => (Numeric::ERR_NOSUCHCHANNEL, vec![&*shown]),
            InviteRefusal::NotMember => (Numeric::ERR_NOTONCHANNEL, vec![&*shown]),
            InviteRefusal::NotOperator => (Numeric::ERR_CHANOPRIVSNEEDED, vec![&*shown]),
            InviteRefusal::AlreadyMember => (Numeric::ERR_USERONCHANNEL, vec![&*nick, &shown]),
        };
        return reply::reply_error(cx, link, numeric, &words, out);
    }
    reply::send_numeric(cx, link, Numeric::RPL_INVITING, &[&nick, &shown], None, out);
    send_away(cx, link, id, out);
    let Ok(name) = ChannelName::new(shown) else {
        return;
    };
    let request = ChannelRequest {
        source: user_ref.id,
        destination: Some(id),
        kind: RequestKind::INVITE,
        channel: Some(name),
        text: Text::default(),
    };
    cx.invite(&request, out);
}

/// Sends the channels that a user is invited to.
fn send_invitations(cx: &Context, user_ref: UserRef, out: &mut Out) {
    let link = user_ref.link;
    for channel in cx.network.invitations_of(user_ref.id, cx.now) {
        let (numeric, words) = (Numeric::RPL_INVITELIST_OWN, [channel.name()]);
        reply::send_numeric(cx, link, numeric, &words, None, out);
    }
    let numeric = Numeric::RPL_ENDOFINVITELIST_OWN;
    let text = Some("End of /INVITE list");
    reply::send_numeric(cx, link, numeric, &[], text, out);
}

/// A host has invited a user to a channel: sends the user an INVITE.
pub(crate) fn on_invited(
    cx: &mut Context,
    link: LinkId,
    source: HostId,
    channel: &str,
    out: &mut Out,
) {
    let words = [reply::target_of(cx, link), rename::shown(cx, channel)];
    let tags = tags::of_line(cx, link, Some(source));
    let source = source_of(cx, source);
    reply::send_tagged(link, &tags, &source, "INVITE", &words, None, out);
}

/// A host has invited another one to a channel: tells the members with the capability, but
/// not the one that invites.
pub(crate) fn on_others_invited(
    cx: &Context,
    source: HostId,
    invited: HostId,
    channel: &Channel,
    out: &mut Out,
) {
    let own = user_of(cx, source).map(|(link, _)| link);
    let links = channel.links().filter(|link| Some(*link) != own);
    let links: Vec<_> = links
        .filter(|link| has(cx, *link, Capability::InviteNotify))
        .collect();
    if links.is_empty() {
        return;
    }
    let (by, nick) = (source_of(cx, source), cx.nick_of(invited));
    let line: (_, &[&str]) = ("INVITE", &[&nick, channel.shown_name()]);
    send_to_links(cx, &links, source, &by, line, None, out);
}
