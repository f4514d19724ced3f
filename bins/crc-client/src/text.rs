//! Events as lines for people. Foreign text is escaped here, so that no peer can send
//! terminal control sequences.

mod channel;
mod wording;

use std::fmt::Write;
use std::time::Duration;

use crc_core::{
    Client, ClientFailure, ClientNotice, DisconnectReason, Escaped, RemoteClient, TlsFailure,
    UserInfo, ascii_name,
};
use crc_wire::{ChatKind, HostId, StatusCode};

use crate::command::COMMANDS;
use crate::event::OutputEvent;
use crate::known_servers;
use crate::palette::Style;

pub(crate) use channel::{as_rank, entered, field_name, rank_change, setting_change};
pub(crate) use wording::Wording;

/// A pause before the next attempt to connect that people are told of. If it is shorter, the client
/// may be with another server in a moment.
pub(crate) const LOSS_UNTOLD_MAX: Duration = Duration::from_secs(1);

/// The lines of an event, without the last line break; `None` for errors, which
/// [`error`] describes.
pub(crate) fn lines(event: &OutputEvent, wording: Wording<'_>) -> Option<String> {
    let text = match event {
        OutputEvent::Client(notice) => return notice_lines(notice, wording),
        OutputEvent::Help => return Some(COMMANDS.to_owned()),
        OutputEvent::Roster(clients) => roster(clients),
        OutputEvent::Channel {
            channel,
            members,
            topic,
        } => channel::listing(channel, members, topic, wording),
        OutputEvent::Topic { channel, topic } => channel::topic(channel, topic, wording),
        OutputEvent::Modes { channel, lines, .. } => channel::modes(channel, lines),
        OutputEvent::Channels(channels) => channel::list(channels),
        OutputEvent::Ignored(entries) if entries.is_empty() => "you ignore no clients".to_owned(),
        OutputEvent::Ignored(entries) => {
            let entries: Vec<String> = entries.iter().map(|it| Escaped(it).to_string()).collect();
            format!("you ignore {}", entries.join(", "))
        }
        OutputEvent::TargetChanged { target: Some(to) } => {
            format!("talking to {}", wording.target(to))
        }
        OutputEvent::TargetChanged { target: None } => "not talking to anyone".to_owned(),
        OutputEvent::Held { to } => {
            format!(
                "not connected: this is sent to {} as soon as you are",
                wording.target(to)
            )
        }
        OutputEvent::HeldSent { to, text } => {
            let text = action(text).unwrap_or(text);
            format!("sent to {}: {}", wording.target(to), wording.foreign(text))
        }
        OutputEvent::AsksForOperator { name } => {
            format!(
                "asking the server to make you the operator {}",
                Escaped(name)
            )
        }
        OutputEvent::Tagged(_, event) => return lines(event, wording),
        OutputEvent::CommandFailed(_)
        | OutputEvent::Done
        | OutputEvent::Said { .. }
        | OutputEvent::Settled
        | OutputEvent::LineHandled
        | OutputEvent::GaveUp { .. } => return None,
    };
    Some(event_line(&text, wording))
}

/// How many other clients there are, at log-in.
pub(crate) fn others_here(count: usize) -> String {
    let others = match count {
        0 => "no other client is here".to_owned(),
        1 => "1 other client is here".to_owned(),
        count => format!("{count} other clients are here"),
    };
    format!("{others}. /who lists them, /help lists the commands")
}

/// What is said in a channel, without the channel and without ids where there are names.
pub(crate) fn said(event: &OutputEvent) -> Option<String> {
    let OutputEvent::Client(ClientNotice::ChannelChat {
        from, kind, text, ..
    }) = event
    else {
        return None;
    };
    let name = match &from.name {
        Some(name) => name.clone(),
        None => from.id.to_string(),
    };
    Some(said_by(&name, *kind, text))
}

/// A text without colours and ids.
pub(crate) fn said_by(name: &str, kind: ChatKind, text: &str) -> String {
    let shown = |text: &str| Escaped(text).to_string();
    chat_line(&shown(name), kind, text, shown, str::to_owned)
}

fn notice_lines(notice: &ClientNotice, wording: Wording<'_>) -> Option<String> {
    let text = match notice {
        ClientNotice::Chat {
            from,
            from_name,
            text,
            ..
        } => {
            let from = wording.client(*from, from_name.as_deref());
            return Some(chat(&from, ChatKind::Message, text, wording));
        }
        ClientNotice::Notice { from, text } => {
            let from = wording.host(from);
            return Some(chat(&from, ChatKind::Notice, text, wording));
        }
        // An answer, or what operators are told.
        ClientNotice::Status {
            code: StatusCode::NOTE,
            text,
            ..
        } => wording.foreign(text),
        ClientNotice::Status { code, text, .. } => {
            let status = format!("{} (status {code})", Escaped(text));
            return Some(warning_line(&status, wording));
        }
        ClientNotice::Connected { server } => format!("connected to {server}"),
        ClientNotice::Unreachable {
            server,
            why,
            retry_in,
        } => format!("cannot connect to {server}: {why}; {}", retry(*retry_in)),
        ClientNotice::Welcome { id, text } => {
            format!("{} (your id is {id})", wording.foreign(text))
        }
        ClientNotice::Moved { server, .. } => format!("moved to {server}"),
        // A client joins under its name in ASCII, and is known by its own one a moment later.
        ClientNotice::Renamed { old, new, .. } if old != new && *old == ascii_name(new) => {
            return None;
        }
        ClientNotice::Joined {
            id,
            name,
            info,
            previous_name,
        } => joined(*id, name, info, previous_name.as_deref(), wording),
        ClientNotice::Away { client, text } if text.is_empty() => {
            format!("{} is back", wording.host(client))
        }
        ClientNotice::Away { client, text } => {
            format!(
                "{} is away: {}",
                wording.host(client),
                wording.foreign(text)
            )
        }
        ClientNotice::User(user) => user_lines(user, wording),
        ClientNotice::ChannelList { channels, rest } => channel::network_list(channels, *rest)?,
        ClientNotice::Renamed { id, old, new } => {
            let old = wording.client(*id, Some(old));
            format!("{old} is now known as {}", wording.foreign(new))
        }
        ClientNotice::Left { id, name, text } => {
            let name = wording.client(*id, Some(name));
            format!("{name} quit{}", after_colon(text, wording))
        }
        ClientNotice::Disconnected { reason, retry_in } => match (reason, retry_in) {
            (DisconnectReason::Quit, _) => "disconnected".to_owned(),
            (reason, None) => format!("disconnected: {}", disconnect_reason(reason)),
            (reason, Some(pause)) => {
                let reason = disconnect_reason(reason);
                format!("disconnected: {reason}; {}", retry(*pause))
            }
        },
        ClientNotice::NotSent { .. }
        | ClientNotice::ChannelNotSent { .. }
        | ClientNotice::RequestNotSent { .. }
        | ClientNotice::RequestRefused { .. }
        | ClientNotice::FrameDropped { .. }
        | ClientNotice::Failed { .. } => return None,
        channel_notice => return channel::notice_lines(channel_notice, wording),
    };
    Some(event_line(&text, wording))
}

/// Why a connection has ended, and what to type.
pub(crate) fn disconnect_reason(reason: &DisconnectReason) -> String {
    match reason {
        DisconnectReason::Displaced { id, next: None } => {
            format!("another host has id {id} now; choose another one or omit --id")
        }
        other => other.to_string(),
    }
}

/// The description of an error event.
pub(crate) fn error(event: &OutputEvent, client: &Client) -> Option<String> {
    Some(match event {
        OutputEvent::CommandFailed(error) => error.to_string(),
        OutputEvent::Client(ClientNotice::NotSent { to, why }) => {
            format!("Nothing was sent to {to}: {why}")
        }
        OutputEvent::Client(ClientNotice::ChannelNotSent { channel, why }) => {
            format!("Nothing was sent to {channel}: {why}")
        }
        OutputEvent::Client(ClientNotice::RequestNotSent { request, why }) => {
            format!("/{request} was not sent: {why}")
        }
        OutputEvent::Client(ClientNotice::RequestRefused { request, text }) => {
            format!("/{request} is refused: {text}")
        }
        OutputEvent::Client(ClientNotice::Failed {
            why: ClientFailure::IdTaken(id),
        }) => format!("id {id} is already in use; choose another one or omit --id"),
        OutputEvent::Client(ClientNotice::Failed {
            why: ClientFailure::NotPermitted,
        }) => "the server does not admit you: see the status above".to_owned(),
        OutputEvent::Client(ClientNotice::Failed {
            why: ClientFailure::Untrusted(why),
        }) => untrusted(*why, client),
        OutputEvent::GaveUp { unsent } => {
            let server = client.server();
            let unsent = match unsent {
                0 => String::new(),
                1 => "; 1 message was not sent".to_owned(),
                _ => format!("; {unsent} messages were not sent"),
            };
            format!(
                "cannot connect to {server}{unsent}; start a server there (crc-server) or \
                 choose another one with --server HOST:PORT"
            )
        }
        _ => return None,
    })
}

/// Why the server's certificate is refused, and what to do.
fn untrusted(why: TlsFailure, client: &Client) -> String {
    let server = client.server();
    match why {
        TlsFailure::Changed => {
            let path = known_servers::usual_path().unwrap_or_default();
            format!(
                "the certificate of {server} has changed since the last time. Another machine may be \
                 between you and the server, or the server has a new certificate. If you know \
                 that it has, remove its line from {} and connect again",
                path.display()
            )
        }
        TlsFailure::Expired => format!(
            "the certificate of {server} has expired or is not valid yet; check the clock of this \
             machine, or tell the operator of the server"
        ),
        TlsFailure::WrongName => {
            format!("the certificate of {server} is for another name; connect by the name in it")
        }
        TlsFailure::UnknownAuthority => format!(
            "the certificate of {server} is signed by an unknown authority; give the right file \
             with --tls-ca, or the certificate's fingerprint: --server tls://HOST:PORT#sha256:..."
        ),
        TlsFailure::WrongPin => format!(
            "{server}: the server has another certificate. Another machine may be between you and the \
             server, or the server has a new certificate"
        ),
        other => format!("cannot trust {server}: {other}"),
    }
}

/// An error as it is displayed.
pub(crate) fn error_line(error: &str, wording: Wording<'_>) -> String {
    warning_line(&Escaped(error).to_string(), wording)
}

/// An event as it is displayed.
pub(crate) fn event_line(text: &str, wording: Wording<'_>) -> String {
    wording
        .palette
        .paint(Style::Event, format_args!("* {text}"))
}

fn warning_line(text: &str, wording: Wording<'_>) -> String {
    wording
        .palette
        .paint(Style::Error, format_args!("! {text}"))
}

/// A chat. An action of an IRC user (`/me`) has no brackets around the name.
fn chat(name: &str, kind: ChatKind, text: &str, wording: Wording<'_>) -> String {
    let style = match wording.is_mention {
        true => Style::Mention,
        false => Style::Name(name),
    };
    let paint = |name: &str| wording.palette.paint(style, name);
    chat_line(name, kind, text, |text| wording.foreign(text), paint)
}

fn chat_line(
    name: &str,
    kind: ChatKind,
    text: &str,
    shown: impl Fn(&str) -> String,
    paint: impl Fn(&str) -> String,
) -> String {
    if let Some(action) = action(text) {
        return format!("* {} {}", paint(name), shown(action));
    }
    let name = match kind {
        ChatKind::Message => format!("<{name}>"),
        ChatKind::Notice => format!("-{name}-"),
    };
    format!("{} {}", paint(&name), shown(text))
}

/// What a text says that its sender does, if it is an action of IRC.
pub(crate) fn action(text: &str) -> Option<&str> {
    let action = text.strip_prefix("\u{1}ACTION ")?;
    Some(action.strip_suffix('\u{1}').unwrap_or(action))
}

/// The text of an action of IRC.
pub(crate) fn as_action(text: &str) -> String {
    format!("\u{1}ACTION {text}\u{1}")
}

fn joined(
    id: HostId,
    name: &str,
    info: &str,
    previous_name: Option<&str>,
    wording: Wording<'_>,
) -> String {
    let info = after_colon(info, wording);
    match previous_name {
        None => format!("{} is online{info}", wording.client(id, Some(name))),
        Some(previous) if previous == name => {
            format!("{} has a new info{info}", wording.client(id, Some(name)))
        }
        Some(previous) => {
            let previous = wording.client(id, Some(previous));
            format!("{previous} is now known as {}{info}", wording.foreign(name))
        }
    }
}

/// What the server knows of a user, a line for each fact.
fn user_lines(user: &UserInfo, wording: Wording<'_>) -> String {
    // The user may have asked for the id.
    let mut text = format!("{} ({})", wording.foreign(&user.name), user.id);
    let mut add = |fact: &str, value: &str| {
        write!(text, "\n  {fact}: {}", wording.foreign(value))
            .expect("writing to a string does not fail");
    };
    if !user.info.is_empty() {
        add("info", &user.info);
    }
    add("server", &user.server);
    if user.is_operator {
        add("rank", "network operator");
    }
    if user.is_bot {
        add("kind", "bot");
    }
    let secure = if user.is_secure { "encrypted" } else { "" };
    for (fact, value) in [
        ("user name", user.user.as_deref().unwrap_or_default()),
        ("away", user.away.as_deref().unwrap_or_default()),
        ("connection", secure),
        ("address", user.address.as_deref().unwrap_or_default()),
        ("gateway", user.gateway.as_deref().unwrap_or_default()),
        ("channels", &user.channels.join(" ")),
    ] {
        if !value.is_empty() {
            add(fact, value);
        }
    }
    if let Some(since) = user.since.and_then(|since| i64::try_from(since).ok())
        && let Ok(since) = jiff::Timestamp::from_second(since)
    {
        add("since", &since.to_string());
    }
    if let Some(idle) = user.idle {
        add("idle", &format!("{} s", idle.as_secs()));
    }
    text
}

fn roster(clients: &[(HostId, RemoteClient)]) -> String {
    let mut text = match clients.len() {
        0 => "no other clients".to_owned(),
        1 => "1 other client:".to_owned(),
        count => format!("{count} other clients:"),
    };
    for (id, client) in clients {
        let (name, info) = (
            Escaped(&client.name),
            after_colon(&client.info, Wording::PROGRAMS),
        );
        write!(text, "\n{id:>12}  {name}{info}").expect("writing to a string does not fail");
    }
    text
}

/// A text behind a colon, if there is one.
pub(crate) fn after_colon(text: &str, wording: Wording<'_>) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(": {}", wording.foreign(text))
    }
}

fn retry(pause: Duration) -> String {
    format!("retrying in {:.1} s", pause.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_has_no_brackets() {
        let line = |text| chat("ann (7)", ChatKind::Message, text, Wording::PROGRAMS);
        assert_eq!(line("hello"), "<ann (7)> hello");
        assert_eq!(line("\u{1}ACTION waves\u{1}"), "* ann (7) waves");
        assert_eq!(line("\u{1}ACTION \u{1b}[2J"), "* ann (7) ␛[2J");
        assert_ne!(line("\u{1}VERSION\u{1}"), "* ann (7) VERSION");
    }
}
