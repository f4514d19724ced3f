//! AWAY, and who is told of it (IRCv3 away-notify).

use crc_machine::LinkId;
use crc_wire::HostId;
use irc_wire::{Message, Numeric, text};

use super::session::Capability;
use super::{UserRef, cut, has, links_interested, reply, send_to_links, source_of, user_of};
use crate::context::{Context, Out};
use crate::network::{AWAY_BYTES_MAX, ChannelEvent};
use crate::work;

/// AWAY (RFC 2812, 4.1): sets the text, cut to [`AWAY_BYTES_MAX`]; an empty one removes
/// it. All servers of version 2 know it.
pub(super) fn away(cx: &mut Context, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
    let said = text::utf8_or_latin1(message.params.get(0).unwrap_or_default());
    let away = !said.is_empty();
    cx.set_away(user_ref.id, cut(&said, AWAY_BYTES_MAX), None, out);
    let (numeric, text) = match away {
        true => (Numeric::RPL_NOWAWAY, "You have been marked as being away"),
        false => (
            Numeric::RPL_UNAWAY,
            "You are no longer marked as being away",
        ),
    };
    reply::send_numeric(cx, user_ref.link, numeric, &[], Some(text), out);
}

/// Sends an AWAY of a host to users: with its text if it is away, otherwise without.
fn send_away_lines(cx: &Context, links: &[LinkId], id: HostId, out: &mut Out) {
    if links.is_empty() {
        return;
    }
    let absence = cx.network.absences().find(id);
    let text = absence.map(|absence| &*absence.text);
    send_to_links(cx, links, id, &source_of(cx, id), ("AWAY", &[]), text, out);
}

/// A user is away, gives another reason, or is back: tells the users with the capability that
/// share a channel with it or watch it.
pub(crate) fn on_absence_changed(cx: &Context, id: HostId, out: &mut Out) {
    if cx.network.names().is_none() {
        // This server has no users of IRC.
        return;
    }
    let own = user_of(cx, id).map(|(link, _)| link);
    let mut links = links_interested(cx, id, own);
    links.retain(|link| has(cx, *link, Capability::AwayNotify));
    send_away_lines(cx, &links, id, out);
}

/// A host has entered a channel: if it is away, tells the other members with the capability.
pub(crate) fn on_member_entered(cx: &Context, event: &ChannelEvent<'_>, out: &mut Out) {
    let (Some(id), Some(channel)) = (event.who, cx.network.channels().find(event.channel)) else {
        return;
    };
    if cx.network.absences().find(id).is_none() {
        return;
    }
    cx.work.charge(work::LINK * channel.links_len() as u64);
    let own = user_of(cx, id).map(|(link, _)| link);
    let links = channel.links().filter(|link| Some(*link) != own);
    let links: Vec<_> = links
        .filter(|link| has(cx, *link, Capability::AwayNotify))
        .collect();
    send_away_lines(cx, &links, id, out);
}
