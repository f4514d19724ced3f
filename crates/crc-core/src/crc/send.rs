//! The statuses that this server sends on a link itself.

use crc_machine::LinkId;
use crc_wire::{HostId, Message, Status, StatusCode, Text};

use crate::announcement::{Features, features_text};
use crate::context::{Context, Out};
use crate::network::HostKind;

/// A status of this server.
pub(super) fn direct_status(
    cx: &Context,
    destination: Option<HostId>,
    code: StatusCode,
    text: &str,
) -> Status<'static> {
    Status {
        source: Some(cx.config.id),
        destination,
        code,
        text: Text::truncated(text).into_owned(),
    }
}

/// The answer to a registration whose id is taken.
pub(crate) fn id_taken(cx: &Context, kind: HostKind, id: HostId) -> Vec<u8> {
    let text = match kind {
        HostKind::Server => format!("A machine has already registered with ID {id}"),
        HostKind::Client => format!("Someone has already registered with ID {id}"),
    };
    Message::Status(direct_status(cx, None, StatusCode::ID_TAKEN, &text)).to_vec()
}

/// Sends a peer why it may not link or register, or stay.
pub(crate) fn not_permitted(cx: &Context, link: LinkId, text: &str, out: &mut Out) {
    if cx.is_crc(link) {
        let status = direct_status(cx, None, StatusCode::NOT_PERMITTED, text);
        out.send(link, &Message::Status(status).to_vec());
    }
}

/// Answers a command of a client, or tells it something. Only a client that has announced
/// itself knows such.
pub(crate) fn note(cx: &mut Context, link: LinkId, text: &str, out: &mut Out) {
    answer(cx, link, StatusCode::NOTE, text, out);
}

/// The same with another code.
pub(crate) fn answer(cx: &mut Context, link: LinkId, code: StatusCode, text: &str, out: &mut Out) {
    if cx.is_crc(link) {
        let id = cx.network.neighbours().find(link).map(|n| n.host);
        let status = direct_status(cx, id, code, text);
        cx.send_status(link, &status, out);
    }
}

/// Welcomes a new client.
pub(crate) fn welcome(cx: &mut Context, link: LinkId, id: HostId, name: &str, out: &mut Out) {
    let text = format!("Welcome to the Clemson Relay Chat network {name}");
    let welcome = direct_status(cx, Some(id), StatusCode::WELCOME, &text);
    cx.send(link, &Message::Status(welcome), out);
}

/// Sends a client that has announced itself the features of this server.
pub(crate) fn send_features(cx: &mut Context, link: LinkId, id: HostId, out: &mut Out) {
    let text = features_text(Features::FOR_CLIENTS);
    let status = direct_status(cx, Some(id), StatusCode::FEATURES, &text);
    cx.send_status(link, &status, out);
}

/// Tells a client that has announced itself that this server leaves; version 1 of the
/// protocol has no word for it.
pub(crate) fn send_leaving(
    cx: &mut Context,
    link: LinkId,
    id: HostId,
    reason: &str,
    out: &mut Out,
) {
    let text = format!("Server leaving: {reason}");
    let status = direct_status(cx, Some(id), StatusCode::LEAVING, &text);
    cx.send_status(link, &status, out);
}
