//! The operations on hosts: one joins, changes, gets another id, leaves. Each operation
//! changes the network once, and hands the change to every protocol.

use core::num::NonZeroU64;
use std::borrow::Cow;

use crc_machine::{Escaped, LinkId};
use crc_wire::{HostId, Text};
use irc_wire::mask::PreparedText;

use super::{Context, Entry, Out};
use crate::announcement::{ClientDetails, UserModes};
use crate::id::random_host_id;
use crate::names::{fold_beyond_ascii, fold_name};
use crate::network::{
    Channel, FormerNicks, Host, HostChange, HostInfo, HostKind, MASK_LISTS, Network, PeerVersion,
    Scope,
};
use crate::{crc, irc, legacy, work};

/// What a server's name ends in, as a quit shows it.
const SERVER_SUFFIX: &str = ".crc";

/// A server's name as one word that users take for a server.
fn server_word(name: &str) -> String {
    let good = |c: char| if c.is_ascii_graphic() { c } else { '-' };
    name.chars().map(good).collect::<String>() + SERVER_SUFFIX
}

/// Whether a quit's text says that the host was lost with a server. Users cannot say
/// so: see [`guarded_quit_text`].
pub(crate) fn is_netsplit(text: &str) -> bool {
    two_words(text).is_some_and(|words| words.iter().all(|word| word.ends_with(SERVER_SUFFIX)))
}

fn two_words(text: &str) -> Option<[&str; 2]> {
    let (one, other) = text.split_once(' ')?;
    (!other.contains(' ')).then_some([one, other])
}

/// What stands before the words with which a user of IRC quits.
const QUIT_PREFIX: &str = "Quit: ";

/// The text with which a user of IRC quits.
pub(crate) fn irc_quit_text(words: &str) -> String {
    match words {
        "" => "Quit".to_owned(),
        words => format!("{QUIT_PREFIX}{words}"),
    }
}

/// The text with which a user of another protocol quits: unchanged, unless clients of
/// IRC could take it for a netsplit. They are shown blanks for control characters, and
/// may get the first words only, so it is the first two that count.
pub(crate) fn guarded_quit_text(text: &str) -> Cow<'_, str> {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let mut first_words = words.filter(|word| !word.is_empty()).take(2);
    let like_netsplit = [first_words.next(), first_words.next()]
        .iter()
        .all(|word| word.is_some_and(|word| word.contains('.')));
    match like_netsplit {
        true => Cow::Owned(format!("{QUIT_PREFIX}{text}")),
        false => Cow::Borrowed(text),
    }
}

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

    /// Why a host of this server may not have a name: it looks like another one that is
    /// present. `own`: the host, if it is present itself.
    pub(crate) fn name_in_the_way(&mut self, name: &str, own: Option<HostId>) -> Option<String> {
        let other = self.network.look_alike_of(name, own)?;
        let (name, other) = (Escaped(name), Escaped(other));
        Some(format!(
            "The name {name} looks like {other}, which is in use: choose another name"
        ))
    }

    /// The nick of a host where nicks are needed, otherwise its name.
    pub(crate) fn nick_of(&self, id: HostId) -> String {
        self.network.nick_of(id)
    }

    /// The nick of a host in the legacy protocol.
    pub(crate) fn legacy_nick_of(&self, id: HostId) -> String {
        self.network.legacy_nick_of(id)
    }

    /// Whether the bans of a channel silence a host.
    pub(crate) fn is_silenced(&self, host: HostId, channel: &Channel) -> bool {
        self.charge_bans(channel);
        Network::silences(channel, self.ban_matcher(host))
    }

    /// Counts the work to compare the masks of a channel with a host.
    pub(crate) fn charge_bans(&self, channel: &Channel) {
        let lists = MASK_LISTS.iter();
        let bytes: usize = lists.map(|list| channel.value(list.field).len()).sum();
        // Two texts are compared, of two words each.
        let bytes = bytes * 4;
        self.work.charge(work::HOST + work::units_of(bytes));
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
        let prepared = |who: String| PreparedText::new(fold_name(&who).as_bytes(), irc::CASE);
        let shown: Vec<_> = shown.into_iter().map(prepared).collect();
        move |mask| {
            let mask = fold_beyond_ascii(mask);
            shown.iter().any(|who| who.matches(mask.as_bytes()))
        }
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
        self.finish_leaving_named(info.name, out);
        self.network
            .reserve_nick(info, legacy::is_legacy(self, link));
        let version = match info.kind {
            HostKind::Client => PeerVersion::V2,
            HostKind::Server => PeerVersion::V1,
        };
        self.add_neighbour(link, Host::new(link, info), version, out);
        log::info!("{} has joined", self.describe_peer(link));
        self.publish_joined(info.id, link, Scope::All, out);
    }

    /// Enters a host that is behind a server of a text protocol, under its own name.
    pub(crate) fn add_text_host(&mut self, link: LinkId, info: &HostInfo<'_>, out: &mut Out) {
        self.finish_leaving_named(info.name, out);
        self.network
            .reserve_nick(info, legacy::is_legacy(self, link));
        let neighbour = self.network.neighbours().find(link);
        let details = ClientDetails {
            home: neighbour.map(|neighbour| neighbour.host),
            ..info.details
        };
        let mut info = info.registered_at(self.registration_time(info.kind));
        if info.kind == HostKind::Client {
            info = info.with_details(details);
        }
        self.add_remote_host(link, &info, out);
    }

    /// When a host of that kind has registered that registers at this server now: only of
    /// clients it matters.
    pub(super) fn registration_time(&self, kind: HostKind) -> Option<NonZeroU64> {
        match kind {
            HostKind::Client => NonZeroU64::new(self.network_ms()),
            HostKind::Server => None,
        }
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
        self.finish_leaving(info.id, out);
        self.finish_leaving_named(info.name, out);
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
        self.finish_leaving_named(info.name, out);
        let nicks = FormerNicks {
            irc: &self.nick_of(id),
            legacy: &self.legacy_nick_of(id),
        };
        let user = irc::former_user(self, id);
        let Some(before) = self.network.replace_host(Host::new(link, info)) else {
            return;
        };
        let renamed = before.name() != info.name;
        if let Some(user) = user.filter(|_| renamed) {
            self.network.remember_user(user, self.now);
        }
        let change = HostChange::Changed {
            id,
            from: link,
            renamed_from: renamed.then_some(nicks),
            in_ascii: !before.is_like(info),
            is_info_new: before.info() != info.info(),
        };
        self.publish_host(change, out);
        let neighbour = self.network.neighbours().find(link);
        if renamed && neighbour.is_some_and(|neighbour| neighbour.host == id) {
            self.enforce_bans_on(link, id, out);
        }
    }

    /// A user of this server has other modes: the servers get them.
    pub(crate) fn set_user_modes(&mut self, link: LinkId, modes: UserModes, out: &mut Out) {
        let neighbour = self.network.neighbours().find(link);
        let Some(id) = neighbour.map(|neighbour| neighbour.host) else {
            return;
        };
        let Some(host) = self.network.directory().find(id) else {
            return;
        };
        let user = host.details().user.to_owned();
        let details = ClientDetails {
            user: &user,
            modes,
            ..host.details()
        };
        self.network.set_details(id, details);
        crc::announce::announce_machine_part(self, id, link, out);
    }

    /// A client of this server takes another name, and keeps its info.
    pub(crate) fn rename_client(&mut self, link: LinkId, id: HostId, name: &str, out: &mut Out) {
        let host = self.network.directory().find(id);
        let Some(info) = host.map(|host| host.info().to_owned()) else {
            return;
        };
        let claim = HostInfo::for_people(id, HostKind::Client, name, &info);
        self.change_host(link, &claim, out);
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
            .filter_map(|channel| {
                let name = channel.name().to_owned();
                Some((name, channel.member(id)?, channel.founded()))
            })
            .collect();
        let fresh = self.free_id();
        let absence = self.network.absences().find(id).cloned();
        let own = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let metadata: Vec<_> = self.network.metadata().of(id).map(own).collect();
        let known = legacy::notify::before_renumbering(self, id);
        let legacy_nick = self.network.legacy_nick_of(id);
        self.legacy.renumber(id, fresh);
        // The legacy network has no ids: for it nothing changes.
        let scope = Scope::AllButLegacy;
        self.remove_host_in(id, "its id has changed", Some(link), scope, out);
        let info = HostInfo::for_people(fresh, host.kind(), host.name(), host.info())
            .registered_at(self.registration_time(host.kind()))
            .with_details(host.details());
        self.network.renumber_neighbour(link, id, fresh);
        let is_legacy = legacy::is_legacy(self, link);
        self.network.reserve_nick(&info, is_legacy);
        if !is_legacy && legacy_nick.is_ascii() {
            self.network.keep_alias(fresh, &legacy_nick);
        }
        self.add_remote_host_in(link, &info, scope, out);
        for (name, flags, founded) in memberships {
            let entry = Entry {
                host: fresh,
                by: None,
                flags,
                founded,
            };
            self.enter_channel_in(entry, &name, Some(link), scope, out);
        }
        if let Some(absence) = absence {
            self.set_away(fresh, &absence.text, None, out);
        }
        for (key, value) in &metadata {
            // There was room for it a moment ago.
            let _ = self.set_metadata(fresh, (key, value), None, out);
        }
        legacy::notify::after_renumbering(self, fresh, &known, out);
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
        if scope == Scope::All
            && let Some(user) = irc::former_user(self, id)
        {
            self.network.remember_user(user, self.now);
        }
        let lost = is_netsplit(text);
        self.network.remove_host(id, lost, self.now);
        self.tree.on_server_gone(id, self.now);
        crate::crc::server_list::forget(self, id);
    }

    /// The text with which the hosts behind a lost server quit: the names of both ends
    /// of the link, as users of IRC and their clients know it.
    pub(super) fn netsplit_text(&self, lost: HostId) -> String {
        let host = self.network.directory().find(lost);
        let lost = host.map_or("", Host::name);
        let own = self.config.name.as_str();
        format!("{} {}", server_word(own), server_word(lost))
    }
}
