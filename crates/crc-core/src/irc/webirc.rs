//! WEBIRC (IRCv3): a gateway says for whom it has connected.

use crc_machine::LinkId;
use irc_wire::{Message, Numeric, text};

use super::registration::reject;
use super::session::{Entrance, GatewayClaim};
use super::{find_user_mut, read_soon};
use crate::context::{Context, Out};
use crate::gateway::{GatewayConfig, WebircUser};
use crate::link::Gateway;
use crate::operator::Password;
use crate::password::Purpose;
use crate::text_protocol::first_piece;
use crate::work;

/// The most bytes of a name that a gateway gives itself, for the log.
const NAME_BYTES_MAX: usize = 32;

/// Handles WEBIRC of an unregistered user. The link is closed if it may not be a gateway's.
pub(super) fn webirc(
    cx: &mut Context,
    link: LinkId,
    is_first: bool,
    message: &Message<'_>,
    out: &mut Out,
) {
    let param = |number| text::utf8_or_latin1(message.params.get(number).unwrap_or_default());
    let (password, called) = (param(0), param(1));
    let user = match WebircUser::parse(message) {
        _ if !is_first => return refuse(cx, link, &called, "it must be the first line", out),
        Ok(user) => user,
        Err(error) => return refuse(cx, link, &called, &error.to_string(), out),
    };
    let (name, hash) = match find_gateway(cx, link, &called) {
        Ok(gateway) => (gateway.name.clone(), gateway.password.clone()),
        Err(why) => return refuse(cx, link, &called, why, out),
    };
    let claim = GatewayClaim { name, user };
    let Some(hash) = hash else {
        return admit(cx, link, claim, out);
    };
    let Some(address) = cx.links.find(link).map(|found| found.endpoints.peer.ip()) else {
        return;
    };
    let password = Password::new(&*password);
    match cx.check_password((link, address), Purpose::Webirc, hash, password, out) {
        Ok(true) => admit(cx, link, claim, out),
        Ok(false) => {
            if let Some(user) = find_user_mut(cx, link) {
                user.entrance = Entrance::Checked(Box::new(claim));
            }
        }
        Err(why) => refuse(cx, link, &called, &why, out),
    }
}

/// The gateway at the other end of a link: of those at this address the one that has the name,
/// or else the first whose certificate is shown.
fn find_gateway<'a>(
    cx: &'a Context,
    link: LinkId,
    called: &str,
) -> Result<&'a GatewayConfig, &'static str> {
    let found = cx.links.find(link).ok_or("the link is down")?;
    let ip = found.endpoints.peer.ip();
    let shown = found.security.as_ref().and_then(|security| security.peer);
    let is_proven = |it: &&GatewayConfig| it.certificate.is_none() || it.certificate == shown;
    let here = || cx.config.gateways.iter().filter(|it| it.is_at(ip));
    if here().next().is_none() {
        return Err("there is no gateway at your address");
    }
    let gateway = match here().find(|it| *it.name == *called) {
        Some(named) => Some(named).filter(is_proven),
        None => here().find(is_proven),
    };
    gateway.ok_or("your certificate is not that of the gateway")
}

/// The password of a gateway was compared. As many links as the gateway has may wait for it, so
/// each goes on in an event of its own.
pub(crate) fn on_webirc_checked(cx: &mut Context, link: LinkId, is_right: bool, out: &mut Out) {
    cx.work.charge(work::LINK);
    // It may have left meanwhile, or not have registered in time.
    let Some(user) = find_user_mut(cx, link) else {
        return;
    };
    let Entrance::Checked(claim) = core::mem::replace(&mut user.entrance, Entrance::Passed) else {
        return;
    };
    match is_right {
        true => {
            user.entrance = Entrance::Proven(claim);
            read_soon(cx, link);
        }
        false => refuse(cx, link, &claim.name, "the password is wrong", out),
    }
}

/// The link of a gateway whose password is right becomes that of a user. Whether there was
/// one.
pub(super) fn go_on(cx: &mut Context, link: LinkId, out: &mut Out) -> bool {
    let Some(user) = find_user_mut(cx, link) else {
        return false;
    };
    match core::mem::take(&mut user.entrance) {
        Entrance::Proven(claim) => {
            admit(cx, link, *claim, out);
            true
        }
        other => {
            user.entrance = other;
            false
        }
    }
}

/// The link of a gateway becomes that of a user.
fn admit(cx: &mut Context, link: LinkId, claim: GatewayClaim, out: &mut Out) {
    let GatewayClaim { name, user } = claim;
    let Some(found) = cx.links.find_mut(link) else {
        return;
    };
    let address = core::mem::replace(&mut found.endpoints.peer, user.peer);
    // The certificate is the gateway's.
    found.security = found.security.take().filter(|_| user.is_secure);
    if let Some(security) = &mut found.security {
        security.peer = None;
    }
    found.gateway = Some(Box::new(Gateway { name, address }));
    out.readdress(link, user.peer);
    if let Some(text) = cx.address_ban(user.peer.ip()) {
        return reject(cx, link, Numeric::ERR_YOUREBANNEDCREEP, &text, out);
    }
    let Some(user) = find_user_mut(cx, link) else {
        return;
    };
    user.entrance = Entrance::Readdressed;
    if !user.backlog.is_empty() {
        read_soon(cx, link);
    }
}

/// The address of a user behind a gateway has too many links.
pub(crate) fn on_crowded(cx: &mut Context, link: LinkId, out: &mut Out) {
    if find_user_mut(cx, link).is_some() {
        let text = "Too many connections from your address";
        cx.counters.refused += 1;
        log::info!("{}: refused: {text}", cx.describe_peer(link));
        cx.close_text_link(link, text, "refused", out);
    }
}

/// Closes the link of a peer that may not be a gateway, and is called so.
fn refuse(cx: &mut Context, link: LinkId, called: &str, why: &str, out: &mut Out) {
    cx.counters.refused += 1;
    let called = first_piece(called, NAME_BYTES_MAX);
    log::warn!(
        "{}: WEBIRC refused: {why}: gateway={called:?}",
        cx.describe_peer(link)
    );
    cx.close_text_link(link, &format!("WEBIRC refused: {why}"), "refused", out);
}
