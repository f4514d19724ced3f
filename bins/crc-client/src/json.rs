//! News as JSON, one object a line, for programs. The keys are an interface:
//! they may grow in number, and never change.

use crc_core::ClientNotice;
use crc_wire::HostId;
use serde::Serialize;

use crate::desk::{Desk, News};
use crate::text;

/// One line.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Event<'a> {
    Connected {
        server: String,
    },
    Welcome {
        id: u32,
        name: &'a str,
        text: &'a str,
    },
    Joined {
        id: u32,
        name: &'a str,
        info: &'a str,
    },
    Left {
        id: u32,
        name: &'a str,
        text: &'a str,
    },
    Chat {
        from: u32,
        /// Null when the speaker is not known.
        from_name: Option<&'a str>,
        to: u32,
        text: &'a str,
    },
    Status {
        /// 0 when the status names nobody.
        source: u32,
        code: u16,
        text: &'a str,
    },
    Disconnected {
        reason: String,
        /// Null when we are leaving.
        retry_in_ms: Option<u128>,
    },
    Unreachable {
        server: String,
        reason: String,
        retry_in_ms: u128,
    },
    Who {
        clients: Vec<Client<'a>>,
    },
    Help {
        text: &'a str,
    },
    Error {
        text: &'a str,
    },
}

#[derive(Debug, Serialize)]
struct Client<'a> {
    id: u32,
    name: &'a str,
    info: &'a str,
}

/// The line that tells of `news`, if there is one.
pub(crate) fn line(news: &News, desk: &Desk) -> Option<String> {
    let notice = match news {
        News::Client(notice) => notice,
        News::Roster(clients) => {
            let clients = clients.iter().map(|(id, client)| Client {
                id: id.get(),
                name: &client.name,
                info: &client.info,
            });
            let clients = clients.collect();
            return Some(write(&Event::Who { clients }));
        }
        News::Help => {
            let text = crate::line::COMMANDS;
            return Some(write(&Event::Help { text }));
        }
        News::Refused(_) | News::GaveUp { .. } => return error(news, desk),
        News::Talking { .. } | News::LineDone => return None,
    };
    let event = match notice {
        ClientNotice::Connected { server } => Event::Connected {
            server: server.to_string(),
        },
        ClientNotice::Welcome { id, text } => Event::Welcome {
            id: id.get(),
            name: desk.client().name(),
            text,
        },
        ClientNotice::Joined { id, name, info, .. } => Event::Joined {
            id: id.get(),
            name,
            info,
        },
        ClientNotice::Left { id, name, text } => Event::Left {
            id: id.get(),
            name,
            text,
        },
        ClientNotice::Chat {
            from,
            from_name,
            to,
            text,
        } => Event::Chat {
            from: from.get(),
            from_name: from_name.as_deref(),
            to: or_zero(*to),
            text,
        },
        ClientNotice::Status { source, code, text } => Event::Status {
            source: or_zero(*source),
            code: code.0,
            text,
        },
        ClientNotice::Disconnected { reason, retry_in } => Event::Disconnected {
            reason: reason.to_string(),
            retry_in_ms: retry_in.map(|retry_in| retry_in.as_millis()),
        },
        ClientNotice::Unreachable {
            server,
            why,
            retry_in,
        } => Event::Unreachable {
            server: server.to_string(),
            reason: why.to_string(),
            retry_in_ms: retry_in.as_millis(),
        },
        ClientNotice::NotSent { .. } | ClientNotice::Failed { .. } => return error(news, desk),
        ClientNotice::Dropped { .. } => return None,
    };
    Some(write(&event))
}

/// The line about something that can't be done.
fn error(news: &News, desk: &Desk) -> Option<String> {
    let text = text::error(news, desk)?;
    Some(write(&Event::Error { text: &text }))
}

fn or_zero(id: Option<HostId>) -> u32 {
    id.map_or(0, HostId::get)
}

fn write(event: &Event<'_>) -> String {
    serde_json::to_string(event).expect("texts and numbers can always be written")
}
