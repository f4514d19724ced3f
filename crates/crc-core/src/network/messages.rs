//! Messages with ids: a bounded memory of the latest, of what a server must know to redact them.
//! It holds no texts.

use std::collections::VecDeque;
use std::fmt;

use crc_wire::{Audience, HostId, TaggedChat};

use super::lookup::Lookup;
use crate::hex::{number_of, push_number};
use crate::names::fold_name;

/// How many messages are remembered: one has 150 bytes, and with the longest name of a channel
/// 350.
const MESSAGES_MAX: usize = 16_384;

/// The tag that has the id of a message.
pub(crate) const ID_TAG: &str = "msgid=";

/// The tags of a chat, each with its value. Every reader needs them, so this is fast.
pub(crate) fn each_tag(tags: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(tags);
    core::iter::from_fn(move || {
        let all = rest?;
        let end = memchr::memchr(b';', all.as_bytes());
        rest = end.and_then(|end| all.get(end + 1..));
        Some(end.and_then(|end| all.get(..end)).unwrap_or(all))
    })
}

/// The digits of the number in the id of a message.
const NUMBER_DIGITS: u32 = 16;

/// The id of a message: the server of its sender, and a random number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct MessageId {
    pub(crate) server: HostId,
    pub(crate) number: u64,
}

impl fmt::Display for MessageId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.push_to(&mut text);
        out.write_str(&text)
    }
}

impl MessageId {
    /// Appends the id as it is written: two numbers in hexadecimal, the second of 16 digits.
    pub(crate) fn push_to(self, text: &mut String) {
        let server = self.server.get();
        push_number(text, server.into(), server.ilog2() / 4 + 1);
        text.push('-');
        push_number(text, self.number, NUMBER_DIGITS);
    }

    /// Reads an id, as it is written and in no other form.
    pub(crate) fn parse(text: &str) -> Option<MessageId> {
        let (server, number) = text.split_once('-')?;
        if server.starts_with('0') || number.len() != NUMBER_DIGITS as usize {
            return None;
        }
        let server = HostId::new(u32::try_from(number_of(server)?).ok()?)?;
        let number = number_of(number)?;
        Some(MessageId { server, number })
    }

    /// The id that a message has in its tags.
    pub(crate) fn of(chat: &TaggedChat<'_>) -> Option<MessageId> {
        let mut tags = each_tag(chat.tags.as_str());
        tags.find_map(|tag| MessageId::parse(tag.strip_prefix(ID_TAG)?))
    }
}

/// To whom a message was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Recipient {
    /// A channel, by its name as names are compared.
    Channel(Box<str>),
    User(HostId),
}

impl Recipient {
    /// To whom a chat goes, if it says that.
    pub(crate) fn of(chat: &TaggedChat<'_>) -> Option<Recipient> {
        match (chat.destination, &chat.channel) {
            (Some(user), None) => Some(Recipient::User(user)),
            (None, Some(channel)) => Some(Recipient::channel(channel.as_str())),
            _ => None,
        }
    }

    pub(crate) fn channel(name: &str) -> Recipient {
        Recipient::Channel(fold_name(name).into())
    }
}

/// What is remembered of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SentMessage {
    pub(crate) author: HostId,
    pub(crate) recipient: Recipient,
    pub(crate) audience: Audience,
}

/// The messages that are remembered.
#[derive(Debug)]
pub(crate) struct Messages {
    known: Lookup<MessageId, SentMessage>,
    /// In the order in which they came. One that is forgotten early is still in here.
    order: VecDeque<MessageId>,
}

impl Messages {
    /// No messages. `seed`: that of hashes.
    pub(super) fn new(seed: u64) -> Messages {
        Messages {
            known: Lookup::new(seed),
            order: VecDeque::new(),
        }
    }

    /// Remembers a message, if it has an id. Of two with one id the first counts.
    pub(super) fn add(&mut self, chat: &TaggedChat<'_>) {
        let (Some(id), Some(recipient)) = (MessageId::of(chat), Recipient::of(chat)) else {
            return;
        };
        if self.known.find(id).is_some() {
            return;
        }
        if self.order.len() == MESSAGES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(oldest);
        }
        self.order.push_back(id);
        let message = SentMessage {
            author: chat.source,
            recipient,
            audience: chat.audience,
        };
        self.known.insert(id, message);
    }

    /// The message with this id.
    pub(crate) fn find(&self, id: MessageId) -> Option<&SentMessage> {
        self.known.find(id)
    }

    /// Forgets a message, which is redacted.
    pub(super) fn forget(&mut self, id: MessageId) {
        self.known.remove(id);
    }
}

#[cfg(test)]
mod tests {
    use crc_wire::{ChannelName, TaggedKind, Tags, Text};

    use super::*;

    fn id(number: u64) -> MessageId {
        let server = HostId::new(0xab).unwrap();
        MessageId { server, number }
    }

    fn chat(author: u32, tags: &str) -> TaggedChat<'_> {
        TaggedChat {
            source: HostId::new(author).unwrap(),
            destination: None,
            kind: TaggedKind::Message,
            audience: Audience::All,
            channel: ChannelName::new("#Reef").ok(),
            tags: Tags::new(tags).unwrap(),
            text: Text::default(),
        }
    }

    #[test]
    fn an_id_is_read_as_it_is_written_only() {
        assert_eq!(id(0x1f).to_string(), "ab-000000000000001f");
        let largest = MessageId {
            server: HostId::new(u32::MAX).unwrap(),
            number: u64::MAX,
        };
        for id in [id(0), id(0x1f), id(u64::MAX), largest] {
            assert_eq!(MessageId::parse(&id.to_string()), Some(id));
        }
        for other in [
            "",
            "ab",
            "ab-1f",
            "0ab-000000000000001f",
            "AB-000000000000001f",
            "+ab-000000000000001f",
            "0-000000000000001f",
            "100000000-000000000000001f",
            "10000000000000000ab-000000000000001f",
            "ab-00000000000001f",
            "ab-0000000000000001f",
            "ab-000000000000001F",
            "ab-00000000-000001f",
            "ab-000000000000001f ",
        ] {
            assert_eq!(MessageId::parse(other), None, "{other:?}");
        }
    }

    #[test]
    fn tags_are_separated_by_semicolons() {
        for tags in ["", "+a", ";", "+a=b;msgid=1;;+c", "a;", ";a"] {
            let all: Vec<_> = each_tag(tags).collect();
            assert_eq!(all, tags.split(';').collect::<Vec<_>>(), "{tags:?}");
        }
    }

    #[test]
    fn the_first_message_with_an_id_counts() {
        let mut messages = Messages::new(1);
        messages.add(&chat(1, "+a=b;msgid=ab-0000000000000001;+c"));
        messages.add(&chat(2, "msgid=ab-0000000000000001"));
        messages.add(&chat(3, "msgid=x;+a"));
        let known = messages.find(id(1)).unwrap();
        assert_eq!(known.author.get(), 1);
        assert_eq!(known.recipient, Recipient::channel("#rEEF"));
        assert_eq!(messages.known.len(), 1);
        messages.forget(id(1));
        assert_eq!(messages.find(id(1)), None);
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut messages = Messages::new(1);
        for number in 0..=MESSAGES_MAX as u64 {
            messages.add(&chat(1, &format!("msgid={}", id(number))));
        }
        assert_eq!(messages.known.len(), MESSAGES_MAX);
        assert_eq!(messages.order.len(), MESSAGES_MAX);
        assert_eq!(messages.find(id(0)), None);
        assert!(messages.find(id(1)).is_some());
        assert!(messages.find(id(MESSAGES_MAX as u64)).is_some());
    }
}
