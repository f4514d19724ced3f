//! Chats with tags, and chats to members of a channel with a rank (PROTOCOL section 9): the way
//! of such a chat through the network. Where a node on the way does not take one, it becomes an
//! ordinary chat; what is for members with a rank only, and tags alone, are dropped there.
//!
//! Ordinary chats do not come here: their way is in `fan_out` and `send`, and stays short.

use crc_machine::{ByteRange, LinkId};
use crc_wire::{
    Audience, ChannelChat, ChannelRequest, ChatKind, Message, RequestKind, TaggedChat, TaggedKind,
};

use super::fan_out::{MANY_LINKS, store};
use super::{Context, Out};
use crate::link::{Phase, Protocol};
use crate::network::{
    ChannelEvent, ChannelEventKind, HostKind, MessageId, Recipient, Route, Scope,
};
use crate::{crc, irc, legacy, work};

/// How a chat in a channel has come here, and to whom it goes.
struct Heard<'a> {
    /// The frame, and the link that it came over.
    received: Option<&'a [u8]>,
    from: Option<LinkId>,
    /// The links that are too slow for it.
    refused: &'a [LinkId],
    /// Whether the users of this server get it. Other servers decide for theirs.
    is_shown: bool,
}

/// A chat as each kind of member gets it, rendered when the first one needs it.
#[derive(Default)]
struct TaggedCache {
    tagged: Option<ByteRange>,
    plain: Option<ByteRange>,
    irc: [Option<ByteRange>; irc::TAGGED_VARIANTS],
    legacy: Option<ByteRange>,
}

impl Context {
    /// Hands a chat in a channel to every protocol, but not to the link `from` that it came from.
    pub(super) fn publish_tagged_chat(
        &mut self,
        chat: &TaggedChat<'_>,
        name: &str,
        received: Option<&[u8]>,
        from: Option<LinkId>,
        out: &mut Out,
    ) {
        if !self.bursting.is_empty() {
            self.announce_speaker((chat.source, name), from, out);
        }
        let is_shown = self.remember_or_redact(chat);
        let text = chat.text.as_str();
        let refused = match self.congested.is_empty() {
            true => Vec::new(),
            false => {
                let bytes = text.len() + chat.tags.as_str().len();
                self.refuse_channel_chat((chat.source, name), bytes, from, out)
            }
        };
        let heard = Heard {
            received,
            from,
            refused: &refused,
            is_shown,
        };
        let fits = self.render_tagged(chat, name, &heard, out);
        if !fits && chat.kind == TaggedKind::Message {
            self.bounce_long(chat.source, name, out);
        }
        if let Some(event) = plain_event(chat, name).filter(|_| chat.audience == Audience::All) {
            legacy::notify::on_channel_chat(self, &event, text, from, &refused, out);
        }
    }

    /// Renders a chat for the members of the channel that are linked to this server and may get
    /// it, and for the servers behind which others are. Whether it fits where it went.
    fn render_tagged(
        &self,
        chat: &TaggedChat<'_>,
        name: &str,
        heard: &Heard<'_>,
        out: &mut Out,
    ) -> bool {
        let Some(channel) = self.network.channels().find(name) else {
            return true;
        };
        self.work.charge(work::LINK * channel.links_len() as u64);
        let shown = channel.name();
        let plain = plain_event(chat, shown);
        // Who gets tags alone is asked as for a text.
        let speech = plain.unwrap_or(ChannelEvent {
            channel: shown,
            who: Some(chat.source),
            kind: ChannelEventKind::Said {
                kind: ChatKind::Message,
                text: "",
            },
            scope: Scope::All,
        });
        let many = channel.links_len() >= MANY_LINKS;
        let is_for = |host| {
            let rank = || channel.member(host).unwrap_or_default();
            chat.audience == Audience::All || chat.audience.includes(rank())
        };
        let (mut cache, mut fits) = (TaggedCache::default(), true);
        for link in channel.links() {
            let (Some(neighbour), Some(found)) =
                (self.network.neighbours().find(link), self.links.find(link))
            else {
                continue;
            };
            let own = chat.source == neighbour.host;
            if heard.from == Some(link) && !own || heard.refused.contains(&link) {
                continue;
            }
            let is_server = neighbour.kind == HostKind::Server;
            if !is_server && !heard.is_shown {
                continue;
            }
            if !is_server && !own && !is_for(neighbour.host) {
                continue;
            }
            let bytes = match &found.protocol {
                Protocol::Crc(session) => {
                    let wants = crc::channel::wants(neighbour, session, &found.told, &speech, own);
                    let takes_tags = is_server && session.features.tags;
                    // An old server would give it to all members.
                    let is_lost = plain.is_none() || is_server && chat.audience != Audience::All;
                    if !wants || !takes_tags && is_lost {
                        None
                    } else if !found.takes_text(chat.text.as_str().len()) {
                        fits = false;
                        None
                    } else if takes_tags {
                        Some(*cache.tagged.get_or_insert_with(|| {
                            store(many, out, |arena| match heard.received {
                                Some(frame) => arena.extend_from_slice(frame),
                                None => Message::TaggedChat(chat.clone()).encode(arena),
                            })
                        }))
                    } else {
                        Some(*cache.plain.get_or_insert_with(|| {
                            store(many, out, |arena| write_plain(chat, shown, arena))
                        }))
                    }
                }
                Protocol::Irc(user) => irc::tagged_variant_for(user, own, chat).map(|variant| {
                    *cache.irc[variant].get_or_insert_with(|| {
                        store(many, out, |arena| {
                            irc::write_tagged(self, chat, shown, variant, arena);
                        })
                    })
                }),
                Protocol::Legacy(_) if is_server || own || chat.audience != Audience::All => None,
                Protocol::Legacy(_) => plain.map(|event| {
                    *cache.legacy.get_or_insert_with(|| {
                        store(many, out, |arena| {
                            legacy::notify::write_event(self, &event, arena);
                        })
                    })
                }),
            };
            if let Some(bytes) = bytes {
                out.send_stored(link, bytes);
            }
        }
        fits
    }

    /// A chat for one client, which came over the link `from`: passes it on, or delivers it.
    pub(crate) fn tagged_message(&mut self, chat: &TaggedChat<'_>, from: LinkId, out: &mut Out) {
        let Some(id) = chat.destination else {
            return;
        };
        let is_answered = chat.kind == TaggedKind::Message;
        let route = self.network.route_chat(from, Some(id));
        let link = match route {
            Route::To(link) => self.links.find(link).map(|found| (link, found)),
            Route::Unknown => None,
        };
        let Some((link, found)) = link.filter(|(_, found)| found.phase != Phase::Closing) else {
            match is_answered {
                true => self.bounce(chat.source, Some(id), out),
                false => self.counters.dropped += 1,
            }
            return;
        };
        let is_here = matches!(found.protocol, Protocol::Irc(_));
        let is_from_here = || {
            let sender = self.links.find(from);
            sender.is_some_and(|sender| matches!(sender.protocol, Protocol::Irc(_)))
        };
        let is_shown = !(is_here || is_from_here()) || self.remember_or_redact(chat);
        if is_here {
            self.counters.chats_relayed += 1;
            return match is_shown {
                true => irc::deliver_tagged(self, link, chat, out),
                false => self.counters.dropped += 1,
            };
        }
        let Some(found) = self.links.find(link) else {
            return;
        };
        if !crc::channel::takes_tags(self, link) {
            return self.untagged_message(chat, out);
        }
        let (to, text_bytes) = (format!("ID {id}"), chat.text.as_str().len());
        if !found.takes_text(text_bytes) {
            return self.bounce_long(chat.source, &to, out);
        }
        let bytes = text_bytes + chat.tags.as_str().len();
        if found.congestion.is_some() && !self.admit_chat(link, chat.source, &to, bytes, out) {
            return;
        }
        if self.links.find(link).is_some_and(|found| found.detour) {
            self.announce_early(link, chat.source, out);
        }
        let frame = out.store(|arena| Message::TaggedChat(chat.clone()).encode(arena));
        self.deliver(link, frame, out);
        self.counters.chats_relayed += 1;
    }

    /// A chat with tags is about to be shown to users of this server: one with an id is
    /// remembered, and a redaction ends that. Returns whether they may see it.
    ///
    /// A redaction is judged again at each server. One of a message that is not remembered is
    /// not shown: the author is not known then.
    fn remember_or_redact(&mut self, chat: &TaggedChat<'_>) -> bool {
        if chat.kind != TaggedKind::Redaction {
            self.network.remember_message(chat);
            return true;
        }
        let (id, recipient) = (redacted(chat), Recipient::of(chat));
        let (Some(id), Some(recipient)) = (id, recipient) else {
            return false;
        };
        let message = self.network.may_redact(chat.source, id, &recipient);
        let may = message.is_ok_and(|message| message.audience == chat.audience);
        if may {
            self.network.forget_message(id);
        }
        may
    }

    /// The next node on the way of a chat for one client takes no tags.
    fn untagged_message(&mut self, chat: &TaggedChat<'_>, out: &mut Out) {
        let (Some(id), text) = (chat.destination, chat.text.as_str()) else {
            return;
        };
        match chat.kind {
            TaggedKind::Message => self.relay_chat_text(chat.source, id, text, out),
            TaggedKind::Notice => {
                let request = ChannelRequest {
                    source: chat.source,
                    destination: Some(id),
                    kind: RequestKind::NOTICE,
                    channel: None,
                    text: chat.text.borrowed(),
                };
                self.channel_request(&request, out);
            }
            TaggedKind::TagsOnly | TaggedKind::Redaction => self.counters.dropped += 1,
        }
    }
}

/// The id of the message that a redaction is about.
fn redacted(chat: &TaggedChat<'_>) -> Option<MessageId> {
    let (id, _) = irc::split_redaction(chat.text.as_str());
    MessageId::parse(id)
}

/// A chat in a channel without its tags, if anything is left then.
fn plain_event<'a>(chat: &'a TaggedChat<'_>, channel: &'a str) -> Option<ChannelEvent<'a>> {
    Some(ChannelEvent {
        channel,
        who: Some(chat.source),
        kind: ChannelEventKind::Said {
            kind: chat.kind.chat_kind()?,
            text: chat.text.as_str(),
        },
        scope: Scope::All,
    })
}

/// Writes a chat in a channel without its tags.
fn write_plain(chat: &TaggedChat<'_>, channel: &str, arena: &mut Vec<u8>) {
    if let Some(kind) = chat.kind.chat_kind() {
        let plain = ChannelChat {
            source: chat.source,
            kind,
            channel: crc::channel::channel_name(channel),
            text: chat.text.borrowed(),
        };
        Message::ChannelChat(plain).encode(arena);
    }
}
