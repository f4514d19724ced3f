//! The operations on hosts: one joins, changes, gets another id, leaves. Each operation
//! changes the network once, and hands the change to every protocol.

use crc_machine::LinkId;
use crc_wire::{HostId, Text, truncate_utf8};
use irc_wire::mask::PreparedText;

use super::{Context, Out};
use crate::id::random_host_id;
use crate::irc;
use crate::network::{Channel, Host, HostChange, HostInfo, HostKind, PeerVersion, Scope};

/// How much of the text with which a neighbour is lost is repeated for each host
/// behind it: there may be many.
const LOST_TEXT_BYTES_MAX: usize = 256;

impl Context {
    /// An id that no host has, nor had a server not long ago.
    pub(crate) fn free_id(&mut self) -> HostId {
        loop {
            let id = random_host_id(&mut self.random);
            if self.network.is_free_for_client(id, self.now) {
                return id;
            }
        }
    }

    /// The nick of a host where nicks are needed, otherwise its name.
    pub(crate) fn nick_of(&self, id: HostId) -> String {
        self.network.nick_of(id)
    }

    /// Whether a ban of a channel matches a host.
    pub(crate) fn is_banned(&self, host: HostId, channel: &Channel) -> bool {
        channel.bans().any(self.ban_matcher(host))
    }

    /// Compares masks with a host: as its own server shows it to users of IRC, and as
    /// other servers do, which use the nick as user name.
    pub(crate) fn ban_matcher(&self, host: HostId) -> impl Fn(&str) -> bool + use<> {
        let nick = self.nick_of(host);
        let mut shown = vec![
            irc::source_of(self, host).into_owned(),
            format!("{nick}!{nick}@{host}.crc"),
        ];
        shown.dedup();
        let prepared = |who: String| PreparedText::new(who.as_bytes(), irc::CASE);
        let shown: Vec<_> = shown.into_iter().map(prepared).collect();
        move |mask| shown.iter().any(|who| who.matches(mask.as_bytes()))
    }

    /// Whether this server speaks for a host: the host is linked to it, or is behind
    /// a link whose protocol has no ids.
    pub(crate) fn is_home_of(&self, host: &Host) -> bool {
        let link = host.first_link();
        let neighbour = self.network.neighbours().find(link);
        neighbour.is_some_and(|neighbour| neighbour.host == host.id())
            || self.links.find(link).is_some_and(|found| !found.is_crc())
    }

    /// Whether this server has drawn the id of a host: the host's protocol has none.
    pub(crate) fn has_local_id(&self, id: HostId) -> bool {
        let host = self.network.directory().find(id);
        let found = host.and_then(|host| self.links.find(host.first_link()));
        found.is_some_and(|found| !found.is_crc())
    }

    /// Whether a host is in another network, behind a server of a text protocol.
    pub(crate) fn is_behind_text_server(&self, id: HostId) -> bool {
        let link = self.network.directory().find(id).map(Host::first_link);
        let neighbour = link.and_then(|link| self.network.neighbours().find(link));
        self.has_local_id(id) && neighbour.is_some_and(|neighbour| neighbour.host != id)
    }

    // Joining.

    /// Takes in the peer of a link that has registered in a text protocol, as a client
    /// or server with this id.
    pub(crate) fn add_text_neighbour(&mut self, link: LinkId, info: &HostInfo<'_>, out: &mut Out) {
        self.network.reserve_nick(info);
        let version = match info.kind {
            HostKind::Client => PeerVersion::V2,
            HostKind::Server => PeerVersion::V1,
        };
        self.add_neighbour(link, Host::new(link, info), version);
        log::info!("{} has joined", self.describe_peer(link));
        self.publish_joined(info.id, link, Scope::All, out);
    }

    /// Enters a host that is behind a server of a text protocol, under its own name.
    pub(crate) fn add_text_host(&mut self, link: LinkId, info: &HostInfo<'_>, out: &mut Out) {
        self.network.reserve_nick(info);
        self.add_remote_host(link, info, out);
    }

    /// Enters a host that is behind a server.
    pub(crate) fn add_remote_host(&mut self, link: LinkId, info: &HostInfo<'_>, out: &mut Out) {
        self.add_remote_host_in(link, info, Scope::All, out);
    }

    fn add_remote_host_in(
        &mut self,
        link: LinkId,
        info: &HostInfo<'_>,
        scope: Scope,
        out: &mut Out,
    ) {
        self.network.add_host(Host::new(link, info), self.now);
        if let Some(machine) = info.machine {
            crate::crc::uplink::learn_address(self, link, info.id, machine);
        }
        self.publish_joined(info.id, link, scope, out);
    }

    /// Hands every protocol the change that a host has joined.
    pub(crate) fn publish_joined(&mut self, id: HostId, from: LinkId, scope: Scope, out: &mut Out) {
        self.counters.hosts_joined += 1;
        self.publish_host(HostChange::Joined { id, from, scope }, out);
    }

    // Changing.

    /// A client has another name or info: it stays in its channels where those are
    /// known, and leaves and joins again elsewhere.
    pub(crate) fn change_host(&mut self, link: LinkId, info: &HostInfo<'_>, out: &mut Out) {
        let id = info.id;
        let nick = self.nick_of(id);
        let Some(before) = self.network.replace_host(Host::new(link, info)) else {
            return;
        };
        let renamed = before.name() != info.name;
        let change = HostChange::Changed {
            id,
            from: link,
            renamed_from: renamed.then_some(&nick),
        };
        self.publish_host(change, out);
    }

    /// Another host turns out to have the id that this server has drawn for one: that
    /// one gets a new id, and keeps its channels.
    pub(crate) fn renumber_host(&mut self, id: HostId, out: &mut Out) {
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
        // The legacy network has no ids: for it nothing changes.
        let scope = Scope::AllButLegacy;
        self.remove_host_in(id, "its id has changed", Some(link), scope, out);
        let info = HostInfo::for_people(fresh, host.kind(), host.name(), host.info());
        self.network.renumber_neighbour(link, id, fresh);
        self.network.reserve_nick(&info);
        self.add_remote_host_in(link, &info, scope, out);
        for (name, flags) in memberships {
            self.enter_channel_in(fresh, None, flags, &name, Some(link), scope, out);
        }
    }

    // Leaving.

    /// Removes a host, and hands every protocol the change. `from` does not get it.
    pub(crate) fn remove_host(
        &mut self,
        id: HostId,
        text: &Text<'_>,
        from: Option<LinkId>,
        out: &mut Out,
    ) {
        self.remove_host_in(id, text.as_str(), from, Scope::All, out);
    }

    fn remove_host_in(
        &mut self,
        id: HostId,
        text: &str,
        from: Option<LinkId>,
        scope: Scope,
        out: &mut Out,
    ) {
        if self.network.directory().find(id).is_none() {
            return;
        }
        self.counters.hosts_left += 1;
        let change = HostChange::Left {
            id,
            text,
            from,
            scope,
        };
        self.publish_host(change, out);
        self.network.remove_host(id, self.now);
        self.tree.on_server_gone(id, self.now);
    }

    /// Removes all hosts behind a link, clients before servers and the neighbour itself
    /// last.
    pub(crate) fn remove_all_behind(&mut self, link: LinkId, text: &str, out: &mut Out) {
        self.legacy.close(link);
        let Some(neighbour) = self.network.remove_neighbour(link) else {
            return;
        };
        crate::crc::announce::restore_indirect_route(self, link, neighbour.host);
        let behind = self.network.directory().behind(link);
        let mut lost: Vec<_> = behind.map(|host| (host.kind(), host.id())).collect();
        let last = neighbour.host;
        lost.sort_unstable_by_key(|&(kind, id)| (id == last, kind == HostKind::Server, id));
        for (_, id) in lost {
            let text = match id == last {
                true => text,
                false => truncate_utf8(text, LOST_TEXT_BYTES_MAX),
            };
            self.remove_host(id, &Text::truncated(text), None, out);
        }
    }
}
