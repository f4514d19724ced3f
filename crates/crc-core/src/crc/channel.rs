//! Channels: who enters and leaves, what is said, how they are set; and who is
//! told of it (PROTOCOL section 9).
//!
//! Whatever happens in a channel is told to every server that takes channels, once,
//! so that all of them know all channels; but for what is said, which goes only
//! where members are. Members who are linked to us are told in their own words.
//! Only the server of a host says what the host is in a channel; others ask it.

use crc_wire::{
    ChannelChat, ChannelField, ChannelJoin, ChannelName, ChannelPart, ChannelRequest,
    ChannelSetting, ChatKind, HostId, MemberFlags, Message, RequestKind, Status, StatusCode, Text,
};

use crate::admission::is_channel_name;
use crate::context::{Context, Out};
use crate::crc::session::{Lines, Session};
use crate::network::{Applied, Entered, Host, HostKind, Neighbour, PeerVersion, Setting, fold};
use crate::planted::planted;
use crc_machine::ByteRange;
use crc_machine::LinkId;

/// The most bytes of a topic or of another setting that is set here.
pub(crate) const VALUE_BYTES_MAX: usize = 8 * 1024;

/// How many channels somebody who is linked to us may be in.
pub(crate) const CHANNELS_MAX: usize = 250;

/// What has happened in a channel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChannelEvent<'a> {
    /// The channel's name as it is shown.
    pub(crate) channel: &'a str,
    /// Whom it is about: who enters, leaves or speaks, whose flags or who has set
    /// what; `None` if that is not known.
    pub(crate) who: Option<HostId>,
    pub(crate) what: ChannelEventKind<'a>,
}

/// What has happened.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ChannelEventKind<'a> {
    /// Somebody is in the channel now.
    Entered { flags: MemberFlags },
    /// Somebody's flags have changed.
    Flags {
        by: Option<HostId>,
        before: MemberFlags,
        after: MemberFlags,
    },
    /// Somebody leaves the channel, or is put out of it; the member is in it still
    /// while this is told.
    Left { by: Option<HostId>, text: &'a str },
    /// Something is said.
    Said { kind: ChatKind, text: &'a str },
    /// A setting has changed.
    Set {
        field: ChannelField,
        before: &'a str,
        value: &'a str,
    },
}

/// Why somebody does not get into a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAdmitted {
    #[error("no channel can have this name")]
    Name,
    #[error("wrong key")]
    Key,
    #[error("only who is invited gets in")]
    InviteOnly,
    #[error("you are banned")]
    Banned,
    #[error("it is full")]
    Full,
    #[error("you are in too many channels")]
    TooMany,
}

/// One event in the words of each kind of listener, written when the first of
/// them is told.
#[derive(Default)]
struct RenderCache {
    /// There are many to be told.
    many: bool,
    frame: Option<ByteRange>,
    irc: [Option<ByteRange>; crate::irc::VARIATIONS],
    legacy_user: Option<ByteRange>,
}

/// The frame that tells of a event.
#[derive(Clone, Copy)]
pub(crate) enum Frame<'a> {
    /// It has been told already.
    Told(ByteRange),
    /// It is passed on.
    AsItCame(&'a [u8]),
    /// It was said here.
    Of(&'a ChannelChat<'a>),
}

/// From so many listeners on, what is told in a channel may wait a moment for more
/// of its kind: each of them costs a system call, however little there is to tell.
const MANY: usize = 8;

/// Puts words that `many` are told into the outbox.
fn store(many: bool, out: &mut Out, write: impl FnOnce(&mut Vec<u8>)) -> ByteRange {
    if many {
        out.store_deferred(write)
    } else {
        out.store(write)
    }
}

impl RenderCache {
    pub(crate) fn frame(&mut self, frame: Frame<'_>, out: &mut Out) -> ByteRange {
        let many = self.many;
        *self.frame.get_or_insert_with(|| match frame {
            Frame::Told(range) => range,
            Frame::AsItCame(bytes) => store(many, out, |arena| arena.extend_from_slice(bytes)),
            Frame::Of(chat) => store(many, out, |arena| {
                Message::ChannelChat(chat.clone()).encode(arena);
            }),
        })
    }
}

/// Whether somebody who is linked to us may set a channel so.
fn is_value(field: ChannelField, value: &str) -> bool {
    let short = value.len() <= VALUE_BYTES_MAX;
    let word = !value.contains(char::is_whitespace) && !value.starts_with(':');
    let sorted = || value.as_bytes().is_sorted_by(|one, next| one < next);
    short
        && !value.contains(char::is_control)
        && match field {
            ChannelField::TOPIC | ChannelField::BANS => true,
            ChannelField::KEY => word && !value.contains(','),
            ChannelField::MODES => value.bytes().all(|mode| b"imnt".contains(&mode)) && sorted(),
            ChannelField::LIMIT => {
                value.is_empty() || value.parse::<u32>().is_ok_and(|limit| limit > 0)
            }
            _ => false,
        }
}

/// Whether this neighbour is a server that has said that it knows channels.
fn knows_channels(neighbour: &Neighbour, session: &Session) -> bool {
    neighbour.kind == HostKind::Server
        && neighbour.version == PeerVersion::V2
        && session.features.channels
}

/// Whether it is told of them: it has been listed the network.
fn takes_channels(neighbour: &Neighbour, session: &Session) -> bool {
    neighbour.synced && knows_channels(neighbour, session)
}

impl Context {
    /// The time, for people and for versions.
    pub(crate) fn unix_ms(&self) -> u64 {
        self.config.started_at_unix_ms + self.now.as_micros() / 1000
    }

    /// Whether the peer of a link is a server that has said that it knows channels.
    pub(crate) fn knows_channels(&self, link: LinkId) -> bool {
        let neighbour = self.network.neighbours().find(link);
        let session = self.sessions.find(link);
        neighbour
            .zip(session)
            .is_some_and(|(neighbour, session)| knows_channels(neighbour, session))
    }

    /// Whether what a host is in a channel is for us to say: it is linked to us, or
    /// behind a link on which nobody else would.
    pub(crate) fn is_home_of(&self, host: &Host) -> bool {
        let link = host.first_link();
        let neighbour = self.network.neighbours().find(link);
        neighbour.is_some_and(|n| n.host == host.id())
            || self.sessions.find(link).is_some_and(|s| s.lines.is_some())
    }

    // What users that are linked to us do.

    /// Whether a host may enter a channel; `invited` opens most doors.
    pub(crate) fn may_enter(
        &self,
        host: HostId,
        name: &str,
        key: &str,
        invited: bool,
        mask: impl Fn(&str) -> bool,
    ) -> Result<(), NotAdmitted> {
        if !is_channel_name(name) {
            return Err(NotAdmitted::Name);
        }
        let channels = self.network.channels();
        if channels.of(host).count() >= CHANNELS_MAX {
            return Err(NotAdmitted::TooMany);
        }
        let Some(channel) = channels.find(name) else {
            return Ok(());
        };
        if !channel.key().is_empty() && channel.key() != key {
            return Err(NotAdmitted::Key);
        }
        if invited {
            return Ok(());
        }
        if channel.modes().contains('i') {
            return Err(NotAdmitted::InviteOnly);
        }
        let full = |limit| channel.members_len() >= limit as usize;
        if channel.limit().is_some_and(full) {
            return Err(NotAdmitted::Full);
        }
        if channel.bans().any(mask) {
            return Err(NotAdmitted::Banned);
        }
        Ok(())
    }

    /// A host whose home we are enters a channel. The first in it is its operator,
    /// and the channel is set as `modes` and `key` say.
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
        let flags = MemberFlags::NONE.with_operator(known.is_none());
        let name = known.map_or(name, |channel| channel.name()).to_owned();
        // There it is told with its key, and not before it is set.
        self.legacy.hushed = known.is_none();
        match self.enter_channel(host, None, flags, &name, None, out) {
            Entered::First | Entered::Again => self.found_channel(host, &name, key, modes, out),
            _ => {}
        }
        if core::mem::take(&mut self.legacy.hushed) {
            self.legacy_channel_joined(host, &name, None, out);
        }
    }

    /// Sets a channel that a host has founded.
    pub(crate) fn found_channel(
        &mut self,
        host: HostId,
        name: &str,
        key: &str,
        modes: &str,
        out: &mut Out,
    ) {
        for (field, value) in [
            (ChannelField::TOPIC, ""),
            (ChannelField::KEY, key),
            (ChannelField::MODES, modes),
            (ChannelField::LIMIT, ""),
            (ChannelField::BANS, ""),
            (
                ChannelField::NAME,
                if fold(name) == *name { "" } else { name },
            ),
        ] {
            let Some(channel) = self.network.channels().find(name) else {
                return;
            };
            // What was never set need not be told.
            let known = channel.settings().find(field);
            let set = known.is_some_and(|known| known.version != 0);
            if set || channel.value(field) != value {
                self.set_channel(name, field, Some(host), value, out);
            }
        }
    }

    /// A host whose home we are, or we ourselves, set a channel.
    pub(crate) fn set_channel(
        &mut self,
        name: &str,
        field: ChannelField,
        source: Option<HostId>,
        value: &str,
        out: &mut Out,
    ) {
        let version = self
            .network
            .channels()
            .next_version(name, field, self.unix_ms());
        let setting = Setting {
            value: value.into(),
            version,
            source,
        };
        self.apply_setting(name, field, setting, None, out);
    }

    // What happens, wherever it came about.

    /// A host enters a channel, or its flags have changed. Told to all but `from`.
    pub(crate) fn enter_channel(
        &mut self,
        host: HostId,
        by: Option<HostId>,
        flags: MemberFlags,
        name: &str,
        from: Option<LinkId>,
        out: &mut Out,
    ) -> Entered {
        let Some(link) = self.network.directory().find(host).map(Host::first_link) else {
            return Entered::Known;
        };
        let now = self.now;
        let channels = self.network.channels_mut();
        let entered = channels.enter(name, host, flags, link, now);
        let what = match entered {
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
            channel: name_of(name),
        };
        let frame = out.store(|arena| Message::ChannelJoin(join).encode(arena));
        if from.is_none() || !planted!(self, ChannelJoinStops) {
            self.flood_channel_frame(frame, from, out);
        }
        if matches!(what, ChannelEventKind::Entered { .. }) {
            self.legacy_channel_joined(host, name, from, out);
        }
        let who = Some(host);
        self.render_to_members(name, who, what, Frame::Told(frame), from, out);
        if entered == Entered::Again && !planted!(self, ChannelsForgotten) {
            // Elsewhere it has never ended, and may be set otherwise.
            self.flood_settings(name, out);
        }
        entered
    }

    /// A host leaves a channel, or is put out of it. Told to all but `from`.
    pub(crate) fn leave_channel(
        &mut self,
        host: HostId,
        by: Option<HostId>,
        name: &str,
        text: &str,
        from: Option<LinkId>,
        out: &mut Out,
    ) {
        let Some(link) = self.network.directory().find(host).map(Host::first_link) else {
            return;
        };
        let channel = self.network.channels().find(name);
        if channel.is_none_or(|channel| channel.member(host).is_none()) {
            return;
        }
        let part = ChannelPart {
            source: host,
            by,
            channel: name_of(name),
            text: Text::truncated(text),
        };
        let frame = out.store(|arena| Message::ChannelPart(part).encode(arena));
        if from.is_none() || !planted!(self, ChannelPartStops) {
            self.flood_channel_frame(frame, from, out);
        }
        self.legacy_channel_left(host, name, from, out);
        let what = ChannelEventKind::Left { by, text };
        self.render_to_members(name, Some(host), what, Frame::Told(frame), from, out);
        let now = self.now;
        self.network.channels_mut().leave(name, host, link, now);
    }

    /// Something is said in a channel. Goes to all members but those behind `from`,
    /// and not to the speaker, unless the speaker's own words want an echo.
    pub(crate) fn say_in_channel(
        &mut self,
        chat: &ChannelChat<'_>,
        frame: Option<&[u8]>,
        from: Option<LinkId>,
        out: &mut Out,
    ) {
        let frame = match frame {
            Some(bytes) => Frame::AsItCame(bytes),
            None => Frame::Of(chat),
        };
        let what = ChannelEventKind::Said {
            kind: chat.kind,
            text: chat.text.as_str(),
        };
        let name = chat.channel.as_str();
        self.counters.channel_chats += 1;
        self.render_to_members(name, Some(chat.source), what, frame, from, out);
    }

    /// A setting that may be new. What is newer than ours is told to all but
    /// `from`; who has an older one is told ours.
    pub(crate) fn apply_setting(
        &mut self,
        name: &str,
        field: ChannelField,
        setting: Setting,
        from: Option<LinkId>,
        out: &mut Out,
    ) -> Applied {
        let mut setting = setting;
        if planted!(self, ChannelOlderStands) && from.is_some() {
            setting.version = self.network.channels().next_version(name, field, 0);
        }
        let known = self.network.channels().find(name);
        let before: Box<str> = known.map_or("", |channel| channel.value(field)).into();
        let (value, source) = (setting.value.clone(), setting.source);
        let now = self.now;
        let channels = self.network.channels_mut();
        let applied = channels.set(name, field, setting.clone(), now);
        match applied {
            Applied::Known => {}
            Applied::Older => {
                if let Some(link) = from
                    && self.sessions.find(link).is_some_and(|s| s.lines.is_none())
                    && let Some(frame) = self.setting_frame(name, field, out)
                {
                    self.deliver(link, frame, out);
                }
            }
            Applied::Newer | Applied::Unknown => {
                let told = ChannelSetting {
                    source,
                    version: setting.version,
                    field,
                    channel: name_of(name),
                    value: Text::truncated(&value),
                };
                let frame = out.store(|arena| Message::ChannelSetting(told).encode(arena));
                self.flood_channel_frame(frame, from, out);
                // A topic may be said again.
                let again = field == ChannelField::TOPIC && source.is_some() && !value.is_empty();
                if applied == Applied::Newer && (before != value || again) {
                    let what = ChannelEventKind::Set {
                        field,
                        before: &before,
                        value: &value,
                    };
                    self.legacy_channel_set(name, source, field, &value, from, out);
                    self.render_to_members(name, source, what, Frame::Told(frame), from, out);
                }
            }
        }
        applied
    }

    pub(crate) fn setting_frame(
        &self,
        name: &str,
        field: ChannelField,
        out: &mut Out,
    ) -> Option<ByteRange> {
        let channel = self.network.channels().find(name)?;
        let setting = channel.settings().find(field)?;
        let told = setting_of(channel.name(), field, setting);
        Some(out.store(|arena| told.encode(arena)))
    }

    /// Tells all servers how a channel is set.
    pub(crate) fn flood_settings(&mut self, name: &str, out: &mut Out) {
        let Some(channel) = self.network.channels().find(name) else {
            return;
        };
        let frames = out.store(|arena| {
            for (field, setting) in channel.settings().set() {
                setting_of(channel.name(), field, setting).encode(arena);
            }
        });
        self.flood_channel_frame(frames, None, out);
    }

    /// Everything about channels, for a server that is listed the network, if it
    /// takes channels.
    pub(crate) fn channel_burst(&self, link: LinkId, out: &mut Out) -> Option<ByteRange> {
        if !self.knows_channels(link) || planted!(self, ChannelsUnlisted) {
            return None;
        }
        let unset = planted!(self, ChannelsUnset);
        let directory = self.network.directory();
        Some(out.store(|arena| {
            for channel in self.network.channels().iter() {
                let here = channel.members().filter(|(id, _)| {
                    let host = directory.find(*id);
                    host.is_some_and(|host| host.first_link() != link)
                });
                for (source, flags) in here {
                    let join = ChannelJoin {
                        source,
                        by: None,
                        flags,
                        channel: name_of(channel.name()),
                    };
                    Message::ChannelJoin(join).encode(arena);
                }
                for (field, setting) in channel.settings().set().filter(|_| !unset) {
                    setting_of(channel.name(), field, setting).encode(arena);
                }
            }
        }))
    }

    /// Sends a frame to all servers that take channels, but for `from`.
    pub(crate) fn flood_channel_frame(
        &mut self,
        frame: ByteRange,
        from: Option<LinkId>,
        out: &mut Out,
    ) {
        for (link, neighbour) in self.network.neighbours().iter() {
            if neighbour.kind == HostKind::Server
                && Some(link) != from
                && let Some(session) = self.sessions.find_mut(link)
                && takes_channels(neighbour, session)
            {
                session.deliver(link, frame, out);
            }
        }
    }

    /// Tells those members of a channel who are linked to us what has happened, in
    /// their own words; and if it was said, the servers behind which others are.
    pub(crate) fn render_to_members(
        &mut self,
        name: &str,
        who: Option<HostId>,
        what: ChannelEventKind<'_>,
        frame: Frame<'_>,
        from: Option<LinkId>,
        out: &mut Out,
    ) {
        let Some(channel) = self.network.channels().find(name) else {
            return;
        };
        let event = ChannelEvent {
            channel: channel.name(),
            who,
            what,
        };
        let said = matches!(what, ChannelEventKind::Said { .. });
        let mut cache = RenderCache {
            many: channel.links_len() >= MANY,
            ..RenderCache::default()
        };
        for link in channel.links() {
            let (Some(neighbour), Some(session)) = (
                self.network.neighbours().find(link),
                self.sessions.find(link),
            ) else {
                continue;
            };
            let own = who == Some(neighbour.host);
            let words = match &session.lines {
                // Where it came from, it is known.
                _ if from == Some(link) && !own && !planted!(self, ChannelChatBack) => None,
                None if neighbour.kind == HostKind::Server => {
                    let stops = from.is_some() && planted!(self, ChannelChatStops);
                    let takes = said && !stops && takes_channels(neighbour, session);
                    takes.then(|| cache.frame(frame, out))
                }
                // Who enters is told apart, and who speaks knows it.
                None if own
                    && matches!(
                        what,
                        ChannelEventKind::Entered { .. } | ChannelEventKind::Said { .. }
                    ) =>
                {
                    None
                }
                None if !session.features.channels => None,
                None => Some(cache.frame(frame, out)),
                Some(Lines::Irc(user)) => {
                    let variation = self.irc_variation(user, own, &what);
                    variation.map(|variation| {
                        *cache.irc[variation].get_or_insert_with(|| {
                            let write = |arena: &mut _| self.write_irc(&event, variation, arena);
                            store(cache.many, out, write)
                        })
                    })
                }
                Some(Lines::Legacy(_)) if neighbour.kind == HostKind::Server => None,
                Some(Lines::Legacy(_)) if own && said => None,
                Some(Lines::Legacy(_)) => Some(*cache.legacy_user.get_or_insert_with(|| {
                    store(cache.many, out, |arena| {
                        self.write_legacy(&event, arena);
                    })
                })),
            };
            if let Some(words) = words {
                out.send_stored(link, words);
            }
        }
        if said {
            self.legacy_channel_said(name, who, what, from, out);
        }
    }

    // Requests: one host wants something of another, whose server answers.

    /// Passes a request on towards its destination, or deals with it.
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
        let link = host.first_link();
        let takes = match (
            self.network.neighbours().find(link),
            self.sessions.find(link),
        ) {
            (Some(neighbour), Some(session)) => takes_channels(neighbour, session),
            _ => false,
        };
        if takes {
            let frame = out.store(|arena| Message::ChannelRequest(request.clone()).encode(arena));
            self.deliver(link, frame, out);
        } else if request.kind == RequestKind::NOTICE {
            // Those who know no notices are told by a chat.
            self.relay_chat_text(request.source, host.id(), request.text.as_str(), out);
        } else {
            self.counters.dropped += 1;
        }
    }

    /// Deals with a request that concerns a host whose home we are.
    pub(crate) fn execute_request(&mut self, request: &ChannelRequest<'_>, out: &mut Out) {
        let Some(host) = request.destination else {
            return;
        };
        let source = request.source;
        let channel = request.channel.as_ref().map_or("", |name| name.as_str());
        let text = request.text.as_str();
        let known = self.network.channels().find(channel);
        let flags = known.and_then(|channel| channel.member(host));
        let user_ref = known.and_then(|channel| channel.member(source));
        let may = user_ref.is_some_and(|flags| flags.operator);
        let with = |operator: Option<bool>, voice: Option<bool>| {
            flags.map(|flags| {
                flags
                    .with_operator(operator.unwrap_or(flags.operator))
                    .with_voice(voice.unwrap_or(flags.voice))
            })
        };
        let changed = match request.kind {
            RequestKind::NOTICE => return self.deliver_notice(source, host, text, out),
            RequestKind::INVITE
                if !channel.is_empty() && (user_ref.is_some() || known.is_none()) =>
            {
                let name = known.map_or(channel, |channel| channel.name()).to_owned();
                return self.deliver_invitation(source, host, &name, out);
            }
            _ if !may => {
                self.counters.dropped += 1;
                return;
            }
            // There it would still be in, and speak.
            RequestKind::KICK if self.is_behind_text_server(host) => None,
            RequestKind::KICK => {
                let name = channel.to_owned();
                return self.leave_channel(host, Some(source), &name, text, None, out);
            }
            RequestKind::OP => with(Some(true), None),
            RequestKind::DEOP => with(Some(false), None),
            RequestKind::VOICE => with(None, Some(true)),
            RequestKind::DEVOICE => with(None, Some(false)),
            _ => None,
        };
        match changed {
            Some(flags) => {
                self.enter_channel(host, Some(source), flags, channel, None, out);
            }
            None => self.counters.dropped += 1,
        }
    }

    // Frames from servers.

    /// Whether a server is believed what it says of channels: it has said that it
    /// knows them, and the host is behind it.
    pub(crate) fn is_authoritative(&mut self, link: LinkId, source: Option<HostId>) -> bool {
        let behind = source.is_none_or(|id| self.network.is_behind(id, link));
        if self.knows_channels(link) && behind {
            return true;
        }
        self.counters.dropped += 1;
        false
    }

    /// What a server says of channels.
    pub(crate) fn on_server_channel(
        &mut self,
        link: LinkId,
        message: &Message<'_>,
        bytes: &[u8],
        out: &mut Out,
    ) {
        match message {
            Message::ChannelJoin(join) => {
                let client = self.network.directory().find(join.source);
                let client = client.is_some_and(|host| host.kind() == HostKind::Client);
                if client && self.is_authoritative(link, Some(join.source)) {
                    let name = join.channel.as_str();
                    self.enter_channel(join.source, join.by, join.flags, name, Some(link), out);
                }
            }
            Message::ChannelPart(part) if self.is_authoritative(link, Some(part.source)) => {
                let (name, text) = (part.channel.as_str(), part.text.as_str());
                self.leave_channel(part.source, part.by, name, text, Some(link), out);
            }
            Message::ChannelChat(chat) if self.is_authoritative(link, Some(chat.source)) => {
                self.say_in_channel(chat, Some(bytes), Some(link), out);
            }
            Message::ChannelSetting(set) if self.is_authoritative(link, None) => {
                let setting = Setting {
                    value: set.value.as_str().into(),
                    version: set.version,
                    source: set.source,
                };
                self.apply_setting(set.channel.as_str(), set.field, setting, Some(link), out);
            }
            Message::ChannelRequest(request)
                if self.is_authoritative(link, Some(request.source)) =>
            {
                self.channel_request(request, out);
            }
            _ => {}
        }
    }

    // Frames from clients of ours.

    /// What a client wants of channels; it speaks in its own name.
    pub(crate) fn on_client_channel(&mut self, link: LinkId, message: &Message<'_>, out: &mut Out) {
        let Some(host) = self.network.neighbours().find(link).map(|n| n.host) else {
            return;
        };
        match message {
            Message::ChannelRequest(request) => self.on_channel_command(link, host, request, out),
            Message::ChannelPart(part) => {
                let (name, text) = (part.channel.as_str(), part.text.as_str());
                if self.require_member(host, name, out) {
                    self.leave_channel(host, None, name, text, None, out);
                }
            }
            Message::ChannelChat(chat) if self.require_member(host, chat.channel.as_str(), out) => {
                self.say_in_channel(chat, None, None, out);
            }
            Message::ChannelSetting(set) => {
                let (name, value) = (set.channel.as_str(), set.value.as_str());
                if !self.require_member(host, name, out) {
                    return;
                }
                let channel = self.network.channels().find(name);
                let flags = channel.and_then(|channel| channel.member(host));
                let operator = flags.is_some_and(|flags| flags.operator);
                let free = channel.is_some_and(|channel| !channel.modes().contains('t'));
                if !is_value(set.field, value) {
                    self.refuse(host, name, "it can't be set so", out);
                } else if operator || set.field == ChannelField::TOPIC && free {
                    self.set_channel(name, set.field, Some(host), value, out);
                } else {
                    self.refuse(host, name, "only its operators may do this", out);
                }
            }
            _ => {}
        }
    }

    pub(crate) fn on_channel_command(
        &mut self,
        link: LinkId,
        host: HostId,
        request: &ChannelRequest<'_>,
        out: &mut Out,
    ) {
        let name = request.channel.as_ref().map_or("", |name| name.as_str());
        match request.kind {
            RequestKind::JOIN => {
                let mask = self.masks(host);
                let key = request.text.as_str();
                if let Err(why) = self.may_enter(host, name, key, false, mask) {
                    return self.refuse(host, name, &why.to_string(), out);
                }
                if !is_value(ChannelField::KEY, key) {
                    return self.refuse(host, name, "no channel can have this key", out);
                }
                self.join_channel(host, name, key, "n", out);
                self.send_channel_to(link, host, name, out);
            }
            RequestKind::NAMES => {
                let Some(channel) = self.network.channels().find(name) else {
                    return self.refuse(host, name, "there is no such channel", out);
                };
                let mut text = channel.name().to_owned();
                for (id, _) in channel.members() {
                    text.push(' ');
                    text.push_str(&self.nick_of(id));
                }
                self.send_channel_status(host, StatusCode::CHANNEL_NAMES, &text, out);
            }
            _ if request.destination.is_some() => self.channel_request(request, out),
            _ => self.counters.dropped += 1,
        }
    }

    /// Shows a channel to a client that has entered it: its members, how it is set,
    /// and at last the client itself.
    pub(crate) fn send_channel_to(
        &mut self,
        link: LinkId,
        host: HostId,
        name: &str,
        out: &mut Out,
    ) {
        let Some(channel) = self.network.channels().find(name) else {
            return;
        };
        let frames = out.store(|arena| {
            let member = |source, flags| {
                Message::ChannelJoin(ChannelJoin {
                    source,
                    by: None,
                    flags,
                    channel: name_of(channel.name()),
                })
            };
            for (source, flags) in channel.members().filter(|(id, _)| *id != host) {
                member(source, flags).encode(arena);
            }
            for (field, setting) in channel.settings().set() {
                setting_of(channel.name(), field, setting).encode(arena);
            }
            if let Some(flags) = channel.member(host) {
                member(host, flags).encode(arena);
            }
        });
        self.deliver(link, frames, out);
    }

    pub(crate) fn require_member(&mut self, host: HostId, name: &str, out: &mut Out) -> bool {
        let channel = self.network.channels().find(name);
        let member = channel.is_some_and(|channel| channel.member(host).is_some());
        if !member {
            self.refuse(host, name, "you are not in it", out);
        }
        member
    }

    pub(crate) fn refuse(&mut self, host: HostId, name: &str, why: &str, out: &mut Out) {
        let text = format!("{name}: {why}");
        self.send_channel_status(host, StatusCode::CHANNEL_REFUSED, &text, out);
    }

    pub(crate) fn send_channel_status(
        &mut self,
        host: HostId,
        code: StatusCode,
        text: &str,
        out: &mut Out,
    ) {
        let Some(link) = self.network.directory().find(host).map(Host::first_link) else {
            return;
        };
        let status = Status {
            source: Some(self.config.id),
            destination: Some(host),
            code,
            text: Text::truncated(text),
        };
        self.send_status(link, &status, out);
    }

    /// A notice for a host whose home we are.
    pub(crate) fn deliver_notice(
        &mut self,
        source: HostId,
        host: HostId,
        text: &str,
        out: &mut Out,
    ) {
        let Some(link) = self.network.directory().find(host).map(Host::first_link) else {
            return;
        };
        match self.sessions.find(link).map(|session| &session.lines) {
            Some(Some(Lines::Irc(_))) => self.irc_notice(link, source, text, out),
            _ => self.relay_chat_text(source, host, text, out),
        }
    }

    /// An invitation for a host whose home we are.
    pub(crate) fn deliver_invitation(
        &mut self,
        source: HostId,
        host: HostId,
        name: &str,
        out: &mut Out,
    ) {
        let Some(link) = self.network.directory().find(host).map(Host::first_link) else {
            return;
        };
        let Some(session) = self.sessions.find(link) else {
            return;
        };
        match &session.lines {
            Some(Lines::Irc(_)) => self.irc_invited(link, source, name, out),
            Some(Lines::Legacy(_)) => {}
            None if session.features.channels => {
                let request = ChannelRequest {
                    source,
                    destination: Some(host),
                    kind: RequestKind::INVITE,
                    channel: Some(name_of(name)),
                    text: Text::default(),
                };
                let frame = out.store(|arena| Message::ChannelRequest(request).encode(arena));
                self.deliver(link, frame, out);
            }
            None => {}
        }
    }
}

/// The name of a channel that is known, as frames have it.
fn name_of(name: &str) -> ChannelName<'_> {
    ChannelName::new(name).expect("a channel with a name that does not fit is not entered")
}

/// The frame that tells of a setting.
fn setting_of<'a>(channel: &'a str, field: ChannelField, setting: &'a Setting) -> Message<'a> {
    Message::ChannelSetting(ChannelSetting {
        source: setting.source,
        version: setting.version,
        field,
        channel: name_of(channel),
        value: Text::truncated(&setting.value),
    })
}
