//! The operations on channels: each changes the network once, and hands the event to
//! every protocol.
//!
//! Only a host's own server changes the host's membership and flags; other servers send
//! that server a request. Any server may change a setting, which carries a version
//! (PROTOCOL section 9).

use std::collections::BTreeMap;

use crc_machine::LinkId;
use crc_wire::{ChannelChat, ChannelField, HostId, MemberFlags, TaggedChat};

use super::fan_out::Frame;
use super::{Context, NEXT_EVENT, Out, Timer};
use crate::names::wire_name;
use crate::network::{
    Age, Applied, Channel, ChannelEvent, ChannelEventKind, Entered, Founding, Network, Scope,
    Setting, Settings, fold, is_for_servers, is_value_from_server,
};
use crate::{crc, irc, legacy};

/// How many hosts are remembered that have founded a channel and wait for their rank.
const UNRANKED_FOUNDERS_MAX: usize = 1000;

/// A host enters a channel, or has other flags there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) host: HostId,
    /// The host that has changed the flags, if one has.
    pub(crate) by: Option<HostId>,
    pub(crate) flags: MemberFlags,
    /// When the channel was founded.
    pub(crate) founded: Founding,
}

/// Members of a channel who have lost their ranks, and of whom users were not told yet.
#[derive(Debug)]
pub(crate) struct VoidedFlags {
    channel: Box<str>,
    /// The members, with the flags that they had.
    flags: BTreeMap<HostId, MemberFlags>,
    /// The link over which the older channel came.
    from: LinkId,
}

/// Hosts that have founded channels while this server could not know whether older
/// ones of the same names exist.
#[derive(Debug, Default)]
pub(crate) struct UnrankedFounders {
    founders: Vec<(Box<str>, HostId, Founding)>,
}

impl UnrankedFounders {
    fn add(&mut self, name: &str, host: HostId, founded: Founding) {
        if self.founders.len() < UNRANKED_FOUNDERS_MAX {
            self.founders.push((name.into(), host, founded));
        }
    }

    fn take(&mut self) -> Vec<(Box<str>, HostId, Founding)> {
        core::mem::take(&mut self.founders)
    }
}

impl Context {
    // Actions of hosts of this server.

    /// A host of this server enters a channel. The first one in it founds it: it is its
    /// operator, and sets it as `modes` and `key` say. Where an older channel of this
    /// name may live on elsewhere, the host enters that one, without a rank.
    pub(crate) fn join_channel(
        &mut self,
        host: HostId,
        name: &str,
        key: &str,
        modes: &str,
        out: &mut Out,
    ) {
        let known = self.network.channels().find(name);
        if known.is_some_and(|channel| channel.member(host).is_some()) {
            return;
        }
        let spelled = name;
        let is_new = known.is_none();
        let standing = self.network.channels().standing(name, self.now);
        let founds = standing.is_none();
        let name = match known {
            Some(channel) => channel.name().to_owned(),
            None if founds => name.to_owned(),
            None => fold(name).into_owned(),
        };
        let founded = match standing {
            Some(standing) => standing.founded,
            None => {
                let tag = u32::try_from(self.random.next_u64() >> 32).unwrap_or_default();
                self.network
                    .channels()
                    .new_age(&name, tag, self.network_ms())
            }
        };
        let ranked = founds && self.tree.is_settled();
        let flags = MemberFlags::NONE.with_operator(ranked);
        // The legacy network gets a new channel with its key, once it is set.
        let scope = match is_new {
            true => Scope::AllButLegacy,
            false => Scope::All,
        };
        let entry = Entry {
            host,
            by: None,
            flags,
            founded,
        };
        self.enter_channel_in(entry, &name, None, scope, out);
        if founds {
            self.found_channel(host, &name, key, modes, out);
            self.network.end_founding(&name);
            if !ranked {
                self.unranked_founders.add(&name, host, founded);
            }
        } else if is_new && self.is_behind_text_server(host) {
            self.spell_as_legacy(host, spelled, out);
        }
        if is_new {
            legacy::notify::on_channel_joined(self, host, &name, None, out);
        }
    }

    /// A host of the legacy network has entered a channel that has lost its members here,
    /// and is new there. Names of that network are the same only if they are spelled so.
    fn spell_as_legacy(&mut self, host: HostId, spelled: &str, out: &mut Out) {
        let known = self.network.channels().find(spelled);
        if known.is_some_and(|channel| channel.name() != spelled) {
            let field = ChannelField::NAME;
            let setting = self.new_setting(spelled, field, Some(host), spelled);
            let (set, scope) = ((Some(host), setting), Scope::AllButLegacy);
            self.apply_setting_in(spelled, field, set, None, scope, out);
        }
    }

    /// This server knows now which channels exist: hosts that have founded one meanwhile
    /// become its operators.
    pub(crate) fn rank_founders(&mut self, out: &mut Out) {
        for (name, host, founded) in self.unranked_founders.take() {
            let Some(channel) = self.network.channels().find(&name) else {
                continue;
            };
            let Some(flags) = channel.member(host) else {
                continue;
            };
            // Another host may have its id by now, whose own server says what it is.
            let known = self.network.directory().find(host);
            if !known.is_some_and(|known| self.is_home_of(known)) {
                continue;
            }
            let led = channel.members().any(|(_, flags)| flags.operator);
            if channel.founded().tag == founded.tag && !led {
                let name = channel.name().to_owned();
                self.enter_channel(host, None, flags.with_operator(true), &name, None, out);
            }
        }
    }

    /// Sets a channel that a host of this server has founded.
    fn found_channel(&mut self, host: HostId, name: &str, key: &str, modes: &str, out: &mut Out) {
        let shown = if fold(name) == *name { "" } else { name };
        for (field, value) in [
            (ChannelField::TOPIC, ""),
            (ChannelField::KEY, key),
            (ChannelField::MODES, modes),
            (ChannelField::LIMIT, ""),
            (ChannelField::BANS, ""),
            (ChannelField::NAME, shown),
            (ChannelField::EXCEPTIONS, ""),
            (ChannelField::INVITE_EXCEPTIONS, ""),
            (ChannelField::BAN_SETTERS, ""),
            (ChannelField::EXCEPTION_SETTERS, ""),
            (ChannelField::INVITE_EXCEPTION_SETTERS, ""),
            (ChannelField::RENAMED_TO, ""),
            (ChannelField::METADATA, ""),
        ] {
            let Some(channel) = self.network.channels().find(name) else {
                return;
            };
            // A field that was never set has its default without being set.
            let known = channel.settings().find(field);
            let set = known.is_some_and(|known| known.version != 0);
            if set || channel.value(field) != value {
                let setting = self.new_setting(name, field, Some(host), value);
                let (set, scope) = ((Some(host), setting), Scope::AllButLegacy);
                self.apply_setting_in(name, field, set, None, scope, out);
            }
        }
    }

    /// A host of this server sets a channel, or the server itself does.
    pub(crate) fn set_channel(
        &mut self,
        name: &str,
        field: ChannelField,
        source: Option<HostId>,
        value: &str,
        out: &mut Out,
    ) {
        let setting = self.new_setting(name, field, source, value);
        self.apply_setting_in(name, field, (source, setting), None, Scope::All, out);
    }

    /// A host of this server renames a channel, which it may: see
    /// [`Network::may_rename`](crate::network::Network::may_rename).
    pub(crate) fn rename_channel(
        &mut self,
        host: HostId,
        name: &str,
        new: &str,
        why: &str,
        out: &mut Out,
    ) {
        let value = match why {
            "" => new.to_owned(),
            why => [new, " ", why].concat(),
        };
        let field = ChannelField::RENAMED_TO;
        self.set_channel(name, field, Some(host), &value, out);
        self.tell_renames(out);
    }

    /// Tells users of IRC which channels have other names for them now. What is sent to them
    /// before that still has the former names.
    #[inline]
    pub(crate) fn tell_renames(&mut self, out: &mut Out) {
        if self.network.channels().has_unsettled_names() {
            for renamed in self.network.settle_names() {
                irc::on_channel_renamed(self, &renamed, out);
            }
        }
    }

    /// A setting that is newer than the known one.
    pub(crate) fn new_setting(
        &self,
        name: &str,
        field: ChannelField,
        source: Option<HostId>,
        value: &str,
    ) -> Setting {
        debug_assert!(
            is_value_from_server(name, field, value),
            "{field:?} {value:?}"
        );
        let channels = self.network.channels();
        Setting {
            value: value.into(),
            version: channels.next_version(name, field, self.network_ms()),
            setter: self.setter_text(source).into(),
            source,
        }
    }

    // Changes, from this server or another one.

    /// A host enters a channel that exists, or its flags have changed.
    pub(crate) fn enter_channel(
        &mut self,
        host: HostId,
        by: Option<HostId>,
        flags: MemberFlags,
        name: &str,
        from: Option<LinkId>,
        out: &mut Out,
    ) {
        let Some(channel) = self.network.channels().find(name) else {
            return;
        };
        let entry = Entry {
            host,
            by,
            flags,
            founded: channel.founded(),
        };
        self.enter_channel_in(entry, name, from, Scope::All, out);
    }

    /// A server says that a host is in a channel of this age. A rank in a younger
    /// channel than the one that is known here means nothing.
    pub(crate) fn enter_channel_of_age(
        &mut self,
        mut entry: Entry,
        name: &str,
        from: LinkId,
        out: &mut Out,
    ) {
        if self.settle_age(name, entry.founded, from, out) == Age::Younger {
            entry.flags = MemberFlags::NONE;
        }
        // How its founder spells it is a setting.
        let name = &*fold(name);
        self.enter_channel_in(entry, name, Some(from), Scope::All, out);
    }

    pub(super) fn enter_channel_in(
        &mut self,
        entry: Entry,
        name: &str,
        from: Option<LinkId>,
        scope: Scope,
        out: &mut Out,
    ) {
        let Entry {
            host,
            by,
            flags,
            founded,
        } = entry;
        let entered = self
            .network
            .enter_channel(name, host, flags, founded, self.now);
        let kind = match entered {
            Entered::Known => return,
            Entered::Flags(before) => ChannelEventKind::Flags {
                by,
                before,
                after: flags,
            },
            Entered::Member | Entered::First | Entered::Again | Entered::Other => {
                ChannelEventKind::Entered { flags }
            }
        };
        self.publish_in_channel(name, Some(host), kind, scope, from, out);
        match (entered, from) {
            // Elsewhere it has never ended, and may have other settings.
            (Entered::Again, _) => crc::channel::flood_settings(self, name, None, out),
            // Its founder would be an operator: it has existed before, and its settings
            // were not heard here. A channel without settings asks for them.
            (Entered::First, Some(link)) if !flags.operator => {
                crc::channel::send_settings(self, link, name, out);
            }
            (Entered::Other, Some(link)) => crc::channel::send_settings(self, link, name, out),
            _ => {}
        }
    }

    /// A server states the age of a channel. Of two channels with one name the older one
    /// stands: if that is the server's, all ranks and settings that are known here are
    /// void, and the other servers get the age. How the two ages compare.
    pub(crate) fn settle_age(
        &mut self,
        name: &str,
        founded: Founding,
        from: LinkId,
        out: &mut Out,
    ) -> Age {
        let channels = self.network.channels();
        let age = channels.compare_age(name, founded, self.now);
        if age == Age::Same && self.network.lower_age(name, founded) {
            // All have to hold the same time for one founding.
            crc::channel::flood_settings(self, name, Some(from), out);
            // Where it counted as the younger one until now, its ranks are not known.
            let name: Box<str> = fold(name).into();
            self.ranks_due.retain(|(due, _)| *due != name);
            self.ranks_due.push_back((name, None));
            self.continue_ranks(out);
        }
        if age != Age::Older {
            return age;
        }
        let Some(voided) = self.network.adopt_age(name, founded) else {
            return age;
        };
        log::debug!(
            "{name:?}: an older channel stands, founded at {}",
            founded.ms
        );
        // The server that states the age gets it too, and answers with the settings: it
        // may have some from here, from before the channel was founded again.
        crc::channel::flood_settings(self, name, None, out);
        // Every server finds out by itself which settings are void.
        let scope = Scope::AllButServers;
        self.voided.push(VoidedFlags {
            channel: name.into(),
            flags: voided.flags,
            from,
        });
        self.continue_voided(out);
        let unset = Settings::default();
        for (field, setting) in voided.settings.set() {
            let (before, value) = (voided.settings.value(field), unset.value(field));
            if before != value && !is_for_servers(field) {
                let kind = ChannelEventKind::Set {
                    field,
                    version: setting.version,
                    setter: "",
                    before,
                    value,
                };
                self.publish_in_channel(name, None, kind, scope, Some(from), out);
            }
        }
        age
    }

    /// Tells users and servers which members have lost their ranks because an older channel
    /// stands: as many as the work of one event permits, and of the others in later events.
    /// A server that holds the former channel to be the older one does not find out by itself.
    pub(crate) fn continue_voided(&mut self, out: &mut Out) {
        while let Some(voided) = self.voided.first_mut() {
            if self.work.is_spent() {
                self.timers.set(Timer::Voided, self.now + NEXT_EVENT);
                return;
            }
            let Some((host, before)) = voided.flags.pop_first() else {
                self.voided.remove(0);
                continue;
            };
            let (name, from) = (voided.channel.clone(), voided.from);
            let channel = self.network.channels().find(&name);
            // It may have left, or have its rank again.
            let after = channel.and_then(|channel| channel.member(host));
            if let Some(after) = after.filter(|after| *after != before) {
                let kind = ChannelEventKind::Flags {
                    by: None,
                    before,
                    after,
                };
                let scope = Scope::AllButServers;
                self.publish_in_channel(&name, Some(host), kind, scope, Some(from), out);
                crc::channel::flood_rank(self, &name, host, after, out);
            }
        }
    }

    /// Tells all servers the ranks of channels again: as many as the work of one event
    /// permits, and the others in later events.
    pub(crate) fn continue_ranks(&mut self, out: &mut Out) {
        while let Some((name, after)) = self.ranks_due.front_mut() {
            if self.work.is_spent() {
                self.timers.set(Timer::Ranks, self.now + NEXT_EVENT);
                return;
            }
            let channel = self.network.channels().find(name);
            let Some((host, flags)) = channel.and_then(|it| it.ranks_after(*after).next()) else {
                self.ranks_due.pop_front();
                continue;
            };
            *after = Some(host);
            let name = name.clone();
            crc::channel::flood_rank(self, &name, host, flags, out);
        }
    }

    /// A host leaves a channel, or is kicked. A host of this server that may not speak
    /// leaves without a text.
    pub(crate) fn leave_channel(
        &mut self,
        host: HostId,
        by: Option<HostId>,
        name: &str,
        text: &str,
        from: Option<LinkId>,
        out: &mut Out,
    ) {
        let channel = self.network.channels().find(name);
        let Some(channel) = channel.filter(|channel| channel.member(host).is_some()) else {
            return;
        };
        let own_words = by.is_none() && from.is_none() && !text.is_empty();
        let is_silenced = |channel: &Channel| self.is_silenced(host, channel);
        let silenced = own_words && Network::may_speak(host, channel, is_silenced).is_err();
        let text = if silenced { "" } else { text };
        let kind = ChannelEventKind::Left { by, text };
        self.publish_in_channel(name, Some(host), kind, Scope::All, from, out);
        self.network.leave_channel(name, host, self.now);
    }

    /// A host speaks in a channel. `received`: the frame in which that came.
    pub(crate) fn say_in_channel(
        &mut self,
        chat: &ChannelChat<'_>,
        received: Option<&[u8]>,
        from: Option<LinkId>,
        out: &mut Out,
    ) {
        let frame = match received {
            Some(bytes) => Frame::Received(bytes),
            None => Frame::Chat(chat),
        };
        self.counters.channel_chats += 1;
        self.publish_channel_chat(chat, frame, from, out);
    }

    /// A host speaks in a channel, with tags or to some of its members. `received`: the frame in
    /// which that came.
    pub(crate) fn say_tagged(
        &mut self,
        chat: &TaggedChat<'_>,
        channel: &str,
        received: Option<&[u8]>,
        from: Option<LinkId>,
        out: &mut Out,
    ) {
        self.counters.channel_chats += 1;
        self.publish_tagged_chat(chat, channel, received, from, out);
    }

    /// A setting of a channel that exists, which may be new, and the host that makes it
    /// now. If it is newer than the known one, the others get it.
    pub(crate) fn apply_setting(
        &mut self,
        name: &str,
        field: ChannelField,
        set: (Option<HostId>, Setting),
        from: Option<LinkId>,
        out: &mut Out,
    ) {
        self.apply_setting_in(name, field, set, from, Scope::All, out);
    }

    fn apply_setting_in(
        &mut self,
        name: &str,
        field: ChannelField,
        set: (Option<HostId>, Setting),
        from: Option<LinkId>,
        scope: Scope,
        out: &mut Out,
    ) {
        if let Some(channel) = self.network.channels().find(name) {
            let founded = channel.founded();
            self.apply_setting_of_age(name, field, set, founded, from, scope, out);
        }
    }

    /// A server sends a setting of a channel of this age. A setting of a younger channel
    /// than the one that is known here means nothing; one of version 0 states the age
    /// only, and asks for the settings.
    pub(crate) fn apply_setting_from(
        &mut self,
        name: &str,
        field: ChannelField,
        set: (Option<HostId>, Setting),
        founded: Founding,
        from: LinkId,
        out: &mut Out,
    ) {
        match self.settle_age(name, founded, from, out) {
            // The join that founded the older one may not have counted there.
            Age::Younger => crc::channel::send_settings(self, from, name, out),
            Age::Same if set.1.version == 0 => {
                // It asks for the settings. If there are none, it is not asked back.
                let known = self.network.channels().find(name);
                if known.is_some_and(|known| known.settings().set().next().is_some()) {
                    crc::channel::send_settings(self, from, name, out);
                }
            }
            Age::Older if set.1.version == 0 => {}
            Age::Same | Age::Older => {
                let (from, scope) = (Some(from), Scope::All);
                self.apply_setting_of_age(name, field, set, founded, from, scope, out);
            }
        }
    }

    /// A peer that sends an older setting than the known one gets the known one.
    #[expect(clippy::too_many_arguments, reason = "an event has these parts")]
    fn apply_setting_of_age(
        &mut self,
        name: &str,
        field: ChannelField,
        (source, setting): (Option<HostId>, Setting),
        founded: Founding,
        from: Option<LinkId>,
        scope: Scope,
        out: &mut Out,
    ) {
        let known = self.network.channels().find(name);
        let before: Box<str> = known.map_or("", |channel| channel.value(field)).into();
        let applied = self
            .network
            .set_channel(name, field, setting.clone(), founded, self.now);
        match applied {
            Applied::Known => {}
            Applied::Older => {
                if let Some(link) = from {
                    crc::channel::send_setting(self, link, name, field, out);
                }
            }
            Applied::Newer | Applied::Unknown => {
                let value = &*setting.value;
                // A topic that a host sets to the same text again is an event too.
                let again = field == ChannelField::TOPIC && source.is_some() && !value.is_empty();
                let is_event = applied == Applied::Newer && !is_for_servers(field);
                if is_event && (*before != *value || again) {
                    let kind = ChannelEventKind::Set {
                        field,
                        version: setting.version,
                        setter: &setting.setter,
                        before: &before,
                        value,
                    };
                    self.publish_in_channel(name, source, kind, scope, from, out);
                } else {
                    let dated = (source, &setting, founded);
                    crc::channel::flood_setting(self, name, field, dated, from, out);
                }
            }
        }
    }

    /// Who has set something, for people: what users of IRC see of a host, or this
    /// server's name. It is a name on the wire, and the same at all servers: ASCII.
    pub(crate) fn setter_text(&self, source: Option<HostId>) -> String {
        match source {
            Some(id) => {
                let shown = irc::source_of(self, id);
                match shown.split_once('!') {
                    Some((nick, rest)) => format!("{}!{rest}", wire_name(nick)),
                    None => wire_name(&shown).into_owned(),
                }
            }
            None => self.config.name.as_str().to_owned(),
        }
    }

    fn publish_in_channel(
        &mut self,
        name: &str,
        who: Option<HostId>,
        kind: ChannelEventKind<'_>,
        scope: Scope,
        from: Option<LinkId>,
        out: &mut Out,
    ) {
        let event = ChannelEvent {
            channel: name,
            who,
            kind,
            scope,
        };
        self.publish_channel(&event, from, out);
    }
}
