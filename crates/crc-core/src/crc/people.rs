//! Requests of clients about themselves and about others (PROTOCOL section 13).

use crc_machine::LinkId;
use crc_wire::{ChannelRequest, HostId, RequestKind, StatusCode};

use super::{announce, send};
use crate::context::{Context, Out};
use crate::names::prepare_name;

/// A client of this server has sent a request.
pub(super) fn on_client_request(
    cx: &mut Context,
    link: LinkId,
    host: HostId,
    request: &ChannelRequest<'_>,
    out: &mut Out,
) {
    let text = request.text.as_str();
    if request.kind == RequestKind::SET_NAME {
        set_name(cx, link, host, text, out);
    }
}

/// The client takes another name, or is told why not.
fn set_name(cx: &mut Context, link: LinkId, host: HostId, name: &str, out: &mut Out) {
    let prepared = match prepare_name(name) {
        Ok(prepared) => prepared,
        Err(why) => return refuse(cx, link, "nick", &why.to_string(), out),
    };
    if let Some(why) = cx.name_in_the_way(&prepared, Some(host)) {
        return refuse(cx, link, "nick", &why, out);
    }
    let before = cx.network.directory().find(host).map(|host| host.name());
    if before != Some(&*prepared) {
        cx.rename_client(link, host, &prepared, out);
    }
    announce::send_own(cx, link, host, out);
}

/// Tells a client why its request is refused.
fn refuse(cx: &mut Context, link: LinkId, request: &str, why: &str, out: &mut Out) {
    let text = format!("{request}: {why}");
    send::answer(cx, link, StatusCode::REQUEST_REFUSED, &text, out);
}
