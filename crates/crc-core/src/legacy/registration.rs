//! Who comes in: users and servers that register, and the listing that a server gets.

use crc_wire::HostId;
use irc_wire::legacy::{Content, LegacyError, Message, Middle, Trailing};
use irc_wire::{Command, Message as Line, NameRules, Verb};

use super::reply::{info_of, put};
use super::{Introduction, User};
use crate::admission::NAME_BYTES_MAX;
use crate::context::Context;
use crate::context::Out;
use crate::network::{Host, HostKind, Nicks};
use crate::violation::Violation;
use crc_machine::CloseWhen;
use crc_machine::LinkId;

/// Whether somebody can be called so: by the rules of the dialect, and not too long.
pub(crate) fn is_nick(nick: &str) -> bool {
    nick.len() <= NAME_BYTES_MAX && NameRules::LEGACY.check_nick(nick.as_bytes()).is_ok()
}

impl Context {
    /// Somebody who has not registered says something.
    pub(crate) fn legacy_stranger(&mut self, link: LinkId, line: &Line<'_>, out: &mut Out) {
        let message = Message::from_message(line);
        let command = match line.command {
            Command::Verb(Verb::User) => "USER",
            Command::Verb(Verb::Server) => "SERVER",
            _ => return self.legacy_answer(link, Content::NotRegistered, out),
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
                self.legacy_user_comes(link, nick, user, out);
            }
            Ok(Message {
                content: Content::Server { name, hops, info },
                source,
            }) if source.is_none_or(|source| source == name) => {
                let info = info.map_or("", Trailing::as_str).into();
                self.legacy_server_comes(link, name.as_str(), Introduction { hops, info }, out);
            }
            Ok(_) => self.legacy_answer(link, Content::NotRegistered, out),
            Err(error @ LegacyError::NotUtf8) => self.legacy_drops(link, &error),
            Err(_) => self.legacy_needs_more(link, command, out),
        }
    }

    /// A user registers.
    pub(crate) fn legacy_user_comes(
        &mut self,
        link: LinkId,
        nick: Middle<'_>,
        user: User,
        out: &mut Out,
    ) {
        // Users of IRC, who meet it as well, could not say all that could be a nick.
        if !is_nick(nick.as_str()) || !Nicks::is_nick(nick.as_str()) {
            return self.legacy_answer(link, Content::BadNick { nick }, out);
        }
        let holder = self
            .names
            .as_ref()
            .map(|names| names.nicks.find(nick.as_str()));
        if let Some(holder) = holder.flatten() {
            let (called, host) = (self.nick_of(holder), self.legacy_host_of(holder));
            if let (Ok(user), Ok(host)) = (Middle::new(&called), Middle::new(&host)) {
                let collision = Content::NickCollision { nick, user, host };
                self.legacy_answer(link, collision, out);
            }
            return;
        }
        if self.network.directory().len() >= self.config.limits.hosts_max {
            return self.violation(link, Violation::DirectoryFull, out);
        }
        let info = info_of(&user.real_name);
        let host = user.host.clone();
        let id = self.free_id();
        self.legacy.users.insert(id, user);
        self.admit_text_peer_as(link, id, HostKind::Client, nick.as_str(), &info, out);
        out.bound(link, self.config.limits.client_queue_bytes_max);
        if let Ok(host) = Middle::new(&host) {
            let user = nick;
            self.legacy_answer(link, Content::Welcome { nick, user, host }, out);
        }
    }

    /// A server registers that has linked to us.
    pub(crate) fn legacy_server_comes(
        &mut self,
        link: LinkId,
        name: &str,
        server: Introduction,
        out: &mut Out,
    ) {
        let Some(session) = self.sessions.find(link) else {
            return;
        };
        let ip = session.endpoints.peer.ip().to_canonical();
        if !self.config.server_peers.iter().any(|net| net.contains(&ip)) {
            return self.violation(link, Violation::NotAServerPeer, out);
        }
        if !self.legacy_admits_server(link, name, out) {
            return;
        }
        self.legacy_takes_server(link, name, server, out);
        let listing = out.store(|arena| {
            self.put_legacy_ourselves(arena, Some(&self.legacy_name()));
            self.put_legacy_listing(arena, link);
        });
        let bytes_max = self.config.limits.server_queue_bytes_max;
        out.bound(link, bytes_max.saturating_add(listing.len()));
        out.send_stored(link, listing);
        self.legacy.synced_links.insert(link);
    }

    /// Whether a server that is new and adjacent can be called so; if not, it is told
    /// why, and has to go.
    pub(crate) fn legacy_admits_server(&mut self, link: LinkId, name: &str, out: &mut Out) -> bool {
        let why = match self.legacy_server(name) {
            _ if name.len() > NAME_BYTES_MAX => "the name is too long".to_owned(),
            Some(id) if id == self.config.id => {
                format!(
                    "{name} is the name of the server itself: links form a loop, or two have one name"
                )
            }
            Some(_) => format!("{name} is known already: links form a loop, or two have one name"),
            None if self.network.directory().len() >= self.config.limits.hosts_max => {
                self.violation(link, Violation::DirectoryFull, out);
                return false;
            }
            None => return true,
        };
        self.legacy_refuses(link, &why, out);
        false
    }

    /// Closes a link to a server, which is told why.
    pub(crate) fn legacy_refuses(&mut self, link: LinkId, why: &str, out: &mut Out) {
        self.counters.refused += 1;
        log::warn!("{}: closed: {why}", self.describe_peer(link));
        self.legacy_closes(link, why, out);
        self.close(link, CloseWhen::Flushed, "refused", out);
    }

    /// Enters an adjacent server and tells the others.
    pub(crate) fn legacy_takes_server(
        &mut self,
        link: LinkId,
        name: &str,
        server: Introduction,
        out: &mut Out,
    ) {
        let info = info_of(&server.info);
        let id = self.free_id();
        self.legacy.servers.insert(id, server);
        self.admit_text_peer_as(link, id, HostKind::Server, name, &info, out);
    }

    /// Who is known under the name of a server, in capitals or small letters; be it only
    /// where names are not unique.
    pub(crate) fn legacy_server(&self, name: &str) -> Option<HostId> {
        let called = self.names.as_ref()?.servers.find(name);
        called.or_else(|| {
            let mut servers = self.network.directory().servers();
            let named = servers.find(|host| host.name().eq_ignore_ascii_case(name));
            named.map(Host::id)
        })
    }

    /// Answers somebody who is linked to us.
    pub(crate) fn legacy_answer(&mut self, link: LinkId, content: Content<'_>, out: &mut Out) {
        let me = self.legacy_name();
        let line = out.store(|arena| put(arena, &me, content));
        out.send_stored(link, line);
    }

    pub(crate) fn legacy_needs_more(&mut self, link: LinkId, command: &str, out: &mut Out) {
        if let Ok(command) = Middle::new(command) {
            self.legacy_answer(link, Content::NeedMoreParams { command }, out);
        }
    }

    /// The link behind which a host is.
    pub(crate) fn legacy_link_of(&self, id: HostId) -> Option<LinkId> {
        self.network.directory().find(id).map(Host::first_link)
    }
}
