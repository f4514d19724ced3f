//! The fan-out: every change goes to each protocol once, which renders it for its
//! own links. The only place that knows all of them.

use crc_machine::{ByteRange, LinkId};
use crc_wire::{ChannelChat, ChannelField, HostId, Message};

use super::{Context, Out};
use crate::link::Protocol;
use crate::network::{ChannelEvent, ChannelEventKind, HostChange, HostKind, Scope};
use crate::walk::Walk;
use crate::{crc, irc, legacy, work};

/// From this many links on, bytes for a channel's members are deferred, so that more of
/// them go out together: each link costs a system call, however little is sent.
pub(super) const MANY_LINKS: usize = 8;

/// How many links of channels that a host is in are one unit of work to visit.
const LINKS_SEEN: u64 = 4;

/// The frame of a chat in a channel.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Frame<'a> {
    /// It is passed on as it came.
    Received(&'a [u8]),
    /// It is still to be encoded: a user of this server speaks.
    Chat(&'a ChannelChat<'a>),
}

/// Whether a chat in a channel fits where it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    Everywhere,
    /// It is too long for a server behind which members are.
    TooLong,
}

/// One event as each kind of member gets it, rendered when the first one needs it.
#[derive(Default)]
struct RenderCache {
    many: bool,
    frame: Option<ByteRange>,
    irc: [Option<ByteRange>; irc::VARIANTS],
    legacy: Option<ByteRange>,
}

/// Puts bytes for members into the outbox.
pub(super) fn store(many: bool, out: &mut Out, write: impl FnOnce(&mut Vec<u8>)) -> ByteRange {
    if many {
        out.store_deferred(write)
    } else {
        out.store(write)
    }
}

impl RenderCache {
    /// The event for the binary protocol. `chat`: its frame, if it is a chat.
    fn frame(
        &mut self,
        event: &ChannelEvent<'_>,
        chat: Option<Frame<'_>>,
        out: &mut Out,
    ) -> ByteRange {
        let many = self.many;
        *self.frame.get_or_insert_with(|| {
            store(many, out, |arena| match chat {
                Some(Frame::Received(bytes)) => arena.extend_from_slice(bytes),
                Some(Frame::Chat(chat)) => Message::ChannelChat(chat.clone()).encode(arena),
                None => crc::channel::write_for_clients(event, arena),
            })
        })
    }
}

impl Context {
    /// Hands a change of the network's hosts to every protocol.
    pub(super) fn publish_host(&mut self, change: HostChange<'_>, out: &mut Out) {
        let neighbours = self.network.neighbours().len() as u64;
        self.work.charge(work::HOST + work::LINK * neighbours);
        match change {
            HostChange::Joined { id, from, scope } => {
                crc::announce::on_host_joined(self, id, from, out);
                irc::on_host_joined(self, id, out);
                legacy::notify::on_host_joined(self, id, from, scope, out);
            }
            HostChange::Left {
                id,
                text,
                from,
                scope,
            } => {
                irc::on_host_left(self, id, text, out);
                legacy::notify::on_host_left(self, id, text, from, scope, out);
                crc::announce::on_host_left(self, id, text, from, out);
                self.for_each_walk(|walk| walk.forget(id));
            }
            HostChange::Changed {
                id,
                from,
                renamed_from,
                in_ascii,
                is_info_new,
            } => {
                crc::announce::on_host_changed(self, id, from, in_ascii, out);
                if let Some(nicks) = renamed_from {
                    irc::on_host_renamed(self, id, nicks.irc, out);
                    legacy::notify::on_host_renamed(self, id, nicks.legacy, from, out);
                }
                if is_info_new {
                    irc::on_realname_changed(self, id, out);
                }
            }
        }
    }

    /// Hands a chat in a channel to every protocol, but not to the link `from` that it
    /// came from. It goes where members are, and is not flooded as other events are.
    #[inline]
    pub(super) fn publish_channel_chat(
        &mut self,
        chat: &ChannelChat<'_>,
        frame: Frame<'_>,
        from: Option<LinkId>,
        out: &mut Out,
    ) {
        let text = chat.text.as_str();
        let event = ChannelEvent {
            channel: chat.channel.as_str(),
            who: Some(chat.source),
            kind: ChannelEventKind::Said {
                kind: chat.kind,
                text,
            },
            scope: Scope::All,
        };
        if !self.bursting.is_empty() {
            self.announce_speaker((chat.source, chat.channel.as_str()), from, out);
        }
        let refused = match self.congested.is_empty() {
            true => Vec::new(),
            false => {
                let speech = (chat.source, chat.channel.as_str());
                self.refuse_channel_chat(speech, text.len(), from, out)
            }
        };
        if self.render_to_members(event, Some(frame), from, &refused, out) == Fit::TooLong {
            self.bounce_long(chat.source, chat.channel.as_str(), out);
        }
        legacy::notify::on_channel_chat(self, &event, text, from, &refused, out);
    }

    /// Servers whose bursts are under way learn of a member that speaks, before.
    #[cold]
    pub(super) fn announce_speaker(
        &mut self,
        (source, name): (HostId, &str),
        from: Option<LinkId>,
        out: &mut Out,
    ) {
        let Some(channel) = self.network.channels().find(name) else {
            return;
        };
        let links = channel.links().filter(|link| Some(*link) != from);
        let bursts = |link: &LinkId| self.links.find(*link).is_some_and(|it| !it.told.is_all());
        let links: Vec<_> = links.filter(bursts).collect();
        for link in links {
            match self.links.find(link).map(|found| &found.protocol) {
                Some(Protocol::Crc(_)) => {
                    crc::channel::announce_speaker(self, link, name, source, out);
                }
                Some(Protocol::Legacy(_)) => {
                    legacy::notify::announce_speaker(self, link, source, Some(name), out);
                }
                Some(Protocol::Irc(_)) | None => {}
            }
        }
    }

    /// A host speaks to a neighbour whose burst is under way: the neighbour is told of the
    /// host first.
    pub(super) fn announce_early(&mut self, link: LinkId, id: HostId, out: &mut Out) {
        match self.links.find(link).map(|found| &found.protocol) {
            Some(Protocol::Crc(_)) => crc::announce::announce_speaker(self, link, id, out),
            Some(Protocol::Legacy(_)) => {
                legacy::notify::announce_speaker(self, link, id, None, out);
            }
            Some(Protocol::Irc(_)) | None => {}
        }
    }

    /// Hands an event of a channel, but no chat, to every protocol, but not to the link
    /// `from` that it came from.
    pub(super) fn publish_channel(
        &mut self,
        event: &ChannelEvent<'_>,
        from: Option<LinkId>,
        out: &mut Out,
    ) {
        crc::channel::on_event(self, event, from, out);
        legacy::notify::on_channel_event(self, event, from, out);
        self.render_to_members(*event, None, from, &[], out);
        if let ChannelEventKind::Set {
            field: ChannelField::METADATA,
            before,
            value,
            ..
        } = event.kind
        {
            irc::on_channel_metadata(self, event, before, value, out);
        }
        if let ChannelEventKind::Entered { .. } = event.kind {
            irc::on_member_entered(self, event, out);
        }
        if let (ChannelEventKind::Left { .. }, Some(id)) = (event.kind, event.who) {
            self.for_each_walk(|walk| walk.forget_member(event.channel, id));
        }
    }

    /// Changes how far the bursts have come that are under way.
    fn for_each_walk(&mut self, change: impl Fn(&mut Walk)) {
        for link in &self.bursting {
            let found = self.links.find_mut(*link);
            if let Some(walk) = found.and_then(|found| found.told.walk_mut()) {
                change(walk);
            }
        }
    }

    /// Renders an event for the members of the channel that are linked to this server,
    /// each in its own protocol; and a chat for the servers behind which others are, but not to
    /// the links in `refused`.
    #[inline]
    fn render_to_members<'a>(
        &'a self,
        mut event: ChannelEvent<'a>,
        chat: Option<Frame<'_>>,
        from: Option<LinkId>,
        refused: &[LinkId],
        out: &mut Out,
    ) -> Fit {
        let mut fit = Fit::Everywhere;
        let Some(channel) = self.network.channels().find(event.channel) else {
            return fit;
        };
        // As its founder wrote it.
        event.channel = channel.name();
        let event = &event;
        let irc_variants = irc::Variants::of(event);
        self.work.charge(work::LINK * channel.links_len() as u64);
        let mut cache = RenderCache {
            many: channel.links_len() >= MANY_LINKS,
            ..RenderCache::default()
        };
        for link in channel.links() {
            let (Some(neighbour), Some(found)) =
                (self.network.neighbours().find(link), self.links.find(link))
            else {
                continue;
            };
            let own = event.who == Some(neighbour.host);
            // The link that it came from knows it.
            if from == Some(link) && !own || refused.contains(&link) {
                continue;
            }
            let bytes = match &found.protocol {
                Protocol::Crc(session) => {
                    let mut wants =
                        crc::channel::wants(neighbour, session, &found.told, event, own);
                    if let ChannelEventKind::Said { text, .. } = event.kind
                        && wants
                        && !found.takes_text(text.len())
                    {
                        (wants, fit) = (false, Fit::TooLong);
                    }
                    wants.then(|| cache.frame(event, chat, out))
                }
                Protocol::Irc(user) => {
                    let variant = irc_variants.as_ref();
                    let variant = variant.and_then(|variants| variants.choose(user, own, event));
                    variant.map(|variant| {
                        *cache.irc[variant].get_or_insert_with(|| {
                            store(cache.many, out, |arena| {
                                irc::write_event(self, event, variant, arena);
                            })
                        })
                    })
                }
                Protocol::Legacy(_) if neighbour.kind == HostKind::Server => None,
                Protocol::Legacy(_) if own && event.is_chat() => None,
                Protocol::Legacy(_) => Some(*cache.legacy.get_or_insert_with(|| {
                    store(cache.many, out, |arena| {
                        legacy::notify::write_event(self, event, arena);
                    })
                })),
            };
            if let Some(bytes) = bytes {
                out.send_stored(link, bytes);
            }
        }
        fit
    }

    /// The links behind which members are of channels that a host is in, each once.
    pub(crate) fn links_sharing_channel(&self, id: HostId) -> Vec<LinkId> {
        let (mut links, mut seen) = (Vec::new(), Vec::new());
        for channel in self.network.channels().of(id) {
            let visited = channel.links_len() as u64 / LINKS_SEEN;
            self.work.charge(work::LOOKUP + visited);
            for link in channel.links() {
                // A link that is there has its slot for itself.
                if seen.len() <= link.slot() {
                    seen.resize(link.slot() + 1, false);
                }
                if !core::mem::replace(&mut seen[link.slot()], true) {
                    links.push(link);
                }
            }
        }
        self.work.charge(work::LINK * links.len() as u64);
        links.sort_unstable();
        links
    }

    // Single hosts of this server.

    /// Delivers a notice to a host of this server.
    pub(super) fn deliver_notice(
        &mut self,
        source: HostId,
        host: HostId,
        text: &str,
        out: &mut Out,
    ) {
        let Some(link) = self.link_of(host) else {
            return;
        };
        match self.links.find(link).map(|found| &found.protocol) {
            Some(Protocol::Irc(_)) => irc::notice(self, link, source, text, out),
            Some(Protocol::Crc(session)) if session.features.notices => {
                crc::channel::send_notice(self, link, (source, host), text, out);
            }
            _ => self.relay_chat_text(source, host, text, out),
        }
    }

    /// Delivers an invitation to a host of this server; the legacy protocol has none.
    pub(super) fn deliver_invitation(
        &mut self,
        source: HostId,
        host: HostId,
        channel: &str,
        out: &mut Out,
    ) {
        let Some(link) = self.link_of(host) else {
            return;
        };
        match self.links.find(link).map(|found| &found.protocol) {
            Some(Protocol::Irc(_)) => irc::on_invited(self, link, source, channel, out),
            Some(Protocol::Crc(_)) => {
                crc::channel::send_invitation(self, link, source, host, channel, out);
            }
            Some(Protocol::Legacy(_)) | None => {}
        }
    }

    /// The first link to a host.
    pub(crate) fn link_of(&self, id: HostId) -> Option<LinkId> {
        let host = self.network.directory().find(id)?;
        Some(host.first_link())
    }
}
