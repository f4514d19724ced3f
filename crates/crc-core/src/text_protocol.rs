//! What all text dialects have in common: which link speaks one, what hosts are
//! called there, and where the dialects hear of what happens in the network.
//!
//! Somebody who comes in by a dialect is a host like all others, with an id that we
//! draw. What is said on such a link is understood and written by the modules of
//! the dialects.

use std::borrow::Cow;

use crc_wire::{ClientChat, ClientQuit, HostId, Message, Text};
use irc_wire::mask::PreparedText;

use crate::context::{Context, Out};
use crate::crc::session::{Encoding, Lines, Outlet};
use crate::id::random_host_id;
use crate::network::{Host, HostInfo, HostKind, Nicks, PeerVersion, Route};
use crc_machine::CloseWhen;
use crc_machine::{LinkId, Origin};

/// What hosts are called where names are words that nobody else has.
#[derive(Debug, Default)]
pub(crate) struct NickTables {
    pub(crate) nicks: Nicks,
    pub(crate) servers: Nicks,
}

/// A dialect of text in which a listener is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextProtocol {
    /// Internet Relay Chat, for the clients that people have.
    Irc,
    /// The cut-down IRC of the legacy, for its users and its servers.
    Legacy,
}

/// As how many lines a text of several is told. Each takes all that stands in front of
/// what is said, so that one text of very many would end those who hear it.
const TEXT_LINES_MAX: usize = 100;

/// The lines of a text as they are told; of too many, the last has all that are left.
pub(crate) fn split_lines_bounded<'a>(
    lines: impl Iterator<Item = Cow<'a, str>>,
) -> Vec<Cow<'a, str>> {
    let mut told: Vec<Cow<'a, str>> = Vec::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let many = told.len() >= TEXT_LINES_MAX;
        match told.last_mut() {
            Some(last) if many => {
                let last = last.to_mut();
                last.push(' ');
                last.push_str(&line);
            }
            _ => told.push(line),
        }
    }
    told
}

impl Context {
    /// The dialect that is spoken on a new link, if it is one of text.
    pub(crate) fn text_protocol_for(&self, origin: Origin) -> Option<Lines> {
        match origin {
            Origin::Accepted { listener } => {
                let mut dialects = self.config.text_listeners.iter();
                let (_, dialect) = dialects.find(|(id, _)| *id == listener)?;
                Some(match dialect {
                    TextProtocol::Irc => Lines::Irc(Box::default()),
                    TextProtocol::Legacy => Lines::Legacy(Box::default()),
                })
            }
            Origin::Dialed { dial } => self.legacy_lines_for(dial),
        }
    }

    /// The next bytes on a link that speaks a dialect of text.
    pub(crate) fn lines(&mut self, link: LinkId, bytes: &[u8], out: &mut Out) {
        match self.sessions.find(link).map(|session| &session.lines) {
            Some(Some(Lines::Irc(_))) => self.irc_bytes(link, bytes, out),
            Some(Some(Lines::Legacy(_))) => self.legacy_bytes(link, bytes, out),
            _ => {}
        }
    }

    /// Something is to be told on a link that speaks a dialect of text.
    pub(crate) fn render_text(&mut self, link: LinkId, message: &Message<'_>, out: &mut Out) {
        match self.sessions.find(link).map(|session| &session.lines) {
            Some(Some(Lines::Irc(_))) => self.irc_told(link, message, out),
            Some(Some(Lines::Legacy(_))) => self.legacy_told(link, message, out),
            _ => {}
        }
    }

    /// The last words on a link that speaks a dialect of text and is about to be
    /// closed by us.
    pub(crate) fn send_last_line(&mut self, link: LinkId, text: &str, out: &mut Out) {
        match self.sessions.find(link).map(|session| &session.lines) {
            Some(Some(Lines::Irc(_))) => self.irc_closes(link, text, out),
            Some(Some(Lines::Legacy(_))) => self.legacy_closes(link, text, out),
            _ => {}
        }
    }

    /// Takes in somebody who has registered in a dialect: a client, or a server that
    /// has no id of its own. The id that it has from now on.
    pub(crate) fn admit_text_peer(
        &mut self,
        link: LinkId,
        kind: HostKind,
        name: &str,
        info: &str,
        out: &mut Out,
    ) -> HostId {
        let id = self.free_id();
        self.admit_text_peer_as(link, id, kind, name, info, out);
        id
    }

    /// The same for somebody who has got an id already.
    pub(crate) fn admit_text_peer_as(
        &mut self,
        link: LinkId,
        id: HostId,
        kind: HostKind,
        name: &str,
        info: &str,
        out: &mut Out,
    ) {
        let claim = HostInfo::for_people(id, kind, name, info);
        self.reserve(&claim);
        self.admit(link, Host::new(link, &claim), false);
        if let Some(neighbour) = self.network.neighbours_mut().find_mut(link) {
            neighbour.version = match kind {
                HostKind::Client => PeerVersion::V2,
                HostKind::Server => PeerVersion::V1,
            };
        }
        if let Some(session) = self.sessions.find_mut(link) {
            session.outlet = Outlet::Lines;
        }
        log::info!("{} has joined", self.describe_peer(link));
        self.announce_host(id, link, out);
    }

    /// Enters somebody who is behind a server that has no ids, under an id of ours.
    pub(crate) fn add_text_host(
        &mut self,
        link: LinkId,
        id: HostId,
        kind: HostKind,
        name: &str,
        info: &str,
        out: &mut Out,
    ) {
        let claim = HostInfo::for_people(id, kind, name, info);
        self.reserve(&claim);
        self.add_remote_host(link, &claim, out);
    }

    /// Whoever comes by a dialect is called there by its own name, to the letter.
    pub(crate) fn reserve(&mut self, claim: &HostInfo<'_>) {
        if let Some(names) = &mut self.names {
            match claim.kind {
                HostKind::Client => names.nicks.assign_exact(claim.id, claim.name),
                HostKind::Server => names.servers.assign_exact(claim.id, claim.name),
            }
        }
    }

    /// Whether a server that says something else of a host means that the host is the
    /// same as before, and still in its channels: a client, that was one before.
    pub(crate) fn keeps_channels(&self, link: LinkId, claim: &HostInfo<'_>) -> bool {
        let known = self.network.directory().find(claim.id);
        let before = known.map_or(claim.kind, Host::kind);
        [before, claim.kind] == [HostKind::Client; 2] && self.knows_channels(link)
    }

    /// Whether a host has its id from us.
    pub(crate) fn has_local_id(&self, id: HostId) -> bool {
        let host = self.network.directory().find(id);
        let session = host.and_then(|host| self.sessions.find(host.first_link()));
        session.is_some_and(|session| session.lines.is_some())
    }

    /// All that must hold between two events for what hosts are called, and for what
    /// is known of them because of a dialect.
    pub(crate) fn check_dialects(&self) {
        let directory = self.network.directory();
        if let Some(names) = &self.names {
            names.nicks.check(directory.clients().map(Host::id));
            let servers = directory.servers().map(Host::id);
            let ourselves = core::iter::once(self.config.id);
            names.servers.check(servers.chain(ourselves));
        }
        let kind = |id| directory.find(id).map(Host::kind);
        self.legacy.check(kind, |link| self.is_legacy(link));
    }

    /// Whether a host is in a network of a dialect, behind a server of it that is linked
    /// to us.
    pub(crate) fn is_behind_text_server(&self, id: HostId) -> bool {
        let link = self.network.directory().find(id).map(Host::first_link);
        let neighbour = link.and_then(|link| self.network.neighbours().find(link));
        self.has_local_id(id) && neighbour.is_some_and(|neighbour| neighbour.host != id)
    }

    pub(crate) fn free_id(&mut self) -> HostId {
        loop {
            let id = random_host_id(&mut self.random);
            if !self.network.is_taken(id) {
                return id;
            }
        }
    }

    /// What a host is called in the dialects: one word. Those are clients, but for
    /// servers that send what is for clients to say.
    pub(crate) fn nick_of(&self, id: HostId) -> String {
        let name = match &self.names {
            Some(names) => names.nicks.of(id).or_else(|| names.servers.of(id)),
            // Nobody speaks a dialect.
            None => self.network.directory().find(id).map(Host::name),
        };
        name.map_or_else(|| id.to_string(), str::to_owned)
    }

    /// Whether a mask of IRC means this host: as its own server shows it, or as others
    /// do, to whom the nick is the user name.
    pub(crate) fn masks(&self, id: HostId) -> impl Fn(&str) -> bool + use<> {
        let nick = self.nick_of(id);
        let mut shown = vec![
            self.irc_source(id).into_owned(),
            format!("{nick}!{nick}@{id}.crc"),
        ];
        shown.dedup();
        let prepared = |who: String| PreparedText::new(who.as_bytes(), crate::irc::CASE);
        let shown: Vec<_> = shown.into_iter().map(prepared).collect();
        move |mask| shown.iter().any(|who| who.matches(mask.as_bytes()))
    }

    /// Says something in the name of a host whose home we are.
    pub(crate) fn relay_chat_text(
        &mut self,
        source: HostId,
        to: HostId,
        text: &str,
        out: &mut Out,
    ) {
        let chat = ClientChat {
            source,
            destination: Some(to),
            text: Text::truncated(text),
        };
        let Some(from) = self.network.directory().find(source).map(Host::first_link) else {
            return;
        };
        match self.network.route_chat(from, Some(to)) {
            Route::To(link) => {
                let session = self.sessions.find(link);
                if session.is_some_and(|session| matches!(session.outlet, Outlet::Direct)) {
                    self.counters.chats_relayed += 1;
                    let frame = out.store(|arena| Message::ClientChat(chat).encode(arena));
                    return out.send_stored(link, frame);
                }
                let frame = Message::ClientChat(chat.clone()).to_vec();
                self.send_chat(link, &chat, &frame, out);
            }
            Route::Unknown => self.bounce(source, Some(to), out),
        }
    }

    // What happens in the network

    /// A host is new.
    pub(crate) fn on_host_joined(&mut self, id: HostId, from: LinkId, out: &mut Out) {
        let Some(names) = &mut self.names else {
            return;
        };
        let Some(host) = self.network.directory().find(id) else {
            return;
        };
        let names = match host.kind() {
            HostKind::Client => &mut names.nicks,
            HostKind::Server => &mut names.servers,
        };
        if names.of(id).is_none() {
            names.assign(id, host.name());
        }
        self.irc_host_joined(id);
        self.legacy_host_joined(id, from, out);
    }

    /// A host is about to be forgotten.
    pub(crate) fn on_host_leaving(
        &mut self,
        id: HostId,
        text: &str,
        from: Option<LinkId>,
        out: &mut Out,
    ) {
        let Some(host) = self.network.directory().find(id) else {
            return;
        };
        let (kind, link) = (host.kind(), host.first_link());
        if kind == HostKind::Client && self.network.channels().of(id).next().is_some() {
            self.irc_host_quits(id, text, out);
            let words = self.legacy_quit_text(text, link, from);
            self.legacy_user_quits(id, words, out);
            let now = self.now;
            self.network.channels_mut().leave_all(id, link, now);
        }
        if self.names.is_some() {
            let text = match kind {
                HostKind::Client => self.legacy_quit_text(text, link, from),
                HostKind::Server => text,
            };
            self.legacy_host_left(id, kind, text, from, out);
        }
        if let Some(names) = &mut self.names {
            match kind {
                HostKind::Client => names.nicks.release(id),
                HostKind::Server => names.servers.release(id),
            }
        }
    }

    /// A host says another name or info of itself. It stays in its channels where
    /// they are known; elsewhere it leaves and joins anew.
    pub(crate) fn rename(&mut self, link: LinkId, claim: &HostInfo<'_>, out: &mut Out) {
        let id = claim.id;
        let before = self.nick_of(id);
        let Some(old) = self.network.directory_mut().remove(id) else {
            return;
        };
        self.network.directory_mut().insert(Host::new(link, claim));
        let renamed = old.name() != claim.name;
        if let Some(names) = &mut self.names
            && renamed
        {
            names.nicks.assign(id, claim.name);
        }
        let own_id = self.config.id;
        let Some(host) = self.network.directory().find(id) else {
            return;
        };
        let quit = Message::ClientQuit(ClientQuit {
            source: id,
            text: Text::truncated("registered anew"),
        });
        for (to, neighbour) in self.network.neighbours().iter() {
            let Some(session) = self.sessions.find_mut(to) else {
                continue;
            };
            if to == link || !neighbour.synced {
                continue;
            }
            let encoding = Encoding::of(neighbour.kind, neighbour.version);
            let last_hop = session.known_as(own_id);
            let keeps = session.features.channels;
            let frames = out.store(|arena| {
                if !keeps {
                    encoding.encode(&quit, arena);
                }
                encoding.encode_host(host, last_hop, arena);
            });
            crate::crc::announce::hand_over(session, to, frames, &mut self.dirty_links, out);
        }
        if renamed {
            self.irc_host_renamed(id, &before, out);
            self.legacy_host_renamed(id, &before, link, out);
        }
    }

    /// The id of a host that is ours to name has turned out to be taken elsewhere:
    /// it gets another one, and keeps its channels.
    pub(crate) fn renumber(&mut self, id: HostId, out: &mut Out) {
        let Some(host) = self.network.directory().find(id).cloned() else {
            return;
        };
        let link = host.first_link();
        let memberships: Vec<_> = self
            .network
            .channels()
            .of(id)
            .filter_map(|channel| Some((channel.name().to_owned(), channel.member(id)?)))
            .collect();
        let fresh = self.free_id();
        self.legacy.renumber(id, fresh);
        // There are no ids there.
        self.legacy.hushed = true;
        self.remove(id, &Text::truncated("its id has changed"), Some(link), out);
        let claim = HostInfo::for_people(fresh, host.kind(), host.name(), host.info());
        if let Some(neighbour) = self.network.neighbours_mut().find_mut(link)
            && neighbour.host == id
        {
            neighbour.host = fresh;
        }
        self.reserve(&claim);
        self.add_remote_host(link, &claim, out);
        for (name, flags) in memberships {
            self.enter_channel(fresh, None, flags, &name, Some(link), out);
        }
        self.legacy.hushed = false;
    }

    /// Endpoints a link that speaks a dialect, with a last line that says why.
    pub(crate) fn close_text_link(&mut self, link: LinkId, why: &str, text: &str, out: &mut Out) {
        self.send_last_line(link, why, out);
        self.close(link, CloseWhen::Flushed, text, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_many_lines_is_told_in_few() {
        let told = |text: &str| -> Vec<String> {
            let lines = split_lines_bounded(text.split('\n').map(Cow::Borrowed));
            lines.into_iter().map(Cow::into_owned).collect()
        };
        assert_eq!(told("one\n\ntwo\n"), ["one", "two"]);
        assert_eq!(told("\n\n"), [""; 0]);
        let all = told(&"a\n".repeat(TEXT_LINES_MAX));
        assert_eq!(all, ["a"; TEXT_LINES_MAX]);
        let many = told(&"a\n".repeat(TEXT_LINES_MAX + 2));
        assert_eq!(many[..TEXT_LINES_MAX - 1], all[1..]);
        assert_eq!(many[TEXT_LINES_MAX - 1..], ["a a a"]);
    }
}
