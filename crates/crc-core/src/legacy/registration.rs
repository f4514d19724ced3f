//! Registration of users and servers.

use crc_machine::{CloseWhen, LinkId};
use crc_wire::HostId;
use irc_wire::legacy::{Content, LegacyError, Message, Middle, Trailing};
use irc_wire::{Command, Message as Line, NameRules, Verb};

use super::notify::send_error;
use super::reply::{self, write_line};
use super::{Introduction, User, burst, drop_line};
use crate::admission::{NAME_BYTES_MAX, admitted_info};
use crate::config::is_permitted;
use crate::context::{Context, Out};
use crate::network::{HostInfo, HostKind, Nicks};
use crate::violation::Violation;
use crate::work;

/// Whether a nick is valid in the legacy protocol, and not too long.
pub(super) fn is_nick(nick: &str) -> bool {
    nick.len() <= NAME_BYTES_MAX && NameRules::LEGACY.check_nick(nick.as_bytes()).is_ok()
}

/// Handles a line of an unregistered peer.
pub(super) fn on_unregistered(cx: &mut Context, link: LinkId, line: &Line<'_>, out: &mut Out) {
    let message = Message::from_message(line);
    let command = match line.command {
        Command::Verb(Verb::User) => "USER",
        Command::Verb(Verb::Server) => "SERVER",
        _ => return answer(cx, link, Content::NotRegistered, out),
    };
    match message {
        Ok(Message {
            content:
                Content::User {
                    nick,
                    host,
                    server,
                    real_name,
                },
            ..
        }) => {
            let user = User::new(host, server, real_name);
            on_user(cx, link, nick, user, out);
        }
        Ok(Message {
            content: Content::Server { name, hops, info },
            source,
        }) if source.is_none_or(|source| source == name) => {
            let info = info.map_or("", Trailing::as_str).into();
            on_server(cx, link, name.as_str(), Introduction { hops, info }, out);
        }
        Ok(_) => answer(cx, link, Content::NotRegistered, out),
        Err(error @ LegacyError::NotUtf8) => drop_line(cx, link, &error),
        Err(_) => answer_need_more_params(cx, link, command, out),
    }
}

/// A user registers.
fn on_user(cx: &mut Context, link: LinkId, nick: Middle<'_>, user: User, out: &mut Out) {
    // Users of IRC see it as well, and could not type every nick.
    if !is_nick(nick.as_str()) || !Nicks::is_nick(nick.as_str()) {
        return answer(cx, link, Content::BadNick { nick }, out);
    }
    cx.finish_leaving_named(nick.as_str(), out);
    let holder = cx
        .network
        .names()
        .map(|names| names.nicks.find(nick.as_str()));
    if let Some(holder) = holder.flatten() {
        let (holder_nick, host) = (cx.legacy_nick_of(holder), reply::host_of(cx, holder));
        if let (Ok(user), Ok(host)) = (Middle::new(&holder_nick), Middle::new(&host)) {
            let collision = Content::NickCollision { nick, user, host };
            answer(cx, link, collision, out);
        }
        return;
    }
    if let Some(text) = cx.name_in_the_way(nick.as_str(), None) {
        log::info!("{}: nick refused: {text}", cx.describe_peer(link));
        return answer(cx, link, Content::BadNick { nick }, out);
    }
    if cx.network.directory().len() >= cx.config.limits.hosts_max {
        return cx.on_violation(link, Violation::DirectoryFull, out);
    }
    let info = admitted_info(&user.real_name);
    let host = user.host.clone();
    let id = cx.free_id();
    let address = cx.links.find(link).map(|found| found.endpoints.peer.ip());
    // Their protocol has no PASS.
    let is_local = address.is_some_and(|address| address.to_canonical().is_loopback());
    if cx.config.password.is_some() && !is_local {
        let text = "This network has a password, which your protocol cannot give";
        return refuse(cx, link, text, out);
    }
    let names = (nick.as_str(), nick.as_str());
    if let Some(text) = address.and_then(|address| cx.user_ban(names, id, address)) {
        return refuse(cx, link, &text, out);
    }
    cx.legacy.users.insert(id, user);
    let info = HostInfo::for_people(id, HostKind::Client, nick.as_str(), &info);
    cx.add_text_neighbour(link, &info, out);
    out.bound(link, cx.config.limits.client_queue_bytes_max);
    if let Ok(host) = Middle::new(&host) {
        let user = nick;
        answer(cx, link, Content::Welcome { nick, user, host }, out);
    }
}

/// A server that has linked to this one registers.
fn on_server(cx: &mut Context, link: LinkId, name: &str, server: Introduction, out: &mut Out) {
    let Some(session) = cx.links.find(link) else {
        return;
    };
    let ip = session.endpoints.peer.ip();
    if !is_permitted(&cx.config.server_peers, ip) {
        return cx.on_violation(link, Violation::NotAServerPeer, out);
    }
    if !may_link_server(cx, link, name, out) {
        return;
    }
    add_server(cx, link, name, server, out);
    let own = out.store(|arena| {
        reply::write_own_server(cx, arena, Some(&reply::own_name(cx)));
    });
    out.send_stored(link, own);
    burst::begin(cx, link, out);
}

/// Whether an adjacent server may have this name. If not, sends it an ERROR line with
/// the reason, and closes its link.
pub(super) fn may_link_server(cx: &mut Context, link: LinkId, name: &str, out: &mut Out) -> bool {
    cx.finish_leaving_named(name, out);
    let why = match find_server(cx, name) {
        _ if name.len() > NAME_BYTES_MAX => "the name is too long".to_owned(),
        Some(id) if id == cx.config.id => {
            format!(
                "{name} is the name of the server itself: links form a loop, or two have one name"
            )
        }
        Some(_) => format!("{name} is known already: links form a loop, or two have one name"),
        None if cx.network.directory().len() >= cx.config.limits.hosts_max => {
            cx.on_violation(link, Violation::DirectoryFull, out);
            return false;
        }
        None => return true,
    };
    refuse(cx, link, &why, out);
    false
}

/// Closes the link to a server, with a line that says why.
pub(super) fn refuse(cx: &mut Context, link: LinkId, why: &str, out: &mut Out) {
    cx.counters.refused += 1;
    log::warn!("{}: closed: {why}", cx.describe_peer(link));
    send_error(link, why, out);
    cx.close(link, CloseWhen::Flushed, "refused", out);
}

/// Makes an adjacent server a neighbour.
pub(super) fn add_server(
    cx: &mut Context,
    link: LinkId,
    name: &str,
    server: Introduction,
    out: &mut Out,
) {
    let info = admitted_info(&server.info);
    let id = cx.free_id();
    cx.legacy.servers.insert(id, server);
    let info = HostInfo::for_people(id, HostKind::Server, name, &info);
    cx.add_text_neighbour(link, &info, out);
}

/// The server with this name, in any case, or else the first with this name in its
/// announcement, which another server may have too.
pub(super) fn find_server(cx: &Context, name: &str) -> Option<HostId> {
    let servers = &cx.network.names()?.servers;
    servers.find(name).or_else(|| {
        let mut alike = servers.all_for_name(name);
        alike.find(|id| {
            cx.work.charge(work::LOOKUP);
            let host = cx.network.directory().find(*id);
            host.is_some_and(|host| {
                host.name().eq_ignore_ascii_case(name) && !cx.is_leaving(host.first_link())
            })
        })
    })
}

/// Answers a peer of this server.
pub(super) fn answer(cx: &mut Context, link: LinkId, content: Content<'_>, out: &mut Out) {
    let me = reply::own_name(cx);
    let line = out.store(|arena| write_line(arena, &me, content));
    out.send_stored(link, line);
}

/// Answers that a command has too few parameters (461).
pub(super) fn answer_need_more_params(
    cx: &mut Context,
    link: LinkId,
    command: &str,
    out: &mut Out,
) {
    if let Ok(command) = Middle::new(command) {
        answer(cx, link, Content::NeedMoreParams { command }, out);
    }
}
