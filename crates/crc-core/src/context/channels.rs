//! The operations on channels: each changes the network once, and hands the event to
//! every protocol.
//!
//! Only a host's own server changes the host's membership and flags; other servers send
//! that server a request. Any server may change a setting, which carries a version
//! (PROTOCOL section 9).

use crc_machine::LinkId;
use crc_wire::{
    ChannelChat, ChannelField, ChannelJoin, ChannelPart, ChannelRequest, HostId, MemberFlags,
    Message, RequestKind, Text,
};

use super::fan_out::Frame;
use super::{Context, Out};
use crate::crc::channel::{channel_name, setting_message};
use crate::network::{
    Applied, ChannelEvent, ChannelEventKind, Entered, Rules, Scope, Setting, fold,
};
use crate::{crc, legacy};

impl Context {
    // Actions of hosts of this server.

    /// A host of this server enters a channel. The first one in it is its operator, and
    /// sets it as `modes` and `key` say.
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
        let is_new = known.is_none();
        let flags = MemberFlags::NONE.with_operator(is_new);
        let name = known.map_or(name, |channel| channel.name()).to_owned();
        // The legacy network gets a new channel with its key, once it is set.
        let scope = match is_new {
            true => Scope::AllButLegacy,
            false => Scope::All,
        };
        match self.enter_channel_in(host, None, flags, &name, None, scope, out) {
            Entered::First | Entered::Again => self.found_channel(host, &name, key, modes, out),
            _ => {}
        }
        if is_new {
            legacy::notify::on_channel_joined(self, host, &name, None, out);
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
        ] {
            let Some(channel) = self.network.channels().find(name) else {
                return;
            };
            // A field that was never set has its default without being set.
            let known = channel.settings().find(field);
            let set = known.is_some_and(|known| known.version != 0);
            if set || channel.value(field) != value {
                let setting = self.new_setting(name, field, Some(host), value);
                self.apply_setting_in(name, field, setting, None, Scope::AllButLegacy, out);
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
        self.apply_setting(name, field, setting, None, out);
    }

    /// A setting that is newer than the known one.
    fn new_setting(
        &self,
        name: &str,
        field: ChannelField,
        source: Option<HostId>,
        value: &str,
    ) -> Setting {
        let channels = self.network.channels();
        Setting {
            value: value.into(),
            version: channels.next_version(name, field, self.unix_ms()),
            source,
        }
    }

    // Changes, from this server or another one.

    /// A host enters a channel, or its flags have changed.
    pub(crate) fn enter_channel(
        &mut self,
        host: HostId,
        by: Option<HostId>,
        flags: MemberFlags,
        name: &str,
        from: Option<LinkId>,
        out: &mut Out,
    ) -> Entered {
        self.enter_channel_in(host, by, flags, name, from, Scope::All, out)
    }

    #[expect(clippy::too_many_arguments, reason = "an event has these parts")]
    pub(super) fn enter_channel_in(
        &mut self,
        host: HostId,
        by: Option<HostId>,
        flags: MemberFlags,
        name: &str,
        from: Option<LinkId>,
        scope: Scope,
        out: &mut Out,
    ) -> Entered {
        let entered = self.network.enter_channel(name, host, flags, self.now);
        let kind = match entered {
            Entered::Known => return entered,
            Entered::Flags(before) => ChannelEventKind::Flags {
                by,
                before,
                after: flags,
            },
            Entered::Member | Entered::First | Entered::Again => {
                ChannelEventKind::Entered { flags }
            }
        };
        let join = ChannelJoin {
            source: host,
            by,
            flags,
            channel: channel_name(name),
        };
        let frame = out.store(|arena| Message::ChannelJoin(join).encode(arena));
        self.publish_in_channel(
            name,
            Some(host),
            kind,
            scope,
            Frame::Stored(frame),
            from,
            out,
        );
        if entered == Entered::Again {
            // Elsewhere it has never ended, and may have other settings.
            crc::channel::flood_settings(self, name, out);
        }
        entered
    }

    /// A host leaves a channel, or is kicked.
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
        if channel.is_none_or(|channel| channel.member(host).is_none()) {
            return;
        }
        let part = ChannelPart {
            source: host,
            by,
            channel: channel_name(name),
            text: Text::truncated(text),
        };
        let frame = out.store(|arena| Message::ChannelPart(part).encode(arena));
        let kind = ChannelEventKind::Left { by, text };
        let frame = Frame::Stored(frame);
        self.publish_in_channel(name, Some(host), kind, Scope::All, frame, from, out);
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

    /// Applies a setting. If it is newer than the known one, the others get it. A peer
    /// that sends an older one gets the known one.
    pub(crate) fn apply_setting(
        &mut self,
        name: &str,
        field: ChannelField,
        setting: Setting,
        from: Option<LinkId>,
        out: &mut Out,
    ) {
        self.apply_setting_in(name, field, setting, from, Scope::All, out);
    }

    fn apply_setting_in(
        &mut self,
        name: &str,
        field: ChannelField,
        setting: Setting,
        from: Option<LinkId>,
        scope: Scope,
        out: &mut Out,
    ) {
        let known = self.network.channels().find(name);
        let before: Box<str> = known.map_or("", |channel| channel.value(field)).into();
        let applied = self
            .network
            .set_channel(name, field, setting.clone(), self.now);
        match applied {
            Applied::Known => {}
            Applied::Older => {
                if let Some(link) = from {
                    crc::channel::send_setting(self, link, name, field, out);
                }
            }
            Applied::Newer | Applied::Unknown => {
                let message = setting_message(name, field, &setting);
                let frame = out.store(|arena| message.encode(arena));
                let value = &*setting.value;
                let source = setting.source;
                // A topic that is set to the same text again is an event too.
                let again = field == ChannelField::TOPIC && source.is_some() && !value.is_empty();
                if applied == Applied::Newer && (*before != *value || again) {
                    let kind = ChannelEventKind::Set {
                        field,
                        before: &before,
                        value,
                    };
                    let frame = Frame::Stored(frame);
                    self.publish_in_channel(name, source, kind, scope, frame, from, out);
                } else {
                    crc::channel::flood(self, frame, from, out);
                }
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "an event has these parts")]
    fn publish_in_channel(
        &mut self,
        name: &str,
        who: Option<HostId>,
        kind: ChannelEventKind<'_>,
        scope: Scope,
        frame: Frame<'_>,
        from: Option<LinkId>,
        out: &mut Out,
    ) {
        let event = ChannelEvent {
            channel: name,
            who,
            kind,
            scope,
        };
        self.publish_channel(&event, frame, from, out);
    }

    // Requests about a host, which the host's own server executes or drops.

    /// Passes a request on towards its destination, or executes it.
    pub(crate) fn channel_request(&mut self, request: &ChannelRequest<'_>, out: &mut Out) {
        let Some(host) = request
            .destination
            .and_then(|id| self.network.directory().find(id))
        else {
            self.counters.dropped += 1;
            return;
        };
        if self.is_home_of(host) {
            return self.execute_request(request, out);
        }
        let (id, link) = (host.id(), host.first_link());
        if crc::channel::takes_channels(self, link) {
            let frame = out.store(|arena| Message::ChannelRequest(request.clone()).encode(arena));
            self.deliver(link, frame, out);
        } else if request.kind == RequestKind::NOTICE {
            // A server that knows no notices gets a chat.
            self.relay_chat_text(request.source, id, request.text.as_str(), out);
        } else {
            self.counters.dropped += 1;
        }
    }

    /// Executes a request that concerns a host of this server.
    fn execute_request(&mut self, request: &ChannelRequest<'_>, out: &mut Out) {
        let Some(host) = request.destination else {
            return;
        };
        let source = request.source;
        let name = request.channel.as_ref().map_or("", |name| name.as_str());
        let text = request.text.as_str();
        match request.kind {
            RequestKind::NOTICE => return self.deliver_notice(source, host, text, out),
            RequestKind::INVITE
                if self
                    .network
                    .may_invite(source, host, name, Rules::Crc)
                    .is_ok() =>
            {
                let known = self.network.channels().find(name);
                let name = known.map_or(name, |channel| channel.name()).to_owned();
                return self.deliver_invitation(source, host, &name, out);
            }
            _ => {}
        }
        let may = self.network.may_kick(source, name).is_ok();
        let known = self.network.channels().find(name);
        let flags = known.and_then(|channel| channel.member(host));
        let changed = flags.filter(|_| may).and_then(|mut flags| {
            match request.kind {
                RequestKind::OP => flags.operator = true,
                RequestKind::DEOP => flags.operator = false,
                RequestKind::VOICE => flags.voice = true,
                RequestKind::DEVOICE => flags.voice = false,
                _ => return None,
            }
            Some(flags)
        });
        match (request.kind, changed) {
            // A host behind a text server would stay in its channel there, and speak.
            (RequestKind::KICK, _) if may && !self.is_behind_text_server(host) => {
                let name = name.to_owned();
                self.leave_channel(host, Some(source), &name, text, None, out);
            }
            (_, Some(flags)) => {
                self.enter_channel(host, Some(source), flags, name, None, out);
            }
            (_, None) => self.counters.dropped += 1,
        }
    }
}
